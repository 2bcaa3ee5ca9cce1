"""Draw the rooms of each wing and the wings of the house, from the folders and from the real imports, and list them.

    python tools/rooms.py [--check]      (writes nbs/images/rooms/*.svg, two cells of each index notebook: `## The rooms`, `## The face`, and nbs/sidebar.yml)
"""
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape
import ast, json, re, sys

import sidebar

root = Path(__file__).resolve().parent.parent
nbs, package, images = root/'nbs', root/'mlops_nb', root/'nbs'/'images'/'rooms'
HEIGHT, STEP, GAP, EDGE = 30, 66, 18, 16   # of a box, from row to row, between boxes, around all of them


# ---- what there is


@cache
def wings():
    "Wing -> its folder in nbs/, in the order of the shelves"
    return {p.name.partition('_')[2]: p for p in sorted(nbs.glob('[0-9]*_*')) if (package/p.name.partition('_')[2]).is_dir()}


@cache
def rooms(wing):
    "Module -> (its number, the name of its notebook, is it a lesson?), lessons first"
    found = {}
    for nb in [*sorted(wings()[wing].glob('[0-9]*.ipynb')), *sorted((wings()[wing]/'behind').glob('[0-9]*.ipynb'), key=number)]:
        module = re.search(r'#\| default_exp ([\w.]+)', nb.read_text(encoding='utf8'))
        if module: found[module[1].partition('.')[2]] = (number(nb), nb.stem.partition('_')[2], nb.parent.name != 'behind')
    return found


def number(nb): return int(nb.name.partition('_')[0])


@cache
def tree_of(path): return ast.parse(path.read_text(encoding='utf8'))


@cache
def import_lines(path): return [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.ImportFrom)]


def imports(path):
    "(wing, module) of what a module imports from this package; the module is '' where a whole wing is meant"
    here = path.relative_to(package).parent.parts
    for n in import_lines(path):
        if n.level: full = [*here[:len(here)-n.level+1], *(n.module or '').split('.')]
        elif (n.module or '').startswith('mlops_nb.'): full = n.module.split('.')[1:]
        else: continue
        full = [part for part in full if part]
        for a in n.names:
            if not full: yield a.name, ''
            else: yield full[0], full[1] if len(full) > 1 else a.name if (package/full[0]/f'{a.name}.py').is_file() else ''


def stands_on(wing):
    "Room -> the rooms of its wing that it imports, by the names of their notebooks"
    names = {m: name for m, (_, name, _) in rooms(wing).items()}
    return {name: sorted({names[to] for w, to in imports(package/wing/f'{m}.py') if w == wing and to in names and to != m}) for m, name in names.items()}


def wings_under(wing): return sorted({w for m in rooms(wing) for w, _ in imports(package/wing/f'{m}.py') if w in wings() and w != wing})


def house(): return {wing: wings_under(wing) for wing in wings()}


# ---- the picture: rows from top to bottom, each arrow leads down


def reach(graph, start):
    "All that can be reached from a node, in one step or more"
    found, todo = set(), [start]
    while todo:
        for other in graph[todo.pop()]:
            if other not in found: found.add(other); todo.append(other)
    return found


def acyclic(graph):
    "The graph without the imports that close a circle (those inside of a function)"
    out = {n: [] for n in graph}
    for n in graph:
        for m in graph[n]:
            if n not in reach(out, m) | {m}: out[n].append(m)
    return out


def needed(graph):
    "Without the arrows that others imply"
    return {n: [m for m in to if not any(m in reach(graph, o) for o in to if o != m)] for n, to in graph.items()}


def rows_of(graph, low):
    "The rows, from the top: a node lies below all that stands on it; those of `low` never lie in the first row"
    row = {n: 1 if n in low else 0 for n in graph}
    for _ in graph:
        for n, to in graph.items():
            for m in to: row[m] = max(row[m], row[n] + 1)
    used = sorted(set(row.values()))
    return {n: used.index(r) for n, r in row.items()}


def placed(graph, row):
    "Rows of names, and arrows as chains through the rows between; a place where an arrow only passes is a pair"
    rows, chains = [[n for n in graph if row[n] == r] for r in range(max(row.values()) + 1)], []
    for n, to in graph.items():
        for m in to:
            between = [(f'{n}>{m}', r) for r in range(row[n] + 1, row[m])]
            for b in between: rows[b[1]].append(b)
            chains.append([n, *between, m])
    links = {(a, b) for c in chains for a, b in zip(c, c[1:])}
    for sweep in range(8):      # each node to the middle of its neighbours, down and up
        order = range(1, len(rows)) if sweep % 2 == 0 else range(len(rows) - 2, -1, -1)
        for r in order:
            other = rows[r-1] if sweep % 2 == 0 else rows[r+1]
            at = {n: (i + .5)/len(other) for i, n in enumerate(other)}
            def middle(n):
                near = [at[a if b == n else b] for a, b in links if n in (a, b) and (a if b == n else b) in at]
                return sum(near)/len(near) if near else (rows[r].index(n) + .5)/len(rows[r])
            rows[r] = sorted(rows[r], key=lambda n: (round(middle(n), 6), str(n)))
    return rows, chains


