"""What a store survives: kills, full disks, damage, wrong clocks, stopped and crowding processes.

Each test adds its row to the table in nbs/tutorials/faults.ipynb, and fails when the lesson says something else:
`FAULTS=write python -m pytest tests/test_faults.py` writes the table anew.
"""
from contextlib import contextmanager
from pathlib import Path
import collections, errno, functools, json, os, random, re, shutil, signal, subprocess, sys, tempfile, time

import pandas as pd
import pytest

from mlops_nb.core.rules import IntegrityError, MlopsError, use_clock
from mlops_nb.registry.registry import ModelRegistry
from mlops_nb.store.store import Store
from mlops_nb.data.versioning import DataVersioning

sys.path.insert(0, str(Path(__file__).parent))
import syscalls
from fault_worker import Server, Work, frame, model, number
from holding import held

LESSON = Path(__file__).parent.parent/'nbs'/'tutorials'/'faults.ipynb'
BEGIN, END = '<!-- faults: written by tests/test_faults.py -->', '<!-- end of faults -->'
OPERATIONS = ['register', 'overwrite', 'delete', 'version', 'gc']
CALLS = dict(register='`register_model`', overwrite='`register_model(…, overwrite=True)`', delete='`delete_model`', version='`version_data`', gc='`gc`')
LEFT = {'closed': 'the writer had closed it', 'killed': 'the writer was killed and left its log',
        'killed, without its index': 'the same, and the log lacks its index'}
BLOBS = {'model': 'a model file', 'chunk': 'a chunk of data', 'manifest': 'the list of chunks of a data version'}
FORMS = {'folder': 'a folder', 'file': 'a .db file and its blobs'}


FAULTS = [   # the rows of the table, in its order
    *(f'kill -9 at a random moment of {c}' for c in CALLS.values()),
    *(f'kill -9 before each system call of {c} that changes a file' for c in CALLS.values()),
    'kill -9 before each system call that makes a new store and registers the first model',
    *(f'the disk is full from the k-th system call of {CALLS[op]} on' for op in ('register', 'version')),
    *(f'{CALLS[op]} on a small disk (tmpfs) with room for n pages' for op in ('register', 'version')),
    'disks of 512 KiB, 1 and 2 MiB filled by registering',
    *(f'the k-th system call of {CALLS[op]} fails with an I/O error' for op in ('register', 'version')),
    *(f'a read-only disk: {left}' for left in LEFT.values()),
    'the database is cut', 'a page of the database is zeroed', 'a bit of the database is flipped', 'the database is removed',
    'the log (WAL) of a killed writer is cut',
    *(f'{what} is cut, longer, partly zeroed, has a flipped bit, is removed' for what in BLOBS.values()),
    'the clock is set back two hours, twice',
    *(f'a store ({form}) is copied, and moved' for form in FORMS.values()),
    '16 processes register 50 versions each, and all want 10 more (SQLite)',
    '16 processes register 50 versions each, and all want 10 more (PostgreSQL)',
    'a process is stopped (SIGSTOP) while it writes', 'a stopped writer goes on (SIGCONT)',
    *(f'Ctrl-C in the middle of {c}' for c in CALLS.values())]


# ---- the table in the lesson


class Table:
    "Rows (fault, how often, afterwards, what you are told), kept in the order of FAULTS"
    def __init__(self): self.rows, self.writing = {}, os.environ.get('FAULTS') == 'write'

    def saw(self, fault, times, after, told=''):
        row = [fault, times, after, told]
        self.rows[fault] = row
        if self.writing: return
        assert in_lesson().get(fault) == row, f'the lesson says {in_lesson().get(fault)}, this run saw {row}; write the table anew: FAULTS=write'

    def write(self):
        rows = {**in_lesson(), **self.rows}
        lines = ['| fault | how often | afterwards | what you are told |', '|---|---|---|---|']
        lines += ['| ' + ' | '.join(rows[f]) + ' |' for f in FAULTS if f in rows]
        nb = json.loads(LESSON.read_text(encoding='utf8'))
        for cell in nb['cells']:
            text = ''.join(cell['source'])
            if BEGIN in text:
                text = text[:text.index(BEGIN)] + '\n'.join([BEGIN, '', *lines, '', END]) + text[text.index(END)+len(END):]
                cell['source'] = text.splitlines(keepends=True)
        LESSON.write_text(json.dumps(nb, ensure_ascii=False, indent=1) + '\n', encoding='utf8')


