/* jobs.c - see jobs.h. Workers take from one queue and put what is finished into another;
 * an eventfd wakes the loop to call `done`. Children are watched by the loop alone. */
#include "jobs.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#define QUEUE_MAX 256
#define WORKERS_MAX 16
#define CHILD_FDS 4
/* For killed children that do not go, in all that are ended after the last start: one
 * that a driver holds in the kernel ends when that lets it, and the core must go on. */
#define PATIENCE_MS 500

struct item {
	jobs_fn work;
	jobs_fn done;
	void *arg;
	struct item *next;
};

struct queue {
	struct item *first;
	struct item **end; /* where the next one goes */
	size_t n;
};

struct child {
	struct jobs *jobs;
	pid_t pid;
	jobs_child_fn done; /* NULL: forgotten, and only still to be reaped */
	void *arg;
	bool timed_out;
	struct loop_source *ended;
	struct loop_source *timeout;
	struct child *next;
};

struct jobs {
	struct loop *loop;
	struct loop_source *wake;
	int wake_fd;
	struct child *children;
	int64_t patience_ms; /* what is left of it */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* the queue, or what a worker is at */
	bool stopping;
	struct queue waiting;
	struct queue finished;
	void *running[WORKERS_MAX]; /* arg of what each worker is at, NULL */
	pthread_t threads[WORKERS_MAX];
	int n_threads;
};

static void queue_init(struct queue *q) {
	*q = (struct queue){.end = &q->first};
}

static void queue_add(struct queue *q, struct item *item) {
	item->next = NULL;
	*q->end = item;
	q->end = &item->next;
	q->n++;
}

static struct item *queue_take(struct queue *q) {
	struct item *item = q->first;
	if (item != NULL) {
		q->first = item->next;
		q->n--;
		if (q->first == NULL) {
			q->end = &q->first;
		}
	}
	return item;
}

/* Frees what has this arg; NULL: everything. */
static void queue_drop(struct queue *q, const void *arg) {
	struct queue kept;
	queue_init(&kept);
	struct item *item = NULL;
	while ((item = queue_take(q)) != NULL) {
		if (arg == NULL || item->arg == arg) {
			free(item);
		} else {
			queue_add(&kept, item);
		}
	}
	queue_init(q);
	while ((item = queue_take(&kept)) != NULL) {
		queue_add(q, item);
	}
}

struct worker {
	struct jobs *jobs;
	int number;
};

static void *worker_main(void *arg) {
	struct worker worker = *(struct worker *)arg;
	free(arg);
	struct jobs *jobs = worker.jobs;
	pthread_mutex_lock(&jobs->lock);
	while (!jobs->stopping) {
		struct item *item = queue_take(&jobs->waiting);
		if (item == NULL) {
			pthread_cond_wait(&jobs->changed, &jobs->lock);
			continue;
		}
		jobs->running[worker.number] = item->arg;
		pthread_mutex_unlock(&jobs->lock);
		item->work(item->arg);
		pthread_mutex_lock(&jobs->lock);
		jobs->running[worker.number] = NULL;
		queue_add(&jobs->finished, item);
		pthread_cond_broadcast(&jobs->changed);
		/* Only a counter at its limit can refuse this, and that wakes as well. */
		(void)eventfd_write(jobs->wake_fd, 1);
	}
	pthread_mutex_unlock(&jobs->lock);
	return NULL;
}

static void on_wake(void *arg, int fd, uint32_t events) {
	(void)events;
	struct jobs *jobs = arg;
	eventfd_t count = 0;
	(void)eventfd_read(fd, &count);
	for (;;) {
		pthread_mutex_lock(&jobs->lock);
		struct item *item = queue_take(&jobs->finished);
		pthread_mutex_unlock(&jobs->lock);
		if (item == NULL) {
			return;
		}
		jobs_fn done = item->done;
		void *done_arg = item->arg;
		free(item);
		done(done_arg);
	}
}

