"A file says what it says: text files are read exactly, in batches as in one piece, or refused with file, line and remedy"
import bz2
import gzip
import json
import lzma
import os
import random
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings, strategies as st

from mlops_nb import DataVersioning
from mlops_nb.core.rules import Conflict, InvalidInput, MissingFile, MlopsError, NotFound
from mlops_nb.data import tables
from mlops_nb.data.tables import read_batches, read_table


def write(folder, name, data):
    (folder/name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder/name


@pytest.fixture
def data(tmp_path):
    with DataVersioning(tmp_path/'store') as v: yield v


# ---- what is written is what is read


@pytest.mark.parametrize('fields, dtype', [
    (['1', '2'], 'int64'), (['1', ''], 'float64'), (['9007199254740993', ''], 'Int64'), (['18446744073709551615', '0'], 'uint64'), (['0.7', '1'], 'float64'),
    (['1', 'NA'], 'float64'), (['True', 'False'], 'bool'), (['true', ''], 'boolean'), (['', ''], 'float64'), (['1e3', '-inf'], 'float64')])
def test_fields_that_are_all_of_a_kind_have_its_type(tmp_path, fields, dtype):
    found = read_table(write(tmp_path, 'a.csv', 'x,y\n' + ''.join(f'{f},z\n' for f in fields))).x
    assert str(found.dtype) == dtype
    for field, value in zip(fields, found):
        assert pd.isna(value) if field in ('', 'NA') else (str(value).lower() == field.lower() or float(value) == float(field))


@pytest.mark.parametrize('fields', [['01234', '501'], ['+4930', '49'], ['NA', 'US'], ['null', 'x'], ['1', 'x'], ['18446744073709551616', '1'], ['-1', '18446744073709551615'],
                                    ['1_000', '2'], ['2013-01-01', '2013-01-02'], ['True', '1'], ['True', 'NA'], ['0x10', '1'], [' 1', '2'], ['١', '2'], ['1.', '01.5']])
def test_all_else_are_texts_as_they_are_written(tmp_path, fields):
    found = read_table(write(tmp_path, 'a.csv', 'x,y\n' + ''.join(f'{f},z\n' for f in fields))).x
    quoted = read_table(write(tmp_path, 'a.csv', 'x,y\n' + ''.join(f'"{f}",z\n' for f in fields))).x
    assert quoted.tolist() == fields, 'with quotes, another parser reads them'
    assert found.tolist() == fields and found.dtype == pd.Series(['a']).dtype


def test_json_lines_keep_the_types_that_they_say(tmp_path):
    rows = [{'zip': '01234', 'ok': True, 'x': .7, 'n': 2**53 + 1, 'date': '2013-01-01', 'stamp_at': 1356998400, 'empty': ''}, {'zip': '00501', 'ok': None, 'x': .3, 'n': None, 'stamp_at': 5, 'empty': None}]
    found = read_table(write(tmp_path, 'a.jsonl', ''.join(json.dumps(r) + '\n' for r in rows)))
    assert found.zip.tolist() == ['01234', '00501'] and str(found.ok.dtype) == 'boolean' and found.x.tolist() == [.7, .3]
    assert found.n[0] == 2**53 + 1 and found.date[0] == '2013-01-01' and found.stamp_at.tolist() == [1356998400, 5]   # pandas makes times of such names
    assert found['empty'][0] == '' and pd.isna(found['empty'][1])


@pytest.mark.parametrize('small', [1 << 23, 0])
def test_parquet_keeps_what_pandas_would_lose(tmp_path, monkeypatch, data, small):
    monkeypatch.setattr(tables, '_SMALL', small)
    table = pa.table({'far': pa.array([2**53 + 1, None]), 'wide': pa.array([2**64 - 1, None], pa.uint64()), 'near': pa.array([3, None]), 'ok': pa.array([True, None]),
                      'day': pa.array([None, 1], pa.date32()), 'lists': [[1], None], 'text': ['a', None]})
    pa.parquet.write_table(table, tmp_path/'a.parquet')
    found = data.load_data(data.version_data(tmp_path/'a.parquet', 'd'))
    assert found.far[0] == 2**53 + 1 and found.wide[0] == 2**64 - 1 and found.near[0] == 3 and found.ok[0] and pd.isna(found.ok[1])
    assert [str(t) for t in found.dtypes[:4]] == ['Int64', 'UInt64', 'float64', 'boolean']
    assert str(found.day[1]) == '1970-01-02' and list(found.lists[0]) == [1] and found.text[0] == 'a'


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=('Cs',), exclude_characters='\0'), max_size=6), min_size=2, max_size=2), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_whatever_texts_a_csv_file_holds_come_back(tmp_path_factory, rows):
    import csv
    path = tmp_path_factory.mktemp('csv')/'a.csv'
    with open(path, 'w', newline='', encoding='utf8') as f: csv.writer(f, quoting=csv.QUOTE_ALL).writerows([['a', 'b'], ['x', 'y'], *rows])
    found = read_table(path)
    assert [['' if pd.isna(v) else v for v in row] for row in found.to_numpy(object).tolist()] == [['x', 'y'], *rows]


