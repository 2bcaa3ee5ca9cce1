"The contract of the course chapter: every class, method, parameter, default, return key, route and file has its name"
import inspect
import io
import json
import logging
import os
import pickle
import re
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from flask import Flask
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

import mlops_nb
from mlops_nb import DataDriftDetector, DataVersioning, MLPipelineConfig, ModelAPI, ModelClient, ModelMonitor, ModelRegistry, Signature, flights, generate_docker_files
from mlops_nb.core.rules import MlopsError
from mlops_nb.data.nycflights import delay_model, features
from holding import held, holds

NEEDED = inspect.Parameter.empty
SIGNATURES = {
    'MLPipelineConfig': dict(config_path=None), 'MLPipelineConfig.get': dict(key_path=NEEDED, default=None), 'MLPipelineConfig.set': dict(key_path=NEEDED, value=NEEDED), 'MLPipelineConfig.save_config': dict(path=None),
    'ModelRegistry': dict(registry_path='models/registry'), 'ModelRegistry.register_model': dict(model=NEEDED, name=NEEDED, version=NEEDED, metadata=None, overwrite=False),
    'ModelRegistry.load_model': dict(name=NEEDED, version=None), 'ModelRegistry.list_models': {}, 'ModelRegistry.delete_model': dict(name=NEEDED, version=NEEDED),
    'DataVersioning': dict(data_path='data/versions'), 'DataVersioning.version_data': dict(data=NEEDED, name=NEEDED, description=None, parent_version=None),
    'DataVersioning.load_data': dict(version=NEEDED), 'DataVersioning.get_lineage': dict(version=None), 'DataVersioning.compare_versions': dict(version1=NEEDED, version2=NEEDED),
    'ModelAPI': dict(model=NEEDED, preprocessor=None, config=None), 'ModelAPI.run': dict(host='127.0.0.1', port=5000, debug=False),
    'generate_docker_files': dict(project_name=NEEDED, model_path=NEEDED, requirements=None),
    'ModelMonitor': dict(db_path='monitoring.db', window_size=1000),
    'ModelMonitor.log_prediction': dict(input_data=NEEDED, prediction=NEEDED, probability=None, response_time=None, model_version=None, user_id=None),
    'ModelMonitor.log_feedback': dict(prediction_id=NEEDED, actual_value=NEEDED, feedback_type='ground_truth'),
    'ModelMonitor.calculate_metrics': dict(hours=24), 'ModelMonitor.get_dashboard_data': {},
    'DataDriftDetector': dict(reference_data=NEEDED, significance_level=0.05), 'DataDriftDetector.detect_drift': dict(new_data=NEEDED, detailed=True), 'DataDriftDetector.visualize_drift': dict(drift_results=NEEDED),
}


@pytest.mark.parametrize('path', SIGNATURES)
def test_parameters_have_their_names_places_and_defaults(path):
    found = mlops_nb
    for step in path.split('.'): found = getattr(found, step)
    given = [p for p in inspect.signature(found).parameters.values() if p.name != 'self']
    for p, (name, default) in zip(given, SIGNATURES[path].items(), strict=False): assert (p.name, p.default) == (name, default)
    assert len(given) >= len(SIGNATURES[path])
    for more in given[len(SIGNATURES[path]):]:                       # what we add is optional
        assert more.default is not NEEDED and (more.kind is more.KEYWORD_ONLY or path == 'ModelRegistry.list_models'), more


# --- MLPipelineConfig
DEFAULTS = {
    'model': {'name': 'default_model', 'version': '1.0.0', 'algorithm': 'random_forest', 'hyperparameters': {'n_estimators': 100, 'max_depth': 10, 'random_state': 42}},
    'data': {'train_path': 'data/train.csv', 'test_path': 'data/test.csv', 'validation_split': 0.2, 'target_column': 'target'},
    'deployment': {'environment': 'staging', 'api_version': 'v1', 'max_requests_per_minute': 1000, 'timeout_seconds': 30},
    'monitoring': {'drift_threshold': 0.1, 'performance_threshold': 0.85, 'alert_email': None}}


def _same(got, want):
    "Equal in values, types and order of names"
    if isinstance(want, dict):
        assert isinstance(got, dict) and [*got] == [*want]
        for k in want: _same(got[k], want[k])
    else: assert type(got) is type(want) and got == want


def test_configuration_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = MLPipelineConfig()
    _same(config.config, DEFAULTS); _same(json.loads(json.dumps(config.config)), DEFAULTS)
    for section, names in DEFAULTS.items():
        _same(config.get(section), names)
        for name, value in names.items(): _same(config.get(f'{section}.{name}'), value)
    assert config.config_path is None and not [*tmp_path.iterdir()]


def test_configuration_get_and_set():
    config = MLPipelineConfig()
    assert config.get(key_path='no.such.thing') is None and config.get('model.nothing', default=7) == config.get('model.nothing', 7) == 7
    with pytest.warns(UserWarning, match="Did you mean 'timeout_seconds'"): assert config.get('deployment.timeout', 7) == 7
    assert config.set(key_path='deep.er.key', value=[1]) is None and config.get('deep.er.key') == [1]
    with pytest.warns(UserWarning, match="nearest one is 'name'"): config.set('model.owner', 'ann')
    config.set('deployment.environment', 'prod')
    assert (config.get('model.owner'), config.get('deployment.environment'), config.get('model.version')) == ('ann', 'prod', '1.0.0')
    for key, bad in {'data.validation_split': 7, 'deployment.timeout_seconds': '30', 'model.name': 7, 'monitoring': 1}.items():
        with pytest.raises(ValueError): config.set(key, bad)
    for change in (lambda c: c['model'].__setitem__('name', 'x'), lambda c: c['model'].update(name='x'), lambda c: c['model'].pop('name'), lambda c: c['model'].__delitem__('name')):
        with pytest.raises(Exception, match=r"set\('model.name', …\)"): change(config.config)
    assert config.config['model']['name'] == 'default_model'


