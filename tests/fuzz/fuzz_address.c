/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the text of an address, and as an address of the kernel's.
 *
 * What is read can be written, and that is read as the same address; whatever
 * is written is short and printable.  Link with -Wl,--wrap=getaddrinfo: a
 * fuzzer must not ask the network for the names that it makes up.
 */
#include "config.h"

#include "common/address.h"
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

static void check_printable(const char text[ADDRESS_TEXT_MAX])
{
	const char *end = memchr(text, '\0', ADDRESS_TEXT_MAX);

	assert(end && end > text);
	for (; text < end; text++)
		assert(*text >= ' ' && *text <= '~');
}

static void check_endpoint(const struct endpoint *endpoint)
{
	struct endpoint again[ENDPOINTS_MAX];
	char text[ADDRESS_TEXT_MAX];
	const char *reason;

	endpoint_format(endpoint, text);
	check_printable(text);
	assert(endpoint_parse(text, again, &reason) == 1);
	assert(again[0].transport == endpoint->transport);
	assert(again[0].address.length == endpoint->address.length);
	assert(memcmp(&again[0].address.any, &endpoint->address.any,
		      endpoint->address.length) == 0);
}

static void check_text(const char *text)
{
	struct endpoint list[ENDPOINTS_MAX];
	const char *reason = NULL;
	int i, count = endpoint_parse(text, list, &reason);

	assert(count == -EINVAL || (count > 0 && count <= ENDPOINTS_MAX));
	assert(count > 0 || (reason && *reason != '\0'));
	for (i = 0; i < count; i++)
		check_endpoint(&list[i]);
}

static void check_raw(const uint8_t *data, size_t size)
{
	struct address address = { .length = (socklen_t)size };
	char text[ADDRESS_TEXT_MAX];

	/* As getsockname(2) does it: it tells more than it could store. */
	if (size > 0)
		memcpy(&address.any, data, MIN(size, sizeof(address.un)));
	address_format(&address, text);
	check_printable(text);
	address_unmap(&address);
	address_set_port(&address, 7);
	assert(address_port(&address) == 7 || address_port(&address) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	assert(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	check_text(text);
	free(text);
	check_raw(data, size);
	return 0;
}
