/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/log_entry.h"

#include "common/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void log_entry_init(struct log_entry *entry, int level, const char *message_id)
{
	entry->level = (uint16_t)level;
	entry->length = 0;
	log_entry_add(entry, "SYSLOG_IDENTIFIER", "%s", "echod");
	if (message_id)
		log_entry_add(entry, "MESSAGE_ID", "%s", message_id);
}

PRINTF_LIKE(4, 0)
static void entry_add(struct log_entry *entry, size_t limit, const char *name,
		      const char *format, va_list arguments)
{
	char *place = entry->fields + entry->length;
	size_t room = limit - entry->length;
	int head = snprintf(place, room, "%s=", name);
	int value;

	if (head < 0 || (size_t)head >= room)
		return;
	value = vsnprintf(place + head, room - (size_t)head, format, arguments);
	if (value < 0 || (size_t)value >= room - (size_t)head)
		return;
	entry->length = (uint16_t)(entry->length + head + value + 1);
}

void log_entry_add(struct log_entry *entry, const char *name,
		   const char *format, ...)
{
	va_list arguments;

	if (entry->length >= LOG_ENTRY_MAX - LOG_TEXT_MAX)
		return;
	va_start(arguments, format);
	entry_add(entry, LOG_ENTRY_MAX - LOG_TEXT_MAX, name, format, arguments);
	va_end(arguments);
}

void log_entry_set_text(struct log_entry *entry, const char *format,
			va_list arguments)
{
	char text[LOG_TEXT_MAX - 16];
	int length = vsnprintf(text, sizeof(text), format, arguments);
	char *place = entry->fields + entry->length;

	if (length < 0)
		text[0] = '\0';
	length = snprintf(place, LOG_TEXT_MAX, "MESSAGE=%s", text);
	entry->length = (uint16_t)(entry->length + length + 1);
}

const char *log_entry_text(const struct log_entry *entry)
{
	const char *field = entry->fields;

	while (strncmp(field, "MESSAGE=", 8) != 0)
		field += strlen(field) + 1;
	return field + 8;
}
