"""The progress display of ../run and the summary at its end. Every line is something that happened just then."""
import os
import sys
import time

FULL, EMPTY = "#", "."


class Screen:
    def __init__(self):
        self.is_tty = sys.stdout.isatty()
        self.colours = self.is_tty and "NO_COLOR" not in os.environ
        self.began, self.seen = time.monotonic(), None

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colours else text

    def text(self, text=""):
        print(text, flush=True)

    def step(self, number, count, name, about):
        self.began, self.seen = time.monotonic(), None
        self.text(self.paint("1", f"\nStep {number} of {count}, {name}: {about}"))

    def now(self, text):
        """A line with the seconds since the step began."""
        good, bad = text.startswith("ok "), "LOST" in text
        self.clear()
        self.text(f"  {time.monotonic() - self.began:7.2f} s  {self.paint('32' if good else '31' if bad else '0', text)}")

    def progress(self, done, total):
        """How many releases see all they should: a bar that moves on a terminal, else a line for each change."""
        if (done, total) == self.seen:
            return
        self.seen = (done, total)
        line = f"[{FULL * done}{EMPTY * (total - done)}] {done} of {total} releases see all they should"
        if self.is_tty:
            print(f"\r\033[K  {time.monotonic() - self.began:7.2f} s  {line}", end="", flush=True)
        else:
            self.now(line)

    def clear(self):
        if self.is_tty:
            print("\r\033[K", end="")

    def summary(self, variant, rows, lost):
        self.text(self.paint("1", f"\nSummary, variant {variant}"))
        width = max(len(row.did) for row in rows)
        self.text(f"  {'':<10} {'':<{width}}   agreed after    whole step")
        for row in rows:
            self.text(f"  {row.step:<10} {row.did:<{width}} {row.took:12.2f} s {row.whole:11.2f} s")
        self.text(f"  live members lost: {lost}")

    def logs(self, journal, since, lines=400):
        """What pods, DNS and this program said since a step began; without the chatter of epmd."""
        told = [entry for entry in journal.lines if entry[0] >= since and not entry[1].startswith("epmd ")]
        self.text(f"---- the last {min(lines, len(told))} lines of all logs since the step began ----")
        for at, source, text in told[-lines:]:
            self.text(f"{at:9.3f} {source:>26} | {text}")
