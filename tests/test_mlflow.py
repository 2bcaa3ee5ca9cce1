"A real MLflow loads what we export, and we load what a real MLflow saves, with equal predictions"
from importlib.metadata import version
from pathlib import Path
import importlib.util
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
import skops.io as sio
import yaml

from mlops_nb.core.rules import Conflict, InvalidInput, MissingFile, MlopsError
from mlops_nb.models.formats import UntrustedType
from mlops_nb.registry.mlflow import read_mlflow
from mlops_nb.registry.registry import ModelRegistry
from mlops_nb.models.signature import Signature

MLFLOW = sys.executable if importlib.util.find_spec('mlflow') else os.environ.get('MLOPS_TEST_MLFLOW')
needs_mlflow = pytest.mark.skipif(not MLFLOW, reason='needs MLflow: pip install mlflow skops, here or in an environment whose Python MLOPS_TEST_MLFLOW names')

X = pd.DataFrame({'distance': [200., 1400., 2500., 760.]*10, 'hour': [6, 9, 17, 21]*10, 'origin': ['JFK', 'LGA', 'EWR', 'JFK']*10, 'rain': [True, False, False, True]*10})
y = [0, 0, 1, 1]*10


def pipeline(): return make_pipeline(ColumnTransformer([('o', OneHotEncoder(), ['origin'])], remainder='passthrough'), RandomForestClassifier(10, random_state=0))


def mlflow(cwd, code, *args):
    "Run a program under the Python that has MLflow; what it prints last is JSON"
    env = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'} | {'MLFLOW_DISABLE_TELEMETRY': 'true', 'DO_NOT_TRACK': 'true'}
    done = subprocess.run([MLFLOW, '-W', 'ignore', '-c', code, *map(str, args)], capture_output=True, text=True, env=env, cwd=cwd)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


LOAD = """
import json, sys, mlflow, pandas as pd
folder, rows, named = sys.argv[1], pd.read_parquet(sys.argv[2]), sys.argv[3] == 'True'
X = rows if named else rows.to_numpy()
signature = mlflow.models.Model.load(folder).signature
example = mlflow.models.Model.load(folder).load_input_example(folder)
flavor = mlflow.sklearn.load_model(folder)
print(json.dumps(dict(pyfunc=mlflow.pyfunc.load_model(folder).predict(X).tolist(), sklearn=getattr(flavor, 'predict_proba', flavor.predict)(X).tolist(),
                      columns=[c.name for c in signature.inputs] if named else None, example=None if example is None else len(example))))
"""


@pytest.mark.elsewhere
@needs_mlflow
@pytest.mark.parametrize('kind', ['pipeline', 'array', 'pickle'])
def test_a_real_mlflow_loads_an_export_and_predicts_the_same(tmp_path, kind):
    rows, named = (X, True) if kind != 'array' else (X[['distance', 'hour']].astype(float), False)
    model = pipeline().fit(X, y) if named else LinearRegression().fit(rows.to_numpy(), y)
    with ModelRegistry(tmp_path/'r') as reg:
        reg.register_model(model, 'delay', '1', {'team': 'ops'}, input_example=rows.head(8) if named else rows.head(8).to_numpy(), data_version='d1')
        folder = reg.export_mlflow('delay', '1', tmp_path/'out')
    if kind == 'pickle':                                                        # as MLflow wrote them before 3
        (folder/'model.skops').unlink(); (folder/'model.pkl').write_bytes(pickle.dumps(model))
        said = yaml.safe_load((folder/'MLmodel').read_text().replace('model.skops', 'model.pkl'))
        said['flavors']['sklearn'].update(serialization_format='pickle', skops_trusted_types=None)
        (folder/'MLmodel').write_text(yaml.safe_dump(said))
    rows.to_parquet(tmp_path/'rows.parquet')
    found = mlflow(tmp_path, LOAD, folder, tmp_path/'rows.parquet', named)
    X_ = rows if named else rows.to_numpy()
    np.testing.assert_allclose(found['pyfunc'], model.predict(X_), rtol=1e-12)
    np.testing.assert_allclose(found['sklearn'], model.predict_proba(X_) if named else model.predict(X_), rtol=1e-12)
    if named: assert (found['columns'], found['example']) == (list(X), 5)


