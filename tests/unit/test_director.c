/* test_director.c - the director on a clock the test turns (fake_box.h): the real
 * planner, arbiter and store below it. */
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

static int setup(void **state) {
	static struct fake_box box;
	fake_box_start(&box);
	*state = &box;
	return 0;
}

static int teardown(void **state) {
	fake_box_done(*state);
	return 0;
}

static void assert_last(struct fake_box *box, enum outcome outcome, const char *words) {
	AUTO(run_done) struct run run = {0};
	fake_box_last_run(box, &run);
	assert_string_equal(outcome_name(run.zones[0].outcome), outcome_name(outcome));
	assert_string_equal(outcome_name(run.state), outcome_name(outcome));
	if (words == NULL) {
		assert_null(run.zones[0].reason);
	} else if (run.zones[0].reason == NULL ||
		   strstr(run.zones[0].reason, words) == NULL) {
		fail_msg("'%s' does not say '%s'", run.zones[0].reason, words);
	}
}

static void a_schedule_plays_on_its_frame(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 5000);
	fake_box_schedule(box, news, zone, "1 8 * * *", CLASS_NOTICE, 0);
	fake_box_pass(box, 59 * SECOND);
	assert_int_equal(fake_box_starts(), 0);
	fake_box_pass(box, 2 * SECOND);
	assert_int_equal(fake_box_sounding(), 1);
	assert_last(box, OUTCOME_PLAYING, NULL);
	fake_box_pass(box, 10 * SECOND);
	assert_last(box, OUTCOME_PLAYED, NULL);
	AUTO(run_done) struct run run = {0};
	fake_box_last_run(box, &run);
	assert_int_equal(run.zones[0].late_ms, 0);
	assert_int_equal(run.zones[0].played_ms, 5000);
	fake_box_pass(box, 24 * HOUR);
	assert_int_equal(fake_box_count_runs(box), 2);
}

static void the_night_is_quiet(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", "22:00-06:00");
	int64_t news = fake_box_announcement(box, "news", 60000);
	fake_box_schedule(box, news, zone, "30 23 * * *", CLASS_PROGRAMME, 0);
	fake_box_pass(box, 16 * HOUR);
	assert_int_equal(fake_box_starts(), 0);
	assert_last(box, OUTCOME_SKIPPED, "quiet hours 22:00 to 06:00 in zone 'east'");
	struct error err = {0};
	assert_int_equal(fake_box_push(box, news, zone, CLASS_NOTICE, &err), -EPERM);
	assert_non_null(strstr(err.text, "quiet hours"));
	assert_int_equal(fake_box_starts(), 0);
}

static void what_runs_into_the_quiet_is_cut_at_its_edge(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", "08:01-09:00");
	int64_t news = fake_box_announcement(box, "news", 600000);
	fake_box_push(box, news, zone, CLASS_NOTICE, NULL);
	fake_box_pass(box, 59 * SECOND);
	assert_int_equal(fake_box_sounding(), 1);
	fake_box_pass(box, SECOND);
	assert_int_equal(fake_box_sounding(), 0);
	assert_last(box, OUTCOME_CUT, "quiet hours");
}

static void a_waiting_run_does_not_slip_into_the_quiet(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", "08:01-09:00");
	int64_t news = fake_box_announcement(box, "news", 600000);
	fake_box_push(box, news, zone, CLASS_NOTICE, NULL);
	fake_box_push(box, news, zone, CLASS_NOTICE, NULL);
	fake_box_pass(box, 5 * MINUTE);
	assert_int_equal(fake_box_starts(), 1);
	assert_last(box, OUTCOME_SKIPPED, "quiet hours");
}

static void an_untrusted_clock_holds_everything(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 60000);
	fake_box_schedule(box, news, zone, "*/10 * * * *", CLASS_NOTICE, 300);
	fake_box_push(box, news, zone, CLASS_NOTICE, NULL);
	fake_box_pass(box, SECOND);
	box->trusted = false;
	fake_box_step(box, 0);
	fake_box_pass(box, SECOND);
	assert_int_equal(fake_box_sounding(), 0);
	assert_last(box, OUTCOME_CUT, "clock");
	fake_box_pass(box, 35 * MINUTE);
	assert_int_equal(fake_box_starts(), 1);
	assert_int_equal(fake_box_push(box, news, zone, CLASS_NOTICE, NULL), -EPERM);
	const struct fault *faults = NULL;
	assert_int_equal(faults_list(box->faults, &faults), 1);
	assert_string_equal(faults[0].source, "clock");
	/* Believed again at 08:33: 08:10 and 08:20 are missed, 08:30 is late within its
	 * 300 s. */
	box->trusted = true;
	fake_box_step(box, -2 * MINUTE);
	fake_box_pass(box, SECOND);
	assert_int_equal(fake_box_starts(), 2);
	assert_int_equal(fake_box_count_runs(box), 4);
	assert_int_equal(faults_list(box->faults, &faults), 0);
}

