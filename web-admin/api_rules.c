/* api_rules.c - the rules a clerk picks by name, each with its sentence. */
#include "list.h"
#include "render.h"

#include "schedule/rule_ready.h"

static void get_rules(struct request *r) {
	json_t *items = json_array();
	for (const struct rule_ready *ready = rule_ready_all(); ready->name != NULL;
	     ready++) {
		AUTO(rule_free) struct rule *rule = NULL;
		struct error err = {0};
		if (rule_parse(ready->rule, &rule, &err) < 0) {
			json_decref(items);
			reply_error(r, &err);
			return;
		}
		json_array_append_new(
			items, json_pack("{s:s, s:s, s:s, s:o}", "name", ready->name,
					 "name_en", ready->name_en, "rule", ready->rule,
					 "sentence", render_sentence(rule)));
	}
	list_reply_cursor(r, items, NULL);
}

const struct route *api_rules_routes(void) {
	static const struct route routes[] = {
		{METHOD_GET, "/rules", BODY_NONE, NULL, 0, get_rules},
		{.path = NULL},
	};
	return routes;
}
