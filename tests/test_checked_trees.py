"""Trees, forests, boosting and calibrated classifiers from elsewhere: honest ones pass and answer the same, forged attributes are refused or do no harm.

    python tests/test_checked_trees.py          all of it, without pytest (for another scikit-learn: PYTHONPATH=. other/python tests/test_checked_trees.py)
    python tests/test_checked_trees.py whole    each attribute of each object with each forged value, in child processes with limits
"""
import os
for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'): os.environ.setdefault(name, '1')
import json, random, resource, signal, subprocess, sys, warnings
from functools import cache, lru_cache, partial
import numpy as np, pandas as pd, scipy.sparse as sp
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import *
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import *
from sklearn.utils.validation import check_array
from mlops_nb.core.rules import IntegrityError, MlopsError, digest
from mlops_nb.models.arrays import Writer
from mlops_nb.models import checked_trees
from mlops_nb.models.checks import full_class
from mlops_nb.models.foreign import on_list
from mlops_nb.models.formats import UntrustedType, _kinds, dump_model, load_model_bytes, model_types
from mlops_nb.models.values import kind_of

tree_schemas = cache(checked_trees.tree_schemas)
VERSION = tuple(map(int, sklearn.__version__.split('.')[:2]))
rng = np.random.default_rng(0)
X = rng.normal(size=(80, 4)); r = X[:, 0] + .1*rng.normal(size=80)
b = (r > 0).astype(int); s = np.array(['a', 'b', 'c'])[np.digitize(r, [-.5, .5])]; so = s.astype(object)
r2, c2, p = np.c_[r, -r], np.c_[b, np.digitize(r, [-.5, .5])], np.abs(r) + .1
words = np.array(np.c_[np.where(b, 'x', 'y'), s], dtype=object)
nan = X.copy(); nan[::7, 1] = np.nan
f32, fortran, csr = X.astype('f4'), np.asfortranarray(X), sp.csr_matrix(np.where(X > 0, X, 0))
csc, csr_array = csr.tocsc(), sp.csr_array(csr)
frame = pd.DataFrame(X, columns=list('abcd'))
cat = frame.assign(e=pd.Categorical(s), f=pd.Categorical(np.where(b, 'u', 'v')))
gaps = cat.copy(); gaps.loc[::5, 'e'] = None
codes = X.copy(); codes[:, 1] = np.digitize(X[:, 1], [-1, 0, 1])
few = dict(n_estimators=3)
LINEAR = {True: LogisticRegression, False: LinearRegression}


def trees():
    for C in (DecisionTreeClassifier, ExtraTreeClassifier, RandomForestClassifier, ExtraTreesClassifier):
        forest = few if issubclass(C, (RandomForestClassifier, ExtraTreesClassifier)) else {}
        for x, y in ((X, b), (X, s), (X, so), (X, c2), (X, words), (csr, b), (csc, s), (csr_array, s), (frame, s), (f32, b), (fortran, b), (X, b > 0), (X, b.astype('i1')), (X, r > 9), (X, b*1.)): yield C(**forest), x, y
        for k in (dict(criterion='entropy'), dict(criterion='log_loss', max_depth=np.int64(2)), dict(class_weight='balanced', min_samples_leaf=.1, max_features=.5), dict(class_weight={0: 1., 1: 2.}, max_features='log2', max_leaf_nodes=4),
                  dict(random_state=3, ccp_alpha=.01, min_impurity_decrease=.01, min_weight_fraction_leaf=.1, min_samples_split=.2), dict(random_state=np.random.RandomState(1), max_features=2), dict(monotonic_cst=[1, 0, -1, 0]), dict(monotonic_cst=np.array([1, 0, -1, 0]))):
            yield C(**forest, **k), X, b
        yield C(**forest, class_weight=[{0: 1, 1: 2}, {0: 1, 1: 2, 2: 3}]), X, c2
        if forest:
            for k in (dict(bootstrap=True, oob_score=True, max_samples=.5, n_jobs=2), dict(bootstrap=True, max_samples=20, class_weight='balanced_subsample', warm_start=True), dict(bootstrap=False)): yield C(n_estimators=12, **k), X, b
    for C in (DecisionTreeRegressor, ExtraTreeRegressor, RandomForestRegressor, ExtraTreesRegressor):
        forest = few if issubclass(C, (RandomForestRegressor, ExtraTreesRegressor)) else {}
        for x, y in ((X, r), (X, r2), (csr, r), (csc, r), (frame, pd.Series(r)), (f32, r.astype('f4')), (X, b), (X, r[:, None])): yield C(**forest), x, y
        for k in (*[dict(criterion='friedman_mse')]*(VERSION < (1, 9)), dict(criterion='absolute_error', max_depth=2), dict(criterion='poisson'), dict(max_features='sqrt', monotonic_cst=[1, 0, -1, 0])): yield C(**forest, **k), X, p
        if forest:
            yield C(n_estimators=12, bootstrap=True, oob_score=True, max_samples=30), X, r
            yield C(n_estimators=12, bootstrap=True, oob_score=True), X, r2
    for C in (DecisionTreeClassifier, RandomForestClassifier, DecisionTreeRegressor, RandomForestRegressor): yield C(), nan, b


