"""The ways in which nodes of a production cluster talk: {IPv4, IPv6} x {TCP, TLS 1.2, TLS 1.3} x {EPMD, none}.
A Combination is a cluster of three nodes that talk in one of them, with a sidecar beside each; what they go through is
in steps, so that several of them go through it side by side.

Without EPMD every node listens on DIST_PORT of its address, and so does its C-node, on an address of its own."""
import ipaddress
import os
import struct

from . import etf
from .ca import Ca, dist_args, optfile
from .daemon import GenCluster, atoms
from .erl import Erl
from .loop import SLOW, Failed
from .net import Net
from .otp import Otp

DIST_PORT = 4370
TICKTIME = int(int(os.environ.get("GC_E2E_TICKTIME", "4")) * SLOW)  # seconds
MEGABYTE = 1000000


def inet_tuple(address):
    """inet:ip_address() as Erlang text."""
    packed = ipaddress.ip_address(address).packed
    words = packed if len(packed) == 4 else struct.unpack(">8H", packed)
    return "{" + ",".join(map(str, words)) + "}"


class Places:
    """Three hosts with an EPMD and three without, for several combinations."""

    def __init__(self, world, releases=(None, None, None)):
        self.world, self.net = world, Net(world)
        self.with_epmd = [self.net.host(f"e{i}") for i in range(3)]
        self.without = [self.net.host(f"n{i}") for i in range(3)]
        for host in self.without:
            host.has_epmd = False
            host.second = f"10.77.1.{host.number}", f"fd00:77::1:{host.number:x}"
            host.do("ip", "addr", "add", f"{host.second[0]}/16", "dev", "eth0")
            host.do("ip", "-6", "addr", "add", f"{host.second[1]}/64", "dev", "eth0", "nodad")
        made = {release: Otp(world, release) for release in set(releases) if release}
        self.otps = [made.get(release) for release in releases]


class Combination:
    def __init__(self, places, family, tls, has_epmd, ca=None):
        """family: "inet" or "inet6". tls: None, "1.2" or "1.3". ca: for TLS."""
        self.world, self.family, self.tls, self.has_epmd, self.ca = places.world, family, tls, has_epmd, ca
        self.otps = places.otps
        self.hosts = places.with_epmd if has_epmd else places.without
        self.tag = f"{'6' if family == 'inet6' else '4'}{'e' if has_epmd else 'n'}{(tls or '')[2:]}"
        self.nodes = [self.node(i) for i in range(3)]
        self.gcs = []

    # ---- the nodes ----
    def address(self, host):
        return host.address6 if self.family == "inet6" else host.address

    def node(self, i, **how):
        host = self.hosts[i]
        address, short = self.address(host), "abc"[i] + self.tag
        args = ["-connect_all", "false"]
        if not self.has_epmd:
            args += ["-erl_epmd_port", str(DIST_PORT), "-kernel", "inet_dist_use_interface", inet_tuple(address)]
        args += self.proto_args(short, address, self.otps[i])
        return Erl(self.world, short, at=host, host=address, args=args, ticktime=TICKTIME, otp=self.otps[i],
                   start=False, **how)

    def proto_args(self, short, address, otp):
        if not self.tls:
            return ["-proto_dist", "inet6_tcp"] if self.family == "inet6" else []
        cert = self.ca.issue(short, address)
        path = optfile(self.world, cert, self.tls, short, seen=otp.inside if otp else str)
        return dist_args(otp.inside(path) if otp else path, self.family)

    def sidecar(self, i, **options):
        """Beside node i; it finds the next one, so that the node before i has to dial it by itself."""
        host, node = self.hosts[i], self.nodes[i]
        options = {"discovery": f"{{static, {atoms([self.nodes[(i + 1) % 3]])}}}", "net_ticktime": TICKTIME,
                   "reconnect": "#{min_ms => 100, max_ms => 500}", **options}
        if self.tls:
            address = host.second[self.family == "inet6"] if not self.has_epmd else self.address(host)
            cert = self.ca.issue(f"gc_{node.short}", address)
            options["tls"] = f'[{{optfile, "{optfile(self.world, cert, self.tls)}"}}]'
        if self.has_epmd:
            return GenCluster(self.world, node, start=False, **options)
        address = host.second[self.family == "inet6"]
        options.update(listen_address=f'"{address}"', listen_port=DIST_PORT)
        if self.family == "inet6":
            options.update(epmd="false", dist_port=DIST_PORT)
            return GenCluster(self.world, node, cnode=f"gc@{address}", start=False, **options)
        return GenCluster(self.world, node, cnode=f"gc@{address}", start=False, env={"ERL_DIST_PORT": DIST_PORT},
                          **options)

    # ---- what they go through ----
    def start(self):
        for node in self.nodes:
            node.start()

    def form(self):
        for node in self.nodes:
            node.ready()
        self.gcs = [self.sidecar(i).start() for i in range(3)]

    def formed(self):
        """Each C-node has its own link to its owner and to the node that it has found, and those have joined."""
        for gc in self.gcs:
            gc.ready()
        for i, node in enumerate(self.nodes):
            node.expect_nodes(*(n for n in self.nodes if n is not node), within=20)
            self.gcs[i].expect_members(self.nodes[(i + 1) % 3])

    def call(self):
        """Every shell pings every C-node and calls it, over links that the C-node has dialled and over ones that
        the shell's node dials now."""
        for i, gc in enumerate(self.gcs):
            before, after = self.nodes[i - 1], self.nodes[(i + 1) % 3]
            assert gc.cnode not in before.hidden and gc.cnode in after.hidden, (gc.cnode, before.hidden, after.hidden)
            for node in self.nodes:
                assert node.eval("net_adm:ping(C)", C=gc.cnode) == "pong", (node.name, gc.cnode)
                assert gc.members(node) == {after.name}
                answer = node.eval("gen_server:call({gen_cluster, C}, binary:copy(<<$x>>, N))", C=gc.cnode, N=MEGABYTE)
                assert answer[0] == "error" and answer[1][0] == "unknown_request", answer[0]
            metrics = gc.call("metrics")
            assert (metrics["accepts_ok"], metrics["dials_ok"]) == (1, 2), metrics

    def begin_idle(self):
        """For two tick periods nobody says a word but ticks."""
        self.seen = [len(node.events) for node in self.nodes]
        self.idle = [node.begin(
            "[monitor_node(C, true) || C <- All], receive {nodedown, C} -> C after T -> up end",
            All=[etf.Atom(x) for x in sorted({gc.cnode for gc in self.gcs} | {n.name for n in self.nodes if n is not node})],
            T=2 * TICKTIME * 1000) for node in self.nodes]

    def end_idle(self):
        for call, node, since in zip(self.idle, self.nodes, self.seen):
            answer = call.wait(2 * TICKTIME + 5)
            if answer != "up":
                raise Failed(f"{node.name}: {answer} went: {node.events[since:]}")
            assert len(node.events) == since, node.events[since:]

    def lose_one(self):
        a, b, c = self.nodes
        c.kill()
        a.expect_nodes(b)
        b.expect_nodes(a)
        c.proc.expect_exit()
        c.start()

    def have_it_back(self):
        a, b, c = self.nodes
        c.ready()
        for node, others in ((a, (b, c)), (b, (a, c)), (c, (a, b))):
            node.expect_nodes(*others, within=20)
        assert c.eval("net_adm:ping(C)", C=self.gcs[0].cnode) == "pong"
        self.gcs[1].expect_members(c)
        self.gcs[2].expect_members(a)


