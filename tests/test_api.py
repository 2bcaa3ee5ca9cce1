"The API as strangers meet it: on a real server, at once, with bodies that nobody should send"
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
import http.client
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest

from mlops_nb import ModelAPI, ModelClient, ModelMonitor, ModelRegistry, Signature
from mlops_nb.core.rules import InvalidInput, MlopsError
from mlops_nb.serving.api import create_app
from mlops_nb.serving.client import ApiError


class Double:
    "A model whose answer tells which row it was asked about"
    def predict(self, X): return np.asarray(X)[:, 0]*2


SIGNATURE = Signature.infer(pd.DataFrame({'x': [1., 2.], 'y': [0.5, 1.5]}))


@pytest.fixture
def served():
    "Start APIs; all end with the test"
    opened = []
    def start(model=None, **kw):
        kw = {'signature': SIGNATURE, 'config': {'deployment': {'max_requests_per_minute': 100_000, **kw.pop('deployment', {})}}, **kw}
        api = ModelAPI(model or Double(), **kw)
        server = api.start()
        opened.extend([server, api])
        return server
    yield start
    for thing in opened: thing.close()


def send(server, body, path='/predict', method='POST', **headers):
    host, port = server.url[7:].split(':')
    conn = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        conn.request(method, path, body, {'Content-Type': 'application/json', **headers}, encode_chunked='Transfer-Encoding' in headers)
        answer = conn.getresponse()
        return answer.status, json.loads(answer.read() or 'null'), answer.headers
    finally: conn.close()


def test_thirty_two_clients_at_once_each_get_their_own_answer_in_order(served):
    server = served()
    def ask(k):
        client = ModelClient(server.url)
        for i in range(10):
            rows = [[k*1000. + i*10 + j, 0.] for j in range(1 + i % 4)]
            assert client.predict(rows)['predictions'] == [r[0]*2 for r in rows]
            assert client.batch_predict(rows*3, batch_size=2)['predictions'] == [r[0]*2 for r in rows*3]
        return True
    with ThreadPoolExecutor(32) as pool: assert all(pool.map(ask, range(32)))
    health = ModelClient(server.url).health()
    assert (health['requests_served'], health['error_rate']) == (32*20, 0)


def test_a_slow_model_is_504_and_a_full_queue_503_and_then_all_is_well(served):
    free = threading.Event()
    class Slow(Double):
        def predict(self, X): free.wait(20) if X['y'].iloc[0] == 9 else None; return super().predict(X)
    server = served(Slow(), workers=1, queue=1, deployment={'timeout_seconds': 1})
    slow, quick = b'[[1, 9]]', b'[[2, 0]]'
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(send, server, slow); time.sleep(0.2)
        second = pool.submit(send, server, slow); time.sleep(0.2)
        status, body, headers = send(server, quick)
        assert (status, headers['Retry-After']) == (503, '1') and 'full' in body['error']
        assert first.result()[0] == 504 and 'longer than 1 seconds' in first.result()[1]['error']
        assert second.result()[0] == 504
    free.set(); time.sleep(0.1)
    assert send(server, quick)[1]['predictions'] == [4.]


BODIES = [(b'', 400), (b'{', 400), (b'nonsense', 400), (b'\xff\xfe', 400), (b'[1, NaN]', 400), (b'[1, Infinity]', 400), (b'null', 422), (b'3', 422), (b'"x"', 422), (b'[]', 422), (b'[[]]', 422),
          (b'[[1]]', 422), (b'[[1, 2, 3]]', 422), (b'[[1, "a"]]', 422), (b'[[1, [2]]]', 422), (b'[[1, true]]', 422), (b'{"x": 1}', 422), (b'{"x": 1, "y": 2, "z": 3}', 422),
          (b'[{"x": 1, "y": 2}, 5]', 422), (b'[{"x": 1, "y": 2}, [1, 2]]', 422), (b'{"x": 1e999, "y": 2}', 400), (b'{"x": {"$where": 1}, "y": 2}', 422), (b'['*10_000 + b']'*10_000, 400),
          (b'{"x": 1, "x": 2, "y": 3}', 400)]


