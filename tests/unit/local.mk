# SPDX-License-Identifier: MIT
# Unit tests.  tests/unit/check_NAME.c is in one of the first three lists, by
# what it tests: src/common (and the kernel), src/echod or src/echoping; further
# files of it are in a list of its own, what several tests share is in the
# library.

common_unit_tests = \
	tests/unit/check_address \
	tests/unit/check_address_parse \
	tests/unit/check_call \
	tests/unit/check_histogram \
	tests/unit/check_histogram_samples \
	tests/unit/check_kernel \
	tests/unit/check_list \
	tests/unit/check_siphash \
	tests/unit/check_option_table \
	tests/unit/check_ports \
	tests/unit/check_standard \
	tests/unit/check_text \
	tests/unit/check_units \
	tests/unit/check_unix_name

echod_unit_tests = \
	tests/unit/check_affinity \
	tests/unit/check_allocation \
	tests/unit/check_connection \
	tests/unit/check_connection_journal \
	tests/unit/check_crew \
	tests/unit/check_crew_making \
	tests/unit/check_datagram \
	tests/unit/check_datagram_batch \
	tests/unit/check_datagram_judge \
	tests/unit/check_datagram_receive \
	tests/unit/check_datagram_send \
	tests/unit/check_datagram_train \
	tests/unit/check_datagram_unix \
	tests/unit/check_datagram_wire \
	tests/unit/check_descriptors \
	tests/unit/check_drain \
	tests/unit/check_drain_hand_over \
	tests/unit/check_fence \
	tests/unit/check_foreigners \
	tests/unit/check_fake \
	tests/unit/check_guard \
	tests/unit/check_held \
	tests/unit/check_idle \
	tests/unit/check_intake \
	tests/unit/check_intake_failure \
	tests/unit/check_intake_label \
	tests/unit/check_intake_own \
	tests/unit/check_intake_passed \
	tests/unit/check_journal \
	tests/unit/check_limiter \
	tests/unit/check_limiter_source \
	tests/unit/check_limiter_table \
	tests/unit/check_listener \
	tests/unit/check_listener_pause \
	tests/unit/check_listener_shared \
	tests/unit/check_log \
	tests/unit/check_log_entry \
	tests/unit/check_log_journal \
	tests/unit/check_log_loss \
	tests/unit/check_log_queue \
	tests/unit/check_log_ring \
	tests/unit/check_lot \
	tests/unit/check_offload \
	tests/unit/check_options \
	tests/unit/check_options_datagram \
	tests/unit/check_options_error \
	tests/unit/check_options_help \
	tests/unit/check_options_rate \
	tests/unit/check_packet_info \
	tests/unit/check_parking \
	tests/unit/check_parking_adopt \
	tests/unit/check_parking_lots \
	tests/unit/check_parking_moves \
	tests/unit/check_pool \
	tests/unit/check_position \
	tests/unit/check_privilege \
	tests/unit/check_quota \
	tests/unit/check_reactor \
	tests/unit/check_record \
	tests/unit/check_record_fault \
	tests/unit/check_record_foreign \
	tests/unit/check_record_limiter \
	tests/unit/check_record_poison \
	tests/unit/check_report \
	tests/unit/check_room \
	tests/unit/check_screen \
	tests/unit/check_server \
	tests/unit/check_server_failure \
	tests/unit/check_service \
	tests/unit/check_service_store \
	tests/unit/check_socket \
	tests/unit/check_socket_identity \
	tests/unit/check_socket_options \
	tests/unit/check_spin \
	tests/unit/check_stats \
	tests/unit/check_stream \
	tests/unit/check_succession \
	tests/unit/check_watch \
	tests/unit/check_watchdog \
	tests/unit/check_worker

sandbox_unit_tests =
if ENABLE_SANDBOX
sandbox_unit_tests += tests/unit/check_sandbox
endif

