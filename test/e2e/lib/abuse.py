"""What a daemon of ours does to others while it is attacked: Siege sets the scene, runs the hostile peer attack by
attack, and measures in each: calls of a real node, a good node that joins over and over, memory, descriptors,
the longest turns of the loop, and whether what was cut is counted and logged.

The limits are of the daemon alone, and hold as they are when strict (GC_ABUSE_STRICT=1, make abuse). In the normal test
run others use the machine: there times are multiplied by BUSY and by how much longer the daemon took for its work because
others had the CPU (schedstat), and what a control group sees at the same time, calls between two nodes that have nothing to
do with it, is added. GC_E2E_SLOW multiplies all times."""
import os
import re
import time

from .ca import Ca, dist_args, optfile
from .daemon import GenCluster, atoms, program
from .erl import Erl
from .etf import Atom
from .loop import SLOW, Failed, Skip
from .proc import Proc, status_kb
from .world import BUILDDIR

HERE = "127.0.0.1"
MALLORY = f"mallory@{HERE}"
STRICT = os.environ.get("GC_ABUSE_STRICT") == "1"
# The limits, and what each is of.
CALL_P99_MS, JOIN_MS, TURN_MS = 5, 200, 50
MEMORY_MB = 64       # over what it had before
MEMORY_BACK_MB = 16  # of them may stay with the allocator
LINES = 60           # of the log, in one attack
FDS = 2              # more than at the start: the dials of discovery, the node that joins
# The attacker has a machine of its own in life. Each session is a group of the scheduler, where it groups them.
MILD = ["sh", "-c", 'echo 19 2>/dev/null >/proc/self/autogroup; exec nice -n 19 "$@"', "sh"] if STRICT else []
BUSY = SLOW * (1 if STRICT else 5)

OPTIONS = {"--cut-ms": int(8000 * SLOW), "--probe-ms": int(JOIN_MS * BUSY * (1 if STRICT else 3)), "--dial-ms": int(60000 * SLOW)}


def reset_peak(pid):
    """VmHWM begins anew."""
    with open(f"/proc/{pid}/clear_refs", "w", encoding="utf8") as f:
        f.write("5")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def is_sanitized():
    """Memory then tells of the sanitizer; a script runs valgrind (test/sanitize)."""
    with open(program(), "rb") as f:
        return re.search(rb"__[at]san_init|^#!", f.read()) is not None


def schedule(pid):
    """(seconds on a CPU, seconds ready but without one)."""
    with open(f"/proc/{pid}/schedstat", encoding="utf8") as f:
        return [int(ns) / 1e9 for ns in f.read().split()[:2]]


def difference(before, after):
    return {str(k): v - before.get(k, 0) for k, v in after.items() if v != before.get(k, 0)}


class Result:
    """One attack: its measures, and what is wrong with them."""

    def __init__(self, name):
        self.name, self.note, self.complaints, self.times = name, "", [], 0

    def check(self, is_good, complaint):
        if not is_good:
            self.complaints.append(complaint)

    @property
    def is_good(self):
        return not self.complaints


class Armour:
    """TLS of one version for all of a siege, the hostile peer included: it has a certificate that is as good as any."""

    def __init__(self, world, version):
        self.world, self.version, self.ca = world, version, Ca(world)
        mallory = self.ca.issue("mallory", HERE)
        late, strange = self.ca.issue("late", HERE, expired=True), Ca(world, "stranger").issue("strange", HERE)
        self.hostile = ["--tls", version, "--tls-ca", self.ca.cacert, "--tls-cert", self.with_key(mallory),
                        "--tls-bad", self.with_key(late), "--tls-bad", self.with_key(strange)]

    def with_key(self, cert):
        texts = []
        for path in (cert.cert, cert.key):
            with open(path, encoding="utf8") as f:
                texts.append(f.read())
        return self.world.write(f"{cert.name}-both.pem", "".join(texts), 0o600)

    def optfile(self, name):
        return optfile(self.world, self.ca.issue(name, HERE), self.version, name)

    def erl(self, name):
        return {"args": dist_args(self.optfile(name))}

    def gc(self):
        return {"tls": f'[{{optfile, "{self.optfile("gc")}"}}]'}


class Naked:
    hostile = ()

    def erl(self, _name):
        return {}

    def gc(self):
        return {}


