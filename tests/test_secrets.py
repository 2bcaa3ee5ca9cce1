"""A canary is put where secrets are, and searched for in everything that the package shows, writes or answers.

The search itself is tested: with each mask taken away, it must find the canary where that mask stood."""
import contextlib
import gc
import json
import logging
import pickle
import traceback
import uuid
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression

import mlops_nb
from mlops_nb import DataDriftDetector, DataVersioning, MLPipelineConfig, ModelAPI, ModelClient, ModelMonitor, ModelRegistry, Signature, Store, generate_docker_files
from mlops_nb.cli import main as cli
from mlops_nb.core import config as config_module, masks
from mlops_nb.core.config import as_config
from mlops_nb.core.rules import to_json
from mlops_nb.course import workspace
from mlops_nb.monitoring.report import Report

CANARY = 'canary-91c5e7'
REFERENCE = '${MLOPS_TEST_CANARY}'
X = pd.DataFrame({'x': np.arange(40.), 'k': ['a', 'b']*20})
MODEL = LogisticRegression().fit(X[['x']], [0, 1]*20)


@pytest.fixture(autouse=True)
def canary(monkeypatch):
    monkeypatch.setenv('MLOPS_TEST_CANARY', CANARY)
    monkeypatch.setenv('MLOPS__WAREHOUSE__API_KEY', CANARY)                          # written down, by the environment


def referenced(folder):
    "A file whose secrets are references"
    path = folder/'referenced.yaml'
    path.write_text(f'database: {{password: "{REFERENCE}", url: "postgres://ann:{REFERENCE}@db/x"}}\nmonitoring: {{alert_email: "{REFERENCE}@example.org"}}\n')
    return path


def written(folder):
    "A file whose secrets somebody wrote down"
    path = folder/'written.json'
    path.write_text(json.dumps({'database': {'password': CANARY, 'dsn': f'postgres://ann:{CANARY}@db/x', 'url': f'https://h/p?token={CANARY}'}, 'secrets': {'a': [CANARY, {'b': CANARY}]}, 'aws': {'secretAccessKey': CANARY},
                                'features': {'beta': {'percent': 50, 'allow': ['ann']}}}))
    return path


class Output(dict):
    "Texts by name"
    def error(self, name, f, *args, **kw):
        "The whole of an exception: message, cause, traceback, its pickle; or the warnings, and how what was made shows itself"
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter('always')
            try: made = f(*args, **kw)
            except Exception as e: self[name] = ''.join(traceback.format_exception(e)) + repr(e) + str(getattr(e, 'problems', '')) + str(pickle.dumps(e, protocol=0))
            else: self[name] = '\n'.join(str(w.message) for w in seen) + repr(made) if seen else pytest.fail(f'{name} raised nothing')

    def answer(self, name, f, *args):
        "What a call answers, or what it says when it cannot"
        try: self[name] = to_json(f(*args))
        except Exception as e: self[name] = ''.join(traceback.format_exception(e))

    def files(self, name, folder, but=()):
        "Every byte below a folder"
        for p in folder.rglob('*'):
            if p.is_file() and p not in but: self[f'{name}: {p.relative_to(folder)}'] = p.read_bytes().decode('latin1')

    def shown(self, name, x):
        "All ways to print a thing"
        self[name] = '\n'.join([repr(x), str(x), f'{x}', f'{x!r}', '%s' % (x,), repr([x]), repr({'k': x})])


def leaks(found): return sorted(name for name, text in found.items() if CANARY in text)


