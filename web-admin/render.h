/* render.h - rows as JSON, in the form openapi.yaml describes; the same for an answer and
 * an event. Each returns a new reference, or NULL without memory. Threads: any. */
#pragma once

#include "admin.h"

#include <jansson.h>

json_t *render_time(const struct tz *tz, int64_t us); /* null for TIME_NONE */
json_t *render_run(const struct tz *tz, const struct run *run);
json_t *render_alert(const struct tz *tz, const struct alert *alert);
json_t *render_zone_status(const struct zone *zone,
			   const struct admin_zone_status *status);
json_t *render_fault(const struct tz *tz, const struct admin_fault *fault);
json_t *render_clock(const struct tz *tz, const struct admin_clock *clock);
