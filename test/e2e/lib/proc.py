"""One child process of a test: its lines in the journal, its exit as an event. It dies with the test
(PR_SET_PDEATHSIG), leads a process group of its own, and may live in another network namespace, with
another resolv.conf and hostname, in another root, or as another user."""
import ctypes
import os
import re
import signal
import socket
import struct
import subprocess
import time

from .loop import Failed

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWNET = 0x20000, 0x4000000, 0x40000000
MS_REC, MS_PRIVATE, MS_BIND = 0x4000, 0x40000, 0x1000


def sys_call(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def prctl(option, value):
    sys_call(LIBC.prctl(option, value, 0, 0, 0), "prctl")


def mount_private():
    """A mount namespace of our own, from which nothing gets out."""
    sys_call(LIBC.unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)")
    sys_call(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount private")


def bind(source, target):
    sys_call(LIBC.mount(os.fsencode(source), os.fsencode(target), None, MS_BIND | MS_REC, None),
             f"bind {source} on {target}")


def can_mount():
    """Whether a process may have a mount namespace of its own ("": yes; else the reason)."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            mount_private()
        except OSError as e:
            os.write(tell, str(e).encode())
        os._exit(0)
    os.close(tell)
    os.waitpid(pid, 0)
    with os.fdopen(told, "rb") as f:
        return f.read().decode()


def status_kb(pid, key):
    """VmRSS: its memory, VmHWM: the peak of that."""
    with open(f"/proc/{pid}/status", encoding="utf8") as f:
        return int(re.search(rf"^{key}:\s+(\d+) kB", f.read(), re.M)[1])


class Where:
    """Where a process runs: netns (a descriptor), binds {source: target}, hostname, root, fds it inherits, user (a
    number)."""

    def __init__(self, netns=None, binds=None, root=None, fds=(), cwd=None, hostname=None, user=None):
        self.netns, self.binds, self.root, self.hostname, self.user = netns, binds or {}, root, hostname, user
        self.fds, self.cwd = fds, cwd

    def enter(self, parent):
        """In the child, before exec."""
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(127)
        if self.netns is not None:
            sys_call(LIBC.setns(self.netns, CLONE_NEWNET), "setns")
        if self.binds:
            mount_private()
            for source, target in self.binds.items():
                bind(source, target)
        if self.hostname:
            sys_call(LIBC.unshare(CLONE_NEWUTS), "unshare(CLONE_NEWUTS)")
            socket.sethostname(self.hostname)
        if self.root:
            os.chroot(self.root)
            os.chdir("/")
        if self.cwd:
            os.chdir(self.cwd)
        if self.user is not None:
            os.setgroups([])
            os.setresgid(self.user, self.user, self.user)
            os.setresuid(self.user, self.user, self.user)
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # that was forgotten with the old user


class Proc:
    def __init__(self, world, name, argv, env=None, where=None, stdin=None, binary_out=None):
        """stdin: True for a pipe. binary_out: called with the bytes of stdout, which then is no text."""
        self.world, self.name, self.argv = world, name, argv
        self.lines, self.partial, self.binary_out = [], {}, binary_out
        where = where or Where()
        world.journal.add(name, "$ " + " ".join(argv))
        parent = os.getpid()
        self.popen = subprocess.Popen(
            argv, env=env if env is not None else world.env(), start_new_session=True,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL, bufsize=0,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pass_fds=tuple(where.fds), preexec_fn=lambda: where.enter(parent))
        self.pid = self.popen.pid
        self.status, self.began, self.exited_at = None, time.monotonic(), None
        self.pidfd = os.pidfd_open(self.pid)
        world.loop.watch(self.pidfd, self.on_exit)
        for kind, pipe in (("out", self.popen.stdout), ("err", self.popen.stderr)):
            os.set_blocking(pipe.fileno(), False)
            world.loop.watch(pipe.fileno(), lambda k=kind, p=pipe: self.on_readable(k, p))
        world.procs.append(self)

    # ---- what comes from it ----
    def on_exit(self):
        if self.popen.poll() is None:
            return
        self.status, self.exited_at = self.popen.returncode, time.monotonic()
        self.world.loop.unwatch(self.pidfd)
        os.close(self.pidfd)
        self.world.journal.add(self.name, f"[exit {self.status}]")

    def on_readable(self, kind, pipe):
        data = pipe.read(65536)
        if data is None:
            return
        if data == b"":
            self.world.loop.unwatch(pipe.fileno())
            pipe.close()
        if kind == "out" and self.binary_out:
            self.binary_out(data)
            return
        *whole, rest = (self.partial.get(kind, b"") + data).split(b"\n")
        if data == b"" and rest:
            whole, rest = [rest], b""
        self.partial[kind] = rest
        for line in whole:
            text = line.decode("utf8", "backslashreplace").rstrip("\r")
            self.lines.append(text)
            self.world.journal.add(self.name, text)

    @property
    def is_read(self):
        """Both pipes are at their end."""
        return self.popen.stdout.closed and self.popen.stderr.closed

    @property
    def alive(self):
        return self.status is None

    def find(self, pattern, since=0):
        """The first match of pattern in its lines from number since on."""
        for line in self.lines[since:]:
            match = re.search(pattern, line)
            if match:
                return match
        return None

    def expect_line(self, pattern, within=10.0, since=0):
        def look():
            match = self.find(pattern, since)
            if not match and not self.alive and self.is_read:
                raise Failed(f"{self.name} ended ({self.status}) without a line like {pattern!r}")
            return match
        return self.world.loop.expect(look, within, f"{self.name} prints {pattern!r}")

    # ---- what is done to it ----
    def kill(self, sig=signal.SIGKILL):
        """A signal to the process itself; its children learn of it as they would in life."""
        self.world.journal.add("test", f"{signal.Signals(sig).name} to {self.name}")
        if self.alive:
            os.kill(self.pid, sig)
        return self

    def stop(self): return self.kill(signal.SIGSTOP)
    def cont(self): return self.kill(signal.SIGCONT)

    def expect_exit(self, within=5.0, status=None):
        """Waits for the end; gives the status (negative: the signal)."""
        self.world.loop.expect(lambda: not self.alive, within, f"{self.name} ends")
        if status is not None and self.status != status:
            raise Failed(f"{self.name} ended with {self.status}, not {status}")
        return self.status


class Packets:
    """{packet, 4} over a descriptor pair: whole packets to a callback."""

    def __init__(self, on_packet):
        self.on_packet, self.buf = on_packet, b""

    def feed(self, data):
        data, at = self.buf + data, 0
        while len(data) >= at + 4:
            size = struct.unpack_from(">I", data, at)[0]
            if len(data) < at + 4 + size:
                break
            self.on_packet(data[at + 4:at + 4 + size])
            at += 4 + size
        self.buf = data[at:]


def frame(data):
    return struct.pack(">I", len(data)) + data
