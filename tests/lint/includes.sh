#!/bin/sh
# SPDX-License-Identifier: MIT
# Includes point down: a file includes only files of rows above its own, and
# what only one room may use is used there only.
. "$(dirname "$0")/tap.sh"

# The rooms in topological order, one row a line.  Files named on one line are
# one room and may include each other; so are ROOM_PART.c and ROOM.c.
order='
common/macros
common/list
common/siphash
common/call
common/standard
common/address common/unix_name
common/text
common/option_table
common/ports
common/units
common/histogram
echod/log_entry
echod/journal
echod/log
echod/affinity
echod/descriptors
echod/limiter
echod/options
echod/pool
echod/quota
echod/stats
echod/spin
echod/reactor
echod/idle
echod/socket
echod/position
echod/packet_info
echod/offload
echod/service
echod/record
echod/report
echod/privilege
echod/guard
echod/fence
echod/foreigners
echod/screen
echod/lot
echod/stream
echod/held
echod/watch
echod/worker
echod/connection
echod/datagram
echod/room
echod/listener
echod/parking
echod/drain
echod/metrics
echod/intake
echod/crew
echod/succession
echod/watchdog
echod/sandbox
echod/server
echod/main
echoping/settings
echoping/pattern
echoping/message
echoping/tally
echoping/latency
echoping/target
echoping/console
echoping/report
echoping/export
echoping/stamp
echoping/flow
echoping/ping
echoping/load_call
echoping/load_counts
echoping/load_plan
echoping/load_choose
echoping/load_schedule
echoping/load_worker echoping/load_link
echoping/load_window
echoping/load_batch
echoping/load_flow
echoping/load_engines echoping/load_bulk echoping/load_connect echoping/load_datagram echoping/load_hold echoping/load_stream
echoping/load_crew
echoping/load
echoping/conformance
echoping/main
'

# Pattern, then the files of src/ that may contain it.
sole_users='
include.*seccomp.h|echod/sandbox_calls.c
include.*sandbox_calls.h|echod/sandbox.c echod/sandbox_calls.c echod/sandbox_calls_none.c
include.*systemd/sd-daemon.h|echod/service.c
include.*echod/options.h|echod/options.c echod/options_parse.c echod/intake.h echod/intake.c echod/succession.h echod/server.h echod/server.c echod/main.c
include.*common/unix_name.h|common/address.c common/address_parse.c common/unix_name.c
[^_[:alnum:]]exit *(|echod/main.c echoping/main.c
'

# includes_point_down FILE...: compare their rows with those of what they include.
includes_point_down() {
	(cd "$code" && awk -v order="$order" '
	BEGIN {
		rows = split(order, names, "\n")
		for (i = 1; i <= rows; i++) {
			count = split(names[i], rooms, " ")
			for (j = 1; j <= count; j++)
				row[rooms[j]] = i
		}
	}
	function room_of(name) {
		sub(/\.[ch]$/, "", name)
		while (!(name in row) && sub(/_[^_\/]*$/, "", name))
			;
		return name in row ? name : ""
	}
	function complain(text) {
		print "src/" FILENAME ":" FNR ": " text
		bad = 1
	}
	FNR == 1 {
		source = FILENAME ~ /\.c$/
		seen = 0
		self = room_of(FILENAME)
		if (!self)
			complain("is in no row of tests/lint/includes.sh")
	}
	/^#[ \t]*include/ {
		name = $0
		sub(/^#[ \t]*include[ \t]*["<]/, "", name)
		sub(/[">].*/, "", name)
		if (source && !seen++ && name != "config.h")
			complain("config.h is not the first include")
		if ($0 !~ /"/)
			next
		if (name == "config.h") {
			if (!source)
				complain("config.h is for .c files")
			next
		}
		room = room_of(name)
		if (!room)
			complain(name " is in no row")
		else if (self && row[room] > row[self])
			complain(name " is below")
	}
	END { exit bad }' "$@")
}

# only_in PATTERN FILES: no other file of src/ has it outside comments.
only_in() {
	(cd "$code" && grep -rn -e "$1" . | sed 's|^\./||' |
		awk -F : -v users=" $2 " '
	!index(users, " " $1 " ") {
		print "src/" $0 " ... but only for" users
		found = 1
	}
	END { exit found }')
}

# What stands there without comments, its lines kept.
code=$(mktemp -d)
trap 'rm -r "$code"' EXIT
cp -r src/. "$code"
chmod -R u+w "$code" # a distribution's may be read only
find "$code" -name '*.[ch]' -exec sed -i -e 's|/\*.*\*/||' \
	-e '/\/\*/,/\*\// s/.*//' -e 's|//.*||' {} +
for room in common echod echoping; do
	# shellcheck disable=SC2046 # names are words
	check "includes of $room point down" includes_point_down \
		$(cd src && sources "$room")
done
while IFS='|' read -r pattern users; do
	[ -n "$pattern" ] || continue
	check "only $users: $pattern" only_in "$pattern" "$users"
done <<END
$sole_users
END
report
