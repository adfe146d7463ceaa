# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Debian roots, built once and kept, one for each recipe; and the running of
# children by scripts that end them, whatever ends the script. Whoever reads it
# has set builddir and results, and calls stop_child when it ends.
: "${builddir:?}" "${results:?}"

roots=${ECHOD_SYSTEM_ROOTS:-$builddir/system-root}
child= # process id of a program that runs

say() {
	echo "# $*"
}

skip() {
	echo "1..0 # SKIP $*"
	exit 77
}

# What went wrong, and the log that tells more.
bail() {
	tail -n 20 "$2" | sed 's/^/# /'
	echo "Bail out! $1 (see $2)"
	exit 1
}

# Run something so that a signal to this script need not wait for its end, in
# a process group of its own: what is typed at the terminal comes here alone.
run_child() {
	local status=0

	set -m
	"$@" </dev/null &
	set +m
	child=$!
	wait "$child" || status=$?
	child=
	return "$status"
}

# End it, if there is one, with all that it started.
stop_child() {
	if [ -n "$child" ]; then
		kill -- "-$child" 2>/dev/null || :
		wait "$child" 2>/dev/null || :
	fi
}

# One run at a time uses them.
lock_roots() {
	mkdir -p "$roots" "$results"
	exec 9>"$roots/lock"
	flock --nonblock 9 ||
		{ say "waiting for another run" && run_child flock 9; }
}

# Programs built here run there, so it has to be the same release.
debian_release() {
	# shellcheck source=/dev/null
	(. /etc/os-release && [ "$ID" = debian ] && echo "$VERSION_CODENAME") ||
		echo bookworm
}

# How this machine reaches its packages goes for the new root as well.
write_apt_options() {
	apt-config --format '%F "%v";%n' dump |
		grep -E '^Acquire::(https?::|Check-)' || :
}

# Sets root, made by mmdebstrap with these options. Its name tells them, so that
# a new recipe is a new root.
build_root() {
	local recipe=$1 name

	name=$(debian_release)-$(sha256sum <<<"$recipe" | head -c 12)
	root=$roots/$name
	[ ! -d "$root" ] || return 0

	say "building a Debian root in $root (once, a minute)"
	rm -rf "$roots"/*.partial
	write_apt_options >"$roots/apt.conf"
	# shellcheck disable=SC2086 # the recipe is several words
	run_child mmdebstrap --quiet --aptopt="$roots/apt.conf" $recipe \
		"$root.partial" >"$roots/log" 2>&1 ||
		bail "mmdebstrap failed" "$roots/log"
	mv "$root.partial" "$root"
}
