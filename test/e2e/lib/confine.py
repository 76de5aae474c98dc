"""The command that confines a program to the system calls of contrib/seccomp.json. GC_CONFINE_WITH="strace -f -qq -o FILE"
runs it under that command instead: how the list was made."""
import os
import shlex
import signal
import subprocess
import sys

from .abuse import is_sanitized
from .loop import Skip
from .world import SRCDIR, need_program

PROFILE = os.path.join(SRCDIR, "contrib", "seccomp.json")
CONFINE = os.path.join(SRCDIR, "test", "support", "confine")


def confined():
    """The command that confines, or the test is skipped; the filter is shown to be in force."""
    given = os.environ.get("GC_CONFINE_WITH")
    if given:
        return shlex.split(given)
    if is_sanitized():
        raise Skip("a sanitizer makes calls of its own")
    prefix = [sys.executable, CONFINE, PROFILE]
    done = subprocess.run(prefix + [need_program("true")], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        raise Skip(done.stderr.strip())
    assert done.returncode == 0, f"true, confined: {done.returncode} {done.stderr}"
    done = subprocess.run(prefix + [need_program("unshare"), "--mount", "true"], capture_output=True, check=False)
    assert done.returncode == -signal.SIGSYS, f"a forbidden call was let through: {done.returncode}"
    return prefix
