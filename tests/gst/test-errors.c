/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A model that cannot be used: one error on the bus, that says which file. */

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "testmodel.h"

#define NOBODY 65534

static gchar *data;
static gsize size;

/* A file with @bytes; its path. */
static gchar *
write_model (const gchar * name, const gchar * bytes, gsize n)
{
  gchar *path = test_path (name);
  GError *error = NULL;

  g_file_set_contents (path, bytes, n, &error);
  g_assert_no_error (error);
  return path;
}

/* Starts a pipeline with @model; asserts one error, by mleucolorize, that has
 * @text in its own. */
static void
assert_error (const gchar * model, GQuark domain, gint code,
    const gchar * text)
{
  GstElement *pipeline = gst_parse_launch ("fakesrc ! "
      "video/x-raw,format=GRAY8,width=64,height=64,framerate=25/1 ! "
      "mleucolorize name=m ! fakesink", NULL);
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), "m");
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  GError *error = NULL;
  guint n = 0;

  g_object_set (element, "model", model, NULL);
  g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_PAUSED), ==,
      GST_STATE_CHANGE_FAILURE);
  while ((message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR))) {
    gchar *debug;

    g_assert_true (GST_MESSAGE_SRC (message) == GST_OBJECT (element));
    gst_message_parse_error (message, &error, &debug);
    g_test_message ("%s", error->message);
    g_assert_error (error, domain, code);
    g_assert_nonnull (strstr (error->message, text));
    g_assert_nonnull (debug);
    g_free (debug);
    g_clear_error (&error);
    gst_message_unref (message);
    n++;
  }
  g_assert_cmpuint (n, ==, 1);

  /* And no harm done: with a good one it starts. */
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_object_set (element, "model", test_model (), NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), !=,
      GST_STATE_CHANGE_FAILURE);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
  gst_object_unref (pipeline);
}

#define ASSERT_DAMAGED(path) assert_error (path, GST_STREAM_ERROR, \
    GST_STREAM_ERROR_FORMAT, path)

static void
test_missing (void)
{
  gchar *path = test_path ("missing.safetensors");

  assert_error (path, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, path);
  g_free (path);
}

static void
test_missing_name (void)
{
  /* The places searched are named. */
  assert_error ("nobodys-model", GST_RESOURCE_ERROR,
      GST_RESOURCE_ERROR_NOT_FOUND, test_folder ());
  assert_error ("nobodys-model", GST_RESOURCE_ERROR,
      GST_RESOURCE_ERROR_NOT_FOUND, "nobodys-model");
  assert_error ("nobodys-model", GST_RESOURCE_ERROR,
      GST_RESOURCE_ERROR_NOT_FOUND, "MLEU_MODEL_PATH");
}

static void
test_directory (void)
{
  assert_error (test_folder (), GST_RESOURCE_ERROR,
      GST_RESOURCE_ERROR_OPEN_READ, test_folder ());
}

static void
test_unreadable (void)
{
  gchar *path = write_model ("unreadable.safetensors", data, size);
  gboolean is_root = geteuid () == 0;

  test_model ();
  g_assert_no_errno (g_chmod (path, 0));
  if (is_root) {
    g_assert_no_errno (g_chmod (test_folder (), 0755));
    g_assert_no_errno (g_chmod (test_model (), 0644));
    g_assert_no_errno (seteuid (NOBODY));
  }
  assert_error (path, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, path);
  if (is_root)
    g_assert_no_errno (seteuid (0));
  g_remove (path);
  g_free (path);
}

static void
test_empty (void)
{
  gchar *path = write_model ("empty.safetensors", "", 0);

  ASSERT_DAMAGED (path);
  g_free (path);
}

static void
test_not_a_model (void)
{
  gchar *path = write_model ("text.safetensors", "This is no model.\n", 18);
  gchar *other;

  ASSERT_DAMAGED (path);
  g_free (path);

  /* safetensors, but of something else. */
  other = write_model ("other.safetensors", "\2\0\0\0\0\0\0\0{}", 10);
  ASSERT_DAMAGED (other);
  g_free (other);
}

static void
test_truncated (void)
{
  const gsize lengths[] = { 4, 8, 100, size / 2, size - 1 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (lengths); i++) {
    gchar *path = write_model ("truncated.safetensors", data, lengths[i]);

    ASSERT_DAMAGED (path);
    g_free (path);
  }
}

