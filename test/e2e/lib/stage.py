"""Told and Stage: a subscriber's story held against what was done, and one host with a whole cluster on it that
random schedules of faults are played on (test_schedules.py, soak.py)."""
import random
import signal

from .daemon import GenCluster, atoms
from .dns import Dns
from .loop import Failed
from .net import Net

TICKTIME = 4  # seconds: a peer that is stopped for longer may be lost, a shorter stop must not be seen
TARGETS = ("epmd", "dns", "owner", "b", "c", "program")
KILL, TERM, STOP = signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP
ALONE = ["-kernel", "prevent_overlapping_partitions", "false"]  # else `global` cuts off nodes that were not hit


class Told:
    """What the subscriber on the owner may be told, given what was done. A nodedown needs a cause."""

    def __init__(self, recorder):
        self.recorder, self.seen, self.restarts = recorder, 0, 0
        self.members, self.last, self.hit = set(), 0, set()

    def new_life(self):
        self.seen = 0
        self.members = None

    def look(self):
        for message in self.recorder.messages[self.seen:]:
            self.seen += 1
            self.take(message)

    def take(self, message):
        if message[:2] == ("gen_cluster", "members"):
            self.take_snapshot(dict(message[2]))
        elif message[0] in ("nodeup", "nodedown"):
            self.take_change(*message)

    def take_snapshot(self, members):
        for gone in (self.members or set()) - set(members):
            self.need_cause(gone, "missing in a snapshot")
        if self.restarts:
            self.last, self.restarts = 0, 0
        self.members = set(members)
        self.last = max((info["seq"] for info in members.values()), default=self.last)

    def take_change(self, kind, node, info):
        if self.members is None:
            raise Failed(f"{kind} {node} before the snapshot")
        if info["seq"] <= self.last:
            raise Failed(f"{kind} {node}: change {info['seq']} after {self.last}")
        if (kind == "nodeup") == (node in self.members):
            raise Failed(f"{kind} {node} twice, or without its counterpart")
        self.last = info["seq"]
        if kind == "nodeup":
            self.members.add(node)
        else:
            self.need_cause(node, f"nodedown {info.get('reason')}")
            self.members.discard(node)

    def need_cause(self, node, what):
        if node not in self.hit:
            raise Failed(f"{what}: {node}, which nobody had touched")


class Stage:
    """One host with everything on it, in a namespace of its own."""

    def __init__(self, w, env=None, more=()):
        """env: more for the program. more: static peers besides, who are never there."""
        self.w = w
        place = Net(w).host("h")
        self.dns = Dns(w, place)
        place.use_dns(self.dns)
        self.place = place
        self.a, self.b, self.c = w.erls("a", "b", "c", at=place, ticktime=TICKTIME, args=ALONE)
        self.nodes = {"owner": self.a, "b": self.b, "c": self.c}
        self.dns.set("pods", A=[place.address])
        self.told = Told(self.a.record())
        self.gc = GenCluster(
            w, self.a, env=env, refresh_interval_ms=200, net_ticktime=TICKTIME,
            reconnect="#{min_ms => 50, max_ms => 400}", connect_timeout_ms=2000,
            discovery=f"[{{static, {atoms([self.b, *more])}}},"
                      "{dns, #{domain => \"pods.test\", record_type => a, node_basename => [\"c\"],"
                      " lookup_timeout => 300}}]")
        self.settle()

    # ---- faults ----
    def proc(self, target):
        if target in self.nodes:
            return self.nodes[target].proc
        return {"program": self.gc, "dns": self.dns}[target].proc if target != "epmd" else self.epmd

    @property
    def epmd(self):
        return self.w.epmd_procs["epmd-h"]

    def hit(self, target, sig):
        proc = self.proc(target)
        if not proc.alive:
            return
        self.w.say(f"{signal.Signals(sig).name} to {target}")
        if target in self.nodes:
            self.told.hit.add(self.nodes[target].name)
        if target == "owner":
            self.told.hit |= {self.b.name, self.c.name}  # its connections are the membership
        proc.kill(sig)

    def pause(self, seconds):
        """The schedule goes on after so long; what comes meanwhile is taken in."""
        over = []
        self.w.loop.later(seconds, lambda: over.append(True))
        self.w.expect(lambda: over, seconds + 5, "the next step of the schedule")

    # ---- repair ----
    def mend(self, target):
        proc = self.proc(target)
        if proc.alive:
            proc.kill(signal.SIGCONT)
        self.w.loop.pump()

    def revive(self):
        """Whoever was told to end ends first; then all that is not there is started."""
        for target in TARGETS:
            self.mend(target)
        for target in self.doomed:
            self.proc(target).expect_exit(15)
        if not self.epmd.alive:
            self.w.start_epmd(self.place)
        if not self.dns.proc.alive:
            self.dns.start()
        for node in self.nodes.values():
            if not node.alive:
                node.start().ready()
                if node is self.a:
                    node.record()
                    self.told.new_life()
        if not self.gc.proc.alive:
            self.told.restarts += 1
            self.gc.start().ready()

    def settle(self):
        others = {self.b.name, self.c.name}

        def told():
            self.told.look()
            return self.told.members == others
        self.w.expect(told, 30, "the subscriber knows all members")
        self.a.expect_nodes(self.b, self.c, within=20)
        self.w.expect(lambda: all(self.gc.cnode in node.hidden for node in self.nodes.values()), 20,
                      "its own links: without EPMD nobody could ask it")
        self.gc.expect_members(self.b, self.c)
        self.told.look()
        assert self.told.members == others, self.told.members
        self.told.hit.clear()

    # ---- a schedule ----
    def run(self, seed, targets=TARGETS):
        rng = random.Random(seed)
        self.doomed = set()
        for _ in range(rng.randint(2, 6)):
            target = rng.choice(targets)
            sig = rng.choice((KILL, TERM, STOP))
            self.hit(target, sig)
            if sig != STOP:
                self.doomed.add(target)
            self.pause(rng.choice((0, 0.01, 0.05, 0.2, 0.5)))
            if rng.random() < 0.4:
                self.mend(target)
        self.revive()
        self.settle()
