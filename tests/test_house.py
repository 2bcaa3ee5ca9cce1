"The plan of the house: which wing may import which, and the order of what stands behind a lesson; read from the code that nbdev has written"
from functools import cache
from pathlib import Path
from xml.etree import ElementTree
import ast, importlib, json, re

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE, NBS = ROOT/'mlops_nb', ROOT/'nbs'
MAY = {  # a wing -> the wings that its exported code may import; itself is always allowed (CONTRIBUTING.md has the same table)
    'core': '', 'store': 'core', 'models': 'core', 'drift': 'core',
    'data': 'core store', 'registry': 'core store models data', 'serving': 'core models', 'monitoring': 'core store drift',
    'governance': 'core store data registry monitoring', 'cli': '*', 'course': 'core',
}
LATER = {('data', 'drift'), ('serving', 'registry')}   # inside of one function each, which says so


def wings(): return sorted(p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name[0] != '_')


@cache
def import_lines(path):
    "(import, is it at the top of the module?) of a module"
    tree = ast.parse(path.read_text(encoding='utf8'))
    top = {id(n) for n in tree.body}
    return [(n, id(n) in top) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]


def imports(path, package=PACKAGE):
    "(wing, module, is it inside of a function?) of every import of our own in a module; each name that is imported may be a module too"
    here = path.relative_to(package).with_suffix('').parts
    for n, top in import_lines(path):
        if n.level: full = [*here[:len(here)-n.level], *(n.module.split('.') if n.module else [])]
        elif n.module.startswith('mlops_nb.'): full = n.module.split('.')[1:]
        elif n.module == 'mlops_nb' and MAY[here[0]] != '*': raise AssertionError(f'{path} imports from the top level; name the room')
        else: continue
        for a in n.names:
            name = '.'.join(full if package.joinpath(*full).with_suffix('.py').is_file() else [*full, a.name])
            yield name.split('.')[0], name, not top


def modules(package=PACKAGE): return [p for p in sorted(package.glob('*/*.py')) if p.parent.name[0] != '_' and p.name != '__init__.py']


def wrong_direction(package=PACKAGE):
    "What the plan does not allow, and how many imports were looked at"
    found, seen = [], 0
    for path in modules(package):
        wing = path.parent.name
        for other, module, inside in imports(path, package):
            seen += 1
            if other != wing and MAY[wing] != '*' and other not in MAY[wing].split() and not (inside and (wing, other) in LATER):
                found.append(f'{wing}/{path.name} imports {module}; {wing} may import {MAY[wing] or "nothing"}')
    return found, seen


def test_the_plan_names_every_wing(): assert set(wings()) == set(MAY)


def test_a_wing_imports_only_what_it_may():
    found, seen = wrong_direction()
    assert found == [] and seen > 100


def test_nobody_imports_from_a_face():
    "A face loads what it is asked for, and a circle begins with one import of it; inside of the package rooms are named"
    for path in modules():
        for _, module, _ in imports(path):
            if MAY[path.parent.name] != '*': assert (PACKAGE.joinpath(*module.split('.')).with_suffix('.py')).is_file(), f'{path} imports {module}'


def numbers():
    "Module -> its number, of the notebooks that stand behind lessons"
    return {re.search(r'#\| default_exp ([\w.]+)', nb.read_text(encoding='utf8'))[1]: int(nb.stem.split('_')[0]) for nb in NBS.glob('[0-9]*/behind/[0-9]*.ipynb')}


def test_what_stands_behind_a_lesson_imports_only_smaller_numbers():
    "Of its own wing, that is; the lessons may import all that stands behind them. core.rules is the one lesson that all stand on"
    place = numbers()
    for name, n in place.items():
        for other, module, _ in imports(PACKAGE.joinpath(*name.split('.')).with_suffix('.py')):
            if other == name.split('.')[0] and module != name: assert place.get(module, 0 if module == 'core.rules' else 99) < n, f'{name} ({n}) imports {module}'
    assert len(place) > 30


def test_a_number_is_given_once_and_without_a_letter():
    for folder in [NBS, *NBS.glob('[0-9]*'), *NBS.glob('[0-9]*/behind')]:
        parts = [p.name for p in folder.iterdir() if p.name[0].isdigit()]
        assert all(re.match(r'\d+_', p) for p in parts)
        given = [int(p.split('_')[0]) for p in parts]
        assert len(given) == len(set(given)), f'{folder}: {sorted(parts)}'
        pages = [re.sub(r'^\d+_', '', p) for p in parts]
        assert len(pages) == len(set(pages)), f'{folder}: nbdev makes one page of two: {sorted(parts)}'


