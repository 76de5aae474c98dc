%% Starts the one process that this application has.
-module(k8s_erlang_cluster_app).
-behaviour(application).
-behaviour(supervisor).

-export([start/2, stop/1, init/1]).

start(_Type, _Args) ->
    supervisor:start_link({local, k8s_erlang_cluster_sup}, ?MODULE, []).

stop(_State) ->
    ok.

init([]) ->
    {ok, {#{strategy => one_for_one}, [#{id => watch, start => {k8s_erlang_cluster_watch, start_link, []}}]}}.
