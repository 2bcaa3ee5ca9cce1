"Lineage in both directions: against a plain closure, over ten thousand models, over several stores, and in OpenLineage's own classes"
import contextlib, functools, importlib, json, os, pkgutil, tempfile, types, typing
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sqlalchemy import event, insert

from mlops_nb.registry.catalog import MODEL_VERSIONS as MODELS
from mlops_nb.core.rules import Conflict, InvalidInput, NotFound, use_clock
from mlops_nb.governance.graph import Graph, Node
from mlops_nb.registry.catalog import LEDGER as LEDGER
from mlops_nb.governance.lineage import Lineage
from mlops_nb.monitoring.monitoring import ModelMonitor
from mlops_nb.monitoring.predictions import PredictionLog
from mlops_nb.registry import registry as registry_room
from mlops_nb.registry.registry import ModelRegistry
from mlops_nb.store.store import Store
from mlops_nb.data.versioning import DataVersioning, DATA_PARENTS as PARENTS, DATA_VERSIONS as DATA
from holding import holds


@contextmanager
def unresolved():
    "As registries did that kept any text as the data version; their records are still there"
    with pytest.MonkeyPatch.context() as m:
        m.setattr(registry_room, 'resolve_data', lambda store, text: text)
        yield


def at(day, hour=12): return f'2013-04-{day:02d}T{hour:02d}:00:00+00:00'


@pytest.fixture
def ledgers(tmp_path):
    with Store(tmp_path/'all') as store: yield DataVersioning(store), ModelRegistry(store), ModelMonitor(store)


@contextmanager
def statements(*stores):
    "The SQL that these stores run"
    seen, note = [], lambda conn, cursor, statement, *args: seen.append(statement)
    for s in stores: event.listen(s._tables._engine, 'before_cursor_execute', note)
    try: yield seen
    finally:
        for s in stores: event.remove(s._tables._engine, 'before_cursor_execute', note)


# --- the walk

@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).filter(lambda p: p[0] < p[1]), max_size=80), st.integers(0, 30))
def test_a_walk_reaches_what_the_closure_of_the_edges_says(pairs, start):
    graph = Graph([Node(f'data:{i}') for i in range(31)], [(f'data:{a}', f'data:{b}') for a, b in pairs])
    for up in (False, True):
        closure = {start}
        while more := {(a if up else b) for a, b in pairs if (b if up else a) in closure} - closure: closure |= more
        assert graph.reach([f'data:{start}'], up) == {f'data:{i}' for i in closure}
    depth = graph.depths()
    assert len(depth) == 31 and all(depth[f'data:{a}'] < depth[f'data:{b}'] for a, b in pairs)
    for i in range(31):
        above = [depth[f'data:{a}'] for a, b in pairs if b == i]
        assert depth[f'data:{i}'] == max(above, default=-1) + 1


def test_a_ladder_of_a_thousand_rungs_is_walked_once():
    edges = [(f'data:{i}', f'data:{i}{s}') for i in range(1000) for s in 'ab'] + [(f'data:{i}{s}', f'data:{i+1}') for i in range(1000) for s in 'ab']
    graph = Graph([Node(id) for id in {id for e in edges for id in e}], edges)
    assert len(graph.reach(['data:1000'], up=True)) == 3001                  # 2**1000 paths lead there
    assert graph.depths()['data:1000'] == 2000
    assert graph.outline('data:1000').count('\n') == 4000


# --- resolving what a log says

def test_a_prediction_leads_to_the_revision_of_its_time(ledgers):
    versions, registry, log = ledgers
    data = [versions.version_data(pd.DataFrame({'x': [i]}), f'd{i}') for i in range(3)]
    for i in range(3):
        with use_clock(at(2*i + 2)): registry.register_model(holds([i]), 'm', '1.0', data_version=data[i], overwrite=i > 0)
    found = {}
    for day in range(1, 9):
        with use_clock(at(day)): id = log.log_prediction([0], 1, model_version='1.0')
        found[day] = Lineage(*ledgers).upstream(f'prediction:{id}')
    behind = {day: [n.name.partition('_')[0] for n in g.of('data')] for day, g in found.items()}
    # before the first registration the first revision is the only candidate; at the moment of a registration the new one answers
    assert behind == {1: ['d0'], 2: ['d0'], 3: ['d0'], 4: ['d1'], 5: ['d1'], 6: ['d2'], 7: ['d2'], 8: ['d2']}
    lineage = Lineage(*ledgers)
    counts = {n.id: n.facts['count'] for n in lineage.graph().of('predictions')}
    assert counts == {'predictions:m:1.0#1': 3, 'predictions:m:1.0#2': 2, 'predictions:m:1.0': 3}
    assert [len(lineage.prediction_ids(f'data:{d}')) for d in data] == [3, 2, 3]


