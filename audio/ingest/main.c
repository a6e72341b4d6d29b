/* main.c - the program dalaba-ingest: see ingest.h. One thread, one file, then the end.
 */
#include "decode.h"
#include "encode.h"
#include "ingest.h"
#include "levelling.h"
#include "measure.h"
#include "sandbox.h"

#include "base/str.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define IN_FD 0
#define OUT_FD 1
#define FILE_BYTES (300LL * 1000 * 1000)
/* The upload and what comes of it are mapped whole; decoders, encoder and their tables
 * need the rest. */
#define MEMORY_BYTES (INGEST_BYTES_MAX + FILE_BYTES + 400LL * 1000 * 1000)
/* Four hours on a slow box. */
#define CPU_S 3600
/* An encoder at another rate may round the length up. */
#define LEVEL_SLACK_MS 1000

enum ending { ENDING_DONE = 0, ENDING_UPLOAD = 1, ENDING_BOX = 2 };

struct facts {
	struct decode_info info;
	bool kept;
	int64_t duration_ms;
	double lufs;
	double dbtp;
	int64_t bytes; /* of what was encoded */
	struct level level;
};

#if SANDBOX_SANITIZED
/* The search for leaks wants a second process, which the sandbox forbids; and a report of
 * the sanitizer must not look like a bad upload. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) {
	return 1;
}
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
	return "exitcode=99:max_allocation_size_mb=1024:allocator_may_return_null=1";
}
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void) {
	return "exitcode=99:halt_on_error=1";
}
#endif

static void send_report(const struct str *s) {
	size_t sent = 0;
	while (sent < s->len) {
		ssize_t n = write(INGEST_REPORT_FD, s->data + sent, s->len - sent);
		if (n <= 0) {
			_exit(ENDING_BOX); /* nobody listens any more */
		}
		sent += (size_t)n;
	}
}

static enum ending end_failed(enum ending ending, const struct error *err) {
	AUTO(str_done) struct str s = STR_INIT;
	int rc = str_append(&s, "{\"error\": \"");
	for (const char *c = err->text; rc == 0 && *c != '\0'; c++) {
		unsigned char u = (unsigned char)*c;
		rc = u == '"' || u == '\\'  ? str_printf(&s, "\\%c", *c)
		     : u < 0x20 || u > 0x7e ? str_append(&s, "?")
					    : str_append_bytes(&s, c, 1);
	}
	rc = rc < 0 ? rc : str_printf(&s, "\", \"errno\": %d}\n", err->code);
	if (rc == 0) {
		send_report(&s);
	}
	return ending;
}

static int append_number(struct str *s, const char *name, double value) {
	return isfinite(value) ? str_printf(s, ", \"%s\": %.3f", name, value)
			       : str_printf(s, ", \"%s\": null", name);
}

static enum ending end_done(const struct facts *facts) {
	AUTO(str_done) struct str s = STR_INIT;
	int rc = str_printf(&s,
			    "{\"kept\": %s, \"duration_ms\": %" PRId64
			    ", \"channels\": %d, \"input\": \"%s\"",
			    facts->kept ? "true" : "false", facts->duration_ms,
			    facts->info.channels, facts->info.input);
	rc = rc < 0 ? rc : append_number(&s, "loudness_lufs", facts->lufs);
	rc = rc < 0 ? rc : append_number(&s, "true_peak_dbtp", facts->dbtp);
	rc = rc < 0 ? rc : append_number(&s, "gain_db", facts->level.gain_db);
	rc = rc < 0 ? rc : append_number(&s, "output_lufs", facts->level.lufs);
	rc = rc < 0 ? rc
		    : str_printf(&s, ", \"level_limit\": \"%s\"", facts->level.limit);
	rc = rc < 0 ? rc : str_append(&s, "}\n");
	if (rc < 0) {
		return ENDING_BOX;
	}
	send_report(&s);
	return ENDING_DONE;
}

/* Whose fault it is. */
static enum ending judge(int rc) {
	return rc == -EINVAL || rc == -EFBIG ? ENDING_UPLOAD : ENDING_BOX;
}

static enum ending convert(struct decoder *d, struct facts *facts, struct error *err) {
	static float frames[2 * DECODE_FRAMES];
	static float mono[DECODE_FRAMES];
	AUTO(measure_free) struct measure *measure = NULL;
	AUTO(encode_free) struct encoder *encoder = NULL;
	int channels = facts->info.channels;
	int rc = measure_new(facts->info.rate, MEASURE_PEAK_TOO, &measure, err);
	if (rc == 0 && !facts->kept) {
		rc = encode_new(OUT_FD, facts->info.rate, channels, &encoder, err);
	}
	while (rc == 0) {
		int n = decode_read(d, frames, err);
		if (n < 0) {
			return judge(n);
		}
		if (n == 0) {
			break;
		}
		measure_mix(frames, n, channels, mono);
		rc = measure_add(measure, mono, n, err);
		if (rc == 0 && encoder != NULL) {
			rc = encode_add(encoder, frames, n, err);
		}
	}
	if (rc == 0 && encoder != NULL) {
		facts->bytes = encode_end(encoder, err);
		rc = facts->bytes < 0 ? (int)facts->bytes : 0;
	}
	if (rc == 0) {
		rc = measure_end(measure, &facts->lufs, &facts->dbtp, err);
	}
	facts->duration_ms = decode_position_ms(d);
	return rc == 0 ? ENDING_DONE : ENDING_BOX;
}

