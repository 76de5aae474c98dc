#!/usr/bin/env python3
"""The OTP application knows how its node talks to others: over TLS and IPv6, without EPMD, with which tick time; the
options say nothing of it."""
import os

from lib import *
from lib.ca import Ca, dist_args, optfile
from lib.combination import inet_tuple
from lib.net import Net
from lib.world import BUILDDIR

EBIN = os.path.join(BUILDDIR, "erlang", "ebin")


def knows(w, family, tls, args, has_epmd):
    if not os.path.exists(os.path.join(EBIN, "gen_cluster.app")):
        raise Skip(f"the application is not built in {EBIN}")
    net, ca, nodes = Net(w), Ca(w) if tls else None, []
    places = [net.host(f"h{i}") for i in range(2)]
    addresses = [place.address6 if family == "inet6" else place.address for place in places]
    for place, address, short in zip(places, addresses, "ab"):
        place.has_epmd = has_epmd
        dist = dist_args(optfile(w, ca.issue(short, address), tls), family) if tls else ["-proto_dist", f"{family}_tcp"]
        nodes.append(w.erl(short, at=place, host=address, ticktime=44, env={"GEN_CLUSTER_PROGRAM": program()},
                           args=[*dist, *args, "-kernel", "inet_dist_use_interface", inet_tuple(address), "-pa", EBIN]))
    for node, other in (nodes, reversed(nodes)):
        assert node.eval("""ok = application:load(gen_cluster), application:set_env(gen_cluster, discovery, {static, [N]}),
                            element(1, application:ensure_all_started(gen_cluster))""", N=other.name) == "ok"
    for node, other in (nodes, reversed(nodes)):
        node.expect_nodes(other)
        w.until(lambda n=node, o=other: n.eval("[N || L <- [catch gen_cluster:members()], is_list(L), {N, _} <- L]")
                == [o.name], 15, "members")
        assert node.eval("gen_cluster:config()")["net_ticktime"] == 44


def plain(w):
    knows(w, "inet", None, [], True)


def tls_without_epmd(w):
    knows(w, "inet6", "1.3", ["-erl_epmd_port", "4370"], False)


def tls(w):
    knows(w, "inet", "1.2", [], True)


main(plain, tls_without_epmd, tls, net=True)