@pytest.mark.parametrize('text', ['1.0.0', '1.0', 'v1', 'delay:1', 'delay:1.0.0'])
def test_every_spelling_of_a_version_is_the_same_model(ledgers, text):
    versions, registry, log = ledgers
    registry.register_model(holds([1]), 'delay', '1.0.0')
    log.log_prediction([0], 1, model_version=text)
    assert list(Lineage(*ledgers).downstream('model:delay')) == ['model:delay:1.0.0', 'predictions:delay:1.0.0']


def test_what_is_ambiguous_is_said_and_not_guessed(ledgers):
    versions, registry, log = ledgers
    for name in ('delay', 'price'): registry.register_model(holds([name]), name, '1.0.0')
    ids = [log.log_prediction([0], 1, model_version=v) for v in ('1.0.0', 'price:1.0.0', None, 'latest')]
    lineage = Lineage(*ledgers)
    problems = {n.id: n.problem for n in lineage.graph().of('predictions')}
    assert set(problems) == {'predictions:1.0.0', 'predictions:price:1.0.0', 'predictions:?', 'predictions:latest'}
    assert problems['predictions:price:1.0.0'] is None
    assert "a version of 2 models: delay, price; say whose log it is, for example model='delay'" in problems['predictions:1.0.0']
    assert len(lineage.upstream(f'prediction:{ids[0]}')) == 1
    assert [lineage.prediction_ids(p) for p in ('predictions:1.0.0', 'predictions:price:1.0.0', 'predictions:?', 'predictions:latest')] == [[i] for i in ids]
    assert lineage.explain(f'prediction:{ids[0]}').endswith("say whose log it is, for example model='delay'")
    named = Lineage(*ledgers, model='delay')
    assert set(named.upstream(f'prediction:{ids[0]}')) == {f'prediction:{ids[0]}', 'model:delay:1.0.0'}
    assert set(named.upstream(f'prediction:{ids[1]}')) == {f'prediction:{ids[1]}', 'model:price:1.0.0'}   # a full name outranks it
    assert {e['job']['name'] for e in lineage.to_openlineage()} == {'register_model/delay', 'register_model/price', 'predict/price'}


def test_one_model_with_that_version_is_enough(ledgers):
    versions, registry, log = ledgers
    registry.register_model(holds([1]), 'delay', '1.0.0'); registry.register_model(holds([1]), 'price', '2.0.0')
    log.log_prediction([0], 1, model_version='2.0.0')
    assert list(Lineage(*ledgers).upstream('predictions:price:2.0.0')) == ['model:price:2.0.0', 'predictions:price:2.0.0']


def test_tombstones_stay_with_what_the_ledgers_know(ledgers):
    versions, registry, log = ledgers
    month = versions.version_data(pd.DataFrame({'x': [1]}), 'month')
    data = versions.version_data(pd.DataFrame({'x': [2]}), 'training', parent_version=month)
    with unresolved(): registry.register_model(holds([1]), 'delay', '1.0.0', data_version='flights_gone')
    for v in ('2.0.0', '3.0.0'): registry.register_model(holds([v]), 'delay', v, data_version=data, by='ann')
    id = log.log_predictions([[0], [1]], [1, 0], model_version='3.0.0')[0]
    log.log_prediction([0], 1, model_version='delay:9.0.0')
    with use_clock('2099-01-01T00:00:00+00:00'): registry.delete_model('delay', '2.0.0', by='bob'); registry.delete_model('delay', '3.0.0', now=True, by='bob'); versions.delete(data)
    lineage = Lineage(*ledgers)
    graph = lineage.graph()
    assert {id: n.problem for id, n in graph.nodes.items() if n.problem} == {
        f'data:{data}': 'deleted 2099-01-01', 'data:flights_gone': 'no record of it: kept elsewhere, or misspelt',
        'model:delay:2.0.0': 'deleted 2099-01-01 by bob, in the trash', 'model:delay:3.0.0': 'deleted 2099-01-01 by bob', 'model:delay:9.0.0': 'no record of it: never registered here'}
    # purged, and still: who answered, who made it, from which data, and what that came from
    assert set(lineage.upstream(f'prediction:{id}')) == {f'prediction:{id}', 'model:delay:3.0.0', f'data:{data}', f'data:{month}'}
    assert graph.nodes['model:delay:3.0.0'].facts['registered_by'] == 'ann' and len(graph.nodes['model:delay:3.0.0'].facts['digest']) == 64
    assert sum(n.facts['count'] for n in lineage.downstream(f'data:{month}').of('predictions')) == 2
    assert [e['job']['name'] for e in lineage.to_openlineage()] == ['version_data/month', 'register_model/delay', 'predict/delay', 'predict/delay']
    registry.restore('delay', '2.0.0')
    assert lineage.graph().nodes['model:delay:2.0.0'].problem is None


