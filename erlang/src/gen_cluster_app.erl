%% @private
%% The application: starts gen_cluster if it is configured, follows changes of the configuration.
-module(gen_cluster_app).

-behaviour(application).

-export([start/2, stop/1, config_change/3]).

start(_, _) ->
    gen_cluster_sup:start_link().

stop(_) ->
    ok.

%% The environment has changed while we run (application:set_env, then release handling).
config_change(_, _, _) ->
    case gen_cluster:reload() of
        ok -> ok;
        {error, Why} -> gen_cluster_log:log(error, "changed configuration not taken: ~tp", [Why])
    end.
