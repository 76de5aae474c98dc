"""GenCluster: the program as a sidecar (`gen_cluster run`). GenClusterPort: the same under a port, with this
test in the place of the VM."""
import os
import signal

from . import etf
from .loop import SLOW, Failed, Skip
from .proc import Packets, Proc, Where, frame
from .world import BUILDDIR

LEAVE_WITHIN = 1.0  # design 1.2, and what the scheduler of a busy machine adds
BUSY = 1.0


def program():
    path = os.path.join(BUILDDIR, "gen_cluster")
    if not os.path.exists(path):
        raise Skip(f"{path} is not built")
    return path


def options_text(options):
    """{key, value} lines of a configuration; str values are Erlang text as they are."""
    def text(value):
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, etf.Atom):
            return f"'{value}'"
        return str(value)
    return "[" + ",\n ".join(f"{{{k}, {text(v)}}}" for k, v in options.items()) + "].\n"


def atoms(nodes):
    """The Erlang text of a list of node names."""
    return "[" + ", ".join(f"'{getattr(n, 'name', n)}'" for n in nodes) + "]"


class Answers:
    """What both front ends share: the shell's requests, asked through a node."""

    def call(self, request, via=None, within=10.0):
        """gen_server:call({gen_cluster, CNode}, Request) on a node (default: the owner)."""
        node = via or self.owner
        return node.eval("gen_server:call({gen_cluster, C}, R, T)", within, C=self.cnode, T=int(5000 * SLOW),
                         R=etf.Atom(request) if isinstance(request, str) else request)

    def peers(self, via=None):
        """{node: {state, ...}} of the `peers` request."""
        return {info["node"]: info for info in self.call("peers", via)}

    def members(self, via=None):
        return {node for node, _ in self.call("members", via)}

    def expect_members(self, *nodes, via=None, within=10.0):
        want = {str(getattr(n, "name", n)) for n in nodes}
        self.world.until(lambda: self.members(via) == want, within, f"{self.cnode}: members {sorted(want)}")

    def expect_peer(self, node, via=None, within=10.0, **facts):
        """Waits until `peers` shows these facts of a node; gives all its facts."""
        name = str(getattr(node, "name", node))

        def look():
            info = self.peers(via).get(name)
            return info if info and all(self.fact(info, k) == v for k, v in facts.items()) else None
        return self.world.until(look, within, f"peers: {name} {facts}")

    @staticmethod
    def fact(info, key):
        """A fact of a peer; reason, stage and detail are those of its last error."""
        if key in ("reason", "stage", "detail"):
            return info.get("last_error", {}).get(key)
        return info.get(key)

    def discovery(self, via=None):
        """The first instance, as the `discovery` request shows it."""
        return self.call("discovery", via)[0]

    def expect_rounds(self, more, via=None, within=20.0):
        """Waits until discovery has asked so many times more."""
        begin = self.discovery(via)["rounds"]
        self.world.until(lambda: self.discovery(via)["rounds"] >= begin + more, within, f"{more} more rounds")


