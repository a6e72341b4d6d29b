/* test_director_series.c - a series that is edited while one of its runs is on the air or
 * about to be, and what `missed`, `conflict` and the class make of a run that is late or
 * finds its zone taken (fake_box.h). */
#include "fake_box.h"

#include "schedule/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void read_run(struct fake_box *box, int64_t schedule, int64_t due_us,
		     struct run *ret) {
	int64_t id = 0;
	assert_int_equal(store_run_of(box->store, schedule, due_us, &id, NULL), 0);
	assert_true(id != 0);
	assert_int_equal(store_run_get(box->store, id, ret, NULL), 0);
}

static void assert_run(struct fake_box *box, int64_t schedule, int64_t due_us,
		       enum outcome outcome, const char *words) {
	AUTO(run_done) struct run run = {0};
	read_run(box, schedule, due_us, &run);
	const char *reason = run.zones[0].reason != NULL ? run.zones[0].reason : "";
	if (run.state != outcome || strstr(reason, words) == NULL) {
		fail_msg("it is %s: '%s', not %s: '%s'", outcome_name(run.state), reason,
			 outcome_name(outcome), words);
	}
}

/* ---- edited ---- */

enum edit { RULE, TARGETS, ANNOUNCEMENT, WORDS, OFF, OFF_AND_ON, DELETE };

struct edit_case {
	const char *name;
	enum edit edit;
	/* What becomes of the run where this is done in its last three seconds, before
	 * or after it is judged; once it sounds it goes on as it began. */
	enum outcome handed;
	const char *words;
	bool goes_on; /* the next day */
};

static const struct edit_case edit_cases[] = {
	{"the rule", RULE, OUTCOME_PLAYED, "", true},
	{"the targets", TARGETS, OUTCOME_PLAYED, "", true},
	{"the announcement", ANNOUNCEMENT, OUTCOME_PLAYED, "", true},
	{"what the announcement says", WORDS, OUTCOME_PLAYED, "", true},
	{"switched off", OFF, OUTCOME_CANCELLED, "its schedule was switched off", false},
	{"switched off and on", OFF_AND_ON, OUTCOME_CANCELLED,
	 "its schedule was switched off", true},
	{"deleted", DELETE, OUTCOME_CANCELLED, "its schedule was deleted", false},
};

struct village {
	struct fake_box box;
	int64_t east;
	int64_t west;
	int64_t news; /* a minute long */
	int64_t weather;
	int64_t schedule;
};

static void put(struct village *v, struct schedule *schedule) {
	struct error err = {0};
	schedule->changed_us = v->box.now_us;
	if (store_schedule_put(v->box.store, schedule, &err) < 0) {
		fail_msg("%s", err.text);
	}
	director_schedule_changed(v->box.director, v->schedule);
}

static void shorten(struct village *v) {
	AUTO(announcement_done) struct announcement a = {0};
	assert_int_equal(store_announcement_get(v->box.store, v->news, &a, NULL), 0);
	a.content.parts[0].silence_ms = 7000;
	assert_int_equal(store_announcement_put(v->box.store, &a, NULL), 0);
	director_announcement_changed(v->box.director, v->news);
}

static void edit(struct village *v, enum edit what) {
	AUTO(schedule_done) struct schedule s = {0};
	assert_int_equal(store_schedule_get(v->box.store, v->schedule, &s, NULL), 0);
	switch (what) {
	case RULE:
		free(s.rule);
		s.rule = strdup("2 8 * * *");
		break;
	case TARGETS:
		s.zones.items[0] = v->west;
		break;
	case ANNOUNCEMENT:
		s.announcement = v->weather;
		break;
	case WORDS:
		shorten(v);
		return;
	case OFF:
	case OFF_AND_ON:
		s.enabled = false;
		break;
	case DELETE:
		assert_int_equal(store_schedule_delete(v->box.store, v->schedule, NULL),
				 0);
		director_schedule_changed(v->box.director, v->schedule);
		return;
	}
	put(v, &s);
	if (what == OFF_AND_ON) {
		s.enabled = true;
		put(v, &s);
	}
}

