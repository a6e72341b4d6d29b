/* length.c - see length.h. */
#include "length.h"

#include "audio/chime.h"

#include <string.h>

#define CHIME_FRAMES_PER_MS (CHIME_RATE / 1000)
#define SPOKEN_CHAR_MS 250 /* of espeak-ng: a Chinese syllable with its pauses */

/* A clip that is gone ends its run at once (director_content.c). */
static int clip_length(struct store *store, const char *id, int64_t *ret_ms,
		       struct error *err) {
	AUTO(clip_done) struct clip clip = {0};
	int rc = store_clip_get(store, id, &clip, err);
	*ret_ms = rc >= 0 ? clip.duration_ms : 0;
	return rc == -ENOENT ? 0 : rc;
}

static int64_t estimate_ms(const char *text) {
	int64_t chars = 0;
	for (const char *p = text; *p != '\0'; p++) {
		chars += ((unsigned char)*p & 0xc0) != 0x80;
	}
	return chars * SPOKEN_CHAR_MS;
}

static int part_length(struct store *store, struct library *library,
		       const struct part *part, int64_t *ret_ms, bool *ret_estimated,
		       struct error *err) {
	char id[CLIP_ID_SIZE];
	switch (part->kind) {
	case PART_CHIME:
		*ret_ms = chime_frames(part->text) / CHIME_FRAMES_PER_MS;
		return 0;
	case PART_SILENCE:
		*ret_ms = part->silence_ms;
		return 0;
	case PART_CLIP:
		return clip_length(store, part->text, ret_ms, err);
	case PART_LINE:
	case PART_STREAM:
		*ret_ms = part->length_ms;
		return 0;
	case PART_TEXT:
		if (library_spoken(library, part->text, part->voice, SPEED_NORMAL, id,
				   NULL) >= 0) {
			return clip_length(store, id, ret_ms, err);
		}
		*ret_estimated = true;
		*ret_ms = estimate_ms(part->text);
		return 0;
	}
	return error_set(err, EINVAL, "a part of unknown kind %d", (int)part->kind);
}

int content_length(struct store *store, struct library *library,
		   const struct content *content, int64_t *ret_ms, bool *ret_estimated,
		   struct error *err) {
	int64_t all_ms = 0;
	bool estimated = false;
	for (size_t i = 0; i < content->n_parts; i++) {
		int64_t ms = 0;
		int rc = part_length(store, library, &content->parts[i], &ms, &estimated,
				     err);
		if (rc < 0) {
			return rc;
		}
		all_ms += ms;
	}
	*ret_ms = all_ms * content->repeat + content->gap_ms * (content->repeat - 1);
	*ret_estimated = estimated;
	return 0;
}
