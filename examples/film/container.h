/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#define FILM_CONTAINER_EXTENSIONS ".mkv, .mp4, .m4v and .mov"

/**
 * FilmContainer: a kind of file that can be written.
 * @name: for people.
 * @muxer: the element that writes it.
 * @waits_for_text: the muxer waits for its subtitle tracks as for the others.
 * @keeps_chapters: it can hold chapters.
 * @open_ended: a file that was not finished can be played.
 */
typedef struct {
    const char *extension;
    const char *name;
    const char *muxer;
    gboolean waits_for_text;
    gboolean keeps_chapters;
    gboolean open_ended;
} FilmContainer;

/** film_container_for: by @extension with its dot; NULL: not one that we write. */
const FilmContainer *film_container_for(const char *extension);

/** film_container_make_muxer: its muxer, set up; NULL: not installed. */
GstElement *film_container_make_muxer(const FilmContainer *container);

/** film_muxer_accepts: whether a track of @caps goes in through a pad named by the @template_name.
 */
gboolean film_muxer_accepts(GstElement *muxer, const char *template_name, const GstCaps *caps);

/** film_container_set_frame_rate: the ticks of the video track on @muxer_pad are made to fit @caps.
 */
void film_container_set_frame_rate(GstPad *muxer_pad, const GstCaps *caps);
