/* paper_admin.c - see paper_admin.h. */
#include "paper_admin.h"

#include "base/str.h"
#include "web-admin/dispatch.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define NOW_US INT64_C(1796083200000000) /* 2026-12-01 00:00 UTC */

/* ------------------------------------------------------------------------------- ops */

static char *text(const char *constant) {
	return (char *)(uintptr_t)constant;
}

static void op_clock(void *ctx, struct admin_clock *ret) {
	struct paper *p = ctx;
	*ret = (struct admin_clock){.now_us = p->now_us, .trusted = true};
}

static void op_zone_status(void *ctx, int64_t zone, struct admin_zone_status *ret) {
	struct paper *p = ctx;
	*ret = (struct admin_zone_status){.state = p->state,
					  .run = p->state == ADMIN_ZONE_PLAYING ? zone
										: 0,
					  .level_db = -20.5};
}

static void op_zone_level(void *ctx, int64_t zone, int64_t from_us, int64_t to_us,
			  struct admin_level *ret) {
	struct paper *p = ctx;
	(void)zone;
	p->level_torn = p->level_torn || (p->levels > 0 && from_us != p->level_to_us);
	p->levels++;
	p->level_to_us = to_us;
	*ret = p->level;
}

static int op_faults(void *ctx, struct admin_fault **ret, size_t *n, struct error *err) {
	(void)ctx;
	struct admin_fault *faults = calloc(1, sizeof(*faults));
	if (faults == NULL) {
		return error_set(err, ENOMEM, "no memory");
	}
	str_copy(faults[0].source, sizeof(faults[0].source), "output Hall");
	str_copy(faults[0].text, sizeof(faults[0].text), "the card is missing");
	faults[0].since_us = NOW_US;
	*ret = faults;
	*n = 1;
	return 0;
}

static int op_cards(void *ctx, struct admin_card **ret, size_t *n, struct error *err) {
	(void)ctx;
	struct admin_card *cards = calloc(1, sizeof(*cards));
	if (cards == NULL) {
		return error_set(err, ENOMEM, "no memory");
	}
	str_copy(cards[0].pcm, sizeof(cards[0].pcm), "hw:0,0");
	str_copy(cards[0].name, sizeof(cards[0].name), "Paper");
	*ret = cards;
	*n = 1;
	return 0;
}

static void op_pcm_stable(void *ctx, const char *pcm, char *ret, size_t size) {
	(void)ctx;
	str_copy(ret, size, strcmp(pcm, "hw:7,1") == 0 ? "hw:CARD=Paper,DEV=1" : pcm);
}

static int claim(struct paper *p, const struct ids *zones, const char *author,
		 int64_t *ret_run, struct error *err) {
	struct run_zone run_zones[16] = {0};
	struct run run = {
		.source = text("push"),
		.title = text("paper"),
		.content = {.repeat = 1},
		.class = CLASS_NOTICE,
		.due_us = p->now_us,
		.created_us = p->now_us,
		.expires_us = TIME_NONE,
		.author = text(author),
		.zones = run_zones,
		.n_zones = zones->n < 16 ? zones->n : 16,
	};
	for (size_t i = 0; i < run.n_zones; i++) {
		run_zones[i].zone = zones->items[i];
		run_zones[i].zone_name = text("zone");
		run_zones[i].started_us = TIME_NONE;
	}
	int rc = store_run_claim(p->store, &run, err);
	if (rc >= 0) {
		p->pushed++;
		*ret_run = run.id;
	}
	return rc;
}

static int op_push(void *ctx, const struct admin_push *push, int64_t *ret_run,
		   struct error *err) {
	assert(push->zones.n > 0 && push->author[0] != '\0');
	return claim(ctx, &push->zones, push->author, ret_run, err);
}

static int op_zone_test(void *ctx, int64_t zone, const char *author, int64_t *ret_run,
			struct error *err) {
	struct ids zones = {.items = &zone, .n = 1};
	return claim(ctx, &zones, author, ret_run, err);
}

static int op_run_stop(void *ctx, int64_t run, const char *author, struct error *err) {
	struct paper *p = ctx;
	struct run row = {0};
	(void)author;
	int rc = store_run_get(p->store, run, &row, err);
	run_done(&row);
	p->stopped++;
	return rc;
}

static int op_stop(void *ctx, const struct ids *zones, const char *author,
		   struct error *err) {
	(void)zones;
	(void)author;
	(void)err;
	struct paper *p = ctx;
	p->stopped++;
	return 0;
}

