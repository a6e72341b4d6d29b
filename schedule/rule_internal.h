/* rule_internal.h - what the files of a rule share: rule.c takes the text apart,
 * rule_cron.c its five fields, rule_condition.c what stands behind a semicolon,
 * rule_next.c finds the times. */
#pragma once

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

struct condition {
	const struct condition_kind *kind;
	bool negated;
	int64_t day;          /* from, until, every: its date */
	int every_days;       /* every */
	uint32_t tails;       /* tail: bit n for a last digit n, bit 10 for 0 */
	int64_t spans[32][2]; /* date: from, to */
	size_t n_spans;
};

int condition_parse(struct scan *s, struct condition *ret, struct error *err);
bool condition_holds(const struct condition *c, const struct calendar *calendar,
		     int64_t day);
/* The first day at or after `day` on which it may hold; INT64_MAX: none is to come. */
int64_t condition_skip(const struct condition *c, int64_t day);

struct rule {
	bool at; /* once, at `civil`; else by cron and conditions */
	struct civil civil;
	struct cron cron;
	struct condition *conditions;
	size_t n_conditions;
};
