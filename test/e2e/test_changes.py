#!/usr/bin/env python3
"""A hundred real changes in a row: whoever is asked in the end says the same, and each was told once."""
from lib import *


def hundred(w):
    """Nodes are killed or cut off; OTP's global cuts more of them off, to keep partitions from overlapping."""
    nodes = a, b, c = w.erls("a", "b", "c")
    recorder = a.record()
    gcs = formed(w, nodes, f"{{static, {atoms(nodes)}}}", reconnect="#{min_ms => 50, max_ms => 500}")
    turn = 0
    while len(recorder.changes()) < 100:
        node, seen, turn = (b, c)[turn % 2], len(recorder.changes()), turn + 1
        if turn % 5 == 0:
            node.kill()
            recorder.expect_change("nodedown", node, 10, seen)
            node.restart()
        else:
            a.eval("erlang:disconnect_node(N)", N=node.name)
        w.expect(lambda: len(recorder.changes()) > seen, 10, "a change is told")
        for other in (b, c):
            recorder.expect_view(b, c, within=15)
            other.expect_nodes(*(n for n in nodes if n is not other), within=15)
    for gc in gcs:
        others = [n for n in nodes if n is not gc.owner]
        gc.owner.expect_nodes(*others)
        gc.expect_members(*others)
    recorder.expect_view(b, c)
    recorder.check()


main(hundred)
