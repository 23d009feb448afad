/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <gst/gst.h>

/* A temporary folder, a GStreamer with the plugins that films need and @more (nullable; NULL at the
 * end), a small model. */
void media_begin(int *argc, char ***argv, const char *const *more);
int media_end(int result);

/* A name in the temporary folder. */
char *media_path(const char *name);

/* What to make: 96x64, H.264 with B-frames. */
typedef struct {
    const char *name; /* ends in .mkv or .mp4 */
    guint frames;
    const char *pattern; /* of videotestsrc */
    const char *filter;  /* (nullable): elements on the raw video, with a '!' at the end */
    const char *aspect;  /* pixel aspect ratio, "n/d" */
    gboolean varying;    /* frames at uneven distances, one of them long */
    guint sounds;        /* 0..2: FLAC or MP3 in German, AAC in French with a title */
    gboolean text;       /* subtitles in Matroska */
    gboolean chapters;
    GstClockTime start;
} MediaRecipe;

/* Returns: the path. */
char *media_make(const MediaRecipe *recipe);

typedef struct {
    char *kind; /* "video", "audio", "text" */
    GstCaps *caps;
    char *language;
    char *title;
    GArray *pts;
    GArray *durations;
    GPtrArray *bytes; /* GBytes */
} MediaTrack;

typedef struct {
    GPtrArray *tracks;
    GstToc *toc;
    GstTagList *tags;
} Media;

/* What the demuxer says of a file, packet by packet. */
Media *media_read(const char *path);
void media_free(Media *media);
const MediaTrack *media_track(const Media *media, const char *kind, guint index);

/* Runs colorize-film with the small model and the arguments, NULL at the end. Returns: its exit
 * status. */
int media_colorize(char **messages, const char *in, const char *out, ...) G_GNUC_NULL_TERMINATED;

/* Starts it, with stderr into a pipe. */
GSubprocess *media_start(const char *in, const char *out, GPtrArray *options);

/* Waits for a process that was started with its stderr in a pipe, and takes it. @messages
 * (nullable): what it said there. Returns: its exit status. */
int media_wait(GSubprocess *process, char **messages);

/* Decodes the video to I420 and calls @frame for each. */
typedef void (*MediaFrame)(GstBuffer *buffer, GstCaps *caps, guint index, gpointer data);
guint media_decode(const char *path, MediaFrame frame, gpointer data);
