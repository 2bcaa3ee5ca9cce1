"Files of skops: what they hold loads as before, at both doors; what they may not hold is refused before anything is built"
import io, json, os, random, struct, subprocess, sys, time, zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.interpolate import BSpline
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from mlops_nb.core.rules import IntegrityError, InvalidInput, MlopsError, digest
from mlops_nb.models.formats import UntrustedType, load_model_bytes, model_types
from mlops_nb.models.skops_files import SkopsFile
from mlops_nb.models.skops_zips import Members, read_npy, read_schema

sio = pytest.importorskip('skops.io')
pytestmark = pytest.mark.filterwarnings('ignore')

TABLE = pd.DataFrame({'distance': [200., 1400., 2500., 760.]*10, 'hour': [6, 9, 17, 21]*10, 'origin': ['JFK', 'LGA', 'EWR', 'JFK']*10, 'note': ['late again', 'on time', 'late', 'early']*10})
X, y = TABLE[['distance', 'hour']].to_numpy(), [0, 0, 1, 1]*10
COLUMNS = ColumnTransformer([('o', OneHotEncoder(), ['origin']), ('t', TfidfVectorizer(), 'note'), ('n', StandardScaler(), ['distance', 'hour'])])


def load(data, **kwargs): return load_model_bytes(data, 'skops', digest(data), **kwargs)


def refused(data, says='', kind=MlopsError, **kwargs):
    with pytest.raises(kind) as e: load(data, **kwargs)
    assert says in str(e.value), str(e.value)


# ---------------------------------------------------------------- what honest files hold

HONEST = [LinearRegression(), LogisticRegression(), RandomForestClassifier(5, random_state=0), GradientBoostingClassifier(n_estimators=3), HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2),
          make_pipeline(COLUMNS, LogisticRegression())]


