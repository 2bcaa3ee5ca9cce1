"""The folder of a student, over the days: what is kept, what is replaced, what is named. On the lessons as they were built, through the commands;
what needs a process of its own (a kill, two starts at once) has one. The rooms `progress` and `workspace` test each rule by itself."""
from pathlib import Path
import json, os, re, shutil, signal, subprocess, sys, tempfile, time

from click.testing import CliRunner
import pytest

from mlops_nb.cli.main import main
from mlops_nb.course import progress, workspace

NAME = progress.lessons()[-1]                      # whichever: nothing here knows a lesson by its name
LESSON = progress.lesson(NAME)
PLAIN = [e for e in LESSON['exercises'] if e['cls'] is None]
FIRST, SECOND = PLAIN[:2]


def call(*args, code=0):
    result = CliRunner().invoke(main, ['course', *map(str, args)])
    assert result.exit_code == code, result.output
    return result


def start(folder): return call('start', '--no-lab', '--folder', folder)


@pytest.fixture(scope='module')
def started(tmp_path_factory):
    folder = tmp_path_factory.mktemp('course')/'mlops-lab'
    start(folder)
    return folder


@pytest.fixture
def mine(started, tmp_path, monkeypatch):
    "A folder of the course as the working folder"
    shutil.copytree(started, tmp_path/'mlops-lab')
    monkeypatch.chdir(tmp_path/'mlops-lab')
    return tmp_path/'mlops-lab'


def cells(folder): return json.loads((folder/f'{NAME}.ipynb').read_text())


def save(folder, nb): (folder/f'{NAME}.ipynb').write_text(json.dumps(nb))


def code(source): return dict(cell_type='code', id=f'x{abs(hash(source)) % 10**9}', metadata={}, outputs=[], execution_count=None, source=source)


def place(nb, exercise): return next(i for i, c in enumerate(nb['cells']) if f"@exercise('{exercise['name']}')" in ''.join(c['source']))


def write(folder, exercise, source):
    "What a student does: another body in the cell of the exercise, saved; the number of that cell"
    nb = cells(folder)
    i = place(nb, exercise)
    nb['cells'][i]['source'] = f"@exercise('{exercise['name']}')\n{source}"
    save(folder, nb)
    return i + 1


def outcomes(folder=None):
    "Name -> outcome, as `status --json` says"
    told = json.loads(call('status', '--json', *(['--folder', folder] if folder else [])).stdout)
    return {e['name']: e['outcome'] for row in told['lessons'] for e in row['exercises']}


def hangs(exercise):
    "An answer that never ends"
    return re.sub(r'raise NotImplementedError.*', 'import time\n    time.sleep(60)', exercise['stub'])


def text(folder): return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob('*') if p.is_file() and '.mlops-nb' not in p.parts}


# ---- the first day


def test_without_a_folder_every_exercise_is_not_tried_and_nothing_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = json.loads(call('status', '--json').stdout)
    assert told.keys() == {'lessons'} and [row.keys() for row in told['lessons']] == [{'name', 'title', 'exercises'}]*len(told['lessons'])
    assert [row['name'] for row in told['lessons']] == progress.lessons()
    assert all(e.keys() == {'name', 'outcome'} and e['outcome'] == 'not tried' and e['name'].startswith(f"{row['name']}.") for row in told['lessons'] for e in row['exercises'])
    assert f'Next: {progress.lessons()[0]}.' in call('status').stdout and list(tmp_path.iterdir()) == []


def test_a_lesson_without_exercises_is_done_when_its_predictions_are_made(mine):
    asked = progress.lesson('tour')['predictions']
    assert next(row for row in json.loads(call('status', '--json').stdout)['lessons'] if row['name'] == 'tour')['exercises'] == []
    assert '3 predictions, 45 minutes' in json.loads((mine/'index.ipynb').read_text())['cells'][0]['source']
    assert 'tour has no exercises' in call('check', 'tour').stdout and json.loads(call('check', 'tour', '--json').stdout) == []
    assert workspace.upcoming() == 'tour' and re.search(r'tour +0 of 3 predicted', call('status').stdout)
    for n, p in enumerate(asked):
        assert workspace.upcoming() == 'tour'
        progress.predicted(p['name'], None if n else p['options'][0])             # to skip is to answer
    assert re.search(r'tour +3 of 3 predicted', call('status').stdout) and workspace.upcoming() == progress.lessons()[1]
    call('reset', 'tour'); assert workspace.upcoming() == 'tour'


