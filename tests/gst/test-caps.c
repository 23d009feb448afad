/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* gstmleucaps, gstmleugate and gstmleumodels, without a pipeline. */

#include "gstmleucaps.h"
#include "gstmleugate.h"
#include "gstmleumodels.h"

#include <glib/gstdio.h>

#include "common.h"

/* What x264enc of Debian 12 takes; its first format is what GStreamer's own
 * fixation would choose. */
#define H264_FORMATS "{ Y444, Y42B, I420, YV12, NV12, GRAY8, " \
    "Y444_10LE, I422_10LE, I420_10LE }"

static gchar *
fixate (const gchar * in, const gchar * offered)
{
  GstCaps *caps = gst_caps_from_string (in);
  GstCaps *all = gst_mleu_caps_transform (GST_PAD_SINK, caps, FALSE);
  GstCaps *filter = gst_caps_from_string (offered);
  GstCaps *other = gst_caps_intersect (all, filter);
  gchar *text;

  g_assert_false (gst_caps_is_empty (other));
  other = gst_mleu_caps_fixate_output (caps, other);
  g_assert_true (gst_caps_is_fixed (other));
  text = gst_caps_to_string (other);
  gst_caps_unref (other);
  gst_caps_unref (filter);
  gst_caps_unref (all);
  gst_caps_unref (caps);
  return text;
}

#define SIZE "width=64,height=48,framerate=25/1"

static void
assert_format (const gchar * in, const gchar * offered, const gchar * wanted)
{
  gchar *caps = g_strdup_printf ("video/x-raw,format=%s," SIZE, in);
  gchar *filter = g_strdup_printf ("video/x-raw,format=(string)%s", offered);
  gchar *text = fixate (caps, filter);
  GstCaps *got = gst_caps_from_string (text);

  g_assert_cmpstr (gst_structure_get_string (gst_caps_get_structure (got, 0),
          "format"), ==, wanted);
  gst_caps_unref (got);
  g_free (text);
  g_free (filter);
  g_free (caps);
}

static void
test_rank (void)
{
  static const gchar *const any = "{ " GST_MLEU_COLOR_FORMATS " }";

  /* Nobody asks: the input's own, or the plainest colour format. */
  assert_format ("GRAY8", any, "I420");
  assert_format ("I420", any, "I420");
  assert_format ("NV12", any, "NV12");
  assert_format ("Y42B", any, "Y42B");
  assert_format ("Y444", any, "Y444");
  assert_format ("P010_10LE", any, "P010_10LE");
  assert_format ("BGRA", any, "BGRA");
  assert_format ("GRAY16_LE", any, "Y444_16LE");
  assert_format ("GRAY16_BE", any, "Y444_16LE");

  /* An H.264 encoder. */
  assert_format ("GRAY8", H264_FORMATS, "I420");
  assert_format ("I420", H264_FORMATS, "I420");
  assert_format ("NV12", H264_FORMATS, "NV12");
  assert_format ("NV21", H264_FORMATS, "I420");
  assert_format ("YUY2", H264_FORMATS, "Y42B");
  assert_format ("RGBx", H264_FORMATS, "I420");
  assert_format ("GRAY16_LE", H264_FORMATS, "I420_10LE");
  assert_format ("P010_10LE", H264_FORMATS, "I420_10LE");

  /* The order: own sampling, 4:2:0, 4:2:2, 4:4:4, RGB. */
  assert_format ("Y42B", "{ RGB, Y444, I420, YUY2 }", "YUY2");
  assert_format ("Y42B", "{ RGB, Y444, I420 }", "I420");
  assert_format ("I420", "{ RGB, Y444, Y42B }", "Y42B");
  assert_format ("GRAY8", "{ RGB, Y444 }", "Y444");
  assert_format ("GRAY8", "{ RGB, BGRA }", "RGB");
  assert_format ("RGB", "{ I420, BGR }", "BGR");

  /* Depth before sampling; 8 bits only where there is nothing else. */
  assert_format ("I420_10LE", "{ I420, Y444_10LE }", "Y444_10LE");
  assert_format ("GRAY16_LE", "{ I420, RGB, P010_10LE }", "P010_10LE");
  assert_format ("GRAY16_LE", "{ RGB, I420 }", "I420");
  assert_format ("GRAY8", "{ I420_10LE, NV12 }", "NV12");

  /* Alpha is kept. */
  assert_format ("ARGB", "{ RGBx, BGRA, RGB }", "BGRA");
  assert_format ("RGB", "{ RGBA, RGBx }", "RGBx");
}

