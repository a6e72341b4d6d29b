/* alerts.c - which alerts are in force, and when each sounds (see alerts.h).
 *
 * One timer, at the earliest moment anything has to be done, and at least every second,
 * so that a clock that was set is noticed. Waking does the same whatever woke it: each
 * alert is looked at, and moved on where its time has come. */
#include "alerts_internal.h"

#include "base/str.h"
#include "log.h"

#include <stdio.h>
#include <string.h>

#define LATE_NS (3 * NS_PER_S)      /* behind the attention chime */
#define FADING_NS (100 * NS_PER_MS) /* looked at again, where its end is not told */
#define WRITE_AGAIN_NS (10 * NS_PER_S)
#define TICK_NS NS_PER_S
#define STEP_US 2000000 /* a default expiry is moved where the clock jumped by more */

struct force *alerts_force(const struct alerts *a, int64_t id) {
	struct force *f = a->forces;
	while (f != NULL && f->alert.id != id) {
		f = f->next;
	}
	return f;
}

void alerts_turn_soon(struct alerts *a) {
	if (a->soon != NULL) {
		loop_defer_arm(a->soon);
	}
}

bool force_active(const struct force *f) {
	return f->alert.state == ALERT_ACTIVE;
}

void force_tell(struct alerts *a, const struct force *f) {
	if (a->config.on_alert != NULL) {
		a->config.on_alert(a->config.ctx, &f->alert);
	}
}

static void force_free(struct force *f) {
	alert_done(&f->alert);
	ids_done(&f->only);
	ids_done(&f->again);
	ids_done(&f->failed);
	ids_done(&f->gone);
	ids_done(&f->back);
	free(f);
}

static bool ranks_above(const struct alert *a, const struct alert *b) {
	if (a->drill != b->drill) {
		return b->drill;
	}
	if (a->severity != b->severity) {
		return a->severity > b->severity;
	}
	return a->level != b->level ? a->level > b->level : a->id < b->id;
}

struct force *alerts_force_new(struct alerts *a, struct alert *alert) {
	struct force *f = calloc(1, sizeof(*f));
	if (f == NULL) {
		return NULL;
	}
	f->alert = *alert;
	*alert = (struct alert){0};
	snprintf(f->source, sizeof(f->source), "alert %lld", (long long)f->alert.id);
	f->phase = PHASE_GAP;
	struct force **at = &a->forces;
	while (*at != NULL && ranks_above(&(*at)->alert, &f->alert)) {
		at = &(*at)->next;
	}
	f->next = *at;
	*at = f;
	return f;
}

/* ---- its record ---- */

static void record_fault(struct alerts *a, struct force *f, const char *text) {
	char source[FAULT_SOURCE_SIZE];
	snprintf(source, sizeof(source), "alert %lld record", (long long)f->alert.id);
	if (text == NULL) {
		faults_clear(a->config.faults, source);
		return;
	}
	char words[FAULT_TEXT_SIZE];
	snprintf(words, sizeof(words),
		 "alert %lld is not on disk (%.140s): it sounds, and a restart would "
		 "forget it",
		 (long long)f->alert.id, text);
	faults_set(a->config.faults, source, words, clock_now_us());
}

static void record_failed(struct alerts *a, struct force *f, const struct error *err) {
	f->dirty = true;
	f->alert.on_disk = false;
	f->write_ns = clock_mono_ns() + WRITE_AGAIN_NS;
	record_fault(a, f, err->text);
}

void force_record(struct alerts *a, struct force *f) {
	struct error err = {0};
	int rc = f->row ? store_alert_change(a->config.store, &f->alert, &err)
			: store_alert_add(a->config.store, &f->alert, &err);
	if (rc < 0) {
		record_failed(a, f, &err);
		return;
	}
	f->row = true;
	f->dirty = false;
	f->alert.on_disk = true;
	record_fault(a, f, NULL);
}

