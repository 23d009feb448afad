/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

int fuzz_file(gconstpointer data, gsize size, char **path)
{
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (gssize)size)
        g_error("no file in memory");
    *path = g_strdup_printf("/proc/self/fd/%d", fd);
    return fd;
}
