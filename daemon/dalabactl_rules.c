/* dalabactl_rules.c - rules: those that are picked by name; needs no daemon. */
#include "dalabactl.h"
#include "dalabactl_table.h"

#include "schedule/rule_ready.h"
#include "schedule/rule_words.h"

#include <stdlib.h>
#include <string.h>

enum rule_lang dalabactl_lang(void) {
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);
		if (value != NULL && value[0] != '\0') {
			return strncmp(value, "zh", 2) == 0 ? RULE_ZH : RULE_EN;
		}
	}
	return RULE_EN;
}

const char *dalabactl_rule(const char *text) {
	const struct rule_ready *ready = rule_ready_find(text);
	return ready != NULL ? ready->rule : text;
}

static int sentence_of(const struct rule_ready *ready, enum rule_lang lang,
		       struct str *ret, struct error *err) {
	AUTO(rule_free) struct rule *rule = NULL;
	int rc = rule_parse(ready->rule, &rule, err);
	return rc < 0 ? rc
	       : rule_sentence(rule, lang, ret) < 0
		       ? error_set(err, ENOMEM, "no memory for a sentence")
		       : 0;
}

static int print_array(struct error *err) {
	AUTO(json_decref) json_t *answer = json_pack("{s:[]}", "items");
	json_t *items = json_object_get(answer, "items");
	for (const struct rule_ready *r = rule_ready_all(); r->name != NULL; r++) {
		AUTO(str_done) struct str zh = STR_INIT;
		AUTO(str_done) struct str en = STR_INIT;
		int rc = sentence_of(r, RULE_ZH, &zh, err);
		rc = rc < 0 ? rc : sentence_of(r, RULE_EN, &en, err);
		if (rc < 0) {
			return rc;
		}
		json_array_append_new(
			items, json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "name", r->name,
					 "name_en", r->name_en, "rule", r->rule,
					 "sentence", "zh", zh.data, "en", en.data));
	}
	return dalabactl_print_json(answer, err);
}

int dalabactl_rules(struct client *c, const struct args *args, struct error *err) {
	(void)c; /* no daemon is asked */
	if (args_flag(args, "json")) {
		return print_array(err);
	}
	AUTO(table_done) struct table t;
	table_init(&t, "NAME|RULE|MEANS");
	enum rule_lang lang = dalabactl_lang();
	for (const struct rule_ready *r = rule_ready_all(); r->name != NULL; r++) {
		AUTO(str_done) struct str means = STR_INIT;
		int rc = sentence_of(r, lang, &means, err);
		if (rc < 0) {
			return rc;
		}
		table_cell(&t, lang == RULE_ZH ? r->name : r->name_en);
		table_cell(&t, r->rule);
		table_cell(&t, means.data);
	}
	return table_print(&t, err);
}
