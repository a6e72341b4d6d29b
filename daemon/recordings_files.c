/* recordings_files.c - see recordings_files.h. */
#include "recordings_files.h"

#include "base/str.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "recordings"
#define NEW "new"

static int make_folder(const char *path, struct error *err) {
	if (mkdir(path, 0750) < 0 && errno != EEXIST) {
		return error_set(err, errno, "cannot make the folder '%s': %s", path,
				 strerror(errno));
	}
	return 0;
}

int recordings_files_prepare(const char *data_dir, struct error *err) {
	char path[PATH_MAX];
	str_format(path, sizeof(path), "%s/" FOLDER, data_dir);
	int rc = make_folder(path, err);
	str_format(path, sizeof(path), "%s/" FOLDER "/" NEW, data_dir);
	return rc < 0 ? rc : make_folder(path, err);
}

void recordings_files_name(int64_t now_us, int64_t zone, int64_t number,
			   char ret[RECORDING_FILE_SIZE]) {
	time_t s = (time_t)(now_us / 1000000);
	struct tm tm;
	char time[64];
	gmtime_r(&s, &tm);
	strftime(time, sizeof(time), "%Y/%m/%Y%m%dT%H%M%S", &tm);
	str_format(ret, RECORDING_FILE_SIZE, "%s.%06dZ-zone%lld-%lld.opus", time,
		   (int)(now_us % 1000000), (long long)zone, (long long)number);
}

bool recordings_files_ours(const char *name, char ret[RECORDING_FILE_SIZE]) {
	char digits[8 + 1];
	int used = 0;
	if (strlen(name) >= RECORDING_FILE_SIZE - 8 ||
	    sscanf(name, "%8[0-9]T%*6[0-9].%*6[0-9]Z-zone%*18[0-9]-%*18[0-9].opus%n",
		   digits, &used) != 1 ||
	    used == 0 || name[used] != '\0') {
		return false;
	}
	str_format(ret, RECORDING_FILE_SIZE, "%.4s/%.2s/%s", digits, digits + 4, name);
	return true;
}

void recordings_files_path(const char *data_dir, const char *file, char *ret,
			   size_t size) {
	str_format(ret, size, "%s/" FOLDER "/%s", data_dir, file);
}

static const char *name_of(const char *file) {
	const char *slash = strrchr(file, '/');
	return slash != NULL ? slash + 1 : file;
}

void recordings_files_new_path(const char *data_dir, const char *file, char *ret,
			       size_t size) {
	str_format(ret, size, "%s/" FOLDER "/" NEW "/%s", data_dir, name_of(file));
}

int recordings_files_install(const char *data_dir, const char *file, struct error *err) {
	char from[PATH_MAX];
	char to[PATH_MAX];
	recordings_files_new_path(data_dir, file, from, sizeof(from));
	recordings_files_path(data_dir, file, to, sizeof(to));
	int rc = recordings_files_prepare(data_dir, err);
	/* The folders of the year and the month. */
	size_t known = strlen(to) - strlen(file);
	for (char *slash = strchr(to + known, '/'); rc >= 0 && slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		rc = make_folder(to, err);
		*slash = '/';
	}
	if (rc < 0) {
		return rc;
	}
	if (rename(from, to) < 0) {
		return error_set(err, errno,
				 "the recording '%s' cannot be moved to '%s': %s", from,
				 to, strerror(errno));
	}
	return 0;
}

static int remove_path(const char *path, struct error *err) {
	if (unlink(path) < 0 && errno != ENOENT) {
		return error_set(err, errno, "the recording '%s' cannot be removed: %s",
				 path, strerror(errno));
	}
	return 0;
}

int recordings_files_remove(const char *data_dir, const char *file, struct error *err) {
	char path[PATH_MAX];
	recordings_files_new_path(data_dir, file, path, sizeof(path));
	int rc = remove_path(path, err);
	recordings_files_path(data_dir, file, path, sizeof(path));
	return rc < 0 ? rc : remove_path(path, err);
}
