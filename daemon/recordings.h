/* recordings.h - what zones were sent, kept as files: begun where the director hands a
 * job over, a row of the store once the file is whole, let go when it is old, when all
 * are larger than they may be, or when the disk is nearly full. Old runs are let go here
 * too. Owner: main. Threads: the core thread alone; the recorder encodes, workers move
 * and remove files. Blocks: on the store's commits only.
 *
 * A file is made in DATA_DIR/recordings/new and moved to YYYY/MM once its row is
 * committed. So after a crash what lies in new has a row and is moved, or has none and is
 * removed; elsewhere nothing is ever half. A row without its file can come of a crash
 * while it was being let go; it is let go then. */
#pragma once

#include "clock.h"
#include "disk.h"
#include "faults.h"
#include "jobs.h"
#include "loop.h"
#include "schedule/store.h"

struct recordings;
struct engine;

struct recordings_limits {
	enum run_class class; /* the lowest that is recorded */
	int64_t days;         /* they are kept; 0: nothing is recorded, nothing kept */
	int64_t size_mb;      /* of all together */
	int64_t kbps;
	int64_t log_days; /* runs are kept */
};

struct recordings_config {
	struct loop *loop;
	struct store *store;
	struct jobs *jobs;
	struct engine *engine; /* may go before the recordings do */
	struct clock *clock;
	struct disk *disk;
	struct faults *faults;
	const char *data_dir;
	struct recordings_limits limits;
	void (*on_recording)(void *ctx, int64_t run); /* a run has one more, or less */
	void *ctx;
};

/* Settles what a crash left. -EACCES and the like name the folder. */
int recordings_new(const struct recordings_config *config, struct recordings **ret,
		   struct error *err);
/* Ends and writes what is open; to be called once nothing sounds. NULL is fine. */
void recordings_free(struct recordings *r);
DEFINE_AUTO(struct recordings *, recordings_free)

void recordings_set(struct recordings *r, const struct recordings_limits *limits);

/* For the director: whether what this run sends is kept. */
bool recordings_want(const struct recordings *r, const struct run *run);
/* The engine has a job of the run in a zone. `run` is known by its address. */
void recordings_handed(struct recordings *r, const struct run *run, int64_t zone,
		       int64_t job);
/* The run has nothing more for the zone. */
void recordings_over(struct recordings *r, const struct run *run, int64_t zone);

/* Where a recording lies. */
void recordings_path(const struct recordings *r, const char *file, char *ret,
		     size_t size);
