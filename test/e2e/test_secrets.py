#!/usr/bin/env python3
"""The cookie is nowhere but in memory that is left out of dumps, and children get none of our descriptors (SECURITY)."""
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys

from lib import *
from lib.abuse import is_sanitized
from lib.ca import Ca, dist_args, optfile
from lib.memory import places

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


def all_open(w, more=""):
    """A program with a descriptor of each kind: TLS links, a file watched, DNS, EPMD, a service manager, the ready line."""
    ca = Ca(w)
    a, b = (w.erl(short, args=dist_args(optfile(w, ca.issue(short, "127.0.0.1"), name=short))) for short in "ab")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(w.path("notify"))
    w.closers.append(manager.close)
    peers = w.write("peers", atoms([b]) + ".\n")
    gc = GenCluster(w, a, tls=f'[{{optfile, "{optfile(w, ca.issue("gc", "127.0.0.1"), name="gc")}"}}]',
                    refresh_interval_ms=300, env={"NOTIFY_SOCKET": w.path("notify")}, discovery=f"""
        [{{file, #{{path => "{peers}"}}}}, {{epmd, #{{hosts => ["127.0.0.1"]}}}}{more},
         {{dns, #{{domain => "nowhere.invalid", nameservers => ["127.0.0.1:{w.epmd_port}"]}}}}]""")
    a.expect_nodes(b)
    gc.expect_members(b)
    return gc


def children_while_all_is_open(w):
    """Not one of them gets to a command that is started now."""
    out = w.path("seen.json")
    command = w.write("lister", LISTER.format(python=sys.executable, out=out), 0o755)
    gc = all_open(w, f', {{exec, #{{command => ["{command}"]}}}}')
    try:
        assert len(os.listdir(f"/proc/{gc.proc.pid}/fd")) > 12
    except PermissionError:
        pass  # only root may look
    for _ in range(3):
        if os.path.exists(out):
            os.unlink(out)
        w.until(lambda: os.path.exists(out), 10, "the command has run")
        with open(out, encoding="utf8") as f:
            seen = json.load(f)
        assert sorted(seen["fds"]) == ["0", "1", "2"], seen["fds"]
        assert w.cookie not in json.dumps(seen) and "NOTIFY_SOCKET" not in seen["env"]


def descriptors(w):
    """Every one of ours is close-on-exec, whoever may start a program."""
    gc = all_open(w)
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
    open_ones = {fd: name for fd, name in open_ones.items() if not name.endswith(f".{gc.proc.pid}")}  # a sanitizer's log
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


def forced_core(w):
    """A core that root takes of the living process (gcore) has all of its memory but that of the cookie."""
    gcore = need_program("gcore", "gdb")
    if is_sanitized():
        raise Skip("a sanitizer has terabytes of memory")
    a, b = w.erls("a", "b")
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}")
    gc.expect_members(b)
    core = w.path("core")
    done = w.run("gcore", [gcore, "-o", core, str(gc.proc.pid)], status=None, within=60)
    file = f"{core}.{gc.proc.pid}"
    if done.status != 0 or not os.path.exists(file):
        raise Skip(f"gcore cannot take one here: {done.lines[-1:]}")
    with open(file, "rb") as f:
        memory = f.read()
    assert str(b.name).encode() in memory, "that is its memory"
    assert w.cookie.encode() not in memory
    gc.expect_members(b)  # it goes on


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


def in_memory(w):
    """All of its memory is searched: the cookie is in pages that are locked, left out of dumps and wiped in a fork, and
    nowhere else, whatever has been asked of the program; over the port as well."""
    a, b = w.erls("a", "b")
    other = w.erl("other", cookie="anothercookie")
    gc = GenCluster(w, a, discovery=f'[{{static, {atoms([b, other])}}}, {{exec, #{{command => "echo {b.name}"}}}}]')
    gc.expect_members(b)
    gc.expect_peer(other, reason="bad_cookie")
    for request in "config", "info", "peers":
        gc.call(request)
    gc.reload(refresh_interval_ms=1000)
    gc.expect_log("reloaded")
    assert a.eval("net_adm:ping(N)", N=gc.cnode) == "pong"
    other.eval("net_adm:ping(N)", N=gc.cnode)
    c = w.erl("c")
    port = GenClusterPort(w, c, f"[{{discovery, {{static, {atoms([b])}}}}}]")
    w.until(lambda: [n for n, _ in port.request(Atom("members"))] == [b.name], 10, "a member")
    for proc in gc.proc, port.proc:
        found = places(proc.pid, w.cookie.encode())
        w.say(repr(found))
        assert found, "not even where it is compared"
        wrong = [place for place in found if not {"lo", "dd", "wf"} <= set(place[2])]
        assert not wrong, wrong
    leaves_none(w, gc.proc, w.cookie.encode())
    leaves_none(w, port.proc, w.cookie.encode())


