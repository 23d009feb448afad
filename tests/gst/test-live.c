/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Late frames, latency, the interval that the element chooses, statistics. */

#include <mleu/mleu.h>

#include "common.h"
#include "gstmleulive.h"

#define CAPS "video/x-raw,format=I420,width=96,height=64,framerate=25/1"
#define FRAME (40 * GST_MSECOND)

static GstVideoInfo info;

/* Frame @n of a still scene: a gradient. */
static GstBuffer *
still (GstClockTime pts)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
  GstVideoFrame frame;
  gint x, y;

  gst_buffer_memset (buffer, 0, 128, info.size);
  g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_WRITE));
  for (y = 0; y < 64; y++)
    for (x = 0; x < 96; x++)
      ((guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&frame, 0))[y *
          GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0) + x] = 40 + x + y / 2;
  gst_video_frame_unmap (&frame);
  GST_BUFFER_PTS (buffer) = pts;
  GST_BUFFER_DURATION (buffer) = FRAME;
  return buffer;
}

/* Pushes a frame; whether one came out, which is a coloured one. */
static gboolean
push (GstHarness * h, GstClockTime pts)
{
  GstBuffer *out;

  g_assert_cmpint (gst_harness_push (h, still (pts)), ==, GST_FLOW_OK);
  out = gst_harness_try_pull (h);
  if (!out)
    return FALSE;
  g_assert_cmpuint (GST_BUFFER_PTS (out), ==, pts);
  g_assert_cmpuint (test_chroma (&info, out), >, 0);
  gst_buffer_unref (out);
  return TRUE;
}

static void
say (GstHarness * h, GstQOSType type, GstClockTimeDiff diff,
    GstClockTime timestamp)
{
  g_assert_true (gst_harness_push_upstream_event (h, gst_event_new_qos (type,
              1.5, diff, timestamp)));
}

#define SAY_LATE(h, diff, timestamp) \
    say (h, GST_QOS_TYPE_UNDERFLOW, diff, timestamp)

static guint64
count_in (const GstStructure * stats, const gchar * name)
{
  guint64 count;

  g_assert_true (gst_structure_has_name (stats, "mleu-stats"));
  g_assert_true (gst_structure_get_uint64 (stats, name, &count));
  return count;
}

static guint64
count (GstHarness * h, const gchar * name)
{
  GstStructure *stats;
  guint64 n;

  g_object_get (h->element, "stats", &stats, NULL);
  n = count_in (stats, name);
  gst_structure_free (stats);
  return n;
}

static void
test_qos (void)
{
  GstMleuQos qos;

  gst_mleu_qos_reset (&qos);
  /* Whatever the clock says, while no sink has. */
  g_assert_cmpint (gst_mleu_qos_lateness (&qos, 0, GST_SECOND), ==, 0);

  gst_mleu_qos_update (&qos, 0.5, -5, 100, 40);
  g_assert_cmpint (gst_mleu_qos_lateness (&qos, 10, GST_CLOCK_TIME_NONE), ==,
      0);
  g_assert_cmpint (gst_mleu_qos_lateness (&qos, 10, 17), ==, 7);
  g_assert_cmpint (gst_mleu_qos_lateness (&qos, 20, 17), ==, 0);
  g_assert_cmpint (gst_mleu_qos_lateness (&qos, GST_CLOCK_TIME_NONE, 17), ==,
      0);

  /* Twice the delay and a frame. */
  gst_mleu_qos_update (&qos, 2.0, 10, 100, 40);
  g_assert_cmpint (gst_mleu_qos_lateness (&qos, 140, GST_CLOCK_TIME_NONE), ==,
      20);
  g_assert_cmpint (gst_mleu_qos_lateness (&qos, 160, GST_CLOCK_TIME_NONE), ==,
      0);
  g_assert_cmpint (gst_mleu_qos_lateness (&qos, 140, 170), ==, 30);
  /* A second at most; an event without a time changes nothing. */
  gst_mleu_qos_update (&qos, 2.0, 10 * GST_SECOND, 0, 0);
  gst_mleu_qos_update (&qos, 2.0, 1, GST_CLOCK_TIME_NONE, 0);
  g_assert_cmpint (gst_mleu_qos_lateness (&qos, 0, GST_CLOCK_TIME_NONE), ==,
      GST_SECOND);
  gst_mleu_qos_update (&qos, 2.0, 0, 100, 40);
  g_assert_cmpint (gst_mleu_qos_lateness (&qos, 0, GST_CLOCK_TIME_NONE), ==, 0);
}