struct restart_case {
	const char *name;
	int64_t killed_at_us; /* after 08:00; the schedule is due at 08:01, 5 s long */
	int64_t down_us;
	bool killed;
	int play_within_s;
	size_t starts;
	enum outcome outcome;
	const char *words;
};

static const struct restart_case restart_cases[] = {
	{"long before", 30 * SECOND, SECOND, true, 0, 1, OUTCOME_PLAYED, NULL},
	{"claimed, up again in time", 58 * SECOND, SECOND, true, 0, 1, OUTCOME_PLAYED,
	 NULL},
	{"claimed, up again too late", 58 * SECOND, 5 * SECOND, true, 600, 0,
	 OUTCOME_MISSED, "may have been heard"},
	{"on the air", 62 * SECOND, SECOND, true, 600, 1, OUTCOME_CUT, "power or crash"},
	{"on the air, stopped in order", 62 * SECOND, SECOND, false, 600, 1, OUTCOME_CUT,
	 "shut down"},
	{"after its end", 70 * SECOND, SECOND, true, 600, 1, OUTCOME_PLAYED, NULL},
	{"down over its time", 30 * SECOND, 60 * SECOND, true, 0, 0, OUTCOME_MISSED,
	 "the box was off"},
	{"down, late within the grace", 30 * SECOND, 60 * SECOND, true, 60, 1,
	 OUTCOME_PLAYED, NULL},
	{"down, beyond the grace", 30 * SECOND, 600 * SECOND, true, 60, 0, OUTCOME_MISSED,
	 "the box was off"},
};

static void nothing_plays_twice_or_is_forgotten_over_a_restart(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(restart_cases) / sizeof(restart_cases[0]); i++) {
		const struct restart_case *c = &restart_cases[i];
		print_message("%s\n", c->name);
		struct fake_box box;
		fake_box_start(&box);
		int64_t zone = fake_box_zone(&box, "east", NULL);
		int64_t news = fake_box_announcement(&box, "news", 5000);
		fake_box_schedule(&box, news, zone, "1 8 * * *", CLASS_NOTICE,
				  c->play_within_s);
		fake_box_pass(&box, c->killed_at_us);
		box.now_us += c->killed ? c->down_us : 0;
		fake_box_restart(&box, c->killed);
		fake_box_pass(&box, HOUR);
		assert_int_equal(fake_box_starts(), c->starts);
		assert_int_equal(fake_box_count_runs(&box), 1);
		assert_last(&box, c->outcome, c->words);
		fake_box_done(&box);
	}
}

/* Claimed in one life and due in the next. */
static void a_restart_keeps_what_its_schedule_says(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 5000);
	int64_t id = fake_box_schedule(box, news, zone, "1 8 * * *", CLASS_NOTICE, 0);
	AUTO(schedule_done) struct schedule schedule = {0};
	assert_int_equal(store_schedule_get(box->store, id, &schedule, NULL), 0);
	schedule.conflict = CONFLICT_SKIP;
	assert_int_equal(store_schedule_put(box->store, &schedule, NULL), 0);
	director_schedule_changed(box->director, id);
	fake_box_pass(box, 58 * SECOND);
	fake_box_restart(box, true);
	assert_true(fake_box_push(box, news, zone, CLASS_NOTICE, NULL) > 0);
	fake_box_pass(box, MINUTE);
	AUTO(run_done) struct run run = {0};
	assert_int_equal(store_run_get(box->store, 1, &run, NULL), 0);
	assert_string_equal(outcome_name(run.state), "skipped");
	assert_int_equal(fake_box_starts(), 1);
}

