"""The fuzzer of model files finds what it should, and finds nothing at either door

`make fuzz` runs it for an hour; here it tries the same few hundred files each time. `tests/fuzz_models.py` tells how it works."""
from pathlib import Path
import os
import re
import subprocess
import sys

import pytest

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='limits, forks and patterns in free memory are those of Linux')


def python(*args):
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(HERE.parent), str(HERE)]), 'PYTHONDONTWRITEBYTECODE': '1'}
    run = subprocess.run([sys.executable, *map(str, args)], env=env, capture_output=True, text=True, timeout=900)
    return run.returncode, run.stdout + run.stderr


def fuzz(tmp_path, *args): return python(HERE/'fuzz_models.py', '--out', tmp_path, '--jobs', 1, *args)


@pytest.mark.parametrize('seed', [1, 2])
@pytest.mark.parametrize('door', ['elsewhere', 'own'])
def test_nothing_is_found(door, seed, tmp_path):
    code, said = fuzz(tmp_path, '--door', door, '--seed', seed, '--count', 80, '--seconds', 300)
    print(said)
    assert code == 0, said[-6000:]
    children, files, loads, questions, answers = map(int, re.search(r'(\d+) children, (\d+) files, (\d+) loads that passed \(.*?\), (\d+) questions, (\d+) answers', said).groups())
    assert children == 80 and files > 550 and answers > 400, said
    assert loads > .3*files, f'too few get past the checks: {said}'


def test_without_our_checks_it_finds_what_compiled_code_believes(tmp_path):
    weak = '--door', 'own', '--unchecked', '--only', '^OneHotEncoder-20$'
    code, said = fuzz(tmp_path, *weak, '--count', 30, '--seconds', 300)
    found = re.search(r'\n(signal SIG\w+)[^$]*?--start (\d+)', said)
    assert code == 1 and found, said[-6000:]
    code, said = fuzz(tmp_path, *weak, '--count', 1, '--start', found[2])   # the line that comes with a finding does it again
    assert code == 1 and f'\n{found[1]}' in said, said


FAULTS = dict(ends='os._exit(0)', dies='ctypes.string_at(8)', hangs='[None for _ in iter(int, 1)]', touches='open(z.SECRET)', starts='os.system("true")', calls='socket.create_connection(("192.0.2.1", 9), .1)',
              leaks='type("M", (), {"predict": lambda self, x: np.empty(40)})()', tells='type("M", (), {"predict": lambda self, x: [str(object())]})()', fails='1/0',
              fills='np.ones(40 << 20)', grows='np.empty(8 << 40, "u1")', strange='(_ for _ in ()).throw(MlopsError(str(object())))')
SAYS = dict(ends='the process ended by itself', dies='signal SIGSEGV', hangs='hang', touches='touch at load: open', starts='touch at load: os.system', calls='touch at load: socket', leaks='old memory in the answer of predict',
            tells='address in an answer', fails='error at load that is not ours', fills='memory at load', grows='memory at load', strange='address at load')
CODE = '''
import ctypes, os, socket, sys, tempfile
import numpy as np
import fuzz_models as z
from collections import Counter
from mlops_nb.core.rules import IntegrityError, MlopsError
z.CPU = 2
def load(data, door):
    try: return eval(data)
    except MemoryError as e: raise IntegrityError('too large') from e
z.load = load
def work(out):
    data = text.encode()
    out({}, data)
    guard, count = z.Guard(), Counter()
    z.limits()
    z.check(data, z.ROWS, 'elsewhere', z.Random(0), guard, count)
    return count
with tempfile.TemporaryDirectory() as folder:
    for text in sys.argv[1:]: print(z.fork(work, folder).finding)
'''


def test_each_sort_of_fault_is_seen():
    code, said = python('-c', CODE, *FAULTS.values(), 'type("M", (), {"predict": lambda self, x: np.zeros(40)})()')
    lines = dict(zip([*FAULTS, 'honest'], said.splitlines()))
    assert code == 0 and lines.pop('honest') == 'None', said
    assert {k: v[:len(SAYS[k])] for k, v in lines.items()} == SAYS, said


def test_the_fuzzer_knows_every_kind_of_row_and_changes_all_that_it_names():
    code, said = python('-c', '''
import fuzz_models as z
from random import Random
from mlops_nb.models.formats import _kinds
assert {k.code for k in _kinds().values()} == set(z.FIELDS), {k.code for k in _kinds().values()} ^ set(z.FIELDS)
seeds = z.corpus()
files = [z.File(s.data) for s in seeds]
assert all(f.data() == s.data for f, s in zip(files, seeds))            # what is not changed is the same file
used = set()
for n in range(600):
    f, log = z.changed(files[n % len(files)], Random(n), files[:3])
    used |= {line.split(":")[0] for line in log}
    assert z.changed(files[n % len(files)], Random(n), files[:3])[1] == log
assert used == {c.__name__ for c in z.CHANGES}, {c.__name__ for c in z.CHANGES} - used
print(len(seeds))''')
    assert code == 0 and int(said.split()[-1]) > 280, said[-3000:]
