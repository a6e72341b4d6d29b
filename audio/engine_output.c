/* engine_output.c - the thread of one output: opens its device and opens it again when
 * it fails, keeps it filled, lets it stand when nothing sounds. Thread: its own. Once the
 * device is open nothing here blocks, allocates, locks or logs; it sleeps in one place.
 *
 * The device's buffer is deep while it runs, so that a busy box does not click, and it
 * is woken few times a second; what has to be heard at once takes back what is queued
 * (engine_voice.c). A device that cannot take back is kept shallow instead. Some seconds
 * after the last sound the device is stopped and left prepared: starting it again takes
 * no longer than writing to it, and a box that is silent all day costs nothing. */
#include "engine_internal.h"

#include "base/str.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINGER_NS 3000000000LL  /* a device runs on after the last sound */
#define LOOK_NS 2000000000LL    /* between looks at one that stands */
#define STALLED_NS 1000000000LL /* a running device whose position does not move */
#define SOON_NS 200000000LL     /* dry within so long of its start: not for being late */
#define DRY_NS 5000000000LL     /* that again and again: a fault */
#define STEADY_NS 5000000000LL  /* well for so long, its next fault is a new one */
#define PROOFS 5                /* times that what a device has to prove is doubled */
#define RETRY_MIN_NS 100000000LL
#define RETRY_MAX_NS 5000000000LL
#define HUNGRY_NS 2000000LL      /* until a ring has more */
#define HUNGRY_LIVE_NS 5000000LL /* what it has is made as it is spoken */
#define BEAT_NS 20000000LL
#define LEAST_NS 1000000LL  /* asleep between rounds */
#define QUIT_NS 150000000LL /* for the last ramp */
#define SHALLOW_MS 60       /* queued at most where nothing can be taken back */
#define FIRST_MS 20         /* written before a device is started */
#define BLOCK_MS 50         /* rendered at a time, so that it stays in the cache */
#define BATCH 3             /* blocks written at a time: every call to a driver costs */
#define CRITICAL_MS 12      /* queued less than this, an empty ring has to wait */
#define MORSEL_MS 5         /* the least worth a call to the driver before that */

void output_config_free(struct output_config *c) {
	if (c != NULL) {
		free(c->pcm);
		free(c);
	}
}

static int64_t frames_of_ms(const struct output *o, int64_t ms) {
	return o->device->rate * ms / 1000;
}

static int64_t depth(const struct output *o) {
	const struct pcm *p = o->device;
	if (p->rewind_margin >= 0) {
		return p->buffer_frames;
	}
	int64_t shallow = frames_of_ms(o, SHALLOW_MS);
	shallow = shallow > p->shallow_frames ? shallow : p->shallow_frames;
	return shallow < p->buffer_frames ? shallow : p->buffer_frames;
}

/* ---- the device ---- */

static void tell(struct output *o, enum engine_event_kind kind, const char *text) {
	o->report = (struct engine_event){
		.kind = kind, .output = o->id, .at_ns = engine_now_ns()};
	str_copy(o->report.text, sizeof(o->report.text), text);
	o->report_due = true;
}

static void close_device(struct output *o) {
	voices_lose(o);
	pcm_free(o->device);
	o->device = NULL;
	o->started = false;
	o->queued = 0;
	timeline_forget(&o->timeline);
	free(o->planes);
	free(o->frames);
	o->planes = NULL;
	o->frames = NULL;
	atomic_store_explicit(&o->zero_ns, ENGINE_STANDS, memory_order_relaxed);
}

/* It opened and is no good: it counts as well once it has run for a while, longer each
 * time that this does not last. Else it would be tried without a rest, and its fault come
 * and go. */
static void doubt(struct output *o, int64_t now_ns) {
	bool steady = !o->doubted && now_ns - o->well_ns >= STEADY_NS;
	o->relapses = steady ? 0 : o->relapses + (o->relapses < PROOFS);
	o->doubted = true;
}

/* What sounds there ends; what is due later waits for the device to come back. */
static void fail(struct output *o, const struct error *err) {
	int64_t now_ns = engine_now_ns();
	if (o->device != NULL) {
		doubt(o, now_ns);
	}
	voices_fail_lost(o, now_ns, err->text);
	close_device(o);
	int64_t pause_ns = RETRY_MIN_NS << (o->failures < 6 ? o->failures : 6);
	o->failures++;
	o->retry_ns = now_ns + (pause_ns < RETRY_MAX_NS ? pause_ns : RETRY_MAX_NS);
	if (strcmp(o->fault, err->text) != 0) {
		str_copy(o->fault, sizeof(o->fault), err->text);
		tell(o, ENGINE_OUTPUT_FAULT, o->fault);
	}
}