static void a_clock_step_replays_nothing(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 1000);
	fake_box_schedule(box, news, zone, "*/5 * * * *", CLASS_NOTICE, 0);
	fake_box_pass(box, 6 * MINUTE);
	assert_int_equal(fake_box_starts(), 1);
	fake_box_step(box, -3 * MINUTE); /* 08:05 comes again */
	fake_box_pass(box, 3 * MINUTE);
	assert_int_equal(fake_box_starts(), 1);
	fake_box_step(box, 18 * MINUTE); /* 08:10, 08:15, 08:20 are passed over */
	fake_box_pass(box, SECOND);
	assert_int_equal(fake_box_starts(), 1);
	assert_int_equal(fake_box_count_runs(box), 4);
	assert_last(box, OUTCOME_MISSED, "the box was off");
	fake_box_pass(box, 2 * MINUTE);
	assert_int_equal(fake_box_starts(), 2);
}

struct astray_case {
	const char *name;
	int64_t ahead_us;
	bool back_at_start; /* the clock is set right while the box is off */
};

static const struct astray_case astray_cases[] = {
	{"a month, set right while it runs", 30 * 24 * HOUR, false},
	{"a month, set right while it is off", 30 * 24 * HOUR, true},
	{"ten years, set right while it runs", 3650 * 24 * HOUR, false},
	{"ten years, set right while it is off", 3650 * 24 * HOUR, true},
};

static void a_clock_that_ran_ahead_hides_nothing(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(astray_cases) / sizeof(astray_cases[0]); i++) {
		const struct astray_case *c = &astray_cases[i];
		print_message("%s\n", c->name);
		struct fake_box box;
		fake_box_start(&box);
		int64_t zone = fake_box_zone(&box, "east", NULL);
		int64_t news = fake_box_announcement(&box, "news", 1000);
		fake_box_schedule(&box, news, zone, "10 * * * *", CLASS_NOTICE, 0);
		fake_box_step(&box, c->ahead_us);
		fake_box_pass(&box, 30 * MINUTE);
		size_t runs = fake_box_count_runs(&box);
		/* What was passed over is recorded for the last 31 days of it. */
		assert_in_range(runs, 1, 31 * 24 + 1);
		assert_int_equal(fake_box_starts(), 1);
		fake_box_schedule(&box, news, zone, "40 * * * *", CLASS_NOTICE, 0);
		if (c->back_at_start) {
			box.now_us -= c->ahead_us;
			fake_box_restart(&box, true);
		} else {
			fake_box_step(&box, -c->ahead_us);
		}
		fake_box_pass(&box, 20 * MINUTE); /* 08:30 to 08:50 */
		assert_int_equal(fake_box_starts(), 2);
		assert_int_equal(fake_box_count_runs(&box), runs + 1);
		fake_box_done(&box);
	}
}

static void a_clock_from_1970_is_waited_for(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 1000);
	fake_box_schedule(box, news, zone, "10 * * * *", CLASS_NOTICE, 0);
	fake_box_pass(box, 15 * MINUTE);
	/* Saved at 08:15: its 08:12 was never its own. */
	fake_box_schedule(box, news, zone, "12 * * * *", CLASS_NOTICE, 3600);
	int64_t now_us = box->now_us;
	box->now_us = HOUR;
	box->trusted = false;
	fake_box_restart(box, true);
	fake_box_step(box, MINUTE);
	/* Saved when nobody knew the time: nor was 08:20 its own. */
	fake_box_schedule(box, news, zone, "20 * * * *", CLASS_NOTICE, 3600);
	fake_box_pass(box, 10 * MINUTE);
	box->trusted = true;
	fake_box_step(box, now_us + 15 * MINUTE - box->now_us);
	fake_box_pass(box, 45 * MINUTE); /* to 09:15 */
	assert_int_equal(fake_box_starts(), 3);
	assert_int_equal(fake_box_count_runs(box), 3);
}

static void a_schedule_saved_at_the_last_moment_plays(void **state) {
	(void)state;
	static const bool killed[] = {false, true};
	for (size_t i = 0; i < sizeof(killed) / sizeof(killed[0]); i++) {
		struct fake_box box;
		fake_box_start(&box);
		int64_t east = fake_box_zone(&box, "east", NULL);
		int64_t west = fake_box_zone(&box, "west", NULL);
		int64_t news = fake_box_announcement(&box, "news", 1000);
		fake_box_schedule(&box, news, east, "1 8 * * *", CLASS_NOTICE, 0);
		fake_box_pass(&box, 58 * SECOND); /* the engine has it already */
		fake_box_schedule(&box, news, west, "1 8 * * *", CLASS_NOTICE, 0);
		if (killed[i]) {
			fake_box_restart(&box, true);
		}
		fake_box_pass(&box, 5 * SECOND);
		assert_int_equal(fake_box_starts(), 2);
		assert_int_equal(fake_box_count_runs(&box), 2);
		fake_box_done(&box);
	}
}

