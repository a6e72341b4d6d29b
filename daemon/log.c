/* log.c - see log.h. A line is put together on the stack and handed over in one write, so
 * that lines of several threads do not mix. */
#include "log.h"

#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <systemd/sd-daemon.h>

static atomic_int threshold = LOG_INFO;

/* The longest that one byte can become: \xNN. */
#define ESCAPE_SIZE 4

static const char *prefix_of(int priority) {
	static const char *const prefixes[] = {SD_EMERG,   SD_ALERT,  SD_CRIT, SD_ERR,
					       SD_WARNING, SD_NOTICE, SD_INFO, SD_DEBUG};
	assert(priority >= LOG_EMERG && priority <= LOG_DEBUG);
	return prefixes[priority];
}

/* The length of the printable character at p, 0 where it has to be escaped. */
static size_t printable_length(const char *p) {
	unsigned char lead = (unsigned char)p[0];
	if (lead < 0x80) {
		return lead >= 0x20 && lead != 0x7f;
	}
	size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	if (strnlen(p, len) < len || !utf8_valid(p, len)) {
		return 0;
	}
	/* U+0080 to U+009F are control characters too, and terminals obey them. */
	bool c1_control = lead == 0xc2 && (unsigned char)p[1] < 0xa0;
	return c1_control ? 0 : len;
}

static size_t escape(unsigned char byte, char ret[ESCAPE_SIZE + 1]) {
	switch (byte) {
	case '\n':
		strcpy(ret, "\\n");
		return 2;
	case '\r':
		strcpy(ret, "\\r");
		return 2;
	case '\t':
		strcpy(ret, "\\t");
		return 2;
	default:
		snprintf(ret, ESCAPE_SIZE + 1, "\\x%02x", byte);
		return ESCAPE_SIZE;
	}
}

size_t log_format(int priority, const char *text, char *ret, size_t size) {
	assert(size > 16);
	size_t len = 0;
	if (priority >= 0) {
		str_copy(ret, size, prefix_of(priority));
		len = strlen(ret);
	}
	while (*text != '\0') {
		char escaped[ESCAPE_SIZE + 1];
		const char *from = text;
		size_t step = printable_length(text);
		size_t used = step;
		if (step == 0) {
			step = 1;
			used = escape((unsigned char)*text, escaped);
			from = escaped;
		}
		if (len + used + 2 > size) {
			break;
		}
		memcpy(ret + len, from, used);
		len += used;
		text += step;
	}
	ret[len++] = '\n';
	ret[len] = '\0';
	return len;
}

void log_threshold_set(int priority) {
	assert(priority >= LOG_EMERG && priority <= LOG_DEBUG);
	atomic_store(&threshold, priority);
}

void log_at(int priority, const char *format, ...) {
	if (priority > atomic_load(&threshold)) {
		return;
	}
	int saved = errno;
	char text[LOG_LINE_SIZE];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	char line[LOG_LINE_SIZE];
	bool terminal = isatty(STDERR_FILENO) == 1;
	size_t len = log_format(terminal ? -1 : priority, text, line, sizeof(line));
	ssize_t rc;
	do {
		rc = write(STDERR_FILENO, line, len);
	} while (rc < 0 && errno == EINTR);
	errno = saved;
}
