%% What an operator asks a running node, by the start script of the release or by bin/members:
%%   bin/k8s_erlang_cluster eval 'k8s_erlang_cluster:members().'
%% and what its probes ask, by bin/health.
-module(k8s_erlang_cluster).

-export([members/0, peers/0, print_members/0, live/0, ready/0]).

-define(CALL_MS, 5000).

%% The other nodes of the cluster.
-spec members() -> [node()] | {error, term()}.
members() ->
    case ask(members) of
        Members when is_list(Members) -> [Node || {Node, _Info} <- Members];
        {error, _} = Error -> Error
    end.

%% All that discovery has found, with state, next attempt, and last error.
-spec peers() -> [map()] | {error, term()}.
peers() ->
    ask(peers).

%% For people: this node first, then the others.
-spec print_members() -> ok.
print_members() ->
    Others = case ask(members) of
                 Members when is_list(Members) -> Members;
                 {error, Reason} -> io:format("gen_cluster does not answer: ~0tp~n", [Reason]), []
             end,
    Rows = [{node(), "this node"} | [{Node, found(Info)} || {Node, Info} <- Others]]
        ++ [{Node, "connected, unknown to gen_cluster"} || Node <- nodes() -- [N || {N, _} <- Others]],
    Width = lists:max([length(atom_to_list(Node)) || {Node, _} <- Rows]),
    lists:foreach(fun({Node, What}) -> io:format("~-*s  ~ts~n", [Width, Node, What]) end, Rows),
    io:format("~b nodes~n", [length(Rows)]).

found(#{discovery := Discovery, at := At}) ->
    Seconds = (erlang:system_time(millisecond) - At) div 1000,
    io_lib:format("member for ~b s, found by ~ts", [Seconds, Discovery]).

%% The virtual machine answers, and our application runs.
-spec live() -> boolean().
live() ->
    is_pid(whereis(k8s_erlang_cluster_sup)).

%% The cluster is formed, or has had its time (option `ready' of gen_cluster).
-spec ready() -> boolean().
ready() ->
    k8s_erlang_cluster_watch:is_ready().

%% The C-node answers gen_server:call/3, whether the program runs in the release or in a sidecar. Over the
%% connection that it has made to this node, and not before: without EPMD this node would dial its own port
%% in place of the C-node's, and keep the C-node out while it does so.
ask(Request) ->
    ask(cnode(), Request).

ask(CNode, Request) ->
    case lists:member(CNode, nodes(hidden)) of
        true -> call(CNode, Request);
        false -> {error, not_connected}
    end.

call(CNode, Request) ->
    try gen_server:call({gen_cluster, CNode}, Request, ?CALL_MS)
    catch
        exit:{Reason, _} -> {error, Reason}
    end.

%% Its name, if nobody has given it another.
cnode() ->
    list_to_atom("gc_" ++ atom_to_list(node())).
