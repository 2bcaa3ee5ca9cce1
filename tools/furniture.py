"""What each page of the site gets after a builder made it: its module, version, notebook and edit link; links of names that are right;
names and roles that a screen reader needs. Both builders write the same markup at these places.
"""
from functools import cache
from pathlib import Path
from runpy import run_path
import ast, html, json, posixpath, re

from mlops_nb.course.editions import as_text, published

import sidebar

root = Path(__file__).resolve().parent.parent
nbs = root/'nbs'


def furnish(site, cfg):
    "Change every page of a built site, and put the notebooks beside the pages"
    for nb in notebooks():
        page = site/page_of(nb)
        text = accessible(buttons(page.read_text(encoding='utf8')))
        text = LINKED_NAME.sub(lambda m: m[0] if right(html.unescape(m[1]), nb) else m[2], text)
        text = TURN.sub(lambda m: page_turner(nb), text)
        page.write_text(with_facts(text, nb, cfg), encoding='utf8')
        (page.parent/nb.name).write_text(to_download(nb), encoding='utf8')


def to_download(nb):
    "The notebook beside a page: without the cells of an exercise that only its makers need, wrong answers among them"
    text = nb.read_text(encoding='utf8')
    return as_text(published(json.loads(text))) if '#| eval: false' in text else text


def buttons(text):
    "A paragraph that is one bold link, as it is in JupyterLab and on GitHub, is a button on the page"
    return re.sub(r'<p><strong><a ([^>]*>[^<]*)</a></strong></p>', r'<p><a class="btn-start" \1</a></p>', text)


# ---- the notebooks


def notebooks(): return [p for p in sorted(nbs.rglob('*.ipynb')) if not any(part[0] in '._' for part in p.relative_to(nbs).parts)]


def page_of(nb):
    "The path of a notebook's page: its own, without the number of the file"
    return nb.relative_to(nbs).with_name(re.sub(r'^\d+[a-z]*_', '', nb.stem) + '.html').as_posix()


@cache
def sources(nb, kind): return [''.join(c['source']) for c in json.loads(nb.read_text(encoding='utf8'))['cells'] if c['cell_type'] == kind]


def module_of(nb):
    "The module that a notebook writes, or nothing"
    found = re.search(r'^#\| default_exp ([\w.]+)', '\n'.join(sources(nb, 'code')), re.M)
    return f'mlops_nb.{found[1]}'.removesuffix('.__init__') if found else ''


# ---- the line below the title


def facts(nb, cfg):
    "Module, version, the notebook to download, the place to edit it"
    module, source = module_of(nb), f"{cfg['git_url']}/edit/{cfg['branch']}/nbs/{nb.relative_to(nbs).as_posix()}"
    items = [f'<code>{module}</code>'] if module else []
    items += [f"version {cfg['version']}", f'<a href="{nb.name}" download>Download this notebook</a>', f'<a href="{source}">Edit this page</a>']
    return '<ul class="page-facts" aria-label="About this page">' + ''.join(f'<li>{item}</li>' for item in items) + '</ul>'


def with_facts(text, nb, cfg):
    "The page with its facts as the last thing of the title block"
    block = re.search(r'<header[^>]*\bid="title-block-header".*?(?=</header>)', text, re.S)
    if not block: raise SystemExit(f'{page_of(nb)} has no title block: nowhere to put its module and version')
    return text[:block.end()] + facts(nb, cfg) + text[block.end():]


# ---- previous and next: lessons lead to lessons; who goes behind them stays there until the last room, and comes back to the wing


TURN = re.compile(r'<nav [^>]*class="page-navigation".*?</nav>', re.S)


@cache
def trail():
    "Page -> (the entry before it, the entry after it), by the hrefs of the sidebar"
    home, *wings = sidebar.contents()
    trails = [[home, *(e for w in wings for e in [{'text': w['section'], 'href': w['href']}, *lessons(w)])]]
    for w in wings:
        start = {'text': w['section'], 'href': w['href']}
        trails += [[start, *s['contents'], start] for s in w['contents'] if 'section' in s]
    before, after = {}, {}
    for entries in trails:
        for a, b in zip(entries, entries[1:]): after.setdefault(a['href'], b); before.setdefault(b['href'], a)
    return before, after


def lessons(wing): return [e for e in wing['contents'] if 'section' not in e]