static int start_worker(struct jobs *jobs, struct error *err) {
	struct worker *worker = calloc(1, sizeof(*worker));
	if (worker == NULL) {
		return error_set(err, ENOMEM, "no memory for a worker");
	}
	*worker = (struct worker){.jobs = jobs, .number = jobs->n_threads};
	int rc = pthread_create(&jobs->threads[jobs->n_threads], NULL, worker_main,
				worker);
	if (rc != 0) {
		free(worker);
		return error_set(err, rc, "cannot start a worker: %s", strerror(rc));
	}
	jobs->n_threads++;
	return 0;
}

/* Signals belong to the core thread: the workers start with all of them blocked. */
static int start_workers(struct jobs *jobs, int workers, struct error *err) {
	sigset_t all;
	sigset_t before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = 0;
	for (int i = 0; rc == 0 && i < workers; i++) {
		rc = start_worker(jobs, err);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

int jobs_new(struct loop *loop, int workers, struct jobs **ret, struct error *err) {
	assert(workers >= 1 && workers <= WORKERS_MAX);
	struct jobs *made = calloc(1, sizeof(*made));
	if (made == NULL) {
		return error_set(err, ENOMEM, "no memory for workers");
	}
	made->loop = loop;
	queue_init(&made->waiting);
	queue_init(&made->finished);
	pthread_mutex_init(&made->lock, NULL);
	pthread_cond_init(&made->changed, NULL);
	made->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	AUTO(jobs_free) struct jobs *jobs = made;
	if (jobs->wake_fd < 0) {
		return error_set(err, errno, "cannot make an eventfd: %s",
				 strerror(errno));
	}
	int rc = loop_add_fd(loop, jobs->wake_fd, EPOLLIN, on_wake, jobs, &jobs->wake,
			     err);
	rc = rc < 0 ? rc : start_workers(jobs, workers, err);
	if (rc < 0) {
		return rc;
	}
	*ret = MOVE(jobs);
	return 0;
}

static void child_free(struct child *child) {
	loop_source_free(child->ended);
	loop_source_free(child->timeout);
	free(child);
}

static void child_unlink(struct child *child) {
	struct child **at = &child->jobs->children;
	while (*at != child) {
		at = &(*at)->next;
	}
	*at = child->next;
}

static int64_t now_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Waits for a child until then; false where it still is there. */
static bool reap(pid_t pid, int *status, int64_t until_ms) {
	const struct timespec nap = {.tv_nsec = 2 * 1000000};
	while (waitpid(pid, status, WNOHANG) == 0) {
		if (now_ms() >= until_ms) {
			return false;
		}
		(void)nanosleep(&nap, NULL);
	}
	return true;
}

/* Killed and waited for as long as there is patience. What has not ended by then is
 * nobody's any more, and left to the loop; or, once that is gone, to who reaps orphans.
 */
static void child_end(struct child *child) {
	struct jobs *jobs = child->jobs;
	int64_t began_ms = now_ms();
	int status = 0;
	child->done = NULL;
	child->arg = NULL;
	loop_source_free(MOVE(child->timeout));
	kill(-child->pid, SIGKILL);
	if (reap(child->pid, &status, began_ms + jobs->patience_ms)) {
		child_unlink(child);
		child_free(child);
	}
	int64_t left_ms = jobs->patience_ms - (now_ms() - began_ms);
	jobs->patience_ms = left_ms > 0 ? left_ms : 0;
}

/* Of this arg; NULL: all. */
static void end_children(struct jobs *jobs, const void *arg) {
	struct child *next = NULL;
	for (struct child *child = jobs->children; child != NULL; child = child->next) {
		if (arg == NULL || child->arg == arg) {
			kill(-child->pid, SIGKILL); /* they end at the same time */
		}
	}
	for (struct child *child = jobs->children; child != NULL; child = next) {
		next = child->next;
		if (arg == NULL || child->arg == arg) {
			child_end(child);
		}
	}
}

void jobs_free(struct jobs *jobs) {
	if (jobs == NULL) {
		return;
	}
	pthread_mutex_lock(&jobs->lock);
	jobs->stopping = true;
	pthread_cond_broadcast(&jobs->changed);
	pthread_mutex_unlock(&jobs->lock);
	for (int i = 0; i < jobs->n_threads; i++) {
		pthread_join(jobs->threads[i], NULL);
	}
	end_children(jobs, NULL);
	while (jobs->children != NULL) {
		struct child *child = jobs->children;
		child_unlink(child);
		child_free(child);
	}
	queue_drop(&jobs->waiting, NULL);
	queue_drop(&jobs->finished, NULL);
	loop_source_free(jobs->wake);
	fd_close(jobs->wake_fd);
	pthread_cond_destroy(&jobs->changed);
	pthread_mutex_destroy(&jobs->lock);
	free(jobs);
}

int jobs_run(struct jobs *jobs, jobs_fn work, jobs_fn done, void *arg,
	     struct error *err) {
	struct item *item = calloc(1, sizeof(*item));
	if (item == NULL) {
		return error_set(err, ENOMEM, "no memory for more work");
	}
	*item = (struct item){.work = work, .done = done, .arg = arg};
	pthread_mutex_lock(&jobs->lock);
	bool full = jobs->waiting.n >= QUEUE_MAX;
	if (!full) {
		queue_add(&jobs->waiting, item);
		pthread_cond_broadcast(&jobs->changed);
	}
	pthread_mutex_unlock(&jobs->lock);
	if (full) {
		free(item);
		return error_set(err, EBUSY,
				 "%d pieces of work are waiting already: try again later",
				 QUEUE_MAX);
	}
	return 0;
}

static bool is_running(const struct jobs *jobs, const void *arg) {
	for (int i = 0; i < jobs->n_threads; i++) {
		if (jobs->running[i] == arg) {
			return true;
		}
	}
	return false;
}

void jobs_drop(struct jobs *jobs, const void *arg) {
	assert(arg != NULL);
	pthread_mutex_lock(&jobs->lock);
	queue_drop(&jobs->waiting, arg);
	while (is_running(jobs, arg)) {
		pthread_cond_wait(&jobs->changed, &jobs->lock);
	}
	queue_drop(&jobs->finished, arg);
	pthread_mutex_unlock(&jobs->lock);
	end_children(jobs, arg);
}

void jobs_kill(struct jobs *jobs, const void *arg) {
	for (struct child *child = jobs->children; child != NULL; child = child->next) {
		if (child->arg == arg) {
			kill(-child->pid, SIGKILL);
		}
	}
}

static void on_timeout(void *arg) {
	struct child *child = arg;
	child->timed_out = true;
	kill(-child->pid, SIGKILL);
}

static void on_ended(void *arg, int exit_code, int signal_number) {
	struct child *child = arg;
	struct jobs_end end = {.exit_code = exit_code,
			       .signal_number = signal_number,
			       .timed_out = child->timed_out};
	jobs_child_fn done = child->done;
	void *done_arg = child->arg;
	/* Its own children go with it; the number is still ours, as it is not reaped
	 * before this call returns. */
	kill(-child->pid, SIGKILL);
	child_unlink(child);
	child_free(child);
	if (done != NULL) {
		done(done_arg, &end);
	}
}

static int set_fds(posix_spawn_file_actions_t *actions, const int fds[CHILD_FDS],
		   int high[CHILD_FDS]) {
	int rc = 0;
	for (int i = 0; rc == 0 && i < CHILD_FDS; i++) {
		if (fds[i] < 0) {
			rc = i == 3 ? 0
				    : posix_spawn_file_actions_addopen(
					      actions, i, "/dev/null", O_RDWR, 0);
			continue;
		}
		/* Out of the way of 0 to 3, so that no dup2 falls on another's source. */
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, CHILD_FDS + 1);
		rc = high[i] < 0 ? errno
				 : posix_spawn_file_actions_adddup2(actions, high[i], i);
	}
	return rc != 0 ? rc
		       : posix_spawn_file_actions_addclosefrom_np(actions,
								  fds[3] < 0 ? 3 : 4);
}

static int set_attributes(posix_spawnattr_t *attributes) {
	sigset_t none;
	sigset_t all;
	sigemptyset(&none);
	sigfillset(&all);
	int rc = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP |
							      POSIX_SPAWN_SETSIGMASK |
							      POSIX_SPAWN_SETSIGDEF);
	rc = rc != 0 ? rc : posix_spawnattr_setpgroup(attributes, 0);
	rc = rc != 0 ? rc : posix_spawnattr_setsigmask(attributes, &none);
	return rc != 0 ? rc : posix_spawnattr_setsigdefault(attributes, &all);
}

