"""Build the site: `nbdev_docs` where Quarto is installed, else smalldocs on the notebooks that nbdev has processed.

    python tools/docs.py [--out _docs] [--fallback]

Both work on a copy of the tree, so that README.md and nbs/ stay as they are. The result loads nothing from another host:
web fonts are dropped (the theme's list of system fonts follows them), formulas become inline SVG.
"""
from argparse import ArgumentParser
from configparser import ConfigParser
from pathlib import Path
import html, json, os, posixpath, re, shutil, subprocess, sys, tempfile

root = Path(__file__).resolve().parent.parent
ini = ConfigParser(delimiters=['='])
ini.read(root/'settings.ini', encoding='utf8')
cfg = ini['DEFAULT']
pages_url = cfg['doc_host'].rstrip('/') + '/' + cfg['doc_baseurl'].strip('/') + '/'
LINK = re.compile(r'\]\((?!https?:|#|mailto:|data:)([^)#\s]+)')


def say(text): print(text, flush=True)


# ---- the copy


def copy_tree(work):
    "Copy what the site is made of; links that leave nbs/ become links to the repository"
    shutil.copytree(root/'nbs', work/'nbs', ignore=shutil.ignore_patterns('.*', '__pycache__', 'nbdev.yml', '*.db*'))
    for name in ('settings.ini', '_quarto.yml', 'setup.py', 'README.md'): shutil.copy(root/name, work/name)
    shutil.copytree(root/'mlops_nb', work/'mlops_nb', ignore=shutil.ignore_patterns('__pycache__', '_flights', '_course'))
    for nb in (work/'nbs').rglob('*.ipynb'):
        here = nb.parent.relative_to(work/'nbs').as_posix()
        edit(nb, 'markdown', lambda text: LINK.sub(lambda m: '](' + from_the_site(m[1], here), text))
    return work


def from_the_site(link, here):
    "A link of a notebook in `here` (a folder inside nbs/), as the site can follow it"
    target = posixpath.normpath(posixpath.join('nbs', here, link))
    return link if target.startswith('nbs/') or target == 'nbs' else f"{cfg['git_url']}/blob/{cfg['branch']}/{target}"


def edit(nb, kind, change):
    "Change the source of every cell of a kind"
    content = json.loads(nb.read_text(encoding='utf8'))
    for cell in content['cells']:
        if cell['cell_type'] == kind: cell['source'] = change(''.join(cell['source']))
    nb.write_text(json.dumps(content), encoding='utf8')


# ---- the two builders


def with_quarto(work):
    "nbdev's own way"
    run('nbdev_docs', work, tool('nbdev_docs'))
    return work/'_docs'


def run(what, work, *command):
    "Run a step in the copy; where it fails its own message is on the screen, and one sentence follows"
    ended = subprocess.run(command, cwd=work, env=quiet_env()).returncode
    if ended: sys.exit(f'{what} ended with {ended}: what it said is above. No site was written')


def without_quarto(work):
    """nbdev's processing without `nbdev_proc_nbs`, which first downloads Quarto where there is none; then smalldocs.
    smalldocs does not read `output-file`, so pages are renamed, and the sidebar and the links with them."""
    code = 'from nbdev.quarto import refresh_quarto_yml as f, proc_nbs; f(); proc_nbs("nbs", n_workers=2)'
    run('The processing of the notebooks by nbdev', work, sys.executable, '-W', 'ignore', '-c', code)
    proc = work/'_proc'
    rename_pages(proc)
    built = subprocess.run([tool('smalldocs'), 'render', '--quiet', str(proc)], stderr=subprocess.PIPE, text=True)
    problems = [line for line in built.stderr.splitlines() if not re.search(r'is ignored$|output-file is not read|compiles no Sass', line)]
    if problems or built.returncode: sys.exit('\n'.join(problems) or f'smalldocs ended with {built.returncode}')
    return proc/'_docs'