def test_a_purged_version_that_is_registered_anew_is_another_revision(ledgers):
    versions, registry, log = ledgers
    for day, version in [(1, '1.0.0'), (3, '1.0')]:
        with use_clock(at(day)): registry.register_model(holds([day]), 'delay', version); log.log_prediction([0], 1, model_version='1.0.0')
        if day == 1:
            with use_clock(at(2)): registry.delete_model('delay', '1.0.0', now=True, by='bob')
    assert {n.id: n.problem for n in Lineage(*ledgers).graph().of('model')} == {'model:delay:1.0.0#1': 'deleted 2013-04-02 by bob', 'model:delay:1.0': None}
    assert [n.facts['count'] for n in Lineage(*ledgers).graph().of('predictions')] == [1, 1]


def test_a_live_model_outranks_a_deleted_one_of_the_same_number(ledgers):
    versions, registry, log = ledgers
    registry.register_model(holds([1]), 'old', '1.0.0'); registry.delete_model('old', '1.0.0'); registry.register_model(holds([2]), 'new', '1.0.0')
    log.log_prediction([0], 1, model_version='1.0.0')
    assert list(Lineage(*ledgers).upstream('predictions:new:1.0.0')) == ['model:new:1.0.0', 'predictions:new:1.0.0']


def test_a_failed_request_is_counted_as_one(ledgers):
    versions, registry, log = ledgers
    registry.register_model(holds([1]), 'delay', '1.0.0')
    good, bad = log.log_prediction([0], 1, model_version='1.0.0'), log.log_prediction([0], None, error='timeout', model_version='1.0.0')
    lineage = Lineage(*ledgers)
    node = lineage.graph().nodes['predictions:delay:1.0.0']
    assert (node.facts['count'], node.facts['failed']) == (2, 1) and '2 requests, 1 failed' in node.about
    assert lineage.explain(f'prediction:{bad}').splitlines()[0] == f'prediction:{bad}  failed: timeout'
    assert lineage.to_openlineage()[-1]['outputs'][0]['outputFacets']['outputStatistics']['rowCount'] == 1


# --- names

def test_nodes_are_found_by_what_people_type(ledgers):
    versions, registry, log = ledgers
    data = versions.version_data(pd.DataFrame({'x': [1]}), 'flights')
    for v in ('1.1.0', '1.10.0'): registry.register_model(holds([v]), 'delay', v, data_version=data)
    registry.set_alias('delay', 'champion', '1.1.0')
    id = log.log_prediction([0], 1, model_version='1.10.0')
    lineage = Lineage(*ledgers)
    first = lambda node: next(iter(lineage.downstream(node).depths()))
    assert first('data:flights_') == f'data:{data}'
    assert first('model:delay:1.1') == first('model:delay@champion') == 'model:delay:1.1.0'      # no beginning of 1.10.0
    assert first('model:delay') == first('model:delay:1.10') == 'model:delay:1.10.0'
    assert first(f'prediction:{id[:20]}') == f'prediction:{id}'
    for node, why in {'model:delay:1': "no node 'model:delay:1'. Did you mean 'model:delay:1.1.0'?", 'nothing': 'an id begins with data:',
                      'data:x': "no node 'data:x'", 'model:dellay': "Did you mean"}.items():
        with pytest.raises(NotFound) as e: lineage.upstream(node)
        assert why in str(e.value)
    for node in (None, '', 3):
        with pytest.raises(InvalidInput, match='a node is named by its id'): lineage.upstream(node)
    log.log_prediction([0], 1)
    with pytest.raises(InvalidInput, match="'prediction:0' is the beginning of 2 nodes"): lineage.upstream('prediction:0')


def test_a_prefix_with_wildcards_of_sql_is_no_wildcard(ledgers):
    versions, registry, log = ledgers
    log.log_prediction([0], 1)
    for text in ('%', '_', '0%'):
        with pytest.raises(NotFound): Lineage(*ledgers).upstream(f'prediction:{text}')


# --- a question reads what it reaches, and answers what the whole graph says

def same(a, b):
    assert (list(a), a.edges) == (list(b), b.edges)
    for id in a: assert (a.nodes[id], a.nodes[id].facts) == (b.nodes[id], b.nodes[id].facts)


def check_every_question(lineage):
    "All questions about all nodes, against walks over the whole graph; and the number of nodes"
    whole = lineage.graph()
    for id in whole:
        up, down = whole.part(whole.reach([id], up=True)), whole.part(whole.reach([id], up=False))
        same(lineage.upstream(id), up)
        same(lineage.downstream(id), down)
        same(lineage._around(id, True, True), whole.part({*up, *down}))
        assert lineage.explain(id) == whole.outline(id)
        assert len(lineage.prediction_ids(id, limit=1000)) == sum(n.facts['count'] for n in down.of('predictions'))
    return len(whole)


