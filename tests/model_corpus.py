"""Tiny fitted models of every estimator of scikit-learn, as files: what the fuzzer of model files begins with"""
import re
import warnings
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse, special
from sklearn import compose, decomposition, dummy, ensemble, feature_extraction, feature_selection, gaussian_process, impute, kernel_approximation
from sklearn import linear_model, model_selection, multioutput, naive_bayes, neighbors, neural_network, preprocessing, random_projection, semi_supervised, svm, tree
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction import text
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa
from sklearn.utils import all_estimators

from mlops_nb.models.arrays import Writer
from mlops_nb.models.formats import _kinds
from mlops_nb.models.values import kind_of


class Seed(NamedTuple):
    "One file of an honest model, and what to ask it"
    name: str
    data: bytes
    rows: object


def forge(model):
    "The file of a model, whatever `dump_model` would say of it"
    return Writer(_kinds(), kind_of).bytes(model)


ROWS = np.random.default_rng(0).normal(size=(40, 4)).round(3)
LABELS = (ROWS[:, 0] > -.4).astype(int) + (ROWS[:, 1] > .5)
FEW = np.floor(abs(ROWS)*2)
WORDS = np.array([['a', 'x']]*12 + [['b', 'y']]*12 + [['c', 'x']]*12 + [['d', 'z']]*2 + [['e', 'z']]*2, dtype=object)
DOCS = ['the cat sat', 'a dog ran', 'the dog sat down', 'cats and dogs']*10
FACTS = [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}, {'c': 1.5}, {'a': 3, 'b': 'x'}]*10
TABLE = pd.DataFrame(ROWS[:, :3], columns=list('abc')).assign(g=WORDS[:, 0], h=WORDS[:, 1])
SMALL = dict(n_estimators=3, max_iter=4, n_components=2, n_clusters=3, max_depth=3, n_bins=3, n_init=1, min_samples=2, hidden_layer_sizes=(3,), n_quantiles=10,
             random_state=0, cv=2, max_subpopulation=20)


def small(cls):
    "An instance that is fitted quickly; composites hold several parts"
    line, logit = linear_model.LinearRegression(), linear_model.LogisticRegression(max_iter=20)
    both = [('one', logit), ('two', tree.DecisionTreeClassifier(max_depth=2, random_state=0))]
    regress = [('one', line), ('two', tree.DecisionTreeRegressor(max_depth=2, random_state=0))]
    steps = [('scale', preprocessing.StandardScaler()), ('logit', logit)]
    classifies = 'lassif' in cls.__name__ or 'OneVs' in cls.__name__ or 'OutputCode' in cls.__name__ or cls.__name__ == 'ClassifierChain'
    parts = dict(estimator=line if 'Regress' in cls.__name__ or cls.__name__ in ('MultiOutputRegressor',) else logit, base_estimator=logit if classifies else line,
                 estimators=regress if 'Regressor' in cls.__name__ else both, steps=steps, param_grid={'C': [1., 2.]}, param_distributions={'C': [1., 2.]},
                 dictionary=np.eye(4), transformer_list=[('one', preprocessing.StandardScaler()), ('two', decomposition.PCA(2))],
                 transformers=[('one', preprocessing.StandardScaler(), [0, 1]), ('two', preprocessing.KBinsDiscretizer(3), [2])])
    if cls.__name__ == 'FrozenEstimator': return cls(logit.fit(ROWS, LABELS))
    try: model = cls()
    except TypeError: model = cls(**{k: v for k, v in parts.items() if k in cls.__init__.__code__.co_varnames})
    known = model.get_params(deep=False)
    return model.set_params(**{k: v for k, v in SMALL.items() if k in known and not (k == 'cv' and 'Frozen' in cls.__name__)})