echoping_unit_tests = \
	tests/unit/check_console \
	tests/unit/check_export \
	tests/unit/check_export_hdr \
	tests/unit/check_export_plot \
	tests/unit/check_export_runs \
	tests/unit/check_flow \
	tests/unit/check_flow_clock \
	tests/unit/check_flow_connection \
	tests/unit/check_flow_datagram \
	tests/unit/check_flow_reply \
	tests/unit/check_flow_stream \
	tests/unit/check_flow_unix \
	tests/unit/check_latency \
	tests/unit/check_load_batch \
	tests/unit/check_load_choose \
	tests/unit/check_load_counts \
	tests/unit/check_load_schedule \
	tests/unit/check_load_window \
	tests/unit/check_message \
	tests/unit/check_message_nonce \
	tests/unit/check_pattern \
	tests/unit/check_ping \
	tests/unit/check_ping_check \
	tests/unit/check_ping_failure \
	tests/unit/check_ping_summary \
	tests/unit/check_report_historical \
	tests/unit/check_report_json \
	tests/unit/check_report_openmetrics \
	tests/unit/check_report_text \
	tests/unit/check_report_text_load \
	tests/unit/check_report_trouble \
	tests/unit/check_settings \
	tests/unit/check_settings_error \
	tests/unit/check_settings_help \
	tests/unit/check_settings_operands \
	tests/unit/check_settings_value \
	tests/unit/check_stamp \
	tests/unit/check_tally \
	tests/unit/check_target \
	tests/unit/check_target_open \
	tests/unit/check_target_source

UNIT_TESTS = $(common_unit_tests)
if ENABLE_ECHOD
UNIT_TESTS += $(echod_unit_tests) $(sandbox_unit_tests)
endif
if ENABLE_ECHOPING
UNIT_TESTS += $(echoping_unit_tests)
endif

tests_unit_libharness_a_SOURCES = \
	tests/unit/adopt_rig.c tests/unit/adopt_rig.h \
	tests/unit/await.c tests/unit/await.h \
	tests/unit/capture.c tests/unit/capture.h \
	tests/unit/census.c tests/unit/census.h \
	tests/unit/datagram_rig.c tests/unit/datagram_rig.h \
	tests/unit/export_rig.c tests/unit/export_rig.h \
	tests/unit/faults.c tests/unit/faults.h \
	tests/unit/flow_rig.c tests/unit/flow_rig.h \
	tests/unit/harness.c tests/unit/harness.h \
	tests/unit/injection.h \
	tests/unit/namespace.c tests/unit/namespace.h \
	tests/unit/output.c tests/unit/output.h \
	tests/unit/report_rig.c tests/unit/report_rig.h \
	tests/unit/rig.c tests/unit/rig.h \
	tests/unit/server_rig.c tests/unit/server_rig.h \
	tests/unit/sockets.c tests/unit/sockets.h \
	tests/unit/terminal.c tests/unit/terminal.h \
	tests/unit/wire.c tests/unit/wire.h

# They need the daemon, and it libsystemd.
if ENABLE_ECHOD
tests_unit_libharness_a_SOURCES += \
	tests/unit/instance_rig.c tests/unit/instance_rig.h \
	tests/unit/limiter_rig.c tests/unit/limiter_rig.h \
	tests/unit/store_rig.c tests/unit/store_rig.h
endif

tests_unit_check_connection_SOURCES = \
	tests/unit/check_connection.c tests/unit/connection.h \
	tests/unit/connection_drain.c \
	tests/unit/connection_end.c \
	tests/unit/connection_fault.c \
	tests/unit/connection_fixture.c \
	tests/unit/connection_hold.c \
	tests/unit/connection_lag.c \
	tests/unit/connection_log.c \
	tests/unit/connection_parked.c \
	tests/unit/connection_peek.c \
	tests/unit/connection_random.c \
	tests/unit/connection_quota.c \
	tests/unit/connection_unix.c \
	tests/unit/connection_watch.c

tests_unit_check_datagram_batch_SOURCES = \
	tests/unit/check_datagram_batch.c tests/unit/datagram_batch.h \
	tests/unit/datagram_batch_fixture.c \
	tests/unit/datagram_batch_repeat.c \
	tests/unit/datagram_batch_train.c

