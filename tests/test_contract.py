"The contract of the course chapter: every class, method, parameter, default, return key, route and file has its name"
import inspect
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import mlops_nb
from mlops_nb import DataDriftDetector, DataVersioning, MLPipelineConfig, ModelAPI, ModelMonitor, ModelRegistry, Signature, flights, generate_docker_files
from mlops_nb.data.nycflights import delay_model, features

NEEDED = inspect.Parameter.empty
SIGNATURES = {
    'MLPipelineConfig': dict(config_path=None), 'MLPipelineConfig.get': dict(key=NEEDED, default=None), 'MLPipelineConfig.set': dict(key=NEEDED, value=NEEDED), 'MLPipelineConfig.save_config': dict(path=None),
    'ModelRegistry': dict(registry_path='models/registry'), 'ModelRegistry.register_model': dict(model=NEEDED, name=NEEDED, version=NEEDED, metadata=None, overwrite=False),
    'ModelRegistry.load_model': dict(name=NEEDED, version=None), 'ModelRegistry.list_models': {}, 'ModelRegistry.delete_model': dict(name=NEEDED, version=NEEDED),
    'DataVersioning': dict(data_path='data/versions'), 'DataVersioning.version_data': dict(data=NEEDED, name=NEEDED, description=None, parent_version=None),
    'DataVersioning.load_data': dict(version=NEEDED), 'DataVersioning.get_lineage': dict(version=None), 'DataVersioning.compare_versions': dict(v1=NEEDED, v2=NEEDED),
    'ModelAPI': dict(model=NEEDED, preprocessor=None, config=None), 'ModelAPI.run': dict(host='127.0.0.1', port=5000, debug=False),
    'generate_docker_files': dict(project_name=NEEDED, model_path=NEEDED, requirements=None),
    'ModelMonitor': dict(db_path='monitoring.db', window_size=1000),
    'ModelMonitor.log_prediction': dict(input_data=NEEDED, prediction=NEEDED, probability=None, response_time=None, model_version=None, user_id=None),
    'ModelMonitor.log_feedback': dict(prediction_id=NEEDED, actual_value=NEEDED, feedback_type='ground_truth'),
    'ModelMonitor.calculate_metrics': dict(hours=24), 'ModelMonitor.get_dashboard_data': {},
    'DataDriftDetector': dict(reference_data=NEEDED, significance_level=0.05), 'DataDriftDetector.detect_drift': dict(new_data=NEEDED, detailed=True), 'DataDriftDetector.visualize_drift': dict(results=NEEDED),
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


def test_configuration():
    config = MLPipelineConfig().config
    assert {k: set(v) for k, v in config.items()} == {
        'model': {'name', 'version', 'algorithm', 'hyperparameters'}, 'data': {'train_path', 'test_path', 'validation_split', 'target_column'},
        'deployment': {'environment', 'api_version', 'max_requests_per_minute', 'timeout_seconds'}, 'monitoring': {'drift_threshold', 'performance_threshold', 'alert_email'}}
    assert set(config['model']['hyperparameters']) == {'n_estimators', 'max_depth', 'random_state'}


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


def test_registry_refuses_what_is_no_model_or_no_version(tmp_path, churn):
    registry = ModelRegistry(tmp_path/'r')
    for bad in (None, 'model', b'model', Path('m.pkl'), 7, 0.5, True, np.float64(1), LogisticRegression, int):
        with pytest.raises(ValueError, match='no model'): registry.register_model(bad, 'm', '1.0.0', allow_pickle=True)
    for bad, says in ((1.0, "write '1.0'"), (2, "write '2'"), (None, "like '1.2.0'"), ('', "like '1.2.0'"), ('latest', "like '1.2.0'")):
        with pytest.raises(ValueError, match=says): registry.register_model(churn[0], 'm', bad)
    for bad in ('good', 7, [('a', 1)]):
        with pytest.raises(ValueError, match='give a dict'): registry.register_model(churn[0], 'm', '1.0.0', bad)
    assert registry.list_models() == {} and registry.metadata == {'models': {}} and registry.ledger() == [] and registry.store.gc(grace=-1) == []


def test_data_versions(tmp_path):
    with DataVersioning(tmp_path/'d') as v:
        a = v.version_data(flights(1, sample=100), 'flights', 'January')
        b = v.version_data(flights(2, sample=120).assign(extra=1).drop(columns='temp').astype({'hour': 'float'}), 'flights', parent_version=a)
        assert a.startswith('flights_') and len(v.load_data(a)) == 100
        record = v.get_lineage(b)[-1]
        assert set(record) >= {'name', 'version', 'hash', 'path', 'created_at', 'description', 'parent_version', 'size_mb'}
        assert (tmp_path/'d'/record['path']).is_file() and record['parent_version'] == a
        diff = v.compare_versions(a, b)
        assert diff['shape_change']['from'][0] == 100 and diff['shape_change']['to'][0] == 120
        assert (diff['columns_added'], diff['columns_removed'], set(diff['dtype_changes'])) == (['extra'], ['temp'], {'hour'}) and 'origin' in diff['common_columns']


def test_api(trained):
    with ModelAPI(trained[0], config={'model': {'version': '3.2.1'}}, signature=Signature.infer(trained[1])) as api:
        client, row = api.app.test_client(), json.loads(trained[1].iloc[[0]].to_json(orient='records'))
        health, info = client.get('/health').get_json(), client.get('/model_info').get_json()
        one, many = client.post('/predict', json=row[0]).get_json(), client.post('/batch_predict', json={'instances': row*3, 'batch_size': 2}).get_json()
    assert set(health) >= {'status', 'uptime_seconds', 'requests_served', 'error_rate'}
    assert set(info) >= {'model_type', 'model_version', 'features', 'n_features', 'config'} and info['n_features'] == 16
    assert set(one) >= {'predictions', 'probabilities', 'processing_time_seconds', 'model_version', 'timestamp'} and one['model_version'] == '3.2.1'
    assert set(many) >= {'predictions', 'probabilities', 'num_instances', 'processing_time_seconds', 'throughput_per_second', 'timestamp'} and many['num_instances'] == 3


def test_docker_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ModelRegistry('r') as registry:
        registry.register_model(LogisticRegression().fit([[0.], [1.]], [0, 1]), 'm', '1')
        path = registry.export_model('m', '1', 'out')
    folder = generate_docker_files('shop', path)
    assert folder.name == 'deployment_shop'
    assert {p.name for p in folder.iterdir()} >= {'Dockerfile', 'requirements.txt', 'docker-compose.yml', 'nginx.conf', 'app.py', 'build.sh'}
    text = (folder/'Dockerfile').read_text() + (folder/'docker-compose.yml').read_text() + (folder/'app.py').read_text()
    assert 'MODEL_PATH' in text and 'PORT' in text and 'HEALTHCHECK' in text


def test_monitor(tmp_path):
    with ModelMonitor(tmp_path/'monitoring.db') as monitor:
        i = monitor.log_prediction({'x': 1}, 1, 0.9, 0.01, '1.0.0', 'ann')
        for actual in (1, 1.0, True, np.int64(1)):
            monitor.log_feedback(i, actual)
            assert monitor.calculate_metrics()['accuracy'] == 1
        assert set(monitor.calculate_metrics(1)) >= {'accuracy', 'avg_response_time', 'p95_response_time', 'error_rate', 'total_predictions', 'total_requests', 'calculation_period_hours', 'timestamp'}
        monitor.log_prediction({'x': 1}, None, error='boom')
        data = monitor.get_dashboard_data()
        assert set(data) >= {'metrics', 'alerts', 'hourly_requests', 'dashboard_updated'}
        assert all(set(a) >= {'type', 'message', 'severity', 'timestamp'} for a in data['alerts']) and data['alerts']
        assert set(monitor.thresholds) == {'accuracy', 'precision', 'recall', 'response_time', 'error_rate'}


def test_drift(trained):
    X = trained[1]
    detector = DataDriftDetector(X)
    results = detector.detect_drift(features(flights(6, sample=800)))
    assert set(results) == {'timestamp', 'overall_drift', 'drift_score', 'feature_drifts', 'summary'}
    assert set(results['summary']) >= {'total_features', 'drifted_features', 'drift_percentage', 'numerical_drifts', 'categorical_drifts', 'high_severity_drifts', 'skipped'}
    common = {'feature', 'drift_detected', 'psi_score', 'drift_severity'}
    assert set(results['feature_drifts']['temp']) == common | {'ks_statistic', 'ks_p_value', 'mean_change', 'std_change'}
    assert set(results['feature_drifts']['origin']) == common | {'chi2_statistic', 'chi2_p_value', 'new_categories', 'missing_categories'}
    assert detector.visualize_drift(results).axes and len(detector.drift_history) == 1
    assert isinstance(X, pd.DataFrame) and results['overall_drift']
