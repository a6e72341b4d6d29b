/* director_pause.c - what is interrupted, or goes on softly beneath another; how it comes
 * back, and how all that is told (see director_internal.h).
 *
 * Interrupted, a run fades out; the engine then says what place it reached. From three
 * seconds before that, or from its start, it is given to the engine anew when the zone is
 * free: a job of its own, so that nothing is held meanwhile. Its row says `paused`, and
 * at the end, beside its one outcome, who was in the way and for how long. */
#include "director_internal.h"

#include "base/str.h"

#include <stdio.h>

static void disturb(struct disturbed *what, const struct live_run *by) {
	char title[BY_SIZE - 20];
	str_copy(title, sizeof(title), by->run.title != NULL ? by->run.title : "");
	str_format(what->by, sizeof(what->by), "'%s' (%s)", title,
		   run_class_name(by->run.class));
	if (what->since_ns == 0) {
		what->times++;
		what->since_ns = clock_mono_ns();
	}
}

void director_disturb_over(struct disturbed *what) {
	if (what->since_ns != 0) {
		what->over_ns += clock_mono_ns() - what->since_ns;
		what->since_ns = 0;
	}
}

static void disturb_undo(struct disturbed *what) {
	what->times--;
	what->since_ns = 0;
}

void director_not_interrupted(struct live_run *live, size_t i) {
	if (live->zones[i].yielding) {
		live->zones[i].yielding = false;
		disturb_undo(&live->zones[i].paused);
	}
}

/* ---- told ---- */

static void time_words(int64_t ns, char *ret, size_t size) {
	int64_t ms = ns / 1000000;
	if (ms < 9950) {
		snprintf(ret, size, "%.1f s", (double)ms / 1000);
	} else if (ms < 120000) {
		snprintf(ret, size, "%lld s", (long long)(ms + 500) / 1000);
	} else {
		snprintf(ret, size, "%lld min", (long long)(ms + 30000) / 60000);
	}
}

/* "interrupted by 'flood' (emergency) for 12 s, resumed" */
static void pause_words(const struct live_run *live, size_t i, char *ret, size_t size) {
	const struct disturbed *what = &live->zones[i].paused;
	const char *end = live->run.resume == RESUME_RESTART ? "restarted" : "resumed";
	char length[32];
	time_words(what->over_ns, length, sizeof(length));
	if (what->times == 1 && what->since_ns != 0) {
		str_format(ret, size, "interrupted by %s", what->by);
	} else if (what->times == 1) {
		str_format(ret, size, "interrupted by %s for %s, %s", what->by, length,
			   end);
	} else if (what->since_ns != 0) {
		str_format(ret, size, "interrupted %d times, now by %s", what->times,
			   what->by);
	} else {
		str_format(ret, size,
			   "interrupted %d times for %s in all, last by %s, %s",
			   what->times, length, what->by, end);
	}
}

/* "softer under 'notice' (notice) for 5.0 s" */
static void duck_words(const struct disturbed *what, char *ret, size_t size) {
	char length[32];
	int64_t now_ns = what->since_ns != 0 ? clock_mono_ns() - what->since_ns : 0;
	time_words(what->over_ns + now_ns, length, sizeof(length));
	if (what->times == 1) {
		str_format(ret, size, "softer under %s for %s", what->by, length);
	} else {
		str_format(ret, size, "softer %d times for %s in all, last under %s",
			   what->times, length, what->by);
	}
}

/* "not heard for 3.2 s: cannot write to 'hw:1': No such device" */
static void lost_words(const struct disturbed *what, char *ret, size_t size) {
	char length[32];
	time_words(what->over_ns, length, sizeof(length));
	if (what->since_ns != 0) {
		str_format(ret, size, "not heard any more: %s", what->by);
	} else if (what->times == 1) {
		str_format(ret, size, "not heard for %s: %s", length, what->by);
	} else {
		str_format(ret, size, "not heard %d times for %s in all, last: %s",
			   what->times, length, what->by);
	}
}

void director_story(const struct live_run *live, size_t i, char *ret, size_t size) {
	const struct live_zone_run *lzr = &live->zones[i];
	char soft[BY_SIZE + 80] = "";
	char paused[BY_SIZE + 80] = "";
	if (lzr->ducked.times > 0) {
		duck_words(&lzr->ducked, soft, sizeof(soft));
	}
	if (lzr->paused.times > 0) {
		pause_words(live, i, paused, sizeof(paused));
	}
	char lost[BY_SIZE + 80] = "";
	if (lzr->lost.times > 0) {
		lost_words(&lzr->lost, lost, sizeof(lost));
	}
	/* Last what may still be going on, so that more can be said of it. */
	bool before = soft[0] != '\0' || lost[0] != '\0';
	str_format(ret, size, "%s%s%s%s%s", soft,
		   soft[0] != '\0' && lost[0] != '\0' ? "; " : "", lost,
		   before && paused[0] != '\0' ? "; " : "", paused);
}

