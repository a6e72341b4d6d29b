/* main.c - dalabad: creates everything in order, loops, destroys it in reverse.
 * All state hangs from here; nothing below main exits the process. */
#include "alerts.h"
#include "amplifier.h"
#include "audio/chime.h"
#include "base/str.h"
#include "calendars.h"
#include "calls.h"
#include "config.h"
#include "director.h"
#include "disk.h"
#include "jobs.h"
#include "library.h"
#include "log.h"
#include "loop.h"
#include "ops.h"
#include "recordings.h"
#include "relays.h"
#include "web-admin/admin.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_BAD_CONFIG 78 /* EX_CONFIG of sysexits.h */
#define WORKERS 2

/* In the order of creation. */
struct box {
	const char *config_path;
	const char *data_dir; /* of the command line, NULL: the configuration's */
	struct config *config;
	struct tz *tz;
	struct store *store;
	struct calendar *calendar;
	struct faults *faults;
	struct loop *loop;
	struct disk *disk;
	struct clock *clock;
	struct jobs *jobs;
	struct amplifiers *amplifiers;
	const char **amplifier_names; /* NULL behind the last */
	struct library *library;
	struct engine *engine;
	struct recordings *recordings;
	struct relays *relays;
	struct director *director;
	struct alerts *alerts;
	struct calls *calls;
	struct plans *plans;
	struct ops_context ops;
	struct admin *admin;
	struct loop_source *admin_fd;
	struct loop_source *admin_timer;
	struct loop_source *terminate;
	struct loop_source *interrupt;
	struct loop_source *reload;
	struct loop_source *pipe;
};

static void usage(FILE *to) {
	fputs("usage: dalabad --config FILE [--data-dir DIR]\n"
	      "  --config FILE   the settings; see docs/operating.md\n"
	      "  --data-dir DIR  instead of [daemon] data_dir\n"
	      "  --version, --help\n",
	      to);
}

static const char *data_dir(const struct box *box) {
	return box->data_dir != NULL ? box->data_dir : box->config->data_dir;
}

/* -------------------------------------------------------------- the API in the loop */

static void admin_turn(struct box *box) {
	admin_work(box->admin);
	int64_t wait_us = admin_timeout_us(box->admin);
	if (wait_us < 0) {
		loop_timer_arm_us(box->admin_timer, INT64_MAX);
	} else {
		loop_timer_arm_in_us(box->admin_timer, wait_us);
	}
}

static void on_admin_fd(void *arg, int fd, uint32_t events) {
	(void)fd;
	(void)events;
	admin_turn(arg);
}

static void on_admin_timer(void *arg) {
	admin_turn(arg);
}

static void on_run(void *ctx, int64_t run) {
	struct box *box = ctx;
	if (box->admin != NULL) {
		admin_publish_run(box->admin, run);
	}
}

static void on_zone(void *ctx, int64_t zone) {
	struct box *box = ctx;
	if (box->admin != NULL) {
		admin_publish_status(box->admin, zone);
	}
	if (box->alerts != NULL) {
		alerts_zone_changed(box->alerts, zone);
	}
}

static void on_sounding_began(void *ctx, const struct run *run, int64_t at_ns) {
	struct box *box = ctx;
	if (box->alerts != NULL) {
		alerts_began(box->alerts, run, at_ns);
	}
}

static void on_sounding_ended(void *ctx, const struct director_sounding_end *end) {
	struct box *box = ctx;
	if (box->alerts != NULL) {
		alerts_ended(box->alerts, end);
	}
}

static bool records(void *ctx, const struct run *run) {
	const struct box *box = ctx;
	return recordings_want(box->recordings, run);
}

static void on_handed(void *ctx, const struct run *run, int64_t zone, int64_t job) {
	struct box *box = ctx;
	recordings_handed(box->recordings, run, zone, job);
}

static void on_over(void *ctx, const struct run *run, int64_t zone) {
	struct box *box = ctx;
	recordings_over(box->recordings, run, zone);
}

static void on_alert(void *ctx, const struct alert *alert) {
	struct box *box = ctx;
	if (box->admin != NULL) {
		admin_publish_alert(box->admin, alert);
	}
}

static void on_fault(void *ctx, const struct fault *fault, bool over) {
	struct box *box = ctx;
	if (box->admin == NULL) {
		return;
	}
	struct admin_fault told = {.since_us = fault->since_us};
	str_copy(told.source, sizeof(told.source), fault->source);
	str_copy(told.text, sizeof(told.text), fault->text);
	admin_publish_fault(box->admin, &told, over);
}

/* ------------------------------------------------------------------------- signals */

