/* test_year.c - a year of a village on a clock that the test turns: schedules come and
 * go, single occurrences are skipped, moved and replaced, the power fails, the clock is
 * set, its trust is lost, cards break. At the end the
 * record is held against what a naive look at every minute says was due: nothing sounded
 * twice, nothing that was due is without an outcome, nothing sounded in the quiet, and
 * what was interrupted came back as often as its record tells. */
#include "tests/unit/fake_box.h"

#include "schedule/types.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define OFFSET (8 * HOUR) /* of Shanghai, all year */
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define SCHEDULES_MAX 4000
#define OVERRIDES_MAX 4000
#define WAIT_MAX_MS 1800000

/* A minute of the wall clock, taken apart without the code under test. */
struct minute {
	int minute;
	int hour;
	int day;
	int month;
	int weekday;
	bool last_day;
};

struct kind {
	const char *rule;
	bool (*due)(const struct minute *m);
	enum run_class class;
	int play_within_s;
	int64_t length_ms;
};

static bool at_seven_thirty(const struct minute *m) {
	return m->hour == 7 && m->minute == 30;
}

static bool noon_on_weekdays(const struct minute *m) {
	return m->hour == 12 && m->minute == 0 && m->weekday >= 1 && m->weekday <= 5;
}

static bool half_hours(const struct minute *m) {
	return m->minute % 30 == 0 && m->hour >= 8 && m->hour <= 18;
}

static bool late_at_night(const struct minute *m) {
	return m->hour == 23 && m->minute == 5;
}

static bool before_the_quiet(const struct minute *m) {
	return m->hour == 21 && m->minute == 55;
}

static bool last_of_month(const struct minute *m) {
	return m->hour == 8 && m->minute == 0 && m->last_day;
}

static bool market(const struct minute *m) {
	return m->hour == 6 && m->minute == 0 && (m->day % 10 == 5 || m->day % 10 == 0);
}

static bool thirteenth_or_friday(const struct minute *m) {
	return m->hour == 17 && m->minute == 45 && (m->day == 13 || m->weekday == 5);
}

static const struct kind kinds[] = {
	{"30 7 * * *", at_seven_thirty, CLASS_PROGRAMME, 300, 600000},
	{"0 12 * * mon-fri", noon_on_weekdays, CLASS_NOTICE, 0, 60000},
	{"*/30 8-18 * * *", half_hours, CLASS_BACKGROUND, 0, 600000},
	{"5 23 * * *", late_at_night, CLASS_NOTICE, 3600, 30000},
	{"55 21 * * *", before_the_quiet, CLASS_PROGRAMME, 600, 600000},
	{"0 8 L * *", last_of_month, CLASS_NOTICE, 1800, 120000},
	{"0 6 * * *; tail 5,10", market, CLASS_NOTICE, 60, 90000},
	{"45 17 13 * fri", thirteenth_or_friday, CLASS_NOTICE, 0, 45000},
};

/* A schedule's life by the clock of the box. */
struct life {
	const struct kind *kind;
	int64_t since_us;
	int64_t until_us; /* 0: still there */
};

/* What was asked for one occurrence, the last word on it. */
struct asked {
	int64_t schedule;
	int64_t due_us;
	int64_t to_us; /* TIME_NONE: at its own time */
	enum override_action action;
	int64_t announcement;
};

struct village {
	struct fake_box box;
	int64_t zones[3];
	int64_t announcements[LENGTH(kinds)];
	struct life lives[SCHEDULES_MAX]; /* by id */
	int64_t first_id;
	int64_t last_id;
	struct asked asked[OVERRIDES_MAX];
	size_t n_asked;
	int64_t steps_us[20000]; /* what the clock said before each step */
	size_t n_steps;
};

static int random_below(int n) {
	return (int)(random() % n);
}

static void add_schedule(struct village *v) {
	size_t k = (size_t)random_below(LENGTH(kinds));
	int64_t id =
		fake_box_schedule(&v->box, v->announcements[k], v->zones[random_below(3)],
				  kinds[k].rule, kinds[k].class, kinds[k].play_within_s);
	assert_true(id < SCHEDULES_MAX);
	v->lives[id] = (struct life){.kind = &kinds[k], .since_us = v->box.now_us};
	v->first_id = v->first_id == 0 ? id : v->first_id;
	v->last_id = id;
}

