/* test_priority.c - who may sound in a zone, and when it is quiet. */
#include "schedule/priority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define PAIRS 5

/* Row: who has the zone. Column: who asks for it. In the order of enum run_class. */
static const enum verdict fresh[PAIRS][PAIRS] = {
	[CLASS_BACKGROUND] = {VERDICT_WAIT, VERDICT_DUCK, VERDICT_DUCK, VERDICT_PAUSE,
			      VERDICT_PAUSE},
	[CLASS_NOTICE] = {VERDICT_WAIT, VERDICT_WAIT, VERDICT_WAIT, VERDICT_PAUSE,
			  VERDICT_PAUSE},
	[CLASS_PROGRAMME] = {VERDICT_WAIT, VERDICT_WAIT, VERDICT_WAIT, VERDICT_PAUSE,
			     VERDICT_PAUSE},
	[CLASS_LIVE] = {VERDICT_WAIT, VERDICT_WAIT, VERDICT_WAIT, VERDICT_WAIT,
			VERDICT_PAUSE},
	[CLASS_EMERGENCY] = {VERDICT_WAIT, VERDICT_WAIT, VERDICT_WAIT, VERDICT_WAIT,
			     VERDICT_WAIT},
};

static void the_higher_class_has_the_zone(void **state) {
	(void)state;
	for (int h = 0; h < PAIRS; h++) {
		for (int a = 0; a < PAIRS * 2; a++) {
			bool begun = a >= PAIRS;
			enum run_class class = (enum run_class)(a % PAIRS);
			/* Neither time nor number matter to the one that has it. */
			struct contender holder = {
				.run = 9, .class = (enum run_class)h, .due_us = 9};
			struct contender asking = {
				.run = 1, .class = class, .begun = begun, .due_us = 1};
			enum verdict wanted = fresh[h][class];
			/* What was there before comes back where it was. */
			if (begun && class == CLASS_BACKGROUND &&
			    (h == CLASS_NOTICE || h == CLASS_PROGRAMME)) {
				wanted = VERDICT_BENEATH;
			}
			if (priority_judge(&holder, &asking) != wanted) {
				fail_msg("%s has it, %s asks%s: %d",
					 run_class_name(holder.class),
					 run_class_name(class),
					 begun ? " to come back" : "",
					 priority_judge(&holder, &asking));
			}
			holder.begun = true;
			assert_int_equal(priority_judge(&holder, &asking), wanted);
			assert_int_equal(priority_judge(NULL, &asking), VERDICT_PLAY);
		}
	}
}

#define ALERT(severity_, level_, ...)                                                    \
	{                                                                                \
		.class = CLASS_EMERGENCY, .severity = SEVERITY_##severity_,              \
		.level = LEVEL_##level_, __VA_ARGS__                                     \
	}

static const struct {
	struct contender holder;
	struct contender asking;
	enum verdict verdict;
} alert_cases[] = {
	{ALERT(MINOR, NATIONAL, ), ALERT(MODERATE, VILLAGE, ), VERDICT_PAUSE},
	{ALERT(MODERATE, VILLAGE, ), ALERT(SEVERE, VILLAGE, ), VERDICT_PAUSE},
	{ALERT(SEVERE, PROVINCE, ), ALERT(EXTREME, VILLAGE, ), VERDICT_PAUSE},
	{ALERT(EXTREME, VILLAGE, ), ALERT(SEVERE, NATIONAL, ), VERDICT_WAIT},
	{ALERT(SEVERE, VILLAGE, ), ALERT(SEVERE, TOWN, ), VERDICT_PAUSE},
	{ALERT(SEVERE, TOWN, ), ALERT(SEVERE, COUNTY, ), VERDICT_PAUSE},
	{ALERT(SEVERE, COUNTY, ), ALERT(SEVERE, CITY, ), VERDICT_PAUSE},
	{ALERT(SEVERE, CITY, ), ALERT(SEVERE, PROVINCE, ), VERDICT_PAUSE},
	{ALERT(SEVERE, PROVINCE, ), ALERT(SEVERE, NATIONAL, ), VERDICT_PAUSE},
	{ALERT(SEVERE, NATIONAL, ), ALERT(SEVERE, PROVINCE, ), VERDICT_WAIT},
	{ALERT(SEVERE, TOWN, .alert = 2), ALERT(SEVERE, TOWN, .alert = 1), VERDICT_WAIT},
	/* A drill is below them all, and is not finished first. */
	{ALERT(MINOR, VILLAGE, ), ALERT(EXTREME, NATIONAL, .drill = true), VERDICT_WAIT},
	{ALERT(EXTREME, NATIONAL, .drill = true), ALERT(MINOR, VILLAGE, ), VERDICT_PAUSE},
	{ALERT(SEVERE, TOWN, .drill = true), ALERT(MINOR, TOWN, .again = true),
	 VERDICT_PAUSE},
	{ALERT(MINOR, TOWN, .drill = true), ALERT(SEVERE, TOWN, .drill = true),
	 VERDICT_PAUSE},
	{ALERT(MINOR, TOWN, .drill = true),
	 ALERT(SEVERE, TOWN, .drill = true, .again = true), VERDICT_WAIT},
	{{.class = CLASS_LIVE}, ALERT(MINOR, TOWN, .drill = true), VERDICT_PAUSE},
	/* What has been heard lets a lower one finish, and takes what is no alert. */
	{ALERT(MINOR, TOWN, ), ALERT(EXTREME, TOWN, .again = true), VERDICT_WAIT},
	{{.class = CLASS_LIVE}, ALERT(MINOR, VILLAGE, .again = true), VERDICT_PAUSE},
};