tests_unit_check_datagram_train_SOURCES = \
	tests/unit/check_datagram_train.c tests/unit/datagram_train.h \
	tests/unit/datagram_train_failure.c \
	tests/unit/datagram_train_fixture.c

tests_unit_check_fake_SOURCES = \
	tests/unit/check_fake.c tests/unit/fake.h \
	tests/unit/fake_calls.c \
	tests/unit/fake_echo.c \
	tests/unit/fake_edges.c \
	tests/unit/world.h \
	tests/unit/world_fake.c \
	tests/unit/world_real.c \
	$(fake_kernel)

tests_unit_check_kernel_SOURCES = \
	tests/unit/check_kernel.c tests/unit/kernel.h \
	tests/unit/kernel_address.c \
	tests/unit/kernel_datagram.c \
	tests/unit/kernel_descriptor.c \
	tests/unit/kernel_epoll.c \
	tests/unit/kernel_exclusive.c \
	tests/unit/kernel_memfd.c \
	tests/unit/kernel_source.c \
	tests/unit/kernel_stream.c \
	tests/unit/kernel_tcp_end.c \
	tests/unit/kernel_tcp_listen.c \
	tests/unit/kernel_tcp_queue.c \
	tests/unit/kernel_train.c \
	tests/unit/kernel_unix.c \
	tests/unit/kernel_urgent.c

tests_unit_check_lot_SOURCES = \
	tests/unit/check_lot.c tests/unit/lot.h \
	tests/unit/lot_failure.c \
	tests/unit/lot_fixture.c \
	tests/unit/lot_message.c \
	tests/unit/lot_rotation.c

tests_unit_check_position_SOURCES = \
	tests/unit/check_position.c tests/unit/position.h \
	tests/unit/position_fixture.c \
	tests/unit/position_queue.c \
	tests/unit/position_race.c \
	tests/unit/position_random.c \
	tests/unit/position_state.c

tests_unit_check_reactor_SOURCES = \
	tests/unit/check_reactor.c tests/unit/reactor.h \
	tests/unit/reactor_poll.c \
	tests/unit/reactor_round.c \
	tests/unit/reactor_source.c \
	tests/unit/reactor_spin.c \
	tests/unit/reactor_timer.c

tests_unit_check_succession_SOURCES = \
	tests/unit/check_succession.c tests/unit/succession.h \
	tests/unit/succession_failure.c \
	tests/unit/succession_fixture.c

tests_unit_check_target_open_SOURCES = \
	tests/unit/check_target_open.c tests/unit/target_open.h \
	tests/unit/target_bind.c

tests_unit_check_worker_SOURCES = \
	tests/unit/check_worker.c tests/unit/worker.h \
	tests/unit/worker_capacity.c

# A test that fakes a failing call NAME wraps it; and __NAME_chk, if that is what
# _FORTIFY_SOURCE makes of the call.
wrap_faults = -Wl,--wrap=abort -Wl,--wrap=call_receive \
	-Wl,--wrap=call_receive_message -Wl,--wrap=call_send \
	-Wl,--wrap=epoll_create1 -Wl,--wrap=epoll_ctl \
	-Wl,--wrap=epoll_wait -Wl,--wrap=eventfd -Wl,--wrap=malloc \
	-Wl,--wrap=pthread_create
# A test that runs the server stays out of its sandbox: server_rig.c.
wrap_sandbox = -Wl,--wrap=sandbox_give_up_files -Wl,--wrap=sandbox_limit_calls
tests_unit_check_address_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=if_indextoname
tests_unit_check_address_parse_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=freeaddrinfo \
	-Wl,--wrap=getaddrinfo
tests_unit_check_affinity_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=pthread_setaffinity_np -Wl,--wrap=sched_getaffinity
tests_unit_check_allocation_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=aligned_alloc -Wl,--wrap=call_send -Wl,--wrap=calloc \
	-Wl,--wrap=free -Wl,--wrap=malloc -Wl,--wrap=mmap \
	-Wl,--wrap=realloc -Wl,--wrap=reallocarray