def test_batches_are_the_whole_whatever_their_size(tmp_path, monkeypatch):
    draw = random.Random(0)
    kinds = [lambda: str(draw.randint(-9, 9)), lambda: repr(draw.random()), lambda: draw.choice(['True', 'False']), lambda: draw.choice(['NA', '']), lambda: draw.choice(['01', 'x,"y"\n'])]
    for trial in range(30):
        columns = [[draw.choice(draw.sample(kinds, 2))() for _ in range(23)] for _ in range(4)]
        pd.DataFrame(dict(zip('abcd', columns))).to_csv(tmp_path/'a.csv', index=False)
        whole = read_table(tmp_path/'a.csv')
        for rows, kept in ((5, 1 << 17), (5, 0), (1, 0)):
            monkeypatch.setattr(tables, '_ROWS', rows); monkeypatch.setattr(tables, '_KEPT', kept)
            pd.testing.assert_frame_equal(pd.concat([*read_batches(tmp_path/'a.csv')]), whole, check_index_type='equiv')
        monkeypatch.undo()


@pytest.mark.parametrize('text', ['a,b\r\n1,2\r\n', 'a,b\r1,2\r', 'a,b\n1,2', '\ufeffa,b\n1,2\n', 'a,b\n\n1,2\n\n', 'a,b\n1,2,\n', '"a","b"\n"1","2"\n'])
def test_a_table_that_is_written_in_another_way_has_the_same_id(tmp_path, data, text):
    assert data.version_data(write(tmp_path, 'a.csv', text), 'd') == data.version_data(pd.DataFrame({'a': [1], 'b': [2]}), 'd')


def test_the_same_table_from_other_libraries_has_the_same_id(tmp_path, data):
    pl = pytest.importorskip('polars')
    frame = pd.DataFrame({'n': [1, 2], 'x': [.5, 1.5], 's': ['a', 'b']})
    ids = {data.version_data(t, 'd') for t in (frame, pa.table({c: frame[c].tolist() for c in frame}), pl.DataFrame({c: frame[c].tolist() for c in frame}), pl.DataFrame({c: frame[c].tolist() for c in frame}).lazy())}
    assert len(ids) == 1
    gaps = data.version_data(pl.DataFrame({'n': [1, None], 's': ['a', None], 'l': [[1], [2, 3]]}), 'g')
    assert data.load_data(gaps).n.tolist()[0] == 1 and [list(v) for v in data.load_data(gaps).l] == [[1], [2, 3]]


@pytest.mark.parametrize('ending, pack', [('.gz', gzip.compress), ('.bz2', bz2.compress), ('.xz', lzma.compress), ('.zst', lambda b: pa.compress(b, 'zstd', asbytes=True))])
def test_a_packed_file_is_the_table_in_it(tmp_path, ending, pack):
    text = b'a,b\n' + b'01,2\n'*20_000
    pd.testing.assert_frame_equal(read_table(write(tmp_path, 'a.csv' + ending, pack(text))), read_table(write(tmp_path, 'a.csv', text)))
    rows = b'{"a": "01"}\n'*3
    assert read_table(write(tmp_path, 'a.jsonl' + ending, pack(rows))).a.tolist() == ['01']*3