def of_configuration(tmp_path):
    out = Output()
    for path in (referenced(tmp_path), written(tmp_path)):
        c = MLPipelineConfig(path)
        c.set('own.password', CANARY)
        c.set('own.note', f'redis://:{CANARY}@h')
        n = path.stem
        out.shown(f'{n} configuration', c); out.shown(f'{n} config', c.config)
        for section in c.config: out.shown(f'{n} config[{section}]', c.config[section])
        for section in ('database', 'warehouse', 'own', 'monitoring'): out.shown(f'{n} explain {section}', c.explain(section)); out.shown(f'{n} get({section})', c.get(section))
        out[f'{n} to_json of explain'] = to_json([vars(x) for x in c.explain('database')])
        out.error(f'{n} set of a wrong value', c.set, 'data', f'postgres://ann:{CANARY}@h')
        out.error(f'{n} set of a wrong flag', c.set, 'features', {'api_key': CANARY})
        out.error(f'{n} set below a value', c.set, 'own.password.x', CANARY)
        out.error(f'{n} set of no JSON', c.set, 'own.password', CANARY.encode())
        c.set('deployment.timeout_seconds', REFERENCE)
        out.error(f'{n} a reference that does not fit', c.get, 'deployment.timeout_seconds')
        out.error(f'{n} a section with it', c.get, 'deployment')
    saved = MLPipelineConfig(referenced(tmp_path))
    saved._replace({'warehouse': {'api_key': REFERENCE}})
    folder = tmp_path/'saved'
    for ending in ('json', 'yaml', 'yml'): saved.save_config(folder/f'c.{ending}')
    out.files('saved', folder)
    out.error('environment', as_config, {'data': {'api_key': CANARY}})
    out.error('as_config', as_config, {'deployment': {'password': CANARY}})
    return out


def of_files(tmp_path):
    out = Output()
    for i, (name, text) in enumerate({'y.yaml': f'password: {CANARY}: x', 't.yaml': f'password: !{CANARY}', 'a.yaml': f'password: *{CANARY}', 'd.yaml': f'a: {CANARY}\na: {CANARY}', 'l.yaml': f'- {CANARY}', 'p.yaml': f'password: "{CANARY}',
                                      'j.json': f'{{"password": "{CANARY}" x', 'k.json': f'{{"password": {CANARY}}}', 's.json': json.dumps({'data': f'postgres://a:{CANARY}@h'}), 'e.json': json.dumps({'deployment': {'api_key': CANARY}}),
                                      'r.json': json.dumps({'secrets': 5, 'deployment': {'timeout_seconds': f'https://h/?token={CANARY}'}})}.items()):
        (tmp_path/name).write_text(text)
        out.error(f'file {name}', MLPipelineConfig, tmp_path/name)
    return out


def of_environment(monkeypatch):
    out = Output()
    for name, value in (('MLOPS__DEPLOYMENT__TIMEOUT_SECONDS', f'postgres://a:{CANARY}@h'), ('MLOPS__DEPLOYMENT__PASSWORD', CANARY), ('MLOPS__DATA', json.dumps({'password': CANARY})), ('MLOPS__FEATURES__TOKEN', CANARY), ('MLOPS__warehouse__API_KEY', CANARY)):
        with monkeypatch.context() as m:
            m.setenv(name, value)
            out.error(f'variable {name}', MLPipelineConfig)
    return out


def of_store(url, folder):
    "A store whose address holds the canary, with all that stands on it"
    out = Output()
    with Store(url, folder/'bytes') as store:
        registry, data = ModelRegistry(store), DataVersioning(store)
        registry.register_model(MODEL, 'm', '1.0', {'why': 'test'}, input_example=X[['x']])
        data.version_data(X, 'flights')
        with ModelMonitor(store, config=MLPipelineConfig(referenced(folder))) as monitor:
            monitor.log_prediction({'x': 1}, 1)
            for thing in (store, registry, data, monitor, monitor.alerts, monitor.thresholds, store.__dict__.get('location')): out.shown(f'{type(thing).__name__} by URL', thing)
            for name, f in (('models', registry.list_models), ('lineage', data.get_lineage), ('dashboard', monitor.get_dashboard_data), ('info', lambda: registry.info('m', '1.0')), ('verify', store.verify)): out.answer(name, f)
            out.error('no model', registry.load_model, 'n'); out.error('no data', data.load_data, 'x_1'); out.error('twice', registry.register_model, MODEL, 'm', '1.0')
            out.error('no blob', store.get, '0'*64)
        out.files('blobs', folder/'bytes')
    return out


