/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a command line of echoping: its arguments are separated by NUL
 * or newline.
 *
 * A wrong one is told in one line that is not empty and has a remedy in
 * parentheses; a right one gives values within their bounds, and does not
 * contradict itself.  Its targets are resolved, too; link with
 * -Wl,--wrap=getaddrinfo: a fuzzer must not ask the network for the names that
 * it makes up.
 */
#include "config.h"

#include "echoping/settings.h"
#include "echoping/target.h"
#include "fuzz/fuzz.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 64
#define MSEC	      (NSEC_PER_SEC / 1000)

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

static bool is_time(uint64_t nsec)
{
	return nsec <= NSEC_LONGEST || nsec == NSEC_INFINITY;
}

static void check_times(const struct settings *settings)
{
	assert(settings->interval >= 10 * NSEC_PER_USEC);
	assert(settings->interval <= 86400 * NSEC_PER_SEC);
	assert(settings->timeout >= MSEC);
	assert(settings->timeout <= 3600 * NSEC_PER_SEC);
	assert(settings->warmup <= NSEC_LONGEST);
	assert(settings->deadline >= MSEC && is_time(settings->deadline));
	assert(settings->duration >= MSEC && is_time(settings->duration));
	assert(settings->max_rtt_p99 > 0 && is_time(settings->max_rtt_p99));
}

static void check_numbers(const struct settings *settings)
{
	assert(settings->size <= MESSAGE_SIZE_MAX);
	assert(settings->fill.length <= sizeof(settings->fill.bytes));
	assert(settings->flows >= 1 && settings->flows <= FLOWS_MAX);
	assert(settings->tos >= -1 && settings->tos <= 255);
	assert(settings->priority >= -1);
	assert(settings->max_loss >= 0 && settings->max_loss <= 101);
	assert(settings->connections >= 1);
	assert(settings->connections <= CONNECTIONS_MAX);
	assert(settings->pipeline >= 1 && settings->pipeline <= PIPELINE_MAX);
	assert(settings->threads <= THREADS_MAX);
	assert(settings->rate <= 1000000000);
	assert(!settings->source || *settings->source != '\0');
	assert(!settings->hdr || *settings->hdr != '\0');
	assert(!settings->plot || *settings->plot != '\0');
}

static void check_mode(const struct settings *settings)
{
	assert(settings->target_count > 0);
	assert(settings->target_count < ARGUMENTS_MAX);
	if (settings->mode == MODE_LOAD) {
		assert(settings->target_count == 1);
		assert(settings->count == 0 && settings->flows == 1);
		assert(settings->output != OUTPUT_HISTORICAL);
	} else {
		assert(settings->load != LOAD_BULK);
		assert(settings->load != LOAD_HOLD);
		assert(settings->rate == 0 && !settings->gso);
		assert(settings->connections == 1 && settings->pipeline == 1);
		assert(settings->threads == 0);
	}
}

static void check_targets(const struct settings *settings)
{
	const char *reason = NULL;
	struct source source;
	struct target target;

	if (source_resolve(&source, settings, &reason) < 0)
		assert(reason);
	for (size_t i = 0; i < settings->target_count; i++) {
		reason = NULL;
		assert(settings->targets[i]);
		if (target_resolve(&target, settings->targets[i], settings,
				   &reason) < 0)
			assert(reason);
	}
}

static void check_error(const char error[OPTION_ERROR_MAX])
{
	const char *end = memchr(error, '\0', OPTION_ERROR_MAX);

	assert(end && end > error);
	for (const char *c = error; c < end; c++)
		assert((unsigned char)*c >= ' ' && *c != '\x7f');
	assert(strchr(error, '(') && end[-1] == ')');
}

static void check_arguments(int count, char *const arguments[])
{
	char error[OPTION_ERROR_MAX];
	struct settings settings;

	memset(error, 'x', sizeof(error));
	switch (settings_parse(&settings, count, arguments, error)) {
	case OPTION_RUN:
		check_times(&settings);
		check_numbers(&settings);
		check_mode(&settings);
		check_targets(&settings);
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
	settings_deinit(&settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char program[] = "echoping";
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
