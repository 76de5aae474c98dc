#!/usr/bin/env python3
"""Attacks of the hostile peer on the daemon (issue: it must not be hurt): while each goes on, a real node's calls are
answered, a good node gets in, memory and descriptors stay and come back, what is cut is counted and logged. This is the
short form; make abuse runs all, with the limits as they are meant."""
import re

from lib import *
from lib.abuse import Siege


def run(siege, attacks, **options):
    bad = {}
    for name in attacks:
        result = siege.attack(name, **options)
        if not result.is_good:
            bad[name] = result.complaints
    assert not bad, bad
    return siege.results


def strangers(w):
    siege = Siege(w)
    results = run(siege, ["wrong_tags", "lengths", "half_close", "reset", "odd_names", "flags", "wrong_digest",
                          "early_frames", "junk", "mutated", "impostor", "crowd_one", "crowd_many", "crowd_names"], crowd=300)
    seen = {reason for r in results for reason in r.cut}
    assert {"protocol_error", "too_big", "bad_name", "incompatible", "bad_cookie", "timeout", "overload"} <= seen, seen


def members(w):
    siege = Siege(w)
    run(siege, ["operations", "truncated", "deep", "lying", "atoms", "unlink", "spawn", "wrong_frames", "frame_lengths",
                "half_frame"])


def floods(w):
    siege = Siege(w)
    results = run(siege, ["big_message", "never_reads", "calls", "ticks", "monitors", "duplicates", "hijack", "many_links",
                          "usurper"], calls=50000, big_mb=60, crowd=300)
    lost = {reason for r in results for reason in r.lost}
    assert {"too_big", "overload", "replaced"} <= lost, lost
    # The owner's name was taken twenty times: the link to it is back, and so is what it says.
    w.until(lambda: str(siege.control.name) in siege.gc.members(siege.caller), 10, "the owner's view is back")


def dialled(w):
    siege = Siege(w)
    run(siege, ["dialled_drip", "dialled_name", "dialled_reflect", "dialled_ack", "dialled_eager"])


def one_source(w):
    """A crowd from one address takes nobody else's place, and each reason is logged at growing distances only."""
    siege = Siege(w)
    result = siege.attack("crowd_one", crowd=1000)
    assert result.is_good, result.complaints
    assert result.cut["overload"] >= 900 and set(result.cut) <= {"overload", "timeout", "connection_closed"}, result.cut
    lines = [line for line in siege.gc.proc.lines if "cut: overload" in line]
    assert 1 <= len(lines) <= 5, lines
    assert all(re.search(r"127\.0\.66\.6 .*too many from that address", line) for line in lines), lines


main(strangers, members, floods, dialled, one_source)
