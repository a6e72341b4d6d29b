/* director_rejoin.c - a run whose card is lost in one zone and sounds on elsewhere, or
 * that is a live call: there it has not ended, but waits for the card, and rejoins in
 * step, within what the others say at that moment (see director_internal.h): to the frame
 * where that is from clips, within milliseconds where it is relayed, for that begins with
 * what comes then. An alert whose others all wait for their zones begins anew.
 * Where nobody goes on it ends as failed, with the card's words.
 *
 * It stands in its zone as one that was interrupted, STAGE_PAUSED, with `lost.since_ns`
 * set until it is heard again; another may have the zone meanwhile. */
#include "director_internal.h"

#include "base/str.h"

/* Ahead, to decode up to there and to start the card. */
#define REJOIN_NS (500 * 1000000LL)
#define SETTLE_NS (300 * 1000000LL) /* the loss may be known before the fault is */

/* Of the zones that are to sound together with it. */
static bool beside(const struct live_run *live, size_t i, size_t k) {
	return k != i && live->zones[k].pass == live->zones[i].pass;
}

/* It goes on there, or will, without the card that zone i waits for. An alert that waits
 * for its own chime to end does. */
static bool goes_on(const struct live_run *live, size_t k) {
	const struct live_zone_run *lzr = &live->zones[k];
	switch (lzr->stage) {
	case STAGE_PLANNED:
	case STAGE_HANDED:
	case STAGE_PLAYING:
		return true;
	case STAGE_PAUSED:
		return lzr->lost.since_ns == 0;
	case STAGE_WAITING:
		return live_run_urgent(live);
	case STAGE_ENDED:
		break;
	}
	return false;
}

static bool has_company(const struct live_run *live, size_t i) {
	for (size_t k = 0; k < live->run.n_zones; k++) {
		if (beside(live, i, k) && goes_on(live, k)) {
			return true;
		}
	}
	return false;
}

/* One that says where the run is now. */
static const struct live_zone_run *reference(const struct live_run *live, size_t i) {
	for (size_t k = 0; k < live->run.n_zones; k++) {
		const struct live_zone_run *lzr = &live->zones[k];
		if (beside(live, i, k) && lzr->stage == STAGE_PLAYING && !lzr->yielding &&
		    lzr->reason[0] == '\0') {
			return lzr;
		}
	}
	return NULL;
}

bool director_lost(struct director *d, struct live_run *live, size_t i,
		   const struct engine_event *event) {
	struct live_zone_run *lzr = &live->zones[i];
	bool call = live->jitter != NULL && !live->hung_up;
	if (!event->lost || (!call && !has_company(live, i))) {
		return false;
	}
	director_disturb_over(&lzr->ducked);
	if (lzr->lost.since_ns == 0) {
		lzr->lost.times++;
		lzr->lost.since_ns = clock_mono_ns();
	}
	str_copy(lzr->lost.by, sizeof(lzr->lost.by), event->text);
	str_copy(lzr->card_words, sizeof(lzr->card_words), event->text);
	lzr->heard_ms += event->played_ms;
	lzr->job = 0;
	lzr->soft = false;
	director_leave_zone(d, live, i);
	lzr->stage = STAGE_PAUSED;
	if (live_run_begun(live, i)) {
		director_turn(d, live, i, OUTCOME_PAUSED);
	}
	director_wake_soon(d);
	return true;
}

bool director_is_lost(const struct live_run *live, size_t i) {
	return live->zones[i].lost.since_ns != 0;
}

bool director_rejoining(const struct live_run *live, size_t i) {
	const struct live_zone_run *lzr = &live->zones[i];
	bool amid = lzr->missed_ms > 0 && lzr->from_ms == lzr->missed_ms;
	return director_is_lost(live, i) || amid;
}

void director_found(struct live_run *live, size_t i) {
	director_disturb_over(&live->zones[i].lost);
}

