/* api_schedules.h - the body of a schedule, for all who take one. Threads: the core
 * thread. */
#pragma once

#include "fields.h"
#include "request.h"

/* A schedule of whoever asks, with what holds where its body is silent. */
void api_schedule_begin(const struct request *r, struct schedule *ret);
/* Reads a body into it and checks what it names. */
int api_schedule_read(const struct request *r, const json_t *body, enum need need,
		      struct schedule *s, struct error *err);