/* Runs what plays the clip over the very file that will be played. */
static enum ending level(const void *data, size_t size, struct facts *facts,
			 struct error *err) {
	static float frames[2 * DECODE_FRAMES];
	AUTO(decode_free) struct decoder *d = NULL;
	AUTO(levelling_free) struct levelling *levelling = NULL;
	int rc =
		decode_open(data, size, INGEST_DURATION_MAX_MS + LEVEL_SLACK_MS, &d, err);
	rc = rc < 0 ? rc : levelling_new(facts->lufs, facts->dbtp, &levelling, err);
	while (rc == 0) {
		rc = decode_read(d, frames, err);
		if (rc <= 0) {
			break;
		}
		rc = levelling_add(levelling, frames, rc, facts->info.channels, err);
	}
	rc = rc < 0 ? rc : levelling_end(levelling, &facts->level, err);
	return rc < 0 ? ENDING_BOX : ENDING_DONE;
}

static enum ending ingest(const void *data, size_t size, const void *out,
			  struct facts *facts, struct error *err) {
	facts->kept = true;
	for (;;) {
		AUTO(decode_free) struct decoder *d = NULL;
		int rc = decode_open(data, size, INGEST_DURATION_MAX_MS, &d, err);
		if (rc < 0) {
			return judge(rc);
		}
		decode_info(d, &facts->info);
		facts->kept = facts->kept && facts->info.keepable;
		enum ending ending = convert(d, facts, err);
		if (ending != ENDING_DONE) {
			return ending;
		}
		if (!facts->kept && out == NULL) {
			error_set(err, EIO,
				  "fd 1 is not a file that can be read: dalaba-ingest "
				  "is run by dalabad");
			return ENDING_BOX;
		}
		if (!facts->kept) {
			return level(out, (size_t)facts->bytes, facts, err);
		}
		if (decode_keepable(d)) {
			return level(data, size, facts, err);
		}
		facts->kept = false; /* once more, into a file of our own */
	}
}

static int map_upload(const void **ret_data, size_t *ret_size, struct error *err) {
	struct stat st;
	if (fstat(IN_FD, &st) < 0 || !S_ISREG(st.st_mode)) {
		return error_set(err, ENOTSUP,
				 "fd 0 is not a file: dalaba-ingest is run by dalabad");
	}
	if (st.st_size == 0) {
		return error_set(err, EINVAL, "the upload is empty: send an audio file");
	}
	if (st.st_size > INGEST_BYTES_MAX) {
		return error_set(err, EFBIG, "the upload is larger than %lld MB",
				 INGEST_BYTES_MAX / 1000000);
	}
	void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, IN_FD, 0);
	if (data == MAP_FAILED) {
		return error_set(err, errno == EINVAL ? EIO : errno,
				 "the upload cannot be read: %s", strerror(errno));
	}
	*ret_data = data;
	*ret_size = (size_t)st.st_size;
	return 0;
}

/* To be read once it is written: nothing is mapped any more then. NULL where it cannot
 * be. */
static const void *map_output(void) {
	void *out = mmap(NULL, (size_t)FILE_BYTES, PROT_READ, MAP_SHARED, OUT_FD, 0);
	return out != MAP_FAILED ? out : NULL;
}

int main(void) {
	struct error err = {0};
	const void *data = NULL;
	size_t size = 0;
	/* Whatever was left open by mistake is no way out. */
	if (syscall(SYS_close_range, INGEST_REPORT_FD + 1, ~0U, 0) < 0) {
		error_set(&err, errno, "cannot close what is not needed: %s",
			  strerror(errno));
		return end_failed(ENDING_BOX, &err);
	}
	int rc = map_upload(&data, &size, &err);
	if (rc < 0) {
		return end_failed(judge(rc), &err);
	}
	const void *out = map_output();
	/* What plays now goes first; where the box does not allow this, nothing is lost.
	 */
	(void)setpriority(PRIO_PROCESS, 0, 10);
	const struct sandbox box = {.memory_bytes = MEMORY_BYTES,
				    .file_bytes = FILE_BYTES,
				    .cpu_s = CPU_S,
				    .fds = {OUT_FD, INGEST_REPORT_FD}};
	if (sandbox_enter(&box, &err) < 0) {
		return end_failed(ENDING_BOX, &err);
	}
	struct facts facts = {0};
	enum ending ending = ingest(data, size, out, &facts, &err);
	return ending == ENDING_DONE ? end_done(&facts) : end_failed(ending, &err);
}
