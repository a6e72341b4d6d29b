/* director_alert.c - the soundings of alerts: runs that do not ask the hour, the clock or
 * the disk, and that the engine has before anything is written (see director_internal.h).
 */
#include "director_internal.h"

#include "base/str.h"
#include "log.h"

#include <stdio.h>
#include <string.h>

bool live_run_urgent(const struct live_run *live) {
	return live->run.class == CLASS_EMERGENCY;
}

bool director_may(const struct director *d, const struct live_run *live) {
	return !d->held || live_run_urgent(live);
}

const struct contender *director_zone_kept(const struct live_zone *lz,
					   const struct live_run *asking) {
	bool own = asking->run.alert == lz->kept.alert;
	return own || clock_mono_ns() >= lz->kept_until_ns ? NULL : &lz->kept;
}

void director_zone_keep(struct live_zone *lz, const struct live_run *live, size_t i) {
	if (live->keep_ms > 0) {
		lz->kept = director_contender(live, i);
		lz->kept_until_ns = clock_mono_ns() + live->keep_ms * 1000000;
	}
}

void director_note_defiance(struct director *d, struct live_run *live, size_t i) {
	struct run_zone *rz = &live->run.zones[i];
	const struct live_zone *lz = director_zone(d, rz->zone);
	if (!live_run_defies_quiet(live) || rz->reason != NULL || lz == NULL) {
		return;
	}
	char quiet[256];
	struct clock_verdict verdict;
	clock_verdict_now(d->config.clock, &verdict);
	bool in_quiet =
		director_zone_quiet(d, &lz->zone, director_now(d), quiet, sizeof(quiet));
	if (!in_quiet && (verdict.trusted || !live_run_urgent(live))) {
		return;
	}
	char note[128];
	snprintf(note, sizeof(note), "%s%s%s, because it %s",
		 in_quiet ? "in quiet hours" : "",
		 in_quiet && !verdict.trusted ? " and " : "",
		 verdict.trusted ? "" : "by a clock that is not trusted",
		 live_run_urgent(live) ? "is an emergency" : "was confirmed for them");
	rz->reason = strdup(note);
	log_notice("'%s' sounds in zone '%s' %s", live->run.title, rz->zone_name, note);
}

void director_tell_ended(struct director *d, const struct live_run *live) {
	if (live->run.alert == 0 || d->config.on_sounding_ended == NULL) {
		return;
	}
	AUTO(ids_done) struct ids interrupted = {0};
	AUTO(ids_done) struct ids gaps = {0};
	for (size_t i = 0; i < live->run.n_zones; i++) {
		int64_t zone = live->run.zones[i].zone;
		bool again = live->zones[i].paused.since_ns != 0 || live->zones[i].moved;
		bool lost = live->zones[i].missed_ms > live->prelude_ms;
		if ((again && ids_add(&interrupted, zone) < 0) ||
		    (lost && ids_add(&gaps, zone) < 0)) {
			log_err("no memory to remember where '%s' was interrupted",
				live->run.title);
		}
	}
	struct director_sounding_end end = {.run = &live->run,
					    .tag = live->tag,
					    .interrupted = &interrupted,
					    .gaps = &gaps};
	d->config.on_sounding_ended(d->config.ctx, &end);
}

/* ---- one sounding ---- */

static int fill_zones(struct director *d, struct run *run, const struct ids *zones,
		      struct error *err) {
	run->zones = calloc(zones->n > 0 ? zones->n : 1, sizeof(*run->zones));
	if (run->zones == NULL) {
		return error_set(err, ENOMEM, "no memory for the zones of an alert");
	}
	for (size_t i = 0; i < zones->n; i++) {
		const struct live_zone *lz = director_zone(d, zones->items[i]);
		if (lz == NULL) {
			continue;
		}
		run->zones[run->n_zones++] = (struct run_zone){
			.zone = lz->zone.id,
			.zone_name = strdup(lz->zone.name),
			.started_us = TIME_NONE,
		};
	}
	return run->n_zones > 0
		       ? 0
		       : error_set(err, ENOENT,
				   "none of the alert's zones is there any more");
}

static int fill_run(struct director *d, const struct director_sounding *s,
		    struct run *run, struct error *err) {
	*run = (struct run){
		.source = strdup("alert"),
		.title = strdup(s->title),
		.author = strdup(s->author),
		.alert = s->alert,
		.severity = s->severity,
		.level = s->level,
		.class = CLASS_EMERGENCY,
		.resume = RESUME_DROP, /* alerts.h has it sound anew */
		.due_us = director_now(d),
		.created_us = director_now(d),
		.expires_us = s->expires_us,
	};
	if (run->source == NULL || run->title == NULL || run->author == NULL ||
	    content_copy(s->content, &run->content) < 0) {
		return error_set(err, ENOMEM, "no memory for the sounding of an alert");
	}
	return fill_zones(d, run, s->zones, err);
}

static void unwritten(struct director *d, struct live_run *live) {
	live->run.id = --d->last_unwritten;
	log_err("'%s' plays without a record in the database", live->run.title);
}

static void claim(struct director *d, struct live_run *live) {
	struct error err = {0};
	int rc = store_run_claim(d->config.store, &live->run, &err);
	director_store_result(d, rc, &err);
	if (rc < 0) {
		unwritten(d, live);
	}
}

int director_sound(struct director *d, const struct director_sounding *s,
		   int64_t *ret_run, struct error *err) {
	AUTO(run_done) struct run run = {0};
	int rc = fill_run(d, s, &run, err);
	if (rc < 0) {
		return rc;
	}
	struct live_run *live = director_take_up(d, &run);
	if (live == NULL) {
		return error_set(err, ENOMEM, "no memory for the sounding of an alert");
	}
	live->drill = s->drill;
	live->again = s->again;
	live->tag = s->tag;
	live->keep_ms = s->keep_ms;
	live->prelude_ms = s->prelude_ms;
	live->late_allowed_us = INT64_MAX;
	live->deadline_us = INT64_MAX;
	live->handed = true;
	live->written = true;
	live->changed = true;
	director_judge(d, live);
	director_amplifiers(d);
	for (size_t i = 0; i < live->run.n_zones; i++) {
		director_note_defiance(d, live, i);
	}
	claim(d, live);
	*ret_run = live->run.id;
	director_wake_soon(d);
	return 0;
}

void director_sounding_lost(struct director *d, int64_t run) {
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		if (live->run.id == run && run > 0) {
			unwritten(d, live);
			return;
		}
	}
}

bool director_sounding_fades(const struct director *d, int64_t run) {
	const struct live_run *live = d->runs;
	while (live != NULL && live->run.id != run) {
		live = live->next;
	}
	for (size_t i = 0; live != NULL && i < live->run.n_zones; i++) {
		const struct live_zone_run *lzr = &live->zones[i];
		if (lzr->stage != STAGE_ENDED && lzr->reason[0] == '\0') {
			return false;
		}
	}
	return live != NULL && !live->told;
}

void director_stop_alert(struct director *d, int64_t alert, const char *reason) {
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		for (size_t i = 0; live->run.alert == alert && i < live->run.n_zones;
		     i++) {
			if (live->zones[i].stage != STAGE_ENDED) {
				director_zone_cut(d, live, i, OUTCOME_CUT, reason);
			}
		}
	}
	for (size_t i = 0; i < d->n_zones; i++) {
		if (d->zones[i]->kept.alert == alert) {
			d->zones[i]->kept_until_ns = 0;
		}
	}
	director_wake_soon(d);
}
