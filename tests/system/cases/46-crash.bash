# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Whatever becomes of the process, no connection is lost.

readonly MANY=8000 MOST=15000

case_a_kill_loses_no_connection() {
	local pid i

	systemctl start "$SERVICE"
	open_crowd 100
	for ((i = 0; i < KILLS; i++)); do
		pid=$(main_pid)
		kill -KILL "$pid"
		crowd_goes_on
		is_replaced "$pid"
	done
	close_crowd
	tell_stalls kill 100
}

# The next instance is killed as soon as there is one, be it in its recovery.
case_a_kill_in_the_recovery_loses_no_connection() {
	local pid i

	systemctl start "$SERVICE"
	open_crowd 100
	for ((i = 0; i < KILLS; i++)); do
		pid=$(main_pid)
		kill -KILL "$pid"
		await is_replaced "$pid"
	done
	crowd_goes_on
	close_crowd
}

case_a_hang_loses_no_connection() {
	local pid

	drop_in "$SERVICE" <<-END
		[Service]
		WatchdogSec=2s
	END
	systemctl start "$SERVICE"
	open_crowd 100
	pid=$(main_pid)
	kill -STOP "$pid"
	crowd_goes_on
	is_replaced "$pid"
	close_crowd
	tell_stalls hang 2500
}

case_many_connections_survive_restarts_and_kills() {
	local pid i

	may_have_descriptors "$MANY" || return 0
	systemctl start "$SERVICE"
	open_crowd "$MANY"
	for ((i = 0; i < 3; i++)); do
		systemctl restart "$SERVICE"
		crowd_goes_on
	done
	tell_stalls restart 500
	for ((i = 0; i < 3; i++)); do
		kill -KILL "$(main_pid)"
		crowd_goes_on
	done
	close_crowd
	tell_stalls kill 500
}

# In milliseconds: of user and system, which proc(5) tells in hundredths.
manager_time() {
	awk '{ print 10 * ($14 + $15) }' /proc/1/stat
}

# Two descriptors and that of the counters are kept, however many connections
# there are: with one for each the manager would compare each new one with all.
case_parked_connections_cost_the_manager_nothing() {
	local before parked after

	may_have_descriptors "$MOST" || return 0
	systemctl start "$SERVICE"
	before=$(manager_time)
	open_crowd "$MOST"
	parked=$(manager_time)
	equal "$(property "$SERVICE" NFileDescriptorStore)" 3
	kill -KILL "$(main_pid)"
	crowd_goes_on
	after=$(manager_time)
	close_crowd
	note "$MOST connections parked: $((parked - before)) ms of PID 1's" \
		"time (target 100), adopted after a kill: $((after - parked)) ms"
	[ $((parked - before)) -lt 100 ]
}
