/* SPDX-License-Identifier: MIT */
/*
 * Where a datagram was sent to: read, judged, and turned round for the reply.
 */
#include "config.h"

#include "echod/packet_info.h"
#include "unit/harness.h"

#include <arpa/inet.h>
#include <netinet/udp.h>
#include <string.h>

static union {
	struct cmsghdr alignment;
	char bytes[256];
} control;
static struct msghdr header;
static struct packet_info info;

static void no_control(void)
{
	memset(&control, 0, sizeof(control));
	header = (struct msghdr){ .msg_control = &control };
}

static void add_control(int level, int type, const void *data, size_t length)
{
	struct cmsghdr *cmsg =
		(struct cmsghdr *)(void *)(control.bytes +
					   header.msg_controllen);

	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(length);
	memcpy(CMSG_DATA(cmsg), data, length);
	header.msg_controllen += CMSG_SPACE(length);
}

static void add_info4(const char *header_address, const char *local_address)
{
	struct in_pktinfo info4 = { .ipi_ifindex = 5 };

	inet_pton(AF_INET, header_address, &info4.ipi_addr);
	inet_pton(AF_INET, local_address, &info4.ipi_spec_dst);
	add_control(IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4));
}

static void add_info6(const char *address, unsigned interface)
{
	struct in6_pktinfo info6 = { .ipi6_ifindex = interface };

	inet_pton(AF_INET6, address, &info6.ipi6_addr);
	add_control(IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
}

/* The only control message that is left, of this type and size. */
static const void *sole_control(int level, int type, size_t length)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);

	ck_assert_ptr_nonnull(cmsg);
	ck_assert_int_eq(cmsg->cmsg_level, level);
	ck_assert_int_eq(cmsg->cmsg_type, type);
	ck_assert_uint_eq(cmsg->cmsg_len, CMSG_LEN(length));
	ck_assert_uint_eq(header.msg_controllen, CMSG_LEN(length));
	return CMSG_DATA(cmsg);
}

START_TEST(a_reply_leaves_from_the_ipv4_address_that_was_asked)
{
	const struct in_pktinfo *reply;
	char text[INET_ADDRSTRLEN];

	add_info4("127.0.0.2", "127.0.0.2");
	packet_info_read(&header, &info);
	ck_assert(!packet_info_is_group(&info));
	packet_info_write(&header, &info);
	reply = sole_control(IPPROTO_IP, IP_PKTINFO, sizeof(*reply));
	inet_ntop(AF_INET, &reply->ipi_spec_dst, text, sizeof(text));
	ck_assert_str_eq(text, "127.0.0.2");
	ck_assert_int_eq(reply->ipi_ifindex, 0);
}
END_TEST

START_TEST(a_reply_leaves_from_the_ipv6_address_by_routing)
{
	const struct in6_pktinfo *reply;
	char text[INET6_ADDRSTRLEN];

	add_info6("2001:db8::7", 3);
	packet_info_read(&header, &info);
	ck_assert(!packet_info_is_group(&info));
	packet_info_write(&header, &info);
	reply = sole_control(IPPROTO_IPV6, IPV6_PKTINFO, sizeof(*reply));
	inet_ntop(AF_INET6, &reply->ipi6_addr, text, sizeof(text));
	ck_assert_str_eq(text, "2001:db8::7");
	ck_assert_uint_eq(reply->ipi6_ifindex, 0);
}
END_TEST

/* Without it each reply costs an allocation: see control_append(). */
START_TEST(linux_has_room_for_it_on_its_stack)
{
	add_info6("2001:db8::7", 3);
	packet_info_read(&header, &info);
	packet_info_write(&header, &info);
	ck_assert_uint_le(header.msg_controllen, sizeof(struct cmsghdr) + 20);
}
END_TEST

START_TEST(a_train_tells_its_segment_behind_an_address)
{
	struct cmsghdr *cmsg;
	uint16_t segment;

	add_info6("2001:db8::7", 3);
	packet_info_read(&header, &info);
	packet_info_write(&header, &info);
	packet_info_write_segment(&header, 1200);
	cmsg = CMSG_FIRSTHDR(&header);
	ck_assert_ptr_nonnull(cmsg);
	ck_assert_int_eq(cmsg->cmsg_type, IPV6_PKTINFO);
	cmsg = CMSG_NXTHDR(&header, cmsg);
	ck_assert_ptr_nonnull(cmsg);
	ck_assert_int_eq(cmsg->cmsg_level, IPPROTO_UDP);
	ck_assert_int_eq(cmsg->cmsg_type, UDP_SEGMENT);
	ck_assert_uint_eq(cmsg->cmsg_len, CMSG_LEN(sizeof(segment)));
	memcpy(&segment, CMSG_DATA(cmsg), sizeof(segment));
	ck_assert_uint_eq(segment, 1200);
	ck_assert_ptr_null(CMSG_NXTHDR(&header, cmsg));
}
END_TEST

