"The site, built from this repository's notebooks without Quarto and opened in Chromium, with no other host within reach"
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
import json, re

import pytest

from browser import chromium, served

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(p for p in (ROOT/'nbs').rglob('*.ipynb') if not any(x[0] in '._' for x in p.relative_to(ROOT).parts))


def page_of(nb):
    "The path of a notebook's page: its own, without the number of the file"
    return nb.relative_to(ROOT/'nbs').with_name(re.sub(r'^\d+[a-z]*_', '', nb.stem) + '.html').as_posix()


@contextmanager
def visitor(browser, folder):
    "A function that opens a path of `folder`: what the page holds, its links, and everything that went wrong"
    with served(folder) as url:
        context = browser.new_context(color_scheme='light')
        hosts, errors, page = set(), [], context.new_page()
        page.on('request', lambda r: hosts.add(urlsplit(r.url).hostname) if r.url.startswith('http') else None)
        page.on('console', lambda m: errors.append(f'{m.type}: {m.text} ({page.url})') if m.type in ('error', 'warning') else None)
        page.on('pageerror', lambda e: errors.append(f'{e} ({page.url})'))
        page.on('response', lambda r: errors.append(f'{r.status} {r.url}') if r.status >= 400 else None)
        def visit(path='index.html'):
            hosts.clear(); errors.clear()
            answer = page.goto(urljoin(url, path), wait_until='load')
            return dict(status=answer.status, hosts=set(hosts), errors=list(errors), page=page, url=url,
                        links=page.eval_on_selector_all('a[href]', 'all => all.map(a => a.href)'),
                        ids=set(page.eval_on_selector_all('[id]', 'all => all.map(e => e.id)')))
        try: yield visit
        finally: context.close()


@pytest.fixture(scope='module')
def browser():
    with chromium() as b: yield b


@pytest.fixture(scope='module')
def visit(browser, site):
    with visitor(browser, site) as v: yield v


@pytest.fixture(scope='module')
def opened(site, visit):
    "Every page, opened once: path -> what was seen"
    return {path: visit(path) for path in pages(site)}


def pages(site): return sorted(p.relative_to(site).as_posix() for p in site.rglob('*.html'))


def test_every_notebook_has_its_page(site): assert pages(site) == sorted(map(page_of, NOTEBOOKS))


def test_every_page_opens_without_an_error_and_without_another_host(opened):
    for path, seen in opened.items():
        assert seen['status'] == 200 and seen['errors'] == [], path
        assert seen['hosts'] == {'127.0.0.1'}, path


def broken_links(site, seen):
    "Links between pages that lead to no file or to no anchor, and how many links were followed"
    broken, followed = [], 0
    for path, page in seen.items():
        for link in page['links']:
            if not link.startswith(page['url']): continue
            target, anchor = urldefrag(link[len(page['url']):])
            target, followed = unquote(target.split('?')[0]) or 'index.html', followed + 1
            if not (site/target).is_file(): broken.append(f'{path} -> {target}')
            elif anchor and target in seen and unquote(anchor) not in seen[target]['ids']: broken.append(f'{path} -> {target}#{anchor}')
    return broken, followed


def test_every_internal_link_leads_somewhere(site, opened):
    broken, followed = broken_links(site, opened)
    assert broken == [] and followed > 3*len(pages(site))


def test_a_bad_page_would_be_found(browser, tmp_path):
    "The same checks on a page with a dead link, a missing anchor, a lost picture, a script that fails and a font of another host"
    (tmp_path/'index.html').write_text('''<html><head><link rel="icon" href="data:,"></head><a href="gone.html">x</a><a href="#nowhere">y</a>
        <img src="lost.png"><img src="http://localhost:9/font"><script>throw Error("red")</script></html>''')
    with visitor(browser, tmp_path) as visit:
        assert broken_links(tmp_path, {'index.html': visit()}) == (['index.html -> gone.html', 'index.html -> index.html#nowhere'], 2)
        seen = visit()
        assert any('red' in e for e in seen['errors']) and any('404' in e and 'lost.png' in e for e in seen['errors'])
        assert seen['hosts'] == {'127.0.0.1', 'localhost'}


def own_outputs(nb):
    "Short texts that the notebook saved as outputs of cells that the page shows, and its headings"
    texts, headings = [], []
    for cell in json.loads(nb.read_text(encoding='utf8'))['cells']:
        source = ''.join(cell['source'])
        if cell['cell_type'] == 'markdown': headings += re.findall(r'^#{1,4} ([^`*\[$\n]+?)\s*$', re.sub(r'```.*?```', '', source, flags=re.S), re.M)
        if cell['cell_type'] != 'code' or re.search(r'^#\|\s*(hide|export|exporti|default_exp|output: false|include: false)\s*\b(?!s)', source, re.M): continue
        for o in cell['outputs']:
            text = ''.join(o.get('text', o.get('data', {}).get('text/plain', '')))
            if text and not {'text/html', 'image/png', 'image/svg+xml', 'text/markdown'} & set(o.get('data', {})): texts.append(text)
    return texts, headings


