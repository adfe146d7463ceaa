/* SPDX-License-Identifier: MIT */
/*
 * The idle queue, at times that the test chooses.
 */
#include "config.h"

#include "echod/idle.h"
#include "unit/harness.h"

#include <string.h>

#define NOW	UINT64_C(1000000000)
#define TIMEOUT UINT64_C(30000000)

/* As in idle.c: the time for which an entry stays where it is. */
#define SLACK UINT64_C(250000)

/* More than one expiry ends. */
#define CROWD 150

struct guest {
	struct idle_entry entry;
	char name;
	bool stays;	     /* touch it instead of removing it */
	struct guest *other; /* to remove as well, unless NULL */
};

static struct reactor reactor;
static struct idle_queue queue;
static struct guest a, b, c;
static char gone[CROWD + 1];

static struct guest *guest_of(struct idle_entry *entry)
{
	return container_of(entry, struct guest, entry);
}

static void on_idle(struct idle_entry *entry)
{
	struct guest *guest = guest_of(entry);

	ck_assert_uint_lt(strlen(gone), sizeof(gone) - 1);
	gone[strlen(gone)] = guest->name;
	if (guest->stays)
		idle_queue_touch(&queue, entry);
	else
		idle_queue_remove(entry);
	if (guest->other)
		idle_queue_remove(&guest->other->entry);
}

static void guest_add(struct guest *guest, char name)
{
	*guest = (struct guest){ .name = name };
	idle_queue_add(&queue, &guest->entry);
}

static void setup_queue(uint64_t timeout)
{
	ck_assert_int_eq(reactor_init(&reactor), 0);
	reactor.now = NOW;
	idle_queue_init(&queue, &reactor, timeout, on_idle);
	memset(gone, 0, sizeof(gone));
}

static void setup(void)
{
	setup_queue(TIMEOUT);
}

static void teardown(void)
{
	reactor_deinit(&reactor);
}

static void expect_order(const char *names)
{
	struct list_node *link;
	size_t i = 0;

	list_for_each (link, &queue.entries) {
		struct idle_entry *entry =
			container_of(link, struct idle_entry, link);

		ck_assert_int_eq(guest_of(entry)->name, names[i]);
		i++;
	}
	ck_assert_uint_eq(i, strlen(names));
}

/* Let time pass to this; who is found idle? */
static void expect_gone_at(uint64_t now, const char *names)
{
	memset(gone, 0, sizeof(gone));
	reactor.now = now;
	reactor_dispatch(&reactor);
	ck_assert_str_eq(gone, names);
}

static bool is_scheduled(void)
{
	return list_is_linked(&queue.timer.link);
}

START_TEST(idle_for_the_timeout_and_not_before)
{
	guest_add(&a, 'a');
	ck_assert_uint_eq(a.entry.since, NOW);
	ck_assert_uint_eq(queue.timer.deadline, NOW + TIMEOUT);
	expect_gone_at(NOW + TIMEOUT - 1, "");
	expect_gone_at(NOW + TIMEOUT, "a");
	expect_order("");
	ck_assert(!is_scheduled());
}
END_TEST

START_TEST(longest_idle_first)
{
	guest_add(&a, 'a');
	reactor.now = NOW + 10;
	guest_add(&b, 'b');
	guest_add(&c, 'c');
	ck_assert_uint_eq(queue.timer.deadline, NOW + TIMEOUT);
	expect_gone_at(NOW + TIMEOUT + 9, "a");
	expect_order("bc");
	ck_assert_uint_eq(queue.timer.deadline, NOW + 10 + TIMEOUT);
	expect_gone_at(NOW + TIMEOUT + 10, "bc");
}
END_TEST

START_TEST(touched_goes_to_the_tail)
{
	guest_add(&a, 'a');
	guest_add(&b, 'b');
	guest_add(&c, 'c');
	reactor.now = NOW + 5;
	idle_queue_touch(&queue, &a.entry);
	expect_order("bca");
	ck_assert_uint_eq(a.entry.since, NOW + 5);
	expect_gone_at(NOW + TIMEOUT, "bc");
	expect_gone_at(NOW + TIMEOUT + 5, "a");
}
END_TEST

