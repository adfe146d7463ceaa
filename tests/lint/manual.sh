#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual knows each option that --help knows, with its letter, argument and
# default, and no other; it knows each counter and each message id, which the
# journal's catalog explains; and it is correct mdoc.
. "$(dirname "$0")/tap.sh"
: "${ECHOD:=$top_builddir/echod}"
manual=man/echod.8

require mandoc mandoc
[ -x "$ECHOD" ] || skip_all "no $ECHOD"

# One line per option: HEAD|DEFAULT, as "-w, --workers=N|auto|1".
options_of_help() {
	"$ECHOD" --help | awk '
	function flush() {
		if (head == "")
			return
		value = ""
		if (match(text, /\(default: [^ ),]+/))
			value = substr(text, RSTART + 10, RLENGTH - 10)
		print head "\t" value
		head = ""
	}
	/^ +(-[a-zA-Z], )?--[a-z]/ && match($0, /[^ ]/) && RSTART <= 7 {
		flush()
		head = $0
		sub(/^ +/, "", head)
		text = head
		sub(/  +.*/, "", head)
		next
	}
	/^$/ { flush(); next }
	{ sub(/^ +/, ""); text = text " " $0 }
	END { flush() }'
}

# The same of the manual: HEAD, then all that it says on the option.
options_of_manual() {
	mandoc -T ascii -O width=250 "$manual" | sed "s/.$(printf '\b')//g" |
		awk '
	function flush() {
		if (head != "")
			print head "\t" text
		head = ""
	}
	/^[^ ]/ { flush(); next }
	/^ +(-[a-zA-Z], )?--[a-z]/ && match($0, /[^ ]/) && RSTART <= 6 {
		flush()
		head = $0
		sub(/^ +/, "", head)
		text = ""
		if (match(head, /   +/)) {
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

# Each of the manual is one of --help.
no_option_is_invented() {
	options_of_help | cut -f 1 >"$scratch/help"
	options_of_manual | cut -f 1 >"$scratch/manual"
	! grep -vxF -f "$scratch/help" "$scratch/manual"
}

# Whether the pages referred to are installed is the machine's affair.
lints() {
	! mandoc -T lint "$manual" | grep -v 'referenced manual not found'
}

fits_a_terminal() {
	! "$ECHOD" --help | grep -nE '.{81}'
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

scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
options_of_help >"$scratch/options"
check "$manual is correct mdoc" lints
check "--help fits 80 columns" fits_a_terminal
check "--help lists options" [ -s "$scratch/options" ]
while IFS='	' read -r head value; do
	check "$manual tells $head${value:+ (default: $value)}" \
		option_is_told "$head" "$value"
done <"$scratch/options"
check "--help tells each option of $manual" no_option_is_invented
check "$manual tells each counter of stats.h" counters_are_told
check "$manual tells the message ids of log.h" ids_are_told
check "systemd/echod.catalog explains the message ids of log.h" ids_are_explained
report
