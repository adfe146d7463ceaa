# SPDX-License-Identifier: MIT
# `make check` runs everything that needs neither root nor a network.  Every
# test writes TAP, so that each single case is counted.  To add one, name it in
# its list, of those that need nothing, echod or echoping to be built: a unit
# test, tests/unit/check_NAME.c, in tests/unit/local.mk; a fuzz target is
# tests/fuzz/fuzz_NAME.c with seeds in tests/fuzz/corpus/NAME/.

common_fuzz_tests = \
	tests/fuzz/fuzz_address \
	tests/fuzz/fuzz_units

echod_fuzz_tests = \
	tests/fuzz/fuzz_cmsgs \
	tests/fuzz/fuzz_datagrams \
	tests/fuzz/fuzz_environment \
	tests/fuzz/fuzz_lot \
	tests/fuzz/fuzz_options \
	tests/fuzz/fuzz_record \
	tests/fuzz/fuzz_schedule \
	tests/fuzz/fuzz_screen

echoping_fuzz_tests = \
	tests/fuzz/fuzz_message \
	tests/fuzz/fuzz_settings \
	tests/fuzz/fuzz_target

echod_functional_tests = \
	tests/functional/test_activation.py \
	tests/functional/test_addresses.py \
	tests/functional/test_attack_log.py \
	tests/functional/test_analysis.py \
	tests/functional/test_bench.py \
	tests/functional/test_busy_poll.py \
	tests/functional/test_crash.py \
	tests/functional/test_datagram.py \
	tests/functional/test_datagram_train.py \
	tests/functional/test_in_flight.py \
	tests/functional/test_limiter.py \
	tests/functional/test_limits.py \
	tests/functional/test_log.py \
	tests/functional/test_memory.py \
	tests/functional/test_notify.py \
	tests/functional/test_options.py \
	tests/functional/test_peers.py \
	tests/functional/test_record.py \
	tests/functional/test_restart.py \
	tests/functional/test_screen.py \
	tests/functional/test_screen_loop.py \
	tests/functional/test_sandbox.py \
	tests/functional/test_signals.py \
	tests/functional/test_sources.py \
	tests/functional/test_store.py \
	tests/functional/test_stream.py \
	tests/functional/test_syscalls.py \
	tests/functional/test_unix.py \
	tests/functional/test_workers.py \
	tests/torture/test_clients.py \
	tests/torture/test_fault.py \
	tests/torture/test_short.py

# These ask a real echod.
echoping_functional_tests = \
	tests/functional/test_conformance.py \
	tests/functional/test_defects.py \
	tests/functional/test_load.py \
	tests/functional/test_load_faults.py \
	tests/functional/test_output.py \
	tests/functional/test_ping.py \
	tests/functional/test_ping_cost.py \
	tests/functional/test_ping_faults.py \
	tests/functional/test_ping_network.py \
	tests/functional/test_ping_stream.py

# A short share of each; check-chaos and check-soak are the rest.
chaos_tests = \
	tests/chaos/chaos.py \
	tests/chaos/soak.py

FUNCTIONAL_TESTS =
FUZZ_TESTS = $(common_fuzz_tests)
if ENABLE_ECHOPING
FUZZ_TESTS += $(echoping_fuzz_tests)
endif
if ENABLE_ECHOD
FUZZ_TESTS += $(echod_fuzz_tests)
if ENABLE_ECHOPING
FUNCTIONAL_TESTS += $(echoping_functional_tests) $(chaos_tests)
endif
FUNCTIONAL_TESTS += $(echod_functional_tests)
endif

LINT_TESTS = \
	tests/lint/clang-tidy.sh \
	tests/lint/completions.sh \
	tests/lint/cppcheck.sh \
	tests/lint/format.sh \
	tests/lint/functions.sh \
	tests/lint/includes.sh \
	tests/lint/listed.sh \
	tests/lint/manual.sh \
	tests/lint/shell.sh \
	tests/lint/words.sh

include tests/unit/local.mk
include tests/analysis/local.mk

# --- Programs ---
if ENABLE_SANDBOX
check_DATA += tests/functional/dumpable.so
endif
tests/functional/dumpable.so: tests/functional/dumpable.c
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) \
		-shared -fPIC -o $@ $(srcdir)/tests/functional/dumpable.c
CLEANFILES += tests/functional/dumpable.so

