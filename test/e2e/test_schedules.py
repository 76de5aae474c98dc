#!/usr/bin/env python3
"""Schedules of faults: SIGKILL, SIGTERM and SIGSTOP on the program, its owner's VM, peers, epmd and the DNS server; then
all is repaired, and what a subscriber was told is held against what was done.

A seed is a schedule: an even one strikes at random moments, an odd one is a cell of the kill matrix (lib/matrix.py): one
signal to one target in one state of the program. GC_SCHEDULES=FIRST-LAST runs others than 1-50 (1-330 has every cell);
a failing one is named, and runs again alone by GC_SCHEDULES=SEED."""
import os
import traceback

from lib import *
from lib.loop import Failed
from lib.matrix import Matrix

PARTS = 5
SPREAD = 7  # coprime to the number of cells: those of near seeds are far apart


def seeds():
    first, _, last = os.environ.get("GC_SCHEDULES", "1-50").partition("-")
    return range(int(first), int(last or first) + 1)


def part(number, of):
    def schedules(w):
        mine = [seed for seed in seeds() if seed % of == number]
        if not mine:
            return
        stage = Matrix(w)
        for seed in mine:
            w.say(f"schedule {seed}")
            try:
                if seed % 2:
                    stage.cell(seed // 2 * SPREAD)
                else:
                    stage.run(seed)
            except Exception as e:
                traceback.print_exc()
                raise Failed(f"schedule {seed} (again: GC_SCHEDULES={seed}): {e}") from e
        w.say(f"{len(mine)} schedules")
    schedules.__name__ = f"part_{number}"
    return schedules


main(*(part(i, PARTS) for i in range(PARTS)), net=True, within=max(120, 4 * len(seeds()) // PARTS))
