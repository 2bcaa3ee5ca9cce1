"Drift that is seen in the tail, values that are one value however they are stored, and what is refused because it can mean nothing"
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlops_nb.core.rules import InvalidInput, to_json
from mlops_nb.drift import distance
from mlops_nb.drift.drift import DataDriftDetector


def verdict(reference, window, **kw):
    return DataDriftDetector(pd.DataFrame({'x': reference}), **kw).detect_drift(pd.DataFrame({'x': window}))['feature_drifts']['x']


RNG = np.random.default_rng(0)
A, B = RNG.normal(size=5000), RNG.normal(size=5000)
FIRST = np.arange(5000)
TAILS = {'top tenth in another unit': np.where(B > np.quantile(B, .9), B*1000, B), 'lowest tenth in another unit': np.where(B < np.quantile(B, .1), B*1000, B),
         '8 % are -999': np.where(FIRST < 400, -999., B), '2 % are 1e6': np.where(FIRST < 100, 1e6, B), '3 % are infinite': np.where(FIRST < 150, np.inf, B), '5 % are just outside': np.where(FIRST < 250, A.max() + 1e-9, B)}


@pytest.mark.parametrize('what', TAILS)
def test_values_outside_of_the_range_are_drift(what):
    row = verdict(A, TAILS[what])
    b = TAILS[what]
    assert row['drift_detected'] and row['outside_share'] == pytest.approx(np.mean((b < A.min()) | (b > A.max()))) and row['corrected_p_value'] < 1e-10
    assert row['drift_severity'] in ('medium', 'high')
    reasons = DataDriftDetector(pd.DataFrame({'x': A})).detect_drift(pd.DataFrame({'x': b}))['summary']['reasons']
    assert f"{row['outside_share']:.1%} outside of the reference's range" in reasons['x']


def test_the_share_outside_is_a_fact_of_its_own():
    "Neither a high threshold nor many other rows hide it, and half a point is none"
    assert verdict(A, TAILS['8 % are -999'], config={'monitoring': {'drift_threshold': 9.}})['drift_detected']
    assert not verdict(A, np.where(FIRST < 25, -999., B))['drift_detected']
    same = verdict(A, B)
    assert not same['drift_detected'] and same['outside_share'] < .002


DRAWS = {'normal': lambda r, n: r.normal(size=n), 'cauchy': lambda r, n: r.standard_cauchy(n), 'lognormal': lambda r, n: np.exp(2*r.normal(size=n)), 'counts': lambda r, n: r.poisson(3, n)}


@pytest.mark.parametrize('n, m', [(100, 100), (500, 300), (5000, 100)])
def test_heavy_tails_of_one_source_are_no_drift(n, m):
    r = np.random.default_rng(n)
    draw = lambda k: pd.DataFrame({name: f(r, k) for name, f in DRAWS.items()})
    alarms = [DataDriftDetector(draw(n)).detect_drift(draw(m))['overall_drift'] for _ in range(60)]
    assert sum(alarms) <= 7              # 5 % of 60 are 3; more than 7 come once in 200 runs


@pytest.mark.parametrize('a, b', [([1., 2], [0., 3]), ([1., 2, 3, 4], [9., 0, 9]), ([5., 6, 7], [5.5, 4])])
def test_the_test_of_the_range_is_exact(a, b):
    "Over all orders of both samples, by counting"
    from itertools import combinations
    def out(x, y): return sum(v < min(x) or v > max(x) for v in y)
    n, ranks = len(a), range(len(a) + len(b))
    all_ = [out(x, [v for v in ranks if v not in x]) for x in combinations(ranks, n)]
    assert distance.outside(a, b) == (pytest.approx(out(a, b)/len(b)), pytest.approx(np.mean([k >= out(a, b) for k in all_])))


@pytest.mark.parametrize('window', [[1, 0], [1., 0.], [1., np.nan, 0.], pd.array([1, None, 0], 'Int64'), pd.array([True, None, False], 'boolean'), pd.Categorical([True, False]), [np.True_, None, 0]], ids=str)
def test_true_is_one(window):
    flags = pd.Series([True, False]*100)
    window = pd.concat([pd.Series(window)]*100, ignore_index=True)
    for a, b in ((flags, window), (window, flags)):
        out = DataDriftDetector(pd.DataFrame({'x': a})).detect_drift(pd.DataFrame({'x': b}))
        assert 'type' not in out['summary']['reasons']['x'] and not out['feature_drifts']['x'].get('new_categories')
        if not window.isna().any(): assert not out['overall_drift']


def test_one_category_is_counted_once():
    assert distance.read_column(pd.Series([True, 1, 1., np.float64(1), 'a'], dtype=object)).values == {1: 4, 'a': 1}
    assert verdict(pd.Series([True, 'a']*100, dtype=object), pd.Series([1., 'a']*100, dtype=object))['new_categories'] == []
    assert verdict([True, False]*100, ['True', 'False']*100)['drift_detected'] and verdict([1, 0]*100, ['1', '0']*100)['drift_detected']


