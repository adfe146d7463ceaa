/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "common/text.h"

void text_mask_controls(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == '\x7f')
			*text = '?';
	}
}
