/* clock.h - the one source of `now`, and the judgement whether it can be believed.
 * Owner: main. Threads: the core thread (clock_*_now: any). Blocks: never. */
#pragma once

#include "base/error.h"
#include "loop.h"

#include <stdbool.h>
#include <stdint.h>

struct clock;

/* UTC microseconds (CLOCK_REALTIME), and nanoseconds of CLOCK_MONOTONIC. */
int64_t clock_now_us(void);
int64_t clock_mono_ns(void);
/* A span in ns; one that is longer than 146 years is as long as that. */
static inline int64_t clock_span_ns(int64_t span_us) {
	const int64_t most_us = INT64_MAX / 2000;
	int64_t us = span_us < most_us ? span_us : most_us;
	return (us > -most_us ? us : -most_us) * 1000;
}
/* Where an instant of one clock lies on the other, as of now. What lies further ahead
 * than nanoseconds reach (the year 2262) lies there. */
int64_t clock_mono_ns_at(int64_t realtime_us);
int64_t clock_realtime_us_at(int64_t mono_ns);

struct clock_facts {
	int64_t now_us;
	bool synchronised; /* the kernel says so: adjtimex(2) */
	int64_t build_us;  /* when this program was made */
	int64_t newest_us; /* the newest row of the database, TIME_NONE */
};
struct clock_verdict {
	bool trusted;
	char reason[160];
};
/* Trusted where the kernel is synchronised, or where the time is later than the build and
 * than the newest row (a minute back is forgiven: that is a correction, not a lie). Pure.
 */
void clock_judge(const struct clock_facts *facts, struct clock_verdict *ret);

/* on_step: the clock was set (it jumped), or what is to be thought of it changed.
 * newest_us: of the store. */
int clock_new(struct loop *loop, int64_t newest_us, loop_fn on_step, void *arg,
	      struct clock **ret, struct error *err);
void clock_free(struct clock *clock); /* NULL is fine */
DEFINE_AUTO(struct clock *, clock_free)

/* Judged anew at every call. */
void clock_verdict_now(struct clock *clock, struct clock_verdict *ret);
