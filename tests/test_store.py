"What a crash may leave behind, and what several processes may do to one store"
from pathlib import Path
from urllib.parse import quote
import _thread
import base64
import errno
import gc
import json
import operator
import os
import random
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from hypothesis import given, settings, strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, Text, exc, func, select

from mlops_nb.core.masks import hide_secrets, mask_url
from mlops_nb.core.rules import InvalidInput, MlopsError, NotFound, check_name, digest
from mlops_nb.data.versioning import DataVersioning
from mlops_nb.registry.registry import ModelRegistry
from mlops_nb.monitoring.monitoring import ModelMonitor
from mlops_nb.store.database import Busy, open_database
from mlops_nb.store.disk import StorageFull
from mlops_nb.store.ledger import Ledger, Sealed, ledger_table, text_column
from mlops_nb.store.links import REFS
from mlops_nb.store.objects import open_blobs
from mlops_nb.store.store import Store
from services import PASSWORD
import services
from holding import held, holds


def python(code, *args, **kw): return subprocess.Popen([sys.executable, '-c', textwrap.dedent(code), *map(str, args)], **kw)


WRITER = '''
    import sys, itertools
    from mlops_nb.store.store import Store
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
    code = 'import sys; from mlops_nb.store.store import Store; s = Store(sys.argv[1]); s.put(sys.argv[2].encode())'
    children = [python(code, tmp_path/'s', i % 3) for i in range(6)]
    assert [c.wait() for c in children] == [0]*6
    with Store(tmp_path/'s') as s: assert len(s.gc(grace=-1)) == 3 and s.verify() == []


def test_a_forked_child_gets_its_own_connection(tmp_path):
    code = '''
        import os, sys
        from mlops_nb.store.store import Store
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
        sha = s.put(b'old'); os.utime(s._blobs.path(sha), (0, 0))
        assert s.gc() == [sha]
        s.put(b'old')                                # somebody begins to register the same content
        assert s.gc(dry_run=False) == []
        with s.write() as c: s.link(c, 'model/a/1', [sha])
        assert s.gc(grace=-1) == []


def test_a_lock_that_is_not_given_back_is_an_error_and_not_a_hang(tmp_path):
    with Store(tmp_path/'s', timeout=0.1) as s, Store(tmp_path/'s') as other, other.write():
        with pytest.raises(MlopsError, match='is locked by another process .*: nothing was recorded. Try again'):
            with s.write(): pass


def test_a_folder_that_cannot_be_written_is_read(tmp_path, monkeypatch):
    with Store(tmp_path/'s') as s: sha = s.put(b'x')
    monkeypatch.setattr('os.access', lambda *a: False)    # root may write anywhere
    with Store(tmp_path/'s') as s:
        assert s.readonly and s.get(sha) == b'x' and s.verify() == []
        with pytest.raises(MlopsError, match='read-only'):
            with s.write(): pass
        with pytest.raises(MlopsError, match='read-only'): s.put(b'y')


@pytest.mark.parametrize('garbage', [True, False])
def test_gc_that_is_to_remove_is_refused_where_nothing_can_be_written_before_it_looks(tmp_path, monkeypatch, garbage):
    with Store(tmp_path/'s') as s:
        sha = s.put(b'x')
        if not garbage:
            with s.write() as c: s.link(c, 'model/m/1', [sha])
    with monkeypatch.context() as m:
        m.setattr('os.access', lambda *a: False)          # root may write anywhere
        with Store(tmp_path/'s') as s:
            assert s.gc(grace=-1) == [sha]*garbage and s.gc(True, -1) == s.gc(grace=-1)
            m.setattr(s._blobs, 'files', lambda: pytest.fail('it has looked'))
            with pytest.raises(MlopsError) as e: s.gc(dry_run=False, grace=-1)
            assert str(e.value) == f"'{tmp_path/'s'}' is read-only; copy the store to a place that you may write"
    with Store(tmp_path/'s') as s: assert s.gc(dry_run=False, grace=-1) == [sha]*garbage


@given(st.text(max_size=150))
@settings(max_examples=300, deadline=None)
def test_a_name_is_accepted_whole_or_refused(name):
    try: ok = check_name(name)
    except ValueError: return
    assert check_name(ok) == ok                                          # normalising is done once
    assert Path(ok).name == ok and ok not in ('.', '..')                 # one step of a path, never two
    assert not set(ok) & set('/\\:@\0\n ')


# --- what several may do at once

@pytest.mark.parametrize('when', ['before', 'after'])
def test_gc_gives_back_what_is_put_again_at_the_moment_of_its_removal(tmp_path, monkeypatch, when):
    with Store(tmp_path/'s') as s:
        sha = s.put(b'old'); os.utime(s._blobs.path(sha), (0, 0))
        rename = os.rename
        def race(a, b):                                      # somebody else's put, just before or after gc has taken the file aside
            if when == 'before': s.put(b'old')
            rename(a, b)
            if when == 'after': s.put(b'old')
        monkeypatch.setattr(os, 'rename', race)
        s.gc(dry_run=False)
        assert s.get(sha) == b'old'
        with s.write() as c: s.link(c, 'model/a/1', [sha])
        assert [p.name for p in s._blobs.path(sha).parent.iterdir()] == [sha[2:]]


def test_gc_leaves_files_that_are_not_ours(tmp_path):
    with Store(tmp_path/'s') as s:
        sha = s.put(b'x')
        ours = [tmp_path/f's/blobs/{sha[:2]}/.tmp-1-2']
        theirs = [tmp_path/'s/blobs/README', tmp_path/f's/blobs/{sha[:2]}/notes.txt', tmp_path/'s/blobs/ab.txt']
        for path in ours + theirs: path.write_text('x')
        assert s.gc(grace=-1, dry_run=False) == sorted([sha, f'{sha[:2]}/.tmp-1-2'])
        assert [p.exists() for p in ours + theirs] == [False, True, True, True]


def test_fsyncs_are_counted(tmp_path, monkeypatch):
    count, fsync = [], os.fsync
    monkeypatch.setattr(os, 'fsync', lambda fd: count.append(fd) or fsync(fd))
    def fsyncs(do): count.clear(); do(); return len(count)
    with Store(tmp_path/'s') as s:
        s.put(b'first')
        again = next(i for i in range(10_000) if digest(b'%d' % i)[:2] == digest(b'first')[:2])
        assert fsyncs(lambda: s.put(b'%d' % again)) == 2                 # the file, its folder
        assert fsyncs(lambda: s.put(b'first')) == 1                      # there already: only what another may have left to do
        folders = {digest(b'm%d' % i)[:2] for i in range(300)}
        assert fsyncs(lambda: s.put_many([b'm%d' % i for i in range(300)])) == 300 + len(folders) + 1


# --- opening

def test_nothing_is_imported_before_a_url_asks_for_it():
    code = "import sys, mlops_nb.store.store; print(sorted({'fsspec', 's3fs', 'pg8000', 'boto3', 'aiobotocore', 'pandas', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout == '[]\n'


@pytest.mark.parametrize('module, location, blobs, extra', [
    ('pg8000', 'postgresql://u:pw@127.0.0.1:1/db', 'b', "'postgresql://u:***@127.0.0.1:1/db' needs the package pg8000; pip install 'mlops_nb[postgres]'"),
    ('fsspec', 's', 's3://bucket/x?secret=pw', "'s3://bucket/x?secret=***' needs the package fsspec; pip install 'mlops_nb[s3]'"),
    ('s3fs', 's', 's3://bucket/x?secret=pw', "pip install 'mlops_nb[s3]'")])
def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch, module, location, blobs, extra):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)                       # what Python does when it is not installed
    if module == 's3fs':                                                 # an earlier test may have loaded it
        import fsspec
        monkeypatch.delitem(sys.modules['fsspec.registry']._registry, 's3', raising=False)
    with pytest.raises(MlopsError) as e: Store(location, blobs)
    assert extra in str(e.value)


