#!/bin/sh
# SPDX-License-Identifier: MIT
# scan-build, clang's static analyzer, finds nothing in the programs.
. "$(dirname "$0")/../lint/tap.sh"

require scan-build clang-tools
[ -f "$top_builddir/config.h" ] || skip_all "no config.h in $top_builddir"
: "${LINT_CPPFLAGS=-I$top_srcdir/src -I$top_builddir}"

scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT

# It puts a compiler of its own into $CC, and the findings into its report.
analyze() {
	# shellcheck disable=SC2016,SC2086 # expanded there; flags are words
	scan-build -o "$scratch" --status-bugs --use-cc=clang \
		--exclude /usr/include sh -c '"$CC" "$@"' compiler \
		-std=gnu11 -O0 $LINT_CPPFLAGS -c -o "$scratch/object" "$1"
}

for file in $(sources src | grep '\.c$'); do
	check "scan-build $file" analyze "$file"
done
report