@pytest.mark.parametrize('body,expected', BODIES, ids=[str(b[:30]) for b, _ in BODIES])
def test_a_wrong_body_is_told_what_is_wrong(served, body, expected):
    server = served()
    status, answer, headers = send(server, body)
    assert status == expected, answer
    assert headers['Content-Type'] == 'application/problem+json' and answer['status'] == status and len(answer['error']) > 10
    assert datetime.fromisoformat(answer['timestamp']).utcoffset() == timedelta(0) and answer['request_id'] == headers['X-Request-Id']
    assert 'Traceback' not in json.dumps(answer) and 'File "' not in json.dumps(answer)
    assert ModelClient(server.url).predict([[1, 2]])['predictions'] == [2.]                # it lives on


def test_a_body_over_the_limit_is_413_with_and_without_a_length(served):
    server = served(max_body=1000)
    assert send(server, b'[' + b'[1,2],'*1000 + b'[1,2]]')[0] == 413
    host, port = server.url[7:].split(':')
    with socket.create_connection((host, int(port)), timeout=10) as s:
        s.sendall(b'POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n')
        try:
            for _ in range(200): s.sendall(b'64\r\n' + b' '*100 + b'\r\n')
            s.sendall(b'0\r\n\r\n')
        except OSError: pass                                                               # it may hang up at once
        try: first = s.recv(100)
        except ConnectionResetError: first = b''
    assert first == b'' or b' 413 ' in first.splitlines()[0], first
    assert send(server, b'[[1, 2]]')[0] == 200
    with socket.create_connection((host, int(port)), timeout=10) as s:                     # what does not arrive whole is the client's fault
        s.sendall(b'POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[[1, 2]]\r\n0\r\n\r\n')
        assert b' 400 ' in s.recv(200).splitlines()[0]
    assert ModelClient(server.url).health()['error_rate'] == 0.0
    assert send(server, iter([b'[[1,', b' 2]]']), **{'Transfer-Encoding': 'chunked'})[1]['predictions'] == [2.]   # in chunks is fine


@pytest.mark.parametrize('method,path,kind,expected', [('GET', '/predict', 'application/json', 405), ('POST', '/health', 'application/json', 405), ('POST', '/nowhere', 'application/json', 404),
                                                       ('POST', '/predict', 'text/plain', 415), ('POST', '/predict', 'application/x-www-form-urlencoded', 415)])
def test_the_wrong_door_is_named(served, method, path, kind, expected):
    status, answer, headers = send(served(), b'[[1, 2]]', path, method, **{'Content-Type': kind})
    assert status == expected and answer['status'] == expected and headers['Content-Type'] == 'application/problem+json'


def test_what_a_refusal_advises_can_be_done(served):
    server = served(max_body=1000)
    said = send(server, b'[[1, 2]]', '/preditc')[1]['detail']
    routes = said.partition('there are ')[2].split(', ')
    assert '/predict' in routes and len(routes) == 4 and not {send(server, b'[[1, 2]]', r)[0] for r in routes} & {404}
    for route in routes:                                                    # the wrong method names the right one
        for method in ('GET', 'POST', 'PUT', 'DELETE'):
            status, answer, headers = send(server, b'{"instances": [[1, 2]]}' if 'batch' in route else b'[[1, 2]]', route, method)
            if status == 200: continue
            right = answer['detail'].removeprefix(f'{method} {route}: this route takes ')
            assert status == 405 and right in headers['Allow'].split(', ')
            assert send(server, b'{"instances": [[1, 2]]}' if 'batch' in route else b'[[1, 2]]', route, right)[0] == 200
    many = json.dumps([[1, 2]]*500).encode()
    for body, more in ((many, {}), (iter([many]), {'Transfer-Encoding': 'chunked'})):
        status, answer, _ = send(server, body, **more)
        assert (status, answer['detail']) == (413, 'POST /predict: the body is over 1,000 bytes; send fewer rows in a request')
    assert send(server, json.dumps([[1, 2]]*50).encode())[0] == 200         # fewer rows in a request
    status, answer, _ = send(server, b'[[1, 2]]', **{'Content-Type': 'text/plain'})
    kind = answer['detail'].partition('send Content-Type: ')[2]
    assert status == 415 and send(server, b'[[1, 2]]', **{'Content-Type': kind})[0] == 200
    status, answer, _ = send(server, b'[[1, NaN]]')
    assert status == 400 and answer['detail'].endswith('a missing value is null')
    slow = served(deployment={'max_requests_per_minute': 60})
    while (refused := send(slow, b'[[1, 2]]'))[0] == 200: pass
    assert refused[0] == 429 and refused[2]['Retry-After'] == '1'
    time.sleep(1)
    assert send(slow, b'[[1, 2]]')[0] == 200                                # whoever waits as long is served


