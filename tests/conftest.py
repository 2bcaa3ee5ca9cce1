"Stores of every kind for any test file, and the services behind them, started once when the first test asks"
from pathlib import Path
from typing import NamedTuple
import fcntl, os, shutil, signal, subprocess, sys, tempfile, uuid

import pytest

import services
from mlops_nb.store.store import Store


class Places(NamedTuple):
    "What `Store(*places)` takes"
    location: str
    blobs: str | None


_STATE = 'LOCALAPPDATA' if os.name == 'nt' else 'XDG_STATE_HOME'


def pytest_configure(config):
    if not hasattr(config, 'workerinput'): os.environ[_STATE] = tempfile.mkdtemp(prefix='mlops-nb-state-')   # the key of a user of these tests; children inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)   # a shell that starts us in the background has it ignored, and programs inherit that
    config.addinivalue_line('markers', 'elsewhere: needs a second environment, with MLflow or with the oldest requirements, beside the newest here')
    config.addinivalue_line('markers', 'slow: long by its nature; left out unless --slow asks for these, as make test-slow does')


def pytest_unconfigure(config):
    if not hasattr(config, 'workerinput'): shutil.rmtree(os.environ[_STATE], ignore_errors=True)


def pytest_addoption(parser):
    parser.addoption('--slow', action='store_true', help='run the tests that are marked slow, and only these')


def pytest_collection_modifyitems(config, items):
    wanted = config.getoption('--slow')
    left_out = [i for i in items if bool(i.get_closest_marker('slow')) != wanted]
    items[:] = [i for i in items if bool(i.get_closest_marker('slow')) == wanted]
    config.hook.pytest_deselected(items=left_out)


def _start(service):
    try: yield from _running(service)
    except services.Unavailable as e: pytest.skip(str(e))


def _running(service):
    with service() as server: yield server


@pytest.fixture(scope='session')
def postgres():
    "A PostgreSQL server: `postgres.database()` is the URL of a new database"
    yield from _start(services.postgres)


@pytest.fixture(scope='session')
def s3():
    "An S3 endpoint: `s3.place()` is the URL of a new prefix"
    yield from _start(services.s3)


def _places(kind, request, folder):
    tables, blobs = kind.split('+')
    location = request.getfixturevalue('postgres').database() if tables == 'postgres' else str(folder/'store')
    if blobs == 's3': return Places(location, request.getfixturevalue('s3').place())
    if blobs == 'memory': return Places(location, f'memory://{uuid.uuid4().hex}')
    return Places(location, str(folder/'bytes') if tables == 'postgres' else None)


@pytest.fixture(params=['sqlite+folder', 'sqlite+memory', 'postgres+folder', 'postgres+s3'])
def store_urls(request, tmp_path):
    "Where a new store of each kind goes: `Store(*store_urls)`"
    return _places(request.param, request, tmp_path)


@pytest.fixture(params=['sqlite+folder', 'postgres+folder', 'postgres+s3'])
def shared_urls(request, tmp_path):
    "The same, for those that several processes can share; memory is not one of them"
    return _places(request.param, request, tmp_path)


@pytest.fixture
def any_store(store_urls):
    "An open store of each kind"
    with Store(*store_urls) as store: yield store


@pytest.fixture(scope='session')
def site(tmp_path_factory):
    """The site as it is built without Quarto; once for all files of tests, also where several processes share them.
    MLOPS_TEST_SITE names one that is built already, by Quarto for example"""
    if built := os.environ.get('MLOPS_TEST_SITE'): return Path(built)
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get('PYTEST_XDIST_WORKER'): shared = shared.parent
    root, out = Path(__file__).resolve().parent.parent, shared/'site'/'_docs'
    out.parent.mkdir(exist_ok=True)
    with open(shared/'site.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (out/'index.html').exists():
            built = subprocess.run([sys.executable, root/'tools'/'docs.py', '--fallback', '--out', out], cwd=root, capture_output=True, text=True, timeout=900)
            assert built.returncode == 0, built.stdout + built.stderr
            assert 'fallback' in built.stdout
    return out
