/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "echoping/conformance.h"

#include "echoping/conformance_check.h"
#include "echoping/conformance_report.h"
#include "echoping/console.h"
#include "echoping/message.h"
#include "echoping/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which transports a row concerns. */
#define ON(name)  (1U << TRANSPORT_##name)
#define ON_STREAM (ON(TCP) | ON(MPTCP) | ON(UNIX) | ON(VSOCK))
#define ON_DGRAM  (ON(UDP) | ON(UNIX_DGRAM))
#define ON_UNIX	  (ON(UNIX) | ON(UNIX_DGRAM) | ON(UNIX_SEQPACKET))

/* What a client cannot see has no function, but a reason. */
static const struct row {
	unsigned number, transports;
	const char *title;
	check_function *run;
	const char *unseen;
} rows[] = {
	{ 1, ON(UDP), "longest datagram", check_largest, NULL },
	{ 2, ON_DGRAM, "empty datagram", check_empty, NULL },
	{ 3, ON(UDP), "address that answers", check_reply_address, NULL },
	{ 4, ON(UDP), "datagram to a broadcast address", check_broadcast,
	  NULL },
	{ 4, ON(UDP), "datagram to a multicast address", check_multicast,
	  NULL },
	{ 5, ON(UDP), "datagram from source port 0", check_port_0, NULL },
	{ 5, ON(UDP), "datagram from a port below 1024", check_low_port, NULL },
	{ 5, ON(UDP), "datagram from the service's own port", check_own_port,
	  NULL },
	{ 5, ON(UDP), "datagram from a high port", check_high_ports, NULL },
	{ 6, ON_STREAM, "FIN at once", check_fin_at_once, NULL },
	{ 6, ON_STREAM, "FIN, read only afterwards", check_fin_then_read,
	  NULL },
	{ 6, ON_STREAM, "10 MB, FIN, read as late as possible",
	  check_fin_read_late, NULL },
	{ 7, ON_STREAM, "client that never reads", check_never_reads, NULL },
	{ 8, ON_STREAM, "pings beside a sender at full speed", check_fairness,
	  NULL },
	{ 9, ON_STREAM, "messages larger than any buffer", check_long_messages,
	  NULL },
	{ 10, ON_STREAM, "no descriptor left at accept", NULL,
	  "only the service's machine can bring it about" },
	{ 11, ON_STREAM, "slow reader", check_slow_reader, NULL },
	{ 12, ON(UDP), "bursts of datagrams", check_bursts, NULL },
	{ 13, ON(TCP) | ON(MPTCP), "reset in the middle", check_reset, NULL },
	{ 14, ON(UDP), "reply that meets a closed port", check_closed_port,
	  NULL },
	{ 15, ON(UDP), "log of refused datagrams", NULL,
	  "only the service's machine has it" },
	{ 16, ON_STREAM, "byte values", check_stream_bytes, NULL },
	{ 16, ON_DGRAM, "byte values", check_datagram_bytes, NULL },
	{ 17, ON(TCP), "urgent byte", check_urgent, NULL },
	{ 18, ON(UDP), "loop of two services", NULL,
	  "it would take a second service, and not end if this one fails" },
	{ 19, ON_UNIX, "passed descriptors", check_passed_descriptors, NULL },
	{ 19, ON(UNIX_SEQPACKET), "records", check_records, NULL },
	{ 19, ON(UNIX_DGRAM), "datagrams", check_unix_datagrams, NULL },
	{ 20, ON(TCP), "1-byte writes, Nagle's algorithm at the client",
	  check_small_writes, NULL },
	{ 20, ON(TCP), "small replies in a row", check_small_replies, NULL },
	{ 21, ON(UDP), "datagram from ::", check_source_unspecified, NULL },
	{ 21, ON(UDP), "datagram from a v4-mapped source", check_source_mapped,
	  NULL },
	{ 21, ON(UDP), "datagram from a v4-compatible source",
	  check_source_compatible, NULL },
	{ 21, ON(UDP), "datagram from the service's own address and port",
	  check_source_own, NULL },
	{ 22, ON_STREAM, "end with bytes outstanding", NULL,
	  "only the service can decide to end a connection" },
};

/* One target over one transport. */
struct examination {
	struct check check;
	bool answers;
	unsigned lost_in; /* the row after which it was gone; 0: none */
};

/* One target, over one or two. */
struct examinee {
	struct target targets[2];
	struct examination examinations[2];
	unsigned count;
};

static bool has_scheme(const char *name)
{
	static const char *const schemes[] = { "tcp:", "udp:", "mptcp:",
					       "vsock:", "unix" };

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		if (strncmp(name, schemes[i], strlen(schemes[i])) == 0)
			return true;
	}
	return false;
}

