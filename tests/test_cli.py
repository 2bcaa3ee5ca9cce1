"The commands on a store that a team shares: tables in PostgreSQL, bytes in S3"
import json
import re

from click.testing import CliRunner
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_nb import DataVersioning, ModelMonitor, ModelRegistry, Store
from mlops_nb.cli.main import main

X = pd.DataFrame({'x': np.arange(20.), 'k': ['a', 'b']*10})


def call(*args): return CliRunner().invoke(main, [str(a) for a in args])


@pytest.fixture
def shared(postgres, s3):
    "Options that name a store with a model and two data versions, and the ids of these"
    location, blobs = postgres.database(), s3.place()
    with Store(location, blobs) as store:
        first = DataVersioning(store).version_data(X, 'flights')
        second = DataVersioning(store).version_data(X.assign(x=X['x'] + 5), 'flights')
        model = LogisticRegression().fit(X[['x']], X['k'])
        for v in ('1.0.0', '1.1.0'): ModelRegistry(store).register_model(model, 'm', v, input_example=X[['x']], data_version=first)
    return ['--store', location, '--blobs', blobs], first, second


def test_the_commands_work_on_postgresql_and_s3(shared, tmp_path):
    at, first, second = shared
    def good(*args):
        result = call(*args, *at)
        assert result.exit_code == 0, result.output
        return result.stdout
    assert set(json.loads(good('registry', 'list', '--json'))) == {'m:1.0.0', 'm:1.1.0'}
    assert good('registry', 'alias', 'm', 'champion', '1.0.0') == 'm@champion is 1.0.0\n'
    assert good('registry', 'tag', 'm@champion', 'team=ops') == 'm:1.0.0 has the tag team=ops\n'
    assert json.loads(good('registry', 'search', '--tag', 'team=ops', '--json'))[0]['version'] == '1.0.0'
    assert json.loads(good('registry', 'history', 'm', 'champion', '--json'))[0]['version'] == '1.0.0'
    assert {v: r['version'] for v, r in json.loads(good('data', 'list', '--json')).items()} == {first: first, second: second}
    assert [line.split()[0] for line in good('data', 'list').splitlines()] == ['version', first, second]
    assert first in good('lineage', 'model:m:1.0.0') and good('store', 'verify') == 'all is well\n'
    good('registry', 'export', 'm@champion', tmp_path/'out')
    good('registry', 'delete', 'm', '1.1.0', '--yes')
    assert [r['version'] for r in json.loads(good('registry', 'deleted', '--json'))] == ['1.1.0']
    good('registry', 'restore', 'm', '1.1.0'); good('registry', 'delete', 'm', '1.1.0', '--now', '--yes')
    assert json.loads(good('registry', 'deleted', '--json')) == [] and set(json.loads(good('registry', 'list', '--json'))) == {'m:1.0.0'}


def test_a_store_on_postgresql_and_s3_is_made_by_the_command_that_the_refusal_names(postgres, s3):
    import re, shlex
    at = ['--store', postgres.database(), '--blobs', s3.place()]
    refused = call('data', 'list', *at)
    (advice,) = re.findall('`mlops-nb ([^`]*)`', refused.stderr)                 # the tour fills folders only
    assert refused.exit_code == 3 and shlex.split(advice)[:3] == ['store', 'init', '--store'] and shlex.split(advice)[4] == '--blobs'
    assert 'key=***&secret=***' in advice and 'canary' not in refused.stderr     # what is secret must be filled in by hand
    made = json.loads(call('store', 'init', *at, '--json').stdout)
    assert made['made'] and made['holds'] == dict(models=0, data=0, predictions=0) and call('data', 'list', *at).stdout == 'none\n'
    assert not json.loads(call('store', 'init', *at, '--json').stdout)['made']


