# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# A restart, an upgrade: no connection is lost. A stop ends them all.

readonly RESTARTS=5

case_a_restart_loses_no_connection() {
	local pid i

	systemctl start "$SERVICE"
	open_crowd 100
	for ((i = 0; i < RESTARTS; i++)); do
		pid=$(main_pid)
		systemctl restart "$SERVICE"
		crowd_goes_on
		[ "$(main_pid)" != "$pid" ]
	done
	close_crowd
	tell_stalls restart 100
}

adopted_entry_since() {
	journal_since "$1" MESSAGE_ID="$MESSAGE_ADOPTED" |
		jq --slurp --exit-status 'length == 1 and (.[0] |
			.ECHOD_ADOPTED == "100" and .ECHOD_RESET == "0"
			and .ECHOD_LOST == "0" and .PRIORITY == "6"
			and (.ECHOD_DURATION_USEC | tonumber > 0))'
}

case_a_restart_is_in_the_journal() {
	local cursor

	systemctl start "$SERVICE"
	open_crowd 100
	cursor=$(journal_cursor)
	systemctl restart "$SERVICE"
	await adopted_entry_since "$cursor"
	note "$(journal_since "$cursor" MESSAGE_ID="$MESSAGE_ADOPTED" |
		jq --raw-output .MESSAGE)"
	equal "$(journalctl --quiet --output=cat --cursor="$cursor" \
		--priority=warning --unit="$SERVICE" --unit="$SOCKET")" ""
	close_crowd
}

# As dpkg replaces files: a new one is renamed to the name of the old one.
replace_program() {
	local program=$1

	cp "$program" "$program.new"
	mv "$program.new" "$program"
}

# Those that are new meanwhile wait in the socket.
case_an_upgrade_loses_no_connection() {
	local program storm over

	systemctl start "$SERVICE"
	program=$(readlink "/proc/$(main_pid)/exe")
	open_crowd 100
	over=$(mktemp --dry-run)
	storm_until "$over" &
	storm=$!
	replace_program "$program"
	[ "$(readlink "/proc/$(main_pid)/exe")" != "$program" ]
	systemctl try-restart "$SERVICE"
	equal "$(readlink "/proc/$(main_pid)/exe")" "$program"
	crowd_goes_on
	touch "$over"
	wait "$storm"
	close_crowd
	tell_stalls upgrade 100
}

case_a_restart_with_the_socket_loses_no_connection() {
	systemctl start "$SERVICE"
	open_crowd 100
	systemctl restart "$SOCKET"
	crowd_goes_on
	close_crowd
}

has_stored() {
	has_property "$SERVICE" NFileDescriptorStore "$1"
}

# Each has a lot of two descriptors; one more is for the counters.
case_a_restart_may_change_the_number_of_workers() {
	local workers

	systemctl start "$SERVICE"
	open_crowd 100
	for workers in 4 2; do
		drop_in_options --workers="$workers" </dev/null
		systemctl restart "$SERVICE"
		crowd_goes_on
		await has_stored $((2 * workers + 1))
	done
	close_crowd
}

# All that it has not read, and what it sent besides, comes with the next
# instances.
case_a_restart_keeps_what_a_stalled_reader_is_owed() {
	local pid

	systemctl start "$SERVICE"
	coproc client stall 127.0.0.1
	pid=$COPROC_PID
	read -r -u "${COPROC[0]}"
	systemctl restart "$SERVICE"
	systemctl restart "$SERVICE"
	echo read >&"${COPROC[1]}"
	wait "$pid"
}

case_a_stop_ends_every_connection_in_order() {
	systemctl start "$SERVICE"
	open_crowd 100
	crowd_shall gone
	crowd_says resting
	systemctl stop "$SERVICE"
	crowd_is_gone
	equal "$(property "$SERVICE" Result)" success
	equal "$(property "$SERVICE" ExecMainStatus)" 0
	equal "$(property "$SERVICE" NFileDescriptorStore)" 0
}

case_a_stop_resets_a_stalled_reader_in_the_end() {
	local pid begun

	drop_in_options --drain-timeout=1s </dev/null
	systemctl start "$SERVICE"
	coproc client stall 127.0.0.1
	pid=$COPROC_PID
	read -r -u "${COPROC[0]}"
	begun=$EPOCHREALTIME
	systemctl stop "$SERVICE"
	note "ended after $(awk "BEGIN { print $EPOCHREALTIME - $begun }") s," \
		"with a drain timeout of 1 s"
	equal "$(property "$SERVICE" Result)" success
	equal "$(property "$SERVICE" ExecMainStatus)" 0
	echo reset >&"${COPROC[1]}"
	wait "$pid"
}

# Before systemd 254 connections would be lost with a service that stays away.
sigusr2_by_hand_restarts() {
	local pid

	systemctl start "$1"
	open_crowd 100
	pid=$(main_pid "$1")
	kill -USR2 "$pid"
	crowd_goes_on
	[ "$(main_pid "$1")" != "$pid" ]
	close_crowd
}

case_sigusr2_by_hand_is_a_restart_of_the_service() {
	sigusr2_by_hand_restarts "$SERVICE"
}

case_sigusr2_by_hand_is_a_restart_of_the_standalone_service() {
	sigusr2_by_hand_restarts "$STANDALONE"
}

# Its sockets are its own, and are kept as well.
case_a_restart_of_the_standalone_service_refuses_nobody() {
	local storm over

	systemctl start "$STANDALONE"
	open_crowd 100
	over=$(mktemp --dry-run)
	storm_until "$over" &
	storm=$!
	systemctl restart "$STANDALONE"
	crowd_goes_on
	touch "$over"
	wait "$storm"
	kill -KILL "$(main_pid "$STANDALONE")"
	crowd_goes_on
	close_crowd
}
