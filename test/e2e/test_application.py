#!/usr/bin/env python3
"""The OTP application: the program under open_port, beside which the release lives on (design 1.2)."""
import os
import signal

from lib import *
from lib.world import descendants

EBIN = os.path.join(BUILDDIR, "erlang", "ebin")


def releases(w, *shorts, config="[{discovery, {epmd, #{}}}, {refresh_interval_ms, 500}]", start=True):
    """Nodes with the application and this configuration."""
    if not os.path.exists(os.path.join(EBIN, "gen_cluster.app")):
        raise Skip(f"the application is not built in {EBIN}")
    path = w.write("sys.config", f"[{{gen_cluster, {config}}}].\n")
    nodes = w.erls(*shorts, args=["-pa", EBIN, "-config", path[:-len(".config")]],
                   env={"GEN_CLUSTER_PROGRAM": program()})
    for node in nodes if start else []:
        assert node.eval("application:ensure_all_started(gen_cluster)")[0] == "ok"
    return nodes


def members(node):
    found = node.eval("gen_cluster:members()")
    return {name for name, _ in found} if isinstance(found, list) else found


def program_pid(node):
    """The pid of the program that runs now, as it says itself."""
    def look():
        info = node.eval("gen_cluster:info()")
        return info.get("pid") if isinstance(info, dict) else None
    return node.world.until(look, 10, f"{node.short}: the program answers")


def expect_members(node, *others):
    want = {str(other.name) for other in others}
    node.world.until(lambda: members(node) == want, 15, f"{node.short}: gen_cluster:members() = {sorted(want)}")


def finds(w):
    nodes = a, b, c = releases(w, "a", "b", "c")
    for node in nodes:
        expect_members(node, *(n for n in nodes if n is not node))
    a.expect_nodes(b, c)
    for call in ("peers", "info", "discovery", "config", "metrics", "refresh", "help"):
        reply = a.eval(f"gen_cluster:{call}()")
        assert not (isinstance(reply, tuple) and reply[0] == "error"), (call, reply)
    c.kill()
    expect_members(a, b)
    assert w.cookie not in repr(a.eval("gen_cluster:config()"))


def program_killed(w):
    """Started again, with backoff; the release and its cluster do not notice."""
    a, b = releases(w, "a", "b")
    recorder = a.record("watcher")
    assert a.eval("gen_cluster:subscribe(watcher)") == "ok"
    recorder.expect_view(b)
    seen = len(a.events)
    for _ in range(4):
        pid = program_pid(a)
        os.kill(pid, signal.SIGKILL)
        w.until(lambda p=pid: program_pid(a) != p, 15, "another program runs")
    expect_members(a, b)
    c = w.erl("c")
    a.expect_nodes(b, c)
    recorder.expect_view(b, c)
    downs = [event for event in a.events[seen:] if event[0] == "nodedown" and event[2]["node_type"] == "visible"]
    assert not downs and a.alive and b.up >= {a.name}, downs
    assert [what for what, _, _ in recorder.changes() if what == "nodedown"] == []


def subscriber_killed(w):
    a, b = releases(w, "a", "b")
    recorder = a.record("watcher")
    a.eval("gen_cluster:subscribe(watcher)")
    recorder.expect_view(b)
    for _ in range(2):
        recorder.kill()
        b.kill()
        expect_members(a)
        a.record("watcher")
        recorder.expect_view()
        b.restart()
        recorder.expect_view(b)
    recorder.check()


def empty_configuration(w):
    """Nothing is started; start_link/1 starts it in any supervision tree."""
    a, b = releases(w, "a", "b", config="[]")
    assert a.eval("whereis(gen_cluster)") == "undefined"
    assert not [name for _, _, name in descendants(a.proc.pid) if name == "gen_cluster"]
    a.eval("""P = self(), spawn(fun() -> {ok, _} = gen_cluster:start_link([{discovery, {static, [B]}}]), P ! up,
              receive stop -> ok end end), receive up -> ok after 5000 -> error(timeout) end""", B=b.name)
    expect_members(a, b)


def release_gone(w):
    """The VM is killed: the program ends by itself within a second. It is stopped: so does it."""
    a, b = releases(w, "a", "b")
    pid_a, pid_b = program_pid(a), program_pid(b)
    a.kill().proc.expect_exit()
    w.until(lambda: gone(pid_a), 2, "the program of a has ended")
    b.eval("application:stop(gen_cluster)")
    w.until(lambda: gone(pid_b), 2, "the program of b has ended")
    assert b.alive


def release_stopped(w):
    """The VM takes nothing from its port for a while: its program serves the others, and is not restarted."""
    a, b, c = releases(w, "a", "b", "c")
    expect_members(a, b, c)
    pid = program_pid(a)

    def seen_by_b():
        return {name for name, _ in b.eval("gen_server:call({gen_cluster, C}, members)", C=Atom(f"gc_{a.name}"))}
    a.stop()
    w.until(lambda: seen_by_b() == {b.name, c.name}, 5, "it answers others")
    c.kill()
    b.expect_nodes(a)
    assert seen_by_b() >= {b.name}, "and goes on"
    a.cont()
    expect_members(a, b)
    assert program_pid(a) == pid


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf8") as f:
            return f.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def bad_configuration(w):
    """The release starts, and says what is wrong."""
    a, = releases(w, "a", config="[{discoveri, {epmd, #{}}}]", start=False)
    a.eval("application:ensure_all_started(gen_cluster)")
    a.proc.expect_line("discovery", 10)
    assert a.alive and a.eval("1 + 1") == 2


main(finds, program_killed, subscriber_killed, empty_configuration, release_gone, release_stopped, bad_configuration)