static void record_lost(struct alerts *a, struct force *f, const struct error *err) {
	if (f->fresh) {
		f->row = false;
		director_sounding_lost(a->config.director, f->last_run);
	}
	f->fresh = false;
	record_failed(a, f, err);
}

static void lose(struct alerts *a, int64_t id, const struct error *err) {
	struct force *f = alerts_force(a, id);
	while (f != NULL) {
		record_lost(a, f, err);
		f = alerts_force(a, f->alert.updates);
	}
	alerts_turn_soon(a);
}

void alerts_lost(struct alerts *a, int64_t id) {
	struct error err = {0};
	error_set(&err, ENOSPC, "the disk did not take it");
	lose(a, id, &err);
}

bool alerts_together(struct alerts *a) {
	return store_begin(a->config.store, NULL) >= 0;
}

void alerts_together_end(struct alerts *a, bool joined, int64_t id) {
	struct error err = {0};
	if (joined && store_commit(a->config.store, &err) < 0) {
		log_err("alert %lld: %s", (long long)id, err.text);
		lose(a, id, &err);
	}
	struct force *f = alerts_force(a, id);
	if (joined && f != NULL) {
		f->fresh = false;
	}
}

/* ---- one sounding ---- */

static void fault(struct alerts *a, struct force *f, const char *what, const char *why) {
	char words[FAULT_TEXT_SIZE];
	char title[ALERT_TITLE_SIZE];
	alert_title(&f->alert, title);
	snprintf(words, sizeof(words), "alert %lld '%.60s': %s (%.100s)",
		 (long long)f->alert.id, title, what, why);
	faults_set(a->config.faults, f->source, words, clock_now_us());
}

static void send(struct alerts *a, struct force *f, enum sounding what) {
	struct error err = {0};
	if (force_send(a, f, what, &err) < 0) {
		fault(a, f, "nothing sounds", err.text);
	}
}

void force_begin(struct alerts *a, struct force *f) {
	f->began_ns = clock_mono_ns();
	f->played = false;
	f->stopped = false;
	f->owed = false;
	f->last_used = false;
	ids_done(&f->again);
	ids_done(&f->failed);
	ids_done(&f->back);
	if (force_words_ready(a, f)) {
		f->phase = PHASE_WORDS;
		send(a, f, SOUNDING_FULL);
		return;
	}
	/* Once is once, but for the words, which are owed. */
	bool silent =
		!force_drill_ready(a, f) || (f->alert.repeat_every_s == 0 && f->fallen);
	f->phase = silent ? PHASE_WAIT : PHASE_ATTENTION;
	f->late_ns = f->began_ns + force_attention_ns() + LATE_NS;
	if (!silent) {
		send(a, f, SOUNDING_ATTENTION);
	}
	force_speak(a, f);
}

/* What is made up for in some zones alone leaves what is due in all of them as it is. */
static void rest(struct force *f, int64_t now_ns) {
	bool by_begin = f->alert.repeat_every_s > 0;
	int64_t gap_s = by_begin ? ALERT_GAP_MIN_S : ALERT_GAP_S;
	int64_t least_ns = now_ns + gap_s * NS_PER_S;
	int64_t every_ns = f->alert.repeat_every_s * NS_PER_S;
	if (!f->making_up) {
		f->due_ns = by_begin ? f->began_ns + every_ns : least_ns;
	}
	f->phase = PHASE_GAP;
	f->next_ns = f->due_ns < least_ns ? least_ns : f->due_ns;
	f->making_up = false;
	ids_done(&f->only);
}

void force_end(struct alerts *a, struct force *f, enum alert_state state, const char *by,
	       const char *reason) {
	f->alert.state = state;
	f->alert.ended_us = clock_now_us();
	f->alert.ended_by = by != NULL ? strdup(by) : NULL;
	director_stop_alert(a->config.director, f->alert.id, reason);
	faults_clear(a->config.faults, f->source);
	log_notice("alert %lld: %s", (long long)f->alert.id, reason);
	force_record(a, f);
	force_tell(a, f);
	alerts_turn_soon(a);
}

