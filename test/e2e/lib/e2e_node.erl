%% The Erlang side of the end-to-end tests: evaluates expressions for the test and tells it, as they
%% happen, of nodes that come and go and of every message that a recorder got. Talks {packet, 4} and
%% external terms over an inherited socket, and ends the VM when the test has gone.
-module(e2e_node).
-export([start/0, record/1]).

start() ->
    {ok, [[Fd]]} = init:get_argument(e2e_fd),
    spawn(fun() -> init(list_to_integer(Fd)) end).

init(Fd) ->
    register(?MODULE, self()),
    Port = open_port({fd, Fd, Fd}, [{packet, 4}, binary, eof]),
    persistent_term:put(?MODULE, Port),
    watch_nodes(),
    tell({ready, node(), list_to_binary(erlang:system_info(otp_release)), nodes(), nodes(hidden)}),
    loop(Port).

watch_nodes() ->
    case is_alive() of
        true -> ok = net_kernel:monitor_nodes(true, [{node_type, all}, nodedown_reason]);
        false -> ok
    end.

loop(Port) ->
    receive
        {Port, {data, Data}} ->
            {eval, Id, Text, Bindings} = binary_to_term(Data),
            spawn(fun() -> tell({result, Id, eval(Text, Bindings)}) end),
            loop(Port);
        {Port, eof} ->
            erlang:halt(0, [{flush, false}]);
        {nodeup, Node, Info} ->
            tell({nodeup, Node, maps:from_list(Info)}),
            loop(Port);
        {nodedown, Node, Info} ->
            tell({nodedown, Node, maps:from_list(Info)}),
            loop(Port);
        _ ->
            loop(Port)
    end.

tell(Term) ->
    port_command(persistent_term:get(?MODULE), term_to_binary(Term)).

eval(Text, Bindings) ->
    try
        {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Text)),
        {ok, Exprs} = erl_parse:parse_exprs(Tokens),
        {value, Value, _} = erl_eval:exprs(Exprs, orddict:from_list(maps:to_list(Bindings))),
        {ok, Value}
    catch
        Class:Reason:Stack -> {Class, Reason, unicode:characters_to_binary(io_lib:format("~tp", [Stack]))}
    end.

%% A process registered as Name whose every message the test sees. Gives its pid.
record(Name) ->
    Caller = self(),
    Pid = spawn(fun() ->
        register(Name, self()),
        Caller ! {self(), recording},
        record_loop(Name)
    end),
    Ref = erlang:monitor(process, Pid),
    receive
        {Pid, recording} -> erlang:demonitor(Ref, [flush]), Pid;
        {'DOWN', Ref, process, Pid, Reason} -> error(Reason)
    end.

record_loop(Name) ->
    receive
        Message -> tell({message, Name, self(), Message})
    end,
    record_loop(Name).
