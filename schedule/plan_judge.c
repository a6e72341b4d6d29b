/* plan_judge.c - who sounds in a zone, in a plan (see plan_internal.h): what
 * daemon/director_judge.c and director_pass.c do, step for step, and priority.h decides
 * here as there. Schedules know background, notice and programme alone, so nothing in a
 * plan interrupts another: it waits, is skipped, or is softer beneath it. */
#include "plan_internal.h"

#include "priority.h"

#include <string.h>

#define DAY_S 86400

struct plan_run *spot_run(const struct sim *s, const struct plan_spot *spot) {
	return &s->plan->runs[spot->run];
}

const struct plan_source *spot_source(const struct sim *s, const struct plan_spot *spot) {
	return &s->in->sources[spot_run(s, spot)->source];
}

const struct plan_said *spot_said(const struct sim *s, const struct plan_spot *spot) {
	return plan_said_of(s->plan, spot->run);
}

const struct zone *spot_zone(const struct sim *s, const struct plan_spot *spot) {
	return &s->in->zones[spot->zone];
}

static int32_t number_of(const struct sim *s, const struct plan_spot *spot) {
	return (int32_t)(spot - s->plan->spots);
}

/* ------------------------------------------------------------------------------ quiet */

static int64_t floor_s(int64_t us) {
	return us / SECOND_US - (us % SECOND_US < 0);
}

static int minute_of(struct sim *s, int64_t at_s) {
	if (at_s != s->minute_at_s) {
		int64_t local_s = at_s + tz_offset_s(s->in->tz, at_s);
		int64_t of_day_s = local_s % DAY_S + (local_s % DAY_S < 0 ? DAY_S : 0);
		s->minute_at_s = at_s;
		s->minute = (int)(of_day_s / 60);
	}
	return s->minute;
}

bool sim_quiet(struct sim *s, const struct zone *zone, int64_t at_us, uint8_t *ret_span) {
	size_t span = 0;
	if (zone->n_quiet == 0 ||
	    !quiet_at(zone->quiet, zone->n_quiet, minute_of(s, floor_s(at_us)), &span)) {
		return false;
	}
	*ret_span = (uint8_t)span;
	return true;
}

/* The first instant after after_us, and before before_us, at which the zone falls quiet;
 * INT64_MAX where it does not. It is not quiet at after_us. */
static int64_t next_quiet_us(struct sim *s, const struct zone *zone, int64_t after_us,
			     int64_t before_us) {
	const struct tz *tz = s->in->tz;
	int64_t after_s = floor_s(after_us);
	int64_t next_s = INT64_MAX;
	if (zone->n_quiet == 0) {
		return INT64_MAX;
	}
	if (tz_offset_s(tz, after_s) != tz_offset_s(tz, floor_s(before_us) + 1)) {
		/* The clock on the wall jumps meanwhile: minute by minute. */
		uint8_t span = 0;
		next_s = after_s - after_s % 60 + 60;
		while (next_s * SECOND_US < before_us &&
		       !sim_quiet(s, zone, next_s * SECOND_US, &span)) {
			next_s += 60;
		}
		return next_s * SECOND_US < before_us ? next_s * SECOND_US : INT64_MAX;
	}
	int64_t local_s = (after_s + tz_offset_s(tz, after_s)) % DAY_S;
	for (size_t i = 0; i < zone->n_quiet; i++) {
		int64_t to_s = zone->quiet[i].from_min * 60 - local_s;
		to_s += to_s <= 0 ? DAY_S : 0;
		next_s = after_s + to_s < next_s ? after_s + to_s : next_s;
	}
	return next_s * SECOND_US < before_us ? next_s * SECOND_US : INT64_MAX;
}

/* The director looks at these edges JUDGE_US before every whole second. */
static int64_t look_beyond_us(int64_t at_us) {
	return (floor_s(at_us + JUDGE_US) + 1) * SECOND_US - JUDGE_US;
}

static int64_t look_before_us(int64_t at_us) {
	return (floor_s(at_us - 1) + 1) * SECOND_US - JUDGE_US;
}

