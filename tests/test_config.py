"A secret that is looked up late appears nowhere that a person or a log reads; layers merge whatever their shape"
import copy
import json
import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections import Counter

import pytest
import yaml
from hypothesis import given, settings, strategies as st
from scipy.stats import chisquare

from mlops_nb import DataDriftDetector, MLPipelineConfig, ModelAPI, ModelMonitor
from mlops_nb.core import config as config_module
from mlops_nb.core.config import ReadOnly, UnknownSetting, as_config
from mlops_nb.core.rules import InvalidInput, MlopsError, NotFound
from mlops_nb.core.documents import line_of, read_document, write_document
from mlops_nb.core.flags import is_on, place
from mlops_nb.core.masks import brief, is_secret, mask, mask_text, mask_url

CANARY = 'canary-91c5'


@pytest.fixture
def secret(monkeypatch):
    monkeypatch.setenv('THE_PASSWORD', CANARY)
    config = MLPipelineConfig()
    config.set('warehouse.url', 'postgres://me:${THE_PASSWORD}@host')
    config.set('deployment.environment', '${THE_PASSWORD}')
    config.set('monitoring.alert_email', '${THE_PASSWORD}@example.org')
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
    for odd in (dict(deployment=dict(environment='')), dict(deployment=dict(timeout_seconds=-1))):
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


@pytest.mark.parametrize('text', ['no', 'yes', 'On', 'OFF', 'y', '1e3', '1E3', '010', '0o17', '0x1F', '1_000', '12:30:45', '2013-01-01', '2013-01-01T00:00:00Z', '+5', '.5', '5.', '1.5', '-0.25', '5', 'null', '~', 'true', 'False', 'NULL', 'a b', '=', '${A}'])
def test_a_bare_scalar_of_yaml_is_what_json_would_make_of_it(text):
    try: expected = json.loads(text)
    except ValueError: expected = {'~': None, 'False': False, 'NULL': None}.get(text, text)
    found = read_document(f'a: {text}', '.yaml')['a']
    assert found == expected and type(found) is type(expected)


@given(tree=trees, ending=st.sampled_from(['.json', '.yaml', '.yml']))
@settings(max_examples=300, deadline=None)
def test_a_document_reads_as_it_was_written_and_a_plain_parser_agrees(tree, ending):
    text = write_document({'a': tree}, ending)
    assert read_document(text, ending) == {'a': tree}
    if ending == '.json': assert json.loads(text) == {'a': tree}


@given(tree=trees)
@settings(max_examples=300, deadline=None)
def test_json_is_the_same_document_when_it_is_called_yaml(tree):
    text = json.dumps({'a': tree})
    assert read_document(text, '.yaml') == read_document(text, '.json')


@given(st.text(max_size=60) | st.text('{}[]:,&*!|>-?#%@`"\'<~ \n\tab1.', max_size=40))
@settings(max_examples=800, deadline=None)
def test_any_text_is_read_or_refused_in_one_line(text):
    for ending in ('.json', '.yaml'):
        try: read_document(text, ending)
        except ValueError as e: assert str(e) and '\n' not in str(e)
        line_of(text, ['a'])


REFUSED = {'twice.yaml': ('a: 1\na: 2', "'a' is there twice"), 'twice.json': ('{"a": 1, "a": 2}', "'a' is there twice"), 'deep.json': ('{"a": {"b": 1, "b": 2}}', "'b' is there twice"), 'nan.json': ('{"a": NaN}', 'no finite number'),
           'nan.yaml': ('a: .nan', 'no finite number'), 'inf.json': ('{"a": 1e400}', 'no finite number'), 'inf.yaml': ('a: -.inf', 'no finite number'), 'tag.yaml': ('a: !!python/name:os.getcwd', 'line 1, column 4: the tag !!python is not read'), 'marked.yaml': ('a: !!int 1.5', 'line 1: a value is none of what its tag says, !!int'),
           'two.yaml': ('a: 1\n---\nb: 2', 'another document'), 'tab.yaml': ('a:\n\t- 1', 'line 2'), 'list.yaml': ('- 1', 'the top level is a section'), 'dot.json': ('{"a.b": 1}', 'no name for a setting'), 'empty.yaml': ('model: {"": 2}', 'no name for a setting'), 'range.yaml': ('data: {validation_split: 7}', 'must be between')}

@pytest.mark.parametrize('name', REFUSED)
def test_what_a_file_may_not_hold(name, tmp_path):
    text, says = REFUSED[name]
    (tmp_path/name).write_text(text)
    with pytest.raises(InvalidInput, match=f'{name}.*{says}'): MLPipelineConfig(tmp_path/name)


def test_a_bomb_is_refused_before_it_grows(tmp_path):
    layers = 'abcdefghijklmnopqrstuvwxyz'
    text = 'a: &a [x, x, x, x, x, x, x, x, x]\n' + ''.join(f'{n}: &{n} [{", ".join([f"*{m}"]*9)}]\n' for m, n in zip(layers, layers[1:]))
    (tmp_path/'bomb.yaml').write_text(text)                                      # 9**26 values
    with pytest.raises(InvalidInput, match='more than 10,000 values'): MLPipelineConfig(tmp_path/'bomb.yaml')


ENVIRONMENT = [('DEPLOYMENT__TIMEOUT_SECONDS', '2.5', 2.5), ('DEPLOYMENT__TIMEOUT_SECONDS', '5', 5), ('DEPLOYMENT__TIMEOUT_SECONDS', '1e2', 100.0), ('DEPLOYMENT__API_VERSION', '1', '1'), ('DEPLOYMENT__API_VERSION', 'true', 'true'), ('MODEL__VERSION', '1.10', '1.10'),
               ('MODEL__HYPERPARAMETERS__MAX_DEPTH', 'null', None), ('MODEL__HYPERPARAMETERS__MAX_DEPTH', '7', 7), ('MONITORING__ALERT_EMAIL', 'null', None), ('MONITORING__ALERT_EMAIL', 'a@b', 'a@b'),
               ('OWN__A', '[1, {"b": null}]', [1, {'b': None}]), ('OWN__A', 'no', 'no'), ('OWN__A', '', ''), ('OWN__A__B__C', 'false', False), ('OWN__A', '{"a": 1, "a": 2}', '{"a": 1, "a": 2}'), ('OWN__A', 'NaN', 'NaN')]

