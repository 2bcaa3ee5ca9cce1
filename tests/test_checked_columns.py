"Models of the room checked_columns: what scikit-learn fits passes the door from elsewhere, what it does not fit is refused or harmless"
import os, random, subprocess, sys, warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (FunctionTransformer, LabelBinarizer, LabelEncoder, MultiLabelBinarizer, OneHotEncoder, OrdinalEncoder,
                                   StandardScaler)

from mlops_nb.core.rules import IntegrityError, MlopsError, digest
from mlops_nb.models.arrays import Writer
from mlops_nb.models.checked_columns import column_schemas
from mlops_nb.models.foreign import on_list
from mlops_nb.models.formats import _kinds, dump_model, load_model_bytes, model_types
from mlops_nb.models.values import kind_of

OLD = tuple(map(int, sklearn.__version__.split('.')[:2]))
N = 60
rng = np.random.default_rng(0)
cat = rng.choice(['a', 'b', 'c', 'dd'], size=(N, 2), p=[.1, .2, .3, .4]).astype(object)
num = rng.normal(size=(N, 3))
y, yc, y3 = num[:, 0]*2 + 1, np.where(num[:, 0] > 0, 'yes', 'no'), rng.choice(['r', 'g', 'b'], N)
whole = rng.integers(0, 4, (N, 2))
frame = pd.DataFrame({'x': num[:, 0], 'z': num[:, 1].astype('f4'), 'c': cat[:, 0], 'd': pd.Categorical(cat[:, 1]), 'i': whole[:, 0], 'b': num[:, 2] > 0})
frame['c'] = frame['c'].astype(object)
lacking = cat.copy()
lacking[3, 0], lacking[4, 1] = None, np.nan
texts = ['the cat sat', 'a dog ate the cat', 'cats and dogs', 'no cat no dog here', 'the end of the story']*12
some = sp.csr_matrix((num > 0).astype(float))
dicts = [{'a': 1, 'b': 'x'}, {'a': 2.5, 'c': True}, {'b': 'y', 'n': None}, {'l': 'q'}]
sets = [('a', 'b'), ('c',), ()]


