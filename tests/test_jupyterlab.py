"""The chapters in a real JupyterLab: opened in Chromium, Run All from the menu, every cell executed, none with an error.

One chapter by default; all of them with MLOPS_LAB_ALL=1.
"""
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen
from urllib.parse import quote
import json, os, secrets, shutil, signal, socket, subprocess, sys, time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from browser import chromium, need

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted(p.relative_to(ROOT/'nbs').as_posix() for p in (ROOT/'nbs').rglob('*.ipynb')
                  if not any(x[0] in '._' for x in p.relative_to(ROOT).parts) and p.name != 'index.ipynb')
FASTEST = min(CHAPTERS)   # core
CHOSEN = CHAPTERS if os.environ.get('MLOPS_LAB_ALL') == '1' else [FASTEST]


def free_port():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); return s.getsockname()[1]


class Lab:
    "A running JupyterLab on a folder"
    def __init__(self, port, token, folder): self.url, self.token, self.folder = f'http://127.0.0.1:{port}', token, folder

    def api(self, path):
        with urlopen(Request(f'{self.url}/api/{path}', headers={'Authorization': f'token {self.token}'}), timeout=10) as r: return json.load(r)

    def is_up(self):
        try: return bool(self.api('status'))
        except OSError: return False


@contextmanager
def jupyter_lab(tmp):
    "JupyterLab on a copy of the chapters, with its settings in `tmp` and nothing of the user's"
    folder = tmp/'chapters'
    shutil.copytree(ROOT/'nbs', folder, ignore=shutil.ignore_patterns('.*', '_*', '*.yml', '*.db*'))
    port, token = free_port(), secrets.token_hex(16)
    env = {**os.environ, 'JUPYTER_PLATFORM_DIRS': '1', 'IPYTHONDIR': str(tmp/'ipython'), 'TMPDIR': str(tmp/'tmp'), 'JUPYTER_TOKEN': token}
    for part in ('config', 'data', 'runtime'): env[f'JUPYTER_{part.upper()}_DIR'] = str(tmp/part)
    for name in ('JUPYTERLAB_SETTINGS_DIR', 'JUPYTERLAB_WORKSPACES_DIR'): env[name] = str(tmp/name)
    (tmp/'tmp').mkdir()
    command = [sys.executable, '-m', 'jupyter', 'lab', '--no-browser', '--allow-root', '--ServerApp.ip=127.0.0.1', f'--ServerApp.port={port}',
               '--ServerApp.port_retries=0', f'--ServerApp.root_dir={folder}', '--LabApp.news_url=None', '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate']
    with open(tmp/'lab.log', 'w') as log: process = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    lab = Lab(port, token, folder)
    try:
        wait(lambda: process.poll() is not None or lab.is_up(), 60, 'JupyterLab to start')
        assert process.poll() is None, (tmp/'lab.log').read_text()[-3000:]
        yield lab
    finally:
        try: os.killpg(process.pid, signal.SIGTERM); process.wait(20)
        except subprocess.TimeoutExpired: os.killpg(process.pid, signal.SIGKILL); process.wait(20)


def wait(condition, seconds, what):
    "Ask until `condition()` gives something true, and give that"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition(): return value
        time.sleep(0.1)
    raise AssertionError(f'waited {seconds} s for {what}')


def run_all(lab, browser, notebook, seconds=300):
    "Open a notebook in the browser, Run All from the menu, wait, save; what was executed, and the errors in the file and on the screen"
    context = browser.new_context(viewport={'width': 1400, 'height': 1000})
    page = context.new_page()
    try:
        page.goto(f'{lab.url}/lab/tree/{quote(notebook)}?token={lab.token}&reset')
        panel = page.locator('.jp-NotebookPanel:not(.lm-mod-hidden)')
        panel.wait_for(timeout=60_000)
        kernel = wait(lambda: session(lab, notebook), 60, f'a kernel for {notebook}')   # before that, a dialog swallows Run All
        wait(lambda: lab.api(f'kernels/{kernel}')['execution_state'] == 'idle', 60, 'an idle kernel')
        page.get_by_role('menuitem', name='Run', exact=True).click()
        page.get_by_role('menuitem', name='Run All Cells', exact=True).click()
        path = lab.folder/notebook
        def finished():
            page.keyboard.press('Control+s')
            page.wait_for_timeout(300)
            cells = code_cells(path)
            failed = any(o['output_type'] == 'error' for c in cells for o in c['outputs'])
            return (failed or all(c['execution_count'] for c in cells)) and lab.api(f'kernels/{kernel}')['execution_state'] == 'idle'
        before = path.stat().st_mtime_ns
        wait(lambda: finished() and path.stat().st_mtime_ns > before, seconds, f'every cell of {notebook}')
        cells = code_cells(path)
        return dict(executed=sum(bool(c['execution_count']) for c in cells), cells=len(cells),
                    in_order=[c['execution_count'] for c in cells] == list(range(1, len(cells)+1)),
                    errors=[f"{o['ename']}: {o['evalue']}" for c in cells for o in c['outputs'] if o['output_type'] == 'error'],
                    on_screen=panel.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"], .jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]:has-text("Traceback")').count())
    finally: context.close()


def session(lab, notebook): return next((s['kernel']['id'] for s in lab.api('sessions') if s['path'] == notebook and s['kernel']), None)


def code_cells(path): return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == 'code' and c.source.strip()]


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    need('chromium', 'chromium', '/usr/bin/chromium')
    with jupyter_lab(tmp_path_factory.mktemp('lab')) as running: yield running


@pytest.fixture(scope='module')
def browser():
    with chromium() as b: yield b


@pytest.mark.parametrize('notebook', CHOSEN)
def test_run_all_executes_every_cell_without_an_error(lab, browser, notebook):
    clear(lab.folder/notebook)
    seen = run_all(lab, browser, notebook)
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


def test_mlops_nb_lab_serves_a_copy_of_the_chapters(tmp_path):
    port, token = free_port(), secrets.token_hex(16)
    env = {**os.environ, 'JUPYTER_PLATFORM_DIRS': '1', 'JUPYTER_TOKEN': token, **{f'JUPYTER_{p.upper()}_DIR': str(tmp_path/p) for p in ('config', 'data', 'runtime')}}
    command = [sys.executable, '-m', 'mlops_nb', 'lab', '--folder', 'mine', '--no-browser', '--', '--allow-root', '--ServerApp.ip=127.0.0.1', f'--ServerApp.port={port}']
    with open(tmp_path/'lab.log', 'w') as log: process = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True)
    lab = Lab(port, token, tmp_path/'mine')
    try:
        wait(lambda: process.poll() is not None or lab.is_up(), 60, 'JupyterLab to start')
        assert process.poll() is None, (tmp_path/'lab.log').read_text()[-3000:]
        names = {item['name'] for item in lab.api('contents/')['content']}
        assert {'index.ipynb', 'tutorials', 'images'} <= names and not any(n.startswith('_') for n in names)
    finally:
        os.killpg(process.pid, signal.SIGTERM); process.wait(20)
