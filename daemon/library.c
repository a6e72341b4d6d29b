/* library.c - see library.h. Each import or text is one `task` that walks through steps;
 * every step ends in a callback of jobs.h on the core thread, which starts the next:
 *
 *     import: hash the upload (worker) -> known? -> wait for a slot -> dalaba-ingest
 *             (child) -> hash, sync, rename (worker) -> row
 *     again:  wait for a slot -> dalaba-ingest -> row: clips of before form 9 of the
 *             database, one after the other, from the start of the daemon on
 *     speak:  known? -> wait for a slot -> espeak-ng (child) -> dalaba-ingest, as above
 *
 * Few children run at once, so that a box on two slow cores still plays. The words of an
 * emergency wait behind nothing but each other. */
#include "library.h"
#include "clock.h"
#include "jobs.h"
#include "library_files.h"
#include "log.h"

#include "audio/ingest/ingest.h"
#include "audio/speech.h"
#include "base/str.h"

#include <assert.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define CHILDREN_MAX 2
#define CHILDREN_URGENT 1 /* besides, for urgent words alone */
#define TASKS_MAX 64
#define TASKS_URGENT 16 /* besides, likewise */
/* On a fast machine an hour takes half a minute to a whole one, by its peaks: of MP3 at
 * 128 kbit/s it is 58 MB, of speech in Opus at 6 kbit/s 2.7. */
#define INGEST_TIMEOUT_MS 60000
#define INGEST_TIMEOUT_MS_PER_MB 60000
#define TITLE_MAX 120
#define AGAIN_SLACK_MS 50 /* that a conversion may have rounded off */

struct task {
	struct library *library;
	struct task *next;
	library_done_fn done;
	void *arg;

	char source[CLIP_ID_SIZE]; /* what the store knows it by; "" before it is hashed
				    */
	char *title;
	char *author;
	char *voice; /* speech only, as the next two */
	struct str text;
	struct speech_command *command;
	int words_fd; /* what the voice says on standard error */

	int upload; /* the file to be ingested */
	int opus;   /* what came out */
	int report; /* reading end */
	bool kept;  /* upload is the clip */
	bool again; /* upload is a clip that is there, to be measured */
	bool urgent;
	bool waits; /* for a slot */
	bool slot;  /* has one */
	bool ready; /* done is due: clip known, or err set */

	char installed[CLIP_ID_SIZE]; /* the worker's, until it is done */
	struct clip clip;
	struct error err;
};

struct library {
	char *data_dir;
	char *ingest_program;
	char *speech_voice;
	int speech_timeout_s;
	struct store *store;
	struct jobs *jobs;
	struct loop_source *defer; /* for what is ready at once */
	struct task *tasks;        /* the urgent first, then the oldest */
	size_t n_tasks;
	int slots;                   /* taken */
	bool again;                  /* one is being measured again */
	char again_at[CLIP_ID_SIZE]; /* the last that was, or was tried */
};

static void task_free(struct task *t) {
	if (t == NULL) {
		return;
	}
	free(t->title);
	free(t->author);
	free(t->voice);
	free(t->command);
	str_done(&t->text);
	fd_close(t->words_fd);
	fd_close(t->upload);
	fd_close(t->opus);
	fd_close(t->report);
	clip_done(&t->clip);
	free(t);
}
DEFINE_AUTO(struct task *, task_free)

static void task_unlink(struct task *t) {
	struct library *l = t->library;
	struct task **at = &l->tasks;
	while (*at != t) {
		at = &(*at)->next;
	}
	*at = t->next;
	l->n_tasks--;
}

static void slots_fill(struct library *l);

/* The end of every task. clip NULL: t->err says why. */
static void task_finish(struct task *t, const struct clip *clip, bool known) {
	struct library *l = t->library;
	task_unlink(t);
	if (t->slot) {
		l->slots--;
	}
	t->done(t->arg, clip, known, clip == NULL ? &t->err : NULL);
	task_free(t);
	slots_fill(l);
	if (!l->again) {
		/* One to be measured again may have found no room. */
		loop_defer_arm(l->defer);
	}
}