def test_configuration_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = MLPipelineConfig()
    config.set('model.version', '2.0.0'); config.save_config()
    text = (tmp_path/'config.json').read_text()
    assert text.startswith('{\n  "model": {\n    "name"') and [*json.loads(text)] == [*DEFAULTS] and (tmp_path/'config.json').stat().st_mode & 0o777 == 0o600
    again = MLPipelineConfig(config_path='config.json')
    assert (again.config_path, again.get('model.version')) == ('config.json', '2.0.0')
    again.save_config(path='sub/c.json')
    (tmp_path/'few.json').write_text('{"model": {"name": "mine"}}')
    _same(MLPipelineConfig('few.json').config, {**DEFAULTS, 'model': {**DEFAULTS['model'], 'name': 'mine'}})                 # deep, where the chapter replaced the section
    monkeypatch.chdir(tmp_path/'sub')
    again.set('model.version', '3.0.0'); again.save_config()
    assert [json.loads((tmp_path/p).read_text())['model']['version'] for p in ('config.json', 'sub/c.json')] == ['3.0.0', '2.0.0'] and len([*(tmp_path/'sub').iterdir()]) == 1
    with pytest.raises(FileNotFoundError): MLPipelineConfig('none.json')


def test_configuration_hides_secrets_and_get_resolves_them(monkeypatch):
    monkeypatch.setenv('PW', 'hunter2')
    config = MLPipelineConfig()
    config.set('db', {'password': '${PW}', 'token': 'hunter2', 'host': 'h'})
    assert config.get('db.password') == config.get('db')['password'] == config.get('db')['token'] == 'hunter2'
    assert 'hunter2' not in repr(config.get('db')) + repr(config.config) + repr(config) and "'host': 'h'" in repr(config.get('db'))


@pytest.fixture(scope='module')
def trained():
    known = flights((1, 2), sample=1500).dropna(subset=['late'])
    X = features(known)
    return delay_model(0).fit(X, known['late'].astype(int)), X


# --- ModelRegistry
@pytest.fixture
def churn():
    X = pd.DataFrame({'a': [0., 1., 2., 3.], 'b': [3., 1., 2., 0.]})
    return LogisticRegression().fit(X, [0, 0, 1, 1]), X


def test_registry_verbs_and_what_they_give(tmp_path, monkeypatch, churn):
    monkeypatch.chdir(tmp_path)
    model, X = churn
    registry = ModelRegistry(registry_path='models/registry')
    assert registry.registry_path == tmp_path/'models/registry' and type(registry.registry_path) is type(tmp_path)
    assert registry.register_model(model=model, name='churn', version='1.9.0', metadata={'accuracy': 0.95}, overwrite=False) == 'churn:1.9.0'
    assert registry.register_model(model, 'churn', '1.10.0', {'a': [1, None]}) == 'churn:1.10.0'
    with pytest.raises(ValueError, match='overwrite=True'): registry.register_model(model, 'churn', '1.10.0')
    assert registry.register_model(model, 'churn', '1.10.0', None, True) == 'churn:1.10.0'
    got = registry.load_model('churn')
    assert type(got) is tuple and len(got) == 2 and (got[0].predict_proba(X) == model.predict_proba(X)).all()
    assert registry.load_model(name='churn', version='1.9.0')[1]['metadata'] == {'accuracy': 0.95} and registry.load_model('churn', None)[1]['version'] == '1.10.0'
    listed = registry.list_models()
    assert type(listed) is dict and list(listed) == ['churn:1.9.0', 'churn:1.10.0'] and registry.metadata == {'models': listed} and json.loads(json.dumps(listed)) == listed
    for info in listed.values():
        assert set(info) >= {'name', 'version', 'path', 'registered_at', 'metadata', 'digest', 'environment', 'signature', 'data_version', 'aliases'}
        assert {k: type(info[k]) for k in ('name', 'version', 'path', 'registered_at', 'metadata')} == {'name': str, 'version': str, 'path': str, 'registered_at': str, 'metadata': dict}
        assert Path(info['path']).is_absolute() and Path(info['path']).is_file() and datetime.fromisoformat(info['registered_at']).utcoffset() == timedelta(0)
    with pytest.raises(AttributeError): registry.metadata = {}
    assert registry.delete_model(name='churn', version='1.10.0') is None and registry.load_model('churn')[1]['version'] == '1.9.0'
    with pytest.raises(ValueError, match='overwrite=True'): registry.register_model(model, 'churn', '1.10.0')          # it is in the trash
    assert registry.register_model(model, 'churn', '1.10.0', overwrite=True) == 'churn:1.10.0' and len(registry.list_models()) == 2
    for unknown in (lambda: registry.delete_model('churn', '7'), lambda: registry.delete_model('nobody', '1.9.0'), lambda: registry.load_model('nobody'), lambda: registry.load_model('churn', '7')):
        with pytest.raises(ValueError): unknown()
    Path(listed['churn:1.9.0']['path']).unlink()
    with pytest.raises(FileNotFoundError): registry.load_model('churn', '1.9.0')


def test_registry_survives_another_folder_and_knows_the_home(tmp_path, monkeypatch, churn):
    for name in ('here', 'else', 'home'): (tmp_path/name).mkdir()
    monkeypatch.chdir(tmp_path/'here'); monkeypatch.setenv('HOME', str(tmp_path/'home'))
    registry, home = ModelRegistry('reg'), ModelRegistry('~/reg')
    registry.register_model(churn[0], 'm', '1.0.0')
    monkeypatch.chdir(tmp_path/'else')
    registry.register_model(churn[0], 'm', '2.0.0'); home.register_model(churn[0], 'h', '1')
    assert registry.load_model('m', '1.0.0')[1]['path'].startswith(str(tmp_path/'here/reg')) and registry.registry_path == tmp_path/'here/reg'
    assert (registry.export_model('m', '1.0.0', 'out'), home.export_model('h', None, '~/out')) == (tmp_path/'else/out/m-1.0.0.arrays', tmp_path/'home/out/h-1.arrays')
    assert home.registry_path == tmp_path/'home/reg' and {p.name for p in (tmp_path/'home').iterdir()} == {'reg', 'out'} and {p.name for p in (tmp_path/'else').iterdir()} == {'out'}