static void a_step_just_before_the_start_is_followed(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 1000);
	fake_box_schedule(box, news, zone, "1 8 * * *", CLASS_NOTICE, 0);
	fake_box_pass(box, 58 * SECOND); /* the engine has it already */
	fake_box_step(box, -10 * SECOND);
	fake_box_pass(box, 11 * SECOND);
	assert_int_equal(fake_box_starts(), 0);
	fake_box_pass(box, 2 * SECOND);
	assert_int_equal(fake_box_starts(), 1);
	fake_box_pass(box, 10 * SECOND);
	assert_last(box, OUTCOME_PLAYED, NULL);
	assert_int_equal(fake_box_count_runs(box), 1);
}

static void words_are_spoken_first(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	box->speech_takes_us = 4 * SECOND;
	int64_t news = fake_box_announcement(box, "spoken", 0);
	fake_box_push(box, news, zone, CLASS_NOTICE, NULL);
	fake_box_pass(box, 3 * SECOND);
	assert_last(box, OUTCOME_PLANNED, NULL);
	fake_box_pass(box, 10 * SECOND);
	assert_last(box, OUTCOME_PLAYED, NULL);
}

static void words_that_fail_say_why(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	box->speech_takes_us = INT64_MAX;
	int64_t news = fake_box_announcement(box, "spoken", 0);
	fake_box_push(box, news, zone, CLASS_NOTICE, NULL);
	fake_box_pass(box, 3 * SECOND);
	assert_last(box, OUTCOME_FAILED, "espeak-ng did not answer");
}

static void a_broken_output_fails_its_zone(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 5000);
	fake_box_break_output("cannot open 'hw:9,0': No such device");
	fake_box_push(box, news, zone, CLASS_NOTICE, NULL);
	fake_box_pass(box, SECOND);
	assert_last(box, OUTCOME_FAILED, "No such device");
	fake_box_break_output(NULL);
	fake_box_push(box, news, zone, CLASS_NOTICE, NULL);
	fake_box_pass(box, 6 * SECOND);
	assert_last(box, OUTCOME_PLAYED, NULL);
}

static void stopping_ends_what_sounds_and_what_waits(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 60000);
	fake_box_push(box, news, zone, CLASS_NOTICE, NULL);
	fake_box_push(box, news, zone, CLASS_NOTICE, NULL);
	fake_box_pass(box, SECOND);
	assert_int_equal(director_stop_zones(box->director, NULL, "clerk"), 2);
	fake_box_pass(box, SECOND);
	assert_int_equal(fake_box_sounding(), 0);
	assert_last(box, OUTCOME_CANCELLED, "stopped by clerk");
	struct error err = {0};
	assert_int_equal(director_stop_run(box->director, 1, "clerk", &err), -EALREADY);
	assert_int_equal(director_stop_run(box->director, 99, "clerk", &err), -ENOENT);
}

/* Nobody who cries stop waits for the disk once for each run in the queue. */
static void stopping_a_long_queue_is_one_commit(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 60000);
	for (int i = 0; i < 20; i++) {
		fake_box_push(box, news, zone, CLASS_NOTICE, NULL);
	}
	fake_box_pass(box, SECOND);
	static size_t commits;
	fake_box_count_commits(box, &commits);
	assert_int_equal(director_stop_zones(box->director, NULL, "clerk"), 20);
	assert_int_equal(commits, 1);
	fake_box_pass(box, SECOND);
	assert_last(box, OUTCOME_CANCELLED, "stopped by clerk");
}

static void a_deleted_zone_ends_its_run(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 60000);
	fake_box_push(box, news, zone, CLASS_NOTICE, NULL);
	fake_box_pass(box, SECOND);
	assert_int_equal(store_zone_delete(box->store, zone, NULL), 0);
	director_zone_changed(box->director, zone);
	fake_box_pass(box, SECOND);
	assert_last(box, OUTCOME_CUT, "the zone was deleted");
	assert_int_equal(fake_box_sounding(), 0);
}

struct stall_case {
	const char *name;
	int64_t us; /* from half a second before 08:01; both are due then, 5 s long */
	enum run_class class; /* of the first schedule; the second has CLASS_NOTICE */
	enum outcome first;
};

