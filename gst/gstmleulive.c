/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstmleulive.h"

#include <math.h>
#include <mleu/mleu.h>

/* Share of a frame's period that it may cost: the rest of the pipeline runs on
 * the same processors. */
#define BUDGET_SHARE 0.7

/* Longest that a stall is repaid for, in seconds: the machine may have slept. */
#define DEBT_MAX 1.0

/* Colours are carried over no more frames than by the longest interval that can
 * be set. */
#define CARRIED_MAX 31

/* Frames that the mean time and its deviation are taken over, about. */
#define LATENCY_FRAMES 16

/* Head-room over the mean: four times the mean deviation, as TCP waits for an
 * answer (RFC 6298), and a quarter where times hardly deviate. */
#define LATENCY_DEVIATIONS 4.0
#define LATENCY_LEAST 1.25

/* What the sinks are told moves by no less: each time, they stop short. */
#define LATENCY_STEP 0.25

/* Lateness */

void
gst_mleu_qos_reset (GstMleuQos * qos)
{
  qos->is_heard = FALSE;
  qos->earliest = GST_CLOCK_TIME_NONE;
  qos->proportion = 1.0;
}

/* gst_mleu_qos_update: takes a QoS event.
 * @diff: by how much the frame of running time @timestamp was too late; negative
 *   where it was early.
 * @duration: of a frame, or 0 where it is not known.
 */
void
gst_mleu_qos_update (GstMleuQos * qos, gdouble proportion,
    GstClockTimeDiff diff, GstClockTime timestamp, GstClockTime duration)
{
  if (!GST_CLOCK_TIME_IS_VALID (timestamp))
    return;
  qos->is_heard = TRUE;
  qos->proportion = proportion;
  qos->earliest = GST_CLOCK_TIME_NONE;
  /* The next frame at least is late, and as much more as is to be made up for:
   * twice the delay, as GstVideoDecoder has it. */
  if (diff > 0)
    qos->earliest = timestamp + MIN (2 * (GstClockTime) diff, GST_SECOND) +
        duration;
}

/* gst_mleu_qos_lateness:
 * @running_time: the frame's, or NONE.
 * @now: running time that a sink shows at present, or NONE where there is no
 *   clock.
 *
 * Returns: by how much the frame comes too late, or 0. Never more without a QoS
 *   event: where no sink plays by the clock, as when a film is written, no frame
 *   is late.
 */
GstClockTimeDiff
gst_mleu_qos_lateness (const GstMleuQos * qos, GstClockTime running_time,
    GstClockTime now)
{
  GstClockTimeDiff lateness = 0;

  if (!qos->is_heard || !GST_CLOCK_TIME_IS_VALID (running_time))
    return 0;
  if (GST_CLOCK_TIME_IS_VALID (qos->earliest))
    lateness = GST_CLOCK_DIFF (running_time, qos->earliest);
  if (GST_CLOCK_TIME_IS_VALID (now))
    lateness = MAX (lateness, GST_CLOCK_DIFF (running_time, now));
  return MAX (lateness, 0);
}

/* Budget */

void
gst_mleu_budget_reset (GstMleuBudget * budget)
{
  budget->debt = 0;
  budget->carried = 0;
}

/* gst_mleu_budget_allows: Returns: whether the network may run for the next
 *   frame: the time that it took before is made up for. */
gboolean
gst_mleu_budget_allows (const GstMleuBudget * budget)
{
  return budget->debt <= 0 || budget->carried >= CARRIED_MAX;
}

/* gst_mleu_budget_spend:
 * @seconds: what the frame took.
 * @period: from one frame to the next, in seconds.
 * @is_inferred: the network ran.
 */
void
gst_mleu_budget_spend (GstMleuBudget * budget, gdouble seconds,
    gdouble period, gboolean is_inferred)
{
  budget->debt = CLAMP (budget->debt + seconds - BUDGET_SHARE * period, 0.0,
      DEBT_MAX);
  budget->carried = is_inferred ? 0 : budget->carried + 1;
}

/* Latency */

void
gst_mleu_latency_reset (GstMleuLatency * latency)
{
  latency->n_frames = 0;
  latency->reported = 0;
}

/* gst_mleu_latency_measure:
 * @seconds: what a frame took that the network ran for.
 *
 * Returns: whether @latency->reported has changed: by a quarter or more.
 */
gboolean
gst_mleu_latency_measure (GstMleuLatency * latency, gdouble seconds)
{
  gdouble wanted, gain, reported = (gdouble) latency->reported;

  latency->n_frames = MIN (latency->n_frames + 1, LATENCY_FRAMES + 1);
  /* The first one touches memory that the others find warm. */
  if (latency->n_frames < 2)
    return FALSE;
  if (latency->n_frames == 2) {
    latency->mean = seconds;
    latency->deviation = seconds / LATENCY_DEVIATIONS;
  } else {
    gain = 1.0 / (latency->n_frames - 1);
    latency->deviation += gain * (fabs (seconds - latency->mean) -
        latency->deviation);
    latency->mean += gain * (seconds - latency->mean);
  }
  wanted = GST_SECOND * MAX (latency->mean +
      LATENCY_DEVIATIONS * latency->deviation, LATENCY_LEAST * latency->mean);
  if (fabs (wanted - reported) <= LATENCY_STEP * reported)
    return FALSE;
  latency->reported = (GstClockTime) wanted;
  return TRUE;
}

/* Tally */

void
gst_mleu_tally_reset (GstMleuTally * tally)
{
  *tally = (GstMleuTally) {.tier = mleu_cpu_get_tier ()};
}

/* gst_mleu_tally_count: a coloured frame, and the seconds it took. */
void
gst_mleu_tally_count (GstMleuTally * tally, gdouble seconds,
    gboolean is_inferred)
{
  if (is_inferred)
    tally->inferred++;
  else
    tally->reused++;
  tally->seconds += seconds;
  tally->worst = MAX (tally->worst, seconds);
}

/* gst_mleu_tally_to_structure: Returns: (transfer full): "mleu-stats", as
 *   #mleucolorize:stats has it. */
GstStructure *
gst_mleu_tally_to_structure (const GstMleuTally * tally)
{
  guint64 frames = tally->inferred + tally->reused;

  return gst_structure_new ("mleu-stats",
      "frames", G_TYPE_UINT64, frames,
      "inferred", G_TYPE_UINT64, tally->inferred,
      "reused", G_TYPE_UINT64, tally->reused,
      "dropped", G_TYPE_UINT64, tally->dropped,
      "cuts", G_TYPE_UINT64, tally->cuts,
      "average-ms", G_TYPE_DOUBLE,
      frames > 0 ? 1e3 * tally->seconds / (gdouble) frames : 0.0,
      "worst-ms", G_TYPE_DOUBLE, 1e3 * tally->worst,
      "tier", G_TYPE_STRING, tally->tier, NULL);
}
