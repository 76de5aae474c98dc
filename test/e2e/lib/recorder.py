"""Recorder: a registered Erlang process as a subscriber. Keeps every message to it, life by life, and checks
what gen_cluster promises: snapshot first, then each change exactly once and in order."""
from .loop import Failed


class Recorder:
    def __init__(self, node, name):
        self.node, self.name, self.pid, self.lives, self.early = node, name, None, [], {}
        self.on_message = lambda recorder, message: None

    def begin(self, pid):
        """A new life. It may have got messages before we knew its pid."""
        self.pid = pid
        self.lives.append([])
        for message in self.early.pop(pid, []):
            self.add(pid, message)

    def add(self, pid, message):
        if pid == self.pid:
            self.lives[-1].append(message)
            self.on_message(self, message)
        else:
            self.early.setdefault(pid, []).append(message)

    @property
    def messages(self):
        return self.lives[-1]

    def kill(self):
        """The process dies; what comes until record() is called again is lost to it."""
        self.node.eval("R = monitor(process, P), exit(P, kill), receive {'DOWN', R, _, _, _} -> ok end",
                       P=self.pid)

    # ---- what came ----
    def changes(self, life=-1):
        """[(nodeup | nodedown, node, info)] of one life."""
        return [m for m in self.lives[life] if isinstance(m, tuple) and m[0] in ("nodeup", "nodedown")]

    def snapshot(self, life=-1):
        """The first {gen_cluster, members, ...} of a life as {node: info}, or None."""
        for message in self.lives[life]:
            if isinstance(message, tuple) and message[:2] == ("gen_cluster", "members"):
                return dict(message[2])
        return None

    def view(self, life=-1):
        """The members as somebody knows them who only read these messages."""
        members = set()
        for message in self.lives[life]:
            if message[:2] == ("gen_cluster", "members"):
                members = {node for node, _ in message[2]}
            elif message[0] == "nodeup":
                members.add(message[1])
            elif message[0] == "nodedown":
                members.discard(message[1])
        return members

    def expect_view(self, *nodes, within=10.0):
        want = {str(getattr(n, "name", n)) for n in nodes}
        self.node.world.expect(lambda: self.view() == want, within,
                               f"{self.name} on {self.node.short} knows {sorted(want)}")

    def expect_change(self, what, node, within=10.0, since=0):
        """Waits for a nodeup or nodedown of node; gives its Info."""
        name = str(getattr(node, "name", node))

        def look():
            for kind, who, info in self.changes()[since:]:
                if kind == what and who == name:
                    return info
            return None
        return self.node.world.expect(look, within, f"{self.name} is told {what} {name}")

    def check(self):
        """Fails unless the snapshot comes first in each life, changes are numbered without a gap (but for what a
        snapshot stands for) and never told twice, and up and down come in turn for each node."""
        last = 0
        for number, life in enumerate(self.lives):
            if life and life[0][:2] != ("gen_cluster", "members"):
                raise Failed(f"life {number} of {self.name} does not begin with the snapshot: {life[0]!r}")
            last = self.check_life(life, last)

    def check_life(self, life, last):
        """last: the number of the last change told so far; gives the new one."""
        members, jump = set(), True
        for message in life:
            if message[:2] == ("gen_cluster", "members"):
                members, jump = {node for node, _ in message[2]}, True
                last = max([last] + [info["seq"] for _, info in message[2]])
                continue
            seq = self.check_change(message, members)
            if seq is None or (jump and message[:2] == ("gen_cluster", "ready")):
                continue  # right behind the snapshot, ready is told again with the number it once had
            if seq <= last or (seq != last + 1 and not jump):
                raise Failed(f"{self.name}: change {seq} after {last}")
            last, jump = seq, False
        return last

    def check_change(self, message, members):
        """Applies one message to members; gives its number, if it has one."""
        if message[:2] == ("gen_cluster", "ready"):
            return message[2].get("seq")
        if message[0] not in ("nodeup", "nodedown"):
            return None
        kind, node, info = message
        if (kind == "nodeup") == (node in members):
            raise Failed(f"{self.name}: {kind} {node} twice, or without its counterpart")
        (members.add if kind == "nodeup" else members.discard)(node)
        return info["seq"]
