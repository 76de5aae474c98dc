#!/usr/bin/env python3
"""How many handshakes may be pending: 8 of a source, which is an IPv4 address or a /64 of IPv6; 128 in all. The oldest gives
way, and an honest node gets in meanwhile."""
import socket

from lib import *
from lib.net import Net

PER_SOURCE, IN_ALL = 8, 128


class Strangers:
    """Silent connections from chosen addresses of a host."""

    def __init__(self, w, host, gc, target):
        self.host, self.gc, self.sockets = host, gc, []
        self.target = target, gc.call("info")["listen_port"]
        w.closers.append(self.close)

    def knock(self, source, count):
        """Opens connections; they are ready when the kernel has them."""
        def connect():
            family = socket.AF_INET6 if ":" in source else socket.AF_INET
            s = socket.socket(family)
            s.settimeout(5)
            s.bind((source, 0))
            s.connect(self.target)
            s.setblocking(False)
            return s
        opened = [self.host.inside(connect) for _ in range(count)]
        self.sockets += opened
        return opened

    def close(self):
        for s in self.sockets:
            s.close()


def is_open(s):
    try:
        return s.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def overloads(gc):
    return gc.call("metrics")["accepts_cut"].get("overload", 0)


class Place:
    """A sidecar, and a host of strangers with addresses of their own."""

    def __init__(self, w):
        net = Net(w)
        self.here, self.there = net.host("here"), net.host("there")
        self.owner = w.erl("a", at=self.here)
        self.gc = GenCluster(w, self.owner, discovery="[]")
        self.gc.expect_members()

    def add(self, host, *addresses):
        for address in addresses:
            v6 = ":" in address
            host.do("ip", "addr", "add", address + ("/64" if v6 else "/16"), "dev", "eth0", *(["nodad"] if v6 else []))


def the_ninth(w, strangers, source, other):
    """It costs the first its place, and no other source one; gives what is open of that source."""
    gc = strangers.gc
    before, opened = overloads(gc), strangers.knock(source, PER_SOURCE + 3)
    w.until(lambda: [is_open(s) for s in opened] == [False] * 3 + [True] * PER_SOURCE, 1.5, "the three oldest are cut")
    strangers.knock(other, 1)
    w.until(lambda: gc.call("metrics")["handshakes_pending"] > PER_SOURCE, 1.5, "the other has a place of its own")
    assert overloads(gc) == before + 3
    return opened[3:]


def of_an_address(w):
    place = Place(w)
    place.add(place.there, "10.77.3.1", "10.77.3.2")
    the_ninth(w, Strangers(w, place.there, place.gc, place.here.address), "10.77.3.1", "10.77.3.2")


def of_a_network(w):
    """A host can have all addresses of a /64."""
    place = Place(w)
    place.add(place.there, "fd00:77::3:1", "fd00:77::3:2", "fd00:78::1")
    place.add(place.here, "fd00:78::2")
    strangers = Strangers(w, place.there, place.gc, place.here.address6)
    still_open = the_ninth(w, strangers, "fd00:77::3:1", "fd00:78::1")
    strangers.knock("fd00:77::3:2", 1)
    w.until(lambda: not is_open(still_open[0]), 1.5, "it is the same source")


def in_all(w):
    """From many sources: never more than 128, and an honest node is in at once."""
    place = Place(w)
    gc, sources = place.gc, [f"10.77.4.{i + 1}" for i in range(IN_ALL // PER_SOURCE + 4)]
    place.add(place.there, *sources)
    b = w.erl("b", at=place.there)
    strangers = Strangers(w, place.there, gc, place.here.address)
    for _ in range(5):  # on a machine that is very busy the first ones have had their two seconds before the last are there
        before = overloads(gc)
        for source in sources:
            strangers.knock(source, PER_SOURCE)
        metrics = gc.call("metrics")
        assert metrics["handshakes_pending"] <= IN_ALL
        if metrics["accepts_cut"].get("overload", 0) >= before + 4 * PER_SOURCE:
            break
    else:
        raise Failed("nobody was cut")
    assert sum(is_open(s) for s in strangers.sockets) <= IN_ALL
    assert b.eval("net_adm:ping(C)", C=gc.cnode) == "pong"


main(of_an_address, of_a_network, in_all, net=True)
