/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstmleucolorizeprivate.h"

/* Frames that wait for those after them: the look-ahead. */

G_BEGIN_DECLS

void            gst_mleu_colorize_drop_pending  (GstMleuColorize * self);

GstFlowReturn   gst_mleu_colorize_drain         (GstMleuColorize * self);

void            gst_mleu_colorize_update_lookahead_latency
                                                (GstMleuColorize * self);

void            gst_mleu_colorize_widen_pools   (GstMleuColorize * self,
                                                 GstQuery * query);

GstFlowReturn   gst_mleu_colorize_take_and_give (GstMleuColorize * self,
                                                 GstBuffer ** out);

G_END_DECLS
