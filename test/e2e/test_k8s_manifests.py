#!/usr/bin/env python3
"""The manifests of the example k8s_erlang_cluster: what kustomize makes of each overlay is what test/e2e/k8s has,
and holds what must hold. Without kustomize 5 the second half is still tested, on what test/e2e/k8s has."""
import difflib
import re
import subprocess

from lib import *
from lib.k8s import DOMAIN, EXAMPLE, NAME, NAMESPACE, OVERLAYS, SERVICE, golden, manifests, of_kind

LABELS = {"app.kubernetes.io/name": NAME}
COOKIE = "k8s-erlang-cluster-cookie"
EPMD, DIST = 4369, 4370


def ports(items, key):
    return {item.get("name"): item[key] for item in items}


def selects(selector, labels):
    return selector and selector.items() <= labels.items()


def containers(pod):
    return pod["initContainers"] + pod["containers"]


def kustomize():
    """kubectl kustomize, of version 5 or newer: patches, kinds that change."""
    path = need_program("kubectl", "kubernetes-client")
    said = subprocess.run([path, "version", "--client"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"Kustomize Version: v(\d+)", said)
    if not version or int(version[1]) < 5:
        raise Skip(f"kubectl has no kustomize 5: {' '.join(said.split())[:100]}")
    return [path, "kustomize"]


def rendered(w):
    argv = kustomize()
    for overlay in OVERLAYS:
        folder = f"{EXAMPLE}/kustomize/overlays/{overlay}"
        done = subprocess.run(argv + [folder], capture_output=True, text=True, check=False, env=w.env())
        assert done.returncode == 0 and not done.stderr, (overlay, done.stderr)
        with open(golden(overlay), encoding="utf8") as f:
            known = f.read()
        difference = list(difflib.unified_diff(known.splitlines(), done.stdout.splitlines(), lineterm=""))
        assert not difference, "\n".join([f"if this is meant: kubectl kustomize {folder} > {golden(overlay)}"] + difference)


def each(check):
    """check(documents, workload, pod, overlay) for every overlay."""
    for overlay in OVERLAYS:
        documents = manifests(overlay)
        workload = of_kind(documents, "Deployment", "StatefulSet")
        check(documents, workload, workload["spec"]["template"]["spec"], overlay)


def kinds(_w):
    def check(documents, workload, _pod, overlay):
        assert workload["kind"] == ("StatefulSet" if overlay == "srv" else "Deployment")
        for document in documents:
            place = document["metadata"].get("namespace")
            assert place == (None if document["kind"] == "Namespace" else NAMESPACE), document["metadata"]
        assert not [d for d in documents if d["kind"] == "Secret"], "no cookie is part of this repository"
    each(check)


def selectors(_w):
    """Service, budget, policy and workload mean the same pods."""
    def check(documents, workload, pod, _overlay):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        policy = of_kind(documents, "NetworkPolicy")["spec"]
        for selector in (of_kind(documents, "Service")["spec"]["selector"],
                         workload["spec"]["selector"]["matchLabels"],
                         of_kind(documents, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
                         policy["podSelector"]["matchLabels"],
                         policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"],
                         policy["egress"][0]["to"][0]["podSelector"]["matchLabels"],
                         pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]):
            assert selector == LABELS and selects(selector, labels), selector
        assert pod["serviceAccountName"] == of_kind(documents, "ServiceAccount")["metadata"]["name"]
    each(check)


def names(_w):
    """What is found by DNS is what the nodes are called, and the Service is the one that is asked."""
    def check(documents, workload, pod, overlay):
        service = of_kind(documents, "Service")
        assert service["metadata"]["name"] == SERVICE
        assert service["spec"]["clusterIP"] == "None" and service["spec"]["publishNotReadyAddresses"] is True
        env = pod["containers"][0]["env"]
        order = [entry["name"] for entry in env]
        by_name = {entry["name"]: entry for entry in env}
        assert by_name["SERVICE_NAME"]["value"] == SERVICE
        if overlay == "srv":
            assert workload["spec"]["serviceName"] == SERVICE
            assert by_name["NODE_HOST"]["value"] == "$(POD_NAME)." + DOMAIN.replace(NAMESPACE + ".svc", "$(POD_NAMESPACE).svc")
            assert order.index("POD_NAME") < order.index("NODE_HOST") > order.index("POD_NAMESPACE")
        else:
            assert by_name["NODE_HOST"]["valueFrom"]["fieldRef"]["fieldPath"] == "status.podIP"
        if overlay == "sidecar":
            sidecar = {entry["name"]: entry for entry in pod["containers"][1]["env"]}
            assert sidecar["GEN_CLUSTER_OWNER"]["value"] == "k8s_erlang_cluster@$(NODE_HOST)"
            assert sidecar["NODE_HOST"] == by_name["NODE_HOST"]
    each(check)


def port_numbers(_w):
    """Container, Service and policy agree; without EPMD its port is nowhere."""
    def check(documents, _workload, pod, overlay):
        want = {"dist": DIST} if overlay == "epmdless" else {"dist": DIST, "epmd": EPMD}
        assert ports(pod["containers"][0]["ports"], "containerPort") == want
        service = of_kind(documents, "Service")["spec"]["ports"]
        assert ports(service, "port") == want and all(p["targetPort"] == p["name"] for p in service)
        policy = of_kind(documents, "NetworkPolicy")["spec"]
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert [{p["port"] for p in rule["ports"]} for rule in policy["ingress"]] == [set(want.values())]
        assert [{p["port"] for p in rule["ports"]} for rule in policy["egress"]] == [set(want.values()), {53}]
        assert {p["protocol"] for p in policy["egress"][1]["ports"]} == {"TCP", "UDP"}
        env = {entry["name"]: entry.get("value") for entry in pod["containers"][0]["env"]}
        assert env.get("ERL_DIST_PORT") == ("4370" if overlay == "epmdless" else None)
    each(check)


def cookie(_w):
    """Out of a Secret, as a file, copied for its owner alone; in no environment and no argument."""
    def check(documents, _workload, pod, _overlay):
        secret, = [v for v in pod["volumes"] if "secret" in v]
        assert secret["secret"] == {"secretName": COOKIE, "defaultMode": 0o440}
        for container in containers(pod):
            assert "envFrom" not in container
            for entry in container.get("env", []):
                assert "secretKeyRef" not in entry.get("valueFrom", {}), entry
                assert "cookie" not in entry["name"].lower() or entry["name"] == "GEN_CLUSTER_COOKIE_FILE", entry
            assert "-setcookie" not in str(container)
            mounts = [m["name"] for m in container["volumeMounts"]]
            assert (secret["name"] in mounts) == (container["name"] == "cookie"), mounts
        init, = pod["initContainers"]
        assert init["command"][:3] == ["install", "-m", "0400"]
        mounted = {m["mountPath"]: m for m in init["volumeMounts"]}
        assert mounted["/run/secrets/cookie"]["readOnly"] is True
        run, = [v for v in pod["volumes"] if v["name"] == mounted["/run/k8s_erlang_cluster"]["name"]]
        assert run["emptyDir"]["medium"] == "Memory"
    each(check)


def locked_up(_w):
    """What the Pod Security Standard "restricted" wants, which the namespace enforces, and more."""
    def check(documents, _workload, pod, _overlay):
        assert of_kind(documents, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
        assert of_kind(documents, "ServiceAccount")["automountServiceAccountToken"] is False
        assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True and context["runAsUser"] > 0 and context["runAsGroup"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        for forbidden in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
            assert not pod.get(forbidden)
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
            resources = container["resources"]
            assert {"cpu", "memory"} <= resources["requests"].keys() and "memory" in resources["limits"]
            assert "hostPort" not in str(container.get("ports"))
    each(check)


def probes_and_end(_w):
    def check(_documents, workload, pod, overlay):
        release = pod["containers"][0]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert release[probe]["exec"]["command"][0].endswith("/bin/health") and release[probe]["timeoutSeconds"] > 1
        pause = int(release["lifecycle"]["preStop"]["exec"]["command"][1])
        assert pod["terminationGracePeriodSeconds"] >= pause + 15
        if workload["kind"] == "Deployment":
            assert workload["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        else:
            assert workload["spec"]["updateStrategy"] == {"type": "RollingUpdate"} and "strategy" not in workload["spec"]
            assert workload["spec"]["podManagementPolicy"] == "Parallel"
        if overlay == "sidecar":
            sidecar = pod["containers"][1]
            assert all(m.get("readOnly") for m in sidecar["volumeMounts"])
    each(check)


def configurations(w):
    """What a container is configured with is a file of the release; the sidecar's is accepted by the program."""
    def check(documents, _workload, pod, overlay):
        env = {entry["name"]: entry.get("value") for entry in pod["containers"][0]["env"]}
        file = env.get("RELX_CONFIG_PATH", "/opt/k8s_erlang_cluster/config/ip.config")
        assert file == f"/opt/k8s_erlang_cluster/config/{overlay}.config"
        if overlay == "sidecar":
            config = w.write("gen_cluster.config", of_kind(documents, "ConfigMap")["data"]["gen_cluster.config"])
            w.run("check", [program(), "check", "--config", config])
    each(check)


main(rendered, kinds, selectors, names, port_numbers, cookie, locked_up, probes_and_end, configurations)