static bool clip_file_there(const struct library *l, const char *clip_id) {
	char path[PATH_MAX];
	library_path(l, clip_id, path, sizeof(path));
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

/* 1 and *ret filled where this source became a clip whose file is still there, else 0. */
static int find_known(struct library *l, const char *source, struct clip *ret,
		      struct error *err) {
	char id[CLIP_ID_SIZE];
	int rc = store_source_get(l->store, source, id, err);
	if (rc == -ENOENT || (rc == 0 && !clip_file_there(l, id))) {
		return 0;
	}
	rc = rc < 0 ? rc : store_clip_get(l->store, id, ret, err);
	return rc == -ENOENT ? 0 : rc < 0 ? rc : 1;
}

/* Removes the file of a task that got no row, unless another has or will have one. */
static void file_forget(struct task *t) {
	struct library *l = t->library;
	struct clip stored = {0};
	struct error err;
	bool used = t->clip.id[0] == '\0' ||
		    store_clip_get(l->store, t->clip.id, &stored, &err) != -ENOENT;
	clip_done(&stored);
	for (struct task *other = l->tasks; other != NULL; other = other->next) {
		used = used || (other != t && strcmp(other->clip.id, t->clip.id) == 0);
	}
	if (!used) {
		/* A clip that cannot be removed now only takes room. */
		(void)library_files_remove(l->data_dir, t->clip.id, &err);
	}
}

/* Returns 1 where the row is new, 0 where it was there. */
static int row_put(struct task *t) {
	struct store *store = t->library->store;
	int rc = store_begin(store, &t->err);
	if (rc < 0) {
		return rc;
	}
	int added = store_clip_add(store, &t->clip, &t->err);
	rc = added < 0 ? added : store_source_put(store, t->source, t->clip.id, &t->err);
	if (rc < 0) {
		store_rollback(store);
		return rc;
	}
	rc = store_commit(store, &t->err);
	return rc < 0 ? rc : added;
}

static void row_add(struct task *t) {
	t->clip.title = MOVE(t->title);
	t->clip.author = MOVE(t->author);
	t->clip.created_us = clock_now_us();
	int added = row_put(t);
	if (added < 0) {
		file_forget(t);
		task_finish(t, NULL, false);
		return;
	}
	struct clip stored = {0};
	int rc = store_clip_get(t->library->store, t->clip.id, &stored, &t->err);
	task_finish(t, rc < 0 ? NULL : &stored, added == 0);
	clip_done(&stored);
}

static void install_work(void *arg) {
	struct task *t = arg;
	int fd = t->kept ? t->upload : t->opus;
	int rc = library_files_hash(fd, t->installed, &t->clip.size_bytes, &t->err);
	if (rc == 0) {
		(void)library_files_install(t->library->data_dir, fd, t->installed,
					    &t->err);
	}
}

static void install_done(void *arg) {
	struct task *t = arg;
	memcpy(t->clip.id, t->installed, CLIP_ID_SIZE);
	int rc = -t->err.code;
	if (rc == 0 && clip_file_there(t->library, t->clip.id)) {
		row_add(t);
		return;
	}
	if (rc == 0) {
		/* Deleted in between, as the same clip was there before. */
		rc = jobs_run(t->library->jobs, install_work, install_done, t, &t->err);
	}
	if (rc < 0) {
		task_finish(t, NULL, false);
	}
}

static double report_number(const json_t *report, const char *name) {
	const json_t *value = json_object_get(report, name);
	return json_is_number(value) ? json_number_value(value) : -HUGE_VAL;
}

static json_t *report_read(int fd) {
	char text[INGEST_REPORT_MAX];
	size_t len = 0;
	ssize_t n = 0;
	while (len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) > 0) {
		len += (size_t)n;
	}
	return json_loadb(text, len, 0, NULL);
}

