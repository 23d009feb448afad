/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What leaves the element for what went in: sizes, ranges, strides, metas,
 * memory. test-pairs.c has the formats. */

#include <string.h>

#include "common.h"

static void
assert_same_luma (const GstVideoInfo * in_info, GstBuffer * in,
    const GstVideoInfo * out_info, GstBuffer * out)
{
  GstVideoFrame a, b;
  gint x, y;

  g_assert_true (gst_video_frame_map (&a, in_info, in, GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&b, out_info, out, GST_MAP_READ));
  for (y = 0; y < GST_VIDEO_INFO_HEIGHT (in_info); y++)
    for (x = 0; x < GST_VIDEO_INFO_WIDTH (in_info); x++)
      g_assert_cmpuint (test_sample (&a, 0, x, y), ==,
          test_sample (&b, 0, x, y));
  gst_video_frame_unmap (&b);
  gst_video_frame_unmap (&a);
}

static void
run_pair (const gchar * in_format, const gchar * out_format, gint width,
    gint height)
{
  gchar *in_caps = test_caps_for (in_format, width, height);
  gchar *out_caps = test_caps_for (out_format, width, height);
  GstHarness *h = test_harness (in_caps, out_caps);
  GstVideoInfo in_info, out_info;
  GstBuffer *in, *out;

  test_info (&in_info, in_caps);
  test_info (&out_info, out_caps);
  in = test_frame (&in_info, width, 40 * GST_MSECOND);
  out = gst_harness_push_and_pull (h, gst_buffer_copy_deep (in));
  g_assert_nonnull (out);
  g_assert_cmpuint (GST_BUFFER_PTS (out), ==, 40 * GST_MSECOND);
  g_assert_cmpuint (gst_buffer_get_size (out), >=, out_info.size);

  if (!GST_VIDEO_INFO_IS_RGB (&in_info) && !GST_VIDEO_INFO_IS_RGB (&out_info)
      && GST_VIDEO_INFO_COMP_DEPTH (&in_info, 0) ==
      GST_VIDEO_INFO_COMP_DEPTH (&out_info, 0))
    assert_same_luma (&in_info, in, &out_info, out);

  gst_buffer_unref (out);
  gst_buffer_unref (in);
  gst_harness_teardown (h);
  g_free (out_caps);
  g_free (in_caps);
}

static void
test_sizes (void)
{
  static const gint sizes[][2] =
      { {1, 1}, {1, 7}, {7, 1}, {2, 2}, {3, 2}, {64, 3} };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++) {
    run_pair ("GRAY8", "I420", sizes[i][0], sizes[i][1]);
    run_pair ("NV12", "NV12", sizes[i][0], sizes[i][1]);
    run_pair ("YUY2", "RGB", sizes[i][0], sizes[i][1]);
  }
}

/* In limited range too, the samples beyond black and white included, and
 * whichever way the caps say it. */
static void
test_limited_range (void)
{
  static const gchar *const pairs[][2] = {
    {"I420,colorimetry=bt601", "NV12"}, {"I420", "Y444"},
    {"NV12,colorimetry=bt709", "I420,colorimetry=bt601"},
    {"GRAY8,colorimetry=bt709", "I420"},
    {"I420_10LE,colorimetry=bt2020-10", "P010_10LE"},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (pairs); i++) {
    gchar *in_caps = g_strdup_printf ("video/x-raw,width=40,height=30,"
        "framerate=25/1,format=%s", pairs[i][0]);
    gchar *out_caps = g_strdup_printf ("video/x-raw,format=%s", pairs[i][1]);
    GstHarness *h = test_harness (in_caps, out_caps);
    GstVideoInfo in_info, out_info;
    GstBuffer *in, *out;

    test_info (&in_info, in_caps);
    in = test_frame (&in_info, i, 0);
    out = gst_harness_push_and_pull (h, gst_buffer_copy_deep (in));
    test_pad_info (&out_info, h->sinkpad);
    assert_same_luma (&in_info, in, &out_info, out);
    gst_buffer_unref (out);
    gst_buffer_unref (in);
    gst_harness_teardown (h);
    g_free (out_caps);
    g_free (in_caps);
  }
}

