/* test_cards.c - the list of sound cards: on a machine of paper, whose cards the test
 * puts in place of ALSA's. */
#include "audio/engine.h"

#include "base/str.h"

#include <alsa/asoundlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

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
	static const struct engine_card want[] = {
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

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_device_that_plays_is_listed),
	};
	return cmocka_run_group_tests_name("cards", tests, NULL, NULL);
}