static int ingest_failed(const struct jobs_end *end, const json_t *report,
			 struct error *err) {
	const char *words = json_string_value(json_object_get(report, "error"));
	int64_t code = json_integer_value(json_object_get(report, "errno"));
	if (end->timed_out) {
		return error_set(err, ETIMEDOUT,
				 "reading the recording took too long and was given up: "
				 "send a shorter one");
	}
	if (end->exit_code == 1 && words != NULL) {
		return error_set(err, code == EFBIG ? EFBIG : EINVAL, "%s", words);
	}
	if (code == ENOSPC) {
		return error_set(
			err, ENOSPC,
			"the disk is full: delete recordings that are not needed "
			"any more");
	}
	if (end->signal_number != 0) {
		return error_set(err, EIO,
				 "the recording was not taken: the program that reads it "
				 "was ended by signal %d (%s)",
				 end->signal_number, strsignal(end->signal_number));
	}
	return error_set(err, EIO,
			 "the recording was not taken: the program that reads it failed "
			 "(exit %d%s%s)",
			 end->exit_code, words != NULL ? ": " : "",
			 words != NULL ? words : "");
}

/* The facts of the clip. */
static int report_take(struct task *t, const json_t *report) {
	struct clip *clip = &t->clip;
	const char *limit = json_string_value(json_object_get(report, "level_limit"));
	t->kept = json_is_true(json_object_get(report, "kept"));
	clip->duration_ms = json_integer_value(json_object_get(report, "duration_ms"));
	clip->channels = (int)json_integer_value(json_object_get(report, "channels"));
	clip->loudness_lufs = report_number(report, "loudness_lufs");
	clip->true_peak_dbtp = report_number(report, "true_peak_dbtp");
	clip->gain_db = report_number(report, "gain_db");
	clip->output_lufs = report_number(report, "output_lufs");
	if (limit == NULL || clip_limit_parse(limit, &clip->limit) < 0) {
		return error_set(&t->err, EIO,
				 "the recording was not taken: dalaba-ingest is of "
				 "another version; install dalaba again");
	}
	return t->command == NULL || isfinite(clip->loudness_lufs)
		       ? 0
		       : error_set_field(&t->err, EINVAL, "text",
					 "espeak-ng made no sound of the text: write "
					 "words that it can speak");
}

/* Half a clip is not as loud as the whole. */
static int check_whole(struct task *t) {
	struct clip was = {0};
	int rc = store_clip_get(t->library->store, t->clip.id, &was, &t->err);
	if (rc == 0 && t->clip.duration_ms + AGAIN_SLACK_MS < was.duration_ms) {
		rc = error_set(&t->err, EINVAL,
			       "its file is cut off: it has %.2f of %.2f s; upload it "
			       "again",
			       (double)t->clip.duration_ms / 1000,
			       (double)was.duration_ms / 1000);
	}
	clip_done(&was);
	return rc;
}

/* How loud a clip is that was there. */
static void again_done(struct task *t) {
	if (t->err.code == 0 && !t->kept) {
		error_set(&t->err, EINVAL, "its file does not play as it was measured");
	}
	if (t->err.code == 0 && check_whole(t) == 0) {
		(void)store_clip_level(t->library->store, &t->clip, &t->err);
	}
	task_finish(t, t->err.code == 0 ? &t->clip : NULL, true);
}

static void ingest_done(void *arg, const struct jobs_end *end) {
	struct task *t = arg;
	struct library *l = t->library;
	json_t *report = report_read(t->report);
	if (end->exit_code != 0 || !json_is_object(report)) {
		ingest_failed(end, report, &t->err);
	} else if (report_take(t, report) == 0 && !t->again) {
		(void)jobs_run(l->jobs, install_work, install_done, t, &t->err);
	}
	json_decref(report);
	if (t->again) {
		again_done(t);
	} else if (t->err.code != 0) {
		task_finish(t, NULL, false);
	}
}

