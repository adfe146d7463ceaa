/* SPDX-License-Identifier: MIT */
/* In a build without libseccomp. */
#include "config.h"

#include "echod/sandbox_calls.h"

#include <stddef.h>
#include <syslog.h>

int sandbox_calls_limit(bool unlinks UNUSED)
{
	return 0;
}

const char *const sandbox_calls_note =
	"built without libseccomp: the service manager alone limits system "
	"calls (SystemCallFilter=)";
const int sandbox_calls_note_level = LOG_NOTICE;
