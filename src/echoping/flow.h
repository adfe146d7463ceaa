/* SPDX-License-Identifier: MIT */
/*
 * A flow: the probes that leave from one source port, and their replies.
 *
 *            flow_probe()            reply
 *   (free) ──────────────► WAITING ──────────► ANSWERED
 *                             │                   ▲ │ again: a duplicate
 *                             │ timeout, error    │ ▼
 *                             └───────────────► LOST, reply: it is late
 *
 * What became of a probe is remembered in a ring, long enough for a duplicate
 * or late reply to be known as such, and no longer: memory does not grow.
 *
 * All probes wait for the same time; so those that wait, of all flows, are in
 * one list in the order of their deadlines.
 *
 * Replies over datagrams are told by what they carry (message.h), those of a
 * stream by their place in it.  Files: flow.c, the ring; flow_reply.c, what
 * became of probes; flow_datagram.c and flow_stream.c, sockets.
 */
#ifndef ECHOPING_FLOW_H
#define ECHOPING_FLOW_H

#include "common/list.h"
#include "echoping/report.h"

/* What all flows of a run have in common. */
struct flow_context {
	const struct settings *settings;
	const struct source *source;
	const struct reporter *reporter;
	int epoll_fd;
	struct list_node waiting; /* probes, the oldest first */
	unsigned char *message;	  /* room for one to send or to compare */
	unsigned char *buffer;	  /* room for what is received */
	size_t buffer_size;
	bool unread; /* a flow has left something for its next turn */
};

enum probe_state {
	PROBE_FREE,
	PROBE_WAITING,
	PROBE_ANSWERED,
	PROBE_LOST,
};

struct probe {
	struct list_node link; /* in waiting, while WAITING */
	struct flow *flow;
	uint64_t sequence; /* of the target's probes, from 1 */
	uint64_t sent;	   /* ns, CLOCK_MONOTONIC */
	uint64_t stamp;	   /* ns, CLOCK_REALTIME by the kernel; 0: unknown */
	uint32_t stamp_id; /* see stamp.h */
	enum probe_state state;
	bool connecting; /* it had to wait for a connection */
};

enum flow_state {
	FLOW_CLOSED,
	FLOW_CONNECTING,
	FLOW_OPEN,
};

struct flow {
	struct flow_context *context;
	struct target *target;
	unsigned number, step; /* its sequences: number + 1 + n * step */
	int candidate, tries;  /* which address it tried, out of how many */
	enum flow_state state;
	int fd;
	uint16_t port; /* ours, once it is known; 0: none */
	bool stamps;   /* the kernel timestamps what is sent */
	bool wants_out;
	uint32_t stamp_next; /* id of the next datagram, or byte, sent */
	uint64_t nonce;
	struct tally tally;

	struct probe *ring;
	uint32_t ring_mask;
	uint64_t count;	   /* probes so far: the n of the next sequence */
	uint64_t waiting;  /* those that wait */
	uint64_t furthest; /* the greatest sequence that was answered */

	/* Streams: how far each way is, in probes and bytes of the next. */
	uint64_t sent_count, received_count;
	size_t sent_part, received_part;
};

/* Something that came, and when. */
struct arrival {
	const unsigned char *bytes;
	size_t size;
	struct address from;
	uint64_t when;	/* ns, CLOCK_MONOTONIC */
	uint64_t stamp; /* ns, CLOCK_REALTIME by the kernel; 0: unknown */
};

/*
 * A flow that is closed yet, with room to remember `remembered` probes.
 * 0 or -ENOMEM; flow_deinit() is right after either.
 */
int flow_init(struct flow *flow, struct flow_context *context,
	      struct target *target, unsigned number, unsigned step,
	      size_t remembered) MUST_CHECK;
void flow_deinit(struct flow *flow);

/*
 * Connect, or open a socket: also done by flow_probe() if need be.  0 or
 * -errno; on failure the next of the target's addresses is chosen, if there is
 * one.
 */
int flow_open(struct flow *flow);

/* Send the next probe.  If that fails, it is lost at once. */
void flow_probe(struct flow *flow);

/* Its descriptor is ready, for these events (epoll(7)). */
void flow_on_ready(struct flow *flow, uint32_t events);

/* Give up those whose time is over. */
void flow_expire(struct flow_context *context, uint64_t now);

/* When the next one's time is over; NSEC_INFINITY if none waits. */
uint64_t flow_next_expiry(const struct flow_context *context);

/* --- Between the files of flow --- */

/* The sequence of the n-th probe, from 0. */
uint64_t flow_sequence(const struct flow *flow, uint64_t n);

/* The sequence sent last (or first to be sent); was this one sent here? */
uint64_t flow_newest(const struct flow *flow);
bool flow_has_sent(const struct flow *flow, uint64_t sequence);

/* The probe with this sequence if it is remembered, or NULL. */
struct probe *flow_find(struct flow *flow, uint64_t sequence);
struct probe *flow_nth(struct flow *flow, uint64_t n);

/* The one that has waited longest, or NULL: for what carries no number. */
struct probe *flow_oldest(struct flow *flow);

/* A message came that is whole, as far as the transport tells. */
void flow_answer(struct flow *flow, const struct arrival *arrival);

/* The same if it is known whose it is; `mismatch` as message_mismatch(). */
void flow_answer_to(struct flow *flow, uint64_t sequence,
		    const struct arrival *arrival, size_t mismatch);

/* A probe, or all that wait, are lost for this reason (static). */
void flow_lose(struct probe *probe, const char *reason,
	       const struct address *from);
void flow_lose_all(struct flow *flow, const char *reason);

/* Close; what waits is lost for this reason, or if NULL nothing waits. */
void flow_close(struct flow *flow, const char *reason);

/*
 * An address did not work: is there another that this flow may try?  Then
 * flow_open_next() goes on with it; flow_open() starts over.
 */
bool flow_choose_next(struct flow *flow);
int flow_open_next(struct flow *flow) MUST_CHECK;

/* Register the open socket, or change what is waited for. */
int flow_watch(struct flow *flow, bool out) MUST_CHECK;

/* Times of sending and errors that the kernel has for us. */
void flow_read_errors(struct flow *flow);

int flow_datagram_open(struct flow *flow) MUST_CHECK;
void flow_datagram_send(struct flow *flow, struct probe *probe);
void flow_datagram_on_ready(struct flow *flow);

int flow_stream_open(struct flow *flow) MUST_CHECK;

/* Send what waits for it; `fresh` was made just now, or is NULL. */
void flow_stream_send(struct flow *flow, const struct probe *fresh);

void flow_stream_on_ready(struct flow *flow, uint32_t events);

#endif
