/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames in a row: history, time, events, changes on the way. */

#include <string.h>

#include "common.h"

#define CAPS "video/x-raw,format=I420,width=96,height=64,framerate=25/1"
#define FRAME (40 * GST_MSECOND)

static GstVideoInfo info;

/* Two pictures of one scene. */
#define FIRST(pts) test_scene (&info, 0, pts)
#define SECOND(pts) test_scene (&info, 16, pts)

static GstHarness *
steady_harness (void)
{
  GstHarness *h = test_harness (CAPS, NULL);

  g_object_set (h->element, "smoothing", 1.0, NULL);
  return h;
}

/* The second picture as a stream's first frame. */
static GstBuffer *
fresh_second (void)
{
  GstHarness *h = steady_harness ();
  GstBuffer *out = gst_harness_push_and_pull (h, SECOND (0));

  gst_harness_teardown (h);
  return out;
}

static void
push_first (GstHarness * h, GstClockTime pts)
{
  gst_buffer_unref (gst_harness_push_and_pull (h, FIRST (pts)));
}

static void
assert_second (GstHarness * h, GstBuffer * buffer, gboolean forgotten)
{
  GstBuffer *wanted = fresh_second ();
  GstBuffer *out = gst_harness_push_and_pull (h, buffer);

  g_assert_nonnull (out);
  g_assert_true (test_is_equal (out, wanted) == forgotten);
  gst_buffer_unref (out);
  gst_buffer_unref (wanted);
}

static void
push_segment (GstHarness * h, gdouble rate, GstClockTime start,
    GstClockTime base, GstClockTime stop)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = rate;
  segment.start = start;
  segment.time = start;
  segment.base = base;
  segment.stop = stop;
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
}

static void
test_history (void)
{
  GstHarness *h = steady_harness ();

  /* Colours go over from frame to frame: what the other tests build on. */
  push_first (h, 0);
  assert_second (h, SECOND (FRAME), FALSE);
  /* A segment that only goes on is no jump. */
  push_segment (h, 1.0, 0, 0, GST_CLOCK_TIME_NONE);
  push_first (h, 2 * FRAME);
  push_segment (h, 1.0, 0, 0, 10 * GST_SECOND);
  assert_second (h, SECOND (3 * FRAME), FALSE);
  gst_harness_teardown (h);
}

static void
test_forget_flush (void)
{
  GstHarness *h = steady_harness ();

  push_first (h, 0);
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  push_segment (h, 1.0, 0, 0, GST_CLOCK_TIME_NONE);
  assert_second (h, SECOND (FRAME), TRUE);
  gst_harness_teardown (h);
}

static void
test_forget_discont (void)
{
  GstHarness *h = steady_harness ();
  GstBuffer *buffer = SECOND (FRAME);

  push_first (h, 0);
  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  assert_second (h, buffer, TRUE);
  gst_harness_teardown (h);
}

static void
test_forget_segment (void)
{
  GstHarness *h = steady_harness ();

  push_first (h, 0);
  push_segment (h, 1.0, FRAME, 10 * GST_SECOND, GST_CLOCK_TIME_NONE);
  assert_second (h, SECOND (FRAME), TRUE);
  gst_harness_teardown (h);
}

static void
test_forget_stream_start (void)
{
  GstHarness *h = steady_harness ();

  push_first (h, 0);
  g_assert_true (gst_harness_push_event (h,
          gst_event_new_stream_start ("another")));
  gst_harness_set_src_caps_str (h, CAPS);
  push_segment (h, 1.0, 0, 0, GST_CLOCK_TIME_NONE);
  assert_second (h, SECOND (FRAME), TRUE);
  gst_harness_teardown (h);
}

static void
test_forget_reverse (void)
{
  GstHarness *h = steady_harness ();

  push_segment (h, -1.0, 0, 0, 10 * GST_SECOND);
  push_first (h, 5 * GST_SECOND);
  assert_second (h, SECOND (5 * GST_SECOND - FRAME), TRUE);
  gst_harness_teardown (h);
}

static void
test_forget_gap (void)
{
  GstHarness *h = steady_harness ();

  push_first (h, 0);
  assert_second (h, SECOND (5 * GST_SECOND), TRUE);
  /* Back in time. */
  push_first (h, 4 * GST_SECOND);
  assert_second (h, SECOND (3 * GST_SECOND), TRUE);
  gst_harness_teardown (h);
}

static void
test_forget_restart (void)
{
  GstHarness *h = steady_harness ();

  push_first (h, 0);
  gst_element_set_state (h->element, GST_STATE_READY);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  gst_harness_push_event (h, gst_event_new_stream_start ("again"));
  gst_harness_set_src_caps_str (h, CAPS);
  push_segment (h, 1.0, 0, 0, GST_CLOCK_TIME_NONE);
  assert_second (h, SECOND (FRAME), TRUE);
  gst_harness_teardown (h);
}