static int op_alert(void *ctx, struct alert *asked, admin_alert_fn done, void *arg,
		    int64_t *ret_id, struct error *err) {
	struct paper *p = ctx;
	assert(p->alert_done == NULL && asked->resolved.n > 0);
	alert_done(&p->alert);
	p->alert = *asked;
	*asked = (struct alert){0};
	p->alert.created_us = p->now_us;
	p->alert.ended_us = TIME_NONE;
	p->alert.first_sound_ms = -1;
	p->alert.on_disk = true;
	if (p->alert.expires_us == TIME_NONE) {
		p->alert.expires_us = p->now_us + 1;
	}
	p->alert_done = done;
	p->alert_arg = arg;
	if (p->alert.drill) {
		return 0;
	}
	int rc = store_alert_add(p->store, &p->alert, err);
	*ret_id = p->alert.id;
	return rc < 0 ? rc : 1;
}

void paper_sounded(struct paper *p, int64_t ms) {
	struct error err = {0};
	error_set(&err, EAGAIN, "it could not be spoken");
	p->alert.first_sound_ms = ms;
	if (p->alert.id == 0) {
		p->alert.id = 99;
	}
	admin_alert_fn done = MOVE(p->alert_done);
	done(p->alert_arg, ms < 0 ? NULL : &p->alert, ms < 0 ? &err : NULL);
}

static int op_alert_cancel(void *ctx, int64_t id, const char *author, struct error *err) {
	struct paper *p = ctx;
	AUTO(alert_done) struct alert row = {0};
	int rc = store_alert_get(p->store, id, &row, err);
	if (rc < 0) {
		return rc;
	}
	row.state = ALERT_CANCELLED;
	row.ended_us = p->now_us;
	free(row.ended_by);
	row.ended_by = strdup(author);
	return store_alert_change(p->store, &row, err);
}

static void op_alert_lost(void *ctx, int64_t id) {
	struct paper *p = ctx;
	p->lost = id;
	p->alert.on_disk = false;
}

static const struct alert *op_alert_nth(void *ctx, size_t i) {
	const struct paper *p = ctx;
	return i == 0 && p->alert.id != 0 ? &p->alert : NULL;
}

static int op_call(void *ctx, const struct admin_call *call, int64_t *ret_run,
		   struct error *err) {
	assert(call->zones.n > 0 && call->title[0] != '\0' && call->rate >= 8000);
	return claim(ctx, &call->zones, call->author, ret_run, err);
}

static int op_call_chunk(void *ctx, int64_t call, int64_t seq, const void *bytes,
			 size_t n, struct admin_chunk *ret, struct error *err) {
	struct paper *p = ctx;
	struct run row = {0};
	assert(seq >= 0 && bytes != NULL && n > 0 && n <= ADMIN_CHUNK_BYTES_MAX);
	int rc = store_run_get(p->store, call, &row, err);
	run_done(&row);
	if (rc >= 0 && n % 2 != 0) {
		rc = error_set(err, EINVAL, "half a frame");
	} else if (rc >= 0 && n > 3200) {
		rc = error_set(err, E2BIG, "longer than 100 ms");
	}
	*ret = (struct admin_chunk){
		.end = seq == 7 ? ADMIN_CHUNK_HELD : ADMIN_CHUNK_TAKEN, .next = seq + 1};
	return rc;
}

static int op_call_end(void *ctx, int64_t call, struct error *err) {
	return op_run_stop(ctx, call, "", err);
}

static int op_clip_spool(void *ctx, struct error *err) {
	struct paper *p = ctx;
	return p->deny_spool ? error_set(err, ENOSPC, "the disk is full")
			     : memfd_create("spool", MFD_CLOEXEC);
}

static int later(struct paper *p, admin_clip_fn done, void *arg, struct error *err) {
	if (p->at_once || p->done != NULL) {
		return error_set(err, EAGAIN, "too much to do");
	}
	p->imported++;
	p->done = done;
	p->arg = arg;
	return 0;
}

static int op_clip_import(void *ctx, int fd, const char *title, const char *author,
			  admin_clip_fn done, void *arg, struct error *err) {
	(void)title;
	(void)author;
	fd_close(fd);
	return later(ctx, done, arg, err);
}

