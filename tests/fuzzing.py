"""Hostile texts for every parameter of the package that takes a text: what `test_fuzz.py` runs in child processes.

    python tests/fuzzing.py FOLDER list                 the cases as JSON, and what is wrong with the list
    python tests/fuzzing.py FOLDER run PART/PARTS       runs a share of the cases; findings as JSON on the last line

The cases are found by looking at the package: each public function and method, each command, each parameter whose hint says `str` or `Path`.
A new one is fuzzed without being named here. What a call needs beside it must be known (`values`, `CLI`): an entry point of the top level, or a
command, that cannot be called is a finding; a helper further inside is passed over and counted.
"""
from collections import Counter
from pathlib import Path
import contextlib, functools, importlib, inspect, io, json, os, pkgutil, re, shutil, sys, time, warnings

# What a text may lead to. A `name` (of anything that is kept) and a `text` (kept as it is): to no file outside of the store. A `path`: to the file that
# it says, letter by letter. An `address`: over the network, which is refused here, and to no file. Hints with Path are paths, other texts are names.
PATHS = set('location where registry_path data_path db_path config_path store config html report folder jupyter blobs new file out'.split())
TEXTS = set('description why by title lead text caption alt what t now start end timestamp error value nan unit default since until ending message steps reason'.split())
ADDRESSES = {'host', 'url', 'base_url'}
OVER = {'atomic_write.data': 'text', 'jsonable.where': 'text', 'cli drift.ref': 'path', 'SqliteDatabase.copy.path': 'path', 'ObjectBlobs.__init__.url': 'address'}
INSIDE = set('PredictionLog Report AlertBook open_store read_table load_artifact file_digest atomic_write check_name'.split())    # as good as the top level
EXCLUDED = {'PostgresDatabase': 'asks a server, whose place is its address', 'Transaction.__init__': 'made by a database', 'Database.__init__': 'has no place'}


def kind_of(owner, parameter, hint=''):
    if (key := f'{owner}.{parameter}') in OVER: return OVER[key]
    if parameter in ADDRESSES: return 'address'
    if parameter in PATHS and not (parameter == 'where' and 'Path' not in hint) or 'Path' in hint: return 'path'
    return 'text' if parameter in TEXTS else 'name'


def is_strict(owner):
    "Must a call of this be possible?"
    first = owner.split('.')[0]
    return owner.startswith('cli ') or first in importlib.import_module('mlops_nb').__all__ or first in INSIDE


# --- hostile texts ---------------------------------------------------------------------------------------------------

def nasty(w):
    "Texts that have opened a door somewhere"
    secret = w.secret.as_posix()
    up = os.path.relpath(w.secret, w.store).replace(os.sep, '/')
    return ['', '.', '..', '../secret.csv', up, secret, f'{up}\0', f'a/../{up}', 'a/b', 'a\\b', '..\\..\\secret.csv', f'file://{secret}', f'file:{secret}', '~', '~/secret.csv',
            '~root', '${HOME}', '${HOME}/secret.csv', '$HOME/secret.csv', '%USERPROFILE%', '%2e%2e%2fsecret.csv', 'a\0b', '\0', 'a\nb', '\n', 'a\r\nb', '\t', ' ', ' a ', 'a:b', 'a@b', '@', ':',
            'C:', 'C:\\secret.csv', 'C:secret.csv', '\\\\127.0.0.1\\share', '//127.0.0.1/share', '\\\\?\\C:\\x', 'CON', 'NUL', 'com1.txt', 'aux.db', 'a.', 'a ', 'x.db', '.hidden', '-rf', '--help',
            '．．／secret.csv', '..／secret.csv', '∕etc∕passwd', '‥', 'e\u0301', '\u202egnp.exe', '\u200b', '\ufeff', '\ud800', 'İ', '名前', 'a'*129, 'a'*300, 'a/'*600, '*', '?', '[a]', '{a}', '{0.__class__}', '%s', '%',
            "'; drop table model_versions; --", '"', '`id`', '$(id)', '|id', '<script>', '<!--', 'http://127.0.0.1:9/x', 'https://127.0.0.1:9/', 'postgresql://u:p@127.0.0.1:9/x', 'sqlite:////' + secret,
            f'sqlite:///{secret}', 'memory://x', 'zip://a::file:///b', f'simplecache::file://{secret}', f'local://{secret}', '0', '1.0', '١', 'None', 'null', 'nan']


