"""A systemd of a test's own, as PID 1 of namespaces of its own: the root of this machine under an overlay, a tree of
cgroups below one of ours, the network of the test. Nothing that it does is seen outside, and all of it ends with it."""
import os
import shlex

from .loop import Failed, Skip
from .world import need_program

PROGRAM = "/lib/systemd/systemd"
LOWER = os.environ.get("GC_SYSTEMD_ROOT", "/")  # another Debian's, to try its systemd
EMPTIED = "sysinit local-fs multi-user sockets timers basic graphical getty"
SCRIPT = r"""
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs {dir}
mkdir {dir}/upper {dir}/work {dir}/root
mount -t overlay overlay -o lowerdir={lower},upperdir={dir}/upper,workdir={dir}/work {root}
mount -t proc proc {root}/proc
mount -t sysfs sysfs {root}/sys
mount -t cgroup2 cgroup2 {root}/sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs {root}/run
mount -t tmpfs -o mode=1777 tmpfs {root}/tmp
mount -t tmpfs -o mode=755 tmpfs {root}/dev
for d in null zero full random urandom tty; do
	: >{root}/dev/$d
	mount --bind /dev/$d {root}/dev/$d
done
mkdir {root}/dev/shm {root}/dev/pts {root}/run/systemd
mount -t devpts -o newinstance,ptmxmode=0666 devpts {root}/dev/pts
ln -s pts/ptmx {root}/dev/ptmx
ln -s /proc/self/fd {root}/dev/fd
for target in {emptied}; do
	wants={root}/usr/lib/systemd/system/$target.target.wants
	[ ! -d $wants ] || mount -t tmpfs tmpfs $wants
done
mount -t tmpfs -o mode=755 tmpfs {root}/etc/systemd/system
{install}
mkdir {root}/etc/systemd/system/sysinit.target.wants {root}/run/old
ln -s /lib/systemd/system/systemd-journald.service {root}/etc/systemd/system/sysinit.target.wants
cd {root}
pivot_root . run/old # not chroot: who is in one may have no user namespaces
umount -l run/old
mount --make-rshared / # as the manager of a container does; credentials come by it
echo booting
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin {program} --system --unit=basic.target \
	--log-target=journal --show-status=no
"""


def cgroup_dir():
    """Where cgroups of version 2 can be made."""
    with open("/proc/mounts", encoding="utf8") as f:
        mounts = [line.split() for line in f]
    for _, where, kind, *_ in mounts:
        if kind == "cgroup2" and os.access(where, os.W_OK):
            return where
    raise Skip("no cgroup2 that we may write")


class Systemd:
    def __init__(self, world, files):
        """files: {path inside: (text or path of a file here, mode)}."""
        if os.geteuid() != 0 or "GC_E2E_USERNS" in os.environ:
            raise Skip("systemd as PID 1 needs root")
        if not os.path.exists(LOWER + PROGRAM):
            raise Skip("systemd is not installed (Debian: systemd)")
        for program in "unshare", "nsenter", "systemctl", "journalctl":
            need_program(program)
        self.world, self.dir = world, world.path("systemd")
        os.mkdir(self.dir)
        self.group = os.path.join(cgroup_dir(), f"gen_cluster-{os.getpid()}-{world.epmd_port}")
        try:
            os.mkdir(self.group)
        except OSError as e:
            raise Skip(f"no cgroup of our own: {e}") from None
        world.closers.append(self.remove_group)
        script = SCRIPT.format(dir=self.dir, lower=LOWER, root=self.dir + "/root", emptied=EMPTIED, program=PROGRAM,
                               install=self.install(files))
        inner = ["unshare", "--pid", "--mount", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "sh", "-c", script]
        self.proc = world.spawn("systemd", ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.group] + inner)
        self.boot()

    def install(self, files):
        """Shell commands that put the files in place, once the root is there."""
        commands = []
        for number, (path, (what, mode)) in enumerate(files.items()):
            if not os.path.isabs(what):
                what = self.world.write(f"inside-{number}", what)
            # the directory of the world is in the overlay, but for the tmpfs on /tmp
            commands.append(f"install -D -m {mode:o} {shlex.quote(what)} {self.dir}/root{shlex.quote(path)}")
        return "\n".join(commands)

    def boot(self):
        try:
            self.proc.expect_line("^booting$", 10)
        except Failed:
            if self.proc.alive:
                raise
            raise Skip(f"systemd cannot be put into namespaces here: {' '.join(self.proc.lines[-2:])}") from None
        with open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children", encoding="utf8") as f:
            self.pid = f.read().split()[0]
        self.world.until(self.is_up, 30, "systemd is up")

    def is_up(self):
        if not self.proc.alive:
            raise Skip(f"systemd does not run in namespaces here: {' '.join(self.proc.lines[-2:])}")
        return self.run("systemctl", "is-system-running", status=None).lines[-1:] in (["running"], ["degraded"])

    def run(self, *argv, status=0, within=20):
        """A command inside; gives the process with its lines."""
        return self.world.run(argv[0], ["nsenter", "--target", self.pid, "--mount", "--pid", "--ipc", "--uts", "--root",
                                        *argv], within=within, status=status)

    def ctl(self, *argv, **how):
        return self.run("systemctl", *argv, **how)

    def start(self, unit):
        """Returns when it is ready; says what its journal has if it is not."""
        if self.ctl("start", unit, status=None, within=60).status != 0:
            self.ctl("status", "--no-pager", unit, status=None)
            raise Failed(f"{unit} does not start: {self.journal()[-8:]}")

    def show(self, unit, *properties):
        """{property: value} of a unit."""
        lines = self.ctl("show", unit, "--property", ",".join(properties)).lines
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def journal(self, *match):
        return self.run("journalctl", "--no-pager", "--output", "cat", *match).lines

    def write(self, path, text):
        """Changes a file inside."""
        with open(f"/proc/{self.pid}/root{path}", "w", encoding="utf8") as f:
            f.write(text)

    def remove_group(self):
        """Leaves of the tree first; empty, as PID 1 has taken all with it."""
        for path, _, _ in os.walk(self.group, topdown=False):
            try:
                os.rmdir(path)
            except OSError as e:
                self.world.say(f"{path}: {e}")
