"Several processes and threads, kills, and the equality of labels"
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from mlops_nb.core.rules import InvalidInput, MlopsError, NotFound, use_clock
from mlops_nb.monitoring.monitoring import ModelMonitor, quality
from mlops_nb.monitoring.predictions import canonical, time_ids
from mlops_nb.store.store import Store

NOON = datetime(2013, 4, 1, 12, tzinfo=timezone.utc)


def python(code, *args, **kw): return subprocess.Popen([sys.executable, '-c', textwrap.dedent(code), *map(str, args)], **kw)


def test_two_processes_that_write_at_once_lose_nothing(tmp_path):
    code = '''
        import sys
        from mlops_nb.monitoring.monitoring import ModelMonitor
        with ModelMonitor(sys.argv[1]) as m:
            for i in range(40):
                ids = m.log_predictions([[i, k] for k in range(5)], [0]*5, user_id=sys.argv[2])
                m.log_prediction([i], 1)
                m.log_feedbacks(ids, [1, 0, 0, 0, 0])
                m.check_alerts()
    '''
    children = [python(code, tmp_path/'m.db', i) for i in range(2)]
    assert [c.wait() for c in children] == [0, 0]
    with ModelMonitor(tmp_path/'m.db') as m:
        found = m.calculate_metrics()
        assert (found['total_requests'], found['total_predictions'], found['accuracy']) == (480, 400, 0.8)
        log = m.predictions()
        assert log.id.is_unique and log.timestamp.is_monotonic_increasing
        assert [a['type'] for a in m.alert_book.history()].count('recall_degradation') == 1       # one cause, seen eighty times


def test_server_threads_log_at_the_same_time(tmp_path):
    with ModelMonitor(tmp_path/'m.db') as m:
        failures = []
        def serve(k):
            try:
                for i in range(15):
                    one = m.log_prediction({'thread': k, 'i': i}, i % 2, response_time=0.01)
                    m.log_feedback(one, i % 2)
                    assert m.predictions(end=datetime.now(timezone.utc)).id.eq(one).any()   # it sees its own write
            except BaseException as e: failures.append(e); raise
        threads = [threading.Thread(target=serve, args=(k,)) for k in range(6)]
        for t in threads: t.start()
        for t in threads: t.join()
        assert not failures
        assert m.calculate_metrics()['total_predictions'] == 90


WRITER = '''
    import sys, itertools
    from mlops_nb.monitoring.monitoring import ModelMonitor
    m = ModelMonitor(sys.argv[1])
    print('ready', flush=True)
    for i in itertools.count():
        ids = m.log_predictions([[i, k] for k in range(20)], [0]*20)
        m.log_feedbacks(ids, [0]*20)
        print(*ids, flush=True)                     # acknowledged
'''


def test_kill_9_keeps_every_acknowledged_row_and_no_half_batch(tmp_path):
    rng, acknowledged = random.Random(0), set()
    for _ in range(5):
        child = python(WRITER, tmp_path/'m.db', stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        time.sleep(rng.uniform(0.02, 0.2))
        child.send_signal(signal.SIGKILL)
        for line in child.stdout:
            if line.endswith('\n'): acknowledged.update(line.split())
        child.wait(); child.stdout.close()
    with ModelMonitor(tmp_path/'m.db') as m:
        log = m.predictions()
        assert acknowledged and acknowledged <= set(log.dropna(subset=['actual']).id)
        assert len(log) % 20 == 0 and log.actual.notna().sum() % 20 == 0
        assert m.store.verify() == []
        with m.store.read() as c: assert c.exec_driver_sql('select count(*) from prediction_inputs').scalar() == len(log)


SAME = [[1, 1.0, True, np.int64(1), np.float32(1), np.bool_(True), pd.Series([1], dtype='Int64')[0]],
        [0, 0.0, -0.0, False, np.uint8(0)], ['late', np.str_('late')], ['1'], ['1.0'], [1.5, np.float64(1.5)],
        ['True'], [-1], [[1, 0], [1.0, False], np.array([1, 0]), (1, 0)], [''], [2**63, 2.0**63]]


def test_label_equalities_hold_in_the_log(tmp_path):
    flat = [(k, v) for k, group in enumerate(SAME) for v in group]
    with ModelMonitor(tmp_path/'m.db') as m:
        for k, v in flat:
            ids = m.log_predictions([[0]]*len(flat), [v]*len(flat))
            m.log_feedbacks(ids, [w for _, w in flat])
            log = m.predictions().set_index('id').loc[ids]
            with m.store.read() as c:
                same = dict(c.exec_driver_sql('select id, prediction = actual from predictions').all())
            assert [bool(same[i]) for i in log.index] == [k == j for j, _ in flat], v


@given(st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
       st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()))
