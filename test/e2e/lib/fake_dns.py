"""A fake DNS server for faults: answers every question in one wrong way (or not at all). Modes come as lines on
stdin. It is no resolver and knows no zone. "half NAME ADDRESS...": these as A records of that name, with a TTL of 7 s,
and SERVFAIL to all else."""
import os
import selectors
import socket
import struct
import sys

A = 1
CODES = {"servfail": 2, "refused": 5, "nxdomain": 3, "empty": 0, "truncated": 0}


def question(data):
    """(name, type, end of the question)."""
    labels, at = [], 12
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode("latin1"))
        at += 1 + data[at]
    return ".".join(labels), struct.unpack(">H", data[at + 1:at + 3])[0], at + 5


def answer(data, mode):
    """The reply to one question, or None."""
    name, kind, end = question(data)
    print(f"asked {name} type {kind}", flush=True)
    if mode == "mute":
        return None
    if mode == "garbage":
        return data[:2] + os.urandom(40)
    if mode.startswith("half "):
        _, known, *addresses = mode.split()
        if name.lower() == known and kind == A:
            records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", A, 1, 7, 4) + socket.inet_aton(a) for a in addresses)
            return data[:2] + struct.pack(">HHHHH", 0x8400, 1, len(addresses), 0, 0) + data[12:end] + records
        mode = "servfail"
    flags = 0x8400 | CODES[mode] | (0x0200 if mode == "truncated" else 0)
    return data[:2] + struct.pack(">HHHHH", flags, 1, 0, 0, 0) + data[12:end]


def main(address, mode):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, 53))
    tcp = socket.create_server((address, 53))
    selector = selectors.DefaultSelector()
    for sock in (udp, tcp, sys.stdin):
        selector.register(sock, selectors.EVENT_READ)
    print(f"a fake DNS server on {address}, mode {mode}", flush=True)
    kept = []
    while True:
        for key, _ in selector.select():
            if key.fileobj is udp:
                data, peer = udp.recvfrom(4096)
                reply = answer(data, mode)
                if reply:
                    udp.sendto(reply, peer)
            elif key.fileobj is tcp:  # taken, never answered
                kept.append(tcp.accept())
            else:
                line = sys.stdin.readline()
                if not line:
                    return
                mode = line.strip()
                print(f"mode {mode}", flush=True)


main(*sys.argv[1:])
