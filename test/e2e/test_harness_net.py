#!/usr/bin/env python3
"""Hosts, cuts and DNS of the harness itself, on real nodes."""
from lib import *
from lib.dns import Dns, FakeDns
from lib.net import Net


def two_hosts(w):
    net = Net(w)
    a, b = w.erl("a", at=net.host("h1")), w.erl("b", at=net.host("h2"))
    assert a.eval("net_adm:ping(B)", B=b.name) == "pong"
    a.expect_nodes(b)


def cut_and_heal(w):
    net = Net(w)
    h1, h2 = net.host("h1"), net.host("h2")
    a, b = w.erl("a", at=h1, ticktime=4), w.erl("b", at=h2, ticktime=4)
    a.eval("net_kernel:connect_node(B)", B=b.name)
    net.cut([h1], [h2])
    a.expect_event("nodedown", b, 10)
    b.expect_event("nodedown", a, 10)
    net.heal()
    assert a.eval("net_kernel:connect_node(B)", B=b.name) is True
    h2.down()
    a.expect_event("nodedown", b, 10, since=len(a.events))
    h2.up()
    w.until(lambda: a.eval("net_kernel:connect_node(B)", 15, B=b.name), 20, "connected again")


def dns_records(w):
    net = Net(w)
    server, h1 = net.host("ns"), net.host("h1")
    dns = Dns(w, server)
    a = w.erl("a", at=h1.use_dns(server))
    get = "inet:getaddrs(\"pods.test\", F)"
    assert a.eval(get, F=Atom("inet")) == ("error", "nxdomain")
    dns.set("pods", A=["10.77.0.3", "10.77.0.4"], AAAA=["fd00:77::3"])
    assert sorted(a.eval(get, F=Atom("inet"))[1]) == [(10, 77, 0, 3), (10, 77, 0, 4)]
    assert len(a.eval(get, F=Atom("inet6"))[1]) == 1
    dns.set("_erlang._tcp.pods", SRV=["0 0 4370 pods.test."])
    srv = a.eval('inet_res:lookup("_erlang._tcp.pods.test", in, srv, [{nameservers, [{NS, 53}]}])',
                 NS=(10, 77, 0, 2))
    assert srv == [(0, 0, 4370, list(b"pods.test"))], srv
    dns.clear("pods")
    assert a.eval(get, F=Atom("inet")) == ("error", "nxdomain")


def fake_dns(w):
    net = Net(w)
    server, h1 = net.host("ns"), net.host("h1")
    fake = FakeDns(w, server)
    a = w.erl("a", at=h1.use_dns(server))
    ask = 'inet_res:resolve("x.test", in, a, [{nameservers, [{{10, 77, 0, 2}, 53}]}, {timeout, 300}, {retry, 1}])'
    for mode, want in (("servfail", "servfail"), ("refused", "refused"), ("nxdomain", "nxdomain"),
                       ("mute", "timeout")):
        fake.mode(mode)
        reply = a.eval(ask)
        assert reply[0] == "error" and want in repr(reply[1]), (mode, reply)
    assert fake.asked("x.test") >= 4


main(two_hosts, cut_and_heal, dns_records, fake_dns, net=True)
