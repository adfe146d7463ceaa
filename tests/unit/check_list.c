/* SPDX-License-Identifier: MIT */
/*
 * The list against an array of what it should hold, in both directions.
 */
#include "config.h"

#include "common/list.h"
#include "common/macros.h"
#include "unit/harness.h"

#include <stdlib.h>

struct item {
	char name;
	struct list_node link;
};

static struct item a, b, c;
static struct list_node list, other;

static struct item *item_of(struct list_node *node)
{
	return container_of(node, struct item, link);
}

static void setup(void)
{
	a.name = 'a';
	b.name = 'b';
	c.name = 'c';
	list_init(&a.link);
	list_init(&b.link);
	list_init(&c.link);
	list_init(&list);
	list_init(&other);
}

/* The names forwards; and the same nodes must be met backwards. */
static void assert_names(struct list_node *head, const char *expected)
{
	struct list_node *node, *back = head->previous;
	size_t length = strlen(expected), i = 0;

	list_for_each (node, head) {
		ck_assert_uint_lt(i, length);
		ck_assert_int_eq(item_of(node)->name, expected[i]);
		i++;
	}
	ck_assert_uint_eq(i, length);
	while (i > 0) {
		ck_assert_int_eq(item_of(back)->name, expected[--i]);
		back = back->previous;
	}
	ck_assert_ptr_eq(back, head);
}

START_TEST(new_list_is_empty)
{
	struct list_node on_stack = LIST_INIT(on_stack);

	ck_assert(list_is_empty(&list));
	ck_assert(list_is_empty(&on_stack));
	ck_assert(!list_is_linked(&a.link));
	assert_names(&list, "");
}
END_TEST

START_TEST(append_keeps_order)
{
	list_append(&list, &a.link);
	assert_names(&list, "a");
	list_append(&list, &b.link);
	list_append(&list, &c.link);
	assert_names(&list, "abc");
	ck_assert(!list_is_empty(&list));
	ck_assert(list_is_linked(&b.link));
}
END_TEST

START_TEST(insert_before_a_node_or_the_first)
{
	list_append(&list, &c.link);
	list_insert_before(&c.link, &b.link);
	assert_names(&list, "bc");
	list_insert_before(list.next, &a.link);
	assert_names(&list, "abc");
}
END_TEST

START_TEST(remove_anywhere)
{
	list_append(&list, &a.link);
	list_append(&list, &b.link);
	list_append(&list, &c.link);
	list_remove(&b.link);
	assert_names(&list, "ac");
	ck_assert(!list_is_linked(&b.link));
	list_remove(&a.link);
	assert_names(&list, "c");
	list_remove(&c.link);
	assert_names(&list, "");
	ck_assert(list_is_empty(&list));
}
END_TEST

START_TEST(remove_is_idempotent)
{
	list_append(&list, &a.link);
	list_append(&list, &b.link);
	list_remove(&a.link);
	list_remove(&a.link);
	assert_names(&list, "b");
	list_append(&list, &a.link);
	assert_names(&list, "ba");
}
END_TEST

START_TEST(take_first_unlinks_it)
{
	list_append(&list, &a.link);
	list_append(&list, &b.link);
	ck_assert_ptr_eq(list_take_first(&list), &a.link);
	ck_assert(!list_is_linked(&a.link));
	assert_names(&list, "b");
	ck_assert_ptr_eq(list_take_first(&list), &b.link);
	ck_assert(list_is_empty(&list));
	ck_assert(!list_is_linked(&b.link));
}
END_TEST

START_TEST(length_counts_nodes)
{
	ck_assert_uint_eq(list_length(&list), 0);
	list_append(&list, &a.link);
	list_append(&list, &b.link);
	ck_assert_uint_eq(list_length(&list), 2);
}
END_TEST

START_TEST(append_all_moves_in_order)
{
	list_append(&list, &a.link);
	list_append(&other, &b.link);
	list_append(&other, &c.link);
	list_append_all(&list, &other);
	assert_names(&list, "abc");
	assert_names(&other, "");
	list_append_all(&other, &list);
	assert_names(&other, "abc");
	assert_names(&list, "");
}
END_TEST

START_TEST(append_all_of_nothing_changes_nothing)
{
	list_append_all(&list, &other);
	assert_names(&list, "");
	list_append(&list, &a.link);
	list_append_all(&list, &other);
	assert_names(&list, "a");
	assert_names(&other, "");
}
END_TEST

START_TEST(safe_walk_may_unlink_its_node)
{
	struct list_node *node, *following;
	int visited = 0;

	list_append(&list, &a.link);
	list_append(&list, &b.link);
	list_append(&list, &c.link);
	list_for_each_safe (node, following, &list) {
		visited++;
		if (item_of(node)->name == 'b')
			continue;
		list_remove(node);
		list_append(&other, node);
	}
	ck_assert_int_eq(visited, 3);
	assert_names(&list, "b");
	assert_names(&other, "ac");
}
END_TEST

START_TEST(safe_walk_of_nothing_visits_nothing)
{
	struct list_node *node, *following;

	list_for_each_safe (node, following, &list)
		ck_abort_msg("visited a node of an empty list");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("list");
	TCase *tcase = tcase_create("list");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, new_list_is_empty);
	tcase_add_test(tcase, append_keeps_order);
	tcase_add_test(tcase, insert_before_a_node_or_the_first);
	tcase_add_test(tcase, remove_anywhere);
	tcase_add_test(tcase, remove_is_idempotent);
	tcase_add_test(tcase, take_first_unlinks_it);
	tcase_add_test(tcase, length_counts_nodes);
	tcase_add_test(tcase, append_all_moves_in_order);
	tcase_add_test(tcase, append_all_of_nothing_changes_nothing);
	tcase_add_test(tcase, safe_walk_may_unlink_its_node);
	tcase_add_test(tcase, safe_walk_of_nothing_visits_nothing);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
