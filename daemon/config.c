/* config.c - see config.h. One table names every key, its place in struct config and the
 * function that judges its value; inih takes the lines apart. The lines are handed to it
 * one by one, so that the line number of a value is known. */
#include "config.h"

#include "audio/recorder.h"
#include "audio/speech.h"
#include "base/str.h"
#include "schedule/tz.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ini.h>
#include <string.h>
#include <sys/un.h>

/* Larger than any configuration, small enough to read whole. */
#define FILE_SIZE_MAX (1024 * 1024)

struct key;
/* Takes a value. The sentence of an error says what to write instead, the caller puts
 * where before it. */
typedef int (*take_fn)(const struct key *key, const char *value, void *field,
		       struct error *err);

struct key {
	const char *section;
	const char *name;
	const char *initial; /* NULL: "" */
	take_fn take;
	size_t offset; /* in struct config */
	int64_t min;
	int64_t max;
};

static int take_text(const struct key *key, const char *value, void *field,
		     struct error *err) {
	(void)key;
	char *copy = strdup(value);
	if (copy == NULL) {
		return error_set(err, ENOMEM, "no memory for the configuration");
	}
	char **text = field;
	free(*text);
	*text = copy;
	return 0;
}

static int take_directory(const struct key *key, const char *value, void *field,
			  struct error *err) {
	if (value[0] != '/') {
		return error_set(err, EINVAL, "write an absolute path, for example %s",
				 key->initial);
	}
	return take_text(key, value, field, err);
}

static int take_path(const struct key *key, const char *value, void *field,
		     struct error *err) {
	if (value[0] != '/' && value[0] != '\0') {
		return error_set(err, EINVAL,
				 "write an absolute path, or nothing for none");
	}
	return take_text(key, value, field, err);
}

static int take_socket(const struct key *key, const char *value, void *field,
		       struct error *err) {
	size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	if (strlen(value) > max) {
		return error_set(err, EINVAL, "write a path of at most %zu bytes", max);
	}
	return take_path(key, value, field, err);
}

static int take_timezone(const struct key *key, const char *value, void *field,
			 struct error *err) {
	AUTO(tz_free) struct tz *tz = NULL;
	struct error why = {0};
	if (tz_load(value, &tz, &why) < 0) {
		return error_set(err, EINVAL, "%s", why.text);
	}
	return take_text(key, value, field, err);
}

static bool address_valid(const char *value) {
	char host[INET6_ADDRSTRLEN + 2];
	const char *colon = strrchr(value, ':');
	if (colon == NULL || (size_t)(colon - value) >= sizeof(host)) {
		return false;
	}
	size_t len = (size_t)(colon - value);
	memcpy(host, value, len);
	host[len] = '\0';
	int64_t port = 0;
	if (parse_int64(colon + 1, 1, 65535, &port) < 0) {
		return false;
	}
	struct in6_addr any;
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		return inet_pton(AF_INET6, host + 1, &any) == 1;
	}
	return inet_pton(AF_INET, host, &any) == 1;
}

static int take_listen(const struct key *key, const char *value, void *field,
		       struct error *err) {
	if (value[0] != '\0' && !address_valid(value)) {
		return error_set(err, EINVAL,
				 "write ADDRESS:PORT, for example %s or [::1]:8080, or "
				 "nothing for none",
				 key->initial);
	}
	return take_text(key, value, field, err);
}

static int take_number(const struct key *key, const char *value, void *field,
		       struct error *err) {
	int64_t number = 0;
	if (parse_int64(value, key->min, key->max, &number) < 0) {
		return error_set(err, EINVAL,
				 "write a whole number from %lld to %lld, for example %s",
				 (long long)key->min, (long long)key->max, key->initial);
	}
	*(int64_t *)field = number;
	return 0;
}

static int take_engine(const struct key *key, const char *value, void *field,
		       struct error *err) {
	(void)key;
	if (strcmp(value, "espeak-ng") == 0) {
		*(enum speech_engine *)field = SPEECH_ESPEAK_NG;
		return 0;
	}
	if (strcmp(value, "command") == 0 || strcmp(value, "http") == 0) {
		return error_set(
			err, EINVAL,
			"this version speaks only through espeak-ng; write espeak-ng");
	}
	return error_set(err, EINVAL, "write espeak-ng");
}

/* A setting of a speech engine that is not there yet must not look as if it worked. */
static int take_engine_setting(const struct key *key, const char *value, void *field,
			       struct error *err) {
	if (value[0] != '\0') {
		return error_set(err, EINVAL,
				 "this version speaks only through espeak-ng, which has "
				 "no %s; write nothing after the '='",
				 key->name);
	}
	return take_text(key, value, field, err);
}

