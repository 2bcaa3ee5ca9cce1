"""A student's day: the wheel in an environment of its own, `mlops-nb course start`, JupyterLab in Chromium. An exercise answered wrong, then right; the
kernel killed in the middle of a check; the evening, and resume; the lesson finished; the tour on the student's code.

The same with no network but loopback, and with the package upgraded between two days: `make test-slow`.
"""
from contextlib import contextmanager
from pathlib import Path
import json, os, re, shutil, subprocess, sys, time, venv

import psutil
import pytest

from browser import chromium, need
from test_jupyterlab import Lab, free_port, running, wait

ROOT = Path(__file__).resolve().parent.parent
NAME = 'distance'
ALONE = 'MLOPS_TEST_DAY_ALONE'        # set in the child that has no network


# ---- the wheel, and an environment that has it


def build(to, change=lambda tree: None):
    "The wheel of this tree, of a copy that `change` may alter first"
    tree = to/'tree'
    for name in ('mlops_nb', 'nbs', 'tools'): shutil.copytree(ROOT/name, tree/name, ignore=shutil.ignore_patterns('__pycache__', '.ipynb_checkpoints', '_course', '_chapters'))
    for name in ('setup.py', 'settings.ini', 'README.md', 'LICENSE'): shutil.copy(ROOT/name, tree)
    change(tree)
    here = subprocess.run([sys.executable, '-c', 'import setuptools, wheel'], capture_output=True).returncode == 0
    ran = subprocess.run([sys.executable, '-m', 'build', '--wheel', *['--no-isolation']*here, '--outdir', to/'dist', tree], cwd=to, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    [wheel] = (to/'dist').glob('*.whl')
    return wheel


def environment(folder):
    "A new environment, which takes the libraries of this one and not its mlops_nb"
    venv.create(folder, with_pip=False, symlinks=True)
    [site] = folder.glob('lib/python*/site-packages')
    (site/'libraries.pth').write_text('\n'.join(p for p in sys.path if p.endswith(('site-packages', 'dist-packages'))))
    for data in {Path(sys.prefix)/'share'/'jupyter', *(Path(p).parents[2]/'share'/'jupyter' for p in sys.path if p.endswith('site-packages'))}:
        if (data/'lab').is_dir() and not (folder/'share').exists(): (folder/'share').mkdir(); (folder/'share'/'jupyter').symlink_to(data)
    return folder


def install(folder, wheel):
    "The wheel alone, into the environment"
    ran = subprocess.run([sys.executable, '-m', 'pip', '--python', folder/'bin'/'python', 'install', '--quiet', '--no-deps', '--no-index', '--force-reinstall', '--disable-pip-version-check', wheel],
                         capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


class Student:
    "A home folder, an environment, and what is typed in a terminal there"
    def __init__(self, home, env):
        self.home, self.env, self.folder = home, env, home/'mlops-lab'
        self.vars = {k: v for k, v in os.environ.items() if not k.startswith(('JUPYTER', 'IPYTHON', 'OMP_', 'XDG_', 'MLOPS_', 'PYTHON', 'VIRTUAL_ENV'))}
        self.vars |= {'HOME': str(home), 'TMPDIR': str(home/'tmp'), 'PATH': f"{env/'bin'}{os.pathsep}{os.environ['PATH']}"}
        (home/'tmp').mkdir(parents=True)

    def types(self, line, code=0):
        ran = subprocess.run(line, shell=True, cwd=self.home, env=self.vars, capture_output=True, text=True, timeout=180)
        assert ran.returncode == code, f'{line}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}'
        return ran

    def outcomes(self):
        told = json.loads(self.types('mlops-nb course status --json').stdout)
        return {e['name']: e['outcome'] for row in told['lessons'] if row['name'] == NAME for e in row['exercises']}

    def progress(self): return json.loads((self.folder/'progress.json').read_text())

    @contextmanager
    def opens(self, verb, *lesson):
        "JupyterLab, started by a command of the course"
        port, token = free_port(), 'token'
        line = ['mlops-nb', 'course', verb, *lesson, '--no-browser', '--', f'--ServerApp.port={port}', '--ServerApp.port_retries=0', '--LabApp.expose_app_in_browser=True']
        with running(Lab(self.home, self.folder, port, token, f'{verb}.log'), line, self.vars | {'JUPYTER_TOKEN': token}) as lab: yield lab


# ---- the notebook in the browser


class Page:
    "The lesson that opens, as it is seen and typed into"
    def __init__(self, lab, browser):
        self.lab, self.left = lab, []
        self.page = browser.new_context(viewport={'width': 1400, 'height': 1000}).new_page()
        self.page.on('request', lambda r: None if r.url.startswith((lab.url, 'data:', 'blob:')) else self.left.append(r.url))
        self.page.goto(f'{lab.url}/?token={lab.token}')
        self.page.locator('.jp-NotebookPanel:not(.lm-mod-hidden)').wait_for(timeout=60_000)
        wait(lambda: self.kernels() and self.state() == 'idle', 60, 'a kernel')
        self.page.wait_for_function('() => jupyterapp.shell.currentWidget?.content?.widgets?.length > 5 && jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.connectionStatus == "connected"')

    def kernels(self): return [s['kernel'] for s in self.lab.api('sessions') if s['kernel']]
    def state(self): return self.kernels()[0]['execution_state']
    def address(self): return self.page.url.removeprefix(self.lab.url).partition('?')[0]

    def to(self, text):
        "Select the cell of code that is a text, or else the first that holds it, and have it on the screen; its number"
        n = self.page.evaluate('''text => { const nb = jupyterapp.shell.currentWidget.content;
            const said = nb.widgets.map(w => w.model.type == 'code' ? w.model.sharedModel.getSource() : '');
            const i = said.includes(text) ? said.indexOf(text) : said.findIndex(s => s.includes(text)); if (i < 0) return i;
            nb.deselectAll(); nb.activeCellIndex = i; nb.scrollToItem(i, 'center'); return i }''', text)
        assert n >= 0, f'no cell with {text!r}'
        self.cell().wait_for(timeout=10_000)
        return n

    def cell(self): return self.page.locator('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell.jp-mod-active')

    def write(self, text, source):
        "Other words into the cell that holds a text: by keyboard"
        self.to(text)
        self.cell().locator('.cm-content').click()
        self.page.keyboard.press('Control+a')
        self.page.keyboard.insert_text(source)
        wait(lambda: self.source() == source, 10, 'the words to be there')

    def source(self): return self.page.evaluate('() => jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource()')

    def press_run(self):
        "Ctrl+Enter in the selected cell"
        self.page.keyboard.press('Escape')
        self.page.keyboard.press('Control+Enter')

    def run(self, text, seconds=60):
        "Run the cell that holds a text and wait for it; what stands below it"
        self.to(text)
        before = self.counted()
        self.press_run()
        wait(lambda: self.counted() not in (None, before), seconds, f'{text!r} to have run')
        self.page.wait_for_timeout(200)
        return self.below()

    def counted(self): return self.page.evaluate('() => jupyterapp.shell.currentWidget.content.activeCell.model.executionState == "running" ? null : jupyterapp.shell.currentWidget.content.activeCell.model.executionCount')
    def below(self): return '\n'.join(self.cell().locator('.jp-OutputArea-output').all_inner_texts())

    def menu(self, *names):
        for name in names: self.page.get_by_role('menuitem', name=name, exact=True).click()

    def save(self):
        path = self.lab.folder/f'{NAME}.ipynb'
        self.page.evaluate('() => jupyterapp.commands.execute("docmanager:save")')
        return json.loads(path.read_text())

    def run_all(self, seconds=120):
        "Run All from the menu; the saved cells of code"
        self.menu('Run', 'Run All Cells')
        def finished():
            cells = [c for c in self.save()['cells'] if c['cell_type'] == 'code' and ''.join(c['source']).strip()]
            failed = any(o['output_type'] == 'error' for c in cells for o in c['outputs'])
            counts = [c['execution_count'] or 0 for c in cells]
            return (failed or counts == sorted(counts) and counts[0] > start and len(set(counts)) == len(counts)) and self.state() == 'idle' and cells
        start = max(c['execution_count'] or 0 for c in self.save()['cells'] if c['cell_type'] == 'code')
        return wait(lambda: (time.sleep(.4), finished())[1], seconds, 'every cell')


def errors(cells): return [f"{o['ename']}: {o['evalue']}" for c in cells for o in c['outputs'] if o['output_type'] == 'error']


def answer(exercise, source):
    "A cell as a student leaves it: the decorators of the lesson, and another body"
    return f"@exercise('{exercise['name']}')\n{source.strip()}"


def hangs(exercise): return exercise['stub'].replace('raise NotImplementedError', 'import time\n    while True: time.sleep(.1)')


# ---- the day


@pytest.fixture(scope='module')
def wheel(tmp_path_factory): return build(tmp_path_factory.mktemp('wheel'))


@pytest.fixture
def student(tmp_path, wheel):
    need('chromium', 'chromium', '/usr/bin/chromium')
    env = environment(tmp_path/'env')
    install(env, wheel)
    return Student(tmp_path/'home', env)


def lesson_of(student):
    "What the installed package says of the lesson, read from outside of it"
    [path] = student.env.glob(f'lib/python*/site-packages/mlops_nb/_course/{NAME}.json')
    return json.loads(path.read_text())


def test_a_day_of_a_student(student):
    first = student.types('mlops-nb course status --json')
    assert set(student.outcomes().values()) == {'not tried'} and json.loads(first.stdout)['lessons'] and not student.folder.exists()
    lesson = lesson_of(student)
    one, two = [e for e in lesson['exercises'] if e['cls'] is None][:2]
    others, wrong = [e for e in lesson['exercises'] if e not in (one, two)], one['wrong'][0]

    with chromium() as browser:
        with student.opens('start', NAME) as lab:                                                  # the morning
            page = Page(lab, browser)
            assert page.address() == f'/lab/tree/{NAME}.ipynb'
            page.to(f"@exercise('{one['name']}')"); page.menu('Run', 'Run All Above Selected Cell')
            predicts(page, lesson['predictions'][0])
            short = one['name'].partition('.')[2]
            page.run(f"@exercise('{one['name']}')")
            assert 'not tried' in page.run(f"check('{short}')").lower()
            page.write(f"@exercise('{one['name']}')", answer(one, wrong['source']))
            assert page.run(f"@exercise('{one['name']}')") == ''
            said = page.run(f"check('{short}')")
            assert 'wrong' in said.lower() and squeezed(wrong['says']) in squeezed(said), said
            page.write(f"@exercise('{one['name']}')", answer(one, one['solution'])); page.run(f"@exercise('{one['name']}')")
            assert 'right' in page.run(f"check('{short}')").lower()
            page.save()
            kept = student.progress()['exercises'][one['name']]
            assert (kept['outcome'], kept['attempts']) == ('right', 2)
            killed_in_the_middle_of_a_check(student, page, two)
            page.save()
            assert page.left == [], 'the page asked for something that is not on this machine'
        assert student.outcomes() == {e['name']: 'right' if e is one else 'not tried' for e in lesson['exercises']}

        with student.opens('resume') as lab:                                                 # after lunch
            page = Page(lab, browser)
            assert page.address() == f'/lab/tree/{NAME}.ipynb' and 'while True' in ''.join(map(str, page.save()['cells']))
            for e in (two, *others): page.write(f"@exercise('{e['name']}')", answer(e, e['solution']))
            cells = page.run_all()
            assert errors(cells) == []
            assert set(student.outcomes().values()) == {'right'}
    assert student.types(f'mlops-nb course check {NAME}').stdout.lower().count('right') >= len(lesson['exercises'])
    tours(student, lesson)


def squeezed(text): return re.sub(r'\s+', ' ', text).strip()


def predicts(page, prediction):
    "A prediction by a click, then the value beside it"
    short = prediction['name'].partition('.')[2]
    page.run(f"predict('{short}')")
    page.cell().get_by_text(prediction['options'][1], exact=True).first.click()
    kept = wait(lambda: json.loads((page.lab.folder/'progress.json').read_text())['predictions'], 10, 'the prediction to be kept')
    assert [*kept] == [prediction['name']]
    shown = page.run(f"reveal('{short}'")
    assert prediction['options'][1] in shown, shown


def killed_in_the_middle_of_a_check(student, page, exercise):
    "One attempt is the price, and the kernel comes back by itself"
    short = exercise['name'].partition('.')[2]
    page.write(f"@exercise('{exercise['name']}')", answer(exercise, hangs(exercise))); page.run(f"@exercise('{exercise['name']}')")
    [kernel] = [p for p in psutil.Process(page.lab.process.pid).children(recursive=True) if 'ipykernel_launcher' in ' '.join(p.cmdline())]
    page.to(f"check('{short}')"); page.press_run()
    wait(lambda: student.progress()['exercises'].get(exercise['name'], {}).get('attempts'), 20, 'the check to begin')
    kernel.kill()
    kept = student.progress()['exercises'][exercise['name']]
    assert (kept['attempts'], kept['outcome']) == (1, 'not tried')
    wait(lambda: page.kernels() and page.state() == 'idle', 60, 'another kernel')
    dialog = page.page.locator('.jp-Dialog').get_by_role('button', name='Ok')
    if dialog.count(): dialog.click()


def tours(student, lesson):
    "The year of flights on the student's functions, which are named"
    assert json.loads(student.types('mlops-nb course use mine --json').stdout)['mine'] == [e['name'] for e in lesson['exercises']]
    ran = student.types('mlops-nb tour --fast --mine')
    said = ran.stdout + ran.stderr
    for e in lesson['exercises']: assert e['name'] in said, f'the tour does not say that {e["name"]} was the student\'s:\n{said}'
    assert (student.home/'tour'/'report.html').stat().st_size > 10_000


@pytest.mark.slow
def test_a_day_without_a_network():
    "The same test, in a child that has the loopback interface only"
    if os.environ.get(ALONE): pytest.skip('this is the child')
    alone = ['unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']
    if subprocess.run([*alone, 'true'], capture_output=True).returncode: pytest.skip('this system gives no network namespace')
    probe = "import socket; s = socket.create_connection(('192.0.2.1', 80), 2)"
    assert b'unreachable' in subprocess.run([*alone, sys.executable, '-c', probe], capture_output=True).stderr          # there is none
    ran = subprocess.run([*alone, sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', f'{__file__}::test_a_day_of_a_student'], env=os.environ | {ALONE: '1'}, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0 and '1 passed' in ran.stdout, ran.stdout[-4000:]


@pytest.mark.slow
def test_a_second_day_with_a_newer_package(student, tmp_path):
    "The lesson that was worked on is named and stays, its answers go on; what nobody touched is new"
    def newer(tree):
        ini = (tree/'settings.ini').read_text(); version = re.search(r'^version = (.*)$', ini, re.M)[1]
        (tree/'settings.ini').write_text(ini.replace(f'version = {version}', 'version = 99.0.0'))
        init = tree/'mlops_nb'/'__init__.py'; init.write_text(init.read_text().replace(f"'{version}'", "'99.0.0'").replace(f'"{version}"', "'99.0.0'"))
        [path] = (tree/'nbs').glob(f'*/[0-9]_{NAME}.ipynb')
        nb = json.loads(path.read_text()); last = max(i for i, c in enumerate(nb['cells']) if c['cell_type'] == 'markdown')
        nb['cells'][last]['source'] = [*nb['cells'][last]['source'], '\n\nA sentence of another year.']
        path.write_text(json.dumps(nb, indent=1))
    lesson = lesson_of(student)
    one = lesson['exercises'][0]
    student.types('mlops-nb course start --no-lab'); student.types('mlops-nb course start --no-lab --folder untouched')
    path = student.folder/f'{NAME}.ipynb'
    nb = json.loads(path.read_text())
    cell = next(c for c in nb['cells'] if f"@exercise('{one['name']}')" in ''.join(c['source'])); cell['source'] = answer(one, one['solution'])
    path.write_text(json.dumps(nb)); student.types(f"mlops-nb course check {NAME} {one['function']}")
    before = path.read_bytes()

    install(student.env, build(tmp_path/'newer', newer))
    assert '99.0.0' in student.types('mlops-nb --version').stdout
    said = student.types('mlops-nb course start --no-lab').stderr
    assert f'Yours stay.' in said and f'\n  {NAME}\n' in said and path.read_bytes() == before
    [chapter] = student.folder.glob(f'book/*/[0-9]_{NAME}.ipynb'); assert 'of another year' in chapter.read_text()
    shown = json.loads(student.types(f'mlops-nb course diff {NAME} --json').stdout)
    assert '+A sentence of another year.' in shown['new'] and 'another year' not in shown['yours'] and shown['yours']
    assert student.outcomes()[one['name']] == 'right'
    student.types('mlops-nb course start --no-lab --folder untouched')
    assert 'of another year' in (student.home/'untouched'/f'{NAME}.ipynb').read_text()
    with chromium() as browser, student.opens('resume') as lab:
        page = Page(lab, browser)
        page.to(f"@exercise('{one['name']}')"); page.menu('Run', 'Run All Above Selected Cell'); page.run(f"@exercise('{one['name']}')")
        assert 'right' in page.run(f"check('{one['function']}')").lower()
    student.types(f'mlops-nb course reset {NAME}')
    assert 'of another year' in path.read_text() and (student.folder/'backup'/'1'/path.name).exists() and student.outcomes()[one['name']] == 'not tried'
