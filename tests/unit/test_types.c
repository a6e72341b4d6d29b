/* test_types.c - the names, the lists and the state of a run. */
#include "schedule/types.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Every name is the API's, and reads back as its value. */
static void names_go_both_ways(void **state) {
	(void)state;
	static const char *const outcomes[] = {"planned", "playing", "paused",
					       "played",  "cut",     "failed",
					       "missed",  "skipped", "cancelled"};
	for (size_t i = 0; i < LENGTH(outcomes); i++) {
		enum outcome value = OUTCOME_PLANNED;
		assert_string_equal(outcome_name((enum outcome)i), outcomes[i]);
		assert_int_equal(outcome_parse(outcomes[i], &value), 0);
		assert_int_equal(value, i);
		assert_int_equal(outcome_final(value), i >= OUTCOME_PLAYED);
	}
	static const char *const classes[] = {"background", "notice", "programme", "live",
					      "emergency"};
	for (size_t i = 0; i < LENGTH(classes); i++) {
		enum run_class value = CLASS_BACKGROUND;
		assert_string_equal(run_class_name((enum run_class)i), classes[i]);
		assert_int_equal(run_class_parse(classes[i], &value), 0);
		assert_int_equal(value, i);
	}
	enum resume resume = RESUME_RESUME;
	assert_int_equal(resume_parse("drop", &resume), 0);
	assert_int_equal(resume, RESUME_DROP);
	assert_string_equal(resume_name(RESUME_RESTART), "restart");
	enum conflict conflict = CONFLICT_WAIT;
	assert_int_equal(conflict_parse("skip", &conflict), 0);
	assert_int_equal(conflict, CONFLICT_SKIP);
	assert_string_equal(conflict_name(CONFLICT_WAIT), "wait");
	static const char *const levels[] = {"village", "town",     "county",
					     "city",    "province", "national"};
	for (size_t i = 0; i < LENGTH(levels); i++) {
		enum alert_level value = LEVEL_VILLAGE;
		assert_string_equal(alert_level_name((enum alert_level)i), levels[i]);
		assert_int_equal(alert_level_parse(levels[i], &value), 0);
		assert_int_equal(value, i);
	}
	enum severity severity = SEVERITY_MINOR;
	assert_int_equal(severity_parse("extreme", &severity), 0);
	assert_int_equal(severity, SEVERITY_EXTREME);
	enum alert_state ended = ALERT_ACTIVE;
	assert_int_equal(alert_state_parse("replaced", &ended), 0);
	assert_int_equal(ended, ALERT_REPLACED);
	enum part_kind kind = PART_CHIME;
	assert_int_equal(part_kind_parse("silence", &kind), 0);
	assert_int_equal(kind, PART_SILENCE);
	assert_string_equal(part_kind_name(PART_TEXT), "text");
}

static void other_names_are_refused(void **state) {
	(void)state;
	static const char *const names[] = {"", "Played", "played ", "play", "0"};
	for (size_t i = 0; i < LENGTH(names); i++) {
		enum outcome outcome = OUTCOME_MISSED;
		assert_int_equal(outcome_parse(names[i], &outcome), -EINVAL);
		assert_int_equal(outcome, OUTCOME_MISSED);
		enum run_class class = CLASS_LIVE;
		assert_int_equal(run_class_parse(names[i], &class), -EINVAL);
		assert_int_equal(class, CLASS_LIVE);
	}
}

static void lists_grow_and_empty(void **state) {
	(void)state;
	struct ids ids = {0};
	for (int64_t i = 0; i < 300; i++) {
		assert_int_equal(ids_add(&ids, i % 100), 0);
	}
	assert_int_equal(ids.n, 100);
	assert_true(ids_has(&ids, 99));
	assert_false(ids_has(&ids, 100));
	ids_done(&ids);
	assert_null(ids.items);
	struct texts texts = {0};
	assert_int_equal(texts_add(&texts, "360826"), 0);
	assert_int_equal(texts_add(&texts, "36"), 0);
	assert_string_equal(texts.items[1], "36");
	texts_done(&texts);
	assert_int_equal(texts.n, 0);
}

static void content_is_copied_deeply(void **state) {
	(void)state;
	struct content content = {.repeat = 2, .gap_ms = 500};
	assert_int_equal(content_add(&content, PART_CHIME, "single", NULL, 0), 0);
	assert_int_equal(content_add(&content, PART_TEXT, "开会", "cmn", 0), 0);
	assert_int_equal(content_add(&content, PART_SILENCE, NULL, NULL, 250), 0);
	struct content copy;
	assert_int_equal(content_copy(&content, &copy), 0);
	content_done(&content);
	assert_int_equal(content.n_parts, 0);
	assert_int_equal(copy.repeat, 2);
	assert_int_equal(copy.gap_ms, 500);
	assert_int_equal(copy.n_parts, 3);
	assert_string_equal(copy.parts[1].text, "开会");
	assert_string_equal(copy.parts[1].voice, "cmn");
	assert_null(copy.parts[2].text);
	assert_int_equal(copy.parts[2].silence_ms, 250);
	content_done(&copy);
}

static void a_run_has_the_state_of_its_zones(void **state) {
	(void)state;
	static const struct {
		enum outcome zones[3];
		size_t n;
		enum outcome whole;
	} cases[] = {
		{{OUTCOME_PLAYED}, 1, OUTCOME_PLAYED},
		{{OUTCOME_PLAYED, OUTCOME_PLANNED, OUTCOME_PLAYING}, 3, OUTCOME_PLAYING},
		{{OUTCOME_PAUSED, OUTCOME_PLANNED, OUTCOME_PLAYING}, 3, OUTCOME_PLAYING},
		{{OUTCOME_PLANNED, OUTCOME_PAUSED, OUTCOME_CUT}, 3, OUTCOME_PAUSED},
		{{OUTCOME_PLAYED, OUTCOME_FAILED, OUTCOME_PLANNED}, 3, OUTCOME_PLANNED},
		{{OUTCOME_PLAYED, OUTCOME_CUT, OUTCOME_FAILED}, 3, OUTCOME_FAILED},
		{{OUTCOME_MISSED, OUTCOME_CUT, OUTCOME_PLAYED}, 3, OUTCOME_CUT},
		{{OUTCOME_CANCELLED, OUTCOME_MISSED, OUTCOME_PLAYED}, 3, OUTCOME_MISSED},
		{{OUTCOME_SKIPPED, OUTCOME_CANCELLED, OUTCOME_PLAYED},
		 3,
		 OUTCOME_CANCELLED},
		{{OUTCOME_PLAYED, OUTCOME_SKIPPED}, 2, OUTCOME_SKIPPED},
		{{OUTCOME_PLAYED}, 0, OUTCOME_SKIPPED},
	};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct run_zone zones[3] = {{0}};
		for (size_t j = 0; j < cases[i].n; j++) {
			zones[j].outcome = cases[i].zones[j];
		}
		assert_int_equal(run_state(zones, cases[i].n), cases[i].whole);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_go_both_ways),
		cmocka_unit_test(other_names_are_refused),
		cmocka_unit_test(lists_grow_and_empty),
		cmocka_unit_test(content_is_copied_deeply),
		cmocka_unit_test(a_run_has_the_state_of_its_zones),
	};
	return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