def leaves():
    for k in ({}, dict(sparse_output=False), dict(max_depth=2, min_samples_leaf=2, random_state=1, n_jobs=1)): yield RandomTreesEmbedding(**few, **k), X, None
    yield RandomTreesEmbedding(**few), csr, None
    yield RandomTreesEmbedding(**few, sparse_output=False).set_output(transform='pandas'), frame, None
    for x, k in ((X, {}), (X, dict(contamination=.1)), (X, dict(max_features=.5)), (X, dict(max_features=2, max_samples=.5, bootstrap=True)), (csr, dict(contamination=.2)), (csc, {}), (frame, dict(max_samples=20, n_jobs=1)), (f32, {}), (X, dict(warm_start=True))):
        yield IsolationForest(**few, **k), x, None


def boosted():
    for x, y, k in ((X, b, {}), (X, s, {}), (X, so, {}), (X, b, dict(loss='exponential')), (csr, s, {}), (csc, b, {}), (frame, s, {}), (f32, b, {}), (X, b, dict(init='zero')), (X, s, dict(init='zero')), (X, b, dict(subsample=.5, max_features='sqrt', random_state=1)), (X, s, dict(n_iter_no_change=2, validation_fraction=.2)),
                    (X, b, dict(init=DummyClassifier())), (X, s, dict(warm_start=True, max_leaf_nodes=4, ccp_alpha=.01)), (X, b > 0, {}), (X, b, dict(criterion='squared_error', max_depth=None, min_samples_leaf=.1))):
        yield GradientBoostingClassifier(**few, **k), x, y
    for x, k in ((X, {}), (X, dict(loss='absolute_error')), (X, dict(loss='huber')), (X, dict(loss='quantile', alpha=.3)), (csr, {}), (frame, {}), (X, dict(init='zero')), (X, dict(subsample=.5, n_iter_no_change=2)), (f32, {}), (X, dict(random_state=np.random.RandomState(0))), (X, dict(init=DummyRegressor(strategy='median')))):
        yield GradientBoostingRegressor(**few, **k), x, r


