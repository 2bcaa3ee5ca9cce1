"""Run an edition of a lesson from top to bottom, twice in one kernel: python tests/run_lesson.py NOTEBOOK COURSE [PACKAGE]

COURSE is the folder that tools/course.py wrote; PACKAGE a folder `mlops_nb` whose modules stand beside the real ones. Prints JSON: for each
time the pairs [source of a cell, what it showed]; exit code 1 and the cell where one fails.
"""
from pathlib import Path
import json, os, sys

from execnb.shell import CaptureShell

import mlops_nb.core
from mlops_nb.course import progress

path, course = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
if sys.argv[3:]: mlops_nb.core.__path__.append(str(Path(sys.argv[3]).resolve()/'core'))
progress.shelf = lambda: course
os.chdir(path.parent)
shell, found = CaptureShell(), []


def shown(output): return ''.join(output.get('text', '') or output.get('data', {}).get('text/plain', ''))


for time in (1, 2):
    seen = []
    for i, cell in enumerate(json.loads(path.read_text(encoding='utf8'))['cells']):
        if cell['cell_type'] != 'code': continue
        source = ''.join(cell['source'])
        outputs = shell.run(source)
        if shell.exc: sys.exit(f'{path.name}, cell {i + 1}, time {time}: {type(shell.exc).__name__}: {shell.exc}\n{source}')
        seen.append([source, '\n'.join(map(shown, outputs))])
    found.append(seen)
print('\n' + json.dumps(found))
