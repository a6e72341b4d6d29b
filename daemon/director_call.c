/* director_call.c - a live call as a run (see director_internal.h): what is said now, in
 * zones that nobody of its rank has. It does not wait: who speaks wants to be heard, or
 * to know at once that he is not. Interrupted by an emergency it goes on, where the zone
 * is free again, with what is said then. */
#include "director_internal.h"

#include "audio/jitter.h"
#include "base/str.h"

#include <string.h>

bool live_run_defies_quiet(const struct live_run *live) {
	return live_run_urgent(live) || live->quiet_confirmed;
}

static int busy(struct error *err, const struct live_zone *lz, const char *who) {
	return error_set_field(err, EBUSY, "zones", "zone '%s' is busy: %s has it",
			       lz->zone.name, who);
}

/* -EBUSY where it would have to wait in a zone. */
static int check_free(const struct director *d, const struct run *run,
		      struct error *err) {
	struct contender asking = {
		.run = INT64_MAX, .class = run->class, .due_us = run->due_us};
	for (size_t i = 0; i < run->n_zones; i++) {
		const struct live_zone *lz = director_zone(d, run->zones[i].zone);
		if (lz == NULL || outcome_final(run->zones[i].outcome)) {
			continue;
		}
		const struct live_run *holder =
			lz->holder != NULL ? lz->holder : lz->beneath;
		if (holder == NULL && clock_mono_ns() < lz->kept_until_ns) {
			return busy(err, lz, "an alert");
		}
		if (holder == NULL) {
			continue;
		}
		struct contender holding =
			director_contender(holder, live_run_find(holder, lz->zone.id));
		if (priority_judge(&holding, &asking) == VERDICT_WAIT) {
			char who[160];
			str_format(who, sizeof(who), "'%.100s' (%s)", holder->run.title,
				   run_class_name(holder->run.class));
			return busy(err, lz, who);
		}
	}
	return 0;
}

/* In words that say how to be heard all the same. */
static int refused(int rc, const struct director_call *call, struct error *err) {
	if (rc == -EPERM && strcmp(err->field, "zones") == 0 && !call->quiet_confirmed) {
		char text[ERROR_TEXT_SIZE];
		str_copy(text, sizeof(text), err->text);
		return error_set_field(err, EPERM, "quiet_confirmed",
				       "%.400s; \"quiet_confirmed\": true lets it sound "
				       "all the same",
				       text);
	}
	return rc;
}

static int fill_run(struct director *d, const struct director_call *call, struct run *run,
		    struct error *err) {
	int64_t now_us = director_now(d);
	*run = (struct run){
		.source = strdup(DIRECTOR_CALL_SOURCE),
		.title = strdup(call->title),
		.author = strdup(call->author),
		.content = {.repeat = 1},
		.resume = RESUME_RESUME,
		.class = call->class,
		.due_us = now_us,
		.created_us = now_us,
		.expires_us = TIME_NONE,
	};
	if (run->source == NULL || run->title == NULL || run->author == NULL) {
		return error_set(err, ENOMEM, "no memory for a live call");
	}
	int rc = director_run_zones(d, run, call->zones, now_us, call->quiet_confirmed,
				    err);
	return rc < 0 ? rc : refused(director_refused(d, run, err), call, err);
}

int director_call(struct director *d, const struct director_call *call, int64_t *ret_run,
		  struct error *err) {
	AUTO(run_done) struct run run = {0};
	struct live_run *live = NULL;
	int rc = fill_run(d, call, &run, err);
	rc = rc < 0 ? rc : check_free(d, &run, err);
	rc = rc < 0 ? rc : director_admit(d, &run, NULL, &live, err);
	if (rc < 0) {
		return rc;
	}
	live->jitter = jitter_ref(call->jitter);
	live->quiet_confirmed = call->quiet_confirmed;
	live->written = true;
	live->changed = true;
	for (size_t i = 0; i < live->run.n_zones; i++) {
		director_note_defiance(d, live, i);
	}
	*ret_run = live->run.id;
	director_wake(d);
	return 0;
}

static struct live_run *find_call(const struct director *d, int64_t run) {
	struct live_run *live = d->runs;
	while (live != NULL && (live->run.id != run || live->jitter == NULL)) {
		live = live->next;
	}
	return live;
}

bool director_call_open(const struct director *d, int64_t run) {
	const struct live_run *live = find_call(d, run);
	return live != NULL && !live->hung_up && !live_run_ended(live);
}

void director_call_end(struct director *d, int64_t run, const char *reason) {
	struct live_run *live = find_call(d, run);
	if (live == NULL) {
		return;
	}
	live->hung_up = true;
	bool begun = director_begin(d);
	for (size_t i = 0; i < live->run.n_zones; i++) {
		const struct live_zone_run *lzr = &live->zones[i];
		bool sounds = lzr->stage == STAGE_HANDED || lzr->stage == STAGE_PLAYING;
		if (lzr->stage == STAGE_ENDED || (reason == NULL && sounds)) {
			continue; /* what was said is heard to its end */
		}
		director_zone_cut(d, live, i, OUTCOME_CUT,
				  reason != NULL ? reason : DIRECTOR_CALL_OVER);
	}
	director_commit(d, begun);
	director_wake_soon(d);
}