static int prepare_strip(struct output *o, struct strip *s, struct error *err) {
	uint32_t all =
		o->device->channels >= 32 ? UINT32_MAX : (1U << o->device->channels) - 1U;
	if ((s->channels & ~all) != 0) {
		char text[ENGINE_TEXT_SIZE];
		str_format(
			text, sizeof(text),
			"'%s' has %d channels, and the zone wants one that is not there",
			o->config->pcm, o->device->channels);
		voices_fail(o, s->zone, engine_now_ns(), text);
	}
	return strip_set_rate(s, o->device->rate, o->device->buffer_frames, err);
}

static int allocate_blocks(struct output *o, struct error *err) {
	const struct pcm *p = o->device;
	o->block = p->rate * BLOCK_MS / 1000;
	size_t block = (size_t)o->block;
	o->planes = calloc(block * ((size_t)p->channels + 1), sizeof(*o->planes));
	o->frames =
		calloc(BATCH * block * (size_t)p->channels, mix_format_bytes(p->format));
	if (o->planes == NULL || o->frames == NULL) {
		return error_set(err, ENOMEM, "no memory for the blocks of '%s'",
				 o->config->pcm);
	}
	for (size_t c = 0; c < PCM_CHANNELS_MAX; c++) {
		o->dither[c].state = (uint32_t)(o->id * 7919 + (int64_t)c * 104729 + 1);
	}
	return 0;
}

static void tell_well(struct output *o) {
	const struct pcm *p = o->device;
	char text[ENGINE_TEXT_SIZE];
	char urgent[96] = "";
	if (o->urgent_error != 0) {
		snprintf(urgent, sizeof(urgent), "; without real-time priority (%s)",
			 strerror(o->urgent_error));
	}
	str_format(text, sizeof(text),
		   "'%s' plays %s, %d Hz, %d channels, buffer %lld ms%s", o->config->pcm,
		   mix_format_name(p->format), p->rate, p->channels,
		   (long long)(p->buffer_frames * 1000 / p->rate), urgent);
	o->failures = 0;
	o->doubted = false;
	o->well_ns = engine_now_ns();
	o->fault[0] = '\0';
	tell(o, ENGINE_OUTPUT_OK, text);
}

static void open_device(struct output *o) {
	struct error err = {0};
	struct pcm_spec spec = {.name = o->config->pcm,
				.rate = o->config->rate,
				.channels = o->config->channels,
				.buffer_ms = o->config->buffer_ms};
	int rc = o->open_pcm(&spec, &o->device, &err);
	if (rc < 0) {
		fail(o, &err);
		return;
	}
	const struct pcm *p = o->device;
	/* Frames are counted at the device's rate; another rate counts anew. */
	timeline_init(&o->timeline, p->rate);
	slews_init(&o->slews);
	drift_init(&o->drift);
	o->written = 0;
	o->heard = 0;
	o->queued = 0;
	o->started = false;
	o->look_ns = engine_now_ns();
	rc = resample_check(ENGINE_RATE, p->rate, &err);
	rc = rc < 0 ? rc : allocate_blocks(o, &err);
	for (struct strip *s = o->strips; rc == 0 && s != NULL; s = s->next) {
		strip_forget(s);
		rc = prepare_strip(o, s, &err);
	}
	if (rc < 0) {
		fail(o, &err);
		return;
	}
	atomic_store_explicit(&o->open_rate, p->rate, memory_order_relaxed);
	voices_tune(o);
	if (!o->doubted) {
		tell_well(o);
	}
}

/* Empty and prepared. */
static int stand(struct output *o, struct error *err) {
	voices_tape_dry(o);
	voices_lose(o);
	o->started = false;
	o->written = o->heard;
	o->queued = 0;
	o->look_ns = engine_now_ns();
	timeline_forget(&o->timeline);
	atomic_store_explicit(&o->zero_ns, ENGINE_STANDS, memory_order_relaxed);
	for (struct strip *s = o->strips; s != NULL; s = s->next) {
		strip_forget(s);
	}
	return pcm_recover(o->device, err);
}

