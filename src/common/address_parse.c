/* SPDX-License-Identifier: MIT */
/*
 * From text to endpoints.
 *
 * A scheme names a transport, and each transport has one of three parsers for
 * what follows the scheme: host and port, path, or context id and port.  Text
 * without a known scheme is host and port, for TCP and for UDP.
 *
 * Every failure tells its reason in words: this is where a typing error on the
 * command line is met, and "invalid argument" helps nobody.
 */
#include "config.h"

#include "common/address.h"
#include "common/unix_name.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

#define DIGITS	   "0123456789"
#define HEX_DIGITS DIGITS "abcdefABCDEF"

/* A text without scheme stands for this many addresses of both TCP and UDP. */
#define HOST_ADDRESSES_MAX (ENDPOINTS_MAX / 2)
_Static_assert(HOST_ADDRESSES_MAX == 16, "a message of parse_add() says 16");

/* A DNS name has at most 253 bytes, an IPv6 address with its scope 62. */
#define HOST_MAX 256

/* One call of endpoint_parse(); whoever fails sets the reason. */
struct parse {
	struct endpoint *list;
	int count;
	enum transport transport;
	const char *reason;
};

/* "HOST:PORT" cut in two; the host is "" if there is none, or `*`. */
struct target {
	char host[HOST_MAX];
	bool bracketed;
	const char *port;
};

typedef int rest_parser(struct parse *parse, const char *rest);
static rest_parser parse_inet, parse_unix, parse_vsock;

static rest_parser *const rest_parsers[] = {
	[TRANSPORT_TCP] = parse_inet,
	[TRANSPORT_UDP] = parse_inet,
	[TRANSPORT_MPTCP] = parse_inet,
	[TRANSPORT_UNIX] = parse_unix,
	[TRANSPORT_UNIX_DGRAM] = parse_unix,
	[TRANSPORT_UNIX_SEQPACKET] = parse_unix,
	[TRANSPORT_VSOCK] = parse_vsock,
};

/* What getaddrinfo(3) may say to a user; anything else is not his mistake. */
static const struct {
	int error;
	const char *reason;
} lookup_reasons[] = {
	{ EAI_NONAME, "names an unknown host" },
	{ EAI_NODATA, "names a host that has no address" },
	{ EAI_AGAIN, "names a host that cannot be looked up at present" },
};

static int parse_fail(struct parse *parse, const char *reason)
{
	parse->reason = reason;
	return -EINVAL;
}

static bool parse_has(const struct parse *parse, const struct address *address)
{
	int i;

	for (i = 0; i < parse->count; i++) {
		if (parse->list[i].address.length == address->length &&
		    memcmp(&parse->list[i].address.any, &address->any,
			   address->length) == 0)
			return true;
	}
	return false;
}

/* Resolvers may say one address twice, but it cannot be bound twice. */
static int parse_add(struct parse *parse, const struct address *address,
		     bool wildcard)
{
	if (parse_has(parse, address))
		return 0;
	if (parse->count == HOST_ADDRESSES_MAX)
		return parse_fail(parse,
				  "names a host with more than 16 addresses");
	parse->list[parse->count++] = (struct endpoint){
		.transport = parse->transport,
		.wildcard = wildcard,
		.address = *address,
	};
	return 0;
}

static int parse_number(const char *text, uint32_t limit, uint32_t *number)
{
	uint64_t value = 0;

	if (*text == '\0' || text[strspn(text, DIGITS)] != '\0')
		return -EINVAL;
	for (; *text != '\0'; text++) {
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > limit)
			return -ERANGE;
	}
	*number = (uint32_t)value;
	return 0;
}

static int parse_port(struct parse *parse, const char *text, uint16_t *port)
{
	uint32_t number;

	switch (parse_number(text, UINT16_MAX, &number)) {
	case 0:
		*port = (uint16_t)number;
		return 0;
	case -ERANGE:
		return parse_fail(parse, "has a port above 65535");
	default:
		return parse_fail(parse, "has a port that is not a number");
	}
}

