"""summary.py BUILDDIR STATUS [REPORTS]: what `make check` did, from automake's .trs and .log files. Counts the single tests in a
file where it tells them (ours, and those of check), else the file. Prints the log of what failed, each skip with its
reason, and at the end one line: N passed, N failed, N skipped. Each file in REPORTS, where sanitizers write, is a failure."""
import os
import re
import sys

OURS = re.compile(r"^(PASS|FAIL|SKIP): (.*)$", re.M)
CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.M)
MAX_LOG = 60000
# ASan says it whenever the program has coroutines. coro.c does what it asks for.
NO_REPORT = re.compile(r"^==\d+==WARNING: ASan doesn't fully support makecontext/swapcontext functions .*\n", re.M)


def read(path):
    try:
        with open(path, encoding="utf8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def results(builddir):
    """[(name, result, log)] of each test file."""
    found = []
    for folder, _, files in os.walk(builddir):
        for file in sorted(files):
            if file.endswith(".trs"):
                base = os.path.join(folder, file[:-4])
                result = re.search(r"^:test-result: (\w+)", read(base + ".trs"), re.M)
                found.append((os.path.relpath(base, builddir), result.group(1) if result else "ERROR",
                              read(base + ".log")))
    return sorted(found)


def skip_reason(log):
    lines = [line for line in log.splitlines() if line.strip() and not line.startswith(("SKIP test/", ":"))]
    return lines[-1] if lines else "no reason given"


def count(name, result, log):
    """(passed, failed, [skip reasons]) of one file."""
    own = [m for m in OURS.findall(log) if not m[1].startswith("test/")]
    passed = sum(kind == "PASS" for kind, _ in own)
    failed = sum(kind == "FAIL" for kind, _ in own)
    skips = [f"{name}: {text}" for kind, text in own if kind == "SKIP"]
    for checks, failures, errors in CHECK.findall(log):
        bad = int(failures) + int(errors)
        passed, failed = passed + int(checks) - bad, failed + bad
    if result in ("FAIL", "ERROR", "XPASS") and not failed:
        failed = 1
    elif result == "SKIP" and not skips:
        skips = [f"{name}: {skip_reason(log)}"]
    elif result in ("PASS", "XFAIL") and not passed and not skips:
        passed = 1
    return passed, failed, skips


def show_reports(folder):
    """Prints them; gives how many there are. Valgrind makes its file before it has anything to say."""
    reports = [(name, NO_REPORT.sub("", read(os.path.join(folder, name)))) for name in sorted(os.listdir(folder))]
    reports = [(name, text) for name, text in reports if text.strip()]
    for name, text in reports:
        print(f"\n==== report {name} ====\n{text[-MAX_LOG:]}")
    return len(reports)


def main(builddir, status, reports=None):
    passed, failed, skips = 0, 0, []
    for name, result, log in results(builddir):
        p, f, s = count(name, result, log)
        passed, failed, skips = passed + p, failed + f, skips + s
        if f:
            print(f"\n==== {name}: {result} ====\n{log[-MAX_LOG:]}")
    if status != 0 and not failed:
        print("\n==== make check failed ====\n" + "\n".join(read(f"{builddir}/check.log").splitlines()[-80:]))
        failed = 1
    if reports:
        failed += show_reports(reports)
    for skip in skips:
        print(f"skipped: {skip}")
    print(f"{passed} passed, {failed} failed, {len(skips)} skipped")
    return 1 if failed or not passed else 0


sys.exit(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