/* One that is not to repeat goes on until it was heard, in every zone, with its words. */
static void finish_once(struct alerts *a, struct force *f, int64_t now_ns) {
	bool expires = clock_now_us() + STEP_US >= f->alert.expires_us;
	if (f->stopped && !expires) {
		force_end(a, f, ALERT_CANCELLED, NULL, "its only sounding was stopped");
	} else if (f->played && f->failed.n == 0 && !f->owed) {
		force_end(a, f, ALERT_PLAYED, NULL, "it has sounded once, as asked");
	} else {
		rest(f, now_ns);
		/* Words that are owed are owed to all. */
		for (size_t i = 0; i < f->failed.n && !f->owed; i++) {
			(void)ids_add(&f->only, f->failed.items[i]);
		}
	}
}

/* In a gap: the zone has what it missed by itself, from at_ns on; unless what is due in
 * all zones would have to wait for that. */
static bool make_up_in(struct force *f, int64_t zone, int64_t at_ns) {
	bool repeats = f->alert.repeat_every_s != 0;
	if (!repeats && f->owed) {
		return false; /* the words are to come in all zones */
	}
	bool all_first = clock_mono_ns() >= f->due_ns || at_ns >= f->due_ns;
	if ((repeats && all_first) || ids_add(&f->only, zone) < 0) {
		return false;
	}
	f->making_up = repeats;
	f->next_ns = at_ns;
	return true;
}

/* Where the card came back while it sounded elsewhere, it has rejoined that; and the
 * whole, of which a part was missed, does not wait for the next sounding. A card that
 * comes and goes has it no sooner than after a gap. */
static void make_up(struct force *f) {
	int64_t least_ns = f->began_ns + ALERT_GAP_MIN_S * NS_PER_S;
	for (size_t i = 0; i < f->failed.n; i++) {
		if (ids_has(&f->back, f->failed.items[i])) {
			(void)make_up_in(f, f->failed.items[i], least_ns);
		}
	}
}

/* All its runs have ended in all their zones. */
static void finish(struct alerts *a, struct force *f, int64_t now_ns) {
	bool nowhere = !f->played && f->failed.n > 0;
	if (nowhere && !f->last_used) {
		f->last_used = true;
		fault(a, f, "what it says could not be played, chimes sound instead",
		      f->words_fault);
		send(a, f, SOUNDING_LAST);
		if (f->live > 0) {
			ids_done(&f->failed);
			return;
		}
	}
	f->heard = f->heard || f->played;
	f->owed = f->phase == PHASE_FALLBACK && f->alert.clip == NULL && !f->stopped;
	f->fallen = f->fallen || (f->owed && f->played);
	if (f->phase == PHASE_WORDS && f->played && !f->last_used) {
		faults_clear(a->config.faults, f->source);
	}
	if (f->again.n > 0) {
		ids_done(&f->only);
		f->only = f->again;
		f->again = (struct ids){0};
		force_begin(a, f);
	} else if (f->alert.repeat_every_s != 0) {
		rest(f, now_ns);
	} else {
		finish_once(a, f, now_ns);
	}
	if (f->phase == PHASE_GAP) {
		make_up(f);
	}
}

static void fall_back(struct alerts *a, struct force *f) {
	fault(a, f, "the recorded fallback sounds instead of its words",
	      f->unspeakable ? f->speech_error : "they are not spoken yet");
	f->phase = PHASE_FALLBACK;
	send(a, f, SOUNDING_FALLBACK);
}

static void say_words(struct alerts *a, struct force *f) {
	faults_clear(a->config.faults, f->source);
	f->phase = PHASE_WORDS;
	send(a, f, SOUNDING_WORDS);
}

/* Those that are left of the zones to which it is owed; false where none is. */
static bool forget_deleted(struct alerts *a, struct force *f) {
	size_t asked = f->only.n;
	for (size_t i = f->only.n; i-- > 0;) {
		if (!director_has_zone(a->config.director, f->only.items[i])) {
			(void)ids_remove(&f->only, f->only.items[i]);
		}
	}
	return asked == 0 || f->only.n > 0;
}

