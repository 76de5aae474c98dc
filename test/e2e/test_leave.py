#!/usr/bin/env python3
"""It leaves within a second when asked, with 0, whatever hangs (design 1.2)."""
import signal
import time

from lib import *
from lib.daemon import BUSY, LEAVE_WITHIN


def names(node):
    return {bytes(name).decode() for name, _ in node.eval("net_adm:names()")[1]}


def asked(gc, how):
    begin = time.monotonic()
    how()
    gc.proc.expect_exit(LEAVE_WITHIN + BUSY, 0)
    gc.world.say(f"left after {time.monotonic() - begin:.3f} s")


def by_signal(w):
    a, b = w.erls("a", "b")
    for sig in (signal.SIGTERM, signal.SIGINT):
        seen = len(a.events)
        gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}")
        gc.expect_members(b)
        asked(gc, lambda: gc.kill(sig))
        a.expect_event("nodedown", gc.cnode, 5, seen)
        w.until(lambda: "gc_a" not in names(a), 2, "the name is gone from EPMD")
        assert b.name in a.up, "the members stay connected"


def by_eof(w):
    a, b = w.erls("a", "b")
    port = GenClusterPort(w, a, f"[{{discovery, {{static, {atoms([b])}}}}}]")
    port.expect_packet("started")
    a.expect_nodes(b)
    asked(port, port.close_stdin)
    w.until(lambda: "gc_a" not in names(a), 2, "the name is gone from EPMD")


def by_stop(w):
    a = w.erl("a")
    port = GenClusterPort(w, a, "[{discovery, {static, []}}]")
    port.expect_packet("started")
    asked(port, lambda: port.send(Atom("stop")))


def before_it_began(w):
    a = w.erl("a")
    port = GenClusterPort(w, a, start=False)
    port.expect_packet("hello")
    asked(port, port.close_stdin)


def everything_hangs(w):
    """Silent peers in dials, a discovery program that never ends, epmd and the owner frozen."""
    a = w.erl("a")
    for i in range(20):
        EpmdEntry(w, f"silent{i}", silent_port(w))
    silent = atoms(f"silent{i}@127.0.0.1" for i in range(20))
    script = w.write("hang", f"#!/bin/sh\necho started >> {w.path('runs')}\ntrap '' TERM\nsleep 1000 & wait\n", 0o755)
    gc = GenCluster(w, a, discovery=f'[{{static, {silent}}}, {{exec, #{{command => ["{script}"]}}}}]', connect_timeout_ms=60000)
    w.expect(lambda: gc.cnode in a.hidden, 5, "the link to the owner")
    w.until(lambda: gc.call("metrics")["handshakes_pending"] >= 20, 5, "20 handshakes under way")
    w.until(lambda: open(w.path("runs"), encoding="utf8").read(), 5, "the program runs")
    a.stop()
    w.epmd.stop()
    asked(gc, lambda: gc.kill(signal.SIGTERM))
    w.epmd.cont()
    a.cont()


main(by_signal, by_eof, by_stop, before_it_began, everything_hangs)
