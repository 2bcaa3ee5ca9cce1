"""Files of models that are almost honest, loaded and asked: no crash, no hang, no touch of the world, no address and no old memory in an answer

    python tests/fuzz_models.py [--door elsewhere|own] [--seconds 60] [--jobs 2] [--seed 0] [--start 0] [--count N] [--only PATTERN] [--out FOLDER] [--heap] [--unchecked]
    python tests/fuzz_models.py --replay FILE [--door own]          a file that was kept
    python tests/fuzz_models.py --shrink FILE [--door own]          takes back what the finding does not need, and tells what is left

What it changes knows the format: values of rows, references, kinds, names, attributes, lengths, shapes and dtypes of arrays, words of blocks, parts of other
files. Each child process begins with one honest file, changes it, loads it, and asks all that it can be asked; what loads is changed further, what is refused
is forgotten. A child is known by its seed and number: `--seed 3 --start 17 --count 1` does the same again. For Linux.
"""
import os
os.environ |= {'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1', 'LOKY_MAX_CPU_COUNT': '2'}
import argparse, copy, ctypes, faulthandler, functools, hashlib, inspect, json, math, re, resource, select, signal, sys, tempfile, time, traceback, warnings, zlib
from collections import Counter
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from guard import Escape, Guard
from model_corpus import ROWS, corpus
from mlops_nb.core.rules import MlopsError
from mlops_nb.models import formats
from mlops_nb.models.arrays import _dtype_of, _pack, read_header
from mlops_nb.models.tables import fold

# ---------------------------------------------------------------- a file as rows and blocks

# what stands behind the code of a row: n a name, s a list of attribute names, d a dtype, v a value, V a list of values, K a list of texts, I a list of numbers, x other; * values to the end
FIELDS = dict(list='V', tuple='V', set='V', frozenset='V', dict='VV', ordered='VV', default='vVV', float='x', int='x', complex='vv', slice='vvv', range='vvv', partial='vVKV',
              object='ns*', state='nv', record='nV', scalar='dx', dtype='d', tree='nxIxxvvx', metric='nvvvV', neighbours='n*', loss='nV', spline='n*', sparse='nI*', random='nxvv',
              masked='nvvv', bunch='nVV', bytes='x', bytearray='x', array='dx', **{'global': 'n'})


class File:
    "The parts of a file, each of which may be changed"
    def __init__(self, data):
        header, at = read_header(data)
        self.names, self.dtypes, self.shapes, self.nodes, self.root = (header[k] for k in ('names', 'dtypes', 'shapes', 'nodes', 'root'))
        self.blocks = {}
        for i, row in enumerate(self.nodes):
            if (size := self.size(row)) is not None:
                self.blocks[i] = bytearray(data[at:at+size])
                at += size + -size % 16

    def size(self, row):
        "Bytes of the block that belongs to a row; None where none does"
        if row[0] in ('bytes', 'bytearray'): return row[1]
        if row[0] == 'array' and row[1] != 'O': return math.prod(row[3:])*_dtype_of(self.dtypes[row[1]]).itemsize

    def data(self):
        blocks = [memoryview(self.blocks[i]) for i in sorted(self.blocks)]
        header = dict(arrays=1, dtypes=self.dtypes, names=self.names, shapes=self.shapes, nodes=self.nodes, root=self.root)
        if (nodes := self.folded(sum(map(len, blocks)))) is not None: header |= dict(arrays=2, nodes=nodes[0], tables=nodes[1])
        return _pack(header, blocks)

    def folded(self, size):
        "Rows and tables, for about half of the files; None where there are none"
        if zlib.crc32(json.dumps(self.nodes).encode()) % 2: return
        try: nodes, tables = fold(self.nodes, size)
        except (IndexError, TypeError): return                 # a row that is none
        return (nodes, tables) if tables else None

    def slots(self, i):
        "Where the values of a row stand: (list, place)"
        row, found = self.nodes[i], []
        kinds = FIELDS.get(row[0], '*')
        for at, kind in enumerate(kinds, 1):
            if kind == 'v': found.append((row, at))
            if kind == 'V': found += [(row[at], k) for k in range(len(row[at]))]
            if kind == '*': found += [(row, k) for k in range(at, len(row))]
        if row[0] == 'array' and row[1] == 'O': found += [(row[-1], k) for k in range(len(row[-1]))]
        return found

    def slot_name(self, i, values, at):
        row = self.nodes[i]
        if row[0] == 'object': return f'{self.names[row[1]][1]}.{self.shapes[row[2]][at-3]}'
        return f'{row[0]} {i}[{at}]'

    def reached(self, i):
        "The rows that a row needs, itself too, in the order of the file"
        todo, seen = [i], set()
        while todo:
            if (j := todo.pop()) in seen or not 0 <= j < len(self.nodes): continue
            seen.add(j)
            todo += [v[0] for values, at in self.slots(j) if is_ref(v := values[at])]
        return sorted(seen)

    def holders(self, i): return [(j, values, at) for j in range(len(self.nodes)) for values, at in self.slots(j) if values[at] == [i]]


def is_ref(v): return type(v) is list and len(v) == 1 and type(v[0]) is int


# ---------------------------------------------------------------- what is changed

