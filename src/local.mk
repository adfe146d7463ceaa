# SPDX-License-Identifier: MIT
# The programs: a convenience library each, which the tests link too, and
# main.c; and the ground that both stand on.

noinst_LIBRARIES += libcommon.a
if ENABLE_ECHOD
noinst_LIBRARIES += libechod.a
sbin_PROGRAMS += echod
endif
if ENABLE_ECHOPING
noinst_LIBRARIES += libechoping.a
bin_PROGRAMS += echoping
endif

libcommon_a_SOURCES = \
	src/common/address.c src/common/address.h \
	src/common/address_parse.c \
	src/common/call.c src/common/call.h \
	src/common/histogram.c src/common/histogram.h \
	src/common/list.h \
	src/common/macros.h \
	src/common/siphash.h \
	src/common/option_table.c src/common/option_table.h \
	src/common/ports.c src/common/ports.h \
	src/common/standard.c src/common/standard.h \
	src/common/text.c src/common/text.h \
	src/common/units.c src/common/units.h \
	src/common/unix_name.c src/common/unix_name.h

libechod_a_SOURCES = \
	src/echod/affinity.c src/echod/affinity.h \
	src/echod/connection.c src/echod/connection.h \
	src/echod/connection_journal.c src/echod/connection_journal.h \
	src/echod/connection_lag.c \
	src/echod/connection_life.c src/echod/connection_state.h \
	src/echod/connection_watch.c \
	src/echod/crew.c src/echod/crew.h \
	src/echod/datagram.c src/echod/datagram.h \
	src/echod/datagram_batch.c src/echod/datagram_batch.h \
	src/echod/datagram_judge.c src/echod/datagram_judge.h \
	src/echod/descriptors.c src/echod/descriptors.h \
	src/echod/drain.c src/echod/drain.h \
	src/echod/fence.c src/echod/fence.h \
	src/echod/foreigners.c src/echod/foreigners.h \
	src/echod/guard.c src/echod/guard.h \
	src/echod/held.c src/echod/held.h \
	src/echod/idle.c src/echod/idle.h \
	src/echod/intake.c src/echod/intake.h \
	src/echod/intake_bind.c src/echod/intake_state.h \
	src/echod/intake_own.c \
	src/echod/journal.c src/echod/journal.h \
	src/echod/limiter.c src/echod/limiter.h \
	src/echod/listener.c src/echod/listener.h \
	src/echod/log.c src/echod/log.h \
	src/echod/log_entry.c src/echod/log_entry.h \
	src/echod/log_ring.c src/echod/log_ring.h \
	src/echod/lot.c src/echod/lot.h \
	src/echod/lot_look.c src/echod/lot_state.h \
	src/echod/offload.c src/echod/offload.h \
	src/echod/options.c src/echod/options.h \
	src/echod/options_parse.c src/echod/options_parse.h \
	src/echod/packet_info.c src/echod/packet_info.h \
	src/echod/parking.c src/echod/parking.h \
	src/echod/parking_adopt.c src/echod/parking_state.h \
	src/echod/parking_lots.c \
	src/echod/pool.c src/echod/pool.h \
	src/echod/position.c src/echod/position.h \
	src/echod/privilege.c src/echod/privilege.h \
	src/echod/quota.c src/echod/quota.h \
	src/echod/reactor.c src/echod/reactor.h \
	src/echod/record.c src/echod/record.h \
	src/echod/record_limiter.c src/echod/record_state.h \
	src/echod/report.c src/echod/report.h \
	src/echod/room.c src/echod/room.h \
	src/echod/sandbox.h src/echod/sandbox_calls.h \
	src/echod/screen.c src/echod/screen.h \
	src/echod/server.c src/echod/server.h \
	src/echod/server_start.c src/echod/server_state.h \
	src/echod/service.c src/echod/service.h \
	src/echod/socket.c src/echod/socket.h \
	src/echod/socket_option.c src/echod/socket_option.h \
	src/echod/spin.h \
	src/echod/stats.c src/echod/stats.h \
	src/echod/stream.c src/echod/stream.h \
	src/echod/succession.c src/echod/succession.h \
	src/echod/watch.c src/echod/watch.h \
	src/echod/watchdog.c src/echod/watchdog.h \
	src/echod/worker.c src/echod/worker.h

