# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What goes wrong, and does not become an outage.

readonly KILLS=10
readonly STORM=4000 # connections; below what journald takes within 30 s

# Another process has taken the place of this one.
is_replaced() {
	local pid

	pid=$(main_pid)
	[ "$pid" != 0 ] && [ "$pid" != "$1" ]
}

has_other_property() {
	! has_property "$1" "$2" "$3"
}

case_the_watchdog_hears_of_a_process_that_works() {
	local beat

	drop_in "$SERVICE" <<-END
		[Service]
		WatchdogSec=2s
	END
	systemctl start "$SERVICE"
	for _ in 1 2 3; do
		beat=$(property "$SERVICE" WatchdogTimestampMonotonic)
		await has_other_property "$SERVICE" \
			WatchdogTimestampMonotonic "$beat"
	done
	equal "$(property "$SERVICE" NRestarts)" 0
}

case_the_watchdog_replaces_a_process_that_hangs() {
	local pid cursor

	drop_in "$SERVICE" <<-END
		[Service]
		WatchdogSec=2s
	END
	systemctl start "$SERVICE"
	client tcp 127.0.0.1
	pid=$(main_pid)
	cursor=$(journal_cursor)
	kill -STOP "$pid"
	# Before it ends it is continued, and may accept whoever waits, whom it
	# resets then.
	client again ::1
	await is_replaced "$pid"
	await has_property "$SERVICE" ActiveState active
	equal "$(property "$SERVICE" NRestarts)" 1
	journalctl --sync
	journalctl --quiet --cursor="$cursor" --unit="$SERVICE" |
		has "Failed with result 'watchdog'"
	client udp 127.0.0.1
}

# Without StartLimitIntervalSec=0 the fifth kill would leave nothing but refused
# connections.
case_quick_crashes_do_not_close_the_door() {
	local pid i

	systemctl start "$SERVICE"
	for ((i = 0; i < KILLS; i++)); do
		pid=$(main_pid)
		kill -KILL "$pid"
		client tcp 127.0.0.1
		await is_replaced "$pid"
	done
	await has_property "$SERVICE" ActiveState active
	equal "$(property "$SERVICE" NRestarts)" "$KILLS"
	equal "$(property "$SOCKET" ActiveState)" active
	client udp ::1
}

has_been_started() {
	local count

	count=$(journalctl --quiet --output=cat --cursor="$1" \
		--unit="$SERVICE" | grep -c '^Started' || :)
	[ "$count" -ge "$2" ]
}

# Without TriggerLimitIntervalSec=0 twenty of them would close the socket: here
# by a service that ends, again and again, without having read the datagram.
case_quick_activations_do_not_close_the_door() {
	local cursor pid

	cursor=$(journal_cursor)
	drop_in "$SERVICE" <<-END
		[Service]
		Type=simple
		ExecStart=
		ExecStart=/bin/true
		NoExecPaths=
	END
	systemctl start "$SOCKET"
	client udp 127.0.0.1 &
	pid=$!
	await has_been_started "$cursor" 50
	rm "/run/systemd/system/$SERVICE.d/test.conf"
	systemctl daemon-reload
	wait "$pid"
	equal "$(property "$SOCKET" ActiveState)" active
	equal "$(property "$SERVICE" ActiveState)" active
}

case_datagrams_wait_while_the_service_restarts() {
	local pid

	systemctl start "$SERVICE"
	pid=$(main_pid)
	kill -KILL "$pid"
	client udp 127.0.0.1
	await is_replaced "$pid"
}

# All that was logged or is said to be lost, since a cursor, is the storm.
storm_is_accounted_for() {
	local logged lost

	logged=$(journal_since "$1" MESSAGE_ID="$MESSAGE_CONNECTION_CLOSED" |
		wc -l)
	lost=$(journal_since "$1" MESSAGE_ID="$MESSAGE_ENTRIES_LOST" |
		jq --slurp 'map(.ECHOD_ENTRIES_LOST | tonumber) | add // 0')
	echo "logged $logged, lost $lost"
	[ "$lost" -gt 0 ] && [ $((logged + lost)) -ge "$STORM" ]
}

case_a_stopped_journald_does_not_stop_the_echo() {
	local cursor pid

	drop_in_options --log-connections </dev/null
	systemctl start "$SERVICE"
	client tcp 127.0.0.1
	pid=$(main_pid)
	cursor=$(journal_cursor)
	systemctl kill --signal=STOP systemd-journald.service
	client storm 127.0.0.1 "$STORM"
	client udp 127.0.0.1
	systemctl kill --signal=CONT systemd-journald.service
	client tcp 127.0.0.1
	await storm_is_accounted_for "$cursor"
	equal "$(main_pid)" "$pid"
}
