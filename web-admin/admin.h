/* admin.h - the HTTP API and what it asks of the daemon (ops given by main). Knows
 * schedule/, never audio/. Owner: main. Threads: the core thread alone. Blocks: on the
 * store's commits only.
 *
 * The API reads and writes the store itself; whatever concerns sound, clock or devices
 * goes through the ops. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "schedule/calendar.h"
#include "base/str.h"
#include "schedule/plan.h"
#include "schedule/store.h"
#include "schedule/tz.h"

#include <stdbool.h>
#include <stdint.h>

struct admin;

enum admin_zone_state {
	ADMIN_ZONE_IDLE,
	ADMIN_ZONE_PLAYING,
	ADMIN_ZONE_FAULT,
	ADMIN_ZONE_MUTED
};

#define ADMIN_QUEUE_MAX 16

/* One that waits for a zone, or was interrupted there. */
struct admin_queued {
	int64_t run; /* 0: it could not be recorded */
	enum run_class class;
	bool paused; /* it has begun and will come back */
	char title[100];
};

/* What only the daemon knows about a zone right now (what the output thread says it
 * writes). */
struct admin_zone_status {
	enum admin_zone_state state;
	int64_t run;     /* 0: none */
	int64_t ducked;  /* a background that sounds softly beneath it; 0: none */
	char fault[256]; /* "" where none */
	double level_db; /* RMS, dBFS, -120 where silent */
	size_t waiting;  /* runs in its queue */
	struct admin_queued queue[ADMIN_QUEUE_MAX]; /* the first of them, in order */
	size_t n_queue;
};

struct admin_level {
	double rms_db; /* dBFS, -120 where silent */
	double peak_db;
};

struct admin_fault {
	char source[64]; /* "output Hall", "clock", "disk" */
	char text[256];
	int64_t since_us;
};

struct admin_clock {
	int64_t now_us;
	bool trusted;
	char reason[160];
};

struct admin_card {
	char pcm[64];
	char name[128];
	char usb[48]; /* its PCM by USB port; "" where it has none */
};

struct admin_push {
	int64_t announcement;   /* one of announcement, content */
	struct content content; /* borrowed */
	const char *title;      /* NULL: the announcement's, or the clip's */
	struct ids zones;       /* resolved, not empty; borrowed */
	int64_t at_us;          /* TIME_NONE: now */
	enum run_class class;
	const char *author;
};

#define ADMIN_CALL_RATE_MIN 8000
#define ADMIN_CALL_RATE_MAX 48000
#define ADMIN_CHUNK_BYTES_MAX 9600 /* 100 ms at the highest rate */

struct admin_call {
	const char *title;
	struct ids zones;     /* resolved, not empty; borrowed */
	enum run_class class; /* notice, programme or live */
	bool quiet_confirmed;
	int rate; /* Hz, of its pieces */
	const char *author;
};

struct admin_chunk {
	enum {
		ADMIN_CHUNK_TAKEN,
		ADMIN_CHUNK_HELD,   /* one before it is missing */
		ADMIN_CHUNK_DROPPED /* it came before, or is too late */
	} end;
	int64_t next;    /* number of the piece that is to come */
	int64_t lost;    /* pieces given up for this one */
	int buffered_ms; /* between what was taken and what is heard */
};

/* fd: complete upload, taken. err NULL on success. Called exactly once, later. */
typedef void (*admin_clip_fn)(void *arg, const struct clip *clip, bool known,
			      const struct error *err);

/* The alert as it is, or err. Called exactly once, later; both are borrowed. */
typedef void (*admin_alert_fn)(void *arg, const struct alert *alert,
			       const struct error *err);

/* Makes the answer of a plan. Called on a worker: it touches nothing but its arguments.
 * -ENOMEM. */
typedef int (*admin_plan_render_fn)(const struct plan *plan, struct str *ret);
/* The answer (taken), or err. Called exactly once, later. */
typedef void (*admin_plan_fn)(void *arg, struct str *text, const struct error *err);

enum admin_table {
	ADMIN_AREAS,
	ADMIN_OUTPUTS,
	ADMIN_ZONES,
	ADMIN_ANNOUNCEMENTS,
	ADMIN_SCHEDULES,
	ADMIN_OVERRIDES, /* by the id of their schedule */
	ADMIN_CALENDARS  /* the calendar is filled anew; by no id */
};

