"Round trips of many kinds of frames, many writers, sudden deaths, and a lineage that cannot bite its tail"
import random
import signal
import subprocess
import sys
import textwrap
import time
from datetime import date, datetime, time as clock, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.pandas import column, data_frames, range_indexes

from mlops_nb.core import Conflict, InvalidInput, NotFound
from mlops_nb.columns import content_key as _chunk_key
from mlops_nb.versioning import DataVersioning


def python(code, *args, **kw): return subprocess.Popen([sys.executable, '-c', textwrap.dedent(code), *map(str, args)], **kw)


COLUMNS = {
    'float': [1.5, np.nan, -0.0], 'float32': np.array([1.5, np.nan, np.inf], 'float32'), 'int8': np.array([1, -1, 0], 'int8'), 'uint64': np.array([2**64-1, 0, 1], 'uint64'),
    'bool': [True, False, True], 'Int64': pd.array([1, None, 3], 'Int64'), 'boolean': pd.array([True, None, False], 'boolean'), 'Float64': pd.array([1.5, None, 0], 'Float64'),
    'string': pd.array(['a', None, ''], 'string'), 'str': pd.Series(['a', 'ü', '']), 'object': pd.Series(['a', None, 'b'], dtype=object),
    'category': pd.Categorical(['b', None, 'a'], categories=['b', 'a', 'unused'], ordered=True), 'number category': pd.Categorical([3, 1, 3]),
    'time': pd.to_datetime(['2013-01-01', None, '2013-06-01']), 'time in zone': pd.to_datetime(['2013-01-01', None, '2013-06-01']).tz_localize('America/New_York'),
    'seconds': pd.Series(pd.to_datetime(['2013-01-01', '2013-02-01', None])).astype('datetime64[s]'), 'duration': pd.to_timedelta([1, None, 3], unit='h'),
    'arrow': pd.array([1, None, 3], 'int16[pyarrow]'), 'arrow text': pd.array(['a', None, 'c'], 'string[pyarrow]'),
}
INDEXES = [None, pd.Index([3, 1, 2], name='id'), pd.Index(['x', 'y', 'z']), pd.MultiIndex.from_tuples([(1, 'a'), (1, 'b'), (2, 'a')], names=['n', None]),
           pd.date_range('2013-01-01', periods=3, tz='UTC'), pd.Index([1, 1, 1])]


@pytest.mark.parametrize('kind', COLUMNS)
def test_every_type_comes_back_as_it_was(tmp_path, kind):
    frame = pd.DataFrame({'x': COLUMNS[kind]})
    with DataVersioning(tmp_path/'d') as v:
        pd.testing.assert_frame_equal(v.load_data(v.version_data(frame, 'd')), frame)
        empty = v.load_data(v.version_data(frame[:0], 'none'))
        pd.testing.assert_frame_equal(empty, frame[:0])


def test_every_index_comes_back_and_no_two_frames_that_differ_share_an_id(tmp_path):
    frames = [pd.DataFrame({kind: values}) for kind, values in COLUMNS.items()]
    frames += [frames[0].set_axis(i) for i in INDEXES if i is not None]
    frames += [pd.DataFrame({'float': [1, 2, 3]}), pd.DataFrame({'float': [1., 2, 3]}), pd.DataFrame({'float': ['1', '2', '3']}), pd.DataFrame({'float': [3., 2, 1]})]
    frames += [pd.DataFrame([[1, 2]], columns=['a', 'b']), pd.DataFrame([[2, 1]], columns=['b', 'a']), pd.DataFrame([[1, 2]], columns=['a', 'a'])]
    with DataVersioning(tmp_path/'d') as v:
        ids = [v.version_data(f, 'd') for f in frames]
        for i, f in zip(ids, frames): pd.testing.assert_frame_equal(v.load_data(i), f)
        assert len(set(ids)) == len(frames)
        assert [v.version_data(f.copy(), 'd') for f in frames] == ids          # and what is equal does


@given(data_frames([column('a', dtype=float), column('b', dtype=int), column('c', elements=st.text(max_size=5), dtype=object)], index=range_indexes(max_size=20)))
@settings(max_examples=60, deadline=None)
def test_any_frame_comes_back(tmp_path_factory, frame):
    with DataVersioning(tmp_path_factory.mktemp('any')/'d') as v: pd.testing.assert_frame_equal(v.load_data(v.version_data(frame, 'd')), frame)