ACTIONS = st.one_of(
    st.tuples(st.just('data'), st.sampled_from(['a', 'ab', 'b']), st.lists(st.integers(0, 9), max_size=3)),
    st.tuples(st.just('model'), st.sampled_from(['m', 'n']), st.sampled_from(['1', '1.0', '2.0', '2rc1']), st.integers(0, 9), st.sampled_from([2, 4, None, 'lost', 'ab_'])),
    st.tuples(st.just('log'), st.sampled_from(['1', 'v1.0', 'm:1.0.0', 'n:2', '2.0.0', '2.rc1', 'o:1', 'latest', 'm:latest', '?', None])),
    st.tuples(st.sampled_from(['delete', 'purge', 'drop', 'alias']), st.integers(0, 9)))


@settings(max_examples=25, deadline=None)
@given(st.lists(ACTIONS, min_size=5, max_size=25), st.sampled_from([None, 'm']))
def test_every_question_is_answered_as_by_the_whole_graph(actions, model):
    with tempfile.TemporaryDirectory() as folder, Store(f'{folder}/s') as store, use_clock(Ticking('2013-04-01T00:00:00+00:00')):
        versions, registry, log = DataVersioning(store), ModelRegistry(store), PredictionLog(store)
        data, models, asked = [], [], []
        for what, *args in actions:
            if what == 'data': data.append(versions.version_data(pd.DataFrame({'x': [len(data)]}), args[0], parent_version=[*{data[i] for i in args[1] if i < len(data)}]))
            if what == 'model':
                name, version, i, cut = args
                told = cut if isinstance(cut, str) else data[i % len(data)][:-cut if cut else None] if data else None
                with contextlib.suppress(Conflict), unresolved():          # it lies in the trash
                    registry.register_model(holds([i]), name, version, data_version=told, overwrite=True)
                    models.append((name, version))
            if what == 'log': asked.append(log.log_prediction([0], 1, model_version=args[0]))
            with contextlib.suppress(NotFound, Conflict):                  # what is gone already, or still in use
                if what in ('delete', 'purge') and models: registry.delete_model(*models[args[0] % len(models)], now=what == 'purge')
                if what == 'drop' and data: versions.delete(data[args[0] % len(data)])
                if what == 'alias' and models: registry.set_alias(models[args[0] % len(models)][0], 'champion', models[args[0] % len(models)][1])
        lineage = Lineage(versions, registry, log, model=model)
        check_every_question(lineage)
        for id in asked:
            text = lineage.explain(f'prediction:{id}')
            whole = lineage._with_prediction(f'prediction:{id}', *lineage._read())
            same(lineage.upstream(f'prediction:{id}'), whole.part(whole.reach([f'prediction:{id}'], up=True)))
            assert text == whole.outline(f'prediction:{id}')
        for ledgers in ((versions, None, None), (None, registry, None), (None, None, log), (versions, None, log)): check_every_question(Lineage(*ledgers, model=model))


class Ticking:
    "A clock that goes on by a second each time it is read"
    def __init__(self, start): self.now = datetime.fromisoformat(start)
    def __call__(self):
        self.now += timedelta(seconds=1)
        return self.now


@pytest.mark.parametrize('many', [0, 1, 3, 1000])
def test_however_many_are_asked_for_at_once_the_answer_is_the_same(ledgers, monkeypatch, many):
    monkeypatch.setattr('mlops_nb.governance.sources._MANY', many)
    fill(*ledgers, 30)
    lineage = Lineage(*ledgers)
    assert check_every_question(lineage) == 90
    assert len(lineage.downstream('data:d_000000')) == 90


def test_a_small_question_reads_few_records_of_ten_thousand(ledgers, monkeypatch):
    fill(*ledgers, 10_000)
    versions, registry, log = ledgers
    data = versions.version_data(pd.DataFrame({'x': [1]}), 'new')
    registry.register_model(holds([1]), 'm1', '20000', data_version=data[:-4])
    id = log.log_prediction([0], 1, model_version='m1:20000.0')
    built = Counter()
    monkeypatch.setattr('mlops_nb.governance.sources.Node', lambda id, *args, **more: built.update([id.partition(':')[0]]) or Node(id, *args, **more))
    lineage = Lineage(*ledgers)
    asked = {'upstream': [f'prediction:{id}', 'model:m1', 'predictions:m1:20000', f'data:{data[:-4]}'], 'downstream': [f'data:{data}', 'model:m1:20000', 'predictions:m1:20000']}
    for verb, ids in asked.items():
        for node in ids: assert 1 <= len(getattr(lineage, verb)(node)) <= 3
    assert sum(built.values()) < 25                       # of thirty thousand
    built.clear()
    assert len(lineage.upstream('data:d_000010')) == 11 and built == {'data': 11}
    assert len(lineage.upstream('predictions:m2:12.0')) == 15 and built['model'] == built['predictions'] == 1


