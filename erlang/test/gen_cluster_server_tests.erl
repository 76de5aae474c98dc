%% The server against the fake program: what a program can do wrong, and that nothing but log lines and
%% clear answers comes of it.
-module(gen_cluster_server_tests).

-include_lib("eunit/include/eunit.hrl").

all_test_() ->
    gc_test:with_node(
      [{"runs", t(fun runs/0)}, {"environment", t(fun environment/0)},
       {"cookie is nowhere", t(fun cookie/0)}, {"dies", t(fun dies/0)}, {"killed", t(fun killed/0)},
       {"backoff", t(fun backoff/0)}, {"refuses", t(fun refuses/0)}, {"exit 78", t(fun exit_78/0)},
       {"silent", t(fun silent/0)}, {"hello only", t(fun hello_only/0)}, {"junk", t(fun junk/0)},
       {"chatter", t(fun chatter/0)}, {"flood", t(fun flood/0)}, {"mute", t(fun mute/0)},
       {"slow", t(fun slow/0)}, {"hangs", t(fun hangs/0)}, {"stopped", t(fun sigstop/0)},
       {"no program", t(fun no_program/0)}, {"members stay", t(fun members_stay/0)},
       {"members of dist ei", t(fun members_ei/0)}, {"subscribers", t(fun subscribers/0)},
       {"reload", t(fun reload/0)}, {"reload while it dies", t(fun reload_dies/0)},
       {"odd messages", t(fun odd_messages/0)}, {"new cookie", t(fun new_cookie/0)},
       {"late node", t(fun late_node/0)}, {"not running", t(fun not_running/0)},
       {"start_link", t(fun start_link/0)}]).

%% Each with the log, and with no server before and after.
t(Test) ->
    {timeout, 60, fun() ->
                          gc_test:capture(),
                          process_flag(trap_exit, true),
                          try Test() after stop(), gc_test:release(), drain() end
                  end}.