def test_what_cannot_come_back_is_refused_by_name_and_nothing_is_written(tmp_path):
    with DataVersioning(tmp_path/'d') as v:
        for odd in ([[1], [2]], [1, 'a'], [{}, {}], [None, float('nan')], [1j, 2j]):
            with pytest.raises(InvalidInput, match="column 'odd'"): v.version_data(pd.DataFrame({'odd': pd.Series(odd, dtype=object)}), 'd')
        assert v.get_lineage() == []


def test_eight_processes_writing_versions_lose_none(tmp_path):
    code = '''
        import sys, pandas as pd
        from mlops_nb.versioning import DataVersioning
        v, me, parent = DataVersioning(sys.argv[1]), int(sys.argv[2]), None
        shared = v.version_data(pd.DataFrame({'x': range(100)}), 'shared')
        for i in range(6): parent = v.version_data(pd.DataFrame({'x': range(100), 'by': me, 'i': i}), 'd', parent_version=parent or shared)
    '''
    running = [python(code, tmp_path/'d', k) for k in range(8)]
    assert [p.wait() for p in running] == [0]*8
    with DataVersioning(tmp_path/'d') as v:
        records = v.get_lineage()
        assert len(records) == 8*6 + 1 and v.store.verify() == []
        for r in records: assert len(v.load_data(r['version'])) == 100
        last = [r['version'] for r in records if r['version'] not in {r['parent_version'] for r in records}]
        assert len(last) == 8 and all(len(v.get_lineage(x)) == 7 for x in last)


def test_kill_at_any_point_leaves_every_acknowledged_version_loading(tmp_path):
    code = '''
        import itertools, sys, numpy as np, pandas as pd
        from mlops_nb.versioning import DataVersioning
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
        child.send_signal(signal.SIGKILL)
        kept.update(line.split() for line in child.stdout if line.endswith('\n'))
        child.wait(); child.stdout.close()
        with DataVersioning(tmp_path/'d') as v:
            assert v.store.verify() == []
            for version, i in kept.items(): assert v.load_data(version)['x'].iloc[0] == int(i)
            assert set(kept) <= {r['version'] for r in v.get_lineage()}
    assert len(kept) >= 3


def test_no_order_of_calls_makes_a_cycle(tmp_path):
    with DataVersioning(tmp_path/'d') as v:
        a = v.version_data(pd.DataFrame({'x': [1]}), 'd')
        b = v.version_data(pd.DataFrame({'x': [2]}), 'd', parent_version=a)
        with pytest.raises(Conflict, match='its history does not change'): v.version_data(pd.DataFrame({'x': [1]}), 'd', parent_version=b)   # back to the first content
        with pytest.raises(NotFound): v.version_data(pd.DataFrame({'x': [3]}), 'd', parent_version='d_0000')
        assert [r['version'] for r in v.get_lineage(b)] == [a, b]
        many = a
        for i in range(300): many = v.version_data(pd.DataFrame({'y': [i]}), 'long', parent_version=many)
        assert len(v.get_lineage(many)) == 301                                   # a long chain is no recursion


TYPES = {pa.date32(): date(2013, 1, 1), pa.date64(): date(2013, 1, 1), pa.time32('s'): clock(1, 2), pa.time32('ms'): clock(1, 2), pa.time64('us'): clock(1, 2), pa.time64('ns'): clock(1, 2),
         pa.decimal128(10, 2): Decimal('1.50'), pa.decimal128(38, 0): Decimal(10**37), pa.decimal256(50, 2): Decimal('1.50'), pa.null(): None, pa.binary(2): b'ab', pa.binary(): b'abc',
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


@pytest.mark.parametrize('t,value', [(pa.dictionary(pa.int8(), pa.string()), 'a'), (pa.month_day_nano_interval(), (1, 2, 3)), (pa.list_(pa.int8()), [1]), (pa.binary_view(), b'a')], ids=str)
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


def test_a_header_that_is_refused_says_what_helps(tmp_path):
    flat = pd.DataFrame([[1, 2]], columns=pd.Index([('a', 1), ('b', 2)], tupleize_cols=False))
    with DataVersioning(tmp_path/'d') as v:
        with pytest.raises(InvalidInput, match=r'the header holds Python objects \(tuple\).*MultiIndex\.from_tuples') as e: v.version_data(flat, 'd')
        assert 'convert_dtypes' not in str(e.value)
        v.version_data(flat.set_axis(pd.MultiIndex.from_tuples(flat.columns), axis=1), 'd')              # it does help
        mixed = pd.DataFrame([[1, 2]], columns=['a', 1])
        with pytest.raises(InvalidInput, match=r'the header holds Python objects \(int\).*map\(str\)'): v.version_data(mixed, 'd')
        v.version_data(mixed.set_axis(mixed.columns.map(str), axis=1), 'd')
