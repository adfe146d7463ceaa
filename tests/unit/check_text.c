/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "common/text.h"
#include "unit/harness.h"

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

static Suite *make_suite(void)
{
	Suite *suite = suite_create("text");
	TCase *tcase = tcase_create("text");

	tcase_add_test(tcase, every_control_character_is_masked);
	tcase_add_test(tcase, nothing_is_nothing);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return harness_run(make_suite());
}