def test_variables_name_a_store_and_its_bytes_together_and_an_option_goes_over_both(tmp_path, monkeypatch):
    monkeypatch.setenv('MLOPS_STORE', str(tmp_path/'shared')); monkeypatch.setenv('MLOPS_BLOBS', str(tmp_path/'bytes'))
    X.to_csv(tmp_path/'x.csv', index=False)
    assert call('store', 'init').exit_code == 0 and call('store', 'init', '--store', tmp_path/'mine').exit_code == 0
    assert call('data', 'add', tmp_path/'x.csv', 'x', '--store', tmp_path/'mine').exit_code == 0 and call('data', 'list').stdout == 'none\n'
    assert list((tmp_path/'mine'/'blobs').glob('*/*')) and not list((tmp_path/'bytes').glob('*/*'))
    assert call('data', 'add', tmp_path/'x.csv', 'x').exit_code == 0 and list((tmp_path/'bytes').glob('*/*'))


def test_a_database_without_its_blobs_is_refused(shared):
    result = call('registry', 'list', *shared[0][:2])
    assert result.exit_code == 3 and '--blobs' in result.stderr


def test_lineage_as_a_picture(tmp_path):
    with Store(tmp_path/'s') as store: DataVersioning(store).version_data(X, 'flights')
    picture = tmp_path/'graph.png'
    result = call('lineage', '--draw', picture, '--store', tmp_path/'s')
    assert result.exit_code == 0 and result.stdout == f'{picture}\n' and picture.read_bytes()[:4] == b'\x89PNG'
    assert call('lineage', '--draw', tmp_path/'graph.xyz', '--store', tmp_path/'s').exit_code == 3
    assert not (tmp_path/'graph.xyz').exists()


@pytest.mark.parametrize('line, says', [(['serve', 'm@x', '--host', ''], '--host is empty'), (['serve', 'm@x', '--host', '  '], '--host is empty'), (['registry', 'list', '--store', 'a\0b'], 'is no path'), (['registry', 'list', '--store', 'postgresql://a\0b'], 'cannot be a place'),
                                        (['registry', 'tag', 'm', 'team'], 'write it like team=ops')])
def test_what_cannot_be_is_refused(line, says):
    result = call(*line)
    assert result.exit_code == 3 and says in result.stderr and 'Traceback' not in result.stderr


def test_a_home_is_understood_wherever_a_place_is_named(tmp_path, monkeypatch):
    "A shell reads `~` only at the beginning of a word, so --store=~/s and MLOPS_STORE='~/s' arrive as they are"
    monkeypatch.setenv('HOME', str(tmp_path)); monkeypatch.setenv('USERPROFILE', str(tmp_path)); monkeypatch.chdir(tmp_path)
    with Store(tmp_path/'s') as store: ModelRegistry(store).register_model(LogisticRegression().fit(X[['x']], X['k']), 'm', '1.0.0')
    assert 'm:1.0.0' in json.loads(call('registry', 'list', '--store=~/s', '--json').stdout)
    monkeypatch.setenv('MLOPS_STORE', '~/s')
    assert call('registry', 'card', 'm', '--html', '~/card.html').exit_code == 0 and (tmp_path/'card.html').is_file()
    (tmp_path/'c.json').write_text('{"deployment": {"timeout": 5}}')
    result = call('settings', 'deployment.timeout', '--config', '~/c.json', '--json')
    assert json.loads(result.stdout) == [{'key': 'deployment.timeout', 'value': '5', 'layer': 'file'}]
    assert result.stderr.count('\n') == 1 and result.stderr.startswith('mlops-nb: ') and "Did you mean 'timeout_seconds'?" in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ['c.json', 'card.html', 's']


