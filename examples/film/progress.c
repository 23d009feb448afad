/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#define BAR_WIDTH 24
#define LINE_EVERY (10 * G_USEC_PER_SEC)

void film_progress_init(FilmProgress *progress)
{
    progress->terminal = isatty(STDERR_FILENO);
    progress->shown = FALSE;
    progress->start = progress->last_line = g_get_monotonic_time();
}

double film_progress_seconds(const FilmProgress *progress)
{
    return (double)(g_get_monotonic_time() - progress->start) / G_USEC_PER_SEC;
}

static char *clock_text(double seconds)
{
    guint all = (guint)(seconds + 0.5);

    return all >= 3600 ? g_strdup_printf("%u:%02u:%02u", all / 3600, all / 60 % 60, all % 60)
                       : g_strdup_printf("%u:%02u", all / 60, all % 60);
}

static char *status_text(const FilmProgress *progress, guint64 frames, double share)
{
    double elapsed = film_progress_seconds(progress);
    double rate = elapsed > 0 ? (double)frames / elapsed : 0;
    char *left, *text;

    if (share <= 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT " frames, %.1f fps", frames, rate);
    left = clock_text(elapsed / share - elapsed);
    text = g_strdup_printf("%3d%%  %" G_GUINT64_FORMAT " frames, %.1f fps, %s left",
                           (int)(share * 100), frames, rate, left);
    g_free(left);
    return text;
}

void film_progress_show(FilmProgress *progress, guint64 frames, GstClockTime position,
                        GstClockTime duration)
{
    gint64 now = g_get_monotonic_time();
    double share = 0;
    char *status;

    if (frames == 0 || (!progress->terminal && now - progress->last_line < LINE_EVERY))
        return;
    if (GST_CLOCK_TIME_IS_VALID(position) && GST_CLOCK_TIME_IS_VALID(duration) && duration > 0)
        share = CLAMP((double)position / (double)duration, 0, 1);
    status = status_text(progress, frames, share);
    if (progress->terminal) {
        char bar[BAR_WIDTH + 1] = {0};

        for (int i = 0; i < BAR_WIDTH; i++)
            bar[i] = i < (int)(share * BAR_WIDTH) ? '#' : '.';
        fprintf(stderr, "\r\033[K[%s] %s", bar, status);
        progress->shown = TRUE;
    } else {
        fprintf(stderr, "%s\n", status);
    }
    fflush(stderr);
    progress->last_line = now;
    g_free(status);
}

void film_progress_say(FilmProgress *progress, const char *format, ...)
{
    va_list args;

    if (progress->shown)
        fprintf(stderr, "\r\033[K");
    progress->shown = FALSE;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}
