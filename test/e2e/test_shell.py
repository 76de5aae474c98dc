#!/usr/bin/env python3
"""What an Erlang shell can ask of the C-node (design 1.5)."""
from lib import *
from lib.proc import status_kb

REQUESTS = ("members", "peers", "info", "discovery", "config", "metrics", "refresh", "help")


def begin(w):
    a, b = w.erls("a", "b")
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}")
    a.expect_nodes(b)
    gc.expect_members(b)
    return a, b, gc


def a_node_like_others(w):
    a, b, gc = begin(w)
    for node in (a, b):
        assert node.eval("net_adm:ping(C)", C=gc.cnode) == "pong"
        assert gc.cnode in node.eval("nodes(hidden)")
        assert gc.cnode not in node.eval("nodes()")
    names = [bytes(name).decode() for name, _ in a.eval("net_adm:names()")[1]]
    assert "gc_a" in names, names
    down = a.begin("monitor_node(C, true), receive {nodedown, C} -> told after 10000 -> never end", C=gc.cnode)
    assert a.eval("net_adm:ping(C)", C=gc.cnode) == "pong"
    gc.leave()
    assert down.wait() == "told"
    names = [bytes(name).decode() for name, _ in a.eval("net_adm:names()")[1]]
    assert "gc_a" not in names, names


def requests(w):
    a, b, gc = begin(w)
    for via in (a, b):  # b has to connect to the C-node by itself, or is connected
        assert [node for node, _ in gc.call("members", via)] == [b.name]
        assert gc.peers(via)[b.name]["state"] == "member"
        info = gc.call("info", via)
        assert (info["node"], info["owner"], info["members"], info["pid"]) == (gc.cnode, a.name, 1, gc.proc.pid)
        assert gc.call("discovery", via)[0]["peers"] == 1
        assert gc.call("metrics", via)["dials_ok"] >= 1
        assert gc.call("refresh", via) == "ok"
        assert {name for name, _ in gc.call("help", via)} >= set(REQUESTS)
        assert gc.call((Atom("peer"), b.name), via)["node"] == b.name
        assert gc.call((Atom("peer"), Atom("x@y")), via) == ("error", "not_found")
    peak = status_kb(gc.proc.pid, "VmHWM")  # not that of this process, which has started it and is larger
    assert peak <= gc.call("metrics")["max_rss_kb"] <= status_kb(gc.proc.pid, "VmHWM")
    config = repr(gc.call("config"))
    assert "refresh_interval_ms" in config and w.cookie not in config
    assert gc.peers()[b.name]["member"] is True


def unknown_requests(w):
    a, _, gc = begin(w)
    for text in ("nonsense", "{members, 1}", "42", '"text"', "lists:duplicate(100, x)", "self()", "#{}", "[]"):
        reply = gc.call(a.eval(text)) if text != "nonsense" else gc.call("nonsense")
        assert reply[0] == "error" and reply[1][0] == "unknown_request", reply
    assert gc.call(a.eval("lists:duplicate(100000, x)"))[0] == "error"
    other = a.eval("catch gen_server:call({other_name, C}, members, 5000)", C=gc.cnode)
    assert other[0] == "EXIT" and other[1][0] == "noproc", other
    a.eval("{gen_cluster, C} ! rubbish, {nobody, C} ! rubbish", C=gc.cnode)
    assert gc.call("members")


def calls(w):
    """rpc and erpc: the allow-list, and nothing else."""
    a, b, gc = begin(w)
    for node in (a, b):
        for call in ("rpc:call(C, gen_cluster, members, [])", "erpc:call(C, gen_cluster, members, [])"):
            assert [n for n, _ in node.eval(call, C=gc.cnode)] == [b.name]
        assert node.eval("erpc:call(C, gen_cluster, peer, [P])", C=gc.cnode, P=b.name)["state"] == "member"
        for mfa in ("os, cmd, [\"id\"]", "erlang, halt, []", "gen_cluster, stop, []", "init, stop, []",
                    "gen_cluster, members, [x]"):
            refused = node.eval(f"rpc:call(C, {mfa})", C=gc.cnode)
            assert refused[0] == "badrpc", refused
            raised = node.eval(f"try erpc:call(C, {mfa}, 5000) catch K:R -> {{K, R}} end", C=gc.cnode)
            assert raised[0] in ("error", "exit") and "timeout" not in repr(raised), raised
        assert "notsup" in repr(node.eval("catch spawn_opt(C, os, cmd, [\"id\"], [monitor]), "
                                          "receive {'DOWN', _, _, _, R} -> R after 5000 -> nothing end", C=gc.cnode))
    assert gc.call("members")


def subscriptions(w):
    a, b, gc = begin(w)
    recorder = b.record("watcher")
    assert gc.call((Atom("subscribe"), (Atom("watcher"), b.name))) == "ok"
    recorder.expect_view(b)
    own = a.eval("""P = self(), W = spawn(fun() -> receive {gen_cluster, members, L} -> P ! {got, L} end end),
                    ok = gen_server:call({gen_cluster, C}, {subscribe, W}),
                    receive {got, L} -> L after 5000 -> nothing end""", C=gc.cnode)
    assert [n for n, _ in own] == [b.name]
    assert gc.call((Atom("unsubscribe"), (Atom("watcher"), b.name))) == "ok"
    recorder.check()
    assert gc.call((Atom("subscribe"), 17)) == ("error", "einval")


main(a_node_like_others, requests, unknown_requests, calls, subscriptions)
