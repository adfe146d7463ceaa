/* SPDX-License-Identifier: MIT */
/*
 * The journal, by its native protocol, which systemd documents and keeps.
 *
 * Not by sd_journal_sendv(3): that opens its socket when it is first needed,
 * and perhaps a file in memory, when echod may do neither any more (sandbox.h).
 */
#ifndef ECHOD_JOURNAL_H
#define ECHOD_JOURNAL_H

#include "common/macros.h"

#include <sys/uio.h>

/* Open the socket, if it is not open yet; journal_sendv() would, too. */
void journal_open(void);

/*
 * Send an entry of these fields, NAME=value each, of which the values may be
 * anything; too long an entry is cut.  Waits for as long as the journal is
 * busy.  0 or -errno.
 */
int journal_sendv(const struct iovec *fields, int count);

#endif
