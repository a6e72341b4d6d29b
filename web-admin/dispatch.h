/* dispatch.h - takes a request from its head to its handler: address, caller, body,
 * Idempotency-Key. Owner: http.c calls it. Threads: the core thread alone. Blocks: on the
 * store.
 *
 * Each may leave the request answered (stage STAGE_ANSWERED): nothing else is called then
 * but request_release. */
#pragma once

#include "request_internal.h"

/* The head is there. method: as it came, "HEAD" too. length: Content-Length, -1 where
 * unknown, 0 for none. */
void dispatch_head(struct request *r, const char *method, int64_t length);
/* A part of the body; not after an answer. */
void dispatch_body(struct request *r, const char *bytes, size_t n);
/* The body is complete. Afterwards it is answered or STAGE_DEFERRED. */
void dispatch_end(struct request *r);
/* For an address that request_new refused. */
void dispatch_refuse(struct request *r, const struct error *err);
/* How long its body may take. */
int64_t dispatch_limit_us(const struct request *r);
