/* rule_words_internal.h - what the sentences of both languages are made with:
 * rule_words.c finds the parts of a sentence, rule_words_zh.c and rule_words_en.c word
 * them. */
#pragma once

#include "rule_internal.h"
#include "rule_words.h"

/* A text that grows; once there was no memory it stays as it is. */
struct words {
	struct str text;
	bool failed;
};
void say(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How a list is read: "1, 2 and 4 to 9". */
struct list_style {
	const char *between;
	const char *last; /* before the last of several */
	const char *to;
	const char *before; /* each number */
	const char *after;
};
/* The numbers from min to max that mask has; three and more in a row as a range. `word`
 * NULL: as digits. */
void say_numbers(struct words *w, uint64_t mask, int min, int max,
		 const struct list_style *style,
		 void (*word)(struct words *w, int number));
/* What goes before item i of n. */
const char *list_before(const struct list_style *style, size_t i, size_t n);
int bits_in(uint64_t mask);

/* How the hours and minutes of a rule are said. */
enum time_form {
	TIMES_LISTED, /* few: 06:30, 18:00 */
	TIMES_STEP,   /* every so many minutes of some hours; 1: every minute */
	TIMES_MINUTES /* at these minutes of some hours */
};
enum time_form rule_time_form(const struct cron *c, int *ret_step);
bool rule_all_hours(const struct cron *c);
/* "06:30" of each, in order. */
void say_times(struct words *w, const struct cron *c, const struct list_style *style);

/* How the days of the five fields are said. */
enum days_form {
	DAYS_ALL,    /* but for the month */
	DAYS_MONTH,  /* by the day of the month */
	DAYS_WEEK,   /* by the weekday */
	DAYS_EITHER, /* by one or the other */
	DAYS_BOTH    /* by both at once */
};
enum days_form rule_days_form(const struct cron *c);
bool rule_all_months(const struct cron *c);

/* The condition that says on which days, where the five fields leave it open: a sentence
 * begins with it. NULL where there is none. */
const struct condition *rule_head(const struct rule *rule);

struct rule_voice {
	void (*once)(struct words *w, const struct civil *at);
	void (*head)(struct words *w, const struct condition *c); /* "every workday" */
	void (*days)(struct words *w, const struct cron *c);      /* "every Friday" */
	void (*times)(struct words *w, const struct cron *c);
	/* A further condition: ", not on workdays". */
	void (*also)(struct words *w, const struct condition *c);
};
const struct rule_voice *rule_voice_zh(void);
const struct rule_voice *rule_voice_en(void);
