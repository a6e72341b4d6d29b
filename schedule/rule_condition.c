/* rule_condition.c - what may stand behind a semicolon: days on which a rule holds. One
 * line in the table, and the two functions it names, make a new one. */
#include "rule_internal.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

struct condition_kind {
	const char *word;
	const char *example;
	/* Behind the word and its blanks. */
	int (*parse)(struct scan *s, struct condition *ret, struct error *err);
	bool (*holds)(const struct condition *c, const struct calendar *calendar,
		      int64_t day);
	/* The first day at or after `day` on which it may hold, INT64_MAX where none is
	 * to come; only for speed, so it may be NULL. */
	int64_t (*skip)(const struct condition *c, int64_t day);
};

static int parse_day(struct scan *s, struct condition *ret, struct error *err) {
	return scan_date(s, &ret->day, err);
}

static bool holds_from(const struct condition *c, const struct calendar *calendar,
		       int64_t day) {
	(void)calendar;
	return day >= c->day;
}

static int64_t skip_from(const struct condition *c, int64_t day) {
	return day >= c->day ? day : c->day;
}

static bool holds_until(const struct condition *c, const struct calendar *calendar,
			int64_t day) {
	(void)calendar;
	return day <= c->day;
}

static int64_t skip_until(const struct condition *c, int64_t day) {
	return day <= c->day ? day : INT64_MAX;
}

static int want_word(struct scan *s, const char *word, const char *other,
		     struct error *err) {
	scan_blanks(s);
	size_t len = scan_word(s);
	if (!scan_word_is(s, len, word) &&
	    !(other != NULL && scan_word_is(s, len, other))) {
		return scan_error(
			s, s->at, err,
			"'%s' is wanted here, as in 'every 3 days from 2026-01-02'",
			word);
	}
	s->at += len;
	scan_blanks(s);
	return 0;
}

static int parse_every(struct scan *s, struct condition *ret, struct error *err) {
	const char *from = s->at;
	int rc = scan_number(s, "a number of days", 1000, &ret->every_days, err);
	if (rc == 0 && ret->every_days == 0) {
		return scan_error(s, from, err, "every 0 days is never; 1 is the least");
	}
	if (rc == 0) {
		rc = want_word(s, "days", "day", err);
	}
	if (rc == 0) {
		rc = want_word(s, "from", NULL, err);
	}
	return rc < 0 ? rc : scan_date(s, &ret->day, err);
}

static bool holds_every(const struct condition *c, const struct calendar *calendar,
			int64_t day) {
	(void)calendar;
	return day >= c->day && (day - c->day) % c->every_days == 0;
}

static int64_t skip_every(const struct condition *c, int64_t day) {
	if (day <= c->day) {
		return c->day;
	}
	int64_t behind = (day - c->day) % c->every_days;
	return behind == 0 ? day : day - behind + c->every_days;
}

static int parse_tail(struct scan *s, struct condition *ret, struct error *err) {
	for (;;) {
		const char *from = s->at;
		int tail = 0;
		int rc = scan_number(s, "a last digit", 10, &tail, err);
		if (rc < 0) {
			return rc;
		}
		if (tail == 0) {
			return scan_error(s, from, err,
					  "days that end in 0 are written 10: tail 5,10");
		}
		ret->tails |= 1U << tail;
		if (*s->at != ',') {
			return 0;
		}
		s->at++;
	}
}

static bool holds_tail(const struct condition *c, const struct calendar *calendar,
		       int64_t day) {
	(void)calendar;
	int y = 0;
	int m = 0;
	int d = 0;
	civil_from_days(day, &y, &m, &d);
	return (c->tails >> (d % 10 == 0 ? 10 : d % 10) & 1) != 0;
}

static int parse_dates(struct scan *s, struct condition *ret, struct error *err) {
	const size_t max = sizeof(ret->spans) / sizeof(ret->spans[0]);
	for (;;) {
		const char *start = s->at;
		if (ret->n_spans == max) {
			return scan_error(s, start, err, "more than %zu dates", max);
		}
		int64_t *span = ret->spans[ret->n_spans++];
		int rc = scan_date(s, &span[0], err);
		span[1] = span[0];
		if (rc == 0 && s->at[0] == '.' && s->at[1] == '.') {
			s->at += 2;
			rc = scan_date(s, &span[1], err);
		}
		if (rc < 0) {
			return rc;
		}
		if (span[1] < span[0]) {
			return scan_error(s, start, err,
					  "the range of dates runs backwards");
		}
		if (*s->at != ',') {
			return 0;
		}
		s->at++;
	}
}

static bool holds_date(const struct condition *c, const struct calendar *calendar,
		       int64_t day) {
	(void)calendar;
	for (size_t i = 0; i < c->n_spans; i++) {
		if (day >= c->spans[i][0] && day <= c->spans[i][1]) {
			return true;
		}
	}
	return false;
}

static int64_t skip_date(const struct condition *c, int64_t day) {
	int64_t first = INT64_MAX;
	for (size_t i = 0; i < c->n_spans; i++) {
		if (day <= c->spans[i][1]) {
			int64_t begin = day > c->spans[i][0] ? day : c->spans[i][0];
			first = begin < first ? begin : first;
		}
	}
	return first;
}

static const struct condition_kind kinds[] = {
	{"from", "from 2026-03-01", parse_day, holds_from, skip_from},
	{"until", "until 2026-06-30", parse_day, holds_until, skip_until},
	{"every", "every 3 days from 2026-01-02", parse_every, holds_every, skip_every},
	{"date", "date 2026-06-07..2026-06-10,2026-10-01", parse_dates, holds_date,
	 skip_date},
	{"tail", "tail 5,10", parse_tail, holds_tail, NULL},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int unknown(const struct scan *s, struct error *err) {
	char known[256] = "";
	size_t used = 0;
	for (size_t i = 0; i < KINDS; i++) {
		int n = snprintf(known + used, sizeof(known) - used, "%s'%s'",
				 i > 0 ? ", " : "", kinds[i].example);
		used += (size_t)n < sizeof(known) - used ? (size_t)n
							 : sizeof(known) - used - 1;
	}
	if (scan_end(s)) {
		return scan_error(s, s->at, err, "a condition is missing here: %s",
				  known);
	}
	return scan_error(s, s->at, err,
			  "there is no condition '%.*s'; there are %s, each also with "
			  "'not' before it",
			  scan_excerpt(s), s->at, known);
}

int condition_parse(struct scan *s, struct condition *ret, struct error *err) {
	struct condition c = {0};
	size_t len = scan_word(s);
	if (scan_word_is(s, len, "not")) {
		c.negated = true;
		s->at += len;
		scan_blanks(s);
		len = scan_word(s);
	}
	for (size_t i = 0; i < KINDS && len > 0; i++) {
		if (scan_word_is(s, len, kinds[i].word)) {
			c.kind = &kinds[i];
		}
	}
	if (c.kind == NULL) {
		return unknown(s, err);
	}
	s->at += len;
	scan_blanks(s);
	int rc = c.kind->parse(s, &c, err);
	if (rc == 0) {
		*ret = c;
	}
	return rc;
}

bool condition_holds(const struct condition *c, const struct calendar *calendar,
		     int64_t day) {
	return c->kind->holds(c, calendar, day) != c->negated;
}

int64_t condition_skip(const struct condition *c, int64_t day) {
	return c->negated || c->kind->skip == NULL ? day : c->kind->skip(c, day);
}
