#!/usr/bin/env python3
"""Over TLS 1.2: {IPv4, IPv6} x {EPMD, none}, with nodes of this machine's OTP and of OTP 27; and a node with a wrong
certificate."""
from lib import *
from lib.ca import Ca
from lib.combination import four, wrong_certificates


def otp25(w):
    four(w, "1.2", Ca(w))


def otp27(w):
    four(w, "1.2", Ca(w), releases=(27, None, 27))


def kept_out(w):
    wrong_certificates(w, "1.2")


main(otp25, otp27, kept_out, net=True)
