/* test_director_once.c - what single occurrences do just this once, over restarts, steps
 * of the clock and changes of their schedule (fake_box.h): each is claimed once, sounds
 * at most once, and has an end that says why. */
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
#define DAY (24 * HOUR)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* A schedule of a village, on its first day. */
struct village {
	struct fake_box box;
	int64_t eight_us; /* when it begins */
	int64_t zone;
	int64_t news;
	int64_t other;
	int64_t schedule;
};

static void begin(struct village *v, const char *rule, int play_within_s) {
	fake_box_start(&v->box);
	v->eight_us = v->box.now_us;
	v->zone = fake_box_zone(&v->box, "east", "22:00-06:00");
	v->news = fake_box_announcement(&v->box, "news", 5000);
	v->other = fake_box_announcement(&v->box, "other", 5000);
	v->schedule = fake_box_schedule(&v->box, v->news, v->zone, rule, CLASS_NOTICE,
					play_within_s);
}

static void pass_until(struct village *v, int64_t us) {
	if (us > v->box.now_us) {
		fake_box_pass(&v->box, us - v->box.now_us);
	}
}

/* The run of the occurrence that is due then by the rule; false where it has none. */
static bool run_of(struct village *v, int64_t due_us, struct run *ret) {
	int64_t id = 0;
	assert_int_equal(store_run_of(v->box.store, v->schedule, due_us, &id, NULL), 0);
	if (id == 0) {
		return false;
	}
	assert_int_equal(store_run_get(v->box.store, id, ret, NULL), 0);
	return true;
}

static void assert_run(struct village *v, int64_t due_us, enum outcome outcome,
		       const char *words) {
	AUTO(run_done) struct run run = {0};
	if (!run_of(v, due_us, &run)) {
		fail_msg("there is no run of %lld", (long long)due_us);
	}
	const char *reason = run.zones[0].reason != NULL ? run.zones[0].reason : "";
	if (run.state != outcome || strstr(reason, words) == NULL ||
	    (words[0] == '\0' && reason[0] != '\0')) {
		fail_msg("it is %s: '%s', not %s: '%s'", outcome_name(run.state), reason,
			 outcome_name(outcome), words);
	}
}

struct once_case {
	const char *name;
	const char *rule;
	enum override_action action;
	int to_min; /* after eight; 0: at its own time */
	bool other; /* says the other announcement */
	size_t starts;
	enum outcome outcome;
	const char *words;
};

/* It is about 08:10. */
static const struct once_case once_cases[] = {
	{"skipped", "10 8 * * *", OVERRIDE_SKIP, 0, false, 0, OUTCOME_SKIPPED,
	 "skipped just this once by clerk"},
	{"earlier", "10 8 * * *", OVERRIDE_MOVE, 5, false, 1, OUTCOME_PLAYED,
	 "moved from 2026-03-02 08:10 by clerk"},
	{"later", "10 8 * * *", OVERRIDE_MOVE, 90, false, 1, OUTCOME_PLAYED,
	 "moved from 2026-03-02 08:10 by clerk"},
	{"earlier, across others", "*/10 8 * * *", OVERRIDE_MOVE, 5, false, 5,
	 OUTCOME_PLAYED, "moved from"},
	{"later, across others", "*/10 8 * * *", OVERRIDE_MOVE, 35, false, 5,
	 OUTCOME_PLAYED, "moved from"},
	{"later, onto another", "*/10 8 * * *", OVERRIDE_MOVE, 20, false, 5,
	 OUTCOME_PLAYED, "moved from"},
	{"to the next day, behind the next one", "10 8 * * *", OVERRIDE_MOVE,
	 24 * 60 + 15, false, 2, OUTCOME_PLAYED, "moved from"},
	{"into the quiet", "10 8 * * *", OVERRIDE_MOVE, 15 * 60, false, 0,
	 OUTCOME_SKIPPED, "quiet hours 22:00 to 06:00 in zone 'east' (moved from"},
	{"another one", "10 8 * * *", OVERRIDE_REPLACE, 0, true, 1, OUTCOME_PLAYED,
	 "in place of 'news', by clerk"},
	{"another one, later", "10 8 * * *", OVERRIDE_REPLACE, 15, true, 1,
	 OUTCOME_PLAYED, "moved from 2026-03-02 08:10, in place of 'news', by clerk"},
	{"later, another one", "10 8 * * *", OVERRIDE_MOVE, 15, true, 1, OUTCOME_PLAYED,
	 "moved from 2026-03-02 08:10, in place of 'news', by clerk"},
};

