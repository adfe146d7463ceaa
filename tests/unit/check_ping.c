/* SPDX-License-Identifier: MIT */
/*
 * Whole runs against an echo service of the test: their order in time, their
 * ends, and what happens when the process is held up.
 *
 * Link with -Wl,--wrap=epoll_wait, report_choose and sendto.
 */
#include "config.h"

#include "echoping/ping.h"
#include "echoping/stamp.h"
#include "unit/flow_rig.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/sockets.h"

#include <signal.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

WRAPPED(int, epoll_wait,
	(int epoll_fd, struct epoll_event *events, int size, int timeout));
WRAPPED(ssize_t, sendto,
	(int fd, const void *data, size_t size, int flags,
	 const struct sockaddr *to, socklen_t length));
const struct reporter *__wrap_report_choose(const struct settings *settings);

static struct settings settings;
static struct target targets[2];
static struct source source;

static struct reporter reporter;
static struct ping_summary summaries[2];
static struct tally tallies[2];
static uint64_t flow_sent[4];
static size_t summary_count;
static unsigned status_count;
static uint64_t status_elapsed;
static int raised_at_start, raised_at_reply, raised_later, raised_when_sent;

static uint64_t sent_times[TOLD_MAX];
static size_t sent_count;

static int server;
static struct fault epoll_wait_fault;
static void (*on_wait)(void); /* called once, behind an epoll_wait() */

static void raise_if(int *number)
{
	if (*number > 0)
		ck_assert_int_eq(raise(*number), 0);
	*number = 0;
}

int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int size,
		      int timeout)
{
	int count;

	if (fault_strikes(&epoll_wait_fault))
		return -1;
	count = __real_epoll_wait(epoll_fd, events, size, timeout);
	if (sent_count == settings.count)
		raise_if(&raised_when_sent);
	if (on_wait) {
		void (*once)(void) = on_wait;

		on_wait = NULL;
		once();
	}
	return count;
}

ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags,
		      const struct sockaddr *to, socklen_t length)
{
	if (fd != server)
		sent_times[sent_count++] = clock_now();
	return __real_sendto(fd, data, size, flags, to, length);
}

const struct reporter *__wrap_report_choose(const struct settings *given UNUSED)
{
	return &reporter;
}

static void start(const struct settings *given UNUSED,
		  const struct target *first, size_t count)
{
	ck_assert_ptr_eq(first, targets);
	ck_assert_uint_eq(count, settings.target_count);
	raise_if(&raised_at_start);
}

static void take_reply(const struct settings *given, const struct reply *reply)
{
	flow_rig_reporter.reply(given, reply);
	raise_if(&raised_at_reply);
}

static void take_summary(const struct settings *given UNUSED,
			 const struct ping_summary *summary)
{
	for (size_t i = 0; i < MIN(summary->flow_count, ARRAY_SIZE(flow_sent));
	     i++)
		flow_sent[summary->flows[i].flow] =
			summary->flows[i].tally->sent;
	tallies[summary_count] = *summary->tally;
	summaries[summary_count++] = *summary;
}

static void take_status(const struct settings *given UNUSED,
			const struct ping_summary *summary)
{
	status_count++;
	status_elapsed = summary->elapsed;
	raised_at_reply = raised_later;
}

static void take_end(const struct settings *given UNUSED)
{
}

static void add_target(const char *scheme, int fd)
{
	resolve_to(&targets[settings.target_count++], &settings, scheme, fd);
}

static void set_up(void)
{
	struct address address = ipv4_address("127.0.0.1", 0);

	settings = (struct settings){
		.size = 64,
		.count = 3,
		.flows = 1,
		.interval = NSEC_PER_MSEC,
		.timeout = 30 * NSEC_PER_SEC,
		.deadline = NSEC_INFINITY,
		.priority = -1,
		.tos = -1,
		.max_loss = 101,
		.max_rtt_p99 = NSEC_INFINITY,
	};
	reporter = (struct reporter){
		.ping_start = start,
		.reply = take_reply,
		.lost = flow_rig_reporter.lost,
		.ping_summary = take_summary,
		.ping_status = take_status,
		.finish = take_end,
	};
	server = udp_socket(&address);
	add_target("udp", server);
}

static enum exit_status run(void)
{
	return ping_run(&settings, targets, &source);
}