def histograms():
    named = dict(categorical_features='from_dtype')
    for x, y, k in ((X, b, {}), (X, s, {}), (X, so, {}), (nan, b, {}), (frame, s, {}), (f32, b, {}), (cat, s, named), (gaps, b, named), (cat, b, dict(categorical_features=['e', 'f'])), (codes, b, dict(categorical_features=[1])), (codes, s, dict(categorical_features=np.arange(4) == 1)), (X, b, dict(early_stopping=True, n_iter_no_change=2)), (X, b > 0, {}),
                    (X, b, dict(class_weight='balanced', scoring='accuracy')), (X, b, dict(class_weight={0: 1, 1: 3.})), (X, b, dict(interaction_cst='pairwise')), (X, b, dict(interaction_cst=[{0, 1}, {2, 3}])), (X, b, dict(interaction_cst=[(0, 1), [2]])), (X, b, dict(monotonic_cst=[1, 0, 0, -1])), (frame, b, dict(monotonic_cst={'a': 1})),
                    (X, b, dict(max_bins=16, l2_regularization=.1, max_features=.5, max_leaf_nodes=None, max_depth=2, warm_start=True, random_state=3)), (cat[['e', 'f']], b, dict(categorical_features=[0, 1])), (X, b, dict(monotonic_cst=np.array([1, 0, 0, -1])))):
        yield HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=5, **k), x, y
    for x, y, k in ((X, r, {}), (X, r, dict(loss='absolute_error')), (X, p, dict(loss='gamma')), (X, p, dict(loss='poisson')), (X, r, dict(loss='quantile', quantile=.3)), (nan, r, {}), (cat, r, named), (codes, r, dict(categorical_features=[1])), (X, r, dict(early_stopping=True)), (f32, r.astype('f4'), {})):
        yield HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=5, **k), x, y


def calibrated():
    for m in ('sigmoid', 'isotonic') + ('temperature',)*(VERSION >= (1, 8)):
        for x, y, k in ((X, b, {}), (X, s, {}), (X, so, {}), (X, s, dict(ensemble=False)), (X, b, dict(ensemble=False)), (frame, s, dict(cv=2)), (csr, s, dict(cv=2)), (f32, b, {}), (X, s, dict(cv=2, n_jobs=1))): yield CalibratedClassifierCV(LogisticRegression(), method=m, **k), x, y
        for e, x in ((RandomForestClassifier(2), X), (make_pipeline(StandardScaler(), DecisionTreeClassifier()), X), (HistGradientBoostingClassifier(max_iter=2), nan)): yield CalibratedClassifierCV(e, method=m, cv=2), x, s
        if VERSION < (1, 8): yield CalibratedClassifierCV(LogisticRegression().fit(X, s), method=m, cv='prefit'), X, s
        if VERSION >= (1, 6):
            from sklearn.frozen import FrozenEstimator
            yield CalibratedClassifierCV(FrozenEstimator(LogisticRegression().fit(X, s)), method=m), X, s
    yield CalibratedClassifierCV(cv=2), X, s
    for k in ({}, dict(increasing='auto'), dict(increasing=False), dict(out_of_bounds='clip'), dict(out_of_bounds='raise', y_min=0, y_max=1.)):
        for x, y in ((X[:, 0], r), (X[:, :1], r), (X[:, 0].astype('f4'), r.astype('f4')), (np.zeros(80), r), (frame[['a']], r)): yield IsotonicRegression(**k), x, y