def of_package(tmp_path, caplog):
    "Everything else, used as in the tour, with a configuration full of secrets"
    out, c = Output(), MLPipelineConfig(written(tmp_path))
    c.set('monitoring.alert_email', REFERENCE + '@example.org')
    headers = {'X-API-Key': CANARY, 'Authorization': f'Bearer {CANARY}', 'Cookie': f'session={CANARY}'}
    with Store(tmp_path/'store') as store:
        registry, data = ModelRegistry(store), DataVersioning(store)
        registry.register_model(MODEL, 'm', '1.0', input_example=X[['x']], data_version=data.version_data(X, 'flights'))
        registry.set_alias('m', 'champion', '1.0')
        detector = DataDriftDetector(X, config=c)
        drift = detector.detect_drift(X.assign(x=X['x'] + 100))
        class Fails:
            def predict(self, X): raise RuntimeError('no')
        with ModelMonitor(store, config=c) as monitor, ModelAPI(MODEL, config=c, monitor=monitor, signature=Signature.infer(X[['x']])) as api, ModelAPI(Fails(), config=c, monitor=monitor) as broken:
            for name, app in (('api', api), ('broken api', broken)):
                client = app.app.test_client()
                routes = {r.rule: sorted(r.methods - {'HEAD', 'OPTIONS'}) for r in app.app.url_map.iter_rules()}
                for route in [*routes, '/openapi.json', '/nowhere', '/predict/x']:
                    for method in ('GET', 'POST', 'PUT'):
                        for body in ([{'x': 1}], [{'x': 'no'}], {'instances': [[1]]}, 'text'):
                            answer = client.open(route, method=method, headers=headers, json=body)
                            out[f'{name}: {method} {route} {json.dumps(body)}'] = answer.text + str(answer.headers)
            out.shown('ModelAPI', api); out.shown('ModelMonitor', monitor); out.shown('detector', detector)
            out['alerts'] = to_json(monitor.check_alerts()) + to_json(monitor.get_dashboard_data()) + to_json(drift)
        if hasattr(registry, 'card'): out['model card'] = str(registry.card('m', '1.0'))
        report = Report('drift', 'a report')
        report.figure(detector.visualize_drift(drift), 'a picture'); report.table([{'feature': 'x', 'settings': c.config['database']}], 'settings')
        report.save(tmp_path/'report.html')
        out['report'] = (tmp_path/'report.html').read_text()
        model = registry.export_model('m', '1.0', tmp_path/'out')
        with contextlib.chdir(tmp_path): out.files('docker files', generate_docker_files('shop', model).resolve())
    out.files('store on disk', tmp_path/'store'); out.files('export', tmp_path/'out')
    out['log'] = caplog.text + '\n'.join(str(vars(r)) for r in caplog.records if not r.name.startswith('werkzeug'))
    return out


def commands(group=cli.main, path=()):
    for name, command in sorted(group.commands.items()):
        if hasattr(command, 'commands'): yield from commands(command, (*path, name))
        else: yield (*path, name)


def of_terminal(tmp_path):
    "Every command, for people and as JSON, with a configuration full of secrets"
    out = Output()
    with Store(tmp_path/'cli') as store:
        ModelRegistry(store).register_model(MODEL, 'm', '1.0', input_example=X[['x']])
        ids = [DataVersioning(store).version_data(X.assign(x=X['x'] + i), 'flights') for i in (0, 1)]
        ModelMonitor(store).close()
    X.to_csv(tmp_path/'x.csv', index=False)
    workspace.start(tmp_path/'lab')
    args = {'registry show': ['m:1.0'], 'registry delete': ['m', '1.0', '--yes'], 'data diff': ids, 'data lineage': ids[:1], 'drift': ids, 'serve': ['m@none'], 'data add': [tmp_path/'x.csv', 'flights'], 'data export': [ids[0], tmp_path/'out.csv'],
            'monitor report': [tmp_path/'cli.html'], 'monitor labels': [tmp_path/'x.csv'], 'monitor label': ['none', '1'], 'ask': [tmp_path/'x.csv', '--url', f'http://ann:{CANARY}@127.0.0.1:1'],
            **{f'course {verb}': ['distance', '--folder', tmp_path/'lab'] for verb in ('check', 'diff', 'reset')}, 'course status': ['--folder', tmp_path/'lab'], 'course use': ['mine', '--folder', tmp_path/'lab']}
    for path in commands():
        name = ' '.join(path)
        if name in ('lab', 'tour', 'course start', 'course resume'): continue   # they run notebooks, whose outputs are searched below
        known = {o for p in _command(path).params for o in p.opts}
        for as_json in (False, True):
            line = [*path, *args.get(name, []), *(['--store', str(tmp_path/'cli')] if '--store' in known else []), *(['--config', str(written(tmp_path))] if '--config' in known else []), *(['--json'] if as_json and '--json' in known else [])]
            result = CliRunner().invoke(cli.main, line)
            out[f'mlops-nb {" ".join(map(str, line[:3]))} json={as_json}'] = result.output + str(result.exception)
    for bad in ([str(tmp_path/'t.yaml')], [str(tmp_path/'no.json')]):
        (tmp_path/'t.yaml').write_text(f'password: !{CANARY}')
        out[f'bad configuration {bad}'] = CliRunner().invoke(cli.main, ['monitor', 'show', '--store', str(tmp_path/'cli'), '--config', *bad]).output
    return out


