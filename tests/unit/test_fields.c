/* test_fields.c - what is taken from a JSON object, and the sentence where it is not. */
#include "web-admin/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum kind { TEXT, TEXT_OR_NULL, INT, NUMBER, BOOL, TIME, IDS, TEXTS, ARRAY, KNOWN };

struct field_case {
	enum kind kind;
	const char *json; /* the member read is "x" */
	enum need need;
	int rc;
	const char *want; /* the value as text, or a part of the sentence */
};

static const struct field_case cases[] = {
	{TEXT, "{\"x\": \" a b \\n\"}", REQUIRED, 1, "a b"},
	{TEXT, "{\"x\": \"晨间广播1\"}", REQUIRED, 1, "晨间广播1"},
	{TEXT, "{\"x\": \"a\\nb\\tc\"}", REQUIRED, 1, "a\nb\tc"},
	{TEXT, "{}", OPTIONAL, 0, "old"},
	{TEXT, "{\"x\": null}", OPTIONAL, 0, "old"},
	{TEXT, "{\"x\": null}", REQUIRED, -EINVAL, "\"x\" is missing"},
	{TEXT, "{}", REQUIRED, -EINVAL, "\"x\" is missing"},
	{TEXT, "{\"x\": \"\"}", OPTIONAL, -EINVAL, "must not be empty"},
	{TEXT, "{\"x\": \" \\t \"}", OPTIONAL, -EINVAL, "must not be empty"},
	{TEXT, "{\"x\": \"1234567\"}", OPTIONAL, -EINVAL, "1 to 6 characters, not 7"},
	{TEXT, "{\"x\": \"一二三四五六七\"}", OPTIONAL, -EINVAL, "not 7"},
	{TEXT, "{\"x\": \"a\\u0007b\"}", OPTIONAL, -EINVAL, "(U+0007) at character 2"},
	{TEXT, "{\"x\": \"中\\u009fb\"}", OPTIONAL, -EINVAL, "(U+009F) at character 2"},
	{TEXT, "{\"x\": \"\\u007f\"}", OPTIONAL, -EINVAL, "U+007F"},
	{TEXT, "{\"x\": \"a\\u0000b\"}", OPTIONAL, -EINVAL, "U+0000"},
	{TEXT, "{\"x\": 7}", OPTIONAL, -EINVAL, "must be text, not a number"},
	{TEXT, "{\"x\": [\"a\"]}", OPTIONAL, -EINVAL, "must be text, not an array"},
	{TEXT_OR_NULL, "{\"x\": null}", OPTIONAL, 1, "NULL"},
	{TEXT_OR_NULL, "{\"x\": \"a\"}", OPTIONAL, 1, "a"},
	{TEXT_OR_NULL, "{}", OPTIONAL, 0, "old"},
	{TEXT_OR_NULL, "{\"x\": true}", OPTIONAL, -EINVAL, "not a boolean"},
	{INT, "{\"x\": -5}", REQUIRED, 1, "-5"},
	{INT, "{\"x\": 10}", REQUIRED, 1, "10"},
	{INT, "{\"x\": 11}", REQUIRED, -EINVAL, "must be -5 to 10, not 11"},
	{INT, "{\"x\": -6}", REQUIRED, -EINVAL, "not -6"},
	{INT, "{\"x\": 3.0}", REQUIRED, -EINVAL, "whole number, without a point"},
	{INT, "{\"x\": \"3\"}", REQUIRED, -EINVAL, "a whole number, not text"},
	{INT, "{\"x\": null}", OPTIONAL, 0, "7"},
	{NUMBER, "{\"x\": 3}", REQUIRED, 1, "3"},
	{NUMBER, "{\"x\": -2.5}", REQUIRED, 1, "-2.5"},
	{NUMBER, "{\"x\": 1e300}", REQUIRED, -EINVAL, "must be -3 to 3, not 1e+300"},
	{NUMBER, "{\"x\": false}", REQUIRED, -EINVAL, "a number, not a boolean"},
	{BOOL, "{\"x\": true}", REQUIRED, 1, "true"},
	{BOOL, "{\"x\": false}", REQUIRED, 1, "false"},
	{BOOL, "{\"x\": 1}", REQUIRED, -EINVAL, "true or false, not a number"},
	{TIME, "{\"x\": \"2026-12-01T08:00:00+08:00\"}", REQUIRED, 1, "1796083200000000"},
	{TIME, "{\"x\": null}", OPTIONAL, 1, "none"},
	{TIME, "{\"x\": null}", REQUIRED, -EINVAL, "missing"},
	{TIME, "{}", OPTIONAL, 0, "7"},
	{TIME, "{\"x\": \"2026-12-01T08:00:00\"}", OPTIONAL, -EINVAL, "\"x\": "},
	{TIME, "{\"x\": 1796083200}", OPTIONAL, -EINVAL, "not a number"},
	{IDS, "{\"x\": [3, 1, 3]}", REQUIRED, 1, "3 1"},
	{IDS, "{\"x\": []}", REQUIRED, 1, ""},
	{IDS, "{\"x\": null}", OPTIONAL, 1, ""},
	{IDS, "{}", OPTIONAL, 0, "9"},
	{IDS, "{\"x\": [1, 0]}", REQUIRED, -EINVAL, "\"x[1]\" must be an id"},
	{IDS, "{\"x\": [1.0]}", REQUIRED, -EINVAL, "\"x[0]\" must be an id"},
	{IDS, "{\"x\": [1, 2, 3, 4]}", REQUIRED, -EINVAL, "4 entries; there may be 3"},
	{IDS, "{\"x\": 1}", REQUIRED, -EINVAL, "an array, not a number"},
	{TEXTS, "{\"x\": [\"a\", \" b \"]}", REQUIRED, 1, "a b"},
	{TEXTS, "{\"x\": null}", OPTIONAL, 1, ""},
	{TEXTS, "{\"x\": [\"a\", 2]}", REQUIRED, -EINVAL, "\"x[1]\" must be text"},
	{TEXTS, "{\"x\": [\"1234567\"]}", REQUIRED, -EINVAL, "\"x[0]\" must have 1 to 6"},
	{ARRAY, "{\"x\": [1, 2]}", REQUIRED, 1, "2"},
	{ARRAY, "{\"x\": {}}", REQUIRED, -EINVAL, "an array, not an object"},
	{KNOWN, "{\"x\": 1, \"y\": 2}", OPTIONAL, 0, ""},
	{KNOWN, "{}", OPTIONAL, 0, ""},
	{KNOWN, "{\"x\": 1, \"z\": 2}", OPTIONAL, -EINVAL,
	 "\"z\" is not a field here; the fields are: x, y"},
	{KNOWN, "{\"一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十\": 1}",
	 OPTIONAL, -EINVAL, "\"一二三四五六七八九十一二三四五六七八\" is not"},
};

