"Every value comes out as it went in, or is refused by its row and column: the wider lists"
import copy
import importlib.util
import json
import math
import os
import pickle
import re
import subprocess
import sys
import textwrap
import warnings
from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st
from scipy import sparse

from mlops_nb.core.rules import InvalidInput
from mlops_nb.models.schemas import diff_signatures
from mlops_nb.models.signature import ColumnSpec, OutsideTraining, Signature, SignatureError

KIND = {'int8': 'integer', 'int32': 'integer', 'int64': 'integer', 'uint8': 'integer', 'uint64': 'integer', '>i4': 'integer', 'Int8': 'integer', 'Int64': 'integer', 'UInt64': 'integer',
        'int64[pyarrow]': 'integer', 'Sparse[int64, 0]': 'integer', 'float16': 'number', 'float32': 'number', 'float64': 'number', '>f4': 'number', 'Float32': 'number', 'Float64': 'number',
        'double[pyarrow]': 'number', 'Sparse[float64, nan]': 'number', 'bool': 'boolean', 'boolean': 'boolean', 'bool[pyarrow]': 'boolean', 'Sparse[bool, False]': 'boolean',
        'object': 'string', 'string': 'string', 'datetime64[s]': 'datetime', 'datetime64[us]': 'datetime', 'datetime64[ns]': 'datetime', 'datetime64[us, UTC]': 'datetime',
        'datetime64[ns, America/New_York]': 'datetime', 'timestamp[us][pyarrow]': 'datetime'}


def signature(dtype, nullable=True): return Signature((ColumnSpec('x', KIND[dtype], nullable, dtype),))

def column(dtype, values): return signature(dtype).enforce([{'x': v} for v in values])['x']

def refused(dtype, rows, contains, at):
    with pytest.raises(SignatureError, match=contains) as e: signature(dtype).enforce(rows)
    assert [(p['row'], p['column']) for p in e.value.problems] == [(i, 'x') for i in at]


OUTSIDE = [('int8', 300), ('int8', -129), ('uint8', -1), ('int32', 2**31), ('int64', 2**63), ('int64', 2**70), ('uint64', -1), ('uint64', 2**64), ('>i4', 2**31), ('Int8', 300), ('Int64', 2**63),
           ('int64[pyarrow]', 2**63), ('Sparse[int64, 0]', 2**63), ('float32', 1e300), ('float32', -1e300), ('float16', 1e5), ('>f4', 1e300), ('Float32', 1e300), ('float64', 10**400),
           ('float64', 2**53 + 1), ('float32', 2**24 + 1), ('float16', 2049), ('Float64', 2**53 + 1), ('double[pyarrow]', 2**53 + 1), ('float64', Decimal(2**53 + 1)), ('int8', 300.0), ('int64', 10**5000)]

@pytest.mark.parametrize('dtype,value', OUTSIDE, ids=[f'{d}-{str(v)[:12] if v != 10**5000 else "huge"}' for d, v in OUTSIDE])
@pytest.mark.parametrize('others', [[], [1], [1, None], [1.0, 2]], ids=str)
def test_a_value_that_the_column_cannot_hold_is_refused_and_never_changed(dtype, value, others):
    rows = [{'x': v} for v in [*others, value]]
    refused(dtype, rows, 'row', [len(others)])
    if None in others or isinstance(value, Decimal): return
    try: frame = pd.DataFrame({'x': pd.Series([*others, value])})
    except OverflowError: return
    if frame['x'].dtype.kind != 'f' or isinstance(value, float): refused(dtype, frame, 'row', [len(others)])      # a frame of floats has rounded it before us


@pytest.mark.parametrize('given,dtype', [('int64', 'int8'), ('uint64', 'int64'), ('int64', 'uint8'), ('float64', 'float32'), ('float64', 'int8'), ('int64', 'Int8'), ('UInt64', 'int64'), ('int64[pyarrow]', 'int8')])
def test_a_frame_is_no_way_around_the_range(given, dtype):
    big = {'uint64': 2**63, 'UInt64': 2**63, 'float64': 1e300}.get(given, 300 if dtype != 'uint8' else -1)
    refused(dtype, pd.DataFrame({'x': pd.Series([1, big], dtype=given)}), 'row 1', [1])


@pytest.mark.parametrize('dtype', [d for d in KIND if KIND[d] == 'integer'])
def test_an_integer_beside_a_missing_value_is_exact_or_refused(dtype):
    small = column(dtype, [1, None, 2.0])
    assert small.isna().tolist() == [False, True, False] and [int(v) for v in small.dropna()] == [1, 2]
    if not dtype.endswith(('64', '64[pyarrow]', '64, 0]')): return
    rows = [{'x': 2**53 + 1}, {'x': None}]
    if dtype in ('int64', 'uint64', 'Sparse[int64, 0]'): refused(dtype, rows, 'beside', [0])
    else: assert signature(dtype).enforce(rows)['x'].iloc[0] == 2**53 + 1
    assert column(dtype, [2**53 + 1, 1.0]).tolist() == [2**53 + 1, 1]
    assert column(dtype, [2**60, None]).dropna().astype(object).map(int).tolist() == [2**60]          # this one has a float


@pytest.mark.parametrize('rows', [1, 70])
def test_a_whole_column_with_holes_is_no_way_around_that(rows):
    given = pd.DataFrame({'x': pd.Series([2**53 + 1, None]*rows, dtype='Int64')})
    refused('int64', given, 'beside missing values', range(0, 2*rows, 2))
    assert signature('Int64').enforce(given)['x'].dropna().eq(2**53 + 1).all()


@pytest.mark.parametrize('dtype', KIND)
@pytest.mark.parametrize('hole', [None, np.nan, pd.NA, pd.NaT], ids=str)
def test_each_dtype_takes_each_missing_value_and_gives_its_dtype_where_it_can(dtype, hole):
    value = {'integer': 3, 'number': 1.5, 'boolean': True, 'string': 'a', 'datetime': '2013-01-01T05:15:00Z' if ', ' in dtype else '2013-01-01T05:15:00'}[KIND[dtype]]
    found = column(dtype, [value, hole])
    assert found.isna().tolist() == [False, True]
    assert column(dtype, [hole, hole]).isna().all()
    assert str(column(dtype, [value]).dtype) == dtype
    if KIND[dtype] in ('number', 'string', 'datetime'): assert str(found.dtype) == dtype
    refused_ = signature(dtype, nullable=False)
    with pytest.raises(SignatureError, match='is missing, and may not be'): refused_.enforce([{'x': value}, {'x': hole}])


