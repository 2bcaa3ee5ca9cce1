"""Put each wrong answer of the exercises into its lesson, one at a time: the lesson's own tests must fail.

    python tools/mutants.py [LESSON ...]      (`make mutants`; all lessons of the course; exit code 1 where a wrong answer lives)

A wrong answer that all cells of the lesson accept is a hole in the tests of the module, since both are one notebook.
"""
from argparse import ArgumentParser
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import ast, json, os, sys

import course
from mlops_nb.course.marks import code_of, directives, function_in, read_lesson, source_of

NO_ANSWER = ('NameError', 'SyntaxError', 'IndentationError', 'ImportError', 'ModuleNotFoundError')    # such an answer does not even run


def mutant(code, name, wrong):
    "The code of an exercise with the body and the parameters of a wrong answer; decorators and type hints stay ours"
    ours, theirs = function_in(code, name), ast.parse(wrong).body[-1]
    for mine, other in zip(ours.args.args, theirs.args.args): other.annotation = mine.annotation
    theirs.decorator_list, theirs.returns = ours.decorator_list, ours.returns
    whole, lines = source_of(code, name).rstrip('\n'), code.splitlines()
    start = min([ours.lineno, *(d.lineno for d in ours.decorator_list)]) - 1
    return '\n'.join([*lines[:start], ast.unparse(theirs), *lines[start + len(whole.splitlines()):]])


def cells(nb, name='', wrong=''):
    "(number, code) of what a notebook runs, with one function exchanged"
    for i, cell in enumerate(nb['cells']):
        given, code = directives(cell), code_of(cell)
        if cell['cell_type'] != 'code' or not code.strip() or ('eval', 'false') in given: continue
        yield i + 1, mutant(code, name, wrong) if ('exercise', name) in given else code


def run(path, name='', wrong=''):
    "Run a notebook in this process, which is used for nothing else; None, or what stopped it"
    from execnb.shell import CaptureShell
    nb = json.loads(path.read_text(encoding='utf8'))
    os.chdir(path.parent)
    shell = CaptureShell()
    for i, code in cells(nb, name, wrong):
        shell.run(code)
        if shell.exc: return dict(cell=i, error=type(shell.exc).__name__, says=str(shell.exc)[:200])
    return None


def processes():
    "Two at a time, each new; what all need is loaded once"
    context = get_context('forkserver')
    context.set_forkserver_preload(['execnb.shell', 'matplotlib', 'pandas'])
    return ProcessPoolExecutor(2, mp_context=context, max_tasks_per_child=1)


def verdict(found):
    "(is the wrong answer found out?, in words)"
    if found is None: return False, 'LIVES: no cell of the lesson fails'
    if found['error'] in NO_ANSWER: return False, f"does not run: cell {found['cell']}, {found['error']}: {found['says']}"
    return True, f"cell {found['cell']}, {found['error']}"


def of_lesson(path, nbs=course.root/'nbs'):
    "(name, slug, is it found out?, in words) of each wrong answer; first of all the lesson as it is, which must run"
    lesson = read_lesson(json.loads((nbs/path).read_text(encoding='utf8')), course.name_of(path), path)
    asked = [(e, w) for e in lesson['exercises'] for w in e['wrong']]
    with processes() as pool:
        whole = pool.submit(run, nbs/path)
        found = [pool.submit(run, nbs/path, e['name'].partition('.')[2], w['source']) for e, w in asked]
        if whole.result(): sys.exit(f'{path} does not run as it is: {whole.result()}')
        return [(e['name'], w['slug'], *verdict(f.result())) for (e, w), f in zip(asked, found)]


def main():
    args = ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument('lessons', nargs='*', help='names of lessons; default: all')
    args = args.parse_args()
    os.environ |= dict(OMP_NUM_THREADS='1', MPLBACKEND='agg')
    known = {course.name_of(path): path for path in course.ORDER}
    if unknown := [name for name in args.lessons if name not in known]: sys.exit(f'no lesson {", ".join(unknown)}; there are {", ".join(known)}')
    told = [row for name in args.lessons or known for row in of_lesson(known[name])]
    for name, slug, _, says in told: print(f'{name:24} {slug:24} {says}')
    lives = [row for row in told if not row[2]]
    print(f'{len(told)} wrong answers, {len(lives)} of them live')
    sys.exit(bool(lives))


if __name__ == '__main__': main()
