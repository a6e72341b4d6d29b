/* ops.c - see ops.h. Translation only: every decision is made elsewhere. */
#include "ops.h"

#include "audio/chime.h"
#include "base/str.h"
#include "calendars.h"
#include "log.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define STATUS_LEVEL_NS 100000000LL /* of how long the level of a status is */

static void op_clock(void *ctx, struct admin_clock *ret) {
	struct ops_context *c = ctx;
	struct clock_verdict verdict;
	clock_verdict_now(c->clock, &verdict);
	ret->now_us = clock_now_us();
	ret->trusted = verdict.trusted;
	str_copy(ret->reason, sizeof(ret->reason), verdict.reason);
}

_Static_assert(DIRECTOR_QUEUE_MAX <= ADMIN_QUEUE_MAX, "the queue finds room");

/* In hundredths of a dB: nobody reads more. */
static void read_level(struct engine *engine, int64_t zone, int64_t from_ns,
		       int64_t to_ns, struct admin_level *ret) {
	*ret = (struct admin_level){.rms_db = -120.0, .peak_db = -120.0};
	engine_zone_level(engine, zone, from_ns, to_ns, &ret->rms_db, &ret->peak_db);
	ret->rms_db = round(ret->rms_db * 100.0) / 100.0;
	ret->peak_db = round(ret->peak_db * 100.0) / 100.0;
}

static void op_zone_status(void *ctx, int64_t zone, struct admin_zone_status *ret) {
	struct ops_context *c = ctx;
	struct director_zone_status status;
	director_zone_status(c->director, zone, &status);
	/* A run that could not be recorded has no id to show. */
	*ret = (struct admin_zone_status){
		.run = status.run > 0 ? status.run : 0,
		.ducked = status.ducked > 0 ? status.ducked : 0,
		.waiting = status.waiting,
		.n_queue = status.n_queue,
	};
	for (size_t i = 0; i < status.n_queue; i++) {
		const struct director_queued *q = &status.queue[i];
		ret->queue[i].run = q->run > 0 ? q->run : 0;
		ret->queue[i].class = q->class;
		ret->queue[i].paused = q->paused;
		str_copy(ret->queue[i].title, sizeof(ret->queue[i].title), q->title);
	}
	str_copy(ret->fault, sizeof(ret->fault), status.fault);
	ret->state = status.fault[0] != '\0' ? ADMIN_ZONE_FAULT
		     : status.run != 0       ? ADMIN_ZONE_PLAYING
					     : ADMIN_ZONE_IDLE;
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	int64_t now_ns = t.tv_sec * 1000000000LL + t.tv_nsec;
	struct admin_level level;
	read_level(c->engine, zone, now_ns - STATUS_LEVEL_NS, now_ns, &level);
	ret->level_db = level.rms_db;
}

static void op_zone_level(void *ctx, int64_t zone, int64_t from_us, int64_t to_us,
			  struct admin_level *ret) {
	struct ops_context *c = ctx;
	read_level(c->engine, zone, from_us * 1000, to_us * 1000, ret);
}

static int op_faults(void *ctx, struct admin_fault **ret, size_t *n, struct error *err) {
	struct ops_context *c = ctx;
	const struct fault *faults = NULL;
	size_t count = faults_list(c->faults, &faults);
	struct admin_fault *items = calloc(count + 1, sizeof(*items));
	if (items == NULL) {
		return error_set(err, ENOMEM, "no memory for the list of faults");
	}
	for (size_t i = 0; i < count; i++) {
		str_copy(items[i].source, sizeof(items[i].source), faults[i].source);
		str_copy(items[i].text, sizeof(items[i].text), faults[i].text);
		items[i].since_us = faults[i].since_us;
	}
	*ret = items;
	*n = count;
	return 0;
}

static int op_cards(void *ctx, struct admin_card **ret, size_t *n, struct error *err) {
	(void)ctx;
	AUTO(free) struct engine_card *cards = NULL;
	size_t count = 0;
	int rc = engine_cards(&cards, &count, err);
	if (rc < 0) {
		return rc;
	}
	struct admin_card *items = calloc(count + 1, sizeof(*items));
	if (items == NULL) {
		return error_set(err, ENOMEM, "no memory for the list of cards");
	}
	for (size_t i = 0; i < count; i++) {
		str_copy(items[i].pcm, sizeof(items[i].pcm), cards[i].pcm);
		str_copy(items[i].name, sizeof(items[i].name), cards[i].name);
		str_copy(items[i].usb, sizeof(items[i].usb), cards[i].usb);
	}
	*ret = items;
	*n = count;
	return 0;
}

