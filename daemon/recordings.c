/* recordings.c - see recordings.h. */
#include "recordings.h"

#include "audio/engine.h"
#include "audio/recorder.h"
#include "base/str.h"
#include "log.h"
#include "recordings_files.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>

#define FAULT "recordings"
#define LOOK_US 10000000 /* between looks at what is to be let go */
#define SOON_US 20000    /* there was more than fits into one look */
#define OVERRIDE_DAYS 31 /* kept so long when they have nothing to do any more */
#define PRUNE_MAX 32     /* recordings, or runs, let go at a time */
#define PRUNE_SHORT 8    /* where the disk is nearly full */
#define DAY_US (86400 * 1000000LL)

/* One that is being made. */
struct open {
	int64_t number; /* of the recorder */
	int64_t zone;
	const struct run *run; /* NULL: over */
	int64_t run_id;        /* then; not above 0: it has no record */
	int64_t started_us;
	char file[RECORDING_FILE_SIZE];
	struct recording row; /* once that is written; without the name of the file */
	struct open *next;
};

/* What a worker does with files. */
struct errand {
	struct recordings *recordings;
	struct recording *items;
	size_t n;
	bool install; /* them, or remove them */
	struct error err;
	struct errand *next;
};

struct recordings {
	struct recordings_config config;
	struct recorder *recorder;
	struct loop_source *ends;
	struct loop_source *timer;
	struct open *open;
	struct errand *errands;
	int64_t last_number;
	int64_t bytes; /* of all that have a row */
	bool pruning;  /* an errand is under way */
	bool failed;   /* since the last look */
};

static void fail(struct recordings *r, const char *text) {
	log_err("%s", text);
	r->failed = true;
	faults_set(r->config.faults, FAULT, text, clock_now_us());
}

/* ---- errands ---- */

static void run_errand(void *arg) {
	struct errand *e = arg;
	const char *data_dir = e->recordings->config.data_dir;
	for (size_t i = 0; i < e->n && e->err.code == 0; i++) {
		const char *file = e->items[i].file;
		(void)(e->install ? recordings_files_install(data_dir, file, &e->err)
				  : recordings_files_remove(data_dir, file, &e->err));
	}
}

static void forget_errand(struct errand *e) {
	struct errand **at = &e->recordings->errands;
	while (*at != e) {
		at = &(*at)->next;
	}
	*at = e->next;
	recording_list_free(e->items, e->n);
	free(e);
}

/* The files are gone: so are the rows. */
static void forget_rows(struct recordings *r, const struct errand *e) {
	struct error err = {0};
	int64_t bytes = 0;
	int rc = store_begin(r->config.store, &err);
	for (size_t i = 0; rc >= 0 && i < e->n; i++) {
		rc = store_recording_delete(r->config.store, e->items[i].id, &err);
		rc = rc == -ENOENT ? 0 : rc;
		bytes += e->items[i].size_bytes;
	}
	if (rc >= 0) {
		rc = store_commit(r->config.store, &err);
	} else {
		store_rollback(r->config.store);
	}
	if (rc < 0) {
		log_err("recordings that were removed are still listed: %s", err.text);
		return;
	}
	r->bytes -= bytes;
	for (size_t i = 0; i < e->n; i++) {
		r->config.on_recording(r->config.ctx, e->items[i].run);
	}
}

static void end_errand(void *arg) {
	struct errand *e = arg;
	struct recordings *r = e->recordings;
	if (e->err.code != 0) {
		fail(r, e->err.text);
	}
	/* One that somebody has removed before it was in its place is none. */
	if (e->err.code == (e->install ? ENOENT : 0)) {
		forget_rows(r, e);
	}
	if (!e->install) {
		r->pruning = false;
		if (e->err.code == 0) {
			loop_timer_arm_in_us(r->timer, SOON_US);
		}
	}
	forget_errand(e);
}

/* Takes the items. Without a worker it is done here and now. */
static void send_errand(struct recordings *r, struct errand *e) {
	struct error err = {0};
	e->recordings = r;
	e->next = r->errands;
	r->errands = e;
	if (jobs_run(r->config.jobs, run_errand, end_errand, e, &err) < 0) {
		run_errand(e);
		end_errand(e);
	}
}

/* ---- the end of one ---- */

static void remove_file(struct recordings *r, const char *file) {
	struct error err = {0};
	if (recordings_files_remove(r->config.data_dir, file, &err) < 0) {
		fail(r, err.text);
	}
}

