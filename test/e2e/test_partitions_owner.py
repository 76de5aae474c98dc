#!/usr/bin/env python3
"""The program and its owner are cut apart, in one direction or both: there are no members meanwhile, and the subscriber
gets what holds when they meet again."""
from lib import *
from lib.net import Net
from lib.scene import IN_TIME, Scene


def apart(s, *rules):
    """Cuts them and waits until the program has noticed."""
    since = len(s.gc.proc.lines)
    s.net.drop(*rules)
    b = s.peers["b"]
    s.told.hit |= {node.name for node in s.peers.values()}
    s.gc.expect_members(via=b, within=IN_TIME)
    s.gc.expect_log(f"owner: {s.owner.name} is down: .*tick_timeout", since=since)
    assert s.owner.up == {node.name for node in s.peers.values()}, "its own connections are not touched"


def one_way(w):
    s = Scene(w, "b", "c")
    program, owner = [s.at["program"]], [s.at["owner"]]
    b, c = s.peers["b"], s.peers["c"]

    def told(count):
        """So many snapshots in all."""
        w.expect(lambda: sum(m[:2] == ("gen_cluster", "members") for m in s.recorder.messages) == count, 20, "told anew")
    told(1)
    apart(s, *Net.between(program, owner))
    c.kill()
    s.owner.expect_nodes(b)
    s.net.heal()
    told(2)
    s.recorder.expect_view(b)
    c.start().ready()
    s.settle(via=b)
    apart(s, *Net.between(owner, program))
    s.net.heal()
    told(3)
    s.settle(via=b)


main(one_way, net=True)
