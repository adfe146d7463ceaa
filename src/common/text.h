/* SPDX-License-Identifier: MIT */
/*
 * Text that others chose, made safe for a terminal.
 */
#ifndef ECHOD_COMMON_TEXT_H
#define ECHOD_COMMON_TEXT_H

/*
 * Replace control characters by `?`: one line stays one line, and no escape
 * sequence reaches a terminal.
 */
void text_mask_controls(char *text);

/* Replace bytes that are not UTF-8 by `?`, as XML, JSON and the like ask. */
void text_mask_invalid(char *text);

#endif
