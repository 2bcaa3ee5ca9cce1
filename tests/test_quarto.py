"What a real Quarto and plain nbdev need of this repository. Quarto cannot be installed everywhere, so none of these tests starts it"
from pathlib import Path
import ast, json

import pytest
from nbdev.process import NBProcessor

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(p for p in (ROOT/'nbs').rglob('*.ipynb') if not any(x[0] in '._' for x in p.relative_to(ROOT).parts))


# ---- nbdev runs each cell that imports, and no cell before it


EXPORTED = {'export', 'exports', 'exporti', 'exec_doc'}


def mixed(nb):
    "The cells of a notebook that nbdev would run for their imports, and that hold something else too (see nbdev.processors._do_eval)"
    cells = [c for c in NBProcessor(nb).nb.cells if c.cell_type == 'code' and c.source]
    if not any(c.directives_.keys() & EXPORTED for c in cells): return []          # a page that documents nothing runs nothing
    free = [c for c in cells if not c.directives_.keys() & EXPORTED and c.directives_.get('eval:', [''])[0].lower() != 'false']
    return [c.source for c in free if imports_and_more(c.parsed_() or [])]          # with a %magic nothing is parsed, and nothing run


def imports_and_more(body):
    kinds = (ast.Import, ast.ImportFrom)
    return any(isinstance(node, kinds) for part in body for node in ast.walk(part)) and not all(isinstance(part, kinds) for part in body)


@pytest.mark.parametrize('nb', NOTEBOOKS, ids=lambda nb: nb.relative_to(ROOT/'nbs').as_posix())
def test_no_cell_mixes_imports_with_other_code(nb):
    assert mixed(nb) == [], 'imports go into a cell of their own, or into the `#| hide` cell at the top: nbdev runs this cell without those before it'


def notebook(path, *cells):
    "Write a notebook of these code cells"
    cells = [dict(cell_type='code', execution_count=None, id=f'c{i}', metadata={}, outputs=[], source=source) for i, source in enumerate(cells)]
    path.write_text(json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)), encoding='utf8')
    return path


def test_a_cell_that_mixes_would_be_found(tmp_path):
    bad = ['import os\nx = os.sep', '#| hide\nimport os\nx = os.sep', 'if x:\n    import os', 'def f():\n    import os']
    good = ['#| export\nimport os\ny = 1', 'import os\nfrom os import sep', 'x = 1', '#| eval: false\nimport os\nos.sep']
    assert mixed(notebook(tmp_path/'a.ipynb', *bad, *good)) == [s.removeprefix('#| hide\n') for s in bad]
    assert mixed(notebook(tmp_path/'b.ipynb', *bad)) == []          # nothing is exported, so nbdev runs nothing