def in_lesson():
    "The rows that the lesson shows, by fault"
    text = ''.join(''.join(c['source']) for c in json.loads(LESSON.read_text(encoding='utf8'))['cells'] if BEGIN in ''.join(c['source']))
    lines = [l for l in text[text.index(BEGIN):text.index(END)].splitlines() if l.startswith('| ')][1:]
    rows = [[part.strip() for part in l.strip('| ').split(' | ')] for l in lines]
    return {r[0]: (r + [''])[:4] for r in rows}


@pytest.fixture(scope='module')
def table():
    t = Table()
    yield t
    if t.writing: t.write()


def plain(text, where):
    "A message without what differs from run to run"
    text = re.sub(r'\b[0-9a-f]{64}\b', '<digest>', str(text).replace(str(where), '…'))
    text = re.sub(r"…/blobs/[^']*(' -> '…/blobs/[^']*)?", '…/blobs/…', text)
    return ' '.join(text.replace('|', '/').split())


def test_the_lesson_shows_these_faults_and_no_other():
    assert list(in_lesson()) == FAULTS


# ---- a warm process, and what a store holds


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp('warm')) as s: yield s


@pytest.fixture(scope='module')
def template(tmp_path_factory):
    "A store with one of everything, closed"
    where = tmp_path_factory.mktemp('template')/'s'
    with Work(where) as w: w.register(0); w.version(0)
    return where


class Kept:
    "What was acknowledged, and whether it is there"
    def __init__(self, new=False): self.models, self.data, self.zero = (set(), set(), set()) if new else ({0}, {0}, {0})

    def hear(self, lines):
        "Take the acknowledgements; the operation that was begun and not acknowledged, or None"
        doing = None
        for line in lines:
            said, op, *n = [*line.split(), '']
            if said == 'begin': doing = op, int(n[0])
            if said == 'begin' and op == 'delete': self.models.discard(int(n[0]))
            if said == 'begin' and op == 'overwrite': self.zero.add(int(n[0]))
            if said in ('done', 'there'):
                if op == 'register': self.models.add(int(n[0]))
                if op == 'version': self.data.add(int(n[0]))
                if op == 'overwrite': self.zero = {int(n[0])}
                doing = None
        return doing

    def check(self, where, doing=None, since=0):
        "Open the store anew: all that was acknowledged (from number `since`) loads, nothing is half; what became of the operation `doing`"
        with Work(where) as w:
            assert w.store.verify() == []
            listed, recorded = w.registry.list_models(), {int(r['description']): r['version'] for r in w.data.get_lineage().values()}
            numbers = {int(i['version']): number(w.registry.load_model('m', i['version'])[0]) for i in listed.values()
                       if int(i['version']) == 0 or int(i['version']) >= since}
            assert not self.zero or numbers.pop(0) in self.zero, 'an overwritten version is the old revision or the new one'
            assert all(n == found for n, found in numbers.items())
            assert self.models <= {int(i['version']) for i in listed.values()} and self.data <= set(recorded)
            for n, version in recorded.items():
                if n >= since: pd.testing.assert_frame_equal(w.data.load_data(version), frame(n))
            if doing is None: return None
            op, n = doing
            left = len(w.store.gc(grace=-1))
            return {'prepare': lambda: None, 'register': lambda: n in numbers, 'version': lambda: n in recorded, 'delete': lambda: n not in numbers,
                    'overwrite': lambda: number(w.registry.load_model('m', '0')[0]) == n,
                    'gc': lambda: None if 0 < left < 4 else left == 0}[op]()


def clean(where):
    "Collect what a death left; what there was of it"
    with Work(where) as w:
        left = w.store.gc(dry_run=False, grace=-1)
        assert w.store.gc(grace=-1) == [] and w.store.verify() == [] and not list(Path(where).rglob('.tmp-*'))
    return left


def copy(template, where):
    shutil.rmtree(where, ignore_errors=True)
    return Path(shutil.copytree(template, where))


STATES = {True: 'done', False: 'as before', None: 'half of the garbage gone'}
def states(seen): return ' or '.join(s for k, s in STATES.items() if k in seen)


# ---- kill -9