/* Frames that the network runs for, of 2000 at 25 a second, and the time that
 * all of them take. */
static guint
spend (gdouble inferred, gdouble carried, gdouble * seconds)
{
  GstMleuBudget budget;
  guint i, n = 0;

  gst_mleu_budget_reset (&budget);
  *seconds = 0;
  for (i = 0; i < 2000; i++) {
    gboolean is_inferred = gst_mleu_budget_allows (&budget);
    gdouble cost = is_inferred ? inferred : carried;

    if (i == 0)
      g_assert_true (is_inferred);
    gst_mleu_budget_spend (&budget, cost, 0.04, is_inferred);
    *seconds += cost;
    n += is_inferred ? 1 : 0;
  }
  return n;
}

static void
test_budget (void)
{
  gdouble seconds;

  /* Enough time for every frame. */
  g_assert_cmpuint (spend (0.027, 0.001, &seconds), ==, 2000);
  /* 90 ms by the network, of which 62 are to be made up for, 18 a frame. */
  g_assert_cmpuint (spend (0.09, 0.01, &seconds), ==, 400);
  g_assert_cmpfloat (seconds, <=, 0.7 * 0.04 * 2000 + 0.1);
  /* Not even time to carry: the colours are renewed all the same. */
  g_assert_cmpuint (spend (0.2, 0.05, &seconds), ==, 63);
}

/* A stall is repaid for a second, not for ever. */
static void
test_budget_stall (void)
{
  GstMleuBudget budget;
  guint n = 0;

  gst_mleu_budget_reset (&budget);
  gst_mleu_budget_spend (&budget, 3600.0, 0.1, TRUE);
  while (!gst_mleu_budget_allows (&budget)) {
    gst_mleu_budget_spend (&budget, 0.0, 0.1, FALSE);
    n++;
  }
  g_assert_cmpuint (n, ==, 15);
}

static void
test_latency_estimate (void)
{
  GstMleuLatency latency;
  guint i, n = 0;

  gst_mleu_latency_reset (&latency);
  g_assert_false (gst_mleu_latency_measure (&latency, 5.0));
  g_assert_cmpuint (latency.reported, ==, 0);
  for (i = 0; i < 100; i++)
    n += gst_mleu_latency_measure (&latency, 0.04) ? 1 : 0;
  /* With head-room, and without a stir where nothing changes. */
  g_assert_cmpuint (latency.reported, >=, 50 * GST_MSECOND);
  g_assert_cmpuint (latency.reported, <=, 65 * GST_MSECOND);
  g_assert_cmpuint (n, <=, 3);

  n = 0;
  for (i = 0; i < 1000; i++)
    n += gst_mleu_latency_measure (&latency, i % 2 ? 0.042 : 0.038) ? 1 : 0;
  g_assert_cmpuint (n, ==, 0);

  for (i = 0; i < 100; i++)
    n += gst_mleu_latency_measure (&latency, 0.12) ? 1 : 0;
  g_assert_cmpuint (n, >, 0);
  g_assert_cmpuint (latency.reported, >=, 120 * GST_MSECOND);
  g_assert_cmpuint (latency.reported, <=, 200 * GST_MSECOND);
}

