"How the site looks and reads: its sidebar, its colours, and every page in Chromium, light, dark, on a phone and on paper, with axe-core"
from functools import cache
from importlib import resources
from pathlib import Path
import io, json, re, sys

import pytest

from browser import chromium, served

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT/'nbs'


@pytest.fixture(scope='module')
def tools():
    "The scripts of tools/ that make the site, as modules"
    sys.path.insert(0, str(ROOT/'tools'))
    try:
        import furniture, rooms, sidebar
        yield {'furniture': furniture, 'rooms': rooms, 'sidebar': sidebar}
    finally: sys.path.remove(str(ROOT/'tools'))


# ---- the sidebar


def hrefs(entries):
    "Every page that a list of entries names, from top to bottom"
    return [h for e in entries for h in [*([e['href']] if 'href' in e else []), *hrefs(e.get('contents', []))]]


def test_the_sidebar_is_what_the_notebooks_are(tools):
    sidebar, found = tools['sidebar'], hrefs(tools['sidebar'].contents())
    assert (NBS/'sidebar.yml').read_text(encoding='utf8') == sidebar.text(), 'run `make rooms`'
    assert sorted(found) == sorted(p.relative_to(NBS).as_posix() for p in tools['furniture'].notebooks())     # each of them once
    assert 'custom_sidebar = True' in (ROOT/'settings.ini').read_text(encoding='utf8')       # else nbdev writes its own over it
    assert sidebar.path in tools['rooms'].files()                                            # one command writes all that is drawn from the folders


def test_wings_by_number_then_tutorials_and_lessons_before_what_stands_behind(tools):
    home, *wings = tools['sidebar'].contents()
    assert home['href'] == 'index.ipynb' and [w['href'].split('/')[0] for w in wings] == [*sorted(p.name for p in NBS.glob('[0-9]*_*')), 'tutorials']
    for w in wings:
        sections = ['section' in e for e in w['contents']]
        assert sections == sorted(sections) and sum(sections) <= 1 and w['section'].strip()
        for e in w['contents']:
            if 'section' in e: assert e['section'].startswith('Behind') and all('/behind/' in h for h in hrefs(e['contents']))


def test_a_small_tree_gives_a_small_sidebar(tools, tmp_path, monkeypatch):
    def notebook(path, title):
        (tmp_path/path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path/path).write_text(json.dumps({'cells': [{'cell_type': 'markdown', 'source': [f'# {title}\n', '> what it is']}]}))
    notebook('index.ipynb', 'All'); notebook('extras/index.ipynb', 'More'); notebook('02_b/index.ipynb', 'The `b` wing'); notebook('02_b/10_z.ipynb', 'Tenth')
    notebook('02_b/2_y.ipynb', 'Second'); notebook('02_b/behind/1_x.ipynb', 'Deep: what is below'); notebook('extras/one.ipynb', 'One')
    monkeypatch.setattr(tools['sidebar'], 'nbs', tmp_path)
    assert tools['sidebar'].contents() == [
        {'text': 'Home', 'href': 'index.ipynb'},
        {'section': 'The b wing', 'href': '02_b/index.ipynb', 'contents': [
            {'text': 'Second', 'href': '02_b/2_y.ipynb'}, {'text': 'Tenth', 'href': '02_b/10_z.ipynb'},
            {'section': 'Behind these lessons', 'contents': [{'text': 'Deep: what is below', 'href': '02_b/behind/1_x.ipynb'}]}]},
        {'section': 'More', 'href': 'extras/index.ipynb', 'contents': [{'text': 'One', 'href': 'extras/one.ipynb'}]}]


