#!/usr/bin/env python3
"""The table of problems in examples/k8s_erlang_cluster/README.md: each problem is made, in pods that are network
namespaces, and what gen_cluster says is compared with what the table says, word for word. GC_E2E_TABLE=1 prints the
rows instead."""
import os
import sys

from lib import *

EXAMPLE = os.path.join(SRCDIR, "examples", "k8s_erlang_cluster")
sys.path.append(os.path.join(EXAMPLE, "local"))
from pods.cluster import NAME, QUICK, Cluster
from pods.variant import BASENAME, VARIANTS


def cells(row):
    return [cell.strip() for cell in row.strip().strip("|").split(" | ")]


def table():
    """{problem: (log, shell)} of the README."""
    with open(os.path.join(EXAMPLE, "README.md"), encoding="utf8") as f:
        text = f.read()
    rows = [cells(line) for line in text.partition("<!-- problems -->")[2].partition("<!-- end -->")[0].splitlines()
            if line.startswith("| ")]
    return {row[0]: (row[1].strip("`"), row[2].strip("`")) for row in rows[1:]}


def erlang(value):
    """A term as the shell prints it."""
    if isinstance(value, dict):
        return "#{" + ", ".join(f"{k} => {erlang(v)}" for k, v in value.items()) + "}"
    return f'<<"{value.decode()}">>' if isinstance(value, bytes) else str(value)


def compare(problem, log, shell):
    if "GC_E2E_TABLE" in os.environ:
        print(f"| {problem} | `{log}` | `{shell}` |")
        return
    known = table()
    assert problem in known, f"the README has no row for {problem!r}"
    for what, said, printed in (("the log", known[problem][0], log), ("the shell", known[problem][1], shell)):
        assert said == printed, f"{problem}: of {what} the README says\n    {said}\nand printed was\n    {printed}"


def ask(pod, what):
    answer = pod.release.eval(f"gen_cluster:{what}()")
    return answer if isinstance(answer, list) else []  # {error, starting}


def check_peer(problem, pod, node):
    """The log line of a peer that cannot be joined, and its last_error in gen_cluster:peers()."""
    def look():
        return next((p for p in ask(pod, "peers") if p["node"] == node and "last_error" in p), None)
    error = pod.world.until(look, 15, f"{problem}: {node} has a last_error")["last_error"]
    error.pop("ago_ms")
    assert node not in pod.release.up
    compare(problem, line(pod, f"gen_cluster dial: {node}: "), "last_error => " + erlang(error))


def check_discovery(problem, pod):
    """The log line of a discovery that names nobody, and its reason in gen_cluster:discovery()."""
    found = pod.world.until(lambda: [d for d in ask(pod, "discovery") if d["reason"] != "undefined"], 15,
                            f"{problem}: discovery has a reason")[0]
    facts = {key: found[key] for key in ("peers", "quality", "reason")}
    compare(problem, line(pod, "gen_cluster discover dns: "), erlang(facts)[2:-1])


def line(pod, begin):
    """What follows such a beginning in the log of the release, with the beginning."""
    match = pod.release.proc.expect_line("^(" + begin.replace(".", r"\.") + ".*)$", 15)
    return match.group(1)


def cluster_of(w, variant="ip"):
    return Cluster(w, VARIANTS[variant], QUICK)


def pods(cluster, **of_b):
    """Pods a and b; something is wrong with b, which is there first."""
    b = cluster.begin(f"{NAME}-b", **of_b)
    b.ready()
    a = cluster.begin(f"{NAME}-a", env={"GEN_CLUSTER_CONNECT_TIMEOUT_MS": 1500})
    a.ready()
    return a, b


def cookies(w):
    a, b = pods(cluster_of(w), cookie="another")
    check_peer("The cookies differ", a, b.node)


def no_service(w):
    """A Service of that name is not there at all."""
    cluster = cluster_of(w)
    cluster.service.publish = lambda: None
    a = cluster.begin(f"{NAME}-a")
    a.ready()
    check_discovery("There is no headless Service, or its name is another", a)


def port_name(w):
    """The SRV records are those of a port that is called otherwise."""
    cluster = cluster_of(w, "srv")
    cluster.service.port_name = "erlang"
    a = cluster.begin(f"{NAME}-0")
    a.ready()
    check_discovery("The port has another name in the Service", a)


def filtered(problem, w, *rules):
    """A NetworkPolicy in front of every pod."""
    cluster = cluster_of(w)
    cluster.service.propagation = 3600.0  # discovery waits until the rules are there
    a, b = pods(cluster)
    for pod in (a, b):
        pod.host.do("nft", "; ".join([
            "add table inet np", "add chain inet np in { type filter hook input priority 0; }",
            *(f"add rule inet np in {rule}" for rule in ("iif lo accept", *rules))]))
    cluster.service.publish()
    check_peer(problem, a, b.node)


def dropped_all(w):
    filtered("A NetworkPolicy drops everything", w, "tcp dport { 4369, 4370, 4371 } drop")


def dropped_port(w):
    filtered("A NetworkPolicy lets EPMD through and drops the port of the release", w, "tcp dport { 4370, 4371 } drop")


def rejected_port(w):
    filtered("A NetworkPolicy rejects the port of the release", w, "tcp dport { 4370, 4371 } reject with tcp reset")


def host_name(w):
    """The node of the second pod calls itself by its host name, and is found by its address."""
    cluster = cluster_of(w)
    a, b = pods(cluster, node_host=f"{NAME}-b.{cluster.service.domain}")
    check_peer("Nodes are found by address and named by host name", a, f"{BASENAME}@{b.host.address}")


def short_name(w):
    """-sname in vm.args."""
    args = w.write("vm.args", f"-sname {BASENAME}\n")
    a, b = pods(cluster_of(w), node_host=f"{NAME}-b", env={"VMARGS_PATH": args})
    check_peer("A node has a short name (-sname)", a, f"{BASENAME}@{b.host.address}")


def same_name(w):
    """NODE_HOST is not that of the pod: two pods with one node name."""
    a, b = pods(cluster_of(w), node_host="10.77.0.4")
    check_peer("Two pods have the same node name", a, f"{BASENAME}@{b.host.address}")


def dns_mute(w):
    cluster = cluster_of(w)
    cluster.service.go_mute()
    a = cluster.begin(f"{NAME}-a")
    a.ready()
    check_discovery("DNS does not answer", a)


def dns_away(w):
    cluster = cluster_of(w)
    cluster.service.go_away()
    a = cluster.begin(f"{NAME}-a")
    a.ready()
    check_discovery("DNS is not there", a)


main(cookies, no_service, port_name, dropped_all, dropped_port, rejected_port, host_name, short_name, same_name, dns_mute,
     dns_away, net=True)
