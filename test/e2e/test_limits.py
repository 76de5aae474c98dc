#!/usr/bin/env python3
"""The program at its limit of descriptors: what it has it keeps, strangers give way, what fails says why, nothing spins, and
all goes on once there is room."""
import os
import resource
import socket

from lib import *
from lib.dns import Dns
from lib.load import cpu
from lib.loop import SLOW
from lib.net import Net

NO_FD = "emfile"


def descriptors(gc):
    return sorted(map(int, os.listdir(f"/proc/{gc.proc.pid}/fd")))


def limit(gc, free=None):
    """So many descriptors are free; None: as many as it had at first. Negative: it has more than it may."""
    if free is None:
        soft = 4096
    else:
        used = descriptors(gc)
        gaps = len(set(range(used[-1])) - set(used))
        soft = used[-1] + 1 + free - gaps
    gc.world.say(f"{soft} descriptors, {len(descriptors(gc))} in use")
    resource.prlimit(gc.proc.pid, resource.RLIMIT_NOFILE, (soft, 4096))


def begin(w):
    """One host with a (the owner), b, c, found by DNS, a file and a program: (place, dns, nodes, recorder, program)."""
    place = Net(w).host("h")
    dns = Dns(w, place)
    place.use_dns(dns)
    dns.set("pods", A=[place.address])
    a, b, c = nodes = w.erls("a", "b", "c", at=place)
    listed = w.write("nodes", atoms([b]) + ".\n")
    script = w.write("list", f"#!/bin/sh\necho {c.name}\n", 0o755)
    recorder = a.record()
    gc = GenCluster(w, a, refresh_interval_ms=200, reconnect="#{min_ms => 50, max_ms => 300}", connect_timeout_ms=2000,
                    discovery=f'[{{dns, #{{domain => "pods.test", record_type => a, node_basename => "b", lookup_timeout => 300}}}},'
                              f'{{file, "{listed}"}}, {{exec, #{{command => ["{script}"]}}}}]')
    recorder.expect_view(b, c)
    return place, dns, nodes, recorder, gc


class Crowd:
    """Strangers who connect and say nothing."""

    def __init__(self, gc, place, count):
        port = gc.call("info")["listen_port"]
        self.sockets = place.inside(lambda: [self.connect(place.address, port) for _ in range(count)])
        gc.world.closers.append(self.close)

    @staticmethod
    def connect(address, port):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((address, port))
        return s

    def close(self):
        for s in self.sockets:
            s.close()


def strangers(w):
    place, _, (a, b, c), recorder, gc = begin(w)
    limit(gc, 4)
    used = cpu(gc.proc.pid)
    crowd = Crowd(gc, place, 200)
    gc.expect_log(f"cut: {NO_FD}")
    d = w.erl("d", at=place)
    for _ in range(5):
        assert d.eval("net_adm:ping(C)", C=gc.cnode) == "pong", "a good node comes in"
        d.eval("erlang:disconnect_node(C)", C=gc.cnode)
    for node in (a, b, c):
        assert gc.members(via=node) == {b.name, c.name}
    assert gc.call("metrics")["accepts_cut"][NO_FD] > 50
    assert len([line for line in gc.proc.lines if NO_FD in line]) < 10, "rate-limited"
    assert cpu(gc.proc.pid) - used < SLOW, "it spins"
    crowd.close()
    limit(gc)
    assert recorder.view() == {b.name, c.name} and len(recorder.changes()) == 2
    recorder.check()


def discovery(gc):
    """{instance: (quality, reason)} of the last answers."""
    return {each["instance"].decode(): (each["quality"], str(each["reason"])) for each in gc.call("discovery")}


def nothing_left(w):
    """Fewer than it has in use: all that needs a new one fails and says why, and goes on by itself."""
    place, _, (a, b, c), recorder, gc = begin(w)
    limit(gc, -8)
    used = cpu(gc.proc.pid)
    crowd = Crowd(gc, place, 50)
    gc.expect_log(r"accept: cannot accept: Too many open files")
    w.write("nodes", atoms([]) + ".\n")
    w.until(lambda: all(quality == "error" for quality, _ in discovery(gc).values()), 10, "no discovery works")
    for name, (_, reason) in discovery(gc).items():
        assert NO_FD in reason or "descriptor" in reason or "too many open files" in reason.lower(), (name, reason)
    assert recorder.view() == {b.name, c.name} and len(recorder.changes()) == 2, "an error removes nobody"
    c.restart()
    gc.expect_peer(c, reason=NO_FD)
    gc.expect_log(f"{c.name}.*{NO_FD}")
    epmd = w.epmd_procs["epmd-h"]
    epmd.kill().expect_exit()
    w.start_epmd(place)
    gc.expect_log(f"not registered: .*{NO_FD}")
    assert gc.call("info")["registered"] is False
    assert cpu(gc.proc.pid) - used < SLOW, "it spins"
    assert gc.call("info")["loop_max_ms"] < 500 * SLOW
    crowd.close()
    w.write("nodes", atoms([b]) + ".\n")
    limit(gc)
    gc.expect_log("accept: recovered")
    recorder.expect_view(b, c)
    a.expect_nodes(b, c)
    gc.expect_log("registered again")
    w.until(lambda: all(quality == "complete" for quality, _ in discovery(gc).values()), 10, "all discoveries work")
    recorder.check()


main(strangers, nothing_left, net=True)
