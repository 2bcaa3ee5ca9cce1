"The main job, as a user starts it: a process of its own, a folder, Ctrl-C"
import fcntl
import json
import os
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mlops_nb import DataVersioning, ModelMonitor, ModelRegistry, Store
from mlops_nb.core.rules import use_clock, utcnow
from mlops_nb.monitoring.intervals import auc_interval


def tour(*args, cwd, **kw):
    return subprocess.Popen([sys.executable, '-m', 'mlops_nb', 'tour', '--fast', *map(str, args)], cwd=cwd, text=True,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),   # a shell's background job ignores Ctrl-C
                            **{'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, **kw})


@pytest.fixture(scope='module')
def first(tmp_path_factory):
    "A tour in an empty folder, with a terminal for its errors: (folder, standard output, what the terminal showed)"
    cwd, shown = tmp_path_factory.mktemp('tour'), []
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 110, 0, 0))   # a terminal of no width shows no bar
    run = tour(cwd=cwd, stderr=theirs)
    os.close(theirs)
    def read():
        try:
            while data := os.read(ours, 10_000): shown.append(data)
        except OSError: pass                                              # the other end was closed
    reader = threading.Thread(target=read); reader.start()
    out, _ = run.communicate(timeout=300)
    reader.join(); os.close(ours)
    assert run.returncode == 0, b''.join(shown)
    return cwd, out, b''.join(shown).decode()


def test_it_prints_its_steps_and_one_line_a_month(first):
    _, out, terminal = first
    assert 'versioning' in terminal and 'flights served' in terminal      # progress bars
    assert 'Warning' not in terminal and 'OutsideTraining' not in terminal  # and nothing else
    steps = re.findall(r'^== (.*)', out, re.M)
    assert steps[0] == 'Open a store' and steps[-1] == 'Write the report' and len(steps) == 8
    months = [line for line in out.splitlines() if re.match(r'\s*(Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ', line) and ': ' not in line]
    assert len(months) == 9 and max(map(len, months)) <= 130
    assert '18,000 predictions served and logged' in out and 'store verified' in out
    assert 'starting clean' not in out


def test_the_commands_that_it_prints_at_its_end_work(first):
    cwd, out = first[0], first[1]
    commands = re.findall(r'^  mlops-nb (.+)$', out.split('Look around:')[1], re.M)
    assert len(commands) == 4
    for command in commands:
        run = subprocess.run([sys.executable, '-m', 'mlops_nb', *shlex.split(command)], cwd=cwd, capture_output=True, text=True)
        fires = command.startswith('monitor show')                       # an alert of December: exit code 1
        assert (run.returncode, run.stderr) == (int(fires), '') and run.stdout.strip(), f'{command}: {run.stdout}{run.stderr}'


def test_what_it_leaves_behind_can_be_looked_at(first):
    with Store(first[0]/'tour') as store:
        registry = ModelRegistry(store)
        moves, tries = registry.history('delay', 'champion'), registry.history('delay', 'challenger')
        assert moves[0]['version'] == '0.1.0' and moves[1]['version'] == tries[0]['version'] == '1.0.0'
        assert len(tries) + 1 == len(registry.list_models()) >= 3            # the rule, and every model that was trained
        assert all(m['by'] == 'tour' and m['why'] for m in [*moves, *tries])
        info = registry.info('delay', '1.0.0')
        assert info['signature'] and info['metrics']['auc'] > 0.6 and info['metrics']['gain'] > 0.1
        of = {v: r['description'] for v, r in DataVersioning(store).get_lineage().items()}
        for n, moved in enumerate(tries):
            lineage = DataVersioning(store).get_lineage(registry.info('delay', moved['version'])['data_version'])
            last = 3 if n == 0 else int(of[lineage[0]['parents'][-1]][-2:])
            assert {r['description'] for r in lineage} == {f"for delay {moved['version']}", *(f'2013-{m:02d}' for m in range(1, last + 1))}
            assert [of[p] for p in lineage[0]['parents']] == [f'2013-{m:02d}' for m in range(last - 2, last + 1)]   # the months that it was trained on
            assert moved['time'][:10] == (f'2013-{last + 1:02d}-02' if last < 12 else '2014-01-02')                 # and when they were over
        monitor = ModelMonitor(store)
        seen = monitor.predictions()
        assert len(seen) == 18_000 and set(seen['model_version']) <= {i['version'] for i in registry.list_models().values()}
        missing = seen['actual'].isna().mean()
        assert 0 < missing < 0.06                                         # cancelled flights never get a label
        assert monitor.alert_book.history() and {a['type'] for a in monitor.alert_book.history()} <= {'accuracy_degradation'}


