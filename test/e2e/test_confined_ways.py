#!/usr/bin/env python3
"""The ways to use the program, each with the system calls of contrib/seccomp.json and no others: TLS with renewed
certificates, IPv6, no EPMD, Partisan, under a release, the other commands, a log to a file. A forbidden call kills it."""
import os

from lib import *
from lib.ca import Ca
from lib.combination import Combination, Places
from lib.confine import confined
from lib.parts import Parts

EBIN = os.path.join(BUILDDIR, "erlang", "ebin")


def tls(w):
    """TLS 1.3 over IPv6 without EPMD, and TLS 1.2 over IPv4 with it, side by side; every certificate is renewed while a node
    is away, and counts when it is back."""
    GenCluster.prefix = confined()
    ca, places = Ca(w), Places(w)
    both = [Combination(places, "inet6", "1.3", False, ca), Combination(places, "inet", "1.2", True, ca)]
    for step in "start", "form", "formed", "call", "lose_one":
        for combination in both:
            getattr(combination, step)()
    for combination in both:
        for i, gc in enumerate(combination.gcs):
            address = str(gc.cnode).split("@", 1)[1]
            ca.issue(f"gc_{combination.nodes[i].short}", address, renew=True)
    for combination in both:
        combination.have_it_back()
        for gc in combination.gcs:
            since = len(gc.proc.lines)
            gc.reload()
            gc.expect_log("config: reloaded", since=since)
            gc.expect_log("certificate CN=", since=since)
            gc.leave(5)


def partisan(w):
    GenCluster.prefix = confined()
    parts = Parts(w, "a", "b", "c")
    _, b, c = parts.nodes
    gc = parts.cluster(w)
    gc.expect_members(b, c)
    b.kill().proc.expect_exit()
    gc.expect_members(c)
    parts.restart(b)
    gc.expect_members(b, c)
    gc.leave(5)


def under_a_release(w):
    """`port`, started by the OTP application; files watched, commands run; and stopped by it."""
    wrapper = w.write("gen_cluster", "#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in confined() + [program()])
                      + ' "$@"\n', 0o755)
    b = w.erl("b")
    peers = w.write("peers", "[].\n")
    path = w.write("sys.config", f"""[{{gen_cluster, [{{discovery, [{{file, #{{path => "{peers}"}}}},
        {{exec, #{{command => "exit 0"}}}}]}}, {{refresh_interval_ms, 500}}]}}].\n""")
    a = w.erl("a", args=["-pa", EBIN, "-config", path[:-len(".config")]], env={"GEN_CLUSTER_PROGRAM": wrapper})
    assert a.eval("application:ensure_all_started(gen_cluster)")[0] == "ok"
    w.until(lambda: isinstance(a.eval("gen_cluster:info()"), dict), 10, "it answers")
    w.write("peers", atoms([b]) + ".\n")
    a.expect_nodes(b)
    w.until(lambda: a.eval("[N || {N, _} <- gen_cluster:members()]") == [b.name], 10, "a member")
    pid = a.eval("gen_cluster:info()")["pid"]
    a.eval("application:stop(gen_cluster)")
    w.until(lambda: not os.path.exists(f"/proc/{pid}"), 5, "it has gone")


def commands(w):
    prefix = confined()
    w.erls("a")
    config = w.write("c.config", "[{gen_cluster, [{discovery, [{static, ['x@h']}, {exec, #{command => \"echo y@h\"}}]}]}].")
    for args, words in ((["discover", "epmd", '#{hosts => ["127.0.0.1"]}', "--format", "json"], "a@127.0.0.1"),
                        (["discover", "dns", '#{domain => "localhost"}'], ""),
                        (["discover", "--config", config], "y@h"), (["check", "--config", config], "is right"),
                        (["plugins"], "dns"), (["plugins", "dns"], "domain"), (["--help"], "run"), (["--version"], "gen_cluster")):
        done = w.run("command", prefix + [program(), *args], status=None)
        assert done.status in (0, 1) and any(words in line for line in done.lines), (args, done.status, done.lines)


def log_to_a_file(w):
    """As a shell or a service manager has it: stderr is a file, stdin and stdout are /dev/null."""
    a, b = w.erls("a", "b")
    log = w.path("log")
    shell = w.write("start", f'#!/bin/sh\nexec "$@" </dev/null >/dev/null 2>"{log}"\n', 0o755)
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}", log_level="debug", start=False)
    gc.prefix = [shell] + confined()
    gc.start().ready()
    gc.expect_members(b)
    gc.leave(5)
    with open(log, encoding="utf8") as f:
        assert "leaving: SIGTERM" in f.read()


main(tls, partisan, under_a_release, commands, log_to_a_file, net=True)