NUMBERS = [0, 1, -1, 2, 3, 7, 100, 3000, 65536, 2**31-1, 2**31, -2**31, 2**32, 2**40, 2**62, 2**63-1, -2**63, .5, -.5, 1e-300, 1e308, -1e308, 1e10]
HOSTILE = ['tofile', '__setstate__', 'genfromtxt', 'predict', 'predict_proba', 'decision_function', 'transform', 'fit', 'score', 'inverse_transform', 'dump', 'set_params', '__init__',
           '__class__', '__reduce__', 'drop', 'passthrough', 'file', 'filename', 'content', 'string', 'dict', 'pair', 'auto', 'precomputed', 'linear', 'rbf', 'poly', 'brute', 'kd_tree',
           'infrequent_if_exist', 'ignore', 'error', 'use_encoded_value', 'most_frequent', 'constant', 'nan', 'NaN', '', '(?:a+)+$', 'http://192.0.2.1/x', 'file:///etc/passwd', '/etc/passwd',
           '/tmp/fuzz-models-wrote', '../../x', 'multilabel-indicator', 'threading', 'loky', 'pandas', 'polars', 'euclidean', 'minkowski', 'cosine', 'haversine', 'i8', 'O', 'utf-7', 'x'*5000]
DTYPES = ['<f8', '<f4', '<i8', '<i4', '|b1', '<U3', '|S4', '<u4', '|u1', '>f8', '<c16', '<f2', '<M8[ns]', '|i1', [16, [['a', '<i8', 0], ['b', '<f8', 8]]]]


def number(rng): return rng.choice(NUMBERS)


def row_of_kind(f, rng, *codes):
    found = [i for i, row in enumerate(f.nodes) if row[0] in codes]
    return rng.choice(found) if found else None


def any_slot(f, rng, wanted=lambda v: True):
    "A place of a value in an object or a container: (row, list, place), or None"
    for _ in range(20):
        i = rng.randrange(len(f.nodes)) if f.nodes else 0
        slots = [(values, at) for values, at in (f.slots(i) if f.nodes else []) if wanted(values[at])]
        if slots: return i, *rng.choice(slots)
    return None


def new_row(f, *row, block=None):
    f.nodes.append(list(row))
    if block is not None: f.blocks[len(f.nodes)-1] = bytearray(block)
    return [len(f.nodes)-1]


def put(f, i, values, at, new):
    old, values[at] = values[at], new
    return f'{f.slot_name(i, values, at)}: {short(f, old)} -> {short(f, new)}'


def short(f, v):
    if not is_ref(v) or not 0 <= v[0] < len(f.nodes): return repr(v)[:60]
    row = f.nodes[v[0]]
    return f'row {v[0]} ({row[0]} {f.names[row[1]][1]})' if row[0] in ('object', 'tree', 'global') and row[1] < len(f.names) else f'row {v[0]} {str(row)[:50]}'


