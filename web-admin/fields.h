/* fields.h - reads the members of a JSON object, strictly, with a sentence for what is
 * wrong. Owner: none, no state. Threads: any. Never blocks.
 *
 * Each returns 1 where the member was there and good, 0 where it is absent (*ret is left
 * alone), or a negative errno with err->field set ("parts[2].clip" below `at`). A member
 * that is null counts as absent unless said otherwise. REQUIRED turns absence into
 * -EINVAL. */
#pragma once

#include "base/error.h"
#include "schedule/types.h"

#include <jansson.h>

enum need { OPTIONAL, REQUIRED };

/* names: those allowed, ended by NULL. -EINVAL names the first other and the allowed. */
int fields_known(const json_t *object, const char *const *names, struct error *err);

/* Text without control characters (but \n and \t), min to max characters after leading
 * and trailing blanks are taken off. *ret is replaced (free() is called on the old). */
int field_text(const json_t *object, const char *name, enum need need, size_t min,
	       size_t max, char **ret, struct error *err);
/* As field_text, but null is given too, as NULL: to clear a member. */
int field_text_or_null(const json_t *object, const char *name, size_t max, char **ret,
		       struct error *err);
/* A JSON integer; true reals such as 3.0 are refused. */
int field_int(const json_t *object, const char *name, enum need need, int64_t min,
	      int64_t max, int64_t *ret, struct error *err);
int field_number(const json_t *object, const char *name, enum need need, double min,
		 double max, double *ret, struct error *err);
int field_bool(const json_t *object, const char *name, enum need need, bool *ret,
	       struct error *err);
/* RFC 3339 with an offset; null gives TIME_NONE and returns 1, unless REQUIRED. */
int field_time(const json_t *object, const char *name, enum need need, int64_t *ret_us,
	       struct error *err);
/* An array of row numbers, each above 0; at most max; replaces *ret. null is an empty
 * one, unless REQUIRED. */
int field_ids(const json_t *object, const char *name, enum need need, size_t max,
	      struct ids *ret, struct error *err);
/* The same of texts, each of 1 to max_chars characters, as field_text reads them. */
int field_texts(const json_t *object, const char *name, enum need need, size_t max,
		size_t max_chars, struct texts *ret, struct error *err);
/* An array, borrowed. */
int field_array(const json_t *object, const char *name, enum need need, size_t max,
		json_t **ret, struct error *err);