def variants():
    "Parameters under which other code is reached, and composites with columns, categories and texts"
    forest, logit = ensemble.RandomForestClassifier(3, max_depth=3, random_state=0), linear_model.LogisticRegression(max_iter=20)
    columns = compose.ColumnTransformer([('number', make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), ['a', 'b']),
                                         ('category', preprocessing.OneHotEncoder(handle_unknown='ignore'), ['g', 'h'])], remainder='passthrough')
    union = FeatureUnion([('scale', preprocessing.StandardScaler()), ('poly', preprocessing.PolynomialFeatures(2)), ('same', 'passthrough')])
    hist, boost = ensemble.HistGradientBoostingClassifier, ensemble.GradientBoostingClassifier
    few = dict(max_iter=3, max_leaf_nodes=4, min_samples_leaf=2)
    near, onehot = neighbors.KNeighborsClassifier, preprocessing.OneHotEncoder
    yield from ((make_pipeline(columns, forest), TABLE), (make_pipeline(columns, logit), TABLE), (make_pipeline(columns, hist(**few)), TABLE), (make_pipeline(union, logit), ROWS),
                (compose.ColumnTransformer([('d', 'drop', [0]), ('p', 'passthrough', [1])], remainder=preprocessing.MinMaxScaler()), ROWS),
                (compose.ColumnTransformer([('t', text.CountVectorizer(), 0), ('n', preprocessing.OneHotEncoder(), [1])]), np.c_[DOCS, WORDS[:, 1]].astype(object)))
    yield from ((hist(categorical_features=[3, 4], **few), TABLE.assign(g=TABLE.g.map(ord), h=TABLE.h.map(ord))),
                (hist(categorical_features=['g'], **few), TABLE.assign(g=pd.Categorical(TABLE.g)).drop(columns='h')), (hist(early_stopping=True, **few), ROWS),
                (ensemble.HistGradientBoostingRegressor(loss='poisson', **few), FEW), (boost(n_estimators=2, max_depth=2), ROWS), (boost(n_estimators=2, init=logit), ROWS),
                (boost(n_estimators=2, init='zero'), ROWS), (ensemble.GradientBoostingRegressor(loss='quantile', n_estimators=2), ROWS),
                (ensemble.IsolationForest(n_estimators=3, max_features=2, random_state=0), ROWS), (ensemble.RandomForestClassifier(3, oob_score=True, bootstrap=True, random_state=0), ROWS),
                (ensemble.BaggingClassifier(logit, n_estimators=3, max_features=.5, random_state=0), ROWS), (ensemble.BaggingRegressor(n_estimators=2, random_state=0), ROWS),
                (tree.DecisionTreeClassifier(ccp_alpha=.02, random_state=0), ROWS), (tree.DecisionTreeClassifier(random_state=0), np.where(ROWS > 1.5, np.nan, ROWS)))
    yield from ((onehot(min_frequency=5, sparse_output=False, handle_unknown='infrequent_if_exist'), WORDS), (onehot(max_categories=3), WORDS), (onehot(drop='first', sparse_output=False), WORDS),
                (preprocessing.OrdinalEncoder(min_frequency=5, handle_unknown='use_encoded_value', unknown_value=-1), WORDS), (preprocessing.TargetEncoder(cv=2), WORDS),
                (preprocessing.KBinsDiscretizer(3, encode='onehot-dense'), ROWS), (preprocessing.KBinsDiscretizer(3, encode='ordinal'), ROWS),
                (preprocessing.PolynomialFeatures(3, interaction_only=True), ROWS), (preprocessing.PolynomialFeatures((2, 3)), sparse.csr_matrix(FEW)),
                (preprocessing.SplineTransformer(5, extrapolation='periodic'), ROWS), (preprocessing.SplineTransformer(3, sparse_output=True), ROWS),
                (preprocessing.FunctionTransformer(np.log1p, np.expm1), abs(ROWS)), (preprocessing.FunctionTransformer(partial(np.add, 10)), ROWS),
                (preprocessing.FunctionTransformer(special.expit), ROWS), (preprocessing.PowerTransformer(), ROWS), (preprocessing.Normalizer('max'), ROWS),
                (impute.SimpleImputer(strategy='most_frequent', add_indicator=True), np.where(ROWS > 1, np.nan, ROWS)), (impute.KNNImputer(), np.where(ROWS > 1, np.nan, ROWS)),
                (impute.SimpleImputer(strategy='constant', fill_value='?'), WORDS), (make_pipeline(columns, linear_model.SGDClassifier(max_iter=5)), TABLE))
    yield from ((make_pipeline(text.TfidfVectorizer(), logit), DOCS), (make_pipeline(text.CountVectorizer(max_features=4, ngram_range=(1, 2)), naive_bayes.MultinomialNB()), DOCS),
                (make_pipeline(text.HashingVectorizer(n_features=16), linear_model.SGDClassifier(max_iter=5)), DOCS), (text.TfidfVectorizer(analyzer='char_wb', ngram_range=(2, 3)), DOCS),
                (text.CountVectorizer(binary=True, stop_words='english'), DOCS), (text.HashingVectorizer(n_features=16, norm=None), DOCS),
                (feature_extraction.FeatureHasher(8, input_type='string'), [d.split() for d in DOCS]), (feature_extraction.FeatureHasher(8), [{'a': 1, 'b': 2.}]*20),
                (make_pipeline(feature_extraction.DictVectorizer(), logit), FACTS), (feature_extraction.DictVectorizer(sparse=False, sort=False), FACTS))
    yield from ((near(3, algorithm='brute'), sparse.csr_matrix(FEW)), (near(3, algorithm='kd_tree', p=3), ROWS), (near(3, algorithm='ball_tree', leaf_size=5, weights='distance'), ROWS),
                (near(3, algorithm='brute', metric='manhattan'), ROWS), (neighbors.RadiusNeighborsClassifier(3., algorithm='brute', metric='manhattan', outlier_label=0), ROWS),
                (neighbors.LocalOutlierFactor(5, novelty=True), ROWS), (neighbors.KernelDensity(leaf_size=5), ROWS),
                (svm.SVC(kernel='precomputed'), (ROWS @ ROWS.T)), (svm.SVC(probability=True, random_state=0), ROWS), (svm.SVC(), sparse.csr_matrix(FEW)), (svm.NuSVC(nu=.1), ROWS),
                (decomposition.PCA(2, whiten=True), ROWS), (decomposition.NMF(2, solver='mu', max_iter=5), FEW), (decomposition.TruncatedSVD(2, random_state=0), sparse.csr_matrix(FEW)),
                (random_projection.SparseRandomProjection(2, random_state=0, compute_inverse_components=True), ROWS), (kernel_approximation.PolynomialCountSketch(n_components=8, random_state=0), ROWS),
                (gaussian_process.GaussianProcessClassifier(gaussian_process.kernels.RBF(), n_restarts_optimizer=0), ROWS[:20]), (neural_network.MLPClassifier((3,), max_iter=5), ROWS))
    yield from ((CalibratedClassifierCV(forest, method='isotonic', cv=2), ROWS), (CalibratedClassifierCV(logit, ensemble=False, cv=2), ROWS),
                (ensemble.StackingClassifier([('a', logit), ('b', forest)], cv=2, passthrough=True), ROWS), (ensemble.VotingClassifier([('a', logit), ('b', forest)], voting='soft'), ROWS),
                (compose.TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1), FEW), (feature_selection.SelectKBest(k=2), ROWS),
                (compose.TransformedTargetRegressor(linear_model.Ridge(), transformer=preprocessing.StandardScaler()), ROWS), (dummy.DummyClassifier(strategy='stratified', random_state=0), ROWS),
                (dummy.DummyRegressor(strategy='quantile', quantile=.3), ROWS), (model_selection.GridSearchCV(logit, {'C': [1., 2.]}, cv=2), ROWS),
                (semi_supervised.SelfTrainingClassifier(logit), ROWS), (preprocessing.KernelCenterer(), ROWS @ ROWS.T), (multioutput.ClassifierChain(logit), ROWS), (linear_model.LogisticRegressionCV(Cs=2, cv=2, max_iter=10), ROWS), (make_pipeline(union, 'passthrough', forest), ROWS))


