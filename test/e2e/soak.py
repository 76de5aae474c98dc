#!/usr/bin/env python3
"""make soak: losses, faults, shells and attacks on one program for a given time (default 1800 s). Prints a line a minute
and a summary; fails if a subscriber is told a wrong story, if memory or descriptors keep growing, or if the program
does not leave cleanly in the end (under a sanitizer that is when leaks are told). Memory is the bytes of the heap in use,
which test/support/heap_gauge.c tells, and what is resident. Of the latter ASan has a share of its own: its quarantine of
freed memory, made small here, and fragments and stack traces, hence another limit.

    soak.py [SECONDS [SEED]]"""
import os
import random
import re
import subprocess
import sys
import time

from lib import *
from lib.abuse import is_sanitized
from lib.loop import Failed
from lib.main import TestWorld
from lib.stage import TARGETS, Stage

FAULTS = [t for t in TARGETS if t != "program"]  # its memory is what is looked at
ATTACKS = ["half_close", "reset", "wrong_digest", "early_frames", "truncated", "deep", "lying", "half_frame", "odd_names",
           "frame_lengths", "silent", "flags"]
# What is taken for none, in kilobytes: resident an hour, and in all (the noise of an allocator); in use an hour, and in all.
RSS, RSS_SANITIZED, HEAP = (256, 128), (16384, 2048), (64, 16)
GAUGE = os.path.join(BUILDDIR, "test", "support", "heap_gauge.so")
SMALL_QUARANTINE = ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"


def sample(pid):
    """(kilobytes resident, descriptors, threads)."""
    with open(f"/proc/{pid}/status", encoding="utf8") as f:
        facts = dict(line.split(":", 1) for line in f)
    return int(facts["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(facts["Threads"])


def gauged(w):
    """The environment of a program whose heap is gauged, and the file in which it tells."""
    linked = subprocess.run(["ldd", program()], capture_output=True, text=True, check=False).stdout
    runtime = re.findall(r"=> (\S*/lib[at]san\S*)", linked)  # which must be the first
    return {"LD_PRELOAD": " ".join(runtime + [GAUGE]), "GC_HEAP_GAUGE": w.path("heap"),
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + SMALL_QUARANTINE}, w.path("heap")


def slope(points):
    """Units an hour, by least squares; points: [(seconds, value)]."""
    n = len(points)
    mean_t, mean_v = sum(t for t, _ in points) / n, sum(v for _, v in points) / n
    spread = sum((t - mean_t) ** 2 for t, _ in points)
    return 3600 * sum((t - mean_t) * (v - mean_v) for t, v in points) / spread if spread else 0.0


class Soak:
    def __init__(self, w, seconds, seed):
        self.w, self.seconds, self.rng = w, seconds, random.Random(seed)
        env, self.gauge = gauged(w)
        self.stage, self.samples, self.cycles, self.attacks = Stage(w, env), [], 0, 0
        self.begin = time.monotonic()

    @property
    def elapsed(self):
        return time.monotonic() - self.begin

    def port(self):
        """As epmd tells; 0: not registered (again) yet."""
        text = 'case net_adm:names(A) of {ok, L} -> proplists:get_value("gc_a", L, 0); _ -> 0 end'
        return self.stage.a.eval(text, A=tuple(map(int, self.stage.place.address.split("."))))

    def attack(self):
        name, stage = self.rng.choice(ATTACKS), self.stage
        port = self.w.until(self.port, 15, "the program is registered")
        argv = [os.path.join(BUILDDIR, "test", "support", "hostile"), "--target", f"{stage.place.address}:{port}",
                "--target-name", str(stage.gc.cnode), "--cookie-file",
                os.path.join(self.w.home("hostile"), ".erlang.cookie"), "--crowd", "100", name]
        proc = self.w.spawn("hostile", argv, where=stage.place.where())
        proc.expect_exit(60)
        if proc.status != 0:
            raise Failed(f"attack {name}: {proc.lines[-3:]}")
        self.attacks += 1

    def shell(self):
        for request in ("members", "peers", "info", "discovery", "config", "metrics", "help", "refresh", "nonsense"):
            self.stage.gc.call(request)

    def heap(self):
        """Kilobytes in use."""
        with open(self.gauge, encoding="utf8") as f:
            return int(f.read()) / 1024

    def cycle(self):
        seed = self.rng.randrange(1 << 30)
        try:
            self.stage.run(seed, FAULTS)
        except Exception as e:
            raise Failed(f"schedule {seed}: {e}") from e
        self.shell()
        if self.rng.random() < 0.5:
            self.attack()
        self.cycles += 1
        self.samples.append((self.elapsed, *sample(self.stage.gc.proc.pid), self.heap()))

    def run(self):
        told = 0
        while self.elapsed < self.seconds:
            self.cycle()
            if self.elapsed // 60 > told:
                told = self.elapsed // 60
                _, rss, fds, threads, heap = self.samples[-1]
                print(f"{told:4.0f} min: {self.cycles} schedules, {self.attacks} attacks; {rss} kB, {heap:.1f} kB of the heap "
                      f"in use, {fds} descriptors, {threads} threads", flush=True)

    def judge(self):
        """The first third is warming up."""
        late = [s for s in self.samples if s[0] > self.seconds / 3]
        rss, fds, _, heap = [[(s[0], s[i]) for s in late] for i in range(1, 5)]
        print(f"{self.cycles} schedules, {self.attacks} attacks in {self.elapsed:.0f} s; after the first third:", flush=True)
        for name, points in (("heap in use, kB", heap), ("resident, kB", rss), ("descriptors", fds)):
            values = [v for _, v in points]
            print(f"  {name}: {min(values):.0f} to {max(values):.0f}, {slope(points):+.2f} an hour", flush=True)
        if abs(slope(fds)) >= 1 and fds[-1][1] > fds[0][1]:
            raise Failed("descriptors grow")
        for name, points, (an_hour, in_all) in (("heap", heap, HEAP),
                                                ("memory", rss, RSS_SANITIZED if is_sanitized() else RSS)):
            grown = slope(points) * (points[-1][0] - points[0][0]) / 3600
            if slope(points) > an_hour and grown > in_all:
                raise Failed(f"{name} grows")


def soak(seconds, seed):
    w = TestWorld("soak")
    failed = True
    try:
        s = Soak(w, seconds, seed)
        s.run()
        s.judge()
        failed = False
    finally:
        if failed:
            w.journal.dump()
        w.close(failed=failed)
    print("the program has left cleanly: all well", flush=True)


if __name__ == "__main__":
    soak(float(sys.argv[1]) if len(sys.argv) > 1 else 1800, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