static int op_clip_delete(void *ctx, const char *id, struct error *err) {
	struct paper *p = ctx;
	return store_clip_delete(p->store, id, err);
}

static void op_clip_path(void *ctx, const char *id, char *ret, size_t size) {
	(void)ctx;
	(void)id;
	str_copy(ret, size, "/dev/null");
}

static void op_recording_path(void *ctx, const char *file, char *ret, size_t size) {
	(void)ctx;
	(void)file;
	str_copy(ret, size, "/dev/null");
}

static int op_speak(void *ctx, const char *text, const char *voice, double speed,
		    const char *author, admin_clip_fn done, void *arg,
		    struct error *err) {
	(void)text;
	(void)voice;
	(void)speed;
	(void)author;
	return later(ctx, done, arg, err);
}

static void op_changed(void *ctx, enum admin_table table, int64_t id) {
	(void)table;
	(void)id;
	struct paper *p = ctx;
	p->changed++;
}

static void op_log(void *ctx, int priority, const char *text) {
	(void)priority;
	struct paper *p = ctx;
	str_copy(p->log, sizeof(p->log), text);
}

/* Of a box that plans nothing. */
static int op_plan(void *ctx, struct plan_ask *asked, admin_plan_render_fn render,
		   admin_plan_fn done, void *arg, struct error *err) {
	struct paper *p = ctx;
	struct plan_input in = {.tz = p->tz,
				.now_us = p->now_us,
				.from_us = asked->from_us,
				.until_us = asked->until_us};
	AUTO(plan_free) struct plan *plan = NULL;
	AUTO(str_done) struct str text = STR_INIT;
	p->drafts = asked->n_drafts;
	plan_ask_done(asked);
	int rc = plan_make(&in, &plan, err);
	if (rc < 0 || render(plan, &text) < 0) {
		return rc < 0 ? rc : error_set(err, ENOMEM, "no memory for a plan");
	}
	done(arg, &text, NULL);
	return 0;
}

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

/* ------------------------------------------------------------------------------- box */

static const struct clip clip = {.id = PAPER_CLIP,
				 .title = (char *)(uintptr_t) "A clip",
				 .duration_ms = 1500,
				 .size_bytes = 4000,
				 .channels = 1,
				 .loudness_lufs = -18.5,
				 .true_peak_dbtp = -2.0,
				 .gain_db = 2.5,
				 .output_lufs = -16.0,
				 .created_us = NOW_US,
				 .author = (char *)(uintptr_t) "root"};

static void fill_plan(struct store *store, int64_t zone) {
	struct error err = {0};
	struct announcement a = {.title = text("Morning"),
				 .content = {.repeat = 1},
				 .expires_us = TIME_NONE,
				 .created_us = NOW_US,
				 .changed_us = NOW_US,
				 .author = text("root")};
	int rc = store_clip_add(store, &clip, &err);
	assert(rc == 1);
	rc = content_add(&a.content, PART_CLIP, PAPER_CLIP, NULL, 0);
	assert(rc == 0);
	rc = store_announcement_put(store, &a, &err);
	assert(rc == 0);
	content_done(&a.content);
	struct schedule s = {.announcement = a.id,
			     .zones = {.items = &zone, .n = 1},
			     .rule = text("0 8 * * *"),
			     .from_us = TIME_NONE,
			     .until_us = TIME_NONE,
			     .class = CLASS_NOTICE,
			     .enabled = true,
			     .created_us = NOW_US,
			     .changed_us = NOW_US,
			     .author = text("root")};
	rc = store_schedule_put(store, &s, &err);
	assert(rc == 0);
	(void)rc;
}

static void fill(struct store *store) {
	struct error err = {0};
	struct area area = {.code = text("110101001001"), .name = text("Village")};
	struct output output = {
		.name = text("Hall"), .pcm = text("wav:/tmp/hall.wav"), .channels = 2};
	int rc = store_area_put(store, &area, &err);
	assert(rc == 0);
	rc = store_output_put(store, &output, &err);
	assert(rc == 0);
	struct zone zone = {.name = text("East"),
			    .output = output.id,
			    .channels = {0},
			    .n_channels = 1,
			    .area = area.id};
	rc = store_zone_put(store, &zone, &err);
	assert(rc == 0);
	fill_plan(store, zone.id);
	(void)rc;
}

