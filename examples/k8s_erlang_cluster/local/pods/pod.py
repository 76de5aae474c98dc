"""Pod: a network namespace with address, hostname, hosts and resolv.conf of its own, as kubelet would make it, and in it
an epmd (or none), the real release, and the program: started by the release, or beside it.

Release adds to the release what a test sees it by: ERL_AFLAGS load e2e_node of the end-to-end tests, and gen_cluster is
told by its environment to notify one more process. The release's files are not touched."""
import fcntl
import os
import signal
import subprocess

from lib.daemon import GenCluster, program
from lib.erl import SMALL_VM, Erl
from lib.etf import Atom
from lib.loop import Failed
from lib.proc import Proc
from lib.world import BUILDDIR, SRCDIR, descendants, need_program

from .variant import BASENAME

EXAMPLE = os.path.join(SRCDIR, "examples", "k8s_erlang_cluster")
WITNESS = "witness"


def newest(*places):
    """When the newest file there was changed."""
    return max(os.lstat(os.path.join(top, name)).st_mtime for place in places
               for top, _, names in os.walk(place) if "ebin" not in top for name in names)


def release_dir():
    """Where the release is; built first, for all tests, if it is not there or older than its sources."""
    need_program("rebar3", "rebar3")
    out = os.path.join(BUILDDIR, "examples", "k8s_erlang_cluster")
    release = os.path.join(out, "default", "rel", BASENAME)
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, ".lock"), "a+", encoding="utf8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sources = [os.path.join(EXAMPLE, part) for part in ("apps", "bin", "config")]
        made = newest(*sources, os.path.join(SRCDIR, "erlang", "src"), os.path.join(BUILDDIR, "plugins", ".libs"))
        made = max(made, os.path.getmtime(program()))
        lock.seek(0)
        if lock.read() != str(made):
            build(out)
            lock.seek(0)
            lock.truncate()
            lock.write(str(made))
    return release


def build(out):
    done = subprocess.run([os.path.join(EXAMPLE, "build"), out], capture_output=True, text=True, check=False,
                          env={**os.environ, "GC_BUILDDIR": BUILDDIR})
    if done.returncode != 0:
        raise Failed(f"the release cannot be built: {done.stderr}{done.stdout}")


class Release(Erl):
    """The release in a pod, as its container's command starts it."""

    def __init__(self, pod):
        self.pod = pod
        super().__init__(pod.world, BASENAME, host=pod.node.split("@")[1], at=pod.host, start=False)
        self.short, self.home = pod.name, pod.home

    def ensure_epmd(self):
        pass  # the pod's

    def command(self, program, ebin, fd):
        pod, variant = self.pod, self.pod.variant
        load = f'code:load_abs("{ebin}/e2e_node"),e2e_node:start()'
        self.more_env = {
            "ERL_AFLAGS": " ".join(SMALL_VM + [f"-eval '{load}.' -e2e_fd {fd} -kernel net_ticktime {pod.ticktime}"]
                                   + (["-start_epmd false"] if variant.has_epmd else [])),
            "NODE_HOST": self.host, "SERVICE_NAME": pod.service.name, "RELX_OUT_FILE_PATH": self.home,
            "RELX_CONFIG_PATH": f"{pod.cluster.release_dir}/config/{variant.name}.config",
            **({} if variant.has_epmd else {"ERL_DIST_PORT": variant.port}), **pod.program_env(), **pod.env}
        return [f"{pod.cluster.release_dir}/bin/{BASENAME}", "foreground"]

    def on_node(self, what, node, info):
        super().on_node(what, node, info)
        if info.get("node_type") != "hidden":
            self.pod.cluster.witness.saw(self.pod, what, node, "nodes()", info)


class Sidecar(GenCluster):
    """The other container: the configuration of the overlay; owner and cookie file come from the environment."""

    def __init__(self, pod):
        super().__init__(pod.world, pod.release, start=False, env={
            "GEN_CLUSTER_OWNER": pod.node, "GEN_CLUSTER_COOKIE_FILE": f"{pod.home}/.erlang.cookie",
            **pod.program_env()})

    def configure(self, **_options):
        with open(os.path.join(EXAMPLE, "kustomize", "overlays", "sidecar", "gen_cluster.config"), encoding="utf8") as f:
            self.config = self.world.write(f"{self.cnode}.config", f.read())
        return self


