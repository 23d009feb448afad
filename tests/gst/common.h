/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/check/gstharness.h>
#include <gst/gst.h>
#include <gst/video/video.h>

/* An environment that the machine's own has no part in: a folder with links to
 * the plugins named, our plugin's build folder, a registry, a small model. */

void            test_begin                      (int *argc, char ***argv,
                                                 const gchar * const *plugins);

int             test_end                        (int result);

/* The folder, gone after test_end(). */
const gchar *   test_folder                     (void);

gchar *         test_path                       (const gchar * name);

/* The small model; written at the first call. */
const gchar *   test_model                      (void);

/* Harness of one mleucolorize with the small model, not yet playing. */
GstHarness *    test_harness                    (const gchar * in_caps,
                                                 const gchar * out_caps);

/* Caps of 25 frames a second, YUV in full range with BT.601's matrix. */
gchar *         test_caps_for                   (const gchar * format,
                                                 gint width, gint height);

/* What caps say, or those that @pad has. */
void            test_info                       (GstVideoInfo * info,
                                                 const gchar * caps);

void            test_pad_info                   (GstVideoInfo * info,
                                                 GstPad * pad);

/* A frame of @info whose samples follow from @seed, every value of the depth
 * included. */
GstBuffer *     test_frame                      (const GstVideoInfo * info,
                                                 guint32 seed,
                                                 GstClockTime pts);

/* Frames of one scene: a gradient, lighter by @lighter, in front of random
 * chroma. 8-bit YUV. */
GstBuffer *     test_scene                      (const GstVideoInfo * info,
                                                 guint lighter,
                                                 GstClockTime pts);

/* Sample @x, @y of a component. */
guint           test_sample                     (const GstVideoFrame * frame,
                                                 guint component, guint x,
                                                 guint y);

/* Largest distance of a chroma sample from neutral, as 8-bit code values. */
guint           test_chroma                     (const GstVideoInfo * info,
                                                 GstBuffer * buffer);

/* Asserts that both frames have the same samples. */
void            test_assert_equal               (const GstVideoInfo * info,
                                                 GstBuffer * a, GstBuffer * b);

/* Whether both buffers have the same bytes. */
gboolean        test_is_equal                   (GstBuffer * a, GstBuffer * b);
