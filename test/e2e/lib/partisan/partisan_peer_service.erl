%% A STAND-IN for Partisan, not Partisan: it keeps the words join/1, leave/1 and members/0 and how they answer in
%% release 5 (join/1 says ok before it has connected), and connects over TCP of its own, so that no Erlang
%% distribution between the nodes is needed. Unlike Partisan, whose members/0 keeps a node that crashed until it is
%% told to leave, it forgets a node with its connection.
-module(partisan_peer_service).
-export([start/2, join/1, leave/1, members/0, peers/0, refuse/1]).

%% What: atoms (join/1 and leave/1 take node names, as old releases do) or specs (node specifications, as 5 does).
start(Port, What) ->
    Caller = self(),
    spawn(fun() ->
        register(?MODULE, self()),
        {ok, Listen} = gen_tcp:listen(Port, [binary, {packet, 4}, {active, false}, {ip, address(node())},
                                             {reuseaddr, true}]),
        Self = self(),
        spawn_link(fun() -> accept(Listen, Self) end),
        Caller ! {Self, started},
        loop(#{port => Port, what => What, peers => #{}, refused => []})
    end),
    receive {_, started} -> ok end.

join(Peer) -> call({join, Peer}).
leave(Peer) -> call({leave, Peer}).
members() -> {ok, [node() | peers()]}.
peers() -> call(peers).
%% For tests: join/1 of these nodes answers {error, refused}.
refuse(Nodes) -> call({refuse, Nodes}).

call(Request) ->
    Ref = erlang:monitor(process, ?MODULE),
    ?MODULE ! {call, self(), Ref, Request},
    receive
        {Ref, Answer} -> erlang:demonitor(Ref, [flush]), Answer;
        {'DOWN', Ref, _, _, Reason} -> exit({Reason, ?MODULE})
    end.

address(Node) ->
    [_, Host] = string:split(atom_to_list(Node), "@"),
    {ok, Ip} = inet:parse_address(Host),
    Ip.

accept(Listen, Server) ->
    {ok, Socket} = gen_tcp:accept(Listen),
    Pid = spawn(fun() -> receive go -> talk(Socket, Server) end end),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Pid ! go,
    accept(Listen, Server).

connect(Ip, Port, Server) ->
    {ok, Socket} = gen_tcp:connect(Ip, Port, [binary, {packet, 4}, {active, false}], 5000),
    talk(Socket, Server).

%% One connection: each side says its name; then it is there until it breaks.
talk(Socket, Server) ->
    ok = gen_tcp:send(Socket, term_to_binary(node())),
    {ok, Data} = gen_tcp:recv(Socket, 0, 5000),
    Server ! {up, binary_to_term(Data), self()},
    receive stop -> ok after 0 -> gen_tcp:recv(Socket, 0) end.

loop(#{peers := Peers} = State) ->
    receive
        {call, From, Ref, Request} ->
            {Answer, New} = handle(Request, State),
            From ! {Ref, Answer},
            loop(New);
        {up, Node, Pid} ->
            erlang:monitor(process, Pid),
            loop(State#{peers := Peers#{Pid => Node}});
        {'DOWN', _, _, Pid, _} ->
            loop(State#{peers := maps:remove(Pid, Peers)})
    end.

handle(peers, #{peers := Peers} = State) ->
    {lists:usort(maps:values(Peers)), State};
handle({refuse, Nodes}, State) ->
    {ok, State#{refused := Nodes}};
handle({join, Node}, #{what := atoms, port := Port} = State) when is_atom(Node) ->
    join(Node, address(Node), Port, State);
handle({join, #{name := Node, listen_addrs := [#{ip := Ip, port := Port}], channels := Channels}},
       #{what := specs} = State) ->
    Channels = partisan_config:get(channels),
    join(Node, Ip, Port, State);
handle({leave, Node}, #{what := atoms} = State) when is_atom(Node) ->
    part(Node, State);
handle({leave, #{name := Node, listen_addrs := [_ | _], channels := _}}, #{what := specs} = State) ->
    part(Node, State);
handle(_, State) ->
    {{error, badarg}, State}.

join(Node, Ip, Port, #{refused := Refused} = State) ->
    Server = self(),
    case lists:member(Node, Refused) of
        true -> {{error, refused}, State};
        false -> spawn(fun() -> catch connect(Ip, Port, Server) end), {ok, State}
    end.

part(Node, #{peers := Peers} = State) ->
    [exit(Pid, kill) || {Pid, N} <- maps:to_list(Peers), N =:= Node],
    {ok, State}.
