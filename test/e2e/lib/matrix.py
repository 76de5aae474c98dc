"""The kill matrix: each signal to each target in each state that the program can be in. A cell brings the stage into the
state, which is made to last (by somebody who is stopped, or packets that are lost), waits until it shows, and hits."""
import itertools
import random
import signal

from .stage import KILL, STOP, TARGETS, TERM, Stage

NOWHERE = "x@gone.test"  # a peer whose name is asked for, again and again, and never found
HIT = [target for target in TARGETS if target != "c"]  # c is who asks the program meanwhile


class Matrix(Stage):
    def __init__(self, w):
        super().__init__(w, more=[NOWHERE])

    # ---- preparation ----
    def state_of(self, node):
        return self.gc.peers(via=self.c)[node.name]["state"]

    def wait_for(self, node, *states):
        self.w.until(lambda: self.state_of(node) in states, 10, f"{node.short} is {states}")

    def cut_off(self):
        """b ends all its connections."""
        self.touch(self.b)
        self.b.eval("[erlang:disconnect_node(N) || N <- nodes(connected)], ok")

    def node_ports(self):
        """The ports of b and the owner, once EPMD tells both (a node registers again some time after EPMD has been away)."""
        listed = self.b.eval("case net_adm:names(A) of {ok, L} -> L; _ -> [] end",
                             A=tuple(map(int, self.place.address.split("."))))
        ports = [port for name, port in listed if bytes(name) in (b"a", b"b")]
        return ports if len(ports) == 2 else None

    def lose_syns(self):
        """Nobody connects to b or the owner any more, and whoever was connected to b is cut off by it."""
        ports = ", ".join(map(str, self.w.until(self.node_ports, 10, "EPMD knows b and the owner")))
        self.place.do("nft", "add table inet gc; add chain inet gc in { type filter hook input priority 0; policy accept; }; "
                             f"add rule inet gc in tcp dport {{ {ports} }} tcp flags & (syn | ack) == syn drop")
        self.cut_off()

    def find_syns(self):
        self.place.do("nft", "flush ruleset")

    def touch(self, *nodes):
        self.told.hit |= {node.name for node in nodes}

    # ---- states ----
    def starting(self):
        self.gc.kill().proc.expect_exit()
        self.told.restarts += 1
        self.gc.start()

    def waiting_for_owner(self):
        since = len(self.gc.proc.lines)
        self.hit("owner", KILL)
        self.doomed.add("owner")
        self.gc.expect_log("is down", since=since)

    def discovering(self):
        self.hit("dns", STOP)
        self.w.until(lambda: any(each["quality"] == "error" for each in self.gc.call("discovery", self.c)), 10,
                     "DNS is asked and does not answer")

    def resolving(self):
        self.hit("dns", STOP)
        self.w.until(lambda: self.gc.peers(via=self.c)[NOWHERE]["state"] == "dialling", 10, "a name is being resolved")

    def asking_epmd(self):
        self.hit("epmd", STOP)
        self.cut_off()
        self.wait_for(self.b, "dialling")

    def connecting(self):
        self.lose_syns()
        self.wait_for(self.b, "dialling")

    def in_handshake(self):
        self.lose_syns()
        self.hit("b", STOP)
        self.find_syns()
        self.w.until(lambda: self.gc.call("metrics", self.c)["handshakes_pending"] > 0, 10, "b has been called")

    def joining(self):
        self.lose_syns()
        self.wait_for(self.b, "dialling", "waiting")
        self.hit("owner", STOP)
        self.find_syns()
        self.wait_for(self.b, "joining")

    def member(self):
        pass

    def backing_off(self):
        self.hit("b", KILL)
        self.doomed.add("b")
        self.wait_for(self.b, "waiting")

    def leaving(self):
        self.gc.proc.kill(signal.SIGTERM)
        self.doomed.add("program")

    # ---- cells ----
    def revive(self):
        self.find_syns()
        super().revive()

    def settle(self):
        """A program that has just begun has told its snapshot first."""
        self.gc.ready(20)
        self.w.expect(lambda: self.gc.cnode in self.a.hidden, 20, "the program is connected to its owner")

        def told():
            self.told.look()
            return not self.told.restarts
        self.w.expect(told, 20, "its snapshot")
        super().settle()

    def cell(self, number):
        state, target, sig = CELLS[number % len(CELLS)]
        self.doomed = set()
        self.w.say(f"cell {number}: {state}, {signal.Signals(sig).name} to {target}")
        getattr(self, state)()
        self.hit(target, sig)
        if sig != STOP:
            self.doomed.add(target)
        self.pause(random.Random(number).choice((0, 0.05, 0.3)))
        self.revive()
        self.settle()


STATES = ("starting", "waiting_for_owner", "discovering", "resolving", "asking_epmd", "connecting", "in_handshake", "joining",
          "member", "backing_off", "leaving")
CELLS = list(itertools.product(STATES, HIT, (KILL, TERM, STOP)))
