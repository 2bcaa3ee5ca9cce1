"Round trips of many kinds of frames, many writers, sudden deaths, and a lineage that cannot bite its tail"
import base64
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
import zlib
from datetime import date, datetime, time as clock, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra.pandas import column, data_frames, range_indexes

from mlops_nb.data import chunks
from mlops_nb.data.columns import content_key as _chunk_key
from mlops_nb.core.rules import Conflict, InvalidInput, IntegrityError, MissingFile, NotFound, use_clock
from mlops_nb.data.manifests import table_manifest
from mlops_nb.data.tables import read_table
from mlops_nb.store.store import Store
from mlops_nb.data.versioning import DataVersioning


def python(code, *args, **kw): return subprocess.Popen([sys.executable, '-c', textwrap.dedent(code), *map(str, args)], **kw)


def equal(a, b):
    "Equal in everything that pandas can check, and None is not NaN"
    kind = 'exact' if len(a) and (pd.__version__ >= '3' or a.index.nlevels == 1) else False   # pandas 2.2 guesses what an index without values holds
    pd.testing.assert_frame_equal(a, b, check_exact=True, check_index_type=kind, check_column_type='exact', check_freq=True)
    assert type(a.index) is type(b.index) and [lev.dtype for lev in getattr(a.index, 'levels', [a.index])] == [lev.dtype for lev in getattr(b.index, 'levels', [b.index])]
    for i in range(a.shape[1]):
        if a.dtypes.iloc[i] == object: assert [type(x) for x in a.iloc[:, i]] == [type(x) for x in b.iloc[:, i]]


COLUMNS = {
    'float': [1.5, np.nan, -0.0], 'float32': np.array([1.5, np.nan, np.inf], 'float32'), 'int8': np.array([1, -1, 0], 'int8'), 'uint64': np.array([2**64-1, 0, 1], 'uint64'),
    'bool': [True, False, True], 'Int64': pd.array([1, None, 3], 'Int64'), 'boolean': pd.array([True, None, False], 'boolean'), 'Float64': pd.array([1.5, None, 0], 'Float64'),
    'string': pd.array(['a', None, ''], 'string'), 'str': pd.Series(['a', 'ü', '']), 'object': pd.Series(['a', None, 'b'], dtype=object),
    'category': pd.Categorical(['b', None, 'a'], categories=['b', 'a', 'unused'], ordered=True), 'number category': pd.Categorical([3, 1, 3]),
    'time': pd.to_datetime(['2013-01-01', None, '2013-06-01']), 'time in zone': pd.to_datetime(['2013-01-01', None, '2013-06-01']).tz_localize('America/New_York'),
    'seconds': pd.Series(pd.to_datetime(['2013-01-01', '2013-02-01', None])).astype('datetime64[s]'), 'duration': pd.to_timedelta([1, None, 3], unit='h'),
    'arrow': pd.array([1, None, 3], 'int16[pyarrow]'), 'arrow text': pd.array(['a', None, 'c'], 'string[pyarrow]'),
}
COLUMNS |= {
    'period': pd.array([pd.Period('2013-02', 'M'), None, pd.Period('2012-01', 'M')]), 'interval': pd.arrays.IntervalArray.from_tuples([(0, 1), None, (2, 3)], closed='both'),
    'interval of times': pd.interval_range(pd.Timestamp('2013', tz='Europe/Paris'), periods=3), 'sparse': pd.arrays.SparseArray([0., np.nan, 2.], fill_value=0.), 'sparse flags': pd.arrays.SparseArray([True, False, False]),
    'complex': np.array([1 + 2j, complex(np.nan, -0.0), 0]), 'complex64': np.array([1j, 2, 3], 'complex64'), 'half': np.array([1.5, np.nan, -0.0], 'float16'), 'big endian': np.array([1, 2, 3], '>i4'),
    'string python': pd.array(['a', None, ''], 'string[python]'), 'string arrow': pd.array(['a', None, ''], 'string[pyarrow]'), 'object nan': pd.Series(['a', np.nan, 'b'], dtype=object),
    'category of times': pd.Categorical(pd.to_datetime(['2013-02-01', '2013-01-01', None]).tz_localize('Asia/Tokyo')), 'category of intervals': pd.cut([1, 5, 9], 3), 'all missing': [None, None, None],
    'fixed zone': pd.to_datetime(['2013-01-01', None, '2013-06-01']).tz_localize('+05:30')}
INDEXES = [None, pd.period_range('2013', periods=3, freq='Q'), pd.interval_range(0, 3), pd.CategoricalIndex(['a', 'b', 'a'], categories=['b', 'a', 'c']), pd.RangeIndex(6, 0, -2, name='down'), pd.timedelta_range('1h', periods=3),
           pd.MultiIndex.from_arrays([pd.period_range('2013', periods=3, freq='D'), [None, 'a', 'b'], [1.5, np.nan, 2]], names=['d', 1, None]), pd.Index([3, 1, 2], name='id'), pd.Index(['x', 'y', 'z']), pd.MultiIndex.from_tuples([(1, 'a'), (1, 'b'), (2, 'a')], names=['n', None]),
           pd.date_range('2013-01-01', periods=3, tz='UTC'), pd.Index([1, 1, 1])]


@pytest.mark.parametrize('kind', COLUMNS)
def test_every_type_comes_back_as_it_was(tmp_path, kind):
    frame = pd.DataFrame({'x': COLUMNS[kind]})
    with DataVersioning(tmp_path/'d') as v:
        equal(v.load_data(v.version_data(frame, 'd')), frame)
        equal(v.load_data(v.version_data(frame[:0], 'none')), frame[:0])
        equal(v.load_data(v.version_data(pd.concat([frame]*3).reset_index(drop=True), 'd')), pd.concat([frame]*3).reset_index(drop=True))


def test_every_index_comes_back_and_no_two_frames_that_differ_share_an_id(tmp_path):
    frames = [pd.DataFrame({kind: values}) for kind, values in COLUMNS.items()]
    frames += [frames[0].set_axis(i) for i in INDEXES if i is not None]
    frames += [pd.DataFrame({'float': [1, 2, 3]}), pd.DataFrame({'float': [1., 2, 3]}), pd.DataFrame({'float': ['1', '2', '3']}), pd.DataFrame({'float': [3., 2, 1]})]
    frames += [pd.DataFrame([[1, 2]], columns=['a', 'b']), pd.DataFrame([[2, 1]], columns=['b', 'a']), pd.DataFrame([[1, 2]], columns=['a', 'a'])]
    with DataVersioning(tmp_path/'d') as v:
        ids = [v.version_data(f, 'd') for f in frames]
        for i, f in zip(ids, frames): equal(v.load_data(i), f)
        assert len(set(ids)) == len(frames)
        assert [v.version_data(f.copy(), 'd') for f in frames] == ids          # and what is equal does