def test_a_fault_of_ours_tells_no_secret_and_no_code(served, caplog):
    class Broken:
        def predict(self, X): raise RuntimeError('password=hunter2 at /srv/secret.py')
    server = served(Broken())
    with caplog.at_level(logging.ERROR, 'mlops_nb.api'): status, answer, _ = send(server, b'[[1, 2]]')
    assert status == 500 and 'hunter2' not in json.dumps(answer) and 'secret.py' not in json.dumps(answer)
    assert answer['request_id'] in caplog.text and 'hunter2' in caplog.text                # the log has it, under the id


def test_a_configured_secret_never_leaves(served, monkeypatch):
    monkeypatch.setenv('CANARY', 'canary-7f3a')
    server = served(deployment={'environment': '${CANARY}'})
    said = [send(server, None, p, 'GET')[1] for p in ('/health', '/model_info')] + [send(server, b'[[1, 2]]')[1], send(server, b'[[1, "a"]]')[1]]
    assert 'canary-7f3a' not in json.dumps(said)


def test_columns_are_found_by_name_and_not_by_place(served):
    server = served()
    assert send(server, b'[{"y": 1, "x": 5}, {"x": 6, "y": 1}]')[1]['predictions'] == [10., 12.]


def test_only_this_machine_can_reach_it_and_the_port_is_free_again_after_the_end():
    with ModelAPI(Double(), signature=SIGNATURE) as api:
        server = api.start()
        host, port = server.server.bind_addr
        assert host == '127.0.0.1'
        with pytest.raises(InvalidInput, match='choose another port'): api.start(port=port)
        server.close()
        with socket.socket() as s: s.bind(('127.0.0.1', port))
        with pytest.raises(MlopsError, match='is the server running'): ModelClient(server.url, timeout=2).health()


def test_run_serves_until_ctrl_c():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
    code = f'''
from mlops_nb import ModelAPI
class One:
    def predict(self, X): return [1]*len(X)
ModelAPI(One()).run(port={port})
'''
    child = subprocess.Popen([sys.executable, '-c', code], stderr=subprocess.PIPE, text=True,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))   # a shell's background job ignores Ctrl-C
    try:
        for _ in range(100):
            try: answer = ModelClient(f'http://127.0.0.1:{port}').predict([[5]]); break
            except MlopsError: time.sleep(0.1)
        assert answer['predictions'] == [1]
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 0
        assert child.stderr.read().strip() == f'serving at http://127.0.0.1:{port}; Ctrl-C ends it'
    finally: child.kill(); child.wait(); child.stderr.close()


