/* director_runs.c - one run, from its claim to the last outcome (see
 * director_internal.h).
 *
 * In each zone a run goes PLANNED -> HANDED -> PLAYING -> ENDED, by way of WAITING where
 * the zone is taken or the words are not spoken yet, and from PLAYING by way of PAUSED to
 * HANDED again where a higher class takes the zone (director_pause.c). So it does from
 * wherever its job was where the card is lost (director_rejoin.c). The engine gets it
 * LEAD ahead, so that no slow disk delays the start; who may sound is settled JUDGE
 * before it, and what may not is taken back from the engine before its first frame. */
#include "director_internal.h"

#include "audio/jitter.h"
#include "audio/tally.h"
#include "base/str.h"
#include "log.h"

#include <string.h>

void live_run_free(struct live_run *live) {
	if (live == NULL) {
		return;
	}
	director_relay_release(live);
	for (size_t i = 0; live->zones != NULL && i < live->run.n_zones; i++) {
		tally_unref(live->zones[i].tally);
	}
	run_done(&live->run);
	jitter_unref(live->jitter);
	free(live->zones);
	free(live);
}

bool live_run_ended(const struct live_run *live) {
	for (size_t i = 0; i < live->run.n_zones; i++) {
		if (live->zones[i].stage != STAGE_ENDED) {
			return false;
		}
	}
	return true;
}

/* The transaction that claimed these was lost: they play, and are written when they
 * ended.
 */
void director_unwrite(struct director *d) {
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		if (!live->written && live->run.id > 0) {
			live->run.id = --d->last_unwritten;
			log_err("'%s' plays, and its record is still to be written",
				live->run.title);
		}
	}
}

static void insert_by_due(struct director *d, struct live_run *live) {
	struct live_run **at = &d->runs;
	while (*at != NULL && (*at)->run.due_us <= live->run.due_us) {
		at = &(*at)->next;
	}
	live->next = *at;
	*at = live;
}

/* Takes the run's values over; on failure they stay the caller's. */
static struct live_run *live_run_new(struct run *run) {
	struct live_run *live = calloc(1, sizeof(*live));
	if (live == NULL) {
		return NULL;
	}
	live->zones = calloc(run->n_zones, sizeof(*live->zones));
	if (live->zones == NULL) {
		free(live);
		return NULL;
	}
	for (size_t i = 0; i < run->n_zones; i++) {
		bool over = outcome_final(run->zones[i].outcome);
		live->zones[i].stage = over ? STAGE_ENDED : STAGE_PLANNED;
	}
	live->run = *run;
	*run = (struct run){0};
	live->late_allowed_us = ON_TIME_US;
	live->deadline_us = live->run.due_us + WAIT_MAX_US;
	return live;
}

struct live_run *director_take_up(struct director *d, struct run *run) {
	struct live_run *live = live_run_new(run);
	if (live != NULL) {
		insert_by_due(d, live);
	}
	return live;
}

/* How late it may be, and whether it waits for a zone; schedule NULL: pushed. */
static void set_patience(struct live_run *live, const struct schedule *schedule) {
	live->late_allowed_us = WAIT_MAX_US;
	if (schedule == NULL) {
		return;
	}
	int64_t within_us = schedule->play_within_s * 1000000LL;
	live->conflict = schedule->conflict;
	live->late_allowed_us = within_us > ON_TIME_US ? within_us : ON_TIME_US;
	if (within_us > WAIT_MAX_US) {
		live->deadline_us = live->run.due_us + within_us;
	}
}

int director_admit(struct director *d, struct run *run, const struct schedule *schedule,
		   struct live_run **ret, struct error *err) {
	run->state = run_state(run->zones, run->n_zones);
	int rc = store_run_claim(d->config.store, run, err);
	if (rc == -ENOSPC || rc == -EIO) {
		/* A full disk must not silence a planned broadcast; its record is written
		 * when it has ended. */
		director_store_result(d, rc, err);
		if (schedule == NULL) {
			return rc;
		}
		run->id = --d->last_unwritten;
		log_err("'%s' plays, and its record is still to be written", run->title);
	} else if (rc < 0) {
		return rc;
	}
	struct live_run *live = live_run_new(run);
	if (live == NULL) {
		return error_set(err, ENOMEM, "no memory for a run");
	}
	set_patience(live, schedule);
	director_pass_take(d, live);
	insert_by_due(d, live);
	*ret = live;
	return 0;
}

