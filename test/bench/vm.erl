%% A bare virtual machine that joins the nodes of a swarm: net_kernel:connect_node/1 on all of them at once, a process
%% each. Prints "ready"; on a line "go N WANT" it connects to the N nodes and prints one line once WANT are connected;
%% then it holds the links until stdin ends.
-module(vm).
-export([main/0]).

main() ->
    io:format("ready~n"),
    {ok, [N, Want]} = io:fread("", "go ~d ~d"),
    Names = [name(I) || I <- lists:seq(1, N)],
    Begin = erlang:monotonic_time(microsecond),
    {Cpu, _} = erlang:statistics(runtime),
    Self = self(),
    [spawn(fun() -> Self ! {joined, net_kernel:connect_node(Name)} end) || Name <- Names],
    Failed = await(Want, 0),
    {CpuEnd, _} = erlang:statistics(runtime),
    io:format("joined=~b failed=~b ms=~.2f cpu_ms=~b~n",
              [Want, Failed, (erlang:monotonic_time(microsecond) - Begin) / 1000, CpuEnd - Cpu]),
    io:get_line(""),
    eof = io:get_line(""),
    halt(0).

await(0, Failed) -> Failed;
await(Want, Failed) ->
    receive
        {joined, true} -> await(Want - 1, Failed);
        {joined, _} -> await(Want, Failed + 1)
    end.

%% As in test/support/swarm.c.
name(I) ->
    {X, Y} = {1 + (I - 1) div 250, 1 + (I - 1) rem 250},
    list_to_atom(lists:flatten(io_lib:format("sw~b@127.0.~b.~b", [I, X, Y]))).
