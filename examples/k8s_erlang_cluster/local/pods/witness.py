"""Witness: hears of every nodeup and nodedown in every release, from its kernel (net_kernel:monitor_nodes) and from
gen_cluster, and knows which of them nobody can be blamed for. A live member that is lost is a fault."""
import time
from collections import namedtuple

Loss = namedtuple("Loss", "at observer node source info")


class Witness:
    def __init__(self, cluster):
        self.cluster, self.losses = cluster, []
        self.ups = {}     # (observer, node, source): when
        self.excuses = {}  # a pod, or a pair of pods: when something was last done to it

    def excuse(self, *pods):
        """Something was done to one pod, or between two, that breaks connections which exist by now."""
        self.excuses[frozenset(pods)] = time.monotonic()

    def saw(self, observer, kind, node, source, info):
        """An event in the release of a pod."""
        now = time.monotonic()
        if kind == "nodeup":
            self.ups[observer, node, source] = now
            return
        up = self.ups.pop((observer, node, source), 0.0)
        pod = self.cluster.pod_of(node)
        if not (pod and pod.lives and observer.lives) or self.cluster.is_cut(observer, pod):
            return
        if up > max(self.excuses.get(frozenset(who), 0.0) for who in ((pod,), (observer,), (pod, observer))):
            self.losses.append(Loss(now, observer, node, source, info))
            self.cluster.say(f"{observer.name} has LOST {node}, which lives ({source}: {info})")