static void
test_reuse (void)
{
  GstHarness *h = test_harness (CAPS, NULL);
  guint i;

  for (i = 0; i < 3; i++)
    g_assert_true (push (h, i * FRAME));
  /* Frames before 2 * 20 + 40 ms after the second one: 2 and 3, of which the
   * former is through. */
  SAY_LATE (h, 20 * GST_MSECOND, 2 * FRAME);
  for (; i < 6; i++)
    g_assert_true (push (h, i * FRAME));
  g_assert_cmpuint (count (h, "frames"), ==, 6);
  g_assert_cmpuint (count (h, "inferred"), ==, 5);
  g_assert_cmpuint (count (h, "reused"), ==, 1);
  g_assert_cmpuint (count (h, "dropped"), ==, 0);

  /* However long it lasts, none is dropped. */
  for (; i < 30; i++) {
    SAY_LATE (h, 200 * GST_MSECOND, i * FRAME);
    g_assert_true (push (h, i * FRAME));
  }
  g_assert_cmpuint (count (h, "reused"), >=, 20);
  gst_harness_teardown (h);
}

/* A late frame is one that inference-interval leaves out, to the byte. */
static void
test_reuse_is_carried (void)
{
  GstHarness *late = test_harness (CAPS, NULL), *left_out =
      test_harness (CAPS, NULL);
  guint i;

  g_object_set (left_out->element, "inference-interval", 4, NULL);
  for (i = 0; i < 4; i++) {
    GstBuffer *a = gst_harness_push_and_pull (late, test_frame (&info, 1,
            i * FRAME));
    GstBuffer *b = gst_harness_push_and_pull (left_out, test_frame (&info, 1,
            i * FRAME));

    test_assert_equal (&info, a, b);
    gst_buffer_unref (a);
    gst_buffer_unref (b);
    SAY_LATE (late, FRAME, i * FRAME);
  }
  g_assert_cmpuint (count (late, "reused"), ==, 3);
  g_assert_cmpuint (count (left_out, "reused"), ==, 3);
  gst_harness_teardown (late);
  gst_harness_teardown (left_out);
}

static void
test_process (void)
{
  GstHarness *h = test_harness (CAPS, NULL);
  guint i;

  gst_util_set_object_arg (G_OBJECT (h->element), "late-policy", "process");
  for (i = 0; i < 5; i++) {
    g_assert_true (push (h, i * FRAME));
    SAY_LATE (h, GST_SECOND, i * FRAME);
  }
  g_assert_cmpuint (count (h, "inferred"), ==, 5);
  gst_harness_teardown (h);
}

static void
test_drop (void)
{
  GstHarness *h = test_harness (CAPS, NULL);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GstBuffer *out;
  guint64 running_time, stream_time, timestamp, duration, processed, dropped;
  gint64 jitter;
  gdouble proportion;
  GstFormat format;
  gboolean is_live;

  gst_element_set_bus (h->element, bus);
  gst_util_set_object_arg (G_OBJECT (h->element), "late-policy", "drop");
  g_assert_true (push (h, 0));
  SAY_LATE (h, 15 * GST_MSECOND, 0);
  g_assert_false (push (h, FRAME));

  message = gst_bus_pop_filtered (bus, GST_MESSAGE_QOS);
  g_assert_nonnull (message);
  gst_message_parse_qos (message, &is_live, &running_time, &stream_time,
      &timestamp, &duration);
  g_assert_cmpuint (running_time, ==, FRAME);
  g_assert_cmpuint (stream_time, ==, FRAME);
  g_assert_cmpuint (timestamp, ==, FRAME);
  g_assert_cmpuint (duration, ==, FRAME);
  gst_message_parse_qos_values (message, &jitter, &proportion, NULL);
  g_assert_cmpint (jitter, ==, 30 * GST_MSECOND);
  g_assert_cmpfloat (proportion, ==, 1.5);
  gst_message_parse_qos_stats (message, &format, &processed, &dropped);
  g_assert_cmpint (format, ==, GST_FORMAT_BUFFERS);
  g_assert_cmpuint (processed, ==, 1);
  g_assert_cmpuint (dropped, ==, 1);
  gst_message_unref (message);

  /* The next one is in time, and says that one is missing. */
  out = gst_harness_push_and_pull (h, still (2 * FRAME));
  g_assert_true (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_DISCONT));
  gst_buffer_unref (out);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_QOS));
  g_assert_cmpuint (count (h, "frames"), ==, 2);
  g_assert_cmpuint (count (h, "dropped"), ==, 1);
  gst_element_set_bus (h->element, NULL);
  gst_harness_teardown (h);
  gst_object_unref (bus);
}

