"Which models are built without a question, and that nobody is asked a prediction who did not want one"
from pathlib import Path
import functools, json, os, shutil, sqlite3, subprocess, sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier

from conftest import _STATE as HOME
from mlops_nb import ModelAPI, ModelRegistry, Store, generate_docker_files
from mlops_nb.core import marks
from mlops_nb.core.rules import InvalidInput, IntegrityError, MlopsError, digest, file_digest
from mlops_nb.models import apart, golden
from mlops_nb.models.formats import UntrustedType, dump_model
from mlops_nb.serving.deploy import load_artifact
import mlops_nb.cli.main

X = pd.DataFrame({'a': np.arange(12.), 'b': np.arange(12.)[::-1]})
Y = [0]*6 + [1]*6
NEIGHBORS, FOREST = KNeighborsClassifier(1).fit(X, Y), RandomForestClassifier(3, random_state=0).fit(X, Y)


@pytest.fixture
def user(tmp_path, monkeypatch):
    "Become somebody else: `user('bob')`"
    become = lambda name: monkeypatch.setenv(HOME, str(tmp_path/f'state-{name}'))
    become('ann')
    return become


def filled(where, *models, **more):
    with ModelRegistry(where) as reg:
        for i, model in enumerate(models): reg.register_model(model, 'm', f'{i+1}.0', input_example=X, **more)
    return where


def loads(where, version='1.0', **how):
    with ModelRegistry(where, **how) as reg: return type(reg.load_model('m', version)[0]).__name__


# ---- whose store it is


def test_a_store_that_was_handed_over_gives_what_is_on_the_checked_list_and_asks_about_the_rest(user, tmp_path):
    user('mallory'); where = filled(tmp_path/'sent', NEIGHBORS, FOREST)
    assert loads(where) == 'KNeighborsClassifier'                                     # his own
    user('ann')
    assert loads(where, '2.0') == 'RandomForestClassifier'
    with pytest.raises(UntrustedType, match='KNeighborsClassifier.*And it is not your own.*registry.trust.*mlops-nb store adopt') as e: loads(where)
    assert loads(where, trusted=e.value.types) == 'KNeighborsClassifier'              # as it advises
    assert not (tmp_path/'state-ann').exists()                                        # who only reads writes nothing at home
    with Store(where) as s: assert not s.is_own(); s.adopt(); assert s.is_own()
    assert loads(where) == 'KNeighborsClassifier'
    user('bob')
    with pytest.raises(UntrustedType): loads(where)                                   # Ann's word is not Bob's


def test_the_trust_list_of_a_store_that_was_handed_over_counts_for_nothing(user, tmp_path):
    user('mallory'); where = filled(tmp_path/'sent', NEIGHBORS)
    with pytest.raises(UntrustedType) as e: user('ann'); loads(where)
    user('mallory')
    with ModelRegistry(where) as reg: [reg.trust(t, by='ann', why='trust me') for t in e.value.types]
    user('ann')
    with ModelRegistry(where) as reg: assert reg.trusted() == {}
    with pytest.raises(UntrustedType): loads(where)
    with ModelRegistry(where) as reg: [reg.trust(t) for t in e.value.types]; assert [*reg.trusted()] == e.value.types
    assert loads(where) == 'KNeighborsClassifier'
    shutil.copytree(where, tmp_path/'copy')
    assert loads(tmp_path/'copy') == 'KNeighborsClassifier'                           # her decision holds in a copy


def test_a_copy_and_a_backup_of_our_store_are_ours_and_what_somebody_put_into_the_copy_is_not(user, tmp_path):
    where = filled(tmp_path/'s', NEIGHBORS)
    with Store(where) as s: assert s.is_own(); s.backup(tmp_path/'backup')
    shutil.copytree(where, tmp_path/'lent')
    user('mallory')
    with ModelRegistry(tmp_path/'lent') as reg: reg.register_model(NEIGHBORS.__class__(3).fit(X, Y), 'm', '2.0')
    user('ann')
    assert loads(tmp_path/'backup') == loads(tmp_path/'lent') == 'KNeighborsClassifier'
    with Store(tmp_path/'backup') as s: assert s.is_own()
    with Store(tmp_path/'lent') as s: assert not s.is_own()
    with pytest.raises(UntrustedType): loads(tmp_path/'lent', '2.0')