/* Late by itself it is started again at once. Right after a start it is not we who were
 * late: it will be dry again, and this thread, which goes before all others, would keep
 * the processor from them. So it rests, longer each time; and that is a fault if it goes
 * on. */
static int run_dry(struct output *o, struct error *err) {
	static const int rests_ms[] = {0, 1, 2, 5, 10, 20};
	const int last = (int)(sizeof(rests_ms) / sizeof(rests_ms[0])) - 1;
	int64_t now_ns = engine_now_ns();
	bool soon = now_ns - o->started_ns < SOON_NS;
	bool again = o->started_ns - o->rest_ns < SOON_NS;
	o->dry = soon ? (again ? o->dry + 1 : 1) : 0;
	o->dry_ns = o->dry <= 1 ? now_ns : o->dry_ns;
	o->rest_ns =
		soon ? now_ns + rests_ms[o->dry < last ? o->dry : last] * 1000000LL : 0;
	if (soon && (o->doubted || now_ns - o->dry_ns > DRY_NS)) {
		return error_set(err, EPIPE,
				 "'%s' runs dry right after each start; check the card "
				 "and its cable",
				 o->config->pcm);
	}
	return stand(o, err);
}

/* What sounds is kept in step; nothing is changed that has been mixed. */
static void follow(struct output *o, int64_t heard, int64_t at_ns, int64_t now_ns) {
	o->reported_ns = now_ns;
	if (!timeline_report(&o->timeline, heard, at_ns)) {
		return;
	}
	if (voices_sounding(o)) {
		(void)drift_follow(&o->drift, &o->timeline, heard, voices_unmixed_d(o),
				   &o->slews);
	} else {
		drift_forget(&o->drift);
	}
}

static int look(struct output *o, int64_t now_ns, struct error *err) {
	struct pcm_status st = {.state = PCM_READY};
	int rc = pcm_status(o->device, &st, err);
	o->look_ns = now_ns;
	if (rc < 0 || !o->started) {
		return rc;
	}
	if (st.state != PCM_RUNNING) {
		return run_dry(o, err);
	}
	int64_t heard = o->written - st.delay;
	if (heard > o->heard || o->moved_ns == 0) {
		o->heard = heard;
		o->moved_ns = now_ns;
	} else if (now_ns - o->moved_ns > STALLED_NS) {
		return error_set(
			err, ETIMEDOUT,
			"'%s' has stopped taking sound; check the card and its cable",
			o->config->pcm);
	}
	if (o->doubted && timeline_ns(o->heard - o->begun_d, o->device->rate) >=
				  SOON_NS << o->relapses) {
		tell_well(o);
	}
	o->queued = st.queued;
	follow(o, heard, st.at_ns, now_ns);
	atomic_store_explicit(&o->zero_ns, timeline_ns_of_frame(&o->timeline, 0),
			      memory_order_relaxed);
	return 0;
}

/* ---- writing ---- */

static float *plane_of(const struct output *o, int channel) {
	return o->planes + (size_t)channel * (size_t)o->block;
}

static void render_strip(struct output *o, struct strip *s, int64_t n, uint32_t *used) {
	const struct pcm *p = o->device;
	/* Straight into its channel where it is the first there. */
	int first = s->channels != 0 ? __builtin_ctz(s->channels) : p->channels;
	bool shared = first >= p->channels || (*used & 1U << first) != 0;
	float *own = plane_of(o, shared ? p->channels : first);
	bool sounds = strip_render(s, o->voices, o->written, n, own);
	voices_tape(o, s->zone, sounds ? own : NULL, n);
	if (!sounds) {
		return;
	}
	for (int c = 0; c < p->channels; c++) {
		uint32_t bit = 1U << c;
		float *plane = plane_of(o, c);
		if ((s->channels & bit) == 0) {
			continue;
		}
		if ((*used & bit) != 0) {
			mix_add(plane, own, (size_t)n);
		} else if (plane != own) {
			memcpy(plane, own, (size_t)n * sizeof(*plane));
		}
		*used |= bit;
	}
}