void paper_init(struct paper *p, const char *path) {
	static const char *const chimes[] = {"gong", NULL};
	static const char *const amplifiers[] = {"hall", NULL};
	struct error err = {0};
	*p = (struct paper){.now_us = NOW_US};
	int rc = store_open(path != NULL ? path : ":memory:", &p->store, &err);
	assert(rc == 0);
	rc = tz_load("Asia/Shanghai", &p->tz, &err);
	assert(rc == 0);
	fill(p->store);
	p->config = (struct admin_config){
		.listen = "",
		.socket = "",
		.certificate = "",
		.key = "",
		.socket_group = "dalaba",
		.tz = p->tz,
		.store = p->store,
		.chimes = chimes,
		.amplifiers = amplifiers,
		.ops = &ops,
		.ctx = p,
	};
	rc = admin_new(&p->config, &p->admin, &err);
	assert(rc == 0);
	(void)rc;
}

void paper_done(struct paper *p) {
	admin_free(p->admin);
	if (p->done != NULL) {
		paper_imported(p, "the box stops");
	}
	if (p->alert_done != NULL) {
		paper_sounded(p, -1);
	}
	alert_done(&p->alert);
	store_close(p->store);
	tz_free(p->tz);
}

void paper_imported(struct paper *p, const char *fault) {
	admin_clip_fn done = p->done;
	struct error err = {0};
	p->done = NULL;
	if (fault != NULL) {
		error_set(&err, EINVAL, "%s", fault);
		done(p->arg, NULL, false, &err);
	} else {
		done(p->arg, &clip, true, NULL);
	}
}

/* ------------------------------------------------------------------------------ calls */

static const char *call_header(void *carrier, const char *name) {
	const struct paper_call *call = carrier;
	return strcmp(name, "Content-Type") == 0      ? call->type
	       : strcmp(name, "Idempotency-Key") == 0 ? call->key
	       : strcmp(name, "Range") == 0           ? call->range
	       : strcmp(name, "If-None-Match") == 0   ? call->none_match
						      : NULL;
}

static int call_identify(void *carrier, struct caller *ret, struct error *err) {
	const struct paper_call *call = carrier;
	if (call->stranger) {
		return error_set(err, EACCES, "a stranger");
	}
	*ret = call->other ? (struct caller){.who = "clerk", .key = "uid 8"}
			   : (struct caller){.who = "clerk", .key = "uid 7"};
	return 0;
}

static void call_nothing(void *carrier) {
	(void)carrier;
}

static const struct transport transport = {
	.header = call_header,
	.identify = call_identify,
	.answered = call_nothing,
	.wake = call_nothing,
	.cut = call_nothing,
};

static void take_answer(struct request *r, struct paper_answer *a) {
	a->status = r->reply.status;
	a->body = r->reply.body != NULL ? strdup(r->reply.body) : NULL;
	a->location = r->reply.location != NULL ? strdup(r->reply.location) : NULL;
	str_copy(a->allow, sizeof(a->allow), r->reply.allow);
	str_copy(a->range, sizeof(a->range), r->reply.range);
	str_copy(a->type, sizeof(a->type), r->reply.type != NULL ? r->reply.type : "");
	request_release(r);
}

struct paper_answer paper_call(struct paper *p, const struct paper_call *call) {
	struct paper_answer a = {0};
	struct request *r = NULL;
	struct error err = {0};
	size_t len = call->body == NULL ? 0
		     : call->len > 0    ? call->len
					: strlen(call->body);
	int rc = request_new(p->admin, call->target, &transport, (void *)(uintptr_t)call,
			     &r, &err);
	if (rc < 0) {
		dispatch_refuse(r, &err);
	} else {
		dispatch_head(r, call->method, (int64_t)len);
	}
	r->joined = p->joined;
	for (size_t at = 0; at < len && r->stage == STAGE_BODY;) {
		size_t n = len - at < 1000 ? len - at : 1000;
		dispatch_body(r, call->body + at, n);
		at += n;
	}
	if (r->stage == STAGE_BODY) {
		dispatch_end(r);
	}
	if (r->stage == STAGE_DEFERRED) {
		a.late = r;
	} else {
		take_answer(r, &a);
	}
	return a;
}

void paper_late(struct paper_answer *answer) {
	assert(answer->late->stage == STAGE_ANSWERED);
	take_answer(MOVE(answer->late), answer);
}

void paper_answer_done(struct paper_answer *answer) {
	request_release(answer->late);
	free(answer->body);
	free(answer->location);
	*answer = (struct paper_answer){0};
}
