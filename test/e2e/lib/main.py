"""Runs the functions of a test file: a world, a deadline and a verdict for each. Exit 0: all passed; 77: all
skipped; 1: one failed, with all that was seen."""
import os
import signal
import subprocess
import sys
import time
import traceback

from .erl import Erl
from .loop import SLOW, Failed, Skip
from .world import World, descendants

DEADLINE = 120


def on_alarm(_sig, _frame):
    signal.alarm(15)  # for the clean-up, which then ends in SIGALRM's default
    signal.signal(signal.SIGALRM, on_second_alarm)
    raise Failed("not done within its time limit")


def on_second_alarm(_sig, _frame):
    print("FAIL: the clean-up hangs", flush=True)
    for pid, _, _ in descendants(os.getpid()):
        os.kill(pid, signal.SIGKILL)
    os._exit(1)


class TestWorld(World):
    """A world with the shorthands of tests."""

    def erl(self, short, **how):
        return Erl(self, short, **how)

    def erls(self, *shorts, **how):
        """Several nodes, started at once."""
        nodes = [Erl(self, short, start=False, **how).start() for short in shorts]
        return [node.ready() for node in nodes]


def run_one(function, within):
    """'pass', 'skip' or 'fail'."""
    name, begin = function.__name__, time.monotonic()
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(int(within * SLOW))
    world, verdict, why = TestWorld(name), "pass", ""
    try:
        try:
            function(world)
        except BaseException:
            world.close(failed=True)
            raise
        world.close()
    except Skip as e:
        verdict, why = "skip", str(e)
    except KeyboardInterrupt:
        raise
    except Exception as e:  # whatever it is, the test has failed
        verdict, why = "fail", f"{type(e).__name__}: {e}".splitlines()[0][:300]
        world.journal.dump()
        traceback.print_exc(file=sys.stdout)
    finally:
        signal.alarm(0)
    if verdict == "pass" and os.environ.get("GC_E2E_VERBOSE"):
        world.journal.dump()
    print(f"{verdict.upper()}: {name}{': ' + why if why else ''} ({time.monotonic() - begin:.1f} s)", flush=True)
    return verdict


def become_root():
    """Root of a user namespace, where the kernel allows it; else the tests that need it are skipped."""
    if os.geteuid() == 0 or "GC_E2E_USERNS" in os.environ:
        return
    argv = ["unshare", "--user", "--map-root-user", "--mount"]
    try:
        if subprocess.run(argv + ["true"], capture_output=True, check=False).returncode != 0:
            return
    except OSError:
        return
    os.environ["GC_E2E_USERNS"] = "1"
    os.execvp("unshare", argv + [sys.executable] + sys.argv)


def main(*functions, net=False, within=DEADLINE):
    """net: they make network namespaces. within: seconds for each."""
    if net:
        become_root()
    names = sys.argv[1:]
    known = {f.__name__ for f in functions}
    if not set(names) <= known:
        sys.exit(f"no such test: {sorted(set(names) - known)}; there are {sorted(known)}")
    verdicts = [run_one(f, within) for f in functions if not names or f.__name__ in names]
    sys.exit(1 if "fail" in verdicts else 77 if set(verdicts) == {"skip"} else 0)