def test_a_team_loads_what_each_of_it_registered_in_a_store_that_one_made(user, tmp_path):
    filled(tmp_path/'s')
    user('bob'); filled(tmp_path/'s', NEIGHBORS)
    user('ann'); assert loads(tmp_path/'s') == 'KNeighborsClassifier'                 # Ann made it
    with sqlite3.connect(tmp_path/'s'/'store.db') as db: db.execute("delete from model_ledger")
    with pytest.raises(UntrustedType): loads(tmp_path/'s')                            # no line of the ledger knows these bytes


@pytest.mark.parametrize('prepared', ['registry tables', 'view', 'old'])
def test_only_an_empty_place_becomes_ours_by_itself(user, tmp_path, prepared):
    user('mallory'); where = filled(tmp_path/'s', NEIGHBORS)
    with sqlite3.connect(where/'store.db') as db:
        if prepared == 'registry tables': db.execute('drop table store_settings'); db.execute('drop table blob_refs')
        if prepared == 'old': db.execute("delete from store_settings where key = 'id' or key like 'mark/%'")
    if prepared == 'view':
        shutil.rmtree(where); where.mkdir()
        with sqlite3.connect(where/'store.db') as db: db.execute('create view x as select 1')
    user('ann')
    with Store(where) as s: assert not s.is_own()
    if prepared != 'view':
        with pytest.raises(MlopsError): loads(where)


def test_every_kind_of_store_knows_whose_it_is(user, any_store):
    assert any_store.is_own()
    user('bob'); assert not any_store.is_own()
    any_store.adopt(); assert any_store.is_own()
    any_store.disown(); assert not any_store.is_own()
    user('ann'); assert any_store.is_own()


def test_what_is_in_memory_is_ours_and_makes_no_key(user, tmp_path):
    assert loads(filled(Store(':memory:'), NEIGHBORS)) == 'KNeighborsClassifier' and not (tmp_path/'state-ann').exists()


def test_a_home_that_cannot_be_written_and_a_store_that_cannot(user, tmp_path, monkeypatch):
    (tmp_path/'file').write_text('')
    monkeypatch.setenv(HOME, str(tmp_path/'file'))
    where = filled(tmp_path/'s', NEIGHBORS)
    assert loads(where) == 'KNeighborsClassifier'
    ask = 'import sys; from mlops_nb import ModelRegistry; ModelRegistry(sys.argv[1]).load_model("m")'
    other = subprocess.run([sys.executable, '-c', ask, where], capture_output=True, text=True)
    assert 'UntrustedType' in other.stderr and 'store adopt' in other.stderr          # another process has another key
    user('ann')
    monkeypatch.setattr(os, 'access', lambda *a, **k: False)
    with Store(where) as s:
        assert s.readonly and not s.is_own()
        with pytest.raises(MlopsError, match='read'): s.adopt()


