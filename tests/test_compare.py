"Rows of two versions against a plain merge and against difflib, and what of them is read"
from collections import Counter
from difflib import SequenceMatcher

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from mlops_nb.data import chunks, packs, versioning
from mlops_nb.data.compare import compare_rows
from mlops_nb.core.rules import InvalidInput, NotFound
from mlops_nb.data.versioning import DataVersioning


@pytest.fixture(scope='module')
def versions(tmp_path_factory):
    "A place for versions whose chunks hold a few rows, so that small tables have many of them"
    patch = pytest.MonkeyPatch()
    for name, value in dict(_MIN=3, _MAX=12, _BITS=2, _WINDOW=2).items(): patch.setattr(chunks, name, value)
    with DataVersioning(tmp_path_factory.mktemp('versions')) as v: yield v
    patch.undo()


def compare(versions, a, b, *args, **kw): return compare_rows(versions, versions.version_data(a, 't'), versions.version_data(b, 't'), *args, **kw)


def merged(a, b, key):
    "The authority: both tables loaded, and merged by pandas; a missing value equals a missing value"
    both = a.merge(b, on=key, how='outer', indicator=True, suffixes=('', '_new'))
    pair = both[both._merge == 'both']
    columns = [c for c in a.columns if c not in key and c in b.columns]
    differ = pd.DataFrame({c: [x != y for x, y in zip(*(pair[n].astype(object).where(pair[n].notna(), 'missing') for n in (c, c + '_new')))] for c in columns}, dtype=bool)
    count = both._merge.value_counts()
    rows = dict(added=int(count['right_only']), removed=int(count['left_only']), changed=int(differ.any(axis=1).sum()), unchanged=len(pair) - int(differ.any(axis=1).sum()))
    return rows, {c: int(differ[c].sum()) for c in columns}


VALUES = st.sampled_from([0., 1., 2., None])
ROWS = st.lists(st.tuples(st.integers(0, 50), st.sampled_from('abc'), VALUES, st.sampled_from(['x', 'y', None])), max_size=60)


def frame(rows, key):
    a = pd.DataFrame(rows, columns=['k', 'l', 'v', 'w'])
    return a.astype({'k': 'int64', 'l': 'string', 'v': 'float64', 'w': 'string'}).drop_duplicates(key).reset_index(drop=True)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(a=ROWS, b=ROWS, key=st.sampled_from([['k'], ['k', 'l'], ['l', 'k']]), share=st.booleans(), seed=st.integers(0, 9))
def test_by_key_it_is_a_merge(versions, a, b, key, share, seed):
    a, b = frame(a, key), frame(b, key)
    if share: b = pd.concat([a.sample(frac=1, random_state=seed) if seed % 2 else a, b], ignore_index=True).drop_duplicates(key).reset_index(drop=True)
    found, (rows, columns) = compare(versions, a, b, key), merged(a, b, key)
    assert {k: found['rows'][k] for k in rows} == rows
    assert {c: found['columns'][c]['changed'] for c in columns} == columns
    assert all(found['columns'][k]['changed'] == 0 for k in key)
    kept = a.merge(b.reset_index(), on=key, suffixes=('', '_b'))['index'].tolist() if len(a) and len(b) else []
    assert found['row_order_changed'] == (kept != sorted(kept)) and (found['rows']['moved'] > 0) == found['row_order_changed']


