/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "unit/instance_rig.h"

#include "unit/harness.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t now_usec(void)
{
	struct timespec now;

	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (uint64_t)now.tv_sec * USEC_PER_SEC +
	       (uint64_t)now.tv_nsec / 1000;
}

void signal_itself(int number)
{
	(void)kill(getpid(), number);
}

void end_instance(struct record *of, ending *end, int number)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)prctl(PR_SET_DUMPABLE, 0);
		(void)signal(number, SIG_DFL);
		if (record_catch_faults(of) < 0)
			_exit(1);
		STATS_COUNT(record_stats(of, 1), bytes_sent, 7);
		end(number);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == number,
		      "its status is %#x", (unsigned)status);
}