# All link the same: what is not needed is not pulled from the archives.
LDADD = $(check_LIBRARIES) $(noinst_LIBRARIES) libcommon.a $(CHECK_LIBS) \
	$(LIBSYSTEMD_LIBS) $(SECCOMP_LIBS) $(JANSSON_LIBS) -lm $(FUZZER_LIBS)

if ENABLE_FUZZING
check_PROGRAMS += $(FUZZ_TESTS)
else
check_LIBRARIES += tests/fuzz/libreplay.a
check_PROGRAMS += $(FUZZ_TESTS)
if HAVE_CHECK
check_LIBRARIES += tests/unit/libharness.a
check_PROGRAMS += $(UNIT_TESTS)
else
check_DATA += check-is-missing
endif
endif

# The daemon on a kernel that gives as little as it may, and one whose close(2)
# can be made to fail; daemon.py looks for dumpable.so from where this one is.
echod_variants =
if ENABLE_ECHOD
echod_variants += echod-close tests/torture/echod-short
endif
check_PROGRAMS += $(echod_variants)
echod_close_SOURCES = src/echod/main.c tests/torture/close.c
echod_close_LDADD = $(echod_LDADD)
echod_close_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=close
tests_torture_echod_short_SOURCES = src/echod/main.c tests/torture/short.c
tests_torture_echod_short_LDADD = $(echod_LDADD)
tests_torture_echod_short_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=accept4 \
	-Wl,--wrap=call_receive -Wl,--wrap=call_receive_many \
	-Wl,--wrap=call_send -Wl,--wrap=call_send_many -Wl,--wrap=close \
	-Wl,--wrap=epoll_ctl -Wl,--wrap=epoll_wait -Wl,--wrap=read \
	-Wl,--wrap=recvmsg -Wl,--wrap=sendmsg

# Attackers, for `make check-attacks`.
attack_programs = tests/attacks/flood tests/attacks/trickle
check_PROGRAMS += $(attack_programs)
tests_attacks_flood_SOURCES = tests/attacks/flood.c \
	tests/attacks/packet.c tests/attacks/packet.h
tests_attacks_flood_LDADD =
tests_attacks_trickle_SOURCES = tests/attacks/trickle.c \
	tests/attacks/packet.c tests/attacks/packet.h
tests_attacks_trickle_LDADD =

tests_fuzz_libreplay_a_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz.h

# The fake kernel, and what is served on it.
fake_kernel = \
	tests/fuzz/echoer.c tests/fuzz/echoer.h \
	tests/fuzz/echoer_life.c \
	tests/fuzz/fake.h tests/fuzz/fake_state.h \
	tests/fuzz/fake_call.c \
	tests/fuzz/fake_clock.c \
	tests/fuzz/fake_datagram.c \
	tests/fuzz/fake_death.c \
	tests/fuzz/fake_descriptor.c \
	tests/fuzz/fake_epoll.c \
	tests/fuzz/fake_judge.c \
	tests/fuzz/fake_name.c tests/fuzz/fake_name.h \
	tests/fuzz/fake_peer.c \
	tests/fuzz/fake_rate.c \
	tests/fuzz/fake_reply.c \
	tests/fuzz/fake_stream.c
if ENABLE_FUZZING
fake_kernel += tests/fuzz/mutate.c
endif
wrap_fake = -Wl,--wrap=accept4 -Wl,--wrap=call_receive \
	-Wl,--wrap=call_receive_many -Wl,--wrap=call_send \
	-Wl,--wrap=call_send_many -Wl,--wrap=clock_gettime -Wl,--wrap=close \
	-Wl,--wrap=connect -Wl,--wrap=epoll_create1 -Wl,--wrap=epoll_ctl \
	-Wl,--wrap=epoll_wait -Wl,--wrap=eventfd -Wl,--wrap=free \
	-Wl,--wrap=getpeername -Wl,--wrap=getsockopt -Wl,--wrap=ioctl \
	-Wl,--wrap=malloc -Wl,--wrap=poll -Wl,--wrap=read -Wl,--wrap=sendmsg \
	-Wl,--wrap=setsockopt -Wl,--wrap=shutdown -Wl,--wrap=write