static void the_higher_alert_has_the_zone(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(alert_cases); i++) {
		enum verdict verdict =
			priority_judge(&alert_cases[i].holder, &alert_cases[i].asking);
		if (verdict != alert_cases[i].verdict) {
			fail_msg("case %zu", i);
		}
	}
}

static void a_queue_has_an_order(void **state) {
	(void)state;
	static const struct contender in_order[] = {
		ALERT(EXTREME, VILLAGE, .alert = 9, .due_us = 990),
		ALERT(SEVERE, COUNTY, .alert = 8, .due_us = 980),
		ALERT(SEVERE, TOWN, .alert = 3, .due_us = 970),
		ALERT(SEVERE, TOWN, .alert = 4, .due_us = 960),
		ALERT(SEVERE, TOWN, .alert = 4, .due_us = 965),
		{.run = 7, .class = CLASS_EMERGENCY, .due_us = 900},
		ALERT(EXTREME, COUNTY, .drill = true, .alert = 1, .due_us = 100),
		{.run = 6, .class = CLASS_LIVE, .due_us = 800},
		{.run = 8, .class = CLASS_NOTICE, .begun = true, .due_us = 950},
		{.run = 9, .class = CLASS_PROGRAMME, .begun = true, .due_us = 960},
		{.run = 3, .class = CLASS_PROGRAMME, .due_us = 100},
		{.run = 4, .class = CLASS_NOTICE, .due_us = 100},
		{.run = 2, .class = CLASS_NOTICE, .due_us = 200},
		{.run = 5, .class = CLASS_BACKGROUND, .begun = true, .due_us = 2},
		{.run = 1, .class = CLASS_BACKGROUND, .due_us = 1},
	};
	for (size_t i = 0; i < LENGTH(in_order); i++) {
		for (size_t k = 0; k < LENGTH(in_order); k++) {
			assert_int_equal(priority_before(&in_order[i], &in_order[k]),
					 i < k);
		}
	}
}

struct quiet_case {
	struct quiet_span span;
	int minute;
	bool quiet;
};

static const struct quiet_case quiet_cases[] = {
	{{600, 660}, 599, false},   {{600, 660}, 600, true},    {{600, 660}, 659, true},
	{{600, 660}, 660, false},   {{1320, 360}, 1319, false}, {{1320, 360}, 1320, true},
	{{1320, 360}, 1439, true},  {{1320, 360}, 0, true},     {{1320, 360}, 359, true},
	{{1320, 360}, 360, false},  {{0, 1440}, 0, true},       {{0, 1440}, 1439, true},
	{{720, 720}, 0, true},      {{720, 720}, 719, true},    {{720, 720}, 720, true},
	{{1320, 1440}, 1439, true}, {{1320, 1440}, 0, false},   {{0, 1}, 0, true},
	{{0, 1}, 1, false},
};

static void quiet_hours_pass_midnight(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(quiet_cases); i++) {
		const struct quiet_case *c = &quiet_cases[i];
		struct quiet_span spans[] = {{300, 301}, c->span};
		size_t which = 99;
		bool quiet = quiet_at(spans, LENGTH(spans), c->minute, &which);
		bool first = c->minute == 300;
		if (quiet != (c->quiet || first) ||
		    (quiet && which != (first ? 0u : 1u))) {
			fail_msg("case %zu", i);
		}
		assert_false(quiet_at(NULL, 0, c->minute, &which));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_higher_class_has_the_zone),
		cmocka_unit_test(the_higher_alert_has_the_zone),
		cmocka_unit_test(a_queue_has_an_order),
		cmocka_unit_test(quiet_hours_pass_midnight),
	};
	return cmocka_run_group_tests_name("priority", tests, NULL, NULL);
}