static void on_terminate(void *arg) {
	struct box *box = arg;
	log_notice("stopping");
	loop_exit(box->loop);
}

static void on_nothing(void *arg) {
	(void)arg; /* SIGPIPE: the write says it too */
}

static bool differs(const char *a, const char *b, const char *key) {
	bool other = strcmp(a, b) != 0;
	if (other) {
		log_warning("%s has changed from '%s' to '%s': restart dalabad to use it",
			    key, a, b);
	}
	return other;
}

static struct recordings_limits limits_of(const struct config *config) {
	return (struct recordings_limits){
		.class = config->recording_class,
		.days = config->recordings_days,
		.size_mb = config->recording_size_mb,
		.kbps = config->recording_kbps,
		.log_days = config->log_days,
	};
}

static void on_reload(void *arg) {
	struct box *box = arg;
	struct error err = {0};
	struct config *config = NULL;
	loop_reloading(box->loop);
	if (config_load(box->config_path, &config, &err) < 0) {
		log_err("the configuration stays as it was: %s", err.text);
		loop_ready(box->loop);
		return;
	}
	const struct config *old = box->config;
	differs(old->data_dir, config->data_dir, "[daemon] data_dir");
	differs(old->timezone, config->timezone, "[daemon] timezone");
	differs(old->listen, config->listen, "[http] listen");
	differs(old->socket, config->socket, "[http] socket");
	differs(old->tls_certificate, config->tls_certificate, "[http] tls_certificate");
	differs(old->tls_key, config->tls_key, "[http] tls_key");
	if (old->buffer_ms != config->buffer_ms) {
		log_warning("[audio] buffer_ms has changed: restart dalabad to use it");
	}
	if (!amplifier_configs_equal(&old->amplifiers, &config->amplifiers)) {
		log_warning("the amplifiers have changed: restart dalabad to use them");
	}
	library_speech_set(box->library, config->speech_voice,
			   (int)config->speech_timeout_s);
	alerts_fallback_set(box->alerts, config->alert_fallback);
	struct recordings_limits limits = limits_of(config);
	recordings_set(box->recordings, &limits);
	/* box->config stays what is in use: the next reload is held against it too. */
	config_free(config);
	log_notice("'%s' was read again", box->config_path);
	loop_ready(box->loop);
}

/* ------------------------------------------------------------------------ creation */

/* A program of ours stands beside dalabad in a build directory, else where it was
 * installed. */
static void find_program(const char *name, char *ret, size_t size) {
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len > 0) {
		self[len] = '\0';
		char *slash = strrchr(self, '/');
		if (slash != NULL) {
			*slash = '\0';
			int n = snprintf(ret, size, "%s/%s", self, name);
			if (n > 0 && (size_t)n < size && access(ret, X_OK) == 0) {
				return;
			}
		}
	}
	str_format(ret, size, DALABA_LIBEXECDIR "/%s", name);
}

static int make_data_dir(const struct box *box, struct error *err) {
	if (mkdir(data_dir(box), 0750) < 0 && errno != EEXIST) {
		return error_set(err, errno,
				 "cannot make the data folder '%s': %s; create it, or "
				 "set [daemon] "
				 "data_dir or --data-dir to a folder this user may write",
				 data_dir(box), strerror(errno));
	}
	return 0;
}

static int open_store(struct box *box, struct error *err) {
	int rc = make_data_dir(box, err);
	if (rc < 0) {
		return rc;
	}
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/dalaba.db", data_dir(box)) >=
	    (int)sizeof(path)) {
		return error_set(err, ENAMETOOLONG,
				 "the name of the data folder is too long");
	}
	return store_open(path, &box->store, err);
}

static void on_clock_step(void *arg) {
	struct box *box = arg;
	if (box->director != NULL) {
		director_clock_stepped(box->director);
	}
}

static int create_amplifiers(struct box *box, struct error *err) {
	const struct amplifier_configs *configs = &box->config->amplifiers;
	box->amplifier_names = calloc(configs->n + 1, sizeof(*box->amplifier_names));
	if (box->amplifier_names == NULL) {
		return error_set(err, ENOMEM, "no memory for the amplifiers");
	}
	for (size_t i = 0; i < configs->n; i++) {
		box->amplifier_names[i] = configs->items[i].name;
	}
	return amplifiers_new(box->loop, box->jobs, box->faults, configs,
			      &box->amplifiers, err);
}

static int create_recordings(struct box *box, struct error *err) {
	struct recordings_config config = {
		.loop = box->loop,
		.store = box->store,
		.jobs = box->jobs,
		.engine = box->engine,
		.clock = box->clock,
		.disk = box->disk,
		.faults = box->faults,
		.data_dir = data_dir(box),
		.limits = limits_of(box->config),
		.on_recording = on_run,
		.ctx = box,
	};
	return recordings_new(&config, &box->recordings, err);
}

