"Many processes, sudden deaths and strange names: what the registry may not lose"
from pathlib import Path
import base64
import json
import os
import pickle
import random
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time

from hypothesis import given, settings, strategies as st
from markdown_it import MarkdownIt
import numpy as np
from packaging.version import Version
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler

from mlops_nb.models import golden
from mlops_nb.registry.cards import model_card
from mlops_nb.core.rules import Conflict, IntegrityError, InvalidInput, MlopsError, NotFound, digest, use_clock
from mlops_nb.data.versioning import DataVersioning
from mlops_nb.models.formats import UntrustedType
from mlops_nb.models.signature import Signature
from mlops_nb.registry.catalog import MODEL_TEXTS, MODEL_VERSIONS
from mlops_nb.registry.registry import ModelRegistry
from mlops_nb.store.store import Store
from holding import held, holds


def python(code, *args, **kw):
    begin = f'import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom holding import holds\n'
    return subprocess.Popen([sys.executable, '-c', begin + textwrap.dedent(code), *map(str, args)], **kw)


def test_four_processes_registering_twenty_versions_each_leave_exactly_80(tmp_path):
    code = '''
        import sys
        from mlops_nb import ModelRegistry
        reg, me = ModelRegistry(sys.argv[1]), int(sys.argv[2])
        for i in range(20): reg.register_model(holds({'by': me, 'number': i}), 'shared', f'{me}.{i}.0', by=f'p{me}')
    '''
    running = [python(code, tmp_path/'r', k) for k in range(4)]
    assert [p.wait() for p in running] == [0]*4
    with ModelRegistry(tmp_path/'r') as reg:
        models = reg.list_models()
        assert len(models) == 80
        assert reg.resolve('shared') == ('shared', '3.19.0')
        for k in range(4): assert held(reg.load_model('shared', f'{k}.{k}.0')[0]) == {'by': k, 'number': k}
        assert reg.store.verify() == []


def test_four_processes_on_every_store_that_can_be_shared_lose_nothing_and_have_one_winner(shared_urls):
    code = '''
        import sys
        from mlops_nb import ModelRegistry, Store
        from mlops_nb.core.rules import Conflict
        reg, me = ModelRegistry(Store(sys.argv[1], sys.argv[2] or None)), int(sys.argv[3])
        for i in range(5): reg.register_model(holds([me, i]), 'shared', f'{me}.{i}.0'); reg.set_alias('shared', 'champion', f'{me}.{i}.0', by=f'p{me}')
        try: reg.register_model(holds([me]), 'one', '1'); print('won')
        except Conflict: print('lost')
    '''
    running = [python(code, shared_urls.location, shared_urls.blobs or '', k, stdout=subprocess.PIPE, text=True) for k in range(4)]
    assert sorted(p.communicate()[0].strip() for p in running) == ['lost', 'lost', 'lost', 'won']
    with Store(*shared_urls) as store:
        reg = ModelRegistry(store)
        assert len(reg.list_models('shared')) == 20 and len(reg.history('shared', 'champion')) == 20
        assert len(reg.ledger()) == 41 and reg.check_ledger() == [] and store.verify() == []


WRITER = '''
    import itertools, sys
    from mlops_nb import ModelRegistry
    reg, round_ = ModelRegistry(sys.argv[1]), sys.argv[2]
    reg.register_model(holds([round_, 0]), 'm', f'{round_}.0', overwrite=True)      # loads skops before the clock starts
    print('ready', flush=True)
    for i in itertools.count(1):
        reg.register_model(holds([round_, i] * 2000), 'm', f'{round_}.{i}')
        print(f'{round_}.{i}', flush=True)                                   # acknowledged
        reg.register_model(holds([round_, 'again', i]), 'm', f'{round_}.0', overwrite=True)
        reg.set_alias('m', 'champion', f'{round_}.{i}')
        if i > 1: reg.delete_model('m', f'{round_}.{i-1}'); print(f'-{round_}.{i-1}', flush=True)
'''


