"""One selector for everything that a test waits for: lines, packets and exits of its processes. expect()
waits for an event; until() is the only place that asks again and again, for states that send none.
Neither waits beyond its deadline. later() is for fakes that do something by the clock. Single-threaded."""
import heapq
import itertools
import os
import selectors
import time


class Failed(AssertionError):
    """The test has failed."""


class Skip(Exception):
    """The test cannot run here; the text says why."""


# Deadlines are multiplied by this: under valgrind, or on a machine that is very busy.
SLOW = float(os.environ.get("GC_E2E_SLOW", "1"))


class Loop:
    POLL = 0.05

    def __init__(self, journal):
        self.journal = journal
        self.selector = selectors.DefaultSelector()
        self.timers, self.numbers = [], itertools.count()

    def watch(self, fd, callback):
        self.selector.register(fd, selectors.EVENT_READ, callback)

    def unwatch(self, fd):
        try:
            self.selector.unregister(fd)
        except KeyError:
            pass

    def later(self, seconds, callback):
        """Calls back once, so many seconds from now, while something is waited for."""
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.numbers), callback))

    def pump(self, timeout=0.0):
        """Lets events in: waits up to timeout seconds for the first, then takes what is there."""
        if self.timers:
            timeout = min(timeout, self.timers[0][0] - time.monotonic())
        for key, _ in self.selector.select(max(0.0, timeout)):
            key.data()
        while self.timers and self.timers[0][0] <= time.monotonic():
            heapq.heappop(self.timers)[2]()

    def expect(self, condition, within=10.0, what="a condition", every=None):
        """Waits until condition() is true and gives its value. It is asked after each event (and, with
        every, at least that often)."""
        begin = time.monotonic()
        deadline = begin + within * SLOW
        while True:
            value = condition()
            now = time.monotonic()
            if value:
                self.journal.add("test", f"ok after {now - begin:.3f} s: {what}")
                return value
            if now >= deadline:
                raise Failed(f"not within {within * SLOW:g} s: {what} (last: {value!r})")
            left = deadline - now
            self.pump(left if every is None else min(every, left))

    def until(self, condition, within=10.0, what="a state"):
        """For what sends no event: asks every POLL seconds."""
        return self.expect(condition, within, what, every=self.POLL)

    def close(self):
        self.selector.close()
