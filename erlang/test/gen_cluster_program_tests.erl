-module(gen_cluster_program_tests).

-include_lib("eunit/include/eunit.hrl").

find_test_() ->
    {foreach, fun setup/0, fun cleanup/1,
     [fun(Dir) -> {Name, fun() -> Test(Dir) end} end ||
         {Name, Test} <- [{"option", fun option/1}, {"environment", fun environment/1},
                          {"given is decisive", fun decisive/1}, {"not executable", fun mode/1},
                          {"none", fun none/1}, {"usual", fun usual/1}]]}.

setup() ->
    Dir = filename:join("/tmp", "gc_find_" ++ os:getpid() ++ "_"
                        ++ integer_to_list(erlang:unique_integer([positive]))),
    Bin = filename:join(Dir, "bin"),
    ok = filelib:ensure_dir(filename:join(Bin, "x")),
    [executable(filename:join(Bin, F), 8#755) || F <- ["gen_cluster", "other"]],
    executable(filename:join(Bin, "plain"), 8#644),
    Path = os:getenv("PATH"),
    os:unsetenv("GEN_CLUSTER_PROGRAM"),
    {Dir, Bin, Path}.

executable(File, Mode) ->
    ok = file:write_file(File, "#!/bin/sh\n"),
    ok = file:change_mode(File, Mode).

cleanup({Dir, Bin, Path}) ->
    os:putenv("PATH", Path),
    os:unsetenv("GEN_CLUSTER_PROGRAM"),
    application:unset_env(gen_cluster, program),
    {ok, Files} = file:list_dir(Bin),
    [file:delete(filename:join(Bin, F)) || F <- Files],
    file:del_dir(Bin),
    file:del_dir(Dir).

option({_, Bin, _}) ->
    Other = filename:join(Bin, "other"),
    ?assertEqual({ok, Other}, gen_cluster_program:find(Other)),
    ?assertEqual({ok, Other}, gen_cluster_program:find(list_to_binary(Other))),
    os:putenv("PATH", Bin),
    ?assertEqual({ok, Other}, gen_cluster_program:find("other")).

environment({_, Bin, _}) ->
    os:putenv("GEN_CLUSTER_PROGRAM", filename:join(Bin, "other")),
    ?assertEqual({ok, filename:join(Bin, "other")}, gen_cluster_program:find(undefined)),
    application:set_env(gen_cluster, program, filename:join(Bin, "gen_cluster")),
    ?assertEqual({ok, filename:join(Bin, "gen_cluster")}, gen_cluster_program:find(undefined)).

%% Another program than the one that was named is never started.
decisive({_, Bin, _}) ->
    os:putenv("PATH", Bin),
    os:putenv("GEN_CLUSTER_PROGRAM", filename:join(Bin, "other")),
    {error, Text} = gen_cluster_program:find("/nowhere/gen_cluster"),
    ?assertNotEqual(nomatch, string:find(Text, "/nowhere/gen_cluster")),
    ?assertNotEqual(nomatch, string:find(Text, "option program")),
    os:putenv("GEN_CLUSTER_PROGRAM", "/nowhere"),
    {error, Text2} = gen_cluster_program:find(undefined),
    ?assertNotEqual(nomatch, string:find(Text2, "GEN_CLUSTER_PROGRAM")),
    {error, Text3} = gen_cluster_program:find({not_a, path}),
    ?assertNotEqual(nomatch, string:find(Text3, "is not a path")).

mode({_, Bin, _}) ->
    ?assertMatch({error, _}, gen_cluster_program:find(filename:join(Bin, "plain"))),
    ?assertMatch({error, _}, gen_cluster_program:find(Bin)).

none({Dir, _, _}) ->
    os:putenv("PATH", Dir),
    {error, Text} = gen_cluster_program:find(undefined),
    [?assertNotEqual(nomatch, string:find(Text, T)) || T <- ["gen_cluster", "PATH", "GEN_CLUSTER_PROGRAM"]].

usual({_, Bin, _}) ->
    os:putenv("PATH", Bin),
    ?assertEqual({ok, filename:join(Bin, "gen_cluster")}, gen_cluster_program:find(undefined)).

open_fails_test() ->
    ?assertMatch({error, "cannot start /nowhere/x: enoent"},
                 gen_cluster_program:open("/nowhere/x")).

send_to_none_test() ->
    {ok, Port, _} = gen_cluster_program:open(os:find_executable("true")),
    receive {Port, {exit_status, _}} -> ok end,
    ?assertEqual(false, gen_cluster_program:send(Port, <<"x">>)).

decode_test() ->
    ?assertEqual({ok, [x]}, gen_cluster_program:decode(term_to_binary([x]))),
    ?assertEqual(error, gen_cluster_program:decode(<<>>)),
    ?assertEqual(error, gen_cluster_program:decode(<<131, 108, 127, 255, 255, 255>>)).

describe_exit_test() ->
    ?assertEqual("exit status 78", gen_cluster_program:describe_exit(78)),
    ?assertEqual("killed by signal 9", gen_cluster_program:describe_exit(137)).

cookie_test() ->
    {ok, Packet} = gen_cluster_program:start_packet(a@b, [x], fun() -> 'c ü' end),
    ?assertEqual({start, #{owner => a@b, cookie => <<"c ", 252>>, name => undefined, options => [x]}},
                 binary_to_term(Packet)),
    ?assertEqual({error, bad_cookie},
                 gen_cluster_program:start_packet(a@b, [], fun() -> list_to_atom([8364]) end)).
