/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a datagram, with all that the kernel says of it, and as what is
 * to be refused: the reason is right, and there is one whenever there has to
 * be.  What is right is written here once more, as a list of prefixes and
 * ports.
 *
 * The input is a struct; what it lacks is 0.  Addresses are drawn from those
 * that matter, and changed.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/foreigners.h"
#include "echod/screen.h"
#include "fuzz/fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* Of the input. */
enum how {
	HOW_IPV6 = 1 << 0, /* the socket */
	HOW_INFO4 = 1 << 1,
	HOW_INFO6 = 1 << 2,
	HOW_LOOP_TTL = 1 << 3,
	HOW_TRUNCATED = 1 << 4,
	HOW_CONNECTED = 1 << 5,
	HOW_UNNAMED = 1 << 6,
	HOW_ANYWHERE = 1 << 7, /* net.ipv6.ip_nonlocal_bind */
	HOW_FENCED = 1 << 8,
	HOW_OWN = 1 << 9,      /* the peer's address is one of ours */
	HOW_TO_SELF = 1 << 10, /* ... is the one that was asked */
	HOW_UNICAST = 1 << 11, /* asked by the address that it came to */
	HOW_ALLOWED = 1 << 12, /* a port is */
};

struct input {
	uint16_t how, peer_port, own_port, allowed_port;
	uint8_t ttl, interface, peer_base, local_base;
	uint8_t peer[16], local[16], asked4[4], local4[4];
};

/* Each is a prefix that matters, or is next to one. */
static const char *const bases[] = {
	"2001:db8::1", "::",
	"::1",	       "::2",
	"ff02::1",     "::ffff:127.0.0.1",
	"fe80::1",     "::ffff:198.51.100.1",
	"::1:0:0:0:0", "::ffff:0:0:0",
	"feff::1",     "::ffff:223.255.255.255",
};
static const char *const bases4[] = {
	"198.51.100.1", "0.0.0.0",   "0.255.255.255", "1.0.0.0",
	"127.0.0.1",	"126.0.0.1", "128.0.0.1",     "223.255.255.255",
	"224.0.0.1",	"240.0.0.1", "239.0.0.1",     "255.255.255.255",
};

/* The datagram, and the screen. */
static struct {
	struct input input;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} peer;
	struct in_pktinfo info4;
	struct in6_pktinfo info6;
	struct packet_info info;
	struct msghdr header;
	struct guard guard;
	struct foreigners foreigners;
	struct screen screen;
	unsigned probes;
} made;

static bool how(enum how bit)
{
	return made.input.how & bit;
}

/* Is it one of ours?  Of the prefix for discarding (RFC 6666) none is. */
static bool is_ours(const struct in6_addr *address)
{
	return how(HOW_OWN) && address->s6_addr32[0] != htonl(0x01000000) &&
	       IN6_ARE_ADDR_EQUAL(address, &made.peer.in6.sin6_addr);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *header, int flags);

/* Only whether an address is ours is asked, of the peer's or of nobody's. */
ssize_t __wrap_sendmsg(int fd, const struct msghdr *header, int flags)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(header);
	struct in6_pktinfo from;

	(void)fd;
	(void)flags;
	assert(cmsg);
	memcpy(&from, CMSG_DATA(cmsg), sizeof(from));
	made.probes++;
	if (how(HOW_ANYWHERE) || is_ours(&from.ipi6_addr))
		return 0;
	errno = EINVAL;
	return -1;
}

/* --- The datagram --- */

static void mix(void *address, const uint8_t *changes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		((uint8_t *)address)[i] ^= changes[i];
}

static void make_address6(struct in6_addr *address, unsigned base,
			  const uint8_t *changes)
{
	const char *text = bases[base % ARRAY_SIZE(bases)];

	assert(inet_pton(AF_INET6, text, address) == 1);
	mix(address, changes, sizeof(*address));
}

static void make_address4(struct in_addr *address, unsigned base,
			  const uint8_t *changes)
{
	const char *text = bases4[base % ARRAY_SIZE(bases4)];

	assert(inet_pton(AF_INET, text, address) == 1);
	mix(address, changes, sizeof(*address));
}