/* All of them are accounted for. */
static void expect_summary(size_t number, uint64_t received, uint64_t lost)
{
	ck_assert_uint_eq(tallies[number].received, received);
	ck_assert_uint_eq(tallies[number].lost, lost);
	ck_assert_uint_eq(tallies[number].sent,
			  received + lost + summaries[number].under_way);
}

START_TEST(ends_when_all_have_come_back)
{
	int lowest;

	begin_echoing(server);
	lowest = lowest_free_fd();
	ck_assert_int_eq(run(), EXIT_STATUS_OK);
	expect_summary(0, 3, 0);
	ck_assert_uint_eq(summary_count, 1);
	ck_assert_uint_eq(told_count, 3);
	ck_assert_int_eq(lowest_free_fd(), lowest);
}
END_TEST

START_TEST(counts_for_each_target)
{
	struct address address = ipv4_address("127.0.0.1", 0);

	begin_echoing(server);
	/* A bound TCP socket: to UDP nobody listens. */
	add_target("udp", fd_bound(SOCK_STREAM, &address));
	ck_assert_int_eq(run(), EXIT_STATUS_MISSED);
	ck_assert_uint_eq(summary_count, 2);
	expect_summary(0, 3, 0);
	expect_summary(1, 0, 3);
	ck_assert_uint_eq(tallies[1].errors, 3);
}
END_TEST

START_TEST(spreads_probes_evenly)
{
	begin_echoing(server);
	settings.flows = 4;
	settings.count = 8;
	ck_assert_int_eq(run(), EXIT_STATUS_OK);
	for (size_t i = 0; i < 4; i++)
		ck_assert_uint_eq(flow_sent[i], 2);
	for (uint64_t i = 0; i < 8; i++) {
		const struct reply *reply = &told[i].reply;

		ck_assert_uint_eq((reply->sequence - 1) % 4, reply->flow);
	}
}
END_TEST

START_TEST(gives_up_after_the_timeout)
{
	settings.timeout = 50 * NSEC_PER_MSEC;
	ck_assert_int_eq(run(), EXIT_STATUS_MISSED);
	ck_assert_uint_eq(told_count, 3);
	for (uint64_t i = 0; i < 3; i++) {
		ck_assert(told[i].lost);
		ck_assert_uint_eq(told[i].reply.sequence, i + 1);
		ck_assert_uint_ge(told[i].reply.rtt, settings.timeout);
	}
	expect_summary(0, 0, 3);
}
END_TEST

START_TEST(ends_at_the_deadline_with_some_under_way)
{
	settings.count = 0;
	settings.deadline = 20 * NSEC_PER_MSEC;
	ck_assert_int_eq(run(), EXIT_STATUS_MISSED);
	ck_assert_uint_gt(summaries[0].under_way, 0);
	expect_summary(0, 0, 0);
	ck_assert_uint_ge(summaries[0].elapsed, settings.deadline);
}
END_TEST

START_TEST(sends_once_if_the_interval_has_no_end)
{
	static const uint64_t intervals[] = { NSEC_INFINITY, NSEC_INFINITY - 1,
					      UINT64_C(1) << 63 };

	settings.count = 0;
	settings.flows = 2;
	settings.deadline = 20 * NSEC_PER_MSEC;
	settings.interval = intervals[_i];
	ck_assert_int_eq(run(), EXIT_STATUS_MISSED);
	ck_assert_uint_eq(sent_count, 1);
}
END_TEST

START_TEST(a_signal_ends_it)
{
	begin_echoing(server);
	settings.count = 0;
	raised_at_reply = _i == 0 ? SIGINT : SIGTERM;
	ck_assert_int_eq(run(), EXIT_STATUS_OK);
	ck_assert_uint_eq(summary_count, 1);
	ck_assert_uint_ge(tallies[0].received, 1);
	expect_summary(0, tallies[0].received, 0);
}
END_TEST

START_TEST(sigquit_tells_and_goes_on)
{
	begin_echoing(server);
	settings.count = 0;
	raised_at_reply = SIGQUIT;
	raised_later = SIGINT; /* at a later reply: it has gone on */
	ck_assert_int_eq(run(), EXIT_STATUS_OK);
	ck_assert_uint_eq(status_count, 1);
	ck_assert_uint_ge(tallies[0].received, 2);
}
END_TEST

