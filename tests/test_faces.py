"The faces of the wings (`from mlops_nb.registry import ModelRegistry`), and where the module paths of version 0.1.0 lead"
from importlib import import_module
from pathlib import Path
import importlib, importlib.util, json, pickle, pkgutil, re, subprocess, sys, warnings

import pytest

import mlops_nb
from mlops_nb import _faces

PACKAGE = Path(mlops_nb.__file__).parent
WINGS = sorted(p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name[0] != '_')
OLD = {  # module of version 0.1.0 -> its module now
    'config': 'core.config', 'documents': 'core.documents', 'masks': 'core.masks', 'flags': 'core.flags',
    'blobs': 'store.blobs', 'objects': 'store.objects', 'transactions': 'store.transactions', 'database': 'store.database',
    'migrations': 'store.migrations', 'links': 'store.links', 'ledger': 'store.ledger', 'versioning': 'data.versioning', 'compare': 'data.compare',
    'tables': 'data.tables', 'columns': 'data.columns', 'chunks': 'data.chunks', 'packs': 'data.packs', 'manifests': 'data.manifests',
    'provenance': 'data.provenance', 'align': 'data.align', 'signature': 'models.signature', 'formats': 'models.formats',
    'coerce': 'models.coerce', 'readers': 'models.readers', 'schemas': 'models.schemas', 'arrays': 'models.arrays',
    'values': 'models.values', 'compiled': 'models.compiled', 'fitted': 'models.fitted', 'golden': 'models.golden',
    'versions': 'registry.versions', 'catalog': 'registry.catalog', 'aliases': 'registry.aliases',
    'cards': 'registry.cards', 'mlflow_io': 'registry.mlflow', 'api': 'serving.api', 'deploy': 'serving.deploy', 'client': 'serving.client',
    'distance': 'drift.distance', 'dashboard': 'monitoring.report', 'predictions': 'monitoring.predictions', 'alerts': 'monitoring.alerts',
    'lineage': 'governance.lineage', 'graph': 'governance.graph', 'openlineage': 'governance.openlineage', 'records': 'governance.sources',
    'terminal': 'cli.terminal', 'commands': 'cli.registry', 'upkeep': 'cli.upkeep',
}
WERE_MODULES = {  # modules of version 0.1.0 whose path is a wing now -> the public names that they had
    'core': '''MlopsError InvalidInput NotFound Conflict MissingFile IntegrityError hint digest file_digest utcnow to_utc use_clock jsonable
               to_json check_name sync_folder atomic_write''',
    'store': 'Store open_store', 'data': 'flights features delay_model', 'registry': 'ModelRegistry', 'drift': 'corrected DataDriftDetector',
    'monitoring': 'ModelMonitor quality',
}
NAMED = {  # old path -> new path, of rooms that were renamed inside of their wing
    'registry.mlflow_io': 'registry.mlflow', 'registry.ledger': 'registry.catalog', 'governance.records': 'governance.sources', 'cli.commands': 'cli.registry', 'cli.cli': 'cli.main'}


def fresh(code):
    "What a fresh Python prints at the end of `code`, as a value"
    return json.loads(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout)


def test_faces_load_nothing_until_a_name_is_asked():
    loaded = fresh(f'''{"; ".join(f"import mlops_nb.{w}" for w in WINGS)}
import sys, json; print(json.dumps(sorted(m for m in sys.modules if m.partition(".")[0] in
    ("mlops_nb", "numpy", "pandas", "scipy", "sklearn", "sqlalchemy", "flask", "click", "yaml", "matplotlib"))))''')
    assert loaded == sorted(['mlops_nb', 'mlops_nb._faces', *(f'mlops_nb.{w}' for w in WINGS)])
    assert fresh('import sys, json; from mlops_nb.core import NotFound; print(json.dumps("mlops_nb.core.config" in sys.modules))') is False