CELLS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(['x', 'y', None])), max_size=40)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(a=CELLS, edits=st.lists(st.tuples(st.sampled_from(['insert', 'delete', 'change']), st.integers(0, 40), st.integers(4, 99)), max_size=6))
def test_by_place_the_books_balance(versions, a, edits):
    b = list(a)
    for what, at, value in edits:
        if what == 'insert': b.insert(at, (value, 'new'))
        elif at < len(b): b[at:at + 1] = [] if what == 'delete' else [(value, b[at][1])]
    left, right = (pd.DataFrame(rows, columns=['v', 'w']).astype({'v': 'int64', 'w': 'string'}) for rows in (a, b))
    found = compare(versions, left, right)
    r = found['rows']
    assert r['unchanged'] + r['changed'] + r['removed'] == len(a) and r['unchanged'] + r['changed'] + r['added'] == len(b)
    stood = sum(x != y for x, y in zip(a, b)) if len(a) == len(b) else 0      # rows that occur often and were edited in place
    assert r['added'] + r['removed'] + r['changed'] <= max(len(edits) + 2*r['moved'], stood)
    assert found['columns']['v']['changed'] <= r['changed']
    if a == b: assert r == dict(before=len(a), after=len(b), added=0, removed=0, changed=0, unchanged=len(a), moved=0)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(a=st.lists(st.integers(0, 5), max_size=40), b=st.lists(st.integers(0, 5), max_size=40))
def test_one_column_keeps_as_many_rows_in_place_as_difflib(versions, a, b):
    found = compare(versions, *(pd.DataFrame({'x': pd.array(x, 'int64')}) for x in (a, b)))['rows']
    theirs = sum(m.size for m in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks())
    if len(a) == len(b) and found['changed'] and not found['added'] and found['unchanged'] == sum(x == y for x, y in zip(a, b)): return      # edited in place
    assert found['unchanged'] - found['moved'] >= 0.8*theirs - 6      # a chunk that is equal stays where it is, and a few rows may pay for it


@pytest.mark.parametrize('n', [1, 10, 500])
def test_rows_on_top_are_rows_that_were_added(versions, n):
    rng = np.random.default_rng(0)
    a = pd.DataFrame({'x': rng.normal(size=2000), 'y': rng.choice(list('abcd'), 2000), 'zero': 0})
    b = pd.concat([pd.DataFrame({'x': np.arange(n) + 10., 'y': 'z', 'zero': 0}), a], ignore_index=True)
    found = compare(versions, a, b)
    assert found['rows'] == dict(before=2000, after=2000 + n, added=n, removed=0, changed=0, unchanged=2000, moved=0)
    assert found['added'] == list(range(min(n, 3)))
    assert compare(versions, b, a)['rows'] == dict(before=2000 + n, after=2000, added=0, removed=n, changed=0, unchanged=2000, moved=0)


def changes(a):
    "Tables that differ from `a` as tables do in life, and how many rows differ"
    at = len(a)//2
    block = a.copy(); block.loc[at:at + 19, 'x'] = 0.5
    more = pd.DataFrame({'k': np.arange(20) + 10_000, 'x': np.arange(20) + 7., 'y': 'new', 'z': np.arange(20) + 100})
    yield 'append', pd.concat([a, more], ignore_index=True), 20
    yield 'on top', pd.concat([more, a], ignore_index=True), 20
    yield 'cut out', a.drop(index=range(at, at + 20)).reset_index(drop=True), 20
    yield 'block', block, 20
    yield 'new column', a.assign(new=a.x + 1), 0
    yield 'nothing', a, 0