def test_the_report_needs_nothing_else_and_its_pictures_have_words(first):
    page = (first[0]/'tour'/'report.html').read_text()
    assert len(re.findall(r'<svg role="img" aria-label="[^"]{40,}"', page)) == 3
    assert not re.search(r'<(?:script|link|img|iframe)\b|url\((?!#)|@import', page)   # nothing is fetched
    assert 'prefers-color-scheme: dark' in page
    assert len(re.findall(r'<tr><td[^>]*>(?:Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)<', page)) == 18      # two tables of months
    assert len(re.findall(r'<li>(?:April|May|June|July|August|September|October|November|December): ', page)) == 9
    assert not re.search(r'\d\d:\d\d:\d\d\.\d|T\d\d:\d\d', page)                                    # nobody reads microseconds
    made = re.search(r'Made on (\d{4}-\d\d-\d\d), with the seed 0, from the year 2013 .*a sample of 2,000 a month.*python 3\.', page)
    assert abs(datetime.now(timezone.utc) - datetime.fromisoformat(made[1] + 'T12:00:00+00:00')) < timedelta(days=2)
    assert all(name in page for name in ('scikit-learn 1.', 'mlops_nb 0.', 'pandas '))


def test_every_link_of_the_report_is_a_page_of_the_site(first):
    from mlops_nb._modidx import d
    page, site = (first[0]/'tour'/'report.html').read_text(), d['settings']['doc_host'] + d['settings']['doc_baseurl'] + '/'
    links = {m[0].removeprefix(site) for m in re.findall(r'<a href="([^"]+)">([^<]+)</a>', page)}
    nbs = Path(__file__).parent.parent/'nbs'
    pages = {re.sub(r'(^|/)\d+_(?=[^/]*$)', r'\1', p.relative_to(nbs).with_suffix('.html').as_posix()) for p in nbs.rglob('*.ipynb')}
    assert links <= pages and len(links) == 9


class Tables(HTMLParser):
    "The tables of a page, as lists of rows; the first row is the header"
    def __init__(self): super().__init__(); self.tables, self.cell = [], None
    def handle_starttag(self, tag, attrs):
        if tag == 'table': self.tables.append([])
        if tag == 'tr': self.tables[-1].append([])
        if tag in ('td', 'th'): self.cell = ''
    def handle_data(self, data):
        if self.cell is not None: self.cell += data
    def handle_endtag(self, tag):
        if tag in ('td', 'th'): self.tables[-1][-1].append(self.cell); self.cell = None


def tables(page):
    "The tables of a report as lists of dicts"
    reader = Tables(); reader.feed(page)
    return [[dict(zip(t[0], row, strict=True)) for row in t[1:]] for t in reader.tables]


def test_the_numbers_of_the_report_are_those_of_the_book(first):
    "Each is computed again, from the log of predictions and by scikit-learn"
    year, service, alerts, *_ = tables((first[0]/'tour'/'report.html').read_text())
    with ModelMonitor(first[0]/'tour') as monitor:
        log, book = monitor.predictions(), monitor.alert_book.history()
    for shown, at_work, (_, month) in zip(year, service, log.groupby(log.timestamp.dt.month), strict=True):
        known = month.dropna(subset=['actual'])
        actual, score = known.actual.astype(int), known.probability.astype(float)
        assert shown['AUC'] == f'{roc_auc_score(actual, score):.3f}'
        band = auc_interval(actual, score, known.timestamp)
        assert shown['95 %'] == f'{band.low:.2f}-{band.high:.2f}' and band.blocks == month.timestamp.nunique()
        assert shown['accuracy'] == f'{(actual == known.prediction).mean():.3f}' and shown['on time'] == f'{1 - actual.mean():.3f}'
        assert (shown['late'], shown['expected']) == (f'{actual.mean():.1%}', f'{score.mean():.1%}')
        assert shown['model'] == month.model_version.iloc[-1] and shown['flights'] == at_work['flights'] == f'{len(month):,}'
        assert (at_work['labelled'], at_work['failed']) == (f'{len(known)/len(month):.1%}', '0.0%')
        assert at_work['p95 in ms'] == f'{1000*month.response_time.quantile(0.95):.0f}'
    assert [(a['message'], a['timestamp']) for a in alerts] == [(a['message'], f"{a['timestamp'][:10]} {a['timestamp'][11:16]} UTC") for a in book]