def test_a_start_makes_what_a_student_needs(mine):
    assert {p.name for p in mine.iterdir()} == {'index.ipynb', 'progress.json', 'book', '.mlops-nb', *(f'{n}.ipynb' for n in progress.lessons())}
    assert json.loads((mine/'progress.json').read_text()) == dict(schema=1, exercises={}, predictions={})
    for nb in mine.glob('*.ipynb'):                            # no link leads to nowhere
        for cell in json.loads(nb.read_text())['cells']:
            for link in re.findall(r'\]\((?![a-z]+:|#)([^)#\s]+)', ''.join(cell['source']) if cell['cell_type'] == 'markdown' else ''):
                assert (mine/link).exists(), f'{nb.name} links {link}'


def test_every_command_of_the_page_of_the_course_is_one(mine):
    words = ''.join(''.join(c['source']) for c in json.loads((mine/'index.ipynb').read_text())['cells'])
    found = re.findall(r'`mlops-nb course ([^`]*)`', words)
    assert len(found) >= 3
    for line in found: assert CliRunner().invoke(main, ['course', *line.split()]).exit_code in (0, 1), line


def test_a_stub_is_not_tried_and_is_no_attempt(mine):
    assert {t['outcome'] for t in json.loads(call('check', NAME, '--json', code=1).stdout)} == {'not tried'}
    assert progress.record(mine)['exercises'] == {}


def test_right_wrong_and_error_are_told_from_the_file_and_kept(mine):
    assert write(mine, FIRST, FIRST['solution']) and 'right' in call('check', NAME, FIRST['function']).stdout
    wrong = FIRST['wrong'][0]
    write(mine, FIRST, wrong['source'])
    result = call('check', NAME, FIRST['name'], code=1)
    assert wrong['says'] in result.stdout and outcomes()[FIRST['name']] == 'wrong'
    number = write(mine, FIRST, re.sub(r'raise NotImplementedError.*', 'nothing = 1\n    return nothing.at_all', FIRST['stub']))
    [told] = json.loads(call('check', NAME, FIRST['name'], '--json', code=1).stdout)
    assert told['outcome'] == 'error' and told['where'] == f'{NAME}.ipynb, cell {number}' and 'at_all' in told['says']
    assert ''.join(cells(mine)['cells'][number-1]['source']).splitlines()[told['line']-1].strip() == 'return nothing.at_all'
    assert progress.record(mine)['exercises'][FIRST['name']]['attempts'] == 3


def test_a_syntax_error_in_the_students_file_is_an_error_with_cell_and_line(mine):
    number = write(mine, FIRST, FIRST['stub'].replace('raise NotImplementedError', 'return (1'))
    [told] = json.loads(call('check', NAME, FIRST['function'], '--json', code=1).stdout)
    assert told['outcome'] == 'error' and told['where'] == f'{NAME}.ipynb, cell {number}' and told['line']
    write(mine, SECOND, SECOND['solution'])
    assert {t['name']: t['outcome'] for t in json.loads(call('check', NAME, '--json', code=1).stdout)}[SECOND['name']] == 'right'    # the others are checked all the same


# ---- accidents of notebooks


