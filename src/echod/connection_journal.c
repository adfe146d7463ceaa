/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echod/connection_journal.h"

#include "echod/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void connection_journal_write(const struct connection_journal *journal,
			      uint64_t now, const char *reason)
{
	uint64_t duration = now - journal->opened;
	char peer[ADDRESS_TEXT_MAX];
	struct log_entry entry;

	address_format(&journal->peer, peer);
	log_entry_init(&entry, LOG_INFO, MESSAGE_CONNECTION_CLOSED);
	log_entry_add(&entry, "ECHOD_PEER", "%s", peer);
	log_entry_add(&entry, "ECHOD_LISTENER", "%s", journal->listener);
	log_entry_add(&entry, "ECHOD_BYTES_RECEIVED", "%" PRIu64,
		      journal->received);
	log_entry_add(&entry, "ECHOD_BYTES_SENT", "%" PRIu64, journal->sent);
	log_entry_add(&entry, "ECHOD_DURATION_USEC", "%" PRIu64, duration);
	log_entry_add(&entry, "ECHOD_REASON", "%s", reason);
	log_entry_commit(
		&entry,
		"connection from %s to %s: %s after %" PRIu64 ".%03" PRIu64
		" s, %" PRIu64 " bytes received, %" PRIu64 " sent",
		peer, journal->listener, reason, duration / USEC_PER_SEC,
		duration % USEC_PER_SEC / USEC_PER_MSEC, journal->received,
		journal->sent);
}

bool connection_journal_is_theirs(int error)
{
	switch (error) {
	case ECONNABORTED:
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENETDOWN:
	case ENETUNREACH:
	case EPIPE:
	case EPROTO:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

const char *connection_journal_reason(int error)
{
	switch (error) {
	case ECONNRESET:
	case EPIPE:
		return "reset by peer";
	case ETIMEDOUT:
		return "timed out";
	case ENOMEM:
		return "out of memory";
	case EMSGSIZE:
		return "record too long";
	default:
		return strerrordesc_np(error) ? strerrordesc_np(error)
					      : "unknown error";
	}
}
