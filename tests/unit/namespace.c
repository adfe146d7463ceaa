/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/namespace.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A request to the kernel's rtnetlink(7) that grows at its end. */
struct request {
	struct nlmsghdr header;
	char body[512];
};

struct response {
	struct nlmsghdr header;
	struct nlmsgerr error;
};

static void *request_add(struct request *request, const void *data,
			 size_t length)
{
	char *end = (char *)request + NLMSG_ALIGN(request->header.nlmsg_len);

	ck_assert_uint_le(NLMSG_ALIGN(request->header.nlmsg_len) + length,
			  sizeof(*request));
	if (length > 0)
		memcpy(end, data, length);
	request->header.nlmsg_len =
		NLMSG_ALIGN(request->header.nlmsg_len) + (uint32_t)length;
	return end;
}

/* Begin a nested attribute if there is no data. */
static struct rtattr *request_attribute(struct request *request,
					unsigned short type, const void *data,
					size_t length)
{
	struct rtattr attribute = {
		.rta_type = type,
		.rta_len = (unsigned short)RTA_LENGTH(length),
	};
	struct rtattr *begin =
		request_add(request, &attribute, sizeof(attribute));

	(void)request_add(request, data, length);
	return begin;
}

/* All that was added since belongs to the attribute. */
static void request_nest(struct request *request, struct rtattr *begin)
{
	const char *end =
		(char *)request + NLMSG_ALIGN(request->header.nlmsg_len);

	begin->rta_len = (unsigned short)(end - (char *)begin);
}

/* Send it and await that it is done. */
static void request_run(struct request *request)
{
	struct response response;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	ck_assert_int_ge(fd, 0);
	request->header.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	ck_assert_int_eq(send(fd, request, request->header.nlmsg_len, 0),
			 (ssize_t)request->header.nlmsg_len);
	ck_assert_int_ge(recv(fd, &response, sizeof(response), 0),
			 (ssize_t)sizeof(response.header) +
				 (ssize_t)sizeof(int));
	ck_assert_int_eq(response.header.nlmsg_type, NLMSG_ERROR);
	ck_assert_msg(response.error.error == 0, "rtnetlink: %s",
		      strerror(-response.error.error));
	ck_assert_int_eq(close(fd), 0);
}

/* False, with errno, if that is not permitted. */
static bool link_up(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_UP };
	int fd = fd_open(AF_INET, SOCK_DGRAM), result;

	memcpy(request.ifr_name, name, strlen(name));
	result = ioctl(fd, SIOCSIFFLAGS, &request);
	ck_assert(result == 0 || errno == EPERM);
	ck_assert_int_eq(close(fd), 0);
	return result == 0;
}

static void wire_create(void)
{
	struct ifinfomsg link = { .ifi_family = AF_UNSPEC };
	struct request request = {
		.header = { .nlmsg_len = NLMSG_HDRLEN,
			    .nlmsg_type = RTM_NEWLINK,
			    .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL },
	};
	struct rtattr *info, *data, *peer;

	(void)request_add(&request, &link, sizeof(link));
	(void)request_attribute(&request, IFLA_IFNAME, "inside",
				sizeof("inside"));
	info = request_attribute(&request, IFLA_LINKINFO, NULL, 0);
	(void)request_attribute(&request, IFLA_INFO_KIND, "veth",
				sizeof("veth"));
	data = request_attribute(&request, IFLA_INFO_DATA, NULL, 0);
	peer = request_attribute(&request, VETH_INFO_PEER, NULL, 0);
	(void)request_add(&request, &link, sizeof(link));
	(void)request_attribute(&request, IFLA_IFNAME, "outside",
				sizeof("outside"));
	request_nest(&request, peer);
	request_nest(&request, data);
	request_nest(&request, info);
	request_run(&request);
}

/* At once usable: without duplicate address detection. */
static void wire_add_address(int family, const char *literal,
			     unsigned char prefix, size_t length)
{
	struct ifaddrmsg message = {
		.ifa_family = (unsigned char)family,
		.ifa_prefixlen = prefix,
		.ifa_flags = IFA_F_NODAD,
		.ifa_index = if_nametoindex("inside"),
	};
	struct request request = {
		.header = { .nlmsg_len = NLMSG_HDRLEN,
			    .nlmsg_type = RTM_NEWADDR,
			    .nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL },
	};
	unsigned char address[sizeof(struct in6_addr)];

	ck_assert_int_eq(inet_pton(family, literal, address), 1);
	(void)request_add(&request, &message, sizeof(message));
	(void)request_attribute(&request, IFA_LOCAL, address, length);
	(void)request_attribute(&request, IFA_ADDRESS, address, length);
	request_run(&request);
}

/* Send a datagram to oneself; true if one has come back. */
static bool hears_itself(int fd, const struct address *address)
{
	(void)sendto(fd, NULL, 0, 0, &address->any, address->length);
	return recv(fd, NULL, 0, 0) == 0;
}

/* A worker of the kernel enters the local route of an IPv6 address later. */
static void await_local_route(const char *literal)
{
	struct address address = ipv6_address(literal, 0);
	int fd = udp_socket(&address);

	address = fd_address(fd);
	AWAIT(hears_itself(fd, &address));
	ck_assert_int_eq(close(fd), 0);
}

bool namespace_enter(void)
{
	/* The first needs CAP_SYS_ADMIN, and CAP_NET_ADMIN, which containers
	   may lack; the second that anyone may have both. */
	if ((unshare(CLONE_NEWNET) == 0 && link_up("lo")) ||
	    (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && link_up("lo")))
		return true;
	(void)fprintf(stderr, "# not tested: no network namespace (%s)\n",
		      strerror(errno));
	return false;
}

bool namespace_enter_with_wire(void)
{
	if (!namespace_enter() || !ipv6_is_available())
		return false;
	wire_create();
	/* The outer end last: it can send as soon as both are up. */
	ck_assert(link_up("inside"));
	ck_assert(link_up("outside"));
	wire_add_address(AF_INET, INSIDE_IPV4, 24, sizeof(struct in_addr));
	wire_add_address(AF_INET6, INSIDE_IPV6, 64, sizeof(struct in6_addr));
	await_local_route(INSIDE_IPV6);
	return true;
}
