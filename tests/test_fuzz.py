"""Names, paths and addresses, hostile ones, at every entry point: nothing is read or written outside of the store

`fuzzing.py` holds the texts and finds the entry points, `guard.py` watches. Both run in child processes, since what watches cannot be taken off again.
"""
from pathlib import Path
import json
import os
import shutil
import subprocess
import sys
import tempfile

import pytest

HERE = Path(__file__).parent
PARTS = 2
SIZES = dict(sample=(2, 8), all=(5, 1))      # examples of Hypothesis for each entry point, after every n-th of about a hundred texts that are written down


def start(folder, *args):
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(HERE.parent), str(HERE)]), 'OMP_NUM_THREADS': '1', 'PYTHONDONTWRITEBYTECODE': '1'}
    return subprocess.Popen([sys.executable, HERE/'fuzzing.py', folder, *args], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def answer(child):
    out, err = child.communicate(timeout=1800)
    assert child.returncode == 0, err[-3000:]
    return json.loads(out.splitlines()[-1])


def probe(folder, code):
    "Runs `code` in a child under the guard, its folder `store` allowed; what it answers"
    text = ('import json, os, sys, sqlite3, socket, subprocess, shutil, pathlib\nfrom guard import Escape, Guard\nos.chdir(sys.argv[1]); os.makedirs("store", exist_ok=True)\nguard = Guard()\n'
            f'try:\n    with guard.watch("store"):\n        {code}\n    print(json.dumps("passed"))\nexcept Escape as e: print(json.dumps(str(e)))')
    env = {**os.environ, 'PYTHONPATH': str(HERE)}
    return json.loads(subprocess.run([sys.executable, '-c', text, folder], env=env, capture_output=True, text=True, check=True).stdout)


@pytest.fixture(scope='module')
def sandbox():
    "In memory where the system has such a place: each call is durable, and a disk would be most of the time"
    memory = Path('/dev/shm')
    with tempfile.TemporaryDirectory(prefix='fuzz-', dir=memory if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 28 else None) as folder: yield Path(folder)


@pytest.fixture(scope='module', params=['sample', pytest.param('all', marks=pytest.mark.slow)])
def results(sandbox, request):
    "All cases, in processes side by side; each with a sample of the texts, or with all of them"
    examples, every = SIZES[request.param]
    children = [start(sandbox/request.param/str(i), 'run', f'{i}/{PARTS}', str(examples), str(every)) for i in range(1, PARTS + 1)]
    found = [answer(c) for c in children]
    return {key: [x for f in found for x in f[key]] for key in ('findings', 'raw', 'times', 'passed_over')}


@pytest.fixture(scope='module')
def entries(sandbox): return answer(start(sandbox/'list', 'list'))


@pytest.mark.parametrize('code', [
    'open("outside", "w")', 'open("/etc/passwd")', 'open("store/../outside", "w")', 'os.mkdir("outside")', 'os.rename("store", "outside")', 'os.remove("outside")', 'os.symlink("/etc/passwd", "store/link"); open("store/link")',
    'sqlite3.connect("outside.db")', 'sqlite3.connect("file:outside.db?mode=rwc", uri=True)', 'shutil.rmtree("/tmp/none-of-this")', 'pathlib.Path("outside").touch()', 'os.listdir("..")',
    'socket.create_connection(("192.0.2.1", 80), timeout=1)', 'socket.getaddrinfo("example.org", 80)', 'subprocess.run(["true"])', 'os.system("true")',
    'exec("try: open(chr(46)*2 + chr(47) + chr(120), chr(119))\\nexcept Exception: pass")'])
def test_the_guard_refuses_what_leads_outside(tmp_path, code):
    assert probe(tmp_path, code) != 'passed'
    assert not [p for p in tmp_path.iterdir() if p.name != 'store']


@pytest.mark.parametrize('code', ['open("store/x", "w").close(); os.replace("store/x", "store/y")', 'sqlite3.connect("store/x.db").execute("create table t (a)")', 'open(os.__file__).close()', 'pathlib.Path("store/a/b").mkdir(parents=True)',
    'exec("try: compile(chr(126), \\"<unknown>\\", \\"exec\\")\\nexcept SyntaxError: pass\\nassert guard.escapes == []")'])
def test_the_guard_lets_the_store_and_the_library_alone(tmp_path, code): assert probe(tmp_path, code) == 'passed'


def test_the_entry_points_are_found(entries):
    owners = {owner for owner, *_ in entries['cases']}
    assert len(entries['cases']) > 140
    for owner in ('ModelRegistry.register_model', 'ModelRegistry.load_model', 'DataVersioning.version_data', 'Store.get', 'Store.__init__', 'ModelMonitor.log_prediction', 'generate_docker_files',
                  'MLPipelineConfig.get', 'check_name', 'cli registry delete', 'cli serve'): assert owner in owners


def test_accepted_values_are_accepted(results):
    "A control: a call that is always refused would prove nothing. A new entry point that the fuzz cannot call is found here"
    assert [f for f in results['findings'] if 'escape' not in f] == [], 'tell tests/fuzzing.py an accepted value, in `values` or `CLI`'
    assert len(results['passed_over']) < len(results['times'])/3, results['passed_over']


def test_nothing_outside_of_the_store_is_touched(results, entries):
    assert [f for f in results['findings'] if 'escape' in f] == []
    assert len(results['times']) == len(entries['cases'])


def test_what_is_refused_is_refused_in_words_or_by_the_system(results):
    "An `AttributeError` or `IndexError` would say that the text got further than anybody had thought of"
    assert [r for r in results['raw'] if r[2] not in ('ValueError', 'UnicodeEncodeError', 'UnicodeError', 'OSError', 'FileNotFoundError', 'FileExistsError', 'NotADirectoryError', 'IsADirectoryError', 'RuntimeError')] == []
