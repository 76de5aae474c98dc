"""Where in the memory of a process some bytes are, by /proc/PID/mem: all of it, whatever is said of dumps. Root only."""
import os

from .abuse import is_sanitized
from .loop import Skip

CHUNK = 1 << 20
NOT_MEMORY = ("[vvar", "[vsyscall", "[vvar_vclock")


def mappings(pid):
    """[(begin, end, name, flags)] with the VmFlags of smaps."""
    found = []
    with open(f"/proc/{pid}/smaps", encoding="utf8") as f:
        for line in f:
            words = line.split()
            if words[0] == "VmFlags:":
                found[-1][3] = words[1:]
            elif "-" in words[0] and not words[0].endswith(":"):
                begin, end = (int(text, 16) for text in words[0].split("-"))
                found.append([begin, end, words[5] if len(words) > 5 else "", []])
    return found


def places(pid, secret):
    """[(address, name, flags, what is around it)] of each place that has the secret (bytes)."""
    found, searched = [], 0
    if is_sanitized():
        raise Skip("a sanitizer has terabytes of memory, and locks none of it")
    try:
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    except PermissionError:
        raise Skip("only root may look into the process") from None
    try:
        for begin, end, name, flags in mappings(pid):
            if "rd" not in flags or name.startswith(NOT_MEMORY):
                continue
            searched += end - begin
            found += [(at, name, flags, around) for at, around in search(memory, begin, end, secret)]
    finally:
        os.close(memory)
    assert searched > 1 << 20, "there was no memory to search"
    return found


def search(memory, begin, end, secret):
    """Chunks overlap, so that none of it is cut in two."""
    step = CHUNK - len(secret)
    for at in range(begin, end, step):
        try:
            data = os.pread(memory, min(CHUNK, end - at), at)
        except OSError:
            return  # no page is there
        index = data.find(secret)
        while index >= 0:
            if index < step or at + step >= end:
                yield at + index, data[max(0, index - 24):index + len(secret) + 8]
            index = data.find(secret, index + 1)
