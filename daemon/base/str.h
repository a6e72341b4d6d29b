/* str.h - a string that grows, and small helpers for bounded ones.
 * Owner: whoever declared it. Threads: one at a time. Allocates; never blocks. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	char *data; /* always ended by NUL once anything was added; NULL before */
	size_t len; /* bytes without the NUL */
	size_t size;
};

#define STR_INIT                                                                         \
	{ NULL, 0, 0 }

void str_done(struct str *s);
DEFINE_AUTO_DONE(struct str, str_done)

/* Each returns 0 or -ENOMEM; on failure the string keeps what it had. */
int str_append(struct str *s, const char *text);
int str_append_bytes(struct str *s, const void *bytes, size_t len);
int str_printf(struct str *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Copies what fits in whole UTF-8 characters, always ends with NUL. Returns false where
 * it had to cut. */
bool str_copy(char *to, size_t size, const char *from);

/* As snprintf, but cuts at a UTF-8 character. */
void str_format(char *to, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Removes the bytes of a character that was cut at the end of text. */
void utf8_trim(char *text);

/* True where the bytes are UTF-8 (RFC 3629) without NUL. */
bool utf8_valid(const char *text, size_t len);

/* A decimal integer and nothing else, within [min, max]. Returns 0, -EINVAL or -ERANGE.
 */
int parse_int64(const char *text, int64_t min, int64_t max, int64_t *ret);
