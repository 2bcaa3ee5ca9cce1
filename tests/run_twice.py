"""Run All, and Run All again, in one kernel: python tests/run_twice.py NOTEBOOK (exit code 1 and the cell that failed)

In this process, with nbdev's own shell: a kernel and its messages would cost more than many lessons.
"""
from pathlib import Path
import json, os, re, sys

from execnb.shell import CaptureShell

path = Path(sys.argv[1]).resolve()
sources = [''.join(c['source']) for c in json.loads(path.read_text(encoding='utf8'))['cells'] if c['cell_type'] == 'code']
os.chdir(path.parent)
shell = CaptureShell()
for time in ('first', 'second'):
    for i, source in enumerate(sources):
        if not source.strip() or re.match(r'(?:\s*#\s*\|.*\n)*?\s*#\s*\|\s*eval:\s*false', source): continue
        shell.run(source)
        if shell.exc: sys.exit(f'{path.name}, code cell {i+1}, the {time} time: {type(shell.exc).__name__}: {shell.exc}\n{source}')
