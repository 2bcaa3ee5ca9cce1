"The main job, as a user starts it: a process of its own, a folder, Ctrl-C"
import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

import pytest

from mlops_nb import DataVersioning, ModelMonitor, ModelRegistry, Store


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
    assert steps[0] == 'Open a store' and steps[-1] == 'Write the report' and len(steps) == 7
    months = [line for line in out.splitlines() if re.match(r'\s*(Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ', line)]
    assert len(months) == 9 and max(map(len, months)) <= 130
    assert '18,000 predictions served and logged' in out and 'store verified' in out
    assert 'starting clean' not in out


def test_what_it_leaves_behind_can_be_looked_at(first):
    with Store(first[0]/'tour') as store:
        registry = ModelRegistry(store)
        moves = registry.history('delay', 'champion')
        assert len(moves) == len(registry.list_models()) >= 2
        assert all(m['by'] == 'tour' and m['why'] for m in moves)
        info = registry.info('delay', 'champion')
        assert info['signature'] and info['metrics']['auc'] > 0.6
        lineage = DataVersioning(store).get_lineage(info['data_version'])
        assert lineage[-1]['description'] == '2013-01' and lineage[0]['version'] == info['data_version']
        of = {r['version']: r['description'] for r in lineage}
        last = 3 if info['version'] == '1.0.0' else int(of[lineage[0]['parents'][-1]][-2:])
        assert [of[p] for p in lineage[0]['parents']] == [f'2013-{m:02d}' for m in range(last - 2, last + 1)]   # the months that it was trained on
        assert of[info['data_version']] == f"for delay {info['version']}"
        monitor = ModelMonitor(store)
        seen = monitor.predictions()
        assert len(seen) == 18_000 and set(seen['model_version']) <= {i['version'] for i in registry.list_models().values()}
        missing = seen['actual'].isna().mean()
        assert 0 < missing < 0.06                                         # cancelled flights never get a label
        assert monitor.alert_book.history() and {a['type'] for a in monitor.alert_book.history()} <= {'accuracy_degradation'}


def test_the_report_needs_nothing_else_and_its_pictures_have_words(first):
    page = (first[0]/'tour'/'report.html').read_text()
    assert len(re.findall(r'<svg role="img" aria-label="[^"]{40,}"', page)) == 2
    assert not re.search(r'<(?:script|link|img|iframe)\b|url\((?!#)|@import', page)   # nothing is fetched
    assert 'prefers-color-scheme: dark' in page
    assert len(re.findall(r'<tr><td[^>]*>(?:Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)<', page)) == 9


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
            assert ModelRegistry(store).load_model('delay', 'champion')[1]['aliases'] == ['champion']
            assert len(ModelMonitor(store).predictions()) > 0
