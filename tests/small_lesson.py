"""A lesson of the course in small, and a project of nbdev around it: for tests of the machinery, beside the real lessons

It has a function (`mean`) and a method (`Bag.spread`) to write, two predictions, a picture of nothing, and a quiz.
"""
from pathlib import Path
import ast, hashlib, json, os, shutil, subprocess, sys

ROOT = Path(__file__).resolve().parent.parent
HIDDEN = '#| hide\n#| eval: false\n'
PATH = '01_core/9_mean.ipynb'

MEAN = '''def mean(
    values:list, # Numbers: one or more
)->float:        # Their mean
    "What each would have if all had the same"
    total = sum(values)
    return total/len(values)
'''
SPREAD = '''@patch
def spread(self:Bag)->float: # 0 where all are the same
    "How far the values are from one another"
    # the largest step of all
    return max(self.values) - min(self.values)
'''
TEACH_MEAN = '''hints = ['How much would each have, if they shared?', 'Python has `sum` and `len`.']
why = 'A mean is a total that is shared out evenly.'

def trace(f, random):
    some = [random.randint(1, 9) for _ in range(5)]
    yield 'some numbers', lambda: f(some)
    yield 'the same numbers in another order', lambda: f(some[::-1])
    yield 'one number', lambda: f([random.randint(10, 99)])
    yield 'numbers of which the middle is not the mean', lambda: f([1, 2, 90 + random.randint(0, 9)])

def wrong_total(values):
    "A total grows with the number of values."
    return float(sum(values))

def wrong_middle(values):
    "That is the middle one. One very large value must count too."
    return float(sorted(values)[len(values)//2])

def wrong_first(values):
    "Only the first value counts here."
    return float(values[0])
'''
SINGLE_SPREAD = {
    'trace Bag.spread': '''def trace(f, random):
    some = [random.randint(1, 9) for _ in range(6)]
    yield 'some values', lambda: f([*some, 50]).spread()
    yield 'values below zero', lambda: f([-5, -1, -9]).spread()
    yield 'one value twice', lambda: f([3, 3]).spread()
''',
    'wrong Bag.spread largest': 'def spread(self):\n    "The largest value is not a distance."\n    return max(self.values)\n',
    'wrong Bag.spread ends': 'def spread(self):\n    "The values need not stand in order."\n    return abs(self.values[-1] - self.values[0])\n',
    'wrong Bag.spread count': 'def spread(self):\n    "How many there are says nothing of how far apart they are."\n    return len(self.values)\n',
    'hint Bag.spread 1': "'''\nWhich two values are the farthest apart?\n'''",
    'hint Bag.spread 2': "'One is the largest, and the ' 'other one the smallest.'",
    'why Bag.spread': "'No other two are farther apart.'",
}


def code(source): return dict(cell_type='code', id=hashlib.sha256(source.encode()).hexdigest()[:8], metadata={}, source=source.splitlines(True), outputs=[], execution_count=None)


def prose(source): return dict(cell_type='markdown', id=hashlib.sha256(source.encode()).hexdigest()[:8], metadata={}, source=source.splitlines(True))


def question(ask): return dict(ask=ask, options=[dict(text='yes', right=True, why='It is so.'), dict(text='no', right=False, why='It is not.')])


def notebook():
    "The source of the lesson"
    shown = code('mean([1, 2, 6])')
    shown |= dict(outputs=[dict(output_type='execute_result', data={'text/plain': ['3.0']}, metadata={}, execution_count=4)], execution_count=4)
    cells = [
        prose('# What each would have\n\n> A mean and a spread, in small'), code('#| default_exp core.mean'), code('#| export\nfrom __future__ import annotations\nfrom fastcore.basics import patch'),
        code('#| hide\nfrom fastcore.test import *'), prose('**Time:** 5 minutes. **By the end** you can share. **You need** [rules](1_rules.ipynb#errors).\n\n## The naive version\n\nSee [store](../02_store/1_store.ipynb).'),
        code(HIDDEN + "#| predict naive\nask = 'What is the middle of 1, 2 and 6?'\noptions = ['1', '2', '6']"), code('def naive_mean(values): return sorted(values)[len(values)//2]\nnaive_mean([1, 2, 6])'),
        prose('## The right one'), code('#| exports\n#| exercise mean\n' + MEAN), code(HIDDEN + '#| teach mean\n' + TEACH_MEAN), shown, code('test_eq(mean([1, 2, 6]), 3)'),
        code('#| hide\ntest_eq(mean([5, 7]), sum([5, 7])/2)'), code('#| exports\nclass Bag:\n    "Values"\n    def __init__(self, values): self.values = list(values)'),
        code('#| exports\n#| exercise Bag.spread\n' + SPREAD), *(code(f'{HIDDEN}#| {mark}\n{text}') for mark, text in SINGLE_SPREAD.items()),
        code(HIDDEN + "#| predict spread\nask = 'How far apart are 5 and -5?'"), code('bag = Bag([5, -5, 1])\nbag.spread(), mean(bag.values)'), code('test_eq(bag.spread(), 10)\ntest_eq(Bag([2]).spread(), 0)'),
        prose('## Check yourself'), code(f'{HIDDEN}#| quiz\nquestions = {[question(f"Is it so ({i})?") for i in range(3)]}')]
    return dict(cells=cells, metadata=dict(kernelspec=dict(display_name='python3', language='python', name='python3')), nbformat=4, nbformat_minor=5)


def project(folder, nb=None):
    "A project of nbdev with this one lesson, in `folder`"
    (folder/'nbs'/PATH).parent.mkdir(parents=True)
    (folder/'mlops_nb').mkdir()
    for name in ('settings.ini', 'README.md', 'setup.py'): shutil.copy(ROOT/name, folder/name)
    shutil.copy(ROOT/'nbs'/'_quarto.yml', folder/'nbs'/'_quarto.yml')
    (folder/'mlops_nb'/'__init__.py').write_text('__version__ = "0"\n')
    (folder/'nbs'/PATH).write_text(json.dumps(nb or notebook(), sort_keys=True, indent=1, ensure_ascii=False) + '\n')
    return folder


def run(folder, *command, **env):
    "A program in that folder: what it said"
    done = subprocess.run([str(c) for c in command], cwd=folder, capture_output=True, text=True, env={**os.environ, 'MPLBACKEND': 'agg', **env})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def names_of_the_course():
    "The lessons of the course, in their order, as tools/course.py has them"
    text = (ROOT/'tools'/'course.py').read_text(encoding='utf8')
    order = next(n.value for n in ast.parse(text).body if isinstance(n, ast.Assign) and n.targets[0].id == 'ORDER')
    return [Path(path).stem.partition('_')[2] for path in ast.literal_eval(order)]


def tool(name): return Path(sys.executable).with_name(name)