NAMES = st.text('ab é', max_size=2) | st.none()
@st.composite
def any_frame(draw):
    "A frame of some of the columns above, its rows in any order and number, under any index and header"
    kinds = draw(st.lists(st.sampled_from(sorted(set(COLUMNS) - {'big endian'})), max_size=4))
    rows = draw(st.lists(st.integers(0, 2), max_size=8))
    frame = pd.DataFrame({i: pd.Series(COLUMNS[k]).take(rows).reset_index(drop=True) for i, k in enumerate(kinds)}, index=range(len(rows)))
    index = draw(st.sampled_from(INDEXES))
    if index is not None: frame = frame.set_axis(index.take(rows))
    header = draw(st.sampled_from(['names', 'numbers', 'pairs', 'times']))
    if header == 'names': frame.columns = pd.Index(draw(st.lists(st.text('ab é', max_size=2), min_size=len(kinds), max_size=len(kinds))), dtype=object if not kinds else None)
    if header == 'pairs' and kinds: frame.columns = pd.MultiIndex.from_tuples([(draw(st.sampled_from('ab')), i) for i in range(len(kinds))], names=[draw(NAMES), draw(NAMES)])
    if header == 'times': frame.columns = pd.date_range('2013', periods=len(kinds), freq='D', tz='UTC')
    return frame


@given(any_frame())
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_frame_comes_back(tmp_path_factory, frame):
    with DataVersioning(tmp_path_factory.mktemp('any')/'d') as v: equal(v.load_data(v.version_data(frame, 'd')), frame)


@given(data_frames([column('a', dtype=float), column('b', dtype=int), column('c', elements=st.text(max_size=5), dtype=object)], index=range_indexes(max_size=20)))
@settings(max_examples=40, deadline=None)
def test_any_values_come_back(tmp_path_factory, frame):
    with DataVersioning(tmp_path_factory.mktemp('any')/'d') as v: equal(v.load_data(v.version_data(frame, 'd')), frame)


def test_what_cannot_come_back_is_refused_by_name_and_nothing_is_written(tmp_path):
    with DataVersioning(tmp_path/'d') as v:
        for odd in ([[1], [2]], [1, 'a'], [{}, {}], [None, float('nan')], [1j, 2j], [pd.NA, 'a'], ['\ud800', 'a'], [b'a', 'b']):
            with pytest.raises(InvalidInput, match="column 'odd'"): v.version_data(pd.DataFrame({'odd': pd.Series(odd, dtype=object)}), 'd')
        assert v.get_lineage() == {}


def test_eight_processes_writing_versions_lose_none(tmp_path):
    code = '''
        import sys, pandas as pd
        from mlops_nb.data.versioning import DataVersioning
        v, me, parent = DataVersioning(sys.argv[1]), int(sys.argv[2]), None
        shared = v.version_data(pd.DataFrame({'x': range(100)}), 'shared')
        for i in range(6): parent = v.version_data(pd.DataFrame({'x': range(100), 'by': me, 'i': i}), 'd', parent_version=parent or shared)
    '''
    running = [python(code, tmp_path/'d', k) for k in range(8)]
    assert [p.wait() for p in running] == [0]*8
    with DataVersioning(tmp_path/'d') as v:
        records = v.get_lineage().values()
        assert len(records) == 8*6 + 1 and v.store.verify() == []
        for r in records: assert len(v.load_data(r['version'])) == 100
        last = [r['version'] for r in records if r['version'] not in {r['parent_version'] for r in records}]
        assert len(last) == 8 and all(len(v.get_lineage(x)) == 7 for x in last)


def test_kill_at_any_point_leaves_every_acknowledged_version_loading(tmp_path):
    code = '''
        import itertools, sys, numpy as np, pandas as pd
        from mlops_nb.data.versioning import DataVersioning
        v, me, parent = DataVersioning(sys.argv[1]), int(sys.argv[2]), None
        print('ready', flush=True)
        for i in itertools.count():
            parent = v.version_data(pd.DataFrame({'x': np.arange(200_000) + i, 'me': me}), 'd', parent_version=parent)
            print(parent, i, flush=True)
    '''
    rng, kept = random.Random(2), {}
    for k in range(6):
        child = python(code, tmp_path/'d', k, stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        time.sleep(rng.uniform(0.02, 0.3))
        if k % 2: kept.update([child.stdout.readline().split()])                  # at least one acknowledged, however busy the machine is
        child.send_signal(signal.SIGKILL)
        kept.update(line.split() for line in child.stdout if line.endswith('\n'))
        child.wait(); child.stdout.close()
        with DataVersioning(tmp_path/'d') as v:
            assert v.store.verify() == []
            for version, i in kept.items(): assert v.load_data(version)['x'].iloc[0] == int(i)
            assert set(kept) <= set(v.get_lineage())
    assert len(kept) >= 3


def test_no_order_of_calls_makes_a_cycle(tmp_path):
    with DataVersioning(tmp_path/'d') as v:
        a = v.version_data(pd.DataFrame({'x': [1]}), 'd')
        b = v.version_data(pd.DataFrame({'x': [2]}), 'd', parent_version=a)
        for parent in (a, b, [b, a]):                                            # back to the first content: it is there, and stays what it was
            with pytest.warns(UserWarning, match='is there already, and its record does not change; not noted: the parent'): assert v.version_data(pd.DataFrame({'x': [1]}), 'd', parent_version=parent) == a
        with pytest.raises(NotFound): v.version_data(pd.DataFrame({'x': [3]}), 'd', parent_version='d_0000')
        assert [r['version'] for r in v.get_lineage(b)] == [b, a] and [r['parents'] for r in v.get_lineage().values()] == [[], [a]] and v.check_records() == []
        many = a
        for i in range(300): many = v.version_data(pd.DataFrame({'y': [i]}), 'long', parent_version=many)
        assert len(v.get_lineage(many)) == 301                                   # a long chain is no recursion


TYPES = {pa.date32(): date(2013, 1, 1), pa.date64(): date(2013, 1, 1), pa.time32('s'): clock(1, 2), pa.time32('ms'): clock(1, 2), pa.time64('us'): clock(1, 2), pa.time64('ns'): clock(1, 2),
         pa.decimal128(10, 2): Decimal('1.50'), pa.decimal128(38, 0): Decimal(10**37), pa.decimal256(50, 2): Decimal('1.50'), pa.null(): None, pa.binary(2): b'ab', pa.binary(): b'abc',
         pa.list_(pa.int8()): [1, None], pa.list_(pa.string()): ['a', ''], pa.struct([('a', pa.int8()), ('b', pa.string())]): {'a': 1, 'b': None}, pa.list_(pa.int8(), 2): [1, 2],
         pa.timestamp('us'): datetime(2013, 1, 1), pa.timestamp('s', tz='UTC'): datetime(2013, 1, 1), pa.duration('us'): timedelta(1), pa.string(): 'a', pa.bool_(): True, pa.float32(): 1.5, pa.uint64(): 2**64 - 1}

def arrow(values, t): return pd.DataFrame({'x': pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values, t)])))})


