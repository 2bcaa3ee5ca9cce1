"""What starting costs: CPU seconds of imports, as ratios to an empty Python, and the tour's time and memory.

    python bench/startup.py [--tour]        (all in one run, side by side; figures are of this machine)
"""
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time

CASES = {'python': 'pass', 'import mlops_nb': 'import mlops_nb', 'MLPipelineConfig': 'from mlops_nb import MLPipelineConfig',
         'ModelRegistry': 'from mlops_nb import ModelRegistry', 'import sklearn': 'import sklearn.linear_model', 'import pandas': 'import pandas'}


def cpu(code):
    "CPU seconds, user and system, of a fresh Python that runs `code`"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, '-c', code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def imports(rounds=7):
    "Median of each case; the cases take turns, so that a busy moment hits all of them"
    times = {name: [] for name in CASES}
    for _ in range(rounds):
        for name, code in CASES.items(): times[name].append(cpu(code))
    base = statistics.median(times['python'])
    return {name: dict(cpu_s=round(statistics.median(t), 3), over_python_s=round(statistics.median(t) - base, 3), ratio=round(statistics.median(t)/base, 1))
            for name, t in times.items()}


def tour(*flags):
    "Seconds and peak memory of one tour"
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        child = subprocess.Popen([sys.executable, '-m', 'mlops_nb', 'tour', '--store', f'{folder}/tour', *flags], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        assert status == 0, status
        return dict(seconds=round(time.monotonic() - begin, 1), peak_mib=usage.ru_maxrss//1024)


result = dict(machine=f'{os.cpu_count()} cores, Python {platform.python_version()}', imports=imports())
if '--tour' in sys.argv: result.update(tour_fast=tour('--fast'), tour=tour())
print(json.dumps(result, indent=2))
