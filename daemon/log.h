/* log.h - one line a message on stderr, with the journal's level before it.
 * Owner: main. Threads: any. Blocks: as a write to stderr does; what stderr does not take
 * is lost.
 *
 * A line is `<N>text`, N being the syslog(3) priority (sd-daemon(3)); on a terminal the
 * level is left out. Control characters and bytes that are not UTF-8 are written as
 * \n, \t, \xNN, so that no value can forge a line; a message is cut at LOG_LINE_SIZE. */
#pragma once

#include <stddef.h>
#include <syslog.h>

#define LOG_LINE_SIZE 2048

void log_at(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What is less urgent than this priority is left out; LOG_INFO at the start. */
void log_threshold_set(int priority);

/* The line as log_at writes it, ended by a newline and NUL; without a level where
 * priority is -1. Returns its length. For log_at and its tests. */
size_t log_format(int priority, const char *text, char *ret, size_t size);

#define log_err(...) log_at(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_at(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