def test_what_is_written_during_a_question_makes_no_hole(ledgers, monkeypatch):
    versions, registry, log = ledgers
    data = versions.version_data(pd.DataFrame({'x': [0]}), 'd')
    registry.register_model(holds([0]), 'm', '1.0', data_version=data); log.log_prediction([0], 1, model_version='m:1.0')
    read, n = Store.read, Counter()
    def read_then_write(store):
        manager = read(store)
        if not n['busy']:
            n['busy'] = 1; n['lines'] += 1
            more = versions.version_data(pd.DataFrame({'x': [n['lines']]}), 'd', parent_version=data)
            registry.register_model(holds([n['lines']]), 'm', f"{n['lines'] + 1}.0", data_version=more)
            log.log_prediction([0], 1, model_version=f"m:{n['lines'] + 1}.0")
            n['busy'] = 0
        return manager
    monkeypatch.setattr(Store, 'read', read_then_write)
    lineage = Lineage(*ledgers)
    for node in (f'data:{data}', 'model:m:1.0', 'predictions:m:1.0'):
        for graph in (lineage.downstream(node), lineage.upstream(node)):
            assert node in graph and [str(x) for x in graph.nodes.values() if x.problem] == []
    assert n['lines'] >= 15


# --- the stores

def test_three_places_are_opened_and_closed(tmp_path):
    with DataVersioning(tmp_path/'d') as v, ModelRegistry(tmp_path/'m') as r, PredictionLog(tmp_path/'p.db') as p:
        data = v.version_data(pd.DataFrame({'x': [1]}), 'flights')
        r.register_model(holds([1]), 'delay', '1.0.0', data_version=data)
        p.log_predictions([[0], [1]], [0, 1], model_version='1.0.0')
    with Lineage(tmp_path/'d', tmp_path/'m', tmp_path/'p.db') as lineage:
        assert lineage.downstream(f'data:{data}').nodes['predictions:delay:1.0.0'].facts['count'] == 2
        assert 'DataVersioning' in repr(lineage)
    with Lineage(registry=tmp_path/'m') as alone: assert alone.upstream('model:delay').nodes[f'data:{data}'].problem
    with Lineage(tmp_path/'d') as alone: assert list(alone.graph()) == [f'data:{data}']
    with Lineage(predictions=tmp_path/'p.db') as alone: assert alone.graph().nodes['predictions:1.0.0'].problem.endswith('no registered model has that version')


def test_a_ledger_that_was_given_stays_open(ledgers):
    with Lineage(*ledgers): pass
    assert ledgers[1].list_models() == {}


def test_what_is_written_while_we_read_makes_no_hole(ledgers, monkeypatch):
    "Between any two of our reads a whole new line of data, model and prediction appears"
    versions, registry, log = ledgers
    read, n = Store.read, Counter()
    def read_then_write(store):
        manager = read(store)
        if not n['busy']:
            n['busy'] = 1; n['lines'] += 1
            i = n['lines']
            data = versions.version_data(pd.DataFrame({'x': [i]}), 'd')
            registry.register_model(holds([i]), 'm', f'{i}.0', data_version=data)
            log.log_prediction([0], 1, model_version=f'{i}.0')
            n['busy'] = 0
        return manager
    lineage = Lineage(*ledgers)
    monkeypatch.setattr(Store, 'read', read_then_write)
    for _ in range(5):
        graph = lineage.graph()
        assert [str(x) for x in graph.nodes.values() if x.problem] == []
    assert n['lines'] >= 15


def fill(versions, registry, log, n):
    "n data versions in a chain, a model on each, one prediction for each; as the ledgers write them"
    row = dict(hash='0'*64, manifest='0'*64, kind='frame', rows=1, columns=1, size=1)
    with versions.store.write() as c:
        c.execute(insert(DATA), [dict(row, version=f'd_{i:06d}', name='d', seq=i, created_at=at(1)) for i in range(n)])
        c.execute(insert(PARENTS), [dict(version=f'd_{i:06d}', parent=f'd_{i-1:06d}', position=0) for i in range(1, n)])
        same = [dict(name=f'm{i % 10}', key=f'{i}', revision=1, version=f'{i}.0', digest='0'*64, data_version=f'd_{i:06d}') for i in range(n)]
        c.execute(insert(MODELS), [dict(m, sort_key=f'{i:09d}', finished=1, state='live', format='skops', size=1, registered_at=at(2), registered_by='x', metadata='{}', metrics='{}', tags='{}',
                                        environment='none') for i, m in enumerate(same)])
        c.execute(insert(LEDGER), [dict(m, seq=i + 1, time=at(2), kind='version', action='register', subject=m['key'], by='x', why='', chain='') for i, m in enumerate(same)])
    log.log_predictions([[0]]*n, [1]*n, model_version=[f'm{i % 10}:{i}.0' for i in range(n)])


