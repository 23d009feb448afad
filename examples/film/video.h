/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "container.h"
#include "options.h"
#include "timeline.h"

/**
 * FilmVideo: from decoded frames to H.264: upright, coloured, compressed.
 * @head: takes the decoded frames.
 * @tail: gives H.264.
 * @muxer_pad: (nullable): where @tail leads.
 * @cut: where film_video_stop() ended the film; %GST_CLOCK_TIME_NONE before.
 * @decoded: frames that came in.
 * @coloured: frames that are coloured.
 * @written: frames that went to the muxer.
 * @position: time of the last coloured frame.
 *
 * @lock guards what stands below it.
 */
typedef struct {
    GstElement *head;
    GstElement *crop;
    GstElement *tail;
    GstPad *muxer_pad;
    FilmTimeline timeline;
    GstClockTime frame_duration;
    gint width;
    gint height;

    GMutex lock;
    gboolean stopping;
    GstClockTime cut;
    GstClockTime first;
    GstClockTime position;
    guint64 decoded;
    guint64 coloured;
    guint64 written;
} FilmVideo;

/** film_video_init: makes the elements and links them in @bin. */
gboolean film_video_init(FilmVideo *video, GstBin *bin, const FilmOptions *options, GError **error);
gboolean film_video_link(FilmVideo *video, GstElement *muxer);
void film_video_clear(FilmVideo *video);

/** film_video_stop: the film ends before the next frame. */
void film_video_stop(FilmVideo *video);

/** film_make: an element of @bin; the @error names the Debian @package that has it. */
GstElement *film_make(GstBin *bin, const char *factory, const char *package, GError **error);

/** film_post: has the main program say @text: a warning, or, with @fatal, the error that ends it.
 * Takes @text. */
void film_post(GstObject *source, gboolean fatal, char *text);