@pytest.mark.parametrize('name,text,expected', ENVIRONMENT)
def test_a_variable_has_the_type_of_its_setting(name, text, expected, monkeypatch):
    monkeypatch.setenv(f'MLOPS__{name}', text)
    config, key = MLPipelineConfig(), name.lower().replace('__', '.')
    assert config.get(key, 'missing') == expected and type(config.get(key)) is type(expected)
    why = config.explain(key)
    assert (why.layer, why.layers[-1]['source']) == ('environment', f'MLOPS__{name}')


WRONG = [('DEPLOYMENT__TIMEOUT_SECONDS', 'soon', "is 'soon', but deployment.timeout_seconds must be a number"), ('DEPLOYMENT__TIMEOUT_SECONDS', '', "is '', but"), ('DEPLOYMENT__TIMEOUT_SECONDS', 'true', 'must be a number'), ('DEPLOYMENT__TIMEOUT_SECONDS', 'null', 'must be a number'),
         ('DEPLOYMENT__TIMEOUT_SECONDS', 'NaN', 'must be a number'), ('DEPLOYMENT__TIMEOUT_SECONDS', '0', 'must be between'), ('DEPLOYMENT__MAX_REQUESTS_PER_MINUTE', '2.5', 'must be a whole number'), ('DEPLOYMENT__MAX_REQUESTS_PER_MINUTE', '007', 'must be a whole number'),
         ('MODEL__HYPERPARAMETERS__MAX_DEPTH', 'none', 'must be a whole number or null'), ('MODEL__NAME', '', 'must be a text that is not empty'), ('DEPLOYMENT__ENVIRONMENT', '', 'must be a text that is not empty'), ('MONITORING__ALERT_EMAIL', 'ann', 'must be an e-mail address or null')]

@pytest.mark.parametrize('name,text,says', WRONG)
def test_a_variable_that_does_not_fit_is_named_with_value_and_type(name, text, says, monkeypatch):
    monkeypatch.setenv(f'MLOPS__{name}', text)
    with pytest.raises(InvalidInput, match=f'MLOPS__{name} is {text!r}, but .*') as e: MLPipelineConfig()
    assert says in str(e.value)


@pytest.mark.parametrize('name,says', [('DEPLOYMENT', 'deployment must be a section'), ('', 'names no setting'), ('A____B', 'names no setting'),
                                      ('deployment__timeout_seconds', 'not in capitals'), ('Own__A', 'not in capitals')])
def test_a_variable_that_names_nothing(name, says, monkeypatch):
    if os.name == 'nt' and says == 'not in capitals': pytest.skip('the environment of Windows has capitals only')
    monkeypatch.setenv(f'MLOPS__{name}', '1')
    with pytest.raises(InvalidInput, match=says): MLPipelineConfig()


@pytest.mark.parametrize('name,key,says', [('DEPLOYMENT__TIMEOUT', 'deployment.timeout', "no setting of ours. Did you mean 'timeout_seconds'"), ('DEPLOYMNET__X', 'deploymnet.x', "Did you mean 'deployment'"), ('FEATURE__X', 'feature.x', "Did you mean 'features'"),
                                           ('MODEL__OWNER', 'model.owner', "The nearest one is 'name'")])
@pytest.mark.parametrize('how', ['environment', 'json', 'yaml', 'dict', 'set'])
def test_a_name_that_nobody_reads_is_kept_with_a_warning(name, key, says, how, monkeypatch, tmp_path):
    first, last = key.split('.')
    if how == 'environment': monkeypatch.setenv(f'MLOPS__{name}', '1')
    if how in ('json', 'yaml'): (tmp_path/f'c.{how}').write_text(json.dumps({first: {last: 1}}))
    with pytest.warns(UnknownSetting) as seen:
        config = MLPipelineConfig(tmp_path/f'c.{how}') if how in ('json', 'yaml') else as_config({first: {last: 1}}) if how == 'dict' else MLPipelineConfig()
        if how == 'set': config.set(key, 1)
    assert [w.filename for w in seen] == [__file__] and says in str(seen[0].message)                   # it names the line of the program, not ours
    assert config.get(key) == 1 and config.explain(key).value == 1
    with pytest.warns(UnknownSetting): assert MLPipelineConfig(config.save_config(tmp_path/'saved.json')).get(key) == 1
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        config.set('own.key', 2); config.set('deep.er.key', [1])                                       # nothing is said twice, or of a name that is your own
        assert (config.get('own.key'), config.get('deep.er.key')) == (2, [1])


def test_get_gives_the_default_and_warns_of_what_is_nearly_a_name():
    config = MLPipelineConfig()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for key in ('no.such.thing', 'model.nothing', 'own', '', '.', 'model..name', 'billing.currency'): assert (config.get(key), config.get(key_path=key, default=7)) == (None, 7)
    for key, says in {'deployment.timeout': "Did you mean 'timeout_seconds'", 'modle.name': "Did you mean 'model'", 'model.hyperparameters.max_depht': "Did you mean 'max_depth'", 'model.name.x': 'model.name is a value'}.items():
        with pytest.warns(UnknownSetting, match=says): assert config.get(key, 7) == 7
    for odd in (None, 7, b'model'):
        with pytest.raises(InvalidInput, match='is no path'): config.get(odd)


def test_a_value_of_a_wrong_type_or_range_is_refused_and_nothing_of_it_is_kept():
    config = MLPipelineConfig()
    for key, bad in {'model.name': 7, 'model.version': 1.0, 'model': 'x', 'model.hyperparameters': [1], 'model.hyperparameters.n_estimators': 1.5, 'data.validation_split': 7, 'deployment.timeout_seconds': -1, 'deployment.environment': None,
                     'monitoring.alert_email': 'ann', 'deployment.max_requests_per_minute': True, 'model.name.x': 1}.items():
        with pytest.raises(ValueError, match=r"^set\("): config.set(key, bad)
    assert config.config == MLPipelineConfig().config
    config.set('deployment.environment', 'prod-eu')
    assert config.get('deployment.environment') == 'prod-eu'


