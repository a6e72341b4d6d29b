/* plan_json.c - a plan as JSON (see plan_render.h). Written by hand: a plan may have tens
 * of thousands of parts, and a tree of them would cost ten times what the plan did. */
#include "plan_render.h"

#include "schedule/tz.h"

#include <stdarg.h>
#include <string.h>

struct out {
	struct str *text;
	const struct plan *plan;
	bool failed;
};

static void put(struct out *o, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void put(struct out *o, const char *format, ...) {
	char part[200];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(part, sizeof(part), format, args);
	va_end(args);
	o->failed |= n < 0 || n >= (int)sizeof(part) ||
		     str_append_bytes(o->text, part, (size_t)n) < 0;
}

static void put_bytes(struct out *o, const char *bytes, size_t n) {
	o->failed |= str_append_bytes(o->text, bytes, n) < 0;
}

static void put_literal(struct out *o, const char *text) {
	put_bytes(o, text, strlen(text));
}

static void put_number(struct out *o, int64_t number) {
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (number < 0) {
		digits[--at] = '-';
	}
	put_bytes(o, digits + at, sizeof(digits) - at);
}

/* "name": without the blank. */
static void put_name(struct out *o, const char *name) {
	put_bytes(o, "\"", 1);
	put_literal(o, name);
	put_bytes(o, "\":", 2);
}

/* RFC 8259, section 7. */
static void put_text(struct out *o, const char *text) {
	put_bytes(o, "\"", 1);
	while (*text != '\0') {
		size_t plain = 0;
		while ((unsigned char)text[plain] >= 0x20 && text[plain] != '"' &&
		       text[plain] != '\\') {
			plain++;
		}
		put_bytes(o, text, plain);
		text += plain;
		if (*text != '\0') {
			put(o, "\\u%04x", (unsigned)(unsigned char)*text);
			text++;
		}
	}
	put_bytes(o, "\"", 1);
}

static void put_time(struct out *o, const char *name, int64_t us) {
	char text[RFC3339_SIZE];
	put_name(o, name);
	if (us == TIME_NONE) {
		put_literal(o, "null");
		return;
	}
	rfc3339_format(o->plan->input->tz, us, text);
	put_bytes(o, "\"", 1);
	put_literal(o, text);
	put_bytes(o, "\"", 1);
}

static void put_id(struct out *o, const char *name, int64_t id) {
	put_name(o, name);
	if (id > 0) {
		put_number(o, id);
	} else {
		put_literal(o, "null");
	}
	put_bytes(o, ",", 1);
}

/* Who it is: of a run, or of who is in its way. */
static void put_who(struct out *o, uint32_t run) {
	const struct plan_source *source = plan_source_of(o->plan, run);
	put_id(o, "schedule", source->schedule);
	if (source->draft >= 0) {
		put_literal(o, "\"draft\":");
		put_number(o, source->draft);
		put_literal(o, ",");
	} else {
		put_literal(o, "\"draft\":null,");
	}
	put_id(o, "run", source->run);
	put_literal(o, "\"title\":");
	put_text(o, plan_said_of(o->plan, run)->title);
}

static void put_clash(struct out *o, int32_t with, const char *solved, bool first) {
	const struct plan_run *run = &o->plan->runs[with];
	put_literal(o, first ? "{\"solved\":\"" : ",{\"solved\":\"");
	put_literal(o, solved);
	put_literal(o, "\",\"with\":{");
	put_who(o, (uint32_t)with);
	put_literal(o, ",");
	put_time(o, "due", run->due_us);
	put_literal(o, "}}");
}

static void put_clashes(struct out *o, const struct plan_spot *spot) {
	bool late = spot->start_us != TIME_NONE &&
		    spot->start_us > o->plan->runs[spot->run].due_us;
	bool lost = spot->start_us == TIME_NONE && spot->behind >= 0;
	bool waits = late && spot->behind >= 0;
	put_literal(o, "\"clashes\":[");
	if (waits || lost) {
		put_clash(o, spot->behind,
			  spot->why == PLAN_WHY_TAKEN    ? "skipped"
			  : spot->why == PLAN_WHY_WAITED ? "missed"
							 : "waits",
			  true);
	}
	if (spot->above >= 0 && spot->soft_ms > 0) {
		put_clash(o, spot->above, "softer", !waits && !lost);
	}
	put_literal(o, "]");
}

static void put_sentence(struct out *o, const char *zh, const char *en) {
	put_literal(o, "{\"zh\":");
	put_text(o, zh);
	put_literal(o, ",\"en\":");
	put_text(o, en);
	put_literal(o, "}");
}

static void put_reason(struct out *o, const struct plan_spot *spot) {
	char zh[PLAN_WORDS_SIZE];
	char en[PLAN_WORDS_SIZE];
	plan_words(o->plan, spot, PLAN_ZH, zh);
	plan_words(o->plan, spot, PLAN_EN, en);
	if (en[0] != '\0') {
		put_sentence(o, zh, en);
	} else {
		put_literal(o, "null");
	}
}

static void put_spot(struct out *o, const struct plan_spot *spot) {
	const struct zone *zone = &o->plan->input->zones[spot->zone];
	bool sounds = spot->start_us != TIME_NONE;
	put_literal(o, "{\"zone\":");
	put_number(o, zone->id);
	put_literal(o, ",\"name\":");
	put_text(o, zone->name);
	put_literal(o, ",\"outcome\":\"");
	put_literal(o, outcome_name(spot->outcome));
	put_literal(o, "\",\"reason\":");
	put_reason(o, spot);
	put_literal(o, ",");
	put_time(o, "starts", spot->start_us);
	put_literal(o, ",");
	put_time(o, "ends", sounds ? spot->end_us : TIME_NONE);
	if (sounds) {
		int64_t late_us = spot->start_us - o->plan->runs[spot->run].due_us;
		put_literal(o, ",\"late_ms\":");
		put_number(o, late_us / 1000);
		put_literal(o, ",\"plays_ms\":");
		put_number(o, (spot->end_us - spot->start_us) / 1000);
		put_literal(o, ",");
	} else {
		put_literal(o, ",\"late_ms\":null,\"plays_ms\":0,");
	}
	put_clashes(o, spot);
	put_literal(o, "}");
}

/* What is done to it just this once. */
static void put_once(struct out *o, const struct plan_run *run) {
	bool moved = run->occurrence_us != run->due_us;
	put_time(o, "moved_from", moved ? run->occurrence_us : TIME_NONE);
	put_literal(o, ",\"override\":");
	if (run->override != NULL) {
		put(o, "{\"id\":%lld,\"action\":\"%s\"},", (long long)run->override->id,
		    override_action_name(run->override->action));
	} else {
		put_literal(o, "null,");
	}
}

/* False where none of its zones is asked for. */
static bool put_run(struct out *o, const struct plan_run *run, bool first) {
	const struct plan *p = o->plan;
	uint32_t number = (uint32_t)(run - p->runs);
	const struct plan_source *source = plan_source_of(p, number);
	const struct plan_said *said = plan_said_of(p, number);
	bool any = false;
	for (uint32_t i = run->first; i < run->first + run->n; i++) {
		if (!plan_shows(p, &p->spots[i])) {
			continue;
		}
		if (!any) {
			put(o, "%s{", first ? "" : ",");
			put_who(o, number);
			put_literal(o, ",");
			put_id(o, "announcement", said->announcement);
			put(o, "\"class\":\"%s\",", run_class_name(source->class));
			put_time(o, "due", run->due_us);
			put_literal(o, ",");
			put_once(o, run);
			put(o, "\"length_ms\":%lld,\"estimated\":%s,\"zones\":[",
			    (long long)said->length_ms,
			    said->estimated ? "true" : "false");
		}
		put_literal(o, any ? "," : "");
		any = true;
		put_spot(o, &p->spots[i]);
	}
	put_literal(o, any ? "]}" : "");
	return any;
}

static void put_day(struct out *o, const struct plan_day *day, bool first) {
	const struct zone *zone = &o->plan->input->zones[day->zone];
	int year = 0;
	int month = 0;
	int of_month = 0;
	civil_from_days(day->day, &year, &month, &of_month);
	put(o, "%s{\"date\":\"%04d-%02d-%02d\",\"zone\":%lld,\"name\":", first ? "" : ",",
	    year, month, of_month, (long long)zone->id);
	put_text(o, zone->name);
	put(o, ",\"runs\":%d,\"plays_ms\":%lld,\"minutes\":%.1f}", day->runs,
	    (long long)day->sounding_ms, (double)day->sounding_ms / 60000.0);
}

static void put_notices(struct out *o) {
	const struct plan_notices *lists[] = {&o->plan->input->notices,
					      &o->plan->notices};
	bool first = true;
	put_literal(o, "\"notices\":[");
	for (size_t k = 0; k < 2; k++) {
		const struct texts *zh = &lists[k]->in[PLAN_ZH];
		const struct texts *en = &lists[k]->in[PLAN_EN];
		for (size_t i = 0; i < en->n; i++) {
			put_literal(o, first ? "" : ",");
			put_sentence(o, zh->items[i], en->items[i]);
			first = false;
		}
	}
	put_literal(o, "]");
}

int plan_json(const struct plan *plan, struct str *ret) {
	struct out o = {.text = ret, .plan = plan};
	bool first = true;
	put_literal(&o, "{");
	put_time(&o, "from", plan->input->from_us);
	put_literal(&o, ",");
	put_time(&o, "to", plan->until_us);
	put_literal(&o, ",\"items\":[");
	for (size_t i = 0; i < plan->n_runs && !o.failed; i++) {
		first &= !put_run(&o, &plan->runs[i], first);
	}
	put_literal(&o, "],\"days\":[");
	for (size_t i = 0; i < plan->n_days && !o.failed; i++) {
		put_day(&o, &plan->days[i], i == 0);
	}
	put_literal(&o, "],");
	put_notices(&o);
	put_literal(&o, ",");
	put_time(&o, "next", plan->more ? plan->until_us : TIME_NONE);
	put_literal(&o, "}\n");
	return o.failed ? -ENOMEM : 0;
}
