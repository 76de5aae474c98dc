%% The application: nothing without configuration, the release unharmed whatever the program does.
-module(gen_cluster_app_tests).

-include_lib("eunit/include/eunit.hrl").

all_test_() ->
    gc_test:with_node([{"empty", t(fun empty/0)}, {"from the environment", t(fun environment/0)},
                       {"reload", t(fun reload/0)}, {"deaths", t(fun deaths/0)},
                       {"own tree", t(fun own_tree/0)}, {"fault of ours", t(fun fault/0)}]).

t(Test) ->
    {timeout, 60, fun() ->
                          gc_test:capture(),
                          _ = application:load(gen_cluster),
                          try Test() after
                              application:stop(gen_cluster),
                              set_env([]),
                              gc_test:release()
                          end
                  end}.

set_env(Options) ->
    [application:unset_env(gen_cluster, K) || {K, _} <- application:get_all_env(gen_cluster)],
    [application:set_env(gen_cluster, K, V) || {K, V} <- Options].

children() ->
    [Id || {Id, _, _, _} <- supervisor:which_children(gen_cluster_sup)].

await_running() ->
    gc_test:until(fun() -> case gen_cluster:status() of
                               #{state := S} -> S =:= running;
                               _ -> false
                           end
                  end).

empty() ->
    set_env([]),
    ok = application:start(gen_cluster),
    ?assertEqual([], children()),
    ?assertEqual({error, not_running}, gen_cluster:members()),
    ?assertEqual(ok, gen_cluster:reload()).

environment() ->
    gc_test:fake(good),
    set_env(gc_test:options()),
    ok = application:start(gen_cluster),
    await_running(),
    ?assertMatch(#{options := [{discovery, {static, ['a@nowhere']}}]}, gen_cluster:config()),
    #{os_pid := OsPid} = gen_cluster:status(),
    %% Options (secrets of plugins) are not in the child's specification.
    {ok, #{start := {_, _, Args}}} = supervisor:get_childspec(gen_cluster_sup, gen_cluster),
    ?assertEqual([env], Args),
    ok = application:stop(gen_cluster),
    ?assertNot(gc_test:os_process(OsPid)).

%% Configured later, changed, emptied: reload/0 and config_change/3 follow.
reload() ->
    gc_test:fake(refuse_bad),
    set_env([]),
    ok = application:start(gen_cluster),
    set_env(gc_test:options()),
    ?assertEqual(ok, gen_cluster:reload()),
    await_running(),
    set_env([{max_peers, 7} | gc_test:options()]),
    ?assertEqual(ok, gen_cluster_app:config_change([], [], [])),
    #{options := Options} = gen_cluster:config(),
    ?assertEqual(7, proplists:get_value(max_peers, Options)),
    set_env([{bad, 1} | gc_test:options()]),
    ?assertEqual(ok, gen_cluster_app:config_change([], [], [])),
    gc_test:logged(error, "changed configuration not taken: <<\"key bad"),
    set_env([]),
    ?assertEqual(ok, gen_cluster:reload()),
    ?assertEqual([], children()),
    set_env(gc_test:options()),
    ?assertEqual(ok, gen_cluster:reload()),
    await_running().

%% More deaths than any restart intensity would bear.
deaths() ->
    gc_test:fake(die_started),
    set_env(gc_test:options(#{min_ms => 1, max_ms => 1})),
    ok = application:start(gen_cluster),
    Sup = whereis(gen_cluster_sup),
    Pid = whereis(gen_cluster),
    %% Each is given time of its own: on a busy machine a fake program takes a second to start.
    _ = [gc_test:until(fun() -> maps:get(starts, gen_cluster:status()) >= N end)
         || N <- lists:seq(1, 12)],
    ?assertEqual({Sup, Pid}, {whereis(gen_cluster_sup), whereis(gen_cluster)}).

%% As in any supervision tree, by child_spec/1, with Elixir's kind of options.
own_tree() ->
    gc_test:fake(good),
    Options = [{notify, 'Elixir.My.Listener'} | gc_test:options()],
    {ok, Sup} = supervisor:start_link(gc_test_sup, [gen_cluster:child_spec(Options)]),
    await_running(),
    #{options := Given} = gen_cluster:config(),
    ?assertEqual([gen_cluster, 'Elixir.My.Listener'], proplists:get_value(notify, Given)),
    unlink(Sup),
    Ref = monitor(process, Sup),
    exit(Sup, shutdown),
    receive {'DOWN', Ref, _, _, Reason} -> ?assertEqual(shutdown, Reason) end,
    ?assertEqual(undefined, whereis(gen_cluster)).

%% The process killed from outside: the supervisor brings it back, and one program runs in the end.
fault() ->
    gc_test:fake(good),
    set_env(gc_test:options()),
    ok = application:start(gen_cluster),
    await_running(),
    #{os_pid := OsPid} = gen_cluster:status(),
    Pid = whereis(gen_cluster),
    exit(Pid, kill),
    gc_test:until(fun() -> P = whereis(gen_cluster), is_pid(P) andalso P =/= Pid end),
    await_running(),
    gc_test:until(fun() -> not gc_test:os_process(OsPid) end).
