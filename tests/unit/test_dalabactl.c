/* test_dalabactl.c - how dalabactl takes a command line apart and lays a table out. */
#include "dalabactl_args.h"
#include "dalabactl_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct args_option own[] = {
	{"zone", "NAME...", ""},
	{"rule", "RULE", ""},
	{"wait", NULL, ""},
	{NULL, NULL, NULL},
};
static const struct args_option common[] = {
	{"json", NULL, ""},
	{"count", "N", ""},
	{"help", NULL, ""},
	{NULL, NULL, NULL},
};

struct args_case {
	const char *line; /* words parted by | */
	const char *words;
	const char *error; /* NULL: none */
	const char *first_word;
	const char *zones; /* joined by , */
	const char *rule;
};

static const struct args_case args_cases[] = {
	{"f.mp3|--zone|东村", "FILE", NULL, "f.mp3", "东村", NULL},
	{"f.mp3|--zone|a|b|--zone|c|--json", "FILE", NULL, "f.mp3", "a,b,c", NULL},
	{"--zone|a|f.mp3", "FILE", NULL, "f.mp3", "a", NULL},
	{"--zone=a|f.mp3", "FILE", NULL, "f.mp3", "a", NULL},
	{"--wait|f.mp3|--zone=a=b", "FILE", NULL, "f.mp3", "a=b", NULL},
	{"--|--zone", "FILE", NULL, "--zone", "", NULL},
	{"--rule|0 8 * * *", "", NULL, NULL, "", "0 8 * * *"},
	{"--rule=", "", NULL, NULL, "", ""},
	{"--help", "FILE", NULL, NULL, "", NULL},
	{"-5", "FILE", NULL, "-5", "", NULL},
	{"--zone|a", "FILE", "FILE is missing", NULL, NULL, NULL},
	{"--wait|--wait", "FILE", "FILE is missing", NULL, NULL, NULL},
	{"", "ID TEXT", "ID is missing", NULL, NULL, NULL},
	{"1", "ID TEXT", "TEXT is missing", NULL, NULL, NULL},
	{"f|g", "FILE", "'g' is one word too many", NULL, NULL, NULL},
	{"--rule|r|--zone|a|b", "FILE|--rule", NULL, NULL, "a,b", "r"},
	{"--zone|a|f", "FILE|--rule", NULL, "f", "a", NULL},
	{"--zone|a", "FILE|--rule", "FILE|--rule is missing", NULL, NULL, NULL},
	{"f", "", "'f' is one word too many", NULL, NULL, NULL},
	{"--room|a", "", "there is no option --room", NULL, NULL, NULL},
	{"--zon=a", "", "there is no option --zon", NULL, NULL, NULL},
	{"--zone", "", "--zone needs NAME...", NULL, NULL, NULL},
	{"--zone|--json", "", "--zone needs NAME...", NULL, NULL, NULL},
	{"--rule|a|--rule|b", "", "--rule is given twice", NULL, NULL, NULL},
	{"--json=1", "", "--json takes no value", NULL, NULL, NULL},
};

/* Takes "a|b" apart in place. */
static int split(char *line, char **argv) {
	int argc = 0;
	char *rest = line;
	for (char *word; line[0] != '\0' && (word = strsep(&rest, "|")) != NULL;) {
		argv[argc++] = word;
	}
	return argc;
}

static void check_args(const struct args_case *c) {
	char line[128];
	char *argv[16];
	snprintf(line, sizeof(line), "%s", c->line);
	int argc = split(line, argv);
	AUTO(args_done) struct args args = {0};
	struct error err = {0};
	int rc = args_parse(argc, argv, c->words, own, common, &args, &err);
	if (c->error != NULL) {
		assert_int_equal(rc, -EINVAL);
		assert_string_equal(err.text, c->error);
		return;
	}
	assert_string_equal(err.text, "");
	assert_int_equal(rc, 0);
	assert_int_equal(args.n_words, c->first_word != NULL);
	if (c->first_word != NULL) {
		assert_string_equal(args.words[0], c->first_word);
	}
	AUTO(str_done) struct str zones = STR_INIT;
	struct args_list list = args_list(&args, "zone");
	str_append(&zones, "");
	for (size_t i = 0; i < list.n; i++) {
		str_printf(&zones, "%s%s", i > 0 ? "," : "", list.items[i]);
	}
	assert_string_equal(zones.data, c->zones);
	if (c->rule == NULL) {
		assert_null(args_text(&args, "rule"));
	} else {
		assert_string_equal(args_text(&args, "rule"), c->rule);
	}
}

static void a_command_line_is_taken_apart(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(args_cases) / sizeof(args_cases[0]); i++) {
		check_args(&args_cases[i]);
	}
}

static void a_number_is_bounded(void **state) {
	(void)state;
	char option[] = "--count";
	char good[] = "7";
	char bad[] = "8";
	char *argv[] = {option, good};
	struct error err = {0};
	int64_t value = 3;
	AUTO(args_done) struct args args = {0};
	assert_int_equal(args_parse(2, argv, "", own, common, &args, &err), 0);
	assert_int_equal(args_number(&args, "count", 1, 7, &value, &err), 0);
	assert_int_equal(value, 7);
	args_done(&args);
	argv[1] = bad;
	assert_int_equal(args_parse(2, argv, "", own, common, &args, &err), 0);
	assert_int_equal(args_number(&args, "count", 1, 7, &value, &err), -EINVAL);
	assert_string_equal(err.text, "--count 8: write a whole number from 1 to 7");
	assert_string_equal(err.field, "usage");
	assert_int_equal(value, 7);
}

static void width_is_the_terminals(void **state) {
	(void)state;
	static const struct {
		const char *text;
		int width;
	} cases[] = {
		{"", 0},        {"abc", 3},     {"东村", 4}, {"a东b", 4}, {"é", 1},
		{"e\u0301", 1}, {"\x1b[2J", 4}, {"\xff", 1}, {"ｱ", 1},    {"（一）", 6},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(text_width(cases[i].text), cases[i].width);
	}
}

static void columns_stand_under_each_other(void **state) {
	(void)state;
	AUTO(table_done) struct table t;
	table_init(&t, "ID|ZONE|STATE");
	static const char *const cells[] = {"1", "东村大喇叭", "idle", "100", "a\nb", ""};
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		table_cell(&t, cells[i]);
	}
	AUTO(file_close) FILE *file = tmpfile();
	FILE *saved = stdout;
	stdout = file;
	struct error err;
	int rc = table_print(&t, &err);
	fflush(file);
	stdout = saved;
	assert_int_equal(rc, 0);
	char text[256] = "";
	rewind(file);
	size_t n = fread(text, 1, sizeof(text) - 1, file);
	assert_true(n > 0);
	assert_string_equal(text, "ID   ZONE        STATE\n"
				  "1    东村大喇叭  idle\n"
				  "100  a?b         \n");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_line_is_taken_apart),
		cmocka_unit_test(a_number_is_bounded),
		cmocka_unit_test(width_is_the_terminals),
		cmocka_unit_test(columns_stand_under_each_other),
	};
	return cmocka_run_group_tests_name("dalabactl", tests, NULL, NULL);
}