/* Frames without a time are coloured, at the caps' frame rate. */
static void
test_no_pts (void)
{
  GstHarness *with = steady_harness (), *without = steady_harness ();
  guint i;

  for (i = 0; i < 4; i++) {
    GstBuffer *a = test_scene (&info, 8 * i, i * FRAME);
    GstBuffer *b = test_scene (&info, 8 * i, GST_CLOCK_TIME_NONE);

    a = gst_harness_push_and_pull (with, a);
    b = gst_harness_push_and_pull (without, b);
    g_assert_false (GST_BUFFER_PTS_IS_VALID (b));
    g_assert_true (test_is_equal (a, b));
    gst_buffer_unref (a);
    gst_buffer_unref (b);
  }
  gst_harness_teardown (with);
  gst_harness_teardown (without);
}

static void
test_caps_change (void)
{
  static const gchar *const caps[] = {
    "video/x-raw,format=I420,width=96,height=64,framerate=25/1",
    "video/x-raw,format=I420,width=64,height=96,framerate=25/1",
    "video/x-raw,format=GRAY8,width=33,height=17,framerate=25/1",
    "video/x-raw,format=NV12,width=33,height=17,framerate=0/1",
    "video/x-raw,format=RGB,width=16,height=16,framerate=25/1",
    "video/x-raw,format=I420,width=96,height=64,framerate=25/1",
  };
  GstHarness *h = test_harness (NULL, NULL);
  guint i, n;

  for (i = 0; i < G_N_ELEMENTS (caps); i++) {
    GstCaps *in_caps = gst_caps_from_string (caps[i]);
    GstVideoInfo in_info, out_info;

    g_assert_true (gst_video_info_from_caps (&in_info, in_caps));
    gst_harness_set_src_caps (h, in_caps);
    for (n = 0; n < 2; n++) {
      GstBuffer *out = gst_harness_push_and_pull (h, test_frame (&in_info, n,
              (2 * i + n) * FRAME));

      test_pad_info (&out_info, h->sinkpad);
      g_assert_cmpint (out_info.width, ==, in_info.width);
      g_assert_cmpint (out_info.height, ==, in_info.height);
      g_assert_cmpuint (gst_buffer_get_size (out), ==, out_info.size);
      gst_buffer_unref (out);
    }
  }
  gst_harness_teardown (h);
}

/* A frame with the chroma of a colour picture, or without. */
static GstBuffer *
tinted (gboolean color, guint luma, GstClockTime pts)
{
  GstBuffer *buffer = FIRST (pts);
  GstVideoFrame frame;
  guint c;
  gint x, y;

  g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_WRITE));
  for (c = 0; c < 3; c++)
    for (y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&frame, c); y++)
      for (x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&frame, c); x++) {
        guint8 *sample = (guint8 *) GST_VIDEO_FRAME_COMP_DATA (&frame, c) +
            y * GST_VIDEO_FRAME_COMP_STRIDE (&frame, c) + x;

        if (c == 0)
          *sample = luma + x / 8;
        else
          *sample = color ? 128 + 40 * (((x / 8) + (y / 8) * c) % 3 - 1) : 128;
      }
  gst_video_frame_unmap (&frame);
  return buffer;
}

static void
assert_kept (GstHarness * h, GstBuffer * in, gboolean kept)
{
  GstBuffer *before = gst_buffer_copy_deep (in);
  GstBuffer *out = gst_harness_push_and_pull (h, in);

  g_assert_true (test_is_equal (out, before) == kept);
  gst_buffer_unref (before);
  gst_buffer_unref (out);
}

static void
test_recolor (void)
{
  GstHarness *h = test_harness (NULL, NULL);

  gst_element_set_state (h->element, GST_STATE_READY);
  g_object_set (h->element, "recolor", FALSE, NULL);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  gst_harness_set_src_caps_str (h, CAPS);

  assert_kept (h, tinted (FALSE, 100, 0), FALSE);
  assert_kept (h, tinted (TRUE, 100, FRAME), TRUE);
  /* Its fade to black. */
  assert_kept (h, tinted (FALSE, 16, 2 * FRAME), TRUE);
  assert_kept (h, tinted (FALSE, 100, 3 * FRAME), FALSE);
  gst_harness_teardown (h);

  h = test_harness (CAPS, NULL);
  assert_kept (h, tinted (TRUE, 100, 0), FALSE);
  gst_harness_teardown (h);
}

