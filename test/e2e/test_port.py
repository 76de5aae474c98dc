#!/usr/bin/env python3
"""`gen_cluster port`: the protocol of src/port.h, with the test in the place of the VM."""
import os

from lib import *
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


def owner_does_not_read(w):
    """A full pipe to the owner holds up nothing."""
    a, b, port = begin(w)
    w.loop.unwatch(port.proc.popen.stdout.fileno())
    for _ in range(2000):
        port.send((Atom("call"), 1, Atom("help")))
    w.until(lambda: a.eval("net_adm:ping(C)", C=port.cnode) == "pong", 5, "it is in EPMD and answers")
    port.close_stdin()
    port.proc.expect_exit(2)


main(talks, reloads, refuses, broken_packets, no_pipes, owner_does_not_read)
