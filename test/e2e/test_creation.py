#!/usr/bin/env python3
"""The creation of the C-node: that which EPMD gave it, in all that it makes, and the same as long as it lives."""
from lib import *

CREATION = """
    fun(Pid) ->
        N = binary:decode_unsigned(binary:part(term_to_binary(Pid), {byte_size(term_to_binary(Pid)), -4})),
        {node(Pid), N}
    end"""
# Pids of its own: who monitors our recorder (made when it starts), and one for each request to spawn.
MONITORING = f"F = {CREATION}, {{monitored_by, L}} = process_info(whereis(gen_cluster), monitored_by), [F(P) || P <- L]"
SPAWNED = f"""F = {CREATION}, R = spawn_request(C, erpc, execute_call, [make_ref(), gen_cluster, info, []], [monitor]),
    receive {{spawn_reply, R, ok, P}} -> receive {{'DOWN', R, process, P, _}} -> F(P) end end"""


def given(w, name, since=0):
    """The creation that EPMD says it has given to a name, last."""
    return int(w.epmd.expect_line(rf"\bregistering '{name}:(\d+)'", since=since)[1])


def seen(a, gc):
    """The creations in the pids of ours that a node holds; each holds one of either kind."""
    monitoring = a.world.until(lambda: a.eval(MONITORING), 10, "it monitors the recorder")
    pids = monitoring + [a.eval(SPAWNED, C=gc.cnode)]
    assert {node for node, _ in pids} == {gc.cnode}, pids
    return {creation for _, creation in pids}


def given_by_epmd(w):
    """Also in a second life, and when EPMD has been restarted: links live on with the first one."""
    a = w.erl("a")
    recorder = a.record()
    gc = GenCluster(w, a, discovery="{static, []}")
    recorder.expect_view()
    first = given(w, "gc_a")
    assert seen(a, gc) == {first}
    w.epmd.kill().expect_exit()
    w.until(lambda: gc.call("info")["registered"] is False, 5, "it knows")
    w.start_epmd()
    w.until(lambda: gc.call("info")["registered"] is True, 10, "registered again")
    assert given(w, "gc_a") != first
    assert seen(a, gc) == {first}
    assert not [e for e in a.events if e[0] == "nodedown"], "no link was harmed"
    begin = len(w.epmd.lines)
    gc.restart()
    recorder.expect_view()
    assert seen(a, gc) == {given(w, "gc_a", begin)} != {first}


def of_its_own(w):
    """Without EPMD, for now: links work, and keep what they were told when EPMD comes."""
    a = w.erl("a")
    port = a.eval("element(2, erl_epmd:port_please(\"a\", {127, 0, 0, 1}))")
    recorder = a.record()
    w.epmd.kill().expect_exit()
    gc = GenCluster(w, a, discovery="{static, []}", owner_port=port, start=False).start()
    recorder.expect_view()
    own = seen(a, gc)
    w.start_epmd()
    gc.ready()
    assert own != {given(w, "gc_a")}
    assert seen(a, gc) == own and len(own) == 1
    assert not [e for e in a.events if e[0] == "nodedown"]


main(given_by_epmd, of_its_own)
