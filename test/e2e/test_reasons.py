#!/usr/bin/env python3
"""Who cannot be joined is told with its true reason and stage, and holds up nobody (design 1.1, step 2)."""
from lib import *
from lib.dns import FakeDns
from lib.net import Net


def local(w):
    a, good = w.erls("a", "good")
    cookie = w.erl("cookie", cookie="another")
    other = w.erl("other")
    EpmdEntry(w, "silent", silent_port(w))
    EpmdEntry(w, "dead", dead_port(w))
    EpmdEntry(w, "shy", silent_port(w), kind=72)
    wrong = {
        cookie.name: ("bad_cookie", "handshake"),
        "other@127.0.0.2": ("name_mismatch", "handshake"),
        "nobody@127.0.0.1": ("not_in_epmd", "epmd"),
        "silent@127.0.0.1": ("timeout", "handshake"),
        "dead@127.0.0.1": ("refused", "connect"),
        "shy@127.0.0.1": ("hidden", "epmd"),
    }
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([*wrong, good])}}}", connect_timeout_ms=1500)
    a.expect_nodes(good, within=1.4)  # before the silent one has had its time
    for name, (reason, stage) in wrong.items():
        info = gc.expect_peer(name, reason=reason, stage=stage)
        assert info["state"] != "member" and info["attempts"] >= (reason != "hidden"), info
    assert b"other@127.0.0.1" in gc.peers()["other@127.0.0.2"]["last_error"]["detail"]
    assert other.name not in a.up
    gc.expect_log(r"bad_cookie.*cookie@127\.0\.0\.1|cookie@127\.0\.0\.1.*bad_cookie")
    assert not gc.proc.find(w.cookie), "the cookie is in the log"


def remote(w):
    net = Net(w)
    at_a, bare, mute = net.host("h-a"), net.host("h-bare"), net.host("h-mute")
    silent_port(w, port=w.epmd_port, at=mute)
    a = w.erl("a", at=at_a.use_dns(FakeDns(w, net.host("h-dns"), "nxdomain")))
    wrong = {
        f"x@{bare.address}": ("no_epmd", "epmd"),
        f"x@{mute.address}": ("timeout", "epmd"),
        "x@10.99.0.1": ("unreachable", "epmd"),
        "x@nowhere.invalid": ("nxdomain", "resolve"),
    }
    gc = GenCluster(w, a, discovery=f"{{static, {atoms(wrong)}}}", connect_timeout_ms=1500)
    for name, (reason, stage) in wrong.items():
        gc.expect_peer(name, reason=reason, stage=stage)


def not_allowed(w):
    """net_kernel:allow/1 on the peer."""
    a, b = w.erls("a", "b")
    b.eval("net_kernel:allow(['someone@127.0.0.1'])")
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}")
    gc.expect_peer(b, reason="not_allowed", stage="handshake")
    assert a.up == set()


def cured(w):
    """A reason goes with its cause: the peer is joined once it is there."""
    a = w.erl("a")
    b = w.erl("b", start=False)
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}", reconnect="#{min_ms => 100, max_ms => 500}")
    gc.expect_peer(b, reason="not_in_epmd")
    b.start().ready()
    a.expect_nodes(b)
    gc.expect_peer(b, state="member")


main(local, remote, not_allowed, cured, net=True)
