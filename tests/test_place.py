"Rows compared by place, in chunks as they are stored: what is edited in place, and the memory that it takes"
import numpy as np
import pandas as pd
import pytest

from mlops_nb.data.compare import compare_rows
from mlops_nb.data.versioning import DataVersioning


@pytest.mark.parametrize('n', [200, 5000])
@pytest.mark.parametrize('k', [2, 3, 10])
def test_labels_edited_in_place_are_changed(tmp_path, n, k):
    "Rows that occur often have no name but their place: what differs there has changed, and nothing has moved"
    rng = np.random.default_rng(k)
    a = pd.DataFrame({'label': rng.choice([f'c{i}' for i in range(k)], n), 'round': rng.integers(0, 2, n)})
    for columns in (['label'], ['label', 'round']):
        for share in (.02, .1, .25):
            at, b = rng.choice(n, max(2, int(n*share)), replace=False), a.copy()
            b.loc[at, 'label'] = a.label[np.roll(at, 1)].to_numpy()                 # the same labels, at other rows
            with DataVersioning(tmp_path) as v: found = compare_rows(v, *(v.version_data(f[columns], 't') for f in (a, b)))
            differ = int((a.label != b.label).sum())
            assert found['rows'] == dict(before=n, after=n, added=0, removed=0, changed=differ, unchanged=n - differ, moved=0)
            assert found['columns']['label']['changed'] == differ and not found['row_order_changed']


def most_memory(call):
    import tracemalloc
    tracemalloc.start()
    try: call(); return tracemalloc.get_traced_memory()[1]
    finally: tracemalloc.stop()


def test_memory_by_place_does_not_follow_the_number_of_columns(tmp_path):
    "Every value of every column differs; ten times the columns of the same rows"
    rng, most = np.random.default_rng(0), {}
    with DataVersioning(tmp_path) as v:
        for columns in (4, 40):
            a = pd.DataFrame(rng.normal(size=(60_000, columns)), columns=[f'x{i}' for i in range(columns)])
            v1, v2 = v.version_data(a, 'm'), v.version_data(a + 1, 'm')
            most[columns] = most_memory(lambda: compare_rows(v, v1, v2))
            assert compare_rows(v, v1, v2)['rows']['changed'] == 60_000
    assert most[40] < 1.5*most[4] and most[40] < 2*60_000*40*8
