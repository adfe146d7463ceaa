/* SPDX-License-Identifier: MIT */
/*
 * One entry of the log, on its way from who has something to say.
 */
#ifndef ECHOD_LOG_ENTRY_H
#define ECHOD_LOG_ENTRY_H

#include <stdint.h>

/* Room for all fields of one entry; a field that does not fit is left out. */
#define LOG_ENTRY_MAX 4096

/* An entry while it is being put together: level, then fields, then text. */
struct log_entry {
	uint16_t length;
	uint16_t level;
	char fields[LOG_ENTRY_MAX]; /* "NAME=value", each NUL-terminated */
};

#endif