static void make_peer4(const struct input *input)
{
	made.peer.in.sin_family = AF_INET;
	made.peer.in.sin_port = htons(input->peer_port);
	make_address4(&made.peer.in.sin_addr, input->peer_base, input->peer);
	if (how(HOW_TO_SELF))
		made.peer.in.sin_addr = made.info4.ipi_addr;
}

/* IPv4 packets come from mapped addresses. */
static void make_peer6(const struct input *input)
{
	struct in6_addr *address = &made.peer.in6.sin6_addr;

	made.peer.in6.sin6_family = AF_INET6;
	made.peer.in6.sin6_port = htons(input->peer_port);
	make_address6(address, input->peer_base, input->peer);
	if (!how(HOW_TO_SELF))
		return;
	*address = made.info6.ipi6_addr;
	if (!how(HOW_INFO4))
		return;
	memset(address, 0, sizeof(*address));
	address->s6_addr32[2] = htonl(0xffff);
	address->s6_addr32[3] = made.info4.ipi_addr.s_addr;
}

static void make_datagram(const struct input *input)
{
	make_address4(&made.info4.ipi_addr, input->local_base, input->asked4);
	make_address4(&made.info4.ipi_spec_dst, input->local_base,
		      input->local4);
	if (how(HOW_UNICAST))
		made.info4.ipi_spec_dst = made.info4.ipi_addr;
	make_address6(&made.info6.ipi6_addr, input->local_base, input->local);
	made.info4.ipi_ifindex = input->interface;
	made.info6.ipi6_ifindex = input->interface;
	if (how(HOW_IPV6))
		make_peer6(input);
	else
		make_peer4(input);
	made.info = (struct packet_info){
		.info4 = how(HOW_INFO4) ? &made.info4 : NULL,
		.info6 = how(HOW_IPV6) && how(HOW_INFO6) ? &made.info6 : NULL,
		.ttl = (int16_t)(input->ttl == UINT8_MAX ? -1 : input->ttl),
	};
	made.header = (struct msghdr){
		.msg_name = &made.peer,
		.msg_namelen = how(HOW_UNNAMED) ? sizeof(sa_family_t)
			       : how(HOW_IPV6)	? sizeof(made.peer.in6)
						: sizeof(made.peer.in),
		.msg_flags = how(HOW_TRUNCATED) ? MSG_TRUNC : 0,
	};
}

static void make_screen(const struct input *input)
{
	struct ports allowed = { 0 };

	ports_add(&allowed, input->allowed_port, input->allowed_port);
	guard_init(&made.guard, how(HOW_ALLOWED) ? &allowed : NULL);
	guard_refuse_port(&made.guard, input->own_port);
	made.screen = (struct screen){
		.guard = &made.guard,
		.foreigners = how(HOW_IPV6) ? &made.foreigners : NULL,
		.fd = -1,
		.connected = how(HOW_CONNECTED),
		.loop_ttl = how(HOW_LOOP_TTL),
		.fence = how(HOW_FENCED) ? FENCE_STANDS : FENCE_NEW,
	};
}

/* --- What is right --- */

/* IPv4 addresses as an IPv6 socket has them. */
static struct in6_addr widen(struct in_addr address)
{
	struct in6_addr wide = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	memcpy(&wide.s6_addr[12], &address, sizeof(address));
	return wide;
}

static struct in6_addr peer_address(void)
{
	return how(HOW_IPV6) ? made.peer.in6.sin6_addr
			     : widen(made.peer.in.sin_addr);
}

static bool peer_is_in(const char *text, unsigned bits)
{
	struct in6_addr peer = peer_address(), prefix;

	assert(inet_pton(AF_INET6, text, &prefix) == 1);
	for (unsigned i = 0; i < bits; i++)
		if ((peer.s6_addr[i / 8] ^ prefix.s6_addr[i / 8]) >>
			    (7 - i % 8) &
		    1)
			return false;
	return true;
}

static bool is_ipv4_packet(void)
{
	return !how(HOW_IPV6) || made.info.info4;
}