@pytest.mark.parametrize('location, blobs, message', [
    ('postgresql://h/db', None, 'say where the bytes go, with blobs='), ('mysql://h/db', 'b', "'mysql://h/db' is no place for tables"),
    ('${NOT_SET_HERE}', 'b', 'environment variable NOT_SET_HERE, which is not set'), ('postgresql://u:${NOT_SET_HERE}@h/db', 'b', 'variable NOT_SET_HERE, which is not set'),
    ('postgresql://u:pw@h:port/db', 'b', 'cannot be read as a URL'), ('postgresql://u:pw@127.0.0.1:1/db', 'b', "cannot connect to 'postgresql://u:***@127.0.0.1:1/db'"),
    ('postgresql://u:pw@127.0.0.1:1/db?sslmode=maybe', 'b', "sslmode is 'maybe'; it can be"), ('postgresql://u:pw@127.0.0.1:1/db?no_such=1', 'b', 'no_such'),
    ('s', 'memory://', 'is no place for blobs'), ('s', 'memory://a/../b', 'is no place for blobs'), ('s', 's3://key:pw@bucket/x', "'s3://key:***@bucket/x' is no place for blobs"),
    ('s', 'gopher://x/y', 'gopher'), ('', None, 'needs a path or a URL'), ('a\0b', None, 'needs a path or a URL'), (None, None, 'not NoneType'), ('file/under', None, 'cannot be opened as a store'),
    ('x'*300, None, 'a name in it is too long for this system'), ('s\ud800', None, 'half a character'), ('s', 'b\ud800', 'half a character'), ('s', 'x'*300, 'too long for this system')])
def test_a_location_that_cannot_be_is_refused_and_nothing_is_made(tmp_path, monkeypatch, location, blobs, message):
    monkeypatch.chdir(tmp_path)
    Path('file').write_text('x')
    with pytest.raises(MlopsError) as e: Store(location, blobs)
    assert message in str(e.value) and 'pw' not in str(e.value).replace('***', '')
    if location != 's': assert [p.name for p in tmp_path.iterdir()] == ['file']


def test_blobs_elsewhere_are_found_again_and_not_mixed_up(tmp_path):
    with Store(tmp_path/'a', tmp_path/'bytes') as s: sha = s.put(b'x')
    with Store(tmp_path/'a', tmp_path/'bytes') as s: assert s.get(sha) == b'x' and s.key(sha).startswith('blobs/')
    with pytest.raises(InvalidInput, match='keeps its bytes in another place; say where, with blobs='): Store(tmp_path/'a')
    with pytest.raises(InvalidInput, match='has no blobs of this store'): Store(tmp_path/'a', tmp_path/'other')
    with pytest.raises(InvalidInput, match='belongs to another store'): Store(tmp_path/'b', tmp_path/'bytes')
    with Store(tmp_path/'a', tmp_path/'bytes') as s: s.backup(tmp_path/'copy')
    with Store(tmp_path/'copy') as s: assert s.verify() == []


