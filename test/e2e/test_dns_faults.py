#!/usr/bin/env python3
"""DNS goes empty, says NXDOMAIN, SERVFAIL, REFUSED, rubbish, or nothing: no member is lost, each is told (design 1.1)."""
import time

from lib import *
from lib.dns import Dns, FakeDns
from lib.net import Net


def begin(w, domains='"pods.test"', kind="a"):
    """(server, host of the server, nodes, sidecar of the first, recorder): formed by DNS."""
    net = Net(w)
    at_dns, places = net.host("ns"), [net.host(f"h{i}") for i in range(2)]
    server = Dns(w, at_dns)
    nodes = [w.erl("app", at=place.use_dns(server)) for place in places]
    server.set("pods", A=[place.address for place in places])
    server.set("more", A=[places[1].address])
    recorder = nodes[0].record()
    gc = GenCluster(w, nodes[0], refresh_interval_ms=300,
                    discovery=f"{{dns, #{{domain => {domains}, record_type => {kind}, lookup_timeout => 500}}}}")
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


def in_parts(w):
    """A domain that cannot be asked beside one that answers, with fewer nodes than before: nobody is lost. The time to
    live is told, and is that of the answer."""
    server, at_dns, nodes, gc, recorder = begin(w, '["pods.test", "more.test"]')
    assert gc.discovery()["quality"] == "complete" and gc.discovery()["ttl"] == 1, gc.discovery()
    server.proc.kill(15).expect_exit(10)
    fake = FakeDns(w, at_dns)
    fake.mode(f"half pods.test {nodes[0].at.address}")
    trouble(gc, "partial")
    answer = gc.discovery()
    assert answer["ttl"] == 7 and "more.test" in bytes(answer["reason"]).decode(), answer
    no_loss(gc, nodes, recorder)


def one_family(w):
    """record_type ip: where A answers, it does not matter what becomes of AAAA."""
    server, at_dns, nodes, gc, recorder = begin(w, kind="ip")
    server.proc.kill(15).expect_exit(10)
    fake = FakeDns(w, at_dns)
    trouble(gc, "servfail", 2)
    fake.mode(f"half pods.test {nodes[0].at.address} {nodes[1].at.address}")
    trouble(gc, "complete", 2)
    assert fake.asked("pods.test") > 1
    no_loss(gc, nodes, recorder)


def cold_start(w):
    """The record comes after the program: it is asked for again soon, however long the interval is."""
    net = Net(w)
    server = Dns(w, net.host("ns"))
    nodes = [w.erl("app", at=net.host(f"h{i}").use_dns(server)) for i in range(2)]
    recorder = nodes[0].record()
    gc = GenCluster(w, nodes[0], refresh_interval_ms="infinity", refresh_jitter=0,
                    discovery='{dns, #{domain => "pods.test", record_type => a}}')
    gc.expect_log("no peers: nxdomain")
    server.set("pods", A=[node.at.address for node in nodes])
    begin = time.monotonic()
    recorder.expect_view(nodes[1])
    w.journal.add("test", f"joined {time.monotonic() - begin:.2f} s after its record")
    recorder.check()


main(answers, faults, in_parts, one_family, cold_start, net=True)
