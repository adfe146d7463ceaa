/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <time.h>

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

uint64_t service_watchdog_usec(void)
{
	uint64_t usec = 0;

	return sd_watchdog_enabled(0, &usec) > 0 ? usec : 0;
}
