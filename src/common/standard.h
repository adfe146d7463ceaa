/* SPDX-License-Identifier: MIT */
/*
 * Standard input, output and error.  A program may be started with some of them
 * closed (`echod 2>&-`): the next descriptor that it opens takes the place, and
 * what is meant for standard error is then written to a socket, or to a file.
 */
#ifndef ECHOD_COMMON_STANDARD_H
#define ECHOD_COMMON_STANDARD_H

/*
 * Take the places of those that are closed, before anything else is opened.  To
 * read from them or to write to them fails with EBADF all the same, and is
 * told.
 */
void standard_hold_places(void);

#endif
