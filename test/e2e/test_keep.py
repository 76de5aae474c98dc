#!/usr/bin/env python3
"""What happens to members that discovery no longer names, `ready`, and `links` (design 1.1, 1.3, 1.4)."""
from lib import *


def begin(w, **options):
    """Nodes a (owner), b, c, found by a file; (nodes, recorder, sidecar, a way to change the file)."""
    nodes = a, b, c = w.erls("a", "b", "c", args=["-connect_all", "false"])

    def name(*those):
        w.write("nodes", atoms(those) + ".\n")
    name(b, c)
    recorder = a.record()
    gc = GenCluster(w, a, discovery=f'{{file, "{w.path("nodes")}"}}', refresh_interval_ms=300,
                    reconnect="#{min_ms => 100, max_ms => 400}", **options)
    recorder.expect_view(b, c)
    return nodes, recorder, gc, name


def kept(w):
    """The default: it stays while it lives, and is not dialled again."""
    (a, b, c), recorder, gc, name = begin(w)
    name(b)
    gc.expect_peer(c, removed=True, state="member")
    gc.expect_rounds(4)
    a.expect_nodes(b, c)
    c.kill()
    recorder.expect_view(b)
    c.restart()
    gc.expect_rounds(4)
    assert c.name not in a.up and c.name not in gc.peers()
    name(b, c)
    recorder.expect_view(b, c)
    recorder.check()


def disconnected(w):
    (a, b, c), recorder, _, name = begin(w, removed="disconnect")
    name(b)
    assert recorder.expect_change("nodedown", c)["reason"] == "removed"
    a.expect_nodes(b)
    recorder.check()


def disconnected_later(w):
    (a, b, c), recorder, gc, name = begin(w, removed="{disconnect_after, 1500}")
    name(b)
    gc.expect_peer(c, removed=True, state="member")
    at = recorder.expect_change("nodedown", c)["at"]
    assert recorder.changes()[-1][2]["reason"] == "removed" and at > 0
    name(b, c)
    recorder.expect_view(b, c)
    name(b)
    gc.expect_peer(c, removed=True)
    name(b, c)  # named again before its time: it stays
    gc.expect_peer(c, removed=False)
    gc.expect_rounds(8)
    assert recorder.view() == {b.name, c.name}
    recorder.check()


def empty_confirmed(w):
    """An empty answer removes nothing before it was given three times."""
    (a, b, c), recorder, gc, name = begin(w, removed="disconnect")
    name()
    recorder.expect_view(within=10)
    recorder.check()


def ready_message(recorder):
    return [m for m in recorder.messages if m[:2] == ("gen_cluster", "ready")]


def ready(w):
    a, b, c = w.erls("a", "b", "c")
    recorder = a.record()
    GenCluster(w, a, discovery=f"{{static, {atoms([b, c])}}}",
               ready="#{members => 2, stable_ms => 300, timeout_ms => infinity}")
    info = w.expect(lambda: ready_message(recorder), 10, "ready")[0][2]
    assert info["reason"] == "formed" and info["members"] == 2, info
    recorder.check()


def ready_timeout(w):
    a, b = w.erls("a", "b")
    recorder = a.record()
    GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}",
               ready="#{members => 2, stable_ms => 300, timeout_ms => 1500}")
    info = w.expect(lambda: ready_message(recorder), 10, "ready")[0][2]
    assert info["reason"] == "timeout" and info["members"] == 1, info


def probe(w):
    """Our own link is closed once the owner has joined; the member stays, and its loss is seen."""
    a, b = w.erls("a", "b")
    recorder = a.record()
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}", links="probe")
    recorder.expect_view(b)
    b.expect_event("nodedown", gc.cnode)
    gc.expect_peer(b, state="member", linked=False)
    b.kill()
    recorder.expect_view()
    b.restart()
    recorder.expect_view(b)
    recorder.check()


main(kept, disconnected, disconnected_later, empty_confirmed, ready, ready_timeout, probe)