def go_through(combinations):
    """All of it, side by side."""
    for step in ("start", "form", "formed", "call", "begin_idle", "end_idle", "lose_one", "have_it_back"):
        for combination in combinations:
            combination.world.say(f"---- {combination.tag}: {step} ----")
            getattr(combination, step)()


def four(world, tls=None, ca=None, releases=(None, None, None)):
    """{IPv4, IPv6} x {EPMD, none}."""
    places = Places(world, releases)
    go_through([Combination(places, family, tls, has_epmd, ca)
                for family in ("inet", "inet6") for has_epmd in (True, False)])


WRONG = {"late": "certificate_expired", "strange": "unknown_ca", "elsewhere": "hostname_mismatch"}


def wrong_certificates(world, tls):
    """A node with a wrong certificate is kept out, it and no other, until it has a right one; so is a sidecar."""
    ca, stranger, here = Ca(world), Ca(world, "stranger"), "127.0.0.1"
    certs = {name: ca.issue(name, here) for name in ("a", "b", "gc_a")}
    certs.update(late=ca.issue("late", here, expired=True), strange=stranger.issue("strange", here),
                 elsewhere=ca.issue("elsewhere", "10.9.9.9"))
    certs["strange"].cacert = ca.cacert
    nodes = {name: Erl(world, name, args=dist_args(optfile(world, certs[name], tls)), start=False).start()
             for name in certs if name != "gc_a"}
    for node in nodes.values():
        node.ready()
    a, b = nodes["a"], nodes["b"]
    tls_options = f'[{{optfile, "{optfile(world, certs["gc_a"], tls)}"}}]'
    gc = GenCluster(world, a, discovery=f"{{static, {atoms(n for n in nodes.values() if n is not a)}}}",
                    tls=tls_options, reconnect="#{min_ms => 100, max_ms => 300}")
    gc.expect_members(b)
    for name, reason in WRONG.items():
        gc.expect_peer(nodes[name], reason=("tls", reason), stage="tls")
    a.expect_nodes(b)
    b.expect_nodes(a)
    beside_b = GenCluster(world, b, start=False, tls=tls_options.replace("gc_a", "late"), discovery="{static, []}").start()
    beside_b.expect_log("owner: .* cannot be reached: .*certificate")
    late = nodes["late"]
    ca.issue("late", here, renew=True)
    late.restart()
    gc.expect_members(b, late)
    a.expect_nodes(b, late)
    assert late.eval("net_adm:ping(C)", C=gc.cnode) == "pong"
