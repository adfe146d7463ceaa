/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a target, and as a source; the first says what else is asked.
 *
 * What is refused has a reason.  What is taken fits what was asked, can be
 * asked, and is written as a text that stands for the same, safe to print.
 * Link with -Wl,--wrap=getaddrinfo: a fuzzer must not ask the network for the
 * names that it makes up.
 */
#include "config.h"

#include "echoping/target.h"
#include "fuzz/fuzz.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

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

static bool fits(const struct address *address, const struct settings *settings)
{
	sa_family_t family = address->any.sa_family;

	return settings->family == AF_UNSPEC || family == AF_UNIX ||
	       family == AF_VSOCK || family == settings->family;
}

static void check_again(const struct target *target,
			const struct settings *settings)
{
	const char *reason;
	struct target again;

	assert(target_resolve(&again, target->text, settings, &reason) == 0);
	assert(strcmp(again.text, target->text) == 0);
	assert(again.candidate_count == 1);
}

static void check_candidate(const struct target *target,
			    const struct settings *settings)
{
	const struct address *address = &target->endpoint.address;
	const char *end = memchr(target->text, '\0', ADDRESS_TEXT_MAX);

	assert(end && end > target->text);
	for (const char *c = target->text; c < end; c++)
		assert(*c >= ' ' && *c <= '~');
	assert(fits(address, settings));
	assert(address->any.sa_family == AF_UNIX || address_port(address) > 0);
	assert(target_size_max(target) >= DATAGRAM_SIZE_MAX_IPV4);
	check_again(target, settings);
}

static void check_target(const char *text, const struct settings *settings)
{
	const char *reason = NULL;
	struct target target;
	int result = target_resolve(&target, text, settings, &reason);

	assert(result == 0 || (result == -EINVAL && *reason != '\0'));
	assert((target.candidate_count > 0) == (result == 0));
	assert(target.candidate_count <= ENDPOINTS_MAX);
	if (result < 0)
		return;
	do {
		check_candidate(&target, settings);
		/* No scheme begins so. */
		if (text[0] == '[' || (text[0] >= '0' && text[0] <= '9'))
			assert(target_is_udp(&target) == settings->udp);
	} while (target_choose_next(&target));
}

static void check_source(const struct settings *settings)
{
	const char *reason = NULL;
	struct source source;
	int result = source_resolve(&source, settings, &reason);

	assert(result == 0 || (result == -EINVAL && *reason != '\0'));
	assert(result < 0 || !source.interface != !source.address.length);
	if (result < 0 || source.interface)
		return;
	assert(fits(&source.address, settings));
	assert(address_port(&source.address) == 0 ||
	       address_port(&source.address) + settings->flows <= 65536);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int families[] = { AF_UNSPEC, AF_INET, AF_INET6 };
	struct settings settings = { 0 };
	char *text;

	if (size == 0)
		return 0;
	text = malloc(size);
	assert(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	settings.udp = data[0] & 1;
	settings.family = families[(data[0] >> 1) % 3];
	settings.flows = data[0] & 0x80 ? FLOWS_MAX : 1;
	settings.source = text;
	check_target(text, &settings);
	check_source(&settings);
	free(text);
	return 0;
}
