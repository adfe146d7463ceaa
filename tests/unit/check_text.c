/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "common/macros.h"
#include "common/text.h"
#include "unit/harness.h"

#include <string.h>

START_TEST(every_control_character_is_masked)
{
	for (int byte = 1; byte < 256; byte++) {
		char text[] = { 'a', (char)byte, 'b', '\0' };

		text_mask_controls(text);
		ck_assert_int_eq(text[0], 'a');
		ck_assert_int_eq(text[2], 'b');
		ck_assert_int_eq(text[1],
				 byte < 32 || byte == 127 ? '?' : (char)byte);
	}
}
END_TEST

START_TEST(nothing_is_nothing)
{
	char text[] = "";

	text_mask_controls(text);
	ck_assert_str_eq(text, "");
}
END_TEST

/* Text, and what becomes of it. */
static const struct {
	const char *text, *masked;
} utf8[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80|",
	  "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80|" },
	{ "\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80",
	  "\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80" },
	{ "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
	  "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
	{ "a\xff"
	  "b\x80",
	  "a?b?" },
	{ "\xc0\xaf\xc1\xbf", "????" },	     /* a detour for one byte */
	{ "\xe0\x9f\xbf", "???" },	     /* for two */
	{ "\xf0\x8f\xbf\xbf", "????" },	     /* for three */
	{ "\xed\xa0\x80", "???" },	     /* half a surrogate pair */
	{ "\xf4\x90\x80\x80\xf5", "?????" }, /* above U+10FFFF */
	{ "\xc3", "?" },		     /* ends too early */
	{ "\xe2\x82", "??" },
	{ "\xf0\x9f\x98", "???" },
	{ "\xe2\x82z", "??z" },
};

START_TEST(what_is_not_utf8_is_masked)
{
	char text[32];

	strcpy(text, utf8[_i].text);
	text_mask_invalid(text);
	ck_assert_str_eq(text, utf8[_i].masked);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("text");
	TCase *tcase = tcase_create("text");

	tcase_add_test(tcase, every_control_character_is_masked);
	tcase_add_test(tcase, nothing_is_nothing);
	tcase_add_loop_test(tcase, what_is_not_utf8_is_masked, 0,
			    ARRAY_SIZE(utf8));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
