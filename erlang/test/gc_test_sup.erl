%% A supervision tree of somebody else.
-module(gc_test_sup).

-behaviour(supervisor).

-export([init/1]).

init(Children) ->
    {ok, {#{strategy => one_for_one, intensity => 0, period => 1}, Children}}.
