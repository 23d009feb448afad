/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

/* What a live pipeline asks of mleucolorize beside colours: which frames come
 * too late, whether there is time for the network, how long a frame takes, what
 * was done. Arithmetic on times that the caller measures.
 *
 * Thread-safety: none has a lock of its own. */

G_BEGIN_DECLS

/* Lateness, by what a sink that plays by the clock says. */
typedef struct
{
  gboolean is_heard;
  /* Running time of the first frame that is not too late, or NONE. */
  GstClockTime earliest;
  gdouble proportion;
} GstMleuQos;

void            gst_mleu_qos_reset              (GstMleuQos * qos);

void            gst_mleu_qos_update             (GstMleuQos * qos,
                                                 gdouble proportion,
                                                 GstClockTimeDiff diff,
                                                 GstClockTime timestamp,
                                                 GstClockTime duration);

GstClockTimeDiff gst_mleu_qos_lateness          (const GstMleuQos * qos,
                                                 GstClockTime running_time,
                                                 GstClockTime now);

/* Time for the network: a bucket that each frame's period flows into, and that
 * what was spent on the frame is taken from. */
typedef struct
{
  gdouble debt;
  guint carried;
} GstMleuBudget;

void            gst_mleu_budget_reset           (GstMleuBudget * budget);

gboolean        gst_mleu_budget_allows          (const GstMleuBudget * budget);

void            gst_mleu_budget_spend           (GstMleuBudget * budget,
                                                 gdouble seconds,
                                                 gdouble period,
                                                 gboolean is_inferred);

/* How long a frame takes that the network runs for. */
typedef struct
{
  guint n_frames;
  gdouble mean, deviation;
  GstClockTime reported;
} GstMleuLatency;

void            gst_mleu_latency_reset          (GstMleuLatency * latency);

gboolean        gst_mleu_latency_measure        (GstMleuLatency * latency,
                                                 gdouble seconds);

/* What was done since the element started. */
typedef struct
{
  guint64 inferred, reused, dropped, cuts;
  gdouble seconds, worst;
  const gchar *tier;
} GstMleuTally;

void            gst_mleu_tally_reset            (GstMleuTally * tally);

void            gst_mleu_tally_count            (GstMleuTally * tally,
                                                 gdouble seconds,
                                                 gboolean is_inferred);

GstStructure *  gst_mleu_tally_to_structure     (const GstMleuTally * tally);

G_END_DECLS
