/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "track.h"
#include "video.h"

/**
 * Film: the pipeline that reads one film, colours it, and writes the other.
 *
 *   filesrc ! parsebin --video--> multiqueue ! decodebin ! FilmVideo ! muxer ! filesink
 *                      --others-> multiqueue ! FilmTrack             ! muxer
 *
 * @as_stamped: as in FilmTimeline.
 * @chapters: (nullable): those that the demuxer does not tell of.
 * @count: tracks seen, of each kind.
 * @video_pad: (nullable): parsebin's, of the video that is coloured; guarded by @video.lock.
 * @tracks: (element-type FilmTrack): the others; guarded by @video.lock.
 * @pipeline: posts, apart from GStreamer's messages, what film_post() sends.
 */
typedef struct {
    const FilmOptions *options;
    const FilmContainer *container;
    GstElement *pipeline;
    GstElement *queue;
    GstElement *decoder;
    GstElement *muxer;
    FilmVideo video;
    gboolean as_stamped;
    GstToc *chapters;
    guint count[FILM_KINDS];
    GstPad *video_pad;
    GPtrArray *tracks;
} Film;

Film *film_new(const FilmOptions *options, GError **error);
void film_free(Film *film);

/** film_stop: ends the film with the next frame; the bus tells when all is written. */
void film_stop(Film *film);

/** film_get_duration: as far as the input knows; %GST_CLOCK_TIME_NONE otherwise. */
GstClockTime film_get_duration(Film *film);

/**
 * film_relieve: lets the queues grow where one track is so far ahead of another in the file that
 * all would wait for each other forever. To be called now and then.
 */
void film_relieve(Film *film);