static int take_voice(const struct key *key, const char *value, void *field,
		      struct error *err) {
	struct speech_command command;
	if (speech_command(value, 1.0, &command, NULL) < 0) {
		return error_set(
			err, EINVAL,
			"write the name of a voice as `espeak-ng --voices` lists it, for "
			"example cmn-latn-pinyin, or nothing for the default");
	}
	return take_text(key, value, field, err);
}

static int take_clip(const struct key *key, const char *value, void *field,
		     struct error *err) {
	size_t len = strlen(value);
	if (len != 0 && (len != 64 || strspn(value, "0123456789abcdef") != len)) {
		return error_set(err, EINVAL,
				 "write the id of a clip, the 64 hex digits that its "
				 "upload answered, or nothing for chimes");
	}
	return take_text(key, value, field, err);
}

static int take_review(const struct key *key, const char *value, void *field,
		       struct error *err) {
	(void)key;
	if (strcmp(value, "no") == 0) {
		*(bool *)field = false;
		return 0;
	}
	if (strcmp(value, "yes") == 0) {
		return error_set(err, EINVAL,
				 "this version cannot hold announcements back until they "
				 "are approved; write no");
	}
	return error_set(err, EINVAL, "write no");
}

static int take_class(const struct key *key, const char *value, void *field,
		      struct error *err) {
	(void)key;
	if (run_class_parse(value, field) < 0) {
		return error_set(
			err, EINVAL,
			"write the lowest class that is recorded: background (so "
			"everything), notice, programme, live or emergency; for "
			"no recordings write recordings_days = 0 in [retention]");
	}
	return 0;
}

#define AT(member) offsetof(struct config, member)
static const struct key keys[] = {
	{"daemon", "data_dir", "/var/lib/dalaba", take_directory, AT(data_dir), 0, 0},
	{"daemon", "timezone", "Asia/Shanghai", take_timezone, AT(timezone), 0, 0},
	{"http", "listen", "127.0.0.1:8080", take_listen, AT(listen), 0, 0},
	{"http", "socket", "/run/dalaba/dalaba.sock", take_socket, AT(socket), 0, 0},
	{"http", "tls_certificate", "", take_path, AT(tls_certificate), 0, 0},
	{"http", "tls_key", "", take_path, AT(tls_key), 0, 0},
	{"audio", "buffer_ms", "200", take_number, AT(buffer_ms), 20, 2000},
	{"speech", "engine", "espeak-ng", take_engine, AT(speech_engine), 0, 0},
	{"speech", "voice", "", take_voice, AT(speech_voice), 0, 0},
	{"speech", "url", "", take_engine_setting, AT(speech_url), 0, 0},
	{"speech", "command", "", take_engine_setting, AT(speech_command), 0, 0},
	{"speech", "timeout_s", "20", take_number, AT(speech_timeout_s), 1, 300},
	{"alert", "fallback", "", take_clip, AT(alert_fallback), 0, 0},
	{"review", "required", "no", take_review, AT(review_required), 0, 0},
	{"recording", "class", "live", take_class, AT(recording_class), 0, 0},
	{"recording", "size_mb", "2000", take_number, AT(recording_size_mb), 1,
	 100000000},
	{"recording", "kbps", "32", take_number, AT(recording_kbps), RECORDER_KBPS_MIN,
	 RECORDER_KBPS_MAX},
	{"retention", "recordings_days", "90", take_number, AT(recordings_days), 0,
	 36500},
	{"retention", "log_days", "1095", take_number, AT(log_days), 1, 36500},
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

void config_free(struct config *config) {
	if (config == NULL) {
		return;
	}
	free(config->data_dir);
	free(config->timezone);
	free(config->listen);
	free(config->socket);
	free(config->tls_certificate);
	free(config->tls_key);
	free(config->speech_voice);
	free(config->speech_url);
	free(config->speech_command);
	free(config->alert_fallback);
	amplifier_configs_done(&config->amplifiers);
	free(config);
}

static void *field_of(struct config *config, const struct key *key) {
	return (char *)config + key->offset;
}

static int config_new(struct config **ret, struct error *err) {
	AUTO(config_free) struct config *config = calloc(1, sizeof(*config));
	if (config == NULL) {
		return error_set(err, ENOMEM, "no memory for the configuration");
	}
	for (size_t i = 0; i < N_KEYS; i++) {
		int rc = keys[i].take(&keys[i], keys[i].initial,
				      field_of(config, &keys[i]), err);
		if (rc < 0) {
			return rc;
		}
	}
	*ret = MOVE(config);
	return 0;
}

/* The number of letters to put in, take out or change (V. Levenshtein, 1965), for names
 * of at most 63 bytes. */
static size_t distance(const char *a, const char *b) {
	size_t row[64];
	size_t len = strlen(b);
	for (size_t j = 0; j <= len; j++) {
		row[j] = j;
	}
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			size_t other = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
			diagonal = row[j];
			row[j] = change < other ? change : other;
		}
	}
	return row[len];
}