tests_fuzz_fuzz_datagrams_SOURCES = tests/fuzz/fuzz_datagrams.c $(fake_kernel)
tests_fuzz_fuzz_schedule_SOURCES = tests/fuzz/fuzz_schedule.c $(fake_kernel)
tests_fuzz_fuzz_datagrams_LDFLAGS = $(AM_LDFLAGS) $(wrap_fake)
tests_fuzz_fuzz_schedule_LDFLAGS = $(AM_LDFLAGS) $(wrap_fake)

tests_fuzz_fuzz_address_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getaddrinfo
tests_fuzz_fuzz_environment_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=journal_sendv -Wl,--wrap=write
tests_fuzz_fuzz_options_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getaddrinfo
tests_fuzz_fuzz_screen_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sendmsg
tests_fuzz_fuzz_settings_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getaddrinfo
tests_fuzz_fuzz_target_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getaddrinfo

check-is-missing:
	@echo "make check needs Check >= 0.15 (Debian: check); install it and" \
		"run configure again" >&2
	@exit 1

# --- make check ---
# The longest first, which is clang-tidy.
TESTS = $(LINT_TESTS) $(FUNCTIONAL_TESTS) $(UNIT_TESTS) $(FUZZ_TESTS)
TEST_EXTENSIONS = .py .sh
tap_driver = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(tap_driver)
PY_LOG_DRIVER = $(tap_driver)
PY_LOG_COMPILER = $(PYTHON)
SH_LOG_DRIVER = $(tap_driver)
SH_LOG_COMPILER = $(SHELL)

# Empty: it is not built.
if ENABLE_ECHOD
built_echod = $(abs_top_builddir)/echod
endif
if ENABLE_ECHOPING
built_echoping = $(abs_top_builddir)/echoping
endif
tests_environment = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	ECHOD='$(built_echod)'; export ECHOD; \
	ECHOPING='$(built_echoping)'; export ECHOPING; \
	PYTHON='$(PYTHON)'; export PYTHON; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
	LINT_CPPFLAGS='-I$(abs_top_srcdir)/src -I$(abs_top_srcdir)/tests \
		-I$(abs_top_builddir) $(LIBSYSTEMD_CFLAGS) $(SECCOMP_CFLAGS) \
		$(JANSSON_CFLAGS) \
		$(CHECK_CFLAGS)'; \
	export LINT_CPPFLAGS; \
	: "$${CK_TIMEOUT_MULTIPLIER=3}"; export CK_TIMEOUT_MULTIPLIER;
if ENABLE_COVERAGE
# The daemons write what they counted when they exit: into this build.
tests_environment += \
	ECHOD_TEST_KEEP_USER=1; export ECHOD_TEST_KEEP_USER; \
	GCOV_ERROR_FILE=/dev/null; export GCOV_ERROR_FILE;
endif
AM_TESTS_ENVIRONMENT = $(tests_environment)

# Part of the tests, built and run like all of them.
check-unit:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(UNIT_TESTS) $(FUZZ_TESTS)'
check-functional:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(FUNCTIONAL_TESTS)'
check-lint:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(LINT_TESTS)'

# As root: boots a Debian system, kept below $(top_builddir), with echod in it.
check-system: all
	@$(tests_environment) $(srcdir)/tests/system/run || test $$? = 77

# A thousand restarts, ten thousand kills at random moments, under a thousand
# connections, and other kills at every system call (or ECHOD_RESTARTS,
# ECHOD_KILLS, ECHOD_CONNECTIONS).
restart_tests = \
	tests/functional/test_crash.py \
	tests/functional/test_in_flight.py \
	tests/functional/test_restart.py \
	tests/functional/test_store.py
check-restart:
	@: "$${ECHOD_RESTARTS=1000}" "$${ECHOD_KILLS=10000}" \
		"$${ECHOD_CONNECTIONS=1000}"; \
	export ECHOD_RESTARTS ECHOD_KILLS ECHOD_CONNECTIONS; \
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(restart_tests)'

# Every system call of a daemon that runs fails, with every errno: some
# minutes.
# TORTURE: a part of it (see torture.py).
check-torture: all
	@$(MAKE) $(AM_MAKEFLAGS) echod-close
	@$(tests_environment) $(PYTHON) \
		$(srcdir)/tests/torture/torture.py $(TORTURE)

