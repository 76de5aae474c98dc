%% @private
%% One child if the environment has options, else none. The program's deaths are no deaths of the child:
%% it restarts at most on a fault of its own.
-module(gen_cluster_sup).

-behaviour(supervisor).

-export([start_link/0, init/1, add_child/0, remove_child/0]).

-spec start_link() -> supervisor:startlink_ret().
start_link() ->
    supervisor:start_link({local, ?MODULE}, ?MODULE, []).

init([]) ->
    Children = case gen_cluster_options:is_empty(gen_cluster_options:from_env()) of
                   true -> [];
                   false -> [child()]
               end,
    {ok, {#{strategy => one_for_one, intensity => 5, period => 60}, Children}}.

%% For an environment that was empty at first.
-spec add_child() -> ok | {error, term()}.
add_child() ->
    _ = remove_child(),
    try supervisor:start_child(?MODULE, child()) of
        {ok, _} -> ok;
        {error, _} = Error -> Error
    catch
        exit:{noproc, _} -> {error, not_running}
    end.

-spec remove_child() -> ok | {error, term()}.
remove_child() ->
    try supervisor:terminate_child(?MODULE, gen_cluster) of
        ok -> supervisor:delete_child(?MODULE, gen_cluster);
        {error, _} = Error -> Error
    catch
        exit:{noproc, _} -> {error, not_running}
    end.

child() ->
    #{id => gen_cluster, start => {gen_cluster_server, start_link, [env]}, type => worker,
      restart => permanent, shutdown => 10000, modules => [gen_cluster_server]}.