def test_debug_shows_requests_and_tracebacks_and_opens_no_console():
    "Neither the page of Werkzeug's debugger nor its resources nor its console answer, whoever asks and wherever from"
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
    code = f"""
from mlops_nb import ModelAPI
class Broken:
    def predict(self, X): raise RuntimeError('password is hunter2')
ModelAPI(Broken()).run(port={port}, debug=True)
"""
    child = subprocess.Popen([sys.executable, '-c', code], stderr=subprocess.PIPE, text=True)
    client = ModelClient(f'http://127.0.0.1:{port}')
    try:
        for _ in range(100):
            try: client.health(); break
            except MlopsError: time.sleep(0.1)
        for question in (lambda: client.predict([[1]]), lambda: client._ask('GET', '/console'), lambda: client._ask('GET', '/?__debugger__=yes&cmd=resource&f=debugger.js')):
            with pytest.raises(ApiError) as refused: question()
            said = json.dumps(refused.value.problem).lower()
            assert refused.value.status in (404, 500) and not any(word in said for word in ('console', 'traceback', 'hunter2', 'secret')) or '/console' in said
        assert refused.value.problem['title'] == 'Not Found'
    finally: child.terminate(); told = child.communicate(timeout=20)[1]
    assert 'hunter2' in told and 'Traceback' in told and "POST '/predict': 500" in told and 'Debugger' not in told


def test_objects_for_a_model_without_names_in_the_order_of_the_first_row(served):
    "More than ten names, so that sorted keys would be another order; over HTTP, by the client, which must not sort them"
    class Weighted:
        n_features_in_ = 12
        def predict(self, X): return np.asarray(X) @ 2.**np.arange(12)
    server = served(Weighted(), signature=None)
    rows = [{f'feature_{i}': float(i == k) for i in range(12)} for k in range(12)]
    client, want = ModelClient(server.url), [2.**k for k in range(12)]
    assert client.predict(rows)['predictions'] == client.batch_predict(pd.DataFrame(rows), batch_size=5)['predictions'] == want
    assert client.predict([rows[1], dict(reversed(rows[2].items()))])['predictions'] == want[1:3]      # by name to the first row's
    assert client.predict(dict(reversed(rows[1].items())))['predictions'] == [2.**10]                 # its own order, where it is the first
    for wrong, says in (([rows[0], rows[1] | {'more': 1}], "row 1, column 'more': is not in row 0"), ([rows[0], {'feature_0': 1}], 'is missing'), ({'a': 1}, 'row 0: has 1 names')):
        with pytest.raises(ApiError, match=says) as refused: client.predict(wrong)
        assert refused.value.status == 422
    info = client.model_info()
    assert (info['features'], info['n_features']) == (None, 12)


def test_a_pipeline_that_encodes_texts_needs_no_signature(served):
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    X = pd.DataFrame({'origin': ['JFK', 'LGA']*20, 'hour': range(40)})
    columns = make_column_transformer((OneHotEncoder(), ['origin']), (StandardScaler(), ['hour']))
    whole = make_pipeline(columns, LogisticRegression()).fit(X, X['hour'] > 20)
    prepared = LogisticRegression().fit(columns.fit_transform(X), X['hour'] > 20)
    for server in (served(whole, signature=None), served(prepared, preprocessor=columns, signature=None)):
        client = ModelClient(server.url)
        assert client.batch_predict(X[['hour', 'origin']])['predictions'] == whole.predict(X).tolist() and client.model_info()['features'] == ['origin', 'hour']
        with pytest.raises(ApiError, match='422 .* does not take these rows'): client.predict({'origin': 'JFK', 'hour': 'late'})


def test_several_outputs_are_a_list_for_each_row(served, tmp_path):
    from sklearn.ensemble import RandomForestClassifier
    X = np.random.default_rng(0).normal(size=(40, 2))
    model = RandomForestClassifier(3, random_state=0).fit(X, np.array([X[:, 0] > 0, X[:, 1] > 0]).T.astype(int))
    with ModelMonitor(tmp_path/'m.db') as monitor: answer = ModelClient(served(model, signature=None, monitor=monitor).url).batch_predict(X, batch_size=7)
    assert answer['predictions'] == model.predict(X).tolist() and np.array(answer['probabilities']).shape == (40, 2, 2)