CHANGES = {'item': lambda d: d['model'].__setitem__('name', 'x'), 'deep': lambda d: d['model']['hyperparameters'].__setitem__('max_depth', 3), 'del': lambda d: d['model'].__delitem__('name'), 'update': lambda d: d['model'].update(name='x'), 'update by a dict': lambda d: d['model'].update({'name': 'x'}),
           'update by pairs': lambda d: d['model'].update([('name', 'x')]), 'pop': lambda d: d['model'].pop('name', None), 'popitem': lambda d: d['model'].popitem(), 'clear': lambda d: d['model'].clear(), 'setdefault': lambda d: d['model'].setdefault('name', 1), '|=': lambda d: d['model'].__ior__({'name': 1}),
           'top': lambda d: d.__setitem__('model', {}), 'list': lambda d: d['own']['hosts'].append('c'), 'in a list': lambda d: d['own']['hosts'][1].update(a=1), 'item of a list': lambda d: d['own']['hosts'].__setitem__(0, 1), '+=': lambda d: d['own']['hosts'].__iadd__([1]), 'sort': lambda d: d['own']['hosts'].sort()}

@pytest.mark.parametrize('how', CHANGES)
def test_config_refuses_a_change_and_says_what_to_do(how):
    config = as_config({'own': {'hosts': ['a', {'b': 1}]}})
    with pytest.raises(ReadOnly, match=r"use set\('(model|own)[\w.]*', …\)") as e: CHANGES[how](config.config)
    assert isinstance(e.value, TypeError) and isinstance(e.value, MlopsError)
    if how in ('item', 'del', 'update', 'update by a dict', 'pop', 'setdefault', '|='): assert "set('model.name', …)" in str(e.value)
    assert config.config == as_config({'own': {'hosts': ['a', {'b': 1}]}}).config


def test_config_is_a_dict_that_can_be_written_and_copied():
    config = as_config({'own': {'hosts': ['a', {'b': 1}], 'password': 'hunter2'}}).config
    plain = json.loads(json.dumps(config))
    assert isinstance(config, dict) and plain == config and json.loads(json.dumps(plain)) == plain
    for copied in (copy.deepcopy(config), copy.copy(config), config.copy(), pickle.loads(pickle.dumps(config))):
        assert copied == config and 'hunter2' not in repr(copied)
        copied['model']['name'] = 'mine'; copied['own']['hosts'][1]['b'] = 2; copied['own']['hosts'].append('c')
        assert config == plain


def test_a_section_that_holds_a_secret_hides_it(monkeypatch):
    monkeypatch.setenv('THE_PASSWORD', CANARY)
    config = as_config({'db': {'host': '${THE_PASSWORD}', 'deep': {'list': ['a', '${THE_PASSWORD}'], 'n': 1}, 'token': CANARY}, 'plain': {'a': 1}})
    section = config.get('db')
    assert section['host'] == section['token'] == section['deep']['list'][1] == CANARY and type(config.get('plain')) is dict
    for shown in (section, section['deep'], [section], {'a': section}, section.copy(), copy.deepcopy(section), pickle.loads(pickle.dumps(section)), mask(section), mask({'x': section})):
        assert CANARY not in repr(shown) and CANARY not in str(shown) and '${THE_PASSWORD}' in repr(shown)
    assert CANARY in json.dumps(section)                                            # a driver needs the values


def test_saving_without_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = MLPipelineConfig()
    config.set('own', {'z': 1, 'a': {'y': 2, 'b': 3}}); config.set('model.version', '2.0.0')
    config.save_config()
    assert [p.name for p in tmp_path.iterdir()] == ['config.json'] and (tmp_path/'config.json').stat().st_mode & 0o777 == 0o600
    text = (tmp_path/'config.json').read_text()
    assert text == json.dumps(json.loads(text), indent=2) + '\n' and [*json.loads(text)] == ['model', 'data', 'deployment', 'monitoring', 'own'] and [*json.loads(text)['own'], *json.loads(text)['own']['a']] == ['z', 'a', 'y', 'b']
    again = MLPipelineConfig('config.json')
    assert (again.config_path, again.get('model.version'), config.config_path) == ('config.json', '2.0.0', None)
    (tmp_path/'else').mkdir(); monkeypatch.chdir(tmp_path/'else')
    again.set('model.version', '3.0.0'); again.save_config()                        # to where it was read from
    assert not [*(tmp_path/'else').iterdir()] and MLPipelineConfig('../config.json').get('model.version') == '3.0.0'
    monkeypatch.setenv('HOME', str(tmp_path)); monkeypatch.setenv('USERPROFILE', str(tmp_path))
    config.save_config('~/sub/c.yaml')
    assert MLPipelineConfig('~/sub/c.yaml').get('own.a.y') == 2
    for bad in ('', 'c', 'c.toml', 7, 'a\0.json'):
        with pytest.raises(InvalidInput): config.save_config(bad)
    with pytest.raises(FileNotFoundError, match='save_config'): MLPipelineConfig('none.json')


def test_variables_that_contradict_each_other(monkeypatch):
    monkeypatch.setenv('MLOPS__OWN', '5'); monkeypatch.setenv('MLOPS__OWN__A', '6')
    with pytest.raises(InvalidInput, match="MLOPS__OWN__A: 'own' is a value, not a section"): MLPipelineConfig()


def test_a_variable_reaches_a_name_with_capitals_and_small_prefixes_are_somebody_elses(tmp_path, monkeypatch):
    (tmp_path/'c.json').write_text('{"Billing": {"VAT": 8, "rate": 1}}')
    monkeypatch.setenv('MLOPS__BILLING__VAT', '7')
    if os.name != 'nt': monkeypatch.setenv('mlops__billing__rate', '9')
    config = MLPipelineConfig(tmp_path/'c.json')
    assert config.get('Billing') == {'VAT': 7, 'rate': 1} and [s['value'] for s in config.explain('Billing.VAT').layers] == [8, 7]


