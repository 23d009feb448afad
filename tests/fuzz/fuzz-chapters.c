/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The chapters of MP4 files, which the film command reads itself. */
#include <unistd.h>

#include "chapters.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    if (!gst_is_initialized())
        gst_init(NULL, NULL);
    char *path;
    const int fd = fuzz_file(data, size, &path);
    GstToc *toc = film_chapters_read(path);
    if (toc != NULL)
        gst_toc_unref(toc);
    g_free(path);
    close(fd);
    return 0;
}