def test_health_tells_of_a_model_that_fails_and_of_a_log_that_is_away(served):
    class Moody(Double):
        broken = True
        def predict(self, X):
            if self.broken: raise RuntimeError('no')
            return super().predict(X)
    class Log:
        away = False
        def log_prediction(self, *args, **kw): self.log_predictions()
        def log_predictions(self, *args, **kw):
            if self.away: raise OSError('disk full')
            return ['id']
    model, log = Moody(), Log()
    server = served(model, monitor=log)
    client = ModelClient(server.url)
    def status(): return send(server, None, '/health', 'GET')[:2]
    assert (client.health()['status'], client.health()['error_rate'], client.health()['requests_served']) == ('healthy', 0.0, 0)
    for k in range(1, 7):
        assert send(server, b'[[1, 2]]')[0] == 500
        assert send(server, b'[[1, "a"]]')[0] == 422                                       # neither a failure nor a success of the model
        assert (client.health()['status'] == 'healthy') == (k < 5)
    code, health = status()
    assert code == 200 and health['status'] == 'the model failed 6 times in a row' and 0 < health['error_rate'] < 1
    model.broken = False
    client.predict([[1, 2]])
    assert client.health()['status'] == 'healthy'
    log.away = True
    client.predict([[1, 2]]); client.predict([[1, 2]])
    assert client.health()['status'] == 'the log is away: the last 2 answers are not in it'
    log.away = False
    client.predict([[1, 2]])
    assert client.health()['status'] == 'healthy'


def test_model_info_covers_the_secrets_of_the_whole_configuration(served, monkeypatch):
    monkeypatch.setenv('CANARY', 'canary-7f3a')
    server = served(config={'database': {'password': 'canary-1', 'url': 'postgresql://ann:canary-2@h/x'}, 'model.name': 'delay', 'deployment.environment': '${CANARY}'})
    info = ModelClient(server.url).model_info()
    assert 'canary' not in json.dumps(info).lower().replace('${canary}', '') and info['config']['database']['password'] == '***'
    assert info['config']['model']['name'] == 'delay' and {'model', 'data', 'deployment', 'monitoring', 'database'} <= set(info['config'])


def test_every_answer_and_every_failure_is_in_the_log_of_the_monitor(served, tmp_path):
    with ModelMonitor(tmp_path/'m.db') as monitor:
        class Sometimes(Double):
            def predict(self, X):
                if X['y'].iloc[0] == 9: raise RuntimeError('no')
                return super().predict(X)
        server = served(Sometimes(), monitor=monitor, version='3.1', name='double', task='classification')
        ids = send(server, b'[[1, 2], [3, 4]]', **{'X-User-Id': 'ann'})[1]['prediction_ids']
        assert send(server, b'[[1, 2]]', **{'X-User-Id': ''})[1]['prediction_ids']         # an empty name is no name
        assert send(server, b'[[1, 9]]')[0] == 500
        assert send(server, b'[[1, "a"]]')[0] == 422                                       # the client's fault is not the model's
        monitor.log_feedbacks(ids, [2, 0])
        m = monitor.calculate_metrics()
        assert (m['total_requests'], m['total_predictions'], m['error_rate'], m['accuracy']) == (4, 2, 0.25, 0.5)   # all, labelled, failed, right
        assert set(monitor.predictions()['model_version']) == {'3.1'}


def test_the_registered_signature_and_version_serve(tmp_path):
    from sklearn.linear_model import LinearRegression
    X = pd.DataFrame({'a': [0., 1., 2.], 'b': [1., 0., 5.]})
    with ModelRegistry(tmp_path/'r') as registry:
        registry.register_model(LinearRegression().fit(X, X['a'] - X['b']), 'm', '2.0', signature=Signature.infer(X))
        registry.set_alias('m', 'champion', '2.0')
        with ModelAPI.from_registry(registry, 'm@champion') as api, api.start() as server:
            answer = ModelClient(server.url).predict({'b': 1., 'a': 4.})
            assert (round(answer['predictions'][0], 9), answer['model_version']) == (3, '2.0')
            assert ModelClient(server.url).model_info()['features'] == ['a', 'b']


