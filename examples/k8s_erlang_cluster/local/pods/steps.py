"""The steps: what happens to the cluster, and after what every release must see all it should. A step is a generator:
it does something to the cluster and yields a text of what it did whenever the releases must come to agree; run_step
waits for that, and measures. Each step brings the cluster to the size it needs, so any may be run alone."""
import time
from collections import namedtuple

from lib.loop import Failed

# How many pods; within: seconds until the releases must agree.
Sizes = namedtuple("Sizes", "start many few within")
FULL, QUICK = Sizes(5, 10, 3, 60), Sizes(3, 5, 2, 30)
Row = namedtuple("Row", "step did took whole")


def start(cluster, sizes):
    """all pods at once, each its first"""
    cluster.scale(sizes.start)
    yield f"{sizes.start} pods, started at once"


def update(cluster, sizes):
    """rolling update: every pod is replaced, one after another"""
    need(cluster, sizes.start)
    for pod in cluster.update_order():
        cluster.replace(pod)
    yield f"{sizes.start} pods replaced, one after another"


def up(cluster, sizes):
    """scale up"""
    need(cluster, sizes.start)
    cluster.scale(sizes.many)
    yield f"from {sizes.start} pods to {sizes.many}"


def down(cluster, sizes):
    """scale down: gracefully (SIGTERM), then by SIGKILL"""
    need(cluster, sizes.many)
    middle = (sizes.many + sizes.few) // 2
    cluster.scale(middle)
    yield f"from {sizes.many} pods to {middle}, SIGTERM"
    cluster.scale(sizes.few, force=True)
    yield f"from {middle} pods to {sizes.few}, SIGKILL"


def outage(cluster, sizes):
    """rolling update while DNS is down: first mute, then away"""
    need(cluster, sizes.start)
    *first, last = cluster.update_order()
    cluster.say("DNS answers no more")
    cluster.service.go_mute()
    for pod in first:
        cluster.replace(pod)
    cluster.say("DNS is gone: its port is closed")
    cluster.service.go_away()
    cluster.replace(last)
    cluster.expect_no_loss()
    cluster.act("DNS is back")
    cluster.service.come_back()
    yield f"{sizes.start} pods replaced without DNS; DNS back"


def partition(cluster, sizes):
    """network partition between two groups of pods, and its end"""
    need(cluster, sizes.start)
    middle = len(cluster.living) // 2
    left, right = cluster.living[:middle], cluster.living[middle:]
    cluster.cut(left, right)
    yield f"cut, {len(left)} | {len(right)}: each side sees itself"
    cluster.heal()
    yield "healed: everybody sees everybody"


def comeback(cluster, sizes):
    """the container of a release dies and is started again: same pod, address and name, a new node"""
    need(cluster, sizes.few)
    pod = cluster.living[-1]
    before = pod.release.eval("erlang:system_info(creation)")
    cluster.say(f"{pod.name}: its container is killed (SIGKILL) and started again")
    pod.restart_release()
    cluster.act(f"{pod.name} runs")
    if pod.release.eval("erlang:system_info(creation)") == before:
        raise Failed(f"{pod.node} came back with the same creation")
    yield "one release killed, back as the same name"


STEPS = {step.__name__: step for step in (start, update, up, down, outage, partition, comeback)}


def need(cluster, count):
    """Brings the cluster to a size; no part of what is measured."""
    if len(cluster.living) != count:
        cluster.scale(count)
        cluster.expect_formed(60)


def run_step(cluster, name, sizes):
    """Gives a Row for each time that the releases had to agree. took: seconds from the last thing that was done: a pod
    that runs, a signal, a cut. whole: of this part of the step."""
    rows, begin = [], time.monotonic()
    for did in STEPS[name](cluster, sizes):
        cluster.expect_formed(sizes.within)
        now = time.monotonic()
        rows.append(Row(name, did, now - cluster.acted_at, now - begin))
        begin = now
        cluster.say(f"ok after {rows[-1].took:.2f} s: {did}")
    return rows
