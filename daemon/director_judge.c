/* director_judge.c - who may sound in a zone, and when it must stop (see
 * director_internal.h). The decision itself is priority_judge's; here it is asked, and
 * carried out. */
#include "director_internal.h"

#include "base/str.h"
#include "log.h"

/* What stands against sounding in zone i now, whoever has it. Ends the zone and returns
 * true. */
static bool barred(struct director *d, struct live_run *live, size_t i, int64_t now_us) {
	struct run_zone *rz = &live->run.zones[i];
	struct live_zone *lz = director_zone(d, rz->zone);
	/* What begins now must not meet the edge that would cut it at once. */
	int64_t soon_us = now_us + JUDGE_US;
	int64_t at_us = now_us > live->run.due_us ? now_us : live->run.due_us;
	int64_t edge_us = soon_us > live->run.due_us ? soon_us : live->run.due_us;
	char reason[256];
	enum outcome outcome = OUTCOME_SKIPPED;
	if (lz == NULL) {
		str_format(reason, sizeof(reason), "zone '%s' was deleted",
			   rz->zone_name);
		outcome = OUTCOME_CANCELLED;
	} else if (live->run.expires_us != TIME_NONE && edge_us >= live->run.expires_us) {
		str_format(reason, sizeof(reason), "the announcement has expired");
	} else if (director_zone_quiet(d, &lz->zone, at_us, reason, sizeof(reason)) ||
		   director_zone_quiet(d, &lz->zone, edge_us, reason, sizeof(reason))) {
		outcome = OUTCOME_SKIPPED;
	} else if (live->zones[i].stage == STAGE_PLANNED && live->zones[i].job == 0 &&
		   now_us - live->run.due_us > live->late_allowed_us) {
		str_format(reason, sizeof(reason), "the clock was set past its time");
		outcome = OUTCOME_MISSED;
	} else {
		return false;
	}
	director_withdraw(d, live, i);
	director_zone_end(d, live, i, outcome, reason, 0);
	return true;
}

static struct contender contender_of(const struct live_run *live) {
	return (struct contender){.run = live->run.id,
				  .class = live->run.class,
				  .due_us = live->run.due_us};
}

static void lose(struct director *d, struct live_run *live, size_t i,
		 const struct live_run *holder) {
	director_withdraw(d, live, i);
	if (live->conflict == CONFLICT_SKIP) {
		char reason[256];
		str_format(reason, sizeof(reason), "'%s' had the zone",
			   holder->run.title);
		director_zone_end(d, live, i, OUTCOME_SKIPPED, reason, 0);
		return;
	}
	if (live->zones[i].stage != STAGE_WAITING) {
		live->zones[i].stage = STAGE_WAITING;
		director_tell_zone(d, live->run.zones[i].zone);
	}
}

static void take_zone(struct director *d, struct live_run *live, size_t i,
		      struct live_zone *lz) {
	struct live_run *former = lz->holder;
	if (former != NULL) {
		char reason[256];
		str_format(reason, sizeof(reason), "'%s' (%s) came first",
			   live->run.title, run_class_name(live->run.class));
		for (size_t k = 0; k < former->run.n_zones; k++) {
			if (former->run.zones[k].zone == lz->zone.id) {
				director_zone_cut(d, former, k, OUTCOME_CUT, reason);
			}
		}
	}
	lz->holder = live;
	live->zones[i].stage = STAGE_HANDED;
}

/* Zones of several outputs must start together; those of one output do anyway. */
static int64_t start_together_ns(const struct director *d, const struct live_run *live) {
	int64_t first = 0;
	for (size_t i = 0; i < live->run.n_zones; i++) {
		if (live->zones[i].stage != STAGE_HANDED || live->zones[i].job != 0) {
			continue;
		}
		const struct live_zone *lz = director_zone(d, live->run.zones[i].zone);
		if (lz == NULL) {
			continue;
		}
		if (first != 0 && lz->zone.output != first) {
			return clock_mono_ns() + TOGETHER_NS;
		}
		first = lz->zone.output;
	}
	return 0;
}