def anything(w):
    "Texts put together of the same parts, and texts of any characters"
    from hypothesis import strategies as st
    parts = st.sampled_from(['..', '.', '', '~', 'a', 'm', '1.0', 'CON', 'C:', '${HOME}', '\0', 'secret.csv', w.secret.as_posix(), 'file:', '．', '%2e', 'blobs', 'store.db', '\n', 'x'*200])
    joints = st.sampled_from(['/', '\\', '//', ':', '@', '／', '', '\0', '/../', '::'])
    mixed = st.lists(st.tuples(parts, joints), min_size=1, max_size=6).map(lambda p: ''.join(a + b for a, b in p))
    return mixed | st.text(max_size=40) | st.text(alphabet='./\\:~$%\0\n', max_size=12)


def as_path(w, text):
    "The same text as somebody's own path; nothing real is at stake where it leads: absolute ones begin in the sandbox, and steps up end there"
    if text.startswith('/') and not text.startswith(str(w.root)): text = w.play.as_posix() + text
    if text.startswith('~'): text = f'./{text}'            # whoever writes ~ means the home, which is a place of their own; with a dot it is a name like others
    full = os.path.normpath(os.path.join(w.play, text.split('\0')[0]))
    return text if full.startswith(f'{w.play}{os.sep}') else None


# --- the place -------------------------------------------------------------------------------------------------------

class World:
    """root/
         secret.csv, .json, .db …       canaries; so are those in home/
         case/store                     the store that the calls are about
         case/play                      the working folder, where the user's own files are"""
    def __init__(self, root):
        self.root = Path(os.path.realpath(root))
        self.secret, self.home, self.case, self.tmp = self.root/'secret.csv', self.root/'home', self.root/'case', self.root/'tmp'
        self.store, self.play, self.template = self.case/'store', self.case/'play', self.root/'template'

    def build(self):
        import matplotlib.font_manager      # it looks for fonts once, by a process of its own
        import numpy as np, pandas as pd
        from sklearn.linear_model import LogisticRegression
        from mlops_nb import DataVersioning, ModelMonitor, ModelRegistry
        from mlops_nb.serving.api import ModelAPI
        for folder in (self.home, self.tmp, self.template/'store', self.template/'play'): folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.root, self.home):
            for ending in ('csv', 'json', 'yaml', 'db', 'skops', 'parquet'): (folder/f'secret.{ending}').write_text('column\nCANARY\n')
        self.frame = pd.DataFrame({'x': np.arange(60.0), 'y': np.arange(60) % 2})
        self.model = LogisticRegression().fit(self.frame[['x']], self.frame['y'])
        play = self.template/'play'
        self.frame.to_csv(play/'table.csv', index=False)
        from mlops_nb.course import progress
        (play/'lab'/'.mlops-nb').mkdir(parents=True)             # the folder of a course: what makes it one, and a lesson
        shutil.copy(progress.shelf()/'student'/f'{LESSON}.ipynb', play/'lab')
        (play/'config.json').write_text('{"model": {"name": "m"}, "features": {"new": "50%"}}')
        with ModelRegistry(self.template/'store') as r:
            for v in ('1.0', '2.0'): r.register_model(self.model, 'm', v, input_example=self.frame[['x']])
            for v in ('1.0', '2.0'): r.set_alias('m', 'champion', v)
            self.sha = r.info('m', '1.0')['digest']
            self.exported = Path(r.export_model('m', '1.0', play)).name
            if hasattr(r, 'export_mlflow'): r.export_mlflow('m', '1.0', play/'mlflow')
            if hasattr(r, 'tag'): r.tag('m', '1.0', 'team', 'x')
            if hasattr(r, 'trust'): r.trust('a.B')
            if hasattr(r, 'restore'):
                r.register_model(self.model, 'm', '0.9')
                r.delete_model('m', '0.9')
        with DataVersioning(self.template/'store') as d:
            self.v1 = d.version_data(self.frame, 'd')
            self.v2 = d.version_data(self.frame.head(40), 'd', parent_version=self.v1)
        with ModelMonitor(self.template/'store'/'monitor.db') as m: self.prediction = m.log_prediction({'x': 1.0}, 1, None, 0.01, 'm:1.0', 'u')
        (play/'answers.csv').write_text(f'prediction_id,late\n{self.prediction},1\n')
        self.fresh()
        self.before = self.outside()

    def fresh(self):
        "Store and working folder as in the beginning"
        os.chdir(self.root)
        shutil.rmtree(self.case, ignore_errors=True)
        shutil.copytree(self.template, self.case)
        os.chdir(self.play)

    def outside(self):
        "All that is outside of the store and the working folder"
        files = (p for p in self.root.rglob('*') if self.case not in p.parents and self.tmp not in p.parents and p not in (self.case, self.tmp))
        return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) if p.is_file() else None for p in files}


