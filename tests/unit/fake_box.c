/* fake_box.c - see fake_box.h. One fake box a process. */
#include "fake_engine.h"

#include "base/str.h"
#include "daemon/log.h"
#include "schedule/store_internal.h"
#include "schedule/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PART_MAX_MS 600000

static struct fake_box *the_box;

/* ------------------------------------------------------------------------------ clock */

int64_t clock_now_us(void) {
	return the_box->now_us;
}

static int64_t set_us; /* by how much the clock was set in all */

int64_t clock_mono_ns_at(int64_t realtime_us) {
	return (realtime_us - set_us) * 1000;
}

int64_t clock_realtime_us_at(int64_t mono_ns) {
	return mono_ns / 1000 + set_us;
}

int64_t clock_mono_ns(void) {
	return clock_mono_ns_at(the_box->now_us);
}

void clock_verdict_now(struct clock *clock, struct clock_verdict *ret) {
	(void)clock;
	ret->trusted = the_box->trusted;
	str_copy(ret->reason, sizeof(ret->reason), "as the test says");
}

/* ------------------------------------------------------------------------------- loop */

struct loop_source {
	struct loop_source *next;
	loop_fn fn;
	loop_fd_fn fd_fn;
	void *arg;
	clockid_t clock;
	int64_t at_us; /* timer, of its clock */
	bool armed;    /* defer */
};

static struct loop_source *sources;
static struct loop_source *the_events;

static struct loop_source *source_new(void *arg) {
	struct loop_source *source = calloc(1, sizeof(*source));
	assert_non_null(source);
	source->arg = arg;
	source->at_us = INT64_MAX;
	source->next = sources;
	sources = source;
	return source;
}

int loop_add_timer(struct loop *loop, clockid_t clock, loop_fn fn, void *arg,
		   struct loop_source **ret, struct error *err) {
	(void)loop;
	(void)err;
	*ret = source_new(arg);
	(*ret)->fn = fn;
	(*ret)->clock = clock;
	return 0;
}

int loop_add_defer(struct loop *loop, loop_fn fn, void *arg, struct loop_source **ret,
		   struct error *err) {
	(void)loop;
	(void)err;
	*ret = source_new(arg);
	(*ret)->fn = fn;
	return 0;
}

int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn fn, void *arg,
		struct loop_source **ret, struct error *err) {
	(void)loop;
	(void)fd;
	(void)events;
	(void)err;
	the_events = source_new(arg);
	the_events->fd_fn = fn;
	*ret = the_events;
	return 0;
}

void loop_timer_arm_us(struct loop_source *timer, int64_t at_us) {
	timer->at_us = at_us;
}

void loop_defer_arm(struct loop_source *defer) {
	defer->armed = true;
}

void loop_source_free(struct loop_source *source) {
	if (source == NULL) {
		return;
	}
	struct loop_source **at = &sources;
	while (*at != source) {
		at = &(*at)->next;
	}
	*at = source->next;
	the_events = the_events == source ? NULL : the_events;
	free(source);
}

/* ------------------------------------------------------------------------------- disk */

static int count_commit(void *commits) {
	++*(size_t *)commits;
	return 0;
}

void fake_box_count_commits(struct fake_box *box, size_t *ret) {
	*ret = 0;
	(void)sqlite3_commit_hook(box->store->db, count_commit, ret);
}

void fake_box_break_disk(struct fake_box *box, bool broken_now) {
	assert_int_equal(sqlite3_exec(box->store->db,
				      broken_now ? "PRAGMA query_only = ON"
						 : "PRAGMA query_only = OFF",
				      NULL, NULL, NULL),
			 SQLITE_OK);
}

/* ---------------------------------------------------------------------------- library */

struct fake_words {
	int64_t ready_us;
	library_done_fn done;
	void *arg;
};
static struct fake_words words[16];
static size_t n_words;
static bool all_spoken;

int library_spoken(struct library *l, const char *text, const char *voice, double speed,
		   char ret[CLIP_ID_SIZE], struct error *err) {
	(void)l;
	(void)text;
	(void)voice;
	(void)speed;
	if (!all_spoken) {
		return error_set(err, ENOENT, "not spoken yet");
	}
	memset(ret, 'a', CLIP_ID_SIZE - 1);
	ret[CLIP_ID_SIZE - 1] = '\0';
	return 0;
}