/* The timeout grows with the upload: what takes long should at least be long. */
static int64_t ingest_timeout_ms(int fd) {
	struct stat st;
	int64_t bytes = fstat(fd, &st) == 0 ? st.st_size : 0;
	return INGEST_TIMEOUT_MS + bytes / 1000000 * INGEST_TIMEOUT_MS_PER_MB;
}

static int ingest_start(struct task *t) {
	struct library *l = t->library;
	AUTO(fd_close) int report_in = -1;
	int rc = jobs_pipe(&t->report, &report_in, &t->err);
	if (rc < 0) {
		return rc;
	}
	t->opus = library_spool(l, &t->err);
	if (t->opus < 0) {
		return t->opus;
	}
	char *argv[] = {l->ingest_program, NULL};
	struct jobs_child child = {.argv = argv,
				   .fds = {t->upload, t->opus, -1, report_in},
				   .timeout_ms = ingest_timeout_ms(t->upload)};
	rc = jobs_spawn(l->jobs, &child, ingest_done, t, &t->err);
	if (rc == -ENOENT) {
		/* ENOENT is kept for the voice. */
		return error_set(&t->err, EIO, "'%s' is missing: install dalaba again",
				 l->ingest_program);
	}
	return rc;
}

static void speech_words(const struct task *t, char *ret, size_t size) {
	ssize_t n = pread(t->words_fd, ret, size - 1, 0);
	ret[n > 0 ? n : 0] = '\0';
}

static void speech_done(void *arg, const struct jobs_end *end) {
	struct task *t = arg;
	struct stat st = {0};
	char words[1024];
	speech_words(t, words, sizeof(words));
	int rc = 0;
	if (end->timed_out) {
		rc = error_set(&t->err, ETIMEDOUT,
			       "espeak-ng did not finish within %d s ([speech] "
			       "timeout_s): say less at once, or look whether the box is "
			       "overloaded",
			       t->library->speech_timeout_s);
	} else if (end->signal_number != 0) {
		rc = error_set(&t->err, ENODEV,
			       "espeak-ng was ended by signal %d (%s): say it in other "
			       "words, or with another voice",
			       end->signal_number, strsignal(end->signal_number));
	} else if (fstat(t->upload, &st) < 0) {
		rc = error_set(&t->err, EIO, "cannot look at the spoken text: %s",
			       strerror(errno));
	} else {
		rc = speech_check(t->voice, end->exit_code, st.st_size, words, &t->err);
	}
	rc = rc < 0 ? rc : ingest_start(t);
	if (rc < 0) {
		task_finish(t, NULL, false);
	}
}

/* A file in memory with this text, to be read from its beginning. */
static int text_file(const struct str *text, struct error *err) {
	AUTO(fd_close) int fd = memfd_create("text", MFD_CLOEXEC);
	if (fd < 0 || write(fd, text->data, text->len) != (ssize_t)text->len ||
	    lseek(fd, 0, SEEK_SET) != 0) {
		return error_set(err, EIO, "cannot hand the text to espeak-ng: %s",
				 strerror(errno));
	}
	return MOVE_FD(fd);
}

static int speech_start(struct task *t) {
	struct library *l = t->library;
	AUTO(fd_close) int text = text_file(&t->text, &t->err);
	if (text < 0) {
		return text;
	}
	t->words_fd = memfd_create("words", MFD_CLOEXEC);
	t->upload = library_spool(l, &t->err);
	if (t->words_fd < 0 || t->upload < 0) {
		return t->upload < 0 ? t->upload
				     : error_set(&t->err, EIO, "no memory file: %s",
						 strerror(errno));
	}
	struct jobs_child child = {.argv = t->command->argv,
				   .fds = {text, t->upload, t->words_fd, -1},
				   .timeout_ms = l->speech_timeout_s * INT64_C(1000)};
	int rc = jobs_spawn(l->jobs, &child, speech_done, t, &t->err);
	if (rc == -ENOENT) {
		return error_set(&t->err, ENOENT,
				 "the speech engine is missing: there is no command "
				 "espeak-ng; install the package espeak-ng");
	}
	return rc;
}