void director_end_words(const struct live_run *live, size_t i, const char *reason,
			char *ret, size_t size) {
	char story[3 * BY_SIZE + 240];
	bool paused = live->zones[i].paused.since_ns != 0;
	director_story(live, i, story, sizeof(story));
	reason = reason != NULL ? reason : "";
	if (story[0] == '\0') {
		str_format(ret, size, "%s", reason);
	} else if (paused) {
		str_format(ret, size, "%s, not %s%s%s", story,
			   live->run.resume == RESUME_RESTART ? "restarted" : "resumed",
			   reason[0] != '\0' ? ": " : "", reason);
	} else {
		str_format(ret, size, "%s%s%s", story, reason[0] != '\0' ? "; " : "",
			   reason);
	}
}

void director_turn(struct director *d, struct live_run *live, size_t i,
		   enum outcome outcome) {
	struct run_zone *rz = &live->run.zones[i];
	live->zones[i].turned = true;
	rz->outcome = outcome;
	rz->played_ms = live->zones[i].heard_ms;
	live->run.state = run_state(live->run.zones, live->run.n_zones);
	director_record(d, live, i);
	live->changed = true;
}

/* ---- interrupted ---- */

void director_interrupt(struct director *d, struct live_run *live, size_t i,
			const struct live_run *by) {
	struct live_zone_run *lzr = &live->zones[i];
	director_leave_zone(d, live, i);
	director_disturb_over(&lzr->ducked);
	disturb(&lzr->paused, by);
	lzr->yielding = true;
	engine_stop(d->config.engine, lzr->job, live->run.zones[i].zone, RAMP_MS);
}

/* It was taken back before its first frame: as if the other had been there first. */
static void unheard(struct director *d, struct live_run *live, size_t i) {
	struct live_zone_run *lzr = &live->zones[i];
	char reason[256];
	str_format(reason, sizeof(reason), "%s had the zone", lzr->paused.by);
	disturb_undo(&lzr->paused);
	if (live->conflict == CONFLICT_SKIP) {
		director_zone_end(d, live, i, OUTCOME_SKIPPED, reason, 0);
	} else {
		/* One that has still to join the others may do so at any time. */
		lzr->stage = director_is_lost(live, i) ? STAGE_PAUSED : STAGE_WAITING;
		director_tell_zone(d, live->run.zones[i].zone);
	}
}

void director_interrupted(struct director *d, struct live_run *live, size_t i,
			  const struct engine_event *event) {
	struct live_zone_run *lzr = &live->zones[i];
	bool heard = lzr->stage == STAGE_PLAYING || event->played_ms > 0;
	lzr->yielding = false;
	lzr->job = 0;
	lzr->soft = false;
	lzr->heard_ms += event->played_ms;
	if (!heard && lzr->heard_ms == 0) {
		unheard(d, live, i);
		return;
	}
	/* Interrupted again before it had come back: it stays where it was. */
	if (heard) {
		int64_t back_ms = event->place_ms - BACK_MS;
		bool resumes = live->run.resume == RESUME_RESUME;
		lzr->from_ms = resumes && back_ms > 0 ? back_ms : 0;
		director_pass_over(live, i);
	}
	lzr->stage = STAGE_PAUSED;
	if (live->run.resume == RESUME_DROP || live->hung_up) {
		director_zone_end(d, live, i, OUTCOME_CUT,
				  live->hung_up ? DIRECTOR_CALL_OVER : NULL,
				  lzr->heard_ms);
		return;
	}
	director_turn(d, live, i, OUTCOME_PAUSED);
}

void director_came_back(struct director *d, struct live_run *live, size_t i) {
	if (!live->zones[i].yielding) {
		director_disturb_over(&live->zones[i].paused);
	}
	director_turn(d, live, i, OUTCOME_PLAYING);
}

/* ---- softer ---- */

/* As long as the one above takes to begin, where that is known. */
static int duck_ms(const struct director *d, const struct live_run *above) {
	int64_t ahead_ms = (above->run.due_us - director_now(d)) / 1000;
	if (ahead_ms < DUCK_MIN_MS) {
		return DUCK_MIN_MS;
	}
	return ahead_ms < DUCK_MS ? (int)ahead_ms : DUCK_MS;
}

static void set_soft(struct director *d, struct live_run *live, int64_t zone,
		     const struct live_run *above) {
	size_t i = live_run_find(live, zone);
	struct live_zone_run *lzr = &live->zones[i];
	if (above != NULL) {
		disturb(&lzr->ducked, above);
	} else {
		director_disturb_over(&lzr->ducked);
	}
	if (lzr->job == 0 || lzr->soft == (above != NULL)) {
		return;
	}
	lzr->soft = above != NULL;
	engine_gain(d->config.engine, lzr->job, zone, lzr->soft ? DUCK_DB : 0.0,
		    lzr->soft ? duck_ms(d, above) : DUCK_MS);
	director_tell_zone(d, zone);
}

void director_balance(struct director *d) {
	for (size_t z = 0; z < d->n_zones; z++) {
		struct live_zone *lz = d->zones[z];
		if (lz->holder == NULL) {
			lz->holder = lz->beneath;
			lz->beneath = NULL;
		}
		if (lz->holder != NULL) {
			set_soft(d, lz->holder, lz->zone.id, NULL);
		}
		if (lz->beneath != NULL) {
			set_soft(d, lz->beneath, lz->zone.id, lz->holder);
		}
	}
}
