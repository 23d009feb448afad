/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "part.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

/* Of a claim that fails with errno. */
static gboolean fail(const FilmPart *part, GError **error)
{
    int code = errno;

    if (code == EWOULDBLOCK)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_BUSY,
                    "%s: another colorize-film is writing it, in %s; wait until it is done, or "
                    "choose another name",
                    part->options->out, part->options->part);
    else
        g_set_error(error, G_IO_ERROR, (gint)g_io_error_from_errno(code),
                    "%s: cannot be written: %s", part->options->part, g_strerror(code));
    return FALSE;
}

gboolean film_part_claim(FilmPart *part, const FilmOptions *options, gboolean *left, GError **error)
{
    struct stat status;

    part->options = options;
    for (;;) {
        part->fd = g_open(options->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (part->fd < 0)
            return fail(part, error);
        /* File systems that know no locks are written to without one. */
        if (flock(part->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            fail(part, error);
            film_part_release(part);
            return FALSE;
        }
        /* Else its writer ended between the two calls, and it has its final name or none. */
        if (film_part_exists(part))
            break;
        film_part_release(part);
    }
    *left = fstat(part->fd, &status) == 0 && status.st_size > 0;
    /* Here, and not before: another program may have finished it just now. */
    if (options->force || !g_file_test(options->out, G_FILE_TEST_EXISTS))
        return TRUE;
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_EXISTS, "%s: exists; --force replaces it",
                options->out);
    if (!*left)
        film_part_remove(part);
    film_part_release(part);
    return FALSE;
}

gboolean film_part_exists(const FilmPart *part)
{
    struct stat ours, there;

    return fstat(part->fd, &ours) == 0 && stat(part->options->part, &there) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

gboolean film_part_finish(const FilmPart *part, GError **error)
{
    const char *from = part->options->part, *to = part->options->out;
    gboolean done;

    if (!film_part_exists(part)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                    "%s: was removed or replaced while the film was written to it", from);
        return FALSE;
    }
    done = fsync(part->fd) == 0;
    /* Not every file system knows RENAME_NOREPLACE. */
    if (done && !part->options->force) {
        done = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0;
        if (!done && (errno == EINVAL || errno == ENOSYS) && !g_file_test(to, G_FILE_TEST_EXISTS))
            done = g_rename(from, to) == 0;
    } else if (done) {
        done = g_rename(from, to) == 0;
    }
    if (!done)
        g_set_error(error, G_IO_ERROR, (gint)g_io_error_from_errno(errno),
                    "%s: %s; the film is in %s", to, g_strerror(errno), from);
    return done;
}

void film_part_remove(const FilmPart *part)
{
    if (film_part_exists(part))
        g_unlink(part->options->part);
}

void film_part_release(FilmPart *part)
{
    close(part->fd);
    part->fd = -1;
}
