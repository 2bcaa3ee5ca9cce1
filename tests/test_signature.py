"Every value comes out as it went in, or is refused by its row and column: the wider lists"
import json
import math
from datetime import date, datetime, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from mlops_nb.core import InvalidInput
from mlops_nb.signature import ColumnSpec, Signature, SignatureError

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
