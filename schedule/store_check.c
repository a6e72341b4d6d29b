/* store_check.c - values that cannot be, told before anything is written; see
 * store_internal.h. */
#include "store_internal.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

#define PARTS_MAX 100

int store_no_memory(struct error *err) {
	return error_set(err, ENOMEM, "no memory to read or write the database");
}

const char *store_shown(const char *text) {
	size_t len = text == NULL ? 0 : strlen(text);
	return len == 0 ? "" : len <= 100 && utf8_valid(text, len) ? text : "...";
}

static size_t count_characters(const char *text) {
	size_t n = 0;
	for (; *text != '\0'; text++) {
		n += ((unsigned char)*text & 0xc0) != 0x80;
	}
	return n;
}

static bool has_control(const char *text, bool lines) {
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		bool line = lines && (c == '\n' || c == '\t' || c == '\r');
		if ((c < 0x20 && !line) || c == 0x7f) {
			return true;
		}
	}
	return false;
}

int check_text(const char *thing, const char *field, const char *text,
	       struct text_limits limits, struct error *err) {
	if (text == NULL) {
		text = "";
	}
	if (!utf8_valid(text, strlen(text))) {
		return error_set_field(err, EINVAL, field, "%s: '%s' is not UTF-8 text",
				       thing, field);
	}
	if (limits.min > 0 && text[strspn(text, " \t\r\n")] == '\0') {
		return error_set_field(err, EINVAL, field,
				       "%s: '%s' is missing; write %zu to %zu characters",
				       thing, field, limits.min, limits.max);
	}
	size_t n = count_characters(text);
	if (n > limits.max) {
		return error_set_field(err, EINVAL, field,
				       "%s: '%s' has %zu characters; write at most %zu",
				       thing, field, n, limits.max);
	}
	if (has_control(text, limits.lines)) {
		return error_set_field(err, EINVAL, field,
				       "%s: '%s' contains a control character; write "
				       "plain text%s",
				       thing, field, limits.lines ? "" : " in one line");
	}
	return 0;
}

int check_int(const char *thing, const char *field, int64_t value, int64_t min,
	      int64_t max, struct error *err) {
	if (value >= min && value <= max) {
		return 0;
	}
	return error_set_field(err, EINVAL, field, "%s: '%s' is %lld; write %lld to %lld",
			       thing, field, (long long)value, (long long)min,
			       (long long)max);
}

int check_real(const char *thing, const char *field, double value, double min, double max,
	       struct error *err) {
	/* Also false for NaN. */
	if (value >= min && value <= max) {
		return 0;
	}
	return error_set_field(err, EINVAL, field, "%s: '%s' is %g; write %g to %g",
			       thing, field, value, min, max);
}

int check_page(int limit, struct error *err) {
	return check_int("list", "limit", limit, 1, 1000, err);
}

int check_clip_id(const char *thing, const char *field, const char *id,
		  struct error *err) {
	if (id != NULL && strlen(id) == CLIP_ID_SIZE - 1 &&
	    strspn(id, "0123456789abcdef") == CLIP_ID_SIZE - 1) {
		return 0;
	}
	return error_set_field(err, EINVAL, field,
			       "%s: '%s' is not the id of a clip; write the 64 hex "
			       "digits that its upload answered",
			       thing, store_shown(id));
}

/* No word of ALSA's own language: it can name files to write to, and programs. */
static int check_line(const char *thing, const char *name, struct error *err) {
	static const char known[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_:,.=-";
	size_t len = name != NULL ? strlen(name) : 0;
	if (len >= 1 && len <= RELAY_LINE_MAX && name[0] != '-' &&
	    strspn(name, known) == len) {
		return 0;
	}
	return error_set_field(
		err, EINVAL, "line",
		"%s: '%s' is no name of an ALSA capture; write one of 1 to "
		"%d letters, digits and _:,.=-, such as hw:CARD=Device",
		thing, store_shown(name), RELAY_LINE_MAX);
}

/* What the address names beside its path: "host:port". NULL where it is none. */
static const char *host_of(const char *url, size_t *ret) {
	const char *host = strncasecmp(url, "http://", 7) == 0    ? url + 7
			   : strncasecmp(url, "https://", 8) == 0 ? url + 8
								  : NULL;
	*ret = host != NULL ? strcspn(host, "/?#") : 0;
	return *ret > 0 ? host : NULL;
}

static int check_stream(const char *thing, const struct part *part, struct error *err) {
	size_t len = 0;
	const char *url = part->text != NULL ? part->text : "";
	const char *host = host_of(url, &len);
	bool plain = strlen(url) <= RELAY_STREAM_MAX;
	for (const char *c = url; *c != '\0'; c++) {
		plain = plain && *c > ' ' && *c < 0x7f && *c != '"' && *c != '\\';
	}
	if (host == NULL || !plain) {
		return error_set_field(
			err, EINVAL, "stream",
			"%s: '%.80s' is no address of a stream; write "
			"http:// or https:// and the rest, without spaces, "
			"%d bytes at most",
			thing, plain ? url : "", RELAY_STREAM_MAX);
	}
	if (memchr(host, '@', len) != NULL) {
		return error_set_field(
			err, EINVAL, "stream",
			"%s: a name and password in the address of a "
			"stream would be shown to everybody; leave them out",
			thing);
	}
	return part->fallback == NULL
		       ? 0
		       : check_clip_id(thing, "fallback", part->fallback, err);
}

static int check_part(const char *thing, const struct part *part, struct error *err) {
	static const struct text_limits words = {1, 10000, true};
	int rc = 0;
	switch (part->kind) {
	case PART_CHIME:
		return check_text(thing, "chime", part->text, NAME_LIMITS, err);
	case PART_CLIP:
		return check_clip_id(thing, "clip", part->text, err);
	case PART_TEXT:
		rc = check_text(thing, "text", part->text, words, err);
		if (rc < 0) {
			return rc;
		}
		return check_text(thing, "voice", part->voice, REMARK_LIMITS, err);
	case PART_SILENCE:
		return check_int(thing, "silence_ms", part->silence_ms, 1, 600000, err);
	case PART_LINE:
	case PART_STREAM:
		rc = part->kind == PART_LINE ? check_line(thing, part->text, err)
					     : check_stream(thing, part, err);
		return rc < 0 ? rc
			      : check_int(thing, "length_ms", part->length_ms,
					  RELAY_LENGTH_MIN_MS, RELAY_LENGTH_MAX_MS, err);
	}
	return error_set(
		err, EINVAL,
		"%s: write one of chime, clip, text, silence_ms, line and stream", thing);
}

int store_part_check(const struct part *part, struct error *err) {
	return check_part("part", part, err);
}

int check_content(const char *thing, const struct content *content, struct error *err) {
	if (content->n_parts > PARTS_MAX) {
		return error_set_field(err, EINVAL, "parts",
				       "%s: 'parts' has %zu parts; write at most %d",
				       thing, content->n_parts, PARTS_MAX);
	}
	for (size_t i = 0; i < content->n_parts; i++) {
		char which[64];
		struct error why;
		snprintf(which, sizeof(which), "%s part %zu", thing, i + 1);
		if (check_part(which, &content->parts[i], &why) < 0) {
			return error_set_field(err, EINVAL, "parts", "%s", why.text);
		}
	}
	int rc = check_int(thing, "repeat", content->repeat, 1, 100, err);
	if (rc < 0) {
		return rc;
	}
	return check_int(thing, "gap_ms", content->gap_ms, 0, 600000, err);
}