/* Renders n frames, a block at most, to `to` in the device's format. */
static void render_block(struct output *o, int64_t n, void *to) {
	const struct pcm *p = o->device;
	uint32_t used = 0;
	for (struct strip *s = o->strips; s != NULL; s = s->next) {
		render_strip(o, s, n, &used);
	}
	memset(to, 0, (size_t)n * (size_t)p->channels * mix_format_bytes(p->format));
	for (int c = 0; c < p->channels; c++) {
		if ((used & 1U << c) != 0) {
			mix_write(p->format, plane_of(o, c), (size_t)n, c, p->channels,
				  to, &o->dither[c]);
		}
	}
	o->written += n;
}

/* Renders and writes up to n frames, a batch at most; returns how many the device took.
 * What it did not take is rendered anew. */
static int write_batch(struct output *o, int64_t n, struct error *err) {
	const struct pcm *p = o->device;
	size_t frame_bytes = (size_t)p->channels * mix_format_bytes(p->format);
	int64_t from = o->written;
	while (o->written - from < n) {
		int64_t done = o->written - from;
		render_block(o, n - done < o->block ? n - done : o->block,
			     (char *)o->frames + (size_t)done * frame_bytes);
	}
	int done = pcm_write(o->device, o->frames, n, err);
	o->written = from + (done > 0 ? done : 0);
	o->queued += done > 0 ? done : 0;
	return done;
}

/* How much of n frames to write now: no more than what is queued lasts, for after much
 * was taken back the device reads close behind; what the rings have, and of what they
 * have not no more than the device needs to run on; 0: wait. */
static int64_t portion(struct output *o, int64_t n) {
	int64_t least = frames_of_ms(o, MORSEL_MS);
	int64_t lasts = o->queued > least ? o->queued : least;
	n = n < lasts || !o->started ? n : lasts;
	int64_t ready = voices_ready(o, n);
	if (ready >= n) {
		return n;
	}
	o->hungry = true;
	int64_t spare = o->queued - frames_of_ms(o, CRITICAL_MS);
	if (spare >= 0) {
		return ready >= least ? ready : 0;
	}
	return ready > 0 ? ready : (n < -spare ? n : -spare);
}

/* 1: it ran dry, and stands. */
static int fill(struct output *o, int64_t to, struct error *err) {
	o->hungry = false;
	while (o->queued < to) {
		int64_t most = BATCH * o->block;
		int64_t n = portion(o, to - o->queued < most ? to - o->queued : most);
		if (n == 0) {
			return 0;
		}
		int done = write_batch(o, n, err);
		if (done == -EPIPE) {
			int rc = run_dry(o, err);
			return rc < 0 ? rc : 1;
		}
		if (done <= 0) {
			return done;
		}
	}
	return 0;
}

static int start(struct output *o, struct error *err) {
	int64_t first = frames_of_ms(o, FIRST_MS);
	first = first > o->device->shallow_frames ? first : o->device->shallow_frames;
	o->started_ns = engine_now_ns();
	o->begun_d = o->written;
	int rc = fill(o, first < depth(o) ? first : depth(o), err);
	rc = rc != 0 ? rc : pcm_start(o->device, err);
	if (rc != 0) {
		return rc;
	}
	int64_t now_ns = engine_now_ns();
	o->started = true;
	o->started_ns = now_ns;
	o->moved_ns = now_ns;
	o->sounded_ns = now_ns;
	timeline_forget(&o->timeline);
	drift_forget(&o->drift);
	return look(o, now_ns, err);
}

/* A voice is due soon enough for the device to run; or silence shows whether it does. */
static bool start_wanted(const struct output *o, int64_t now_ns) {
	if (now_ns < o->rest_ns) {
		return false;
	}
	if (o->doubted || voices_sounding(o)) {
		return true;
	}
	for (const struct voice *v = o->voices; v != NULL; v = v->next) {
		if (v->phase == VOICE_WAITING && v->in_step) {
			return true;
		}
	}
	return voices_wake_ns(o, now_ns) <= now_ns;
}

static int serve(struct output *o, int64_t now_ns, struct error *err) {
	int rc = 0;
	if (o->started || now_ns - o->look_ns >= LOOK_NS) {
		rc = look(o, now_ns, err);
	}
	if (rc < 0) {
		return rc;
	}
	voices_settle(o, now_ns);
	if (!o->started && start_wanted(o, now_ns)) {
		rc = start(o, err);
		if (rc < 0) {
			return rc;
		}
		voices_settle(o, engine_now_ns());
	}
	if (!o->started) {
		return 0;
	}
	bool sounding = voices_sounding(o);
	o->sounded_ns = sounding || o->voices != NULL ? now_ns : o->sounded_ns;
	if (!sounding && !o->doubted && now_ns - o->sounded_ns > LINGER_NS) {
		return stand(o, err);
	}
	voices_tell_slack(o);
	/* Woken for a report alone: to write a little more is not worth it. */
	if (!o->hungry && o->queued * 2 > depth(o)) {
		return 0;
	}
	return fill(o, depth(o), err);
}