@pytest.mark.slow
@pytest.mark.parametrize('op', OPERATIONS)
def test_kill_9_at_a_random_moment(op, server, template, tmp_path, table, record_property):
    where, rng, kept, died, seen = copy(template, tmp_path/'s'), random.Random(op), Kept(), collections.Counter(), set()
    for round_ in range(40):
        child = server.start('repeat', where=str(where), op=op, first=1000*(round_ + 1))
        child.line(f'begin {op}'); begin = time.monotonic()
        child.line(f'done {op}'); lasts = time.monotonic() - begin
        child.line(f'begin {op}')
        time.sleep(rng.uniform(0, lasts))
        child.kill()
        doing = kept.hear(child.end())
        assert os.WTERMSIG(child.status) == signal.SIGKILL
        became = kept.check(where, doing, since=1000*(round_ + 1))
        if doing and doing[0] == 'delete' and became is False: kept.models.add(doing[1])
        if doing and doing[0] == op: seen.add(became)
        died[doing[0] if doing else 'between two'] += 1
    kept.check(where)
    left = clean(where)
    kept.check(where)
    record_property('died in', dict(died))
    print(f'{op}: of 40, {dict(died)}; {len(left)} files left over, collected')
    assert died[op] >= 5, f'the kills missed {op}: {died}'
    table.saw(f'kill -9 at a random moment of {CALLS[op]}', '40 kills', 'everything acknowledged loads; what was under way is done or as before', 'nothing: the next call works')


needs_seccomp = pytest.mark.skipif(not syscalls.AVAILABLE, reason='seccomp listeners are a thing of Linux on x86-64 or ARM')


def at_each_call(server, template, tmp_path, op, act, retry=False, opening=False):
    "Run `op` once for each k, with `act(k)` deciding over its calls, those of `opening` and closing too; yields the ended child and the place"
    for k in range(1, 1000):
        where = copy(template, tmp_path/'s')
        with Work(where) as w: w.prepare(op, 1)
        child = server.start('once', watch=where, act=act(k), only=not opening, where=str(where), op=op, n=1, retry=retry)
        watcher = child.watcher
        child.end()
        yield child, where
        if len(watcher.calls) < k: return
    raise AssertionError('no end')


@needs_seccomp
@pytest.mark.parametrize('op', OPERATIONS)
def test_kill_9_before_every_system_call_that_changes_a_file(op, server, template, tmp_path, table):
    kill = lambda k: lambda i, name, path: signal.SIGKILL if i == k else None
    seen, rounds = set(), 0
    for child, where in at_each_call(server, template, tmp_path, op, kill):
        kept, rounds = Kept(), rounds + 1
        if op == 'delete': kept.models.add(1)
        doing = kept.hear(child.lines)
        seen.add(kept.check(where, doing or (op, 1)))
        clean(where)
        kept.check(where)
    assert rounds > (5 if op == 'gc' else 10) and {False, None if op == 'gc' else True} <= seen
    table.saw(f'kill -9 before each system call of {CALLS[op]} that changes a file', 'every call', states(seen) + '; `gc` collects the rest', 'nothing: the next call works')

@needs_seccomp
def test_kill_9_before_every_system_call_that_makes_a_store(server, tmp_path, table):
    seen = set()
    for k in range(1, 1000):
        where = tmp_path/f's{k}'
        child = server.start('once', watch=where, act=lambda i, name, path: signal.SIGKILL if i == k else None, where=str(where), op='register', n=1)
        watcher = child.watcher
        kept = Kept(new=True); doing = kept.hear(child.end())
        seen.add(kept.check(where, doing or ('register', 1)))
        clean(where)
        if len(watcher.calls) < k: break
    assert k > 40 and seen == {True, False}
    table.saw('kill -9 before each system call that makes a new store and registers the first model', 'every call', states(seen) + '; `gc` collects the rest', 'nothing: the next call works')


# ---- a full disk


full = lambda k: lambda i, name, path: errno.ENOSPC if i >= k and syscalls.needs_space(name, path) else None
broken = lambda k: lambda i, name, path: errno.EIO if i == k and name not in ('open', 'openat') else None


def failures(child, where):
    "What a child was told, as (was it opening?, type, message)"
    found = []
    for line in child.said('failed'):
        error = json.loads(line[line.index('{'):])
        assert {'MlopsError', 'OSError'} & set(error['types']), error
        found.append((line.startswith('opening'), plain(error['text'], where)))
    return found


def told(messages): return '<br>'.join(sorted(messages))