/* Alpha goes through; where the input has none, the output is opaque. */
static void
test_alpha (void)
{
  static const gchar *const pairs[][2] = {
    {"RGBA", "ARGB"}, {"BGRA", "BGRA"}, {"I420", "ABGR"}, {"RGB", "RGBA"},
    {"GRAY16_LE", "BGRA"},
  };
  guint i, x, y;

  for (i = 0; i < G_N_ELEMENTS (pairs); i++) {
    gchar *in_caps = test_caps_for (pairs[i][0], 20, 10);
    gchar *out_caps = test_caps_for (pairs[i][1], 20, 10);
    GstHarness *h = test_harness (in_caps, out_caps);
    GstVideoInfo in_info, out_info;
    GstVideoFrame a, b;
    GstBuffer *in, *out;

    test_info (&in_info, in_caps);
    test_info (&out_info, out_caps);
    in = test_frame (&in_info, i, 0);
    out = gst_harness_push_and_pull (h, gst_buffer_copy_deep (in));
    g_assert_true (gst_video_frame_map (&a, &in_info, in, GST_MAP_READ));
    g_assert_true (gst_video_frame_map (&b, &out_info, out, GST_MAP_READ));
    for (y = 0; y < 10; y++)
      for (x = 0; x < 20; x++)
        g_assert_cmpuint (test_sample (&b, 3, x, y), ==,
            GST_VIDEO_INFO_HAS_ALPHA (&in_info) ?
            test_sample (&a, 3, x, y) : 255);
    gst_video_frame_unmap (&b);
    gst_video_frame_unmap (&a);
    gst_buffer_unref (out);
    gst_buffer_unref (in);
    gst_harness_teardown (h);
    g_free (out_caps);
    g_free (in_caps);
  }
}

