/* SPDX-License-Identifier: MIT */
/*
 * What the fake kernel consists of.  Private to its files: fake_descriptor.c
 * has the table, fake_epoll.c the events, fake_clock.c time and faults,
 * fake_stream.c and fake_peer.c both ends of streams, of which fake_judge.c
 * says who may have one, fake_datagram.c UDP with names of fake_name.c and
 * limits of fake_rate.c, fake_death.c the end, and fake_call.c the wrappers.
 */
#ifndef ECHOD_TESTS_FUZZ_FAKE_STATE_H
#define ECHOD_TESTS_FUZZ_FAKE_STATE_H

#include "common/list.h"
#include "common/macros.h"
#include "fuzz/fake.h"
#include "fuzz/fuzz.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

enum fake_kind {
	FAKE_FREE,
	FAKE_EPOLL,
	FAKE_EVENT,
	FAKE_LISTENER,
	FAKE_STREAM,
	FAKE_DATAGRAM,
};

/* What a descriptor stands for, and its registration with the one epoll. */
struct fake_file {
	struct fake_stream *stream;
	struct list_node queued; /* for epoll_wait(2) */
	epoll_data_t data;
	enum fake_kind kind;
	uint32_t armed, ghost;
	bool registered;
};

/* When the peer's kernel took something, and how much it had taken before. */
struct fake_mark {
	uint64_t when, before;
};
#define FAKE_MARKS 16

/* The server's end of a connection, and what the peer has seen. */
struct fake_stream {
	struct fake_file *file; /* NULL: not accepted, or closed */
	struct list_node waiting;
	uint64_t arrived, taken, urgent; /* positions in what the peer sent */
	uint64_t written, acknowledged, delivered; /* ... and in the echo */
	size_t phase;	       /* where in the pattern it begins */
	uint64_t active;       /* when something was taken or written */
	uint64_t excused;      /* ... or the server saw that it was late */
	uint64_t unread_since; /* something is that was not echoed yet */
	uint64_t stuck_since;  /* the last send was cut short or refused */
	uint64_t span_began;
	unsigned spans; /* without any progress */
	unsigned mark_count;
	struct fake_mark marks[FAKE_MARKS]; /* the last of them, a ring */
	enum fake_end end;
	int error;
	unsigned rounds;   /* that it has been waiting for */
	bool told, served; /* of input, by epoll_wait(2); since that */
	bool has_urgent, finished, broken, shut, no_space;
	bool fin_arrived; /* and was acknowledged */
	bool abrupt;	  /* close(2) is to reset it */
	bool struck;	  /* a call was made to fail */
	bool stuck;
	bool parked;  /* others have duplicates: close(2) ends nothing */
	bool hung_up; /* shutdown(2) in both directions */
	bool excess;  /* there are as many of its source as may be */
};

/* What is left to echo: who preserves sends before it takes. */
static inline uint64_t fake_unechoed(const struct fake_stream *stream)
{
	return stream->arrived - MAX(stream->taken, stream->written);
}

/* --- Descriptors --- */
int fake_file_open(enum fake_kind kind); /* or -1 and EMFILE */
int fake_file_number(const struct fake_file *file);
static inline bool fake_has(int fd)
{
	return fd >= FAKE_FIRST;
}
/* It must be open, and of that kind. */
struct fake_file *fake_file(int fd, enum fake_kind kind);
struct fake_file *fake_file_any(int fd);
/* Or not open. */
struct fake_file *fake_file_look(int fd);
int fake_close(int fd);
void fake_file_reset(void);

/* --- Clock, faults --- */
bool fake_is_here(void);
bool fake_is_ticking(void); /* with each look */
void fake_moved(void);

/* What the clock says, without looking at it. */
uint64_t fake_time(void);

/* --- The server's end --- */
void fake_death_reset(void);
void fake_death_call(void); /* which may be its last */
void fake_death_allocated(void *block);
void fake_death_freed(const void *block);

/* A call begins: what was to happen before it does. */
void fake_call_begins(void);

