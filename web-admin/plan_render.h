/* plan_render.h - a plan as an answer: JSON as openapi.yaml describes it, and iCalendar
 * (RFC 5545). Pure. Threads: any; they are called on a worker. 0 or -ENOMEM. */
#pragma once

#include "base/str.h"
#include "schedule/plan.h"

int plan_json(const struct plan *plan, struct str *ret);
/* An event for each run that sounds or should have; times in UTC, so that no time zone
 * need be described. The UID of a (schedule, due) is always the same. */
int plan_ics(const struct plan *plan, struct str *ret);