def test_a_result_stays_small_whatever_is_in_the_column():
    ids = pd.Series(RNG.integers(0, 12_000, 24_000).astype(str))
    d = DataDriftDetector(pd.DataFrame({'user': 'u'*300 + ids, 'x'*300: 1.}))
    out = d.detect_drift(pd.DataFrame({'user': 'w'*300 + ids, 'y'*300: 1.}))
    row = out['feature_drifts']['user']
    assert len(to_json(d.drift_history)) < 20_000 and len(row['new_categories']) == 20 and row['new_category_count'] == ids.nunique()


def test_tables_of_other_libraries_are_tables():
    pl = pytest.importorskip('polars')
    frame = pd.DataFrame({'x': A, 'g': RNG.choice(list('abc'), 5000), 'at': pd.date_range('2013', periods=5000, freq='h'), 'b': A > 0, 'gap': np.where(A > 1, np.nan, A)})
    kinds = [frame, pl.from_pandas(frame), pl.from_pandas(frame).lazy(), pa.Table.from_pandas(frame), pa.Table.from_pandas(frame).replace_schema_metadata(None)]
    for a in kinds:
        for b in kinds:
            out = DataDriftDetector(a).detect_drift(b)
            assert list(out['feature_drifts']) == list(frame) and not out['overall_drift'] and out['feature_drifts']['x']['psi_score'] == 0


@pytest.mark.parametrize('data', [[1], {'x': [1]}, pd.Series([1]), np.ma.array([[1]]), np.matrix([1]), np.array([(1, 2)], [('x', int), ('y', int)]), 'x.csv', None, 0, pa.array([1])], ids=str)
def test_what_has_no_named_columns_is_refused(data):
    for call in (lambda: DataDriftDetector(data), lambda: DataDriftDetector(pd.DataFrame({'x': A})).detect_drift(data)):
        with pytest.raises(InvalidInput, match='give a table: a pandas DataFrame'): call()


@pytest.mark.parametrize('level', [0, 1, True, '0.05', None, np.nan, -1, [.05]], ids=str)
def test_a_level_is_a_number_between_0_and_1(level):
    with pytest.raises(InvalidInput, match='significance_level is'): DataDriftDetector(pd.DataFrame({'x': A}), level)


def test_falsy_arguments():
    d = DataDriftDetector(pd.DataFrame({'x': A}), config={})
    assert d.threshold == .1 and d.detect_drift(pd.DataFrame({'x': B}), detailed=0)['feature_drifts'] == {}
    zero = DataDriftDetector(pd.DataFrame({'x': A}), config={'monitoring': {'drift_threshold': 0}})
    assert zero.threshold == 0 and not zero.detect_drift(pd.DataFrame({'x': B}))['overall_drift'] and zero.detect_drift(pd.DataFrame({'x': B + .2}))['overall_drift']
    for bad in ('no', None, [], 2):
        with pytest.raises(InvalidInput, match='detailed is'): d.detect_drift(pd.DataFrame({'x': B}), detailed=bad)
    for bad in ('', [], 0):
        with pytest.raises(InvalidInput, match='config is'): DataDriftDetector(pd.DataFrame({'x': A}), config=bad)


NO_COUNTS = {'prices': (RNG.uniform(100, 110, 500), RNG.uniform(900, 990, 500)), 'negative': ([1, -2], [1, 2]), 'missing': ([1, np.nan], [1, 2]), 'None': ([1, None], [1, 2]), 'infinite': ([1, np.inf], [1, 2]),
             'texts': (['1', '2'], ['1', '2']), 'booleans': ([True, False], [True, True]), 'two dimensions': ([[1, 2]], [[1, 2]]), 'a matrix': (np.matrix([1, 2]), np.matrix([1, 2])), 'a number': (3, 3), 'nothing': ([], []),
             'masked': (np.ma.array([1, 2], mask=[0, 1]), [1, 2]), 'complex': ([1j, 2], [1, 2]), 'a dict': ({'a': 1}, {'a': 2}), 'a text': ('12', '12'), 'times': (np.array(['2013'], 'M8[Y]'), [1]), 'lengths': ([1, 2], [1, 2, 3])}


@pytest.mark.parametrize('what', NO_COUNTS)
def test_psi_takes_counts(what):
    a, b = NO_COUNTS[what]
    for pair in ((a, b), (b, a)) if what != 'lengths' else ((a, b),):
        with pytest.raises(InvalidInput): distance.psi(*pair)


def test_what_the_refusal_of_values_advises_works():
    with pytest.raises(InvalidInput) as e: distance.psi(*NO_COUNTS['prices'])
    advised = str(e.value).partition('for values, use ')[2].split(', then ')
    names = {'cut': distance.cut, 'psi': distance.psi, 'reference': NO_COUNTS['prices'][0], 'window': NO_COUNTS['prices'][1]}
    exec(advised[0], names)
    assert eval(advised[1], names) > 5


def number_psi(reference, window):
    bins = distance.cut(np.asarray(reference, dtype=float))
    return distance.psi(bins.count(reference), bins.count(window))


