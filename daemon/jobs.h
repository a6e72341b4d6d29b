/* jobs.h - worker threads for what is slow (hashing, fsync), and child processes, most
 * with a time limit. Owner: main. Threads: call from the core thread; `work` runs on a
 * worker, `done` on the core thread. Blocks: jobs_free, jobs_drop and jobs_finish, each
 * as it says; the others never. */
#pragma once

#include "base/error.h"
#include "loop.h"

#include <stdbool.h>
#include <stdint.h>

struct jobs;

/* workers: 1 to 16. */
int jobs_new(struct loop *loop, int workers, struct jobs **ret, struct error *err);
/* NULL is fine. Waits for what runs; kills children, as jobs_drop; done is not called any
 * more. */
void jobs_free(struct jobs *jobs);
DEFINE_AUTO(struct jobs *, jobs_free)

typedef void (*jobs_fn)(void *arg);
/* Queue of at most 256 (-EBUSY). */
int jobs_run(struct jobs *jobs, jobs_fn work, jobs_fn done, void *arg, struct error *err);

struct jobs_child {
	char *const *argv; /* argv[0] is a path, or a name to be found in PATH */
	int fds[4]; /* become 0, 1, 2, 3 of the child; -1: /dev/null (3: closed). Borrowed
		     */
	int64_t timeout_ms; /* then SIGKILL to its process group; 0: never */
};
struct jobs_end {
	int exit_code; /* -1 where a signal ended it */
	int signal_number;
	bool timed_out;
};
typedef void (*jobs_child_fn)(void *arg, const struct jobs_end *end);
/* -ENOENT where there is no such program. Every other fd is closed in the child, signals
 * are at their defaults. */
int jobs_spawn(struct jobs *jobs, const struct jobs_child *how, jobs_child_fn done,
	       void *arg, struct error *err);

/* A pipe from a child, each end of it in its place, the caller's. -EIO. */
int jobs_pipe(int *ret_read, int *ret_write, struct error *err);

/* SIGKILL to the process groups of the children with this arg; done is called as ever. */
void jobs_kill(struct jobs *jobs, const void *arg);

/* Forgets what was given with this arg (not NULL): what waits is not run, what runs is
 * waited for, its children are killed and waited for, but all in all no longer than half
 * a second: a driver may keep one. done is not called any more. For owners that end
 * before the jobs do. */
void jobs_drop(struct jobs *jobs, const void *arg);

/* For the end of the daemon, when its loop turns no more: starts all of these (at most
 * 64) and waits for them, timeout_ms in all; what still runs then is killed, and waited
 * for as above. -ETIMEDOUT, -EIO (one ended badly), or why one could not be started; err
 * tells of the first. */
int jobs_finish(const struct jobs_child *how, size_t n, int64_t timeout_ms,
		struct error *err);
