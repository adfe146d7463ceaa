#!/bin/sh
# SPDX-License-Identifier: MIT
# Every file is named in a makefile: a test that is not would never run, and
# what is not would be missing from the distribution.
. "$(dirname "$0")/tap.sh"

makefiles='Makefile.am completions/local.mk src/local.mk systemd/local.mk
	tests/local.mk tests/analysis/local.mk tests/unit/local.mk'

files() {
	find completions src tests systemd man -type f \
		! -path '*/corpus/*' ! -path '*/__pycache__/*' ! -name '*.log' \
		! -name '*.trs' ! -name '*.[oa]' ! -name '.*' ! -name '*.mk' |
		LC_ALL=C sort
}

# A program may be named without .c, a generated file without .in.
is_listed() {
	# shellcheck disable=SC2086 # names are words
	sed 's/#.*//' $makefiles | tr -s ' \t\\' '\n' |
		grep -qxF -e "$1" -e "${1%.c}" -e "${1%.in}"
}

all_are_listed() {
	bad=0
	for file in $(files); do
		is_listed "$file" || { echo "$file is in no makefile"; bad=1; }
	done
	return "$bad"
}

all_are_there() {
	bad=0
	# shellcheck disable=SC2086 # names are words
	for file in $(sed 's/#.*//' $makefiles | tr -s ' \t\\=' '\n' |
		grep -E '^((completions|src|tests|systemd|man)/.*\.[a-z0-9]+|completions/_.*)$'); do
		[ -e "$file" ] || [ -e "$file.in" ] ||
			[ "${file%.a}" != "$file" ] || [ "${file%.so}" != "$file" ] ||
			{ echo "$file is listed, but missing"; bad=1; }
	done
	return "$bad"
}

check "every file is listed in a makefile" all_are_listed
check "every file listed in a makefile is there" all_are_there
report
