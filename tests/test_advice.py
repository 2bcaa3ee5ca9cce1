"""A refusal that names a way out is followed here: each message of the library that names an argument, a method or a function is provoked,
read, and done. A new message of that kind without a row here turns `test_every_advice_has_a_row` red."""
from pathlib import Path
import ast
import os
import re
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression

from mlops_nb import DataVersioning, MLPipelineConfig, ModelRegistry, Signature, Store
from mlops_nb.core.rules import MlopsError

ROOT = Path(__file__).resolve().parents[1]
X, Y = pd.DataFrame({'a': [0., 1, 2, 3], 'b': [1., 0, 1, 0]}), [0, 0, 1, 1]
ROWS = {}       # what a message says -> the test that provokes it and does what it says


def follows(*says):
    "The test that does what these messages say; each is a part of the text in the source, without what stands in braces there"
    def keep(f):
        ROWS.update({s: f.__name__ for s in says})
        return pytest.mark.parametrize('', [pytest.param(id='; '.join(says)[:60])])(f)
    return keep


def refused(ask, *says, error=MlopsError):
    "The message with which `ask` is refused; all of `says` stand in it"
    with pytest.raises(error) as e: ask()
    for s in says: assert s in str(e.value), f'{s!r} is not in {e.value}'
    return str(e.value)


def model(): return LogisticRegression().fit(X, Y)


@pytest.fixture
def registry(tmp_path):
    with ModelRegistry(tmp_path/'store') as r: yield r


@pytest.fixture
def mine(tmp_path, monkeypatch):
    "A module of somebody's own, with a model that no safe format knows"
    (tmp_path/'own').mkdir()
    (tmp_path/'own'/'mine_advice.py').write_text('class Model:\n    def predict(self, X): return [1]*len(X)\n')
    monkeypatch.syspath_prepend(str(tmp_path/'own'))
    sys.modules.pop('mine_advice', None)
    import mine_advice
    yield mine_advice
    sys.modules.pop('mine_advice', None)


# ---- configuration


@follows('config can only be read; use set(')
def test_config_is_changed_with_set():
    config = MLPipelineConfig()
    says = refused(lambda: config.config['model'].__setitem__('name', 'x'), 'use set(')
    key = re.search(r"set\('([^']+)'", says)[1]
    config.set(key, 'x')
    assert config.get(key) == 'x'


@follows('begin one with MLPipelineConfig().save_config(path)')
def test_a_configuration_is_begun(tmp_path):
    path = tmp_path/'c.json'
    refused(lambda: MLPipelineConfig(path), 'MLPipelineConfig().save_config(path)')
    MLPipelineConfig().save_config(path)
    assert MLPipelineConfig(path).get('model.version') == '1.0.0'


@follows('say for whom you ask: flag(')
def test_a_flag_is_asked_for_somebody(tmp_path):
    config = MLPipelineConfig()
    config.set('features.new', '25%')
    refused(lambda: config.flag('new'), "flag('new', subject=...)")
    assert config.flag('new', subject='ann') in (True, False)


# ---- the store


@follows('keeps its bytes in another place; say where, with blobs=')
def test_blobs_in_another_place_are_named(tmp_path):
    with Store(tmp_path/'s', blobs=tmp_path/'b') as s: digest = s.put(b'x')
    refused(lambda: Store(tmp_path/'s').close(), 'blobs=')
    with Store(tmp_path/'s', blobs=tmp_path/'b') as s: assert s.get(digest) == b'x'


# ---- models and the registry


@follows('exists, and a version never changes', 'is in the trash since', 'brings it back')
def test_a_version_that_exists_or_was_deleted(registry):
    registry.register_model(model(), 'm', '1.0.0')
    refused(lambda: registry.register_model(model(), 'm', '1.0.0'), 'choose a higher one', 'overwrite=True')
    registry.register_model(model(), 'm', '1.0.1')
    registry.register_model(model(), 'm', '1.0.0', overwrite=True)
    registry.delete_model('m', '1.0.0')
    refused(lambda: registry.register_model(model(), 'm', '1.0.0'), "restore('m', '1.0.0')", 'overwrite=True')
    refused(lambda: registry.load_model('m', '1.0.0'), "restore('m', '1.0.0')")
    registry.restore('m', '1.0.0')
    registry.delete_model('m', '1.0.0')
    registry.register_model(model(), 'm', '1.0.0', overwrite=True)
    registry.load_model('m', '1.0.0')


