"What a crash may leave behind, and what several processes may do to one store"
from pathlib import Path
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from hypothesis import given, settings, strategies as st

from mlops_nb.core import MlopsError, check_name, digest
from mlops_nb.store import Store


def python(code, *args, **kw): return subprocess.Popen([sys.executable, '-c', textwrap.dedent(code), *map(str, args)], **kw)


WRITER = '''
    import sys, itertools
    from mlops_nb.store import Store
    store, tag = Store(sys.argv[1]), sys.argv[2]
    print('ready', flush=True)
    for i in itertools.count():
        sha = store.put(f'{tag}-{i}'.encode() * 20_000)
        with store.write() as c: store.link(c, f'{tag}/{i}', [sha])
        print(sha, flush=True)                       # acknowledged
'''


def test_kill_at_any_point_leaves_a_store_that_opens_with_everything_acknowledged(tmp_path):
    rng = random.Random(0)
    for round_ in range(12):
        child = python(WRITER, tmp_path/'s', f'r{round_}', stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        time.sleep(rng.uniform(0.005, 0.12))
        child.send_signal(signal.SIGKILL)
        acknowledged = [line.strip() for line in child.stdout if line.endswith('\n')]
        child.wait(); child.stdout.close()
        with Store(tmp_path/'s') as s:
            assert s.verify() == []
            for sha in acknowledged: assert digest(s.get(sha)) == sha
    with Store(tmp_path/'s') as s:
        s.gc(dry_run=False, grace=-1)                # what the kills left
        assert s.verify() == [] and not list((tmp_path/'s/blobs').rglob('.tmp-*'))


def test_processes_that_open_a_new_store_at_the_same_moment_all_succeed(tmp_path):
    code = 'import sys; from mlops_nb.store import Store; s = Store(sys.argv[1]); s.put(sys.argv[2].encode())'
    children = [python(code, tmp_path/'s', i % 3) for i in range(6)]
    assert [c.wait() for c in children] == [0]*6
    with Store(tmp_path/'s') as s: assert len(s.gc(grace=-1)) == 3 and s.verify() == []


def test_a_forked_child_gets_its_own_connection(tmp_path):
    code = '''
        import os, sys
        from mlops_nb.store import Store
        s = Store(sys.argv[1])
        with s.read() as c: c.exec_driver_sql('select 1').scalar()
        pid = os.fork()
        if pid == 0:
            with s.write() as c: c.exec_driver_sql('create table child(n integer)')
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        with s.read() as c: c.exec_driver_sql('select * from child').all()
    '''
    assert python(code, tmp_path/'s').wait() == 0


def test_gc_spares_what_is_being_registered(tmp_path):
    with Store(tmp_path/'s') as s:
        sha = s.put(b'old'); os.utime(s._path(sha), (0, 0))
        assert s.gc() == [sha]
        s.put(b'old')                                # somebody begins to register the same content
        assert s.gc(dry_run=False) == []
        with s.write() as c: s.link(c, 'model/a/1', [sha])
        assert s.gc(grace=-1) == []


def test_a_lock_that_is_not_given_back_is_an_error_and_not_a_hang(tmp_path):
    with Store(tmp_path/'s', timeout=0.1) as s, Store(tmp_path/'s') as other, other.write():
        with pytest.raises(Exception, match='locked'):
            with s.write(): pass


def test_a_folder_that_cannot_be_written_is_read(tmp_path, monkeypatch):
    with Store(tmp_path/'s') as s: sha = s.put(b'x')
    monkeypatch.setattr('mlops_nb.store.os.access', lambda *a: False)    # root may write anywhere
    with Store(tmp_path/'s') as s:
        assert s.readonly and s.get(sha) == b'x' and s.verify() == []
        with pytest.raises(MlopsError, match='read-only'):
            with s.write(): pass
        with pytest.raises(MlopsError, match='read-only'): s.put(b'y')


@given(st.text(max_size=150))
@settings(max_examples=300, deadline=None)
def test_a_name_is_accepted_whole_or_refused(name):
    try: ok = check_name(name)
    except ValueError: return
    assert check_name(ok) == ok                                          # normalising is done once
    assert Path(ok).name == ok and ok not in ('.', '..')                 # one step of a path, never two
    assert not set(ok) & set('/\\:@\0\n ')
