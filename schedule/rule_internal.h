/* rule_internal.h - what the files of a rule share: rule.c takes the text apart,
 * rule_cron.c its five fields, rule_condition.c what stands behind a semicolon,
 * rule_days.c on which days that holds, rule_next.c finds the times. */
#pragma once

#include "almanac.h"
#include "rule.h"

#include <stdbool.h>
#include <stdint.h>

#define RULE_TEXT_MAX 1000 /* bytes */
#define RULE_CONDITIONS_MAX 16

/* A place in the text. */
struct scan {
	const char *text;
	const char *at;
};

/* -EINVAL: "column 7: " and the sentence. */
int scan_error(const struct scan *s, const char *at, struct error *err,
	       const char *format, ...) __attribute__((format(printf, 4, 5)));
void scan_blanks(struct scan *s);
bool scan_end(const struct scan *s); /* at the end of the text or at a semicolon */
/* Takes a run of ASCII letters; 0 where there is none. */
size_t scan_word(const struct scan *s);
bool scan_word_is(const struct scan *s, size_t len, const char *word); /* any case */
/* Up to `max`; -EINVAL where there is no number or a larger one; `what` is "minute". */
int scan_number(struct scan *s, const char *what, int max, int *ret, struct error *err);
/* YYYY-MM-DD, a day that exists, as days since 1970. */
int scan_date(struct scan *s, int64_t *ret_day, struct error *err);
struct date_span;
/* DATE or DATE..DATE, each also without its year. */
int scan_date_span(struct scan *s, struct date_span *ret, struct error *err);
/* What stands here, for a sentence: up to the next blank, comma or semicolon. */
int scan_excerpt(const struct scan *s);

/* The five fields. Bit n of a mask stands for the value n. */
struct cron {
	uint64_t minutes;
	uint32_t hours;
	uint32_t days;
	uint32_t months;
	uint32_t weekdays;  /* 0 Sunday to 6 */
	bool last_day;      /* L: the last of the month as well */
	bool days_star;     /* the field begins with '*' */
	bool weekdays_star; /* so that the other decides alone: cron(8) */
};

int cron_parse(struct scan *s, struct cron *ret, struct error *err);
/* Whether any minute of this day matches. */
bool cron_day_matches(const struct cron *c, int64_t day);

enum condition_id {
	CONDITION_WORKDAY,
	CONDITION_OFFDAY,
	CONDITION_HOLIDAY,
	CONDITION_SWAPPED,
	CONDITION_LUNAR,
	CONDITION_LUNAR_LEAP,
	CONDITION_TAIL,
	CONDITION_LUNAR_TAIL,
	CONDITION_BRANCH,
	CONDITION_EVERY,
	CONDITION_FROM,
	CONDITION_UNTIL,
	CONDITION_DATE,
	CONDITION_TERM,
};

/* Of `date`: days since 1970, or month * 100 + day of every year, where `to` may lie
 * before `from`: over the turn of the year. */
struct date_span {
	int64_t from;
	int64_t to;
	bool yearly;
};

#define LUNAR_LAST 31 /* the bit of "last" */
#define DATE_SPANS_MAX 32

struct condition {
	enum condition_id id;
	bool negated;
	bool leap;      /* lunar, lunar-tail: leap months count too */
	int every_days; /* every */
	int64_t day;    /* from, until, every: its date */
	/* tails: bit n for a last digit n, bit 10 for 0; branches: bits 1 to 12; terms:
	 * bits 1 to 24. */
	uint32_t mask;
	/* lunar: of each month (0: of any) bit n for day n. */
	uint32_t lunar[13];
	struct date_span *spans; /* date */
	size_t n_spans;
};

int condition_parse(struct scan *s, struct condition *ret, struct error *err);
void condition_done(struct condition *c);
bool condition_asks_almanac(const struct condition *c);
bool condition_asks_calendar(const struct condition *c);
/* Whether it holds on a day; on days the almanac does not know, none that asks it does,
 * nor its opposite. */
bool condition_holds(const struct condition *c, const struct calendar *calendar,
		     int64_t day);
/* The first day at or after `day` on which it may hold; INT64_MAX: none is to come. Only
 * for speed. */
int64_t condition_skip(const struct condition *c, int64_t day);

struct rule {
	bool at; /* once, at `civil`; else by cron and conditions */
	struct civil civil;
	struct cron cron;
	struct condition *conditions;
	size_t n_conditions;
};
