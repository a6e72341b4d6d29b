/* pcm.h - what the PCMs of this folder share: the time, the files that tell them what to
 * do, the options of their configuration. Each is a plugin of its own, so it is all here.
 * Owner: libasound. Threads: the application's. Never blocks. */
#pragma once

#include <alsa/asoundlib.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000LL

static inline int64_t now_ns(void) {
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* NULL is no file. */
static inline bool exists(const char *path) {
	return path != NULL && access(path, F_OK) == 0;
}

/* The option's text in place of *ret, which is released. 0 or a negative errno. */
static inline int read_text(snd_config_t *node, char **ret) {
	const char *text = NULL;
	int rc = snd_config_get_string(node, &text);
	if (rc < 0) {
		return rc;
	}
	free(*ret);
	*ret = strdup(text);
	return *ret == NULL ? -ENOMEM : 0;
}

/* Hands each option to read(pcm, its name, it); `type` and `comment` are ALSA's. 0, or
 * -EINVAL where one was refused, which is said. */
static inline int read_options(snd_config_t *conf, const char *kind,
			       int (*read)(void *pcm, const char *id, snd_config_t *node),
			       void *pcm) {
	snd_config_iterator_t i, next;
	snd_config_for_each(i, next, conf) {
		snd_config_t *node = snd_config_iterator_entry(i);
		const char *id = NULL;
		if (snd_config_get_id(node, &id) < 0 || strcmp(id, "type") == 0 ||
		    strcmp(id, "comment") == 0) {
			continue;
		}
		if (read(pcm, id, node) < 0) {
			SNDERR("%s: cannot use option '%s'", kind, id);
			return -EINVAL;
		}
	}
	return 0;
}
