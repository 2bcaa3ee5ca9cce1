"""Watches what a process touches: files outside of what is allowed, addresses off this machine, other processes.

It stands on Python's audit events, which a library cannot go round unless it opens files from C (pyarrow and SQLite do; SQLite
says which file it opens). An audit hook stays until the process ends, so use it in a child process. What is refused is refused
before it happens, by an exception that no `except Exception` catches, and it is written down as well.
"""
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit
import os, site, sys, sysconfig, threading

FILES = {   # event -> positions of its paths, and of the folder handles that they are relative to
    'open': [(0, None)], 'os.mkdir': [(0, 2)], 'os.remove': [(0, 1)], 'os.rmdir': [(0, 1)], 'os.rename': [(0, 2), (1, 3)], 'os.link': [(0, 2), (1, 3)],
    'os.symlink': [(0, None), (1, 2)], 'os.chmod': [(0, 2)], 'os.chown': [(0, 3)], 'os.utime': [(0, 3)], 'os.truncate': [(0, None)], 'os.listdir': [(0, None)],
    'os.scandir': [(0, None)], 'os.chdir': [(0, None)], 'os.setxattr': [(0, None)], 'os.mkfifo': [(0, None)], 'os.mknod': [(0, None)],
    'shutil.copyfile': [(0, None), (1, None)], 'shutil.copymode': [(0, None), (1, None)], 'shutil.copystat': [(0, None), (1, None)],
    'shutil.copytree': [(0, None), (1, None)], 'shutil.move': [(0, None), (1, None)], 'shutil.rmtree': [(0, 1)], 'shutil.unpack_archive': [(0, None), (1, None)],
    'shutil.make_archive': [(0, None)], 'tempfile.mkstemp': [(0, None)], 'tempfile.mkdtemp': [(0, None)], 'sqlite3.connect': [(0, None)]}
ON_THE_WAY = {'os.mkdir', 'open', 'os.listdir', 'os.scandir'}   # what may happen to the folders above a path that was given
PROCESSES = {'subprocess.Popen', 'os.system', 'os.exec', 'os.posix_spawn', 'os.spawn', 'os.startfile', 'os.fork', 'os.forkpty', 'pty.spawn'}
ADDRESSES = {'socket.connect': 1, 'socket.bind': 1, 'socket.sendto': 1, 'socket.getaddrinfo': 0, 'socket.gethostbyname': 0, 'urllib.Request': 0}
READS = {'os.listdir', 'os.scandir', 'shutil.copyfile'}
_OWN = Path(__file__).resolve().parent.parent
SYSTEM = [*{os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, *site.getsitepackages(), *sysconfig.get_paths().values(), _OWN/'mlops_nb', _OWN/'nbs', *filter(None, sys.path))},
          '/proc', '/sys', '/dev/null', '/dev/urandom', '/dev/random', '/etc/localtime', '/usr/share/zoneinfo', '/usr/lib', '/usr/share', '/etc/mime.types', '/etc/apache2/mime.types',
          '/etc/httpd/mime.types', '/etc/httpd/conf/mime.types', '/etc/os-release', '/etc/fonts', '/usr/local']   # may be read; never written


class Escape(BaseException):
    "A touch outside; no `except Exception` swallows it"


class Guard:
    "One for a process; nothing is watched outside of `watch`"
    def __init__(self):
        self.roots, self.near, self.refuse, self.escapes, self.on, self._here = [], None, set(), [], False, threading.local()
        sys.addaudithook(self._hook)

    @contextmanager
    def watch(self,
        *roots,         # Folders and files that may be read and written, with all that is in them
        near=None,      # A path that the caller gave: it, what is made on the way to it, and temporary files beside it
        refuse=(),      # Events that end the call without being an escape, such as `socket.bind`
    ):
        "In the block, every touch outside is refused and kept in `escapes`"
        self.roots, self.near, self.refuse, self.escapes = [os.path.realpath(r) for r in roots], near and _absolute(near), set(refuse), []
        self.on = True
        try: yield self
        finally: self.on = False

    def _hook(self, event, args):
        if not self.on or getattr(self._here, 'busy', False): return
        self._here.busy = True
        try: self._judge(event, args)
        finally: self._here.busy = False

    def _judge(self, event, args):
        if event in self.refuse: raise Escape(f'ends at {event}')
        if event in PROCESSES: self._escape(event, args[:2])
        if event in ADDRESSES and not _local(args[ADDRESSES[event]]): self._escape(event, args[ADDRESSES[event]])
        for path, folder in FILES.get(event, ()):
            path = args[path]
            if isinstance(path, int) or path is None or event == 'open' and _walks(path, args): continue
            if event == 'open' and path == '<unknown>': continue      # Python itself: where a text that is parsed ends too early, it looks for the line in the file of this name
            if event == 'sqlite3.connect': path = _database(path)
            if path and not self._allowed(event, full := _absolute(path, args[folder] if folder is not None and len(args) > folder else None), _writes(event, args)):
                self._escape(event, full)

    def _escape(self, event, what):
        self.escapes.append(f'{event} {what!r}')
        raise Escape(self.escapes[-1])

    def _allowed(self, event, full, writes):
        if full == os.devnull or not writes and _under(full, SYSTEM) or _under(full, self.roots): return True
        if not self.near: return False
        if full == self.near or full.startswith(tuple(self.near + c for c in (os.sep, '-', '.'))): return True        # and x.db-wal, x.db.blobs
        if _under(self.near, [full]): return event in ON_THE_WAY
        return full.startswith(tuple(os.path.join(os.path.dirname(r), '.tmp-') for r in (self.near, *self.roots)))     # what is renamed when it is whole


def _under(full, roots): return any(full == r or full.startswith(r.rstrip(os.sep) + os.sep) for r in roots)


def _absolute(path, folder=None):
    "Where a path leads, links followed"
    path = os.fsdecode(os.fspath(path))
    if isinstance(folder, int) and folder >= 0: path = os.path.join(os.readlink(f'/proc/self/fd/{folder}'), path)
    try: return os.path.realpath(path)
    except (OSError, ValueError): return os.path.abspath(path.split('\0')[0])    # longer than a path can be, or no path at all


def _database(path):
    "The file of an SQLite address; a database in memory has none"
    path = os.fsdecode(path)
    if path.startswith('file:') and 'vfs=memdb' in urlsplit(path).query.split('&'): return None
    if path.startswith('file:'): path = unquote(urlsplit(path).path)
    return None if path in ('', ':memory:') else path


def _writes(event, args):
    if event != 'open': return event not in READS
    mode, flags = (*args, None, None)[1:3]
    if isinstance(mode, str): return any(c in mode for c in 'wax+')
    return bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))


def _walks(path, args):
    "`os.open` of a bare name to read: it may be relative to a folder handle, of which the event does not speak; so does `shutil.rmtree` go down"
    return args[1] is None and os.sep not in os.fsdecode(path) and not _writes('open', args)


def _local(address):
    "This machine only; a Unix socket is on this machine"
    if isinstance(address, tuple): address = address[0]
    if address is None: return True
    if isinstance(address, (bytes, bytearray)): address = bytes(address).decode(errors='replace')
    if isinstance(address, str) and '://' in address: address = urlsplit(address).hostname or ''
    return str(address).startswith('127.') or address in ('localhost', '::1', '') or str(address).startswith(('/', '\0'))
