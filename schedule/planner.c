/* planner.c - see planner.h. A binary heap by (due, id) of the entries that will be due
 * again, and a search tree of all entries by id. */
#include "planner.h"

#include <search.h>
#include <stdlib.h>

#define NOT_IN_HEAP SIZE_MAX

struct plan_entry {
	int64_t id;
	struct rule *rule;     /* NULL: one occurrence, at another time */
	int64_t occurrence_us; /* which, and when */
	int64_t to_us;
	struct plan_entry *moves; /* of a schedule: those of it that were moved */
	struct plan_entry *next_move;
	int64_t since_us; /* dues at or before are not wanted */
	int64_t from_us;
	int64_t until_us;
	int64_t given_us; /* the last one given out */
	int64_t due_us;   /* the next; only while it is in the heap */
	size_t place;     /* in the heap */
};

struct planner {
	const struct tz *tz;
	const struct calendar *calendar;
	int64_t base_us; /* what it began with, at first or at the last reset */
	int64_t mark_us; /* the latest due given out, or the base */
	struct plan_entry **heap;
	size_t n;
	size_t size;
	void *by_id; /* tsearch(3) */
	size_t count;
	size_t n_moves;
};

static void plan_entry_free(struct plan_entry *e) {
	if (e == NULL) {
		return;
	}
	while (e->moves != NULL) {
		struct plan_entry *move = e->moves;
		e->moves = move->next_move;
		free(move);
	}
	rule_free(e->rule);
	free(e);
}

