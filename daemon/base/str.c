/* str.c - see str.h. */
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void str_done(struct str *s) {
	free(s->data);
	*s = (struct str)STR_INIT;
}

static int reserve(struct str *s, size_t more) {
	size_t need = s->len + more + 1;
	if (need <= s->size) {
		return 0;
	}
	size_t size = s->size < 64 ? 64 : s->size;
	while (size < need) {
		size *= 2;
	}
	char *data = realloc(s->data, size);
	if (data == NULL) {
		return -ENOMEM;
	}
	s->data = data;
	s->size = size;
	return 0;
}

int str_append_bytes(struct str *s, const void *bytes, size_t len) {
	if (reserve(s, len) < 0) {
		return -ENOMEM;
	}
	if (len > 0) {
		memcpy(s->data + s->len, bytes, len);
	}
	s->len += len;
	s->data[s->len] = '\0';
	return 0;
}

int str_append(struct str *s, const char *text) {
	return str_append_bytes(s, text, strlen(text));
}

int str_printf(struct str *s, const char *format, ...) {
	va_list args;
	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0 || reserve(s, (size_t)len) < 0) {
		return -ENOMEM;
	}
	va_start(args, format);
	vsnprintf(s->data + s->len, (size_t)len + 1, format, args);
	va_end(args);
	s->len += (size_t)len;
	return 0;
}

bool str_copy(char *to, size_t size, const char *from) {
	size_t len = strlen(from);
	bool fits = len < size;
	if (!fits) {
		len = size - 1;
		while (len > 0 && ((unsigned char)from[len] & 0xc0) == 0x80) {
			len--;
		}
	}
	memcpy(to, from, len);
	to[len] = '\0';
	return fits;
}

void utf8_trim(char *text) {
	size_t len = strlen(text);
	size_t start = len;
	while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80) {
		start--;
	}
	if (start == 0) {
		return;
	}
	unsigned char lead = (unsigned char)text[start - 1];
	size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (len - (start - 1) < want) {
		text[start - 1] = '\0';
	}
}

void str_format(char *to, size_t size, const char *format, ...) {
	va_list args;
	va_start(args, format);
	int len = vsnprintf(to, size, format, args);
	va_end(args);
	if (len < 0) {
		to[0] = '\0';
	} else if ((size_t)len >= size) {
		utf8_trim(to);
	}
}

/* The length of the sequence at p, 0 where it is not one (RFC 3629, section 4). */
static size_t utf8_sequence(const unsigned char *p, size_t left) {
	if (p[0] >= 0x01 && p[0] < 0x80) {
		return 1;
	}
	size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || left < len) {
		return 0;
	}
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
	bool surrogate = p[0] == 0xed && p[1] >= 0xa0;
	bool beyond = p[0] == 0xf4 && p[1] >= 0x90;
	return overlong || surrogate || beyond ? 0 : len;
}

bool utf8_valid(const char *text, size_t len) {
	const unsigned char *p = (const unsigned char *)text;
	while (len > 0) {
		size_t step = utf8_sequence(p, len);
		if (step == 0) {
			return false;
		}
		p += step;
		len -= step;
	}
	return true;
}

int parse_int64(const char *text, int64_t min, int64_t max, int64_t *ret) {
	if (!(text[0] >= '0' && text[0] <= '9') &&
	    !(text[0] == '-' && text[1] >= '0' && text[1] <= '9')) {
		return -EINVAL;
	}
	errno = 0;
	char *end = NULL;
	long long value = strtoll(text, &end, 10);
	if (*end != '\0') {
		return -EINVAL;
	}
	if (errno == ERANGE || value < min || value > max) {
		return -ERANGE;
	}
	*ret = value;
	return 0;
}
