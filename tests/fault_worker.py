"""The process that is hurt: it works on a store, says what it begins and what is done, and dies when the test likes.

`Server` starts one warm Python that forks a child for each job, so that two hundred deaths do not cost two hundred imports.
An acknowledgement is a line that the child wrote after the call had returned.
"""
from pathlib import Path
import json, os, select, signal, socket, subprocess, sys, time

import numpy as np, pandas as pd
from sklearn.linear_model import Ridge

from mlops_nb import DataVersioning, ModelRegistry
from mlops_nb.core.rules import Conflict, NotFound, to_json
from mlops_nb.store.store import Store
import syscalls
from holding import holds

X = np.arange(6.0).reshape(3, 2)


# ---- what the jobs do: version n holds something that names n


def model(n): return Ridge(alpha=1e-9).fit(X, X[:, 0] + n)
def number(fitted): return round(float(fitted.predict(X[:1])[0]))
def frame(n): return pd.DataFrame({'n': [n]*200, 'x': np.arange(200)*0.5, 'text': [f'{n}-{i}' for i in range(200)]})


class Work:
    "A registry and data versions in one store, and the five operations on them"
    def __init__(self, where, **kw):
        self.store = where if isinstance(where, Store) else Store(where, **kw)
        self.registry, self.data = ModelRegistry(self.store), DataVersioning(self.store)

    def __enter__(self): return self
    def __exit__(self, *args): self.store.close()

    def register(self, n): self.registry.register_model(model(n), 'm', f'{n}', metrics={'auc': .7})
    def overwrite(self, n): self.registry.register_model(model(n), 'm', '0', overwrite=True)
    def delete(self, n): self.registry.delete_model('m', f'{n}')
    def version(self, n): self.data.version_data(frame(n), 'd', description=f'{n}')
    def gc(self, n): self.store.gc(dry_run=False, grace=-1)

    def prepare(self, op, n):
        "What must be there before the operation: garbage for the collector, ten models ahead to be deleted; what was registered"
        if op == 'gc': self.store.put_many([f'nobody needs this: {n} {i}'.encode()*100 for i in range(4)])
        if op != 'delete' or self.registered(n): return []
        for i in range(n, n + 10): self.register(i)
        return range(n, n + 10)

    def registered(self, n): return f'm:{n}' in self.registry.list_models()


def warm_up(folder):
    "Import and run everything once, so that a child does not pay for it; nothing stays open"
    with Work(folder/'warm') as w:
        for op, n in ('register', 0), ('overwrite', 0), ('register', 1), ('delete', 1), ('version', 1), ('gc', 1): getattr(w, op)(n)
        w.registry.load_model('m'); w.data.load_data('d'); w.store.verify()


# ---- jobs: functions of (say, where, ...) that a child runs


def repeat(say, where, op, first):
    "One operation again and again, until death"
    with Work(where) as w:
        n = first
        while True:
            say(f'begin prepare {n}')
            for i in w.prepare(op, n): say(f'done register {i}')
            say(f'begin {op} {n}')
            getattr(w, op)(n)
            say(f'done {op} {n}')
            n += 1


def once(say, where, op, n, retry=False):
    "Open, and do one operation; when either fails, say so, and with `retry` do it again in the same process"
    try: w = Work(where, timeout=5)
    except Exception as e:
        say(f'failed opening: {told(e)}')
        if not retry: return
        w = Work(where, timeout=5)
    with w:
        say(f'begin {op} {n}')
        try: getattr(w, op)(n)
        except Exception as e:
            say(f'failed {told(e)}')
            if not retry: return
            try: getattr(w, op)(n)
            except (Conflict, NotFound): say(f'there {op} {n}'); return      # it had happened, though the answer was lost
            except Exception as e: say(f'twice {told(e)}'); return
        say(f'done {op} {n}')


def until_full(say, where):
    "Register models and data until there is no room"
    with Work(where) as w:
        try:
            for n in range(1, 10_000):
                for op in ('register', 'version') if n % 5 == 0 else ('register',):
                    say(f'begin {op} {n}')
                    getattr(w, op)(n)
                    say(f'done {op} {n}')
        except Exception as e: say(f'failed {told(e)}')