class Pod:
    def __init__(self, cluster, name, node_host=None, cookie=None, env=None):
        """What is not as it should be: node_host, what stands behind the @ in the name of its node; cookie; env, more
        environment for its containers."""
        self.cluster, self.world, self.variant, self.name = cluster, cluster.world, cluster.variant, name
        self.env = env or {}
        self.service, self.ticktime = cluster.service, cluster.timing.ticktime
        self.host = cluster.net.host(name)
        fqdn = f"{name}.{self.service.domain}"
        self.host.hostname = name
        self.host.use_dns(self.service.dns, search=self.service.search, options="ndots:5 timeout:1 attempts:2")
        self.host.hosts = self.world.write(f"hosts-{self.host.number}", f"127.0.0.1 localhost\n{self.host.address}\t"
                                           f"{fqdn if self.variant.is_stateful else ''} {name}\n")
        self.node = Atom(f"{BASENAME}@{node_host or (fqdn if self.variant.is_stateful else self.host.address)}")
        self.home = self.world.home(f"pod-{self.host.number}", cookie)
        self.lives, self.epmd, self.sidecar = True, None, None
        self.release = Release(self)

    def program_env(self):
        """What the demonstration changes in the configuration of gen_cluster."""
        return {"GEN_CLUSTER_REFRESH_INTERVAL_MS": self.cluster.timing.refresh_ms,
                "GEN_CLUSTER_READY": f"#{{members => 1, stable_ms => {self.cluster.timing.ready_ms}, "
                                     f"timeout_ms => {self.cluster.timing.ready_timeout_ms}}}",
                "GEN_CLUSTER_NET_TICKTIME": self.ticktime,
                "GEN_CLUSTER_NOTIFY": f"[k8s_erlang_cluster_watch, {WITNESS}]"}

    # ---- life ----
    def start(self):
        self.start_release()
        if self.variant.is_sidecar:
            self.sidecar = Sidecar(self).start()

    def start_release(self):
        if self.variant.has_epmd:
            self.epmd = Proc(self.world, f"epmd {self.name}", ["epmd", "-d"], where=self.host.where())
            self.epmd.expect_line("epmd running")
        self.release.start()

    def ready(self, within=30.0):
        """The release runs, and is watched."""
        self.release.ready(within)
        if self.sidecar:
            self.sidecar.ready(within)
        self.release.recorders.clear()
        self.recorder = self.release.record(WITNESS)
        self.recorder.on_message = self.on_message

    def passes_probe(self, within=60.0):
        """Its readiness probe succeeds: gen_cluster has told that the cluster is formed, or that its time is over."""
        self.world.expect(lambda: any(m[:2] == ("gen_cluster", "ready") for m in self.recorder.messages), within,
                          f"{self.name} is ready")

    def on_message(self, _recorder, message):
        if message[0] in ("nodeup", "nodedown"):
            self.cluster.witness.saw(self, message[0], message[1], "gen_cluster", message[2])
        elif message[:2] == ("gen_cluster", "members"):
            for node, info in message[2]:
                self.cluster.witness.saw(self, "nodeup", node, "gen_cluster", info)

    def doomed(self):
        self.lives = False
        self.cluster.witness.excuse(self)

    def terminate(self):
        """SIGTERM to all containers, as kubelet does."""
        self.doomed()
        self.release.proc.kill(signal.SIGTERM)
        if self.sidecar:
            self.sidecar.proc.kill(signal.SIGTERM)

    def kill(self):
        """SIGKILL to every process."""
        self.doomed()
        self.kill_release()
        if self.sidecar:
            self.sidecar.proc.kill()

    def kill_release(self):
        for pid, _, _ in descendants(self.release.proc.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.release.proc.kill()
        if self.epmd:
            self.epmd.kill()

    def gone(self, within=30.0):
        """Returns when nothing of it is left."""
        self.release.proc.expect_exit(within)
        if self.sidecar:
            self.sidecar.proc.expect_exit(within)
        if self.epmd:
            self.epmd.kill().expect_exit(within)
        self.host.remove()

    def restart_release(self):
        """The container of the release dies and kubelet starts it again: same pod, address and name, a new node."""
        self.doomed()
        self.kill_release()
        self.release.proc.expect_exit()
        if self.epmd:
            self.epmd.expect_exit()
        self.start_release()
        self.lives = True
        self.cluster.witness.excuse(self)
        self.ready()
