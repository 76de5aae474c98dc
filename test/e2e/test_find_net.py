#!/usr/bin/env python3
"""Hosts of their own: epmd on several hosts, and DNS (A, AAAA, SRV) from a real server."""
from lib import *
from lib.dns import Dns
from lib.net import Net


def hosts(w, count=3, dns=True):
    """(the DNS server, nodes with the same basename, each on a host of its own)."""
    net = Net(w)
    server = Dns(w, net.host("ns")) if dns else None
    places = [net.host(f"h{i}") for i in range(count)]
    if dns:
        for place in places:
            place.use_dns(server, search="test")
    return server, places


def addresses(places):
    return [place.address for place in places]


def epmd_hosts(w):
    _, places = hosts(w, dns=False)
    nodes = [w.erl(name, at=place) for name, place in zip("abc", places)]
    wanted = ", ".join(f'"{place.address}"' for place in places)
    formed(w, nodes, f"{{epmd, #{{hosts => [{wanted}]}}}}")


def a_records(w):
    """A found address becomes basename@address; a search domain and a removed record (kept) on the way."""
    server, places = hosts(w)
    nodes = [w.erl("app", at=place) for place in places]
    server.set("pods", A=addresses(places))
    gcs = formed(w, nodes, '{dns, #{domain => "pods", record_type => a, node_basename => "app"}}')
    server.set("pods", A=addresses(places[:2]))
    gcs[0].expect_rounds(2)
    gcs[0].expect_members(nodes[1], nodes[2])


def ip_records(w):
    """The form of the Erlang library, nothing said but the domain."""
    server, places = hosts(w)
    nodes = [w.erl("app", at=place) for place in places]
    server.set("pods", A=addresses(places))
    formed(w, nodes, '{gc_discover_dns_a, #{domain => "pods.test"}}')


def aaaa_records(w):
    """AAAA names IPv6 hosts: basename@fd00::7, on nodes with -proto_dist inet6_tcp."""
    server, places = hosts(w)
    nodes = [w.erl("app", at=place, host=place.address6, args=["-proto_dist", "inet6_tcp"]) for place in places]
    server.set("pods", AAAA=[place.address6 for place in places])
    formed(w, nodes, '{dns, #{domain => "pods.test", record_type => aaaa}}')


def dual(w, six, **how):
    """Hosts with both records are found once each, by the family that the owner's name has."""
    server, places = hosts(w)
    nodes = [w.erl("app", at=place, host=place.address6 if six else None, **how) for place in places]
    server.set("pods", A=addresses(places), AAAA=[place.address6 for place in places])
    for gc in formed(w, nodes, '{dns, #{domain => "pods.test"}}'):
        assert len([node for node in gc.peers() if node != gc.owner.name]) == 2, gc.peers()


def dual_stack_4(w):
    dual(w, False)


def dual_stack_6(w):
    dual(w, True, args=["-proto_dist", "inet6_tcp"])


def srv_records(w):
    """SRV names hosts and ports: no EPMD lookup is needed, the names are those of the targets."""
    server, places = hosts(w)
    for i, place in enumerate(places):
        server.set(f"app-{i}.pods", A=[place.address])
    nodes = [w.erl("app", at=place, host=f"app-{i}.pods.test", args=[
        "-kernel", "inet_dist_listen_min", "4370", "inet_dist_listen_max", "4370"]) for i, place in enumerate(places)]
    server.set("_erlang._tcp.pods", SRV=[f"0 0 4370 app-{i}.pods.test." for i in range(3)])
    formed(w, nodes, '{dns, #{domain => "_erlang._tcp.pods.test", record_type => srv, host_type => hostname}}')


def link_local_server(w):
    """The only name server is a link-local one with its zone, as router advertisements bring it."""
    net = Net(w)
    ns, *places = [net.host(name) for name in ("ns", "h0", "h1")]
    ns.do("ip", "-6", "addr", "add", "fe80::53/64", "dev", "eth0", "nodad")
    server = Dns(w, ns, address6="::")
    for place in places:
        place.use_dns("fe80::53%eth0", search="test")
    nodes = [w.erl("app", at=place) for place in places]
    server.set("pods", A=addresses(places))
    formed(w, nodes, '{dns, #{domain => "pods"}}')


def no_such_zone(w):
    """A zone that is no interface is told with the server's address."""
    net = Net(w)
    place = net.host("h0").use_dns("fe80::53%none0")
    a = w.erl("a", at=place)
    gc = GenCluster(w, a, discovery='{dns, #{domain => "pods.test.", lookup_timeout => 1000}}')
    gc.expect_log(r"fe80::53%none0")


def truncated(w):
    """More records than a datagram holds: asked again by TCP, and none is missing."""
    server, places = hosts(w, 2)
    nodes = [w.erl("app", at=place) for place in places]
    crowd = [f"10.77.200.{i}" for i in range(1, 151)]
    server.set("pods", A=crowd + addresses(places))
    a = nodes[0]
    gc = GenCluster(w, a, discovery='{dns, #{domain => "pods.test"}}', connect_timeout_ms=1000)
    a.expect_nodes(nodes[1])
    w.until(lambda: len(gc.peers()) == 151, 5, "all 151 peers")


main(epmd_hosts, a_records, ip_records, aaaa_records, dual_stack_4, dual_stack_6, srv_records, link_local_server, no_such_zone, truncated, net=True)
