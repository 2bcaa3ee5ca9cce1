"""Execute notebooks in place, so that the page shows what the code gives, and clean them.

    python tools/execute.py [NOTEBOOK ...]      (default: all; a failing cell ends with its traceback and exit code 1)
"""
from pathlib import Path
import os, re, sys, tempfile, time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbdev.clean import nbdev_clean

root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root))

from mlops_nb.course.marks import directives

keys = tempfile.TemporaryDirectory(prefix='mlops-nb-keys-')
os.environ['XDG_STATE_HOME'] = keys.name     # a lesson makes stores, and no key of yours


def chapters(): return [p for p in sorted((root/'nbs').rglob('*.ipynb')) if not any(x[0] in '._' for x in p.relative_to(root).parts)]


def is_noise(output):
    "Progress bars and log lines belong to the run, not to the page"
    return output['output_type'] == 'stream' and output['name'] == 'stderr' or 'application/vnd.jupyter.widget-view+json' in output.get('data', {})


class Client(NotebookClient):
    "Runs what nbdev_test runs: a cell under `#| eval: false` is skipped, such as the wrong answers of an exercise"
    async def async_execute_cell(self, cell, cell_index, *args, **kwargs):
        if ('eval', 'false') in directives(cell): return cell
        return await super().async_execute_cell(cell, cell_index, *args, **kwargs)


def execute(path):
    nb = nbformat.read(path, as_version=4)
    begin = time.monotonic()
    Client(nb, timeout=600, kernel_name='python3', resources={'metadata': {'path': str(path.parent)}}).execute()
    for cell in nb.cells:
        if cell.cell_type == 'code': cell['outputs'] = [o for o in cell['outputs'] if not is_noise(o)]
    nb.metadata.pop('widgets', None)
    nbformat.write(nb, path)
    nbdev_clean.__wrapped__(str(path))
    print(f'{path.relative_to(root)}: {len(nb.cells)} cells in {time.monotonic()-begin:.1f} s', flush=True)


for path in [Path(a).resolve() for a in sys.argv[1:]] or chapters():
    try: execute(path)
    except CellExecutionError as e: sys.exit(f'{path.relative_to(root)}\n' + re.sub(r'\x1b\[[0-9;]*m', '', str(e)))
