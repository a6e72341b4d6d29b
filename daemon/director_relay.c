/* director_relay.c - lines and streams as parts of a run (see director_internal.h): the
 * programs that bring them, from when the run is handed over until it has ended, and what
 * its record says of what did not come. */
#include "director_internal.h"

#include "audio/jitter.h"
#include "audio/tally.h"
#include "base/str.h"

#include <string.h>

#define WORDS_MAX 160 /* bytes of what a program said */

bool director_relayed(const struct run *run) {
	return content_relayed(&run->content);
}

int director_relay_part(struct director *d, struct live_run *live, size_t i,
			struct job_part *ret, struct error *err) {
	const struct part *part = &live->run.content.parts[i];
	if (live->relays == NULL) {
		live->relays = calloc(live->run.content.n_parts, sizeof(*live->relays));
	}
	if (live->relays == NULL) {
		return error_set(err, ENOMEM, "no memory for a part");
	}
	struct live_relay *lr = &live->relays[i];
	if (lr->relay == NULL) {
		int rc = relays_take(d->config.relays, part->kind, part->text, &lr->relay,
				     err);
		if (rc < 0) {
			return rc;
		}
		lr->said = relay_said(lr->relay);
	}
	ret->kind = JOB_PART_RELAY;
	ret->frames = part->length_ms * FRAMES_PER_MS;
	ret->jitter = jitter_ref(relay_jitter(lr->relay));
	return 0;
}

void director_relay_hold(struct live_run *live) {
	bool wanted = false;
	for (size_t i = 0; i < live->run.n_zones; i++) {
		wanted = wanted || live->zones[i].job != 0;
	}
	if (live->relays != NULL && !wanted) {
		director_relay_release(live);
		live->handed = false;
	}
}

void director_relay_release(struct live_run *live) {
	for (size_t i = 0; live->relays != NULL && i < live->run.content.n_parts; i++) {
		relay_give(live->relays[i].relay);
	}
	free(live->relays);
	live->relays = NULL;
}

void director_relay_count(struct live_zone_run *lzr, struct tally *tally) {
	struct tally_count count = {0};
	if (lzr->tally != NULL) {
		tally_read(lzr->tally, &count);
		lzr->relayed_ms += count.relayed / FRAMES_PER_MS;
		lzr->missing_ms += count.missing / FRAMES_PER_MS;
		lzr->fallback_ms += count.fallback / FRAMES_PER_MS;
		lzr->unread_ms += count.unread / FRAMES_PER_MS;
		tally_unref(lzr->tally);
	}
	lzr->tally = tally != NULL ? tally_ref(tally) : NULL;
}

void director_relay_settle(struct live_zone_run *lzr) {
	if (lzr->stage == STAGE_PLAYING) {
		director_relay_count(lzr, NULL);
	} else {
		tally_unref(MOVE(lzr->tally));
	}
}

/* What the program of the first that had something to say said last, since this run has
 * it: what was wrong in another's time is no reason. */
static const char *why(const struct live_run *live) {
	const char *words = "";
	for (size_t i = 0;
	     live->relays != NULL && words[0] == '\0' && i < live->run.content.n_parts;
	     i++) {
		const struct live_relay *lr = &live->relays[i];
		words = lr->relay != NULL ? relay_words(lr->relay, lr->said) : "";
	}
	return words;
}

bool director_relay_silent(const struct live_run *live, size_t i) {
	const struct live_zone_run *lzr = &live->zones[i];
	return lzr->relayed_ms > 0 && lzr->fallback_ms == 0 &&
	       lzr->missing_ms >= lzr->relayed_ms;
}

void director_relay_words(const struct live_run *live, size_t i, char *ret, size_t size) {
	const struct live_zone_run *lzr = &live->zones[i];
	char because[WORDS_MAX];
	char fallback[64] = "";
	ret[0] = '\0';
	if (lzr->missing_ms == 0) {
		return;
	}
	str_copy(because, sizeof(because), why(live));
	if (lzr->fallback_ms > 0) {
		str_format(fallback, sizeof(fallback),
			   ", the fallback sounded for %.1f s",
			   (double)lzr->fallback_ms / 1000);
	}
	str_format(ret, size, "nothing came for %.1f of %.1f s%s%s%s%s",
		   (double)lzr->missing_ms / 1000, (double)lzr->relayed_ms / 1000,
		   fallback, lzr->unread_ms > 0 ? ", the fallback could not be read" : "",
		   because[0] != '\0' ? ": " : "", because);
}