static void one_occurrence_does_what_was_asked(void **state) {
	(void)state;
	for (size_t i = 0; i < LENGTH(once_cases); i++) {
		const struct once_case *c = &once_cases[i];
		print_message("%s\n", c->name);
		struct village v;
		begin(&v, c->rule, 0);
		int64_t due_us = v.eight_us + 10 * MINUTE;
		int64_t to_us =
			c->to_min != 0 ? v.eight_us + c->to_min * MINUTE : TIME_NONE;
		fake_box_override(&v.box, v.schedule, due_us, c->action, to_us,
				  c->other ? v.other : 0);
		pass_until(&v,
			   v.eight_us + (c->to_min > 24 * 60 ? 25 * HOUR : 20 * HOUR));
		assert_run(&v, due_us, c->outcome, c->words);
		AUTO(run_done) struct run run = {0};
		assert_true(run_of(&v, due_us, &run));
		assert_int_equal(run.due_us, to_us == TIME_NONE ? due_us : to_us);
		assert_int_equal(run.moved_from_us, to_us == TIME_NONE ? 0 : due_us);
		assert_int_equal(run.announcement, c->other ? v.other : v.news);
		assert_int_equal(fake_box_starts(), c->starts);
		if (run.zones[0].started_us != TIME_NONE && c->to_min != 20) {
			assert_int_equal(run.zones[0].started_us, run.due_us);
		}
		/* And the series goes on as ever. */
		pass_until(&v, v.eight_us + 49 * HOUR);
		assert_run(&v, due_us + DAY, OUTCOME_PLAYED, "");
		fake_box_done(&v.box);
	}
}

/* Of the occurrence of 08:10, whatever happened: one run, one end, heard at most once. */
static void assert_once(struct village *v, size_t *ret_heard) {
	AUTO(run_done) struct run run = {0};
	if (!run_of(v, v->eight_us + 10 * MINUTE, &run)) {
		fail_msg("it is forgotten");
	}
	assert_true(outcome_final(run.zones[0].outcome));
	assert_non_null(strstr(run.zones[0].reason, "moved from 2026-03-02 08:10"));
	assert_int_equal(fake_box_count_runs(&v->box), 1);
	bool began = run.zones[0].started_us != TIME_NONE;
	/* Heard just before a kill, it is not known to be. */
	bool unknown = run.zones[0].outcome == OUTCOME_MISSED;
	if (fake_box_starts() != began && !(unknown && fake_box_starts() == 1)) {
		fail_msg("it began %zu times and is %s: %s", fake_box_starts(),
			 outcome_name(run.zones[0].outcome), run.zones[0].reason);
	}
	*ret_heard += began;
}

/* Killed at every moment about both of its times, and off for a while. */
static void a_move_survives_a_kill_at_any_moment(void **state) {
	(void)state;
	static const int to_min[] = {5, 15};
	static const int down_s[] = {0, 60, 420, 1200};
	size_t heard = 0;
	size_t all = 0;
	for (size_t i = 0; i < LENGTH(to_min) * LENGTH(down_s); i++) {
		for (int64_t at_s = 4 * 60 + 50; at_s < 16 * 60; at_s += 19) {
			struct village v;
			begin(&v, "10 8 2 3 *", 300);
			fake_box_override(&v.box, v.schedule, v.eight_us + 10 * MINUTE,
					  OVERRIDE_MOVE,
					  v.eight_us + to_min[i % 2] * MINUTE, 0);
			pass_until(&v, v.eight_us + at_s * SECOND);
			v.box.now_us += down_s[i / 2] * SECOND;
			fake_box_restart(&v.box, true);
			pass_until(&v, v.eight_us + HOUR);
			assert_once(&v, &heard);
			all++;
			fake_box_done(&v.box);
		}
	}
	print_message("heard in %zu of %zu lives\n", heard, all);
	assert_true(heard > all / 2 && heard < all);
}