/* ----------------------------------------------------------------------------- passes */

static bool another_sounds(const struct sim *s, const struct plan_spot *spot) {
	const struct plan_run *run = spot_run(s, spot);
	for (uint32_t i = run->first; i < run->first + run->n; i++) {
		const struct plan_spot *other = &s->plan->spots[i];
		if (other->pass != spot->pass && other->stage == SPOT_HANDED) {
			return true;
		}
	}
	return false;
}

static bool after_another(const struct plan_run *run, const struct plan_spot *spot) {
	return run->pass_over_us != TIME_NONE && run->pass_over != (int8_t)spot->pass;
}

static int64_t deadline_us(const struct sim *s, const struct plan_spot *spot) {
	const struct plan_run *run = spot_run(s, spot);
	if (!run->passes) {
		return run->due_us + run->patience_us;
	}
	if (another_sounds(s, spot)) {
		return INT64_MAX;
	}
	int64_t over_us = after_another(run, spot) ? run->pass_over_us : run->due_us;
	int64_t from_us = over_us > run->due_us ? over_us : run->due_us;
	return from_us + run->patience_us;
}

static enum verdict verdict_of(const struct sim *s, const struct plan_spot *spot,
			       int32_t *ret_holder);

/* One of a lower pass has not been judged, or could have its zone now. */
static bool a_lower_could(const struct sim *s, const struct plan_spot *spot) {
	const struct plan_run *run = spot_run(s, spot);
	for (uint32_t i = run->first; i < run->first + run->n; i++) {
		const struct plan_spot *other = &s->plan->spots[i];
		int32_t holder = NOBODY;
		if (other->pass < spot->pass && other->stage != SPOT_ENDED &&
		    (other->stage == SPOT_NEW ||
		     verdict_of(s, other, &holder) != VERDICT_WAIT)) {
			return true;
		}
	}
	return false;
}

static bool pass_may(const struct sim *s, const struct plan_spot *spot, int64_t now_us) {
	const struct plan_run *run = spot_run(s, spot);
	if (!run->passes) {
		return true;
	}
	bool pause =
		after_another(run, spot) && now_us <= run->pass_over_us + PASS_PAUSE_US;
	return !pause && !another_sounds(s, spot) && !a_lower_could(s, spot);
}

/* --------------------------------------------------------------------------- verdicts */

static struct contender contender_of(const struct sim *s, const struct plan_spot *spot) {
	return (struct contender){.run = spot->run,
				  .class = spot_source(s, spot)->class,
				  .begun = spot->begun || spot->stage == SPOT_HANDED,
				  .due_us = spot_run(s, spot)->due_us};
}

static enum verdict verdict_of(const struct sim *s, const struct plan_spot *spot,
			       int32_t *ret_holder) {
	const struct plan_zone *zone = &s->zones[spot->zone];
	struct contender asking = contender_of(s, spot);
	*ret_holder = zone->holder != NOBODY ? zone->holder : zone->beneath;
	if (*ret_holder == NOBODY) {
		return priority_judge(NULL, &asking);
	}
	struct contender holding = contender_of(s, &s->plan->spots[*ret_holder]);
	enum verdict verdict = priority_judge(&holding, &asking);
	if (verdict == VERDICT_BENEATH && zone->beneath != NOBODY) {
		*ret_holder = zone->beneath;
		return VERDICT_WAIT;
	}
	return verdict;
}

static void soft_over(struct plan_spot *spot, int64_t now_us) {
	if (spot->soft_since_us != TIME_NONE) {
		int64_t soft_us = now_us - spot->soft_since_us;
		spot->soft_ms += soft_us > 0 ? soft_us / 1000 : 0;
		spot->soft_since_us = TIME_NONE;
	}
}

static void soft_under(const struct sim *s, int32_t beneath, int32_t above,
		       int64_t now_us) {
	struct plan_spot *spot = &s->plan->spots[beneath];
	spot->above = (int32_t)s->plan->spots[above].run;
	if (spot->soft_since_us == TIME_NONE) {
		spot->soft_since_us = now_us;
	}
}

