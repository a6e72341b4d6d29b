/* fake_engine.c - the engine of the fake box (see fake_engine.h): jobs that sound by its
 * clock, in zones that are numbers. */
#include "fake_engine.h"

#include "audio/jitter.h"
#include "audio/tally.h"
#include "daemon/relays.h"
#include "base/str.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define JOBS_MAX 256
#define ZONES_MAX 256
#define ENGINE_JOBS_MAX 64 /* as the real one */
#define EVENTS_MAX 1024
#define SAYS_MAX 16
#define LIVE_US (1LL << 50)   /* of a live job, until its end is known */
#define LIVE_TAIL_US 100000LL /* heard after that */
#define WRITTEN_US 20000LL    /* so much of a job is with the device for good */

struct fake_job {
	int64_t id;
	int64_t zone;
	int64_t start_us;
	int64_t end_us;
	int64_t from_ms;
	double gain_db;
	double begun_db;
	bool started;
	bool stopped; /* fading, or too near its end for that; over at end_us */
	bool cut;     /* it ends as that */
	bool urgent;
	bool astray;         /* the clock was set while it sounded */
	char says[SAYS_MAX]; /* its parts, "CC_TA" */
	struct jitter *live; /* a live job: it sounds until that ends */
	struct tally *tally; /* of what it relays; NULL */
};

static struct fake_job jobs[JOBS_MAX];
static size_t n_jobs;
static struct engine_event events[EVENTS_MAX];
static size_t first_event;
static size_t n_events;
static size_t starts;
static const char *broken;
static int64_t broken_zone; /* 0: all */
static bool stalled;        /* the core does not come round */
static const struct fake_box *box;
static double gains_db[ZONES_MAX];
static double urgent_gains_db[ZONES_MAX];

static void event_add(const struct engine_event *event) {
	assert_true(first_event + n_events < EVENTS_MAX);
	events[first_event + n_events++] = *event;
}

int engine_next_event(struct engine *e, struct engine_event *ret) {
	(void)e;
	if (n_events == 0) {
		first_event = 0;
		return 0;
	}
	*ret = events[first_event++];
	n_events--;
	return 1;
}

int engine_event_fd(const struct engine *e) {
	(void)e;
	return -1;
}

int engine_output_set(struct engine *e, const struct engine_output *output,
		      struct error *err) {
	(void)e;
	(void)output;
	(void)err;
	return 0;
}

void engine_output_remove(struct engine *e, int64_t output) {
	(void)e;
	(void)output;
}

/* Where each zone is; one that moves leaves its jobs behind, as in the real engine. */
static int64_t outputs[ZONES_MAX];
static int leads_ms[ZONES_MAX];
static int64_t late_us[ZONES_MAX]; /* by which what ends there does so */

static void job_end(size_t i, enum engine_end end, const char *text);

/* ---- what is relayed ---- */

struct relay {
	int refs;
	struct jitter *jitter;
};

static size_t relays_there;
static int64_t missing_ms; /* of what every job relays */
static int64_t fallback_ms;
static int64_t unread_ms;
static const char *relay_wrong;
static bool relay_wrong_before; /* before any run had it, and no more */

int relays_take(struct relays *r, enum part_kind kind, const char *name,
		struct relay **ret, struct error *err) {
	struct jitter_config config = {
		.rate = 48000, .least_ms = 10, .most_ms = 100, .speed_ppm = 500};
	struct relay *relay = calloc(1, sizeof(*relay));
	(void)r;
	assert_true(part_relayed(kind));
	assert_non_null(name);
	assert_non_null(relay);
	assert_int_equal(jitter_new(&config, &relay->jitter, err), 0);
	relays_there++;
	*ret = relay;
	return 0;
}

void relay_give(struct relay *relay) {
	if (relay != NULL) {
		relays_there--;
		jitter_unref(relay->jitter);
		free(relay);
	}
}

struct jitter *relay_jitter(const struct relay *relay) {
	return relay->jitter;
}

int64_t relay_said(const struct relay *relay) {
	(void)relay;
	return relay_wrong_before ? 1 : 0;
}

const char *relay_words(const struct relay *relay, int64_t said) {
	(void)relay;
	return said < 1 ? relay_wrong : "";
}

size_t fake_box_relays(void) {
	return relays_there;
}

void fake_box_relay_lacks(int64_t missing, int64_t fallback, const char *words) {
	missing_ms = missing;
	fallback_ms = fallback;
	unread_ms = 0;
	relay_wrong = words;
	relay_wrong_before = false;
}

