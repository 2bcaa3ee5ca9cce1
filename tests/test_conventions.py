"The files that other programs read: GitHub's workflows, pre-commit's hooks, CITATION.cff. Their form by schema, and what they name by looking"
from configparser import ConfigParser
from pathlib import Path
import re, shlex, subprocess, sys

import pytest, yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT/'.github/workflows').glob('*.y*ml'))
ini = ConfigParser(delimiters=['='])
ini.read(ROOT/'settings.ini', encoding='utf8')
cfg = ini['DEFAULT']


def checked(schema, *files):
    "What check-jsonschema, which brings the schemas with it, says of some files: '' where all is well"
    done = subprocess.run([sys.executable, '-m', 'check_jsonschema', '--builtin-schema', schema, *map(str, files)], capture_output=True, text=True)
    return '' if done.returncode == 0 else done.stdout + done.stderr


def read(name): return yaml.load((ROOT/name).read_text(encoding='utf8'), yaml.BaseLoader)       # all values as texts: `on` stays a word


def commands(text): return [line.strip() for line in text.splitlines() if line.strip()]


def missing(command):
    "What a line of shell names and this repository has not: targets of make, files, programs of .venv"
    words = shlex.split(command, comments=True)
    targets = set(re.findall(r'^([\w./-]+):', (ROOT/'Makefile').read_text(encoding='utf8'), re.M))
    lost = [w for w in words[1:] if words[0] == 'make' and '=' not in w and w not in targets]
    paths = [w for w in words if re.match(r'(\./)?(tools|tests|nbs|bench|\.ci)/', w)]
    lost += [w for w in paths if not (ROOT/w).exists()]
    tools = [w.removeprefix('.venv/bin/') for w in words if w.startswith('.venv/bin/')]
    return lost + [f'.venv/bin/{w}' for w in tools if not Path(sys.executable).with_name(w).exists()]


def test_workflows_have_the_form_that_github_reads():
    assert [p.name for p in WORKFLOWS] == ['deploy.yaml', 'test.yaml']
    assert checked('github-workflows', *WORKFLOWS) == ''
    assert checked('github-workflows-require-timeout', *WORKFLOWS) == ''


def test_citation_has_its_form_and_says_the_version_of_the_package():
    assert checked('citation-file-format', ROOT/'CITATION.cff') == ''
    said = read('CITATION.cff')
    assert (said['version'], said['repository-code'], said['license']) == (cfg['version'], cfg['git_url'], 'Apache-2.0')
    assert said['url'] == cfg['doc_host'] + cfg['doc_baseurl'] + '/' and said['authors'] == [{'name': cfg['author']}]


def test_a_bad_file_would_be_found(tmp_path):
    (tmp_path/'w.yaml').write_text('on: push\njobs: {a: {steps: [{run: ls}]}}')
    (tmp_path/'c.cff').write_text('cff-version: 1.2.0\ntitle: x')
    assert 'runs-on' in checked('github-workflows', tmp_path/'w.yaml') and 'authors' in checked('citation-file-format', tmp_path/'c.cff')
    assert missing('make testt') == ['testt'] and missing('make docs PYTHON=python') == []
    assert missing('python tools/gone.py') == ['tools/gone.py'] and missing('.venv/bin/nbdev_exprt') == ['.venv/bin/nbdev_exprt']


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda p: p.name)
def test_what_a_workflow_names_exists_and_it_may_little(path):
    flow = read(path)
    steps = [step for job in flow['jobs'].values() for step in job['steps']]
    lost = [x for step in steps for command in commands(step.get('run', '')) for x in missing(command)]
    assert lost == []
    for action in [step['uses'] for step in steps if 'uses' in step]: assert re.fullmatch(r'[\w-]+/[\w/-]+@v\d+', action), f'{action}: pin a major version'
    assert flow['permissions'] == {'contents': 'read'}
    more = {name: job['permissions'] for name, job in flow['jobs'].items() if 'permissions' in job}
    assert more == ({'deploy': {'pages': 'write', 'id-token': 'write'}} if path.name == 'deploy.yaml' else {})


def test_the_tests_run_on_each_system_and_python_that_we_name():
    jobs = read('.github/workflows/test.yaml')['jobs']
    assert {(job['runs-on'], *job['strategy']['matrix']['python']) for job in jobs.values()} == {
        ('ubuntu-latest', '3.11', '3.12', '3.13'), ('macos-latest', '3.11', '3.12', '3.13')}
    assert jobs['linux']['strategy']['matrix']['python'][0] == cfg['min_python']


def test_the_site_that_is_deployed_is_the_one_that_make_docs_writes():
    steps = read('.github/workflows/deploy.yaml')['jobs']['build']['steps']
    names = [step.get('uses', step.get('run', '')) for step in steps]
    quarto, build = [next(i for i, n in enumerate(names) if n.startswith(what)) for what in ('quarto-dev/quarto-actions/setup@', 'make docs')]
    uploaded = next(step for step in steps if step.get('uses', '').startswith('actions/upload-pages-artifact@'))
    assert quarto < build and uploaded['with']['path'] == cfg['doc_path']


def test_hooks_before_a_commit_are_those_of_nbdev_and_can_run():
    repos = read('.pre-commit-config.yaml')['repos']
    assert [r['repo'] for r in repos] == ['local']              # nbdev's own hooks take the nbdev on PATH; ours the one with the right pins
    hooks = repos[0]['hooks']
    assert [h['id'] for h in hooks] == ['nbdev_clean', 'nbdev_export', 'readme']     # cleaned first: then what is exported comes from clean cells
    for h in hooks:
        assert h.keys() == {'id', 'name', 'entry', 'language', 'files', 'pass_filenames'} and (h['language'], h['pass_filenames']) == ('system', 'false')
        assert missing(h['entry']) == [], h['id']
    assert re.search(hooks[0]['files'], 'nbs/02_store/1_store.ipynb') and re.search(hooks[1]['files'], 'mlops_nb/store/store.py')
