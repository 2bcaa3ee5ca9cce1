"What stands in the place of a part of a composite, or of a number that compiled code believes, and is refused when the file is loaded"
import functools, re
import numpy as np
import pytest
from copy import deepcopy
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import *
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import make_classification
from sklearn.ensemble import *
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import RFE, RFECV, SelectFromModel, SequentialFeatureSelector
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RANSACRegressor, Ridge, RidgeClassifier
from sklearn.manifold import Isomap, LocallyLinearEmbedding
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import *
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, RadiusNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import *
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import NuSVC, OneClassSVM, SVC, SVR
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import Bunch

from mlops_nb.core.rules import MlopsError, digest
from mlops_nb.models.arrays import Writer
from mlops_nb.models.formats import UntrustedType, _kinds, load_model_bytes
from mlops_nb.models.values import kind_of

pytestmark = pytest.mark.filterwarnings('ignore')
X, y = make_classification(60, 4, n_informative=3, n_redundant=0, n_classes=3, random_state=0)
TWO, BOTH, TEXTS = y % 2, np.c_[y % 2, y > 1].astype(int), ['a cat', 'the dog']*30
LIN, REG, TREE = LogisticRegression(), Ridge(), DecisionTreeClassifier(max_depth=2)
CALLED = []


class Recorder:
    "It has whatever it is asked for, and remembers that it was asked"
    def __getattr__(self, name):
        CALLED.append(name)
        return lambda *args, **kwargs: CALLED.append(name)


def forge(model):
    "What the writer makes of it, whatever `dump_model` would say"
    return Writer(_kinds(), kind_of).bytes(model)


def load(data, **kwargs): return load_model_bytes(data, 'arrays', digest(data), trusted=[f'{__name__}.Recorder'], **kwargs)


COMPOSITES = [(m, X, t) for m, t in (
    (StackingClassifier([('a', LIN), ('b', 'drop')], cv=2), y), (StackingRegressor([('a', REG), ('b', REG)], cv=2), y), (VotingClassifier([('a', LIN)]), y), (VotingRegressor([('a', REG)]), y),
    (BaggingClassifier(LIN, n_estimators=2), y), (BaggingRegressor(REG, n_estimators=2), y), (AdaBoostClassifier(TREE, n_estimators=2), y), (AdaBoostRegressor(n_estimators=2), y),
    (make_pipeline(StandardScaler(), 'passthrough', LIN), y), (FeatureUnion([('a', StandardScaler()), ('b', 'drop')]), y),
    (ColumnTransformer([('a', StandardScaler(), [0]), ('b', 'drop', [1])], remainder=MinMaxScaler()), y), (OneVsRestClassifier(LIN), y), (OneVsOneClassifier(LIN), y), (OutputCodeClassifier(LIN, random_state=0), y),
    (MultiOutputClassifier(LIN), BOTH), (MultiOutputRegressor(REG), BOTH), (ClassifierChain(LIN), BOTH), (RegressorChain(REG), BOTH),
    (CalibratedClassifierCV(LIN, cv=2), y), (CalibratedClassifierCV(LIN, cv=2, method='isotonic'), y), (GridSearchCV(LIN, {'C': [1, 2]}, cv=2), y), (RandomizedSearchCV(LIN, {'C': [1, 2]}, n_iter=1, cv=2), y),
    (HalvingGridSearchCV(LIN, {'C': [1, 2]}, cv=2), y), (RFE(LIN), y), (RFECV(LIN, cv=2), y), (SelectFromModel(LIN), y), (SequentialFeatureSelector(LIN, cv=2), y), (SelfTrainingClassifier(LIN), y),
    (TransformedTargetRegressor(REG), y), (FixedThresholdClassifier(LIN), TWO), (TunedThresholdClassifierCV(LIN, cv=2), TWO), (IterativeImputer(REG, max_iter=1), None),
    (GaussianProcessClassifier(), y), (RANSACRegressor(LinearRegression(), random_state=0), y), (GradientBoostingClassifier(init=LIN, n_estimators=1), y), (GradientBoostingRegressor(n_estimators=1), y),
    (RandomForestClassifier(2), y), (ExtraTreesRegressor(2), y), (IsolationForest(n_estimators=2), None), (RandomTreesEmbedding(2), None), (HistGradientBoostingClassifier(max_iter=1), y),
    (KBinsDiscretizer(2), None), (PowerTransformer(), None), (Isomap(), None), (LocallyLinearEmbedding(), None), (MLPClassifier((2,), max_iter=2), y), (RidgeClassifier(), y),
    (SimpleImputer(add_indicator=True), None), (LabelSpreading('knn'), y))] + [(TfidfVectorizer(), TEXTS, None)]
