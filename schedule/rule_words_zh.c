/* rule_words_zh.c - the sentence of a rule in Chinese: 每个工作日 06:30. */
#include "rule_words_internal.h"

static const struct list_style comma = {"、", "、", " 至 ", "", ""};
static const struct list_style plain = {"、", "、", "至", "", ""};
static const struct list_style week = {"、", "、", "至周", "", ""};

static const char *const digits[] = {"",   "一", "二", "三", "四", "五",
				     "六", "七", "八", "九", "十"};

static void say_digit(struct words *w, int n) {
	say(w, "%s", digits[n]);
}

static void say_weekday(struct words *w, int n) {
	static const char *const names[] = {"", "一", "二", "三", "四", "五", "六", "日"};
	say(w, "%s", names[n]);
}

static void say_lunar_day(struct words *w, int n) {
	if (n == LUNAR_LAST) {
		say(w, "最后一天");
	} else if (n <= 10) {
		say(w, "初%s", digits[n]);
	} else if (n % 10 == 0) {
		say(w, "%s", n == 20 ? "二十" : "三十");
	} else {
		say(w, "%s%s", n < 20 ? "十" : "廿", digits[n % 10]);
	}
}

static void say_lunar_month(struct words *w, int month) {
	static const char *const names[] = {"每月", "正月", "二月", "三月", "四月",
					    "五月", "六月", "七月", "八月", "九月",
					    "十月", "冬月", "腊月"};
	say(w, "%s", names[month]);
}

static void say_lunar(struct words *w, const struct condition *c) {
	say(w, "农历");
	bool first = true;
	for (int month = 0; month <= 12; month++) {
		if (c->lunar[month] != 0) {
			say(w, "%s", first ? "" : "、");
			say_lunar_month(w, month);
			say_numbers(w, c->lunar[month], 1, 31, &plain, say_lunar_day);
			first = false;
		}
	}
}

static void say_names(struct words *w, uint32_t mask, const char *(*name_of)(int)) {
	bool first = true;
	for (int i = 1; i <= 31; i++) {
		if ((mask >> i & 1) != 0) {
			say(w, "%s%s", first ? "" : "、", name_of(i));
			first = false;
		}
	}
}

/* year 0: of every year; what is as in the day before it is left out. */
static void say_date(struct words *w, int year, int month, int day, int before_year,
		     int before_month) {
	if (year != before_year) {
		say(w, "%d 年 ", year);
	}
	if (year != before_year || month != before_month) {
		say(w, "%d 月 ", month);
	}
	say(w, "%d 日", day);
}

static void date_parts(const struct date_span *span, int64_t value, int *y, int *m,
		       int *d) {
	if (span->yearly) {
		*y = 0;
		*m = (int)(value / 100);
		*d = (int)(value % 100);
	} else {
		civil_from_days(value, y, m, d);
	}
}

static void say_day(struct words *w, int64_t day) {
	int y = 0;
	int m = 0;
	int d = 0;
	civil_from_days(day, &y, &m, &d);
	say_date(w, y, m, d, 0, 0);
}

static void say_dates(struct words *w, const struct condition *c) {
	for (size_t i = 0; i < c->n_spans; i++) {
		const struct date_span *span = &c->spans[i];
		int y = 0;
		int m = 0;
		int d = 0;
		date_parts(span, span->from, &y, &m, &d);
		say(w, "%s%s", i > 0 ? "、" : "", span->yearly ? "每年 " : "");
		say_date(w, y, m, d, 0, 0);
		if (span->to != span->from) {
			int from_y = y;
			int from_m = m;
			date_parts(span, span->to, &y, &m, &d);
			say(w, span->yearly && span->to < span->from ? "至次年 " : "至 ");
			from_m = span->yearly && span->to < span->from ? 0 : from_m;
			say_date(w, y, m, d, from_y, from_m);
		}
	}
}

