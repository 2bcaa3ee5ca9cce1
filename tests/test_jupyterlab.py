"""The folder of the course as JupyterLab shows it: `mlops-nb lab` in a home folder of its own, opened in Chromium. The first lesson, no news, one
thread a kernel; chapters of the book by Run All from the menu, twice in one kernel, every cell executed, none with an error.

Two chapters by default; all of them with MLOPS_LAB_ALL=1. What a student does in a lesson is in test_course_day.py.
"""
from configparser import ConfigParser
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from urllib.request import Request, urlopen
from urllib.parse import quote
import ast, json, os, secrets, signal, socket, subprocess, sys, time

import nbformat
import psutil
import pytest
from nbformat.reader import NotJSONError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from browser import chromium, need
from mlops_nb.course.progress import lessons

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted(p.relative_to(ROOT/'nbs').as_posix() for p in (ROOT/'nbs').rglob('*.ipynb')
                  if not any(x[0] in '._' for x in p.relative_to(ROOT).parts) and p.name != 'index.ipynb')
CHOSEN = CHAPTERS if os.environ.get('MLOPS_LAB_ALL') == '1' else ['01_core/1_rules.ipynb', '02_store/1_store.ipynb']


def free_port():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); return s.getsockname()[1]


class Lab:
    "A running JupyterLab on a folder"
    def __init__(self, home, folder, port, token, log='lab.log'):
        self.home, self.url, self.token, self.folder, self.log = home, f'http://127.0.0.1:{port}', token, folder, home/log

    def api(self, path, below='api'):
        with urlopen(Request(f'{self.url}/{below}/{path}', headers={'Authorization': f'token {self.token}'}), timeout=10) as r: return json.load(r)

    def is_up(self):
        try: return bool(self.api('status'))
        except OSError: return False

    def said(self): return self.log.read_text()


@contextmanager
def started(home, folder, *command):
    "JupyterLab, started by a command, with a home folder that holds nothing of the user's"
    port, token = free_port(), secrets.token_hex(16)
    env = {k: v for k, v in os.environ.items() if not k.startswith(('JUPYTER', 'IPYTHON', 'OMP_', 'XDG_'))}
    env |= {'HOME': str(home), 'TMPDIR': str(home/'tmp'), 'JUPYTER_TOKEN': token}
    (home/'tmp').mkdir()
    command = [sys.executable, '-m', *command, f'--ServerApp.port={port}', '--ServerApp.port_retries=0']
    with running(Lab(home, folder, port, token), command, env) as lab: yield lab


@contextmanager
def running(lab, command, env):
    "A JupyterLab that is up, started by this command in its home folder; it ends with the block, and its kernels with it"
    with open(lab.log, 'w') as log: lab.process = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=lab.home, start_new_session=True)
    try:
        wait(lambda: lab.process.poll() is not None or lab.is_up(), 60, 'JupyterLab to start')
        assert lab.process.poll() is None, lab.said()[-3000:]
        yield lab
    finally:
        try: os.killpg(lab.process.pid, signal.SIGTERM); lab.process.wait(20)
        except subprocess.TimeoutExpired: os.killpg(lab.process.pid, signal.SIGKILL); lab.process.wait(20)


def wait(condition, seconds, what):
    "Ask until `condition()` gives something true, and give that"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition(): return value
        time.sleep(0.1)
    raise AssertionError(f'waited {seconds} s for {what}')


