/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A frame's way: time, the network, colours. */

#include "gstmleuframes.h"

#include "gstmleucaps.h"
#include "gstmleulate.h"
#include "gstmleulookahead.h"
#include "gstmleumessages.h"

#define GST_CAT_DEFAULT gst_mleu_colorize_debug

/* The frames before are no guide to the next one. */
void
gst_mleu_colorize_forget (GstMleuColorize * self)
{
  self->last_pts = GST_CLOCK_TIME_NONE;
  self->n_frames = 0;
  self->gate = GST_MLEU_GATE_UNDECIDED;
  gst_mleu_budget_reset (&self->budget);
  if (self->colorizer)
    mleu_colorizer_reset (self->colorizer);
}

static gdouble
time_since_last (GstMleuColorize * self, GstBuffer * buffer)
{
  GstClockTime last = self->last_pts, pts = GST_BUFFER_PTS (buffer);

  self->last_pts = pts;
  /* Backwards in time: each frame for itself. */
  if (GST_BASE_TRANSFORM (self)->segment.rate < 0)
    return -1;
  if (!GST_CLOCK_TIME_IS_VALID (last) || !GST_CLOCK_TIME_IS_VALID (pts))
    return self->frame_seconds;
  return (gdouble) GST_CLOCK_DIFF (last, pts) / GST_SECOND;
}

/* The same for a frame wherever playing began, where time tells. */
static guint64
number_frame (GstMleuColorize * self, GstClockTime stream_time)
{
  if (GST_CLOCK_TIME_IS_VALID (stream_time) && self->frame_seconds > 0)
    return (guint64) ((gdouble) stream_time / GST_SECOND / self->frame_seconds +
        0.5);
  return self->n_frames;
}

void
gst_mleu_colorize_before_transform (GstBaseTransform * trans,
    GstBuffer * buffer)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (trans);
  GstClockTime stream_time = GST_CLOCK_TIME_NONE;

  if (trans->segment.format == GST_FORMAT_TIME)
    stream_time = gst_segment_to_stream_time (&trans->segment,
        GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  if (GST_CLOCK_TIME_IS_VALID (stream_time))
    gst_object_sync_values (GST_OBJECT (self), stream_time);

  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT)) {
    gst_mleu_colorize_drain (self);
    gst_mleu_colorize_forget (self);
  }
  gst_mleu_colorize_judge_lateness (self, buffer);
  /* To the next frame, one that is dropped was never there. */
  if (gst_mleu_colorize_is_to_drop (self))
    return;
  self->elapsed = time_since_last (self, buffer);
  self->frame_number = number_frame (self, stream_time);
}

/* Whether the frame is one of those that recolor=false leaves alone. */
gboolean
gst_mleu_colorize_has_own_colors (GstMleuColorize * self, const MleuFrame * in)
{
  if (!self->keep_color || self->input.layout == MLEU_LAYOUT_GRAY)
    return FALSE;

  self->gate = gst_mleu_gate_next (self->gate,
      mleu_frame_measure_color (&self->input, in),
      gst_mleu_gate_brightness (&self->input, in));
  if (self->gate != GST_MLEU_GATE_COLOR)
    return FALSE;
  /* The coloured shot will separate the grey ones before and after it. */
  gst_mleu_colorize_drain (self);
  mleu_colorizer_reset (self->colorizer);
  self->n_frames = 0;
  return TRUE;
}

/* Whether the network is to run for the frame; @is_timed: somebody waits for
 * frames by the clock. */
static gboolean
is_due (const GstMleuColorize * self, guint interval, gboolean is_timed)
{
  if (self->lateness > 0 && self->late_policy == GST_MLEU_LATE_REUSE)
    return FALSE;
  if (interval == 0)
    return !is_timed || gst_mleu_budget_allows (&self->budget);
  return self->frame_number % interval == 0;
}

/* In real time, by frame: of the last two that came, or as the caps have it. */
static gdouble
frame_period (const GstMleuColorize * self)
{
  gdouble seconds = self->elapsed > 0 ? self->elapsed : self->frame_seconds;

  /* The library's for a time that is not known. */
  if (!(seconds > 0))
    seconds = 1.0 / 25;
  return seconds / ABS (GST_BASE_TRANSFORM (self)->segment.rate);
}

guint64
gst_mleu_colorize_n_predictions (const GstMleuColorize * self)
{
  MleuStats stats;

  mleu_colorizer_get_stats (self->colorizer, &stats);
  return stats.predictions;
}

/* What was done for a frame since @begin, a monotonic time, when the network
 * had run @predictions times. */
