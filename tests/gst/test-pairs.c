/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every format of the sink pad with every format of the source pad: luma, and
 * each colour component where it belongs, against double precision. */

#include <math.h>
#include <string.h>

#include "common.h"

static const gchar *const sink_formats[] = {
  "GRAY8", "GRAY16_LE", "GRAY16_BE", "I420", "YV12", "NV12", "NV21",
  "I420_10LE", "P010_10LE", "Y42B", "YUY2", "UYVY", "I422_10LE", "Y444",
  "Y444_10LE", "Y444_16LE", "RGBx", "BGRx", "xRGB", "xBGR", "RGBA", "BGRA",
  "ARGB", "ABGR", "RGB", "BGR",
};

/* Those of the source pad are the ones after the grey ones. */
#define src_formats (sink_formats + 3)
#define N_SRC_FORMATS (G_N_ELEMENTS (sink_formats) - 3)

#define WIDTH 37
#define HEIGHT 29

/* What the others are measured by: each sample has its colour, at 16 bits. */
#define FINEST "Y444_16LE"

/* Code values by which rounding twice may be wrong. */
#define ONE 1.01

typedef struct
{
  GstVideoInfo info;
  GstBuffer *buffer;
} Picture;

static void
picture_clear (Picture * picture)
{
  gst_clear_buffer (&picture->buffer);
}

static gdouble
largest (const GstVideoInfo * info)
{
  return (1 << GST_VIDEO_INFO_COMP_DEPTH (info, 0)) - 1;
}

static GstVideoInfo
info_for (const gchar * format)
{
  gchar *text = test_caps_for (format, WIDTH, HEIGHT);
  GstVideoInfo info;

  test_info (&info, text);
  g_free (text);
  return info;
}

/* @in, coloured, as @format. */
static Picture
color (const Picture * in, const gchar * format)
{
  gchar *in_caps = test_caps_for (GST_VIDEO_INFO_NAME (&in->info),
      WIDTH, HEIGHT);
  gchar *out_caps = test_caps_for (format, WIDTH, HEIGHT);
  GstHarness *h = test_harness (in_caps, out_caps);
  Picture out = { info_for (format), NULL };

  out.buffer = gst_harness_push_and_pull (h, gst_buffer_copy_deep (in->buffer));
  g_assert_nonnull (out.buffer);
  g_assert_cmpuint (GST_BUFFER_PTS (out.buffer), ==, 40 * GST_MSECOND);
  g_assert_cmpuint (gst_buffer_get_size (out.buffer), >=, out.info.size);
  gst_harness_teardown (h);
  g_free (out_caps);
  g_free (in_caps);
  return out;
}

/* Y' of a sample, 0..1. */
static gdouble
luma_at (const GstVideoFrame * frame, guint x, guint y)
{
  gdouble first = test_sample (frame, 0, x, y) / largest (&frame->info);

  if (!GST_VIDEO_INFO_IS_RGB (&frame->info))
    return first;
  return 0.299 * first + 0.587 * test_sample (frame, 1, x, y) / 255.0 +
      0.114 * test_sample (frame, 2, x, y) / 255.0;
}

/* Cb (1) or Cr (2) of a sample, -0.5..0.5. */
static gdouble
chroma_at (const GstVideoFrame * frame, guint component, guint x, guint y)
{
  gdouble most = largest (&frame->info);

  return (test_sample (frame, component, x, y) - (most + 1) / 2) / most;
}

/* R', G' or B' of a colour, in 8 bits. */
static gdouble
rgb_at (const GstVideoFrame * frame, guint component, guint x, guint y)
{
  gdouble luma = luma_at (frame, x, y), cb = chroma_at (frame, 1, x, y);
  gdouble cr = chroma_at (frame, 2, x, y);
  const gdouble value[] = { luma + 1.402 * cr,
    luma - (0.114 * 1.772 * cb + 0.299 * 1.402 * cr) / 0.587, luma + 1.772 * cb
  };

  return 255 * CLAMP (value[component], 0.0, 1.0);
}

