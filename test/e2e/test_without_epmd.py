#!/usr/bin/env python3
"""Ports that EPMD does not tell: from SRV records, dist_port, a module of the nodes; and our own registration, on, off,
or where there is an EPMD."""
import os
import shutil

from lib import *
from lib.dns import Dns
from lib.net import Net
from lib.otp import Otp
from lib.world import SRCDIR

PORT, OURS = 4370, 4371  # of all nodes; of C-nodes on the same address


def hosts(w, count, has_epmd=False):
    net = Net(w)
    places = [net.host(f"h{i}") for i in range(count)]
    for place in places:
        place.has_epmd = has_epmd
    return net, places


def port_of(release, port=PORT):
    """How a node is told the one port: erl_epmd_port, which from OTP 27 on is a parameter of kernel."""
    return ["-kernel", "erl_epmd_node_listen_port", str(port)] if release else ["-erl_epmd_port", str(port)]


def epmd_module(w, release=None):
    """A node dials a C-node that shares the address of its owner, by -epmd_module gen_cluster_epmd."""
    _, (there, here) = hosts(w, 2)
    otp = Otp(w, release) if release else None
    source = os.path.join(SRCDIR, "erlang", "src", "gen_cluster_epmd.erl")
    if otp:
        shutil.copy(source, w.dir)
        w.run("erlc", ["erlc", "-o", f"/mnt/{otp.ebin}", "/mnt/gen_cluster_epmd.erl"], where=otp.put(Where()))
    else:
        w.run("erlc", ["erlc", "-o", w.dir, source])
    a = w.erl("a", at=there, otp=otp, args=port_of(release))
    gc = GenCluster(w, a, discovery="{static, []}", env={"ERL_DIST_PORT": PORT, "GEN_CLUSTER_LISTEN_PORT": OURS})
    b = w.erl("b", at=here, otp=otp, env={"GEN_CLUSTER_LISTEN_PORT": OURS},
              args=port_of(release) + ["-epmd_module", "gen_cluster_epmd"] + ([] if otp else ["-pa", w.dir]))
    assert b.eval("net_adm:ping(C)", C=gc.cnode) == "pong"
    assert b.eval("net_adm:ping(A)", A=a.name) == "pong"
    metrics = gc.call("metrics", b)
    assert (metrics["accepts_ok"], metrics["dials_ok"], metrics["epmd_registrations"]) == (1, 1, 0), metrics
    c = w.erl("c", at=here, args=["-erl_epmd_port", str(PORT + 2)])  # knows of no such module
    assert c.eval("net_adm:ping(C)", C=gc.cnode) == "pang"


def module_here(w):
    epmd_module(w)


def module_otp27(w):
    epmd_module(w, 27)


def ports_from_srv(w):
    """Two nodes on one host, each on a port of its own that SRV tells; nobody asks an EPMD, and there is none."""
    net, (there, here) = hosts(w, 2)
    server = Dns(w, net.host("ns"))
    here.use_dns(server, search="test")
    nodes = []
    for i in range(2):
        server.set(f"app-{i}.pods", A=[there.address])
        nodes.append(w.erl("app", at=there, host=f"app-{i}.pods.test", args=["-erl_epmd_port", str(4380 + i)]))
    server.set("_erlang._tcp.pods", SRV=[f"0 0 {4380 + i} app-{i}.pods.test." for i in range(2)])
    gc = GenCluster(w, at=here, dist="ei", epmd="false", discovery="""{dns, #{domain => "_erlang._tcp.pods.test",
        record_type => srv, host_type => hostname, node_basename => "app"}}""")
    for node in nodes:
        node.expect_event("nodeup", gc.cnode)


def wrong_dist_port(w):
    """Where dist_port is refused, or is another node's, EPMD is asked."""
    _, (one, two, here) = hosts(w, 3, has_epmd=True)
    right = w.erl("right", at=one, args=["-kernel", "inet_dist_listen_min", str(PORT), "inet_dist_listen_max", str(PORT)])
    beside, alone = w.erl("beside", at=one), w.erl("alone", at=two)
    names = atoms([right, beside, alone, f"nobody@{two.address}"])
    gc = GenCluster(w, at=here, dist="ei", dist_port=PORT, discovery=f"{{static, {names}}}")
    for node in (right, beside, alone):
        node.expect_event("nodeup", gc.cnode)
    fact = gc.expect_peer(f"nobody@{two.address}", via=right, reason="refused")
    assert fact["last_error"]["detail"].endswith(b"EPMD: not_in_epmd"), fact


def no_port(w):
    """With epmd false and no dist_port, and nobody who tells it: that is said, and nobody is asked."""
    _, (there, here) = hosts(w, 2, has_epmd=True)
    a, b = w.erl("a", at=here), w.erl("b", at=there)
    gc = GenCluster(w, at=here, dist="ei", epmd="false", listen_port=OURS, discovery=f"{{static, {atoms([b])}}}")
    gc.expect_log(f"{b.name}: connect: no_port")
    assert a.eval("net_adm:ping(C)", C=gc.cnode) == "pang"  # and nobody was told of us


def where_there_is_one(w):
    """epmd auto: found without, registered once there is one, and it may go again."""
    _, (here,) = hosts(w, 1)
    gc = GenCluster(w, at=here, epmd="auto", dist="ei", discovery="{static, []}", log_level="info")
    gc.expect_log("epmd: there is none here")
    epmd = w.start_epmd(here)
    a = w.erl("a", at=here)
    gc.expect_log("epmd: registered")
    assert a.eval("net_adm:ping(C)", C=gc.cnode) == "pong"
    since = len(gc.proc.lines)
    epmd.kill().expect_exit()
    gc.expect_log("epmd: there is none here", since=since)
    metrics = gc.call("metrics", a)
    assert (metrics["epmd_registrations"], metrics["epmd_losses"]) == (1, 1), metrics


main(module_here, module_otp27, ports_from_srv, wrong_dist_port, no_port, where_there_is_one, net=True)