/* "::1:7" or "fe80::1%eth0", where no one can tell host from port. */
static bool is_bare_ipv6(const char *text)
{
	const char *colon = strchr(text, ':');
	const char *end = text + strspn(text, HEX_DIGITS ":.");

	return colon && strchr(colon + 1, ':') && (*end == '\0' || *end == '%');
}

static int target_set_host(struct parse *parse, struct target *target,
			   const char *host, size_t length)
{
	if (length >= sizeof(target->host))
		return parse_fail(parse,
				  "has a host longer than 255 characters");
	memcpy(target->host, host, length);
	target->host[length] = '\0';
	if (strcmp(target->host, "*") == 0)
		target->host[0] = '\0';
	return 0;
}

static int target_cut_bracketed(struct parse *parse, const char *text,
				struct target *target)
{
	const char *end = strchr(text, ']');

	if (!end)
		return parse_fail(parse, "has no closing bracket");
	if (end[1] != ':' || end[2] == '\0')
		return parse_fail(parse, "has no port");
	target->bracketed = true;
	target->port = end + 2;
	return target_set_host(parse, target, text + 1,
			       (size_t)(end - text) - 1);
}

static int target_cut(struct parse *parse, const char *text,
		      struct target *target)
{
	const char *colon = strchr(text, ':');

	if (text[0] == '[')
		return target_cut_bracketed(parse, text, target);
	if (is_bare_ipv6(text))
		return parse_fail(parse,
				  "needs brackets around the IPv6 address");
	if (colon && strchr(colon + 1, ':'))
		return parse_fail(parse, "has a colon too many");
	target->bracketed = false;
	target->port = colon ? colon + 1 : text;
	/* A word alone is rather a host without port than a strange port. */
	if (*target->port == '\0' || (!colon && text[strspn(text, DIGITS)]))
		return parse_fail(parse, "has no port");
	return target_set_host(parse, target, text,
			       colon ? (size_t)(colon - text) : 0);
}

static bool target_is_any(const struct target *target)
{
	return target->host[0] == '\0' && !target->bracketed;
}

static int add_any(struct parse *parse, uint16_t port)
{
	const struct address in = {
		.length = sizeof(in.in),
		.in = { .sin_family = AF_INET, .sin_port = htons(port) },
	};
	const struct address in6 = {
		.length = sizeof(in6.in6),
		.in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) },
	};
	int result = parse_add(parse, &in, true);

	return result < 0 ? result : parse_add(parse, &in6, true);
}

static int add_found(struct parse *parse, const struct addrinfo *found,
		     uint16_t port)
{
	int result = 0;

	for (; found && result == 0; found = found->ai_next) {
		struct address address = { .length = found->ai_addrlen };

		memcpy(&address.any, found->ai_addr, found->ai_addrlen);
		address_unmap(&address);
		address_set_port(&address, port);
		result = parse_add(parse, &address, false);
	}
	return result;
}

static const char *lookup_reason(int error, const struct target *target)
{
	size_t i;

	if (target->bracketed && strchr(target->host, '%'))
		return "has an unknown interface behind its %";
	if (target->bracketed)
		return "has something other than IPv6 in its brackets";
	for (i = 0; i < ARRAY_SIZE(lookup_reasons); i++) {
		if (lookup_reasons[i].error == error)
			return lookup_reasons[i].reason;
	}
	return "names a host that cannot be looked up";
}

/* Numbers first: they must work without name service, and at once. */
static int add_host(struct parse *parse, const struct target *target,
		    uint16_t port)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST,
		.ai_family = target->bracketed ? AF_INET6 : AF_UNSPEC,
		.ai_socktype = SOCK_STREAM, /* each address once */
	};
	struct addrinfo *found;
	int error = getaddrinfo(target->host, NULL, &hints, &found);
	int result;

	if (error == EAI_NONAME && !target->bracketed) {
		hints.ai_flags = 0;
		error = getaddrinfo(target->host, NULL, &hints, &found);
	}
	if (error)
		return parse_fail(parse, lookup_reason(error, target));
	result = add_found(parse, found, port);
	freeaddrinfo(found);
	return result;
}

