%% A real Erlang that a unit test asks what it thinks of bytes and texts (oracle.h). Packets of 4 bytes
%% length on stdin and stdout: a letter and its argument in, the answer out.
-module(oracle).
-export([start/1]).

start(Dir) ->
    Port = open_port({fd, 0, 1}, [{packet, 4}, binary, eof]),
    File = filename:join(Dir, "text"),
    ok = filelib:ensure_dir(File),
    loop(Port, File).

loop(Port, File) ->
    receive
        {Port, {data, <<Letter, Arg/binary>>}} ->
            port_command(Port, answer(Letter, Arg, File)),
            loop(Port, File);
        {Port, eof} ->
            halt(0)
    end.

%% Many terms without version byte: for each, whether it is one and how many bytes it has.
answer($B, Many, _) ->
    [used(Bytes) || <<Len:32, Bytes:Len/binary>> <= Many];
%% Are two of them the same term?
answer($E, <<Len:32, A:Len/binary, B/binary>>, _) ->
    bool(to_term(A) =:= to_term(B));
%% Any term, by any of the formats that this release writes.
answer($G, <<Seed:64>>, _) ->
    rand:seed(exsss, Seed),
    <<131, Bytes/binary>> = term_to_binary(any(rand:uniform(6)), option()),
    Bytes;
%% Any term that a configuration file can hold, as text.
answer($T, <<Seed:64>>, _) ->
    rand:seed(exsss, Seed),
    Format = pick(["~tp.", "~0tp.~n", "~tw .%x~n", " %% c~n~60tp~n.\n"]),
    unicode:characters_to_binary(io_lib:format(Format, [plain(rand:uniform(6))]));
answer($P, Bytes, _) ->
    unicode:characters_to_binary(io_lib:format("~0tp", [to_term(Bytes)]));
%% What file:consult/1 makes of a text.
answer($C, Text, File) ->
    ok = file:write_file(File, Text),
    try file:consult(File) of
        {ok, [Term]} ->
            <<131, Bytes/binary>> = term_to_binary(Term),
            [1, Bytes];
        _ ->
            <<0>>
    catch
        _:_ -> <<0>>
    end.

to_term(Bytes) ->
    binary_to_term(<<131, Bytes/binary>>).

used(Bytes) ->
    try binary_to_term(<<131, Bytes/binary>>, [used]) of
        {_, Used} -> <<1, (Used - 1):32>>
    catch
        error:_ -> <<0, 0:32>>
    end.

bool(true) -> <<1>>;
bool(false) -> <<0>>.

option() ->
    pick([[], [], [{minor_version, 0}], [{minor_version, 1}], [{minor_version, 2}]]).

pick(List) ->
    lists:nth(rand:uniform(length(List)), List).

times(Max, Make) ->
    [Make() || _ <- lists:seq(1, rand:uniform(Max + 1) - 1)].

any(0) ->
    (pick([fun leaf/0, fun leaf/0, fun odd/0]))();
any(Depth) ->
    case rand:uniform(8) of
        1 -> [any(Depth - 1) | pick([improper, <<1:3>>, 7, 1.5])];
        2 -> fun_with(any(Depth - 1));
        _ -> container(Depth, fun any/1)
    end.

plain(0) -> leaf();
plain(Depth) -> container(Depth, fun plain/1).

container(Depth, Make) ->
    Below = fun() -> Make(rand:uniform(Depth) - 1) end,
    case rand:uniform(4) of
        1 -> list_to_tuple(times(5, Below));
        2 -> times(5, Below);
        3 -> maps:from_list(times(4, fun() -> {Below(), Below()} end));
        4 -> leaf()
    end.

%% Compiled, so that it carries nothing but its variable.
fun_with(X) -> fun() -> X end.

leaf() ->
    case rand:uniform(12) of
        1 -> rand:uniform(600) - 300;
        2 -> pick([1, -1]) * (rand:uniform(1 bsl 40) bsl rand:uniform(30));
        3 -> pick([1, -1]) * (rand:uniform(1 bsl 60) bsl (rand:uniform(200) - 1));
        4 -> pick([1, -1]) * rand:uniform() * math:pow(10, rand:uniform(600) - 300);
        5 -> pick([0.0, 1.0, 100.0, 1.0e3, 0.001, 1.5e-7, 123456.75, 9007199254740992.0]);
        6 -> list_to_atom(text(20));
        7 -> pick([a, ok, 'if', '', 'A b', 'é', 'x@h.example', true, undefined, 'don\'t', 'n\nl']);
        8 -> text(30);
        9 -> unicode:characters_to_binary(text(30));
        10 -> list_to_binary(times(20, fun() -> rand:uniform(256) - 1 end));
        11 -> pick([[], {}, #{}, <<>>, "", "abc", [1, 2, 3], [256], "\e\t\\\"", lists:seq(0, 255)]);
        12 -> times(6, fun() -> rand:uniform(300) end)
    end.

odd() ->
    case rand:uniform(7) of
        1 -> self();
        2 -> make_ref();
        3 -> hd(erlang:ports());
        4 -> fun lists:map/2;
        5 -> <<(rand:uniform(1 bsl 20)):(8 * rand:uniform(3) + rand:uniform(7))>>;
        6 -> 1 bsl (rand:uniform(5000));
        7 -> pid_of(pick([<<"a@h">>, <<"x-1@10.0.0.1">>]))
    end.

%% A pid, port or reference of another node, in an older and in the newer format.
pid_of(Node) ->
    Name = <<119, (byte_size(Node)), Node/binary>>,
    All = [<<103, Name/binary, 7:32, 2:32, 1>>,
           <<88, Name/binary, -1:32, -1:32, -1:32>>,
           <<102, Name/binary, 7:32, 1>>,
           <<89, Name/binary, 7:32, 99:32>>,
           <<120, Name/binary, (1 bsl 40):64, 99:32>>,
           <<114, 3:16, Name/binary, 1, 7:32, 8:32, 9:32>>,
           <<90, 5:16, Name/binary, 99:32, 1:32, 2:32, 3:32, 4:32, 5:32>>],
    to_term(pick([Bytes || Bytes <- All, used(Bytes) =/= <<0, 0:32>>])). % not all in release 23

text(Max) ->
    Alphabet = "abcdefghijklmnopqrstuvwxyz ABC_@.,'\"\\\n\t0123456789éßÿ☺€𝄞" ++ [0, 127, 128, 160, 27],
    lists:sublist(times(Max, fun() -> pick(Alphabet) end), 255).