@needs_seccomp
@pytest.mark.parametrize('fault, op', [(f, op) for f in ('full', 'broken') for op in ('register', 'version')])
def test_a_disk_that_is_full_or_breaks_at_every_write(fault, op, server, template, tmp_path, table):
    at, word = dict(full=(full, 'space|full'), broken=(broken, 'error'))[fault]
    messages, rounds = set(), 0
    for child, where in at_each_call(server, template, tmp_path, op, at, retry=True, opening=op == 'register' and fault == 'full'):
        kept, rounds = Kept(), rounds + 1
        assert child.said('done') or child.said('there'), child.lines     # the same process, once the fault is over
        kept.hear(child.lines); kept.check(where); clean(where); kept.check(where)
        messages |= set(failures(child, where))
    assert rounds > 10 and all(re.search(word, m, re.I) and 'backup' not in m for _, m in messages), messages
    fault = {'full': f'the disk is full from the k-th system call of {CALLS[op]} on', 'broken': f'the k-th system call of {CALLS[op]} fails with an I/O error'}[fault]
    table.saw(fault, 'every k', 'nothing recorded, and everything earlier loads; the same process succeeds when the fault is over', told({m for opening, m in messages if not opening}))


@contextmanager
def tmpfs(folder, size):
    "A small disk; root only"
    folder.mkdir(exist_ok=True)
    made = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'none', str(folder)], capture_output=True, text=True)
    if made.returncode: pytest.skip(f'a small disk needs the right to mount: {made.stderr.strip()}')
    try: yield folder
    finally: subprocess.run(['umount', '-l', str(folder)], check=True)


def leave(disk, pages):
    "Fill the disk, so that so many pages of 4096 bytes are free"
    filler = disk/'filler'
    filler.unlink(missing_ok=True)
    free = os.statvfs(disk).f_bavail*os.statvfs(disk).f_frsize - pages*4096
    with open(filler, 'wb') as f: os.posix_fallocate(f.fileno(), 0, free)


@pytest.mark.parametrize('op', ['register', 'version'])
def test_a_small_disk_that_ends_at_every_page(op, server, template, tmp_path, table):
    messages = set()
    with tmpfs(tmp_path/'disk', '4m') as disk:
        for pages in range(200):
            where = copy(template, disk/'s')
            leave(disk, pages)
            child = server.start('once', where=str(where), op=op, n=1)
            child.end()
            (disk/'filler').unlink()
            kept = Kept(); doing = kept.hear(child.lines)
            messages |= set(failures(child, where))
            if not child.said('failed'): break
            assert kept.check(where, doing or (op, 1)) is False
            again = server.start('once', where=str(where), op=op, n=1); again.end()
            kept.hear(again.lines)
            assert again.said('done')
            kept.check(where); clean(where); kept.check(where)
        assert 5 < pages < 150
    assert all(re.search('space|full', m) and 'backup' not in m for _, m in messages), messages
    table.saw(f'{CALLS[op]} on a small disk (tmpfs) with room for n pages', 'every n, until it fits', 'nothing recorded, and everything earlier loads; succeeds when there is room', told({m for opening, m in messages if opening}))


def test_a_disk_that_fills_up_in_daily_work(server, template, tmp_path, table):
    for size in ('512k', '1m', '2m'):
        with tmpfs(tmp_path/size, size) as disk:
            where = copy(template, disk/'s')
            child = server.start('until_full', where=str(where)); child.end()
            kept = Kept(); kept.hear(child.lines)
            assert len(kept.models) > 3
            assert re.search('space|full', failures(child, where)[0][1])
            subprocess.run(['mount', '-o', 'remount,size=8m', str(disk)], check=True)
            kept.check(where); clean(where); kept.check(where)
            with Work(where) as w: w.register(100_000)
    table.saw('disks of 512 KiB, 1 and 2 MiB filled by registering', 'until full', 'everything acknowledged loads; goes on when there is room', told({m for _, m in failures(child, where)}))


# ---- read-only


@contextmanager
def read_only(source, target):
    "`source` at another place, where nobody may write"
    target.mkdir()
    made = subprocess.run(['mount', '--bind', str(source), str(target)], capture_output=True, text=True)
    if made.returncode: pytest.skip(f'a read-only disk needs the right to mount: {made.stderr.strip()}')
    try:
        subprocess.run(['mount', '-o', 'remount,ro,bind', str(target)], check=True)
        yield target
    finally: subprocess.run(['umount', '-l', str(target)], check=True)


def refusals(where):
    "What each writing call says"
    said = set()
    with Work(where) as w:
        calls = [lambda op=op: getattr(w, op)(7) for op in OPERATIONS if op != 'delete']
        for call in [*calls, lambda: w.registry.set_alias('m', 'champion', '0'), lambda: w.registry.delete_model('m', '0')]:
            with pytest.raises(MlopsError, match='read-only') as e: call()
            said.add(plain(e.value, where))
    return said


