#!/usr/bin/env python3
"""The OTP application as users of rebar3 and mix build it, without a network, and as make builds it."""
import os
import re
import shutil

from lib import *
from lib.proc import Where

REBAR_CONFIG = "{deps, [gen_cluster]}.\n{xref_checks, [undefined_function_calls]}.\n"
SHOP_APP = '{application, shop, [{vsn, "1.0.0"}, {applications, [kernel, stdlib, gen_cluster]}]}.\n'
SHOP = "-module(shop).\n-export([members/0]).\nmembers() -> gen_cluster:members().\n"
MIX = """defmodule Shop.MixProject do
  use Mix.Project
  def project, do: [app: :shop, version: "1.0.0", deps: [{:gen_cluster, path: "gen_cluster"}]]
  def application, do: [extra_applications: [:logger]]
end
"""


def project(w, gen_cluster, **files):
    """A project's folder with these files and a copy of erlang/ at a place in it."""
    for name, text in files.items():
        path = w.path("shop", name.replace("__", "/").replace("_DOT_", "."))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf8") as f:
            f.write(text)
    shutil.copytree(os.path.join(SRCDIR, "erlang"), w.path("shop", gen_cluster),
                    ignore=shutil.ignore_patterns("_build", "ebin"), copy_function=shutil.copyfile)
    for folder, _, _ in os.walk(w.path("shop")):
        os.chmod(folder, 0o755)  # where the sources are read-only (make distcheck)
    return w.path("shop")


def sources():
    return {name[:-4] for name in os.listdir(os.path.join(SRCDIR, "erlang", "src")) if name.endswith(".erl")}


def check_app(w, ebin):
    """The .app names exactly the modules that there are: what a release in embedded mode loads."""
    with open(os.path.join(ebin, "gen_cluster.app"), encoding="utf8") as f:
        listed = re.search(r"\{modules,\s*\[([^\]]*)\]\}", f.read())
    assert {name.strip() for name in listed[1].split(",")} == sources(), listed[1]
    assert {name[:-5] for name in os.listdir(ebin) if name.endswith(".beam")} == sources(), os.listdir(ebin)


def tool(w, name, package, argv, where):
    need_program(name, package)
    env = w.env(w.home("tools"), REBAR_OFFLINE="1", MIX_REBAR3=shutil.which("rebar3") or "", MIX_ENV="prod",
                LANG="C.UTF-8", LC_ALL="C.UTF-8")
    return w.run(name, [name, *argv], within=60, env=env, where=Where(cwd=where))


def rebar3(w):
    """As a checkout dependency: compiled, with its .app made whole, and no call to what is not there."""
    where = project(w, "_checkouts/gen_cluster", rebar_DOT_config=REBAR_CONFIG, src__shop_DOT_app_DOT_src=SHOP_APP,
                    src__shop_DOT_erl=SHOP)
    tool(w, "rebar3", "rebar3", ["do", "compile,", "xref"], where)
    check_app(w, os.path.join(where, "_build", "default", "checkouts", "gen_cluster", "ebin"))


def mix(w):
    """As a path dependency, which mix has rebar3 build."""
    need_program("rebar3", "rebar3")
    where = project(w, "gen_cluster", mix_DOT_exs=MIX,
                    lib__shop_DOT_ex="defmodule Shop do\n  def members, do: :gen_cluster.members()\nend\n")
    said = tool(w, "mix", "elixir", ["run", "--no-start", "-e", "IO.inspect({Shop.members(), :gen_cluster.child_spec([])})"],
                where)
    assert said.find(r"\{:error, :not_running\}") and said.find("start: {:gen_cluster, :start_link"), said.lines


def make(w):
    ebin = os.path.join(BUILDDIR, "erlang", "ebin")
    if not os.path.exists(os.path.join(ebin, "gen_cluster.app")):
        raise Skip("erlang/ebin is not built (no erlc)")
    check_app(w, ebin)


main(rebar3, mix, make)
