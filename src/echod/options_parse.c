/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/options_parse.h"

#include "common/units.h"
#include "echod/log.h"
#include "echod/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX 1024

/*
 * Before systemd 255 a .socket that is activated more than 20 times in 2 s
 * fails for good, so a daemon that exits on idle must not do so at once.
 */
#define EXIT_IDLE_TIME_MIN (5 * USEC_PER_SEC)

/* Of --udp-rate, where none is given: as in its default. */
#define BURST_SECONDS 5

int options_add_listen(void *context, const char *text, const char **reason)
{
	struct options *options = context;
	struct listen_group *group =
		reallocarray(options->listen, options->listen_count + 1,
			     sizeof(*options->listen));

	if (!group) {
		*reason = "does not fit into memory";
		return -ENOMEM;
	}
	options->listen = group;
	group += options->listen_count;
	group->text = text;
	group->count = endpoint_parse(text, group->endpoints, reason);
	if (group->count < 0)
		return group->count;
	options->listen_count++;
	return 0;
}

/* What follows the digits; NULL if there are none, or the number is larger. */
static const char *parse_digits(const char *text, unsigned long maximum,
				unsigned long *number)
{
	char *end;

	errno = 0;
	*number = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || errno != 0 || *number > maximum)
		return NULL;
	return end;
}

static int parse_number(const char *text, unsigned long maximum,
			unsigned long *number)
{
	const char *end = parse_digits(text, maximum, number);

	return end && *end == '\0' ? 0 : -EINVAL;
}

int options_parse_workers(void *context, const char *text, const char **reason)
{
	struct options *options = context;
	unsigned long number = 0;

	*reason = "is neither a number from 1 to 1024 nor 'auto'";
	if (strcmp(text, "auto") != 0 &&
	    (parse_number(text, WORKERS_MAX, &number) < 0 || number == 0))
		return -EINVAL;
	options->workers = (unsigned)number;
	return 0;
}

int options_parse_cpu_affinity(void *context, const char *text,
			       const char **reason)
{
	struct options *options = context;
	return affinity_parse(&options->affinity, text, reason);
}

static int parse_connections(const char *text, uint32_t *connections,
			     const char **reason)
{
	unsigned long number = 0;

	*reason = "is neither a number above 0 nor 'auto'";
	if (strcmp(text, "auto") != 0 &&
	    (parse_number(text, INT32_MAX, &number) < 0 || number == 0))
		return -EINVAL;
	*connections = (uint32_t)number;
	return 0;
}

int options_parse_max_connections(void *context, const char *text,
				  const char **reason)
{
	struct options *options = context;
	return parse_connections(text, &options->max_connections, reason);
}

int options_parse_max_connections_per_source(void *context, const char *text,
					     const char **reason)
{
	struct options *options = context;
	return parse_connections(text, &options->max_connections_per_source,
				 reason);
}

static int parse_duration(const char *text, uint64_t *usec, const char **reason)
{
	*reason = "is not a duration (such as 500ms, 30s, 5min or infinity)";
	return units_parse_duration(text, usec);
}

int options_parse_idle_timeout(void *context, const char *text,
			       const char **reason)
{
	struct options *options = context;
	if (parse_duration(text, &options->idle_timeout, reason) < 0)
		return -EINVAL;
	*reason = "is too short (at least 1ms, or infinity for no timeout)";
	return options->idle_timeout < USEC_PER_MSEC ? -EINVAL : 0;
}

int options_parse_drain_timeout(void *context, const char *text,
				const char **reason)
{
	struct options *options = context;
	return parse_duration(text, &options->drain_timeout, reason);
}

int options_parse_busy_poll(void *context, const char *text,
			    const char **reason)
{
	struct options *options = context;
	return parse_duration(text, &options->busy_poll, reason);
}

int options_parse_exit_idle_time(void *context, const char *text,
				 const char **reason)
{
	struct options *options = context;
	if (parse_duration(text, &options->exit_idle_time, reason) < 0)
		return -EINVAL;
	*reason = "is too short (at least 5s, or infinity to stay)";
	return options->exit_idle_time < EXIT_IDLE_TIME_MIN ? -EINVAL : 0;
}