static int parse_inet(struct parse *parse, const char *rest)
{
	struct target target;
	uint16_t port = 0;
	int result = target_cut(parse, rest, &target);

	if (result == 0)
		result = parse_port(parse, target.port, &port);
	if (result < 0)
		return result;
	if (target_is_any(&target))
		return add_any(parse, port);
	return add_host(parse, &target, port);
}

static int parse_vsock(struct parse *parse, const char *rest)
{
	struct address address = {
		.length = sizeof(address.vm),
		.vm = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY },
	};
	struct target target;
	int result = target_cut(parse, rest, &target);

	if (result < 0)
		return result;
	if (parse_number(target.port, UINT32_MAX, &address.vm.svm_port) < 0)
		return parse_fail(parse, "has a port that is not a number "
					 "below 4294967296");
	if (!target_is_any(&target) &&
	    parse_number(target.host, UINT32_MAX, &address.vm.svm_cid) < 0)
		return parse_fail(parse, "has a context id that is not a "
					 "number below 4294967296");
	/* Elsewhere 0 lets the kernel choose; here that is another number. */
	if (address.vm.svm_port == 0)
		address.vm.svm_port = VMADDR_PORT_ANY;
	return parse_add(parse, &address, false);
}

static int parse_unix(struct parse *parse, const char *rest)
{
	struct address address;

	if (unix_name_parse(rest, &address, &parse->reason) < 0)
		return -EINVAL;
	return parse_add(parse, &address, false);
}

/* "foo:bar:7", "http:/...": no host name has that behind its colon. */
static bool has_unknown_scheme(const char *text)
{
	size_t word = strcspn(text, ":");
	const char *rest = text + word;

	if (word == 0 || text[0] == '[' || *rest == '\0' || is_bare_ipv6(text))
		return false;
	rest++;
	return rest[0] == '/' || rest[0] == '@' || strchr(rest, ':');
}

/* HOST:PORT or PORT: whatever TCP gives, once more for UDP. */
static int parse_plain(struct parse *parse, const char *text)
{
	int i, result;

	if (text[0] == '\0')
		return parse_fail(parse, "is empty");
	if (text[0] == '/' || text[0] == '@')
		return parse_fail(parse, "needs unix: in front of the path");
	if (has_unknown_scheme(text))
		return parse_fail(parse, "has an unknown scheme");
	parse->transport = TRANSPORT_TCP;
	result = parse_inet(parse, text);
	if (result < 0)
		return result;
	for (i = 0; i < parse->count; i++) {
		parse->list[parse->count + i] = parse->list[i];
		parse->list[parse->count + i].transport = TRANSPORT_UDP;
	}
	parse->count *= 2;
	return 0;
}

/* What follows "NAME:", or NULL if the text has another scheme or none. */
static const char *skip_scheme(const char *text, const char *name)
{
	const size_t length = strlen(name);

	if (strncmp(text, name, length) != 0 || text[length] != ':')
		return NULL;
	return text + length + 1;
}

static int parse_text(struct parse *parse, const char *text)
{
	enum transport transport;
	const char *rest;

	for (transport = 0; transport < ARRAY_SIZE(rest_parsers); transport++) {
		rest = skip_scheme(text, transport_name(transport));
		if (rest) {
			parse->transport = transport;
			return rest_parsers[transport](parse, rest);
		}
	}
	return parse_plain(parse, text);
}

int endpoint_parse(const char *text, struct endpoint list[ENDPOINTS_MAX],
		   const char **reason)
{
	struct parse parse = { .list = list };

	if (parse_text(&parse, text) < 0) {
		*reason = parse.reason;
		return -EINVAL;
	}
	return parse.count;
}
