"Many processes, sudden deaths and strange names: what the registry may not lose"
from pathlib import Path
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from hypothesis import given, settings, strategies as st

from mlops_nb.core import Conflict, IntegrityError, InvalidInput
from mlops_nb.formats import UntrustedType
from mlops_nb.registry import ModelRegistry


def python(code, *args, **kw): return subprocess.Popen([sys.executable, '-c', textwrap.dedent(code), *map(str, args)], **kw)


def test_eight_processes_registering_twenty_versions_each_leave_exactly_160(tmp_path):
    code = '''
        import sys
        from mlops_nb import ModelRegistry
        reg, me = ModelRegistry(sys.argv[1]), int(sys.argv[2])
        for i in range(20): reg.register_model({'by': me, 'number': i}, 'shared', f'{me}.{i}.0', by=f'p{me}')
    '''
    running = [python(code, tmp_path/'r', k) for k in range(8)]
    assert [p.wait() for p in running] == [0]*8
    with ModelRegistry(tmp_path/'r') as reg:
        models = reg.list_models()
        assert len(models) == 160
        assert reg.resolve('shared') == ('shared', '7.19.0')
        for k in range(8): assert reg.load_model('shared', f'{k}.{k}.0')[0] == {'by': k, 'number': k}
        assert reg.store.verify() == []


WRITER = '''
    import itertools, sys
    from mlops_nb import ModelRegistry
    reg, round_ = ModelRegistry(sys.argv[1]), sys.argv[2]
    reg.register_model([round_, 0], 'm', f'{round_}.0', overwrite=True)      # loads skops before the clock starts
    print('ready', flush=True)
    for i in itertools.count(1):
        reg.register_model([round_, i] * 2000, 'm', f'{round_}.{i}')
        print(f'{round_}.{i}', flush=True)                                   # acknowledged
        reg.register_model([round_, 'again', i], 'm', f'{round_}.0', overwrite=True)
        reg.set_alias('m', 'champion', f'{round_}.{i}')
        if i > 1: reg.delete_model('m', f'{round_}.{i-1}'); print(f'-{round_}.{i-1}', flush=True)
'''


def test_kill_at_any_point_leaves_a_registry_that_opens_with_all_earlier_versions_loading(tmp_path):
    rng, kept = random.Random(1), set()
    for round_ in range(8):
        child = python(WRITER, tmp_path/'r', round_, stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        time.sleep(rng.uniform(0.01, 0.3))
        child.send_signal(signal.SIGKILL)
        said = [line.strip() for line in child.stdout if line.endswith('\n')]
        child.wait(); child.stdout.close()
        deleted = {v[1:] for v in said if v[0] == '-'}
        last = max((int(v.split('.')[1]) for v in said if v[0] != '-'), default=0)
        kept |= {v for v in said if v[0] != '-'} - deleted - {f'{round_}.{last-1}'}   # the last deletion may have happened unsaid
        with ModelRegistry(tmp_path/'r') as reg:
            assert reg.store.verify() == []
            for v in sorted(kept): assert reg.load_model('m', v)[0][0] == v.split('.')[0]
            reg.load_model('m', f'{round_}.0')                                       # the overwritten one: an old or a new revision, whole
            for info in reg.list_models('m').values(): reg.store.get(info['digest'])
    assert len(kept) >= 3


def test_a_swapped_pickle_runs_nothing(tmp_path):
    class Evil:
        def __reduce__(self): return (os.mkdir, (str(tmp_path/'owned'),))
    with ModelRegistry(tmp_path/'r') as reg:
        reg.register_model({'a': 1}, 'm', '1')
        reg.register_model(range(3), 'p', '1', allow_pickle=True)
        for name in ('m', 'p'):
            (tmp_path/'r'/reg.info(name)['path']).write_bytes(pickle.dumps(Evil()))
            with pytest.raises(IntegrityError): reg.load_model(name, allow_pickle=True)
    assert not (tmp_path/'owned').exists()


def test_a_pickle_needs_consent_at_both_ends(tmp_path):
    class Local: pass
    with ModelRegistry(tmp_path/'r') as reg:
        with pytest.raises(UntrustedType, match='allow_pickle=True'): reg.register_model(complex, 'c', '1')
        assert reg.list_models() == {}
        reg.register_model(complex, 'c', '1', allow_pickle=True)
        if reg.info('c')['format'] == 'pickle':
            with pytest.raises(UntrustedType, match='allow_pickle=True'): reg.load_model('c')
        assert reg.load_model('c', allow_pickle=True)[0] is complex


@given(name=st.text(max_size=40), version=st.text(max_size=12), alias=st.text(max_size=12))
@settings(max_examples=80, deadline=None)
def test_no_name_reaches_outside_of_the_folder(tmp_path_factory, name, version, alias):
    top = tmp_path_factory.mktemp('fuzz')
    (top/'canary').write_text('x')
    with ModelRegistry(top/'r') as reg:
        for n, v in ((name, '1'), ('m', version), (name, version)):
            try: reg.register_model([1], n, v)
            except (InvalidInput, Conflict): continue
            assert reg.load_model(n, v)[0] == [1]
            try: reg.set_alias(n, alias, v)
            except InvalidInput: continue
            assert reg.load_model(n, alias)[0] == [1]
    assert sorted(p.name for p in top.iterdir()) == ['canary', 'r']
    assert {p.name for p in (top/'r').iterdir()} <= {'store.db', 'store.db-wal', 'store.db-shm', 'blobs'}


def test_names_that_look_alike_do_not_share_anything(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        for name, version in (('a', '1'), ('a_1', '1'), ('A', '1'), ('a.1', '1'), ('a-1', '1')): reg.register_model([name], name, version)
        for info in reg.list_models().values(): assert reg.load_model(info['name'])[0] == [info['name']]
        reg.delete_model('a', '1')
        assert len(reg.list_models()) == 4


def test_the_same_bytes_under_two_versions_survive_the_deletion_of_one(tmp_path):
    with ModelRegistry(tmp_path/'r') as reg:
        for v in ('1', '2'): reg.register_model([1], 'm', v)
        reg.delete_model('m', '1')
        assert reg.store.gc(dry_run=False, grace=-1) == []
        assert reg.load_model('m')[0] == [1]
        reg.delete_model('m', '2')
        assert len(reg.store.gc(dry_run=False, grace=-1)) == 1
