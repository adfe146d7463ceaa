#!/bin/sh
# SPDX-License-Identifier: MIT
# Every C file is as .clang-format says (`make format` makes it so).
. "$(dirname "$0")/tap.sh"

# Versions differ in what they make of the same .clang-format.
clang_format=$(command -v clang-format-14 || command -v clang-format) ||
	skip_all 'clang-format is missing (Debian: clang-format)'
"$clang_format" --version | grep -q 'version 14\.' ||
	skip_all "not version 14: $("$clang_format" --version)"

for room in $(rooms src tests); do
	# shellcheck disable=SC2046 # names are words
	check "format of $room" "$clang_format" --dry-run -Werror \
		$(sources_in "$room")
done
report
