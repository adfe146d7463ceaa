/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/service.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

/* How long a manager may be busy before it counts as one without a store. */
#define STORE_ANSWER_USEC (5 * USEC_PER_SEC)

#define STORE_PROBE SERVICE_KEPT "probe"

int service_take_sockets(struct service_socket **sockets)
{
	char **names = NULL;
	int count = sd_listen_fds_with_names(1, &names);

	*sockets = NULL;
	if (count <= 0)
		return count;
	*sockets = calloc((size_t)count, sizeof(**sockets));
	for (int i = 0; i < count; i++) {
		if (*sockets) {
			(*sockets)[i].fd = SD_LISTEN_FDS_START + i;
			(*sockets)[i].name = names[i];
		} else {
			free(names[i]);
		}
	}
	free(names);
	return *sockets ? count : -ENOMEM;
}

void service_free_sockets(struct service_socket *sockets, int count)
{
	for (int i = 0; i < count; i++)
		free(sockets[i].name);
	free(sockets);
}

/*
 * A notification that is lost, or that nobody listens to, changes nothing that
 * could be done here: hence the results are ignored throughout.
 */
void service_notify_ready(const char *status)
{
	(void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void service_notify_status(const char *status)
{
	(void)sd_notifyf(0, "STATUS=%s", status);
}

void service_notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
			 (uint64_t)now.tv_sec * USEC_PER_SEC +
				 (uint64_t)now.tv_nsec / 1000);
}

void service_notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

void service_extend_timeout(uint64_t usec)
{
	(void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64, usec);
}

void service_notify_watchdog(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

/*
 * FDPOLL=0, or what hangs up would be taken out of the store: since systemd
 * 246; older ones ignore it.
 */
int service_store(const char *name, const int *fds, unsigned count)
{
	char message[128];

	(void)snprintf(message, sizeof(message),
		       "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	return MIN(sd_pid_notify_with_fds(0, 0, message, fds, count), 0);
}

void service_unstore(const char *name)
{
	(void)sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

/* Our end of the pair hangs up when nobody has the other any more. */
static int store_keeps(const int pair[2])
{
	struct pollfd ours = { .fd = pair[0] };
	int error = service_store(STORE_PROBE, &pair[1], 1);

	close(pair[1]);
	if (error < 0)
		return error == -ETOOMANYREFS ? error : 0;
	/* Messages are dealt with in order: what was sent before is kept, too.
	 */
	if (sd_notify_barrier(0, STORE_ANSWER_USEC) <= 0)
		return 0;
	return poll(&ours, 1, 0) == 0;
}

int service_has_store(void)
{
	int kept, pair[2];

	if (!getenv("NOTIFY_SOCKET"))
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	kept = store_keeps(pair);
	service_unstore(STORE_PROBE);
	close(pair[0]);
	return kept;
}

int service_name_number(const char *name, const char *prefix)
{
	size_t length = strlen(prefix);
	unsigned long number;
	char *end;

	if (strncmp(name, prefix, length) != 0 || name[length] < '0' ||
	    name[length] > '9')
		return -EINVAL;
	errno = 0;
	number = strtoul(name + length, &end, 10);
	if (*end != '\0' || errno != 0 || number > INT_MAX)
		return -EINVAL;
	return (int)number;
}

uint64_t service_watchdog_usec(void)
{
	uint64_t usec = 0;

	return sd_watchdog_enabled(0, &usec) > 0 ? usec : 0;
}