# --- what is there ---------------------------------------------------------------------------------------------------

def modules(): return [importlib.import_module(m.name) for m in pkgutil.walk_packages(importlib.import_module('mlops_nb').__path__, 'mlops_nb.') if '._' not in m.name and not m.ispkg]


def callables():
    "(owner, class or None, function) of the public API; a method is listed once, under the most derived class that has it"
    classes, plain = [], []
    for module in modules():
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value): classes.append(value)
            elif inspect.isfunction(value): plain.append((name, module.__name__.rpartition('.')[2], value))
    classes = [c for c in classes if not issubclass(c, BaseException) and not hasattr(c, 'make_context')]   # commands are run as commands
    seen = set()
    for cls in sorted(classes, key=lambda c: -len(c.__mro__)):
        for name, value in inspect.getmembers(cls, callable):
            if name.startswith('_') and name != '__init__' or not str(getattr(value, '__module__', '')).startswith('mlops_nb'): continue
            if inspect.isclass(value) or getattr(value, '__func__', value) in seen: continue
            seen.add(getattr(value, '__func__', value))
            yield f'{cls.__name__}.{name}', cls, value
    names = Counter(name for name, _, _ in plain)                   # of two of one name, each says its module
    for name, module, value in plain: yield name if names[name] == 1 else f'{module}.{name}', None, value


UNTYPED = set('name version alias ref path folder url host db_path prediction_id sha project_name key'.split())


def takes_text(owner, p):
    "May this parameter be a text? Those without a hint are asked for by name"
    hint = p.annotation if isinstance(p.annotation, str) else getattr(p.annotation, '__name__', '') if inspect.isclass(p.annotation) else str(p.annotation)
    if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL): return False
    if p.annotation is p.empty: return p.name in UNTYPED
    return bool(re.search(r'\b(str|Path)\b', hint))


def commands(group=None, path=()):
    "(words, click command), groups opened"
    if group is None: group = importlib.import_module('mlops_nb.cli.main').main
    for name, command in group.commands.items():
        if hasattr(command, 'commands'): yield from commands(command, (*path, name))
        else: yield (*path, name), command


def cases():
    "(owner, parameter, kind) of everything that takes a text"
    import click
    for owner, cls, function in callables():
        if owner in EXCLUDED or owner.split('.')[0] in EXCLUDED: continue
        for p in inspect.signature(function).parameters.values():
            if p.name != 'self' and takes_text(owner, p): yield owner, p.name, kind_of(owner, p.name, str(p.annotation))
    for words, command in commands():
        owner = f"cli {' '.join(words)}"
        for p in command.params:
            if isinstance(p.type, (click.types.StringParamType, click.Path, click.types.UnprocessedParamType)): yield owner, p.name, kind_of(owner, p.name)


# --- how to call it --------------------------------------------------------------------------------------------------