/* On which days, without "every". */
static void say_noun(struct words *w, const struct condition *c) {
	switch (c->id) {
	case CONDITION_WORKDAY:
		say(w, "工作日");
		break;
	case CONDITION_OFFDAY:
		say(w, "休息日");
		break;
	case CONDITION_HOLIDAY:
		say(w, "节假日");
		break;
	case CONDITION_SWAPPED:
		say(w, "调休上班日");
		break;
	case CONDITION_LUNAR:
		say_lunar(w, c);
		break;
	case CONDITION_TAIL:
	case CONDITION_LUNAR_TAIL:
		say(w, "%s逢", c->id == CONDITION_TAIL ? "公历" : "农历");
		say_numbers(w, c->mask, 1, 10, &plain, say_digit);
		break;
	case CONDITION_BRANCH:
		say_names(w, c->mask, almanac_branch_name);
		say(w, "日");
		break;
	case CONDITION_TERM:
		say_names(w, c->mask, almanac_term_name);
		break;
	case CONDITION_EVERY:
		say(w, "自 ");
		say_day(w, c->day);
		say(w, "起每 %d 天", c->every_days);
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
	say(w, "%s", lunar && c->leap ? "（含闰月）" : "");
}

static void zh_head(struct words *w, const struct condition *c) {
	bool each = c->id == CONDITION_WORKDAY || c->id == CONDITION_OFFDAY ||
		    c->id == CONDITION_HOLIDAY || c->id == CONDITION_SWAPPED;
	say(w, "%s", each ? "每个" : c->id == CONDITION_BRANCH ? "每逢" : "");
	say_noun(w, c);
}

static void zh_also(struct words *w, const struct condition *c) {
	say(w, "，");
	if (c->id == CONDITION_FROM) {
		say(w, "%s", c->negated ? "" : "自 ");
		say_day(w, c->day);
		say(w, "%s", c->negated ? "以前" : "起");
	} else if (c->id == CONDITION_UNTIL) {
		say(w, "%s", c->negated ? "" : "至 ");
		say_day(w, c->day);
		say(w, "%s", c->negated ? "以后" : "止");
	} else {
		say(w, "%s", c->negated ? "" : "限");
		say_noun(w, c);
		say(w, "%s", c->negated ? "除外" : "");
	}
}

static void say_month_days(struct words *w, const struct cron *c) {
	if ((c->days & 0xFFFFFFFE) != 0) {
		say_numbers(w, c->days, 1, 31, &comma, NULL);
		say(w, " 日%s", c->last_day ? "和" : "");
	}
	say(w, "%s", c->last_day ? "最后一天" : "");
}

/* 每周一至周五, 每周六、日; Sunday last. */
static void say_weekdays(struct words *w, const struct cron *c) {
	uint32_t mask = (c->weekdays & 0x7E) | (c->weekdays & 1) << 7;
	say_numbers(w, mask, 1, 7, &week, say_weekday);
}

static void zh_days(struct words *w, const struct cron *c) {
	enum days_form form = rule_days_form(c);
	bool by_month = form != DAYS_ALL && form != DAYS_WEEK;
	if (!rule_all_months(c)) {
		say(w, "每年 ");
		say_numbers(w, c->months, 1, 12, &comma, NULL);
		say(w, " 月%s", by_month ? (c->days & 0xFFFFFFFE) != 0 ? " " : "" : "的");
	} else if (by_month) {
		say(w, "每月%s", (c->days & 0xFFFFFFFE) != 0 ? " " : "");
	}
	if (by_month) {
		say_month_days(w, c);
	}
	say(w, "%s",
	    form == DAYS_ALL    ? "每天"
	    : form == DAYS_WEEK ? "每周"
	    : form == DAYS_EITHER ? rule_all_months(c) ? "以及每周" : "以及当月每周"
	    : form == DAYS_BOTH ? "中的周"
				: "");
	if (form != DAYS_ALL && form != DAYS_MONTH) {
		say_weekdays(w, c);
	}
}

static void zh_times(struct words *w, const struct cron *c) {
	int step = 0;
	enum time_form form = rule_time_form(c, &step);
	if (form == TIMES_LISTED) {
		say(w, " ");
		say_times(w, c, &comma);
		return;
	}
	if (!rule_all_hours(c)) {
		say(w, " ");
		say_numbers(w, c->hours, 0, 23, &comma, NULL);
		say(w, " 时");
	}
	if (form == TIMES_STEP && step == 1) {
		say(w, "每分钟");
	} else if (form == TIMES_STEP) {
		say(w, "每 %d 分钟", step);
	} else if (c->minutes == 1) {
		say(w, "%s", rule_all_hours(c) ? "每小时整点" : "整点");
	} else {
		say(w, "%s", rule_all_hours(c) ? "每小时 " : "的 ");
		say_numbers(w, c->minutes, 0, 59, &comma, NULL);
		say(w, " 分");
	}
}

static void zh_once(struct words *w, const struct civil *at) {
	say_date(w, at->year, at->month, at->day, 0, 0);
	say(w, " %02d:%02d", at->hour, at->minute);
	if (at->second != 0) {
		say(w, ":%02d", at->second);
	}
	say(w, "，一次");
}

const struct rule_voice *rule_voice_zh(void) {
	static const struct rule_voice voice = {zh_once, zh_head, zh_days, zh_times,
						zh_also};
	return &voice;
}
