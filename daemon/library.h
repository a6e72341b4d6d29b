/* library.h - brings clips into the box: spool file -> dalaba-ingest -> hash -> disk ->
 * row; text -> espeak-ng -> the same. Owner: main. Threads: the core thread; slow work is
 * done by child processes and by the workers of jobs.h. A clip's file is
 * DATA_DIR/clips/ab/abcdef....opus, written elsewhere and renamed; it has been decoded to
 * its end. */
#pragma once

#include "base/error.h"
#include "loop.h"
#include "schedule/store.h"

struct library;
struct jobs;

struct library_config {
	const char *data_dir;
	const char *ingest_program; /* path of dalaba-ingest */
	const char *speech_voice;   /* the box's own, "" for the default */
	int speech_timeout_s;
};

/* known: the clip was there before. clip is NULL where err is set; both are borrowed for
 * the call. err->code: EINVAL not audio (422), EFBIG too long (422), ENOSPC disk full
 * (507), ETIMEDOUT, ENOENT engine missing (503), EIO our fault (500). */
typedef void (*library_done_fn)(void *arg, const struct clip *clip, bool known,
				const struct error *err);

int library_new(
	const struct library_config *config, struct loop *loop, struct store *store,
	struct jobs *jobs, struct library **ret,
	struct error *err); /* makes the folders, sweeps what a crash left in spool/ */
void library_free(
	struct library *l); /* what is under way is called back with ECANCELED */
DEFINE_AUTO(struct library *, library_free)

/* The box's own voice and time-out, from now on. */
void library_speech_set(struct library *l, const char *voice, int timeout_s);

/* An unnamed file on the data disk for an upload (O_TMPFILE). Returns the fd, or a
 * negative errno. */
int library_spool(struct library *l, struct error *err);
/* Takes fd (an upload, complete). done is called exactly once, later, never from within.
 * title may be NULL. */
int library_import(struct library *l, int fd, const char *title, const char *author,
		   library_done_fn done, void *arg, struct error *err);
#define SPEED_NORMAL 1.0

struct library_words {
	const char *text;
	const char *voice; /* NULL: the box's own */
	double speed;      /* 0.5 to 2 */
	const char *author;
	bool urgent; /* before all others, on a slot that is kept for these */
};
/* Borrows the words for the call. The same in the same voice come from the store at once.
 */
int library_speak(struct library *l, const struct library_words *words,
		  library_done_fn done, void *arg, struct error *err);
/* The clip that a text became earlier. -ENOENT where it has to be spoken first. */
int library_spoken(struct library *l, const char *text, const char *voice, double speed,
		   char ret[CLIP_ID_SIZE], struct error *err);
/* Path of a clip's file; it need not be there. */
void library_path(const struct library *l, const char *clip_id, char *ret, size_t size);
/* Removes row and file. -EBUSY where used. */
int library_delete(struct library *l, const char *clip_id, struct error *err);
