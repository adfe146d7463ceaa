#!/bin/sh
# SPDX-License-Identifier: MIT
# gcc -fanalyzer finds nothing in the programs.
. "$(dirname "$0")/../lint/tap.sh"

require gcc gcc
[ -f "$top_builddir/config.h" ] || skip_all "no config.h in $top_builddir"
: "${LINT_CPPFLAGS=-I$top_srcdir/src -I$top_builddir}"

# Optimized as what is installed: it sees through what is inlined.
analyze() {
	# shellcheck disable=SC2086 # flags are words
	gcc -std=gnu11 -O2 -fanalyzer -Werror $LINT_CPPFLAGS -c -o /dev/null "$1"
}

for file in $(sources src | grep '\.c$'); do
	check "gcc -fanalyzer $file" analyze "$file"
done
report
