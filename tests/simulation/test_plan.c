/* test_plan.c - the plan says what happens: weeks of a village whose schedules crowd the
 * same hours, planned at moments when something sounds and something waits, then lived
 * through by the real director. Each run in each zone must begin when the plan said, be
 * heard as long, or not at all. What is done to single occurrences just this once must be
 * told in the words of the record. */
#include "daemon/plan_snapshot.h"
#include "tests/unit/fake_box.h"
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
#define ZONES 6
#define PLANS 5
#define VILLAGES 12

/* What the director and the plan may differ by: where one waits for others in passes the
 * director looks every second, the plan at once. */
#define APART_MS 1000

static int random_below(int n) {
	return (int)(random() % n);
}

static int one_of(const int *items, int n) {
	return items[random_below(n)];
}

struct village {
	struct fake_box box;
	int64_t zones[ZONES];
	int64_t announcements[12];
	int64_t schedules[40];
	size_t n_schedules;
	struct plan_input inputs[PLANS];
	struct plan *plans[PLANS];
	size_t n_plans;
};

/* --------------------------------------------------------------------------- the village
 */

static void set_up_zones(struct village *v) {
	static const char *const quiet[] = {NULL, NULL, "12:10-13:00", "22:00-06:00",
					    "7:58-8:07"};
	static const int leads[] = {0, 0, 0, 250, 2000};
	for (size_t i = 0; i < ZONES; i++) {
		char name[32];
		snprintf(name, sizeof(name), "zone %zu", i + 1);
		v->zones[i] = fake_box_zone(&v->box, name, quiet[random_below(5)]);
		AUTO(zone_done) struct zone zone = {0};
		assert_int_equal(store_zone_get(v->box.store, v->zones[i], &zone, NULL),
				 0);
		zone.pass = random_below(2) == 0 ? random_below(3) : 0;
		zone.lead_ms = one_of(leads, 5);
		assert_int_equal(store_zone_put(v->box.store, &zone, NULL), 0);
		director_zone_changed(v->box.director, v->zones[i]);
	}
}

static int64_t relayed_announcement(struct fake_box *box, const char *title) {
	AUTO(announcement_done)
	struct announcement a = {.expires_us = TIME_NONE,
				 .content.repeat = 1,
				 .created_us = box->now_us,
				 .changed_us = box->now_us};
	a.title = strdup(title);
	a.author = strdup("test");
	content_add_relay(&a.content, PART_LINE, "hw:0", NULL, 300000);
	assert_int_equal(store_announcement_put(box->store, &a, NULL), 0);
	director_announcement_changed(box->director, a.id);
	return a.id;
}

static void set_up_announcements(struct village *v) {
	static const int lengths_ms[] = {300,    1500,   20000,  59900,
					 300000, 600000, 600000, 2400000};
	for (size_t i = 0; i < 12; i++) {
		char title[32];
		snprintf(title, sizeof(title), "news %zu", i + 1);
		int64_t expires_us = TIME_NONE;
		if (random_below(5) == 0) {
			expires_us = v->box.now_us + random_below(20 * 1440) * MINUTE;
			expires_us -= expires_us % MINUTE;
		}
		v->announcements[i] =
			i == 0 ? relayed_announcement(&v->box, title)
			       : fake_box_resuming(&v->box, title, one_of(lengths_ms, 8),
						   (enum resume)random_below(3),
						   expires_us);
	}
}

static void random_rule(char *ret, size_t size) {
	static const int minutes[] = {0, 0, 0, 5, 10, 30, 55};
	static const int hours[] = {7, 7, 8, 11, 12, 18, 21};
	static const char every[] = "* * *; every 2 days from 2026-01-01";
	static const char *const tails[] = {"* * *", "* * mon-fri", "* * *; tail 5,10",
					    "* * 0,3,6", every};
	if (random_below(6) == 0) {
		snprintf(ret, size, "at 2026-03-%02d %02d:%02d:%02d",
			 3 + random_below(20), one_of(hours, 7), one_of(minutes, 7),
			 random_below(2) * random_below(60));
	} else if (random_below(8) == 0) {
		snprintf(ret, size, "*/20 7-8 %s", tails[random_below(5)]);
	} else {
		snprintf(ret, size, "%d %d %s", one_of(minutes, 7), one_of(hours, 7),
			 tails[random_below(5)]);
	}
}

