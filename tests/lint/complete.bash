#!/bin/bash
# SPDX-License-Identifier: MIT
# complete.bash FILE: for each command line on standard input what FILE, a file
# of completions, makes bash offer at its end: "LINE<Tab>CANDIDATE".

# shellcheck disable=SC1091,SC1090
. /usr/share/bash-completion/bash_completion && . "$1" || exit 1

# Outside of readline there are no options to change.
compopt() { :; }

# What readline makes of a line: "=" and ":" are words of their own.
split_line() {
	local rest=$1

	COMP_WORDS=()
	while [[ $rest =~ ^\ *([=:]+|[^=: ]+) ]]; do
		COMP_WORDS+=("${BASH_REMATCH[1]}")
		rest=${rest#"${BASH_REMATCH[0]}"}
	done
	[[ $1 != *' ' ]] || COMP_WORDS+=('')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMP_LINE=$1
	COMP_POINT=${#1}
}

while IFS= read -r line; do
	split_line "$line"
	program=${COMP_WORDS[0]}
	COMPREPLY=()
	complete=$(complete -p "$program") || exit 1
	[[ $complete =~ -F\ ([^ ]+) ]] || exit 1
	"${BASH_REMATCH[1]}" "$program" "${COMP_WORDS[-1]}" \
		"${COMP_WORDS[-2]}" || exit 1
	for candidate in "${COMPREPLY[@]}"; do
		[ -z "$candidate" ] ||
			printf '%s\t%s\n' "$line" "$candidate"
	done
done