/* One expiry per timeout instead of one setting per touch. */
START_TEST(touching_leaves_the_timer_alone)
{
	guest_add(&a, 'a');
	reactor.now = NOW + 7;
	idle_queue_touch(&queue, &a.entry);
	ck_assert_uint_eq(queue.timer.deadline, NOW + TIMEOUT);
	guest_add(&b, 'b');
	idle_queue_remove(&b.entry);
	ck_assert_uint_eq(queue.timer.deadline, NOW + TIMEOUT);
	expect_gone_at(NOW + TIMEOUT, "");
	ck_assert(is_scheduled());
	ck_assert_uint_eq(queue.timer.deadline, NOW + 7 + TIMEOUT);
	expect_gone_at(NOW + TIMEOUT + 6, "");
	expect_gone_at(NOW + TIMEOUT + 7, "a");
}
END_TEST

START_TEST(removed_is_never_idle)
{
	guest_add(&a, 'a');
	guest_add(&b, 'b');
	idle_queue_remove(&a.entry);
	idle_queue_remove(&a.entry);
	expect_order("b");
	expect_gone_at(NOW + TIMEOUT, "b");
}
END_TEST

START_TEST(queue_that_emptied_starts_anew)
{
	guest_add(&a, 'a');
	idle_queue_remove(&a.entry);
	expect_gone_at(NOW + TIMEOUT, "");
	ck_assert(!is_scheduled());
	guest_add(&b, 'b');
	ck_assert_uint_eq(queue.timer.deadline, NOW + 2 * TIMEOUT);
	expect_gone_at(NOW + 2 * TIMEOUT, "b");
}
END_TEST

START_TEST(idle_one_that_is_touched_stays)
{
	guest_add(&a, 'a');
	guest_add(&b, 'b');
	a.stays = true;
	expect_gone_at(NOW + TIMEOUT, "ab");
	expect_order("a");
	ck_assert_uint_eq(queue.timer.deadline, NOW + 2 * TIMEOUT);
	expect_gone_at(NOW + 2 * TIMEOUT, "a");
}
END_TEST

START_TEST(idle_one_takes_another_along)
{
	guest_add(&a, 'a');
	guest_add(&b, 'b');
	guest_add(&c, 'c');
	a.other = &b;
	expect_gone_at(NOW + TIMEOUT, "ac");
	expect_order("");
}
END_TEST

/* What is left is due, but others have their turn before. */
START_TEST(crowd_ends_in_several_expiries)
{
	static struct guest crowd[CROWD];
	size_t first, total;
	int rounds = 0;

	for (size_t i = 0; i < CROWD; i++)
		guest_add(&crowd[i], 'x');
	reactor.now = NOW + TIMEOUT;
	reactor_dispatch(&reactor);
	first = total = strlen(gone);
	ck_assert_uint_gt(first, 0);
	ck_assert_uint_lt(first, CROWD);
	while (!list_is_empty(&queue.entries)) {
		ck_assert(is_scheduled());
		ck_assert_uint_le(queue.timer.deadline, reactor.now);
		reactor_dispatch(&reactor);
		ck_assert_uint_le(strlen(gone) - total, first);
		total = strlen(gone);
		ck_assert_int_lt(++rounds, CROWD);
	}
	ck_assert_uint_eq(total, CROWD);
	ck_assert(!is_scheduled());
}
END_TEST

/* Removed exactly as many as one expiry ends: nothing is left to schedule. */
START_TEST(crowd_of_one_expiry_leaves_no_timer)
{
	static struct guest crowd[CROWD];
	size_t budget;

	for (size_t i = 0; i < CROWD; i++)
		guest_add(&crowd[i], 'x');
	reactor.now = NOW + TIMEOUT;
	reactor_dispatch(&reactor);
	budget = strlen(gone);
	for (size_t i = budget; i < CROWD; i++)
		idle_queue_remove(&crowd[i].entry);
	reactor_dispatch(&reactor);
	ck_assert(!is_scheduled());
	for (size_t i = 0; i < budget; i++)
		guest_add(&crowd[i], 'y');
	reactor.now += TIMEOUT;
	reactor_dispatch(&reactor);
	expect_order("");
	ck_assert(!is_scheduled());
}
END_TEST

