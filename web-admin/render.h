/* render.h - rows as JSON, in the form openapi.yaml describes; the same for an answer and
 * an event. Each returns a new reference, or NULL without memory. Threads: any. */
#pragma once

#include "admin.h"
#include "schedule/rule_words.h"

#include "schedule/occurrence.h"

#include <jansson.h>

json_t *render_time(const struct tz *tz, int64_t us); /* null for TIME_NONE */
json_t *render_run(const struct tz *tz, const struct run *run);
/* What one occurrence does just this once, and whether that is void. */
json_t *render_override(const struct series *series, const struct override *override);
json_t *render_alert(const struct tz *tz, const struct alert *alert);
json_t *render_zone_status(const struct zone *zone,
			   const struct admin_zone_status *status);
json_t *render_fault(const struct tz *tz, const struct admin_fault *fault);
/* {zh, en} */
json_t *render_sentence(const struct rule *rule);
/* What the rule depends on that is not known of these days: {zh, en}, or null. */
json_t *render_notice(const struct admin_config *config, const struct rule *rule,
		      int64_t from_us, int64_t to_us);
/* How far ahead a year that is missing is said: the holidays of a year are published in
 * the autumn before. */
#define SOON_US (60LL * 86400 * 1000000)
/* {years, missing, notice}: the years whose holidays are known, and those of the next 60
 * days that are not. */
json_t *render_holidays(const struct admin_config *config, int64_t now_us);
json_t *render_clock(const struct tz *tz, const struct admin_clock *clock);