/* --------------------------------------------------------------------------- the ends */

static void leave_zone(struct sim *s, const struct plan_spot *spot) {
	struct plan_zone *zone = &s->zones[spot->zone];
	int32_t number = number_of(s, spot);
	zone->holder = zone->holder == number ? NOBODY : zone->holder;
	zone->beneath = zone->beneath == number ? NOBODY : zone->beneath;
	sim_dirty(s, spot->zone);
	sim_touched(s, spot->zone);
}

void sim_over(struct sim *s, struct plan_spot *spot) {
	spot->stage = SPOT_ENDED;
	s->open -= spot_run(s, spot)->due_us < s->in->until_us;
}

/* It sounds in this zone no more, or never. */
static void finish(struct sim *s, struct plan_spot *spot, enum outcome outcome,
		   int64_t now_us) {
	struct plan_run *run = spot_run(s, spot);
	if (spot->stage == SPOT_WAITING && run->passes) {
		s->passes_waiting--;
	}
	bool sounded = spot->stage == SPOT_HANDED;
	sim_over(s, spot);
	spot->outcome = outcome;
	spot->end_us = now_us;
	s->ended = true;
	soft_over(spot, now_us);
	if (!run->passes || !sounded) {
		return;
	}
	bool again = run->pass_over_us == now_us;
	run->pass_over = (int8_t)spot->pass;
	run->pass_over_us = now_us;
	/* Zones of a pass end together: once for all. Each look behind the pause asks all
	 * who wait (sim_pump). */
	for (uint32_t i = run->first; !again && i < run->first + run->n; i++) {
		if (s->plan->spots[i].stage == SPOT_WAITING) {
			sim_event(s, now_us + PASS_PAUSE_US + 1, i, true);
			return;
		}
	}
}

void sim_end(struct sim *s, uint32_t number, int64_t now_us) {
	struct plan_spot *spot = &s->plan->spots[number];
	if (spot->stage == SPOT_HANDED && spot->end_us == now_us) {
		leave_zone(s, spot);
		finish(s, spot, spot->fading ? OUTCOME_CUT : OUTCOME_PLAYED, now_us);
	}
}

static void cut(struct sim *s, struct plan_spot *spot, enum plan_why why, uint8_t span,
		int64_t now_us) {
	int64_t faded_us = now_us + RAMP_MS * 1000LL;
	leave_zone(s, spot);
	s->ended = true;
	if (spot->start_us > now_us) {
		spot->start_us = TIME_NONE;
		spot->why = why;
		spot->span = span;
		finish(s, spot, OUTCOME_CANCELLED, now_us);
	} else if (faded_us < spot->end_us) {
		spot->why = why;
		spot->span = span;
		spot->fading = true;
		spot->end_us = faded_us;
		sim_event(s, faded_us, (uint32_t)number_of(s, spot), false);
	}
}

/* What stands against sounding now, whoever has the zone; ends the spot. */
static bool barred(struct sim *s, struct plan_spot *spot, int64_t now_us) {
	int64_t due_us = spot_run(s, spot)->due_us;
	int64_t expires_us = spot_said(s, spot)->expires_us;
	const struct zone *zone = spot_zone(s, spot);
	int64_t at_us = now_us > due_us ? now_us : due_us;
	int64_t edge_us = now_us + JUDGE_US > due_us ? now_us + JUDGE_US : due_us;
	if (expires_us != TIME_NONE && edge_us >= expires_us) {
		spot->why = PLAN_WHY_EXPIRED;
	} else if (sim_quiet(s, zone, at_us, &spot->span) ||
		   sim_quiet(s, zone, edge_us, &spot->span)) {
		spot->why = PLAN_WHY_QUIET;
	} else {
		return false;
	}
	finish(s, spot, spot->begun ? OUTCOME_CUT : OUTCOME_SKIPPED, now_us);
	return true;
}

/* -------------------------------------------------------------------------- the queue */

