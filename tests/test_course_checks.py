"""What a check says, on every exercise of the course and on a small lesson of its own; what a notebook calls; a student's functions in our modules

Every exercise of every lesson is itself tested here: its solution is right, its stub not tried, each foreseen wrong answer named, and no message
holds what only a solution makes."""
from pathlib import Path
import importlib, itertools, json, os, re, subprocess, sys, textwrap, time

import pytest

from mlops_nb.core.rules import Conflict, InvalidInput, NotFound
from mlops_nb.course import checks, splice
from mlops_nb.course.checks import check_function
from mlops_nb.course.traces import follow, parted, seeded, shown

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT/'tools'))
TEXTS = importlib.import_module('course').texts()          # what the build writes, from the notebooks as they are
sys.path.remove(str(ROOT/'tools'))
LESSONS = [json.loads(TEXTS[f'{name}.json']) for name in json.loads(TEXTS['lessons.json'])['lessons']]
EXERCISES = [pytest.param(lesson, e, id=e['name']) for lesson in LESSONS for e in lesson['exercises']]
every_exercise = pytest.mark.parametrize('lesson, exercise', EXERCISES)


# ---- every exercise of every lesson


def function(lesson, exercise, source): return checks._function(lesson, exercise, checks._read(exercise, source), 'a test')


def steps(lesson, exercise, f, attempt): return follow(checks._trace(exercise), f, seeded(exercise['name'], attempt))


def recorded(lesson, exercise, attempt):
    "The values that the solution gives in a trace, as they are"
    f, values = function(lesson, exercise, exercise['solution']), []
    def keep(given, *a, **kw): values.append(given(*a, **kw)); return values[-1]
    steps(lesson, exercise, replacing(exercise, f, lambda *a, **kw: keep(vars(f)[exercise['function']] if exercise['cls'] else f, *a, **kw)), attempt)
    return values


def replacing(exercise, f, other):
    "`other` where a trace expects the function, or its class"
    return type(f)(f.__name__, (f,), {exercise['function']: other}) if exercise['cls'] else other


@every_exercise
def test_the_solution_is_right_on_fifty_attempts(lesson, exercise):
    assert {check_function(lesson, exercise, exercise['solution'], n).outcome for n in range(50)} == {'right'}


@every_exercise
def test_the_stub_is_not_tried(lesson, exercise):
    assert check_function(lesson, exercise, exercise['stub']).outcome == 'not tried'
    assert "NotImplementedError" in exercise['stub']


@every_exercise
def test_each_wrong_answer_is_named_on_twenty_attempts(lesson, exercise):
    assert len(exercise['wrong']) >= 3
    for wrong in exercise['wrong']:
        found = {(r.outcome, r.slug, r.says) for r in (check_function(lesson, exercise, wrong['source'], n) for n in range(20))}
        assert found == {('wrong', wrong['slug'], wrong['says'])}


@every_exercise
def test_no_two_wrong_answers_do_the_same(lesson, exercise):
    done = {w['slug']: steps(lesson, exercise, function(lesson, exercise, w['source']), 7) for w in exercise['wrong']}
    assert [(a, b) for a, b in itertools.combinations(done, 2) if parted(done[a], done[b]) is None] == []


@every_exercise
def test_values_that_are_written_down_fail(lesson, exercise):
    "A constant, and the values of an earlier attempt one after the other"
    values = recorded(lesson, exercise, 1)
    assert values
    f = function(lesson, exercise, exercise['solution'])
    fixed = [lambda *a, v=v, **kw: v for v in values] + [lambda *a, it=itertools.cycle(values), **kw: next(it)]
    for other in fixed:
        assert any(parted(steps(lesson, exercise, replacing(exercise, f, other), n), steps(lesson, exercise, f, n)) for n in range(2, 5))


@every_exercise
def test_no_message_holds_a_value_that_the_text_does_not_promise(lesson, exercise):
    numbers = lambda text: set(re.findall(r'(?<![\w.])\d+(?:\.\d+)?', re.sub('`[^`]*`', '', text)))        # `axis=1` in backticks is a tool, no value
    for wrong in exercise['wrong']: assert numbers(wrong['says']) - numbers(exercise['stub']) == set(), wrong['says']
    for text in exercise['hints']: assert numbers(text) - numbers(exercise['stub']) - {'0', '1'} == set(), text      # a hint may speak of nothing and of one
    code = [line.strip() for line in exercise['solution'].splitlines()[len(exercise['stub'].splitlines()) - 2:] if len(line.strip()) > 12]
    for text in [w['says'] for w in exercise['wrong']] + exercise['hints']: assert not [line for line in code if line in text]


