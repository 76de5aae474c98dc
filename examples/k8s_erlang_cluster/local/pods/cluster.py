"""Cluster: the pods of one Deployment or StatefulSet behind one headless Service. Does what the controllers of
Kubernetes do (start, scale, update, restart a container), what fate does (kill, cut), and knows what every
release must see."""
import random
import time
from dataclasses import dataclass

from lib.loop import Failed
from lib.net import Net

from .pod import Pod, release_dir
from .service import Service
from .witness import Witness

NAME = NAMESPACE = "k8s-erlang-cluster"


@dataclass(frozen=True)
class Timing:
    """Of DNS (propagation, ttl), of the release (ticktime), of a rolling update (min_ready), all in seconds. Of
    discovery: refresh_ms. Of the readiness: one member and nothing new for ready_ms, or ready_timeout_ms."""
    propagation: float = 1.0
    ttl: float = 5.0
    ticktime: int = 8
    min_ready: float = 5.0
    refresh_ms: int = 5000
    ready_ms: int = 2000
    ready_timeout_ms: int = 10000

    def __str__(self):
        return (f"DNS follows after {self.propagation:g} s and a TTL of {self.ttl:g} s; discovery asks every "
                f"{self.refresh_ms} ms; net_ticktime is {self.ticktime} s")


QUICK = Timing(propagation=0.3, ttl=1.0, ticktime=4, min_ready=0.0, refresh_ms=1000, ready_ms=300, ready_timeout_ms=1500)


class Cluster:
    def __init__(self, world, variant, timing, say=None, progress=lambda done, total: None):
        """say: called with what happens; progress: with how many releases of how many see all they should."""
        self.world, self.variant, self.timing = world, variant, timing
        world.epmd_port = 4369  # every pod has a loopback of its own
        self.say, self.progress = say or world.say, progress
        self.net = Net(world)
        self.service = Service(world, self.net.host("dns"), NAME, NAMESPACE, variant.port_name, variant.port,
                               timing.propagation, timing.ttl)
        self.witness = Witness(self)
        self.pods, self.cuts, self.acted_at = [], [], time.monotonic()
        self.release_dir = release_dir()

    def act(self, text):
        """Something is done now, after which the releases have to come to agree."""
        self.say(text)
        self.acted_at = time.monotonic()

    # ---- the pods ----
    def pod_of(self, node):
        """The pod whose release has that name now, or had it last."""
        for pod in reversed(self.pods):
            if pod.node == node:
                return pod
        return None

    @property
    def living(self):
        return [pod for pod in self.pods if pod.lives]

    def new_name(self):
        """As a StatefulSet (the first free number) or a ReplicaSet (a random end) would name it."""
        taken = {pod.name for pod in self.living}
        if self.variant.is_stateful:
            return next(name for i in range(len(taken) + 1) if (name := f"{NAME}-{i}") not in taken)
        letters = "bcdfghjklmnpqrstvwxz2456789"
        return f"{NAME}-" + "".join(random.choices(letters, k=5))

    def update_order(self):
        """A StatefulSet updates the highest number first; a Deployment in no special order."""
        return self.living[::-1] if self.variant.is_stateful else self.living

    def start(self, count, name=None):
        """Starts pods, all at once; returns when they run."""
        new = [self.begin(name or self.new_name()) for _ in range(count)]
        for pod in new:
            pod.ready()
            self.act(f"{pod.name} runs")
        return new

    def begin(self, name, **how):
        """Starts a pod; ready() waits for it. how: see Pod."""
        pod = Pod(self, name, **how)
        self.pods.append(pod)
        self.witness.excuse(pod)  # connections to a node that had its name are not connections to it
        self.say(f"{pod.name} starts: {pod.node}")
        pod.start()
        self.service.add(pod)  # publishNotReadyAddresses: from the moment it has an address
        return pod

    def stop(self, pods, force=False):
        """SIGTERM to all of them, or SIGKILL; returns when they are gone."""
        for pod in pods:
            self.act(f"{pod.name} is {'killed (SIGKILL)' if force else 'told to stop (SIGTERM)'}: {pod.node}")
            pod.kill() if force else pod.terminate()
        for pod in pods:
            pod.gone()
            self.service.remove(pod)

    def over(self):
        """What happens from now on is the clean-up."""
        for pod in self.living:
            pod.doomed()

    def scale(self, count, force=False):
        """Up, or down: the newest go first."""
        if count >= len(self.living):
            self.start(count - len(self.living))
        else:
            self.stop(self.living[count:], force)

    def replace(self, pod):
        """One step of a rolling update: a StatefulSet ends the old pod first; a Deployment (maxSurge 1,
        maxUnavailable 0) when the new one is ready. Returns when the next may be replaced."""
        if self.variant.is_stateful:
            self.stop([pod])
            self.start(1, pod.name)[0].passes_probe()
            self.pause(self.timing.min_ready)
        else:
            self.start(1)[0].passes_probe()
            self.pause(self.timing.min_ready)
            self.stop([pod])

    def pause(self, seconds):
        """minReadySeconds."""
        over = []
        self.world.loop.later(seconds, lambda: over.append(True))
        self.world.expect(lambda: over, seconds + 1, f"{seconds} s have passed")

    # ---- the network ----
    def cut(self, left, right):
        """Nothing passes between the two groups any more."""
        self.act(f"cut: {' '.join(p.host.address for p in left)} | {' '.join(p.host.address for p in right)}")
        self.cuts = [frozenset((a, b)) for a in left for b in right]
        self.net.cut([pod.host for pod in left], [pod.host for pod in right])

    def heal(self):
        for pair in self.cuts:
            self.witness.excuse(*pair)
        self.cuts = []
        self.act("healed: everything passes")
        self.net.heal()

    def is_cut(self, a, b):
        return frozenset((a, b)) in self.cuts

    # ---- what must be ----
    def wanted(self, pod):
        """The nodes() of a pod's release."""
        return {other.node for other in self.living if other is not pod and not self.is_cut(pod, other)}

    def wrong(self):
        """What is not as it must be: [(pod, what, seen, wanted)]."""
        found = []
        for pod in self.living:
            wanted = self.wanted(pod)
            for what, seen in (("nodes()", pod.release.up), ("gen_cluster", pod.recorder.view())):
                if seen != wanted:
                    found.append((pod, what, seen, wanted))
        return found

    def is_formed(self):
        wrong = {pod for pod, _, _, _ in self.wrong()}
        self.progress(len(self.living) - len(wrong), len(self.living))
        return not wrong

    def expect_formed(self, within):
        """Waits until every release's nodes(), and what gen_cluster has told there, are as they must be. Then each
        release is asked, and no live member may have been lost."""
        try:
            self.world.expect(self.is_formed, within, "every release sees all the others")
        except Failed as e:
            raise Failed("\n".join([str(e)] + [
                f"{pod.name} {pod.node}: {what}\n    is      {sorted(seen)}\n    must be {sorted(wanted)}"
                for pod, what, seen, wanted in self.wrong()])) from None
        for pod in self.living:
            seen = set(pod.release.eval("nodes()"))
            if seen != self.wanted(pod):
                raise Failed(f"{pod.name}: nodes() is {sorted(seen)}, must be {sorted(self.wanted(pod))}")
            pod.recorder.check()
        self.expect_no_loss()

    def expect_no_loss(self):
        if self.witness.losses:
            raise Failed("live members were lost: " + "; ".join(
                f"{loss.observer.name} lost {loss.node} ({loss.source}: {loss.info})" for loss in self.witness.losses))
