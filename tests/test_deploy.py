"The folder that `generate_docker_files` writes, started as the image would start it, behind a real nginx"
from contextlib import contextmanager
from importlib.metadata import packages_distributions, requires
from pathlib import Path
import ast, ipaddress, json, os, pickle, platform, re, signal, socket, subprocess, sys, time, urllib.error, urllib.request

import numpy as np
import pandas as pd
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sklearn.linear_model import LogisticRegression

from browser import need
from mlops_nb.serving.client import ModelClient
from mlops_nb.core.rules import Conflict, InvalidInput, MlopsError
from mlops_nb.serving.deploy import generate_docker_files
from mlops_nb.serving.proof import NotProven, verify
from mlops_nb.registry.registry import ModelRegistry
from mlops_nb.models.signature import Signature

X = pd.DataFrame({'a': np.arange(40.)/10, 'b': np.arange(40) % 7})
Y = (X.a + X.b/5 > 2).astype(int)


@pytest.fixture(scope='module')
def model(): return LogisticRegression().fit(X, Y)


@pytest.fixture(scope='module')
def exported(tmp_path_factory, model):
    "A model file as the registry exports it"
    tmp = tmp_path_factory.mktemp('registry')
    registry = ModelRegistry(tmp/'registry')
    try:
        registry.register_model(model, 'line', '1.2.0', metadata={'password': 'hunter2'}, signature=Signature.infer(X))
        return registry.export_model('line', '1.2.0', tmp/'out')
    finally: registry.store.close()


@pytest.fixture(scope='module')
def folder(tmp_path_factory, exported): return generate_docker_files('line', exported, folder=tmp_path_factory.mktemp('made'))


def free_port():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); return s.getsockname()[1]


def clean_env(**more): return {'PATH': os.environ['PATH'], 'PYTHONDONTWRITEBYTECODE': '1', **more}


@contextmanager
def started(folder):
    "The folder's program on a free port, with nothing of this process's environment; the port"
    port = free_port()
    with open(folder.parent/f'app-{port}.log', 'w+') as log:
        process = subprocess.Popen([sys.executable, 'app.py'], cwd=folder, env=clean_env(PORT=str(port)), stderr=log)
        try:
            wait_for(lambda: answers(port), process, log)
            yield port, process
        finally:
            process.terminate()
            process.wait(20)


def answers(port):
    try: return ModelClient(f'http://127.0.0.1:{port}').health()['status'] == 'healthy'
    except MlopsError: return False


