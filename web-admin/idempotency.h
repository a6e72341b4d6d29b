/* idempotency.h - the same Idempotency-Key gives the same answer and happens once
 * (draft-ietf-httpapi-idempotency-key-header-07). Owner: dispatch.c. Threads: the core
 * thread alone. Blocks: on the store's commits.
 *
 * The change and its answer are one transaction, so that a crash leaves both or neither.
 * What answers later (an upload, a spoken text) is known by its content and gives the
 * same clip again; its answer is kept when it is there. */
#pragma once

#include "request_internal.h"

/* Takes the header into r->key. -EINVAL says how a key is written. */
int idempotency_take_key(struct request *r, struct error *err);
/* The body is complete. True where the request was answered: by the answer it had before,
 * or refused because the key is in use. Otherwise the handler is to run, within a
 * transaction where r->joined. */
bool idempotency_begin(struct request *r);
/* The handler has returned. */
void idempotency_end(struct request *r);
/* A deferred answer is there. */
void idempotency_late(struct request *r);