def of_others():
    for x, y, k in ((X, b, {}), (X, s, {}), (csr, s, {}), (frame, s, dict(learning_rate=.5)), (X, s, dict(estimator=LogisticRegression())), (X, so, dict(random_state=1)), (f32, b, {}), (X, X[:, 0] > 0, {})): yield AdaBoostClassifier(**few, **k), x, y
    if VERSION < (1, 8): yield AdaBoostClassifier(**few, algorithm='SAMME'), X, s
    if VERSION < (1, 6): yield AdaBoostClassifier(**few, algorithm='SAMME.R'), X, s
    for x, k in ((X, {}), (csr, dict(loss='square')), (frame, dict(loss='exponential')), (X, dict(estimator=LinearRegression()))): yield AdaBoostRegressor(**few, **k), x, r
    for C, y in ((BaggingClassifier, s), (BaggingRegressor, r), (BaggingClassifier, b)):
        kind = C is BaggingClassifier
        for x, k in ((X, {}), (csr, dict(estimator=LINEAR[kind]())), (frame, dict(max_features=.5, max_samples=.5)), (X, dict(bootstrap_features=True, bootstrap=False, max_features=2)), (X, dict(estimator=LINEAR[kind](), max_features=2, n_jobs=1)), (X, dict(warm_start=True, random_state=1))): yield C(**few, **k), x, y
        yield C(n_estimators=12, oob_score=True), X, y
    yield BaggingRegressor(**few), X, r2
    some = [('a', LogisticRegression()), ('b', DecisionTreeClassifier(max_depth=2)), ('c', 'drop')]
    for x, y, k in ((X, b, {}), (frame, s, dict(weights=[1, 2, 3])), (X, s, dict(flatten_transform=False)), (csr, so, dict(weights=[1., 2, 1]))): yield VotingClassifier(some, voting='soft', **k), x, y
    some = [('a', LinearRegression()), ('b', DecisionTreeRegressor(max_depth=2)), ('c', 'drop')]
    for x, k in ((X, {}), (frame, dict(weights=[1, 2, 3]))): yield VotingRegressor(some, **k), x, r


FITS = trees, leaves, boosted, histograms, calibrated, of_others


def fitted(m, x, y):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return m.fit(x) if y is None else m.fit(x, y)


def write(m):
    "A forger writes what he wants"
    return Writer(_kinds(), kind_of).bytes(m)



def load(data, **k): return load_model_bytes(data, 'arrays', digest(data), **k)


def asked(m, x):
    "What a model says, by each of its methods"
    said = []
    for name in ('predict', 'predict_proba', 'decision_function', 'score_samples', 'transform', 'apply'):
        try: a = getattr(m, name)(x)
        except (AttributeError, ValueError) as e: said.append((name, type(e).__name__)); continue
        a = a.toarray() if sp.issparse(a) else a
        said.append((name, [np.asarray(v).tolist() for v in (a if isinstance(a, list) else [a])]))
    return repr(said)


def test_honest_models_pass_and_answer_the_same():
    for m, x, y in (f for some in FITS for f in some()):
        data, form = dump_model(fitted(m, x, y))
        assert (strange := [t for t in model_types(data, form) if not on_list(t)]) == [], (m, strange)
        again = load_model_bytes(data, form, digest(data))
        assert asked(again, x) == asked(m, x), m
        assert getattr(again, 'n_jobs', None) is None


def test_what_the_list_leaves_out_needs_consent():
    some = [('a', LogisticRegression()), ('b', DecisionTreeClassifier())]
    for m in (VotingClassifier(some), GradientBoostingClassifier(**few, init=LogisticRegression()), GradientBoostingClassifier(**few, init=RandomForestClassifier(2)), CalibratedClassifierCV(LogisticRegression(), cv=StratifiedKFold(3))):
        data = write(fitted(m, X, s))
        names = [full_class(m), 'sklearn.model_selection._split.StratifiedKFold']
        try: load(data, trusted=names[1:]); raise AssertionError(f'{m} was not refused')
        except IntegrityError as e: assert f'trusted={names[:1]}' in str(e)         # what it advises is what the next line does
        assert asked(load(data, trusted=names), X) == asked(load(data, own=True), X) == asked(m, X)


# --- one attribute at a time -----------------------------------------------------------------------------------------

