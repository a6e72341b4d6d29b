/* fake_box.h - a box without time and sound: clock, loop, engine and library as the
 * director sees them, all on a clock that the test turns. The director, the alerts, the
 * planner, the arbiter and the store under test are the real ones. */
#pragma once

#include "daemon/alerts.h"
#include "daemon/calls.h"
#include "daemon/director.h"

#include <stdbool.h>

struct fake_box {
	int64_t now_us;
	bool trusted;
	int64_t speech_takes_us; /* how long words need; INT64_MAX: they fail */
	/* Told what has sounded, where the clock was not set meanwhile; may be NULL. */
	void (*on_heard)(int64_t zone, int64_t from_us, int64_t to_us);
	struct store *store;
	struct faults *faults;
	struct tz *tz;
	struct director *director;
	struct alerts *alerts;
	struct calls *calls;
};

/* On a database that lives in memory, at 2026-03-02 08:00 in Shanghai, trusted. */
void fake_box_start(struct fake_box *box);
void fake_box_done(struct fake_box *box);
/* The director dies without a word (true: kill -9; false: SIGTERM) and a new one takes
 * over. */
void fake_box_restart(struct fake_box *box, bool killed);
/* Lets time pass; everything happens at its own moment. */
void fake_box_pass(struct fake_box *box, int64_t us);
/* The core thread hangs for so long, in a commit to a slow disk; the sound goes on. */
void fake_box_stall(struct fake_box *box, int64_t us);
/* The clock is set: time jumps, nothing happens in between. */
void fake_box_step(struct fake_box *box, int64_t us);

/* One zone on one output, and an announcement of so many ms of silence (the fake engine
 * plays that long). */
int64_t fake_box_zone(struct fake_box *box, const char *name, const char *quiet_from_to);
/* Up to 8 zones on one output: they start as one. */
void fake_box_zones(struct fake_box *box, int64_t *ret, size_t n);
void fake_box_set_pass(struct fake_box *box, int64_t zone, int pass);
int64_t fake_box_announcement(struct fake_box *box, const char *title, int64_t length_ms);
/* With what becomes of it when it is interrupted; the other one resumes. */
int64_t fake_box_resuming(struct fake_box *box, const char *title, int64_t length_ms,
			  enum resume resume, int64_t expires_us);
int64_t fake_box_schedule(struct fake_box *box, int64_t announcement, int64_t zone,
			  const char *rule, enum run_class class, int play_within_s);
/* One occurrence does something else; announcement 0: its own, to_us TIME_NONE: at its
 * own time. */
int64_t fake_box_override(struct fake_box *box, int64_t schedule, int64_t due_us,
			  enum override_action action, int64_t to_us,
			  int64_t announcement);
int64_t fake_box_push(struct fake_box *box, int64_t announcement, int64_t zone,
		      enum run_class class, struct error *err);
int64_t fake_box_push_to(struct fake_box *box, int64_t announcement, const int64_t *zones,
			 size_t n, enum run_class class, struct error *err);
/* The newest run's outcome in its first zone; *ret is released by the caller. */
void fake_box_last_run(struct fake_box *box, struct run *ret);
size_t fake_box_count_runs(struct fake_box *box);

/* What the fake engine has played: how often anything began to sound, and how many sound
 * now, or fade out. */
size_t fake_box_starts(void);
size_t fake_box_sounding(void);
/* From now on *ret counts what waits for the disk. */
void fake_box_count_commits(struct fake_box *box, size_t *ret);
/* From now on the store can read and not write. */
void fake_box_break_disk(struct fake_box *box, bool broken);
/* What sounds in a zone now, at most two. */
#define FAKE_SOUNDS 2
struct fake_sound {
	int64_t place_ms; /* where in its job */
	int64_t left_ms;
	double gain_db;
	double begun_db; /* the gain it was submitted with */
};
size_t fake_box_heard(int64_t zone, struct fake_sound ret[FAKE_SOUNDS]);
/* What sounds in a zone now, a letter a part: C chime, W words or recording, _ silence, L
 * live, R a line or a stream; "" where nothing does. */
const char *fake_box_says(int64_t zone);
/* How many lines and streams are taken now. */
size_t fake_box_relays(void);
/* Of what every job relays from now on, so much is missing, and the fallback sounded for
 * so long; the words of the program that should have brought it. */
void fake_box_relay_lacks(int64_t missing, int64_t fallback, const char *words);
/* Nor could the fallback be read for so long. */
void fake_box_fallback_unread(int64_t unread);
/* Those words were said before any run had it. */
void fake_box_relay_was_wrong(const char *words);
double fake_box_gain_db(int64_t zone); /* of what sounds there */
/* There are two amplifiers, "hall" and "tower". Whether it is needed now. */
bool fake_box_amplified(size_t i);
/* What begins there from now on ends so much later than in other zones. */
void fake_box_end_late(int64_t zone, int64_t us);
/* From now on every job in every zone fails with these words; NULL: no more. */
void fake_box_break_output(const char *words);
/* The card of this zone alone, which has a fault besides; NULL: it is back. */
void fake_box_break_card(int64_t zone, const char *words);