/* The gap is over. Who missed it and was deleted meanwhile has all hear it no second
 * time. */
static void begin_again(struct alerts *a, struct force *f) {
	if (!forget_deleted(a, f) && f->alert.repeat_every_s == 0 && f->heard) {
		force_end(a, f, ALERT_PLAYED, NULL, "it has sounded once, as asked");
	} else {
		force_begin(a, f);
	}
}

static void move_on(struct alerts *a, struct force *f, int64_t now_ns) {
	switch (f->phase) {
	case PHASE_WAIT:
		if (f->spoken) {
			force_begin(a, f);
		} else if (f->speaking == 0) {
			fault(a, f,
			      f->alert.drill
				      ? "a drill must say that it is one, so it is silent"
				      : "its words are still to be spoken",
			      f->speech_error);
			rest(f, now_ns);
		}
		break;
	case PHASE_ATTENTION:
		if (f->stopped && f->alert.repeat_every_s == 0) {
			finish_once(a, f, now_ns);
		} else if (f->stopped) {
			rest(f, now_ns);
		} else if (director_sounding_fades(a->config.director, f->last_run)) {
			f->late_ns = now_ns + FADING_NS;
		} else if (f->spoken) {
			say_words(a, f);
		} else if (f->unspeakable || now_ns >= f->late_ns) {
			fall_back(a, f);
		}
		break;
	case PHASE_FALLBACK:
		if (f->live == 0 && (f->stopped || !f->spoken)) {
			finish(a, f, now_ns);
		} else if (f->spoken && !f->stopped &&
			   !director_sounding_fades(a->config.director, f->last_run)) {
			say_words(a, f);
		}
		break;
	case PHASE_WORDS:
		if (f->live == 0) {
			finish(a, f, now_ns);
		}
		break;
	case PHASE_GAP:
		if (now_ns >= f->next_ns) {
			begin_again(a, f);
		}
		break;
	}
}

/* ---- time ---- */

static void answer(struct force *f, int64_t now_ns) {
	bool due =
		f->alert.first_sound_ms >= 0 || now_ns >= f->done_ns || !force_active(f);
	if (f->done != NULL && due) {
		alerts_done_fn done = MOVE(f->done);
		done(f->done_arg, &f->alert, NULL);
	}
}

/* "An hour from now" is an hour, whatever becomes of the clock meanwhile. */
static void follow_clock(struct alerts *a, struct force *f, int64_t now_ns) {
	int64_t expires_us = clock_now_us() + (f->ends_ns - now_ns) / 1000;
	int64_t off_us = expires_us - f->alert.expires_us;
	if (!f->alert.expires_given && (off_us > STEP_US || off_us < -STEP_US)) {
		f->alert.expires_us = expires_us;
		force_record(a, f);
	}
}

static void look_at(struct alerts *a, struct force *f, int64_t now_ns) {
	f->fresh = false;
	answer(f, now_ns);
	if (f->dirty && now_ns >= f->write_ns) {
		force_record(a, f);
		if (f->alert.on_disk) {
			force_tell(a, f);
		}
	}
	if (!force_active(f)) {
		return;
	}
	follow_clock(a, f, now_ns);
	if (clock_now_us() >= f->alert.expires_us) {
		force_end(a, f, ALERT_EXPIRED, NULL, "the alert has expired");
		return;
	}
	/* Words that came too late for the last sounding do not wait for the next. */
	if (f->phase == PHASE_GAP && f->owed && f->spoken) {
		f->next_ns = now_ns;
	}
	move_on(a, f, now_ns);
}