/* A grey input without colorimetry leaves in limited range, rounded. */
static void
test_gray_range (void)
{
  const gchar *in_caps = "video/x-raw,format=GRAY8,width=256,height=2,"
      "framerate=25/1";
  GstHarness *h = test_harness (in_caps, "video/x-raw,format=I420");
  GstVideoInfo in_info, out_info;
  GstVideoFrame frame;
  GstBuffer *in, *out;
  guint i;

  test_info (&in_info, in_caps);
  in = gst_buffer_new_allocate (NULL, in_info.size, NULL);
  for (i = 0; i < 256; i++) {
    gst_buffer_memset (in, i, i, 1);
    gst_buffer_memset (in, 256 + i, i, 1);
  }
  out = gst_harness_push_and_pull (h, in);
  test_pad_info (&out_info, h->sinkpad);
  g_assert_cmpint (out_info.colorimetry.range, ==,
      GST_VIDEO_COLOR_RANGE_16_235);
  g_assert_true (gst_video_frame_map (&frame, &out_info, out, GST_MAP_READ));
  for (i = 0; i < 256; i++)
    g_assert_cmpuint (test_sample (&frame, 0, i, 0), ==,
        (guint) (16.5 + i * 219.0 / 255.0));
  gst_video_frame_unmap (&frame);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

/* The network's colours do reach the output. */
static void
test_is_colored (void)
{
  const gchar *caps = "video/x-raw,format=I420,width=64,height=48,"
      "framerate=25/1";
  GstHarness *h = test_harness (caps, NULL);
  GstVideoInfo info;
  GstBuffer *out;

  test_info (&info, caps);
  out = gst_harness_push_and_pull (h, test_frame (&info, 1, 0));
  g_assert_cmpuint (test_chroma (&info, out), >=, 3);
  gst_buffer_unref (out);

  g_object_set (h->element, "strength", 0.0, NULL);
  out = gst_harness_push_and_pull (h, test_frame (&info, 1, 40 * GST_MSECOND));
  g_assert_cmpuint (test_chroma (&info, out), ==, 0);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

static void
assert_same_bytes (GstBuffer * a, GstBuffer * b)
{
  GstMapInfo ma, mb;

  g_assert_true (gst_buffer_map (a, &ma, GST_MAP_READ));
  g_assert_true (gst_buffer_map (b, &mb, GST_MAP_READ));
  g_assert_cmpmem (ma.data, ma.size, mb.data, mb.size);
  gst_buffer_unmap (b, &mb);
  gst_buffer_unmap (a, &ma);
}

/* A buffer with gaps before, between and in the planes, behind a GstVideoMeta. */
static GstBuffer *
padded_buffer (const GstVideoInfo * info)
{
  gsize offset[GST_VIDEO_MAX_PLANES] = { 0 }, size = 13;
  gint stride[GST_VIDEO_MAX_PLANES] = { 0 };
  GstBuffer *buffer;
  guint i;

  for (i = 0; i < GST_VIDEO_INFO_N_PLANES (info); i++) {
    offset[i] = size;
    stride[i] = GST_VIDEO_INFO_PLANE_STRIDE (info, i) + 6 + 10 * i;
    size += (gsize) stride[i] * GST_VIDEO_INFO_HEIGHT (info) + 22;
  }
  buffer = gst_buffer_new_allocate (NULL, size, NULL);
  gst_buffer_memset (buffer, 0, 0xa5, size);
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_INFO_FORMAT (info), GST_VIDEO_INFO_WIDTH (info),
      GST_VIDEO_INFO_HEIGHT (info), GST_VIDEO_INFO_N_PLANES (info), offset,
      stride);
  return buffer;
}

/* The same samples in such a buffer. */
static GstBuffer *
pad_frame (const GstVideoInfo * info, GstBuffer * tight)
{
  GstBuffer *buffer = padded_buffer (info);
  GstVideoFrame from, to;

  g_assert_true (gst_video_frame_map (&from, info, tight, GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&to, info, buffer, GST_MAP_WRITE));
  g_assert_true (gst_video_frame_copy (&to, &from));
  gst_video_frame_unmap (&to);
  gst_video_frame_unmap (&from);
  GST_BUFFER_PTS (buffer) = GST_BUFFER_PTS (tight);
  return buffer;
}

/* What a sink with a memory layout of its own offers. */
typedef struct
{
  GstBufferPool parent;
  GstVideoInfo info;
} PaddedPool;

typedef GstBufferPoolClass PaddedPoolClass;

static GType padded_pool_get_type (void);
G_DEFINE_TYPE (PaddedPool, padded_pool, GST_TYPE_BUFFER_POOL);

static GstFlowReturn
padded_pool_alloc_buffer (GstBufferPool * pool, GstBuffer ** buffer,
    GstBufferPoolAcquireParams * params)
{
  (void) params;
  *buffer = padded_buffer (&((PaddedPool *) pool)->info);
  return GST_FLOW_OK;
}

static void
padded_pool_class_init (PaddedPoolClass * klass)
{
  klass->alloc_buffer = padded_pool_alloc_buffer;
}

static void
padded_pool_init (PaddedPool * pool)
{
  (void) pool;
}

static GstPadProbeReturn
offer_pool (GstPad * pad, GstPadProbeInfo * probe, gpointer data)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (probe);
  PaddedPool *pool;
  GstCaps *caps;

  (void) pad;
  (void) data;
  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return GST_PAD_PROBE_OK;
  pool = g_object_new (padded_pool_get_type (), NULL);
  gst_object_ref_sink (pool);
  gst_query_parse_allocation (query, &caps, NULL);
  g_assert_true (gst_video_info_from_caps (&pool->info, caps));
  gst_query_add_allocation_pool (query, GST_BUFFER_POOL (pool),
      pool->info.size, 0, 0);
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  gst_object_unref (pool);
  return GST_PAD_PROBE_HANDLED;
}

static void
test_strides (void)
{
  static const gchar *const pairs[][2] = {
    {"GRAY8", "I420"}, {"GRAY16_BE", "Y444_16LE"}, {"I420", "I420"},
    {"NV12", "NV12"}, {"P010_10LE", "I420_10LE"}, {"RGB", "I420"},
    {"YUY2", "YUY2"}, {"I420", "BGRA"},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (pairs); i++) {
    gchar *in_caps = test_caps_for (pairs[i][0], 45, 31);
    gchar *out_caps = test_caps_for (pairs[i][1], 45, 31);
    GstHarness *a = test_harness (in_caps, out_caps);
    GstHarness *b = test_harness (NULL, out_caps);
    GstVideoInfo in_info, out_info;
    GstBuffer *tight, *padded;

    gst_pad_add_probe (b->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
        offer_pool, NULL, NULL);
    gst_harness_set_src_caps_str (b, in_caps);

    test_info (&in_info, in_caps);
    test_info (&out_info, out_caps);
    tight = test_frame (&in_info, i, 0);
    padded = pad_frame (&in_info, tight);
    tight = gst_harness_push_and_pull (a, tight);
    padded = gst_harness_push_and_pull (b, padded);
    g_assert_cmpint (gst_buffer_get_video_meta (padded)->offset[0], ==, 13);
    test_assert_equal (&out_info, tight, padded);
    gst_buffer_unref (tight);
    gst_buffer_unref (padded);
    gst_harness_teardown (a);
    gst_harness_teardown (b);
    g_free (in_caps);
    g_free (out_caps);
  }
}

