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
seccomp=there
# shellcheck disable=SC2086 # flags are words
echo '#include <seccomp.h>' | clang $LINT_CPPFLAGS -E -o /dev/null - 2>&1 |
	grep -q 'file not found' && seccomp=
for file in $(sources src tests/fuzz | grep '\.c$'); do
	case $ECHOD:$ECHOPING:$file in
	*:src/echod/sandbox_calls.c)
		if [ -z "$seccomp" ]; then
			skip "clang-tidy $file" 'there is no libseccomp'
			continue
		fi ;;
	esac
	case $ECHOD:$ECHOPING:$file in
	:*:src/echod/* | *::src/echoping/*)
		skip "clang-tidy $file" 'built without its program' ;;
	*) check "clang-tidy $file" tidy "$file" ;;
	esac
done
report