def test_a_small_packed_file_with_a_large_table_takes_little_memory(tmp_path):
    "200 MB of rows in 200 kB: bounded by what is unpacked at a time"
    with gzip.open(tmp_path/'a.csv.gz', 'wb') as f:
        f.write(b'a,b\n')
        for _ in range(200): f.write(b'1234567,7654321\n'*65_536)
    code = 'import resource, sys\nfrom mlops_nb.data.tables import read_batches\nm = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nb = m()\nn = sum(len(f) for f in read_batches(sys.argv[1]))\nprint(n, m() - b)'
    n, grown = map(int, subprocess.run([sys.executable, '-c', code, tmp_path/'a.csv.gz'], capture_output=True, text=True, check=True).stdout.split())
    assert n == 200*65_536 and grown < 120_000      # kB


@pytest.mark.parametrize('name, begin', [('a.csv.gz', b'a\n'), ('a.jsonl.gz', b'{"a": "')])
def test_a_line_that_never_ends_is_refused_and_fills_no_memory(tmp_path, name, begin):
    with gzip.open(tmp_path/name, 'wb', 1) as f:
        f.write(begin)
        for _ in range(400): f.write(b'1'*(1 << 20))
    code = ('import resource, sys\nfrom mlops_nb.data.tables import read_table\nm = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nb = m()\n'
            'try: read_table(sys.argv[1])\nexcept ValueError as e: print(m() - b, e)')
    grown, _, says = subprocess.run([sys.executable, '-c', code, tmp_path/name], capture_output=True, text=True, check=True).stdout.partition(' ')
    assert name in says and 'is longer than' in says and int(grown) < 300_000      # kB


# ---- what was said, and what is kept


def test_what_is_said_about_a_file_is_part_of_its_record(tmp_path, data):
    path = write(tmp_path, 'preise.csv', 'plz;preis;name\n01234;1,5;José\n1;2;x\n'.encode('latin-1'))
    version = data.version_data(path, 'p', sep=';', decimal=',', encoding='latin-1', dtype={'plz': 'str'})
    found = data.load_data(version)
    assert found.preis.tolist() == [1.5, 2.] and found.plz.tolist() == ['01234', '1'] and found.name[0] == 'José'
    source = data.get_lineage(version)[0]['source']
    assert (source['sep'], source['decimal'], source['encoding'], source['dtype'], source['file']) == (';', ',', 'latin-1', {'plz': 'str'}, 'preise.csv')
    assert data.export_data(version, tmp_path/'back.csv', original=True).read_bytes() == path.read_bytes()
    assert data.store.verify() == []


@pytest.mark.parametrize('text, kept', [('a,s\n1,x\n', False), ('a\n1.5\n', False), ('a\n1.50\n', True), ('a,b\n1,NA\n', False), ('a,b\n1,NA\n2,3\n', True), ('a,b\n1,2\n,3\n', True), ('a\nTRUE\n', True), ('a\n01\n', False), ('\ufeffa\n1\n', True),
                                        ('a,b\r\n1,2\r\n', True), ('a,b\n1,"x"\n', True), ('a,b\n1,2', True), ('a,b\n\n1,2\n', True), ('a,b\n1,2,\n', True),
                                        ('a,a\n1,2\n', True), ('x,y\n1,NA\n,US\n', True), ('x,y\n1,NA\n2,US\n', False), ('a,b\n1.5,x\n', False)])
def test_the_original_is_kept_where_reading_loses_something(tmp_path, data, text, kept):
    path = write(tmp_path, 'a.csv', text)
    version = data.version_data(path, 'd')
    assert (data.get_lineage(version)[0]['source'] is not None) == kept
    if kept: assert data.export_data(version, tmp_path/'b.csv', original=True).read_bytes() == path.read_bytes()
    else:
        with pytest.raises(NotFound, match='keeps no original'): data.export_data(version, tmp_path/'b.csv', original=True)
        assert data.export_data(version, tmp_path/'b.csv').read_text() == text


@pytest.mark.parametrize('text, kept', [('{"a": 1, "b": "x"}\n', False), ('{"a":1,"b":"x"}\n', False), ('{"a": 1.50}\n', True), ('{"a": 1}\n{"b": 1}\n', True),
                                        ('{"a": 1}\n{"a": 2.5}\n', True), ('{"a": 1}\n{"a": null}\n', True), ('{"a": 1e0}\n', True), ('{"a": 1, "b": 2}\n{"b": 1, "a": 2}\n', True)])
