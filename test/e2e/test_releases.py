#!/usr/bin/env python3
"""The main scenario against other OTP releases, as peers and as owners (25 is that of all other tests)."""
from lib import *
from lib.otp import Otp


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


def otp23(w):
    scenario(w, 23)


def otp27(w):
    scenario(w, 27)


def otp29(w):
    scenario(w, 29)


main(otp23, otp27, otp29)
