/* planner.h - which schedule is due next, over all schedules.
 * Owner: the director. Threads: the core thread alone. Pure: `now` is an argument,
 * nothing is read or written.
 *
 * A heap ordered by the next due time of every enabled schedule, so that finding the next
 * costs nothing and taking it O(log n), at 100,000 schedules. Every due time after the
 * watermark is given out exactly once, in order. */
#pragma once

#include "rule.h"
#include "types.h"

struct planner;

struct planned {
	int64_t schedule;
	int64_t due_us;
	int64_t occurrence_us; /* due then by the rule; due_us but where it was moved */
};

/* tz is borrowed. mark_us: dues at or before it are never given out. */
int planner_new(const struct tz *tz, const struct calendar *calendar, int64_t mark_us,
		struct planner **ret, struct error *err);
void planner_free(struct planner *p); /* NULL is fine */
DEFINE_AUTO(struct planner *, planner_free)

/* Adds or replaces a schedule; only dues after since_us (when it was saved or enabled, so
 * that a new schedule is not found late for yesterday; TIME_NONE where it stood before)
 * and after the mark of planner_new or the last reset count. None that was given out
 * comes again, unless the schedule was taken out in between: its run's claim is refused
 * then. A disabled one is taken out. -EINVAL: its rule.
 *
 * An occurrence that was moved is given out twice, at its own time and at the other one,
 * whether its override holds or not: who takes it looks. */
int planner_put(struct planner *p, const struct schedule *schedule, int64_t since_us,
		struct error *err);
/* Its overrides have changed, and nothing else. */
int planner_put_overrides(struct planner *p, const struct schedule *schedule,
			  struct error *err);
void planner_remove(struct planner *p, int64_t schedule);

/* The earliest due of all. Returns 1, or 0 where nothing will ever be due. Does not take
 * it. */
int planner_peek(const struct planner *p, struct planned *ret);
/* Takes the earliest where it is due at or before until_us: returns 1 and moves that
 * schedule on to its next, else 0. */
int planner_take(struct planner *p, int64_t until_us, struct planned *ret);
/* The watermark: every due at or before it was given out. It goes back where a schedule
 * is put that is due before the latest one taken. */
int64_t planner_mark(const struct planner *p);
/* After a clock step or a change of zone: computes every due anew after mark_us. now_us
 * is what the clock says now: a schedule that was saved later than that (by a clock that
 * ran ahead) counts as saved now. INT64_MAX: it cannot be believed. */
void planner_reset(struct planner *p, const struct tz *tz, int64_t mark_us,
		   int64_t now_us);
/* The calendar has changed: computes every due anew that lies after now_us. What was due
 * before and was not taken yet stays; what would have been due does not count. */
void planner_replan(struct planner *p, int64_t now_us);
size_t planner_count(const struct planner *p);
