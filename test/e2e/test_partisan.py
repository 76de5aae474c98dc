#!/usr/bin/env python3
"""The dist backend partisan, against a STAND-IN for Partisan (lib/partisan) that keeps its words on real nodes."""
from lib import *
from lib.parts import QUICK, Parts


def comes_and_goes(w):
    """Joined without Erlang's distribution between the nodes; a lost one is told, and joined again."""
    parts = Parts(w, "a", "b", "c")
    a, b, c = parts.nodes
    recorder = a.record()
    gc = parts.cluster(w)
    recorder.expect_view(b, c)
    gc.expect_members(b, c)
    assert a.up == set(), "partisan joins, not Erlang's distribution"
    assert set(a.eval("partisan_peer_service:peers()")) == {b.name, c.name}
    b.kill().proc.expect_exit()
    recorder.expect_view(c)
    parts.restart(b)
    recorder.expect_view(b, c)
    recorder.check()


def refused(w):
    """A failed join has its reason, and holds up nobody."""
    parts = Parts(w, "a", "b", "c")
    a, b, c = parts.nodes
    a.eval("partisan_peer_service:refuse([B])", B=b.name)
    gc = parts.cluster(w)
    gc.expect_members(c)
    info = gc.expect_peer(b, reason="join_failed", stage="join")
    assert b"{error, refused}" in info["last_error"]["detail"], info
    a.eval("partisan_peer_service:refuse([])")
    gc.expect_members(b, c)


def not_loaded(w):
    a, b = w.erls("a", "b")
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}", dist="partisan", reconnect=QUICK)
    info = gc.expect_peer(b, reason="join_failed", stage="join")
    assert b"has no partisan_peer_service:join/1" in info["last_error"]["detail"], info
    gc.expect_log("partisan.*members/0")


def owner(w):
    """The owner is killed and comes back with nobody joined: all are joined again."""
    parts = Parts(w, "a", "b", "c")
    a, b, c = parts.nodes
    gc = parts.cluster(w)
    gc.expect_members(b, c)
    a.kill().proc.expect_exit()
    gc.expect_members(via=b)
    parts.restart(a)
    recorder = a.record()
    recorder.expect_view(b, c)
    recorder.check()


def specifications(w):
    """As Partisan 5 has it: node specifications with address, port and the owner's channels; who is connected."""
    parts = Parts(w, "a", "b", "c", what="specs")
    a, b, c = parts.nodes
    recorder = a.record()
    gc = parts.cluster(w, f"port => {parts.port}, view => nodes", removed="disconnect")
    recorder.expect_view(b, c)
    gc.reload(discovery=f"{{static, {atoms([c])}}}")
    assert recorder.expect_change("nodedown", b)["reason"] == "removed"
    w.until(lambda: a.eval("partisan_peer_service:peers()") == [c.name], 10, "b has been left")
    recorder.check()


main(comes_and_goes, refused, not_loaded, owner, specifications)
