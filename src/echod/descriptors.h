/* SPDX-License-Identifier: MIT */
/*
 * The process's table of descriptors.
 */
#ifndef ECHOD_DESCRIPTORS_H
#define ECHOD_DESCRIPTORS_H

/*
 * Raise the limit on descriptors as far as it may be, and let the table be
 * large before there are threads.  When a table that threads share has to grow,
 * as it does at 64 descriptors, 128, 256 and so on, whoever needs one waits for
 * all CPUs (an RCU grace period, 10 to 20 ms), and so do all its connections.
 */
void descriptors_reserve(void);

#endif
