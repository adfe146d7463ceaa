/* SPDX-License-Identifier: MIT */
/*
 * Memory in a descriptor (memfd_create(2)), which outlives the process that
 * writes to it, whatever that one dies of.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 4096

static int memory(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, SIZE), 0);
	return fd;
}

static volatile uint64_t *map(int fd)
{
	void *bytes =
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ck_assert_ptr_ne(bytes, MAP_FAILED);
	return bytes;
}

/* So whoever maps it need not fear SIGBUS. */
START_TEST(sealed_memory_keeps_its_size_and_its_seals)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int fd = memory();

	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	ck_assert_int_eq(fcntl(fd, F_GET_SEALS), seals);
	ck_assert_int_eq(ftruncate(fd, SIZE / 2), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(fd, 2 * SIZE), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	ck_assert_int_eq(errno, EPERM);
	map(fd)[0] = 1;
	ck_assert_uint_eq(map(fd)[0], 1);
}
END_TEST

START_TEST(memory_without_seals_can_be_shrunk)
{
	ck_assert_int_eq(ftruncate(memory(), SIZE / 2), 0);
}
END_TEST

/* And the last thing that it wrote is there. */
START_TEST(memory_survives_sigkill_of_its_writer)
{
	int fd = memory(), status;
	pid_t writer = fork();

	ck_assert_int_ge(writer, 0);
	if (writer == 0) {
		map(fd)[1] = 42;
		(void)raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(writer, &status, 0), writer);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_uint_eq(map(fd)[1], 42);
}
END_TEST

TCase *kernel_memfd_case(void)
{
	TCase *part = tcase_create("memfd");

	tcase_add_test(part, sealed_memory_keeps_its_size_and_its_seals);
	tcase_add_test(part, memory_without_seals_can_be_shrunk);
	tcase_add_test(part, memory_survives_sigkill_of_its_writer);
	return part;
}
