%% @private
%% The list of options: which are ours, which go to the program, and as what. Pure.
%% Words and values are those of gen_cluster.conf(5); all but `program' and `restart' are handed on as
%% they are, and it is the program that judges them.
-module(gen_cluster_options).

-export([from_env/0, check/1, is_empty/1, program/1, restart/1, for_program/2, is_dist_erl/1,
         hide/1]).

-export_type([restart/0]).

-type restart() :: #{min_ms := pos_integer(), max_ms := pos_integer(), stable_ms := pos_integer(),
                     refused_ms := pos_integer(), hello_ms := pos_integer(),
                     stop_ms := pos_integer(), settle_ms := pos_integer(),
                     call_ms := pos_integer(), health_ms := pos_integer() | infinity}.

-define(OWN, [program, restart]).
%% OTP keeps this one in the environment of every application, in some releases.
-define(NOT_OPTIONS, [included_applications]).

-spec from_env() -> gen_cluster:options().
from_env() ->
    [Option || {Key, _} = Option <- application:get_all_env(gen_cluster),
               not lists:member(Key, ?NOT_OPTIONS)].

%% A list of whatever is in it, or a map, as a list.
-spec check(term()) -> {ok, list()} | {error, {bad_options, term()}}.
check(Options) when is_map(Options) ->
    {ok, maps:to_list(Options)};
check(Options) ->
    case is_list(Options) andalso length_of(Options) of
        N when is_integer(N) -> {ok, Options};
        _ -> {error, {bad_options, Options}}
    end.

length_of(List) ->
    try length(List) catch error:badarg -> improper end.

%% Nothing in it for the program: nothing is to be started.
-spec is_empty(list()) -> boolean().
is_empty(Options) ->
    without_own(Options) =:= [].

-spec program(list()) -> term() | undefined.
program(Options) ->
    proplists:get_value(program, Options).

%% How the program is kept running. A wrong value is told, and its default is taken: the release goes on.
-spec restart(list()) -> {restart(), Wrong :: [term()]}.
restart(Options) ->
    Given = case proplists:get_value(restart, Options, #{}) of
                Map when is_map(Map) -> maps:to_list(Map);
                List when is_list(List) -> List;
                Other -> [Other]
            end,
    lists:foldl(fun restart/2, {restart_defaults(), []}, Given).

restart({health_ms, infinity}, {Restart, Wrong}) ->
    {Restart#{health_ms => infinity}, Wrong};
restart({Key, Ms}, {Restart, Wrong})
  when is_map_key(Key, Restart), is_integer(Ms), Ms > 0, Ms =< 16#ffffffff ->
    {Restart#{Key => Ms}, Wrong};
restart(Other, {Restart, Wrong}) ->
    {Restart, Wrong ++ [Other]}.

restart_defaults() ->
    #{min_ms => 500, max_ms => 30000, stable_ms => 60000, refused_ms => 60000,
      hello_ms => 10000, stop_ms => 2000, settle_ms => 15000, call_ms => 5000,
      health_ms => 30000}.

%% What the program gets. Server is told of changes, whoever else is.
-spec for_program(list(), Server :: atom()) -> list().
for_program(Options, Server) ->
    [notify_too(Option, Server) || Option <- without_own(Options)].

notify_too({notify, Names}, Server) when is_list(Names) ->
    case lists:member(Server, Names) orelse lists:member({Server, node()}, Names) of
        true -> {notify, Names};
        false -> {notify, [Server | Names]}
    end;
notify_too({notify, Name}, Server) ->
    notify_too({notify, [Name]}, Server);
notify_too(Option, _) ->
    Option.

without_own(Options) ->
    [Option || Option <- Options,
               not (is_tuple(Option) andalso tuple_size(Option) =:= 2
                    andalso lists:member(element(1, Option), ?OWN))].

%% Whether being a member means: the owner is connected to it.
-spec is_dist_erl(list()) -> boolean().
is_dist_erl(Options) ->
    Name = case proplists:get_value(dist, Options, erl) of
               {N, _} -> N;
               N -> N
           end,
    lists:member(Name, [erl, "erl", <<"erl">>]).

%% For reports: plugins may be given tokens and the like in their options, so only keys are shown.
-spec hide(list()) -> list().
hide(Options) ->
    [case Option of {Key, _} -> {Key, '...'}; _ -> '...' end || Option <- Options].