def _encoders():
    for kw in (dict(), dict(drop='first'), dict(drop='if_binary'), dict(drop=['a', 'b']), dict(drop=np.array(['a', 'b'], dtype=object)), dict(sparse_output=False, dtype=np.float32),
               dict(handle_unknown='ignore'), dict(handle_unknown='infrequent_if_exist', min_frequency=12),
               dict(handle_unknown='infrequent_if_exist', max_categories=2, drop='first'), dict(min_frequency=0.2, sparse_output=False),
               dict(categories=[['a', 'b', 'c', 'dd']]*2), dict(categories=[['dd', 'b', 'c', 'a']]*2), dict(dtype=int), dict(dtype='float32'), dict(dtype=np.dtype('int8')),
               dict(max_categories=1), dict(max_categories=3, drop='if_binary', sparse_output=False)):
        yield f'onehot {kw}', OneHotEncoder(**kw), cat, None
    if OLD >= (1, 6): yield 'onehot warn', OneHotEncoder(handle_unknown='warn', min_frequency=15), cat, None
    yield 'onehot unfitted', OneHotEncoder(), None, None
    yield 'onehot frame', OneHotEncoder(), frame[['c', 'd']], None
    yield 'onehot pandas', OneHotEncoder(sparse_output=False).set_output(transform='pandas'), frame[['c', 'd']], None
    yield 'onehot integers', OneHotEncoder(), whole, None
    yield 'onehot objects of integers', OneHotEncoder(), whole.astype(object), None
    yield 'onehot nan', OneHotEncoder(handle_unknown='ignore'), np.where(rng.random((N, 2)) < .1, np.nan, whole), None
    yield 'onehot missing', OneHotEncoder(), lacking, None
    yield 'onehot missing infrequent', OneHotEncoder(min_frequency=10), lacking, None
    yield 'onehot texts', OneHotEncoder(), cat.astype('U'), None
    yield 'onehot bool', OneHotEncoder(), num > 0, None
    yield 'onehot binary', OneHotEncoder(drop='if_binary', sparse_output=False), np.c_[num[:, 0] > 0, whole[:, 0]], None
    for kw in (dict(), dict(handle_unknown='use_encoded_value', unknown_value=-1), dict(handle_unknown='use_encoded_value', unknown_value=np.nan, encoded_missing_value=-2),
               dict(min_frequency=12), dict(max_categories=3, dtype=np.float32), dict(min_frequency=.2, handle_unknown='use_encoded_value', unknown_value=99),
               dict(categories=[['dd', 'b', 'c', 'a']]*2), dict(dtype=np.int32)):
        yield f'ordinal {kw}', OrdinalEncoder(**kw), cat, None
    yield 'ordinal missing', OrdinalEncoder(), lacking, None
    yield 'ordinal missing, another value', OrdinalEncoder(encoded_missing_value=-1), lacking, None
    yield 'ordinal missing infrequent', OrdinalEncoder(max_categories=2), lacking, None
    yield 'ordinal pandas', OrdinalEncoder().set_output(transform='pandas'), frame[['c', 'd']], None
    yield 'ordinal numbers', OrdinalEncoder(), whole.astype(float), None
    for name, m, Y in (('label', LabelEncoder(), y3), ('label integers', LabelEncoder(), whole[:, 0]), ('label objects', LabelEncoder(), y3.astype(object)),
                       ('binarizer', LabelBinarizer(), y3), ('binarizer two', LabelBinarizer(neg_label=-1, pos_label=2), yc), ('binarizer sparse', LabelBinarizer(sparse_output=True), y3),
                       ('binarizer integers', LabelBinarizer(), whole[:, 0]), ('binarizer objects', LabelBinarizer(), y3.astype(object)),
                       ('binarizer multilabel', LabelBinarizer(), (num > 0).astype(int)), ('binarizer of sparse', LabelBinarizer(), some.astype(int)),
                       ('sets', MultiLabelBinarizer(), sets), ('sets of integers', MultiLabelBinarizer(sparse_output=True), [(1, 2), (3,), ()]),
                       ('sets, classes', MultiLabelBinarizer(classes=['c', 'a', 'b']), sets)):
        yield name, m, Y, 'labels'
    used = MultiLabelBinarizer().fit(sets)
    used.transform(sets)
    yield 'sets, used', used, sets, 'fitted'


def _vectorizers():
    for cls in (CountVectorizer, TfidfVectorizer):
        for kw in (dict(), dict(ngram_range=(1, 2)), dict(analyzer='char', ngram_range=(2, 3)), dict(analyzer='char_wb', ngram_range=(2, 3)), dict(stop_words='english'),
                   dict(stop_words=['the', 'a']), dict(vocabulary=['cat', 'dog']), dict(vocabulary={'cat': 0, 'dog': 1}), dict(vocabulary={'cat', 'dog'}), dict(vocabulary=('cat', 'dog')),
                   dict(binary=True, dtype=np.float32), dict(max_features=5), dict(min_df=2, max_df=.9), dict(lowercase=False, strip_accents='unicode'), dict(encoding='latin-1', decode_error='ignore'),
                   dict(token_pattern=r'\b\w+\b'), dict(token_pattern=r'[a-z]+'), dict(strip_accents='ascii', token_pattern=r'(?u)\b\w+\b'), dict(vocabulary=np.array(['cat', 'dog']))):
            yield f'{cls.__name__} {kw}', cls(**kw), texts, None
        yield f'{cls.__name__} unfitted', cls(), None, None
        yield f'{cls.__name__} unfitted, words', cls(vocabulary=['cat', 'dog']), None, None
    for kw in (dict(use_idf=False), dict(sublinear_tf=True, norm='l1'), dict(norm=None, smooth_idf=False)):
        yield f'tfidf of texts {kw}', TfidfVectorizer(**kw), texts, None
        yield f'tfidf {kw}', TfidfTransformer(**kw), some, None
    for name, X in (('csr', some), ('dense', some.toarray()), ('csc f4', some.tocsc().astype('f4')), ('array', sp.csr_array(some)), ('frame', pd.DataFrame(some.toarray(), columns=list('abc')))):
        yield f'tfidf {name}', TfidfTransformer(), X, None
    for kw in (dict(), dict(n_features=64, alternate_sign=False), dict(analyzer='char', ngram_range=(1, 3), norm='l1', binary=True), dict(norm=None, dtype=np.float32), dict(stop_words=['the'])):
        yield f'hashing {kw}', HashingVectorizer(**kw), texts, None
    for kw in (dict(), dict(sparse=False), dict(sort=False, separator=':', dtype=np.float32)):
        yield f'dicts {kw}', DictVectorizer(**kw), dicts, None
    yield 'dicts restricted', DictVectorizer().fit(dicts).restrict([0, 1]), dicts, 'fitted'


