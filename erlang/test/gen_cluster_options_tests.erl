-module(gen_cluster_options_tests).

-include_lib("eunit/include/eunit.hrl").

check_test() ->
    ?assertEqual({ok, [{a, 1}]}, gen_cluster_options:check([{a, 1}])),
    ?assertEqual({ok, [{a, 1}]}, gen_cluster_options:check(#{a => 1})),
    ?assertEqual({error, {bad_options, "x" ++ y}}, gen_cluster_options:check("x" ++ y)),
    ?assertEqual({error, {bad_options, dns}}, gen_cluster_options:check(dns)).

empty_test() ->
    ?assert(gen_cluster_options:is_empty([])),
    ?assert(gen_cluster_options:is_empty([{program, "/x"}, {restart, #{}}])),
    ?assertNot(gen_cluster_options:is_empty([{discovery, {epmd, #{}}}])),
    %% The program says what is wrong with it.
    ?assertNot(gen_cluster_options:is_empty([nonsense])).

%% Everything but our own two goes on as it is, whatever it looks like.
for_program_test() ->
    Options = [{discovery, {dns, [{domain, <<"x">>}]}}, {program, "/x"}, odd, {refresh_interval_ms, 1},
               {restart, #{}}, {discovery, {again}}, {program, too, many}],
    ?assertEqual([{discovery, {dns, [{domain, <<"x">>}]}}, odd, {refresh_interval_ms, 1},
                  {discovery, {again}}, {program, too, many}],
                 gen_cluster_options:for_program(Options, gen_cluster)).

notify_test_() ->
    Notify = fun(N) -> gen_cluster_options:for_program([{notify, N}], gen_cluster) end,
    [?_assertEqual([], gen_cluster_options:for_program([], gen_cluster)),
     ?_assertEqual([{notify, [gen_cluster, a]}], Notify([a])),
     ?_assertEqual([{notify, [gen_cluster, {a, b@c}]}], Notify({a, b@c})),
     ?_assertEqual([{notify, [a, gen_cluster]}], Notify([a, gen_cluster])),
     ?_assertEqual([{notify, [{gen_cluster, node()}]}], Notify([{gen_cluster, node()}])),
     ?_assertEqual([{notify, [gen_cluster, {gen_cluster, x@y}]}], Notify([{gen_cluster, x@y}])),
     ?_assertEqual([{notify, [gen_cluster]}], Notify([]))].

restart_test() ->
    {Defaults, []} = gen_cluster_options:restart([]),
    ?assertMatch(#{min_ms := 500, max_ms := 30000, health_ms := 30000}, Defaults),
    ?assertEqual({Defaults#{min_ms := 7, health_ms := infinity}, []},
                 gen_cluster_options:restart([{restart, [{min_ms, 7}, {health_ms, infinity}]}])),
    ?assertEqual({Defaults#{max_ms := 9}, [{min_ms, 0}, {mni_ms, 5}]},
                 gen_cluster_options:restart(
                   [{restart, [{min_ms, 0}, {max_ms, 9}, {mni_ms, 5}]}])),
    ?assertEqual({Defaults, [often]}, gen_cluster_options:restart([{restart, often}])).

dist_test_() ->
    Is = fun(D) -> gen_cluster_options:is_dist_erl([{dist, D}]) end,
    [?_assert(gen_cluster_options:is_dist_erl([])),
     ?_assert(Is(erl)), ?_assert(Is({erl, #{}})), ?_assert(Is(<<"erl">>)),
     ?_assertNot(Is(ei)), ?_assertNot(Is({partisan, #{}})), ?_assertNot(Is({"/x.so", []}))].

hide_test() ->
    ?assertEqual([{discovery, '...'}, '...'],
                 gen_cluster_options:hide([{discovery, {etcd, #{password => "p"}}}, "p"])).
