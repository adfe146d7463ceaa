/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/report.h"

#include "echod/log.h"
#include "echod/service.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Repeated trouble is summed up this often. */
#define TROUBLE_INTERVAL_USEC (10 * USEC_PER_SEC)

#define NAME_MAX_LENGTH 64

/* As long as the text can be: all counters, each as great as it can be. */
struct longest_text {
#define X(name, trouble, help) char name[sizeof(", " #name " ") + 20];
	COUNTERS(X)
#undef X
};

#define TEXT_MAX sizeof(struct longest_text)

static void status_write(char text[REPORT_STATUS_MAX],
			 const struct stats_snapshot *snapshot,
			 unsigned connections)
{
	snprintf(text, REPORT_STATUS_MAX,
		 "%u connection%s, %" PRIu64 " datagrams echoed, %" PRIu64
		 " refused",
		 connections, PLURAL(connections),
		 snapshot->values[COUNTER_datagrams_sent],
		 stats_refused(snapshot));
}

void report_init(struct report *report, const struct stats_snapshot *before)
{
	*report = (struct report){ .told = *before };
	status_write(report->status, &report->told, 0);
}

/* "ECHOD_" and the counter's name in capitals, as journal fields are. */
static void field_name(enum counter counter, char name[NAME_MAX_LENGTH])
{
	snprintf(name, NAME_MAX_LENGTH, "ECHOD_%s", stats_table[counter].name);
	for (char *letter = name; *letter; letter++)
		*letter = (char)toupper((unsigned char)*letter);
}

static void entry_add_counter(struct log_entry *entry, enum counter counter,
			      uint64_t value)
{
	char name[NAME_MAX_LENGTH];

	field_name(counter, name);
	log_entry_add(entry, name, "%" PRIu64, value);
}

/* Append "NAME VALUE", after a comma unless it is the first. */
static void text_add_counter(char text[TEXT_MAX], enum counter counter,
			     uint64_t value)
{
	size_t length = strlen(text);

	snprintf(text + length, TEXT_MAX - length, "%s%s %" PRIu64,
		 length > 0 ? ", " : "", stats_table[counter].name, value);
}

/* False if there was nothing of the kind. */
static bool log_trouble(const struct stats_snapshot *before,
			const struct stats_snapshot *snapshot)
{
	char text[TEXT_MAX] = "";
	struct log_entry entry;

	log_entry_init(&entry, LOG_WARNING, MESSAGE_TROUBLE);
	for (enum counter i = 0; i < COUNTER_COUNT; i++) {
		uint64_t more = snapshot->values[i] - before->values[i];

		if (!stats_table[i].trouble || more == 0)
			continue;
		entry_add_counter(&entry, i, more);
		text_add_counter(text, i, more);
	}
	if (text[0] == '\0')
		return false;
	log_entry_commit(&entry, "not all could be served: %s", text);
	return true;
}

void report_tick(struct report *report, const struct stats_snapshot *snapshot,
		 unsigned connections, uint64_t now)
{
	char status[REPORT_STATUS_MAX];

	status_write(status, snapshot, connections);
	if (strcmp(status, report->status) != 0) {
		memcpy(report->status, status, sizeof(status));
		service_notify_status(status);
	}
	if (report->told_at != 0 &&
	    now - report->told_at < TROUBLE_INTERVAL_USEC)
		return;
	if (log_trouble(&report->told, snapshot)) {
		report->told = *snapshot;
		report->told_at = now;
	}
}

void report_counters(const struct stats_snapshot *snapshot,
		     unsigned connections)
{
	char text[TEXT_MAX] = "";
	struct log_entry entry;

	log_entry_init(&entry, LOG_INFO, MESSAGE_COUNTERS);
	log_entry_add(&entry, "ECHOD_CONNECTIONS", "%u", connections);
	log_entry_add(&entry, "ECHOD_LOG_ENTRIES_LOST", "%" PRIu64,
		      log_dropped());
	for (enum counter i = 0; i < COUNTER_COUNT; i++) {
		entry_add_counter(&entry, i, snapshot->values[i]);
		text_add_counter(text, i, snapshot->values[i]);
	}
	log_entry_commit(&entry,
			 "counters: connections %u, %s, log_entries_lost "
			 "%" PRIu64,
			 connections, text, log_dropped());
}