static int64_t earlier(int64_t a, int64_t b) {
	return a < b ? a : b;
}

/* When a spot that waits has to be looked at, whatever the others do. */
static void look_later(struct sim *s, const struct plan_spot *spot, int64_t now_us) {
	/* What was interrupted has begun: it waits for as long as it takes. */
	int64_t next_us = spot->begun ? INT64_MAX : deadline_us(s, spot);
	int64_t expires_us = spot_said(s, spot)->expires_us;
	next_us = next_us < INT64_MAX ? look_beyond_us(next_us) : next_us;
	if (expires_us != TIME_NONE) {
		next_us = earlier(next_us, look_before_us(expires_us));
	}
	int64_t horizon_us = earlier(next_us, now_us + 8 * DAY_S * SECOND_US);
	int64_t quiet_us =
		next_quiet_us(s, spot_zone(s, spot), now_us + JUDGE_US, horizon_us);
	next_us = quiet_us < INT64_MAX ? earlier(next_us, quiet_us - JUDGE_US) : next_us;
	if (next_us < INT64_MAX) {
		sim_event(s, next_us > now_us ? next_us : now_us + 1,
			  (uint32_t)number_of(s, spot), true);
	}
}

void sim_wait(struct sim *s, uint32_t number, int64_t now_us) {
	struct plan_spot *spot = &s->plan->spots[number];
	struct numbers *queue = &s->zones[spot->zone].waiting;
	if (numbers_add(queue, number) < 0) {
		s->failed = true;
		return;
	}
	struct contender own = contender_of(s, spot);
	size_t at = queue->n - 1;
	while (at > 0) {
		struct contender last =
			contender_of(s, &s->plan->spots[queue->items[at - 1]]);
		if (!priority_before(&own, &last)) {
			break;
		}
		queue->items[at] = queue->items[at - 1];
		at--;
	}
	queue->items[at] = number;
	spot->stage = SPOT_WAITING;
	s->passes_waiting += spot_run(s, spot)->passes;
	look_later(s, spot, now_us);
}

static void lose(struct sim *s, struct plan_spot *spot, int32_t holder, int64_t now_us) {
	if (spot->behind < 0) {
		spot->behind = (int32_t)s->plan->spots[holder].run;
	}
	if (!spot->begun && spot_source(s, spot)->conflict == CONFLICT_SKIP) {
		spot->behind = (int32_t)s->plan->spots[holder].run;
		spot->why = PLAN_WHY_TAKEN;
		finish(s, spot, OUTCOME_SKIPPED, now_us);
	} else if (spot->stage == SPOT_NEW) {
		sim_wait(s, (uint32_t)number_of(s, spot), now_us);
	}
}

static void judge_spot(struct sim *s, struct plan_spot *spot, int64_t now_us) {
	if ((spot->stage != SPOT_NEW && spot->stage != SPOT_WAITING) ||
	    barred(s, spot, now_us)) {
		return;
	}
	uint32_t number = (uint32_t)number_of(s, spot);
	if (!pass_may(s, spot, now_us)) {
		if (spot->stage == SPOT_NEW) {
			sim_wait(s, number, now_us);
		}
		return;
	}
	struct plan_zone *zone = &s->zones[spot->zone];
	int32_t holder = NOBODY;
	enum verdict verdict = verdict_of(s, spot, &holder);
	if (verdict == VERDICT_WAIT) {
		lose(s, spot, holder, now_us);
		return;
	}
	if (verdict == VERDICT_BENEATH) {
		zone->beneath = (int32_t)number;
		soft_under(s, (int32_t)number, holder, now_us);
	} else {
		if (holder != NOBODY) {
			zone->beneath = holder;
			soft_under(s, holder, (int32_t)number, now_us);
		}
		zone->holder = (int32_t)number;
	}
	if (spot->stage == SPOT_WAITING && spot_run(s, spot)->passes) {
		s->passes_waiting--;
	}
	spot->stage = SPOT_HANDED;
	spot->start_us = TIME_NONE;
	if (s->passes_waiting > 0) {
		/* A later pass elsewhere may go because the zone of its earlier one is
		 * taken now: the director sees that when it looks next. */
		sim_event(s, look_beyond_us(now_us), number, true);
	}
	s->failed |= numbers_add(&s->fresh, number) < 0;
}

