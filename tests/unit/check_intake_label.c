/* SPDX-License-Identifier: MIT */
/*
 * What a connection is called that came back from the last instance: after the
 * listener that accepted it, as far as that can be told.
 */
#include "config.h"

#include "echod/intake.h"
#include "unit/harness.h"
#include "unit/rig.h"

static struct options options;
static struct intake intake;

/* Of the same kind as the first of two listeners at one port. */
static struct socket_identity connection;

static void listen_on(const char *text)
{
	const char *reason;

	ck_assert_int_eq(options_add_listen(&options, text, &reason), 0);
}

static void setup(void)
{
	struct socket_identity *first, *second;

	log_catch();
	listen_on("tcp:127.0.0.1:0");
	listen_on("tcp:127.0.0.2:0");
	ck_assert_int_eq(intake_open(&intake, &options, 1), 0);
	ck_assert_uint_eq(intake.count, 2);
	first = &intake.sockets[0].identity;
	second = &intake.sockets[1].identity;
	address_set_port(&second->local, (uint16_t)address_port(&first->local));
	connection = *first;
	connection.kind = SOCKET_CONNECTION;
}

static void teardown(void)
{
	intake_close(&intake);
}

static void expect_label_of(size_t listener)
{
	ck_assert_str_eq(intake_label_of(&intake, &connection),
			 intake.sockets[listener].label);
}

START_TEST(it_is_that_of_the_listener_at_its_address)
{
	expect_label_of(0);
	connection.local = intake.sockets[1].identity.local;
	expect_label_of(1);
}
END_TEST

/* One that listens at any address. */
START_TEST(or_else_of_one_at_its_port)
{
	uint32_t port = address_port(&connection.local);

	connection.local = ipv4_address("127.0.0.3", (uint16_t)port);
	expect_label_of(0);
	intake.sockets[0].identity.kind = SOCKET_CONNECTION;
	expect_label_of(1);
}
END_TEST

/* All else is as at a listener. */
START_TEST(or_else_of_its_kind)
{
	if (_i == 0)
		connection.family = AF_INET6;
	else if (_i == 1)
		connection.type = SOCK_SEQPACKET;
	else if (_i == 2)
		connection.protocol++;
	else
		address_set_port(&connection.local, 1);
	ck_assert_str_eq(intake_label_of(&intake, &connection),
			 socket_scheme(&connection));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("intake_label");
	TCase *label = tcase_create("label");

	tcase_add_checked_fixture(label, setup, teardown);
	tcase_add_test(label, it_is_that_of_the_listener_at_its_address);
	tcase_add_test(label, or_else_of_one_at_its_port);
	tcase_add_loop_test(label, or_else_of_its_kind, 0, 4);
	suite_add_tcase(suite, label);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
