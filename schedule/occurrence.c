/* occurrence.c - see occurrence.h. */
#include "occurrence.h"

#define LOOK_BACK_US (366 * 86400 * 1000000LL)

int64_t series_due_after(const struct series *s, int64_t after_us) {
	const struct schedule *p = s->schedule;
	int64_t due_us = INT64_MAX;
	if (p->from_us != TIME_NONE && p->from_us - 1 > after_us) {
		after_us = p->from_us - 1;
	}
	if (rule_next(s->rule, s->tz, s->calendar, after_us, &due_us) == 0 ||
	    (p->until_us != TIME_NONE && due_us >= p->until_us)) {
		return INT64_MAX;
	}
	return due_us;
}

int64_t series_due_before(const struct series *s, int64_t before_us) {
	/* The next one after `low` comes before it, that after `high` does not. */
	int64_t low = before_us - LOOK_BACK_US;
	int64_t high = before_us - 1;
	if (series_due_after(s, low) >= before_us) {
		return TIME_NONE;
	}
	while (low < high) {
		int64_t middle = low + (high - low) / 2;
		int64_t due_us = series_due_after(s, middle);
		low = due_us < before_us ? due_us : low;
		high = due_us < before_us ? high : middle;
	}
	return low;
}

bool series_is_due(const struct series *s, int64_t due_us) {
	return series_due_after(s, due_us - 1) == due_us;
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

bool series_taken(const struct series *s, int64_t due_us, int64_t at_us) {
	struct occurrence o = {.due_us = INT64_MAX, .at_us = at_us - 1};
	while (series_next(s, &o) && o.at_us == at_us) {
		bool skipped = o.override != NULL && o.override->action == OVERRIDE_SKIP;
		if (o.due_us != due_us && !skipped) {
			return true;
		}
	}
	return false;
}
