/* test_config.c - what a configuration file may say, and the sentence for what it may
 * not. */
#include "config.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct config **ret, struct error *err) {
	return config_parse(text, strlen(text), "f", ret, err);
}

static void an_empty_file_is_all_defaults(void **state) {
	(void)state;
	AUTO(config_free) struct config *c = NULL;
	struct error err;
	assert_int_equal(config_parse("", 0, "f", &c, &err), 0);
	assert_string_equal(c->data_dir, "/var/lib/dalaba");
	assert_string_equal(c->timezone, "Asia/Shanghai");
	assert_string_equal(c->listen, "127.0.0.1:8080");
	assert_string_equal(c->socket, "/run/dalaba/dalaba.sock");
	assert_string_equal(c->tls_certificate, "");
	assert_string_equal(c->tls_key, "");
	assert_int_equal(c->buffer_ms, 200);
	assert_int_equal(c->speech_engine, SPEECH_ESPEAK_NG);
	assert_string_equal(c->speech_voice, "");
	assert_string_equal(c->speech_url, "");
	assert_string_equal(c->speech_command, "");
	assert_int_equal(c->speech_timeout_s, 20);
	assert_string_equal(c->alert_fallback, "");
	assert_false(c->review_required);
	assert_int_equal(c->recording_class, CLASS_LIVE);
	assert_int_equal(c->recording_size_mb, 2000);
	assert_int_equal(c->recording_kbps, 32);
	assert_int_equal(c->recordings_days, 90);
	assert_int_equal(c->log_days, 1095);
	assert_int_equal(c->amplifiers.n, 0);
}

#define SHA256 "3a1f0000000000000000000000000000000000000000000000000000000000b7"