# What the process may still do: nothing of it is in builds whose runtime does
# more, see configure.ac.
if ENABLE_SANDBOX
libechod_a_SOURCES += src/echod/sandbox.c
if HAVE_SECCOMP
libechod_a_SOURCES += src/echod/sandbox_calls.c
else
libechod_a_SOURCES += src/echod/sandbox_calls_none.c
endif
else
libechod_a_SOURCES += src/echod/sandbox_none.c
endif
EXTRA_DIST += src/echod/sandbox.c src/echod/sandbox_calls.c \
	src/echod/sandbox_calls_none.c src/echod/sandbox_none.c

echod_SOURCES = src/echod/main.c
echod_LDADD = libechod.a libcommon.a $(LIBSYSTEMD_LIBS) $(SECCOMP_LIBS)

libechoping_a_SOURCES = \
	src/echoping/conformance.c src/echoping/conformance.h \
	src/echoping/conformance_check.c src/echoping/conformance_check.h \
	src/echoping/conformance_check_address.c \
	src/echoping/conformance_check_datagram.c \
	src/echoping/conformance_check_end.c \
	src/echoping/conformance_check_fair.c \
	src/echoping/conformance_check_load.c \
	src/echoping/conformance_check_port.c \
	src/echoping/conformance_check_source.c \
	src/echoping/conformance_check_stream.c \
	src/echoping/conformance_check_tcp.c \
	src/echoping/conformance_check_unix.c \
	src/echoping/conformance_forge.c src/echoping/conformance_forge.h \
	src/echoping/conformance_local.c src/echoping/conformance_local.h \
	src/echoping/conformance_post.c src/echoping/conformance_post.h \
	src/echoping/conformance_report.c src/echoping/conformance_report.h \
	src/echoping/conformance_talk.c src/echoping/conformance_talk.h \
	src/echoping/conformance_wait.c src/echoping/conformance_wait.h \
	src/echoping/console.c src/echoping/console.h \
	src/echoping/export.c src/echoping/export.h \
	src/echoping/export_axis.c src/echoping/export_axis.h \
	src/echoping/export_file.h \
	src/echoping/export_hdr.c \
	src/echoping/export_plot.c \
	src/echoping/export_runs.c \
	src/echoping/export_spectrum.c src/echoping/export_spectrum.h \
	src/echoping/flow.c src/echoping/flow.h \
	src/echoping/flow_datagram.c \
	src/echoping/flow_reply.c \
	src/echoping/flow_stream.c \
	src/echoping/latency.c src/echoping/latency.h \
	src/echoping/load.c src/echoping/load.h \
	src/echoping/load_batch.c src/echoping/load_batch.h \
	src/echoping/load_bulk.c \
	src/echoping/load_call.h \
	src/echoping/load_choose.c src/echoping/load_choose.h \
	src/echoping/load_connect.c \
	src/echoping/load_counts.c src/echoping/load_counts.h \
	src/echoping/load_crew.c src/echoping/load_crew.h \
	src/echoping/load_datagram.c \
	src/echoping/load_engines.h \
	src/echoping/load_flow.c src/echoping/load_flow.h \
	src/echoping/load_hold.c \
	src/echoping/load_link.c src/echoping/load_link.h \
	src/echoping/load_plan.c src/echoping/load_plan.h \
	src/echoping/load_schedule.c src/echoping/load_schedule.h \
	src/echoping/load_stream.c \
	src/echoping/load_window.c src/echoping/load_window.h \
	src/echoping/load_worker.c src/echoping/load_worker.h \
	src/echoping/message.c src/echoping/message.h \
	src/echoping/pattern.c src/echoping/pattern.h \
	src/echoping/ping.c src/echoping/ping.h \
	src/echoping/ping_check.c src/echoping/ping_check.h \
	src/echoping/ping_summary.c src/echoping/ping_summary.h \
	src/echoping/report.c src/echoping/report.h \
	src/echoping/report_historical.c \
	src/echoping/report_json.c src/echoping/report_json.h \
	src/echoping/report_json_load.c \
	src/echoping/report_json_value.c \
	src/echoping/report_metrics.c src/echoping/report_metrics.h \
	src/echoping/report_openmetrics.c \
	src/echoping/report_text.c src/echoping/report_text.h \
	src/echoping/report_text_load.c \
	src/echoping/settings.c src/echoping/settings.h \
	src/echoping/settings_conflict.c src/echoping/settings_conflict.h \
	src/echoping/settings_operands.c src/echoping/settings_operands.h \
	src/echoping/settings_value.c src/echoping/settings_value.h \
	src/echoping/stamp.c src/echoping/stamp.h \
	src/echoping/tally.c src/echoping/tally.h \
	src/echoping/target.c src/echoping/target.h

echoping_SOURCES = src/echoping/main.c
echoping_LDADD = libechoping.a libcommon.a $(JANSSON_LIBS) -lm