static const struct stall_case stall_cases[] = {
	{"over the judging", SECOND, CLASS_NOTICE, OUTCOME_PLAYED},
	{"long", 4 * SECOND, CLASS_NOTICE, OUTCOME_PLAYED},
	{"over both ends", 7 * SECOND, CLASS_NOTICE, OUTCOME_PLAYED},
	{"the second is the higher one", SECOND, CLASS_BACKGROUND, OUTCOME_PLAYED},
};

/* One that is soft beneath it does no harm. */
static size_t count_loud(int64_t zone) {
	struct fake_sound sounds[FAKE_SOUNDS];
	size_t n = fake_box_heard(zone, sounds);
	size_t loud = 0;
	for (size_t i = 0; i < n; i++) {
		loud += sounds[i].gain_db == 0.0;
	}
	return loud;
}

/* Two are due at the same instant in the same zone, the engine has both, and the core
 * cannot say in time who may: one goes on, the other has its turn behind it, or is soft
 * beneath it. */
static void a_slow_disk_lets_nobody_talk_over_another(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(stall_cases) / sizeof(stall_cases[0]); i++) {
		const struct stall_case *c = &stall_cases[i];
		struct fake_box box;
		print_message("%s\n", c->name);
		fake_box_start(&box);
		int64_t zone = fake_box_zone(&box, "east", NULL);
		int64_t news = fake_box_announcement(&box, "news", 5000);
		fake_box_schedule(&box, news, zone, "1 8 * * *", c->class, 0);
		fake_box_schedule(&box, news, zone, "1 8 * * *", CLASS_NOTICE, 0);
		fake_box_pass(&box, 59500000);
		fake_box_stall(&box, c->us);
		fake_box_pass(&box, 300000);
		assert_true(count_loud(zone) <= 1);
		fake_box_pass(&box, MINUTE);
		for (int64_t id = 1; id <= 2; id++) {
			AUTO(run_done) struct run run = {0};
			assert_int_equal(store_run_get(box.store, id, &run, NULL), 0);
			assert_string_equal(
				outcome_name(run.state),
				outcome_name(id == 1 ? c->first : OUTCOME_PLAYED));
		}
		fake_box_done(&box);
	}
}

static void trust_that_is_lost_before_the_start_takes_the_job_back(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 5000);
	fake_box_schedule(box, news, zone, "1 8 * * *", CLASS_NOTICE, 600);
	fake_box_pass(box, 58 * SECOND);
	box->trusted = false; /* and no step tells of it */
	fake_box_pass(box, 30 * SECOND);
	assert_int_equal(fake_box_starts(), 0);
	box->trusted = true;
	fake_box_step(box, 0);
	fake_box_pass(box, 10 * SECOND);
	assert_int_equal(fake_box_starts(), 1);
	assert_last(box, OUTCOME_PLAYED, NULL);
}

struct disk_case {
	const char *name;
	int64_t fails_at_us; /* after 08:00; the schedule is due at 08:01, 5 s long */
	int64_t mended_at_us;
	bool stopped;  /* with SIGTERM, after it is mended */
	bool silenced; /* it is stopped at 08:01:02 */
};

static const struct disk_case disk_cases[] = {
	{"over its end", 62 * SECOND, 120 * SECOND, false, false},
	{"over its stop", 61 * SECOND, 120 * SECOND, false, true},
	{"over its beginning", 59 * SECOND, 63 * SECOND, false, false},
	{"over all of it", 30 * SECOND, 120 * SECOND, false, false},
	{"over its claim", 30 * SECOND, 59 * SECOND, false, false},
	{"until just before the end of the box", 30 * SECOND, 120000001, true, false},
};

