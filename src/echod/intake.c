/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/intake_state.h"

#include "echod/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* RFC 862. */
#define DEFAULT_LISTEN "7"

/*
 * With port 0 one --listen gets one port on all its sockets.  The one that the
 * kernel chose for the first may be taken for another: then it is asked again.
 */
#define FREE_PORT_ATTEMPTS 64

static void intake_label(struct intake_socket *socket)
{
	const char *scheme = socket_scheme(&socket->identity);
	char address[ADDRESS_TEXT_MAX];

	address_format(&socket->identity.local, address);
	if (socket->identity.family == AF_VSOCK)
		snprintf(socket->label, sizeof(socket->label), "%s", address);
	else
		snprintf(socket->label, sizeof(socket->label), "%.20s:%.480s",
			 scheme, address);
}

/*
 * Sockets of one address go to the workers in turn, so that a unit which lists
 * each of its addresses once per worker gets them spread.
 */
static int intake_next_worker(struct intake *intake,
			      const struct intake_socket *socket)
{
	for (size_t i = (size_t)(socket - intake->sockets); i > 0; i--) {
		const struct intake_socket *other = &intake->sockets[i - 1];

		if (strcmp(other->label, socket->label) == 0)
			return (other->worker + 1) % intake->workers;
	}
	return intake->next_worker++ % intake->workers;
}

int intake_add(struct intake *intake, int fd,
	       const struct socket_identity *identity, bool passed, int worker)
{
	struct intake_socket *socket = reallocarray(
		intake->sockets, intake->count + 1, sizeof(*intake->sockets));

	if (!socket)
		return -ENOMEM;
	intake->sockets = socket;
	socket += intake->count++;
	*socket = (struct intake_socket){
		.fd = fd,
		.worker = worker,
		.passed = passed,
		.own = -1,
		.overflows = socket_overflows(fd, 0),
		.identity = *identity,
	};
	socket_prepare(fd, identity);
	intake_label(socket);
	if (worker == INTAKE_ONE_WORKER)
		socket->worker = intake_next_worker(intake, socket);
	return 0;
}

static int intake_take(struct intake *intake,
		       const struct service_socket *passed)
{
	struct socket_identity identity;
	const char *reason = "cannot be taken over";
	int error = socket_identify(passed->fd, &identity, &reason);

	if (error == 0)
		error = intake_add(intake, passed->fd, &identity, true,
				   identity.kind == SOCKET_LISTENER
					   ? INTAKE_EVERY_WORKER
					   : INTAKE_ONE_WORKER);
	if (error < 0)
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "descriptor %d (%.100s), which was passed in, %s "
			    "(pass listening streams, datagram sockets or "
			    "connected streams)",
			    passed->fd, passed->name, reason);
	return error;
}

/*
 * Has an earlier instance left it to us?  Then others take it, by its name.
 * What nobody knows is of a later version, or of an instance that died while it
 * asked for a store: it is given up.
 */
static bool is_kept(struct service_socket *passed)
{
	const char *name = passed->name;

	if (strncmp(name, SERVICE_KEPT, strlen(SERVICE_KEPT)) != 0)
		return false;
	if (service_name_number(name, SERVICE_LOT) < 0 &&
	    service_name_number(name, SERVICE_OWN) < 0 &&
	    service_name_number(name, SERVICE_RECORD) < 0) {
		close(passed->fd);
		passed->fd = -1;
		service_unstore(name);
	}
	return true;
}

static int intake_take_all(struct intake *intake)
{
	int count = service_take_sockets(&intake->kept), error = 0;

	if (count < 0) {
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot take over the passed sockets: %s (look at "
			    "LISTEN_FDS in the environment)",
			    strerrordesc_np(-count));
		return count;
	}
	intake->kept_count = (size_t)count;
	for (size_t i = 0; i < intake->kept_count && error == 0; i++) {
		struct service_socket *passed = &intake->kept[i];

		if (is_kept(passed))
			continue;
		error = intake_take(intake, passed);
		if (error == 0)
			passed->fd = -1;
	}
	return error;
}