def _columns():
    o, f = (lambda: OneHotEncoder(handle_unknown='ignore')), FunctionTransformer
    for name, parts, kw in (
            ('names', [('n', 'passthrough', ['x', 'z']), ('c', o(), ['c', 'd'])], {}), ('drop', [('n', 'drop', ['x']), ('c', o(), ['c'])], dict(remainder='drop')),
            ('rest', [('c', o(), ['c', 'd'])], dict(remainder='passthrough')), ('rest to an estimator', [('c', o(), ['c', 'd'])], dict(remainder=f())),
            ('a text', [('t', CountVectorizer(token_pattern=r'\w+'), 'c')], {}), ('numbers', [('c', o(), [2, 3]), ('n', f(), [0, -1])], dict(sparse_threshold=0)),
            ('slice', [('c', o(), slice(2, 4)), ('n', f(), slice(0, 2))], dict(n_jobs=1)), ('slice of names', [('c', o(), slice('c', 'd'))], {}),
            ('mask', [('c', o(), [False, False, True, True, False, False]), ('n', f(), np.array([True]*2 + [False]*4))], dict(remainder='passthrough')),
            ('arrays', [('c', o(), np.array([2, 3])), ('n', f(), np.array(['x', 'z'], dtype=object)), ('m', f(), np.array(['x', 'z']))], {}),
            ('a number', [('t', CountVectorizer(token_pattern=r'\w+'), 2)], {}), ('empty', [('c', o(), []), ('n', f(), ['x'])], {}), ('tuple', (('n', f(), ('x', 'z')),), {}),
            ('selector', [('c', o(), make_column_selector(dtype_include=object)), ('n', f(), make_column_selector(dtype_include=np.number, dtype_exclude='float32')),
                          ('q', f(), make_column_selector('x|z')), ('e', f(), make_column_selector('^nothing$'))], dict(remainder='passthrough')),
            ('selector of several', [('c', o(), make_column_selector(dtype_include=[object, 'category'])), ('n', f(), make_column_selector(dtype_include=['number', bool]))], {}),
            ('weights', [('c', o(), ['c']), ('n', f(), ['x'])], dict(transformer_weights={'c': .5, 'n': 2})),
            ('short names', [('c', OrdinalEncoder(), ['c']), ('n', f(feature_names_out='one-to-one'), ['x'])], dict(verbose_feature_names_out=False)),
            ('nested', [('p', make_pipeline(OrdinalEncoder(), f()), ['c', 'd'])], {}), ('no rest', [('n', f(), list(frame))], dict(remainder='passthrough'))):
        yield f'columns {name}', ColumnTransformer(parts, **kw), frame, None
    if OLD >= (1, 6): yield 'columns, names by a format', ColumnTransformer([('c', OrdinalEncoder(), ['c'])], verbose_feature_names_out='{feature_name}-{transformer_name}'), frame, None
    if OLD < (1, 9):
        yield 'columns, rest by name', ColumnTransformer([('c', o(), [2, 3])], remainder='passthrough', force_int_remainder_cols=False), frame, None
        yield 'columns, rest by name to an estimator', ColumnTransformer([('c', o(), ['c'])], remainder=f(), force_int_remainder_cols=False), frame[['c', 'x']], None
    yield 'columns pandas', ColumnTransformer([('c', OrdinalEncoder(), ['c', 'd'])], remainder='passthrough').set_output(transform='pandas'), frame, None
    yield 'columns of an array', ColumnTransformer([('n', f(), [0, 1]), ('m', f(), slice(1, 3))], remainder='passthrough'), num, None
    yield 'columns from the end', ColumnTransformer([('n', f(), [-1])]), num, None
    yield 'columns of a sparse matrix', ColumnTransformer([('n', f(accept_sparse=True), [0, 1])], remainder='passthrough'), some, None
    yield 'columns unfitted', ColumnTransformer([('n', f(), ['x'])]), None, None