struct parse {
	const char *text;
	size_t len;
	size_t at;
	const char *name;  /* of the file */
	int line;          /* the one handed to inih last */
	bool failed;       /* the first fault was told */
	int lines[N_KEYS]; /* where a key was written, 0: nowhere */
	struct config *config;
	struct error *err;
};

/* The sentence for a section or key that does not exist: the nearest one, or all. */
static int unknown(struct parse *p, const char *section, const char *name) {
	const struct key *nearest = NULL;
	size_t least = SIZE_MAX;
	bool section_known = false;
	for (size_t i = 0; i < N_KEYS; i++) {
		section_known = section_known || strcmp(section, keys[i].section) == 0;
	}
	for (size_t i = 0; i < N_KEYS; i++) {
		const struct key *k = &keys[i];
		/* A key that exists elsewhere is more likely there than misspelt. */
		size_t far = section_known ? 2 * distance(name, k->name) +
						     (strcmp(section, k->section) != 0)
					   : distance(section, k->section);
		if (far < least) {
			least = far;
			nearest = k;
		}
	}
	if (!section_known) {
		return error_set(p->err, EINVAL,
				 "%s:%d: there is no section [%s]; the nearest is [%s]",
				 p->name, p->line, section, nearest->section);
	}
	return error_set(
		p->err, EINVAL, "%s:%d: [%s] has no key '%s'; the nearest is %s in [%s]",
		p->name, p->line, section, name, nearest->name, nearest->section);
}

static int take_value(struct parse *p, size_t i, const char *value) {
	const struct key *key = &keys[i];
	char field[ERROR_FIELD_SIZE];
	snprintf(field, sizeof(field), "%s.%s", key->section, key->name);
	if (p->lines[i] != 0) {
		return error_set_field(p->err, EINVAL, field,
				       "%s:%d: [%s] %s is already written in line %d; "
				       "keep one of the two",
				       p->name, p->line, key->section, key->name,
				       p->lines[i]);
	}
	p->lines[i] = p->line;
	struct error why;
	int rc = key->take(key, value, field_of(p->config, key), &why);
	if (rc < 0) {
		return error_set_field(p->err, -rc, field, "%s:%d: [%s] %s = '%s': %s",
				       p->name, p->line, key->section, key->name, value,
				       why.text);
	}
	return 0;
}

static int on_value(void *arg, const char *section, const char *name, const char *value) {
	struct parse *p = arg;
	if (p->failed) {
		return 0;
	}
	int rc = 0;
	size_t i = 0;
	if (strcmp(section, "amplifier") == 0 ||
	    strncmp(section, "amplifier ", 10) == 0) {
		rc = amplifier_configs_take(&p->config->amplifiers, section, name, value,
					    p->name, p->line, p->err);
		p->failed = rc < 0;
		return rc == 0;
	}
	while (i < N_KEYS && (strcmp(section, keys[i].section) != 0 ||
			      strcmp(name, keys[i].name) != 0)) {
		i++;
	}
	if (i < N_KEYS) {
		rc = take_value(p, i, value);
	} else if (section[0] == '\0') {
		rc = error_set(p->err, EINVAL,
			       "%s:%d: '%s' stands before any section; write [daemon] or "
			       "another section above it",
			       p->name, p->line, name);
	} else {
		rc = unknown(p, section, name);
	}
	p->failed = rc < 0;
	return rc == 0;
}

static void fault(struct parse *p, const char *what) {
	if (!p->failed) {
		p->failed = true;
		error_set(p->err, EINVAL, "%s:%d: %s", p->name, p->line, what);
	}
}

/* inih drops what follows a section on its line. */
static bool section_line_clean(const char *line) {
	const char *end = strchr(line, ']');
	if (line[0] != '[' || end == NULL) {
		return true;
	}
	end += 1 + strspn(end + 1, " \t\r");
	return *end == '\0' || *end == ';' || *end == '#';
}