SAVE = """
import json, sys, mlflow, pandas as pd
from sklearn.linear_model import LogisticRegression
from mlflow.models import infer_signature
folder, rows, kind = sys.argv[1], pd.read_parquet(sys.argv[2]), sys.argv[3]
model = LogisticRegression(max_iter=1000).fit(rows, [0, 0, 1, 1]*10)
mlflow.sklearn.save_model(model, folder, serialization_format=kind, signature=infer_signature(rows), input_example=rows.head(3), metadata={'team': 'x'})
print(json.dumps(model.predict_proba(rows).tolist()))
"""


@pytest.mark.elsewhere
@needs_mlflow
@pytest.mark.parametrize('kind', ['skops', 'pickle', pytest.param('cloudpickle', marks=pytest.mark.slow)])
def test_what_a_real_mlflow_saves_is_registered_and_predicts_the_same(tmp_path, kind):
    rows = X[['distance', 'hour']]
    rows.to_parquet(tmp_path/'rows.parquet')
    said = mlflow(tmp_path, SAVE, tmp_path/'theirs', tmp_path/'rows.parquet', kind)
    with ModelRegistry(tmp_path/'r') as reg:
        if kind != 'skops':
            with pytest.raises(UntrustedType, match='allow_pickle=True'): reg.import_mlflow(tmp_path/'theirs', 'delay', '1')
            assert reg.list_models() == {}
        reg.import_mlflow(tmp_path/'theirs', 'delay', '1', allow_pickle=kind != 'skops', metrics={'auc': .7}, by='ann')
        model, info = reg.load_model('delay')                                  # no consent: it lies in our safe format now
        np.testing.assert_allclose(model.predict_proba(rows), said, rtol=1e-12)
        assert [(c['name'], c['kind']) for c in info['signature']['columns']] == [('distance', 'number'), ('hour', 'integer')]
        assert info['golden']['rows'] == 3 and len(info['input_example']) == 3 and info['metadata']['team'] == 'x' and info['metadata']['mlflow']['mlflow_version']
        assert info['environment']['scikit-learn'] and info['environment']['python'] and info['format'] != 'pickle'


def folder(path, **flavor):
    "A folder as MLflow writes it"
    path.mkdir(parents=True)
    (path/'model.skops').write_bytes(sio.dumps(LogisticRegression().fit(X[['hour']], y)))
    said = dict(flavors=dict(sklearn=dict(pickled_model='model.skops', serialization_format='skops', sklearn_version='1.5.2') | flavor))
    (path/'MLmodel').write_text(yaml.safe_dump(said))
    return path


def test_a_folder_cannot_name_files_outside_of_itself(tmp_path):
    (tmp_path/'secret').write_bytes(b'secret')
    for i, name in enumerate(('../secret', str(tmp_path/'secret'), 'link')):
        made = folder(tmp_path/f'm{i}', pickled_model=name)
        if name == 'link': (made/'link').symlink_to(tmp_path/'secret')
        with pytest.raises(InvalidInput, match='outside of the folder'): read_mlflow(made)
    said = dict(yaml.safe_load((folder(tmp_path/'e')/'MLmodel').read_text()), saved_input_example_info=dict(type='dataframe', artifact_path='../secret'))
    (tmp_path/'e/MLmodel').write_text(yaml.safe_dump(said))
    with pytest.raises(InvalidInput, match='outside of the folder'): read_mlflow(tmp_path/'e')


