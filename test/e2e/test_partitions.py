#!/usr/bin/env python3
"""Cuts of every shape between the owner, the program and the peers, each on a host of its own; all at once, each at
another peer. What is lost is told with its reason and in time, what still works stays, and all heals."""
from lib import *
from lib.net import Net
from lib.scene import IN_TIME, Scene


def peers(w):
    s = Scene(w, "all", "answers", "epmd", "dist", "owners", "ours")
    seen, gc = len(s.recorder.changes()), s.gc
    lost = {"all": ("timeout", "epmd"), "answers": ("timeout", "epmd"), "dist": ("timeout", "connect"),
            "owners": ("join_failed", "join")}
    s.told.hit |= {s.peers[name].name for name in (*lost, "epmd")}
    s.net.drop(*s.between("all", "owner"), *s.between("all", "program"),
               *Net.between([s.at["answers"]], [s.at["owner"], s.at["program"]]),
               *s.tcp("epmd", w.epmd_port), *s.tcp("dist", s.port("dist")),
               *s.between("owners", "owner"), *s.between("ours", "program"))
    for name in lost:
        assert s.recorder.expect_change("nodedown", s.peers[name], IN_TIME, seen)["reason"] == "tick_timeout", name
    gc.expect_peer(s.peers["ours"], state="member", linked=False)
    s.peers["epmd"].kill()
    assert s.recorder.expect_change("nodedown", s.peers["epmd"], 5, seen)["reason"] == "connection_closed"
    s.peers["epmd"].start().ready()
    lost["epmd"] = ("timeout", "epmd")
    for name, (reason, stage) in lost.items():
        gc.expect_peer(s.peers[name], reason=reason, stage=stage)
    s.recorder.expect_view(s.peers["ours"])
    assert s.owner.up == {s.peers["ours"].name}
    s.net.heal()
    s.settle()
    assert not any(node == s.peers["ours"].name for _, node, _ in s.recorder.changes()[seen:])


main(peers, net=True)