def test_importing_costs_less_than_a_tenth_of_a_second():
    took = [fresh('import time; t = time.perf_counter(); import mlops_nb; print(time.perf_counter() - t)') for _ in range(3)]
    assert min(took) < 0.1


@pytest.mark.parametrize('wing', WINGS)
def test_a_face_gives_the_names_of_its_rooms(wing):
    face = import_module(f'mlops_nb.{wing}')
    assert 1 <= len(face.__all__) <= 14 and face.__all__ == sorted(set(face.__all__))
    rooms = [import_module(f'mlops_nb.{wing}.{m.name}') for m in pkgutil.iter_modules(face.__path__)]
    for name in face.__all__:
        assert any(getattr(room, name, None) is getattr(face, name) for room in rooms if name in room.__all__), name
        assert name in vars(face), f'{name} is looked up again at each use'
    assert set(face.__all__) <= set(dir(face)) and '__path__' in dir(face)
    got = {}
    exec(f'from mlops_nb.{wing} import *', got)
    assert set(got) - {'__builtins__'} == set(face.__all__)


def test_the_names_of_the_top_level_are_on_the_face_of_their_wing():
    for name in mlops_nb.__all__:
        value = getattr(mlops_nb, name)
        assert getattr(import_module('.'.join(value.__module__.split('.')[:2])), name) is value


def test_open_is_given_when_it_is_asked_for_and_a_star_leaves_pythons_own_alone():
    from mlops_nb.cli.workspace import open_workspace
    assert mlops_nb.open is open_workspace and 'open' not in mlops_nb.__all__ and 'open' in dir(mlops_nb)
    assert fresh('from mlops_nb import *\nimport json, mlops_nb; import builtins; print(json.dumps([open is builtins.open, mlops_nb.open.__name__]))') == [True, 'open_workspace']
    assert 'open_workspace' in importlib.import_module('mlops_nb.cli').__all__


def test_no_name_of_a_face_is_a_module():
    "Importing a module puts it on the face of its wing, over a name that is the same"
    assert fresh('''import mlops_nb, pkgutil, json
from importlib import import_module
from types import ModuleType
for m in pkgutil.walk_packages(mlops_nb.__path__, "mlops_nb."):
    if "__main__" not in m.name: import_module(m.name)
faces = [mlops_nb] + [import_module(m.name) for m in pkgutil.iter_modules(mlops_nb.__path__, "mlops_nb.") if m.ispkg]
print(json.dumps([f"{f.__name__}.{n}" for f in faces for n in f.__all__ if isinstance(getattr(f, n), ModuleType)]))''') == []
    for wing in WINGS:
        rooms = {m.name for m in pkgutil.iter_modules([str(PACKAGE/wing)])}
        assert not rooms & set(import_module(f'mlops_nb.{wing}').__all__)


def test_an_unknown_name_says_what_there_is():
    import mlops_nb.registry as registry
    for ask in (lambda: registry.Registry, lambda: import_module('mlops_nb.registry.Registry'), lambda: exec('from mlops_nb.registry import Registry')):
        with pytest.raises((AttributeError, ImportError), match=r"mlops_nb.registry has no 'Registry'; it has ModelRegistry, .*; its modules are aliases, "): ask()
    with pytest.raises(ImportError, match="mlops_nb has no 'features'; it is in mlops_nb.data.nycflights; write: from mlops_nb.data.nycflights import features"):
        exec('from mlops_nb import features')
    assert not hasattr(registry, '_private') and not hasattr(registry, '__wrapped__')


@pytest.mark.parametrize('name', [f'{wing}.{n}' for wing, names in WERE_MODULES.items() for n in names.split()])
def test_what_a_module_that_is_a_wing_now_gave_is_on_its_face_or_said(name):
    wing, name = name.split('.')
    face = import_module(f'mlops_nb.{wing}')
    if name in face.__all__: return
    with pytest.raises(ImportError) as e: exec(f'from mlops_nb.{wing} import {name}')
    exec(re.search('write: (.*)', str(e.value))[1], got := {})
    assert got[name].__name__ == name


