#!/usr/bin/env python3
"""SIGHUP reloads the configuration; a bad file changes nothing (design 1.2)."""
from lib import *

BAD = ("[{discovery, {static, [", "rubbish.", "[{discoveri, {static, []}}].", "[{refresh_interval_ms, soon}].",
       "[{discovery, {no_such_plugin, #{}}}].", "[] []", "")


def begin(w):
    a, b, c = w.erls("a", "b", "c")
    recorder = a.record()
    gc = GenCluster(w, a, discovery=f"{{static, {atoms([b])}}}")
    recorder.expect_view(b)
    return a, b, c, recorder, gc


def good(w):
    a, b, c, recorder, gc = begin(w)
    gc.reload(discovery=f"{{static, {atoms([b, c])}}}", refresh_interval_ms=700)
    recorder.expect_view(b, c)
    assert gc.call("config")["refresh_interval_ms"] == 700
    assert len(recorder.changes()) == 2, "a reload lost a member"
    recorder.check()


def bad(w):
    a, b, c, recorder, gc = begin(w)
    before = gc.call("config")
    for text in BAD:
        seen = len(gc.proc.lines)
        gc.reload(text=text)
        gc.expect_log(r"(?i)reload|config", 5, seen)
        assert gc.call("config") == before, text
    gc.reload(discovery=f"{{static, {atoms([b, c])}}}")
    recorder.expect_view(b, c)
    recorder.check()


def at_start(w):
    """The same texts at the start: exit code 78, and an error that names the file."""
    env = w.env(w.home("good"))
    for i, text in enumerate(BAD):
        config = w.write(f"bad{i}.config", text)
        for command in (["run"], ["check"]):
            ended = w.run(f"gc{i}", [program(), *command, "--config", config], status=78, env=env)
            assert ended.find(f"bad{i}.config"), ended.lines
    w.write("near.config", "[{discoveri, {static, []}}].")
    assert w.run("near", [program(), "check", "--config", w.path("near.config")], status=78).find("discovery")


main(good, bad, at_start)