tests_unit_check_connection_LDFLAGS = $(AM_LDFLAGS) $(wrap_faults) \
	-Wl,--wrap=socket_shut_down
tests_unit_check_connection_journal_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=journal_sendv
tests_unit_check_console_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=tcgetpgrp
tests_unit_check_crew_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=epoll_ctl
tests_unit_check_crew_making_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aligned_alloc \
	-Wl,--wrap=calloc -Wl,--wrap=epoll_create1 -Wl,--wrap=epoll_ctl \
	-Wl,--wrap=eventfd -Wl,--wrap=getrlimit -Wl,--wrap=malloc \
	-Wl,--wrap=pthread_create -Wl,--wrap=sched_getaffinity
tests_unit_check_datagram_judge_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sendmsg
tests_unit_check_datagram_receive_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=epoll_ctl \
	-Wl,--wrap=malloc -Wl,--wrap=call_receive_many
tests_unit_check_datagram_send_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=epoll_ctl \
	-Wl,--wrap=call_receive_many -Wl,--wrap=call_send_many
tests_unit_check_datagram_train_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=call_receive_many \
	-Wl,--wrap=call_send_many -Wl,--wrap=sendmsg
tests_unit_check_descriptors_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=setrlimit
tests_unit_check_drain_hand_over_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sendmsg
tests_unit_check_export_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=mmap
tests_unit_check_fence_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=setsockopt
tests_unit_check_fake_LDFLAGS = $(AM_LDFLAGS) $(wrap_fake)
tests_unit_check_flow_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc \
	-Wl,--wrap=mmap
tests_unit_check_flow_connection_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=connect \
	-Wl,--wrap=epoll_ctl -Wl,--wrap=socket
tests_unit_check_flow_datagram_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=epoll_ctl \
	-Wl,--wrap=recvmsg -Wl,--wrap=sendto -Wl,--wrap=socket
tests_unit_check_flow_stream_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=epoll_ctl \
	-Wl,--wrap=recvmsg -Wl,--wrap=send
tests_unit_check_flow_unix_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=connect
tests_unit_check_foreigners_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sendmsg
tests_unit_check_histogram_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=mmap
tests_unit_check_intake_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=bind
tests_unit_check_intake_failure_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=bind \
	-Wl,--wrap=getsockname -Wl,--wrap=reallocarray -Wl,--wrap=socket
tests_unit_check_intake_own_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=reallocarray \
	-Wl,--wrap=service_take_sockets
tests_unit_check_intake_passed_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=reallocarray \
	-Wl,--wrap=service_take_sockets
tests_unit_check_journal_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sendto
tests_unit_check_listener_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=accept4 \
	-Wl,--wrap=epoll_ctl -Wl,--wrap=malloc
tests_unit_check_listener_pause_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=accept4
tests_unit_check_listener_shared_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=epoll_ctl
tests_unit_check_load_counts_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=mmap
tests_unit_check_log_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=poll -Wl,--wrap=write
tests_unit_check_log_journal_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=journal_sendv -Wl,--wrap=pthread_cond_clockwait
tests_unit_check_log_loss_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_gettime \
	-Wl,--wrap=pthread_cond_clockwait
tests_unit_check_log_queue_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=pthread_create
tests_unit_check_lot_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc \
	-Wl,--wrap=__recv_chk -Wl,--wrap=recv -Wl,--wrap=sendmsg \
	-Wl,--wrap=socketpair
tests_unit_check_message_nonce_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=clock_gettime -Wl,--wrap=getpid -Wl,--wrap=getrandom
tests_unit_check_offload_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=setsockopt
tests_unit_check_options_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=reallocarray
tests_unit_check_parking_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sendmsg
tests_unit_check_parking_adopt_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=setsockopt
tests_unit_check_parking_lots_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc -Wl,--wrap=reallocarray -Wl,--wrap=sendmsg \
	-Wl,--wrap=socketpair
tests_unit_check_parking_moves_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sendmsg
tests_unit_check_ping_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=epoll_wait \
	-Wl,--wrap=report_choose -Wl,--wrap=sendto