def test_the_original_of_json_lines_is_kept_where_reading_loses_something(tmp_path, data, text, kept):
    path = write(tmp_path, 'a.jsonl', text)
    version = data.version_data(path, 'd')
    assert (data.get_lineage(version)[0]['source'] is not None) == kept
    if kept: assert data.export_data(version, tmp_path/'b.jsonl', original=True).read_bytes() == path.read_bytes()


def test_a_file_whose_bytes_are_not_kept_is_told(tmp_path, data):
    version = data.version_data(write(tmp_path, 'a.csv', 'a\n1.50\n'), 'd')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert data.version_data(tmp_path/'a.csv', 'd') == version                        # the same file again
        assert data.version_data(write(tmp_path, 'c.csv', 'a\n1.5\n'), 'd') == version    # nothing of it is lost
    with pytest.warns(UserWarning, match="not noted: the bytes of 'b.csv'"): assert data.version_data(write(tmp_path, 'b.csv', 'a\n1.500\n'), 'd') == version


def test_the_original_goes_with_its_version(tmp_path, data):
    version = data.version_data(write(tmp_path, 'a.csv', 'a\n1.50\n'), 'd')
    sha = data.get_lineage(version)[0]['source']['original']
    data.delete(version)
    data.gc(dry_run=False, grace=0)
    assert sha not in data.store.has([sha])
    assert data.version_data(tmp_path/'a.csv', 'd') == version and sha in data.store.has([sha])


def test_a_second_description_is_told(tmp_path, data):
    frame = pd.DataFrame({'x': [1.]})
    data.version_data(frame, 'd', 'first')
    with pytest.warns(UserWarning, match='second'): data.version_data(frame, 'd', 'second')


# ---- what cannot be read


BAD = {
    'bom.jsonl': (b'\xef\xbb\xbf{"a": 1\n', ['line 1']), 'huge.jsonl': (b'{"id": 36893488147419103232}\n', ['line 1', 'in quotes']),
    'half.jsonl': (b'{"a": 1}\n{"a": \n', ['line 2', 'cut']), 'mixed.jsonl': (b'{"a": 1}\n{"a": "x"}\n', ['line 2', "'a'", 'several types', 'say dtype=']),
    'twice.jsonl': (b'{"a": 1, "a": 2}\n', ['line 1', "'a' occurs twice"]), 'none.jsonl': (b'{}\n', ['empty']), 'nul.csv': (b'a,b\n1,x\n2,\0\n', ['line 3', 'NUL']),
    'utf16le.csv': ('n\nx\n'.encode('utf-16-le'), ['utf-16-le']),
    'nested.jsonl': (b'{"a": [1]}\n', ['line 1', 'json_normalize']), 'empty.csv': (b'', ['empty']), 'empty.jsonl': (b'\n', ['empty']),
    'latin.csv': ('name\nx\nJosé\n'.encode('latin-1'), ['line 3', 'encoding="latin-1"']), 'utf16.csv': ('name\nx\n'.encode('utf-16'), ['encoding="utf-16"']),
    'ragged.csv': (b'a,b\n1,2\n1,2,3\n', ['line 3', '3 fields']), 'short.csv': (b'a,b\n1\n', ['line 2']), 'quote.csv': (b'a,b\n1,2\n1,"x\n', ['line 3', 'quote']),
    'after.csv': (b'a,b\n1,"x"y\n', ['quote']), 'decimal.csv': (b'price;n\n1,5;2\n', ["sep=';'", 'decimal=","']), 'tab.csv': (b'a\tb\n1\t2\n', ['sep=']),
    'half.parquet': (b'PAR1', ['Parquet']), 'not.csv.gz': (b'a\n1\n', ['unpacked']), 'cut.csv.gz': (gzip.compress(b'a\n1\n'*999)[:-20], ['whole']),
    'not.csv.zip': (b'a\n1\n', ['unpacked']), 'not.csv.xz': (b'a\n1\n', ['unpacked']), 'not.csv.zst': (b'a\n1\n', ['unpacked']), 'not.csv.bz2': (b'a\n1\n', ['unpacked'])}