def test_each_row_has_one_answer_or_the_request_fails():
    class Fewer:
        def predict(self, X): return np.arange(len(X) - 1)
    class Pair:
        def predict(self, X): return np.zeros(len(X)), np.ones(len(X))
    for model in (Fewer(), Pair()):
        with ModelAPI(model) as api: assert api.app.test_client().post('/predict', json=[[1], [2], [3]]).status_code == 500


FITTED = dict(columns=['x', 'y'], train=pd.DataFrame({'x': [1., 2., 4.], 'y': [0.5, 1.5, 0.1]}), target=[1., 2., 3.])


@pytest.mark.parametrize('what,says', [
    (dict(signature=v), 'give a Signature') for v in ({}, [], '', 0, False, FITTED['train'], ['x', 'y'], SIGNATURE.to_dict(), Signature)] + [
    (dict(monitor=v), 'give a ModelMonitor') for v in ({}, [], '', 0, False, 'log.db', ModelMonitor)] + [
    (dict(config=v), 'give an MLPipelineConfig or a dict') for v in ([], '', 0, False, 'config.json')] + [
    (dict(preprocessor=v), 'has a transform method') for v in ({}, [], '', 0, False, 'scale')] + [
    (dict(version=v), 'give a text such as') for v in ('', 1.0, 1.10, False, {}, [])] + [
    (dict(name=v), 'name') for v in ('', 0, False, [], 'a b', 'a@b')] + [
    (dict(task=v), "can be 'classification' or 'regression'") for v in ('', 0, False, [], 'Classification')] + [
    (dict(workers=v), 'whole number from 1') for v in (0, -1, 1.0, True, '1', '', None)] + [
    (dict(queue=v), 'whole number from 0') for v in (-1, 1.0, False, '', None)] + [
    (dict(max_body=v), 'whole number from 1') for v in (0, 1e6, True, '16 MB', None)])
def test_what_is_wrong_with_an_argument_is_said_at_the_start(what, says):
    with pytest.raises(InvalidInput, match=says): ModelAPI(Double(), **what)


def test_empty_settings_and_a_version_of_zero_are_what_they_are():
    with ModelAPI(Double(), config={}, version=0, queue=0) as api: assert (api.version, api.config.get('model.name')) == ('0', 'default_model')
    for model in (None, '', 0, {}, [], Double, Double().predict):
        with pytest.raises(InvalidInput, match='a model has a predict method'): ModelAPI(model)


def test_an_application_is_made_of_what_exists(tmp_path):
    with ModelRegistry(tmp_path/'r') as registry:
        registry.register_model(_fitted(), 'm', '2.0', signature=SIGNATURE)
        for ref in ('', 'm@', 'm:', None, 0, [], ('m',), 'm@nobody', 'm:9', 'other'):
            with pytest.raises(MlopsError): create_app(registry, ref)
        for allow in ('no', 'false', '', 0, 1, None):       # a text that says no is true for Python, and a pickle runs code
            with pytest.raises(InvalidInput, match='say True or False'): create_app(registry, 'm', allow_pickle=allow)
        assert create_app(registry, 'm', allow_pickle=False)
    for where in ('', 0, None, [], {}):
        with pytest.raises(InvalidInput): create_app(where, 'm')


def _fitted():
    from sklearn.linear_model import LinearRegression
    return LinearRegression().fit(FITTED['train'], FITTED['target'])


