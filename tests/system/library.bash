# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the cases are written in. Whoever reads it has set tests and results, the
# directories of the cases and of what they leave.
: "${tests:?}" "${results:?}"

readonly SERVICE=echod.service SOCKET=echod.socket
readonly STANDALONE=echod-standalone.service
readonly AWAIT_LIMIT=30 # seconds: a bound for hangs, not an expectation

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# grep -q, but it reads all of its input: whoever writes it shall not fail.
has() {
	grep "$@" >/dev/null
}

# A line that is shown with the result of the case.
note() {
	echo "NOTE: $*"
}

# Try a command until it succeeds; the trace would be full of it.
await() {
	local end=$((SECONDS + AWAIT_LIMIT))

	{ set +x; } 2>/dev/null
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || fail "in vain: $*"
		sleep 0.05
	done
	set -x
}

equal() {
	[ "$1" = "$2" ] || fail "got '$1' instead of '$2'"
}

# Units

property() {
	systemctl show --value --property="$2" "$1"
}

has_property() {
	[ "$(property "$1" "$2")" = "$3" ]
}

main_pid() {
	property "${1:-$SERVICE}" MainPID
}

# Add settings from standard input to a unit, until the next case.
drop_in() {
	mkdir -p "/run/systemd/system/$1.d"
	cat >"/run/systemd/system/$1.d/test.conf"
	systemctl daemon-reload
}

# Start the service with these options; further settings on standard input.
drop_in_options() {
	local program

	program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' \
		"$(property "$SERVICE" FragmentPath)")
	{
		echo "[Service]"
		echo "ExecStart="
		echo "ExecStart=$program $*"
		cat
	} | drop_in "$SERVICE"
}

reset_units() {
	systemctl kill --signal=CONT systemd-journald.service
	systemctl stop "$SOCKET" "$SERVICE" "$STANDALONE"
	rm -rf /run/systemd/system/echod*.d
	systemctl daemon-reload
	systemctl reset-failed
}

# The journal

# MESSAGE_* are the ids in src/echod/log.h.
# shellcheck source=/dev/null
. "$results/messages"

# Mark this moment in the journal. The mark itself is nobody's entry: with one
# of the service's journalctl 252 would skip one too many (--after-cursor) or
# too few (--cursor).
journal_cursor() {
	systemd-cat --identifier=mark echo "-- ${FUNCNAME[-1]}"
	journalctl --sync
	journalctl --quiet --lines=1 --show-cursor SYSLOG_IDENTIFIER=mark |
		sed -n 's/^-- cursor: //p'
}

# Entries of the service since a cursor as JSON objects; more matches follow.
journal_since() {
	local cursor=$1

	shift
	journalctl --sync
	journalctl --quiet --output=json --cursor="$cursor" \
		_SYSTEMD_UNIT="$SERVICE" "$@"
}

# Clients

# Send the text through the command that follows, whose standard input ends
# only when as many bytes have come back: ncat and socat would stop waiting for
# a reply soon after the end of their input.
exchange() {
	local text=$1 output end=$((SECONDS + AWAIT_LIMIT))

	shift
	output=$(mktemp)
	# shellcheck disable=SC2094 # one end waits for the output of the other
	{
		printf '%s' "$text"
		until [ "$(stat -c %s "$output")" -ge "${#text}" ] ||
			[ "$SECONDS" -ge "$end" ]; do
			sleep 0.05
		done
	} | timeout $((2 * AWAIT_LIMIT)) "$@" >"$output" || :
	equal "$(cat "$output")" "$text"
	rm "$output"
}

client() {
	"$tests/client" "$@"
}