ZONED, NAIVE = '2013-01-01T05:15:00Z', '2013-01-01T05:15:00'
@pytest.mark.parametrize('dtype,value,says', [
    ('datetime64[us]', ZONED, 'has a time zone'), ('datetime64[us]', '2013-01-01T05:15:00-05:00', 'has a time zone'), ('datetime64[us]', datetime(2013, 1, 1, tzinfo=timezone.utc), 'has a time zone'),
    ('timestamp[us][pyarrow]', ZONED, 'has a time zone'), ('datetime64[us, UTC]', NAIVE, 'has no time zone'), ('datetime64[ns, America/New_York]', NAIVE, 'has no time zone'),
    ('datetime64[ns, America/New_York]', '2013-01-01', 'has no time zone'), ('datetime64[us, UTC]', datetime(2013, 1, 1), 'has no time zone'), ('datetime64[us, UTC]', date(2013, 1, 1), 'has no time zone'),
    ('datetime64[s]', '2013-01-01T05:15:00.5', 'finer'), ('datetime64[us]', '2013-01-01T05:15:00.123456789', 'finer'), ('datetime64[ns]', '3000-01-01', 'is not a time|is outside'),
    ('datetime64[us]', 'soon', 'is not a time'), ('datetime64[us]', 'now', 'is not a time'), ('datetime64[us]', 'today', 'is not a time'), ('datetime64[us]', '', 'is not a time'),
    ('datetime64[us]', 1356998400, 'is not a time'), ('datetime64[us]', True, 'is not a time')])
def test_a_time_that_would_be_guessed_or_cut_is_refused(dtype, value, says):
    good = ZONED if ', ' in dtype else NAIVE
    refused(dtype, [{'x': value}], says, [0])
    refused(dtype, [{'x': good}, {'x': None}, {'x': value}], says, [2])


def test_times_of_several_offsets_are_the_same_instants():
    texts = ['2013-07-01T12:00:00+00:00', '2013-07-01T07:00:00-05:00', '2013-07-01 08:00-04', '20130701T120000Z']
    for dtype in ('datetime64[us, UTC]', 'datetime64[ns, America/New_York]'):
        assert (column(dtype, texts) == pd.Timestamp('2013-07-01T12:00Z')).all()
        assert (column(dtype, [texts[0], pd.Timestamp(texts[1]), None]).dropna() == pd.Timestamp('2013-07-01T12:00Z')).all()   # texts beside objects
    frame = pd.DataFrame({'x': pd.to_datetime(texts[:2], utc=True).tz_convert('Asia/Tokyo')})
    assert signature('datetime64[ns, America/New_York]').enforce(frame)['x'].tolist() == [pd.Timestamp('2013-07-01T12:00Z')]*2
    assert column('datetime64[us]', ['2013-07-01', date(2013, 7, 1), datetime(2013, 7, 1)]).tolist() == [pd.Timestamp('2013-07-01')]*3


@pytest.mark.parametrize('dtype', ['object', 'string', 'str'])
def test_half_a_character_is_no_text(dtype):
    sig = Signature((ColumnSpec('x', 'string', True, dtype),))
    with pytest.raises(SignatureError, match=r"row 1, column 'x'"): sig.enforce([{'x': 'a'}, {'x': '\ud800'}])


def test_columns_that_mix_what_each_fits_are_taken_value_by_value():
    assert column('float64', [Decimal('0.5'), 1.5, 2]).tolist() == [0.5, 1.5, 2]
    assert column('int64', [2**60 + 1, 1.0, np.int8(3)]).tolist() == [2**60 + 1, 1, 3]
    assert column('bool', [True, np.False_]).tolist() == [True, False]


def test_all_problems_of_all_columns_at_once():
    sig = Signature((ColumnSpec('a', 'integer', False, 'int8'), ColumnSpec('b', 'number', True, 'float32'), ColumnSpec('c', 'integer', True, 'int64')))
    with pytest.raises(SignatureError) as e: sig.enforce([[300, 1e300, 2**53 + 1], [1, 1.5, None], [None, None, 2**64], [-300, 'x', 3]])
    assert {(p['row'], p['column']) for p in e.value.problems} == {(0, 'a'), (0, 'b'), (0, 'c'), (2, 'a'), (2, 'c'), (3, 'a'), (3, 'b')}


@pytest.mark.parametrize('values', [['low', 'high'], [1, 3], [0.5, 1.5], [True, False]], ids=str)
@pytest.mark.parametrize('ordered', [False, True])
def test_categories_keep_their_order_through_json(values, ordered):
    X = pd.DataFrame({'c': pd.Categorical([values[0], values[1], None], categories=values, ordered=ordered)})
    sig = Signature.from_dict(json.loads(json.dumps(Signature.infer(X).to_dict())))
    assert sig == Signature.infer(X)
    found = sig.enforce(json.loads(X.to_json(orient='records')))['c']
    assert found.cat.ordered == ordered and found.cat.categories.tolist() == values and found.cat.codes.tolist() == [0, 1, -1]
    pd.testing.assert_series_equal(sig.enforce(X)['c'], X['c'], check_categorical=False)
    with pytest.raises(SignatureError, match="row 0, column 'c'"): sig.enforce([{'c': 'pink'}])


def test_a_dict_of_before_has_no_order_and_still_loads():
    old = dict(named=True, columns=[dict(name='c', kind='string', nullable=False, dtype='category', categories=['a', 'b']), dict(name='n', kind='number', nullable=True, dtype='float64')])
    sig = Signature.from_dict(old)
    assert not sig.columns[0].ordered and sig.to_dict() == old
    assert sig.enforce([{'c': 'b', 'n': 1}])['c'].cat.codes.tolist() == [1]