int director_run_zones(struct director *d, struct run *run, const struct ids *zones,
		       int64_t at_us, bool defies_quiet, struct error *err) {
	run->zones = calloc(zones->n > 0 ? zones->n : 1, sizeof(*run->zones));
	if (run->zones == NULL) {
		return error_set(err, ENOMEM, "no memory for the zones of a run");
	}
	for (size_t i = 0; i < zones->n; i++) {
		const struct live_zone *lz = director_zone(d, zones->items[i]);
		if (lz == NULL) {
			return error_set_field(err, EINVAL, "zones",
					       "there is no zone %lld",
					       (long long)zones->items[i]);
		}
		struct run_zone *rz = &run->zones[run->n_zones];
		*rz = (struct run_zone){.zone = zones->items[i], .started_us = TIME_NONE};
		rz->zone_name = strdup(lz->zone.name);
		run->n_zones++;
		char reason[256];
		if (!defies_quiet &&
		    director_zone_quiet(d, &lz->zone, at_us, reason, sizeof(reason))) {
			rz->outcome = OUTCOME_SKIPPED;
			rz->reason = strdup(reason);
		}
	}
	director_pass_note(d, run);
	return 0;
}

/* What the last life left of a zone, in words: what it had told, and that it stopped. */
static void left_words(const struct run *run, const struct run_zone *rz, char *ret,
		       size_t size) {
	const char *told = rz->reason != NULL ? rz->reason : "";
	const char *end = "the box stopped (power or crash) while this was on the air";
	const char *join = told[0] != '\0' ? "; " : "";
	if (rz->outcome == OUTCOME_PAUSED) {
		end = "the box stopped (power or crash)";
		join = ", not resumed: ";
	} else if (run->alert != 0) {
		end = rz->outcome == OUTCOME_PLAYING
			      ? "the box stopped (power or crash) while this was on the "
				"air; the alert sounds again"
			      : "the box stopped before or just as this began; the alert "
				"sounds again";
	} else if (rz->outcome != OUTCOME_PLAYING) {
		end = "the box stopped before or just as this began; it is not played "
		      "late, because it may have been heard";
	}
	str_format(ret, size, "%s%s%s", told, join, end);
}

/* After a start: what the last life left open. What may have been heard is not played
 * again. */
void director_reopen(struct director *d, struct run *run) {
	struct error err = {0};
	/* An alert is said anew by alerts.h, and of a live call nobody speaks any more.
	 */
	bool was_now = run->alert != 0 || strcmp(run->source, DIRECTOR_CALL_SOURCE) == 0;
	bool to_come = !was_now && run->due_us > director_now(d);
	for (size_t i = 0; i < run->n_zones; i++) {
		struct run_zone *rz = &run->zones[i];
		if (outcome_final(rz->outcome) ||
		    (rz->outcome == OUTCOME_PLANNED && to_come)) {
			continue;
		}
		char reason[REASON_SIZE];
		left_words(run, rz, reason, sizeof(reason));
		bool begun = rz->outcome != OUTCOME_PLANNED;
		enum outcome outcome = begun ? OUTCOME_CUT : OUTCOME_MISSED;
		int rc = store_run_finish(d->config.store, run->id, rz->zone, outcome,
					  reason, rz->played_ms, &err);
		director_store_result(d, rc, &err);
		rz->outcome = outcome;
	}
	if (!to_come) {
		return;
	}
	struct live_run *live = live_run_new(run);
	if (live == NULL) {
		log_err("no memory to take up run %lld again", (long long)run->id);
		return;
	}
	AUTO(schedule_done) struct schedule schedule = {0};
	bool planned = live->run.schedule != 0 &&
		       store_schedule_get(d->config.store, live->run.schedule, &schedule,
					  &err) >= 0;
	set_patience(live, planned ? &schedule : NULL);
	director_pass_take(d, live);
	live->written = true;
	insert_by_due(d, live);
}

