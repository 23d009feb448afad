/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>
#include <mleu/mleu.h>

/* Caps in, caps out: what mleucolorize negotiates, without an element. */

G_BEGIN_DECLS

/* In the order of preference among formats that are otherwise equal. */
#define GST_MLEU_COLOR_FORMATS \
    "I420, YV12, NV12, NV21, I420_10LE, P010_10LE, " \
    "Y42B, YUY2, UYVY, I422_10LE, Y444, Y444_10LE, Y444_16LE, " \
    "RGBx, BGRx, xRGB, xBGR, RGBA, BGRA, ARGB, ABGR, RGB, BGR"
#define GST_MLEU_GRAY_FORMATS "GRAY8, GRAY16_LE, GRAY16_BE"

/* The largest frame is MLEU_FRAME_MAX_SIDE on each side. */
#define GST_MLEU_CAPS(formats) \
    "video/x-raw, format = (string) { " formats " }, " \
    "width = (int) [ 1, 16384 ], height = (int) [ 1, 16384 ], " \
    "framerate = " GST_VIDEO_FPS_RANGE

GstCaps *       gst_mleu_caps_transform         (GstPadDirection direction,
                                                 GstCaps * caps,
                                                 gboolean keep_color);

GstCaps *       gst_mleu_caps_fixate_output     (GstCaps * caps,
                                                 GstCaps * othercaps);

guint           gst_mleu_caps_rank              (const GstVideoFormatInfo *in,
                                                 const GstVideoFormatInfo *out);

void            gst_mleu_caps_read_chroma_site  (const GstCaps * caps,
                                                 GstVideoInfo * info);

void            gst_mleu_caps_to_formats        (const GstVideoInfo * in,
                                                 const GstVideoInfo * out,
                                                 MleuFormat * input,
                                                 MleuFormat * output);

gboolean        gst_mleu_caps_same_samples      (const GstVideoInfo * in,
                                                 const GstVideoInfo * out);

void            gst_mleu_frame_view             (const GstVideoFrame * frame,
                                                 MleuFrame * view);

gboolean        gst_mleu_frame_is_window        (GstBuffer * buffer,
                                                 const GstVideoInfo * info);

void            gst_mleu_frame_crop             (GstVideoFrame * frame,
                                                 const GstVideoInfo * info);

G_END_DECLS
