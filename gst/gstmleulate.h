/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstmleucolorizeprivate.h"

/* Late frames, and the latency that keeps them from being late. */

G_BEGIN_DECLS

void            gst_mleu_colorize_hear          (GstMleuColorize * self,
                                                 GstEvent * event);

void            gst_mleu_colorize_add_latency   (GstMleuColorize * self,
                                                 GstQuery * query);

void            gst_mleu_colorize_judge_lateness (GstMleuColorize * self,
                                                 GstBuffer * buffer);

gboolean        gst_mleu_colorize_is_to_drop    (const GstMleuColorize * self);

G_END_DECLS
