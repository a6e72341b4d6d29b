/* test_jobs.c - workers and children: everything ends once, on the core thread, and what
 * is dropped is never heard of again. */
#include "jobs.h"
#include "base/str.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cmocka.h>

struct fixture {
	struct loop *loop;
	struct jobs *jobs;
	struct loop_source *guard;
	struct error err;
	bool late;
};

static void on_guard(void *arg) {
	struct fixture *f = arg;
	f->late = true;
	loop_exit(f->loop);
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	assert_int_equal(loop_new(&f->loop, &f->err), 0);
	assert_int_equal(jobs_new(f->loop, 3, &f->jobs, &f->err), 0);
	assert_int_equal(
		loop_add_timer(f->loop, CLOCK_MONOTONIC, on_guard, f, &f->guard, &f->err),
		0);
	loop_timer_arm_in_us(f->guard, 60 * 1000000);
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	loop_source_free(f->guard);
	jobs_free(f->jobs);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void run_loop(struct fixture *f) {
	assert_int_equal(loop_run(f->loop, &f->err), 0);
	assert_false(f->late);
}

struct piece {
	struct fixture *f;
	pthread_t core;
	atomic_int worked;
	int done;
	int *left;
	atomic_bool hold; /* works until this is false */
};

static void piece_work(void *arg) {
	struct piece *p = arg;
	assert_false(pthread_equal(pthread_self(), p->core));
	while (p->hold) {
		usleep(1000);
	}
	p->worked++;
}

static void piece_done(void *arg) {
	struct piece *p = arg;
	assert_true(pthread_equal(pthread_self(), p->core));
	p->done++;
	if (--*p->left == 0) {
		loop_exit(p->f->loop);
	}
}

static void all_work_is_done_once(void **state) {
	struct fixture *f = *state;
	enum { N = 200 };
	static struct piece pieces[N];
	int left = N;
	for (int i = 0; i < N; i++) {
		pieces[i] = (struct piece){.f = f, .core = pthread_self(), .left = &left};
		assert_int_equal(
			jobs_run(f->jobs, piece_work, piece_done, &pieces[i], &f->err),
			0);
	}
	run_loop(f);
	for (int i = 0; i < N; i++) {
		assert_int_equal(pieces[i].worked, 1);
		assert_int_equal(pieces[i].done, 1);
	}
}

static void the_queue_has_a_bound(void **state) {
	struct fixture *f = *state;
	int left = 1000;
	struct piece p = {.f = f, .core = pthread_self(), .left = &left, .hold = true};
	int rc = 0;
	int taken = 0;
	while (rc == 0 && taken < 1000) {
		rc = jobs_run(f->jobs, piece_work, piece_done, &p, &f->err);
		taken += rc == 0;
	}
	assert_int_equal(rc, -EBUSY);
	assert_in_range(taken, 256, 256 + 3);
	p.hold = false;
	left = taken;
	run_loop(f);
	assert_int_equal(p.done, taken);
}

static void the_dropped_is_not_heard_of(void **state) {
	struct fixture *f = *state;
	int left = 1;
	struct piece gone = {.f = f, .core = pthread_self(), .left = &left};
	struct piece stays = gone;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(
			jobs_run(f->jobs, piece_work, piece_done, &gone, &f->err), 0);
	}
	assert_int_equal(jobs_run(f->jobs, piece_work, piece_done, &stays, &f->err), 0);
	jobs_drop(f->jobs, &gone);
	int worked = gone.worked;
	run_loop(f);
	assert_int_equal(gone.done, 0);
	assert_int_equal(gone.worked, worked);
	assert_int_equal(stays.done, 1);
}

struct run {
	struct fixture *f;
	int ended;
	struct jobs_end end;
};

static void run_ended(void *arg, const struct jobs_end *end) {
	struct run *run = arg;
	run->ended++;
	run->end = *end;
	loop_exit(run->f->loop);
}

/* Runs sh -c SCRIPT with fd 1 and 3 as one file; returns what was written there. */
static const char *run_shell(struct fixture *f, const char *script, int64_t timeout_ms,
			     struct run *run) {
	static char said[4096];
	AUTO(fd_close) int out = memfd_create("out", MFD_CLOEXEC);
	char text[1024];
	str_copy(text, sizeof(text), script);
	char *argv[] = {"sh", "-c", text, NULL};
	struct jobs_child child = {
		.argv = argv, .fds = {-1, out, -1, out}, .timeout_ms = timeout_ms};
	*run = (struct run){.f = f};
	assert_int_equal(jobs_spawn(f->jobs, &child, run_ended, run, &f->err), 0);
	run_loop(f);
	assert_int_equal(run->ended, 1);
	ssize_t n = pread(out, said, sizeof(said) - 1, 0);
	assert_true(n >= 0);
	said[n] = '\0';
	return said;
}

