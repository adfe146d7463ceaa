/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "common/standard.h"
#include "echod/descriptors.h"
#include "echod/log.h"
#include "echod/options.h"
#include "echod/sandbox.h"
#include "echod/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* As for init scripts in the LSB, which systemd.exec(5) follows. */
enum exit_status {
	EXIT_STATUS_OK = 0,
	EXIT_STATUS_FAILED = 1,
	EXIT_STATUS_USAGE = 2,
	EXIT_STATUS_PERMISSION = 4,
};

static enum exit_status serve(const struct options *options)
{
	int error;

	log_set_level(options->log_level);
	descriptors_reserve();
	sandbox_prepare();
	error = log_start(sandbox_join);
	if (error == 0)
		error = server_run(options);
	else
		log_message(LOG_ERR, MESSAGE_FAILED,
			    "cannot start a thread (raise TasksMax= or "
			    "ulimit -u)");
	log_stop();
	if (error == -EACCES || error == -EPERM)
		return EXIT_STATUS_PERMISSION;
	return error < 0 ? EXIT_STATUS_FAILED : EXIT_STATUS_OK;
}

int main(int argc, char *argv[])
{
	enum exit_status status = EXIT_STATUS_OK;
	char error[OPTION_ERROR_MAX];
	struct options options;

	standard_hold_places();
	switch (options_parse(&options, argc, argv, error)) {
	case OPTION_RUN:
		status = serve(&options);
		break;
	case OPTION_HELP:
		options_print_help(stdout);
		break;
	case OPTION_VERSION:
		puts(PACKAGE_STRING);
		break;
	case OPTION_WRONG:
		fprintf(stderr, "echod: %s\n", error);
		status = EXIT_STATUS_USAGE;
		break;
	}
	options_deinit(&options);
	if (fflush(stdout) != 0)
		status = EXIT_STATUS_FAILED;
	exit((int)status);
}
