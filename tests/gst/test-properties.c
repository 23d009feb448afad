/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What can be set, when, and what it does to the frames. */

#include <gst/controller/gstdirectcontrolbinding.h>
#include <gst/controller/gstinterpolationcontrolsource.h>

#include "common.h"

#define CAPS "video/x-raw,format=I420,width=96,height=64,framerate=25/1"
#define FRAME (40 * GST_MSECOND)

static GstVideoInfo info;

/* Two pictures of one scene. */
#define FIRST(pts) test_scene (&info, 0, pts)
#define SECOND(pts) test_scene (&info, 16, pts)

static gpointer
change_properties (gpointer data)
{
  GstHarness *h = data;
  guint i;

  for (i = 0; i < 5000; i++)
    g_object_set (h->element, "strength", (i % 11) / 10.0, "saturation",
        (i % 5) / 1.0, "temperature", (i % 7) / 2.0, "smoothing",
        (i % 3) / 2.0, NULL);
  return NULL;
}

static void
test_threads (void)
{
  GstHarness *h = test_harness (CAPS, NULL);
  GThread *thread = g_thread_new ("properties", change_properties, h);
  GstBuffer *out;
  guint i;

  for (i = 0; i < 60; i++)
    gst_buffer_unref (gst_harness_push_and_pull (h, test_scene (&info, i, i * FRAME)));
  g_thread_join (thread);

  g_object_set (h->element, "strength", 0.0, NULL);
  out = gst_harness_push_and_pull (h, test_scene (&info, i, i * FRAME));
  g_assert_cmpuint (test_chroma (&info, out), ==, 0);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

static void
test_values (void)
{
  GstElement *element = gst_element_factory_make ("mleucolorize", NULL);
  gchar *model;
  guint size, threads;
  gboolean recolor;

  g_object_get (element, "model", &model, "render-size", &size, "n-threads",
      &threads, "recolor", &recolor, NULL);
  g_assert_cmpstr (model, ==, "mleu-film");
  g_assert_cmpuint (size, ==, 0);
  g_assert_cmpuint (threads, ==, 0);
  g_assert_true (recolor);
  g_free (model);

  g_object_set (element, "render-size", 100, "model", "other", NULL);
  g_object_get (element, "model", &model, "render-size", &size, NULL);
  g_assert_cmpuint (size, ==, 96);
  g_assert_cmpstr (model, ==, "other");
  g_free (model);
  g_object_set (element, "render-size", 3, NULL);
  g_object_get (element, "render-size", &size, NULL);
  g_assert_cmpuint (size, ==, 32);
  g_object_set (element, "render-size", 2048, "model", NULL, NULL);
  g_object_get (element, "model", &model, "render-size", &size, NULL);
  g_assert_cmpuint (size, ==, 2048);
  g_assert_cmpstr (model, ==, "mleu-film");
  g_free (model);
  g_assert_true (GST_IS_PRESET (element));
  gst_object_unref (element);
}

/* What may be changed, and driven by a GstController, while playing; and what
 * only before. */
static void
test_flags (void)
{
  static const gchar *const controllable[] = {
    "strength", "saturation", "temperature", "smoothing", "scene-threshold",
    "tame-reds", "tame-blues", "warmth", "split", "split-orientation",
    "inference-interval",
  };
  static const gchar *const fixed[] =
      { "model", "lookahead", "render-size", "n-threads", "recolor" };
  GstElement *element = gst_element_factory_make ("mleucolorize", NULL);
  GObjectClass *klass = G_OBJECT_GET_CLASS (element);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (controllable); i++) {
    GParamSpec *spec = g_object_class_find_property (klass, controllable[i]);

    g_assert_true (spec->flags & GST_PARAM_CONTROLLABLE);
    g_assert_true (spec->flags & GST_PARAM_MUTABLE_PLAYING);
  }
  for (i = 0; i < G_N_ELEMENTS (fixed); i++) {
    GParamSpec *spec = g_object_class_find_property (klass, fixed[i]);

    g_assert_true (spec->flags & G_PARAM_WRITABLE);
    g_assert_true (spec->flags & GST_PARAM_MUTABLE_READY);
    g_assert_false (spec->flags & GST_PARAM_CONTROLLABLE);
  }
  g_assert_true (g_object_class_find_property (klass, "late-policy")->flags &
      GST_PARAM_MUTABLE_PLAYING);
  g_assert_false (g_object_class_find_property (klass, "stats")->flags &
      G_PARAM_WRITABLE);
  gst_object_unref (element);
}

/* Strength from 0 at 0 s to 1 at 1 s, by the frames' stream time. */
static void
test_controller (void)
{
  GstHarness *h = test_harness (CAPS, NULL);
  GstControlSource *source = gst_interpolation_control_source_new ();
  GstTimedValueControlSource *values = GST_TIMED_VALUE_CONTROL_SOURCE (source);
  GstBuffer *out;

  g_object_set (source, "mode", GST_INTERPOLATION_MODE_LINEAR, NULL);
  gst_timed_value_control_source_set (values, 0, 0.0);
  gst_timed_value_control_source_set (values, GST_SECOND, 1.0);
  g_assert_true (gst_object_add_control_binding (GST_OBJECT (h->element),
          gst_direct_control_binding_new (GST_OBJECT (h->element), "strength",
              source)));

  out = gst_harness_push_and_pull (h, FIRST (0));
  g_assert_cmpuint (test_chroma (&info, out), ==, 0);
  gst_buffer_unref (out);
  out = gst_harness_push_and_pull (h, FIRST (GST_SECOND));
  g_assert_cmpuint (test_chroma (&info, out), >, 0);
  gst_buffer_unref (out);
  gst_object_unref (source);
  gst_harness_teardown (h);
}