@pytest.mark.parametrize('left', ['closed', 'killed', 'killed, without its index'])
def test_a_read_only_disk_is_read(left, server, template, tmp_path, table):
    source, kept = copy(template, tmp_path/'s'), Kept()
    with Store(source) as s: s.put(b'for the collector')
    if left != 'closed':
        child = server.start('repeat', where=str(source), op='register', first=1)
        child.line('done register 5'); child.kill()
        kept.hear(child.end())
        assert (source/'store.db-wal').stat().st_size > 0
    if left == 'killed, without its index': (source/'store.db-shm').unlink()
    before = {p: p.stat().st_mtime_ns for p in source.rglob('*')}
    with read_only(source, tmp_path/'ro') as where:
        kept.check(where)
        said = refusals(where)
    assert {p: p.stat().st_mtime_ns for p in source.rglob('*')} == before
    table.saw(f'a read-only disk: {LEFT[left]}', 'once', 'everything acknowledged loads, writing is refused', told(said))

# ---- damage


def damages(path, rng):
    "Ways to damage a file, by name; each restores nothing"
    data = path.read_bytes()
    size = len(data)
    lengths = sorted({0, 1, 16, 100, 512, 4096, size//2, size - size//10, size - 1} & set(range(size)))
    yield from ((f'cut to {n} bytes', data[:n]) for n in lengths)
    yield 'one byte longer', data + b'x'
    for page in range(0, size, 4096):
        if any(data[page:page+4096]): yield f'page {page//4096} zeroed', data[:page] + bytes(len(data[page:page+4096])) + data[page+4096:]


def flips(data, rng, times):
    for _ in range(times):
        i = rng.randrange(len(data))
        yield i, data[:i] + bytes([data[i] ^ 1 << rng.randrange(8)]) + data[i+1:]


@functools.cache
def versions_of_data():
    "Which frame each id names"
    with tempfile.TemporaryDirectory() as folder, DataVersioning(folder) as data: return {data.version_data(frame(n), 'd'): n for n in range(2)}


def look(where, refusals=(MlopsError,)):
    "Open, verify, list and load everything: (what verify says, the errors); a wrong answer fails"
    errors = []
    def ask(what):
        try: return what()
        except refusals as e: errors.append(str(e))
    w = ask(lambda: Work(where))
    if w is None: return [], errors
    with w:
        problems = ask(w.store.verify) or []
        for n in range(4):
            found = ask(lambda: number(w.registry.load_model('m', str(n))[0]))
            assert found in (n, None)
        for r in (ask(w.data.get_lineage) or {}).values():
            found = ask(lambda: w.data.load_data(r['version']))
            if found is not None: assert found.equals(frame(versions_of_data()[r['version']]))
        ask(w.registry.list_models)
        problems += ask(w.registry.check_ledger) or []
        problems += ask(w.data.check_records) or []
    return problems, errors


@pytest.fixture(scope='module')
def full_store(template, tmp_path_factory):
    "A store with a few models and data versions, closed"
    where = copy(template, tmp_path_factory.mktemp('full')/'s')
    with Work(where) as w:
        for n in range(1, 4): w.register(n)
        w.version(1)
    return where


@pytest.mark.parametrize('kind', ['cut', 'page zeroed'])
def test_a_damaged_database_is_named(kind, full_store, tmp_path, table):
    where, told_ = copy(full_store, tmp_path/'s'), set()
    db = where/'store.db'
    whole = db.read_bytes()
    for name, data in damages(db, random.Random(0)):
        if kind.split()[0] not in name: continue
        db.write_bytes(data)
        problems, errors = look(where)
        assert problems or any('backup' in e for e in errors), (name, errors)
        assert all('SQL' not in e and 'sqlalche' not in e for e in errors), errors
        told_ |= {plain(e, where) for e in errors if 'store.db' in e or 'backup' in e}
        for leftover in where.glob('store.db?*'): leftover.unlink()
    db.write_bytes(whole)
    assert look(where) == ([], [])
    assert told_ and all('backup' in t for t in told_), told_
    fault = {'cut': 'the database is cut', 'page zeroed': 'a page of the database is zeroed'}[kind]
    table.saw(fault, {'cut': 'to 0 bytes, 1, 16, 100, 512, a page, half, nine tenths, all but one', 'page zeroed': 'each page'}[kind],
              'opening or `verify` says so; what still loads is right', told(told_))


def test_a_database_that_is_gone_is_not_begun_anew(full_store, tmp_path, table):
    where = copy(full_store, tmp_path/'s')
    (where/'store.db').unlink()
    with pytest.raises(MlopsError, match='backup') as e: Work(where)
    assert not list(where.glob('store.db*')) and len(list((where/'blobs').glob('??/*'))) > 4
    table.saw('the database is removed', 'once', 'the store does not open; no blob is lost', plain(e.value, where))


def test_a_flipped_bit_in_the_database_gives_no_wrong_answer(full_store, tmp_path, table):
    where, rng, noticed, forged = copy(full_store, tmp_path/'s'), random.Random(3), 0, 0
    def records():
        try:
            with Work(where) as w: return w.registry.list_models(), w.data.get_lineage()
        except MlopsError: return None
    db, truth = where/'store.db', records()
    whole = db.read_bytes()
    metrics, frames = whole.index(b'{"auc"'), whole.index(b'frame')  # of a model and of a data version, beside the places that chance chooses
    layout = [whole.index(word) for word in (b'deleted_at TEXT', b'registered_by TEXT', b'model_texts', b'data_parents', b'store_settings', b'model_versions_live')]
    letters = [(at, whole[:at] + b'b' + whole[at + 1:]) for at in (metrics + 3, frames - 1, frames, *layout)]
    for i, data in [*flips(whole, rng, 150), *letters]:
        db.write_bytes(data)
        problems, errors = look(where)
        noticed += bool(problems or errors)
        if records() != truth: forged += 1; assert problems or errors, i
        for leftover in where.glob('store.db?*'): leftover.unlink()
    assert noticed >= 10 and forged >= 3 + 4
    print(f'{noticed} of 150 flipped bits were noticed; the others hit free space or texts that nothing checks')
    table.saw('a bit of the database is flipped', '150 places', 'what loads is right, or an error; a record of a model that says something else is found by `check_ledger`, one of a data version by `check_records`', 'what the reader of that place says')


def parses():
    "A profiler that notes calls into whatever reads models or data"
    seen = []
    def note(frame, event, arg):
        name = (frame.f_globals.get('__name__') or '') if event == 'call' else (getattr(arg, '__module__', None) or '') if event == 'c_call' else ''
        what = frame.f_code.co_name if event == 'call' else getattr(arg, '__name__', '')
        if name.split('.')[0].strip('_') in ('skops', 'pickle', 'zipfile', 'joblib') or name.startswith('pyarrow') and what in ('open_stream', 'open_file', 'read_all'):
            seen.append(f'{name}.{what}')
    return seen, note


@pytest.mark.parametrize('what', ['model', 'chunk', 'manifest'])
def test_a_damaged_blob_is_named_and_nothing_of_it_is_read(what, full_store, tmp_path, table):
    where, rng = copy(full_store, tmp_path/'s'), random.Random(what)
    with Work(where) as w:
        info, record = w.registry.info('m', '2'), next(r for r in w.data.get_lineage().values() if r['description'] == '1')
        known = [r['path'] for r in [*w.registry.list_models().values(), *w.data.get_lineage().values()]]
        path = {'model': info['path'], 'manifest': record['path'],
                'chunk': max((where/'blobs').glob('??/*'), key=lambda p: (p.as_posix() not in known)*p.stat().st_size)}[what]
    blob = where/path
    whole, told_ = blob.read_bytes(), set()
    with Work(where) as w:
        seen, note = parses()
        cases = [*damages(blob, rng), *((f'bit {i}', d) for i, d in flips(whole, rng, 20)), ('removed', None)]
        for name, data in cases:
            if data == whole: continue
            blob.unlink() if data is None else blob.write_bytes(data)
            load = (lambda: w.registry.load_model('m', '2')) if what == 'model' else (lambda: [w.data.load_data(r['version']) for r in w.data.get_lineage().values()])
            sys.setprofile(note)
            try:
                with pytest.raises(MlopsError) as e: load()
            finally: sys.setprofile(None)
            if what == 'model': assert seen == [], (name, seen)
            assert data is None or isinstance(e.value, IntegrityError)
            told_.add(plain(e.value, where))
            assert number(w.registry.load_model('m', '1')[0]) == 1 and (what != 'model' or len([w.data.load_data(r['version']) for r in w.data.get_lineage().values()]) == 2)
            problems = w.store.verify()
            assert problems and all(re.match(r'blob [0-9a-f]{64} (has changed|is missing); .+ needs it', p) for p in problems), problems
            assert ('model/m/2' if what == 'model' else f"data/{record['version']}") in ' '.join(problems) or what == 'chunk'
            blob.write_bytes(whole)
        assert w.store.verify() == []
    table.saw(f'{BLOBS[what]} is cut, longer, partly zeroed, has a flipped bit, is removed', '30 ways or more', 'nothing of it is read; `verify` names the blob and who needs it; the others load', told(re.sub('digest <digest>', 'digest <another>', t) for t in told_))


def test_the_log_of_a_killed_writer_is_cut(server, template, tmp_path, table):
    source = copy(template, tmp_path/'s')
    child = server.start('repeat', where=str(source), op='register', first=1)
    child.line('done register 5'); child.kill(); child.end()
    log = (source/'store.db-wal').read_bytes()
    counts = set()
    for n in range(0, len(log), 4096):
        where = copy(source, tmp_path/'t')
        os.truncate(where/'store.db-wal', n); (where/'store.db-shm').unlink()
        kept = Kept(); kept.check(where)
        with Work(where) as w: counts.add(len(w.registry.list_models()))
    assert min(counts) == 1 and len(counts) >= 5
    table.saw('the log (WAL) of a killed writer is cut', 'at each page', 'an earlier moment, whole: what was recorded after the cut is lost', 'nothing: SQLite takes it for the end of the log')


# ---- time and place


def test_a_clock_that_is_set_back(tmp_path, table):
    times = [f'2026-03-03T{hour}:00:00+00:00' for hour in ('12', '10', '10', '08')]
    with Work(tmp_path/'s') as w:
        for n, t in enumerate(times):
            with use_clock(t):
                w.register(n); w.version(n)
                w.registry.set_alias('m', 'champion', f'{n}', by='ann')
        moves = w.registry.history('m', 'champion')
        assert [m['version'] for m in moves] == ['0', '1', '2', '3']
        assert [m['time'] for m in moves] == sorted(m['time'] for m in moves)          # the ledger's time does not run back
        assert w.registry.at('m', 'champion', '2026-03-03T12:00:01+00:00')['version'] == '3'
        assert w.registry.resolve('m@champion') == ('m', '3') == w.registry.resolve('m')
        assert list(w.registry.list_models()) == [f'm:{n}' for n in range(4)]
        assert [r['description'] for r in w.data.get_lineage().values()] == ['0', '1', '2', '3']
        with use_clock('2026-03-03T06:00:00+00:00'): assert w.registry.rollback('m', 'champion') == '2'
        assert w.registry.get_alias('m', 'champion') == '2'
    table.saw('the clock is set back two hours, twice', '4 versions, 5 moves of an alias', 'latest, order, history, `at` and rollback stay right; the ledger\'s time stands still until the clock has caught up', 'nothing')


@pytest.mark.parametrize('form', ['folder', 'file'])
def test_a_store_that_is_moved_or_copied(form, tmp_path, table, monkeypatch):
    here, there = tmp_path/'here', tmp_path/'there'/'deep'
    place = (lambda p: p/'s') if form == 'folder' else (lambda p: p/'all.db')
    here.mkdir(); there.parent.mkdir()
    with Work(place(here)) as w: w.register(0); w.version(0); w.register(1)
    kept = Kept(); kept.models.add(1)
    shutil.copytree(here, there); kept.check(place(there))
    with Work(place(there)) as w: w.register(2)
    kept.check(place(here))
    shutil.rmtree(here); kept.models.add(2)
    shutil.move(there, tmp_path/'moved'); kept.check(place(tmp_path/'moved'))
    monkeypatch.chdir(tmp_path/'moved'); kept.check(place(Path('.')))
    table.saw(f'a store ({FORMS[form]}) is copied, and moved', 'once each', 'everything loads from the new place', 'nothing')


# ---- crowds


def crowd(server, where, tmp_path, **kw):
    "16 processes register 50 versions each, and all want 10 more; what they said"
    go = tmp_path/'go'
    children = [server.start('many', where=str(where), me=k, go=str(go), count=50, contested=10, **kw) for k in range(16)]
    for c in children: c.line('ready', timeout=120)
    go.touch()
    for c in children: c.end()
    return children


def check_crowd(children, registry):
    done = [v for c in children for v in c.said('done')]
    won = {v: me for me, c in enumerate(children) for v in c.said('won')}
    assert len(done) == len(set(done)) == 800
    assert sum(len(c.said('won')) for c in children) == len(won) == 10 and sum(len(c.said('lost')) for c in children) == 150
    listed = registry.list_models('shared')
    assert set(listed) == {f'shared:{v}' for v in [*done, *won]} and len(listed) == 810
    assert all(listed[f'shared:{me}.{i}']['registered_by'] == f'p{me}' for me in range(16) for i in range(50))
    assert all(listed[f'shared:{v}']['registered_by'] == f'p{me}' for v, me in won.items())
    assert all(held(registry.load_model('shared', f'{me}.{7*me % 50}')[0]) == {'by': me, 'i': 7*me % 50} for me in range(16))
    moves = [h['version'] for h in registry.history('shared', 'champion')]
    assert len(moves) == 160 and all([v for v in moves if v.startswith(f'{me}.')] == [f'{me}.{i}' for i in range(0, 50, 5)] for me in range(16))


def test_sixteen_processes_register_fifty_versions_each(server, tmp_path, table):
    children = crowd(server, tmp_path/'s', tmp_path)
    with ModelRegistry(tmp_path/'s') as registry:
        check_crowd(children, registry)
        assert registry.store.verify() == []
    table.saw('16 processes register 50 versions each, and all want 10 more (SQLite)', 'once', '800 versions, none lost, none twice; each of the 10 has one winner; 160 moves of an alias, in order', 'the losers: `Conflict`')


@pytest.mark.slow
def test_sixteen_processes_on_postgresql(server, postgres, tmp_path, table):
    url, blobs = postgres.database(), str(tmp_path/'bytes')
    children = crowd(server, url, tmp_path, blobs=blobs)
    with Store(url, blobs) as store:
        check_crowd(children, ModelRegistry(store))
        assert store.verify() == []
    table.saw('16 processes register 50 versions each, and all want 10 more (PostgreSQL)', 'once', '800 versions, none lost, none twice; each of the 10 has one winner; 160 moves of an alias, in order', 'the losers: `Conflict`')


# ---- stopped and interrupted


def test_a_stopped_writer_holds_the_lock(server, template, tmp_path, table):
    where = copy(template, tmp_path/'s')
    holder = server.start('hold', where=str(where)); holder.line('holding')
    holder.send(signal.SIGSTOP)
    kept = Kept(); kept.check(where)                                       # readers do not wait
    late = server.start('wait_for_lock', where=str(where), timeout=0.3, n=1); late.end()
    patient = server.start('wait_for_lock', where=str(where), timeout=60, n=2); patient.line('waiting')
    holder.kill(); holder.end()                                            # a stopped process can be killed, and its lock is free
    kept.hear(patient.end()); kept.check(where)
    assert patient.said('done') == ['register 2']
    told_ = {m for _, m in failures(late, where)}
    assert all(re.search('another process', m, re.I) for m in told_) and told_, told_
    table.saw('a process is stopped (SIGSTOP) while it writes', 'once', 'readers go on; writers wait, and give up after `timeout`; a kill frees the lock', told(told_))


def test_a_stopped_writer_that_goes_on(server, template, tmp_path, table):
    where = copy(template, tmp_path/'s')
    holder = server.start('hold_once', where=str(where)); holder.line('holding')
    patient = server.start('wait_for_lock', where=str(where), timeout=60, n=2); patient.line('waiting')
    while Path(f'/proc/{holder.pid}/stat').read_text().split()[2] != 'T': time.sleep(0.001)
    holder.send(signal.SIGCONT)
    kept = Kept(); kept.hear(holder.end()); kept.hear(patient.end())
    assert kept.models == {0, 1, 2}
    kept.check(where)
    table.saw('a stopped writer goes on (SIGCONT)', 'once', 'both have written', 'nothing')


@pytest.mark.parametrize('op', OPERATIONS)
def test_ctrl_c_in_the_middle(op, server, template, tmp_path, table):
    where, rng, inside, kept = copy(template, tmp_path/'s'), random.Random(op), 0, Kept()
    for round_ in range(8):
        child = server.start('interrupted', where=str(where), op=op, first=1000*(round_ + 1))
        child.line(f'begin {op}'); begin = time.monotonic()
        child.line(f'done {op}'); lasts = time.monotonic() - begin
        child.line(f'begin {op}')
        time.sleep(rng.uniform(0, lasts))
        child.send(signal.SIGINT)
        lines = child.end(60)
        inside += child.said('interrupted') == [f'in {op}']
        assert child.said('left') == ['[]'], 'no half file stays'
        doing = kept.hear([l for l in lines if l.split()[0] in ('begin', 'done') and '100000' not in l] )
        kept.hear(lines)
        kept.models = {m for m in kept.models if m < 100_000 or f'done register {m}' in lines or m in kept.models}
        kept.check(where, doing, since=1000*(round_ + 1))
    assert inside
    kept.check(where); clean(where); kept.check(where)
    table.saw(f'Ctrl-C in the middle of {CALLS[op]}', '8 times', 'done or as before, no half file; the same process goes on', '`KeyboardInterrupt`')