def test_all_that_it_wrote_is_of_2013_and_tells_one_story(first):
    "Registry, aliases, alerts, data versions and predictions have the clock of the replay, and agree with each other"
    with Store(first[0]/'tour') as store:
        registry, monitor = ModelRegistry(store), ModelMonitor(store)
        log, moves = monitor.predictions(), registry.history('delay', 'champion')
        infos, data = registry.list_models().values(), DataVersioning(store).get_lineage().values()
        times = [*(m['time'] for m in moves), *(m['time'] for m in registry.history('delay', 'challenger')), *(i['registered_at'] for i in infos),
                 *(r['created_at'] for r in data), *(a['timestamp'] for a in monitor.alert_book.history())]
        assert len(times) > 30 and '2013-02-02' <= min(times) and max(times) < '2014-01-03'
        assert str(log.timestamp.min())[:10] == '2013-04-01' and str(log.timestamp.max())[:10] == '2013-12-31' and log.timestamp.nunique() == 275
        for moment, answered in log.groupby('timestamp').model_version.unique().items():                    # who answered is who was champion
            assert list(answered) == [registry.at('delay', 'champion', moment)['version']], moment
        made = {r['version']: r['created_at'] for r in data}
        for info in infos: assert made[info['data_version']] <= info['registered_at']                       # no model before its data
        with store.read() as c: late = c.exec_driver_sql('select min(f.logged_at > p.timestamp), min(f.logged_at), max(f.logged_at) from prediction_feedback f join predictions p on p.id = f.prediction_id').one()
        assert late[0] == 1 and late[1].startswith('2013-04-03') and late[2].startswith('2014-01-02')       # no label before its flight
        assert registry.at('delay', 'champion', '2013-03-03T00:00:00+00:00')['version'] == '0.1.0'
    run = subprocess.run([sys.executable, '-m', 'mlops_nb', 'registry', 'at', 'delay', 'champion', '2013-03-03', '--store', 'tour'], cwd=first[0], capture_output=True, text=True)
    assert run.returncode == 0 and 'version: 0.1.0' in run.stdout, run.stderr


def test_a_champion_is_moved_only_by_an_interval_above_zero(first):
    with Store(first[0]/'tour') as store:
        registry = ModelRegistry(store)
        moved = {m['version']: m['why'] for m in registry.history('delay', 'champion')[1:]}
        said = {}
        for m in registry.history('delay', 'challenger'):
            low, high, verdict = re.fullmatch(r'gains -?[\d.]+ \((-?[\d.]+) to (-?[\d.]+)\) in AUC on held-out days: (.*)', m['why']).groups()
            said[verdict.split(' than ')[0].split(',')[0]] = m['version']
            assert (float(low) > 0) == (m['version'] in moved) and verdict.startswith('better' if m['version'] in moved else ('worse', 'too close to call'))
            if m['version'] in moved: assert moved[m['version']] == m['why']
            else: assert verdict.endswith(' stays')                                                         # the consequence is written down
        assert {'better', 'too close to call'} <= set(said)


def test_a_second_run_starts_clean_and_says_so_and_json_is_for_machines(first):
    run = tour('--json', cwd=first[0])
    out, err = run.communicate(timeout=300)
    assert run.returncode == 0 and 'starting clean' in err and 'flights served' not in err   # no bar where there is no terminal
    answer = json.loads(out)
    assert [m['month'] for m in answer['months']] == list(range(4, 13)) and answer['report'].endswith('report.html')
    with ModelMonitor(first[0]/'tour') as monitor: assert len(monitor.predictions()) == 18_000


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path/'mine').mkdir(); (tmp_path/'mine'/'thesis.txt').write_text('years of work')
    run = tour('--store', 'mine', cwd=tmp_path)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 3 and 'no tour made' in err and 'Traceback' not in err
    assert [p.name for p in (tmp_path/'mine').iterdir()] == ['thesis.txt']


@pytest.mark.parametrize('step', ['Version the months', 'Live through'])
def test_ctrl_c_leaves_a_store_that_opens(tmp_path, step):
    run = tour(cwd=tmp_path, env={**os.environ, 'PYTHONUNBUFFERED': '1'})
    for line in run.stdout:
        if step in line: break
    time.sleep(1.5 if 'Live' in step else 0.3)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130 and 'Interrupted' in err and 'Traceback' not in err, err
    with Store(tmp_path/'tour') as store:
        assert store.verify() == []
        for version in DataVersioning(store).get_lineage(): DataVersioning(store).load_data(version)
        if 'Live' in step:
            assert 'champion' in ModelRegistry(store).load_model('delay', 'champion')[1]['aliases']
            assert len(ModelMonitor(store).predictions()) > 0


@pytest.mark.parametrize('wrong', [RuntimeError('the disk is away'), KeyboardInterrupt()], ids=['error', 'Ctrl-C'])
def test_the_clock_is_of_today_again_whatever_happens(tmp_path, monkeypatch, wrong):
    "In a notebook the process lives on after an error, and must not live on in 2013"
    from mlops_nb.cli.main import _run_notebook, chapters
    def fails(self, *args, **kw): raise wrong
    monkeypatch.setattr(ModelMonitor, 'log_feedbacks', fails)
    with pytest.raises(type(wrong)):
        _run_notebook(chapters()/'00_start'/'1_tour.ipynb', lambda step: None, FAST=True, STORE=str(tmp_path/'tour'), REPORT=None, SEED=0)
    assert abs(utcnow() - datetime.now(timezone.utc)) < timedelta(minutes=1)
    with use_clock('2013-04-01T00:00:00+00:00'): assert utcnow().year == 2013
