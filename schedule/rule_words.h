/* rule_words.h - rules in words, for those who do not read cron: what a rule means, and
 * what is not known that it depends on. Threads: any. Pure: never blocks. */
#pragma once

#include "base/str.h"
#include "rule.h"

#include <stdbool.h>

enum rule_lang { RULE_EN, RULE_ZH, RULE_LANGS };

/* What the rule means, as one would write it on the wall: "every workday at 06:30",
 * "每个工作日 06:30". 0 and the sentence in ret (str_done), or -ENOMEM. */
int rule_sentence(const struct rule *rule, enum rule_lang lang, struct str *ret);

/* The years from from_us to to_us whose holidays are not known; as rule_notice. */
int calendar_notice(const struct tz *tz, const struct calendar *calendar, int64_t from_us,
		    int64_t to_us, enum rule_lang lang, struct str *ret);

/* What rule_next does not know of the days from from_us to to_us: years without holidays
 * (Monday to Friday are taken for their workdays), lunar days and solar terms outside
 * 1901 to 2100 (the rule is not due there). Returns 1 and a sentence in ret (str_done),
 * 0 where nothing it depends on is missing, or -ENOMEM. */
int rule_notice(const struct rule *rule, const struct tz *tz,
		const struct calendar *calendar, int64_t from_us, int64_t to_us,
		enum rule_lang lang, struct str *ret);
