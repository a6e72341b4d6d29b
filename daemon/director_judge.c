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
		str_format(reason, sizeof(reason), "the %s has expired",
			   live_run_urgent(live) ? "alert" : "announcement");
	} else if (!live_run_defies_quiet(live) &&
		   (director_zone_quiet(d, &lz->zone, at_us, reason, sizeof(reason)) ||
		    director_zone_quiet(d, &lz->zone, edge_us, reason, sizeof(reason)))) {
		outcome = OUTCOME_SKIPPED;
	} else if (live->zones[i].stage == STAGE_PLANNED && live->zones[i].job == 0 &&
		   now_us - live->run.due_us > live->late_allowed_us) {
		str_format(reason, sizeof(reason), "the clock was set past its time");
		outcome = OUTCOME_MISSED;
	} else {
		return false;
	}
	director_withdraw(d, live, i);
	if (live_run_begun(live, i)) {
		outcome = OUTCOME_CUT;
	}
	director_zone_end(d, live, i, outcome, reason, live->zones[i].heard_ms);
	return true;
}

struct contender director_contender(const struct live_run *live, size_t i) {
	const struct live_zone_run *lzr = &live->zones[i];
	return (struct contender){.run = live->run.id,
				  .class = live->run.class,
				  .begun = lzr->heard_ms > 0 ||
					   lzr->stage == STAGE_PLAYING,
				  .due_us = live->run.due_us,
				  .severity = live->run.severity,
				  .level = live->run.level,
				  .alert = live->run.alert,
				  .drill = live->drill,
				  .again = live->again};
}

static void lose(struct director *d, struct live_run *live, size_t i,
		 const struct live_run *holder) {
	struct live_zone_run *lzr = &live->zones[i];
	director_withdraw(d, live, i);
	if (lzr->stage == STAGE_PAUSED) {
		return;
	}
	if (live->conflict == CONFLICT_SKIP) {
		char reason[256];
		str_format(reason, sizeof(reason), "'%s' had the zone",
			   holder != NULL ? holder->run.title : "an alert");
		director_zone_end(d, live, i, OUTCOME_SKIPPED, reason, 0);
		return;
	}
	if (lzr->stage != STAGE_WAITING) {
		lzr->stage = STAGE_WAITING;
		director_tell_zone(d, live->run.zones[i].zone);
	}
}

/* Those that sound in the zone make way for one that ranks higher: softly beneath it, or
 * silent until it is over. */
static void make_way(struct director *d, struct live_zone *lz, struct live_run *asking,
		     size_t i) {
	struct live_run *sounding[] = {lz->holder, lz->beneath};
	struct contender c = director_contender(asking, i);
	lz->holder = NULL;
	lz->beneath = NULL;
	for (size_t k = 0; k < sizeof(sounding) / sizeof(sounding[0]); k++) {
		struct live_run *former = sounding[k];
		if (former == NULL) {
			continue;
		}
		size_t at = live_run_find(former, lz->zone.id);
		struct contender f = director_contender(former, at);
		if (priority_judge(&f, &c) == VERDICT_DUCK) {
			lz->beneath = former;
		} else {
			director_interrupt(d, former, at, asking);
		}
	}
}

static enum verdict verdict_of(const struct live_zone *lz, const struct live_run *live,
			       size_t i, struct live_run **ret_holder) {
	struct contender asking = director_contender(live, i);
	struct live_run *holder = lz->holder != NULL ? lz->holder : lz->beneath;
	*ret_holder = holder;
	if (holder == NULL) {
		return priority_judge(director_zone_kept(lz, live), &asking);
	}
	struct contender holding =
		director_contender(holder, live_run_find(holder, lz->zone.id));
	enum verdict verdict = priority_judge(&holding, &asking);
	/* There is one place beneath. */
	if (verdict == VERDICT_BENEATH && lz->beneath != NULL) {
		*ret_holder = lz->beneath;
		return VERDICT_WAIT;
	}
	return verdict;
}

