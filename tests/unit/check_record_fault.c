/* SPDX-License-Identifier: MIT */
/*
 * How a fault ends the process, and what it leaves in the record.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/record.h"
#include "unit/capture.h"
#include "unit/harness.h"
#include "unit/injection.h"
#include "unit/instance_rig.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct record record;

static void setup(void)
{
	ck_assert_int_eq(record_create(&record, 2, NULL), 0);
}

static void teardown(void)
{
	record_close(&record);
}

static void raise_signal(int number)
{
	(void)raise(number);
}

static void abort_process(int number UNUSED)
{
	abort();
}

static void touch_nothing(int number UNUSED)
{
	char *page =
		mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*(volatile char *)page = 1;
}

/* A page of a file that has none. */
static void touch_beyond_the_end(int number UNUSED)
{
	int fd = memfd_create("short", MFD_CLOEXEC);
	char *page =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	*(volatile char *)page = 1;
}

static void *abort_thread(void *argument UNUSED)
{
	abort();
}

static void abort_in_a_thread(int number UNUSED)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, abort_thread, NULL) == 0)
		(void)pthread_join(thread, NULL);
}

static const struct {
	ending *end;
	int number;
	bool fault;
} endings[] = {
	{ raise_signal, SIGSEGV, true },
	{ raise_signal, SIGBUS, true },
	{ raise_signal, SIGILL, true },
	{ raise_signal, SIGFPE, true },
	{ raise_signal, SIGABRT, true },
	{ signal_itself, SIGSEGV, true },
	{ signal_itself, SIGABRT, true },
	{ abort_process, SIGABRT, true },
	{ abort_in_a_thread, SIGABRT, true },
	{ touch_nothing, SIGSEGV, true },
	{ touch_beyond_the_end, SIGBUS, true },
	{ signal_itself, SIGKILL, false },
	{ signal_itself, SIGTERM, false },
	{ signal_itself, SIGQUIT, false },
	{ signal_itself, SIGUSR1, false },
	{ raise_signal, SIGSYS, true }, /* the last: not under Valgrind */
};
#define UNDER_VALGRIND ((int)ARRAY_SIZE(endings) - 1)

START_TEST(faults_leave_their_time)
{
	uint64_t before = now_usec(), at;
	struct stats_snapshot sum = { 0 };

	end_instance(&record, endings[_i].end, endings[_i].number);
	at = atomic_load(&record.head->faulted_at);
	if (endings[_i].fault) {
		ck_assert_uint_ge(at, before);
		ck_assert_uint_le(at, now_usec());
	} else {
		ck_assert_uint_eq(at, 0);
	}
	stats_collect(record_stats(&record, 1), &sum);
	ck_assert_uint_eq(sum.values[COUNTER_bytes_sent], 7);
}
END_TEST

static int forbidden_call;

/* As the kernel does it to who calls what its filter does not permit. */
static void forbid(int number)
{
	siginfo_t info = {
		.si_signo = number,
		.si_code = 1, /* SYS_SECCOMP */
		.si_syscall = forbidden_call,
	};

	(void)syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), number, &info);
}

/* As abort(3) calls what is forbidden; its number is another. */
static void forbid_an_alarm(int number UNUSED)
{
	forbid(SIGSYS);
}

static const int alarms[] = { SYS_gettid, SYS_writev };

START_TEST(an_alarm_ends_it_by_abort)
{
	int fd = stderr_capture();

	forbidden_call = alarms[_i];
	end_instance(&record, forbid_an_alarm, SIGABRT);
	stderr_expect(fd, "echod: it found that something is wrong with "
			  "itself: it ends (please report this)");
	stderr_expect_nothing(fd);
}
END_TEST

static const int calls[] = { 0, 9, 10, 101, 4321 };

START_TEST(a_call_that_is_not_permitted_is_named)
{
	char line[128];
	int fd = stderr_capture();

	(void)snprintf(line, sizeof(line),
		       "echod: system call %d is none that echod needs: it "
		       "ends (please report this)",
		       calls[_i]);
	forbidden_call = calls[_i];
	end_instance(&record, forbid, SIGSYS);
	stderr_expect(fd, line);
}
END_TEST

/* As a tracer does that lets go while the signal is delivered: ptrace(2). */
static int signals_taken;

WRAPPED(int, kill, (pid_t process, int number));

int __wrap_kill(pid_t process, int number)
{
	if (signals_taken == 0)
		return __real_kill(process, number);
	signals_taken--;
	return 0;
}

START_TEST(a_signal_that_was_taken_is_sent_again)
{
	signals_taken = 1;
	end_instance(&record, raise_signal, SIGABRT);
}
END_TEST

START_TEST(a_log_that_nobody_reads_is_not_waited_for)
{
	(void)stderr_capture();
	(void)stderr_fill();
	forbidden_call = calls[0];
	end_instance(&record, forbid, SIGSYS);
}
END_TEST

/* The signals are whose they were, and the memory is gone. */
START_TEST(a_closed_record_catches_nothing)
{
	static const int numbers[] = { SIGSEGV, SIGBUS,	 SIGILL,
				       SIGFPE,	SIGABRT, SIGSYS };
	struct sigaction before[ARRAY_SIZE(numbers)], after;
	void *memory = record.head;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		ck_assert_int_eq(sigaction(numbers[i], NULL, &before[i]), 0);
	ck_assert_int_eq(record_catch_faults(&record), 0);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		ck_assert_int_eq(sigaction(numbers[i], NULL, &after), 0);
		ck_assert(after.sa_handler != before[i].sa_handler);
	}
	record_close(&record);
	ck_assert_int_eq(madvise(memory, 1, MADV_NORMAL), -1);
	ck_assert_int_eq(errno, ENOMEM);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		ck_assert_int_eq(sigaction(numbers[i], NULL, &after), 0);
		ck_assert(after.sa_handler == before[i].sa_handler);
	}
}
END_TEST

START_TEST(closing_another_record_changes_nothing)
{
	struct sigaction before, after;
	struct record other;

	ck_assert_int_eq(record_create(&other, 1, NULL), 0);
	ck_assert_int_eq(record_catch_faults(&record), 0);
	ck_assert_int_eq(sigaction(SIGFPE, NULL, &before), 0);
	record_close(&other);
	ck_assert_int_eq(sigaction(SIGFPE, NULL, &after), 0);
	ck_assert(after.sa_handler == before.sa_handler);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("record_fault");
	TCase *tcase = tcase_create("fault"), *sigsys = tcase_create("sigsys");

	tcase_set_tags(sigsys, NOT_UNDER_VALGRIND);
	tcase_add_checked_fixture(sigsys, setup, teardown);
	tcase_add_loop_test(sigsys, faults_leave_their_time, UNDER_VALGRIND,
			    ARRAY_SIZE(endings));
	tcase_add_loop_test(sigsys, a_call_that_is_not_permitted_is_named, 0,
			    ARRAY_SIZE(calls));
	tcase_add_loop_test(sigsys, an_alarm_ends_it_by_abort, 0,
			    ARRAY_SIZE(alarms));
	tcase_add_test(sigsys, a_log_that_nobody_reads_is_not_waited_for);
	suite_add_tcase(suite, sigsys);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, faults_leave_their_time, 0, UNDER_VALGRIND);
	tcase_add_test(tcase, a_closed_record_catches_nothing);
	tcase_add_test(tcase, closing_another_record_changes_nothing);
	tcase_add_test(tcase, a_signal_that_was_taken_is_sent_again);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