/* Starts the oldest of those that wait, as far as there are slots, the urgent first. */
static void slots_fill(struct library *l) {
	struct task *t = l->tasks;
	while (t != NULL) {
		int slots = CHILDREN_MAX + (t->urgent ? CHILDREN_URGENT : 0);
		if (!t->waits || l->slots >= slots) {
			t = t->next;
			continue;
		}
		t->waits = false;
		t->slot = true;
		l->slots++;
		int rc = t->command != NULL ? speech_start(t) : ingest_start(t);
		if (rc < 0) {
			/* From the top of the loop: the caller may be within its own
			 * call. */
			t->ready = true;
			loop_defer_arm(l->defer);
		}
		t = t->next;
	}
}

static int task_new(struct library *l, const char *title, const char *author, bool urgent,
		    library_done_fn done, void *arg, struct task **ret,
		    struct error *err) {
	if (l->n_tasks >= TASKS_MAX + (urgent ? TASKS_URGENT : 0)) {
		return error_set(err, EBUSY,
				 "%d recordings are being taken in already: try again "
				 "later",
				 (int)l->n_tasks);
	}
	AUTO(task_free) struct task *t = calloc(1, sizeof(*t));
	if (t == NULL) {
		return error_set(err, ENOMEM, "no memory for a recording");
	}
	t->library = l;
	t->urgent = urgent;
	t->done = done;
	t->arg = arg;
	t->words_fd = t->upload = t->opus = t->report = -1;
	t->title = strdup(title == NULL ? "" : title);
	t->author = strdup(author == NULL ? "" : author);
	if (t->title == NULL || t->author == NULL) {
		return error_set(err, ENOMEM, "no memory for a recording");
	}
	*ret = MOVE(t);
	return 0;
}

/* Behind those that go before it. */
static void task_link(struct task *t) {
	struct task **at = &t->library->tasks;
	while (*at != NULL && (!t->urgent || (*at)->urgent)) {
		at = &(*at)->next;
	}
	t->next = *at;
	*at = t;
	t->library->n_tasks++;
}

static void again_failed(const struct library *l, const char *reason) {
	log_warning("clip %.12s could not be measured again, and may be quieter than "
		    "others: %s",
		    l->again_at, reason);
}

static void again_told(void *arg, const struct clip *clip, bool known,
		       const struct error *err) {
	(void)clip;
	(void)known;
	struct library *l = arg;
	/* Deleted in between, or at the end of the daemon. */
	if (err != NULL && err->code != ENOENT && err->code != ECANCELED) {
		again_failed(l, err->text);
	}
	l->again = false;
	loop_defer_arm(l->defer);
}

static int again_start(struct library *l, const char *id) {
	struct task *t = NULL;
	struct error err;
	char path[PATH_MAX];
	/* Where there are too many tasks it comes after one of them. */
	int rc = task_new(l, NULL, NULL, false, again_told, l, &t, &err);
	if (rc < 0) {
		return rc;
	}
	str_copy(l->again_at, sizeof(l->again_at), id);
	str_copy(t->clip.id, sizeof(t->clip.id), id);
	library_path(l, id, path, sizeof(path));
	t->upload = open(path, O_RDONLY | O_CLOEXEC);
	if (t->upload < 0) {
		again_failed(l, strerror(errno));
		task_free(t);
		return 0;
	}
	t->again = true;
	t->waits = true;
	l->again = true;
	task_link(t);
	return 0;
}

/* The next clip to be measured again, if none is now. */
static void again_next(struct library *l) {
	char id[CLIP_ID_SIZE];
	struct error err = {0};
	int rc = 0;
	while (rc == 0 && !l->again) {
		rc = store_clip_unmeasured(l->store, l->again_at, id, &err);
		if (rc < 0) {
			log_warning("clips are not measured again: %s", err.text);
		}
		rc = rc > 0 ? again_start(l, id) : -1;
	}
}

