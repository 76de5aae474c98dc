-module(gen_cluster_log_tests).

-include_lib("eunit/include/eunit.hrl").

lines_test() ->
    gc_test:capture(),
    F0 = gen_cluster_log:line(warning, <<"dial">>, <<"ö"/utf8>>, gen_cluster_log:new()),
    {"gen_cluster dial: ö", Meta} = gc_test:logged(warning, "dial"),
    ?assertMatch(#{area := <<"dial">>}, Meta),
    _ = gen_cluster_log:line(shout, {x}, <<"odd">>, F0),
    {_, #{area := gen_cluster}} = gc_test:logged(notice, "odd"),
    gc_test:release().

limit_test() ->
    gc_test:capture(),
    N = 20000,
    F = lists:foldl(fun(_, F) -> gen_cluster_log:line(info, <<"a">>, <<"b">>, F) end,
                    gen_cluster_log:new(), lists:seq(1, N)),
    F1 = gen_cluster_log:flush(F),
    ?assertEqual(F1, gen_cluster_log:flush(F1)),
    {Told, Dropped} = count(0, 0),
    gc_test:release(),
    ?assertEqual(N, Told + Dropped),
    ?assert(Dropped > 0).

count(Told, Dropped) ->
    receive
        {logged, info, "gen_cluster a: b", _} -> count(Told + 1, Dropped);
        {logged, warning, "gen_cluster: " ++ Line, _} ->
            {N, _} = string:to_integer(Line),
            count(Told, Dropped + N)
    after 0 ->
        {Told, Dropped}
    end.

text_test_() ->
    [?_assertEqual(<<"a", 195, 182>>, gen_cluster_log:text(["a", 246])),
     ?_assertEqual(<<"{x}">>, gen_cluster_log:text({x})),
     ?_assertEqual(<<"<<128>>">>, gen_cluster_log:text(<<128>>))].
