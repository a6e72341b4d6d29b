/* calls.h - live calls (喊话): somebody speaks now, in pieces of 16-bit PCM that come
 * over the API, and is heard in zones until he hangs up, or has sent nothing for three
 * seconds. Owner: main. Threads: the core thread alone. Blocks: on the commit of a run
 * only; a piece goes from the request into a jitter buffer (audio/jitter.h), and nowhere
 * else.
 *
 * A call is a run (director.h), and has its number. */
#pragma once

#include "director.h"
#include "loop.h"

#define CALLS_RATE_MIN 8000
#define CALLS_RATE_MAX 48000
#define CALLS_CHUNK_MS 100 /* the longest piece */

struct calls;

struct calls_config {
	struct loop *loop;
	struct store *store;
	struct director *director;
};

int calls_new(const struct calls_config *config, struct calls **ret, struct error *err);
void calls_free(struct calls *c); /* NULL is fine; the director ends their runs */
DEFINE_AUTO(struct calls *, calls_free)

struct calls_ask {
	const char *title;
	const struct ids *zones;
	enum run_class class; /* notice, programme or live */
	bool quiet_confirmed; /* in quiet hours as well */
	int rate;             /* of the pieces, Hz, within the bounds above */
	const char *author;
};
/* As director_call; or too many calls are open (-EBUSY as well). */
int calls_begin(struct calls *c, const struct calls_ask *ask, int64_t *ret_run,
		struct error *err);

enum calls_chunk_end {
	CALLS_CHUNK_TAKEN,   /* it will be heard, and so will those that waited for it */
	CALLS_CHUNK_HELD,    /* one before it is still missing */
	CALLS_CHUNK_DROPPED, /* it came before, or is too late */
};
struct calls_chunk {
	enum calls_chunk_end end;
	int64_t next;    /* number of the piece that is to come */
	int64_t lost;    /* pieces given up for this one */
	int buffered_ms; /* between what was taken and what is heard */
};
/* Piece `seq` (the first may have any number): n bytes of 16-bit little-endian mono.
 * -ENOENT: there is no such call; -EALREADY: it is over; -E2BIG; -EINVAL: not whole
 * frames. */
int calls_chunk(struct calls *c, int64_t run, int64_t seq, const unsigned char *bytes,
		size_t n, struct calls_chunk *ret, struct error *err);
/* What was said is heard to its end. -ENOENT, -EALREADY. */
int calls_hang_up(struct calls *c, int64_t run, struct error *err);
