/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/store_rig.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define MESSAGE_MAX 256
#define TOLD_MAX    256
#define FDS_MAX	    253

/* What a manager of a busy machine may take. */
#define SYNC_USEC (20 * USEC_PER_SEC)

static struct {
	pthread_mutex_t mutex;
	pthread_t thread;
	int fd;
	size_t limit;
	bool silent;
	struct service_socket kept[STORE_MAX];
	size_t count;
	char told[TOLD_MAX][MESSAGE_MAX];
	size_t told_count;
} store = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void store_add(const char *name, int fd)
{
	if (store.count >= store.limit || store.count == STORE_MAX) {
		close(fd);
		return;
	}
	store.kept[store.count].fd = fd;
	store.kept[store.count++].name = strdup(name);
}

static void store_remove(const char *name)
{
	size_t left = 0;

	for (size_t i = 0; i < store.count; i++) {
		if (strcmp(store.kept[i].name, name) == 0) {
			close(store.kept[i].fd);
			free(store.kept[i].name);
		} else {
			store.kept[left++] = store.kept[i];
		}
	}
	store.count = left;
}

static void store_name(const char *message, char name[MESSAGE_MAX])
{
	const char *found = strstr(message, "\nFDNAME=");

	name[0] = '\0';
	if (found)
		(void)sscanf(found, "\nFDNAME=%255[^\n]", name);
}

/* The descriptors are consumed, unless nobody is to hear of them. */
static void store_on_message(const char *message, const int *fds, size_t count)
{
	char name[MESSAGE_MAX];

	if (store.told_count < TOLD_MAX)
		(void)snprintf(store.told[store.told_count++], MESSAGE_MAX,
			       "%s", message);
	if (store.silent)
		return;
	store_name(message, name);
	if (strncmp(message, "FDSTOREREMOVE=1\n", 16) == 0)
		store_remove(name);
	for (size_t i = 0; i < count; i++) {
		if (strncmp(message, "FDSTORE=1\n", 10) == 0)
			store_add(name, fds[i]);
		else
			close(fds[i]);
	}
}

static size_t fds_of(struct msghdr *header, int fds[FDS_MAX])
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	size_t count = 0;

	if (control && control->cmsg_type == SCM_RIGHTS) {
		count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(control), count * sizeof(int));
	}
	return count;
}

static void *store_run(void *unused)
{
	union {
		struct cmsghdr alignment;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	char message[MESSAGE_MAX];
	int fds[FDS_MAX];

	for (;;) {
		struct iovec payload = { message, sizeof(message) - 1 };
		struct msghdr header = {
			.msg_iov = &payload,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		ssize_t length = recvmsg(store.fd, &header, MSG_CMSG_CLOEXEC);

		if (length < 0)
			return unused;
		message[length] = '\0';
		pthread_mutex_lock(&store.mutex);
		store_on_message(message, fds, fds_of(&header, fds));
		pthread_mutex_unlock(&store.mutex);
	}
}

void store_start(size_t limit)
{
	struct address address = { .un = { .sun_family = AF_UNIX } };
	char name[64];

	(void)snprintf(name, sizeof(name), "@check_store.%d", getpid());
	memcpy(address.un.sun_path + 1, name + 1, strlen(name + 1));
	address.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				     strlen(name));
	store.fd = fd_bound(SOCK_DGRAM, &address);
	ck_assert_int_eq(fcntl(store.fd, F_SETFL, 0), 0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
	store.limit = limit;
	ck_assert_int_eq(pthread_create(&store.thread, NULL, store_run, NULL),
			 0);
}

/* All that was sent before has been dealt with. */
static void store_sync(void)
{
	if (!store.silent && getenv("NOTIFY_SOCKET"))
		ck_assert_int_gt(sd_notify_barrier(0, SYNC_USEC), 0);
}

/* Sees all of what was sent before. */
static void store_lock(void)
{
	store_sync();
	pthread_mutex_lock(&store.mutex);
}

static void store_unlock(void)
{
	pthread_mutex_unlock(&store.mutex);
}

void store_set_limit(size_t limit)
{
	store_lock();
	store.limit = limit;
	store_unlock();
}

void store_be_silent(void)
{
	store_lock();
	store.silent = true;
	store_unlock();
}

size_t store_total(void)
{
	size_t count;

	store_lock();
	count = store.count;
	store_unlock();
	return count;
}

size_t store_count(const char *name)
{
	size_t count = 0;

	store_lock();
	for (size_t i = 0; i < store.count; i++)
		count += strcmp(store.kept[i].name, name) == 0;
	store_unlock();
	return count;
}

size_t store_told(const char *message)
{
	size_t count = 0;

	store_lock();
	for (size_t i = 0; i < store.told_count; i++)
		count += strcmp(store.told[i], message) == 0;
	store_unlock();
	return count;
}

int store_fd(const char *name, size_t n)
{
	int fd = -1;

	store_lock();
	for (size_t i = 0; i < store.count && fd < 0; i++) {
		if (strcmp(store.kept[i].name, name) == 0 && n-- == 0)
			fd = store.kept[i].fd;
	}
	store_unlock();
	ck_assert_msg(fd >= 0, "%s is not stored", name);
	return fd;
}

static int duplicate(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	ck_assert_int_ge(copy, 0);
	return copy;
}

void store_put(const char *name, int fd)
{
	store_lock();
	store_add(name, duplicate(fd));
	store_unlock();
}

size_t store_give(struct service_socket **sockets)
{
	size_t count;

	store_lock();
	count = store.count;
	*sockets = calloc(count + 1, sizeof(**sockets));
	for (size_t i = 0; i < count; i++) {
		const struct service_socket *kept = &store.kept[count - 1 - i];

		(*sockets)[i].fd = duplicate(kept->fd);
		(*sockets)[i].name = strdup(kept->name);
	}
	store_unlock();
	return count;
}
