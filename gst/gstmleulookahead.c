/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames that wait for those after them: the look-ahead. */

#include "gstmleulookahead.h"

#include <math.h>

#include "gstmleucaps.h"
#include "gstmleuframes.h"

#define GST_CAT_DEFAULT gst_mleu_colorize_debug

/* A frame that is predicted and not yet rendered, and what was set for it. */
typedef struct
{
  GstBuffer *buffer;
  MleuParams params;
} GstMleuPending;

static void
pending_free (gpointer data)
{
  GstMleuPending *frame = data;

  gst_buffer_unref (frame->buffer);
  g_free (frame);
}

void
gst_mleu_colorize_drop_pending (GstMleuColorize * self)
{
  g_queue_clear_full (&self->pending, pending_free);
}

static void
add_pending (GstMleuColorize * self, GstBuffer * buffer,
    const MleuParams * params)
{
  GstMleuPending *frame = g_new (GstMleuPending, 1);

  frame->buffer = gst_buffer_ref (buffer);
  frame->params = *params;
  g_queue_push_tail (&self->pending, frame);
}

/* A buffer for the output of @in, both mapped. */
static GstFlowReturn
map_output (GstMleuColorize * self, GstBuffer * in, GstVideoFrame * in_frame,
    GstBuffer ** out, GstVideoFrame * out_frame)
{
  GstVideoFilter *filter = GST_VIDEO_FILTER (self);
  GstFlowReturn ret;

  ret = GST_BASE_TRANSFORM_GET_CLASS (self)->prepare_output_buffer
      (GST_BASE_TRANSFORM (self), in, out);
  if (ret != GST_FLOW_OK)
    return ret;
  if (!gst_video_frame_map (in_frame, &filter->in_info, in, GST_MAP_READ))
    goto not_mapped;
  gst_mleu_frame_crop (in_frame, &filter->in_info);
  if (!gst_video_frame_map (out_frame, &filter->out_info, *out, GST_MAP_WRITE)) {
    gst_video_frame_unmap (in_frame);
    goto not_mapped;
  }
  return GST_FLOW_OK;

  /* ERRORS */
not_mapped:
  {
    gst_clear_buffer (out);
    GST_ELEMENT_ERROR (self, RESOURCE, FAILED,
        ("A video frame's memory cannot be read or written."), (NULL));
    return GST_FLOW_ERROR;
  }
}

/* Renders the oldest of the pending frames. */
static GstFlowReturn
give_oldest (GstMleuColorize * self, GstBuffer ** out)
{
  GstMleuPending *frame = g_queue_pop_head (&self->pending);
  GstVideoFrame in_frame, out_frame;
  GstFlowReturn ret;
  MleuFrame in_view, out_view;

  ret = map_output (self, frame->buffer, &in_frame, out, &out_frame);
  if (ret == GST_FLOW_OK) {
    gst_mleu_frame_view (&in_frame, &in_view);
    gst_mleu_frame_view (&out_frame, &out_view);
    mleu_colorizer_recall (self->colorizer, self->pending.length,
        &frame->params);
    mleu_colorizer_render (self->colorizer, &in_view, &out_view,
        &frame->params);
    gst_video_frame_unmap (&out_frame);
    gst_video_frame_unmap (&in_frame);
  }
  pending_free (frame);
  return ret;
}

/* A frame that is not coloured. */
static GstFlowReturn
pass_on (GstMleuColorize * self, GstBuffer * in, GstBuffer ** out)
{
  GstVideoFrame in_frame, out_frame;
  GstFlowReturn ret;

  ret = map_output (self, in, &in_frame, out, &out_frame);
  if (ret == GST_FLOW_OK) {
    gst_video_frame_copy (&out_frame, &in_frame);
    gst_video_frame_unmap (&out_frame);
    gst_video_frame_unmap (&in_frame);
  }
  return ret;
}

