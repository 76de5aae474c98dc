#!/usr/bin/env python3
"""docs/TLS.md does what it says: each chapter's commands are run in one shell, as they stand there, and must print what
the document shows. In a network namespace, as the ports in it are fixed."""
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


main(tls, ipv6, no_epmd, net=True)