def rename_pages(proc):
    "Give each page its name without the number, as Quarto would, in the links and in the sidebar too"
    new = {p: p.with_name(page_name(p)) for p in sorted(proc.rglob('*.ipynb'))}
    if len(set(new.values())) < len(new): sys.exit(f'two notebooks make one page: {sorted(map(str, new.values()))}')
    for p in new:
        edit(p, 'markdown', lambda t: LINK.sub(lambda m: f']({renamed(m[1], p.parent, new)}', t))
    for p, q in new.items(): p.rename(q)
    sidebar = proc/'sidebar.yml'
    links = re.sub(r'(?<=href: )\S+\.ipynb$', lambda m: renamed(m[0], proc, new), sidebar.read_text(encoding='utf8'), flags=re.M)
    sidebar.write_text(links, encoding='utf8')


def renamed(link, folder, new):
    "A link from a notebook in `folder` to another one, by the page's new name"
    target = new.get(Path(os.path.normpath(folder/link)))
    return os.path.relpath(target, folder) if target else link


def page_name(nb):
    "The name that nbdev gave the page in its front matter: that of the notebook, without the number"
    first = ''.join(json.loads(nb.read_text(encoding='utf8'))['cells'][0]['source'])
    found = re.search(r'^output-file: ([\w.-]+)\.html$', first, re.M)
    return f'{found[1]}.ipynb' if found else nb.name


def tool(name): return str(Path(sys.executable).with_name(name))


def quiet_env(): return {**os.environ, 'JUPYTER_PLATFORM_DIRS': '1', 'MPLBACKEND': 'agg', 'TQDM_DISABLE': '1'}


# ---- nothing from another host


OUTSIDE = re.compile(r'''<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=["'](?:https?:)?//|<link\b(?![^>]*rel=["'](?:canonical|alternate))[^>]*\bhref=["'](?:https?:)?//|@import\s*(?:url\()?["']?(?:https?:)?//|url\(["']?(?:https?:)?//''')


def make_local(site):
    "Drop web fonts, turn formulas into SVG, name pictures; end with an error if a page still asks another host for something"
    for css in site.rglob('*.css'):
        css.write_text(re.sub(r'''@import\s*(?:url\((["']?)https?://.*?\1\)|(["'])https?://.*?\2)[^;]*;''', '', css.read_text(encoding='utf8')), encoding='utf8')
    for page in site.rglob('*.html'):
        page.write_text(local_page(page.read_text(encoding='utf8'), depth=len(page.relative_to(site).parts) - 1), encoding='utf8')
    for index in site.glob('search.json'): index.write_text(plain_names(index.read_text(encoding='utf8')), encoding='utf8')
    drop_lost_anchors(site)
    for file in [*site.rglob('*.html'), *site.rglob('*.css')]:
        if found := OUTSIDE.search(file.read_text(encoding='utf8')): sys.exit(f'{file.relative_to(site)} loads from another host: {found[0][:200]}')


FROM_A_CDN = re.compile(r'<script[^>]*\bsrc="https://(?:cdn|cdnjs)\.[^"]*(?:katex|MathJax|polyfill|require|jquery)[^"]*"[^>]*></script>\s*'
                        r'|<link[^>]*\bhref="https://cdn[^"]*katex[^"]*"[^>]*>\s*'
                        r"|<script[^>]*>\s*define\(['\"]jquery['\"].*?</script>\s*", re.S)   # Quarto adds them to pages with data frames


def local_page(text, depth=0):
    "A page in a folder `depth` levels down, without what comes from other hosts, with links that stay on this site and named pictures"
    text = plain_names(FROM_A_CDN.sub('', text)).replace(f'<a href="{pages_url}', f'<a href="{"../"*depth or "./"}')
    text = re.sub(r'<figure\b.*?</figure>', named_by_caption, text, flags=re.S)
    text = re.sub(r'<span class="math (inline|display)">(.*?)</span>', lambda m: formula(html.unescape(m[2]), m[1] == 'display'), text, flags=re.S)
    text = re.sub(r'<svg([^>]*) alt="([^"]*)"', r'<svg role="img" aria-label="\2"\1', text)
    return text.replace('<a class="quarto-color-scheme-toggle nav-link" href=""', '<a class="quarto-color-scheme-toggle nav-link" href="#" role="button" aria-label="Light or dark"')


def plain_names(text):
    "nbdev links names in backticks also inside of code, where Markdown is no link: only the name is left"
    return re.sub(r'\[(`[^`<]+`)\]\(' + re.escape(pages_url) + r'[^)\s<"]*\)', r'\1', text)


