#!/usr/bin/env python3
"""The steps of examples/k8s_erlang_cluster/local/run, shorter: the real release in pods that are network namespaces,
behind a headless Service that is a real DNS server. Every variant starts and is updated; `make check-k8s` does all
steps with all of them, with the delays of a real cluster."""
import os
import sys

from lib import *

sys.path.append(os.path.join(SRCDIR, "examples", "k8s_erlang_cluster", "local"))
from pods.cluster import QUICK as TIMING
from pods.cluster import Cluster
from pods.steps import QUICK as SIZES
from pods.steps import run_step
from pods.variant import VARIANTS


def play(w, variant, *steps):
    cluster = Cluster(w, VARIANTS[variant], TIMING)
    for step in steps:
        run_step(cluster, step, SIZES)
    cluster.over()


def ip(w):
    play(w, "ip", "start", "update", "up", "down", "outage", "partition", "comeback")


def srv(w):
    play(w, "srv", "start", "update", "comeback")


def epmdless(w):
    play(w, "epmdless", "start", "update", "comeback")


def sidecar(w):
    play(w, "sidecar", "start", "update", "comeback")


main(ip, srv, epmdless, sidecar, net=True)
