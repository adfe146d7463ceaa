/* SPDX-License-Identifier: MIT */
/*
 * What any filter of system calls costs: run a program under one that allows
 * everything, which the kernel knows without asking it (seccomp(2); since Linux
 * 5.11 it keeps a bitmap of the calls that a filter allows, whatever their
 * arguments).
 */
#include "config.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { .len = 1, .filter = &allow };

	if (argc < 2) {
		(void)fputs("usage: any-filter PROGRAM [ARGUMENT...]\n",
			    stderr);
		return 2;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) {
		perror("any-filter: cannot install a filter");
		return 1;
	}
	(void)execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 1;
}