def test_categories_of_times_are_refused_at_infer():
    X = pd.DataFrame({'day': pd.Categorical(pd.to_datetime(['2013-01-01', '2013-01-02']))})
    with pytest.raises(InvalidInput, match="column 'day'.*categories are times"): Signature.infer(X)
    with pytest.raises(InvalidInput, match="column 'day'"): Signature.infer(X.assign(day=pd.Categorical(pd.to_datetime(['2013-01-01', '2013-01-02'], utc=True))))


def test_nullable_takes_one_name():
    X = pd.DataFrame({'hour': [1], 'o': [1]})
    assert [c.nullable for c in Signature.infer(X, nullable='hour').columns] == [True, False]
    with pytest.raises(InvalidInput, match="'hous'.*Did you mean 'hour'"): Signature.infer(X, nullable='hous')
    for no in (False, None, (), []): assert not any(c.nullable for c in Signature.infer(X, nullable=no).columns)


ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.integers(-300, 300), st.floats(), st.floats(-200, 200).map(round).map(float), st.text(max_size=4), st.characters(categories=['Cs']), st.decimals(allow_nan=False),
                     st.datetimes(), st.datetimes(timezones=st.timezones()), st.dates(), st.complex_numbers(), st.binary(max_size=2), st.just(pd.NA), st.just(pd.NaT), st.just([1]), st.just({}),
                     st.sampled_from([2**53 + 1, 2**63, 2**64, 2**70, 10**400, 1e300, ZONED, NAIVE, '2013-01-01T00:00+05', 'now', np.int8(3), np.float32(.1), np.uint64(2**63), np.datetime64('2013-01-01')]))

@given(st.sampled_from(sorted(KIND)), st.lists(ANYTHING, min_size=1, max_size=4), st.booleans())
@settings(max_examples=1500, deadline=None)
def test_whatever_is_sent_comes_back_equal_or_is_refused(dtype, values, nullable):
    try: found = signature(dtype, nullable).enforce([{'x': v} for v in values])['x']
    except SignatureError as e:
        assert e.problems and all(p['column'] == 'x' and 0 <= p['row'] < len(values) for p in e.problems)
        return
    for sent, got in zip(values, found.tolist()):
        if not isinstance(sent, (list, dict)) and pd.isna(sent): assert nullable and pd.isna(got)
        elif KIND[dtype] == 'datetime': assert pd.Timestamp(sent) == pd.Timestamp(got)
        elif isinstance(sent, (float, Decimal, np.floating)) and KIND[dtype] == 'number':
            assert math.isfinite(got) and (float(sent) == got or math.isclose(float(sent), got, rel_tol=1e-2 if '16' in dtype else 1e-6, abs_tol=1e-7))
        elif KIND[dtype] in ('integer', 'number'): assert int(sent) == sent == int(got) and not isinstance(sent, bool)
        else: assert sent == got and type(sent) in (bool, np.bool_, str)


OLD = json.loads('''{"named": true, "columns": [
  {"name": "carrier", "kind": "string", "nullable": false, "dtype": "str"}, {"name": "hour", "kind": "integer", "nullable": false, "dtype": "int64"},
  {"name": "temp", "kind": "number", "nullable": true, "dtype": "float64"}, {"name": "late", "kind": "boolean", "nullable": false, "dtype": "bool"},
  {"name": "time", "kind": "datetime", "nullable": false, "dtype": "datetime64[us, UTC]"},
  {"name": "size", "kind": "string", "nullable": true, "dtype": "category", "categories": ["S", "M", "L"], "ordered": true}]}''')      # as version 0.1.0 stored it

def test_a_signature_of_the_first_release_reads_enforces_and_is_written_as_it_was():
    sig = Signature.from_dict(OLD)
    assert sig.to_dict() == OLD and (sig.ranges, sig.unseen) == ('warn', 'error') and not any(c.low or c.seen for c in sig.columns)
    row = dict(carrier='UA', hour=5, temp=None, late=True, time='2013-01-01T05:00:00Z', size='M')
    with warnings.catch_warnings():
        warnings.simplefilter('error')                                     # it saw nothing, so nothing lies outside
        found = sig.enforce(row)
    assert found['size'].iloc[0] == 'M' and found['time'].iloc[0] == pd.Timestamp('2013-01-01T05:00Z') and len(sig.check({**row, 'size': 'XL'})) == 1


TIMES = dict(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)) if int(pd.__version__.split('.')[0]) >= 3 else dict(min_value=datetime(1700, 1, 1), max_value=datetime(2250, 1, 1))   # pandas 2 reads times in nanoseconds
COLUMNS = {'int64': st.integers(-2**63, 2**63-1), 'int8': st.integers(-128, 127), 'uint64': st.integers(0, 2**64-1), 'Int64': st.integers(-2**63, 2**63-1) | st.none(), 'int64[pyarrow]': st.integers(-2**63, 2**63-1) | st.none(),
           'float64': st.floats(allow_infinity=False), 'float32': st.floats(width=32, allow_infinity=False), 'Float64': st.floats(allow_nan=False, allow_infinity=False) | st.none(), 'bool': st.booleans(), 'boolean': st.booleans() | st.none(),
           'string': st.text(st.characters(codec='utf-8'), max_size=5) | st.none(), 'object': st.text(st.characters(codec='utf-8'), max_size=5), 'datetime64[us]': st.datetimes(**TIMES), 'datetime64[s]': st.datetimes(**TIMES).map(lambda t: t.replace(microsecond=0)),
           'datetime64[us, UTC]': st.datetimes(**TIMES, timezones=st.just(timezone.utc)), 'category': st.sampled_from(['a', 'b', None])}

