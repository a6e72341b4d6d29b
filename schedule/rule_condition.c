/* rule_condition.c - what may stand behind a semicolon, as text. One line in the table
 * and the function it names make a new one, with one in rule_days.c. */
#include "rule_internal.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_day(struct scan *s, struct condition *ret, struct error *err) {
	return scan_date(s, &ret->day, err);
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

/* Takes a comma; false at the end of a list. */
static bool more(struct scan *s) {
	if (*s->at != ',') {
		return false;
	}
	s->at++;
	return true;
}

static int parse_tail(struct scan *s, struct condition *ret, struct error *err) {
	do {
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
		ret->mask |= 1U << tail;
	} while (more(s));
	return 0;
}

static int parse_dates(struct scan *s, struct condition *ret, struct error *err) {
	do {
		if (ret->n_spans == DATE_SPANS_MAX) {
			return scan_error(s, s->at, err, "more than %d dates",
					  DATE_SPANS_MAX);
		}
		struct date_span span = {0};
		int rc = scan_date_span(s, &span, err);
		if (rc < 0) {
			return rc;
		}
		struct date_span *spans =
			reallocarray(ret->spans, ret->n_spans + 1, sizeof(*spans));
		if (spans == NULL) {
			return error_set(err, ENOMEM, "no memory for a rule");
		}
		ret->spans = spans;
		ret->spans[ret->n_spans++] = span;
	} while (more(s));
	return 0;
}

/* "last", or a day of a lunar month. */
static int take_lunar_day(struct scan *s, uint32_t *mask, struct error *err) {
	size_t len = scan_word(s);
	if (scan_word_is(s, len, "last")) {
		s->at += len;
		*mask |= 1U << LUNAR_LAST;
		return 0;
	}
	const char *from = s->at;
	int day = 0;
	int rc = scan_number(s, "a lunar day, 1 to 30 or last", 30, &day, err);
	if (rc == 0 && day == 0) {
		return scan_error(s, from, err, "lunar days begin with 1");
	}
	*mask |= 1U << day;
	return rc;
}

/* [MONTH-]DAY */
static int take_lunar(struct scan *s, struct condition *ret, struct error *err) {
	size_t digits = strspn(s->at, "0123456789");
	if (digits == 0 || s->at[digits] != '-') {
		return take_lunar_day(s, &ret->lunar[0], err);
	}
	const char *from = s->at;
	int month = 0;
	int rc = scan_number(s, "a lunar month", 12, &month, err);
	if (rc < 0) {
		return rc;
	}
	if (month == 0) {
		return scan_error(s, from, err, "lunar months begin with 1");
	}
	s->at++;
	return take_lunar_day(s, &ret->lunar[month], err);
}

static int parse_lunar(struct scan *s, struct condition *ret, struct error *err) {
	do {
		int rc = take_lunar(s, ret, err);
		if (rc < 0) {
			return rc;
		}
	} while (more(s));
	return 0;
}

/* One of n names; 0 where none stands here. */
static int take_name(struct scan *s, const char *(*name_of)(int), int n) {
	for (int i = 1; i <= n; i++) {
		size_t len = strlen(name_of(i));
		if (strncmp(s->at, name_of(i), len) == 0) {
			s->at += len;
			return i;
		}
	}
	return 0;
}

static int parse_branch(struct scan *s, struct condition *ret, struct error *err) {
	do {
		const char *from = s->at;
		int branch = take_name(s, almanac_branch_name, ALMANAC_BRANCHES);
		if (branch == 0 && (*from < '0' || *from > '9')) {
			return scan_error(s, from, err,
					  "an earthly branch is wanted here: one of "
					  "子丑寅卯辰巳午未申酉戌亥, or 1 to 12");
		}
		int rc = branch != 0 ? 0
				     : scan_number(s, "a branch", ALMANAC_BRANCHES,
						   &branch, err);
		if (rc < 0) {
			return rc;
		}
		if (branch == 0) {
			return scan_error(s, from, err, "branches begin with 1 (子)");
		}
		ret->mask |= 1U << branch;
	} while (more(s));
	return 0;
}

static int no_term(const struct scan *s, struct error *err) {
	char known[ALMANAC_TERMS * 8] = "";
	for (int i = 1; i <= ALMANAC_TERMS; i++) {
		strcat(known, almanac_term_name(i));
		strcat(known, i < ALMANAC_TERMS ? " " : "");
	}
	return scan_error(s, s->at, err, "a solar term is wanted here, one of %s", known);
}

static int parse_term(struct scan *s, struct condition *ret, struct error *err) {
	do {
		int term = take_name(s, almanac_term_name, ALMANAC_TERMS);
		if (term == 0) {
			return no_term(s, err);
		}
		ret->mask |= 1U << term;
	} while (more(s));
	return 0;
}

static const struct kind {
	const char *word;
	const char *example;
	/* Behind the word and its blanks; NULL where nothing stands there. */
	int (*parse)(struct scan *s, struct condition *ret, struct error *err);
} kinds[] = {
	[CONDITION_WORKDAY] = {"workday", "workday", NULL},
	[CONDITION_OFFDAY] = {"offday", "offday", NULL},
	[CONDITION_HOLIDAY] = {"holiday", "holiday", NULL},
	[CONDITION_SWAPPED] = {"swapped", "swapped", NULL},
	[CONDITION_LUNAR] = {"lunar", "lunar 1,15,12-last", parse_lunar},
	[CONDITION_LUNAR_LEAP] = {"lunar-leap", "lunar-leap", NULL},
	[CONDITION_TAIL] = {"tail", "tail 5,10", parse_tail},
	[CONDITION_LUNAR_TAIL] = {"lunar-tail", "lunar-tail 4,9", parse_tail},
	[CONDITION_BRANCH] = {"branch", "branch 寅,申", parse_branch},
	[CONDITION_EVERY] = {"every", "every 3 days from 2026-01-02", parse_every},
	[CONDITION_FROM] = {"from", "from 2026-03-01", parse_day},
	[CONDITION_UNTIL] = {"until", "until 2026-06-30", parse_day},
	[CONDITION_DATE] = {"date", "date 2026-06-07..2026-06-10,10-01", parse_dates},
	[CONDITION_TERM] = {"term", "term 立春,清明", parse_term},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int unknown(const struct scan *s, struct error *err) {
	char known[400] = "";
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
	const struct kind *kind = NULL;
	for (size_t i = 0; i < KINDS && len > 0; i++) {
		if (scan_word_is(s, len, kinds[i].word)) {
			kind = &kinds[i];
			c.id = (enum condition_id)i;
		}
	}
	if (kind == NULL) {
		return unknown(s, err);
	}
	s->at += len;
	scan_blanks(s);
	int rc = kind->parse != NULL ? kind->parse(s, &c, err) : 0;
	if (rc < 0) {
		condition_done(&c);
		return rc;
	}
	*ret = c;
	return 0;
}

void condition_done(struct condition *c) {
	free(c->spans);
	c->spans = NULL;
}