/* Fails: its errno; 0: it does not; FAKE_SHORT: its count is to be short. */
#define FAKE_SHORT (-1)
int fake_strikes(enum fake_call call);

/* A wrapper's last word: sets errno. */
static inline int fake_fails(int error)
{
	errno = error;
	return -1;
}

/* --- epoll --- */
void fake_epoll_reset(void);
int fake_eventfd(unsigned count);
ssize_t fake_event_read(int fd, void *count);
ssize_t fake_event_write(int fd, const void *count);
int fake_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
int fake_epoll_wait(int epoll_fd, struct epoll_event *events, int size,
		    int timeout);
void fake_unregister(struct fake_file *file);

/* Something happened; `key` says what, 0 that it concerns everybody. */
void fake_wake(struct fake_file *file, uint32_t key);

/* What holds for it now. */
uint32_t fake_level(const struct fake_file *file);

/* --- Streams --- */
extern struct fake_streams fake_config;
extern struct fake_stream fake_peers[FAKE_PEERS];
void fake_stream_reset(void);
const uint8_t *fake_pattern(const struct fake_stream *stream, uint64_t at);
uint32_t fake_stream_level(const struct fake_stream *stream);
uint32_t fake_listener_level(void);
int fake_accept(int fd, struct sockaddr *address, socklen_t *length);
ssize_t fake_stream_receive(int fd, void *buffer, size_t size, int flags);
ssize_t fake_stream_send(int fd, const void *data, size_t length, int flags);
int fake_stream_shutdown(int fd, int how);
void fake_stream_linger(int fd, const struct linger *linger);
void fake_stream_disconnect(int fd);
void fake_stream_accept(struct fake_stream *stream, struct fake_file *file);
void fake_stream_close(struct fake_file *file);
int fake_stream_ioctl(int fd, unsigned long request, int *value);
int fake_stream_info(int fd, void *value, socklen_t length);

/* There was no memory: it may be for who is served just now. */
void fake_stream_strike(void);

/* The peer's kernel takes and acknowledges what it has room for. */
void fake_stream_flow(struct fake_stream *stream, bool acknowledge);
void fake_stream_writable(struct fake_stream *stream);

/* Where the peer connects from: a number; -1 if sources are not told apart. */
int fake_source(const struct fake_stream *stream);

/* --- What the server may do with them --- */
void fake_judge_reset(void);

/* It was accepted; it is registered with epoll. */
void fake_judge_accept(struct fake_stream *stream);
void fake_judge_serve(const struct fake_stream *stream);

/* All that is to be sent was sent, or not; the peer's kernel took some. */
void fake_judge_send(struct fake_stream *stream, bool all);
void fake_judge_acknowledge(struct fake_stream *stream, uint64_t before);

/* Is there a reason to end it? */
bool fake_judge_end(const struct fake_stream *stream);

/* Another round: whoever is ready has a turn in each. */
void fake_judge_round(void);

/* The first who waits, or NULL. */
struct fake_stream *fake_backlog_take(void);
bool fake_backlog_is_empty(void);
void fake_backlog_add(struct fake_stream *stream);

/* --- Datagrams --- */
void fake_datagram_reset(void);
uint32_t fake_datagram_level(void);
int fake_receive_many(int fd, struct mmsghdr *messages, unsigned count);
int fake_send_many(int fd, struct mmsghdr *messages, unsigned count);
ssize_t fake_send_one(int fd, const struct msghdr *message);
void fake_datagram_option(int level, int name, int value);
bool fake_datagram_joins(void);

/* Rates: is a message of so many to be refused? */
void fake_rate_set(const struct fake_datagrams *datagrams);
bool fake_rate_refuses(unsigned peer, unsigned datagrams);
void fake_rate_check(const struct fake_account *account);

/* One datagram that the server sends, with what goes with it. */
struct fake_reply {
	const void *name, *bytes;
	size_t name_length, length;
	const struct in_pktinfo *info4;
	const struct in6_pktinfo *info6;
};
bool fake_datagram_has_room(void);
void fake_datagram_refuse(void);
void fake_datagram_answer(const struct fake_reply *reply);
void fake_datagram_leaves(void);

#endif