static void
assert_field (const gchar * in, const gchar * offered, const gchar * field,
    const gchar * wanted)
{
  gchar *text = fixate (in, offered);
  GstCaps *got = gst_caps_from_string (text);

  g_assert_cmpstr (gst_structure_get_string (gst_caps_get_structure (got, 0),
          field), ==, wanted);
  gst_caps_unref (got);
  g_free (text);
}

static void
test_colorimetry (void)
{
  static const gchar *const field = "colorimetry";

  /* Grey's full range is only a default: YUV is what encoders expect. */
  assert_field ("video/x-raw,format=GRAY8,width=720,height=576,framerate=25/1",
      "video/x-raw,format=I420", field, "bt601");
  assert_field ("video/x-raw,format=GRAY8,width=720,height=577,framerate=25/1",
      "video/x-raw,format=I420", field, "bt709");
  assert_field ("video/x-raw,format=GRAY8,colorimetry=1:4:0:0," SIZE,
      "video/x-raw,format=I420", field, "bt601");
  assert_field ("video/x-raw,format=GRAY8,colorimetry=bt709," SIZE,
      "video/x-raw,format=I420", field, "bt709");
  /* Downstream has its way. */
  assert_field ("video/x-raw,format=GRAY8," SIZE,
      "video/x-raw,format=I420,colorimetry=1:4:0:0", field, "1:4:0:0");
  assert_field ("video/x-raw,format=I420,colorimetry=bt709," SIZE,
      "video/x-raw,format=I420,colorimetry={(string)bt601,(string)bt709}",
      field, "bt709");
  assert_field ("video/x-raw,format=I420,colorimetry=1:3:5:1," SIZE,
      "video/x-raw,format=I420,colorimetry={(string)bt709,(string)1:4:0:0}",
      field, "1:4:0:0");
  /* YUV keeps its own, and its silence. */
  assert_field ("video/x-raw,format=I420,colorimetry=1:4:0:0," SIZE,
      "video/x-raw,format=NV12", field, "1:4:0:0");
  assert_field ("video/x-raw,format=I420," SIZE, "video/x-raw,format=NV12",
      field, NULL);
  assert_field ("video/x-raw,format=I420,colorimetry=bt2020-10," SIZE,
      "video/x-raw,format=I420", field, "bt2020-10");
  /* RGB. */
  assert_field ("video/x-raw,format=RGB," SIZE, "video/x-raw,format=I420",
      field, "bt601");
  assert_field ("video/x-raw,format=GRAY8," SIZE, "video/x-raw,format=RGB",
      field, "sRGB");
  assert_field ("video/x-raw,format=I420,colorimetry=bt709," SIZE,
      "video/x-raw,format=RGB", field, "1:1:5:1");

  assert_field ("video/x-raw,format=GRAY8," SIZE, "video/x-raw,format=I420",
      "chroma-site", "mpeg2");
  assert_field ("video/x-raw,format=I420,chroma-site=jpeg," SIZE,
      "video/x-raw,format=NV12", "chroma-site", "jpeg");
  assert_field ("video/x-raw,format=I420,chroma-site=mpeg2," SIZE,
      "video/x-raw,format=NV12", "chroma-site", "mpeg2");
  assert_field ("video/x-raw,format=I420,chroma-site=jpeg," SIZE,
      "video/x-raw,format=Y42B", "chroma-site", "mpeg2");
  assert_field ("video/x-raw,format=I420," SIZE,
      "video/x-raw,format=NV12", "chroma-site", NULL);
}

static void
assert_transform (GstPadDirection direction, const gchar * text, gboolean keep,
    const gchar * accepted, const gchar * refused)
{
  GstCaps *caps = gst_caps_from_string (text);
  GstCaps *result = gst_mleu_caps_transform (direction, caps, keep);
  GstCaps *yes = accepted ? gst_caps_from_string (accepted) : NULL;
  GstCaps *no = refused ? gst_caps_from_string (refused) : NULL;

  if (yes)
    g_assert_true (gst_caps_can_intersect (result, yes));
  else
    g_assert_true (gst_caps_is_empty (result));
  if (no)
    g_assert_false (gst_caps_can_intersect (result, no));
  gst_clear_caps (&yes);
  gst_clear_caps (&no);
  gst_caps_unref (result);
  gst_caps_unref (caps);
}

