/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "timeline.h"

void film_timeline_init(FilmTimeline *timeline, gboolean as_stamped)
{
    timeline->as_stamped = as_stamped;
    gst_segment_init(&timeline->segment, GST_FORMAT_TIME);
    timeline->end = 0;
}

static GstClockTime film_time(const FilmTimeline *timeline, GstClockTime time)
{
    guint64 stream_time;

    if (!GST_CLOCK_TIME_IS_VALID(time) || timeline->segment.format != GST_FORMAT_TIME)
        return GST_CLOCK_TIME_NONE;
    if (timeline->as_stamped)
        return time;
    switch (
        gst_segment_to_stream_time_full(&timeline->segment, GST_FORMAT_TIME, time, &stream_time)) {
    case 1:
        return stream_time;
    case -1:
        return 0;
    default:
        return GST_CLOCK_TIME_NONE;
    }
}

GstEvent *film_timeline_event(FilmTimeline *timeline, GstEvent *event)
{
    GstEvent *replacement = NULL;

    if (GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT) {
        GstSegment plain;

        gst_event_copy_segment(event, &timeline->segment);
        gst_segment_init(&plain, GST_FORMAT_TIME);
        replacement = gst_event_new_segment(&plain);
    } else if (GST_EVENT_TYPE(event) == GST_EVENT_GAP) {
        GstClockTime start, duration;

        gst_event_parse_gap(event, &start, &duration);
        start = film_time(timeline, start);
        if (GST_CLOCK_TIME_IS_VALID(start))
            replacement = gst_event_new_gap(start, duration);
    }
    if (replacement == NULL)
        return event;
    gst_event_set_seqnum(replacement, gst_event_get_seqnum(event));
    gst_event_unref(event);
    return replacement;
}

GstBuffer *film_timeline_buffer(FilmTimeline *timeline, GstBuffer *buffer,
                                GstClockTime default_duration)
{
    GstClockTime pts = film_time(timeline, GST_BUFFER_PTS(buffer));
    GstClockTime dts = film_time(timeline, GST_BUFFER_DTS(buffer));

    /* Muxers silently drop what has no time: it comes after what came before. */
    if (!GST_CLOCK_TIME_IS_VALID(pts))
        pts = GST_CLOCK_TIME_IS_VALID(dts) ? dts : timeline->end;
    buffer = gst_buffer_make_writable(buffer);
    GST_BUFFER_PTS(buffer) = pts;
    GST_BUFFER_DTS(buffer) = dts;
    if (GST_BUFFER_DURATION_IS_VALID(buffer))
        default_duration = GST_BUFFER_DURATION(buffer);
    timeline->end = GST_CLOCK_TIME_IS_VALID(default_duration) ? pts + default_duration : pts;
    return buffer;
}
