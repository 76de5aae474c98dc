%% @private
%% The process `gen_cluster': runs the program behind a port, is the one that the program tells of
%% changes, and answers for it. It does not die of anything that the program does.
%%
%% ```
%%            has a name         hello                started
%%  no_node ─────────────▶ hello ───────▶ configuring ─────────▶ running
%%     ▲                   │ ▲ │             │ │                  │ │
%%     │ has none    delay │ │ └───────┐     │ └── dies ──┐  dies │ │ hangs, or the node's name
%%     │              over │ │ dies    │     │ refuses    │       │ │ or cookie is another
%%     └───────────────── waiting ◀────┼─────┼────────────┴───────┘ │
%%                           ▲         ▼     ▼                      │
%%                           └─────── stopping ◀────────────────────┘
%% '''
-module(gen_cluster_server).

-behaviour(gen_statem).

-export([start_link/1]).
-export([init/1, callback_mode/0, terminate/3, format_status/1]).
-export([no_node/3, hello/3, configuring/3, running/3, stopping/3, waiting/3]).
-if(?OTP_RELEASE < 25).
-export([format_status/2]).
-endif.

-define(NODE_POLL_MS, 1000).
-define(LOOK_MS, 500).
-define(EX_CONFIG, 78).
-define(REMOTE, [peers, info, discovery, config, metrics, refresh, help]).
-define(REMOTE_1, [peer, reload]).
-define(LOCAL, [members, status, {peer, 'Node'}, {reload, 'Options'}, {subscribe, 'PidOrName'},
                {unsubscribe, 'PidOrName'}]).

-record(data, {
    options :: list(),
    restart :: gen_cluster_options:restart(),
    port = none :: none | port(),        % that of run
    run = none :: none | gen_cluster_run:run(),
    %% What comes after stopping.
    next = now :: now | {retry | refused, string() | binary()},
    retry_ms :: pos_integer(),
    starts = 0 :: non_neg_integer(),
    last_error = none :: none | binary(),
    %% Who waits for which options to be taken; while nothing runs, the next attempt is with them.
    reloading = none :: none | {gen_statem:from(), list()},
    calls = gen_cluster_calls:new() :: gen_cluster_calls:calls(),
    flow = gen_cluster_log:new() :: gen_cluster_log:flow(),
    relay = gen_cluster_relay:new() :: gen_cluster_relay:relay()
}).

-spec start_link(env | list() | map()) -> {ok, pid()} | ignore | {error, term()}.
start_link(Source) ->
    case options(Source) of
        {ok, Options} ->
            case gen_cluster_options:is_empty(Options) of
                true -> ignore;
                false -> gen_statem:start_link({local, gen_cluster}, ?MODULE, Options, [])
            end;
        {error, _} = Error ->
            Error
    end.

%% From the environment: so the options are in no child specification and in no report of one.
options(env) -> {ok, gen_cluster_options:from_env()};
options(Given) -> gen_cluster_options:check(Given).

callback_mode() ->
    state_functions.

init(Options) ->
    process_flag(trap_exit, true),
    ok = net_kernel:monitor_nodes(true),
    Restart = restart(Options),
    Data = #data{options = Options, restart = Restart, retry_ms = maps:get(min_ms, Restart)},
    {ok, waiting, Data, [{state_timeout, 0, start}, poll_node()]}.

restart(Options) ->
    {Restart, Wrong} = gen_cluster_options:restart(Options),
    _ = [gen_cluster_log:log(error, "option restart: ~tP is not valid, left out; known are ~tp",
                             [W, 10, lists:sort(maps:keys(Restart))]) || W <- Wrong],
    Restart.

terminate(_, _, #data{run = none}) ->
    ok;
terminate(_, _, #data{run = Run, restart = #{stop_ms := StopMs}}) ->
    gen_cluster_run:leave(StopMs, Run).

%%% waiting: for the next attempt.

waiting(state_timeout, start, Data) ->
    start(Data);
waiting({call, From}, {reload, Options}, Data) ->
    case gen_cluster_options:check(Options) of
        {ok, List} -> start(Data#data{reloading = {From, List}});
        {error, _} = Error -> {keep_state_and_data, [{reply, From, Error}]}
    end;
waiting(Type, Content, Data) ->
    common(Type, Content, waiting, Data).

start(Data) ->
    case node() of
        nonode@nohost -> wait_for_node(Data);
        _ -> open(Data)
    end.

open(#data{restart = #{hello_ms := HelloMs}} = Data) ->
    case gen_cluster_run:open(gen_cluster_options:program(to_try(Data))) of
        {ok, Run} ->
            Data1 = Data#data{port = gen_cluster_run:port(Run), run = Run,
                              starts = Data#data.starts + 1},
            {next_state, hello, Data1, [{state_timeout, HelloMs, silent}]};
        {error, Text} ->
            retry(Text, Data)
    end.

to_try(#data{reloading = {_, Options}}) -> Options;
to_try(#data{options = Options}) -> Options.

%%% no_node: this node is not distributed (yet).

wait_for_node(Data) ->
    Text = <<"this node is not distributed: waiting until it has a name">>,
    gen_cluster_log:log(notice, "~ts", [Text]),
    {next_state, no_node, reloaded({error, not_running}, Data#data{last_error = Text})}.

no_node({timeout, node}, poll, Data) ->
    and_poll_node(look_at_node(Data));
no_node(info, {nodeup, _}, Data) ->
    look_at_node(Data);
no_node(Type, Content, Data) ->
    common(Type, Content, no_node, Data).

look_at_node(Data) ->
    case node() of
        nonode@nohost -> {keep_state, Data};
        _ -> start(Data)
    end.

%%% hello: the program has to say that it is the one, before it is given anything.

hello(state_timeout, silent, Data) ->
    stop({retry, "the program has not said hello"}, Data);
hello(info, {Port, {data, Packet}}, #data{port = Port} = Data) ->
    case gen_cluster_program:decode(Packet) of
        {ok, {hello, #{version := Version}}} -> configure(node(), Version, Data);
        {ok, {log, _, _, _} = Line} -> {keep_state, on_packet(Line, Data)};
        _ -> stop({retry, "the program does not speak as gen_cluster does"}, Data)
    end;
hello(Type, Content, Data) ->
    common(Type, Content, hello, Data).

configure(nonode@nohost, _, Data) ->
    stop(now, Data);
configure(Owner, Version, #data{run = Run, restart = #{hello_ms := HelloMs}} = Data) ->
    Options = gen_cluster_dist:add(gen_cluster_options:for_program(to_try(Data), gen_cluster)),
    case gen_cluster_run:configure(Owner, Options, gen_cluster_run:hello(Version, Run)) of
        {ok, Run1} ->
            {next_state, configuring, Data#data{run = Run1}, [{state_timeout, HelloMs, silent}]};
        {error, bad_cookie} ->
            stop({retry, "the cookie cannot be had, or cannot be a cookie"}, Data)
    end.

%%% configuring: it has got its options and says whether it takes them.

configuring(state_timeout, silent, Data) ->
    stop({retry, "the program has not started"}, Data);
configuring(info, {Port, {data, Packet}}, #data{port = Port} = Data) ->
    case gen_cluster_program:decode(Packet) of
        {ok, {started, CNode}} when is_atom(CNode) -> started(CNode, Data);
        {ok, {error, Text}} -> refused(gen_cluster_log:text(Text), Data);
        {ok, Other} -> {keep_state, on_packet(Other, Data)};
        error -> stop({retry, "a packet from the program is not a term"}, Data)
    end;
configuring(Type, Content, Data) ->
    common(Type, Content, configuring, Data).

%% It leaves by itself.
refused(Text, Data) ->
    await_exit({refused, Text}, reloaded({error, Text}, Data)).

started(CNode, #data{run = Run, restart = Restart, last_error = Last} = Data) ->
    #{health_ms := HealthMs, stable_ms := StableMs} = Restart,
    Run1 = gen_cluster_run:started(CNode, Run),
    Level = case Last of
                none -> info;
                _ -> notice
            end,
    gen_cluster_log:log(Level, "running as ~ts", [gen_cluster_run:describe(Run1)]),
    {next_state, running, taken(Data#data{run = Run1, last_error = none}),
     [{{timeout, stable}, StableMs, stable}, {{timeout, health}, HealthMs, check}]}.

%%% running.

running({call, From}, {reload, Options}, #data{run = Run, reloading = none} = Data) ->
    case gen_cluster_options:check(Options) of
        {ok, List} ->
            ForProgram = gen_cluster_dist:add(gen_cluster_options:for_program(List, gen_cluster)),
            _ = gen_cluster_run:send({reload, ForProgram}, Run),
            {keep_state, Data#data{reloading = {From, List}}};
        {error, _} = Error ->
            {keep_state_and_data, [{reply, From, Error}]}
    end;
running({call, From}, {peer, _} = Request, Data) ->
    ask(From, Request, Data);
running({call, From}, Request, Data) ->
    case lists:member(Request, ?REMOTE) of
        true -> ask(From, Request, Data);
        false -> common({call, From}, Request, running, Data)
    end;
running(info, {Port, {data, Packet}}, #data{port = Port} = Data) ->
    case gen_cluster_program:decode(Packet) of
        {ok, Term} -> {keep_state, on_packet(Term, Data)};
        error -> stop({retry, "a packet from the program is not a term"}, Data)
    end;
running({timeout, stable}, stable, #data{restart = #{min_ms := MinMs}} = Data) ->
    {keep_state, Data#data{retry_ms = MinMs}};
running({timeout, health}, check, #data{restart = #{health_ms := HealthMs}} = Data) ->
    #data{run = Run, calls = Calls} = Data,
    case gen_cluster_calls:is_checking(Calls) of
        true ->
            stop({retry, "the program does not answer any more"}, Data);
        false ->
            {keep_state, Data#data{calls = gen_cluster_calls:check(Run, Calls)},
             [{{timeout, health}, HealthMs, check}]}
    end;
running(Type, Content, Data) ->
    common(Type, Content, running, Data).

ask(From, Request, #data{run = Run, calls = Calls, restart = #{call_ms := CallMs}} = Data) ->
    {Id, Calls1} = gen_cluster_calls:ask(From, Request, Run, Calls),
    {keep_state, Data#data{calls = Calls1}, [{{timeout, {call, Id}}, CallMs, timeout}]}.

%%% stopping: the program was told to leave, and is made to.

stop(Next, #data{run = Run} = Data) ->
    _ = gen_cluster_run:send(stop, Run),
    await_exit(Next, Data).

await_exit(Next, #data{restart = #{stop_ms := StopMs}} = Data) ->
    Data1 = reloaded({error, not_running}, fail_calls(Data)),
    {next_state, stopping, Data1#data{next = Next}, [{state_timeout, StopMs, kill}]}.

stopping(state_timeout, kill, #data{run = Run, restart = #{stop_ms := StopMs}}) ->
    gen_cluster_run:kill(Run),
    {keep_state_and_data, [{state_timeout, StopMs, give_up}]};
stopping(state_timeout, give_up, Data) ->
    after_stop("it cannot be stopped", Data);
stopping(info, {Port, {exit_status, Status}}, #data{port = Port} = Data) ->
    after_stop(gen_cluster_program:describe_exit(Status), Data);
stopping(info, {'EXIT', Port, Reason}, #data{port = Port} = Data) ->
    after_stop(describe_port_exit(Reason), Data);
stopping(info, {Port, {data, Packet}}, #data{port = Port} = Data) ->
    case gen_cluster_program:decode(Packet) of
        {ok, {log, _, _, _} = Line} -> {keep_state, on_packet(Line, Data)};
        _ -> keep_state_and_data
    end;
stopping(Type, Content, Data) ->
    common(Type, Content, stopping, Data).

after_stop(_, #data{next = now} = Data) ->
    start(closed(Data));
after_stop(Exit, #data{next = {retry, Text}} = Data) ->
    retry([Text, " (", Exit, ")"], closed(Data));
after_stop(_, #data{next = {refused, Text}} = Data) ->
    retry_slowly(Text, closed(Data)).

%%% In every state.

common(info, {Port, {exit_status, Status}}, _, #data{port = Port} = Data) ->
    exited(Status, closed(Data));
common(info, {'EXIT', Port, Reason}, _, #data{port = Port} = Data) ->
    ended(describe_port_exit(Reason), closed(Data));
common(info, {nodeup, Node, Info}, _, Data) when is_atom(Node), is_map(Info) ->
    relay(fun(R) -> gen_cluster_relay:up(Node, Info, R) end, Data);
common(info, {nodedown, Node, Info}, _, Data) when is_atom(Node), is_map(Info) ->
    relay(fun(R) -> gen_cluster_relay:down(Node, Info, R) end, Data);
common(info, {gen_cluster, members, List}, _, Data) ->
    on_snapshot(List, Data);
common(info, {gen_cluster, ready, Info}, _, Data) when is_map(Info) ->
    relay(fun(R) -> gen_cluster_relay:ready(Info, R) end, Data);
common(info, {nodeup, _}, State, Data) ->
    check_owner(State, Data);
common(info, {nodedown, Node}, State, Data) ->
    check_owner(State, Data#data{relay = gen_cluster_relay:local_down(Node, Data#data.relay)});
common(info, {'DOWN', Ref, process, _, _}, _, Data) ->
    relay(fun(R) -> gen_cluster_relay:process_down(Ref, R) end, Data);
common({timeout, node}, poll, State, #data{flow = Flow} = Data) ->
    and_poll_node(check_owner(State, Data#data{flow = gen_cluster_log:flush(Flow)}));
common({timeout, look}, look, _, Data) ->
    relay(fun gen_cluster_relay:look/1, Data);
common({timeout, settle}, settle, _, Data) ->
    relay(fun gen_cluster_relay:settle/1, Data);
common({timeout, {call, Id}}, timeout, _, Data) ->
    {keep_state, answer(Id, {error, timeout}, Data)};
common({call, From}, Request, State, Data) ->
    on_call(From, Request, State, Data);
common(_, _, _, _) ->
    keep_state_and_data.

poll_node() ->
    {{timeout, node}, ?NODE_POLL_MS, poll}.

and_poll_node({keep_state, Data}) -> {keep_state, Data, [poll_node()]};
and_poll_node({next_state, State, Data}) -> {next_state, State, Data, [poll_node()]};
and_poll_node({next_state, State, Data, More}) -> {next_state, State, Data, [poll_node() | More]}.

%% The program serves one owner with one cookie: for another it starts anew.
check_owner(State, #data{run = Run} = Data) when State =/= stopping, Run =/= none ->
    case gen_cluster_run:serves(Run) of
        {no, Why} ->
            gen_cluster_log:log(notice, "~ts: starting the program again", [Why]),
            stop(now, Data);
        _ ->
            {keep_state, Data}
    end;
check_owner(_, Data) ->
    {keep_state, Data}.

on_packet({log, Level, Area, Line}, #data{flow = Flow} = Data) ->
    Data#data{flow = gen_cluster_log:line(Level, Area, Line, Flow)};
on_packet({reply, Id, Reply}, Data) ->
    answer(Id, Reply, Data);
on_packet({reloaded, Result}, Data) ->
    reloaded_by_program(Result, Data);
on_packet(_, Data) ->
    Data.

%% What says of a member that the snapshot leaves out whether it is one: see gen_cluster_relay.
on_snapshot(List, #data{options = Options, restart = #{settle_ms := SettleMs}} = Data) ->
    Connected = nodes(connected),
    case {gen_cluster_relay:is_snapshot(List), gen_cluster_options:is_dist_erl(Options)} of
        {true, true} ->
            MayHold = fun(Node) -> lists:member(Node, Connected) end,
            relay(fun(R) -> gen_cluster_relay:snapshot(List, MayHold, R) end, Data);
        {true, false} ->
            MayHold = fun(_) -> true end,
            {keep_state, Data1, Actions} =
                relay(fun(R) -> gen_cluster_relay:snapshot(List, MayHold, R) end, Data),
            {keep_state, Data1, [{{timeout, settle}, SettleMs, settle} | Actions]};
        {false, _} ->
            keep_state_and_data
    end.

relay(Fun, #data{relay = Relay} = Data) ->
    Relay1 = Fun(Relay),
    Look = case gen_cluster_relay:has_absent(Relay1) of
               true -> [{{timeout, look}, ?LOOK_MS, look}];
               false -> []
           end,
    {keep_state, Data#data{relay = Relay1}, Look}.

%%% Requests, in every state.

on_call(From, members, State, #data{relay = Relay} = Data) ->
    Reply = case gen_cluster_relay:members(Relay) of
                unknown -> {error, absence(State, Data)};
                List -> List
            end,
    {keep_state_and_data, [{reply, From, Reply}]};
on_call(From, status, State, Data) ->
    {keep_state_and_data, [{reply, From, status(State, Data)}]};
on_call(From, {subscribe, Who}, _, Data) ->
    case can_subscribe(Who) of
        true ->
            {keep_state, Data1, Actions} =
                relay(fun(R) -> gen_cluster_relay:subscribe(Who, R) end, Data),
            {keep_state, Data1, [{reply, From, ok} | Actions]};
        false ->
            {keep_state_and_data, [{reply, From, {error, {bad_subscriber, Who}}}]}
    end;
on_call(From, {unsubscribe, Who}, _, #data{relay = Relay} = Data) ->
    {keep_state, Data#data{relay = gen_cluster_relay:unsubscribe(Who, Relay)}, [{reply, From, ok}]};
on_call(From, Request, State, Data) ->
    Reply = case is_for_program(Request) of
                true -> {error, absence(State, Data)};
                false -> {error, {unknown_request, Request, ?REMOTE ++ ?LOCAL}}
            end,
    {keep_state_and_data, [{reply, From, Reply}]}.

is_for_program({Request, _}) -> lists:member(Request, ?REMOTE_1);
is_for_program(Request) -> lists:member(Request, ?REMOTE).

can_subscribe(Who) when is_pid(Who) -> Who =/= self();
can_subscribe(Who) -> is_atom(Who) andalso Who =/= gen_cluster andalso Who =/= undefined.

%% Why there is no answer. While it runs: no snapshot has come, or another reload is under way.
absence(State, _) when State =:= hello; State =:= configuring; State =:= running -> starting;
absence(waiting, #data{starts = 0, last_error = none}) -> starting;
absence(_, _) -> not_running.

status(State, #data{run = Run, relay = Relay} = Data) ->
    Common = #{state => State, starts => Data#data.starts, last_error => Data#data.last_error,
               subscribers => gen_cluster_relay:subscribers(Relay),
               unconfirmed => gen_cluster_relay:held(Relay)},
    case Run of
        none -> Common;
        _ -> gen_cluster_run:put_status(Run, Common)
    end.

answer(Id, Reply, #data{calls = Calls} = Data) ->
    Data#data{calls = gen_cluster_calls:answer(Id, Reply, Calls)}.

fail_calls(#data{calls = Calls} = Data) ->
    Data#data{calls = gen_cluster_calls:fail_all(Calls)}.

%%% The outcome of a reload.

reloaded_by_program(ok, #data{relay = Relay} = Data) ->
    taken(Data#data{relay = gen_cluster_relay:forget_ready(Relay)});
reloaded_by_program({error, Text}, Data) ->
    reloaded({error, gen_cluster_log:text(Text)}, Data);
reloaded_by_program(_, Data) ->
    Data.

%% The program has taken the options of the reload.
taken(#data{reloading = none} = Data) ->
    Data;
taken(#data{reloading = {_, Options}} = Data) ->
    reloaded(ok, Data#data{options = Options, restart = restart(Options)}).

reloaded(_, #data{reloading = none} = Data) ->
    Data;
reloaded(Reply, #data{reloading = {From, _}} = Data) ->
    gen_statem:reply(From, Reply),
    Data#data{reloading = none}.

%%% The end of a run.

exited(?EX_CONFIG, Data) ->
    retry_slowly("no reason given", Data);
exited(Status, Data) ->
    ended(gen_cluster_program:describe_exit(Status), Data).

ended(How, Data) ->
    retry(["the program has ended: ", How], Data).

%% The program was gone when something was sent to it (epipe): then there is no exit status.
describe_port_exit(Reason) ->
    lists:flatten(io_lib:format("port closed: ~tP", [Reason, 10])).

%% Each failure doubles the delay; a run of stable_ms ends that.
retry(Text, #data{retry_ms = Ms, restart = #{max_ms := MaxMs}} = Data) ->
    wait(Ms, Text, Data#data{retry_ms = min(Ms * 2, MaxMs)}).

retry_slowly(Text, #data{restart = #{refused_ms := Ms}} = Data) ->
    wait(Ms, ["configuration refused: ", Text], Data).

%% The same trouble again is told only to those who debug.
wait(Ms, Text, #data{last_error = Last} = Data) ->
    Error = gen_cluster_log:text(Text),
    Level = case Error of
                Last -> debug;
                _ -> error
            end,
    gen_cluster_log:log(Level, "~ts (next attempt in ~b ms)", [Error, Ms]),
    Data1 = reloaded({error, not_running}, Data#data{last_error = Error}),
    {next_state, waiting, Data1, [{state_timeout, Ms, start}]}.

%% The port is gone, or goes now; nobody waits any more for what it would have said.
closed(#data{run = Run} = Data) ->
    gen_cluster_run:close(Run),
    fail_calls(Data#data{run = none, port = none}).

%%% Reports: options may hold what a plugin needs to keep secret. (The cookie is never in here.)

format_status(#{data := Data} = Status) ->
    Status#{data := hide(Data)};
format_status(Status) ->
    Status.

-if(?OTP_RELEASE < 25).
format_status(_, [_, State, Data]) ->
    {State, hide(Data)}.
-endif.

hide(#data{options = Options} = Data) ->
    Data#data{options = gen_cluster_options:hide(Options), reloading = none}.