def _composites():
    for kw in (dict(), dict(validate=True), dict(accept_sparse=True), dict(feature_names_out='one-to-one', check_inverse=False), dict(kw_args={}), dict(inv_kw_args={})):
        yield f'function {kw}', FunctionTransformer(**kw), num, None
    yield 'function of a frame', FunctionTransformer(), frame[['x', 'z']], None
    yield 'pipeline', make_pipeline(OneHotEncoder(), TfidfTransformer()), cat, None
    yield 'pipeline that predicts', make_pipeline(OneHotEncoder(), LogisticRegression()), cat, yc
    yield 'pipeline with nothing', Pipeline([('a', 'passthrough'), ('o', OneHotEncoder()), ('n', None), ('m', LinearRegression())]), cat, y
    yield 'pipeline unfitted', make_pipeline(OneHotEncoder(), LogisticRegression()), None, None
    yield 'pipeline of texts', make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression()), texts, yc
    yield 'pipeline of columns', make_pipeline(ColumnTransformer([('c', OneHotEncoder(), ['c']), ('s', StandardScaler(), ['x'])]), LogisticRegression()), frame, yc
    yield 'union', make_union(OneHotEncoder(), OrdinalEncoder()), cat, None
    yield 'union with weights', FeatureUnion([('a', OneHotEncoder()), ('b', 'passthrough'), ('c', 'drop')], transformer_weights={'a': 2.0}, n_jobs=1), whole, None
    yield 'union pandas', make_union(OrdinalEncoder()).set_output(transform='pandas'), frame[['c', 'd']], None
    for kw in (dict(), dict(regressor=LinearRegression()), dict(check_inverse=False, regressor=LinearRegression()), dict(transformer=StandardScaler(), regressor=LinearRegression())):
        yield f'target {kw}', TransformedTargetRegressor(**kw), num, y
    yield 'targets', TransformedTargetRegressor(), num, np.c_[y, y]
    yield 'target of a frame', TransformedTargetRegressor(), frame[['x', 'z']], y
    if OLD >= (1, 6): yield 'boosting with categories', HistGradientBoostingClassifier(max_iter=3, categorical_features='from_dtype'), frame[['x', 'd']], yc


def honest():
    "(name, fitted model, input) of every setting"
    for name, m, X, Y in [*_encoders(), *_vectorizers(), *_columns(), *_composites()]:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            if X is not None and not (isinstance(Y, str) and Y == 'fitted'): m.fit(X, *([] if Y is None or isinstance(Y, str) else [Y]))
        yield name, m, X


def answers(m, X):
    "What a model says about its input, as something that can be compared"
    if X is None: return str(m)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        said = [getattr(m, f)(X) for f in ('transform', 'predict', 'predict_proba') if hasattr(m, f)]
        names = [m.get_feature_names_out()] if hasattr(m, 'get_feature_names_out') and not isinstance(m, (ColumnTransformer, Pipeline, FeatureUnion, FunctionTransformer)) and hasattr(m, 'n_features_in_') else []
    return [np.asarray(s.toarray() if sp.issparse(s) else s) for s in said + names]