static bool gives_up(struct sim *s, struct plan_spot *spot, int64_t now_us) {
	if (spot->stage != SPOT_WAITING || spot->begun ||
	    now_us <= deadline_us(s, spot)) {
		return false;
	}
	int32_t holder = s->zones[spot->zone].holder;
	if (holder != NOBODY) {
		spot->behind = (int32_t)s->plan->spots[holder].run;
	}
	spot->why = PLAN_WHY_WAITED;
	finish(s, spot, OUTCOME_MISSED, now_us);
	return true;
}

void sim_look(struct sim *s, uint32_t number, int64_t now_us) {
	struct plan_spot *spot = &s->plan->spots[number];
	uint8_t span = 0;
	if (spot->stage == SPOT_WAITING) {
		if (!gives_up(s, spot, now_us)) {
			sim_dirty(s, spot->zone);
			look_later(s, spot, now_us);
		}
		return;
	}
	if (spot->stage != SPOT_HANDED || spot->fading) {
		return;
	}
	int64_t expires_us = spot_said(s, spot)->expires_us;
	if (sim_quiet(s, spot_zone(s, spot), now_us + JUDGE_US, &span)) {
		cut(s, spot, PLAN_WHY_QUIET, span, now_us);
	} else if (expires_us != TIME_NONE && now_us + JUDGE_US >= expires_us) {
		cut(s, spot, PLAN_WHY_EXPIRED, 0, now_us);
	}
}