static void remove_schedule(struct village *v) {
	int64_t id = v->first_id + random_below((int)(v->last_id - v->first_id) + 1);
	if (v->lives[id].until_us != 0) {
		return;
	}
	v->lives[id].until_us = v->box.now_us;
	assert_int_equal(store_schedule_delete(v->box.store, id, NULL), 0);
	director_schedule_changed(v->box.director, id);
}

static void minute_of(int64_t us, struct minute *ret) {
	int64_t local = (us + OFFSET) / MINUTE;
	int64_t days = local / 1440;
	ret->minute = (int)(local % 60);
	ret->hour = (int)(local / 60 % 24);
	ret->weekday = (int)((days + 4) % 7);
	time_t midnight = days * 86400;
	struct tm tm;
	gmtime_r(&midnight, &tm);
	ret->day = tm.tm_mday;
	ret->month = tm.tm_mon + 1;
	midnight += 86400;
	gmtime_r(&midnight, &tm);
	ret->last_day = tm.tm_mday == 1;
}

static struct asked *asked_of(struct village *v, int64_t schedule, int64_t due_us) {
	for (size_t i = 0; i < v->n_asked; i++) {
		if (v->asked[i].schedule == schedule && v->asked[i].due_us == due_us) {
			return &v->asked[i];
		}
	}
	return NULL;
}

/* One of the next occurrences of a schedule, by a look at every minute; 0: none. */
static int64_t coming(const struct village *v, const struct life *life) {
	int which = random_below(3);
	int64_t us = (v->box.now_us / MINUTE + 1) * MINUTE;
	for (int64_t end_us = us + 9 * DAY; us < end_us; us += MINUTE) {
		struct minute m;
		minute_of(us, &m);
		if (us % (5 * MINUTE) == 0 && life->kind->due(&m) && which-- == 0) {
			return us;
		}
	}
	return 0;
}

/* It is skipped, moved, says something else; some are asked for twice. */
static void ask_just_once(struct village *v) {
	int64_t id = v->first_id + random_below((int)(v->last_id - v->first_id) + 1);
	const struct life *life = &v->lives[id];
	int64_t due_us = life->until_us == 0 ? coming(v, life) : 0;
	int64_t run = 0;
	assert_int_equal(store_run_of(v->box.store, id, due_us, &run, NULL), 0);
	if (due_us == 0 || run != 0) {
		return; /* a clock that ran ahead has claimed it */
	}
	struct asked *asked = asked_of(v, id, due_us);
	if (asked == NULL) {
		assert_true(v->n_asked < OVERRIDES_MAX);
		asked = &v->asked[v->n_asked++];
	}
	*asked = (struct asked){.schedule = id,
				.due_us = due_us,
				.to_us = TIME_NONE,
				.action = (enum override_action)random_below(3)};
	if (asked->action == OVERRIDE_MOVE) {
		/* To a minute on which nothing is due by its rule; to come. */
		int64_t to_us = due_us + (random_below(3000) - 1000) * MINUTE;
		to_us += to_us % (5 * MINUTE) == 0 ? MINUTE : 0;
		asked->to_us = to_us > v->box.now_us ? to_us : due_us + 7 * MINUTE;
	} else if (asked->action == OVERRIDE_REPLACE) {
		asked->announcement = v->announcements[random_below(LENGTH(kinds))];
	}
	fake_box_override(&v->box, id, due_us, asked->action, asked->to_us,
			  asked->announcement);
}

static void step(struct village *v, int64_t us) {
	assert_true(v->n_steps < LENGTH(v->steps_us));
	v->steps_us[v->n_steps++] = v->box.now_us;
	fake_box_step(&v->box, us);
}

/* Whether the clock was set between two times that it showed. */
static bool stepped_within(const struct village *v, int64_t from_us, int64_t to_us) {
	for (size_t i = 0; i < v->n_steps; i++) {
		if (v->steps_us[i] >= from_us && v->steps_us[i] <= to_us) {
			return true;
		}
	}
	return false;
}

