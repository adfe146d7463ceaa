# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Someone starts the socket, and clients get their bytes back.

case_tcp_and_udp_echo_through_ncat() {
	systemctl start "$SOCKET"
	exchange "hello over IPv4" ncat 127.0.0.1 7
	exchange "hello over IPv6" ncat ::1 7
	exchange "datagram over IPv4" ncat -u 127.0.0.1 7
	exchange "datagram over IPv6" ncat -u ::1 7
}

case_tcp_and_udp_echo_through_socat() {
	systemctl start "$SOCKET"
	exchange "hello over IPv4" socat - TCP4:127.0.0.1:7
	exchange "hello over IPv6" socat - 'TCP6:[::1]:7'
	exchange "datagram over IPv4" socat - UDP4:127.0.0.1:7
	exchange "datagram over IPv6" socat - 'UDP6:[::1]:7'
}

# Protocol and host: nothing runs until the packet comes.
first_packet_starts_the_service() {
	systemctl start "$SOCKET"
	equal "$(property "$SERVICE" ActiveState)" inactive
	equal "$(main_pid)" 0
	client "$1" "$2"
	equal "$(property "$SERVICE" ActiveState)" active
}

case_the_first_tcp_packet_starts_the_service_and_is_answered() {
	first_packet_starts_the_service tcp 127.0.0.1
}

case_the_first_tcp_packet_over_ipv6_is_answered() {
	first_packet_starts_the_service tcp ::1
}

case_the_first_datagram_starts_the_service_and_is_answered() {
	first_packet_starts_the_service udp 127.0.0.1
}

case_the_first_datagram_over_ipv6_is_answered() {
	first_packet_starts_the_service udp ::1
}

case_starting_the_service_opens_its_socket() {
	systemctl start "$SERVICE"
	equal "$(property "$SOCKET" ActiveState)" active
	client tcp 127.0.0.1
	client udp ::1
}

case_each_family_has_sockets_of_its_own() {
	local table

	systemctl start "$SOCKET"
	table=$(ss --no-header --listening --numeric --tcp --udp 'sport = 7' |
		awk '{ print $1, $5 }' | sort)
	equal "$table" "$(printf '%s\n' 'tcp 0.0.0.0:7' 'tcp [::]:7' \
		'udp 0.0.0.0:7' 'udp [::]:7')"
}

status_field() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

case_the_process_has_neither_privileges_nor_network() {
	local pid

	systemctl start "$SERVICE"
	client tcp 127.0.0.1
	pid=$(main_pid)
	equal "$(status_field "$pid" CapEff)" 0000000000000000
	equal "$(status_field "$pid" CapBnd)" 0000000000000000
	equal "$(status_field "$pid" NoNewPrivs)" 1
	equal "$(status_field "$pid" Seccomp)" 2
	[ "$(stat -c %u "/proc/$pid")" != 0 ]
	[ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/1/ns/net)" ]
}

case_the_manager_and_the_daemon_have_nothing_to_complain_of() {
	local cursor

	cursor=$(journal_cursor)
	systemctl start "$SOCKET"
	client tcp 127.0.0.1
	client udp ::1
	systemctl reload "$SERVICE"
	systemctl stop "$SERVICE" "$SOCKET"
	journalctl --sync
	equal "$(journalctl --quiet --output=cat --cursor="$cursor" \
		--priority=warning --unit="$SERVICE" --unit="$SOCKET")" ""
}