static int compare_numbers(const void *a, const void *b) {
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* Who has waited too long has done so before anybody is judged. */
static void sweep_zone(struct sim *s, uint32_t number, int64_t now_us) {
	const struct numbers *queue = &s->zones[number].waiting;
	s->zones[number].dirty = false;
	for (size_t i = 0; i < queue->n; i++) {
		(void)gives_up(s, &s->plan->spots[queue->items[i]], now_us);
	}
}

static void pump_zone(struct sim *s, uint32_t number, int64_t now_us) {
	struct numbers *queue = &s->zones[number].waiting;
	size_t kept = 0;
	for (size_t i = 0; i < queue->n; i++) {
		struct plan_spot *spot = &s->plan->spots[queue->items[i]];
		if (spot->stage == SPOT_WAITING) {
			judge_spot(s, spot, now_us);
		}
		if (spot->stage == SPOT_WAITING) {
			queue->items[kept++] = queue->items[i];
		}
	}
	queue->n = kept;
}

void sim_pump(struct sim *s, int64_t now_us) {
	/* Whether a later pass may go depends on zones elsewhere. */
	for (uint32_t z = 0; s->passes_waiting > 0 && z < s->in->n_zones; z++) {
		if (s->zones[z].waiting.n > 0) {
			sim_dirty(s, z);
		}
	}
	struct numbers now = s->dirty;
	s->dirty = (struct numbers){0};
	if (now.n > 0) {
		qsort(now.items, now.n, sizeof(*now.items), compare_numbers);
	}
	for (size_t i = 0; i < now.n; i++) {
		sweep_zone(s, now.items[i], now_us);
	}
	for (size_t i = 0; i < now.n; i++) {
		pump_zone(s, now.items[i], now_us);
	}
	if (s->dirty.items == NULL) {
		now.n = 0;
		s->dirty = now;
	} else {
		free(now.items);
	}
}

void sim_balance(struct sim *s, int64_t now_us) {
	for (size_t i = 0; i < s->touched.n; i++) {
		struct plan_zone *zone = &s->zones[s->touched.items[i]];
		if (zone->holder == NOBODY && zone->beneath != NOBODY) {
			zone->holder = zone->beneath;
			zone->beneath = NOBODY;
			soft_over(&s->plan->spots[zone->holder], now_us);
		}
	}
	s->touched.n = 0;
}

/* -------------------------------------------------------------------------- the begin */

void sim_sound(struct sim *s, uint32_t number, int64_t start_us, int64_t judged_us) {
	/* Quiet hours may begin while the amplifier wakes. */
	int64_t from_us = earlier(start_us, judged_us + JUDGE_US);
	struct plan_spot *spot = &s->plan->spots[number];
	int64_t expires_us = spot_said(s, spot)->expires_us;
	spot->start_us = start_us;
	spot->end_us = start_us + spot->left_ms * 1000;
	sim_event(s, spot->end_us, number, false);
	if (s->passes_waiting > 0) {
		/* Or when it is told that this sounds. */
		sim_event(s, start_us, number, true);
	}
	int64_t quiet_us = next_quiet_us(s, spot_zone(s, spot), from_us,
					 spot->end_us + JUDGE_US + SECOND_US);
	if (quiet_us < INT64_MAX && quiet_us - JUDGE_US < spot->end_us) {
		sim_event(s, quiet_us - JUDGE_US, number, true);
	}
	if (expires_us != TIME_NONE && look_before_us(expires_us) < spot->end_us) {
		sim_event(s, look_before_us(expires_us), number, true);
	}
}

/* Those of one run that begin at this moment begin together. */
void sim_begin(struct sim *s, int64_t now_us) {
	for (size_t i = 0; i < s->fresh.n; i++) {
		const struct plan_spot *spot = &s->plan->spots[s->fresh.items[i]];
		const struct zone *zone = spot_zone(s, spot);
		struct plan_run *run = spot_run(s, spot);
		run->begins_apart |=
			run->begins_output != 0 && run->begins_output != zone->output;
		run->begins_output = zone->output;
		run->begins_lead_ms = zone->lead_ms > run->begins_lead_ms
					      ? zone->lead_ms
					      : run->begins_lead_ms;
	}
	for (size_t i = 0; i < s->fresh.n; i++) {
		const struct plan_spot *spot = &s->plan->spots[s->fresh.items[i]];
		const struct plan_run *run = spot_run(s, spot);
		int64_t start_us = now_us + (run->begins_apart ? TOGETHER_US : 0);
		int64_t woken_us = now_us + run->begins_lead_ms * 1000LL;
		start_us = start_us > run->due_us ? start_us : run->due_us;
		start_us = start_us > woken_us ? start_us : woken_us;
		sim_sound(s, s->fresh.items[i], start_us, now_us);
	}
	for (size_t i = 0; i < s->fresh.n; i++) {
		struct plan_run *run = spot_run(s, &s->plan->spots[s->fresh.items[i]]);
		run->begins_apart = false;
		run->begins_output = 0;
		run->begins_lead_ms = 0;
	}
	s->fresh.n = 0;
}

void sim_judge(struct sim *s, uint32_t number, int64_t now_us) {
	const struct plan_run *run = &s->plan->runs[number];
	struct plan_spot *spots = &s->plan->spots[run->first];
	int first = ZONE_PASS_MAX;
	for (uint32_t i = 0; i < run->n; i++) {
		first = spots[i].stage == SPOT_NEW && spots[i].pass < first
				? spots[i].pass
				: first;
	}
	for (int pass = first; pass <= (run->passes ? ZONE_PASS_MAX : first); pass++) {
		for (uint32_t i = 0; i < run->n; i++) {
			if (spots[i].stage == SPOT_NEW && spots[i].pass == pass) {
				judge_spot(s, &spots[i], now_us);
			}
		}
	}
	/* The first pass was handed over ahead of its time: no lead delays it. */
	size_t kept = 0;
	for (size_t i = 0; i < s->fresh.n; i++) {
		const struct plan_spot *spot = &s->plan->spots[s->fresh.items[i]];
		if (spot->pass == first && run->due_us > now_us) {
			sim_sound(s, s->fresh.items[i], run->due_us, now_us);
		} else {
			s->fresh.items[kept++] = s->fresh.items[i];
		}
	}
	s->fresh.n = kept;
	sim_begin(s, now_us);
}
