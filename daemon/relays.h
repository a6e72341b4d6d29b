/* relays.h - sound from outside the box: for every line and every stream that a run needs
 * one program (audio/relay/relay.h), from shortly before the run until its end, and the
 * jitter buffer into which it pours. Several runs that need the same share it. What is
 * wrong is a fault as long as it is wanted; a program that ends, or that neither sends
 * nor says why for 6 s, is started again. Owner: main. Threads: the core thread alone.
 * Blocks in relays_free alone, as jobs_drop does. */
#pragma once

#include "faults.h"
#include "jobs.h"
#include "loop.h"
#include "schedule/types.h"

struct jitter;
struct relays;
struct relay;

struct relays_config {
	struct loop *loop;
	struct jobs *jobs;
	struct faults *faults;
	const char *program; /* dalaba-relay; copied */
};

int relays_new(const struct relays_config *config, struct relays **ret,
	       struct error *err);
void relays_free(struct relays *r); /* NULL is fine; ends the programs */
DEFINE_AUTO(struct relays *, relays_free)

/* kind: PART_LINE or PART_STREAM. What cannot be started now is a fault, and is tried
 * again; what memory and the loop refuse alone is an error. To be given back, before
 * relays_free. */
int relays_take(struct relays *r, enum part_kind kind, const char *name,
		struct relay **ret, struct error *err);
void relay_give(struct relay *relay); /* NULL is fine */
DEFINE_AUTO(struct relay *, relay_give)

struct jitter *relay_jitter(const struct relay *relay); /* borrowed */
/* How often something was wrong so far. */
int64_t relay_said(const struct relay *relay);
/* What was wrong last; "" where that was before relay_said gave `said`, and is over. */
const char *relay_words(const struct relay *relay, int64_t said);
