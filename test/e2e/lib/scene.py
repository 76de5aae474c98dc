"""Scene: the program, its owner and each peer on a host of its own, so that any two can be cut apart."""
from .daemon import GenCluster, atoms
from .net import Net
from .stage import ALONE, TICKTIME, Told

IN_TIME = TICKTIME * 1.25 + 3  # a silence of a quarter more than net_ticktime, and what a busy machine adds


class Scene:
    """A program on a host of its own, its owner on another, and each peer on one more."""

    def __init__(self, w, *peers):
        self.net = Net(w)
        self.at = {name: self.net.host(name) for name in ("owner", "program", *peers)}
        self.owner, *nodes = [w.erl(name, at=self.at[name], ticktime=TICKTIME, args=ALONE + ["-connect_all", "false"],
                                    start=False).start() for name in ("owner", *peers)]
        for node in (self.owner, *nodes):
            node.ready()
        self.peers = dict(zip(peers, nodes))
        self.recorder = self.owner.record()
        self.told = Told(self.recorder)
        self.gc = GenCluster(w, self.owner, at=self.at["program"], cnode=f"gc@{self.at['program'].address}",
                             discovery=f"{{static, {atoms(nodes)}}}", net_ticktime=TICKTIME, refresh_interval_ms=500,
                             reconnect="#{min_ms => 100, max_ms => 500}", connect_timeout_ms=1500)
        self.settle()

    def settle(self, via=None):
        """All are members, and everybody says so. via: who asks the program, if not the owner."""
        self.recorder.expect_view(*self.peers.values(), within=20)
        self.owner.expect_nodes(*self.peers.values())
        self.gc.expect_members(*self.peers.values(), via=via)
        for node in self.peers.values():
            self.gc.expect_peer(node, via=via, state="member", linked=True, within=15)
        self.told.look()
        self.recorder.check()

    def port(self, name):
        """Where the node of a peer listens."""
        return dict((bytes(n).decode(), p) for n, p in self.peers[name].eval("net_adm:names()")[1])[name]

    def between(self, name, other):
        """Both directions."""
        x, y = [self.at[name]], [self.at[other]]
        return Net.between(x, y) + Net.between(y, x)

    def tcp(self, name, port):
        """All that comes to that port of a host, or from it."""
        address = self.at[name].address
        return [f"ip daddr {address} tcp dport {port}", f"ip saddr {address} tcp sport {port}"]