/* The run of 08:01, as it was planned before the edit. */
static void assert_as_it_began(struct village *v, const struct edit_case *c,
			       int64_t due_us, bool sounded) {
	AUTO(run_done) struct run run = {0};
	read_run(&v->box, v->schedule, due_us, &run);
	assert_int_equal(run.n_zones, 1);
	assert_int_equal(run.zones[0].zone, v->east);
	assert_int_equal(run.announcement, v->news);
	if (sounded || c->handed == OUTCOME_PLAYED) {
		assert_run(&v->box, v->schedule, due_us, OUTCOME_PLAYED, "");
		assert_int_equal(run.zones[0].started_us, due_us);
		assert_int_equal(run.zones[0].played_ms, 60000);
	} else {
		assert_run(&v->box, v->schedule, due_us, c->handed, c->words);
		assert_int_equal(run.zones[0].played_ms, 0);
	}
}

/* What the edit made of the series shows at the next due. */
static void assert_next(struct village *v, const struct edit_case *c, int64_t due_us) {
	AUTO(run_done) struct run run = {0};
	int64_t id = 0;
	assert_int_equal(store_run_of(v->box.store, v->schedule, due_us, &id, NULL), 0);
	assert_int_equal(id != 0, c->goes_on);
	if (!c->goes_on) {
		return;
	}
	read_run(&v->box, v->schedule, due_us, &run);
	assert_int_equal(run.state, OUTCOME_PLAYED);
	assert_int_equal(run.zones[0].zone, c->edit == TARGETS ? v->west : v->east);
	assert_int_equal(run.zones[0].played_ms, c->edit == WORDS          ? 7000
						 : c->edit == ANNOUNCEMENT ? 5000
									   : 60000);
}

static void a_series_is_edited_about_one_of_its_runs(void **state) {
	(void)state;
	/* Claimed; handed over; judged; on the air. */
	static const int64_t at_ms[] = {57100, 58000, 59900, 62000, 110000};
	for (size_t i = 0; i < LENGTH(edit_cases) * LENGTH(at_ms); i++) {
		const struct edit_case *c = &edit_cases[i / LENGTH(at_ms)];
		int64_t ms = at_ms[i % LENGTH(at_ms)];
		print_message("%s, at %lld ms\n", c->name, (long long)ms);
		struct village v;
		fake_box_start(&v.box);
		v.east = fake_box_zone(&v.box, "east", NULL);
		v.west = fake_box_zone(&v.box, "west", NULL);
		v.news = fake_box_announcement(&v.box, "news", 60000);
		v.weather = fake_box_announcement(&v.box, "weather", 5000);
		v.schedule = fake_box_schedule(&v.box, v.news, v.east, "1 8 * * *",
					       CLASS_NOTICE, 3600);
		int64_t due_us = v.box.now_us + MINUTE;
		fake_box_pass(&v.box, ms * 1000);
		edit(&v, c->edit);
		fake_box_pass(&v.box, 10 * MINUTE);
		/* Judged it is as good as on the air. */
		assert_as_it_began(&v, c, due_us, ms > 59700);
		/* By the new rule it is due once more, and otherwise not again. */
		bool again = c->edit == RULE && ms < 120000;
		assert_int_equal(fake_box_count_runs(&v.box), again ? 2 : 1);
		int64_t next_us = due_us + 24 * HOUR + (c->edit == RULE ? MINUTE : 0);
		fake_box_pass(&v.box, 24 * HOUR);
		assert_next(&v, c, next_us);
		fake_box_done(&v.box);
	}
}

/* ---- late, or the zone taken ---- */

struct clash_case {
	const char *name;
	enum run_class class;
	int play_within_s; /* 0: missed "skip" */
	enum conflict conflict;
	int down_s; /* the box is off for so long about its time */
	int held_min;
	enum run_class holder; /* who has the zone so long; held_min 0: nobody */
	enum outcome outcome;
	const char *words;
	int late_min; /* where it plays */
};