def values(w):
    "An accepted value for each parameter that must be given, by `owner.parameter` or by name"
    import numpy as np, pandas as pd
    import mlops_nb
    from mlops_nb import ModelRegistry
    _registry = lambda: ModelRegistry(w.store)
    monitor = dict(input_data={'x': 1.0}, prediction=1, probability=.5, response_time=.01)
    found = dict(model=w.model, name='m', version='1.0', alias='champion', ref='m@champion', sha=w.sha, owner='model/x', digests=[w.sha], shas=[w.sha], metadata=_tables, package='a', type_='a.B', extra='a', mark='a', v1=w.v1, v2=w.v2, version1=w.v1, version2=w.v2, drift_results={}, prediction_id=w.prediction, actual_value=1,
                 project_name='m', model_path=w.exported, folder='out', path='out.bin', data=w.frame, key='model.name', key_path='model.name', value='m2', x=1, asked='a', existing=['a'], limit=3, t='2013-01-01T00:00:00+00:00',
                 now='2013-01-01T00:00:00+00:00', fig=None, alt='alt', text='text', title='title', location=str(w.store), where=str(w.store), format='skops', kind='number', url='http://127.0.0.1:9',
                 registry=None, rows=[], columns=['x'], reference=w.frame['x'], window=w.frame['x'], v=1, as_json=False, time=pd.Timestamp.now('UTC').isoformat(), c=None, dtype='float64', n=3, present=3, X=w.frame, **monitor)
    exact = {'check_name.name': 'm', 'write_whole.fill': lambda f: f.write(b'x'), 'existing_file.path': 'table.csv', 'file_digest.path': 'table.csv', 'Store.put_file.path': 'table.csv', 'read_table.path': 'table.csv', 'sync_folder.folder': '.', 'atomic_write.data': b'x', 'jsonable.x': 1,
             'as_rows.names': ['x'], 'as_rows.flat': False, 'load_artifact.path': w.exported, 'format_by_name.path': w.exported, 'load_model_bytes.data': lambda: (w.store/'blobs'/w.sha[:2]/w.sha[2:]).read_bytes(), 'MLPipelineConfig.__init__.config_path': 'config.json',
             'canonical.value': 1, 'DataVersioning.load_data.version': w.v1, 'DataVersioning.get_lineage.version': w.v1, 'Report.figure.fig': _figure, 'table.rows': [dict(x=1)], 'Report.table.rows': [dict(x=1)], 'Report.points.texts': ['a point'],
             'ModelMonitor.log_feedbacks.labels': {w.prediction: 1}, 'PredictionLog.log_feedbacks.labels': {w.prediction: 1}, 'ModelRegistry.register_model.version': '3.0',
             'DataVersioning.version_data.name': 'd', 'Store.link.c': 'write', 'Store.unlink.c': 'write', 'Links.link.c': 'write', 'Links.unlink.c': 'write', 'ModelRegistry.untag.key': 'team', 'ModelRegistry.restore.version': '0.9', 'ModelRegistry.import_mlflow.path': 'mlflow', 'ModelRegistry.import_model.path': w.exported, 'ModelRegistry.import_model.version': '4.1', 'ModelRegistry.import_mlflow.version': '4.0',
             'DataVersioning.delete.version': w.v2, 'DataVersioning.export_data.version': w.v1, 'DataVersioning.export_data.path': 'out.csv', 'DataVersioning.manifest.version': w.v1,
             'DataVersioning.read_columns.version': w.v1, 'ModelRegistry.compare.a': 'm:1.0', 'ModelRegistry.compare.b': 'm:2.0', 'ModelRegistry.tag.key': 'team', 'SqliteDatabase.copy.path': 'out.db',
             'ModelMonitor.log_feedbacks.prediction_ids': [w.prediction], 'PredictionLog.log_feedbacks.prediction_ids': [w.prediction],
             'log_predictions.predictions': [1], 'log_predictions.input_data': [{'x': 1.0}], 'log_feedbacks.actual_values': [1], 'log_feedbacks.prediction_ids': [w.prediction],
             'create_app.registry': _registry, 'ModelAPI.from_registry.registry': _registry, 'ModelRegistry.__init__.registry_path': str(w.store), 'generate_docker_files.folder': 'out',
             'MLPipelineConfig.flag.name': 'new', 'MLPipelineConfig.flag.subject': 'u1', 'Lineage.__init__.versions': str(w.store), 'enforce.rows': w.frame[['x']], 'check.rows': w.frame[['x']],
             **{f'Lineage.{verb}.node': 'model:m:1.0' for verb in ('upstream', 'downstream', 'explain', 'prediction_ids', 'draw', 'to_openlineage')},
             'open_workspace.location': str(w.store), 'existing.location': str(w.store), 'run_with.command': 'store init', 'Workspace.__init__.store': lambda: mlops_nb.Store(w.store),
             'Stored.from_mlflow.columns': [dict(type='double', name='x', required=True)], 'Signature.from_mlflow.columns': [dict(type='double', name='x', required=True)],
             **_of_the_course(),
             'Members.read.name': 'schema.json', 'Members.__init__.data': _skops, 'Reading.__init__.name': 'accuracy', 'Column.__init__.values': np.arange(3.0)}
    return found, exact


