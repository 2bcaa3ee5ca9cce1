"Tables of a real other library come in with their names, types and values"
import datetime as dt, decimal
import numpy as np, pandas as pd, pytest
from mlops_nb.core.frames import as_pandas

pl = pytest.importorskip('polars')
TABLE = dict(whole=[1, 2, 3], holes=[2**53 + 1, None, 3], real=[.7, float('nan'), .1], truth=[True, None, False], text=['a', None, '01'],
             day=[dt.date(2020, 1, 1), None, dt.date(2021, 1, 1)], time=[dt.datetime(2020, 1, 1, 12), None, dt.datetime(2021, 1, 1)],
             lists=[[1], [2, 3], []], money=[decimal.Decimal('1.10'), None, decimal.Decimal('2.00')])


def same(a, b): return a is b or a == b or pd.isna(a) is True and pd.isna(b) is True


@pytest.mark.parametrize('make', [lambda d: d, lambda d: d.lazy(), lambda d: d.to_arrow()], ids=['frame', 'lazy', 'arrow'])
def test_a_polars_frame_keeps_names_and_values(make):
    frame = as_pandas(make(pl.DataFrame(TABLE)))
    assert isinstance(frame, pd.DataFrame) and list(frame) == list(TABLE)
    assert [str(frame[c].dtype) for c in ('whole', 'holes', 'real', 'truth')] == ['int64', 'Int64', 'float64', 'boolean']
    assert frame.text.dtype == pd.Series(['a']).dtype
    for name, values in TABLE.items():
        found = [list(v) if name == 'lists' else v for v in frame[name].tolist()]
        assert all(map(same, found, values)), (name, found)


def test_a_polars_series_keeps_its_name():
    found = as_pandas(pl.Series('text', ['a', 'b']))
    assert isinstance(found, pd.Series) and found.name == 'text' and found.tolist() == ['a', 'b']


def test_categories_of_polars_are_categories():
    found = as_pandas(pl.DataFrame({'c': pl.Series(['x', 'y', 'x'], dtype=pl.Categorical)})).c
    assert isinstance(found.dtype, pd.CategoricalDtype) and found.tolist() == ['x', 'y', 'x']


@pytest.mark.parametrize('other', [None, 5, 'text', [[1]], {'a': 1}, np.zeros((2, 2)), object()])
def test_what_is_no_table_comes_back_as_it_is(other): assert as_pandas(other) is other