/* A buffer whose picture of 60x42 has @tight as a window at 7, 5, as decoders
 * give them; what is around the window is 0xa5. */
static GstBuffer *
window_frame (const GstVideoInfo * info, GstBuffer * tight, guint x0, guint y0)
{
  GstVideoInfo whole;
  GstVideoCropMeta *crop;
  GstVideoFrame from, to;
  GstBuffer *buffer;
  guint c;
  gint x, y;

  gst_video_info_set_format (&whole, GST_VIDEO_INFO_FORMAT (info), 60, 42);
  buffer = gst_buffer_new_allocate (NULL, whole.size, NULL);
  gst_buffer_memset (buffer, 0, 0xa5, whole.size);
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_INFO_FORMAT (info), 60, 42, GST_VIDEO_INFO_N_PLANES (info),
      whole.offset, whole.stride);
  g_assert_true (gst_video_frame_map (&from, info, tight, GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&to, &whole, buffer, GST_MAP_WRITE));
  for (c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS (&from); c++)
    for (y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&from, c); y++)
      for (x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&from, c); x++) {
        gint across = x + (x0 >> GST_VIDEO_FORMAT_INFO_W_SUB (info->finfo, c));
        gint down = y + (y0 >> GST_VIDEO_FORMAT_INFO_H_SUB (info->finfo, c));

        memcpy ((guint8 *) GST_VIDEO_FRAME_COMP_DATA (&to, c) +
            down * GST_VIDEO_FRAME_COMP_STRIDE (&to, c) +
            across * GST_VIDEO_FRAME_COMP_PSTRIDE (&to, c),
            (guint8 *) GST_VIDEO_FRAME_COMP_DATA (&from, c) +
            y * GST_VIDEO_FRAME_COMP_STRIDE (&from, c) +
            x * GST_VIDEO_FRAME_COMP_PSTRIDE (&from, c),
            GST_VIDEO_INFO_COMP_DEPTH (info, c) > 8 ? 2 : 1);
      }
  gst_video_frame_unmap (&to);
  gst_video_frame_unmap (&from);
  crop = gst_buffer_add_video_crop_meta (buffer);
  crop->x = x0;
  crop->y = y0;
  crop->width = GST_VIDEO_INFO_WIDTH (info);
  crop->height = GST_VIDEO_INFO_HEIGHT (info);
  return buffer;
}

/* The frame that the caps speak of is the part of the buffer's picture that its
 * crop meta names: coloured like that part alone, and where it is. */
