/* test_store_zones.c - outputs and zones go in, come back as they were, change, and go
 * only when nothing needs them any more. */
#include "store_rows.h"

#include <math.h>
#include <stdio.h>

static struct error err;

static const struct store_page all = {0, 1000};

static void an_output_comes_back_as_it_was(void **state) {
	struct store *s = *state;
	int64_t id = 0;
	assert_ok(add_output(s, "hall", 8, &id, &err));
	AUTO(output_done) struct output output = {0};
	assert_ok(store_output_get(s, id, &output, &err));
	assert_string_equal(output.name, "hall");
	assert_string_equal(output.pcm, "hw:0,0");
	assert_int_equal(output.rate, 48000);
	assert_int_equal(output.channels, 8);
	output.rate = 0;
	assert_ok(store_output_put(s, &output, &err));
	struct output *items = NULL;
	size_t n = 0;
	assert_ok(store_output_list(s, all, &items, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(items[0].rate, 0);
	output_list_free(items, n);
	assert_ok(store_output_delete(s, id, &err));
	assert_refused(store_output_put(s, &output, &err), ENOENT, "no output 1");
}

static void an_output_that_cannot_be_is_refused(void **state) {
	struct store *s = *state;
	int64_t first = 0;
	assert_ok(add_output(s, "first", 2, &first, &err));
	static const struct {
		const char *name;
		const char *pcm;
		int rate;
		int channels;
		int refused;
		const char *field;
	} cases[] = {
		{"", "hw:1", 0, 1, EINVAL, "name"},
		{" \t", "hw:1", 0, 1, EINVAL, "name"},
		{"a\nb", "hw:1", 0, 1, EINVAL, "name"},
		{"\xff", "hw:1", 0, 1, EINVAL, "name"},
		{"first", "hw:1", 0, 1, EEXIST, "name"},
		{"a", "", 0, 1, EINVAL, "pcm"},
		{"a", "wav:", 0, 1, EINVAL, "pcm"},
		{"a", "wav:/x", 1, 1, EINVAL, "rate"},
		{"a", "wav:/x", 192001, 1, EINVAL, "rate"},
		{"a", "wav:/x", 8000, 0, EINVAL, "channels"},
		{"a", "wav:/x", 8000, 33, EINVAL, "channels"},
		{"a", "wav:/x", 8000, 32, 0, ""},
		{"b", "wav:/x", 8000, 32, EEXIST, "pcm"}, /* one file, two writers */
		{"c", "hw:0,0", 8000, 32, 0, ""},         /* a dmix may be meant */
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		AUTO(output_done)
		struct output output = {.name = strdup(cases[i].name),
					.pcm = strdup(cases[i].pcm),
					.rate = cases[i].rate,
					.channels = cases[i].channels};
		err = (struct error){0};
		assert_int_equal(store_output_put(s, &output, &err), -cases[i].refused);
		assert_string_equal(err.field, cases[i].field);
		assert_int_equal(output.id != 0, cases[i].refused == 0);
	}
}

static void a_zone_comes_back_as_it_was(void **state) {
	struct store *s = *state;
	int64_t area = 0;
	int64_t output = 0;
	int64_t id = 0;
	assert_ok(add_area(s, "360826101", 0, &area, &err));
	assert_ok(add_output(s, "hall", 8, &output, &err));
	assert_ok(add_zone(s, "东村", output, 5, area, &id, &err));
	AUTO(zone_done) struct zone zone = {0};
	assert_ok(store_zone_get(s, id, &zone, &err));
	assert_string_equal(zone.name, "东村");
	assert_int_equal(zone.output, output);
	assert_int_equal(zone.n_channels, 1);
	assert_int_equal(zone.channels[0], 5);
	assert_int_equal(zone.area, area);
	assert_true(zone.gain_db == -3.5);
	assert_true(zone.max_gain_db == 6);
	assert_int_equal(zone.n_quiet, 2);
	assert_int_equal(zone.quiet[0].from_min, 22 * 60);
	assert_int_equal(zone.quiet[0].to_min, 6 * 60);
	assert_int_equal(zone.quiet[1].to_min, 1440);
	assert_int_equal(zone.lead_ms, 400);
	assert_string_equal(zone.amplifier, "hall");
	assert_int_equal(zone.pass, 3);

	/* The order of channels is kept: the first is the left one. */
	zone.channels[0] = 7;
	zone.channels[1] = 2;
	zone.n_channels = 2;
	zone.n_quiet = 0;
	zone.area = 0;
	free(MOVE(zone.amplifier));
	zone.pass = 9;
	assert_ok(store_zone_put(s, &zone, &err));
	AUTO(zone_done) struct zone changed = {0};
	assert_ok(store_zone_by_name(s, "东村", &changed, &err));
	assert_int_equal(changed.n_channels, 2);
	assert_int_equal(changed.channels[0], 7);
	assert_int_equal(changed.channels[1], 2);
	assert_int_equal(changed.n_quiet, 0);
	assert_int_equal(changed.area, 0);
	assert_null(changed.amplifier);
	assert_int_equal(changed.pass, 9);
	int64_t second = 0;
	assert_ok(add_zone(s, "西村", output, 5, area, &second, &err));
	struct zone *items = NULL;
	size_t n = 0;
	assert_ok(store_zone_list(s, all, &items, &n, &err));
	assert_int_equal(n, 2);
	assert_int_equal(items[0].n_channels, 2);
	assert_int_equal(items[1].n_channels, 1);
	assert_int_equal(items[1].channels[0], 5);
	assert_int_equal(items[1].n_quiet, 2);
	zone_list_free(items, n);
	assert_ok(store_zone_delete(s, id, &err));
	assert_refused(store_zone_by_name(s, "东村", &changed, &err), ENOENT, "东村");
}

static void a_zone_that_cannot_be_is_refused(void **state) {
	struct store *s = *state;
	int64_t output = 0;
	int64_t id = 0;
	assert_ok(add_output(s, "hall", 2, &output, &err));
	assert_ok(add_zone(s, "a", output, 1, 0, &id, &err));
	static const struct {
		const char *field;
		int refused;
		struct zone zone;
	} cases[] = {
		{"output", EINVAL, {.output = 9, .n_channels = 1}},
		{"area", EINVAL, {.output = 1, .n_channels = 1, .area = 9}},
		{"channels", EINVAL, {.output = 1}},
		{"channels", EINVAL, {.output = 1, .channels = {2}, .n_channels = 1}},
		{"channels", EINVAL, {.output = 1, .channels = {-1}, .n_channels = 1}},
		{"channels", EINVAL, {.output = 1, .channels = {0, 0}, .n_channels = 2}},
		{"channels", EEXIST, {.output = 1, .channels = {1}, .n_channels = 1}},
		{"gain_db", EINVAL, {.output = 1, .n_channels = 1, .gain_db = 0.1}},
		{"gain_db", EINVAL, {.output = 1, .n_channels = 1, .gain_db = NAN}},
		{"max_gain_db",
		 EINVAL,
		 {.output = 1, .n_channels = 1, .max_gain_db = 20.1}},
		{"quiet",
		 EINVAL,
		 {.output = 1, .n_channels = 1, .quiet = {{1440, 0}}, .n_quiet = 1}},
		{"quiet",
		 EINVAL,
		 {.output = 1, .n_channels = 1, .quiet = {{0, -1}}, .n_quiet = 1}},
		{"lead_ms", EINVAL, {.output = 1, .n_channels = 1, .lead_ms = 10001}},
		{"pass", EINVAL, {.output = 1, .n_channels = 1, .pass = 10}},
		{"pass", EINVAL, {.output = 1, .n_channels = 1, .pass = -1}},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct zone zone = cases[i].zone;
		char name[] = "b";
		zone.name = name;
		assert_int_equal(store_zone_put(s, &zone, &err), -cases[i].refused);
		assert_string_equal(err.field, cases[i].field);
	}
	assert_int_equal(add_zone(s, "a", output, 0, 0, &id, &err), -EEXIST);
	assert_string_equal(err.field, "name");
	assert_refused(store_output_delete(s, output, &err), EBUSY, "zone 'a'");
	AUTO(output_done) struct output narrow = {0};
	assert_ok(store_output_get(s, output, &narrow, &err));
	narrow.channels = 1;
	assert_refused(store_output_put(s, &narrow, &err), EBUSY, "zone 'a'");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_memory, close_memory)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(an_output_comes_back_as_it_was),
		TEST(an_output_that_cannot_be_is_refused),
		TEST(a_zone_comes_back_as_it_was),
		TEST(a_zone_that_cannot_be_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