/* What a full disk did not take is written when it does: nothing stays `playing`. */
static void the_record_is_made_good_after_a_full_disk(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(disk_cases) / sizeof(disk_cases[0]); i++) {
		const struct disk_case *c = &disk_cases[i];
		struct fake_box box;
		print_message("%s\n", c->name);
		fake_box_start(&box);
		int64_t zone = fake_box_zone(&box, "east", NULL);
		int64_t news = fake_box_announcement(&box, "news", 5000);
		fake_box_schedule(&box, news, zone, "1 8 * * *", CLASS_NOTICE, 0);
		int64_t begun_us = box.now_us;
		fake_box_pass(&box, c->fails_at_us);
		fake_box_break_disk(&box, true);
		if (c->silenced) {
			fake_box_pass(&box, begun_us + 62 * SECOND - box.now_us);
			assert_int_equal(director_stop_zones(box.director, NULL, "clerk"),
					 1);
		}
		fake_box_pass(&box, begun_us + c->mended_at_us - box.now_us);
		fake_box_break_disk(&box, false);
		if (c->stopped) {
			fake_box_restart(&box, false);
		}
		fake_box_pass(&box, MINUTE);
		AUTO(run_done) struct run run = {0};
		fake_box_last_run(&box, &run);
		assert_int_equal(fake_box_count_runs(&box), 1);
		assert_int_equal(fake_box_starts(), 1);
		assert_string_equal(outcome_name(run.state),
				    c->silenced ? "cut" : "played");
		assert_int_equal(run.zones[0].played_ms, c->silenced ? 2200 : 5000);
		assert_int_equal(run.zones[0].started_us, begun_us + MINUTE);
		assert_int_equal(run.schedule, 1);
		const struct fault *faults = NULL;
		assert_int_equal(faults_list(box.faults, &faults), 0);
		fake_box_done(&box);
	}
}

static void time_played_is_no_matter_of_the_clock(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 60000);
	fake_box_push(box, news, zone, CLASS_NOTICE, NULL);
	fake_box_pass(box, SECOND);
	fake_box_step(box, HOUR);
	fake_box_pass(box, SECOND);
	fake_box_restart(box, false);
	AUTO(run_done) struct run run = {0};
	fake_box_last_run(box, &run);
	assert_int_equal(run.zones[0].played_ms, 2000);
}

