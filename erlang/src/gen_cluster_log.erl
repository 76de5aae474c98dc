%% @private
%% Lines into logger, and a limit on how many of them the program may send. They carry `area' as metadata and
%% no domain: the default handler of kernel drops every domain but those of OTP.
-module(gen_cluster_log).

-export([log/3, text/1, new/0, line/4, flush/1]).

-export_type([flow/0]).

-define(LINES_A_SECOND, 500).
-define(LEVELS, [error, warning, notice, info, debug]).

-opaque flow() :: {Second :: integer(), Lines :: non_neg_integer(), Dropped :: non_neg_integer()}.

%% A line of our own.
-spec log(logger:level(), io:format(), [term()]) -> ok.
log(Level, Format, Args) ->
    logger:log(Level, "gen_cluster: " ++ Format, Args, #{area => gen_cluster}).

%% Text as a binary, whatever it is.
-spec text(term()) -> binary().
text(Text) ->
    try unicode:characters_to_binary(Text) of
        Bin when is_binary(Bin) -> Bin;
        _ -> unprintable(Text)
    catch
        error:_ -> unprintable(Text)
    end.

unprintable(Term) ->
    unicode:characters_to_binary(io_lib:format("~tP", [Term, 20])).

-spec new() -> flow().
new() ->
    {second(), 0, 0}.

%% A line of the program, or nothing if there are too many this second.
-spec line(term(), term(), term(), flow()) -> flow().
line(Level, Area, Line, {Second, Lines, Dropped}) ->
    case second() of
        Second when Lines >= ?LINES_A_SECOND ->
            {Second, Lines, Dropped + 1};
        Second ->
            put_line(Level, Area, Line),
            {Second, Lines + 1, Dropped};
        Now ->
            _ = flush({Second, Lines, Dropped}),
            put_line(Level, Area, Line),
            {Now, 1, 0}
    end.

%% Tells how many lines were dropped.
-spec flush(flow()) -> flow().
flush({Second, Lines, Dropped}) when Dropped > 0 ->
    log(warning, "~b log lines of the program dropped: more than ~b a second",
        [Dropped, ?LINES_A_SECOND]),
    {Second, Lines, 0};
flush(Flow) ->
    Flow.

put_line(Level, Area, Line) when is_binary(Area), is_binary(Line) ->
    logger:log(level(Level), "gen_cluster ~ts: ~ts", [Area, Line],
               #{area => Area});
put_line(Level, Area, Line) ->
    logger:log(level(Level), "gen_cluster: ~tP ~tP", [Area, 20, Line, 20],
               #{area => gen_cluster}).

level(Level) ->
    case lists:member(Level, ?LEVELS) of
        true -> Level;
        false -> notice
    end.

second() ->
    erlang:monotonic_time(second).