@pytest.mark.parametrize('t', TYPES, ids=str)
def test_every_arrow_type_comes_back_with_and_without_missing_values(tmp_path, t):
    value, ids = TYPES[t], []
    with DataVersioning(tmp_path/'d') as v:
        for values in ([value], [value, None], [None, value], [None], [None, None], []):
            frame = arrow(values, t)
            back = v.load_data(v.version_data(frame, 'd'))
            pd.testing.assert_frame_equal(back, frame, check_exact=True)
            assert pa.array(back['x'].array).to_pylist() == pa.array(values, t).to_pylist() and back['x'].dtype.pyarrow_dtype == t
            ids.append(v.version_data(frame.copy(), 'd'))
        assert len(set(ids)) == (6 if value is not None else 3)


def test_keys_of_arrow_chunks_stay_what_they_are():
    pinned = {(pa.date32(), 0): 'b4bc72c076b6', (pa.time32('s'), 0): 'b8841ef732b4', (pa.date64(), 1): '0cdcde3d0934', (pa.time64('us'), 1): 'f9b3a901424e', (pa.decimal128(10, 2), 0): '6c20312241dd',
              (pa.decimal256(50, 2), 1): 'ac12ce3c1dc6', (pa.timestamp('us'), 1): 'c8b1c1751b65', (pa.duration('us'), 1): 'd62cb202b940', (pa.string(), 1): 'b1932a79e3f2'}
    for (t, holes), key in pinned.items(): assert _chunk_key(pa.array([TYPES[t]] + [None]*holes, t))[:12] == key, str(t)   # an id that was given out is for ever


def test_bytes_of_one_length_are_hashed_by_their_content_and_not_by_their_address():
    made = {_chunk_key(pa.array([b'%03d' % i], pa.binary(3))) for i in range(300)}
    assert len(made) == 300 and _chunk_key(pa.array([b'007'], pa.binary(3))) in made


@pytest.mark.parametrize('t,value', [(pa.dictionary(pa.int8(), pa.string()), 'a'), (pa.month_day_nano_interval(), (1, 2, 3)), (pa.map_(pa.string(), pa.int8()), [('a', 1)]), (pa.binary_view(), b'a')], ids=str)
def test_arrow_types_that_cannot_come_back_are_refused_by_the_name_of_the_column(tmp_path, t, value):
    with DataVersioning(tmp_path/'d') as v:
        for values in ([value], [value, None], [None]):
            with pytest.raises(InvalidInput, match="column 'x' has the dtype"): v.version_data(arrow(values, t), 'd')


@pytest.mark.parametrize('names', [['a', 'a', 'b'], ['b', 'a', 'a'], ['a', 'a', 'a'], [1, 1, 2]], ids=str)
@pytest.mark.parametrize('place', [0, 1, 2])
def test_a_change_in_any_of_the_columns_of_one_name_is_reported(tmp_path, names, place):
    frame = pd.DataFrame([[1, 2, 3]], columns=names)
    with DataVersioning(tmp_path/'d') as v:
        changed = frame.copy(); changed.isetitem(place, [9.5])
        found = v.compare_versions(v.version_data(frame, 'd'), v.version_data(changed, 'd'))
        assert len(found['changed_columns']) == 1 and len(found['common_columns']) == 3 and list(found['dtype_changes'].values()) == [{'from': 'int64', 'to': 'float64'}]
        assert not found['columns_added'] and not found['columns_removed'] and not found['order_changed']
        fewer = v.compare_versions(v.version_data(frame, 'd'), v.version_data(frame.iloc[:, [1, 2]], 'd'))
        assert len(fewer['columns_removed']) == 1 and fewer['columns_added'] == []


def test_whatever_is_compared_json_can_hold_and_the_dtypes_are_those_of_pandas(tmp_path):
    frames = [(kind, pd.DataFrame({'x': values})) for kind, values in COLUMNS.items() if kind != 'big endian'] + [(str(t), arrow([value, None, value], t)) for t, value in TYPES.items()]
    with DataVersioning(tmp_path/'d') as v:
        plain = v.version_data(pd.DataFrame({'x': [7, 8, 9]}), 'plain')
        for kind, frame in frames:
            a, b = v.version_data(frame, 'a'), v.version_data(frame.iloc[::-1].reset_index(drop=True).iloc[[0, 0, 1]].reset_index(drop=True), 'b')
            turned, other = v.compare_versions(a, b), v.compare_versions(plain, a, drift=True)
            assert json.dumps([turned, other], allow_nan=False) and turned['dtype_changes'] == {} and turned['rows']['unchanged'] >= 1, kind
            assert other['dtype_changes'] == {'x': {'from': 'int64', 'to': str(frame.x.dtype)}}, kind
        array, file = v.version_data(np.zeros((2, 3, 4)), 'array'), v.version_data(Path(__file__), 'file')
        for pair in ((array, plain), (plain, file), (array, file)): json.dumps(v.compare_versions(*pair), allow_nan=False)
        assert v.compare_versions(array, plain)['shape_change'] == {'from': (2, 3, 4), 'to': (3, 1)}


def test_a_header_that_is_refused_says_what_helps(tmp_path):
    flat = pd.DataFrame([[1, 2]], columns=pd.Index([('a', 1), ('b', 2)], tupleize_cols=False))
    with DataVersioning(tmp_path/'d') as v:
        with pytest.raises(InvalidInput, match=r'the header holds Python objects \(tuple\).*MultiIndex\.from_tuples') as e: v.version_data(flat, 'd')
        assert 'convert_dtypes' not in str(e.value)
        v.version_data(flat.set_axis(pd.MultiIndex.from_tuples(flat.columns), axis=1), 'd')              # it does help
        mixed = pd.DataFrame([[1, 2]], columns=['a', 1])
        with pytest.raises(InvalidInput, match=r'the header holds Python objects \(int\).*map\(str\)'): v.version_data(mixed, 'd')
        v.version_data(mixed.set_axis(mixed.columns.map(str), axis=1), 'd')


# -- a store of the first schema ------------------------------------------------------------------------------------------------------------

SHORT = ['base_7edd546c8537', 'more_627f2fbd5cde', 'indexed_7a244ba24aa9', 'named_97ebd1abe392', 'long_aabe18a7139a', 'array_7b4113f4d8c2']
OLD = ['base_7edd546c85371696', 'more_627f2fbd5cde71e1', 'indexed_7a244ba24aa9a317', 'named_97ebd1abe392788f', 'long_aabe18a7139a9652', 'array_7b4113f4d8c25404']   # the same, as they are called today


