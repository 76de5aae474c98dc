"""World: everything one test has to itself. A temporary directory, a free EPMD port, a cookie, an epmd, and
the processes started in it. close() ends them, and the test fails if any descendant still lives then, or
if a program of ours does not leave when asked."""
import os
import random
import secrets
import shutil
import signal
import socket
import tempfile
import time

from .journal import Journal
from .loop import SLOW, Failed, Loop, Skip
from .proc import PR_SET_CHILD_SUBREAPER, Proc, Where, prctl

E2EDIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SRCDIR = os.path.abspath(os.environ.get("GC_SRCDIR", os.path.join(E2EDIR, "..", "..")))
BUILDDIR = os.path.abspath(os.environ.get("GC_BUILDDIR", os.path.join(SRCDIR, "build")))


def reserve_port():
    """A TCP port that no other world and nobody else uses: (port, the lock on it). Outside of the range
    the kernel gives out by itself; held by an abstract socket, which dies with us."""
    for _ in range(1000):
        port = random.randrange(10000, 32000)
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0gen_cluster-e2e-{port}")
            with socket.socket(socket.AF_INET) as probe:
                probe.bind(("0.0.0.0", port))
            return port, lock
        except OSError:
            lock.close()
    raise Failed("no free port found")


def need_program(program, package=None):
    """The path of a program, or the test is skipped."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Skip(f"{program} is not installed" + (f" (Debian: {package})" if package else ""))
    return path


def descendants(of):
    """Processes below a pid: [(pid, state, command)]."""
    table = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf8", errors="replace") as f:
                text = f.read()
        except OSError:
            continue
        name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
        table.setdefault(int(rest[1]), []).append((int(entry), rest[0], name))
    found, todo = [], [of]
    while todo:
        children = table.get(todo.pop(), [])
        found += children
        todo += [pid for pid, _, _ in children]
    return found


class World:
    def __init__(self, name="world"):
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.name, self.journal = name, Journal()
        self.loop = Loop(self.journal)
        self.dir = tempfile.mkdtemp(prefix=f"gc-e2e-{name}-")
        os.chmod(self.dir, 0o755)
        self.procs, self.leavers, self.closers = [], [], []
        self.cookie = secrets.token_hex(12)
        self.epmd_port, self.port_lock = reserve_port()
        self.epmd_procs = {}
        self.expect, self.until = self.loop.expect, self.loop.until

    # ---- files and environment ----
    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text, mode=0o644):
        """Writes a file as a whole: readers see the old one or the new one."""
        path = self.path(name)
        with open(path + ".new", "w", encoding="utf8") as f:
            f.write(text)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)
        return path

    def home(self, name, cookie=None):
        """A HOME with a cookie in it."""
        home = self.path("home-" + name)
        if not os.path.isdir(home):
            os.mkdir(home)
            fd = os.open(os.path.join(home, ".erlang.cookie"), os.O_WRONLY | os.O_CREAT, 0o400)
            os.write(fd, (cookie or self.cookie).encode())
            os.close(fd)
        return home

    def env(self, home=None, **more):
        env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin", "LANG": "C.UTF-8",
               "HOME": home or self.dir, "TMPDIR": self.dir, "ERL_EPMD_PORT": str(self.epmd_port),
               "ERL_CRASH_DUMP": "/dev/null", "GEN_CLUSTER_PLUGIN_DIR":
               os.environ.get("GEN_CLUSTER_PLUGIN_DIR", os.path.join(BUILDDIR, "plugins", ".libs"))}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        env.update({k: str(v) for k, v in more.items()})
        return env

    def say(self, text):
        self.journal.add("test", text)

    # ---- processes ----
    def spawn(self, name, argv, **how):
        return Proc(self, name, argv, **how)

    def run(self, name, argv, within=30.0, status=0, **how):
        """Runs a command to its end; gives the process with its lines."""
        proc = Proc(self, name, argv, **how)
        proc.expect_exit(within, status)
        self.loop.expect(lambda: proc.is_read, 5, f"all that {name} printed")
        return proc

    def start_epmd(self, at=None):
        """epmd in the foreground; ready when it says so. at: a Host of a Net."""
        need_program("epmd", "erlang-base")
        name = f"epmd-{at.name}" if at else "epmd"
        proc = Proc(self, name, ["epmd", "-d", "-port", str(self.epmd_port)],
                    where=at.where() if at else Where())
        proc.expect_line(r"epmd running")
        self.epmd_procs[name] = proc
        return proc

    def ensure_epmd(self, at=None):
        if at and not at.has_epmd:
            return
        name = f"epmd-{at.name}" if at else "epmd"
        if name not in self.epmd_procs:
            self.start_epmd(at)

    @property
    def epmd(self):
        return self.epmd_procs.get("epmd")

    # ---- the end ----
    def close(self, failed=False):
        """Ends everything; raises Failed if something of ours did not go or would not."""
        complaints = []
        try:
            if not failed:
                complaints += self.ask_to_leave()
            self.kill_all()
            complaints += self.nobody_left()
        finally:
            for closer in reversed(self.closers):
                closer()
            self.loop.close()
            self.port_lock.close()
            shutil.rmtree(self.dir, ignore_errors=True)
        if complaints and not failed:
            raise Failed("; ".join(complaints))
        for text in complaints:
            self.say(text)

    def ask_to_leave(self):
        complaints = []
        for leaver in self.leavers:
            try:
                leaver()
            except Failed as e:
                complaints.append(str(e))
        return complaints

    def kill_all(self):
        for proc in self.procs:
            if proc.alive:
                os.kill(proc.pid, signal.SIGKILL)
        for proc in self.procs:
            self.loop.expect(lambda p=proc: not p.alive, 10, f"{proc.name} is gone")

    def nobody_left(self):
        """Orphans come to us, as we are their subreaper: reap them; who stays is a complaint."""
        deadline = time.monotonic() + 3 * SLOW
        while True:
            left = descendants(os.getpid())
            for pid, state, _ in left:
                if state == "Z":
                    try:
                        os.waitpid(pid, os.WNOHANG)
                    except ChildProcessError:
                        pass
            left = [entry for entry in left if entry[1] != "Z"]
            if not left:
                return []
            if time.monotonic() > deadline:
                break
            self.loop.pump(0.02)
        for pid, _, _ in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return ["left behind: " + ", ".join(f"{name}[{pid}]" for pid, _, name in left)]