int library_speak(struct library *l, const struct library_words *asked,
		  library_done_fn done, void *arg, struct error *err) {
	(void)l;
	(void)asked;
	(void)err;
	assert_true(n_words < 16);
	bool fails = the_box->speech_takes_us == INT64_MAX;
	int64_t takes_us = fails ? 1000 : the_box->speech_takes_us;
	words[n_words++] = (struct fake_words){the_box->now_us + takes_us, done, arg};
	return 0;
}

void library_path(const struct library *l, const char *clip_id, char *ret, size_t size) {
	(void)l;
	str_copy(ret, size, clip_id);
}

static int64_t library_next_us(void) {
	return n_words > 0 ? words[0].ready_us : INT64_MAX;
}

static void library_turn(void) {
	while (n_words > 0 && words[0].ready_us <= the_box->now_us) {
		struct fake_words first = words[0];
		memmove(words, words + 1, --n_words * sizeof(words[0]));
		if (the_box->speech_takes_us == INT64_MAX) {
			struct error err = {0};
			error_set(&err, ETIMEDOUT,
				  "espeak-ng did not answer within 20 s");
			first.done(first.arg, NULL, false, &err);
			continue;
		}
		all_spoken = true;
		struct clip clip = {.created_us = the_box->now_us,
				    .loudness_lufs = -20.0,
				    .gain_db = 4.0,
				    .output_lufs = -16.0,
				    .channels = 1};
		memset(clip.id, 'a', CLIP_ID_SIZE - 1);
		clip.title = strdup("spoken");
		clip.author = strdup("test");
		clip.duration_ms = 1000;
		clip.size_bytes = 1000;
		assert_true(store_clip_add(the_box->store, &clip, NULL) >= 0);
		first.done(first.arg, &clip, false, NULL);
		clip_done(&clip);
	}
}

/* -------------------------------------------------------------------------------- box */

static void on_began(void *ctx, const struct run *run, int64_t at_ns) {
	struct fake_box *box = ctx;
	alerts_began(box->alerts, run, at_ns);
}

static void on_ended(void *ctx, const struct director_sounding_end *end) {
	struct fake_box *box = ctx;
	alerts_ended(box->alerts, end);
}

static void director_begin(struct fake_box *box) {
	struct director_config config = {
		.store = box->store,
		.faults = box->faults,
		.tz = box->tz,
		.on_sounding_began = on_began,
		.on_sounding_ended = on_ended,
		.ctx = box,
	};
	struct error err = {0};
	if (director_new(&config, &box->director, &err) < 0 ||
	    director_start(box->director, &err) < 0) {
		fail_msg("%s", err.text);
	}
	struct alerts_config alerts = {
		.store = box->store,
		.director = box->director,
		.faults = box->faults,
		.fallback_clip = "",
	};
	if (alerts_new(&alerts, &box->alerts, &err) < 0) {
		fail_msg("%s", err.text);
	}
	alerts_start(box->alerts);
	struct calls_config calls = {.store = box->store, .director = box->director};
	if (calls_new(&calls, &box->calls, &err) < 0) {
		fail_msg("%s", err.text);
	}
}

void fake_box_start(struct fake_box *box) {
	*box = (struct fake_box){.trusted = true,
				 .now_us = 1772409600LL * 1000000,
				 .speech_takes_us = 1000000};
	the_box = box;
	fake_engine_start(box);
	n_words = 0;
	set_us = 0;
	all_spoken = false;
	log_threshold_set(getenv("FAKE_BOX_LOG") != NULL ? LOG_DEBUG : LOG_CRIT);
	assert_int_equal(store_open(":memory:", &box->store, NULL), 0);
	assert_int_equal(faults_new(&box->faults, NULL), 0);
	assert_int_equal(tz_load("Asia/Shanghai", &box->tz, NULL), 0);
	director_begin(box);
}

void fake_box_done(struct fake_box *box) {
	calls_free(box->calls);
	alerts_free(box->alerts);
	director_free(box->director);
	struct error err = {0};
	error_set(&err, ECANCELED, "the box is gone");
	while (n_words > 0) {
		n_words--;
		words[n_words].done(words[n_words].arg, NULL, false, &err);
	}
	faults_free(box->faults);
	store_close(box->store);
	tz_free(box->tz);
	fake_engine_forget();
}

void fake_box_restart(struct fake_box *box, bool killed) {
	calls_free(box->calls);
	alerts_free(box->alerts);
	if (killed) {
		/* What a killed director would have written must not be written: its end
		 * is played on a store that forgets. */
		assert_int_equal(store_begin(box->store, NULL), 0);
		director_free(box->director);
		store_rollback(box->store);
	} else {
		director_free(box->director);
	}
	fake_engine_forget();
	director_begin(box);
}