def models():
    "One of each, and as many kinds of parts as there are schemas"
    np.random.seed(0)
    named = dict(categorical_features='from_dtype')
    yield from ((C().fit(X, s), X) for C in (DecisionTreeClassifier, ExtraTreeClassifier, partial(RandomForestClassifier, 2), partial(ExtraTreesClassifier, 2)))
    yield from ((C().fit(X, r), X) for C in (DecisionTreeRegressor, ExtraTreeRegressor, partial(RandomForestRegressor, 2), partial(ExtraTreesRegressor, 2)))
    for m, x, y in ((RandomForestClassifier(2), X, c2), (RandomTreesEmbedding(2), X, None), (IsolationForest(n_estimators=2), X, None), (IsolationForest(n_estimators=2, max_features=2), X, None), (GradientBoostingClassifier(n_estimators=2), X, b), (GradientBoostingClassifier(n_estimators=2), X, s), (GradientBoostingClassifier(n_estimators=2, init='zero'), X, s),
                    (GradientBoostingRegressor(n_estimators=2, loss='huber'), X, r), (HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=5, **named), cat, s), (HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=5, categorical_features=[1]), codes, b), (HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=5, loss='poisson'), X, p),
                    *[(CalibratedClassifierCV(DecisionTreeClassifier(max_depth=2), method=m, cv=2), X, y) for m in ('sigmoid', 'isotonic') + ('temperature',)*(VERSION >= (1, 8)) for y in (b, s)], (IsotonicRegression(out_of_bounds='clip'), X[:, 0], r), (IsotonicRegression(), np.zeros(80), r), (BaggingClassifier(n_estimators=2, max_features=2), X, s),
                    (BaggingRegressor(n_estimators=2), X, r), (AdaBoostClassifier(n_estimators=2), X, s), (AdaBoostRegressor(n_estimators=2), X, r), (VotingClassifier([('a', DecisionTreeClassifier()), ('b', DecisionTreeClassifier())], voting='soft'), X, s), (VotingRegressor([('a', DecisionTreeRegressor())]), X, r)):
        yield fitted(m, x, y), x


def parts(m):
    "One object of each class inside of a model that has a schema of ours"
    known, seen, todo = tree_schemas(), {}, [m]
    while todo:
        x = todo.pop(0)
        if full_class(x) in known: seen.setdefault(full_class(x), x)
        if isinstance(x, dict): todo += x.values()
        elif isinstance(x, (list, tuple)): todo += x
        elif isinstance(x, np.ndarray): todo += list(x.ravel()) if x.dtype == object else []
        elif hasattr(x, '__dict__') and not isinstance(x, type) and not callable(x): todo += vars(x).values()
    return seen


OTHERS = DecisionTreeRegressor(), DecisionTreeClassifier(random_state=0).fit(X, s), DecisionTreeRegressor(random_state=0).fit(X[:, :2], r), DummyClassifier().fit(X, b), DecisionTreeClassifier(random_state=0).fit(X, s).tree_


def forged(old, m):
    "What somebody may put in the place of a value"
    with np.errstate(all='ignore'): yield from list(_forged(old, m))


def _forged(old, m):
    yield from (np.zeros((3, 3, 3)), np.zeros(0), np.zeros(10**5), np.full(4, 2**40), np.array([{}, print, m], dtype=object), np.array(['toFile']*4), 'tofile', '', [], [1, 2], [[0]], (), {}, {'a': -1}, None, -1, 0, 1, 2, 3, 300, 2**31, 2**40, 2**64, -2**40,
                True, 0.5, -1., 1e300, np.nan, np.inf, np.float32(2), np.int8(-1), np.mean, np.add, len, partial(check_array, dtype=None), partial(np.add, 2), float, np.float64, m, [m], [m, m], *OTHERS, np.random.RandomState(0), slice(0, 2**40), range(2**40), b'x', sp.csr_matrix(X))
    if isinstance(old, np.ndarray) and old.size:
        yield from (old[:-1], np.concatenate([old, old]), np.stack([old, old]), old.ravel(), old.astype(object))
        if old.dtype.kind in 'iuf':
            for top in ({'i': (-1, 2**31-1), 'u': (0, 255, 2**31), 'f': (-1., 256., 1e300, np.nan, np.inf)}[old.dtype.kind]): yield np.full(old.shape, np.array(float(top)).astype(old.dtype))
            yield from (old.astype('f4'), old.astype('f2'), old[::-1].copy(), np.asfortranarray(np.stack([old, old])))
    if isinstance(old, list) and old: yield from (old[:-1], old + old, old*50, [old], tuple(old), old[::-1])
    if isinstance(old, tuple) and old: yield from (old[:-1], old + old, list(old), old[::-1])
    if type(old) is int: yield from (old + 1, old - 1, old*1000, float(old))