static int compare_ids(const void *a, const void *b) {
	const struct plan_entry *x = a;
	const struct plan_entry *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static struct plan_entry *find(const struct planner *p, int64_t id) {
	struct plan_entry key = {.id = id};
	void *node = tfind(&key, &p->by_id, compare_ids);
	return node != NULL ? *(struct plan_entry **)node : NULL;
}

/* ------------------------------------------------------------------------------- heap */

static bool before(const struct plan_entry *a, const struct plan_entry *b) {
	return a->due_us != b->due_us ? a->due_us < b->due_us : a->id < b->id;
}

static void heap_set(struct planner *p, size_t place, struct plan_entry *e) {
	p->heap[place] = e;
	e->place = place;
}

static void heap_up(struct planner *p, size_t place) {
	struct plan_entry *e = p->heap[place];
	while (place > 0 && before(e, p->heap[(place - 1) / 2])) {
		heap_set(p, place, p->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	heap_set(p, place, e);
}

static void heap_down(struct planner *p, size_t place) {
	struct plan_entry *e = p->heap[place];
	for (;;) {
		size_t child = place * 2 + 1;
		if (child >= p->n) {
			break;
		}
		if (child + 1 < p->n && before(p->heap[child + 1], p->heap[child])) {
			child++;
		}
		if (!before(p->heap[child], e)) {
			break;
		}
		heap_set(p, place, p->heap[child]);
		place = child;
	}
	heap_set(p, place, e);
}

static void heap_remove(struct planner *p, struct plan_entry *e) {
	if (e->place == NOT_IN_HEAP) {
		return;
	}
	size_t place = e->place;
	struct plan_entry *last = p->heap[--p->n];
	e->place = NOT_IN_HEAP;
	if (last != e) {
		heap_set(p, place, last);
		heap_up(p, place);
		heap_down(p, last->place);
	}
}

/* There is room for every entry. */
static void heap_add(struct planner *p, struct plan_entry *e) {
	heap_set(p, p->n, e);
	p->n++;
	heap_up(p, e->place);
}

static int heap_reserve(struct planner *p, size_t n) {
	if (n <= p->size) {
		return 0;
	}
	size_t size = p->size == 0 ? 64 : p->size * 2;
	struct plan_entry **heap =
		reallocarray(p->heap, size, sizeof(struct plan_entry *));
	if (heap == NULL) {
		return -ENOMEM;
	}
	p->heap = heap;
	p->size = size;
	return 0;
}

/* ----------------------------------------------------------------------------- planner
 */

static int64_t later(int64_t a, int64_t b) {
	return a > b ? a : b;
}

/* The first due of it after after_us. */
static bool next_due(const struct planner *p, const struct plan_entry *e,
		     int64_t after_us, int64_t *ret_us) {
	if (e->rule == NULL) {
		*ret_us = e->to_us;
		return e->to_us > after_us;
	}
	return rule_next(e->rule, p->tz, p->calendar, after_us, ret_us) > 0 &&
	       (e->until_us == TIME_NONE || *ret_us < e->until_us);
}

/* Puts the entry where its next due belongs, or out of the heap. */
static void plan(struct planner *p, struct plan_entry *e) {
	heap_remove(p, e);
	/* Not after the mark: dues are taken some seconds early, and a schedule that is
	 * saved in these seconds may be due before the latest that was given out. */
	int64_t after_us = later(later(p->base_us, e->since_us), e->given_us);
	if (e->from_us != TIME_NONE) {
		after_us = later(after_us, e->from_us - 1);
	}
	int64_t due_us = 0;
	if (next_due(p, e, after_us, &due_us)) {
		e->due_us = due_us;
		heap_add(p, e);
	}
}

int planner_new(const struct tz *tz, const struct calendar *calendar, int64_t mark_us,
		struct planner **ret, struct error *err) {
	struct planner *p = calloc(1, sizeof(*p));
	if (p == NULL) {
		return error_set(err, ENOMEM, "no memory for the plan");
	}
	p->tz = tz;
	p->calendar = calendar;
	p->base_us = mark_us;
	p->mark_us = mark_us;
	*ret = p;
	return 0;
}

static void free_node(void *node) {
	plan_entry_free(node);
}

void planner_free(struct planner *p) {
	if (p == NULL) {
		return;
	}
	tdestroy(p->by_id, free_node);
	free(p->heap);
	free(p);
}

static struct plan_entry *plan_entry_of(struct planner *p, int64_t id,
					struct error *err) {
	struct plan_entry *e = find(p, id);
	if (e != NULL) {
		return e;
	}
	e = calloc(1, sizeof(*e));
	if (e == NULL || heap_reserve(p, p->count + p->n_moves + 1) < 0) {
		free(e);
		error_set(err, ENOMEM, "no memory for schedule %lld", (long long)id);
		return NULL;
	}
	e->id = id;
	e->given_us = TIME_NONE;
	e->place = NOT_IN_HEAP;
	if (tsearch(e, &p->by_id, compare_ids) == NULL) {
		free(e);
		error_set(err, ENOMEM, "no memory for schedule %lld", (long long)id);
		return NULL;
	}
	p->count++;
	return e;
}

static void drop_moves(struct planner *p, struct plan_entry *e) {
	while (e->moves != NULL) {
		struct plan_entry *move = e->moves;
		heap_remove(p, move);
		e->moves = move->next_move;
		p->n_moves--;
		free(move);
	}
}

/* What was given out of the same occurrence at the same other time. */
static int64_t given_before(const struct plan_entry *e, const struct override *o) {
	for (const struct plan_entry *m = e->moves; m != NULL; m = m->next_move) {
		if (m->occurrence_us == o->due_us && m->to_us == o->to_us) {
			return m->given_us;
		}
	}
	return TIME_NONE;
}

static int add_move(struct planner *p, struct plan_entry *e, const struct override *o,
		    struct plan_entry **list) {
	struct plan_entry *move = calloc(1, sizeof(*move));
	if (move == NULL) {
		return -ENOMEM;
	}
	*move = (struct plan_entry){.id = e->id,
				    .occurrence_us = o->due_us,
				    .to_us = o->to_us,
				    .next_move = *list,
				    .since_us = e->since_us,
				    .from_us = TIME_NONE,
				    .until_us = TIME_NONE,
				    .given_us = given_before(e, o),
				    .place = NOT_IN_HEAP};
	*list = move;
	p->n_moves++;
	return heap_reserve(p, p->count + p->n_moves);
}

static int put_moves(struct planner *p, struct plan_entry *e, const struct schedule *s,
		     struct error *err) {
	struct plan_entry *moves = NULL;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < s->n_overrides; i++) {
		if (s->overrides[i].to_us != TIME_NONE) {
			rc = add_move(p, e, &s->overrides[i], &moves);
		}
	}
	drop_moves(p, e);
	e->moves = moves;
	if (rc < 0) {
		drop_moves(p, e);
		return error_set(err, ENOMEM, "no memory for schedule %lld",
				 (long long)e->id);
	}
	for (struct plan_entry *move = moves; move != NULL; move = move->next_move) {
		plan(p, move);
	}
	return 0;
}

int planner_put_overrides(struct planner *p, const struct schedule *schedule,
			  struct error *err) {
	struct plan_entry *e = find(p, schedule->id);
	return e != NULL ? put_moves(p, e, schedule, err) : 0;
}

int planner_put(struct planner *p, const struct schedule *schedule, int64_t since_us,
		struct error *err) {
	if (!schedule->enabled) {
		planner_remove(p, schedule->id);
		return 0;
	}
	AUTO(rule_free) struct rule *rule = NULL;
	int rc = rule_parse(schedule->rule, &rule, err);
	if (rc < 0) {
		return rc;
	}
	struct plan_entry *e = plan_entry_of(p, schedule->id, err);
	if (e == NULL) {
		return -ENOMEM;
	}
	rule_free(e->rule);
	e->rule = MOVE(rule);
	e->since_us = since_us;
	e->from_us = schedule->from_us;
	e->until_us = schedule->until_us;
	plan(p, e);
	return put_moves(p, e, schedule, err);
}

void planner_remove(struct planner *p, int64_t schedule) {
	struct plan_entry *e = find(p, schedule);
	if (e == NULL) {
		return;
	}
	heap_remove(p, e);
	drop_moves(p, e);
	tdelete(e, &p->by_id, compare_ids);
	plan_entry_free(e);
	p->count--;
}

static struct planned planned_of(const struct plan_entry *e) {
	return (struct planned){.schedule = e->id,
				.due_us = e->due_us,
				.occurrence_us =
					e->rule != NULL ? e->due_us : e->occurrence_us};
}

int planner_peek(const struct planner *p, struct planned *ret) {
	if (p->n == 0) {
		return 0;
	}
	*ret = planned_of(p->heap[0]);
	return 1;
}

int planner_take(struct planner *p, int64_t until_us, struct planned *ret) {
	if (p->n == 0 || p->heap[0]->due_us > until_us) {
		return 0;
	}
	struct plan_entry *e = p->heap[0];
	*ret = planned_of(e);
	p->mark_us = later(p->mark_us, e->due_us);
	e->given_us = e->due_us;
	plan(p, e);
	return 1;
}

/* One that is due no later may still be here, at the same instant or saved since: that
 * time is not dealt with yet. */
int64_t planner_mark(const struct planner *p) {
	if (p->n > 0 && p->heap[0]->due_us <= p->mark_us) {
		return p->heap[0]->due_us - 1;
	}
	return p->mark_us;
}

struct fresh {
	struct planner *p;
	int64_t now_us;
};

static void plan_afresh(struct plan_entry *e, const struct fresh *fresh) {
	e->given_us = TIME_NONE;
	/* Saved under a clock that ran ahead: it must not wait for that time. */
	e->since_us = e->since_us < fresh->now_us ? e->since_us : fresh->now_us;
	plan(fresh->p, e);
}

static void plan_anew(const void *node, VISIT which, void *arg) {
	const struct fresh *fresh = arg;
	if (which == preorder || which == endorder) {
		return;
	}
	struct plan_entry *e = *(struct plan_entry *const *)node;
	plan_afresh(e, fresh);
	for (struct plan_entry *move = e->moves; move != NULL; move = move->next_move) {
		plan_afresh(move, fresh);
	}
}

void planner_reset(struct planner *p, const struct tz *tz, int64_t mark_us,
		   int64_t now_us) {
	p->tz = tz;
	p->base_us = mark_us;
	p->mark_us = mark_us;
	for (size_t i = 0; i < p->n; i++) {
		p->heap[i]->place = NOT_IN_HEAP;
	}
	p->n = 0;
	struct fresh fresh = {p, now_us};
	twalk_r(p->by_id, plan_anew, &fresh);
}

static void plan_on(const void *node, VISIT which, void *arg) {
	const struct fresh *fresh = arg;
	if (which == preorder || which == endorder) {
		return;
	}
	struct plan_entry *e = *(struct plan_entry *const *)node;
	if (!rule_asks_holidays(e->rule) ||
	    (e->place != NOT_IN_HEAP && e->due_us <= fresh->now_us)) {
		return;
	}
	e->since_us = later(e->since_us, fresh->now_us);
	plan(fresh->p, e);
}

void planner_replan(struct planner *p, int64_t now_us) {
	struct fresh fresh = {p, now_us};
	twalk_r(p->by_id, plan_on, &fresh);
}

size_t planner_count(const struct planner *p) {
	return p->count;
}
