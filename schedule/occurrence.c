/* occurrence.c - see occurrence.h. */
#include "occurrence.h"

#define SECOND_US 1000000LL
#define LOOK_BACK_S (366 * 86400)

/* At most until_us. */
static int64_t due_within(const struct series *s, int64_t after_us, int64_t until_us) {
	const struct schedule *p = s->schedule;
	int64_t due_us = INT64_MAX;
	if (p->from_us != TIME_NONE && p->from_us - 1 > after_us) {
		after_us = p->from_us - 1;
	}
	if (p->until_us != TIME_NONE && p->until_us <= until_us) {
		until_us = p->until_us - 1;
	}
	return after_us < until_us && rule_next_until(s->rule, s->tz, s->calendar,
						      after_us, until_us, &due_us) > 0
		       ? due_us
		       : INT64_MAX;
}

int64_t series_due_after(const struct series *s, int64_t after_us) {
	return due_within(s, after_us, INT64_MAX);
}

int64_t series_due_before(const struct series *s, int64_t before_us) {
	/* Due times are whole seconds. One comes after `low`, before before_us, and none
	 * after `high`. */
	int64_t high = (before_us - 1) / SECOND_US - ((before_us - 1) % SECOND_US < 0);
	int64_t low = high - LOOK_BACK_S;
	if (due_within(s, low * SECOND_US, before_us - 1) == INT64_MAX) {
		return TIME_NONE;
	}
	while (low + 1 < high) {
		int64_t middle = low + (high - low) / 2;
		bool any = due_within(s, middle * SECOND_US, before_us - 1) != INT64_MAX;
		low = any ? middle : low;
		high = any ? high : middle;
	}
	return high * SECOND_US;
}

bool series_is_due(const struct series *s, int64_t due_us) {
	return due_within(s, due_us - 1, due_us) == due_us;
}

const struct override *schedule_override(const struct schedule *s, int64_t due_us) {
	for (size_t i = 0; i < s->n_overrides; i++) {
		if (s->overrides[i].due_us == due_us) {
			return &s->overrides[i];
		}
	}
	return NULL;
}

bool override_holds(const struct series *s, const struct override *override) {
	return override->passed || series_is_due(s, override->due_us);
}

static bool comes_before(const struct occurrence *a, const struct occurrence *b) {
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->due_us < b->due_us;
}

/* The next one that keeps its own time. */
static void next_by_rule(const struct series *s, const struct occurrence *last,
			 struct occurrence *ret) {
	int64_t after_us = last->due_us < last->at_us ? last->at_us - 1 : last->at_us;
	const struct override *o = NULL;
	do {
		after_us = series_due_after(s, after_us);
		o = after_us == INT64_MAX ? NULL
					  : schedule_override(s->schedule, after_us);
	} while (o != NULL && o->to_us != TIME_NONE);
	*ret = (struct occurrence){after_us, after_us, o};
}

bool series_next(const struct series *s, struct occurrence *at) {
	const struct schedule *p = s->schedule;
	struct occurrence best;
	next_by_rule(s, at, &best);
	for (size_t i = 0; i < p->n_overrides; i++) {
		const struct override *o = &p->overrides[i];
		struct occurrence moved = {o->due_us, o->to_us, o};
		if (o->to_us != TIME_NONE && comes_before(at, &moved) &&
		    comes_before(&moved, &best) && override_holds(s, o)) {
			best = moved;
		}
	}
	*at = best;
	return best.at_us != INT64_MAX;
}

/* Due then by the rule, and neither skipped nor moved. */
static bool keeps_its_time(const struct series *s, int64_t due_us) {
	const struct override *o = schedule_override(s->schedule, due_us);
	bool elsewhere =
		o != NULL && (o->action == OVERRIDE_SKIP || o->to_us != TIME_NONE);
	return !elsewhere && series_is_due(s, due_us);
}

bool series_taken(const struct series *s, int64_t due_us, int64_t at_us) {
	bool taken = at_us != due_us && keeps_its_time(s, at_us);
	for (size_t i = 0; !taken && i < s->schedule->n_overrides; i++) {
		const struct override *o = &s->schedule->overrides[i];
		taken = o->to_us == at_us && o->due_us != due_us && override_holds(s, o);
	}
	return taken;
}
