/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstmleucolorizeprivate.h"

/* A frame's way: time, the network, colours. */

G_BEGIN_DECLS

void            gst_mleu_colorize_forget        (GstMleuColorize * self);

void            gst_mleu_colorize_before_transform (GstBaseTransform * trans,
                                                 GstBuffer * buffer);

gboolean        gst_mleu_colorize_has_own_colors (GstMleuColorize * self,
                                                 const MleuFrame * in);

void            gst_mleu_colorize_get_params    (GstMleuColorize * self,
                                                 MleuParams * params);

GstFlowReturn   gst_mleu_colorize_predict_frame (GstMleuColorize * self,
                                                 const MleuFrame * in,
                                                 const MleuParams * params);

guint64         gst_mleu_colorize_n_predictions (const GstMleuColorize * self);

void            gst_mleu_colorize_account       (GstMleuColorize * self,
                                                 gint64 begin,
                                                 guint64 predictions);

GstFlowReturn   gst_mleu_colorize_transform_frame (GstVideoFilter * filter,
                                                 GstVideoFrame * in_frame,
                                                 GstVideoFrame * out_frame);

GstFlowReturn   gst_mleu_colorize_transform_frame_ip (GstVideoFilter * filter,
                                                 GstVideoFrame * frame);

G_END_DECLS