def fitted(model):
    "The model fitted on the first of our data that it accepts, and that data"
    many, kind = np.c_[LABELS > 0, LABELS > 1].astype(int), getattr(model, '_estimator_type', '') or type(model).__name__
    first = many*1. if 'MultiTask' in kind else abs(ROWS[:, 1]) + .1 if 'egress' in kind else LABELS
    for rows in (ROWS, FEW, ROWS[:, 0], LABELS, DOCS, FACTS, WORDS):
        for answers in ([first], [many], [LABELS > 0], []):
            try: return clone(model).fit(rows, *answers), rows
            except Exception: pass                              # any: it says so in its own way that this is no data for it
    return None, None


def given(model, rows):
    "The same for data that was chosen"
    answers = abs(LABELS - 1.)*3 if 'egress' in type(model).__name__ else LABELS
    if type(model).__name__ == 'ClassifierChain': answers = np.c_[LABELS > 0, LABELS > 1].astype(int)
    n = rows.shape[0] if hasattr(rows, 'shape') else len(rows)
    return model.fit(rows, answers[:n]), rows


def corpus(
    only=None,      # A pattern: the names of those that are wanted
):
    "Each estimator of scikit-learn and each variant, fitted, as a file; always in the same order"
    wanted = re.compile(only or '').search
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        np.random.seed(0)
        found = [(name, *fitted(small(cls))) for name, cls in all_estimators() if wanted(name)]
        more = [(f'{type(m).__name__}-{i}', m, rows) for i, (m, rows) in enumerate(variants())]
        found += [(name, *given(m, rows)) for name, m, rows in more if wanted(name)]
    return [Seed(name, forge(model), rows) for name, model, rows in found if model is not None]
