/* rule_words_en.c - the sentence of a rule in English: every workday at 06:30. */
#include "rule_words_internal.h"

static const struct list_style comma = {", ", " and ", " to ", "", ""};
static const struct list_style either = {", ", " or ", " to ", "", ""};

static const char *const months[] = {
	"",     "January", "February",  "March",   "April",    "May",     "June",
	"July", "August",  "September", "October", "November", "December"};

static void say_nth(struct words *w, int n) {
	const char *end = n % 10 == 1 && n != 11   ? "st"
			  : n % 10 == 2 && n != 12 ? "nd"
			  : n % 10 == 3 && n != 13 ? "rd"
						   : "th";
	say(w, "%d%s", n, end);
}

static void say_month(struct words *w, int n) {
	say(w, "%s", months[n]);
}

static void say_weekday(struct words *w, int n) {
	static const char *const names[] = {"",         "Monday", "Tuesday",  "Wednesday",
					    "Thursday", "Friday", "Saturday", "Sunday"};
	say(w, "%s", names[n]);
}

static void say_last_digit(struct words *w, int n) {
	say(w, "%d", n % 10);
}

static void say_branch(struct words *w, int n) {
	static const char *const names[] = {"",     "zi", "chou", "yin", "mao",
					    "chen", "si", "wu",   "wei", "shen",
					    "you",  "xu", "hai"};
	say(w, "%s", names[n]);
}

static void say_term(struct words *w, int n) {
	static const char *const names[] = {
		"",
		"Minor Cold",
		"Major Cold",
		"Start of Spring",
		"Rain Water",
		"Awakening of Insects",
		"Spring Equinox",
		"Clear and Bright",
		"Grain Rain",
		"Start of Summer",
		"Grain Buds",
		"Grain in Ear",
		"Summer Solstice",
		"Minor Heat",
		"Major Heat",
		"Start of Autumn",
		"End of Heat",
		"White Dew",
		"Autumn Equinox",
		"Cold Dew",
		"Frost's Descent",
		"Start of Winter",
		"Minor Snow",
		"Major Snow",
		"Winter Solstice",
	};
	say(w, "%s", names[n]);
}

static void say_month_day(struct words *w, int n) {
	if (n == LUNAR_LAST) {
		say(w, "last day");
	} else {
		say_nth(w, n);
	}
}

static void say_lunar(struct words *w, const struct condition *c) {
	bool first = true;
	for (int month = 0; month <= 12; month++) {
		if (c->lunar[month] == 0) {
			continue;
		}
		say(w, "%s%s", first ? "" : " and ", month == 0 ? "lunar " : "the ");
		say_numbers(w, c->lunar[month], 1, 31, &comma, say_month_day);
		if (month > 0) {
			say(w, " of lunar month %d", month);
		}
		first = false;
	}
}

/* In Chinese their numbers need not follow each other to be read; here neither. */
static void say_names(struct words *w, uint32_t mask, void (*word)(struct words *, int)) {
	size_t n = (size_t)bits_in(mask);
	size_t at = 0;
	for (int i = 1; i <= 31; i++) {
		if ((mask >> i & 1) != 0) {
			say(w, "%s", list_before(&comma, at++, n));
			word(w, i);
		}
	}
}

static void say_day(struct words *w, int64_t day) {
	int y = 0;
	int m = 0;
	int d = 0;
	civil_from_days(day, &y, &m, &d);
	say(w, "%d %s %d", d, months[m], y);
}

static void say_yearly(struct words *w, const struct date_span *span) {
	int from_month = (int)(span->from / 100);
	int to_month = (int)(span->to / 100);
	say(w, "%d", (int)(span->from % 100));
	if (span->to < span->from && from_month == to_month) {
		say(w, " %s of every year to %d %s of the next", months[from_month],
		    (int)(span->to % 100), months[to_month]);
		return;
	}
	if (span->from != span->to && from_month == to_month) {
		say(w, " to %d", (int)(span->to % 100));
	}
	say(w, " %s", months[from_month]);
	if (from_month != to_month) {
		say(w, " to %d %s", (int)(span->to % 100), months[to_month]);
	}
	say(w, " of every year");
}

static void say_dates(struct words *w, const struct condition *c) {
	for (size_t i = 0; i < c->n_spans; i++) {
		const struct date_span *span = &c->spans[i];
		say(w, "%s", list_before(&comma, i, c->n_spans));
		if (span->yearly) {
			say_yearly(w, span);
			continue;
		}
		say_day(w, span->from);
		if (span->to != span->from) {
			say(w, " to ");
			say_day(w, span->to);
		}
	}
}