static bool is_impossible(void)
{
	if (peer_is_in("::ffff:0:0", 96))
		return !is_ipv4_packet() || peer_is_in("::ffff:0.0.0.0", 104) ||
		       peer_is_in("::ffff:224.0.0.0", 100) ||
		       peer_is_in("::ffff:240.0.0.0", 100);
	return peer_is_in("ff00::", 8) ||
	       (peer_is_in("::", 96) && !peer_is_in("::1", 128));
}

/* Loopback, or its own destination. */
static bool says_to_be_here(void)
{
	struct in6_addr peer = peer_address(), asked;

	if (peer_is_in("::1", 128) || peer_is_in("::ffff:127.0.0.0", 104))
		return true;
	if (peer_is_in("::ffff:0:0", 96) && made.info.info4)
		asked = widen(made.info.info4->ipi_addr);
	else if (made.info.info6)
		asked = made.info.info6->ipi6_addr;
	else
		return false;
	return IN6_ARE_ADDR_EQUAL(&asked, &peer);
}

/* Where it is not known, it has come before anybody could tell. */
static bool is_forged(void)
{
	bool told = made.info.info4 || made.info.info6;

	if (says_to_be_here())
		return !how(HOW_FENCED) && told && made.input.interface > 1;
	return how(HOW_IPV6) && !made.info.info4 &&
	       is_ours(&made.peer.in6.sin6_addr) && !how(HOW_ANYWHERE) &&
	       !(told && made.input.interface == 1);
}

static bool is_group(void)
{
	if (made.info.info4)
		return made.info4.ipi_addr.s_addr !=
		       made.info4.ipi_spec_dst.s_addr;
	return made.info.info6 && made.info6.ipi6_addr.s6_addr[0] == 0xff;
}

static bool is_port_refused(void)
{
	static const unsigned services[] = {
		1900, 2049, 3702, 5353, 5355, 11211
	};
	unsigned port = made.input.peer_port;
	bool service = port < 1024;

	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		service |= port == services[i];
	if (how(HOW_ALLOWED) && port == made.input.allowed_port)
		service = false;
	return service || port == 0 || port == made.input.own_port;
}

/* Is this the reason, among others perhaps? */
static bool is_reason(enum counter counter)
{
	bool named = !how(HOW_UNNAMED);

	switch (counter) {
	case COUNTER_datagrams_refused_long:
		return how(HOW_TRUNCATED);
	case COUNTER_datagrams_refused_group:
		return is_group();
	case COUNTER_datagrams_refused_unnamed:
		return !named && !how(HOW_CONNECTED);
	case COUNTER_datagrams_refused_source:
		return named && is_impossible();
	case COUNTER_datagrams_refused_own:
		return named && is_forged();
	case COUNTER_datagrams_refused_port:
		return named && is_port_refused();
	case COUNTER_datagrams_refused_ttl:
		return named && how(HOW_LOOP_TTL) && made.info.ttl <= 1;
	default:
		return false;
	}
}

static void check_reason(enum counter reason)
{
	if (reason != SCREEN_PASSES) {
		assert(is_reason(reason));
		return;
	}
	for (unsigned i = 0; i < COUNTER_COUNT; i++)
		assert(!is_reason((enum counter)i));
}

/* As a datagram socket asks, but for the limit of its source in between. */
static enum counter refuses(uint64_t now)
{
	enum counter reason =
		screen_refuses(&made.screen, &made.header, &made.info);

	if (reason == SCREEN_PASSES &&
	    screen_is_forged(&made.screen, &made.header, &made.info, now))
		return COUNTER_datagrams_refused_own;
	return reason;
}

/* Who is known is not asked about again, for a while. */
static void check_memory(enum counter reason)
{
	unsigned probes = made.probes;

	assert(refuses(USEC_PER_SEC + FOREIGNERS_USEC - 1) == reason);
	assert(reason != SCREEN_PASSES || made.probes == probes);
	assert(refuses(USEC_PER_SEC + FOREIGNERS_USEC) == reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum counter reason;

	memset(&made, 0, sizeof(made));
	if (size > sizeof(made.input))
		return 0;
	if (size > 0)
		memcpy(&made.input, data, size);
	make_datagram(&made.input);
	make_screen(&made.input);
	reason = refuses(USEC_PER_SEC);
	check_reason(reason);
	check_memory(reason);
	return 0;
}