def _of_the_course():
    from mlops_nb.course import progress
    lesson = progress.lesson(LESSON)
    exercise = next(e for e in lesson['exercises'] if e['function'] == EXERCISE)
    return {'check_function.lesson': lesson, 'check_function.exercise': exercise, 'check_function.source': exercise['stub'], 'parsed.source': 'x = 1', 'shows.source': 'x = 1', 'shows.where': 'a cell', 'save.answers': {}, 'spliced.name': 'mlops_nb.core.rules', 'begin.lesson': LESSON,
            'sentence.e': ValueError('x'), 'folded.code': 'x = 1', 'folded.why': 'so', 'cell_of.file': 'a.py', 'answers.notebook': f'lab/{LESSON}.ipynb', 'answers.lesson': lesson, 'lesson.name': LESSON, 'is_stub.source': exercise['stub'], 'began.exercise': exercise, 'began.source': exercise['stub'], 'finished.exercise': exercise,
            'finished.outcome': 'wrong', 'outcome.exercise': exercise, 'hinted.exercise': exercise, 'predicted.name': f'{LESSON}.vanished', 'predicted.answer': 2, 'prediction.name': f'{LESSON}.vanished', 'forget.lesson': LESSON,
            'reset.folder': 'lab', 'reset.names': (), 'difference.folder': 'lab', 'difference.name': LESSON, 'check.folder': 'lab', 'use_mine.folder': 'lab', 'use_ours.folder': 'lab', 'start.folder': 'out', 'Started.__init__.folder': 'out'}


def _tables():
    import sqlalchemy as sa
    return sa.Table('fuzz', found := sa.MetaData(), sa.Column('a', sa.Text, primary_key=True)) is None or found


def _skops():
    import io, zipfile
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as z: z.writestr('schema.json', '{}')
    return file.getvalue()


def _figure():
    from matplotlib.figure import Figure
    return Figure()


def factories(w):
    "How an object is made whose methods are called; what is not here is made from `values`"
    import mlops_nb
    from mlops_nb.monitoring.alerts import AlertBook
    from mlops_nb.monitoring.predictions import PredictionLog
    from mlops_nb.monitoring.report import Report
    from mlops_nb.store import blobs, database, links, migrations
    tables = lambda: database.open_database(w.store/'store.db', 5.0)
    def book():
        made = AlertBook(mlops_nb.Store(w.store))
        made.db = made.store                                   # closed with the call
        return made
    return {'ModelRegistry': lambda: mlops_nb.ModelRegistry(w.store), 'DataVersioning': lambda: mlops_nb.DataVersioning(w.store), 'Store': lambda: mlops_nb.Store(w.store),
            'ModelMonitor': lambda: mlops_nb.ModelMonitor(w.store/'monitor.db'), 'Workspace': lambda: mlops_nb.open(w.store), 'PredictionLog': lambda: PredictionLog(w.store/'monitor.db'), 'MLPipelineConfig': lambda: mlops_nb.MLPipelineConfig(w.play/'config.json'),
            'ModelAPI': lambda: mlops_nb.ModelAPI(w.model), 'FolderBlobs': lambda: blobs.FolderBlobs(w.store/'blobs'), 'ObjectBlobs': lambda: blobs.ObjectBlobs('memory://fuzz'), 'SqliteDatabase': tables, 'AlertBook': book,
            'Links': lambda: links.Links(tables(), blobs.FolderBlobs(w.store/'blobs')), 'TableGroups': lambda: migrations.TableGroups(tables()),
            'Lineage': lambda: mlops_nb.Lineage(w.store, w.store, w.store), 'Signature': lambda: mlops_nb.Signature.infer(w.frame[['x']]), 'Stored': lambda: mlops_nb.Signature.infer(w.frame[['x']]),
            'ModelClient': lambda: mlops_nb.ModelClient('http://127.0.0.1:9', timeout=.2), 'Report': lambda: Report('title')}