N, SHIFTED = RNG.normal(size=2000), RNG.normal(1, 1, 2000)
SEEN = {'moved': (N, SHIFTED), 'out of the range': (N, N + 100), 'the top tenth in another unit': (N, np.where(N > np.quantile(N, .9), 1000*N, N)), 'a mark for missing': (N, np.where(np.arange(2000) < 160, -999, N)),
        'one outlier in the reference': (np.append(N, 1e6), SHIFTED), 'a constant that changed': (np.zeros(500), np.ones(500)), 'infinities': (N, np.append(N, [np.inf]*500)), 'a heavy value became rare': (np.append(np.zeros(500), N), N)}


@pytest.mark.parametrize('what', SEEN)
def test_psi_of_numbers_sees(what):
    assert .25 < number_psi(*SEEN[what]) < 20


@pytest.mark.parametrize('same', [N, np.append(N, 1e6), np.zeros(500), np.array([1e308, -1e308, np.inf]*200), np.full(5, -np.inf), np.array([np.finfo(float).max, -np.finfo(float).max]*60), np.arange(7)], ids=range(7))
def test_a_sample_is_at_no_distance_of_itself(same):
    bins = distance.cut(same)
    assert number_psi(same, same) == 0 and bins.count(same).sum() == len(same) and len(bins.count([])) == len(bins.edges) + 1 + len(bins.heavy)
    assert bins.count(same).dtype.kind == 'i' and np.isfinite(bins.edges).all() and (np.diff(bins.edges) > 0).all()


def test_psi_is_the_same_both_ways_and_knows_no_size_of_a_sample():
    a, b = RNG.integers(1, 900, (2, 12))
    assert distance.psi(a, b) == pytest.approx(distance.psi(b, a), rel=1e-12) and distance.psi(1000*a, 1000*b) == pytest.approx(distance.psi(10**6*a, 1000*b), rel=1e-2)
    assert distance.psi([5, 3], [2, 9]) == distance.psi([5, 0, 3, 0], [2, 0, 9, 0])


def test_what_is_heavy():
    assert distance.heavy([1., *[2.]*9, *[3.]*90]).tolist() == [3.] and distance.heavy([*[2.]*10, *[1.]*10, *range(80)]).tolist() == [1., 2.]
    assert distance.heavy([np.inf, 1., np.inf]).tolist() == [1., np.inf] and len(distance.heavy(range(11))) == 0


def test_names_that_moved_behind_the_lesson_keep_their_address():
    from mlops_nb.drift import chance, columns
    assert all(getattr(distance, n) is getattr(chance, n) for n in ('psi_noise', 'ks', 'chi2', 'outside', 'missing_test'))
    assert all(getattr(distance, n) is getattr(columns, n) for n in ('Column', 'read_column', 'alike', 'identifier'))


@pytest.mark.parametrize('call', [
    lambda: distance.ks(['a'], ['b']), lambda: distance.ks([1, np.nan], [1]), lambda: distance.ks([], [1]), lambda: distance.ks([[1, 2]], [1]), lambda: distance.ks('12', [1]), lambda: distance.ks(np.ma.array([1, 2], mask=[0, 1]), [1]),
    lambda: distance.outside([1, np.nan], [1]), lambda: distance.outside([1], []), lambda: distance.cut([]), lambda: distance.cut([np.nan, 1]), lambda: distance.cut(['1']), lambda: distance.cut([1., 2.]).count([np.nan]),
    lambda: distance.pool(['a'], ['b']), lambda: distance.pool({'a': -1}, {'a': 1}), lambda: distance.pool({'a': .5}, {'a': 1}), lambda: distance.pool({}, {}), lambda: distance.pool({'a': 0}, {'a': 0}),
    lambda: distance.chi2([[1.5, 2], [1, 2]]), lambda: distance.chi2([[1, 2]]), lambda: distance.chi2([[1, 2], [1]]), lambda: distance.chi2([[0, 0], [1, 2]]), lambda: distance.chi2(['ab', 'cd']),
    lambda: distance.missing_test((.1, .9), (.2, .8)), lambda: distance.missing_test((1, 2, 3), (1, 2)), lambda: distance.psi_noise(0, 1, 1), lambda: distance.psi_noise(10, .5, 1), lambda: distance.psi_noise('10', 1, 1),
    lambda: distance.read_column([1, 2]), lambda: distance.identifier([1, 2])], ids=range(29))
def test_each_measure_refuses_what_it_cannot_mean(call):
    with pytest.raises(InvalidInput): call()


def test_results_of_earlier_versions_can_still_be_drawn():
    old = {'overall_drift': True, 'feature_drifts': {'x': dict(feature='x', drift_detected=True, ks_statistic=.2, ks_p_value=1e-9, mean_change=.5, std_change=0., psi_score=.3, drift_severity='high')}, 'summary': {}}
    assert len(DataDriftDetector(pd.DataFrame({'x': A})).visualize_drift(json.loads(json.dumps(old))).axes) == 4
