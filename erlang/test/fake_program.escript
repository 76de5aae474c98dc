#!/usr/bin/env escript
%%! -noinput -start_epmd false
%% A FAKE gen_cluster program, for tests: it speaks the protocol of the port, does no clustering, and
%% fails as it is told to by GC_FAKE:
%%   good            does what is asked (config: the start packet as it came; peers: its env)
%%   die | die_hello | die_started    ends with status 3: at once, after hello, after started
%%   kill_started    SIGKILLs itself after started
%%   exit_78         refuses without a word
%%   refuse          refuses any options; refuse_bad: options that have {bad, _}
%%   silent          says nothing; hello_only: nothing after hello. Both stay on after end of input.
%%   junk            bytes that are no packets; junk_packet: no term; junk_running: that, once it runs
%%   stranger        packets of another protocol
%%   mute            never answers a call
%%   slow            answers each call 300 ms late
%%   flood           5000 log lines once it runs
%%   chatter         unknown packets, log lines of odd shapes, an answer nobody asked for; then good
-mode(compile).

main(_) ->
    Mode = list_to_atom(os:getenv("GC_FAKE", "good")),
    Port = case Mode of
               junk -> open_port({fd, 0, 1}, [binary, eof]);
               _ -> open_port({fd, 0, 1}, [{packet, 4}, binary, eof])
           end,
    begin_as(Mode, Port),
    loop(Mode, Port, none).

begin_as(die, _) -> halt(3);
begin_as(silent, _) -> forever();
begin_as(junk, Port) ->
    port_command(Port, <<"Usage: fake [OPTIONS]\n">>),
    forever();
begin_as(junk_packet, Port) -> port_command(Port, <<"no term">>);
begin_as(stranger, Port) -> send(Port, {welcome, <<"to another program">>});
begin_as(Mode, Port) ->
    send(Port, {hello, #{version => <<"0.0.fake">>, abi => 1, pid => list_to_integer(os:getpid())}}),
    case Mode of
        die_hello -> flush_and_halt(Port, 3);
        hello_only -> forever();
        _ -> ok
    end.

loop(Mode, Port, Start) ->
    receive
        {Port, {data, Packet}} -> loop(Mode, Port, on(binary_to_term(Packet), Mode, Port, Start));
        {Port, eof} -> halt(0);
        {answer, Id, Reply} -> send(Port, {reply, Id, Reply}), loop(Mode, Port, Start)
    end.

on({start, #{options := Options} = Start}, Mode, Port, none) ->
    refuse(Mode, Options, Port, error) andalso flush_and_halt(Port, 78),
    Mode =:= exit_78 andalso flush_and_halt(Port, 78),
    send(Port, {log, info, <<"fake">>, <<"configured">>}),
    send(Port, {started, list_to_atom("gc_" ++ atom_to_list(maps:get(owner, Start)))}),
    run(Mode, Port),
    Start;
on({reload, Options}, Mode, Port, Start) ->
    case refuse(Mode, Options, Port, reloaded) of
        true -> Start;
        false -> send(Port, {reloaded, ok}), Start#{options => Options}
    end;
on({call, Id, Request}, Mode, Port, Start) ->
    Reply = case Request of
                config -> Start;
                peers -> os:getenv();
                _ -> {fake, Request}
            end,
    case Mode of
        mute -> ok;
        slow -> erlang:send_after(300, self(), {answer, Id, Reply});
        _ -> send(Port, {reply, Id, Reply})
    end,
    Start;
on(stop, _, _, _) ->
    halt(0).

refuse(refuse, _, Port, How) -> refuse(Port, How);
refuse(refuse_bad, Options, Port, How) ->
    lists:keymember(bad, 1, Options) andalso refuse(Port, How);
refuse(_, _, _, _) -> false.

refuse(Port, error) -> send(Port, {error, <<"key bad: not known">>}), true;
refuse(Port, reloaded) -> send(Port, {reloaded, {error, <<"key bad: not known">>}}), true.

run(die_started, Port) -> flush_and_halt(Port, 3);
run(kill_started, _) -> os:cmd("kill -KILL " ++ os:getpid());
run(junk_running, Port) -> port_command(Port, <<131, 255>>);
run(flood, Port) ->
    [send(Port, {log, notice, <<"fake">>, integer_to_binary(N)}) || N <- lists:seq(1, 5000)];
run(chatter, Port) ->
    [send(Port, T) || T <- [{log, shout, "area", {no, text}}, {reply, 77, ok}, {reloaded, ok}, what,
                            {news, <<"of a later version">>}]];
run(_, _) -> ok.

forever() ->
    receive after infinity -> ok end.

send(Port, Term) ->
    port_command(Port, term_to_binary(Term)).

flush_and_halt(Port, Status) ->
    %% The fd driver writes as it is told; what is left in its queue goes out before the port closes.
    port_close(Port),
    halt(Status).