static void
assert_luma (const Picture * in, const Picture * out)
{
  gboolean same = !GST_VIDEO_INFO_IS_RGB (&in->info) &&
      GST_VIDEO_INFO_COMP_DEPTH (&in->info, 0) ==
      GST_VIDEO_INFO_COMP_DEPTH (&out->info, 0);
  GstVideoFrame a, b;
  guint x, y;

  g_assert_true (gst_video_frame_map (&a, &in->info, in->buffer, GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&b, &out->info, out->buffer,
          GST_MAP_READ));
  for (y = 0; y < HEIGHT; y++)
    for (x = 0; x < WIDTH; x++) {
      gdouble wanted = luma_at (&a, x, y) * largest (&out->info);
      guint got = test_sample (&b, 0, x, y);

      if (same)
        g_assert_cmpuint (got, ==, test_sample (&a, 0, x, y));
      else if (GST_VIDEO_INFO_IS_RGB (&in->info))
        g_assert_cmpfloat (fabs (got - wanted), <=, ONE);
      else
        g_assert_cmpuint (got, ==, (guint) (wanted + 0.5));
    }
  gst_video_frame_unmap (&b);
  gst_video_frame_unmap (&a);
}

/* @out has the colours of @finest: 4:4:4, or RGB. */
static void
assert_colors (const Picture * finest, const Picture * out)
{
  gboolean rgb = GST_VIDEO_INFO_IS_RGB (&out->info);
  GstVideoFrame a, b;
  guint x, y, c;

  g_assert_true (gst_video_frame_map (&a, &finest->info, finest->buffer,
          GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&b, &out->info, out->buffer,
          GST_MAP_READ));
  for (y = 0; y < HEIGHT; y++)
    for (x = 0; x < WIDTH; x++)
      for (c = rgb ? 0 : 1; c < 3; c++) {
        gdouble wanted = rgb ? rgb_at (&a, c, x, y) :
            largest (&out->info) * (chroma_at (&a, c, x, y) + 0.5) + 0.5;

        g_assert_cmpfloat (fabs (test_sample (&b, c, x, y) - wanted), <=, ONE);
      }
  gst_video_frame_unmap (&b);
  gst_video_frame_unmap (&a);
}

/* The planar format whose samples are those of @format, in their order. */
static const gchar *
plain_format (const GstVideoInfo * info)
{
  gboolean deep = GST_VIDEO_INFO_COMP_DEPTH (info, 0) > 8;

  if (GST_VIDEO_FORMAT_INFO_H_SUB (info->finfo, 1))
    return deep ? "I420_10LE" : "I420";
  return deep ? "I422_10LE" : "Y42B";
}

static gdouble
mean_chroma (const Picture * picture, guint component)
{
  GstVideoFrame frame;
  gdouble sum = 0;
  gint x, y, n = 0;

  g_assert_true (gst_video_frame_map (&frame, &picture->info, picture->buffer,
          GST_MAP_READ));
  for (y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&frame, component); y++)
    for (x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&frame, component); x++, n++)
      sum += chroma_at (&frame, component, x, y);
  gst_video_frame_unmap (&frame);
  return sum / n;
}

/* Luma decides how much chroma a colour has: with fewer samples of it, the mean
 * is about the same. */
static void
assert_mean_colors (const Picture * finest, const Picture * out)
{
  guint c;

  for (c = 1; c <= 2; c++)
    g_assert_cmpfloat (fabs (mean_chroma (finest, c) - mean_chroma (out, c)),
        <, 0.01);
  /* Or they might be in each other's place. */
  g_assert_cmpfloat (fabs (mean_chroma (finest, 1) - mean_chroma (finest, 2)),
      >, 0.03);
}

/* By GStreamer's own reading of the two formats. */
static void
assert_same_samples (const Picture * a, const Picture * b)
{
  guint16 lines[2][4 * WIDTH];
  GstVideoFrame frames[2];
  guint i, y;

  g_assert_true (gst_video_frame_map (&frames[0], &a->info, a->buffer,
          GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&frames[1], &b->info, b->buffer,
          GST_MAP_READ));
  for (y = 0; y < HEIGHT; y++) {
    memset (lines, 0, sizeof (lines));
    for (i = 0; i < 2; i++) {
      const GstVideoFormatInfo *finfo = frames[i].info.finfo;

      finfo->unpack_func (finfo, GST_VIDEO_PACK_FLAG_NONE, lines[i],
          frames[i].data, frames[i].info.stride, 0, y, WIDTH);
    }
    g_assert_cmpmem (lines[0], sizeof (lines[0]), lines[1], sizeof (lines[1]));
  }
  gst_video_frame_unmap (&frames[1]);
  gst_video_frame_unmap (&frames[0]);
}