static guint64
count_inferred (GstHarness * h)
{
  GstStructure *stats;
  guint64 n;

  g_object_get (h->element, "stats", &stats, NULL);
  g_assert_true (gst_structure_get_uint64 (stats, "inferred", &n));
  gst_structure_free (stats);
  return n;
}

/* After grey frames, which the network does not see, colours start afresh. */
static void
test_strength_zero (void)
{
  GstHarness *h = test_harness (CAPS, NULL), *fresh = test_harness (CAPS, NULL);
  GstBuffer *out, *expected;
  guint i;

  gst_buffer_unref (gst_harness_push_and_pull (h, FIRST (0)));
  g_object_set (h->element, "strength", 0.0, NULL);
  for (i = 1; i < 3; i++) {
    GstBuffer *in = SECOND (i * FRAME), *copy;

    /* A grey frame passes as it is. */
    gst_buffer_memset (in, info.offset[1], 128, info.size - info.offset[1]);
    copy = gst_buffer_copy_deep (in);
    out = gst_harness_push_and_pull (h, in);
    g_assert_true (test_is_equal (out, copy));
    gst_buffer_unref (copy);
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (count_inferred (h), ==, 1);
  g_object_set (h->element, "strength", 1.0, NULL);
  out = gst_harness_push_and_pull (h, SECOND (3 * FRAME));
  expected = gst_harness_push_and_pull (fresh, SECOND (3 * FRAME));
  g_assert_true (test_is_equal (out, expected));
  gst_buffer_unref (expected);
  gst_buffer_unref (out);
  gst_harness_teardown (fresh);
  gst_harness_teardown (h);
}

/* Each of them shows, while playing, and 0 gives back what was. */
static void
test_corrections (void)
{
  static const gchar *const names[] =
      { "tame-reds", "tame-blues", "warmth", "split" };
  GstHarness *h = test_harness (CAPS, NULL);
  GstBuffer *plain, *out;
  guint i, changed = 0;

  g_object_set (h->element, "smoothing", 0.0, NULL);
  plain = gst_harness_push_and_pull (h, FIRST (0));
  for (i = 0; i < 2 * G_N_ELEMENTS (names); i++) {
    g_object_set (h->element, names[i / 2], i % 2 == 0 ? 1.0 : 0.0, NULL);
    out = gst_harness_push_and_pull (h, FIRST ((i + 1) * FRAME));
    if (i % 2 == 1)
      g_assert_true (test_is_equal (out, plain));
    else
      changed += !test_is_equal (out, plain);
    if (g_str_equal (names[i / 2], "split") && i % 2 == 0)
      g_assert_cmpuint (test_chroma (&info, out), ==, 0);
    gst_buffer_unref (out);
  }
  /* The small network's colours are not both red and blue. */
  g_assert_cmpuint (changed, >=, 3);
  gst_buffer_unref (plain);
  gst_harness_teardown (h);
}

/* Half of it grey, the other half as it was: at the left, or above. */
static void
test_split (void)
{
  GstHarness *h = test_harness (CAPS, NULL);
  GstBuffer *plain, *out;
  guint level, c, x, y;

  g_object_set (h->element, "smoothing", 0.0, NULL);
  plain = gst_harness_push_and_pull (h, FIRST (0));
  g_object_set (h->element, "split", 0.5, NULL);
  for (level = 0; level < 2; level++) {
    GstVideoFrame a, b;

    gst_util_set_object_arg (G_OBJECT (h->element), "split-orientation",
        level ? "horizontal" : "vertical");
    out = gst_harness_push_and_pull (h, FIRST ((level + 1) * FRAME));
    g_assert_true (gst_video_frame_map (&a, &info, plain, GST_MAP_READ));
    g_assert_true (gst_video_frame_map (&b, &info, out, GST_MAP_READ));
    for (c = 1; c <= 2; c++)
      for (y = 0; y < 32; y++)
        for (x = 0; x < 48; x++)
          g_assert_cmpuint (test_sample (&b, c, x, y), ==,
              (level ? y < 16 : x < 24) ? 128 : test_sample (&a, c, x, y));
    gst_video_frame_unmap (&b);
    gst_video_frame_unmap (&a);
    gst_buffer_unref (out);
  }
  gst_buffer_unref (plain);
  gst_harness_teardown (h);
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] = { NULL };

  test_begin (&argc, &argv, plugins);
  test_info (&info, CAPS);
  g_test_add_func ("/properties/threads", test_threads);
  g_test_add_func ("/properties/values", test_values);
  g_test_add_func ("/properties/flags", test_flags);
  g_test_add_func ("/properties/controller", test_controller);
  g_test_add_func ("/properties/strength-zero", test_strength_zero);
  g_test_add_func ("/properties/corrections", test_corrections);
  g_test_add_func ("/properties/split", test_split);
  return test_end (g_test_run ());
}
