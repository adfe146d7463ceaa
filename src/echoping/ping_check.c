/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/ping_check.h"

#include "echoping/report.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Room for late replies and duplicates to be known as such; at most. */
#define REMEMBERED_MIN 64
#define REMEMBERED_MAX 65536

/* How many probes of one flow can be under way, twice, and then some. */
uint64_t ping_probes_to_remember(const struct settings *settings)
{
	return 2 * (settings->timeout / settings->interval / settings->flows) +
	       REMEMBERED_MIN;
}

/* What the options ask for, but this target cannot do; NULL if nothing. */
static const char *find_obstacle(const struct settings *settings,
				 const struct target *target)
{
	if (settings->size > target_size_max(target))
		return "--size is too large for a datagram (at most 65507 over "
		       "IPv4, 65527 otherwise)";
	if (settings->size == 0 && target_type(target) != SOCK_DGRAM)
		return "--size=0 is for datagrams (of a connection it is the "
		       "end)";
	if (ping_probes_to_remember(settings) > REMEMBERED_MAX)
		return "too many probes would be under way at once (raise "
		       "--interval or lower --timeout)";
	return NULL;
}

static const char *remedy_for(int error)
{
	static const struct {
		int error;
		const char *text;
	} remedies[] = {
		{ EADDRNOTAVAIL, " (choose an address of this machine)" },
		{ EADDRINUSE, " (choose another port, or none)" },
		{ EAFNOSUPPORT, " (it has to be of the target's family)" },
		{ EPERM, " (needs root)" },
		{ EACCES, " (needs root)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++) {
		if (remedies[i].error == error)
			return remedies[i].text;
	}
	return "";
}

bool ping_is_possible(const struct settings *settings, struct target *target,
		      const struct source *source)
{
	const char *obstacle = find_obstacle(settings, target);
	const char *what = NULL;
	int fd;

	if (obstacle) {
		report_trouble(target, "%s", obstacle);
		return false;
	}
	do
		fd = target_open(target, settings, source, 0, &what);
	while (fd < 0 && target_choose_next(target));
	if (fd >= 0) {
		close(fd);
		return true;
	}
	report_trouble(target, "%s: %s%s", what, strerrordesc_np(-fd),
		       remedy_for(-fd));
	return false;
}