void fake_box_fallback_unread(int64_t unread) {
	unread_ms = unread;
}

void fake_box_relay_was_wrong(const char *words) {
	relay_wrong = words;
	relay_wrong_before = true;
}

int engine_zone_set(struct engine *e, const struct engine_zone *zone, struct error *err) {
	(void)e;
	(void)err;
	assert_true(zone->id < ZONES_MAX);
	for (size_t i = n_jobs; i-- > 0 && outputs[zone->id] != zone->output;) {
		if (jobs[i].zone == zone->id) {
			job_end(i, ENGINE_END_FAILED, "the zone was removed");
		}
	}
	outputs[zone->id] = zone->output;
	gains_db[zone->id] = zone->gain_db;
	urgent_gains_db[zone->id] = zone->urgent_gain_db;
	leads_ms[zone->id] = zone->lead_ms;
	return 0;
}

void fake_box_end_late(int64_t zone, int64_t us) {
	late_us[zone] = us;
}

double fake_box_gain_db(int64_t zone) {
	for (size_t i = 0; i < n_jobs; i++) {
		if (jobs[i].started && !jobs[i].stopped && jobs[i].zone == zone) {
			return jobs[i].gain_db +
			       (jobs[i].urgent ? urgent_gains_db[zone] : gains_db[zone]);
		}
	}
	return -INFINITY;
}

void engine_zone_remove(struct engine *e, int64_t zone) {
	(void)e;
	(void)zone;
}

static int64_t length_us(const struct job *job) {
	int64_t ms = 0;
	for (size_t i = 0; i < job->n_parts; i++) {
		const struct job_part *part = &job->parts[i];
		ms += part->kind == JOB_PART_SILENCE ? part->silence_ms
		      : part->kind == JOB_PART_RELAY ? part->frames / 48
						     : 1000;
	}
	return 1000 * (ms * job->repeat + job->gap_ms * (job->repeat - 1));
}

/* One job has an entry for each zone, in a row or where another was put in its place. */
static size_t count_jobs(void) {
	size_t n = 0;
	for (size_t i = 0; i < n_jobs; i++) {
		size_t k = 0;
		while (jobs[k].id != jobs[i].id) {
			k++;
		}
		n += k == i;
	}
	return n;
}

static void what_it_says(const struct job *job, char ret[SAYS_MAX]) {
	size_t n = 0;
	for (size_t i = 0; i < job->n_parts && n + 1 < SAYS_MAX; i++) {
		enum job_part_kind kind = job->parts[i].kind;
		ret[n++] = kind == JOB_PART_CHIME     ? 'C'
			   : kind == JOB_PART_SILENCE ? '_'
			   : kind == JOB_PART_LIVE    ? 'L'
			   : kind == JOB_PART_RELAY   ? 'R'
						      : 'W';
	}
	ret[n] = '\0';
}

/* As soon as can be: now, and when the longest lead of its zones is over. */
static int64_t soonest_us(const struct job *job) {
	int most_ms = 0;
	for (size_t i = 0; i < job->n_zones; i++) {
		int lead_ms = leads_ms[job->zones[i]];
		most_ms = lead_ms > most_ms ? lead_ms : most_ms;
	}
	return box->now_us + most_ms * 1000LL;
}

int engine_submit(struct engine *e, struct job *job, struct error *err) {
	(void)e;
	if (count_jobs() >= ENGINE_JOBS_MAX) {
		job_free(job);
		return error_set(err, EBUSY, "too many jobs");
	}
	for (size_t i = 0; i < job->n_zones; i++) {
		assert_true(n_jobs < JOBS_MAX);
		int64_t start_us = clock_realtime_us_at(job->start_ns);
		start_us = start_us < soonest_us(job) ? soonest_us(job) : start_us;
		int64_t left_us = length_us(job) - job->from_ms * 1000;
		jobs[n_jobs++] = (struct fake_job){
			.id = job->id,
			.zone = job->zones[i],
			.start_us = start_us,
			.end_us = start_us + (left_us > 0 ? left_us : 0) +
				  late_us[job->zones[i]],
			.from_ms = job->from_ms,
			.urgent = job->urgent,
			.gain_db = job->gains_db[i],
			.begun_db = job->gains_db[i],
		};
		what_it_says(job, jobs[n_jobs - 1].says);
		for (size_t k = 0; k < job->n_parts; k++) {
			struct tally *tally = job->parts[k].tally;
			if (tally != NULL && jobs[n_jobs - 1].tally == NULL) {
				jobs[n_jobs - 1].tally = tally_ref(tally);
			}
		}
		if (job->n_parts > 0 && job->parts[0].kind == JOB_PART_LIVE) {
			jobs[n_jobs - 1].live = jitter_ref(job->parts[0].jitter);
			jobs[n_jobs - 1].end_us = start_us + LIVE_US;
		}
	}
	job_free(job);
	return 0;
}