def test_a_signature_agrees_with_what_the_model_was_trained_on_or_nothing_starts():
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    X, y = FITTED['train'], FITTED['target']
    wrong = [(X[['y', 'x']], 'has the order'), (X[['x']], r"lacks \['y'\]"), (X.assign(z=1.), r"has \['z'\] as well"), (X.set_axis(['x', 'Y'], axis=1), r"lacks \['y'\]")]
    for model in (_fitted(), make_pipeline(StandardScaler(), LinearRegression()).fit(X, y)):
        for table, says in wrong:
            with pytest.raises(InvalidInput, match=says): ModelAPI(model, signature=Signature.infer(table))
    with pytest.raises(InvalidInput, match='has the order'):                # the preprocessor gets the rows, so it is asked
        ModelAPI(LinearRegression().fit(X.to_numpy(), y), StandardScaler().fit(X), signature=Signature.infer(X[['y', 'x']]))
    unnamed = LinearRegression().fit(X.to_numpy(), y)
    with pytest.raises(InvalidInput, match='trained on 2 columns'): ModelAPI(unnamed, signature=Signature.infer(X[['x']]))
    picks = make_pipeline(make_column_transformer((StandardScaler(), ['x', 'y'])), LinearRegression()).fit(X, y)
    for model, table in ((unnamed, X[['y', 'x']]), (Double(), X), (picks, X[['y', 'x']]), (_fitted(), X)):     # no names to disagree with, or found by name
        with ModelAPI(model, signature=Signature.infer(table)) as api:
            row = api.app.test_client().post('/predict', json=table.head(1).to_dict('records'))
            assert row.status_code == 200, row.text
    with ModelAPI(picks, signature=Signature.infer(X[['y', 'x']])) as api:
        said = api.app.test_client().post('/predict', json=X[['y', 'x']].to_dict('records')).get_json()
        assert said['predictions'] == picks.predict(X).tolist()


def test_one_answer_that_is_no_number_loses_one_line(tmp_path):
    class OneNaN:
        def predict(self, X): return np.where(np.arange(len(X)) == 3, np.nan, 1.5)
    with ModelMonitor(tmp_path/'m.db') as monitor, ModelAPI(OneNaN(), monitor=monitor, name='one') as api:
        said = api.app.test_client().post('/predict', json=[{'a': i} for i in range(100)]).get_json()
        assert len({*said['prediction_ids']}) == 100 and said['predictions'].count(None) == 1
        log = monitor.predictions().set_index('id').loc[said['prediction_ids']]
        assert log['error'].notna().tolist() == [i == 3 for i in range(100)] and {*log['model']} == {'one'}


def test_texts_are_served_with_a_signature_and_without():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    texts = ['red apple', 'fast car']
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, ['food', 'cars'])
    for signature in (None, Signature.infer(texts), Signature.infer(pd.DataFrame({'text': texts}))):
        with ModelAPI(model, signature=signature) as api, api.start() as server:
            client = ModelClient(server.url)
            for rows in ([{'text': t} for t in texts], texts, pd.Series(texts)):
                assert client.batch_predict(rows)['predictions'] == ['food', 'cars']
            assert client.predict([{'text': 'red apple'}])['classes'] == ['cars', 'food']


def _tables():
    "One table in the form of each library, and rows of it"
    import pyarrow as pa
    plain = {'y': [0.5, None, 2.25], 'x': [1, 2, 2**53 + 1], 'kind': ['a', 'b', None]}
    made = {'pandas': pd.DataFrame(plain), 'records': pd.DataFrame(plain).to_dict('records'), 'arrow': pa.table(plain), 'batch': pa.record_batch(plain),
            'pandas of arrow': pa.table(plain).to_pandas(types_mapper=pd.ArrowDtype), 'pandas of other rows': pd.DataFrame(plain, index=[7, 3, 7])}
    try: import polars
    except ImportError: return made, plain
    frame = polars.DataFrame(plain)
    return {**made, 'polars': frame, 'lazy polars': frame.lazy(), 'polars of categories': frame.with_columns(polars.col('kind').cast(polars.Categorical))}, plain


