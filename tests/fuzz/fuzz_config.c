/* fuzz_config.c - any text as a configuration: it is taken whole and keeps the bounds of
 * config.h, or it is refused with one sentence that names the line. */
#include "config.h"

#include <assert.h>
#include <string.h>

static void check_taken(const struct config *config) {
	assert(config->data_dir[0] == '/');
	assert(config->timezone[0] != '\0');
	assert(config->listen[0] != '\0' || config->socket[0] != '\0');
	assert(config->socket[0] == '\0' || config->socket[0] == '/');
	assert((config->tls_certificate[0] == '\0') == (config->tls_key[0] == '\0'));
	assert(config->buffer_ms >= 20 && config->buffer_ms <= 2000);
	assert(config->speech_timeout_s >= 1 && config->speech_timeout_s <= 300);
	assert(config->recordings_days >= 1 && config->log_days >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	AUTO(config_free) struct config *config = NULL;
	struct error err = {0};
	int rc = config_parse((const char *)data, size, "dalaba.conf", &config, &err);
	if (rc == 0) {
		assert(config != NULL);
		check_taken(config);
		return 0;
	}
	assert(config == NULL && rc == -err.code);
	assert(strncmp(err.text, "dalaba.conf:", strlen("dalaba.conf:")) == 0);
	return 0;
}