START_TEST(signals_count_while_it_connects)
{
	uint64_t begin = clock_now();

	settings.target_count = 0;
	add_target("tcp", tcp_full_listener());
	settings.deadline = 20 * NSEC_PER_MSEC;
	raised_at_start = SIGQUIT;
	/* At the latest at the deadline, although it may wait for longer. */
	ck_assert_int_eq(run(), EXIT_STATUS_MISSED);
	ck_assert_uint_lt(clock_now() - begin, settings.timeout);
	ck_assert_uint_eq(status_count, 1);
	ck_assert_uint_le(status_elapsed, clock_now() - begin);
	raised_at_start = SIGINT;
	settings.deadline = NSEC_INFINITY;
	begin = clock_now();
	ck_assert_int_eq(run(), EXIT_STATUS_MISSED);
	ck_assert_uint_lt(clock_now() - begin, settings.timeout);
	ck_assert_uint_eq(summary_count, 2);
	ck_assert_uint_eq(tallies[1].sent, 0);
}
END_TEST

static void sleep_for(uint64_t nsec)
{
	struct timespec time = { (time_t)(nsec / NSEC_PER_SEC),
				 (long)(nsec % NSEC_PER_SEC) };

	while (nanosleep(&time, &time) < 0)
		;
}

/* All replies but one come; before they are looked at, their time is over. */
static void answer_and_hold_up(const struct settings *given UNUSED,
			       const struct ping_summary *summary UNUSED)
{
	for (uint64_t i = 0; i < settings.count; i++) {
		unsigned char bytes[64];
		size_t length;
		struct address from =
			receive_from(server, bytes, sizeof(bytes), &length);

		if (i > 0)
			(void)__real_sendto(server, bytes, length, 0, &from.any,
					    from.length);
	}
	sleep_for(settings.timeout * 6 / 5);
}

/* Few replies, and more than are read at one go. */
static const uint64_t replies_held[] = { 2, 150 };

START_TEST(what_came_in_time_counts)
{
	settings.count = replies_held[_i];
	settings.timeout = NSEC_PER_SEC;
	raised_when_sent = SIGQUIT;
	reporter.ping_status = answer_and_hold_up;
	ck_assert_int_eq(run(), EXIT_STATUS_OK);
	expect_summary(0, settings.count - 1, 1);
	ck_assert_uint_eq(tallies[0].late, 0);
}
END_TEST

/* Send so many, then be held up when all have come back. */
static void hold_up(void)
{
	sleep_for(3 * settings.interval);
}

START_TEST(catches_up_with_nothing)
{
	begin_echoing(server);
	settings.count = 4;
	settings.interval = 200 * NSEC_PER_MSEC;
	on_wait = hold_up;
	ck_assert_int_eq(run(), EXIT_STATUS_OK);
	ck_assert_uint_eq(sent_count, 4);
	ck_assert_uint_ge(sent_times[1] - sent_times[0], 3 * settings.interval);
	/* The next one is not sent to make up for those that were not. */
	ck_assert_uint_ge(sent_times[2] - sent_times[1], settings.interval / 2);
	ck_assert_uint_ge(sent_times[3] - sent_times[2], settings.interval / 2);
}
END_TEST

START_TEST(goes_on_if_waiting_is_interrupted)
{
	begin_echoing(server);
	epoll_wait_fault = (struct fault){ .times = 3, .error = EINTR };
	ck_assert_int_eq(run(), EXIT_STATUS_OK);
	expect_summary(0, 3, 0);
}
END_TEST

static Suite *ping_suite(void)
{
	Suite *suite = suite_create("ping");
	TCase *ping = tcase_create("ping");

	tcase_set_timeout(ping, TEST_TIMEOUT_SEC);
	tcase_add_checked_fixture(ping, set_up, NULL);
	tcase_add_test(ping, ends_when_all_have_come_back);
	tcase_add_test(ping, counts_for_each_target);
	tcase_add_test(ping, spreads_probes_evenly);
	tcase_add_test(ping, gives_up_after_the_timeout);
	tcase_add_test(ping, ends_at_the_deadline_with_some_under_way);
	tcase_add_loop_test(ping, sends_once_if_the_interval_has_no_end, 0, 3);
	tcase_add_loop_test(ping, a_signal_ends_it, 0, 2);
	tcase_add_test(ping, sigquit_tells_and_goes_on);
	tcase_add_test(ping, signals_count_while_it_connects);
	tcase_add_loop_test(ping, what_came_in_time_counts, 0, 2);
	tcase_add_test(ping, catches_up_with_nothing);
	tcase_add_test(ping, goes_on_if_waiting_is_interrupted);
	suite_add_tcase(suite, ping);
	return suite;
}

int main(void)
{
	return harness_run(ping_suite());
}
