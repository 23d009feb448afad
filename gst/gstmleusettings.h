/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <mleu/mleu.h>

/* The properties of mleucolorize. */

G_BEGIN_DECLS

/**
 * GstMleuLatePolicy:
 * @GST_MLEU_LATE_REUSE: its colours are carried along the motion from the frames
 *   before.
 * @GST_MLEU_LATE_DROP: it is dropped.
 * @GST_MLEU_LATE_PROCESS: it is coloured like any other.
 *
 * What becomes of a frame that comes too late to be shown in time.
 *
 * Since: 0.1
 */
typedef enum
{
  GST_MLEU_LATE_REUSE,
  GST_MLEU_LATE_DROP,
  GST_MLEU_LATE_PROCESS,
} GstMleuLatePolicy;

#define GST_TYPE_MLEU_LATE_POLICY (gst_mleu_late_policy_get_type ())
GType           gst_mleu_late_policy_get_type   (void);

typedef struct
{
  gchar *model_name;
  MleuParams params;
  guint render_size;
  guint n_threads;
  guint inference_interval;
  guint lookahead;
  GstMleuLatePolicy late_policy;
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