def width(n, label): return 14 if isinstance(n, tuple) else 26 + 8*len(label[n])


WIDEST = 860    # of a row: the text of a page is about as wide


def narrow(graph, row, label):
    "Rows that fit on a page: of one that is too wide, boxes move down to where nothing is in the way, or to a row of their own"
    for _ in range(60):
        rows, chains = placed(graph, row)
        sizes = [sum(width(n, label) + GAP for n in r) - GAP for r in rows]
        if max(sizes) <= WIDEST: break
        r = sizes.index(max(sizes))
        here = sorted((n for n in graph if row[n] == r), key=lambda n: (len(graph[n]) > 0, -width(n, label)))
        free = [n for n in here if all(row[m] > r + 1 for m in graph[n])]
        if not free:
            row = {n: at + (at > r) for n, at in row.items()}
            free = here
        row = row | {free[0]: r + 1}
    return rows, chains, sizes


def svg(graph, label, bold, title, foot):
    "The picture as text"
    graph = needed(acyclic(graph))
    rows, chains, sizes = narrow(graph, rows_of(graph, {n for n in graph if n not in bold} if bold else set()), label)
    wide, high = max([*sizes, 7*len(foot), 260]) + 2*EDGE, STEP*(len(rows) - 1) + HEIGHT + 3*EDGE + 12
    at = {}
    for i, (r, size) in enumerate(zip(rows, sizes)):
        x = (wide - size)/2
        for n in r: at[n] = (x + width(n, label)/2, EDGE + STEP*i); x += width(n, label) + GAP
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high}" width="{wide:.0f}" height="{high}" role="img" aria-labelledby="t" '
             'font-family="system-ui, sans-serif" font-size="14">', f'<title id="t">{escape(title)}</title>',
             '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#444"/></marker></defs>',
             f'<rect width="{wide:.0f}" height="{high}" rx="8" fill="#fff"/>']
    arrows = ''.join(f'<path d="{arrow(chain, at)}"/>' for chain in chains)
    lines.append(f'<g fill="none" stroke="#444" stroke-width="1.2" marker-end="url(#a)">{arrows}</g>')
    for n in graph:
        (x, y), w, thick = at[n], width(n, label), n in bold
        lines.append(f'<rect x="{x - w/2:.0f}" y="{y}" width="{w}" height="{HEIGHT}" rx="5" fill="{"#dce9f7" if thick else "#f5f5f2"}" stroke="#222" stroke-width="{2.6 if thick else 1}"/>')
        lines.append(f'<text x="{x:.0f}" y="{y + 20}" text-anchor="middle" fill="#111"{" font-weight=%s700%s" % (chr(34), chr(34)) if thick else ""}>{escape(label[n])}</text>')
    lines.append(f'<text x="{EDGE}" y="{high - EDGE + 4}" fill="#333" font-size="12">{escape(foot)}</text>')
    return '\n'.join([*lines, '</svg>', ''])


def arrow(chain, at):
    "From the lower edge of the first box to the upper edge of the last one, past the boxes between"
    (x, y), path = at[chain[0]], ''
    y += HEIGHT
    for n in chain[1:]:
        (to, top), last = at[n], n == chain[-1]
        end = top if last else top + HEIGHT
        path += f'{"" if path else f"M{x:.0f} {y}"}C{x:.0f} {(y + top)/2:.0f} {to:.0f} {(y + top)/2:.0f} {to:.0f} {top}' + ('' if last else f'V{end}')
        x, y = to, end
    return path


# ---- the finding, and the files


def people(names):
    names = list(names)
    return names[0] if len(names) == 1 else ', '.join(names[:-1]) + ' and ' + names[-1]


def finding(graph, what):
    "What the picture shows, in a sentence"
    graph = acyclic(graph)
    under = {n: sum(n in reach(graph, m) for m in graph) for n in graph}
    most = max(under.values())
    if not most: return f'{len(graph)} {what}; none of them imports another'
    base = [n for n in graph if under[n] == most]
    verb = 'stands' if most == 1 else 'stand'
    return f'{len(graph)} {what}; {people([f"{most} of them {verb} on {base[0]}", *(f"{most} on {n}" for n in base[1:])])}'


def pictures():
    "Name -> (graph, labels, bold ones, finding, foot)"
    found = {}
    for wing in wings():
        r, under = rooms(wing), wings_under(wing)
        lessons = {name for _, name, lesson in r.values() if lesson}
        outside = f'; other wings: {", ".join(under)}' if under else '; other wings: none'
        found[wing] = (stands_on(wing), {name: f'{n} {name}' for n, name, _ in r.values()}, lessons, finding(stands_on(wing), 'rooms'),
                       'bold: a lesson; an arrow: imports' + outside)
    graph = house()
    found['house'] = (graph, {w: w for w in graph}, set(), finding(graph, 'wings'), 'an arrow: imports (what follows from other arrows is not drawn)')
    return found


def alt(name, said): return f'{"The wings of the house" if name == "house" else f"The rooms of {name}"}: {said}'