@pytest.mark.parametrize('key', [None, 'k'])
def test_chunks_that_are_equal_are_not_read(versions, key, monkeypatch):
    rng = np.random.default_rng(5)
    a = pd.DataFrame({'k': rng.permutation(5000), 'x': rng.normal(size=5000), 'y': rng.integers(0, 10**9, 5000).astype(str), 'z': rng.integers(0, 10**9, 5000)})
    read, patched, for_a_patch = packs.ChunkReader.read, packs.ChunkReader._rows, []
    def rows_of_bases(*args):            # a chunk that is stored as a patch needs the chunks that it was made from, whichever they are
        for_a_patch.append(1)
        try: return patched(*args)
        finally: for_a_patch.pop()
    monkeypatch.setattr(packs.ChunkReader, '_rows', rows_of_bases)
    v1 = versions.version_data(a, 'read')
    for what, b, rows in changes(a):
        v2 = versions.version_data(b, 'read', parent_version=None if what == 'nothing' else v1)
        m1, m2 = versions.manifest(v1), versions.manifest(v2)
        sides = {c['name']: [{k for k, _ in x['chunks']} for m in (m1, m2) for x in m['columns'] if x['name'] == c['name']] for c in m1['columns']}
        equal = set().union(*(p & q for c, (p, q) in sides.items() if c != key))
        first = {c['chunks'][0][0] for m in (m1, m2) for c in m['columns']}      # says the type of a column, whatever rows are asked for
        seen, sizes = set(), {k: n for m in (m1, m2) for c in m['columns'] for k, n in c['chunks']}
        def refuse(reader, k):
            if for_a_patch: return read(reader, k)
            assert k not in equal or k in first, f'{what}: an equal chunk of {sizes[k]} rows is read'
            seen.add(k)
            return read(reader, k)
        monkeypatch.setattr(packs.ChunkReader, 'read', refuse)
        found = compare_rows(versions, v1, v2, key)['rows']
        monkeypatch.setattr(packs.ChunkReader, 'read', read)
        assert found['added'] + found['removed'] + found['changed'] == rows and found['moved'] == 0
        assert found['unchanged'] >= 4980
        keys = sum(n for c in m1['columns'] + m2['columns'] if c['name'] == key for _, n in c['chunks'])
        assert sum(sizes.get(k, 12) for k in seen) <= keys + 8*max(rows, 20) + 100      # of 40,000 values
        if what in ('nothing', 'new column') and not key: assert not seen

def read_by(versions, monkeypatch, compared):
    "What `compared` reads: (chunk, how often), without what a patch is made of"
    read, patched, for_a_patch, seen = packs.ChunkReader.read, packs.ChunkReader._rows, [], Counter()
    def rows_of_bases(*args):
        for_a_patch.append(1)
        try: return patched(*args)
        finally: for_a_patch.pop()
    def count(reader, k):
        if not for_a_patch: seen[k] += 1
        return read(reader, k)
    with monkeypatch.context() as patch:
        patch.setattr(packs.ChunkReader, '_rows', rows_of_bases); patch.setattr(packs.ChunkReader, 'read', count)
        found = compared()
    return found, seen


@pytest.mark.parametrize('key', [['k'], ['y'], ['y', 'k']])
def test_a_key_is_read_once_on_the_left_and_where_it_differs_on_the_right(versions, key, monkeypatch):
    rng = np.random.default_rng(6)
    a = pd.DataFrame({'k': rng.permutation(3000), 'x': rng.normal(size=3000), 'y': np.char.add('y', rng.permutation(3000).astype(str)), 'z': rng.integers(0, 10**9, 3000)})
    v1 = versions.version_data(a, 'keys')
    for what, b, rows in changes(a):
        if what != 'nothing': b = b.assign(y=b.y.where(b.y != 'new', 'new' + b.k.astype(str)))
        v2 = versions.version_data(b, 'keys', parent_version=None if what == 'nothing' else v1)
        sides = [{c['name']: [k for k, _ in c['chunks']] for c in versions.manifest(v)['columns']} for v in (v1, v2)]
        expected = Counter(c for k in key for c in sides[0][k]) + Counter(c for k in key for c in sides[1][k] if c not in sides[0][k])
        found, seen = read_by(versions, monkeypatch, lambda: compare_rows(versions, v1, v2, key, examples=0))
        of_keys = {c for side in sides for k in key for c in side[k]}
        assert Counter({c: n for c, n in seen.items() if c in of_keys}) == expected, what
        assert found['rows']['added'] + found['rows']['removed'] + found['rows']['changed'] == rows and found['rows']['unchanged'] >= 2980