void
gst_mleu_colorize_account (GstMleuColorize * self, gint64 begin,
    guint64 predictions)
{
  const gdouble seconds = (gdouble) (g_get_monotonic_time () - begin) * 1e-6;
  const gboolean is_inferred =
      gst_mleu_colorize_n_predictions (self) != predictions;
  gboolean is_moved = FALSE;

  gst_mleu_budget_spend (&self->budget, seconds, frame_period (self),
      is_inferred);
  GST_OBJECT_LOCK (self);
  gst_mleu_tally_count (&self->tally, seconds, is_inferred);
  if (is_inferred)
    is_moved = gst_mleu_latency_measure (&self->latency, seconds) &&
        self->is_live;
  GST_OBJECT_UNLOCK (self);
  if (is_moved)
    gst_element_post_message (GST_ELEMENT (self),
        gst_message_new_latency (GST_OBJECT (self)));
}

/* What is set for the frame that comes now. */
void
gst_mleu_colorize_get_params (GstMleuColorize * self, MleuParams * params)
{
  gboolean is_timed;
  guint interval;

  GST_OBJECT_LOCK (self);
  *params = self->settings.params;
  interval = self->settings.inference_interval;
  is_timed = self->is_live || self->qos.is_heard;
  GST_OBJECT_UNLOCK (self);
  /* Colours are not carried over a gap, nor backwards. */
  params->carry = !is_due (self, interval, is_timed) && self->elapsed >= 0 &&
      self->elapsed <= 1;
}

/* Everything but the rendering. */
GstFlowReturn
gst_mleu_colorize_predict_frame (GstMleuColorize * self, const MleuFrame * in,
    const MleuParams * params)
{
  GError *error = NULL;

  if (!mleu_colorizer_predict (self->colorizer, in, params, &error))
    goto not_predicted;
  if (mleu_colorizer_smooth (self->colorizer, self->elapsed, params) &&
      self->n_frames > 0)
    gst_mleu_colorize_post_scene_cut (self, self->last_pts);
  self->n_frames++;
  return GST_FLOW_OK;

  /* ERRORS */
not_predicted:
  {
    if (g_error_matches (error, MLEU_ERROR, MLEU_ERROR_CANCELLED)) {
      GST_DEBUG_OBJECT (self, "flushing: a frame was given up");
      g_error_free (error);
      return GST_FLOW_FLUSHING;
    }
    GST_ELEMENT_ERROR (self, LIBRARY, FAILED, ("%s", error->message), (NULL));
    g_error_free (error);
    return GST_FLOW_ERROR;
  }
}

/* @in and @out may be the same. */
static GstFlowReturn
color_frame (GstMleuColorize * self, const MleuFrame * in,
    const MleuFrame * out)
{
  const gint64 begin = g_get_monotonic_time ();
  const guint64 predictions = gst_mleu_colorize_n_predictions (self);
  GstFlowReturn ret = GST_FLOW_OK;
  MleuParams params;

  gst_mleu_colorize_get_params (self, &params);
  if (params.strength > 0 && params.saturation > 0) {
    ret = gst_mleu_colorize_predict_frame (self, in, &params);
  } else if (self->n_frames > 0) {
    /* No colour would be seen of this frame. Those to come start afresh: what
     * moves meanwhile is not followed. */
    mleu_colorizer_reset (self->colorizer);
    self->n_frames = 0;
  }
  if (ret == GST_FLOW_OK) {
    mleu_colorizer_render (self->colorizer, in, out, &params);
    gst_mleu_colorize_account (self, begin, predictions);
  }
  return ret;
}

GstFlowReturn
gst_mleu_colorize_transform_frame (GstVideoFilter * filter,
    GstVideoFrame * in_frame, GstVideoFrame * out_frame)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (filter);
  MleuFrame in, out;

  gst_mleu_frame_crop (in_frame, &filter->in_info);
  gst_mleu_frame_view (in_frame, &in);
  gst_mleu_frame_view (out_frame, &out);
  if (gst_mleu_colorize_has_own_colors (self, &in)) {
    gst_video_frame_copy (out_frame, in_frame);
    return GST_FLOW_OK;
  }
  return color_frame (self, &in, &out);
}

GstFlowReturn
gst_mleu_colorize_transform_frame_ip (GstVideoFilter * filter,
    GstVideoFrame * frame)
{
  GstMleuColorize *self = GST_MLEU_COLORIZE (filter);
  MleuFrame view;

  gst_mleu_frame_crop (frame, &filter->in_info);
  gst_mleu_frame_view (frame, &view);
  if (gst_mleu_colorize_has_own_colors (self, &view))
    return GST_FLOW_OK;
  return color_frame (self, &view, &view);
}
