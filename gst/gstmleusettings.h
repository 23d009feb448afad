/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <mleu/mleu.h>

/* The properties of mleucolorize. */

G_BEGIN_DECLS

typedef struct
{
  gchar *model_name;
  MleuParams params;
  guint render_size;
  guint n_threads;
  guint inference_interval;
  guint lookahead;
  gboolean recolor;
} GstMleuSettings;

void            gst_mleu_settings_install       (GObjectClass * object_class);

void            gst_mleu_settings_init          (GstMleuSettings * settings);

void            gst_mleu_settings_clear         (GstMleuSettings * settings);

gboolean        gst_mleu_settings_set           (GstMleuSettings * settings,
                                                 guint id,
                                                 const GValue * value);

gboolean        gst_mleu_settings_get           (const GstMleuSettings * self,
                                                 guint id,
                                                 GValue * value);

G_END_DECLS