@pytest.mark.parametrize('ending', ['json', 'yaml'])
def test_explain_names_each_layer_the_line_and_the_variable(ending, tmp_path, monkeypatch):
    path = tmp_path/f'team.{ending}'
    path.write_text({'yaml': 'model: {name: x}\ndeployment:\n  # night shift\n  timeout_seconds: 5\n', 'json': '{\n "model": {"name": "x"},\n "deployment": {\n  "timeout_seconds": 5}}'}[ending])
    monkeypatch.setenv('MLOPS__DEPLOYMENT__TIMEOUT_SECONDS', '7')
    config = MLPipelineConfig(path)
    expected = [dict(layer='default', value=30, source=None), dict(layer='file', value=5, source=f'{path}, line 4'), dict(layer='environment', value=7, source='MLOPS__DEPLOYMENT__TIMEOUT_SECONDS')]
    assert (config.explain('deployment.timeout_seconds').layer, [*config.explain('deployment.timeout_seconds').layers]) == ('environment', expected)
    config.set('deployment', {'timeout_seconds': 9})
    assert (config.explain('deployment.timeout_seconds').layer, config.explain('deployment.timeout_seconds').value, config.get('deployment.timeout_seconds')) == ('set', 9, 9)
    assert repr(config.explain('deployment.timeout_seconds')).splitlines()[0] == 'deployment.timeout_seconds is 9, from set'
    assert {x.key: x.layer for x in config.explain('model')} == {'model.name': 'file', 'model.version': 'default', 'model.algorithm': 'default', **{f'model.hyperparameters.{n}': 'default' for n in ('n_estimators', 'max_depth', 'random_state')}}
    with pytest.raises(NotFound, match="no layer has own.x"): config.explain('own.x')
    with pytest.raises(InvalidInput, match='is no path'): config.explain('')


@given(st.lists(st.tuples(st.sampled_from(['deployment.timeout_seconds', 'own.a', 'own.b.c', 'model.name']), st.integers(1, 9)), max_size=6))
@settings(max_examples=60, deadline=None)
def test_explain_and_get_agree(changes):
    config = MLPipelineConfig()
    for key, value in changes:
        config.set(key, str(value) if key == 'model.name' else value)
        assert config.explain(key).value == config.get(key) and config.explain(key).layer == 'set'


def test_a_section_from_one_variable_is_explained_by_it(monkeypatch):
    monkeypatch.setenv('MLOPS__OWN', '{"a": {"b": 1}, "c": 2}')
    assert [(x.key, x.value, x.layers[-1]['source']) for x in MLPipelineConfig().explain('own')] == [('own.a.b', 1, 'MLOPS__OWN'), ('own.c', 2, 'MLOPS__OWN')]


def test_a_reference_is_read_by_the_rule_of_its_setting(monkeypatch):
    config = as_config({'deployment': {'timeout_seconds': '${T}'}, 'own': {'t': '${T}', 'both': '${T}/${T}'}})
    monkeypatch.setenv('T', '2.5')
    assert (config.get('deployment.timeout_seconds'), config.get('deployment')['timeout_seconds'], config.get('own')) == (2.5, 2.5, {'t': '2.5', 'both': '2.5/2.5'})
    monkeypatch.setenv('T', '7')
    assert config.get('deployment.timeout_seconds') == 7                          # late: each time anew
    monkeypatch.setenv('T', '-7')
    with pytest.raises(InvalidInput, match=r'deployment.timeout_seconds refers to \$\{T\}, but it must be between 0.01 and 3600; what it has is not shown'): config.get('deployment')


flag_rules = st.booleans() | st.integers(0, 100).map('{}%'.format) | st.fixed_dictionaries({}, optional=dict(percent=st.floats(0, 100), allow=st.lists(st.sampled_from(['a', 'b', 7])), deny=st.lists(st.sampled_from(['a', 'c', 8])))).filter(bool)

@given(flag_rules, st.sampled_from(['a', 'b', 'c', 7, '8', 'zoë', '\ud800']) | st.text(min_size=1, max_size=8) | st.integers())
@settings(max_examples=300, deadline=None)
def test_a_flag_sticks_and_lists_win(rule, subject):
    config = as_config({'features': {'f': rule}})
    answer = config.flag('f', subject=subject)
    assert answer == config.flag('f', subject=str(subject)) == is_on('f', rule, subject)
    if isinstance(rule, dict):
        if str(subject) in map(str, rule.get('deny', [])): assert not answer
        elif str(subject) in map(str, rule.get('allow', [])): assert answer


@given(st.text(min_size=1, max_size=8), st.floats(0, 100), st.floats(0, 100))
@settings(max_examples=300, deadline=None)
def test_a_larger_share_takes_nobody_out(subject, a, b):
    low, high = sorted([a, b])
    assert is_on('f', {'percent': low}, subject) <= is_on('f', {'percent': high}, subject) and is_on('f', '100%', subject) and not is_on('f', '0%', subject)


@pytest.mark.parametrize('flag', ['a', 'new_model', 'Ω'])
def test_places_are_uniform_and_the_test_can_say_no(flag):
    def p(values): count = Counter(int(v) for v in values); return chisquare([count[i] for i in range(100)]).pvalue
    assert p(place(flag, f'user-{i}') for i in range(50_000)) > 1e-3
    assert p(place(flag, f'user-{i}')**1.1/100**0.1 for i in range(50_000)) < 1e-3


def test_another_process_gives_the_same_answers():
    code = "from mlops_nb.core.flags import is_on; print([is_on('f', '50%', i) for i in range(50)])"
    said = {subprocess.run([sys.executable, '-c', code], env={**os.environ, 'PYTHONHASHSEED': seed}, capture_output=True, text=True, check=True).stdout for seed in ('1', '2')}
    assert said == {f"{[is_on('f', '50%', i) for i in range(50)]}\n"}


def test_flags_come_from_every_layer(tmp_path, monkeypatch):
    (tmp_path/'c.yaml').write_text('features:\n  a: true\n  b: 50%\n  c: {percent: 10, allow: [ann]}\n')
    monkeypatch.setenv('MLOPS__FEATURES__A', 'false'); monkeypatch.setenv('MLOPS__FEATURES__D', '100%'); monkeypatch.setenv('E', 'true')
    config = MLPipelineConfig(tmp_path/'c.yaml')
    config.set('features.e', '${E}')
    assert (config.flag('a'), config.flag('c', subject='ann'), config.flag('d', subject='x'), config.flag('e')) == (False, True, True, True)
    assert MLPipelineConfig(config.save_config(tmp_path/'d.json')).flag('c', subject='ann')
    with pytest.raises(NotFound, match="no flag 'aa' in features. There are 'a', 'b', 'c', 'd', 'e'|Did you mean"): config.flag('aa')
    with pytest.raises(InvalidInput, match="flag\\('b', subject=...\\)"): config.flag('b')
    (tmp_path/'no.yaml').write_text('features: {a: no, b: 25, c: {percent: 200}}')
    with pytest.raises(InvalidInput, match="features.a must be true.*'no'.*features.b must.*25.*features.c has a 'percent'"): MLPipelineConfig(tmp_path/'no.yaml')


