/* fuzz_rule.c - any text as a rule: it is refused with one sentence that names a column,
 * or it is taken, and its next times lie ahead, in order, on the second. */
#include "schedule/rule_words.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define START_US 1767225600000000LL /* 2026-01-01 */

static void check_sentence(const struct rule *rule, enum rule_lang lang) {
	AUTO(str_done) struct str said = STR_INIT;
	int rc = rule_sentence(rule, lang, &said);
	assert(rc == 0 && said.len > 0 && utf8_valid(said.data, said.len));
}

static void check_taken(const struct rule *rule) {
	check_sentence(rule, RULE_EN);
	check_sentence(rule, RULE_ZH);
	static struct tz *tz;
	if (tz == NULL) {
		int rc = tz_load("Africa/Cairo", &tz, NULL);
		assert(rc == 0);
	}
	int64_t at_us = START_US;
	int64_t horizon_us = rule_horizon_us(tz, at_us);
	for (int i = 0; i < 5; i++) {
		int64_t next_us = 0;
		if (rule_next(rule, tz, NULL, at_us, &next_us) == 0) {
			return;
		}
		assert(next_us > at_us && next_us % 1000000 == 0);
		assert(i > 0 || next_us <= horizon_us);
		at_us = next_us;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	char text[1200];
	if (size >= sizeof(text)) {
		return 0;
	}
	memcpy(text, data, size);
	text[size] = '\0';
	AUTO(rule_free) struct rule *rule = NULL;
	struct error err = {0};
	int rc = rule_parse(text, &rule, &err);
	if (rc == 0) {
		assert(rule != NULL);
		check_taken(rule);
		return 0;
	}
	assert(rc == -EINVAL && rule == NULL);
	int column = 0;
	if (sscanf(err.text, "column %d: ", &column) == 1) {
		assert(column >= 1 && (size_t)column <= strlen(text) + 1);
	} else {
		assert(strlen(text) > 1000);
	}
	return 0;
}
