"""Net: hosts of our own. Each Host is a network namespace with an address on a bridge that lives in one more
namespace, so nothing is left behind, nothing of the machine is touched, and tests in parallel may use the same
addresses. The namespaces have no names: they live as long as our descriptors. Needs root (main() makes us root
of a user namespace where it can)."""
import os
import signal
import socket
import subprocess

from .loop import Failed, Skip
from .proc import CLONE_NEWNET, LIBC, Where, can_mount, sys_call
from .world import need_program


def new_namespace():
    """A descriptor of a new network namespace."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(tell, b"y" if LIBC.unshare(CLONE_NEWNET) == 0 else b"n")
        signal.pause()
    try:
        if os.read(told, 1) != b"y":
            raise Skip("network namespaces are not allowed here")
        return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(told)
        os.close(tell)


class Namespace:
    def __init__(self, world, name):
        self.world, self.name, self.fd = world, name, new_namespace()
        world.closers.append(lambda: os.close(self.fd))

    def do(self, *argv, fds=()):
        """Runs a short command inside."""
        done = subprocess.run(argv, capture_output=True, text=True, pass_fds=fds, check=False, env=self.world.env(),
                              preexec_fn=lambda: sys_call(LIBC.setns(self.fd, CLONE_NEWNET), "setns"))
        self.world.journal.add(self.name, f"$ {' '.join(argv)} -> {done.returncode} {done.stderr.strip()}")
        if done.returncode != 0:
            raise Failed(f"{self.name}: {' '.join(argv)}: {done.stderr.strip()}")
        return done.stdout


class Host(Namespace):
    """One machine of a Net: host.where() is for Proc, at=host for Erl, GenCluster and start_epmd."""

    def __init__(self, net, name, number):
        super().__init__(net.world, name)
        self.net, self.number = net, number
        self.address, self.address6 = f"10.77.{number >> 8}.{number & 255}", f"fd00:77::{number:x}"
        self.resolv = self.hosts = self.hostname = None
        self.has_epmd = True  # False: nodes here start none
        self.do("ip", "link", "set", "lo", "up")
        net.do("ip", "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0",
               "netns", f"/proc/self/fd/{self.fd}", fds=(self.fd,))
        net.do("ip", "link", "set", f"v{number}", "master", "br0", "up")
        self.do("ip", "link", "set", "eth0", "up")
        self.do("ip", "addr", "add", f"{self.address}/16", "dev", "eth0")
        self.do("ip", "-6", "addr", "add", f"{self.address6}/64", "dev", "eth0", "nodad")

    def where(self):
        files = {"/etc/resolv.conf": self.resolv, "/etc/hosts": self.hosts}
        return Where(netns=self.fd, hostname=self.hostname, binds={
            mine: path for path, mine in files.items() if mine and os.path.exists(path)})

    def use_dns(self, *servers, search="", options="timeout:1 attempts:2"):
        """Gives it a resolv.conf of its own, and a hosts file with localhost only."""
        why = can_mount()
        if why:
            raise Skip(f"no mount namespace of our own: {why}")
        lines = [f"nameserver {getattr(s, 'address', s)}" for s in servers]
        lines += ([f"search {search}"] if search else []) + [f"options {options}"]
        self.resolv = self.world.write(f"resolv-{self.name}", "\n".join(lines) + "\n")
        self.hosts = self.world.write(f"hosts-{self.name}", "127.0.0.1 localhost\n::1 localhost\n")
        return self

    def down(self):
        """Pulls the cable."""
        self.net.do("ip", "link", "set", f"v{self.number}", "down")

    def up(self):
        self.net.do("ip", "link", "set", f"v{self.number}", "up")

    def remove(self):
        """Its address is nobody's any more, until another host gets it."""
        self.net.do("ip", "link", "del", f"v{self.number}")

    def listen(self, port=0):
        """A listening socket of ours inside (a silent peer, for one)."""
        return self.inside(lambda: socket.create_server((self.address, port)))

    def inside(self, make):
        """What make() gives when called within this namespace (a socket keeps its namespace)."""
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        sys_call(LIBC.setns(self.fd, CLONE_NEWNET), "setns")
        try:
            return make()
        finally:
            sys_call(LIBC.setns(home, CLONE_NEWNET), "setns")
            os.close(home)


class Net(Namespace):
    """The bridge, and its hosts."""

    def __init__(self, world):
        need_program("ip", "iproute2")
        super().__init__(world, "net")
        self.hosts = []
        self.do("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0")
        self.do("ip", "link", "set", "br0", "up")

    def host(self, name):
        host = Host(self, name, len(self.hosts) + 2)
        self.hosts.append(host)
        return host

    def cut(self, *sides, one_way=False):
        """Nothing passes between the sides (lists of hosts) any more; one_way: only from the first to the others
        nothing passes."""
        rules = []
        for i, source in enumerate(sides):
            for j, target in enumerate(sides):
                if i != j and (not one_way or i == 0):
                    rules += self.between(source, target)
        self.drop(*rules)

    def drop(self, *what):
        """What matches one of these nft expressions does not pass."""
        need_program("nft", "nftables")
        self.do("nft", "; ".join(
            ["add table bridge gc", "add chain bridge gc between { type filter hook forward priority 0; policy accept; }"]
            + [f"add rule bridge gc between {match} drop" for match in what]))

    @staticmethod
    def between(source, target):
        def addresses(hosts, attribute):
            return "{ " + ", ".join(getattr(h, attribute) for h in hosts) + " }"
        return [f"{family} saddr {addresses(source, attribute)} {family} daddr {addresses(target, attribute)}"
                for family, attribute in (("ip", "address"), ("ip6", "address6"))]

    def heal(self):
        self.do("nft", "flush ruleset")
