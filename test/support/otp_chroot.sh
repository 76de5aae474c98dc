#!/bin/sh
# otp_chroot.sh SUITE DIR: makes, unless it is there already, a minimal Debian chroot with an Erlang
# of another release in DIR, for interoperability tests, and prints that release as its last line.
#
#   bullseye OTP 23   bookworm OTP 25   trixie OTP 27   sid OTP 29
#
# Packages come from where apt on this machine gets its own: the mirror is read from apt's
# configuration (or GC_CHROOT_MIRROR). GC_CHROOT_PACKAGES adds packages, separated by commas.
# Two callers at a time are safe: the second waits. DIR appears only when it is complete.
# Run something in it:  chroot DIR erl ...   (nothing is mounted; erl needs neither /proc nor /sys.)
# Exit: 0 made or there, 77 cannot be made here (the reason is printed), 2 usage.
set -u

skip() { echo "otp_chroot: cannot make a chroot of $suite: $*" >&2; exit 77; }

# The first archive of Debian proper that apt uses; its security and third-party archives are not whole.
apt_mirror() {
	apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
		sed -n 's/^Debian Debian //p' | head -n 1
}

# A setting of apt on this machine, or nothing.
apt_setting() {
	apt-config dump "$1" 2>/dev/null | sed -n 's/^[^ ]* "\(.*\)";$/\1/p'
}

apt_in_chroot() {
	chroot "$dir" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
		-o "Acquire::http::Proxy=$(apt_setting Acquire::http::Proxy)" \
		-o "Acquire::Check-Date=$(apt_setting Acquire::Check-Date)" \
		-o "Acquire::Check-Valid-Until=$(apt_setting Acquire::Check-Valid-Until)" "$@"
}

otp_release() {
	chroot "$1" erl -noinput -boot start_clean \
		-eval 'io:put_chars(erlang:system_info(otp_release)), halt().' 2>/dev/null
}

make_chroot() {
	[ "$(id -u)" = 0 ] || skip "debootstrap and chroot need root"
	command -v debootstrap >/dev/null || skip "no debootstrap"
	mirror=${GC_CHROOT_MIRROR:-$(apt_mirror)}
	[ -n "$mirror" ] || skip "apt knows no Debian mirror (set GC_CHROOT_MIRROR)"
	proxy=$(apt_setting Acquire::http::Proxy)
	[ -z "$proxy" ] || { http_proxy=$proxy; export http_proxy; }
	rm -rf --one-file-system "$dir.partial"
	debootstrap --variant=minbase --include="$packages" "$suite" "$dir.partial" "$mirror" \
		>"$dir.log" 2>&1 || skip "debootstrap failed: $(tail -n 1 "$dir.log") (see $dir.log)"
	rm -rf "$dir.partial"/var/cache/apt/archives/*.deb "$dir.partial"/var/lib/apt/lists/*
	cp /etc/hosts "$dir.partial/etc/hosts" # host names as here
	[ -n "$(otp_release "$dir.partial")" ] || skip "erl does not run in it"
	mv "$dir.partial" "$dir" && rm -f "$dir.log"
}

is_complete() {
	for package in $(echo "$packages" | tr , ' '); do
		state=$(dpkg-query --admindir="$dir/var/lib/dpkg" -W -f '${db:Status-Status}' "$package" 2>/dev/null)
		[ "$state" = installed ] || return 1
	done
}

# For a chroot that an earlier version of this script has made, or with other GC_CHROOT_PACKAGES.
add_packages() {
	[ "$(id -u)" = 0 ] || skip "chroot needs root"
	# shellcheck disable=SC2046 # one word a package
	{ apt_in_chroot update && apt_in_chroot install $(echo "$packages" | tr , ' '); } >"$dir.log" 2>&1 ||
		skip "apt-get failed: $(tail -n 1 "$dir.log") (see $dir.log)"
	rm -rf "$dir"/var/cache/apt/archives/*.deb "$dir"/var/lib/apt/lists/* "$dir.log"
}

[ $# = 2 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
suite=$1 dir=${2%/}
# erlang-dev has the header files of eunit; erlang-ssl is for distribution over TLS.
packages=erlang-base,erlang-eunit,erlang-dev,erlang-ssl${GC_CHROOT_PACKAGES:+,$GC_CHROOT_PACKAGES}
mkdir -p "$(dirname "$dir")" || skip "no folder for it"
exec 9>"$dir.lock" || skip "no lock file"
flock 9
[ -x "$dir/usr/bin/erl" ] || make_chroot
is_complete || add_packages
otp_release "$dir" && echo