static void arm(struct alerts *a, int64_t now_ns) {
	int64_t next_ns = INT64_MAX;
	for (const struct force *f = a->forces; f != NULL; f = f->next) {
		int64_t at_ns = now_ns + TICK_NS;
		int64_t own_ns = f->phase == PHASE_GAP         ? f->next_ns
				 : f->phase == PHASE_ATTENTION ? f->late_ns
							       : at_ns;
		int64_t left_us = f->alert.expires_us - clock_now_us();
		at_ns = force_active(f) && own_ns < at_ns ? own_ns : at_ns;
		at_ns = f->done != NULL && f->done_ns < at_ns ? f->done_ns : at_ns;
		if (force_active(f) && clock_span_ns(left_us) < at_ns - now_ns) {
			at_ns = now_ns + clock_span_ns(left_us);
		}
		next_ns = at_ns < next_ns ? at_ns : next_ns;
	}
	loop_timer_arm_us(a->timer,
			  next_ns == INT64_MAX ? INT64_MAX : next_ns / 1000 + 1);
}

static void turn(void *arg) {
	struct alerts *a = arg;
	if (!a->started) {
		return;
	}
	for (struct force *f = a->forces; f != NULL; f = f->next) {
		look_at(a, f, clock_mono_ns());
	}
	struct force **at = &a->forces;
	while (*at != NULL) {
		struct force *f = *at;
		if (!force_active(f) && !f->dirty && f->done == NULL) {
			*at = f->next;
			force_free(f);
		} else {
			at = &f->next;
		}
	}
	arm(a, clock_mono_ns());
}

/* ---- the director's words ---- */

void alerts_began(struct alerts *a, const struct run *run, int64_t at_ns) {
	struct force *f = alerts_force(a, run->alert);
	if (f == NULL || f->alert.first_sound_ms >= 0) {
		return;
	}
	int64_t ms = (at_ns - f->asked_ns) / NS_PER_MS;
	f->alert.first_sound_ms = ms > 0 ? ms : 0;
	/* Not now: the transaction that the director is in may be lost yet. */
	f->write_ns = f->dirty ? f->write_ns : clock_mono_ns();
	f->dirty = true;
	force_tell(a, f);
	alerts_turn_soon(a);
}

static void remember_failure(struct force *f, const struct run_zone *rz) {
	str_copy(f->words_fault, sizeof(f->words_fault),
		 rz->reason != NULL ? rz->reason : "");
	if (ids_add(&f->failed, rz->zone) < 0) {
		log_err("no memory to remember that alert %lld was not heard in '%s'",
			(long long)f->alert.id, rz->zone_name);
	}
}

void alerts_ended(struct alerts *a, const struct director_sounding_end *told) {
	struct force *f = alerts_force(a, told->run->alert);
	if (f == NULL) {
		return;
	}
	bool attention = told->tag == SOUNDING_ATTENTION;
	bool stopped = told->interrupted->n == 0;
	f->live--;
	for (size_t i = 0; i < told->run->n_zones; i++) {
		const struct run_zone *rz = &told->run->zones[i];
		bool cut = rz->outcome == OUTCOME_CUT || rz->outcome == OUTCOME_CANCELLED;
		stopped = stopped && cut;
		if (attention) {
			continue;
		}
		f->played = f->played || rz->outcome == OUTCOME_PLAYED;
		/* Whose card came back amid it has heard a part. */
		bool gap = ids_has(told->gaps, rz->zone) && rz->outcome == OUTCOME_PLAYED;
		if (rz->outcome == OUTCOME_FAILED || gap) {
			remember_failure(f, rz);
		} else if (ids_has(told->interrupted, rz->zone) && cut) {
			(void)ids_add(&f->again, rz->zone);
		}
	}
	f->stopped = f->stopped || stopped;
	alerts_turn_soon(a);
}

/* ---- what is in force ---- */

/* Without memory for it what was missed is heard with the next sounding. */
static void card_changed(struct alerts *a, struct force *f, int64_t zone, bool well) {
	if (!well) {
		(void)ids_add(&f->gone, zone);
		(void)ids_remove(&f->back, zone);
		return;
	}
	bool came_back = ids_remove(&f->gone, zone);
	if (f->phase != PHASE_GAP) {
		if (came_back) {
			(void)ids_add(&f->back, zone);
		}
	} else if (ids_has(&f->failed, zone) && make_up_in(f, zone, clock_mono_ns())) {
		alerts_turn_soon(a);
	}
}

