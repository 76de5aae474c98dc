"""The example k8s_erlang_cluster: its release, and pods as its manifests describe them, each a Host of a Net. What
a pod runs, its environment, its init container and its probes are those of the rendered manifests (test/e2e/k8s);
its resolv.conf is that of a cluster, its DNS server plays the headless Service."""
import atexit
import functools
import glob
import os
import re
import shutil
import signal
import tempfile

from .dns import Dns
from .loop import Failed, Skip
from .net import Net
from .proc import Proc
from .world import BUILDDIR, E2EDIR, SRCDIR, descendants, need_program

EXAMPLE = os.path.join(SRCDIR, "examples", "k8s_erlang_cluster")
OVERLAYS = ("ip", "srv", "epmdless", "sidecar")
NAME = SERVICE = NAMESPACE = "k8s-erlang-cluster"
DOMAIN = f"{SERVICE}.{NAMESPACE}.svc.cluster.local"


def load_yaml(text):
    """All documents, or the test is skipped."""
    try:
        import yaml
    except ImportError as e:
        raise Skip("no yaml module (Debian: python3-yaml)") from e
    return list(yaml.safe_load_all(text))


def golden(overlay):
    return os.path.join(E2EDIR, "k8s", f"{overlay}.yaml")


def manifests(overlay):
    with open(golden(overlay), encoding="utf8") as f:
        return load_yaml(f.read())


def of_kind(documents, *kinds):
    found = [d for d in documents if d["kind"] in kinds]
    if len(found) != 1:
        raise Failed(f"{len(found)} documents of kind {kinds}")
    return found[0]


