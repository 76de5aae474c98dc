#!/usr/bin/env python3
"""The commands of the example's README: each that can be run without a cluster is run, each other names files,
images and workloads that are there. A command that is not known here is a failure."""
import base64
import contextlib
import os
import re
import signal
import subprocess

from lib import *
from lib.k8s import EXAMPLE, NAME, NAMESPACE, OVERLAYS, Cluster, build_release, load_yaml, manifests, of_kind
from lib.world import descendants

EXEC = rf"kubectl -n {NAMESPACE} exec (-it )?deploy/{NAME} -c release -- "
WORKLOAD = rf"deployment/{NAME}"
HERE = "examples/k8s_erlang_cluster"


def commands():
    with open(os.path.join(EXAMPLE, "README.md"), encoding="utf8") as f:
        return [line[6:].rstrip("\n") for line in f if line.startswith("    $ ")]


def file(path):
    return os.path.exists(os.path.join(SRCDIR, path))


def overlay(path):
    """A folder to be applied."""
    return path in [f"{HERE}/kustomize/overlays/{name}" for name in OVERLAYS]


def images():
    pod = of_kind(manifests("sidecar"), "Deployment")["spec"]["template"]["spec"]
    return {container["image"] for container in pod["initContainers"] + pod["containers"]}


# What needs a cluster or a registry: a pattern, and what must hold of its groups.
ELSEWHERE = {
    r"docker build -t (\S+) -f (\S+) \.": lambda image, path: image in images() and file(path),
    r"kind create cluster": lambda: True,
    r"kind load docker-image (\S+) (\S+)": lambda *names: set(names) == images(),
    r"kubectl apply -f (\S+)": file,
    r"kubectl (?:apply|delete) -k (\S+)": overlay,
    rf"kubectl -n {NAMESPACE} rollout (?:status|restart) {WORKLOAD}": lambda: True,
    rf"kubectl -n {NAMESPACE} scale {WORKLOAD} --replicas=\d+": lambda: True,
    rf"kubectl -n {NAMESPACE} logs deploy/{NAME} -c release": lambda: True,
}
# What is run: here, or by another test.
HERE_RUN = [r"head -c 32 .* create secret .*", rf"{EXEC}.*", rf"{HERE}/build"]
OTHER_TESTS = {rf"{HERE}/local/run": "test_k8s_local.py"}


def every_command(_w):
    assert len(commands()) >= 12
    for command in commands():
        known = [check(*match.groups()) for pattern, check in ELSEWHERE.items()
                 if (match := re.fullmatch(pattern, command))]
        known += [True for pattern in HERE_RUN if re.fullmatch(pattern, command)]
        known += [file(f"test/e2e/{test}") for pattern, test in OTHER_TESTS.items() if re.fullmatch(pattern, command)]
        assert known == [True], (command, known)


def secret(w):
    """The pipe that makes the cookie gives one that the init container finds, and Erlang takes."""
    need_program("kubectl", "kubernetes-client")
    line, = [c for c in commands() if "create secret" in c]
    done = subprocess.run(["sh", "-c", line + " --dry-run=client -o yaml"], capture_output=True, text=True, check=False,
                          env=w.env(KUBECONFIG="/dev/null"), timeout=30)
    assert done.returncode == 0, done.stderr
    made, = load_yaml(done.stdout)
    volume, = [v["secret"] for v in of_kind(manifests("ip"), "Deployment")["spec"]["template"]["spec"]["volumes"]
               if "secret" in v]
    assert made["metadata"] == {"name": volume["secretName"], "namespace": NAMESPACE, "creationTimestamp": None}
    assert re.fullmatch(rb"[A-Za-z0-9]{30,}", base64.b64decode(made["data"]["cookie"])), made["data"]


def build(w):
    """The release is made; what it needs at the start is in it."""
    release = build_release(w)
    for name in ("bin/k8s_erlang_cluster", "bin/members", "bin/health", "config/srv.config.src",
                 "lib/gen_cluster-0.1.0/priv/bin/gen_cluster", "lib/gen_cluster-0.1.0/priv/lib/gen_cluster/dns.so"):
        assert os.path.exists(os.path.join(release, name)), name


def exec_in_a_pod(w):
    """Each kubectl exec, in a cluster of two."""
    cluster = Cluster(w, "ip")
    a, b = cluster.start(2)
    a.expect_members([a, b])
    said = {}
    for command in commands():
        match = re.match(EXEC, command)
        if match:
            said[command] = in_pod(w, a, command[match.end():], terminal=bool(match[1]))
    members, evaluated, console = said.values()
    assert members[0].endswith("this node") and members[-1] == "2 nodes"
    assert evaluated[-1] == f"['{b.node}']"
    assert any(f"['{b.node}']" in line for line in console), console
    assert any("discovery => [<<\"dns\">>]" in line for line in console), console
    assert console[-1] == "pong"


def in_pod(w, pod, command, terminal):
    """What it prints; in the shell, what the README types there."""
    if not terminal:
        return pod.run(pod.containers["release"], ["sh", "-c", paths(pod, command)])
    need_program("script", "bsdutils")
    shell = w.spawn("shell", ["script", "-qec", paths(pod, command), "/dev/null"], where=pod.host.where(), stdin=True,
                    env=dict(pod.environment(pod.containers["release"]), TERM="dumb"))
    w.until(lambda: b")1> " in shell.partial.get("out", b""), 20, "a prompt")
    other = pod.cluster.pods[1].host.address
    for line in typed():
        shell.popen.stdin.write((line.replace("10.77.0.5", other) + "\n").encode())
    w.until(lambda: "pong" in shell.lines, 20, "an answer to the last question")
    for pid, _, _ in descendants(shell.pid):  # the console outlives its terminal for a while
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shell.kill()
    return shell.lines


def paths(pod, command):
    return command.replace("/opt/k8s_erlang_cluster", pod.cluster.release)


def typed():
    with open(os.path.join(EXAMPLE, "README.md"), encoding="utf8") as f:
        return re.findall(r"^\(k8s_erlang_cluster@\S+\)\d+> (.*)$", f.read(), re.M)


main(every_command, secret, build, exec_in_a_pod, net=True)
