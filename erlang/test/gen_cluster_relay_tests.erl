-module(gen_cluster_relay_tests).

-include_lib("eunit/include/eunit.hrl").

-define(R, gen_cluster_relay).

none(_) -> false.
all(_) -> true.

got() ->
    receive M -> [M | got()] after 0 -> [] end.

%% Nothing is known before the program has told.
unknown_test() ->
    R = ?R:subscribe(self(), ?R:new()),
    ?assertEqual(unknown, ?R:members(R)),
    ?assertEqual([], got()),
    R1 = ?R:snapshot([], fun none/1, R),
    ?assertEqual([], ?R:members(R1)),
    ?assertEqual([{gen_cluster, members, []}], got()).

%% An event that comes first is no event without a beginning.
event_first_test() ->
    R = ?R:up(a, #{seq => 1}, ?R:subscribe(self(), ?R:new())),
    ?assertEqual([{a, #{seq => 1}}], ?R:members(R)),
    ?assertEqual([{gen_cluster, members, []}, {nodeup, a, #{seq => 1}}], got()).

changes_test() ->
    R0 = ?R:snapshot([{b, #{}}], fun none/1, ?R:new()),
    R1 = ?R:subscribe(self(), R0),
    R2 = ?R:up(a, #{}, R1),
    R3 = ?R:up(a, #{seq => 2}, R2),           % nothing new
    R4 = ?R:down(c, #{}, R3),                 % not known
    R5 = ?R:down(b, #{reason => x}, R4),
    R6 = ?R:subscribe(self(), R5),            % is one already
    ?assertEqual([{a, #{seq => 2}}], ?R:members(R6)),
    ?assertEqual([{gen_cluster, members, [{b, #{}}]}, {nodeup, a, #{}}, {nodedown, b, #{reason => x}}],
                 got()),
    R7 = ?R:up(d, #{}, ?R:unsubscribe(self(), R6)),
    ?assertEqual([], got()),
    ?assertEqual([], ?R:subscribers(?R:unsubscribe(self(), R7))).

ready_test() ->
    R0 = ?R:ready(#{reason => timeout}, ?R:subscribe(self(), ?R:new())),
    ?assertEqual([{gen_cluster, members, []}, {gen_cluster, ready, #{reason => timeout}}], got()),
    R1 = ?R:ready(#{reason => timeout, seq => 9}, R0),
    R2 = ?R:ready(#{reason => formed}, R1),
    ?assertEqual([{gen_cluster, ready, #{reason => formed}}], got()),
    R3 = ?R:subscribe(self(), ?R:unsubscribe(self(), R2)),
    ?assertEqual([{gen_cluster, members, []}, {gen_cluster, ready, #{reason => formed}}], got()),
    _ = ?R:ready(#{reason => formed}, ?R:forget_ready(R3)),
    ?assertEqual([{gen_cluster, ready, #{reason => formed}}], got()).

is_snapshot_test_() ->
    [?_assertEqual(Is, ?R:is_snapshot(T)) ||
        {Is, T} <- [{true, []}, {true, [{a, #{}}]}, {false, [{a, #{}} | b]}, {false, [{"a", #{}}]},
                    {false, [a]}, {false, #{}}, {false, x}]].

%% A new program that has not found them yet does not make members leave.
held_test() ->
    Known = [{a, #{}}, {b, #{}}, {c, #{}}, {d, #{}}],
    R0 = ?R:subscribe(self(), ?R:snapshot(Known, fun none/1, ?R:new())),
    R1 = ?R:snapshot([{e, #{}}], fun(N) -> N =/= d end, R0),
    ?assertEqual([a, b, c, e], [N || {N, _} <- ?R:members(R1)]),
    ?assertEqual([a, b, c], lists:sort(?R:held(R1))),
    _ = got(),
    R2 = ?R:up(a, #{seq => 1}, R1),
    ?assertEqual([], got()),
    R3 = ?R:local_down(b, ?R:local_down(a, R2)),
    ?assertMatch([{nodedown, b, #{reason := connection_closed, at := _}}], got()),
    R4 = ?R:settle(R3),
    ?assertMatch([{nodedown, c, #{reason := unconfirmed}}], got()),
    ?assertEqual([a, e], [N || {N, _} <- ?R:members(R4)]),
    ?assertEqual([], ?R:held(R4)),
    %% What the program takes back itself is not held.
    R5 = ?R:down(a, #{reason => removed}, ?R:snapshot([], fun all/1, R4)),
    ?assertEqual([e], ?R:held(R5)).

%% Subscribers by name: absent at first, there, dead, replaced.
name_test() ->
    Name = gen_cluster_relay_tests_name,
    Self = self(),
    Echo = fun Loop() -> receive stop -> ok; M -> Self ! {self(), M}, Loop() end end,
    R0 = ?R:subscribe(Name, ?R:snapshot([], fun none/1, ?R:new())),
    ?assert(?R:has_absent(R0)),
    P1 = spawn(Echo), register(Name, P1),
    R1 = ?R:look(R0),
    ?assertNot(?R:has_absent(R1)),
    R2 = ?R:up(a, #{}, R1),
    ?assertEqual({P1, {gen_cluster, members, []}}, next()),
    ?assertEqual({P1, {nodeup, a, #{}}}, next()),
    P1 ! stop,
    R3 = receive {'DOWN', Ref, process, _, _} -> ?R:process_down(Ref, R2) end,
    R4 = ?R:up(b, #{}, R3),
    P2 = spawn(Echo), register(Name, P2),
    R5 = ?R:up(c, #{}, R4),
    ?assertEqual({P2, {gen_cluster, members, [{a, #{}}, {b, #{}}, {c, #{}}]}}, next()),
    %% Another process under the name, while the old one lives.
    unregister(Name),
    P3 = spawn(Echo), register(Name, P3),
    R6 = ?R:down(a, #{}, R5),
    ?assertEqual({P3, {gen_cluster, members, [{b, #{}}, {c, #{}}]}}, next()),
    _ = ?R:unsubscribe(Name, R6),
    P2 ! last, P3 ! last,
    ?assertEqual([{P2, last}, {P3, last}], lists:sort([next(), next()])),
    P2 ! stop, P3 ! stop.

next() ->
    receive {P, _} = M when is_pid(P) -> M after 5000 -> error(nothing) end.

pid_down_test() ->
    {P, M} = spawn_monitor(fun() -> receive stop -> ok end end),
    R = ?R:subscribe(P, ?R:new()),
    P ! stop,
    receive {'DOWN', M, _, _, _} -> ok end,
    R1 = receive {'DOWN', Ref, _, _, _} -> ?R:process_down(Ref, R) end,
    ?assertEqual([], ?R:subscribers(R1)),
    ?assertEqual(R1, ?R:process_down(make_ref(), R1)).

%% Against a model: any schedule of what the program tells, and of subscribers that come and go, leaves
%% each with the view that the relay has, having been told of each change once.
random_test_() ->
    {timeout, 60, [{integer_to_list(Seed), fun() -> random(Seed) end} || Seed <- lists:seq(1, 200)]}.

random(Seed) ->
    rand:seed(exsss, {Seed, Seed, Seed}),
    _ = got(),                                % of the tests before
    erase(view),
    R = lists:foldl(fun(_, R) -> check_views(step(rand:uniform(8), R)) end,
                    ?R:subscribe(self(), ?R:new()), lists:seq(1, 100)),
    ?assertEqual([self()], ?R:subscribers(R)).

step(1, R) -> ?R:snapshot([{N, #{}} || N <- some_nodes()], fun none/1, R);
step(2, R) -> Held = some_nodes(),
              ?R:snapshot([{N, #{}} || N <- some_nodes()], fun(N) -> lists:member(N, Held) end, R);
step(3, R) -> ?R:settle(R);
step(4, R) -> ?R:local_down(a_node(), R);
step(5, R) -> erase(view), ?R:subscribe(self(), ?R:unsubscribe(self(), R));
step(6, R) -> ?R:down(a_node(), #{}, R);
step(_, R) -> ?R:up(a_node(), #{}, R).

a_node() -> lists:nth(rand:uniform(6), [a, b, c, d, e, f]).
some_nodes() -> [N || N <- [a, b, c, d, e, f], rand:uniform(2) =:= 1].

check_views(R) ->
    View = lists:foldl(fun see/2, get(view), got()),
    put(view, View),
    Expected = case ?R:members(R) of
                   unknown -> undefined;
                   Members -> [N || {N, _} <- Members]
               end,
    ?assertEqual(Expected, View),
    R.

see({gen_cluster, members, List}, _) -> [N || {N, _} <- List];
see({nodeup, N, _}, View) -> false = lists:member(N, View), lists:sort([N | View]);
see({nodedown, N, _}, View) -> true = lists:member(N, View), View -- [N].
