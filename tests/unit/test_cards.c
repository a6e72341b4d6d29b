/* test_cards.c - the list of sound cards: on a machine of paper, whose cards the test
 * puts in place of ALSA's; and the names that outlive a number, on a /sys of paper. */
#include "audio/engine.h"

#include "audio/pcm_alsa_cards.h"
#include "base/str.h"

#include <alsa/asoundlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define DEVICES_MAX 3

struct paper_card {
	const char *id; /* NULL: unplugged between being counted and opened */
	const char *name;
	const char *devices[DEVICES_MAX]; /* "": it only records */
};

static const struct paper_card cards[] = {
	{"PCH", "HDA Intel PCH", {"ALC257 Analog", "", "HDMI 0"}},
	{NULL, "", {NULL}},
	{"Device", "USB Audio Device", {"USB Audio Device"}},
	{"Cut", "B\xc3\xbchne \xe5\xa4", {""}},
	{"Horn", "\xe5\xa4\xa7\xe5\x96\x87\xe5\x8f\xad", {"B\xc3\xbchne \xe5\xa4"}},
};
#define N_CARDS ((int)(sizeof(cards) / sizeof(cards[0])))

static int opened; /* the card that snd_ctl_open gave last */
static int device; /* as snd_ctl_pcm_next_device gave it last */
static int handles;

int snd_card_next(int *card) {
	*card = *card + 1 < N_CARDS ? *card + 1 : -1;
	return 0;
}

int snd_ctl_open(snd_ctl_t **ctl, const char *name, int mode) {
	(void)mode;
	assert_int_equal(strncmp(name, "hw:", 3), 0);
	opened = atoi(name + 3);
	if (cards[opened].id == NULL) {
		return -ENODEV;
	}
	handles++;
	*ctl = (snd_ctl_t *)&handles;
	return 0;
}

int snd_ctl_close(snd_ctl_t *ctl) {
	assert_ptr_equal(ctl, &handles);
	handles--;
	return 0;
}

int snd_ctl_card_info(snd_ctl_t *ctl, snd_ctl_card_info_t *info) {
	(void)ctl;
	(void)info;
	return 0;
}

const char *snd_ctl_card_info_get_id(const snd_ctl_card_info_t *info) {
	(void)info;
	return cards[opened].id;
}

const char *snd_ctl_card_info_get_name(const snd_ctl_card_info_t *info) {
	(void)info;
	return cards[opened].name;
}

int snd_ctl_pcm_next_device(snd_ctl_t *ctl, int *ret) {
	(void)ctl;
	device = *ret + 1;
	*ret = device < DEVICES_MAX && cards[opened].devices[device] != NULL ? device
									     : -1;
	return 0;
}

int snd_ctl_pcm_info(snd_ctl_t *ctl, snd_pcm_info_t *info) {
	(void)ctl;
	(void)info;
	return cards[opened].devices[device][0] != '\0' ? 0 : -ENOENT;
}

const char *snd_pcm_info_get_name(const snd_pcm_info_t *info) {
	(void)info;
	return cards[opened].devices[device];
}

static void every_device_that_plays_is_listed(void **state) {
	(void)state;
	static const struct {
		const char *pcm;
		const char *name;
	} want[] = {
		{"hw:CARD=PCH,DEV=0", "HDA Intel PCH, ALC257 Analog"},
		{"hw:CARD=PCH,DEV=2", "HDA Intel PCH, HDMI 0"},
		{"hw:CARD=Device,DEV=0", "USB Audio Device"},
		/* The kernel cuts names after so many bytes, in a character if need be:
		 * JSON takes no half ones. */
		{"hw:CARD=Horn,DEV=0",
		 "\xe5\xa4\xa7\xe5\x96\x87\xe5\x8f\xad, B\xc3\xbchne ?"
		 "?"},
	};
	AUTO(free) struct engine_card *list = NULL;
	size_t n = 0;
	struct error err = {0};
	assert_int_equal(engine_cards(&list, &n, &err), 0);
	assert_int_equal(n, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(list[i].pcm, want[i].pcm);
		assert_string_equal(list[i].name, want[i].name);
		assert_true(utf8_valid(list[i].name, strlen(list[i].name)));
	}
	assert_int_equal(handles, 0);
}

/* ---- names that stay ---- */

static char sys[] = "/tmp/test_cards.XXXXXX";

static void make_folders(const char *path) {
	char at[256];
	for (size_t i = strlen(sys) + 1; i <= strlen(path); i++) {
		if (path[i] == '/' || path[i] == '\0') {
			snprintf(at, sizeof(at), "%.*s", (int)i, path);
			(void)mkdir(at, 0700);
		}
	}
}

