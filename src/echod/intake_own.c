/* SPDX-License-Identifier: MIT */
/*
 * Sockets of our own, kept by the service manager, so that between two
 * instances not a SYN is refused and datagrams wait in the kernel.
 */
#include "config.h"

#include "echod/intake_state.h"

#include "echod/log.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_of_transport(const struct socket_identity *identity,
			    const struct endpoint *endpoint)
{
	bool mptcp = endpoint->transport == TRANSPORT_MPTCP;

	return identity->kind != SOCKET_CONNECTION &&
	       identity->family == endpoint->address.any.sa_family &&
	       identity->type == transport_type(endpoint->transport) &&
	       mptcp == (identity->protocol == IPPROTO_MPTCP);
}

/* Port 0 was chosen when the socket was made. */
static bool is_at(const struct socket_identity *identity,
		  const struct endpoint *endpoint)
{
	char wanted[ADDRESS_TEXT_MAX], found[ADDRESS_TEXT_MAX];
	struct address address = endpoint->address;

	if (address_port(&address) == 0)
		address_set_port(&address,
				 (uint16_t)address_port(&identity->local));
	address_format(&address, wanted);
	address_format(&identity->local, found);
	return strcmp(wanted, found) == 0;
}

/* Does it listen there? */
static bool kept_is_own(const struct service_socket *kept,
			const struct endpoint *endpoint,
			struct socket_identity *identity)
{
	const char *reason;

	return kept->fd >= 0 &&
	       service_name_number(kept->name, SERVICE_OWN) >= 0 &&
	       socket_identify(kept->fd, identity, &reason) == 0 &&
	       is_of_transport(identity, endpoint) && is_at(identity, endpoint);
}

static int intake_count_own(const struct intake *intake,
			    const struct endpoint *endpoint)
{
	struct socket_identity identity;
	int count = 0;

	for (size_t i = 0; i < intake->kept_count; i++)
		count += kept_is_own(&intake->kept[i], endpoint, &identity);
	return count;
}

/* One for each worker, if they are as many; else as if they were passed in. */
static int worker_for(const struct socket_identity *identity, bool each,
		      int turn)
{
	if (each)
		return turn;
	return identity->kind == SOCKET_DATAGRAM ? INTAKE_ONE_WORKER
						 : INTAKE_EVERY_WORKER;
}

int intake_take_own(struct intake *intake, const struct endpoint *endpoint)
{
	bool each = intake_count_own(intake, endpoint) == intake->workers;
	int taken = 0;

	for (size_t i = 0; i < intake->kept_count; i++) {
		struct service_socket *kept = &intake->kept[i];
		struct socket_identity identity;
		int error;

		if (!kept_is_own(kept, endpoint, &identity))
			continue;
		error = intake_add(intake, kept->fd, &identity, false,
				   worker_for(&identity, each, taken));
		if (error < 0)
			return error;
		intake->sockets[intake->count - 1].own =
			service_name_number(kept->name, SERVICE_OWN);
		kept->fd = -1;
		taken++;
	}
	return taken;
}

static void unstore(int number)
{
	char name[32];

	(void)snprintf(name, sizeof(name), SERVICE_OWN "%d", number);
	service_unstore(name);
}

void intake_give_up_own(struct intake *intake)
{
	for (size_t i = 0; i < intake->kept_count; i++) {
		struct service_socket *kept = &intake->kept[i];
		int number = service_name_number(kept->name, SERVICE_OWN);

		if (kept->fd < 0 || number < 0)
			continue;
		close(kept->fd);
		kept->fd = -1;
		unstore(number);
	}
}

static int intake_next_own(const struct intake *intake)
{
	int next = 0;

	for (size_t i = 0; i < intake->count; i++)
		next = MAX(next, intake->sockets[i].own + 1);
	return next;
}

void intake_store_own(struct intake *intake)
{
	int next = intake_next_own(intake);

	for (size_t i = 0; i < intake->count; i++) {
		struct intake_socket *socket = &intake->sockets[i];
		char name[32];

		if (socket->passed || socket->own >= 0)
			continue;
		socket->own = next++;
		(void)snprintf(name, sizeof(name), SERVICE_OWN "%d",
			       socket->own);
		(void)service_store(name, &socket->fd, 1);
	}
}

void intake_unstore_own(struct intake *intake)
{
	for (size_t i = 0; i < intake->count; i++) {
		if (intake->sockets[i].own >= 0)
			unstore(intake->sockets[i].own);
		intake->sockets[i].own = -1;
	}
}