def test_ten_thousand_models_take_as_many_queries_as_ten(ledgers):
    fill(*ledgers, 10_000)
    lineage = Lineage(*ledgers)
    with statements(ledgers[0].store) as seen:
        below = lineage.downstream('data:d_000000')
        assert len(seen) < 15
    assert Counter(n.kind for n in below.nodes.values()) == {'data': 10_000, 'model': 10_000, 'predictions': 10_000}
    assert len(lineage.upstream('predictions:m9:9999.0')) == 10_002
    with statements(ledgers[0].store) as seen:
        assert len(lineage.prediction_ids('data:d_000000', limit=7)) == 7
        assert len(seen) < 40
    with pytest.raises(InvalidInput, match='30,000 nodes make no picture; draw a part'): below.draw()


def test_every_backend_gives_the_same_graph(any_store):
    versions, registry, log = DataVersioning(any_store), ModelRegistry(any_store), ModelMonitor(any_store)
    months = [versions.version_data(pd.DataFrame({'x': [i]}), 'month') for i in range(3)]
    data = versions.version_data(pd.DataFrame({'x': [9]}), 'training', parent_version=months[:2])
    for day in (1, 3):
        with use_clock(at(day)):
            registry.register_model(holds([day]), 'delay', '1.0.0', data_version=data[:-3], overwrite=day > 1, by='ann')
            ids = log.log_predictions([[0]]*day, [1]*day, model_version='1.0')
    with use_clock(at(4)): registry.set_alias('delay', 'champion', '1.0.0'); failed = log.log_prediction([0], None, error='timeout', model_version='delay:1.0.0')
    lineage = Lineage(any_store, any_store, any_store)
    assert {f'data:{m}': sum(n.facts['count'] for n in lineage.downstream(f'data:{m}').of('predictions')) for m in months} == {f'data:{months[0]}': 5, f'data:{months[1]}': 5, f'data:{months[2]}': 0}
    assert set(lineage.upstream(f'prediction:{ids[0]}').part({f'data:{m}' for m in months})) == {f'data:{m}' for m in months[:2]}
    assert [(n.id, n.facts['count'], n.facts['failed']) for n in lineage.graph().of('predictions')] == [('predictions:delay:1.0.0', 4, 1), ('predictions:delay:1.0.0#1', 1, 0)]
    assert lineage.prediction_ids('model:delay@champion') == [*ids, failed]
    assert len(lineage.to_openlineage()) == 4 + 2 + 2 and len(lineage.draw().texts) > 8
    registry.remove_alias('delay', 'champion'); registry.delete_model('delay', '1.0.0', now=True, by='bob')
    assert [n.problem.partition(' by ')[2] for n in lineage.graph().of('model')] == ['bob', 'bob']


# --- OpenLineage: the classes that its authors generate from the public JSON schemas

@functools.cache
def official():
    "Address of a schema -> the class made from it"
    generated = pytest.importorskip('openlineage.client.generated', reason='pip install openlineage-python')
    modules = [importlib.import_module(f'{generated.__name__}.{m.name}') for m in pkgutil.iter_modules(generated.__path__)]
    found = {}
    for m in modules:
        for x in vars(m).values():
            if isinstance(x, type) and x.__module__ == m.__name__ and '_get_schema' in vars(x): found[x._get_schema()] = x
    return found


FORMATS = {'runId': 'uuid', 'eventTime': 'date-time', 'producer': 'uri', 'schemaURL': 'uri', '_producer': 'uri', '_schemaURL': 'uri', 'uri': 'uri'}


def json_schema(kind, defs):
    "The JSON schema of a type in these classes; `defs` collects those of the classes inside"
    import attr
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType): return {'anyOf': [json_schema(a, defs) for a in args]}
    if origin is list: return {'type': 'array', 'items': json_schema(args[0], defs)}
    if origin is dict: return {'type': 'object'}                            # of facets: each is checked by its own class
    if kind is type(None): return {'type': 'null'}
    if isinstance(kind, type) and issubclass(kind, Enum): return {'enum': [e.value for e in kind]}
    if not attr.has(kind): return {'type': {str: 'string', int: 'integer', float: 'number', bool: 'boolean'}[kind]}
    name = f'{kind.__module__}.{kind.__name__}'
    if name not in defs:
        defs[name] = None
        hints, fields = typing.get_type_hints(kind), attr.fields(kind)
        properties = {f.name: {**json_schema(hints[f.name], defs), **({'format': FORMATS[f.name]} if f.name in FORMATS else {})} for f in fields}
        required = [f.name for f in fields if f.default is attr.NOTHING or f.name in ('producer', 'schemaURL', '_producer', '_schemaURL')]
        defs[name] = {'type': 'object', 'properties': properties, 'required': required, 'additionalProperties': False}
    return {'$ref': f'#/$defs/{name}'}


def facets_of(e):
    "(which part of the event, where in it, its facets) of all parts"
    for part, owners in [('run', [e['run']]), ('job', [e['job']]), ('dataset', [*e['inputs'], *e['outputs']])]:
        for owner in owners:
            for place in ('facets', 'inputFacets', 'outputFacets'): yield part, place, owner.get(place, {})


