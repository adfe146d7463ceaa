/* SPDX-License-Identifier: MIT */
/*
 * Nonces, also where there is no randomness yet.
 *
 * Link with -Wl,--wrap=clock_gettime, getpid and getrandom.
 */
#include "config.h"

#include "common/macros.h"
#include "echoping/message.h"
#include "unit/harness.h"
#include "unit/injection.h"

#include <string.h>
#include <sys/random.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static bool fake; /* the moment and the process; randomness is none, or: */
static bool random_is_there;
static struct timespec moment;
static pid_t process;
static unsigned asked_flags;
static size_t asked_size;

WRAPPED(ssize_t, getrandom, (void *bytes, size_t size, unsigned flags));
WRAPPED(int, clock_gettime, (clockid_t clock, struct timespec *now));
WRAPPED(pid_t, getpid, (void));

ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags)
{
	asked_size = size;
	asked_flags = flags;
	if (!fake)
		return __real_getrandom(bytes, size, flags);
	/* As if something had been written all the same. */
	memset(bytes, 0x77, size);
	errno = EAGAIN;
	return random_is_there ? (ssize_t)size : -1;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	if (!fake)
		return __real_clock_gettime(clock, now);
	ck_assert_int_eq(clock, CLOCK_REALTIME);
	*now = moment;
	return 0;
}

pid_t __wrap_getpid(void)
{
	return fake ? process : __real_getpid();
}

START_TEST(two_runs_have_two_nonces)
{
	uint64_t nonce = message_nonce();

	ck_assert_uint_ne(nonce, message_nonce());
	ck_assert_uint_eq(asked_size, sizeof(nonce));
	ck_assert_uint_eq(asked_flags, GRND_NONBLOCK);
}
END_TEST

START_TEST(a_nonce_is_random_if_it_can_be)
{
	uint64_t nonce;

	fake = random_is_there = true;
	nonce = message_nonce();
	fake = false;
	ck_assert_uint_eq(nonce, UINT64_C(0x7777777777777777));
}
END_TEST

static uint64_t nonce_at(time_t sec, long nsec, pid_t pid)
{
	uint64_t nonce;

	moment = (struct timespec){ .tv_sec = sec, .tv_nsec = nsec };
	process = pid;
	fake = true;
	nonce = message_nonce();
	fake = false;
	return nonce;
}

/* Second, nanosecond and process each make another one. */
START_TEST(without_randomness_time_and_process_tell_runs_apart)
{
	uint64_t nonce = nonce_at(1700000000, 123456789, 4321);

	ck_assert_uint_eq(nonce, nonce_at(1700000000, 123456789, 4321));
	ck_assert_uint_ne(nonce, nonce_at(1700000001, 123456789, 4321));
	ck_assert_uint_ne(nonce, nonce_at(1700000000, 123456790, 4321));
	ck_assert_uint_ne(nonce, nonce_at(1700000000, 123456789, 4322));
	/* The low bytes, which are all that short messages have, too. */
	ck_assert_uint_ne((uint8_t)nonce,
			  (uint8_t)nonce_at(1700000001, 123456789, 4321));
	/* Where the parts overlap, none hides another. */
	ck_assert_uint_ne(nonce_at(1 << 20, 0, 0), nonce_at(1 << 20, 0, 1));
	ck_assert_uint_ne(nonce_at(1 << 20, 0, 1), nonce_at(0, 0, 1));
	/* Nothing is lost at the upper end. */
	ck_assert_uint_ne(nonce_at(0, 999999999, 0), nonce_at(0, 0, 0));
	ck_assert_uint_ne(nonce_at(0, 0, 1 << 22), nonce_at(0, 0, 0));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("message_nonce");
	TCase *tcase = tcase_create("message_nonce");

	tcase_add_test(tcase, two_runs_have_two_nonces);
	tcase_add_test(tcase, a_nonce_is_random_if_it_can_be);
	tcase_add_test(tcase,
		       without_randomness_time_and_process_tell_runs_apart);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
