"""Dns: a real DNS server (Knot) with a zone of the test's own, whose records change while it runs.
FakeDns: a fake that does what no healthy server does: SERVFAIL, REFUSED, garbage, silence."""
import os
import sys

from .loop import Failed
from .proc import Proc
from .world import need_program

CONFIG = """server:
  rundir: {dir}
  listen: [ {address}@53, {address6}@53 ]
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
control:
  listen: {dir}/knot.sock
log:
  - target: stderr
    any: info
database:
  storage: {dir}
template:
  - id: default
    storage: {dir}
    journal-content: none
    zonefile-sync: -1
    zonefile-load: whole
zone:
{zones}"""


class Dns:
    def __init__(self, world, at, zone="test", address6=None, has_root=False):
        """address6: where it listens, "::" for all, if not at the address of its host alone. has_root: a name outside
        of the zone does not exist; else the question is refused."""
        need_program("knotd", "knot")
        self.world, self.at, self.address = world, at, at.address
        self.zone, self.serial, self.records = zone, 0, {}
        self.dir = world.path(f"dns-{at.name}")
        os.mkdir(self.dir)
        self.write_zone()
        world.write(f"dns-{at.name}/knot.conf", CONFIG.format(
            dir=self.dir, address=at.address, address6=address6 or at.address6,
            zones="".join(f"  - domain: {domain}\n    file: {self.dir}/{file}\n" for domain, file in
                          [(f"{zone}.", "zone")] + ([(".", "root")] if has_root else []))))
        world.write(f"dns-{at.name}/root", f". 1 SOA ns.{zone}. hostmaster.{zone}. 1 60 60 600 1\n. 1 NS ns.{zone}.\n")
        self.start()

    def start(self):
        self.proc = Proc(self.world, f"dns-{self.at.name}", ["knotd", "-c", f"{self.dir}/knot.conf"],
                         where=self.at.where())
        self.proc.expect_line(r"loaded, serial|server started", 10)
        return self

    def write_zone(self):
        self.serial += 1
        lines = [f"$ORIGIN {self.zone}.", "$TTL 1", f"@ SOA ns hostmaster {self.serial} 60 60 600 1", "@ NS ns",
                 f"ns A {self.at.address}"]
        for name, sets in self.records.items():
            lines += [f"{name} {kind} {value}" for kind, values in sets.items() for value in values]
        self.world.write(f"dns-{self.at.name}/zone", "\n".join(lines) + "\n")

    def set(self, name, **sets):
        """Replaces all records of a name: set("pods", A=[...], AAAA=[...], SRV=["0 0 4370 a.pods.test."]). With an
        empty set the name exists but has no such record; see clear."""
        self.records[name] = {k: v for k, v in sets.items() if v} or {"TXT": ['"no address"']}
        self.reload()

    def clear(self, name):
        """The name does not exist any more: NXDOMAIN."""
        self.records.pop(name, None)
        self.reload()

    def reload(self, wait=True):
        """Returns when the new zone is served; without wait, at once."""
        self.write_zone()
        argv = ["knotc", "-s", f"{self.dir}/knot.sock", "-b", "zone-reload", self.zone]
        if not wait:
            Proc(self.world, "knotc", argv)
        elif not self.world.run("knotc", argv).find("OK"):
            raise Failed("knotc zone-reload failed")

    def mute(self):
        """Takes questions, answers none."""
        self.proc.stop()

    def unmute(self):
        self.proc.cont()


class FakeDns:
    MODES = ("servfail", "refused", "nxdomain", "empty", "mute", "garbage", "truncated")

    def __init__(self, world, at, mode="servfail"):
        self.world, self.at, self.address = world, at, at.address
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake_dns.py")
        self.proc = Proc(world, f"fakedns-{at.name}", [sys.executable, script, at.address, mode],
                         where=at.where(), stdin=True)
        self.proc.expect_line("a fake DNS server")

    def mode(self, mode):
        seen = len(self.proc.lines)
        self.proc.popen.stdin.write(f"{mode}\n".encode())
        self.proc.expect_line(f"mode {mode}", since=seen)

    def asked(self, name):
        """How many questions for a name came."""
        return sum(f"asked {name} " in line for line in self.proc.lines)
