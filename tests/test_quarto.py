"What a real Quarto and plain nbdev need of this repository. Quarto cannot be installed everywhere, so none of these tests starts it"
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
import ast, json, os, shutil, subprocess, sys

import pytest, yaml
from nbdev.process import NBProcessor

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(p for p in (ROOT/'nbs').rglob('*.ipynb') if not any(x[0] in '._' for x in p.relative_to(ROOT).parts))


def tool(name):
    "A script of tools/, as a module"
    spec = spec_from_file_location(f'tools_{name}', ROOT/'tools'/f'{name}.py')
    spec.loader.exec_module(module := module_from_spec(spec))
    return module


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


# ---- the configuration, as Quarto reads it. One value of the wrong kind, or a key that it does not know, and Quarto builds nothing.
# The kinds are those of its own schema: github.com/quarto-dev/quarto-cli, src/resources/schema (project.yml, definitions.yml: base-website,
# navigation-item, sidebar-contents; document-*.yml). Here stand the keys that we use or may soon use.
# A type is itself, a dict an object with these keys and no others, [kind] a list, a tuple any of its kinds, a set one of its values.


def many(kind): return kind, [kind]


COLOUR = str                         # a name of the theme, or a colour of CSS
LINK = (str, {'aria-label': str, 'href': str, 'icon': str, 'text': str, 'rel': str, 'target': str})
LINK[1]['menu'] = [LINK]
SECTION = {'section': (str, None), 'href': str, 'text': str}     # `href` is not in the schema; Quarto takes it, and nbdev writes it
CONTENTS = (str, [(LINK, SECTION)])
SECTION['contents'] = CONTENTS
FOOTER = (str, {side: (str, [LINK]) for side in ('left', 'center', 'right')} | {'border': (bool, COLOUR), 'background': COLOUR, 'foreground': COLOUR})
SIDEBAR = {'id': str, 'title': (str, bool), 'search': bool, 'tools': [LINK], 'contents': CONTENTS, 'style': {'docked', 'floating'}, 'background': COLOUR,
           'foreground': COLOUR, 'border': bool, 'alignment': {'left', 'right', 'center'}, 'collapse-level': float, 'pinned': bool, 'header': many(str),
           'footer': many(str), 'logo': str, 'logo-alt': str, 'logo-href': str}
NAVBAR = {'title': (str, bool), 'logo': str, 'logo-alt': str, 'logo-href': str, 'background': COLOUR, 'foreground': COLOUR, 'search': bool, 'pinned': bool,
          'collapse': bool, 'collapse-below': {'sm', 'md', 'lg', 'xl', 'xxl'}, 'left': [LINK], 'right': [LINK], 'toggle-position': {'left', 'right'},
          'tools-collapse': bool}
SEARCH = {'location': {'navbar', 'sidebar'}, 'type': {'overlay', 'textbox'}, 'limit': float, 'collapse-after': float, 'copy-button': bool,
          'keyboard-shortcut': many(str), 'show-item-context': ({'tree', 'parent', 'root'}, bool)}
WEBSITE = {'title': str, 'description': str, 'favicon': str, 'site-url': str, 'site-path': str, 'repo-url': str, 'repo-subdir': str, 'repo-branch': str,
           'repo-link-target': str, 'repo-link-rel': str, 'issue-url': str, 'repo-actions': many({'none', 'edit', 'source', 'issue'}), 'reader-mode': bool,
           'search': (bool, SEARCH), 'navbar': (bool, NAVBAR), 'sidebar': (bool, *many(SIDEBAR)), 'body-header': str, 'body-footer': str,
           'margin-header': many(str), 'margin-footer': many(str), 'page-navigation': bool, 'back-to-top-navigation': bool, 'bread-crumbs': bool,
           'page-footer': FOOTER, 'image': str, 'image-alt': str, 'open-graph': bool, 'twitter-card': bool}
