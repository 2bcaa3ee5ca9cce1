"Each lesson runs twice in one kernel: a student runs all, changes something, and runs all again"
from pathlib import Path
import json, os, subprocess, sys

import pytest

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT/'nbs').glob('*/[0-9]*.ipynb'))
BEHIND = sorted((ROOT/'nbs').glob('*/behind/[0-9]*.ipynb'))
QUICK = {'course', 'rules', 'config', 'store', 'signature', 'distance', 'report'}   # seconds each; the others train models, start servers, or are the tour


def notebooks():
    for nb in [*LESSONS, *BEHIND]:
        quick = nb in LESSONS and nb.stem.partition('_')[2] in QUICK
        yield pytest.param(nb, id=nb.relative_to(ROOT/'nbs').as_posix(), marks=() if quick else pytest.mark.slow)


def run_twice(nb, tmp):
    "What a notebook says that runs twice; nothing when all is well"
    env = {'OMP_NUM_THREADS': '1', **os.environ, 'TMPDIR': str(tmp), 'PYTHONWARNINGS': 'ignore::DeprecationWarning', 'MPLBACKEND': 'agg'}
    run = subprocess.run([sys.executable, ROOT/'tests'/'run_twice.py', nb], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=600)
    return run.stderr if run.returncode else ''


@pytest.mark.parametrize('nb', [*notebooks()])
def test_it_runs_twice_in_one_kernel(nb, tmp_path): assert run_twice(nb, tmp_path) == ''


def test_what_runs_only_once_is_reported(tmp_path):
    cells = [dict(cell_type='code', source=['from pathlib import Path\n', 'place = Path("made")']), dict(cell_type='code', source=['place.mkdir()'])]
    (tmp_path/'once.ipynb').write_text(json.dumps(dict(cells=cells)))
    assert 'once.ipynb, code cell 2, the second time: FileExistsError' in run_twice(tmp_path/'once.ipynb', tmp_path)


def test_the_quick_ones_exist(): assert QUICK <= {nb.stem.partition('_')[2] for nb in LESSONS}