@follows('is gone (')
def test_a_lost_file_is_registered_again(registry):
    registry.register_model(model(), 'm', '1.0.0')
    os.remove(registry.info('m', '1.0.0')['path'])
    refused(lambda: registry.load_model('m'), 'register the model again with overwrite=True')
    registry.register_model(model(), 'm', '1.0.0', overwrite=True)
    registry.load_model('m')


@follows('is a class and no model; make one and fit it', 'a model is a fitted object, such as LogisticRegression().fit(X, y)')
def test_what_is_no_model(registry):
    refused(lambda: registry.register_model(LogisticRegression, 'm', '1.0.0'), 'LogisticRegression().fit(X, y)')
    refused(lambda: registry.register_model(5, 'm', '1.0.0'), 'LogisticRegression().fit(X, y)')
    registry.register_model(LogisticRegression().fit(X, Y), 'm', '1.0.0')


@follows('give a Signature, for example Signature.infer(X)')
def test_a_signature_is_inferred(registry):
    refused(lambda: registry.register_model(model(), 'm', '1.0.0', signature='a, b'), 'Signature.infer(X)')
    registry.register_model(model(), 'm', '1.0.0', signature=Signature.infer(X))


@follows('the model cannot answer its own example')
def test_an_example_that_the_model_cannot_answer(registry):
    class_ = model()
    wrong = pd.DataFrame({'a': ['x'], 'b': ['y']})
    refused(lambda: registry.register_model(class_, 'm', '1.0.0', input_example=wrong), 'golden=False')
    registry.register_model(class_, 'm', '1.0.0', input_example=wrong, golden=False)
    registry.register_model(class_, 'm', '1.0.1', input_example=X)


@follows('has no golden sample; register it with input_example=')
def test_a_golden_sample_is_given(registry):
    registry.register_model(model(), 'm', '1.0.0')
    refused(lambda: registry.check_golden('m', '1.0.0'), 'input_example=')
    registry.register_model(model(), 'm', '1.0.1', input_example=X)
    assert registry.check_golden('m', '1.0.1')['labels_changed'] == 0


@follows('has no revision with the digest')
def test_the_ledger_names_the_digests(registry):
    for C in (1., 2.): registry.register_model(LogisticRegression(C=C).fit(X, Y), 'm', '1.0.0', overwrite=True)
    refused(lambda: registry.restore('m', '1.0.0', digest='0'*64), "ledger('m')")
    digest = [re.search('[0-9a-f]{64}', str(line))[0] for line in registry.ledger('m') if re.search('[0-9a-f]{64}', str(line))][0]
    registry.restore('m', '1.0.0', digest=digest)
    assert registry.info('m', '1.0.0')['digest'] == digest


# ---- rows


@follows("check(rows, ranges='error') lists them")
def test_values_outside_of_training_are_listed():
    with pytest.warns(UserWarning, match='check\\(rows'): Signature.infer(X).enforce(X*100)
    assert len(Signature.infer(X).check(X*100, ranges='error')) > 0


# ---- data


@follows('astype(str) makes texts of them', 'convert_dtypes() helps', 'map(str) makes texts of them')
def test_a_column_of_mixed_values(tmp_path):
    mixed = pd.DataFrame({'x': pd.Series([1, 'a'], dtype=object)})
    with DataVersioning(tmp_path) as v:
        refused(lambda: v.version_data(mixed, 'd'), 'astype(str)')
        v.version_data(mixed.astype(str), 'd')
        headed = pd.DataFrame([[1, 2]], columns=pd.Index([1, 'a'], dtype=object))
        refused(lambda: v.version_data(headed, 'd'), 'map(str)')
        v.version_data(headed.set_axis(headed.columns.map(str), axis=1), 'd')
        numbers = pd.DataFrame({'x': pd.Series([1, None, 3], dtype=object)})
        refused(lambda: v.version_data(numbers, 'd'), 'convert_dtypes()')
        v.version_data(numbers.convert_dtypes(), 'd')


