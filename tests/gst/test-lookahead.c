/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames that wait for those after them: none is lost, none comes late, and
 * what they are coloured with. */

#include <string.h>

#include "common.h"

#define CAPS "video/x-raw,format=I420,width=96,height=64,framerate=25/1"
#define FRAME (40 * GST_MSECOND)
#define AHEAD 4

static GstVideoInfo info;

/* One scene, lighter by @lighter; or stripes, which no other picture leads
 * to. */
static GstBuffer *
picture (guint lighter, gboolean striped, GstClockTime pts)
{
  GstBuffer *buffer = test_frame (&info, 1, pts);
  GstVideoFrame frame;
  gint x, y;

  g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_WRITE));
  for (y = 0; y < 64; y++)
    for (x = 0; x < 96; x++)
      ((guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&frame, 0))[y *
          GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0) + x] = striped ?
          (x / 16 % 2 ? 200 : 50) : 40 + x + y / 2 + lighter;
  gst_video_frame_unmap (&frame);
  return buffer;
}

static GstHarness *
ahead_harness (guint lookahead)
{
  GstHarness *h = test_harness (NULL, NULL);

  gst_element_set_state (h->element, GST_STATE_READY);
  g_object_set (h->element, "lookahead", lookahead, "smoothing", 1.0, NULL);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  gst_harness_set_src_caps_str (h, CAPS);
  return h;
}

static void
push (GstHarness * h, guint first, guint end)
{
  for (; first < end; first++)
    g_assert_cmpint (gst_harness_push (h, picture (first % 16, FALSE,
                first * FRAME)), ==, GST_FLOW_OK);
}

/* That frames @first to @end come out next, with their own luma, and no more
 * after them. */
static void
assert_out (GstHarness * h, guint first, guint end)
{
  for (; first < end; first++) {
    GstBuffer *out = gst_harness_try_pull (h);
    GstBuffer *in = picture (first % 16, FALSE, first * FRAME);
    GstMapInfo a, b;

    g_assert_nonnull (out);
    g_assert_cmpuint (GST_BUFFER_PTS (out), ==, first * FRAME);
    g_assert_cmpuint (test_chroma (&info, out), >, 0);
    g_assert_true (gst_buffer_map (in, &a, GST_MAP_READ));
    g_assert_true (gst_buffer_map (out, &b, GST_MAP_READ));
    g_assert_cmpmem (a.data, 96 * 64, b.data, 96 * 64);
    gst_buffer_unmap (in, &a);
    gst_buffer_unmap (out, &b);
    gst_buffer_unref (in);
    gst_buffer_unref (out);
  }
  g_assert_null (gst_harness_try_pull (h));
}

static void
push_segment (GstHarness * h, GstClockTime start)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.start = segment.time = start;
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
}

static void
test_eos (void)
{
  GstHarness *h = ahead_harness (AHEAD);

  push (h, 0, AHEAD);
  assert_out (h, 0, 0);
  push (h, AHEAD, 10);
  assert_out (h, 0, 10 - AHEAD);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  assert_out (h, 10 - AHEAD, 10);
  gst_harness_teardown (h);

  /* Fewer frames than it wants to see. */
  h = ahead_harness (16);
  push (h, 0, 3);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  assert_out (h, 0, 3);
  gst_harness_teardown (h);
}

static void
test_drained (void)
{
  GstHarness *h = ahead_harness (AHEAD);
  GstBuffer *buffer;

  push (h, 0, 6);
  /* Only goes on. */
  push_segment (h, 0);
  assert_out (h, 0, 2);
  g_assert_true (gst_harness_push_event (h, gst_event_new_gap (6 * FRAME,
              FRAME)));
  assert_out (h, 2, 6);
  push (h, 7, 9);
  push_segment (h, 9 * FRAME);
  assert_out (h, 7, 9);
  push (h, 9, 11);
  g_assert_true (gst_harness_push_event (h,
          gst_event_new_stream_start ("another")));
  assert_out (h, 9, 11);
  gst_harness_set_src_caps_str (h, CAPS);
  push_segment (h, 0);

  push (h, 0, 2);
  buffer = picture (2, FALSE, 2 * FRAME);
  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  g_assert_cmpint (gst_harness_push (h, buffer), ==, GST_FLOW_OK);
  assert_out (h, 0, 2);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  assert_out (h, 2, 3);
  gst_harness_teardown (h);
}