/* Between two events of the sink's the clock tells: here it shows what is of
 * half a second before. */
static void
test_late_by_clock (void)
{
  GstHarness *h = test_harness (CAPS, NULL);

  g_assert_true (gst_harness_push_upstream_event (h, gst_event_new_latency
          (GST_SECOND / 2)));
  gst_util_set_object_arg (G_OBJECT (h->element), "late-policy", "drop");
  g_assert_true (gst_harness_set_time (h, 2 * GST_SECOND));
  /* No sink has said yet that it plays by the clock. */
  g_assert_true (push (h, 0));
  SAY_LATE (h, 0, 0);
  g_assert_false (push (h, GST_SECOND + 490 * GST_MSECOND));
  g_assert_true (push (h, GST_SECOND + 510 * GST_MSECOND));
  gst_harness_teardown (h);
}

/* A wish for fewer frames makes none late; a flush ends all lateness. */
static void
test_not_late (void)
{
  GstHarness *h = test_harness (CAPS, NULL);
  GstSegment segment;

  gst_util_set_object_arg (G_OBJECT (h->element), "late-policy", "drop");
  say (h, GST_QOS_TYPE_THROTTLE, GST_SECOND, 0);
  g_assert_true (push (h, 0));
  SAY_LATE (h, GST_SECOND, 0);
  g_assert_false (push (h, FRAME));
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  g_assert_true (push (h, FRAME));
  gst_harness_teardown (h);
}

/* Which of @n frames, @period apart, the network runs for with the interval
 * chosen by the element. */
static guint64
infer_by_budget (gboolean live, GstClockTime period, guint n)
{
  GstHarness *h = test_harness (CAPS, NULL);
  guint64 inferred;
  guint i;

  g_object_set (h->element, "inference-interval", 0, NULL);
  gst_harness_set_live (h, live);
  gst_harness_query_latency (h);
  for (i = 0; i < n; i++)
    g_assert_true (push (h, i * period));
  inferred = count (h, "inferred");
  gst_harness_teardown (h);
  return inferred;
}

static void
test_interval_by_budget (void)
{
  /* Time for every frame; for none of them, but once in a while; and without a
   * clock there is all the time of the world. */
  g_assert_cmpuint (infer_by_budget (TRUE, GST_SECOND, 10), ==, 10);
  g_assert_cmpuint (infer_by_budget (TRUE, 10, 65), ==, 3);
  g_assert_cmpuint (infer_by_budget (FALSE, 10, 65), ==, 65);
}

static guint
count_messages (GstBus * bus, GstMessageType type)
{
  GstMessage *message;
  guint n = 0;

  while ((message = gst_bus_pop_filtered (bus, type))) {
    gst_message_unref (message);
    n++;
  }
  return n;
}

static void
test_latency (void)
{
  GstHarness *h = test_harness (CAPS, NULL);
  GstBus *bus = gst_bus_new ();
  GstClockTime latency;
  guint i;

  gst_element_set_bus (h->element, bus);
  gst_harness_set_upstream_latency (h, GST_SECOND);
  g_assert_cmpuint (gst_harness_query_latency (h), ==, GST_SECOND);
  for (i = 0; i < 5; i++)
    g_assert_true (push (h, i * FRAME));
  g_assert_cmpuint (count_messages (bus, GST_MESSAGE_LATENCY), >, 0);
  latency = gst_harness_query_latency (h);
  g_assert_cmpuint (latency, >, GST_SECOND);
  g_assert_cmpuint (gst_harness_query_latency (h), ==, latency);
  gst_element_set_bus (h->element, NULL);
  gst_harness_teardown (h);
  gst_object_unref (bus);
}

