/* SPDX-License-Identifier: MIT */
/*
 * What a process in the sandbox can do no more, and what it still can.  Each
 * attempt is a child's, which the kernel ends, or which tells by its status.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/sandbox.h"
#include "unit/harness.h"
#include "unit/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct intake intake;
static int stream = -1; /* opened before */
static pid_t parent;
static char other[] = "/tmp/check_sandbox.XXXXXX"; /* somebody's file */

static struct intake_socket own;

/* Two Unix datagram sockets: a bound one, and one that sends to it. */
static int ours;
static struct address theirs = { .length = sizeof(sa_family_t) };

static void abstract_pair(void)
{
	theirs.any.sa_family = AF_UNIX;
	theirs = fd_address(fd_bound(SOCK_DGRAM, &theirs));
	ours = fd_open(AF_UNIX, SOCK_DGRAM);
}

/* 0, or the errno of what it tries. */
typedef int attempt(void);

/* What a child comes to in the sandbox; `calls`: and with few calls. */
static int status_of(attempt *try, bool calls)
{
	int status;
	pid_t pid;

	stream = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_ge(stream, 0);
	parent = getpid();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		sandbox_prepare();
		if (sandbox_give_up_files(&intake) < 0 ||
		    (calls && sandbox_limit_calls(&intake) < 0))
			_exit(255);
		_exit(try());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	close(stream);
	return status;
}

static int error_of(long result)
{
	return result < 0 ? errno : 0;
}

