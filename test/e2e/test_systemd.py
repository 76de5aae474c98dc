#!/usr/bin/env python3
"""Under a service manager: what gen_cluster tells it (sd_notify(3)), to a socket of the test; and contrib/gen_cluster.service,
started, reloaded, killed, hung and stopped by a real systemd."""
import json
import os
import signal
import socket
import sys

from lib import *
from lib.abuse import is_sanitized
from lib.systemd import Systemd

UNIT = os.path.join(SRCDIR, "contrib", "gen_cluster.service")


class Manager:
    """A NOTIFY_SOCKET, and all that came to it."""

    def __init__(self, w, name=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.name, self.told = name or w.path("notify"), []
        self.socket.bind(self.name.replace("@", "\0", 1) if self.name.startswith("@") else self.name)
        self.socket.setblocking(False)
        self.world = w
        w.closers.append(self.socket.close)

    def listen(self):
        self.world.loop.watch(self.socket.fileno(), self.on_readable)
        self.world.closers.append(lambda: self.world.loop.unwatch(self.socket.fileno()))
        return self

    def on_readable(self):
        text = self.socket.recv(65536).decode()
        self.world.journal.add("manager", repr(text))
        self.told.append(text)

    def expect(self, line, since=0, within=10):
        """Waits for a message with a line that begins so; gives the number of the next message."""
        def look():
            for i, text in enumerate(self.told[since:]):
                if any(one.startswith(line) for one in text.split("\n")):
                    return since + i + 1
            return None
        return self.world.expect(look, within, f"the manager is told {line!r}")

    def says(self, line):
        return any(line in text.split("\n") for text in self.told)


def words(w):
    """Starting, until others can find it; ready, with a status; reloads, good and bad; alive; leaving."""
    manager = Manager(w).listen()
    a, b, c = w.erls("a", "b", "c")
    w.epmd.kill().expect_exit()
    w.epmd_procs["epmd"] = w.epmd  # it stays away for now
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}", start=False,
                    env={"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "400000"})
    gc.start()
    manager.expect("STATUS=not registered with EPMD: ")
    manager.expect("WATCHDOG=1", manager.expect("EXTEND_TIMEOUT_USEC="))
    assert not manager.says("READY=1") and not gc.is_ready
    w.start_epmd()
    ready = manager.expect("READY=1", within=30)
    gc.ready()
    manager.expect(f"STATUS={gc.cnode} listens on port ", ready - 1)
    a.expect_nodes(b)
    manager.expect(f"STATUS={gc.cnode} listens on port {gc.call('info')['listen_port']}; 1 members of 1 peers")
    before = len(manager.told)
    gc.reload(discovery=f"{{static, {atoms([b, c])}}}")
    began = manager.expect("RELOADING=1", before)
    assert "\nMONOTONIC_USEC=" in manager.told[began - 1]
    manager.expect("READY=1", began)
    a.expect_nodes(b, c)
    before = len(manager.told)
    gc.reload("[{discoveri, x}].\n")
    w.write(os.path.basename(gc.config), "[{discoveri, x}].\n")
    gc.proc.kill(signal.SIGHUP)
    refused = manager.expect("STATUS=not reloaded, the old configuration stays: ", before)
    manager.expect("READY=1", refused)
    manager.expect("WATCHDOG=1", len(manager.told))
    gc.leave()
    manager.expect("STATUS=leaving: SIGTERM")
    manager.expect("STOPPING=1")
    assert not any(w.cookie in text for text in manager.told)


def fill(manager):
    """Until somebody who has sent nothing yet cannot send either (one sender alone may be at a limit of its own)."""
    sent = 1
    while sent:
        sent = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            try:
                while True:
                    sender.sendto(b"filler", "\0" + manager.name[1:])
                    sent += 1
            except BlockingIOError:
                pass


def queue_is_full(w):
    """A manager that does not read holds up nothing, and hears READY=1 once it does; an abstract address; nothing of it in
    the environment of commands."""
    manager = Manager(w, f"@gen_cluster-e2e-notify-{w.epmd_port}")
    fill(manager)
    a, b = w.erls("a", "b")
    out = w.path("env.json")
    command = w.write("lister", f"#!{sys.executable}\nimport json, os\njson.dump(dict(os.environ), open('{out}.new', 'w'))\n"
                                f"os.rename('{out}.new', '{out}')\n", 0o755)
    GenCluster(w, a, discovery=f'[{{static, {atoms([b])}}}, {{exec, #{{command => ["{command}"]}}}}]',
               env={"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"})
    a.expect_nodes(b)
    assert not manager.told
    manager.listen().expect("READY=1")
    assert not manager.says("WATCHDOG=1"), "that was meant for process 1"
    w.until(lambda: os.path.exists(out), 10, "the command has run")
    with open(out, encoding="utf8") as f:
        assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(json.load(f))


def config_text(w, a, peers):
    return (f"[{{owner, '{a.name}'}}, {{cookie_file, \"/run/credentials/gen_cluster.service/cookie\"}},\n"
            f" {{discovery, [{{static, {atoms(peers)}}}, {{exec, #{{command => \"echo {peers[0].name}\"}}}}]}}].\n")


def unit(w):
    """The unit as it is, but for the port of EPMD and a shorter watchdog."""
    if is_sanitized():
        raise Skip("a sanitizer needs more memory and calls than the unit allows")
    a, b, c = w.erls("a", "b", "c")
    plugins = os.path.join(BUILDDIR, "plugins", ".libs")
    systemd = Systemd(w, {
        "/usr/bin/gen_cluster": (program(), 0o755),
        "/etc/systemd/system/gen_cluster.service": (UNIT, 0o644),
        "/etc/systemd/system/gen_cluster.service.d/test.conf": (
            f"[Service]\nEnvironment=ERL_EPMD_PORT={w.epmd_port}\nWatchdogSec=3\n", 0o644),
        "/etc/gen_cluster/gen_cluster.config": (config_text(w, a, [b]), 0o644),
        "/etc/gen_cluster/cookie": (w.cookie, 0o400),
        **{f"/usr/lib/gen_cluster/{name}": (os.path.join(plugins, name), 0o755)
           for name in os.listdir(plugins) if name.endswith(".so")}})
    systemd.start("gen_cluster")  # returns when it is ready
    facts = systemd.show("gen_cluster", "ActiveState", "StatusText", "MainPID", "Type")
    assert facts["ActiveState"] == "active" and "gc_a@127.0.0.1 listens on port" in facts["StatusText"], facts
    a.expect_nodes(b)
    w.until(lambda: [d.get("quality") for d in a.eval("gen_server:call({gen_cluster, 'gc_a@127.0.0.1'}, discovery)")] ==
            ["complete"] * 2, 10, "commands can be run")
    walls(w, systemd, facts["MainPID"])
    assert any("owner: connected to" in line for line in systemd.journal("--unit", "gen_cluster")), "it logs to the journal"

    systemd.write("/etc/gen_cluster/gen_cluster.config", config_text(w, a, [b, c]))
    systemd.ctl("reload", "gen_cluster")
    a.expect_nodes(b, c)

    for sig, result in ("KILL", "signal"), ("STOP", "watchdog"):
        old = systemd.show("gen_cluster", "MainPID")["MainPID"]
        systemd.ctl("kill", "--signal", sig, "--kill-who", "main", "gen_cluster")
        w.until(lambda old=old: systemd.show("gen_cluster", "MainPID", "ActiveState") not in (
            {"MainPID": pid, "ActiveState": state} for pid in (old, "0")
            for state in ("active", "activating", "deactivating", "failed")), 30, f"started anew after SIG{sig}")
        w.until(lambda: systemd.show("gen_cluster", "ActiveState")["ActiveState"] == "active", 10, "and ready")
        assert any(f"result '{result}'" in line for line in systemd.journal("_PID=1")), result
        w.until(lambda: a.eval("net_adm:ping('gc_a@127.0.0.1')") == "pong", 10, "it is back")
    assert systemd.show("gen_cluster", "NRestarts")["NRestarts"] == "2"

    systemd.ctl("stop", "gen_cluster")
    facts = systemd.show("gen_cluster", "ActiveState", "Result", "ExecMainStatus")
    assert facts == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}, facts
    assert a.eval("net_adm:names()")[0] == "ok"
    assert b"gc_a" not in repr(a.eval("net_adm:names()")).encode(), "its name is gone"

    systemd.write("/etc/gen_cluster/gen_cluster.config", "[{discoveri, x}].\n")
    systemd.ctl("start", "gen_cluster", status=1)
    facts = systemd.show("gen_cluster", "ActiveState", "ExecMainStatus")
    assert facts == {"ActiveState": "failed", "ExecMainStatus": "78"}, facts  # it would not help to try again
    assert any("discoveri" in line for line in systemd.journal("--unit", "gen_cluster"))


def walls(w, systemd, pid):
    """What holds for the process: a user of its own, no capability, a filter, no core, nothing of the root to write."""
    status = dict(line.split(":\t", 1) for line in systemd.run("cat", f"/proc/{pid}/status").lines if ":\t" in line)
    assert status["Uid"].split()[0] != "0" and status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
    assert all(int(status[kind], 16) == 0 for kind in ("CapEff", "CapPrm", "CapBnd", "CapAmb")), status
    limits = "\n".join(systemd.run("cat", f"/proc/{pid}/limits").lines)
    w.say(limits)
    mounts = systemd.run("cat", f"/proc/{pid}/mountinfo").lines
    root = [line for line in mounts if line.split()[4] == "/"][-1]
    assert root.split()[5].startswith("ro"), root


main(words, queue_is_full, unit)