try: from sklearn.frozen import FrozenEstimator
except ImportError: pass                # it came with scikit-learn 1.6
else: COMPOSITES += [(FrozenEstimator(LIN.fit(X, y)), X, y)]


def fitted(model, X, y):
    X = np.where(X > 2, np.nan, X) if getattr(model, 'add_indicator', False) else X
    return model.fit(X, y) if y is not None else model.fit(X)


def places(model):
    "Every place in a model where an estimator stands: what it is called, and what puts something else there"
    todo, seen = [model], set()
    while todo:
        x = todo.pop()
        if id(x) in seen: continue
        seen.add(id(x))
        for name, value in list(getattr(x, '__dict__', {}).items()):
            for inner, put in slots(x, name, value):
                todo.append(inner)
                if isinstance(inner, BaseEstimator): yield f'{type(x).__name__}.{name}', put


def slots(x, name, value):
    "What an attribute holds, and a function for each of them that puts another thing there"
    yield value, lambda bad: setattr(x, name, bad)
    if isinstance(value, dict):
        for k, v in value.items(): yield v, lambda bad, k=k: value.__setitem__(k, bad)
    elif isinstance(value, np.ndarray) and value.dtype == object:
        for at, v in np.ndenumerate(value): yield v, lambda bad, at=at: value.__setitem__(at, bad)
    elif isinstance(value, (list, tuple)):
        for i, v in enumerate(value):
            def put(bad, i=i): setattr(x, name, type(value)([*value[:i], bad, *value[i+1:]]))
            yield v, put
            for j, part in enumerate(v if isinstance(v, tuple) else ()):
                yield part, lambda bad, v=v, j=j, put=put: put(v._replace(**{v._fields[j]: bad}) if hasattr(v, '_fields') else (*v[:j], bad, *v[j+1:]))


def one(x):
    "An array of objects that holds `x`"
    a = np.empty(1, object); a[0] = x
    return a


GADGETS = {'array': np.array([b'import os']), 'array of objects': one(LIN), 'tree': fitted(TREE, X, y).tree_, 'neighbours': KNeighborsClassifier(algorithm='kd_tree').fit(X, y)._tree,
           'bunch': Bunch(predict=np.log1p, transform=np.log1p, predict_proba=np.log1p, fit=np.log1p), 'word': 'predict', 'partial': functools.partial(np.add, 1), 'function': np.log1p,
           'list': [LIN], 'tuple': ('a', LIN), 'class': float, 'number': 3, 'dict': {'predict': np.log1p}, 'recorder': Recorder()}


@pytest.mark.parametrize('model, X, y', COMPOSITES, ids=[f'{i}-{type(m[0]).__name__}' for i, m in enumerate(COMPOSITES)])
def test_only_an_estimator_stands_in_the_place_of_a_part(model, X, y):
    model = fitted(deepcopy(model), X, y)
    load(forge(model), own=True)                                    # as it is, it is fine
    names = sorted({name for name, _ in places(model)})
    assert names, 'no part was found'
    for name in names:
        for what, gadget in GADGETS.items():
            changed = deepcopy(model)
            next(put for n, put in places(changed) if n == name)(gadget)
            data = forge(changed)
            for door in ({'own': True}, {}):
                CALLED.clear()
                with pytest.raises(MlopsError): pytest.fail(f'{name} may be a {what}: {load(data, **door)!r:.80}')
                assert not CALLED, f'{name}: loading asked for {CALLED}'


