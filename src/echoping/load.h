/* SPDX-License-Identifier: MIT */
/*
 * Load mode: how much a service can take, and how long it takes then.
 *
 *   load_run   the main thread: phases, signals, intervals            load.c
 *     a crew of workers, a thread each; adding up, telling     load_crew.c
 *       worker: one epoll, its connections, its counts       load_worker.c
 *         link: a socket, made again when it ends              load_link.c
 *         engine: what is done with it
 *           stream, datagram, connect, bulk, hold      load_ENGINE.c
 *         schedule: the open loop, what is due              load_schedule.c
 */
#ifndef ECHOPING_LOAD_H
#define ECHOPING_LOAD_H

#include "echoping/report.h"

enum exit_status load_run(const struct settings *settings,
			  struct target *target, const struct source *source);

#endif
