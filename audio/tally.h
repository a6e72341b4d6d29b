/* tally.h - how much of what a job relays has come: counted by who makes the job, looked
 * at by who writes its record. Owner: counted by tally_ref, freed by the last
 * tally_unref. Threads: any; lock-free, never waits. */
#pragma once

#include "base/cleanup.h"

#include <stdint.h>

struct tally;

struct tally *tally_new(void); /* NULL: no memory. One reference is the caller's */
struct tally *tally_ref(struct tally *t);
void tally_unref(struct tally *t); /* NULL is fine */
DEFINE_AUTO(struct tally *, tally_unref)

/* In frames at 48 kHz; what is missing and what the fallback said may be the same. */
struct tally_count {
	int64_t relayed; /* all */
	int64_t missing; /* of that nothing came */
	int64_t fallback;
	int64_t unread; /* it should have sounded, and its file could not be read */
};
void tally_add(struct tally *t, const struct tally_count *more);
void tally_read(const struct tally *t, struct tally_count *ret);
