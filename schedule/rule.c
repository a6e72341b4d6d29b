/* rule.c - see rule.h. The text of a rule, from left to right. */
#include "rule_internal.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* In characters, from 1: what an editor shows. */
static int column(const struct scan *s, const char *at) {
	int n = 1;
	for (const char *p = s->text; p < at; p++) {
		n += ((unsigned char)*p & 0xC0) != 0x80;
	}
	return n;
}

int scan_error(const struct scan *s, const char *at, struct error *err,
	       const char *format, ...) {
	char sentence[ERROR_TEXT_SIZE - 32];
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	return error_set(err, EINVAL, "column %d: %s", column(s, at), sentence);
}

static bool blank(char c) {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool letter(char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool digit(char c) {
	return c >= '0' && c <= '9';
}

void scan_blanks(struct scan *s) {
	while (blank(*s->at)) {
		s->at++;
	}
}

bool scan_end(const struct scan *s) {
	return *s->at == '\0' || *s->at == ';';
}

size_t scan_word(const struct scan *s) {
	size_t len = 0;
	while (letter(s->at[len]) ||
	       (len > 0 && s->at[len] == '-' && letter(s->at[len + 1]))) {
		len++;
	}
	return len;
}

bool scan_word_is(const struct scan *s, size_t len, const char *word) {
	return strlen(word) == len && strncasecmp(s->at, word, len) == 0;
}

int scan_excerpt(const struct scan *s) {
	int len = 0;
	while (s->at[len] != '\0' && strchr(" \t\r\n,;", s->at[len]) == NULL &&
	       len < 40) {
		len++;
	}
	/* Never half a character. */
	while (len > 0 && ((unsigned char)s->at[len] & 0xC0) == 0x80) {
		len--;
	}
	return len;
}

int scan_number(struct scan *s, const char *what, int max, int *ret, struct error *err) {
	const char *from = s->at;
	int value = 0;
	while (digit(*s->at)) {
		if (value <= max) {
			value = value * 10 + (*s->at - '0');
		}
		s->at++;
	}
	if (s->at == from) {
		return scan_end(s) || blank(*s->at)
			       ? scan_error(s, from, err, "a number is missing here (%s)",
					    what)
			       : scan_error(s, from, err, "'%.*s' is not a number (%s)",
					    scan_excerpt(s), s->at, what);
	}
	if (value > max) {
		return scan_error(
			s, from, err, "%.*s is too large for %s, %d is the last",
			(int)(s->at - from > 12 ? 12 : s->at - from), from, what, max);
	}
	*ret = value;
	return 0;
}

/* Exactly n digits. */
static bool take_digits(struct scan *s, int n, int *ret) {
	int value = 0;
	for (int i = 0; i < n; i++) {
		if (!digit(s->at[i])) {
			return false;
		}
		value = value * 10 + (s->at[i] - '0');
	}
	s->at += n;
	*ret = value;
	return !digit(*s->at);
}

static bool take_char(struct scan *s, char c) {
	if (*s->at != c) {
		return false;
	}
	s->at++;
	return true;
}

static int scan_unwanted(const struct scan *s, const char *wanted, struct error *err) {
	int len = scan_excerpt(s);
	return len == 0 ? scan_error(s, s->at, err, "%s", wanted)
			: scan_error(s, s->at, err, "%s, not '%.*s'", wanted, len, s->at);
}

static int take_date(struct scan *s, int *year, int *month, int *day, struct error *err) {
	const char *from = s->at;
	if (!(take_digits(s, 4, year) && take_char(s, '-') && take_digits(s, 2, month) &&
	      take_char(s, '-') && take_digits(s, 2, day))) {
		s->at = from;
		return scan_unwanted(s, "a date is wanted here, as 2026-12-01", err);
	}
	if (*year < 1970 || *month < 1 || *month > 12 || *day < 1 ||
	    *day > civil_month_days(*year, *month)) {
		return scan_error(s, from, err, "there is no day %04d-%02d-%02d%s", *year,
				  *month, *day,
				  *year < 1970 ? " here: years begin with 1970" : "");
	}
	return 0;
}

int scan_date(struct scan *s, int64_t *ret_day, struct error *err) {
	int year = 0;
	int month = 0;
	int day = 0;
	int rc = take_date(s, &year, &month, &day, err);
	if (rc == 0) {
		*ret_day = civil_to_days(year, month, day);
	}
	return rc;
}

/* MM-DD of every year, as month * 100 + day. */
static int take_month_day(struct scan *s, int64_t *ret, struct error *err) {
	const char *from = s->at;
	int month = 0;
	int day = 0;
	if (!(take_digits(s, 2, &month) && take_char(s, '-') &&
	      take_digits(s, 2, &day)) ||
	    *s->at == '-') {
		s->at = from;
		return scan_unwanted(s,
				     "a date is wanted here, as 2026-12-01, or 12-01 "
				     "for every year",
				     err);
	}
	if (month < 1 || month > 12 || day < 1 || day > civil_month_days(2000, month)) {
		return scan_error(s, from, err, "there is no day %02d-%02d", month, day);
	}
	*ret = month * 100 + day;
	return 0;
}

int scan_date_span(struct scan *s, struct date_span *ret, struct error *err) {
	const char *from = s->at;
	bool yearly = strspn(s->at, "0123456789") == 2 && s->at[2] == '-';
	int (*take)(struct scan *, int64_t *, struct error *) =
		yearly ? take_month_day : scan_date;
	struct date_span span = {.yearly = yearly};
	int rc = take(s, &span.from, err);
	span.to = span.from;
	if (rc == 0 && s->at[0] == '.' && s->at[1] == '.') {
		s->at += 2;
		rc = take(s, &span.to, err);
	}
	if (rc < 0) {
		return rc;
	}
	/* Those of every year may reach over its turn. */
	if (!yearly && span.to < span.from) {
		return scan_error(s, from, err, "the range of dates runs backwards");
	}
	*ret = span;
	return 0;
}

/* HH:MM[:SS] */
static int take_time(struct scan *s, struct civil *ret, struct error *err) {
	const char *from = s->at;
	bool good = take_digits(s, 2, &ret->hour) && take_char(s, ':') &&
		    take_digits(s, 2, &ret->minute);
	ret->second = 0;
	if (good && take_char(s, ':')) {
		good = take_digits(s, 2, &ret->second);
	}
	if (!good) {
		s->at = from;
		return scan_unwanted(s, "a time is wanted here, as 08:00 or 08:00:30",
				     err);
	}
	if (ret->hour > 23 || ret->minute > 59 || ret->second > 59) {
		return scan_error(
			s, from, err,
			"there is no time %02d:%02d:%02d; the last of a day is 23:59:59",
			ret->hour, ret->minute, ret->second);
	}
	return 0;
}

static int parse_at(struct scan *s, struct rule *rule, struct error *err) {
	rule->at = true;
	struct civil *c = &rule->civil;
	scan_blanks(s);
	int rc = take_date(s, &c->year, &c->month, &c->day, err);
	if (rc < 0) {
		return rc;
	}
	if (!blank(*s->at)) {
		return scan_error(
			s, s->at, err,
			"a time is missing behind the date: at 2026-12-01 08:00");
	}
	scan_blanks(s);
	rc = take_time(s, c, err);
	if (rc < 0) {
		return rc;
	}
	scan_blanks(s);
	if (*s->at == ';') {
		return scan_error(s, s->at, err,
				  "'at' names one instant and takes no conditions");
	}
	if (*s->at != '\0') {
		return scan_error(s, s->at, err, "'%.*s' is too much behind the time",
				  scan_excerpt(s), s->at);
	}
	return 0;
}

/* What a leap month means is said once for the whole rule. */
static int settle_leap(const struct scan *s, struct rule *rule, const char *at,
		       struct error *err) {
	bool said = false;
	bool leap = false;
	for (size_t i = 0; i < rule->n_conditions; i++) {
		const struct condition *c = &rule->conditions[i];
		if (c->id == CONDITION_LUNAR_LEAP && said && leap == c->negated) {
			return scan_error(s, at, err,
					  "'lunar-leap' and 'not lunar-leap' cannot both "
					  "hold; leave one out");
		}
		if (c->id == CONDITION_LUNAR_LEAP) {
			said = true;
			leap = !c->negated;
		}
	}
	for (size_t i = 0; i < rule->n_conditions; i++) {
		rule->conditions[i].leap = leap;
	}
	return 0;
}

static int parse_conditions(struct scan *s, struct rule *rule, struct error *err) {
	while (*s->at == ';') {
		s->at++;
		scan_blanks(s);
		if (rule->n_conditions == RULE_CONDITIONS_MAX) {
			return scan_error(s, s->at, err, "more than %d conditions",
					  RULE_CONDITIONS_MAX);
		}
		struct condition *more = realloc(
			rule->conditions, (rule->n_conditions + 1) * sizeof(*more));
		if (more == NULL) {
			return error_set(err, ENOMEM, "no memory for a rule");
		}
		rule->conditions = more;
		const char *at = s->at;
		int rc = condition_parse(s, &more[rule->n_conditions], err);
		if (rc < 0) {
			return rc;
		}
		rule->n_conditions++;
		rc = settle_leap(s, rule, at, err);
		if (rc < 0) {
			return rc;
		}
		scan_blanks(s);
		if (!scan_end(s)) {
			return scan_error(
				s, s->at, err,
				"'%.*s' is too much here; a semicolon goes before "
				"the next condition",
				scan_excerpt(s), s->at);
		}
	}
	return 0;
}

int rule_parse(const char *text, struct rule **ret, struct error *err) {
	struct scan s = {.text = text, .at = text};
	if (strlen(text) > RULE_TEXT_MAX) {
		return error_set(err, EINVAL, "a rule has at most %d bytes",
				 RULE_TEXT_MAX);
	}
	AUTO(rule_free) struct rule *rule = calloc(1, sizeof(*rule));
	if (rule == NULL) {
		return error_set(err, ENOMEM, "no memory for a rule");
	}
	scan_blanks(&s);
	if (scan_end(&s)) {
		return scan_error(
			&s, s.at, err,
			"a rule is five fields, minute hour day month weekday, as "
			"'30 7 * * mon-fri', or 'at 2026-12-01 08:00'");
	}
	int rc = 0;
	size_t word = scan_word(&s);
	if (scan_word_is(&s, word, "at")) {
		s.at += word;
		rc = parse_at(&s, rule, err);
	} else {
		rc = cron_parse(&s, &rule->cron, err);
		if (rc == 0) {
			rc = parse_conditions(&s, rule, err);
		}
	}
	if (rc < 0) {
		return rc;
	}
	*ret = MOVE(rule);
	return 0;
}

void rule_free(struct rule *rule) {
	if (rule == NULL) {
		return;
	}
	for (size_t i = 0; i < rule->n_conditions; i++) {
		condition_done(&rule->conditions[i]);
	}
	free(rule->conditions);
	free(rule);
}
