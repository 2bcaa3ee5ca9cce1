"What the command line says can be done as it stands there: every example of every help text, and every command that advice names"
from pathlib import Path
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

import click
from click.testing import CliRunner
import pytest

import mlops_nb
from mlops_nb import ModelMonitor, flights
from mlops_nb.cli.main import main
from mlops_nb.data.nycflights import features

RUN = [sys.executable, '-m', 'mlops_nb']
WIDTH = 80
WHOLE = dict(terminal_width=1000, max_content_width=1000)          # no example is broken into lines


def call(*args, **how): return CliRunner().invoke(main, [str(a) for a in args], **how)


def tree(group=main, path=()):
    "(words, command) of the program and of everything below it"
    yield path, group
    for name, command in group.commands.items():
        if isinstance(command, click.Group): yield from tree(command, (*path, name))
        else: yield (*path, name), command


def examples():
    "(words, example) of every help text, as `--help` prints it"
    return [(path, line) for path, _ in tree() for line in re.findall(r'^ *Example: (.*)$', call(*path, '--help', **WHOLE).output, re.M)]


def advice(text): return [shlex.split(a)[1:] for a in re.findall(r'`(mlops-nb [^`]*)`', text)]


@pytest.fixture(scope='session')
def toured(tmp_path_factory):
    "A folder in which the tour has run, because the advice of a command said so"
    cwd = tmp_path_factory.mktemp('examples')
    with contextlib.chdir(cwd): _, tour = advice(call('registry', 'list', '--store', 'tour').stderr)
    assert tour == ['tour', '--fast', '--store', 'tour']
    run = subprocess.run([*RUN, *tour], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return cwd


@pytest.fixture
def here(toured, tmp_path, monkeypatch):
    "A copy of it as the working folder; what names no store means that of the tour, except where one is made"
    shutil.copytree(toured/'tour', tmp_path/'tour')
    for name in ('MLOPS_BLOBS', 'OMP_NUM_THREADS'): monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('MLOPS_STORE', 'tour'); monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- what an example stands on: the files and ids that it names


def versions(): return list(json.loads(call('data', 'list', '--json').stdout))


def month(name, frame=lambda f: f):
    number = ['january', 'february', 'march', 'april', 'may'].index(name) + 1
    return frame(flights(number, sample=500).dropna(subset=['late']))


def answers(path):
    with ModelMonitor('tour') as monitor: log = monitor.predictions()
    log.head(20).rename(columns={'id': 'prediction_id', 'actual': 'late'})[['prediction_id', 'late']].to_csv(path, index=False)


FILES = {'january.csv': lambda p: month('january').to_csv(p, index=False), 'may.csv': lambda p: month('may', features).to_csv(p, index=False),
         'march.parquet': lambda p: month('march').to_parquet(p), 'april.parquet': lambda p: month('april').to_parquet(p), 'answers.csv': answers,
         'delay-1.0.0.arrays': lambda p: call('registry', 'export', 'delay:1.0.0', '.')}
BEFORE = {'registry restore': ['registry', 'delete', 'delay', '1.0.0', '--yes'], 'registry rollback': ['registry', 'alias', 'delay', 'champion', '1.0.0'],
          **{f'course {verb}': ['course', 'start', '--no-lab'] for verb in ('check', 'diff', 'reset', 'use')}}
MAY_SAY_YES = {'drift', 'monitor', 'monitor show', 'course check'}                # 1 is an answer of theirs


def resolved(words):
    "The words of an example; the files that it reads are made, and ids that stand for others become those of this store"
    with ModelMonitor('tour') as monitor: prediction = monitor.predictions()['id'].iloc[0]
    ids = iter(versions())
    for word in words:
        if word in FILES and not (words[0] == 'ask' and word == 'answers.csv'): FILES[word](word)
        if re.fullmatch('flights_[0-9a-f]{4}', word): yield next(ids)
        elif re.fullmatch('[0-9a-f]{8}-[0-9a-f-]{27}', word): yield prediction
        else: yield word


# ---- every example


def test_there_is_an_example_in_every_help_text_and_it_is_of_this_command():
    found = examples()
    assert {path for path, _ in found} == {path for path, _ in tree()} and len(found) > 40
    for path, line in found:
        words = shlex.split(line)
        assert words[0] == 'mlops-nb' and (isinstance(dict(tree())[path], click.Group) or tuple(words[1:len(path)+1]) == path), line


def test_an_example_fits_on_a_line_of_a_terminal():
    "A longer one is broken by click, and what is copied from there is two commands"
    assert [line for path, line in examples() if line not in call(*path, '--help', terminal_width=WIDTH).output] == []


STARTS = {'serve', 'ask', 'lab', 'tour', 'course start', 'course resume', 'course'}   # each has a test of its own below


@pytest.mark.parametrize('path, line', [pytest.param(p, e, id=' '.join(p)) for p, e in examples() if ' '.join(p or shlex.split(e)[1:2]) not in STARTS])
def test_an_example_can_be_run_as_it_stands(here, path, line):
    if before := BEFORE.get(' '.join(path)): assert call(*before).exit_code == 0
    result = call(*resolved(shlex.split(line)[1:]))
    assert result.exit_code == 0 or result.exit_code == 1 and ' '.join(path) in MAY_SAY_YES, result.output
    assert result.stdout.strip() and 'Traceback' not in result.stderr


def example(name): return next(shlex.split(line)[1:] for path, line in examples() if ' '.join(path) == name)


@contextlib.contextmanager
def serving(words):
    "The address of a server that an example starts; it is ended as a service manager does"
    words = ['0' if before == '--port' else word for before, word in zip([None, *words], words)]
    server = subprocess.Popen([*RUN, *words, '--json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try: yield json.loads(server.stdout.readline())['url']
    finally:
        server.send_signal(signal.SIGTERM)
        _, said = server.communicate(timeout=30)
    assert server.returncode == 0 and said.endswith('stopped\n'), said


def test_the_examples_of_serve_and_ask(here):
    with serving(example('serve')) as url:
        result = call(*resolved(example('ask')), '--url', url)
        assert result.exit_code == 0 and result.stdout == f"{len(month('may'))} rows asked; the answers are in answers.csv\n", result.output
    result = call('monitor', 'labels', 'answers.csv', '--actual', 'weekday')              # any column: they are logged, and can be labelled
    assert result.stdout == f"{len(month('may'))} labels logged; 0 rows have none\n"


@pytest.mark.parametrize('name, folder', [('course', 'mlops-lab'), ('course start', 'my-course'), ('lab', 'my-course')])
def test_the_examples_that_open_jupyterlab(here, monkeypatch, name, folder):
    monkeypatch.setattr('os.execve', lambda program, words, env: (_ for _ in ()).throw(SystemExit(words[2])))
    result = call(*example(name))
    assert (here/folder/'index.ipynb').is_file() and result.output.splitlines()[-1] == 'jupyterlab', result.output
    if folder == 'mlops-lab': assert call(*example('course resume')).output.splitlines()[-1] == 'jupyterlab'


def test_the_examples_of_tour_ran_when_its_store_was_made(toured):
    assert {' '.join(words) for path, words in [(p, shlex.split(line)[1:]) for p, line in examples()] if words[0] == 'tour'} == {'tour --fast'}
    assert (toured/'tour'/'report.html').is_file()


# ---- every advice


def with_a_store(): return [path for path, command in tree() if any(p.name == 'store' for p in command.params) and path not in (('tour',), ('store', 'init'))]


def needed(path):
    "Words for the arguments of a command, such as it takes"
    return [dict(time='2013-01-01', tag='team=ops').get(p.name, 'x') for p in dict(tree())[path].params if isinstance(p, click.Argument) and p.required]


@pytest.mark.parametrize('said', [[], ['--store', 'my store']])
def test_without_a_store_every_command_says_the_same_and_what_it_says_helps(tmp_path, monkeypatch, said):
    monkeypatch.chdir(tmp_path); monkeypatch.delenv('MLOPS_STORE', raising=False)
    found = {}
    for path in with_a_store():
        result = call(*path, *needed(path), *said)
        assert result.exit_code == 3, (path, result.output)
        found.setdefault(result.stderr, []).append(path)
    (message, paths), = found.items()
    assert len(paths) > 25 and list(tmp_path.iterdir()) == []
    place = said[1] if said else 'mlops-store'
    init, tour = advice(message)
    assert tour == ['tour', '--fast', '--store', place] and init == ['store', 'init', *said]
    assert call('registry', 'list', *said).stderr == message
    made = call(*init)
    assert made.exit_code == 0 and (tmp_path/place/'store.db').is_file() and call('registry', 'list', *said).stdout == 'none\n'
    again = call(*init)
    assert again.exit_code == 0 and 'left as it is' in again.stdout
    (next_,) = advice(again.stdout)                                                         # the next step, with words that stand for others
    month('january').to_csv('january.csv', index=False)
    result = call(*(dict(FILE='january.csv', NAME='flights').get(word, word) for word in next_))
    assert result.exit_code == 0 and result.stdout.startswith('flights_'), result.output
    (next_,) = advice(call(*init).stdout)
    assert call(*next_).stdout.splitlines()[1].startswith('flights_')


def test_whoever_forgot_the_store_of_the_tour_is_told_its_name(here, monkeypatch):
    monkeypatch.delenv('MLOPS_STORE')
    message = call('registry', 'list').stderr
    assert "In this folder there is 'tour': --store names it." in message and call('registry', 'list', '--store', 'tour').exit_code == 0


def test_the_next_steps_that_the_tour_prints_work(here):
    out = (here/'tour'/'made-by-the-tour.txt').read_text()
    (again,) = advice(out)
    assert again == ['tour']


def test_a_backup_is_looked_at_as_it_says(here):
    said = call(*example('store backup')).stdout
    (verify,) = advice(said)
    assert call(*verify).stdout == 'all is well\n'


def test_who_asks_nobody_is_told_how_to_serve(here):
    month('may', features).to_csv('may.csv', index=False)
    result = call('ask', 'may.csv', '--url', 'http://127.0.0.1:9')
    (serve,) = advice(result.stderr)
    assert result.exit_code == 3 and serve == ['serve', 'NAME']
    with serving(['serve', 'delay', '--port', '0']) as url: assert call('ask', 'may.csv', '--url', url).exit_code == 0


def test_what_is_to_be_imported_and_is_not_there_is_exported_first(here):
    (export,) = advice(call('registry', 'import', 'nothing', 'delay', '9.0').stderr)
    path = call(*(dict(NAME='delay', FOLDER='out').get(word, word) for word in export)).stdout.strip()
    assert call('registry', 'import', path, 'delay', '9.0').stdout == 'registered delay:9.0\n'
