/* fault_vfs.c - see fault_vfs.h. Each file keeps what it is now, what it was at its last
 * sync, and every change between the two, in order. */
#include "fault_vfs.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 8
#define SECTOR 512

struct change {
	sqlite3_int64 at;
	unsigned char *bytes; /* NULL: cut to length `at` */
	size_t len;
};

struct image {
	unsigned char *bytes;
	size_t len;
	size_t size;
};

struct disk_file {
	char name[128]; /* "" where the place is free */
	bool there;
	bool lasts; /* the name would survive a power cut */
	struct image now;
	struct image synced;
	struct change *changes;
	size_t n_changes;
};

struct handle {
	sqlite3_file base;
	struct disk_file *file;
	bool names; /* its first sync syncs the folder */
};

static struct disk_file files[FILES_MAX];
static struct disk_file saved[FILES_MAX];
static sqlite3_vfs vfs;
static sqlite3_vfs *below;

static struct {
	enum disk_fault fault;
	bool armed;
	bool lasting;
	bool struck;
	bool dark; /* the power is cut */
	long left;
	int system_errno;
} plan;

static void *(*resize)(void *old, size_t size) = realloc;

static void *need(void *old, size_t size) {
	void *memory = resize(old, size);
	assert(memory != NULL);
	return memory;
}

void disk_memory(void *(*other)(void *old, size_t size)) {
	resize = other;
}

/* Whether the operation fails now. A power cut strikes what changes the disk: any other
 * moment is like the next of those. */
static bool strikes(enum disk_fault fault, bool changes) {
	if (plan.dark) {
		return true;
	}
	bool mine = plan.fault == fault ||
		    (plan.fault == DISK_FULL && fault == DISK_BAD_WRITE) ||
		    (plan.fault == DISK_POWER_CUT && changes);
	if (!plan.armed || !mine || --plan.left > 0) {
		return false;
	}
	plan.struck = true;
	plan.armed = plan.lasting;
	plan.dark = plan.fault == DISK_POWER_CUT;
	plan.system_errno = plan.fault == DISK_FULL ? ENOSPC : EIO;
	return true;
}

/* ---- images ---- */

static void image_resize(struct image *image, size_t len) {
	if (len > image->size) {
		image->size = 2 * len;
		image->bytes = need(image->bytes, image->size);
	}
	if (len > image->len) {
		memset(image->bytes + image->len, 0, len - image->len);
	}
	image->len = len;
}

static void image_write(struct image *image, const void *bytes, size_t len, size_t at) {
	if (at + len > image->len) {
		image_resize(image, at + len);
	}
	memcpy(image->bytes + at, bytes, len);
}

static void image_change(struct image *image, const struct change *c) {
	if (c->bytes == NULL) {
		image_resize(image, (size_t)c->at);
	} else {
		image_write(image, c->bytes, c->len, (size_t)c->at);
	}
}

static void image_copy(struct image *to, const struct image *from) {
	to->len = 0;
	image_resize(to, from->len);
	if (from->len > 0) {
		memcpy(to->bytes, from->bytes, from->len);
	}
}

static void changes_drop(struct disk_file *file) {
	for (size_t i = 0; i < file->n_changes; i++) {
		free(file->changes[i].bytes);
	}
	free(file->changes);
	file->changes = NULL;
	file->n_changes = 0;
}

static void change_add(struct disk_file *file, const void *bytes, size_t len,
		       sqlite3_int64 at) {
	file->changes =
		need(file->changes, (file->n_changes + 1) * sizeof(*file->changes));
	struct change *c = &file->changes[file->n_changes++];
	*c = (struct change){.at = at, .len = len};
	if (bytes != NULL) {
		c->bytes = need(NULL, len);
		memcpy(c->bytes, bytes, len);
	}
	image_change(&file->now, c);
}

static void file_drop(struct disk_file *file) {
	changes_drop(file);
	free(file->now.bytes);
	free(file->synced.bytes);
	*file = (struct disk_file){0};
}

static struct disk_file *file_find(const char *name) {
	for (size_t i = 0; i < FILES_MAX; i++) {
		if (files[i].name[0] != '\0' && strcmp(files[i].name, name) == 0) {
			return &files[i];
		}
	}
	return NULL;
}

static struct disk_file *file_make(const char *name) {
	struct disk_file *file = file_find(name);
	for (size_t i = 0; file == NULL; i++) {
		assert(i < FILES_MAX);
		file = files[i].name[0] == '\0' ? &files[i] : NULL;
	}
	if (!file->there) {
		/* A new file under the name of one whose removal may not last. */
		file->there = true;
		if (file->now.len > 0) {
			change_add(file, NULL, 0, 0);
		}
		snprintf(file->name, sizeof(file->name), "%s", name);
	}
	return file;
}

