/* SPDX-License-Identifier: MIT */
/*
 * That datagrams come back whole, and once: rows 1, 2, 12, 14 and 16.
 */
#include "config.h"

#include "echoping/conformance_post.h"
#include "echoping/conformance_wait.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* Row 12: as many as wait in a receive queue of the default size. */
#define BURST  64
#define BURSTS 10

#define GONE_COUNT 10

/* Row 16 */
#define BYTE_VALUES 256

/* The longest of a ladder that comes back whole, up to the first that fails. */
static size_t climb(struct post *post)
{
	static const size_t ladder[] = { 512,  1024,  1472,  2048,  4096, 8192,
					 9000, 12288, 16384, 32768, 49152 };
	struct letter reply;
	size_t longest = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ladder); i++) {
		if (post_ask(post, NULL, ladder[i], &reply) < 0)
			break;
		longest = ladder[i];
	}
	return longest;
}

enum verdict check_largest(struct check *check)
{
	size_t size = target_size_max(check->target), longest = size;
	char detail[CHECK_DETAIL_MAX];
	struct letter reply;
	struct post post;
	int error = post_open(&post, check, NULL);

	if (error == 0)
		error = post_ask(&post, NULL, size, &reply);
	if (error < 0)
		longest = climb(&post);
	post_close(&post);
	if (error == 0)
		return CHECK_OK(check, "%zu bytes come back identical", size);
	(void)post_conclude(check, &reply, size, error);
	memcpy(detail, check->detail, sizeof(detail));
	return CHECK_FAILED(check, "%.150s; tried from 512 on, %zu come back",
			    detail, longest);
}

enum verdict check_empty(struct check *check)
{
	struct letter reply;
	struct post post;
	int error = post_open(&post, check, NULL);

	if (error == 0)
		error = post_ask(&post, NULL, 0, &reply);
	post_close(&post);
	if (error < 0)
		return post_conclude(check, &reply, 0, error);
	return CHECK_OK(check, "an empty one comes back");
}

/* What came of a number of datagrams. */
struct harvest {
	uint64_t first;
	unsigned times[BURST];
	unsigned whole, doubled, wrong;
};

static void harvest_add(struct harvest *harvest, const struct letter *letter)
{
	uint64_t at = letter->sequence - harvest->first;

	if (at >= BURST || letter->size != POST_SIZE ||
	    letter->mismatch < POST_SIZE)
		harvest->wrong++;
	else if (harvest->times[at]++ > 0)
		harvest->doubled++;
	else
		harvest->whole++;
}

/* Send a burst; take in what comes until all has, and for the grace of more. */
static int reap(struct post *post, struct harvest *harvest, uint64_t grace)
{
	uint64_t timeout = post->check->settings->timeout;
	struct letter letter;
	int error = 0;

	memset(harvest->times, 0, sizeof(harvest->times));
	harvest->first = post->check->sequence + 1;
	for (int i = 0; i < BURST && error == 0; i++)
		error = post_send(post, NULL, POST_SIZE);
	for (unsigned whole = harvest->whole; error == 0;) {
		bool all = harvest->whole - whole == BURST;

		error = post_receive(post,
				     wait_now() + (all ? grace : timeout / 2),
				     &letter);
		if (error == 0)
			harvest_add(harvest, &letter);
	}
	return error == -ETIMEDOUT ? 0 : error;
}

enum verdict check_bursts(struct check *check)
{
	struct harvest harvest = { 0 };
	struct post post;
	int error = post_open(&post, check, NULL);

	for (int i = 0; i < BURSTS && error == 0; i++)
		error = reap(&post, &harvest,
			     i == BURSTS - 1 ? check_grace(check)
					     : check_grace(check) / 10);
	post_close(&post);
	if (error < 0)
		return CHECK_FAILED(check, "%s", strerror(-error));
	if (harvest.doubled + harvest.wrong > 0 || harvest.whole == 0)
		return CHECK_FAILED(check,
				    "of %d %u come back, %u more than once, "
				    "%u wrong",
				    BURST * BURSTS, harvest.whole,
				    harvest.doubled, harvest.wrong);
	return CHECK_OK(check,
			"of %d %u come back, each once (whether losses are "
			"counted only the service can tell)",
			BURST * BURSTS, harvest.whole);
}

enum verdict check_closed_port(struct check *check)
{
	struct letter reply;
	struct post steady, gone;
	int error = post_open(&steady, check, NULL);

	for (int i = 0; i < GONE_COUNT && error == 0; i++) {
		error = post_open(&gone, check, NULL);
		if (error == 0)
			error = post_send(&gone, NULL, POST_SIZE);
		post_close(&gone);
		if (error == 0)
			error = post_ask(&steady, NULL, POST_SIZE, &reply);
	}
	post_close(&steady);
	if (error < 0)
		return post_conclude(check, &reply, POST_SIZE, error);
	return CHECK_OK(check, "another client is answered all the same");
}

/* 0, -ETIMEDOUT, or -EBADMSG with the first byte that differs. */
static int echo_bytes(struct post *post, const unsigned char *bytes,
		      size_t size, size_t *wrong)
{
	const struct address *to = &post->check->target->endpoint.address;
	unsigned char got[2 * BYTE_VALUES];
	uint64_t moment = wait_now() + post->check->settings->timeout;
	ssize_t part;

	if (sendto(post->fd, bytes, size, MSG_NOSIGNAL, &to->any, to->length) <
	    0)
		return -errno;
	if (wait_for(post->fd, POLLIN, moment) == 0)
		return -ETIMEDOUT;
	part = recv(post->fd, got, sizeof(got), MSG_DONTWAIT | MSG_TRUNC);
	if (part < 0)
		return -errno;
	for (*wrong = 0; *wrong < MIN(size, (size_t)part); ++*wrong) {
		if (got[*wrong] != bytes[*wrong])
			break;
	}
	return *wrong == size && (size_t)part == size ? 0 : -EBADMSG;
}

/* On a socket of its own: nothing late is taken for its reply. */
static int try_bytes(struct check *check, const unsigned char *bytes,
		     size_t *wrong)
{
	struct post post;
	int error = post_open(&post, check, NULL);

	if (error == 0)
		error = echo_bytes(&post, bytes, BYTE_VALUES, wrong);
	if (error == -ETIMEDOUT) /* perhaps it was lost */
		error = echo_bytes(&post, bytes, BYTE_VALUES, wrong);
	post_close(&post);
	return error;
}

enum verdict check_datagram_bytes(struct check *check)
{
	unsigned char values[BYTE_VALUES], nuls[BYTE_VALUES] = { 0 };
	size_t wrong = 0;
	int error;

	for (size_t i = 0; i < BYTE_VALUES; i++)
		values[i] = (unsigned char)i;
	error = try_bytes(check, values, &wrong);
	if (error == -EBADMSG)
		return CHECK_FAILED(check, "0x%02zx does not come back", wrong);
	if (error == 0)
		error = try_bytes(check, nuls, &wrong);
	if (error == -EBADMSG)
		return CHECK_FAILED(check, "of %d NULs %zu come back",
				    BYTE_VALUES, wrong);
	if (error < 0)
		return CHECK_FAILED(check, "%s", strerror(-error));
	return CHECK_OK(check, "all 256, and a run of NULs, come back");
}