def test_next_leads_from_lesson_to_lesson_and_back_from_behind(tools):
    before, after = tools['furniture'].trail()
    def next_of(href): return after[href]['href'] if href in after else None
    assert next_of('index.ipynb') == '00_start/index.ipynb' and next_of('03_data/1_flights.ipynb') == '03_data/2_versioning.ipynb'
    assert next_of('03_data/3_compare.ipynb') == '04_models/index.ipynb' and before['04_models/index.ipynb']['href'] == '03_data/3_compare.ipynb'
    assert next_of('02_store/behind/10_owners.ipynb') == '02_store/index.ipynb' and before['02_store/behind/1_places.ipynb']['href'] == '02_store/index.ipynb'
    last = hrefs(tools['sidebar'].contents())[-1]
    assert next_of(last) is None and 'nav-page-next"></div>' in tools['furniture'].page_turner(NBS/last)


def test_a_paragraph_that_is_one_bold_link_is_a_button(tools):
    button = tools['furniture'].buttons
    assert button('<p><strong><a href="a.html">Begin</a></strong></p>') == '<p><a class="btn-start" href="a.html">Begin</a></p>'
    for other in ('<p><strong><a href="a.html">A</a></strong>: more</p>', '<p><a href="a.html">A</a></p>', '<li><strong><a href="a.html">A</a></strong></li>'):
        assert button(other) == other


# ---- names in backticks


def test_a_name_is_linked_where_it_is_meant(tools, tmp_path):
    right = tools['furniture'].right
    nb = tmp_path/'a.ipynb'
    nb.write_text(json.dumps({'cells': [{'cell_type': 'markdown', 'source': 'See [`place`](b.ipynb).'},
                                        {'cell_type': 'code', 'source': 'from mlops_nb.core.masks import mask\nfrom json import load'}]}))
    for name in ('ModelRegistry', 'open_store', 'Store.put', 'mask', 'place', 'use_clock()'): assert right(name, nb), name
    for name in ('data', 'version', 'load', '_begin', 'Store._lost', 'Unheard', 'un_heard'): assert not right(name, nb), name
    upkeep = next(nb for nb in tools['furniture'].notebooks() if tools['furniture'].module_of(nb) == 'mlops_nb.cli.upkeep')
    assert right('data', upkeep)     # the page of the command


# ---- colours


def tokens():
    "Mode -> name -> colour, from styles.css"
    css = (NBS/'styles.css').read_text(encoding='utf8')
    dark = css.index('body.quarto-dark,')
    read = lambda text: dict(re.findall(r'--([\w-]+): (#[0-9a-f]{6})', text))
    return {'light': read(css[:dark]), 'dark': read(css[dark:css.index('/* ---- Bootstrap')])}


def luminance(colour):
    parts = [int(colour[i:i+2], 16)/255 for i in (1, 3, 5)]
    return sum(w*(p/12.92 if p <= .04045 else ((p + .055)/1.055)**2.4) for w, p in zip((.2126, .7152, .0722), parts))


def contrast(a, b):
    "As WCAG defines it: 1 to 21"
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + .05)/(low + .05)


def test_contrast_is_that_of_wcag():
    assert contrast('#000000', '#ffffff') == 21 and round(contrast('#777777', '#ffffff'), 2) == 4.48     # the well-known grey that just fails


@pytest.mark.parametrize('mode', ['light', 'dark'])
def test_every_ink_can_be_read_on_every_ground(mode):
    colours = tokens()[mode]
    inks = ['ink', 'soft', 'accent', *(k for k in colours if k.startswith('code-'))]
    assert len(inks) == 9
    weak = [(i, g, round(contrast(colours[i], colours[g]), 2)) for i in inks for g in ('paper', 'card') if contrast(colours[i], colours[g]) < 4.5]
    assert weak == [] and contrast(colours['accent'], colours['accent-soft']) >= 4.5 and contrast(colours['on-accent'], colours['accent']) >= 4.5