/* Each leaves what it read in `got`. */
static int read_text(const struct field_case *c, const json_t *o, char *got, size_t size,
		     struct error *err) {
	AUTO(free) char *text = strdup("old");
	int rc = c->kind == TEXT ? field_text(o, "x", c->need, 1, 6, &text, err)
				 : field_text_or_null(o, "x", 6, &text, err);
	snprintf(got, size, "%s", text != NULL ? text : "NULL");
	return rc;
}

static int read_list(const struct field_case *c, const json_t *o, char *got, size_t size,
		     struct error *err) {
	AUTO(ids_done) struct ids ids = {0};
	AUTO(texts_done) struct texts texts = {0};
	assert_int_equal(ids_add(&ids, 9), 0);
	assert_int_equal(texts_add(&texts, "9"), 0);
	int rc = c->kind == IDS ? field_ids(o, "x", c->need, 3, &ids, err)
				: field_texts(o, "x", c->need, 3, 6, &texts, err);
	got[0] = '\0';
	size_t n = c->kind == IDS ? ids.n : texts.n;
	for (size_t i = 0; i < n; i++) {
		size_t used = strlen(got);
		if (c->kind == IDS) {
			snprintf(got + used, size - used, "%s%d", i > 0 ? " " : "",
				 (int)ids.items[i]);
		} else {
			snprintf(got + used, size - used, "%s%s", i > 0 ? " " : "",
				 texts.items[i]);
		}
	}
	return rc;
}

