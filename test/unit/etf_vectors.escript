#!/usr/bin/env escript
%%! -noinput +pc unicode
%% Writes etf_vectors.h: external terms as a real erl writes them, each with what ~0tp prints of it.
%% escript etf_vectors.escript > etf_vectors.h
-mode(compile).
main(_) ->
    io:setopts([{encoding, unicode}]),
    io:format("/* Made by etf_vectors.escript with OTP ~s. Not to be edited. */~n", [erlang:system_info(otp_release)]),
    io:format("static const struct vector {~n\tconst char *made_by, *bytes;~n\tsize_t len;~n"
              "\tconst char *printed; /* NULL: not as erl prints it */~n} vectors[] = {~n"),
    lists:foreach(fun vectors/1, terms()),
    [old(Text) || Text <- old()],
    io:format("};~n").

%% The same bytes once only.
vectors(Text) ->
    Term = eval(Text),
    Put = fun(Options, Seen) ->
                  <<131, Bytes/binary>> = term_to_binary(Term, Options),
                  [put_vector(lists:flatten(io_lib:format("~ts, ~0p", [Text, Options])), Bytes, Term)
                   || not lists:member(Bytes, Seen)],
                  [Bytes | Seen]
          end,
    lists:foldl(Put, [], [[], [{minor_version, 0}], [{minor_version, 2}]]).

%% Formats that this release reads but does not write any more.
old(Text) ->
    Bytes = eval(Text),
    put_vector(Text, Bytes, binary_to_term(<<131, Bytes/binary>>)).

put_vector(Text, Bytes, Term) ->
    Printed = case re:run(Text, "self|make_ref|ports|fun |:3>>|\\|b|<<88|<<10[1-3]|<<89|<<90|<<114|<<120|<<113|3000") of
                  nomatch -> lists:flatten(io_lib:format("~0tp", [Term]));
                  _ -> none
              end,
    io:format("    {~s, ~s, ~b, ~s},~n", [c(Text), hex(Bytes), byte_size(Bytes), c(Printed)]).

c(none) -> "NULL";
c(Text) -> ["\"", [escape(B) || <<B>> <= unicode:characters_to_binary(Text)], "\""].

escape(B) when B =:= $"; B =:= $\\ -> [$\\, B];
escape(B) when B >= 32, B < 127 -> B;
escape(B) -> io_lib:format("\\~3.8.0b", [B]).

hex(Bytes) ->
    Chunks = [io_lib:format("\"~s\"", [[io_lib:format("\\~3.8.0b", [B]) || B <- Chunk]]) || Chunk <- chunks(binary_to_list(Bytes))],
    lists:join("\n     ", Chunks).

chunks([]) -> [[]];
chunks(L) when length(L) =< 20 -> [L];
chunks(L) -> {A, B} = lists:split(20, L), [A | chunks(B)].

eval(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "."),
    {ok, Exprs} = erl_parse:parse_exprs(Tokens),
    {value, Value, _} = erl_eval:exprs(Exprs, []),
    Value.

terms() ->
    ["0", "255", "256", "-1", "(1 bsl 31) - 1", "1 bsl 31", "-(1 bsl 31)", "-(1 bsl 31) - 1",
     "(1 bsl 63) - 1", "1 bsl 63", "-(1 bsl 63)", "-(1 bsl 63) - 1", "1 bsl 500", "-(1 bsl 3000)",
     "0.0", "-0.0", "1.0", "1.5e300", "-2.2250738585072014e-308", "1.0e3", "0.1", "123456.75",
     "a", "'A b'", "'if'", "''", "[]", "'\\x{e9}'", "'\\x{20ac}'", "list_to_atom(lists:duplicate(255, $x))",
     "list_to_atom(lists:duplicate(255, 16#20ac))", "true",
     "\"abc\"", "[16#e9]", "[16#263a]", "[1,2,3]", "lists:seq(0, 255)", "[a|b]", "[[]]", "[1000,-1]",
     "[55296]", "lists:duplicate(300, 256)", "[{a,1},{b,[c]}]",
     "{}", "{a}", "{a,{b,{c}}}", "list_to_tuple(lists:seq(1, 260))",
     "#{}", "#{a => 1}", "#{<<\"k\">> => #{x => []}}", "#{1 => a,1.0 => b}",
     "<<>>", "<<\"abc\">>", "<<195,169>>", "<<233>>", "<<0,1,2>>", "<<5:3>>", "<<1,2,5:3>>",
     "self()", "make_ref()", "hd(erlang:ports())", "fun lists:map/2", "{a,self(),[make_ref()]}"].

old() ->
    ["<<100,0,3,\"a\",233,\"b\">>", "<<115,2,233,233>>", "<<100,0,0>>",
     "<<103,100,0,3,\"a@b\",7:32,2:32,3>>", "<<88,119,3,\"a@b\",-1:32,-1:32,-1:32>>",
     "<<102,100,0,3,\"a@b\",7:32,3>>", "<<89,119,3,\"a@b\",7:32,9:32>>", "<<120,119,3,\"a@b\",-1:64,9:32>>",
     "<<101,100,0,3,\"a@b\",7:32,3>>", "<<114,3:16,100,0,3,\"a@b\",1,7:32,8:32,9:32>>",
     "<<90,1:16,119,3,\"a@b\",9:32,1:32>>", "<<90,5:16,119,3,\"a@b\",9:32,1:32,2:32,3:32,4:32,5:32>>",
     "<<99,\"1.50000000000000000000e+00\",0,0,0,0,0>>", "<<99,\"+1,5\",0:216>>",
     "<<110,0,0>>", "<<110,2,1,5,0>>", "<<110,9,0,0:72>>", "<<111,1:32,1,5>>", "<<111,9:32,0,0:64,1>>",
     "<<105,1:32,97,1>>", "<<107,0:16>>", "<<108,0:32,106>>", "<<108,1:32,97,1,108,1:32,98,500:32,106>>",
     "<<108,1:32,97,1,107,2:16,2,3>>", "<<77,1:32,8,5>>",
     "<<113,119,1,\"m\",119,1,\"f\",97,2>>"].
