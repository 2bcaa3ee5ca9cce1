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
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
import skops.io as sio
import yaml

from mlops_nb.core.rules import Conflict, InvalidInput, MissingFile
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