/* What can end without a worker or a child ends here, outside of the caller's call. */
static void on_defer(void *arg) {
	struct library *l = arg;
	struct task *t = l->tasks;
	while (t != NULL) {
		if (!t->ready) {
			t = t->next;
			continue;
		}
		if (t->err.code != 0) {
			task_finish(t, NULL, false);
		} else {
			task_finish(t, &t->clip, true);
		}
		t = l->tasks; /* the list may have changed */
	}
	again_next(l);
	slots_fill(l);
}

static void hash_work(void *arg) {
	struct task *t = arg;
	int64_t bytes = 0;
	(void)library_files_hash(t->upload, t->source, &bytes, &t->err);
	if (t->err.code == 0 && bytes > INGEST_BYTES_MAX) {
		error_set(&t->err, EFBIG, "the upload is larger than %lld MB",
			  INGEST_BYTES_MAX / 1000000);
	}
}

static void hash_done(void *arg) {
	struct task *t = arg;
	struct library *l = t->library;
	int rc = -t->err.code;
	rc = rc < 0 ? rc : find_known(l, t->source, &t->clip, &t->err);
	if (rc != 0) {
		task_finish(t, rc > 0 ? &t->clip : NULL, rc > 0);
		return;
	}
	t->err.code = 0; /* find_known may have left why it is not known */
	t->waits = true;
	slots_fill(l);
}

int library_new(const struct library_config *config, struct loop *loop,
		struct store *store, struct jobs *jobs, struct library **ret,
		struct error *err) {
	if (sodium_init() < 0) {
		return error_set(err, EIO, "libsodium does not start");
	}
	AUTO(library_free) struct library *l = calloc(1, sizeof(*l));
	if (l == NULL) {
		return error_set(err, ENOMEM, "no memory for the library");
	}
	l->store = store;
	l->jobs = jobs;
	l->data_dir = strdup(config->data_dir);
	l->ingest_program = strdup(config->ingest_program);
	if (l->data_dir == NULL || l->ingest_program == NULL) {
		return error_set(err, ENOMEM, "no memory for the library");
	}
	library_speech_set(l, config->speech_voice, config->speech_timeout_s);
	int rc = library_files_prepare(l->data_dir, err);
	rc = rc < 0 ? rc : loop_add_defer(loop, on_defer, l, &l->defer, err);
	if (rc < 0) {
		return rc;
	}
	loop_defer_arm(l->defer); /* for clips to be measured again */
	*ret = MOVE(l);
	return 0;
}

void library_free(struct library *l) {
	if (l == NULL) {
		return;
	}
	while (l->tasks != NULL) {
		struct task *t = l->tasks;
		jobs_drop(l->jobs, t);
		memcpy(t->clip.id, t->installed, CLIP_ID_SIZE);
		file_forget(t);
		task_unlink(t);
		error_set(&t->err, ECANCELED, "dalabad is stopping: send it again later");
		t->done(t->arg, NULL, false, &t->err);
		task_free(t);
	}
	loop_source_free(l->defer);
	free(l->data_dir);
	free(l->ingest_program);
	free(l->speech_voice);
	free(l);
}

void library_speech_set(struct library *l, const char *voice, int timeout_s) {
	char *copy = strdup(voice == NULL ? "" : voice);
	if (copy != NULL) {
		free(l->speech_voice);
		l->speech_voice = copy;
	}
	l->speech_timeout_s = timeout_s;
}

int library_spool(struct library *l, struct error *err) {
	return library_files_spool(l->data_dir, err);
}

int library_import(struct library *l, int fd, const char *title, const char *author,
		   library_done_fn done, void *arg, struct error *err) {
	AUTO(fd_close) int upload = fd;
	AUTO(task_free) struct task *t = NULL;
	int rc = task_new(l, title, author, false, done, arg, &t, err);
	if (rc < 0) {
		return rc;
	}
	t->upload = MOVE_FD(upload);
	rc = jobs_run(l->jobs, hash_work, hash_done, t, err);
	if (rc < 0) {
		return rc;
	}
	task_link(t);
	(void)MOVE(t);
	return 0;
}

