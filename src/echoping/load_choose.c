/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/load_choose.h"

#include "echoping/message.h"
#include "echoping/report.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Long enough to be ours; --size may be less. */
#define PROBE_SIZE MESSAGE_HEADER_SIZE

static int await(int fd, short events, const struct settings *settings)
{
	struct pollfd file = { .fd = fd, .events = events };
	int count = poll(&file, 1, (int)(settings->timeout / 1000000));

	return count > 0 ? 0 : -ETIMEDOUT;
}

/* Does a datagram come back? */
static int echoes(int fd, const struct settings *settings)
{
	unsigned char sent[PROBE_SIZE], came[PROBE_SIZE];
	ssize_t length;
	int error;

	message_write(sent, sizeof(sent), 0, message_nonce());
	if (send(fd, sent, sizeof(sent), MSG_NOSIGNAL) < 0)
		return -errno;
	error = await(fd, POLLIN, settings);
	if (error < 0)
		return error;
	length = recv(fd, came, sizeof(came), 0);
	if (length < 0)
		return -errno;
	return length == sizeof(came) && memcmp(sent, came, sizeof(came)) == 0
		       ? 0
		       : -EBADMSG;
}

static int answers(const struct target *target, int fd,
		   const struct settings *settings)
{
	int error = target_connect(target, fd);

	if (error == -EINPROGRESS)
		error = await(fd, POLLOUT, settings);
	if (error == 0)
		error = target_connected(fd);
	if (error == 0 && target_type(target) != SOCK_STREAM)
		error = echoes(fd, settings);
	return error;
}

static int try_candidate(const struct target *target,
			 const struct settings *settings,
			 const struct source *source, const char **what)
{
	struct linger reset = { .l_onoff = 1 };
	int fd = target_open(target, settings, source, 0, what);
	int error;

	if (fd < 0)
		return fd;
	*what = "connect";
	error = answers(target, fd, settings);
	/* Its port is free at once. */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	return error;
}

bool load_choose_target(struct target *target, const struct settings *settings,
			const struct source *source)
{
	const char *what = "connect";
	int error;

	if (target->candidate_count == 1)
		return true;
	do {
		error = try_candidate(target, settings, source, &what);
		target->reached = error == 0;
	} while (error < 0 && target_choose_next(target));
	if (target->reached)
		return true;
	report_trouble(target,
		       "%s: %s (none of %d addresses of %.200s answers; is the "
		       "service running there?)",
		       what, strerrordesc_np(-error), target->candidate_count,
		       target->name);
	return false;
}