def run_all(lab, browser, notebook, times=1, seconds=300):
    "Open a notebook in the browser, Run All from the menu, wait, save; what was executed, and the errors in the file and on the screen"
    context = browser.new_context(viewport={'width': 1400, 'height': 1000})
    page = context.new_page()
    try:
        page.goto(f'{lab.url}/lab/tree/{quote(notebook)}?token={lab.token}&reset')
        panel = page.locator('.jp-NotebookPanel:not(.lm-mod-hidden)')
        panel.wait_for(timeout=60_000)
        kernel = wait(lambda: session(lab, notebook), 60, f'a kernel for {notebook}')   # before that, a dialog swallows Run All
        path = lab.folder/notebook
        for done in range(times):
            wait(lambda: lab.api(f'kernels/{kernel}')['execution_state'] == 'idle', 60, 'an idle kernel')
            page.get_by_role('menuitem', name='Run', exact=True).click()
            page.get_by_role('menuitem', name='Run All Cells', exact=True).click()
            before = path.stat().st_mtime_ns
            def finished():
                page.keyboard.press('Control+s')
                page.wait_for_timeout(300)
                try: cells = code_cells(path)
                except NotJSONError: return False                     # it is just being saved
                failed = any(o['output_type'] == 'error' for c in cells for o in c['outputs'])
                counted = [c['execution_count'] or 0 for c in cells]
                return (failed or min(counted) > done*len(cells)) and lab.api(f'kernels/{kernel}')['execution_state'] == 'idle'
            wait(lambda: finished() and path.stat().st_mtime_ns > before, seconds, f'every cell of {notebook}')
        cells = code_cells(path)
        first = (times-1)*len(cells) + 1
        return dict(executed=sum((c['execution_count'] or 0) >= first for c in cells), cells=len(cells),
                    in_order=[c['execution_count'] for c in cells] == list(range(first, first+len(cells))),
                    errors=[f"{o['ename']}: {o['evalue']}" for c in cells for o in c['outputs'] if o['output_type'] == 'error'],
                    on_screen=panel.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"], .jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]:has-text("Traceback")').count())
    finally: context.close()


def session(lab, notebook): return next((s['kernel']['id'] for s in lab.api('sessions') if s['path'] == notebook and s['kernel']), None)


def code_cells(path): return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == 'code' and c.source.strip()]


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    need('chromium', 'chromium', '/usr/bin/chromium')
    home = tmp_path_factory.mktemp('lab')
    with started(home, home/'mine', 'mlops_nb', 'lab', '--folder', 'mine', '--no-browser', '--') as running: yield running


@pytest.fixture(scope='module')
def browser():
    with chromium() as b: yield b


def first_look(lab, browser):
    "What is open when the address is: tabs, the dialogs and messages that wait for an answer, requests that leave this machine"
    context = browser.new_context(viewport={'width': 1400, 'height': 1000})
    page, left = context.new_page(), []
    page.on('request', lambda r: None if r.url.startswith((lab.url, 'data:', 'blob:')) else left.append(r.url))
    try:
        page.goto(f'{lab.url}/?token={lab.token}')
        page.locator('.lm-DockPanel-tabBar .lm-TabBar-tabLabel').first.wait_for(timeout=60_000)
        page.wait_for_timeout(5_000)                                   # the question about news comes some seconds late
        return dict(address=page.url.removeprefix(lab.url), tabs=page.locator('.lm-DockPanel-tabBar .lm-TabBar-tabLabel').all_inner_texts(),
                    asks=page.locator('.jp-Dialog, .Toastify__toast').count(), left=left, page=page.locator('.jp-NotebookPanel').all_inner_texts())
    finally: context.close()


def test_the_first_lesson_opens_and_nobody_is_asked_about_news(lab, browser):
    "The first look at a new folder, so it is the first test; and no settings are written into the home folder"
    seen, first = first_look(lab, browser), f'{lessons()[0]}.ipynb'
    assert (seen['address'], seen['tabs'], seen['asks'], seen['left']) == (f'/lab/tree/{first}', [first], 0, [])
    assert nbformat.read(lab.folder/first, as_version=4).cells[0].source.split('\n')[0].strip('# ') in seen['page'][0]
    assert not (lab.home/'.jupyter').exists()
    names = {item['name'] for item in lab.api('contents/')['content']}
    assert names == {'index.ipynb', 'book', 'progress.json', *(f'{n}.ipynb' for n in lessons())}
    assert {'index.ipynb', 'tutorials', 'images'} <= {item['name'] for item in lab.api('contents/book')['content']}


@pytest.mark.parametrize('notebook', CHOSEN)
def test_run_all_twice_executes_every_cell_without_an_error(lab, browser, notebook):
    clear(lab.folder/'book'/notebook)
    seen = run_all(lab, browser, f'book/{notebook}', times=2)
    assert seen['errors'] == [] and seen['on_screen'] == 0
    assert seen['executed'] == seen['cells'] > 0 and seen['in_order']


def clear(path):
    "Remove what was saved, so that an output that is seen afterwards was made here"
    nb = nbformat.read(path, as_version=4)
    for cell in nb.cells:
        if cell.cell_type == 'code': cell.outputs, cell.execution_count = [], None
    nbformat.write(nb, path)


