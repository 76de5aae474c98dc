#!/usr/bin/env python3
"""A link that comes back resumes its TLS session, where the peer allows it: with TLS 1.2 an OTP node that is dialled does;
with TLS 1.3 none does (OTP gives no tickets to distribution), and nothing is lost by that. OTP as the client never offers one."""
from lib import *
from lib.ca import Ca, dist_args, optfile
from lib.otp import Otp

HERE = "127.0.0.1"


def a_peer(w, version, release=None):
    """(authority, node b of that release, sidecar of a node a that has b for a member)."""
    ca, otp = Ca(w), Otp(w, release) if release else None
    seen = otp.inside if otp else str
    a = w.erl("a", args=dist_args(optfile(w, ca.issue("a", HERE), version)))
    b = w.erl("b", args=dist_args(seen(optfile(w, ca.issue("b", HERE), version, seen=seen))), otp=otp)
    gc = GenCluster(w, a, tls=f'[{{optfile, "{optfile(w, ca.issue("gc", HERE), version)}"}}]', log_level="debug",
                    discovery=f"{{static, {atoms([b])}}}", reconnect="#{min_ms => 50, max_ms => 100}")
    gc.expect_members(b)
    gc.expect_log(f"tls: to {b.name}: TLSv{version}")
    return ca, b, gc


def join_again(b, gc, words):
    """The peer drops the link; the next dial says these words of its TLS."""
    since = len(gc.proc.lines)
    b.eval("erlang:disconnect_node(C)", C=gc.cnode)
    gc.expect_log(f"tls: to {b.name}{words}", since=since)
    gc.expect_log(f"link: {b.name} is up", since=since)


def tls12(w, release=None):
    ca, b, gc = a_peer(w, "1.2", release)
    for _ in range(2):
        join_again(b, gc, ", resumed: TLSv1.2, .*certificate CN=b")
    ca.issue("gc", HERE, renew=True)  # nothing outlives the files by which it was judged
    since = len(gc.proc.lines)
    gc.reload(log_level="debug")
    gc.expect_log("tls: .*certificate CN=gc", since=since)
    join_again(b, gc, ": TLSv1.2")
    join_again(b, gc, ", resumed: TLSv1.2")


def tls13(w, release=None):
    _, b, gc = a_peer(w, "1.3", release)
    join_again(b, gc, ": TLSv1.3")


def otp25(w):
    tls12(w)


def otp25_tls13(w):
    tls13(w)


def otp27(w):
    tls12(w, 27)


def otp27_tls13(w):
    tls13(w, 27)


main(otp25, otp25_tls13, otp27, otp27_tls13)
