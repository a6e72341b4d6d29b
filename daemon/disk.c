/* disk.c - see disk.h. */
#include "disk.h"

#include "clock.h"
#include "log.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define LOOK_US 10000000
#define ENOUGH (256LL << 20)

struct disk {
	const char *folder;
	struct faults *faults;
	struct loop_source *timer;
	bool is_short;
	bool failed; /* to look, and the journal knows */
};

bool disk_short(int64_t free_bytes, int64_t whole_bytes, bool was_short) {
	int64_t least = whole_bytes / 20 < ENOUGH ? whole_bytes / 20 : ENOUGH;
	return free_bytes < (was_short ? least + least / 2 : least);
}

bool disk_is_short(const struct disk *disk) {
	return disk->is_short;
}

static void look(struct disk *disk) {
	struct statvfs st;
	if (statvfs(disk->folder, &st) < 0) {
		if (!disk->failed) {
			log_warning("cannot see how much room '%s' has left: %s",
				    disk->folder, strerror(errno));
		}
		disk->failed = true;
		return;
	}
	disk->failed = false;
	int64_t unit = (int64_t)st.f_frsize;
	int64_t left = (int64_t)st.f_bavail * unit;
	disk->is_short = disk_short(left, (int64_t)st.f_blocks * unit, disk->is_short);
	if (!disk->is_short) {
		faults_clear(disk->faults, DISK_FAULT);
		return;
	}
	char text[FAULT_TEXT_SIZE];
	/* In steps of a tenth of a megabyte, so that not every look is news. */
	snprintf(text, sizeof(text),
		 "the disk is nearly full: %.1f MB left for '%s'; delete clips that are "
		 "not needed any more, or make room there",
		 (double)left / 1e6, disk->folder);
	faults_set(disk->faults, DISK_FAULT, text, clock_now_us());
}

static void on_timer(void *arg) {
	struct disk *disk = arg;
	look(disk);
	loop_timer_arm_in_us(disk->timer, LOOK_US);
}

int disk_new(struct loop *loop, const char *folder, struct faults *faults,
	     struct disk **ret, struct error *err) {
	AUTO(disk_free) struct disk *disk = calloc(1, sizeof(*disk));
	if (disk == NULL) {
		return error_set(err, ENOMEM, "no memory to watch the disk");
	}
	disk->folder = folder;
	disk->faults = faults;
	int rc = loop_add_timer(loop, CLOCK_MONOTONIC, on_timer, disk, &disk->timer, err);
	if (rc < 0) {
		return rc;
	}
	on_timer(disk);
	*ret = MOVE(disk);
	return 0;
}

void disk_free(struct disk *disk) {
	if (disk != NULL) {
		loop_source_free(disk->timer);
		free(disk);
	}
}
