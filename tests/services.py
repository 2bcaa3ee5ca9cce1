"""Real services for the tests, each on a free port of 127.0.0.1 and in a folder of its own, ended with the run

PostgreSQL comes from Debian's binaries (apt-get install postgresql), or is the server at the URL in MLOPS_TEST_DB, where the
tests make schemas of their own and drop them; S3 is moto's server (pip install 'moto[server]' s3fs).
"""
from contextlib import contextmanager
from pathlib import Path
import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid

PASSWORD = 'canary-s3cret'     # of both services: a test looks for it wherever it must not be


class Unavailable(Exception):
    "The service cannot be had here; the message says how to install it"


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def _die_with_parent():
    "In the child, on Linux: a run that is killed leaves no server behind"
    if sys.platform == 'linux': ctypes.CDLL(None).prctl(1, signal.SIGTERM)


@contextmanager
def serve(command, ready, log, end, **kw):
    "Run a server in a session of its own, so that Ctrl-C reaches the tests first; wait until `ready()`; end it by a signal"
    with open(log, 'wb') as out:
        child = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
                                 preexec_fn=_die_with_parent, **kw)
    try:
        deadline = time.monotonic() + 60
        while not ready():
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f'{command[0]} does not answer:\n{Path(log).read_text()[-2000:]}')
            time.sleep(0.05)
        yield child
    finally:
        child.send_signal(end)
        try: child.wait(20)
        except subprocess.TimeoutExpired: child.kill(); child.wait()


def _binaries():
    "The folder with initdb and postgres, the newest version first"
    found = sorted(Path('/usr/lib/postgresql').glob('*/bin/initdb'), key=lambda p: float(p.parts[4]), reverse=True)
    if found: return found[0].parent
    if (path := shutil.which('initdb')): return Path(path).resolve().parent
    raise Unavailable("PostgreSQL is not installed: apt-get install postgresql, or set MLOPS_TEST_DB to the URL of a server")


class Postgres:
    "A server on which `database()` makes a new place: a schema, which costs a hundredth of a database"
    def __init__(self, url): self.url, self.made = url, []     # `url` with the name of a database

    def run(self, sql):
        import pg8000.dbapi
        from sqlalchemy import make_url
        u = make_url(self.url)
        conn = pg8000.dbapi.connect(u.username, u.host, u.database, u.port or 5432, u.password)
        conn.autocommit = True
        try: conn.cursor().execute(sql)
        finally: conn.close()

    def ready(self):
        try: self.run('select 1')
        except Exception: return False        # whatever it is, it does not answer yet
        return True

    def database(self):
        "URL of a new, empty place for tables"
        name = f'mlops_{uuid.uuid4().hex[:12]}'
        self.run(f'create schema {name}')
        self.made.append(name)
        return f'{self.url}?schema={name}'

    def drop(self):
        "Drop the schemas that were made"
        while self.made: self.run(f'drop schema {self.made.pop()} cascade')


@contextmanager
def postgres(tls=False):
    "A PostgreSQL server with a password, ended and removed afterwards; with `tls`, its certificate is the file `server.certificate`"
    if not importlib.util.find_spec('pg8000'): raise Unavailable("pg8000 is not installed: pip install 'mlops_nb[postgres]'")
    if (given := os.environ.get('MLOPS_TEST_DB')) and not tls:
        server = Postgres(given)
        try: yield server
        finally: server.drop()
        return
    binaries, port = _binaries(), free_port()
    # initdb refuses root, and the server's own user must be able to reach the folder; sockets need a short path
    root = os.name == 'posix' and os.getuid() == 0
    who = dict(user='postgres', group='postgres', extra_groups=[]) if root else {}
    with tempfile.TemporaryDirectory(prefix='mlops-pg-', dir='/tmp', ignore_cleanup_errors=True) as folder:
        folder = Path(folder)
        if root: shutil.chown(folder, 'postgres', 'postgres')
        (folder/'pw').write_text(PASSWORD); (folder/'pw').chmod(0o644)
        subprocess.run([binaries/'initdb', '-D', folder/'data', '-U', 'mlops', '-A', 'scram-sha-256', f'--pwfile={folder}/pw', '-E', 'UTF8',
                        '--locale=C', '--no-sync'], check=True, stdout=subprocess.DEVNULL, cwd=folder, **who)
        options = {'listen_addresses': '127.0.0.1', 'port': port, 'unix_socket_directories': folder, 'shared_buffers': '32MB', 'ssl': 'on' if tls else 'off'}
        command = [str(binaries/'postgres'), '-D', str(folder/'data'), *(f'-c{k}={v}' for k, v in options.items())]
        server = Postgres(f'postgresql://mlops:{PASSWORD}@127.0.0.1:{port}/postgres')
        if tls:
            server.certificate = folder/'data/server.crt'
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1',
                            '-keyout', folder/'data/server.key', '-out', server.certificate], check=True, capture_output=True, cwd=folder, **who)
        # SIGQUIT: at once; nobody needs a last checkpoint of data that goes away
        with serve(command, server.ready, folder/'log', signal.SIGQUIT, cwd=folder, **who) as server.process: yield server


class S3:
    "An S3 endpoint on which `place()` makes a new bucket"
    def __init__(self, endpoint): self.endpoint = endpoint

    def ready(self):
        try: urllib.request.urlopen(self.endpoint, timeout=5).close()
        except urllib.error.HTTPError: return True
        except OSError: return False
        return True

    def place(self):
        "URL of a new, empty prefix"
        bucket = f'mlops-{uuid.uuid4().hex[:12]}'
        urllib.request.urlopen(urllib.request.Request(f'{self.endpoint}/{bucket}', method='PUT'), timeout=20).close()
        return f's3://{bucket}/state?key=tester&secret={PASSWORD}&endpoint_url={self.endpoint}'


@contextmanager
def s3():
    "moto's S3 server, ended afterwards"
    missing = [m for m in ('moto', 's3fs', 'flask_cors') if not importlib.util.find_spec(m)]
    if missing: raise Unavailable(f"{' and '.join(missing)} not installed: pip install 'moto[server]' s3fs")
    port = free_port()
    server = S3(f'http://127.0.0.1:{port}')
    with tempfile.TemporaryDirectory(prefix='mlops-s3-') as folder:
        # SIGKILL: at SIGTERM it would wait for clients that keep their connection; all it has is in memory
        command = [sys.executable, '-m', 'moto.server', '-H', '127.0.0.1', '-p', str(port)]
        with serve(command, server.ready, f'{folder}/log', signal.SIGKILL) as server.process: yield server
