#!/usr/bin/env python3
"""The hostile peer itself: what a real node does right it finds right, what the swarm does wrong it finds wrong."""
import os

from lib import *


def hostile(w, target, *args, status=0, within=60):
    """Runs it; gives {attack: (verdict, what was seen)}."""
    port, name = target
    path = os.path.join(BUILDDIR, "test", "support", "hostile")
    if not os.path.exists(path):
        raise Skip(f"{path} is not built")
    cookie_file = os.path.join(w.home("hostile"), ".erlang.cookie")
    proc = w.run("hostile", [path, "--target", f"127.0.0.1:{port}" if ":" not in str(port) else port, "--target-name",
                             str(name), "--cookie-file", cookie_file, *args], within, status)
    return {line.split()[1].rstrip(":"): line.split(None, 2)[::2] for line in proc.lines
            if line.startswith(("ok ", "FAILED "))}


def port_of(node):
    return node.eval("{ok, L} = net_adm:names({127, 0, 0, 1}), element(2, lists:keyfind(S, 1, L))", S=node.short)


def real_node(w):
    a = w.erl("a")
    attacks = ["half_close", "reset", "wrong_digest", "early_frames", "truncated", "deep", "lying", "half_frame",
               "drip_frame", "hijack", "monitors", "many_links"]
    seen = hostile(w, (port_of(a), a.name), "--crowd", "100", *attacks)
    assert list(seen) == attacks and {v for v, _ in seen.values()} == {"ok"}, seen
    assert a.eval("1 + 1") == 2


def swarm(w):
    """It takes any name and any flags, and any length without a word: each is found out."""
    world = Swarm(w, 1)
    target = f"127.0.1.1:{world.state(1)['port']}", world.name(1)
    wrong = ["odd_names", "flags", "frame_lengths", "big_message", "silent"]
    right = ["wrong_digest", "half_close", "duplicates", "hijack", "drip_frame"]
    seen = hostile(w, target, "--cut-ms", "1000", "--big-mb", "40", *right)
    assert {v for v, _ in seen.values()} == {"ok"}, seen
    for attack in wrong:
        seen = hostile(w, target, "--cut-ms", "1000", "--big-mb", "40", attack, status=1)
        assert seen[attack][0] == "FAILED", seen


def wrong_cookie(w):
    """The good node is not let in: nothing can be tested."""
    a = w.erl("a", cookie="another")
    assert hostile(w, (port_of(a), a.name), "silent", status=3) == {}


def usage(w):
    a = w.erl("a")
    target = port_of(a), a.name
    for bad in (["nonsense"], [], ["--calls", "many", "calls"], ["impostor"]):
        hostile(w, target, *bad, status=2)


def dialled(w):
    """A node that is told to connect to it."""
    a = w.erl("a")
    a.eval('spawn(fun() -> F = fun(F) -> net_kernel:connect_node(N), timer:sleep(20), F(F) end, F(F) end)',
           N=Atom("mallory@127.0.0.1"))
    attacks = ["dialled_silent", "dialled_name", "dialled_ack", "dialled_eager"]
    seen = hostile(w, (port_of(a), a.name), "--epmd-port", str(w.epmd_port), *attacks)
    assert list(seen) == attacks and {v for v, _ in seen.values()} == {"ok"}, seen


main(real_node, swarm, wrong_cookie, usage, dialled)
