#!/usr/bin/env python3
"""The other commands: discover, check, plugins, --help, --version (design 1.2)."""
import json

from lib import *


def ask(w, *args, status=0, **env):
    return w.run(args[0].strip("-"), [program(), *args], status=status, env=w.env(**env)).lines


def discover(w):
    w.erls("a", "b")
    found = ask(w, "discover", "epmd", "#{hosts => [\"127.0.0.1\"]}")
    assert any("a@127.0.0.1" in line for line in found) and any("b@127.0.0.1" in line for line in found), found
    reply = json.loads("\n".join(ask(w, "discover", "epmd", "#{hosts => [\"127.0.0.1\"]}", "--format", "json")))
    assert {"a@127.0.0.1", "b@127.0.0.1"} <= set(json.dumps(reply).replace('"', " ").split()), reply
    config = w.write("sys.config", "[{kernel, []}, {gen_cluster, [{discovery, {static, ['x@h', 'y@h']}}]}].")
    found = ask(w, "discover", "--config", config)
    assert any("x@h" in line for line in found) and any("y@h" in line for line in found), found


def check(w):
    good = w.write("good.config", "[{gen_cluster, [{discovery, {static, ['x@h']}}]}].")
    ask(w, "check", "--config", good)
    bad = w.write("bad.config", "[{gen_cluster,\n  [{refresh_intervall_ms, 5}]}].")
    said = "\n".join(ask(w, "check", "--config", bad, status=78))
    assert "bad.config:2" in said and "refresh_intervall_ms" in said and "refresh_interval_ms" in said, said
    ask(w, "check", "--config", w.path("missing"), status=78)


def plugins(w):
    listed = "\n".join(ask(w, "plugins"))
    for name in ("static", "epmd", "dns", "file", "exec", "partisan"):
        assert name in listed, listed
    about = "\n".join(ask(w, "plugins", "dns"))
    assert "domain" in about and "lookup_timeout" in about, about
    assert json.loads("\n".join(ask(w, "plugins", "--format", "json")))


def usage(w):
    assert "gen_cluster" in ask(w, "--version")[0]
    assert any("run" in line for line in ask(w, "--help"))
    for command in ("run", "port", "discover", "check", "plugins"):
        assert ask(w, command, "--help")
    config = w.write("sys.config", "[{gen_cluster, [{discovery, {static, ['x@h']}}]}].")
    for argv in ["--help"], ["--version"], ["plugins"], ["check", "--config", config], ["discover", "--config", config]:
        full = w.run("full", ["sh", "-c", 'exec "$0" "$@" >/dev/full', program(), *argv], status=1)
        assert full.find("not all could be printed: No space left"), full.lines
    ask(w, "--nonsense", status=64)
    ask(w, "nonsense", status=64)


def cookie_file(w):
    """A cookie that others may read is refused, as erl refuses it; a cookie file may be named."""
    a = w.erl("a")
    loose = w.write("loose", w.cookie, 0o644)
    config = w.write("c.config", f"[{{owner, '{a.name}'}}, {{discovery, {{static, []}}}}].")
    said = "\n".join(ask(w, "run", "--config", config, "--cookie-file", loose, status=78))
    assert "loose" in said and w.cookie not in said, said
    strict = w.write("strict", w.cookie + "\n", 0o400)
    gc = GenCluster(w, a, discovery="{static, []}", cookie="not this", args=["--cookie-file", strict])
    w.expect(lambda: gc.cnode in a.hidden, 5, "the link with the cookie of the file")


main(discover, check, plugins, usage, cookie_file)