@pytest.mark.parametrize('mode', ['light', 'dark'])
def test_quarto_computes_with_the_same_colours(mode):
    sass = dict(re.findall(r'^\$([\w-]+): (#\w{6});', (NBS/f'theme-{mode}.scss').read_text(encoding='utf8'), re.M))
    same = {'body-bg': 'paper', 'body-color': 'ink', 'primary': 'accent', 'link-color': 'accent', 'border-color': 'line', 'text-muted': 'soft', 'code-color': 'ink',
            'code-bg': 'card', 'code-block-bg': 'card', 'navbar-bg': 'paper', 'navbar-fg': 'ink', 'navbar-hl': 'accent', 'sidebar-bg': 'paper', 'sidebar-fg': 'soft',
            'sidebar-hl': 'accent', 'footer-bg': 'paper', 'footer-fg': 'soft', 'toc-color': 'accent'}
    assert sass == {name: tokens()[mode][token] for name, token in same.items()}


# ---- every page, looked at


@pytest.fixture(scope='module')
def browser():
    with chromium() as b: yield b


@pytest.fixture(scope='module')
def page(browser):
    context = browser.new_context(viewport={'width': 1280, 'height': 900}, reduced_motion='reduce', accept_downloads=True)
    yield context.new_page()
    context.close()


@pytest.fixture(scope='module')
def url(site):
    with served(site) as address: yield address


@cache
def axe_core(): return resources.files('axe_playwright_python').joinpath('axe.min.js').read_text(encoding='utf8')     # MPL-2.0; only tests use it


# Of thousands of coloured words in code one of each kind is kept. What is left of a page is looked at whole, but for contrast, which takes axe most of
# its time. It is measured on one element of each look (ink, ground, size, weight) of a page, not on thousands of the same
THIN = '''() => { const seen = new Set();
  for (const s of document.querySelectorAll('main pre code span')) {
    const kind = s.className + '|' + (s.closest('.cell-output') ? 'out' : 'in');
    if (seen.has(kind)) s.replaceWith(s.textContent); else seen.add(kind); } }'''
MARK = '''() => { const looks = new Set();
  const ground = e => { for (let at = e, dim = ''; at; at = at.parentElement) { const s = getComputedStyle(at); dim += s.opacity === '1' ? '' : s.opacity;
    if (s.backgroundColor !== 'rgba(0, 0, 0, 0)') return s.backgroundColor + dim; } };
  for (const e of document.querySelectorAll('body *')) { e.removeAttribute('data-look');
    if (!e.getClientRects().length || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const s = getComputedStyle(e), look = [s.color, s.fontSize, s.fontWeight, ground(e)].join();
    if (!looks.has(look)) { looks.add(look); e.setAttribute('data-look', ''); } }
  return looks.size; }'''
RUN = '''async ([where, rules]) => (await axe.run(where || document, {resultTypes: ['violations'], ...rules})).violations.map(
  v => `${v.id}: ${v.nodes.length} times, ${v.nodes[0].target.join(' ')} ${v.nodes[0].html.slice(0, 120)}`)'''
ALL = {'runOnly': {'type': 'tag', 'values': ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}, 'rules': {'color-contrast': {'enabled': False}}}
CONTRAST = {'runOnly': {'type': 'rule', 'values': ['color-contrast']}}
SIDEWAYS = '() => document.scrollingElement.scrollWidth > innerWidth ? [`scrolls sideways: ${document.scrollingElement.scrollWidth} of ${innerWidth} px`] : []'
WRAPS = '''() => [...document.querySelectorAll('main pre')].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => `code wider than its box: ${e.textContent.slice(0, 60)}`)'''
CUT = '''() => { const edge = document.documentElement.clientWidth + 1;
  const wide = [...document.querySelectorAll('main *')].filter(e => e.getClientRects().length && getComputedStyle(e).display !== 'inline' && (e.getBoundingClientRect().right > edge ||
    (e.scrollWidth > e.clientWidth + 1 && /auto|scroll|hidden|clip/.test(getComputedStyle(e).overflowX) && e.clientWidth)));
  const clicks = [...document.querySelectorAll('nav, .code-copy-button, [download]')].filter(e => e.getClientRects().length);
  return [...wide.slice(0, 3).map(e => `cut on paper: ${e.tagName} ${e.className} ${e.textContent.slice(0, 60)}`), ...clicks.map(e => `on paper: ${e.tagName} ${e.className}`)]; }'''