def named_by_caption(figure):
    "A figure whose picture has no alternative text gets its caption: Quarto makes a caption of the text of ![text](picture)"
    caption = re.search(r'<figcaption[^>]*>(.*?)</figcaption>', figure[0], re.S)
    if not caption: return figure[0]
    words = ' '.join(html.unescape(re.sub('<[^>]+>', '', caption[1])).split())
    return re.sub(r'<img (?![^>]*\balt=)', lambda m: f'<img alt="{html.escape(words)}" ', figure[0].replace(' alt=""', ''))


def formula(tex, display):
    "A formula as SVG outlines in the colour of the text, drawn by matplotlib's reader of TeX"
    from matplotlib.textpath import TextPath
    tex = re.sub(r'^\\[(\[]|\\[)\]]$', '', tex.strip()).strip('$').strip()
    shape, letters = TextPath((0, 0), f'${tex}$', size=10), {1: 'M', 2: 'L', 3: 'Q', 4: 'C', 79: 'Z'}
    drawn = ' '.join(letters[int(c)] + ('' if c == 79 else ' '.join(f'{v:.2f}' for v in p)) for p, c in shape.iter_segments(curves=True))
    box, style = shape.get_extents(), 'display:block;margin:1em auto' if display else ''
    low = f'vertical-align:{box.y0/10:.2f}em;' if not display else ''
    return (f'<svg role="img" aria-label="{html.escape(tex)}" style="{low}{style}" width="{box.width/10:.2f}em" height="{box.height/10:.2f}em" '
            f'viewBox="{box.x0:.2f} {-box.y1:.2f} {box.width:.2f} {box.height:.2f}" fill="currentColor"><path transform="scale(1,-1)" d="{drawn}"/></svg>')


def drop_lost_anchors(site):
    "nbdev links each name in backticks to an anchor; private names and methods inside a class cell have none. Links that people wrote stay"
    pages = {p: p.read_text(encoding='utf8') for p in site.rglob('*.html')}
    ids = {p: set(re.findall(r'\bid="([^"]+)"', text)) for p, text in pages.items()}
    for page, text in pages.items():
        def mend(m):
            target = (page.parent/html.unescape(m[1])).resolve() if m[1] else page.resolve()
            if m[2] in ids.get(target, {m[2]}): return m[0]
            return m[3] if target == page.resolve() else f'<a href="{m[1]}">{m[3]}</a>'
        page.write_text(re.sub(r'<a href="([^"#:]*)#([^"]+)">(<code>[^<]*</code>)</a>', mend, text), encoding='utf8')


def finish(site):
    "The licences of what smalldocs puts beside the pages (Bootstrap, Bootswatch, Bootstrap Icons: MIT; Fuse: Apache-2.0)"
    import smalldocs
    for licence in (Path(smalldocs.__file__).parent/'assets'/'vendor').glob('*/LICENSE'):
        shutil.copy(licence, site/'site_libs'/f'LICENSE.{licence.parent.name}')


def main():
    args = ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument('--out', type=Path, default=root/cfg['doc_path'], help='folder to write; replaced if a site is in it')
    args.add_argument('--fallback', action='store_true', help='do not use Quarto')
    args = args.parse_args()
    if args.out.exists() and any(args.out.iterdir()) and not (args.out/'index.html').exists(): sys.exit(f'{args.out} is not empty and holds no site; name another folder')
    quarto = None if args.fallback else shutil.which('quarto')
    say(f'Building the site with Quarto ({quarto})' if quarto else 'Building the site with the fallback, smalldocs' + ('' if args.fallback else ': Quarto is not installed'))
    with tempfile.TemporaryDirectory() as tmp:
        work = copy_tree(Path(tmp))
        site = (with_quarto(work) if quarto else without_quarto(work)).resolve()
        make_local(site)
        if not quarto: finish(site)
        from furniture import furnish     # here, so that a test can read this file from anywhere
        furnish(site, cfg)
        shutil.rmtree(args.out, ignore_errors=True)
        shutil.move(site, args.out)
    say(f'{len(list(args.out.rglob("*.html")))} pages in {os.path.relpath(args.out)} (built by {"Quarto" if quarto else "the fallback"})')


if __name__ == '__main__': main()