size_t live_run_find(const struct live_run *live, int64_t zone) {
	size_t i = 0;
	while (i < live->run.n_zones && live->run.zones[i].zone != zone) {
		i++;
	}
	return i;
}

bool live_run_begun(const struct live_run *live, size_t i) {
	return live->run.zones[i].started_us != TIME_NONE;
}

int64_t live_run_played_ms(const struct live_run *live, size_t i) {
	const struct live_zone_run *lzr = &live->zones[i];
	if (lzr->stage != STAGE_PLAYING) {
		return lzr->heard_ms;
	}
	int64_t played_ns = clock_mono_ns() - lzr->began_ns;
	return lzr->heard_ms + (played_ns > 0 ? played_ns / 1000000 : 0);
}

/* Goes to the engine with the next job of this stage. Ahead of its time that is the first
 * pass alone. */
static bool goes(const struct live_run *live, size_t i, enum stage stage) {
	return live->zones[i].stage == stage && live->zones[i].job == 0 &&
	       (stage != STAGE_PLANNED || director_pass_first(live, i));
}

static struct tally *tally_of(const struct job *job) {
	for (size_t i = 0; i < job->n_parts; i++) {
		if (job->parts[i].tally != NULL) {
			return job->parts[i].tally;
		}
	}
	return NULL;
}

/* Puts the zones into the job that begin where its first does: horns that were
 * interrupted together come back together, whatever each had reached. */
static void fill_zones(const struct director *d, struct live_run *live, enum stage stage,
		       struct job *job) {
	int64_t place_ms = -1;
	bool rejoins = false; /* in step with others */
	job->n_zones = 0;
	for (size_t i = 0; i < live->run.n_zones; i++) {
		struct live_zone_run *lzr = &live->zones[i];
		if (!goes(live, i, stage)) {
			continue;
		}
		if (place_ms < 0) {
			place_ms = lzr->from_ms;
			rejoins = director_is_lost(live, i);
		}
		int64_t apart_ms = lzr->from_ms - place_ms;
		if (apart_ms > TOGETHER_MS || apart_ms < -TOGETHER_MS ||
		    director_is_lost(live, i) != rejoins) {
			continue;
		}
		if (job->n_zones == 0 || lzr->from_ms < job->from_ms) {
			job->from_ms = lzr->from_ms;
		}
		const struct live_zone *lz = director_zone(d, live->run.zones[i].zone);
		lzr->job = job->id;
		director_relay_count(lzr, tally_of(job));
		lzr->soft = lz != NULL && lz->beneath == live;
		job->zones[job->n_zones] = live->run.zones[i].zone;
		job->gains_db[job->n_zones++] = lzr->soft ? DUCK_DB : 0.0;
	}
	for (size_t i = 0; i < live->run.n_zones; i++) {
		if (live->zones[i].job == job->id) {
			live->zones[i].begin_ms = job->from_ms;
		}
	}
}

static bool has_unsubmitted(const struct live_run *live, enum stage stage) {
	for (size_t i = 0; i < live->run.n_zones; i++) {
		if (goes(live, i, stage)) {
			return true;
		}
	}
	return false;
}

void director_leave_zone(struct director *d, const struct live_run *live, size_t i) {
	struct live_zone *lz = director_zone(d, live->run.zones[i].zone);
	if (lz != NULL) {
		lz->holder = lz->holder == live ? NULL : lz->holder;
		lz->beneath = lz->beneath == live ? NULL : lz->beneath;
	}
}

void director_wait_again(struct director *d, struct live_run *live, size_t i) {
	struct live_zone_run *lzr = &live->zones[i];
	bool begun = lzr->paused.since_ns != 0 || director_is_lost(live, i);
	director_leave_zone(d, live, i);
	lzr->stage = begun ? STAGE_PAUSED : STAGE_WAITING;
}

