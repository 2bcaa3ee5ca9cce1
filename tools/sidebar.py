"""Write nbs/sidebar.yml, which both builders of the site read, from the folders and the titles of the notebooks.

    python tools/sidebar.py [--check]      (`make rooms` does it too)

A wing is a section with the title of its index. Its lessons come first, in their order, then what stands behind them, folded. The list is written out,
since nbdev's own sidebar cuts the numbers off the names of folders, and Quarto then finds no page there. nbdev copies nbs/ as it is (`proc_nbs`);
only the page that comes out of a notebook loses its number (`output-file`), which Quarto knows by itself.
"""
from pathlib import Path
import json, re, sys

import yaml

root = Path(__file__).resolve().parent.parent
nbs, path = root/'nbs', root/'nbs'/'sidebar.yml'
HEAD = '# Written by `make rooms` (tools/sidebar.py) from the folders and the titles of the notebooks: do not edit.\n'


def title(nb):
    "What a notebook is called, as plain text"
    first = ''.join(json.loads(nb.read_text(encoding='utf8'))['cells'][0]['source'])
    found = re.search(r'^# (.+?)\s*$', first, re.M)
    if not found: sys.exit(f'{nb.relative_to(root)} begins without a title (`# …` in its first cell)')
    return re.sub(r'[`*]', '', found[1])


def place(nb):
    "Where a notebook stands in its folder: by its number, then by its name"
    number = re.match(r'\d+', nb.name)
    return (int(number[0]) if number else sys.maxsize, nb.name)


def page(nb): return {'text': title(nb), 'href': nb.relative_to(nbs).as_posix()}


def pages(folder): return [page(nb) for nb in sorted(folder.glob('*.ipynb'), key=place) if nb.name != 'index.ipynb']


def wing(folder):
    "A section: its landing page, its lessons, and what stands behind them"
    lessons, behind = pages(folder), pages(folder/'behind')
    name = 'Behind this lesson' if len(lessons) == 1 else 'Behind these lessons'
    folded = [{'section': name, 'contents': behind}] if behind else []
    return {'section': title(folder/'index.ipynb'), 'href': f'{folder.name}/index.ipynb', 'contents': [*lessons, *folded]}


def contents():
    "The entries of the sidebar: the landing page, the wings by number, then the folders without one"
    folders = sorted([p.parent for p in nbs.glob('*/index.ipynb')], key=place)
    return [{'text': 'Home', 'href': 'index.ipynb'}, *map(wing, folders)]


def text():
    "The file as it should be"
    return HEAD + yaml.safe_dump({'website': {'sidebar': {'contents': contents()}}}, sort_keys=False, allow_unicode=True, width=1000)


def main():
    now = path.read_text(encoding='utf8') if path.is_file() else ''
    if now == text(): return print('The sidebar agrees with the notebooks')
    if '--check' in sys.argv: sys.exit(f'{path.relative_to(root)}: not what the notebooks are; run `make rooms`')
    path.write_text(text(), encoding='utf8')
    print(f'{path.relative_to(root)} written')


if __name__ == '__main__': main()
