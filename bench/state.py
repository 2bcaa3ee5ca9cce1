"""State beside its peers: one run, one machine, everybody takes turns; the figures go to nbs/tutorials/benchmarks.json.

    python bench/state.py [--quick] [--ours] [--out FILE] [--only PART ...]     parts: models, many, frames, imports

`--quick` is a smoke run on small sizes, and `--ours` leaves out the peers that need an environment of their own. Such an
environment (.venv-bench-mlflow, .venv-bench-dvc) is made when it is missing; nothing of it enters the one we run in.
"""
from pathlib import Path
import argparse, contextlib, datetime, importlib.metadata, json, os, platform, resource, shutil, statistics, subprocess, sys, tempfile, threading, time

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ENVIRONMENTS = {'mlflow': ['mlflow==3.17.0', 'skops=={skops}', 'scikit-learn=={scikit-learn}', 'pandas=={pandas}'],
                'dvc': ['dvc==3.67.1', 'pandas=={pandas}', 'pyarrow=={pyarrow}']}
HOME = {'mlflow': 'mlflow', 'mlflow-pinned': 'mlflow', 'mlflow-pickle': 'mlflow', 'dvc': 'dvc', 'dvc-api': 'dvc'}   # the others run where we do
MODELS = ['pickle', 'joblib', 'skops', 'mlflow', 'mlflow-pinned', 'mlflow-pickle', 'ours']
MANY = ['mlflow-pickle', 'ours']
FRAMES = ['parquet', 'columns', 'deltas', 'dvc', 'dvc-api', 'our-frames']
QUESTIONS = ['alias', 'latest', 'page', 'everything', 'search']
FULL = dict(rounds=20, trees=100, many=10_000, asks=200, rows=1_000_000, passes=3, loads=5, imports=5, syncs=300)
QUICK = dict(rounds=2, trees=5, many=20, asks=3, rows=2_000, passes=1, loads=1, imports=1, syncs=5)


def say(*words): print(*words, file=sys.stderr, flush=True)


# --- environments and processes -------------------------------------------------------------------------------------