/* Those of `stage` that got no job: the engine is full, or the error says why. */
static void not_submitted(struct director *d, struct live_run *live, enum stage stage,
			  const struct error *err) {
	for (size_t i = 0; i < live->run.n_zones; i++) {
		struct live_zone_run *lzr = &live->zones[i];
		if (lzr->stage != stage || lzr->job != 0) {
			continue;
		}
		if (err->code != EBUSY) {
			director_zone_end(d, live, i, OUTCOME_FAILED, err->text,
					  lzr->heard_ms);
		} else if (stage == STAGE_HANDED) {
			/* One not judged yet is tried again then. */
			director_wait_again(d, live, i);
		}
	}
}

static void tell_handed(struct director *d, const struct live_run *live, int64_t job,
			bool taped) {
	for (size_t i = 0; taped && i < live->run.n_zones; i++) {
		if (live->zones[i].job == job) {
			d->config.on_handed(d->config.ctx, &live->run,
					    live->run.zones[i].zone, job);
		}
	}
}

bool director_submit(struct director *d, struct live_run *live, enum stage stage,
		     int64_t start_ns) {
	struct error err = {0};
	struct job *job = NULL;
	if (!has_unsubmitted(live, stage)) {
		return false;
	}
	int rc = director_content_job(d, live, &job, &err);
	if (rc >= 0) {
		job->id = ++d->last_job;
		job->start_ns = start_ns;
		job->taped = d->config.records != NULL &&
			     d->config.records(d->config.ctx, &live->run);
		bool taped = job->taped;
		fill_zones(d, live, stage, job);
		int64_t id = job->id;
		rc = engine_submit(d->config.engine, job, &err);
		if (rc >= 0) {
			tell_handed(d, live, id, taped);
			return true;
		}
		for (size_t i = 0; i < live->run.n_zones; i++) {
			if (live->zones[i].job == id) {
				live->zones[i].job = 0;
			}
		}
	}
	not_submitted(d, live, stage, &err);
	return false;
}

void director_hand_over(struct director *d, struct live_run *live) {
	live->handed = true;
	bool early = live->run.due_us > director_now(d) + JUDGE_US / 3;
	if (director_content_ready(d, live) && early) {
		(void)director_submit(d, live, STAGE_PLANNED,
				      clock_mono_ns_at(live->run.due_us));
	}
}

void director_withdraw(struct director *d, struct live_run *live, size_t i) {
	if (live->zones[i].job != 0) {
		engine_stop(d->config.engine, live->zones[i].job, live->run.zones[i].zone,
			    5);
		live->zones[i].job = 0;
		director_relay_settle(&live->zones[i]);
	}
}

/* The clock was set. What has not begun and lies ahead again is as if it had never been
 * looked at; what its time has come for stays, and goes on waiting. */
void director_take_back(struct director *d, struct live_run *live) {
	if (live_run_urgent(live) || live->jitter != NULL) {
		return; /* it is for now, whenever that is */
	}
	bool ahead = live->run.due_us > director_now(d);
	bool begun = false;
	for (size_t i = 0; i < live->run.n_zones; i++) {
		begun = begun || live_run_begun(live, i);
	}
	for (size_t i = 0; i < live->run.n_zones; i++) {
		struct live_zone_run *lzr = &live->zones[i];
		bool fresh = lzr->stage == STAGE_PLANNED;
		bool undone = ahead && !begun &&
			      (lzr->stage == STAGE_WAITING || lzr->stage == STAGE_HANDED);
		if (!fresh && !undone) {
			continue;
		}
		director_withdraw(d, live, i);
		director_leave_zone(d, live, i);
		lzr->yielding = false;
		lzr->paused = (struct disturbed){0};
		lzr->ducked = (struct disturbed){0};
		lzr->lost = (struct disturbed){0};
		lzr->stage = STAGE_PLANNED;
	}
	live->handed = false;
	if (ahead && !begun) {
		director_relay_release(live);
	}
	live->judged = live->judged && !(ahead && !begun);
}

