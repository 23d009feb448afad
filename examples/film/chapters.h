/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

/**
 * film_chapters_read: the chapters of an MP4 file, which qtdemux (1.22) passes over: those in the
 * box moov/udta/chpl, as FFmpeg, HandBrake and Nero write it. Times are the film's.
 *
 * Returns: (transfer full) (nullable): NULL: there are none, or it is another kind of file.
 */
GstToc *film_chapters_read(const char *path);