def old_frames():
    base = pd.DataFrame({'n': np.arange(6), 'x': [1.5, np.nan, -0.0, np.inf, 2, 3], 'text': pd.Series(['a', None, 'ü', '', 'b', 'a'], dtype=object),
        'string': pd.array(['a', None, '', 'x', 'y', 'z'], dtype='string[pyarrow]'), 'cat': pd.Categorical(['b', None, 'a', 'b', 'a', 'b'], categories=['b', 'a', 'unused'], ordered=True),
        'Int64': pd.array([1, None, 3, 4, 5, 6], dtype='Int64'), 'at': pd.to_datetime(['2013-01-01', None, '2013-06-01', '2013-01-02', '2013-01-03', '2013-01-04']).tz_localize('America/New_York').as_unit('us'),
        'arrow': pd.array([1, None, 3, 4, 5, 6], dtype='int16[pyarrow]'), 'flag': [True, False]*3})
    return [base, pd.concat([base, base], ignore_index=True), base.set_index(pd.MultiIndex.from_product([[1, 2], ['a', 'b', 'c']], names=['n', None])), base.drop(columns='n').set_axis(pd.RangeIndex(6, name='n')),
            pd.DataFrame({'k': np.arange(70_000, dtype='int32') // 7}), np.arange(24.).reshape(2, 3, 4)]


@pytest.fixture
def old_store(tmp_path):
    "A store as 0.1.0 wrote it, before chunks followed the content (tests/stores/data_v1.*)"
    here, to = Path(__file__).parent/'stores', tmp_path/'old'
    to.mkdir()
    written(to, (here/'data_v1.sql').read_text(), {f'blobs/{sha[:2]}/{sha[2:]}': data for sha, data in json.loads((here/'data_v1.blobs.json').read_text()).items()})
    return to


def written(to, tables, blobs):
    "A store of these tables and blobs"
    db = sqlite3.connect(to/'store.db'); db.executescript(tables); db.close()
    for path, data in blobs.items():
        (to/path).parent.mkdir(parents=True, exist_ok=True); (to/path).write_bytes(base64.b64decode(data))


def test_a_store_of_the_first_schema_opens_and_every_old_id_loads(old_store):
    for _ in range(2):                                                               # the second time it is a store of today
        with DataVersioning(old_store) as v:
            assert v.store.verify() == [] and list(v.get_lineage()) == OLD
            for version, short, frame in zip(OLD, SHORT, old_frames()):
                for name in (version, short, short[:-4]):
                    if isinstance(frame, pd.DataFrame): equal(v.load_data(name), frame)
                    else: np.testing.assert_array_equal(v.load_data(name), frame)
            assert [r['version'] for r in v.get_lineage(SHORT[3])] == [OLD[3], *OLD[1:3], OLD[0]] and v.get_lineage(OLD[3])[0]['parents'] == OLD[1:3]
            first = v.get_lineage()[OLD[0]]
            assert first['created_at'] == '2013-03-31T12:00:00.000000+00:00' and Path(first['path']).is_file() and first['description'] == 'the base one'
            assert v.check_records() == []                                               # sealed when the store was opened
    with DataVersioning(old_store) as v:
        with v.store.write() as c: c.exec_driver_sql('update data_parents set parent = ? where parent = ?', (OLD[0], OLD[1]))
        assert v.check_records() == [f'data version {OLD[3]!r}: its record says something else than when it was written']


@pytest.fixture
def short_store(tmp_path):
    "A store whose ids have 12 digits, and whose records are sealed (tests/stores/main.*); its folder, and what it held"
    here, to = Path(__file__).parent/'stores', tmp_path/'short'
    to.mkdir()
    held = json.loads((here/'main.blobs.json').read_text())
    written(to, (here/'main.sql').read_text(), held['blobs'])
    return to, held['said']


def longer(version, records): return next(f"{r['name']}_{r['hash'][:16]}" for r in records if r['version'] == version)


def test_ids_of_twelve_digits_become_longer_and_the_old_texts_still_name_them(short_store):
    folder, said = short_store
    old = said['records']
    with DataVersioning(folder) as v: frames = [v.load_data(r['version']) for r in old]
    for _ in range(2):                                                               # the second time it is a store of today
        with DataVersioning(folder) as v:
            records = v.get_lineage()
            assert list(records) == [longer(r['version'], old) for r in old] and v.check_records() == [] and v.store.verify() == []
            for was, now in zip(old, records.values()):
                assert {k: now[k] for k in ('name', 'created_at', 'description', 'kind', 'rows', 'columns', 'deleted_at')} == {k: was[k] for k in ('name', 'created_at', 'description', 'kind', 'rows', 'columns', 'deleted_at')}
                assert now['digest'] == was['hash'] and now['size_mb'] == pytest.approx(was['size_mb']*1e6/1024**2) and now['parents'] == [longer(p, old) for p in was['parents']] and now['path'] == f"{folder}/{was['path']}"
            assert [r['version'] for r in v.get_lineage('cust_bb187c1a265d')] == ['cust_bb187c1a265d7d76', 'cust_f31d92643e605dc5']
            assert frames[0].shape == (300, 4) and v.version_data(frames[0], 'cust', 'raw') == 'cust_f31d92643e605dc5' and len(v.get_lineage()) == len(old)
            with v.store.read() as c:
                owners = {o for o, in c.exec_driver_sql("select distinct owner from blob_refs where owner like 'data/%'")}
                told = [d for d, in c.exec_driver_sql('select data_version from model_versions where data_version is not null')]
            assert owners == {f'data/{version}' for version in records} and told and all(v.get_lineage(d)[0]['version'].startswith(d) for d in told)   # what models say they were trained on
    with DataVersioning(folder) as v:
        v.delete('cust_bb187c1a265d'); v.gc(dry_run=False, grace=-1)
        assert v.store.verify() == [] and v.check_records() == [] and len(v.load_data('cust_f31d92643e60')) == 300


def test_longer_ids_make_no_forged_record_good(short_store):
    folder, _ = short_store
    db = sqlite3.connect(folder/'store.db')
    db.executescript("update data_versions set description = 'checked by the auditors' where name = 'cust' and description = 'raw'; update data_versions set hash = 'ff' || substr(hash, 3) where name = 'matrix'"); db.close()
    with DataVersioning(folder) as v:
        changed = 'its record says something else than when it was written'
        assert v.check_records() == [f"data version 'cust_f31d92643e605dc5': {changed}", f"data version 'matrix_dd850954cb90': {changed}", "data version 'matrix_dd850954cb90': its id is not that of its name and hash"]


def test_old_and_new_versions_live_together(old_store):
    base, more, *_, long, array = old_frames()
    with DataVersioning(old_store) as v:
        new = v.version_data(base, 'base', parent_version=OLD[0])
        assert new != OLD[0] and v.compare_versions(OLD[0], new)['changed_columns'] == []      # another id, and nothing has changed
        changed = v.version_data(base.assign(x=1.0), 'base', parent_version=new)
        assert v.compare_versions(OLD[0], changed)['changed_columns'] == ['x'] and v.manifest(OLD[0])['columns'][0]['chunks'] == v.manifest(new)['columns'][0]['chunks']
        equal(v.read_columns(OLD[0], ['text', 'cat'], (1, 3)), base[['text', 'cat']].iloc[1:3])
        equal(v.read_columns(OLD[4], rows=(65_000, 66_000)), long.iloc[65_000:66_000])
        longer = v.version_data(pd.concat([long, long.iloc[:5]], ignore_index=True), 'long', parent_version=OLD[4])
        assert v.load_data(longer).shape == (70_005, 1) and v.load_data(v.version_data(array + 1, 'array'))[0, 0, 0] == 1
        with pytest.raises(Conflict, match='made from'): v.delete(OLD[0])
        v.delete(OLD[5]); v.gc(dry_run=False, grace=-1)
        for version, frame in zip(OLD[:5], old_frames()): equal(v.load_data(version), frame)
        equal(v.load_data(changed), base.assign(x=1.0))


def test_a_manifest_of_a_newer_format_is_refused(tmp_path):
    with DataVersioning(tmp_path/'d') as v:
        a = v.version_data(pd.DataFrame({'x': [1]}), 'd')
        blob = v.store.put(zlib.compress(json.dumps({**v._manifest(v._record(a)), 'format': 3}).encode()))
        with v.store.write() as c: c.exec_driver_sql('update data_versions set manifest = ?', (blob,))
        with pytest.raises(InvalidInput, match='has a manifest of format 3; this version of mlops_nb reads up to 2'): v.load_data(a)


# -- paths ---------------------------------------------------------------------------------------------------------------------------------

def test_paths_mean_the_same_from_whatever_folder_and_the_home_is_found(tmp_path, monkeypatch):
    home, frame = tmp_path/'home', pd.DataFrame({'x': [1, 2]})
    home.mkdir(); (tmp_path/'else').mkdir()
    frame.to_csv(home/'x.csv', index=False); frame.to_csv(tmp_path/'x.csv', index=False); (home/'photo.bin').write_bytes(b'ab')
    monkeypatch.setenv('HOME', str(home)); monkeypatch.chdir(tmp_path)
    with DataVersioning('dv') as v:
        a = v.version_data('x.csv', 'd')
        assert v.version_data('~/x.csv', 'd') == a and v.load_data(v.version_data(Path('~/photo.bin'), 'photo')) == b'ab'
        monkeypatch.chdir('else')
        assert v.data_path == tmp_path/'dv' and Path(v.get_lineage()[a]['path']).is_file()
        assert v.export_data(a, '~/made/out.csv') == home/'made'/'out.csv' and v.export_data(a, 'out.parquet') == tmp_path/'else'/'out.parquet'
        assert v.export_data('photo', '~/copy.bin') == home/'copy.bin' and (home/'copy.bin').read_bytes() == b'ab'
        equal(read_table('~/made/out.csv'), frame); equal(v.load_data(a), frame)
        assert sorted(p.name for p in Path('.').iterdir()) == ['out.parquet']
        with pytest.raises(MissingFile, match=f'no file at .{tmp_path}/else/x.csv'): v.version_data('x.csv', 'd')
        for bad in ('x\0.csv', '', 'x'*5000):
            with pytest.raises(InvalidInput): v.version_data(bad, 'd')
            with pytest.raises(InvalidInput): v.export_data(a, bad)


def test_versions_in_memory_leave_nothing_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with DataVersioning(':memory:') as v:
        a = v.version_data(pd.DataFrame({'x': [1]}), 'd')
        assert str(v.data_path) == ':memory:' and v.load_data(a)['x'].tolist() == [1] and list(v.get_lineage()) == [a] and list(tmp_path.iterdir()) == []


def test_an_exported_file_is_on_the_disk_whole_or_not_at_all(tmp_path, monkeypatch):
    synced, real = [], os.fsync
    monkeypatch.setattr(os, 'fsync', lambda fd: synced.append(os.readlink(f'/proc/self/fd/{fd}') if sys.platform == 'linux' else fd) or real(fd))
    with DataVersioning(tmp_path/'d') as v:
        a, odd = v.version_data(pd.DataFrame({'x': [1]}), 'd'), v.version_data(pd.DataFrame({'z': [1j]}), 'odd')
        synced.clear(); path = v.export_data(a, tmp_path/'out'/'x.csv')
        assert len(synced) == 2 and (sys.platform != 'linux' or Path(synced[0]).parent == path.parent and synced[1] == str(path.parent))    # the file, then its folder
        with pytest.raises(InvalidInput, match='holds what .parquet cannot'): v.export_data(odd, tmp_path/'out'/'z.parquet')
        with pytest.raises(InvalidInput, match='is a folder'): v.export_data(a, (tmp_path/'folder.csv').mkdir() or tmp_path/'folder.csv')
        monkeypatch.setattr('mlops_nb.data.versioning.write_batches', lambda part, *_: Path(part).write_text('half') and 1/0)
        with pytest.raises(ZeroDivisionError): v.export_data(a, path)
        assert path.read_text() == 'x\n1\n' and [p.name for p in path.parent.iterdir()] == ['x.csv']


# -- which version is meant -----------------------------------------------------------------------------------------------------------------

def test_names_that_look_like_digits_and_names_with_lines(tmp_path):
    names = ['cafe', 'a', 'a_b', 'dead_beef', 'cust_ab12', '_', 'f', 'x__y', 'Cafe', 'é_1', 'per%cent']
    with DataVersioning(tmp_path/'d') as v:
        ids = {name: v.version_data(pd.DataFrame({'n': [i]}), name) for i, name in enumerate(names)}
        digests = {r['name']: r['digest'] for r in v.get_lineage().values()}
        for i, name in enumerate(names):
            for known in (ids[name], f'{name}_{digests[name]}', f'{name}_{digests[name][:30]}', f'{name}_{digests[name][:8]}', digests[name], digests[name][:8]): assert v.load_data(known)['n'].tolist() == [i], known
            assert ids[name] == f'{name}_{digests[name][:16]}' and v.get_lineage(f'{name}_{digests[name][:9]}')[0]['version'] == ids[name]
        assert v.get_lineage('e\u0301_1_' + digests['é_1'][:9])[0]['name'] == 'é_1'            # the same name, spelt with two characters
        with pytest.raises(NotFound): v.load_data('CAFE_' + digests['cafe'])
        with pytest.raises(NotFound): v.load_data('per_cent_' + digests['per%cent'][:4])


def test_one_content_under_two_names_is_loaded_by_its_digits_and_has_two_lineages(tmp_path):
    frame = pd.DataFrame({'x': [1, 2]})
    with DataVersioning(tmp_path/'d') as v:
        a, b = v.version_data(frame, 'a', 'one'), v.version_data(frame, 'b', 'two')
        digits = v.get_lineage(a)[0]['digest']
        equal(v.load_data(digits), frame); assert v.manifest(digits) == v.manifest(a) and v.compare_versions(digits[:9], b)['changed_columns'] == []
        for asks in (v.get_lineage, v.delete, lambda d: v.version_data(frame.head(1), 'c', parent_version=d)):
            with pytest.raises(InvalidInput, match=f'is the beginning of 2 versions: {a}, {b}'): asks(digits)
        v.delete(a); equal(v.load_data(digits), frame)                                       # the one that is still there


def test_two_contents_with_the_same_sixteen_digits_need_two_names(tmp_path, monkeypatch):
    from mlops_nb.data import manifests
    real = manifests.digest
    monkeypatch.setattr(manifests, 'digest', lambda data: 'c0ffee'*3 + real(data)[18:])
    with DataVersioning(tmp_path/'d') as v:
        a = v.version_data(pd.DataFrame({'x': [1]}), 'd')
        with pytest.raises(Conflict, match=f'{a}.* names another content, whose hash is c0ffee.*Take another name'): v.version_data(pd.DataFrame({'x': [2]}), 'd')
        b = v.version_data(pd.DataFrame({'x': [2]}), 'e')
        assert v.load_data(a)['x'].tolist() == [1] and v.load_data(b)['x'].tolist() == [2] and list(v.get_lineage()) == [a, b]
        with pytest.raises(InvalidInput, match='is the beginning of 2 versions'): v.load_data('c0ffee')


def test_arguments_are_checked_before_anything_is_written(tmp_path):
    frame = pd.DataFrame({'x': [1]})
    with DataVersioning(tmp_path/'d') as v:
        for bad in (dict(description=5), dict(parent_version=5), dict(parent_version={'a': 1}), dict(parent_version=[None]), dict(parent_version=''), dict(parent_version='nobody')):
            with pytest.raises((InvalidInput, NotFound)): v.version_data(frame, 'd', **bad)
        for bad in (None, 5, '', b'd'):
            with pytest.raises(InvalidInput): v.load_data(bad)
        assert v.get_lineage() == {} and blobs(v) == {}


def test_ten_thousand_versions_are_listed_in_a_moment(tmp_path):
    with DataVersioning(tmp_path/'d') as v:
        first = v.version_data(pd.DataFrame({'x': [1]}), 'd')
        with v.store.write() as c:
            row = dict(c.exec_driver_sql('select * from data_versions').mappings().one())
            ids = [f'd_{i:016x}' for i in range(10_000)]
            c.exec_driver_sql(f"insert into data_versions ({', '.join(row)}) values ({', '.join('?'*len(row))})", [tuple({**row, 'version': x, 'hash': x[2:] + 48*'0', 'seq': i + 2}.values()) for i, x in enumerate(ids)])
            c.exec_driver_sql('insert into data_parents values (?, ?, 0)', [(b, a) for a, b in zip([first, *ids], ids)])
        for asks in (v.get_lineage, lambda: v.lineage['datasets'], lambda: v.get_lineage(ids[-1]), lambda: v.get_lineage(ids[-1])):
            begin = time.monotonic(); found = asks()
            assert len(found) == 10_001 and time.monotonic() - begin < 3


# -- identity -------------------------------------------------------------------------------------------------------------------------------

PINNED = {'trips': 'd_c7d467bfdaa6a3f2', 'header': 'd_4e969612538bf409', 'masked': 'd_0de5e39963dc3940', 'text': 'd_42dfae98e65bab94', 'time': 'd_da60522001de0dd1'}

def test_ids_stay_what_they_are_under_every_pandas(tmp_path):
    "An id that was given out is for ever: these hold for all versions of pandas, numpy and Arrow that we support"
    text = pd.DataFrame({'t': ['a', 'b'], 's': pd.array(['a', None], 'string'), 'c': pd.Categorical(['x', 'y'])}, index=pd.Index(['p', 'q'], name='i'))
    frames = {'trips': pd.DataFrame({'carrier': ['UA', 'AA', 'B6'], 'delay': [11, 20, 33]}), 'text': text,
              'header': pd.DataFrame([[1, 2.5]], columns=pd.MultiIndex.from_tuples([('a', 1), ('b', 2)])), 'time': pd.DataFrame({'t': pd.to_datetime(['2013-01-01', None]).as_unit('ns').tz_localize('UTC')}),
              'masked': pd.DataFrame({'i': pd.array([1, None], 'Int64'), 'b': pd.array([True, None], 'boolean')})}
    with DataVersioning(tmp_path/'d') as v: assert {k: v.version_data(f, 'd') for k, f in frames.items()} == PINNED


@pytest.mark.parametrize('suffix', ['csv', 'csv.gz', 'tsv', 'jsonl', 'parquet'])
def test_a_large_file_has_the_id_of_the_frame_that_pandas_reads_from_it(tmp_path, suffix, monkeypatch):
    from mlops_nb.data import tables
    n, rng = 60_000, np.random.default_rng(1)
    frame = pd.DataFrame({'i': np.arange(n), 'x': rng.random(n), 'price': np.round(rng.lognormal(3, 1, n), 2), 'flag': rng.random(n) < 0.5, 's': rng.choice(['a', 'bb', 'ccc'], n)})
    if suffix != 'jsonl': frame['holed'] = np.where(rng.random(n) < 0.1, np.nan, 1.5)
    if suffix == 'parquet': frame = frame.assign(c=pd.Categorical(frame['s'], ['ccc', 'a', 'bb', 'unused'])).set_index('i')
    path = tmp_path/f't.{suffix}'
    if suffix == 'parquet': frame.to_parquet(path, row_group_size=17_000)
    elif suffix == 'jsonl': frame.to_json(path, orient='records', lines=True, double_precision=15)
    else: frame.to_csv(path, index=False, sep='\t' if suffix == 'tsv' else ',')
    with DataVersioning(tmp_path/'d') as v:
        whole = v.version_data(tables.read_table(path), 'd')
        monkeypatch.setattr(tables, '_SMALL', 0)
        assert len(list(tables.read_batches(path))) > 1
        assert v.version_data(path, 'd') == whole
        with DataVersioning(tmp_path/'other') as w:                                   # into a store that knows nothing of it
            assert w.version_data(path, 'd') == whole
            equal(w.load_data(whole), tables.read_table(path))


# -- what a version costs --------------------------------------------------------------------------------------------------------------------

def of_all_kinds(codes):
    "A frame of one column of each kind that is cut in its own way, made of small integers"
    lacks, texts = codes % 11 == 10, np.char.add('text ', codes.astype(str))
    return pd.DataFrame({
        'n': codes, 'small': codes.astype('int8'), 'float': np.where(lacks, np.nan, codes/8), 'text': pd.Series(texts, dtype='str'), 'holes': pd.Series(np.where(lacks, None, texts.astype(object)), dtype=object),
        'Int64': pd.arrays.IntegerArray(codes, lacks), 'flag': codes % 2 == 1, 'time': pd.to_datetime(codes, unit='s').tz_localize('UTC'), 'complex': codes + 1j,
        'category': pd.Categorical.from_codes(np.where(lacks, -1, codes % 300), range(300)), 'list': pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array([[c]*(c % 3) for c in codes.tolist()], pa.list_(pa.int64()))]))}).set_index(pd.Index(codes[::-1], name='row'))