/* The zone's own words from now on: the reason for its outcome, what disturbed it, and
 * what did not keep it from sounding. */
static void set_reason(struct director *d, struct live_run *live, size_t i,
		       const char *reason) {
	struct run_zone *rz = &live->run.zones[i];
	char told[REASON_SIZE];
	char words[REASON_SIZE];
	char relayed[REASON_SIZE];
	director_note_defiance(d, live, i);
	director_relay_words(live, i, words, sizeof(words));
	if (reason != NULL && words[0] != '\0') {
		str_format(relayed, sizeof(relayed), "%s; %s", reason, words);
		reason = relayed;
	} else if (words[0] != '\0') {
		str_copy(relayed, sizeof(relayed), words);
		reason = relayed;
	}
	director_end_words(live, i, reason, told, sizeof(told));
	const char *note = rz->reason != NULL ? rz->reason : "";
	if (told[0] != '\0' && note[0] != '\0') {
		str_format(words, sizeof(words), "%s (%s)", told, note);
	} else {
		str_format(words, sizeof(words), "%s%s", told, note);
	}
	free(rz->reason);
	rz->reason = words[0] != '\0' ? strdup(words) : NULL;
}

void director_zone_end(struct director *d, struct live_run *live, size_t i,
		       enum outcome outcome, const char *reason, int64_t played_ms) {
	struct run_zone *rz = &live->run.zones[i];
	struct live_zone_run *lzr = &live->zones[i];
	if (lzr->stage == STAGE_ENDED) {
		return;
	}
	director_relay_settle(lzr);
	set_reason(d, live, i, reason);
	director_pass_over(live, i);
	lzr->stage = STAGE_ENDED;
	lzr->job = 0;
	rz->outcome = outcome;
	rz->played_ms = played_ms;
	live->run.state = run_state(live->run.zones, live->run.n_zones);
	director_leave_zone(d, live, i);
	struct live_zone *lz = director_zone(d, rz->zone);
	if (lz != NULL && outcome == OUTCOME_PLAYED) {
		director_zone_keep(lz, live, i);
	}
	log_info("run %lld '%s' in zone '%s': %s%s%s", (long long)live->run.id,
		 live->run.title, rz->zone_name, outcome_name(outcome),
		 rz->reason != NULL ? ": " : "", rz->reason != NULL ? rz->reason : "");
	director_record(d, live, i);
	if (d->config.on_over != NULL) {
		d->config.on_over(d->config.ctx, &live->run, rz->zone);
	}
	live->changed = true;
	director_wake_soon(d);
}

void director_zone_cut(struct director *d, struct live_run *live, size_t i,
		       enum outcome end, const char *reason) {
	struct live_zone_run *lzr = &live->zones[i];
	if (lzr->stage != STAGE_HANDED && lzr->stage != STAGE_PLAYING) {
		bool unheard = end == OUTCOME_CUT && !live_run_begun(live, i);
		director_withdraw(d, live, i);
		director_zone_end(d, live, i, unheard ? OUTCOME_CANCELLED : end, reason,
				  lzr->heard_ms);
		return;
	}
	/* The first reason is the true one; and to cut it again, and wake up for that,
	 * would go on without rest until the fade is over. */
	if (lzr->reason[0] != '\0') {
		return;
	}
	lzr->yielding = false;
	lzr->end = end;
	str_copy(lzr->reason, sizeof(lzr->reason), reason);
	director_leave_zone(d, live, i);
	engine_stop(d->config.engine, lzr->job, live->run.zones[i].zone, RAMP_MS);
	director_wake_soon(d);
}

/* Which run and zone an event means; false where it was taken back or has ended. */
static bool find_job(struct director *d, int64_t job, int64_t zone, struct live_run **ret,
		     size_t *ret_i) {
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		for (size_t i = 0; i < live->run.n_zones; i++) {
			if (live->zones[i].job == job &&
			    live->run.zones[i].zone == zone) {
				*ret = live;
				*ret_i = i;
				return true;
			}
		}
	}
	return false;
}

