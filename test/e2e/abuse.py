#!/usr/bin/env python3
"""make abuse: all attacks of the hostile peer, one after another, with the limits as they are meant (strict), and
a table of what was measured. abuse.py [--tls 1.2|1.3] [ATTACK...]; GC_E2E_SLOW=N multiplies the limits."""
import argparse
import os
import platform
import subprocess
import sys
import time

os.environ.setdefault("GC_ABUSE_STRICT", "1")

from lib import *  # noqa: E402
from lib import abuse  # noqa: E402
from lib.main import TestWorld  # noqa: E402

HEAD = ("attack", "times", "s", "calls", "p50 ms", "p99 ms", "max ms", "control p99", "joins", "join max ms", "peak MB", "left MB",
        "fds", "turns >10, >50 ms", "ready without CPU", "cut", "")


AT_LEAST_S = 2.0  # short attacks are repeated, so that a p99 is one


def attacks(tls):
    path = os.path.join(BUILDDIR, "test", "support", "hostile")
    text = subprocess.run([path, "--list"], capture_output=True, text=True, check=True).stdout
    return [name for group, name, *_ in map(str.split, text.splitlines()) if tls or group != "tls"]


def row(r):
    both = {**r.lost, **r.cut}
    cut = ", ".join(f"{both[reason]} {reason}" for reason in sorted(both, key=lambda k: -both[k])
                    if reason != "connection_closed")  # that was the other side
    return (r.name, r.times, f"{r.seconds:.1f}", r.calls["n"], f"{r.calls['p50'] / 1000:.2f}", f"{r.calls['p99'] / 1000:.2f}",
            f"{r.calls['max'] / 1000:.1f}", f"{r.controls['p99'] / 1000:.2f}", r.joins["n"],
            f"{r.joins['max'] / 1000:.1f}", f"{r.peak_mb:+.1f}", f"{r.left_mb:+.1f}", r.fds,
            f"{r.turns['loop_over_10ms']}, {r.turns['loop_over_50ms']}", f"{1 - 1 / r.slowdown:.0%}", cut or "none", "ok" if r.is_good else "FAILED")


def show(cells):
    print("| " + " | ".join(str(c) for c in cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", choices=("", "1.2", "1.3"), default="", help="all of it over TLS, and the attacks on TLS itself")
    parser.add_argument("attacks", nargs="*")
    args = parser.parse_args()
    world, begin = TestWorld("abuse"), time.monotonic()
    failed = True
    try:
        siege = abuse.Siege(world, tls=args.tls)
        print(f"{f'TLS {args.tls}' if args.tls else 'TCP'}; {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; limits: p99 of calls "
              f"{abuse.CALL_P99_MS} ms, join {abuse.JOIN_MS} ms, turn {abuse.TURN_MS} ms, memory +{abuse.MEMORY_MB} MB"
              f"{'' if abuse.SLOW == 1 else f', times {abuse.SLOW:g}'}\n")
        show(HEAD)
        show("---" for _ in HEAD)
        for name in args.attacks or attacks(args.tls):
            show(row(siege.attack(name, at_least_s=AT_LEAST_S)))
        failed = report(siege, time.monotonic() - begin)
    except Exception:
        world.journal.dump()
        raise
    finally:
        world.close(failed)
    return 1 if failed else 0


def report(siege, seconds):
    print()
    for r in siege.results:
        print(f"{r.name}: {r.note}")
        for complaint in r.complaints:
            print(f"    FAILED: {complaint}")
    bad = [r.name for r in siege.results if not r.is_good]
    control = sorted(r.controls["p99"] for r in siege.results)[len(siege.results) // 2] / 1000
    if control > 1:
        print(f"\nThe machine is not quiet: the control group itself has a median p99 of {control:.1f} ms. The limits mean little.")
    print(f"\n{len(siege.results)} attacks in {seconds:.0f} s, {len(bad)} failed{': ' if bad else ''}{', '.join(bad)}")
    return bool(bad)


sys.exit(main())