START_TEST(a_link_local_reply_keeps_its_interface)
{
	const struct in6_pktinfo *reply;

	add_info6("fe80::7", 3);
	packet_info_read(&header, &info);
	packet_info_write(&header, &info);
	reply = sole_control(IPPROTO_IPV6, IPV6_PKTINFO, sizeof(*reply));
	ck_assert_uint_eq(reply->ipi6_ifindex, 3);
}
END_TEST

START_TEST(ipv4_on_an_ipv6_socket_is_answered_as_ipv4)
{
	add_info4("127.0.0.3", "127.0.0.3");
	add_info6("::ffff:127.0.0.3", 1);
	packet_info_read(&header, &info);
	ck_assert(info.info4 && info.info6);
	packet_info_write(&header, &info);
	sole_control(IPPROTO_IP, IP_PKTINFO, sizeof(struct in_pktinfo));
}
END_TEST

START_TEST(foreign_control_messages_are_passed_over)
{
	int foreign = 1;

	add_control(SOL_SOCKET, SO_RXQ_OVFL, &foreign, sizeof(foreign));
	add_info4("127.0.0.2", "127.0.0.2");
	add_control(IPPROTO_IP, IP_TOS, &foreign, sizeof(foreign));
	packet_info_read(&header, &info);
	ck_assert(info.info4);
	ck_assert(!info.info6);
}
END_TEST

START_TEST(without_a_packet_info_the_kernel_chooses)
{
	packet_info_read(&header, &info);
	ck_assert(!info.info4 && !info.info6);
	ck_assert(!packet_info_is_group(&info));
	packet_info_write(&header, &info);

	ck_assert_uint_eq(header.msg_controllen, 0);
}
END_TEST

/* As the kernel does where the room of a message ends. */
static void cut_off(size_t offset, size_t left)
{
	struct cmsghdr *cmsg = (void *)(control.bytes + offset);

	header.msg_controllen = left;
	if (left > offset && left - offset < cmsg->cmsg_len)
		cmsg->cmsg_len = left - offset;
}

START_TEST(control_messages_that_were_cut_off_are_passed_over)
{
	size_t second = CMSG_SPACE(sizeof(struct in_pktinfo));
	size_t third = second + CMSG_SPACE(sizeof(struct in6_pktinfo));
	int segment = 1200;

	add_info4("127.0.0.2", "127.0.0.2");
	add_info6("2001:db8::7", 3);
	add_control(IPPROTO_UDP, UDP_GRO, &segment, sizeof(segment));
	for (size_t left = header.msg_controllen; left-- > 0;) {
		cut_off(0, left);
		cut_off(second, left);
		cut_off(third, left);
		packet_info_read(&header, &info);
		ck_assert(!info.info4 ==
			  (left < CMSG_LEN(sizeof(struct in_pktinfo))));
		ck_assert(
			!info.info6 ==
			(left < second + CMSG_LEN(sizeof(struct in6_pktinfo))));
		ck_assert((info.segment == 0) ==
			  (left < third + CMSG_LEN(sizeof(segment))));
	}
}
END_TEST

/* It started the daemon, which only then asked for IP_PKTINFO. */
START_TEST(a_datagram_queued_early_is_answered_from_its_destination)
{
	const struct in_pktinfo *reply;
	char text[INET_ADDRSTRLEN];

	add_info4("127.0.0.9", "0.0.0.0");
	packet_info_read(&header, &info);
	ck_assert(!packet_info_is_group(&info));
	packet_info_write(&header, &info);
	reply = sole_control(IPPROTO_IP, IP_PKTINFO, sizeof(*reply));
	inet_ntop(AF_INET, &reply->ipi_spec_dst, text, sizeof(text));
	ck_assert_str_eq(text, "127.0.0.9");
}
END_TEST

/* With that of the reply. */
static int sole_ttl(int level, int type)
{
	const int *ttl = sole_control(level, type, sizeof(*ttl));

	return *ttl;
}

START_TEST(a_reply_has_the_ttl_less_one)
{
	int ttl = 64;

	add_control(IPPROTO_IPV6, IPV6_HOPLIMIT, &ttl, sizeof(ttl));
	packet_info_read(&header, &info);
	ck_assert_int_eq(info.ttl, 64);
	packet_info_write(&header, &info);
	ck_assert_int_eq(sole_ttl(IPPROTO_IPV6, IPV6_HOPLIMIT), 63);
	/* As received: another one may be compared with it. */
	ck_assert_int_eq(info.ttl, 64);
}
END_TEST

