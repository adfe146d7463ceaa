#!/bin/sh
# SPDX-License-Identifier: MIT
# A function fits a screen, a file fits a head.
. "$(dirname "$0")/tap.sh"
function_lines_max=50
file_lines_max=400

require ctags universal-ctags
ctags --version | grep -q Universal || skip_all 'ctags is not Universal Ctags'

# functions_fit FILE: name each longer function with its length.
functions_fit() {
	ctags --quiet --options=NONE --languages=C --kinds-C=f --sort=no \
		--fields=ne -f - "$1" | awk -F '\t' -v max="$function_lines_max" '
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

file_fits() {
	lines=$(wc -l <"$1")
	[ "$lines" -le "$file_lines_max" ] ||
		{ echo "$1: $lines lines, at most $file_lines_max"; return 1; }
}

both_fit() {
	functions_fit "$1"
	functions_fit=$?
	file_fits "$1" && return $functions_fit
}

for file in $(sources src tests); do
	check "$file and its functions are short" both_fit "$file"
done
report