@given(st.data(), st.sampled_from(sorted(COLUMNS)), st.sampled_from([1, 70]))
@settings(max_examples=400, deadline=None)
def test_what_it_is_inferred_from_fits_unchanged_and_lies_inside(data, dtype, times):
    values = data.draw(st.lists(COLUMNS[dtype], min_size=1, max_size=6).filter(any if dtype == 'category' else lambda v: True))*times         # 70: the road for long columns
    X = pd.DataFrame({'x': pd.Series(values, dtype=dtype)})
    sig = Signature.from_dict(json.loads(json.dumps(Signature.infer(X, nullable=True).to_dict())))
    pd.testing.assert_frame_equal(sig.enforce(X, ranges='error'), X)
    assert list(sig.check(X.iloc[:1], ranges='error')) == []


LONG = {**COLUMNS, 'anything': ANYTHING}
@given(st.data(), st.sampled_from(sorted(KIND)), st.sampled_from(sorted(LONG)))
@settings(max_examples=600, deadline=None)
def test_both_roads_say_the_same(data, dtype, given_dtype):
    values = data.draw(st.lists(LONG[given_dtype], min_size=1, max_size=5))
    frame = pd.DataFrame({'x': pd.Series(values, dtype=object if given_dtype == 'anything' else given_dtype)})
    short, long = (signature(dtype).check(f) for f in (frame, pd.concat([frame]*70)))
    assert len(long) == 70*len(short) and [p['problem'] for p in short] == [p['problem'] for p in long[:len(short)]]
    if not len(short): pd.testing.assert_frame_equal(signature(dtype).enforce(frame), signature(dtype).enforce(pd.concat([frame]*70)).head(len(frame)))


@given(st.sampled_from(sorted(KIND)), st.sampled_from(sorted(KIND)), st.booleans(), st.booleans(), st.lists(ANYTHING, min_size=1, max_size=3))
@settings(max_examples=1500, deadline=None)
def test_what_fits_a_signature_fits_each_that_is_compatible(before, after, n1, n2, values):
    a, b, rows = signature(before, n1), signature(after, n2), [{'x': v} for v in values]
    if a.compatible(b) and not len(a.check(rows)): assert list(b.check(rows)) == []


def test_compatible_is_not_always_no():
    yes = [(a, b) for a in KIND for b in KIND if a != b and signature(a).compatible(signature(b))]
    assert {('int8', 'int64'), ('int32', 'float64'), ('int64', 'int64[pyarrow]'), ('float32', 'Float64'), ('object', 'string'), ('datetime64[s]', 'datetime64[us]')} <= {*yes}
    assert not {('int64', 'float64'), ('int64', 'int8'), ('float64', 'int64'), ('bool', 'int64'), ('datetime64[us]', 'datetime64[us, UTC]'), ('Int64', 'int64')} & {*yes}
    seen = Signature.infer(pd.DataFrame({'x': [0, 23]}), nullable=True)
    assert seen.compatible(signature('float64')) and seen.compatible(signature('int8')) and not seen.compatible(signature('boolean'))


@pytest.mark.parametrize('dtype,seen,inside,outside', [
    ('int64', [5, 23], [5, 23, 9.0], [4, 24]), ('float64', [.5, None, 2.], [.5, 1, 2], [.4999, 2.0001]), ('float32', [.1, .7], [.1, .7], [.0999, .71]), ('Int8', [1, None], [1], [0, 2]), ('double[pyarrow]', [1., 2.], [1.5], [3]),
    ('datetime64[us]', ['2013-01-01', '2013-03-31'], ['2013-01-01T00:00:00', '2013-03-31'], ['2012-12-31', '2013-03-31T00:00:00.000001']),
    ('datetime64[us, America/New_York]', ['2013-01-01T00:00Z', '2013-03-31T00:00Z'], ['2012-12-31T19:00:00-05:00'], ['2012-12-31T18:59:59-05:00']),
    ('object', ['EWR', 'JFK']*10, ['JFK'], ['LGA']), ('string', ['EWR', None]*20, ['EWR'], ['LGA', ''])])
def test_ranges(dtype, seen, inside, outside):
    X = pd.DataFrame({'x': pd.Series(pd.to_datetime(seen) if dtype.startswith('datetime') else seen, dtype=dtype)})
    sig = Signature.from_dict(json.loads(json.dumps(Signature.infer(X).to_dict())))
    rows = [{'x': v} for v in inside + outside]
    for many in (1, 40):
        found = sig.check(rows*many, ranges='error')
        assert [p['row'] for p in found[:len(outside)]] == [*range(len(inside), len(rows))] and len(found) == many*len(outside)
        typed = sig.check(sig.enforce(rows*many, ranges='ignore'), ranges='error')        # the same, as a typed frame
        assert [p['row'] for p in typed] == [p['row'] for p in found]
    assert list(sig.check(rows)) == [] and list(sig.check([{'x': v} for v in inside], ranges='error')) == []
    with pytest.warns(OutsideTraining, match="column 'x': a value is .* of training"): sig.enforce(rows)
    with pytest.raises(SignatureError, match='of training'): sig.enforce(rows, ranges='error')


def test_the_warning_holds_no_value_so_that_python_remembers_few():
    sig = Signature.infer(pd.DataFrame({'x': [1., 2.]}))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('always')
        for v in range(100): sig.enforce([{'x': 1000. + v}])
    assert len(said) == 100 and len({str(w.message) for w in said}) == 1


@pytest.mark.parametrize('policy,value', [('ranges', 'strict'), ('ranges', ''), ('unseen', 'warn'), ('unseen', None)])
def test_a_policy_that_there_is_not(policy, value):
    with pytest.raises(InvalidInput, match=f'{policy} is {value!r}; it can be'): Signature.infer(pd.DataFrame({'x': [1]}), **{policy: value})
    if value:
        with pytest.raises(InvalidInput, match='can be'): Signature.infer(pd.DataFrame({'x': [1]})).check([{'x': 1}], ranges='never')