static void children_end_as_they_do(void **state) {
	(void)state;
	static const struct {
		const char *script;
		int64_t timeout_ms;
		int exit_code;
		int signal_number;
		bool timed_out;
		const char *said;
	} cases[] = {
		{"exit 0", 30000, 0, 0, false, ""},
		{"exit 7", 30000, 7, 0, false, ""},
		{"echo one; echo three >&3", 30000, 0, 0, false, "one\nthree\n"},
		{"cat; echo x >&2; echo end", 30000, 0, 0, false, "end\n"},
		{"kill -TERM $$", 30000, -1, SIGTERM, false, ""},
		{"sleep 100", 100, -1, SIGKILL, true, ""},
		/* A child that ignores what it may, and hides behind one of its own. */
		{"trap '' TERM INT HUP; sleep 100 & wait", 100, -1, SIGKILL, true, ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* A loop runs once. */
		void *fresh = NULL;
		setup(&fresh);
		struct run run;
		const char *said =
			run_shell(fresh, cases[i].script, cases[i].timeout_ms, &run);
		teardown(&fresh);
		assert_int_equal(run.end.exit_code, cases[i].exit_code);
		assert_int_equal(run.end.signal_number, cases[i].signal_number);
		assert_int_equal(run.end.timed_out, cases[i].timed_out);
		assert_string_equal(said, cases[i].said);
	}
}

/* What a child could do harm with: descriptors of the daemon, blocked signals. */
static void a_child_inherits_nothing_else(void **state) {
	struct fixture *f = *state;
	/* Without CLOEXEC, as a careless library would open it. */
	AUTO(fd_close) int leaked = open("/dev/null", O_RDONLY);
	assert_true(fcntl(leaked, F_DUPFD, 50) >= 0);
	sigset_t usr1;
	sigset_t before;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &before);
	signal(SIGPIPE, SIG_IGN);
	struct run run;
	const char *said =
		run_shell(f,
			  "cd /proc/self/fd; for i in *; do case $i in [0-3]) ;; "
			  "*) [ -e $i ] && echo fd $i;; esac; done; "
			  "grep -E '^Sig(Blk|Ign)' /proc/self/status; "
			  "[ $(ps -o pgid= -p $$) = $$ ] && echo leads",
			  30000, &run);
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGPIPE, SIG_DFL);
	close(50);
	/* 32 and 33 are the C library's own. */
	assert_string_equal(said, "SigBlk:\t0000000000000000\n"
				  "SigIgn:\t0000000180000000\nleads\n");
}

static void descriptors_may_cross(void **state) {
	struct fixture *f = *state;
	AUTO(fd_close) int a = memfd_create("a", MFD_CLOEXEC);
	AUTO(fd_close) int b = memfd_create("b", MFD_CLOEXEC);
	assert_int_equal(write(a, "from a", 6), 6);
	assert_int_equal(lseek(a, 0, SEEK_SET), 0);
	/* The daemon's own 0 and 1 are the sources, the other way round. */
	int kept[2] = {dup(0), dup(1)};
	dup2(b, 0);
	dup2(a, 1);
	char *argv[] = {"cat", NULL};
	struct jobs_child child = {
		.argv = argv, .fds = {1, 0, 2, -1}, .timeout_ms = 30000};
	struct run run = {.f = f};
	int rc = jobs_spawn(f->jobs, &child, run_ended, &run, &f->err);
	dup2(kept[0], 0);
	dup2(kept[1], 1);
	close(kept[0]);
	close(kept[1]);
	assert_int_equal(rc, 0);
	run_loop(f);
	char said[16] = "";
	assert_int_equal(pread(b, said, sizeof(said), 0), 6);
	assert_string_equal(said, "from a");
}

static void a_missing_program_is_named(void **state) {
	struct fixture *f = *state;
	char *argv[] = {"dalaba-no-such-program", NULL};
	struct jobs_child child = {
		.argv = argv, .fds = {-1, -1, -1, -1}, .timeout_ms = 1000};
	struct run run = {.f = f};
	assert_int_equal(jobs_spawn(f->jobs, &child, run_ended, &run, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "dalaba-no-such-program"));
	assert_int_equal(run.ended, 0);
}

