#!/usr/bin/env python3
"""The main scenario with the system calls of contrib/seccomp.json and no others; contrib/gen_cluster.service as systemd
judges it. More ways to use the program under that list are in test_confined_ways.py."""
import json
import os
import re
import subprocess

from lib import *
from lib.confine import PROFILE, confined
from lib.dns import Dns
from lib.net import Net

UNIT = os.path.join(SRCDIR, "contrib", "gen_cluster.service")


def scenario(w):
    """Four ways of discovery; found, joined, asked, lost, found again, reloaded, left."""
    prefix, net = confined(), Net(w)
    server = Dns(w, net.host("ns"))
    places = [net.host(f"h{i}").use_dns(server, search="test") for i in range(2)]
    server.set("pods", A=[place.address for place in places])
    a, b = [w.erl("app", at=place) for place in places]
    peers = w.write("peers", atoms([b]) + ".\n")
    discovery = (f'[{{dns, #{{domain => "pods.test"}}}}, {{epmd, #{{hosts => ["{places[1].address}"]}}}}, '
                 f'{{file, #{{path => "{peers}"}}}}, {{exec, #{{command => "echo {b.name}"}}}}]')
    a.record()
    gc = GenCluster(w, a, discovery=discovery, refresh_interval_ms=500, log_level="debug", start=False,
                    reconnect="#{min_ms => 100, max_ms => 500}")
    gc.prefix = prefix
    gc.start().ready()
    a.expect_nodes(b)
    gc.expect_members(b)
    w.until(lambda: all(d.get("quality") == "complete" for d in gc.call("discovery")), 10, "all four have answered")
    for request in "info", "config", "metrics", "peers", "help":
        gc.call(request)
    b.kill()
    w.until(lambda: gc.members() == set(), 10, "its loss is seen")
    b.restart()
    gc.expect_members(b)
    gc.reload(refresh_interval_ms=1000)
    gc.expect_log("reloaded")
    gc.expect_members(b)
    gc.leave(5)


def profile(w):
    """It is one list of calls that are allowed; nothing of what leads out of a container is in it."""
    with open(PROFILE, encoding="utf8") as f:
        told = json.load(f)
    assert told["defaultAction"] == "SCMP_ACT_ERRNO"
    names = [name for rule in told["syscalls"] for name in rule["names"]]
    assert len(names) == len(set(names)) and all(rule["action"] == "SCMP_ACT_ALLOW" for rule in told["syscalls"])
    wrong = {"mount", "umount2", "ptrace", "bpf", "unshare", "setns", "init_module", "kexec_load", "keyctl", "reboot",
             "pivot_root", "chroot", "process_vm_readv", "userfaultfd", "io_uring_setup", "perf_event_open", "setuid"}
    assert not wrong & set(names), wrong & set(names)
    # What x86_64 has and newer processors (aarch64) have not: with each the call that its libc makes instead.
    modern = {"open": "openat", "stat": "newfstatat", "lstat": "newfstatat", "access": "faccessat", "readlink": "readlinkat",
              "dup2": "dup3", "poll": "ppoll", "fork": "clone", "vfork": "clone", "epoll_wait": "epoll_pwait",
              "getpgrp": "getpgid", "accept": "accept4"}
    assert all(modern[name] in names for name in modern if name in names), names


def unit(w):
    """systemd finds no error in it, and little that is left open."""
    analyze = need_program("systemd-analyze", "systemd")
    text = w.write("gen_cluster.service", open(UNIT, encoding="utf8").read().replace(
        "/usr/bin/gen_cluster", os.path.join(BUILDDIR, "gen_cluster")))
    done = subprocess.run([analyze, "security", "--offline=yes", text], capture_output=True, text=True, check=False)
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    if not level:
        raise Skip(f"systemd-analyze cannot judge it here: {done.stderr.strip()[:200]}")
    w.say(level[0])
    assert float(level[1]) <= 2.0, level[0]
    done = subprocess.run([analyze, "verify", text], capture_output=True, text=True, check=False)
    assert not re.search(r"gen_cluster\.service:\d+", done.stderr), done.stderr


main(scenario, profile, unit, net=True)