def test_monitor_and_drift_say_what_their_functions_say(tmp_path):
    rng = np.random.default_rng(0)
    for name, shift in (('a', 0), ('b', 3)): pd.DataFrame({'x': rng.normal(shift, size=500), 'y': rng.normal(size=500)}).to_csv(tmp_path/f'{name}.csv', index=False)
    result = call('drift', tmp_path/'a.csv', tmp_path/'b.csv', '--json')
    found = json.loads(result.stdout)
    assert result.exit_code == 1 and found['summary']['numerical_drifts'] == found['summary']['high_severity_drifts'] == ['x'] and (found['drift_score'], found['summary']['drifted_features']) == (0.5, 1)
    assert call('drift', tmp_path/'a.csv', tmp_path/'b.csv').stdout.splitlines()[0] == 'drift: 1 of 2 columns'
    with ModelMonitor(tmp_path/'s') as monitor:
        ids = [monitor.log_prediction({'x': i}, 1, response_time=0.01) for i in range(40)]
        for i in ids[:35]: monitor.log_feedback(i, 0)
    result = call('monitor', 'show', '--store', tmp_path/'s', '--json')
    found = json.loads(result.stdout)
    assert result.exit_code == 1 and (found['metrics']['total_predictions'], found['metrics']['total_requests'], found['metrics']['accuracy']) == (35, 40, 0.0)
    assert 'accuracy_degradation' in [a['type'] for a in found['alerts']] and all({'type', 'message', 'severity', 'timestamp'} <= {*a} for a in found['alerts'])
    assert 'total_predictions: 35\n' in call('monitor', 'show', '--store', tmp_path/'s').stdout and json.loads(call('monitor', 'show', '--store', tmp_path/'s', '--until', '2013-01-01', '--json').stdout)['alerts'] == []


def test_a_refusal_names_the_option_of_the_command_and_the_option_works(tmp_path, monkeypatch):
    "The library says allow_pickle=True; a terminal has --allow-pickle"
    from mlops_nb.cli import main as cli
    from sklearn.preprocessing import FunctionTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.linear_model import LogisticRegression
    (tmp_path/'halves.py').write_text('import numpy as np\ndef half(X): return np.asarray(X)/2\n')
    monkeypatch.syspath_prepend(tmp_path)
    import halves
    model, served = make_pipeline(FunctionTransformer(halves.half), LogisticRegression()).fit([[0.], [1.]], [0, 1]), []
    with ModelRegistry(tmp_path/'s') as registry:
        registry.register_model(model, 'm', '1.0', allow_pickle=True)
        file = registry.export_model('m', '1.0', tmp_path/'out')
    monkeypatch.setattr(cli, '_serve_until_interrupt', lambda api, *more: served.append((api.model.predict([[1.]]).tolist(), api._workers.pool._max_workers)))
    for line in (['serve', 'm', '--store', tmp_path/'s'], ['registry', 'import', file, 'copy', '1.0', '--store', tmp_path/'s']):
        refused = call(*line)
        assert refused.exit_code == 3 and 'say --allow-pickle' in refused.stderr and '=True' not in refused.stderr
        assert call(*line, '--allow-pickle').exit_code == 0
    assert call('serve', 'm', '--store', tmp_path/'s', '--allow-pickle', '--workers', '1').exit_code == 0 and served == [([1], 4), ([1], 1)]
    assert call('serve', 'm', '--store', tmp_path/'s', '--workers', '0').exit_code == 2
    again = call('registry', 'import', file, 'copy', '1.0', '--store', tmp_path/'s', '--allow-pickle')
    assert again.exit_code == 3 and '=True' not in re.sub(r'\w+=True \(in Python; this command has no option for it\)', '', again.stderr)


def test_drift_of_a_file_with_one_column_is_refused_and_what_it_says_can_be_done(tmp_path, monkeypatch):
    "A file whose fields stand between other signs looks like one column, and one column of texts never drifts"
    monkeypatch.chdir(tmp_path)
    for name, shift in (('a', 0), ('b', 50)): (tmp_path/f'{name}.csv').write_text('x y\n' + ''.join(f'{i % 40 + shift} {i % 7}\n' for i in range(400)))
    call = lambda *words: CliRunner().invoke(main, list(words))
    refused = call('drift', 'a.csv', 'b.csv')
    assert refused.exit_code == 3 and 'has one column' in refused.stderr and 'mlops-nb data add FILE NAME --sep' in refused.stderr
    assert call('store', 'init').exit_code == 0
    ids = [call('data', 'add', f'{name}.csv', 'd', '--sep', ' ').stdout.strip() for name in 'ab']
    assert call('drift', *ids).exit_code == 1