def test_an_answer_survives_what_happens_to_cells(mine):
    nb = cells(mine)
    del nb['cells'][place(nb, FIRST)]                                                   # deleted
    save(mine, nb)
    assert json.loads(call('check', NAME, FIRST['function'], '--json', code=1).stdout)[0]['outcome'] == 'not tried'
    nb['cells'] += [code(FIRST['wrong'][0]['source']), code(f"x = 1\n\n{FIRST['solution']}")]   # doubled, retyped without the decorator, joined with another
    nb['cells'][-1]['metadata'] = {}
    save(mine, nb)
    assert json.loads(call('check', NAME, FIRST['function'], '--json').stdout)[0]['outcome'] == 'right'
    nb['cells'].append(dict(nb['cells'][-1], cell_type='raw'))                          # another type is no answer
    nb['cells'][-1]['source'] = FIRST['wrong'][0]['source']
    save(mine, nb)
    assert json.loads(call('check', NAME, FIRST['function'], '--json').stdout)[0]['outcome'] == 'right'


# ---- stop and resume


def test_a_kill_in_the_middle_of_a_check_costs_one_attempt(mine):
    write(mine, FIRST, FIRST['solution']); call('check', NAME, FIRST['function'])
    write(mine, FIRST, hangs(FIRST))
    child = subprocess.Popen([sys.executable, '-m', 'mlops_nb', 'course', 'check', NAME, FIRST['function']], cwd=mine, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 30
    while progress.record(mine)['exercises'][FIRST['name']]['attempts'] < 2 and time.monotonic() < end: time.sleep(.05)
    child.send_signal(signal.SIGKILL)
    assert child.wait(10) == -signal.SIGKILL
    kept = json.loads((mine/'progress.json').read_text())['exercises'][FIRST['name']]
    assert (kept['attempts'], kept['outcome']) == (2, 'right') and not list(mine.glob('.tmp-*'))
    write(mine, FIRST, FIRST['solution'])
    assert call('check', NAME, FIRST['function']) and progress.record(mine)['exercises'][FIRST['name']]['attempts'] == 3


@pytest.mark.parametrize('broken', ['', '{"schema": 1, "exercises": {"x', '{"schema": 1, "exercises": [], "predictions": {}}', None])
def test_a_broken_or_lost_progress_is_made_again_from_the_notebooks(mine, broken):
    write(mine, FIRST, FIRST['solution']); write(mine, SECOND, SECOND['wrong'][0]['source'])
    call('check', NAME, code=1)
    before = outcomes()
    (mine/'progress.json').unlink() if broken is None else (mine/'progress.json').write_text(broken)
    result = call('status')
    assert outcomes() == before and [before[e['name']] for e in (FIRST, SECOND)] == ['right', 'wrong']
    if broken is None: return
    assert (mine/'progress.broken-1.json').read_text() == broken and 'it is now progress.broken-1.json' in result.stderr
    assert 'progress.broken' not in call('status').stderr


def test_a_renamed_exercise_keeps_what_was_done(mine, monkeypatch):
    write(mine, FIRST, FIRST['solution']); call('check', NAME, FIRST['function'])
    old = json.loads((mine/'progress.json').read_text())
    old['exercises'][f'{NAME}.older'] = old['exercises'].pop(FIRST['name'])
    (mine/'progress.json').write_text(json.dumps(old))
    assert outcomes()[FIRST['name']] == 'not tried'
    monkeypatch.setattr(progress, '_RENAMED', {f'{NAME}.older': FIRST['name']})
    assert outcomes()[FIRST['name']] == 'right'


def test_resume_goes_on_where_the_work_was(mine, monkeypatch):
    monkeypatch.setattr('os.execve', lambda program, words, env: None)
    write(mine, FIRST, FIRST['wrong'][0]['source']); call('check', NAME, code=1)
    (mine/'book'/'08_drift').mkdir(exist_ok=True, parents=True); monkeypatch.chdir(mine/'book'/'08_drift')       # from anywhere below
    assert f'Go on with {NAME}.ipynb.' in call('resume').stderr
    assert json.loads((mine/'.mlops-nb'/'jupyter_lab_config.json').read_text())['LabApp']['default_url'] == f'/lab/tree/{NAME}.ipynb'
    assert f'{FIRST["name"].split(".", 1)[1]}' in call('status').stdout and '1 attempt' in call('status').stdout


# ---- nothing is overwritten


def test_start_changes_nothing_that_is_there(mine):
    write(mine, FIRST, FIRST['solution']); call('check', NAME, FIRST['function'])
    (mine/'notes.txt').write_text('mine'); (mine/'index.ipynb').write_text('scribbled'); (mine/'book'/'index.ipynb').write_text('scribbled too')
    before = text(mine)
    start(mine)
    assert text(mine) == before


def test_two_starts_at_once_make_one_folder(tmp_path):
    command = [sys.executable, '-m', 'mlops_nb', 'course', 'start', '--no-lab', '--folder', tmp_path/'both']
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [c.communicate(timeout=120) for c in children]
    assert [c.returncode for c in children] == [0, 0], said
    start(tmp_path/'alone'); assert text(tmp_path/'both') == text(tmp_path/'alone')


def test_a_reset_keeps_a_backup_each_time(mine):
    for n in (1, 2):
        write(mine, FIRST, FIRST['solution']); call('check', NAME, FIRST['function'])
        was = (mine/f'{NAME}.ipynb').read_bytes(), (mine/'progress.json').read_bytes()
        said = json.loads(call('reset', NAME, '--json').stdout)
        assert said == dict(lessons=[NAME], backup=(mine/'backup'/str(n)).as_posix())
        assert ((mine/'backup'/str(n)/f'{NAME}.ipynb').read_bytes(), (mine/'backup'/str(n)/'progress.json').read_bytes()) == was
        assert (mine/f'{NAME}.ipynb').read_bytes() == (progress.shelf()/'student'/f'{NAME}.ipynb').read_bytes() and set(outcomes().values()) == {'not tried'}


# ---- an upgrade


def test_a_folder_of_the_older_mlops_nb_lab_keeps_all_that_is_in_it(tmp_path, monkeypatch):
    "It had the chapters where the lessons are now, with a list of what had been copied"
    monkeypatch.chdir(tmp_path)
    old = tmp_path/'mlops-lab'
    shutil.copytree(workspace.chapters(), old, ignore=shutil.ignore_patterns('.*', '_*', '*.yml', '*.css', '*.scss'))
    copied = {p.relative_to(old).as_posix(): workspace._written(p.name, p.read_bytes()) for p in old.rglob('*.ipynb')}
    (old/'.mlops-nb').mkdir(); (old/'.mlops-nb'/'copied.json').write_text(json.dumps(copied))
    (old/'01_core'/'1_rules.ipynb').write_text('my answers'); before = text(old)
    result = call('start', '--no-lab')
    assert 'No part of the course any more; they stay where they are:' in result.stderr and f'and {len(copied) - 1 - 12} more' in result.stderr
    after = text(old)
    assert {name: after[name] for name in before if name != 'index.ipynb'} == {name: data for name, data in before.items() if name != 'index.ipynb'}
    assert b'# The course' in after['index.ipynb'] and f'{NAME}.ipynb' in after and 'book/01_core/1_rules.ipynb' in after
    assert 'No part' not in call('start', '--no-lab').stderr and outcomes()[FIRST['name']] == 'not tried'


@pytest.fixture
def upgraded(tmp_path, monkeypatch):
    "Puts another year's package in the place of this one; its lesson has one more sentence"
    def upgrade(sentence):
        new = tmp_path/f'shelf-{sentence}'
        shutil.copytree(progress.shelf(), new)
        path = new/'student'/f'{NAME}.ipynb'
        nb = json.loads(path.read_text()); nb['cells'][0]['source'] = [*nb['cells'][0]['source'], f'\n\n{sentence}']
        path.write_text(json.dumps(nb))
        monkeypatch.setattr(progress, 'shelf', lambda: new)
        return new
    return upgrade


def test_an_untouched_lesson_is_updated_and_a_touched_one_named_with_its_diff(mine, upgraded):
    upgraded('2027'); result = start(mine)
    assert f'Newer now; you had changed nothing in them:\n  {NAME}\n' in result.stderr and '2027' in (mine/f'{NAME}.ipynb').read_text()
    nb = cells(mine)
    for c in nb['cells']: c.update(dict(outputs=[dict(output_type='stream', name='stdout', text='ran')], execution_count=1) if c['cell_type'] == 'code' else {})
    save(mine, nb); upgraded('2028'); start(mine)                                            # run, and not touched
    assert '2028' in (mine/f'{NAME}.ipynb').read_text()
    write(mine, FIRST, FIRST['solution']); call('check', NAME, FIRST['function'])
    upgraded('2029'); result = start(mine)
    assert f'Yours stay.' in result.stderr and f'\n  {NAME}\n' in result.stderr and '2029' not in (mine/f'{NAME}.ipynb').read_text()
    shown = json.loads(call('diff', NAME, '--json').stdout)
    assert '+2029' in shown['new'] and 'raise NotImplementedError' not in shown['new'] and '-    raise NotImplementedError' in shown['yours'] and '2029' not in shown['yours']
    assert outcomes()[FIRST['name']] == 'right'                                              # the folder of before goes on
    for words in (['course', *w.split()[2:]] for w in re.findall('`(mlops-nb course [^`]*)`', result.stderr)):
        assert CliRunner().invoke(main, [NAME if w == 'NAME' else w for w in words]).exit_code == 0, words      # both advices
    assert '2029' in (mine/f'{NAME}.ipynb').read_text() and FIRST['solution'] in ''.join(cells(mine/'backup'/'1')['cells'][place(cells(mine/'backup'/'1'), FIRST)]['source'])


def test_an_exercise_with_another_signature_is_another_exercise(mine, upgraded):
    write(mine, FIRST, FIRST['solution']); call('check', NAME, FIRST['function'])
    path = upgraded('2027')/f'{NAME}.json'
    new = json.loads(path.read_text()); next(e for e in new['exercises'] if e['name'] == FIRST['name'])['signature'] = 'another'
    path.write_text(json.dumps(new))
    assert outcomes()[FIRST['name']] == 'not tried'


# ---- odd input


@pytest.mark.parametrize('words', [['check', '{}'], ['reset', '{}'], ['diff', '{}'], ['start', '--no-lab', '{}'], ['resume', '--no-lab', '{}'], ['check', NAME, '{}']], ids=' '.join)
def test_an_unknown_name_is_refused_with_those_that_exist(mine, words):
    before = text(mine)
    for name in ('', '..', '../' + NAME, f'{NAME}.ipynb/..', '/etc/passwd', 'no-such', 'a'*5000, 'ä\n'):
        result = call(*(w.format(name) for w in words), code=3)
        assert ('There' in result.stderr or 'Did you mean' in result.stderr) and len(result.stderr) < 1000
    assert text(mine) == before


def test_the_message_names_the_lessons(mine): assert repr(progress.lessons()[0]) in call('check', 'zzz', code=3).stderr


def test_a_folder_that_is_none_is_refused(tmp_path):
    (tmp_path/'file').write_text('x')
    assert 'cannot hold the course (Not a directory)' in call('start', '--no-lab', '--folder', tmp_path/'file', code=3).stderr
    for words in (['status'], ['check', NAME], ['reset', NAME], ['diff', NAME], ['use', 'mine'], ['resume', '--no-lab']):
        result = CliRunner().invoke(main, ['course', *words, '--folder', str(tmp_path/'file')])
        assert result.exit_code == (0 if words == ['status'] else 3) and 'Traceback' not in result.output, result.output
    assert (tmp_path/'file').read_text() == 'x'


AS_SOMEBODY_ELSE = """
import os, sys, importlib
from click.testing import CliRunner
from mlops_nb.cli.main import main
for name in (sys.argv[1], 'mlops_nb.course.checks', 'mlops_nb.course.splice', 'mlops_nb.course.workspace'): importlib.import_module(name)   # before the rights to read them are gone
os.chdir('/')
if os.geteuid() == 0: os.seteuid(65534)
result = CliRunner().invoke(main, sys.argv[2:])
print(result.stdout); print(result.stderr, file=sys.stderr); sys.exit(result.exit_code)
"""


def test_a_folder_that_cannot_be_written_is_refused_by_start_and_read_by_the_rest(started):
    "Somebody else's folder. It lies outside of those of pytest and of tools/test.py, which close them to others"
    with tempfile.TemporaryDirectory(prefix='mlops-nb-', dir='/tmp' if os.geteuid() == 0 else None) as tmp:
        theirs = Path(tmp)/'mlops-lab'
        shutil.copytree(started, theirs)
        write(theirs, FIRST, FIRST['solution']); call('check', NAME, FIRST['function'], '--folder', theirs)
        (theirs/'index.ipynb').unlink()                                               # so that a start has something to write
        before = text(theirs)
        for p in (Path(tmp), theirs, *theirs.rglob('*')): p.chmod(0o555 if p.is_dir() else 0o444)
        def as_somebody_else(*words):
            return subprocess.run([sys.executable, '-c', AS_SOMEBODY_ELSE, LESSON['module'], 'course', *words, '--folder', theirs], capture_output=True, text=True)
        try:
            said = as_somebody_else('status', '--json')
            assert said.returncode == 0 and {e['name']: e['outcome'] for row in json.loads(said.stdout)['lessons'] for e in row['exercises']}[FIRST['name']] == 'right', said
            said = as_somebody_else('check', NAME, FIRST['function'])
            assert said.returncode == 0 and 'what you do is not kept' in said.stderr and 'Permission denied' in said.stderr, said
            for words in (['reset', NAME], ['start', '--no-lab'], ['use', 'mine']):
                said = as_somebody_else(*words)
                assert said.returncode == 3 and 'cannot hold the course (Permission denied); name another with --folder' in said.stderr, said
            assert text(theirs) == before
            Path(tmp).chmod(0o700)                                                     # and one that cannot even be looked into
            said = as_somebody_else('check', NAME)
            assert said.returncode == 3 and 'there is no course in' in said.stderr, said
        finally:
            for p in (Path(tmp), theirs, *theirs.rglob('*')): p.chmod(0o755)


def test_a_notebook_that_is_none_is_named_and_kept(mine):
    for bad in ('', '{', '[]', '{"cells": 1}', '\x00', '{"cells": [{"cell_type": "code"}]}'):
        (mine/f'{NAME}.ipynb').write_text(bad)
        result = call('check', NAME, code=3)
        assert f"{NAME}.ipynb' is no notebook that can be read" in result.stderr and f'`mlops-nb course reset {NAME}`' in result.stderr
        start(mine); assert (mine/f'{NAME}.ipynb').read_text() == bad and call('status') and call('diff', NAME)
    call('reset', NAME); assert (mine/'backup'/'1'/f'{NAME}.ipynb').read_text() == bad
    assert json.loads(call('check', NAME, '--json', code=1).stdout)


# ---- mine


def test_use_mine_keeps_the_right_answers_of_now(mine):
    from mlops_nb.course import splice
    write(mine, FIRST, FIRST['solution']); write(mine, SECOND, SECOND['wrong'][0]['source'])
    told = json.loads(call('use', 'mine', '--json').stdout)
    assert told == dict(mine=[FIRST['name']], others={SECOND['name']: 'wrong'})
    kept = splice.load(mine)
    assert [*kept] == [FIRST['name']] and kept[FIRST['name']]['where'].startswith(f'{NAME}.ipynb, cell ')
    write(mine, FIRST, FIRST['wrong'][0]['source'])                              # right once, and wrong now
    assert json.loads(call('use', 'mine', '--json').stdout)['mine'] == [] and splice.load(mine) == {}
    write(mine, FIRST, FIRST['solution']); call('use', 'mine'); call('use', 'ours'); assert splice.load(mine) == {}
