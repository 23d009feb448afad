/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

/**
 * FilmProgress: tells on stderr how far the film is: a bar in one line of a terminal, elsewhere a
 * line now and then.
 */
typedef struct {
    gboolean terminal;
    gboolean shown; /* a bar is on the terminal's last line */
    gint64 start;   /* monotonic, in microseconds */
    gint64 last_line;
} FilmProgress;

void film_progress_init(FilmProgress *progress);

/** film_progress_show: to be called some times a second. @duration: %GST_CLOCK_TIME_NONE: unknown.
 */
void film_progress_show(FilmProgress *progress, guint64 frames, GstClockTime position,
                        GstClockTime duration);

/** film_progress_say: a line of text, which does not get mixed up with the bar. */
void film_progress_say(FilmProgress *progress, const char *format, ...) G_GNUC_PRINTF(2, 3);

double film_progress_seconds(const FilmProgress *progress);
