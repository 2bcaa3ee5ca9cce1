"A secret that is looked up late appears nowhere that a person or a log reads; layers merge whatever their shape"
import json

import pytest
from hypothesis import given, settings, strategies as st

from mlops_nb import DataDriftDetector, MLPipelineConfig, ModelAPI, ModelMonitor
from mlops_nb.config import as_config
from mlops_nb.core import MlopsError

CANARY = 'canary-91c5'


@pytest.fixture
def secret(monkeypatch):
    monkeypatch.setenv('THE_PASSWORD', CANARY)
    config = MLPipelineConfig()
    config.set('warehouse.url', 'postgres://me:${THE_PASSWORD}@host')
    config.set('deployment.environment', '${THE_PASSWORD}')
    config.set('monitoring.alert_email', '${THE_PASSWORD}')
    return config


def test_the_canary_is_found_where_it_is_asked_for_and_nowhere_else(secret, tmp_path, capfd):
    assert secret.get('warehouse.url') == f'postgres://me:{CANARY}@host'
    for ending in ('json', 'yaml'): secret.save_config(tmp_path/f'c.{ending}')
    with ModelMonitor(tmp_path/'m', config=secret) as monitor:
        class Fails:
            def predict(self, X): raise RuntimeError('no')
        with ModelAPI(Fails(), config=secret, monitor=monitor) as api:
            client = api.app.test_client()
            said = [repr(secret), str(secret.config), repr(api), repr(monitor), client.get('/model_info').text, client.get('/health').text, client.post('/predict', json=[[1]]).text]
        monitor.check_alerts()
        said.append(json.dumps(monitor.get_dashboard_data()))
    for odd in (dict(deployment=dict(environment='nowhere')), dict(deployment=dict(tiemout=1))):
        with pytest.raises(MlopsError) as e: as_config(odd | {'note': '${THE_PASSWORD}'})
        said.append(str(e.value))
    said += [p.read_bytes().decode('latin1') for p in tmp_path.rglob('*') if p.is_file()]
    said += capfd.readouterr()
    assert '${THE_PASSWORD}' in said[0]                                   # the reference is there, so the search looks in the right places
    assert [text[:200] for text in said if CANARY in text] == []


def test_a_secret_that_is_not_set_is_named(secret, monkeypatch):
    monkeypatch.delenv('THE_PASSWORD')
    with pytest.raises(MlopsError, match='THE_PASSWORD, which is not set'): secret.get('warehouse.url')
    secret.config                                                         # looking at the references needs no secret


def test_the_settings_steer_the_parts(tmp_path):
    config = as_config({'deployment': {'max_requests_per_minute': 1}, 'monitoring': {'drift_threshold': 0.7, 'performance_threshold': 0.66}})
    import pandas as pd
    class One:
        def predict(self, X): return [1]
    with ModelAPI(One(), config=config) as api: assert [api.app.test_client().post('/predict', json=[[1]]).status_code for _ in range(2)] == [200, 429]
    assert DataDriftDetector(pd.DataFrame({'x': [1.]}), config=config).threshold == 0.7
    with ModelMonitor(tmp_path/'m', config=config) as monitor: assert monitor.thresholds['accuracy'] == 0.66


values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(codec='utf-8', exclude_characters='$'))
trees = st.recursive(values, lambda t: st.lists(t, max_size=3) | st.dictionaries(st.from_regex(r'[a-z]{1,6}', fullmatch=True), t, max_size=3), max_leaves=10)


@given(tree=trees, ending=st.sampled_from(['json', 'yaml']))
@settings(max_examples=100, deadline=None)
def test_what_is_saved_is_what_is_read(tmp_path_factory, tree, ending):
    config = MLPipelineConfig()
    config.set('own_section.tree', tree)
    assert MLPipelineConfig(config.save_config(tmp_path_factory.mktemp('c')/f'c.{ending}')).get('own_section.tree') == tree