static void every_key_is_taken(void **state) {
	(void)state;
	static const char text[] = "\xef\xbb\xbf; 大喇叭\n"
				   "[daemon]\r\n"
				   "data_dir = /srv/大喇叭\n"
				   "\ttimezone: Europe/Berlin\n"
				   "[http]\n"
				   "listen = [::1]:8443 ; only here\n"
				   "socket =\n"
				   "tls_certificate = /etc/c.pem\n"
				   "tls_key = /etc/k.pem\n"
				   "[audio] # depth\n"
				   "buffer_ms = 20\n"
				   "[speech]\n"
				   "engine = espeak-ng\n"
				   "voice = cmn\n"
				   "url =\n"
				   "command =\n"
				   "timeout_s = 300\n"
				   "[alert]\n"
				   "fallback = " SHA256 "\n"
				   "[review]\n"
				   "required = no\n"
				   "[recording]\n"
				   "class = background\n"
				   "size_mb = 1\n"
				   "kbps = 256\n"
				   "[retention]\n"
				   "recordings_days = 0\n"
				   "log_days = 36500";
	AUTO(config_free) struct config *c = NULL;
	struct error err = {0};
	int rc = parse(text, &c, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(rc, 0);
	assert_string_equal(c->data_dir, "/srv/大喇叭");
	assert_string_equal(c->timezone, "Europe/Berlin");
	assert_string_equal(c->listen, "[::1]:8443");
	assert_string_equal(c->socket, "");
	assert_string_equal(c->tls_certificate, "/etc/c.pem");
	assert_string_equal(c->tls_key, "/etc/k.pem");
	assert_int_equal(c->buffer_ms, 20);
	assert_string_equal(c->speech_voice, "cmn");
	assert_int_equal(c->speech_timeout_s, 300);
	assert_string_equal(c->alert_fallback, SHA256);
	assert_int_equal(c->recording_class, CLASS_BACKGROUND);
	assert_int_equal(c->recording_size_mb, 1);
	assert_int_equal(c->recording_kbps, 256);
	assert_int_equal(c->recordings_days, 0);
	assert_int_equal(c->log_days, 36500);
}

static void amplifiers_have_names(void **state) {
	(void)state;
	static const char text[] = "[amplifier 大厅]\n"
				   "gpio = gpiochip0 AMP ; by name\n"
				   "active_low = yes\n"
				   "hold_s = 0\n"
				   "[amplifier tower]\n"
				   "command_on = /bin/amp \"the tower\" on\n"
				   "[amplifier  tower]\n"
				   "command_off = /bin/amp off\n";
	AUTO(config_free) struct config *c = NULL;
	assert_int_equal(parse(text, &c, NULL), 0);
	assert_int_equal(c->amplifiers.n, 2);
	const struct amplifier_config *hall = &c->amplifiers.items[0];
	assert_string_equal(hall->name, "大厅");
	assert_string_equal(hall->gpio_chip, "gpiochip0");
	assert_string_equal(hall->gpio_line, "AMP");
	assert_true(hall->active_low);
	assert_int_equal(hall->hold_s, 0);
	assert_null(hall->command_on);
	const struct amplifier_config *tower = &c->amplifiers.items[1];
	assert_string_equal(tower->name, "tower");
	assert_null(tower->gpio_chip);
	assert_int_equal(tower->hold_s, 10);
	assert_string_equal(tower->command_on[0], "/bin/amp");
	assert_string_equal(tower->command_on[1], "the tower");
	assert_string_equal(tower->command_on[2], "on");
	assert_null(tower->command_on[3]);
	assert_string_equal(tower->command_off[1], "off");
	assert_null(tower->command_off[2]);
}

#define TEN "xxxxxxxxxx"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

struct refusal {
	const char *text;
	const char *field;
	const char *says; /* the beginning of the sentence */
};

static const struct refusal refusals[] = {
	/* values */
	{"[http]\nlisten = abc", "http.listen",
	 "f:2: [http] listen = 'abc': write ADDRESS:PORT, for example 127.0.0.1:8080"},
	{"[alert]\nfallback = gong.opus", "alert.fallback",
	 "f:2: [alert] fallback = 'gong.opus': write the id of a clip"},
	{"[http]\nlisten = 127.0.0.1", "http.listen", "f:2: [http] listen = '127.0.0.1'"},
	{"[http]\nlisten = 127.0.0.1:0", "http.listen", "f:2: "},
	{"[http]\nlisten = 127.0.0.1:65536", "http.listen", "f:2: "},
	{"[http]\nlisten = 127.0.0.1: 80", "http.listen", "f:2: "},
	{"[http]\nlisten = 1.2.3.256:80", "http.listen", "f:2: "},
	{"[http]\nlisten = ::1:8080", "http.listen", "f:2: "},
	{"[http]\nlisten = [::1]", "http.listen", "f:2: "},
	{"[http]\nlisten = [127.0.0.1]:80", "http.listen", "f:2: "},
	{"[http]\nlisten = " HUNDRED ":80", "http.listen", "f:2: "},
	{"[http]\n\n# two\nsocket = run/x", "http.socket",
	 "f:4: [http] socket = 'run/x': write an absolute path, or nothing"},
	{"[http]\nsocket = /" HUNDRED TEN, "http.socket", "f:2: [http] socket = '/xxx"},
	{"[daemon]\ndata_dir =", "daemon.data_dir",
	 "f:2: [daemon] data_dir = '': write an absolute path, for example /var/lib"},
	{"[daemon]\ntimezone = CST (China)", "daemon.timezone",
	 "f:2: [daemon] timezone = 'CST (China)': there is no time zone 'CST (China)'; "
	 "write"},
	{"[daemon]\ntimezone = ../../etc/passwd", "daemon.timezone", "f:2: "},
	{"[audio]\nbuffer_ms = 19", "audio.buffer_ms",
	 "f:2: [audio] buffer_ms = '19': write a whole number from 20 to 2000, for "},
	{"[audio]\nbuffer_ms = 200ms", "audio.buffer_ms", "f:2: "},
	{"[audio]\nbuffer_ms =", "audio.buffer_ms", "f:2: "},
	{"[speech]\ntimeout_s = 301", "speech.timeout_s", "f:2: "},
	{"[speech]\nvoice = -f/etc/passwd", "speech.voice", "f:2: "},
	{"[speech]\nvoice = Chinese (Mandarin)", "speech.voice",
	 "f:2: [speech] voice = 'Chinese (Mandarin)': write the name of a voice as"},
	{"[speech]\nvoice = " HUNDRED, "speech.voice", "f:2: "},
	{"[speech]\nengine = http", "speech.engine",
	 "f:2: [speech] engine = 'http': this version speaks only through espeak-ng"},
	{"[speech]\nengine = festival", "speech.engine",
	 "f:2: [speech] engine = 'festival': write espeak-ng"},
	{"[speech]\nurl = http://127.0.0.1/", "speech.url",
	 "f:2: [speech] url = 'http://127.0.0.1/': this version"},
	{"[speech]\ncommand = say", "speech.command", "f:2: "},
	{"[review]\nrequired = yes", "review.required",
	 "f:2: [review] required = 'yes': this version cannot hold"},
	{"[review]\nrequired = maybe", "review.required", "f:2: "},
	{"[retention]\nlog_days = 0", "retention.log_days", "f:2: "},
	{"[amplifier a]\nhold_s = 3601", "amplifier a.hold_s",
	 "f:2: [amplifier a] hold_s = '3601': write a whole number of seconds from 0 to"},
	{"[amplifier a]\ngpio = gpiochip0", "amplifier a.gpio",
	 "f:2: [amplifier a] gpio = 'gpiochip0': write the chip and the line"},
	{"[amplifier a]\ngpio = 0 1 2", "amplifier a.gpio", "f:2: "},
	{"[amplifier a]\nactive_low = 1", "amplifier a.active_low",
	 "f:2: [amplifier a] active_low = '1': write yes or no"},
	{"[amplifier a]\ncommand_on = amp on", "amplifier a.command_on",
	 "f:2: [amplifier a] command_on = 'amp on': write a program by its whole path"},
	{"[amplifier a]\ncommand_off =", "amplifier a.command_off", "f:2: "},
	{"[amplifier a]\ncommand_off = /amp \"off", "amplifier a.command_off", "f:2: "},
	{"[amplifier a]\ncommand_off = /a 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
	 "amplifier a.command_off", "f:2: "},
	{"[retention]\nrecordings_days = -1", "retention.recordings_days", "f:2: "},
	{"[recording]\nclass = none", "recording.class",
	 "f:2: [recording] class = 'none': write the lowest class that is recorded"},
	{"[recording]\nsize_mb = 0", "recording.size_mb",
	 "f:2: [recording] size_mb = '0': write a whole number from 1 to"},
	{"[recording]\nkbps = 4", "recording.kbps", "f:2: [recording] kbps = '4'"},
	/* together */
	{"\n[amplifier a]\nhold_s = 1", "amplifier a",
	 "f:3: [amplifier a] is switched by one of two things; write gpio, or "
	 "command_on"},
	{"[amplifier a]\ncommand_on = /on", "amplifier a",
	 "f:2: [amplifier a] is switched"},
	{"[amplifier a]\ncommand_on = /on\ncommand_off = /off\ngpio = gpiochip0 1",
	 "amplifier a", "f:2: [amplifier a] is switched by one"},
	{"[amplifier a]\ncommand_on = /on\ncommand_off = /off\nactive_low = no",
	 "amplifier a", "f:4: [amplifier a] active_low is for gpio; take it out"},
	{"[http]\ntls_key = /k", "http.tls_certificate",
	 "f:2: [http] tls_key needs tls_certificate; write both or none"},
	{"[http]\ntls_certificate = /c", "http.tls_key", "f:2: "},
	{"[http]\nlisten =\nsocket =", "http.socket",
	 "f:3: [http] listen and socket are"},
	/* names */
	{"[http]\nlissten = x", "",
	 "f:2: [http] has no key 'lissten'; the nearest is listen"},
	{"[daemon]\nlisten = x", "",
	 "f:2: [daemon] has no key 'listen'; the nearest is listen in [http]"},
	{"[htp]\nlisten = x", "",
	 "f:2: there is no section [htp]; the nearest is [http]"},
	{"[" HUNDRED "]\nlisten = x", "", "f:2: there is no section [xxx"},
	{"[http]\n" HUNDRED " = x", "", "f:2: [http] has no key 'xxx"},
	{"listen = x", "", "f:1: 'listen' stands before any section; write [daemon] or"},
	{"[audio]\nbuffer_ms = 100\n[http]\n[audio]\nbuffer_ms = 100", "audio.buffer_ms",
	 "f:5: [audio] buffer_ms is already written in line 2; keep one of the two"},
	{"[amplifier a]\nlevel = 3", "",
	 "f:2: [amplifier a] has no key 'level'; it has command_on"},
	{"[amplifier]\nhold_s = 3", "", "f:2: [amplifier] needs a name of 1 to 32 bytes"},
	{"[amplifier " TEN TEN TEN "xxx]\nhold_s = 3", "", "f:2: [amplifier xxxxxxxxxx"},
	{"[amplifiers a]\nhold_s = 3", "", "f:2: there is no section [amplifiers a]"},
	{"[amplifier a]\nhold_s = 3\n[amplifier a]\nhold_s = 3", "amplifier a.hold_s",
	 "f:4: [amplifier a] hold_s is already written in line 2; keep one of the two"},
	/* form */
	{"[http]\nlisten", "", "f:2: this is neither [section] nor key = value"},
	{"[http\nlisten = x", "", "f:1: this is neither [section] nor key = value"},
	{"[http]\nnothing\nlisten = x", "", "f:2: this is neither"},
	{"[http] listen = 127.0.0.1:80", "", "f:1: something follows the section"},
	{"[http]\nlisten = \xff", "", "f:2: the line is not UTF-8 text"},
	{"[speech]\nvoice = " HUNDRED HUNDRED, "", "f:2: the line is too long"},
};

static void what_cannot_be_used_is_refused(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];
		struct config untouched;
		struct config *c = &untouched;
		struct error err = {0};
		int rc = parse(r->text, &c, &err);
		if (rc != -EINVAL || strncmp(err.text, r->says, strlen(r->says)) != 0) {
			fail_msg("'%s' gave %d and \"%s\"", r->text, rc, err.text);
		}
		assert_string_equal(err.field, r->field);
		assert_ptr_equal(c, &untouched);
		assert_int_equal(parse(r->text, &c, NULL), -EINVAL);
	}
}

