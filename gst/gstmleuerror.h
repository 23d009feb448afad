/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

/* The library's errors, as bus messages. */

G_BEGIN_DECLS

void            gst_mleu_post_error             (GstElement * element,
                                                 GError * error);

G_END_DECLS
