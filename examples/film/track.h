/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "timeline.h"

typedef enum { FILM_VIDEO, FILM_AUDIO, FILM_SUBTITLE, FILM_OTHER, FILM_KINDS } FilmKind;

/** film_kind: by the type that the demuxer declares, else by the name of the caps. */
FilmKind film_kind(GstPad *pad, const GstCaps *caps);

/** film_kind_template: the name of the pads through which muxers take this kind; NULL: none. */
const char *film_kind_template(FilmKind kind);

/** film_track_describe: such as "audio track 2 (AC-3 (ATSC A/52), de)". */
char *film_track_describe(FilmKind kind, guint number, GstPad *pad, const GstCaps *caps);

/**
 * FilmTrack: a track that goes into the new file as it is.
 * @queue_pad: where it leaves the multiqueue.
 * @pad: the last one before the muxer.
 * @markup: text that its demuxer declared to be Pango markup.
 * @markup_seen: some of it really was.
 * @timed: a buffer with a time has come; those before may be the codec's headers.
 * @cut: nothing from this time on is let through; %GST_CLOCK_TIME_NONE: everything is. Guarded by
 * @lock.
 */
typedef struct {
    FilmKind kind;
    GstPad *queue_pad;
    GstPad *pad;
    FilmTimeline timeline;
    gboolean markup;
    gboolean markup_seen;
    gboolean timed;
    gboolean ended;
    GMutex *lock;
    const GstClockTime *cut;
} FilmTrack;

/** film_track_new: watches @pad. @lock and @cut outlive the track. Its timeline and @markup are the
 * caller's to set. */
FilmTrack *film_track_new(FilmKind kind, GstPad *queue_pad, GstPad *pad, GMutex *lock,
                          const GstClockTime *cut);
void film_track_free(FilmTrack *track);

/** film_track_is_markup: whether @caps are text with Pango markup. Muxers want the plain text that
 * is in the file. */
gboolean film_track_is_markup(const GstCaps *caps);