def page_turner(nb):
    "The links to the pages before and after"
    here, (before, after) = nb.relative_to(nbs).as_posix(), trail()
    def link(entry, side, shown):
        if not entry: return f'<div class="nav-page nav-page-{side}"></div>'
        to = posixpath.relpath(page_of(nbs/entry['href']), posixpath.dirname(here) or '.')
        return f'<div class="nav-page nav-page-{side}"><a href="{to}" class="pagination-link">{shown(html.escape(entry["text"]))}</a></div>'
    previous = link(before.get(here), 'previous', lambda t: f'<i class="bi bi-arrow-left-short"></i> <span class="nav-page-text">{t}</span>')
    return (f'<nav aria-label="{LANDMARKS["page-navigation"]}" class="page-navigation">{previous}'
            + link(after.get(here), 'next', lambda t: f'<span class="nav-page-text">{t}</span> <i class="bi bi-arrow-right-short"></i>') + '</nav>')


# ---- names in backticks


LINKED_NAME = re.compile(r'<a href="[^"]*">(?=<code>([^<]*)</code></a>)(<code>[^<]*</code>)</a>')


@cache
def public_names():
    "Each public name of the package and of its classes -> how often it is defined"
    count = {}
    for module, names in run_path(str(root/'mlops_nb'/'_modidx.py'))['d']['syms'].items():
        for name in names:
            name = name.removeprefix(module + '.')
            count[name] = count.get(name, 0) + 1
    return count


@cache
def at_hand(nb):
    "What the code of a notebook imports from the package, and what its own module defines"
    found = set()
    for code in sources(nb, 'code'):
        if 'import' not in code and 'face(' not in code: continue
        try: tree = ast.parse(re.sub(r'^\s*[%!].*$', '', code, flags=re.M))
        except SyntaxError: continue
        ours = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and (n.level or (n.module or '').startswith('mlops_nb'))]
        found |= {a.asname or a.name for n in ours for a in n.names} | promised(tree)
    own = run_path(str(root/'mlops_nb'/'_modidx.py'))['d']['syms'].get(module_of(nb), {})
    return found | {name.removeprefix(module_of(nb) + '.') for name in own}


def promised(tree):
    "The names of a face, which stand in it as text"
    faces = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, 'id', '') == 'face']
    return {name for n in faces for k in n.keywords for name in str(getattr(k.value, 'value', '')).split()}


def right(name, nb):
    """nbdev links every word in backticks that is the name of something, so that `data`, a parameter, leads to a command of that name. A link stays
    where a person wrote it, where the notebook has the name at hand, or where the name is one of a kind and no ordinary word; private names have no place to go."""
    plain = name.removesuffix('()')
    if re.search(r'\[`' + re.escape(name) + r'`\]\(', '\n'.join(sources(nb, 'markdown'))): return True
    if re.search(r'(^|\.)_', plain): return False
    return plain in at_hand(nb) or (not re.fullmatch('[a-z]+', plain) and public_names().get(plain) == 1)


# ---- what a screen reader needs


def accessible(text):
    "Landmarks with names, switches that are buttons, tables whose corner is no heading"
    text = re.sub(r'<a ((?:(?!>).)*?) role="navigation"([^>]*)>(.*?)</a>', switch, text, flags=re.S)
    text = re.sub(r'<nav class="(navbar|quarto-secondary-nav|page-navigation)\b(?![^>]*aria-label)', lambda m: f'<nav aria-label="{LANDMARKS[m[1]]}" {m[0][5:]}', text)
    text = re.sub(r'<nav id="quarto-sidebar"(?![^>]*aria-label)', '<nav id="quarto-sidebar" aria-label="Chapters"', text)
    text = re.sub(r'<nav id="TOC"(?![^>]*aria-label)', '<nav id="TOC" aria-labelledby="toc-title"', text)
    text = re.sub(r'(<a [^>]*data-scroll-target=[^>]*>)(.*?)(</a>)', lambda m: m[1] + BREAK.sub(r'\1<wbr>', m[2]) + m[3], text, flags=re.S)
    return re.sub(r'<th([^>]*)>\s*</th>', r'<td\1></td>', text)


BREAK = re.compile(r'(?<=\w)([._])(?=\w)(?![^<]*>)')   # where a long name in the table of contents may go on in the next line


LANDMARKS = {'navbar': 'Site', 'quarto-secondary-nav': 'Where you are', 'page-navigation': 'Previous and next page'}


def switch(m): return f'<button type="button" {m[1]}{m[2]}>{m[3]}</button>'
