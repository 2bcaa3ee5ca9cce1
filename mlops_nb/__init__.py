"An MLOps toolkit that you can read: each module is a lesson, and each lesson is a notebook."
__version__ = "0.2.0"

# With `_faces.py`, `__main__.py` and setup.py the only Python that is written by hand. Names load their module when they are
# first used: `import mlops_nb` costs milliseconds, and `MLPipelineConfig` never pays for scikit-learn.
from ._faces import face

__all__, __getattr__, __dir__ = face(
    'mlops_nb', core__rules='MlopsError', core__config='MLPipelineConfig', store__store='Store', data__nycflights='flights',
    data__versioning='DataVersioning', models__signature='Signature', registry__registry='ModelRegistry',
    serving__api='ModelAPI create_app', serving__client='ModelClient', serving__deploy='generate_docker_files',
    drift__drift='DataDriftDetector', monitoring__monitoring='ModelMonitor', governance__lineage='Lineage',
    cli__workspace='open=open_workspace')