@follows('which cannot be given back exactly; convert it first, for example with astype(str)')
def test_a_dtype_that_cannot_be_kept(tmp_path):
    odd = pd.DataFrame({'x': np.array([1+2j, 3])}).assign(x=lambda d: d.x.astype('clongdouble'))
    with DataVersioning(tmp_path) as v:
        refused(lambda: v.version_data(odd, 'd'), 'astype(str)')
        v.version_data(odd.astype(str), 'd')


@follows('gets an empty section, which sets nothing')
def test_an_empty_section_is_not_set():
    config = MLPipelineConfig()
    says = refused(lambda: config.set('model', {}), 'name what to change')
    config.set(re.findall(r"set\('([^']+)'", says)[-1], 'x')


@follows('is used by  others')
def test_data_of_a_model_is_deleted_on_purpose(tmp_path):
    with Store(tmp_path/'s') as s:
        v, r = DataVersioning(s), ModelRegistry(s)
        data = v.version_data(X, 'd')
        r.register_model(model(), 'm', '1.0.0', data_version=data)
        refused(lambda: v.delete(data), 'force=True')
        refused(lambda: v.delete(data, force='no'), 'force=True')
        v.delete(data, force=True)


@follows('features() takes what flights() gave')
def test_features_of_flights():
    from mlops_nb.data.nycflights import features, flights
    refused(lambda: features(X), 'features() takes what flights() gave')
    features(flights(1, sample=10))


@follows('these bytes are no ', 'is written in UTF-16; say encoding="utf-16"', "one name, with", 'is a whole number beyond 64 bits', 'and the column holds values of several types', 'a NUL character')
def test_a_text_file_is_read_as_was_said(tmp_path):
    from mlops_nb.data.tables import read_table
    for data, ending, word, said in (('é\n'.encode('latin-1'), 'csv', 'encoding="latin-1"', dict(encoding='latin-1')), ('a\nx\n'.encode('utf-16'), 'csv', 'encoding="utf-16"', dict(encoding='utf-16')),
                                     (b'a;b\n1,5;2\n', 'csv', "sep=';'", dict(sep=';', decimal=',')), (b'{"a": 1}\n{"a": "x"}\n', 'jsonl', 'dtype=', dict(dtype={'a': 'str'})),
                                     (b'{"a": 99999999999999999999}\n', 'jsonl', 'dtype=', dict(dtype={'a': 'str'})), ('a\nx\n'.encode('utf-16-le'), 'csv', 'utf-16-le', dict(encoding='utf-16-le'))):
        path = tmp_path/f'f.{ending}'; path.write_bytes(data)
        refused(lambda: read_table(path), word)
        assert len(read_table(path, **said)) in (0, 1, 2)


@follows('is none of those that a text can be read as', 'sep=; it is one character', 'decimal=; it is', 'a comma cannot stand between', 'dtype=; give a dict', 'Python knows no such encoding')
def test_what_is_said_of_a_text_file(tmp_path):
    from mlops_nb.data.tables import read_table
    path = tmp_path/'f.csv'; path.write_bytes(b'a;b\n1,5;2\n')
    for wrong, right in ((dict(dtype='complex', sep=';'), dict(dtype='str', sep=';')), (dict(sep=';;'), dict(sep=';')), (dict(decimal=';', sep=';'), dict(decimal=',', sep=';')),
                         (dict(sep=',', decimal=','), dict(sep=';', decimal=',')), (dict(dtype=5, sep=';'), dict(dtype={'b': 'float64'}, sep=';')), (dict(encoding='utf-99', sep=';'), dict(encoding='latin-1', sep=';'))):
        refused(lambda: read_table(path, **wrong))
        read_table(path, **right)


@follows('for values, use bins = cut(reference)', 'give a dict of category and rows, as Counter(values) makes it')
def test_measures_of_distance_get_what_they_take():
    from collections import Counter
    from mlops_nb.drift.distance import cut, pool, psi
    reference, window = np.arange(100.) + .5, np.arange(100.)*2 + .25
    refused(lambda: psi(reference, window), 'bins = cut(reference)')
    bins = cut(reference)
    assert psi(bins.count(reference), bins.count(window)) > 0
    refused(lambda: pool(['a', 'b'], ['a', 'a']), 'Counter(values)')
    pool(Counter('ab'*50), Counter('aab'*50))


@follows('it is made of ; if you trust that, say trusted=', 'trusted is a list of full names; say trusted=[]', 'cannot be stored safely', 'this model is a pickle, which can run any code when it is loaded',
         'if you trust that, open the registry with ModelRegistry(..., trusted=)')
