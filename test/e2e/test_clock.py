#!/usr/bin/env python3
"""The wall clock of the program jumps by hours, forwards and back; the program is suspended for longer than a tick
lasts. Nobody is lost by that, no deadline or backoff moves; what is told bears the new time."""
import glob
import time

from lib import *
from lib.abuse import is_sanitized
from lib.ca import Ca, dist_args, need_tls, optfile
from lib.loop import SLOW

TICKTIME = 4
HOUR = 3600
HERE = "127.0.0.1"


class Clock:
    """The wall clock of one program, by libfaketime."""

    def __init__(self, w):
        found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1") + glob.glob("/usr/lib/faketime/libfaketime.so.1")
        if not found:
            raise Skip("libfaketime is not installed (Debian: faketime)")
        if is_sanitized():
            raise Skip("libfaketime does not go with a sanitizer")
        self.w, self.offset = w, 0
        self.set(0)
        self.env = {"LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": w.path("clock"), "FAKETIME_NO_CACHE": 1,
                    "FAKETIME_DONT_FAKE_MONOTONIC": 1, "NO_FAKE_STAT": 1}

    def set(self, offset):
        self.offset = offset
        self.w.write("clock", f"{offset:+d}\n")
        self.w.say(f"the clock jumps to {offset:+d} s")

    def now_ms(self):
        return (time.time() + self.offset) * 1000


def restarted(w, recorder, node, clock, last):
    """A loss and its mending, in time, with the time of the clock; gives the number of the last change."""
    seen = len(recorder.changes())
    node.kill()
    down = recorder.expect_change("nodedown", node, 5, seen)
    node.restart()
    up = recorder.expect_change("nodeup", node, 5, seen)
    for info in (down, up):
        assert abs(info["at"] - clock.now_ms()) < 30000, (info, clock.now_ms())
    assert up["seq"] == down["seq"] + 1 == last + 2, (last, down, up)
    return up["seq"]


def jumps(w):
    clock = Clock(w)
    a, b, c, d = w.erls("a", "b", "c", "d", ticktime=TICKTIME)
    recorder = a.record()
    gc = GenCluster(w, a, env=clock.env, net_ticktime=TICKTIME, refresh_interval_ms=300, connect_timeout_ms=3000,
                    discovery=f"{{static, {atoms([b, c, d])}}}", reconnect="#{min_ms => 1000, max_ms => 2000}")
    recorder.expect_view(b, c, d)
    d.kill()
    last = recorder.expect_change("nodedown", d)["seq"]
    gc.expect_peer(d, reason="not_in_epmd")
    for offset in (9000 * HOUR, -30 * HOUR, 0):
        clock.set(offset)
        rounds = gc.discovery()["rounds"]
        last = restarted(w, recorder, b, clock, last)
        w.until(lambda n=rounds: gc.discovery()["rounds"] >= n + 2, 3, "discovery goes on")
        stamp = gc.proc.find(r"^(\d{4}-\d\d-\d\dT\d\d)", since=len(gc.proc.lines) - 1).group(1)
        assert stamp == time.strftime("%Y-%m-%dT%H", time.gmtime(clock.now_ms() / 1000)) or offset == 0, stamp
    attempts = gc.expect_peer(d)["attempts"]
    clock.set(-100 * HOUR)
    w.until(lambda: gc.peers()[d.name]["attempts"] > attempts, 4, "a backoff that was pending ends in its time")
    clock.set(100 * HOUR)
    seen = len(recorder.changes())
    d.start().ready()
    recorder.expect_change("nodeup", d, 5, seen)
    seen = len(recorder.changes())
    quiet = a.begin(f"timer:sleep({TICKTIME * 1250})")  # the quiet is the test: no tick is missed
    for offset in (0, 50 * HOUR, -50 * HOUR):
        clock.set(offset)
        gc.expect_rounds(2)
    quiet.wait(10)
    assert recorder.changes()[seen:] == [] and recorder.view() == {b.name, c.name, d.name}
    assert gc.call("info")["loop_max_ms"] < 1000 * SLOW
    recorder.check()


def certificates(w):
    """They are judged by the time that it is now: a certificate is refused twenty years later, and no link is cut."""
    need_tls()
    clock, ca = Clock(w), Ca(w)
    a, b, c = [w.erl(name, args=dist_args(optfile(w, ca.issue(name, HERE), None, name))) for name in "abc"]
    recorder = a.record()
    gc = GenCluster(w, a, env=clock.env, tls=f'[{{optfile, "{optfile(w, ca.issue("gc", HERE), name="gc")}"}}]',
                    discovery=f"{{static, {atoms([b, c])}}}", reconnect="#{min_ms => 100, max_ms => 500}")
    recorder.expect_view(b, c)
    clock.set(20 * 365 * 24 * HOUR)
    b.restart()
    info = gc.expect_peer(b, reason=(Atom("tls"), Atom("certificate_expired")), stage="tls")
    assert b"certificate has expired" in info["last_error"]["detail"], info
    recorder.expect_view(c)
    clock.set(0)
    recorder.expect_view(b, c)
    recorder.check()


def suspended(w):
    """Stopped until all others have given it up, and then it goes on: nobody is told of a loss that was none."""
    a, b, c = w.erls("a", "b", "c", ticktime=TICKTIME)
    recorder = a.record()
    gc = GenCluster(w, a, net_ticktime=TICKTIME, refresh_interval_ms=300, discovery=f"{{static, {atoms([b, c])}}}",
                    reconnect="#{min_ms => 100, max_ms => 500}")
    recorder.expect_view(b, c)
    gc.proc.stop()
    for node in (a, b):
        node.expect_event("nodedown", gc.cnode, TICKTIME * 1.25 + 5)
    c.kill()
    a.expect_nodes(b)
    snapshots = len(recorder.messages)
    gc.proc.cont()
    w.expect(lambda: any(m[:2] == ("gen_cluster", "members") for m in recorder.messages[snapshots:]), 10, "told anew")
    recorder.expect_view(b)
    c.start().ready()
    recorder.expect_view(b, c)
    a.expect_nodes(b, c)
    gc.expect_members(b, c, via=b)
    assert {node for kind, node, _ in recorder.changes() if kind == "nodedown"} <= {c.name}, recorder.changes()
    recorder.check()


main(jumps, certificates, suspended)
