/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

/**
 * FilmTimeline: puts one track on the film's own clock.
 *
 * Demuxers describe edit lists, films that start late and priming packets by segments around the
 * timestamps. Muxers drop what lies outside a segment and start to count where the segment starts.
 * So every buffer is given the time at which a player shows it (the stream time), in one segment
 * that begins at 0. What a player would decode but not present because it lies before 0 (an AAC
 * encoder's first packet) is kept, at 0.
 *
 * @as_stamped: the timestamps are the times: Matroska's are, but matroskademux starts its segment
 * at the first one that it happens to see.
 * @end: of the last buffer.
 */
typedef struct {
    GstSegment segment;
    gboolean as_stamped;
    GstClockTime end;
} FilmTimeline;

void film_timeline_init(FilmTimeline *timeline, gboolean as_stamped);

/** film_timeline_event: takes @event, returns the one to send on instead. */
GstEvent *film_timeline_event(FilmTimeline *timeline, GstEvent *event);

/** film_timeline_buffer: takes @buffer, returns it with its new times; always with a PTS. */
GstBuffer *film_timeline_buffer(FilmTimeline *timeline, GstBuffer *buffer,
                                GstClockTime default_duration);
