/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "common/text.h"

#include "common/macros.h"

void text_mask_controls(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == '\x7f')
			*text = '?';
	}
}

/*
 * How many bytes this character of UTF-8 has, by RFC 3629, table of section 4
 * (no detours, no surrogates, nothing above U+10FFFF); 0 if it is none.
 */
static size_t utf8_length(const unsigned char *text)
{
	static const struct {
		unsigned char first, last; /* of the first byte */
		unsigned char low, high;   /* of the second */
		size_t length;
	} forms[] = {
		{ 0x00, 0x7f, 0x00, 0xff, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t form = 0;

	while (form < ARRAY_SIZE(forms) &&
	       (text[0] < forms[form].first || text[0] > forms[form].last))
		form++;
	if (form == ARRAY_SIZE(forms))
		return 0;
	if (forms[form].length == 1)
		return 1;
	if (text[1] < forms[form].low || text[1] > forms[form].high)
		return 0;
	for (size_t i = 2; i < forms[form].length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return forms[form].length;
}

void text_mask_invalid(char *text)
{
	while (*text) {
		size_t length = utf8_length((const unsigned char *)text);

		if (length == 0)
			*text = '?';
		text += length > 0 ? length : 1;
	}
}