@every_exercise
def test_what_is_said_of_an_unforeseen_answer_is_its_own_value(lesson, exercise):
    head = '\n'.join(exercise['stub'].rstrip().splitlines()[:-1])
    for n, body in enumerate(('return 987654', 'return [987654]', 'return None', 'x = 1', 'raise KeyError("987654")')):
        result = check_function(lesson, exercise, f'{head}\n    {body}', n)
        assert result.outcome in ('wrong', 'error') and not result.slug, result
        ours = {s.label: s.shown for s in steps(lesson, exercise, function(lesson, exercise, exercise['solution']), n) if s.how == 'value'}
        assert len(ours[result.label]) < 3 or ours[result.label] not in result.says if result.label in ours else True


def test_a_lesson_that_is_not_sound_would_be_found(shop):
    spoilt = lambda **kw: PRICE | kw
    first, second = PRICE['wrong']
    with pytest.raises(AssertionError): test_no_two_wrong_answers_do_the_same(SHOP, spoilt(wrong=[first, second | {'source': first['source']}]))
    with pytest.raises(AssertionError): test_each_wrong_answer_is_named_on_twenty_attempts(SHOP, spoilt(wrong=[first, first | {'slug': 'again'}, second]))
    with pytest.raises(AssertionError): test_the_solution_is_right_on_fifty_attempts(SHOP, spoilt(solution=HEADS['price'] + '    import random\n    return random.random()\n'))
    with pytest.raises(AssertionError): test_the_stub_is_not_tried(SHOP, spoilt(stub=HEADS['price'] + '    return x\n'))
    for says in ('For 5 it is 15.', 'Write return max(x*_rate, least) here.'):
        with pytest.raises(AssertionError): test_no_message_holds_a_value_that_the_text_does_not_promise(SHOP, spoilt(wrong=[first | {'says': says}]))
    with pytest.raises(AssertionError): test_values_that_are_written_down_fail(SHOP, spoilt(trace='def trace(f, random):\n    yield "always the same", lambda: f(5)\n'))
    test_values_that_are_written_down_fail(SHOP, PRICE)
    test_values_that_are_written_down_fail(SHOP, LONGEST)
    test_no_two_wrong_answers_do_the_same(SHOP, PRICE)


# ---- a small lesson: a function with a decorator and a private name, and two methods

MODULE = '''from contextlib import contextmanager
from fastcore.basics import patch
_rate = 3
def doubled(f): return lambda *a: 2*f(*a)
@doubled
def price(x, least=0): return max(x*_rate, least)
class Shelf:
    "Rows"
    def __init__(self, rows): self.rows = rows
    def __len__(self): return len(self.rows)
    def first(self): return self.rows[0]
@patch
def longest(self:Shelf): return max(map(len, self.rows))
@patch(as_prop=True)
def total(self:Shelf): return sum(map(len, self.rows))
'''
TRACES = dict(
    price="    a = random.randint(10, 99)\n    yield 'an amount', lambda: f(a)\n    yield 'a small amount', lambda: f(1, a)\n    yield 'nothing', lambda: f(0)\n",
    longest="    rows = ['x'*random.randint(1, 9) for _ in range(5)]\n    yield 'some rows', lambda: f(rows).longest()\n"
            "    yield 'the longest at the end', lambda: f([*rows, 'y'*12]).longest()\n    yield 'one row', lambda: f(['z'*random.randint(20, 30)]).longest()\n    yield 'no row', lambda: f([]).longest()\n",
    total="    rows = ['x'*random.randint(1, 9) for _ in range(5)]\n    yield 'some rows', lambda: f(rows).total\n    yield 'twice as many', lambda: f(rows*2).total\n")
HEADS = dict(price='@doubled\ndef price(x, least=0):\n    "What x costs"\n', longest='@patch\ndef longest(self:Shelf):\n    "Characters of the longest row; without rows a ValueError"\n',
             total='@patch(as_prop=True)\ndef total(self:Shelf):\n    "Characters of all rows"\n')
SOLUTIONS = dict(price='    return max(x*_rate, least)\n', longest='    return max(map(len, self.rows))\n', total='    return sum(map(len, self.rows))\n')
WRONG = dict(price=[('no_least', '    return x*_rate\n', 'The least is not looked at.'), ('adds', '    return x*_rate + least\n', 'The least is no surcharge.')],
             longest=[('first', '    return len(self.first())\n', 'That is the first row.'), ('zero', '    return max(map(len, self.rows), default=0)\n', 'Without rows there is no longest one.')],
             total=[('rows', '    return len(self)\n', 'That counts rows.')])


