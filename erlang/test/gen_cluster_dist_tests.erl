%% What nodes of each kind add is in test/e2e/test_application_dist.py.
-module(gen_cluster_dist_tests).
-include_lib("eunit/include/eunit.hrl").

nothing_of_a_node_without_distribution_test() ->
    ?assertEqual([{discovery, x}], gen_cluster_dist:add([{discovery, x}])).

what_is_given_goes_first_test() ->
    {ok, _} = net_kernel:start([gen_cluster_dist_test, shortnames]),
    try
        ?assertEqual([odd], gen_cluster_dist:add([odd])),
        _ = net_kernel:set_net_ticktime(50, 0),
        ?assertEqual([odd, {net_ticktime, 50}], gen_cluster_dist:add([odd])),
        ?assertEqual([{net_ticktime, 7}], gen_cluster_dist:add([{net_ticktime, 7}]))
    after
        net_kernel:stop()
    end.
