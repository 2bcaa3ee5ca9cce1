"One list of checks, run on every kind of store: SQLite or PostgreSQL, with a folder, memory or S3"
import json
import subprocess
import sys
import textwrap
import threading

import pytest
from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, MetaData, Table, Text, exc, func, insert, select, update

from mlops_nb.core.rules import IntegrityError, InvalidInput, MlopsError, NotFound, digest
from mlops_nb.store.links import REFS
from mlops_nb.store.store import Store
from services import PASSWORD


def python(code, *args, **kw): return subprocess.Popen([sys.executable, '-c', textwrap.dedent(code), *map(str, args)], **kw)


meta = MetaData()
PEOPLE = Table('people', meta, Column('name', Text, primary_key=True), Column('age', Integer))
PETS = Table('pets', meta, Column('id', Integer, primary_key=True), Column('owner', ForeignKey('people.name'), nullable=False),
             Column('photo', LargeBinary))


@pytest.fixture
def people(any_store):
    any_store.create(meta)
    with any_store.write() as c: c.execute(insert(PEOPLE), [dict(name='Ann', age=30), dict(name='Bob', age=None)])
    return any_store


def names(store):
    with store.read() as c: return sorted(c.execute(select(PEOPLE.c.name)).scalars())


# --- blobs

def test_bytes_come_back_and_are_stored_once(any_store, tmp_path):
    s, data = any_store, [b'', b'x', bytes(range(256))*4000]
    shas = s.put_many(data)
    assert shas == [digest(d) for d in data] == s.put_many(data)
    assert s.get_many(shas) == data and [s.size(sha) for sha in shas] == [0, 1, 1_024_000]
    assert s.has([*shas, '0'*64]) == set(shas)
    assert sorted(name for name, _ in s._blobs.files()) == sorted(shas)
    (tmp_path/'f').write_bytes(data[2])
    assert s.put_file(tmp_path/'f') == shas[2] == s.put(bytearray(data[2])) == s.put(memoryview(data[2]))
    assert s.fetch(shas[2], tmp_path/'g').read_bytes() == data[2]
    assert s.key(shas[1]) == f'blobs/{shas[1][:2]}/{shas[1][2:]}'


def test_what_is_not_there_is_an_error(any_store, tmp_path):
    for ask in (any_store.get, any_store.size, lambda sha: any_store.fetch(sha, tmp_path/'f'), lambda sha: any_store.get_many([sha]*2)):
        with pytest.raises(NotFound, match='does not hold it'): ask('0'*64)
        with pytest.raises(InvalidInput, match='is not a digest'): ask('../'*21 + 'x')
    assert list(tmp_path.glob('f*')) == []


def test_a_file_that_changes_while_it_is_stored_is_refused(any_store, tmp_path, monkeypatch):
    (tmp_path/'f').write_bytes(b'new')
    monkeypatch.setattr('mlops_nb.store.store.file_digest', lambda path: digest(b'old'))      # what it was a moment ago
    with pytest.raises(IntegrityError, match='f. has changed while it was being stored; try again'): any_store.put_file(tmp_path/'f')
    assert list(any_store._blobs.files()) == []


def damage(store, sha, data):
    "Change a blob behind the store's back"
    if hasattr(store._blobs, 'folder'): store._blobs.path(sha).write_bytes(data)
    else: store._blobs.fs.pipe_file(store._blobs.path(sha), data)


def test_damage_is_found_and_named_and_repaired_by_the_next_put(any_store, tmp_path):
    s = any_store
    a, b = s.put_many([b'aaaa', b'bbbb'])
    with s.write() as c: s.link(c, 'model/m/1', [a, b]); s.link(c, 'model/m/2', [b])
    assert s.verify() == []
    damage(s, b, b'bb')
    with pytest.raises(IntegrityError, match='has changed'): s.get(b)
    with pytest.raises(IntegrityError, match='has changed'): s.fetch(b, tmp_path/'f')
    assert s.verify() == [f'blob {b} has changed; model/m/1, model/m/2 needs it'] and not (tmp_path/'f').exists()
    s._blobs.remove(a, 1e12)
    assert s.verify() == sorted([f'blob {a} is missing; model/m/1 needs it', f'blob {b} has changed; model/m/1, model/m/2 needs it'])
    s.put_many([b'aaaa', b'bbbb'])
    assert s.verify() == [] and s.get(b) == b'bbbb'


def test_a_reference_to_nothing_is_named(any_store):
    with any_store.write() as c: c.execute(insert(REFS), dict(owner='model/m/1', digest='../../etc/passwd'))
    assert any_store.verify() == ["'../../etc/passwd' is not a digest; model/m/1 needs it"]


# --- tables

def test_a_block_happens_whole_or_not_at_all(people):
    def half():
        with people.write() as c: c.execute(insert(PEOPLE), dict(name='Cem')); raise RuntimeError('the power goes')
    with pytest.raises(RuntimeError, match='the power goes'): half()
    with pytest.raises(exc.IntegrityError), people.write() as c:
        c.execute(insert(PEOPLE), dict(name='Dia')); c.execute(insert(PEOPLE), dict(name='Ann'))
    with pytest.raises(exc.IntegrityError), people.write() as c: c.execute(insert(PETS), dict(id=1, owner='nobody'))
    assert names(people) == ['Ann', 'Bob']