LESSON, EXERCISE = 'distance', 'psi'
CLI = {   # command -> arguments that are accepted, by parameter
    'registry list': {}, 'registry show': dict(ref='m@champion'), 'registry delete': dict(name='m', version='1.0', yes=True), 'data list': {}, 'data diff': dict(v1='V1', v2='V2'), 'data lineage': {}, 'version': {},
    'registry alias': dict(name='m', alias='champion', version='1.0'), 'registry rollback': dict(name='m', alias='champion'), 'registry history': dict(name='m', alias='champion'),
    'registry at': dict(name='m', alias='champion', time='2100-01-01'), 'registry tag': dict(ref='m@champion', tag='team=x'), 'registry search': {}, 'registry compare': dict(a='m:1.0', b='m:2.0'),
    'registry card': dict(ref='m'), 'registry deleted': {}, 'registry restore': dict(name='m', version='0.9'), 'registry purge': dict(yes=True), 'registry export': dict(ref='m', folder='out'),
    'registry trust': dict(type_='a.B'), 'registry import': dict(folder='mlflow', name='m', version='4.0'), 'store verify': {}, 'store gc': {}, 'store backup': dict(folder='out'), 'lineage': dict(node='model:m:1.0'), 'settings': {},
    'store init': {}, 'store adopt': {}, 'data add': dict(file='table.csv', name='d'), 'data export': dict(version='V1', file='out.csv'), 'ask': dict(file='table.csv', url='http://127.0.0.1:9', out='out.csv'),
    'monitor label': dict(id='PREDICTION', actual='1', store='MONITOR'), 'monitor labels': dict(file='answers.csv', id_='prediction_id', actual='late', store='MONITOR'), 'monitor report': dict(file='out'),
    'drift': dict(ref='table.csv', new='table.csv'), 'monitor show': {}, 'serve': dict(ref='m@champion', port='0'), 'tour': dict(fast=True), 'lab': dict(folder='out'),
    'course start': dict(folder='out'), 'course resume': dict(folder='lab'), 'course status': dict(folder='lab'), 'course check': dict(lesson=LESSON, exercise=EXERCISE, folder='lab'),
    'course diff': dict(lesson=LESSON, folder='lab'), 'course reset': dict(lessons=LESSON, folder='lab'), 'course use': dict(whose='mine', folder='lab')}
CHILD = ['subprocess.Popen']      # a model that was handed over is asked in a process of its own
ENDS_AT = {'ModelRegistry.import_mlflow': CHILD, 'ModelRegistry.import_model': CHILD, 'cli registry import': CHILD, 'ask_apart': CHILD, 'cli serve': ['socket.bind'], 'cli tour': ['os.mkdir'], 'cli lab': ['os.exec'], 'cli course start': ['os.exec'], 'cli course resume': ['os.exec'], 'ModelAPI.start': ['socket.bind'], 'ModelAPI.run': ['socket.bind']}   # what follows is another test's


FEW = {'cli lab': 12, 'cli course start': 12, 'cli course resume': 12, 'start': 12, 'cli tour': 12, 'cli drift': 6, 'cli serve': 6, 'generate_docker_files': 4, 'ModelRegistry.register_model': 3, 'ModelRegistry.__init__': 6, 'ModelMonitor.__init__': 6, 'PredictionLog.__init__': 6,
       'open_store': 6, 'Report.save': 4}   # the slow ones, and the ones that stand on another


class Unknown(Exception): "Something that this file must be told"


