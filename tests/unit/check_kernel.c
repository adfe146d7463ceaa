/* SPDX-License-Identifier: MIT */
/*
 * The promises of the kernel that the design of echod rests on, so that a
 * kernel that breaks one says so by the name of a test.  Not a line of echod
 * runs here.
 */
#include "config.h"

#include "unit/harness.h"
#include "unit/kernel.h"
#include "unit/sockets.h"

#include "common/macros.h"

static TCase *(*const parts[])(void) = {
	kernel_epoll_case,    kernel_exclusive_case,  kernel_urgent_case,
	kernel_tcp_end_case,  kernel_tcp_queue_case,  kernel_tcp_listen_case,
	kernel_datagram_case, kernel_address_case,    kernel_unix_case,
	kernel_train_case,    kernel_descriptor_case, kernel_memfd_case,
	kernel_source_case,
};

static void add_part(Suite *suite, TCase *part)
{
	tcase_set_timeout(part, TEST_TIMEOUT_SEC);
	suite_add_tcase(suite, part);
}

int main(void)
{
	Suite *suite = suite_create("kernel");
	TCase *part;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		add_part(suite, parts[i]());
	for (size_t i = 0; (part = kernel_stream_case(i)); i++)
		add_part(suite, part);
	return harness_run(suite);
}