OTHERS = {'sklearn.linear_model._logistic.LogisticRegression', 'sklearn.linear_model._base.LinearRegression', 'sklearn.preprocessing._data.StandardScaler'}


def from_elsewhere(data):
    "Load a file that was handed over; what other rooms have schemas for is trusted while these rooms do not know it"
    trusted = [n for n in model_types(data, 'arrays') if not on_list(n) and (n in OTHERS or '_hist_gradient_boosting' in n or n.startswith(('sklearn._loss', 'numpy.random._generator')))]
    if 'builtins.object' in model_types(data, 'arrays'): trusted.append('builtins.object')
    return load_model_bytes(data, 'arrays', digest(data), trusted=trusted)


def test_what_is_fitted_passes_and_answers_the_same():
    count = 0
    for name, m, X in honest():
        data, _ = dump_model(m, trusted=['builtins.object'])
        try: back = from_elsewhere(data)
        except MlopsError as e: pytest.fail(f'{name}: {e}')
        assert type(back) is type(m), name
        for one, other in zip(answers(m, X), answers(back, X), strict=True): np.testing.assert_array_equal(one, other, err_msg=name)
        count += 1
    assert count > 150


def test_every_schema_is_used_by_an_honest_model():
    "A name on the list that no fit of the matrix has is one that nobody looked at"
    seen = set()
    for _, m, _ in honest(): seen |= set(model_types(forge(m), 'arrays'))
    unseen = set(column_schemas()) - seen
    assert unseen <= {'collections.UserList', 'sklearn.compose._column_transformer._RemainderColsList'}


# ---- what nobody fits

def forge(model):
    "Bytes of a file, no matter what `dump_model` would think of it"
    return Writer(_kinds(), kind_of).bytes(model)


def representatives():
    "One fitted model of each class, with as many attributes as it can have"
    want = ['onehot {\'max_categories\': 3, \'drop\'', 'onehot pandas', 'ordinal missing infrequent', 'label', 'binarizer', 'sets, used', "CountVectorizer {'vocabulary': {'cat': 0", 'TfidfVectorizer {}',
            'tfidf frame', "hashing {'n_features': 64", 'dicts {}', 'function of a frame', 'pipeline', 'union', 'columns selector', 'columns rest', 'target of a frame']
    known = list(honest())
    return [next((n, m, X) for n, m, X in known if n == w or w.endswith(("'", '0', '64')) and n.startswith(w)) for w in want]


VALUES = [np.zeros((3, 3, 3)), np.zeros(1), np.array([None, (1,)], dtype=object), 'tofile', [], [[]], None, -1, 2**40, True, {}, {'a': 2**40}, ('a', 'b'), slice(0, 2**60), 1e300, float('nan'),
          np.float64, object, np.array(['b', 'a']), np.array([2, 1]), np.array([10**8]*4), [np.array([3, 0])], [2**31 - 1]*2, {'x'}]

CHILD = r'''
import faulthandler, resource, sys, warnings
faulthandler.disable()
warnings.simplefilter('ignore')
sys.path.insert(0, {here!r})
from test_checked_columns import *
import os, signal
known = {{n: (m, X) for n, m, X in representatives()}}
resource.setrlimit(resource.RLIMIT_AS, (4 << 30,)*2); resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
for line in sys.stdin:
    name, attribute, at = eval(line)
    m, X = known[name]
    data = forge(forged(m, attribute, VALUES[at]))
    signal.alarm(20)
    try: model = from_elsewhere(data)
    except MlopsError: print('refused', name, attribute, at, flush=True); continue
    print('trying', name, attribute, at, flush=True)
    for f in ('transform', 'predict', 'inverse_transform', 'get_feature_names_out'):
        try: said = getattr(model, f)(*([] if f == 'get_feature_names_out' else [X]))
        except (Exception, MemoryError) as e: assert '0x7f' not in str(e)
    print('passed', name, attribute, at, flush=True)
'''


