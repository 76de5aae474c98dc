#!/usr/bin/env python3
"""The option `allow`: discovery never leaves it, and nobody from outside of it comes in (SECURITY)."""
import socket
import time

from lib import *
from lib.ca import Ca, dist_args, optfile
from lib.dns import Dns
from lib.net import Net


def nobody_came(listener):
    """Whether no connection waits at the listening socket."""
    listener.setblocking(False)
    try:
        listener.accept()
        return False
    except BlockingIOError:
        return True


def knock(port, source):
    """Connects from that address and says nothing; gives after how many seconds it was cut."""
    with socket.create_connection(("127.0.0.1", port), 5, (source, 0)) as s:
        begin = time.monotonic()
        try:
            assert s.recv(1) == b""
        except ConnectionResetError:
            pass
        return time.monotonic() - begin


def cuts(gc):
    return gc.call("metrics")["accepts_cut"].get("address_not_allowed", 0)


def outside(w):
    """Neither by a dial nor by a question to EPMD, of the node or of the epmd plugin, does a byte get there."""
    a, b = w.erls("a", "b")
    trap = socket.create_server(("127.0.0.3", 0))
    w.closers.append(trap.close)
    EpmdEntry(w, "x", trap.getsockname()[1])  # the epmd of this host answers at 127.0.0.3, too
    gc = GenCluster(w, a, allow='["127.0.0.1", "fd00::/8"]', reconnect="#{min_ms => 100, max_ms => 300}",
                    discovery=f'[{{static, {atoms([b, "x@127.0.0.3"])}}}, {{epmd, #{{hosts => ["127.0.0.3"]}}}}]')
    a.expect_nodes(b)
    info = gc.expect_peer("x@127.0.0.3", reason="address_not_allowed", stage="resolve")
    assert info["last_error"]["detail"] == b"127.0.0.3" and info["state"] != "member", info
    gc.expect_log(r"x@127\.0\.0\.3: resolve: address_not_allowed")
    w.until(lambda: gc.call("discovery")[1].get("reason", b"").find(b"address_not_allowed") >= 0, 5,
            "the epmd plugin says why it does not ask")
    assert gc.call("config")["allow"] == [b"127.0.0.1", b"fd00::/8"]
    assert nobody_came(trap)
    assert not w.epmd.find(r'PORT2_RESP.*"x"'), "EPMD was asked"


def incoming(w):
    """Cut before a byte of it is read, counted, and told once in a while."""
    a = w.erl("a")
    gc = GenCluster(w, a, discovery="[]", allow='["127.0.0.1"]')
    port = gc.call("info")["listen_port"]
    for _ in range(20):
        assert knock(port, "127.0.0.9") < 1
    assert cuts(gc) == 20
    lines = [line for line in gc.proc.lines if "127.0.0.9" in line]
    assert 1 <= len(lines) <= 3 and "address_not_allowed" in lines[0], lines
    gc.expect_members()  # those inside are served


def reload(w):
    """SIGHUP changes it: what was refused is joined, and a link from outside is closed."""
    a, b = w.erls("a", "b")
    c = w.erl("c", host="127.0.0.2")
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b, c])}}}", allow='["127.0.0.1"]',
                    reconnect="#{min_ms => 100, max_ms => 300}")
    a.expect_nodes(b)
    gc.expect_peer(c, reason="address_not_allowed")
    gc.reload(allow='["127.0.0.0/8"]')
    a.expect_nodes(b, c)
    w.until(lambda: gc.peers()[c.name]["linked"], 5, "a link to c")
    gc.reload(allow='["127.0.0.1"]')
    gc.expect_log(r"reloaded", since=len(gc.proc.lines) - 1)
    gc.expect_peer(c, linked=False)
    assert gc.call("metrics")["links_cut"]["address_not_allowed"] == 1