def test_keys_in_shared_chunks_are_still_proven(versions):
    "A chunk that stands twice on the right names its rows twice, and so does a key of the left that is new on the right"
    a = pd.DataFrame({'k': np.random.default_rng(7).permutation(400)})
    for b in ([a, a], [a, a[:1]], [a[-1:], a]):
        b = pd.concat(b, ignore_index=True)
        with pytest.raises(InvalidInput, match=rf'k={b.k[0]} names rows 0 and 400 of .t_'): compare(versions, a, b, 'k')
    holes = pd.concat([a, pd.DataFrame({'k': [None]})], ignore_index=True).astype('Int64')
    with pytest.raises(InvalidInput, match=r"the key 'k' is missing in row 400 of .t_"): compare(versions, a.astype('Int64'), holes, 'k')


@pytest.mark.parametrize('key', [None, 'k'])
def test_a_version_is_opened_once_and_little_of_it_is_kept(versions, key, monkeypatch):
    rng = np.random.default_rng(8)
    a = pd.DataFrame({'k': np.arange(2000), **{f'x{i}': rng.normal(size=2000) for i in range(8)}})
    v1 = versions.version_data(a, 'opened')
    v2 = versions.version_data(a.assign(x0=a.x0.where(a.k % 100 > 0, 0), x5=1.).drop(index=range(700, 720)), 'opened', parent_version=v1)
    expected, opened, manifest = compare_rows(versions, v1, v2, key, drift=True), [], versioning.DataVersioning._manifest
    monkeypatch.setattr(versioning.DataVersioning, '_manifest', lambda self, row: opened.append(row.version) or manifest(self, row))
    monkeypatch.setattr(versioning, '_KEEP', 1)
    kept, largest, readers = packs.ChunkReader._kept, [], set()
    def watch(reader, cache, *args):
        found = kept(reader, cache, *args)
        readers.add(reader.keep); largest.append(len(cache))
        return found
    monkeypatch.setattr(packs.ChunkReader, '_kept', watch)
    assert compare_rows(versions, v1, v2, key, drift=True) == expected
    assert sorted(opened) == sorted([v1, v2]) and readers == {1} and max(largest) == 1


def test_everything_at_once(versions):
    rng = np.random.default_rng(1)
    a = pd.DataFrame({'id': np.arange(1000), 'x': rng.normal(size=1000), 'y': rng.choice(list('abcd'), 1000)})
    b = a.drop(index=[3, 500, 501]).reset_index(drop=True)
    b.loc[100:109, 'x'] = np.nan
    b = pd.concat([b.iloc[:700], pd.DataFrame({'id': [2000, 2001], 'x': [9., 9.], 'y': 'q'}), b.iloc[700:]], ignore_index=True)[['y', 'id', 'x']]
    for key in (None, 'id'):
        found = compare(versions, a, b, key)
        assert found['rows'] == dict(before=1000, after=999, added=2, removed=3, changed=10, unchanged=987, moved=0)
        assert found['schema'] == dict(added=[], removed=[], types={}, order_changed=True)
        assert found['columns']['x']['changed'] == 10 and found['columns']['y']['changed'] == found['columns']['id']['changed'] == 0
    assert found['removed'] == [{'id': 3}, {'id': 500}, {'id': 501}] and found['added'] == [{'id': 2000}, {'id': 2001}]
    assert found['columns']['x']['examples'][0] == {'row': {'id': int(b.id[100])}, 'from': float(a.x[b.id[100]]), 'to': None}


def test_a_shuffle_is_an_order_and_no_change(versions):
    a = pd.DataFrame({'x': np.arange(300), 'y': 'c'})
    for key in (None, 'x'):
        found = compare(versions, a, a.sample(frac=1, random_state=0).reset_index(drop=True), key)
        assert found['row_order_changed'] and found['rows']['unchanged'] == 300 and found['rows']['moved'] > 200
        assert found['rows']['added'] == found['rows']['removed'] == found['rows']['changed'] == 0


