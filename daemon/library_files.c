/* library_files.c - see library_files.h. */
#include "library_files.h"
#include "base/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define HASH_PIECE 65536

static int fail(struct error *err, const char *what, const char *path) {
	int code = errno;
	if (code == ENOSPC || code == EDQUOT) {
		return error_set(
			err, ENOSPC,
			"the disk is full: cannot %s '%s'; delete recordings that "
			"are not needed any more",
			what, path);
	}
	return error_set(err, code, "cannot %s '%s': %s", what, path, strerror(code));
}

static int make_folder(const char *path, struct error *err) {
	if (mkdir(path, 0750) < 0 && errno != EEXIST) {
		return fail(err, "make the folder", path);
	}
	return 0;
}

static int sync_folder(const char *path, struct error *err) {
	AUTO(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0) {
		return fail(err, "sync the folder", path);
	}
	return 0;
}

static int sweep(const char *folder, struct error *err) {
	DIR *dir = opendir(folder);
	if (dir == NULL) {
		return fail(err, "read the folder", folder);
	}
	int rc = 0;
	struct dirent *entry = NULL;
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' &&
		    unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != EISDIR) {
			rc = fail(err, "remove what was left in", folder);
		}
	}
	closedir(dir);
	return rc;
}

int library_files_prepare(const char *data_dir, struct error *err) {
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/clips", data_dir);
	int rc = make_folder(path, err);
	if (rc == 0) {
		snprintf(path, sizeof(path), "%s/spool", data_dir);
		rc = make_folder(path, err);
	}
	rc = rc < 0 ? rc : sweep(path, err);
	return rc < 0 ? rc : sync_folder(data_dir, err);
}

void library_files_path(const char *data_dir, const char *clip_id, char *ret,
			size_t size) {
	snprintf(ret, size, "%s/clips/%.2s/%s.opus", data_dir, clip_id, clip_id);
}

int library_files_spool(const char *data_dir, struct error *err) {
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/spool", data_dir);
	int fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0640);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		/* Some file systems have no unnamed files: one that loses its name at
		 * once is the same to us, but for a copy in the end. */
		snprintf(path, sizeof(path), "%s/spool/XXXXXX", data_dir);
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0) {
			unlink(path);
		}
	}
	return fd < 0 ? fail(err, "make a file in", path) : fd;
}

int library_files_hash(int fd, char ret[CLIP_ID_SIZE], int64_t *ret_bytes,
		       struct error *err) {
	unsigned char piece[HASH_PIECE];
	crypto_hash_sha256_state state;
	crypto_hash_sha256_init(&state);
	int64_t bytes = 0;
	ssize_t n = 0;
	while ((n = pread(fd, piece, sizeof(piece), bytes)) > 0) {
		crypto_hash_sha256_update(&state, piece, (unsigned long long)n);
		bytes += n;
	}
	if (n < 0) {
		return error_set(err, errno, "the recording cannot be read back: %s",
				 strerror(errno));
	}
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_final(&state, hash);
	sodium_bin2hex(ret, CLIP_ID_SIZE, hash, sizeof(hash));
	*ret_bytes = bytes;
	return 0;
}

static int copy_to(int from, const char *path, struct error *err) {
	AUTO(fd_close) int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (to < 0) {
		return fail(err, "make", path);
	}
	off_t at = 0;
	ssize_t n = 0;
	while ((n = sendfile(to, from, &at, 1 << 24)) > 0) {
	}
	if (n < 0 || fsync(to) < 0) {
		int rc = fail(err, "write", path);
		unlink(path);
		return rc;
	}
	return 0;
}

/* Gives the content of fd a name on the data disk, synced. */
static int name_file(int fd, const char *path, struct error *err) {
	if (fsync(fd) < 0) {
		return fail(err, "write", path);
	}
	char self[64];
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0) {
		return 0;
	}
	/* It had a name once, or lies on another disk. */
	if (errno == ENOENT || errno == EXDEV) {
		return copy_to(fd, path, err);
	}
	return fail(err, "make", path);
}

int library_files_install(const char *data_dir, int fd, const char *clip_id,
			  struct error *err) {
	char folder[PATH_MAX];
	char target[PATH_MAX];
	char temporary[PATH_MAX];
	snprintf(folder, sizeof(folder), "%s/clips/%.2s", data_dir, clip_id);
	int rc = make_folder(folder, err);
	/* The number of the descriptor tells two uploads of one clip apart. */
	snprintf(temporary, sizeof(temporary), "%s/spool/%s.%d", data_dir, clip_id, fd);
	library_files_path(data_dir, clip_id, target, sizeof(target));
	rc = rc < 0 ? rc : name_file(fd, temporary, err);
	if (rc < 0) {
		return rc;
	}
	if (rename(temporary, target) < 0) {
		rc = fail(err, "make", target);
		unlink(temporary);
		return rc;
	}
	snprintf(temporary, sizeof(temporary), "%s/clips", data_dir);
	rc = sync_folder(folder, err);
	return rc < 0 ? rc : sync_folder(temporary, err);
}

int library_files_remove(const char *data_dir, const char *clip_id, struct error *err) {
	char path[PATH_MAX];
	library_files_path(data_dir, clip_id, path, sizeof(path));
	if (unlink(path) < 0 && errno != ENOENT) {
		return fail(err, "remove", path);
	}
	return 0;
}
