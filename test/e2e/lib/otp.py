"""Erlang nodes of other OTP releases, from Debian chroots that test/support/otp_chroot.sh makes (test/run does).
They share the network of the machine; the test's directory is bound on /mnt inside, seen by them alone."""
import os
import shutil

from .loop import Failed, Skip
from .proc import Where

LIBDIR = os.path.dirname(os.path.abspath(__file__))
CHROOTS = os.environ.get("GC_OTP_CHROOTS", "/var/cache/gen_cluster/otp")
SUITES = {23: "bullseye", 25: "bookworm", 27: "trixie", 29: "sid"}


class Otp:
    """otp=Otp(world, 27) for Erl."""

    def __init__(self, world, release):
        self.release, self.root = release, os.path.join(CHROOTS, SUITES[release])
        if not os.path.exists(os.path.join(self.root, "usr", "bin", "erl")):
            raise Skip(f"OTP {release} is not in {self.root} (test/support/otp_chroot.sh {SUITES[release]} makes it)")
        if os.geteuid() != 0 or "GC_E2E_USERNS" in os.environ:
            raise Skip(f"OTP {release}: chroot needs root")
        self.world, self.ebin = world, f"ebin-{release}"
        os.makedirs(world.path(self.ebin), exist_ok=True)
        shutil.copy(os.path.join(LIBDIR, "e2e_node.erl"), world.dir)
        world.run(f"erlc{release}", ["erlc", "-o", f"/mnt/{self.ebin}", "/mnt/e2e_node.erl"], where=self.put(Where()))
        self.check()

    def check(self):
        """The suite moves on (sid does): what is there must be the release asked for."""
        found = self.world.run(f"erl{self.release}", [
            "erl", "-noinput", "-boot", "start_clean", "-eval",
            "io:put_chars(erlang:system_info(otp_release)), halt()."], where=self.put(Where())).lines
        if found != [str(self.release)]:
            raise Skip(f"{self.root} has OTP {found}, not {self.release}") if found else Failed("no erl in it")

    def put(self, where):
        where.root = self.root
        where.binds = {**where.binds, self.world.dir: os.path.join(self.root, "mnt")}
        return where

    def inside(self, path):
        """A path of the world as seen from inside."""
        return "/mnt" + path[len(self.world.dir):]

    def enter(self, _world, where, home):
        """(program, ebin, home) for Erl."""
        self.put(where)
        return ["erl"], f"/mnt/{self.ebin}", self.inside(home)
