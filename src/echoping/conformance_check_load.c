/* SPDX-License-Identifier: MIT */
/*
 * A client that never reads: row 7.
 */
#include "config.h"

#include "echoping/conformance_talk.h"
#include "echoping/conformance_wait.h"

#include <errno.h>
#include <inttypes.h>

/* No buffers on a path are as large: who takes more keeps it. */
#define ENDLESS (UINT64_C(256) << 20)

#define OTHER_BYTES 100000
#define OTHER_COUNT 10

/* Are others served meanwhile? */
static enum verdict serve_others(struct check *check)
{
	struct talk other;
	int error = talk_open(&other, check, 0);

	for (int i = 0; i < OTHER_COUNT && error == 0; i++)
		error = talk_exchange(&other, OTHER_BYTES);
	talk_close(&other);
	return talk_conclude_other(check, &other, error);
}

/* The verdict on how sending ended. */
static enum verdict judge(struct check *check, const struct talk *talk,
			  int error)
{
	switch (error) {
	case 0:
		return CHECK_FAILED(check, "it takes 256 MiB, and keeps them");
	case -ETIME:
		return CHECK_SKIPPED(check,
				     "too slow to tell: %" PRIu64
				     " bytes taken (use a longer --timeout)",
				     talk->sent);
	case -ECONNRESET:
	case -EPIPE:
		return CHECK_OK(check,
				"reset after %" PRIu64
				" bytes, others are served",
				talk->sent);
	default:
		return talk_conclude(check, talk, error);
	}
}

enum verdict check_never_reads(struct check *check)
{
	struct talk talk;
	int error = talk_open(&talk, check, 0);
	enum verdict others;

	if (error == 0)
		error = talk_push(&talk, ENDLESS, check_grace(check));
	others = serve_others(check);
	if (others == VERDICT_OK && error == -EAGAIN) {
		/* It reads after all: nothing may be missing. */
		error = talk_pull(&talk, talk.sent);
		talk_close(&talk);
		if (error < 0)
			return talk_conclude(check, &talk, error);
		return CHECK_OK(check,
				"no more taken after %" PRIu64
				" bytes, others are served",
				talk.sent);
	}
	talk_reset(&talk);
	return others == VERDICT_OK ? judge(check, &talk, error) : others;
}
