"""Stop a process at the k-th system call that changes a file below a folder: kill it there, or let the call fail.

The process that is watched installs a seccomp filter and hands its listener over; the watcher then answers for each call, those that
SQLite makes in C included. Linux only; no root and no other program is needed.
"""
from pathlib import Path
import ctypes, errno, fcntl, os, platform, select, signal, socket, struct

_X86 = dict(write=1, open=2, pwrite64=18, writev=20, fsync=74, fdatasync=75, ftruncate=77, rename=82, mkdir=83, unlink=87, openat=257,
            mkdirat=258, unlinkat=263, renameat=264, fallocate=285, pwritev=296, renameat2=316)
_ARM = dict(write=64, pwrite64=68, writev=66, pwritev=70, fsync=82, fdatasync=83, ftruncate=46, fallocate=47, openat=56, mkdirat=34,
            unlinkat=35, renameat=38, renameat2=276)
NUMBERS, SECCOMP = {'x86_64': (_X86, 317), 'aarch64': (_ARM, 277)}.get(platform.machine(), ({}, None))
NAMES = {nr: name for name, nr in NUMBERS.items()}
AVAILABLE = platform.system() == 'Linux' and SECCOMP is not None

_ON_PATH = {'open': 0, 'mkdir': 0, 'rename': 0, 'unlink': 0, 'openat': 1, 'mkdirat': 1, 'unlinkat': 1, 'renameat': 1, 'renameat2': 1}
_FLAGS = {'open': 1, 'openat': 2}                        # which argument holds O_CREAT
_NEEDS_SPACE = {'write', 'pwrite64', 'writev', 'pwritev', 'ftruncate', 'fallocate', 'open', 'openat', 'mkdir', 'mkdirat'}
_RECEIVE, _SEND, _CONTINUE = 0xc0502100, 0xc0182101, 1   # ioctls of <linux/seccomp.h>, and "let the kernel do it"


def be_watched(sock):
    "In the process to be watched: from now on, its calls wait for the answer of whoever holds the other end of `sock`"
    op = lambda code, yes, no, k: struct.pack('HBBI', code, yes, no, k)
    n = len(NUMBERS)
    code = op(0x20, 0, 0, 0)                             # load the number of the call
    code += b''.join(op(0x15, n - i, 0, nr) for i, nr in enumerate(NUMBERS.values()))
    code += op(0x06, 0, 0, 0x7fff0000) + op(0x06, 0, 0, 0x7fc00000)    # allow; or ask
    space = ctypes.create_string_buffer(code, len(code))
    class Program(ctypes.Structure): _fields_ = [('length', ctypes.c_ushort), ('filter', ctypes.c_void_p)]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)                           # no new privileges: then no root is needed
    listener = libc.syscall(SECCOMP, 1, 8, ctypes.byref(Program(n + 3, ctypes.addressof(space))))
    if listener < 0: raise OSError(ctypes.get_errno(), f'seccomp: {os.strerror(ctypes.get_errno())}')
    socket.send_fds(sock, [b'.'], [listener])
    os.close(listener)


class Watcher:
    "Answers for the calls of a watched process, and counts those that change a file below `folder`"
    def __init__(self, sock, folder, act):
        "`act(k, name, path)` is asked at the k-th such call: None lets it pass, an errno makes it fail, a signal is sent to the process"
        self.listener = socket.recv_fds(sock, 1, 1)[1][0]
        self.folder, self.act, self.calls, self.on = str(Path(folder).resolve()), act, [], True

    def fileno(self): return self.listener
    def close(self): os.close(self.listener)

    def answer(self):
        "Take one call; False when the process has ended"
        poll = select.poll(); poll.register(self.listener, select.POLLIN)
        if poll.poll()[0][1] & select.POLLHUP: return False
        call = bytearray(80)
        try: fcntl.ioctl(self.listener, _RECEIVE, call)
        except OSError as e:
            if e.errno in (errno.ENOENT, errno.EINTR): return True     # it was killed meanwhile
            raise
        id_, pid, _, nr, _, _, *args = struct.unpack('QIIiIQ6Q', call)
        answer = self._judge(pid, NAMES[nr], args)
        reply = struct.pack('QqiI', id_, 0, -answer, 0) if answer else struct.pack('QqiI', id_, 0, 0, _CONTINUE)
        try: fcntl.ioctl(self.listener, _SEND, reply)
        except OSError as e:
            if e.errno != errno.ENOENT: raise
        return True

    def _judge(self, pid, name, args):
        path = self._changes(pid, name, args) if self.on else None
        if path is None: return 0
        self.calls.append((name, path))
        answer = self.act(len(self.calls), name, path)
        if isinstance(answer, signal.Signals):
            os.kill(pid, answer)
            return errno.EINTR
        return answer or 0

    def _changes(self, pid, name, args):
        "The path below the folder that a call would change, or None"
        if name in _FLAGS and not args[_FLAGS[name]] & os.O_CREAT: return None
        try: path = _text(pid, args[_ON_PATH[name]]) if name in _ON_PATH else os.readlink(f'/proc/{pid}/fd/{args[0]}')
        except OSError: return None
        return path if path == self.folder or path.startswith(self.folder + os.sep) else None


def needs_space(name, path):
    "Would this call fail on a full disk? To open a file that is there needs none"
    return name in _NEEDS_SPACE and not (name in _ON_PATH and os.path.exists(path))


def _text(pid, address):
    "A zero-ended text in the memory of another process"
    with open(f'/proc/{pid}/mem', 'rb', buffering=0) as memory:
        memory.seek(address)
        found = memory.read(4096 - address % 4096)
        if b'\0' not in found: found += memory.read(4096)
    return os.fsdecode(found.split(b'\0')[0])
