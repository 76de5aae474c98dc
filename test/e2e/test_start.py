#!/usr/bin/env python3
"""What the program needs is not there when it starts: it waits, says why in its log and in `info`, and goes on by itself.
(No EPMD, a late owner: test_restarts.py.)"""
from lib import *
from lib.dns import Dns
from lib.net import Net

QUICK = "#{min_ms => 100, max_ms => 500}"


def name_taken(w):
    """A second program of the same name: it disturbs nobody, and takes over when the first has gone, however."""
    a, b = w.erls("a", "b")
    recorder = a.record()
    options = dict(discovery=f"{{static, {atoms([b])}}}", reconnect=QUICK, refresh_interval_ms=300)
    first = GenCluster(w, a, **options)
    recorder.expect_view(b)
    a.expect_nodes(b)
    b.expect_nodes(a)
    for sig in (9, 15):
        w.expect(lambda g=first: g.cnode in a.hidden and g.cnode in b.hidden, 10, "its links")
        seen = len(a.events), len(b.events), len(recorder.messages)
        second = GenCluster(w, a, start=False, **options).start()
        second.expect_log("not registered: epmd: name_taken")
        first.expect_rounds(5)
        assert (len(a.events), len(b.events), len(recorder.messages)) == seen, "somebody noticed"
        assert first.call("info")["pid"] == first.proc.pid
        first.kill(sig).proc.expect_exit()
        second.ready()
        w.expect(lambda: len(recorder.messages) > seen[2], 10, "the second one tells")
        assert recorder.view() == {b.name} and b.name in a.up
        assert second.call("info", b)["pid"] == second.proc.pid
        first = second
    recorder.check()


def nothing_there(w):
    """No EPMD, no owner, no DNS server in an empty resolv.conf; one after the other comes."""
    net = Net(w)
    at, far = net.host("h"), net.host("far")
    dns = Dns(w, far)
    at.use_dns()
    at.has_epmd = False
    b = w.erl("b", at=far)
    a = w.erl("a", at=at, start=False)
    gc = GenCluster(w, a, reconnect=QUICK, refresh_interval_ms=200, start=False, connect_timeout_ms=1500,
                    discovery='{dns, #{domain => "pods.test", record_type => a, node_basename => ["b"], lookup_timeout => 500}}')
    gc.start()
    gc.expect_log("not registered: epmd: no_epmd")
    gc.expect_log(f"owner: {a.name} cannot be reached: epmd: no_epmd")
    gc.expect_log("discover dns: no answer: .*(refused|no DNS server)")
    w.start_epmd(at)
    gc.ready(15)
    info = gc.call("info", b)
    assert info["registered"] is True and "not_registered" not in info, info
    w.until(lambda: b"not_in_epmd" in gc.call("info", b).get("owner_missing", b""), 10, "info tells of the owner")
    assert gc.discovery(b)["quality"] == "error"
    a.start().ready()
    w.until(lambda: "owner_missing" not in gc.call("info", b), 10, "the owner is there")
    dns.set("pods", A=[far.address])
    with open(at.resolv, "w", encoding="utf8") as f:
        f.write(f"nameserver {far.address}\n")
    a.expect_nodes(b)
    gc.expect_members(b)


main(name_taken, nothing_there, net=True)