def one_line(nb):
    "What a notebook says of itself below its title"
    first = ''.join(json.loads(nb.read_text(encoding='utf8'))['cells'][0]['source'])
    return re.search(r'^> (.+)$', first, re.M)[1].strip()


def list_rooms(folder):
    "The notebooks of a folder and of what stands behind them, each by its name in the picture, with its title and its line"
    def line(nb): return f'- **{nb.stem.replace("_", " ")}**: [{sidebar.title(nb)}]({nb.relative_to(folder).as_posix()}). {one_line(nb)}'
    def lines(found): return '\n'.join(map(line, found))
    lessons = sorted((nb for nb in folder.glob('*.ipynb') if nb.name != 'index.ipynb'), key=lambda nb: (number(nb) if nb.name[0].isdigit() else 99, nb.name))
    behind = sorted((folder/'behind').glob('[0-9]*.ipynb'), key=number)
    first = 'Read:' if len(lessons) == 1 else f'Read {", then ".join(nb.stem.partition("_")[0] for nb in lessons)}:' if lessons[0].name[0].isdigit() else 'In any order:'
    depth = 'Behind them, for whoever wants the depth; each stands on smaller numbers only:'
    return f'{first}\n\n{lines(lessons)}' + (f'\n\n{depth if len(lessons) > 1 else depth.replace("them", "it")}\n\n{lines(behind)}' if behind else '')


def the_rooms(folder, drawn):
    "The cell `## The rooms` of a wing's index"
    wing = folder.name.partition('_')[2]
    name = wing if folder in wings().values() else 'house' if wing == 'start' else ''
    picture = f'![{alt(name, drawn[name][3])}](../images/rooms/{name}.svg)\n\n' if name else ''
    return f'## The rooms\n\n{picture}{list_rooms(folder)}'


def says(wing, room, name):
    "The first line of what is written about a name, in the room that defines it"
    tree = tree_of(package/wing/f'{room}.py')
    for n in tree.body:
        if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name == name: return ast.get_docstring(n).splitlines()[0]
        if isinstance(n, ast.Assign) and getattr(n.targets[0], 'id', '') == name:    # an option of a command: its help
            return f'An option: {next(ast.literal_eval(k.value) for k in n.value.keywords if k.arg == "help").rstrip(".")}'
    for n in tree.body:
        if isinstance(n, ast.ImportFrom) and n.level and name in [a.name for a in n.names]: return says(wing if n.level == 1 else n.module.split('.')[0], n.module.split('.')[-1], name)
    sys.exit(f'mlops_nb.{wing}.{room} has no {name}, which the face of {wing} promises')


def the_face(folder, cells):
    "The cell `## The face` of a wing's index: each name with what is written about it"
    wing, rows = folder.name.partition('_')[2], []
    notebooks = {m: f'{"" if lesson else "behind/"}{n}_{name}' for m, (n, name, lesson) in rooms(wing).items()}
    for room, names in promised(cells).items():
        rows += [f'| `{name}` | {says(wing, room, name)} | [{room}]({notebooks[room]}.ipynb) |' for name in names]
    return '\n'.join([f'## The face\n\n`from mlops_nb.{wing} import …` gives these names. A module is loaded when one of its names is first asked for.\n',
                      '| name | what it is | room |', '|---|---|---|', *rows])


def promised(cells):
    "Room -> names, from the cell that makes a face"
    call = ast.parse(next(''.join(c['source']) for c in cells if '= face(' in ''.join(c['source']))).body[0].value
    return {k.arg: ast.literal_eval(k.value).split() for k in call.keywords}


def page(nb, drawn):
    "The text of an index notebook, with the cells that this tool writes"
    content = json.loads(nb.read_text(encoding='utf8'))
    for cell in content['cells']:
        source = ''.join(cell['source'])
        if source.startswith('## The rooms'): cell['source'] = the_rooms(nb.parent, drawn).splitlines(True)
        if source.startswith('## The face'): cell['source'] = the_face(nb.parent, content['cells']).splitlines(True)
    return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False) + '\n'


def files():
    "Every file that this tool writes, with its text"
    drawn = pictures()
    found = {images/f'{name}.svg': svg(graph, label, bold, alt(name, said), foot) for name, (graph, label, bold, said, foot) in drawn.items()}
    return found | {nb: page(nb, drawn) for nb in sorted(nbs.glob('*/index.ipynb'))} | {sidebar.path: sidebar.text()}


def main():
    texts = files()
    differ = [p for p, text in texts.items() if not p.is_file() or p.read_text(encoding='utf8') != text]
    stray = sorted(set(images.glob('*.svg')) - set(texts))
    if '--check' in sys.argv:
        if differ or stray: sys.exit(f'{", ".join(str(p.relative_to(root)) for p in [*differ, *stray])}: not what the code is; run `make rooms`')
        return print('The pictures of the rooms and the sidebar agree with the code')
    images.mkdir(parents=True, exist_ok=True)
    for p in stray: p.unlink()
    for p in differ: p.write_text(texts[p], encoding='utf8')
    print(f'{len(texts)} files, {len(differ)} written')


if __name__ == '__main__': main()