/* The clock is set at every minute, there and later back. */
static void a_move_survives_the_setting_of_the_clock(void **state) {
	(void)state;
	static const int to_min[] = {5, 15};
	static const int64_t steps_us[] = {SECOND, -SECOND, 5 * MINUTE, -5 * MINUTE,
					   HOUR,   -HOUR,   DAY};
	size_t heard = 0;
	for (size_t i = 0; i < LENGTH(to_min) * LENGTH(steps_us); i++) {
		int64_t by_us = steps_us[i / 2];
		for (int64_t at_s = 4 * 60 + 58; at_s < 16 * 60; at_s += 60) {
			struct village v;
			begin(&v, "10 8 2 3 *", 0);
			fake_box_override(&v.box, v.schedule, v.eight_us + 10 * MINUTE,
					  OVERRIDE_MOVE,
					  v.eight_us + to_min[i % 2] * MINUTE, 0);
			pass_until(&v, v.eight_us + at_s * SECOND);
			fake_box_step(&v.box, by_us);
			fake_box_pass(&v.box, MINUTE);
			fake_box_step(&v.box, -by_us);
			pass_until(&v, v.eight_us + 2 * HOUR);
			assert_once(&v, &heard);
			fake_box_done(&v.box);
		}
	}
	print_message("heard in %zu lives\n", heard);
	assert_true(heard > 20);
}

/* ---- its schedule changes meanwhile ---- */

enum change { NOTHING, DISABLE, ENABLE, OTHER_RULE, SAME_RULE, DELETE, RETARGET };

static void change(struct village *v, enum change what) {
	struct store *s = v->box.store;
	AUTO(schedule_done) struct schedule schedule = {0};
	if (what == NOTHING) {
		return;
	}
	if (what == DELETE) {
		assert_int_equal(store_schedule_delete(s, v->schedule, NULL), 0);
	} else {
		assert_int_equal(store_schedule_get(s, v->schedule, &schedule, NULL), 0);
		schedule.enabled = what == DISABLE ? false : schedule.enabled;
		schedule.enabled = what == ENABLE ? true : schedule.enabled;
		if (what == OTHER_RULE || what == SAME_RULE) {
			free(schedule.rule);
			schedule.rule =
				strdup(what == SAME_RULE ? "10 8 2 3 *" : "20 8 2 3 *");
		}
		schedule.changed_us = v->box.now_us;
		assert_int_equal(store_schedule_put(s, &schedule, NULL), 0);
	}
	director_schedule_changed(v->box.director, v->schedule);
}

struct change_case {
	const char *name;
	int to_min;
	struct {
		int at_min;
		enum change what;
	} changes[3];
	size_t starts;
	enum outcome outcome; /* OUTCOME_PLANNED: there is no run of it */
	const char *words;
};

