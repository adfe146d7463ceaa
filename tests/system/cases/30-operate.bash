# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What an administrator does, and sees.

status_has() {
	systemctl --no-pager status "$SERVICE" | has "$1"
}

case_status_shows_what_the_service_does() {
	systemctl start "$SERVICE"
	client udp 127.0.0.1
	await status_has 'Status: ".*datagram'
	status_has 'Docs: man:echod(8)'
	status_has 'TriggeredBy: .*echod.socket'
	note "status: $(property "$SERVICE" StatusText)"
}

case_status_counts_the_open_connections() {
	systemctl start "$SERVICE"
	coproc client hold 127.0.0.1
	read -r -u "${COPROC[0]}"
	await status_has 'Status: ".*\b1 connection'
	echo once more >&"${COPROC[1]}"
	read -r -u "${COPROC[0]}"
}

closed_entry_since() {
	journal_since "$1" MESSAGE_ID="$MESSAGE_CONNECTION_CLOSED" >"$closed"
	[ -s "$closed" ]
}

case_a_closed_connection_is_an_entry_with_fields() {
	local cursor closed

	closed=$(mktemp)
	cursor=$(journal_cursor)
	drop_in_options --log-connections </dev/null
	systemctl start "$SOCKET"
	client tcp 127.0.0.1
	await closed_entry_since "$cursor"
	note "$(jq --raw-output .MESSAGE "$closed")"
	jq --exit-status '(.ECHOD_PEER | test("127\\.0\\.0\\.1:[0-9]+"))
		and (.ECHOD_LISTENER | test("0\\.0\\.0\\.0:7$"))
		and .ECHOD_BYTES_RECEIVED == "13"
		and .ECHOD_BYTES_SENT == "13"
		and (.ECHOD_DURATION_USEC | tonumber >= 0)
		and (.ECHOD_REASON | length > 0)
		and .PRIORITY == "6"
		and .SYSLOG_IDENTIFIER == "echod"' "$closed"
}

has_entry_since() {
	[ -n "$(journal_since "$1" MESSAGE_ID="$2")" ]
}

case_connections_are_not_logged_unless_asked_for() {
	local cursor

	cursor=$(journal_cursor)
	systemctl start "$SOCKET"
	client tcp 127.0.0.1
	systemctl stop "$SERVICE"
	await has_entry_since "$cursor" "$MESSAGE_STOPPED"
	equal "$(journal_since "$cursor" \
		MESSAGE_ID="$MESSAGE_CONNECTION_CLOSED")" ""
}

case_start_and_stop_are_in_the_journal() {
	local cursor

	cursor=$(journal_cursor)
	systemctl start "$SERVICE"
	systemctl stop "$SERVICE"
	await has_entry_since "$cursor" "$MESSAGE_READY"
	await has_entry_since "$cursor" "$MESSAGE_STOPPING"
	await has_entry_since "$cursor" "$MESSAGE_STOPPED"
}

case_sigusr1_logs_the_counters() {
	local cursor

	systemctl start "$SERVICE"
	client udp 127.0.0.1
	cursor=$(journal_cursor)
	systemctl kill --kill-whom=main --signal=USR1 "$SERVICE"
	await has_entry_since "$cursor" "$MESSAGE_COUNTERS"
	journal_since "$cursor" MESSAGE_ID="$MESSAGE_COUNTERS" |
		jq --exit-status '.ECHOD_DATAGRAMS_RECEIVED == "1"
			and .ECHOD_DATAGRAMS_SENT == "1"'
}

case_reload_keeps_the_process_and_its_connections() {
	local cursor pid

	systemctl start "$SERVICE"
	pid=$(main_pid)
	coproc client hold 127.0.0.1
	read -r -u "${COPROC[0]}"
	cursor=$(journal_cursor)
	systemctl reload "$SERVICE"
	await has_property "$SERVICE" ActiveState active
	await has_entry_since "$cursor" "$MESSAGE_RELOADED"
	equal "$(main_pid)" "$pid"
	equal "$(property "$SERVICE" NRestarts)" 0
	echo after reload >&"${COPROC[1]}"
	read -r -u "${COPROC[0]}"
	client udp 127.0.0.1
}

is_not_active() {
	! has_property "$SERVICE" ActiveState active
}

case_stop_echoes_what_was_sent_before() {
	local pid

	systemctl start "$SERVICE"
	coproc client early 127.0.0.1 65536
	pid=$COPROC_PID
	read -r -u "${COPROC[0]}"
	systemctl stop --no-block "$SERVICE"
	await is_not_active
	echo read >&"${COPROC[1]}"
	wait "$pid"
	await has_property "$SERVICE" ActiveState inactive
	equal "$(property "$SERVICE" Result)" success
	equal "$(property "$SERVICE" ExecMainCode)" 1
	equal "$(property "$SERVICE" ExecMainStatus)" 0
}

# Stopping only the service is a pause until the next packet.
case_stop_of_the_service_leaves_the_socket_open() {
	systemctl start "$SERVICE"
	systemctl stop "$SERVICE"
	equal "$(property "$SERVICE" ActiveState)" inactive
	equal "$(property "$SOCKET" ActiveState)" active
	client tcp 127.0.0.1
	equal "$(property "$SERVICE" ActiveState)" active
}

case_stop_of_the_socket_stops_the_service() {
	systemctl start "$SERVICE"
	systemctl stop "$SOCKET"
	await has_property "$SERVICE" ActiveState inactive
	equal "$(ss --no-header --listening --numeric --tcp --udp 'sport = 7')" ""
}

case_idle_exit_is_clean_and_the_next_packet_starts_anew() {
	local pid

	drop_in_options --exit-idle-time=5s <<<"RestartPreventExitStatus=0"
	systemctl start "$SOCKET"
	client tcp 127.0.0.1
	pid=$(main_pid)
	await has_property "$SERVICE" ActiveState inactive
	equal "$(property "$SERVICE" SubState)" dead
	equal "$(property "$SERVICE" Result)" success
	equal "$(property "$SERVICE" ExecMainStatus)" 0
	equal "$(property "$SERVICE" NRestarts)" 0
	equal "$(property "$SOCKET" ActiveState)" active
	client udp 127.0.0.1
	equal "$(property "$SERVICE" ActiveState)" active
	[ "$(main_pid)" != "$pid" ]
}