def test_a_model_of_ones_own(registry, mine, tmp_path):
    from mlops_nb.models.formats import dump_model, load_checked
    says = refused(lambda: registry.register_model(mine.Model(), 'm', '1.0.0'), "trusted=['mine_advice.Model']", 'allow_pickle=True')
    refused(lambda: dump_model(model(), trusted='mine_advice.Model'), "trusted=['mine_advice.Model']")
    refused(lambda: registry.register_model(mine.Model(), 'm', '1.0.0', trusted='mine_advice.Model'), "['mine_advice.Model']")
    refused(lambda: registry.register_model(mine.Model(), 'm', '1.0.0', allow_pickle='no'), says[:40])
    registry.register_model(mine.Model(), 'm', '1.0.0', trusted=['mine_advice.Model'])
    registry.load_model('m')
    registry.untrust('mine_advice.Model')
    refused(lambda: registry.load_model('m'), "trusted=['mine_advice.Model']", "registry.trust('mine_advice.Model')")
    with ModelRegistry(tmp_path/'store', trusted=['mine_advice.Model']) as again: again.load_model('m')
    registry.trust('mine_advice.Model')
    registry.load_model('m')
    registry.register_model(mine.Model(), 'p', '1.0.0', allow_pickle=True)
    refused(lambda: load_checked(*dump_model(mine.Model(), True)), 'allow_pickle=True')
    for no in (False, 'no', 1): refused(lambda: load_checked(*dump_model(mine.Model(), True), allow_pickle=no), 'allow_pickle=True')
    load_checked(*dump_model(mine.Model(), True), allow_pickle=True)


@follows('a sparse matrix in the format ')
def test_a_sparse_matrix_that_can_be_stored():
    from scipy import sparse
    from mlops_nb.models.formats import dump_model
    refused(lambda: dump_model(sparse.lil_matrix(np.eye(2))), 'tocsr()')
    dump_model(sparse.lil_matrix(np.eye(2)).tocsr())


@follows('was not fitted yet; fit it first', 'the model was trained on the columns ', 'the model was trained on  columns', 'that begins with texts takes one text for each row')
def test_a_model_fits_what_is_said_of_it(registry):
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.pipeline import make_pipeline
    refused(lambda: registry.register_model(LogisticRegression(), 'm', '1.0.0'), 'model.fit(X, y)')
    refused(lambda: registry.register_model(model(), 'm', '1.0.0', signature=Signature.infer(X[['b', 'a']])), 'Signature.infer(X)')
    registry.register_model(model(), 'm', '1.0.0', signature=Signature.infer(X))
    unnamed = LogisticRegression().fit(X.to_numpy(), Y)
    refused(lambda: registry.register_model(unnamed, 'n', '1.0.0', signature=Signature.infer(X.to_numpy()[:, :1])), 'Signature.infer(X)')
    registry.register_model(unnamed, 'n', '1.0.0', signature=Signature.infer(X.to_numpy()))
    texts = pd.DataFrame({'text': ['red apple', 'fast car', 'green apple', 'slow car']})
    words = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts.text, Y)
    refused(lambda: registry.register_model(words, 't', '1.0.0', input_example=texts), "input_example=X['text']")
    registry.register_model(words, 't', '1.0.0', input_example=texts['text'])
    registry.register_model(words, 't', '1.1.0', signature=Signature.infer(texts['text']))


@follows('a Series is a row when its labels', 'of scipy has no names', 'a dict is one row to enforce', 'the array has masked values', 'an input has rows and columns', 'an object is one row, and this one holds columns')
def test_rows_in_another_form():
    from scipy import sparse
    signature, array, one = Signature.infer(X), X.to_numpy(), X.a
    refused(lambda: signature.enforce(one), 'to_frame()')
    Signature.infer(one.to_frame()).enforce(one.to_frame())
    refused(lambda: Signature.infer(sparse.csr_matrix(array)), 'X.toarray()')
    Signature.infer(sparse.csr_matrix(array).toarray())
    refused(lambda: Signature.infer({'a': [1., 2.]}), 'pandas.DataFrame(X)')
    Signature.infer(pd.DataFrame({'a': [1., 2.]})); Signature.infer([{'a': 1.}])
    masked = np.ma.array(array, mask=array == 1)
    refused(lambda: Signature.infer(masked), 'filled(float("nan"))')
    Signature.infer(masked.astype(float).filled(float('nan')))
    refused(lambda: Signature.infer(array[:, 0]), 'reshape(-1, 1)')
    Signature.infer(array[:, 0].reshape(-1, 1))
    refused(lambda: signature.enforce({'a': [0., 1.], 'b': [1., 0.]}), 'pandas.DataFrame(rows)')
    signature.enforce(pd.DataFrame({'a': [0., 1.], 'b': [1., 0.]}))