/* What a reload compares, to say that a restart is needed. */
static void changed_amplifiers_are_noticed(void **state) {
	(void)state;
	static const char *const files[] = {
		"",
		"[amplifier a]\ngpio = gpiochip0 1",
		"[amplifier b]\ngpio = gpiochip0 1",
		"[amplifier a]\ngpio = gpiochip1 1",
		"[amplifier a]\ngpio = gpiochip0 2",
		"[amplifier a]\ngpio = gpiochip0 1\nactive_low = yes",
		"[amplifier a]\ngpio = gpiochip0 1\nhold_s = 11",
		"[amplifier a]\ncommand_on = /x 1\ncommand_off = /x 0",
		"[amplifier a]\ncommand_on = /x 2\ncommand_off = /x 0",
		"[amplifier a]\ncommand_on = /x 1\ncommand_off = /x 0 0",
	};
	size_t n = sizeof(files) / sizeof(files[0]);
	for (size_t i = 0; i < n * n; i++) {
		AUTO(config_free) struct config *a = NULL;
		AUTO(config_free) struct config *b = NULL;
		assert_int_equal(parse(files[i / n], &a, NULL), 0);
		assert_int_equal(parse(files[i % n], &b, NULL), 0);
		assert_int_equal(amplifier_configs_equal(&a->amplifiers, &b->amplifiers),
				 i / n == i % n);
	}
}