static const struct change_case change_cases[] = {
	{"earlier, and the rule changes before",
	 5,
	 {{2, OTHER_RULE}},
	 1,
	 OUTCOME_PLANNED,
	 ""},
	{"earlier, and the rule changes between",
	 5,
	 {{7, OTHER_RULE}},
	 2,
	 OUTCOME_PLAYED,
	 "moved from"},
	{"earlier, and its schedule is saved as it is",
	 5,
	 {{2, SAME_RULE}, {7, SAME_RULE}},
	 1,
	 OUTCOME_PLAYED,
	 "moved from"},
	{"earlier, switched off then and on between",
	 5,
	 {{2, DISABLE}, {7, ENABLE}},
	 0,
	 OUTCOME_SKIPPED,
	 "moved to 2026-03-02 08:05, and its schedule was switched off"},
	{"earlier, switched off then", 5, {{2, DISABLE}}, 0, OUTCOME_PLANNED, ""},
	{"earlier, switched off between",
	 5,
	 {{7, DISABLE}},
	 1,
	 OUTCOME_PLAYED,
	 "moved from"},
	{"earlier, deleted before", 5, {{2, DELETE}}, 0, OUTCOME_PLANNED, ""},
	{"earlier, deleted between", 5, {{7, DELETE}}, 1, OUTCOME_PLAYED, "moved from"},
	{"later, and the rule changes before",
	 15,
	 {{2, OTHER_RULE}},
	 1,
	 OUTCOME_PLANNED,
	 ""},
	{"later, and the rule changes and changes back",
	 15,
	 {{2, OTHER_RULE}, {4, SAME_RULE}},
	 1,
	 OUTCOME_PLAYED,
	 "moved from"},
	{"later, and the rule changes between",
	 15,
	 {{12, OTHER_RULE}},
	 2,
	 OUTCOME_PLAYED,
	 "moved from"},
	{"later, switched off at its own time",
	 15,
	 {{2, DISABLE}, {12, ENABLE}},
	 1,
	 OUTCOME_PLAYED,
	 "moved from"},
	{"later, switched off then",
	 15,
	 {{12, DISABLE}, {17, ENABLE}},
	 0,
	 OUTCOME_PLANNED,
	 ""},
	{"later, deleted between", 15, {{12, DELETE}}, 0, OUTCOME_PLANNED, ""},
	{"later, saved between", 15, {{12, SAME_RULE}}, 1, OUTCOME_PLAYED, "moved from"},
};

static void changes_of_the_schedule_meanwhile(void **state) {
	(void)state;
	/* With a restart between, and without. */
	for (size_t i = 0; i < 2 * LENGTH(change_cases); i++) {
		const struct change_case *c = &change_cases[i / 2];
		print_message("%s%s\n", c->name, i % 2 != 0 ? ", restarted" : "");
		struct village v;
		begin(&v, "10 8 2 3 *", 0);
		int64_t due_us = v.eight_us + 10 * MINUTE;
		fake_box_override(&v.box, v.schedule, due_us, OVERRIDE_MOVE,
				  v.eight_us + c->to_min * MINUTE, 0);
		for (size_t k = 0; k < LENGTH(c->changes); k++) {
			pass_until(&v, v.eight_us + c->changes[k].at_min * MINUTE);
			change(&v, c->changes[k].what);
			if (i % 2 != 0) {
				fake_box_restart(&v.box, true);
			}
		}
		pass_until(&v, v.eight_us + HOUR);
		assert_int_equal(fake_box_starts(), c->starts);
		AUTO(run_done) struct run run = {0};
		if (c->outcome == OUTCOME_PLANNED) {
			assert_false(run_of(&v, due_us, &run));
		} else {
			assert_run(&v, due_us, c->outcome, c->words);
		}
		fake_box_done(&v.box);
	}
}

/* ---- second thoughts ---- */

static void what_waits_for_its_other_time_may_be_skipped_or_moved_on(void **state) {
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct village v;
		begin(&v, "10 8 2 3 *", 0);
		int64_t due_us = v.eight_us + 10 * MINUTE;
		fake_box_override(&v.box, v.schedule, due_us, OVERRIDE_MOVE,
				  v.eight_us + 15 * MINUTE, 0);
		pass_until(&v, v.eight_us + 12 * MINUTE);
		bool skip = i % 2 == 0;
		fake_box_override(&v.box, v.schedule, due_us,
				  skip ? OVERRIDE_SKIP : OVERRIDE_MOVE,
				  skip ? TIME_NONE : v.eight_us + 20 * MINUTE, 0);
		if (i >= 2) {
			fake_box_restart(&v.box, true);
		}
		pass_until(&v, v.eight_us + 18 * MINUTE);
		assert_int_equal(fake_box_starts(), 0);
		pass_until(&v, v.eight_us + HOUR);
		assert_int_equal(fake_box_starts(), skip ? 0 : 1);
		assert_run(&v, due_us, skip ? OUTCOME_SKIPPED : OUTCOME_PLAYED,
			   skip ? "skipped just this once by clerk" : "moved from");
		assert_int_equal(fake_box_count_runs(&v.box), 1);
		fake_box_done(&v.box);
	}
}