/* On which days, as many of them. */
static void say_noun(struct words *w, const struct condition *c) {
	switch (c->id) {
	case CONDITION_WORKDAY:
		say(w, "workdays");
		break;
	case CONDITION_OFFDAY:
		say(w, "days off");
		break;
	case CONDITION_HOLIDAY:
		say(w, "holidays");
		break;
	case CONDITION_SWAPPED:
		say(w, "days worked in place of others");
		break;
	case CONDITION_LUNAR:
		say_lunar(w, c);
		break;
	case CONDITION_TAIL:
	case CONDITION_LUNAR_TAIL:
		say(w, "%sdates that end in ",
		    c->id == CONDITION_LUNAR_TAIL ? "lunar " : "");
		say_numbers(w, c->mask, 1, 10, &either, say_last_digit);
		break;
	case CONDITION_BRANCH:
		say_names(w, c->mask, say_branch);
		say(w, " days");
		break;
	case CONDITION_TERM:
		say_names(w, c->mask, say_term);
		break;
	case CONDITION_EVERY:
		say(w, "every %d days from ", c->every_days);
		say_day(w, c->day);
		break;
	case CONDITION_DATE:
		say_dates(w, c);
		break;
	case CONDITION_LUNAR_LEAP: /* never here */
	case CONDITION_FROM:
	case CONDITION_UNTIL:
		break;
	}
	bool lunar = c->id == CONDITION_LUNAR || c->id == CONDITION_LUNAR_TAIL;
	say(w, "%s", lunar && c->leap ? " (leap months too)" : "");
}

static void en_head(struct words *w, const struct condition *c) {
	switch (c->id) {
	case CONDITION_WORKDAY:
		say(w, "every workday");
		break;
	case CONDITION_OFFDAY:
		say(w, "every day off");
		break;
	case CONDITION_HOLIDAY:
		say(w, "every holiday");
		break;
	case CONDITION_LUNAR:
		say(w, "%s", c->lunar[0] != 0 ? "every " : "on ");
		say_noun(w, c);
		break;
	case CONDITION_EVERY:
		say_noun(w, c);
		break;
	case CONDITION_SWAPPED:
	case CONDITION_TAIL:
	case CONDITION_LUNAR_TAIL:
	case CONDITION_BRANCH:
	case CONDITION_TERM:
	case CONDITION_DATE:
		say(w, "on ");
		say_noun(w, c);
		break;
	case CONDITION_LUNAR_LEAP: /* never here */
	case CONDITION_FROM:
	case CONDITION_UNTIL:
		break;
	}
}

static void en_also(struct words *w, const struct condition *c) {
	if (c->id == CONDITION_FROM || c->id == CONDITION_UNTIL) {
		bool from = c->id == CONDITION_FROM;
		say(w, ", %s ",
		    c->negated ? from ? "before" : "after"
		    : from     ? "from"
			       : "until");
		say_day(w, c->day);
		return;
	}
	say(w, c->negated ? ", not on " : ", only on ");
	say(w, "%s", c->id == CONDITION_EVERY ? "the day of " : "");
	say_noun(w, c);
}

static void say_weekdays(struct words *w, const struct cron *c) {
	uint32_t mask = (c->weekdays & 0x7E) | (c->weekdays & 1) << 7;
	say_numbers(w, mask, 1, 7, &comma, say_weekday);
}

/* "the 1st, 15th and last day of every month" */
static void say_month_days(struct words *w, const struct cron *c) {
	say(w, "the ");
	say_numbers(w, c->days, 1, 31, &comma, say_nth);
	if (c->last_day) {
		say(w, "%slast day", (c->days & 0xFFFFFFFE) != 0 ? " and the " : "");
	}
	say(w, " of ");
	if (rule_all_months(c)) {
		say(w, "every month");
	} else {
		say_numbers(w, c->months, 1, 12, &comma, say_month);
	}
}

static void en_days(struct words *w, const struct cron *c) {
	enum days_form form = rule_days_form(c);
	if (form == DAYS_MONTH || form == DAYS_EITHER) {
		say(w, "on ");
		say_month_days(w, c);
		say(w, "%s", form == DAYS_EITHER ? " and " : "");
	}
	if (form == DAYS_ALL) {
		say(w, "every day");
	} else if (form != DAYS_MONTH) {
		say(w, "every ");
		say_weekdays(w, c);
	}
	if (form == DAYS_BOTH) {
		say(w, " that is ");
		say_month_days(w, c);
	} else if (form != DAYS_MONTH && !rule_all_months(c)) {
		say(w, " in ");
		say_numbers(w, c->months, 1, 12, &comma, say_month);
	}
}

static void en_times(struct words *w, const struct cron *c) {
	int step = 0;
	enum time_form form = rule_time_form(c, &step);
	if (form == TIMES_LISTED) {
		say(w, " at ");
		say_times(w, c, &comma);
		return;
	}
	if (form == TIMES_STEP && step == 1) {
		say(w, ", every minute");
	} else if (form == TIMES_STEP) {
		say(w, ", every %d minutes", step);
	} else if (c->minutes == 1) {
		say(w, ", on the hour");
	} else {
		say(w, ", at minutes ");
		say_numbers(w, c->minutes, 0, 59, &comma, NULL);
	}
	if (!rule_all_hours(c)) {
		say(w, " of hours ");
		say_numbers(w, c->hours, 0, 23, &comma, NULL);
	}
}

static void en_once(struct words *w, const struct civil *at) {
	say(w, "once, on %d %s %d at %02d:%02d", at->day, months[at->month], at->year,
	    at->hour, at->minute);
	if (at->second != 0) {
		say(w, ":%02d", at->second);
	}
}

const struct rule_voice *rule_voice_en(void) {
	static const struct rule_voice voice = {en_once, en_head, en_days, en_times,
						en_also};
	return &voice;
}