static void
test_window (void)
{
  static const struct
  {
    const gchar *in, *out;
    guint x, y, lookahead;
  } cases[] = {
    {"I420", "I420", 8, 6, 0}, {"I420", "NV12", 8, 6, 0},
    {"GRAY8", "I420", 7, 5, 0}, {"RGB", "BGRA", 7, 5, 0},
    {"YUY2", "Y42B", 4, 3, 0}, {"GRAY16_LE", "Y444_16LE", 7, 5, 0},
    {"NV12", "NV12", 8, 6, 2},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    gchar *in_caps = test_caps_for (cases[i].in, 40, 31);
    gchar *out_caps = test_caps_for (cases[i].out, 40, 31);
    GstVideoInfo in_info, out_info;
    GstBuffer *out[2];
    guint k;

    test_info (&in_info, in_caps);
    test_info (&out_info, out_caps);
    for (k = 0; k < 2; k++) {
      GstHarness *h = test_harness (NULL, out_caps);
      GstBuffer *in = test_frame (&in_info, i, 0);

      gst_element_set_state (h->element, GST_STATE_READY);
      g_object_set (h->element, "lookahead", cases[i].lookahead, NULL);
      gst_element_set_state (h->element, GST_STATE_PLAYING);
      gst_harness_set_src_caps_str (h, in_caps);
      if (k == 1) {
        GstBuffer *window = window_frame (&in_info, in, cases[i].x,
            cases[i].y);

        gst_buffer_unref (in);
        in = window;
      }
      g_assert_cmpint (gst_harness_push (h, in), ==, GST_FLOW_OK);
      gst_harness_push_event (h, gst_event_new_eos ());
      out[k] = gst_harness_pull (h);
      gst_harness_teardown (h);
    }
    if (gst_buffer_get_video_crop_meta (out[1])) {
      GstBuffer *whole = window_frame (&out_info, out[0], cases[i].x,
          cases[i].y);

      /* In place, with what is around it. */
      g_assert_cmpstr (cases[i].in, ==, cases[i].out);
      assert_same_bytes (whole, out[1]);
      gst_buffer_unref (whole);
    } else {
      g_assert_true (strcmp (cases[i].in, cases[i].out) != 0 ||
          cases[i].lookahead > 0);
      test_assert_equal (&out_info, out[0], out[1]);
    }
    gst_buffer_unref (out[0]);
    gst_buffer_unref (out[1]);
    g_free (in_caps);
    g_free (out_caps);
  }
}

/* Each row of chroma is of the luma of its own field: one field is bright, the
 * other one dark, so that a colour has less room in one of them. */
static void
test_interlaced (void)
{
  static const struct
  {
    const gchar *mode;
    gboolean is_flagged, by_field;
  } cases[] = {
    {"progressive", FALSE, FALSE}, {"interleaved", FALSE, TRUE},
    {"mixed", FALSE, FALSE}, {"mixed", TRUE, TRUE},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    gchar *caps = g_strdup_printf ("video/x-raw,format=I420,width=32,height=64,"
        "framerate=25/1,interlace-mode=%s", cases[i].mode);
    GstHarness *h = test_harness (caps, NULL);
    GstVideoFrame frame;
    GstVideoInfo info;
    GstBuffer *buffer;
    gint y, same = 0;

    test_info (&info, caps);
    buffer = test_frame (&info, 1, 0);
    if (cases[i].is_flagged)
      GST_BUFFER_FLAG_SET (buffer, GST_VIDEO_BUFFER_FLAG_INTERLACED);
    for (y = 0; y < 64; y++)
      gst_buffer_memset (buffer, y * GST_VIDEO_INFO_PLANE_STRIDE (&info, 0),
          y % 2 ? 110 : 234, 32);
    buffer = gst_harness_push_and_pull (h, buffer);
    g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ));
    for (y = 0; y < 32; y += 2)
      same += test_sample (&frame, 1, 16, y) == test_sample (&frame, 1, 16,
          y + 1) && test_sample (&frame, 2, 16, y) == test_sample (&frame, 2,
          16, y + 1);
    g_test_message ("%s: %d of 16", cases[i].mode, same);
    g_assert_true (cases[i].by_field ? same < 4 : same > 12);
    gst_video_frame_unmap (&frame);
    gst_buffer_unref (buffer);
    gst_harness_teardown (h);
    g_free (caps);
  }
}

/* Where both sides are the same, a writable frame is coloured where it is, and
 * one that others read is not touched. */
static void
test_in_place (void)
{
  const gchar *caps = "video/x-raw,format=I420,width=64,height=48,"
      "framerate=25/1";
  GstHarness *h = test_harness (caps, NULL);
  GstVideoInfo info;
  GstBuffer *in, *before, *out;
  GstMemory *memory;

  test_info (&info, caps);
  in = test_frame (&info, 1, 0);
  memory = gst_buffer_peek_memory (in, 0);
  out = gst_harness_push_and_pull (h, in);
  g_assert_true (gst_buffer_peek_memory (out, 0) == memory);
  gst_buffer_unref (out);

  in = test_frame (&info, 2, 40 * GST_MSECOND);
  before = gst_buffer_copy_deep (in);
  out = gst_harness_push_and_pull (h, gst_buffer_ref (in));
  g_assert_true (out != in);
  test_assert_equal (&info, in, before);
  assert_same_luma (&info, in, &info, out);
  gst_buffer_unref (out);
  gst_buffer_unref (before);
  gst_buffer_unref (in);
  gst_harness_teardown (h);
}