/* By the real-time clock. */
static int64_t source_at_us(const struct loop_source *s) {
	bool steps = s->clock == CLOCK_MONOTONIC && s->at_us != INT64_MAX;
	return steps ? s->at_us + set_us : s->at_us;
}

static struct loop_source *source_ready(void) {
	struct loop_source *s = sources;
	while (s != NULL && !s->armed && source_at_us(s) > the_box->now_us) {
		s = s->next;
	}
	return s;
}

static int64_t sources_next_us(void) {
	int64_t next_us = INT64_MAX;
	for (const struct loop_source *s = sources; s != NULL; s = s->next) {
		next_us = source_at_us(s) < next_us ? source_at_us(s) : next_us;
	}
	return next_us;
}

/* Everything that is ready now, until nothing is. */
static void settle(void) {
	for (int i = 0; i < 1000; i++) {
		library_turn();
		fake_engine_turn();
		struct loop_source *ready = source_ready();
		if (fake_engine_has_events()) {
			the_events->fd_fn(the_events->arg, -1, 0);
		} else if (ready != NULL) {
			ready->armed = false;
			ready->at_us = INT64_MAX;
			ready->fn(ready->arg);
		} else {
			return;
		}
	}
	fail_msg("the director never comes to rest");
}

void fake_box_pass(struct fake_box *box, int64_t us) {
	int64_t until_us = box->now_us + us;
	settle();
	for (;;) {
		int64_t next = sources_next_us();
		next = fake_engine_next_us() < next ? fake_engine_next_us() : next;
		next = library_next_us() < next ? library_next_us() : next;
		if (next > until_us) {
			break;
		}
		box->now_us = next > box->now_us ? next : box->now_us;
		settle();
	}
	box->now_us = until_us;
	settle();
}

void fake_box_stall(struct fake_box *box, int64_t us) {
	int64_t until_us = box->now_us + us;
	fake_engine_stall(true);
	for (int64_t next = 0; (next = fake_engine_next_us()) <= until_us;) {
		box->now_us = next > box->now_us ? next : box->now_us;
		fake_engine_turn();
	}
	fake_engine_stall(false);
	box->now_us = until_us;
	settle();
}

void fake_box_step(struct fake_box *box, int64_t us) {
	box->now_us += us;
	set_us += us;
	fake_engine_step(us);
	director_clock_stepped(box->director);
	settle();
}

static int64_t make_output(struct fake_box *box, const char *name) {
	struct error err = {0};
	AUTO(output_done) struct output output = {.rate = 48000, .channels = 8};
	output.name = strdup(name);
	output.pcm = strdup("null");
	if (store_output_put(box->store, &output, &err) < 0) {
		fail_msg("%s", err.text);
	}
	director_output_changed(box->director, output.id);
	return output.id;
}

static int64_t make_zone(struct fake_box *box, const char *name, int64_t output,
			 int channel, const char *quiet_from_to) {
	struct error err = {0};
	AUTO(zone_done) struct zone zone = {.n_channels = 1, .max_gain_db = 0.0};
	zone.output = output;
	zone.channels[0] = channel;
	zone.name = strdup(name);
	int from_h = 0;
	int from_m = 0;
	int to_h = 0;
	int to_m = 0;
	if (quiet_from_to != NULL) {
		assert_int_equal(sscanf(quiet_from_to, "%d:%d-%d:%d", &from_h, &from_m,
					&to_h, &to_m),
				 4);
		zone.quiet[0] =
			(struct quiet_span){from_h * 60 + from_m, to_h * 60 + to_m};
		zone.n_quiet = 1;
	}
	if (store_zone_put(box->store, &zone, &err) < 0) {
		fail_msg("%s", err.text);
	}
	director_zone_changed(box->director, zone.id);
	return zone.id;
}

int64_t fake_box_zone(struct fake_box *box, const char *name, const char *quiet_from_to) {
	return make_zone(box, name, make_output(box, name), 0, quiet_from_to);
}

void fake_box_zones(struct fake_box *box, int64_t *ret, size_t n) {
	int64_t output = make_output(box, "wall");
	for (size_t i = 0; i < n; i++) {
		char name[32];
		snprintf(name, sizeof(name), "zone %zu", i + 1);
		ret[i] = make_zone(box, name, output, (int)i, NULL);
	}
}