static void op_pcm_stable(void *ctx, const char *pcm, char *ret, size_t size) {
	(void)ctx;
	engine_pcm_stable(pcm, ret, size);
}

static int op_push(void *ctx, const struct admin_push *push, int64_t *ret_run,
		   struct error *err) {
	struct ops_context *c = ctx;
	struct director_push p = {
		.source = "push",
		.announcement = push->announcement,
		.content = &push->content,
		.title = push->title,
		.zones = &push->zones,
		.at_us = push->at_us,
		.class = push->class,
		.author = push->author,
	};
	return director_push(c->director, &p, ret_run, err);
}

static int op_zone_test(void *ctx, int64_t zone, const char *author, int64_t *ret_run,
			struct error *err) {
	struct ops_context *c = ctx;
	AUTO(ids_done) struct ids zones = {0};
	AUTO(content_done) struct content content = {.repeat = 1};
	if (ids_add(&zones, zone) < 0 ||
	    content_add(&content, PART_CHIME, CHIME_DEFAULT, NULL, 0) < 0) {
		return error_set(err, ENOMEM, "no memory for a test");
	}
	struct director_push p = {
		.source = "test",
		.content = &content,
		.title = "test chime",
		.zones = &zones,
		.at_us = TIME_NONE,
		.class = CLASS_NOTICE,
		.author = author,
	};
	return director_push(c->director, &p, ret_run, err);
}

static int op_run_stop(void *ctx, int64_t run, const char *author, struct error *err) {
	struct ops_context *c = ctx;
	return director_stop_run(c->director, run, author, err);
}

static int op_stop(void *ctx, const struct ids *zones, const char *author,
		   struct error *err) {
	(void)err;
	struct ops_context *c = ctx;
	return director_stop_zones(c->director, zones, author);
}

static int op_alert(void *ctx, struct alert *asked, admin_alert_fn done, void *arg,
		    int64_t *ret_id, struct error *err) {
	struct ops_context *c = ctx;
	return alerts_ask(c->alerts, asked, done, arg, ret_id, err);
}

static int op_alert_cancel(void *ctx, int64_t alert, const char *author,
			   struct error *err) {
	struct ops_context *c = ctx;
	return alerts_cancel(c->alerts, alert, author, err);
}

static void op_alert_lost(void *ctx, int64_t alert) {
	struct ops_context *c = ctx;
	alerts_lost(c->alerts, alert);
}

static const struct alert *op_alert_nth(void *ctx, size_t i) {
	struct ops_context *c = ctx;
	return alerts_nth(c->alerts, i);
}

static int op_call(void *ctx, const struct admin_call *call, int64_t *ret_run,
		   struct error *err) {
	struct ops_context *c = ctx;
	struct calls_ask ask = {
		.title = call->title,
		.zones = &call->zones,
		.class = call->class,
		.quiet_confirmed = call->quiet_confirmed,
		.rate = call->rate,
		.author = call->author,
	};
	return calls_begin(c->calls, &ask, ret_run, err);
}

static int op_call_chunk(void *ctx, int64_t call, int64_t seq, const void *bytes,
			 size_t n, struct admin_chunk *ret, struct error *err) {
	struct ops_context *c = ctx;
	struct calls_chunk chunk;
	int rc = calls_chunk(c->calls, call, seq, bytes, n, &chunk, err);
	if (rc >= 0) {
		*ret = (struct admin_chunk){
			.end = chunk.end == CALLS_CHUNK_TAKEN  ? ADMIN_CHUNK_TAKEN
			       : chunk.end == CALLS_CHUNK_HELD ? ADMIN_CHUNK_HELD
							       : ADMIN_CHUNK_DROPPED,
			.next = chunk.next,
			.lost = chunk.lost,
			.buffered_ms = chunk.buffered_ms,
		};
	}
	return rc;
}