def squeeze(text):
    "The text without colours, curly quotes and line ends"
    text = re.sub(r'\x1b\[[0-9;]*m', '', unescape(text)).translate(str.maketrans('’‘“”', "''\"\""))
    return re.sub(r'\s+', ' ', text).strip()


@pytest.mark.parametrize('nb', NOTEBOOKS, ids=lambda nb: nb.relative_to(ROOT/'nbs').as_posix())
def test_a_page_shows_title_source_outputs_and_figures(nb, visit):
    page = visit(page_of(nb))['page']
    cells = json.loads(nb.read_text(encoding='utf8'))['cells']
    assert page.locator('h1').count() == 1 and page.locator('h1').inner_text().strip()
    assert page.title()
    shown = squeeze(page.locator('main').text_content())
    outputs, headings = own_outputs(nb)
    for text in outputs: assert squeeze(text) in shown, f'an output of {nb.name} is not on its page: {text[:200]}'
    for text in headings: assert squeeze(text) in shown, f'{nb.name} has the heading {text!r}, its page has not (is it in the first cell, below the title?)'
    exported = [c for c in cells if c['cell_type'] == 'code' and re.search(r'^#\|\s*exports\b', ''.join(c['source']), re.M)]
    assert page.locator('pre.sourceCode').count() >= max(any(c['cell_type'] == 'code' for c in cells), len(exported))
    pictures = sum('image/png' in o.get('data', {}) or 'image/svg+xml' in o.get('data', {}) for c in cells if c['cell_type'] == 'code' for o in c['outputs'])
    assert page.locator('main .cell-output :is(img, svg)').count() >= pictures
    promised = sum(c['cell_type'] == 'code' and '#| fig-alt:' in ''.join(c['source']) for c in cells)
    assert page.locator('main .cell-output :is(img, svg):not([aria-hidden])').count() >= promised, f'{nb.name}: a cell has a fig-alt and saved no picture'
    unnamed = page.eval_on_selector_all('main img, main svg', '''all => all.filter(e => !e.closest('[aria-hidden]') &&
        !(e.getAttribute('alt') || e.getAttribute('aria-label') || e.querySelector('title'))).map(e => e.outerHTML.slice(0, 200))''')
    assert unnamed == [], f'{nb.name}: a figure without an alternative text (#| fig-alt: ...)'


def shelf(nb):
    "Where a notebook stands: index first, then by number, then by name, in each folder"
    def place(part): return (-1, '') if part == 'index.ipynb' else (int(m[0]), part) if (m := re.match(r'\d+', part)) else (1000, part)
    return [place(part) for part in nb.relative_to(ROOT/'nbs').parts]


def test_navigation_lists_the_chapters_in_the_order_of_the_shelves(visit):
    "On the first page, and with links that lead back, on one that lies deeper"
    for path in ('index.html', page_of(max(NOTEBOOKS, key=lambda nb: len(nb.parts)))):
        seen = visit(path)
        hrefs = seen['page'].eval_on_selector_all('#quarto-sidebar a.sidebar-link[href]', 'all => all.map(a => a.href)')
        hrefs = [h[len(seen['url']):] for h in hrefs if h.startswith(seen['url']) and h.endswith('.html')]
        assert hrefs == [page_of(nb) for nb in sorted(NOTEBOOKS, key=shelf)]


def luminance(page, where):
    red, green, blue = map(int, re.findall(r'\d+', page.evaluate(f'getComputedStyle(document.querySelector("{where}")).backgroundColor'))[:3])
    return (red*0.2126 + green*0.7152 + blue*0.0722)/255


def test_light_and_dark_follow_the_reader(site, visit):
    page = visit(pages(site)[0])['page']
    assert luminance(page, 'body') > 0.9
    page.emulate_media(color_scheme='dark')
    page.reload()
    assert luminance(page, 'body') < 0.2
    page.emulate_media(color_scheme='light')


def test_nothing_in_the_files_points_at_a_content_network(site):
    for file in [*site.rglob('*.html'), *site.rglob('*.css')]:
        text = file.read_text(encoding='utf8')
        assert not re.search(r'cdn\.|fonts\.(googleapis|gstatic)|@import\s*(url\()?["\']?https?:', text), file
    for library in ('bootstrap', 'bootswatch', 'bootstrap-icons', 'fuse'): assert (site/'site_libs'/f'LICENSE.{library}').stat().st_size > 500
