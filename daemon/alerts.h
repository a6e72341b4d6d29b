/* alerts.h - the alerts in force: when each sounds next, what it says, what sounds where
 * its words are not to be had, and when it is over. Owner: main. Threads: the core thread
 * alone. Blocks: on the store's commits only.
 *
 * An alert is asked, and its first chime is with the engine before the caller's
 * transaction is committed. From then on it sounds again and again, until it is
 * cancelled, replaced or expired; over restarts, and whatever the hour, the clock and the
 * disk say. Each sounding is a run of the director.
 *
 *     WAIT      a drill whose own sentence is not spoken yet: silence
 *     ATTENTION a chime, while the words are being spoken
 *     FALLBACK  the words failed or are late: a recording, or more chimes
 *     WORDS     headline and text, or clip
 *     GAP       until the next */
#pragma once

#include "director.h"

/* Seconds between the end of one sounding and the begin of the next, where nothing else
 * is asked; the least where it is. Voice alarm: at most 30 s. */
#define ALERT_GAP_S 20
#define ALERT_GAP_MIN_S 5
#define ALERT_EXPIRES_DEFAULT_S 3600
#define ALERT_EXPIRES_MAX_S (7 * 86400)

struct alerts;

struct alerts_config {
	struct loop *loop;
	struct store *store;
	struct library *library;
	struct director *director;
	struct clock *clock;
	struct faults *faults;
	const char *fallback_clip; /* id, "" for chimes */
	/* Told when one was asked, has sounded first, or has ended; may be NULL. */
	void (*on_alert)(void *ctx, const struct alert *alert);
	void *ctx;
};

/* Loads what is active. Nothing sounds before alerts_start, which the director's must
 * precede. */
int alerts_new(const struct alerts_config *config, struct alerts **ret,
	       struct error *err);
void alerts_start(struct alerts *a);
/* They stay active. What waits for an answer gets ECANCELED. NULL is fine. */
void alerts_free(struct alerts *a);
DEFINE_AUTO(struct alerts *, alerts_free)
/* From now on. */
void alerts_fallback_set(struct alerts *a, const char *clip);

/* alert is NULL where err is set; both are borrowed for the call. */
typedef void (*alerts_done_fn)(void *arg, const struct alert *alert,
			       const struct error *err);
/* Sounds it. Takes the values of *asked in any case; id, state and times are set here.
 * expires_us TIME_NONE: the default. `done` is called once, never from within: when the
 * first sound was heard, or after a short while.
 * Returns 1 and *ret_id where it is in force now (written, or within the caller's
 * transaction); 0 for a drill whose sentence must be spoken first, of which `done` tells;
 * -EINVAL with the field; -EALREADY: what it updates is over. A full disk refuses
 * nothing: alert.on_disk tells. */
int alerts_ask(struct alerts *a, struct alert *asked, alerts_done_fn done, void *arg,
	       int64_t *ret_id, struct error *err);
/* Silence everywhere, at once. -ENOENT, -EALREADY. */
int alerts_cancel(struct alerts *a, int64_t id, const char *author, struct error *err);
/* The caller's transaction, in which it was asked or cancelled, was rolled back. */
void alerts_lost(struct alerts *a, int64_t id);

/* Those in force, and those that ended and are not on disk yet: i from 0; NULL behind the
 * last. Borrowed until the next call of another function. */
const struct alert *alerts_nth(const struct alerts *a, size_t i);
const struct alert *alerts_find(const struct alerts *a, int64_t id); /* of these; NULL */

/* The director's words; its config's ctx leads here. */
void alerts_began(struct alerts *a, const struct run *run, int64_t at_ns);
void alerts_ended(struct alerts *a, const struct director_sounding_end *told);
/* What the zone does has changed. Where its card has come back, what was not heard there
 * sounds at once, or as soon as this sounding is over elsewhere. */
void alerts_zone_changed(struct alerts *a, int64_t zone);