def test_a_type_that_nobody_trusts_is_no_part_either():
    model = make_pipeline(StandardScaler(), LIN).fit(X, y)
    model.steps[0] = 'a', Recorder()
    data = forge(model)
    for door in ({'own': True}, {}):
        with pytest.raises(UntrustedType, match='Recorder'): load_model_bytes(data, 'arrays', digest(data), **door)


class Counter:
    "An estimator of a class of its own, derived from nothing"
    def fit(self, X, y=None): return self
    def transform(self, X): return X


def test_an_estimator_of_an_own_class_is_a_part():
    data = forge(make_pipeline(Counter(), LIN).fit(X, y))
    name = f'{__name__}.Counter'
    assert (load_model_bytes(data, 'arrays', digest(data), own=True, trusted=[name]).predict(X) == LIN.fit(X, y).predict(X)).all()
    with pytest.raises(UntrustedType, match='Counter'): load_model_bytes(data, 'arrays', digest(data), own=True)


# ---------------------------------------------------------------- methods by name, and what hides a class

def say(**attributes): return lambda m: vars(m).update(attributes)


NAMES = [
    (StackingClassifier([('a', LIN)], cv=2), y, say(stack_method_=['tofile']), "stack_method_ of a StackingClassifier is 'tofile', and no method of estimators"),
    (StackingClassifier([('a', LIN)], cv=2), y, say(stack_method_='fit'), "is 'fit'"), (StackingClassifier([('a', LIN)], cv=2), y, say(stack_method_=['__setstate__']), "is '__setstate__'"),
    (ClassifierChain(LIN), BOTH, say(chain_method_='set_params'), "chain_method_ of a ClassifierChain is 'set_params'"), (ClassifierChain(LIN), BOTH, say(chain_method=['get_params']), "is 'get_params'"),
    (FixedThresholdClassifier(LIN), TWO, say(response_method='fit'), "response_method of a FixedThresholdClassifier is 'fit'"), (SelectFromModel(LIN), y, say(importance_getter='__class__.mro'), "is '__class__.mro'"),
    (TunedThresholdClassifierCV(LIN, cv=2), TWO, lambda m: say(_response_method='fit')(m._curve_scorer), "_response_method of a _CurveScorer is 'fit'"),
    (FunctionTransformer(np.add), y, say(kw_args={'out': X}), 'says where a function writes'), (FunctionTransformer(np.log1p), y, say(kw_args={'where': False}), 'says where a function writes'),
    (SVC(), y, say(_impl='epsilon_svr'), "['_impl'] of a SVC hides what the class says"), (SVC(), y, say(_sparse_kernels=['rbf']), 'hides what the class says'),
    (GradientBoostingClassifier(n_estimators=1), y, lambda m: say(is_multiclass=False)(m._loss), "['is_multiclass'] of a HalfMultinomialLoss hides"),
    (GradientBoostingClassifier(n_estimators=1), y, say(_loss=LIN), '_loss of a GradientBoostingClassifier is a LogisticRegression'),
    (RandomForestClassifier(2), y, say(n_jobs=10**9), 'n_jobs of a RandomForestClassifier is 1000000000'), (StandardScaler(), y, say(mean_=Bunch()), 'mean_ of a StandardScaler is a Bunch'),
]


# ---------------------------------------------------------------- numbers that compiled code believes

def each(name, change): return lambda m: setattr(m, name, change(getattr(m, name)))
def filled(value):
    def change(a): a = a.copy(); a.fill(value); return a
    return change