def _command(path):
    command = cli.main
    for step in path: command = command.commands[step]
    return command


def test_what_a_configuration_shows(tmp_path):
    found = of_configuration(tmp_path)
    assert len(found) > 45 and leaks(found) == []
    assert REFERENCE in found['referenced configuration'] and '***' in found['written configuration']        # we looked where they would be
    c = MLPipelineConfig(written(tmp_path))
    assert c.get('database.password') == CANARY == MLPipelineConfig(referenced(tmp_path)).get('database.password')       # who asks gets it


def test_what_a_wrong_file_says(tmp_path):
    found = of_files(tmp_path)
    assert len(found) == 11 and leaks(found) == []


def test_what_a_wrong_variable_says(monkeypatch):
    found = of_environment(monkeypatch)
    assert leaks(found) == [] and all(name.split()[1].upper() in text.upper() or 'environment: ' in text for name, text in found.items())


def test_a_store_that_cannot_be_reached(tmp_path):
    out = Output()
    for url in (f'postgresql://ann:{CANARY}@127.0.0.1:1/x', f'postgresql://ann:{REFERENCE}@127.0.0.1:1/x', f'postgresql://ann@127.0.0.1:1/x?password={CANARY}'): out.error(url[:20], Store, url, tmp_path/'b', timeout=0.5)
    out.error('blobs', Store, tmp_path/'s', f's3://key:{CANARY}@bucket/p'); out.error('no URL for tables', Store, f'mysql://ann:{CANARY}@h/x', tmp_path/'b')
    assert leaks(out) == []


@pytest.fixture
def singer(postgres):
    "A place for tables, and a user whose password is the canary"
    user, place = f'singer_{uuid.uuid4().hex[:12]}', postgres.database().split('@')[1]
    postgres.run(f"create role {user} login superuser password '{CANARY}'")
    yield lambda secret: f'postgresql://{user}:{secret}@{place}'
    gc.collect()
    postgres.run(f'drop owned by {user} cascade'); postgres.run(f'drop role {user}')


@pytest.mark.parametrize('secret', [CANARY, REFERENCE])
def test_a_store_by_url_and_all_that_stands_on_it(singer, tmp_path, secret):
    found = of_store(singer(secret), tmp_path)
    assert len(found) > 10 and leaks(found) == []