def test_reading_cannot_write(people):
    with pytest.raises(MlopsError, match=r'use write\(\)'), people.read() as c: c.execute(insert(PEOPLE), dict(name='Cem'))
    assert names(people) == ['Ann', 'Bob']


def test_a_read_sees_one_moment(people):
    with people.read() as c:
        before = c.execute(select(func.count()).select_from(PEOPLE)).scalar()
        with people.write() as w: w.execute(insert(PEOPLE), dict(name='Cem'))
        assert c.execute(select(func.count()).select_from(PEOPLE)).scalar() == before == 2
    assert names(people) == ['Ann', 'Bob', 'Cem']


def test_insert_or_ignore(people):
    with people.write() as c:
        people.insert_or_ignore(c, PEOPLE, [dict(name=n, age=1) for n in ('Ann', 'Cem', 'Cem')])
        people.insert_or_ignore(c, PEOPLE, [])
        assert dict(c.execute(select(PEOPLE.c.name, PEOPLE.c.age)).all()) == {'Ann': 30, 'Bob': None, 'Cem': 1}


def test_threads_count_without_loss(people):
    def work():
        for _ in range(10):
            with people.write() as c:
                age = c.execute(select(PEOPLE.c.age).where(PEOPLE.c.name == 'Ann')).scalar()
                c.execute(update(PEOPLE).where(PEOPLE.c.name == 'Ann').values(age=age + 1))
    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads: t.start()
    for t in threads: t.join()
    with people.read() as c: assert c.execute(select(PEOPLE.c.age).where(PEOPLE.c.name == 'Ann')).scalar() == 110


def test_a_writer_that_waits_too_long_is_told_so(store_urls):
    with Store(*store_urls) as s, Store(*store_urls, timeout=0.2) as late:
        with s.write():
            with pytest.raises(MlopsError, match='is locked by another process .* nothing was recorded. Try again'):
                with late.write(): pass
        with late.write(): pass                              # and can be used afterwards


# --- versions of groups of tables

def _v2():
    meta = MetaData()
    Table('people', meta, Column('name', Text, primary_key=True), Column('age', Integer), Column('mail', Text))
    Table('towns', meta, Column('name', Text, primary_key=True))
    return meta


def test_a_group_of_tables_is_brought_up_to_date_once_and_a_newer_one_refused(people):
    def to_2(c): c.exec_driver_sql('alter table people add column mail text'); c.exec_driver_sql("update people set mail = name || '@x.org'")
    v2 = _v2()
    with pytest.raises(InvalidInput, match="'people' has version 2 and no migration to 2; give migrations={2: f}"): people.create(v2, 2)
    for _ in range(2): people.create(v2, 2, {2: to_2})
    with people.read() as c: assert c.execute(select(v2.tables['people']).order_by('name')).all() == [('Ann', 30, 'Ann@x.org'), ('Bob', None, 'Bob@x.org')]
    with people.read() as c: assert c.execute(select(v2.tables['towns'])).all() == []
    with pytest.raises(MlopsError, match="has schema 2 of 'people'; this version of mlops_nb reads up to 1. Upgrade mlops_nb"): people.create(meta)


def test_a_migration_that_fails_leaves_the_old_version(people):
    def to_2(c): c.exec_driver_sql('alter table people add column mail text'); raise RuntimeError('a bug')
    with pytest.raises(RuntimeError, match='a bug'): people.create(_v2(), 2, {2: to_2})
    people.create(meta)
    assert names(people) == ['Ann', 'Bob']


# --- records and their blobs

def test_a_record_needs_its_blobs(any_store):
    s, sha = any_store, any_store.put(b'x')
    def link(owner, *shas):
        with s.write() as c: s.link(c, owner, shas)
    with pytest.raises(IntegrityError, match="'model/m/1' needs 1 blobs that are not stored, the first is 0{64}; put them first"): link('model/m/1', sha, '0'*64)
    assert s.gc(grace=-1) == [sha]                           # nothing of it was recorded
    for _ in range(2): link('model/m/1', sha)
    assert s.gc(grace=-1) == []
    with s.write() as c: s.unlink(c, 'model/m/1')
    assert s.gc(grace=-1) == [sha] and s.gc() == []          # younger than an hour
    assert s.gc(grace=-1, dry_run=False) == [sha] and s.has([sha]) == set()