void director_lost_for_good(struct director *d, struct live_run *live, size_t i) {
	struct live_zone_run *lzr = &live->zones[i];
	lzr->lost.times--;
	lzr->lost.since_ns = 0;
	director_zone_end(d, live, i, OUTCOME_FAILED, lzr->card_words, lzr->heard_ms);
}

void director_lost_sweep(struct director *d, struct live_run *live, size_t i) {
	if (live->zones[i].stage == STAGE_PAUSED && director_is_lost(live, i) &&
	    live->jitter == NULL && !has_company(live, i)) {
		director_withdraw(d, live, i);
		director_lost_for_good(d, live, i);
	}
}

/* An alert has nobody to be in step with, where the others wait for their zones: it says
 * the whole at once. */
static bool begins_anew(const struct live_run *live, size_t i) {
	for (size_t k = 0; k < live->run.n_zones; k++) {
		enum stage stage = live->zones[k].stage;
		if (beside(live, i, k) &&
		    (stage == STAGE_HANDED || stage == STAGE_PLAYING)) {
			return false;
		}
	}
	return live_run_urgent(live);
}

/* Nobody has begun: it is there again before it was missed. */
static bool missed_nothing(const struct live_run *live, size_t i) {
	return !live_run_begun(live, i) && has_company(live, i);
}

bool director_rejoin_could(const struct director *d, const struct live_run *live,
			   size_t i) {
	const struct live_zone *lz = director_zone(d, live->run.zones[i].zone);
	if (!director_is_lost(live, i)) {
		return true;
	}
	if (lz == NULL || !director_output_well(d, lz->zone.output) ||
	    clock_mono_ns() - live->zones[i].lost.since_ns < SETTLE_NS) {
		return false;
	}
	return live->jitter != NULL || reference(live, i) != NULL ||
	       missed_nothing(live, i) || begins_anew(live, i);
}

bool director_rejoin_may(const struct director *d, struct live_run *live, size_t i) {
	struct live_zone_run *lzr = &live->zones[i];
	if (!director_rejoin_could(d, live, i)) {
		return false;
	}
	if (!director_is_lost(live, i) || live->jitter != NULL ||
	    reference(live, i) != NULL) {
		return true;
	}
	if (missed_nothing(live, i)) {
		lzr->lost.times--;
		lzr->lost.since_ns = 0;
		lzr->stage = STAGE_WAITING;
	} else {
		lzr->from_ms = 0;
		lzr->missed_ms = 0;
	}
	return true;
}

/* The next that goes to the engine, of those that won their zone. */
static size_t next_to_go(const struct live_run *live) {
	size_t i = 0;
	while (i < live->run.n_zones &&
	       (live->zones[i].stage != STAGE_HANDED || live->zones[i].job != 0)) {
		i++;
	}
	return i;
}

bool director_rejoin_start(struct director *d, struct live_run *live, int64_t *ret_ns) {
	const struct live_zone_run *ref = NULL;
	size_t i = next_to_go(live);
	while (i < live->run.n_zones && ref == NULL) {
		if (!director_is_lost(live, i) || live->jitter != NULL ||
		    begins_anew(live, i)) {
			return false;
		}
		ref = reference(live, i);
		if (ref == NULL) {
			/* It was taken from its zone, or ended, since the judgement. */
			director_wait_again(d, live, i);
			director_wake_soon(d);
			i = next_to_go(live);
		}
	}
	if (ref == NULL) {
		return false;
	}
	/* On a millisecond of the run, for these are what a job can begin at. */
	int64_t past_ns = clock_mono_ns() + REJOIN_NS - ref->began_ns;
	int64_t past_ms = past_ns > 0 ? past_ns / 1000000 + 1 : 0;
	for (size_t k = 0; k < live->run.n_zones; k++) {
		if (live->zones[k].stage == STAGE_HANDED && live->zones[k].job == 0 &&
		    director_is_lost(live, k)) {
			live->zones[k].from_ms = ref->begin_ms + past_ms;
			live->zones[k].missed_ms = live->zones[k].from_ms;
		}
	}
	*ret_ns = ref->began_ns + past_ms * 1000000;
	return true;
}