/* What is due at 08:10 is moved, and the director is not told yet. */
static struct override move_untold(const struct village *v, int64_t to_us) {
	struct override o = {.schedule = v->schedule,
			     .due_us = v->eight_us + 10 * MINUTE,
			     .action = OVERRIDE_MOVE,
			     .to_us = to_us};
	assert_int_equal(store_override_put(v->box.store, &o, NULL), 1);
	return o;
}

/* The box dies between the order to skip and its record. */
static void a_skip_is_recorded_after_a_kill(void **state) {
	(void)state;
	struct village v;
	begin(&v, "10 8 2 3 *", 0);
	struct override o = move_untold(&v, v.eight_us + 15 * MINUTE);
	director_overrides_changed(v.box.director, v.schedule);
	pass_until(&v, v.eight_us + 12 * MINUTE);
	o.action = OVERRIDE_SKIP;
	o.to_us = TIME_NONE;
	assert_int_equal(store_override_put(v.box.store, &o, NULL), 1);
	for (int i = 0; i < 2; i++) {
		fake_box_restart(&v.box, true);
		pass_until(&v, v.eight_us + (20 + i) * MINUTE);
	}
	assert_run(&v, o.due_us, OUTCOME_SKIPPED, "skipped just this once by somebody");
	assert_int_equal(fake_box_count_runs(&v.box), 1);
	assert_int_equal(fake_box_starts(), 0);
	fake_box_done(&v.box);
}

/* What was moved to an earlier time sounds, and the disk does not take it until it is
 * over: at its own time it is not taken for one that did not sound. */
static void a_full_disk_forgets_no_move(void **state) {
	(void)state;
	struct village v;
	begin(&v, "0 7 2 3 *", 0);
	int64_t music = fake_box_announcement(&v.box, "music", 600000);
	int64_t due_us = v.eight_us + 10 * MINUTE;
	v.schedule =
		fake_box_schedule(&v.box, music, v.zone, "10 8 2 3 *", CLASS_NOTICE, 0);
	fake_box_override(&v.box, v.schedule, due_us, OVERRIDE_MOVE,
			  v.eight_us + 5 * MINUTE, 0);
	pass_until(&v, v.eight_us + 4 * MINUTE);
	fake_box_break_disk(&v.box, true);
	pass_until(&v, v.eight_us + 6 * MINUTE);
	fake_box_break_disk(&v.box, false);
	pass_until(&v, v.eight_us + 11 * MINUTE);
	assert_int_equal(fake_box_count_runs(&v.box), 0);
	pass_until(&v, v.eight_us + 20 * MINUTE);
	assert_run(&v, due_us, OUTCOME_PLAYED, "moved from");
	assert_int_equal(fake_box_count_runs(&v.box), 1);
	assert_int_equal(fake_box_starts(), 1);
	fake_box_done(&v.box);
}

/* A skip of what was moved that the disk does not take is made good for; unless somebody
 * has thought better of it. */
