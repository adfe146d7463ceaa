/* SPDX-License-Identifier: MIT */
/*
 * Of several addresses the first that answers is put under load.
 */
#include "config.h"

#include "echoping/load_choose.h"
#include "echoping/pattern.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <pthread.h>
#include <unistd.h>

#define TIMEOUT (20 * NSEC_PER_SEC)

static const struct settings settings = { .timeout = TIMEOUT,
					  .priority = -1,
					  .tos = -1 };
static const struct source source = { 0 };
static struct target target;

static void setup(void)
{
	const struct fill fill = { .length = 0 };

	pattern_init(&fill);
	target = (struct target){ .name = "several" };
}

static void add(enum transport transport, int fd)
{
	struct endpoint *endpoint =
		&target.candidates[target.candidate_count++];

	*endpoint = (struct endpoint){
		.transport = transport,
		.address = fd_address(fd),
	};
	target.endpoint = target.candidates[0];
}

/* Nobody listens: bound only. */
static int closed_port(void)
{
	struct address any = ipv4_address("127.0.0.1", 0);

	return fd_bound(SOCK_STREAM, &any);
}

static void *echo_one(void *context)
{
	char buffer[64];
	size_t length;
	int fd = *(int *)context;
	struct address from = receive_from(fd, buffer, sizeof(buffer), &length);

	ck_assert_int_eq(sendto(fd, buffer, length, 0, &from.any, from.length),
			 (int)length);
	return NULL;
}

static bool chosen_is(int fd)
{
	struct address address = fd_address(fd);

	return address_port(&target.endpoint.address) == address_port(&address);
}

START_TEST(the_only_one_need_not_answer)
{
	add(TRANSPORT_TCP, closed_port());
	ck_assert(load_choose_target(&target, &settings, &source));
}
END_TEST

START_TEST(the_first_that_takes_a_connection)
{
	int listener = tcp_listener(0);

	add(TRANSPORT_TCP, closed_port());
	add(TRANSPORT_TCP, listener);
	ck_assert(load_choose_target(&target, &settings, &source));
	ck_assert(chosen_is(listener));
	ck_assert(target.reached);
}
END_TEST

START_TEST(the_first_that_echoes_a_datagram)
{
	struct address any = ipv4_address("127.0.0.1", 0);
	int answers = udp_socket(&any);
	pthread_t thread;

	add(TRANSPORT_UDP, udp_refuser());
	add(TRANSPORT_UDP, answers);
	ck_assert_int_eq(pthread_create(&thread, NULL, echo_one, &answers), 0);
	ck_assert(load_choose_target(&target, &settings, &source));
	pthread_join(thread, NULL);
	ck_assert(chosen_is(answers));
}
END_TEST

START_TEST(none_is_a_failure)
{
	add(TRANSPORT_TCP, closed_port());
	add(TRANSPORT_TCP, closed_port());
	ck_assert(!load_choose_target(&target, &settings, &source));
	ck_assert(!target.reached);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("load_choose");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, NULL);
	tcase_set_timeout(all, TEST_TIMEOUT_SEC);
	tcase_add_test(all, the_only_one_need_not_answer);
	tcase_add_test(all, the_first_that_takes_a_connection);
	tcase_add_test(all, the_first_that_echoes_a_datagram);
	tcase_add_test(all, none_is_a_failure);
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
