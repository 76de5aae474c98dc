%% @private
%% Who the members are, and who is told. Each subscriber first gets {gen_cluster, members, List}, then
%% every change once, in order. What is known stays known while the program is away.
%%
%% After a break (a new program, a new link) the program begins with a snapshot that may come before it
%% has found the members again. A member that we know and that is missing there is *held*: nobody is
%% told that it left until that is certain. With dist `erl' it is certain when this node is not
%% connected to it (now, or later: local_down/2); with other backends when settle/1 is called and it has
%% still not been named.
-module(gen_cluster_relay).

-export([new/0, members/1, held/1, up/3, down/3, is_snapshot/1, snapshot/3, ready/2, forget_ready/1, local_down/2,
         settle/1, subscribe/2, unsubscribe/2, subscribers/1, process_down/2, look/1, has_absent/1]).

-export_type([relay/0, subscriber/0]).

-type subscriber() :: pid() | atom().
-type info() :: map().

-record(relay, {
    known = unknown :: unknown | #{node() => info()},
    held = #{} :: #{node() => true},
    ready = none :: none | map(),
    %% A name that has no process is absent; look/1 finds it when it is back.
    subs = #{} :: #{subscriber() => {pid(), reference()} | absent}
}).

-opaque relay() :: #relay{}.

-spec new() -> relay().
new() ->
    #relay{}.

-spec members(relay()) -> [{node(), info()}] | unknown.
members(#relay{known = unknown}) -> unknown;
members(#relay{known = Known}) -> lists:keysort(1, maps:to_list(Known)).

-spec held(relay()) -> [node()].
held(#relay{held = Held}) ->
    maps:keys(Held).

%%% What the program tells.

-spec up(node(), info(), relay()) -> relay().
up(Node, Info, #relay{known = unknown} = R) ->
    up(Node, Info, snapshot([], fun(_) -> false end, R));
up(Node, Info, #relay{known = Known, held = Held} = R) ->
    R1 = R#relay{known = Known#{Node => Info}, held = maps:remove(Node, Held)},
    case is_map_key(Node, Known) of
        true -> R1;
        false -> tell({nodeup, Node, Info}, R1)
    end.

-spec down(node(), info(), relay()) -> relay().
down(Node, Info, #relay{known = Known, held = Held} = R) when is_map_key(Node, Known) ->
    tell({nodedown, Node, Info},
         R#relay{known = maps:remove(Node, Known), held = maps:remove(Node, Held)});
down(_, _, R) ->
    R.

-spec is_snapshot(term()) -> boolean().
is_snapshot([{Node, Info} | Rest]) when is_atom(Node), is_map(Info) -> is_snapshot(Rest);
is_snapshot(Rest) -> Rest =:= [].

%% MayHold tells of a missing member whether it may still be one.
-spec snapshot([{node(), info()}], fun((node()) -> boolean()), relay()) -> relay().
snapshot(List, MayHold, #relay{known = Known0} = R) ->
    New = maps:from_list(List),
    Missing = case Known0 of
                  unknown -> #{};
                  _ -> maps:without(maps:keys(New), Known0)
              end,
    Held = maps:filter(fun(Node, _) -> MayHold(Node) end, Missing),
    R1 = R#relay{known = maps:merge(New, Held), held = maps:map(fun(_, _) -> true end, Held)},
    tell({gen_cluster, members, members(R1)}, R1).

-spec ready(map(), relay()) -> relay().
ready(Info, #relay{known = unknown} = R) ->
    ready(Info, snapshot([], fun(_) -> false end, R));
ready(Info, #relay{ready = Before} = R) ->
    R1 = R#relay{ready = Info},
    case same_ready(Info, Before) of
        true -> R1;
        false -> tell({gen_cluster, ready, Info}, R1)
    end.

%% A program that starts again tells again.
same_ready(_, none) -> false;
same_ready(A, B) -> maps:get(reason, A, formed) =:= maps:get(reason, B, formed).

-spec forget_ready(relay()) -> relay().
forget_ready(R) ->
    R#relay{ready = none}.

%% This node has lost its own connection.
-spec local_down(node(), relay()) -> relay().
local_down(Node, #relay{held = Held} = R) when is_map_key(Node, Held) ->
    lose(Node, connection_closed, R);
local_down(_, R) ->
    R.

%% Those that are still held have gone.
-spec settle(relay()) -> relay().
settle(#relay{held = Held} = R) ->
    lists:foldl(fun(Node, Acc) -> lose(Node, unconfirmed, Acc) end, R, maps:keys(Held)).

lose(Node, Reason, #relay{known = Known} = R) ->
    Info = maps:get(Node, Known),
    down(Node, Info#{reason => Reason, at => erlang:system_time(millisecond)}, R).

%%% Who is told.

-spec subscribe(subscriber(), relay()) -> relay().
subscribe(Who, #relay{subs = Subs} = R) when is_map_key(Who, Subs) ->
    R;
subscribe(Who, #relay{subs = Subs} = R) ->
    R#relay{subs = Subs#{Who => attach(Who, absent, R)}}.

-spec unsubscribe(subscriber(), relay()) -> relay().
unsubscribe(Who, #relay{subs = Subs} = R) ->
    detach(maps:get(Who, Subs, absent)),
    R#relay{subs = maps:remove(Who, Subs)}.

-spec subscribers(relay()) -> [subscriber()].
subscribers(#relay{subs = Subs}) ->
    maps:keys(Subs).

%% A monitor has fired: one that was given by pid is forgotten, a name waits for its next process.
-spec process_down(reference(), relay()) -> relay().
process_down(Ref, #relay{subs = Subs} = R) ->
    case [Who || {Who, {_, R1}} <- maps:to_list(Subs), R1 =:= Ref] of
        [Pid] when is_pid(Pid) -> R#relay{subs = maps:remove(Pid, Subs)};
        [Name] -> R#relay{subs = Subs#{Name := attach(Name, absent, R)}};
        [] -> R
    end.

%% Names that were absent and are there now.
-spec look(relay()) -> relay().
look(#relay{subs = Subs} = R) ->
    R#relay{subs = maps:map(fun(Who, absent) -> attach(Who, absent, R);
                               (_, Sub) -> Sub
                            end, Subs)}.

-spec has_absent(relay()) -> boolean().
has_absent(#relay{subs = Subs}) ->
    lists:member(absent, maps:values(Subs)).

%% To each its message; a process that is new under its name gets the state, which has the change.
tell(Msg, #relay{subs = Subs} = R) ->
    R#relay{subs = maps:map(fun(Who, Sub) -> tell(Who, Sub, Msg, R) end, Subs)}.

tell(Who, {Pid, _} = Sub, Msg, R) ->
    case process_of(Who) of
        Pid ->
            Pid ! Msg,
            Sub;
        _ ->
            attach(Who, Sub, R)
    end;
tell(Who, absent, _, R) ->
    attach(Who, absent, R).

%% The monitor goes first: a process that dies before it is greeted is told to us.
attach(Who, Before, R) ->
    detach(Before),
    case process_of(Who) of
        undefined ->
            absent;
        Pid ->
            Ref = erlang:monitor(process, Pid),
            greet(Pid, R),
            {Pid, Ref}
    end.

detach({_, Ref}) -> erlang:demonitor(Ref, [flush]);
detach(absent) -> true.

process_of(Pid) when is_pid(Pid) -> Pid;
process_of(Name) ->
    case whereis(Name) of
        Pid when is_pid(Pid) -> Pid;
        _ -> undefined
    end.

greet(_, #relay{known = unknown}) ->
    ok;
greet(Pid, #relay{ready = Ready} = R) ->
    Pid ! {gen_cluster, members, members(R)},
    _ = [Pid ! {gen_cluster, ready, Ready} || Ready =/= none],
    ok.
