/* cleanup.c - see cleanup.h. */
#include "base/cleanup.h"

#include <errno.h>

void fd_close(int fd) {
	if (fd >= 0) {
		int saved = errno;
		close(fd);
		errno = saved;
	}
}

void file_close(FILE *file) {
	if (file != NULL) {
		fclose(file);
	}
}