/* Without a scheme, and without --udp, UDP is the second transport. */
static void examinee_init(struct examinee *examinee,
			  const struct settings *settings,
			  const struct target *target)
{
	struct settings udp = *settings;
	const char *reason;

	udp.udp = true;
	examinee->count = 1;
	examinee->targets[0] = *target;
	if (target->endpoint.transport == TRANSPORT_TCP &&
	    !has_scheme(target->name) &&
	    target_resolve(&examinee->targets[1], target->name, &udp,
			   &reason) == 0)
		examinee->count = 2;
}

/* Choose the first of the addresses that answers. */
static bool find_answer(struct examination *examination, struct target *target)
{
	do {
		if (check_is_answered(&examination->check))
			return true;
	} while (target_choose_next(target));
	return false;
}

static void report(struct examination *examination, unsigned row,
		   const char *title, enum verdict verdict,
		   unsigned counts[VERDICT_COUNT])
{
	const struct check *check = &examination->check;
	const struct finding finding = {
		.target = check->target,
		.row = row,
		.verdict = verdict,
		.title = title,
		.detail = check->detail,
	};

	counts[verdict]++;
	conformance_report_row(check->settings, &finding);
}

static enum verdict run_row(struct examination *examination,
			    const struct row *row)
{
	struct check *check = &examination->check;

	if (!examination->answers)
		return CHECK_SKIPPED(check, "it does not answer at all");
	if (examination->lost_in > 0)
		return CHECK_SKIPPED(check,
				     "it does not answer any more since row %u",
				     examination->lost_in);
	if (!row->run)
		return CHECK_SKIPPED(check, "%s", row->unseen);
	check->detail[0] = '\0';
	return row->run(check);
}

/* After a failure see whether the service is still there, whole. */
static void look_after(struct examinee *examinee, const struct row *row)
{
	for (unsigned i = 0; i < examinee->count; i++) {
		struct examination *it = &examinee->examinations[i];

		if (it->answers && it->lost_in == 0 &&
		    !check_is_answered(&it->check))
			it->lost_in = row->number;
	}
}

static void run_rows(struct examinee *examinee, unsigned counts[VERDICT_COUNT])
{
	for (size_t i = 0; i < ARRAY_SIZE(rows) && console_error() == 0; i++) {
		for (unsigned j = 0; j < examinee->count; j++) {
			struct examination *it = &examinee->examinations[j];
			enum verdict verdict;

			if (!(rows[i].transports >>
				      it->check.target->endpoint.transport &
			      1))
				continue;
			verdict = run_row(it, &rows[i]);
			report(it, rows[i].number, rows[i].title, verdict,
			       counts);
			if (verdict == VERDICT_FAILED)
				look_after(examinee, &rows[i]);
		}
	}
}

/* False, and said so, if the target answers on no transport. */
static bool examine(struct examinee *examinee, const struct settings *settings,
		    const struct source *source, unsigned counts[VERDICT_COUNT])
{
	bool answers = false;

	for (unsigned i = 0; i < examinee->count; i++) {
		struct examination *it = &examinee->examinations[i];

		*it = (struct examination){
			.check = { .target = &examinee->targets[i],
				   .settings = settings,
				   .source = source,
				   .nonce = message_nonce() },
		};
		it->answers = find_answer(it, &examinee->targets[i]);
		answers = answers || it->answers;
	}
	for (unsigned i = 0; i < examinee->count; i++) {
		struct examination *it = &examinee->examinations[i];

		if (!answers)
			report_trouble(it->check.target, "%s",
				       it->check.detail);
		else if (!it->answers)
			report(it, 0, "service", VERDICT_FAILED, counts);
	}
	if (answers)
		run_rows(examinee, counts);
	return answers;
}

/* What the rows of a target come to. */
static enum exit_status run_target(struct examinee *examinee,
				   const struct settings *settings,
				   const struct target *target,
				   const struct source *source)
{
	unsigned counts[VERDICT_COUNT] = { 0 };

	if (settings->target_count > 1)
		conformance_report_target(settings, target);
	examinee_init(examinee, settings, target);
	if (!examine(examinee, settings, source, counts))
		return EXIT_STATUS_ERROR;
	conformance_report_summary(settings, &examinee->targets[0], counts);
	return counts[VERDICT_FAILED] > 0 || counts[VERDICT_OK] == 0
		       ? EXIT_STATUS_MISSED
		       : EXIT_STATUS_OK;
}

enum exit_status conformance_run(const struct settings *settings,
				 struct target *targets,
				 const struct source *source)
{
	const struct fill no_fill = { .length = 0 };
	struct examinee *examinee = malloc(sizeof(*examinee));
	enum exit_status worst = EXIT_STATUS_OK;

	if (!examinee) {
		report_trouble(&targets[0], "out of memory");
		return EXIT_STATUS_ERROR;
	}
	/* Whatever --fill says: what is lost or moved must be seen. */
	pattern_init(&no_fill);
	for (size_t i = 0; i < settings->target_count; i++) {
		enum exit_status status =
			run_target(examinee, settings, &targets[i], source);

		worst = MAX(worst, status);
	}
	free(examinee);
	return worst;
}
