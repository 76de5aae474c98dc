#!/usr/bin/env python3
"""The harness itself on real nodes: what it must see it sees, what it must fail it fails."""
import signal
import subprocess

from lib import *
from lib.main import TestWorld
from lib.ca import Ca, dist_args, optfile
from lib.otp import Otp


def nodes_and_events(w):
    a, b = w.erls("a", "b")
    assert a.eval("net_kernel:connect_node(B)", B=b.name) is True
    a.expect_nodes(b)
    b.kill()
    info = a.expect_event("nodedown", b)
    assert info["nodedown_reason"] == "connection_closed", info
    b.restart()
    assert a.eval("net_adm:ping(B)", B=b.name) == "pong"


def terms(w):
    a = w.erl("a")
    text = '{1, -5, 1 bsl 70, 2.5, atom, "list", <<"bin">>, [], [1, x], #{k => {v}}, true}'
    value = a.eval(text)
    assert value == (1, -5, 1 << 70, 2.5, "atom", list(b"list"), b"bin", [], [1, "x"], {"k": ("v",)}, True), value
    assert a.eval("X =:= " + text, X=value) is True
    assert a.eval("P =:= self()", P=a.eval("self()")) is False
    try:
        a.eval("error(because)")
    except ErlError as e:
        assert e.reason == ("error", "because")
    else:
        raise Failed("no exception came")


def wrong_cookie(w):
    a, b = w.erl("a"), w.erl("b", cookie="another")
    assert a.eval("net_kernel:connect_node(B)", B=b.name) is False
    with open(f"/proc/{a.proc.pid}/cmdline", encoding="utf8") as f:
        assert w.cookie not in f.read()


def ticks(w):
    a, b = w.erls("a", "b", ticktime=4)
    a.eval("net_kernel:connect_node(B)", B=b.name)
    b.stop()
    assert a.expect_event("nodedown", b, 10)["nodedown_reason"] == "net_tick_timeout"
    b.cont()


def releases(w):
    """A node of each OTP release that is there."""
    a, there = w.erl("a"), 0
    for release in (23, 27, 29):
        try:
            node = w.erl(f"n{release}", otp=Otp(w, release))
        except Skip as e:
            w.say(str(e))
            continue
        assert node.release == str(release)
        assert a.eval("net_adm:ping(N)", N=node.name) == "pong"
        there += 1
    if not there:
        raise Skip("no other OTP release here")


def certificates(w):
    """Nodes with good certificates meet over TLS, in both families and versions, and keep all others out."""
    ca, stranger = Ca(w), Ca(w, "stranger")
    hosts = ("127.0.0.1", "::1")
    certs = {"good": ca.issue("good", *hosts), "same": ca.issue("same", *hosts), "elsewhere": ca.issue("elsewhere", "x"),
             "late": ca.issue("late", *hosts, expired=True), "strange": stranger.issue("strange", *hosts)}
    certs["strange"].cacert = ca.cacert

    def node(name, family, version):
        return w.erl(name, host=hosts[family == "inet6"], args=dist_args(optfile(w, certs[name], version), family))
    for family, version in (("inet", "1.2"), ("inet6", "1.3")):
        good, *others = [node(name, family, version) for name in certs]
        answers = [good.eval("net_adm:ping(N)", N=other.name) for other in others]
        assert answers == ["pong", "pang", "pang", "pang"], answers
        assert others[2].eval("net_adm:ping(N)", N=good.name) == "pang"
        for other in (good, *others):
            other.kill()
    ca.revoke(certs["same"])
    assert "-----BEGIN X509 CRL-----" in open(ca.crl(), encoding="utf8").read()


def recorder(w):
    a = w.erl("a")
    rec = a.record("subscriber")
    a.eval("subscriber ! {gen_cluster, members, []}, subscriber ! {nodeup, n@h, #{seq => 1}}")
    rec.expect_view("n@h")
    rec.check()
    rec.kill()
    a.record("subscriber")
    a.eval("subscriber ! {gen_cluster, members, [{n@h, #{seq => 1}}]}, subscriber ! {nodedown, n@h, #{seq => 2}}")
    rec.expect_view()
    rec.check()
    a.eval("subscriber ! {nodedown, n@h, #{seq => 3}}")
    w.expect(lambda: len(rec.messages) == 3, what="the third message")
    try:
        rec.check()
    except Failed:
        return
    raise Failed("a second nodedown went unnoticed")


def leftovers(_w):
    """A process that outlives its world makes the test fail, and is killed."""
    inner = TestWorld("inner")
    inner.spawn("shell", ["sh", "-c", "setsid sleep 1000 & echo started $!; wait"]).expect_line("started")
    pid = int(inner.procs[0].find(r"started (\d+)").group(1))
    try:
        inner.close()
    except Failed as e:
        assert f"sleep[{pid}]" in str(e), e
        return
    raise Failed("nobody complained")


def dies_with_parent(w):
    """A test that is killed takes its processes with it."""
    script = ("import sys; sys.path.insert(0, sys.argv[1])\nfrom lib.main import TestWorld\nw = TestWorld('victim')\n"
              "a = w.erl('a')\nprint('pids', a.proc.pid, w.epmd.pid, w.dir, flush=True)\nw.expect(lambda: 0, 60)\n")
    victim = w.spawn("victim", ["python3", "-c", script, E2EDIR], env={**w.env(), "GC_BUILDDIR": BUILDDIR})
    pids = victim.expect_line(r"pids (\d+) (\d+) (\S+)", 20).groups()
    victim.kill(signal.SIGKILL).expect_exit(5, -signal.SIGKILL)
    for pid in pids[:2]:
        w.until(lambda p=pid: not running(p), 5, f"{pid} is gone")
    subprocess.run(["rm", "-rf", pids[2]], check=True)


def running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf8") as f:
            return f.read().split()[2] != "Z"
    except OSError:
        return False


main(nodes_and_events, terms, wrong_cookie, ticks, releases, certificates, recorder, leftovers, dies_with_parent)
