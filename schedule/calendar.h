/* calendar.h - which days are working days: what holiday files say, laid over each other.
 * Owner: main, or a command. Threads: one at a time while it changes, else any. Pure:
 * never blocks. NULL stands for the empty one: weekends only. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "holidays.h"

struct calendar;

int calendar_new(struct calendar **ret, struct error *err);
void calendar_free(struct calendar *c); /* NULL is fine */
DEFINE_AUTO(struct calendar *, calendar_free)

/* One of its own, for who reads while the other may change; NULL gives NULL. */
int calendar_copy(const struct calendar *c, struct calendar **ret, struct error *err);

/* Lays a file over what is there: its days win. A year is known once its own file was
 * added. -ENOMEM leaves it half laid. */
int calendar_add(struct calendar *c, const struct holidays *file, struct error *err);
/* Those that come with the program. */
int calendar_add_shipped(struct calendar *c, struct error *err);
/* c becomes what `by` was, and `by` is released: for those who hold c. */
void calendar_become(struct calendar *c, struct calendar *by);

enum calendar_day {
	CALENDAR_PLAIN, /* as its weekday says */
	CALENDAR_OFF,   /* a holiday, or a bridge to one */
	CALENDAR_WORK   /* a working day in place of another */
};
/* Days since 1970. */
enum calendar_day calendar_day(const struct calendar *c, int64_t day);
bool calendar_workday(const struct calendar *c, int64_t day);
/* Whether the file of a year was added. */
bool calendar_knows(const struct calendar *c, int year);
