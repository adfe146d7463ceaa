/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/datagram_judge.h"

#include "echod/datagram_batch.h"
#include "echod/packet_info.h"

#include <sys/socket.h>

/* Has its source had its share?  Who is unnamed has none. */
static bool is_too_many(struct datagram *datagram, const struct msghdr *header,
			unsigned datagrams)
{
	return header->msg_namelen > sizeof(sa_family_t) &&
	       limiter_refuses(&datagram->judge, header->msg_name, datagrams,
			       datagram->worker->reactor.now);
}

/*
 * Why is it not to be answered?  Of a source that has had its share no system
 * call is made: what sends too much is cheap.
 */
static enum counter refuses(struct datagram *datagram,
			    const struct msghdr *header,
			    const struct packet_info *info, unsigned datagrams)
{
	enum counter reason = screen_refuses(&datagram->screen, header, info);

	if (reason != SCREEN_PASSES)
		return reason;
	if (is_too_many(datagram, header, datagrams))
		return COUNTER_datagrams_refused_rate;
	if (screen_is_forged(&datagram->screen, header, info,
			     datagram->worker->reactor.now))
		return COUNTER_datagrams_refused_own;
	return SCREEN_PASSES;
}

/* Plan a reply to message `i`, or count why not; returns its datagrams. */
static unsigned judge(struct datagram *datagram, unsigned i)
{
	struct datagram_batch *batch = datagram->batch;
	struct mmsghdr *message = &batch->messages[i];
	struct packet_info *info = batch_info(batch);
	enum counter reason;
	unsigned datagrams;

	packet_info_read(&message->msg_hdr, info);
	datagrams = packet_info_datagrams(info, message->msg_len);
	reason = refuses(datagram, &message->msg_hdr, info, datagrams);
	if (reason == SCREEN_PASSES) {
		batch_note_judged(batch, i);
		batch_reply(batch, i, datagrams);
	} else {
		stats_add(datagram->worker->stats, reason, datagrams);
	}
	return datagrams;
}

/* The same for what repeats a message that was judged: cheaper. */
static unsigned judge_again(struct datagram *datagram, unsigned i)
{
	struct datagram_batch *batch = datagram->batch;
	struct mmsghdr *message = &batch->messages[i];
	unsigned datagrams = batch_judged_datagrams(batch, message->msg_len);

	if (is_too_many(datagram, &message->msg_hdr, datagrams)) {
		stats_add(datagram->worker->stats,
			  COUNTER_datagrams_refused_rate, datagrams);
	} else if (!batch_join_judged(batch, i, datagrams)) {
		packet_info_read(&message->msg_hdr, batch_info(batch));
		batch_reply(batch, i, datagrams);
	}
	return datagrams;
}

void datagram_judge(struct datagram *datagram, unsigned received)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < received; i++)
		sum += batch_repeats_judged(datagram->batch, i)
			       ? judge_again(datagram, i)
			       : judge(datagram, i);
	STATS_COUNT(datagram->worker->stats, datagrams_received, sum);
	if (received < datagram->batch->size)
		screen_settle(&datagram->screen);
}