bool director_could_have(const struct director *d, const struct live_run *live,
			 size_t i) {
	struct live_run *holder = NULL;
	const struct live_zone *lz = director_zone(d, live->run.zones[i].zone);
	return lz != NULL && verdict_of(lz, live, i, &holder) != VERDICT_WAIT;
}

/* Whether it sounds in zone i from now on; then it is handed. */
static void judge_zone(struct director *d, struct live_run *live, size_t i,
		       int64_t now_us) {
	struct live_zone_run *lzr = &live->zones[i];
	if ((lzr->stage != STAGE_PLANNED && lzr->stage != STAGE_WAITING &&
	     lzr->stage != STAGE_PAUSED) ||
	    barred(d, live, i, now_us) || !director_rejoin_may(d, live, i)) {
		return;
	}
	if (!director_pass_may(d, live, i) || !director_together_may(d, live, i)) {
		director_withdraw(d, live, i);
		lzr->stage = lzr->stage == STAGE_PLANNED ? STAGE_WAITING : lzr->stage;
		return;
	}
	struct live_zone *lz = director_zone(d, live->run.zones[i].zone);
	struct live_run *holder = NULL;
	enum verdict verdict = verdict_of(lz, live, i, &holder);
	if (verdict == VERDICT_WAIT) {
		lose(d, live, i, holder);
		return;
	}
	bool ready = director_content_ready(d, live);
	if (lzr->stage == STAGE_ENDED) {
		return; /* its words cannot be had */
	}
	if (!ready) {
		lzr->stage = lzr->stage == STAGE_PLANNED ? STAGE_WAITING : lzr->stage;
		return;
	}
	if (verdict == VERDICT_BENEATH) {
		lz->beneath = live;
	} else {
		make_way(d, lz, live, i);
		lz->holder = live;
		lz->kept_until_ns = 0;
	}
	lzr->stage = STAGE_HANDED;
}

/* Zones of several outputs must start together; those of one output do anyway. And what
 * got a zone that was free again too early waits for its time. */
static int64_t start_of(const struct director *d, const struct live_run *live) {
	int64_t first = 0;
	int64_t start_ns = 0;
	for (size_t i = 0; i < live->run.n_zones; i++) {
		if (live->zones[i].stage != STAGE_HANDED || live->zones[i].job != 0) {
			continue;
		}
		const struct live_zone *lz = director_zone(d, live->run.zones[i].zone);
		if (lz == NULL) {
			continue;
		}
		if (first != 0 && lz->zone.output != first) {
			start_ns = clock_mono_ns() + TOGETHER_US * 1000;
		}
		first = lz->zone.output;
	}
	/* An emergency does not ask the clock, which may have been set back. */
	if (live_run_urgent(live) || live->run.due_us <= director_now(d)) {
		return start_ns;
	}
	int64_t due_ns = clock_mono_ns_at(live->run.due_us);
	return due_ns > start_ns ? due_ns : start_ns;
}

/* Gives the zones it won to the engine: all in one job, but for those that come back at
 * another place. */
static void submit_won(struct director *d, struct live_run *live) {
	int64_t start_ns = 0;
	do {
		if (!director_rejoin_start(d, live, &start_ns)) {
			start_ns = start_of(d, live);
		}
	} while (director_submit(d, live, STAGE_HANDED, start_ns));
}

void director_judge(struct director *d, struct live_run *live) {
	int64_t now_us = director_now(d);
	live->judged = true;
	for (int pass = 0; pass <= ZONE_PASS_MAX; pass++) {
		for (size_t i = 0; i < live->run.n_zones; i++) {
			if (live->zones[i].pass == pass) {
				judge_zone(d, live, i, now_us);
			}
		}
	}
	submit_won(d, live);
}