def test_a_notebook_lies_in_the_wing_of_its_module():
    for nb in NBS.glob('[0-9]*/**/[0-9]*.ipynb'):
        module = re.search(r'#\| default_exp ([\w.]+)', nb.read_text(encoding='utf8'))
        if module: assert module[1].split('.')[0] == nb.relative_to(NBS).parts[0].split('_')[1], nb


def private_names_that_leave(package=PACKAGE):
    "Names with a leading underscore that one wing imports from another, or takes from a room of another"
    found = []
    for path in modules(package):
        wing, rooms = path.parent.name, {}
        for n, _ in import_lines(path):
            if not (n.level > 1 or not n.level and n.module.startswith('mlops_nb.') and n.module.split('.')[1] != wing): continue
            found += [f'{wing}/{path.stem} <- {n.module}: {a.name}' for a in n.names if a.name.startswith('_')]
            rooms |= {a.asname or a.name: n.module for a in n.names}
        for n in ast.walk(ast.parse(path.read_text(encoding='utf8'))):
            if isinstance(n, ast.Attribute) and n.attr[0] == '_' != n.attr[:2][-1] and getattr(n.value, 'id', '') in rooms:
                found.append(f'{wing}/{path.stem} <- {rooms[n.value.id]}: {n.value.id}.{n.attr}')
    return found


def test_the_rule_of_private_names_can_fail(tmp_path):
    (tmp_path/'store').mkdir()
    (tmp_path/'store'/'store.py').write_text('from ..core import rules\nfrom ..core.rules import _clock\nrules._clock; rules.__name__; rules.utcnow\n')
    assert private_names_that_leave(tmp_path) == ['store/store <- core.rules: _clock', 'store/store <- core: rules._clock']


def test_the_rule_of_direction_can_fail(tmp_path):
    (tmp_path/'core').mkdir(); (tmp_path/'store').mkdir()
    (tmp_path/'core'/'rules.py').write_text('from ..store.store import Store\n'); (tmp_path/'store'/'store.py').write_text('from ..core import rules\n')
    assert wrong_direction(tmp_path) == (['core/rules.py imports store.store; core may import nothing'], 2)


# ---- the tables of README and CONTRIBUTING


def rows(text, header):
    "The rows of the table that has this header, as lists of cells"
    lines = text.split(header)[1].splitlines()[2:]
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in lines[:next(i for i, line in enumerate(lines) if not line.startswith('|'))]]


def on_the_shelves(folder): return [re.sub(r'^\d+_', '', nb.stem) for nb in sorted(folder.glob('[0-9]*.ipynb'), key=lambda nb: int(nb.name.split('_')[0]))]


def test_the_map_of_contributing_is_the_house():
    table = rows((ROOT/'CONTRIBUTING.md').read_text(encoding='utf8'), '| wing | lessons | behind | may import |')
    assert [row[0] for row in table] == [*sorted(p.name for p in NBS.glob('[0-9]*')), 'tutorials']
    later = set()
    for folder, lessons, behind, may in table:
        wing = folder.partition('_')[2]
        if wing in MAY:
            assert lessons.split() == on_the_shelves(NBS/folder) and behind.split() == on_the_shelves(NBS/folder/'behind'), folder
            named = re.sub(r'\(.*\)', '', may).replace('nothing of ours', '').replace('all; nobody imports it', '*')
            assert named.split() == MAY[wing].split(), f'{folder}: {may}'
            later |= {(wing, other) for other in re.findall(r'\((\w+) inside of', may)}
    assert later == LATER


HEADER = '| wing | lessons | what you learn to build | minutes |'


def minutes(nb):
    "For reading a lesson, at 200 words or 12 lines of code a minute"
    cells = [(c['cell_type'], ''.join(c['source'])) for c in json.loads(nb.read_text(encoding='utf8'))['cells']]
    cells = [(kind, text) for kind, text in cells if not re.match(r'(?:#\|.*\n)*#\|\s*(hide|export|default_exp)\b', text)]
    return sum(len(t.split()) for k, t in cells if k == 'markdown')/200 + sum(len([l for l in t.splitlines() if l.strip()]) for k, t in cells if k == 'code')/12


def test_the_minutes_of_readme_are_those_of_the_lessons():
    text, said = (ROOT/'README.md').read_text(encoding='utf8'), {}
    for (_, _, _, m), folder in zip(rows(text, HEADER), sorted(NBS.glob('[0-9]*'))):
        said[folder.name] = int(m)
        found = sum(map(minutes, folder.glob('[0-9]*.ipynb')))
        assert abs(said[folder.name] - found) <= max(5, .2*found), f'{folder.name}: {found:.0f} minutes'
    assert 'eleven hours for all lessons' in text and abs(sum(said.values())/60 - 11) < 0.75


