/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/load_schedule.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

void load_schedule_init(struct load_schedule *schedule, uint64_t rate,
			unsigned threads, unsigned thread)
{
	*schedule = (struct load_schedule){
		.rate = rate,
		.threads = threads,
		.thread = thread,
	};
	list_init(&schedule->room);
}

/* n / rate in ns, without a product that does not fit: rate is up to 1e9. */
uint64_t load_schedule_due(const struct load_schedule *schedule, uint64_t ahead)
{
	uint64_t number =
		(schedule->next + ahead) * schedule->threads + schedule->thread;

	return schedule->start + number / schedule->rate * NSEC_PER_SEC +
	       number % schedule->rate * NSEC_PER_SEC / schedule->rate;
}

/* The numbers of all threads below elapsed * rate, rounded up; then ours. */
uint64_t load_schedule_due_before(const struct load_schedule *schedule,
				  uint64_t moment)
{
	uint64_t elapsed = moment - schedule->start;
	uint64_t part = elapsed % NSEC_PER_SEC * schedule->rate;
	uint64_t all = elapsed / NSEC_PER_SEC * schedule->rate +
		       (part + NSEC_PER_SEC - 1) / NSEC_PER_SEC;

	if (moment <= schedule->start || all <= schedule->thread)
		return 0;
	return (all - schedule->thread - 1) / schedule->threads + 1;
}

void load_schedule_offer(struct load_schedule *schedule,
			 struct list_node *place, uint64_t now)
{
	if (list_is_linked(place))
		return;
	if (list_is_empty(&schedule->room))
		schedule->room_since = now;
	list_append(&schedule->room, place);
}

void load_schedule_retire(struct list_node *place)
{
	list_remove(place);
}

struct list_node *load_schedule_turn(struct load_schedule *schedule)
{
	struct list_node *place = schedule->room.next;

	if (list_is_empty(&schedule->room))
		return NULL;
	list_remove(place);
	list_append(&schedule->room, place);
	return place;
}