struct admin_ops {
	void (*clock)(void *ctx, struct admin_clock *ret);
	void (*zone_status)(void *ctx, int64_t zone, struct admin_zone_status *ret);
	/* Of what a zone was given, heard within [from_us, to_us) of CLOCK_MONOTONIC. */
	void (*zone_level)(void *ctx, int64_t zone, int64_t from_us, int64_t to_us,
			   struct admin_level *ret);
	int (*faults)(void *ctx, struct admin_fault **ret, size_t *n,
		      struct error *err); /* free() */
	int (*cards)(void *ctx, struct admin_card **ret, size_t *n,
		     struct error *err); /* free() */
	/* The PCM by a name that stays when the numbers of cards change. */
	void (*pcm_stable)(void *ctx, const char *pcm, char *ret, size_t size);
	int (*zone_test)(void *ctx, int64_t zone, const char *author, int64_t *ret_run,
			 struct error *err);
	int (*push)(void *ctx, const struct admin_push *push, int64_t *ret_run,
		    struct error *err);
	int (*run_stop)(void *ctx, int64_t run, const char *author,
			struct error *err); /* -EALREADY: it has ended */
	/* zones NULL: everything that sounds or waits now. Returns how many runs it ended
	 * somewhere. */
	int (*stop)(void *ctx, const struct ids *zones, const char *author,
		    struct error *err);
	/* Sounds an alert: the engine has it before it is written. Takes the values of
	 * *asked in any case; expires_us TIME_NONE: the default. Returns 1 and *ret_id
	 * where it is in force, 0 for a drill that must have its sentence spoken first;
	 * then `done` is called: when the first sound was heard, or after a short while.
	 */
	int (*alert)(void *ctx, struct alert *asked, admin_alert_fn done, void *arg,
		     int64_t *ret_id, struct error *err);
	int (*alert_cancel)(void *ctx, int64_t alert, const char *author,
			    struct error *err); /* -EALREADY: it is over */
	/* The transaction in which it was asked or cancelled was rolled back. */
	void (*alert_lost)(void *ctx, int64_t alert);
	/* Those in force, and those that ended and are not on disk yet; NULL behind the
	 * last. Borrowed. */
	const struct alert *(*alert_nth)(void *ctx, size_t i);
	/* A live call: a run, by whose number it goes. -EBUSY names the zone that is not
	 * free. Pieces are n bytes of 16-bit little-endian mono, numbered; -ENOENT: there
	 * is no such call, -EALREADY: it is over, -E2BIG. */
	int (*call)(void *ctx, const struct admin_call *call, int64_t *ret_run,
		    struct error *err);
	int (*call_chunk)(void *ctx, int64_t call, int64_t seq, const void *bytes,
			  size_t n, struct admin_chunk *ret, struct error *err);
	int (*call_end)(void *ctx, int64_t call, struct error *err);
	int (*clip_spool)(void *ctx, struct error *err); /* an fd */
	int (*clip_import)(void *ctx, int fd, const char *title, const char *author,
			   admin_clip_fn done, void *arg, struct error *err);
	int (*clip_delete)(void *ctx, const char *id, struct error *err);
	void (*clip_path)(void *ctx, const char *id, char *ret, size_t size);
	int (*speak)(void *ctx, const char *text, const char *voice, double speed,
		     const char *author, admin_clip_fn done, void *arg,
		     struct error *err);
	/* What the next days will sound like, made and rendered beside the core thread.
	 * Takes the values of *asked in any case. -EAGAIN: too many at once. */
	int (*plan)(void *ctx, struct plan_ask *asked, admin_plan_render_fn render,
		    admin_plan_fn done, void *arg, struct error *err);
	/* Where the file of a recording lies. */
	void (*recording_path)(void *ctx, const char *file, char *ret, size_t size);
	/* A row was put or deleted (the store has it already): take it into the plan, the
	 * engine. A schedule's rule was checked. */
	void (*changed)(void *ctx, enum admin_table table, int64_t id);
	void (*log)(void *ctx, int priority, const char *text); /* syslog(3) priorities */
};

struct admin_config {
	const char *listen;      /* "127.0.0.1:8080", "[::1]:8080"; "" for none */
	const char *socket;      /* path of the Unix socket; "" for none */
	const char *certificate; /* PEM file; "" for none */
	const char *key;
	const char *socket_group; /* members are administrators on the socket: "dalaba" */
	const struct tz *tz;      /* of the box, for the times in answers */
	const struct calendar *calendar; /* of workdays; NULL: weekends only */
	struct store *store;
	const char *const *chimes;     /* names of chimes, NULL behind the last */
	const char *const *amplifiers; /* those of the configuration, the same */
	const struct admin_ops *ops;
	void *ctx;
};

/* -EADDRINUSE, -EACCES, -EINVAL name the address or file. A stale socket file is
 * replaced, a live one is not. */
int admin_new(const struct admin_config *config, struct admin **ret, struct error *err);
/* Suspended requests are answered 503; connections are closed. NULL is fine. */
void admin_free(struct admin *a);
DEFINE_AUTO(struct admin *, admin_free)

/* For the loop: call admin_work when the fd is readable, or when the time is over (-1: no
 * limit). */
int admin_fd(const struct admin *a);
int64_t admin_timeout_us(const struct admin *a);
void admin_work(struct admin *a);

/* Tells the listeners of /events. run: reads the row and sends it. */
void admin_publish_run(struct admin *a, int64_t run);
void admin_publish_status(struct admin *a, int64_t zone);
void admin_publish_alert(struct admin *a, const struct alert *alert);
void admin_publish_fault(struct admin *a, const struct admin_fault *fault, bool over);

/* Makes a bearer token: 256 bits from the kernel, kept as its hash. Release with free().
 * Also for `dalabad --first-token`. */
int admin_token_new(struct store *store, const char *name, int64_t now_us, char **ret,
		    struct error *err);
