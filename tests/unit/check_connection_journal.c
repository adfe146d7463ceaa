/* SPDX-License-Identifier: MIT */
/*
 * The entry about a connection that has ended, as text and as fields.
 *
 * Link with -Wl,--wrap=journal_sendv.
 */
#include "config.h"

#include "echod/connection_journal.h"
#include "echod/log.h"
#include "unit/capture.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OPENED (5000 * USEC_PER_SEC)

static struct connection_journal journal;
static int output;

static void setup(void)
{
	output = stderr_capture();
	journal_fake(0);
	journal = (struct connection_journal){
		.listener = "tcp:0.0.0.0:7",
		.opened = OPENED,
		.received = 4321,
		.sent = 1234,
		.peer = ipv4_address("192.0.2.1", 4711),
	};
}

START_TEST(entry_has_a_field_for_everything)
{
	connection_journal_write(&journal, OPENED + 1234567, "idle");
	ck_assert_uint_eq(journal_count(), 1);
	journal_expect(0, "PRIORITY", "6");
	journal_expect(0, "MESSAGE_ID", MESSAGE_CONNECTION_CLOSED);
	journal_expect(0, "ECHOD_PEER", "192.0.2.1:4711");
	journal_expect(0, "ECHOD_LISTENER", "tcp:0.0.0.0:7");
	journal_expect(0, "ECHOD_BYTES_RECEIVED", "4321");
	journal_expect(0, "ECHOD_BYTES_SENT", "1234");
	journal_expect(0, "ECHOD_DURATION_USEC", "1234567");
	journal_expect(0, "ECHOD_REASON", "idle");
	journal_expect(0, "MESSAGE",
		       "connection from 192.0.2.1:4711 to tcp:0.0.0.0:7: idle "
		       "after 1.234 s, 4321 bytes received, 1234 sent");
	ck_assert_uint_eq(journal_field_count(0), 10);
}
END_TEST

START_TEST(entry_is_one_line_elsewhere)
{
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	connection_journal_write(&journal, OPENED, "closed");
	stderr_expect(output,
		      "echod: connection from 192.0.2.1:4711 to tcp:0.0.0.0:7: "
		      "closed after 0.000 s, 4321 bytes received, 1234 sent");
	stderr_expect_nothing(output);
}
END_TEST

static const struct {
	uint64_t duration;
	const char *text;
} durations[] = {
	{ 0, " after 0.000 s," },
	{ 999, " after 0.000 s," },
	{ 1000, " after 0.001 s," },
	{ 999999, " after 0.999 s," },
	{ 1000000, " after 1.000 s," },
	{ 60 * USEC_PER_SEC + 50 * USEC_PER_MSEC, " after 60.050 s," },
	{ 1000000 * USEC_PER_SEC, " after 1000000.000 s," },
};

START_TEST(duration_is_in_seconds_to_the_millisecond)
{
	connection_journal_write(&journal, OPENED + durations[_i].duration,
				 "closed");
	ck_assert_ptr_nonnull(
		strstr(journal_field(0, "MESSAGE"), durations[_i].text));
}
END_TEST

START_TEST(numbers_have_64_bits)
{
	journal.opened = 0;
	journal.received = UINT64_MAX;
	journal.sent = UINT64_MAX - 1;
	connection_journal_write(&journal, UINT64_MAX, "closed");
	journal_expect(0, "ECHOD_BYTES_RECEIVED", "18446744073709551615");
	journal_expect(0, "ECHOD_BYTES_SENT", "18446744073709551614");
	journal_expect(0, "ECHOD_DURATION_USEC", "18446744073709551615");
	ck_assert_ptr_nonnull(strstr(journal_field(0, "MESSAGE"),
				     " after 18446744073709.551 s, "
				     "18446744073709551615 bytes received, "
				     "18446744073709551614 sent"));
}
END_TEST

START_TEST(peer_may_have_no_name)
{
	journal.peer = (struct address){ 0 };
	journal.listener = "unix:/run/echo";
	connection_journal_write(&journal, OPENED, "closed");
	journal_expect(0, "ECHOD_PEER", "unnamed");
	journal_expect(0, "ECHOD_LISTENER", "unix:/run/echo");
}
END_TEST

/* Every byte of both names escaped: the longest entry there is. */
START_TEST(longest_names_fit)
{
	struct sockaddr_un *un = &journal.peer.un;
	char listener[ADDRESS_TEXT_MAX];

	memset(un, 1, sizeof(*un));
	un->sun_family = AF_UNIX;
	un->sun_path[0] = '\0';
	journal.peer.length = sizeof(*un);
	address_format(&journal.peer, listener);
	ck_assert_uint_gt(strlen(listener), 400);
	journal.listener = listener;
	connection_journal_write(&journal, OPENED, "closed");
	journal_expect(0, "ECHOD_PEER", listener);
	journal_expect(0, "ECHOD_LISTENER", listener);
	journal_expect(0, "ECHOD_REASON", "closed");
	ck_assert_ptr_nonnull(strstr(journal_field(0, "MESSAGE"),
				     "closed after 0.000 s, "
				     "4321 bytes received, "
				     "1234 sent"));
}
END_TEST

static const struct {
	int error;
	const char *reason;
} reasons[] = {
	{ ECONNRESET, "reset by peer" }, { EPIPE, "reset by peer" },
	{ ETIMEDOUT, "timed out" },	 { EHOSTUNREACH, "No route to host" },
	{ ENETDOWN, "Network is down" }, { ENOMEM, "out of memory" },
	{ EMSGSIZE, "record too long" }, { 4095, "unknown error" },
};

START_TEST(errors_have_a_reason)
{
	ck_assert_str_eq(connection_journal_reason(reasons[_i].error),
			 reasons[_i].reason);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("connection_journal");
	TCase *entry = tcase_create("entry"), *reason = tcase_create("reason");

	tcase_add_checked_fixture(entry, setup, NULL);
	tcase_add_test(entry, entry_has_a_field_for_everything);
	tcase_add_test(entry, entry_is_one_line_elsewhere);
	tcase_add_loop_test(entry, duration_is_in_seconds_to_the_millisecond, 0,
			    ARRAY_SIZE(durations));
	tcase_add_test(entry, numbers_have_64_bits);
	tcase_add_test(entry, peer_may_have_no_name);
	tcase_add_test(entry, longest_names_fit);
	suite_add_tcase(suite, entry);
	tcase_add_loop_test(reason, errors_have_a_reason, 0,
			    ARRAY_SIZE(reasons));
	suite_add_tcase(suite, reason);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
