#!/usr/bin/env escript
%% Writes terms as BERT with Erlang's own encoder: `MINOR_VERSION complex|plain TERM.` a line, answered in hexadecimal.
-mode(compile).

main([]) ->
    ok = io:setopts(standard_io, [{encoding, unicode}]),
    answer(io:get_line("")).

answer(Line) when is_list(Line) ->
    io:format("~ts~n", [catch written(string:trim(Line))]),
    answer(io:get_line(""));
answer(_) -> ok.

written(Line) ->
    [Version, Spelling, Source] = re:split(Line, " ", [{parts, 3}, {return, list}, unicode]),
    {ok, Tokens, _} = erl_scan:string(Source),
    {ok, Term} = erl_parse:parse_term(Tokens),
    Spelt = case Spelling of "complex" -> complex(Term); "plain" -> Term end,
    Bytes = term_to_binary(Spelt, [{minor_version, list_to_integer(Version)}]),
    [io_lib:format("~2.16.0b", [Byte]) || <<Byte>> <= Bytes].

%% What BERT's own library does before it calls term_to_binary.
complex([]) -> {bert, nil};
complex(true) -> {bert, true};
complex(false) -> {bert, false};
complex(List) when is_list(List) -> [complex(Each) || Each <- List];
complex(Tuple) when is_tuple(Tuple) -> list_to_tuple([complex(Each) || Each <- tuple_to_list(Tuple)]);
complex(Other) -> Other.