def environment(name:str) -> Path:
    "The Python of a peer's own environment; made when it is missing or asks for other versions"
    folder, python = ROOT/f'.venv-bench-{name}', ROOT/f'.venv-bench-{name}'/'bin'/'python'
    wanted = [r.format_map(_Installed()) for r in ENVIRONMENTS[name]]
    mark = folder/'requirements.txt'
    if not (mark.exists() and mark.read_text().split() == wanted):
        say(f'installing {", ".join(wanted)} into {folder.name}')
        subprocess.run([sys.executable, '-m', 'venv', folder], check=True)
        subprocess.run([python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', *wanted], check=True)
        mark.write_text('\n'.join(wanted))
    return python


class _Installed(dict):
    "The version that we run with, so that both sides handle the same models and frames"
    def __missing__(self, package): return importlib.metadata.version(package)


class Worker:
    "A peer in a process of its own"
    def __init__(self, name:str, folder:Path, python:Path, trace:Path|None=None):
        self.name, self.trace = name, trace
        self.log = open(folder/f'{name}.log', 'w+')
        env = {**os.environ, 'OMP_NUM_THREADS': '1', 'MLFLOW_DISABLE_TELEMETRY': 'true', 'DVC_NO_ANALYTICS': '1', 'PYTHONWARNINGS': 'ignore'}
        if python != Path(sys.executable): env.pop('PYTHONPATH', None)
        tracer = ['strace', '-f', '--seccomp-bpf', '-qq', '-e', 'trace=fsync,fdatasync', '-o', str(trace)] if trace else []
        self.process = subprocess.Popen([*tracer, python, HERE/'peers.py', name, folder/name], cwd=folder, env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.about = self._answer(300)

    def ask(self, do:str, seconds:float=600, **request) -> dict:
        self.process.stdin.write(json.dumps(dict(do=do, **request)) + '\n')
        self.process.stdin.flush()
        return self._answer(seconds)

    def _answer(self, seconds:float) -> dict:
        guard = threading.Timer(seconds, self.process.kill)
        guard.start()
        try: line = self.process.stdout.readline()
        finally: guard.cancel()
        if line: return json.loads(line)
        self.process.wait()
        self.log.seek(0)
        raise RuntimeError(f'{self.name} ended with {self.process.returncode}: {self.log.read()[-3000:]}')

    def syncs(self) -> int: return sum('sync(' in line for line in self.trace.read_text().splitlines())

    def close(self):
        try: self.ask('quit', 60)
        except (RuntimeError, OSError): self.process.kill()
        with contextlib.suppress(OSError): self.process.stdin.close()
        self.process.stdout.close(); self.process.wait(); self.log.close()


class Workers:
    "The processes of some peers; a peer that cannot start is left out, and says why"
    def __init__(self, names:list[str], run:'Run', trace:bool=False):
        self.run, self.folder, self.all = run, Path(tempfile.mkdtemp(prefix='bench-')), {}
        for name in names:
            home = HOME.get(name)
            if home and (run.only_ours or home in run.absent): continue
            try: python = environment(home) if home else Path(sys.executable)
            except (subprocess.CalledProcessError, OSError) as e: run.absent[home] = str(e); say(f'{home} is left out: {e}'); continue
            self.all[name] = Worker(name, self.folder, python, self.folder/f'{name}.trace' if trace else None)
            run.packages.setdefault(name, self.all[name].about['packages'])

    def __enter__(self): return self.all

    def __exit__(self, *_):
        for worker in self.all.values(): worker.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Run:
    def __init__(self, size:dict, only_ours:bool): self.size, self.only_ours, self.absent, self.packages = size, only_ours, {}, {}


def turns(workers:dict, n:int): return list(workers.items())[::-1 if n % 2 else 1]   # a busy moment hits all, and nobody is always first


def summary(times:list) -> dict:
    "Median and best of what passed, in milliseconds; of the processors' time the median, which a busy machine changes less"
    ms = [t['ms'] if isinstance(t, dict) else t for t in times]
    cpu = dict(cpu=round(statistics.median(t['cpu_ms'] for t in times), 3)) if isinstance(times[0], dict) else {}
    return dict(p50=round(statistics.median(ms), 3), best=round(min(ms), 3), **cpu, n=len(ms))


# --- the parts ------------------------------------------------------------------------------------------------------

def models(run:Run) -> dict:
    "Register and load one pipeline: p50 over the rounds, after two that warm up"
    times = {}
    with Workers(MODELS, run) as workers:
        for n in range(-2, run.size['rounds']):
            for name, worker in turns(workers, n):
                put, got = worker.ask('register', n=n + 3, trees=run.size['trees']), worker.ask('load', n=n + 3)
                kept = times.setdefault(name, dict(register=[], load=[], total=[]))
                kept['total'].append(put['bytes'])
                if n >= 0: kept['register'].append(put); kept['load'].append(got)
            say(f'models: round {n + 3} of {run.size["rounds"] + 2}')
    table = {name: dict(register_ms=summary(t['register']), load_ms=summary(t['load']), bytes=_each(t['total'])) for name, t in times.items()}
    for name, count in model_syncs(run).items(): table[name]['fsyncs'] = count
    return table


def _each(totals:list[int]) -> int: return round((totals[-1] - totals[0])/(len(totals) - 1))


def model_syncs(run:Run) -> dict:
    "fsync and fdatasync calls of one registration, as the system counts them, the libraries' own included"
    counts = {}
    if not shutil.which('strace'): return counts
    with Workers(MODELS, run, trace=True) as workers:
        for name, worker in workers.items():
            worker.ask('register', n=1, trees=5)
            before = worker.syncs()
            worker.ask('register', n=2, trees=5)
            counts[name] = worker.syncs() - before
    return counts


def many(run:Run) -> dict:
    "Questions to a model with very many versions"
    n, table = run.size['many'], {}
    with Workers(MANY, run) as workers:
        for name, worker in workers.items():
            table[name] = dict(filled_ms=round(worker.ask('many', n=n)['ms'], 1))
            say(f'many: {name} has {n} versions')
        for what in QUESTIONS:
            asks = 5 if what == 'everything' else 20 if what == 'search' else run.size['asks']
            for name, worker in turns(workers, 0):
                answer = worker.ask('ask', what=what, rounds=min(asks, run.size['asks']), n=n)
                if answer: table[name][what] = dict(summary(answer['ms']), answer=answer['answer'])
    return dict(versions=n, peers=table)


def frames(run:Run) -> dict:
    "Eleven versions of a table, in several passes; of each step the median of the passes"
    table = {}
    with Workers(FRAMES, run) as workers:
        for p in range(run.size['passes']):
            for worker in workers.values(): worker.ask('open', rows=run.size['rows'])
            for k in range(11):
                for name, worker in turns(workers, k + p):
                    got, kept = worker.ask('version'), table.setdefault(name, dict(ms=[], cpu_ms=[], bytes=[], step=[], load=[]))
                    for key, value in got.items(): kept[key].append(value)
            say(f'frames: pass {p + 1} of {run.size["passes"]}')
        for k in range(-1, run.size['loads']):
            for name, worker in turns({n: w for n, w in workers.items() if n in ('parquet', 'our-frames')}, k):
                got = worker.ask('load')
                if k >= 0: table[name]['load'].append(got)
    return dict(rows=run.size['rows'], steps=next(iter(table.values()))['step'][:11], passes=run.size['passes'],
                peers={name: _steps(t) for name, t in table.items()}, fsyncs=frame_syncs(run))


def _steps(t:dict) -> dict:
    each = lambda key: [t[key][i::11] for i in range(11)]
    found = dict(ms=[round(statistics.median(x), 2) for x in each('ms')], best_ms=[round(min(x), 2) for x in each('ms')],
                 cpu_ms=[round(statistics.median(x), 2) for x in each('cpu_ms')], bytes=t['bytes'][-11:])
    return {**found, 'load_ms': summary(t['load'])} if t['load'] else found


def frame_syncs(run:Run) -> dict:
    "fsync and fdatasync calls of the first version and of an append, in a small table (65,536 rows are one block of ours)"
    counts = {}
    if not shutil.which('strace'): return counts
    with Workers(FRAMES, run, trace=True) as workers:
        for name, worker in workers.items():
            worker.ask('open', rows=min(run.size['rows'], 100_000))
            seen = [worker.syncs()]
            for _ in range(2): worker.ask('version'); seen.append(worker.syncs())
            counts[name] = dict(first=seen[1] - seen[0], append=seen[2] - seen[1])
    return counts


def imports(run:Run) -> dict:
    "CPU seconds, user and system, of a fresh Python that imports; the Python itself included"
    cases = {'python': (None, 'pass'), 'mlops_nb.ModelRegistry': (None, 'from mlops_nb import ModelRegistry'), 'sklearn': (None, 'import sklearn.ensemble'),
             'mlflow': ('mlflow', 'import mlflow'), 'mlflow.sklearn': ('mlflow', 'import mlflow.sklearn')}
    cases = {k: (h, code) for k, (h, code) in cases.items() if h is None or not run.only_ours and h not in run.absent}
    times = {name: [] for name in cases}
    for k in range(-1, run.size['imports']):
        for name, (home, code) in cases.items():
            seconds = cpu(environment(home) if home else Path(sys.executable), code)
            if k >= 0: times[name].append(seconds)
    return {name: dict(cpu_s=round(statistics.median(t), 3), best=round(min(t), 3)) for name, t in times.items()}


def cpu(python:Path, code:str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    env = {k: v for k, v in os.environ.items() if python == Path(sys.executable) or k != 'PYTHONPATH'}
    subprocess.run([python, '-c', code], check=True, env={**env, 'MLFLOW_DISABLE_TELEMETRY': 'true', 'OMP_NUM_THREADS': '1'})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def fsync_price(n:int) -> dict:
    "What the disk asks for: 4 KiB more in a file, forced to it"
    ms = []
    with tempfile.TemporaryFile() as f:
        for _ in range(n):
            begin = time.perf_counter()
            f.write(b'x'*4096); f.flush(); os.fsync(f.fileno())
            ms.append((time.perf_counter() - begin)*1e3)
    return summary(ms)


def machine() -> dict:
    found = [line.split(':', 1)[1].strip() for line in Path('/proc/cpuinfo').read_text().splitlines() if line.startswith('model name')] if Path('/proc/cpuinfo').exists() else []
    return dict(cores=os.cpu_count(), cpu=found[0] if found else platform.machine(), system=platform.system(), python=platform.python_version())


PARTS = dict(models=models, many=many, frames=frames, imports=imports)


def measure(size:dict, only_ours:bool=False, parts:list[str]=tuple(PARTS)) -> dict:
    "All figures of one run, as they are written"
    run, begin = Run(size, only_ours), time.monotonic()
    result = dict(date=datetime.date.today().isoformat(), machine=machine(), size=size, fsync_ms=fsync_price(size['syncs']))
    for part in parts:
        result[part] = PARTS[part](run)
        say(f'{part}: done after {time.monotonic() - begin:.0f} s')
    return dict(result, absent=sorted(run.absent), packages=run.packages, seconds=round(time.monotonic() - begin))


def main():
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument('--quick', action='store_true', help='small sizes: does it run?')
    ask.add_argument('--ours', action='store_true', help='only what needs no other environment')
    ask.add_argument('--only', nargs='+', choices=PARTS, default=list(PARTS), help='some parts only')
    ask.add_argument('--set', nargs='+', default=[], metavar='NAME=N', help=f'other sizes: {", ".join(FULL)}')
    ask.add_argument('--out', type=Path, help='file to write; the page reads nbs/tutorials/benchmarks.json, which a whole run writes')
    args = ask.parse_args()
    size = {**(QUICK if args.quick else FULL), **{k: int(v) for k, v in (pair.split('=') for pair in args.set)}}
    result = measure(size, args.ours, args.only)
    text = json.dumps(result, indent=1) + '\n'
    whole = size == FULL and not args.ours and len(args.only) == len(PARTS) and not result['absent']
    if args.out or whole: (args.out or ROOT/'nbs'/'tutorials'/'benchmarks.json').write_text(text)
    else: print(text)


if __name__ == '__main__': main()
