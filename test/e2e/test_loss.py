#!/usr/bin/env python3
"""A member that is killed, that freezes, that comes back (design 1.1, steps 4 and 5)."""
from lib import *


def killed_and_back(w):
    nodes = a, b, c = w.erls("a", "b", "c")
    recorder = a.record()
    gcs = formed(w, nodes, f"{{static, {atoms(nodes)}}}", refresh_interval_ms=60000)
    for _ in range(3):
        seen = len(recorder.changes())
        b.kill()
        assert recorder.expect_change("nodedown", b, 5, seen)["reason"] == "connection_closed"
        a.expect_nodes(c)
        b.restart()
        recorder.expect_change("nodeup", b, 10, seen)
        a.expect_nodes(b, c)
    gcs[0].expect_members(b, c)
    recorder.check()


def frozen_seen_by_owner(w):
    nodes = a, b = w.erls("a", "b", ticktime=4)
    recorder = a.record()
    formed(w, nodes, f"{{static, {atoms(nodes)}}}")
    b.stop()
    info = recorder.expect_change("nodedown", b, 12)
    assert info["reason"] == "tick_timeout", info
    b.cont()
    recorder.expect_change("nodeup", b, 15, len(recorder.changes()) - 1)
    recorder.check()


def frozen_seen_by_cnode(w):
    """No owner: our own ticks notice."""
    a, b = w.erls("a", "b")
    recorder = a.record()
    GenCluster(w, discovery=f"{{static, {atoms([b])}}}", notify=f"[{{gen_cluster, '{a.name}'}}]",
               net_ticktime=4, refresh_interval_ms=500)
    recorder.expect_view(b)
    b.stop()
    assert recorder.expect_change("nodedown", b, 12)["reason"] == "tick_timeout"
    b.cont()
    recorder.expect_change("nodeup", b, 15, len(recorder.changes()) - 1)
    recorder.check()


def ticks_keep_links(w):
    """A quiet link outlives many ticktimes in both directions."""
    a = w.erl("a", ticktime=4)
    gc = GenCluster(w, a, discovery="{static, []}", net_ticktime=4)
    w.expect(lambda: gc.cnode in a.hidden, 5, "the link")
    seen = len(a.events)
    quiet = a.begin("timer:sleep(15000)")  # three ticktimes and more: the quiet is the test
    quiet.wait(30)
    assert a.events[seen:] == [], a.events[seen:]
    assert gc.call("members") == []


main(killed_and_back, frozen_seen_by_owner, frozen_seen_by_cnode, ticks_keep_links)