@follows('have a fraction where the predictions are whole numbers')
def test_labels_with_a_fraction(tmp_path):
    from mlops_nb import ModelMonitor
    with ModelMonitor(tmp_path/'log') as log:
        ids = log.log_predictions([{}]*40, [3]*40)
        with pytest.warns(UserWarning, match="task='regression'"): log.log_feedbacks(ids, [3.5]*40)
    with ModelMonitor(tmp_path/'again') as log:
        log.log_feedbacks(log.log_predictions([{}]*40, [3]*40, task='regression'), [3.5]*40)
        assert log.calculate_metrics()['mae'] == .5


@follows('skops cannot hold a ', 'cannot be loaded back, so it is not registered')
def test_a_search_over_distributions(registry):
    import scipy.stats as st
    from sklearn.model_selection import RandomizedSearchCV
    search = RandomizedSearchCV(LogisticRegression(), {'C': st.loguniform(.01, 1)}, n_iter=2, cv=2, random_state=0).fit(X, Y)
    refused(lambda: registry.register_model(search, 'm', '1.0.0'), 'allow_pickle=True', 'best_estimator_')
    registry.register_model(search, 'm', '1.0.0', allow_pickle=True)
    registry.load_model('m', allow_pickle=True)
    registry.register_model(search.best_estimator_, 'm', '1.0.1')


@follows('is kept as a text: this store holds no data versions', 'is the beginning of  versions')
def test_data_that_a_model_names(tmp_path):
    with Store(tmp_path/'s') as s:
        r = ModelRegistry(s)
        with pytest.warns(UserWarning, match='holds no data versions'): r.register_model(model(), 'm', '1.0.0', data_version='d_1')
        v = DataVersioning(s)
        ids = [v.version_data(X*i, 'd') for i in range(3)]
        refused(lambda: r.register_model(model(), 'm', '1.0.1', data_version='d_'), 'write more of it')
        r.register_model(model(), 'm', '1.0.1', data_version=ids[0])


@follows('signature is ; give a Signature, such as Signature.infer(X)')
def test_an_api_gets_a_signature():
    from mlops_nb import ModelAPI
    refused(lambda: ModelAPI(model(), signature=X), 'Signature.infer(X)')
    with ModelAPI(model(), signature=Signature.infer(X)): pass


@follows('was to be changed where only reading is allowed', 'a blob is bytes, not')
def test_a_store_is_changed_in_write(tmp_path):
    from sqlalchemy import text
    with Store(tmp_path/'s') as s:
        DataVersioning(s)
        def change(c): c.execute(text("delete from data_versions"))
        def reading():
            with s.read() as c: change(c)
        refused(reading, 'write()')
        with s.write() as c: change(c)
        refused(lambda: s.put('text'), 'text.encode()')
        s.put('text'.encode())


@follows('registry.store.adopt()',
         'If you trust who made it, say trusted=', 'If you trust who made the file, say trusted=; if your own registry wrote it, say own=True')
def test_a_model_from_elsewhere(registry, tmp_path, monkeypatch):
    import joblib
    from conftest import _STATE
    from sklearn.neighbors import KNeighborsClassifier
    from mlops_nb.models.formats import dump_model, load_checked
    data, kind = dump_model(KNeighborsClassifier(1).fit(X, Y))
    says = refused(lambda: load_checked(data, kind), 'trusted=[', 'own=True')
    load_checked(data, kind, own=True)
    names = re.findall(r"'(sklearn[^']+)'", says)
    load_checked(data, kind, trusted=names)
    (tmp_path/'m.arrays').write_bytes(data)
    joblib.dump(model(), tmp_path/'m.joblib')
    refused(lambda: registry.import_model(tmp_path/'m.arrays', 'm', '1.0.0'), f'trusted={names!r}', f'--trust {names[0]}')
    registry.import_model(tmp_path/'m.arrays', 'm', '1.0.0', trusted=names)
    refused(lambda: registry.import_model(tmp_path/'m.joblib', 'j', '1.0.0'), 'allow_pickle=True')
    registry.import_model(tmp_path/'m.joblib', 'j', '1.0.0', allow_pickle=True)
    monkeypatch.setenv(_STATE, str(tmp_path/'bob'))
    refused(lambda: registry.load_model('m'), 'registry.store.adopt()', 'mlops-nb store adopt', f'registry.trust({names[0]!r})')
    registry.store.adopt()
    registry.load_model('m')