/* fgets of a text, for inih; also refuses what inih would pass over. */
static char *next_line(char *line, int size, void *arg) {
	struct parse *p = arg;
	if (p->at == p->len || p->failed) {
		return NULL;
	}
	p->line++;
	const char *start = p->text + p->at;
	const char *newline = memchr(start, '\n', p->len - p->at);
	size_t len = newline != NULL ? (size_t)(newline - start) : p->len - p->at;
	p->at += len + (newline != NULL);
	/* An indented line would go on with the value above it. */
	while (len > 0 && (*start == ' ' || *start == '\t')) {
		start++;
		len--;
	}
	if (!utf8_valid(start, len)) {
		fault(p, "the line is not UTF-8 text; save the file as UTF-8");
		return NULL;
	}
	if (len + 10 > (size_t)size) {
		fault(p, "the line is too long; write at most 190 bytes");
		return NULL;
	}
	memcpy(line, start, len);
	line[len] = '\0';
	if (!section_line_clean(line)) {
		fault(p, "something follows the section; write each key on its own line");
		return NULL;
	}
	return line;
}

static int written_line(const struct parse *p, const char *name) {
	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].name, name) == 0) {
			return p->lines[i];
		}
	}
	return 0;
}

/* What only several keys together can get wrong. */
static int check_together(const struct parse *p) {
	const struct config *c = p->config;
	bool certificate = c->tls_certificate[0] != '\0';
	bool key = c->tls_key[0] != '\0';
	if (certificate != key) {
		const char *has = certificate ? "tls_certificate" : "tls_key";
		const char *lacks = certificate ? "tls_key" : "tls_certificate";
		char field[ERROR_FIELD_SIZE];
		snprintf(field, sizeof(field), "http.%s", lacks);
		return error_set_field(p->err, EINVAL, field,
				       "%s:%d: [http] %s needs %s; write both or none",
				       p->name, written_line(p, has), has, lacks);
	}
	if (c->listen[0] == '\0' && c->socket[0] == '\0') {
		return error_set_field(
			p->err, EINVAL, "http.socket",
			"%s:%d: [http] listen and socket are both empty, so nobody could "
			"reach the daemon; write at least one",
			p->name, written_line(p, "socket"));
	}
	return 0;
}

int config_parse(const char *text, size_t len, const char *name, struct config **ret,
		 struct error *err) {
	struct error ignored;
	AUTO(config_free) struct config *config = NULL;
	struct parse p = {.text = text,
			  .len = len,
			  .name = name,
			  .err = err != NULL ? err : &ignored};
	int rc = config_new(&config, p.err);
	if (rc < 0) {
		return rc;
	}
	p.config = config;
	int line = ini_parse_stream(next_line, &p, on_value, &p);
	/* inih goes on after a line it cannot read, so that line may come before the one
	 * that we refused. */
	if (line > 0 && (!p.failed || line < p.line)) {
		return error_set(p.err, EINVAL,
				 "%s:%d: this is neither [section] nor key = value; "
				 "begin a comment with ;",
				 name, line);
	}
	if (p.failed) {
		return -p.err->code;
	}
	if (line < 0) {
		return error_set(p.err, ENOMEM, "no memory for the configuration");
	}
	rc = check_together(&p);
	rc = rc < 0 ? rc : amplifier_configs_check(&config->amplifiers, name, p.err);
	if (rc < 0) {
		return rc;
	}
	*ret = MOVE(config);
	return 0;
}

int config_load(const char *path, struct config **ret, struct error *err) {
	AUTO(file_close) FILE *file = fopen(path, "re");
	if (file == NULL) {
		return error_set(err, errno,
				 "cannot read the configuration '%s': %s; name another "
				 "file with --config",
				 path, strerror(errno));
	}
	AUTO(str_done) struct str text = STR_INIT;
	char block[4096];
	size_t n;
	while ((n = fread(block, 1, sizeof(block), file)) > 0) {
		if (text.len + n > FILE_SIZE_MAX) {
			return error_set(err, EFBIG,
					 "'%s' is larger than a configuration can be; "
					 "name another file with --config",
					 path);
		}
		if (str_append_bytes(&text, block, n) < 0) {
			return error_set(err, ENOMEM, "no memory for '%s'", path);
		}
	}
	if (ferror(file)) {
		return error_set(err, errno, "cannot read the configuration '%s': %s",
				 path, strerror(errno));
	}
	return config_parse(text.data != NULL ? text.data : "", text.len, path, ret, err);
}
