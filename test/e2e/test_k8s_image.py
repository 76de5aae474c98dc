#!/usr/bin/env python3
"""What the image of the sidecar consists of runs by itself: nothing but the program, its plugins and their libraries,
under a number that no file of users knows. make images builds both images from their Dockerfiles."""
import os

from lib import *
from lib.abuse import is_sanitized
from lib.k8s import EXAMPLE

USER = 10001


def sidecar(w):
    if os.geteuid() != 0:
        raise Skip("chroot needs root")
    need_program("strip", "binutils")
    root = w.path("image")
    w.run("build-sidecar", [os.path.join(EXAMPLE, "build-sidecar"), root], within=60, env=w.env(GC_BUILDDIR=BUILDDIR))
    files = {os.path.join(top, name) for top, _, names in os.walk(root) for name in names}
    assert not [file for file in files if os.stat(file).st_mode & 0o022], "writable by others"
    assert not [file for file in files if os.path.basename(file) in ("sh", "bash", "perl", "apt")]
    assert is_sanitized() or sum(os.path.getsize(file) for file in files) < 12e6
    os.mkdir(os.path.join(root, "proc"))
    where = Where(root=root, binds={"/proc": os.path.join(root, "proc")}, user=USER)
    env = {"PATH": "/usr/bin"}
    assert w.run("version", ["/usr/bin/gen_cluster", "--version"], where=where, env=env).lines[0].startswith("gen_cluster ")
    lines = w.run("plugins", ["/usr/bin/gen_cluster", "plugins"], where=where, env=env).lines
    found = {line.split()[0]: line for line in lines if not line.startswith(" ")}
    for plugin in ("dns", "epmd", "exec", "file", "static"):
        assert found[plugin].endswith(f"/usr/lib/gen_cluster/{plugin}.so"), lines


main(sidecar)