@follows('no model file ; ModelRegistry.export_model(...) writes one', 'store it in the safe format, or say allow_pickle=True',
         'edited by hand in ', 'generate_docker_files(...) writes such a folder')
def test_a_folder_of_a_deployment(registry, tmp_path):
    import joblib
    from mlops_nb import generate_docker_files
    from mlops_nb.serving.deploy import load_artifact
    from mlops_nb.serving.proof import verify
    from mlops_nb.core.rules import digest
    refused(lambda: generate_docker_files('p', tmp_path/'m.arrays', folder=tmp_path), 'export_model(...)')
    registry.register_model(model(), 'm', '1.0.0')
    file = registry.export_model('m', '1.0.0', tmp_path/'out')
    made = generate_docker_files('p', file, folder=tmp_path)
    (made/'app.py').write_text('mine')
    refused(lambda: generate_docker_files('p', file, folder=tmp_path), 'force=True')
    generate_docker_files('p', file, folder=tmp_path, force=True)
    joblib.dump(model(), tmp_path/'m.joblib')
    for no in (False, 'no'): refused(lambda: generate_docker_files('q', tmp_path/'m.joblib', folder=tmp_path, allow_pickle=no), 'allow_pickle=True')
    generate_docker_files('q', tmp_path/'m.joblib', folder=tmp_path, allow_pickle=True)
    sha = digest((tmp_path/'m.joblib').read_bytes())
    refused(lambda: load_artifact(tmp_path/'m.joblib', sha), 'allow_pickle=True')
    load_artifact(tmp_path/'m.joblib', sha, allow_pickle=True)
    refused(lambda: verify(tmp_path/'out'), 'generate_docker_files(...)')


# ---- the course


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    "The calls of a student's notebook, in the folder of a course where no lesson is open yet"
    import subprocess
    from types import SimpleNamespace
    from mlops_nb.course import course, progress
    subprocess.run([sys.executable, ROOT/'tools'/'course.py', '--out', tmp_path/'_course'], check=True, capture_output=True)
    (tmp_path/'lab'/'.mlops-nb').mkdir(parents=True)
    monkeypatch.chdir(tmp_path/'lab')
    monkeypatch.setattr(progress, 'shelf', lambda: tmp_path/'_course')
    monkeypatch.setattr(course, '_desk', SimpleNamespace(lesson=None, names={}, tried={}, revealed=set()))
    return course


def done(text):
    "What a text says to call, done"
    from mlops_nb.course import course
    return eval(text, vars(course))


@follows("no lesson is open; run the first cell of the notebook, which says begin('...')")
def test_a_lesson_is_opened(lesson):
    for ask in (lambda: lesson.check('psi'), lesson.quiz): refused(ask, "begin('...')")
    lesson.begin('distance')
    assert 'not tried' in str(lesson.check('psi'))


@follows('There are hints that you have not seen: ')
def test_the_hints_come_before_the_solution(lesson):
    lesson.begin('distance')
    said = repr(lesson.solution('psi'))
    assert 'return float' not in said
    for _ in range(2): assert 'Hint 1 of 2' in repr(done(re.search(r"hint\('psi'\)", said)[0]))
    assert 'return float' in repr(lesson.solution('psi')) and 'return' in repr(done(re.search(r'solution\(.*?\)', repr(lesson.solution('cut')))[0]))


@follows('First predict, in its cell above: ', 'say for example predict(')
def test_a_prediction_comes_before_the_value(lesson, capsys):
    lesson.begin('distance')
    for name, n in (('vanished', 0), ('chance', 1)):
        said = repr(lesson.reveal(name, 12.5))
        lesson.predict(name)
        calls = re.findall(r'predict\(.*?\)', said)
        assert '12.5' not in said and calls == re.findall(r'predict\(.*?\)', capsys.readouterr().out)[-2:]
        done(calls[n])
        assert '12.5' in repr(lesson.reveal(name, 12.5))


