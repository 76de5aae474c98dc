%% What the tests share: a node with a name and an epmd of our own, the fake program, the log, waiting.
-module(gc_test).

-export([with_node/1, start_node/0, stop_node/0, fake/1, options/0, options/1, until/1, until/2,
         capture/0, release/0, logged/2, no_log/2, os_process/1]).
-export([log/2]).

-define(DEADLINE_MS, 20000).

%% Fixture: tests in a VM that has a node name. Where no epmd answers (ERL_EPMD_PORT of the test run),
%% one is started for as long as the tests last.
with_node(Tests) ->
    {setup, fun start_node/0, fun(Epmd) -> stop_node(), stop_epmd(Epmd) end, Tests}.

start_node() ->
    Epmd = start_epmd(),
    Name = list_to_atom("gc_test_" ++ os:getpid() ++ "@127.0.0.1"),
    {ok, _} = until(fun() -> net_kernel:start([Name, longnames]) end,
                    fun({error, {already_started, Pid}}) -> {ok, Pid};
                       ({ok, _} = Ok) -> Ok;
                       (_) -> false
                    end),
    true = erlang:set_cookie(node(), 'a_secret_of_the_test'),
    Epmd.

stop_node() ->
    _ = net_kernel:stop(),
    ok.

%% It ends with the port, and so with this VM, however that ends.
start_epmd() ->
    case erl_epmd:names({127, 0, 0, 1}) of
        {ok, _} ->
            none;
        {error, _} ->
            Command = "epmd -port $1 -address 127.0.0.1 </dev/null >/dev/null 2>&1 & read -r _; kill $!",
            Port = open_port({spawn_executable, "/bin/sh"},
                             [{args, ["-c", Command, "sh", os:getenv("ERL_EPMD_PORT", "4369")]}]),
            until(fun() -> erl_epmd:names({127, 0, 0, 1}) end,
                  fun({ok, _}) -> true; (_) -> false end),
            Port
    end.

stop_epmd(none) -> ok;
stop_epmd(Port) ->
    port_close(Port),
    until(fun() -> erl_epmd:names({127, 0, 0, 1}) end, fun({error, _}) -> ok; (_) -> false end).

%% From now on the fake behaves so.
fake(Mode) ->
    true = os:putenv("GC_FAKE", atom_to_list(Mode)),
    ok.

options() ->
    options(#{}).

%% Options with the fake as the program, in a hurry.
options(Restart) ->
    Fast = #{min_ms => 20, max_ms => 160, refused_ms => 60000, hello_ms => 15000, stop_ms => 5000,
             settle_ms => 60000},
    [{discovery, {static, ['a@nowhere']}}, {program, fake_path()},
     {restart, maps:merge(Fast, Restart)}].

fake_path() ->
    Dirs = [filename:dirname(code:which(?MODULE)), os:getenv("GC_ERLANG_TEST_DIR", "."),
            filename:join(os:getenv("GC_ERLANG_TEST_DIR", "."), "test"), "test"],
    [Path | _] = [P || D <- Dirs, P <- [filename:absname("fake_program.escript", D)],
                       filelib:is_regular(P)],
    Path.

%% Until F() is true, or Accept(F()) something: that is returned. Fails with what was seen last.
until(F) ->
    until(F, fun(true) -> true; (_) -> false end).

until(F, Accept) ->
    until(F, Accept, erlang:monotonic_time(millisecond) + ?DEADLINE_MS).

until(F, Accept, Deadline) ->
    Seen = F(),
    case {Accept(Seen), erlang:monotonic_time(millisecond) > Deadline} of
        {false, true} -> error({deadline, Seen});
        {false, false} -> receive after 5 -> until(F, Accept, Deadline) end;
        {Value, _} -> Value
    end.

%% Until release/0, the calling process gets each line of ours (they have an area), and only it does.
capture() ->
    Filter = {fun(#{meta := #{area := _}} = Event, _) -> Event; (_, _) -> stop end, []},
    ok = logger:set_primary_config(level, debug),
    _ = logger:remove_handler(default),
    _ = logger:remove_handler(gc_test), % of a test that failed
    ok = logger:add_handler(gc_test, ?MODULE,
                            #{config => self(), filters => [{ours, Filter}],
                              filter_default => stop}).

release() ->
    ok = logger:remove_handler(gc_test),
    logger:set_primary_config(level, notice).

log(#{level := Level, msg := {Format, Args}, meta := Meta}, #{config := Pid}) ->
    Pid ! {logged, Level, lists:flatten(io_lib:format(Format, Args)), Meta}.

%% The next line with this text, with its metadata.
logged(Level, Text) ->
    logged(Level, Text, []).

logged(Level, Text, Seen) ->
    receive
        {logged, Level, Line, Meta} ->
            case string:find(Line, Text) of
                nomatch -> logged(Level, Text, [Line | Seen]);
                _ -> {Line, Meta}
            end
    after ?DEADLINE_MS ->
        error({not_logged, Level, Text, {instead, lists:reverse(Seen)}})
    end.

%% Among what is there already.
no_log(Level, Text) ->
    receive
        {logged, Level, Line, _} ->
            case string:find(Line, Text) of
                nomatch -> no_log(Level, Text);
                _ -> error({logged, Line})
            end
    after 0 ->
        ok
    end.

%% Whether a process of the system is there.
os_process(OsPid) ->
    os:cmd("kill -0 " ++ integer_to_list(OsPid) ++ " 2>&1") =:= "".
