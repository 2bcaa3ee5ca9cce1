"""The ones that are measured, each behind the same few verbs; started by `state.py`, one process for each.

    python bench/peers.py NAME FOLDER       reads one JSON request a line, {"do": verb, ...}, answers one JSON line

A verb that is timed answers `ms` and `cpu_ms` of the work alone: making models and frames, and checking what comes back, is not counted.
"""
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
import gc, hashlib, json, os, pickle, resource, shutil, sqlite3, subprocess, sys, time

import numpy as np

import workload


@contextmanager
def clock(times:list):
    "Add the milliseconds of the block to `times`, those that passed and those of the processors; rubbish of the last block is collected before"
    gc.collect()
    begin, used = time.perf_counter(), cpu_seconds()
    yield
    times.append(dict(ms=round((time.perf_counter() - begin)*1e3, 4), cpu_ms=round((cpu_seconds() - used)*1e3, 4)))


def cpu_seconds() -> float:
    "User and system, of this process with all its threads, and of the ones that it started and that have ended"
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def repeated(do, n:int) -> list[float]:
    "Milliseconds of each of `n` calls, after one that is not counted; rubbish is collected once, before the first: a collection empties the caches of the processor"
    do()
    gc.collect()
    times = []
    for _ in range(n):
        begin = time.perf_counter()
        do()
        times.append(round((time.perf_counter() - begin)*1e3, 4))
    return times


def write_synced(path:Path, fill) -> None:
    "A file that is whole and on the disk, or not there; the least that a durable store has to do"
    tmp = path.with_name(path.name + '.tmp')
    with open(tmp, 'wb') as f: fill(f); f.flush(); os.fsync(f.fileno())
    os.replace(tmp, path)
    fd = os.open(path.parent, os.O_RDONLY)
    os.fsync(fd); os.close(fd)


def folder_size(folder:Path) -> int:
    "Bytes of all files; SQLite's log and shared memory go when the store is closed, and do not count"
    return sum(p.stat().st_size for p in folder.rglob('*') if p.is_file() and not p.name.endswith(('-wal', '-shm')))


