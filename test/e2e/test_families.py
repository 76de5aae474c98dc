#!/usr/bin/env python3
"""IPv6 beside IPv4: hosts of both families of which one leads nowhere, hosts without IPv4, what we listen on."""
import socket
import time

from lib import *
from lib.loop import SLOW
from lib.net import Net
from lib.world import need_program

# GC_STAGGER_MS, and what starting and two handshakes may take on a busy machine.
DELAY, SLACK = 0.25, 1.0


def two_hosts(w, *addresses):
    """(a, b, the node b@both.test on b, which listens on both families); addresses: what both.test is besides, for a."""
    net = Net(w)
    a, b = net.host("a"), net.host("b")
    lines = [f"{address} both.test" for address in (*addresses, b.address, b.address6)]
    a.hosts = w.write("hosts", "\n".join(["127.0.0.1 localhost", "::1 localhost", *lines]) + "\n")
    return a, b, w.erl("b", at=b, host="both.test", args=["-proto_dist", "inet6_tcp"])


def drop(host, *families):
    """Whatever comes to this host by TCP over these families vanishes."""
    need_program("nft", "nftables")
    rules = "; ".join(f"add rule inet gc in meta nfproto {family} meta l4proto tcp drop" for family in families)
    host.do("nft", "add table inet gc; add chain inet gc in { type filter hook input priority 0; policy accept; }; " + rules)


def time_to_link(w, a, node):
    """Seconds from when the C-node is ready until the node sees its link."""
    gc = GenCluster(w, at=a, dist="ei", cnode=f"gc_{node.short}@{a.address}", discovery=f"{{static, {atoms([node])}}}", start=False).start()
    gc.ready()
    begin = time.monotonic()
    node.expect_event("nodeup", gc.cnode)
    return gc, time.monotonic() - begin


def black_hole(w, family, *addresses):
    a, b, node = two_hosts(w, *addresses)
    drop(b, family)
    _, took = time_to_link(w, a, node)
    assert took < DELAY + SLACK * SLOW, took


def no_ipv4_there(w):
    black_hole(w, "ipv4")


def no_ipv6_there(w):
    black_hole(w, "ipv6")


def many_dead_addresses(w):
    """The families take turns: six dead addresses of one cost no more than one."""
    black_hole(w, "ipv4", *(f"10.77.200.{i}" for i in range(1, 7)))


def neither(w):
    """Both lead nowhere: one deadline over all, and the reason says so."""
    a, b, node = two_hosts(w)
    gc, _ = time_to_link(w, a, node)
    watcher = w.erl("w", at=a)
    drop(b, "ipv4", "ipv6")
    b.do("nft", "add rule inet gc in meta l4proto tcp drop")
    gc.configure(connect_timeout_ms=1000)
    gc.restart()
    fact = gc.expect_peer(node, via=watcher, reason="timeout")
    assert fact["last_error"]["stage"] in ("epmd", "connect"), fact


def refused_by_one(w):
    """A node that listens on one family only: the other is refused, and costs nothing."""
    a, b, _ = two_hosts(w)
    for short, args in (("four", []), ("six", ["-proto_dist", "inet6_tcp", "-kernel", "inet_dist_listen_options",
                                               "[{ipv6_v6only,true}]"])):
        _, took = time_to_link(w, a, w.erl(short, at=b, host="both.test", args=args))
        assert took < SLACK * SLOW, (short, took)


def no_ipv4_at_all(w):
    """Hosts that have IPv6 only: EPMD is at ::1 and at the peer's address, and a cluster forms and is told."""
    net = Net(w)
    places = [net.host(f"h{i}") for i in range(3)]
    for place in places:
        place.do("ip", "addr", "del", f"{place.address}/16", "dev", "eth0")
        place.do("ip", "addr", "del", "127.0.0.1/8", "dev", "lo")
    nodes = [w.erl(name, at=place, host=place.address6, args=["-proto_dist", "inet6_tcp"])
             for name, place in zip("abc", places)]
    wanted = ", ".join(f'"{place.address6}"' for place in places)
    gcs = formed(w, nodes, f"{{epmd, #{{hosts => [{wanted}]}}}}")
    for node in nodes:
        assert node.eval("net_adm:ping(C)", C=gcs[0].cnode) == "pong"
    names = [bytes(name).decode() for name, _ in nodes[0].eval("erl_epmd:names({0, 0, 0, 0, 0, 0, 0, 1})")[1]]
    assert sorted(names) == ["a", "gc_a"], names


def answers(address, port):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
        return s.connect_ex((address, port)) == 0


def listening(w):
    """One address, several, of both families, all on one port; nobody else is heard."""
    cases = ((["127.0.0.7"], ["127.0.0.1", "::1"]),
             (["::1"], ["127.0.0.1"]),
             (["127.0.0.7", "::1", "127.0.0.8"], ["127.0.0.1", "127.0.0.9"]),
             (["::", "127.0.0.7"], ["127.0.0.1"]),
             (["0.0.0.0", "::"], []), ([], []))
    for number, (addresses, others) in enumerate(cases):
        text = "[" + ", ".join(f'"{a}"' for a in addresses) + "]"
        gc = GenCluster(w, cnode=f"g{number}@127.0.0.1", name=f"g{number}", listen_address=text)
        port = int(gc.expect_log(r"listens on port (\d+)").group(1))
        for address in (a for a in addresses or ["::1", "127.0.0.1", "127.0.0.7"]):
            reach = {"::": "::1", "0.0.0.0": "127.0.0.1"}.get(address, address)
            assert answers(reach, port), (addresses, reach)
        for address in others:
            assert not answers(address, port), (addresses, address)
        gc.leave()


def cannot_listen(w):
    holder = socket.create_server(("127.0.0.7", 0))
    port = holder.getsockname()[1]
    for address, why in (("127.0.0.7", "address already in use"), ("192.0.2.1", "not available"),
                         ('["127.0.0.8", "127.0.0.7"]', f"127.0.0.7 port {port}")):
        gc = GenCluster(w, start=False, listen_address=address if address[0] == "[" else f'"{address}"',
                        listen_port=port).start()
        gc.expect_log(f"cannot listen on .*{why}")
        assert gc.proc.expect_exit() == 1
    holder.close()


main(no_ipv4_there, no_ipv6_there, many_dead_addresses, neither, refused_by_one, no_ipv4_at_all, listening, cannot_listen,
     net=True)