static void
assert_out (const Picture * in, const Picture * finest, const gchar * format)
{
  Picture out = color (in, format), plain = { 0 };

  if (GST_VIDEO_INFO_IS_YUV (&out.info))
    assert_luma (in, &out);
  if (GST_VIDEO_INFO_IS_RGB (&out.info) ||
      GST_VIDEO_FORMAT_INFO_W_SUB (out.info.finfo, 1) == 0) {
    assert_colors (finest, &out);
  } else {
    assert_mean_colors (finest, &out);
    plain = color (in, plain_format (&out.info));
    assert_same_samples (&plain, &out);
  }
  picture_clear (&plain);
  picture_clear (&out);
}

/* Grain of an eighth, around a light that leaves room for colours. */
static Picture
make_input (const gchar * format)
{
  Picture in = { info_for (format), NULL };
  const guint depth = GST_VIDEO_INFO_COMP_DEPTH (&in.info, 0);
  const guint shift = GST_VIDEO_FORMAT_INFO_SHIFT (in.info.finfo, 0);
  guint n = GST_VIDEO_INFO_IS_RGB (&in.info) ? 3 : 1, c, x, y;
  GstVideoFrame frame;

  in.buffer = test_frame (&in.info, 5, 40 * GST_MSECOND);
  g_assert_true (gst_video_frame_map (&frame, &in.info, in.buffer,
          GST_MAP_READWRITE));
  for (c = 0; c < n; c++)
    for (y = 0; y < HEIGHT; y++)
      for (x = 0; x < WIDTH; x++) {
        guint value = test_sample (&frame, c, x, y) / 8 +
            (((80 + 2 * x + y) << depth) >> 8);
        guint8 *sample = (guint8 *) GST_VIDEO_FRAME_COMP_DATA (&frame, c) +
            y * GST_VIDEO_FRAME_COMP_STRIDE (&frame, c) +
            x * GST_VIDEO_FRAME_COMP_PSTRIDE (&frame, c);

        if (depth == 8)
          *sample = value;
        else if (GST_VIDEO_FORMAT_INFO_IS_LE (in.info.finfo))
          GST_WRITE_UINT16_LE (sample, value << shift);
        else
          GST_WRITE_UINT16_BE (sample, value << shift);
      }
  gst_video_frame_unmap (&frame);
  return in;
}

static void
test_from (gconstpointer format)
{
  Picture in = make_input (format), finest = color (&in, FINEST);
  guint i;

  for (i = 0; i < N_SRC_FORMATS; i++)
    assert_out (&in, &finest, src_formats[i]);
  picture_clear (&finest);
  picture_clear (&in);
}

/* Colours of the input, if it has any, have no part in those of the output. */
static void
test_from_luma_alone (void)
{
  guint i;

  for (i = 0; i < N_SRC_FORMATS; i++) {
    Picture in = make_input (src_formats[i]), other, out[2];
    GstVideoFrame from, to;
    guint k, x, y;

    if (!GST_VIDEO_INFO_IS_YUV (&in.info) ||
        GST_VIDEO_INFO_COMP_DEPTH (&in.info, 0) != 8) {
      picture_clear (&in);
      continue;
    }
    other = make_input ("GRAY8");
    g_assert_true (gst_video_frame_map (&from, &in.info, in.buffer,
            GST_MAP_READ));
    g_assert_true (gst_video_frame_map (&to, &other.info, other.buffer,
            GST_MAP_WRITE));
    for (y = 0; y < HEIGHT; y++)
      for (x = 0; x < WIDTH; x++)
        ((guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&to, 0))[y *
            GST_VIDEO_FRAME_PLANE_STRIDE (&to, 0) + x] =
            test_sample (&from, 0, x, y);
    gst_video_frame_unmap (&to);
    gst_video_frame_unmap (&from);
    for (k = 0; k < 2; k++)
      out[k] = color (k == 0 ? &in : &other, "I420");
    assert_same_samples (&out[0], &out[1]);
    for (k = 0; k < 2; k++)
      picture_clear (&out[k]);
    picture_clear (&other);
    picture_clear (&in);
  }
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] = { NULL };
  guint i;

  test_begin (&argc, &argv, plugins);
  for (i = 0; i < G_N_ELEMENTS (sink_formats); i++) {
    gchar *name = g_strdup_printf ("/pairs/from/%s", sink_formats[i]);

    g_test_add_data_func (name, sink_formats[i], test_from);
    g_free (name);
  }
  g_test_add_func ("/pairs/from-luma-alone", test_from_luma_alone);
  return test_end (g_test_run ());
}