def test_threads_read_whole_configurations_and_lose_no_set():
    config, odd, stop = MLPipelineConfig(), [], threading.Event()
    config.set('own.pair', {'a': 0, 'b': 0})
    def read():
        while not stop.is_set():
            pair, whole = config.get('own.pair'), config.config['own']['pair']
            odd.extend(p for p in (pair, whole) if p['a'] != p['b'])
    def write(k):
        for i in range(60): config.set('own.pair', {'a': i, 'b': i}); config.set(f'own.k{k}_{i}', i)
    readers, writers = [threading.Thread(target=read) for _ in range(3)], [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for t in readers + writers: t.start()
    for t in writers: t.join()
    stop.set()
    for t in readers: t.join()
    assert odd == [] and len(config.get('own')) == 1 + 4*60


def test_what_get_gives_is_a_copy_and_a_configuration_can_be_copied():
    config = as_config({'own': {'a': [1]}})
    config.get('own.a').append(2); config.get('own')['b'] = 1; config.config.copy()['own']['a'].append(3)
    assert config.get('own') == {'a': [1]}
    given = {'own': {'a': [1]}}
    other = as_config(given); given['own']['a'].append(2)
    assert other.get('own.a') == [1]
    for copied in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        copied.set('own.a', 5)
        assert (config.get('own.a'), copied.get('own.a')) == ([1], 5)


@given(st.text(min_size=1, max_size=12), st.sampled_from(['password', 'api_key', 'dbToken', 'SENTRY_DSN', 'client-secret']), st.integers(0, 2))
@settings(max_examples=300, deadline=None)
def test_a_mask_shows_nothing_of_what_it_covers(secret, name, depth):
    value = marked = f'QX{secret}XQ'
    for _ in range(depth): value = {'a': [value]}
    assert 'QX' not in repr(mask({name: value})) and 'XQ' not in repr(mask({'s': {name: value}}))
    if not any(c.isspace() for c in marked):
        assert 'QX' not in mask_text(f'postgres://ann:{marked}@db/x') and 'QX' not in mask_text(f'dial redis://:{marked}@h now')
        if not {'&', ';'} & {*marked}: assert 'QX' not in mask_text(f'https://h/p?a=1&{name}={marked}')


TEXTS = {'token as user': 'https://hunter2@github.com/a/b', 'token with a dummy': 'https://hunter2:x-oauth-basic@h', 'blanks': 'postgres://ann:hun ter2 hunter2@db/x', 'several @': 'postgres://ann:a@hunter2@db', 'a line break': 'postgres://ann:hun\nhunter2@db', 'Azure': 'https://a.example/c?sv=1&sig=hunter2',
         'AWS': 'https://b.example/k?X-Amz-Signature=hunter2', 'AWS token': 'https://b/k?X-Amz-Security-Token=hunter2', 'key': 'https://h/p?key=hunter2', 'fragment': 'https://h/p#access_token=hunter2', 'JSON': '{"password": "a \\"hunter2"}', 'JSON in JSON': '{"a": "{\\"token\\": \\"hunter2\\"}"}',
         'list': '{"secrets": [1, "hunter2"]}', 'repr': "{'api_key': 'hunter2'}", 'header': 'Authorization: Bearer hunter2', 'odd header': 'authorization: Digest username="a", response="hunter2"', 'cookie': 'Cookie: a=b; session=hunter2', 'own header': 'X-Api-Key: hunter2', 'curl -u': 'curl -u ann:hunter2 https://h',
         'curl quoted': "curl --user 'ann:a hunter2' h", 'curl -H': "curl -H 'Authorization: Token hunter2' h", 'quoted': "host=h password='a hunter2'", 'double': 'password="a hunter2"', 'libpq': 'host=h password=hunter2', 'spaced': 'password = hunter2', 'ADO': 'Server=h;Password=a hunter2;Pooling=1', 'ADO at the end': 'Server=h;Pwd=a hunter2',
         'account key': 'AccountName=a;AccountKey=hunter2==;x=1', 'slack': 'https://hooks.slack.com/services/T0/B0/hunter2', 'option': 'mysql --password hunter2', 'option =': 'x --api-key=hunter2', 'yaml': 'db:\n  password: correct hunter2\n', 'environment': 'PGPASSWORD=hunter2 psql', 'escaped': 'https://h/?u=postgres%3A%2F%2Fa%3Ahunter2%40db',
         'xml': '<password>hunter2</password>', 'inner': 'https://h/?next=postgres://ann:hunter2@db', 'call': "connect(user='ann', password='hunter2')", 'bare': 'sent Bearer hunter2 to h', 'a block of YAML': 'secrets:\n  a: 1\n  b: hunter2\nuser: ann', 'lines of YAML': 'private_key: |\n  one\n  hunter2\n', 'a list of YAML': 'tokens:\n- one\n- hunter2\n', 'a name and its value': '{"name": "DB_PASSWORD", "value": "hunter2"}', 'attributes': '<add key="api_key" value="hunter2"/>',
         'docker login': 'docker login -u ann -p hunter2 h', 'sshpass': 'sshpass -p hunter2 ssh h', 'mysql': 'mysql -u root -phunter2 db', 'Oracle': 'jdbc:oracle:thin:ann/hunter2@h:1521:x', 'no scheme': 'ann:hunter2@db.example.org', 'in quotes': "bad token 'hunter2'", 'netrc': 'machine h login ann password hunter2', 'pem': '-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----'}

@pytest.mark.parametrize('kind', TEXTS)
def test_a_secret_inside_of_a_text_is_covered(kind):
    text = TEXTS[kind]
    for shown in (mask_text(text), mask_text(f'it said: {text}'), mask_url(text), brief(text), brief({'note': text}), repr(mask({'note': text}))): assert 'hunter2' not in shown and '***' in shown
    assert mask_text(mask_text(text)) == mask_text(text)
    assert mask_text(text.replace('hunter2', 'XX')) == mask_text(text)                                # nothing of it depends on the word


@pytest.mark.parametrize('text', ['http://localhost:5000/x', 'see http://h:80/a, or write to ann@example.org', 's3://bucket/models', 'a=b&c=d', 'https://h/p?page=2&sort_key=day#top', 'the tokenizer: fast', 'author: Ann; passengers: 3', '{"primary_key": "id", "max_tokens": 5}', 'Basic usage of the store', 'docker run -u 1000 -p 80:80 x',
                                  'C:/models', '12:30:45', 'ssh://git@h/x', 'password=${PW}', 'Authorization: Bearer ${T}', 'postgres://ann:${PW}@db/x', 'token=None', 'x = 5', 'key: JFK', 'join on key = flight', ''])
def test_a_text_without_secrets_is_left_alone(text): assert mask_text(text) == text and mask({'note': text}) == {'note': text}


def test_masks_take_a_time_that_grows_with_the_text():
    from time import process_time
    def took(text): begin = process_time(); mask_text(text); mask_url(text); brief(text); return process_time() - begin
    for part in ('://a:b', 'x://a:b ', 'x://a:b@', 'a=b ', 'password=', 'password="', 'secret:[', 'token: ', ';token=x', '&token=%41', 'a ', '<a>', "a:\"'", '-u a:" ', '\\"token\\": ', '-----BEGIN PRIVATE KEY-----', 'mysql '): assert took(part*3000) < 2, part


@pytest.mark.parametrize('name', ['max_tokens', 'tokenizer', 'primary_key', 'keys', 'passenger', 'target_column', 'alert_email', 'timeout_seconds', 'train_path', 'n_estimators', 'random_state'])
def test_names_that_are_no_secrets(name): assert not is_secret(name)


def test_every_setting_of_the_schema_can_be_set_by_the_environment(monkeypatch):
    for key in config_module._paths(config_module._defaults()):
        value = MLPipelineConfig().get(key)
        with monkeypatch.context() as m:
            m.setenv('MLOPS__' + key.upper().replace('.', '__'), value if isinstance(value, str) else json.dumps(value))
            assert MLPipelineConfig().get(key) == value and MLPipelineConfig().explain(key).layer == 'environment'


def test_yaml_that_we_write_misleads_no_other_reader(tmp_path):
    config = as_config({'own': {'country': 'no', 'rate': '1e3', 'day': '2013-01-01', 'mode': '010', 'at': '12:30', 'none': '~', 'n': 5}})
    theirs = yaml.safe_load(config.save_config(tmp_path/'c.yaml').read_text())
    assert theirs['own'] == config.get('own')


def environment(monkeypatch, **said):
    for name, text in said.items(): monkeypatch.setenv(f'MLOPS__{name}', text)


MINE = 'mine:\n  password: "12345"\n  build: "7"\n  empty: ""\n  debug: True\n  other: False\n  max-retries: 3\n  rate: 0.5\n  hosts: [a, b]\n  servers: [{Name: x, port: 1}]\n  none:\n  deep: {dashed-name: {Inner Name: 1}}\n'
OVERRIDES = {'PASSWORD': ('67890', 'password', '67890'), 'BUILD': ('1e5', 'build', '1e5'), 'EMPTY': ('null', 'empty', 'null'), 'DEBUG': ('False', 'debug', False), 'OTHER': ('1', 'other', True), 'MAX_RETRIES': ('5', 'max-retries', 5), 'RATE': ('2', 'rate', 2.0),
             'HOSTS': ('["c"]', 'hosts', ['c']), 'HOSTS__0': ('1', 'hosts', ['1', 'b']), 'HOSTS__1': ('', 'hosts', ['a', '']), 'SERVERS__0__PORT': ('2', 'servers', [{'Name': 'x', 'port': 2}]), 'SERVERS__0__NAME': ('7', 'servers', [{'Name': '7', 'port': 1}]),
             'NONE': ('[1]', 'none', [1]), 'NONE__A': ('False', 'none', {'a': False}), 'DEEP__DASHED_NAME__INNER_NAME': ('4', 'deep.dashed-name.Inner Name', 4)}

@pytest.mark.parametrize('name', OVERRIDES)
def test_a_variable_takes_its_type_and_its_name_from_what_it_overrides(name, tmp_path, monkeypatch):
    (tmp_path/'c.yaml').write_text(MINE)
    text, key, right = OVERRIDES[name]
    environment(monkeypatch, **{f'MINE__{name}': text})
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        config = MLPipelineConfig(tmp_path/'c.yaml')
    got = config.get(f'mine.{key}')
    assert (got, type(got)) == (right, type(right)) and config.explain(f'mine.{key}')
    assert config.get('mine').keys() == MLPipelineConfig(tmp_path/'c.yaml').get('mine').keys()                    # nothing new beside it
    before = yaml.safe_load(MINE)
    config.save_config(tmp_path/'saved.yaml')
    assert yaml.safe_load((tmp_path/'saved.yaml').read_text()) == before                                          # and nothing of it in the file


@pytest.mark.parametrize('name,text,says', [('DEBUG', '', 'mine.debug must be true or false'), ('DEBUG', 'null', 'must be true or false'), ('MAX_RETRIES', '2.5', 'must be a whole number.*write 1.0'), ('MAX_RETRIES', 'null', 'must be a whole number'), ('RATE', 'fast', 'must be a number'),
                                            ('HOSTS', 'c,d', 'must be a list, written as JSON'), ('HOSTS__2', 'c', 'is a list of 2.*0 to 1'), ('HOSTS__FIRST', 'c', 'is a list of 2'), ('HOSTS__-1', 'c', 'is a list of 2'), ('DEEP', '5', 'must be a section'), ('PASSWORD__A', '5', "'password' is a value, not a section")])
def test_a_variable_that_cannot_override_is_refused(name, text, says, tmp_path, monkeypatch):
    (tmp_path/'c.yaml').write_text(MINE)
    environment(monkeypatch, **{f'MINE__{name}': text})
    with pytest.raises(InvalidInput, match=f'MLOPS__MINE__{name}.*{says}'): MLPipelineConfig(tmp_path/'c.yaml')


@pytest.mark.parametrize('name,says', [('MINE__MAX_RETRY', "Did you mean 'max-retries'"), ('MINE__NEW', 'overrides nothing: mine in the file has no'), ('MIEN__A', None), ('MINES__A', "Did you mean 'mine'"), ('MINE__DEEP__NEW', 'mine.deep in the file has no'), ('OTHER__A', None)])
def test_a_variable_that_overrides_nothing_is_told(name, says, tmp_path, monkeypatch):
    (tmp_path/'c.yaml').write_text(MINE)
    environment(monkeypatch, **{name: '5'})
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        config = MLPipelineConfig(tmp_path/'c.yaml')
    assert [says in str(w.message) and w.filename == __file__ for w in seen] == [True]*bool(says)
    assert config.get(name.lower().replace('__', '.')) == 5


def test_variables_that_mean_two_settings_are_refused_and_several_make_one_list(tmp_path, monkeypatch):
    (tmp_path/'c.yaml').write_text('mine: {a-b: 1, A b: 2, hosts: [a, b, c]}')
    environment(monkeypatch, MINE__HOSTS__0='x', MINE__HOSTS__2='z')
    config = MLPipelineConfig(tmp_path/'c.yaml')
    assert config.get('mine.hosts') == ['x', 'b', 'z'] and config.explain('mine.hosts').layers[-1]['source'] == 'MLOPS__MINE__HOSTS__0, MLOPS__MINE__HOSTS__2'
    environment(monkeypatch, MINE__A_B='5')
    with pytest.raises(InvalidInput, match='MLOPS__MINE__A_B may mean mine.a-b or mine.A b'): MLPipelineConfig(tmp_path/'c.yaml')


def test_what_is_saved_is_the_file_and_what_was_set_and_nothing_of_the_environment(tmp_path, monkeypatch):
    for ending in ('yaml', 'json'):
        path = tmp_path/f'c.{ending}'
        path.write_text(json.dumps({'database': {'password': '${DB_SECRET}', 'literal': '$${X}', 'default': '${Y:-a}'}, 'model': {'name': 'x'}}))
        environment(monkeypatch, DATABASE__PASSWORD=CANARY, DATABASE__LITERAL=CANARY, MODEL__NAME='for-this-run', NEW__KEY=CANARY, DEPLOYMENT__ENVIRONMENT='prod')
        config = MLPipelineConfig(path)
        config.set('model.version', '2'); config.set('database.port', 5)
        assert config.get('model.name') == 'for-this-run' and config.get('database.password') == CANARY
        config.save_config(); other = config.save_config(tmp_path/f'other.{ending}')
        expected = {'database': {'password': '${DB_SECRET}', 'literal': '$${X}', 'default': '${Y:-a}', 'port': 5}, 'model': {'name': 'x', 'version': '2'}}
        assert [yaml.safe_load(p.read_text()) for p in (path, other)] == [expected]*2
    config = MLPipelineConfig()
    config.save_config(tmp_path/'new.json')
    assert CANARY not in (tmp_path/'new.json').read_text() and json.loads((tmp_path/'new.json').read_text()) == config_module._defaults()


@pytest.mark.skipif(os.name == 'nt', reason='Windows has neither modes nor links that everybody may make')
def test_a_file_that_is_saved_keeps_its_link_and_its_group_and_what_is_no_file_is_refused(tmp_path):
    real = tmp_path/'etc'/'c.yaml'; real.parent.mkdir(); real.write_text('model: {name: x}\n')
    (tmp_path/'c.yaml').symlink_to(real)
    for mode, after in ((0o640, 0o640), (0o660, 0o660), (0o600, 0o600), (0o644, 0o600), (0o666, 0o600)):
        real.chmod(mode)
        config = MLPipelineConfig(tmp_path/'c.yaml'); config.set('model.version', oct(mode)); config.save_config()
        assert (tmp_path/'c.yaml').is_symlink() and oct(mode) in real.read_text() and oct(real.stat().st_mode & 0o777) == oct(after)
        assert [p.name for p in real.parent.iterdir()] == ['c.yaml']
    os.mkfifo(tmp_path/'pipe.yaml'); (tmp_path/'d.yaml').mkdir()
    for odd, kind in (('pipe.yaml', 'a FIFO'), ('d.yaml', 'a folder')):
        with pytest.raises(InvalidInput, match=f'is {kind}'): MLPipelineConfig(tmp_path/odd)
        with pytest.raises(InvalidInput, match=f'is {kind}'): MLPipelineConfig().save_config(tmp_path/odd)
    (tmp_path/'null.yaml').symlink_to('/dev/null')
    with pytest.raises(InvalidInput, match='is a device'): MLPipelineConfig().save_config(tmp_path/'null.yaml')


def test_a_relative_path_in_a_folder_that_was_deleted(tmp_path, monkeypatch):
    (tmp_path/'gone').mkdir(); monkeypatch.chdir(tmp_path/'gone'); (tmp_path/'gone').rmdir()
    from mlops_nb import ModelRegistry, Store
    for use in (lambda: MLPipelineConfig('c.json'), lambda: MLPipelineConfig().save_config(), lambda: Store('s'), lambda: ModelRegistry(), lambda: ModelMonitor()):
        with pytest.raises(MlopsError, match='the folder that this process is in was deleted'): use()
    assert MLPipelineConfig().save_config(tmp_path/'c.json').is_file()


REFERENCES = {'${A:-d}': 'd', '${SET:-d}': 'v', '${EMPTY:-d}': 'd', '${EMPTY-d}': '', '${A-d}': 'd', '${A:-}': '', 'x${A:-y z}/${SET}': 'xy z/v', '${A:-${SET}}': 'v', '$${SET}': '${SET}', '$$${SET}': '$v', '$${A:-b}': '${A:-b}', 'pa$$word': 'pa$$word', '${1}': '${1}', '${}': '${}'}

@pytest.mark.parametrize('form', REFERENCES)
@pytest.mark.parametrize('how', ['yaml', 'json', 'dict', 'set', 'environment'])
def test_a_reference_has_a_default_and_a_literal_one_a_spelling(form, how, tmp_path, monkeypatch):
    monkeypatch.setenv('SET', 'v'); monkeypatch.setenv('EMPTY', ''); monkeypatch.delenv('A', raising=False)
    path = tmp_path/f'c.{how}'
    if how in ('yaml', 'json'): path.write_text(json.dumps({'own': {'x': [form], 'y': form}}))
    if how == 'environment': monkeypatch.setenv('MLOPS__OWN', json.dumps({'x': [form], 'y': form}))
    config = MLPipelineConfig(path) if path.exists() else MLPipelineConfig({'own': {'x': [form], 'y': form}}) if how == 'dict' else MLPipelineConfig()
    if how == 'set': config.set('own', {'x': [form], 'y': form})
    assert config.get('own') == {'x': [REFERENCES[form]], 'y': REFERENCES[form]} and config.get('own.y') == REFERENCES[form]
    assert config.explain('own.y').value == form
    if how != 'environment': assert MLPipelineConfig(config.save_config(tmp_path/'saved.yaml')).get('own') == config.get('own') and config.explain('own.y').value == form


@pytest.mark.parametrize('form', ['${A:?set it}', '${A?}', '${A:+b}', '${A+b}', '${A:=b}', '${A=b}', '${A:-b', '${B:-${A?}}'])
def test_a_form_of_shells_that_is_not_read_is_refused_and_its_advice_works(form, tmp_path, monkeypatch):
    (tmp_path/'c.yaml').write_text(json.dumps({'own': {'password': form}}))
    for use in (lambda: MLPipelineConfig(tmp_path/'c.yaml'), lambda: as_config({'own': {'x': [form]}}), lambda: MLPipelineConfig().set('own.a', form)):
        with pytest.raises(InvalidInput, match=r'own.* (refers to|has a reference to) A .*\$\$\{A'): use()
    config = MLPipelineConfig(); config.set('own.a', form.replace('${', '$${'))
    assert config.get('own.a') == form


def test_a_default_of_a_secret_is_covered(monkeypatch):
    monkeypatch.delenv('DB_PW', raising=False)
    config = as_config({'db': {'password': '${DB_PW:-%s}' % CANARY, 'url': 'postgres://me:${DB_PW:-%s}@h/x' % CANARY, 'note': 'password=${DB_PW:-a %s} next' % CANARY, 'host': '${HOST_OF_DB:-localhost}'}})
    section = config.get('db')
    assert (section['password'], section['host']) == (CANARY, 'localhost') and section['url'] == f'postgres://me:{CANARY}@h/x'
    said = [repr(config), repr(config.config), repr(section), repr(config.explain('db')), mask_text(json.dumps(config.config)), mask_url(config.config['db']['url'])]
    assert [s for s in said if CANARY in s] == [] and '${HOST_OF_DB:-localhost}' in repr(config)


def test_a_configuration_takes_a_dict_of_sections_or_paths():
    for given in ({'model': {'version': '3', 'hyperparameters': {'max_depth': 4}}}, {'model.version': '3', 'model.hyperparameters.max_depth': 4}, {'model.version': '3', 'model': {'hyperparameters.max_depth': 4}}):
        for config in (MLPipelineConfig(given), MLPipelineConfig(config_path=given), as_config(given)):
            assert (config.get('model.version'), config.get('model.hyperparameters'), config.get('model.name')) == ('3', {'n_estimators': 100, 'max_depth': 4, 'random_state': 42}, 'default_model')
            assert config.explain('model.version').layer == 'set' and config.config_path is None
    assert MLPipelineConfig({}).config == MLPipelineConfig().config == as_config({}).config
    for bad in ({'model.version': 3}, {'deployment': {'timeout_seconds': -1}}, {'a.b': 1, 'a': {'b': 2}}, {'': 1}, {'a..b': 1}, {'model': 'x'}, {'a': object()}):
        with pytest.raises(InvalidInput): MLPipelineConfig(bad)
    for odd in ([], 0, False, '', b'', [('a', 1)]):
        with pytest.raises(InvalidInput): MLPipelineConfig(odd)
        with pytest.raises(InvalidInput): as_config(odd)


def test_what_is_empty_is_not_what_is_missing(tmp_path):
    (tmp_path/'c.yaml').write_text('own: {a: 1, b: {c: 2}, zero: 0, no: false, text: "", list: [], none: }\n')
    config = MLPipelineConfig(tmp_path/'c.yaml')
    assert [config.get(f'own.{k}', 'default') for k in ('zero', 'no', 'text', 'list', 'none')] == [0, False, '', [], None]
    config.set('own.b', {}); assert config.get('own.b', 'default') == {}
    config.set('own', {}); assert config.get('own', 'default') == {} and config.get('own.a', 'default') == 'default'
    assert yaml.safe_load(config.save_config().read_text()) == {'own': {}}
    with pytest.raises(InvalidInput, match='an empty section, which sets nothing'): config.set('model.hyperparameters', {})
    config.set('own.x', {'a': 1}); config.set('own.x', {'b': 2}); assert config.get('own') == {'x': {'b': 2}}
    config.set('own.hosts', ['a', 'b']); config.set('own.hosts.0', ''); assert config.get('own.hosts') == ['', 'b'] and config.get('own.hosts.0', 'default') == ''
    with pytest.raises(InvalidInput, match='own.hosts is a list of 2'): config.set('own.hosts.2', 'c')
    for key in ('', '.', 'a.', '.a', 'a..b'):
        with pytest.raises(InvalidInput, match='is no path'): config.set(key, 1)


TAGS = {'!!str 1234': '1234', '!!str true': 'true', '!!str': '', '!!str null': 'null', '! 12': '12', '!!int 5': 5, '!!int "5"': 5, '!!float 5': 5.0, '!!bool yes': True, '!!bool "off"': False, '!!null ~': None, '!!seq [!!str 1]': ['1'], '!!map {!!str 1: 2}': {'1': 2}}
ODD_TAGS = {'!!timestamp 2013-01-01': '!!timestamp', '!!binary aGk=': '!!binary', '!!set {a}': '!!set', '!!omap [a: 1]': '!!omap', '!!python/object/apply:os.getcwd []': '!!python', '!!int five': '!!int', '!!int 0x1F': '!!int', '!!float x': '!!float', '!!bool 2': '!!bool', '!!null 0': '!!null', '!!map [1]': '!!map', '!!seq {a: 1}': '!!seq', '!!str [1]': '!!str', '!!str {a: 1}': '!!str', '!mine 1': 'begins here', '!mine {a: 1}': 'begins here', '{!mine a: 1}': 'a name is a text', '{!!int 1: 1}': 'a name is a text'}

def test_a_tag_of_yaml_says_what_a_value_is_or_is_refused():
    for text, right in TAGS.items():
        got = read_document(f'a: {text}', '.yaml')['a']
        assert (got, type(got)) == (right, type(right)), text
        if not text.startswith('! '): assert got == yaml.safe_load(f'a: {text}')['a'], text
    for text, says in ODD_TAGS.items():
        with pytest.raises(ValueError, match=f'line 1.*{says}'): read_document(f'a: {text}', '.yaml')
    assert read_document(write_document({'<<': 1, 'a': {'<<': {'b': 1}}}, '.yaml'), '.yaml') == {'<<': 1, 'a': {'<<': {'b': 1}}}