def cases():
    "(number of the model, class, attribute, number of the value)"
    for i, (m, _) in enumerate(models()):
        for name, x in parts(m).items():
            for key, old in vars(x).items():
                if key == 'f_': continue
                yield from ((i, name, key, j) for j, _ in enumerate(forged(old, m)))


def attack(m, x, name, key, j, quick=False):
    "The outcome of one forged attribute: refused, fails (in an ordinary way), or what it answers"
    part, values = pieces(m, name, key)
    old = vars(part)[key]
    vars(part)[key] = values[j]
    try:
        if quick: tree_schemas()[name].check(part)      # what its schema refuses is refused at the door
        data = write(m)
    except IntegrityError: return 'refused'
    except Exception: return 'unwritable'
    finally: vars(part)[key] = old
    try: again = load(data)
    except (IntegrityError, UntrustedType): return 'refused'
    except MlopsError as e: return f'refused as {type(e).__name__}'
    try: return 'answers ' + digest(asked(again, x).encode())
    except Exception as e: return f'fails {type(e).__name__}'


@lru_cache(1)
def pieces(m, name, key): return (part := parts(m)[name]), list(forged(vars(part)[key], m))


def child(numbers, quick):
    "In a process of its own: each case, its number first, so that the parent knows which one ended it"
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)); resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter('ignore')
    some, table = list(models()), list(cases())
    for n in numbers:
        i, *rest = table[n]
        signal.alarm(20)
        print(n, end=' ', flush=True)
        print(attack(*some[i], *rest, quick), flush=True)
    signal.alarm(0)


def run_children(numbers, perturb, quick):
    "All of these cases; a child that died is followed by another one that goes on after the case it died of"
    found, todo = {}, list(numbers)
    while todo:
        env = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), 'MALLOC_PERTURB_': str(perturb), 'PYTHONHASHSEED': '0'}
        done = subprocess.run([sys.executable, __file__, 'child', json.dumps([todo, quick])], capture_output=True, text=True, env=env)
        lines = [line.split(' ', 1) for line in done.stdout.splitlines() if line.split(' ', 1)[0].isdigit()]
        assert lines, done.stderr[-2000:]
        for n, *outcome in lines: found[int(n)] = outcome[0].strip() if outcome and outcome[0].strip() else f'DIED {done.returncode}'
        todo = [n for n in todo if n not in found]
    return found


def harm(numbers, quick=False):
    "What is wrong: deaths, and answers that depend on what was in memory before"
    one, two = run_children(numbers, 165, quick), run_children(numbers, 90, quick)
    table = list(cases())
    return [(*table[n], one[n], two[n]) for n in one if one[n] != two[n] or one[n].startswith('DIED')], one


def test_forged_attributes_are_refused_or_do_no_harm():
    table = list(cases())
    sample = sorted(random.Random(0).sample(range(len(table)), 250))
    wrong, outcomes = harm(sample)
    assert wrong == []
    assert sum(o == 'refused' for o in outcomes.values()) > 180


def test_an_unknown_attribute_and_a_missing_one_are_refused():
    for m, x in models():
        for name, part in parts(m).items():
            if name.endswith('.Bunch'): continue        # a file holds its items, and no attributes
            vars(part)['evil_'] = 1
            try: load(write(m)); raise AssertionError(f'{name}.evil_ was not refused')
            except IntegrityError as e: assert 'evil_' in str(e)
            finally: del vars(part)['evil_']
        if 'n_features_in_' in vars(m) and not isinstance(m, CalibratedClassifierCV):
            del m.n_features_in_
            try: load(write(m)); raise AssertionError(f'{m} without n_features_in_ was not refused')
            except IntegrityError: pass