/* ---- what SQLite calls on a file ---- */

static struct disk_file *of(sqlite3_file *f) {
	return ((struct handle *)f)->file;
}

static int file_close(sqlite3_file *f) {
	f->pMethods = NULL;
	return SQLITE_OK;
}

static int file_read(sqlite3_file *f, void *to, int len, sqlite3_int64 at) {
	if (strikes(DISK_BAD_READ, false)) {
		return SQLITE_IOERR_READ;
	}
	const struct image *now = &of(f)->now;
	size_t from = (size_t)at < now->len ? (size_t)at : now->len;
	size_t got = now->len - from < (size_t)len ? now->len - from : (size_t)len;
	if (got > 0) {
		memcpy(to, now->bytes + from, got);
	}
	if (got < (size_t)len) {
		memset((char *)to + got, 0, (size_t)len - got);
		return SQLITE_IOERR_SHORT_READ;
	}
	return SQLITE_OK;
}

static int file_write(sqlite3_file *f, const void *bytes, int len, sqlite3_int64 at) {
	bool was_dark = plan.dark;
	if (strikes(DISK_BAD_WRITE, true)) {
		if (!was_dark && len > 1) {
			change_add(of(f), bytes, (size_t)len / 2, at);
		}
		return plan.system_errno == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	}
	change_add(of(f), bytes, (size_t)len, at);
	return SQLITE_OK;
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 len) {
	if (strikes(DISK_BAD_OTHER, true)) {
		return SQLITE_IOERR_TRUNCATE;
	}
	change_add(of(f), NULL, 0, len);
	return SQLITE_OK;
}

static int file_sync(sqlite3_file *f, int flags) {
	(void)flags;
	struct disk_file *file = of(f);
	bool was_dark = plan.dark;
	if (strikes(DISK_BAD_SYNC, true)) {
		/* Linux forgets that it was not written: the next sync succeeds, and what
		 * was for this one is in memory alone. */
		if (!was_dark && plan.fault == DISK_BAD_SYNC) {
			changes_drop(file);
		}
		return SQLITE_IOERR_FSYNC;
	}
	for (size_t i = 0; i < file->n_changes; i++) {
		image_change(&file->synced, &file->changes[i]);
	}
	changes_drop(file);
	if (((struct handle *)f)->names) {
		for (size_t i = 0; i < FILES_MAX; i++) {
			files[i].lasts = files[i].there;
		}
	}
	return SQLITE_OK;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *ret) {
	if (strikes(DISK_BAD_OTHER, false)) {
		return SQLITE_IOERR_FSTAT;
	}
	*ret = (sqlite3_int64)of(f)->now.len;
	return SQLITE_OK;
}

static int file_lock(sqlite3_file *f, int level) {
	(void)f;
	(void)level;
	return SQLITE_OK;
}

static int file_check_lock(sqlite3_file *f, int *ret) {
	(void)f;
	*ret = 0;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *f, int op, void *value) {
	(void)f;
	(void)op;
	(void)value;
	return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *f) {
	(void)f;
	return 4096;
}

static int file_promises(sqlite3_file *f) {
	(void)f;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_lock,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_promises,
};

/* ---- what SQLite calls on the folder ---- */

static int folder_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags,
		       int *ret_flags) {
	(void)v;
	struct handle *handle = (struct handle *)f;
	f->pMethods = NULL;
	assert(name != NULL); /* temporary files: temp_store is memory */
	struct disk_file *file = file_find(name);
	bool there = file != NULL && file->there;
	if (!there && (flags & SQLITE_OPEN_CREATE) == 0) {
		plan.system_errno = ENOENT;
		return SQLITE_CANTOPEN;
	}
	if (strikes(DISK_BAD_OTHER, !there)) {
		return SQLITE_CANTOPEN;
	}
	handle->file = file_make(name);
	handle->names = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
	f->pMethods = &methods;
	if (ret_flags != NULL) {
		*ret_flags = flags;
	}
	return SQLITE_OK;
}

static int folder_delete(sqlite3_vfs *v, const char *name, int sync) {
	(void)v;
	if (strikes(DISK_BAD_OTHER, true)) {
		return SQLITE_IOERR_DELETE;
	}
	struct disk_file *file = file_find(name);
	if (file == NULL || !file->there) {
		return SQLITE_IOERR_DELETE_NOENT;
	}
	file->there = false;
	if (sync || !file->lasts) {
		file_drop(file);
	}
	return SQLITE_OK;
}

static int folder_access(sqlite3_vfs *v, const char *name, int flags, int *ret) {
	(void)v;
	if (strikes(DISK_BAD_OTHER, false)) {
		return SQLITE_IOERR_ACCESS;
	}
	struct disk_file *file = file_find(name);
	/* As unix: a file without a byte does not exist. */
	*ret = file != NULL && file->there &&
	       (flags != SQLITE_ACCESS_EXISTS || file->now.len > 0);
	return SQLITE_OK;
}

