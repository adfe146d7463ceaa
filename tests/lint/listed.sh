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
all_are_listed() {
	# shellcheck disable=SC2086 # names are words
	sed 's/#.*//' $makefiles | tr -s ' \t\\' '\n' | awk -v files="$(files)" '
	{ listed[$0] = 1 }
	END {
		count = split(files, file, "\n")
		for (i = 1; i <= count; i++) {
			name = file[i]
			sub(/\.(c|in)$/, "", name)
			if (!(file[i] in listed) && !(name in listed)) {
				print file[i] " is in no makefile"
				bad = 1
			}
		}
		exit bad
	}'
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