# Ten minutes (or ECHOD_CHAOS_SECONDS) of clients that do as they like, a network
# that loses, no descriptors, no log, signals.  What came out is in
# tests/chaos/chaos.log.
check-chaos:
	@: "$${ECHOD_CHAOS_SECONDS=600}"; export ECHOD_CHAOS_SECONDS; \
	$(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/chaos/chaos.py

# 15,000 connections stand through a million others and 100 million messages (or
# ECHOD_SOAK_CONNECTIONS, ECHOD_SOAK_CYCLES, ECHOD_SOAK_MESSAGES): some minutes.
# What came out is in tests/chaos/soak.log.
check-soak:
	@: "$${ECHOD_SOAK_CONNECTIONS=15000}" "$${ECHOD_SOAK_CYCLES=1000000}" \
		"$${ECHOD_SOAK_MESSAGES=100000000}" "$${ECHOD_SOAK_TURN=5}"; \
	export ECHOD_SOAK_CONNECTIONS ECHOD_SOAK_CYCLES ECHOD_SOAK_MESSAGES \
		ECHOD_SOAK_TURN; \
	$(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/chaos/soak.py

# As root: floods, hoarders, forged sources, loops, on echod and its peers, and
# what an honest client sees beside them: ten minutes.  ATTACKS: a part of it (see
# attacks.py).
check-attacks: all
	@$(MAKE) $(AM_MAKEFLAGS) $(attack_programs)
	@$(tests_environment) $(PYTHON) \
		$(srcdir)/tests/attacks/attacks.py $(ATTACKS) || test $$? = 77

# As root: a million connections (or SCALE) in a virtual machine; ten minutes.
check-scale: all
	@$(tests_environment) $(srcdir)/tests/scale/run || test $$? = 77

# Needs Spin: every state of the protocol by which connections outlive echod.
check-model:
	@$(tests_environment) CC='$(CC)'; export CC; \
		$(srcdir)/tests/model/run || test $$? = 77

# As root: measures other echo services beside echod, for README.md.  Packages
# are fetched into $(top_builddir)/compare-peers; PEERS names some of them.
compare: all
	@$(tests_environment) $(PYTHON) $(srcdir)/tests/compare/compare.py \
		$(PEERS) || test $$? = 77

# --- Speed; see tests/bench/*.py for what each prints ---
# Not measured under `make check`, and built only when asked for.
EXTRA_PROGRAMS = $(timed_programs) tests/bench/bare \
	tests/bench/any-filter tests/bench/echod-unconfined tests/bench/sources
tests_bench_any_filter_SOURCES = tests/bench/any_filter.c
tests_bench_any_filter_LDADD =
tests_bench_bare_SOURCES = tests/bench/bare.c
tests_bench_bare_LDADD =
tests_bench_sources_SOURCES = tests/bench/sources.c
tests_bench_sources_LDADD =

# The same programs with a clock that runs between their system calls.
timed_programs = tests/bench/bare-timed tests/bench/echoping-timed
timed = $(AM_LDFLAGS) -Wl,--wrap=recv -Wl,--wrap=send -Wl,--wrap=epoll_wait \
	-Wl,--wrap=call_receive -Wl,--wrap=call_send
tests_bench_bare_timed_SOURCES = tests/bench/bare.c tests/bench/timed.c
tests_bench_bare_timed_LDADD = libcommon.a
tests_bench_bare_timed_LDFLAGS = $(timed)
tests_bench_echoping_timed_SOURCES = src/echoping/main.c tests/bench/timed.c
tests_bench_echoping_timed_LDADD = $(echoping_LDADD)
tests_bench_echoping_timed_LDFLAGS = $(timed)

# The daemon without its sandbox, and yet the same program.
tests/bench/no_sandbox.so: tests/bench/no_sandbox.c
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CC) $(CPPFLAGS) -D_GNU_SOURCE \
		$(CFLAGS) $(LDFLAGS) -shared -fPIC -o $@ \
		$(srcdir)/tests/bench/no_sandbox.c
CLEANFILES += tests/bench/no_sandbox.so

# Valgrind cannot live in the daemon's sandbox.
tests_bench_echod_unconfined_SOURCES = src/echod/main.c \
	src/echod/sandbox_none.c
tests_bench_echod_unconfined_LDADD = $(echod_LDADD)

# Does echoping keep up with a loop that does nothing but send and receive?
# BENCH: ROUNDS SECONDS CONNECTIONS SIZE.
bench-client: all
	@$(MAKE) $(AM_MAKEFLAGS) tests/bench/bare $(timed_programs)
	@$(tests_environment) \
		BENCH_BIN='$(abs_top_builddir)/tests/bench'; export BENCH_BIN; \
		$(PYTHON) $(srcdir)/tests/bench/client.py $(BENCH) || \
		test $$? = 77

# What do the guards cost?  BENCH: see guards.py.
bench-guards: all
	@$(MAKE) $(AM_MAKEFLAGS) tests/bench/any-filter tests/bench/sources \
		tests/bench/echod-unconfined tests/bench/no_sandbox.so
	@$(tests_environment) \
		BENCH_BIN='$(abs_top_builddir)/tests/bench'; export BENCH_BIN; \
		$(PYTHON) $(srcdir)/tests/bench/guards.py $(BENCH) || \
		test $$? = 77

# echod beside its peers: 15 minutes, or 2.  As root, what peers need is
# installed.  Results, report and plots are in $(top_builddir)/bench; BENCH:
# --only=WORD,... for some of the cells, --save to commit the report.
bench: all
	@$(MAKE) $(AM_MAKEFLAGS) tests/bench/echod-unconfined
	@$(tests_environment) CC='$(CC)'; export CC; \
		$(PYTHON) $(srcdir)/tests/bench/bench.py $(BENCH) || \
		test $$? = 77
bench-quick:
	@$(MAKE) $(AM_MAKEFLAGS) bench BENCH='--quick $(BENCH)'

# As root: what echoping --conformance says of them, and of echod.
check-peers: all
	@$(tests_environment) $(PYTHON) $(srcdir)/tests/compare/conformance.py \
		$(PEERS) || test $$? = 77

# --- make fuzz: every target for FUZZ_SECONDS, new inputs kept in the build ---
# Or only those of these names.  Of schedules long ones are tried from the
# start, as it costs the most to begin one.  Without sanitizers
# (FUZZ_SANITIZERS=no) they run several times as fast, and see only what the
# targets themselves assert.  With -jN, N at a time.
FUZZ_SECONDS = 60
FUZZ_TARGETS =
fuzz_runs = $(FUZZ_TESTS:=.run)
FUZZ_SANITIZERS = address,undefined
if ENABLE_FUZZING
fuzz: $(fuzz_runs)
$(fuzz_runs): $(FUZZ_TESTS)
	@target=$@; target=$${target%.run}; name=$${target##*/fuzz_}; \
	case " $(FUZZ_TARGETS) " in \
	"  " | *" $$name "*) ;; \
	*) exit 0 ;; \
	esac; \
	case $$name in \
	datagrams | schedule) how='-len_control=0 -entropic=0' ;; \
	*) how= ;; \
	esac; \
	echo "fuzz: $$name for $(FUZZ_SECONDS) s"; \
	$(MKDIR_P) corpus/$$name && \
	./$$target $$how -max_total_time=$(FUZZ_SECONDS) \
		-print_final_stats=1 \
		-artifact_prefix=corpus/crash-$$name- \
		corpus/$$name $(srcdir)/tests/fuzz/corpus/$$name