static bool write_row(struct recordings *r, struct open *o,
		      const struct recorder_end *end) {
	struct error err = {0};
	char file[RECORDING_FILE_SIZE];
	str_copy(file, sizeof(file), o->file);
	struct recording row = {.run = o->run_id,
				.zone = o->zone,
				.started_us = o->started_us,
				.duration_ms = end->duration_ms,
				.lost_ms = end->lost_ms,
				.size_bytes = end->size_bytes,
				.file = file};
	if (o->run_id <= 0) {
		log_err("what zone %lld was sent is not kept: its run has no record",
			(long long)o->zone);
		return false;
	}
	if (store_recording_add(r->config.store, &row, &err) < 0) {
		char text[FAULT_TEXT_SIZE];
		str_format(text, sizeof(text), "the recording of run %lld is lost: %s",
			   (long long)o->run_id, err.text);
		fail(r, text);
		return false;
	}
	o->row = row;
	o->row.file = NULL;
	r->bytes += row.size_bytes;
	return true;
}

static struct open *take_open(struct recordings *r, int64_t number) {
	struct open **at = &r->open;
	while (*at != NULL && (*at)->number != number) {
		at = &(*at)->next;
	}
	struct open *o = *at;
	if (o != NULL) {
		*at = o->next;
	}
	return o;
}

/* True where the file is to be moved to its place. */
static bool settle_end(struct recordings *r, struct open *o,
		       const struct recorder_end *end) {
	if (end->error != 0) {
		fail(r, end->text);
		return false;
	}
	if (end->duration_ms == 0) {
		return false;
	}
	if (end->lost_ms > 0) {
		log_warning("the recording of run %lld in zone %lld lacks %lld ms: the "
			    "disk was too slow",
			    (long long)o->run_id, (long long)o->zone,
			    (long long)end->lost_ms);
	}
	if (!write_row(r, o, end)) {
		remove_file(r, o->file);
		return false;
	}
	return true;
}

/* Its row is on the disk. Without memory the next start moves the file. */
static void install(struct recordings *r, const struct open *o) {
	struct errand *e = calloc(1, sizeof(*e));
	struct recording *item = calloc(1, sizeof(*item));
	char *file = strdup(o->file);
	if (e != NULL && item != NULL && file != NULL) {
		*item = o->row;
		item->file = file;
		e->items = item;
		e->n = 1;
		e->install = true;
		send_errand(r, e);
	} else {
		free(file);
		free(item);
		free(e);
	}
	r->config.on_recording(r->config.ctx, o->run_id);
}

/* What a run sent to many zones ends in all at once: one commit for that. */
static void on_ends(void *arg, int fd, uint32_t events) {
	(void)fd;
	(void)events;
	struct recordings *r = arg;
	struct recorder_end end;
	struct error err = {0};
	struct open *written = NULL;
	int64_t bytes = r->bytes;
	bool begun = store_begin(r->config.store, &err) >= 0;
	while (recorder_next_end(r->recorder, &end) > 0) {
		struct open *o = take_open(r, end.recording);
		if (o != NULL && settle_end(r, o, &end)) {
			o->next = written;
			written = o;
		} else {
			free(o);
		}
	}
	bool kept = begun && store_commit(r->config.store, &err) >= 0;
	if (!kept) {
		r->bytes = bytes;
		fail(r, err.text);
	}
	while (written != NULL) {
		struct open *o = written;
		written = o->next;
		if (kept) {
			install(r, o);
		} else {
			remove_file(r, o->file);
		}
		free(o);
	}
}

/* ---- what the director tells ---- */

bool recordings_want(const struct recordings *r, const struct run *run) {
	enum run_class least = r->config.limits.class;
	/* Programmes rank as notices do. */
	least = least == CLASS_PROGRAMME ? CLASS_NOTICE : least;
	return r->config.limits.days > 0 && run->class >= least &&
	       !disk_is_short(r->config.disk);
}

static struct open *find_open(const struct recordings *r, const struct run *run,
			      int64_t zone) {
	struct open *o = r->open;
	while (o != NULL && (o->run != run || o->zone != zone)) {
		o = o->next;
	}
	return o;
}

