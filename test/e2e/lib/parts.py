"""Nodes that run the stand-in for Partisan (lib/partisan)."""
import os

from .daemon import GenCluster, atoms
from .erl import Erl
from .etf import Atom
from .world import E2EDIR, need_program, reserve_port

QUICK = "#{min_ms => 100, max_ms => 400}"


def partisan_beams(w):
    ebin, source = w.path("partisan"), os.path.join(E2EDIR, "lib", "partisan")
    os.makedirs(ebin, exist_ok=True)
    w.run("erlc", [need_program("erlc", "erlang-base"), "-o", ebin,
                   *(os.path.join(source, name) for name in sorted(os.listdir(source)) if name.endswith(".erl"))])
    return ebin


class Parts:
    """Nodes that run the stand-in, all at the same port of addresses of their own; the first is the owner."""

    def __init__(self, w, *shorts, what="atoms"):
        self.what, hosts = what, [f"127.0.0.{i + 1}" for i, _ in enumerate(shorts)]
        (self.port, self.lock), ebin = reserve_port(), partisan_beams(w)
        args = ["-pa", ebin, "-connect_all", "false"]
        self.nodes = [Erl(w, short, host=host, args=args, start=False).start() for short, host in zip(shorts, hosts)]
        for node in self.nodes:
            self.begin(node.ready())

    def begin(self, node):
        assert node.eval("partisan_peer_service:start(Port, What)", Port=self.port, What=Atom(self.what)) == "ok"

    def restart(self, node):
        node.restart()
        self.begin(node)

    def cluster(self, w, opts="", **options):
        a, *others = self.nodes
        return GenCluster(w, a, discovery=f"{{static, {atoms(others)}}}", dist=f"{{partisan, #{{{opts}}}}}",
                          reconnect=QUICK, refresh_interval_ms=500, **options)