def forged(model, attribute, value):
    other = object.__new__(type(model))
    other.__dict__.update(vars(model), **{attribute: value})
    return other


def run(tasks):
    "Load and use forged files in children; what was refused, and what passed without harm"
    done = {'refused': [], 'passed': []}
    while tasks:
        env = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': os.pathsep.join(sys.path)}
        p = subprocess.run([sys.executable, '-c', CHILD.format(here=os.path.dirname(__file__))], input='\n'.join(map(repr, tasks)), capture_output=True, text=True, env=env)
        lines = [line.split(' ', 1) for line in p.stdout.splitlines()]
        assert p.returncode == 0, (p.returncode, lines[-1:], p.stderr[-2000:])
        for word, rest in lines:
            if word in done: done[word].append(rest)
        assert len(done['refused']) + len(done['passed']) == len(tasks)
        tasks = []
    return done


def test_attributes_that_nobody_fits_are_refused_or_harmless():
    tasks = [(n, a, i) for n, m, _ in representatives() for a in vars(m) for i in range(len(VALUES))]
    if not os.environ.get('MLOPS_TEST_ALL'): tasks = random.Random(8).sample(tasks, 300)
    done = run(tasks)
    print(len(done['refused']), 'refused,', len(done['passed']), 'passed'); print('\n'.join(sorted(done['passed'])))
    assert len(done['refused']) > .85*len(tasks)


def test_unknown_and_lost_attributes_are_refused():
    for name, m, _ in representatives():
        with pytest.raises(IntegrityError, match='which no version that was checked gives it'): from_elsewhere(forge(forged(m, 'more_', 1)))
        schema = column_schemas()[f'{type(m).__module__}.{type(m).__qualname__}']
        for lost in [a for a, check in schema.fitted.items() if a in vars(m) and type(check).__name__ != 'maybe']:
            if len(schema.fitted) == 1: continue        # nothing else says that it was fitted
            other = forged(m, 'more_', 1)
            del vars(other)['more_'], vars(other)[lost]
            with pytest.raises(IntegrityError, match=f"{lost}|this file was not written by scikit-learn|lacks {lost}"): from_elsewhere(forge(other))



def _with(model, attributes):
    other = object.__new__(type(model))
    other.__dict__.update(vars(model), **attributes)
    return other