static void first_started(struct director *d, struct live_run *live, size_t i) {
	struct run_zone *rz = &live->run.zones[i];
	rz->outcome = OUTCOME_PLAYING;
	rz->started_us = clock_realtime_us_at(live->zones[i].began_ns);
	rz->late_ms = (rz->started_us - live->run.due_us) / 1000;
	live->run.state = run_state(live->run.zones, live->run.n_zones);
	if (live->run.alert != 0 && d->config.on_sounding_began != NULL) {
		d->config.on_sounding_began(d->config.ctx, &live->run,
					    live->zones[i].began_ns);
	}
	director_record(d, live, i);
	live->changed = true;
}

static void on_started(struct director *d, struct live_run *live, size_t i,
		       const struct engine_event *event) {
	live->zones[i].stage = STAGE_PLAYING;
	live->zones[i].began_ns = event->at_ns;
	director_found(live, i);
	if (live_run_begun(live, i)) {
		director_came_back(d, live, i);
	} else {
		first_started(d, live, i);
	}
	director_tell_zone(d, live->run.zones[i].zone);
}

/* As it was ordered: for another, or for good. */
static void on_stopped(struct director *d, struct live_run *live, size_t i,
		       const struct engine_event *event) {
	const struct live_zone_run *lzr = &live->zones[i];
	int64_t played_ms = lzr->heard_ms + event->played_ms;
	if (lzr->yielding) {
		director_interrupted(d, live, i, event);
		return;
	}
	bool unheard =
		played_ms == 0 && lzr->end == OUTCOME_CUT && lzr->stage != STAGE_PLAYING;
	char reason[sizeof(lzr->reason)];
	str_copy(reason, sizeof(reason), lzr->reason);
	director_zone_end(d, live, i, unheard ? OUTCOME_CANCELLED : lzr->end, reason,
			  played_ms);
}

static void on_ended(struct director *d, struct live_run *live, size_t i,
		     const struct engine_event *event) {
	const struct live_zone_run *lzr = &live->zones[i];
	int64_t zone = live->run.zones[i].zone;
	int64_t played_ms = lzr->heard_ms + event->played_ms;
	bool stopping = lzr->yielding || lzr->reason[0] != '\0';
	director_relay_count(&live->zones[i], NULL);
	bool silent = director_relay_silent(live, i);
	director_together_left(d, live, i, event->job);
	if (event->end == ENGINE_END_CUT || (event->lost && stopping)) {
		on_stopped(d, live, i, event);
	} else if (event->end == ENGINE_END_PLAYED && event->played_ms == 0 &&
		   director_rejoining(live, i)) {
		director_lost_for_good(d, live, i); /* it came too late */
	} else if (event->end == ENGINE_END_PLAYED) {
		director_not_interrupted(live, i);
		director_zone_end(d, live, i, silent ? OUTCOME_FAILED : OUTCOME_PLAYED,
				  NULL, played_ms);
	} else if (!director_lost(d, live, i, event)) {
		director_zone_end(d, live, i, OUTCOME_FAILED, event->text, played_ms);
	}
	director_tell_zone(d, zone);
}

void director_on_engine_event(struct director *d, const struct engine_event *event) {
	struct live_run *live = NULL;
	size_t i = 0;
	switch (event->kind) {
	case ENGINE_OUTPUT_FAULT:
		director_output_fault(d, event->output, event->text);
		break;
	case ENGINE_OUTPUT_OK:
		log_info("output %lld: %s", (long long)event->output, event->text);
		director_output_fault(d, event->output, "");
		break;
	case ENGINE_JOB_STARTED:
		if (find_job(d, event->job, event->zone, &live, &i)) {
			on_started(d, live, i, event);
		}
		break;
	case ENGINE_JOB_ENDED:
		if (find_job(d, event->job, event->zone, &live, &i)) {
			on_ended(d, live, i, event);
		}
		break;
	}
}
