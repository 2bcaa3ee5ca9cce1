"The benchmark runs, on our side and with tiny sizes: the shape of its figures, not the figures"
from pathlib import Path
import json
import subprocess
import sys

import pytest

ROOT = Path(__file__).parent.parent


def run(tmp_path, *args):
    out = tmp_path/'figures.json'
    subprocess.run([sys.executable, ROOT/'bench'/'state.py', '--quick', '--ours', '--out', out, *args], check=True, capture_output=True, text=True)
    return json.loads(out.read_text())


@pytest.mark.slow
def test_figures_of_a_tiny_run(tmp_path):
    found = run(tmp_path)
    assert set(found) == {'date', 'machine', 'size', 'fsync_ms', 'models', 'many', 'frames', 'imports', 'absent', 'packages', 'seconds'}
    assert set(found['machine']) == {'cores', 'cpu', 'system', 'python'}
    assert set(found['models']) == {'pickle', 'joblib', 'skops', 'ours'}
    for peer in found['models'].values(): assert peer['register_ms']['n'] == peer['load_ms']['n'] == 2 and peer['bytes'] > 1000
    ours = found['many']['peers']['ours']
    assert (ours['alias']['answer'], ours['latest']['answer'], ours['everything']['answer']) == (13, 20, 20)
    assert 'search' not in ours or ours['search']['answer'] == 10
    assert set(found['frames']['peers']) == {'parquet', 'columns', 'deltas', 'our-frames'} and len(found['frames']['steps']) == 11
    for peer in found['frames']['peers'].values(): assert len(peer['ms']) == len(peer['bytes']) == 11 and min(peer['ms']) > 0
    assert found['imports']['sklearn']['cpu_s'] > found['imports']['python']['cpu_s'] > 0
    assert str(ROOT) not in json.dumps(found) and found['packages']['ours']['mlops_nb']


def test_the_table_is_the_same_for_everyone_who_is_measured():
    sys.path.insert(0, str(ROOT/'bench'))
    import pandas as pd
    import workload
    a, b = (list(workload.versions(2000, seed=3)) for _ in range(2))
    assert [step for step, _ in a] == list(workload.STEPS)
    for (_, x), (_, y) in zip(a, b): pd.testing.assert_frame_equal(x, y)
    for (step, new), (_, old) in zip(a[1:], a): assert (len(new) > len(old)) == (step == 'append') and (len(new.columns) > len(old.columns)) == (step == 'column') and not new.equals(old)


def test_the_published_figures_leave_nobody_out():
    found = json.loads((ROOT/'nbs'/'tutorials'/'benchmarks.json').read_text())
    assert found['absent'] == [] and found['size']['many'] >= 1000 and found['size']['rows'] == 1_000_000
    assert {'mlflow', 'mlflow-pinned', 'mlflow-pickle', 'ours', 'pickle', 'skops', 'joblib'} <= set(found['models'])
