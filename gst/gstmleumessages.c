/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the element says on the bus. */

#include "gstmleumessages.h"

void
gst_mleu_colorize_post_stats (GstMleuColorize * self)
{
  GstStructure *stats;

  GST_OBJECT_LOCK (self);
  stats = gst_mleu_tally_to_structure (&self->tally);
  GST_OBJECT_UNLOCK (self);
  gst_element_post_message (GST_ELEMENT (self),
      gst_message_new_element (GST_OBJECT (self), stats));
}

void
gst_mleu_colorize_post_scene_cut (GstMleuColorize * self, GstClockTime pts)
{
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  GstStructure *cut;

  GST_OBJECT_LOCK (self);
  self->tally.cuts++;
  GST_OBJECT_UNLOCK (self);
  if (segment->format != GST_FORMAT_TIME)
    return;
  cut = gst_structure_new ("mleu-scene-cut",
      "timestamp", G_TYPE_UINT64, pts,
      "stream-time", G_TYPE_UINT64,
      gst_segment_to_stream_time (segment, GST_FORMAT_TIME, pts),
      "running-time", G_TYPE_UINT64,
      gst_segment_to_running_time (segment, GST_FORMAT_TIME, pts), NULL);
  gst_element_post_message (GST_ELEMENT (self),
      gst_message_new_element (GST_OBJECT (self), cut));
}

void
gst_mleu_colorize_post_qos (GstMleuColorize * self, GstBuffer * dropped)
{
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  GstClockTime pts = GST_BUFFER_PTS (dropped);
  guint64 n_processed, n_dropped;
  GstMessage *message;
  gdouble proportion;
  gboolean is_live;

  GST_OBJECT_LOCK (self);
  n_dropped = ++self->tally.dropped;
  n_processed = self->tally.inferred + self->tally.reused;
  proportion = self->qos.proportion;
  is_live = self->is_live;
  GST_OBJECT_UNLOCK (self);

  message = gst_message_new_qos (GST_OBJECT (self), is_live,
      gst_segment_to_running_time (segment, GST_FORMAT_TIME, pts),
      gst_segment_to_stream_time (segment, GST_FORMAT_TIME, pts), pts,
      GST_BUFFER_DURATION (dropped));
  gst_message_set_qos_values (message, self->lateness, proportion, 1000000);
  gst_message_set_qos_stats (message, GST_FORMAT_BUFFERS, n_processed,
      n_dropped);
  gst_element_post_message (GST_ELEMENT (self), message);
}