def axe(page): return page.evaluate(RUN, [None, ALL])


def axe_contrast(page):
    "What axe says of the contrast of each look of a page"
    return page.evaluate(RUN, ['[data-look]', CONTRAST]) if page.evaluate(MARK) else ['no text']


def look(page, address):
    "All that is wrong with a page, light, dark, on a phone and on paper"
    page.set_viewport_size({'width': 1280, 'height': 900})
    page.emulate_media(media='screen', color_scheme='light')
    page.goto(address)
    page.evaluate(THIN)
    page.evaluate(axe_core())
    found = {'light': axe(page) + axe_contrast(page)}
    page.emulate_media(color_scheme='dark')
    page.wait_for_function('document.documentElement.classList.contains("quarto-dark") || !window.smalldocsToggleScheme')
    found['dark'] = axe_contrast(page)
    page.set_viewport_size({'width': 390, 'height': 844})
    found['phone'] = page.evaluate(SIDEWAYS) + page.evaluate(WRAPS)
    page.set_viewport_size({'width': 673, 'height': 952})     # A4 without its margins
    page.emulate_media(media='print')
    found['paper'] = page.evaluate(CUT)
    return [f'{how}: {line}' for how, lines in found.items() for line in lines]


@pytest.mark.parametrize('step', [2, pytest.param(1, marks=pytest.mark.slow)], ids=['every second', 'all'])
def test_every_page_reads_well_light_dark_on_a_phone_and_on_paper(site, url, page, step):
    pages = sorted(p.relative_to(site).as_posix() for p in site.rglob('*.html'))
    assert len(pages) > 80
    pages = pages[::step]
    bad = [f'{path}: {line}' for path in pages for line in look(page, url + path)]
    assert bad == [], '\n'.join(bad[:40])


def test_a_page_that_reads_badly_would_be_found(page, tmp_path):
    (tmp_path/'index.html').write_text('''<!doctype html><html lang="en"><title>x</title><meta name="viewport" content="width=device-width"><style>
        @media (prefers-color-scheme: dark) { html { background: #111; color: #333 } }</style>
        <main><h1>Bad</h1><nav><a href="#">a</a></nav><nav><a href="#">b</a></nav><p style="color: #aaa">grey</p><table><tr><th></th><th>a</th></tr><tr><td>1</td><td>2</td></tr></table>
        <pre style="overflow: auto">''' + 'wide '*200 + '</pre><div style="width: 900px">wide</div><img src="data:," ></main></html>')
    with served(tmp_path) as address: found = look(page, address)
    for what in ('light: color-contrast', 'light: empty-table-header', 'light: scrollable-region-focusable', 'light: landmark-unique', 'light: image-alt', 'dark: color-contrast',
                 'phone: scrolls sideways', 'phone: code wider', 'paper: cut on paper', 'paper: on paper: NAV'):
        assert any(line.startswith(what) for line in found), (what, found)


def rgb(text): return '#' + ''.join(f'{int(float(x)):02x}' for x in re.findall(r'[\d.]+', text)[:3])


@pytest.mark.parametrize('mode', ['light', 'dark'])
def test_the_list_of_a_search_can_be_read(url, page, mode):
    page.set_viewport_size({'width': 1280, 'height': 900})
    page.emulate_media(media='screen', color_scheme=mode)
    page.goto(url)
    page.fill('#quarto-search input', 'drift')
    page.wait_for_selector('.search-result')
    assert page.locator('.search-result').count() > 5
    ground = page.eval_on_selector('.smalldocs-search-results', 'e => getComputedStyle(e).backgroundColor')
    inks = page.eval_on_selector_all('.search-result div, .search-result mark', 'all => [...new Set(all.map(e => getComputedStyle(e).color))]')
    assert len(inks) >= 2 and min(contrast(rgb(ink), rgb(ground)) for ink in inks) >= 4.5
    page.evaluate(axe_core())
    assert axe(page) + axe_contrast(page) == []
    page.keyboard.press('ArrowDown')
    page.keyboard.press('Enter')
    page.wait_for_url('**/*drift*')


