#!/bin/sh
# SPDX-License-Identifier: MIT
# A function fits a screen, a file fits a head.
. "$(dirname "$0")/tap.sh"
function_lines_max=50
file_lines_max=400

require ctags universal-ctags
ctags --version | grep -q Universal || skip_all 'ctags is not Universal Ctags'

# functions_fit FILE...: name each longer function with its length.
functions_fit() {
	ctags --quiet --options=NONE --languages=C --kinds-C=f --sort=no \
		--fields=ne -f - "$@" | awk -F '\t' -v max="$function_lines_max" '
	{
		line = end = 0
		for (i = 4; i <= NF; i++) {
			if ($i ~ /^line:/)
				line = substr($i, 6)
			if ($i ~ /^end:/)
				end = substr($i, 5)
		}
		if (end - line + 1 > max) {
			printf "%s:%d: %s() has %d lines, at most %d\n",
				$2, line, $1, end - line + 1, max
			bad = 1
		}
	}
	END { exit bad }'
}

files_fit() {
	awk -v max="$file_lines_max" '
	FNR == max + 1 {
		print FILENAME ": more than " max " lines"
		bad = 1
	}
	END { exit bad }' "$@"
}

for room in $(rooms src tests); do
	# shellcheck disable=SC2046 # names are words
	check "functions in $room are short" functions_fit $(sources_in "$room")
	# shellcheck disable=SC2046
	check "files in $room are short" files_fit $(sources_in "$room")
done
report