def wait_for(condition, process, log, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > end: log.seek(0); pytest.fail(f'not up, exit code {process.poll()}: {log.read()[-3000:]}')
        time.sleep(0.1)


def test_the_program_starts_predicts_is_healthy_and_stops_on_sigterm(folder, model):
    with started(folder) as (port, process):
        client = ModelClient(f'http://127.0.0.1:{port}')
        assert client.batch_predict(X)['predictions'] == model.predict(X).tolist()
        got = client.predict(X[['b', 'a']].iloc[::-1])                          # the columns in another order
        assert got['predictions'] == model.predict(X).tolist()[::-1] and got['model_version'] == '1.2.0'
        check = [sys.executable, 'app.py', 'check']
        assert subprocess.run(check, cwd=folder, env=clean_env(PORT=str(port))).returncode == 0
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0 and time.monotonic() - began < 10
    assert subprocess.run(check, cwd=folder, env=clean_env(PORT=str(port)), capture_output=True).returncode != 0


def test_it_listens_on_loopback_only_by_default(folder):
    with started(folder) as (port, process):
        addresses = {line.split()[1] for line in Path(f'/proc/{process.pid}/net/tcp').read_text().splitlines()[1:] if line.split()[3] == '0A'}
        assert f'0100007F:{port:04X}' in addresses and f'00000000:{port:04X}' not in addresses


def test_every_module_comes_from_the_folder_and_every_package_from_requirements(folder):
    probe = 'import json, sys, app; app.build(); print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.split(".")[0] == "mlops_nb"]))'
    run = subprocess.run([sys.executable, '-c', probe], cwd=folder, env=clean_env(), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    files = json.loads(run.stdout.splitlines()[-1])
    assert len(files) >= 6 and all(Path(f).is_relative_to(folder/'mlops_nb') for f in files)
    wanted, todo = set(), [Requirement(line) for line in (folder/'requirements.txt').read_text().splitlines()]
    while todo:
        name = canonicalize_name(todo.pop().name)
        if name in wanted: continue
        wanted.add(name)
        todo += [r for r in map(Requirement, requires(name) or []) if not r.marker or r.marker.evaluate({'extra': ''})]
    homes = packages_distributions()
    for file in [*(folder/'mlops_nb').rglob('*.py'), folder/'app.py']:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            for top in {n.split('.')[0] for n in names} - set(sys.stdlib_module_names) - {'mlops_nb', 'skops', 'pyarrow'}:   # skops: only where the file is one; pyarrow: where a column has one of its types
                assert {canonicalize_name(d) for d in homes[top]} & wanted, f'{file.name} imports {top}, which requirements.txt does not give'


def with_record(exported, folder, **changes):
    "A copy of an exported model whose record says something else"
    record = json.loads(exported.with_suffix('.json').read_text())
    copy = folder/exported.name
    copy.write_bytes(exported.read_bytes())
    copy.with_suffix('.json').write_text(json.dumps({**record, **changes}))
    return copy


def pins_of(made): return (made/'requirements.txt').read_text().splitlines()


def test_a_record_decides_no_package_and_no_version(exported, tmp_path):
    "Installed packages run code: names come from the types in the file, versions from here; what the record says is told, and pinned with consent"
    from importlib.metadata import version
    copy = with_record(exported, tmp_path, environment={'python': '3.12.4', 'scikit-learn': '1.5.2', 'numpy': '1.26.4', 'totally-evil-package': '6.6.6'})
    with pytest.warns(UserWarning, match='numpy 1.26.4 -> .*scikit-learn 1.5.2 -> .*recorded_versions=True') as told: made = generate_docker_files('line', copy, folder=tmp_path)
    assert 'evil' not in str(told[0].message)
    pins = pins_of(made)
    assert f'scikit-learn=={version("scikit-learn")}' in pins and pins == sorted(pins) and all(re.fullmatch(r'[\w.-]+==[\w.+!]+', p) for p in pins)
    assert (made/'Dockerfile').read_text().count(f'FROM python:{platform.python_version()}-slim-bookworm') == 2 and not any('mlops' in line or 'evil' in line for line in pins)
    made = generate_docker_files('line', copy, folder=tmp_path, recorded_versions=True, force=True)       # the advice of the warning
    assert {'scikit-learn==1.5.2', 'numpy==1.26.4'} <= {*pins_of(made)} and not any('evil' in line for line in pins_of(made))
    assert (made/'Dockerfile').read_text().count('FROM python:3.12.4-slim-bookworm') == 2


def test_secrets_of_the_metadata_do_not_travel(folder): assert not any(b'hunter2' in p.read_bytes() for p in folder.rglob('*') if p.is_file())


def test_what_copy_names_exists_and_the_image_runs_as_nobody_special(folder):
    text = (folder/'Dockerfile').read_text()
    names = [n for line in re.findall(r'^COPY (?!--from)(.*) \S+$', text, re.M) for n in line.split()]
    assert len(names) == 5 and all((folder/n).exists() for n in names)
    assert re.search(r'^USER 10001:10001$', text, re.M) and 'latest' not in text and 'curl' not in text
    assert json.loads(re.search(r'^CMD (.*)$', text, re.M)[1]) == ['python', 'app.py']
    assert json.loads(re.search(r'^HEALTHCHECK .*CMD (.*)$', text, re.M)[1]) == ['python', 'app.py', 'check']
    modes = {oct(p.stat().st_mode & 0o777) for p in folder.rglob('*') if p.is_file()}
    assert modes == {'0o644', '0o755'} and (folder/'build.sh').stat().st_mode & 0o111 and all(p.stat().st_mode & 0o005 == 0o005 for p in [folder/'mlops_nb', *(folder/'mlops_nb').rglob('*')] if p.is_dir())


def test_it_runs_from_a_copy_of_what_copy_names_on_a_read_only_disk(folder, tmp_path):
    "As in the image: nothing but the named files, and nothing of them writable"
    app = tmp_path/'app'
    for line in re.findall(r'^COPY (?!--from)(.*) \S+$', (folder/'Dockerfile').read_text(), re.M):
        for name in line.split():
            for source in (p for p in (folder/name).rglob('*') if p.is_file()) if name.endswith('/') else [folder/name]:
                target = app/source.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
                target.chmod(0o444)
    before = {p: p.stat().st_mtime_ns for p in app.rglob('*')}
    folders = [app, *(p for p in app.rglob('*') if p.is_dir())]
    for d in folders: d.chmod(0o555)
    try:
        with started(app) as (port, _): assert ModelClient(f'http://127.0.0.1:{port}').predict([{'a': 1., 'b': 2}])['predictions']
        assert {p: p.stat().st_mtime_ns for p in app.rglob('*')} == before
    finally:
        for d in folders: d.chmod(0o755)


def test_compose_is_what_it_says(folder):
    compose = yaml.safe_load((folder/'docker-compose.yml').read_text())
    assert set(compose['services']) == {'line', 'nginx'} and compose['name'] == 'line'
    for service in compose['services'].values():
        assert service['read_only'] is True and service['cap_drop'] == ['ALL'] and 'no-new-privileges:true' in service['security_opt']
        assert set(service['deploy']['resources']['limits']) == {'cpus', 'memory', 'pids'} and service['tmpfs'] and service['restart'] == 'unless-stopped'
    api, nginx = compose['services']['line'], compose['services']['nginx']
    subnet = compose['networks']['default']['ipam']['config'][0]
    assert api['environment'] == {'PORT': '5000', 'MODEL_PATH': '/app/model.arrays', 'MLOPS__DEPLOYMENT__TIMEOUT_SECONDS': '29', 'MLOPS__DEPLOYMENT__MAX_REQUESTS_PER_MINUTE': '1000',
                                  'MLOPS_MONITOR': '${MLOPS_MONITOR:-}', 'MLOPS_BLOBS': '${MLOPS_BLOBS:-/log/blobs}', 'MLOPS_WORKERS': '${MLOPS_WORKERS:-4}', 'TRUSTED_PROXIES': subnet['subnet']}
    assert ipaddress.ip_network(subnet['subnet']).is_private and subnet['gateway'] == str(ipaddress.ip_network(subnet['subnet'])[1])
    assert api['volumes'] == ['log:/log'] and compose['volumes'] == {'log': {}} and 'install --directory --owner=10001 --group=10001 /log' in (folder/'Dockerfile').read_text()
    assert {s['stop_grace_period'] for s in compose['services'].values()} == {'35s'}      # longer than the longest prediction
    assert api['healthcheck']['test'] == ['CMD', 'python', 'app.py', 'check'] and api['ports'] == ['127.0.0.1:5000:5000']
    assert api['deploy']['resources'] == {'limits': {'memory': '1G', 'cpus': '0.5', 'pids': 128}, 'reservations': {'memory': '512M', 'cpus': '0.25'}}
    assert nginx['ports'] == ['${HTTP_PORT:-80}:8080'] and nginx['depends_on'] == {'line': {'condition': 'service_healthy'}}
    assert 'api' in api['networks']['default']['aliases'] and 'server api:5000;' in (folder/'nginx.conf').read_text()


# name -> image, name of the compose project; the service is the name in lower case
PROJECTS = {'churn_model': ('churn_model', 'churn_model'), 'My-Model.2': ('my-model.2', 'my-model-2'), '1st': ('1st', '1st'), 'true': ('true', 'true'), 'null': ('null', 'null'), '123': ('123', '123'),
            '1_000': ('1_000', '1_000'), '1e3': ('1e3', '1e3'), 'No': ('no', 'no'), '0x1F': ('0x1f', '0x1f'), 'a--b': ('a--b', 'a--b'), 'A..b': ('a-b', 'a-b'), '_x_': ('x', 'x'), '-x': ('x', 'x'), '2013-04-18': ('2013-04-18',)*2}


@pytest.mark.parametrize('name', PROJECTS)
def test_every_name_of_a_project_works(name, exported, tmp_path):
    "The folder has the name as given; the rest is what Docker and Compose take (their grammars, from their sources), and texts for YAML"
    made = generate_docker_files(name, exported, folder=tmp_path)
    compose = yaml.safe_load((made/'docker-compose.yml').read_text())
    image, project = PROJECTS[name]
    assert made.name == f'deployment_{name}' and list(compose['services']) == [name.lower(), 'nginx'] and compose['name'] == project
    api = compose['services'][name.lower()]
    repository, tag = api['image'].split(':')
    assert repository == image and re.fullmatch(r'[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*', repository) and re.fullmatch(r'\w[\w.-]{0,127}', tag)
    assert re.fullmatch(r'[a-z0-9][a-z0-9_-]*', compose['name']) and re.fullmatch(r'[a-zA-Z0-9._-]+', name.lower())
    assert list(compose['services']['nginx']['depends_on']) == [name.lower()] and all(isinstance(v, str) for v in api['environment'].values())
    compile((made/'app.py').read_text(), 'app.py', 'exec')
    assert subprocess.run(['sh', '-n', made/'build.sh']).returncode == 0 and f'"{image}:{tag}"' in (made/'build.sh').read_text()


def test_a_name_that_cannot_be_one_leaves_nothing_behind(exported, tmp_path):
    for name in ('nginx', 'Nginx', '---', 'a/b', 'dél', '.x', 'a b', '', None, 7):
        with pytest.raises(InvalidInput, match='project name'): generate_docker_files(name, exported, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def docker(tmp_path):
    "A stand-in for docker, which tells what it was asked; its folder for PATH, and its file"
    place, log = tmp_path/'bin', tmp_path/'docker.log'
    place.mkdir()
    (place/'docker').write_text(f'#!/bin/sh\necho "$@" >> "{log}"\n')
    (place/'docker').chmod(0o755)
    return place, log


def run_build(made, docker, **env): return subprocess.run([made/'build.sh'], capture_output=True, text=True, cwd='/', env=clean_env(**env) | {'PATH': f'{docker[0]}:{os.environ["PATH"]}'})


def test_build_checks_builds_tags_and_starts(exported, tmp_path, docker):
    made = generate_docker_files('My-Model.2', exported, folder=tmp_path)
    ran = run_build(made, docker)
    tag = json.loads(exported.with_suffix('.json').read_text())['digest'][:12]
    assert ran.returncode == 0 and docker[1].read_text().splitlines() == [f'build --tag my-model.2:{tag} .', f'tag my-model.2:{tag} my-model.2:latest', 'compose up --detach --no-build --remove-orphans --wait']
    assert 'http://localhost:80/health' in ran.stdout and 'http://127.0.0.1:5000/health' in ran.stdout and 'docker compose --project-name my-model-2 logs --follow' in ran.stdout
    assert 'http://localhost:8080/' in run_build(made, docker, HTTP_PORT='8080').stdout and 'http://127.0.0.1:81/' in run_build(made, docker, HTTP_PORT='127.0.0.1:81').stdout
    docker[1].unlink()
    (made/'model.arrays').write_bytes(b'another')
    ran = run_build(made, docker)
    assert ran.returncode != 0 and not docker[1].exists()                       # another model: nothing was built


def test_what_the_image_needs_can_be_read_by_its_user_whatever_the_umask_is(exported, tmp_path):
    before = os.umask(0o077)
    try: made = generate_docker_files('line', exported, folder=tmp_path)
    finally: os.umask(before)
    assert {p.name: oct(p.stat().st_mode & 0o777) for p in made.iterdir() if p.is_file() and p.name != '.manifest.json'}.items() >= {'app.py': '0o644', 'model.arrays': '0o644', 'build.sh': '0o755'}.items()
    (made/'build.sh').chmod(0o644)
    generate_docker_files('line', exported, folder=tmp_path)                    # the same content: its mode is made right all the same
    assert os.access(made/'build.sh', os.X_OK)


def test_paths_of_the_home_and_of_another_working_folder(exported, tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path)); monkeypatch.chdir(tmp_path)
    for source in (exported, exported.with_suffix('.json')): (tmp_path/source.name).write_bytes(source.read_bytes())
    made = generate_docker_files('line', f'~/{exported.name}', folder='~')
    (tmp_path/'elsewhere').mkdir(); monkeypatch.chdir(tmp_path/'elsewhere')
    assert made == tmp_path/'deployment_line' and (made/'app.py').is_file()


def test_requirements_are_added_and_those_of_the_caller_win(exported, tmp_path):
    from importlib.metadata import version
    def pins(*more): return (generate_docker_files('line', exported, list(more), folder=tmp_path, force=True)/'requirements.txt').read_text().splitlines()
    alone = pins()
    assert pins('click', 'threadpoolctl==3.1.0') == sorted([p for p in alone if not p.startswith('threadpoolctl')] + [f'click=={version("click")}', 'threadpoolctl==3.1.0'])
    with pytest.raises(InvalidInput, match='give a list'): pins_of(generate_docker_files('other', exported, {'pandas': '1'}, folder=tmp_path))
    assert pins('pandas') == pins(f'pandas<={version("pandas")}') == alone and not any(p.startswith('skops') for p in alone)
    for bad, says in (('xgboost-of-nobody', 'write|say its version'), ('pandas<1', 'which is not'), ('pandas==1.*', 'which is not'), ('a @ https://x/a.whl', 'names a place'), ('-r x', 'is not like')):
        with pytest.raises(MlopsError, match=says): generate_docker_files('other', exported, [bad], folder=tmp_path)
    with pytest.raises(InvalidInput, match='give a list'): generate_docker_files('other', exported, 'pandas', folder=tmp_path)
    assert not (tmp_path/'deployment_other').exists()


def ask_program(folder, cwd, code='app.build()', **env):
    "What the program's folder does with that environment; its model asked once"
    code = f'import sys; sys.path.insert(0, {str(folder)!r}); import app; api = {code}; print(api.version, api.name, api.model.predict([[3.5, 1]]).tolist())'
    return subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, cwd=cwd, env=clean_env(**env))


def test_where_no_model_was_packed_the_program_asks_the_registry(exported, model, tmp_path):
    root = str(Path(__file__).resolve().parent.parent)
    made = generate_docker_files('shop', exported, folder=tmp_path)
    elsewhere = (tmp_path/'m.arrays'); elsewhere.write_bytes(exported.read_bytes())
    (made/'model.arrays').unlink()
    lost = ask_program(made, tmp_path, PYTHONPATH=root)
    assert lost.returncode != 0 and "no registry at 'models/registry'; set MODEL_PATH or REGISTRY_PATH" in lost.stderr
    with ModelRegistry(tmp_path/'models'/'registry') as registry:
        registry.register_model(model, 'line', '1.5', signature=Signature.infer(X))
        found = ask_program(made, tmp_path, PYTHONPATH=root)
        assert found.stdout.split()[:2] == ['1.5', 'line'], found.stderr                             # the name that the packed model had
        registry.register_model(model, 'shop', '2.0', signature=Signature.infer(X))
        assert ask_program(made, tmp_path, PYTHONPATH=root).stdout.split()[:2] == ['2.0', 'shop']    # the name of the project comes first
        assert ask_program(made, '/', PYTHONPATH=root, REGISTRY_PATH=str(tmp_path/'models'/'registry')).stdout.split()[:2] == ['2.0', 'shop']
        assert ask_program(made, '/', PYTHONPATH=root, MLOPS_STORE=str(tmp_path/'models'/'registry')).stdout.split()[:2] == ['2.0', 'shop']   # the store that commands mean
        assert ask_program(made, tmp_path, MODEL_PATH=str(elsewhere)).stdout.split()[:2] == ['1.2.0', 'line']   # MODEL_PATH comes before all
        gone = ask_program(made, tmp_path, MODEL_PATH=str(tmp_path/'none.arrays'))
        assert gone.returncode != 0 and 'set MODEL_PATH to one' in gone.stderr                       # what is named must be there


NASTY = ["it's", 'a"b', 'x;rm -rf y', '$(touch z)', '`id`', 'new\nline', '{brace}', '%s', '@PORT@', "'); import os; os._exit(3) #", 'é ü', '\\']


@pytest.mark.parametrize('name', NASTY)
def test_no_path_reaches_a_generated_file(name, exported, tmp_path, folder):
    "Whatever the model's folder and file are called, the generated bytes are the same"
    place = tmp_path/name.replace('/', '_')
    place.mkdir()
    source = place/f'{name}.arrays'
    source.write_bytes(exported.read_bytes())
    source.with_suffix('.json').write_bytes(exported.with_suffix('.json').read_bytes())
    made = generate_docker_files('line', source, folder=tmp_path)
    for file in folder.rglob('*'):
        if file.is_file() and '__pycache__' not in file.parts: assert (made/file.relative_to(folder)).read_bytes() == file.read_bytes(), file.name
    with pytest.raises(InvalidInput): generate_docker_files(name, source, folder=tmp_path)


@pytest.mark.parametrize('record', [{'version': '1\nRUN id'}, {'version': 1.0}, {'version': ''}, {'name': 'x\nUSER root'}, {'environment': {'python': '3 AS a\nRUN id'}},
                                    {'environment': {'numpy': '1\n--index-url http://127.0.0.1'}}, {'environment': {'a\nb': '1'}}, {'name': '../up'}])
def test_a_record_cannot_inject(record, exported, tmp_path):
    copy = with_record(exported, tmp_path, **record)
    with pytest.raises(InvalidInput): generate_docker_files('line', copy, folder=tmp_path, recorded_versions=True)   # even with consent
    assert not (tmp_path/'deployment_line').exists()


def test_hand_edits_survive_and_force_replaces_them(exported, tmp_path):
    made = generate_docker_files('line', exported, folder=tmp_path)
    (made/'nginx.conf').write_text('# mine')
    (made/'notes.txt').write_text('my notes')
    with pytest.raises(Conflict, match='nginx.conf'): generate_docker_files('line', exported, folder=tmp_path, port=6000)
    assert (made/'nginx.conf').read_text() == '# mine' and 'PORT=5000' in (made/'Dockerfile').read_text()
    generate_docker_files('line', exported, folder=tmp_path, port=6000, force=True)
    assert 'api:6000' in (made/'nginx.conf').read_text() and (made/'notes.txt').read_text() == 'my notes'
    generate_docker_files('line', exported, folder=tmp_path)                    # not edited: no force needed
    assert 'api:5000' in (made/'nginx.conf').read_text()


def test_a_manifest_cannot_delete_outside_the_folder(exported, tmp_path):
    made, victim = generate_docker_files('line', exported, folder=tmp_path), tmp_path/'victim'
    victim.write_text('dear')
    manifest = json.loads((made/'.manifest.json').read_text()) | {'../victim': 'x', str(victim): 'x'}
    (made/'.manifest.json').write_text(json.dumps(manifest))
    generate_docker_files('line', exported, folder=tmp_path, force=True)
    assert victim.read_text() == 'dear'


# ---- nginx


def local(conf, prefix, listen, api):
    "The generated configuration with this machine's ports and folders in place of the containers'"
    for old, new in (('listen 8080;', f'listen 127.0.0.1:{listen};'), ('server api:5000;', f'server 127.0.0.1:{api};'), ('/tmp/', f'{prefix}/'), ('/dev/stderr', f'{prefix}/error.log'), ('/dev/stdout', f'{prefix}/access.log')):
        assert old in conf
        conf = conf.replace(old, new)
    return conf


@pytest.fixture
def nginx(): return need('nginx', 'nginx-light', '/usr/sbin/nginx')


def nginx_command(program, tmp_path, folder, listen, api):
    config = tmp_path/'nginx.conf'
    config.write_text(local((folder/'nginx.conf').read_text(), tmp_path, listen, api))
    return [program, '-p', str(tmp_path), '-c', str(config), '-e', str(tmp_path/'start.log'), '-g', 'daemon off;' + (' user root;' if os.geteuid() == 0 else '')]


def test_nginx_accepts_the_configuration_and_refuses_a_broken_one(nginx, folder, tmp_path):
    command = nginx_command(nginx, tmp_path, folder, free_port(), free_port())
    good = subprocess.run([*command, '-t'], capture_output=True, text=True)
    assert good.returncode == 0 and 'test is successful' in good.stderr, good.stderr
    (tmp_path/'nginx.conf').write_text((tmp_path/'nginx.conf').read_text().replace('proxy_pass', 'proxy_past'))
    assert subprocess.run([*command, '-t'], capture_output=True).returncode != 0


def test_a_request_through_nginx_reaches_the_model(nginx, folder, model, tmp_path):
    with started(folder) as (api, _):
        listen = free_port()
        with open(tmp_path/'log', 'w+') as log:
            proxy = subprocess.Popen(nginx_command(nginx, tmp_path, folder, listen, api), stderr=log)
            try:
                wait_for(lambda: answers(listen), proxy, log)
                assert ModelClient(f'http://127.0.0.1:{listen}').batch_predict(X)['predictions'] == model.predict(X).tolist()
                with pytest.raises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(urllib.request.Request(f'http://127.0.0.1:{listen}/predict', b'x'*(17 << 20), {'Content-Type': 'application/json'}), timeout=20)
                assert refused.value.code == 413 and refused.value.headers['Server'] == 'nginx'   # without its version
                assert ModelClient(f'http://127.0.0.1:{listen}').model_info()['model_version'] == '1.2.0'
            finally:
                proxy.send_signal(signal.SIGQUIT)
                proxy.wait(20)
    said = (tmp_path/'access.log').read_text()
    assert 'POST /batch_predict' in said and 'GET /model_info' in said and '/health' not in said     # the machine's own questions are not logged


def test_nginx_limits_each_client_and_refuses_in_the_form_of_the_api(nginx, exported, tmp_path):
    made = generate_docker_files('line', exported, folder=tmp_path, requests_per_minute=7)
    listen, dead = free_port(), free_port()
    with open(tmp_path/'log', 'w+') as log:
        proxy = subprocess.Popen(nginx_command(nginx, tmp_path, made, listen, dead), stderr=log)
        def ask(path='/model_info', body=None):
            try: return urllib.request.urlopen(urllib.request.Request(f'http://127.0.0.1:{listen}{path}', body, {'Content-Type': 'application/json'}), timeout=20)
            except urllib.error.HTTPError as e: return e
        def listens():
            with socket.socket() as s: return s.connect_ex(('127.0.0.1', listen)) == 0
        try:
            wait_for(listens, proxy, log)
            found = [ask() for _ in range(12)]
            assert [r.code for r in found] == [502]*8 + [429]*4                          # the first one, and seven in a burst
            refused, large = found[-1], ask('/health', b'x'*(17 << 20))
            assert ask('/health').code == 502                                            # the machine's own question has no limit
        finally: proxy.send_signal(signal.SIGQUIT); proxy.wait(20)
    assert refused.headers['Retry-After'] == '9' and found[0].headers['Retry-After'] == '1' and large.code == 413
    for r, status, says in ((refused, 429, 'more than 7 requests a minute'), (found[0], 502, 'does not answer'), (large, 413, 'larger than 16 MB')):
        problem = json.loads(r.read())
        assert r.headers['Content-Type'] == 'application/problem+json' and problem['status'] == status and says in problem['error'] == problem['detail']
        assert re.fullmatch(r'[0-9a-f]{32}', problem['request_id']) and problem['timestamp'].startswith('20')


def test_nginx_says_who_asks_and_how_long_it_waits(nginx, folder, tmp_path):
    "A server in the place of the API gets the address that nginx saw, not the one that a client claims; /health gets the same headers"
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread
    seen = []
    class Api(BaseHTTPRequestHandler):
        def do_GET(self): seen.append((self.path, dict(self.headers))); self.send_response(200); self.send_header('Content-Length', '0'); self.end_headers()
        def log_message(self, *args): pass
    with HTTPServer(('127.0.0.1', 0), Api) as api, open(tmp_path/'log', 'w+') as log:
        Thread(target=api.serve_forever, daemon=True).start()
        listen = free_port()
        proxy = subprocess.Popen(nginx_command(nginx, tmp_path, folder, listen, api.server_port), stderr=log)
        def ask(path):
            try: return urllib.request.urlopen(urllib.request.Request(f'http://127.0.0.1:{listen}{path}', headers={'X-Forwarded-For': '6.6.6.6', 'Host': 'shop.example.org'}), timeout=20).status == 200
            except OSError: return False
        try:
            wait_for(lambda: ask('/health'), proxy, log)
            assert ask('/model_info')
        finally: proxy.send_signal(signal.SIGQUIT); proxy.wait(20); api.shutdown()
    for path in ('/health', '/model_info'):
        headers = next(h for p, h in seen if p == path)
        assert (headers['X-Forwarded-For'], headers['X-Real-IP'], headers['X-Forwarded-Proto'], headers['Host']) == ('127.0.0.1', '127.0.0.1', 'http', 'shop.example.org')
    assert re.findall(r'proxy_\w+_timeout (\w+);', (folder/'nginx.conf').read_text()) == ['30s']*3


# ---- who is the client


def program(folder, **env):
    "The folder's program, imported here as `app`; its WSGI client"
    import importlib.util
    with pytest.MonkeyPatch.context() as m:
        for name in ('MODEL_PATH', 'TRUSTED_PROXIES', 'MLOPS_MONITOR', 'MLOPS_WORKERS'): m.delenv(name, raising=False)
        for name, value in env.items(): m.setenv(name, value)
        spec = importlib.util.spec_from_file_location('app', folder/'app.py')
        app = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(app)
        return app.build()


def statuses(api, peer, users):
    client = api.app.test_client()
    return [client.post('/predict', json=[{'a': 1., 'b': 2}], environ_overrides={'REMOTE_ADDR': peer}, headers={'X-Forwarded-For': u}).status_code for u in users]


def inside(folder, n): return str(ipaddress.ip_network(yaml.safe_load((folder/'docker-compose.yml').read_text())['networks']['default']['ipam']['config'][0]['subnet'])[n])


@pytest.mark.parametrize('peer', ['nginx', '172.18.0.3'])
def test_behind_its_proxy_each_client_has_its_own_limit(folder, peer):
    peer = inside(folder, 3) if peer == 'nginx' else peer
    with program(folder, MLOPS__DEPLOYMENT__MAX_REQUESTS_PER_MINUTE='5') as api:
        assert statuses(api, peer, ['203.0.113.7']*7) == [200]*5 + [429]*2
        assert statuses(api, peer, ['203.0.113.99', '6.6.6.6, 203.0.113.7']) == [200, 429]      # the last entry is the proxy's word


@pytest.mark.parametrize('peer', ['198.51.100.5', 'gateway', '172.18.0.1', '127.0.0.1', '10.0.0.9', '172.19.0.3'])
def test_who_comes_without_the_proxy_cannot_choose_an_address(folder, peer):
    "The gateway is where connections to the published port come from, and so is everybody"
    peer = inside(folder, 1) if peer == 'gateway' else peer
    with program(folder, MLOPS__DEPLOYMENT__MAX_REQUESTS_PER_MINUTE='5') as api:
        assert statuses(api, peer, [f'203.0.113.{i}' for i in range(7)]) == [200]*5 + [429]*2


def test_a_setting_says_who_is_believed(folder):
    with program(folder, MLOPS__DEPLOYMENT__MAX_REQUESTS_PER_MINUTE='1', TRUSTED_PROXIES='192.0.2.0/24') as api:
        assert statuses(api, '192.0.2.9', ['203.0.113.1', '203.0.113.2']) == [200, 200] and statuses(api, '172.18.0.3', ['203.0.113.3', '203.0.113.4']) == [200, 429]
    with program(folder, MLOPS__DEPLOYMENT__MAX_REQUESTS_PER_MINUTE='1', TRUSTED_PROXIES='') as api: assert statuses(api, '172.18.0.3', ['203.0.113.1', '203.0.113.2']) == [200, 429]
    with pytest.raises(InvalidInput, match='is everybody'): program(folder, TRUSTED_PROXIES='0.0.0.0/0')


def test_two_projects_on_one_host_have_two_networks(exported, tmp_path):
    networks = [yaml.safe_load((generate_docker_files(name, exported, folder=tmp_path)/'docker-compose.yml').read_text())['networks']['default']['ipam']['config'][0]['subnet'] for name in ('one', 'two')]
    assert len({*networks}) == 2
    made = generate_docker_files('one', exported, folder=tmp_path, subnet='192.168.7.0/28', force=True)
    text = (made/'docker-compose.yml').read_text()
    assert 'subnet: "192.168.7.0/28", gateway: "192.168.7.1"' in text and 'TRUSTED_PROXIES: "192.168.7.0/28"' in text and "'192.168.7.0/28, 172.18.0.0/16'" in (made/'app.py').read_text()


# ---- the log of a container


def run_logged(folder, tmp_path, where):
    "Start the program with this log, ask it forty rows, stop it; the answer and what it wrote"
    port = free_port()
    with open(tmp_path/'out', 'w+') as out:
        process = subprocess.Popen([sys.executable, 'app.py'], cwd=folder, env=clean_env(PORT=str(port), MLOPS_MONITOR=where, MLOPS_BLOBS=str(tmp_path/'blobs'), MLOPS_WORKERS='1'), stderr=out)
        try:
            wait_for(lambda: answers(port), process, out)
            got = ModelClient(f'http://127.0.0.1:{port}').batch_predict(X)
        finally: process.send_signal(signal.SIGTERM); process.wait(20)
        out.seek(0)
        return got, out.read()


@pytest.mark.parametrize('kind', ['folder', 'postgres'])
def test_predictions_are_logged_where_the_environment_says(folder, tmp_path, kind, request):
    from mlops_nb import ModelMonitor, Store
    place = str(tmp_path/'log') if kind == 'folder' else request.getfixturevalue('postgres').database()
    got = [run_logged(folder, tmp_path, place) for _ in range(2)]                     # started, stopped, and started again
    assert not any('no prediction is logged' in said for _, said in got)
    with Store(place, None if kind == 'folder' else tmp_path/'blobs') as store, ModelMonitor(store) as monitor: ids = monitor.predictions()['id'].tolist()
    assert ids == [i for answer, _ in got for i in answer['prediction_ids']] and len(ids) == 2*len(X)


def test_without_a_place_no_prediction_is_logged_and_it_says_so(folder, tmp_path):
    got, said = run_logged(folder, tmp_path, '')
    assert 'no prediction is logged' in said and 'prediction_ids' not in got


def test_a_log_that_cannot_be_opened_stops_the_start(folder, tmp_path):
    for place in ('postgresql://nobody@127.0.0.1:9/none', 'mysql://x/y'):
        ran = subprocess.run([sys.executable, 'app.py'], cwd=folder, env=clean_env(PORT=str(free_port()), MLOPS_MONITOR=place), capture_output=True, text=True, timeout=60)
        assert ran.returncode == 1 and re.match(r'mlops_nb\.[\w.]+: ', ran.stderr.splitlines()[-1]), ran.stderr


# ---- what the model is made of


def registered(model, folder, example, **how):
    with ModelRegistry(folder/'registry') as registry:
        registry.register_model(model, 'm', '1.0', input_example=example, allow_pickle=True, **how)
        return registry.export_model('m', '1.0', folder/'out')


@pytest.fixture(scope='module')
def booster(tmp_path_factory):
    lightgbm = pytest.importorskip('lightgbm')
    return registered(lightgbm.LGBMClassifier(n_estimators=2, min_child_samples=2, verbose=-1).fit(X, Y), tmp_path_factory.mktemp('booster'), X.head())


def test_the_library_of_the_model_is_pinned_and_what_it_lacks_in_a_slim_image(booster, tmp_path):
    from importlib.metadata import version
    made = generate_docker_files('boost', booster, folder=tmp_path, allow_pickle=True)
    assert f'lightgbm=={version("lightgbm")}' in pins_of(made)
    install = 'RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*'
    text = (made/'Dockerfile').read_text()
    assert install in text.splitlines() and text.index(install) > text.rindex('\nFROM ')       # in the image, not in the stage that is thrown away
    made = generate_docker_files('boost', booster, ['lightgbm==4.0.0'], folder=tmp_path, allow_pickle=True, system_packages=['libpq5'], force=True)
    assert 'lightgbm==4.0.0' in pins_of(made) and 'install --yes --no-install-recommends libgomp1 libpq5 &&' in (made/'Dockerfile').read_text()


def test_columns_of_arrow_need_arrow(exported, tmp_path):
    frame = X.astype({'b': 'int64[pyarrow]'})
    arrow = generate_docker_files('arrow', with_record(exported, tmp_path, signature=Signature.infer(frame).to_dict()), folder=tmp_path)
    plain = generate_docker_files('plain', exported, folder=tmp_path)
    assert [any(p.startswith('pyarrow==') for p in pins_of(made)) for made in (arrow, plain)] == [True, False]


def test_a_module_of_ones_own_is_refused_or_travels(tmp_path, monkeypatch):
    (tmp_path/'mine.py').write_text('import numpy as np\nclass Model:\n    def predict(self, X): return np.ones(len(X), int)\n')
    monkeypatch.syspath_prepend(tmp_path)
    import mine
    (tmp_path/'m.pkl').write_bytes(pickle.dumps(mine.Model()))
    def make(**how): return generate_docker_files('own', tmp_path/'m.pkl', folder=tmp_path, allow_pickle=True, **how)
    with pytest.raises(InvalidInput, match=r'is made of mine, which no package here has brought.*modules=\["mine.py"\]'): make()
    assert not (tmp_path/'deployment_own').exists()
    monkeypatch.chdir(tmp_path)
    made = make(modules=['mine.py'])                                                            # the advice
    assert (made/'mine.py').read_bytes() == (tmp_path/'mine.py').read_bytes() and 'COPY mine.py ./\n' in (made/'Dockerfile').read_text() and '!mine.py\n' in (made/'.dockerignore').read_text()
    (tmp_path/'elsewhere').mkdir()
    ran = ask_program(made, tmp_path/'elsewhere')
    assert ran.stdout.split()[-1:] == ['[1]'], ran.stderr


# ---- verify: the folder as its image would be


@pytest.fixture(scope='module')
def environment(tmp_path_factory): return tmp_path_factory.mktemp('verify')/'environment'


def can_install():
    "Is there an index, or a folder of wheels, that has what we need? What needs the network says so, and is not skipped in silence"
    run = subprocess.run([sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', os.devnull, 'threadpoolctl'], capture_output=True, text=True)
    return 'No matching distribution' not in run.stderr


@pytest.fixture(scope='module')
def index():
    if not can_install(): pytest.skip('no package index can be reached, so no environment can be made')


def test_verify_a_folder_of_scikit_learn_texts_and_lightgbm(index, environment, folder, model, booster, tmp_path):
    "One fresh environment; then the same one for a pipeline of texts; then brought up to date for LightGBM"
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    found = verify(folder, X.to_dict('records'), environment=environment)
    assert found['status'] == 'healthy' and found['predictions'] == model.predict(X).tolist() and found['model_version'] == '1.2.0'
    assert found['exit_code'] == 0 and found['extra_packages'] == [] and found['packages'] > 15 and found['not_run'] == ['install --directory --owner=10001 --group=10001 /log']
    boost = generate_docker_files('boost', booster, folder=tmp_path, allow_pickle=True)
    lines = (boost/'requirements.txt').read_text()
    (boost/'requirements.txt').write_text(''.join(l for l in lines.splitlines(True) if not l.startswith('lightgbm')))
    with pytest.raises(NotProven, match="No module named 'lightgbm'"): verify(boost, environment=environment)     # what the pin is for
    texts, labels = ['good day', 'bad day', 'good night', 'bad night'], [1, 0, 1, 0]
    speaker = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, labels)
    spoken = generate_docker_files('texts', registered(speaker, tmp_path, pd.Series(texts, name='text')), folder=tmp_path)
    found = verify(spoken, [{'text': t} for t in texts], environment=environment)
    assert found['status'] == 'healthy' and found['predictions'] == labels and found['extra_packages'] == []
    (boost/'requirements.txt').write_text(lines)
    found = verify(boost, X.to_dict('records'), environment=environment)
    assert found['predictions'] == pickle.loads(booster.read_bytes()).predict(X).tolist() and any('libgomp1' in part for part in found['not_run'])


def test_verify_says_which_step_failed_and_leaves_nothing(folder, tmp_path, monkeypatch):
    import shutil, tempfile
    (tmp_path/'tmp').mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path/'tmp'))
    def broken(name, old, new):
        made = tmp_path/'made'
        shutil.rmtree(made, ignore_errors=True); shutil.copytree(folder, made)
        text = (made/name).read_text()
        assert old in text
        (made/name).write_text(text.replace(old, new))
    for name, old, new, says in (('Dockerfile', 'app.py model.json', 'app.py', 'model.json'), ('.dockerignore', '!app.py', '', 'COPY app.py'), ('app.py', "    api = build()", "    raise SystemExit(7)", 'it ended with 7 before'),
                                 ('app.py', "    api = build()", "    (HERE/'x').write_text(''); api = build()", r'the program changed .*app/x|Permission denied'), ('app.py', 'lambda *_: sys.exit(0)', 'lambda *_: sys.exit(4)', 'SIGTERM: it ended with 4'),
                                 ('app.py', 'int(r.status != 200)', '1', 'not healthy after')):
        broken(name, old, new)
        with pytest.raises(NotProven, match=says) as e: verify(tmp_path/'made', [{'a': 1., 'b': 2}], environment=sys.prefix, timeout=8 if 'not healthy' in says else 60)
        assert isinstance(e.value, (MlopsError, RuntimeError)) and e.value.step
    with pytest.raises(NotProven, match='asking the program: .*is not a number'): verify(folder, [{'a': 'x', 'b': 2}], environment=sys.prefix)
    assert list((tmp_path/'tmp').iterdir()) == []