def test_the_reader_can_choose_light_or_dark_and_is_remembered(url, page):
    def ground(): return luminance(rgb(page.evaluate('getComputedStyle(document.body).backgroundColor')))
    page.set_viewport_size({'width': 1280, 'height': 900})
    page.emulate_media(media='screen', color_scheme='light')
    page.goto(url)
    assert ground() > .9
    page.click('.quarto-color-scheme-toggle')
    page.wait_for_function('document.documentElement.classList.contains("quarto-dark")')
    page.goto(url + '05_registry/registry.html')
    assert ground() < .05
    page.click('.quarto-color-scheme-toggle')
    page.wait_for_function('!document.documentElement.classList.contains("quarto-dark")')
    assert ground() > .9
    page.evaluate('localStorage.clear()')


def corner(page, selector):
    "The luminance of the upper left corner of a picture, as it is shown, and its span from the darkest to the lightest point"
    import matplotlib.image as images
    page.locator(selector).first.scroll_into_view_if_needed()
    shown = images.imread(io.BytesIO(page.locator(selector).first.screenshot()))[:, :, :3].mean(axis=2)
    return shown[4:8, 4:8].mean(), shown.min(), shown.max()


@pytest.mark.parametrize('path, picture', [('index.html', 'main img'), ('08_drift/drift.html', 'main .cell-output img'), ('05_registry/index.html', 'main img')])
def test_a_figure_is_no_white_box_in_the_dark(url, page, path, picture):
    page.set_viewport_size({'width': 1280, 'height': 900})
    page.emulate_media(media='screen', color_scheme='light')
    page.goto(url + path)
    ground, darkest, _ = corner(page, picture)
    assert ground > .95 and darkest < .4
    page.emulate_media(color_scheme='dark')
    page.wait_for_function('document.documentElement.classList.contains("quarto-dark")')
    ground, _, lightest = corner(page, picture)
    assert ground < .15 and lightest > .6


def test_a_lesson_names_its_module_and_version_and_gives_its_notebook(url, page, tmp_path):
    page.emulate_media(media='screen', color_scheme='light')
    page.set_viewport_size({'width': 1280, 'height': 900})
    page.goto(url + '05_registry/registry.html')
    facts = page.locator('.page-facts')
    version = re.search(r'^version = (\S+)', (ROOT/'settings.ini').read_text(encoding='utf8'), re.M)[1]
    assert 'mlops_nb.registry.registry' in facts.inner_text() and f'version {version}' in facts.inner_text()
    with page.expect_download() as started: page.click('text=Download this notebook')
    assert started.value.suggested_filename == '1_registry.ipynb'
    assert Path(started.value.path()).read_bytes() == (NBS/'05_registry/1_registry.ipynb').read_bytes()
    edit = page.get_attribute('.page-facts a:has-text("Edit")', 'href')
    assert edit.startswith('https://github.com/') and (ROOT/edit.split('/edit/main/')[1]).is_file()


def test_every_page_has_its_facts(site, tools):
    for nb in tools['furniture'].notebooks():
        page = site/tools['furniture'].page_of(nb)
        assert page.read_text(encoding='utf8').count('class="page-facts"') == 1 and (page.parent/nb.name).read_text(encoding='utf8') == tools['furniture'].to_download(nb), page


def test_a_lesson_prints_whole(url, page):
    "The last line of a lesson is on the last page of its PDF, in both modes on white"
    page.goto(url + '01_core/behind/flags.html')
    page.emulate_media(media='print', color_scheme='dark')
    assert rgb(page.evaluate('getComputedStyle(document.body).backgroundColor')) == '#ffffff'
    assert luminance(rgb(page.evaluate('getComputedStyle(document.querySelector("main p")).color'))) < .1
    printed = page.pdf(format='A4')
    assert printed.startswith(b'%PDF') and len(re.findall(rb'/Type\s*/Page\b', printed)) >= 3
