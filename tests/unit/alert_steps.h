/* alert_steps.h - alerts asked in a fake box, and what tests look at of them. In the fake
 * engine a chime and a text last a second each. */
#pragma once

#include "fake_box.h"

/* What the last answer said. */
struct alert_told {
	int times;
	int64_t id;
	int64_t first_sound_ms;
	bool on_disk;
	char error[ERROR_TEXT_SIZE];
};
struct alert_told *alert_told(void);
void alert_on_told(void *arg, const struct alert *alert, const struct error *why);

/* One of a severity in up to two zones (0: none), that repeats as by default. */
struct alert alert_flood(enum severity severity, int64_t zone, int64_t other);
/* Takes its values over. */
int64_t alert_ask(struct fake_box *box, struct alert alert);
/* Has the words spoken that all say, so that they are known from the first moment on. */
void alert_words_known(struct fake_box *box, int64_t zone);

void assert_zone_says(int64_t zone, const char *what);
void assert_alert_state(struct fake_box *box, int64_t id, enum alert_state state);
/* "" where there is none. */
const char *alert_fault_text(struct fake_box *box, const char *source);
