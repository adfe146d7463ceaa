/* SPDX-License-Identifier: MIT */
/*
 * Sockets of our own: one for an address, or one for each worker.
 */
#include "config.h"

#include "echod/intake_state.h"

#include "echod/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char *remedy_for(int error, const struct endpoint *endpoint)
{
	switch (error) {
	case EADDRINUSE:
		return "see who has it with ss -lntup, or choose another";
	case EACCES:
	case EPERM:
		return endpoint->address.any.sa_family == AF_UNIX
			       ? "choose a directory that you can write to"
			       : "ports below 1024 need CAP_NET_BIND_SERVICE: "
				 "use systemctl start echod.socket, or a "
				 "higher "
				 "port";
	case ENOENT:
	case ENOTDIR:
		return "create the directory first";
	case EADDRNOTAVAIL:
		return "see the addresses of this host with ip address";
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
	case ESOCKTNOSUPPORT:
		return "this kernel does not support it, or does not allow it "
		       "here";
	default:
		return "see echod(8)";
	}
}

void intake_log_failure(const struct endpoint *endpoint, int error)
{
	char text[ADDRESS_TEXT_MAX];

	endpoint_format(endpoint, text);
	log_message(LOG_ERR, MESSAGE_FAILED, "cannot listen on %s: %s (%s)",
		    text, strerrordesc_np(error), remedy_for(error, endpoint));
}

static int intake_bind_one(struct intake *intake,
			   const struct endpoint *endpoint, bool shared,
			   int worker)
{
	struct socket_identity identity;
	const char *reason;
	int fd = socket_open(endpoint, shared);
	int error;

	if (fd < 0)
		return fd;
	error = socket_identify(fd, &identity, &reason);
	if (error == 0 && worker == INTAKE_EVERY_WORKER &&
	    identity.kind == SOCKET_DATAGRAM)
		worker = INTAKE_ONE_WORKER;
	if (error == 0)
		error = intake_add(intake, fd, &identity, false, worker);
	if (error < 0) {
		close(fd);
		socket_unlink(&endpoint->address);
	}
	return error;
}

/*
 * SO_REUSEPORT would also let two echods of one user share a port unnoticed:
 * that the address is free is found out without it.
 */
static int endpoint_probe(struct endpoint *endpoint)
{
	struct socket_identity identity;
	const char *reason;
	int fd = socket_open(endpoint, false);
	int error;

	if (fd < 0)
		return fd;
	error = socket_identify(fd, &identity, &reason);
	if (error == 0)
		address_set_port(&endpoint->address,
				 (uint16_t)address_port(&identity.local));
	close(fd);
	return error;
}

static int intake_bind_each(struct intake *intake, struct endpoint *endpoint)
{
	int error = endpoint_probe(endpoint);

	for (int i = 0; i < intake->workers && error == 0; i++)
		error = intake_bind_one(intake, endpoint, true, i);
	return error;
}

int intake_bind(struct intake *intake, struct endpoint *endpoint)
{
	if (intake->workers > 1 && endpoint_is_shareable(endpoint))
		return intake_bind_each(intake, endpoint);
	return intake_bind_one(intake, endpoint, false, INTAKE_EVERY_WORKER);
}
