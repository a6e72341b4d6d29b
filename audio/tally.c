/* tally.c - see tally.h. */
#include "tally.h"

#include <stdatomic.h>

struct tally {
	_Atomic int refs;
	_Atomic int64_t relayed;
	_Atomic int64_t missing;
	_Atomic int64_t fallback;
	_Atomic int64_t unread;
};

struct tally *tally_new(void) {
	struct tally *t = calloc(1, sizeof(*t));
	if (t != NULL) {
		atomic_init(&t->refs, 1);
	}
	return t;
}

struct tally *tally_ref(struct tally *t) {
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void tally_unref(struct tally *t) {
	if (t != NULL &&
	    atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1) {
		free(t);
	}
}

void tally_add(struct tally *t, const struct tally_count *more) {
	atomic_fetch_add_explicit(&t->relayed, more->relayed, memory_order_relaxed);
	atomic_fetch_add_explicit(&t->missing, more->missing, memory_order_relaxed);
	atomic_fetch_add_explicit(&t->fallback, more->fallback, memory_order_relaxed);
	atomic_fetch_add_explicit(&t->unread, more->unread, memory_order_relaxed);
}

void tally_read(const struct tally *t, struct tally_count *ret) {
	ret->relayed = atomic_load_explicit(&t->relayed, memory_order_relaxed);
	ret->missing = atomic_load_explicit(&t->missing, memory_order_relaxed);
	ret->fallback = atomic_load_explicit(&t->fallback, memory_order_relaxed);
	ret->unread = atomic_load_explicit(&t->unread, memory_order_relaxed);
}
