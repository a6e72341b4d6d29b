/* calls.c - see calls.h.
 *
 * Pieces are numbered. One that comes before its turn waits for those before it, until
 * HELD_MAX wait; then what is missing is given up, with silence in its place. */
#include "calls.h"

#include "audio/jitter.h"
#include "log.h"

#include <string.h>

#define CALLS_MAX 16
#define SILENT_NS 3000000000LL
#define HELD_MAX 3
/* Pieces in whose place silence is put; more are left out. */
#define LOST_MAX 5
#define LEAST_MS 20
#define MOST_MS 180 /* with the engine's 80 ms it stays below 300 ms, mouth to horn */
#define SPEED_PPM 5000

struct held {
	int64_t seq;
	size_t n;
	float *frames;
};

struct call {
	struct call *next;
	int64_t run;
	int rate;
	struct jitter *jitter;
	int64_t heard_ns; /* of the last piece, or of the beginning */
	bool begun;       /* a piece has come, so `seq` is known */
	int64_t seq;      /* of the piece that is to come */
	size_t piece;     /* frames of the last one */
	struct held held[HELD_MAX];
	size_t n_held;
};

struct calls {
	struct calls_config config;
	struct call *all;
	size_t n;
	struct loop_source *timer;
};

static void call_free(struct call *call) {
	for (size_t i = 0; i < call->n_held; i++) {
		free(call->held[i].frames);
	}
	jitter_unref(call->jitter);
	free(call);
}

static void remove_call(struct calls *c, struct call *call) {
	struct call **at = &c->all;
	while (*at != call) {
		at = &(*at)->next;
	}
	*at = call->next;
	c->n--;
	call_free(call);
}

/* ---- pieces ---- */

static void take(struct call *call, const float *frames, size_t n) {
	(void)jitter_push(call->jitter, frames, n);
	call->piece = n;
	call->seq++;
}

/* Those that wait and whose turn it is. */
static void take_held(struct call *call) {
	for (size_t i = 0; i < call->n_held;) {
		if (call->held[i].seq != call->seq) {
			i++;
			continue;
		}
		struct held held = call->held[i];
		call->held[i] = call->held[--call->n_held];
		take(call, held.frames, held.n);
		free(held.frames);
		i = 0;
	}
}

/* Goes on with piece `seq`; those before it do not come any more. */
static int64_t give_up(struct call *call, int64_t seq) {
	int64_t lost = seq - call->seq;
	int64_t filled = lost < LOST_MAX ? lost : LOST_MAX;
	jitter_lost(call->jitter, (size_t)filled * call->piece);
	call->seq = seq;
	return lost;
}

static int64_t first_held(const struct call *call) {
	int64_t first = INT64_MAX;
	for (size_t i = 0; i < call->n_held; i++) {
		first = call->held[i].seq < first ? call->held[i].seq : first;
	}
	return first;
}

static bool is_held(const struct call *call, int64_t seq) {
	for (size_t i = 0; i < call->n_held; i++) {
		if (call->held[i].seq == seq) {
			return true;
		}
	}
	return false;
}

static int hold(struct call *call, int64_t seq, const float *frames, size_t n,
		struct error *err) {
	float *copy = malloc(n * sizeof(*copy));
	if (copy == NULL) {
		return error_set(err, ENOMEM, "no memory for a piece of a call");
	}
	memcpy(copy, frames, n * sizeof(*copy));
	call->held[call->n_held++] = (struct held){.seq = seq, .n = n, .frames = copy};
	return 0;
}

static int take_early(struct call *call, int64_t seq, const float *frames, size_t n,
		      struct calls_chunk *ret, struct error *err) {
	if (is_held(call, seq)) {
		ret->end = CALLS_CHUNK_DROPPED;
		return 0;
	}
	ret->end = CALLS_CHUNK_HELD;
	if (call->n_held < HELD_MAX) {
		return hold(call, seq, frames, n, err);
	}
	int64_t first = first_held(call);
	if (seq < first) {
		ret->lost += give_up(call, seq);
		take(call, frames, n);
		take_held(call);
		ret->end = CALLS_CHUNK_TAKEN;
		return 0;
	}
	ret->lost += give_up(call, first);
	take_held(call);
	if (seq == call->seq) {
		take(call, frames, n);
		take_held(call);
		ret->end = CALLS_CHUNK_TAKEN;
		return 0;
	}
	return hold(call, seq, frames, n, err);
}

static int take_chunk(struct call *call, int64_t seq, const float *frames, size_t n,
		      struct calls_chunk *ret, struct error *err) {
	if (!call->begun) {
		call->begun = true;
		call->seq = seq;
	}
	if (seq > call->seq) {
		return take_early(call, seq, frames, n, ret, err);
	}
	if (seq < call->seq) {
		ret->end = CALLS_CHUNK_DROPPED;
		return 0;
	}
	take(call, frames, n);
	take_held(call);
	return 0;
}

/* Nothing more will come: what waits has waited enough. */
static void take_rest(struct call *call) {
	while (call->n_held > 0) {
		(void)give_up(call, first_held(call));
		take_held(call);
	}
}

/* ---- beginnings and ends ---- */

static void arm(struct calls *c) {
	int64_t next_ns = INT64_MAX;
	for (const struct call *call = c->all; call != NULL; call = call->next) {
		int64_t at_ns = call->heard_ns + SILENT_NS;
		next_ns = at_ns < next_ns ? at_ns : next_ns;
	}
	loop_timer_arm_us(c->timer,
			  next_ns != INT64_MAX ? next_ns / 1000 + 1 : INT64_MAX);
}

