%% @doc A cluster out of any release, from outside the virtual machine.
%%
%% `gen_cluster' discovers Erlang nodes, has this node connect to those that answer, and tells of
%% those that come and go. The work is done by a program, a hidden C-node, that runs behind a port.
%%
%% With options in the environment of the application (`sys.config', `config/runtime.exs') it starts
%% with the application; without any, or with `[]', nothing is started, and {@link start_link/1} or
%% {@link child_spec/1} put it into a supervision tree of your own. In either case it is one process,
%% registered as `gen_cluster'.
%%
%% Nothing that the program does or fails to do ends that process: a program that is missing, dies,
%% hangs or refuses its configuration is told to `logger' and tried again, at
%% growing intervals. Meanwhile members stay as they were last known, and functions that need the
%% program return `{error, not_running}' or `{error, starting}'.
%%
%% == Events ==
%% A process that has called {@link subscribe/0} gets
%% <dl>
%% <dt>`{gen_cluster, members, [{Node, Info}]}'</dt><dd>all members; first of all, as soon as they are
%%   known, and again whenever the link to the program was broken;</dd>
%% <dt>`{nodeup, Node, Info}'</dt><dd>a node has become a member;</dd>
%% <dt>`{nodedown, Node, Info}'</dt><dd>a member is lost; `Info' has the `reason';</dd>
%% <dt>`{gen_cluster, ready, Info}'</dt><dd>the rule of option `ready' holds (`reason' is `formed'), or
%%   did not within its time (`timeout').</dd>
%% </dl>
%% in order, no change left out and none twice. `Info' is a map: `discovery', `address', `port',
%% `cnode', `reason', `at' (system time in ms), `seq'.
-module(gen_cluster).

-export([start_link/1, child_spec/1, reload/0, reload/1]).
-export([members/0, peers/0, peer/1, info/0, discovery/0, config/0, metrics/0, refresh/0, help/0,
         status/0]).
-export([subscribe/0, subscribe/1, unsubscribe/0, unsubscribe/1]).

-export_type([options/0, info/0, error/0, subscriber/0]).

-define(CALL_MS, 30000).

-type options() :: [{atom(), term()}].
%% As in `sys.config', or the same as a map. Strings may be binaries, maps may be keyword lists. All
%% but two options are described in gen_cluster.conf(5). The two are `program', a path; and `restart',
%% a map of milliseconds: how the program is kept running (see README).
-type info() :: #{cnode => node(), discovery => binary(), address => binary(),
                  port => inet:port_number(), reason => atom(), at => integer(),
                  seq => non_neg_integer()}.
-type subscriber() :: pid() | atom().
-type error() :: {error, not_running | starting | timeout}.
%% `not_running': there is no program now (see {@link status/0} for why). `starting': there is, but it
%% has not told yet. `timeout': it did not answer in time.

%% @doc Starts it, linked to the caller. With an empty list nothing is started and `ignore' is returned.
%%
%% A configuration that the program does not accept is no error here: it is logged, and
%% {@link reload/1} can correct it.
-spec start_link(options() | map()) -> {ok, pid()} | ignore | {error, term()}.
start_link(Options) ->
    gen_cluster_server:start_link(Options).

%% @doc A child specification, for Elixir: `children = [{:gen_cluster, discovery: {:epmd, %{}}}]'.
-spec child_spec(options() | map()) -> supervisor:child_spec().
child_spec(Options) ->
    #{id => gen_cluster, start => {gen_cluster, start_link, [Options]}, type => worker,
      restart => permanent, shutdown => 10000, modules => [gen_cluster_server]}.

%% @doc The members that are known, sorted by name. Answered by this node, also while the program is
%% away. `{error, _}' only until the program has told for the first time.
-spec members() -> [{node(), info()}] | error().
members() ->
    call(members).

%% @doc All peers with their state, next attempt, and last error with its stage.
-spec peers() -> term() | error().
peers() ->
    call(peers).

%% @doc One peer. A name that is text must be that of a node: it becomes an atom.
-spec peer(node() | binary() | string()) -> term() | error().
peer(Node) when is_atom(Node) ->
    call({peer, Node});
peer(Node) when is_binary(Node) ->
    peer(binary_to_atom(Node, utf8));
peer(Node) when is_list(Node) ->
    peer(list_to_atom(Node)).

%% @doc What the program is and how it fares.
-spec info() -> term() | error().
info() ->
    call(info).

%% @doc The discovery instances, their last answers, and when they are asked next.
-spec discovery() -> term() | error().
discovery() ->
    call(discovery).

%% @doc The configuration in force, without secrets.
-spec config() -> term() | error().
config() ->
    call(config).

%% @doc Counters.
-spec metrics() -> term() | error().
metrics() ->
    call(metrics).

%% @doc Ask every discovery, and try every peer that waits, now.
-spec refresh() -> term() | error().
refresh() ->
    call(refresh).

%% @doc The requests that the program answers.
-spec help() -> term() | error().
help() ->
    call(help).

%% @doc How the application fares with its program: `state' is one of `no_node' (this node has no name
%% yet), `hello', `configuring', `running', `stopping', `waiting' (for the next attempt; `last_error'
%% tells why). Needs no program.
-spec status() -> map() | error().
status() ->
    call(status).

%% @doc Tells the calling process of changes. See <a href="#events">Events</a>.
-spec subscribe() -> ok | error().
subscribe() ->
    subscribe(self()).

%% @doc Tells a process of changes. A pid is forgotten when its process ends; a registered name stays:
%% whoever has the name next is told, all members first. To subscribe again changes nothing.
-spec subscribe(subscriber()) -> ok | {error, {bad_subscriber, term()}} | error().
subscribe(Who) ->
    call({subscribe, Who}).

%% @doc No more of it for the calling process.
-spec unsubscribe() -> ok | error().
unsubscribe() ->
    unsubscribe(self()).

%% @doc No more of it for a pid or name that was given to {@link subscribe/1}.
-spec unsubscribe(subscriber()) -> ok | error().
unsubscribe(Who) ->
    call({unsubscribe, Who}).

%% @doc New options for what runs. `ok' if the program took them; `{error, Text}' tells what is wrong
%% with them, and nothing has changed. Where the program waits for its next attempt (it refused its
%% configuration, for instance) this is that attempt.
-spec reload(options() | map()) -> ok | {error, binary() | {bad_options, term()}} | error().
reload(Options) ->
    call({reload, Options}).

%% @doc The same with what is in the environment of the application now. Starts it there where nothing
%% was configured before, and stops it where nothing is any more.
-spec reload() -> ok | {error, term()}.
reload() ->
    Options = gen_cluster_options:from_env(),
    case {gen_cluster_options:is_empty(Options), whereis(gen_cluster)} of
        {true, undefined} -> ok;
        {true, _} -> gen_cluster_sup:remove_child();
        {false, undefined} -> gen_cluster_sup:add_child();
        {false, _} -> reload(Options)
    end.

%% The server has its own, shorter limit for each question to the program.
call(Request) ->
    try gen_statem:call(gen_cluster, Request, ?CALL_MS)
    catch
        exit:{timeout, _} -> {error, timeout};
        exit:{_, {gen_statem, call, _}} -> {error, not_running}
    end.