/* Some have the same zone at once: beneath each other, paused, in a queue. */
static void push_something(struct village *v) {
	static const enum run_class classes[] = {CLASS_BACKGROUND, CLASS_NOTICE,
						 CLASS_LIVE};
	int64_t zone = v->zones[random_below(3)];
	for (int n = random_below(4); n >= 0; n--) {
		int64_t announcement = v->announcements[random_below(LENGTH(kinds))];
		enum run_class class = classes[random_below(LENGTH(classes))];
		if (random_below(4) == 0) {
			fake_box_push_to(&v->box, announcement, v->zones, 3, class, NULL);
		} else {
			fake_box_push(&v->box, announcement, zone, class, NULL);
		}
		fake_box_pass(&v->box, random_below(200) * SECOND / 10);
	}
}

/* What a year brings. Each leaves the clock trusted and the cards well. */
static void something_happens(struct village *v) {
	struct fake_box *box = &v->box;
	switch (random_below(15)) {
	case 0:
		/* The clock may have been set meanwhile. */
		box->now_us += (random_below(9000) - 1800) * SECOND;
		fake_box_restart(box, true);
		break;
	case 1:
		fake_box_restart(box, random_below(2) == 0);
		break;
	case 2:
		step(v, (random_below(2400) - 1200) * SECOND);
		break;
	case 3:
		step(v, DAY * random_below(3));
		break;
	case 4:
		box->trusted = false;
		fake_box_step(box, 0);
		fake_box_pass(box, random_below(7200) * SECOND);
		box->trusted = true;
		fake_box_step(box, 0);
		break;
	case 5:
		fake_box_break_output("cannot open 'hw:1,0': No such device");
		fake_box_pass(box, random_below(7200) * SECOND);
		fake_box_break_output(NULL);
		break;
	case 6:
	case 7:
		add_schedule(v);
		break;
	case 8:
		remove_schedule(v);
		break;
	case 9:
	case 10:
	case 11:
		ask_just_once(v);
		break;
	default:
		push_something(v);
	}
	fake_box_pass(box, SECOND);
}

/* Acts fall on the middle of a minute: what is due on its edge is then due before or
 * after, and nobody need argue. */
static void pass_to_mid_minute(struct fake_box *box, int64_t us) {
	fake_box_pass(box, us);
	int64_t in_minute = box->now_us % MINUTE;
	fake_box_pass(box,
		      (in_minute <= 25 * SECOND ? 25 * SECOND : 85 * SECOND) - in_minute);
}

/* ------------------------------------------------------------------------- the record */

struct record {
	struct run *runs;
	size_t n;
};

static void read_record(struct store *store, struct record *ret) {
	struct store_filter filter = {
		.from_us = TIME_NONE, .until_us = TIME_NONE, .state = -1, .limit = 1000};
	for (;;) {
		struct run *page = NULL;
		size_t n = 0;
		assert_true(store_run_list(store, &filter, &page, &n, NULL) >= 0);
		ret->runs = reallocarray(ret->runs, ret->n + n + 1, sizeof(*ret->runs));
		assert_non_null(ret->runs);
		if (n > 0) {
			memcpy(ret->runs + ret->n, page, n * sizeof(*page));
		}
		ret->n += n;
		free(page); /* the values have moved */
		if (n < 1000) {
			return;
		}
		filter.before = ret->runs[ret->n - 1].id;
	}
}

/* When it was due by its rule. */
static int64_t occurrence_of(const struct run *run) {
	return run->moved_from_us != 0 ? run->moved_from_us : run->due_us;
}

static int compare_runs(const void *a, const void *b) {
	const struct run *x = a;
	const struct run *y = b;
	if (x->schedule != y->schedule) {
		return x->schedule < y->schedule ? -1 : 1;
	}
	int64_t x_us = occurrence_of(x);
	int64_t y_us = occurrence_of(y);
	return (x_us > y_us) - (x_us < y_us);
}

static bool in_record(const struct record *record, int64_t schedule, int64_t due_us) {
	struct run key = {.schedule = schedule, .due_us = due_us};
	return bsearch(&key, record->runs, record->n, sizeof(key), compare_runs) != NULL;
}

/* The first zone is quiet from 22 to 6, the second from 12 to 14, the third never. */
static bool quiet(const struct village *v, int64_t zone, int64_t us) {
	int hour = (int)((us + OFFSET) / HOUR % 24);
	return (zone == v->zones[0] && (hour >= 22 || hour < 6)) ||
	       (zone == v->zones[1] && hour >= 12 && hour < 14);
}