static void on_timer(void *arg) {
	struct calls *c = arg;
	int64_t now_ns = clock_mono_ns();
	for (struct call *call = c->all, *next = NULL; call != NULL; call = next) {
		next = call->next;
		if (now_ns - call->heard_ns < SILENT_NS) {
			continue;
		}
		take_rest(call);
		jitter_end(call->jitter);
		director_call_end(c->config.director, call->run,
				  "the sender fell silent for 3 s");
		remove_call(c, call);
	}
	arm(c);
}

int calls_new(const struct calls_config *config, struct calls **ret, struct error *err) {
	AUTO(calls_free) struct calls *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return error_set(err, ENOMEM, "no memory for live calls");
	}
	c->config = *config;
	int rc = loop_add_timer(config->loop, CLOCK_MONOTONIC, on_timer, c, &c->timer,
				err);
	if (rc < 0) {
		return rc;
	}
	*ret = MOVE(c);
	return 0;
}

void calls_free(struct calls *c) {
	if (c == NULL) {
		return;
	}
	while (c->all != NULL) {
		remove_call(c, c->all);
	}
	loop_source_free(c->timer);
	free(c);
}

int calls_begin(struct calls *c, const struct calls_ask *ask, int64_t *ret_run,
		struct error *err) {
	if (c->n >= CALLS_MAX) {
		return error_set(err, EBUSY,
				 "%d live calls are open already; end one of them",
				 CALLS_MAX);
	}
	struct jitter_config config = {.rate = ask->rate,
				       .least_ms = LEAST_MS,
				       .most_ms = MOST_MS,
				       .speed_ppm = SPEED_PPM};
	struct call *call = calloc(1, sizeof(*call));
	if (call == NULL) {
		return error_set(err, ENOMEM, "no memory for a live call");
	}
	int rc = jitter_new(&config, &call->jitter, err);
	if (rc >= 0) {
		struct director_call asked = {
			.title = ask->title,
			.zones = ask->zones,
			.class = ask->class,
			.quiet_confirmed = ask->quiet_confirmed,
			.jitter = call->jitter,
			.author = ask->author,
		};
		rc = director_call(c->config.director, &asked, &call->run, err);
	}
	if (rc < 0) {
		call_free(call);
		return rc;
	}
	call->rate = ask->rate;
	call->heard_ns = clock_mono_ns();
	call->next = c->all;
	c->all = call;
	c->n++;
	*ret_run = call->run;
	arm(c);
	return 0;
}

/* An open call; one that is over is told from one that never was. */
static int find_call(struct calls *c, int64_t run, struct call **ret, struct error *err) {
	struct call *call = c->all;
	while (call != NULL && call->run != run) {
		call = call->next;
	}
	if (call != NULL && director_call_open(c->config.director, run)) {
		*ret = call;
		return 0;
	}
	if (call != NULL) {
		remove_call(c, call);
	}
	AUTO(run_done) struct run row = {0};
	int rc = store_run_get(c->config.store, run, &row, err);
	if (rc >= 0 && strcmp(row.source, "live") == 0) {
		return error_set(err, EALREADY,
				 "the call is over; GET /runs/%lld says how it ended",
				 (long long)run);
	}
	return rc < 0 && rc != -ENOENT
		       ? rc
		       : error_set(err, ENOENT, "there is no live call %lld",
				   (long long)run);
}

static int check_size(const struct call *call, size_t n, struct error *err) {
	size_t most = 2U * (size_t)call->rate * CALLS_CHUNK_MS / 1000;
	if (n > most) {
		return error_set(
			err, E2BIG,
			"a piece of this call has at most %zu bytes (%d ms at %d "
			"Hz), not %zu",
			most, CALLS_CHUNK_MS, call->rate, n);
	}
	if (n == 0 || n % 2 != 0) {
		return error_set(err, EINVAL,
				 "a piece is whole frames of 2 bytes (16 bit, "
				 "little-endian, mono), not %zu bytes",
				 n);
	}
	return 0;
}

int calls_chunk(struct calls *c, int64_t run, int64_t seq, const unsigned char *bytes,
		size_t n, struct calls_chunk *ret, struct error *err) {
	float frames[CALLS_RATE_MAX * CALLS_CHUNK_MS / 1000];
	struct call *call = NULL;
	int rc = find_call(c, run, &call, err);
	rc = rc < 0 ? rc : check_size(call, n, err);
	if (rc < 0) {
		return rc;
	}
	for (size_t i = 0; i < n / 2; i++) {
		uint16_t value = (uint16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8);
		frames[i] = (float)(int16_t)value / 32768.0F;
	}
	*ret = (struct calls_chunk){.end = CALLS_CHUNK_TAKEN};
	rc = take_chunk(call, seq, frames, n / 2, ret, err);
	if (rc < 0) {
		return rc;
	}
	if (ret->end != CALLS_CHUNK_DROPPED) {
		call->heard_ns = clock_mono_ns();
	}
	struct jitter_facts facts;
	jitter_facts(call->jitter, &facts);
	ret->next = call->seq;
	ret->buffered_ms = facts.depth_ms;
	return 0;
}

int calls_hang_up(struct calls *c, int64_t run, struct error *err) {
	struct call *call = NULL;
	int rc = find_call(c, run, &call, err);
	if (rc < 0) {
		return rc;
	}
	take_rest(call);
	jitter_end(call->jitter);
	director_call_end(c->config.director, run, NULL);
	remove_call(c, call);
	return 0;
}