/* /sys/class/sound/cardN: its id, and the device that it is a card of. */
static void make_card(int number, const char *id, const char *place) {
	char path[160];
	char target[200];
	snprintf(target, sizeof(target), "%s/devices/%s", sys, place);
	make_folders(target);
	snprintf(path, sizeof(path), "%s/card%d", sys, number);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/card%d/id", sys, number);
	AUTO(file_close) FILE *file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "%s\n", id);
	snprintf(path, sizeof(path), "%s/card%d/device", sys, number);
	assert_int_equal(symlink(target, path), 0);
}

static int make_sys(void **state) {
	(void)state;
	assert_non_null(mkdtemp(sys));
	make_card(0, "PCH", "pci0000:00/0000:00:1f.3");
	make_card(1, "Device", "pci0000:00/0000:00:14.0/usb1/1-1/1-1.2/1-1.2:1.0");
	make_card(2, "Device_1", "pci0000:00/0000:00:14.0/usb1/1-1/1-1.3/1-1.3:1.0");
	make_card(3, "Horn", "pci0000:00/0000:00:14.0/usb2/2-4/2-4:1.0");
	make_card(4, "Codec", "platform/soc/i2c-1/1-0018");
	make_card(12, "Twice", "pci0000:00/0000:00:14.0/usb2/2-4/2-4:1.2");
	return 0;
}

static int remove_sys(void **state) {
	(void)state;
	char command[64];
	snprintf(command, sizeof(command), "rm -r %s", sys);
	return system(command);
}

static void a_usb_port_is_found_whatever_the_number(void **state) {
	(void)state;
	static const struct {
		const char *name;
		const char *opened; /* NULL: nothing is there */
	} cases[] = {
		{"usb:1-1.2", "plughw:1,0"},
		{"usb:1-1.3,0", "plughw:2,0"},
		{"usb:1-1.3,2", "plughw:2,2"},
		{"usb:2-4", "plughw:3,0"},
		{"usb:1-1", NULL},
		{"usb:1-1.4,0", NULL},
		{"usb:1-0018", NULL},
		{"usb:", NULL},
		{"usb:1-1.2:1.0", NULL},
		{"hw:CARD=Device,DEV=0", "hw:CARD=Device,DEV=0"},
		{"plughw:7", "plughw:7"},
		{"usb", "usb"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char got[PCM_DEVICE_SIZE] = "";
		struct error err = {0};
		int rc = cards_resolve(sys, cases[i].name, got, sizeof(got), &err);
		if (cases[i].opened == NULL) {
			assert_int_equal(rc, -ENODEV);
			assert_non_null(strstr(err.text, cases[i].name));
			assert_non_null(strstr(err.text, "No such device"));
		} else {
			assert_int_equal(rc, 0);
			assert_string_equal(got, cases[i].opened);
		}
	}
}

static void a_card_on_usb_names_its_port(void **state) {
	(void)state;
	static const struct {
		int card;
		const char *name;
	} cases[] = {{0, ""}, {1, "usb:1-1.2,1"}, {2, "usb:1-1.3,1"}, {4, ""}, {9, ""}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char got[48];
		cards_usb_name(sys, cases[i].card, 1, got, sizeof(got));
		assert_string_equal(got, cases[i].name);
	}
}

static void a_number_becomes_an_id(void **state) {
	(void)state;
	static const char *const cases[][2] = {
		{"hw:1", "hw:CARD=Device"},
		{"hw:1,0", "hw:CARD=Device,DEV=0"},
		{"plughw:2,3,1", "plughw:CARD=Device_1,DEV=3,SUBDEV=1"},
		{"hw:CARD=0,DEV=2", "hw:CARD=PCH,DEV=2"},
		{"plughw:12,DEV=1", "plughw:CARD=Twice,DEV=1"},
		/* Not there now, no number, or nothing of a card's. */
		{"hw:9,0", "hw:9,0"},
		{"hw:CARD=Device,DEV=0", "hw:CARD=Device,DEV=0"},
		{"hw:Device,0", "hw:Device,0"},
		{"hw:", "hw:"},
		{"hw", "hw"},
		{"hw:1,0,0,0", "hw:1,0,0,0"},
		{"hw:DEV=1,CARD=1", "hw:DEV=1,CARD=1"},
		{"default:1", "default:1"},
		{"wav:/tmp/hw:1,0", "wav:/tmp/hw:1,0"},
		{"usb:1-1.2", "usb:1-1.2"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char got[256];
		cards_stable(sys, cases[i][0], got, sizeof(got));
		assert_string_equal(got, cases[i][1]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_device_that_plays_is_listed),
		cmocka_unit_test(a_usb_port_is_found_whatever_the_number),
		cmocka_unit_test(a_card_on_usb_names_its_port),
		cmocka_unit_test(a_number_becomes_an_id),
	};
	return cmocka_run_group_tests_name("cards", tests, make_sys, remove_sys);
}
