/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "common.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "testmodel.h"

static gchar *folder;
static gchar *model;

static void
link_plugin (const gchar * from, const gchar * name)
{
  gchar *file = g_strconcat ("libgst", name, ".so", NULL);
  gchar *target = g_build_filename (from, file, NULL);
  gchar *link = g_build_filename (folder, file, NULL);

  if (g_file_test (target, G_FILE_TEST_EXISTS))
    g_assert_no_errno (symlink (target, link));
  g_free (link);
  g_free (target);
  g_free (file);
}

static void
set_path (const gchar * variable, const gchar * name)
{
  gchar *path = test_path (name);

  g_setenv (variable, path, TRUE);
  g_free (path);
}

void
test_begin (int *argc, char ***argv, const gchar * const *plugins)
{
  GError *error = NULL;

  folder = g_dir_make_tmp ("mleu-gst-XXXXXX", &error);
  g_assert_no_error (error);
  for (; *plugins; plugins++)
    link_plugin (TEST_SYSTEM_PLUGINS, *plugins);

  g_setenv ("GST_PLUGIN_SYSTEM_PATH_1_0", folder, TRUE);
  g_unsetenv ("GST_PLUGIN_SYSTEM_PATH");
  g_setenv ("GST_PLUGIN_PATH_1_0", TEST_PLUGIN_FOLDER, TRUE);
  g_unsetenv ("GST_PLUGIN_PATH");
  set_path ("GST_REGISTRY", "registry.bin");
  g_unsetenv ("GST_REGISTRY_1_0");
  /* The scanner's process has no sanitizer runtime to load our plugin with. */
  g_setenv ("GST_REGISTRY_FORK", "no", TRUE);
  g_setenv ("XDG_DATA_HOME", folder, TRUE);
  g_setenv ("GST_PRESET_PATH", TEST_PRESETS, TRUE);
  g_unsetenv ("MLEU_MODEL_PATH");

  g_test_init (argc, argv, NULL);
  gst_init (argc, argv);
}

int
test_end (int result)
{
  GDir *files;
  const gchar *name;

  gst_deinit ();
  files = g_dir_open (folder, 0, NULL);
  while ((name = g_dir_read_name (files))) {
    gchar *path = test_path (name);

    g_remove (path);
    g_free (path);
  }
  g_dir_close (files);
  g_rmdir (folder);
  g_clear_pointer (&model, g_free);
  g_clear_pointer (&folder, g_free);
  return result;
}

const gchar *
test_folder (void)
{
  return folder;
}

gchar *
test_path (const gchar * name)
{
  return g_build_filename (folder, name, NULL);
}

const gchar *
test_model (void)
{
  if (!model) {
    model = test_path ("small.safetensors");
    testmodel_write (model);
  }
  return model;
}

GstHarness *
test_harness (const gchar * in_caps, const gchar * out_caps)
{
  GstElement *element = gst_element_factory_make ("mleucolorize", NULL);
  GstHarness *h;

  g_assert_nonnull (element);
  g_object_set (element, "model", test_model (), "render-size", 32,
      "n-threads", 1, NULL);
  h = gst_harness_new_with_element (element, "sink", "src");
  gst_object_unref (element);
  if (out_caps)
    gst_harness_set_sink_caps_str (h, out_caps);
  if (in_caps)
    gst_harness_set_src_caps_str (h, in_caps);
  return h;
}

/* A generator of our own, so that frames are the same everywhere. */
static guint
next_random (guint32 * state)
{
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

/* GST_VIDEO_FRAME_COMP_DATA() of GStreamer 1.22 is a byte off for P010's Cr. */
static guint8 *
component_data (const GstVideoFrame * frame, guint component)
{
  gsize offset = GST_VIDEO_FRAME_COMP_POFFSET (frame, component);

  if (GST_VIDEO_FRAME_COMP_DEPTH (frame, component) > 8)
    offset = GST_ROUND_UP_2 (offset);
  return (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (frame,
      GST_VIDEO_FRAME_COMP_PLANE (frame, component)) + offset;
}

gchar *
test_caps_for (const gchar * format, gint width, gint height)
{
  GstVideoFormat f = gst_video_format_from_string (format);
  gboolean rgb = GST_VIDEO_FORMAT_INFO_IS_RGB (gst_video_format_get_info (f));

  return g_strdup_printf ("video/x-raw,format=%s,width=%d,height=%d,"
      "framerate=25/1,colorimetry=%s", format, width, height,
      rgb ? "sRGB" : "1:4:16:4");
}

static void
read_caps (GstVideoInfo * info, GstCaps * caps)
{
  g_assert_true (gst_video_info_from_caps (info, caps));
  gst_caps_unref (caps);
}

void
test_info (GstVideoInfo * info, const gchar * caps)
{
  read_caps (info, gst_caps_from_string (caps));
}

void
test_pad_info (GstVideoInfo * info, GstPad * pad)
{
  read_caps (info, gst_pad_get_current_caps (pad));
}

GstBuffer *
test_frame (const GstVideoInfo * info, guint32 seed, GstClockTime pts)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, info->size, NULL);
  guint depth = GST_VIDEO_INFO_COMP_DEPTH (info, 0);
  guint shift = GST_VIDEO_FORMAT_INFO_SHIFT (info->finfo, 0);
  guint32 state = seed;
  GstVideoFrame frame;
  guint c;
  gint x, y;

  gst_buffer_memset (buffer, 0, 0, info->size);
  g_assert_true (gst_video_frame_map (&frame, info, buffer, GST_MAP_WRITE));
  for (c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS (&frame); c++) {
    guint8 *data = component_data (&frame, c);

    for (y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&frame, c); y++)
      for (x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&frame, c); x++) {
        guint8 *sample = data + y * GST_VIDEO_FRAME_COMP_STRIDE (&frame, c) +
            x * GST_VIDEO_FRAME_COMP_PSTRIDE (&frame, c);
        guint value = next_random (&state) & ((1u << depth) - 1);

        value <<= shift;
        if (depth == 8) {
          sample[0] = value;
        } else {
          gboolean le = GST_VIDEO_FORMAT_INFO_IS_LE (info->finfo);

          sample[le ? 0 : 1] = value & 0xff;
          sample[le ? 1 : 0] = value >> 8;
        }
      }
  }
  gst_video_frame_unmap (&frame);
  GST_BUFFER_PTS (buffer) = pts;
  return buffer;
}