def test_the_table_of_readme_has_a_row_for_each_wing_and_links_its_lessons():
    table = rows((ROOT/'README.md').read_text(encoding='utf8'), HEADER)
    assert len(table) <= 14
    for (wing, lessons, _, _), folder in zip(table, [*sorted(NBS.glob('[0-9]*')), NBS/'tutorials'], strict=True):
        assert wing == f'[{folder.name.split("_")[-1]}](nbs/{folder.name}/index.ipynb)'
        there = {f'nbs/{folder.name}/{nb.name}' for nb in folder.glob('*.ipynb')} - {f'nbs/{folder.name}/index.ipynb'}
        assert set(re.findall(r'\]\(([^)]+)\)', lessons)) == there


# ---- the landing pages and their pictures


@pytest.fixture
def rooms(monkeypatch):
    "The tool that draws the rooms"
    monkeypatch.syspath_prepend(str(ROOT/'tools'))
    return importlib.import_module('rooms')


def test_pictures_and_lists_of_rooms_are_what_the_code_is(rooms, monkeypatch):
    def stale(): return [p.name for p, text in rooms.files().items() if not p.is_file() or p.read_text(encoding='utf8') != text]
    assert stale() == [] and {p.stem for p in rooms.images.glob('*')} == {*wings(), 'house'}
    seen = rooms.imports
    monkeypatch.setattr(rooms, 'imports', lambda path: [i for i in seen(path) if i != ('core', 'rules')])
    assert {'core.svg', 'index.ipynb'} <= set(stale())     # without these imports it is another picture, and another sentence


def test_the_pictures_show_the_imports_that_the_plan_reads(rooms):
    for wing in wings():
        names = {module: name for module, (_, name, _) in rooms.rooms(wing).items()}
        assert set(names) == {p.stem for p in modules() if p.parent.name == wing}
        for module, name in names.items():
            here = {m.split('.')[1] for w, m, _ in imports(PACKAGE/wing/f'{module}.py') if w == wing and '.' in m} - {module}
            assert set(rooms.stands_on(wing)[name]) == {names[m] for m in here}
        assert set(rooms.house()[wing]) == {w for p in modules() if p.parent.name == wing for w, _, _ in imports(p) if w in MAY} - {wing}


def test_an_arrow_is_left_out_only_where_others_lead_there(rooms):
    for graph, *_ in rooms.pictures().values():
        whole, drawn = rooms.acyclic(graph), rooms.needed(rooms.acyclic(graph))
        for n in graph: assert rooms.reach(whole, n) == rooms.reach(drawn, n) and set(drawn[n]) <= set(graph[n])
        row = rooms.rows_of(drawn, set())
        assert all(row[n] < row[m] for n in drawn for m in drawn[n])


def test_a_picture_has_its_own_light_ground_a_title_and_no_need_of_colour(rooms):
    for path in rooms.images.glob('*.svg'):
        root = ElementTree.parse(path).getroot()
        kind = lambda tag: root.findall(f'{{http://www.w3.org/2000/svg}}{tag}')
        assert kind('rect')[0].get('fill') == '#fff' and kind('rect')[0].get('width') == root.get('width')
        assert kind('title')[0].text.startswith('The ') and root.get('aria-labelledby') == kind('title')[0].get('id')
        boxes, bold = kind('rect')[1:], [t for t in kind('text') if t.get('font-weight')]
        assert len(bold) == sum(float(b.get('stroke-width')) > 2 for b in boxes) and int(root.get('width')) <= 900 and path.stat().st_size < 9000


def test_a_landing_page_links_each_notebook_of_its_folder():
    for folder in sorted(p for p in NBS.iterdir() if p.is_dir() and p.name not in ('images',) and p.name[0] not in '._'):
        text = '\n'.join(''.join(c['source']) for c in json.loads((folder/'index.ipynb').read_text(encoding='utf8'))['cells'])
        here = {nb.relative_to(folder).as_posix() for nb in folder.rglob('*.ipynb') if '.ipynb_checkpoints' not in nb.parts} - {'index.ipynb'}
        assert here <= set(re.findall(r'\]\(([^)]+)\)', text)), folder
        if folder.name.partition('_')[2] in MAY:
            assert f'](../images/rooms/{folder.name.partition("_")[2]}.svg)' in text and f'default_exp {folder.name.partition("_")[2]}.__init__' in text


def test_no_private_name_leaves_its_wing(): assert private_names_that_leave() == []