@settings(max_examples=400, deadline=None)
def test_canonical_agrees_with_python(a, b):
    try: spelled = canonical(a), canonical(b)
    except InvalidInput: return                                  # text that is not Unicode
    assert (spelled[0] == spelled[1]) == (a == b)


LABELS = {'two values': [0, 1]*600, 'a number each': [i/7 for i in range(1200)], 'texts': ['late', 'on time', "it's"]*400}


@pytest.mark.parametrize('kind', LABELS)
def test_labels_are_written_all_or_none_and_the_last_of_a_prediction_wins(shared_urls, kind):
    "By one statement a value or by one a label, on every database"
    values = LABELS[kind]
    with Store(*shared_urls) as s, ModelMonitor(s) as m:
        ids = m.log_predictions([[0]]*1200, values)
        for labels, unknown in [(ids[:-1], ['0'*32]), (['x'], ids[1:])]:
            with pytest.raises(NotFound, match='1 of 1200 predictions are not in the log'): m.log_feedbacks([*labels, *unknown], values)
        assert m.predictions().actual.isna().all()
        m.log_feedbacks(ids, values)
        assert m.predictions().set_index('id').loc[ids, 'actual'].tolist() == values
        m.log_feedbacks([ids[0], *ids, ids[0], ids[0]], [values[1], *values, values[1], values[2]])
        assert m.predictions().set_index('id').actual[ids[0]] == values[2]
        m.log_feedbacks(ids, values, 'user_rating')
        assert m.predictions().set_index('id').actual[ids[0]] == values[2]
        with s.read() as c:
            assert c.exec_driver_sql('select count(*) from prediction_feedback').scalar() == 3*1200 + 3
            fractions = {bool(f) for f, in c.exec_driver_sql('select distinct actual_continuous from predictions')}
            assert fractions == ({True, False} if kind == 'a number each' else {False})


def test_a_day_of_labels_is_a_few_statements(tmp_path):
    from sqlalchemy import event
    with ModelMonitor(tmp_path/'m.db') as m:
        ids, said = m.log_predictions([[0]]*1000, [0, 1]*500), []
        with m.store.read() as c: engine = c.engine
        event.listen(engine, 'before_cursor_execute', lambda conn, cursor, sql, *rest: said.append(sql.split()[0]))
        m.thresholds = dict.fromkeys(m.thresholds)
        m.log_feedbacks(ids, [1, 0]*500)
        assert said.count('UPDATE') == 2 and said.count('INSERT') == 1 and len(said) <= 12, said


def test_a_frame_is_logged_as_its_rows_are(tmp_path):
    "The short way by columns writes the text that the long way by rows writes"
    from mlops_nb.core.rules import to_json
    frame = pd.DataFrame({'x': [1.5, None, 1e300], 'text': ['a,b', None, '"%s"'], 'n': [1, 2**53 + 1, -1], 'flag': [True, False, True],
                          'when': pd.to_datetime(['2013-01-01', None, '2013-01-03']), 'mixed': [1, 1.0, 'x'], 'big': pd.array([None, 2, 3], 'Int64')})
    with ModelMonitor(tmp_path/'m.db') as m:
        ids = m.log_predictions(frame, [0, 1, 0])
        with m.store.read() as c: found = dict(c.exec_driver_sql('select prediction_id, input from prediction_inputs').all())
    assert [found[i] for i in ids] == [to_json(row) for row in frame.to_dict('records')]