GstBuffer *
test_scene (const GstVideoInfo * info, guint lighter, GstClockTime pts)
{
  GstBuffer *buffer = test_frame (info, 1, pts);
  GstVideoFrame frame;
  gint x, y;

  g_assert_true (gst_video_frame_map (&frame, info, buffer, GST_MAP_WRITE));
  for (y = 0; y < GST_VIDEO_INFO_HEIGHT (info); y++)
    for (x = 0; x < GST_VIDEO_INFO_WIDTH (info); x++)
      ((guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&frame, 0))[y *
          GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0) + x] =
          40 + x + y / 2 + lighter;
  gst_video_frame_unmap (&frame);
  return buffer;
}

guint
test_sample (const GstVideoFrame * frame, guint component, guint x, guint y)
{
  const GstVideoFormatInfo *finfo = frame->info.finfo;
  const guint8 *sample = component_data (frame, component) + y * GST_VIDEO_FRAME_COMP_STRIDE (frame, component) +
      x * GST_VIDEO_FRAME_COMP_PSTRIDE (frame, component);
  guint value;

  if (GST_VIDEO_FORMAT_INFO_DEPTH (finfo, component) == 8)
    return *sample;
  /* Wherever in memory they are. */
  value = GST_VIDEO_FORMAT_INFO_IS_LE (finfo) ?
      sample[0] | sample[1] << 8 : sample[0] << 8 | sample[1];
  return value >> GST_VIDEO_FORMAT_INFO_SHIFT (finfo, component);
}

guint
test_chroma (const GstVideoInfo * info, GstBuffer * buffer)
{
  guint extra = GST_VIDEO_INFO_COMP_DEPTH (info, 0) - 8;
  guint neutral = 128u << extra, largest = 0, c;
  GstVideoFrame frame;
  gint x, y;

  g_assert_true (GST_VIDEO_INFO_IS_YUV (info));
  g_assert_true (gst_video_frame_map (&frame, info, buffer, GST_MAP_READ));
  for (c = 1; c <= 2; c++)
    for (y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&frame, c); y++)
      for (x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&frame, c); x++) {
        guint value = test_sample (&frame, c, x, y);
        guint distance = value > neutral ? value - neutral : neutral - value;

        largest = MAX (largest, distance >> extra);
      }
  gst_video_frame_unmap (&frame);
  return largest;
}

void
test_assert_equal (const GstVideoInfo * info, GstBuffer * a, GstBuffer * b)
{
  GstVideoFrame fa, fb;
  guint c;
  gint x, y;

  g_assert_true (gst_video_frame_map (&fa, info, a, GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&fb, info, b, GST_MAP_READ));
  for (c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS (&fa); c++)
    for (y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&fa, c); y++)
      for (x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&fa, c); x++)
        g_assert_cmpuint (test_sample (&fa, c, x, y), ==,
            test_sample (&fb, c, x, y));
  gst_video_frame_unmap (&fb);
  gst_video_frame_unmap (&fa);
}

gboolean
test_is_equal (GstBuffer * a, GstBuffer * b)
{
  GstMapInfo ma, mb;
  gboolean equal;

  g_assert_true (gst_buffer_map (a, &ma, GST_MAP_READ));
  g_assert_true (gst_buffer_map (b, &mb, GST_MAP_READ));
  equal = ma.size == mb.size && memcmp (ma.data, mb.data, ma.size) == 0;
  gst_buffer_unmap (b, &mb);
  gst_buffer_unmap (a, &ma);
  return equal;
}