static int create_relays(struct box *box, struct error *err) {
	char program[PATH_MAX];
	find_program("dalaba-relay", program, sizeof(program));
	struct relays_config config = {.loop = box->loop,
				       .jobs = box->jobs,
				       .faults = box->faults,
				       .program = program};
	return relays_new(&config, &box->relays, err);
}

static int create_director(struct box *box, struct error *err) {
	struct director_config director = {
		.loop = box->loop,
		.store = box->store,
		.engine = box->engine,
		.library = box->library,
		.clock = box->clock,
		.faults = box->faults,
		.amplifiers = box->amplifiers,
		.relays = box->relays,
		.tz = box->tz,
		.calendar = box->calendar,
		.on_run = on_run,
		.on_zone = on_zone,
		.on_sounding_began = on_sounding_began,
		.on_sounding_ended = on_sounding_ended,
		.records = records,
		.on_handed = on_handed,
		.on_over = on_over,
		.ctx = box,
	};
	return director_new(&director, &box->director, err);
}

static int create_sound(struct box *box, struct error *err) {
	char ingest[PATH_MAX];
	find_program("dalaba-ingest", ingest, sizeof(ingest));
	struct library_config library = {
		.data_dir = data_dir(box),
		.ingest_program = ingest,
		.speech_voice = box->config->speech_voice,
		.speech_timeout_s = (int)box->config->speech_timeout_s,
	};
	struct engine_config engine = {.buffer_ms = (int)box->config->buffer_ms};
	int rc = library_new(&library, box->loop, box->store, box->jobs, &box->library,
			     err);
	if (rc >= 0) {
		rc = engine_new(&engine, &box->engine, err);
	}
	if (rc >= 0) {
		rc = create_recordings(box, err);
	}
	if (rc >= 0) {
		rc = create_relays(box, err);
	}
	return rc < 0 ? rc : create_director(box, err);
}

static int create_alerts(struct box *box, struct error *err) {
	struct alerts_config config = {
		.loop = box->loop,
		.store = box->store,
		.library = box->library,
		.director = box->director,
		.clock = box->clock,
		.faults = box->faults,
		.fallback_clip = box->config->alert_fallback,
		.on_alert = on_alert,
		.ctx = box,
	};
	return alerts_new(&config, &box->alerts, err);
}

static int create_calls(struct box *box, struct error *err) {
	struct calls_config config = {
		.loop = box->loop, .store = box->store, .director = box->director};
	return calls_new(&config, &box->calls, err);
}

static int create_plans(struct box *box, struct error *err) {
	struct plans_config config = {
		.loop = box->loop,
		.jobs = box->jobs,
		.store = box->store,
		.library = box->library,
		.clock = box->clock,
		.tz = box->tz,
		.calendar = box->calendar,
	};
	return plans_new(&config, &box->plans, err);
}

static int create_core(struct box *box, struct error *err) {
	int rc = tz_load(box->config->timezone, &box->tz, err);
	if (rc >= 0) {
		rc = open_store(box, err);
	}
	if (rc >= 0) {
		rc = calendar_new(&box->calendar, err);
	}
	if (rc >= 0) {
		rc = calendars_load(box->store, box->calendar, err);
	}
	if (rc >= 0) {
		rc = faults_new(&box->faults, err);
	}
	if (rc >= 0) {
		rc = loop_new(&box->loop, err);
	}
	if (rc >= 0) {
		rc = disk_new(box->loop, data_dir(box), box->faults, &box->disk, err);
	}
	int64_t newest_us = TIME_NONE;
	if (rc >= 0) {
		rc = store_newest_us(box->store, &newest_us, err);
	}
	if (rc >= 0) {
		rc = clock_new(box->loop, newest_us, on_clock_step, box, &box->clock,
			       err);
	}
	if (rc >= 0) {
		rc = jobs_new(box->loop, WORKERS, &box->jobs, err);
	}
	return rc;
}