static const char *reason_of(const struct run_zone *z) {
	return z->reason != NULL ? z->reason : "";
}

/* How often it began to sound anew after it was interrupted, by its record. */
static size_t comebacks(const struct run_zone *z) {
	int times = 1;
	const char *words = strstr(reason_of(z), "interrupted ");
	if (words == NULL) {
		return 0;
	}
	(void)sscanf(words, "interrupted %d times", &times);
	bool over = strstr(words, ", not re") == NULL;
	return (size_t)times - (over ? 0 : 1);
}

static const struct village *the_village;

static void check_heard(int64_t zone, int64_t from_us, int64_t to_us) {
	if (quiet(the_village, zone, from_us) ||
	    (to_us > from_us && quiet(the_village, zone, to_us - 1))) {
		fail_msg("zone %d sounded in the quiet", (int)zone);
	}
}

static void check_zone(const struct village *v, const struct run *run,
		       const struct run_zone *z) {
	if (!outcome_final(z->outcome) || (z->outcome != OUTCOME_PLAYED &&
					   (z->reason == NULL || z->reason[0] == '\0'))) {
		fail_msg("run %lld is %s for no reason", (long long)run->id,
			 outcome_name(z->outcome));
	}
	if (z->started_us == TIME_NONE) {
		assert_int_equal(z->played_ms, 0);
		return;
	}
	int64_t last_us = z->started_us + (z->played_ms - 1) * 1000;
	/* Where the clock was set meanwhile, the end by the old one says nothing; nor
	 * does the time it sounded where it was interrupted (see check_heard). */
	bool end_known = z->played_ms > 0 &&
			 strstr(reason_of(z), "interrupted") == NULL &&
			 !stepped_within(v, z->started_us, last_us);
	if (quiet(v, z->zone, z->started_us) ||
	    (end_known && quiet(v, z->zone, last_us))) {
		fail_msg("run %lld sounded in the quiet: zone %lld, from %lld for %lld "
			 "ms, %s: %s",
			 (long long)run->id, (long long)z->zone,
			 (long long)((z->started_us + OFFSET) / SECOND % 86400),
			 (long long)z->played_ms, outcome_name(z->outcome), reason_of(z));
	}
	if (run->schedule != 0) {
		int within_ms = v->lives[run->schedule].kind->play_within_s * 1000;
		int64_t allowed_ms = within_ms > WAIT_MAX_MS ? within_ms : WAIT_MAX_MS;
		if (z->late_ms < 0 || z->late_ms > allowed_ms) {
			fail_msg("run %lld began %lld ms late", (long long)run->id,
				 (long long)z->late_ms);
		}
	}
}

/* What was asked for it just once is what became of it, and nothing else. */
static void check_asked(const struct village *v, const struct run *run) {
	const struct asked *asked = NULL;
	for (size_t i = 0; i < v->n_asked; i++) {
		const struct asked *a = &v->asked[i];
		bool same =
			a->schedule == run->schedule && a->due_us == occurrence_of(run);
		asked = same ? a : asked;
	}
	if (asked == NULL) {
		assert_int_equal(run->moved_from_us, 0);
		assert_int_equal(run->announcement,
				 v->announcements[v->lives[run->schedule].kind - kinds]);
		return;
	}
	const char *words = asked->action == OVERRIDE_SKIP   ? "skipped just this once"
			    : asked->action == OVERRIDE_MOVE ? "moved from"
							     : "in place of";
	bool moved = asked->to_us != TIME_NONE;
	if (run->due_us != (moved ? asked->to_us : asked->due_us) ||
	    (asked->announcement != 0 && run->announcement != asked->announcement) ||
	    strstr(reason_of(&run->zones[0]), words) == NULL) {
		fail_msg("schedule %lld was to be %s, and its run is %s: %s",
			 (long long)run->schedule, words, outcome_name(run->state),
			 reason_of(&run->zones[0]));
	}
}