static void a_skip_is_recorded_after_a_full_disk(void **state) {
	(void)state;
	for (int again = 0; again < 2; again++) {
		struct village v;
		begin(&v, "10 8 2 3 *", 0);
		struct override o = {.schedule = v.schedule,
				     .due_us = v.eight_us + 10 * MINUTE,
				     .action = OVERRIDE_MOVE,
				     .to_us = v.eight_us + 15 * MINUTE};
		assert_int_equal(store_override_put(v.box.store, &o, NULL), 1);
		director_overrides_changed(v.box.director, v.schedule);
		pass_until(&v, v.eight_us + 12 * MINUTE);
		o.action = OVERRIDE_SKIP;
		o.to_us = TIME_NONE;
		assert_int_equal(store_override_put(v.box.store, &o, NULL), 1);
		fake_box_break_disk(&v.box, true);
		director_overrides_changed(v.box.director, v.schedule);
		pass_until(&v, v.eight_us + 13 * MINUTE);
		fake_box_break_disk(&v.box, false);
		if (again) {
			o.action = OVERRIDE_MOVE;
			o.to_us = v.eight_us + 20 * MINUTE;
			assert_int_equal(store_override_put(v.box.store, &o, NULL), 1);
			director_overrides_changed(v.box.director, v.schedule);
		}
		pass_until(&v, v.eight_us + 13 * MINUTE + 3 * SECOND);
		assert_int_equal(fake_box_count_runs(&v.box), again ? 0 : 1);
		pass_until(&v, v.eight_us + HOUR);
		assert_run(&v, o.due_us, again ? OUTCOME_PLAYED : OUTCOME_SKIPPED, "by");
		assert_int_equal(fake_box_count_runs(&v.box), 1);
		const struct fault *faults = NULL;
		assert_int_equal(faults_list(v.box.faults, &faults), 0);
		fake_box_done(&v.box);
	}
}

/* The plan is taken some seconds ahead: what is moved into these seconds comes still, and
 * after a kill, too. */
static void a_move_to_the_next_second_is_heard(void **state) {
	(void)state;
	for (int killed = 0; killed < 2; killed++) {
		struct village v;
		begin(&v, "10 8 2 3 *", 0);
		fake_box_schedule(&v.box, v.news, v.zone, "1 8 2 3 *", CLASS_NOTICE, 0);
		pass_until(&v, v.eight_us + 58 * SECOND); /* 08:01 is claimed */
		struct override o = move_untold(&v, v.eight_us + 59 * SECOND);
		if (killed) {
			/* Up again when both are over. */
			v.box.now_us += 10 * SECOND;
			fake_box_restart(&v.box, true);
		} else {
			director_overrides_changed(v.box.director, v.schedule);
		}
		pass_until(&v, v.eight_us + HOUR);
		assert_run(&v, o.due_us, killed ? OUTCOME_MISSED : OUTCOME_PLAYED,
			   "moved from");
		fake_box_done(&v.box);
	}
}

static void a_deleted_override_leaves_the_rule(void **state) {
	(void)state;
	static const struct {
		enum override_action action;
		int to_min;
	} cases[] = {{OVERRIDE_SKIP, 0}, {OVERRIDE_MOVE, 5}, {OVERRIDE_MOVE, 20}};
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct village v;
		begin(&v, "10 8 2 3 *", 0);
		int64_t due_us = v.eight_us + 10 * MINUTE;
		int64_t to_us = v.eight_us + cases[i].to_min * MINUTE;
		int64_t id =
			fake_box_override(&v.box, v.schedule, due_us, cases[i].action,
					  cases[i].to_min != 0 ? to_us : TIME_NONE, 0);
		pass_until(&v, v.eight_us + 2 * MINUTE);
		assert_int_equal(store_override_delete(v.box.store, id, NULL), 0);
		director_overrides_changed(v.box.director, v.schedule);
		pass_until(&v, v.eight_us + HOUR);
		assert_int_equal(fake_box_starts(), 1);
		assert_run(&v, due_us, OUTCOME_PLAYED, "");
		fake_box_done(&v.box);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_occurrence_does_what_was_asked),
		cmocka_unit_test(a_move_survives_a_kill_at_any_moment),
		cmocka_unit_test(a_move_survives_the_setting_of_the_clock),
		cmocka_unit_test(changes_of_the_schedule_meanwhile),
		cmocka_unit_test(
			what_waits_for_its_other_time_may_be_skipped_or_moved_on),
		cmocka_unit_test(a_skip_is_recorded_after_a_kill),
		cmocka_unit_test(a_full_disk_forgets_no_move),
		cmocka_unit_test(a_skip_is_recorded_after_a_full_disk),
		cmocka_unit_test(a_move_to_the_next_second_is_heard),
		cmocka_unit_test(a_deleted_override_leaves_the_rule),
	};
	return cmocka_run_group_tests_name("director_once", tests, NULL, NULL);
}
