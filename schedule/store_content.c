/* store_content.c - the parts of announcements and runs; see store_internal.h. */
#include "store_internal.h"

static int write_part(struct store *s, const char *sql, int64_t owner, size_t place,
		      const struct part *part, struct error *err) {
	bool clip = part->kind == PART_CLIP;
	const char *clip_id = clip ? part->text : part->fallback;
	bool words = part->kind == PART_TEXT;
	AUTO(query_done) struct query q = query_new(s, sql);
	query_bind_int(&q, owner);
	query_bind_int(&q, (int64_t)place);
	query_bind_text(&q, part_kind_name(part->kind));
	query_bind_text(&q, clip ? NULL : part->text);
	query_bind_text(&q, clip_id);
	query_bind_text(&q, words ? part->voice : NULL);
	query_bind_int(&q, part->kind == PART_SILENCE ? part->silence_ms : 0);
	query_bind_int(&q, part_relayed(part->kind) ? part->length_ms : 0);
	int rc = query_run(&q, err);
	return rc < 0 ? rc : 0;
}

int store_parts_write(struct store *s, const char *sql, int64_t owner,
		      const struct content *content, struct error *err) {
	for (size_t i = 0; i < content->n_parts; i++) {
		int rc = write_part(s, sql, owner, i, &content->parts[i], err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

int store_part_read(struct query *q, struct content *content, struct error *err) {
	enum part_kind kind = PART_CHIME;
	query_name(q, part_kind_parse, &kind);
	const char *text = query_peek(q);
	const char *clip = query_peek(q);
	const char *voice = query_peek(q);
	int64_t silence_ms = query_int(q);
	int64_t length_ms = query_int(q);
	if ((kind == PART_CLIP ? clip : text) == NULL && kind != PART_SILENCE) {
		query_damaged(q);
	}
	int rc = query_fault(q, err);
	if (rc < 0) {
		return rc;
	}
	if (part_relayed(kind)) {
		rc = content_add_relay(content, kind, text, clip, length_ms);
	} else {
		rc = content_add(content, kind, kind == PART_CLIP ? clip : text, voice,
				 silence_ms);
	}
	return rc < 0 ? store_no_memory(err) : 0;
}