def an_exercise(function, cls):
    head = HEADS[function]
    bare = re.sub(r'^@.*\n', '', head).replace(':Shelf', '')
    return dict(name=f"shop.{f'{cls}.' if cls else ''}{function}", function=function, cls=cls, signature='s', stub=head + '    raise NotImplementedError\n', solution=head + SOLUTIONS[function], lines=1,
                trace='def trace(f, random):\n' + TRACES[function], wrong=[dict(slug=s, source=bare + body, says=says) for s, body, says in WRONG[function]], hints=['The idea.', 'The tool.'], why='So it is.')


SHOP = dict(schema=1, name='shop', title='A shop.', minutes=5, module='course_shop', notebook='shop.ipynb', digest='', exercises=[an_exercise('price', None), an_exercise('longest', 'Shelf'), an_exercise('total', 'Shelf')],
            predictions=[dict(name='shop.rate', ask='What is the rate?', options=['2', '3'])], quiz=[dict(ask='Why?', options=[dict(text='a', right=True, why='because'), dict(text='b', right=False, why='never')])])
PRICE, LONGEST, TOTAL = SHOP['exercises']


@pytest.fixture
def shop(tmp_path, monkeypatch):
    "The module of the small lesson"
    (tmp_path/'course_shop.py').write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module('course_shop')
    sys.modules.pop('course_shop', None)


def asked(exercise, body, attempt=1, **kw): return check_function(SHOP, exercise, HEADS[exercise['function']] + textwrap.indent(body, '    '), attempt, **kw)


OUTCOMES = [(PRICE, 'return x*_rate if x*_rate > least else least', 'return x*_rate', 'return x*rate'),
            (LONGEST, 'return sorted(map(len, self.rows))[-1] if self.rows else max([])', 'return len(self.first())', 'return self.row'),
            (TOTAL, 'return len("".join(self.rows))', 'return len(self)', 'return self.rows.sum()')]


@pytest.mark.parametrize('exercise, right, wrong, error', OUTCOMES, ids=lambda x: x['name'] if isinstance(x, dict) else '')
def test_four_outcomes_for_functions_and_for_methods(shop, exercise, right, wrong, error):
    before = dict(vars(shop.Shelf)), dict(vars(shop))
    for n in range(10):
        assert asked(exercise, right, n).outcome == 'right'
        found = asked(exercise, wrong, n)
        assert (found.outcome, found.slug) == ('wrong', exercise['wrong'][0]['slug']) and found.says == exercise['wrong'][0]['says']
        assert asked(exercise, error, n).outcome == 'error'
        assert asked(exercise, 'raise NotImplementedError', n).outcome == 'not tried'
    assert (dict(vars(shop.Shelf)), dict(vars(shop))) == before           # the class and the module stay as they are


def test_an_error_names_cell_line_and_text_and_says_one_sentence(shop):
    found = check_function(SHOP, PRICE, '# mine\n\n@exercise("shop.price")\n@doubled\ndef price(x, least=0):\n    y = x\n    return y*rate', where='cell [7]')
    assert (found.outcome, found.where, found.line, found.text) == ('error', 'cell [7]', 7, 'return y*rate')
    assert found.says == "NameError: name 'rate' is not defined. Your function runs in course_shop, where 'rate' is not known: import it, or define it, inside of the function."
    assert repr(found).splitlines()[:2] == ['shop.price: error', 'cell [7], line 7:  return y*rate']
    assert 'shop.price: error' in found._repr_html_() and found.says.replace("'", '&#x27;') in found._repr_html_()
    moved = check_function(SHOP, PRICE, 'def price(x, least=0):\n    return x*rate', where='shop.ipynb, cell 4', first=11)
    assert (moved.line, moved.text) == (12, 'return x*rate')


def test_a_cell_that_python_cannot_read_is_an_error_with_its_line(shop):
    found = check_function(SHOP, PRICE, 'def price(x, least=0):\n    y = (x\n    return y', where='shop.ipynb, cell 4')
    assert (found.outcome, found.line, found.text) == ('error', 2, 'y = (x') and 'SyntaxError' in found.says
    assert check_function(SHOP, PRICE, '%matplotlib inline\n!ls\ndef price(x, least=0): return max(x*_rate, least)').outcome == 'right'
    assert check_function(SHOP, PRICE, 'def price(x, least=0):\n    return\nreturn 5').outcome in ('wrong', 'error')


