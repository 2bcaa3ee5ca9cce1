"""The faces of the package and of its wings, and where old module paths lead.

Written by hand, since every face stands on it. A face (`mlops_nb`, `mlops_nb.registry`) gives names and loads the module
of a name when it is first asked for (PEP 562), so that importing a face costs nothing. Only the standard library is
imported here, and what an error needs is looked up when there is an error."""
import sys

_TOP = __name__.partition('.')[0]

_ROOMS = {  # the modules that lay side by side in version 0.1.0, by the wing that they are in now
    'core': 'config documents masks flags', 'store': 'blobs objects transactions database migrations links ledger',
    'data': 'versioning compare tables columns chunks packs manifests provenance align',
    'models': 'signature formats coerce readers schemas arrays values compiled fitted golden',
    'registry': 'versions catalog aliases cards', 'serving': 'api deploy client', 'drift': 'distance',
    'monitoring': 'predictions alerts', 'governance': 'lineage graph openlineage', 'cli': 'terminal upkeep',
}
_MOVED = {room: f'{wing}.{room}' for wing, rooms in _ROOMS.items() for room in rooms.split()}
_MOVED |= {'mlflow_io': 'registry.mlflow', 'dashboard': 'monitoring.report', 'records': 'governance.sources', 'commands': 'cli.registry'}

_LED_ON = {  # paths of rooms that got another name later: they still work, with a warning
    'registry.mlflow_io': 'registry.mlflow', 'registry.ledger': 'registry.catalog', 'governance.records': 'governance.sources',
    'cli.commands': 'cli.registry', 'cli.cli': 'cli.main',
}


def face(package, **rooms):
    """`__all__`, `__getattr__` and `__dir__` of a package; `rooms`: a module of it, with `__` for a dot, and the names that it gives

    `open=open_workspace` gives a name of the module under another one. What Python itself calls so is given when it is
    asked for, and not with a star: `from mlops_nb import *` must leave the built-in `open` alone."""
    import builtins
    given = [(room.replace('__', '.'), *name.partition('=')[::2]) for room, names in rooms.items() for name in names.split()]
    home = {name: (room, inside or name) for room, name, inside in given}

    def __getattr__(name):
        module = sys.modules[package]
        if name not in home: raise AttributeError(_missing(package, name), name=name, obj=module)
        from importlib import import_module
        room, inside = home[name]
        value = getattr(import_module(f'{package}.{room}'), inside)
        setattr(module, name, value)
        return value

    def __dir__(): return sorted({*vars(sys.modules[package]), *home})

    return sorted(name for name in home if not hasattr(builtins, name)), __getattr__, __dir__


def _missing(package, name):
    "Why a package has no such name, and what to write"
    if package == _TOP and name in _MOVED:
        wing, room = _MOVED[name].split('.')
        return f'{_TOP}.{name} is {_TOP}.{wing}.{room} now; write: from {_TOP}.{wing} import {room}'
    said = f'{package} has no {name!r}'
    if name[:1] == '_': return said
    from pathlib import Path
    folder, top = Path(sys.modules[package].__path__[0]), Path(sys.modules[_TOP].__path__[0])
    for path in sorted(folder.rglob('[a-z]*.py')):
        if not _gives(path, name): continue
        room = '.'.join([_TOP, *path.relative_to(top).with_suffix('').parts])
        return f'{said}; it is in {room}; write: from {room} import {name}'
    modules = sorted(p.stem for p in folder.iterdir() if p.name[0] not in '_.' and (p.suffix == '.py' or p.is_dir()))
    return f'{said}; it has {", ".join(sys.modules[package].__all__)}; its modules are {", ".join(modules)}'


def _gives(path, name):
    "Does the module in a file have this public name? Its text says so; it is not loaded"
    import re
    found = re.search(r'^__all__ = \[(.*?)\]', path.read_text(encoding='utf8'), re.M | re.S)
    return found is not None and f"'{name}'" in found[1]


class _LeadOn:
    "The loader of a path that got another name: the module under its new path, the same object"
    def __init__(self, new): self.new = new
    def create_module(self, spec): return None

    def exec_module(self, module):
        import warnings
        from importlib import import_module
        old = module.__name__
        sys.modules[old] = import_module(self.new)
        warnings.warn(f'{old} is {self.new} now; write: from {self.new.rpartition(".")[0]} import {self.new.rpartition(".")[2]}',
                      DeprecationWarning, stacklevel=2)


class _Signpost:
    "The last finder that Python asks: it leads on from a renamed path, and says where the module of an old path is"
    @staticmethod
    def find_spec(name, path=None, target=None):
        package, _, last = name.rpartition('.')
        if package.partition('.')[0] != _TOP: return None
        new = _LED_ON.get(name[len(_TOP)+1:])
        if new:
            from importlib.machinery import ModuleSpec
            return ModuleSpec(name, _LeadOn(f'{_TOP}.{new}'))
        # Whoever looks without importing (importlib.util.find_spec) gets None, as for any module that is not there. The error's
        # `name` is the last part only: `from package import name` would hide an error that has the full one.
        if last[:1] != '_' and sys._getframe(2).f_code.co_name == '_find_and_load_unlocked':
            raise ModuleNotFoundError(_missing(package, last), name=last)
        return None


if not any(getattr(f, '__qualname__', '') == '_Signpost' for f in sys.meta_path): sys.meta_path.append(_Signpost)