static int spawn(const struct jobs_child *how, pid_t *ret, struct error *err) {
	int high[CHILD_FDS] = {-1, -1, -1, -1};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	pid_t pid = 0;
	int rc = set_fds(&actions, how->fds, high);
	rc = rc != 0 ? rc : set_attributes(&attributes);
	rc = rc != 0 ? rc
		     : posix_spawnp(&pid, how->argv[0], &actions, &attributes, how->argv,
				    environ);
	for (int i = 0; i < CHILD_FDS; i++) {
		fd_close(high[i]);
	}
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (rc != 0) {
		return error_set(err, rc, "cannot start '%s': %s", how->argv[0],
				 strerror(rc));
	}
	*ret = pid;
	return 0;
}

int jobs_pipe(int *ret_read, int *ret_write, struct error *err) {
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0) {
		return error_set(err, EIO, "cannot make a pipe: %s", strerror(errno));
	}
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

int jobs_spawn(struct jobs *jobs, const struct jobs_child *how, jobs_child_fn done,
	       void *arg, struct error *err) {
	struct child *child = calloc(1, sizeof(*child));
	if (child == NULL) {
		return error_set(err, ENOMEM, "no memory to start '%s'", how->argv[0]);
	}
	child->jobs = jobs;
	child->done = done;
	child->arg = arg;
	int rc = loop_add_timer(jobs->loop, CLOCK_MONOTONIC, on_timeout, child,
				&child->timeout, err);
	rc = rc < 0 ? rc : spawn(how, &child->pid, err);
	if (rc < 0) {
		child_free(child);
		return rc;
	}
	child->next = jobs->children;
	jobs->children = child;
	jobs->patience_ms = PATIENCE_MS;
	rc = loop_add_child(jobs->loop, child->pid, on_ended, child, &child->ended, err);
	if (rc < 0) {
		child_end(child);
		return rc;
	}
	if (how->timeout_ms > 0) {
		loop_timer_arm_in_us(child->timeout, how->timeout_ms * 1000);
	}
	return 0;
}

