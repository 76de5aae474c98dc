%% Measures from within a real node, in microseconds, while something goes on: calls/3 how long calls to a
%% registered name take, joins/2 how long it takes to be let in by a node. Each begins a process; stop/1 ends it
%% and gives #{n, failed, p50, p99, max}. echo/0 answers calls on another node: for the control group.
-module(e2e_gauge).
-export([calls/3, joins/2, stop/1, echo/0]).

-define(DEADLINE_MS, 5000).

%% Where: {Name, Node}.
calls(Where, Request, PauseMs) ->
    spawn(fun() -> repeat(fun() -> gen_server:call(Where, Request, ?DEADLINE_MS) end, fun() -> ok end, PauseMs, [], 0) end).

%% Node is a hidden one: connects to it, and disconnects.
joins(Node, PauseMs) ->
    spawn(fun() -> repeat(fun() -> true = net_kernel:hidden_connect_node(Node) end, fun() -> leave(Node) end, PauseMs, [], 0) end).

leave(Node) ->
    true = erlang:monitor_node(Node, true),
    _ = erlang:disconnect_node(Node),
    receive {nodedown, Node} -> ok end.

repeat(Try, Undo, PauseMs, Took, Failed) ->
    Begin = erlang:monotonic_time(microsecond),
    Result = try Try(), ok catch _:_ -> failed end,
    End = erlang:monotonic_time(microsecond),
    case Result of ok -> Undo(); failed -> ok end,
    {NewTook, NewFailed} =
        case Result of
            ok -> {[End - Begin | Took], Failed};
            failed -> {Took, Failed + 1}
        end,
    receive
        {stop, From} -> From ! {self(), summary(lists:sort(NewTook), NewFailed)}
    after PauseMs ->
        repeat(Try, Undo, PauseMs, NewTook, NewFailed)
    end.

stop(Pid) ->
    Pid ! {stop, self()},
    receive {Pid, Summary} -> Summary end.

summary([], Failed) ->
    #{n => 0, failed => Failed, p50 => 0, p99 => 0, max => 0};
summary(Sorted, Failed) ->
    N = length(Sorted),
    At = fun(Part) -> lists:nth(max(1, ceil(N * Part)), Sorted) end,
    #{n => N, failed => Failed, p50 => At(0.5), p99 => At(0.99), max => lists:last(Sorted)}.

echo() ->
    Caller = self(),
    Pid = spawn(fun() -> register(?MODULE, self()), Caller ! ready, echo_loop() end),
    receive ready -> Pid end.

echo_loop() ->
    receive
        {'$gen_call', From, _} -> gen_server:reply(From, ok)
    end,
    echo_loop().