class Siege:
    def __init__(self, world, tls=None, **options):
        """tls: "1.2" or "1.3"."""
        path = os.path.join(BUILDDIR, "test", "support", "hostile")
        if not os.path.exists(path):
            raise Skip(f"{path} is not built")
        self.world, self.hostile, self.is_sanitized = world, path, is_sanitized()
        self.armour = Armour(world, tls) if tls else Naked()
        nodes = [Erl(world, name, start=False, **self.armour.erl(name)).start()
                 for name in ("owner", "caller", "joiner", "control")]
        self.owner, self.caller, self.joiner, self.control = [node.ready() for node in nodes]
        self.gc = GenCluster(world, self.owner, discovery=f"{{static, {atoms([MALLORY, self.control])}}}",
                             reconnect="#{min_ms => 50, max_ms => 300}", connect_timeout_ms=4000, log_level="info",
                             **{**self.armour.gc(), **options})
        self.owner.expect_nodes(self.control)
        try:
            self.state()
        except PermissionError:  # it is not dumpable
            raise Skip("only root may look into the process") from None
        self.control.eval("e2e_gauge:echo()")
        for node in (self.caller, self.joiner):  # the first time costs a node the loading of its code
            world.until(lambda n=node: n.eval("net_adm:ping(C)", C=self.gc.cnode) == "pong", 20, f"{node.short} is let in")
        self.joiner.eval("erlang:disconnect_node(C)", C=self.gc.cnode)
        self.fds = self.state()[0]
        self.port = self.gc.call("info", self.caller)["listen_port"]
        self.cookie_file = os.path.join(world.home("hostile"), ".erlang.cookie")
        self.results = []

    # ---- gauges ----
    def start_gauges(self):
        calls = "e2e_gauge:calls({Name, Node}, info, 2)"
        self.calls = self.caller.eval(calls, Name=Atom("gen_cluster"), Node=self.gc.cnode)
        self.controls = self.caller.eval(calls, Name=Atom("e2e_gauge"), Node=self.control.name)
        self.joins = self.joiner.eval("e2e_gauge:joins(Node, 50)", Node=self.gc.cnode)

    def stop_gauges(self):
        pending = [node.begin("e2e_gauge:stop(P)", P=pid) for node, pid in (
            (self.caller, self.calls), (self.caller, self.controls), (self.joiner, self.joins))]
        return [{str(k): v for k, v in call.wait(20).items()} for call in pending]

    def metrics(self):
        return {str(k): v for k, v in self.gc.call("metrics", self.caller, within=20).items()}

    def state(self):
        """Descriptors, and resident memory in MB."""
        pid = self.gc.proc.pid
        return descriptors(pid), status_kb(pid, "VmRSS") / 1024

    def settle(self, memory_mb):
        """Waits until descriptors and memory are back to about where they were; gives what they are then."""
        def look():
            now = self.state()
            return now[0] <= self.fds + FDS and (self.is_sanitized or now[1] <= memory_mb + MEMORY_BACK_MB)
        try:
            self.world.until(look, 10, "descriptors and memory are back")
        except Failed:
            pass
        return self.state()

    # ---- one attack ----
    def attack(self, name, within=300, at_least_s=0.0, **options):
        """Runs one attack of the hostile peer, again and again for at least that long; gives its Result."""
        argv = MILD + [self.hostile, "--target", f"127.0.0.1:{self.port}", "--target-name",
                str(self.gc.cnode), "--cookie-file", self.cookie_file, "--epmd-port", str(self.world.epmd_port),
                "--as", MALLORY, "--other", str(self.owner.name), *self.armour.hostile]
        settings = {**OPTIONS, **{f"--{k.replace('_', '-')}": v for k, v in options.items()}}
        for key, value in settings.items():
            argv += [key, str(value)]
        result = Result(name)
        memory_mb = self.state()[1]
        before, lines = self.metrics(), len(self.gc.proc.lines)
        reset_peak(self.gc.proc.pid)
        self.ran, self.waited = schedule(self.gc.proc.pid)
        begin = time.monotonic()
        self.start_gauges()
        while result.times == 0 or time.monotonic() - begin < at_least_s:
            proc = Proc(self.world, "hostile", argv + [name])
            proc.expect_exit(within)
            self.world.expect(lambda p=proc: p.is_read, 5, "all that it printed")
            result.times += 1
            self.judge_hostile(result, proc)
        gauges = self.stop_gauges()
        result.seconds = time.monotonic() - begin
        self.judge_gauges(result, *gauges)
        self.judge_state(result, memory_mb)
        self.judge_cuts(result, before, self.gc.proc.lines[lines:])
        self.results.append(result)
        self.world.say(f"{name}: {result.complaints or 'good'}")
        return result

    def judge_hostile(self, result, proc):
        """Its own verdict: what was cut in time, let in, answered."""
        line = next((l for l in proc.lines if l.startswith(("ok ", "FAILED "))), "")
        result.note = line.partition(": ")[2]
        found = re.search(r"a good node after it: (-?\d+) ms", line)
        result.probe_ms = int(found[1]) if found else -1
        result.check(proc.status == 0, f"the target misbehaved: {line or proc.lines[-1:]}")

    def judge_gauges(self, result, calls, controls, joins):
        result.calls, result.controls, result.joins = calls, controls, joins
        ran, waited = [now - then for now, then in zip(schedule(self.gc.proc.pid), (self.ran, self.waited))]
        result.slowdown = 1 + waited / max(ran, 0.001)
        result.factor = SLOW if STRICT else BUSY * result.slowdown
        result.noise_ms = noise = 0 if STRICT else 3 * controls["max"] / 1000
        limit = CALL_P99_MS * result.factor + noise
        result.check(calls["n"] > 0 and calls["failed"] == 0, f"{calls['failed']} calls failed, {calls['n']} did not")
        result.check(calls["p99"] / 1000 < limit, f"p99 of calls {calls['p99'] / 1000:.1f} ms, allowed {limit:.1f}")
        limit = JOIN_MS * result.factor + noise
        result.check(joins["failed"] == 0, f"a good node was not let in {joins['failed']} times")
        result.check(joins["max"] / 1000 < limit, f"a good node joined in {joins['max'] / 1000:.0f} ms, "
                                                  f"allowed {limit:.0f}")

    def judge_state(self, result, memory_mb):
        pid = self.gc.proc.pid
        if not self.gc.proc.alive:
            raise Failed(f"{result.name}: the daemon has ended with {self.gc.proc.status}")
        result.peak_mb = status_kb(pid, "VmHWM") / 1024 - memory_mb
        result.fds, after_mb = self.settle(memory_mb)
        result.left_mb = after_mb - memory_mb
        result.check(result.fds <= self.fds + FDS, f"{self.fds} descriptors at the start, {result.fds} now")
        if self.is_sanitized:
            return
        result.check(result.peak_mb < MEMORY_MB, f"memory grew by {result.peak_mb:.1f} MB, allowed {MEMORY_MB}")
        result.check(result.left_mb < MEMORY_BACK_MB, f"{result.left_mb:.1f} MB of memory stayed")

    def judge_turns(self, result, longest_ms):
        over = result.turns["loop_over_50ms"]
        limit = TURN_MS * result.factor + result.noise_ms
        is_good = over == 0 if limit == TURN_MS else (result.turn_max_ms or 0) < limit
        result.check(is_good, f"{over} turns of the loop took over {TURN_MS} ms, the longest ever {longest_ms} ms")

    def judge_cuts(self, result, before, lines):
        after = self.metrics()
        result.turns = {k: after[k] - before[k] for k in ("loop_over_10ms", "loop_over_50ms")}
        result.turn_max_ms = after["loop_max_ms"] if after["loop_max_ms"] > before["loop_max_ms"] else None
        self.judge_turns(result, after["loop_max_ms"])
        result.cut = difference(before["accepts_cut"], after["accepts_cut"])
        result.lost = difference(before["links_cut"], after["links_cut"])
        result.accepted = after["accepts"] - before["accepts"]
        open_before = before["accepts"] - before["accepts_ok"] - before["accepts_failed"]
        open_after = after["accepts"] - after["accepts_ok"] - after["accepts_failed"]
        result.check(abs(open_after - open_before) <= 1, f"{open_after} accepted connections have no outcome")
        result.check(sum(after["accepts_cut"].values()) == after["accepts_failed"], "a cut connection has no reason")
        for reason in result.cut:
            logged = any(f"cut: {reason}" in line for line in self.gc.proc.lines)
            result.check(logged, f"no line in the log says that a connection was cut: {reason}")
        told = [line for line in lines if " cut: " in line]
        result.lines = len(told)
        result.check(len(told) <= LINES, f"{len(told)} lines of the log")