TYPES = {'int64 to float64': ([1, 2, 3], [1., 2., 4.], 1), 'int64 to Int64': ([1, 2, 3], pd.array([1, None, 3], 'Int64'), 1), 'text to number': (['1', '2', '3'], [1, 2, 3], 3),
         'large int to float': ([2**53 + 1, 2, 3], [float(2**53), 2., 3.], 1), 'bool to int': ([True, False, True], [1, 0, 2], 1), 'float32': (np.array([.5, .1, 3], 'float32'), [.5, .1, 3.], 1),
         'category': (['a', 'b', 'a'], pd.Categorical(['a', 'b', 'b']), 1), 'other categories': (pd.Categorical(['a', 'b', 'a']), pd.Categorical(['a', 'b', 'a'], categories=['b', 'a']), 0),
         'unit of time': (pd.to_datetime(['2013-01-01', None, '2013-01-03']).astype('M8[s]'), pd.to_datetime(['2013-01-01', None, '2013-01-03']).astype('M8[ns]'), 0),
         'zone': (pd.to_datetime(['2013-01-01']*3), pd.to_datetime(['2013-01-01']*3).tz_localize('UTC'), 3), 'missing': (pd.Series(['a', None, 'c'], dtype=object), pd.array(['a', None, 'c'], 'string'), 0)}


@pytest.mark.parametrize('case', TYPES)
def test_another_type_is_told_once_and_values_are_compared(versions, case):
    a, b, changed = TYPES[case]
    a, b = pd.DataFrame({'k': [1, 2, 3], 'x': a}), pd.DataFrame({'k': [1, 2, 3], 'x': b})
    for key in (None, 'k'):
        found = compare(versions, a, b, key)
        assert found['columns']['x']['changed'] == found['rows']['changed'] == changed
        assert ('x' in found['schema']['types']) == (str(a.x.dtype) != str(b.x.dtype))


def test_an_index_is_compared_and_may_be_the_key(versions):
    a = pd.DataFrame({'x': [1, 2, 3]}, index=pd.Index(['a', 'b', 'c'], name='id'))
    b = pd.DataFrame({'x': [1, 9, 3, 4]}, index=pd.Index(['a', 'b', 'c', 'd'], name='id'))
    found = compare(versions, a, b, 'id')
    assert found['rows'] == dict(before=3, after=4, added=1, removed=0, changed=1, unchanged=2, moved=0) and found['added'] == [{'id': 'd'}]
    assert compare(versions, a, b.rename(index={'a': 'A'}))['columns']['id']['changed'] == 1
    two = a.set_index(pd.MultiIndex.from_tuples([(1, 'a'), (1, 'b'), (2, 'a')], names=['n', None]))
    found = compare(versions, two, two.iloc[::-1], ['n', 'level_1'])
    assert found['rows']['moved'] == 2 and found['rows']['unchanged'] == 3
    same = pd.DataFrame({'id': [1, 2]}, index=pd.Index([3, 4], name='id'))
    assert set(compare(versions, same, same)['columns']) == {'id', 'id (index)'}


def test_columns_of_one_name_are_told_apart(versions):
    a = pd.DataFrame([[1, 2], [3, 4]], columns=['x', 'x'])
    b = pd.DataFrame([[1, 9], [3, 4]], columns=['x', 'x'])
    assert {c: v['changed'] for c, v in compare(versions, a, b)['columns'].items()} == {'x': 0, 'x #2': 1}


@pytest.mark.parametrize('a, b', [({'x': []}, {'x': []}), ({'x': []}, {'x': [1.]}), ({'x': [1.]}, {'x': []}), ({'x': [1.]}, {'y': [1.]})])
def test_tables_with_nothing_in_common(versions, a, b):
    found = compare(versions, *(pd.DataFrame(d, dtype='float64') for d in (a, b)))
    rows = found['rows']
    assert rows['unchanged'] + rows['changed'] + rows['removed'] == len(next(iter(a.values()))) and rows['moved'] == 0
    if a.keys() == b.keys(): assert compare(versions, *(pd.DataFrame(d, dtype='float64') for d in (a, b)), 'x')['rows'] == rows


