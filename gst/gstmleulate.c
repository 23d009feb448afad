/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Late frames, and the latency that keeps them from being late. */

#include "gstmleulate.h"


static GstClockTime
to_clock_time (gdouble seconds)
{
  return seconds > 0 ? (GstClockTime) (seconds * GST_SECOND) : 0;
}

/* What sinks say: how late frames are, and the latency they allow for. */
void
gst_mleu_colorize_hear (GstMleuColorize * self, GstEvent * event)
{
  GstClockTimeDiff diff;
  GstClockTime time;
  GstQOSType type;
  gdouble proportion;

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_QOS:
      gst_event_parse_qos (event, &type, &proportion, &diff, &time);
      GST_OBJECT_LOCK (self);
      /* Throttling is a wish for fewer frames, none of them late. */
      if (type != GST_QOS_TYPE_THROTTLE)
        gst_mleu_qos_update (&self->qos, proportion, diff, time,
            to_clock_time (self->frame_seconds));
      GST_OBJECT_UNLOCK (self);
      break;
    case GST_EVENT_LATENCY:
      gst_event_parse_latency (event, &time);
      GST_OBJECT_LOCK (self);
      self->pipeline_latency = time;
      GST_OBJECT_UNLOCK (self);
      break;
    default:
      break;
  }
}

/* In a live pipeline, what a frame takes here counts as latency. @query: what
 * those upstream said. */
void
gst_mleu_colorize_add_latency (GstMleuColorize * self, GstQuery * query)
{
  GstClockTime least, most, own;
  gboolean is_live;

  gst_query_parse_latency (query, &is_live, &least, &most);
  GST_OBJECT_LOCK (self);
  self->is_live = is_live;
  own = self->held_back + (is_live ? self->latency.reported : 0);
  GST_OBJECT_UNLOCK (self);
  if (GST_CLOCK_TIME_IS_VALID (most))
    most += own;
  gst_query_set_latency (query, is_live, least + own, most);
}

/* Running time that a sink shows at present, or NONE where no clock runs. */
static GstClockTime
time_shown (GstMleuColorize * self)
{
  GstClockTime now, begin;
  GstClock *clock;

  if (GST_STATE (self) != GST_STATE_PLAYING)
    return GST_CLOCK_TIME_NONE;
  clock = gst_element_get_clock (GST_ELEMENT (self));
  if (!clock)
    return GST_CLOCK_TIME_NONE;
  now = gst_clock_get_time (clock);
  gst_object_unref (clock);
  begin = gst_element_get_base_time (GST_ELEMENT (self));
  GST_OBJECT_LOCK (self);
  begin += self->pipeline_latency;
  GST_OBJECT_UNLOCK (self);
  return now > begin ? now - begin : 0;
}

/* Whether @buffer comes too late, for the frame at hand. */
void
gst_mleu_colorize_judge_lateness (GstMleuColorize * self, GstBuffer * buffer)
{
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  GstClockTime now = time_shown (self), running_time = GST_CLOCK_TIME_NONE;

  if (segment->format == GST_FORMAT_TIME)
    running_time = gst_segment_to_running_time (segment, GST_FORMAT_TIME,
        GST_BUFFER_PTS (buffer));
  GST_OBJECT_LOCK (self);
  self->late_policy = self->settings.late_policy;
  self->lateness = gst_mleu_qos_lateness (&self->qos, running_time, now);
  GST_OBJECT_UNLOCK (self);
}

/* Whether that frame is one to drop. */
gboolean
gst_mleu_colorize_is_to_drop (const GstMleuColorize * self)
{
  return self->lateness > 0 && self->late_policy == GST_MLEU_LATE_DROP;
}