def validate_by_classes(e):
    import jsonschema
    strict = jsonschema.Draft202012Validator
    assert {'date-time', 'uri', 'uuid'} <= set(strict.FORMAT_CHECKER.checkers)   # those that lack their package check nothing
    def check(value, cls):
        defs = {}
        jsonschema.validate(value, {**json_schema(cls, defs), '$defs': defs}, cls=strict, format_checker=strict.FORMAT_CHECKER)
    classes = official()
    check(e, classes[e['schemaURL']])
    for part, place, facets in facets_of(e):
        for name, facet in facets.items():
            cls = classes[facet['_schemaURL']]                            # a wrong version or name is not among them
            check(facet, cls)
            kind = {'outputFacets': 'OutputDatasetFacet', 'inputFacets': 'InputDatasetFacet'}.get(place, f'{part.title()}Facet')
            assert kind in [b.__name__ for b in cls.__mro__]
            assert cls.__name__.lower().startswith(name.replace('_', '').lower()) or (name, cls.__name__) == ('version', 'DatasetVersionDatasetFacet')


# The files as published: MLOPS_TEST_OPENLINEAGE names a folder that has them, for example `spec` in a clone of OpenLineage/OpenLineage

PUBLISHED = os.environ.get('MLOPS_TEST_OPENLINEAGE')


@functools.cache
def published():
    "Address of a schema -> its file; and a function that makes a validator of an address, with no way to the network"
    from jsonschema import Draft202012Validator as strict
    from referencing import Registry, Resource
    read = [json.loads(f.read_text()) for f in sorted(Path(PUBLISHED).rglob('*.json'))]
    files = {s['$id']: s for s in read if isinstance(s, dict) and '$id' in s}
    for s in files.values(): strict.check_schema(s)
    registry = Registry().with_resources((id, Resource.from_contents(s)) for id, s in files.items())
    return files, lambda address: strict({'$ref': address}, registry=registry, format_checker=strict.FORMAT_CHECKER)


def validate_by_files(e):
    files, validator = published()
    core = e['schemaURL'].partition('#')[0]
    validator(core).validate(e)                                           # exactly one kind of event
    validator(e['schemaURL']).validate(e)
    for part, place, facets in facets_of(e):
        for name, facet in facets.items():
            file, _, pointer = facet['_schemaURL'].partition('#')
            validator(facet['_schemaURL']).validate(facet)
            validator(file).validate(facets)                              # the file also says under which name its facet stands
            assert files[file]['properties'][name]['$ref'] == f'#{pointer}'
            kind = {'outputFacets': 'OutputDatasetFacet', 'inputFacets': 'InputDatasetFacet'}.get(place, f'{part.title()}Facet')
            assert files[file]['$defs'][pointer.rpartition('/')[2]]['allOf'][0]['$ref'] == f'{core}#/$defs/{kind}'


# without the folder there is no second parameter, and so nothing to skip
@pytest.fixture(params=[validate_by_classes, *[validate_by_files]*bool(PUBLISHED)], ids=lambda f: f.__name__[12:])
def validate(request): return request.param


@pytest.fixture
def events(ledgers):
    versions, registry, log = ledgers
    months = [versions.version_data(pd.DataFrame({'x': [float(i)], 'late': pd.array([True], 'boolean'), 'when': pd.to_datetime(['2013-01-01'])}), 'flights', f'month {i}') for i in (1, 2)]
    training = versions.version_data(pd.DataFrame({'x': [1., 2.]}), 'training', parent_version=months)
    registry.register_model(holds([1]), 'delay', '1.0.0', data_version=training, metrics={'auc': 0.7}, by='ann')
    registry.register_model(holds([2]), 'delay', '1.0.0', data_version=training, overwrite=True)
    with unresolved(): registry.register_model(holds([2]), 'delay', '2.0.0rc1', data_version='gone_0a')
    registry.set_alias('delay', 'champion', '1.0.0')
    log.log_predictions([[1]]*3, [0, 1, 1], model_version='delay:1.0.0')
    return Lineage(*ledgers).to_openlineage()


def test_every_event_fits_the_public_schemas(events, validate):
    assert Counter(e['job']['name'] for e in events) == {'version_data/flights': 2, 'version_data/training': 1, 'register_model/delay': 3, 'predict/delay': 1}
    for e in events: validate(e)
    facets = {name for e in events for *_, found in facets_of(e) for name in found}
    assert facets == {'version', 'datasetType', 'schema', 'dataSource', 'documentation', 'tags', 'outputStatistics', 'jobType', 'processing_engine'}