THEME = (str, [str], {'light': many(str), 'dark': many(str)})
INCLUDE = many((str, {'text': str}, {'file': str}))
HTML = {'theme': THEME, 'css': many(str), 'respect-user-color-scheme': bool, 'toc': bool, 'toc-depth': float, 'toc-title': str, 'toc-expand': (float, bool),
        'toc-location': {'body', 'left', 'right', 'left-body', 'right-body'}, 'code-tools': (bool, {'source': (bool, str), 'toggle': bool, 'caption': str}),
        'code-overflow': {'scroll', 'wrap'}, 'code-copy': ({'hover'}, bool), 'code-fold': ({'show'}, bool), 'code-summary': str, 'code-link': bool,
        'code-block-bg': (str, bool), 'code-block-border-left': (str, bool), 'html-math-method': {'plain', 'webtex', 'gladtex', 'mathml', 'mathjax', 'katex'},
        'embed-resources': bool, 'page-layout': {'article', 'full', 'custom'}, 'anchor-sections': bool, 'smooth-scroll': bool, 'lightbox': bool,
        'highlight-style': (str, {'light': str, 'dark': str}), 'syntax-highlighting': (str, {'light': str, 'dark': str}),
        'grid': {'content-mode': {'auto', 'standard', 'full', 'slim'}, 'sidebar-width': str, 'body-width': str, 'margin-width': str, 'gutter-width': str},
        'include-in-header': INCLUDE, 'include-before-body': INCLUDE, 'include-after-body': INCLUDE}
PROJECT = {'type': {'default', 'website', 'book', 'manuscript'}, 'title': str, 'output-dir': str, 'lib-dir': str, 'render': [str], 'resources': many(str),
           'execute-dir': {'file', 'project'}, 'pre-render': many(str), 'post-render': many(str)}
QUARTO = {'project': PROJECT, 'website': WEBSITE, 'format': {'html': HTML}, 'metadata-files': [str], 'lang': str}


def refused(value, kind, where=''):
    "What Quarto would refuse in a value that should be of a kind, one line each"
    if isinstance(kind, tuple): return [] if any(not refused(value, k) for k in kind) else closest(value, kind, where)
    if isinstance(kind, dict) and isinstance(value, dict):
        unknown = [f'{where}{k}: no key that this test knows; look into Quarto\'s schema, and add it here with its kind' for k in value.keys() - kind.keys()]
        return unknown + [line for k in value.keys() & kind.keys() for line in refused(value[k], kind[k], f'{where}{k}: ')]
    if isinstance(kind, list) and isinstance(value, list): return [line for i, v in enumerate(value) for line in refused(v, kind[0], f'{where}[{i}] ')]
    if isinstance(kind, set): good = not isinstance(value, (dict, list)) and value in kind
    elif kind is float: good = isinstance(value, (int, float)) and not isinstance(value, bool)
    else: good = value is None if kind is None else isinstance(kind, type) and isinstance(value, kind)
    return [] if good else [f'{where}{value!r} is a {type(value).__name__}, and must be {named(kind)}']


def closest(value, kinds, where):
    "The complaint of the one kind that has the value's shape, else of all"
    same = [k for k in kinds if isinstance(k, (dict, list)) and type(k) is type(value)]
    same += [k for k in kinds if isinstance(k, tuple) and any(type(part) is type(value) for part in k)]
    if len(same) == 1: return refused(value, same[0], where)
    return [f'{where}{value!r} is a {type(value).__name__}, and must be {" or ".join(map(named, kinds))}']


def named(kind):
    if isinstance(kind, tuple): return ' or '.join(map(named, kind))
    if isinstance(kind, set): return f'one of {sorted(map(str, kind))}'
    return {dict: 'an object', list: 'a list'}.get(type(kind)) or getattr(kind, '__name__', str(kind))


