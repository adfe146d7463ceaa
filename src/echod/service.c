/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/service.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

/* How long a manager may be busy before it counts as one without a store. */
#define STORE_ANSWER_USEC (5 * USEC_PER_SEC)

#define STORE_PROBE SERVICE_KEPT "probe"

#define NOTIFICATION_MAX 512

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
 * Connected once: sd_notify(3) opens a socket each time, which echod may not do
 * any more when it serves (sandbox.h).
 */
static struct {
	bool asked;
	int fd; /* -1: there is no manager */
} manager = { .fd = -1 };

static int manager_connect(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);
	int fd;

	if ((name[0] != '/' && name[0] != '@') || length < 2 ||
	    length >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	length += offsetof(struct sockaddr_un, sun_path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address,
			       (socklen_t)length) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

void service_connect(void)
{
	const char *name = getenv("NOTIFY_SOCKET");

	if (!manager.asked && name)
		manager.fd = manager_connect(name);
	manager.asked = true;
}

void service_disconnect(void)
{
	if (manager.fd >= 0)
		close(manager.fd);
	manager.fd = -1;
	manager.asked = false;
}

/*
 * A notification that is lost, or that nobody listens to, changes nothing that
 * could be done here: hence the results are ignored throughout.
 */
PRINTF_LIKE(1, 2)
static void notify(const char *format, ...)
{
	char text[NOTIFICATION_MAX];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	service_connect();
	if (manager.fd >= 0 && length > 0)
		(void)send(manager.fd, text,
			   MIN((size_t)length, sizeof(text) - 1), MSG_NOSIGNAL);
}

void service_notify_ready(const char *status)
{
	notify("READY=1\nSTATUS=%s", status);
}

void service_notify_status(const char *status)
{
	notify("STATUS=%s", status);
}

void service_notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	notify("RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
	       (uint64_t)now.tv_sec * USEC_PER_SEC +
		       (uint64_t)now.tv_nsec / 1000);
}

void service_notify_stopping(void)
{
	notify("STOPPING=1");
}

void service_extend_timeout(uint64_t usec)
{
	notify("EXTEND_TIMEOUT_USEC=%" PRIu64, usec);
}

void service_notify_watchdog(void)
{
	notify("WATCHDOG=1");
}

/*
 * FDPOLL=0, or what hangs up would be taken out of the store: since systemd
 * 246; older ones ignore it.
 */
int service_store(const char *name, const int *fds, unsigned count)
{
	char message[128];
	int sent;

	(void)snprintf(message, sizeof(message),
		       "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	sent = sd_pid_notify_with_fds(0, 0, message, fds, count);
	return MIN(sent, 0);
}

void service_unstore(const char *name)
{
	notify("FDSTOREREMOVE=1\nFDNAME=%s", name);
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