static void
test_flipped_bit (void)
{
  const gsize places[] = { 0, 7, 8, size - size / 4, size - 1 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (places); i++) {
    gchar *path;

    data[places[i]] ^= 0x10;
    path = write_model ("flipped.safetensors", data, size);
    data[places[i]] ^= 0x10;
    ASSERT_DAMAGED (path);
    g_free (path);
  }
}

/* A valid file whose graph has an operator that this version does not know. */
static void
test_wrong_architecture (void)
{
  gchar *other = g_memdup2 (data, size), *path;
  gsize i, n = 0;

  for (i = 0; i + 6 <= size; i++)
    if (memcmp (other + i, "conv2d", 6) == 0) {
      other[i + 4] = '9';
      n++;
    }
  g_assert_cmpuint (n, >, 0);
  path = write_model ("architecture.safetensors", other, size);
  assert_error (path, GST_STREAM_ERROR, GST_STREAM_ERROR_WRONG_TYPE, path);
  g_free (path);
  g_free (other);
}

/* A right file whose network overflows: found when it runs. */
static void
test_inference (void)
{
  const gchar *caps = "video/x-raw,format=I420,width=64,height=64,"
      "framerate=25/1";
  gfloat weights[18];
  TestFile *file = testfile_new ();
  GstElement *element = gst_element_factory_make ("mleucolorize", NULL);
  GstBus *bus = gst_bus_new ();
  GByteArray *bytes;
  GstMessage *message;
  GstVideoInfo info;
  GError *error = NULL;
  GstHarness *h;
  gchar *path;
  guint i, n = 0;

  for (i = 0; i < G_N_ELEMENTS (weights); i++)
    weights[i] = i % 2 ? 3e38f : -3e38f;
  testfile_add (file, "w", "F32", "[2,1,3,3]", weights, sizeof (weights));
  testfile_metadata (file, "mleu.graph", "{\"stride\":32,\"nodes\":["
      "{\"name\":\"L\",\"op\":\"input\"},"
      "{\"name\":\"a\",\"op\":\"conv2d\",\"input\":[\"L\"],\"weight\":\"w\","
      "\"stride\":4,\"padding\":[1,1,1,1]}],"
      "\"head\":{\"type\":\"regression\",\"input\":\"a\",\"scale\":1}}");
  bytes = testfile_bytes (file);
  path = write_model ("overflow.safetensors", (const gchar *) bytes->data,
      bytes->len);
  g_byte_array_unref (bytes);
  testfile_free (file);

  g_object_set (element, "model", path, "render-size", 32, NULL);
  gst_element_set_bus (element, bus);
  h = gst_harness_new_with_element (element, "sink", "src");
  gst_harness_set_src_caps_str (h, caps);
  test_info (&info, caps);
  g_assert_cmpint (gst_harness_push (h, test_frame (&info, 1, 0)), ==,
      GST_FLOW_ERROR);
  while ((message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR))) {
    gst_message_parse_error (message, &error, NULL);
    g_test_message ("%s", error->message);
    g_assert_error (error, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED);
    g_clear_error (&error);
    gst_message_unref (message);
    n++;
  }
  g_assert_cmpuint (n, ==, 1);
  gst_element_set_bus (element, NULL);
  gst_harness_teardown (h);
  gst_object_unref (element);
  gst_object_unref (bus);
  g_free (path);
}

int
main (int argc, char **argv)
{
  static const gchar *const plugins[] = { "coreelements", NULL };
  GError *error = NULL;
  int result;

  test_begin (&argc, &argv, plugins);
  g_file_get_contents (test_model (), &data, &size, &error);
  g_assert_no_error (error);
  g_test_add_func ("/errors/missing", test_missing);
  g_test_add_func ("/errors/missing-name", test_missing_name);
  g_test_add_func ("/errors/directory", test_directory);
  g_test_add_func ("/errors/unreadable", test_unreadable);
  g_test_add_func ("/errors/empty", test_empty);
  g_test_add_func ("/errors/not-a-model", test_not_a_model);
  g_test_add_func ("/errors/truncated", test_truncated);
  g_test_add_func ("/errors/flipped-bit", test_flipped_bit);
  g_test_add_func ("/errors/wrong-architecture", test_wrong_architecture);
  g_test_add_func ("/errors/inference", test_inference);
  result = test_end (g_test_run ());
  g_free (data);
  return result;
}
