#!/usr/bin/env python3
"""epmd, the owner, the subscriber, the program itself: each may die and come back."""
from lib import *


def names(node):
    listed = node.eval("net_adm:names()")
    return {bytes(name).decode() for name, _ in listed[1]} if listed[0] == "ok" else set()


def epmd(w):
    a, b = w.erls("a", "b")
    gcs = formed(w, [a, b], "{epmd, #{}}")
    recorder = a.record()
    recorder.expect_view(b)
    for _ in range(2):
        w.epmd.kill().expect_exit()
        w.until(lambda: gcs[0].call("info")["registered"] is False, 5, "it knows")
        w.start_epmd()
        w.until(lambda: names(a) >= {"a", "b", "gc_a", "gc_b"}, 10, "all registered again")
    c = w.erl("c")
    a.expect_nodes(b, c)
    recorder.expect_view(b, c)
    assert len(recorder.changes()) == 1, "no member was lost"
    recorder.check()


def no_epmd_at_start(w):
    """The C-node waits for an EPMD that comes later."""
    a = w.erl("a")
    w.epmd.kill().expect_exit()
    gc = GenCluster(w, a, discovery="{static, []}", start=False).start()
    gc.expect_log("no_epmd|EPMD|epmd")
    w.start_epmd()
    gc.ready()
    w.until(lambda: "gc_a" in names(a), 15, "the C-node is registered")
    w.until(lambda: gc.cnode in a.hidden, 15, "the link to the owner")


def owner(w):
    """The sidecar waits for its owner, and joins all again when it is back."""
    a, b, c = w.erls("a", "b", "c")
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b, c])}}}", reconnect="#{min_ms => 100, max_ms => 1000}")
    a.expect_nodes(b, c)
    for _ in range(2):
        a.kill().proc.expect_exit()
        w.until(lambda: gc.members(via=b) == set(), 5, "no members without an owner")
        a.start().ready()
        recorder = a.record()
        a.expect_nodes(b, c)
        recorder.expect_view(b, c)
        recorder.check()
    gc.expect_members(b, c)


def owner_comes_later(w):
    b = w.erl("b")
    a = w.erl("a", start=False)
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}", reconnect="#{min_ms => 100, max_ms => 1000}")
    w.until(lambda: gc.call("info", b)["members"] == 0, 5, "it answers others meanwhile")
    a.start().ready()
    a.expect_nodes(b)


def subscriber(w):
    """Sees the state first in its new life, and each change exactly once, in order."""
    a, b, c = w.erls("a", "b", "c")
    recorder = a.record()
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b, c])}}}", reconnect="#{min_ms => 100, max_ms => 1000}")
    recorder.expect_view(b, c)
    for _ in range(3):
        recorder.kill()
        b.kill()
        gc.expect_members(c)
        a.record()
        recorder.expect_view(c)
        b.restart()
        recorder.expect_view(b, c)
    recorder.check()


def sidecar(w):
    """A killed sidecar leaves the cluster as it is; a new one takes over under the same name."""
    a, b = w.erls("a", "b")
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}")
    a.expect_nodes(b)
    gc.kill().proc.expect_exit()
    a.expect_event("nodedown", gc.cnode)
    assert a.up == {b.name}
    recorder = a.record()
    gc.start().ready()
    recorder.expect_view(b)
    recorder.check()
    assert a.eval("net_adm:ping(C)", C=gc.cnode) == "pong"


def no_needless_joins(w):
    """A new sidecar does not ask the owner to connect to what it has already."""
    a, b, c = w.erls("a", "b", "c")
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b, c])}}}", reconnect="#{min_ms => 100, max_ms => 1000}")
    gc.expect_members(b, c)
    calls = a.record("calls")
    a.eval("erlang:trace(all, true, [call, {tracer, P}]), "
           "erlang:trace_pattern({net_kernel, connect_node, 1}, true, [])", P=calls.pid)
    for _ in range(3):
        calls.messages.clear()
        gc.restart()
        gc.expect_members(b, c)
        c.restart()
        gc.expect_members(b, c)
        w.until(lambda: calls.messages, 5, "c has been joined")
        assert {message[3][2][0] for message in calls.messages} == {c.name}, calls.messages


main(epmd, no_epmd_at_start, owner, owner_comes_later, subscriber, sidecar, no_needless_joins)