def leaves_none(w, proc, *secrets):
    """Held up in its last system call, it has nothing of them left."""
    trace = w.spawn("strace", [need_program("strace"), "-f", "-qq", "-p", str(proc.pid), "-e", "trace=exit_group",
                               "-e", "inject=exit_group:delay_enter=60s"])

    def looks(file, pattern):
        with open(f"/proc/{proc.pid}/{file}", encoding="utf8") as f:
            return re.search(pattern, f.read(), re.M)
    w.until(lambda: looks("status", f"^TracerPid:\t{trace.pid}$"), 10, "it is traced")
    proc.kill(signal.SIGTERM)
    w.until(lambda: looks("syscall", r"^(231|94) "), 10, "it is about to end")  # exit_group, by processor
    for secret in secrets:
        # Not the stack: with a signal the kernel puts the vector registers there, and in them is what was copied last.
        left = [place for place in places(proc.pid, secret) if place[1] != "[stack]"]
        assert not left, f"left behind: {left}"
    trace.kill()
    proc.expect_exit()


def keys(w):
    """The password of a key is nowhere outside: not in answers, logs, complaints; neither it nor the text of the key is left
    in memory that was given back."""
    ca, password = Ca(w), "password-of-the-key"
    mine = ca.issue("gc", "127.0.0.1")
    with open(mine.key, encoding="utf8") as f:
        text = f.read().splitlines()[1].encode()
    a = w.erl("a", args=dist_args(optfile(w, ca.issue("a", "127.0.0.1"), name="a")))
    plain = GenCluster(w, a, discovery="[]", tls=f'[{{optfile, "{optfile(w, mine, name="gc")}"}}]')
    plain.expect_log("owner: connected to")
    assert places(plain.proc.pid, text) == [], "the text of the key"
    plain.leave()
    ca.openssl("pkcs8", "-topk8", "-in", mine.key, "-out", mine.key + ".new", "-passout", f"pass:{password}")
    os.chmod(mine.key + ".new", 0o600)
    os.rename(mine.key + ".new", mine.key)
    file = optfile(w, mine, name="locked")
    with open(file, encoding="utf8") as f:
        options = f.read().replace("{keyfile,", f'{{password, "{password}"}}, {{keyfile,')
    w.write("ssl-locked.config", options)
    gc = GenCluster(w, a, discovery="[]", tls=f'[{{optfile, "{file}"}}]', log_level="debug")
    gc.expect_log("owner: connected to")
    answers = [gc.call(request) for request in ("config", "info", "metrics")]
    w.write("ssl-locked.config", options.replace("{verify, verify_peer}", "{verify, maybe}"))
    gc.reload()
    gc.expect_log("not reloaded.*verify: maybe")
    w.write("ssl-locked.config", options.replace(f'"{password}"', f'{{"{password}"}}'))
    gc.reload()
    gc.expect_log("not reloaded.*password", since=len(gc.proc.lines) - 1)
    w.write("ssl-locked.config", options)
    gc.reload()
    gc.expect_log("reloaded", since=len(gc.proc.lines) - 1)
    assert not any(password in line for line in gc.proc.lines + [repr(answers)])
    found = places(gc.proc.pid, password.encode())
    w.say(repr(found))
    assert any(name == "[heap]" for _, name, _, _ in found), "it is needed for renewed files"
    leaves_none(w, gc.proc, password.encode(), w.cookie.encode())


main(children, children_while_all_is_open, descriptors, told, command_line, in_memory, keys, forced_core, no_core)