def test_a_late_label_counts_at_the_time_of_its_prediction_and_the_last_one_wins(tmp_path):
    with ModelMonitor(tmp_path/'m.db') as m:
        with use_clock(NOON): one = m.log_prediction([1], 1)
        with use_clock(NOON + timedelta(days=3)):
            for value in (0, 1, 0): m.log_feedback(one, value)
            m.log_feedback(one, 1, 'user_rating')
            assert m.calculate_metrics(24)['total_requests'] == 0
            assert m.calculate_metrics(24, end=NOON)['accuracy'] == 0.0
            assert m.calculate_metrics(96)['label_coverage'] == 1.0


def test_a_clock_that_is_set_back_does_not_hide_what_was_just_logged(tmp_path):
    with ModelMonitor(tmp_path/'m.db') as m:
        with use_clock(NOON): first = m.log_prediction([1], 1)
        with use_clock(NOON - timedelta(minutes=4)):
            second = m.log_prediction([2], 1)
            assert list(m.predictions().id) == [second, first]
            assert m.calculate_metrics(1)['total_requests'] == 2
            assert sum(m.get_dashboard_data()['hourly_requests'].values()) == 2
            with pytest.raises(InvalidInput, match='is in the future'): m.log_prediction([3], 1, timestamp=NOON + timedelta(hours=1))
            assert m.calculate_metrics(1)['total_requests'] == 2
        with use_clock(NOON - timedelta(hours=2)): assert m.calculate_metrics(1)['total_requests'] == 0


def test_windows_that_follow_each_other_share_no_row(tmp_path):
    with ModelMonitor(tmp_path/'m.db') as m:
        for h in range(6):
            with use_clock(NOON + timedelta(hours=h)): m.log_predictions([[h]]*(h+1), [0]*(h+1))
        hours = [m.calculate_metrics(1, end=NOON + timedelta(hours=h))['total_requests'] for h in range(6)]
        assert hours == [1, 2, 3, 4, 5, 6]
        assert m.calculate_metrics(6, end=NOON + timedelta(hours=5))['total_requests'] == 21


def test_versions_are_measured_apart_and_regression_has_no_accuracy(tmp_path):
    with ModelMonitor(tmp_path/'m.db') as m:
        m.log_feedbacks(m.log_predictions([[0]]*4, [1]*4, model_version='1'), [1, 1, 1, 0])
        m.log_feedbacks(m.log_predictions([[0]]*4, [2.5]*4, model_version='2'), [2.5]*4)
        assert m.calculate_metrics(model_version='1')['accuracy'] == 0.75
        for found in (m.calculate_metrics(model_version='2'), m.calculate_metrics()):
            assert [found[k] for k in ('accuracy', 'precision', 'recall', 'f1')] == [None]*4
            assert found['label_coverage'] == 1.0
        m.thresholds = {'accuracy': 1.0}
        assert m.check_alerts() == [] == m.alerts


def test_every_threshold_is_checked(tmp_path):
    with ModelMonitor(tmp_path/'m.db', config={'monitoring': {'performance_threshold': 0.9}}) as m, use_clock(NOON):
        m.log_feedbacks(m.log_predictions([[0]]*40, [1, 0]*20, response_time=5), [0, 1]*20)
        for _ in range(10): m.log_prediction([0], None, error='timeout')
        assert {a['type'] for a in m.check_alerts()} == {'accuracy_degradation', 'precision_degradation', 'recall_degradation', 'high_latency', 'high_error_rate'}
        assert all(a['timestamp'] == '2013-04-01T12:00:00.000000+00:00' and a['message'] for a in m.check_alerts())
        assert len(m.alert_book.history()) == 5
        for name in m.thresholds: m.thresholds[name] = None
        assert m.check_alerts() == []