def configuration():
    "Each file that Quarto reads, with what is in it; nbdev.yml as nbdev writes it from settings.ini"
    from nbdev.config import get_config
    from nbdev.quarto import _nbdev_yml
    cfg = get_config(path=ROOT)
    texts = {'nbs/nbdev.yml': _nbdev_yml.format(**{k: cfg[k] for k in ('title', 'description', 'branch', 'git_url', 'doc_host', 'doc_baseurl')}, doc_path=cfg.doc_path.name)}
    texts |= {name: (ROOT/name).read_text(encoding='utf8') for name in ('_quarto.yml', 'nbs/_quarto.yml', 'nbs/sidebar.yml') if (ROOT/name).exists()}
    return {name: yaml.safe_load(text) for name, text in texts.items()}


def test_quarto_accepts_the_configuration():
    found = configuration()
    assert {'_quarto.yml', 'nbs/_quarto.yml', 'nbs/nbdev.yml'} <= found.keys()
    for name, content in found.items(): assert refused(content, QUARTO) == [], name


def test_files_that_the_configuration_names_are_there():
    found = configuration()
    html, website = found['_quarto.yml']['format']['html'], found['_quarto.yml']['website']
    themes = html['theme'].values() if isinstance(html['theme'], dict) else [html['theme']]
    files = [website['favicon'], *listed(html.get('css', [])), *[t for theme in themes for t in listed(theme) if t.endswith(('.scss', '.css'))]]
    assert len(files) >= 2
    for file in files: assert (ROOT/'nbs'/file).is_file(), file
    for file in found['nbs/_quarto.yml']['metadata-files']: assert file in ('nbdev.yml', 'sidebar.yml') or (ROOT/'nbs'/file).is_file(), file
    assert 'custom_quarto_yml' not in (ROOT/'settings.ini').read_text(encoding='utf8')     # nbdev would delete nbs/_quarto.yml


def listed(value): return value if isinstance(value, list) else [value]


@pytest.mark.parametrize('text, says', [
    ('website: {favicon: false}', 'website: favicon: False is a bool, and must be str'),
    ('website: {favicon: 2013-03-03}', 'is a date'),
    ('website: {sidebar: {style: fixed}}', "'fixed' is a str, and must be one of ['docked', 'floating']"),
    ('website: {sidebar: {contents: [{section: 90, contents: [a.ipynb]}]}}', '90'),
    ('website: {sidebar: {contents: [{text: A, hreff: b.ipynb}]}}', 'hreff'),
    ('website: {sidebars: {}}', 'sidebars: no key that this test knows'),
    ('format: {html: {toc-depth: "2"}}', "toc-depth: '2' is a str, and must be float"),
    ('format: {html: {theme: {light: [default, 3]}}}', 'theme: '),
    ('format: {html: {css: true}}', 'css: True is a bool'),
    ('projects: {type: website}', 'projects')])
def test_what_quarto_refuses_would_be_found(text, says):
    lines = refused(yaml.safe_load(text), QUARTO)
    assert len(lines) == 1 and says in lines[0], lines


def test_what_quarto_accepts_is_accepted():
    text = """
    website:
      repo-actions: [edit, source]
      page-footer: {left: "© us", border: false}
      navbar: {right: [{icon: github, href: "https://example.org", aria-label: source}, {text: More, menu: [a.ipynb]}]}
      sidebar: {contents: [index.ipynb, {section: Store, href: s/index.ipynb, contents: [{href: s/1.ipynb, text: First}, {section: Behind, contents: s/behind/*}]}]}
    format: {html: {theme: {light: [cosmo, a.scss], dark: darkly}, grid: {body-width: 900px}, css: [a.css]}}
    """
    assert refused(yaml.safe_load(text), QUARTO) == []


# ---- the pages that Quarto makes, made local


QUARTOS = '''<head><script src="https://cdn.jsdelivr.net/npm/requirejs@2.3.6/require.min.js" integrity="sha384-c9" crossorigin="anonymous"></script>
<script src="https://cdn.jsdelivr.net/npm/jquery@3.5.1/dist/jquery.min.js" integrity="sha384-ZvpUo" crossorigin="anonymous" data-relocate-top="true"></script>
<script src="https://cdnjs.cloudflare.com/ajax/libs/jquery/3.5.1/jquery.min.js"></script>
<script type="application/javascript">define('jquery', [],function() {return window.jQuery;})</script><script src="site_libs/clipboard.min.js"></script></head>'''