def test_programs_that_begin_at_once_have_one_key(user, tmp_path):
    code = 'from mlops_nb.core.marks import mark; print(mark("x"))'
    running = [subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert {p.communicate()[0].strip() for p in running} == {marks.mark('x')}
    assert [p.name for p in (tmp_path/'state-ann'/'mlops_nb').iterdir()] == ['key']


# ---- files


def test_an_export_of_ones_own_comes_back_and_is_deployed_without_a_question_and_a_forged_record_is_not(user, tmp_path):
    with ModelRegistry(filled(tmp_path/'s', NEIGHBORS)) as reg:
        path = reg.export_model('m', '1.0', tmp_path/'out')
        assert reg.import_model(path, 'back', '1.0') == 'back:1.0'
    assert 'own=True, allow_pickle=False' in (generate_docker_files('mine', path, folder=tmp_path)/'app.py').read_text()
    sha = json.loads(path.with_suffix('.json').read_text())['digest']
    assert load_artifact(path, sha).n_neighbors == 1
    user('bob')
    for ask in (lambda: load_artifact(path, sha), lambda: generate_docker_files('his', path, folder=tmp_path), lambda: ModelRegistry(tmp_path/'bobs').import_model(path, 'm', '1.0')):
        with pytest.raises(UntrustedType, match='KNeighborsClassifier') as e: ask()
    user('ann')
    forged, kind = dump_model(KNeighborsClassifier(5).fit(X, Y))
    record = json.loads(path.with_suffix('.json').read_text()) | dict(digest=digest(forged))
    path.write_bytes(forged); path.with_suffix('.json').write_text(json.dumps(record))                  # with the mark of the file that was hers
    with pytest.raises(UntrustedType): load_artifact(path, record['digest'])
    assert load_artifact(path, record['digest'], own=True).n_neighbors == 5
    made = generate_docker_files('said', path, folder=tmp_path, trusted=e.value.types)
    assert 'own=False' in (made/'app.py').read_text() and 'KNeighborsClassifier' in (made/'app.py').read_text()


def test_what_was_imported_with_consent_is_ones_own_from_then_on(user, tmp_path):
    data, kind = dump_model(NEIGHBORS)
    (tmp_path/'m.arrays').write_bytes(data)
    run = lambda *words: CliRunner().invoke(mlops_nb.cli.main.main, ['registry', 'import', str(tmp_path/'m.arrays'), 'm', '1.0', '--store', str(tmp_path/'s'), *words])
    filled(tmp_path/'s')
    refused = run()
    assert refused.exit_code == 3 and '--trust sklearn.neighbors._classification.KNeighborsClassifier' in refused.stderr
    words = refused.stderr.partition('(in a terminal: ')[2].partition(')')[0].split()
    assert run(*words).exit_code == 0                                                 # as it advises
    assert loads(tmp_path/'s') == 'KNeighborsClassifier'
    with ModelRegistry(tmp_path/'s') as reg: assert reg.trusted() == {}               # for this file, not for all


# ---- loading asks nothing


RECORDER = '''
from sklearn.base import ClassifierMixin, BaseEstimator
CALLS = []
class Recorder(ClassifierMixin, BaseEstimator):
    def __init__(self, does=''): self.does = does
    def fit(self, X, y): self.classes_, self.n_features_in_ = [0, 1], X.shape[1]; return self
    def predict(self, X): CALLS.append('predict'); exec(self.does); return [0]*len(X)
    def __sklearn_is_fitted__(self): return True
'''


@pytest.fixture
def recorder(tmp_path, monkeypatch):
    (tmp_path/'code').mkdir(); (tmp_path/'code'/'recording.py').write_text(RECORDER)
    monkeypatch.syspath_prepend(str(tmp_path/'code'))
    monkeypatch.delitem(sys.modules, 'recording', raising=False)
    import recording
    return recording


TYPE = 'recording.Recorder'


def sent(folder, model, **record):
    "A model file of somebody else, with a record beside it"
    from mlops_nb.models.signature import Signature
    folder.mkdir(exist_ok=True)
    (folder/'m.arrays').write_bytes(dump_model(model, trusted=[TYPE])[0])
    (folder/'m.json').write_text(json.dumps(dict(signature=Signature.infer(X).to_dict(), input_example=X.head(3).to_dict('records')) | record))
    return folder/'m.arrays'


def test_nobody_is_asked_here_at_load_import_export_serve_and_deploy(user, tmp_path, recorder, monkeypatch):
    path = sent(tmp_path/'sent', recorder.Recorder().fit(X, Y))
    with ModelRegistry(tmp_path/'s') as reg:
        reg.import_model(path, 'm', '1.0', trusted=[TYPE])
        assert reg.info('m')['golden'] == dict(rows=3, replayed=False) and [*reg.trusted()] == [TYPE]   # it was asked, apart
        reg.load_model('m')
        real = golden._installed
        monkeypatch.setattr(golden, '_installed', lambda p: '9.9' if p == 'scikit-learn' else real(p))
        assert reg.load_model('m')[1]['golden']['replayed']
        exported = reg.export_model('m', '1.0', tmp_path/'out')
        with ModelAPI.from_registry(reg, 'm') as api, api.start(), api.app.test_client() as client:
            assert client.get('/health').json['status'] == 'healthy' and client.get('/model_info').status_code == 200
        monkeypatch.undo()
    monkeypatch.syspath_prepend(str(tmp_path/'code'))
    generate_docker_files('p', exported, folder=tmp_path, trusted=[TYPE], modules=[str(tmp_path/'code'/'recording.py')])
    load_artifact(exported, file_digest(exported), trusted=[TYPE])
    assert recorder.CALLS == []


@pytest.mark.parametrize('does, says', [('import os; os.abort()', 'ended by SIGABRT'), ('1/0', 'ZeroDivisionError'), ('import time; time.sleep(99)', 'was ended after 8 seconds'),
                                        ("open('/etc/passwd')", 'may not open'), ('self.x = bytearray(3 << 30)', 'more memory')])
def test_a_model_that_does_harm_when_it_is_asked_is_not_registered(user, tmp_path, recorder, monkeypatch, does, says):
    if 'sleep' in does: monkeypatch.setattr(apart, 'ask_apart', functools.partial(apart.ask_apart, seconds=8))
    path = sent(tmp_path/'sent', recorder.Recorder(does).fit(X, Y))
    with ModelRegistry(tmp_path/'s') as reg:
        with pytest.raises(InvalidInput, match=f'in a process of its own, and is not registered: .*{says}'): reg.import_model(path, 'm', '1.0', trusted=[TYPE])
        assert reg.list_models() == {} and [*reg.ledger()] == []


def test_where_there_are_no_limits_nothing_is_asked_and_the_record_says_so(user, tmp_path, recorder, monkeypatch):
    monkeypatch.setattr(apart, 'find_spec', lambda name: None)
    path = sent(tmp_path/'sent', recorder.Recorder().fit(X, Y))
    with ModelRegistry(tmp_path/'s') as reg:
        with pytest.warns(UserWarning, match='no golden sample is kept: this system has no limits'): reg.import_model(path, 'm', '1.0', trusted=[TYPE])
        info = reg.info('m')
        assert info['golden'] is None and 'no limits' in info['metadata']['not_asked'] and len(info['input_example']) == 3
    assert recorder.CALLS == []


# ---- the record beside a file


@pytest.mark.parametrize('record, says', [('[]', 'no record'), ('{', 'cannot be read'), ('{"a": '*200 + '1' + '}'*200, 'cannot be read'), ('{"signature": "x"}', 'as signature'), ('{"input_example": {}}', 'as input_example'),
                                          ('{"metadata": []}', 'as metadata'), ('{"metrics": 1}', 'as metrics'), ('{"task": ["regression"]}', 'as task'), ('{"digest": 7}', 'as digest'), ('{"mark": 7, "task": "x"}', 'task is')])
def test_a_record_that_is_none_is_refused_before_anything_is_built(user, tmp_path, monkeypatch, record, says):
    monkeypatch.setattr(KNeighborsClassifier, '__setstate__', lambda *_: pytest.fail('built'), raising=False)
    path = sent(tmp_path/'sent', FOREST)
    path.with_suffix('.json').write_text(record)
    with ModelRegistry(tmp_path/'s') as reg, pytest.raises((InvalidInput, IntegrityError), match=says): reg.import_model(path, 'm', '1.0')