/* Where nothing is live, there is nothing to wait for. */
static void
test_latency_not_live (void)
{
  GstHarness *h = test_harness (CAPS, NULL);
  GstBus *bus = gst_bus_new ();
  guint i;

  gst_element_set_bus (h->element, bus);
  gst_harness_set_live (h, FALSE);
  gst_harness_query_latency (h);
  for (i = 0; i < 5; i++)
    g_assert_true (push (h, i * FRAME));
  g_assert_cmpuint (count_messages (bus, GST_MESSAGE_LATENCY), ==, 0);
  g_assert_cmpuint (gst_harness_query_latency (h), ==, 0);
  gst_element_set_bus (h->element, NULL);
  gst_harness_teardown (h);
  gst_object_unref (bus);
}

static void
test_stats (void)
{
  GstHarness *h = test_harness (CAPS, NULL);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GstStructure *stats;
  gdouble average, worst;
  guint i;

  g_assert_cmpuint (count (h, "frames"), ==, 0);
  gst_element_set_bus (h->element, bus);
  g_object_set (h->element, "inference-interval", 2, NULL);
  for (i = 0; i < 4; i++)
    g_assert_true (push (h, i * FRAME));
  g_object_get (h->element, "stats", &stats, NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));

  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (message);
  g_assert_true (gst_structure_is_equal (gst_message_get_structure (message),
          stats));
  gst_message_unref (message);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT));

  g_assert_cmpuint (count_in (stats, "frames"), ==, 4);
  g_assert_cmpuint (count_in (stats, "inferred"), ==, 2);
  g_assert_cmpuint (count_in (stats, "reused"), ==, 2);
  g_assert_cmpuint (count_in (stats, "dropped"), ==, 0);
  g_assert_cmpuint (count_in (stats, "cuts"), ==, 0);
  g_assert_true (gst_structure_get (stats, "average-ms", G_TYPE_DOUBLE,
          &average, "worst-ms", G_TYPE_DOUBLE, &worst, NULL));
  g_assert_cmpfloat (average, >, 0.0);
  g_assert_cmpfloat (worst, >=, average);
  g_assert_cmpstr (gst_structure_get_string (stats, "tier"), ==,
      mleu_cpu_get_tier ());
  gst_structure_free (stats);

  /* They are read after the end too, and counted afresh. */
  gst_element_set_state (h->element, GST_STATE_READY);
  g_assert_cmpuint (count (h, "frames"), ==, 4);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  g_assert_cmpuint (count (h, "frames"), ==, 0);
  gst_element_set_bus (h->element, NULL);
  gst_harness_teardown (h);
  gst_object_unref (bus);
}

/* Frames of two scenes, cut where the seed changes. */
static void
test_stats_cuts (void)
{
  GstHarness *h = test_harness (CAPS, NULL);
  guint i;

  for (i = 0; i < 6; i++)
    gst_buffer_unref (gst_harness_push_and_pull (h, i < 3 ? still (i * FRAME) :
            test_frame (&info, 7, i * FRAME)));
  g_assert_cmpuint (count (h, "cuts"), ==, 1);
  gst_harness_teardown (h);
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] = { NULL };

  test_begin (&argc, &argv, plugins);
  test_info (&info, CAPS);
  g_test_add_func ("/live/qos", test_qos);
  g_test_add_func ("/live/budget", test_budget);
  g_test_add_func ("/live/budget-stall", test_budget_stall);
  g_test_add_func ("/live/latency-estimate", test_latency_estimate);
  g_test_add_func ("/live/late/reuse", test_reuse);
  g_test_add_func ("/live/late/reuse-is-carried", test_reuse_is_carried);
  g_test_add_func ("/live/late/process", test_process);
  g_test_add_func ("/live/late/drop", test_drop);
  g_test_add_func ("/live/late/by-clock", test_late_by_clock);
  g_test_add_func ("/live/late/not-late", test_not_late);
  g_test_add_func ("/live/interval-by-budget", test_interval_by_budget);
  g_test_add_func ("/live/latency", test_latency);
  g_test_add_func ("/live/latency-not-live", test_latency_not_live);
  g_test_add_func ("/live/stats", test_stats);
  g_test_add_func ("/live/stats-cuts", test_stats_cuts);
  return test_end (g_test_run ());
}
