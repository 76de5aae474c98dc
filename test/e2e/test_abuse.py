#!/usr/bin/env python3
"""Attacks of the hostile peer on the daemon (issue: it must not be hurt): while each goes on, a real node's calls are
answered, a good node gets in, memory and descriptors stay and come back, what is cut is counted and logged. This is the
short form; make abuse runs all, with the limits as they are meant."""
import re
import socket

from lib import *
from lib.abuse import Siege
from lib.net import Net

IPV6_FREEBIND = 78


def run(siege, attacks, **options):
    bad = {}
    for name in attacks:
        result = siege.attack(name, **options)
        if not result.is_good:
            bad[name] = result.complaints
    assert not bad, bad
    return siege.results


def strangers(w):
    siege = Siege(w)
    results = run(siege, ["wrong_tags", "lengths", "half_close", "reset", "odd_names", "flags", "wrong_digest",
                          "early_frames", "junk", "mutated", "impostor", "crowd_one", "crowd_many", "crowd_names"], crowd=300)
    seen = {reason for r in results for reason in r.cut}
    assert {"protocol_error", "too_big", "bad_name", "incompatible", "bad_cookie", "timeout", "overload"} <= seen, seen


def members(w):
    siege = Siege(w)
    run(siege, ["operations", "truncated", "deep", "lying", "atoms", "unlink", "spawn", "wrong_frames", "frame_lengths",
                "half_frame"])


def floods(w):
    siege = Siege(w)
    results = run(siege, ["big_message", "never_reads", "calls", "ticks", "monitors", "duplicates", "hijack", "many_links",
                          "usurper"], calls=50000, big_mb=60, crowd=300)
    lost = {reason for r in results for reason in r.lost}
    assert {"too_big", "overload", "replaced"} <= lost, lost
    # The owner's name was taken twenty times: the link to it is back, and so is what it says.
    w.until(lambda: str(siege.control.name) in siege.gc.members(siege.caller), 10, "the owner's view is back")


def dialled(w):
    siege = Siege(w)
    run(siege, ["dialled_drip", "dialled_name", "dialled_reflect", "dialled_ack", "dialled_eager"])


def one_source(w):
    """A crowd from one address takes nobody else's place, and each reason is logged at growing distances only."""
    siege = Siege(w)
    result = siege.attack("crowd_one", crowd=1000)
    assert result.is_good, result.complaints
    assert result.cut["overload"] >= 900 and set(result.cut) <= {"overload", "timeout", "connection_closed"}, result.cut
    lines = [line for line in siege.gc.proc.lines if "cut: overload" in line]
    assert 1 <= len(lines) <= 5, lines
    assert all(re.search(r"127\.0\.66\.6 .*too many from that address", line) for line in lines), lines


def sources(w):
    """Silent connections from ever new addresses of one /64 are one source: a good node of another gets in at once."""
    net = Net(w)
    at, evil, good = net.host("gc"), net.host("evil"), net.host("good")
    evil.do("ip", "-6", "route", "add", "local", "fd00:66::/64", "dev", "lo")
    for host in at, good:
        host.do("ip", "-6", "route", "add", "fd00:66::/64", "via", evil.address6)
    a = w.erl("a", at=at)
    gc = GenCluster(w, a, discovery="[]")
    port = gc.call("info")["listen_port"]

    def knock(i):
        s = socket.socket(socket.AF_INET6)
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        s.bind((f"fd00:66::{i + 1:x}", 0))
        s.connect((at.address6, port))
        return s
    crowd = evil.inside(lambda: [knock(i) for i in range(200)])
    try:
        w.until(lambda: gc.call("metrics")["accepts"] >= 200, 10, "all have been accepted")
        metrics = gc.call("metrics")
        assert metrics["handshakes_pending"] <= 8, metrics
        assert metrics["accepts_cut"]["overload"] >= 192, metrics["accepts_cut"]
        b = w.erl("b", at=good)
        assert b.eval("net_adm:ping(C)", C=gc.cnode) == "pong"
    finally:
        for s in crowd:
            s.close()


main(strangers, members, floods, dialled, one_source, sources, net=True)
