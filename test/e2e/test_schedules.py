#!/usr/bin/env python3
"""Random schedules of faults: SIGKILL, SIGTERM and SIGSTOP on the program, its owner's VM, peers, epmd and the DNS
server, at random moments; then all is repaired, and what a subscriber was told is held against what was done.

A seed is a schedule. GC_SCHEDULES=FIRST-LAST runs others than 1-50; a failing one is named, and runs again alone
by GC_SCHEDULES=SEED."""
import os
import traceback

from lib import *
from lib.loop import Failed
from lib.stage import Stage


def seeds():
    first, _, last = os.environ.get("GC_SCHEDULES", "1-50").partition("-")
    return range(int(first), int(last or first) + 1)


def part(number, of):
    def schedules(w):
        mine = [seed for seed in seeds() if seed % of == number]
        if not mine:
            return
        stage = Stage(w)
        for seed in mine:
            w.say(f"schedule {seed}")
            try:
                stage.run(seed)
            except Exception as e:
                traceback.print_exc()
                raise Failed(f"schedule {seed} (again: GC_SCHEDULES={seed}): {e}") from e
        w.say(f"{len(mine)} schedules")
    schedules.__name__ = f"part_{number}"
    return schedules


main(*(part(i, 5) for i in range(5)), net=True)
