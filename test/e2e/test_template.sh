#!/bin/sh
# The public header and the plugin template, against an installed tree: make install into a directory of our own,
# the header alone as C99, C11 and C++, the template with its own Makefile, its plugins loaded and asked by
# the installed program, the push one by a datagram.
set -eu
builddir=${GC_BUILDDIR:?} srcdir=${GC_SRCDIR:?}
unset MAKEFLAGS MFLAGS MAKELEVEL GEN_CLUSTER_PLUGIN_DIR 2>/dev/null || :
if ! command -v pkg-config >/dev/null; then
	echo "skipped: no pkg-config"
	exit 77
fi
dir=$(mktemp -d /tmp/gc_test_template.XXXXXX)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
	echo "FAILED: $*"
	exit 1
}

make -s -C "$builddir" install DESTDIR="$dir/root" >"$dir/install.log" 2>&1 ||
	{ cat "$dir/install.log"; fail "make install"; }
pc=$(find "$dir/root" -name gen_cluster.pc)
prefix=$dir/root$(sed -n 's/^prefix=//p' "$pc")
PKG_CONFIG="pkg-config --define-variable=prefix=$prefix"
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG PKG_CONFIG_PATH
cflags=$($PKG_CONFIG --cflags gen_cluster)
[ -f "$($PKG_CONFIG --variable=plugindir gen_cluster)/static.so" ] || fail "static.so is not in plugindir"

# ---- the header stands alone ----
cat >"$dir/alone.c" <<'C'
#include <gen_cluster/gc_plugin.h>
GC_PLUGIN_DEFINE(.name = "alone", .version = "1", .summary = "nothing but the header")
C
cat >"$dir/alone.cc" <<'C'
#include <gen_cluster/gc_plugin.h>
static_assert(sizeof(gc_plugin) > offsetof(gc_plugin, dist), "C++ knows the structs");
int has_push(const gc_host *host) { return GC_HAS(host, push); }
C
compiled=0
compile() {
	command -v "$1" >/dev/null || return 0
	# shellcheck disable=SC2086
	"$@" $cflags -Wall -Wextra -Wpedantic -pedantic-errors -Werror -fsyntax-only || fail "header: $*"
	compiled=$((compiled + 1))
}
for cc in gcc clang; do
	for std in c99 c11 gnu11 c17; do
		compile $cc -std=$std "$dir/alone.c"
	done
done
for cxx in g++ clang++; do
	for std in c++11 c++17 c++20; do
		compile $cxx -std=$std "$dir/alone.cc"
	done
done
[ $compiled -gt 0 ] || fail "no compiler"
echo "the header compiles alone in $compiled ways"

# ---- the template builds alone ----
cp -r "$srcdir/plugins/template" "$dir/template"
chmod -R u+w "$dir/template"
chmod 755 "$dir/template"
make -s -C "$dir/template" CFLAGS="-O2 -Wall -Wextra -Werror" || fail "make in the template"

gen_cluster=$(find "$dir/root" -type f -name gen_cluster -perm -u+x | head -n 1)
GEN_CLUSTER_PLUGIN_DIR=$dir/template
export GEN_CLUSTER_PLUGIN_DIR

ask() { # expected line, discovery, options
	"$gen_cluster" discover "$2" "$3" --owner me@here >"$dir/out" 2>"$dir/err" ||
		{ cat "$dir/out" "$dir/err"; fail "discover $2"; }
	grep -qx "$1" "$dir/out" || { cat "$dir/out" "$dir/err"; fail "discover $2 does not say: $1"; }
}
printf 'a@host1\nhost2\n' >"$dir/hello"
ask "hello: complete, 2 peers" hello "#{path => \"$dir/hello\"}"
ask "  me@host2" "$dir/template/hello.so" "\"$dir/hello\""
ask "  me@127.0.0.1" hello_async "\"127.0.0.1\""
if "$gen_cluster" discover hello "\"$dir/nosuch\"" >"$dir/out" 2>&1; then
	fail "a missing file is no failure"
fi
grep -q "hello: error, 0 peers: $dir/nosuch: No such file" "$dir/out" || { cat "$dir/out"; fail "no reason"; }
"$gen_cluster" plugins hello_push | grep -q "UDP port on 127.0.0.1" || fail "plugins hello_push"

# ---- push: the answer comes when the datagram does ----
if command -v python3 >/dev/null; then
	timeout 30 python3 - "$gen_cluster" <<'PY' || fail "push"
import select, socket, subprocess, sys
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.bind(("127.0.0.1", 0))
port = probe.getsockname()[1]
probe.close()
p = subprocess.Popen([sys.argv[1], "discover", "hello_push", str(port), "--owner", "me@here"], stdout=subprocess.PIPE)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while not select.select([p.stdout], [], [], 0.1)[0]:  # until it listens and has answered
    s.sendto(b"a@host1 host2\n", ("127.0.0.1", port))
out = p.communicate(timeout=20)[0].decode()
assert "hello_push: complete, 2 peers" in out and "  me@host2" in out, out
assert p.returncode == 0, p.returncode
PY
fi
echo "the template builds and works"
