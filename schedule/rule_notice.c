/* rule_notice.c - what a rule depends on that is not known; see rule_words.h. */
#include "rule_internal.h"
#include "rule_words.h"

#define SECOND_US 1000000LL

static bool asks(const struct rule *rule, bool (*what)(const struct condition *)) {
	for (size_t i = 0; i < rule->n_conditions; i++) {
		if (what(&rule->conditions[i])) {
			return true;
		}
	}
	return false;
}

bool rule_asks_holidays(const struct rule *rule) {
	return asks(rule, condition_asks_calendar);
}

bool rule_asks_almanac(const struct rule *rule) {
	return asks(rule, condition_asks_almanac);
}

static int64_t day_of(const struct tz *tz, int64_t us) {
	struct civil c;
	int64_t s = us / SECOND_US - (us % SECOND_US < 0);
	tz_to_civil(tz, s, &c);
	return civil_to_days(c.year, c.month, c.day);
}

static int add_years(struct str *list, int first, int last, enum rule_lang lang) {
	static const char *const between[RULE_LANGS] = {", ", "、"};
	static const char *const to[RULE_LANGS] = {" to ", " 至 "};
	int rc = list->len > 0 ? str_append(list, between[lang]) : 0;
	if (rc == 0) {
		rc = str_printf(list, "%d", first);
	}
	return rc == 0 && last > first ? str_printf(list, "%s%d", to[lang], last) : rc;
}

/* "2018, 2027 to 2031"; nothing where all are known. */
static int missing_years(const struct calendar *calendar, int from, int to,
			 enum rule_lang lang, struct str *ret) {
	for (int year = from; year <= to; year++) {
		int last = year;
		while (last <= to && !calendar_knows(calendar, last)) {
			last++;
		}
		if (last > year && add_years(ret, year, last - 1, lang) < 0) {
			return -ENOMEM;
		}
		year = last > year ? last - 1 : year;
	}
	return 0;
}

/* The rule's own bounds: beyond them nothing is asked. */
static void narrow(const struct condition *c, int64_t *from, int64_t *to) {
	int64_t first = INT64_MIN;
	int64_t last = INT64_MAX;
	if (c->negated) {
		return;
	}
	if (c->id == CONDITION_FROM || c->id == CONDITION_EVERY) {
		first = c->day;
	} else if (c->id == CONDITION_UNTIL) {
		last = c->day;
	} else if (c->id == CONDITION_DATE) {
		first = INT64_MAX;
		last = INT64_MIN;
	}
	for (size_t i = 0; i < c->n_spans; i++) {
		const struct date_span *span = &c->spans[i];
		int64_t begin = span->yearly ? INT64_MIN : span->from;
		int64_t end = span->yearly ? INT64_MAX : span->to;
		first = begin < first ? begin : first;
		last = end > last ? end : last;
	}
	*from = first > *from ? first : *from;
	*to = last < *to ? last : *to;
}

static int year_of(int64_t day) {
	int y = 0;
	int m = 0;
	int d = 0;
	civil_from_days(day, &y, &m, &d);
	return y;
}

static int say_holidays(const char *years, enum rule_lang lang, struct str *ret) {
	return lang == RULE_ZH
		       ? str_printf(ret, "%s 年没有节假日数据，暂按周一至周五为工作日",
				    years)
		       : str_printf(ret,
				    "no holiday file for %s: Monday to Friday are taken "
				    "for workdays there",
				    years);
}

static int say_almanac(const char *before, enum rule_lang lang, struct str *ret) {
	return lang == RULE_ZH
		       ? str_printf(ret,
				    "%s农历和节气只有 1901 年至 2100 年的数据，此外不播",
				    before)
		       : str_printf(ret,
				    "%slunar days and solar terms are known from 1901 to "
				    "2100; outside these years the rule is not due",
				    before);
}

int calendar_notice(const struct tz *tz, const struct calendar *calendar, int64_t from_us,
		    int64_t to_us, enum rule_lang lang, struct str *ret) {
	AUTO(str_done) struct str years = STR_INIT;
	AUTO(str_done) struct str words = STR_INIT;
	int rc = missing_years(calendar, year_of(day_of(tz, from_us)),
			       year_of(day_of(tz, to_us)), lang, &years);
	if (rc < 0 || years.len == 0) {
		return rc;
	}
	rc = say_holidays(years.data, lang, &words);
	if (rc < 0) {
		return rc;
	}
	*ret = words;
	words = (struct str)STR_INIT;
	return 1;
}

int rule_notice(const struct rule *rule, const struct tz *tz,
		const struct calendar *calendar, int64_t from_us, int64_t to_us,
		enum rule_lang lang, struct str *ret) {
	int64_t from = day_of(tz, from_us);
	int64_t to = day_of(tz, to_us);
	for (size_t i = 0; i < rule->n_conditions; i++) {
		narrow(&rule->conditions[i], &from, &to);
	}
	if (from > to) {
		return 0;
	}
	AUTO(str_done) struct str years = STR_INIT;
	AUTO(str_done) struct str words = STR_INIT;
	int rc = rule_asks_holidays(rule) ? missing_years(calendar, year_of(from),
							  year_of(to), lang, &years)
					  : 0;
	if (rc == 0 && years.len > 0) {
		rc = say_holidays(years.data, lang, &words);
	}
	if (rc == 0 && rule_asks_almanac(rule) &&
	    !(almanac_knows(from) && almanac_knows(to))) {
		const char *before = lang == RULE_ZH ? "；" : "; ";
		rc = say_almanac(words.len > 0 ? before : "", lang, &words);
	}
	if (rc < 0 || words.len == 0) {
		return rc;
	}
	*ret = words;
	words = (struct str)STR_INIT;
	return 1;
}