start(Mode) -> start(Mode, #{}).
start(Mode, Restart) -> start(Mode, Restart, []).
start(Mode, Restart, More) ->
    gc_test:fake(Mode),
    {ok, Pid} = gen_cluster:start_link(gc_test:options(Restart) ++ More),
    Pid.

stop() ->
    case whereis(gen_cluster) of
        undefined -> ok;
        Pid -> gen_statem:stop(Pid)
    end.

drain() ->
    receive _ -> drain() after 0 -> ok end.

state() -> maps:get(state, gen_cluster:status()).
await(State) -> gc_test:until(fun() -> state() =:= State end).
starts() -> maps:get(starts, gen_cluster:status()).

next() ->
    receive
        {Tag, _, _} = M when Tag =:= nodeup; Tag =:= nodedown; Tag =:= gen_cluster -> M
    after 10000 ->
        error(nothing)
    end.

%%% Life and death of the program.

runs() ->
    Pid = start(good),
    await(running),
    ?assertMatch(#{version := <<"0.0.fake">>, last_error := none, starts := 1, owner := _},
                 gen_cluster:status()),
    {_, #{area := <<"fake">>}} = gc_test:logged(info, "fake: configured"),
    [?assertEqual({fake, R}, gen_cluster:R()) || R <- [info, discovery, metrics, refresh, help]],
    [?assertEqual({fake, {peer, a@b}}, gen_cluster:peer(N)) || N <- [a@b, <<"a@b">>, "a@b"]],
    Owner = node(),
    ?assertMatch(#{owner := Owner, cookie := <<"a_secret_of_the_test">>,
                   options := [{discovery, {static, ['a@nowhere']}}]}, gen_cluster:config()),
    ?assertMatch({error, {unknown_request, nonsense, [_ | _]}}, gen_server:call(Pid, nonsense)),
    ?assertEqual({error, starting}, gen_cluster:members()),
    #{os_pid := OsPid} = gen_cluster:status(),
    stop(),
    ?assertNot(gc_test:os_process(OsPid)).

environment() ->
    os:putenv("GEN_CLUSTER_PROGRAM", "/nowhere/gen_cluster"), % the option comes before it
    start(good),
    await(running),
    Env = gen_cluster:peers(),
    os:unsetenv("GEN_CLUSTER_PROGRAM"),
    ?assertEqual([], [E || "GEN_CLUSTER_PROGRAM" ++ _ = E <- Env]),
    ?assertEqual(["GC_FAKE=good"], [E || "GC_FAKE=" ++ _ = E <- Env]).

%% Not in what sys shows, nor in reports of a crash, nor in argv; secrets of plugins neither.
cookie() ->
    Pid = start(good, #{}, [{password, "sesame"}]),
    await(running),
    #{os_pid := OsPid} = gen_cluster:status(),
    State = io_lib:format("~p ~p", [sys:get_state(Pid), gen_cluster:status()]),
    ?assertEqual(nomatch, string:find(State, "a_secret")),
    Status = io_lib:format("~p", [sys:get_status(Pid)]),
    [?assertEqual(nomatch, string:find(Status, S)) || S <- ["a_secret", "sesame"]],
    Args = os:cmd("ps -ww -o args= -p " ++ integer_to_list(OsPid) ++ " 2>/dev/null"),
    ?assertEqual(nomatch, string:find(Args, "a_secret")),
    Logged = [L || {logged, _, L, _} <- element(2, process_info(self(), messages))],
    ?assertEqual([], [L || L <- Logged, string:find(L, "a_secret") =/= nomatch]).

dies() ->
    [begin
         Pid = start(Mode),
         gc_test:logged(error, "the program has ended: " ++ exit_text(Mode)),
         gc_test:until(fun() -> starts() > 3 end),
         ?assertEqual(Pid, whereis(gen_cluster)),
         gc_test:fake(good),
         await(running),
         gc_test:logged(notice, "running as"),
         stop()
     end || Mode <- [die, die_hello, die_started]].

%% What is sent to one that has just gone may be noticed before its exit.
exit_text(die) -> "exit status 3 (next attempt in 20 ms)";
exit_text(_) -> "".

killed() ->
    start(kill_started),
    gc_test:logged(error, "the program has ended: killed by signal 9"),
    gc_test:fake(good),
    await(running),
    #{os_pid := OsPid} = gen_cluster:status(),
    os:cmd("kill -KILL " ++ integer_to_list(OsPid)),
    gc_test:until(fun() -> case gen_cluster:status() of
                               #{state := running, os_pid := Other} -> Other =/= OsPid;
                               _ -> false
                           end
                  end).

%% The delay doubles up to its limit, and a run that lasts makes it small again.
backoff() ->
    start(die, #{min_ms => 10, max_ms => 40, stable_ms => 200}),
    delays([10, 20, 40, 40]),
    gc_test:fake(good),
    await(running),
    #{up_ms := Up} = gen_cluster:status(),
    gc_test:until(fun() -> maps:get(up_ms, gen_cluster:status()) > Up + 400 end),
    drain(),
    gc_test:fake(die),
    os:cmd("kill -KILL " ++ integer_to_list(maps:get(os_pid, gen_cluster:status()))),
    delays([10, 20]).

delays([]) ->
    ok;
delays([Ms | Rest]) ->
    receive
        {logged, Level, Line, _} when Level =:= error; Level =:= debug ->
            Expected = lists:flatten(io_lib:format("(next attempt in ~b ms)", [Ms])),
            ?assertNotEqual(nomatch, string:find(Line, Expected)),
            delays(Rest);
        {logged, _, _, _} ->
            delays([Ms | Rest])
    after 10000 ->
        error({no_delay, Ms})
    end.

%% Its reason is told; it is not asked again soon; better options are tried at once.
refuses() ->
    start(refuse_bad, #{refused_ms => 3600000}, [{bad, 1}]),
    gc_test:logged(error, "configuration refused: key bad: not known (next attempt in 3600000 ms)"),
    ?assertMatch(#{state := waiting, starts := 1,
                   last_error := <<"configuration refused: key bad: not known">>},
                 gen_cluster:status()),
    ?assertEqual({error, not_running}, gen_cluster:peers()),
    ?assertEqual({error, <<"key bad: not known">>},
                 gen_cluster:reload(gc_test:options() ++ [{bad, 2}])),
    await(waiting),
    ?assertEqual(ok, gen_cluster:reload(gc_test:options())),
    ?assertEqual(running, state()),
    ?assertEqual(3, starts()).

exit_78() ->
    start(exit_78),
    gc_test:logged(error, "configuration refused: no reason given (next attempt in 60000 ms)"),
    ?assertEqual(1, starts()).

%% It does not leave by itself, and is not left behind.
silent() ->
    start(silent, #{hello_ms => 1000, stop_ms => 100}),
    await(hello),
    #{os_pid := OsPid} = gen_cluster:status(),
    ?assertEqual({error, starting}, gen_cluster:peers()),
    gc_test:logged(error, "the program has not said hello (killed by signal 9)"),
    ?assertNot(gc_test:os_process(OsPid)).

hello_only() ->
    start(hello_only, #{hello_ms => 1500, stop_ms => 100}),
    await(configuring),
    ?assertEqual({error, starting}, gen_cluster:info()),
    gc_test:logged(error, "the program has not started (killed by signal 9)").

junk() ->
    start(junk, #{hello_ms => 1000, stop_ms => 100}),
    gc_test:logged(error, "the program has not said hello"),
    stop(),
    [begin
         start(Mode),
         gc_test:logged(error, Text),
         stop()
     end || {Mode, Text} <- [{junk_packet, "does not speak as gen_cluster does ("},
                             {stranger, "does not speak as gen_cluster does ("},
                             {junk_running, "is not a term ("}]].

chatter() ->
    start(chatter),
    gc_test:logged(notice, "{no,text}"),
    ?assertEqual({fake, info}, gen_cluster:info()),
    ?assertMatch(#{state := running, starts := 1}, gen_cluster:status()).

flood() ->
    start(flood),
    {Line, _} = gc_test:logged(warning, "log lines of the program dropped"),
    ?assertNotEqual(nomatch, string:find(Line, "more than 500 a second")),
    ?assertEqual({fake, info}, gen_cluster:info()).

mute() ->
    start(mute, #{call_ms => 100}),
    await(running),
    Self = self(),
    [spawn_link(fun() -> Self ! {answer, gen_cluster:peers()} end) || _ <- lists:seq(1, 5)],
    [receive {answer, A} -> ?assertEqual({error, timeout}, A) end || _ <- lists:seq(1, 5)],
    ?assertEqual(running, state()).

%% Late answers find those who asked, each its own; those who gave up are not troubled.
slow() ->
    start(slow),
    await(running),
    Self = self(),
    Peers = [list_to_atom("n" ++ integer_to_list(N) ++ "@x") || N <- lists:seq(1, 20)],
    [spawn_link(fun() -> Self ! {P, gen_cluster:peer(P)} end) || P <- Peers],
    [receive {P, A} -> ?assertEqual({fake, {peer, P}}, A) end || P <- Peers],
    stop(),
    start(slow, #{call_ms => 50}),
    await(running),
    ?assertEqual({error, timeout}, gen_cluster:info()),
    ?assertEqual({error, timeout}, gen_cluster:info()),
    gc_test:until(fun() -> maps:get(up_ms, gen_cluster:status()) > 1000 end),
    ?assertEqual(0, length([M || {_, {fake, _}} = M <- element(2, process_info(self(), messages))])).

%% A program that still runs and does not answer is replaced.
hangs() ->
    start(mute, #{health_ms => 100}),
    gc_test:logged(error, "the program does not answer any more"),
    gc_test:fake(good),
    await(running),
    gc_test:until(fun() -> maps:get(up_ms, gen_cluster:status()) > 1000 end).

%% Stopped by a signal: asked, it says nothing, and it is killed; who waited is told.
sigstop() ->
    start(good, #{health_ms => 300, stop_ms => 100, call_ms => 20000}),
    await(running),
    #{os_pid := OsPid} = gen_cluster:status(),
    os:cmd("kill -STOP " ++ integer_to_list(OsPid)),
    gc_test:until(fun gen_cluster:info/0, fun({error, not_running}) -> true; ({fake, info}) -> false end),
    await(running),
    ?assertNot(gc_test:os_process(OsPid)).

no_program() ->
    {ok, _} = gen_cluster:start_link([{discovery, {epmd, #{}}}, {program, <<"/nowhere/gc">>},
                                      {restart, #{min_ms => 10, max_ms => 20}}]),
    gc_test:logged(error, "no program <<\"/nowhere/gc\">> (option program)"),
    gc_test:logged(debug, "no program"),
    gc_test:logged(debug, "no program"),
    gc_test:no_log(error, "no program"),
    ?assertEqual({error, not_running}, gen_cluster:peers()),
    ?assertMatch(#{state := waiting, starts := 0}, gen_cluster:status()),
    gc_test:fake(good),
    ?assertEqual(ok, gen_cluster:reload(gc_test:options())).

%%% Members and who is told.

%% The program dies with two members, one of them really connected to this node.
members_stay() ->
    start(good),
    await(running),
    ok = gen_cluster:subscribe(),
    gen_cluster ! {gen_cluster, members, [{a@x, #{seq => 1}}, {b@x, #{}}]},
    ?assertEqual({gen_cluster, members, [{a@x, #{seq => 1}}, {b@x, #{}}]}, next()),
    gc_test:fake(die),
    os:cmd("kill -KILL " ++ integer_to_list(maps:get(os_pid, gen_cluster:status()))),
    await(waiting),
    ?assertMatch([{a@x, _}, {b@x, _}], gen_cluster:members()),
    gc_test:fake(good),
    await(running),
    ?assertMatch([{a@x, _}, {b@x, _}], gen_cluster:members()),
    %% Neither is connected to this node: here the snapshot decides.
    gen_cluster ! {gen_cluster, members, [{b@x, #{}}]},
    gen_cluster ! {nodeup, c@x, #{}},
    ?assertEqual({gen_cluster, members, [{b@x, #{}}]}, next()),
    ?assertEqual({nodeup, c@x, #{}}, next()).

members_ei() ->
    start(good, #{settle_ms => 300}, [{dist, ei}]),
    await(running),
    gen_cluster ! {gen_cluster, members, [{a@x, #{}}, {b@x, #{}}]},
    ok = gen_cluster:subscribe(),
    ?assertMatch({gen_cluster, members, [_, _]}, next()),
    gen_cluster ! {gen_cluster, members, []},
    gen_cluster ! {nodeup, b@x, #{seq => 7}},
    ?assertEqual({gen_cluster, members, [{a@x, #{}}, {b@x, #{}}]}, next()),
    ?assertMatch(#{unconfirmed := [a@x]}, gen_cluster:status()),
    ?assertMatch({nodedown, a@x, #{reason := unconfirmed}}, next()),
    ?assertEqual([{b@x, #{seq => 7}}], gen_cluster:members()).

subscribers() ->
    start(good),
    gen_cluster ! {gen_cluster, members, []},
    ?assertEqual([], gen_cluster:members()),
    [?assertEqual({error, {bad_subscriber, W}}, gen_cluster:subscribe(W))
     || W <- [gen_cluster, whereis(gen_cluster), undefined, {a, b@c}]],
    Self = self(),
    Relay = fun() -> register(gc_a_subscriber, self()), Self ! there,
                     (fun Loop() -> receive stop -> ok; M -> Self ! {named, M}, Loop() end end)() end,
    ok = gen_cluster:subscribe(gc_a_subscriber),
    [begin
         {P, Ref} = spawn_monitor(Relay),
         receive there -> ok end,
         receive {named, {gen_cluster, members, L}} -> ?assertEqual(N, length(L)) end,
         gen_cluster ! {nodeup, list_to_atom("n" ++ integer_to_list(N)), #{}},
         receive {named, {nodeup, _, _}} -> ok end,
         P ! stop,
         receive {'DOWN', Ref, process, _, _} -> ok end
     end || N <- lists:seq(0, 3)],
    {P, Ref} = spawn_monitor(fun() -> receive stop -> ok end end),
    ok = gen_cluster:subscribe(P),
    ?assertMatch(#{subscribers := [_, _]}, gen_cluster:status()),
    P ! stop,
    receive {'DOWN', Ref, process, _, _} -> ok end,
    gc_test:until(fun() -> maps:get(subscribers, gen_cluster:status()) =:= [gc_a_subscriber] end),
    ok = gen_cluster:unsubscribe(gc_a_subscriber),
    ?assertMatch(#{subscribers := []}, gen_cluster:status()).

%%% Changes while it runs.

reload() ->
    start(refuse_bad),
    await(running),
    ?assertEqual({error, {bad_options, dns}}, gen_cluster:reload(dns)),
    ?assertEqual({error, <<"key bad: not known">>}, gen_cluster:reload([{bad, 1}])),
    ?assertMatch(#{options := [{discovery, _}]}, gen_cluster:config()),
    ?assertEqual(ok, gen_cluster:reload([{max_peers, 7}, {notify, x} | gc_test:options()])),
    New = [{max_peers, 7}, {notify, [gen_cluster, x]}, {discovery, {static, ['a@nowhere']}}],
    ?assertMatch(#{options := New}, gen_cluster:config()),
    ?assertEqual(1, starts()),
    %% The next run begins with them.
    os:cmd("kill -KILL " ++ integer_to_list(maps:get(os_pid, gen_cluster:status()))),
    gc_test:until(fun() -> starts() =:= 2 andalso state() =:= running end),
    ?assertMatch(#{options := New}, gen_cluster:config()).

%% Options that could not be tried are not taken.
reload_dies() ->
    start(die, #{min_ms => 3600000, max_ms => 3600000}),
    await(waiting),
    ?assertEqual({error, not_running}, gen_cluster:reload([{max_peers, 7} | gc_test:options()])),
    ?assertMatch(#{state := waiting, starts := 2}, gen_cluster:status()),
    gc_test:fake(good),
    ?assertEqual(ok, gen_cluster:reload([{max_peers, 8} | gc_test:options()])),
    ?assertMatch(#{options := [{max_peers, 8} | _]}, gen_cluster:config()),
    %% Those on how the program is kept running are taken with the others.
    ?assertEqual(ok, gen_cluster:reload(gc_test:options(#{health_ms => 100, call_ms => 123}))),
    ?assertMatch({running, #{restart := #{call_ms := 123}}}, restart_of(sys:get_state(gen_cluster))).

restart_of({State, Data}) ->
    [Restart] = [M || #{call_ms := _} = M <- tuple_to_list(Data)],
    {State, #{restart => Restart}}.

%% Whatever comes to the name that every node of the cluster can send to.
odd_messages() ->
    Pid = start(good),
    await(running),
    Fake = open_port({spawn_executable, os:find_executable("cat")}, [binary]),
    [Pid ! M || M <- [x, {nodeup, a, b}, {nodeup, "a", #{}}, {nodedown, a, []}, {gen_cluster, members, x},
                      {gen_cluster, members, [{a, #{}} | b]}, {gen_cluster, ready, x},
                      {gen_cluster, what, #{}}, {'EXIT', Fake, x}, {'EXIT', whereis(init), x},
                      {Fake, {exit_status, 78}}, {Fake, {data, <<"x">>}}, {'DOWN', make_ref(), process, a, b},
                      {nodeup, n@h}, {nodedown, n@h}, {'$gen_cast', x}, {make_ref(), late},
                      {timeout, make_ref(), kill}]],
    ?assertEqual({error, starting}, gen_cluster:members()),
    ?assertEqual(1, starts()),
    ?assertEqual(Pid, whereis(gen_cluster)),
    port_close(Fake).

new_cookie() ->
    start(good),
    await(running),
    true = erlang:set_cookie(node(), 'another_secret'),
    gc_test:logged(notice, "the cookie has changed"),
    gc_test:until(fun() -> starts() =:= 2 andalso state() =:= running end),
    ?assertMatch(#{cookie := <<"another_secret">>}, gen_cluster:config()),
    true = erlang:set_cookie(node(), 'a_secret_of_the_test').

%% No name yet, a name, none, and a name again.
late_node() ->
    gc_test:stop_node(),
    start(good),
    gc_test:logged(notice, "this node is not distributed"),
    ?assertMatch(#{state := no_node, starts := 0}, gen_cluster:status()),
    ?assertEqual({error, not_running}, gen_cluster:peers()),
    ?assertEqual({error, not_running}, gen_cluster:reload(gc_test:options())),
    gc_test:start_node(),
    await(running),
    #{os_pid := OsPid} = gen_cluster:status(),
    gc_test:stop_node(),
    await(no_node),
    ?assertNot(gc_test:os_process(OsPid)),
    gc_test:start_node(),
    await(running).

not_running() ->
    [?assertEqual({error, not_running}, gen_cluster:F())
     || F <- [members, peers, info, discovery, config, metrics, refresh, help, status, subscribe,
              unsubscribe]],
    ?assertEqual({error, not_running}, gen_cluster:reload([])),
    ?assertEqual({error, not_running}, gen_cluster:peer(a@b)).

start_link() ->
    ?assertEqual(ignore, gen_cluster:start_link([])),
    ?assertEqual(ignore, gen_cluster:start_link(#{})),
    ?assertEqual({error, {bad_options, x}}, gen_cluster:start_link(x)),
    Pid = start(good),
    ?assertEqual({error, {already_started, Pid}}, gen_cluster:start_link(gc_test:options())),
    ?assertMatch(#{id := gen_cluster, start := {gen_cluster, start_link, [[x]]}, shutdown := 10000},
                 gen_cluster:child_spec([x])),
    %% A wrong `restart' is told and does no harm.
    stop(),
    {ok, _} = gen_cluster:start_link([{restart, [{min_ms, soon}]} | gc_test:options()]),
    gc_test:logged(error, "option restart: {min_ms,soon} is not valid").