void fake_box_set_pass(struct fake_box *box, int64_t id, int pass) {
	struct error err = {0};
	AUTO(zone_done) struct zone zone = {0};
	assert_int_equal(store_zone_get(box->store, id, &zone, &err), 0);
	zone.pass = pass;
	assert_int_equal(store_zone_put(box->store, &zone, &err), 0);
	director_zone_changed(box->director, id);
}

static int64_t announcement_put(struct fake_box *box, struct announcement *a) {
	struct error err = {0};
	a->created_us = a->changed_us = box->now_us;
	a->author = strdup("test");
	if (store_announcement_put(box->store, a, &err) < 0) {
		fail_msg("%s", err.text);
	}
	director_announcement_changed(box->director, a->id);
	return a->id;
}

int64_t fake_box_announcement(struct fake_box *box, const char *title,
			      int64_t length_ms) {
	return fake_box_resuming(box, title, length_ms, RESUME_RESUME, TIME_NONE);
}

int64_t fake_box_resuming(struct fake_box *box, const char *title, int64_t length_ms,
			  enum resume resume, int64_t expires_us) {
	AUTO(announcement_done)
	struct announcement a = {
		.expires_us = expires_us, .resume = resume, .content.repeat = 1};
	a.title = strdup(title);
	if (length_ms <= 0) {
		content_add(&a.content, PART_TEXT, "请注意", NULL, 0);
	}
	for (; length_ms > 0; length_ms -= PART_MAX_MS) {
		content_add(&a.content, PART_SILENCE, NULL, NULL,
			    length_ms < PART_MAX_MS ? length_ms : PART_MAX_MS);
	}
	return announcement_put(box, &a);
}

int64_t fake_box_schedule(struct fake_box *box, int64_t announcement, int64_t zone,
			  const char *rule, enum run_class class, int play_within_s) {
	struct error err = {0};
	AUTO(schedule_done)
	struct schedule s = {
		.announcement = announcement,
		.class = class,
		.play_within_s = play_within_s,
		.enabled = true,
		.from_us = TIME_NONE,
		.until_us = TIME_NONE,
		.created_us = box->now_us,
		.changed_us = box->now_us,
	};
	s.rule = strdup(rule);
	s.author = strdup("test");
	ids_add(&s.zones, zone);
	if (store_schedule_put(box->store, &s, &err) < 0) {
		fail_msg("%s", err.text);
	}
	director_schedule_changed(box->director, s.id);
	return s.id;
}

int64_t fake_box_override(struct fake_box *box, int64_t schedule, int64_t due_us,
			  enum override_action action, int64_t to_us,
			  int64_t announcement) {
	struct error err = {0};
	char who[] = "clerk";
	struct override o = {.schedule = schedule,
			     .due_us = due_us,
			     .action = action,
			     .to_us = to_us,
			     .announcement = announcement,
			     .created_us = box->now_us,
			     .author = who};
	if (store_override_put(box->store, &o, &err) < 0) {
		fail_msg("%s", err.text);
	}
	director_overrides_changed(box->director, schedule);
	return o.id;
}

int64_t fake_box_push(struct fake_box *box, int64_t announcement, int64_t zone,
		      enum run_class class, struct error *err) {
	return fake_box_push_to(box, announcement, &zone, 1, class, err);
}

int64_t fake_box_push_to(struct fake_box *box, int64_t announcement, const int64_t *items,
			 size_t n, enum run_class class, struct error *err) {
	AUTO(ids_done) struct ids zones = {0};
	for (size_t i = 0; i < n; i++) {
		ids_add(&zones, items[i]);
	}
	struct director_push push = {
		.source = "push",
		.announcement = announcement,
		.zones = &zones,
		.at_us = TIME_NONE,
		.class = class,
		.author = "clerk",
	};
	int64_t run = 0;
	int rc = director_push(box->director, &push, &run, err);
	return rc < 0 ? rc : run;
}

static struct run *list_runs(struct fake_box *box, size_t *n) {
	struct store_filter filter = {
		.from_us = TIME_NONE, .until_us = TIME_NONE, .state = -1, .limit = 1000};
	struct run *runs = NULL;
	assert_true(store_run_list(box->store, &filter, &runs, n, NULL) >= 0);
	return runs;
}

void fake_box_last_run(struct fake_box *box, struct run *ret) {
	size_t n = 0;
	struct run *runs = list_runs(box, &n);
	assert_true(n > 0);
	*ret = runs[0];
	runs[0] = (struct run){0};
	run_list_free(runs, n);
}

size_t fake_box_count_runs(struct fake_box *box) {
	size_t n = 0;
	struct run *runs = list_runs(box, &n);
	run_list_free(runs, n);
	return n;
}
