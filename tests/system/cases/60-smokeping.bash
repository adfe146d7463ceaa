# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# SmokePing measures with its own EchoPing probe, of which nothing is changed:
# it finds our echoping where it looks for the one of 1996.

# One round of SmokePing over TCP and UDP, with every option of its probe.
smokeping_round() {
	cat >/etc/smokeping/config.d/Probes <<-'END'
		*** Probes ***
		+ EchoPing
		binary = /usr/bin/echoping
		pings = 3
		timeout = 5
		waittime = 0.01
	END
	cat >/etc/smokeping/config.d/Targets <<-'END'
		*** Targets ***
		probe = EchoPing
		menu = Top
		title = Top
		+ tcp
		menu = tcp
		title = tcp
		host = 127.0.0.1
		pings = 3
		size = 510
		fill = A
		+ udp
		menu = udp
		title = udp
		host = ::1
		pings = 3
		udp = yes
		tos = 0xb8
		priority = 6
		ipversion = 6
	END
	mkdir -p /run/smokeping
	rm -f /var/lib/smokeping/*.rrd
	# What it debugs goes to standard error.
	smokeping --config /etc/smokeping/config --debug 2>&1
}

# TARGET LOSS: what one round has stored of it.
stored() {
	local time='[0-9]+\.[0-9]+'

	case $2 in
	0) has -E "update\(/var/lib/smokeping/$1.rrd .*:0:($time:){3}$time\)" ;;
	*) has -E "update\(/var/lib/smokeping/$1.rrd .*:$2:U:U:U:U\)" ;;
	esac
}

case_smokeping_measures_round_trips_with_its_echoping_probe() {
	local round

	systemctl start "$SOCKET"
	round=$(smokeping_round)
	note "$(grep -c 'EchoPing: .*: got [0-9.]* [0-9.]* [0-9.]*$' \
		<<<"$round") targets measured"
	stored tcp 0 <<<"$round"
	stored udp 0 <<<"$round"
}

case_smokeping_sees_that_nobody_answers() {
	local round

	round=$(smokeping_round)
	stored tcp 3 <<<"$round"
	stored udp 3 <<<"$round"
}
