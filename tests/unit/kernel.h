/* SPDX-License-Identifier: MIT */
/*
 * The parts of check_kernel, one file each.
 */
#ifndef ECHOD_TESTS_UNIT_KERNEL_H
#define ECHOD_TESTS_UNIT_KERNEL_H

#include <check.h>
#include <stddef.h>

TCase *kernel_epoll_case(void);	     /* edges: when they come, when not */
TCase *kernel_urgent_case(void);     /* out-of-band data */
TCase *kernel_exclusive_case(void);  /* one listener, several waiters */
TCase *kernel_tcp_end_case(void);    /* FIN, RST, and what is delivered */
TCase *kernel_tcp_queue_case(void);  /* what is counted, and peeked at */
TCase *kernel_tcp_listen_case(void); /* accepting, and what is inherited */
TCase *kernel_datagram_case(void);
TCase *kernel_train_case(void);	     /* many datagrams in one message */
TCase *kernel_address_case(void);    /* who asked whom, groups, spoofing */
TCase *kernel_source_case(void);     /* which addresses are ours */
TCase *kernel_unix_case(void);	     /* records, ends, full queues */
TCase *kernel_descriptor_case(void); /* descriptors passed (SCM_RIGHTS) */
TCase *kernel_memfd_case(void);	     /* memory that outlives a process */

/* What every kind of stream promises, by kind; NULL when there are no more. */
TCase *kernel_stream_case(size_t index);

#endif