def test_registry_refuses_what_is_no_model_or_no_version(tmp_path, churn):
    registry = ModelRegistry(tmp_path/'r')
    for bad in (None, 'model', b'model', Path('m.pkl'), 7, 0.5, True, np.float64(1), LogisticRegression, int):
        with pytest.raises(ValueError, match='no model'): registry.register_model(bad, 'm', '1.0.0', allow_pickle=True)
    for bad, says in ((1.0, "write '1.0'"), (2, "write '2'"), (None, "like '1.2.0'"), ('', "like '1.2.0'"), ('latest', "like '1.2.0'")):
        with pytest.raises(ValueError, match=says): registry.register_model(churn[0], 'm', bad)
    for bad in ('good', 7, [('a', 1)]):
        with pytest.raises(ValueError, match='give a dict'): registry.register_model(churn[0], 'm', '1.0.0', bad)
    assert registry.list_models() == {} and registry.metadata == {'models': {}} and registry.ledger() == [] and registry.store.gc(grace=-1) == []


# --- DataVersioning

def rows(seed=0, n=400):
    r = np.random.default_rng(seed)
    return pd.DataFrame({'a': r.normal(size=n), 'b': r.integers(0, 9, n), 'c': r.choice(list('xyz'), n)})


def is_it(got, want): assert type(got) is type(want) and got == want, (got, want)


def blobs_below(folder): return {p: p.stat().st_mtime_ns for p in Path(folder).rglob('*') if p.is_file() and 'blobs' in p.parts}


def test_data_versions_have_ids_and_the_same_data_is_stored_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with DataVersioning(data_path='dv') as d:
        assert isinstance(d.data_path, Path) and d.data_path == tmp_path/'dv'
        a = d.version_data(data=rows(), name='cust', description='raw', parent_version=None)
        b = d.version_data(rows(1), 'cust', 'more', a)
        assert re.fullmatch('cust_[0-9a-f]{16}', a) and re.fullmatch('cust_[0-9a-f]{16}', b) and a != b
        before = blobs_below('dv')
        with pytest.warns(UserWarning) as told:
            for parent in (a, b, None): is_it(d.version_data(rows(), 'cust', parent_version=parent), a)
            is_it(d.version_data(rows(), 'cust', description='another'), a)
        is_it(d.version_data(rows(1), 'cust', 'more', a), b)                          # nothing new, and no warning
        assert [(repr(x) in str(w.message), 'not noted' in str(w.message)) for w, x in zip(told, (a, b, 'another'), strict=True)] == [(True, True)]*3
        assert blobs_below('dv') == before and [r['parent_version'] for r in d.get_lineage().values()] == [None, a]
        rows().to_csv('cust.csv', index=False)
        is_it(d.version_data('cust.csv', 'cust'), d.version_data(pd.read_csv('cust.csv', float_precision='round_trip'), 'cust'))     # a file is what pandas reads from it
        for bad in (5, [1, 2], None):
            with pytest.raises(ValueError): d.version_data(bad, 'cust')
        with pytest.raises(ValueError, match="no data version 'nobody'"): d.version_data(rows(2), 'cust', parent_version='nobody')
        with pytest.raises(FileNotFoundError): d.version_data('none.csv', 'cust')


def test_data_versions_are_named_by_any_unique_beginning(tmp_path):
    with DataVersioning(tmp_path/'d') as d:
        a, b = d.version_data(rows(), 'cust'), d.version_data(rows(1), 'cust')
        full = d.get_lineage()[a]['digest']
        for known in (a, f'cust_{full}', f'cust_{full[:20]}', f'cust_{full[:9]}', full, full[:40], full[:16], full[:9]): pd.testing.assert_frame_equal(d.load_data(version=known), rows())
        for unknown in ('cust_ffffffffffffffff', f'cust_{full}0', f'other_{full}', full.upper(), 'cust_' + 'f'*64, 'nobody'):
            with pytest.raises(ValueError, match='no data version'): d.load_data(unknown)
        with pytest.raises(ValueError) as e: d.load_data('cust_')
        assert a in str(e.value) and b in str(e.value)
        (tmp_path/'photo.bin').write_bytes(bytes(range(256)))
        is_it(d.load_data(d.version_data(tmp_path/'photo.bin', 'photo')), bytes(range(256)))