def test_columns_of_any_name_and_data_of_any_kind_make_valid_events(tmp_path, validate):
    (tmp_path/'a.csv').write_text('a,b\n1,2\n')
    data = dict(numbers=pd.DataFrame([[1, 2]]), pairs=pd.DataFrame({('a', 1): [1], ('b', 2): [2]}), twice=pd.DataFrame([[1, 2]], columns=['x', 'x']), none=pd.DataFrame([[1]], columns=[None]),
                empty=pd.DataFrame(), file=tmp_path/'a.csv', array=np.arange(6).reshape(2, 3), scalar=np.array(3))
    with DataVersioning(tmp_path/'v') as versions:
        for name, x in data.items(): versions.version_data(x, f'\u00fc-{name}', description='"\u2028\U0001f600' if name == 'file' else None)
        events = Lineage(versions).to_openlineage(namespace='a b/\u00e9:1')
    assert [e['job']['name'] for e in events] == [f'version_data/\u00fc-{name}' for name in data]
    for e in events: validate(json.loads(json.dumps(e)))


@pytest.mark.parametrize('broken', ['runId', 'eventTime', 'time without zone', 'producer', 'eventType', 'a dataset and a run', 'no producer of a facet', 'producer of a facet', 'facet version', 'facet of a job',
                                    'missing member', 'type of a field', 'fields', 'no namespace'])
def test_the_validation_would_see_a_fault(events, validate, broken):
    import jsonschema
    from referencing.exceptions import Unresolvable
    e = json.loads(json.dumps(events[0]))
    facets = e['outputs'][0]['facets']
    if broken == 'runId': e['run']['runId'] = 'monday'
    if broken == 'eventTime': e['eventTime'] = 'monday'
    if broken == 'time without zone': e['eventTime'] = e['eventTime'][:19]
    if broken == 'producer': e['producer'] = 'mlops nb'
    if broken == 'eventType': e['eventType'] = 'DONE'
    if broken == 'a dataset and a run': e['run'] = e['outputs'][0]
    if broken == 'no producer of a facet': del facets['version']['_producer']
    if broken == 'producer of a facet': facets['tags'] = dict(tags=[], _producer='mlops nb', _schemaURL=facets['version']['_schemaURL'].replace('1-0-1/DatasetVersion', '1-0-0/Tags').replace('DatasetVersion', 'Tags'))
    if broken == 'facet of a job': facets['jobType'] = e['job']['facets']['jobType']
    if broken == 'facet version': facets['version']['_schemaURL'] = facets['version']['_schemaURL'].replace('1-0-1', '9-0-0')
    if broken == 'missing member': del facets['version']['datasetVersion']
    if broken == 'type of a field': facets['schema']['fields'][0]['type'] = 3
    if broken == 'fields': facets['schema']['fields'] = {'x': 'int64'}
    if broken == 'no namespace': del e['outputs'][0]['namespace']
    with pytest.raises((jsonschema.ValidationError, Unresolvable, KeyError, AssertionError)): validate(e)
    validate(events[0])


def test_members_that_the_classes_do_not_know_are_seen(events):
    import jsonschema
    e = json.loads(json.dumps(events[0]))
    e['outputs'][0]['facets']['version']['colour'] = 'red'
    with pytest.raises(jsonschema.ValidationError, match='colour'): validate_by_classes(e)


def test_the_events_hold_every_edge_of_the_graph(ledgers, events):
    version = lambda d: (d['name'], d['facets']['version']['datasetVersion'])
    told = {(version(i), version(o)) for e in events for i in e['inputs'] for o in e['outputs']}
    def spelled(n): return (n.name.rpartition('_')[0], n.name) if n.kind == 'data' else (f"{n.kind}/{n.name.partition(':')[0]}", n.name.partition(':')[2])
    graph = Lineage(*ledgers).graph()
    assert told == {(spelled(graph.nodes[a]), spelled(graph.nodes[b])) for a, b in graph.edges} and len(told) == 6


def test_the_official_client_takes_the_events(events):
    pytest.importorskip('openlineage.client', reason='pip install openlineage-python')
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.serde import Serde
    for e in events:
        theirs = RunEvent(eventTime=e['eventTime'], producer=e['producer'], run=Run(**e['run']), job=Job(**e['job']), eventType=RunState[e['eventType']], inputs=e['inputs'], outputs=e['outputs'])
        assert json.loads(Serde.to_json(theirs)) == e


def test_runs_are_the_same_when_they_are_told_again(ledgers, events):
    assert Lineage(*ledgers).to_openlineage() == events
    ids = [e['run']['runId'] for e in events]
    assert len(set(ids)) == len(ids)
    assert not set(ids) & {e['run']['runId'] for e in Lineage(*ledgers).to_openlineage(namespace='other')}
    ledgers[1].register_model(holds([9]), 'delay', '1.0.0', overwrite=True)
    assert set(ids) <= {e['run']['runId'] for e in Lineage(*ledgers).to_openlineage()}      # an overwrite renames no run of the past


def test_no_place_of_the_store_is_told(ledgers, events): assert str(ledgers[0].store.location) not in json.dumps(events)
