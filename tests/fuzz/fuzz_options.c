/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a command line: its arguments are separated by NUL or newline.
 *
 * A wrong one is told in one line that is not empty and has a remedy in
 * parentheses; a right one gives values within their bounds.  Link with
 * -Wl,--wrap=getaddrinfo: a fuzzer must not ask the network for the names that
 * it makes up.
 */
#include "config.h"

#include "echod/log.h"
#include "echod/options.h"
#include "fuzz/fuzz.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

/* Kept small: the address list of each --listen is large. */
#define ARGUMENTS_MAX 64

int __real_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found);
int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found);

int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found)
{
	struct addrinfo numeric = *hints;

	numeric.ai_flags |= AI_NUMERICHOST;
	return __real_getaddrinfo(host, service, &numeric, found);
}

static void check_options(const struct options *options)
{
	assert(options->workers <= 1024);
	assert(options->affinity.kind != AFFINITY_LIST ||
	       options->affinity.list[0] != '\0');
	assert(options->max_connections <= INT32_MAX);
	assert(options->max_connections_per_source <= INT32_MAX);
	assert(options->progress_time >= USEC_PER_MSEC);
	assert(options->idle_timeout >= USEC_PER_MSEC);
	assert(options->exit_idle_time >= 5 * USEC_PER_SEC);
	assert(options->udp_rate.rate <= LIMITER_RATE_MAX);
	assert(options->udp_rate.burst > 0 &&
	       options->udp_rate.burst <= LIMITER_BURST_MAX);
	assert(options->log_level >= LOG_EMERG &&
	       options->log_level <= LOG_DEBUG);
	assert(!options->user || *options->user != '\0');
	assert(options->listen_count < ARGUMENTS_MAX);
	for (size_t i = 0; i < options->listen_count; i++) {
		assert(options->listen[i].text);
		assert(options->listen[i].count > 0);
		assert(options->listen[i].count <= ENDPOINTS_MAX);
	}
}

static void check_error(const char error[OPTION_ERROR_MAX])
{
	const char *end = memchr(error, '\0', OPTION_ERROR_MAX);

	assert(end && end > error);
	assert(!strchr(error, '\n'));
	assert(strchr(error, '(') && end[-1] == ')');
}

static void check_arguments(int count, char *const arguments[])
{
	char error[OPTION_ERROR_MAX];
	struct options options;

	memset(error, 'x', sizeof(error));
	switch (options_parse(&options, count, arguments, error)) {
	case OPTION_RUN:
		check_options(&options);
		break;
	case OPTION_WRONG:
		check_error(error);
		break;
	case OPTION_HELP:
	case OPTION_VERSION:
		break;
	default:
		abort();
	}
	options_deinit(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char program[] = "echod";
	char *arguments[ARGUMENTS_MAX + 1] = { program }, *text;
	int count = 1;

	text = malloc(size + 1);
	assert(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < size; i++) {
		if (count < ARGUMENTS_MAX && (i == 0 || text[i - 1] == '\0'))
			arguments[count++] = text + i;
		if (text[i] == '\n')
			text[i] = '\0';
	}
	check_arguments(count, arguments);
	free(text);
	return 0;
}
