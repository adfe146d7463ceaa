/* SPDX-License-Identifier: MIT */
/*
 * What can be done with the connections of a load, one file each.
 */
#ifndef ECHOPING_LOAD_ENGINES_H
#define ECHOPING_LOAD_ENGINES_H

#include "echoping/load_worker.h"

extern const struct load_engine load_stream, load_datagram, load_connect,
	load_bulk, load_hold;

#endif
