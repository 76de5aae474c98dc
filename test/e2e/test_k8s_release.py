#!/usr/bin/env python3
"""The example k8s_erlang_cluster, as its manifests say, in network namespaces: each variant forms a cluster, its
commands and probes work, the cookie is seen nowhere."""
import os
import re

from lib import *
from lib.k8s import Cluster, command_lines, listening

SCRIPT = "k8s_erlang_cluster"


def state_of(folder):
    """Every file below, with its time and size."""
    found = {}
    for top, _, files in os.walk(folder):
        for name in files:
            st = os.lstat(os.path.join(top, name))
            found[os.path.join(top, name)] = (st.st_mtime_ns, st.st_size)
    return found


def variant(w, overlay):
    """Two pods, one more, one leaves."""
    cluster = Cluster(w, overlay)
    before = state_of(cluster.release)
    a, b = cluster.start(2)
    for pod in (a, b):
        pod.expect_members([a, b])
        w.until(lambda p=pod: p.passes("readinessProbe"), 20, f"{pod.name} is ready")
        assert pod.passes("livenessProbe") and pod.passes("startupProbe")
    c, = cluster.start(1)
    for pod in (a, b, c):
        pod.expect_members([a, b, c])
    a.proc.expect_line(f"cluster: {c.node} has joined")
    table = a.call("members")
    assert table[0].split() == [a.node, "this", "node"] and table[-1] == "3 nodes", table
    assert all("found by dns" in line for line in table[1:-1]), table
    others = re.findall("'(.*?)'", a.call(SCRIPT, "eval", "k8s_erlang_cluster:members().")[-1])
    assert sorted(others) == sorted([b.node, c.node]), others
    assert a.call(SCRIPT, "rpc", "k8s_erlang_cluster", "members")[-1].count("@") == 2
    check_secrets(w, cluster)
    cluster.pods.remove(c)
    cluster.publish()
    c.stop()
    a.expect_members([a, b])
    a.proc.expect_line(f"cluster: {c.node} is lost: connection_closed")
    assert state_of(cluster.release) == before, "the root file system would be read-only"
    return a


def check_secrets(w, cluster):
    for pod in cluster.pods:
        assert len(command_lines(pod.host)) >= 4
        for name, text in command_lines(pod.host):
            assert w.cookie not in text, (name, text)
        for proc in (pod.proc, pod.sidecar):
            assert not proc or not any(w.cookie in line for line in proc.lines)


def ip(w):
    pod = variant(w, "ip")
    assert listening(pod.host) == {4369, 4370, 4371}


def srv(w):
    pod = variant(w, "srv")
    assert pod.node.endswith("@k8s-erlang-cluster-0.k8s-erlang-cluster.k8s-erlang-cluster.svc.cluster.local")
    assert listening(pod.host) == {4369, 4370, 4371}


def epmdless(w):
    pod = variant(w, "epmdless")
    assert listening(pod.host) == {4370, 4371}


def sidecar(w):
    """The release runs nothing of gen_cluster; the sidecar goes and comes back, and nobody is lost."""
    pod = variant(w, "sidecar")
    assert pod.call(SCRIPT, "eval", "whereis(gen_cluster).")[-1] == "undefined"
    pod.sidecar.kill().expect_exit()
    other = pod.cluster.pods[1].node
    assert pod.call(SCRIPT, "eval", "nodes().")[-1] == f"['{other}']"
    pod.start_sidecar(pod.containers["gen-cluster"])
    pod.expect_members(pod.cluster.pods)
    assert not pod.proc.find(f"cluster: {other} is lost")


main(ip, srv, epmdless, sidecar, net=True)