@given(st.integers(0, 3), st.integers(0, 1500), st.sampled_from([1, 2, 20, 500]), st.lists(st.tuples(st.sampled_from(['append', 'end', 'insert', 'remove', 'block', 'scatter']), st.floats(0, 1), st.sampled_from([0, 1, 40, 64, 400])), max_size=3))
@settings(max_examples=60, deadline=None)
def test_chunks_do_not_depend_on_the_version_that_helped_to_find_them(seed, rows, values, edits):
    r = np.random.default_rng(seed)
    before = after = r.integers(0, values, rows)
    for what, place, n in edits:
        at, fresh = int(place*len(after)), r.integers(0, values, n)
        if what == 'append': after = np.concatenate([after, fresh])
        elif what == 'end': after = after[:len(after) - n] if n else after
        elif what == 'insert': after = np.insert(after, at, fresh)
        elif what == 'remove': after = np.delete(after, slice(at, at + n))
        elif what == 'block': after = np.concatenate([after[:at], fresh, after[at + n:]])
        elif len(after): after = after.copy(); after[r.integers(0, len(after), n)] = 7
    with pytest.MonkeyPatch.context() as m:
        for name, x in dict(_MIN=64, _MAX=400, _BITS=8, _BLOCK=150, _STEP=200).items(): m.setattr(chunks, name, x)
        old, alone = table_manifest([of_all_kinds(before)]), table_manifest([of_all_kinds(after)])
        assert table_manifest([of_all_kinds(after)], old=old) == alone
        assert table_manifest([of_all_kinds(after).add_suffix('2').rename(columns={'small2': 'n', 'category2': 'small', 'n2': 'category'})], old=old)['columns'] == alone['columns']