int options_parse_buffer_limit(void *context, const char *text,
			       const char **reason)
{
	struct options *options = context;
	*reason = "is not a size (such as 64K, 16M or 1G)";
	return units_parse_size(text, &options->buffer_limit);
}

int options_parse_min_progress(void *context, const char *text,
			       const char **reason)
{
	struct options *options = context;
	const char *slash = strchrnul(text, '/');
	char size[UNITS_TEXT_MAX] = "";

	*reason = "is not a size, alone or with the duration in which so much "
		  "has to be taken (such as 1K or 64K/5min)";
	if ((size_t)(slash - text) >= sizeof(size))
		return -EINVAL;
	memcpy(size, text, (size_t)(slash - text));
	options->progress_time = 60 * USEC_PER_SEC;
	if (units_parse_size(size, &options->min_progress) < 0 ||
	    (*slash &&
	     units_parse_duration(slash + 1, &options->progress_time) < 0))
		return -EINVAL;
	*reason = "has a duration that is too short (at least 1ms)";
	return options->progress_time < USEC_PER_MSEC ? -EINVAL : 0;
}

int options_parse_user(void *context, const char *text, const char **reason)
{
	struct options *options = context;
	*reason = "is not a user name";
	options->user = text;
	return text[0] == '\0' ? -EINVAL : 0;
}

int options_parse_log_level(void *context, const char *text,
			    const char **reason)
{
	struct options *options = context;
	*reason = "is not a level (err, warning, notice, info or debug)";
	return log_parse_level(text, &options->log_level);
}

int options_parse_log_connections(void *context, const char *text UNUSED,
				  const char **reason UNUSED)
{
	struct options *options = context;

	options->log_connections = true;
	return 0;
}

int options_parse_udp_offload(void *context, const char *text,
			      const char **reason)
{
	struct options *options = context;

	*reason = "is neither 'yes' nor 'no'";
	options->udp_offload = strcmp(text, "yes") == 0;
	return options->udp_offload || strcmp(text, "no") == 0 ? 0 : -EINVAL;
}

int options_parse_allow_source_ports(void *context, const char *text,
				     const char **reason)
{
	struct options *options = context;

	*reason = "is neither 'all' nor a list of ports (such as 53,1000-1023)";
	return ports_parse(&options->allowed_ports, text);
}

int options_parse_loop_ttl(void *context, const char *text UNUSED,
			   const char **reason UNUSED)
{
	struct options *options = context;

	options->loop_ttl = true;
	return 0;
}

int options_parse_udp_rate(void *context, const char *text, const char **reason)
{
	struct options *options = context;
	unsigned long rate, burst;
	const char *end = parse_digits(text, LIMITER_RATE_MAX, &rate);

	*reason = "is not a rate (N from 0 to 1000000, or N/BURST with BURST "
		  "from 1 to 100000000)";
	if (!end)
		return -EINVAL;
	burst = BURST_SECONDS * MAX(rate, 1);
	if (*end == '/')
		end = parse_digits(end + 1, LIMITER_BURST_MAX, &burst);
	if (!end || *end != '\0' || burst == 0)
		return -EINVAL;
	options->udp_rate.rate = (uint32_t)rate;
	options->udp_rate.burst = (uint32_t)burst;
	return 0;
}

int options_parse_preserve(void *context, const char *text, const char **reason)
{
	static const char *const words[] = {
		[PRESERVE_AUTO] = "auto",
		[PRESERVE_YES] = "yes",
		[PRESERVE_NO] = "no",
	};
	struct options *options = context;

	*reason = "is neither 'auto', 'yes' nor 'no'";
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(text, words[i]) == 0) {
			options->preserve = (enum preserve)i;
			return 0;
		}
	}
	return -EINVAL;
}

int options_parse_preserve_after(void *context, const char *text,
				 const char **reason)
{
	struct options *options = context;
	return parse_duration(text, &options->preserve_after, reason);
}