static void add_schedule(struct village *v) {
	static const int within_s[] = {0, 0, 300, 2400, 7200};
	char rule[100];
	AUTO(schedule_done)
	struct schedule s = {
		.announcement = v->announcements[random_below(12)],
		.class = (enum run_class)random_below(3),
		.play_within_s = one_of(within_s, 5),
		.conflict = random_below(4) == 0 ? CONFLICT_SKIP : CONFLICT_WAIT,
		.enabled = random_below(10) != 0,
		.from_us = TIME_NONE,
		.until_us = TIME_NONE,
		.created_us = v->box.now_us,
		.changed_us = v->box.now_us,
	};
	random_rule(rule, sizeof(rule));
	s.rule = strdup(rule);
	s.author = strdup("test");
	if (random_below(8) == 0) {
		s.until_us = v->box.now_us + random_below(14) * DAY + DAY;
	}
	while (s.zones.n == 0) {
		for (size_t i = 0; i < ZONES; i++) {
			if (random_below(3) == 0) {
				ids_add(&s.zones, v->zones[i]);
			}
		}
	}
	assert_int_equal(store_schedule_put(v->box.store, &s, NULL), 0);
	director_schedule_changed(v->box.director, s.id);
	v->schedules[v->n_schedules++] = s.id;
}

static void push_for_later(struct village *v) {
	AUTO(ids_done) struct ids zones = {0};
	ids_add(&zones, v->zones[random_below(ZONES)]);
	ids_add(&zones, v->zones[random_below(ZONES)]);
	struct director_push push = {
		.source = "push",
		.announcement = v->announcements[random_below(12)],
		.zones = &zones,
		.at_us = v->box.now_us - v->box.now_us % MINUTE +
			 random_below(2 * 1440) * MINUTE + MINUTE,
		.class = (enum run_class)random_below(3),
		.author = "clerk",
	};
	int64_t run = 0;
	(void)director_push(v->box.director, &push, &run, NULL);
}

/* As the API would take it: of one to come, to a time to come that no other has. */
static void change_one(struct village *v, const struct series *series,
		       const struct occurrence *at) {
	int64_t due_us = at->due_us;
	int64_t other = random_below(2) == 0 ? v->announcements[random_below(12)] : 0;
	int64_t to_us = due_us + (random_below(600) - 300) * 10 * MINUTE;
	enum override_action action = (enum override_action)random_below(3);
	bool moved = action == OVERRIDE_MOVE ||
		     (action == OVERRIDE_REPLACE && random_below(2) == 0);
	to_us = moved ? to_us : TIME_NONE;
	if (moved && (to_us == due_us || to_us <= v->box.now_us + MINUTE ||
		      series_taken(series, due_us, to_us))) {
		return;
	}
	if (action == OVERRIDE_REPLACE && other == 0) {
		other = v->announcements[1];
	}
	other = action == OVERRIDE_SKIP ? 0 : other;
	/* Void, now and then. */
	due_us += random_below(20) == 0 ? MINUTE + SECOND : 0;
	fake_box_override(&v->box, series->schedule->id, due_us, action, to_us, other);
}

static void change_some(struct village *v, int64_t id) {
	struct occurrence at = {.due_us = INT64_MAX, .at_us = v->box.now_us + MINUTE};
	for (int i = 0; i < 60; i++) {
		AUTO(schedule_done) struct schedule s = {0};
		AUTO(rule_free) struct rule *rule = NULL;
		assert_int_equal(store_schedule_get(v->box.store, id, &s, NULL), 0);
		assert_int_equal(rule_parse(s.rule, &rule, NULL), 0);
		struct series series = {&s, rule, v->box.tz, NULL};
		if (!series_next(&series, &at)) {
			return;
		}
		if (at.override == NULL && random_below(4) == 0) {
			change_one(v, &series, &at);
		}
	}
}

static bool in_queue(const struct village *v, const struct run *run, int64_t zone) {
	struct director_zone_status status;
	director_zone_status(v->box.director, zone, &status);
	for (size_t i = 0; i < status.n_queue; i++) {
		if (status.queue[i].run == run->id) {
			return true;
		}
	}
	return status.waiting > status.n_queue;
}

/* Whether something has got its zone and is about to begin there. The record does not
 * tell that from waiting, and the plan would have it begin as much later as the lead of
 * the zone is long. */