static int begin(struct recordings *r, const struct run *run, int64_t zone,
		 struct open **ret, struct error *err) {
	struct open *o = calloc(1, sizeof(*o));
	if (o == NULL) {
		return error_set(err, ENOMEM, "no memory to record a zone");
	}
	char path[PATH_MAX];
	o->number = ++r->last_number;
	o->run = run;
	o->zone = zone;
	recordings_files_name(clock_now_us(), zone, o->number, o->file);
	recordings_files_new_path(r->config.data_dir, o->file, path, sizeof(path));
	/* Whoever wanted room may have removed the folder with all that was in it. */
	int rc = recordings_files_prepare(r->config.data_dir, err);
	rc = rc < 0 ? rc
		    : recorder_begin(r->recorder, o->number, path,
				     (int)r->config.limits.kbps, err);
	if (rc < 0) {
		free(o);
		return rc;
	}
	o->next = r->open;
	r->open = o;
	*ret = o;
	return 0;
}

void recordings_handed(struct recordings *r, const struct run *run, int64_t zone,
		       int64_t job) {
	struct error err = {0};
	struct tape *tape = NULL;
	int rc = engine_tape(r->config.engine, job, zone, &tape, &err);
	struct open *o = rc == 0 ? find_open(r, run, zone) : NULL;
	if (rc == 0 && o == NULL) {
		rc = begin(r, run, zone, &o, &err);
		if (rc < 0) {
			tape_release(tape);
		}
	}
	if (rc == 0) {
		rc = recorder_add(r->recorder, o->number, tape, &err);
	}
	if (rc < 0) {
		fail(r, err.text);
	}
}

void recordings_over(struct recordings *r, const struct run *run, int64_t zone) {
	struct open *o = find_open(r, run, zone);
	if (o == NULL) {
		return;
	}
	o->started_us = clock_now_us();
	for (size_t i = 0; i < run->n_zones; i++) {
		const struct run_zone *rz = &run->zones[i];
		if (rz->zone == zone && rz->started_us != TIME_NONE) {
			o->started_us = rz->started_us;
		}
	}
	o->run_id = run->id;
	o->run = NULL;
	recorder_finish(r->recorder, o->number);
}

/* ---- what is let go ---- */

/* Of the oldest, as many as bring all together below the limit. */
static size_t too_many(const struct recordings *r, const struct recording *items,
		       size_t n) {
	int64_t over = r->bytes - r->config.limits.size_mb * 1000000;
	size_t i = 0;
	while (i < n && over > 0) {
		over -= items[i].size_bytes;
		i++;
	}
	return i;
}

/* By a clock that is wrong, nothing is old. */
static bool trusted(struct recordings *r) {
	struct clock_verdict verdict;
	clock_verdict_now(r->config.clock, &verdict);
	return verdict.trusted;
}

static int find_old(struct recordings *r, struct recording **ret, size_t *n,
		    struct error *err) {
	int64_t before_us = clock_now_us() - r->config.limits.days * DAY_US;
	*n = 0;
	int rc = trusted(r) ? store_recording_oldest(r->config.store, before_us,
						     PRUNE_MAX, ret, n, err)
			    : 0;
	if (rc < 0 || *n > 0) {
		return rc;
	}
	recording_list_free(*ret, 0);
	*ret = NULL;
	size_t all = 0;
	rc = store_recording_oldest(r->config.store, TIME_NONE, PRUNE_MAX, ret, &all,
				    err);
	if (rc < 0) {
		return rc;
	}
	size_t many = too_many(r, *ret, all);
	size_t little = disk_is_short(r->config.disk) ? PRUNE_SHORT : 0;
	little = little < all ? little : all;
	*n = many > little ? many : little;
	for (size_t i = *n; i < all; i++) {
		recording_done(&(*ret)[i]);
	}
	return 0;
}

static void prune_recordings(struct recordings *r) {
	struct error err = {0};
	struct recording *items = NULL;
	size_t n = 0;
	if (r->pruning || find_old(r, &items, &n, &err) < 0) {
		if (err.code != 0) {
			fail(r, err.text);
		}
		return;
	}
	struct errand *e = n > 0 ? calloc(1, sizeof(*e)) : NULL;
	if (e == NULL) {
		recording_list_free(items, n);
		return;
	}
	log_info("%zu recordings are let go", n);
	e->items = items;
	e->n = n;
	r->pruning = true;
	send_errand(r, e);
}

/* A few at a time, each of these commits takes some milliseconds. True where there are
 * more. */