def test_metrics_agree_with_numpy_on_every_length(tmp_path):
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 19, 20, 21, 22, 41, 100):
        times = rng.gamma(1, size=n)
        with ModelMonitor(tmp_path/f'{n}.db') as m:
            m.log_predictions(rng.normal(size=(n, 2)), np.zeros(n), response_time=times)
            assert m.calculate_metrics()['p95_response_time'] == pytest.approx(np.quantile(times, 0.95), rel=1e-12)


def test_identifiers_are_version_7_and_sort_by_time():
    times = sorted(NOON + timedelta(microseconds=random.Random(i).randrange(10**9)) for i in range(500))
    ids = [time_ids([t])[0] for t in times]
    assert ids == sorted(ids) and all(uuid.UUID(i).version == 7 and len(i) == 32 for i in ids)
    assert len(set(time_ids([NOON]*5000)) | set(time_ids([NOON]*5000))) == 10_000


def test_forked_processes_draw_other_identifiers(tmp_path):
    code = '''
        import os
        from datetime import datetime, timezone
        from mlops_nb.monitoring.predictions import time_ids
        at = [datetime(2013, 4, 1, tzinfo=timezone.utc)]
        time_ids(at)
        if pid := os.fork(): os.waitpid(pid, 0)           # one after the other, or their lines mix
        print(time_ids(at)[0], flush=True)
    '''
    out = subprocess.run([sys.executable, '-c', textwrap.dedent(code)], capture_output=True, text=True, check=True).stdout.split()
    assert len(set(out)) == 2


def test_a_read_only_log_can_be_looked_at(tmp_path, monkeypatch):
    with ModelMonitor(tmp_path/'m.db') as m: m.log_feedbacks(m.log_predictions([[0]]*40, [0]*40), [1]*40); firing = m.check_alerts()
    monkeypatch.setattr('mlops_nb.store.store.os.access', lambda *a: False)
    with ModelMonitor(tmp_path/'m.db') as m:
        assert m.get_dashboard_data()['alerts'] == firing and m.calculate_metrics()['accuracy'] == 0.0
        with pytest.raises(MlopsError, match='read-only'): m.log_prediction([0], 1)


def test_a_store_that_is_shared_stays_open_and_its_monitor_sees_the_same_log(tmp_path):
    with Store(tmp_path/'s') as s:
        with ModelMonitor(s) as m: one = m.log_prediction([0], 'late')
        with ModelMonitor(s) as m:
            m.log_feedback(one, 'late')
            with pytest.raises(NotFound): m.log_feedback('0'*32, 'late')
            assert m.calculate_metrics()['accuracy'] == 1.0


@given(st.dictionaries(st.tuples(st.sampled_from('abc'), st.sampled_from('abc')), st.integers(1, 50)))
@settings(max_examples=100, deadline=None)
def test_quality_stays_between_0_and_1(pairs):
    assert all(v is None or 0 <= v <= 1 for v in quality(pairs).values())


def test_a_thousand_rows_are_one_transaction_and_fast(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(1000, 15)), columns=[f'x{i}' for i in range(15)])
    with ModelMonitor(tmp_path/'m.db') as m:
        def cost(f):
            start = time.process_time(); f()
            return time.process_time() - start
        log = [cost(lambda: m.log_predictions(frame, [0]*1000, [0.5]*1000)) for _ in range(8)]
        ids = list(m.predictions().id[:1000])
        back = [cost(lambda: m.log_feedbacks(ids, [0]*1000)) for _ in range(8)]
        assert min(log) < 0.1 and min(back) < 0.1, (log, back)