/* RGB is never coloured in place, and is passed on all the same. */
static void
test_recolor_rgb (void)
{
  const gchar *caps = "video/x-raw,format=RGB,width=96,height=64,"
      "framerate=25/1,colorimetry=sRGB";
  GstHarness *h = test_harness (NULL, NULL);
  GstVideoInfo rgb;

  test_info (&rgb, caps);
  gst_element_set_state (h->element, GST_STATE_READY);
  g_object_set (h->element, "recolor", FALSE, NULL);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  gst_harness_set_src_caps_str (h, caps);
  assert_kept (h, test_frame (&rgb, 3, 0), TRUE);
  gst_harness_teardown (h);
}

static guint
count_warnings (GstBus * bus)
{
  GstMessage *message;
  guint n = 0;

  while ((message = gst_bus_pop (bus))) {
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING)
      n++;
    g_assert_cmpint (GST_MESSAGE_TYPE (message), !=, GST_MESSAGE_ERROR);
    gst_message_unref (message);
  }
  return n;
}

/* Whichever comes first; and the frames are coloured, their luma as it was. */
static void
test_hdr_warns_once (void)
{
  static const gchar *const curves[] = { "bt2100-pq", "bt2100-hlg" };
  guint first, i;

  for (first = 0; first < 2; first++) {
    GstHarness *h = test_harness (NULL, NULL);
    GstBus *bus = gst_bus_new ();

    gst_element_set_bus (h->element, bus);
    for (i = 0; i < 2; i++) {
      gchar *text = g_strdup_printf ("video/x-raw,format=I420_10LE,width=32,"
          "height=32,framerate=25/1,colorimetry=%s", curves[(first + i) % 2]);
      GstCaps *caps = gst_caps_from_string (text);
      GstBuffer *in, *out;
      GstMapInfo a, b;
      GstVideoInfo hdr;

      g_assert_true (gst_video_info_from_caps (&hdr, caps));
      gst_harness_set_src_caps (h, caps);
      in = test_frame (&hdr, 1, i * FRAME);
      out = gst_harness_push_and_pull (h, gst_buffer_copy_deep (in));
      g_assert_cmpuint (test_chroma (&hdr, out), >, 0);
      g_assert_true (gst_buffer_map (in, &a, GST_MAP_READ));
      g_assert_true (gst_buffer_map (out, &b, GST_MAP_READ));
      g_assert_cmpmem (a.data, 32 * 32 * 2, b.data, 32 * 32 * 2);
      gst_buffer_unmap (out, &b);
      gst_buffer_unmap (in, &a);
      gst_buffer_unref (out);
      gst_buffer_unref (in);
      g_assert_cmpuint (count_warnings (bus), ==, i == 0 ? 1 : 0);
      g_free (text);
    }
    gst_element_set_bus (h->element, NULL);
    gst_harness_teardown (h);
    gst_object_unref (bus);
  }
}

/* A picture that no other one of these leads to: stripes, upright or level. */
static GstBuffer *
stripes (gboolean upright, GstClockTime pts)
{
  GstBuffer *buffer = FIRST (pts);
  GstVideoFrame frame;
  gint x, y;

  g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_WRITE));
  for (y = 0; y < 64; y++)
    for (x = 0; x < 96; x++)
      ((guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&frame, 0))[y *
          GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0) + x] =
          (upright ? x : y) / 16 % 2 ? 200 : 50;
  gst_video_frame_unmap (&frame);
  return buffer;
}

/* A message for each cut, and none for the first frame or after a seek. */
static void
test_scene_cut_message (void)
{
  GstHarness *h = test_harness (CAPS, NULL);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  guint i, n = 0;

  gst_element_set_bus (h->element, bus);
  push_segment (h, 1.0, GST_SECOND, 3 * GST_SECOND, GST_CLOCK_TIME_NONE);
  for (i = 0; i < 30; i++)
    gst_buffer_unref (gst_harness_push_and_pull (h, stripes (i / 10 % 2,
                GST_SECOND + i * FRAME)));
  push_segment (h, 1.0, 0, 0, GST_CLOCK_TIME_NONE);
  gst_buffer_unref (gst_harness_push_and_pull (h, stripes (TRUE, 0)));

  while ((message = gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT))) {
    const GstStructure *cut = gst_message_get_structure (message);
    guint64 timestamp, stream_time, running_time;

    g_assert_true (gst_structure_has_name (cut, "mleu-scene-cut"));
    g_assert_true (gst_structure_get (cut, "timestamp", G_TYPE_UINT64,
            &timestamp, "stream-time", G_TYPE_UINT64, &stream_time,
            "running-time", G_TYPE_UINT64, &running_time, NULL));
    n++;
    g_assert_cmpuint (timestamp, ==, GST_SECOND + 10 * n * FRAME);
    g_assert_cmpuint (stream_time, ==, timestamp);
    g_assert_cmpuint (running_time, ==, timestamp + 2 * GST_SECOND);
    gst_message_unref (message);
  }
  g_assert_cmpuint (n, ==, 2);
  gst_element_set_bus (h->element, NULL);
  gst_harness_teardown (h);
  gst_object_unref (bus);
}

