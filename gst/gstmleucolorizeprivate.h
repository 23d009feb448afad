/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/mleu.h>

#include "gstmleucolorize.h"
#include "gstmleugate.h"
#include "gstmleulive.h"
#include "gstmleusettings.h"

/* The element's state, for the files that are the element: gstmleucolorize.c
 * has its life, gstmleuframes.c the way of a frame, gstmleulookahead.c frames
 * that wait, gstmleulate.c late frames and latency, gstmleumessages.c what it
 * says. */

G_BEGIN_DECLS

GST_DEBUG_CATEGORY_EXTERN (gst_mleu_colorize_debug);

struct _GstMleuColorize
{
  GstVideoFilter parent;

  /* Under the object lock. */
  GstMleuSettings settings;
  GstClockTime held_back;
  GstMleuQos qos;
  GstMleuLatency latency;
  GstMleuTally tally;
  gboolean is_live;
  GstClockTime pipeline_latency;
  gboolean flushing;
  gboolean stopping;
  /* Replaced by the streaming thread, which reads it without the lock. */
  MleuColorizer *colorizer;

  /* From start() to stop(). */
  MleuModel *model;

  /* The streaming thread's. */
  MleuFormat input;
  MleuFormat output;
  gboolean keep_color;
  GstMleuGate gate;
  gdouble frame_seconds;
  GstClockTime last_pts;
  gdouble elapsed;
  /* Since the history was forgotten; of the frame, for inference-interval. */
  guint64 n_frames;
  guint64 frame_number;
  gboolean warned_hdr;
  /* Frames that wait for those after them, the oldest first. */
  GQueue pending;
  guint lookahead;
  GstMleuBudget budget;
  /* Of the frame at hand: 0 in time, and what becomes of it where it is not. */
  GstClockTimeDiff lateness;
  GstMleuLatePolicy late_policy;
};

G_END_DECLS
