"""Erl: a real Erlang node. The test evaluates expressions on it and hears of its nodeups, nodedowns and
of the messages to its recorders as they come. Its cookie is in its HOME, never in its arguments."""
import fcntl
import os
import socket

from . import etf
from .loop import Failed
from .proc import Packets, Proc, Where, frame
from .recorder import Recorder
from .world import BUILDDIR, need_program

LIBDIR = os.path.dirname(os.path.abspath(__file__))
MODULES = ("e2e_node", "e2e_gauge")
# One scheduler and no spinning: many nodes share few cores here.
SMALL_VM = ["+S", "1:1", "+SDcpu", "1:1", "+SDio", "1", "+A", "1", "+sbwt", "none", "+sbwtdcpu", "none",
            "+sbwtdio", "none"]


class ErlError(Failed):
    """An expression raised; .reason is (class, reason)."""

    def __init__(self, text, reason):
        super().__init__(text)
        self.reason = reason


def node_beam(world):
    """The compiled Erlang side, made once for all tests: the directory of its .beam files."""
    ebin = os.path.join(BUILDDIR, "test", "e2e", "ebin")
    os.makedirs(ebin, exist_ok=True)
    with open(os.path.join(ebin, ".lock"), "w", encoding="utf8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for module in MODULES:
            source, beam = os.path.join(LIBDIR, module + ".erl"), os.path.join(ebin, module + ".beam")
            if not os.path.exists(beam) or os.path.getmtime(beam) < os.path.getmtime(source):
                world.run("erlc", [need_program("erlc", "erlang-base"), "-o", ebin, source])
    return ebin


class Call:
    """An evaluation under way."""

    def __init__(self, node, text):
        self.node, self.text, self.result = node, text, None

    def wait(self, within=10.0):
        def done():
            if self.result is None and not self.node.alive:
                raise Failed(f"{self.node.name} died during {self.text}")
            return self.result
        result = self.node.world.expect(done, within, f"{self.node.short}: {self.text}")
        if result[0] == "ok":
            return result[1]
        raise ErlError(f"{self.node.short}: {self.text}: {result[0]}: {result[1]!r}\n{result[2].decode()}",
                       (result[0], result[1]))


class Erl:
    def __init__(self, world, short, host=None, at=None, cookie=None, hidden=False, ticktime=None,
                 args=(), env=None, otp=None, start=True):
        """at: a Host of a Net. otp: an Otp of otp.py, else the erl of the machine."""
        self.world, self.short, self.at, self.otp = world, short, at, otp
        self.host = host or (at.address if at else "127.0.0.1")
        self.name = etf.Atom(f"{short}@{self.host}")
        self.home = world.home(short, cookie)
        self.args = ["-kernel", "net_ticktime", str(ticktime)] if ticktime else []
        self.args += (["-hidden"] if hidden else []) + list(args)
        self.more_env, self.proc, self.recorders = env or {}, None, {}
        if start:
            self.start().ready()

    # ---- life ----
    def start(self):
        """Starts the VM; ready() waits for it."""
        need_program("erl", "erlang-base")
        self.ensure_epmd()
        self.up, self.hidden, self.events, self.is_ready = set(), set(), [], False
        self.calls, self.next_call, self.release = {}, 0, None
        ours, theirs = socket.socketpair()
        ours.settimeout(10)
        packets = Packets(self.on_packet)
        where = self.at.where() if self.at else Where()
        where.fds = [theirs.fileno()]
        program, ebin, home = ["erl"], None, self.home
        if self.otp:
            program, ebin, home = self.otp.enter(self.world, where, self.home)
        self.proc = Proc(self.world, self.short,
                         self.command(program, ebin or node_beam(self.world), theirs.fileno()) + self.args,
                         where=where, env=self.world.env(home, **self.more_env))
        theirs.close()
        self.channel = ours
        self.world.loop.watch(ours.fileno(), lambda: self.on_readable(ours, packets))
        return self

    def ensure_epmd(self):
        self.world.ensure_epmd(self.at)

    def command(self, program, ebin, fd):
        """The command line, but for its own args; ebin: where e2e_node is."""
        return program + SMALL_VM + [
            "-name", self.name, "-noinput", "-boot", "no_dot_erlang", "-start_epmd", "false",
            "-pa", ebin, "-s", "e2e_node", "-e2e_fd", str(fd)]

    def ready(self, within=20.0):
        def look():
            if not self.proc.alive:
                raise Failed(f"{self.name} ended with {self.proc.status} before it was ready")
            return self.is_ready
        self.world.expect(look, within, f"{self.name} is ready")
        return self

    def restart(self):
        """Kills it if it lives, and starts it anew under the same name."""
        if self.proc.alive:
            self.kill()
        self.proc.expect_exit()
        return self.start().ready()

    def kill(self, *sig):
        self.proc.kill(*sig)
        return self

    def stop(self): return self.kill(19)
    def cont(self): return self.kill(18)

    @property
    def alive(self):
        return self.proc is not None and self.proc.alive

    # ---- what it tells ----
    def on_readable(self, channel, packets):
        try:
            data = channel.recv(1 << 20)
        except ConnectionError:
            data = b""
        if data:
            packets.feed(data)
        else:
            self.world.loop.unwatch(channel.fileno())
            channel.close()

    def on_packet(self, packet):
        term = etf.decode(packet)
        if term[0] == "result":
            call = self.calls.pop(term[1])
            call.result = term[2]
            self.world.journal.add(self.short, f"{call.text} -> {term[2][0]} {term[2][1]!r}")
            return
        self.world.journal.add(self.short, repr(term))
        if term[0] == "ready":
            self.release, self.is_ready = term[2].decode(), True
            self.up.update(term[3])
            self.hidden.update(term[4])
        elif term[0] == "message":
            recorder = self.recorders.get(term[1])
            if recorder:
                recorder.add(term[2], term[3])
        else:
            self.on_node(*term)

    def on_node(self, what, node, info):
        self.events.append((what, node, info))
        nodes = self.hidden if info.get("node_type") == "hidden" else self.up
        (nodes.add if what == "nodeup" else nodes.discard)(node)

    # ---- what it is asked ----
    def begin(self, text, **bindings):
        """Starts an evaluation of Erlang expressions; bindings become its variables."""
        self.next_call += 1
        call = self.calls[self.next_call] = Call(self, text)
        values = {etf.Atom(k): v for k, v in bindings.items()}
        self.channel.sendall(frame(etf.encode((etf.Atom("eval"), self.next_call, text.strip().rstrip(".").encode()
                                               + b".", values))))
        return call

    def eval(self, text, within=10.0, **bindings):
        return self.begin(text, **bindings).wait(within)

    def expect_nodes(self, *nodes, within=10.0):
        """Waits until its nodes() are exactly these (Erl or names)."""
        want = {str(getattr(n, "name", n)) for n in nodes}
        self.world.expect(lambda: self.up == want, within, f"{self.short}: nodes() = {sorted(want)}")

    def expect_event(self, what, node, within=10.0, since=0, **info):
        """Waits for a nodeup or nodedown of node with such an Info; gives the Info."""
        name = str(getattr(node, "name", node))

        def look():
            for kind, who, facts in self.events[since:]:
                if kind == what and who == name and all(facts.get(k) == v for k, v in info.items()):
                    return facts
            return None
        return self.world.expect(look, within, f"{self.short}: {what} {name} {info or ''}")

    def record(self, name="gen_cluster"):
        """Starts (or, after a kill, restarts) a registered process that records all it gets."""
        recorder = self.recorders.get(name) or Recorder(self, name)
        self.recorders[name] = recorder
        recorder.begin(self.eval("e2e_node:record(Name)", Name=etf.Atom(name)))
        return recorder
