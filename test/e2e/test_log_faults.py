#!/usr/bin/env python3
"""stderr that is full, closed, or not read: the program goes on as if nothing were, waits for nobody, and tells how many
lines are missing once it can."""
import fcntl
import os
import re
import signal
import struct
import termios

from lib import *
from lib.load import cpu
from lib.loop import SLOW
from lib.proc import can_mount

ROUND = 4096
CHATTY = dict(log_level="debug", refresh_interval_ms=100)


def onto(redirection):
    """A prefix: the program with its stderr elsewhere."""
    return ["sh", "-c", f'exec "$@" {redirection}', "sh"]


def begin(w, redirection, prefix=()):
    """(a, b, the program with stderr elsewhere): both are joined."""
    a, b = w.erls("a", "b")
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}", reconnect="#{min_ms => 50, max_ms => 200}", start=False,
                    **CHATTY)
    gc.prefix = list(prefix) + onto(redirection)
    gc.start().ready()
    a.expect_nodes(b)
    return a, b, gc


def chatter(gc, lines):
    """About so many errors in the log, of 400 bytes and more: of a configuration with an unknown key."""
    gc.world.write(os.path.basename(gc.config), f"[{{{'x' * 250}, 1}}].\n")
    for number in range(lines):
        os.kill(gc.proc.pid, signal.SIGHUP)
        if number % 4 == 0:
            gc.call("info")
    gc.configure()


def works(gc, a, b):
    """A loss is seen and mended, within the deadlines of a healthy one, and nothing spins."""
    seen, used = len(a.events), cpu(gc.proc.pid)
    b.kill()
    a.expect_event("nodedown", b, 5, seen)
    gc.expect_members(within=5)
    b.restart()
    a.expect_nodes(b)
    gc.expect_members(b)
    assert gc.call("info")["loop_max_ms"] < 500 * SLOW, gc.call("info")
    used = cpu(gc.proc.pid) - used
    assert used < 0.5 * SLOW, f"{used} s of CPU for one loss"


def always_full(w):
    a, b, gc = begin(w, "2>/dev/full")
    works(gc, a, b)


def closed(w):
    """No descriptor 2: what is opened next must not get the log."""
    a, b, gc = begin(w, "2>&- </dev/null")
    assert os.readlink(f"/proc/{gc.proc.pid}/fd/2") == "/dev/null"
    works(gc, a, b)
    assert a.eval("net_adm:ping(C)", C=gc.cnode) == "pong"


class Reader:
    """A named pipe for its log, and us at the other end."""

    def __init__(self, w):
        self.path, self.text = w.path("log"), ""
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, ROUND)

    def read(self):
        """All that has come so far."""
        try:
            while data := os.read(self.fd, 1 << 16):
                self.text += data.decode()
        except BlockingIOError:
            pass
        return self.text

    def close(self):
        os.close(self.fd)


def reader_gone(w):
    reader = Reader(w)
    a, b, gc = begin(w, f"2>{reader.path}")
    reader.close()
    works(gc, a, b)


def whole(text):
    """No line is torn."""
    for line in text.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z \w+ +[^ ]", line), f"a torn line: {line!r}"


def waiting(gc):
    """How full the pipe between its loop and its writer is, as a part of one."""
    most = 0.0
    for name in os.listdir(f"/proc/{gc.proc.pid}/fd"):
        path = f"/proc/{gc.proc.pid}/fd/{name}"
        try:
            if not os.readlink(path).startswith("pipe:"):
                continue
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            continue
        size = fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)
        queued = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]
        os.close(fd)
        if size > ROUND:
            most = max(most, queued / size)
    return most


def reader_stopped(w):
    """What fits waits, the rest is counted, and told with the next line when somebody reads again."""
    reader = Reader(w)
    a, b, gc = begin(w, f"2>{reader.path}")

    def is_full():
        """What is said more does not come to be in the pipe."""
        before = waiting(gc)
        chatter(gc, 300)
        return before == waiting(gc) > 0.9
    w.until(is_full, 30, "all is full")
    works(gc, a, b)
    fcntl.fcntl(reader.fd, fcntl.F_SETPIPE_SZ, 1 << 20)  # now it reads, and fast
    text = w.until(lambda: (chatter(gc, 1), re.search(r"log: (\d+) lines were dropped", reader.read()))[1], 10,
                   "it tells what was dropped")
    assert int(text.group(1)) > 0, text
    w.until(lambda: (chatter(gc, 1), "xxx" in reader.read()[text.end():])[1], 5, "it logs as before")
    whole(reader.text)
    gc.proc.kill(signal.SIGTERM)
    w.until(lambda: (reader.read(), not gc.proc.alive)[1], 3, "it leaves")
    assert "leaving: SIGTERM" in reader.read(), "the last line as well"
    reader.close()


def nobody_reads(w):
    """It leaves in time all the same."""
    reader = Reader(w)
    a, b, gc = begin(w, f"2>{reader.path}")
    chatter(gc, 40)
    works(gc, a, b)
    gc.leave()
    reader.close()


def disk_full_for_a_time(w):
    why = can_mount()
    if why:
        raise Skip(why)
    disk = w.path("disk")
    os.mkdir(disk)
    a, b, gc = begin(w, f"2>>{disk}/log", ["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size=32k none {disk} && "
                                           'exec "$@"', "sh"])
    log = f"/proc/{gc.proc.pid}/root{disk}/log"
    chatter(gc, 400)
    assert os.path.getsize(log) == 32768
    works(gc, a, b)
    os.truncate(log, 0)

    def resumed():
        gc.call("info")
        gc.proc.kill(signal.SIGHUP)
        with open(log, encoding="utf8") as f:
            return re.search(r"log: (\d+) lines were lost: No space left on device", f.read())
    assert int(w.until(resumed, 5, "it logs again").group(1)) > 20
    with open(log, encoding="utf8") as f:
        whole(f.read().lstrip("\n"))


def file_at_its_limit(w):
    """ulimit -f: no signal ends it."""
    log = w.path("log")
    a, b, gc = begin(w, f"2>>{log}", ["sh", "-c", 'ulimit -f 16; exec "$@"', "sh"])
    chatter(gc, 400)
    assert os.path.getsize(log) <= 16384
    works(gc, a, b)


main(always_full, closed, reader_gone, reader_stopped, nobody_reads, disk_full_for_a_time, file_at_its_limit, net=True)