static void
test_transform (void)
{
  /* Everything but format, colorimetry and siting stays. */
  assert_transform (GST_PAD_SINK, "video/x-raw,format=GRAY8,width=3,"
      "pixel-aspect-ratio=2/1,colorimetry=bt601", FALSE,
      "video/x-raw,format=I420,width=3,pixel-aspect-ratio=2/1,"
      "colorimetry=bt709", "video/x-raw,pixel-aspect-ratio=1/1");
  assert_transform (GST_PAD_SINK, "video/x-raw,format=I420", FALSE,
      "video/x-raw,format=Y444", "video/x-raw,format=GRAY8");
  assert_transform (GST_PAD_SRC, "video/x-raw,format=I420", FALSE,
      "video/x-raw,format=GRAY8", NULL);

  /* No frames that only a device can read, no separate fields. */
  assert_transform (GST_PAD_SINK,
      "video/x-raw(memory:GLMemory),format=RGBA", FALSE, NULL, NULL);
  assert_transform (GST_PAD_SINK, "video/x-raw(format:Interlaced),format=I420,"
      "interlace-mode=alternate", FALSE, NULL, NULL);
}

static void
test_transform_keep (void)
{
  assert_transform (GST_PAD_SINK, "video/x-raw,format=I420,colorimetry=bt601",
      TRUE, "video/x-raw,format=I420,colorimetry=bt601",
      "video/x-raw,format=NV12");
  assert_transform (GST_PAD_SINK, "video/x-raw,format=I420,colorimetry=bt601",
      TRUE, "video/x-raw,format=I420",
      "video/x-raw,format=I420,colorimetry=bt709");
  assert_transform (GST_PAD_SINK, "video/x-raw,format=GRAY8", TRUE,
      "video/x-raw,format=NV12", "video/x-raw,format=GRAY8");
  assert_transform (GST_PAD_SINK, "video/x-raw,format={GRAY8,RGB}", TRUE,
      "video/x-raw,format=NV12", NULL);
  assert_transform (GST_PAD_SRC, "video/x-raw,format=I420", TRUE,
      "video/x-raw,format=I420", "video/x-raw,format=NV12");
  assert_transform (GST_PAD_SRC, "video/x-raw,format=I420", TRUE,
      "video/x-raw,format=GRAY16_LE", "video/x-raw,format=RGB");
  assert_transform (GST_PAD_SRC, "video/x-raw,format=GRAY8", TRUE, NULL, NULL);
}

static void
get_formats (const gchar * in, const gchar * out, MleuFormat * input,
    MleuFormat * output)
{
  GstCaps *in_caps = gst_caps_from_string (in);
  GstCaps *out_caps = gst_caps_from_string (out);
  GstVideoInfo in_info, out_info;

  g_assert_true (gst_video_info_from_caps (&in_info, in_caps));
  g_assert_true (gst_video_info_from_caps (&out_info, out_caps));
  gst_mleu_caps_read_chroma_site (in_caps, &in_info);
  gst_mleu_caps_read_chroma_site (out_caps, &out_info);
  gst_mleu_caps_to_formats (&in_info, &out_info, input, output);
  gst_caps_unref (in_caps);
  gst_caps_unref (out_caps);
}