static bool about_to_begin(const struct village *v) {
	struct run *runs = NULL;
	size_t n = 0;
	bool any = false;
	assert_true(store_run_open(v->box.store, &runs, &n, NULL) >= 0);
	for (size_t i = 0; i < n; i++) {
		for (size_t z = 0; z < runs[i].n_zones; z++) {
			const struct run_zone *rz = &runs[i].zones[z];
			any |= runs[i].due_us <= v->box.now_us &&
			       rz->outcome == OUTCOME_PLANNED &&
			       !in_queue(v, &runs[i], rz->zone);
		}
	}
	run_list_free(runs, n);
	return any;
}

static void make_plan(struct village *v) {
	for (int i = 0; i < 50 && about_to_begin(v); i++) {
		fake_box_pass(&v->box, 100000);
	}
	struct plan_snapshot_config config = {
		.store = v->box.store, .tz = v->box.tz, .now_us = v->box.now_us};
	struct plan_ask ask = {.from_us = TIME_NONE, .until_us = v->box.now_us + 7 * DAY};
	AUTO(plan_snapshot_free) struct plan_snapshot *snapshot = NULL;
	struct error err = {0};
	assert_int_equal(plan_snapshot_new(&config, &ask, &snapshot, &err), 0);
	int rc = 1;
	while (rc > 0) {
		rc = plan_snapshot_step(snapshot, &err);
	}
	assert_int_equal(rc, 0);
	plan_snapshot_take(snapshot, &v->inputs[v->n_plans]);
	rc = plan_make(&v->inputs[v->n_plans], &v->plans[v->n_plans], &err);
	assert_int_equal(rc, 0);
	assert_false(v->plans[v->n_plans]->more);
	v->n_plans++;
}

/* ----------------------------------------------------------------------------- the
 * record */

static struct run *read_record(struct store *store, size_t *n) {
	struct store_filter filter = {
		.from_us = TIME_NONE, .until_us = TIME_NONE, .state = -1, .limit = 1000};
	struct run *runs = NULL;
	*n = 0;
	for (size_t got = 1000; got == 1000;) {
		struct run *page = NULL;
		assert_true(store_run_list(store, &filter, &page, &got, NULL) >= 0);
		runs = reallocarray(runs, *n + got + 1, sizeof(*runs));
		assert_non_null(runs);
		if (got > 0) {
			memcpy(runs + *n, page, got * sizeof(*page));
			*n += got;
			filter.before = runs[*n - 1].id;
		}
		free(page);
	}
	return runs;
}

static struct run *find_run(struct run *runs, size_t n, const struct plan_source *source,
			    const struct plan_run *planned) {
	for (size_t i = 0; i < n; i++) {
		int64_t from_us = runs[i].moved_from_us;
		if (source->run != 0
			    ? runs[i].id == source->run
			    : runs[i].schedule == source->schedule &&
				      runs[i].due_us == planned->due_us &&
				      (from_us != 0 ? from_us : runs[i].due_us) ==
					      planned->occurrence_us) {
			return &runs[i];
		}
	}
	return NULL;
}

static void say_spot(const struct plan *p, const struct plan_spot *spot) {
	char words[PLAN_WORDS_SIZE];
	plan_words(p, spot, PLAN_EN, words);
	print_message(
		"  plan: zone %u, %s, from %lld to %lld ms after due: %s\n",
		spot->zone + 1, outcome_name(spot->outcome),
		spot->start_us == TIME_NONE
			? -1
			: (long long)(spot->start_us - p->runs[spot->run].due_us) / 1000,
		(long long)(spot->end_us - p->runs[spot->run].due_us) / 1000, words);
}

/* All that had to do with a zone around a time: as planned, and as it was. */
static void say_around(const struct plan *p, uint32_t zone, int64_t due_us,
		       const struct run *runs, size_t n) {
	int64_t id = p->input->zones[zone].id;
	for (size_t i = 0; i < p->n_spots; i++) {
		int64_t other_us = p->runs[p->spots[i].run].due_us;
		if (p->spots[i].zone == zone && llabs(other_us - due_us) < 2 * HOUR) {
			print_message(
				"  schedule %lld, %+lld s:",
				(long long)plan_source_of(p, p->spots[i].run)->schedule,
				(long long)(other_us - due_us) / SECOND);
			say_spot(p, &p->spots[i]);
		}
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t z = 0; z < runs[i].n_zones; z++) {
			const struct run_zone *rz = &runs[i].zones[z];
			if (rz->zone == id && llabs(runs[i].due_us - due_us) < 2 * HOUR) {
				print_message(
					"  was: schedule %lld, %+lld s: %s, late "
					"%lld, played %lld ms: %s\n",
					(long long)runs[i].schedule,
					(long long)(runs[i].due_us - due_us) / SECOND,
					outcome_name(rz->outcome), (long long)rz->late_ms,
					(long long)rz->played_ms,
					rz->reason != NULL ? rz->reason : "");
			}
		}
	}
}

