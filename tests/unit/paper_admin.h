/* paper_admin.h - the API over a store and a daemon of paper: no sound, a clock
 * that stands where it is put, and a note of what was asked for. For unit tests and the
 * fuzzer of requests. */
#pragma once

#include "web-admin/request_internal.h"

struct paper {
	struct store *store;
	struct tz *tz;
	struct admin_config config;
	struct admin *admin;
	int64_t now_us;
	int changed;        /* calls of ops->changed */
	int pushed;         /* of ops->push and zone_test; the run's id is this number */
	int stopped;        /* of ops->run_stop */
	size_t drafts;      /* of the last ops->plan */
	int imported;       /* of clip_import and speak */
	bool deny_spool;    /* clip_spool fails with -ENOSPC */
	bool joined;        /* calls run within a transaction of the test */
	bool at_once;       /* clip_import and speak fail right away */
	admin_clip_fn done; /* of the last import that waits, NULL where none */
	void *arg;
	admin_alert_fn alert_done; /* of the last alert, until paper_sounded */
	void *alert_arg;
	struct alert alert;          /* the last asked for; id 0: none */
	int64_t lost;                /* of alert_lost */
	enum admin_zone_state state; /* of every zone */
	struct admin_level level;    /* of every zone */
	int64_t levels;              /* calls of ops->zone_level */
	int64_t level_to_us;         /* of the last */
	bool level_torn;             /* one did not go on where the last ended */
	char log[512];               /* the last line */
};

#define PAPER_CLIP "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A store with one row of each: an area, an output of two channels, a zone, a clip, an
 * announcement and a schedule; no sockets. path NULL: in memory. */
void paper_init(struct paper *p, const char *path);
void paper_done(struct paper *p);
/* Ends the import that waits: PAPER_CLIP, known already, or a fault where not NULL. */
void paper_imported(struct paper *p, const char *fault);

/* The first sound of the alert was heard after so many ms; below 0: its words failed. */
void paper_sounded(struct paper *p, int64_t ms);

/* What a caller sends, without a wire. */
struct paper_call {
	const char *method;
	const char *target;
	const char *type; /* Content-Type, NULL for none */
	const char *key;  /* Idempotency-Key */
	const char *range;
	const char *none_match;
	const char *body; /* NULL for none */
	size_t len;       /* of body; 0: strlen */
	bool stranger;    /* is not recognised */
	bool other;       /* somebody else than usual */
};

struct paper_answer {
	int status; /* 0: it is put off, and comes with paper_late */
	char *body;
	char *location;
	char allow[64];
	char range[96];
	char type[40];
	struct request *late;
};

struct paper_answer paper_call(struct paper *p, const struct paper_call *call);
/* The answer that was put off; answer->late stays NULL afterwards. */
void paper_late(struct paper_answer *answer);
void paper_answer_done(struct paper_answer *answer);
DEFINE_AUTO_DONE(struct paper_answer, paper_answer_done)