/* ---- at the end ---- */

#define FINISH_MAX 64

/* Waits for one until then; kills it where that is over. */
static int await(pid_t pid, const char *name, int64_t until_ms, struct error *err) {
	int status = 0;
	if (!reap(pid, &status, until_ms)) {
		kill(-pid, SIGKILL);
		(void)reap(pid, &status, until_ms + PATIENCE_MS);
		return error_set(err, ETIMEDOUT,
				 "'%s' did not end in time and was stopped", name);
	}
	kill(-pid, SIGKILL); /* its own children go with it */
	return WIFEXITED(status) && WEXITSTATUS(status) == 0
		       ? 0
		       : error_set(err, EIO, "'%s' ended badly (%s %d)", name,
				   WIFEXITED(status) ? "exit code" : "signal",
				   WIFEXITED(status) ? WEXITSTATUS(status)
						     : WTERMSIG(status));
}

int jobs_finish(const struct jobs_child *how, size_t n, int64_t timeout_ms,
		struct error *err) {
	pid_t pids[FINISH_MAX];
	int rc = 0;
	struct error other;
	assert(n <= FINISH_MAX);
	for (size_t i = 0; i < n; i++) {
		pids[i] = 0;
		int one = spawn(&how[i], &pids[i], rc == 0 ? err : &other);
		rc = rc == 0 ? one : rc;
	}
	int64_t until_ms = now_ms() + timeout_ms;
	for (size_t i = 0; i < n; i++) {
		int one = pids[i] == 0 ? 0
				       : await(pids[i], how[i].argv[0], until_ms,
					       rc == 0 ? err : &other);
		rc = rc == 0 ? one : rc;
	}
	return rc;
}