def change_number(f, rng, others):
    "A number of a row becomes another one"
    if not (place := any_slot(f, rng, lambda v: type(v) in (int, float))): return
    i, values, at = place
    v = values[at]
    return put(f, i, values, at, rng.choice([number(rng), number(rng), v + 1, v - 1, -v, v*2, v/2 if type(v) is float else v//2]))


def change_value(f, rng, others):
    "A value becomes another sort of value"
    if not (place := any_slot(f, rng)): return
    i, values, at = place
    kind = rng.randrange(10)
    if kind < 3 and (other := any_slot(f, rng)): new = copy.copy(other[1][other[2]])
    elif kind == 3: new = [rng.randrange(len(f.nodes))]
    elif kind == 4: new = rng.choice([None, True, False, None])
    elif kind == 5: new = number(rng)
    elif kind == 6: new = text(f, rng)
    elif kind == 7: new = new_row(f, *rng.choice([('list', []), ('dict', [], []), ('float', 'nan'), ('float', 'inf'), ('tuple', []), ('int', '0x' + 'f'*rng.choice([17, 100, 5000]))]))
    elif kind == 8: new = new_row(f, 'list', [copy.copy(values[at])]*rng.choice([1, 2, 100]))
    else: new = made_array(f, rng)
    return put(f, i, values, at, new)


def made_array(f, rng):
    f.dtypes = [*f.dtypes, rng.choice(DTYPES[:8])]
    shape = rng.choice([[], [0], [1], [3], [40], [4, 4], [1, 3], [2, 1, 3], [0, 2**40], [2**62, 0]])
    d = _dtype_of(f.dtypes[-1])
    return new_row(f, 'array', len(f.dtypes)-1, 'C', *shape, block=np.resize(np.arange(6), max(0, math.prod(shape))).astype(d).tobytes())


def text(f, rng):
    own = [v for i in range(len(f.nodes)) for values, at in f.slots(i) if type(v := values[at]) is str] + [n for names in f.shapes for n in names]
    return rng.choice(rng.choice([own or HOSTILE, HOSTILE]))


def change_text(f, rng, others):
    if not (place := any_slot(f, rng, lambda v: type(v) is str)): return
    return put(f, *place, text(f, rng))


def change_flag(f, rng, others):
    if not (place := any_slot(f, rng, lambda v: v is None or type(v) is bool)): return
    return put(f, *place, rng.choice([True, False, None]))


def swap_values(f, rng, others):
    "Two values of a row change places, or a value is seen twice"
    if not (one := any_slot(f, rng)): return
    two = rng.choice([any_slot(f, rng), (one[0], *rng.choice(f.slots(one[0])))])
    if two is None: return
    (i, a, j), (_, b, k) = one, two
    if rng.random() < .5: return put(f, i, a, j, copy.copy(b[k]))
    a[j], b[k] = b[k], a[j]
    return f'{f.slot_name(i, a, j)} and {f.slot_name(two[0], b, k)} change places'


def typed(f, i):
    "The numbers of an array row, as a flat array that may be written to"
    return np.frombuffer(f.blocks[i], _dtype_of(f.dtypes[f.nodes[i][1]])) if f.nodes[i][0] == 'array' else np.frombuffer(f.blocks[i], 'u1')


def named_row(f, i):
    holder = next(iter(f.holders(i)), None)
    return f.slot_name(*holder) if holder else f'row {i}'


def change_words(f, rng, others):
    "Numbers in a block: to extremes, to one another's, a little up or down"
    if not (full := [i for i in f.blocks if f.blocks[i] and f.nodes[i][0] in ('array', 'bytes', 'bytearray')]): return
    i = rng.choice(full)
    x, part = typed(f, i), ''
    if x.dtype.names: x, part = x[name := rng.choice(x.dtype.names)], f'[{name!r}]'
    if not x.size: return
    at = rng.choice([slice(None), slice(rng.randrange(len(x)), None), *[slice(k := rng.randrange(len(x)), k+1)]*4])
    how = rng.randrange(6)
    with np.errstate(all='ignore'):
        if x.dtype.kind in 'iuf':
            if how == 0: x[at] = x[at] + x.dtype.type(1)
            elif how == 1: x[at] = x[at] - x.dtype.type(1)
            elif how == 2: x[at] = x[rng.randrange(len(x))]
            elif how == 3: x[at] = x[at][::-1].copy()
            else: x[at] = extreme(x.dtype, rng)
        elif x.dtype.kind == 'b': x[at] = rng.random() < .5
        elif x.dtype.kind in 'US': x[at] = text(f, rng)
        else: x[at] = x[rng.randrange(len(x))]
    return f'{named_row(f, i)}{part}[{at.start}:{at.stop}] of {x.dtype} ({how}): {str(x[at][:1])}'


def extreme(dtype, rng):
    if dtype.kind == 'f': return rng.choice([0., -1., 1., np.nan, np.inf, -np.inf, 1e300, -1e300, 2.**31, 1e10, 1e-320, .5])
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return min(max(rng.choice([0, 1, 2, 3, 100, 3000, 10**5, 10**8, 2**31-1, 2**31, 2**40, 2**62, high, low, -1, -2, -2**31]), low), high)


def change_bytes(f, rng, others):
    "A word of 1, 4 or 8 bytes, whatever stands there"
    if not (full := [i for i in f.blocks if len(f.blocks[i]) >= 8]): return
    i, size = rng.choice(full), rng.choice([1, 4, 8])
    at = rng.randrange(len(f.blocks[i])//size)*size
    word = rng.choice([0, 1, 2**31-1, 2**40, 2**63-1, 2**64-1, 2**64-2, rng.getrandbits(64), 0x7ff8 << 48])
    f.blocks[i][at:at+size] = (word % 2**(8*size)).to_bytes(size, 'little')
    return f'{named_row(f, i)}: bytes {at} to {at+size} are {word % 2**(8*size):x}'


def change_shape(f, rng, others):
    "An array gets another length, one more dimension, another order"
    i = row_of_kind(f, rng, 'array')
    if i is None: return
    shape = f.nodes[i][3:-1] if f.nodes[i][1] == 'O' else f.nodes[i][3:]
    how, old = rng.randrange(8), list(shape)
    if how < 5 and shape: shape[k] = max(0, rng.choice([0, 1, shape[(k := rng.randrange(len(shape)))]+1, shape[k]-1, shape[k]*2, shape[k]*50, 3000]))
    elif how == 5: shape = shape[::-1]
    elif how == 6: shape = rng.choice([[1, *shape], [*shape, 1], [math.prod(shape)], shape[1:]])
    else: f.nodes[i][2] = 'F' if f.nodes[i][2] == 'C' else 'C'
    if math.prod(shape) > 10**5: return
    reshape(f, i, shape)
    return f'{named_row(f, i)}: shape {old} -> {shape}'


def reshape(f, i, shape):
    "An array row of another shape; it repeats what it holds"
    row, n = f.nodes[i], math.prod(shape)
    if row[1] == 'O':
        had = row[-1] or [None]
        f.nodes[i] = [*row[:3], *shape, [copy.copy(had[k % len(had)]) for k in range(n)]]
        return
    had = f.blocks[i] or bytes(_dtype_of(f.dtypes[row[1]]).itemsize)
    size = n*_dtype_of(f.dtypes[row[1]]).itemsize
    f.blocks[i] = bytearray((bytes(had)*(size//len(had) + 1))[:size])
    f.nodes[i] = [*row[:3], *shape]


def change_dtype(f, rng, others):
    "The same numbers in another dtype, or the same bytes read as another"
    i = row_of_kind(f, rng, 'array')
    if i is None or f.nodes[i][1] == 'O': return
    old, new = f.dtypes[f.nodes[i][1]], rng.choice([*DTYPES, *[d for o in others[:1] for d in o.dtypes]])
    d, cast = _dtype_of(new), rng.random() < .6
    with np.errstate(all='ignore'):
        try: block = typed(f, i).astype(d).tobytes() if cast else bytes(f.blocks[i])
        except Exception: return
    n = math.prod(f.nodes[i][3:])*d.itemsize
    f.dtypes = [*f.dtypes, new]
    f.nodes[i][1], f.blocks[i] = len(f.dtypes)-1, bytearray((block + bytes(n))[:n])
    return f'{named_row(f, i)}: dtype {old} -> {new}' + ' (cast)'*cast


def change_length(f, rng, others):
    "A list, tuple, set or dictionary gets more or fewer members"
    i = row_of_kind(f, rng, 'list', 'tuple', 'dict', 'set', 'bunch', 'sparse', 'tree')
    if i is None: return
    row = f.nodes[i]
    lists = [v for v in row[1:] if type(v) is list and not is_ref(v)] or [v for v in row[1:] if type(v) is list]
    if not lists or not lists[0]: return
    k, how, old = rng.randrange(len(lists[0])), rng.randrange(5), len(lists[0])
    for values in lists if row[0] in ('dict', 'bunch') else [rng.choice(lists)]:
        if k >= len(values): continue
        if how < 2: del values[k]
        elif how == 2: values.insert(k, copy.copy(values[-1]))
        elif how == 3: values *= 2
        else: values[:] = [copy.copy(values[k])]*rng.choice([1, 2, 3, 50])
    return f'{named_row(f, i)}: {row[0]} of {old} -> {len(lists[0])}'


def change_kind(f, rng, others):
    "A row becomes one of another kind that is built in the same way"
    groups = [('list', 'tuple', 'set', 'frozenset'), ('dict', 'ordered'), ('bytes', 'bytearray')]
    codes = rng.choice(groups)
    if (i := row_of_kind(f, rng, *codes)) is None: return
    what, old = named_row(f, i), f.nodes[i][0]
    f.nodes[i][0] = rng.choice(codes)
    return f'{what}: {old} -> {f.nodes[i][0]}'


def change_name(f, rng, others):
    "A row is of another class or function: one of the file, or one of another file"
    if not (rows := [i for i, row in enumerate(f.nodes) if 'n' in FIELDS.get(row[0], '')]): return
    i = rng.choice(rows)
    alike = [j for j in range(len(f.names))]
    old = f.names[f.nodes[i][1]]
    if rng.random() < .6 and others:
        f.names = [*f.names, list(rng.choice(rng.choice(others).names or [['builtins', 'float']]))]
        alike = [len(f.names)-1]
    f.nodes[i][1] = rng.choice(alike)
    return f'row {i} is a {f.names[f.nodes[i][1]][1]}, no {old[1]}'


def change_attributes(f, rng, others):
    "An attribute is left out, comes twice, or has the name of another"
    if (i := row_of_kind(f, rng, 'object')) is None: return
    row = f.nodes[i]
    keys, how = list(f.shapes[row[2]]), rng.randrange(5)
    if not keys: return
    k = rng.randrange(len(keys))
    old = keys[k]
    if how < 2: del keys[k], row[3+k]
    elif how == 2: keys[k] = text(f, rng)
    elif how == 3:
        keys.append(rng.choice(rng.choice(rng.choice(others).shapes or [['x']]) or ['x']) if others else text(f, rng))
        row.append(copy.copy(row[3+k]))
    else:
        j = rng.randrange(len(keys))
        keys[j], keys[k] = keys[k], keys[j]
    f.shapes = [*f.shapes, keys]
    row[2] = len(f.shapes)-1
    return f'{f.names[row[1]][1]}: attribute {old} is {["left out", "left out", "renamed", "seen twice", "exchanged"][how]}'


def change_scalar(f, rng, others):
    "A number of numpy's"
    if (i := row_of_kind(f, rng, 'scalar')) is None: return
    what, d = named_row(f, i), _dtype_of(f.dtypes[f.nodes[i][1]])
    if d.kind not in 'iuf': return
    f.nodes[i][2] = np.array(extreme(d, rng), d).tobytes().hex()
    return f'{what}: {np.frombuffer(bytes.fromhex(f.nodes[i][2]), d)[0]}'


def change_size(f, rng, others):
    "One size of the whole model: every dimension, length and number that is n becomes m"
    sizes = Counter(n for row in f.nodes if row[0] == 'array' for n in row[3:] if type(n) is int)
    if not sizes: return
    n, m, often = rng.choice(sorted(sizes)), rng.choice([0, 1, 2, 3, 5, 50, 3000, 2**20]), rng.choice([1., .8, .5])
    for i, row in enumerate(f.nodes):
        if row[0] == 'array':
            shape = [m if k == n and rng.random() < often else k for k in (row[3:-1] if row[1] == 'O' else row[3:])]
            if math.prod(shape) <= 10**5: reshape(f, i, shape)
        elif row[0] in ('list', 'tuple') and len(row[1]) == n and 0 < n and m <= 50 and rng.random() < often: row[1] = [copy.copy(row[1][k % n]) for k in range(m)]
        for values, at in f.slots(i):
            if type(values[at]) is int and values[at] == n and rng.random() < often: values[at] = m
    return f'sizes {n} -> {m} ({often})'


def splice(f, rng, others):
    "A part of another file, or of this one once more, in the place of a value"
    other = rng.choice([*others, f])
    if not other.nodes or not (place := any_slot(f, rng, is_ref if rng.random() < .8 else lambda v: True)): return
    objects = [i for i, row in enumerate(other.nodes) if row[0] in ('object', 'tree', 'array', 'bunch', 'partial', 'global')]
    new = graft(f, other, rng.choice(objects or range(len(other.nodes))))
    return put(f, *place, new)


def transplant(f, rng, others):
    "An attribute as another estimator has it: right in itself, and not in what it is a part of"
    if not (place := any_slot(f, rng, is_ref if rng.random() < .7 else lambda v: True)) or f.nodes[place[0]][0] != 'object': return
    i, values, at = place
    key = f.shapes[values[2]][at-3]
    found = [(o, row[3 + o.shapes[row[2]].index(key)]) for o in [*others, f] for row in o.nodes if row[0] == 'object' and row is not values and key in o.shapes[row[2]]]
    if not found: return
    other, value = rng.choice(found)
    return put(f, *place, graft(f, other, value[0]) if is_ref(value) else value)


def graft(f, other, i):
    "Copies what a row needs to the end; the reference to it"
    rows, other = other.reached(i), copy.deepcopy(other) if other is f else other
    number = {old: len(f.nodes) + k for k, old in enumerate(rows)}
    for old in rows:
        part = File.__new__(File)
        part.nodes, row = [copy.deepcopy(other.nodes[old])], None
        for values, at in part.slots(0):
            if is_ref(values[at]): values[at] = [number[values[at][0]]] if values[at][0] in number else None
        row = part.nodes[0]
        for at, kind in enumerate(FIELDS.get(row[0], ''), 1):
            table = dict(n='names', s='shapes', d='dtypes').get(kind)
            if table and row[at] != 'O':
                setattr(f, table, [*getattr(f, table), getattr(other, table)[row[at]]])
                row[at] = len(getattr(f, table)) - 1
        f.nodes.append(row)
        if old in other.blocks: f.blocks[len(f.nodes)-1] = bytearray(other.blocks[old])
    return [number[i]]


def change_root(f, rng, others):
    f.root = rng.choice([[rng.randrange(len(f.nodes))], graft(f, rng.choice(others), 0) if others and rng.random() < .5 else f.root])
    return f'the root is {short(f, f.root)}'


CHANGES = {change_number: 14, change_value: 8, change_text: 6, change_flag: 5, swap_values: 5, change_words: 24, change_bytes: 8, change_shape: 6, change_dtype: 4, change_length: 6, change_kind: 2,
           change_name: 3, change_attributes: 4, change_scalar: 4, change_size: 5, splice: 5, transplant: 12, change_root: 1}


def changed(f, rng, others):
    "A copy with one to three changes, and what they are"
    new, log = copy.deepcopy(f), []
    for _ in range(rng.choice([1, 1, 1, 1, 1, 2, 3])):
        for change in rng.choices(list(CHANGES), list(CHANGES.values()), k=10):
            if said := change(new, rng, others):
                log.append(f'{change.__name__}: {said}')
                break
    return new, log


# ---------------------------------------------------------------- what is asked

VERBS = ['predict', 'predict_proba', 'predict_log_proba', 'transform', 'decision_function', 'score_samples', 'kneighbors', 'radius_neighbors', 'apply', 'decision_path', 'inverse_transform',
         'get_feature_names_out', 'predict_joint_log_proba', 'staged_predict', 'kneighbors_graph']
ADDRESS = re.compile(r'\bat 0x[0-9a-f]{6,}|object at 0x')
SECRET = '/etc/fuzz-secret'         # asked for in texts; nobody may open it


def inputs(rows, rng):
    "The rows that it was fitted on, and some that are wrong"
    yield rows
    wrong = [SECRET, [SECRET, '/etc/passwd'], [[SECRET]], [{'a': 1}], [], None, np.zeros((2, 0)), np.zeros((0, 4)), np.ones((3, 300)), np.ones((1, 1)), np.ones((2, 4), dtype=object), np.array([['a']*4])]
    if isinstance(rows, np.ndarray) and rows.dtype.kind == 'f':
        x = rows[:5].copy()
        wrong += [sparse.csr_matrix(x), sparse.csc_matrix(x), x.astype('f4'), x*1e30, np.full_like(x, np.nan), np.full_like(x, 2**40), -x, np.asfortranarray(x), x[:, :1] if x.ndim > 1 else x[:1], np.zeros((10**4, 1), 'f4')]
        if x.ndim > 1: wrong += [np.c_[x, x], pd.DataFrame(x, columns=list('abcdefghijkl'[:x.shape[1]]) if x.shape[1] < 12 else None)]
    elif isinstance(rows, np.ndarray): wrong += [rows[:3, ::-1], np.full_like(rows[:3], 'unseen'), rows[:3].astype(str), np.c_[rows, rows]] if rows.ndim > 1 else [rows[::-1]]
    elif isinstance(rows, pd.DataFrame): wrong += [rows.iloc[:3, ::-1], rows.iloc[:3].to_numpy(), rows.iloc[:3, :2], rows.iloc[:4].assign(g='unseen'), rows.iloc[:0]]
    elif isinstance(rows, list): wrong += [rows[:1]*2, rows[:2] + [rows[0]], ['']]
    yield from rng.sample(wrong, 2)


def ask(model, rows):
    "All that a model says about the rows: {verb: answer, or the exception}"
    said = {}
    for verb in VERBS:
        try:
            if (method := getattr(model, verb, None)) is None: continue
            np.random.seed(0)
            given = () if verb == 'get_feature_names_out' else (said['transform'],) if verb == 'inverse_transform' and 'transform' in said else (rows,)
            answer = method(*given)
            if inspect.isgenerator(answer): answer = list(answer)[:5]
            said[verb] = seen(answer)
        except Exception as e: said[verb] = e
    return said


def seen(answer):
    "An answer as whoever asked would look at it: compiled code must not stumble over what it says"
    if sparse.issparse(answer): return answer.toarray() if math.prod(answer.shape) < 10**7 else (answer + answer)
    if isinstance(answer, (tuple, list)) and len(answer) < 100: return type(answer)(seen(a) for a in answer)
    if isinstance(answer, np.ndarray) and answer.dtype != object and answer.size: (answer == answer).sum()
    return answer


def addresses(said):
    "Texts in answers and errors that tell where an object lies in memory"
    for verb, answer in said.items():
        if found := ADDRESS.search(words(answer)): yield f'{verb}: ...{words(answer)[max(0, found.start()-60):found.end()+20]}'


def words(x):
    if isinstance(x, BaseException): return str(x)[:20000]
    if isinstance(x, (list, tuple)): return ' '.join(words(v) for v in x[:50])
    if isinstance(x, np.ndarray): return ' '.join(map(str, x.ravel()[:50])) if x.dtype.kind in 'OUS' else ''
    if isinstance(x, (str, int, float, bool, type(None), np.generic)): return str(x)[:1000]
    return ' '.join(map(str, x.to_numpy().ravel()[:50])) if isinstance(x, pd.DataFrame) else ''    # an object that is an answer has an address as any other


def same(a, b):
    "Is it the same answer, but for how numbers were rounded?"
    if isinstance(a, BaseException) or isinstance(b, BaseException): return type(a) is type(b) and str(a) == str(b)
    if isinstance(a, pd.DataFrame): a, b = a.to_numpy(), b.to_numpy() if isinstance(b, pd.DataFrame) else b
    if type(a) is not type(b): return False
    if isinstance(a, (list, tuple)): return len(a) == len(b) and all(map(same, a, b))
    if not isinstance(a, np.ndarray): return True
    if a.shape != b.shape or a.dtype != b.dtype: return False
    if a.tobytes() == b.tobytes() or a.dtype == object: return True
    if a.dtype.kind not in 'fc': return np.array_equal(a, b)
    with np.errstate(all='ignore'):
        finite = a[np.isfinite(a)]
        return np.allclose(a, b, rtol=1e-5, atol=1e-9*(1 + (abs(finite).max() if finite.size else 0)), equal_nan=True)


libc, SIZES = ctypes.CDLL(None), [1, 2, 3, 4, 5, 6, *range(8, 257, 8), *range(256, 1024, 64)]


def poison(byte):
    "Memory that is given out or given back is filled with a pattern from now on; numpy's own small blocks too"
    libc.mallopt(-6, byte)
    for size in SIZES:
        for x in [np.empty(size, 'u1') for _ in range(7)]: x.fill(byte)


def leaks(model, rows):
    "Asks with one pattern in free memory, and with another: what differs was never written"
    poison(0x5a)
    first = ask(model, rows)
    poison(0xa5)
    second = ask(model, rows)
    differ = [verb for verb in first if not same(first[verb], second.get(verb))]
    if differ:
        poison(0x5a)
        third = ask(model, rows)
        poison(0xa5)
        fourth = ask(model, rows)
        differ = [v for v in differ if same(first[v], third.get(v)) and same(second[v], fourth.get(v))]
    libc.mallopt(-6, 0)
    return first, differ


# ---------------------------------------------------------------- one child

CPU, WALL, MEMORY, AT_LOAD, ROUNDS = 10, 300, 2 << 30, 128 << 20, 8      # seconds of a processor for one file, seconds for a child, bytes of addresses, bytes that a load of a small file may touch, files of one child
OWN_DOOR = 'own' in inspect.signature(formats.load_checked).parameters


def load(data, door):
    return formats.load_checked(data, 'arrays', **({'own': True} if OWN_DOOR and door == 'own' else {}))


class Finding(Exception):
    "What must not be"


def limits():
    virtual = int(Path('/proc/self/statm').read_text().split()[0])*resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (virtual + MEMORY,)*2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20,)*2)


def check(data, rows, door, rng, guard, count):
    "Load one file and ask it; True if it loaded"
    used = int(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used + CPU, resource.RLIM_INFINITY))
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try: model = watched(guard, lambda: load(data, door), 'load', data, door)
    except MlopsError as e:
        if ADDRESS.search(str(e)): raise Finding(f'address at load: {e}') from e
        if isinstance(e.__cause__, MemoryError): raise Finding(f'memory at load: {e}') from e
        return False
    except Finding: raise
    except Exception as e: raise Finding(f'error at load that is not ours: {type(e).__name__}: {e}') from e
    finally:
        if (more := resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begin) > AT_LOAD >> 10: raise Finding(f'memory at load: {more >> 10} MB')
    count['loaded'] += 1
    for n, x in enumerate(inputs(rows, rng)):
        said, differ = watched(guard, lambda: leaks(model, x) if n < 2 else (ask(model, x), []), 'ask', data, door)
        count['asked'] += len(said)
        count['answered'] += sum(not isinstance(s, BaseException) for s in said.values())
        if door != 'own' and (found := next(addresses(said), None)): raise Finding(f'address in an answer: {found}')
        if differ: raise Finding(f'old memory in the answer of {", ".join(differ)} of a {type(model).__name__}')
    return True


def watched(guard, call, what, data, door):
    "Nothing outside is touched; at our own door, a text model of files reads its files"
    with guard.watch():
        try: return call()
        except Escape: pass
        finally: escapes = [e for e in guard.escapes if not (door == 'own' and b'"filename"' in data and e.startswith('open'))]
    if escapes: raise Finding(f'touch at {what}: {escapes[0]}')
    return call_nothing()


def call_nothing(): raise Finding('an escape that was allowed')


def child(number, args, seeds, files, out):
    "What the process of this number does: change, load, ask, further from what loaded"
    rng = Random(f'{args.seed}-{number}')
    k = rng.choice(args.chosen)
    f, log, count = files[k], [], Counter()
    guard = Guard()
    limits()
    for _ in range(ROUNDS):
        others = [files[rng.choice(args.chosen) if rng.random() < .8 else rng.randrange(len(files))] for _ in range(15)]
        new, said = changed(f, rng, others)
        try: data = new.data()
        except Exception: continue                              # any: no file at all
        if len(data) > 1 << 20: continue
        out(dict(name=seeds[k].name, log=[*log, *said]), data)
        count['files'] += 1
        if check(data, seeds[k].rows, args.door, rng, guard, count): f, log = new, [*log, *said]
    return count


# ---------------------------------------------------------------- the parent of children

class Outcome(NamedTuple):
    finding: str | None
    where: str
    about: dict
    data: bytes
    count: Counter


def fork(work, folder):
    "Run `work(out)` in a child; what became of it"
    kept, faults = Path(folder)/'now', Path(folder)/'faults'
    for p in (kept, faults): p.write_bytes(b'')
    r, w = os.pipe()
    if not (pid := os.fork()): _in_child(work, kept, faults, w)
    os.close(w)
    said, late = _read(r), ''
    if said is None: os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    about, _, data = kept.read_bytes().partition(b'\n')
    about = json.loads(about) if about else {}
    trace = faults.read_text(errors='replace')
    if said is None: return Outcome(f'hang of {WALL} s', trace, about, data, Counter())
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return Outcome('hang: SIGXCPU' if name in ('SIGXCPU', 'SIGKILL') else f'signal {name}', trace, about, data, Counter())
    if not said: return Outcome(f'the process ended by itself, code {os.WEXITSTATUS(status)}', trace, about, data, Counter())
    answer = json.loads(said)
    return Outcome(answer['finding'], answer['where'], about, data, Counter(answer['count']))


def _in_child(work, kept, faults, w):
    code, count = 0, {}
    try:
        errors = open(faults, 'w')
        os.dup2(errors.fileno(), 2), os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        faulthandler.enable(errors)
        faulthandler.register(signal.SIGXCPU, errors, chain=True)
        fd = os.open(kept, os.O_WRONLY)
        def out(about, data):
            text = json.dumps(about).encode() + b'\n' + data
            os.ftruncate(fd, 0), os.pwrite(fd, text, 0)
        finding = where = None
        try: count = work(out)
        except Finding as e: finding, where = str(e), ''.join(traceback.format_exception(e))[-3000:]
        os.write(w, json.dumps(dict(finding=finding, where=where or '', count=count)).encode())
    except BaseException: code = 9; traceback.print_exc()
    finally: os._exit(code)


def _read(r):
    "What the child says until it ends; None if it does not end"
    said, end = b'', time.monotonic() + WALL
    while True:
        if not select.select([r], [], [], max(0, end - time.monotonic()))[0]: said = None
        elif piece := os.read(r, 1 << 16):
            said += piece
            continue
        os.close(r)
        return said


def frames(where):
    "The innermost places of a traceback, without line numbers of ours: what two findings have in common"
    found = re.findall(r'File "[^"]*?([^/"]+/[^/"]+)", line (\d+)(?: in|, in) (\S+)', where)
    found = [f'{f}:{n} {name}' for f, n, name in found if 'tests/' not in f]
    return found[:2] if 'most recent call first' in where else found[-2:][::-1]


def worker(w, args, seeds, files, folder, end):
    "Every `jobs`-th number, until the time is over; counts and findings go to a file"
    count, found, number = Counter(), {}, args.start + w
    while time.monotonic() < end and (args.count is None or number < args.start + args.count):
        result = fork(lambda out: child(number, args, seeds, files, out), folder)
        count += result.count
        count['children'] += 1
        if result.finding:
            count['findings'] += 1
            key = re.sub(r'[\d.]+', 'N', result.finding)[:60] + ' | ' + ' < '.join(frames(result.where))
            if key not in found: keep(number, result, key, args)
            found[key] = found.get(key, 0) + 1
        number += args.jobs
    Path(folder, 'counts').write_text(json.dumps(dict(count=count, found=found, next=number)))


def keep(number, result, key, args):
    "The file of a finding and what led to it"
    name = hashlib.sha256(key.encode()).hexdigest()[:8]
    path = Path(args.out)/f'{args.door}-{args.seed}-{number}-{name}.arrays'
    path.write_bytes(result.data)
    only = f" --only '{args.only}'" if args.only else ''
    lines = [f'{result.finding}  [{result.about.get("name")}]', *(f'    {line}' for line in result.about.get('log', [])), *(f'    in {line}' for line in frames(result.where)),
             f'    again: python tests/fuzz_models.py --door {args.door} --seed {args.seed} --start {number} --count 1{only}',
             f'    or:    python tests/fuzz_models.py --door {args.door} --replay {path}']
    path.with_suffix('.txt').write_text('\n'.join([*lines, '', result.where]))
    path.with_suffix('.json').write_text(json.dumps(result.about))
    print('\n'.join(lines), flush=True)


def chosen(seeds, args):
    "Numbers of the files to begin with: those that load by this door as they are"
    found = []
    for k, s in enumerate(seeds):
        try: load(s.data, args.door)
        except MlopsError: continue
        found.append(k)
    return found


def warm(seeds, args):
    "What scikit-learn imports at the first question is imported here, once"
    for k in args.chosen:
        model = load(seeds[k].data, args.door)
        ask(model, seeds[k].rows)


def run(args):
    begin = time.monotonic()
    seeds = corpus(args.only)
    args.chosen = chosen(seeds, args)
    print(f'{len(args.chosen)} of {len(seeds)} honest files load at the door {args.door!r}', flush=True)
    if not args.chosen: return 1
    warm(seeds, args)
    files = [File(s.data) for s in seeds]
    args.out.mkdir(parents=True, exist_ok=True)
    print(f'ready after {time.monotonic() - begin:.0f} s', flush=True)
    end = time.monotonic() + args.seconds
    with tempfile.TemporaryDirectory() as folder: return total(args, seeds, files, folder, end)


def total(args, seeds, files, folder, end):
    "Start the workers, wait for them, and tell what they did"
    folders = [os.path.join(folder, str(w)) for w in range(args.jobs)]
    pids = []
    for w, place in enumerate(folders):
        os.makedirs(place + '/empty')
        if not (pid := os.fork()):
            try:
                os.chdir(place + '/empty')
                worker(w, args, seeds, files, place, end)
            except BaseException: traceback.print_exc()
            finally: os._exit(0)
        pids.append(pid)
    for pid in pids: os.waitpid(pid, 0)
    count, found = Counter(), Counter()
    for place in folders:
        told = json.loads(Path(place, 'counts').read_text())
        count, found = count + Counter(told['count']), found + Counter(told['found'])
        if left := os.listdir(place + '/empty'): found[f'files left behind: {left}'] += 1
    for key, n in found.most_common(): print(f'{n:5} x {key}')
    print(f"{args.door}: {count['children']} children, {count['files']} files, {count['loaded']} loads that passed ({100*count['loaded']/max(1, count['files']):.0f} %), {count['asked']} questions, "
          f"{count['answered']} answers, {len(found)} findings", flush=True)
    return 1 if found or not count['loaded'] else 0


def rows_for(path, args):
    "What to ask a kept file: the rows of the honest file that it began as"
    told = path.with_suffix('.json')
    name = json.loads(told.read_text())['name'] if told.exists() else args.only
    return next((s for s in corpus(f'^{re.escape(name)}$') if s.name == name), None)


def replayed(data, seed, args, folder):
    "What becomes of one file, alone in a child"
    def work(out):
        out({}, data)
        guard, count = Guard(), Counter(files=1)
        limits()
        for k in range(4): check(data, seed.rows if seed else ROWS, args.door, Random(k), guard, count)
        return count
    return fork(work, folder)


def replay(args):
    seed, data = rows_for(args.replay, args), args.replay.read_bytes()
    with tempfile.TemporaryDirectory() as folder: result = replayed(data, seed, args, folder)
    print(result.finding or f'nothing found; {dict(result.count)}', result.where, sep='\n')
    return 1 if result.finding else 0


def shrink(args):
    "Take back, row by row, what differs from the honest file and is not needed for the finding"
    seed, f = rows_for(args.shrink, args), File(args.shrink.read_bytes())
    honest = File(seed.data)
    with tempfile.TemporaryDirectory() as folder:
        fails = lambda f: bool(replayed(f.data(), seed, args, folder).finding)
        if not fails(f): return print('it does not fail alone: use --seed --start --count') or 1
        for i in range(len(honest.nodes)):
            f = taken_back(f, honest, i, fails)
        for i, row in enumerate(f.nodes):
            if i >= len(honest.nodes) and i in f.reached(f.root[0]): print('new', i, row)
            elif i < len(honest.nodes) and (readable(f, i) != readable(honest, i)): print(named_row(f, i), readable(honest, i), '->', readable(f, i), sep='\n    ')
        args.shrink.with_suffix('.small').write_bytes(f.data())
        print(replayed(f.data(), seed, args, folder).finding)
    return 0


def taken_back(f, honest, i, fails):
    "The file with one row as it was, and with each value of it as it was, where the finding stays"
    if readable(f, i) == readable(honest, i): return f
    new = copy.deepcopy(f)
    new.blocks.pop(i, None)
    new.nodes[i] = graft_row(new, honest, i)
    if i in honest.blocks: new.blocks[i] = bytearray(honest.blocks[i])
    if fails(new): return new
    for (a, at), (b, k) in zip(f.slots(i), honest.slots(i)):
        if a[at] == b[k] or f.nodes[i][0] != honest.nodes[i][0]: continue
        old, a[at] = a[at], b[k]
        if not fails(f): a[at] = old
    return f


def graft_row(f, honest, i):
    row = copy.deepcopy(honest.nodes[i])
    for at, kind in enumerate(FIELDS.get(row[0], ''), 1):
        table = dict(n='names', s='shapes', d='dtypes').get(kind)
        if table and row[at] != 'O':
            setattr(f, table, [*getattr(f, table), getattr(honest, table)[row[at]]])
            row[at] = len(getattr(f, table)) - 1
    return row


def readable(f, i):
    "A row with its names in full, and its numbers"
    row = list(f.nodes[i])
    for at, kind in enumerate(FIELDS.get(row[0], ''), 1):
        table = dict(n='names', s='shapes', d='dtypes').get(kind)
        if table and row[at] != 'O': row[at] = getattr(f, table)[row[at]]
    return f'{str(row)[:300]} {typed(f, i)[:12] if i in f.blocks else ""}'


HEAP = dict(LD_PRELOAD='libc_malloc_debug.so.0', GLIBC_TUNABLES='glibc.malloc.check=3')     # ends a process that wrote behind a block, when the block is given back


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, kind, default in (('door', str, 'elsewhere'), ('seconds', float, 60), ('jobs', int, len(os.sched_getaffinity(0))), ('seed', int, 0), ('start', int, 0), ('count', int, None), ('only', str, None),
                                ('out', Path, Path(tempfile.gettempdir())/'fuzz-models'), ('replay', Path, None), ('shrink', Path, None)):
        parser.add_argument('--' + name, type=kind, default=default)
    parser.add_argument('--unchecked', action='store_true', help='without what we check about fitted estimators: to see that faults are found')
    parser.add_argument('--heap', action='store_true', help='with the malloc of glibc that looks at what stands behind each block; old memory in answers is not seen then')
    args = parser.parse_args()
    if args.heap and HEAP['LD_PRELOAD'] not in os.environ.get('LD_PRELOAD', ''): os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **HEAP})
    if args.unchecked: formats.check_fitted = lambda objects: None
    args.out = args.out.resolve()
    warnings.simplefilter('ignore')
    np.seterr(all='ignore')
    return replay(args) if args.replay else shrink(args) if args.shrink else run(args)


if __name__ == '__main__': sys.exit(main())
