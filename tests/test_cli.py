"The commands on a store that a team shares: tables in PostgreSQL, bytes in S3"
import json

from click.testing import CliRunner
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_nb import DataVersioning, ModelRegistry, Store
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
    assert [r['version'] for r in json.loads(good('data', 'list', '--json'))] == [first, second]
    assert first in good('lineage', 'model:m:1.0.0') and good('store', 'verify') == 'all is well\n'
    good('registry', 'export', 'm@champion', tmp_path/'out')
    good('registry', 'delete', 'm', '1.1.0', '--yes')
    assert [r['version'] for r in json.loads(good('registry', 'deleted', '--json'))] == ['1.1.0']
    good('registry', 'restore', 'm', '1.1.0'); good('registry', 'delete', 'm', '1.1.0', '--now', '--yes')
    assert json.loads(good('registry', 'deleted', '--json')) == [] and set(json.loads(good('registry', 'list', '--json'))) == {'m:1.0.0'}


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


@pytest.mark.parametrize('line, says', [(['serve', 'm@x', '--host', ''], '--host is empty'), (['serve', 'm@x', '--host', '  '], '--host is empty'), (['registry', 'list', '--store', 'a\0b'], 'cannot be a place'),
                                        (['registry', 'tag', 'm', 'team'], 'write it like team=ops')])
def test_what_cannot_be_is_refused(line, says):
    result = call(*line)
    assert result.exit_code == 3 and says in result.stderr and 'Traceback' not in result.stderr