/* Its zones share the tally, and the one that has heard most counts. */
static void count_relayed(const struct fake_job *job) {
	struct tally_count now;
	if (job->tally == NULL || !job->started) {
		return;
	}
	tally_read(job->tally, &now);
	int64_t relayed = (box->now_us - job->start_us) / 1000 * 48;
	struct tally_count more = {
		.relayed = relayed > now.relayed ? relayed - now.relayed : 0,
		.missing = missing_ms * 48 - now.missing,
		.fallback = fallback_ms * 48 - now.fallback,
		.unread = unread_ms * 48 - now.unread};
	tally_add(job->tally, &more);
}

static void job_end(size_t i, enum engine_end end, const char *text) {
	struct engine_event event = {.kind = ENGINE_JOB_ENDED,
				     .job = jobs[i].id,
				     .zone = jobs[i].zone,
				     .end = end,
				     .lost = end == ENGINE_END_FAILED && broken != NULL};
	event.at_ns = clock_mono_ns();
	if (jobs[i].started) {
		event.played_ms = (box->now_us - jobs[i].start_us) / 1000;
		event.place_ms = jobs[i].from_ms + event.played_ms;
		if (!jobs[i].astray && box->on_heard != NULL) {
			box->on_heard(jobs[i].zone, jobs[i].start_us, box->now_us);
		}
	}
	str_copy(event.text, sizeof(event.text), text);
	count_relayed(&jobs[i]);
	tally_unref(jobs[i].tally);
	jitter_unref(jobs[i].live);
	jobs[i] = jobs[--n_jobs];
	event_add(&event);
}

void engine_stop(struct engine *e, int64_t job, int64_t zone, int ramp_ms) {
	(void)e;
	for (size_t i = n_jobs; i-- > 0;) {
		if (jobs[i].id != job || (zone != 0 && jobs[i].zone != zone)) {
			continue;
		}
		int64_t end_us = box->now_us + 1000LL * ramp_ms;
		if (!jobs[i].started) {
			job_end(i, ENGINE_END_CUT, "");
		} else if (!jobs[i].stopped) {
			jobs[i].stopped = true;
			jobs[i].cut = jobs[i].end_us > box->now_us + WRITTEN_US;
			jobs[i].end_us =
				end_us < jobs[i].end_us ? end_us : jobs[i].end_us;
		}
	}
}

void engine_gain(struct engine *e, int64_t job, int64_t zone, double gain_db,
		 int ramp_ms) {
	(void)e;
	assert_in_range(ramp_ms, 50, 300);
	for (size_t i = 0; i < n_jobs; i++) {
		if (jobs[i].id == job && (zone == 0 || jobs[i].zone == zone)) {
			jobs[i].gain_db = gain_db;
		}
	}
}

/* Two in one zone at once would be two horns talking over each other, but for one that
 * is soft beneath the other. */
static void check_alone(int64_t zone) {
	size_t loud = 0;
	size_t soft = 0;
	for (size_t i = 0; i < n_jobs; i++) {
		if (jobs[i].started && !jobs[i].stopped && jobs[i].zone == zone) {
			loud += jobs[i].gain_db >= 0.0;
			soft += jobs[i].gain_db < 0.0;
		}
	}
	assert_true(stalled || (loud <= 1 && soft <= 1));
}

size_t fake_box_heard(int64_t zone, struct fake_sound ret[FAKE_SOUNDS]) {
	size_t n = 0;
	for (size_t i = 0; i < n_jobs; i++) {
		if (jobs[i].started && !jobs[i].stopped && jobs[i].zone == zone) {
			assert_true(n < FAKE_SOUNDS);
			ret[n++] = (struct fake_sound){
				.place_ms = jobs[i].from_ms +
					    (box->now_us - jobs[i].start_us) / 1000,
				.left_ms = (jobs[i].end_us - box->now_us) / 1000,
				.gain_db = jobs[i].gain_db,
				.begun_db = jobs[i].begun_db,
			};
		}
	}
	return n;
}