@follows('there are  questions; say for example quiz(', 'question  has  options; say for example quiz(', 'Answer with quiz(question, option), for example quiz(')
def test_a_question_is_answered(lesson, capsys):
    lesson.begin('distance')
    lesson.quiz()
    for said in (refused(lambda: lesson.quiz(9, 1), 'there are 4 questions'), refused(lambda: lesson.quiz(2, 9), 'question 2 has 3 options'), capsys.readouterr().out):
        assert re.match('Right: |Not this one: ', repr(done(re.search(r'quiz\(\d, \d\)', said)[0])))


# ---- the list is whole


# Followed elsewhere, or a choice whose limits the message states
ELSEWHERE = {
    'models/readers.py': 'tests/test_signature.py runs the advice of each type of column', 'serving/packages.py': 'tests/test_deploy.py', 'serving/client.py': 'tests/test_api.py, with an authority of its own',
    'governance/sources.py': 'tests/test_lineage.py', 'monitoring/tasks.py': 'a reason beside a number; the warning about the labels is followed above', 'store/migrations.py': 'for who writes a room of this library',
    'course/marks.py': 'for who writes a lesson: tests/test_course_editions.py', 'raise NotImplementedError()': 'no advice: the body of a stub',
    'sample=': 'a number in a range', 'month=': 'a number in a range', 'limit=': 'a number in a range', 'level=': 'a number in a range',
    'resamples=': 'a number in a range', 'hours=': 'a number in a range', 'window_size=': 'a number in a range',
    'which no package here has brought': 'tests/test_deploy.py', 'recorded_versions=True pins those': 'tests/test_deploy.py',
    '--': 'an option of a command: tests/test_help.py and tests/test_cli.py',
}
FOREIGN = re.compile(r'\\|\n|^([A-Z][A-Za-z]+\(\{|SELECT|select|insert |pragma|BEGIN|round,pad|<\w|<!)|rows, \{\} columns|^import ')
LEVER = re.compile(r'(?<![\w./])[a-z_]{2,}=(?=[\[\w\'"{(]|$)|(?<!\w)--[a-z][a-z-]+|\b\w+(?:\.\w+)*\(')


def text_of(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str): return node.value
    if isinstance(node, ast.JoinedStr): return ''.join(v.value if isinstance(v, ast.Constant) else '{}' for v in node.values)


def sentences(path):
    "Texts in the code of a module, without docstrings and the pieces of other texts"
    tree = ast.parse(path.read_text(encoding='utf8'))
    blocks = [n for n in ast.walk(tree) if isinstance(n, (ast.Module, ast.FunctionDef, ast.ClassDef)) and n.body]
    skip = {id(n.body[0].value) for n in blocks if isinstance(n.body[0], ast.Expr)}
    skip |= {id(v) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for v in n.values}
    found = (text_of(n) for n in ast.walk(tree) if id(n) not in skip)
    return [t for t in found if t and len(t) > 20 and ' ' in t]


def advices():
    "(module, text) of every sentence that names an argument, an option, a method or a function"
    rooms = [p for p in sorted((ROOT/'mlops_nb').glob('*/*.py')) if p.parent.name not in ('cli', '_chapters')]
    return [(p.relative_to(ROOT).as_posix(), t) for p in rooms for t in sentences(p) if LEVER.search(t) and not FOREIGN.search(t)]


def test_every_advice_has_a_row():
    found = advices()
    assert len(found) > 25
    plain = lambda t: re.sub(r'\{\}', '', t)
    lacking = [(p, t) for p, t in found if not any(s in plain(t) or s in t for s in ROWS) and not any(s in t or p.endswith(s) for s in ELSEWHERE)]
    assert not lacking, '\n'.join(f'{p}: {t}' for p, t in lacking)


def test_no_row_speaks_of_a_message_that_is_gone():
    texts = [re.sub(r'\{\}', '', t) for p in (ROOT/'mlops_nb').glob('*/*.py') for t in sentences(p)]
    gone = [s for s in ROWS if not any(s in t for t in texts)]
    assert not gone, gone
