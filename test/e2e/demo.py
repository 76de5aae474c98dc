#!/usr/bin/env python3
"""What ./demo shows, on real nodes, with the library of the end-to-end tests: three nodes find each other, one is
killed, noticed, and comes back. Every line is something that happened just then."""
import os
import platform
import sys
import time

from lib import *
from lib.daemon import options_text
from lib.main import TestWorld

NAMES = ("a", "b", "c")


class Screen:
    """Numbered steps; below each, what happens, with the seconds since the step began."""

    def __init__(self):
        self.colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.steps, self.began = 0, time.monotonic()

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colours else text

    def step(self, text):
        self.steps, self.began = self.steps + 1, time.monotonic()
        print(f"\n{self.paint('1', f'{self.steps}. {text}')}", flush=True)

    def text(self, text=""):
        for line in text.splitlines():
            print(f"     {line}", flush=True)

    def now(self, text, code="0"):
        print(f"  {time.monotonic() - self.began:7.3f} s  {self.paint(code, text)}", flush=True)

    def told(self, recorder, message):
        """A message that a subscriber got."""
        who = recorder.node.name
        if message[0] == "nodeup":
            self.now(f"{who} is told: {{nodeup, '{message[1]}', #{{seq => {message[2]['seq']}, ...}}}}", "32")
        elif message[0] == "nodedown":
            reason = message[2]["reason"]
            self.now(f"{who} is told: {{nodedown, '{message[1]}', #{{reason => {reason}, ...}}}}", "31")


def views(screen, nodes):
    for node in nodes:
        screen.text(f"{node.name}  nodes() = {bytes(node.eval(FORMAT, X=node.eval('lists:sort(nodes())'))).decode()}")


FORMAT = 'lists:flatten(io_lib:format("~p", [X]))'


def shell(screen, node, expression):
    """An expression and its value, as the shell of the node prints them."""
    screen.text(f"({node.name})> {expression}.")
    screen.text(bytes(node.eval(f"X = {expression}, {FORMAT}")).decode())


def start_nodes(screen, w):
    screen.step("Three Erlang nodes, each started with a name and nothing else; none knows of the others.")
    nodes = w.erls(*NAMES)
    views(screen, nodes)
    for node in nodes:
        node.record("gen_cluster").on_message = screen.told
    return nodes


def start_programs(screen, w, nodes):
    screen.step("A gen_cluster beside each: gen_cluster run --config FILE, where FILE says")
    options = {"discovery": "{epmd, #{hosts => [localhost]}}"}
    screen.text(options_text({**options, "owner": nodes[0].name}))
    gcs = [GenCluster(w, node, start=False, **options).start() for node in nodes]
    for gc in gcs:
        gc.ready()
    for node in nodes:
        node.expect_nodes(*(n for n in nodes if n is not node))
        node.recorders["gen_cluster"].expect_view(*(n for n in nodes if n is not node))
    screen.now("the cluster is formed", "1;32")
    views(screen, nodes)
    return gcs


def lose_one(screen, nodes):
    a, b, c = nodes
    screen.step(f"{b.name} is killed: kill -9 {b.proc.pid}")
    b.kill().proc.expect_exit()
    screen.now(f"{b.name} is dead")
    for node in (a, c):
        node.recorders["gen_cluster"].expect_view(*(n for n in (a, c) if n is not node))
    views(screen, (a, c))


def get_it_back(screen, nodes):
    a, b, c = nodes
    screen.step(f"{b.name} is started again; its gen_cluster has waited for it.")
    b.start().ready()
    screen.now(f"{b.name} runs, process {b.proc.pid}")
    b.record("gen_cluster")
    for node in nodes:
        node.recorders["gen_cluster"].expect_view(*(n for n in nodes if n is not node), within=20)
        node.expect_nodes(*(n for n in nodes if n is not node), within=20)
    screen.now("the cluster is whole again", "1;32")


def ask(screen, nodes, gcs):
    a = nodes[0]
    cnode = gcs[0].cnode
    gcs[0].expect_peer(nodes[1], linked=True)
    screen.step(f"The shell of {a.name} asks its C-node.")
    shell(screen, a, f"net_adm:ping('{cnode}')")
    shell(screen, a, "nodes(hidden)")
    shell(screen, a, f"gen_server:call({{gen_cluster, '{cnode}'}}, peers)")


def leave(screen, nodes, gcs):
    screen.step("The three programs leave (SIGTERM); the cluster stays.")
    for gc in gcs:
        gc.leave()
        screen.now(f"{gc.cnode} has left")
    for node in nodes:
        node.recorders["gen_cluster"].check()
    views(screen, nodes)


def play(screen, w):
    nodes = start_nodes(screen, w)
    gcs = start_programs(screen, w, nodes)
    lose_one(screen, nodes)
    get_it_back(screen, nodes)
    ask(screen, nodes, gcs)
    leave(screen, nodes, gcs)


def main():
    screen, begin = Screen(), time.monotonic()
    print(f"gen_cluster on {platform.node()}, {platform.freedesktop_os_release().get('PRETTY_NAME', '?')}")
    w = TestWorld("demo")
    try:
        play(screen, w)
        w.close()
    except (Exception, KeyboardInterrupt) as e:  # whatever it is: clean up, then tell
        w.close(failed=True)
        w.journal.dump()
        print(f"\n{screen.paint('1;31', 'It failed')}: {type(e).__name__}: {e}")
        return 1
    print(f"\nAll went as it should, in {time.monotonic() - begin:.1f} s; nothing was left running.")
    return 0


sys.exit(main())