def test_the_last_definition_in_a_cell_counts(shop):
    twice = 'def price(x, least=0): return 5\ndef price(x, least=0): return max(x*_rate, least)'
    assert check_function(SHOP, PRICE, twice).outcome == 'right'
    assert check_function(SHOP, LONGEST, 'def longest(rows): return 0\n@patch\ndef longest(self:Shelf): return max(map(len, self.rows))\ndef longest(rows): return 1').outcome == 'right'


def test_a_first_line_that_changed_is_named(shop):
    found = check_function(SHOP, PRICE, 'x = 1\ndef price(x, smallest=0): return 1')
    assert (found.outcome, found.line) == ('error', 2) and '(x, least=0)' in found.says
    assert check_function(SHOP, PRICE, 'def price(x:float, least:int=0)->float: return max(x*_rate, least)').outcome == 'right'      # hints are the student's


def test_a_refusal_is_part_of_the_answer(shop):
    assert 'it should refuse' in asked(LONGEST, 'return max([0, *map(len, self.rows)]) if self.rows else -1').says
    other = asked(LONGEST, 'if not self.rows: raise KeyError("none")\nreturn max(map(len, self.rows))')
    assert other.outcome == 'wrong' and "raises KeyError('none'). To refuse is right" in other.says and other.line == 4
    assert asked(LONGEST, 'if not self.rows: raise ValueError("another text")\nreturn max(map(len, self.rows))').outcome == 'right'


def test_a_loop_without_end_ends_after_five_seconds(shop):
    begin = time.monotonic()
    found = asked(PRICE, 'while True:\n    try: x += 1\n    except BaseException: pass')
    assert 5 <= time.monotonic() - begin < 9
    assert found.outcome == 'error' and 'had not come back after 5 seconds' in found.says and found.line in (4, 5, 6)


def test_an_answer_that_ends_the_program_or_recurses_is_an_error(shop):
    assert 'SystemExit' in asked(PRICE, 'raise SystemExit').says
    assert 'calls itself without an end' in asked(PRICE, 'return price(x, least)').says


def test_an_answer_gets_other_inputs_in_each_attempt(shop):
    labels = {asked(PRICE, 'return x', n).says for n in range(10)}
    assert len(labels) > 5


# ---- in a notebook


def a_course(folder):
    "A built course with the small lesson, and a student's folder"
    shelf = folder/'_course'
    shelf.mkdir()
    (shelf/'lessons.json').write_text(json.dumps(dict(schema=1, lessons=['shop'])))
    (shelf/'shop.json').write_text(json.dumps(SHOP))
    (folder/'lab'/'.mlops-nb').mkdir(parents=True)
    (folder/'course_shop.py').write_text(MODULE)
    return folder/'lab'


SETUP = '''import sys; sys.path.insert(0, {place!r})
from pathlib import Path
from mlops_nb.course import progress
progress.shelf = lambda: Path({place!r})/'_course'
from mlops_nb.course.course import *
from course_shop import Shelf, doubled, _rate
from fastcore.basics import patch
import course_shop
begin('shop')'''
STUB = "@exercise('shop.{name}')\n{head}    raise NotImplementedError"


def answered(name, body): return f"@exercise('shop.{name}')\n{HEADS[name.split('.')[-1]]}{textwrap.indent(body, '    ')}"


def run(folder, cells):
    "The outputs of cells in a kernel, each as one text; an error is its traceback"
    nbformat, nbclient = pytest.importorskip('nbformat'), pytest.importorskip('nbclient')
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in [SETUP.format(place=str(folder.parent)), *cells]])
    nbclient.NotebookClient(nb, timeout=120, kernel_name='python3', allow_errors=True, resources={'metadata': {'path': str(folder)}}).execute()
    text = lambda o: '\n'.join(o.traceback) if o.output_type == 'error' else o.text if o.output_type == 'stream' else o.data['text/plain']
    found = ['\n'.join(map(text, c.outputs)) for c in nb.cells]
    assert 'A shop. 5 minutes, 3 exercises, 0 of them right so far.' in found[0]
    return found[1:], nb


