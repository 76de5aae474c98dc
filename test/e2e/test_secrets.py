#!/usr/bin/env python3
"""The cookie is nowhere but in memory that is left out of dumps, and children get none of our descriptors (SECURITY)."""
import json
import os
import resource
import signal
import subprocess
import sys

from lib import *
from lib.abuse import is_sanitized

LISTER = """#!{python}
import json, os
fds = {{}}
for fd in os.listdir("/proc/self/fd"):
    try:
        fds[fd] = os.readlink("/proc/self/fd/" + fd)
    except OSError:
        pass  # the directory itself
seen = {{"fds": fds, "env": dict(os.environ), "argv": open("/proc/self/cmdline").read()}}
with open("{out}.new", "w") as f:
    json.dump(seen, f)
os.rename("{out}.new", "{out}")
"""


def children(w):
    """What the command of the plugin exec gets of us: descriptors 0, 1, 2, and no variable with a cookie in it."""
    a = w.erl("a")
    out = w.path("seen.json")
    command = w.write("lister", LISTER.format(python=sys.executable, out=out), 0o755)
    env = {"RELEASE_COOKIE": w.cookie, "ERL_FLAGS": f"-setcookie {w.cookie}", "HARMLESS": "yes"}
    GenCluster(w, a, discovery=f'{{exec, #{{command => ["{command}"]}}}}', env=env)
    w.until(lambda: os.path.exists(out), 10, "the command has run")
    with open(out, encoding="utf8") as f:
        seen = json.load(f)
    assert sorted(seen["fds"]) == ["0", "1", "2"], seen["fds"]
    assert seen["env"]["HARMLESS"] == "yes"
    assert w.cookie not in json.dumps(seen), "the cookie is in the environment of the command"


def descriptors(w):
    """Every one of ours is close-on-exec, whoever may start a program."""
    a, b = w.erls("a", "b")
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}")
    a.expect_nodes(b)
    try:
        fds = os.listdir(f"/proc/{gc.proc.pid}/fdinfo")
    except PermissionError:
        raise Skip("only root may look into the process") from None
    open_ones = {}
    for fd in fds:
        with open(f"/proc/{gc.proc.pid}/fdinfo/{fd}", encoding="utf8") as f:
            flags = next(int(line.split()[1], 8) for line in f if line.startswith("flags:"))
        if int(fd) > 2 and not flags & os.O_CLOEXEC:
            open_ones[fd] = os.readlink(f"/proc/{gc.proc.pid}/fd/{fd}")
    assert len(fds) > 8 and not open_ones, open_ones


def told(w):
    """Not in what it logs at its most talkative, answers, or shows of itself; with a peer whose cookie differs."""
    a, b = w.erls("a", "b")
    other = w.erl("other", cookie="anothercookie")
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b, other])}}}", log_level="debug", args=["--dist-port", "0"])
    a.expect_nodes(b)
    gc.expect_peer(other, reason="bad_cookie")
    answers = [gc.call(request) for request in ("config", "info", "metrics", "peers", "members", "discovery", "help")]
    answers.append(gc.call((Atom("nonsense"), 1)))
    gc.leave()
    shown = [*gc.proc.lines, repr(answers)]
    with open(gc.config, encoding="utf8") as f:
        shown.append(f.read())
    for cookie in (w.cookie, "anothercookie"):
        assert not any(cookie in text for text in shown), "a cookie was told"
    assert len(gc.proc.lines) > 5 and len(answers) == 8


def command_line(w):
    """Nor in its arguments, whatever starts it: as a sidecar, or under the release."""
    a = w.erl("a")
    for gc in GenCluster(w, a, discovery="[]", name="gc_sidecar@127.0.0.1"), GenClusterPort(w, a):
        with open(f"/proc/{gc.proc.pid}/cmdline", encoding="utf8") as f:
            assert w.cookie not in f.read()


def no_core(w):
    """Killed by a fault it leaves no core file, where another process of the same limits does."""
    if is_sanitized():
        raise Skip("a sanitizer needs to trace the process")
    with open("/proc/sys/kernel/core_pattern", encoding="utf8") as f:
        pattern = f.read().strip()
    if pattern.startswith("|") or "/" in pattern:
        raise Skip(f"cores go elsewhere: {pattern}")
    where = w.path("cores")
    os.mkdir(where)

    def limits():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    try:
        subprocess.run([sys.executable, "-c", "import os; os.abort()"], cwd=where, preexec_fn=limits, check=False)
    except (OSError, subprocess.SubprocessError) as e:
        raise Skip(f"core files are not allowed here: {e}") from None
    left = os.listdir(where)
    if not left:
        raise Skip("nobody leaves a core here")
    for name in left:
        os.unlink(os.path.join(where, name))
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    os.chdir(where)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        gc = GenCluster(w, None, discovery="[]", dist="ei")
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
        os.chdir("/")
    gc.kill(signal.SIGSEGV).proc.expect_exit(5, -signal.SIGSEGV)
    assert os.listdir(where) == [], "it left a core"


main(children, descriptors, told, command_line, no_core)
