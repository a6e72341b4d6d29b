/* rule_cron.c - the five fields of cron(8): minute, hour, day of the month, month, day of
 * the week; with lists, ranges, steps and names, as crontab(5) of Vixie cron has them,
 * and `L` for the last day of the month. */
#include "rule_internal.h"

#include <string.h>

struct field {
	const char *name;
	int min;
	int max;
	const char *names[13]; /* of min, min + 1, ...; NULL ends */
	bool last;             /* L may stand here */
};

static const struct field minute = {.name = "the minute", .min = 0, .max = 59};
static const struct field hour = {.name = "the hour", .min = 0, .max = 23};
static const struct field day = {
	.name = "the day of the month", .min = 1, .max = 31, .last = true};
static const struct field month = {.name = "the month",
				   .min = 1,
				   .max = 12,
				   .names = {"jan", "feb", "mar", "apr", "may", "jun",
					     "jul", "aug", "sep", "oct", "nov", "dec"}};
static const struct field weekday = {
	.name = "the weekday",
	.min = 0,
	.max = 7,
	.names = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}};

/* Where an element of a list ends. */
static bool element_end(const struct scan *s) {
	return scan_end(s) || strchr(" \t\r\n,", *s->at) != NULL;
}

static int unknown_word(const struct scan *s, const struct field *f, struct error *err) {
	if (f->names[0] == NULL) {
		return scan_error(s, s->at, err,
				  "'%.*s' is not a number for %s; write %d to %d%s",
				  scan_excerpt(s), s->at, f->name, f->min, f->max,
				  f->last ? ", L or *" : ", or *");
	}
	return scan_error(s, s->at, err,
			  "'%.*s' does not fit %s; write %d to %d, %s to %s, or *",
			  scan_excerpt(s), s->at, f->name, f->min, f->max, f->names[0],
			  f->names[f->max - f->min - (f->max == 7)]);
}

/* A number or a name. Sunday as the end of a range that begins after `begin` means 7:
 * sat-sun. */
static int take_value(struct scan *s, const struct field *f, int begin, int *ret,
		      struct error *err) {
	size_t len = 0;
	while ((s->at[len] | 0x20) >= 'a' && (s->at[len] | 0x20) <= 'z') {
		len++;
	}
	for (int i = 0; len > 0 && f->names[i] != NULL; i++) {
		if (scan_word_is(s, len, f->names[i])) {
			s->at += len;
			*ret = f->max == 7 && i == 0 && begin > 0 ? 7 : f->min + i;
			return 0;
		}
	}
	if (*s->at < '0' || *s->at > '9') {
		return element_end(s)
			       ? scan_error(s, s->at, err,
					    "%s is missing here; write %d to %d, or *",
					    f->name, f->min, f->max)
			       : unknown_word(s, f, err);
	}
	const char *from = s->at;
	int rc = scan_number(s, f->name, f->max, ret, err);
	if (rc == 0 && *ret < f->min) {
		return scan_error(s, from, err, "%d is too small for %s, %d is the first",
				  *ret, f->name, f->min);
	}
	return rc;
}

/* [/STEP]; only behind a range or a star. */
static int take_step(struct scan *s, const struct field *f, bool single, int *ret,
		     struct error *err) {
	*ret = 1;
	if (*s->at != '/') {
		return 0;
	}
	if (single) {
		return scan_error(s, s->at, err,
				  "a step needs a range before it, as %d-%d/5 or */5",
				  f->min, f->max == 7 ? 6 : f->max);
	}
	s->at++;
	const char *from = s->at;
	int rc = scan_number(s, "a step", f->max > 7 ? f->max : 7, ret, err);
	if (rc == 0 && *ret == 0) {
		return scan_error(s, from, err,
				  "a step of 0 would never move on; 1 is the least");
	}
	return rc;
}

/* One element of a list: *, a value, a range, each of the last with a step. */
static int take_element(struct scan *s, const struct field *f, uint64_t *mask,
			struct error *err) {
	const char *start = s->at;
	int from = f->min;
	int to = f->max == 7 ? 6 : f->max;
	bool single = false;
	if (*s->at == '*') {
		s->at++;
	} else {
		int rc = take_value(s, f, 0, &from, err);
		to = from;
		single = *s->at != '-';
		if (rc == 0 && !single) {
			s->at++;
			rc = take_value(s, f, from, &to, err);
		}
		if (rc < 0) {
			return rc;
		}
		if (to < from) {
			return scan_error(
				s, start, err,
				"the range runs backwards; write %d-%d,%d-%d for %s",
				from, f->max, f->min, to, f->name);
		}
	}
	int step = 1;
	int rc = take_step(s, f, single, &step, err);
	if (rc < 0) {
		return rc;
	}
	for (int i = from; i <= to; i += step) {
		*mask |= 1ULL << i;
	}
	return 0;
}

static int take_field(struct scan *s, const struct field *f, uint64_t *mask, bool *star,
		      bool *last, struct error *err) {
	scan_blanks(s);
	*star = *s->at == '*';
	if (scan_end(s)) {
		return scan_error(
			s, s->at, err,
			"%s is missing; a rule has five fields: minute hour day month "
			"weekday",
			f->name);
	}
	for (;;) {
		bool is_last = f->last && (*s->at | 0x20) == 'l' && scan_word(s) == 1;
		int rc = 0;
		if (is_last) {
			s->at++;
			*last = true;
		} else {
			rc = take_element(s, f, mask, err);
		}
		if (rc < 0) {
			return rc;
		}
		if (!element_end(s)) {
			return scan_error(s, s->at, err, "'%.*s' cannot stand here in %s",
					  scan_excerpt(s), s->at, f->name);
		}
		if (*s->at != ',') {
			return 0;
		}
		s->at++;
	}
}

int cron_parse(struct scan *s, struct cron *ret, struct error *err) {
	struct cron c = {0};
	uint64_t hours = 0;
	uint64_t days = 0;
	uint64_t months = 0;
	uint64_t weekdays = 0;
	bool star = false;
	bool last = false;
	int rc = take_field(s, &minute, &c.minutes, &star, &last, err);
	if (rc == 0) {
		rc = take_field(s, &hour, &hours, &star, &last, err);
	}
	if (rc == 0) {
		rc = take_field(s, &day, &days, &c.days_star, &c.last_day, err);
	}
	if (rc == 0) {
		rc = take_field(s, &month, &months, &star, &last, err);
	}
	if (rc == 0) {
		rc = take_field(s, &weekday, &weekdays, &c.weekdays_star, &last, err);
	}
	if (rc < 0) {
		return rc;
	}
	scan_blanks(s);
	if (!scan_end(s)) {
		return scan_error(
			s, s->at, err,
			"'%.*s' is one field too many; conditions stand behind a "
			"semicolon",
			scan_excerpt(s), s->at);
	}
	c.hours = (uint32_t)hours;
	c.days = (uint32_t)days;
	c.months = (uint32_t)months;
	c.weekdays = (uint32_t)((weekdays | weekdays >> 7) & 0x7F);
	*ret = c;
	return 0;
}

bool cron_day_matches(const struct cron *c, int64_t number) {
	int y = 0;
	int m = 0;
	int d = 0;
	civil_from_days(number, &y, &m, &d);
	if ((c->months >> m & 1) == 0) {
		return false;
	}
	bool in_month =
		(c->days >> d & 1) != 0 || (c->last_day && d == civil_month_days(y, m));
	bool in_week = (c->weekdays >> civil_weekday(number) & 1) != 0;
	return c->days_star || c->weekdays_star ? in_month && in_week
						: in_month || in_week;
}