class Peer:
    packages = ()

    def __init__(self, folder:Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def about(self): return dict(packages={p: metadata.version(p) for p in self.packages})
    def quit(self): return {}


# --- one model ------------------------------------------------------------------------------------------------------

class Models(Peer):
    def register(self, n:int, trees:int=100):
        "Register the n-th model, each other than the last: the same content twice could be stored once"
        self.model, self.X = workload.model(seed=n, trees=trees)
        with clock(times := []): self.put(n)
        return dict(**times[0], bytes=folder_size(self.folder))

    def load(self, n:int):
        with clock(times := []): model = self.get(n)
        assert np.array_equal(model.predict_proba(self.X), self.model.predict_proba(self.X)), 'another model came back'
        return dict(**times[0])


class Pickle(Models):
    "The floor: pickle protocol 5, fsync, one row in SQLite"
    def __init__(self, folder):
        super().__init__(folder)
        self.db = sqlite3.connect(folder/'floor.db', isolation_level=None)
        for line in ('pragma journal_mode=WAL', 'pragma synchronous=FULL', 'create table models (n integer primary key, path text, digest text)'): self.db.execute(line)

    def put(self, n):
        data = pickle.dumps(self.model, protocol=5)
        write_synced(self.folder/f'{n}.pkl', lambda f: f.write(data))
        self.db.execute('insert into models values (?, ?, ?)', (n, f'{n}.pkl', hashlib.sha256(data).hexdigest()))

    def get(self, n):
        path, digest = self.db.execute('select path, digest from models where n = ?', (n,)).fetchone()
        data = (self.folder/path).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest
        return pickle.loads(data)


class Joblib(Models):
    packages = ('joblib',)
    def put(self, n): import joblib; joblib.dump(self.model, self.folder/f'{n}.joblib')
    def get(self, n): import joblib; return joblib.load(self.folder/f'{n}.joblib')


class Skops(Models):
    packages = ('skops',)
    def put(self, n): import skops.io; skops.io.dump(self.model, self.folder/f'{n}.skops')
    def get(self, n): import skops.io; return skops.io.load(path := self.folder/f'{n}.skops', trusted=skops.io.get_untrusted_types(file=path))


class MLflow(Models):
    "As installed: skops, since that is its default, and requirements inferred by loading the model in another process"
    packages = ('mlflow', 'scikit-learn', 'skops', 'sqlalchemy')
    options = dict(skops_trusted_types=['sklearn.tree._tree.Tree'])   # without this, 3.17 refuses a forest

    def __init__(self, folder):
        super().__init__(folder)
        import mlflow
        mlflow.set_tracking_uri(f'sqlite:///{folder.resolve()}/mlflow.db')
        mlflow.create_experiment('bench', artifact_location=(folder/'artifacts').resolve().as_uri())
        mlflow.set_experiment('bench')
        self.mlflow, self.client = mlflow, mlflow.MlflowClient()

    def put(self, n):
        with self.mlflow.start_run():
            info = self.mlflow.sklearn.log_model(self.model, name='model', registered_model_name='bench', **self.options)
        self.versions = {**getattr(self, 'versions', {}), n: info.registered_model_version}

    def get(self, n): return self.mlflow.sklearn.load_model(f'models:/bench/{self.versions[n]}')

    def many(self, n:int):
        "One version registered as MLflow does it, the others copied in its tables: n registrations would take minutes"
        self.model, _ = workload.model(trees=1)
        self.options = {**self.options, **_pinned()}
        with clock(times := []):
            self.put(1)
            _copy_rows(self.folder/'mlflow.db', n)
        self.client.set_registered_model_alias('bench', 'champion', str(n - 7))
        return dict(**times[0])

    def ask(self, what:str, rounds:int, n:int):
        search = self.client.search_model_versions
        mine, newest = "name='bench'", ['version_number DESC']
        do = dict(alias=lambda: self.client.get_model_version_by_alias('bench', 'champion').version,
                  latest=lambda: search(mine, order_by=newest, max_results=1)[0].version,
                  page=lambda: len(search(mine, max_results=50)), everything=lambda: len(self._all(mine)),
                  search=lambda: len(self._all(mine + " and tags.team='blue'")))[what]
        return dict(ms=repeated(do, rounds), answer=int(do()))

    def _all(self, query):
        found = page = self.client.search_model_versions(query, max_results=10_000)
        while page.token: page = self.client.search_model_versions(query, max_results=10_000, page_token=page.token); found += page
        return found


def _pinned(): return dict(pip_requirements=[f"scikit-learn=={metadata.version('scikit-learn')}"])


def _rare(n:int) -> int: return max(n//100, 2)   # each which-th version a search shall find: a hundred, when there are many


def _copy_rows(path:Path, n:int) -> None:
    "Versions 2 to n of MLflow's model `bench`, like version 1; some have the tag team=blue"
    with sqlite3.connect(path) as db:
        columns = [row[1] for row in db.execute('pragma table_info(model_versions)')]
        numbers = f'with recursive k(i) as (select 2 union all select i + 1 from k where i < {n}) '
        values = ', '.join('k.i' if c == 'version' else f'v.{c}' for c in columns)
        db.execute(f"{numbers} insert into model_versions ({', '.join(columns)}) select {values} from model_versions v, k where v.version = 1 and v.name = 'bench'")
        db.execute(f"{numbers} insert into model_version_tags (name, version, key, value) select 'bench', i, 'team', 'blue' from k where i % {_rare(n)} = 0")
    db.close()


class MLflowPinned(MLflow):
    "As safe, with the requirements given"
    def __init__(self, folder): super().__init__(folder); self.options = {**self.options, **_pinned()}


class MLflowPickle(MLflow):
    "MLflow at its fastest: requirements given, and a pickle"
    def __init__(self, folder): super().__init__(folder); self.options = dict(serialization_format='cloudpickle', **_pinned())


class Ours(Models):
    packages = ('mlops_nb', 'scikit-learn', 'skops', 'sqlalchemy')

    def __init__(self, folder):
        super().__init__(folder)
        from mlops_nb import ModelRegistry
        self.registry = ModelRegistry(folder)

    def put(self, n): self.registry.register_model(self.model, 'bench', f'1.{n}.0')
    def get(self, n): return self.registry.load_model('bench', f'1.{n}.0')[0]

    def many(self, n:int):
        "Versions 1 to n of a small model, registered one by one; some have the metric auc=0.9"
        from sklearn.linear_model import LogisticRegression
        X, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
        model = LogisticRegression().fit(X, y)
        with clock(times := []):
            for i in range(1, n + 1): self.registry.register_model(model, 'many', f'1.{i}', metrics={'auc': 0.9 if i % _rare(n) == 0 else 0.5})
        self.registry.set_alias('many', 'champion', f'1.{n - 7}')
        return dict(**times[0])

    def ask(self, what:str, rounds:int, n:int):
        r = self.registry
        minor = lambda version: int(version.split('.')[1])
        do = dict(alias=lambda: minor(r.resolve('many@champion')[1]), latest=lambda: minor(r.resolve('many')[1]),
                  everything=lambda: len(r.list_models('many')),
                  search=(lambda: len(r.search(name='many', metrics={'auc': ('>=', 0.9)}))) if hasattr(r, 'search') else None).get(what)
        return dict(ms=repeated(do, rounds), answer=do()) if do else {}

    def quit(self): self.registry.close(); return {}


# --- a table in eleven versions -------------------------------------------------------------------------------------

class Frames(Peer):
    "`version` stores the next frame; `open` starts again in an empty folder"
    def open(self, rows:int):
        shutil.rmtree(self.folder, ignore_errors=True); self.folder.mkdir(parents=True)
        self.frames, self.n, self.total = workload.versions(rows), 0, 0
        self.start()
        return {}

    def start(self): pass
    def stored(self): return folder_size(self.folder)

    def version(self):
        step, self.frame = next(self.frames)
        with clock(times := []): self.put(step, self.frame)
        before, self.total, self.n = self.total, self.stored(), self.n + 1
        return dict(step=step, **times[0], bytes=self.total - before)

    def load(self):
        "The last version back; equal to what went in?"
        import pandas as pd
        with clock(times := []): frame = self.get()
        pd.testing.assert_frame_equal(frame, self.frame)
        return dict(**times[0])


class Parquet(Frames):
    packages = ('pandas', 'pyarrow')
    def path(self): return self.folder/f'{self.n}.parquet'
    def put(self, step, frame): write_synced(self.path(), lambda f: frame.to_parquet(f, compression='zstd'))
    def get(self): import pandas as pd; return pd.read_parquet(self.folder/f'{self.n - 1}.parquet')


class Columns(Frames):
    "One file for each column, under the hash of its Arrow buffers, made only when that hash is new"
    packages = ('pandas', 'pyarrow')
    def put(self, step, frame):
        import pyarrow as pa
        manifest = {}
        for name in frame.columns:
            values = _whole(pa.array(frame[name]))
            if pa.types.is_string(values.type) or pa.types.is_large_string(values.type): values = values.dictionary_encode()
            manifest[name] = self._keep(values)
        write_synced(self.folder/f'{self.n}.json', lambda f: f.write(json.dumps(manifest).encode()))

    def _keep(self, values):
        import pyarrow as pa
        h = hashlib.sha256(f'{values.type}|{len(values)}'.encode())
        for part in (values, values.dictionary) if pa.types.is_dictionary(values.type) else (values,):
            for buffer in part.buffers():
                if buffer is not None: h.update(buffer)
        path = self.folder/f'{h.hexdigest()}.arrow'
        if not path.exists(): write_synced(path, lambda f: _write_arrow(f, {'v': values}))
        return path.name


def _whole(values):
    import pyarrow as pa
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


class Deltas(Frames):
    "The floor: told what has changed, it writes the new rows, the patched values or the new column, and no more"
    packages = ('pandas', 'pyarrow')
    def start(self): self.old = None

    def put(self, step, frame):
        import pyarrow as pa
        old, n = self.old, self.n
        if step == 'first': write_synced(self.folder/f'{n}.parquet', lambda f: frame.to_parquet(f, compression='zstd'))
        elif step == 'append': write_synced(self.folder/f'{n}.parquet', lambda f: frame.iloc[len(old):].to_parquet(f, compression='zstd'))
        elif step == 'column': write_synced(self.folder/f'{n}.parquet', lambda f: frame[[frame.columns[-1]]].to_parquet(f, compression='zstd'))
        else:
            name = workload.CHANGED[step][sum(s == step for s in workload.STEPS[:n])]
            rows = np.flatnonzero(_differ(old[name], frame[name]))
            new = {'row': pa.array(np.diff(rows, prepend=0).astype('int32')), 'v': pa.array(frame[name].iloc[rows])}
            write_synced(self.folder/f'{n}.arrow', lambda f: _write_arrow(f, new))
        self.old = frame


def _differ(a, b) -> np.ndarray:
    "Which values changed; two missing ones are the same"
    return ~((a == b).fillna(False) | (a.isna() & b.isna())).to_numpy(dtype=bool)


def _write_arrow(f, columns:dict) -> None:
    import pyarrow as pa
    batch = pa.record_batch([_whole(v) for v in columns.values()], names=list(columns))
    with pa.ipc.new_file(f, batch.schema, options=pa.ipc.IpcWriteOptions(compression='zstd')) as w: w.write_batch(batch)


class Dvc(Frames):
    "As in its guide: write the Parquet file, `dvc add` it, keep the small .dvc file (that is what git would commit)"
    packages = ('dvc', 'pandas', 'pyarrow')
    def start(self):
        self._dvc('init', '--no-scm', '-q')
        self._dvc('config', 'core.analytics', 'false')
        self._dvc('config', 'core.check_update', 'false')

    def _dvc(self, *args): subprocess.run([Path(sys.executable).with_name('dvc'), *args], cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
    def stored(self): return folder_size(self.folder/'.dvc'/'cache')
    def add(self): self._dvc('add', '-q', 'data.parquet')

    def put(self, step, frame):
        frame.to_parquet(self.folder/'data.parquet')
        self.add()
        shutil.copyfile(self.folder/'data.parquet.dvc', self.folder/'.dvc'/'tmp'/f'{self.n}.kept')   # not beside it: DVC would read it


class DvcApi(Dvc):
    "The same from Python, in one process that stays: no start of a program each time"
    def start(self):
        from dvc.repo import Repo
        super().start()
        self.repo = Repo(str(self.folder))

    def add(self): self.repo.add(str(self.folder/'data.parquet'))


class OurFrames(Frames):
    packages = ('mlops_nb', 'pandas', 'pyarrow')
    def start(self):
        from mlops_nb import DataVersioning
        if hasattr(self, 'versions'): self.versions.close()
        self.versions, self.id = DataVersioning(self.folder), None

    def put(self, step, frame): self.id = self.versions.version_data(frame, 'flights', step, parent_version=self.id)
    def get(self): return self.versions.load_data(self.id)
    def quit(self): self.versions.close(); return {}


PEERS = {'pickle': Pickle, 'joblib': Joblib, 'skops': Skops, 'mlflow': MLflow, 'mlflow-pinned': MLflowPinned, 'mlflow-pickle': MLflowPickle, 'ours': Ours,
         'parquet': Parquet, 'columns': Columns, 'deltas': Deltas, 'dvc': Dvc, 'dvc-api': DvcApi, 'our-frames': OurFrames}


def main(name:str, folder:str) -> None:
    answers = os.fdopen(os.dup(1), 'w')       # what the libraries print goes elsewhere
    os.dup2(2, 1)
    peer = PEERS[name](Path(folder))
    print(json.dumps(peer.about()), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = getattr(peer, verb := request.pop('do'))(**request)
        print(json.dumps(answer), file=answers, flush=True)
        if verb == 'quit': return


if __name__ == '__main__': main(*sys.argv[1:])
