/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/report_rig.h"

#include "unit/harness.h"
#include "unit/output.h"

#include <string.h>

#define WORDS_MAX 32

static void parse(struct settings *settings, const char *command_line)
{
	static char words[1024];
	char *argv[WORDS_MAX] = { (char[]){ "echoping" },
				  (char[]){ "--color=never" } };
	char error[OPTION_ERROR_MAX] = "";
	int argc = 2;

	snprintf(words, sizeof(words), "%s", command_line);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	ck_assert_msg(settings_parse(settings, argc, argv, error) == OPTION_RUN,
		      "%s", error);
	ck_assert_uint_le(settings->target_count, RIG_TARGETS_MAX);
}

void report_rig_init(struct report_rig *rig, const char *command_line)
{
	const char *reason = "";

	memset(rig, 0, sizeof(*rig));
	parse(&rig->settings, command_line);
	for (size_t i = 0; i < rig->settings.target_count; i++)
		ck_assert_msg(target_resolve(&rig->targets[i],
					     rig->settings.targets[i],
					     &rig->settings, &reason) == 0,
			      "%s", reason);
	ck_assert_int_eq(tally_init(&rig->tally), 0);
	rig->reply = (struct reply){
		.target = &rig->targets[0],
		.port = 40123,
		.sequence = 1,
		.size = 64,
		.expected = 64,
		.from = rig->targets[0].endpoint.address,
		.rtt = 84100,
		.rtt_known = true,
		.clock = CLOCK_KERNEL,
		.when = UINT64_C(1795673377123456789),
	};
	rig->summary = (struct ping_summary){
		.target = &rig->targets[0],
		.elapsed = UINT64_C(4020000000),
		.tally = &rig->tally,
	};
	stdout_capture();
}

void report_rig_deinit(struct report_rig *rig)
{
	tally_deinit(&rig->tally);
	settings_deinit(&rig->settings);
}

void report_rig_receive(struct tally *tally, uint64_t count, uint64_t rtt)
{
	tally->sent += count;
	tally->received += count;
	tally->kernel_clock += count;
	while (count-- > 0)
		histogram_record(&tally->rtt, rtt);
}

void report_rig_lose(struct tally *tally, uint64_t count)
{
	tally->sent += count;
	tally->lost += count;
}

struct load_summary report_rig_load(const struct report_rig *rig)
{
	return (struct load_summary){
		.target = &rig->targets[0],
		.settings = &rig->settings,
		.threads = 2,
		.connections = 50,
		.elapsed = 10 * NSEC_PER_SEC,
		.bytes = rig->tally.received * rig->settings.size,
		.tally = &rig->tally,
		.user = NSEC_PER_SEC / 10,
		.system = NSEC_PER_SEC / 10 * 9,
	};
}
