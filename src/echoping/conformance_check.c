/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/conformance_check.h"

#include "echoping/conformance_post.h"
#include "echoping/conformance_talk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* Of --timeout: 250 ms by default. */
#define GRACE_PART 8

enum verdict check_conclude(struct check *check, enum verdict verdict,
			    const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(check->detail, sizeof(check->detail), format, arguments);
	va_end(arguments);
	return verdict;
}

uint64_t check_grace(const struct check *check)
{
	return check->settings->timeout / GRACE_PART;
}

static bool stream_is_answered(struct check *check)
{
	struct talk talk;
	int error = talk_open(&talk, check, 0);

	if (error == 0)
		error = talk_exchange(&talk, 1);
	if (error < 0)
		(void)talk_conclude(check, &talk, error);
	talk_close(&talk);
	return error == 0 || error == -EBADMSG;
}

static bool datagram_is_answered(struct check *check)
{
	struct post post;
	struct letter reply;
	int error = post_open(&post, check, NULL);

	if (error == 0)
		error = post_ask(&post, NULL, POST_SIZE, &reply);
	if (error < 0)
		(void)post_conclude(check, &reply, POST_SIZE, error);
	post_close(&post);
	return error == 0 || error == -EBADMSG || error == -EMSGSIZE;
}

bool check_is_answered(struct check *check)
{
	if (target_type(check->target) == SOCK_DGRAM)
		return datagram_is_answered(check);
	return stream_is_answered(check);
}
