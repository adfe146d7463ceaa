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
	kernel_epoll_case,	kernel_stream_case,	kernel_urgent_case,
	kernel_exclusive_case,	kernel_tcp_end_case,	kernel_tcp_queue_case,
	kernel_tcp_listen_case, kernel_datagram_case,	kernel_address_case,
	kernel_unix_case,	kernel_descriptor_case,
};

int main(void)
{
	Suite *suite = suite_create("kernel");

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		TCase *part = parts[i]();

		tcase_set_timeout(part, TEST_TIMEOUT_SEC);
		suite_add_tcase(suite, part);
	}
	return harness_run(suite);
}
