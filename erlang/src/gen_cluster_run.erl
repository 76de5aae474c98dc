%% @private
%% One life of the program: its port, what it is, and whom it serves.
-module(gen_cluster_run).

-export([open/1, port/1, send/2, hello/2, configure/3, serves/1, started/2, kill/1, leave/2, close/1,
         put_status/2, describe/1]).

-export_type([run/0]).

-record(run, {
    port :: port(),
    os_pid :: non_neg_integer() | undefined,
    path :: file:filename(),
    since :: integer(),                                % monotonic, ms
    version = undefined :: term(),
    cnode = undefined :: node() | undefined,
    owner = nonode@nohost :: node(),
    %% The cookie is kept nowhere; this shows when it is another.
    secret :: reference(),
    cookie_hash = none :: none | non_neg_integer()
}).

-opaque run() :: #run{}.

-spec open(ProgramOption :: term()) -> {ok, run()} | {error, Text :: string()}.
open(Option) ->
    case gen_cluster_program:find(Option) of
        {ok, Path} -> open_path(Path);
        {error, _} = Error -> Error
    end.

open_path(Path) ->
    case gen_cluster_program:open(Path) of
        {ok, Port, OsPid} ->
            {ok, #run{port = Port, os_pid = OsPid, path = Path, since = now_ms(),
                      secret = make_ref()}};
        {error, _} = Error ->
            Error
    end.

-spec port(run()) -> port().
port(#run{port = Port}) ->
    Port.

%% Never waits. False: the program does not read, or is gone; its end or a timeout will tell.
-spec send(term(), run()) -> boolean().
send(Term, #run{port = Port}) ->
    gen_cluster_program:send(Port, term_to_binary(Term)).

%% It has said hello, and so may be given the cookie.
-spec hello(term(), run()) -> run().
hello(Version, Run) ->
    Run#run{version = Version}.

-spec configure(node(), list(), run()) -> {ok, run()} | {error, bad_cookie}.
configure(Owner, Options, #run{port = Port} = Run) ->
    case gen_cluster_program:start_packet(Owner, Options, fun erlang:get_cookie/0) of
        {ok, Packet} ->
            _ = gen_cluster_program:send(Port, Packet),
            {ok, Run#run{owner = Owner, cookie_hash = cookie_hash(Run)}};
        {error, bad_cookie} = Error ->
            Error
    end.

%% Whether it serves this node as it is now.
-spec serves(run()) -> yes | not_yet | {no, Why :: string()}.
serves(#run{owner = nonode@nohost}) ->
    not_yet;
serves(#run{owner = Owner, cookie_hash = Hash} = Run) ->
    case node() of
        Owner ->
            case cookie_hash(Run) of
                Same when Same =:= Hash; Same =:= none -> yes;
                _ -> {no, "the cookie has changed"}
            end;
        Node ->
            {no, lists:concat(["this node was ", Owner, " and is ", Node])}
    end.

%% None: the distribution is being stopped, and soon the node will have no name.
cookie_hash(#run{secret = Secret}) ->
    try erlang:get_cookie() of
        nocookie -> none;
        Cookie -> erlang:phash2({Secret, Cookie})
    catch
        exit:_ -> none
    end.

-spec started(node(), run()) -> run().
started(CNode, Run) ->
    Run#run{cnode = CNode}.

%% Only while its exit has not been told: so the number is still its own.
-spec kill(run()) -> ok.
kill(#run{os_pid = OsPid}) ->
    gen_cluster_program:kill(OsPid).

%% Has it leave and waits, so that its node name is free for the next.
-spec leave(timeout(), run()) -> ok.
leave(TimeoutMs, #run{port = Port} = Run) ->
    _ = send(stop, Run),
    receive
        {Port, {exit_status, _}} -> ok;
        {'EXIT', Port, _} -> ok
    after TimeoutMs ->
        kill(Run)
    end.

%% At the end of its input the program leaves.
-spec close(run()) -> ok.
close(#run{port = Port}) ->
    try port_close(Port) of
        true -> ok
    catch
        error:badarg -> ok
    end.

-spec put_status(run(), map()) -> map().
put_status(#run{} = Run, Status) ->
    Status#{program => unicode:characters_to_binary(Run#run.path), version => Run#run.version,
            os_pid => Run#run.os_pid, cnode => Run#run.cnode, owner => Run#run.owner,
            up_ms => now_ms() - Run#run.since}.

-spec describe(run()) -> iolist().
describe(#run{cnode = CNode, path = Path, version = Version, os_pid = OsPid}) ->
    io_lib:format("~ts (~ts, version ~tP, pid ~p)", [CNode, Path, Version, 10, OsPid]).

now_ms() ->
    erlang:monotonic_time(millisecond).