def resolved(w):
    """What counts is the address that a name turns out to have, and the network of an interface."""
    net = Net(w)
    server = Dns(w, net.host("ns"))
    at = [net.host(f"h{i}").use_dns(server, search="test") for i in range(3)]
    server.set("near", A=[at[1].address])
    server.set("far", A=["192.0.2.1"])
    server.set("both", A=["192.0.2.2", at[2].address])
    a = w.erl("a", at=at[0])
    near, both = w.erl("n", at=at[1], host="near.test"), w.erl("n", at=at[2], host="both.test")
    gc = GenCluster(w, a, discovery=f'{{static, {atoms([near, both, "n@far.test"])}}}', allow="[lo, eth0]")
    gc.expect_peer("n@far.test", reason="address_not_allowed", detail=b"192.0.2.1")
    for node in near, both:  # of several addresses, one that is allowed
        gc.expect_peer(node, linked=True)


def over_tls(w):
    """The same with TLS and IPv6: who comes from outside is cut before TLS says a word, whatever certificate he has; whom
    discovery finds outside is not dialled, nor his EPMD asked."""
    ca, net = Ca(w), Net(w)
    at = [net.host(f"h{i}") for i in range(3)]

    def node(short, place):
        cert = ca.issue(short, place.address6)
        return w.erl(short, at=place, host=place.address6, args=dist_args(optfile(w, cert, name=short), "inet6"))
    a, b, c = (node(short, place) for short, place in zip("abc", at))
    file = optfile(w, ca.issue("gc", at[0].address6), name="gc")
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b, c])}}}", tls=f'[{{optfile, "{file}"}}]',
                    allow=f'["{at[0].address6}", "{at[1].address6}/128"]', reconnect="#{min_ms => 100, max_ms => 300}")
    gc.expect_members(b)
    gc.expect_peer(c, reason="address_not_allowed", stage="resolve", detail=at[2].address6.encode())
    assert c.eval("net_adm:ping(N)", N=gc.cnode) == "pang"
    assert cuts(gc) >= 1 and not gc.proc.find("tls_"), "cut before TLS"
    assert b.eval("net_adm:ping(N)", N=gc.cnode) == "pong"
    assert not w.epmd_procs["epmd-h2"].find('PORT2_RESP.*"c"'), "its EPMD was asked"
    gc.reload(allow='["fd00:77::/64"]')
    gc.expect_members(b, c)
    assert c.eval("net_adm:ping(N)", N=gc.cnode) == "pong"
    gc.reload(allow='["127.0.0.0/8", "::1"]')  # not even the owner
    gc.expect_log(f"owner: {a.name} cannot be reached: .*address_not_allowed")


def interfaces_change(w):
    """The networks of an interface are those of now: one that it gets counts, one that it loses does not any more."""
    net = Net(w)
    server = Dns(w, net.host("ns"))
    here, there = (net.host(f"h{i}").use_dns(server, search="test") for i in range(2))
    there.do("ip", "addr", "add", "192.168.9.2/24", "dev", "eth0")
    here.do("ip", "route", "add", "192.168.9.0/24", "dev", "eth0")
    a = w.erl("a", at=here)
    b = w.erl("b", at=there, host="192.168.9.2")
    server.set("mix", A=["192.168.9.2", "203.0.113.9"])
    gc = GenCluster(w, a, allow="[eth0]", reconnect="#{min_ms => 100, max_ms => 300}", refresh_interval_ms=500,
                    discovery='{dns, #{domain => "mix.test", node_basename => "b"}}')
    gc.expect_peer(b, reason="address_not_allowed", stage="resolve")
    gc.expect_peer("b@203.0.113.9", reason="address_not_allowed")
    here.do("ip", "addr", "add", "192.168.9.1/24", "dev", "eth0")
    gc.expect_members(b)
    gc.expect_peer("b@203.0.113.9", reason="address_not_allowed")
    here.do("ip", "addr", "del", "192.168.9.1/24", "dev", "eth0")
    b.kill()
    gc.expect_members()
    gc.expect_peer(b, reason="address_not_allowed", stage="resolve")


main(outside, incoming, reload, resolved, over_tls, interfaces_change, net=True)
