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


@pytest.mark.filterwarnings('ignore:.*labels:UserWarning')
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


def test_two_models_in_one_store_never_mix(tmp_path):
    with ModelMonitor(tmp_path/'m.db') as m:
        m.log_feedbacks(m.log_predictions([{}]*100, [0]*100, model='churn', response_time=0.1), [1]*100)       # always wrong
        alone = m.calculate_metrics()
        assert (alone['accuracy'], alone['task'], 'models' in alone) == (0.0, 'classification', False)
        before = [(a['model'], a['type']) for a in m.check_alerts()]
        m.log_feedbacks(m.log_predictions([{}]*2, [12.0, 12.0], model='price', arm='challenger'), [12.0, 13.0])
        m.log_prediction({}, 1)
        found = m.calculate_metrics()
        assert found['accuracy'] is None and (found['total_requests'], found['total_predictions']) == (103, 102)
        assert list(found['models']) == ['(no name)', 'churn', 'price'] and found['models']['churn']['accuracy'] == 0.0
        assert found['models']['price']['mae'] == 0.5 == m.calculate_metrics(model='price')['mae'] and m.calculate_metrics(model='nobody')['total_requests'] == 0
        assert [(a['model'], a['type']) for a in m.check_alerts()] == before and ('churn', 'accuracy_degradation') in before
        m.log_feedbacks(m.log_predictions([{}]*1000, [1]*1000, model='other'), [1]*1000)                        # their latest 1000 are not churn's
        assert [(a['model'], a['type']) for a in m.check_alerts()] == before
        assert set(m.predictions().columns) >= {'model', 'arm', 'task'} and set(m.predictions(model='price').arm) == {'challenger'}
        with pytest.raises(InvalidInput, match='model is'): m.calculate_metrics(model='')


def test_two_tasks_without_a_name_do_not_silence_each_other(tmp_path):
    with ModelMonitor(tmp_path/'m.db') as m:
        m.log_feedbacks(m.log_predictions([{}]*50, [0]*50, task='classification'), [1]*50)
        m.log_feedbacks(m.log_predictions([{}]*50, [12.0]*50, task='regression'), [13.0]*50)
        found = m.calculate_metrics()
        assert (found['task'], found['accuracy'], found['mae']) == ('mixed', None, None)
        assert found['tasks']['classification']['accuracy'] == 0.0 and found['tasks']['regression']['mae'] == 1.0
        assert 'accuracy_degradation' in [a['type'] for a in m.check_alerts()]


@pytest.mark.parametrize('said, true, task, kind', [
    ([101., 104.]*20, [100, 103]*20, None, 'regression'), ([1, 0]*20, [1., 0.]*20, None, 'classification'), ([True, False]*20, [1, 0]*20, None, 'classification'),
    (['a', 'b']*20, ['a', 'b']*20, None, 'classification'), ([1., 0.]*20, [1, 0]*20, 'classification', 'classification'), ([5, 7]*20, [6, 8]*20, 'regression', 'regression'),
    (np.float32([1, 2]*20), np.int8([1, 2]*20), None, 'regression'), ([12, 12.5]*20, [12, 13]*20, None, 'regression'), ([[1., 2.]]*40, [[1, 2]]*40, None, 'regression')])
def test_the_task_is_said_or_it_is_that_of_the_type(tmp_path, said, true, task, kind):
    with ModelMonitor(tmp_path/'m.db') as m:
        m.log_feedbacks(m.log_predictions([{}]*40, said, task=task), true)
        found = m.calculate_metrics()
        assert found['task'] == kind and (found['accuracy'] is None) == (kind == 'regression') == (found['mae'] is not None)
        assert m.check_alerts() == []