static void
test_formats (void)
{
  MleuFormat in, out;

  get_formats ("video/x-raw,format=GRAY16_BE,width=5,height=720",
      "video/x-raw,format=P010_10LE,width=5,height=720,colorimetry=bt709,"
      "chroma-site=mpeg2", &in, &out);
  g_assert_cmpint (in.layout, ==, MLEU_LAYOUT_GRAY);
  g_assert_cmpuint (in.depth, ==, 16);
  g_assert_true (in.big_endian);
  g_assert_cmpint (in.range, ==, MLEU_RANGE_FULL);
  g_assert_cmpint (in.matrix, ==, MLEU_MATRIX_BT709);
  g_assert_cmpint (out.layout, ==, MLEU_LAYOUT_YUV);
  g_assert_cmpuint (out.depth, ==, 10);
  g_assert_cmpuint (out.shift, ==, 6);
  g_assert_false (out.big_endian);
  g_assert_cmpint (out.range, ==, MLEU_RANGE_LIMITED);
  g_assert_cmpint (out.matrix, ==, MLEU_MATRIX_BT709);
  g_assert_cmpuint (out.chroma_shift_x, ==, 1);
  g_assert_cmpuint (out.chroma_shift_y, ==, 1);
  g_assert_cmpint (out.siting_x, ==, MLEU_SITING_COSITED);
  g_assert_cmpint (out.siting_y, ==, MLEU_SITING_CENTRE);

  get_formats ("video/x-raw,format=YUY2,width=5,height=5,colorimetry=bt2020,"
      "chroma-site=jpeg", "video/x-raw,format=ARGB,width=5,height=5", &in,
      &out);
  g_assert_cmpint (in.matrix, ==, MLEU_MATRIX_BT2020);
  g_assert_cmpint (in.siting_x, ==, MLEU_SITING_CENTRE);
  g_assert_cmpuint (in.chroma_shift_x, ==, 1);
  g_assert_cmpuint (in.chroma_shift_y, ==, 0);
  g_assert_cmpint (out.layout, ==, MLEU_LAYOUT_RGB);
  g_assert_cmpint (out.range, ==, MLEU_RANGE_FULL);
  /* RGB stands for the YUV side's luma. */
  g_assert_cmpint (out.matrix, ==, MLEU_MATRIX_BT2020);

  /* Siting without colorimetry, and no siting at all. */
  get_formats ("video/x-raw,format=I420,width=5,height=5,chroma-site=dv",
      "video/x-raw,format=I420,width=5,height=5", &in, &out);
  g_assert_cmpint (in.siting_x, ==, MLEU_SITING_COSITED);
  g_assert_cmpint (in.siting_y, ==, MLEU_SITING_COSITED);
  g_assert_cmpint (out.siting_x, ==, MLEU_SITING_COSITED);
  g_assert_cmpint (out.siting_y, ==, MLEU_SITING_CENTRE);

  get_formats ("video/x-raw,format=RGB,width=5,height=5",
      "video/x-raw,format=RGB,width=5,height=5", &in, &out);
  g_assert_cmpint (in.matrix, ==, MLEU_MATRIX_BT601);
  g_assert_cmpint (out.matrix, ==, MLEU_MATRIX_BT601);
}

static void
test_gate (void)
{
  GstMleuGate gate = GST_MLEU_GATE_UNDECIDED;

  gate = gst_mleu_gate_next (gate, 2, 0.5);
  g_assert_cmpint (gate, ==, GST_MLEU_GATE_GRAY);
  gate = gst_mleu_gate_next (gate, 2, 0.5);
  g_assert_cmpint (gate, ==, GST_MLEU_GATE_GRAY);
  gate = gst_mleu_gate_next (gate, 8, 0.5);
  g_assert_cmpint (gate, ==, GST_MLEU_GATE_COLOR);
  /* A pale frame, and one from a fade to black. */
  gate = gst_mleu_gate_next (gate, 2, 0.5);
  g_assert_cmpint (gate, ==, GST_MLEU_GATE_COLOR);
  gate = gst_mleu_gate_next (gate, 0, 0.1);
  g_assert_cmpint (gate, ==, GST_MLEU_GATE_COLOR);
  gate = gst_mleu_gate_next (gate, 0, 0.5);
  g_assert_cmpint (gate, ==, GST_MLEU_GATE_GRAY);
}

static void
test_brightness (void)
{
  static const gchar *const formats[] =
      { "GRAY8", "GRAY16_LE", "GRAY16_BE", "P010_10LE", "RGB", "YUY2" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (formats); i++) {
    GstVideoInfo info;
    GstVideoFrame frame;
    GstBuffer *buffer;
    MleuFormat in, out;
    MleuFrame view;

    gst_video_info_set_format (&info,
        gst_video_format_from_string (formats[i]), 333, 101);
    gst_mleu_caps_to_formats (&info, &info, &in, &out);
    buffer = test_frame (&info, i, 0);
    g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ));
    gst_mleu_frame_view (&frame, &view);
    /* 1024 even random samples: the mean is within five standard deviations of
     * one half. */
    g_assert_cmpfloat_with_epsilon (gst_mleu_gate_brightness (&in, &view), 0.5,
        0.05);
    gst_video_frame_unmap (&frame);
    gst_buffer_unref (buffer);
  }
}

