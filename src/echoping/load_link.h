/* SPDX-License-Identifier: MIT */
/*
 * The sockets of a load: made, watched, ended, and made again.
 *
 * Sockets are watched edge-triggered.  Nobody keeps a list of those that have
 * more to do: who stops before EAGAIN, to let others have their turn, has the
 * kernel look at the socket again (load_link_watch), which costs a system call
 * only where much was done before.
 */
#ifndef ECHOPING_LOAD_LINK_H
#define ECHOPING_LOAD_LINK_H

#include "echoping/load_worker.h"

/* At most so many connections of a thread are being made at a time. */
#define LINKS_CONNECTING_MAX 128

#define LINK_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)

/* Make it; failures are told and counted, and it is down. */
void load_link_make(struct load_worker *worker, struct load_link *link);

/* Make again what is down, unless too many are being made, or all ends. */
void load_link_remake(struct load_worker *worker, struct load_link *link);

/* It could not be kept: tell, count, end; `reset` sends no FIN. */
void load_link_fail(struct load_worker *worker, struct load_link *link,
		    enum load_trouble trouble, const char *what, int error,
		    bool reset);

/* Close it in good order; it is down, though not counted as an error. */
void load_link_close(struct load_worker *worker, struct load_link *link);

/* That the other side has not ended it as we have: why, as an errno. */
void load_link_tell_end(struct load_worker *worker, int error);

/* An event while it is connecting. */
void load_link_settle(struct load_worker *worker, struct load_link *link);

/* Look again at what of this is there already, and then at what comes. */
void load_link_watch(const struct load_worker *worker, struct load_link *link,
		     uint32_t events);

/* The number of a connection over all threads. */
uint32_t load_link_number(const struct load_worker *worker,
			  const struct load_link *link);

/* Make those that were not tried yet, as many as may be under way. */
void load_link_make_more(struct load_worker *worker);

/* Give up what takes too long to connect, have the engine see to the rest. */
void load_link_check_all(struct load_worker *worker);

#endif