def test_data_versions_records_and_lineage(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with DataVersioning('dv') as d:
        a = d.version_data(rows(), 'cust', 'raw'); b = d.version_data(rows(1), 'cust', parent_version=a); c = d.version_data(rows(2), 'end', parent_version=b)
        whole, chain = d.get_lineage(), d.get_lineage(version=c)
        is_it(list(whole), [a, b, c]); assert type(whole) is dict and type(chain) is list
        is_it([r['version'] for r in chain], [c, b, a]); is_it(chain[-1], whole[a]); is_it([r['version'] for r in d.get_lineage(a)], [a])
        for version, r in whole.items():
            is_it(r['version'], version); is_it(version, f"{r['name']}_{r['hash']}"); is_it(r['digest'][:16], r['hash']); is_it(len(r['digest']), 64)
            assert type(r['size_mb']) is float and r['size_mb'] > 0 and type(r['path']) is str and Path(r['path']).is_file()
            assert datetime.fromisoformat(r['created_at']).tzinfo is not None
        is_it([(r['description'], r['parent_version']) for r in chain], [(None, b), (None, a), ('raw', None)])
        is_it(d.lineage, {'datasets': whole}); json.dumps(d.lineage, allow_nan=False)
        with pytest.raises(AttributeError): d.lineage = {}
        d.lineage['datasets'].clear(); is_it(set(d.lineage['datasets']), {a, b, c})                     # a copy, read anew
        (tmp_path/'else').mkdir(); monkeypatch.chdir('else')
        assert Path(whole[a]['path']).is_file()
        with pytest.raises(ValueError): d.get_lineage('cust_ffffffffffffffff')


def test_data_versions_compared(tmp_path):
    x = rows(); y = x.assign(new=1.0, b=x['b'].astype(float)).drop(columns='c').head(300)
    with DataVersioning(tmp_path/'d') as d:
        c = d.compare_versions(version1=d.version_data(x, 'd'), version2=d.version_data(y, 'd'))
        is_it(c['shape_change'], {'from': (400, 3), 'to': (300, 3)})
        is_it((c['columns_added'], c['columns_removed'], sorted(c['common_columns'])), (['new'], ['c'], ['a', 'b']))
        is_it(c['dtype_changes'], {'b': {'from': str(x['b'].dtype), 'to': str(y['b'].dtype)}})
        json.dumps(c, allow_nan=False)
        with pytest.raises(ValueError): d.compare_versions('nobody', d.version_data(x, 'd'))


# --- ModelAPI and its client


def is_a(value, kind): assert type(value) is kind, (value, kind)


def aware(text): assert datetime.fromisoformat(text).utcoffset() == timedelta(0); return True


def forest(n=5):
    X = np.random.default_rng(0).normal(size=(200, n))
    return RandomForestClassifier(5, random_state=0).fit(X, (X[:, 0] > 0).astype(int)), X


def test_api(trained):
    with ModelAPI(trained[0], config={'model': {'version': '3.2.1'}}, signature=Signature.infer(trained[1])) as api:
        client, row = api.app.test_client(), json.loads(trained[1].iloc[[0]].to_json(orient='records'))
        health, info = client.get('/health').get_json(), client.get('/model_info').get_json()
        one, many = client.post('/predict', json=row[0]).get_json(), client.post('/batch_predict', json={'instances': row*3, 'batch_size': 2}).get_json()
    assert set(health) >= {'status', 'uptime_seconds', 'requests_served', 'error_rate'}
    assert set(info) >= {'model_type', 'model_version', 'features', 'n_features', 'config'} and info['n_features'] == 16 and info['features'] == list(trained[1])
    assert set(one) >= {'predictions', 'probabilities', 'processing_time_seconds', 'model_version', 'timestamp'} and one['model_version'] == '3.2.1'
    assert set(many) >= {'predictions', 'probabilities', 'num_instances', 'processing_time_seconds', 'throughput_per_second', 'timestamp'} and many['num_instances'] == 3


def test_api_attributes():
    model, X = forest()
    api = ModelAPI(model=model, preprocessor=None, config=None)
    assert api.model is model and api.preprocessor is None and isinstance(api.app, Flask) and isinstance(api.logger, logging.Logger) and api.config.get('model.name')
    assert api.start_time.utcoffset() == timedelta(0) and (api.request_count, api.error_count) == (0, 0)
    api.app.test_client().post('/predict', json=X[0].tolist())
    is_a(api.request_count, int); is_a(api.error_count, int)
    assert (api.request_count, api.error_count) == (1, 0)
    api.close()


def test_api_health():
    model, X = forest()
    with ModelAPI(model) as api:
        client = api.app.test_client()
        health = client.get('/health').get_json()
        for key, kind in dict(status=str, uptime_seconds=float, requests_served=int, error_rate=float).items(): is_a(health[key], kind)
        assert (health['status'], health['requests_served'], health['error_rate']) == ('healthy', 0, 0.0)
        client.post('/predict', json=X[0].tolist())
        assert client.get('/health').get_json()['requests_served'] == 1


def test_api_health_tells_of_a_model_that_always_fails():
    class Broken:
        def predict(self, X): raise RuntimeError('secret-4711')
    with ModelAPI(Broken()) as api:
        client = api.app.test_client()
        for _ in range(30):
            answer = client.post('/predict', json={'a': 1})
            assert answer.status_code == 500 and 'secret' not in answer.text and set(answer.get_json()) >= {'error', 'timestamp', 'request_id'}
        health = client.get('/health')
        assert health.status_code == 200 and health.get_json()['status'] != 'healthy' and health.get_json()['error_rate'] == 1.0 and 'secret' not in health.text


def test_api_answers_have_their_types():
    model, X = forest()
    scaler = StandardScaler().fit(X)
    model.fit(scaler.transform(X), X[:, 0] > 0)
    row = {f'feature_{i}': v for i, v in enumerate([1.5, -.5, 2., 0., -1.])}
    want, chances = (f(scaler.transform([[*row.values()]])).tolist() for f in (model.predict, model.predict_proba))
    with ModelAPI(model, scaler) as api:
        client = api.app.test_client()
        for body, n in ((row, 1), ([row]*3, 3), ([dict(reversed(row.items())) if k else row for k in range(2)], 2), ([*row.values()], 1)):
            one = client.post('/predict', json=body).get_json()
            assert (one['predictions'], one['probabilities'], one['model_version']) == (want*n, chances*n, 'unknown') and aware(one['timestamp'])
            is_a(one['processing_time_seconds'], float)
        many = client.post('/batch_predict', json={'instances': [row]*5, 'batch_size': 2, 'more': 1}).get_json()
        assert (many['predictions'], many['probabilities'], many['num_instances']) == (want*5, chances*5, 5) and aware(many['timestamp'])
        for key in ('processing_time_seconds', 'throughput_per_second'): is_a(many[key], float)
        none = client.post('/batch_predict', json={'instances': []})
        assert none.status_code == 200 and [none.get_json()[k] for k in ('predictions', 'probabilities', 'num_instances')] == [[], [], 0]
        assert client.post('/batch_predict', json={'instances': [row]}).status_code == 200               # batch_size has a default
        for bad in ({'instances': row}, {'instances': 'x'}, {'instances': None}, {}, [row], {'batch_size': 2}): assert client.post('/batch_predict', json=bad).status_code == 422
    with ModelAPI(LinearRegression().fit(X, X[:, 0])) as api: assert api.app.test_client().post('/predict', json=X[0].tolist()).get_json()['probabilities'] is None


def test_api_model_info():
    model, X = forest()
    touched = MLPipelineConfig()
    touched.set('model.version', '2.0.0')
    for config, version in ((None, 'unknown'), ({'model.version': '3'}, '3'), ({'model': {'version': '4'}}, '4'), (touched, '2.0.0'), (MLPipelineConfig(), 'unknown'), ({'model.name': 'm'}, 'unknown')):
        with ModelAPI(model, config=config) as api: info = api.app.test_client().get('/model_info').get_json()
        assert (info['model_type'], info['model_version'], info['features'], info['n_features']) == ('RandomForestClassifier', version, None, 5)
        assert {'model', 'data', 'deployment', 'monitoring'} <= set(info['config'])
    with ModelAPI(model, config={'database': {'password': 'hunter2'}}) as api: assert 'hunter2' not in api.app.test_client().get('/model_info').text
    class Own:
        def predict(self, X): return [0]*len(X)
    with ModelAPI(Own()) as api: assert [api.app.test_client().get('/model_info').get_json()[k] for k in ('model_type', 'features', 'n_features')] == ['Own', None, None]


@pytest.mark.parametrize('body', ['{', '{}', '[]', 'null', '"x"', '7', '', '[[1, 2]', '{"a": NaN}'])
@pytest.mark.parametrize('route', ['/predict', '/batch_predict'])
def test_api_refuses_a_body_that_is_no_input(body, route):
    with ModelAPI(forest()[0]) as api: answer = api.app.test_client().post(route, data=body, content_type='application/json')
    said = answer.get_json()
    assert answer.status_code in (400, 422) and answer.content_type == 'application/problem+json' and set(said) >= {'error', 'timestamp', 'request_id'} and aware(said['timestamp'])
    assert 'Traceback' not in answer.text


def test_client():
    model, X = forest()
    rows = pd.DataFrame(X[:7], columns=list('edcba'))
    with ModelAPI(model, config={'model.version': '3'}) as api, api.start() as server:
        client = ModelClient(server.url)
        one, many = client.predict(rows.iloc[0].to_dict()), client.batch_predict(rows, batch_size=3)
        assert one['predictions'] == model.predict(X[:1]).tolist() and many['predictions'] == model.predict(X[:7]).tolist() and many['num_instances'] == 7
        assert client.health()['status'] == 'healthy' and client.model_info()['model_version'] == '3'
        assert client.batch_predict(rows[:0])['predictions'] == []


# --- generate_docker_files


def test_docker_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ModelRegistry('r') as registry:
        registry.register_model(LogisticRegression().fit([[0.], [1.]], [0, 1]), 'm', '1')
        path = registry.export_model('m', '1', 'out')
    for name in ('shop', 'churn_model', 'My-Model.2', '1st', 'true', '1_000', 'null'):
        folder = generate_docker_files(project_name=name, model_path=path, requirements=['click'])
        assert folder.name == f'deployment_{name}' and {p.name for p in folder.iterdir()} >= {'Dockerfile', 'requirements.txt', 'docker-compose.yml', 'nginx.conf', 'app.py', 'build.sh'}
        compose, nginx, app, build = (yaml.safe_load((folder/'docker-compose.yml').read_text()), *((folder/n).read_text() for n in ('nginx.conf', 'app.py', 'build.sh')))
        assert list(compose['services']) == [name.lower(), 'nginx'] and 'HEALTHCHECK' in (folder/'Dockerfile').read_text()
        api, proxy = compose['services'].values()
        assert {'MODEL_PATH', 'PORT'} <= set(api['environment']) and 'healthcheck' in api and api['restart'] == proxy['restart'] == 'unless-stopped'
        resources = api['deploy']['resources']
        assert [resources[k][w] for k in ('limits', 'reservations') for w in ('memory', 'cpus')] == ['1G', '0.5', '512M', '0.25']
        assert api['ports'] == ['127.0.0.1:5000:5000'] and proxy['ports'][0].startswith('${') and ':-80}' in proxy['ports'][0]
        health = re.search(r'location = /health \{([^}]*)\}', nginx)[1]
        assert 'access_log off' in health and 'access_log off' not in nginx.replace(health, '') and 'proxy_set_header X-Forwarded-For' in nginx and 'proxy_read_timeout 30s' in nginx
        assert all(f"os.environ.get('{n}')" in app for n in ('MODEL_PATH', 'PORT')) and 'ModelRegistry' in app
        assert os.access(folder/'build.sh', os.X_OK) and all(word in build for word in ('sha256sum', 'docker build', 'docker tag', 'docker compose up', 'http://', 'logs'))
        assert re.search(r'^click==', (folder/'requirements.txt').read_text(), re.M)
    with pytest.raises(FileNotFoundError): generate_docker_files('shop', 'none.arrays')
    (tmp_path/'m.pkl').write_bytes(pickle.dumps(LogisticRegression()))
    with pytest.raises(mlops_nb.MlopsError, match='allow_pickle=True'): generate_docker_files('old', 'm.pkl')
    (tmp_path/'deployment_shop'/'nginx.conf').write_text('# mine')
    with pytest.raises(ValueError, match='nginx.conf'): generate_docker_files('shop', path)
    assert (tmp_path/'deployment_shop'/'nginx.conf').read_text() == '# mine'


# --- ModelMonitor
def same(got, wanted): assert type(got) is type(wanted) and got == wanted, (got, wanted)


ALERTS = {'accuracy_degradation', 'precision_degradation', 'recall_degradation', 'high_latency', 'high_error_rate'}


def test_monitor_attributes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ModelMonitor() as w: assert (w.db_path, w.window_size) == ('monitoring.db', 1000) and (tmp_path/'monitoring.db').is_file()
    with ModelMonitor(db_path=str(tmp_path/'m.db'), window_size=5) as w:
        assert isinstance(w.thresholds, dict) and w.db_path == str(tmp_path/'m.db') and w.window_size == 5
        same(json.loads(json.dumps(w.thresholds)), {'accuracy': .8, 'precision': .7, 'recall': .7, 'response_time': 1.0, 'error_rate': .05})
        same(w.alerts, [])
        w.thresholds['accuracy'] = .4; same(w.thresholds['accuracy'], .4)
        for bad in ('acuracy', 'p95'):
            with pytest.raises((KeyError, ValueError), match=f'no threshold {bad!r}'): w.thresholds[bad] = .5
        for key, value in (('accuracy', 2), ('accuracy', '0.8'), ('response_time', 0), ('error_rate', float('nan'))):
            with pytest.raises(ValueError, match='it must be'): w.thresholds[key] = value
        w.thresholds = {'recall': .1}; same(dict(w.thresholds), {'accuracy': .8, 'precision': .7, 'recall': .1, 'response_time': 1.0, 'error_rate': .05})
    said = MLPipelineConfig(); said.set('monitoring.performance_threshold', .66)
    for config, accuracy in ((None, .8), (MLPipelineConfig(), .8), ({'monitoring': {'drift_threshold': .3}}, .8), ({'monitoring': {'performance_threshold': .66}}, .66), (said, .66)):
        with ModelMonitor(tmp_path/'m.db', config=config) as w: same(dict(w.thresholds), {'accuracy': accuracy, 'precision': .7, 'recall': .7, 'response_time': 1.0, 'error_rate': .05})


def test_monitor_metrics(tmp_path):
    with ModelMonitor(tmp_path/'m.db') as w:
        empty = w.calculate_metrics(hours=24)
        assert type(empty['error']) is str and (empty['total_predictions'], empty['total_requests'], empty['error_rate'], empty['accuracy']) == (0, 0, None, None)
        same(empty['calculation_period_hours'], 24); same(w.calculate_metrics(1.5)['calculation_period_hours'], 1.5)
        ids = [w.log_prediction(input_data={'f': i*.1}, prediction=1, probability=.5, response_time=.2, model_version=1.5, user_id=42) for i in range(100)]
        assert all(type(i) is str for i in ids) and ids == sorted(ids) and len(set(ids)) == 100
        for k, i in enumerate(ids[:60]): same(w.log_feedback(prediction_id=i, actual_value=int(k % 2 == 0)), None)
        m = w.calculate_metrics()
        assert set(m) >= {'accuracy', 'avg_response_time', 'p95_response_time', 'error_rate', 'total_predictions', 'total_requests', 'calculation_period_hours', 'timestamp'} and 'error' not in m
        same([m[k] for k in ('accuracy', 'total_predictions', 'total_requests', 'error_rate')], [.5, 60, 100, 0.])
        assert (m['avg_response_time'], m['p95_response_time']) == (pytest.approx(.2), .2) and datetime.fromisoformat(m['timestamp']).tzinfo
        assert set(w.predictions().model_version) == {'1.5'} and w.calculate_metrics(model_version=1.5)['total_requests'] == 100
        w.log_prediction({}, None, error='boom')
        m = w.calculate_metrics(); assert (m['total_predictions'], m['total_requests'], m['error_rate']) == (60, 101, 1/101)
        json.dumps(m, allow_nan=False)


def test_monitor_alerts_and_dashboard(tmp_path):
    with ModelMonitor(tmp_path/'m.db') as w:
        ids = w.log_predictions([{}]*60, [1]*60, response_time=3.)
        w.log_feedbacks(ids[:29], [0]*29)
        assert {a['type'] for a in w.alerts} == {'high_latency'}                                        # 29 labels: quality is not judged
        w.log_feedbacks(ids[:30], [0]*30); w.log_prediction({}, None, error='boom')
        assert {a['type'] for a in w.alerts} == {'high_latency', 'accuracy_degradation', 'precision_degradation'}   # no one was positive: recall is 0/0
        for _ in range(5): w.log_prediction({}, None, error='boom')
        d = w.get_dashboard_data(); json.dumps(d, allow_nan=False)
        assert set(d) >= {'metrics', 'alerts', 'hourly_requests', 'dashboard_updated'} and type(d['hourly_requests']) is dict
        assert sum(d['hourly_requests'].values()) == 66 == d['metrics']['total_requests'] and 0 not in d['hourly_requests'].values() and len(d['hourly_requests']) <= 2
        for h in [*d['hourly_requests'], d['dashboard_updated']]: assert datetime.fromisoformat(h).tzinfo
        assert d['alerts'] == w.alerts and len(w.alerts) == 4 and {a['type'] for a in w.alerts} <= ALERTS
        assert all(set(a) >= {'type', 'message', 'severity', 'timestamp'} and a['severity'] in ('high', 'medium') and type(a['message']) is str for a in d['alerts'])
        assert [a['timestamp'] for a in w.alerts] == sorted((a['timestamp'] for a in w.alerts), reverse=True)
        w.thresholds['error_rate'] = .5; w.thresholds['response_time'] = None                           # counts from the next judgement on
        assert {a['type'] for a in w.check_alerts()} == {'accuracy_degradation', 'precision_degradation'}
        for actual in (1, 1.0, True, np.int64(1)):
            w.log_feedback(ids[0], actual); assert w.calculate_metrics()['accuracy'] == pytest.approx(1/30)


def test_monitor_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ModelMonitor(':memory:') as w: w.log_prediction({'a': 1}, 1); assert w.calculate_metrics()['total_requests'] == 1
    assert not any(tmp_path.iterdir())


# --- DataDriftDetector
def numbers(seed, mean=0., sd=1., p=(.5, .3, .2), n=1000):
    r = np.random.default_rng(seed)
    return pd.DataFrame({'f1': r.normal(mean, sd, n), 'f2': r.normal(5, 2, n), 'c1': r.choice(list('ABC'), n, p=p), 'c2': r.choice(list('XY'), n, p=[.7, .3])})


NUMERIC = dict(feature=str, drift_detected=bool, ks_statistic=float, ks_p_value=float, mean_change=float, std_change=float, psi_score=float, drift_severity=str)
CATEGORICAL = dict(feature=str, drift_detected=bool, chi2_statistic=float, chi2_p_value=float, psi_score=float, new_categories=list, missing_categories=list, drift_severity=str)
SUMMARY = dict(total_features=int, drifted_features=int, drift_percentage=float, numerical_drifts=list, categorical_drifts=list, high_severity_drifts=list, skipped=dict)


def types_are(row, wanted):
    for k, t in wanted.items(): assert type(row[k]) is t, (k, row[k])


def well_shaped(out):
    "A drift result as the contract has it, whatever was found"
    json.dumps(out, allow_nan=False)
    types_are(out, dict(timestamp=str, overall_drift=bool, drift_score=float, feature_drifts=dict, summary=dict))
    types_are(out['summary'], SUMMARY)
    s, f = out['summary'], out['feature_drifts']
    for name, row in f.items():
        types_are(row, NUMERIC if 'ks_statistic' in row else CATEGORICAL)
        assert type(name) is str and row['feature'] == name and row['drift_severity'] in ('low', 'medium', 'high')
        assert all(np.isfinite(v) for v in row.values() if type(v) is float)
        if 'ks_statistic' in row: assert row['mean_change'] >= 0 and row['std_change'] >= 0
    drifted = [n for n, row in f.items() if row['drift_detected']]
    assert sorted(s['numerical_drifts'] + s['categorical_drifts']) == sorted(drifted) and s['drifted_features'] == len(drifted) and set(s['high_severity_drifts']) <= set(drifted)
    assert not set(s['skipped']) & set(f) and out['overall_drift'] == bool(drifted)
    assert out['drift_score'] == (len(drifted)/s['total_features'] if s['total_features'] else 0.) and s['drift_percentage'] == 100*out['drift_score']
    return out


def test_drift_results():
    ref, new = numbers(0), numbers(1, .5, 1.2, (.3, .4, .3), 500)
    d = DataDriftDetector(reference_data=ref, significance_level=.05)
    out = well_shaped(d.detect_drift(new_data=new, detailed=True))
    s, f = out['summary'], out['feature_drifts']
    assert (s['numerical_drifts'], s['categorical_drifts'], s['total_features'], s['drifted_features'], s['drift_percentage'], out['drift_score']) == (['f1'], ['c1'], 4, 2, 50.0, .5)
    assert f['f1']['mean_change'] == pytest.approx(abs(new.f1.mean() - ref.f1.mean())/ref.f1.std(), abs=1e-12)
    assert f['f1']['std_change'] == pytest.approx(abs(new.f1.std() - ref.f1.std())/ref.f1.std(), abs=1e-12)
    assert set(f) == set(ref) and set(well_shaped(d.detect_drift(new, detailed=False))['feature_drifts'] or 'x') == {'f1', 'c1'}
    assert well_shaped(DataDriftDetector(ref).detect_drift(numbers(2, -.5)))['feature_drifts']['f1']['mean_change'] > .3      # no sign
    gone = well_shaped(d.detect_drift(new.drop(columns=['f2', 'c2'])))
    assert gone['feature_drifts']['f2']['drift_severity'] == gone['feature_drifts']['c2']['drift_severity'] == 'high' and gone['summary']['drifted_features'] == 4
    assert type(d.drift_history) is list and [len(h['feature_drifts']) for h in d.drift_history] == [4, 2, 4]


def test_drift_attributes():
    ref = numbers(0).assign(same=7., day=pd.Timestamp('2013-01-01'))
    d = DataDriftDetector(ref, .01)
    kept = ref.copy()
    ref['f1'] += 100
    pd.testing.assert_frame_equal(d.reference_data, kept)
    assert (d.significance_level, d.drift_history) == (.01, []) and set(d.reference_stats) >= {'numerical', 'categorical', 'correlations'}
    assert set(d.reference_stats['numerical']) == {'f1', 'f2', 'same', 'day'} and set(d.reference_stats['categorical']) == {'c1', 'c2'}
    assert d.reference_stats['correlations']['f1']['f2'] == pytest.approx(kept.f1.corr(kept.f2))
    json.dumps(d.reference_stats, allow_nan=False)
    for _ in range(102): d.detect_drift(kept.head(3))
    assert len(d.drift_history) == 100


def test_drift_of_odd_columns_is_strict_json():
    "What is undefined is a number; names are texts; what cannot be judged is named"
    r, n = np.random.default_rng(0), 400
    ref = pd.DataFrame({2013: r.normal(size=n), ('a', 1): 7., 'inf': np.inf, 'huge': r.uniform(-1, 1, size=n)*1e308, 'gap': np.nan, 'id': [f'u{i}' for i in range(n)], 'list': [[1]]*n,
                        'flag': r.random(n) < .5, 'day': pd.Timestamp('2013-01-01') + pd.to_timedelta(r.random(n), unit='D'), 'mixed': [1, 'a', (2, 3), pd.Timestamp('2013')]*(n//4),
                        'int': pd.array(r.integers(0, 9, n), 'Int64'), 'cat': pd.Categorical(r.choice(list('abc'), n))})
    d = DataDriftDetector(ref)
    same = well_shaped(d.detect_drift(ref))
    assert not same['overall_drift'] and set(same['summary']['skipped']) == {'gap', 'id', 'list'} and {'2013', "('a', 1)"} <= set(same['feature_drifts'])
    for new in (ref.assign(**{'inf': 1., 'gap': 1., 'flag': 'x', 'mixed': 'z', 'new': 1}), ref.iloc[:, ::-1], ref[['huge']], ref.head(25), ref.head(0), ref.astype(str)): well_shaped(d.detect_drift(new))
    constant = well_shaped(d.detect_drift(ref.assign(cat='a', inf=9.)))
    assert constant['feature_drifts']['inf']['drift_detected']
    moved = ref.copy(); moved[('a', 1)] = 9.
    assert well_shaped(d.detect_drift(moved))['feature_drifts']["('a', 1)"]['mean_change'] == 2.          # a constant: in its own unit
    with pytest.raises(ValueError, match="two columns named '1'"): DataDriftDetector(pd.DataFrame([[1, 2]], columns=[1, '1']))


def test_drift_skips_what_it_cannot_judge_and_stays_small():
    out = well_shaped(DataDriftDetector(numbers(0)).detect_drift(numbers(1, n=25)))
    assert (out['feature_drifts'], out['overall_drift'], out['drift_score'], set(out['summary']['skipped'])) == ({}, False, 0.0, {'f1', 'f2', 'c1', 'c2'})
    users = pd.Series(np.random.default_rng(0).integers(0, 20_000, 60_000).astype(str))
    out = well_shaped(DataDriftDetector(pd.DataFrame({'user': users})).detect_drift(pd.DataFrame({'user': 'w' + users})))
    assert len(json.dumps(out)) < 5000 and out['feature_drifts']['user']['new_category_count'] > 18_000


def test_drift_picture():
    d = DataDriftDetector(numbers(0))
    nothing = {'timestamp': 'x', 'overall_drift': False, 'drift_score': 0.0, 'feature_drifts': {}, 'summary': {'total_features': 0, 'drifted_features': 0, 'drift_percentage': 0.0,
               'numerical_drifts': [], 'categorical_drifts': [], 'high_severity_drifts': []}}
    for results in (d.detect_drift(numbers(1, .5)), json.loads(json.dumps(d.detect_drift(numbers(1, .5), detailed=False))), nothing):
        figure = d.visualize_drift(drift_results=results)
        assert len(figure.axes) == 4 and all(ax.get_title() for ax in figure.axes) and figure.get_label()
        figure.savefig(io.BytesIO())
    with pytest.raises(ValueError, match='give what detect_drift gave'): d.visualize_drift([1])


# --- places: relative paths, the home, memory, and what the chapter's own code wrote

def test_places_that_are_relative_hold_when_the_folder_changes(tmp_path, monkeypatch):
    (tmp_path/'else').mkdir(); monkeypatch.chdir(tmp_path)
    registry, data, monitor = ModelRegistry('models/registry'), DataVersioning('data/versions'), ModelMonitor('monitoring.db')
    registry.register_model(holds([1]), 'm', '1.0.0')
    version, asked = data.version_data(pd.DataFrame({'a': range(400)}), 'd'), monitor.log_prediction({'a': 1}, 1)
    monkeypatch.chdir(tmp_path/'else')
    assert held(registry.load_model('m')[0]) == [1] and len(data.load_data(version)) == 400 and registry.register_model(holds([2]), 'm', '2.0.0') == 'm:2.0.0'
    monitor.log_feedback(asked, 1)
    assert monitor.calculate_metrics()['total_requests'] == 1 and list((tmp_path/'else').iterdir()) == []
    for opened in (registry, data, monitor): opened.close()


def test_the_tilde_is_the_home_wherever_a_place_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path/'home')); monkeypatch.chdir(tmp_path)
    with ModelRegistry('~/registry') as registry: registry.register_model(holds([1]), 'm', '1.0.0')
    with DataVersioning('~/versions') as data: data.version_data(pd.DataFrame({'a': [1]}), 'd')
    with ModelMonitor('~/monitoring.db') as monitor: monitor.log_prediction({'a': 1}, 1)
    assert [p.name for p in tmp_path.iterdir()] == ['home'] and {'registry', 'versions', 'monitoring.db'} <= {p.name for p in (tmp_path/'home').iterdir()}


