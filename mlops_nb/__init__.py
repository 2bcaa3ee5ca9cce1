"An MLOps toolkit that you can read: each module is a lesson, and each lesson is a notebook."
__version__ = "0.2.0"

# Written by hand, with setup.py the only Python that is. Names load their module when they are first used
# (PEP 562): `import mlops_nb` costs milliseconds, and `MLPipelineConfig` never pays for scikit-learn.
_HOME = {
    'MLPipelineConfig': 'core.config', 'Store': 'store.store', 'flights': 'data.nycflights', 'DataVersioning': 'data.versioning',
    'Signature': 'models.signature', 'ModelRegistry': 'registry.registry', 'ModelAPI': 'serving.api', 'create_app': 'serving.api',
    'ModelClient': 'serving.client', 'generate_docker_files': 'serving.deploy', 'DataDriftDetector': 'drift.drift',
    'ModelMonitor': 'monitoring.monitoring', 'Lineage': 'governance.lineage', 'MlopsError': 'core.rules',
}
__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME: raise AttributeError(f'module {__name__!r} has no attribute {name!r}; it has {", ".join(__all__)}')
    from importlib import import_module
    value = globals()[name] = getattr(import_module(f'{__name__}.{_HOME[name]}'), name)
    return value


def __dir__(): return sorted({*globals(), *__all__})