struct live_run *director_next_waiting(const struct director *d, int64_t zone,
				       const struct live_run *last, size_t *ret_i) {
	struct live_run *best = NULL;
	struct contender l = {0};
	struct contender b = {0};
	if (last != NULL) {
		l = director_contender(last, live_run_find(last, zone));
	}
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		size_t i = live_run_find(live, zone);
		if (i == live->run.n_zones || !director_may(d, live) ||
		    (live->zones[i].stage != STAGE_WAITING &&
		     live->zones[i].stage != STAGE_PAUSED)) {
			continue;
		}
		struct contender c = director_contender(live, i);
		if ((last == NULL || priority_before(&l, &c)) &&
		    (best == NULL || priority_before(&c, &b))) {
			best = live;
			b = c;
			*ret_i = i;
		}
	}
	return best;
}

/* Mostly nobody waits anywhere, and runs that are to come may be many. */
static bool mark_wanted(struct director *d) {
	bool any = false;
	for (const struct live_run *live = d->runs; live != NULL; live = live->next) {
		bool may = live->judged && director_may(d, live);
		for (size_t i = 0; may && i < live->run.n_zones; i++) {
			enum stage stage = live->zones[i].stage;
			struct live_zone *lz = NULL;
			if (stage == STAGE_WAITING || stage == STAGE_PAUSED) {
				lz = director_zone(d, live->run.zones[i].zone);
			}
			if (lz != NULL) {
				lz->wanted = true;
				any = true;
			}
		}
	}
	return any;
}

void director_pump(struct director *d) {
	int64_t now_us = director_now(d);
	if (!mark_wanted(d)) {
		return;
	}
	for (size_t z = 0; z < d->n_zones; z++) {
		struct live_run *live = NULL;
		int64_t zone = d->zones[z]->zone.id;
		size_t i = 0;
		if (!d->zones[z]->wanted) {
			continue;
		}
		d->zones[z]->wanted = false;
		while ((live = director_next_waiting(d, zone, live, &i)) != NULL) {
			judge_zone(d, live, i, now_us);
		}
	}
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		submit_won(d, live);
	}
}

static void sweep_zone(struct director *d, struct live_run *live, size_t i,
		       int64_t now_us) {
	char reason[256];
	director_lost_sweep(d, live, i);
	enum stage stage = live->zones[i].stage;
	if (stage == STAGE_WAITING && now_us > director_pass_deadline_us(live, i)) {
		const struct live_zone *lz = director_zone(d, live->run.zones[i].zone);
		const char *who =
			lz != NULL && lz->holder != NULL ? lz->holder->run.title : NULL;
		str_format(reason, sizeof(reason), "waited %lld minutes for %s%s",
			   (long long)((now_us - live->run.due_us) / 60000000),
			   who != NULL ? "the end of " : "its words to be spoken",
			   who != NULL ? who : "");
		director_zone_end(d, live, i, OUTCOME_MISSED, reason, 0);
	} else if (stage == STAGE_PAUSED) {
		(void)barred(d, live, i, now_us);
	} else if (stage == STAGE_PLAYING || stage == STAGE_HANDED) {
		const struct live_zone *lz = director_zone(d, live->run.zones[i].zone);
		int64_t edge_us = now_us + JUDGE_US;
		if (lz != NULL && !live_run_defies_quiet(live) &&
		    director_zone_quiet(d, &lz->zone, edge_us, reason, sizeof(reason))) {
			director_zone_cut(d, live, i, OUTCOME_CUT, reason);
		} else if (live->run.expires_us != TIME_NONE &&
			   edge_us >= live->run.expires_us) {
			director_zone_cut(d, live, i, OUTCOME_CUT,
					  live_run_urgent(live)
						  ? "the alert has expired"
						  : "the announcement has expired");
		}
	}
}

void director_sweep(struct director *d) {
	int64_t now_us = director_now(d);
	for (struct live_run *live = d->runs; live != NULL; live = live->next) {
		for (size_t i = 0; director_may(d, live) && i < live->run.n_zones; i++) {
			sweep_zone(d, live, i, now_us);
		}
	}
}
