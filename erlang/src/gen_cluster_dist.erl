%% @private
%% How this node talks to others, in the words of gen_cluster.conf(5), so that nobody has to say it twice: the
%% one port of nodes without EPMD, the ssl_dist_optfile, net_ticktime.
-module(gen_cluster_dist).

-export([add/1]).

-define(DEFAULT_TICKTIME, 60). % of both

%% The options, and those of the node that are not among them.
-spec add(list()) -> list().
add(Options) ->
    Options ++ [Own || {Key, _} = Own <- dist_port() ++ tls() ++ net_ticktime(),
                       not lists:keymember(Key, 1, Options)].

%% -erl_epmd_port, or erl_epmd_node_listen_port of kernel; or what the module of -epmd_module says.
dist_port() ->
    [Name, Host] = string:split(atom_to_list(node()), "@"),
    try (net_kernel:epmd_module()):listen_port_please(Name, Host) of
        {ok, Port} when is_integer(Port), Port > 0 -> [{dist_port, Port}];
        _ -> []
    catch
        _:_ -> [] % a module without it asks EPMD
    end.

tls() ->
    case {init:get_argument(proto_dist), init:get_argument(ssl_dist_optfile)} of
        {{ok, [[Proto | _] | _]}, {ok, [[File | _] | _]}}
          when Proto =:= "inet_tls"; Proto =:= "inet6_tls" ->
            [{tls, [{optfile, filename:absname(File)}]}];
        _ ->
            []
    end.

net_ticktime() ->
    case net_kernel:get_net_ticktime() of
        ?DEFAULT_TICKTIME -> [];
        Seconds when is_integer(Seconds) -> [{net_ticktime, Seconds}];
        {ongoing_change_to, Seconds} -> [{net_ticktime, Seconds}];
        _ -> []
    end.
