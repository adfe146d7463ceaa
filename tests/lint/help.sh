# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the tests of manuals and completions read from --help.

: "${ECHOD=$top_builddir/echod}"
: "${ECHOPING=$top_builddir/echoping}"

# binary PROGRAM: its path if it is built.
binary() {
	case $1 in
	echod) path=$ECHOD ;;
	echoping) path=$ECHOPING ;;
	esac
	[ -x "$path" ] && echo "$path"
}

# options_of_help BINARY: a line for each option, HEAD|TEXT|DEFAULT with tabs
# between, as "-w, --workers=N|auto", all that is said on it, and "1".
options_of_help() {
	"$1" --help | awk '
	function flush() {
		if (head == "")
			return
		value = ""
		if (match(text, /\(default: [^ ),]+/))
			value = substr(text, RSTART + 10, RLENGTH - 10)
		print head "\t" text "\t" value
		head = ""
	}
	/^ +(-[a-zA-Z0-9], )?--[a-z]/ && match($0, /[^ ]/) && RSTART <= 7 {
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
	/^$/ { flush(); next }
	{ sub(/^ +/, ""); text = text " " $0 }
	END { flush() }'
}
