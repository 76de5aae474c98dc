#!/usr/bin/env python3
"""Attacks of the hostile peer on a daemon that speaks TLS: those on TLS itself, before its handshake, in it and over what
stands, and some of the others through it. Limits and measures are those of test_abuse.py; make abuse ABUSE_TLS=1.3 runs all."""
from lib import *
from lib.abuse import Siege

SHORT = {"crowd": 100, "calls": 30000}


def run(siege, attacks, **options):
    """Gives all reasons for which connections were cut."""
    bad = {}
    for name in attacks:
        result = siege.attack(name, **{**SHORT, **options})
        if not result.is_good:
            bad[name] = result.complaints
    assert not bad, bad
    return {reason for r in siege.results for reason in {**r.cut, **r.lost}}


def before(w):
    """Without a certificate, or with a wrong one."""
    seen = run(Siege(w, tls="1.3"), ["tls_plain", "tls_records", "tls_drip", "tls_endless", "tls_certificates", "tls_chain",
                                     "tls_alerts", "tls_sessions"])
    assert {"tls_not_tls", "tls", "too_big", "timeout", "tls_certificate_required", "tls_certificate_expired",
            "tls_unknown_ca"} <= seen, seen


def crowds(w):
    seen = run(Siege(w, tls="1.3"), ["tls_crowd_silent", "tls_crowd_hello", "tls_hellos", "crowd_one"], crowd=150)
    assert {"overload", "timeout"} <= seen, seen


def over(w):
    """By a node that is let in."""
    seen = run(Siege(w, tls="1.3"), ["tls_renegotiate", "tls_key_updates", "tls_empty", "tls_warnings", "tls_huge",
                                     "tls_bye", "tls_torn", "tls_bytes", "tls_types"])
    assert "tls" in seen, seen


def of_old(w):
    """TLS 1.2; and what goes on over plain TCP."""
    seen = run(Siege(w, tls="1.2"), ["tls_certificates", "tls_renegotiate", "tls_huge", "tls_bye", "tls_bytes", "odd_names", "frame_lengths",
                                     "half_frame", "dialled_eager"])
    assert {"bad_name", "too_big", "tls"} <= seen, seen


main(before, crowds, over, of_old)
