#!/usr/bin/env python3
"""Three nodes that know nothing of each other find each other: static, epmd, file, exec (design 1.1)."""
from lib import *


def told(nodes, *wanted):
    """A subscriber on the first of the nodes; check(): it was told exactly of the others."""
    recorder = nodes[0].record()

    def check():
        recorder.expect_view(*wanted)
        recorder.check()
        for _, _, info in recorder.changes():
            assert info["cnode"] == "gc_" + nodes[0].name and info["at"] > 1_600_000_000_000, info
    return check


def static(w):
    nodes = w.erls("a", "b", "c")
    check = told(nodes, *nodes[1:])
    formed(w, nodes, f"{{static, {atoms(nodes)}}}")
    check()
    for node in nodes:  # every C-node is hidden, and is nobody's member
        w.until(lambda n=node: f"gc_{n.name}" in n.hidden, 5, f"{node.short} sees its C-node")
        assert not any(up.startswith("gc_") for up in node.up)


def epmd(w):
    """Hidden nodes and C-nodes are never joined."""
    nodes = w.erls("a", "b", "c")
    hidden = w.erl("h", hidden=True)
    check = told(nodes, *nodes[1:])
    gcs = formed(w, nodes, "{epmd, #{hosts => [localhost]}}")
    check()
    for gc in gcs:
        gc.expect_rounds(2)
        assert hidden.name not in gc.members()


def file(w):
    """The file is watched: a node written into it is found at once, not at the next round."""
    nodes = w.erls("a", "b", "c")
    w.write("nodes", atoms(nodes[:2]) + ".\n")
    check = told(nodes, *nodes[1:])
    gcs = formed(w, nodes[:2], f'{{file, "{w.path("nodes")}"}}', refresh_interval_ms="infinity")
    w.write("nodes", atoms(nodes) + ".\n")
    nodes[0].expect_nodes(*nodes[1:])
    gcs[1].expect_members(nodes[0], nodes[2])
    check()


def executes(w):
    nodes = w.erls("a", "b", "c")
    names = " ".join(str(n.name) for n in nodes)
    script = w.write("list", f"#!/bin/sh\necho {names}\n", 0o755)
    check = told(nodes, *nodes[1:])
    formed(w, nodes, f'{{exec, #{{command => ["{script}"]}}}}')
    check()


def old_names(w):
    """The names of the Erlang library are taken, and several instances at once."""
    nodes = w.erls("a", "b", "c")
    formed(w, nodes, f"[{{gc_discover_static, {atoms(nodes[:2])}}}, {{gc_discover_epmd_hosts, #{{}}}}]")


def alone(w):
    """Without an owner our own links are the membership, and nodes do not get to know each other."""
    a, b = w.erls("a", "b")
    recorder = a.record()
    GenCluster(w, discovery=f"{{static, {atoms([a, b])}}}", notify=f"[{{gen_cluster, '{a.name}'}}]")
    recorder.expect_view(a, b)
    recorder.check()
    assert a.up == set() and b.up == set()


main(static, epmd, file, executes, old_names, alone)