@pytest.mark.parametrize('name', BAD)
def test_what_cannot_be_read_is_refused_with_its_name_and_a_remedy(tmp_path, data, name):
    content, words = BAD[name]
    with pytest.raises(MlopsError) as e: data.version_data(write(tmp_path, name, content), 'd')
    for w in (name, *words): assert w in str(e.value), str(e.value)
    assert data.get_lineage() == {}


def test_each_remedy_helps(tmp_path, data):
    data.version_data(write(tmp_path, 'latin.csv', BAD['latin.csv'][0]), 'd', encoding='latin-1')
    data.version_data(write(tmp_path, 'utf16.csv', BAD['utf16.csv'][0]), 'd', encoding='utf-16')
    data.version_data(write(tmp_path, 'decimal.csv', BAD['decimal.csv'][0]), 'd', sep=';', decimal=',')
    data.version_data(write(tmp_path, 'tab.csv', BAD['tab.csv'][0]), 'd', sep='\t')
    data.version_data(write(tmp_path, 'utf16le.csv', BAD['utf16le.csv'][0]), 'd', encoding='utf-16-le')
    data.version_data(write(tmp_path, 'mixed.jsonl', BAD['mixed.jsonl'][0]), 'd', dtype={'a': 'str'})
    data.version_data(write(tmp_path, 'huge.jsonl', BAD['huge.jsonl'][0]), 'd', dtype={'id': 'str'})
    data.version_data(write(tmp_path, 'huge.jsonl', b'{"id": "36893488147419103232"}\n'), 'd')


def test_a_zip_holds_one_file(tmp_path):
    with zipfile.ZipFile(tmp_path/'a.csv.zip', 'w') as z: z.writestr('a.csv', 'a\n1\n')
    assert read_table(tmp_path/'a.csv.zip').a.tolist() == [1]
    with zipfile.ZipFile(tmp_path/'b.csv.zip', 'w') as z: z.writestr('a.csv', 'a\n1\n'); z.writestr('b.csv', 'a\n1\n')
    with pytest.raises(InvalidInput, match='holds 2 files'): read_table(tmp_path/'b.csv.zip')


def test_a_fifo_is_no_file(tmp_path, data):
    os.mkfifo(tmp_path/'a.csv')
    with pytest.raises(MlopsError): data.version_data(tmp_path/'a.csv', 'd')
    with pytest.raises(MlopsError): read_table(tmp_path/'a.csv')


def test_what_is_said_of_no_text_file_is_refused(tmp_path, data):
    pd.DataFrame({'a': [1]}).to_parquet(tmp_path/'a.parquet')
    for what in (pd.DataFrame({'a': [1]}), tmp_path/'a.parquet', write(tmp_path, 'a.bin', b'x')):
        with pytest.raises(InvalidInput): data.version_data(what, 'd', sep=';')
    for said in (dict(sep=''), dict(decimal=';'), dict(dtype=5), dict(encoding=''), dict(encoding='base64'), dict(dtype={'b': 'str'}), dict(dtype={'a': 'complex'}), dict(dtype={'a': ''})):
        with pytest.raises(InvalidInput): data.version_data(write(tmp_path, 'a.csv', 'a\n1\n'), 'd', **said)
    for said in (dict(sep=';'), dict(decimal=',')):
        with pytest.raises(InvalidInput, match='objects and no fields'): data.version_data(write(tmp_path, 'a.jsonl', '{"a": 1}\n'), 'd', **said)
    for odd in (np.ma.array([1, 2], mask=[0, 1]), np.matrix([[1]]), np.rec.array([(1, 2.)], names='a,b')):
        with pytest.raises(InvalidInput, match='says more than'): data.version_data(odd, 'd')


@pytest.mark.parametrize('kept', [1 << 17, 0])
def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path, data, monkeypatch, kept):
    path, settle, done = write(tmp_path, 'log.csv', 'a,b\n' + '1,2\n'*30_000), tables._settle, []
    def appending(votes):
        if not done: done.append(path.open('a').write('late,3\n'))
        return settle(votes)
    monkeypatch.setattr(tables, '_settle', appending); monkeypatch.setattr(tables, '_KEPT', kept)
    with pytest.raises(Conflict, match='log.csv.*changed while it was read'): data.version_data(path, 'd')
    assert data.get_lineage() == {}
    monkeypatch.undo()
    data.version_data(path, 'd')