@pytest.mark.parametrize('old', OLD)
def test_an_old_module_path_names_the_new_one(old):
    wing, room = OLD[old].split('.')
    said = f'mlops_nb.{old} is mlops_nb.{wing}.{room} now; write: from mlops_nb.{wing} import {room}'
    for code in (f'import mlops_nb.{old}', f'from mlops_nb.{old} import something', f'from mlops_nb import {old}', f'import mlops_nb.{old}.deeper'):
        with pytest.raises(ModuleNotFoundError) as e: exec(code)
        assert str(e.value) == said
    with pytest.raises(AttributeError) as e: getattr(mlops_nb, old)
    assert str(e.value) == said
    with pytest.raises(ModuleNotFoundError, match='now; write: '): pickle.loads(f'cmlops_nb.{old}\nThing\n.'.encode())
    exec(said.partition('write: ')[2], got := {})
    assert got[room].__name__ == f'mlops_nb.{wing}.{room}'
    assert importlib.util.find_spec(f'mlops_nb.{old}') is None and f'mlops_nb.{old}' not in sys.modules


def test_the_table_of_old_paths_is_whole(): assert _faces._MOVED == OLD and _faces._LED_ON == NAMED


@pytest.mark.parametrize('old', NAMED)
def test_a_renamed_room_is_led_on_with_a_warning(old):
    (wing, last), new = old.split('.'), NAMED[old]
    sys.modules.pop(f'mlops_nb.{old}', None)
    vars(import_module(f'mlops_nb.{wing}')).pop(last, None)
    spec = importlib.util.find_spec(f'mlops_nb.{old}')
    assert spec.name == f'mlops_nb.{old}'
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        exec(compile(f'from mlops_nb.{wing} import {last} as found', 'users_script.py', 'exec'), got := {})
    said = [w for w in seen if w.category is DeprecationWarning and 'mlops_nb' in str(w.message)]
    assert len(said) == 1 and said[0].filename == 'users_script.py'
    assert str(said[0].message) == f'mlops_nb.{old} is mlops_nb.{new} now; write: from mlops_nb.{wing} import {new.split(".")[1]}'
    found = got['found']
    assert found is import_module(f'mlops_nb.{new}') and found is sys.modules[f'mlops_nb.{old}']
    assert found.__name__ == found.__spec__.name == f'mlops_nb.{new}'


def test_the_finder_is_the_last_one_and_stands_there_once():
    assert fresh('''import sys; before = list(sys.meta_path)
import mlops_nb, importlib, json; importlib.reload(mlops_nb); importlib.reload(mlops_nb._faces)
print(json.dumps([sys.meta_path[:-1] == before, sys.meta_path[-1].__module__]))''') == [True, 'mlops_nb._faces']
    assert _faces._Signpost.find_spec('json.formats') is None and _faces._Signpost.find_spec('formats') is None
    assert importlib.util.find_spec('mlops_nb.registry.registry').origin.endswith('registry.py')


def test_a_module_and_a_face_can_be_loaded_again():
    assert fresh('''import importlib, json, mlops_nb.data
import mlops_nb.governance.records as records
again = [importlib.reload(m) for m in (mlops_nb, mlops_nb.data, records)]
print(json.dumps([again[0].DataVersioning.__name__, again[1].flights.__name__, again[2].__name__]))'''
    ) == ['DataVersioning', 'flights', 'mlops_nb.governance.sources']


def test_what_the_ledger_of_the_registry_gave_is_where_its_path_leads():
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        from mlops_nb.registry.ledger import LEDGER, append, check_chain, last_line, last_lines, lines, person
    assert LEDGER.name and all(map(callable, (append, check_chain, last_line, last_lines, lines, person)))