void alerts_zone_changed(struct alerts *a, int64_t zone) {
	struct director_zone_status status;
	director_zone_status(a->config.director, zone, &status);
	for (struct force *f = a->forces; f != NULL; f = f->next) {
		if (force_active(f)) {
			card_changed(a, f, zone, status.fault[0] == '\0');
		}
	}
}

const struct alert *alerts_nth(const struct alerts *a, size_t i) {
	const struct force *f = a->forces;
	while (f != NULL && i-- > 0) {
		f = f->next;
	}
	return f != NULL ? &f->alert : NULL;
}

const struct alert *alerts_find(const struct alerts *a, int64_t id) {
	const struct force *f = alerts_force(a, id);
	return f != NULL ? &f->alert : NULL;
}

/* ---- life ---- */

static int load(struct alerts *a, struct error *err) {
	struct store_filter filter = {.from_us = TIME_NONE,
				      .until_us = TIME_NONE,
				      .state = ALERT_ACTIVE,
				      .limit = 1000};
	size_t n = 0;
	do {
		struct alert *items = NULL;
		int rc = store_alert_list(a->config.store, &filter, &items, &n, err);
		int64_t now_ns = clock_mono_ns();
		for (size_t i = 0; rc >= 0 && i < n; i++) {
			filter.before = items[i].id;
			struct force *f = alerts_force_new(a, &items[i]);
			if (f == NULL) {
				rc = error_set(err, ENOMEM, "no memory for an alert");
				break;
			}
			int64_t now_us = clock_now_us();
			f->row = true;
			f->asked_ns = now_ns - (now_us - f->alert.created_us) * 1000;
			f->ends_ns = now_ns + clock_span_ns(f->alert.expires_us - now_us);
		}
		alert_list_free(items, items != NULL ? n : 0);
		if (rc < 0) {
			return rc;
		}
	} while (n == (size_t)filter.limit);
	return store_alert_last(a->config.store, &a->last_id, err);
}

int alerts_new(const struct alerts_config *config, struct alerts **ret,
	       struct error *err) {
	AUTO(alerts_free) struct alerts *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		return error_set(err, ENOMEM, "no memory for alerts");
	}
	a->config = *config;
	alerts_fallback_set(a, config->fallback_clip);
	int rc = load(a, err);
	if (rc >= 0) {
		rc = loop_add_timer(config->loop, CLOCK_MONOTONIC, turn, a, &a->timer,
				    err);
	}
	if (rc >= 0) {
		rc = loop_add_defer(config->loop, turn, a, &a->soon, err);
	}
	if (rc < 0) {
		return rc;
	}
	*ret = MOVE(a);
	return 0;
}

void alerts_start(struct alerts *a) {
	a->started = true;
	turn(a);
}

void alerts_fallback_set(struct alerts *a, const char *clip) {
	str_copy(a->fallback_clip, sizeof(a->fallback_clip), clip);
}

/* Whoever waits for an answer gets one. */
static void let_go(struct alerts *a) {
	struct error err = {0};
	error_set(&err, ECANCELED, "the box is stopping");
	for (struct force *f = a->forces; f != NULL; f = f->next) {
		if (f->done != NULL) {
			f->done(f->done_arg, &f->alert, NULL);
		}
	}
	for (struct alert_speech *s = a->speeches; s != NULL; s = s->next) {
		s->alerts = NULL;
		if (s->done != NULL) {
			s->done(s->done_arg, NULL, &err);
		}
	}
}

void alerts_free(struct alerts *a) {
	if (a == NULL) {
		return;
	}
	let_go(a);
	while (a->forces != NULL) {
		struct force *f = a->forces;
		a->forces = f->next;
		force_free(f);
	}
	loop_source_free(a->timer);
	loop_source_free(a->soon);
	free(a);
}
