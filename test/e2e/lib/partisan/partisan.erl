%% A STAND-IN for Partisan, not Partisan: what the plugin asks of its module `partisan`.
-module(partisan).
-export([node_spec/1, nodes/0]).
-compile({no_auto_import, [nodes/0]}).

node_spec(Node) ->
    case lists:member(Node, nodes()) of
        true -> {ok, #{name => Node, listen_addrs => [#{ip => {127, 0, 0, 1}, port => 1}],
                       channels => partisan_config:get(channels)}};
        false -> {error, disconnected}
    end.

nodes() ->
    partisan_peer_service:peers().