@pytest.mark.parametrize('model', HONEST, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize('compression', [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_models_of_the_checked_list_load_at_both_doors_and_answer_the_same(model, compression):
    rows = TABLE if hasattr(model, 'steps') else X
    data = sio.dumps(model.fit(rows, y), compression=compression)
    for own in (True, False): assert (load(data, own=own).predict(rows) == model.predict(rows)).all()


@pytest.mark.parametrize('model', [KNeighborsClassifier(3), KNeighborsClassifier(3, algorithm='kd_tree'), SVC()], ids=['brute', 'tree', 'svc'])
def test_what_is_not_on_the_checked_list_loads_at_the_own_door_or_with_consent(model):
    data, name = sio.dumps(model.fit(X, y)), f'{type(model).__module__}.{type(model).__name__}'
    assert (load(data, own=True).predict(X) == model.predict(X)).all()
    with pytest.raises(UntrustedType) as e: load(data)
    assert name in e.value.types and 'trusted=[' in str(e.value)
    assert (load(data, trusted=e.value.types).predict(X) == model.predict(X)).all()


OLD = '''
import json, sys
import numpy as np, skops.io as sio
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier
X, y = np.arange(40.).reshape(20, 2), [0, 1]*10
for model in (LinearRegression(), RandomForestClassifier(5, random_state=0), KNeighborsClassifier(3, algorithm='kd_tree')):
    open(sys.argv[1] + '/' + type(model).__name__, 'wb').write(sio.dumps(model.fit(X, y)))
    json.dump(model.predict(X).tolist(), open(sys.argv[1] + '/' + type(model).__name__ + '.json', 'w'))
'''


@pytest.mark.elsewhere
@pytest.mark.skipif('MLOPS_TEST_OLDEST' not in os.environ, reason='set MLOPS_TEST_OLDEST to a Python with the oldest requirements (tools/oldest.py lists them)')
def test_files_of_an_older_skops_and_scikit_learn_are_read(tmp_path):
    subprocess.run([os.environ['MLOPS_TEST_OLDEST'], '-c', OLD, str(tmp_path)], check=True)
    for said in tmp_path.glob('*.json'):
        model = load((tmp_path/said.stem).read_bytes(), own=True)
        np.testing.assert_allclose(model.predict(np.arange(40.).reshape(20, 2)), json.loads(said.read_text()))


def test_the_package_skops_is_not_asked():
    code = f'''
import sys; sys.modules['skops'] = None
from mlops_nb.models.formats import load_model_bytes, model_types
from mlops_nb.core.rules import digest
data = sys.stdin.buffer.read()
print(type(load_model_bytes(data, 'skops', digest(data), own=True)).__name__, len(model_types(data, 'skops')) > 0)'''
    done = subprocess.run([sys.executable, '-c', code], input=sio.dumps(HONEST[2].fit(X, y)), capture_output=True)
    assert done.stdout.decode().split() == ['RandomForestClassifier', 'True'], done.stderr.decode()[-2000:]


# ---------------------------------------------------------------- forged nodes

def node(kind, loader, content=None, module='builtins', **more): return dict(__class__=kind, __module__=module, __loader__=loader, content=content, **more)
def plain(x): return node('str', 'JsonNode', json.dumps(x), is_json=True)
def listed(*nodes): return node('list', 'ListNode', [*nodes])
def tupled(*nodes): return node('tuple', 'TupleNode', [*nodes])
def mapped(**nodes): return node('dict', 'DictNode', nodes, key_types=listed(*[node('str', 'TypeNode')]*len(nodes)))


def zipped(schema, members=(), compression=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', compression) as z:
        z.writestr('schema.json', schema if isinstance(schema, (bytes, str)) else json.dumps(dict(protocol=2) | schema))
        for name, data in dict(members).items(): z.writestr(name, data)
    return out.getvalue()


def npy(x, **kwargs):
    out = io.BytesIO(); np.save(out, x, **kwargs); return out.getvalue()


ARGS = tupled(plain('owned'))
CALLS = {
    'reduce': node('mkdir', 'ConstructorFromReduceNode', ARGS, 'posix'),
    'reduce of a trusted function': node('add', 'ConstructorFromReduceNode', tupled(plain(2), plain(3)), 'numpy'),
    'reduce of a trusted class': node('FunctionTransformer', 'ConstructorFromReduceNode', tupled(), 'sklearn.preprocessing._function_transformer'),
    'reduce of dict': node('dict', 'ConstructorFromReduceNode', tupled(listed(tupled(plain('a'), plain(1))))),
    'operator': node('methodcaller', 'OperatorFuncNode', None, 'operator', attrs=ARGS),
    'attrgetter': node('attrgetter', 'OperatorFuncNode', None, 'operator', attrs=ARGS),
    'method': node('list', 'MethodNode', dict(func='append', obj=listed())),
    'method of an estimator': node('FunctionTransformer', 'MethodNode', dict(func='set_params', obj=node('FunctionTransformer', 'ObjectNode', None, 'sklearn.preprocessing._function_transformer')), 'sklearn.preprocessing._function_transformer'),
    'getattr': node('partial', 'PartialNode', dict(func=node('getattr', 'FunctionNode'), args=tupled(plain(1), plain('real')), kwds=mapped(), namespace=plain(None)), 'functools'),
    'function': node('mkdir', 'FunctionNode', None, 'posix'), 'type': node('Popen', 'TypeNode', None, 'subprocess'),
    'protocol 0': node('function', 'FunctionNode', dict(module_path='posix', function='mkdir')) | dict(protocol=0),
    'a module': node('np', 'TypeNode', None, 'sklearn.metrics.pairwise'), 'a module as a function': node('warnings', 'FunctionNode', None, 'sklearn.metrics._classification'),
    'a function as a class': node('f1_score', 'ObjectNode', None, 'sklearn.metrics._classification'), 'a module as a class': node('np', 'ObjectNode', None, 'sklearn.metrics.pairwise'),
    'a class with a constructor': node('Popen', 'ObjectNode', mapped(args=plain('true')), 'subprocess'),
    'a loss that calls': node('mkdir', 'LossNode', mapped(), 'posix', __reduce__=dict(args=ARGS)),
    'a loss of its own class': node('Huber', 'LossNode', mapped(), 'sklearn.linear_model._sgd_fast', __reduce__=dict(args=tupled(plain('owned')))),
    'a tree that is none': node('Tree', 'TreeNode', mapped(), 'posix', __reduce__=dict(args=tupled(plain(1), node('ndarray', 'NdArrayNode', None, 'numpy', type='numpy', file='a.npy'), plain(1)))),
    'a list that is another': node('mkdir', 'ListNode', [plain('owned')], 'posix'), 'a tuple that is another': node('mkdir', 'TupleNode', [plain('owned')], 'posix'),
    'a set that is another': node('mkdir', 'SetNode', [plain('owned')], 'posix'), 'a dict that is another': mapped() | dict(__class__='mkdir', __module__='posix'),
    'an array that is another': node('mkdir', 'NdArrayNode', None, 'posix', type='numpy', file='a.npy'), 'a matrix': node('matrix', 'NdArrayNode', None, 'numpy', type='numpy', file='a.npy'),
    'a number by a function': node('load', 'NdArrayNode', None, 'numpy', type='numpy', file='a.npy'),
    'keys by a call': node('dict', 'DictNode', {'owned': plain(1)}, key_types=listed(node('mkdir', 'TypeNode', None, 'posix'))),
    'keys by a type with a price': node('dict', 'DictNode', {'9': plain(1)}, key_types=listed(node('bytearray', 'TypeNode'))),
    'a factory that is a call': node('defaultdict', 'DefaultDictNode', dict(main=mapped(), default_factory=tupled()), 'collections'),
    'a bit generator of its own': node('RandomState', 'RandomStateNode', mapped(bit_generator=plain('seed')), 'numpy.random.mtrand'),
    'another random state': node('mkdir', 'RandomStateNode', mapped(bit_generator=plain('MT19937')), 'posix'),
    'a sparse matrix of another module': node('csr_matrix', 'SparseMatrixNode', None, 'posix', type='scipy', file='m.npz'),
    'a spline that calls': node('BSpline', 'ObjectNode', mapped(_asarray=node('mkdir', 'FunctionNode', None, 'posix')), 'scipy.interpolate._bsplines'),
    'a spline that wraps another thing': node('BSpline', 'ObjectNode', tupled(node('Popen', 'ObjectNode', mapped(), 'subprocess')), 'scipy.interpolate._bsplines'),
    'a spline that wraps nothing': node('BSpline', 'ObjectNode', tupled(), 'scipy.interpolate._bsplines'), 'a spline that wraps a number': node('BSpline', 'ObjectNode', tupled(1), 'scipy.interpolate._bsplines'),
    'a quantile forest': node('QuantileForest', 'QuantileForestNode', mapped(), 'quantile_forest', __reduce__=dict(args=ARGS)),
    'unknown': node('x', 'NoSuchNode'), 'cached': node('x', 'CachedNode', __id__=1), 'a node without a name': dict(__loader__='TypeNode'), 'no node': {}, 'a loader that is none': dict(__loader__=['ListNode']),
    'no fields': node('partial', 'PartialNode', {}, 'functools'), 'an id that is none': listed() | dict(__id__='1'),
}


@pytest.mark.parametrize('name', CALLS)
def test_nodes_that_call_or_lie_are_refused_at_both_doors(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    form = io.BytesIO(); sparse.save_npz(form, sparse.csr_matrix(np.eye(2)))
    members = {'a.npy': npy(np.arange(1)), 'm.npz': form.getvalue()}
    for schema in (CALLS[name], listed(CALLS[name]), mapped(a=CALLS[name])):
        for own in (True, False): refused(zipped(dict(protocol=2) | schema | ({'protocol': 0} if 'protocol' in CALLS[name] else {}), members), own=own)
    assert not list(tmp_path.iterdir())


def test_all_names_are_known_before_the_first_is_looked_for(tmp_path, monkeypatch):
    (tmp_path/'imported_by_a_file.py').write_text('raise SystemExit("imported")')
    monkeypatch.syspath_prepend(tmp_path)
    schema = listed(node('Mine', 'ObjectNode', mapped(), 'imported_by_a_file'), node('Popen', 'TypeNode', None, 'subprocess'))
    with pytest.raises(UntrustedType) as e: load(zipped(schema), own=True)
    assert e.value.types == ['imported_by_a_file.Mine', 'subprocess.Popen'] and model_types(zipped(schema), 'skops') == e.value.types


def test_a_spline_is_read_in_each_form_that_scipy_gave_it():
    t, c = np.arange(8.), np.array([1., 3., 2., 5.])
    array = lambda name: node('ndarray', 'NdArrayNode', None, 'numpy', type='numpy', file=name)
    now = mapped(k=plain(3), c=array('c.npy'), t=array('t.npy'), extrapolate=plain(True), axis=plain(0))
    before = mapped(k=plain(3), _c=array('c.npy'), _t=array('t.npy'), extrapolate=plain(True), axis=plain(0))
    wrapped = tupled(node('_BSpline', 'ObjectNode', now, 'scipy.interpolate._bsplines'), array('e.npy'))           # scipy 1.18
    for content in (now, before, wrapped):
        spline = load(zipped(node('BSpline', 'ObjectNode', content, 'scipy.interpolate._bsplines'), {'c.npy': npy(c), 't.npy': npy(t), 'e.npy': npy(np.zeros(0))}), own=True)
        assert type(spline) is BSpline and (spline([3.5, 4.]) == BSpline(t, c, 3)([3.5, 4.])).all()


def test_a_thing_that_is_met_twice_is_one_thing_and_nothing_is_inside_of_itself():
    inner = listed(plain(1)) | dict(__id__=7)
    a, b = load(zipped(listed(inner, inner)), own=True)
    assert a is b == [1]
    refused(zipped(listed(listed(listed() | dict(__id__=5)) | dict(__id__=5))), 'contains itself', own=True)
    deep = plain(1)
    for _ in range(150): deep = listed(deep)
    refused(zipped(deep), 'nested deeper than', own=True)


# ---------------------------------------------------------------- zips and arrays

def quick(do):
    begin = time.process_time(); do()
    assert time.process_time() - begin < 5


def test_what_unpacks_to_more_than_it_should_is_refused_before_it_is_unpacked():
    for schema in (b' '*(200 << 20), b'{"a": ' + b'['*(70 << 20)): quick(lambda: refused(zipped(schema), 'unpacks to more', IntegrityError))
    quick(lambda: refused(zipped(listed(), {'a.npy': bytes(300 << 20)}), 'unpacks to more', IntegrityError))
    for text in (b'[' + b'[],'*(1 << 20) + b'[]]', b'{"a": [' + b'0,'*(1 << 20) + b'0]}'): quick(lambda: refused(zipped(text, compression=zipfile.ZIP_STORED), 'holds more values', IntegrityError))


def test_zips_in_a_zip_share_one_budget():
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('format.npy', bytes(40 << 20))
    names = [f'{i}.npz' for i in range(20)]
    schema = listed(*[node('csr_matrix', 'SparseMatrixNode', None, 'scipy.sparse._csr', type='scipy', file=n) for n in names])
    quick(lambda: refused(zipped(schema, dict.fromkeys(names, inner.getvalue())), kind=IntegrityError, own=True))
    budget = Members(zipped(schema)).budget
    Members(inner.getvalue(), budget)
    with pytest.raises(IntegrityError, match='unpacks to more'): Members(inner.getvalue(), budget)


def test_members_have_plain_names_once_and_are_packed_as_skops_packs(recwarn):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as z:
        for _ in range(2): z.writestr('schema.json', '{}')
    refused(out.getvalue(), 'two members of one name', IntegrityError)
    for name in ('../a.npy', '/etc/a.npy', 'a/b.npy', 'folder/', 'a', 'ä.npy', 'a'*200 + '.npy'): refused(zipped(listed(), {name: b''}), 'is no name of a member', IntegrityError)
    for way in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA): refused(zipped(listed(), compression=way), 'packed in a way', IntegrityError)
    data = bytearray(zipped(listed(), compression=zipfile.ZIP_STORED))
    data[data.index(b'PK\x01\x02') + 8] |= 1                                    # encrypted
    refused(bytes(data), 'packed in a way', IntegrityError)
    refused(zipped(listed(node('bytes', 'BytesNode', file='none.bin'))), "no member 'none.bin'", IntegrityError)
    refused(zipped(listed(node('bytes', 'BytesNode', file=['a']))), 'no member', IntegrityError)


@pytest.mark.parametrize('at', [18, 22])
def test_a_member_that_lies_about_its_size_is_refused(at):
    data = bytearray(zipped(listed(), compression=zipfile.ZIP_STORED))
    place = data.index(b'PK\x01\x02') + at + 2
    struct.pack_into('<I', data, place, 1 << 20)
    refused(bytes(data), kind=IntegrityError)


ARRAYS = {
    'objects': npy(np.array([{}]), allow_pickle=True), 'short': npy(np.arange(9))[:-1], 'long': npy(np.arange(9)) + b'x', 'another shape': npy(np.arange(9)).replace(b'(9,)', b'(8,)'),
    'huge': npy(np.arange(9)).replace(b'(9,), }          ', b'(99999999999,), }'), 'a program': npy(np.arange(9)).replace(b"'<i8'", b"9**99"), 'a subarray': npy(np.arange(9)).replace(b"'<i8'", b"'9i1'"),
    'no array': b'\x93NUMPY', 'empty': b'', 'a pickle': b'\x80\x04N.', 'another version': npy(np.arange(9)).replace(b'NUMPY\x01', b'NUMPY\x09'), 'a long header': b'\x93NUMPY\x02\0' + struct.pack('<I', 1 << 30) + b'{',
    'nested': npy(np.arange(9)).replace(b"'<i8'", b"(((((((((((((((((((((((('<i8',))))))))))))))))))))))))"),
}


@pytest.mark.parametrize('name', ARRAYS)
def test_arrays_are_what_numpy_writes_and_as_large_as_they_say(name):
    with pytest.raises((MlopsError, ValueError, TypeError)): read_npy(ARRAYS[name])
    for kind in ('ndarray', 'int64'): refused(zipped(listed(node(kind, 'NdArrayNode', None, 'numpy', type='numpy', file='a.npy')), {'a.npy': ARRAYS[name]}), kind=IntegrityError, own=True)


def test_arrays_of_objects_and_sparse_matrices_fit_their_shapes():
    for shape in ([3], [-1], [1, 2], [], [10**9, 10**9], ['a'], [True]):
        refused(zipped(listed(node('ndarray', 'NdArrayNode', [plain(1)], 'numpy', type='json', shape=tupled(*map(plain, shape))))), kind=IntegrityError, own=True)
    good = dict(format=np.array(b'csr'), shape=np.array([2, 2]), data=np.ones(2), indices=np.array([0, 1], 'i4'), indptr=np.array([0, 1, 2], 'i4'))
    def load_sparse(kind='csr_matrix', **change):
        out = io.BytesIO(); np.savez(out, **good | change)
        return load(zipped(node(kind, 'SparseMatrixNode', None, f'scipy.sparse._{kind[:3]}', type='scipy', file='m.npz'), {'m.npz': out.getvalue()}), own=True)
    assert (load_sparse().toarray() == np.eye(2)).all()
    for change in (dict(indices=np.array([0, 9], 'i4')), dict(indptr=np.array([0, 5, 9], 'i4')), dict(shape=np.array([2])), dict(shape=np.array([2, -1])), dict(shape=np.array([1.5, 2])), dict(format=np.array(b'csc')), dict(kind='csc_matrix')):
        with pytest.raises(MlopsError): load_sparse(**change)


# ---------------------------------------------------------------- at random

def mutated(data, r):
    "An honest file with another word somewhere in its schema, or with other bytes"
    if r.random() < .3:
        found = bytearray(data)
        for _ in range(r.randint(1, 5)): found[r.randrange(len(found))] = r.randrange(256)
        return bytes(found)
    z = zipfile.ZipFile(io.BytesIO(data))
    schema, places = json.loads(z.read('schema.json')), []
    def walk(x):
        for k, v in (x.items() if isinstance(x, dict) else enumerate(x)):
            places.append((x, k))
            if isinstance(v, (dict, list)): walk(v)
    walk(schema)
    for _ in range(r.randint(1, 3)):
        x, k = r.choice(places)
        other = r.choice(places)
        x[k] = r.choice([None, 0, -1, 2**70, 'x', '', [], {}, '1e999', 'ListNode', 'ObjectNode', 'TypeNode', 'numpy', other[0].get(other[1]) if isinstance(other[0], dict) else None])
    try: text = json.dumps(schema)
    except ValueError: return b'PK\x03\x04'                                     # it has a circle now
    members = {n: z.read(n) for n in z.namelist() if n != 'schema.json'}
    return zipped(text, members, zipfile.ZIP_STORED)


@pytest.mark.parametrize('model', HONEST[1:3] + HONEST[4:], ids=lambda m: type(m).__name__)
def test_files_with_an_accident_load_or_are_refused_in_our_words(model):
    data, r, loaded = sio.dumps(model.fit(TABLE if hasattr(model, 'steps') else X, y)), random.Random(7), 0
    for _ in range(150):
        try: load(mutated(data, r), own=True); loaded += 1
        except MlopsError: pass
        except RecursionError: pytest.fail('a circle')
    assert loaded < 140