static void
test_scene_threshold (void)
{
  GstHarness *h = test_harness (CAPS, NULL);
  GstBus *bus = gst_bus_new ();
  guint i;

  gst_element_set_bus (h->element, bus);
  g_object_set (h->element, "scene-threshold", 0.0, NULL);
  for (i = 0; i < 10; i++)
    gst_buffer_unref (gst_harness_push_and_pull (h, stripes (i / 5, i * FRAME)));
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT));
  gst_element_set_bus (h->element, NULL);
  gst_harness_teardown (h);
  gst_object_unref (bus);
}

/* What frames are coloured as does not depend on where playing begins, given 64
 * frames to warm up, and does depend on the interval. */
static void
test_inference_interval (void)
{
  const guint begins[] = { 0, 17, 0 };
  GstBuffer *outs[3];
  guint k, i;

  for (k = 0; k < 3; k++) {
    GstHarness *h = test_harness (CAPS, NULL);

    g_object_set (h->element, "inference-interval", k < 2 ? 5 : 1, NULL);
    for (i = begins[k]; i < 83; i++)
      gst_buffer_unref (gst_harness_push_and_pull (h, test_scene (&info, i % 3,
                  i * FRAME)));
    outs[k] = gst_harness_push_and_pull (h, test_scene (&info, i % 3,
            i * FRAME));
    gst_harness_teardown (h);
  }
  g_assert_true (test_is_equal (outs[0], outs[1]));
  g_assert_false (test_is_equal (outs[0], outs[2]));
  for (k = 0; k < 3; k++)
    gst_buffer_unref (outs[k]);
}

static gpointer
push_until_flushing (gpointer data)
{
  GstFlowReturn flow = GST_FLOW_OK;
  guint i;

  for (i = 0; flow == GST_FLOW_OK; i++) {
    flow = gst_harness_push (data, test_scene (&info, i % 64, i * FRAME));
    g_assert_true (flow == GST_FLOW_OK || flow == GST_FLOW_FLUSHING);
  }
  return NULL;
}

/* Flushes while another thread pushes frames: the running frame is given up,
 * and the next one is coloured. */
static void
test_flush_storm (void)
{
  GstHarness *h = test_harness (CAPS, NULL);
  guint i;

  for (i = 0; i < 30; i++) {
    GThread *thread = g_thread_new ("frames", push_until_flushing, h);
    GstBuffer *out;

    if (i % 2)
      g_usleep (100 * i);
    gst_harness_push_event (h, gst_event_new_flush_start ());
    g_thread_join (thread);
    gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
    push_segment (h, 1.0, 0, 0, GST_CLOCK_TIME_NONE);
    while ((out = gst_harness_try_pull (h)))
      gst_buffer_unref (out);

    out = gst_harness_push_and_pull (h, FIRST (0));
    g_assert_cmpuint (test_chroma (&info, out), >, 0);
    gst_buffer_unref (out);
  }
  gst_harness_teardown (h);
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] = { NULL };

  test_begin (&argc, &argv, plugins);
  test_info (&info, CAPS);
  g_test_add_func ("/stream/history", test_history);
  g_test_add_func ("/stream/forget/flush", test_forget_flush);
  g_test_add_func ("/stream/forget/discont", test_forget_discont);
  g_test_add_func ("/stream/forget/segment", test_forget_segment);
  g_test_add_func ("/stream/forget/stream-start", test_forget_stream_start);
  g_test_add_func ("/stream/forget/reverse", test_forget_reverse);
  g_test_add_func ("/stream/forget/gap", test_forget_gap);
  g_test_add_func ("/stream/forget/restart", test_forget_restart);
  g_test_add_func ("/stream/no-pts", test_no_pts);
  g_test_add_func ("/stream/caps-change", test_caps_change);
  g_test_add_func ("/stream/recolor", test_recolor);
  g_test_add_func ("/stream/recolor-rgb", test_recolor_rgb);
  g_test_add_func ("/stream/hdr-warns-once", test_hdr_warns_once);
  g_test_add_func ("/stream/scene-cut-message", test_scene_cut_message);
  g_test_add_func ("/stream/scene-threshold", test_scene_threshold);
  g_test_add_func ("/stream/inference-interval", test_inference_interval);
  g_test_add_func ("/stream/flush-storm", test_flush_storm);
  return test_end (g_test_run ());
}
