#!/usr/bin/env python3
"""docs/TLS.md does what it says: each chapter's commands are run in one shell, as they stand there, and must print what
the document shows. In a network namespace, as the ports in it are fixed. And no document names a file that is not there, or
leaves a source out."""
import fnmatch
import glob
import os
import re

from lib import *
from lib.ca import need_tls
from lib.net import Net
from lib.world import BUILDDIR, SRCDIR, need_program


def chapter(title):
    """(script, lines that it prints) of one chapter."""
    with open(os.path.join(SRCDIR, "docs", "TLS.md"), encoding="utf8") as f:
        text = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", f.read(), re.M | re.S).group(1)
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)
    script = "".join(body for kind, body in blocks if kind == "sh")
    shown = [line for kind, body in blocks if kind == "text" for line in body.splitlines()]
    assert script and shown, title
    return script, shown


def run(w, title, has_epmd=True):
    need_program("openssl", "openssl")
    script, shown = chapter(title)
    host = Net(w).host("here")
    host.has_epmd = has_epmd
    w.ensure_epmd(host)
    home = w.home("user")
    where = host.where()
    where.cwd = home
    env = w.env(home, HOME=home)
    env["PATH"] = BUILDDIR + ":" + env["PATH"]
    shell = w.spawn("shell", ["bash", "-e", "-u", "-c", script + "wait\n"], env=env, where=where)
    since = 0
    for line in shown:
        shell.expect_line(f"^{re.escape(line)}$", 20, since)
        since = next(i for i in range(since, len(shell.lines)) if shell.lines[i] == line) + 1
    shell.expect_exit(20)


def tls(w):
    need_tls()
    run(w, "TLS")


def ipv6(w):
    run(w, "IPv6")


def no_epmd(w):
    run(w, "No EPMD", has_epmd=False)


def sources_are_named(_w):
    """The table of docs/ARCHITECTURE.md names each file of src/ once, and no other."""
    with open(os.path.join(SRCDIR, "docs", "ARCHITECTURE.md"), encoding="utf8") as f:
        table = re.search(r"^## Which file\n(.*?)^## ", f.read(), re.M | re.S).group(1)
    named = [name for row in re.findall(r"^\|([^|]*)\|", table, re.M) for name in re.findall(r"`([^`]+)`", row)]
    there = [os.path.basename(path) for path in glob.glob(os.path.join(SRCDIR, "src", "*.c"))]
    assert named and there
    gone = [pattern for pattern in named if not fnmatch.filter(there, pattern)]
    assert not gone, f"docs/ARCHITECTURE.md names what is not in src/: {gone}"
    for name in there:
        by = [pattern for pattern in named if fnmatch.fnmatch(name, pattern)]
        exact = [pattern for pattern in by if pattern == name]
        assert by, f"docs/ARCHITECTURE.md has no row for src/{name}"
        assert len(exact or by) == 1, f"docs/ARCHITECTURE.md names src/{name} more than once: {by}"


def files_are_there(_w):
    """What a document puts in `code` and has a folder of ours in front is a file, or a pattern of some."""
    tops = "contrib|demo|docs|erlang|examples|plugins|src|test"
    for path in [os.path.join(SRCDIR, "README.md")] + sorted(glob.glob(os.path.join(SRCDIR, "docs", "*.md"))):
        with open(path, encoding="utf8") as f:
            text = f.read()
        for name in re.findall(rf"`((?:{tops})/[\w./*-]*)(?: [^`]*)?`", text) + re.findall(
                r"\]\((?!https?:)([^)#\s]+)[^)]*\)", text):
            file = re.sub("NAME|TOOL", "*", name)
            near = [os.path.join(SRCDIR, file), os.path.join(os.path.dirname(path), file)]
            assert any(glob.glob(place) for place in near), f"{os.path.basename(path)} names {name}, which is not there"


main(tls, ipv6, no_epmd, sources_are_named, files_are_there, net=True)
