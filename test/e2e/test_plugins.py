#!/usr/bin/env python3
"""Plugins that misbehave harm only themselves: the daemon lives on, says what happened, and loses no member."""
import os

from lib import *
from lib.dns import FakeDns
from lib.net import Net

SHORT = "timeout_ms => 250, refresh_interval_ms => 60"


def bad(name):
    """One of the plugins of test/unit, by its file."""
    path = os.path.join(BUILDDIR, "test", "unit", ".libs", f"{name}.so")
    if not os.path.exists(path):
        raise Skip(f"{path} is not built (make check builds it)")
    return path


def instance(gc, name):
    return next(each for each in gc.call("discovery") if bytes(each["instance"]).decode() == name)


def lines(gc, text):
    return [line for line in gc.proc.lines if text in line]


def misbehave(w):
    net = Net(w)  # of our own: what they name is looked up
    at_a, at_b = net.host("h-a"), net.host("h-b")
    a = w.erl("a", at=at_a.use_dns(FakeDns(w, net.host("h-dns"), "nxdomain")))
    b = w.erl("b", at=at_b)
    modes = ["twice", "late", "rubbish", "dead", "thread", "quality", "minus", "hang"]
    instances = [f'{{"{bad("bad_async")}", #{{mode => {m}, name => "{m}", {SHORT}}}}}' for m in modes]
    instances += [f'{{"{bad("bad_blocking")}", #{{mode => {m}, name => "b_{m}", {SHORT}}}}}'
                  for m in ("reason", "forever")]
    instances += [f'{{"{bad("bad_async")}", #{{mode => push, name => "push", refresh_interval_ms => 3000}}}}',
                  f'{{"{bad("bad_blocking")}", #{{mode => flood, name => "b_flood", timeout_ms => 60000}}}}']
    recorder = a.record()
    gc = GenCluster(w, a, discovery=f"[{{static, {atoms([b])}}}, {', '.join(instances)}]", max_peers=100,
                    connect_timeout_ms=500, refresh_interval_ms=300)
    recorder.expect_view(b)
    for name, state in (("hang", "overdue"), ("b_forever", "stuck")):
        w.until(lambda: instance(gc, name)["state"] == state, 20, f"{name} is {state}")
    w.until(lambda: instance(gc, "hang")["restarts"] >= 1, 10, "it was made again")
    for name, reason in (("hang", b"timeout"), ("b_forever", b"stuck: 4 of this instance hang"),
                         ("quality", b"unknown quality"), ("thread", b"another thread")):
        w.until(lambda: reason in (instance(gc, name)["reason"] or b""), 10, f"{name} is told")
    w.until(lambda: instance(gc, "b_flood")["peers"] > 0, 30, "the flood is over")
    for name in ("twice", "rubbish", "dead"):
        assert instance(gc, name)["quality"] == "complete", instance(gc, name)
    flood = instance(gc, "b_flood")
    assert flood["peers"] <= 100 and flood["quality"] == "partial" and b"max_peers" in flood["reason"], flood
    gc.expect_log(r"rubbish.*peers not taken, the first: ")
    assert len(lines(gc, "peers not taken")) < 20, "rate-limited"
    assert a.eval("net_adm:ping(C)", C=gc.cnode) == "pong"
    gc.reload(discovery=f"{{static, {atoms([b])}}}")  # they are closed in the middle of it; what they say later goes nowhere
    w.until(lambda: [each["instance"] for each in gc.call("discovery")] == [b"static"], 10, "they are gone")
    gc.expect_rounds(2)
    assert a.eval("net_adm:ping(C)", C=gc.cnode) == "pong"
    assert recorder.view() == {b.name} and not [c for c in recorder.changes() if c[0] == "nodedown"], recorder.changes()
    recorder.check()


main(misbehave, net=True)