/* Also on a socket for both. */
START_TEST(a_reply_by_ipv4_has_the_ttl_less_one)
{
	struct cmsghdr *cmsg;
	int ttl = 255;

	add_info6("::ffff:127.0.0.3", 1);
	add_info4("127.0.0.3", "127.0.0.3");
	add_control(IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	packet_info_read(&header, &info);
	ck_assert_int_eq(info.ttl, 255);
	packet_info_write(&header, &info);
	cmsg = CMSG_FIRSTHDR(&header);
	ck_assert_ptr_nonnull(cmsg);
	ck_assert_int_eq(cmsg->cmsg_type, IP_PKTINFO);
	cmsg = CMSG_NXTHDR(&header, cmsg);
	ck_assert_ptr_nonnull(cmsg);
	ck_assert_int_eq(cmsg->cmsg_level, IPPROTO_IP);
	ck_assert_int_eq(cmsg->cmsg_type, IP_TTL);
	ck_assert_uint_eq(cmsg->cmsg_len, CMSG_LEN(sizeof(ttl)));
	memcpy(&ttl, CMSG_DATA(cmsg), sizeof(ttl));
	ck_assert_int_eq(ttl, 254);
	ck_assert_ptr_null(CMSG_NXTHDR(&header, cmsg));
}
END_TEST

START_TEST(a_ttl_that_is_not_told_is_unknown)
{
	add_info4("127.0.0.2", "127.0.0.2");
	packet_info_read(&header, &info);
	ck_assert_int_eq(info.ttl, -1);
	packet_info_write(&header, &info);
	sole_control(IPPROTO_IP, IP_PKTINFO, sizeof(struct in_pktinfo));
}
END_TEST

START_TEST(the_interface_is_that_of_the_packet)
{
	packet_info_read(&header, &info);
	ck_assert_uint_eq(packet_info_interface(&info), 0);
	add_info6("::ffff:127.0.0.3", 7);
	packet_info_read(&header, &info);
	ck_assert_uint_eq(packet_info_interface(&info), 7);
	add_info4("127.0.0.3", "127.0.0.3");
	packet_info_read(&header, &info);
	ck_assert_uint_eq(packet_info_interface(&info), 5);
}
END_TEST

static const struct {
	const char *header_address, *local_address;
} groups4[] = {
	{ "192.0.2.255", "192.0.2.1" },	    /* directed broadcast */
	{ "255.255.255.255", "192.0.2.1" }, /* limited broadcast */
	{ "224.0.0.1", "192.0.2.1" },	    /* multicast */
	{ "255.255.255.255", "0.0.0.0" },   /* the same, queued early */
	{ "239.1.2.3", "0.0.0.0" },
};

START_TEST(ipv4_broadcast_and_multicast_are_groups)
{
	add_info4(groups4[_i].header_address, groups4[_i].local_address);
	packet_info_read(&header, &info);
	ck_assert(packet_info_is_group(&info));
}
END_TEST

START_TEST(ipv6_multicast_is_a_group)
{
	add_info6("ff02::1", 2);
	packet_info_read(&header, &info);
	ck_assert(packet_info_is_group(&info));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("packet_info");
	TCase *tcase = tcase_create("packet_info");

	tcase_add_checked_fixture(tcase, no_control, NULL);
	tcase_add_test(tcase,
		       a_reply_leaves_from_the_ipv4_address_that_was_asked);
	tcase_add_test(tcase, a_reply_leaves_from_the_ipv6_address_by_routing);
	tcase_add_test(tcase, linux_has_room_for_it_on_its_stack);
	tcase_add_test(tcase, a_train_tells_its_segment_behind_an_address);
	tcase_add_test(tcase, a_link_local_reply_keeps_its_interface);
	tcase_add_test(tcase, ipv4_on_an_ipv6_socket_is_answered_as_ipv4);
	tcase_add_test(tcase, foreign_control_messages_are_passed_over);
	tcase_add_test(tcase,
		       control_messages_that_were_cut_off_are_passed_over);
	tcase_add_test(tcase, without_a_packet_info_the_kernel_chooses);
	tcase_add_test(
		tcase,
		a_datagram_queued_early_is_answered_from_its_destination);
	tcase_add_loop_test(tcase, ipv4_broadcast_and_multicast_are_groups, 0,
			    (int)(sizeof(groups4) / sizeof(groups4[0])));
	tcase_add_test(tcase, ipv6_multicast_is_a_group);
	tcase_add_test(tcase, a_reply_has_the_ttl_less_one);
	tcase_add_test(tcase, a_reply_by_ipv4_has_the_ttl_less_one);
	tcase_add_test(tcase, a_ttl_that_is_not_told_is_unknown);
	tcase_add_test(tcase, the_interface_is_that_of_the_packet);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