def test_a_page_loses_the_three_tags_that_quarto_adds_for_data_frames():
    assert tool('docs').local_page(QUARTOS) == '<head><script src="site_libs/clipboard.min.js"></script></head>'


def test_a_tag_of_another_host_that_we_do_not_know_is_an_error(tmp_path):
    (tmp_path/'index.html').write_text('<script src="https://cdn.example/odd.js"></script>')
    with pytest.raises(SystemExit, match='index.html loads from another host: <script src="https://'): tool('docs').make_local(tmp_path)


def test_links_of_names_stay_on_the_site(tmp_path):
    docs = tool('docs')
    url = docs.pages_url
    link = f'<a href="{url}05_registry/registry.html#add"><code>add</code></a>'
    for page in ('index.html', '02_store/store.html', '02_store/behind/disk.html'):
        (tmp_path/page).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path/page).write_text(f'{link} <a href="{url}02_store/store.html#_lost"><code>_lost</code></a>')
    (tmp_path/'05_registry').mkdir()
    (tmp_path/'05_registry/registry.html').write_text('<h2 id="add">add</h2>')
    docs.make_local(tmp_path)
    ours, lost = '<a href="{}05_registry/registry.html#add"><code>add</code></a>', '<code>_lost</code>'
    assert (tmp_path/'index.html').read_text() == f'{ours.format("./")} <a href="./02_store/store.html">{lost}</a>'
    assert (tmp_path/'02_store/store.html').read_text() == f'{ours.format("../")} {lost}'
    assert (tmp_path/'02_store/behind/disk.html').read_text() == f'{ours.format("../../")} <a href="../../02_store/store.html">{lost}</a>'


def test_signatures_and_the_search_index_hold_no_markdown(tmp_path):
    docs = tool('docs')
    raw = f'location:str, # A path, or a [`Store`]({docs.pages_url}02_store/store.html#store)'
    (tmp_path/'index.html').write_text(f'<pre>{raw}</pre>')
    (tmp_path/'search.json').write_text(json.dumps([{'text': raw}]))
    docs.make_local(tmp_path)
    plain = 'location:str, # A path, or a `Store`'
    assert (tmp_path/'index.html').read_text() == f'<pre>{plain}</pre>'
    assert json.loads((tmp_path/'search.json').read_text()) == [{'text': plain}]


def test_a_picture_with_a_caption_and_no_name_is_named_by_it():
    page = tool('docs').local_page
    figure = '<figure class="figure">\n<p><img {}src="a.png" class="figure-img"></p>\n<figcaption>The <em>report</em>: "AUC" &lt; 1 \\1</figcaption></figure>'
    assert page(figure.format('')) == figure.format('alt="The report: &quot;AUC&quot; &lt; 1 \\1" ')
    assert page(figure.format('alt="given" ')) == figure.format('alt="given" ')
    assert page('<img src="a.png">') == '<img src="a.png">'                     # no caption, no name: the test of the site finds it


def test_a_build_that_fails_ends_with_one_sentence(tmp_path, monkeypatch, capfd):
    docs, out = tool('docs'), tmp_path/'_docs'
    (tmp_path/'quarto').write_text('#!/bin/sh')
    (tmp_path/'quarto').chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setattr(docs, 'copy_tree', lambda work: work)
    monkeypatch.setattr(docs, 'tool', lambda name: '/bin/false')
    monkeypatch.setattr(sys, 'argv', ['docs.py', '--out', str(out)])
    with pytest.raises(SystemExit, match=r'^nbdev_docs ended with 1: what it said is above\. No site was written$'): docs.main()
    assert not out.exists() and 'Building the site with Quarto' in capfd.readouterr().out


# ---- nbdev's own commands, in a small copy of the repository, with a stand-in for Quarto on PATH that writes down how it was called