static int create_admin(struct box *box, struct error *err) {
	box->ops = (struct ops_context){
		.director = box->director,
		.alerts = box->alerts,
		.calls = box->calls,
		.engine = box->engine,
		.library = box->library,
		.recordings = box->recordings,
		.plans = box->plans,
		.clock = box->clock,
		.faults = box->faults,
		.store = box->store,
		.calendar = box->calendar,
	};
	struct admin_config config = {
		.listen = box->config->listen,
		.socket = box->config->socket,
		.certificate = box->config->tls_certificate,
		.key = box->config->tls_key,
		.socket_group = "dalaba",
		.chimes = chime_names(),
		.amplifiers = box->amplifier_names,
		.tz = box->tz,
		.calendar = box->calendar,
		.store = box->store,
		.ops = ops_table(),
		.ctx = &box->ops,
	};
	int rc = admin_new(&config, &box->admin, err);
	if (rc >= 0) {
		faults_listen(box->faults, on_fault, box);
		rc = loop_add_fd(box->loop, admin_fd(box->admin), EPOLLIN, on_admin_fd,
				 box, &box->admin_fd, err);
	}
	if (rc >= 0) {
		rc = loop_add_timer(box->loop, CLOCK_MONOTONIC, on_admin_timer, box,
				    &box->admin_timer, err);
	}
	return rc;
}

static int create_signals(struct box *box, struct error *err) {
	int rc = loop_add_signal(box->loop, SIGTERM, on_terminate, box, &box->terminate,
				 err);
	if (rc >= 0) {
		rc = loop_add_signal(box->loop, SIGINT, on_terminate, box,
				     &box->interrupt, err);
	}
	if (rc >= 0) {
		rc = loop_add_signal(box->loop, SIGHUP, on_reload, box, &box->reload,
				     err);
	}
	if (rc >= 0) {
		rc = loop_add_signal(box->loop, SIGPIPE, on_nothing, box, &box->pipe,
				     err);
	}
	return rc;
}

static void box_done(struct box *box) {
	loop_source_free(box->pipe);
	loop_source_free(box->reload);
	loop_source_free(box->interrupt);
	loop_source_free(box->terminate);
	loop_source_free(box->admin_timer);
	loop_source_free(box->admin_fd);
	if (box->faults != NULL) {
		faults_listen(box->faults, NULL, NULL);
	}
	admin_free(MOVE(box->admin));
	plans_free(box->plans);
	calls_free(box->calls);
	alerts_free(MOVE(box->alerts));
	director_free(box->director);
	relays_free(box->relays);
	engine_free(box->engine);
	recordings_free(box->recordings);
	amplifiers_free(box->amplifiers);
	free(box->amplifier_names);
	library_free(box->library);
	jobs_free(box->jobs);
	clock_free(box->clock);
	disk_free(box->disk);
	loop_free(box->loop);
	faults_free(box->faults);
	calendar_free(box->calendar);
	store_close(box->store);
	tz_free(box->tz);
	config_free(box->config);
}

static int box_run(struct box *box, struct error *err) {
	int rc = create_core(box, err);
	/* Signals are blocked before the first thread, or a thread might take them. */
	if (rc >= 0) {
		rc = create_signals(box, err);
	}
	if (rc >= 0) {
		rc = create_amplifiers(box, err);
	}
	if (rc >= 0) {
		rc = create_sound(box, err);
	}
	if (rc >= 0) {
		rc = create_alerts(box, err);
	}
	if (rc >= 0) {
		rc = create_calls(box, err);
	}
	if (rc >= 0) {
		rc = create_plans(box, err);
	}
	if (rc >= 0) {
		rc = create_admin(box, err);
	}
	if (rc >= 0) {
		rc = director_start(box->director, err);
	}
	if (rc < 0) {
		return rc;
	}
	alerts_start(box->alerts);
	admin_turn(box);
	loop_ready(box->loop);
	log_notice("dalabad " DALABA_VERSION ", data in '%s'", data_dir(box));
	fputs("ready\n", stderr);
	rc = loop_run(box->loop, err);
	loop_stopping(box->loop);
	return rc;
}

/* 0 to go on, 1 to end well, 2 wrong use. */
static int read_arguments(int argc, char **argv, struct box *box) {
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"data-dir", required_argument, NULL, 'd'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			box->config_path = optarg;
			break;
		case 'd':
			box->data_dir = optarg;
			break;
		case 'v':
			puts("dalabad " DALABA_VERSION);
			return 1;
		case 'h':
			usage(stdout);
			return 1;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc || box->config_path == NULL) {
		usage(stderr);
		return 2;
	}
	return 0;
}

int main(int argc, char **argv) {
	struct box box = {0};
	int used = read_arguments(argc, argv, &box);
	if (used != 0) {
		return used == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	umask(027);
	struct error err = {0};
	int rc = config_load(box.config_path, &box.config, &err);
	if (rc < 0) {
		log_err("%s", err.text);
		return EXIT_BAD_CONFIG;
	}
	rc = box_run(&box, &err);
	if (rc < 0) {
		log_err("%s", err.text);
	}
	box_done(&box);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