def test_refusals_name_the_row(versions):
    a = pd.DataFrame({'k': [1, 2, 2], 'l': ['a', 'b', 'b'], 'm': [1., None, 3.]})
    ok = pd.DataFrame({'k': [1, 2, 3], 'l': ['a', 'b', 'b'], 'm': [1., 2., 3.]})
    for left, right, key, why in [(a, ok, 'k', r'k=2 names rows 1 and 2 of .t_\w+.; a key names one'), (ok, a, ['k', 'l'], r"k=2, l='b' names rows 1 and 2"), (a, ok, 'm', r"the key 'm' is missing in row 1 of .t_\w+."),
                                  (ok, a, 'm', r"the key 'm' is missing in row 1")]:
        with pytest.raises(InvalidInput, match=why): compare(versions, left, right, key)
    with pytest.raises(NotFound, match="has no column 'kk' for a key. Did you mean 'k'|has no column 'kk'"): compare(versions, ok, a, 'kk')
    with pytest.raises(NotFound): compare(versions, ok, a.drop(columns='l'), 'l')
    with pytest.raises(InvalidInput, match='is not a table but array'): compare_rows(versions, versions.version_data(np.arange(3), 'array'), versions.version_data(ok, 't'))


def test_examples_are_plain_values_and_limited(versions):
    import json
    a = pd.DataFrame({'k': np.arange(9), 'x': np.arange(9, dtype='int8'), 'w': pd.array(['a']*9, 'string')})
    found = compare(versions, a, a.assign(x=a.x + 1, w=pd.array([None]*9, 'string')), 'k', examples=2)
    assert [len(c['examples']) for c in found['columns'].values()] == [0, 2, 2] and found['columns']['w']['examples'][0] == {'row': {'k': 0}, 'from': 'a', 'to': None}
    json.dumps(found)


def test_drift_is_that_of_the_detector(versions):
    from mlops_nb.drift.drift import DataDriftDetector
    rng = np.random.default_rng(0)
    a = pd.DataFrame({'x': rng.normal(size=3000), 'c': rng.choice(list('aab'), 3000), 'same': rng.normal(size=3000)})
    b = a.assign(x=a.x + .3, c=rng.choice(list('abb'), 3000))
    found = compare(versions, a, b, drift=True)['columns']
    told = DataDriftDetector(a).detect_drift(b)['feature_drifts']
    theirs = {name: f['psi_score'] for name, f in told.items()}
    assert found['same']['drift'] == 0
    for c in ('x', 'c'): assert found[c]['drift'] == pytest.approx(theirs[c], abs=1e-9)
    assert 'drift' not in compare(versions, a, b)['columns']['x']


def test_a_key_of_categories_is_its_values(versions):
    "The same codes in chunks are other values where the categories are in another order"
    a, b = (pd.DataFrame({'k': pd.Categorical(list('abcdefgh'), categories=c), 'x': range(8)}) for c in (list('abcdefgh'), list('hgfedcba')))
    c = pd.DataFrame({'k': pd.Categorical(list('hgfedcba'), categories=list('hgfedcba')), 'x': range(8)})
    assert compare(versions, a, b, 'k')['rows'] == dict(before=8, after=8, added=0, removed=0, changed=0, unchanged=8, moved=0)
    assert compare(versions, a, c, 'k')['rows'] == dict(before=8, after=8, added=0, removed=0, changed=8, unchanged=0, moved=7)


@pytest.mark.parametrize('rows', [8000, pytest.param(None, marks=pytest.mark.slow)])
def test_a_corrected_quarter_of_flights(rows, tmp_path):
    "Ten flights of December on top, every hundredth delay changed: few chunks are equal in that column, all are in the others"
    from mlops_nb.data.nycflights import flights
    quarter = flights([1, 2, 3], leaks=True).iloc[:rows]
    corrected = pd.concat([flights(12, leaks=True).head(10), quarter], ignore_index=True)
    corrected.loc[10::100, 'arr_delay'] += 1
    hundredth = int(quarter.arr_delay[::100].notna().sum())
    with DataVersioning(tmp_path) as v:
        found = compare_rows(v, v.version_data(quarter, 'flights'), v.version_data(corrected, 'flights'))
    assert found['rows'] == dict(before=len(quarter), after=len(quarter) + 10, added=10, removed=0, changed=hundredth, unchanged=len(quarter) - hundredth, moved=0)
    assert {c: f['changed'] for c, f in found['columns'].items() if f['changed']} == {'arr_delay': hundredth}