class GenCluster(Answers):
    prefix = []  # a command that runs the program

    def __init__(self, world, owner=None, at=None, cookie=None, args=(), env=None, start=True,
                 name="gc", cnode=None, **options):
        """options: the configuration, keys as in design 1.3. cnode: its node name, if not the default."""
        self.world, self.owner = world, owner
        self.at = at or (owner.at if owner else None)
        self.short = name if not owner else f"gc_{owner.short}"
        if owner:
            options.setdefault("owner", owner.name)
            self.cnode = etf.Atom("gc_" + owner.name)
        if cnode or not owner:
            self.cnode = etf.Atom(cnode or f"gen_cluster@{self.at.address if self.at else '127.0.0.1'}")
            options["name"] = self.cnode
        self.home = owner.home if owner and cookie is None else world.home(self.short, cookie)
        self.options, self.args, self.more_env, self.proc = options, list(args), env or {}, None
        self.config = None
        if start:
            self.start().ready()

    def configure(self, **options):
        """Writes the configuration file, changed so; reload() or start() makes it count."""
        self.options.update(options)
        self.config = self.world.write(f"{self.cnode}.config", options_text(self.options))
        return self

    def start(self):
        self.configure()
        self.world.ensure_epmd(self.at)
        self.is_ready = False
        ready, theirs = os.pipe()
        where = self.at.where() if self.at else Where()
        where.fds = [theirs]
        argv = self.prefix + [program(), "run", "--config", self.config, "--ready-fd", str(theirs)] + self.args
        self.proc = Proc(self.world, self.short, argv, where=where, env=self.world.env(self.home, **self.more_env))
        os.close(theirs)
        self.world.loop.watch(ready, lambda: self.on_ready(ready))
        if self.leave_at_end not in self.world.leavers:
            self.world.leavers.append(self.leave_at_end)
        return self

    def on_ready(self, fd):
        data = os.read(fd, 4096)
        if data:
            self.is_ready = True
            self.world.journal.add(self.short, f"[ready: {data.decode().strip()}]")
        else:
            self.world.loop.unwatch(fd)
            os.close(fd)

    def ready(self, within=10.0):
        def look():
            if not self.proc.alive:
                raise Failed(f"{self.short} ended with {self.proc.status} before it was ready")
            return self.is_ready
        self.world.expect(look, within, f"{self.short} is ready")
        return self

    def kill(self, sig=signal.SIGKILL):
        self.proc.kill(sig)
        return self

    def restart(self):
        if self.proc.alive:
            self.kill()
        self.proc.expect_exit()
        return self.start().ready()

    def reload(self, text=None, **options):
        """A changed configuration and SIGHUP. text: the whole file instead."""
        if text is None:
            self.configure(**options)
        else:
            self.world.write(f"{self.short}.config", text)
        self.proc.kill(signal.SIGHUP)

    def leave(self, within=LEAVE_WITHIN + BUSY):
        """SIGTERM; must end by itself, with 0."""
        self.proc.kill(signal.SIGTERM).expect_exit(within, 0)

    def leave_at_end(self):
        if self.proc.alive:
            self.proc.kill(signal.SIGCONT)
            self.leave()

    def expect_log(self, pattern, within=10.0, since=0):
        return self.proc.expect_line(pattern, within, since)


class GenClusterPort(Answers):
    """`gen_cluster port` with us as the VM (src/port.h). packets: every term that came."""

    def __init__(self, world, owner, options="[]", cookie=None, start=True, **facts):
        self.world, self.owner, self.at = world, owner, owner.at
        self.short, self.cnode = f"gc_{owner.short}", etf.Atom("gc_" + owner.name)
        self.packets, self.next_id = [], 0
        packets = Packets(self.on_packet)
        self.proc = Proc(world, self.short, [program(), "port"], env=world.env(owner.home), stdin=True,
                         where=self.at.where() if self.at else None, binary_out=packets.feed)
        world.leavers.append(self.leave_at_end)
        if start:
            self.expect_packet("hello")
            text = self.owner.eval(options) if isinstance(options, str) else options
            self.send((etf.Atom("start"), {etf.Atom("owner"): owner.name, etf.Atom("options"): text,
                                           etf.Atom("cookie"): (cookie or world.cookie).encode(),
                                           **{etf.Atom(k): v for k, v in facts.items()}}))

    def on_packet(self, packet):
        term = etf.decode(packet)
        self.packets.append(term)
        self.world.journal.add(self.short, repr(term))

    def send(self, term):
        os.write(self.proc.popen.stdin.fileno(), frame(etf.encode(term)))

    def expect_packet(self, kind, within=10.0, since=0, where=lambda term: True):
        """Waits for a packet {Kind, ...}."""
        def look():
            for term in self.packets[since:]:
                if term[0] == kind and where(term):
                    return term
            if not self.proc.alive:
                raise Failed(f"{self.short} ended ({self.proc.status}) without a packet {kind}")
            return None
        return self.world.expect(look, within, f"{self.short}: packet {kind}")

    def request(self, request, within=10.0):
        """{call, Id, Request}; gives the reply."""
        self.next_id += 1
        self.send((etf.Atom("call"), self.next_id, request))
        number = self.next_id
        return self.expect_packet("reply", within, where=lambda t: t[1] == number)[2]

    def close_stdin(self):
        self.proc.popen.stdin.close()

    def leave_at_end(self):
        if self.proc.alive:
            self.proc.popen.stdin.close()
            self.proc.expect_exit(LEAVE_WITHIN + BUSY, 0)


def formed(world, nodes, discovery, within=15.0, **options):
    """A sidecar beside each node, all with the same discovery; waits until all nodes see each other and each
    sidecar counts the others as members."""
    options.setdefault("refresh_interval_ms", 500)
    gcs = [GenCluster(world, node, discovery=discovery, start=False, **options).start() for node in nodes]
    for gc in gcs:
        gc.ready()
    for node in nodes:
        node.expect_nodes(*(n for n in nodes if n is not node), within=within)
    for gc in gcs:
        gc.expect_members(*(n for n in nodes if n is not gc.owner), within=within)
    return gcs