/* Without a limit it lives until it is told; its end is heard of as any other. */
static void a_child_is_killed(void **state) {
	struct fixture *f = *state;
	char *argv[] = {"sleep", "1000", NULL};
	struct jobs_child child = {.argv = argv, .fds = {-1, -1, -1, -1}};
	struct run run = {.f = f};
	struct run other = {.f = f};
	assert_int_equal(jobs_spawn(f->jobs, &child, run_ended, &run, &f->err), 0);
	assert_int_equal(jobs_spawn(f->jobs, &child, run_ended, &other, &f->err), 0);
	jobs_kill(f->jobs, &run);
	run_loop(f);
	assert_int_equal(run.ended, 1);
	assert_int_equal(run.end.signal_number, SIGKILL);
	assert_false(run.end.timed_out);
	assert_int_equal(other.ended, 0);
}

static void freeing_kills_children(void **state) {
	struct fixture *f = *state;
	char *argv[] = {"sleep", "1000", NULL};
	struct jobs_child child = {
		.argv = argv, .fds = {-1, -1, -1, -1}, .timeout_ms = 1000000};
	struct run run = {.f = f};
	struct run other = {.f = f};
	assert_int_equal(jobs_spawn(f->jobs, &child, run_ended, &run, &f->err), 0);
	assert_int_equal(jobs_spawn(f->jobs, &child, run_ended, &other, &f->err), 0);
	jobs_drop(f->jobs, &run);
	jobs_free(f->jobs);
	f->jobs = NULL;
	assert_int_equal(run.ended + other.ended, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* ---- children that do not go ---- */

/* As one is that a driver holds in the kernel: killed, and still there. */
static bool held;
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options) {
	while (held && (options & WNOHANG) == 0) {
		usleep(1000); /* for ever */
	}
	return held ? 0 : __real_waitpid(pid, status, options);
}

static int64_t now_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void the_held_are_left_behind(void **state) {
	struct fixture *f = *state;
	enum { N = 4 };
	struct run runs[N];
	char *argv[] = {"sleep", "1000", NULL};
	struct jobs_child child = {.argv = argv, .fds = {-1, -1, -1, -1}};
	for (int i = 0; i < N; i++) {
		runs[i] = (struct run){.f = f};
		assert_int_equal(
			jobs_spawn(f->jobs, &child, run_ended, &runs[i], &f->err), 0);
	}
	int64_t began_ms = now_ms();
	held = true;
	jobs_drop(f->jobs, &runs[0]);
	jobs_drop(f->jobs, &runs[1]);
	assert_in_range(now_ms() - began_ms, 400, 1500);
	/* What is forgotten is reaped by the loop, and nobody is told. */
	loop_timer_arm_in_us(f->guard, 300 * 1000);
	assert_int_equal(loop_run(f->loop, &f->err), 0);
	jobs_free(f->jobs);
	f->jobs = NULL;
	held = false;
	assert_in_range(now_ms() - began_ms, 400, 2500);
	int left = 0;
	while (waitpid(-1, NULL, 0) > 0) {
		left++;
	}
	assert_int_equal(left, N - 2);
	for (int i = 0; i < N; i++) {
		assert_int_equal(runs[i].ended, 0);
	}
}

static void the_end_does_not_wait_for_the_held(void **state) {
	(void)state;
	char *argv[] = {"sleep", "1000", NULL};
	struct jobs_child one = {.argv = argv, .fds = {-1, -1, -1, -1}};
	struct jobs_child all[] = {one, one, one};
	struct error err = {0};
	int64_t began_ms = now_ms();
	held = true;
	assert_int_equal(jobs_finish(all, 3, 200, &err), -ETIMEDOUT);
	held = false;
	assert_in_range(now_ms() - began_ms, 600, 2000);
	while (waitpid(-1, NULL, 0) > 0) {
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_work_is_done_once, setup, teardown),
		cmocka_unit_test_setup_teardown(the_queue_has_a_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(the_dropped_is_not_heard_of, setup,
						teardown),
		cmocka_unit_test(children_end_as_they_do),
		cmocka_unit_test_setup_teardown(a_child_inherits_nothing_else, setup,
						teardown),
		cmocka_unit_test_setup_teardown(descriptors_may_cross, setup, teardown),
		cmocka_unit_test_setup_teardown(a_missing_program_is_named, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_child_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(freeing_kills_children, setup, teardown),
		cmocka_unit_test_setup_teardown(the_held_are_left_behind, setup,
						teardown),
		cmocka_unit_test(the_end_does_not_wait_for_the_held),
	};
	return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