static void a_nul_byte_is_refused(void **state) {
	(void)state;
	static const char text[] = "[http]\nlisten = \0";
	struct config *c = NULL;
	struct error err;
	assert_int_equal(config_parse(text, sizeof(text) - 1, "f", &c, &err), -EINVAL);
	assert_string_equal(err.text,
			    "f:2: the line is not UTF-8 text; save the file as UTF-8");
}

static void the_longest_line_is_taken(void **state) {
	(void)state;
	char text[256] = "[daemon]\ndata_dir=/";
	size_t section = strlen("[daemon]\n");
	memset(text + strlen(text), 'v', 190 - strlen("data_dir=/"));
	AUTO(config_free) struct config *c = NULL;
	assert_int_equal(strlen(text), section + 190);
	assert_int_equal(parse(text, &c, NULL), 0);
	assert_int_equal(strlen(c->data_dir), 190 - strlen("data_dir="));
	struct error err;
	strcat(text, "v");
	assert_int_equal(parse(text, &c, &err), -EINVAL);
}

static void a_file_is_read(void **state) {
	(void)state;
	char path[] = "/tmp/test_config.XXXXXX";
	AUTO(fd_close) int fd = mkstemp(path);
	assert_true(fd >= 0);
	static const char text[] = "[audio]\nbuffer_ms = 500\n";
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	AUTO(config_free) struct config *c = NULL;
	struct error err;
	assert_int_equal(config_load(path, &c, &err), 0);
	assert_int_equal(c->buffer_ms, 500);

	assert_int_equal(ftruncate(fd, 2 * 1024 * 1024), 0);
	assert_int_equal(config_load(path, &c, &err), -EFBIG);
	unlink(path);
	assert_int_equal(config_load(path, &c, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, "--config"));
	assert_int_equal(config_load("/", &c, &err), -EISDIR);
	assert_int_equal(c->buffer_ms, 500);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_is_all_defaults),
		cmocka_unit_test(every_key_is_taken),
		cmocka_unit_test(amplifiers_have_names),
		cmocka_unit_test(what_cannot_be_used_is_refused),
		cmocka_unit_test(changed_amplifiers_are_noticed),
		cmocka_unit_test(a_nul_byte_is_refused),
		cmocka_unit_test(the_longest_line_is_taken),
		cmocka_unit_test(a_file_is_read),
	};
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
