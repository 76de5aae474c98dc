#!/usr/bin/env python3
"""Over TCP: {IPv4, IPv6} x {EPMD, none}, with nodes of this machine's OTP and of OTP 27."""
from lib import *
from lib.combination import four


def otp25(w):
    four(w)


def otp27(w):
    four(w, releases=(27, None, 27))


main(otp25, otp27, net=True)