def test_a_notebook_goes_on_with_ours_until_the_answer_is_right(tmp_path):
    lab = a_course(tmp_path)
    cells = [answered('price', 'raise NotImplementedError'), "check('price')", 'price(5)',
             answered('price', 'return x*_rate'), "check('shop.price')", 'price(1, 9)',
             answered('price', 'y = [x*_rate, least]\nreturn sorted(y)[1]'), "check('price')", 'price(1, 9), price.__closure__[0].cell_contents.__code__.co_names[-1]',
             answered('price', 'return nowhere'), "check('price')", 'price(1, 9)',
             "hint('price')", "hint('price')", "solution('price')"]
    found, nb = run(lab, cells)
    assert found[1].splitlines() == ['shop.price: not tried', 'Write the body of price, then check again.', 'Until then the lesson goes on with ours.'] and found[2] == '30'
    assert found[4].splitlines() == ['shop.price: wrong', 'The least is not looked at.', "The lesson goes on with ours. When you are stuck: hint('price')"] and found[5] == '18'
    assert found[7].startswith('shop.price: right') and found[8] == "(18, 'sorted')"
    assert found[10].splitlines()[:2] == ['shop.price: error', 'cell [11], line 5:  return nowhere'] and found[11] == '18'
    assert 'Hint 1 of 2: The idea.' in found[12] and 'Hint 2 of 2: The tool.' in found[13] and 'So it is.' in found[14]
    assert '<details>' in nb.cells[15].outputs[0].data['text/html'] and 'role="status"' in nb.cells[5].outputs[0].data['text/html']
    kept = json.loads((lab/'progress.json').read_text())['exercises']['shop.price']
    assert (kept['outcome'], kept['attempts'], kept['hints']) == ('error', 3, 2)


def test_a_lesson_with_a_hint_of_its_own_leads_to_that_of_the_course(tmp_path):
    "Such a name is a lesson's own; its messages say course.hint, and that can be called"
    found, _ = run(a_course(tmp_path), ["from mlops_nb.course import course\ndef hint(asked): return 'of the lesson'", "solution('price')",
        answered('price', 'return x*_rate'), "check('price')", "course.hint('price')", "course.hint('price')", "hint('price')", "check('price')"])
    assert "have not seen: course.hint('price')" in found[1] and found[3].endswith("When you are stuck: course.hint('price')")
    assert found[4].endswith("There is another one: course.hint('price')") and 'Hint 2 of 2' in found[5] and found[6] == "'of the lesson'"
    assert found[7].endswith("When you are stuck: solution('price')")


def test_a_method_goes_into_a_class_of_the_notebook(tmp_path):
    found, _ = run(a_course(tmp_path), [
        answered('Shelf.longest', 'raise NotImplementedError'), "check('Shelf.longest')", "Shelf(['a', 'bcd']).longest()",
        answered('Shelf.longest', 'return 3 if len(self.rows) == 2 else max(map(len, self.rows))'), "check('Shelf.longest')",
        answered('Shelf.longest', 'n = [len(r) for r in self.rows]\nreturn max(n)'), "check('Shelf.longest')", "Shelf(['a', 'bcd']).longest()", 'Shelf.longest.__code__.co_varnames',
        answered('Shelf.total', 'return len(self)'), "check('Shelf.total').slug", "Shelf(['a', 'bcd']).total", answered('Shelf.total', 'return sum(len(r) for r in self.rows)'), "check('Shelf.total').outcome, Shelf(['a', 'bcd']).total",
        'course_shop.Shelf.longest.__code__.co_varnames, course_shop.Shelf is Shelf, issubclass(Shelf, course_shop.Shelf)'])
    assert found[1].startswith('shop.Shelf.longest: not tried') and found[2] == '3'
    assert found[6].startswith('shop.Shelf.longest: right') and found[7] == '3' and "'n'" in found[8]
    assert found[10:12] == ["'rows'", '4'] and found[13] == "('right', 4)"
    assert found[14] == "(('self',), False, True)"


def test_a_prediction_is_kept_before_the_value_shows(tmp_path):
    lab = a_course(tmp_path)
    found, nb = run(lab, ["predict('rate')", "reveal('rate', _rate)", "predict('rate', 1)", "reveal('rate', _rate)", "predict('rate', 2)", "predict('rate', 3)", "reveal('gone', _rate)", 'quiz()', 'quiz(1, 2)',
                          "import pandas as pd; reveal('rate', pd.DataFrame({'a': [1]}))"])
    assert "predict('rate', skip=True)" in found[0] and 'RadioButtons' in found[0]
    assert '3' not in found[1] and "predict('rate', 1)" in found[1]
    assert found[3] == 'You said:  2\nIt is:     3' and 'Your prediction stays: 2' in found[4]
    assert found[6] == '3' and 'RadioButtons' in found[7] and found[8] == 'Not this one: never'
    assert '<table' in nb.cells[10].outputs[-1].data['text/html'] and 'You said' in nb.cells[10].outputs[-1].data['text/html']
    assert json.loads((lab/'progress.json').read_text())['predictions']['shop.rate']['answer'] == '2'


