%% A STAND-IN for Partisan, not Partisan: its channels, in the form of release 5.
-module(partisan_config).
-export([get/1]).

get(channels) ->
    #{undefined => #{parallelism => 1, monotonic => false}, data => #{parallelism => 4, monotonic => false}}.