def test_a_burst_of_labels_is_judged_once_a_second_and_the_last_one_is_not_lost(tmp_path, monkeypatch):
    now, looks = [1000.], []
    monkeypatch.setattr('mlops_nb.monitoring.monitoring.monotonic', lambda: now[0])
    judge = ModelMonitor._check
    monkeypatch.setattr(ModelMonitor, '_check', lambda self, *args: (looks.append(now[0]), judge(self, *args))[1])
    with ModelMonitor(tmp_path/'m.db') as m:
        ids = m.log_predictions([[0]]*1000, [1]*1000)
        for k in range(0, 1000, 5):
            now[0] += 0.01
            m.log_feedbacks(ids[k:k+5], [0]*5)
        assert len(looks) == 2 and looks[1] - looks[0] >= 1                    # two seconds of labels: two looks
        assert m.alerts[0]['message'].startswith('accuracy is 0 over 1,000') and len(looks) == 3
        assert m.calculate_metrics()['accuracy'] == 0 and len(looks) == 3      # nothing is due
        m.log_feedback(ids[0], 1)
        assert len(looks) == 3
        assert m.calculate_metrics()['accuracy'] == 0.001 and len(looks) == 4  # it was due, and it was judged
        m.log_feedback(ids[1], 1)
        assert m.get_dashboard_data()['alerts'][0]['message'].startswith('accuracy is 0.002 over') and len(looks) == 5
        m.log_feedback(ids[2], 1)
    with ModelMonitor(tmp_path/'m.db') as m:                                   # the end of a monitor judges, too
        assert m.alert_book.firing()[0]['message'].startswith('accuracy is 0.003 over')


def test_every_alert_is_one_warning(tmp_path, caplog):
    with ModelMonitor(tmp_path/'m.db') as m:
        ids = m.log_predictions([[0]]*60, [1]*60)
        for _ in range(3): m.log_feedbacks(ids, [0]*60); m.check_alerts()
        assert m.alerts and m.get_dashboard_data()['alerts']
    told = [(r.levelname, r.name, r.getMessage().split(',')[0]) for r in caplog.records]
    assert told == [('WARNING', 'mlops_nb.monitoring', t) for t in ('accuracy_degradation', 'precision_degradation')]


def test_a_label_is_safe_when_judging_fails_and_the_judgement_is_still_due(tmp_path, monkeypatch, caplog):
    with ModelMonitor(tmp_path/'m.db') as m:
        ids = m.log_predictions([[0]]*60, [1]*60)
        with monkeypatch.context() as broken:
            def fails(*args): raise MlopsError('the disk is full')
            broken.setattr(ModelMonitor, '_check', fails)
            m.log_feedbacks(ids, [0]*60)
        assert 'could not be judged: the disk is full' in caplog.text
        assert m.alerts[0]['type'] == 'accuracy_degradation' and m.calculate_metrics()['total_predictions'] == 60


def test_a_look_at_an_old_day_ends_nothing(tmp_path):
    now = datetime.now(timezone.utc)
    with ModelMonitor(tmp_path/'m.db') as m:
        m.log_predictions([[0]]*50, [1]*50, response_time=0.1, timestamp=now - timedelta(days=3))
        for _ in range(50): m.log_prediction([0], None, error='out of memory')
        firing = m.alerts
        assert [a['type'] for a in firing] == ['high_error_rate']
        old = m.get_dashboard_data(end=now - timedelta(days=3) + timedelta(minutes=1))
        assert old['alerts'] == [] and list(old['hourly_requests'].values()) == [50]
        m.check_alerts(end=now - timedelta(days=3) + timedelta(minutes=1))
        assert m.alerts == firing and all(a['resolved_at'] is None for a in m.alert_book.history())


