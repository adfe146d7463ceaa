/* SPDX-License-Identifier: MIT */
/*
 * An intrusive, circular, doubly linked list.
 *
 * A node lives inside the object that it links, so that linking can neither
 * allocate nor fail.  A head is a node of its own, linked to itself while the
 * list is empty.  A node that is in no list is linked to itself too, hence
 * list_remove() is idempotent and list_is_linked() is one comparison.
 */
#ifndef ECHOD_COMMON_LIST_H
#define ECHOD_COMMON_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
	struct list_node *next, *previous;
};

#define LIST_INIT(name)                                                        \
	{                                                                      \
		&(name), &(name)                                               \
	}

static inline void list_init(struct list_node *node)
{
	node->next = node->previous = node;
}

static inline bool list_is_linked(const struct list_node *node)
{
	return node->next != node;
}

static inline bool list_is_empty(const struct list_node *head)
{
	return head->next == head;
}

static inline void list_insert_before(struct list_node *place,
				      struct list_node *node)
{
	node->previous = place->previous;
	node->next = place;
	place->previous->next = node;
	place->previous = node;
}

/* Append an unlinked node. */
static inline void list_append(struct list_node *head, struct list_node *node)
{
	list_insert_before(head, node);
}

static inline void list_remove(struct list_node *node)
{
	node->previous->next = node->next;
	node->next->previous = node->previous;
	list_init(node);
}

/* Unlink the first node of a list that is not empty. */
static inline struct list_node *list_take_first(struct list_node *head)
{
	struct list_node *first = head->next;

	head->next = first->next;
	first->next->previous = head;
	list_init(first);
	return first;
}

/* Move all nodes of `from`, in order, to the tail of `head`. */
static inline void list_append_all(struct list_node *head,
				   struct list_node *from)
{
	if (list_is_empty(from))
		return;
	from->next->previous = head->previous;
	head->previous->next = from->next;
	from->previous->next = head;
	head->previous = from->previous;
	list_init(from);
}

/* The body must not unlink `node`: for that, list_for_each_safe(). */
#define list_for_each(node, head)                                              \
	for ((node) = (head)->next; (node) != (head); (node) = (node)->next)

/* The body may unlink `node`, but not `following`. */
#define list_for_each_safe(node, following, head)                              \
	for ((node) = (head)->next, (following) = (node)->next;                \
	     (node) != (head);                                                 \
	     (node) = (following), (following) = (node)->next)

/* Walks all of it. */
static inline size_t list_length(const struct list_node *head)
{
	const struct list_node *node;
	size_t length = 0;

	list_for_each (node, head)
		length++;
	return length;
}

#endif