tests_unit_check_ping_check_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=socket
tests_unit_check_ping_failure_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc \
	-Wl,--wrap=epoll_create1 -Wl,--wrap=epoll_ctl -Wl,--wrap=malloc \
	-Wl,--wrap=signalfd -Wl,--wrap=timerfd_create
tests_unit_check_ping_summary_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc \
	-Wl,--wrap=export_files -Wl,--wrap=mmap
tests_unit_check_pool_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=mmap
tests_unit_check_position_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=call_receive -Wl,--wrap=getsockopt \
	-Wl,--wrap=socket_unacknowledged -Wl,--wrap=socket_unread
tests_unit_check_privilege_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getpwnam \
	-Wl,--wrap=initgroups -Wl,--wrap=setresgid -Wl,--wrap=setresuid
tests_unit_check_quota_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getrandom \
	-Wl,--wrap=mmap
tests_unit_check_reactor_LDFLAGS = $(AM_LDFLAGS) $(wrap_faults)
tests_unit_check_record_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fallocate \
	-Wl,--wrap=memfd_create -Wl,--wrap=mmap
tests_unit_check_record_fault_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=kill
tests_unit_check_record_foreign_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fstat
tests_unit_check_record_limiter_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=getrandom
tests_unit_check_report_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=journal_sendv \
	-Wl,--wrap=service_notify_status
tests_unit_check_report_text_load_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=tcgetpgrp
tests_unit_check_room_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=accept4 \
	-Wl,--wrap=clock_gettime
tests_unit_check_screen_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc \
	-Wl,--wrap=sendmsg
tests_unit_check_server_LDFLAGS = $(AM_LDFLAGS) $(wrap_sandbox) \
	-Wl,--wrap=crew_has_answered \
	-Wl,--wrap=call_receive_many -Wl,--wrap=intake_is_pending \
	-Wl,--wrap=report_tick -Wl,--wrap=service_take_sockets
tests_unit_check_server_failure_LDFLAGS = $(AM_LDFLAGS) $(wrap_sandbox) \
	-Wl,--wrap=aligned_alloc -Wl,--wrap=bind -Wl,--wrap=crew_pin \
	-Wl,--wrap=epoll_create1 -Wl,--wrap=epoll_ctl -Wl,--wrap=epoll_wait \
	-Wl,--wrap=eventfd -Wl,--wrap=getrandom -Wl,--wrap=mmap \
	-Wl,--wrap=privilege_drop -Wl,--wrap=pthread_create -Wl,--wrap=read \
	-Wl,--wrap=signalfd -Wl,--wrap=write
tests_unit_check_service_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc
tests_unit_check_service_store_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=sd_notify_barrier -Wl,--wrap=sd_pid_notify_with_fds \
	-Wl,--wrap=socketpair
tests_unit_check_settings_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=reallocarray
tests_unit_check_socket_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=bind \
	-Wl,--wrap=listen -Wl,--wrap=socket
tests_unit_check_socket_identity_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=setsockopt
tests_unit_check_socket_options_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=setsockopt
tests_unit_check_stamp_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=recvmsg \
	-Wl,--wrap=setsockopt
tests_unit_check_stream_LDFLAGS = $(AM_LDFLAGS) $(wrap_faults)
tests_unit_check_succession_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=memfd_create -Wl,--wrap=service_store \
	-Wl,--wrap=service_take_sockets -Wl,--wrap=socketpair
tests_unit_check_tally_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=mmap
tests_unit_check_target_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=freeaddrinfo \
	-Wl,--wrap=getaddrinfo
tests_unit_check_target_open_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=bind \
	-Wl,--wrap=getsockopt -Wl,--wrap=setsockopt -Wl,--wrap=socket
tests_unit_check_target_source_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getaddrinfo
tests_unit_check_watchdog_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=crew_has_answered -Wl,--wrap=crew_post \
	-Wl,--wrap=service_notify_watchdog \
	-Wl,--wrap=service_watchdog_usec
tests_unit_check_worker_LDFLAGS = $(AM_LDFLAGS) $(wrap_faults)