def test_alerts_of_version_1_have_the_words_of_today(tmp_path):
    stores = Path(__file__).parent/'stores'
    db = sqlite3.connect(tmp_path/'store.db'); db.executescript((stores/'main.sql').read_text()); db.commit()
    (n, wrong), = db.execute('select count(*), sum(prediction != actual) from predictions where actual is not null').fetchall(); db.close()
    with ModelMonitor(tmp_path) as m:
        assert [(a['type'], a['severity']) for a in m.alert_book.history()] == [(f'{k}_degradation', 'high') for k in ('accuracy', 'precision', 'recall')]
        assert all(a['timestamp'] == '2026-11-20T09:00:00.000000+00:00' and a['message'].endswith('the threshold is 0.8') for a in m.alert_book.firing())
        found = m.calculate_metrics(24*365*50)
        assert (found['total_predictions'], found['accuracy']) == (n, 1 - wrong/n) and n == 40
    with ModelMonitor(tmp_path) as m: assert len(m.alerts) == 3                 # once more: nothing is done twice


def test_a_look_that_takes_long_is_rare(tmp_path, monkeypatch):
    "Never more than a twentieth of the time, however large the log is"
    now, looks = [1000.], []
    def slow(self, *args): looks.append(now[0]); now[0] += 1
    monkeypatch.setattr('mlops_nb.monitoring.monitoring.monotonic', lambda: now[0])
    monkeypatch.setattr(ModelMonitor, '_check', slow)
    with ModelMonitor(tmp_path/'m.db') as m:
        ids = m.log_predictions([[0]]*100, [1]*100)
        for i in ids: now[0] += 0.5; m.log_feedback(i, 1)
    assert len(looks) == 4 and all(b - a >= 20 for a, b in zip(looks, looks[1:-1]))     # 50 seconds: three looks, and one at the end


def test_relative_places_and_homes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path); monkeypatch.setenv('HOME', str(tmp_path/'home')); (tmp_path/'home').mkdir(); (tmp_path/'else').mkdir()
    with ModelMonitor('m.db') as m, ModelMonitor('~/m.db') as h:
        assert (m.db_path, h.db_path) == ('m.db', '~/m.db')
        i = m.log_prediction([0], 1)
        monkeypatch.chdir(tmp_path/'else')
        m.log_feedback(i, 1); h.log_prediction([0], 1)
        assert m.calculate_metrics()['total_predictions'] == 1
    assert os.listdir(tmp_path/'else') == [] and (tmp_path/'m.db').exists() and (tmp_path/'home'/'m.db').exists()


def test_in_memory_there_is_nothing_on_the_disk_and_all_threads_see_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ModelMonitor(':memory:') as m, ModelMonitor(':memory:') as other:
        threads = [threading.Thread(target=lambda: m.log_feedback(m.log_prediction([0], 1), 0)) for _ in range(40)]
        for t in threads: t.start()
        for t in threads: t.join()
        assert m.calculate_metrics()['total_predictions'] == 40 and m.alerts and other.calculate_metrics()['total_requests'] == 0
        assert m.db_path == ':memory:'
    assert os.listdir(tmp_path) == []


def test_a_database_of_the_course_chapter_is_named_and_left_alone(tmp_path):
    db = sqlite3.connect(tmp_path/'monitoring.db')
    db.execute('CREATE TABLE predictions (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT, input_data TEXT, prediction TEXT, probability REAL, response_time REAL, model_version TEXT, user_id TEXT)')
    db.execute('CREATE TABLE feedback (id INTEGER PRIMARY KEY AUTOINCREMENT, prediction_id INTEGER, actual_value TEXT, feedback_type TEXT, timestamp TEXT)')
    db.execute("INSERT INTO predictions (input_data, prediction) VALUES ('{}', '1')"); db.commit(); db.close()
    before = (tmp_path/'monitoring.db').read_bytes()
    with pytest.raises(MlopsError, match='chapter'): ModelMonitor(tmp_path/'monitoring.db')
    assert (tmp_path/'monitoring.db').read_bytes() == before