class Call:
    "One entry point with one parameter left open"
    def __init__(self, w, owner, parameter, kind):
        self.w, self.owner, self.parameter, self.kind = w, owner, parameter, kind
        self.run = self._command if owner.startswith('cli ') else self._function

    def _function(self, text, fill=True):
        owner, cls, function = next(c for c in callables() if c[0] == self.owner) if not hasattr(self, 'found') else self.found
        self.found = owner, cls, function
        with contextlib.ExitStack() as stack:
            arguments = self._arguments(function, stack)
            if fill: arguments[self.parameter] = self._fitting(function, text)
            target = function
            if cls is not None and not inspect.ismethod(function):
                if function.__name__ == '__init__': target = cls
                else: target = functools.partial(function, self._object(cls, stack))
            if 'c' in arguments: arguments['c'] = stack.enter_context(getattr(self.object, 'db', self.object).write())
            with self._watched(text): return _used(target(**arguments))

    def _object(self, cls, stack):
        make = factories(self.w)
        known = next((n for n in (cls.__name__, *(k.__name__ for k in cls.__subclasses__())) if n in make), None)
        if known: self.object = make[known]()
        elif 'self' not in inspect.signature(cls).parameters: self.object = cls(**self._arguments(cls.__init__, stack))
        stack.callback(getattr(self.object, 'close', None) or getattr(getattr(self.object, 'db', None), 'close', lambda: None))
        return self.object

    def _arguments(self, function, stack):
        found, exact = values(self.w)
        arguments, owner = {}, self.owner if function.__name__ != '__init__' or self.owner.endswith('__init__') else f'{function.__qualname__}'
        for p in inspect.signature(function).parameters.values():
            if p.name == 'self' or p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL): continue
            exactly = next((exact[k] for k in (f'{owner}.{p.name}', f'{function.__name__}.{p.name}') if k in exact), None)
            if exactly is not None: value = exactly
            elif p.default is not p.empty: continue
            elif p.name in found: value = found[p.name]
            else: raise Unknown(f'{self.owner} needs {p.name!r}, of which tests/fuzzing.py knows no value: add it to VALUES')
            arguments[p.name] = value() if callable(value) and not hasattr(value, 'fit') else value
        return arguments

    def _fitting(self, function, text):
        hint = str(inspect.signature(function).parameters[self.parameter].annotation)
        if 'str' in re.sub(r'(Collection|Iterable|list|Sequence|tuple|set)\[str.*?\]', '', hint) or 'Path' in hint or hint == str(inspect.Parameter.empty): return text
        return [text]

    def _command(self, text, fill=True):
        from click.testing import CliRunner
        import mlops_nb.cli.main
        words = self.owner.split()[1:]
        given = CLI.get(' '.join(words))
        if given is None: raise Unknown(f'tests/fuzzing.py knows no arguments of the command {" ".join(words)!r}: add them to CLI')
        given = {k: dict(V1=self.w.v1, V2=self.w.v2, PREDICTION=self.w.prediction, MONITOR=str(self.w.store/'monitor.db')).get(v, v) if isinstance(v, str) else v for k, v in given.items()}
        command = dict((' '.join(c), command) for c, command in commands())[' '.join(words)]
        if 'store' in {p.name for p in command.params}: given.setdefault('store', str(self.w.store))
        if fill: given[self.parameter] = text
        options, places = [], []
        for p in command.params:
            if p.name not in given: continue
            if p.param_type_name == 'argument': places.append(given[p.name])
            else: options += [p.opts[0]] if getattr(p, 'is_flag', False) else [f'{p.opts[0]}={given[p.name]}']
        with self._watched(text), contextlib.redirect_stderr(io.StringIO()):
            result = CliRunner().invoke(mlops_nb.cli.main.main, [*words, *options, '--', *places])
        if result.exit_code == 70 or result.exception is not None and not isinstance(result.exception, SystemExit): raise RuntimeError(f'exit code {result.exit_code}: {(result.stderr or result.output)[-300:]}')
        return result.output

    def _watched(self, text):
        "The store; what the other arguments say; and for a path what it says, letter by letter"
        near = os.path.join(self.w.play, text) if self.kind == 'path' else self.w.play/'out'
        roots = [self.w.store, self.w.tmp, *(self.w.play/name for name in ('config.json', 'table.csv', 'answers.csv', self.w.exported, Path(self.w.exported).with_suffix('.json').name, 'out', 'out.bin', 'out.csv', 'out.db', 'mlflow', 'lab'))]
        ends = ['socket.bind', 'socket.connect', 'socket.getaddrinfo'] if self.kind == 'address' else ENDS_AT.get(self.owner, ())
        return GUARD.watch(*roots, near=near, refuse=ends)


def _used(result):
    "A generator or context is entered, so that its body runs"
    if hasattr(result, '__enter__') and not hasattr(result, 'read'):
        with contextlib.suppress(AttributeError):
            with result: pass
    if hasattr(result, 'stop') and hasattr(result, 'start'): result.stop()
    return result