static void
write_file (const gchar * path, const gchar * text)
{
  GError *error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static void
assert_found (const gchar * name, const gchar * wanted)
{
  gchar *searched, *path = gst_mleu_models_find (name, &searched);

  g_assert_cmpstr (path, ==, wanted);
  if (wanted)
    g_assert_null (searched);
  else
    g_assert_nonnull (searched);
  g_free (searched);
  g_free (path);
}

static void
test_find (void)
{
  gchar *a = test_path ("a.safetensors"), *b = test_path ("b.safetensors");
  gchar *path = g_strdup_printf ("/nowhere::%s", test_folder ());
  gchar *user = test_path ("mleu/models");
  gchar *in_user = g_build_filename (user, "c.safetensors", NULL);
  gchar *searched;

  write_file (a, "a");
  write_file (b, "b");

  /* A path is a path. */
  assert_found ("/nowhere/a", "/nowhere/a");
  assert_found (a, a);
  assert_found ("a", NULL);

  g_setenv ("MLEU_MODEL_PATH", path, TRUE);
  assert_found ("a", a);
  assert_found ("a.safetensors", a);
  assert_found ("c", NULL);
  g_assert_null (gst_mleu_models_find ("c", &searched));
  g_assert_nonnull (strstr (searched, test_folder ()));
  g_assert_nonnull (strstr (searched, user));
  g_assert_nonnull (strstr (searched, GST_MLEU_MODEL_DIR));
  g_free (searched);

  /* A file on the path: by its name, or for those who asked for none. */
  g_setenv ("MLEU_MODEL_PATH", b, TRUE);
  assert_found ("b", b);
  assert_found ("a", NULL);
  assert_found (GST_MLEU_DEFAULT_MODEL, b);
  g_unsetenv ("MLEU_MODEL_PATH");

  g_assert_no_errno (g_mkdir_with_parents (user, 0700));
  write_file (in_user, "c");
  assert_found ("c", in_user);
  g_remove (in_user);
  g_rmdir (user);

  g_free (in_user);
  g_free (user);
  g_free (path);
  g_remove (a);
  g_remove (b);
  g_free (a);
  g_free (b);
}

static gpointer
acquire (gpointer path)
{
  GError *error = NULL;
  MleuModel *model = gst_mleu_models_acquire (path, &error);

  g_assert_no_error (error);
  return model;
}

static void
test_cache (void)
{
  gchar *path = test_path ("cached.safetensors");
  GError *error = NULL;
  MleuModel *first, *second;
  GThread *threads[8];
  gchar *data;
  gsize size;
  guint i;

  g_assert_true (g_file_get_contents (test_model (), &data, &size, &error));
  g_assert_true (g_file_set_contents (path, data, size, &error));

  /* All at once, one copy. */
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("acquire", acquire, path);
  first = acquire (path);
  for (i = 0; i < G_N_ELEMENTS (threads); i++) {
    g_assert_true (g_thread_join (threads[i]) == first);
    gst_mleu_models_release (first);
  }

  /* Replaced on disk: the next user gets the new one, the first keeps its
   * own. */
  g_remove (path);
  g_usleep (20000);
  g_assert_true (g_file_set_contents (path, data, size, &error));
  second = acquire (path);
  g_assert_true (second != first);
  gst_mleu_models_release (first);
  first = acquire (path);
  g_assert_true (second == first);
  gst_mleu_models_release (first);
  gst_mleu_models_release (second);

  g_remove (path);
  g_assert_null (gst_mleu_models_acquire (path, &error));
  g_assert_error (error, MLEU_ERROR, MLEU_ERROR_NOT_FOUND);
  g_error_free (error);
  g_free (data);
  g_free (path);
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] = { NULL };

  test_begin (&argc, &argv, plugins);
  g_test_add_func ("/caps/rank", test_rank);
  g_test_add_func ("/caps/colorimetry", test_colorimetry);
  g_test_add_func ("/caps/transform", test_transform);
  g_test_add_func ("/caps/transform-keep", test_transform_keep);
  g_test_add_func ("/caps/formats", test_formats);
  g_test_add_func ("/gate/hysteresis", test_gate);
  g_test_add_func ("/gate/brightness", test_brightness);
  g_test_add_func ("/models/find", test_find);
  g_test_add_func ("/models/cache", test_cache);
  return test_end (g_test_run ());
}