/* Sends all pending frames on, before something that they are not to see. */
GstFlowReturn
gst_mleu_colorize_drain (GstMleuColorize * self)
{
  GstFlowReturn ret = GST_FLOW_OK;
  GstBuffer *out;

  while (ret == GST_FLOW_OK && !g_queue_is_empty (&self->pending)) {
    ret = give_oldest (self, &out);
    if (ret == GST_FLOW_OK)
      ret = gst_pad_push (GST_BASE_TRANSFORM_SRC_PAD (self), out);
  }
  gst_mleu_colorize_drop_pending (self);
  return ret;
}

/* What is held back counts as latency. */
void
gst_mleu_colorize_update_lookahead_latency (GstMleuColorize * self)
{
  /* The library's for a time that is not known. */
  gdouble seconds = isnan (self->frame_seconds) ? 1.0 / 25 :
      self->frame_seconds;
  GstClockTime latency = (GstClockTime) (self->lookahead * seconds *
      GST_SECOND + 0.5);
  gboolean changed;

  GST_OBJECT_LOCK (self);
  changed = self->held_back != latency;
  self->held_back = latency;
  GST_OBJECT_UNLOCK (self);
  if (changed)
    gst_element_post_message (GST_ELEMENT (self),
        gst_message_new_latency (GST_OBJECT (self)));
}

/* Upstream's pool must not run dry while frames wait here. */
void
gst_mleu_colorize_widen_pools (GstMleuColorize * self, GstQuery * query)
{
  GstBufferPool *pool;
  guint i, size, least, most;

  for (i = 0; i < gst_query_get_n_allocation_pools (query); i++) {
    gst_query_parse_nth_allocation_pool (query, i, &pool, &size, &least, &most);
    if (most > 0)
      most += self->lookahead;
    gst_query_set_nth_allocation_pool (query, i, pool, size,
        least + self->lookahead, most);
    gst_clear_object (&pool);
  }
}

/* Takes a frame whose turn comes later. */
static GstFlowReturn
take_frame (GstMleuColorize * self, GstBuffer * buffer, gboolean * own_colors)
{
  GstVideoFilter *filter = GST_VIDEO_FILTER (self);
  GstFlowReturn ret = GST_FLOW_OK;
  GstVideoFrame frame;
  MleuParams params;
  MleuFrame view;

  if (!gst_video_frame_map (&frame, &filter->in_info, buffer, GST_MAP_READ))
    goto not_mapped;
  gst_mleu_frame_crop (&frame, &filter->in_info);
  gst_mleu_frame_view (&frame, &view);
  *own_colors = gst_mleu_colorize_has_own_colors (self, &view);
  if (!*own_colors) {
    gst_mleu_colorize_get_params (self, &params);
    ret = gst_mleu_colorize_predict_frame (self, &view, &params);
  }
  gst_video_frame_unmap (&frame);
  if (!*own_colors && ret == GST_FLOW_OK)
    add_pending (self, buffer, &params);
  return ret;

  /* ERRORS */
not_mapped:
  {
    GST_ELEMENT_ERROR (self, RESOURCE, FAILED,
        ("A video frame's memory cannot be read."), (NULL));
    return GST_FLOW_ERROR;
  }
}

/* The look-ahead's turn of GstBaseTransform's generate_output(): takes the frame
 * that has come, if any, and gives the one whose turn it is, or NULL. */
GstFlowReturn
gst_mleu_colorize_take_and_give (GstMleuColorize * self, GstBuffer ** out)
{
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);
  GstBuffer *buffer = trans->queued_buf;
  const gint64 begin = g_get_monotonic_time ();
  gboolean own_colors;
  guint64 predictions;
  GstFlowReturn ret;

  *out = NULL;
  if (!buffer)
    return GST_FLOW_OK;
  trans->queued_buf = NULL;
  predictions = gst_mleu_colorize_n_predictions (self);
  ret = take_frame (self, buffer, &own_colors);
  if (ret == GST_FLOW_OK && own_colors)
    ret = pass_on (self, buffer, out);
  gst_buffer_unref (buffer);
  if (ret == GST_FLOW_OK && self->pending.length > self->lookahead)
    ret = give_oldest (self, out);
  if (ret == GST_FLOW_OK && !own_colors)
    gst_mleu_colorize_account (self, begin, predictions);
  return ret;
}