static void
test_flushed (void)
{
  GstHarness *h = ahead_harness (AHEAD);

  push (h, 0, 3);
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (h, gst_event_new_flush_stop (TRUE)));
  push_segment (h, 0);
  push (h, 20, 20 + AHEAD + 1);
  assert_out (h, 20, 21);
  /* And with the element. */
  gst_harness_teardown (h);
}

/* The frames of the old size leave in the old caps; likewise where downstream
 * wants another format. */
static void
test_caps (void)
{
  GstHarness *h = ahead_harness (AHEAD);
  GstVideoInfo other;
  GstBuffer *out;
  guint i;

  push (h, 0, 3);
  gst_harness_set_src_caps_str (h,
      "video/x-raw,format=I420,width=48,height=32,framerate=25/1");
  assert_out (h, 0, 3);
  test_pad_info (&other, h->sinkpad);
  for (i = 0; i <= AHEAD; i++)
    gst_harness_push (h, test_frame (&other, i, i * FRAME));
  out = gst_harness_try_pull (h);
  g_assert_cmpuint (gst_buffer_get_size (out), ==, 48 * 32 * 3 / 2);
  gst_buffer_unref (out);

  gst_harness_set_sink_caps_str (h, "video/x-raw,format=Y444");
  g_assert_true (gst_harness_push_upstream_event (h,
          gst_event_new_reconfigure ()));
  gst_harness_push (h, test_frame (&other, i, i * FRAME));
  for (i = 0; i < AHEAD; i++) {
    out = gst_harness_try_pull (h);
    g_assert_cmpuint (gst_buffer_get_size (out), ==, 48 * 32 * 3 / 2);
    gst_buffer_unref (out);
  }
  g_assert_null (gst_harness_try_pull (h));
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  out = gst_harness_try_pull (h);
  g_assert_cmpuint (gst_buffer_get_size (out), ==, 48 * 32 * 3);
  gst_buffer_unref (out);
  g_assert_null (gst_harness_try_pull (h));
  gst_harness_teardown (h);
}

static void
test_latency (void)
{
  const guint aheads[] = { 0, AHEAD };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (aheads); i++) {
    GstHarness *h = ahead_harness (aheads[i]);

    gst_harness_set_upstream_latency (h, 3 * GST_MSECOND);
    g_assert_cmpuint (gst_harness_query_latency (h), ==,
        3 * GST_MSECOND + aheads[i] * FRAME);
    gst_harness_set_src_caps_str (h,
        "video/x-raw,format=I420,width=96,height=64,framerate=50/1");
    g_assert_cmpuint (gst_harness_query_latency (h), ==,
        3 * GST_MSECOND + aheads[i] * FRAME / 2);
    gst_harness_teardown (h);
  }
}

/* Frame @wanted of a stream of @first to @end; of stripes from @cut on. */
static GstBuffer *
nth_of (guint lookahead, guint first, guint end, guint cut, guint wanted)
{
  GstHarness *h = ahead_harness (lookahead);
  GstBuffer *out, *found = NULL;
  guint i;

  for (i = first; i < end; i++)
    gst_harness_push (h, picture (i % 16, i >= cut, i * FRAME));
  gst_harness_push_event (h, gst_event_new_eos ());
  while ((out = gst_harness_try_pull (h))) {
    if (GST_BUFFER_PTS (out) == wanted * FRAME)
      found = out;
    else
      gst_buffer_unref (out);
  }
  g_assert_nonnull (found);
  gst_harness_teardown (h);
  return found;
}

static void
assert_same (GstBuffer * a, GstBuffer * b, gboolean same)
{
  g_assert_true (test_is_equal (a, b) == same);
  gst_buffer_unref (a);
  gst_buffer_unref (b);
}

