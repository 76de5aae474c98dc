%% For nodes that run without EPMD and are to dial C-nodes of gen_cluster: `erl -epmd_module gen_cluster_epmd`.
%% All such nodes share one port (-erl_epmd_port, ERL_DIST_PORT), which on the address of a release is taken by the
%% release itself; its C-node listens on another, GEN_CLUSTER_LISTEN_PORT. So a node whose name begins with gc_ or
%% gen_cluster is dialled there, and everything else is as erl_epmd does it. Runs before the application is loaded,
%% so it knows the environment only.
-module(gen_cluster_epmd).
-export([start_link/0, register_node/2, register_node/3, port_please/2, port_please/3, listen_port_please/2,
         address_please/3, names/0, names/1, stop/0]).

-define(HANDSHAKE, 6). % the version of the distribution handshake that C-nodes speak

start_link() -> erl_epmd:start_link().

stop() -> erl_epmd:stop().

register_node(Name, Port) -> erl_epmd:register_node(Name, Port).

register_node(Name, Port, Driver) -> erl_epmd:register_node(Name, Port, Driver).

listen_port_please(Name, Host) -> erl_epmd:listen_port_please(Name, Host).

address_please(Name, Host, Family) -> erl_epmd:address_please(Name, Host, Family).

names() -> erl_epmd:names().

names(Host) -> erl_epmd:names(Host).

port_please(Name, Host) -> port_please(Name, Host, infinity).

port_please(Name, Host, Timeout) ->
    case c_node_port(to_list(Name)) of
        none -> erl_epmd:port_please(Name, Host, Timeout);
        Port -> {port, Port, ?HANDSHAKE}
    end.

to_list(Name) when is_atom(Name) -> atom_to_list(Name);
to_list(Name) -> Name.

c_node_port("gc_" ++ _) -> configured_port();
c_node_port("gen_cluster" ++ _) -> configured_port();
c_node_port(_) -> none.

configured_port() ->
    try list_to_integer(os:getenv("GEN_CLUSTER_LISTEN_PORT")) of
        Port when Port > 0, Port < 65536 -> Port;
        _ -> none
    catch
        error:badarg -> none
    end.