static const struct clash_case clash_cases[] = {
	{"nobody in the way, skip", CLASS_NOTICE, 0, CONFLICT_SKIP, 0, 0, 0,
	 OUTCOME_PLAYED, "", 0},
	{"waits for its equal", CLASS_NOTICE, 0, CONFLICT_WAIT, 0, 10, CLASS_NOTICE,
	 OUTCOME_PLAYED, "", 9},
	{"waits half an hour at most", CLASS_NOTICE, 0, CONFLICT_WAIT, 0, 40,
	 CLASS_NOTICE, OUTCOME_MISSED, "waited 30 minutes", 0},
	{"a short grace does not shorten the wait", CLASS_NOTICE, 60, CONFLICT_WAIT, 0,
	 10, CLASS_NOTICE, OUTCOME_PLAYED, "", 9},
	{"a long grace lengthens it", CLASS_NOTICE, 3600, CONFLICT_WAIT, 0, 40,
	 CLASS_PROGRAMME, OUTCOME_PLAYED, "", 39},
	{"and ends it", CLASS_NOTICE, 3600, CONFLICT_WAIT, 0, 80, CLASS_PROGRAMME,
	 OUTCOME_MISSED, "waited 60 minutes", 0},
	{"skips for its equal", CLASS_NOTICE, 0, CONFLICT_SKIP, 0, 10, CLASS_NOTICE,
	 OUTCOME_SKIPPED, "'holder' had the zone", 0},
	{"skips whatever its grace", CLASS_PROGRAMME, 3600, CONFLICT_SKIP, 0, 10,
	 CLASS_NOTICE, OUTCOME_SKIPPED, "'holder' had the zone", 0},
	{"skips for a call", CLASS_NOTICE, 0, CONFLICT_SKIP, 0, 10, CLASS_LIVE,
	 OUTCOME_SKIPPED, "'holder' had the zone", 0},
	{"waits for a call", CLASS_NOTICE, 0, CONFLICT_WAIT, 0, 10, CLASS_LIVE,
	 OUTCOME_PLAYED, "", 9},
	{"by class: a notice over a background skips nothing", CLASS_NOTICE, 0,
	 CONFLICT_SKIP, 0, 10, CLASS_BACKGROUND, OUTCOME_PLAYED, "", 0},
	{"by class: a background skips for a notice", CLASS_BACKGROUND, 0, CONFLICT_SKIP,
	 0, 10, CLASS_NOTICE, OUTCOME_SKIPPED, "'holder' had the zone", 0},
	{"by class: a background waits for a notice", CLASS_BACKGROUND, 0, CONFLICT_WAIT,
	 0, 10, CLASS_NOTICE, OUTCOME_PLAYED, "", 9},
	{"off, and late is missed", CLASS_NOTICE, 0, CONFLICT_WAIT, 300, 0, 0,
	 OUTCOME_MISSED, "0 s were allowed", 0},
	{"off, and late beyond its grace is missed", CLASS_NOTICE, 60, CONFLICT_SKIP, 300,
	 0, 0, OUTCOME_MISSED, "60 s were allowed", 0},
	{"off, and late within its grace plays once", CLASS_NOTICE, 600, CONFLICT_WAIT,
	 300, 0, 0, OUTCOME_PLAYED, "", 4},
	{"the same, skip", CLASS_NOTICE, 600, CONFLICT_SKIP, 300, 0, 0, OUTCOME_PLAYED,
	 "", 4},
};

static void set_conflict(struct fake_box *box, int64_t id, enum conflict conflict) {
	AUTO(schedule_done) struct schedule s = {0};
	assert_int_equal(store_schedule_get(box->store, id, &s, NULL), 0);
	s.conflict = conflict;
	assert_int_equal(store_schedule_put(box->store, &s, NULL), 0);
	director_schedule_changed(box->director, id);
}

static void late_or_taken(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(clash_cases); i++) {
		const struct clash_case *c = &clash_cases[i];
		print_message("%s\n", c->name);
		struct fake_box box;
		fake_box_start(&box);
		int64_t due_us = box.now_us + MINUTE;
		int64_t zone = fake_box_zone(&box, "east", NULL);
		int64_t news = fake_box_announcement(&box, "news", 5000);
		int64_t id = fake_box_schedule(&box, news, zone, "1 8 2 3 *", c->class,
					       c->play_within_s);
		set_conflict(&box, id, c->conflict);
		fake_box_pass(&box, 2 * SECOND);
		if (c->held_min != 0) {
			int64_t long_one = fake_box_announcement(&box, "holder",
								 c->held_min * 60000LL);
			fake_box_push(&box, long_one, zone, c->holder, NULL);
		}
		if (c->down_s != 0) {
			fake_box_pass(&box, 8 * SECOND);
			box.now_us += c->down_s * SECOND;
			fake_box_restart(&box, true);
		}
		fake_box_pass(&box, 3 * HOUR);
		assert_run(&box, id, due_us, c->outcome, c->words);
		AUTO(run_done) struct run run = {0};
		read_run(&box, id, due_us, &run);
		assert_int_equal(run.zones[0].late_ms / 60000, c->late_min);
		assert_int_equal(fake_box_starts(),
				 (c->outcome == OUTCOME_PLAYED) + (c->held_min != 0));
		fake_box_done(&box);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_series_is_edited_about_one_of_its_runs),
		cmocka_unit_test(late_or_taken),
	};
	return cmocka_run_group_tests_name("director_series", tests, NULL, NULL);
}
