/* test_speech.c - the command line of the voice, the text it gets, and the judgement of
 * what it made. */
#include "audio/speech.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void commands_are_built(void **state) {
	(void)state;
	static const struct {
		const char *voice;
		double speed;
		const char *words; /* NULL: refused */
		const char *field;
	} cases[] = {
		{NULL, 1, "espeak-ng --stdin --stdout -b 1 -v cmn -s 175", ""},
		{"", 1, "espeak-ng --stdin --stdout -b 1 -v cmn -s 175", ""},
		{"en-us+f3", 0.5, "espeak-ng --stdin --stdout -b 1 -v en-us+f3 -s 88",
		 ""},
		{"cmn-latn-pinyin", 2,
		 "espeak-ng --stdin --stdout -b 1 -v cmn-latn-pinyin -s 350", ""},
		{"cmn", 0.49, NULL, "speed"},
		{"cmn", 2.01, NULL, "speed"},
		{"cmn", NAN, NULL, "speed"},
		{"-w/tmp/x", 1, NULL, "voice"},
		{"../../etc/passwd", 1, NULL, "voice"},
		{"a b", 1, NULL, "voice"},
		{"普通话", 1, NULL, "voice"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1,
		 NULL, "voice"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct speech_command command;
		struct error err = {0};
		int rc = speech_command(cases[i].voice, cases[i].speed, &command, &err);
		if (cases[i].words == NULL) {
			assert_int_equal(rc, -EINVAL);
			assert_string_equal(err.field, cases[i].field);
			continue;
		}
		assert_int_equal(rc, 0);
		char words[512] = "";
		for (char **word = command.argv; *word != NULL; word++) {
			strcat(strcat(words, words[0] == '\0' ? "" : " "), *word);
		}
		assert_string_equal(words, cases[i].words);
	}
}

static void texts_are_cleaned(void **state) {
	(void)state;
	static char longest[SPEECH_TEXT_MAX + 2];
	memset(longest, 'a', sizeof(longest) - 1);
	static const struct {
		const char *text;
		const char *clean; /* NULL: refused */
	} cases[] = {
		{"明天上午停水。", "明天上午停水。"},
		{"one\ntwo\tthree", "one\ntwo three"},
		{"[[hello]] [[[", "[ [hello]] [ [ ["},
		{"a\x01s900b", "a s900b"},
		{"", NULL},
		{" \n\t\x01", NULL},
		{"\xff\xfe", NULL},
		{longest, NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(str_done) struct str s = STR_INIT;
		struct error err = {0};
		int rc = speech_text(cases[i].text, &s, &err);
		if (cases[i].clean == NULL) {
			assert_int_equal(rc, -EINVAL);
			assert_string_equal(err.field, "text");
		} else {
			assert_int_equal(rc, 0);
			assert_string_equal(s.data, cases[i].clean);
		}
	}
	longest[SPEECH_TEXT_MAX] = '\0';
	AUTO(str_done) struct str s = STR_INIT;
	assert_int_equal(speech_text(longest, &s, NULL), 0);
}

static void results_are_judged(void **state) {
	(void)state;
	static const struct {
		int exit_code;
		int64_t bytes;
		const char *words;
		int ret;
		const char *field;
		const char *says;
	} cases[] = {
		{0, 50000, "", 0, "", ""},
		{0, 50000, "a warning\n", 0, "", ""},
		{1, 0, "Error: The specified espeak-ng voice does not exist.\n", -EINVAL,
		 "voice", "no voice 'klingon'"},
		{1, 0, "Error: no data\nmore\n", -ENODEV, "", "(exit 1): Error: no data"},
		{0, 44, "", -EINVAL, "text", "no sound"},
		{0, 0, "odd\n", -EINVAL, "text", "no sound of the text: odd"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = {0};
		assert_int_equal(speech_check("klingon", cases[i].exit_code,
					      cases[i].bytes, cases[i].words, &err),
				 cases[i].ret);
		assert_string_equal(err.field, cases[i].field);
		assert_non_null(strstr(err.text, cases[i].says));
		assert_null(strchr(err.text, '\n'));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_built),
		cmocka_unit_test(texts_are_cleaned),
		cmocka_unit_test(results_are_judged),
	};
	return cmocka_run_group_tests_name("speech", tests, NULL, NULL);
}
