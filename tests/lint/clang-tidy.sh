#!/bin/sh
# SPDX-License-Identifier: MIT
# clang-tidy finds nothing in the programs and in the fuzz targets.
. "$(dirname "$0")/tap.sh"

require clang-tidy clang-tidy
[ -f "$top_builddir/config.h" ] || skip_all "no config.h in $top_builddir"
: "${LINT_CPPFLAGS=-I$top_srcdir/src -I$top_srcdir/tests -I$top_builddir}"

tidy() {
	# shellcheck disable=SC2086 # flags are words
	clang-tidy --quiet "$1" -- -std=gnu11 $LINT_CPPFLAGS
}

: "${ECHOD=$top_builddir/echod}"
: "${ECHOPING=$top_builddir/echoping}"
for file in $(sources src tests/fuzz | grep '\.c$'); do
	case $ECHOD:$ECHOPING:$file in
	:*:src/echod/* | *::src/echoping/*)
		skip "clang-tidy $file" 'built without its program' ;;
	*) check "clang-tidy $file" tidy "$file" ;;
	esac
done
report
