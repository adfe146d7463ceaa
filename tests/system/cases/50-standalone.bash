# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The service that opens its own sockets.

case_the_standalone_service_serves_port_7() {
	local host

	systemctl start "$STANDALONE"
	for host in 127.0.0.1 ::1; do
		client tcp "$host"
		client udp "$host"
	done
	[ "$(stat -c %u "/proc/$(main_pid "$STANDALONE")")" != 0 ]
	systemctl reload "$STANDALONE"
	systemctl stop "$STANDALONE"
	equal "$(property "$STANDALONE" Result)" success
	equal "$(property "$STANDALONE" ExecMainStatus)" 0
}

case_the_socket_and_the_standalone_service_replace_each_other() {
	systemctl start "$SERVICE"
	systemctl start "$STANDALONE"
	equal "$(property "$SOCKET" ActiveState)" inactive
	equal "$(property "$SERVICE" ActiveState)" inactive
	client tcp 127.0.0.1
	systemctl start "$SOCKET"
	equal "$(property "$STANDALONE" ActiveState)" inactive
	client tcp 127.0.0.1
	equal "$(property "$SERVICE" ActiveState)" active
}

case_the_standalone_service_survives_crashes() {
	local pid

	systemctl start "$STANDALONE"
	for _ in 1 2 3 4 5 6; do
		pid=$(main_pid "$STANDALONE")
		kill -KILL "$pid"
		await is_standalone_back "$pid"
	done
	client tcp 127.0.0.1
}

is_standalone_back() {
	local pid

	pid=$(main_pid "$STANDALONE")
	[ "$pid" != 0 ] && [ "$pid" != "$1" ] &&
		has_property "$STANDALONE" ActiveState active
}
