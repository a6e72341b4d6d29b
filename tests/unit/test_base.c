/* test_base.c - errors, strings and numbers of base/. */
#include "base/error.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void an_error_keeps_whole_characters(void **state) {
	(void)state;
	char text[2 * ERROR_TEXT_SIZE] = "";
	for (size_t i = 0; i + 3 < sizeof(text); i += 3) {
		memcpy(text + i, "\xe5\xb9\xbf", 4); /* 广 */
	}
	struct error err;
	assert_int_equal(error_set(&err, EINVAL, "x%s", text), -EINVAL);
	assert_true(utf8_valid(err.text, strlen(err.text)));
	assert_true(strlen(err.text) > ERROR_TEXT_SIZE - 5);
}

static void a_format_is_cut_at_a_character(void **state) {
	(void)state;
	static const char *const cut[] = {"",
					  "",
					  "",
					  "",
					  "\xe5\xb9\xbf",
					  "\xe5\xb9\xbf",
					  "\xe5\xb9\xbf",
					  "\xe5\xb9\xbf\xe5\xb9\xbf"};
	for (size_t size = 1; size < sizeof(cut) / sizeof(cut[0]); size++) {
		char text[8];
		str_format(text, size, "%s%s", "\xe5\xb9\xbf", "\xe5\xb9\xbf");
		assert_string_equal(text, cut[size]);
	}
}

static void an_error_is_prefixed(void **state) {
	(void)state;
	struct error err;
	error_set_field(&err, ENOENT, "pcm", "no such card");
	assert_int_equal(error_prefix(&err, "output '%s': ", "Hall"), -ENOENT);
	assert_string_equal(err.text, "output 'Hall': no such card");
	assert_string_equal(err.field, "pcm");
}

static void utf8_is_judged(void **state) {
	(void)state;
	static const struct {
		const char *text;
		bool valid;
	} cases[] = {
		{"", true},
		{"abc", true},
		{"大喇叭", true},
		{"\xf0\x9f\x93\xa2", true},
		{"\x80", false},
		{"\xc0\x80", false},
		{"\xe4\xb8", false},
		{"\xed\xa0\x80", false},
		{"\xf5\x80", false},
		{"a\xff", false},
		{"\xe0\x80\x80", false},
		{"\xf4\x90\x80\x80", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(utf8_valid(cases[i].text, strlen(cases[i].text)),
				 cases[i].valid);
	}
}

static void integers_are_parsed_whole(void **state) {
	(void)state;
	static const struct {
		const char *text;
		int ret;
		int64_t value;
	} cases[] = {
		{"0", 0, 0},        {"-5", 0, -5},
		{"99", 0, 99},      {"100", -ERANGE, 0},
		{"", -EINVAL, 0},   {"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0}, {"1x", -EINVAL, 0},
		{"-", -EINVAL, 0},  {"99999999999999999999", -ERANGE, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t value = 0;
		assert_int_equal(parse_int64(cases[i].text, -10, 99, &value),
				 cases[i].ret);
		assert_int_equal(value, cases[i].value);
	}
}

static void a_string_grows(void **state) {
	(void)state;
	AUTO(str_done) struct str s = STR_INIT;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(str_printf(&s, "%d,", i), 0);
	}
	assert_int_equal(s.len, 10 * 2 + 90 * 3 + 900 * 4);
	assert_int_equal(strlen(s.data), s.len);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_keeps_whole_characters),
		cmocka_unit_test(a_format_is_cut_at_a_character),
		cmocka_unit_test(an_error_is_prefixed),
		cmocka_unit_test(utf8_is_judged),
		cmocka_unit_test(integers_are_parsed_whole),
		cmocka_unit_test(a_string_grows),
	};
	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