static int folder_full_name(sqlite3_vfs *v, const char *name, int size, char *ret) {
	(void)v;
	sqlite3_snprintf(size, ret, "%s", name);
	return SQLITE_OK;
}

static int folder_last_error(sqlite3_vfs *v, int size, char *ret) {
	(void)v;
	(void)size;
	(void)ret;
	return plan.system_errno;
}

void disk_install(void) {
	below = sqlite3_vfs_find(NULL);
	assert(below != NULL);
	vfs = *below;
	vfs.iVersion = 1;
	vfs.zName = "fault";
	vfs.szOsFile = sizeof(struct handle);
	vfs.xOpen = folder_open;
	vfs.xDelete = folder_delete;
	vfs.xAccess = folder_access;
	vfs.xFullPathname = folder_full_name;
	vfs.xGetLastError = folder_last_error;
	sqlite3_vfs_register(&vfs, 1);
}

void disk_remove(void) {
	disk_clear();
	for (size_t i = 0; i < FILES_MAX; i++) {
		file_drop(&saved[i]);
	}
	sqlite3_vfs_unregister(&vfs);
}

void disk_clear(void) {
	for (size_t i = 0; i < FILES_MAX; i++) {
		file_drop(&files[i]);
	}
	disk_heal();
}

void disk_fail(enum disk_fault fault, long n, bool lasting) {
	disk_heal();
	plan.fault = fault;
	plan.left = n;
	plan.lasting = lasting;
	plan.armed = true;
}

void disk_heal(void) {
	memset(&plan, 0, sizeof(plan));
}

bool disk_struck(void) {
	return plan.struck;
}

/* Makes a change to what was synced, or some of it: one in `odds` does not arrive whole.
 */
static void change_survive(struct disk_file *file, const struct change *c, int odds,
			   unsigned *seed) {
	if (rand_r(seed) % odds != 0) {
		image_change(&file->synced, c);
		return;
	}
	bool nothing = c->bytes == NULL || rand_r(seed) % 2 == 0;
	for (size_t at = 0; !nothing && at < c->len; at += SECTOR) {
		size_t len = c->len - at < SECTOR ? c->len - at : SECTOR;
		if (rand_r(seed) % 2 == 0) {
			image_write(&file->synced, c->bytes + at, len,
				    (size_t)c->at + at);
		}
	}
}

static void changes_survive(struct disk_file *file, enum disk_survival survival,
			    unsigned *seed) {
	static const int all_odds[] = {2, 4, 16, 128};
	int odds = all_odds[rand_r(seed) % 4];
	for (size_t i = 0; i < file->n_changes; i++) {
		struct change *c = &file->changes[i];
		if (survival == DISK_KEEPS_SOME) {
			change_survive(file, c, odds, seed);
		} else if (survival == DISK_KEEPS_ALL) {
			c->len = i + 1 == file->n_changes ? c->len * 2 / 3 : c->len;
			image_change(&file->synced, c);
		}
	}
	changes_drop(file);
}

void disk_restart(enum disk_survival survival, unsigned seed) {
	for (size_t i = 0; i < FILES_MAX; i++) {
		struct disk_file *file = &files[i];
		if (file->name[0] == '\0') {
			continue;
		}
		bool by_chance = survival == DISK_KEEPS_ALL ||
				 (survival == DISK_KEEPS_SOME && rand_r(&seed) % 2 == 0);
		bool name = file->lasts == file->there || !by_chance ? file->lasts
								     : file->there;
		if (!name) {
			file_drop(file);
			continue;
		}
		changes_survive(file, survival, &seed);
		image_copy(&file->now, &file->synced);
		file->there = true;
		file->lasts = true;
	}
	disk_heal();
}

static void file_copy(struct disk_file *to, const struct disk_file *from) {
	file_drop(to);
	memcpy(to->name, from->name, sizeof(to->name));
	to->there = from->there;
	to->lasts = from->lasts;
	image_copy(&to->now, &from->synced);
	image_copy(&to->synced, &from->synced);
	for (size_t i = 0; i < from->n_changes; i++) {
		const struct change *c = &from->changes[i];
		change_add(to, c->bytes, c->len, c->at);
	}
}

void disk_save(void) {
	for (size_t i = 0; i < FILES_MAX; i++) {
		file_copy(&saved[i], &files[i]);
	}
}

void disk_load(void) {
	for (size_t i = 0; i < FILES_MAX; i++) {
		file_copy(&files[i], &saved[i]);
	}
	disk_heal();
}

long long disk_size(const char *name) {
	const struct disk_file *file = file_find(name);
	return file != NULL && file->there ? (long long)file->now.len : -1;
}