def test_a_regression_is_watched(tmp_path):
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
    rng = np.random.default_rng(0)
    true = rng.gamma(2, 50, 400); said = true + rng.normal(-3, 8, 400)
    with ModelMonitor(tmp_path/'m.db') as m:
        m.log_feedbacks(m.log_predictions([{}]*400, said, model='price'), true)
        found = m.calculate_metrics()
        expected = dict(mae=mean_absolute_error(true, said), rmse=mean_squared_error(true, said)**0.5, bias=np.mean(said - true), r2=r2_score(true, said))
        assert {k: found[k] for k in expected} == pytest.approx(expected, rel=1e-9)
        assert found['assessed'] == ['error_rate'] and found['not_assessed']['mae'] == 'no threshold is set for mae' and m.check_alerts() == []
        for name, good, bad in (('mae', 10, 5), ('rmse', 10, 4), ('bias', 5, 1), ('r2', 0.5, 0.999)):
            m.thresholds[name] = good
            assert m.check_alerts() == [] and name in m.calculate_metrics()['assessed']
            m.thresholds[name] = bad
            assert [(a['type'], a['model']) for a in m.check_alerts()] == [(f'{name}_degradation', 'price')]
            m.thresholds[name] = None
            assert m.check_alerts() == []
        few = m.log_predictions([{}]*29, [1.5]*29, model='few'); m.log_feedbacks(few, [1]*29)
        m.thresholds['mae'] = 5
        assert m.calculate_metrics(model='few')['not_assessed']['mae'] == '29 labelled predictions, fewer than 30'
        with pytest.raises(NotFound, match="Did you mean 'mae'"): m.thresholds['maee'] = 5
        with pytest.raises(InvalidInput, match='0 or more'): m.thresholds['mae'] = '5'


def test_a_limit_that_one_process_set_is_not_undone_by_another_that_has_none(tmp_path):
    with ModelMonitor(tmp_path/'m.db') as m, ModelMonitor(tmp_path/'m.db') as served:
        m.thresholds['mae'] = 1
        m.log_feedbacks(m.log_predictions([{}]*40, [5.]*40), [1.]*40)
        assert [a['type'] for a in m.check_alerts()] == ['mae_degradation'] == [a['type'] for a in served.check_alerts()]


def test_a_share_of_a_tiny_number_is_no_measurement(tmp_path):
    with ModelMonitor(tmp_path/'m.db') as m:
        for _ in range(29): m.log_prediction({}, None, error='timeout', response_time=9)
        assert m.check_alerts() == [] and m.calculate_metrics()['not_assessed']['error_rate'] == '29 requests, fewer than 30'
        m.log_prediction({}, None, error='timeout', response_time=9)
        assert {(a['type'], a['severity']) for a in m.check_alerts()} == {('high_error_rate', 'high'), ('high_latency', 'high')}
    with ModelMonitor(tmp_path/'few.db', min_requests=5) as m:
        for k in range(5): m.log_prediction({}, None, error='timeout')
        assert [a['type'] for a in m.check_alerts()] == ['high_error_rate']
    with ModelMonitor(tmp_path/'rare.db') as m:                                       # one late flight of 60, and it was missed
        m.log_feedbacks(m.log_predictions([{}]*60, [0]*60), [0]*59 + [1])
        assert m.calculate_metrics()['recall'] == 0 and m.check_alerts() == [] and m.calculate_metrics()['not_assessed']['recall'] == 'fewer than 10 rows of a class'
    for bad in (0, 2.5, True, '30'):
        with pytest.raises(InvalidInput, match='min_requests'): ModelMonitor(tmp_path/'no.db', min_requests=bad)


def test_a_question_about_the_past_writes_nothing(tmp_path):
    with ModelMonitor(tmp_path/'m.db') as m:
        with use_clock(NOON): m.log_feedbacks(m.log_predictions([{}]*40, [0]*40), [1]*40)
        with use_clock(NOON + timedelta(days=3)):
            history = m.alert_book.history()
            would = m.check_alerts(end=NOON + timedelta(hours=1))
            assert {a['type'] for a in would} == {'accuracy_degradation', 'recall_degradation'} and set(would[0]) == {'type', 'message', 'severity', 'timestamp', 'model'}
            m.get_dashboard_data(end=NOON + timedelta(days=1)); m.calculate_metrics(end=NOON)
            assert m.alert_book.history() == history
    with ModelMonitor(tmp_path/'new.db') as m:                                       # nothing was ever judged: looking back begins nothing
        with use_clock(NOON): m.log_predictions([{}]*40, [0]*40, response_time=9)
        assert [a['type'] for a in m.check_alerts(end=NOON + timedelta(hours=1))] == ['high_latency'] and m.alert_book.history() == []