def test_a_row_that_occurs_once_has_moved(versions):
    a = pd.DataFrame({'x': np.arange(1000), 'label': ['cat', 'dog']*500})
    b = pd.concat([a[:10], a[11:500], a[10:11], a[500:]], ignore_index=True)
    assert compare(versions, a, b)['rows'] == dict(before=1000, after=1000, added=0, removed=0, changed=0, unchanged=1000, moved=1)


N = float('nan')
NESTED = {'lists': (pa.list_(pa.int64()), [[1], [2, 3], None, []], [[1], [2, 4], None, []], 1), 'NaN in lists': (pa.list_(pa.float64()), [[1., N], [N], [0.]], [[1., N], [2.], [-0.]], 1),
          'null in lists': (pa.list_(pa.int64()), [[1, None], [None]], [[1, None], [3]], 1), 'records': (pa.struct([('a', pa.int64()), ('b', pa.string())]), [{'a': 1, 'b': 'x'}, {'a': 2, 'b': None}], [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}], 1),
          'lists of records': (pa.list_(pa.struct([('a', pa.int64())])), [[{'a': 1}], [{'a': 2}, {'a': 3}]], [[{'a': 1}], [{'a': 2}, {'a': 4}]], 1), 'pairs': (pa.list_(pa.float32(), 2), [[1, 2], [3, 4]], [[1, 2], [3, 5]], 1),
          'bytes': (pa.binary(), [b'a', b'\xff', None], [b'a', b'\xfe', None], 1), 'floats with NaN and null': (pa.float64(), [1., N, None, 0.], [2., N, N, -0.], 1)}


@pytest.mark.parametrize('key', [None, 'k'])
@pytest.mark.parametrize('what', NESTED)
def test_nested_values_are_compared_by_value(versions, what, key):
    t, left, right, changed = NESTED[what]
    a, b = (pd.DataFrame({'k': range(len(x)), 'x': pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(x, type=t)])))}) for x in (left, right))
    for columns in (['k', 'x'], ['x'])[:1 if key else 2]:
        found = compare(versions, a[columns], b[columns], key)
        assert found['columns']['x']['changed'] == found['rows']['changed'] == changed and found['rows']['moved'] == 0


def test_another_type_inside_of_a_list_is_no_change(versions):
    a, b = (pd.DataFrame({'k': [1, 2], 'x': pd.array([[1], [2]], pd.ArrowDtype(pa.list_(t)))}) for t in (pa.int64(), pa.float64()))
    for key in (None, 'k'): assert compare(versions, a, b, key)['rows']['changed'] == 0


@pytest.mark.parametrize('key', [[], (), 0, 5, True, False, [1], ['k', None], {'k'}, b'k', [['k']]], ids=str)
def test_a_key_is_a_name_or_names(versions, key):
    with pytest.raises(InvalidInput, match='key is'): compare(versions, *[pd.DataFrame({'k': [1, 2]})]*2, key)


def test_names_of_a_key(versions):
    a = pd.DataFrame({'k': [1, 2], 'x': [1, 2]})
    with pytest.raises(NotFound, match="no column ''"): compare(versions, a, a, '')
    assert [compare(versions, a, a.assign(x=3), key)['key'] for key in ('k', ['k'], ('k',), ['k', 'k'], None)] == [['k']]*4 + [None]
    for bad in (-1, 1.5, '3', None, True):
        with pytest.raises(InvalidInput, match='examples is'): compare(versions, a, a, examples=bad)