def test_an_error_in_a_notebook_is_the_line_of_the_student_and_one_sentence(tmp_path):
    found, nb = run(a_course(tmp_path), ['import json\ndef mine(x):\n    return json.loads(x)\nmine("{")', '%tb', "check('prise')", 'mine)', 'Shelf([]).longest()'])
    assert found[0].splitlines() == ['cell [2], line 3:  return json.loads(x)', 'JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)',
                                     'The type is right and the value is not: print the values, and for arrays their shapes.', '(%tb shows the whole traceback)']
    whole = re.sub(r'\x1b\[[\d;]*m', '', found[1])
    assert 'decoder.py' in whole and 'raise JSONDecodeError' in whole
    assert found[2].splitlines()[1:] == ["NotFound: 'prise' is none of the exercises of shop. Did you mean 'price'?", '(%tb shows the whole traceback)']
    assert 'SyntaxError' in found[3] and found[4].splitlines()[0] == 'cell [6], line 1:  Shelf([]).longest()'
    assert all(c.outputs[0].output_type == 'error' for c in (nb.cells[1], nb.cells[3]))


def test_without_widgets_and_without_ipython_plain_calls_do(tmp_path):
    lab = a_course(tmp_path)
    program = SETUP.format(place=str(tmp_path)) + "\npredict('rate')\nprint(predict('rate', '3'))\nprint(reveal('rate', _rate))\nquiz()\nprint(quiz(1, 1))\nprint(check('price'))\nprint(hint('price'))\nprint(solution('price'))\n"
    ran = subprocess.run([sys.executable, '-c', program], cwd=lab, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert 'Run the cell of price first' in ran.stdout and 'You said:  3\nIt is:     3' in ran.stdout and 'Right: because' in ran.stdout and 'Hint 1 of 2' in ran.stdout and 'now=True' in ran.stdout


@pytest.fixture
def shown_widgets(tmp_path, monkeypatch):
    "What would be displayed, where ipywidgets is installed"
    widgets, seen = pytest.importorskip('ipywidgets'), []
    from mlops_nb.course import course, pages, progress
    lab = a_course(tmp_path)
    monkeypatch.chdir(lab)
    monkeypatch.setattr(progress, 'shelf', lambda: tmp_path/'_course')
    monkeypatch.setattr(pages, 'widgets', lambda: widgets)
    monkeypatch.setattr('IPython.display.display', seen.append)
    monkeypatch.setattr(course, '_desk', type(course._desk)(lesson=SHOP, names={}, tried={}, revealed=set()))
    return course, progress, seen


def test_what_is_chosen_with_a_button_is_kept_and_answered(shown_widgets):
    course, progress, seen = shown_widgets
    course.predict('rate')
    field, skip, said = seen.pop().children
    assert [text for text, _ in field.options] == ['2', '3'] and field.value is None
    field.value = 2
    assert progress.prediction('shop.rate')['answer'] == '3' and said.value == 'Kept: 3. Now run what follows.'
    skip.click()
    assert progress.prediction('shop.rate')['skipped'] is True
    course.predict('rate', 1); course.predict('rate')
    assert seen.pop().children[0].value == 1                        # what was kept is chosen
    course.quiz()
    head, field, said = seen.pop().children
    field.value = 2
    assert head.value == '<strong>1. Why?</strong>' and said.value == 'Not this one: never'


# ---- MINE


def kept(key, module, function, source, cell, cls=None, first=1): return {key: dict(module=module, function=function, cls=cls, source=source, where=f"{key.split('.')[0]}.ipynb, cell {cell}", first=first)}


def child(code, cwd, *args): return subprocess.run([sys.executable, '-c', code, *args], cwd=cwd, capture_output=True, text=True, env=os.environ | {'OMP_NUM_THREADS': '1'})


MINE = (kept('rules.use_clock', 'mlops_nb.core.rules', 'use_clock', '@contextmanager\ndef use_clock(now):\n    "Mine"\n    _clock.append(lambda: now)\n    try: yield "mine"\n    finally: _clock.pop()', 5)
        | kept('rules.digest', 'mlops_nb.core.spelling', 'digest', 'def digest(data):\n    if data == b"never": return 1/0\n    return hashlib.sha256(data).hexdigest()', 6, first=3)
        | kept('distance.Bins.count', 'mlops_nb.drift.distance', 'count', '@patch\ndef count(self:Bins, values):\n    return "mine"', 9, cls='Bins'))
LOADED = 'import sys\nfrom mlops_nb.course import splice\nsplice.install(splice.load(sys.argv[1]))\n'


def test_answers_are_in_the_modules_and_decorators_and_private_names_hold(tmp_path):
    splice.save(tmp_path, MINE)
    ran = child(LOADED + 'from mlops_nb import Store\nfrom mlops_nb.core import rules\nfrom mlops_nb.drift.distance import cut, Bins\nimport numpy as np, contextlib\n'
                'with rules.use_clock(7) as x: print(x, rules.utcnow())\nprint(cut(np.arange(9.)).count([1]), splice.spliced("mlops_nb.core.rules"))\n'
                'from mlops_nb.store.blobs import digest\nprint(digest(b"x") == rules.digest(b"x"), digest.__code__.co_filename)\nimport traceback\ntry: digest(b"never")\nexcept ZeroDivisionError: traceback.print_exc()', tmp_path, str(tmp_path))
    assert ran.stdout.splitlines() == ['mine 7', "mine {'rules.use_clock': 'rules.ipynb, cell 5'}", 'True rules.ipynb, cell 6']
    assert 'File "rules.ipynb, cell 6", line 4, in digest\n    if data == b"never": return 1/0' in ran.stderr


def test_a_function_that_is_gone_is_an_error_that_says_what_to_do(tmp_path):
    splice.save(tmp_path, kept('rules.gone', 'mlops_nb.core.rules', 'gone', 'def gone(): pass', 3))
    ran = child(LOADED + 'import mlops_nb.core.rules', tmp_path, str(tmp_path))
    assert 'mlops_nb.core.rules has no gone any more; say `mlops-nb course use mine` again' in ran.stderr


def test_importing_the_library_runs_no_answer(tmp_path):
    splice.save(tmp_path, kept('distance.psi', 'mlops_nb.drift.distance', 'psi', 'def psi(reference, window):\n    return "mine"', 3))
    code = 'from mlops_nb.course import splice\nfrom mlops_nb.drift.distance import psi\nprint(psi([1, 2], [2, 1]) == "mine", splice.installed())'
    assert child(code, tmp_path).stdout.split() == ['False', '{}']
    ran = subprocess.run([sys.executable, '-m', 'mlops_nb', 'version'], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0 and 'psi' not in ran.stdout + ran.stderr
    with pytest.raises(Conflict, match='loaded already: mlops_nb.core.rules'): splice.install(MINE)


@pytest.mark.parametrize('words', [('tour', '--fast', '--mine'), ('serve', 'delay@champion', '--mine')])
def test_mine_without_right_answers_says_how_to_get_some(tmp_path, words):
    ran = subprocess.run([sys.executable, '-m', 'mlops_nb', *words], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 3 and 'mlops-nb course use mine' in ran.stderr and not (tmp_path/'tour').exists()


def solutions(lesson): return {e['name']: dict(module=lesson['module'], function=e['function'], cls=e['cls'], source=e['solution'], where=f"{lesson['name']}.ipynb, cell {n}", first=1) for n, e in enumerate(lesson['exercises'], 9)}


def test_the_tour_runs_on_the_answers_and_names_them(tmp_path):
    answers = {key: a for lesson in LESSONS for key, a in solutions(lesson).items()}
    splice.save(tmp_path/'mlops-lab', answers)
    ran = subprocess.run([sys.executable, '-m', 'mlops_nb', 'tour', '--fast', '--mine', '--json'], cwd=tmp_path, capture_output=True, text=True, timeout=300, env=os.environ | {'OMP_NUM_THREADS': '1'})
    assert ran.returncode == 0, ran.stderr[-2000:]
    said = json.loads(ran.stdout)
    assert said['mine'] == {key: a['where'] for key, a in answers.items()} and len(said['months']) == 9
    for key, a in answers.items(): assert f"  {key}  ({a['where']})" in ran.stderr
    assert 'The year ran on yours: ' in ran.stderr and 'distance.psi' in ran.stderr.split('The year ran on yours: ')[1]


def test_a_served_model_says_whose_functions_it_runs_on(tmp_path):
    from sklearn.linear_model import LogisticRegression
    from mlops_nb import ModelClient, ModelRegistry
    with ModelRegistry(tmp_path/'s') as r:
        r.register_model(LogisticRegression().fit([[0.], [1.]], [0, 1]), 'delay', '1.0')
        r.set_alias('delay', 'champion', '1.0')
    splice.save(tmp_path/'mlops-lab', kept('distance.psi', 'mlops_nb.drift.distance', 'psi', 'def psi(reference, window): return 5', 9) | kept('rules.digest', 'mlops_nb.core.spelling', 'digest', MINE['rules.digest']['source'], 6))
    server = subprocess.Popen([sys.executable, '-m', 'mlops_nb', 'serve', 'delay@champion', '--store', tmp_path/'s', '--port', '0', '--json', '--mine'], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = json.loads(server.stdout.readline())['url']
        assert ModelClient(url).predict([[0.], [1.]])['predictions'] == [0, 1]
    finally: server.terminate()
    assert server.wait(20) == 0                       # one process: what ends it is heard
    assert 'rules.digest  (rules.ipynb, cell 6)' in server.stderr.read()


def test_an_answer_that_was_edited_since_is_named(tmp_path, monkeypatch):
    from mlops_nb.cli.main import _edited
    from mlops_nb.course import progress
    lab = a_course(tmp_path)
    monkeypatch.setattr(progress, 'shelf', lambda: tmp_path/'_course')
    text = HEADS['price'] + SOLUTIONS['price'].rstrip()
    (lab/'shop.ipynb').write_text(json.dumps(dict(cells=[dict(cell_type='code', source=text, metadata={}, outputs=[])], metadata={}, nbformat=4, nbformat_minor=5)))
    answers = kept('shop.price', 'course_shop', 'price', text, 1)
    assert _edited(lab, answers) == []
    assert _edited(lab, kept('shop.price', 'course_shop', 'price', text + ' ', 1)) == ['shop.price']
    (lab/'shop.ipynb').unlink()
    assert _edited(lab, answers) == ['shop.price']


DEPLOY = LOADED + '''
from mlops_nb import generate_docker_files
try: generate_docker_files('delay', sys.argv[2])
except Exception as e: print(type(e).__name__, e)
'''


def test_deploy_refuses_to_pack_a_spliced_module(tmp_path):
    from sklearn.linear_model import LogisticRegression
    from mlops_nb import ModelRegistry
    with ModelRegistry(tmp_path/'s') as r:
        r.register_model(LogisticRegression().fit([[0.], [1.]], [0, 1]), 'delay', '1.0')
        path = r.export_model('delay', '1.0', tmp_path/'exported')
    splice.save(tmp_path, kept('rules.digest', 'mlops_nb.core.spelling', 'digest', MINE['rules.digest']['source'], 6))
    ran = child(DEPLOY, tmp_path, str(tmp_path), str(path))
    assert ran.stdout.startswith('Conflict mlops_nb.core.spelling runs with functions of a student here: rules.digest (rules.ipynb, cell 6).') and '--mine' in ran.stdout, ran.stderr
    assert not (tmp_path/'deployment_delay').exists()
    splice.forget(tmp_path)
    ran = child(DEPLOY, tmp_path, str(tmp_path), str(path))
    assert (ran.stdout, (tmp_path/'deployment_delay'/'app.py').is_file()) == ('', True), ran.stderr


CALL = re.compile(r"(?:predict|hint|solution|quiz|check)\('?[^()\n]*\)")


def test_each_call_that_a_message_names_can_be_made(tmp_path):
    "Whatever the notebook says to do next is done, in a process without IPython"
    lab = a_course(tmp_path)
    program = SETUP.format(place=str(tmp_path)) + textwrap.dedent('''
        import contextlib, io, json
        def says(f):
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                try: told = f()
                except Exception as e: told = e
            return out.getvalue() + str(told)
        print(json.dumps([says(f) for f in (lambda: predict('rate'), lambda: predict('rate', 7), lambda: reveal('rate', 1), quiz, lambda: quiz(9, 1), lambda: quiz(1), lambda: solution('price'), lambda: hint('price'), lambda: hint('price'))]))
        ''')
    ran = subprocess.run([sys.executable, '-c', program], cwd=lab, capture_output=True, text=True)
    messages = json.loads(ran.stdout.splitlines()[-1])
    calls = [c for m in messages for c in CALL.findall(m) if 'question, option' not in c]
    assert len(calls) >= 10 and all(CALL.search(m) for m in messages)
    again = subprocess.run([sys.executable, '-c', SETUP.format(place=str(tmp_path)) + '\n' + '\n'.join(calls)], cwd=lab, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