START_TEST(without_timeout_it_is_a_list)
{
	reactor_deinit(&reactor);
	setup_queue(USEC_INFINITY);
	guest_add(&a, 'a');
	guest_add(&b, 'b');
	ck_assert(!is_scheduled());
	expect_gone_at(UINT64_MAX, "");
	idle_queue_remove(&a.entry);
	expect_order("b");
}
END_TEST

/* Four times a second at most. */
START_TEST(without_timeout_who_was_touched_moves_now_and_then)
{
	reactor_deinit(&reactor);
	setup_queue(USEC_INFINITY);
	guest_add(&a, 'a');
	guest_add(&b, 'b');
	reactor.now = NOW + SLACK - 1;
	idle_queue_touch(&queue, &a.entry);
	expect_order("ab");
	ck_assert_uint_eq(a.entry.since, NOW);
	reactor.now = NOW + SLACK;
	idle_queue_touch(&queue, &a.entry);
	expect_order("ba");
	ck_assert_uint_eq(a.entry.since, NOW + SLACK);
}
END_TEST

static void expect_longest(uint64_t now, uint64_t span,
			   const struct guest *guest)
{
	reactor.now = now;
	ck_assert_ptr_eq(idle_queue_longest(&queue, span),
			 guest ? &guest->entry : NULL);
}

START_TEST(who_is_idle_longest)
{
	expect_longest(NOW, 0, NULL);
	guest_add(&a, 'a');
	reactor.now = NOW + 10;
	guest_add(&b, 'b');
	expect_longest(NOW + 99, 100, NULL);
	expect_longest(NOW + 100, 100, &a);
	idle_queue_touch(&queue, &a.entry);
	expect_longest(NOW + 109, 100, NULL);
	expect_longest(NOW + 110, 100, &b);
}
END_TEST

/* What it says may be too early by the slack, but nobody goes too early. */
START_TEST(who_is_idle_longest_without_timeout)
{
	reactor_deinit(&reactor);
	setup_queue(USEC_INFINITY);
	guest_add(&a, 'a');
	reactor.now = NOW + SLACK - 1;
	idle_queue_touch(&queue, &a.entry);
	expect_longest(NOW + SLACK + 99, 100, NULL);
	expect_longest(NOW + SLACK + 100, 100, &a);
	expect_longest(UINT64_MAX, USEC_INFINITY, NULL);
}
END_TEST

/* A deadline that wrapped around would be due in every round. */
START_TEST(almost_infinite_timeout_does_not_wrap_around)
{
	reactor_deinit(&reactor);
	setup_queue(USEC_INFINITY - 1);
	guest_add(&a, 'a');
	ck_assert_uint_gt(queue.timer.deadline, NOW);
	expect_gone_at(NOW + TIMEOUT, "");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("idle");
	TCase *tcase = tcase_create("idle");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, idle_for_the_timeout_and_not_before);
	tcase_add_test(tcase, longest_idle_first);
	tcase_add_test(tcase, touched_goes_to_the_tail);
	tcase_add_test(tcase, touching_leaves_the_timer_alone);
	tcase_add_test(tcase, removed_is_never_idle);
	tcase_add_test(tcase, queue_that_emptied_starts_anew);
	tcase_add_test(tcase, idle_one_that_is_touched_stays);
	tcase_add_test(tcase, idle_one_takes_another_along);
	tcase_add_test(tcase, crowd_ends_in_several_expiries);
	tcase_add_test(tcase, crowd_of_one_expiry_leaves_no_timer);
	tcase_add_test(tcase, without_timeout_it_is_a_list);
	tcase_add_test(tcase,
		       without_timeout_who_was_touched_moves_now_and_then);
	tcase_add_test(tcase, who_is_idle_longest);
	tcase_add_test(tcase, who_is_idle_longest_without_timeout);
	tcase_add_test(tcase, almost_infinite_timeout_does_not_wrap_around);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
