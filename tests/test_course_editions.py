"The course, from the marks in a lesson to the notebook of a student: nbdev leaves marks alone, a faulty one hands out nothing, and no solution leaks"
from pathlib import Path
import ast, copy, importlib, json, re, shutil, subprocess, sys

import nbformat, pytest

import small_lesson
from mlops_nb.course import editions, marks
from small_lesson import HIDDEN, PATH, ROOT, code, prose, run, tool


@pytest.fixture(scope='module')
def tools():
    "The programs of tools/ that make the course, as modules"
    sys.path.insert(0, str(ROOT/'tools'))
    yield {name: importlib.import_module(name) for name in ('course', 'mutants')}
    sys.path.remove(str(ROOT/'tools'))


@pytest.fixture(scope='module')
def order(tools): return tools['course'].ORDER


@pytest.fixture(scope='module')
def sources(order):
    "Notebook below nbs/ -> its content: the small lesson, and those of the course"
    return {PATH: small_lesson.notebook()} | {path: json.loads((ROOT/'nbs'/path).read_text(encoding='utf8')) for path in order}


@pytest.fixture(scope='module')
def lessons(sources, tools): return {path: marks.read_lesson(nb, tools['course'].name_of(path), path) for path, nb in sources.items()}


def source(cell): return ''.join(cell['source'])


# ---- nbdev and the marks


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    folder = small_lesson.project(tmp_path_factory.mktemp('project'))
    run(folder, tool('nbdev_export'))
    return folder