def test_unseen_categories():
    X = pd.DataFrame({'c': pd.Categorical(['r', 'g', 'g']), 'n': pd.Categorical([1, 5, 5])})
    strict, lenient = Signature.infer(X, nullable=True), Signature.infer(X, nullable=True, unseen='missing')
    assert [p['problem'] for p in strict.check([{'c': 'pink', 'n': 7}])] == ["'pink' is none of the 2 categories of training", '7 is none of the 2 categories of training']
    assert lenient.enforce([{'c': 'pink', 'n': 7}, {'c': 'r', 'n': 5.0}]).isna().to_numpy().tolist() == [[True, True], [False, False]]
    assert [p['problem'] for p in lenient.check([{'c': 7, 'n': True}])] == ['7 is not a text', 'True is not an integer']     # unseen is not unfit
    with pytest.raises(SignatureError, match='none of the 2'): Signature.infer(X, unseen='missing').enforce([{'c': 'pink', 'n': 1}])      # nothing may be missing


def test_a_million_bad_cells_are_counted_and_not_written_out():
    n = 1_000_000
    sig = Signature((ColumnSpec('a', 'integer', dtype='int8'), ColumnSpec('b', 'number')))
    found = sig.check(pd.DataFrame({'a': np.full(n, 300), 'b': np.where(np.arange(n) % 2, np.nan, 1.5)}))
    assert len(found) == 1_500_000 and len(found.cells) == 2
    assert [(s['column'], s['count'], s['first_row']) for s in found.summary()] == [('a', n, 0), ('b', n//2, 1)]
    assert found[:3] == [dict(row=0, column='a', problem='300 is outside of int8, -128 to 127'), dict(row=1, column='a', problem='300 is outside of int8, -128 to 127'), dict(row=1, column='b', problem='is missing, and may not be')]
    assert found.mask().sum().tolist() == [n, n//2]
    with pytest.raises(SignatureError, match='1500000 problems in the input'): raise SignatureError(found)


def test_what_was_used_can_still_be_copied_and_sent():
    sig = Signature.infer(pd.DataFrame({'x': [1, 2], 'c': pd.Categorical(['a', 'b'])}))
    sig.enforce([[1, 'a']])
    assert pickle.loads(pickle.dumps(sig)) == copy.deepcopy(sig) == sig and hash(sig) == hash(copy.copy(sig))
    with pytest.raises(SignatureError) as e: sig.enforce([['x', 'a']])
    assert list(pickle.loads(pickle.dumps(e.value)).problems) == list(e.value.problems) and str(copy.deepcopy(e.value)) == str(e.value)


def test_a_difference_is_named_with_both_sides():
    a, b = Signature.infer(pd.DataFrame({'x': [1, 2], 'gone': ['a', 'b']})), Signature.infer(pd.DataFrame({'x': [1., None], 'more': [True, False]}))
    assert [(d['column'], d['change'], d['before'], d['after'], d['breaks']) for d in diff_signatures(a.to_dict(), b.to_dict())] == [
        ('gone', 'removed', 'string', None, True), ('more', 'added', None, 'boolean', True), ('x', 'kind', 'integer', 'number', False), ('x', 'dtype', 'int64', 'float64', False),
        ('x', 'nullable', False, True, False), ('x', 'high', 2, 1.0, False)]
    assert json.loads(json.dumps(a.diff(b))) == a.diff(b)


MLFLOW = sys.executable if importlib.util.find_spec('mlflow') else os.environ.get('MLOPS_TEST_MLFLOW')


@pytest.mark.elsewhere
@pytest.mark.skipif(not MLFLOW, reason='needs MLflow: pip install mlflow, here or in an environment whose Python MLOPS_TEST_MLFLOW names')
def test_mlflow_reads_what_we_write_and_we_read_what_it_writes():
    made = "dict(a=[1, 2], b=['x', None], c=[True, False], d=np.array([1, 2], 'uint8'), e=np.array([.5, 1], 'float32'), t=pd.to_datetime(['2013-01-01']*2))"
    ours = Signature.infer(pd.DataFrame(eval(made))).to_mlflow()
    code = f"""
        import sys, numpy as np, pandas as pd
        from mlflow.types import Schema
        from mlflow.types.utils import _infer_schema
        print(Schema.from_json(sys.argv[1]).to_json()); print(_infer_schema(pd.DataFrame({made})).to_json())"""
    run = subprocess.run([MLFLOW, '-W', 'ignore', '-c', textwrap.dedent(code), json.dumps(ours)], capture_output=True, text=True, check=True)
    read, theirs = run.stdout.splitlines()[-2:]
    assert json.loads(read) == json.loads(theirs) == ours
    assert Signature.from_mlflow(theirs).to_mlflow() == ours

@pytest.mark.parametrize('rows', [3, 300])
def test_the_columns_of_a_frame_are_picked_once(monkeypatch, rows):
    from mlops_nb.models import signature
    X, calls, pick = pd.DataFrame({'a': np.arange(rows)*1.0, 'b': list('xyz')*(rows//3)}), [], signature._pick
    monkeypatch.setattr(signature, '_pick', lambda *a: calls.append(1) or pick(*a))
    s = Signature.infer(X)
    calls.clear()
    for ask in (s.enforce, s.check): ask(X)
    assert len(calls) == 2
    with pytest.raises(SignatureError, match='is missing'): s.enforce(X[['a']])
    assert len(calls) == 3


# ---- what a signature is inferred from: kept exactly, or refused by name

def _arrow(values, t): return pd.Series(pd.array(values, dtype=pd.ArrowDtype(t)))
def _objects(*values): return pd.Series(list(values), dtype=object)

DAYS, NAN = [date(2020, 1, 1), date(2020, 1, 2)], float('nan')
KEPT = {**{n: pd.Series([0, 1, 1]).astype(n) for n in 'int8 uint16 uint32 uint64 float16 float32 >i4 >f8 bool Int8 UInt64 Float32 Float64'.split()},
        **{n: pd.Series([0, 1, 1]).astype(n) for n in ('Sparse[int64, 0]', 'Sparse[float64, nan]', 'Sparse[bool, False]')},
        **{f'{n} with holes': pd.Series([None, 'a' if 'str' in n else True if n == 'boolean' else 1], dtype=n) for n in ('Int8', 'Int64', 'Float64', 'boolean', 'string', 'string[python]', 'string[pyarrow]')},
        **{f'{u} {z}': pd.Series(np.array(['2020-01-01', '2020-07-02'], f'M8[{u}]')).dt.tz_localize(z) for u in ('s', 'ms', 'us', 'ns') for z in (None, 'UTC', 'Europe/Zurich', '+05:30')},
        **{f'arrow {t}': _arrow(v, t) for t, v in ((pa.string(), ['a', None]), (pa.large_string(), ['a', None]), (pa.int8(), [1, None]), (pa.uint64(), [2**63, None]), (pa.float32(), [1.5, None]), (pa.bool_(), [True, None]),
                                                    (pa.timestamp('us'), [datetime(2020, 1, 1), None]), (pa.timestamp('ms', 'UTC'), [datetime(2020, 1, 1), None]))},
        **{f'category of {n}': pd.Series(pd.Categorical(v)) for n, v in dict(ints=[1, 2], bools=[True, False], floats=[.5, 1.5], texts=['a', None, 'b'], int8=np.array([1, 2], 'int8'), float32=np.array([.1, .2], 'f4'), objects=pd.Index(['a', 'b'], dtype=object)).items()},
        'None': _objects('a', None), 'NaN': _objects('a', NAN), 'NA': _objects('a', pd.NA), 'true or None': _objects(True, None), 'true or NaN': _objects(True, NAN), 'only None': _objects(None, None),
        'uint64 beyond int64': pd.Series(np.array([2**64 - 1, 0], 'uint64')), 'negative zero': pd.Series([-0.0, 1.])}

def _kinds(values): return [type(v) if v is None or v is pd.NA or v is pd.NaT else str for v in values]

@pytest.mark.parametrize('times', [1, 40])
@pytest.mark.parametrize('case', KEPT)
def test_a_column_of_training_comes_back_as_it_was(case, times):
    X = pd.concat([KEPT[case].to_frame('x')]*times)                   # its index is not 0, 1, 2
    sig = Signature.from_dict(json.loads(json.dumps(Signature.infer(X).to_dict(), allow_nan=False)))
    back = sig.enforce(X)
    pd.testing.assert_frame_equal(back, X)
    assert _kinds(back['x'].tolist()) == _kinds(X['x'].tolist()) and not len(sig.check(X, ranges='error')) and sig == Signature.infer(X)


REFUSED = dict(
    longdouble=pd.Series([1.]).astype('longdouble'), complex=pd.Series([1j]), timedelta=pd.Series(pd.to_timedelta([1, 2])), period=pd.Series(pd.period_range('2020', periods=2, freq='M')), interval=pd.Series(pd.interval_range(0, 2)),
    date32=_arrow(DAYS, pa.date32()), date64=_arrow(DAYS, pa.date64()), time=_arrow([time(1)], pa.time64('us')), decimal=_arrow([Decimal('1.5')], pa.decimal128(5, 2)), binary=_arrow([b'a'], pa.binary()), duration=_arrow([timedelta(1)], pa.duration('us')),
    dictionary=_arrow(['a', 'b'], pa.dictionary(pa.int32(), pa.string())), list=_arrow([[1]], pa.list_(pa.int64())), struct=_arrow([{'a': 1}], pa.struct([('a', pa.int64())])), null=_arrow([None], pa.null()),
    dates=_objects(*DAYS), days_or_none=_objects(DAYS[0], None), times=_objects(datetime(2020, 1, 1)), bytes=_objects(b'a'), decimals=_objects(Decimal(1)), integers=_objects(1, 2), floats=_objects(1.5), integers_or_none=_objects(1, None),
    both=_objects('a', None, NAN), mixed=_objects(1, 'x'), mixed_bool=_objects(True, 1), lists=_objects([1], [2]), huge=_objects(2**70), infinite=pd.Series([1., float('inf')]), half=_objects('\ud800'),
    category_of_days=pd.Series(pd.Categorical(DAYS)), category_of_mixed=pd.Series(pd.Categorical([1, 'a'])), cut=pd.Series(pd.cut([1, 5, 9], 3)), sparse_times=pd.Series(pd.to_datetime(['2020-01-01'])).astype('Sparse[datetime64[ns]]'))
ADVICE = dict(longdouble="X['x'].astype('float64')", timedelta="X['x'].dt.total_seconds()", duration="X['x'].dt.total_seconds()", period="X['x'].dt.to_timestamp()", date32="X['x'].astype('datetime64[s]')", date64="X['x'].astype('datetime64[ms]')",
              decimal="X['x'].astype('float64')", binary="X['x'].map(bytes.decode)", bytes="X['x'].map(bytes.decode)", dictionary="X['x'].astype(object)", dates="pandas.to_datetime(X['x'])", days_or_none="pandas.to_datetime(X['x'])",
              times="pandas.to_datetime(X['x'])", decimals="X['x'].astype('float64')", integers="X['x'].astype('int64')", floats="X['x'].astype('float64')", integers_or_none="'Int64'", both="X['x'].where(X['x'].notna(), None)",
              mixed="X['x'].astype(str)", category_of_days="X['x'].astype(str)", cut="X['x'].astype(str)", sparse_times="X['x'].sparse.to_dense()", huge="'float64'", infinite='X.replace([float("inf"), -float("inf")], float("nan"))')

@pytest.mark.parametrize('case', REFUSED)
def test_what_cannot_be_kept_is_refused_when_it_is_inferred_and_the_advice_works(case):
    X = pd.DataFrame({'x': REFUSED[case], 'n': 1.})
    with pytest.raises(InvalidInput, match="column 'x'") as e: Signature.infer(X)
    if case not in ADVICE: return
    assert ADVICE[case] in str(e.value)
    code = f"X['x'].astype({ADVICE[case]})" if ADVICE[case][0] == "'" else ADVICE[case]
    made = eval(code, dict(X=X, pandas=pd))
    made = made if isinstance(made, pd.DataFrame) else X.assign(x=made)
    pd.testing.assert_frame_equal(Signature.infer(made).enforce(made), made)


def test_none_is_none_to_the_model_whatever_stands_for_it():
    sig = Signature.infer(pd.DataFrame({'c': _objects('red', None)}))
    for rows in ([{'c': None}], [{'c': NAN}], [[None]], pd.DataFrame({'c': _objects(NAN)}), pd.DataFrame({'c': pd.Series([None], dtype='string')})):
        for many in (1, 70):
            rows_ = pd.concat([rows]*many) if isinstance(rows, pd.DataFrame) else rows*many
            assert sig.enforce(rows_)['c'].tolist() == [None]*many
    before = {k: v for k, v in sig.to_dict()['columns'][0].items() if k != 'hole'}
    assert math.isnan(Signature.from_dict(dict(named=True, columns=[before])).enforce([{'c': None}])['c'][0])     # as it was stored before


FORMS = [([[1, 'x'], [2, 'y']], 'integer string'), (np.array([[1, 'x'], [2, 'y']], dtype=object), 'integer string'), (np.array([[1, None], [2, 2.5]], dtype=object), 'integer number'), ([(1, True), (2, False)], 'integer boolean'), ([[1, None], [2, 3]], 'integer number'),
         (np.matrix([[1., 2.]]), 'number number'), (np.ma.masked_array([[1., 2.]]), 'number number'), (np.array([(1, 'a')], dtype=[('n', 'i8'), ('t', 'U2')]), 'integer string'), (np.rec.array([(1, 'a')], dtype=[('n', 'i8'), ('t', 'U2')]), 'integer string'),
         ([{'a': 1, 'b': None}, {'b': 'x', 'a': 2}], 'integer string'), ([pd.Series({'a': 1., 'b': 2.})], 'number number'), ([np.array([1., 2.])], 'number number'), (pa.table({'a': [1], 'b': ['x']}), 'integer string'), (np.array([['a', 'b']]), 'string string')]

@pytest.mark.parametrize('X,kinds', FORMS)
def test_rows_of_any_form_fit_the_signature_that_they_gave(X, kinds):
    sig = Signature.infer(X)
    assert [c.kind for c in sig.columns] == kinds.split() and not len(sig.check(X)) and sig.enforce(X).shape == (len(sig.enforce(X)), 2)


@pytest.mark.parametrize('X,says', [([[2**53 + 1, .5]], 'holds exactly'), ([[1, 2], [3]], 'row 1 has 1 values'), ([[1], 2], 'another form'), ([{'a': 1}, {}], 'row 1 has other keys'), (np.ma.masked_array([[1, -999]], mask=[[0, 1]]), 'behind the mask'),
    ((r for r in [[1]]), 'once only'), ({'a': [1]}, r'pandas.DataFrame\(X\)'), ('text', 'not str'), (b'text', 'not bytes'), (None, 'not NoneType'), (7, 'not int'), ([], 'no row'), (np.zeros(3), 'reshape'), (pd.Series([1., 2.]), 'to_frame'), ([1, 2], 'reshape'),
    (np.zeros((1, 2, 2)), 'rows and columns'), ([[[1]]], 'no further dimension'), (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([('a', 'b')])), "map"), (pd.DataFrame([[1]]), r'astype\(str\)'), (['a', 1], 'no texts'), (sparse.csr_matrix(np.eye(2)), 'toarray')])
def test_what_is_no_training_data_is_refused_with_the_reason(X, says):
    with pytest.raises(InvalidInput, match=says): Signature.infer(X)


def test_names_and_rows_of_other_tables():
    X = pd.DataFrame({'age': [1, 2], 'income': [3., 4.]})
    table, sig = pa.table({'income': [4., 3.], 'age': [2, 1]}), Signature.infer(X)
    assert Signature.infer(table).names == ['income', 'age'] and Signature.infer(table).named
    assert sig.enforce(table).values.tolist() == [[2, 4], [1, 3]] and not len(sig.check(table)) and len(sig.check(table.drop_columns('age'))) == 1
    pl = pytest.importorskip('polars')
    frame = pl.DataFrame({'income': [4., 3.], 'age': [2, 1]})
    for f in (frame, frame.lazy()): assert Signature.infer(f).names == ['income', 'age'] and sig.enforce(f).values.tolist() == [[2, 4], [1, 3]]
    for rows in (X.iloc[0], [X.iloc[0]], np.array([(1, 3.)], dtype=[('age', 'i8'), ('income', 'f8')]), [np.array([1, 3.])]): assert sig.enforce(rows).values.tolist() == [[1, 3]]
    for rows, says in (({'age': [1], 'income': [2.]}, 'holds columns'), ((r for r in [[1, 2.]]), 'once only'), (pd.Series([1., 2.]), 'labels'), (sparse.eye(2).tocsr(), 'toarray'), (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([('age', 'x'), ('age', 'y')])), 'is missing')):
        assert says in sig.check(rows)[0]['problem'] or says in str([*sig.check(rows)])


@pytest.mark.parametrize('many', [1, 70])
def test_a_masked_value_is_missing_and_never_what_is_behind_the_mask(many):
    rows = np.ma.masked_array([[1., -999.]]*many, mask=[[0, 1]]*many)
    assert {p['problem'] for p in Signature.infer(np.eye(2)).check(rows)} == {'is missing, and may not be'}
    assert np.isnan(Signature.infer(np.eye(2), nullable=True, ranges='ignore').enforce(rows)['x1']).all()


@pytest.mark.parametrize('many', [1, 70])
def test_the_index_of_a_frame_stays(many):
    X = pd.DataFrame({'x': range(2*many), 's': ['a', 'b']*many}, index=pd.date_range('2020-01-01', periods=2*many, name='day'))
    pd.testing.assert_frame_equal(Signature.infer(X).enforce(X[['s', 'x']]), X)


@pytest.mark.parametrize('many', [1, 70])
def test_texts_without_columns(many):
    from sklearn.feature_extraction.text import TfidfVectorizer
    texts = pd.Series(['good film', 'bad film']*many, name='review', dtype=object)
    for X, name, named in ((texts, 'review', True), (texts.tolist(), 'text', False), (texts.to_numpy(), 'text', False), (texts.to_numpy().astype(str), 'text', False), (pd.Series(texts, name=0), 'text', False), (pa.array(texts.tolist()), 'text', False)):
        sig = Signature.from_dict(json.loads(json.dumps(Signature.infer(X).to_dict())))
        assert sig.flat and sig.names == [name] and sig.named == named and '; flat' in repr(sig) and sig == Signature.infer(X)
        for rows in (X, texts, texts.tolist(), [[t] for t in texts], [{name: t} for t in texts], texts.to_frame(name), texts.to_numpy(), pa.table({name: texts.tolist()})):
            found = sig.enforce(rows)
            assert isinstance(found, pd.Series) and found.tolist() == texts.tolist() and TfidfVectorizer().fit_transform(found).shape == (2*many, 3)
        assert [p['problem'] for p in sig.check('text')] == ['an input is a table, an object or a list of them, not str'] and sig.check([3, 'a'])[0]['problem'] == '3 is not a text'
    assert [(d['change'], d['breaks']) for d in sig.diff(replace(sig, flat=False))] == [('flat', False)]
    assert Signature.from_mlflow(Signature.infer(texts).to_mlflow(), flat=True).flat
    with pytest.raises(InvalidInput, match='a flat signature has one column of texts'): replace(Signature.infer(np.eye(2)), flat=True)


def test_all_problems_at_once():
    sig = Signature.infer(pd.DataFrame({'a': [1, 2], 'b': ['x', 'y'], 'c': [.5, 1.]}))
    def told(rows): return [(p['row'], p['column'], p['problem'].split('.')[0]) for p in sig.check(rows)]
    for many in (1, 70):
        frame = pd.DataFrame({'a': ['q']*many, 'b': ['x']*many, 'd': [1]*many})
        assert {*told(frame)} == {(i, 'a', "'q' is not an integer") for i in range(many)} | {(None, 'c', 'is missing'), (None, 'd', 'is unknown')}
    assert told([{'a': 'q', 'b': 3}, {'a': 1, 'b': None, 'c': 'z'}, 7]) == [(0, 'c', 'is missing'), (0, 'a', "'q' is not an integer"), (0, 'b', '3 is not a text'), (1, 'b', 'is missing, and may not be'), (1, 'c', "'z' is not a number"), (2, None, 'is no object, though others are')]
    assert told([[1, 'x'], ['q', 'x', 1]]) == [(0, None, 'has 2 values; the signature has 3 columns'), (1, 'a', "'q' is not an integer")]
    twice = pd.DataFrame([['q', 1, 2, 'x']], columns=['a', 'c', 'c', 'b'])
    assert told(twice) == [(0, 'a', "'q' is not an integer"), (None, 'c', 'is there more than once')]


def test_a_signature_from_few_rows_says_so():
    few, many = Signature.infer(pd.DataFrame({'x': [1., 2.]})), Signature.infer(pd.DataFrame({'x': np.arange(500.)}))
    assert 'from 2 rows only' in repr(few) and 'rows' not in repr(many) and (few.to_dict()['rows'], many.to_dict()['rows']) == (2, 500)
    assert Signature.from_dict(few.to_dict()).rows == 2 and Signature.from_dict(OLD).rows is None
    assert [c.nullable for c in Signature.infer(pd.DataFrame({'x': [1., 2.], 'y': [1., None]})).columns] == [False, True]


@pytest.mark.parametrize('nullable,says', [(7, 'nullable is a name'), ('', "the column ''"), (['z'], "the column 'z'")])
def test_which_columns_may_be_missing(nullable, says):
    X = pd.DataFrame({'x': [1.]})
    with pytest.raises(InvalidInput, match=says): Signature.infer(X, nullable)
    assert [Signature.infer(X, n).columns[0].nullable for n in (np.True_, np.False_, None, (), 'x', np.array(['x']))] == [True, False, False, False, True, True]
    with pytest.raises(InvalidInput, match="ranges is ''"): Signature.infer(X).enforce(X, ranges='')


@given(st.sampled_from(['float64', 'float32', 'int64', 'int8', 'uint64', 'bool', 'object', 'U3', 'masked']), st.lists(st.tuples(st.integers(-3, 300), st.booleans()), min_size=1, max_size=4), st.sampled_from(sorted(KIND)))
@settings(max_examples=600, deadline=None)
def test_short_arrays_and_long_ones_say_the_same(given_dtype, values, dtype):
    numbers, holes = zip(*values)
    if given_dtype == 'masked': one = np.ma.masked_array([[float(v)] for v in numbers], mask=[[h] for h in holes])
    elif given_dtype.startswith('float'): one = np.array([[math.nan if h else v + .5*h] for v, h in values], given_dtype)
    elif given_dtype == 'object': one = np.array([[None if h else v] for v, h in values], object)
    else: one = np.array([[abs(v) % 100] for v in numbers]).astype(given_dtype)
    long, sig = np.ma.concatenate([one]*70) if given_dtype == 'masked' else np.concatenate([one]*70), signature(dtype)
    a, b = sig.check(one), sig.check(long)
    assert len(b) == 70*len(a) and [p['problem'] for p in a] == [p['problem'] for p in b[:len(a)]]
    if not len(a): pd.testing.assert_frame_equal(sig.enforce(one), sig.enforce(long).head(len(one)))


def test_each_kept_column_can_be_compared_with_each_other():
    made = {k: Signature.infer(s.to_frame('x')) for k, s in KEPT.items()}
    for a in made:
        for b in made:
            if made[a].compatible(made[b]): assert list(made[b].check(KEPT[a].to_frame('x'))) == [], f'{a} goes into {b}'


@pytest.mark.parametrize('more,says', [(dict(flat='yes'), "flat is 'yes'"), (dict(rows='3'), "rows is '3'"), (dict(rows=True), 'rows is True'), (dict(hole='?'), "hole is '?'")])
def test_a_record_that_says_nonsense_is_refused(more, says):
    hole = {k: more.pop(k) for k in ('hole',) if k in more}
    with pytest.raises(InvalidInput, match=re.escape(says)): Signature.from_dict(dict(named=True, columns=[dict(name='x', kind='string', dtype='object', **hole)], **more)).enforce([])