/* To another output, before the run of 08:01, while it is handed over and on the air. */
static void a_zone_that_moves_takes_along_what_has_not_begun(void **state) {
	(void)state;
	static const struct {
		int64_t at_us;
		enum outcome outcome;
		const char *words;
	} cases[] = {
		{30 * SECOND, OUTCOME_PLAYED, NULL},
		{58 * SECOND, OUTCOME_PLAYED, NULL},
		{59800000, OUTCOME_PLAYED, NULL},
		{62 * SECOND, OUTCOME_CUT, "moved to another output"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_box box;
		fake_box_start(&box);
		int64_t east = fake_box_zone(&box, "east", NULL);
		int64_t west = fake_box_zone(&box, "west", NULL);
		int64_t news = fake_box_announcement(&box, "news", 5000);
		fake_box_schedule(&box, news, east, "1 8 * * *", CLASS_NOTICE, 0);
		fake_box_pass(&box, cases[i].at_us);
		AUTO(zone_done) struct zone from = {0};
		AUTO(zone_done) struct zone to = {0};
		assert_int_equal(store_zone_get(box.store, east, &from, NULL), 0);
		assert_int_equal(store_zone_get(box.store, west, &to, NULL), 0);
		from.output = to.output;
		from.channels[0] = 1;
		struct output wide = {0};
		assert_int_equal(store_output_get(box.store, to.output, &wide, NULL), 0);
		wide.channels = 2;
		assert_int_equal(store_output_put(box.store, &wide, NULL), 0);
		output_done(&wide);
		assert_int_equal(store_zone_put(box.store, &from, NULL), 0);
		director_zone_changed(box.director, east);
		fake_box_pass(&box, MINUTE);
		assert_last(&box, cases[i].outcome, cases[i].words);
		fake_box_done(&box);
	}
}

/* More are due at once than the engine takes: the rest wait for their turn. */
static void more_than_the_engine_takes_wait(void **state) {
	(void)state;
	for (int zones = 1; zones <= 80; zones += 79) {
		struct fake_box box;
		int64_t zone[80];
		fake_box_start(&box);
		for (int i = 0; i < zones; i++) {
			char name[16];
			snprintf(name, sizeof(name), "zone %d", i);
			zone[i] = fake_box_zone(&box, name, NULL);
		}
		int64_t news = fake_box_announcement(&box, "news", 5000);
		for (int i = 0; i < 80; i++) {
			fake_box_schedule(&box, news, zone[i % zones], "1 8 * * *",
					  CLASS_NOTICE, 0);
		}
		fake_box_pass(&box, 10 * MINUTE);
		for (int64_t id = 1; id <= 80; id++) {
			AUTO(run_done) struct run run = {0};
			assert_int_equal(store_run_get(box.store, id, &run, NULL), 0);
			assert_string_equal(outcome_name(run.state), "played");
		}
		assert_int_equal(fake_box_starts(), 80);
		fake_box_done(&box);
	}
}

/* `letters` of one byte, then characters of three, `n` in all. */
static void long_name(char *to, size_t letters, size_t n) {
	memset(to, 'x', letters);
	for (size_t i = letters; i < n; i++) {
		memcpy(to + letters + 3 * (i - letters), "\xe5\xb9\xbf", 4);
	}
}

static void assert_cut(struct fake_box *box, int64_t id, const char *words) {
	AUTO(run_done) struct run run = {0};
	assert_int_equal(store_run_get(box->store, id, &run, NULL), 0);
	assert_string_equal(outcome_name(run.state), "cut");
	assert_non_null(strstr(run.zones[0].reason, words));
}

/* Names of the greatest length: the reason is cut at a character, and written. */
static void long_names_fit_into_the_record(void **state) {
	struct fake_box *box = *state;
	for (size_t letters = 0; letters < 3; letters++) {
		char title[601];
		char name[301];
		long_name(title, letters, 200);
		long_name(name, letters, 100);
		int64_t zone = fake_box_zone(box, name, "08:05-09:00");
		int64_t news = fake_box_announcement(box, title, 600000);
		int64_t music = fake_box_push(box, news, zone, CLASS_BACKGROUND, NULL);
		fake_box_pass(box, SECOND);
		int64_t notice = fake_box_push(box, news, zone, CLASS_NOTICE, NULL);
		fake_box_pass(box, 5 * MINUTE);
		assert_cut(box, music, "quiet hours 08:05 to 09:00");
		assert_cut(box, notice, "quiet hours 08:05 to 09:00");
		fake_box_pass(box, 24 * HOUR - 5 * MINUTE - SECOND);
	}
}

static void a_schedule_switched_off_at_the_last_moment_is_silent(void **state) {
	struct fake_box *box = *state;
	int64_t zone = fake_box_zone(box, "east", NULL);
	int64_t news = fake_box_announcement(box, "news", 60000);
	int64_t id = fake_box_schedule(box, news, zone, "1 8 * * *", CLASS_NOTICE, 0);
	fake_box_pass(box, 58 * SECOND);
	assert_int_equal(store_schedule_delete(box->store, id, NULL), 0);
	director_schedule_changed(box->director, id);
	fake_box_pass(box, MINUTE);
	assert_int_equal(fake_box_starts(), 0);
	assert_last(box, OUTCOME_CANCELLED, "its schedule was deleted");
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_schedule_plays_on_its_frame),
		CASE(the_night_is_quiet),
		CASE(what_runs_into_the_quiet_is_cut_at_its_edge),
		CASE(a_waiting_run_does_not_slip_into_the_quiet),
		CASE(an_untrusted_clock_holds_everything),
		cmocka_unit_test(nothing_plays_twice_or_is_forgotten_over_a_restart),
		CASE(a_restart_keeps_what_its_schedule_says),
		CASE(a_clock_step_replays_nothing),
		cmocka_unit_test(a_clock_that_ran_ahead_hides_nothing),
		CASE(a_clock_from_1970_is_waited_for),
		cmocka_unit_test(a_schedule_saved_at_the_last_moment_plays),
		CASE(a_step_just_before_the_start_is_followed),
		CASE(words_are_spoken_first),
		CASE(words_that_fail_say_why),
		CASE(a_broken_output_fails_its_zone),
		CASE(stopping_ends_what_sounds_and_what_waits),
		CASE(stopping_a_long_queue_is_one_commit),
		CASE(a_deleted_zone_ends_its_run),
		cmocka_unit_test(a_slow_disk_lets_nobody_talk_over_another),
		CASE(trust_that_is_lost_before_the_start_takes_the_job_back),
		cmocka_unit_test(more_than_the_engine_takes_wait),
		cmocka_unit_test(a_zone_that_moves_takes_along_what_has_not_begun),
		cmocka_unit_test(the_record_is_made_good_after_a_full_disk),
		CASE(time_played_is_no_matter_of_the_clock),
		CASE(long_names_fit_into_the_record),
		CASE(a_schedule_switched_off_at_the_last_moment_is_silent),
	};
#undef CASE
	return cmocka_run_group_tests_name("director", tests, NULL, NULL);
}