def test_a_cell_that_fails_is_reported(lab, browser):
    "The red proof: the same function on a notebook whose second cell divides by zero"
    nb = new_notebook(cells=[new_markdown_cell('# red'), new_code_cell('1 + 1'), new_code_cell('1/0'), new_code_cell('"never reached"')],
                      metadata={'kernelspec': {'name': 'python3', 'display_name': 'python3', 'language': 'python'}})
    nbformat.write(nb, lab.folder/'red.ipynb')
    seen = run_all(lab, browser, 'red.ipynb', seconds=60)
    assert seen['errors'] == ['ZeroDivisionError: division by zero'] and seen['on_screen'] == 1
    assert seen['executed'] < seen['cells'] == 3


def test_jupyterlab_by_itself_shows_the_launcher_and_asks(browser, tmp_path):
    "The red proof: without what `mlops-nb lab` tells it"
    with started(tmp_path, tmp_path, 'jupyterlab', '--no-browser', '--allow-root') as plain:
        seen = first_look(plain, browser)
        assert seen['tabs'] == ['Launcher'] and seen['asks'] == 1


def test_a_kernel_has_the_threads_of_the_tour(lab, browser):
    "One, where the user has not said another number"
    nb = new_notebook(cells=[new_code_cell('import os\nos.environ["OMP_NUM_THREADS"]')], metadata={'kernelspec': {'name': 'python3', 'display_name': 'python3', 'language': 'python'}})
    nbformat.write(nb, lab.folder/'threads.ipynb')
    run_all(lab, browser, 'threads.ipynb', seconds=60)
    assert code_cells(lab.folder/'threads.ipynb')[0].outputs[0]['data']['text/plain'] == "'1'"


def test_it_saves_each_twenty_seconds(lab):
    "JupyterLab merges our defaults into its own; a check in a terminal reads what was saved"
    said = lab.api('@jupyterlab/docmanager-extension:plugin', below='lab/api/settings')
    assert said['schema']['properties']['autosaveInterval']['default'] == 20 and 'not found' not in said.get('warning', '')


def test_it_listens_on_loopback_and_says_so_to_root(lab):
    "Root is refused by JupyterLab itself; where this test is not root's, nothing need be said"
    assert f'{lab.url}/lab/tree/{lessons()[0]}.ipynb?token=' in lab.said()
    assert ('You are root' in lab.said()) == (os.geteuid() == 0)
    listening = {c.laddr.ip for c in psutil.net_connections('tcp') if c.status == psutil.CONN_LISTEN and c.laddr.port == int(lab.url.rpartition(':')[2])}
    assert listening == {'127.0.0.1'}


# ---- what `make lab` installs


def needs(names, seen=None):
    "The distributions that these requirements bring along, themselves included, as far as they are installed here"
    seen = set() if seen is None else seen
    for name in (Requirement(n) for n in names):
        key = canonicalize_name(name.name)
        if key in seen or name.marker and not name.marker.evaluate({'extra': ''}): continue
        seen.add(key)
        try: needs(distribution(key).requires or [], seen)
        except PackageNotFoundError: pass
    return seen


def imported_at_once(source):
    "The packages that a cell imports whenever it runs: not inside of a function, a `try` or an `if`"
    for n in ast.parse('\n'.join(line for line in source.splitlines() if line[:1] not in ('%', '!'))).body:
        if isinstance(n, ast.Import): yield from (a.name.partition('.')[0] for a in n.names)
        elif isinstance(n, ast.ImportFrom): yield n.module.partition('.')[0]


def test_make_lab_installs_what_the_notebooks_import():
    "And what a student need not have stays out: the tools of developers"
    ini = ConfigParser(delimiters=['=']); ini.read(ROOT/'settings.ini', encoding='utf8')
    there = needs(f"{ini['DEFAULT']['requirements']} {ini['DEFAULT']['lab_requirements']}".split())
    home, missing = packages_distributions(), {}
    for nb in (ROOT/'nbs').rglob('*.ipynb'):
        if any(x[0] in '._' for x in nb.relative_to(ROOT).parts): continue
        for cell in code_cells(nb):
            for name in imported_at_once(cell.source):
                if name in sys.stdlib_module_names or name == 'mlops_nb': continue
                if not there & {canonicalize_name(d) for d in home.get(name, [])}: missing.setdefault(name, nb.name)
    assert missing == {}
    assert {'jupyterlab', 'ipywidgets', 'scikit-learn'} <= there and not {'nbdev', 'pytest', 'playwright', 'moto'} & there