def test_nbdev_exports_our_functions_and_no_mark(project):
    text = (project/'mlops_nb'/'core'/'mean.py').read_text()
    names = [n.name for n in ast.parse(text).body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    assert names == ['mean', 'Bag', 'spread'] and 'return total/len(values)' in text
    assert not re.search(r'wrong|trace|hint|exercise|predict', text)
    index = (project/'mlops_nb'/'_modidx.py').read_text()
    assert "mlops_nb.core.mean.mean'" in index and "Bag.spread'" in index and 'trace' not in index and 'wrong' not in index


def test_nbdev_clean_leaves_the_marks_as_they_are(project):
    before = json.loads((project/'nbs'/PATH).read_text())
    run(project, tool('nbdev_clean'))
    assert [source(c) for c in json.loads((project/'nbs'/PATH).read_text())['cells']] == [source(c) for c in before['cells']]
    assert sum('#| wrong' in source(c) for c in before['cells']) == 3


def test_nbdev_test_runs_none_of_the_instructors_cells(project):
    run(project, tool('nbdev_test'), '--path', f'nbs/{PATH}')
    loud = small_lesson.notebook()
    for cell in loud['cells']:
        if marks.instructors(cell): cell['source'] = source(cell) + '\nraise AssertionError("run")'
    (project/'nbs'/PATH).write_text(json.dumps(loud))
    try: run(project, tool('nbdev_test'), '--path', f'nbs/{PATH}')
    finally: (project/'nbs'/PATH).write_text(json.dumps(small_lesson.notebook()))


def test_the_page_shows_our_functions_and_nothing_of_the_instructors(project):
    "The way of `make docs`: nbdev's processing, which both builders of the site stand on"
    run(project, sys.executable, '-W', 'ignore', '-c', 'from nbdev.quarto import refresh_quarto_yml as f, proc_nbs; f(); proc_nbs("nbs", n_workers=0)')
    cells = json.loads((project/'_proc'/PATH).read_text())['cells']
    text = '\n'.join(source(c) for c in cells)
    assert 'return total/len(values)' in text and 'What each would have if all had the same' in text and 'naive_mean' in text
    for hidden in ('#| exercise', '#| wrong', '#| hint', 'def trace', 'wrong_total', 'A total grows', 'The largest value', 'farthest apart', 'questions', 'predict', 'eval: false'): assert hidden not in text, hidden


def test_the_notebook_beside_a_page_has_no_wrong_answers(tools, project):
    furniture = importlib.import_module('furniture')
    text = furniture.to_download(project/'nbs'/PATH)
    assert [source(c) for c in json.loads(text)['cells']] == [source(c) for c in small_lesson.notebook()['cells'] if not marks.instructors(c)]
    for nb in furniture.notebooks():
        text = nb.read_text(encoding='utf8')
        assert (furniture.to_download(nb) == text) != any(map(marks.instructors, json.loads(text)['cells'])), nb


def test_what_runs_a_notebook_here_skips_what_is_not_to_be_run(tmp_path):
    "tools/execute.py, and the test that runs every lesson twice"
    nb = dict(cells=[code('x = 1'), code('#| hide\n#| eval: false\n#| wrong f slug\nx = 2'), code('note = """\n#| eval: false\n"""\ny = x'), code('print(y)\nassert x == 1')],
              metadata=small_lesson.notebook()['metadata'], nbformat=4, nbformat_minor=5)
    (tmp_path/'a.ipynb').write_text(json.dumps(nb))
    run(tmp_path, sys.executable, ROOT/'tests'/'run_twice.py', tmp_path/'a.ipynb')
    lab = small_lesson.project(tmp_path/'project', nb)
    (lab/'tools').mkdir()
    shutil.copy(ROOT/'tools'/'execute.py', lab/'tools')
    shutil.copytree(ROOT/'mlops_nb'/'course', lab/'mlops_nb'/'course')
    shutil.copy(ROOT/'mlops_nb'/'_faces.py', lab/'mlops_nb'); shutil.copy(ROOT/'mlops_nb'/'__init__.py', lab/'mlops_nb')
    run(lab, sys.executable, 'tools/execute.py', f'nbs/{PATH}')
    cells = json.loads((lab/'nbs'/PATH).read_text())['cells']
    assert cells[-1]['outputs'][0]['text'] == ['1\n'] and cells[1]['execution_count'] is None


# ---- a mark that cannot be right


def changed(change):
    "The small lesson with one thing changed"
    nb = small_lesson.notebook()
    change(nb['cells'])
    return nb


def where(cells, text): return next(i for i, c in enumerate(cells) if text in source(c))


def sub(text, new, at=''):
    def change(cells):
        cell = cells[where(cells, at or text)]
        assert text in source(cell)
        cell['source'] = source(cell).replace(text, new)
    return change


def drop(text):
    def change(cells): del cells[where(cells, text)]
    return change


FAULTS = {
    'an exercise that the cell does not define': (sub('#| exercise mean', '#| exercise means'), 'mean is no exercise of this notebook; it has means, Bag.spread'),
    'a wrong answer of nobody': (sub('#| wrong Bag.spread largest', '#| wrong Bag.width largest'), 'cell 17, #| wrong Bag.width largest: Bag.width is no exercise'),
    'two wrong answers': (drop('#| wrong Bag.spread ends'), 'cell 15, #| exercise Bag.spread: 2 wrong answers are named; at least 3'),
    'no trace': (drop('#| trace Bag.spread'), '#| exercise Bag.spread: #| trace is missing'),
    'no second hint': (drop('#| hint Bag.spread 2'), 'hint 2 is missing'),
    'an answer to no question': (lambda cells: cells.append(code('#| reveal width\n1')), '#| reveal width: width is no #| predict of this notebook; it has naive, spread'),
    'a later answer that shows nothing': (lambda cells: cells.append(code('#| reveal naive\nx = 1')), '#| predict naive: cell 28 shows nothing'),
    'an answer above its question': (lambda cells: cells.insert(3, code('#| reveal naive\n1')), '#| predict naive: #| reveal naive stands once, further down'),
    'a third hint': (sub('#| hint Bag.spread 2', '#| hint Bag.spread 3'), 'there are two hints'),
    'no reason': (drop('#| why Bag.spread'), '#| why is missing'),
    'thirteen lines': (sub('    total = sum(values)\n', '    total = 0\n' + '    total += 0\n'*11), 'the body has 13 lines; at most 12'),
    'an exercise that is not exported': (sub('#| exports\n#| exercise mean', '#| exercise mean'), 'the cell is not exported'),
    'a wrong answer that would be run': (sub('#| eval: false\n', '', '#| wrong Bag.spread ends'), 'cell 18, #| wrong Bag.spread ends: the cell would be run or shown'),
    'a wrong answer of another name': (sub('def spread(self):\n    "The largest', 'def width(self):\n    "The largest'), 'the cell holds one function, spread'),
    'a wrong answer without a message': (sub('    "Only the first value counts here."\n', ''), 'the docstring is the message'),
    'a prediction of nothing': (drop('naive_mean([1, 2, 6])'), 'cell 6, #| predict naive: the next code cell shows nothing'),
    'a question without an answer': (sub("'right': True", "'right': False"), '#| quiz'),
    'no time': (sub('**Time:** 5 minutes. ', ''), 'says nothing about the time'),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_a_faulty_mark_names_notebook_and_cell_and_hands_out_nothing(fault, tools, tmp_path):
    change, says = FAULTS[fault]
    (tmp_path/'nbs'/PATH).parent.mkdir(parents=True)
    (tmp_path/'nbs'/PATH).write_text(json.dumps(changed(change)))
    with pytest.raises(marks.MarkError, match=re.escape(says)) as e: tools['course'].build(tmp_path/'out', tmp_path/'nbs', [PATH])
    assert str(e.value).startswith(PATH) and not (tmp_path/'out').exists()


# ---- the editions


def test_a_student_gets_stubs_and_questions_and_nothing_of_the_instructors(sources, lessons):
    for path, nb in sources.items():
        lesson = lessons[path]
        student = editions.edition(nb, 'student', lesson)
        nbformat.validate(nbformat.from_dict(student))
        text, codes = '\n'.join(map(source, student['cells'])), [source(c) for c in student['cells'] if c['cell_type'] == 'code']
        assert not re.search(r'^\s*#\s*\|', text, re.M) and all(not c['outputs'] and c['execution_count'] is None for c in student['cells'] if c['cell_type'] == 'code')
        assert text.count('raise NotImplementedError') == len(lesson['exercises'])
        for e in lesson['exercises']:
            short = e['name'].partition('.')[2]
            stub = next(i for i, c in enumerate(codes) if f"@exercise('{e['name']}')" in c)
            assert e['stub'].strip() in codes[stub] and f"# Your code; then run check('{short}')" in codes[stub] and e['solution'].splitlines()[-1] not in text
            assert f"check('{short}')" in codes[stub + 1:stub + 4]
            for w in e['wrong']: assert w['says'] not in text
        for p in lesson['predictions']:
            short = p['name'].partition('.')[2]
            at, shown = codes.index(f"predict('{short}')"), [i for i, text in enumerate(codes) if f"reveal('{short}', " in text]
            later = any(('reveal', short) in marks.directives(c) for c in nb['cells'])
            assert len(shown) == 1 and (shown[0] > at if later else shown[0] == at + 1)
        assert (codes[-1] == 'quiz()') == bool(lesson['quiz'])


def test_first_comes_what_a_student_must_know_then_one_folded_cell(sources, lessons):
    for path, nb in sources.items():
        student = editions.edition(nb, 'student', lessons[path])
        first = next(i for i, c in enumerate(student['cells']) if c['cell_type'] == 'code')
        head, set_up = '\n'.join(map(source, student['cells'][:first])), student['cells'][first]
        assert head.startswith('# ') and re.search(r'\*\*Time:\*\* \d+ minutes', head) and '**You need**' in head and '\n## ' not in head
        assert ('on the site shows the solutions openly' if lessons[path]['exercises'] else 'nothing to write in this lesson') in head.split('\n\n')[2]
        assert set_up['metadata'] == {'jupyter': {'source_hidden': True}} and 'from mlops_nb.course.course import *' in source(set_up)
        assert source(set_up).splitlines()[-1] == f"begin('{lessons[path]['name']}')"
        rest = [source(c) for c in student['cells'][first+1:] if c['cell_type'] == 'code']
        assert not any(isinstance(n, (ast.Import, ast.ImportFrom)) for text in rest for n in ast.parse(text).body)


def test_a_lesson_may_have_a_hint_of_its_own_and_no_other_name_of_the_course(sources, lessons):
    "However it comes by it: defined, assigned or imported"
    for given, says in {'def hint(x): return x': 'hint', 'hint = 1': 'hint', 'from mlops_nb.core.rules import hint': 'hint', 'from mlops_nb.core.rules import hint as meant': '', 'def f():\n    hint = 1': '',
                        'def check(x): return x': 'check', 'import quiz': 'quiz'}.items():
        nb = copy.deepcopy(sources[PATH])
        nb['cells'].insert(4, code(given))
        if says in ('check', 'quiz'):
            with pytest.raises(marks.MarkError, match=f'{PATH}: the lesson has a {says} of its own'): editions.edition(nb, 'student', lessons[PATH])
            continue
        for kind in ('student', 'solved', 'clean'):
            text = '\n'.join(map(source, editions.edition(nb, kind, lessons[PATH])['cells']))
            assert ('from mlops_nb.course import course\n' in text, "`course.hint('mean')` helps" in text, "`hint('mean')` helps" in text) == (says == 'hint', says == 'hint', says == '')
    assert "`course.hint('write_whole')` helps" in '\n'.join(map(source, editions.edition(sources['01_core/1_rules.ipynb'], 'student', lessons['01_core/1_rules.ipynb'])['cells']))


def test_a_prediction_may_be_kept_until_a_later_cell_says_reveal():
    nb = changed(lambda cells: cells.insert(-1, code('#| reveal naive\nassert 1\nnaive_mean([1, 2, 6]), 2')))
    student = editions.edition(nb, 'student', marks.read_lesson(nb, 'mean', PATH))
    codes = [source(c) for c in student['cells'] if c['cell_type'] == 'code']
    assert [text for text in codes if "reveal('naive'" in text] == ["reveal('naive', (naive_mean([1, 2, 6]), 2))"]
    assert 'def naive_mean(values): return sorted(values)[len(values)//2]\nnaive_mean([1, 2, 6])' in codes


def test_the_tour_asks_first_and_answers_when_the_year_is_over(sources, lessons):
    path = '00_start/1_tour.ipynb'
    codes = [source(c) for c in editions.edition(sources[path], 'student', lessons[path])['cells'] if c['cell_type'] == 'code']
    asked, shown = ([i for i, text in enumerate(codes) if word in text] for word in ("predict('", "reveal('"))
    year = next(i for i, text in enumerate(codes) if 'for month in range(4, 13):' in text)
    assert len(asked) == len(shown) == 3 and max(asked) < year < min(shown) and shown == [*range(shown[0], shown[0] + 3)]
    assert not any('check(' in text or 'NotImplementedError' in text for text in codes) and 'FAST = True' in codes[4]


def test_links_lead_to_lessons_and_to_the_book(sources, lessons):
    text = '\n'.join(map(source, editions.edition(sources[PATH], 'student', lessons[PATH], {PATH: 'mean', '02_store/1_store.ipynb': 'store'})['cells']))
    assert '[store](store.ipynb)' in text and '[rules](book/01_core/1_rules.ipynb#errors)' in text
    for path, nb in sources.items():
        for c in editions.edition(nb, 'student', lessons[path])['cells']:
            for link in re.findall(r'\]\((?![a-z]+:|#)([^)#\s]+)', source(c) if c['cell_type'] == 'markdown' else ''):
                assert link.startswith('book/') and (ROOT/'nbs'/link[5:]).exists() or link == f"{lessons[path]['name']}.ipynb", link


def test_the_solved_edition_has_our_bodies_and_the_clean_one_only_headings(sources, lessons):
    for path, nb in sources.items():
        solved, clean = ([source(c) for c in editions.edition(nb, kind, lessons[path])['cells']] for kind in ('solved', 'clean'))
        for e in lessons[path]['exercises']:
            assert any(e['solution'].strip() in text for text in solved) and f"**Why so.** {e['why']}" in solved
            assert any(e['stub'].strip() in text for text in clean)
        prose = [source(c) for c in editions.edition(nb, 'clean', lessons[path])['cells'][1:] if c['cell_type'] == 'markdown']
        assert prose and all(line.startswith('#') or not line for text in prose if not text.startswith('```') for line in text.splitlines())


def test_two_builds_are_the_same_files_and_what_is_no_lesson_any_more_goes(tools, tmp_path):
    nbs = small_lesson.project(tmp_path/'project')/'nbs'
    n = tools['course'].build(tmp_path/'out', nbs, [PATH])
    files = {p.relative_to(tmp_path/'out').as_posix(): p.read_bytes() for p in (tmp_path/'out').rglob('*') if p.is_file()}
    assert n == len(files) == 5 and set(files) == {'lessons.json', 'mean.json', 'student/mean.ipynb', 'solved/mean.ipynb', 'clean/mean.ipynb'}
    assert json.loads(files['lessons.json']) == {'schema': 1, 'lessons': ['mean']}
    (tmp_path/'out'/'student'/'old.ipynb').write_text('{}')
    tools['course'].build(tmp_path/'out', nbs, [PATH])
    assert {p.relative_to(tmp_path/'out').as_posix(): p.read_bytes() for p in (tmp_path/'out').rglob('*') if p.is_file()} == files
    lesson = json.loads(files['mean.json'])
    assert set(lesson) == {'schema', 'name', 'title', 'minutes', 'module', 'notebook', 'digest', 'exercises', 'predictions', 'quiz'} and lesson['schema'] == 1
    keys = {'name', 'function', 'cls', 'signature', 'stub', 'solution', 'lines', 'trace', 'wrong', 'hints', 'why'}
    assert [set(e) for e in lesson['exercises']] == [keys]*2 and [(e['name'], e['function'], e['cls']) for e in lesson['exercises']] == [('mean.mean', 'mean', None), ('mean.Bag.spread', 'spread', 'Bag')]


def test_each_lesson_of_the_course_has_what_was_promised(order, lessons):
    for path in order:
        lesson = lessons[path]
        assert len(lesson['predictions']) >= 2 and 3 <= len(lesson['quiz']) <= 5
        if path == '00_start/1_tour.ipynb': assert (lesson['exercises'], lesson['module'], len(lesson['predictions'])) == ([], None, 3); continue
        assert 4 <= len(lesson['exercises']) <= 7
        module = importlib.import_module(lesson['module'])
        for e in lesson['exercises']: assert getattr(module, e['cls'] or e['function']).__module__ == lesson['module'] and e['lines'] <= 12 and len(e['wrong']) >= 3


def test_each_lesson_of_the_course_keeps_its_budget(order, sources):
    "35 cells, 1,200 words and 180 lines that a reader sees, none of them wider than a page"
    for path in order:
        cells = sources[path]['cells']
        words = sum(len(re.findall(r"[\w'-]+", source(c))) for c in cells if c['cell_type'] == 'markdown')
        shown = [source(c).splitlines() for c in cells if c['cell_type'] == 'code' and not re.search(r'^#\|\s*(hide|export)\b', source(c), re.M)]
        lines = [line for text in shown for line in text if line.strip() and not line.startswith('#|')]
        assert len(cells) <= 35 and words <= 1200 and len(lines) <= 180 and max(map(len, lines)) <= 88, (path, len(cells), words, len(lines), max(map(len, lines)))


# ---- run from top to bottom, twice in one kernel


@pytest.fixture(scope='module')
def built(project, tools, order, tmp_path_factory):
    "Name of a lesson -> (the folder that the build wrote, the package beside ours or nothing)"
    small, course = tmp_path_factory.mktemp('small'), tmp_path_factory.mktemp('course')
    tools['course'].build(small, project/'nbs', [PATH])
    tools['course'].build(course)
    return {'mean': (small, [project/'mlops_nb'])} | {tools['course'].name_of(path): (course, []) for path in order}


def run_edition(built, kind, name, folder):
    "What the cells of an edition show in the folder of a student, the first time and the second time: pairs of source and text"
    (folder/'.mlops-nb').mkdir(parents=True)
    shelf, package = built[name]
    shutil.copy(shelf/kind/f'{name}.ipynb', folder)
    env = {'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    said = run(folder, sys.executable, ROOT/'tests'/'run_lesson.py', f'{name}.ipynb', shelf, *package, **env)
    return json.loads(said.splitlines()[-1])


NAMES = ['mean', *small_lesson.names_of_the_course()]


def test_the_bare_edition_runs_too(built, tmp_path):
    for seen in run_edition(built, 'clean', 'mean', tmp_path/'lab'): assert [text.splitlines()[0] for source, text in seen if source.startswith('check(')] == ['mean.mean: not tried', 'mean.Bag.spread: not tried']


@pytest.mark.parametrize('name', NAMES)
def test_an_untouched_lesson_runs_through_twice_and_nothing_counts_as_tried(name, built, tmp_path):
    lesson = json.loads((built[name][0]/f'{name}.json').read_text())
    for seen in run_edition(built, 'student', name, tmp_path/'lab'):
        checks = {source: text for source, text in seen if source.startswith('check(')}
        assert len(checks) == len(lesson['exercises']) and all('not tried' in text and 'goes on with ours' in text for text in checks.values())
        revealed = [text for source, text in seen if 'reveal(' in source]
        assert len(revealed) == len(lesson['predictions']) and all(text.startswith('First predict') for text in revealed)
        assert len([text for source, text in seen if source == 'quiz()' and '1. ' in text]) == 1
    kept = json.loads((tmp_path/'lab'/'progress.json').read_text()) if (tmp_path/'lab'/'progress.json').exists() else {'exercises': {}}
    assert not [e for e in kept['exercises'].values() if e['outcome'] != 'not tried']


@pytest.mark.parametrize('name', [name for name in NAMES if name != 'tour'])      # nothing is solved there
def test_the_solved_lesson_is_right_in_each_of_its_checks(name, built, tmp_path):
    first, second = run_edition(built, 'solved', name, tmp_path/'lab')
    for seen in (first, second):
        checks = [text for source, text in seen if source.startswith('check(')]
        assert checks and all(': right' in text.splitlines()[0] for text in checks), checks


def test_a_lesson_that_fails_says_in_which_cell(built, tmp_path):
    shelf, package = built['mean']
    nb = json.loads((shelf/'student'/'mean.ipynb').read_text())
    nb['cells'].append(code('mean([])'))
    (tmp_path/'mean.ipynb').write_text(json.dumps(nb))
    done = subprocess.run([sys.executable, ROOT/'tests'/'run_lesson.py', 'mean.ipynb', shelf, *package], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and f"mean.ipynb, cell {len(nb['cells'])}, time 1: ZeroDivisionError" in done.stderr


# ---- no solution leaks


def test_no_piece_of_a_solution_stands_in_what_a_student_gets(sources, lessons):
    for path, nb in sources.items():
        for kind in ('student', 'clean'): assert editions.leaks(editions.edition(nb, kind, lessons[path]), lessons[path]) == []
        assert len(editions.leaks(editions.edition(nb, 'solved', lessons[path]), lessons[path])) >= len(lessons[path]['exercises'])


PLANTED = {
    'a naive version': code('def naive(v):\n    t = sum(v)\n    return t/len(v)'),
    'a body among other lines': code('x = 1\nt = sum(xs)\nif 1:\n    largest = max(a.values) - min(a.values)'),
    'a test by hand': code('test_eq(Bag([7, 3]).spread(), max(bag.values) - min(bag.values))'),
    'a lambda': code('spread = lambda self: max(self.values) - min(self.values)'),
    'a text that is run': code('run_it("""\ndef spread(other):\n    return max(other.values) - min(other.values)\n""")'),
    'prose': prose('It is `max(b.values) - min(b.values)`, in words.'),
    'a block in prose': prose('Like this:\n\n```python\nt = sum(xs)\nreturn t/len(xs)\n```'),
    'an exported helper': code('#| exports\ndef helper(bag):\n    "Says how far"\n    return max(bag.values) - min(bag.values)'),
    'code that is shown and not run': code('#| eval: false\nmax(b.values) - min(b.values)'),
}


@pytest.mark.parametrize('place', PLANTED)
def test_a_planted_leak_is_found_and_nothing_is_handed_out(place, tools, tmp_path):
    nb = small_lesson.notebook()
    nb['cells'].insert(13, copy.deepcopy(PLANTED[place]))
    (tmp_path/PATH).parent.mkdir(parents=True)
    (tmp_path/PATH).write_text(json.dumps(nb))
    with pytest.raises(marks.MarkError, match=r'01_core/9_mean.ipynb: cell \d+ of mean holds a piece of the solution of mean\.'): tools['course'].build(tmp_path/'out', tmp_path, [PATH])
    assert not (tmp_path/'out').exists()


@pytest.mark.parametrize('old, new, place', [
    ('Python has `sum` and `len`.', 'Write:\n\n    t = sum(v)\n    return t/len(v)', 'hint 2 of mean.mean'),
    ('Which two values are the farthest apart?', 'max(v.values) - min(v.values)', 'hint 1 of mean.Bag.spread'),
    ('The largest value is not a distance.', 'Better: `max(x.values) - min(x.values)`', 'the message of largest, mean.Bag.spread'),
    ("'It is so.'", "'Since `max(x.values) - min(x.values)`'", "the question 'Is it so (0)?'"),
    ('How far apart are 5 and -5?', 'What is `max(bag.values) - min(bag.values)`?', 'the question mean.spread')])
def test_a_leak_in_what_the_checks_say_is_found(old, new, place, tools):
    nb = small_lesson.notebook()
    for cell in nb['cells']: cell['source'] = source(cell).replace(old, new if "'" in old else new.replace('\n', '\\n'))
    lesson = marks.read_lesson(nb, 'mean', PATH)
    found = editions.leaks(editions.edition(nb, 'student', lesson), lesson)
    assert found and found[0].startswith(place)


def test_a_hidden_test_that_gives_a_solution_away_is_left_out_of_the_students(sources):
    nb = copy.deepcopy(sources[PATH])
    nb['cells'].insert(27, code('#| hide\ntest_eq(bag.spread(), max(bag.values) - min(bag.values))'))
    nb['cells'].insert(28, code('#| hide\ntest_eq(bag.spread(), 10)'))
    lesson = marks.read_lesson(nb, 'mean', PATH)
    student, solved = ([source(c) for c in editions.edition(nb, kind, lesson)['cells']] for kind in ('student', 'solved'))
    assert sum('max(bag.values)' in t for t in student) == 0 and sum('max(bag.values)' in t for t in solved) == 1
    assert 'test_eq(bag.spread(), 10)' in student


# ---- make, setup.py and editable installs


BLOCK = 'import sys\nfor m in "numpy pandas fastcore click yaml nbformat sqlalchemy scipy nbdev IPython".split(): sys.modules[m] = None\n'


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    "A copy of what an installation is made from, without what is built"
    folder = tmp_path_factory.mktemp('tree')
    for name in ('mlops_nb', 'nbs', 'tools'): shutil.copytree(ROOT/name, folder/name, ignore=shutil.ignore_patterns('_course', '__pycache__', '.ipynb_checkpoints'))
    for name in ('setup.py', 'settings.ini', 'README.md', 'LICENSE'): shutil.copy(ROOT/name, folder/name)
    return folder


def expected(tools):
    "The files of the course"
    return {name: text.encode() for name, text in tools['course'].texts().items()}


def written(folder): return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def test_a_wheel_holds_the_course_and_is_built_where_nothing_is_installed(tree, tools, tmp_path):
    run(tree, sys.executable, '-I', '-c', BLOCK + f'import setuptools.build_meta as b; b.build_wheel({str(tmp_path)!r})')
    run(tmp_path, sys.executable, '-m', 'zipfile', '-e', next(tmp_path.glob('*.whl')), tmp_path/'inside')
    assert written(tmp_path/'inside'/'mlops_nb'/'_course') == expected(tools)
    assert not (tree/'mlops_nb'/'_course').exists()


def test_an_editable_install_writes_the_course_into_the_tree(tree, tools, tmp_path):
    run(tree, sys.executable, '-I', '-c', BLOCK + f'import setuptools.build_meta as b; b.build_editable({str(tmp_path)!r})')
    assert written(tree/'mlops_nb'/'_course') == expected(tools)
    assert run(ROOT, 'git', 'check-ignore', 'mlops_nb/_course/lessons.json')


def test_make_writes_the_course_again_when_a_lesson_changes():
    rules = run(ROOT, 'make', '-pn', 'course')
    needs = re.search(r'^mlops_nb/_course/lessons.json:(.*?)\|', rules, re.M)[1].split()
    assert {'tools/course.py', 'mlops_nb/course/marks.py', 'mlops_nb/course/editions.py', 'nbs/08_drift/1_distance.ipynb'} <= set(needs)
    for target in ('tour', 'lab', 'test', 'test-slow', 'test-notebooks', 'test-oldest', 'mutants', 'course'):
        assert re.search(rf'^{target}:.* mlops_nb/_course/lessons.json', rules, re.M), target


def test_the_marks_and_the_editions_stand_on_the_standard_library():
    said = run(ROOT, sys.executable, '-c', 'import sys; before = set(sys.modules); import mlops_nb.course.editions; print(*sorted({m.partition(".")[0] for m in set(sys.modules) - before}))')
    assert set(said.split()) - set(sys.stdlib_module_names) == {'mlops_nb'}


# ---- make mutants


def test_the_tests_of_a_lesson_find_out_each_wrong_answer_and_a_hole_is_named(tools, tmp_path):
    nbs = small_lesson.project(tmp_path/'project')/'nbs'
    found = {(name, slug): says for name, slug, known, says in tools['mutants'].of_lesson(PATH, nbs) if known}
    assert len(found) == 6 and all(re.fullmatch(r'cell (12|25), AssertionError', says) for says in found.values()), found
    (nbs/PATH).write_text(json.dumps(changed(lambda cells: [drop('test_eq(bag.spread(), 10)')(cells), sub('def wrong_first(values):', 'def wrong_first(value):')(cells)])))
    rows = {slug: (known, says) for _, slug, known, says in tools['mutants'].of_lesson(PATH, nbs)}
    assert rows['largest'] == (False, 'LIVES: no cell of the lesson fails') and rows['first'][1].startswith('does not run: cell 11, NameError')
    assert rows['total'][0]


def test_a_mutant_keeps_decorators_and_hints_and_nothing_of_our_body(tools):
    text = tools['mutants'].mutant('_A = 1\n\n' + small_lesson.SPREAD + '\n_B = 2', 'Bag.spread', small_lesson.SINGLE_SPREAD['wrong Bag.spread largest'])
    assert text.startswith('_A = 1\n\n@patch\ndef spread(self: Bag) -> float:') and text.endswith('_B = 2') and 'min(' not in text