static void check_spot(const struct plan *p, const struct plan_spot *spot,
		       const struct run *run, const struct run_zone *rz,
		       const struct run *runs, size_t n) {
	bool same = spot->outcome == rz->outcome &&
		    (spot->start_us == TIME_NONE) == (rz->started_us == TIME_NONE);
	if (same && spot->start_us != TIME_NONE) {
		int64_t apart_us = spot->start_us - rz->started_us;
		int64_t longer_ms =
			(spot->end_us - spot->start_us) / 1000 - rz->played_ms;
		same = apart_us <= APART_MS * 1000 && apart_us >= -APART_MS * 1000 &&
		       longer_ms <= APART_MS && longer_ms >= -APART_MS;
	}
	if (!same) {
		print_message("plan of %lld:\n", (long long)p->input->now_us);
		say_around(p, spot->zone, run->due_us, runs, n);
		fail_msg("run %lld '%s' of schedule %lld, due %lld, zone '%s': %s, "
			 "started %lld ms late, played %lld ms: %s",
			 (long long)run->id, run->title, (long long)run->schedule,
			 (long long)run->due_us, rz->zone_name, outcome_name(rz->outcome),
			 (long long)rz->late_ms, (long long)rz->played_ms,
			 rz->reason != NULL ? rz->reason : "");
	}
}

/* What was done to it just this once, in the same words. */
static void check_once(const struct plan *p, const struct plan_spot *spot,
		       const struct run *run, const struct run_zone *rz) {
	const struct plan_run *planned = &p->runs[spot->run];
	char words[PLAN_WORDS_SIZE];
	assert_string_equal(plan_said_of(p, spot->run)->title, run->title);
	if (planned->override == NULL) {
		assert_true(rz->reason == NULL || strstr(rz->reason, "clerk") == NULL);
		return;
	}
	plan_words(p, spot, PLAN_EN, words);
	words[strcspn(words, ";")] = '\0';
	if (rz->reason == NULL || strstr(rz->reason, words) == NULL) {
		fail_msg("run %lld: '%s' lacks '%s'", (long long)run->id,
			 rz->reason != NULL ? rz->reason : "", words);
	}
}

struct tally {
	size_t runs;
	size_t played;
	size_t late;
	size_t soft;
	size_t kept_silent;
	size_t cut;
	size_t once;
	size_t once_played;
};

static void check_plan(const struct plan *p, struct run *runs, size_t n,
		       struct tally *tally) {
	for (size_t i = 0; i < p->n_spots; i++) {
		const struct plan_spot *spot = &p->spots[i];
		const struct plan_source *source = plan_source_of(p, spot->run);
		if (!plan_shows(p, spot)) {
			continue;
		}
		int64_t due_us = p->runs[spot->run].due_us;
		const struct run *run = find_run(runs, n, source, &p->runs[spot->run]);
		if (run == NULL) {
			fail_msg("schedule %lld, due %lld: it never came",
				 (long long)source->schedule, (long long)due_us);
		}
		size_t z = 0;
		while (z < run->n_zones &&
		       run->zones[z].zone != p->input->zones[spot->zone].id) {
			z++;
		}
		assert_true(z < run->n_zones);
		check_spot(p, spot, run, &run->zones[z], runs, n);
		check_once(p, spot, run, &run->zones[z]);
		tally->runs++;
		tally->played += spot->outcome == OUTCOME_PLAYED;
		bool once = p->runs[spot->run].override != NULL;
		tally->once += once;
		tally->once_played += once && spot->outcome == OUTCOME_PLAYED;
		tally->cut += spot->outcome == OUTCOME_CUT;
		tally->kept_silent += spot->start_us == TIME_NONE;
		tally->late += spot->start_us > due_us;
		tally->soft += spot->soft_ms > 0;
	}
}

