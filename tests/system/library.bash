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

# Connections one after another until this file is there.
storm_until() {
	until [ -e "$1" ]; do
		client storm 127.0.0.1 100
	done
}

# Are there so many descriptors for each process?
may_have_descriptors() {
	[ "$(ulimit -H -n)" -gt $(($1 + 1000)) ] ||
		{ note "left out: the hard RLIMIT_NOFILE is too low" && false; }
}

# Many clients at a time that verify (see crowd): wait until they are there, and
# older than --preserve-after.
open_crowd() {
	crowd_size=$1
	stalls=
	ulimit -S -n hard
	coproc CROWD { exec "$tests/crowd" 127.0.0.1 "$1"; }
	crowd=$CROWD_PID
	# These stay, and what is in the pipe, when it has ended.
	exec {crowd_answers}<&"${CROWD[0]}" {crowd_orders}>&"${CROWD[1]}"
	crowd_says open
}

crowd_shall() {
	echo "$1" >&"$crowd_orders"
}

crowd_says() {
	local line

	read -r -u "$crowd_answers" line || line=nothing
	equal "$line" "$1"
}

# Each has had an echo of what it sent from now on, and none was wrong. The
# longest waits since the last time are kept: p50, p99 and max.
crowd_goes_on() {
	local line

	crowd_shall round
	read -r -u "$crowd_answers" line || line=nothing
	[[ $line =~ ^[0-9.]+\ [0-9.]+\ [0-9.]+$ ]] || fail "crowd: $line"
	stalls+="$line"$'\n'
}

close_crowd() {
	crowd_shall end
	crowd_is_gone
}

crowd_is_gone() {
	crowd_says ended
	wait "$crowd"
}

# Of a column of the stalls.
median() {
	awk -v column="$1" 'NF { print $column }' <<<"$stalls" | sort -g |
		awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

# What the clients saw of something that was done several times, and whether
# that is within a target in ms. To miss it is no failure: that depends on the
# machine, and on what else it does.
tell_stalls() {
	local what=$1 target=$2 p99 verdict

	p99=$(median 2)
	verdict=$(awk "BEGIN { print $p99 <= $target ? \"met\" : \"SHORT\" }")
	note "$what, $crowd_size connections wait: p50 $(median 1)," \
		"p99 $p99, max $(median 3) ms (medians of" \
		"$(grep -c . <<<"$stalls")); target p99 $target ms: $verdict"
	stalls=
}