static int open_file(void)
{
	return error_of(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static int open_internet(void)
{
	return error_of(socket(AF_INET, SOCK_STREAM, 0));
}

static int open_unix(void)
{
	return error_of(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int connect_to_loopback(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	return error_of(connect(stream, (const struct sockaddr *)&address,
				sizeof(address)));
}

static int bind_anywhere(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };

	return error_of(bind(stream, (const struct sockaddr *)&address,
			     sizeof(address)));
}

static int execute(void)
{
	char *arguments[] = { NULL };

	return error_of(execve("/bin/true", arguments, arguments));
}

static int trace(void)
{
	return error_of(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int make_executable(void)
{
	return error_of(mprotect(&intake, 1, PROT_READ | PROT_EXEC));
}

static int make_process(void)
{
	return error_of(fork());
}

static int kill_parent(void)
{
	return error_of(kill(parent, 0));
}

static int be_dumpable(void)
{
	return error_of(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int other_ioctl(void)
{
	int on = 1;

	return error_of(ioctl(stream, FIONBIO, &on));
}

static int remove_other(void)
{
	return error_of(unlink(other));
}

static int truncate_other(void)
{
	return error_of(truncate(other, 0));
}

static attempt *const forbidden[] = {
	open_file,     open_internet,  open_unix,   connect_to_loopback,
	bind_anywhere, execute,	       trace,	    make_executable,
	make_process,  kill_parent,    be_dumpable, other_ioctl,
	remove_other,  truncate_other,
};

START_TEST(other_calls_end_it)
{
	int status = status_of(forbidden[_i], true);

	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
		      "its status is %#x", (unsigned)status);
}
END_TEST

static int map_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
		       ? errno
		       : 0;
}

static int catch_faults(void)
{
	return signal(SIGSYS, SIG_IGN) == SIG_ERR ? errno : 0;
}

static int skip_call(void)
{
	return error_of(syscall(-1));
}

static int restart(void)
{
	return error_of(syscall(SYS_restart_syscall));
}

static int use_heap(void)
{
	for (size_t size = 1; size < (size_t)8 << 20; size *= 2) {
		void *volatile memory = malloc(size);

		if (!memory)
			return ENOMEM;
		free(memory);
	}
	return 0;
}

static int disconnect(void)
{
	sa_family_t nobody = AF_UNSPEC;

	return error_of(connect(stream, (const struct sockaddr *)&nobody,
				sizeof(nobody)));
}

static const struct {
	attempt *attempt;
	int error;
} answers[] = {
	{ map_memory, ENOMEM }, { catch_faults, EPERM }, { skip_call, ENOSYS },
	{ restart, EINTR },	{ use_heap, 0 },	 { disconnect, 0 },
};

START_TEST(some_calls_have_an_answer)
{
	int status = status_of(answers[_i].attempt, true);

	ck_assert_msg(WIFEXITED(status) &&
			      WEXITSTATUS(status) == answers[_i].error,
		      "its status is %#x", (unsigned)status);
}
END_TEST

static sem_t began, limited;

static void *thread_run(void *argument UNUSED)
{
	(void)sem_post(&began);
	while (sem_wait(&limited) < 0)
		;
	(void)open_unix();
	return NULL;
}

/* A thread that was there before is limited, too. */
START_TEST(all_threads_are_limited)
{
	pthread_t thread;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		sandbox_prepare();
		(void)sem_init(&began, 0, 0);
		(void)sem_init(&limited, 0, 0);
		if (pthread_create(&thread, NULL, thread_run, NULL) != 0)
			_exit(1);
		while (sem_wait(&began) < 0)
			;
		if (sandbox_limit_calls(&intake) < 0)
			_exit(2);
		(void)sem_post(&limited);
		(void)pthread_join(thread, NULL);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
		      "its status is %#x", (unsigned)status);
}
END_TEST

/* --- Without the list of calls: Landlock, and what is the process's --- */

static long landlock_abi(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
}

static int tell_dumpable(void)
{
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
}

static int tell_no_new_privileges(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static int send_to_abstract(void)
{
	return sendto(ours, "", 1, 0, &theirs.any, theirs.length) < 0 ? errno
								      : 0;
}

static int remove_own(void)
{
	return error_of(unlink(own.identity.local.un.sun_path));
}

static const struct {
	attempt *attempt;
	int abi, result;
} denied[] = {
	{ open_file, 1, EACCES },      { execute, 1, EACCES },
	{ remove_other, 1, EACCES },   { connect_to_loopback, 4, EACCES },
	{ truncate_other, 3, EACCES }, { bind_anywhere, 4, EACCES },
	{ kill_parent, 6, EPERM },     { send_to_abstract, 6, EPERM },
	{ tell_dumpable, -1, 0 },      { tell_no_new_privileges, -1, 1 },
};

START_TEST(files_and_the_network_are_gone)
{
	int status;

	if (landlock_abi() < denied[_i].abi)
		return;
	abstract_pair();
	ck_assert_int_eq(close(mkstemp(other)), 0);
	status = status_of(denied[_i].attempt, false);
	ck_assert_int_eq(unlink(other), 0);
	ck_assert_msg(WIFEXITED(status) &&
			      WEXITSTATUS(status) == denied[_i].result,
		      "its status is %#x", (unsigned)status);
}
END_TEST

/* A client of a Unix datagram socket may have an abstract name. */
START_TEST(unix_datagrams_are_answered_all_the_same)
{
	abstract_pair();
	own.identity.family = AF_UNIX;
	own.identity.kind = SOCKET_DATAGRAM;
	own.passed = true;
	intake.sockets = &own;
	intake.count = 1;
	ck_assert_int_eq(status_of(send_to_abstract, false), 0);
}
END_TEST

/* `_i`: and with few calls. */
START_TEST(its_own_file_can_be_removed)
{
	char directory[] = "/tmp/check_sandbox.its.path.is.as.long.as.may.be."
			   ".................................................."
			   "XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(directory));
	own.identity.local.un.sun_family = AF_UNIX;
	(void)snprintf(own.identity.local.un.sun_path, 108, "%s/s", directory);
	ck_assert_uint_eq(strlen(own.identity.local.un.sun_path), 107);
	ck_assert_int_eq(mknod(own.identity.local.un.sun_path, S_IFIFO, 0), 0);
	intake.sockets = &own;
	intake.count = 1;
	ck_assert_int_eq(close(mkstemp(other)), 0);
	if (landlock_abi() >= 1)
		ck_assert_int_ne(status_of(remove_other, _i == 1), 0);
	ck_assert_int_eq(unlink(other), 0);
	ck_assert_int_eq(status_of(remove_own, _i == 1), 0);
	ck_assert_int_eq(access(own.identity.local.un.sun_path, F_OK), -1);
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *calls = tcase_create("calls"), *files = tcase_create("files");

	if (SECCOMP_IS_THERE) {
		tcase_add_loop_test(calls, other_calls_end_it, 0,
				    ARRAY_SIZE(forbidden));
		tcase_add_loop_test(calls, some_calls_have_an_answer, 0,
				    ARRAY_SIZE(answers));
		tcase_add_test(calls, all_threads_are_limited);
	}
	tcase_add_loop_test(files, files_and_the_network_are_gone, 0,
			    ARRAY_SIZE(denied));
	tcase_add_test(files, unix_datagrams_are_answered_all_the_same);
	tcase_add_loop_test(files, its_own_file_can_be_removed, 0, 2);
	suite_add_tcase(suite, calls);
	suite_add_tcase(suite, files);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
