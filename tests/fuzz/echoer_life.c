/* SPDX-License-Identifier: MIT */
/*
 * Servers that are killed, and their successors.  The lot is left out: parked
 * is what a duplicate is said to be of, and the next server is given just these
 * (see check_parking and the model for the lot).  What it knows of each is what
 * the kernel counts.
 */
#include "config.h"

#include "fuzz/echoer.h"

#include "echod/connection.h"
#include "echod/position.h"
#include "fuzz/fake.h"
#include "fuzz/fuzz.h"

#include <errno.h>
#include <unistd.h>

void echoer_park(struct echoer *echoer)
{
	struct list_node *young = &echoer->worker.young.entries;

	while (echoer->parks && !list_is_empty(young)) {
		struct list_node *place = list_take_first(young);

		fake_park(connection_descriptor(place));
		connection_on_parked(place);
	}
}

void echoer_kill(struct echoer *echoer, unsigned calls)
{
	if (echoer->parks && !echoer->stopping)
		fake_kill(calls);
}

/* As parking_adopt.c does it. */
static void adopt(struct echoer *echoer, unsigned peer, int fd)
{
	const struct connection_origin origin = { .name = "left",
						  .tcp = true,
						  .sole = true,
						  .adopted = true,
						  .roomy = true };
	struct address address = { .length = sizeof(address.in6) };
	size_t skipped;
	int error = position_catch_up(fd, &skipped);

	if (error == -ENOTCONN) {
		close(fd);
		return;
	}
	assert(error == 0);
	fake_peer_name(peer, &address.any, &address.length);
	worker_overbook_connection(&echoer->worker);
	assert(connection_open(&echoer->worker, fd, &origin, &address) == 0);
	/* It lies in the lot. */
	echoer_park(echoer);
}

/* What was of the process goes with it. */
static void forget(struct echoer *echoer)
{
	held_pool_deinit(&echoer->worker.held);
	pool_deinit(&echoer->worker.watches);
	fake_bury();
	echoer->stats = (struct stats){ 0 };
	echoer->policy.connections = 0;
	echoer->echoed_before = fake_echoed();
	echoer->excess_before = fake_excess_count();
	echoer->asked = 0;
	echoer->taken = 0;
	echoer->paused = echoer->resting = false;
	if (!echoer->policy.quota)
		return;
	quota_deinit(&echoer->quota);
	echoer_limit_connections(echoer, echoer->quota.limit);
}

void echoer_succeed(struct echoer *echoer)
{
	bool shared = echoer->listener.shared;

	forget(echoer);
	fake_fault_none();
	fake_limit(FAKE_DESCRIPTORS);
	echoer_begin(echoer);
	for (unsigned i = 0; i < FAKE_PEERS; i++) {
		int fd = fake_look(i).fd;

		if (fd >= 0)
			adopt(echoer, i, fd);
	}
	assert(listener_open(&echoer->listener, &echoer->worker, echoer->fd,
			     shared) == 0);
}