static bool prune_runs(struct recordings *r) {
	struct error err = {0};
	int64_t before_us = clock_now_us() - r->config.limits.log_days * DAY_US;
	int n = trusted(r) ? store_run_prune(r->config.store, before_us, PRUNE_MAX, &err)
			   : 0;
	if (n < 0) {
		log_err("old runs are not let go: %s", err.text);
	}
	int m = trusted(r) ? store_override_prune(r->config.store,
						  clock_now_us() - OVERRIDE_DAYS * DAY_US,
						  PRUNE_MAX, &err)
			   : 0;
	if (m < 0) {
		log_err("old overrides are not let go: %s", err.text);
	}
	return n == PRUNE_MAX || m == PRUNE_MAX;
}

static void on_timer(void *arg) {
	struct recordings *r = arg;
	loop_timer_arm_in_us(r->timer, LOOK_US);
	/* What was lost is in the journal; the fault is over once nothing more is lost.
	 */
	if (!r->failed) {
		faults_clear(r->config.faults, FAULT);
	}
	r->failed = false;
	prune_recordings(r);
	if (prune_runs(r)) {
		loop_timer_arm_in_us(r->timer, SOON_US);
	}
}

/* ---- life ---- */

/* What the last life left in new. */
static int settle_new(struct recordings *r, struct error *err) {
	char path[PATH_MAX];
	recordings_files_new_path(r->config.data_dir, "", path, sizeof(path));
	DIR *folder = opendir(path);
	if (folder == NULL) {
		return error_set(err, errno, "cannot read the folder '%s': %s", path,
				 strerror(errno));
	}
	int rc = 0;
	const struct dirent *entry = NULL;
	while (rc >= 0 && (entry = readdir(folder)) != NULL) {
		char file[RECORDING_FILE_SIZE];
		if (!recordings_files_ours(entry->d_name, file)) {
			continue;
		}
		rc = store_recording_known(r->config.store, file, err);
		if (rc > 0) {
			rc = recordings_files_install(r->config.data_dir, file, err);
		} else if (rc == 0) {
			log_warning("the recording '%s' was cut short by a crash and is "
				    "removed",
				    file);
			rc = recordings_files_remove(r->config.data_dir, file, err);
		}
	}
	closedir(folder);
	return rc < 0 ? rc : 0;
}

int recordings_new(const struct recordings_config *config, struct recordings **ret,
		   struct error *err) {
	AUTO(recordings_free) struct recordings *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		return error_set(err, ENOMEM, "no memory for recordings");
	}
	r->config = *config;
	int rc = recordings_files_prepare(config->data_dir, err);
	rc = rc < 0 ? rc : settle_new(r, err);
	rc = rc < 0 ? rc : store_recording_bytes(config->store, &r->bytes, err);
	rc = rc < 0 ? rc : recorder_new(&r->recorder, err);
	if (rc >= 0) {
		rc = loop_add_fd(config->loop, recorder_fd(r->recorder), EPOLLIN, on_ends,
				 r, &r->ends, err);
	}
	if (rc >= 0) {
		rc = loop_add_timer(config->loop, CLOCK_MONOTONIC, on_timer, r, &r->timer,
				    err);
	}
	if (rc < 0) {
		return rc;
	}
	loop_timer_arm_in_us(r->timer, LOOK_US);
	*ret = MOVE(r);
	return 0;
}

/* The box stops: no worker, and nobody is told. */
static void at_the_end(void *arg, const struct recorder_end *end) {
	struct recordings *r = arg;
	struct open *o = take_open(r, end->recording);
	struct error err = {0};
	int rc = o != NULL && settle_end(r, o, end)
			 ? recordings_files_install(r->config.data_dir, o->file, &err)
			 : 0;
	if (rc < 0) {
		log_err("%s", err.text);
	}
	if (rc == -ENOENT &&
	    store_recording_delete(r->config.store, o->row.id, &err) < 0) {
		log_err("%s", err.text);
	}
	free(o);
}

void recordings_free(struct recordings *r) {
	if (r == NULL) {
		return;
	}
	loop_source_free(r->timer);
	loop_source_free(r->ends);
	recorder_free(r->recorder, at_the_end, r);
	while (r->errands != NULL) {
		struct errand *e = r->errands;
		/* What did not run is made up for by the next start. */
		jobs_drop(r->config.jobs, e);
		forget_errand(e);
	}
	while (r->open != NULL) {
		struct open *o = r->open;
		r->open = o->next;
		free(o);
	}
	free(r);
}

void recordings_set(struct recordings *r, const struct recordings_limits *limits) {
	r->config.limits = *limits;
	loop_timer_arm_in_us(r->timer, SOON_US);
}

void recordings_path(const struct recordings *r, const char *file, char *ret,
		     size_t size) {
	recordings_files_path(r->config.data_dir, file, ret, size);
}
