/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstmleucolorizeprivate.h"

/* What the element says on the bus. */

G_BEGIN_DECLS

void            gst_mleu_colorize_post_stats    (GstMleuColorize * self);

void            gst_mleu_colorize_post_scene_cut (GstMleuColorize * self,
                                                 GstClockTime pts);

void            gst_mleu_colorize_post_qos      (GstMleuColorize * self,
                                                 GstBuffer * dropped);

G_END_DECLS
