#!/usr/bin/env python3
"""`gen_cluster port`: the protocol of src/port.h, with the test in the place of the VM."""
import os

from lib import *
from lib.abuse import is_sanitized, status_kb
from lib.load import cpu
from lib.loop import SLOW
from lib.proc import frame


def begin(w, **more):
    a, b = w.erls("a", "b")
    port = GenClusterPort(w, a, f"[{{discovery, {{static, {atoms([b])}}}}}]", **more)
    port.expect_packet("started")
    return a, b, port


def talks(w):
    a, b, port = begin(w)
    hello = port.packets[0]
    assert hello[0] == "hello" and hello[1]["pid"] == port.proc.pid and hello[1]["abi"] == 1, hello
    assert port.expect_packet("started")[1] == "gc_a@127.0.0.1"
    a.expect_nodes(b)
    w.until(lambda: [n for n, _ in port.request(Atom("members"))] == [b.name], 5, "members over the port")
    assert port.request(Atom("nonsense"))[0] == "error"
    assert port.request((Atom("peer"), b.name))["state"] == "member"
    assert port.expect_packet("log")[1] in ("error", "warning", "notice", "info", "debug")
    assert [n for n, _ in port.call("members")] == [b.name], "and from the shell"
    with open(f"/proc/{port.proc.pid}/cmdline", encoding="utf8") as cmdline, \
            open(f"/proc/{port.proc.pid}/environ", encoding="utf8") as environ:
        assert w.cookie not in cmdline.read() + environ.read()
    assert w.cookie not in repr(port.packets)


def reloads(w):
    a, b, port = begin(w)
    c = w.erl("c")
    seen = len(port.packets)
    port.send((Atom("reload"), a.eval(f"[{{discovery, {{static, {atoms([b, c])}}}}}]")))
    assert port.expect_packet("reloaded", since=seen)[1] == "ok"
    a.expect_nodes(b, c)
    seen = len(port.packets)
    port.send((Atom("reload"), a.eval("[{discoveri, x}]")))
    answer = port.expect_packet("reloaded", since=seen)[1]
    assert answer[0] == "error" and b"discovery" in answer[1], answer


def refuses(w):
    a = w.erl("a")
    port = GenClusterPort(w, a, "[{refresh_interval_ms, soon}]")
    assert b"refresh_interval_ms" in port.expect_packet("error")[1]
    port.proc.expect_exit(2, 78)


def broken_packets(w):
    """Anything that is no packet ends the program, cleanly."""
    a = w.erl("a")
    for rubbish in (frame(b""), frame(b"\x83"), frame(b"\x84h\0"), b"\xff\xff\xff\xff", frame(b"\x83h\xff"), b"\0\0\0\5ab"):
        port = GenClusterPort(w, a, start=False)
        port.expect_packet("hello")
        os.write(port.proc.popen.stdin.fileno(), rubbish)
        if rubbish == b"\0\0\0\5ab":
            port.close_stdin()
        port.proc.expect_exit(2)
        assert port.proc.status >= 0, f"killed by a signal: {port.proc.status}"


def no_pipes(w):
    """By hand, or under a supervisor that gives it /dev/null."""
    for where in ("</dev/null", "0<&- 1>&-", ">/dev/null <&1"):
        proc = w.run("port", ["sh", "-c", f"exec {program()} port {where}"], within=5, status=64)
        proc.expect_line("must be pipes")


class Deaf:
    """Stops reading what it says, until reads()."""

    def __init__(self, port):
        self.port, self.pipe = port, port.proc.popen.stdout
        port.world.loop.unwatch(self.pipe.fileno())

    def reads(self):
        self.port.world.loop.watch(self.pipe.fileno(), lambda: self.port.proc.on_readable("out", self.pipe))


def nonsense(port, count):
    """So many packets that mean nothing: it logs each. All have been taken when this returns."""
    data = frame(b"\x83a\x01") * count
    fd = port.proc.popen.stdin.fileno()
    os.set_blocking(fd, False)

    def some():
        nonlocal data
        try:
            data = data[os.write(fd, data[:1 << 16]):]
        except BlockingIOError:
            pass
        return not data
    port.world.until(some, 20, f"{count} packets are taken")
    os.set_blocking(fd, True)


def owner_does_not_read(w):
    """A full pipe to the owner holds up nothing; what was dropped is counted, and told when it reads again."""
    a, b, port = begin(w)
    port.expect_members(b)
    memory, count = status_kb(port.proc.pid, "VmRSS"), 50000
    deaf = Deaf(port)
    nonsense(port, count)
    b.kill()
    port.expect_members(within=5)
    b.restart()
    a.expect_nodes(b)
    port.expect_members(b)
    assert port.call("info")["loop_max_ms"] < 500 * SLOW
    assert is_sanitized() or status_kb(port.proc.pid, "VmRSS") - memory < 32000
    used = cpu(port.proc.pid)
    assert a.eval("net_adm:ping(C)", C=port.cnode) == "pong"
    assert cpu(port.proc.pid) - used < 0.2 * SLOW, "it spins"
    deaf.reads()
    w.until(lambda: port.request(Atom("info"))["members"] == 1, 10, "it is asked again")
    told = port.expect_packet("log", where=lambda term: b"were dropped" in term[3])
    dropped = int(told[3].split()[0])
    seen = sum(term[0] == "log" and b"means nothing" in term[3] for term in port.packets)
    assert dropped > 1000 and count <= seen + dropped <= count + 100, (dropped, seen)


def owner_never_reads(w):
    """An answer that cannot be given ends it, in time."""
    a, b, port = begin(w)
    Deaf(port)
    try:
        for _ in range(10000):
            port.send((Atom("call"), 1, Atom("help")))
    except BrokenPipeError:
        pass
    port.proc.expect_exit(3, 0)
    w.until(lambda: a.eval("net_adm:names()")[0] == "ok" and b"gc_a" not in repr(a.eval("net_adm:names()")).encode(), 5,
            "its name is gone")


main(talks, reloads, refuses, broken_packets, no_pipes, owner_does_not_read, owner_never_reads)