@functools.lru_cache(maxsize=1)
def release_folder():
    folder = tempfile.mkdtemp(prefix="gc-e2e-release-")
    os.chmod(folder, 0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def build_release(w, at=None):
    """Builds it as its README says, once for a test file, on a host (with a network that leads nowhere) or here; gives
    its folder."""
    need_program("rebar3", "rebar3")
    built = os.path.join(release_folder(), "default", "rel", "k8s_erlang_cluster")
    if not os.path.isdir(built):
        proc = w.run("build", [os.path.join(EXAMPLE, "build"), release_folder()], within=60,
                     where=at and at.where(), env=w.env(GC_BUILDDIR=BUILDDIR))
        assert proc.lines[-1] == built, proc.lines
    return built


class Cluster:
    """The network, DNS, and the release of one test."""

    def __init__(self, w, overlay):
        self.w, self.overlay, self.documents = w, overlay, manifests(overlay)
        self.net = Net(w)
        self.dns = Dns(w, self.net.host("dns"), zone="cluster.local")
        self.release = build_release(w, self.net.host("builder"))
        self.pods = []

    def start(self, count):
        """So many more pods, all at once; their records are there when they start."""
        new = [Pod(self, len(self.pods) + i) for i in range(count)]
        self.pods += new
        self.publish()
        for pod in new:
            pod.start()
        return new

    def publish(self):
        """What a headless Service with publishNotReadyAddresses tells."""
        service = f"{SERVICE}.{NAMESPACE}.svc"
        for pod in self.pods:
            self.dns.records[f"{pod.name}.{service}"] = {"A": [pod.host.address]}
        ports = of_kind(self.documents, "Service")["spec"]["ports"]
        for port in ports:
            self.dns.records[f"_{port['name']}._tcp.{service}"] = {
                "SRV": [f"0 33 {port['port']} {pod.name}.{DOMAIN}." for pod in self.pods]}
        self.dns.set(service, A=[pod.host.address for pod in self.pods])


class Pod:
    def __init__(self, cluster, number):
        self.cluster, self.w = cluster, cluster.w
        self.name = f"{NAME}-{number}"
        self.host = cluster.net.host(f"p{number}").use_dns(
            cluster.dns, search=f"{NAMESPACE}.svc.cluster.local svc.cluster.local cluster.local", options="ndots:5")
        workload = of_kind(cluster.documents, "Deployment", "StatefulSet")
        self.spec = workload["spec"]["template"]["spec"]
        self.run_dir = self.w.path(f"run-{number}")
        self.containers = {c["name"]: c for c in self.spec["containers"]}
        self.proc = self.sidecar = None

    # ---- what the kubelet does ----
    def paths(self, text):
        """Paths in containers as paths here."""
        secret = self.w.path("secret")
        for inside, here in (("/opt/k8s_erlang_cluster", self.cluster.release), ("/run/k8s_erlang_cluster", self.run_dir),
                             ("/run/secrets/cookie", secret), ("/etc/gen_cluster", self.w.path("config"))):
            text = re.sub(rf"^{inside}(?=/|$)", here, text)
        return text

    def environment(self, container):
        """As Kubernetes makes it: fields of the pod, and $(NAME) where NAME stands further up."""
        fields = {"status.podIP": self.host.address, "metadata.name": self.name, "metadata.namespace": NAMESPACE}
        env = {}
        for entry in container.get("env", []):
            if "valueFrom" in entry:
                value = fields[entry["valueFrom"]["fieldRef"]["fieldPath"]]
            else:
                value = re.sub(r"\$\((\w+)\)", lambda m: env.get(m[1], m[0]), entry["value"])
            env[entry["name"]] = self.paths(value)
        whole = self.w.env(HOME=self.run_dir, RELX_OUT_FILE_PATH=self.run_dir, **env)
        for ours in ("ERL_EPMD_PORT", "GEN_CLUSTER_PLUGIN_DIR"):
            del whole[ours]
        return whole

    def start(self):
        os.mkdir(self.run_dir)
        os.makedirs(self.w.path("secret"), exist_ok=True)
        self.w.write("secret/cookie", self.w.cookie, mode=0o440)
        for init in self.spec["initContainers"]:
            self.run(init, init["command"])
        release = self.containers["release"]
        script = os.path.join(self.cluster.release, "bin", "k8s_erlang_cluster")
        self.proc = Proc(self.w, self.name, [script, "foreground"], env=self.environment(release),
                         where=self.host.where())
        if "gen-cluster" in self.containers:
            self.start_sidecar(self.containers["gen-cluster"])
        self.w.leavers.append(self.stop)

    def start_sidecar(self, container):
        config = of_kind(self.cluster.documents, "ConfigMap")["data"]
        os.makedirs(self.w.path("config"), exist_ok=True)
        for name, text in config.items():
            self.w.write(f"config/{name}", text)
        program, = glob.glob(os.path.join(self.cluster.release, "lib", "gen_cluster-*", "priv", "bin", "gen_cluster"))
        self.sidecar = Proc(self.w, f"{self.name}-gc", [program, "run", "--config",
                                                       self.paths("/etc/gen_cluster/gen_cluster.config")],
                            env=self.environment(container), where=self.host.where())

    def run(self, container, command, **how):
        """A command in the container, as kubectl exec does it; gives its lines."""
        proc = self.w.run(f"{self.name}-{container['name']}", [self.paths(word) for word in command],
                          env=self.environment(container), where=self.host.where(), **how)
        return proc.lines

    def stop(self):
        """As a pod ends: SIGTERM to each container, and nothing stays."""
        for proc in (self.sidecar, self.proc):
            if proc and proc.alive:
                proc.kill(signal.SIGTERM)
        for proc in (self.sidecar, self.proc):
            if proc:
                proc.expect_exit(10)
        self.end_epmd()

    def end_epmd(self):
        """The virtual machine has started it, and it outlives her; the container would take it along."""
        for pid, name in processes(self.host):
            if name == "epmd":
                os.kill(pid, signal.SIGKILL)

    # ---- what an operator does ----
    def call(self, command, *args, **how):
        """A command of the release's bin."""
        return self.run(self.containers["release"], [f"/opt/k8s_erlang_cluster/bin/{command}", *args], **how)

    @property
    def node(self):
        return f"k8s_erlang_cluster@{self.environment(self.containers['release'])['NODE_HOST']}"

    def passes(self, probe):
        """Whether its probe passes now."""
        container = self.containers["release"]
        argv = [self.paths(word) for word in container[probe]["exec"]["command"]]
        proc = Proc(self.w, f"{self.name}-{probe}", argv, env=self.environment(container), where=self.host.where())
        return proc.expect_exit(container[probe]["timeoutSeconds"]) == 0

    def expect_members(self, pods):
        want = sorted(pod.node for pod in pods if pod is not self)
        self.w.until(lambda: self.members() == want, 20, f"{self.name}: members {want}")

    def members(self):
        """As bin/members says; none while it does not answer."""
        return sorted(line.split()[0] for line in self.call("members", status=None) if "found by" in line)


def processes(host):
    """What runs on a host: [(pid, name)]."""
    mine = os.fstat(host.fd).st_ino
    found = []
    for pid, _, name in descendants(os.getpid()):
        try:
            if os.stat(f"/proc/{pid}/ns/net").st_ino == mine:
                found.append((pid, name))
        except OSError:
            pass  # it has ended
    return found


def command_lines(host):
    """Arguments and environment of all that runs on a host: [(name, text)]."""
    found = []
    for pid, name in processes(host):
        try:
            for what in ("cmdline", "environ"):
                with open(f"/proc/{pid}/{what}", "rb") as f:
                    found.append((name, f.read().decode("utf8", "replace").replace("\0", " ")))
        except OSError:
            pass
    return found


def listening(host):
    """The TCP ports that are listened on, outside of loopback."""
    lines = host.do("ss", "-Hltn").splitlines()
    return {int(line.split()[3].rpartition(":")[2]) for line in lines if not line.split()[3].startswith("127.")}

