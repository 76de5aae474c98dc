%% Is told by gen_cluster of nodes that come and go, and logs it. Here your application would hand over
%% work, move data, elect a leader. It subscribes to nothing: option `notify' names this process, and
%% that works in the same way for a program in the release and for one in a sidecar.
-module(k8s_erlang_cluster_watch).
-behaviour(gen_server).

-include_lib("kernel/include/logger.hrl").

-export([start_link/0, is_ready/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% Whether gen_cluster has told that the cluster is formed (its option `ready').
-spec is_ready() -> boolean().
is_ready() ->
    gen_server:call(?MODULE, is_ready).

init([]) ->
    {ok, #{ready => false}}.

handle_call(is_ready, _From, #{ready := Ready} = State) ->
    {reply, Ready, State};
handle_call(_Request, _From, State) ->
    {reply, {error, unknown_request}, State}.

handle_cast(_Request, State) ->
    {noreply, State}.

%% First of all, and again after the link to the program was broken.
handle_info({gen_cluster, members, Members}, State) ->
    ?LOG_NOTICE("cluster: members ~0tp", [[Node || {Node, _Info} <- Members]]),
    {noreply, State};
handle_info({nodeup, Node, #{address := Address}}, State) ->
    ?LOG_NOTICE("cluster: ~ts has joined, from ~ts", [Node, Address]),
    {noreply, State};
handle_info({nodedown, Node, #{reason := Reason}}, State) ->
    ?LOG_NOTICE("cluster: ~ts is lost: ~ts", [Node, Reason]),
    {noreply, State};
handle_info({gen_cluster, ready, #{reason := Reason, members := N}}, State) ->
    ?LOG_NOTICE("cluster: ready (~ts), ~b other nodes", [Reason, N]),
    {noreply, State#{ready := true}};
handle_info(_Other, State) ->
    {noreply, State}.
