/* dalabactl_next.c - next: when a rule is due, reckoned here, without a daemon. */
#include "dalabactl.h"

#include "schedule/rule.h"

#include <stdio.h>
#include <time.h>

#define COUNT_MAX 1000000
#define TIMEZONE "Asia/Shanghai" /* as config.c has it */

static int64_t now_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

struct next_query {
	struct rule *rule;
	struct tz *tz;
	int64_t after_us;
	int64_t horizon_us;
	int64_t count;
};

static void query_done(struct next_query *q) {
	rule_free(q->rule);
	tz_free(q->tz);
}
DEFINE_AUTO_DONE(struct next_query, query_done)

static int query_read(const struct args *args, struct next_query *q, struct error *err) {
	struct error bad = {0};
	const char *from = args_text(args, "from");
	const char *zone = args_text(args, "timezone");
	q->after_us = now_us();
	q->count = 5;
	if (args_list(args, "calendar").n > 0) {
		return dalabactl_wrong_use(err,
					   "--calendar: no condition of a rule asks a "
					   "calendar in this version; leave it out");
	}
	if (rule_parse(args->words[0], &q->rule, &bad) < 0) {
		/* Not the rule as well: it may be longer than a sentence can be. */
		return dalabactl_wrong_use(err, "RULE: %s", bad.text);
	}
	if (tz_load(zone != NULL ? zone : TIMEZONE, &q->tz, &bad) < 0) {
		return dalabactl_wrong_use(err, "--timezone: %s", bad.text);
	}
	if (from != NULL && rfc3339_parse(from, &q->after_us, &bad) < 0) {
		return dalabactl_wrong_use(err, "--from: %s", bad.text);
	}
	if (args_number(args, "count", 1, COUNT_MAX, &q->count, &bad) < 0) {
		return dalabactl_wrong_use(err, "%s", bad.text);
	}
	q->horizon_us = rule_horizon_us(q->tz, q->after_us);
	return 0;
}

/* Moves on to the next time; false behind the last. */
static bool query_step(struct next_query *q) {
	return rule_next(q->rule, q->tz, NULL, q->after_us, &q->after_us) > 0 &&
	       q->after_us <= q->horizon_us;
}

static int print_lines(struct next_query *q, int64_t *ret_found) {
	for (*ret_found = 0; *ret_found < q->count; (*ret_found)++) {
		char text[RFC3339_SIZE];
		if (!query_step(q)) {
			break;
		}
		rfc3339_format(q->tz, q->after_us, text);
		puts(text);
	}
	return 0;
}

static int print_array(struct next_query *q, int64_t *ret_found, struct error *err) {
	AUTO(json_decref) json_t *answer = json_pack("{s:[]}", "items");
	json_t *items = json_object_get(answer, "items");
	for (*ret_found = 0; *ret_found < q->count; (*ret_found)++) {
		char text[RFC3339_SIZE];
		if (!query_step(q)) {
			break;
		}
		rfc3339_format(q->tz, q->after_us, text);
		if (json_array_append_new(items, json_string(text)) < 0) {
			return error_set(err, ENOMEM, "no memory for the times");
		}
	}
	return dalabactl_print_json(answer, err);
}

int dalabactl_next(struct client *c, const struct args *args, struct error *err) {
	(void)c; /* no daemon is asked */
	AUTO(query_done) struct next_query q = {0};
	int rc = query_read(args, &q, err);
	if (rc < 0) {
		return rc;
	}
	int64_t found = 0;
	rc = args_flag(args, "json") ? print_array(&q, &found, err)
				     : print_lines(&q, &found);
	if (rc >= 0 && found < q.count) {
		fprintf(stderr, "dalabactl: no more within %d years\n",
			RULE_HORIZON_YEARS);
	}
	return rc;
}
