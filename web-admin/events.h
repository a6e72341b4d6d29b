/* events.h - those who listen to GET /events. Owner: server.c. Threads: the core thread
 * alone. Never blocks: who does not read is cut off. */
#pragma once

#include "admin_internal.h"

int events_new(struct admin *a, struct events **ret, struct error *err);
/* Every listener must have gone before. NULL is fine. */
void events_free(struct events *e);

void events_run(struct events *e, int64_t run);
void events_status(struct events *e, int64_t zone);
void events_alert(struct events *e, const struct alert *alert);
void events_fault(struct events *e, const struct admin_fault *fault, bool over);

/* -1: nothing to do. */
int64_t events_timeout_us(const struct events *e, int64_t now_us);
void events_work(struct events *e, int64_t now_us);
