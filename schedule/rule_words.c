/* rule_words.c - the parts of the sentence of a rule, whatever the language. */
#include "rule_words_internal.h"

#include <stdarg.h>
#include <stdio.h>

#define TIMES_LISTED_MAX 6

void say(struct words *w, const char *format, ...) {
	char text[200];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	w->failed = w->failed || n < 0 || n >= (int)sizeof(text) ||
		    str_append(&w->text, text) < 0;
}

int bits_in(uint64_t mask) {
	return __builtin_popcountll(mask);
}

const char *list_before(const struct list_style *style, size_t i, size_t n) {
	return i == 0 ? "" : i + 1 < n ? style->between : style->last;
}

static bool in_mask(uint64_t mask, int number) {
	return (mask >> number & 1) != 0;
}

/* The last of those that follow each other from `number` on. */
static int run_end(uint64_t mask, int number, int max) {
	while (number < max && in_mask(mask, number + 1)) {
		number++;
	}
	return number;
}

static void say_number(struct words *w, const struct list_style *style, int number,
		       void (*word)(struct words *w, int number)) {
	say(w, "%s", style->before);
	if (word != NULL) {
		word(w, number);
	} else {
		say(w, "%d", number);
	}
}

void say_numbers(struct words *w, uint64_t mask, int min, int max,
		 const struct list_style *style,
		 void (*word)(struct words *w, int number)) {
	size_t n = 0;
	for (int i = min; i <= max; i++) {
		int end = in_mask(mask, i) ? run_end(mask, i, max) : i;
		n += in_mask(mask, i);
		i = end - i >= 2 ? end : i;
	}
	size_t at = 0;
	for (int i = min; i <= max; i++) {
		if (!in_mask(mask, i)) {
			continue;
		}
		int end = run_end(mask, i, max);
		say(w, "%s", list_before(style, at++, n));
		say_number(w, style, i, word);
		if (end - i >= 2) {
			say(w, "%s", style->to);
			say_number(w, style, end, word);
			i = end;
		}
		say(w, "%s", style->after);
	}
}

bool rule_all_hours(const struct cron *c) {
	return (c->hours & 0xFFFFFF) == 0xFFFFFF;
}

enum time_form rule_time_form(const struct cron *c, int *ret_step) {
	static const int steps[] = {1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30};
	if (bits_in(c->minutes) * bits_in(c->hours) <= TIMES_LISTED_MAX) {
		return TIMES_LISTED;
	}
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint64_t mask = 0;
		for (int m = 0; m < 60; m += steps[i]) {
			mask |= 1ULL << m;
		}
		if (mask == c->minutes) {
			*ret_step = steps[i];
			return TIMES_STEP;
		}
	}
	return TIMES_MINUTES;
}

void say_times(struct words *w, const struct cron *c, const struct list_style *style) {
	size_t n = (size_t)bits_in(c->minutes) * (size_t)bits_in(c->hours);
	size_t at = 0;
	for (int i = 0; i < 24 * 60; i++) {
		if (in_mask(c->hours, i / 60) && in_mask(c->minutes, i % 60)) {
			say(w, "%s%02d:%02d", list_before(style, at++, n), i / 60,
			    i % 60);
		}
	}
}

bool rule_all_months(const struct cron *c) {
	return bits_in(c->months & 0x1FFE) == 12;
}

enum days_form rule_days_form(const struct cron *c) {
	bool month = bits_in(c->days & 0xFFFFFFFE) < 31;
	bool week = bits_in(c->weekdays & 0x7F) < 7;
	bool either = !c->days_star && !c->weekdays_star;
	if (either) {
		return month && week ? DAYS_EITHER : DAYS_ALL;
	}
	return month && week ? DAYS_BOTH
	       : month       ? DAYS_MONTH
	       : week        ? DAYS_WEEK
			     : DAYS_ALL;
}

static bool can_head(const struct condition *c) {
	return !c->negated && c->id != CONDITION_LUNAR_LEAP && c->id != CONDITION_FROM &&
	       c->id != CONDITION_UNTIL;
}

const struct condition *rule_head(const struct rule *rule) {
	if (rule_days_form(&rule->cron) != DAYS_ALL || !rule_all_months(&rule->cron)) {
		return NULL;
	}
	for (size_t i = 0; i < rule->n_conditions; i++) {
		if (can_head(&rule->conditions[i])) {
			return &rule->conditions[i];
		}
	}
	return NULL;
}

int rule_sentence(const struct rule *rule, enum rule_lang lang, struct str *ret) {
	const struct rule_voice *voice =
		lang == RULE_ZH ? rule_voice_zh() : rule_voice_en();
	struct words w = {.text = STR_INIT};
	if (rule->at) {
		voice->once(&w, &rule->civil);
	} else {
		const struct condition *head = rule_head(rule);
		if (head != NULL) {
			voice->head(&w, head);
		} else {
			voice->days(&w, &rule->cron);
		}
		voice->times(&w, &rule->cron);
		for (size_t i = 0; i < rule->n_conditions; i++) {
			const struct condition *c = &rule->conditions[i];
			if (c != head && c->id != CONDITION_LUNAR_LEAP) {
				voice->also(&w, c);
			}
		}
	}
	if (w.failed) {
		str_done(&w.text);
		return -ENOMEM;
	}
	*ret = w.text;
	return 0;
}