def test_a_curve_is_built_from_two_arrays_and_nothing_else():
    "Its `__setstate__` makes arrays before a schema can be asked, at both doors"
    for own in (False, True):
        for name in ('X_thresholds_', 'y_thresholds_'):
            for value in (range(3), [1., 2.], 'ab', np.array([{}, "a"], dtype=object), np.zeros((2, 2)), None, frozenset([1.]), np.arange(3)):
                m = IsotonicRegression().fit(X[:, 0], r)
                vars(m)[name] = value
                try: load(write(m), own=own); raise AssertionError(f'{value!r} was not refused')
                except IntegrityError as e: assert 'of an isotonic regression' in str(e), e


def test_columns_that_are_counted_twice_must_agree():
    "Compiled code wrote outside of its arrays, or room was made for numbers that the file does not hold"
    def many(m, k=3000):
        m.n_trees_per_iteration_, m.estimators_ = k, np.repeat(m.estimators_, k, axis=1)
        return m
    def dummy(m, k):
        m.init_.class_prior_, m.init_.n_classes_, m.init_.classes_ = np.full(k, 1/k), k, np.arange(k)
        return m
    def put(m, **k): vars(m).update(k); return m
    boost, forest = GradientBoostingClassifier(n_estimators=2), RandomForestClassifier(2).fit(X, b)
    bad = [many(GradientBoostingRegressor(n_estimators=2).fit(X, r)), many(dummy(GradientBoostingClassifier(n_estimators=2).fit(X, b), 3000)), dummy(GradientBoostingClassifier(n_estimators=2).fit(X, s), 2), put(boost.fit(X, s), init_=LogisticRegression().fit(X, b)),
           put(GradientBoostingClassifier(n_estimators=2).fit(X, s), _loss=GradientBoostingClassifier(n_estimators=2).fit(X, b)._loss), put(RandomForestClassifier(2).fit(X, b), n_classes_=2**40), put(RandomForestClassifier(2).fit(X, c2), n_classes_=[2, 2**40]), put(RandomForestRegressor(2).fit(X, r), n_outputs_=2**40),
           put(RandomForestClassifier(2).fit(X, b), estimators_=forest.estimators_ + RandomForestClassifier(1).fit(X, s).estimators_), put(HistGradientBoostingClassifier(max_iter=2).fit(X, b), n_trees_per_iteration_=2**40), put(HistGradientBoostingClassifier(max_iter=2).fit(X, s), classes_=np.arange(2)),
           put(IsolationForest(n_estimators=2).fit(X), _decision_path_lengths=(np.zeros(1, int),)*2), put(IsolationForest(n_estimators=2, max_features=2).fit(X), _max_features=4), put(BaggingClassifier(n_estimators=2).fit(X, s), n_classes_=2**40), put(CalibratedClassifierCV(DecisionTreeClassifier(), cv=2).fit(X, s), classes_=np.zeros(10**6))]
    for m in bad:
        try: load(write(m)); raise AssertionError(f'{m} was not refused')
        except IntegrityError: pass


if __name__ == '__main__':
    if sys.argv[1:2] == ['child']: child(*json.loads(sys.argv[2]))
    elif sys.argv[1:2] == ['whole']:
        total = len(list(cases())); step = 8000; start = int(sys.argv[2]) if len(sys.argv) > 2 else 0
        kinds = {}
        for a in range(start, total, step):
            wrong, outcomes = harm(range(a, min(a + step, total)), quick=True)
            for o in outcomes.values(): kinds[o.split()[0]] = kinds.get(o.split()[0], 0) + 1
            for w in wrong: print('WRONG', w)
            print(a, total, kinds, flush=True)
    else:
        for name, test in list(globals().items()):
            if name.startswith('test_'): test(); print(sklearn.__version__, name, 'ok', flush=True)