static bool family_is_missing(int error)
{
	return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

static void intake_close_from(struct intake *intake, size_t first)
{
	while (intake->count > first) {
		struct intake_socket *socket =
			&intake->sockets[--intake->count];

		close(socket->fd);
		/* A file without which the manager would keep it in vain. */
		if (!socket->passed && socket->own < 0)
			socket_unlink(&socket->identity.local);
	}
}

/* Port 0 is the port that the kernel chose for the group's first socket. */
static void endpoint_follow(struct endpoint *endpoint,
			    const struct intake_socket *first)
{
	if (address_port(&endpoint->address) == 0)
		address_set_port(
			&endpoint->address,
			(uint16_t)address_port(&first->identity.local));
}

/* All addresses of one --listen; *failed is the one that could not be had. */
static int intake_bind_group(struct intake *intake,
			     const struct listen_group *group,
			     struct endpoint *failed)
{
	size_t first = intake->count;
	int error = 0;

	for (int i = 0; i < group->count; i++) {
		struct endpoint endpoint = group->endpoints[i];

		if (intake->count > first)
			endpoint_follow(&endpoint, &intake->sockets[first]);
		error = intake_take_own(intake, &endpoint);
		if (error == 0)
			error = intake_bind(intake, &endpoint);
		if (error >= 0)
			continue;
		*failed = endpoint;
		/* A host without IPv6 has no `*` of that kind to offer. */
		if (!endpoint.wildcard || !family_is_missing(error))
			return error;
	}
	return intake->count > first ? 0 : error;
}

static int intake_listen(struct intake *intake,
			 const struct listen_group *group)
{
	const struct endpoint *lead = &group->endpoints[0];
	bool any_port = endpoint_is_shareable(lead) &&
			address_port(&lead->address) == 0;
	size_t first = intake->count;
	struct endpoint failed;
	int error;

	for (int i = 0; i < FREE_PORT_ATTEMPTS; i++) {
		error = intake_bind_group(intake, group, &failed);
		if (error == 0)
			return 0;
		intake_close_from(intake, first);
		if (error != -EADDRINUSE || !any_port)
			break;
	}
	intake_log_failure(&failed, -error);
	return error;
}

/* What RFC 862 says, when nothing else was asked for. */
static int intake_listen_default(struct intake *intake)
{
	struct listen_group group = { .text = DEFAULT_LISTEN };
	const char *reason;

	group.count = endpoint_parse(group.text, group.endpoints, &reason);
	return intake_listen(intake, &group);
}

int intake_open(struct intake *intake, const struct options *options,
		int workers)
{
	int error;

	*intake = (struct intake){ .workers = workers };
	error = intake_take_all(intake);
	for (size_t i = 0; i < options->listen_count && error == 0; i++)
		error = intake_listen(intake, &options->listen[i]);
	if (error == 0 && intake->count == 0)
		error = intake_listen_default(intake);
	if (error == 0)
		intake_give_up_own(intake);
	if (error < 0)
		intake_close(intake);
	return error;
}

static void announce(const struct intake_socket *socket)
{
	bool connected = socket->identity.kind == SOCKET_CONNECTION;
	struct log_entry entry;

	log_entry_init(&entry, LOG_INFO, MESSAGE_LISTENING);
	log_entry_add(&entry, "ECHOD_LISTENER", "%s", socket->label);
	log_entry_commit(&entry, "%s %s%s",
			 connected ? "connected on" : "listening on",
			 socket->label, socket->passed ? " (passed in)" : "");
}

void intake_announce(const struct intake *intake)
{
	for (size_t i = 0; i < intake->count; i++) {
		const struct intake_socket *socket = &intake->sockets[i];

		/* Its copies for other workers follow it. */
		if (i == 0 || strcmp(socket->label, socket[-1].label) != 0)
			announce(socket);
	}
}

/* `exact`: at this very address; else perhaps at any, with this port. */
static bool is_accepted_by(const struct socket_identity *listener,
			   const struct socket_identity *connection, bool exact)
{
	char here[ADDRESS_TEXT_MAX], there[ADDRESS_TEXT_MAX];

	if (listener->kind != SOCKET_LISTENER ||
	    listener->family != connection->family ||
	    listener->type != connection->type ||
	    listener->protocol != connection->protocol ||
	    address_port(&listener->local) != address_port(&connection->local))
		return false;
	if (!exact)
		return true;
	address_format(&listener->local, here);
	address_format(&connection->local, there);
	return strcmp(here, there) == 0;
}

const char *intake_label_of(const struct intake *intake,
			    const struct socket_identity *connection)
{
	for (int exact = 1; exact >= 0; exact--) {
		for (size_t i = 0; i < intake->count; i++) {
			const struct intake_socket *socket =
				&intake->sockets[i];

			if (is_accepted_by(&socket->identity, connection,
					   exact))
				return socket->label;
		}
	}
	return socket_scheme(connection);
}

bool intake_is_pending(const struct intake *intake)
{
	for (size_t i = 0; i < intake->count; i++) {
		if (socket_is_pending(intake->sockets[i].fd))
			return true;
	}
	return false;
}

bool intake_is_closed(const struct intake *intake)
{
	for (size_t i = 0; i < intake->count; i++) {
		if (intake->sockets[i].identity.kind != SOCKET_CONNECTION)
			return false;
	}
	return true;
}

uint64_t intake_count_overflows(struct intake *intake)
{
	uint64_t count = 0;

	for (size_t i = 0; i < intake->count; i++) {
		struct intake_socket *socket = &intake->sockets[i];
		uint32_t overflows;

		if (socket->identity.kind != SOCKET_DATAGRAM)
			continue;
		overflows = socket_overflows(socket->fd, socket->overflows);
		/* The kernel's counter is 32 bits wide and wraps round. */
		count += (uint32_t)(overflows - socket->overflows);
		socket->overflows = overflows;
	}
	return count;
}

void intake_close(struct intake *intake)
{
	intake_close_from(intake, 0);
	free(intake->sockets);
	intake->sockets = NULL;
	for (size_t i = 0; i < intake->kept_count; i++) {
		if (intake->kept[i].fd >= 0)
			close(intake->kept[i].fd);
	}
	service_free_sockets(intake->kept, (int)intake->kept_count);
	intake->kept = NULL;
	intake->kept_count = 0;
}