def test_a_backup_is_whole_and_is_a_store(people, tmp_path):
    s, shas = people, people.put_many([b'one', b'two', b'garbage'])
    with s.write() as c:
        s.link(c, 'a', shas[:2])
        c.execute(insert(PETS), [dict(owner='Ann', photo=bytes(range(256))), dict(owner='Bob', photo=None)])
        c.exec_driver_sql('create table unknown(n bigint primary key, t double precision, ok boolean)')
        c.exec_driver_sql('insert into unknown values(4611686018427387904, 0.1, true)')
    with Store(s.backup(tmp_path/'copy')) as copy:
        assert copy.verify() == [] and copy.get_many(shas[:2]) == [b'one', b'two'] and copy.has(shas) == set(shas[:2])
        copy.create(meta)
        with copy.read() as c, s.read() as d:
            for table in (PEOPLE, PETS): assert c.execute(select(table)).all() == d.execute(select(table)).all()
            assert [tuple(r) for r in c.exec_driver_sql('select * from unknown')] == [(4611686018427387904, 0.1, True)]
        with copy.write() as c: c.execute(insert(PETS), dict(owner='Ann'))       # ids go on
        with pytest.raises(exc.IntegrityError), copy.write() as c: c.execute(insert(PETS), dict(owner='nobody'))
    with pytest.raises(InvalidInput, match='must be a folder that is new or empty'): s.backup(tmp_path/'copy')
    (tmp_path/'empty').mkdir(); s.backup(tmp_path/'empty')
    assert sorted(p.name for p in (tmp_path/'empty').iterdir()) == ['blobs', 'store.db'] and not list(tmp_path.glob('.tmp-*'))


def test_a_backup_of_what_is_damaged_is_refused(any_store, tmp_path):
    s, sha = any_store, any_store.put(b'one')
    with s.write() as c: s.link(c, 'model/m/1', [sha])
    damage(s, sha, b'two')
    with pytest.raises(IntegrityError, match='has changed'): s.backup(tmp_path/'copy')
    s._blobs.remove(sha, 1e12)
    with pytest.raises(IntegrityError, match=f'blob {sha} is missing; model/m/1 needs it, so there is no backup'): s.backup(tmp_path/'copy')
    assert not list(tmp_path.glob('*copy*')) and not list(tmp_path.glob('.tmp-*'))


# --- several processes

OPEN = '''
    import sys, json
    from mlops_nb.store.store import Store
    from sqlalchemy import *
    meta = MetaData()
    T = Table('counter', meta, Column('who', Text, primary_key=True), Column('n', Integer, unique=True))
    with Store(*json.loads(sys.argv[1])) as s:
        s.create(meta)
'''


def test_16_processes_open_a_new_store_and_number_without_gap_or_double(shared_urls):
    processes = 4 if '://' in (shared_urls.blobs or '') else 16        # the import of an S3 client takes seconds
    code = OPEN + '''
        for i in range(5):
            sha = s.put(f'{sys.argv[2]}/{i}'.encode())
            with s.write() as c:
                n = c.execute(select(func.coalesce(func.max(T.c.n), 0))).scalar() + 1
                c.execute(insert(T), dict(who=f'{sys.argv[2]}/{i}', n=n))
                s.link(c, f'{sys.argv[2]}/{i}', [sha])
    '''
    children = [python(code, json.dumps(shared_urls), who) for who in range(processes)]
    assert [c.wait() for c in children] == [0]*processes
    with Store(*shared_urls) as s:
        with s.read() as c: assert sorted(c.exec_driver_sql('select n from counter').scalars()) == list(range(1, 5*processes + 1))
        assert s.verify() == [] and s.gc(grace=-1) == [] and len(list(s._blobs.files())) == 5*processes


def test_backup_and_gc_while_others_write(shared_urls, tmp_path):
    code = OPEN + '''
        for i in range(15):
            who = f'{sys.argv[2]}/{i}'
            sha = s.put(who.encode())
            with s.write() as c: s.link(c, who, [sha]); c.execute(insert(T), dict(who=who, n=int(sys.argv[2])*1000+i))
            if i % 3 == 0:
                with s.write() as c: s.unlink(c, who); c.execute(delete(T).where(T.c.who == who))
        print('done')
    '''
    children = [python(code, json.dumps(shared_urls), who, stdout=subprocess.PIPE) for who in range(3)]
    with Store(*shared_urls) as s:
        rounds = 0
        while rounds < 2 or any(c.poll() is None for c in children):
            s.gc(dry_run=False, grace=20)                    # in force, though nothing is old enough here
            with Store(s.backup(tmp_path/f'copy{rounds}')) as copy: assert copy.verify() == []
            rounds += 1
        assert [c.communicate()[0].strip() for c in children] == [b'done']*3
        assert s.verify() == [] and len(s.gc(grace=-1, dry_run=False)) == 15 and s.verify() == []


# --- no password anywhere

def test_no_password_in_repr_or_errors(any_store, store_urls, monkeypatch):
    monkeypatch.setenv('AWS_MAX_ATTEMPTS', '1')
    assert PASSWORD not in repr(any_store) + str(any_store.location) + repr(any_store._blobs) + repr(any_store._tables)
    for url in store_urls:
        if not url or '://' not in url: continue
        for broken in (url.replace('127.0.0.1', '127.0.0.2'), url.replace(PASSWORD, PASSWORD + 'x')):
            if broken == url: continue
            try:
                with Store(broken, store_urls.blobs) if url == store_urls.location else Store(store_urls.location, broken) as s: s.put(b'x')
            except MlopsError as e: assert PASSWORD not in f'{e!r} {e} {e.__cause__!r}'
