%% @private
%% The program at the other end of the port: where it is, how it is started, what passes between.
%% The protocol is that of src/port.h in the sources of the program: packets with a length of four
%% bytes, an external term in each.
-module(gen_cluster_program).

-export([find/1, open/1, send/2, start_packet/3, decode/1, describe_exit/1, kill/1]).

-define(NAME, "gen_cluster").
-define(ENV, "GEN_CLUSTER_PROGRAM").

%% Where the program is. A path that was given (option, application environment, GEN_CLUSTER_PROGRAM)
%% is taken or refused; without one it is priv/bin/gen_cluster, else the first in PATH. A name without
%% a slash is looked for in PATH.
-spec find(Option :: term()) -> {ok, file:filename()} | {error, Text :: string()}.
find(Option) ->
    case given(Option) of
        {Origin, Path} -> find_given(Origin, Path);
        none -> find_usual(usual())
    end.

given(undefined) ->
    case application:get_env(gen_cluster, program) of
        {ok, Path} -> {"application environment, program", Path};
        undefined -> given_in_env()
    end;
given(Path) ->
    {"option program", Path}.

given_in_env() ->
    case os:getenv(?ENV) of
        Unset when Unset =:= false; Unset =:= "" -> none;
        Path -> {?ENV, Path}
    end.

find_given(Origin, Given) ->
    try executable(unicode:characters_to_list(Given)) of
        false -> {error, text("no program ~tp (~ts)", [Given, Origin])};
        Path -> {ok, Path}
    catch
        error:_ -> {error, text("~ts: ~tP is not a path", [Origin, Given, 10])}
    end.

find_usual(Places) ->
    case [Path || Path <- lists:map(fun executable/1, Places), Path =/= false] of
        [Path | _] -> {ok, Path};
        [] -> {error, text("no program: looked for ~ts in PATH; ~ts, option program and "
                           "application environment not set",
                           [lists:join(", ", Places), ?ENV])}
    end.

usual() ->
    case code:priv_dir(gen_cluster) of
        {error, bad_name} -> [?NAME];
        Dir -> [filename:join([Dir, "bin", ?NAME]), ?NAME]
    end.

%% os:find_executable/1 looks at a path with a slash as it is, but for a relative one.
executable(Path) ->
    case lists:member($/, Path) of
        true -> os:find_executable(filename:absname(Path));
        false -> os:find_executable(Path)
    end.

-spec open(file:filename()) ->
          {ok, port(), OsPid :: non_neg_integer() | undefined} | {error, Text :: string()}.
open(Path) ->
    try open_port({spawn_executable, Path}, port_settings()) of
        Port ->
            case erlang:port_info(Port, os_pid) of
                {os_pid, OsPid} -> {ok, Port, OsPid};
                undefined -> {ok, Port, undefined}
            end
    catch
        error:Reason -> {error, text("cannot start ~ts: ~tp", [Path, Reason])}
    end.

%% GEN_CLUSTER_PROGRAM is for us; the program takes GEN_CLUSTER_* for options.
port_settings() ->
    [{args, ["port"]}, {packet, 4}, binary, exit_status, use_stdio, hide, {env, [{?ENV, false}]}].

%% The term must not be in a stack trace or a report: it may hold the cookie. False: the program does
%% not read, or is gone.
-spec send(port(), iodata()) -> boolean().
send(Port, Packet) ->
    try port_command(Port, Packet, [nosuspend])
    catch error:_ -> false
    end.

%% Made here so that the cookie is in no other function's arguments. It cannot be had when it has
%% characters over 255, or when the distribution is being stopped.
-spec start_packet(Owner :: node(), list(), fun(() -> atom())) ->
          {ok, binary()} | {error, bad_cookie}.
start_packet(Owner, Options, Cookie) ->
    try atom_to_binary(Cookie(), latin1) of
        Bytes ->
            {ok, term_to_binary({start, #{owner => Owner, cookie => Bytes, name => undefined,
                                          options => Options}})}
    catch
        _:_ -> {error, bad_cookie}
    end.

%% The program is trusted as far as that names of nodes become atoms: it has counted them (max_peers).
-spec decode(binary()) -> {ok, term()} | error.
decode(Packet) ->
    try {ok, binary_to_term(Packet)}
    catch error:badarg -> error
    end.

-spec describe_exit(non_neg_integer()) -> string().
describe_exit(Status) when Status > 128 ->
    text("killed by signal ~b", [Status - 128]);
describe_exit(Status) ->
    text("exit status ~b", [Status]).

%% Only for a program whose exit has not been told yet: so the number is still its own.
-spec kill(OsPid :: non_neg_integer() | undefined) -> ok.
kill(undefined) ->
    ok;
kill(OsPid) ->
    try os:cmd("kill -KILL " ++ integer_to_list(OsPid) ++ " 2>/dev/null") of
        _ -> ok
    catch
        error:_ -> ok
    end.

text(Format, Args) ->
    lists:flatten(io_lib:format(Format, Args)).