static int op_call_end(void *ctx, int64_t call, struct error *err) {
	struct ops_context *c = ctx;
	return calls_hang_up(c->calls, call, err);
}

_Static_assert(ADMIN_CHUNK_BYTES_MAX == 2 * CALLS_RATE_MAX * CALLS_CHUNK_MS / 1000 &&
		       ADMIN_CALL_RATE_MIN == CALLS_RATE_MIN &&
		       ADMIN_CALL_RATE_MAX == CALLS_RATE_MAX,
	       "the API takes what calls take");

static int op_clip_spool(void *ctx, struct error *err) {
	struct ops_context *c = ctx;
	return library_spool(c->library, err);
}

static int op_clip_import(void *ctx, int fd, const char *title, const char *author,
			  admin_clip_fn done, void *arg, struct error *err) {
	struct ops_context *c = ctx;
	return library_import(c->library, fd, title, author, done, arg, err);
}

static int op_clip_delete(void *ctx, const char *id, struct error *err) {
	struct ops_context *c = ctx;
	return library_delete(c->library, id, err);
}

static void op_clip_path(void *ctx, const char *id, char *ret, size_t size) {
	struct ops_context *c = ctx;
	library_path(c->library, id, ret, size);
}

static int op_speak(void *ctx, const char *text, const char *voice, double speed,
		    const char *author, admin_clip_fn done, void *arg,
		    struct error *err) {
	struct ops_context *c = ctx;
	struct library_words words = {
		.text = text, .voice = voice, .speed = speed, .author = author};
	return library_speak(c->library, &words, done, arg, err);
}

static void change_calendar(struct ops_context *c) {
	struct error err = {0};
	if (calendars_load(c->store, c->calendar, &err) < 0) {
		log_err("the holidays stay as they were: %s", err.text);
		return;
	}
	director_calendar_changed(c->director);
}

static void op_changed(void *ctx, enum admin_table table, int64_t id) {
	struct ops_context *c = ctx;
	switch (table) {
	case ADMIN_AREAS:
		break; /* targets are resolved when a run is made */
	case ADMIN_OUTPUTS:
		director_output_changed(c->director, id);
		break;
	case ADMIN_ZONES:
		director_zone_changed(c->director, id);
		break;
	case ADMIN_ANNOUNCEMENTS:
		director_announcement_changed(c->director, id);
		break;
	case ADMIN_SCHEDULES:
		director_schedule_changed(c->director, id);
		break;
	case ADMIN_CALENDARS:
		change_calendar(c);
		break;
	case ADMIN_OVERRIDES:
		director_overrides_changed(c->director, id);
		break;
	}
}

static int op_plan(void *ctx, struct plan_ask *asked, admin_plan_render_fn render,
		   admin_plan_fn done, void *arg, struct error *err) {
	struct ops_context *c = ctx;
	return plans_ask(c->plans, asked, render, done, arg, err);
}

static void op_recording_path(void *ctx, const char *file, char *ret, size_t size) {
	struct ops_context *c = ctx;
	recordings_path(c->recordings, file, ret, size);
}

static void op_log(void *ctx, int priority, const char *text) {
	(void)ctx;
	log_at(priority, "%s", text);
}

const struct admin_ops *ops_table(void) {
	static const struct admin_ops ops = {
		.clock = op_clock,
		.zone_status = op_zone_status,
		.zone_level = op_zone_level,
		.faults = op_faults,
		.cards = op_cards,
		.pcm_stable = op_pcm_stable,
		.zone_test = op_zone_test,
		.push = op_push,
		.run_stop = op_run_stop,
		.stop = op_stop,
		.alert = op_alert,
		.alert_cancel = op_alert_cancel,
		.alert_lost = op_alert_lost,
		.alert_nth = op_alert_nth,
		.call = op_call,
		.call_chunk = op_call_chunk,
		.call_end = op_call_end,
		.clip_spool = op_clip_spool,
		.clip_import = op_clip_import,
		.clip_delete = op_clip_delete,
		.clip_path = op_clip_path,
		.speak = op_speak,
		.plan = op_plan,
		.recording_path = op_recording_path,
		.changed = op_changed,
		.log = op_log,
	};
	return &ops;
}