def many(say, where, me, go, count, contested, blobs=None):
    "Register `count` versions of one's own and all that everybody wants, moving an alias now and then"
    with Work(Store(where, blobs) if blobs else where) as w:
        say('ready')
        while not Path(go).exists(): time.sleep(0.005)
        for i in range(count):
            w.registry.register_model(holds({'by': me, 'i': i}), 'shared', f'{me}.{i}', by=f'p{me}')
            say(f'done {me}.{i}')
            if i % (count//contested) == 0:
                w.registry.set_alias('shared', 'champion', f'{me}.{i}', by=f'p{me}')
                v = f'100.{i//(count//contested)}'
                try: w.registry.register_model(holds({'by': me}), 'shared', v, by=f'p{me}')
                except Conflict: say(f'lost {v}')
                else: say(f'won {v}')


def hold(say, where):
    "Hold the write lock, until somebody says otherwise"
    with Store(where) as s, s.write():
        say('holding')
        time.sleep(600)


def hold_once(say, where):
    "Take the write lock, wait to be stopped, write, and let go"
    with Work(where) as w:
        with w.store.write():
            say('holding')
            os.kill(os.getpid(), signal.SIGSTOP)
        w.register(1)
        say('done register 1')


def wait_for_lock(say, where, timeout, n):
    "Register while another holds the lock"
    with Work(where, timeout=timeout) as w:
        say('waiting')
        try: w.register(n)
        except Exception as e: say(f'failed {told(e)}')
        else: say(f'done register {n}')


def interrupted(say, where, op, first):
    "Repeat an operation until Ctrl-C, then go on in the same process"
    signal.signal(signal.SIGINT, signal.default_int_handler)   # a shell that starts the tests in the background has it ignored
    with Work(where) as w:
        n, now = first, 'prepare'
        try:
            while True:
                w.prepare(op, n)
                now = op; say(f'begin {op} {n}')
                getattr(w, op)(n)
                say(f'done {op} {n}'); now = 'prepare'
                n += 1
        except KeyboardInterrupt: signal.signal(signal.SIGINT, signal.SIG_IGN)
        say(f'interrupted in {now}')
        w.register(first + 100_000)
        say(f'done register {first + 100_000}')
        say(f'left {json.dumps([p.name for p in Path(where).rglob(".tmp-*")])}')


def told(error): return json.dumps(dict(types=[t.__name__ for t in type(error).__mro__], text=str(error)))


JOBS = {f.__name__: f for f in (repeat, once, until_full, many, hold, hold_once, wait_for_lock, interrupted)}


# ---- the warm process


def serve(sock, folder):
    "Fork a child for each message; say how a child ended to whoever asks"
    warm_up(Path(folder))
    sock.send(b'warm')
    while True:
        message, fds, *_ = socket.recv_fds(sock, 1 << 16, 2)
        if not message: return
        job = json.loads(message)
        if 'wait' in job: sock.send(str(os.waitpid(job['wait'], 0)[1]).encode()); continue
        pid = os.fork()
        if pid == 0: sock.close(); child(job, *fds)
        for fd in fds: os.close(fd)
        sock.send(str(pid).encode())


def child(job, ack, control=None):
    def say(line): os.write(ack, f'{line}\n'.encode())
    code = 1
    try:
        if control is not None:
            with socket.socket(fileno=control) as s: syscalls.be_watched(s)
        JOBS[job.pop('do')](say, **job)
        code = 0
    except BaseException as e: say(f'broke {told(e)}')
    finally: os._exit(code)


class Server:
    "Starts jobs; a context manager"
    def __init__(self, folder):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            env = {**os.environ, 'OMP_NUM_THREADS': '1'}
            self.process = subprocess.Popen([sys.executable, __file__, str(theirs.fileno()), str(folder)], pass_fds=[theirs.fileno()], env=env)
        self.sock = ours
        if self.sock.recv(16) != b'warm': raise RuntimeError('the worker did not start')

    def __enter__(self): return self
    def __exit__(self, *args): self.sock.close(); self.process.wait()

    def start(self, do, watch=None, act=None, only=False, **job):
        """A child that does a job; with `watch`, a folder, the `act` of a `syscalls.Watcher` decides over each of its calls,
        or `only` over those between "begin" and "done"."""
        read, write = os.pipe()
        fds = [write]
        if watch is not None:
            control, theirs = socket.socketpair(); fds.append(theirs.fileno())
        socket.send_fds(self.sock, [to_json(dict(do=do, **job)).encode()], fds)
        os.close(write)
        if watch is not None: theirs.close()
        c = Child(self, int(self.sock.recv(16)), read)
        if watch is not None:
            c.watcher = syscalls.Watcher(control, watch, act); control.close()
            c.only, c.watcher.on = only, not only
        return c

    def wait(self, pid):
        self.sock.send(to_json(dict(wait=pid)).encode())
        return int(self.sock.recv(16))


class Child:
    "A running job: the lines that it says, and the ways to hurt it"
    def __init__(self, server, pid, read):
        self.server, self.pid, self.watcher, self.status = server, pid, None, None
        self.lines, self._seen, self._read, self._rest = [], 0, read, b''

    def send(self, sig): os.kill(self.pid, sig)
    def kill(self): self.send(signal.SIGKILL)

    def line(self, begins='', timeout=60):
        "Wait for the next line that begins so"
        end = time.monotonic() + timeout
        while True:
            while self._seen < len(self.lines):
                self._seen += 1
                if (text := self.lines[self._seen-1]).startswith(begins): return text
            if self._read is None or time.monotonic() > end: raise AssertionError(f'no line {begins!r}; it said {self.lines[-5:]}')
            self._step(end)

    def _step(self, end=None):
        "Take what comes next: lines first, since they were written before the call that waits for an answer"
        watched = [self.watcher] if self.watcher else []
        ready, *_ = select.select([self._read, *watched], [], [], None if end is None else max(0, end - time.monotonic()))
        if ready and (self._read in ready or select.select([self._read], [], [], 0)[0]): self._hear()
        elif ready and not self.watcher.answer(): self.watcher.close(); self.watcher = None

    def _hear(self):
        data = os.read(self._read, 1 << 16)
        if not data: os.close(self._read); self._read = None
        *whole, self._rest = (self._rest + data).split(b'\n')
        self.lines += [w.decode() for w in whole]
        for line in whole if self.watcher else []:
            if line.startswith(b'begin') and self.only: self.watcher.on = True
            if line.startswith(b'done') and self.only or line.startswith(b'failed'): self.watcher.on = self.only = False

    def end(self, timeout=300):
        "Read until it is gone; all that it said. What does not end is killed, and the test fails"
        last = time.monotonic() + timeout
        while self._read is not None and time.monotonic() < last: self._step(last)
        if self._read is not None: self.kill()
        assert self._read is None, f'it did not end within {timeout} s; it said {self.lines[-5:]}'
        if self.watcher: self.watcher.close(); self.watcher = None
        self.status = self.server.wait(self.pid)
        broke = [w for w in self.lines if w.startswith('broke')]
        assert not broke, broke
        return self.lines

    def said(self, begins): return [w[len(begins)+1:] for w in self.lines if w.startswith(begins + ' ')]


if __name__ == '__main__':
    with socket.socket(fileno=int(sys.argv[1])) as s: serve(s, sys.argv[2])