/* The frames after one change its colours, those of another scene do not. */
static void
test_colors (void)
{
  assert_same (nth_of (AHEAD, 0, 9, 9, 4), nth_of (0, 0, 9, 9, 4), FALSE);
  assert_same (nth_of (AHEAD, 0, 9, 5, 4), nth_of (0, 0, 9, 9, 4), TRUE);
  assert_same (nth_of (AHEAD, 0, 9, 7, 4), nth_of (AHEAD, 0, 7, 7, 4), TRUE);
  /* The last one has none after it. */
  assert_same (nth_of (AHEAD, 0, 9, 9, 8), nth_of (0, 0, 9, 9, 8), TRUE);
}

/* Wherever playing began, and however it goes on after the frames that are
 * looked at. */
static void
test_seek (void)
{
  assert_same (nth_of (AHEAD, 0, 90, 90, 80), nth_of (AHEAD, 80 - 64, 85, 85,
          80), TRUE);
  assert_same (nth_of (AHEAD, 0, 90, 90, 80), nth_of (AHEAD, 70, 85, 85, 80),
      FALSE);
  assert_same (nth_of (AHEAD, 0, 90, 90, 80), nth_of (AHEAD, 80 - 64, 84, 84,
          80), FALSE);
}

/* Frames with colours of their own pass in their place. */
static void
test_recolor (void)
{
  GstHarness *h = test_harness (NULL, NULL);
  GstBuffer *out;
  guint i;

  gst_element_set_state (h->element, GST_STATE_READY);
  g_object_set (h->element, "lookahead", AHEAD, "recolor", FALSE, NULL);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  gst_harness_set_src_caps_str (h, CAPS);
  for (i = 0; i < 12; i++) {
    GstBuffer *in = picture (0, FALSE, i * FRAME);

    if (i < 3 || i >= 6)
      gst_buffer_memset (in, 96 * 64, 128, 96 * 32);
    gst_harness_push (h, in);
  }
  gst_harness_push_event (h, gst_event_new_eos ());
  for (i = 0; i < 12; i++) {
    GstBuffer *in = picture (0, FALSE, i * FRAME);

    out = gst_harness_try_pull (h);
    g_assert_nonnull (out);
    g_assert_cmpuint (GST_BUFFER_PTS (out), ==, i * FRAME);
    assert_same (in, out, i >= 3 && i < 6);
  }
  g_assert_null (gst_harness_try_pull (h));
  gst_harness_teardown (h);
}

/* A pool with too few buffers for what waits here would stop upstream. */
static void
test_allocation (void)
{
  GstHarness *h = ahead_harness (AHEAD);
  GstCaps *caps = gst_caps_from_string (CAPS);
  GstQuery *query = gst_query_new_allocation (caps, TRUE);
  guint least;

  g_assert_true (gst_pad_peer_query (h->srcpad, query));
  g_assert_cmpuint (gst_query_get_n_allocation_pools (query), >, 0);
  gst_query_parse_nth_allocation_pool (query, 0, NULL, NULL, &least, NULL);
  g_assert_cmpuint (least, >=, AHEAD);
  gst_query_unref (query);
  gst_caps_unref (caps);
  gst_harness_teardown (h);
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] = { NULL };

  test_begin (&argc, &argv, plugins);
  test_info (&info, CAPS);
  g_test_add_func ("/lookahead/eos", test_eos);
  g_test_add_func ("/lookahead/drained", test_drained);
  g_test_add_func ("/lookahead/flushed", test_flushed);
  g_test_add_func ("/lookahead/caps", test_caps);
  g_test_add_func ("/lookahead/latency", test_latency);
  g_test_add_func ("/lookahead/colors", test_colors);
  g_test_add_func ("/lookahead/seek", test_seek);
  g_test_add_func ("/lookahead/recolor", test_recolor);
  g_test_add_func ("/lookahead/allocation", test_allocation);
  return test_end (g_test_run ());
}