@pytest.mark.parametrize('said, true', [([1, 0], ['1', '0']), ([True, False], ['True', 'False']), (['1', '0'], [1.0, 0.0]), ([0.5, 2.0], ['0.5', '2'])])
def test_labels_of_another_type_are_told_and_matched(tmp_path, said, true):
    with ModelMonitor(tmp_path/'m.db') as m:
        ids = m.log_predictions([{}]*100, said*50)
        with pytest.warns(UserWarning, match='read in the type of the predictions'): m.log_feedbacks(ids, true*50)
        found = m.calculate_metrics()
        assert found['accuracy'] == 1.0 or found['mae'] == 0.0
        with pytest.warns(UserWarning, match='can never be equal'): m.log_feedbacks(ids, ['late', *true*49, true[1]] if not isinstance(said[0], str) else [[1]]*100)


def test_labels_that_can_never_be_right_are_no_verdict(tmp_path):
    with ModelMonitor(tmp_path/'m.db') as m:
        with pytest.warns(UserWarning, match='can never be equal'): m.log_feedbacks(m.log_predictions([{}]*40, [1]*40), ['late']*40)
        found = m.calculate_metrics()
        assert found['accuracy'] is None and 'none can be right' in found['not_assessed']['accuracy'] and m.check_alerts() == []


def test_alerts_and_rows_of_an_older_store_have_no_model_and_end_when_all_have_one(tmp_path):
    with ModelMonitor(tmp_path/'m.db') as m:
        with use_clock(NOON):
            m.log_feedbacks(m.log_predictions([{}]*40, [0]*40), [1]*40)
            assert {a['model'] for a in m.check_alerts()} == {None}
        with use_clock(NOON + timedelta(days=2)):
            m.log_feedbacks(m.log_predictions([{}]*40, [1]*40, model='churn'), [1]*40)
            assert m.check_alerts() == [] and {a['resolved_at'] is not None for a in m.alert_book.history()} == {True}


def test_what_was_asked_can_be_read_back(tmp_path):
    frame = pd.DataFrame({'x': [1.5, 2.5, None], 'carrier': ['UA', 'B6', None]})
    with ModelMonitor(tmp_path/'m.db') as m:
        with use_clock(NOON): ids = m.log_predictions(frame, [1, 0, 1], model='delay')
        m.log_prediction({}, None, error='timeout', model='delay'); m.log_prediction({'y': 1}, 1)
        back = m.inputs(model='delay')
        assert list(back.index) == ids and back.x.tolist()[:2] == [1.5, 2.5] and back.isna().iloc[2].all() and list(back) == ['carrier', 'x']
        assert len(m.inputs(end=NOON)) == 3 and list(m.inputs(start=NOON)) == ['y'] and m.inputs(model='price').empty


@pytest.mark.parametrize('how', [dict(probability='0.5'), dict(user_id=''), dict(model_version=''), dict(prediction=None), dict(model=True), dict(arm=''), dict(task='classify'), dict(task=True)])
def test_what_is_no_value_is_refused(tmp_path, how):
    with ModelMonitor(tmp_path/'m.db') as m:
        with pytest.raises(InvalidInput): m.log_prediction(**(dict(input_data={}, prediction=1) | how))
        assert m.predictions().empty


@pytest.mark.parametrize('how', [dict(user_id=0), dict(model_version=0), dict(input_data=0), dict(input_data=''), dict(input_data=[]), dict(prediction=0), dict(prediction=False), dict(prediction=''),
                                 dict(prediction=[]), dict(probability=0), dict(response_time=0), dict(model=0)])
def test_what_is_falsy_is_a_value(tmp_path, how):
    with ModelMonitor(tmp_path/'m.db') as m:
        m.log_feedback(m.log_prediction(**(dict(input_data={}, prediction=1) | how)), how.get('prediction', 1))
        assert m.calculate_metrics()['total_predictions'] == 1
