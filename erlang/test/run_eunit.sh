#!/bin/sh
# run_eunit.sh [MODULE...]: compiles the OTP application and its tests into a folder of its own and
# runs eunit there, with an epmd port of its own. From any folder; nothing is written elsewhere.
# RUN_IN (a chroot made by test/support/otp_chroot.sh): the same with the Erlang in there, as root.
# GC_E2E_SLOW=N: times N for its time limits, where eunit can (OTP 24).
# Exit: 0 passed, 1 failed, 77 no erl here.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
root=${RUN_IN:-}
tests=${*:-"options dist program log relay server app"}

in_root() { if [ -n "$root" ]; then chroot "$root" "$@"; else "$@"; fi; }

in_root sh -c 'command -v erl && command -v erlc && command -v epmd && command -v escript' >/dev/null || {
	echo "skipped: no erl, erlc, epmd, escript${root:+ in $root}"
	exit 77
}
in_root erl -noinput -eval 'halt(case code:which(eunit) of non_existing -> 1; _ -> 0 end).' || {
	echo "skipped: no eunit (Debian: erlang-eunit)"
	exit 77
}

dir=$(mktemp -d "$root/tmp/gc_eunit.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
mkdir "$dir/ebin"
cp "$here"/src/*.erl "$here"/test/*.erl "$here/test/fake_program.escript" "$dir"
cp "$here/src/gen_cluster.app.src" "$dir/ebin/gen_cluster.app"
chmod +x "$dir/fake_program.escript"
export GC_ERLANG_TEST_DIR="${dir#"$root"}" GC_TESTS="$tests" HOME="${dir#"$root"}"

# The application's version is that of configure.ac, where that is told (make check).
if [ -n "${GC_VERSION:-}" ] && ! grep -q "{vsn, \"$GC_VERSION\"}" "$here/src/gen_cluster.app.src"; then
	echo "gen_cluster.app.src: vsn is not $GC_VERSION"
	exit 1
fi

in_root sh -c '
cd "$GC_ERLANG_TEST_DIR"
erlc -Wall -Werror +debug_info -o ebin *.erl || exit 1
ERL_EPMD_PORT=$(erl -noinput -eval "
	{ok, L} = gen_tcp:listen(0, []), {ok, P} = inet:port(L), io:put_chars(integer_to_list(P)), halt().")
export ERL_EPMD_PORT
# One of our own, up before it is needed: net_kernel:start/1 starts a daemon that outlives us, and does not wait.
epmd >/dev/null 2>&1 &
trap "kill $!" EXIT
tries=0
until epmd -names >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 1000 ] || { echo "epmd does not come up"; exit 1; }
done
erl -noinput -pa ebin -eval "
	Modules = [list_to_atom(\"gen_cluster_\" ++ T ++ \"_tests\")
		   || T <- string:lexemes(os:getenv(\"GC_TESTS\"), \" \")],
	Slow = list_to_integer(hd(string:lexemes(os:getenv(\"GC_E2E_SLOW\", \"1\"), \".\"))),
	io:format(\"OTP ~ts~n\", [erlang:system_info(otp_release)]),
	Results = [begin io:format(\"~ts~n\", [M]), eunit:test(M, [{scale_timeouts, Slow}]) end || M <- Modules],
	halt(case [R || R <- Results, R =/= ok] of [] -> 0; _ -> 1 end)."
'