@pytest.mark.parametrize('spoil, message', [
    (lambda db: db.write_bytes(b'no database at all. '*300), 'is damaged (file is not a database). Restore it from a backup'),
    (lambda db: os.truncate(db, db.stat().st_size//2), 'is damaged (database disk image is malformed). Restore it from a backup'),
    (lambda db: os.truncate(db, 50), 'is damaged ('),
    (lambda db: os.truncate(db, 1), 'is lost or empty, but its blobs are there'),
    (lambda db: os.truncate(db, 0), 'is lost or empty, but its blobs are there. Restore it from a backup'),
    (lambda db: db.unlink(), 'is lost or empty, but its blobs are there')])
def test_a_database_that_is_damaged_or_lost_is_an_error_and_not_a_new_store(tmp_path, spoil, message):
    with Store(tmp_path/'s') as s:
        sha = s.put(b'x')
        with s.write() as c: s.link(c, 'model/m/1', [sha])
    spoil(tmp_path/'s/store.db')
    with pytest.raises(MlopsError) as e: Store(tmp_path/'s')
    assert message in str(e.value) and str(tmp_path/'s/store.db') in str(e.value)
    assert (tmp_path/f's/blobs/{sha[:2]}/{sha[2:]}').exists()


def test_damage_inside_the_database_is_found_by_verify(tmp_path):
    with Store(tmp_path/'s') as s, s.write() as c:
        c.exec_driver_sql('create table t(x text)')
        c.exec_driver_sql("insert into t select hex(randomblob(400)) from (with recursive n(i) as (select 1 union all select i+1 from n where i < 100) select i from n)")
    with open(tmp_path/'s/store.db', 'r+b') as f: f.seek(-4096*3, 2); f.write(os.urandom(4096))
    with Store(tmp_path/'s') as s: problems = s.verify()
    assert problems and all(p.startswith('database: ') for p in problems)


def test_a_text_that_is_no_utf8_is_damage(tmp_path):
    with Store(tmp_path/'s') as s:
        with s.write() as c: c.exec_driver_sql("create table t(x text)"); c.exec_driver_sql("insert into t values(cast(x'ff' as text))")
        with pytest.raises(MlopsError, match='is damaged .*Restore it from a backup'), s.read() as c: c.exec_driver_sql('select x from t').all()


# --- Ctrl-C, at every step of a block

def interrupted(do, k, files, opcodes=False):
    "Do something, and press Ctrl-C at its k-th step in one of these files; what came of it: an exception, or None when there are fewer steps"
    steps = 0
    def trace(frame, event, arg):
        nonlocal steps
        if not frame.f_code.co_filename.endswith(files): return None
        frame.f_trace_opcodes = opcodes
        steps += 1
        if steps == k: raise KeyboardInterrupt
        return trace
    before = sys.gettrace()
    gc.disable()                                             # in what it calls, Python passes no exception on
    sys.settrace(trace)
    try: do()
    except BaseException as e: return e
    finally: sys.settrace(before); gc.enable(); interrupted.pressed = steps >= k
    assert steps < k, 'Ctrl-C was pressed, and nobody heard of it'


def check_interruptions(*args, **kw):
    "In a thread of its own, since an exception inside of an `except` may leave the interpreter's list of what is handled in disorder"
    with ThreadPoolExecutor(1) as thread: return thread.submit(_check_interruptions, *args, **kw).result()


def _check_interruptions(place, begin, files, fails=False, wait=0.1, **kw):
    "A block is interrupted at each step in turn: it has happened whole or not at all, and its lock is free while the traceback is kept"
    seen = set()
    db, other = open_database(place), open_database(place, timeout=wait)
    with db.write() as c: c.exec_driver_sql('create table pairs(n integer)')
    def block(fails=False):
        with db.write() as c:
            c.exec_driver_sql('insert into pairs values(1)'); c.exec_driver_sql('insert into pairs values(2)')
            if fails: raise RuntimeError('a bug')
    for k in range(1, 10_000):
        begin(db)
        error = interrupted(lambda: block(fails), k, files, **kw)
        ended = error is None if not fails else type(error) is RuntimeError
        assert ended or type(error) is KeyboardInterrupt, (k, error)
        with other.write() as c:                             # at once, while `error` keeps the frames of the block alive
            seen.add(tuple(c.exec_driver_sql('select n from pairs order by n').scalars()))
            c.exec_driver_sql('delete from pairs')
        if ended: break
        if k % 8: continue
        block()                                              # and the same database goes on
        with other.write() as c: assert c.exec_driver_sql('delete from pairs').rowcount == 2
    db.close(); other.close()
    assert seen == ({()} if fails else {(), (1, 2)})
    return k


OURS = ('mlops_nb/store/database.py', 'mlops_nb/store/transactions.py')
ALL = (*OURS, 'sqlalchemy/engine/base.py', 'sqlalchemy/engine/default.py', 'sqlalchemy/pool/base.py')


def KEPT(db): "A connection is waiting"
def NEW(db): db.close()


@pytest.mark.parametrize('fails', [False, True], ids=['commits', 'fails'])
@pytest.mark.parametrize('begin, files, opcodes', [(KEPT, OURS, True), (NEW, OURS, True), (NEW, ALL, False)], ids=['kept', 'new', 'in SQLAlchemy too'])
def test_ctrl_c_at_every_step_of_a_block_frees_the_lock(tmp_path, begin, files, opcodes, fails):
    assert check_interruptions(tmp_path/'a.db', begin, files, fails, opcodes=opcodes) > 100


def _interrupt_what_fails(place, fails):
    "A block that cannot begin or end, interrupted at each step: what is told is Ctrl-C, and the lock is free"
    db, other = open_database(place, timeout=0), open_database(place, timeout=0.1)
    with db.write() as c: c.exec_driver_sql('create table t(n integer)')
    def error(conn): raise sqlite3.OperationalError('disk I/O error')
    if fails in ('commit', 'rollback'): setattr(db._engine.dialect, f'do_{fails}', error)
    def block():
        with db.write() as c:
            c.exec_driver_sql('insert into t values(1)')
            if fails == 'rollback': raise RuntimeError('a bug')
    holder = other.write()
    for k in range(1, 10_000):
        db.close()
        if fails == 'begin': holder.__enter__()
        told = interrupted(block, k, ALL, opcodes=True)
        if fails == 'begin': holder._end(None, None, None)
        assert type(told) is (KeyboardInterrupt if interrupted.pressed else {'begin': Busy, 'commit': exc.OperationalError, 'rollback': RuntimeError}[fails]), (k, told)
        with other.write() as c: assert c.exec_driver_sql('select count(*) from t').scalar() == 0
        if not interrupted.pressed: break
    vars(db._engine.dialect).pop(f'do_{fails}', None)        # what is collected later finds no fault
    db.close(); other.close()
    assert k > 1000


@pytest.mark.parametrize('fails', ['begin', 'commit', 'rollback'])
def test_ctrl_c_in_a_block_that_cannot_begin_or_end_is_told_as_ctrl_c(tmp_path, fails, caplog):
    caplog.set_level('CRITICAL', 'sqlalchemy.pool')           # it logs each connection that it cannot reset
    with ThreadPoolExecutor(1) as thread: thread.submit(_interrupt_what_fails, tmp_path/'a.db', fails).result()
    gc.collect()                                             # the tracebacks, and what they hold, while nothing is logged


class Bell:
    "To look at `now` is to press Ctrl-C without a function of Python's own: it is heard when the next one begins"
    ring = _thread.interrupt_main
    now = property(operator.methodcaller('ring'))


@pytest.mark.parametrize('kind', ['sqlite', 'postgres'])
def test_ctrl_c_before_the_first_step_of_the_end_of_a_block(kind, request, tmp_path):
    place, bell = tmp_path/'a.db' if kind == 'sqlite' else request.getfixturevalue('postgres').database(), Bell()
    db, other = open_database(place), open_database(place, timeout=10 if kind == 'postgres' else 0)
    def block(way):
        with way() as c: c.exec_driver_sql('create table never(n integer)' if way == db.write else 'select 1'); bell.now
    for way in (db.write, db.read):
        with pytest.raises(KeyboardInterrupt) as e: block(way)
        assert e.traceback[-1].name == '_end'                # so far had it come, and no further
        with other.write() as c: assert 'never' not in other.tables(c)
    with ExitStack() as stack: stack.enter_context(db.write()).exec_driver_sql('create table here(n integer)')
    with other.read() as c: assert 'here' in other.tables(c)
    db.close(); other.close()


@pytest.mark.parametrize('handled', [None, KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize('pressed', [True, False])
def test_ctrl_c_in_a_commit_stays_what_it_is(tmp_path, handled, pressed):
    db = open_database(tmp_path/'a.db')
    with db.write() as c: c.exec_driver_sql('create table t(n integer)')
    def commit(conn): raise KeyboardInterrupt if pressed else sqlite3.OperationalError('a bug')
    def block():
        with db.write() as c: c.exec_driver_sql('insert into t values(1)'); db._engine.dialect.do_commit = commit
    def while_something_is_handled():
        if handled is None: return block()
        try: raise handled('before')
        except handled: block()                              # what was handled around the block is not what happened in it
    with pytest.raises(KeyboardInterrupt if pressed else exc.OperationalError) as e: while_something_is_handled()
    assert str(e.value) != 'before' and not isinstance(e.value, AssertionError)
    with open_database(tmp_path/'a.db').write() as c: assert c.exec_driver_sql('select count(*) from t').scalar() == 0


def test_ctrl_c_at_every_step_of_a_block_frees_the_lock_on_postgresql(postgres):
    assert check_interruptions(postgres.database(), KEPT, OURS, wait=10) > 30


# --- paths and texts that no system takes

@pytest.mark.parametrize('path, message', [('a\0b', 'a NUL or half a character'), ('\ud800', 'a NUL or half a character'), ('x'*300, 'too long for this system')])
def test_a_path_that_no_system_takes_is_refused_in_words(tmp_path, monkeypatch, path, message):
    monkeypatch.chdir(tmp_path)
    with Store('s') as s:
        sha = s.put(b'x')
        for do in (s.put_file, s.backup, lambda p: s.fetch(sha, p)):
            with pytest.raises(InvalidInput, match=message): do(path)
    assert [p.name for p in tmp_path.iterdir()] == ['s']


def test_a_backup_deeper_than_sqlite_can_go_is_refused_in_words(tmp_path):
    with Store(tmp_path/'s') as s, pytest.raises(MlopsError, match='cannot be used .unable to open database file'): s.backup(tmp_path/('deep/'*150))


def test_a_path_that_looks_like_a_url_of_sqlite_is_a_path(tmp_path, monkeypatch):
    (tmp_path/'here').mkdir(); (tmp_path/'elsewhere').mkdir(); monkeypatch.chdir(tmp_path/'here')
    with Store('s') as s:
        sha = s.put(b'x')
        with s.write() as c: s.link(c, 'model/m/1', [sha])
        s.backup(f'file:{tmp_path}/elsewhere/x')
        (tmp_path/'here/file:').mkdir(exist_ok=True)
        s._tables.copy(f'file:{tmp_path}/elsewhere/y.db')
    assert list((tmp_path/'elsewhere').iterdir()) == []
    with Store(tmp_path/f'here/file:{tmp_path}/elsewhere/x') as copy: assert copy.verify() == [] and copy.get(sha) == b'x'


@pytest.mark.parametrize('name', ['../../x', '../.tmp-x', 'ab/../../x', '/etc/x', 'store-id'])
def test_only_files_of_the_blobs_are_removed(tmp_path, name):
    (tmp_path/'x').write_text('mine'); (tmp_path/'s').mkdir(); (tmp_path/'s/.tmp-x').write_text('mine')
    with Store(tmp_path/'s') as s:
        s.put(b'x'); before = {p for p in tmp_path.rglob('*')}
        with pytest.raises(InvalidInput, match='is no file of these blobs'): s._blobs.remove(name, float('inf'))
        assert {p for p in tmp_path.rglob('*')} == before


def test_half_a_character_is_refused_by_every_block(tmp_path):
    with Store(tmp_path/'s') as s:
        for block in (s.read, s.write):
            with pytest.raises(InvalidInput, match='half a character .*which no database keeps: nothing was recorded'), block() as c: c.exec_driver_sql('select ?', ('a\ud800',)).all()
        with pytest.raises(UnicodeEncodeError), s.read(): 'é'.encode('ascii')        # somebody's own error stays what it is


def test_tables_must_be_told(tmp_path):
    with Store(tmp_path/'s') as s, pytest.raises(InvalidInput, match='the metadata holds no table'): s.create(MetaData())


CRASH = '''
    import os, sys
    from mlops_nb.store.store import Store
    s = Store(sys.argv[1])
    with s.write() as c: s.link(c, 'model/m/1', [s.put(b'x')])
    os.kill(os.getpid(), 9)
'''


@pytest.mark.parametrize('index', [True, False])
def test_a_log_left_by_a_crash_is_read_where_nothing_can_be_written(tmp_path, monkeypatch, index):
    assert python(CRASH, tmp_path/'s').wait() == -signal.SIGKILL
    assert (tmp_path/'s/store.db-wal').stat().st_size > 0
    if not index: (tmp_path/'s/store.db-shm').unlink()
    before = {p: p.read_bytes() for p in (tmp_path/'s').iterdir() if p.is_file() and p.suffix != '.db-shm'}
    monkeypatch.setattr('os.access', lambda *a: False)                   # root may write anywhere
    with Store(tmp_path/'s') as s:
        with s.read() as c: assert c.exec_driver_sql('select owner from blob_refs').scalar() == 'model/m/1'
        assert s.readonly and s.verify() == [] and s.get(digest(b'x')) == b'x' and s.put(b'x') == digest(b'x')
        with pytest.raises(MlopsError, match='read-only'): s.put(b'y')
        s.backup(tmp_path/'copy')
    assert before == {p: p.read_bytes() for p in before}
    monkeypatch.undo()
    for place in ('s', 'copy'):
        with Store(tmp_path/place) as s: assert s.verify() == [] and s.gc(grace=-1) == []


# --- the first released schema

def first_store(folder):
    "The store that the first released version made: models, data versions, predictions"
    here = Path(__file__).parent/'stores'
    folder.mkdir()
    conn = sqlite3.connect(folder/'store.db'); conn.executescript((here/'first.sql').read_text()); conn.close()
    for line in (here/'first.blobs').read_text().splitlines():
        sha, data = line.split()
        path = folder/'blobs'/sha[:2]/sha[2:]
        path.parent.mkdir(parents=True, exist_ok=True); path.write_bytes(base64.b64decode(data))
    return folder


def test_a_store_of_the_first_version_opens_and_is_brought_up_to_date(tmp_path):
    with Store(first_store(tmp_path/'s')) as s:
        assert s.verify() == [] and len(s.gc(grace=-1)) == 1
        meta = MetaData()
        models = Table('model_versions', meta, Column('name', Text), Column('note', Text))
        def to_2(c): c.exec_driver_sql('alter table model_versions add column note text'); c.exec_driver_sql("update model_versions set note = 'kept'")
        s.create(meta, 2, {2: to_2})
        with s.read() as c: assert c.execute(select(models)).all() == [('delay', 'kept')]*2
        with Store(s.backup(tmp_path/'copy')) as copy: copy.create(meta, 2, {2: to_2}); assert copy.verify() == []


def test_an_old_store_that_cannot_be_written_says_what_to_do(tmp_path, monkeypatch):
    first_store(tmp_path/'s')
    monkeypatch.setattr('os.access', lambda *a: False)
    meta = MetaData(); Table('model_versions', meta, Column('name', Text), Column('note', Text))
    with Store(tmp_path/'s') as s:
        assert s.verify() == []
        with pytest.raises(MlopsError, match="has schema 1 of 'model_versions', is read-only, and would have to be brought to 2; copy it"):
            s.create(meta, 2, {2: lambda c: None})


# --- the store of the day before the wings met the contract

def main_store(folder):
    "The store of tests/stores/main.*, and what it said of itself when it was written"
    here = Path(__file__).parent/'stores'
    folder.mkdir()
    conn = sqlite3.connect(folder/'store.db'); conn.executescript((here/'main.sql').read_text(encoding='utf8')); conn.close()
    kept = json.loads((here/'main.blobs.json').read_text(encoding='utf8'))
    for place, data in kept['blobs'].items():
        (folder/place).parent.mkdir(parents=True, exist_ok=True); (folder/place).write_bytes(base64.b64decode(data))
    return folder, kept['said']


def rows_of(folder, table, order='seq'):
    conn = sqlite3.connect(folder/'store.db'); conn.row_factory = sqlite3.Row
    try: return [dict(r) for r in conn.execute(f'select * from {table} order by {order}')]
    finally: conn.close()


def test_the_digests_of_yesterdays_ledger_are_those_of_today(tmp_path):
    "The bytes that are hashed stay what they are: a chain and a seal outlive the code that wrote them"
    folder, _ = main_store(tmp_path/'s')
    before, written = '', rows_of(folder, 'model_ledger')
    for line in written:
        told = json.dumps({k: v for k, v in line.items() if k != 'chain'}, sort_keys=True, separators=(',', ':'), ensure_ascii=False)
        assert line['chain'] == (before := digest((before + told).encode()))
    led = Ledger(ledger_table('model_ledger', MetaData(), *[text_column(k) for k in written[0] if k not in ('seq', 'time', 'clock', 'chain')]))
    columns = list(rows_of(folder, 'data_versions')[0])
    data = Sealed(Table('data_versions', MetaData(), *[Column(k, Text, primary_key=k == 'version') for k in columns]),
                  lambda c, v: list(c.exec_driver_sql('select parent from data_parents where version = ? order by position', (v,)).scalars()))
    with Store(folder) as s, s.read() as c:
        assert len(written) > 5 and led.check(c) == [] and led.check(c, seal=written[3]['chain']) == []
        assert len(columns) == 13 and data.unfit(c) == [] and data.lost(c) == []


def test_yesterdays_store_opens_with_all_it_held(tmp_path):
    folder, said = main_store(tmp_path/'s')
    chains = [r['chain'] for r in rows_of(folder, 'model_ledger')]
    with Store(folder) as s:
        assert s.verify() == [] and s.gc(grace=-1) == []
        with ModelRegistry(s) as reg, DataVersioning(s) as data:
            assert sorted(reg.list_models()) == sorted(said['models'])
            assert reg.check_ledger() == [] and reg.check_ledger(seal=chains[0]) == [] and data.check_records() == []
            assert [r['chain'] for r in reg.ledger()][:len(chains)] == chains
        with Store(s.backup(tmp_path/'copy')) as copy: assert copy.verify() == [] and ModelRegistry(copy).check_ledger(seal=chains[-1]) == []


def test_a_forged_ledger_of_yesterday_is_seen(tmp_path):
    folder, _ = main_store(tmp_path/'s')
    with Store(folder) as s:
        with s.write() as c: c.exec_driver_sql("update model_ledger set why = 'because' where seq = 2")
        assert 'line 2 ' in ModelRegistry(s).check_ledger()[0]


@pytest.mark.parametrize('odd', ["x'00ff'", '1.5', "'x'"])
def test_a_ledger_with_a_value_of_another_kind_is_told_not_raised(tmp_path, odd):
    folder, _ = main_store(tmp_path/'s')
    with Store(folder) as s:
        with s.write() as c: c.exec_driver_sql(f'update model_ledger set "by" = {odd} where seq = 1')
        assert len(ModelRegistry(s).check_ledger()) == 1


def test_a_ledger_on_every_backend(any_store):
    meta = MetaData()
    led = Ledger(ledger_table('told', meta, text_column('what'), text_column('who', nullable=True)), covered=['what'])
    any_store.create(meta)
    with any_store.write() as c:
        for what, who in [('a', 'ann'), ('B', None), ('Ä', 'bob')]: led.append(c, dict(what=what, who=who))
        c.exec_driver_sql("update told set who = null where seq = 3")             # what is not covered may go
    with any_store.read() as c:
        assert led.check(c) == [] and [r.what for r in led.lines(c)] == ['a', 'B', 'Ä'] and led.last(c, dict(what='B')).seq == 2
        assert [r.seq for r in led.newest(c, ('who',))] == [1, 3]


# --- places: paths that hold, memory, and what the course chapter's own code wrote

@pytest.mark.parametrize('location, blobs', [('reg', None), ('mon.db', None), ('./a/../reg', None), ('reg', 'bytes'), (Path('reg'), Path('bytes'))])
def test_a_relative_place_holds_when_the_folder_changes(tmp_path, monkeypatch, location, blobs):
    (tmp_path/'a').mkdir(); (tmp_path/'else').mkdir()
    monkeypatch.chdir(tmp_path)
    with Store(location, blobs) as s:
        sha = s.put(b'x')
        monkeypatch.chdir(tmp_path/'else')
        assert s.get(sha) == b'x' and s.get(s.put(b'y')) == b'y' and s.verify() == []
        with s.write() as c: s.link(c, 'model/m/1', [sha])
        s.close()                                                      # new connections find the same file
        with s.read() as c: assert c.execute(select(REFS.c.owner)).scalars().all() == ['model/m/1']
        (tmp_path/'big.bin').write_bytes(b'big')
        assert s.get(s.put_file('../big.bin')) == b'big' and s.fetch(sha, 'copy.bin') == tmp_path/'else'/'copy.bin'
        with Store(s.backup('copy')) as copy: assert copy.get(sha) == b'x'
        assert s.location == location and s.path == (tmp_path/location if '..' not in str(location) else tmp_path/'a/../reg')
        assert sorted(p.name for p in Path('.').iterdir()) == ['copy', 'copy.bin']
    monkeypatch.chdir(tmp_path)
    with Store(location, blobs) as again: assert again.get(sha) == b'x' and again.verify() == []


def test_the_tilde_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path/'home')); monkeypatch.chdir(tmp_path)
    with Store('~/reg') as s:
        sha = s.put(b'x'); s.fetch(sha, '~/out/x.bin'); s.backup('~/copy')
        assert s.path == tmp_path/'home'/'reg' and s.put_file('~/out/x.bin') == sha and s.location == '~/reg' and '~/reg' in repr(s)
    with Store('~/apart.db', '~/bytes') as s: s.put(b'x')
    assert sorted(p.name for p in (tmp_path/'home').iterdir()) == ['apart.db', 'bytes', 'copy', 'out', 'reg'] and list(tmp_path.iterdir()) == [tmp_path/'home']
    with pytest.raises(InvalidInput, match='nobody-of-this-name'): Store('~nobody-of-this-name/reg')


@pytest.mark.parametrize('bad', [7, None, '', b'reg', 'a\0b', '\ud800', 'x'*300, ['reg']])
def test_what_is_no_place_is_refused_before_anything_is_made(tmp_path, monkeypatch, bad):
    monkeypatch.chdir(tmp_path)
    for args in ((bad,), ('reg', bad)) if bad is not None else ((bad,),):
        with pytest.raises(InvalidInput): Store(*args)
    assert list(tmp_path.iterdir()) == []


def test_a_store_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    meta = MetaData(); notes = Table('notes', meta, Column('n', Integer))
    with Store(':memory:') as s, Store(':memory:') as other:
        s.create(meta)
        sha = s.put(b'x')
        with s.write() as c: c.execute(notes.insert(), [dict(n=0)]); s.link(c, 'model/m/1', [sha])
        assert s.get_many([sha, sha]) == [b'x']*2 and s.has([sha, '0'*64]) == {sha} and s.verify() == [] and s.gc(grace=-1) == []
        with pytest.raises(NotFound): s.get('0'*64)
        with pytest.raises(InvalidInput): s.get('../x')
        unneeded = s.put(b'y')
        assert s.gc(grace=-1) == [unneeded] == s.gc(grace=-1, dry_run=False) and s.has([unneeded]) == set() and s.gc(grace=-1) == []
        assert other.has([sha]) == set() and repr(s) == "Store(':memory:')" and s.path is None and not s.readonly     # two memories are two stores
        with pytest.raises(RuntimeError):
            with s.write() as c: c.execute(notes.insert(), [dict(n=1)]); raise RuntimeError
        with s.read() as c: assert c.execute(select(notes.c.n)).scalars().all() == [0]                               # taken back
        def add(i):
            with s.write() as c: c.execute(notes.insert(), [dict(n=c.execute(select(func.max(notes.c.n))).scalar() + 1)])
            with s.read() as c: return c.execute(select(func.count()).select_from(notes)).scalar()
        with ThreadPoolExecutor(8) as pool: seen = list(pool.map(add, range(60)))
        with s.read() as c: assert c.execute(select(notes.c.n).order_by(notes.c.n)).scalars().all() == list(range(61)) and max(seen) == 61
        assert list(tmp_path.iterdir()) == []                                                                        # nothing on disk
        with Store(s.backup(tmp_path/'kept')) as kept: assert kept.verify() == [] and kept.get(sha) == b'x'
    with pytest.raises(MlopsError, match='was closed, and what it held is gone'):
        with s.read(): pass
    with Store(':memory:', tmp_path/'bytes') as s: assert s.get(s.put(b'x')) == b'x' and len(list((tmp_path/'bytes').glob('??/*'))) == 1


def test_the_classes_of_the_chapter_work_in_memory(tmp_path, monkeypatch):
    import pandas as pd
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({'a': range(5)})
    with ModelRegistry(':memory:') as reg, DataVersioning(':memory:') as data, ModelMonitor(':memory:') as watch:
        reg.register_model(holds([1]), 'm', '1.0'); reg.set_alias('m', 'champion', '1.0')
        assert held(reg.load_model('m', 'champion')[0]) == [1] and reg.check_ledger() == [] and reg.store.verify() == []
        pd.testing.assert_frame_equal(data.load_data(data.version_data(frame, 'x')), frame)
        ids = [watch.log_prediction({'a': i}, 1) for i in range(50)]
        for i in ids: watch.log_feedback(i, 1)
        assert watch.calculate_metrics()['total_requests'] == 50
    assert list(tmp_path.iterdir()) == []


CHAPTER_REGISTRY = {'models': {'churn:1.0.0': dict(name='churn', version='1.0.0', path='models/registry/churn_1.0.0.pkl', registered_at='2024-01-01T00:00:00', metadata={'auc': float('nan')})}}
CHAPTER_DATA = {'datasets': {'cust_0a1b2c3d': dict(name='cust', version='cust_0a1b2c3d', hash='0a1b2c3d', path='data/versions/cust_0a1b2c3d.parquet', parent_version=None)}}
CHAPTER_LOG = '''create table predictions (id integer primary key autoincrement, timestamp text, input_data text, prediction text, probability real,
    response_time real, model_version text, user_id text);
    create table feedback (prediction_id integer, actual_value text, feedback_type text, timestamp text); create table model_metrics (id integer, value real);
    insert into predictions (timestamp, prediction) values ('2024-01-01', '1'), ('2024-01-02', '0')'''


@pytest.mark.parametrize('name', ['metadata.json', 'registry.json', 'registry_metadata.json'])
@pytest.mark.parametrize('content, says', [(CHAPTER_REGISTRY, "a model registry .*names 1 models, such as 'churn:1.0.0'"), (CHAPTER_DATA, "a folder of data versions .*names 1 datasets, such as 'cust_0a1b2c3d'"),
                                           ({'models': {}}, 'a model registry .*names 0 models'), ({'datasets': {}}, 'a folder of data versions')])
def test_a_folder_of_the_chapters_own_code_is_named_and_not_shown_as_empty(tmp_path, name, content, says):
    (tmp_path/name).write_text(json.dumps(content)); (tmp_path/'churn_1.0.0.pkl').write_bytes(b'x')
    before = sorted(tmp_path.iterdir())
    for make in (Store, ModelRegistry, DataVersioning):
        with pytest.raises(InvalidInput, match=f"the course chapter's own code wrote: {name}") as e: make(tmp_path)
        assert re.search(says.replace(' .*', " that the course chapter's own code wrote: .*"), str(e.value)) and 'in another place' in str(e.value)
    assert sorted(tmp_path.iterdir()) == before                                  # nothing was made there


@pytest.mark.parametrize('name', ['monitoring.db', 'monitoring.sqlite'])
def test_a_database_of_the_chapters_own_code_is_named_and_not_shown_as_empty(tmp_path, name):
    conn = sqlite3.connect(tmp_path/name); conn.executescript(CHAPTER_LOG); conn.close()
    before = (tmp_path/name).read_bytes()
    for make in (Store, ModelMonitor):
        with pytest.raises(InvalidInput, match=r'a monitoring database .*feedback \(0 rows\), model_metrics \(0 rows\), predictions \(2 rows\)'): make(tmp_path/name)
    assert (tmp_path/name).read_bytes() == before and [p.name for p in tmp_path.iterdir()] == [name]


def test_what_only_looks_like_the_chapters_is_opened(tmp_path):
    "A file beside a store of ours, other JSON, an empty database, one with other tables, and our own old ones"
    for i, text in enumerate(['{"models": ["churn"]}', '{"model": {"name": "x"}}', '[]', '{', '\xff']):
        (tmp_path/f'{i}').mkdir(); (tmp_path/f'{i}'/'config.json').write_text(text, encoding='latin1')
        Store(tmp_path/f'{i}').close()
        (tmp_path/f'{i}'/'config.json').write_text(json.dumps(CHAPTER_REGISTRY))
        Store(tmp_path/f'{i}').close()                                           # it is a store by now
    conn = sqlite3.connect(tmp_path/'other.db'); conn.execute('create table orders (n)'); conn.commit(); conn.close()
    (tmp_path/'empty.db').touch()
    for name in ('other.db', 'empty.db'): Store(tmp_path/name).close()
    with Store(first_store(tmp_path/'old')) as s, Store(s.backup(tmp_path/'copy')) as copy: assert copy.verify() == []


def test_what_began_at_once_has_ended_when_ctrl_c_is_passed_on(monkeypatch):
    "Also when it comes between the start of a thread and the moment when the pool notes it"
    from mlops_nb.store.disk import parallel
    began, ended = [], []
    class Interrupted(ThreadPoolExecutor):
        def _adjust_thread_count(self):
            super()._adjust_thread_count()
            while not began: time.sleep(0.001)
            self._threads.clear(); raise KeyboardInterrupt
    def do(item): began.append(item); time.sleep(0.2); ended.append(item); return item
    monkeypatch.setattr('concurrent.futures.ThreadPoolExecutor', Interrupted)
    with pytest.raises(KeyboardInterrupt): parallel(do, range(3))
    assert began == ended == [0]
    time.sleep(0.05); assert began == [0]                                    # and nothing begins afterwards
    monkeypatch.undo()
    assert parallel(do, range(3)) == [0, 1, 2]


def test_what_a_store_that_cannot_be_written_does_not_hold_is_empty(tmp_path, monkeypatch, capsys):
    import numpy as np
    from mlops_nb.cli.main import main
    from mlops_nb.monitoring.predictions import PredictionLog
    with DataVersioning(tmp_path/'s') as v: made = v.version_data(np.arange(3), 'd')
    before = {p: p.read_bytes() for p in (tmp_path/'s').rglob('*') if p.is_file()}
    monkeypatch.setattr('os.access', lambda *a: False)
    with Store(tmp_path/'s') as s:
        assert ModelRegistry(s).list_models() == {} and ModelRegistry(s).check_ledger() == [] and PredictionLog(s).predictions().empty
        assert list(DataVersioning(s).get_lineage()) == [made] and DataVersioning(s).check_records() == []
        with pytest.raises(MlopsError): ModelRegistry(s).register_model(holds({'w': [1]}), 'm', '1')
        assert ModelRegistry(s).list_models() == {}
    with pytest.raises(SystemExit) as e: main(['store', 'verify', '--store', str(tmp_path/'s')])
    assert e.value.code == 0 and capsys.readouterr().out == 'all is well\n'
    assert before == {p: p.read_bytes() for p in (tmp_path/'s').rglob('*') if p.is_file()}


# --- a full disk

def test_a_full_disk_says_so_and_records_nothing(tmp_path, monkeypatch):
    with Store(tmp_path/'s') as s:
        kept = s.put(b'x')
        with s.write() as c: c.exec_driver_sql('create table t(x text)'); c.exec_driver_sql('pragma max_page_count=20')   # SQLite's own limit
        with pytest.raises(StorageFull, match='no space left for .*store.db.*: nothing was recorded. Make room and try again') as e:
            with s.write() as c: c.exec_driver_sql('insert into t values(zeroblob(1000000))')
        assert isinstance(e.value, OSError) and isinstance(e.value, MlopsError)
        with s.read() as c: assert c.exec_driver_sql('select count(*) from t').scalar() == 0
        def full(fd): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with monkeypatch.context() as m:
            m.setattr(os, 'fsync', full)
            with pytest.raises(StorageFull, match='no space left at .*blobs.*: nothing was recorded'): s.put(b'y')
            with pytest.raises(StorageFull, match='no space left at .*copy'): s.fetch(kept, tmp_path/'copy')
        for number, kind, message in ((errno.EFBIG, StorageFull, 'larger than the system allows: nothing was recorded'), (errno.EIO, MlopsError, 'cannot be used .*: nothing was recorded')):
            def broken(*args): raise OSError(number, os.strerror(number))
            with monkeypatch.context() as m:
                m.setattr(os, 'fsync', broken)
                with pytest.raises(kind, match=message): s.put(b'y')
                with pytest.raises(kind, match=message): s.fetch(kept, tmp_path/'copy')
        assert [name for name, _ in s._blobs.files()] == [kept] and not (tmp_path/'copy').exists() and s.verify() == []


# --- a disk that does not give what it was asked for

def loop(path, end):
    "Make a file a link that leads nowhere, so that the system really refuses, whoever asks"
    path.unlink(); end.symlink_to(end); path.symlink_to(end)


def refuses(path, what): return f"'{path}' could not {what} (Too many levels of symbolic links). Look at the disk, and at who may use it; then try again"


def test_what_cannot_be_read_is_told_with_its_file_and_what_was_asked(tmp_path):
    with Store(tmp_path/'s') as s:
        a, b = s.put_many([b'one', b'two'])
        with s.write() as c: s.link(c, 'model/m/1', [a, b])
        blob = s._blobs.path(a)
        loop(blob, tmp_path/'end'); s._blobs.path(b).write_bytes(b'other')
        for ask, what in ((s.size, 'be looked at'), (s.get, 'be read'), (lambda sha: s.fetch(sha, tmp_path/'f'), 'be read'), (lambda sha: s.get_many([sha, sha]), 'be read'),
                          (lambda sha: s.gc(), 'be looked at'), (lambda sha: s.gc(dry_run=False, grace=-1), 'be looked at')):
            with pytest.raises(MlopsError) as e: ask(a)
            assert str(e.value) == refuses(blob, what)
        assert sorted(s.verify()) == sorted([f"blob {a} cannot be read ({refuses(blob, 'be read')}); model/m/1 needs it", f'blob {b} has changed; model/m/1 needs it'])
        with pytest.raises(MlopsError) as e: s._blobs.remove(a, float('inf'))
        assert str(e.value) == refuses(blob, 'be removed') and os.path.islink(blob)              # put back
        s.put(b'two')
        with pytest.raises(MlopsError) as e: s.backup(tmp_path/'copy')
        assert str(e.value) == refuses(blob, 'be read') and [p.name for p in tmp_path.iterdir() if p.name != 'end'] == ['s']
        blob.unlink(); assert s.has([a, b]) == {b}


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(tmp_path):
    with Store(tmp_path/'s') as s:
        sha = s.put(b'one')
        with s.write() as c: s.link(c, 'model/m/1', [sha])
        sub = s._blobs.path(sha).parent
        sub.rename(tmp_path/'aside'); sub.symlink_to(sub)
        with pytest.raises(MlopsError) as e: s.gc()
        assert str(e.value) == refuses(tmp_path/'s/blobs', 'be listed')
        assert s.verify() == [f"blob {sha} cannot be read ({refuses(sub/sha[2:], 'be read')}); model/m/1 needs it"]
    (tmp_path/'s/store.db').unlink()
    with pytest.raises(MlopsError, match='cannot be opened as a store: Too many levels'): Store(tmp_path/'s')   # and no new one is begun
    assert not (tmp_path/'s/store.db').exists()


@pytest.mark.parametrize('new', [True, False], ids=['new', 'old'])
@pytest.mark.parametrize('apart', [True, False], ids=['apart', 'beside'])
@pytest.mark.parametrize('fault', ['a file', 'a link to itself', errno.EACCES, errno.EIO])
def test_a_store_whose_blobs_cannot_be_listed_does_not_open(tmp_path, monkeypatch, new, apart, fault):
    blobs, linked = tmp_path/('bytes' if apart else 's/blobs'), tmp_path/'aside'
    places = (tmp_path/'s', blobs) if apart else (tmp_path/'s',)
    if not new:
        with Store(*places) as s: sha = s.put(b'one')
        blobs.rename(linked)
    blobs.parent.mkdir(exist_ok=True)
    if fault == 'a file': blobs.write_text('not a folder'); why = 'Not a directory'
    elif fault == 'a link to itself': blobs.symlink_to(blobs); why = 'Too many levels of symbolic links'
    else:
        blobs.mkdir(); why = os.strerror(fault)
        listdir, scandir = os.listdir, os.scandir
        def fails(real):
            def call(path='.'):
                if Path(path) == blobs: raise OSError(fault, why, str(path))
                return real(path)
            return call
        monkeypatch.setattr(os, 'listdir', fails(listdir)); monkeypatch.setattr(os, 'scandir', fails(scandir))   # root may list anything
    for _ in range(2):
        with pytest.raises(MlopsError) as e: Store(*places)
        assert str(e.value) == f"'{blobs}' could not be listed ({why}). Look at the disk, and at who may use it; then try again"
    assert (tmp_path/'s/store.db').exists() is not new                               # and no new store is begun
    monkeypatch.undo()
    if blobs.is_symlink() or blobs.is_file(): blobs.unlink()
    else: blobs.rmdir()
    if not new: linked.rename(blobs)
    with Store(*places) as s: assert new or s.get(sha) == b'one'


@pytest.mark.parametrize('number', [errno.EIO, errno.EACCES, errno.ESTALE])
def test_a_failing_disk_is_told_by_every_call(tmp_path, monkeypatch, number):
    with Store(tmp_path/'s') as s:
        sha = s.put(b'one')
        with s.write() as c: s.link(c, 'model/m/1', [sha])
        stat, listdir, opened = os.stat, os.listdir, open
        def fails(real):
            def call(path, *args, **kw):
                if 'blobs' in str(path): raise OSError(number, os.strerror(number), str(path))
                return real(path, *args, **kw)
            return call
        for name in ('stat', 'listdir', 'rename'): monkeypatch.setattr(os, name, fails(getattr(os, name)))
        monkeypatch.setattr('io.open', fails(open)); monkeypatch.setattr('builtins.open', fails(open))
        def link():
            with s.write() as c: s.link(c, 'model/m/2', [sha])
        for ask in (lambda: s.size(sha), lambda: s.get(sha), lambda: s.fetch(sha, tmp_path/'f'), s.gc, lambda: s.has([sha]), link, lambda: s.backup(tmp_path/'copy')):
            with pytest.raises(MlopsError) as e: ask()
            assert os.strerror(number) in str(e.value) and "/s/blobs" in str(e.value) and 'then try again' in str(e.value)
        with pytest.raises(MlopsError, match='cannot be used .*: nothing was recorded'): s.put(b'two')
        assert [p.split(' cannot')[0] for p in s.verify()] == [f'blob {sha}']
        monkeypatch.undo()
        assert s.verify() == [] and s.get(sha) == b'one'


# --- PostgreSQL

def test_references_are_looked_up_late_and_a_lost_connection_is_replaced(postgres, tmp_path, monkeypatch):
    url = postgres.database()
    monkeypatch.setenv('TEST_DB_PASSWORD', PASSWORD)
    named = url.replace(PASSWORD, '${TEST_DB_PASSWORD}')
    with Store(named, tmp_path/'b') as s:
        assert str(s.location) == named and PASSWORD not in repr(s)
        with s.read() as c: pid = c.exec_driver_sql('select pg_backend_pid()').scalar()
        postgres.run(f'select pg_terminate_backend({pid}), pg_sleep(0.2)')
        with s.read() as c: assert c.exec_driver_sql('select pg_backend_pid()').scalar() != pid     # a new one, and no error
        with pytest.raises(MlopsError, match=r"connection to 'postgresql://.*TEST_DB_PASSWORD.*' was lost .*: what was not yet committed is not recorded"):
            with s.write() as c:
                s.link(c, 'model/m/1', [s.put(b'x')])
                pid = c.exec_driver_sql('select pg_backend_pid()').scalar()
                postgres.run(f'select pg_terminate_backend({pid}), pg_sleep(0.2)')
                c.exec_driver_sql('select 1')
        assert s.gc(grace=-1) == [digest(b'x')]
    monkeypatch.setenv('TEST_DB_PASSWORD', 'wrong-canary')
    with pytest.raises(MlopsError, match='cannot connect to .*password authentication failed') as e: Store(named, tmp_path/'b')
    assert 'wrong-canary' not in str(e.value)
    monkeypatch.setenv('TEST_STORE_URL', url)
    with Store('${TEST_STORE_URL}', tmp_path/'b') as s: assert repr(s) == "Store('${TEST_STORE_URL}')" and PASSWORD not in repr(s._tables)
    with pytest.raises(NotFound, match="has no schema 'no_such'; create it, or leave"): Store(url.split('schema=')[0] + 'schema=no_such', tmp_path/'c')


def test_a_server_is_asked_to_encrypt_and_to_prove_who_it_is(tmp_path):
    try:
        with services.postgres(tls=True) as server:
            url = server.database()
            for words in ('sslmode=require', f'sslmode=verify-full&sslrootcert={quote(str(server.certificate))}'):
                with Store(f'{url}&{words}', tmp_path/'b') as s, s.read() as c:
                    assert c.exec_driver_sql('select ssl from pg_stat_ssl where pid = pg_backend_pid()').scalar() is True
            with pytest.raises(MlopsError, match='cannot connect to .*certificate verify failed'): Store(f'{url}&sslmode=verify-full', tmp_path/'b')
            with pytest.raises(InvalidInput, match='no_such_file.* is no file of certificates'):
                Store(f'{url}&sslmode=verify-full&sslrootcert={tmp_path}/no_such_file', tmp_path/'b')
    except services.Unavailable as e: pytest.skip(str(e))


def test_a_forked_child_of_a_postgresql_store_gets_its_own_connection(postgres, tmp_path):
    code = '''
        import os, sys
        from mlops_nb.store.store import Store
        s = Store(sys.argv[1], sys.argv[2])
        with s.read() as c: mine = c.exec_driver_sql('select pg_backend_pid()').scalar()
        pid = os.fork()
        if pid == 0:
            with s.write() as c: c.exec_driver_sql('create table child(n integer)')
            s.close(); sys.exit(0)                          # with all that Python does at its end
        assert os.waitpid(pid, 0)[1] == 0
        with s.read() as c:
            assert c.exec_driver_sql('select pg_backend_pid()').scalar() == mine
            c.exec_driver_sql('select * from child').all()
    '''
    assert python(code, postgres.database(), tmp_path/'b').wait() == 0


def test_16_processes_make_their_tables_at_the_same_moment_on_postgresql(postgres, tmp_path):
    code = '''
        import sys
        from mlops_nb.store.store import Store
        from sqlalchemy import *
        meta = MetaData()
        for i in range(4): Table(f't{i}', meta, Column('k', Text, primary_key=True), Index(f'ix{i}', 'k'))
        with Store(sys.argv[1], sys.argv[2]) as s: s.create(meta)
    '''
    url = postgres.database()
    children = [python(code, url, tmp_path/'b') for _ in range(8)]
    assert [c.wait() for c in children] == [0]*8


# --- nothing is read or written outside the store

AWKWARD = st.text(max_size=30) | st.text('./\\~:%?*&${}@\0\n-ab', max_size=20) | st.sampled_from(['..', '../..', '/etc/passwd', '~root', 'CON', 'a/../../b', '\udcff', '${HOME}'])


def tree(folder): return {p.relative_to(folder).as_posix(): p.stat().st_mtime_ns if p.is_file() else None for p in folder.rglob('*')}


def test_no_digest_leads_out_of_the_blobs(tmp_path):
    (tmp_path/'outside').write_text('secret')
    with Store(tmp_path/'in/s') as s:
        with s.write(), s.read(): before = tree(tmp_path)
        @given(AWKWARD)
        @settings(max_examples=200, deadline=None)
        def check(sha):
            for ask in (s.get, s.size, s.key, lambda x: s.fetch(x, tmp_path/'in/f'), lambda x: s.has([x]), lambda x: s.get_many([x])):
                with pytest.raises(InvalidInput, match='is not a digest'): ask(sha)
            with pytest.raises(InvalidInput), s.write() as c: s.link(c, 'model/m/1', [sha])
            assert tree(tmp_path).keys() == before.keys()
        check()


@given(AWKWARD)
@settings(max_examples=60, deadline=None)
def test_an_owner_is_kept_as_it_is_or_refused(owner):
    with tempfile.TemporaryDirectory() as folder, Store(folder) as s:
        sha = s.put(b'x')
        try:
            with s.write() as c: s.link(c, owner, [sha])
        except InvalidInput as e: assert 'is no owner of blobs' in str(e); return
        with s.read() as c: assert c.exec_driver_sql('select owner from blob_refs').scalar() == owner
        with s.write() as c: s.unlink(c, owner)
        assert s.gc(grace=-1) == [sha]


@given(AWKWARD, st.sampled_from(['', '.db', '/x.db', '/']))
@settings(max_examples=60, deadline=None)
def test_a_location_is_one_place_or_refused(name, end):
    with tempfile.TemporaryDirectory() as top:
        inside = Path(top)/'a/b/c'; inside.mkdir(parents=True)
        (Path(top)/'outside').write_text('secret')
        where = f'{inside}/{name}{end}'
        try:
            with Store(where) as s: s.put(b'x')
        except MlopsError: pass
        else:
            assert Path(where).exists()
            home = Path(where) if Path(where).suffix != '.db' else Path(where).parent
            new = {p for p in Path(top).rglob('*') if p.is_file()} - {Path(top)/'outside'}
            assert new and all(p.resolve().is_relative_to(home.resolve()) for p in new)
        assert (Path(top)/'outside').read_text() == 'secret'


@given(AWKWARD)
@settings(max_examples=200, deadline=None)
def test_a_blob_url_is_one_place_or_refused(name):
    fs = pytest.importorskip('fsspec', reason="pip install 'mlops_nb[s3]'").filesystem('memory')
    fs.store.clear()
    try: blobs = open_blobs(f'memory://fuzz/{name}')
    except MlopsError: return
    blobs.put({digest(b'x'): b'x'})
    assert list(fs.store) == [blobs.path(digest(b'x'))] and list(fs.store)[0].startswith('/fuzz') and '..' not in list(fs.store)[0].split('/')


@given(st.text(st.characters(codec='utf-8', exclude_characters='\0'), min_size=4, max_size=30), st.text('ab', max_size=4))
@settings(max_examples=300, deadline=None)
def test_no_password_is_left_in_a_masked_url(password, user):
    secret = f'zq{password}'
    for url in (f'postgresql://{user}:{secret}@host/db', f'postgresql://{user}:{quote(secret, safe="")}@host/db', f's3://bucket/x?secret={quote(secret, safe="")}'):
        assert 'zq' not in mask_url(url) and '***' in mask_url(url)
        assert 'zq' not in hide_secrets(f'the driver says {secret!s} or {quote(secret, safe="")}', url)


@pytest.mark.parametrize('umask,file,folder', [(0o002, 0o664, 0o775), (0o022, 0o644, 0o755), (0o027, 0o640, 0o750), (0o077, 0o600, 0o700)])
def test_the_umask_holds_for_a_store_its_backup_and_what_is_fetched(tmp_path, umask, file, folder):
    before = os.umask(umask)
    try:
        with Store(tmp_path/'s') as s:
            with s.write() as c: s.link(c, 'a', [sha := s.put(b'x')])
            s.fetch(sha, tmp_path/'out'/'x.bin'); s.backup(tmp_path/'backup'/'deep')
            with s.read():                                                                     # the log and its index are there
                assert {p.name for p in (tmp_path/'s').iterdir()} == {'store.db', 'store.db-wal', 'store.db-shm', 'blobs'}
                modes = {p.relative_to(tmp_path): stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob('*')}
        assert {p: oct(m) for p, m in modes.items() if m != (folder if (tmp_path/p).is_dir() else file)} == {}
    finally: os.umask(before)


def test_a_backup_into_a_folder_that_is_there_keeps_its_mode(tmp_path):
    (tmp_path/'b').mkdir(); (tmp_path/'b').chmod(0o2770)
    with Store(tmp_path/'s') as s: s.backup(tmp_path/'b')
    assert oct((tmp_path/'b').stat().st_mode & 0o7777) == '0o2770' and (tmp_path/'b'/'store.db').is_file()


def test_what_is_no_file_and_what_is_no_list_is_refused_and_nothing_waits(tmp_path):
    os.mkfifo(tmp_path/'pipe'); os.mkfifo(tmp_path/'pipe.db'); (tmp_path/'folder.db').mkdir(); (tmp_path/'to-pipe').symlink_to(tmp_path/'pipe')
    for where, kind in {'pipe': 'a FIFO', 'pipe.db': 'a FIFO', 'to-pipe': 'a FIFO', 'folder.db': 'a folder', '/dev/null': 'a device'}.items():
        with pytest.raises(InvalidInput, match=f'is {kind}; a store is a folder, or a file that ends in .db'): Store(tmp_path/where)
    with Store(tmp_path/'s') as s:
        for odd in ('pipe', 'to-pipe', '/dev/stdin', 's'):
            with pytest.raises(InvalidInput, match='is a (FIFO|device|folder|socket), and no file|no file'): s.put_file(tmp_path/odd) if odd != '/dev/stdin' else s.put_file('/dev/null')
        sha = s.put(b'')
        for out in ('pipe', '/dev/null', 's'):
            with pytest.raises(InvalidInput, match='name a file'): s.fetch(sha, tmp_path/out)
        for text in ('', 'text', sha, b'x'):
            for f in (s.put_many, s.get_many, s.has):
                with pytest.raises(InvalidInput, match='are a list'): f(text)
            with s.write() as c, pytest.raises(InvalidInput, match='are a list'): s.link(c, 'a', text)
        for no in (None, 7, 'text', [1]):
            with pytest.raises(InvalidInput, match='a blob is bytes'): s.put(no)
        for how in (dict(dry_run=None), dict(dry_run=0), dict(dry_run='no'), dict(grace='1'), dict(grace=None), dict(grace=True), dict(grace=float('nan'))):
            with pytest.raises(InvalidInput, match='(dry_run|grace) is'): s.gc(**how)
        assert s.gc(grace=-1) == [sha] and s.has([sha]) == {sha} and s.get(s.put(bytearray())) == b''
    assert sorted(p.name for p in tmp_path.iterdir()) == ['folder.db', 'pipe', 'pipe.db', 's', 'to-pipe']


def test_the_home_is_the_home_for_every_path_of_core_and_store(tmp_path, monkeypatch):
    from mlops_nb.core.rules import atomic_write, file_digest, replacing
    from mlops_nb.store.objects import open_blobs
    (tmp_path/'home').mkdir(); (tmp_path/'work').mkdir(); monkeypatch.chdir(tmp_path/'work')
    for name in ('HOME', 'USERPROFILE'): monkeypatch.setenv(name, str(tmp_path/'home'))
    assert atomic_write('~/a.txt', 'x') == tmp_path/'home'/'a.txt' and file_digest('~/a.txt') == digest(b'x')
    with replacing('~/b.txt') as part: part.write_text('y')
    open_blobs('~/bl').put({digest(b'x'): b'x'})
    with Store('~/s', blobs='~/more') as s:
        sha = s.put_file('~/a.txt'); s.fetch(sha, '~/c.txt'); s.backup('~/copy')
    with open_database(Path('~/d.db')).write() as c: c.exec_driver_sql('create table t(n integer)')
    assert [*(tmp_path/'work').iterdir()] == [] and {p.name for p in (tmp_path/'home').iterdir()} >= {'a.txt', 'b.txt', 'c.txt', 'bl', 's', 'more', 'copy', 'd.db'}
    os.mkfifo(tmp_path/'pipe')
    for odd in (tmp_path/'pipe', '/dev/null', tmp_path):
        with pytest.raises(InvalidInput, match='and no file; name a file'): file_digest(odd)