/* Of the picture, and of its colours. */
static void
register_metas (void)
{
  static const gchar *picture[] = { GST_META_TAG_VIDEO_STR, NULL };
  static const gchar *colors[] = {
    GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_COLORSPACE_STR, NULL
  };

  gst_meta_register_custom ("test-kept", picture, NULL, NULL, NULL);
  gst_meta_register_custom ("test-colors", colors, NULL, NULL, NULL);
}

static void
test_metas (gconstpointer out_format)
{
  gchar *in_caps = test_caps_for ("I420", 64, 48);
  gchar *out_caps = test_caps_for (out_format, 64, 48);
  GstHarness *h = test_harness (in_caps, out_caps);
  GstVideoInfo info;
  GstVideoTimeCodeMeta *timecode;
  GstVideoAffineTransformationMeta *turn;
  GstVideoCropMeta *crop;
  GstBuffer *buffer;
  const guint8 caption[] = { 0xfc, 0x41, 0x42 };

  test_info (&info, in_caps);
  buffer = test_frame (&info, 1, 3 * GST_SECOND);
  GST_BUFFER_DURATION (buffer) = 40 * GST_MSECOND;
  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_GAP);
  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_MARKER);
  gst_buffer_add_video_region_of_interest_meta (buffer, "face", 1, 2, 3, 4);
  gst_buffer_add_video_caption_meta (buffer,
      GST_VIDEO_CAPTION_TYPE_CEA708_RAW, caption, sizeof (caption));
  gst_buffer_add_video_time_code_meta_full (buffer, 25, 1, NULL, 0, 1, 2, 3, 4,
      0);
  crop = gst_buffer_add_video_crop_meta (buffer);
  crop->width = 32;
  crop->height = 32;
  turn = gst_buffer_add_video_affine_transformation_meta (buffer);
  turn->matrix[1] = 7;
  gst_buffer_add_custom_meta (buffer, "test-kept");
  gst_buffer_add_custom_meta (buffer, "test-colors");

  buffer = gst_harness_push_and_pull (h, buffer);
  g_assert_cmpuint (GST_BUFFER_PTS (buffer), ==, 3 * GST_SECOND);
  g_assert_cmpuint (GST_BUFFER_DURATION (buffer), ==, 40 * GST_MSECOND);
  g_assert_true (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP));
  g_assert_true (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_MARKER));
  g_assert_nonnull (gst_buffer_get_meta (buffer,
          GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE));
  g_assert_nonnull (gst_buffer_get_video_caption_meta (buffer));
  timecode = gst_buffer_get_video_time_code_meta (buffer);
  g_assert_nonnull (timecode);
  g_assert_cmpuint (timecode->tc.seconds, ==, 3);
  crop = gst_buffer_get_video_crop_meta (buffer);
  g_assert_nonnull (crop);
  g_assert_cmpuint (crop->width, ==, 32);
  turn = gst_buffer_get_video_affine_transformation_meta (buffer);
  g_assert_nonnull (turn);
  g_assert_cmpfloat (turn->matrix[1], ==, 7);
  g_assert_nonnull (gst_buffer_get_custom_meta (buffer, "test-kept"));
  /* In place, the colour space is the input's. */
  g_assert_true ((gst_buffer_get_custom_meta (buffer, "test-colors") != NULL)
      == g_str_equal (out_format, "I420"));
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
  g_free (in_caps);
  g_free (out_caps);
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] = { NULL };

  test_begin (&argc, &argv, plugins);
  register_metas ();
  g_test_add_func ("/frames/sizes", test_sizes);
  g_test_add_func ("/frames/limited-range", test_limited_range);
  g_test_add_func ("/frames/alpha", test_alpha);
  g_test_add_func ("/frames/gray-range", test_gray_range);
  g_test_add_func ("/frames/is-colored", test_is_colored);
  g_test_add_func ("/frames/strides", test_strides);
  g_test_add_func ("/frames/window", test_window);
  g_test_add_func ("/frames/interlaced", test_interlaced);
  g_test_add_func ("/frames/in-place", test_in_place);
  g_test_add_data_func ("/frames/metas-in-place", "I420", test_metas);
  g_test_add_data_func ("/frames/metas-copied", "RGBA", test_metas);
  return test_end (g_test_run ());
}
