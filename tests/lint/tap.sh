# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the lint tests share: where the tree is, and TAP.  A test sources this
# file, calls check for each case and report at its end.

lint_dir=$(dirname "$0")
: "${top_srcdir:=$(cd "$lint_dir/../.." && pwd)}"
: "${top_builddir:=$top_srcdir/build}"
cases=0
failures=0
cd "$top_srcdir" || exit 99

# check NAME COMMAND...: one case; what a failing command printed says why.
check() {
	case_name=$1
	shift
	cases=$((cases + 1))
	if output=$("$@" 2>&1); then
		echo "ok $cases - $case_name"
	else
		echo "not ok $cases - $case_name"
		printf '%s\n' "$output" | sed 's/^/# /'
		failures=$((failures + 1))
	fi
}

# skip NAME REASON: one case that cannot be run here.
skip() {
	cases=$((cases + 1))
	echo "ok $cases - $1 # SKIP $2"
}

# skip_all REASON: end the test without any case.
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# require TOOL PACKAGE: skip the whole test when the tool is missing.
require() {
	command -v "$1" >/dev/null || skip_all "$1 is missing (Debian: $2)"
}

report() {
	echo "1..$cases"
	exit $((failures > 0))
}

# sources DIRECTORY...: all C files below, sorted.
sources() {
	find "$@" -name '*.[ch]' | LC_ALL=C sort
}

# rooms DIRECTORY...: the directories below that have C files.  A tool that is
# started once for all files of a room is so much faster than one for each.
rooms() {
	sources "$@" | sed 's|/[^/]*$||' | LC_ALL=C sort -u
}

# sources_in ROOM: its C files, and not those of rooms below.
sources_in() {
	sources "$1" -maxdepth 1
}
