/* SPDX-License-Identifier: MIT */
/*
 * What a fault leaves in the record, and when the record is poisoned.
 */
#include "config.h"

#include "common/macros.h"
#include "echod/record.h"
#include "unit/capture.h"
#include "unit/harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
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

static uint64_t now_usec(void)
{
	struct timespec now;

	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (uint64_t)now.tv_sec * USEC_PER_SEC +
	       (uint64_t)now.tv_nsec / 1000;
}

typedef void ending(int number);

static void raise_signal(int number)
{
	(void)raise(number);
}

static void send_signal(int number)
{
	(void)kill(getpid(), number);
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

/*
 * An instance that counts, and ends by this.  Without a core dump, and without
 * a sanitizer's report, which would end it otherwise.
 */
static void end_instance(struct record *of, ending *end, int number)
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
	{ send_signal, SIGSEGV, true },
	{ send_signal, SIGABRT, true },
	{ abort_process, SIGABRT, true },
	{ abort_in_a_thread, SIGABRT, true },
	{ touch_nothing, SIGSEGV, true },
	{ touch_beyond_the_end, SIGBUS, true },
	{ send_signal, SIGKILL, false },
	{ send_signal, SIGTERM, false },
	{ send_signal, SIGQUIT, false },
	{ send_signal, SIGUSR1, false },
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

/* The signals are whose they were, and the memory is gone. */
START_TEST(a_closed_record_catches_nothing)
{
	static const int numbers[] = { SIGSEGV, SIGBUS,	 SIGILL,
				       SIGFPE,	SIGABRT, SIGSYS };
	struct sigaction before[ARRAY_SIZE(numbers)], after;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		ck_assert_int_eq(sigaction(numbers[i], NULL, &before[i]), 0);
	ck_assert_int_eq(record_catch_faults(&record), 0);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		ck_assert_int_eq(sigaction(numbers[i], NULL, &after), 0);
		ck_assert(after.sa_handler != before[i].sa_handler);
	}
	record_close(&record);
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

/* The next instance, which goes on from this one. */
static void succeed(void)
{
	struct record next;

	ck_assert_int_eq(record_create(&next, 2, NULL), 0);
	ck_assert(record_continue(&next, record.fd));
	record_close(&record);
	record = next;
}

/* These many instances end by this. */
static void run_instances(int count, int number)
{
	for (int i = 0; i < count; i++) {
		end_instance(&record, send_signal, number);
		succeed();
	}
}

/* How far apart these processes are is not ours to say: as if at once. */
static void bring_together(void)
{
	uint64_t now = now_usec();

	for (int i = 0; i < RECORD_FAULTS; i++) {
		if (record.head->faults[i] != 0)
			record.head->faults[i] = now;
	}
}

static bool is_poisoned(void)
{
	bring_together();
	return record_is_poisoned(&record);
}

START_TEST(the_third_fault_in_a_row_poisons)
{
	run_instances(2, SIGABRT);
	ck_assert(!is_poisoned());
	run_instances(1, SIGSEGV);
	ck_assert(is_poisoned());
	run_instances(1, SIGABRT);
	ck_assert(is_poisoned());
	record_absolve(&record);
	ck_assert(!is_poisoned());
	run_instances(2, SIGABRT);
	ck_assert(!is_poisoned());
	run_instances(1, SIGABRT);
	ck_assert(is_poisoned());
}
END_TEST

START_TEST(any_other_end_breaks_the_row)
{
	run_instances(2, SIGABRT);
	run_instances(1, SIGKILL);
	ck_assert_uint_eq(record.head->faults[0], 0);
	run_instances(2, SIGABRT);
	ck_assert(!is_poisoned());
	run_instances(1, SIGABRT);
	ck_assert(is_poisoned());
	/* An orderly end. */
	succeed();
	ck_assert(!is_poisoned());
}
END_TEST

/* As a record that was left, and is continued, has them. */
START_TEST(marks_move_up)
{
	record.head->faulted_at = 9;
	record.head->faults[0] = 7;
	record.head->faults[1] = 5;
	record.head->faults[2] = 3;
	succeed();
	ck_assert_uint_eq(record.head->faulted_at, 0);
	ck_assert_uint_eq(record.head->faults[0], 9);
	ck_assert_uint_eq(record.head->faults[1], 7);
	ck_assert_uint_eq(record.head->faults[2], 5);
}
END_TEST

#define S INT64_C(1000000)

/* µs before now, newest first; `never`: no mark. */
#define never INT64_MAX
static const struct {
	int64_t ago[RECORD_FAULTS];
	bool poisoned;
} rows[] = {
	{ { 0, 0, 0 }, true },
	{ { 1, 2, 3 }, true },
	{ { S, 2 * S, 11 * S }, true },
	{ { S, 2 * S, 11 * S + 1 }, false },
	{ { S, 11 * S + 1, 11 * S + 1 }, false },
	/* It is their distance that matters, not how long ago they were. */
	{ { 100 * S, 101 * S, 110 * S }, true },
	{ { 100 * S, 101 * S, 111 * S }, false },
	{ { never, never, never }, false },
	{ { 1, never, never }, false },
	{ { 1, 2, never }, false },
	{ { 1, never, 3 }, false },
	{ { never, 2, 3 }, false },
	/* After a reboot the clock says less. */
	{ { -3600 * S, -3600 * S, -3600 * S }, false },
	{ { -3600 * S, 1, 2 }, false },
	{ { -S, 1, 2 }, false },
	/* No echod writes these. */
	{ { 3, 2, 1 }, false },
	{ { 1, 3, 2 }, false },
};

START_TEST(three_faults_within_ten_seconds_poison)
{
	uint64_t now = now_usec();

	for (int i = 0; i < RECORD_FAULTS; i++) {
		int64_t ago = rows[_i].ago[i];

		/* The machine has not been up for so long. */
		if (ago != never && (int64_t)now <= ago)
			return;
		record.head->faults[i] = ago == never ? 0 : now - (uint64_t)ago;
	}
	ck_assert(record_is_poisoned(&record) == rows[_i].poisoned);
	record_absolve(&record);
	ck_assert(!record_is_poisoned(&record));
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
	suite_add_tcase(suite, sigsys);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, faults_leave_their_time, 0, UNDER_VALGRIND);
	tcase_add_test(tcase, a_closed_record_catches_nothing);
	tcase_add_test(tcase, closing_another_record_changes_nothing);
	tcase_add_test(tcase, the_third_fault_in_a_row_poisons);
	tcase_add_test(tcase, any_other_end_breaks_the_row);
	tcase_add_test(tcase, marks_move_up);
	tcase_add_loop_test(tcase, three_faults_within_ten_seconds_poison, 0,
			    ARRAY_SIZE(rows));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
