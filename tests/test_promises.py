"What SECURITY, CONTRIBUTING and the page of promises say is so: an upgrade in their words, on stores of every layout; addresses and links"
from configparser import ConfigParser
from pathlib import Path
import base64, json, os, re, shlex, sqlite3, subprocess, sys

import pytest

ROOT = Path(__file__).resolve().parent.parent
STORES = Path(__file__).parent/'stores'


def kept(name, folder):
    "A store as an older version left it"
    folder.mkdir()
    db = sqlite3.connect(folder/'store.db'); db.executescript((STORES/f'{name}.sql').read_text(encoding='utf8')); db.close()
    if name == 'first': blobs = {f'blobs/{sha[:2]}/{sha[2:]}': data for sha, data in map(str.split, (STORES/'first.blobs').read_text().splitlines())}
    else: blobs = json.loads((STORES/f'{name}.blobs.json').read_text(encoding='utf8'))
    for place, data in blobs.get('blobs', blobs).items():
        path = folder/(place if '/' in place else f'blobs/{place[:2]}/{place[2:]}')
        path.parent.mkdir(parents=True, exist_ok=True); path.write_bytes(base64.b64decode(data))


def commands():
    "The lines of the page, in order"
    cells = json.loads((ROOT/'nbs'/'tutorials'/'upgrade.ipynb').read_text(encoding='utf8'))['cells']
    lines = next(''.join(c['source']) for c in cells if ''.join(c['source']).startswith('```sh')).splitlines()[1:-1]
    return [shlex.split(line, comments=True) for line in lines if line]


@pytest.mark.parametrize('name, holds', [('first', 'delay'), ('registry_v1', '1.10.0.post1'), ('data_v1', 'long_'), ('main', '1.9.0')])
def test_an_upgrade_as_the_page_says_loses_nothing(name, holds, tmp_path):
    kept(name, tmp_path/'mlops-store')
    env, said = {**os.environ, 'PYTHONPATH': str(ROOT)}, []
    for command in commands():
        if command[0] == 'pip': continue                                   # it is this version
        if command[0] == 'mlops-nb': command = [sys.executable, '-m', 'mlops_nb', *command[1:]]
        run = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert run.returncode in ((0, 1, 4) if 'monitor' in command else (0,)), (command, run.stdout, run.stderr)
        said.append(run.stdout)
    assert said[-1] == 'all is well\n' and holds in ''.join(said)
    names = {f: {n for n, in sqlite3.connect(tmp_path/f/'store.db').execute("select name from sqlite_master where type = 'table'")} for f in ('mlops-store', 'before-the-upgrade')}
    assert names['before-the-upgrade'] - names['mlops-store'] <= {'model_aliases', 'model_versions_1'}     # the copy is as it was; lines of a ledger took their place


def test_security_names_the_address_of_the_package():
    ini = ConfigParser(delimiters=['=']); ini.read(ROOT/'settings.ini', encoding='utf8')
    text = (ROOT/'SECURITY.md').read_text(encoding='utf8')
    assert ini['DEFAULT']['author_email'] in text and f"{ini['DEFAULT']['git_url']}/security/advisories/new" in text


@pytest.mark.parametrize('page', ['SECURITY.md', 'CONTRIBUTING.md', 'README.md', 'CHANGELOG.md', 'nbs/tutorials/upgrade.ipynb', 'nbs/tutorials/decisions.ipynb'])
def test_links_inside_the_repository_lead_somewhere(page):
    text = (ROOT/page).read_text(encoding='utf8')
    links = re.findall(r'\]\((?!https?:|#|mailto:)([^)#\s]+)', text)
    assert [link for link in links if not (ROOT/page).parent.joinpath(link).exists()] == []


def test_each_requirement_and_each_extra_has_its_reason_on_the_page_of_decisions():
    ini = ConfigParser(delimiters=['=']); ini.read(ROOT/'settings.ini', encoding='utf8')
    text = '\n'.join(''.join(c['source']) for c in json.loads((ROOT/'nbs'/'tutorials'/'decisions.ipynb').read_text(encoding='utf8'))['cells'])
    said = {n for row in re.findall(r'^\| ([\w, -]+) \| (?!for)', text, re.M) for n in row.split(', ')}
    assert said - {'---'} == {re.split(r'[<>=\[]', r)[0] for r in ini['DEFAULT']['requirements'].split()}
    assert set(re.findall(r'^\| `\[(\w+)\]` \|', text, re.M)) == {k.removesuffix('_requirements') for k in ini['DEFAULT'] if k.endswith('_requirements')}
