"""All tests: every notebook by nbdev_test, then tests/ by pytest; the last line counts them.

    python tools/test.py [--notebooks | --slow] [--alone] [-- PYTEST ARGUMENTS]

--notebooks: these only; --slow: only what is long by its nature; --alone: without what needs a browser or a second environment,
and without what says nothing about the requirements (the fuzz, the faults, the site, the plan of the house, the student's folder)
"""
from pathlib import Path
import os, re, signal, subprocess, sys, tempfile, time
import xml.etree.ElementTree as xml

signal.signal(signal.SIGINT, signal.default_int_handler)   # a shell that starts us in the background has it ignored, and programs inherit that
root = Path(__file__).resolve().parent.parent
args = sys.argv[1:]
extra = args[args.index('--')+1:] if '--' in args else []
tmp = tempfile.TemporaryDirectory(prefix='mlops-nb-')   # what the lessons leave behind ends with the run
env = {'OMP_NUM_THREADS': '1', **os.environ, 'TMPDIR': tmp.name, 'XDG_STATE_HOME': f'{tmp.name}/state',   # two notebooks at once: threads of both would wait for one another
       'PYTHONWARNINGS': os.environ.get('PYTHONWARNINGS', 'ignore::DeprecationWarning')}


def notebooks():
    "Run nbdev_test on all notebooks in parallel; (passed, failed)"
    found = [p for p in (root/'nbs').rglob('*.ipynb') if not any(x[0] in '._' for x in p.relative_to(root).parts)]
    begin = time.monotonic()
    run = subprocess.run([Path(sys.executable).with_name('nbdev_test'), '--n_workers', '2', '--timing'], cwd=root, env=env,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(run.stdout, flush=True)
    print(f'{len(found)} notebooks in {time.monotonic()-begin:.0f} s', flush=True)
    if run.returncode == 0: return len(found), 0
    block = run.stdout.split('nbdev Tests Failed On The Following Notebooks:')[-1]
    failed = max(1, len(re.findall(r'\.ipynb', block)))
    return len(found) - failed, failed


def pytests():
    "Run tests/ by pytest; (passed, failed, skipped)"
    left_out = 'site looks jupyterlab quarto conventions house promises fuzz fuzz_models faults bench twice course_day course_editions course_workspace'.split()
    deselect = ['-m', 'not elsewhere', *[f'--ignore=tests/test_{name}.py' for name in left_out]] if '--alone' in args else []
    if '--slow' in args: deselect.append('--slow')
    workers = (os.cpu_count() or 2) + 1            # one more than cores: tests wait for servers, browsers and children
    subprocess.run([sys.executable, '-m', 'pytest', '-q', '-rs', '-n', str(workers), '--dist', 'loadfile', 'tests', f'--junitxml={tmp.name}/junit.xml', *deselect, *extra], cwd=root, env=env)
    try: suite = xml.parse(f'{tmp.name}/junit.xml').getroot().find('testsuite').attrib
    except FileNotFoundError: return 0, 1, 0
    total, bad, skipped = int(suite['tests']), int(suite['failures']) + int(suite['errors']), int(suite['skipped'])
    return total - bad - skipped, bad, skipped


passed, failed = (0, 0) if '--slow' in args else notebooks()
skipped = 0
if '--notebooks' not in args:
    p, f, skipped = pytests()
    passed, failed = passed + p, failed + f
print(f'tests: {passed} passed, {failed} failed, {skipped} skipped')
sys.exit(1 if failed or not passed else 0)
