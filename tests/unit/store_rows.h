/* store_rows.h - one ready-made row of each kind, for the tests of the store,
 * and the words these tests share. Each answers what the store answered. */
#pragma once

#include "schedule/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define NOON_US INT64_C(1795000000000000)
#define MINUTE_US INT64_C(60000000)

/* Fails the test with the sentence of the error. */
#define assert_ok(call)                                                                  \
	do {                                                                             \
		int rc_ = (call);                                                        \
		if (rc_ != 0) {                                                          \
			fail_msg("%s: %d %s", #call, rc_, err.text);                     \
		}                                                                        \
	} while (0)

/* The call is refused with the code, and its sentence names `words`. */
#define assert_refused(call, errno_, words)                                              \
	do {                                                                             \
		memset(&err, 0, sizeof(err));                                            \
		assert_int_equal(call, -(errno_));                                       \
		assert_int_equal(err.code, errno_);                                      \
		if (strstr(err.text, words) == NULL) {                                   \
			fail_msg("'%s' lacks '%s'", err.text, words);                    \
		}                                                                        \
	} while (0)

/* For cmocka: *state is an empty store in memory. */
int open_memory(void **state);
int close_memory(void **state);

/* Every migration there is, how many these are, and one more behind them. */
#define MIGRATIONS_MAX 32
size_t migrations_n(void);
void migrations_and(const char *more, const char *ret[MIGRATIONS_MAX]);

/* 64 hex digits from a small number. */
const char *clip_id(int number);

/* Each sets *id. Where memory runs out for the row
 * itself, -ENOMEM, as from the store. */
int add_area(struct store *s, const char *code, int64_t parent, int64_t *id,
	     struct error *err);
int add_output(struct store *s, const char *name, int channels, int64_t *id,
	       struct error *err);
int add_zone(struct store *s, const char *name, int64_t output, int channel, int64_t area,
	     int64_t *id, struct error *err);
int add_clip(struct store *s, int number, struct error *err); /* 1 new, 0 known */
/* One that says the clip, or a text where number is 0. */
int add_announcement(struct store *s, int number, int64_t *id, struct error *err);
int add_schedule(struct store *s, int64_t announcement, int64_t zone, int64_t *id,
		 struct error *err);
/* Moves one occurrence half a minute ahead; announcement 0: its own. */
int put_override(struct store *s, int64_t schedule, int64_t due_us, int64_t announcement,
		 struct error *err);
/* An alert in one zone and one area, with the clip, or a text where number is 0. */
int add_alert(struct store *s, int number, int64_t zone, int64_t *id, struct error *err);
/* What a run sent to a zone: 1500 ms, 6000 bytes. */
int add_recording(struct store *s, int64_t run, int64_t zone, int64_t started_us,
		  struct error *err);
/* A run that is a sounding of an alert. */
int claim_sounding(struct store *s, int64_t alert, int64_t zone, int64_t *id,
		   struct error *err);
/* A run of a schedule (0: pushed) in one zone, with a text. */
int claim_run(struct store *s, int64_t schedule, int64_t due_us, int64_t zone,
	      int64_t *id, struct error *err);