STAND_IN = f'''#!{sys.executable}
import os, pathlib, sys
here, args = pathlib.Path.cwd(), sys.argv[1:]
with open(os.environ['CALLS'], 'a') as log: print(here.name, *args, file=log)
files = [a for a in args[1:] if a.endswith('.ipynb')]
if any(not os.path.exists(f) for f in files): sys.exit('ERROR: No valid input files passed to render')
(here/'_docs').mkdir(exist_ok=True)
(here/'_docs'/('README.md' if '-o' in args else 'index.html')).write_text('written by Quarto')
'''


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    "A copy with two notebooks, committed; a function that runs a command of nbdev in it: what Quarto was asked, how it ended, what git sees changed"
    tmp_path = tmp_path_factory.mktemp('small')
    top, programs = tmp_path/'top', tmp_path/'bin'
    top.mkdir(); programs.mkdir()
    for name in ('settings.ini', 'setup.py', 'README.md', 'CONTRIBUTING.md', '_quarto.yml', '.gitignore'): shutil.copy(ROOT/name, top/name)
    shutil.copytree(ROOT/'nbs', top/'nbs', ignore=lambda d, names: [n for n in names if n.endswith('.ipynb') and n not in ('index.ipynb', '1_rules.ipynb') or n[0] == '.'])
    for index in (top/'nbs').glob('*/index.ipynb'): index.unlink()
    shutil.copytree(ROOT/'mlops_nb', top/'mlops_nb', ignore=shutil.ignore_patterns('__pycache__'))
    (programs/'quarto').write_text(STAND_IN)
    (programs/'quarto').chmod(0o755)
    def git(*args): return subprocess.run(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.org', *args], cwd=top, check=True, capture_output=True, text=True).stdout
    git('init', '-q'); git('add', '-A'); git('commit', '-qm', 'all')
    env = {**os.environ, 'PATH': f'{programs}{os.pathsep}{os.environ["PATH"]}', 'CALLS': str(tmp_path/'calls'), 'OMP_NUM_THREADS': '1', 'MPLBACKEND': 'agg', 'TMPDIR': str(tmp_path)}
    def run(command, *args):
        (tmp_path/'calls').write_text('')
        (top/'nbs/index.ipynb').touch()                                           # newer than README.md, as after any change to it
        done = subprocess.run([Path(sys.executable).with_name(command), *args], cwd=top, env=env, capture_output=True, text=True, timeout=600)
        return (tmp_path/'calls').read_text().splitlines(), done, git('status', '--porcelain')
    run.top = top
    return run


def test_nbdev_docs_reaches_quarto_and_leaves_the_repository_as_it_is(small):
    calls, done, changed = small('nbdev_docs')
    assert done.returncode == 0, done.stdout + done.stderr
    assert calls == ['_proc render --no-cache'] and (small.top/'_docs/index.html').exists()
    assert changed == '' and (small.top/'README.md').read_text() == (ROOT/'README.md').read_text()
    assert 'Found cells containing imports and other code' not in done.stderr
    pages = {p.relative_to(small.top/'_proc').as_posix() for p in (small.top/'_proc').rglob('*') if p.is_file()}
    assert {'index.ipynb', '01_core/1_rules.ipynb', 'nbdev.yml', '_quarto.yml', 'styles.css', 'images/favicon.svg'} <= pages


@pytest.mark.parametrize('command', ['nbdev_proc_nbs', 'nbdev_preview', 'nbdev_readme', 'nbdev_prepare'])
def test_other_commands_of_nbdev_leave_it_as_it_is(small, command):
    calls, done, changed = small(command)
    assert changed == '', changed
    assert (small.top/'README.md').read_text() == (ROOT/'README.md').read_text()
    if command == 'nbdev_readme': assert done.returncode == 1 and len(calls) == 1 and 'written-by-make-readme.ipynb' in calls[0]
    else: assert done.returncode == 0, done.stdout + done.stderr
    if command == 'nbdev_prepare': assert 'Success' in done.stdout and calls == []
    if command == 'nbdev_preview': assert calls == ['_proc preview']
