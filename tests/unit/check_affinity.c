/* SPDX-License-Identifier: MIT */
/*
 * Which CPU a worker is kept on.  The kernel is not asked: this machine may
 * have one CPU alone.
 */
#include "config.h"

#include "echod/affinity.h"
#include "unit/capture.h"
#include "unit/harness.h"
#include "unit/injection.h"

#include <sched.h>
#include <stdlib.h>

WRAPPED(int, pthread_setaffinity_np,
	(pthread_t thread, size_t size, const cpu_set_t *set));
WRAPPED(int, sched_getaffinity, (pid_t pid, size_t size, cpu_set_t *set));

static struct fault pin_fault, allowed_fault;
static cpu_set_t allowed, pinned;
static struct affinity affinity;
static int output;

int __wrap_pthread_setaffinity_np(pthread_t thread, size_t size,
				  const cpu_set_t *set)
{
	if (fault_strikes(&pin_fault))
		return pin_fault.error;
	if (!pthread_equal(thread, pthread_self()) || size != sizeof(pinned))
		ck_abort_msg("another thread");
	pinned = *set;
	return 0;
}

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	if (fault_strikes(&allowed_fault))
		return -1;
	if (pid != 0 || size != sizeof(allowed))
		ck_abort_msg("another process");
	*set = allowed;
	return 0;
}

static void setup(void)
{
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	output = stderr_capture();
}

static void parse(const char *text)
{
	const char *reason;

	ck_assert_int_eq(affinity_parse(&affinity, text, &reason), 0);
}

/* The one CPU that the worker is pinned to; -1: to none. */
static int cpu_of(size_t index)
{
	int found = -1;

	CPU_ZERO(&pinned);
	ck_assert_int_eq(affinity_pin(&affinity, pthread_self(), index), 0);
	ck_assert_int_le(CPU_COUNT(&pinned), 1);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET((size_t)cpu, &pinned))
			found = cpu;
	}
	stderr_expect_nothing(output);
	return found;
}

static const struct {
	const char *text;
	int cpus[6]; /* of workers 0 to 5 */
} lists[] = {
	{ "0", { 0, 0, 0, 0, 0, 0 } },
	{ "1023", { 1023, 1023, 1023, 1023, 1023, 1023 } },
	{ "0-3,8", { 0, 1, 2, 3, 8, 0 } },
	{ "8,0-3", { 8, 0, 1, 2, 3, 8 } },
	{ "2 5-6", { 2, 5, 6, 2, 5, 6 } },
	{ " 1 ,\t4,", { 1, 4, 1, 4, 1, 4 } },
	{ "7,7,9", { 7, 7, 9, 7, 7, 9 } },
	{ "3-3,007", { 3, 7, 3, 7, 3, 7 } },
};

START_TEST(worker_gets_its_place_in_the_list)
{
	parse(lists[_i].text);
	for (size_t i = 0; i < ARRAY_SIZE(lists[_i].cpus); i++)
		ck_assert_int_eq(cpu_of(i), lists[_i].cpus[i]);
}
END_TEST

START_TEST(large_index_comes_round)
{
	parse("0-1023");
	ck_assert_int_eq(cpu_of(1023), 1023);
	ck_assert_int_eq(cpu_of(1024), 0);
	ck_assert_int_eq(cpu_of(1024000000001), 1);
}
END_TEST

START_TEST(auto_is_what_the_process_may_use)
{
	static const int cpus[] = { 2, 5, 1023 };

	CPU_ZERO(&allowed);
	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++)
		CPU_SET((size_t)cpus[i], &allowed);
	parse("auto");
	for (size_t i = 0; i < 9; i++)
		ck_assert_int_eq(cpu_of(i), cpus[i % ARRAY_SIZE(cpus)]);
}
END_TEST

START_TEST(no_is_left_to_the_kernel)
{
	parse("no");
	ck_assert_int_eq(cpu_of(0), -1);
	ck_assert_uint_eq(pin_fault.calls, 0);
	ck_assert_uint_eq(allowed_fault.calls, 0);
}
END_TEST

static const char *const no_lists[] = {
	"",
	" ",
	",",
	"all",
	"0-",
	"-1",
	"1-0",
	"3-1",
	"0-x",
	"0,x",
	"1024",
	"0-1024",
	"0x1",
	"+1",
	"1;2",
	"0--1",
	"1-2-3",
	"Auto",
	"18446744073709551617",
};

START_TEST(what_is_no_list_is_refused)
{
	const char *reason = NULL;

	ck_assert_int_eq(affinity_parse(&affinity, no_lists[_i], &reason),
			 -EINVAL);
	ck_assert_str_eq(reason, "is neither 'no', 'auto' nor a list of CPUs "
				 "(such as 0-3,8)");
}
END_TEST

START_TEST(cpu_that_is_not_there_is_named)
{
	parse("0,77");
	pin_fault = (struct fault){ .times = 1, .error = EINVAL };
	ck_assert_int_eq(affinity_pin(&affinity, pthread_self(), 3), -EINVAL);
	stderr_expect(output,
		      "echod: cannot keep worker 4 on CPU 77: Invalid argument "
		      "(name CPUs that are online, and in the process's "
		      "cpuset: see lscpu, and AllowedCPUs= of the service)");
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(filter_for_system_calls_is_named)
{
	parse("0");
	pin_fault = (struct fault){ .times = 1, .error = EPERM };
	ck_assert_int_eq(affinity_pin(&affinity, pthread_self(), 0), -EPERM);
	stderr_expect(output,
		      "echod: cannot keep worker 1 on CPU 0: Operation not "
		      "permitted (a service needs "
		      "SystemCallFilter=sched_setaffinity)");
	stderr_expect_nothing(output);
}
END_TEST

START_TEST(cpus_that_cannot_be_found_out_are_an_error)
{
	parse("auto");
	allowed_fault = (struct fault){ .times = 1, .error = EINVAL };
	ck_assert_int_eq(affinity_pin(&affinity, pthread_self(), 0), -EINVAL);
	stderr_expect(output,
		      "echod: cannot find out which CPUs may be used: Invalid "
		      "argument (give --cpu-affinity= a list of them)");
	ck_assert_uint_eq(pin_fault.calls, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("affinity");
	TCase *tcase = tcase_create("affinity");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, worker_gets_its_place_in_the_list, 0,
			    ARRAY_SIZE(lists));
	tcase_add_test(tcase, large_index_comes_round);
	tcase_add_test(tcase, auto_is_what_the_process_may_use);
	tcase_add_test(tcase, no_is_left_to_the_kernel);
	tcase_add_loop_test(tcase, what_is_no_list_is_refused, 0,
			    ARRAY_SIZE(no_lists));
	tcase_add_test(tcase, cpu_that_is_not_there_is_named);
	tcase_add_test(tcase, filter_for_system_calls_is_named);
	tcase_add_test(tcase, cpus_that_cannot_be_found_out_are_an_error);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