RARE = OneHotEncoder(min_frequency=2, handle_unknown='infrequent_if_exist')
LETTERS = np.array([['a']]*5 + [['b']]*5 + [['c']] + [['d']])
MEMORY = [
    (FeatureHasher(input_type='string'), say(n_features=0), 'n_features is 0'), (HashingVectorizer(), say(n_features=0), 'n_features is 0'), (HashingVectorizer(), say(n_features=2**40), 'n_features is 1099511627776'),
    (CountVectorizer(), say(ngram_range=(-2**31, 1)), 'ngram_range is -2147483648'),
    (GradientBoostingRegressor(n_estimators=1), lambda m: say(n_trees_per_iteration_=30, estimators_=np.repeat(m.estimators_, 30, axis=1))(m), '1 classes have 30 trees in a stage'),
    (GradientBoostingClassifier(n_estimators=1), lambda m: say(n_trees_per_iteration_=30, estimators_=np.repeat(m.estimators_, 10, axis=1))(m), '3 classes have 30 trees in a stage'),
    (GradientBoostingClassifier(n_estimators=1), lambda m: say(n_classes=9)(m._loss), 'a loss of other classes'),
    (GradientBoostingRegressor(n_estimators=1, init=REG), lambda m: say(coef_=np.zeros((0, 4)))(m.init_), '1 trees of a stage begin with 0 classes'),
    (GradientBoostingRegressor(n_estimators=1, init=make_pipeline(FunctionTransformer(np.sqrt), REG)), lambda m: say(func=np.mean)(m.init_[0]), 'a FunctionTransformer to begin with may give other rows'),
    (KNeighborsClassifier(), each('_y', filled(2**40)), f'the answers of neighbours names {2**40} of 3'), (RadiusNeighborsClassifier(), each('_y', filled(-1)), 'the answers of neighbours'),
    (KNeighborsRegressor(), say(n_samples_fit_=10**6), 'a table of neighbours'), (KNeighborsClassifier(algorithm='brute'), each('_fit_X', lambda a: a[:, :2].copy()), 'a table of neighbours has the shape (60, 2)'),
    (KNeighborsClassifier(algorithm='kd_tree'), lambda m: say(_tree=KNeighborsClassifier(algorithm='kd_tree').fit(X[:9], y[:9])._tree)(m), 'has other rows than its table'),
    (SVC(kernel='precomputed'), each('support_', filled(2**31-1)), f'the support vectors of a kernel names {2**31-1} of 60'), (SVC(kernel='precomputed'), say(kernel='rbf'), 'have 0 rows'),
    (SVC(kernel=rbf_kernel), each('support_', filled(60)), 'the support vectors of a kernel names 60 of 60'), (SVC(kernel=rbf_kernel), say(kernel=np.add), 'is no kernel'),
    (SVC(kernel=rbf_kernel), say(kernel=functools.partial(rbf_kernel, X[:2])), 'is no kernel'), (SVC(), each('support_vectors_', lambda a: a[:0].copy()), 'have 0 rows'),
    (SVR(), each('_n_support', lambda a: a[:1].copy()), 'the numbers of support vectors'), (OneClassSVM(), each('support_vectors_', lambda a: a[:0].copy()), 'have 0 rows'),
    (NuSVC(nu=.1), say(_probA=np.ones(1), _probB=np.ones(1)), 'the probabilities of a support vector machine'), (SVC(), say(_effective_probability=True), 'the probabilities of a support vector machine'),
    (SVC(), say(_sparse=True), 'neither dense nor sparse'), (SVC(), each('support_vectors_', lambda a: sparse.csr_matrix(a)), 'neither dense nor sparse'),
    (RARE, lambda m: say(_default_to_infrequent_mappings=[np.full(4, 10**8)])(m), 'the table of rare categories names 100000000 of 3'), (RARE, say(_infrequent_indices=[None]), 'in one of two lists'),
    (OneHotEncoder(drop='first'), say(_drop_idx_after_grouping=one(10**6)), 'a category to drop is 1000000'), (OneHotEncoder(), say(_n_features_outs=[1]), 'not those of its categories'),
    (OrdinalEncoder(), each('categories_', lambda c: [c[0][::-1].copy()]), 'categories are not sorted'), (OneHotEncoder(), each('categories_', lambda c: [c[0][::-1].copy()]), 'categories are not sorted'),
    (TargetEncoder(), each('encodings_', lambda e: e[:-1]), 'columns have'), (TargetEncoder(), each('encodings_', lambda e: [e[0][:1], *e[1:]]), 'an encoding has other categories'),
    (PolynomialFeatures(2), say(_n_out_full=4000, n_output_features_=4000), 'the products of 4 columns are not 4000'), (PolynomialFeatures((2, 3)), say(n_output_features_=4), 'the products of 4 columns'),
    (PolynomialFeatures(2), say(_max_degree=10**6), 'too many products'),
    (GaussianMixture(2), each('precisions_cholesky_', lambda a: a[:1].copy()), '2 components have matrices of the shape (1, 4, 4)'), (KMeans(2), each('cluster_centers_', lambda a: a[:, :1].copy()), 'have the shape (2, 1)'),
    (MiniBatchKMeans(2), say(_n_threads=0), '_n_threads is 0'), (KMeans(2), say(_n_threads=2**40), '_n_threads is'), (BisectingKMeans(3), lambda m: say(center=np.zeros(1))(m._bisecting_tree.left), 'have the shape (1, 1)'),
    (BisectingKMeans(3), lambda m: say(left=m._bisecting_tree)(m._bisecting_tree), 'are no tree'), (Birch(n_clusters=None), each('_subcluster_norms', lambda a: a[:1].copy()), 'have 1 norms'),
    (FeatureAgglomeration(), each('labels_', filled(2**40)), f'the groups of columns names {2**40} of 4'), (HDBSCAN(copy=True), lambda m: m._single_linkage_tree_['right_node'].fill(10**9), 'joins what is not there'),
    (ClassifierChain(LIN), each('order_', filled(0)), 'the order of a chain is [0, 0]'), (MultiLabelBinarizer(), say(_cached_dict={'a': 0, 'b': 10**8}), 'labels have other columns'),
]