def harmful():
    "(name, model, what the refusal says): files that would write or read outside, run what they name, or hang"
    onehot, groups = OneHotEncoder().fit(cat), OneHotEncoder(min_frequency=12, handle_unknown='infrequent_if_exist').fit(cat)
    counts, words = CountVectorizer().fit(texts), TfidfVectorizer().fit(texts)
    columns, f = ColumnTransformer([('n', FunctionTransformer(), [0, 1])]).fit(num), FunctionTransformer().fit(num)
    many = np.array([10**8]*4)
    yield 'a table of infrequent categories', _with(groups, dict(_default_to_infrequent_mappings=[many, many])), 'leads elsewhere'
    yield 'infrequent categories', _with(groups, dict(_infrequent_indices=[many, many])), 'infrequent categories that are not there'
    yield 'no tables', _with(OrdinalEncoder().fit(cat), dict(_infrequent_enabled=True)), 'infrequent categories are not told'
    yield 'a dropped category', _with(onehot, dict(_drop_idx_after_grouping=np.array([9, 9], dtype=object), _n_features_outs=[3, 3])), 'dropped that is not there'
    yield 'numbers of columns', _with(onehot, dict(_n_features_outs=[1, 1])), 'columns'
    yield 'numbers out of order', _with(OneHotEncoder().fit([[1], [2]]), dict(categories_=[np.array([2, 1])])), 'not in order'
    yield 'objects out of order', _with(OneHotEncoder().fit([[1], [2]]), dict(categories_=[np.array([2, 1], dtype=object)])), 'not in order'
    yield 'texts that read as numbers', _with(OneHotEncoder().fit([[1], [2]]), dict(categories_=[np.array(['2', '1'])])), 'not in order'
    yield 'one array for two columns', _with(onehot, dict(categories_=[onehot.categories_[0]]*2)), 'share their categories'
    yield 'wide texts', _with(OneHotEncoder().fit([['a']]), dict(categories_=[np.array(['a'*20_000])])), 'categories_'
    yield 'a label twice', _with(MultiLabelBinarizer().fit(sets), dict(classes_=np.array(['a', 'b', 'b'], dtype=object))), 'there twice'
    yield 'a label twice, as 1 and True', _with(MultiLabelBinarizer().fit(sets), dict(classes_=np.array([1, True, 2], dtype=object))), 'there twice'
    yield 'the place of a label', _with(MultiLabelBinarizer().fit(sets), dict(_cached_dict={'a': 0, 'b': 1, 'c': 10**8})), 'the place of another'
    yield 'classes out of order', _with(LabelBinarizer().fit(y3), dict(classes_=np.array(['r', 'b', 'g']))), 'not in order'
    yield 'classes with NaN inside', _with(LabelBinarizer().fit(y3), dict(classes_=np.array([5, np.nan, 1, 2], dtype=object))), 'not in order'
    for name, value in (('input', 'filename'), ('input', 'file'), ('tokenizer', np.float64), ('preprocessor', np.float64), ('analyzer', np.float64), ('encoding', 'zip'), ('encoding', 'idna'),
                        ('token_pattern', '(a+)+b'), ('token_pattern', r'(\w|\d)*!'), ('ngram_range', (1, 10**6)), ('ngram_range', (2, 1)), ('ngram_range', [1, 2]), ('dtype', object),
                        ('dtype', 'O'), ('stop_words', 'filename'), ('stop_words', [['a']]), ('vocabulary', {'a': 5}), ('vocabulary_', {'a': 1, 'b': 1})):
        for m in (counts, words): yield f'{type(m).__name__} {name} {value!r}', _with(m, {name: value}), name if name != 'vocabulary_' else 'vocabulary'
    yield 'as many weights as words', _with(words, dict(_tfidf=TfidfTransformer().fit(some))), 'weights'
    yield 'another part', _with(words, dict(_tfidf=FunctionTransformer())), '_tfidf'
    yield 'weights', _with(TfidfTransformer().fit(some), dict(idf_=np.ones(2))), 'idf_'
    for n in (0, -1, 2**31, 2.5, True): yield f'hashed columns {n}', _with(HashingVectorizer(), dict(n_features=n)), 'n_features'
    yield 'names of dictionaries', _with(DictVectorizer().fit(dicts), dict(feature_names_=['a'])), 'names'
    yield 'a cache', Pipeline([('a', f)], memory='folder'), 'memory'
    yield 'an array as a step', Pipeline([('a', num)]), 'estimator'
    yield 'a word as a step', Pipeline([('a', 'drop')]), 'estimator'
    yield 'an array in a union', FeatureUnion([('a', num)]), 'estimator'
    yield 'weights that are no numbers', FeatureUnion([('a', f)], transformer_weights={'a': num}), 'transformer_weights'
    yield 'a function', _with(f, dict(func=np.float64)), 'func'
    yield 'its arguments', _with(f, dict(kw_args={'out': num})), 'kw_args'
    yield 'its names', _with(f, dict(feature_names_out=np.float64)), 'feature_names_out'
    yield 'functions of targets', _with(TransformedTargetRegressor().fit(num, y), dict(func=np.float64)), 'func'
    yield 'a column that is not there', _with(columns, dict(transformers_=[('n', f, [0, 99])])), 'the column 99'
    yield 'many columns', _with(columns, dict(transformers_=[('n', f, [0]*99)])), '99 columns'
    yield 'a function that chooses', _with(columns, dict(transformers=[('n', f, np.float64)])), 'transformers'
    yield 'a part that nobody told', _with(columns, dict(transformers_=[('more', f, [0])])), "'more' are not told"
    yield 'a name that widens', _with(columns, dict(verbose_feature_names_out='{feature_name:>99999999}')), 'verbose_feature_names_out'
    yield 'a name that looks inside', _with(columns, dict(verbose_feature_names_out='{feature_name.__class__}')), 'verbose_feature_names_out'
    yield 'a slice that does not move', _with(columns, dict(_columns=[slice(0, 1, 0)])), '_columns'
    yield 'a selector of a pattern that hangs', ColumnTransformer([('n', f, make_column_selector('(a+)+b'))]), 'pattern'
    union = f
    for _ in range(40): union = FeatureUnion([('a', union), ('b', union)])
    yield 'parts that call one another', union, 'call one another|hold one another'
    inside = FeatureUnion([('a', f)])
    inside.transformer_list.append(('b', inside))
    yield 'a part of itself', inside, 'contains itself'
    names = ['a']*100_000
    yield 'one list many times', _with(ColumnTransformer([]), dict(transformers=[(str(i), 'drop', names) for i in range(10_000)] + [('x', num, names)])), 'estimator|hold one another'
    yield 'one list of categories many times', _with(OneHotEncoder(), dict(categories=[names]*100_000 + [[num]])), 'categories|hold one another'


