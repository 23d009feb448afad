/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The presets that come with the element, and a user's own beside them. */

#include <glib/gstdio.h>

#include "common.h"

static const gchar *const shipped[] =
    { "Film", "Film, subtle", "Strong colours", "Webcam" };

static void
test_names (void)
{
  GstElement *element = gst_element_factory_make ("mleucolorize", NULL);
  gchar **names = gst_preset_get_preset_names (GST_PRESET (element));
  guint i;

  g_assert_cmpuint (g_strv_length (names), ==, G_N_ELEMENTS (shipped));
  for (i = 0; i < G_N_ELEMENTS (shipped); i++) {
    gchar *comment;

    g_assert_true (g_strv_contains ((const gchar * const *) names, shipped[i]));
    g_assert_true (gst_preset_get_meta (GST_PRESET (element), shipped[i],
            "comment", &comment));
    g_assert_cmpstr (comment, !=, "");
    g_free (comment);
  }
  g_strfreev (names);
  gst_object_unref (element);
}

/* The properties that a look is made of. What the machine and the film are
 * like is not: model, render-size, n-threads, recolor; nor is the comparison
 * by split. */
static const gchar *const numbers[] = {
  "strength", "saturation", "temperature", "smoothing", "scene-threshold",
  "tame-reds", "tame-blues", "warmth",
};

static const gchar *const wholes[] = { "lookahead", "inference-interval" };

static void
read_look (GstElement * element, gdouble * look)
{
  gint policy;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (numbers); i++)
    g_object_get (element, numbers[i], &look[i], NULL);
  for (i = 0; i < G_N_ELEMENTS (wholes); i++) {
    guint value;

    g_object_get (element, wholes[i], &value, NULL);
    look[G_N_ELEMENTS (numbers) + i] = value;
  }
  g_object_get (element, "late-policy", &policy, NULL);
  look[G_N_ELEMENTS (numbers) + G_N_ELEMENTS (wholes)] = policy;
}

#define LOOK (G_N_ELEMENTS (numbers) + G_N_ELEMENTS (wholes) + 1)

/* Each sets all of it, whatever was set before. */
static void
test_load (void)
{
  guint i, k;

  for (i = 0; i < G_N_ELEMENTS (shipped); i++) {
    GstElement *plain = gst_element_factory_make ("mleucolorize", NULL);
    GstElement *other = gst_element_factory_make ("mleucolorize", NULL);
    gdouble a[LOOK], b[LOOK];
    gchar *model;

    for (k = 0; k < G_N_ELEMENTS (numbers); k++)
      g_object_set (other, numbers[k], 0.125, NULL);
    g_object_set (other, "lookahead", 3, "inference-interval", 7, "late-policy",
        1, "model", "mine", NULL);
    g_assert_true (gst_preset_load_preset (GST_PRESET (plain), shipped[i]));
    g_assert_true (gst_preset_load_preset (GST_PRESET (other), shipped[i]));
    read_look (plain, a);
    read_look (other, b);
    for (k = 0; k < LOOK; k++)
      g_assert_cmpfloat (a[k], ==, b[k]);
    g_object_get (other, "model", &model, NULL);
    g_assert_cmpstr (model, ==, "mine");
    g_free (model);
    gst_object_unref (plain);
    gst_object_unref (other);
  }
}

static gdouble
get_number (GstElement * element, const gchar * name)
{
  gdouble value;

  g_object_get (element, name, &value, NULL);
  return value;
}

static guint
get_whole (GstElement * element, const gchar * name)
{
  guint value;

  g_object_get (element, name, &value, NULL);
  return value;
}

static void
test_values (void)
{
  GstElement *element = gst_element_factory_make ("mleucolorize", NULL);
  GstPreset *preset = GST_PRESET (element);

  g_assert_true (gst_preset_load_preset (preset, "Film"));
  g_assert_cmpfloat (get_number (element, "smoothing"), ==, 0.5);
  g_assert_cmpuint (get_whole (element, "lookahead"), ==, 8);
  g_assert_cmpuint (get_whole (element, "inference-interval"), ==, 1);
  g_assert_true (gst_preset_load_preset (preset, "Film, subtle"));
  g_assert_cmpfloat (get_number (element, "strength"), ==, 0.75);
  g_assert_true (gst_preset_load_preset (preset, "Webcam"));
  g_assert_cmpfloat (get_number (element, "strength"), ==, 1);
  g_assert_cmpuint (get_whole (element, "lookahead"), ==, 0);
  g_assert_cmpuint (get_whole (element, "inference-interval"), ==, 0);
  g_assert_true (gst_preset_load_preset (preset, "Strong colours"));
  g_assert_cmpfloat (get_number (element, "saturation"), ==, 1.5);
  gst_object_unref (element);
}

/* As gst-launch-1.0 takes one: of GStreamer 1.22, no name with a space. */
static void
test_launch (void)
{
  GError *error = NULL;
  GstElement *element = gst_parse_launch ("mleucolorize @preset=Film", &error);

  g_assert_no_error (error);
  g_assert_cmpuint (get_whole (element, "lookahead"), ==, 8);
  gst_object_unref (element);
}

/* A user's own, saved beside them. */
static void
test_own (void)
{
  GstElement *element = gst_element_factory_make ("mleucolorize", NULL);
  GstElement *other = gst_element_factory_make ("mleucolorize", NULL);
  gchar *file;

  g_object_set (element, "strength", 0.25, "late-policy", 1,
      "split-orientation", 1, NULL);
  g_assert_true (gst_preset_save_preset (GST_PRESET (element), "Mine"));
  g_assert_true (gst_preset_load_preset (GST_PRESET (other), "Mine"));
  g_assert_cmpfloat (get_number (other, "strength"), ==, 0.25);
  g_assert_true (gst_preset_load_preset (GST_PRESET (other), "Webcam"));
  g_assert_true (gst_preset_delete_preset (GST_PRESET (other), "Mine"));
  gst_object_unref (other);
  gst_object_unref (element);
  file = test_path ("gstreamer-1.0/presets/GstMleuColorize.prs");
  g_remove (file);
  g_free (file);
  file = test_path ("gstreamer-1.0/presets");
  g_rmdir (file);
  g_free (file);
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] = { NULL };

  test_begin (&argc, &argv, plugins);
  g_test_add_func ("/presets/names", test_names);
  g_test_add_func ("/presets/load", test_load);
  g_test_add_func ("/presets/values", test_values);
  g_test_add_func ("/presets/launch", test_launch);
  g_test_add_func ("/presets/own", test_own);
  return test_end (g_test_run ());
}
