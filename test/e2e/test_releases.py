#!/usr/bin/env python3
"""The main scenario against other OTP releases, as peers and as owners (25 is that of all other tests)."""
from lib import *
from lib.otp import Otp
from lib.world import reserve_port


def scenario(w, release):
    """A node of this machine and two of the release, a sidecar beside each."""
    otp = Otp(w, release)
    nodes = a, b, c = [w.erl("a"), w.erl("b", otp=otp), w.erl("c", otp=otp)]
    recorders = [a.record(), b.record()]
    gcs = formed(w, nodes, "{epmd, #{}}")
    b_to_c = gcs[1].cnode
    for node in nodes:
        assert node.eval("net_adm:ping(C)", C=b_to_c) == "pong"
        assert {n for n, _ in node.eval("gen_server:call({gen_cluster, C}, members)", C=b_to_c)} == {a.name, c.name}
        assert len(node.eval("rpc:call(C, gen_cluster, members, [])", C=b_to_c)) == 2
        assert node.eval("rpc:call(C, os, cmd, [\"id\"])", C=b_to_c)[0] == "badrpc"
    c.kill()
    for recorder, others in zip(recorders, ((b,), (a,))):
        recorder.expect_view(*others)
    c.restart()
    for recorder, others in zip(recorders, ((b, c), (a, c))):
        recorder.expect_view(*others)
        recorder.check()
    b.restart()  # an owner of that release comes back under its sidecar
    b.expect_nodes(a, c)


def without_epmd(w, release):
    """One port for all (-erl_epmd_port, ERL_DIST_PORT of relx). OTP 23 then begins its handshake with a name of
    version 5 and sends the rest of it later."""
    port, lock = reserve_port()
    b = w.erl("b", otp=Otp(w, release) if release else None,
              args=["-erl_epmd_port", str(port), "-kernel", "inet_dist_use_interface", "{127,0,0,1}"])
    gc = GenCluster(w, cnode="gen_cluster@127.0.0.2", discovery="{static, []}", epmd=False, listen_address='"127.0.0.2"',
                    listen_port=port, dist_port=port)
    assert b.eval("net_adm:ping(C)", C=gc.cnode) == "pong"
    b.expect_event("nodeup", gc.cnode, node_type="hidden")
    assert gc.call("info", b)["node"] == gc.cnode
    w.until(lambda: gc.call("metrics", b)["accepts_ok"] == 1, 5, "it was b that connected")
    lock.close()


def otp23(w):
    scenario(w, 23)


def otp23_without_epmd(w):
    without_epmd(w, 23)


def without_epmd_here(w):
    without_epmd(w, None)


def otp27(w):
    scenario(w, 27)


def otp29(w):
    scenario(w, 29)


main(otp23, otp23_without_epmd, without_epmd_here, otp27, otp29)
