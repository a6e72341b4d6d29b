/* plan_days.c - how long each zone sounds on each day of a plan (see plan_internal.h). */
#include "plan_internal.h"

#include <string.h>

struct stretch {
	uint32_t zone;
	int64_t from_us;
	int64_t to_us;
};

/* The days of the wall clock that a plan touches; edges[i] begins day first + i. */
struct span_of_days {
	int64_t first;
	size_t n;
	int64_t *edges; /* n + 1 of them */
};

static int64_t day_of(const struct tz *tz, int64_t us) {
	struct civil c;
	tz_to_civil(tz, us / SECOND_US - (us % SECOND_US < 0), &c);
	return civil_to_days(c.year, c.month, c.day);
}

static int find_days(const struct plan_input *in, struct span_of_days *ret) {
	ret->first = day_of(in->tz, in->from_us);
	ret->n = (size_t)(day_of(in->tz, in->until_us - 1) - ret->first) + 1;
	ret->edges = calloc(ret->n + 1, sizeof(*ret->edges));
	if (ret->edges == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i <= ret->n; i++) {
		struct civil c = {0};
		civil_from_days(ret->first + (int64_t)i, &c.year, &c.month, &c.day);
		ret->edges[i] = tz_from_civil(in->tz, &c) * SECOND_US;
	}
	return 0;
}

static int compare_stretches(const void *a, const void *b) {
	const struct stretch *x = a;
	const struct stretch *y = b;
	if (x->zone != y->zone) {
		return x->zone < y->zone ? -1 : 1;
	}
	return (x->from_us > y->from_us) - (x->from_us < y->from_us);
}

static int64_t clip(int64_t us, int64_t from_us, int64_t to_us) {
	return us < from_us ? from_us : us > to_us ? to_us : us;
}

static struct stretch *list_stretches(const struct plan *p, size_t *ret_n) {
	struct stretch *list = calloc(p->n_spots + 1, sizeof(*list));
	size_t n = 0;
	for (size_t i = 0; list != NULL && i < p->n_spots; i++) {
		const struct plan_spot *spot = &p->spots[i];
		if (spot->start_us != TIME_NONE && plan_shows(p, spot)) {
			list[n++] = (struct stretch){spot->zone, spot->start_us,
						     spot->end_us};
		}
	}
	if (list != NULL) {
		qsort(list, n, sizeof(*list), compare_stretches);
	}
	*ret_n = n;
	return list;
}

/* Adds a zone's stretches to its days; *ret: n of these, by day. */
static void add_up(const struct plan *p, const struct span_of_days *days,
		   const struct stretch *list, size_t n, struct plan_day *ret) {
	int64_t covered_us = p->input->from_us;
	size_t first = 0;
	for (size_t i = 0; i < n; i++) {
		int64_t begin_us = list[i].from_us;
		int64_t from_us = begin_us > covered_us ? begin_us : covered_us;
		int64_t to_us = list[i].to_us < p->until_us ? list[i].to_us : p->until_us;
		while (first + 1 < days->n && days->edges[first + 1] <= begin_us) {
			first++;
		}
		ret[first].runs +=
			begin_us >= days->edges[0] && begin_us < days->edges[days->n];
		for (size_t d = first; d < days->n && days->edges[d] < to_us; d++) {
			int64_t a = clip(from_us, days->edges[d], days->edges[d + 1]);
			int64_t b = clip(to_us, days->edges[d], days->edges[d + 1]);
			ret[d].sounding_ms += b > a ? (b - a) / 1000 : 0;
		}
		covered_us = to_us > covered_us ? to_us : covered_us;
	}
}

static int compare_days(const void *a, const void *b) {
	const struct plan_day *x = a;
	const struct plan_day *y = b;
	if (x->day != y->day) {
		return x->day < y->day ? -1 : 1;
	}
	return (x->zone > y->zone) - (x->zone < y->zone);
}

static int add_zone(struct plan *p, const struct span_of_days *days,
		    const struct stretch *list, size_t n, size_t *size) {
	AUTO(free) struct plan_day *own = calloc(days->n, sizeof(*own));
	if (own == NULL) {
		return -ENOMEM;
	}
	add_up(p, days, list, n, own);
	for (size_t d = 0; d < days->n; d++) {
		if (own[d].sounding_ms == 0 && own[d].runs == 0) {
			continue;
		}
		if (p->n_days == *size) {
			size_t more = *size == 0 ? 64 : *size * 2;
			struct plan_day *grown =
				reallocarray(p->days, more, sizeof(*grown));
			if (grown == NULL) {
				return -ENOMEM;
			}
			p->days = grown;
			*size = more;
		}
		own[d].zone = list[0].zone;
		own[d].day = days->first + (int64_t)d;
		p->days[p->n_days++] = own[d];
	}
	return 0;
}

int sim_days(struct sim *s) {
	struct plan *p = s->plan;
	struct span_of_days days = {0};
	size_t n = 0;
	size_t size = 0;
	int rc = find_days(s->in, &days);
	struct stretch *list = rc < 0 ? NULL : list_stretches(p, &n);
	rc = list == NULL ? -ENOMEM : 0;
	for (size_t i = 0, end = 0; rc >= 0 && i < n; i = end) {
		while (end < n && list[end].zone == list[i].zone) {
			end++;
		}
		rc = add_zone(p, &days, list + i, end - i, &size);
	}
	free(list);
	free(days.edges);
	if (p->n_days > 0) {
		qsort(p->days, p->n_days, sizeof(*p->days), compare_days);
	}
	return rc;
}
