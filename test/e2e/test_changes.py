#!/usr/bin/env python3
"""A hundred real changes in a row: whoever is asked in the end says the same, and each was told once."""
from lib import *


def hundred(w):
    nodes = a, b, c = w.erls("a", "b", "c")
    recorder = a.record()
    gcs = formed(w, nodes, f"{{static, {atoms(nodes)}}}", reconnect="#{min_ms => 50, max_ms => 500}")
    for i in range(25):
        seen, node = len(recorder.changes()), (b, c)[i % 2]
        if i % 5 == 0:
            node.kill()
            recorder.expect_change("nodedown", node, 10, seen)
            node.restart()
        else:
            a.eval("erlang:disconnect_node(N)", N=node.name)
            recorder.expect_change("nodedown", node, 10, seen)
        recorder.expect_change("nodeup", node, 15, seen)
    more_than = len(recorder.changes())
    i = 0
    while len(recorder.changes()) < 100:
        seen, node = len(recorder.changes()), (b, c)[i % 2]
        a.eval("erlang:disconnect_node(N)", N=node.name)
        recorder.expect_change("nodeup", node, 15, seen)
        i += 1
    w.say(f"{more_than} changes after the first part, {len(recorder.changes())} in all")
    a.expect_nodes(b, c)
    recorder.expect_view(b, c)
    recorder.check()
    for gc in gcs:
        gc.expect_members(*(n for n in nodes if n is not gc.owner))


main(hundred)
