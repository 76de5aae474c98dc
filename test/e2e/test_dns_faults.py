#!/usr/bin/env python3
"""DNS goes empty, says NXDOMAIN, SERVFAIL, REFUSED, rubbish, or nothing: no member is lost, each is told (design 1.1)."""
from lib import *
from lib.dns import Dns, FakeDns
from lib.net import Net


def begin(w):
    """(server, host of the server, nodes, sidecar of the first, recorder): formed by DNS."""
    net = Net(w)
    at_dns, places = net.host("ns"), [net.host(f"h{i}") for i in range(2)]
    server = Dns(w, at_dns)
    nodes = [w.erl("app", at=place.use_dns(server)) for place in places]
    server.set("pods", A=[place.address for place in places])
    recorder = nodes[0].record()
    gc = GenCluster(w, nodes[0], refresh_interval_ms=300,
                    discovery='{dns, #{domain => "pods.test", record_type => a, lookup_timeout => 500}}')
    recorder.expect_view(nodes[1])
    return server, at_dns, nodes, gc, recorder


def trouble(gc, reason, rounds=4):
    """Waits for so many more answers, of which the last has this reason."""
    gc.expect_rounds(rounds, within=30)
    gc.world.until(lambda: reason in repr(gc.discovery()), 5, f"discovery tells {reason}")


def no_loss(gc, nodes, recorder):
    assert recorder.view() == {nodes[1].name} and len(recorder.changes()) <= 1, recorder.changes()
    assert gc.members() == {nodes[1].name}
    recorder.check()


def answers(w):
    server, _, nodes, gc, recorder = begin(w)
    server.clear("pods")
    trouble(gc, "nxdomain")
    no_loss(gc, nodes, recorder)
    server.set("pods")
    trouble(gc, "nodata")
    no_loss(gc, nodes, recorder)
    server.mute()
    trouble(gc, "timeout", 2)
    no_loss(gc, nodes, recorder)
    server.unmute()
    server.set("pods", A=[node.at.address for node in nodes])
    trouble(gc, "complete", 1)
    no_loss(gc, nodes, recorder)


def faults(w):
    server, at_dns, nodes, gc, recorder = begin(w)
    server.proc.kill(15).expect_exit(10)
    trouble(gc, "refused", 1)
    fake = FakeDns(w, at_dns)
    for mode, reason in (("servfail", "servfail"), ("refused", "refused"), ("mute", "timeout"), ("garbage", "timeout")):
        fake.mode(mode)
        trouble(gc, reason, 2)
        no_loss(gc, nodes, recorder)
    fake.proc.kill().expect_exit()
    nodes[1].kill()  # an error keeps the last good set: who died is dialled again
    recorder.expect_view()
    nodes[1].restart()
    recorder.expect_view(nodes[1])
    server.start()
    trouble(gc, "complete", 1)
    recorder.check()


main(answers, faults, net=True)
