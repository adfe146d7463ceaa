#!/bin/sh
# SPDX-License-Identifier: MIT
# A manual knows each option that --help knows, with its letter, argument and
# default, and no other; that of echod knows each counter and each message id,
# which the journal's catalog explains; that of echoping what it prints for
# programs; and both are correct mdoc.
. "$(dirname "$0")/tap.sh"
. tests/lint/help.sh || exit 99

require mandoc mandoc

# A line for each option in OPTIONS of the manual: HEAD, then all that it says
# on it.
options_of_manual() {
	mandoc -T ascii -O width=250 "$manual" | sed "s/.$(printf '\b')//g" |
		awk '
	function flush() {
		if (head != "")
			print head "\t" text
		head = ""
	}
	/^[^ ]/ { flush(); here = $0 == "OPTIONS"; next }
	!here { next }
	/^ +(-[a-zA-Z0-9], )?--[a-z]/ && match($0, /[^ ]/) && RSTART <= 6 {
		flush()
		head = $0
		sub(/^ +/, "", head)
		text = ""
		if (match(head, /  +/)) {
			text = substr(head, RSTART + RLENGTH)
			head = substr(head, 1, RSTART - 1)
		}
		next
	}
	{ sub(/^ +/, ""); text = text " " $0 }
	END { flush() }'
}

# option_is_told HEAD DEFAULT: the manual has the same head, and the default
# in a sentence that says so.
option_is_told() {
	told=$(options_of_manual | awk -F '\t' -v head="$1" '$1 == head')
	if [ -z "$told" ]; then
		echo "$manual does not have '$1'; it has"
		options_of_manual | cut -f 1
		return 1
	fi
	# A default ends at a blank or at the end of the sentence.
	printf '%s\n' "$told " | awk -v value="$2" '
	{
		text = $0
		while (value != "" && match(text, /[Dd]efault/)) {
			text = substr(text, RSTART)
			sentence = text
			sub(/\.( .*|$)/, " ", sentence)
			gsub(/[(),;:]/, " ", sentence)
			if (index(sentence, " " value " "))
				exit 0
			text = substr(text, 8)
		}
		exit value != ""
	}' || { echo "$manual does not give the default $2 of '$1'"; return 1; }
}

# Each of the manual is one of --help; so is what it says on options elsewhere.
no_option_is_invented() {
	cut -f 1 "$scratch/options" >"$scratch/help"
	options_of_manual | cut -f 1 >"$scratch/manual"
	sed 's/.*--//; s/=.*//' "$scratch/help" >"$scratch/names"
	grep -o 'Fl Fl [a-z0-9-]*' "$manual" | cut -c 7- >"$scratch/mentioned"
	! grep -vxF -f "$scratch/help" "$scratch/manual" &&
		! grep -vxF -f "$scratch/names" "$scratch/mentioned"
}

# Whether the pages referred to are installed is the machine's affair.
lints() {
	! mandoc -T lint "$manual" 2>&1 |
		grep -v -e 'referenced manual not found' -e 'mandoc\.db'
}

fits_a_terminal() {
	! "$1" --help | grep -nE '.{81}'
}

counters() {
	sed -n 's/^[[:space:]]*X(\([a-z_]*\), \(true\|false\),.*/\1 \2/p' \
		src/echod/stats.h
}

# Each by its name, and with a star if it is trouble.
counters_are_told() {
	counters | while read -r name trouble; do
		star=
		[ "$trouble" = false ] || star=' No \*'
		grep -q "^\.It Sy \(.* , \)\?$name\( , .*\)\?$star\$" \
			"$manual" || echo "$manual does not have $name"
	done >"$scratch/counters"
	cat "$scratch/counters"
	! [ -s "$scratch/counters" ] && [ -n "$(counters)" ]
}

message_ids() {
	sed -n 's/^#define MESSAGE_[A-Z_]*[[:space:]]*"\([0-9a-f]*\)"$/\1/p' \
		src/echod/log.h | sort >"$scratch/ids"
}

ids_are_told() {
	message_ids
	sed -n 's/^\.It Sy \([0-9a-f]\{32\}\)$/\1/p' "$manual" | sort |
		diff "$scratch/ids" - && [ -s "$scratch/ids" ]
}

ids_are_explained() {
	message_ids
	sed -n 's/^-- \([0-9a-f]\{32\}\)$/\1/p' systemd/echod.catalog | sort |
		diff "$scratch/ids" - && [ -s "$scratch/ids" ]
}

# words_are_told WORDS: each is the name of something in the manual.
words_are_told() {
	for word in $1; do
		grep -q "^\.\(It \)\?Sy \(.* \)\?$word\( .*\)\?\$" \
			"$manual" || echo "$manual does not have $word"
	done >"$scratch/words"
	cat "$scratch/words"
	! [ -s "$scratch/words" ] && [ -n "$1" ]
}

# Families of OpenMetrics, with the suffix of their samples.
metrics() {
	sed -n 's/^[[:space:]]*X(\([a-z_]*\), .*/echoping_\1_total/p' \
		src/echoping/tally.h
	sed -n 's/.*{ "\([a-z_]*\)", "\([a-z]*\)".*/echoping_\1 \2/p' \
		src/echoping/report_metrics.c |
		sed 's/ counter$/_total/; s/ info$/_info/; s/ [a-z]*$//'
}

# Members of the objects of JSON.
members() {
	jq -r '.. | .properties? // empty | keys[]' "$schema" | sort -u
}

scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
for program in echod echoping; do
	manual=$(echo "man/$program".[0-9])
	check "$manual is correct mdoc" lints
	if ! binary=$(binary "$program"); then
		skip "$manual tells the options of --help" "$program is not built"
		continue
	fi
	options_of_help "$binary" >"$scratch/options"
	check "$program --help fits 80 columns" fits_a_terminal "$binary"
	check "$program --help lists options" [ -s "$scratch/options" ]
	while IFS='	' read -r head _ value; do
		check "$manual tells $head${value:+ (default: $value)}" \
			option_is_told "$head" "$value"
	done <"$scratch/options"
	check "$program --help tells each option of $manual" \
		no_option_is_invented
done

manual=man/echod.8
check "$manual tells each counter of stats.h" counters_are_told
check "$manual tells the message ids of log.h" ids_are_told
check "systemd/echod.catalog explains the message ids of log.h" ids_are_explained

manual=man/echoping.1
schema=man/echoping.schema.json
check "$manual tells each metric" words_are_told "$(metrics)"
if command -v jq >/dev/null; then
	check "$manual tells each member of $schema" words_are_told "$(members)"
else
	skip "$manual tells each member of $schema" 'jq is missing'
fi
report