static int read_plain(const struct field_case *c, const json_t *o, char *got, size_t size,
		      struct error *err) {
	static const char *const names[] = {"x", "y", NULL};
	int64_t number = 7;
	double real = 7.0;
	bool flag = false;
	json_t *array = NULL;
	int rc = 0;
	switch (c->kind) {
	case INT:
		rc = field_int(o, "x", c->need, -5, 10, &number, err);
		snprintf(got, size, "%lld", (long long)number);
		break;
	case TIME:
		rc = field_time(o, "x", c->need, &number, err);
		snprintf(got, size, number == TIME_NONE ? "none" : "%lld",
			 (long long)number);
		break;
	case NUMBER:
		rc = field_number(o, "x", c->need, -3.0, 3.0, &real, err);
		snprintf(got, size, "%g", real);
		break;
	case BOOL:
		rc = field_bool(o, "x", c->need, &flag, err);
		snprintf(got, size, "%s", flag ? "true" : "false");
		break;
	case ARRAY:
		rc = field_array(o, "x", c->need, 3, &array, err);
		snprintf(got, size, "%zu", json_array_size(array));
		break;
	default:
		rc = fields_known(o, names, err);
		got[0] = '\0';
		break;
	}
	return rc;
}

static void members_are_read_strictly(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct field_case *c = &cases[i];
		json_t *o = json_loads(c->json, JSON_ALLOW_NUL, NULL);
		assert_non_null(o);
		char got[256] = "";
		struct error err = {0};
		int rc = c->kind <= TEXT_OR_NULL ? read_text(c, o, got, sizeof(got), &err)
			 : c->kind == IDS || c->kind == TEXTS
				 ? read_list(c, o, got, sizeof(got), &err)
				 : read_plain(c, o, got, sizeof(got), &err);
		json_decref(o);
		if (rc != c->rc) {
			fail_msg("%s: %d instead of %d (%s)", c->json, rc, c->rc,
				 err.text);
		}
		if (rc < 0 && (strstr(err.text, c->want) == NULL || err.code != -rc ||
			       err.field[0] == '\0')) {
			fail_msg("%s: [%s] \"%s\" has no \"%s\"", c->json, err.field,
				 err.text, c->want);
		}
		if (rc >= 0 && strcmp(got, c->want) != 0) {
			fail_msg("%s: \"%s\" instead of \"%s\"", c->json, got, c->want);
		}
	}
}

/* What is refused leaves the caller's value as it was. */
static void a_refusal_changes_nothing(void **state) {
	(void)state;
	json_t *o = json_pack("{s:s, s:[i,i], s:s, s:i}", "text", "\a", "ids", 4, -4,
			      "time", "soon", "int", 99);
	AUTO(free) char *text = strdup("old");
	AUTO(ids_done) struct ids ids = {0};
	assert_int_equal(ids_add(&ids, 9), 0);
	int64_t number = 7;
	struct error err = {0};
	assert_int_equal(field_text(o, "text", OPTIONAL, 0, 9, &text, &err), -EINVAL);
	assert_string_equal(text, "old");
	assert_int_equal(field_ids(o, "ids", OPTIONAL, 9, &ids, &err), -EINVAL);
	assert_true(ids.n == 1 && ids.items[0] == 9);
	assert_string_equal(err.field, "ids[1]");
	assert_int_equal(field_time(o, "time", OPTIONAL, &number, &err), -EINVAL);
	assert_string_equal(err.field, "time");
	assert_int_equal(field_int(o, "int", OPTIONAL, 0, 9, &number, NULL), -EINVAL);
	assert_int_equal(number, 7);
	json_decref(o);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_read_strictly),
		cmocka_unit_test(a_refusal_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