/* How often anything began to sound, by the record; *ret_back: of them, again. */
static size_t check_runs(const struct village *v, const struct record *record,
			 size_t *ret_back) {
	size_t started = 0;
	*ret_back = 0;
	for (size_t i = 0; i < record->n; i++) {
		const struct run *run = &record->runs[i];
		for (size_t k = 0; k < run->n_zones; k++) {
			check_zone(v, run, &run->zones[k]);
			size_t back = comebacks(&run->zones[k]);
			started += (run->zones[k].started_us != TIME_NONE) + back;
			*ret_back += back;
		}
		if (run->schedule != 0) {
			struct minute m;
			minute_of(occurrence_of(run), &m);
			assert_true(occurrence_of(run) % MINUTE == 0);
			assert_true(v->lives[run->schedule].kind->due(&m));
			assert_true(i == 0 || compare_runs(run - 1, run) < 0);
			check_asked(v, run);
		}
	}
	return started;
}

/* Every minute of every schedule's life. */
static size_t check_nothing_is_missing(struct village *v, const struct record *record) {
	size_t due = 0;
	for (int64_t id = v->first_id; id <= v->last_id; id++) {
		const struct life *life = &v->lives[id];
		int64_t until_us = life->until_us != 0 ? life->until_us : v->box.now_us;
		int64_t us = (life->since_us / MINUTE + 1) * MINUTE;
		for (; us <= until_us; us += MINUTE) {
			struct minute m;
			/* Every rule here is due on a multiple of five minutes. */
			if (us % (5 * MINUTE) != 0) {
				continue;
			}
			minute_of(us, &m);
			if (!life->kind->due(&m)) {
				continue;
			}
			due++;
			const struct asked *asked = asked_of(v, id, us);
			if (asked != NULL && asked->to_us != TIME_NONE &&
			    asked->to_us > until_us) {
				continue; /* still to come, or gone with its schedule */
			}
			if (!in_record(record, id, us)) {
				fail_msg("schedule %lld ('%s') was due %02d-%02d "
					 "%02d:%02d, "
					 "and nothing is known of it",
					 (long long)id, life->kind->rule, m.month, m.day,
					 m.hour, m.minute);
			}
		}
	}
	return due;
}

static void nothing_twice_and_nothing_silently_missed(void **state) {
	(void)state;
	seed_random();
	static struct village v;
	fake_box_start(&v.box);
	the_village = &v;
	v.box.on_heard = check_heard;
	v.zones[0] = fake_box_zone(&v.box, "east", "22:00-06:00");
	v.zones[1] = fake_box_zone(&v.box, "school", "12:00-14:00");
	v.zones[2] = fake_box_zone(&v.box, "yard", NULL);
	fake_box_set_pass(&v.box, v.zones[1], 2);
	fake_box_set_pass(&v.box, v.zones[2], 1);
	for (size_t k = 0; k < LENGTH(kinds); k++) {
		v.announcements[k] =
			fake_box_resuming(&v.box, kinds[k].rule, kinds[k].length_ms,
					  (enum resume)(k % 3), TIME_NONE);
	}
	pass_to_mid_minute(&v.box, 0);
	for (int i = 0; i < 10; i++) {
		add_schedule(&v);
	}
	int64_t end_us = v.box.now_us + 365 * DAY;
	while (v.box.now_us < end_us) {
		pass_to_mid_minute(&v.box, random_below(16 * 3600) * SECOND);
		something_happens(&v);
	}
	pass_to_mid_minute(&v.box, DAY);
	/* What still sounds on the last evening gets its end, too. */
	fake_box_restart(&v.box, false);
	struct record record = {0};
	read_record(v.box.store, &record);
	qsort(record.runs, record.n, sizeof(*record.runs), compare_runs);
	size_t back = 0;
	size_t started = check_runs(&v, &record, &back);
	size_t due = check_nothing_is_missing(&v, &record);
	print_message("%zu runs, %zu were due by the rules, %zu began to sound, %zu of "
		      "them again; of %zu something was asked just once\n",
		      record.n, due, started, back, v.n_asked);
	/* What began twice would have begun more often than the record knows. */
	assert_int_equal(fake_box_starts(), started);
	assert_true(started > 2000 && due > 3000 && back > 5 && v.n_asked > 30);
	run_list_free(record.runs, record.n);
	fake_box_done(&v.box);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_twice_and_nothing_silently_missed),
	};
	return cmocka_run_group_tests_name("year", tests, NULL, NULL);
}