/* ---- commands ---- */

static void take_zone(struct output *o, const struct command *c) {
	struct strip *s = c->strip;
	struct error err = {0};
	if (s != NULL) {
		s->next = o->strips;
		o->strips = s;
	} else {
		s = voices_strip(o, c->zone);
	}
	strip_set_gains(s, mix_gain_of_db(c->gain_db), mix_gain_of_db(c->urgent_gain_db));
	s->channels = c->channels;
	if (o->device != NULL && prepare_strip(o, s, &err) < 0) {
		fail(o, &err);
	}
}

static void take_zone_remove(struct output *o, int64_t zone, const char *why) {
	struct strip **at = &o->strips;
	while (*at != NULL && (*at)->zone != zone) {
		at = &(*at)->next;
	}
	voices_fail(o, zone, INT64_MAX, why);
	struct strip *s = *at;
	if (s != NULL) {
		*at = s->next;
		s->next = o->leaving_strips;
		o->leaving_strips = s;
	}
}

static void take_config(struct output *o, struct output_config *config) {
	close_device(o);
	output_config_free(o->config);
	o->config = config;
	o->failures = 0;
	o->doubted = false;
	o->relapses = 0;
	o->dry = 0;
	o->rest_ns = 0;
	o->retry_ns = 0;
	o->fault[0] = '\0';
}

static void take_command(struct output *o, const struct command *c) {
	switch (c->kind) {
	case COMMAND_TAP:
		voices_take(o, c->tap);
		break;
	case COMMAND_ZONE:
		take_zone(o, c);
		break;
	case COMMAND_ZONE_REMOVE:
		take_zone_remove(o, c->zone, "the zone was removed");
		break;
	case COMMAND_CONFIG:
		take_config(o, c->config);
		break;
	case COMMAND_TRACK:
	case COMMAND_TRACK_CLOSE:
	case COMMAND_WATCH:
	case COMMAND_UNWATCH:
		assert(c->kind == COMMAND_TAP); /* the others are the reader's */
	}
}

static void take_commands(struct output *o) {
	struct command c;
	int n = 0;
	while (queue_pop(&o->mail.commands, &c)) {
		take_command(o, &c);
		n++;
	}
	/* The core may have more that did not fit. */
	if (n >= 64) {
		engine_wake(o->mail.notes_fd);
	}
}

static bool flush(struct output *o) {
	bool all = voices_flush(o);
	if (o->report_due) {
		struct note note = {.kind = NOTE_EVENT, .output = o, .event = o->report};
		o->report_due = !mailbox_tell(&o->mail, &note);
	}
	while (o->leaving_strips != NULL) {
		struct strip *s = o->leaving_strips;
		struct note note = {.kind = NOTE_STRIP_LEFT, .strip = s};
		struct strip *next = s->next;
		if (!mailbox_tell(&o->mail, &note)) {
			return false;
		}
		o->leaving_strips = next;
	}
	return all && !o->report_due;
}

/* ---- the thread ---- */