def test_memory_leaves_nothing_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ModelMonitor(':memory:') as one, ModelMonitor(':memory:') as two:
        one.log_prediction({'a': 1}, 1)
        assert (one.calculate_metrics()['total_requests'], two.calculate_metrics()['total_requests']) == (1, 0)
    assert list(tmp_path.iterdir()) == []


def test_what_the_chapters_own_code_wrote_is_named(tmp_path):
    (tmp_path/'r').mkdir(); (tmp_path/'r'/'metadata.json').write_text(json.dumps({'models': {'churn:1.0.0': {'path': 'churn_1.0.0.pkl'}}}))
    (tmp_path/'d').mkdir(); (tmp_path/'d'/'lineage.json').write_text(json.dumps({'datasets': {'cust_0a1b2c3d': {'path': 'cust_0a1b2c3d.parquet'}}}))
    with sqlite3.connect(tmp_path/'m.db') as db: db.execute('create table predictions (id integer primary key autoincrement, timestamp text, input_data text)')
    db.close()
    for make, place, what, found in ((ModelRegistry, 'r', 'a model registry', 'churn:1.0.0'), (DataVersioning, 'd', 'a folder of data versions', 'cust_0a1b2c3d'), (ModelMonitor, 'm.db', 'a monitoring database', 'predictions')):
        with pytest.raises(ValueError) as e: make(tmp_path/place)
        assert what in str(e.value) and found in str(e.value) and 'in another place' in str(e.value) and isinstance(e.value, MlopsError)
    assert sorted(p.name for p in tmp_path.rglob('*')) == ['d', 'lineage.json', 'm.db', 'metadata.json', 'r']