def test_the_client_takes_the_tables_of_other_libraries_with_names_order_and_every_value():
    class Echo:
        "Says the names that it got, and the values of a row"
        def predict(self, X): return [json.dumps([[*X.columns], [None if pd.isna(v) else v for v in row]], default=float) for row in X.astype(object).to_numpy()]
    tables, plain = _tables()
    rows = [*zip(*plain.values())]
    with ModelAPI(Echo()) as api, api.start() as server:
        client = ModelClient(server.url)
        for name, table in tables.items():
            for said in (client.predict(table), client.batch_predict(table, batch_size=2)):
                assert [json.loads(s) for s in said['predictions']] == [[['y', 'x', 'kind'], [*row]] for row in rows], name
        for name, table in tables.items():
            if hasattr(table, 'collect'): table = table.collect()
            none = table[:0] if not hasattr(table, 'slice') else table.slice(0, 0)
            assert client.batch_predict(none)['num_instances'] == 0, name
            with pytest.raises(ApiError, match='send at least one'): client.predict(none)


def test_a_model_behind_a_signature_answers_the_same_to_the_tables_of_other_libraries():
    polars = pytest.importorskip('polars')
    import pyarrow as pa
    X = FITTED['train']
    with ModelAPI(_fitted(), signature=Signature.infer(X)) as api, api.start() as server:
        client, expected = ModelClient(server.url), _fitted().predict(X).tolist()
        for table in (X, polars.from_pandas(X), polars.from_pandas(X).lazy(), pa.Table.from_pandas(X), polars.from_pandas(X[['y', 'x']])):
            assert client.predict(table)['predictions'] == expected         # by name, in whatever order
        for table in (polars.DataFrame({'x': [1., float('inf')], 'y': [1., 1.]}), pa.table({'x': [1., float('inf')], 'y': [1., 1.]})):
            with pytest.raises(InvalidInput, match="row 1, column 'x' is inf"): client.predict(table)
        assert client.health()['requests_served'] == 5                      # the infinities were not sent


def test_a_column_of_texts_of_another_library_is_a_row_each():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    polars = pytest.importorskip('polars')
    import pyarrow as pa
    texts = ['red apple', 'fast car']
    with ModelAPI(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, ['food', 'cars']), signature=Signature.infer(texts)) as api, api.start() as server:
        for column in (polars.Series('text', texts), polars.DataFrame({'text': texts}), pa.array(texts), pa.chunked_array([texts[:1], texts[1:]]), pa.table({'text': texts})):
            assert ModelClient(server.url).predict(column)['predictions'] == ['food', 'cars']


def test_a_model_with_one_worker_is_never_entered_twice_at_once():
    class Alone:
        inside, most = 0, 0
        def predict(self, X):
            self.inside += 1; self.most = max(self.most, self.inside); time.sleep(0.01); self.inside -= 1
            return [1]*len(X)
    model = Alone()
    with ModelAPI(model, workers=1) as api, ThreadPoolExecutor(8) as pool:
        assert {*pool.map(lambda _: api.app.test_client().post('/predict', json=[[1]]).status_code, range(30))} == {200}
    assert model.most == 1


def test_the_client_speaks_https_with_an_authority_of_your_own(tmp_path):
    import shutil, ssl
    from http.server import BaseHTTPRequestHandler, HTTPServer
    if not shutil.which('openssl'): pytest.skip('openssl is not installed')
    key, cert = tmp_path/'key.pem', tmp_path/'cert.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2',
                    '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'], check=True, capture_output=True)
    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self): self.send_response(200); self.end_headers(); self.wfile.write(b'{"status": "healthy"}')
        def log_message(self, *args): pass
    server = HTTPServer(('127.0.0.1', 0), Healthy)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f'https://127.0.0.1:{server.server_port}/m'
    try:
        assert ModelClient(url, ca=str(cert)).health() == {'status': 'healthy'}
        with pytest.raises(MlopsError, match='named with ca='): ModelClient(url).health()
    finally: server.shutdown(); server.server_close()