int64_t fake_engine_next_us(void) {
	int64_t next = INT64_MAX;
	for (size_t i = 0; i < n_jobs; i++) {
		int64_t at = jobs[i].started ? jobs[i].end_us : jobs[i].start_us;
		next = at < next ? at : next;
	}
	return next;
}

/* What was said of a call that is over is heard to its end. */
static void end_live(void) {
	for (size_t i = 0; i < n_jobs; i++) {
		struct jitter_facts facts = {0};
		if (jobs[i].live != NULL && !jobs[i].stopped) {
			jitter_facts(jobs[i].live, &facts);
		}
		if (facts.ended && jobs[i].end_us > box->now_us + LIVE_TAIL_US) {
			jobs[i].end_us = box->now_us + LIVE_TAIL_US;
		}
	}
}

void fake_engine_turn(void) {
	end_live();
	for (size_t i = n_jobs; i-- > 0;) {
		count_relayed(&jobs[i]);
		if (broken != NULL && (broken_zone == 0 || broken_zone == jobs[i].zone)) {
			job_end(i, ENGINE_END_FAILED, broken);
		} else if (jobs[i].started && jobs[i].end_us <= box->now_us) {
			job_end(i, jobs[i].cut ? ENGINE_END_CUT : ENGINE_END_PLAYED, "");
		} else if (!jobs[i].started && jobs[i].start_us <= box->now_us) {
			jobs[i].started = true;
			check_alone(jobs[i].zone);
			starts++;
			struct engine_event event = {
				.kind = ENGINE_JOB_STARTED,
				.job = jobs[i].id,
				.zone = jobs[i].zone,
				.at_ns = clock_mono_ns_at(jobs[i].start_us),
			};
			event_add(&event);
		}
	}
}

size_t fake_box_starts(void) {
	return starts;
}

const char *fake_box_says(int64_t zone) {
	for (size_t i = 0; i < n_jobs; i++) {
		if (jobs[i].started && !jobs[i].stopped && jobs[i].zone == zone) {
			return jobs[i].says;
		}
	}
	return "";
}

size_t fake_box_sounding(void) {
	size_t n = 0;
	for (size_t i = 0; i < n_jobs; i++) {
		n += jobs[i].started;
	}
	return n;
}

void fake_box_break_output(const char *words) {
	broken = words;
	broken_zone = 0;
}

void fake_box_break_card(int64_t zone, const char *words) {
	AUTO(zone_done) struct zone row = {0};
	struct error err = {0};
	assert_int_equal(store_zone_get(box->store, zone, &row, &err), 0);
	broken = words;
	broken_zone = zone;
	struct engine_event event = {
		.kind = words != NULL ? ENGINE_OUTPUT_FAULT : ENGINE_OUTPUT_OK,
		.output = row.output,
		.at_ns = clock_mono_ns(),
	};
	str_copy(event.text, sizeof(event.text), words != NULL ? words : "plays");
	event_add(&event);
}

/* ---- amplifiers ---- */

static const char *const amplifier_names[] = {"hall", "tower"};
static int64_t needed_from_ns[2];

size_t amplifiers_count(const struct amplifiers *a) {
	(void)a;
	return 2;
}

const char *amplifiers_name(const struct amplifiers *a, size_t i) {
	(void)a;
	return amplifier_names[i];
}

void amplifiers_need(struct amplifiers *a, size_t i, int64_t from_ns) {
	(void)a;
	needed_from_ns[i] = from_ns;
}

bool fake_box_amplified(size_t i) {
	return needed_from_ns[i] <= clock_mono_ns();
}

/* ---- driven by the box ---- */

void fake_engine_start(const struct fake_box *of) {
	box = of;
	fake_engine_forget();
	starts = 0;
	stalled = false;
	broken = NULL;
	broken_zone = 0;
	memset(late_us, 0, sizeof(late_us));
	fake_box_relay_lacks(0, 0, "");
}

void fake_engine_forget(void) {
	while (n_jobs > 0) {
		jitter_unref(jobs[--n_jobs].live);
		tally_unref(jobs[n_jobs].tally);
	}
	n_jobs = n_events = first_event = 0;
}

bool fake_engine_has_events(void) {
	return n_events > 0;
}

void fake_engine_stall(bool stalled_now) {
	stalled = stalled_now;
}

void fake_engine_step(int64_t us) {
	for (size_t i = 0; i < n_jobs; i++) { /* sound goes on by the monotonic clock */
		jobs[i].start_us += us;
		jobs[i].end_us += us;
		jobs[i].astray = jobs[i].astray || us != 0;
	}
}
