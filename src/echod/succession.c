/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/succession.h"

#include "echod/log.h"
#include "echod/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Numbers of records; two of them are there for a moment. */
#define GENERATIONS 1000

void succession_continue(struct record *record, const struct intake *intake)
{
	for (size_t i = 0; i < intake->kept_count && record->head; i++) {
		const struct service_socket *kept = &intake->kept[i];

		if (service_name_number(kept->name, SERVICE_RECORD) >= 0)
			(void)record_continue(record, kept->fd);
	}
}

static int record_number(const struct record *record)
{
	return (int)(record->head->generation % GENERATIONS);
}

static void record_name(char name[static 32], const struct record *record)
{
	(void)snprintf(name, 32, SERVICE_RECORD "%d", record_number(record));
}

static bool store_record(const struct record *record)
{
	char name[32];

	record_name(name, record);
	return record->fd >= 0 && service_store(name, &record->fd, 1) == 0;
}

static void unstore_record(const struct record *record)
{
	char name[32];

	record_name(name, record);
	service_unstore(name);
}

/* Those that ours has in it: its own is stored by now. */
static void unstore_older_records(const struct record *record,
				  const struct intake *intake)
{
	for (size_t i = 0; i < intake->kept_count; i++) {
		const char *name = intake->kept[i].name;
		int number = service_name_number(name, SERVICE_RECORD);

		if (number >= 0 && number != record_number(record))
			service_unstore(name);
	}
}

/* Did anything come out of a store?  That proves that there is one. */
static bool anything_came_back(const struct intake *intake)
{
	for (size_t i = 0; i < intake->kept_count; i++) {
		if (intake->kept[i].fd >= 0)
			return true;
	}
	return false;
}

/*
 * Does the manager keep what it was given?  If it cannot be asked now, as so
 * many descriptors are in flight, what it has already is not to be given up.
 */
static bool is_kept(bool proven)
{
	int answer = service_has_store();

	return answer > 0 || (answer < 0 && proven);
}

/* Make and store what there is to keep: false if it is not kept. */
static bool succession_store(struct succession *succession, bool wanted)
{
	struct intake *intake = succession->intake;
	struct crew *crew = succession->crew;
	bool proven = anything_came_back(intake);
	/* Asked before it is given everything. */
	bool preserve = wanted && (proven || is_kept(false));
	int error = parking_begin(&succession->parking, crew->workers,
				  crew->worker_count, intake->kept,
				  intake->kept_count, preserve);

	if (error < 0)
		log_message(LOG_WARNING, NULL,
			    "cannot make a place for connections to outlive "
			    "this process: %s (raise the limit on descriptors)",
			    strerrordesc_np(-error));
	if (error < 0 || !preserve)
		return false;
	intake_store_own(intake);
	if (store_record(succession->record))
		unstore_older_records(succession->record, intake);
	/* Was there room for all of it? */
	return is_kept(proven);
}

static void log_adopted(const struct parking *parking, uint64_t usec)
{
	struct log_entry entry;
	unsigned found = parking->adopted + parking->reset + parking->lost;

	if (found == 0)
		return;
	log_entry_init(&entry,
		       found > parking->adopted ? LOG_WARNING : LOG_INFO,
		       MESSAGE_ADOPTED);
	log_entry_add(&entry, "ECHOD_ADOPTED", "%u", parking->adopted);
	log_entry_add(&entry, "ECHOD_RESET", "%u", parking->reset);
	log_entry_add(&entry, "ECHOD_LOST", "%u", parking->lost);
	log_entry_add(&entry, "ECHOD_BYTES_SKIPPED", "%" PRIu64,
		      parking->skipped);
	log_entry_add(&entry, "ECHOD_DURATION_USEC", "%" PRIu64, usec);
	log_entry_commit(&entry,
			 "adopted %u connection%s in %.1f ms, skipped %" PRIu64
			 " byte%s echoed already; reset %u, lost %u",
			 parking->adopted, PLURAL(parking->adopted),
			 (double)usec / USEC_PER_MSEC, parking->skipped,
			 PLURAL(parking->skipped), parking->reset,
			 parking->lost);
}

static const char *label_of(void *context,
			    const struct socket_identity *identity)
{
	return intake_label_of(context, identity);
}

static void succession_adopt(struct succession *succession)
{
	bool poisoned = record_is_poisoned(succession->record);
	uint64_t begun = reactor_clock();

	succession->parking.label_of = label_of;
	succession->parking.context = succession->intake;
	parking_adopt(&succession->parking, poisoned);
	log_adopted(&succession->parking, reactor_clock() - begun);
	if (!poisoned)
		return;
	record_absolve(succession->record);
	log_message(LOG_ERR, MESSAGE_POISONED,
		    "the last three instances crashed within 10 s: all "
		    "connections that they left were reset (please report "
		    "what the journal tells of their ends)");
}

void succession_begin(struct succession *succession, struct crew *crew,
		      struct intake *intake, struct record *record,
		      const struct options *options)
{
	*succession = (struct succession){
		.crew = crew,
		.intake = intake,
		.record = record,
	};
	succession->preserve =
		succession_store(succession, options->preserve != PRESERVE_NO);
	crew->policy.preserve = succession->preserve;
	succession_adopt(succession);
	parking_settle(&succession->parking, succession->preserve);
	if (!succession->preserve) {
		intake_unstore_own(intake);
		unstore_older_records(record, intake);
		unstore_record(record);
	}
	if (!succession->preserve && options->preserve == PRESERVE_YES)
		log_message(LOG_WARNING, NULL,
			    "connections cannot outlive this process: there is "
			    "no service manager that keeps descriptors (set "
			    "FileDescriptorStoreMax=)");
}

void succession_end(struct succession *succession, bool handed_over)
{
	parking_end(&succession->parking, handed_over);
	if (!succession->preserve || handed_over)
		return;
	intake_unstore_own(succession->intake);
	unstore_record(succession->record);
	succession->preserve = false;
}