/* What a text is known by in the store. */
static void speech_source(const char *voice, double speed, const struct str *text,
			  char ret[CLIP_ID_SIZE]) {
	char head[160];
	int len =
		snprintf(head, sizeof(head), "speech%c%s%c%.2f%c", 0, voice, 0, speed, 0);
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state state;
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (unsigned char *)head, (unsigned long long)len);
	crypto_hash_sha256_update(&state, (unsigned char *)text->data, text->len);
	crypto_hash_sha256_final(&state, hash);
	sodium_bin2hex(ret, CLIP_ID_SIZE, hash, sizeof(hash));
}

/* Checks what is to be spoken, and says what the store knows it by. *voice becomes the
 * box's own where there is none. */
static int speech_prepare(const struct library *l, const char *text, const char **voice,
			  double speed, struct speech_command *command, struct str *words,
			  char ret_source[CLIP_ID_SIZE], struct error *err) {
	if (*voice == NULL || (*voice)[0] == '\0') {
		*voice = l->speech_voice;
	}
	int rc = speech_command(*voice, speed, command, err);
	rc = rc < 0 ? rc : speech_text(text, words, err);
	if (rc < 0) {
		return rc;
	}
	speech_source(*voice, speed, words, ret_source);
	return 0;
}

int library_speak(struct library *l, const struct library_words *words,
		  library_done_fn done, void *arg, struct error *err) {
	char title[TITLE_MAX];
	const char *voice = words->voice;
	str_copy(title, sizeof(title), words->text);
	title[strcspn(title, "\t\n")] = '\0'; /* a title is one line */
	AUTO(task_free) struct task *t = NULL;
	int rc = task_new(l, title, words->author, words->urgent, done, arg, &t, err);
	if (rc < 0) {
		return rc;
	}
	t->command = calloc(1, sizeof(*t->command));
	if (t->command == NULL) {
		return error_set(err, ENOMEM, "no memory to speak");
	}
	rc = speech_prepare(l, words->text, &voice, words->speed, t->command, &t->text,
			    t->source, err);
	if (rc < 0) {
		return rc;
	}
	t->voice = strdup(voice);
	if (t->voice == NULL) {
		return error_set(err, ENOMEM, "no memory to speak");
	}
	rc = find_known(l, t->source, &t->clip, err);
	if (rc < 0) {
		return rc;
	}
	t->ready = rc > 0;
	t->waits = rc == 0;
	task_link(t);
	(void)MOVE(t);
	loop_defer_arm(l->defer);
	return 0;
}

int library_spoken(struct library *l, const char *text, const char *voice, double speed,
		   char ret[CLIP_ID_SIZE], struct error *err) {
	AUTO(str_done) struct str words = STR_INIT;
	struct speech_command command;
	char source[CLIP_ID_SIZE];
	int rc = speech_prepare(l, text, &voice, speed, &command, &words, source, err);
	if (rc < 0) {
		return rc;
	}
	struct clip clip = {0};
	rc = find_known(l, source, &clip, err);
	if (rc == 0) {
		return error_set(err, ENOENT, "the text has not been spoken yet");
	}
	if (rc > 0) {
		memcpy(ret, clip.id, CLIP_ID_SIZE);
		rc = 0;
	}
	clip_done(&clip);
	return rc;
}

void library_path(const struct library *l, const char *clip_id, char *ret, size_t size) {
	library_files_path(l->data_dir, clip_id, ret, size);
}

int library_delete(struct library *l, const char *clip_id, struct error *err) {
	int rc = store_clip_delete(l->store, clip_id, err);
	return rc < 0 ? rc : library_files_remove(l->data_dir, clip_id, err);
}