/* Nothing sounded that the plan does not know. */
static void check_all_planned(const struct plan *p, const struct run *runs, size_t n) {
	size_t planned = 0;
	size_t happened = 0;
	for (size_t i = 0; i < p->n_runs; i++) {
		planned +=
			p->runs[i].shown && p->runs[i].due_us > p->input->now_us + MINUTE;
	}
	for (size_t i = 0; i < n; i++) {
		happened +=
			runs[i].due_us > p->input->now_us + MINUTE &&
			runs[i].due_us < p->until_us &&
			(runs[i].schedule != 0 || runs[i].created_us <= p->input->now_us);
	}
	assert_int_equal(planned, happened);
}

static void compare(struct village *v, struct tally *tally) {
	size_t n = 0;
	struct run *runs = read_record(v->box.store, &n);
	for (size_t i = 0; i < v->n_plans; i++) {
		check_plan(v->plans[i], runs, n, tally);
		check_all_planned(v->plans[i], runs, n);
		plan_free(v->plans[i]);
		plan_input_done(&v->inputs[i]);
	}
	run_list_free(runs, n);
	fake_box_done(&v->box);
}

static void live_through(struct tally *tally) {
	static struct village v;
	memset(&v, 0, sizeof(v));
	fake_box_start(&v.box);
	set_up_zones(&v);
	set_up_announcements(&v);
	for (int i = 8 + random_below(30); i > 0; i--) {
		add_schedule(&v);
	}
	for (size_t i = 0; i < v.n_schedules; i++) {
		change_some(&v, v.schedules[i]);
	}
	for (int i = random_below(4); i > 0; i--) {
		push_for_later(&v);
	}
	/* Each is made amid what the last one said, at any second of a busy quarter. */
	while (v.n_plans < PLANS) {
		int64_t into_us = random_below(5) * HOUR + random_below(960) * SECOND;
		fake_box_pass(&v.box, 23 * HOUR + into_us + random_below(1000) * 1000);
		make_plan(&v);
	}
	fake_box_pass(&v.box, 9 * DAY);
	compare(&v, tally);
}

/* A zone is free again seconds before its quiet hours, and before the one that waits for
 * it has lost patience, and needs longer to wake. */
static void quiet_hours_while_an_amplifier_wakes(void **state) {
	(void)state;
	static struct village v;
	struct tally tally = {0};
	memset(&v, 0, sizeof(v));
	fake_box_start(&v.box);
	int64_t id = fake_box_zone(&v.box, "north", "12:00-13:00");
	AUTO(zone_done) struct zone zone = {0};
	assert_int_equal(store_zone_get(v.box.store, id, &zone, NULL), 0);
	zone.lead_ms = 5000;
	assert_int_equal(store_zone_put(v.box.store, &zone, NULL), 0);
	director_zone_changed(v.box.director, id);
	int64_t first = fake_box_announcement(&v.box, "first", 2096900);
	int64_t second = fake_box_announcement(&v.box, "second", 5000);
	fake_box_schedule(&v.box, first, id, "25 11 * * *", CLASS_NOTICE, 0);
	fake_box_schedule(&v.box, second, id, "at 2026-03-03 11:29:57", CLASS_NOTICE, 0);
	make_plan(&v);
	fake_box_pass(&v.box, 8 * DAY);
	compare(&v, &tally);
	assert_int_equal(tally.runs, 8);
	assert_int_equal(tally.kept_silent, 1);
}

static void the_plan_is_what_happens(void **state) {
	(void)state;
	unsigned seed = seed_random();
	struct tally tally = {0};
	for (int i = 0; i < VILLAGES; i++) {
		srandom(seed + (unsigned)i);
		print_message("village %d: SEED=%u\n", i, seed + (unsigned)i);
		live_through(&tally);
	}
	print_message(
		"%zu runs in zones: %zu played, %zu of all later than due, %zu "
		"softer for a while, %zu cut, %zu kept silent; %zu changed just this "
		"once, %zu of them played\n",
		tally.runs, tally.played, tally.late, tally.soft, tally.cut,
		tally.kept_silent, tally.once, tally.once_played);
	assert_true(tally.played > 1000 && tally.late > 100 && tally.soft > 50 &&
		    tally.cut > 10 && tally.kept_silent > 100 && tally.once > 500 &&
		    tally.once_played > 200);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet_hours_while_an_amplifier_wakes),
		cmocka_unit_test(the_plan_is_what_happens),
	};
	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