else
fuzz:
	$(MKDIR_P) fuzz/$(FUZZ_SANITIZERS)
	test -f fuzz/$(FUZZ_SANITIZERS)/Makefile || \
		(cd fuzz/$(FUZZ_SANITIZERS) && $(abs_top_srcdir)/configure \
		CC=clang --enable-fuzzing \
		--enable-sanitizers=$(FUZZ_SANITIZERS) $(configure_programs))
	$(MAKE) $(AM_MAKEFLAGS) -C fuzz/$(FUZZ_SANITIZERS) fuzz \
		FUZZ_SECONDS='$(FUZZ_SECONDS)' FUZZ_TARGETS='$(FUZZ_TARGETS)'
endif

clean-local: clean-analysis
	rm -rf attacks attacks-part bench compare-peers fuzz corpus model
CLEANFILES += $(EXTRA_PROGRAMS)

.PHONY: bench bench-client bench-guards bench-quick check-attacks check-chaos \
	check-functional check-is-missing check-lint check-model check-peers \
	check-restart check-scale check-soak check-system check-torture \
	check-unit compare fuzz $(fuzz_runs)

EXTRA_DIST += $(LINT_TESTS) tests/lint/tap.sh \
	tests/lint/complete.bash \
	tests/lint/complete.fish \
	tests/lint/complete.zsh \
	tests/lint/help.sh \
	tests/attacks/attacks.py \
	tests/attacks/cell.py \
	tests/attacks/crowds.py \
	tests/attacks/floods.py \
	tests/attacks/forgeries.py \
	tests/attacks/honest.py \
	tests/attacks/judge.py \
	tests/attacks/prefixes.py \
	tests/attacks/scenes.py \
	tests/attacks/service.py \
	tests/attacks/stage.py \
	tests/attacks/table.py \
	tests/compare/compare.py \
	tests/compare/conformance.py \
	tests/compare/peers.py \
	tests/compare/probes.py \
	tests/RELIABILITY.md \
	tests/bench/REPORT.md \
	tests/bench/bulk-1-bytes.svg \
	tests/bench/connect-rate.svg \
	tests/bench/pipelined-cpu.svg \
	tests/bench/rr-64-50-cpu.svg \
	tests/bench/rr-64-50-rate.svg \
	tests/bench/rr-64-5000-cpu.svg \
	tests/bench/rtt-p50.svg \
	tests/bench/udp-burst-64-64-cpu.svg \
	tests/bench/udp-train-1200-32-cpu.svg \
	tests/bench/alone.py \
	tests/bench/bench.py \
	tests/bench/cells.py \
	tests/bench/client.py \
	tests/bench/generator.py \
	tests/bench/guards.py \
	tests/bench/no_sandbox.c \
	tests/bench/peers/asio.cc \
	tests/bench/peers/asyncio_echo.py \
	tests/bench/peers/blocking.c \
	tests/bench/peers/echo.go \
	tests/bench/peers/libevent.c \
	tests/bench/peers/libuv.c \
	tests/bench/peers/plain.h \
	tests/bench/peers/recvfrom.c \
	tests/bench/peers/recvmmsg.c \
	tests/bench/peers/socket_echo.py \
	tests/bench/peers/splice.c \
	tests/bench/peers/uring.c \
	tests/bench/plots.py \
	tests/bench/process.py \
	tests/bench/reasons.py \
	tests/bench/report.py \
	tests/bench/rounds.py \
	tests/bench/servers.py \
	tests/bench/store.py \
	tests/bench/targets.py \
	$(echod_functional_tests) \
	$(echoping_functional_tests) \
	$(chaos_tests) \
	tests/chaos/bursts.py \
	tests/chaos/clients.py \
	tests/chaos/crowd.py \
	tests/chaos/trend.py \
	tests/chaos/troubles.py \
	tests/chaos/verdict.py \
	tests/functional/client.py \
	tests/functional/conformer.py \
	tests/functional/daemon.py \
	tests/functional/dumpable.c \
	tests/functional/echodtest.py \
	tests/functional/faulty.py \
	tests/functional/journal.py \
	tests/functional/keeper.py \
	tests/functional/manager.py \
	tests/functional/netspace.py \
	tests/functional/openmetrics.py \
	tests/functional/pinger.py \
	tests/functional/schema.py \
	tests/functional/traffic.py \
	tests/functional/traffic_loop.py \
	tests/functional/traffic_peers.py \
	tests/functional/wrong.py \
	tests/model/parking.pml \
	tests/model/run \
	tests/scale/guest \
	tests/scale/judge.py \
	tests/scale/run \
	tests/torture/clients.py \
	tests/torture/crew.py \
	tests/torture/fault.py \
	tests/torture/judge.py \
	tests/torture/manual.py \
	tests/torture/scenarios.py \
	tests/torture/service.py \
	tests/torture/talk.py \
	tests/torture/torture.py \
	tests/system/cases/10-units.bash \
	tests/system/cases/20-echo.bash \
	tests/system/cases/30-operate.bash \
	tests/system/cases/40-failure.bash \
	tests/system/cases/45-restart.bash \
	tests/system/cases/46-crash.bash \
	tests/system/cases/50-standalone.bash \
	tests/system/cases/60-smokeping.bash \
	tests/system/client \
	tests/system/crowd \
	tests/system/guest \
	tests/system/guest.service \
	tests/system/library.bash \
	tests/system/root.bash \
	tests/system/run \
	tests/fuzz/corpus