/* When to look again at the latest. */
static int64_t next_wake_ns(const struct output *o, int64_t now_ns, bool flushed) {
	int64_t wake_ns = flushed ? INT64_MAX : now_ns + 20000000;
	int64_t by_ns = voices_wake_ns(o, now_ns);
	if (o->device == NULL) {
		/* What is due before that fails when it is due, not later. */
		int64_t due_ns = o->fault[0] != '\0' ? voices_due_ns(o) : INT64_MAX;
		by_ns = o->retry_ns < due_ns ? o->retry_ns : due_ns;
	} else if (!o->started) {
		by_ns = by_ns < o->look_ns + LOOK_NS ? by_ns : o->look_ns + LOOK_NS;
		by_ns = by_ns > o->rest_ns ? by_ns : o->rest_ns;
	} else {
		int64_t low = depth(o) * 3 / 10;
		int64_t left = o->queued > low ? o->queued - low : 0;
		int64_t fill_ns = now_ns + timeline_ns(left, o->device->rate);
		/* On a beat that all outputs keep: to wake up together costs less. */
		fill_ns -= left > 0 ? fill_ns % BEAT_NS : 0;
		int64_t hungry_ns =
			now_ns + (voices_live(o) ? HUNGRY_LIVE_NS : HUNGRY_NS);
		/* Little is queued for as long as a call goes on: that is no haste. */
		bool enough = o->queued > frames_of_ms(o, 2 * CRITICAL_MS);
		fill_ns = o->hungry && (enough || hungry_ns < fill_ns) ? hungry_ns
								       : fill_ns;
		int64_t wanted_ns = timeline_wanted_ns(&o->timeline);
		if (wanted_ns < fill_ns - o->reported_ns) {
			fill_ns = o->reported_ns + wanted_ns;
		}
		/* What lies behind now was looked at just now. */
		by_ns = by_ns > now_ns && by_ns < fill_ns ? by_ns : fill_ns;
	}
	/* Whatever is the matter, others get the processor too. */
	by_ns = by_ns > now_ns + LEAST_NS ? by_ns : now_ns + LEAST_NS;
	wake_ns = by_ns < wake_ns ? by_ns : wake_ns;
	return o->quit_ns != 0 && o->quit_ns < wake_ns ? o->quit_ns : wake_ns;
}

static void sleep_until(struct output *o, int64_t wake_ns) {
	int64_t now_ns = engine_now_ns();
	int64_t rest_ns = wake_ns > now_ns ? wake_ns - now_ns : 0;
	struct timespec rest = {.tv_sec = rest_ns / 1000000000LL,
				.tv_nsec = rest_ns % 1000000000LL};
	struct pollfd fd = {.fd = o->mail.wake_fd, .events = POLLIN};
	if (ppoll(&fd, 1, wake_ns == INT64_MAX ? NULL : &rest, NULL) > 0) {
		engine_drain(o->mail.wake_fd);
	}
}

/* Ordered to quit it cuts what sounds, and ends when that is over. */
static bool may_quit(struct output *o, int64_t now_ns) {
	if (atomic_load_explicit(&o->quit, memory_order_acquire) == QUIT_NOT) {
		return false;
	}
	if (o->quit_ns == 0) {
		o->quit_ns = now_ns + QUIT_NS;
		voices_cut(o, ENGINE_RAMP_MS);
	}
	return now_ns >= o->quit_ns || o->device == NULL || o->voices == NULL;
}

static void leave(struct output *o) {
	const char *why = voices_quit_words(o);
	voices_fail(o, 0, INT64_MAX, why);
	close_device(o);
	while (o->strips != NULL) {
		take_zone_remove(o, o->strips->zone, why);
	}
	output_config_free(o->config);
	o->config = NULL;
	(void)flush(o);
	/* What found no room now the core takes from our lists. */
	atomic_store_explicit(&o->exited, true, memory_order_release);
	engine_wake(o->mail.notes_fd);
}

void *output_run(void *output) {
	struct output *o = output;
	char name[16];
	snprintf(name, sizeof(name), "output %lld", (long long)(o->id % 10000000));
	o->urgent_error = engine_be_urgent(name, ENGINE_PRIORITY_OUTPUT);
	for (;;) {
		take_commands(o);
		int64_t now_ns = engine_now_ns();
		if (may_quit(o, now_ns)) {
			break;
		}
		if (o->device == NULL && now_ns >= o->retry_ns) {
			open_device(o);
			now_ns = engine_now_ns();
		}
		struct error err = {0};
		if (o->device == NULL) {
			voices_settle(o, now_ns);
			if (o->fault[0] != '\0') {
				voices_fail_lost(o, now_ns, o->fault);
			}
		} else if (serve(o, now_ns, &err) < 0) {
			fail(o, &err);
		}
		voices_report(o, now_ns);
		bool flushed = flush(o);
		int64_t wake_ns = next_wake_ns(o, engine_now_ns(), flushed);
		atomic_store_explicit(&o->beat_ns, wake_ns, memory_order_relaxed);
		sleep_until(o, wake_ns);
		/* It may look stuck from now on only. */
		atomic_store_explicit(&o->beat_ns, engine_now_ns(), memory_order_relaxed);
	}
	leave(o);
	return NULL;
}
