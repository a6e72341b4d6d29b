/* alerts_internal.h - what the files of alerts.h share. alerts.c: which are in force, and
 * when each is to sound; alerts_ask.c: how they come and go; alerts_sound.c: what one
 * sounding says. */
#pragma once

#include "alerts.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* What a run of an alert says; the director's tag. */
enum sounding {
	SOUNDING_ATTENTION, /* chimes */
	SOUNDING_FULL,      /* chimes and words */
	SOUNDING_WORDS,
	SOUNDING_FALLBACK, /* what there is without speech */
	SOUNDING_LAST,     /* chimes alone: there is nothing else */
};

enum phase { PHASE_WAIT, PHASE_ATTENTION, PHASE_FALLBACK, PHASE_WORDS, PHASE_GAP };

/* An alert in force. */
struct force {
	struct force *next; /* the highest rank first */
	struct alert alert;
	char source[FAULT_SOURCE_SIZE];

	enum phase phase;
	size_t live;       /* its runs that have not ended */
	int64_t began_ns;  /* of this sounding */
	int64_t late_ns;   /* ATTENTION: the words are late from then on */
	int64_t next_ns;   /* GAP: the next sounding */
	int64_t due_ns;    /* GAP: and the next in all zones */
	struct ids only;   /* zones of this sounding; empty: all */
	struct ids again;  /* where something higher came first */
	struct ids failed; /* where nothing could be heard, or not the whole */
	struct ids gone;   /* whose card has a fault */
	struct ids back;   /* whose card came back during this sounding */
	bool making_up;    /* this sounding, or the next: where a card came back, alone */
	bool played;       /* somewhere, in this sounding */
	bool heard;        /* somewhere, ever since the start */
	bool stopped;      /* by a person: this sounding ends */
	bool owed;         /* the words, after a fallback */
	bool fallen;       /* a fallback has sounded */
	bool last_used;
	char words_fault[256]; /* of a run that failed */

	size_t speaking; /* texts being spoken */
	bool spoken;     /* all of them */
	bool unspeakable;
	char speech_error[256];

	bool row;   /* in the database */
	bool fresh; /* asked in this turn: the transaction may be lost yet */
	bool dirty; /* the row lacks something */
	int64_t write_ns;
	int64_t last_run;

	int64_t asked_ns;
	int64_t ends_ns; /* where nobody gave `expires` */
	alerts_done_fn done;
	void *done_arg;
	int64_t done_ns;
};

/* A text on its way, or a drill that waits for its sentence. Outlives what asked for it.
 */
struct alert_speech {
	struct alert_speech *next;
	struct alerts *alerts; /* NULL once they are gone */
	int64_t id;            /* of the alert; 0: a drill that is to come */
	struct alert drill;
	alerts_done_fn done;
	void *done_arg;
	int64_t asked_ns;
};

struct alerts {
	struct alerts_config config;
	char fallback_clip[CLIP_ID_SIZE];
	struct force *forces;
	struct alert_speech *speeches;
	int64_t last_id;
	struct loop_source *timer;
	struct loop_source *soon;
	bool started;
};

/* alerts.c */
struct force *alerts_force(const struct alerts *a, int64_t id);
/* Takes the alert's values over; NULL without memory. */
struct force *alerts_force_new(struct alerts *a, struct alert *alert);
bool force_active(const struct force *f);
void force_begin(struct alerts *a, struct force *f); /* one sounding */
/* The last of it. by: who; NULL where nobody did it. */
void force_end(struct alerts *a, struct force *f, enum alert_state state, const char *by,
	       const char *reason);
void force_record(struct alerts *a, struct force *f);
void force_tell(struct alerts *a, const struct force *f);
/* Several changes as one, within the caller's transaction where there is one. */
bool alerts_together(struct alerts *a);
void alerts_together_end(struct alerts *a, bool joined, int64_t id);
void alerts_turn_soon(struct alerts *a);

/* alerts_sound.c */
const char *alert_drill_words(void);
/* Whether everything that a sounding says is spoken. */
bool force_words_ready(const struct alerts *a, const struct force *f);
bool force_drill_ready(const struct alerts *a, const struct force *f);
/* Has spoken what is not. */
void force_speak(struct alerts *a, struct force *f);
/* Gives it to the director. -ENOENT: none of its zones is there. */
int force_send(struct alerts *a, struct force *f, enum sounding what, struct error *err);
/* How long the attention chimes last. */
int64_t force_attention_ns(void);
