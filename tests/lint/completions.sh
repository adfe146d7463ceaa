#!/bin/sh
# SPDX-License-Identifier: MIT
# Completions know each option that --help knows, by both names, and no other;
# whether it takes an argument, and what: one of a few words, a file, a user, an
# address.  Each is asked for in the shell that it is for.
. "$(dirname "$0")/tap.sh"
. tests/lint/help.sh || exit 99
completions=$PWD/completions

# options BINARY: NAMES|ARGUMENT|WORDS with tabs between.  The words are the small
# ones of "N|auto" and "yes|no", or of "auto, always or never" in the help.
options() {
	options_of_help "$1" | awk -F '\t' -v OFS='\t' '
	{
		names = $1
		argument = words = ""
		if (match(names, /=/)) {
			argument = substr(names, RSTART + 1)
			names = substr(names, 1, RSTART - 1)
		}
		sub(/,/, "", names)
		count = split(argument, parts, "|")
		for (i = 1; count > 1 && i <= count; i++)
			if (parts[i] ~ /^[a-z]/)
				words = words (words ? " " : "") parts[i]
		if ((argument == "WHEN" || argument == "LEVEL") &&
		    match($2, /([a-z]+, )+[a-z]+ or [a-z]+/)) {
			words = substr($2, RSTART, RLENGTH)
			sub(/ or /, " ", words)
			gsub(/,/, "", words)
		}
		print names, argument ? argument : "none", words
	}'
}

# file_of PROGRAM SHELL
file_of() {
	case $2 in
	bash) echo "$completions/$1.bash" ;;
	fish) echo "$completions/$1.fish" ;;
	zsh) echo "$completions/_$1" ;;
	esac
}

# queries PROGRAM: the command lines that are completed.
queries() {
	printf '%s\n' "$1 -" "$1 " "$1 --plot=x.svg " "$1 unix:here.t"
	while IFS='	' read -r names argument _; do
		for name in $names; do
			case $argument$name in
			none*) echo "$1 $name --he" ;;
			*--*) printf '%s\n' "$1 $name=" "$1 $name " ;;
			*) echo "$1 $name " ;;
			esac
		done
	done <"$scratch/options"
}

# ask SHELL FILE: what is offered for the queries; in a directory with a file
# of each kind, without the user's own settings.
ask() {
	(
		cd "$scratch/files" || exit 1
		HOME=$scratch
		unset BASH_ENV XDG_CONFIG_HOME XDG_DATA_HOME ZDOTDIR
		case $1 in
		bash) set -- bash "$lint/complete.bash" "$2" ;;
		fish) set -- fish --no-config "$lint/complete.fish" "$2" ;;
		zsh) set -- zsh -f "$lint/complete.zsh" "$2" ;;
		esac
		timeout 60 "$@" <"$scratch/queries"
	) >"$scratch/offered"
}

# offered LINE: sorted, without what is only there to go on after it.
offered() {
	awk -F '\t' -v line="$1" '
	$1 == line {
		sub(/^--[a-z0-9-]*=/, "", $2)
		sub(/[=:\/]$/, "", $2)
		print $2
	}' "$scratch/offered" | LC_ALL=C sort -u
}

# options_are_offered PROGRAM: bash is told of "=" by what is offered.
options_are_offered() {
	awk -F '\t' -v bash="$shell" '
	{
		end = bash == "bash" && $2 != "none" ? "=" : ""
		sub(/ /, "\n", $1)
		print $1 end
	}' "$scratch/options" | LC_ALL=C sort >"$scratch/want"
	awk -F '\t' -v line="$1 -" '$1 == line { print $2 }' \
		"$scratch/offered" | LC_ALL=C sort -u | diff "$scratch/want" -
}

# includes LINE WHAT: WHAT is among what is offered.
includes() {
	offered "$1" | grep -qxF -e "$2" ||
		{ echo "'$1' is not offered '$2', but: $(offered "$1")"; return 1; }
}

# is LINE WORDS: nothing else is offered.
is() {
	words=$(echo "$2" | tr ' ' '\n' | LC_ALL=C sort)
	[ "$(offered "$1")" = "$words" ] ||
		{ echo "'$1' is offered, not '$2': $(offered "$1")"; return 1; }
}

# argument_is_completed LINE ARGUMENT WORDS
argument_is_completed() {
	case $2 in
	FILE) includes "$1" here.txt ;;
	FILE.*) includes "$1" "here.${2#FILE.}" ;;
	ADDRESS) includes "$1" unix-dgram ;;
	NAME) includes "$1" root ;;
	SOURCE) includes "$1" lo ;;
	*) is "$1" "$3" ;;
	esac
}

# equals_is_right NAME ARGUMENT: only the file for zsh tells whether "=" may
# follow a long name.
equals_is_right() {
	case $shell$1$2 in
	zsh--*none) ! grep -Fe "$1=" "$file" ;;
	zsh--*) grep -qe "$1=[[}]" "$file" ||
		{ echo "$file: no '=' after $1"; return 1; } ;;
	esac
}

# no_argument_is_taken PROGRAM NAME: options can follow.  For fish they always
# can, so that its file has to tell.
no_argument_is_taken() {
	case $shell$2 in
	fish--*) ! grep -e " -l ${2#--} " "$file" | grep -e ' -[xr] ' ;;
	fish*) ! grep -e " -s ${2#-} " "$file" | grep -e ' -[xr] ' ;;
	*-h | *-V | *--help | *--version) ;; # nothing is to follow
	*) includes "$1 $2 --he" --help ;;
	esac
}

# arguments_are_completed PROGRAM
arguments_are_completed() {
	bad=0
	while IFS='	' read -r names argument words; do
		for name in $names; do
			equals_is_right "$name" "$argument" || bad=1
			if [ "$argument" = none ]; then
				no_argument_is_taken "$1" "$name" || bad=1
				continue
			fi
			for line in "$1 $name " "$1 $name="; do
				grep -qxF -e "$line" "$scratch/queries" ||
					continue
				argument_is_completed "$line" "$argument" \
					"$words" || bad=1
			done
		done
	done <"$scratch/options"
	return "$bad"
}

# operands_are_completed PROGRAM
operands_are_completed() {
	case $1$shell in
	echodzsh) ;; # options may as well be meant
	echod*) is "$1 " '' ;;
	echopingfish) includes "$1 " tcp && includes "$1 --plot=x.svg " here.json ;;
	*)
		includes "$1 " tcp && includes "$1 --plot=x.svg " here.json &&
			offered "$1 unix:here.t" | grep -q 'here\.txt$'
		;;
	esac
}

is_there() {
	case $1 in
	bash) [ -r /usr/share/bash-completion/bash_completion ] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

lint=$PWD/tests/lint
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
mkdir "$scratch/files"
touch "$scratch/files/here.txt" "$scratch/files/here.svg" \
	"$scratch/files/here.json"
for program in echod echoping; do
	if ! binary=$(binary "$program"); then
		skip "completions of $program" 'it is not built'
		continue
	fi
	options "$binary" >"$scratch/options"
	queries "$program" >"$scratch/queries"
	check "$program has options" [ -s "$scratch/options" ]
	for shell in bash zsh fish; do
		what="$program in $shell:"
		if ! is_there "$shell"; then
			skip "$what" "$shell or its completion is missing"
			continue
		fi
		file=$(file_of "$program" "$shell")
		check "$what it completes command lines" ask "$shell" "$file"
		check "$what each option is offered, and no other" \
			options_are_offered "$program"
		check "$what arguments are completed" \
			arguments_are_completed "$program"
		check "$what operands are completed" \
			operands_are_completed "$program"
	done
done
report