def blobs(v): return {p: p.stat().st_size for p in (Path(v.store.location)/'blobs').glob('??/*')}


def table(n, seed=0):
    r = np.random.default_rng(seed)
    return pd.DataFrame({'id': np.arange(n), 'x': r.normal(size=n), 'price': np.round(r.lognormal(5, 1, n), 2), 'count': r.poisson(100, n), 'flag': r.random(n) < 0.01, 'zero': 0, 'y': r.random(n),
                         'city': pd.Categorical(r.choice(list('abcdefgh'), n)), 'code': r.choice([f'c{i:05}' for i in range(5000)], n), 'at': pd.to_datetime(r.integers(0, 10**9, n), unit='s'),
                         'gap': pd.array(np.where(r.random(n) < .1, None, r.integers(0, 50, n)), 'Int64')})


def test_ten_versions_cost_a_few_per_cent_each(tmp_path):
    n, r = 200_000, np.random.default_rng(3)
    def scattered(f, c): return f.assign(**{c: f[c].where(r.random(len(f)) > .01, f[c].sample(frac=1, random_state=1).array)})
    def block(f, c): return f.assign(**{c: f[c].where((np.arange(len(f)) < 50_000) | (np.arange(len(f)) > 52_000), f[c].iloc[::-1].array)})
    steps = [('first', lambda f: f), ('append', lambda f: pd.concat([f, table(n//100, 1)], ignore_index=True)), ('scattered x', lambda f: scattered(f, 'x')), ('ten on top', lambda f: pd.concat([table(10, 2), f], ignore_index=True)),
             ('scattered code', lambda f: scattered(f, 'code')), ('column', lambda f: f.assign(hour=(f['id'] % 24).astype('int8'))), ('block', lambda f: block(f, 'price')),
             ('three out of the middle', lambda f: f.drop(index=[70_000, 70_001, 70_002]).reset_index(drop=True)), ('scattered x again', lambda f: scattered(f, 'x')), ('another name', lambda f: f.rename(columns={'city': 'town'}))]
    with DataVersioning(tmp_path/'d') as v:
        f, ids, costs, frames = table(n), [], [], []
        for what, step in steps:
            f, before = step(f), blobs(v)
            ids.append(v.version_data(f, 'd', what)); frames.append(f)
            costs.append(sum(size for p, size in blobs(v).items() if p not in before))
        shares = {what: round(c/costs[0], 3) for (what, _), c in zip(steps, costs)}
        assert max(list(shares.values())[1:]) < 0.05 and shares['append'] < 0.02 and shares['another name'] < 0.01, shares
        for i, whole in zip(ids, frames): equal(v.load_data(i), whole)
        assert v.version_data(f, 'd') == ids[-1] and len(blobs(v)) < 60               # nothing new: nothing stored; few blobs


@pytest.mark.parametrize('seed', range(4))
def test_whatever_is_done_to_a_table_each_version_comes_back(tmp_path, seed):
    "Rows put in, taken out, changed and moved, under a chain of patches; some versions deleted on the way"
    r = np.random.default_rng(seed)
    with DataVersioning(tmp_path/'d') as v:
        f, kept = table(30_000, seed)[['id', 'x', 'flag', 'code', 'gap', 'city']], {}
        for _ in range(12):
            a, b = np.sort(r.integers(0, len(f), 2))
            what = r.integers(0, 6)
            if what == 0: f = pd.concat([f.iloc[:a], f.iloc[a:a + 40], f.iloc[a:]], ignore_index=True)
            if what == 1: f = f.drop(index=r.choice(len(f), 30)).reset_index(drop=True)
            if what == 2: f = f.assign(x=f['x'].where(r.random(len(f)) > .01, 7.5), gap=f['gap'].where(r.random(len(f)) > .01))
            if what == 3: f = pd.concat([f.iloc[b:], f.iloc[:b]], ignore_index=True)
            if what == 4: f = f.assign(code=f['code'].where(r.random(len(f)) > .2, 'n'))
            if what == 5: f = f.iloc[::-1].reset_index(drop=True)
            kept[v.version_data(f, 'd')] = f
            if len(kept) > 4 and r.random() < .4:
                v.delete(gone := list(kept)[int(r.integers(0, len(kept) - 1))]); del kept[gone]; v.gc(dry_run=False, grace=-1)
        for version, whole in kept.items(): equal(v.load_data(version), whole)
        assert v.store.verify() == []


def test_chunks_that_were_swept_away_are_stored_again(tmp_path):
    f = table(20_000)
    with DataVersioning(tmp_path/'d') as v:
        a = v.version_data(f, 'd')
        v.delete(a); v.gc(dry_run=False, grace=-1)
        assert len(blobs(v)) == 0
        b = v.version_data(f.assign(z=1), 'd')                                        # the table of chunks still knows them
        equal(v.load_data(b), f.assign(z=1))
        assert v.version_data(f, 'd') == a and v.store.verify() == []
        equal(v.load_data(a), f)


def test_a_flipped_bit_is_an_error_and_never_other_data(tmp_path):
    r, f = np.random.default_rng(0), table(10_000)
    with DataVersioning(tmp_path/'d') as v:
        a = v.version_data(f, 'd')
        b = v.version_data(f.assign(x=f['x'].where(r.random(len(f)) > .01, 0)), 'd')
        for path in blobs(v):
            good = path.read_bytes()
            for _ in range(6):
                i = int(r.integers(0, len(good)))
                path.write_bytes(good[:i] + bytes([good[i] ^ 1 << int(r.integers(0, 8))]) + good[i+1:])
                bad = 0
                for version in (a, b):
                    try: v.load_data(version)
                    except IntegrityError as e: bad += 'has changed' in str(e)
                assert bad and v.store.verify()
            path.write_bytes(good)
        assert v.store.verify() == []


# -- files, stores, deletion -----------------------------------------------------------------------------------------------------------------

def test_any_other_file_is_bytes(tmp_path):
    with DataVersioning(tmp_path/'d') as v:
        path = tmp_path/'photo.of ü.jpeg'
        path.write_bytes(bytes(range(256))*40)
        a = v.version_data(path, 'photo', 'on the runway')
        assert v.load_data(a) == path.read_bytes() and v.export_data(a, tmp_path/'back.jpeg').read_bytes() == path.read_bytes()
        path.rename(tmp_path/'renamed'); assert v.version_data(tmp_path/'renamed', 'photo') == a       # the content is the identity
        record = v.get_lineage(a)[0]
        assert record['kind'] == 'file' and record['rows'] == 0 and 10_240 < record['size_mb']*1024**2 < 11_000
        b = v.version_data(tmp_path/'renamed', 'table', parent_version=a)
        assert v.compare_versions(a, b)['columns_added'] == [] and v.manifest(a)['shape'] == [10_240]
        v.version_data(pd.DataFrame({'x': [1]}), 'photo')                                                # a table beside a file of the name
        with pytest.raises(InvalidInput, match='no table but a file'): v.read_columns(a)


def test_on_every_store(any_store):
    f = table(3000)
    with DataVersioning(any_store) as v:
        a = v.version_data(f, 'd', 'first')
        b = v.version_data(pd.concat([f, f.iloc[:30]], ignore_index=True), 'd', parent_version=a)
        equal(v.load_data(a), f); assert len(v.load_data(b)) == 3030 and [r['version'] for r in v.get_lineage(b)] == [b, a]
        path = v.get_lineage()[a]['path']
        assert Path(path).is_file() if '://' not in path else path.startswith(('s3://', 'memory://')) and path.endswith(v._record(a).manifest[2:])
        equal(v.read_columns(b, ['x'], (3000, 3005)), f[['x']].iloc[:5].set_axis(range(3000, 3005)))
        assert v.compare_versions(a, b)['shape_change'] == {'from': (3000, 11), 'to': (3030, 11)}
        v.delete(b); assert v.gc(dry_run=False, grace=-1)
        with pytest.raises(NotFound, match='was deleted at'): v.load_data(b)
        assert v.version_data(pd.concat([f, f.iloc[:30]], ignore_index=True), 'd', parent_version=a) == b and v.store.verify() == []


def test_deletion_keeps_the_lineage_and_minds_children(tmp_path):
    with DataVersioning(tmp_path/'d') as v:
        a = v.version_data(pd.DataFrame({'x': [1]}), 'd')
        b, c = (v.version_data(pd.DataFrame({'x': [i]}), 'd', parent_version=a) for i in (2, 3))
        with pytest.raises(Conflict, match=f'is what 2 versions were made from: {min(b, c)}, {max(b, c)}; delete those first'): v.delete(a)
        v.delete(b); v.delete(c)
        with use_clock('2013-04-01T00:00:00+00:00'): v.delete(a)
        for gone in (v.delete, v.load_data, v.manifest, v.read_columns):
            with pytest.raises(NotFound, match='was deleted at 2013-04-01'): gone(a)
        assert v.get_lineage() == {} and [r['version'] for r in v.get_lineage(c)] == [c, a] and len(v.gc(grace=-1)) > 3
        d = v.version_data(pd.DataFrame({'x': [4]}), 'd', parent_version=c)                              # made from what is gone
        assert [r['version'] for r in v.get_lineage(d)] == [d, c, a] and [r['path'] is None for r in v.get_lineage(d)] == [False, True, True]
        with pytest.warns(UserWarning, match=f'not noted: the parent .{d}'): assert v.version_data(pd.DataFrame({'x': [1]}), 'd', parent_version=d) == a
        assert v.load_data(a)['x'].tolist() == [1] and v.get_lineage(a)[0]['parents'] == [] and v.check_records() == []


def test_a_file_far_larger_than_the_memory_it_takes(tmp_path):
    "A largest chunk is 262,144 rows of each of the 12 columns, 25 MB; the Parquet file holds ten times as much, and there and back take less than two"
    import pyarrow.parquet as pq
    schema, r = pa.schema([(c, pa.float64()) for c in 'abcdefghijkl']), np.random.default_rng(0)
    with pq.ParquetWriter(tmp_path/'big.parquet', schema) as w:
        for _ in range(24): w.write_table(pa.table([r.random(100_000) for _ in schema], schema=schema))
    table = pd.DataFrame(r.random((400_000, 12)), columns=schema.names)
    table[:50_000].to_parquet(tmp_path/'small.parquet')
    table.round(3).to_csv(tmp_path/'big.csv', index=False)
    table.round(3).to_json(tmp_path/'big.jsonl', orient='records', lines=True)
    table[:150_000].to_csv(tmp_path/'small.csv', index=False)                          # a larger one than is read whole
    table[:150_000].to_json(tmp_path/'small.jsonl', orient='records', lines=True)
    code = """
        import resource, sys, threading, time
        import pandas as pd, psutil
        from mlops_nb.data.versioning import DataVersioning
        with DataVersioning(sys.argv[1]) as v:
            v.version_data(sys.argv[3], 'warm')                                        # modules, pools of memory
            me = psutil.Process(); before, top, done = me.memory_info().rss, [0], threading.Event()
            def watch():
                while not done.wait(0.005): top[0] = max(top[0], me.memory_info().rss)
            threading.Thread(target=watch, daemon=True).start()
            if sys.argv[4] == 'in': v.version_data(sys.argv[2], sys.argv[5])
            else: v.export_data(sys.argv[5], sys.argv[2] + '.again.parquet')
            done.set(); print(top[0] - before)
    """
    for way, kind in (('in', 'parquet'), ('in', 'csv'), ('in', 'jsonl'), ('out', 'parquet')):
        chunk, grown = 262_144*12*8, []                                                # of each of the columns, as long as they can be
        while not grown or min(grown) >= 2*chunk and len(grown) < 3:                   # what allocators keep depends on the moment too: the best of three
            where = tmp_path/f'd{len(grown) if way == "in" else 0}'
            child = python(code, where, tmp_path/f'big.{kind}', tmp_path/f'small.{kind}', way, kind, stdout=subprocess.PIPE, text=True)
            grown.append(int(child.communicate()[0]))
            assert child.returncode == 0
        assert min(grown) < 2*chunk, (way, kind, [g/chunk for g in grown])
    with DataVersioning(tmp_path/'d0') as v: assert v.get_lineage('parquet')[0]['rows'] == 2_400_000 and v.version_data(tmp_path/'big.parquet.again.parquet', 'parquet') == v.get_lineage('parquet')[0]['version']