def test_models_that_would_do_harm_are_refused():
    for name, model, says in harmful():
        with pytest.raises(MlopsError, match=f'{says}|was not written by scikit-learn'):
            from_elsewhere(forge(model))
            pytest.fail(f'{name}: not refused')


def labels(r):
    "A few labels of one kind or of many"
    pool = [1, 2, 3, 5, 0, -1, 2.5, 1.0, float('nan'), None, True, False, 'a', 'b', '1', '2', '0.5', 'True', 'nan', np.int8(3), np.float32(2.5), 2**53, 2**53 + 1, 2.0**53, 300, 44]
    some, kind = [r.choice(pool) for _ in range(r.randint(1, 7))], r.choice('ifUO')
    if r.random() < .4 and all(isinstance(v, (int, float)) for v in some): some = sorted(set(some))
    try:
        if kind == 'O': return np.array(some, dtype=object)
        if kind == 'U': return np.array([str(v) for v in some])
        return np.array([int(float(v)) if kind == 'i' else float(v) for v in some], dtype=r.choice(['i1', 'i8', 'u8'] if kind == 'i' else ['f4', 'f8']))
    except (TypeError, ValueError, OverflowError): return labels(r)


def test_no_labels_lead_outside_of_the_matrix():
    "Whatever categories pass, and whatever comes in: each number that the compiled code gets is a column that there is"
    r, schemas, passed = random.Random(3), column_schemas(), 0
    for _ in range(800):
        c = labels(r)
        m = r.choice([_with(OneHotEncoder(handle_unknown='ignore').fit([[1], [2]]), dict(categories_=[c], _n_features_outs=[len(c)])),
                      _with(LabelBinarizer(sparse_output=True).fit([1, 2, 3]), dict(classes_=c)), _with(MultiLabelBinarizer(sparse_output=True).fit([(1, 2)]), dict(classes_=c))])
        try: schemas[f'{type(m).__module__}.{type(m).__qualname__}'].check(m)
        except IntegrityError: continue
        passed += 1
        for x in (labels(r), c[[r.randrange(len(c)) for _ in range(5)]], np.array([*c, *labels(r)], dtype=object)):
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                try: said = m.transform(x.reshape(-1, 1) if isinstance(m, OneHotEncoder) else x if isinstance(m, LabelBinarizer) else [list(x)])
                except Exception: continue      # any: an error of scikit-learn is an end without harm
            assert not sp.issparse(said) or not len(said.indices) or 0 <= said.indices.min() and said.indices.max() < said.shape[1], (m, c, x)
    assert passed > 200
