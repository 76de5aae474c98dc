"""What a test has seen, line by line, each with its source and its time. Printed whole when the test
fails, and nothing of it when it passes."""
import sys
import time


class Journal:
    MAX = 20000

    def __init__(self):
        self.begin = time.monotonic()
        self.lines = []
        self.dropped = 0

    def add(self, source, text):
        if len(self.lines) >= self.MAX:
            self.dropped += len(self.lines) - self.MAX // 2
            del self.lines[:len(self.lines) - self.MAX // 2]
        self.lines.append((time.monotonic() - self.begin, source, text))

    def dump(self, out=sys.stdout):
        print(f"---- what was seen ({self.dropped} older lines dropped) ----", file=out)
        for at, source, text in self.lines:
            print(f"{at:9.3f} {source:>14} | {text}", file=out)
        print("---- end ----", file=out, flush=True)