@pytest.mark.parametrize('text', ['{"columns": ["hour"], "columns": ["x"], "data": [[1]]}', '{"columns": ["hour"], "data": [[NaN]]}', '['*5000 + ']'*5000, '{'])
def test_an_input_example_is_strict_json_or_is_named(tmp_path, text):
    said = dict(yaml.safe_load((folder(tmp_path/'e')/'MLmodel').read_text()), saved_input_example_info=dict(type='dataframe', artifact_path='example.json'))
    (tmp_path/'e/MLmodel').write_text(yaml.safe_dump(said)); (tmp_path/'e/example.json').write_text(text)
    with pytest.raises(InvalidInput, match="^the input example 'example.json' of .* cannot be read: "): read_mlflow(tmp_path/'e')


def test_the_home_is_a_place_for_mlflow_folders(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    with ModelRegistry(tmp_path/'r') as reg:
        reg.register_model(LogisticRegression().fit(X[['hour']], y), 'm', '1', input_example=X[['hour']])
        assert reg.export_mlflow('m', '1', '~/flow') == tmp_path/'flow' and reg.import_mlflow('~/flow', 'n', '1') == 'n:1'
        assert f"skops=={version('skops')}" in (tmp_path/'flow/requirements.txt').read_text()


class Evil:
    def __reduce__(self): return (os.mkdir, ('owned',))


def test_the_trust_list_inside_of_a_folder_is_not_believed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ModelRegistry(tmp_path/'r') as reg:
        made = folder(tmp_path/'m', skops_trusted_types=['test_mlflow.Evil', 'os.mkdir'])
        (made/'model.skops').write_bytes(sio.dumps(Evil()))
        with pytest.raises(UntrustedType): reg.import_mlflow(made, 'm', '1')
        made = folder(tmp_path/'p', serialization_format='cloudpickle', pickled_model='model.pkl')
        (made/'model.pkl').write_bytes(pickle.dumps(Evil()))
        with pytest.raises(UntrustedType, match='allow_pickle=True'): reg.import_mlflow(made, 'm', '1')
        (made/'MLmodel').write_text('!!python/object/apply:os.mkdir [owned]')
        with pytest.raises(InvalidInput, match='cannot be read'): reg.import_mlflow(made, 'm', '1')
        assert reg.list_models() == {}
    assert not (tmp_path/'owned').exists()


def test_what_is_refused_says_why(tmp_path):
    with pytest.raises(MissingFile, match='no file MLmodel'): read_mlflow(tmp_path)
    with pytest.raises(InvalidInput, match="serialised as 'joblib'. There are 'skops', 'pickle', 'cloudpickle'"): read_mlflow(folder(tmp_path/'a', serialization_format='joblib'))
    with pytest.raises(MissingFile, match="'model.bin', and the folder"): read_mlflow(folder(tmp_path/'b', pickled_model='model.bin'))
    with ModelRegistry(tmp_path/'r') as reg:
        reg.register_model(LogisticRegression().fit(X[['hour']], y), 'm', '1')
        with pytest.raises(Conflict, match='is not empty'): reg.export_mlflow('m', '1', tmp_path/'a')


def test_what_was_exported_imported_and_exported_again_is_the_same_model(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        reg.register_model(pipeline().fit(X, y), 'm', '1', {'digest': 'of the author'}, input_example=X.head(4))
        reg.import_mlflow(reg.export_mlflow('m', '1', tmp_path/'a'), 'm', '2')
        reg.import_mlflow(reg.export_mlflow('m', '2', tmp_path/'b'), 'm', '3')
        found = reg.compare('m:1', 'm:3')
        assert found['params'] == {} and reg.info('m', '3')['metadata']['mlops_nb'] == 'm:2'
        np.testing.assert_array_equal(reg.load_model('m', '3')[0].predict_proba(X), reg.load_model('m', '1')[0].predict_proba(X))


def test_every_kind_of_column_goes_there_and_back(tmp_path):
    frame = pd.DataFrame({'f8': [1.5], 'f4': np.array([1.5], 'f4'), 'i8': [1], 'i2': np.array([1], 'i2'), 's': ['a'], 'b': [True], 't': pd.to_datetime(['2013-01-01']), 'c': pd.Categorical(['x']),
                          'n': pd.array([1], 'Int64')})
    with ModelRegistry(tmp_path/'r') as reg:
        reg.register_model(DummyClassifier().fit(frame, [0]), 'm', '1', input_example=frame)
        back = read_mlflow(reg.export_mlflow('m', '1', tmp_path/'out'))
    assert {c['name']: c['dtype'] for c in back['signature']['columns']} == dict(
        f8='float64', f4='float32', i8='int64', i2='int32', s='str', b='bool', t='datetime64[ns]', c='str', n='int64')
    Signature.from_dict(back['signature']).enforce(back['input_example'])


# ---------------------------------------------------------------- a stranger's folder

FLAVORS = 'flavors: {sklearn: {pickled_model: model.skops, serialization_format: skops}}\n'
SIGNED = FLAVORS + 'signature: {inputs: \'[{"name": "hour", "type": "double"}]\'}\nsaved_input_example_info: {type: dataframe, artifact_path: e}\n'
SECRET = 'db: password: hunter2\n'


def written(path, text, example=None, model=None):
    path.mkdir(parents=True)
    (path/'MLmodel').write_bytes(text if isinstance(text, bytes) else text.encode())
    (path/'model.skops').write_bytes(sio.dumps(LogisticRegression().fit(X[['hour']].to_numpy(), y)) if model is None else model)
    if example is not None: (path/'e').write_text(example)
    return path


def tells(tmp_path, made):
    "What is said of a folder, by reading and by import; nothing is registered"
    with pytest.raises(MlopsError) as read: read_mlflow(made)
    with ModelRegistry(tmp_path/'r') as reg:
        with pytest.raises(MlopsError): reg.import_mlflow(made, 'm', '1')
        assert reg.list_models() == {}
    assert 'hunter2' not in str(read.value) and len(str(read.value)) < 1000
    return str(read.value)


BROKEN = {
    'empty': b'', 'binary': bytes(range(256)), 'utf-16': FLAVORS.encode('utf-16'), 'nul': FLAVORS.encode() + b'\0', 'deep': '['*5000, 'deep mappings': 'a: {'*5000, 'a list': '[1, 2]', 'a text': 'flavors', 'two documents': FLAVORS + '---\n' + FLAVORS,
    'twice the same': FLAVORS + FLAVORS, 'a tag': 'flavors: !!python/object/apply:os.mkdir [owned]', 'an anchor in itself': 'flavors: &a {sklearn: *a}', 'no end': 'flavors: {', 'flavors is a list': 'flavors: [sklearn]',
    'sklearn is a text': 'flavors: {sklearn: x}', 'sklearn is null': 'flavors: {sklearn: null}', 'format is a list': 'flavors: {sklearn: {serialization_format: [a]}}', 'format is a number': 'flavors: {sklearn: {serialization_format: 5}}',
    'format is long': f'flavors: {{sklearn: {{serialization_format: {"x"*100_000}}}}}', 'file is a list': FLAVORS.replace('model.skops', '[a]'), 'file is a number': FLAVORS.replace('model.skops', '5'), 'file is the folder': FLAVORS.replace('model.skops', '.'),
    'file is above': FLAVORS.replace('model.skops', '..'), 'file is long': FLAVORS.replace('model.skops', 'x'*3000), 'file has a NUL': FLAVORS.replace('model.skops', '"a\\0b"'), 'file is absolute': FLAVORS.replace('model.skops', '/etc/passwd'),
    'python_function is a text': FLAVORS.replace('{sklearn', '{python_function: x, sklearn'), 'python version is a list': FLAVORS.replace('{sklearn', '{python_function: {python_version: [3]}, sklearn'), 'version is a list': FLAVORS.replace('skops}}', 'skops, sklearn_version: [1]}}'),
    'metadata is a text': FLAVORS + 'metadata: text', 'metadata is a list': FLAVORS + 'metadata: [a]', 'signature is a text': FLAVORS + 'signature: x', 'inputs is a list': FLAVORS + 'signature: {inputs: [a]}', 'inputs is a number': FLAVORS + 'signature: {inputs: 5}',
    'example is a text': FLAVORS + 'saved_input_example_info: x', 'example type is a list': FLAVORS + 'saved_input_example_info: {type: [dataframe], artifact_path: e}', 'example path is a number': FLAVORS + 'saved_input_example_info: {type: dataframe, artifact_path: 5}',
    'example is above': FLAVORS + 'saved_input_example_info: {type: dataframe, artifact_path: ../../e}', 'example is not there': SIGNED.replace('path: e', 'path: none'), 'run is a list': FLAVORS + 'run_id: [a]', 'a number without end': FLAVORS + f'metadata: {{a: {"9"*5000}}}',
    'laughs': FLAVORS + 'metadata:\n  a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol,lol]\n' + ''.join(f'  a{i}: &a{i} [{",".join([f"*a{i-1}"]*10)}]\n' for i in range(1, 9)),
    'laughs of one long text': FLAVORS + f'metadata: {{a: &a {"x"*9000}, b: [{", ".join(["*a"]*9000)}]}}', 'very many': FLAVORS + 'metadata: {a: [' + 'a,'*200_000 + 'a]}', 'long': FLAVORS + '#' + 'x'*(2 << 20),
}


@pytest.mark.parametrize('name', BROKEN)
def test_a_broken_folder_ends_in_our_errors(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    made = written(tmp_path/'m', BROKEN[name])
    assert tells(tmp_path, made)
    assert not (tmp_path/'owned').exists()


EXAMPLES = ['{', '', '[', '5', '"x"', '{"columns": 5, "data": 7}', '{"columns": ["hour"], "data": 7}', '{"columns": ["hour"], "data": [7]}', '{"columns": ["hour"], "data": ["x"]}', '{"columns": ["hour"], "data": [[1, 2]]}', '{"columns": ["hour", "hour"], "data": [[1, 2]]}',
            '{"columns": [["hour"]], "data": [[1]]}', '{"columns": [null], "data": [[1]]}', '{"columns": ["hour"], "data": [[NaN]]}', '{"columns": ["hour"], "data": [[{}]]}', '{"columns": ["hour"], "data": [[[1]]]}', '{"columns": ["hour"], "data": [["x"]]}', '{"columns": ["other"], "data": [[1]]}',
            '{"columns": ["hour"], "data": [[1e999]]}', '{"columns": ["hour"], "data": ' + '['*3000 + ']'*3000 + '}', '{"columns": {"hour": 1}, "data": [[1]]}', '{"inputs": 5}', '{"inputs": [5]}', '{"inputs": ["x"]}', '{"inputs": {"a": [1]}}', '{"inputs": [[[1]]]}', '{"inputs": [[1, 2], [1]]}', '{"inputs": [null]}',
            '{"columns": ["hour"], "data": [[' + '9'*400 + ']]}', '{"columns": [], "data": []}', '{"columns": ["hour"], "data": []}', '{"columns": ["hour"], "data": [[true]]}']


@pytest.mark.parametrize('kind', ['dataframe', 'ndarray'])
@pytest.mark.parametrize('text', EXAMPLES)
def test_an_odd_example_is_refused_or_left_out_and_never_an_error_of_python(tmp_path, kind, text):
    for i, inputs in enumerate(('[{"name": "hour", "type": "double"}]', '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 1]}}]')):
        made = written(tmp_path/f'm{i}', SIGNED.replace('dataframe', kind).replace('[{"name": "hour", "type": "double"}]', inputs), text)
        with ModelRegistry(tmp_path/f'r{i}') as reg:
            try: reg.import_mlflow(made, 'm', '1')
            except MlopsError: assert reg.list_models() == {}


SIGNATURES = ['', '{', '5', '[]', '[5]', '[{}]', '[{"name": 5, "type": "double"}]', '[{"name": "hour", "type": 5}]', '[{"name": "hour", "type": ["double"]}]', '[{"name": "hour", "type": "array"}]', '[{"name": "hour", "type": "double"}, {"name": "hour", "type": "double"}]',
              '[{"name": "hour", "type": "double", "required": "no"}]', '[{"type": "tensor"}]', '[{"type": "tensor", "tensor-spec": 5}]', '[{"type": "tensor", "tensor-spec": {"dtype": "(2", "shape": [-1, 1]}}]', '[{"type": "tensor", "tensor-spec": {"dtype": "i8,,", "shape": [-1, 1]}}]',
              '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 1000000000000]}}]', '[{"type": "tensor", "tensor-spec": {"dtype": "O", "shape": [-1, 1]}}]', '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": 5}}]', '['*5000, '[{"name": "\\ud800", "type": "double"}]',
              '[{"name": "", "type": "double"}]', '[{"name": "other", "type": "double"}]', '[' + ', '.join(f'{{"name": "c{i}", "type": "long"}}' for i in range(6000)) + ']']


@pytest.mark.parametrize('at', range(len(SIGNATURES)))
def test_an_odd_signature_is_refused_or_left_out(tmp_path, at):
    said = yaml.safe_load(SIGNED) | dict(signature=dict(inputs=SIGNATURES[at]))
    made = written(tmp_path/'m', yaml.safe_dump(said), '{"columns": ["hour"], "data": [[1]]}')
    with ModelRegistry(tmp_path/'r') as reg:
        try: reg.import_mlflow(made, 'm', '1')
        except MlopsError: assert reg.list_models() == {}


def test_a_signature_of_many_columns_is_read(tmp_path):
    inputs = json.dumps([dict(type='double', name=f'column {i}', required=True) for i in range(10_000)])
    made = written(tmp_path/'m', yaml.safe_dump(yaml.safe_load(FLAVORS) | dict(signature=dict(inputs=inputs))))
    assert len(read_mlflow(made)['signature']['columns']) == 10_000


@pytest.mark.parametrize('name', ['MLmodel', 'model.skops', 'e', 'requirements.txt'])
def test_no_file_of_a_folder_may_be_a_link_out_a_pipe_a_folder_or_too_long(tmp_path, name):
    (tmp_path/'secret').write_text(SECRET)
    def broken(kind):
        made = written(tmp_path/kind, SIGNED, '{"columns": ["hour"], "data": [[1]]}')
        path = made/name
        path.unlink(missing_ok=True)
        if kind == 'link': path.symlink_to(tmp_path/'secret')
        if kind == 'link of a link': (made/'a').symlink_to(tmp_path); path.symlink_to('a/secret')
        if kind == 'circle': path.symlink_to(path)
        if kind == 'pipe': os.mkfifo(path)
        if kind == 'device': path.symlink_to('/dev/zero')
        if kind == 'folder': path.mkdir()
        if kind == 'long':
            with open(path, 'wb') as f: f.truncate(5 << 30)                     # a hole: it takes no room
        return made
    for kind, says in {'link': 'outside of the folder', 'link of a link': 'outside of the folder', 'circle': '', 'pipe': 'a FIFO', 'device': 'outside of the folder', 'folder': 'a folder', 'long': 'are read'}.items():
        said = tells(tmp_path, broken(kind))
        assert says in said and 'root:' not in said, (kind, said)


def test_a_link_inside_of_the_folder_and_a_byte_order_mark_are_fine(tmp_path):
    made = written(tmp_path/'m', b'\xef\xbb\xbf' + FLAVORS.encode())
    (made/'model.skops').rename(made/'real'); (made/'model.skops').symlink_to('real')
    (tmp_path/'here').symlink_to(made)
    assert read_mlflow(tmp_path/'here')['data'] == (made/'real').read_bytes()


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    made, real = written(tmp_path/'m', FLAVORS), os.open
    def locked(path, *args, **kwargs):
        if str(path).endswith('model.skops'): raise PermissionError(13, 'Permission denied', str(path))
        return real(path, *args, **kwargs)
    monkeypatch.setattr(os, 'open', locked)
    with pytest.raises(InvalidInput, match="^'model.skops' of .* cannot be read: Permission denied$"): read_mlflow(made)


def test_pins_of_packages_that_the_model_is_not_made_of_are_not_taken_over(tmp_path):
    made = written(tmp_path/'m', FLAVORS)
    lines = ['totally-evil-package==6.6.6', 'numpy==1.26.0', 'scikit-learn==1.5.0', 'scipy==' + '9'*5000, 'pandas==2.2.0; python_version > "3"', 'skops @ https://evil.example/skops.whl', '--index-url https://evil.example', *['']*100_000, 'numpy ==1']
    (made/'requirements.txt').write_text('\n'.join(lines))
    assert read_mlflow(made)['environment'] == {'numpy': '1.26.0', 'scikit-learn': '1.5.0', 'pandas': '2.2.0'}
    (made/'requirements.txt').write_bytes(b'numpy==1.26.0\n\xff\xfe')
    assert read_mlflow(made)['environment'] == {'numpy': '1.26.0'}


def test_metadata_and_numbers_of_any_size_are_kept_as_they_are(tmp_path):
    made = written(tmp_path/'m', FLAVORS + f'metadata: {{a: {2**80}, b: [1, {{c: null}}], d: 1e-3}}\nrun_id: abc\nmlflow_version: 3.17.2\n')
    with ModelRegistry(tmp_path/'r') as reg:
        reg.import_mlflow(made, 'm', '1')
        assert reg.info('m')['metadata'] == dict(a=2**80, b=[1, dict(c=None)], d=1e-3, mlflow=dict(run_id='abc', mlflow_version='3.17.2'))


# ---------------------------------------------------------------- the door from elsewhere

ASKED = []


class Asked(BaseEstimator):
    def fit(self, X, y=None): self.classes_ = [0, 1]; self.n_features_in_ = 1; return self
    def predict(self, X): ASKED.append('predict'); return np.zeros(len(X))
    def predict_proba(self, X): ASKED.append('predict_proba'); return np.ones((len(X), 2))/2
    def transform(self, X): ASKED.append('transform'); return X
    def decision_function(self, X): ASKED.append('decision_function'); return np.zeros(len(X))


def test_a_model_from_there_is_built_and_not_asked(tmp_path):
    made = written(tmp_path/'m', FLAVORS, model=sio.dumps(Asked().fit(None)))
    with ModelRegistry(tmp_path/'r') as reg:
        with pytest.raises(UntrustedType, match='test_mlflow.Asked'): reg.import_mlflow(made, 'm', '1')
        reg.import_mlflow(made, 'm', '1', trusted=['test_mlflow.Asked'])
        assert ASKED == [] and list(reg.trusted()) == ['test_mlflow.Asked'] and type(reg.load_model('m')[0]).__name__ == 'Asked' and ASKED == []


def test_consent_is_for_one_folder(tmp_path):
    "What scikit-learn has of its own loads here afterwards; the next folder is asked about again"
    made = written(tmp_path/'m', FLAVORS, model=sio.dumps(KNeighborsClassifier(3).fit(X[['hour']].to_numpy(), y)))
    with ModelRegistry(tmp_path/'r') as reg:
        with pytest.raises(UntrustedType) as e: reg.import_mlflow(made, 'm', '1')
        assert 'sklearn.neighbors._classification.KNeighborsClassifier' in e.value.types and 'trusted=' in str(e.value)
        with pytest.raises(InvalidInput, match='a list of names'): reg.import_mlflow(made, 'm', '1', trusted=e.value.types[0])
        assert reg.import_mlflow(made, 'm', '1', trusted=e.value.types) == 'm:1'
        assert type(reg.load_model('m')[0]).__name__ == 'KNeighborsClassifier' and list(reg.trusted()) == []
        with pytest.raises(UntrustedType): reg.import_mlflow(made, 'm', '2')