# --- running ---------------------------------------------------------------------------------------------------------

def attempt(w, call, text):
    "One call; what is wrong about it, or None"
    from guard import Escape
    from mlops_nb import MlopsError
    if call.kind == 'path' and (text := as_path(w, text)) is None: return None
    try: answer = call.run(text)
    except Escape: answer = None
    except Unknown: raise
    except MlopsError as e: answer = str(e)
    except Exception as e:
        answer = ''
        if is_strict(call.owner): RAW.setdefault((call.owner, call.parameter, type(e).__name__), (text, f'{type(e).__name__}: {e}'[:300]))
    if GUARD.escapes: return dict(owner=call.owner, parameter=call.parameter, text=text, escape=GUARD.escapes[0][:300])
    if 'CANARY' in repr(answer)[:100_000]: return dict(owner=call.owner, parameter=call.parameter, text=text, escape='the answer holds what is in a file outside')


RAW, PASSED_OVER = {}, []
GUARD = None


def control(w, call):
    "The same call with accepted values must not be refused, or the fuzz would prove nothing"
    from guard import Escape
    try: call.run('', fill=False)
    except Escape as e:
        if GUARD.escapes: return dict(owner=call.owner, parameter=call.parameter, control=GUARD.escapes[0], outside=True)
    except Unknown: raise
    except Exception as e: return dict(owner=call.owner, parameter=call.parameter, control=f'{type(e).__name__}: {e}'[:300])


def run_case(w, case, examples, every=1):
    from hypothesis import given, settings, HealthCheck
    call, found = Call(w, *case), []
    try:
        wrong = control(w, call)
        if wrong and ('outside' in wrong or is_strict(case[0])): found.append(wrong)
        elif wrong: PASSED_OVER.append([*case[:2], wrong['control']])
        w.fresh()
        texts = nasty(w)
        few = max(FEW.get(case[0], 1), 1 if is_strict(case[0]) else 2, dict(text=8, address=4, path=2).get(case[2], 1))*every    # every n-th, each case its own
        for text in texts[len(case[0] + case[1]) % few::few]:
            if (wrong := attempt(w, call, text)) and len(found) < 3: found.append(wrong)

        @settings(max_examples=examples, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
        @given(text=anything(w))
        def fuzz(text):
            if wrong := attempt(w, call, text): raise AssertionError(json.dumps(wrong))
        try: fuzz()
        except AssertionError as e: found.append(json.loads(str(e)))
    except Unknown as e:
        if is_strict(case[0]): found.append(dict(owner=case[0], parameter=case[1], unknown=str(e)))
        else: PASSED_OVER.append([*case[:2], str(e)])
    w.fresh()
    if (now := w.outside()) != w.before:
        found.append(dict(owner=case[0], parameter=case[1], escape=f'changed outside: {sorted(k for k in now.keys() | w.before.keys() if now.get(k) != w.before.get(k))[:3]}'))
        w.before = now
    return found


def main(folder, what, share='1/1', examples='20', every='1', only=''):
    global GUARD
    warnings.simplefilter('ignore')
    root = Path(folder); root.mkdir(parents=True, exist_ok=True)
    w = World(root)
    os.environ.update(HOME=str(w.home), TMPDIR=str(w.tmp), MPLCONFIGDIR=str(w.tmp), HYPOTHESIS_STORAGE_DIRECTORY=str(w.tmp), LC_ALL='C.UTF-8')
    sys.dont_write_bytecode = True
    everything = list(cases())
    if what == 'list':
        print(json.dumps(dict(cases=everything)))
        return
    from guard import Guard
    w.build()
    GUARD = Guard()
    part, parts = map(int, share.split('/'))
    found, times = [], {}
    for case in everything[part-1::parts]:
        if only and only not in f'{case[0]}.{case[1]}': continue
        begin = time.monotonic()
        found += run_case(w, case, int(examples), int(every))
        times[f'{case[0]}.{case[1]}'] = round(time.monotonic() - begin, 2)
    os.chdir(root)
    print(json.dumps(dict(findings=found, raw=[[*k, *v] for k, v in RAW.items()], passed_over=PASSED_OVER, times=times)))


if __name__ == '__main__': main(*sys.argv[1:])
