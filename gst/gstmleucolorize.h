/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/video/gstvideofilter.h>

G_BEGIN_DECLS

#define GST_TYPE_MLEU_COLORIZE (gst_mleu_colorize_get_type ())
G_DECLARE_FINAL_TYPE (GstMleuColorize, gst_mleu_colorize, GST, MLEU_COLORIZE,
    GstVideoFilter)

GST_ELEMENT_REGISTER_DECLARE (mleucolorize);

G_END_DECLS
