%% @private
%% Questions to the program that have no answer yet: whose they are. Some are our own, to see whether it
%% is well.
-module(gen_cluster_calls).

-export([new/0, ask/4, check/2, is_checking/1, answer/3, fail_all/1]).

-export_type([calls/0, id/0]).

-type id() :: pos_integer().

-record(calls, {
    last = 0 :: non_neg_integer(),
    open = #{} :: #{id() => gen_statem:from() | check}
}).

-opaque calls() :: #calls{}.

-spec new() -> calls().
new() ->
    #calls{}.

%% What cannot be sent is not answered: the caller's timeout tells.
-spec ask(gen_statem:from() | check, term(), gen_cluster_run:run(), calls()) -> {id(), calls()}.
ask(Who, Request, Run, #calls{last = Last, open = Open}) ->
    Id = Last + 1,
    _ = gen_cluster_run:send({call, Id, Request}, Run),
    {Id, #calls{last = Id, open = Open#{Id => Who}}}.

-spec check(gen_cluster_run:run(), calls()) -> calls().
check(Run, Calls) ->
    {_, Calls1} = ask(check, info, Run, Calls),
    Calls1.

%% The check before has not been answered.
-spec is_checking(calls()) -> boolean().
is_checking(#calls{open = Open}) ->
    lists:member(check, maps:values(Open)).

%% One that nobody waits for (any more) is dropped.
-spec answer(term(), term(), calls()) -> calls().
answer(Id, Reply, #calls{open = Open} = Calls) ->
    case maps:take(Id, Open) of
        {Who, Rest} ->
            reply(Who, Reply),
            Calls#calls{open = Rest};
        error ->
            Calls
    end.

-spec fail_all(calls()) -> calls().
fail_all(#calls{open = Open} = Calls) ->
    lists:foreach(fun(Who) -> reply(Who, {error, not_running}) end, maps:values(Open)),
    Calls#calls{open = #{}}.

reply(check, _) -> ok;
reply(From, Reply) -> gen_statem:reply(From, Reply).