/* Gives the zones it won to the engine, all in one job. */
static void submit_won(struct director *d, struct live_run *live) {
	for (size_t i = 0; i < live->run.n_zones; i++) {
		if (live->zones[i].stage == STAGE_HANDED && live->zones[i].job == 0) {
			director_submit(d, live, STAGE_HANDED,
					start_together_ns(d, live));
			return;
		}
	}
}

void director_judge(struct director *d, struct live_run *live) {
	int64_t now_us = director_now(d);
	live->judged = true;
	bool ready = director_content_ready(d, live);
	for (size_t i = 0; i < live->run.n_zones; i++) {
		enum stage stage = live->zones[i].stage;
		if ((stage != STAGE_PLANNED && stage != STAGE_WAITING) ||
		    barred(d, live, i, now_us)) {
			continue;
		}
		struct live_zone *lz = director_zone(d, live->run.zones[i].zone);
		struct contender asking = contender_of(live);
		struct contender holding = {0};
		if (lz->holder != NULL) {
			holding = contender_of(lz->holder);
		}
		enum verdict verdict =
			priority_judge(lz->holder != NULL ? &holding : NULL, &asking);
		if (verdict == VERDICT_WAIT) {
			lose(d, live, i, lz->holder);
		} else if (ready) {
			take_zone(d, live, i, lz);
		} else {
			live->zones[i].stage = STAGE_WAITING;
		}
	}
	submit_won(d, live);
}

/* The waiting run that comes next after `last` in rank; NULL behind the end. */
static struct live_run *next_waiting(struct director *d, const struct live_run *last) {
	struct live_run *best = NULL;
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		if (!live_run_has(live, STAGE_WAITING) || live == last) {
			continue;
		}
		struct contender c = contender_of(live);
		if (last != NULL) {
			struct contender l = contender_of(last);
			if (!priority_before(&l, &c)) {
				continue;
			}
		}
		struct contender b = {0};
		if (best != NULL) {
			b = contender_of(best);
		}
		if (best == NULL || priority_before(&c, &b)) {
			best = live;
		}
	}
	return best;
}

void director_pump(struct director *d) {
	struct live_run *live = NULL;
	while ((live = next_waiting(d, live)) != NULL) {
		director_judge(d, live);
	}
}

static void sweep_zone(struct director *d, struct live_run *live, size_t i,
		       int64_t now_us) {
	char reason[256];
	enum stage stage = live->zones[i].stage;
	if (stage == STAGE_WAITING && now_us > live->deadline_us) {
		const struct live_zone *lz = director_zone(d, live->run.zones[i].zone);
		const char *who =
			lz != NULL && lz->holder != NULL ? lz->holder->run.title : NULL;
		str_format(reason, sizeof(reason), "waited %lld minutes for %s%s",
			   (long long)((now_us - live->run.due_us) / 60000000),
			   who != NULL ? "the end of " : "its words to be spoken",
			   who != NULL ? who : "");
		director_zone_end(d, live, i, OUTCOME_MISSED, reason, 0);
	} else if (stage == STAGE_PLAYING || stage == STAGE_HANDED) {
		const struct live_zone *lz = director_zone(d, live->run.zones[i].zone);
		int64_t edge_us = now_us + JUDGE_US;
		if (lz != NULL &&
		    director_zone_quiet(d, &lz->zone, edge_us, reason, sizeof(reason))) {
			director_zone_cut(d, live, i, OUTCOME_CUT, reason);
		} else if (live->run.expires_us != TIME_NONE &&
			   edge_us >= live->run.expires_us) {
			director_zone_cut(d, live, i, OUTCOME_CUT,
					  "the announcement has expired");
		}
	}
}

void director_sweep(struct director *d) {
	int64_t now_us = director_now(d);
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		for (size_t i = 0; i < live->run.n_zones; i++) {
			sweep_zone(d, live, i, now_us);
		}
	}
}
