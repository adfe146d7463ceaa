/* SPDX-License-Identifier: MIT */
/*
 * One entry of the log, on its way from who has something to say.
 */
#ifndef ECHOD_LOG_ENTRY_H
#define ECHOD_LOG_ENTRY_H

#include "common/macros.h"

#include <stdarg.h>
#include <stdint.h>

/* Room for all fields of one entry; a field that does not fit is left out. */
#define LOG_ENTRY_MAX 4096

/* Of that, what is left free for the text when fields are added. */
#define LOG_TEXT_MAX 1536

/* An entry while it is being put together: level, then fields, then text. */
struct log_entry {
	uint16_t length;
	uint16_t level;
	char fields[LOG_ENTRY_MAX]; /* "NAME=value", each NUL-terminated */
};

/* message_id: one of log.h, or NULL. */
void log_entry_init(struct log_entry *entry, int level, const char *message_id);
void log_entry_add(struct log_entry *entry, const char *name,
		   const char *format, ...) PRINTF_LIKE(3, 4);

/* The last field, cut off if need be. */
void log_entry_set_text(struct log_entry *entry, const char *format,
			va_list arguments) PRINTF_LIKE(2, 0);
const char *log_entry_text(const struct log_entry *entry);

#endif