def test_the_package(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    found = of_package(tmp_path, caplog)
    assert len(found) > 100 and 'RuntimeError: no' in found['log'] and leaks(found) == []


def test_the_terminal(tmp_path):
    found = of_terminal(tmp_path)
    assert sum('json=True' in name for name in found) >= 9 and leaks(found) == []


def test_what_the_notebooks_saved():
    "The lessons use hunter2, hunter3 and canaries as passwords; their saved outputs must not hold them"
    folder = Path(mlops_nb.__file__).parent.parent/'nbs'
    found = Output({f'{p.name}, cell {i}': json.dumps(cell['outputs']) for p in folder.rglob('*.ipynb') if not any(x[0] in '._' for x in p.relative_to(folder).parts)
                    for i, cell in enumerate(json.loads(p.read_text(encoding='utf8'))['cells']) if cell['cell_type'] == 'code' and cell['outputs']})
    assert len(found) > 50 and [name for name, text in found.items() if 'hunter' in text or 'canary-' in text.lower()] == []


def bare(value, *args, **kw): return value


class Bare(dict):
    "A section that hides nothing"
    def __init__(self, tree, *args, **kw): super().__init__(tree)
    def masked(self): return None


MASKS = {'mask in config': (config_module, 'mask', bare), 'Settings in config': (config_module, 'Settings', bare), 'Shown in config': (config_module, 'Shown', Bare), 'mask_text': (masks, 'mask_text', bare), 'is_secret': (masks, 'is_secret', lambda name: False),
         'is_secret in explain': (config_module, 'is_secret', lambda name: False), 'type only at the top': (config_module, 'type', lambda x: SimpleNamespace(__name__=repr(x)))}

@pytest.mark.parametrize('name', MASKS)
def test_the_search_finds_the_canary_when_a_mask_is_gone(name, tmp_path, monkeypatch):
    module, attribute, without = MASKS[name]
    monkeypatch.setattr(module, attribute, without, raising=attribute != 'type')
    assert leaks(of_configuration(tmp_path) | of_files(tmp_path))


def test_the_search_finds_what_the_yaml_parser_would_say(tmp_path, monkeypatch):
    import re
    from mlops_nb.core import documents
    class NoSub:
        def __getattr__(self, name): return getattr(re, name)
        def sub(self, pattern, new, text, *args): return text
    monkeypatch.setattr(documents, 're', NoSub())
    assert {*leaks(of_files(tmp_path))} & {'file t.yaml', 'file a.yaml'} == {'file a.yaml'}      # what we say of a tag ourselves tells nothing
    monkeypatch.setattr(documents, '_no_tag', lambda node: f'could not determine a constructor for the tag {node.tag!r}')
    assert {'file t.yaml', 'file a.yaml'} <= {*leaks(of_files(tmp_path))}


def test_the_search_finds_resolved_references(tmp_path, monkeypatch):
    real = config_module.MLPipelineConfig.save_config
    def careless(self, path):                                                        # saves what `get` gives
        c = MLPipelineConfig(); c._replace({'database': masks.resolve(self._merged['database'])})
        return real(c, path)
    monkeypatch.setattr(config_module.MLPipelineConfig, 'save_config', careless)
    assert leaks(of_configuration(tmp_path)) == [f'saved: c.{e}' for e in ('json', 'yaml', 'yml')]


def test_the_search_finds_the_password_of_a_store(singer, tmp_path, monkeypatch):
    from mlops_nb.store import store as store_module
    monkeypatch.setattr(store_module, 'mask_url', bare)
    assert leaks(of_store(singer(CANARY), tmp_path))


@pytest.mark.parametrize('what', ['an answer', 'a log line', 'the database'])
def test_the_search_finds_a_careless_api(what, tmp_path, caplog, monkeypatch):
    from flask import request
    from mlops_nb.serving import api as api_module
    caplog.set_level(logging.DEBUG)
    if what == 'an answer': monkeypatch.setattr(api_module, '_http_error', lambda e: (f'{e} {request.headers}', 404))
    if what == 'a log line': monkeypatch.setattr(api_module, '_user', lambda: logging.getLogger('mlops_nb.api').info('%s', request.headers))
    if what == 'the database': monkeypatch.setattr(api_module, '_user', lambda: request.headers['X-API-Key'])
    found = leaks(of_package(tmp_path, caplog))
    assert any(name.startswith({'an answer': 'api: GET /nowhere', 'a log line': 'log', 'the database': 'store on disk'}[what]) for name in found), found


@pytest.mark.parametrize('edge', ['client', 'cli'])
def test_addresses_with_a_password_at_the_edges(edge, tmp_path):
    out = Output()
    if edge == 'client':
        client = ModelClient(f'http://ann:{CANARY}@127.0.0.1:1')
        out.shown('client', client); out.error('no server', client.health); out.error('no address', ModelClient, f'ftp://ann:{CANARY}@h')
    else: out['cli'] = CliRunner().invoke(cli.main, ['registry', 'list', '--store', f'postgresql://ann:{CANARY}@127.0.0.1:1/x']).output
    assert leaks(out) == []