def test_kill_at_any_point_leaves_a_registry_that_opens_with_all_earlier_versions_loading(tmp_path):
    rng, kept = random.Random(1), set()
    for round_ in range(6):
        child = python(WRITER, tmp_path/'r', round_, stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        time.sleep(rng.uniform(0.01, 0.3))
        child.send_signal(signal.SIGKILL)
        said = [line.strip() for line in child.stdout if line.endswith('\n')]
        child.wait(); child.stdout.close()
        deleted = {v[1:] for v in said if v[0] == '-'}
        last = max((int(v.split('.')[1]) for v in said if v[0] != '-'), default=0)
        kept |= {v for v in said if v[0] != '-'} - deleted - {f'{round_}.{last-1}'}   # the last deletion may have happened unsaid
        with ModelRegistry(tmp_path/'r') as reg:
            assert reg.store.verify() == []
            for v in sorted(kept): assert held(reg.load_model('m', v)[0])[0] == v.split('.')[0]
            reg.load_model('m', f'{round_}.0')                                       # the overwritten one: an old or a new revision, whole
            for info in reg.list_models('m').values(): reg.store.get(info['digest'])
    assert len(kept) >= 3


def test_a_swapped_pickle_runs_nothing(tmp_path):
    class Evil:
        def __reduce__(self): return (os.mkdir, (str(tmp_path/'owned'),))
    with ModelRegistry(tmp_path/'r') as reg:
        reg.register_model(holds({'a': 1}), 'm', '1')
        reg.register_model(Mine(), 'p', '1', allow_pickle=True)
        for name in ('m', 'p'):
            (tmp_path/'r'/reg.info(name)['path']).write_bytes(pickle.dumps(Evil()))
            with pytest.raises(IntegrityError): reg.load_model(name, allow_pickle=True)
    assert not (tmp_path/'owned').exists()


def test_a_pickle_needs_consent_at_both_ends(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        with pytest.raises(UntrustedType, match='allow_pickle=True'): reg.register_model(Mine(), 'c', '1')
        assert reg.list_models() == {}
        reg.register_model(Mine(), 'c', '1', allow_pickle=True)
        assert reg.info('c')['format'] == 'pickle'
        with pytest.raises(UntrustedType, match='allow_pickle=True'): reg.load_model('c')
        assert reg.load_model('c', allow_pickle=True)[0].n == 1


@given(name=st.text(max_size=40), version=st.text(max_size=12), alias=st.text(max_size=12))
@settings(max_examples=80, deadline=None)
def test_no_name_reaches_outside_of_the_folder(tmp_path_factory, name, version, alias):
    top = tmp_path_factory.mktemp('fuzz')
    (top/'canary').write_text('x')
    with ModelRegistry(top/'r') as reg:
        for n, v in ((name, '1'), ('m', version), (name, version)):
            try: reg.register_model(holds([1]), n, v)
            except (InvalidInput, Conflict): continue
            assert held(reg.load_model(n, v)[0]) == [1]
            try: reg.set_alias(n, alias, v)
            except InvalidInput: continue
            assert held(reg.load_model(n, alias)[0]) == [1]
    assert sorted(p.name for p in top.iterdir()) == ['canary', 'r']
    assert {p.name for p in (top/'r').iterdir()} <= {'store.db', 'store.db-wal', 'store.db-shm', 'blobs'}


def test_names_that_look_alike_do_not_share_anything(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        for name, version in (('a', '1'), ('a_1', '1'), ('A', '1'), ('a.1', '1'), ('a-1', '1')): reg.register_model(holds([name]), name, version)
        for info in reg.list_models().values(): assert held(reg.load_model(info['name'])[0]) == [info['name']]
        reg.delete_model('a', '1')
        assert len(reg.list_models()) == 4


def test_the_same_bytes_under_two_versions_survive_the_deletion_of_one(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        for v in ('1', '2'): reg.register_model(holds([1]), 'm', v)
        reg.delete_model('m', '1', now=True)
        assert reg.store.gc(dry_run=False, grace=-1) == []
        assert held(reg.load_model('m')[0]) == [1]
        reg.delete_model('m', '2')
        assert reg.store.gc(dry_run=False, grace=-1) == []              # in the trash
        reg.purge(0)
        assert len(reg.store.gc(dry_run=False, grace=-1)) == 1


def day(n): return use_clock(f'2013-03-{n:02}T09:00:00+00:00')


def test_the_question_of_the_day_on_every_kind_of_store(any_store):
    "Who put what into production, on which data, and can I have it back? With overwrites, deletions and a clock set back in between"
    reg = ModelRegistry(any_store)
    for d, v in ((1, '1.9.0'), (2, '1.10.0'), (3, '2.0.0rc1')):
        with day(d): reg.register_model(holds([v]), 'delay', v, data_version=f'd{v}', metrics={'auc': d/10}, by='ann')
    assert reg.resolve('delay') == ('delay', '1.10.0') and list(reg.list_models()) == ['delay:1.9.0', 'delay:1.10.0', 'delay:2.0.0rc1']
    with day(4): reg.set_alias('delay', 'champion', '1.10.0', by='bob', why='better')
    with day(6): reg.register_model(holds(['other bytes']), 'delay', '1.10.0', overwrite=True, by='eve', data_version='d6')
    with day(5): reg.set_alias('delay', 'champion', '1.9.0', by='bob', why='the clock is wrong')      # set back by a day
    with day(8): reg.delete_model('delay', '1.10.0', by='cleaner')
    then = reg.at('delay', 'champion', '2013-03-05T00:00:00+00:00')
    assert [then[k] for k in ('version', 'revision', 'data_version', 'by', 'why', 'registered_by', 'state')] == ['1.10.0', 1, 'd1.10.0', 'bob', 'better', 'ann', 'overwritten']
    assert held(reg.load_model('delay', digest=then['digest'])[0]) == ['1.10.0']
    assert reg.at('delay', 'champion', '2013-03-07T00:00:00+00:00')['version'] == '1.9.0'
    line = [r for r in reg.ledger('delay') if r['why'] == 'the clock is wrong'][0]
    assert (line['time'][:10], line['clock'][:10]) == ('2013-03-06', '2013-03-05')
    times = [r['time'] for r in reg.ledger()]
    assert times == sorted(times) and reg.check_ledger() == [] and any_store.verify() == []
    with day(9): reg.restore('delay', '1.10.0')
    with day(9): reg.restore('delay', '1.10.0', digest=then['digest'])
    assert held(reg.load_model('delay')[0]) == ['1.10.0'] and reg.info('delay')['revision'] == 3
    with day(10): reg.tag('delay', '1.9.0', 'team', 'x'); reg.trust('a.B')
    assert [i['version'] for i in reg.search('d*', metrics={'auc': ('<', .3)}, order_by='-metrics.auc')] == ['1.10.0', '1.9.0']
    assert [i['version'] for i in reg.search(tags={'team': 'x'}, alias='champion')] == ['1.9.0'] and set(reg.trusted()) == {'a.B'}
    with day(11): reg.delete_model('delay', '1.10.0', now=True, by='cleaner')
    assert reg.at('delay', 'champion', '2013-03-05T00:00:00+00:00')['digest'] == then['digest']      # known, though nothing is left
    with pytest.raises(NotFound, match='was purged on 2013-03-11 by cleaner'): reg.load_model('delay', digest=then['digest'])
    assert len(any_store.gc(dry_run=False, grace=-1)) == 2


def test_the_order_of_packaging_on_every_kind_of_store(any_store):
    versions = ['0.9', '1.0.dev1', '1.0a1', '1.0b2', '1.0rc1', '1.0', '1.0+abc', '1.0+abc.7', '1.0+7', '1.0.post1.dev1', '1.0.post1', '1.0.1', '1.9', '1.10', '1!0.1rc1']
    reg, shuffled = ModelRegistry(any_store), random.Random(3).sample(versions, len(versions))
    for v in shuffled: reg.register_model(holds([v]), 'm', v)
    assert [i['version'] for i in reg.list_models('m').values()] == versions == sorted(shuffled, key=Version)
    assert reg.resolve('m') == ('m', '1.10')


def old_store(folder):
    "A store that the first released schema wrote"
    folder.mkdir()
    here = Path(__file__).parent/'stores'
    db = sqlite3.connect(folder/'store.db')
    db.executescript((here/'registry_v1.sql').read_text(encoding='utf8')); db.close()
    for place, content in json.loads((here/'registry_v1.blobs.json').read_text()).items():
        (folder/place).parent.mkdir(parents=True, exist_ok=True)
        (folder/place).write_bytes(base64.b64decode(content))
    return folder


def test_a_store_of_the_first_schema_opens_with_all_that_it_knew(tmp_path):
    with ModelRegistry(old_store(tmp_path/'r')) as reg:
        assert not reg.store.is_own()                                                                   # stores of earlier versions have no mark
        reg.store.adopt()
        assert list(reg.list_models()) == ['delay:1.9.0', 'delay:1.10.0', 'delay:1.10.0+local.7', 'delay:1.10.0.post1', 'delay:2.0.0rc1', 'delay:1!0.1', 'other:0.1']
        assert reg.resolve('delay') == ('delay', '1!0.1')
        info = reg.info('delay', 'champion')
        assert (info['version'], info['revision'], info['registered_at'], info['registered_by'], info['data_version']) == ('1.9.0', 2, '2013-03-08T09:00:00.000000+00:00', 'bob', 'flights_2b')
        assert [(h['version'], h['by'], h['why']) for h in reg.history('delay', 'champion')] == [('1.9.0', 'ann', 'first'), ('1.11.0.dev3', 'bob', 'try'), ('1.9.0', 'ann', 'worse')]
        assert reg.at('delay', 'champion', '2013-03-10T12:00:00+00:00')['digest'] is None               # deleted before the ledger kept digests: not invented
        assert reg.check_ledger() == [] and reg.store.verify() == []
        assert reg.load_model('delay', '1.10')[0] == {'version': '1.10.0'}                              # what was accepted then is given back
        first = [r for r in reg.ledger('delay', '1.9.0') if r['revision'] == 1][0]
        assert hasattr(reg.load_model('delay', digest=first['digest'])[0], 'coef_')                     # the revision that was overwritten
        with pytest.raises(NotFound, match='no earlier version'): reg.rollback('delay', 'champion')
        with pytest.raises(Conflict): reg.register_model(holds([1]), 'delay', '1.10.0')
        assert reg.register_model(holds([1]), 'delay', '1.11.0.dev3') == 'delay:1.11.0.dev3'
    with sqlite3.connect(tmp_path/'r'/'store.db') as db: names = {n for n, in db.execute("select name from sqlite_master where type='table'")}
    assert not {'model_aliases', 'model_versions_1'} & names


@pytest.fixture
def yesterday(tmp_path):
    "A store as it was before this version, and what it said then"
    here, held = Path(__file__).parent/'stores', json.loads((Path(__file__).parent/'stores'/'main.blobs.json').read_text())
    (tmp_path/'main').mkdir()
    db = sqlite3.connect(tmp_path/'main'/'store.db')
    db.executescript((here/'main.sql').read_text(encoding='utf8')); db.close()
    for place, content in held['blobs'].items():
        (tmp_path/'main'/place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path/'main'/place).write_bytes(base64.b64decode(content))
    return tmp_path/'main', held['said']


def test_a_store_of_yesterday_opens_with_its_models_aliases_tags_and_trash(yesterday):
    where, said = yesterday
    with ModelRegistry(where) as reg:
        reg.store.adopt()
        models = reg.list_models()
        assert sorted(models) == said['models'] and reg.resolve('churn') == ('churn', '1.10.0')
        assert [(h['version'], h['by'], h['why']) for h in reg.history('churn', 'champion')] == [(r['version'], r['by'], r['why']) for r in reg.ledger('churn') if r['kind'] == 'alias'] != []
        assert [h['version'] for h in reg.history('churn', 'champion')] == ['1.9.0', '1.10.0'] and reg.get_alias('churn', 'champion') == '1.10.0'
        assert models['churn:1.9.0']['tags'].keys() == {'owner'} and len(reg.ledger()) == 8
        for name, info in models.items():
            model, again = reg.load_model(info['name'], info['version'])
            assert {k: again[k] for k in info if k != 'golden'} == {k: info[k] for k in info if k != 'golden'} and Path(info['path']).is_file(), name
        rows = pd.DataFrame(said['rows'])
        assert reg.load_model('churn', '1.9.0')[0].predict(rows).tolist() == said['predictions']
        assert [(d['name'], d['version']) for d in reg.deleted()] == [('gone', '0.1')]
        reg.restore('gone', '0.1')
        assert reg.load_model('gone')[0].predict(rows).shape == (20,)
        assert reg.check_ledger() == [] and reg.store.verify() == []
        reg.register_model(holds([1]), 'churn', '1.9.0', overwrite=True); reg.set_alias('churn', 'champion', '1.9.0')
        assert reg.rollback('churn', 'champion') == '1.10.0' and reg.check_ledger() == []


def test_an_old_store_is_migrated_once_by_many_who_open_it_at_once(tmp_path):
    old_store(tmp_path/'r')
    code = 'import sys; from mlops_nb import ModelRegistry; print(len(ModelRegistry(sys.argv[1]).ledger()))'
    running = [python(code, tmp_path/'r', stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [p.communicate()[0].strip() for p in running] == ['11']*3


def test_a_registry_of_a_newer_version_is_refused(tmp_path):
    ModelRegistry(tmp_path/'r').close()
    with sqlite3.connect(tmp_path/'r'/'store.db') as db: db.execute("update store_settings set value = '99' where key = 'schema/registry'")
    with pytest.raises(MlopsError, match='99'): ModelRegistry(tmp_path/'r')


def test_an_edited_ledger_is_found_out(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        for v in ('1', '2'): reg.register_model(holds([v]), 'm', v); reg.set_alias('m', 'champion', v, by='ann')
        seal = reg.ledger()[-1]['chain']
        db = sqlite3.connect(tmp_path/'r'/'store.db')
        with db: db.execute("update model_ledger set by = 'eve' where seq = 2")
        assert reg.check_ledger() == ['ledger: line 2 (alias set of m) or the one above it was changed']
        with db: db.execute("update model_ledger set by = 'ann' where seq = 2"); db.execute('delete from model_ledger where seq = 4')
        assert reg.check_ledger() == [] and 'rewritten or removed' in reg.check_ledger(seal)[0]
        db.close()


class Mine:
    "A type of somebody's own"
    def __init__(self, n=1): self.n = n
    def predict(self, X): return [self.n]*len(X)


def test_trust_is_kept_by_the_registry_and_taken_back(tmp_path):
    name = f'{Mine.__module__}.Mine'
    with ModelRegistry(tmp_path/'r') as reg:
        with pytest.raises(UntrustedType, match='Mine'): reg.register_model(Mine(), 'm', '1')
        reg.trust(name, by='ann', why='ours')
        reg.register_model(Mine(7), 'm', '1')
    with ModelRegistry(tmp_path/'r') as reg:
        assert reg.load_model('m')[0].n == 7
        reg.untrust(name, by='ann')
        with pytest.raises(UntrustedType, match='Mine'): reg.load_model('m')
    with ModelRegistry(tmp_path/'r', trusted=[name]) as reg: assert reg.load_model('m')[0].n == 7     # this process only


def test_a_golden_sample_that_was_changed_is_not_believed(tmp_path):
    X = pd.DataFrame({'a': [0., 1., 2., 3.]})
    with ModelRegistry(tmp_path/'r') as reg:
        reg.register_model(LogisticRegression().fit(X, [0, 0, 1, 1]), 'm', '1', input_example=X)
        with reg.store.write() as c: c.exec_driver_sql("update model_texts set text = replace(text, 'predict_proba', 'predict_proud') where text like '%predict_proba%'")
        for ask in (reg.load_model, reg.check_golden):
            with pytest.raises(IntegrityError, match='is lost or has changed'): ask('m')


def aged(reg, name, said=None, change=None):
    "Let the golden sample of a version be another one"
    with reg.store.write() as c:
        sha, text = c.exec_driver_sql(f"select t.digest, t.text from model_texts t join model_versions v on t.digest = v.golden where v.name = '{name}'").first()
        golden = json.loads(text)
        said(golden['said']) if said else change(golden)
        text = json.dumps(golden)
        c.execute(MODEL_TEXTS.update().where(MODEL_TEXTS.c.digest == sha).values(text=text, digest=digest(text.encode())))
        c.execute(MODEL_VERSIONS.update().where(MODEL_VERSIONS.c.golden == sha).values(golden=digest(text.encode())))


def test_a_golden_sample_is_replayed_when_a_package_is_another(tmp_path, monkeypatch):
    X = pd.DataFrame({'a': [0., 1., 2., 3.], 't': pd.to_datetime(['2013-01-01']*4), 's': list('xyxy')})
    model = make_pipeline(ColumnTransformer([('n', 'passthrough', ['a']), ('s', OneHotEncoder(), ['s'])]), LogisticRegression()).fit(X, ['no', 'no', 'yes', 'yes'])
    with ModelRegistry(tmp_path/'r') as reg:
        reg.register_model(model, 'm', '1', input_example=X)
        assert reg.load_model('m')[1]['golden'] == {'rows': 4, 'replayed': False}
        real = golden._installed
        monkeypatch.setattr(golden, '_installed', lambda p: '9.9' if p == 'scikit-learn' else real(p))
        found = reg.load_model('m')[1]['golden']
        assert found['replayed'] and found['max_abs_difference'] == 0 and found['versions']['scikit-learn'][1] == '9.9'
        with pytest.MonkeyPatch.context() as m:                                                          # it is asked in a process of its own, and not in this one
            for ask in ('predict', 'predict_proba', 'transform', 'decision_function'): m.setattr(LogisticRegression, ask, lambda *_: pytest.fail('asked in this process'), raising=False)
            assert reg.load_model('m')[1]['golden'] == found
        aged(reg, 'm', lambda said: said['predict_proba'][0].__setitem__(0, said['predict_proba'][0][0] + .25))
        with pytest.warns(UserWarning, match='computes something else than when it was registered'): found = reg.load_model('m')[1]['golden']
        assert found['max_abs_difference'] == pytest.approx(.25)
        reg.register_model(OneHotEncoder().fit(X), 'd', '1', input_example=X)                           # it only transforms
        assert reg.load_model('d')[1]['golden'] is None
        reg.register_model(model, 'm', '2', input_example=X, golden=False)
        assert reg.info('m', '2')['golden'] is None and len(reg.info('m', '2')['input_example']) == 4
        with pytest.raises(InvalidInput, match=r"the signature lacks \['t', 's'\]"): reg.register_model(model, 'm', '3', input_example=X[['a']])
        assert [i['version'] for i in reg.list_models('m').values()] == ['1', '2']


def test_a_model_that_does_not_work_under_other_packages_says_which_and_what_to_do(tmp_path, monkeypatch):
    X = pd.DataFrame({'a': [0., 1., 2., 3.]})
    with ModelRegistry(tmp_path/'r') as reg:
        reg.register_model(LogisticRegression().fit(X, [0, 0, 1, 1]), 'm', '1', input_example=X)
        with monkeypatch.context() as m:
            m.delattr('sklearn.linear_model._logistic.LogisticRegression')
            with pytest.raises(InvalidInput, match='^m:1 cannot be built: this model needs .*LogisticRegression, and .* has no LogisticRegression$'): reg.load_model('m')
            real = golden._installed
            m.setattr(golden, '_installed', lambda p: '9.9' if p == 'scikit-learn' else real(p))
            with pytest.raises(InvalidInput, match=r'other versions than are installed here \(scikit-learn [\d.]+ -> 9.9\); load it where they are the same, or train it again'): reg.load_model('m')
            m.undo()
            m.setattr(golden, '_installed', lambda p: '9.9' if p == 'scikit-learn' else real(p))
            aged(reg, 'm', change=lambda golden: golden['rows'].update(a=['no number']*4))
            with pytest.raises(MlopsError, match=r"^m:1 was built, and cannot answer its golden sample \(.*\)\. It was .*scikit-learn [\d.]+ -> 9.9\); load it"): reg.load_model('m')


OLD = """
import sys, pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from mlops_nb import ModelRegistry
X = pd.DataFrame({'a': [i % 7 for i in range(60)], 'b': [float(i * i % 11) for i in range(60)], 's': list('xyz')*20})
numbers, y = X[['a', 'b']], [i % 3 for i in range(60)]
columns = ColumnTransformer([('s', OneHotEncoder(), ['s'])], remainder='passthrough')
with ModelRegistry(sys.argv[1]) as reg:
    reg.register_model(RandomForestClassifier(n_estimators=5, random_state=0).fit(numbers, y), 'forest', '1', input_example=numbers)
    reg.register_model(HistGradientBoostingRegressor(max_iter=5).fit(numbers, y), 'boosting', '1', input_example=numbers)
    reg.register_model(make_pipeline(columns, RandomForestClassifier(5, random_state=0)).fit(X, y), 'pipeline', '1', input_example=X)
    reg.register_model(RidgeClassifier().fit(numbers, y), 'ridge', '1', input_example=numbers)
"""


@pytest.mark.elsewhere
@pytest.mark.skipif('MLOPS_TEST_OLDEST' not in os.environ, reason='set MLOPS_TEST_OLDEST to a Python with the oldest requirements (tools/oldest.py lists them)')
def test_models_of_the_oldest_scikit_learn_are_replayed_under_this_one_or_say_why_not(tmp_path):
    subprocess.run([os.environ['MLOPS_TEST_OLDEST'], '-c', OLD, str(tmp_path/'r')], check=True, env=os.environ | {'PYTHONPATH': str(Path(__file__).parents[1])})
    with ModelRegistry(tmp_path/'r') as reg:
        for name in ('forest', 'boosting', 'pipeline'):
            info = reg.load_model(name)[1]
            assert info['format'] == 'arrays' and info['golden']['replayed'] and 'scikit-learn' in info['golden']['versions'] and info['golden']['max_abs_difference'] < 1e-9
        try: reg.load_model('ridge')                                                # newer scikit-learns want an attribute more
        except MlopsError as e: assert 'was built, and cannot answer its golden sample' in str(e) and 'scikit-learn 1.5' in str(e) and 'train it again here' in str(e)


def test_a_version_in_the_trash_is_hidden_everywhere(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        for v in ('1', '2'): reg.register_model(holds([v]), 'm', v, metrics={'auc': 1})
        assert list(reg.list_models()) == ['m:1', 'm:2']
        reg.delete_model('m', '2', by='bob')
        assert list(reg.list_models()) == ['m:1'] and reg.resolve('m') == ('m', '1') and [i['version'] for i in reg.search(metrics={'auc': 1})] == ['1']
        for ask in (reg.info, reg.load_model, reg.card, lambda n, v: reg.set_alias(n, 'x', v), lambda n, v: reg.tag(n, v, 'k', 1), reg.delete_model, reg.check_golden,
                    lambda n, v: reg.export_model(n, v, tmp_path/'out'), lambda n, v: reg.export_mlflow(n, v, tmp_path/'out2'), lambda n, v: reg.compare(n, f'{n}:{v}')):
            with pytest.raises(NotFound, match="m:2 was deleted on .* by bob; restore"): ask('m', '2')
        with pytest.raises(Conflict, match="is in the trash since .* bring it back with restore.*overwrite=True"): reg.register_model(holds(['x']), 'm', '2')
        reg.delete_model('m', '1')
        with pytest.raises(NotFound, match="no registered model 'm'"): reg.info('m')
        reg.restore('m', '1')
        assert held(reg.load_model('m')[0]) == ['1']


def test_a_number_from_the_trash_is_used_again_and_what_lay_there_is_kept(any_store):
    reg = ModelRegistry(any_store)
    for v in ('1', '2'): reg.register_model(holds([v]), 'm', v)
    reg.tag('m', '2', 'team', 'x')
    gone = reg.info('m', '2')['digest']
    reg.delete_model('m', '2', by='bob')
    assert reg.register_model(holds(['again']), 'm', '2', overwrite=True, by='eve') == 'm:2'
    assert held(reg.load_model('m')[0]) == ['again'] and reg.info('m')['revision'] == 2 and reg.info('m')['tags'] == {} and reg.deleted() == []
    assert [r['action'] for r in reg.ledger('m', '2') if r['kind'] == 'version'] == ['register', 'delete', 'overwrite'] and reg.check_ledger() == []
    old, info = reg.load_model('m', digest=gone)
    assert held(old) == ['2'] and info['state'] == 'overwritten' and reg.purge(0) == [] and any_store.gc(dry_run=False, grace=-1) == []
    with pytest.raises(NotFound, match='is not in the trash'): reg.restore('m', '2')
    reg.restore('m', '2', digest=gone)
    assert held(reg.load_model('m')[0]) == ['2'] and reg.info('m')['revision'] == 3 and reg.check_ledger() == [] and any_store.verify() == []
    reg.delete_model('m', '2', now=True)                                                   # and all three revisions go
    assert len(any_store.gc(dry_run=False, grace=-1)) == 2 and reg.register_model(holds(['new']), 'm', '2') == 'm:2'


def test_paths_are_files_or_urls_and_places_are_absolute(store_urls):
    with Store(*store_urls) as store:
        reg = ModelRegistry(store)
        reg.register_model(holds([1]), 'm', '1')
        info = reg.info('m')
        assert info == reg.list_models()['m:1'] == reg.search()[0] == reg.load_model('m')[1]
        place = store_urls.blobs or ''
        if '://' in place: assert info['path'] == f"{place.partition('?')[0].rstrip('/')}/{info['digest'][:2]}/{info['digest'][2:]}"
        else: assert Path(info['path']).is_absolute() and Path(info['path']).read_bytes() == store.get(info['digest'])
        if '://' in store_urls.location: assert isinstance(reg.registry_path, str) and ':' not in reg.registry_path.partition('://')[2].partition('@')[0].replace(':***', '')
        else: assert reg.registry_path == Path(store_urls.location)


def test_a_model_whose_file_is_gone_is_a_missing_file_and_the_advice_helps(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        reg.register_model(holds([1]), 'm', '1', metadata={'a': 1})
        Path(reg.info('m')['path']).unlink()
        for ask in (lambda: reg.load_model('m'), lambda: reg.load_model('m', digest=reg.info('m')['digest']), lambda: reg.export_model('m', '1', tmp_path/'out'), lambda: reg.export_mlflow('m', '1', tmp_path/'out')):
            with pytest.raises(FileNotFoundError, match='the file of m:1 is gone .*overwrite=True') as e: ask()
            assert isinstance(e.value, MlopsError)
        reg.register_model(holds([1]), 'm', '1', overwrite=True)
        assert held(reg.load_model('m')[0]) == [1]


@pytest.mark.parametrize('ask', ['info', 'load_model', 'card', 'delete_model', 'check_golden'])
def test_a_number_is_no_version_anywhere(tmp_path, ask):
    with ModelRegistry(tmp_path/'r') as reg:
        reg.register_model(holds([1]), 'm', '1.0')
        for number in (1.0, 1, np.float64(1.5)):
            with pytest.raises(InvalidInput, match=f"{number} is a number; write '{number}'"): getattr(reg, ask)('m', number)
        for more in (lambda: reg.set_alias('m', 'x', 1.0), lambda: reg.tag('m', 1.0, 'k', 1), lambda: reg.restore('m', 1.0), lambda: reg.ledger('m', 1.0), lambda: reg.export_model('m', 1.0, tmp_path/'out')):
            with pytest.raises(InvalidInput, match="write '1.0'"): more()
        assert [r['action'] for r in reg.ledger()] == ['register'] and not (tmp_path/'out').exists()


def test_a_rollback_passes_over_what_is_in_the_trash(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        for v in ('1', '2', '3'): reg.register_model(holds([v]), 'm', v); reg.set_alias('m', 'champion', v)
        reg.delete_model('m', '2')
        assert reg.rollback('m', 'champion') == '1'


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_text_reaches_a_card_as_markup(text):
    hostile = text + '<script>x</script>[a](javascript:b)|'
    info = dict(name=hostile, version='1', revision=1, registered_at=hostile, registered_by=hostile, data_version=hostile, aliases=[hostile], tags={hostile: hostile}, format='f', size=1,
                digest='d', metrics={hostile: 1}, signature={'columns': [dict(name=hostile, kind=hostile)]}, params={hostile: hostile}, environment={hostile: hostile}, metadata={hostile: hostile})
    page, text = model_card(info, {hostile: [dict(version=hostile, time=hostile, by=hostile, why=hostile)]}, 'html'), model_card(info)
    assert '<script' not in page and '<script' not in text
    assert '<a ' not in MarkdownIt('commonmark', {'html': True}).enable('table').render(text)


def test_every_verb_is_documented_on_the_class_that_users_make():
    "And the table of the lesson names each of them"
    from mlops_nb._modidx import d
    told = {name.split('.ModelRegistry.')[1] for module, names in d['syms'].items() if module.startswith('mlops_nb.registry.') for name in names if '.ModelRegistry.' in name}
    verbs = [n for n in dir(ModelRegistry) if n[0] != '_' and callable(getattr(ModelRegistry, n))]
    assert len(verbs) >= 29
    for n in verbs: assert getattr(ModelRegistry, n).__qualname__ == f'ModelRegistry.{n}' and n in told, n
    lesson = (Path(__file__).parents[1]/'nbs/05_registry/1_registry.ipynb').read_text(encoding='utf8')
    assert [n for n in verbs if f'`{n}`' not in lesson and n != 'close'] == []
    assert [c.__name__ for c in ModelRegistry.__mro__] == ['ModelRegistry', 'object']


def test_a_registry_in_memory_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ModelRegistry(':memory:') as reg:
        reg.register_model(holds([1]), 'm', '1'); reg.register_model(holds([2]), 'm', '1', overwrite=True)
        assert held(reg.load_model('m')[0]) == [2] and reg.check_ledger() == [] and reg.registry_path == ':memory:' and reg.info('m')['path'].startswith(':memory:')
        assert reg.export_model('m', '1', tmp_path/'out').is_file()
    assert [p.name for p in tmp_path.iterdir()] == ['out']


@pytest.mark.parametrize('name', ['registry_metadata.json', 'metadata.json'])
def test_a_folder_that_the_course_chapter_wrote_is_named_and_not_shown_as_empty(tmp_path, name):
    (tmp_path/'m').mkdir(); (tmp_path/'m'/'churn_1.0.0.pkl').write_bytes(pickle.dumps([1]))
    (tmp_path/'m'/name).write_text(json.dumps({'models': {'churn:1.0.0': {'name': 'churn', 'version': '1.0.0', 'path': 'churn_1.0.0.pkl'}}}))
    with pytest.raises(MlopsError, match=name): ModelRegistry(tmp_path/'m')
    assert {p.name for p in (tmp_path/'m').iterdir()} == {name, 'churn_1.0.0.pkl'}


class Own:
    "A model of somebody's own"
    def predict(self, X): return [1]*len(X)


class TwoFaced(Own):
    "It answers otherwise when it was loaded"
    def __init__(self): self.me = os.getpid()
    def __getstate__(self): return {'me': -1}
    def predict(self, X): return [self.me]*len(X)


TABLE = pd.DataFrame({'a': [1., 2.], 'b': [4., 3.]})
TEXTS = pd.Series(['good film', 'bad film', 'very good', 'awful'], name='text')


def test_what_can_be_no_model_is_refused_and_nothing_is_written(tmp_path):
    unfitted = make_pipeline(OneHotEncoder(), LogisticRegression())
    with ModelRegistry(tmp_path/'r') as reg:
        for no in ({}, [], (), TABLE, TABLE['a'], TABLE.to_numpy(), len, lambda X: X, object(), unfitted, LogisticRegression(), OneHotEncoder()):
            with pytest.raises(InvalidInput): reg.register_model(no, 'm', '1', allow_pickle=True)
        assert reg.list_models() == {} and reg.ledger() == [] and reg.store.gc(grace=-1) == []


@pytest.mark.parametrize('make', [lambda: LogisticRegression().fit(TABLE, [0, 1]), lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(TABLE, [0, 1])])
def test_a_signature_that_contradicts_the_model_is_refused(tmp_path, make):
    with ModelRegistry(tmp_path/'r') as reg:
        for other in (TABLE[['b', 'a']], TABLE[['a']], TABLE.rename(columns={'b': 'c'}), TABLE.assign(c=1.), TABLE.to_numpy()[:, :1]):
            for how in (dict(signature=Signature.infer(other)), dict(input_example=other)):
                with pytest.raises(InvalidInput, match='was trained on'): reg.register_model(make(), 'm', '1', **how)
        assert reg.list_models() == {}
        for i, right in enumerate((TABLE, TABLE.to_numpy())): reg.register_model(make(), 'm', f'{i}.0', signature=Signature.infer(right))


def test_lightgbm_is_told_its_columns_whatever_it_makes_of_their_names(tmp_path):
    lightgbm = pytest.importorskip('lightgbm')
    X = pd.DataFrame({'the hour': np.arange(40.), 'b': np.arange(40.) % 3})
    model = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(X, [0, 1]*20)
    with ModelRegistry(tmp_path/'r') as reg:
        with pytest.raises(InvalidInput, match='has the order'): reg.register_model(model, 'm', '1', input_example=X[['b', 'the hour']], allow_pickle=True)
        reg.register_model(model, 'm', '1', input_example=X, allow_pickle=True)
        assert reg.info('m')['environment']['lightgbm'] == lightgbm.__version__ and reg.info('m')['task'] == 'classification'


def test_an_estimator_without_parameters_has_none(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        reg.register_model(LabelEncoder().fit(['no', 'yes']), 'm', '1')
        assert reg.load_model('m')[1]['params'] == {} and reg.load_model('m')[0].transform(['yes']).tolist() == [1]


def test_a_text_pipeline_takes_texts_and_not_the_name_of_their_column(tmp_path):
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=100)).fit(TEXTS, [1, 0, 1, 0])
    with ModelRegistry(tmp_path/'r') as reg:
        with pytest.raises(InvalidInput, match=r"give the texts themselves, for example input_example=X\['text'\]"): reg.register_model(model, 'm', '1', input_example=TEXTS.to_frame())
        assert reg.list_models() == {}


def test_a_search_over_distributions_is_refused_with_advice_that_can_be_followed(tmp_path):
    X, y = np.arange(20.).reshape(-1, 1), [0, 1]*10
    model = RandomizedSearchCV(LogisticRegression(), {'C': loguniform(0.01, 1)}, n_iter=2, cv=2, random_state=0).fit(X, y)
    with ModelRegistry(tmp_path/'r') as reg:
        with pytest.raises(UntrustedType, match='cannot bring back .* allow_pickle=True .* give its best_estimator_') as said: reg.register_model(model, 'm', '1')
        assert 'trusted=' not in str(said.value) and reg.list_models() == {}
        reg.register_model(model.best_estimator_, 'm', '1'); reg.register_model(model, 'm', '2', allow_pickle=True)
        for v in ('1', '2'): assert (reg.load_model('m', v, allow_pickle=True)[0].predict(X) == model.predict(X)).all()


def test_trust_can_be_given_where_it_is_asked_for(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        with pytest.raises(UntrustedType) as said: reg.register_model(Own(), 'm', '1')
        names = eval(re.search(r'trusted=(\[.*?\])', str(said.value))[1])
        for bad in ('mine.Model', [7], ['Model']):
            with pytest.raises(InvalidInput): reg.register_model(Own(), 'm', '1', trusted=bad)
        assert reg.trusted() == {} and reg.list_models() == {}
        reg.register_model(Own(), 'm', '1', trusted=names, by='ann', why='ours')
        assert reg.trusted()[names[0]]['by'] == 'ann'
    with ModelRegistry(tmp_path/'r') as reg:
        assert reg.load_model('m')[0].predict([1, 2]) == [1, 1]
        assert [k for k in reg.info('m')['environment'] if k.startswith('own module')] == [f'own module {__name__}']
        reg.untrust(names[0])
        with pytest.raises(UntrustedType) as said: reg.load_model('m')
        reg.trust(re.search(r"registry.trust\('(.*?)'\)", str(said.value))[1])
        assert reg.load_model('m')


def test_a_file_that_answers_otherwise_than_its_model_is_not_recorded(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        with pytest.raises(InvalidInput, match='answers its own example otherwise when it is loaded'): reg.register_model(TwoFaced(), 'm', '1', input_example=TABLE, allow_pickle=True)
        assert reg.list_models() == {} and reg.store.gc(grace=-1) == []


def test_a_model_that_rolls_dice_is_accepted_without_a_golden_sample(tmp_path):
    X = pd.DataFrame({'x': np.zeros(20)})
    with ModelRegistry(tmp_path/'r') as reg:
        with pytest.warns(UserWarning, match='other answers each time'): reg.register_model(DummyClassifier(strategy='uniform').fit(X, [0, 1]*10), 'm', '1', input_example=X)
        assert reg.info('m')['golden'] is None and len(reg.info('m')['input_example']) == 5


def test_arguments_of_another_type_are_refused_before_anything_is_written(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        for more in (dict(metadata='a note'), dict(metadata=['a']), dict(metadata={1: 'a', '1': 'b'}), dict(metadata={'a': {1: 2}}), dict(metrics={1: .5, '1': .7}), dict(metrics={'auc': 'high'}),
                     dict(metrics={'auc': True}), dict(metrics={'auc': None}), dict(metrics={'auc': [1]}), dict(metrics={'auc': float('nan')}), dict(metrics='auc'), dict(data_version=5), dict(data_version=''),
                     dict(data_version=b'x'), dict(task='clustering'), dict(task=1), dict(task=''), dict(version=''), dict(version=0), dict(version=1.1), dict(trusted='a.b')):
            with pytest.raises(InvalidInput): reg.register_model(holds(1), **dict(name='m', version='1') | more)
        assert reg.list_models() == {} and reg.ledger() == []
        reg.register_model(holds(1), np.str_('m'), np.str_('1'), metrics={'auc': np.float32(.5), 'n': np.int64(3)})
        assert reg.info('m')['metrics'] == {'auc': .5, 'n': 3}
        for bad in ('m@', 'm:', 7, None):
            with pytest.raises(InvalidInput): reg.resolve(bad)
        for bad in (dict(tags='team'), dict(metrics='auc'), dict(metadata=['a']), dict(limit=True), dict(data_version=5)):
            with pytest.raises(InvalidInput): reg.search(**bad)
        for bad in ('x', None, float('nan')):
            with pytest.raises(InvalidInput): reg.purge(bad)


def test_task_and_classes_are_recorded_and_found(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        reg.register_model(LogisticRegression().fit(TABLE, ['no', 'yes']), 'c', '1')
        reg.register_model(DummyRegressor().fit(TABLE, [1, 2]), 'r', '1')
        reg.register_model(holds(1), 'said', '1', task='regression')
        reg.register_model(LabelEncoder().fit(['no', 'yes']), 't', '1')
        assert {n: (i['task'], i['classes']) for n, i in reg.list_models().items()} == {'c:1': ('classification', ['no', 'yes']), 'r:1': ('regression', None), 'said:1': ('regression', None), 't:1': (None, ['no', 'yes'])}
        assert [m['name'] for m in reg.search(task='regression')] == ['r', 'said'] and '| Task | classification |' in reg.card('c') and reg.check_ledger() == []
        with reg.store.write() as c: c.exec_driver_sql("update model_versions set task = 'regression' where name = 'c'")
        assert len(reg.check_ledger()) == 1


def test_the_data_of_a_live_model_are_kept(tmp_path):
    with Store(tmp_path/'s') as s:
        reg, data = ModelRegistry(s), DataVersioning(s)
        ids = [data.version_data(TABLE + i, 'train') for i in range(2)]
        with pytest.raises(NotFound, match='no data version'): reg.register_model(holds(1), 'm', '1', data_version='train_ffffffffffffffff0')
        reg.register_model(holds(1), 'm', '1', data_version=ids[0][:-5])
        assert reg.info('m')['data_version'] == ids[0] and [m['version'] for m in reg.search(data_version=ids[0][:-4])] == ['1']
        with pytest.raises(Conflict, match='model m:1; delete those first, or say force=True'): data.delete(ids[0])
        reg.register_model(holds(2), 'm', '1', data_version=ids[1], overwrite=True)
        data.delete(ids[0])                                                              # the live revision has other data
        with pytest.raises(Conflict): data.delete(ids[1])
        reg.delete_model('m', '1'); reg.restore('m', '1')
        with pytest.raises(Conflict): data.delete(ids[1])
        reg.delete_model('m', '1'); data.delete(ids[1]); assert data.version_data(TABLE + 1, 'train') == ids[1]
        reg.restore('m', '1'); data.delete(ids[1], force=True)
        assert s.gc(dry_run=False, grace=-1) and s.verify() == [] and reg.check_ledger() == [] and data.check_records() == []
        with pytest.raises(NotFound, match='was deleted at'): data.load_data(ids[1])


def test_models_of_the_second_schema_hold_on_to_their_data(tmp_path):
    with Store(tmp_path/'s') as s:
        reg, data = ModelRegistry(s), DataVersioning(s)
        reg.register_model(holds(1), 'm', '1', data_version=(d := data.version_data(TABLE, 'train')))
        with s.write() as c:                                     # as it was before
            for line in ("delete from blob_refs where owner like 'uses/%'", "update store_settings set value = '2' where key = 'schema/registry'",
                         'alter table model_versions drop column task', 'alter table model_versions drop column classes'): c.exec_driver_sql(line)
    with Store(tmp_path/'s') as s:
        reg, data = ModelRegistry(s), DataVersioning(s)
        assert reg.info('m')['task'] is None
        with pytest.raises(Conflict, match='model m:1'): data.delete(d)
