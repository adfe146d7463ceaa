/* SPDX-License-Identifier: MIT */
/*
 * In a build for sanitizers or coverage, whose runtimes need files and many
 * more system calls.
 */
#include "config.h"

#include "echod/sandbox.h"

#include "echod/log.h"

void sandbox_prepare(void)
{
}

void sandbox_join(void)
{
}

int sandbox_give_up_files(const struct intake *intake UNUSED)
{
	return 0;
}

int sandbox_limit_calls(const struct intake *intake UNUSED)
{
	log_message(LOG_NOTICE, NULL,
		    "built without its sandbox: this is for tests");
	return 0;
}