def input_of(model):
    if isinstance(model, (FeatureHasher, CountVectorizer, HashingVectorizer)): return TEXTS, None
    if isinstance(model, MultiLabelBinarizer): return [['a'], ['b']], None
    if model is RARE: return LETTERS, None
    if isinstance(model, (OneHotEncoder, OrdinalEncoder, TargetEncoder)): return np.array([[3], [5], [7]]*10), np.arange(30) % 3
    if isinstance(model, ClassifierChain): return X, BOTH
    if getattr(model, 'kernel', None) == 'precomputed': return X @ X.T, y
    return abs(X), y


@pytest.mark.parametrize('model, X, y, change, says', [(m, X, t, c, s) for m, t, c, s in NAMES] + [(m, *input_of(m), c, s) for m, c, s in MEMORY],
                         ids=[f'{i}-{type(m[0]).__name__}' for i, m in enumerate(NAMES + MEMORY)])
def test_what_is_believed_is_so(model, X, y, change, says):
    model = fitted(deepcopy(model), X, y)
    load(forge(model), own=True)
    change(model)
    data = forge(model)
    with pytest.raises(MlopsError, match=re.escape(says)): load(data, own=True)
    with pytest.raises(MlopsError): load(data)


def test_what_compiled_code_reads_is_held_by_nobody_else():
    model = SVC(kernel='precomputed').fit(X @ X.T, y)
    machine, same = load(forge((model, model.support_)), own=True)
    same.fill(2**31 - 1)
    assert (machine.predict(X @ X.T) == model.predict(X @ X.T)).all()


def test_threads_are_those_of_this_machine():
    import os
    model = KMeans(2).fit(X); model._n_threads = 512
    assert load(forge(model), own=True)._n_threads == min(512, os.cpu_count())
