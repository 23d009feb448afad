/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What cannot be done is said in one line, and nothing is harmed. */
#include "media.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static char *film(void)
{
    const MediaRecipe recipe = {.name = "in.mkv", .frames = 12, .pattern = "ball"};

    return media_make(&recipe);
}

static char *write_file(const char *name, const char *contents, gsize size)
{
    char *path = media_path(name);
    GError *error = NULL;

    g_file_set_contents(path, contents, (gssize)size, &error);
    g_assert_no_error(error);
    return path;
}

static void assert_absent(const char *name)
{
    char *path = media_path(name);

    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    g_free(path);
}

static void assert_refused(const char *in, const char *out, const char *option,
                           const char *expected)
{
    char *messages;

    g_assert_cmpint(media_colorize(&messages, in, out, option, NULL), ==, 1);
    g_assert_true(g_str_has_prefix(messages, "colorize-film: "));
    g_assert_nonnull(strstr(messages, expected));
    g_assert_true(strchr(messages, '\n') == messages + strlen(messages) - 1);
    g_free(messages);
}

static void test_inputs(void)
{
    char *out = media_path("out.mkv"), *folder = g_path_get_dirname(out),
         *none = media_path("none.mkv");
    char *text = write_file("text.mkv", "Not a film.\n", 12),
         *empty = write_file("empty.mkv", "", 0);
    char *whole = film(), *contents, *cut;
    GError *error = NULL;
    gsize size;

    assert_refused(NULL, NULL, NULL, "no IN");
    assert_refused(none, out, NULL, "No such file");
    assert_refused(folder, out, NULL, "a directory");
    assert_refused(text, out, NULL, "not a film");
    assert_refused(empty, out, NULL, "not a film");
    g_file_get_contents(whole, &contents, &size, &error);
    g_assert_no_error(error);
    cut = write_file("cut.mkv", contents, 40);
    assert_refused(cut, out, NULL, "cut.mkv");
    assert_absent("out.mkv");
    assert_absent("out.part.mkv");
    g_free(contents);
    g_free(cut);
    g_free(whole);
    g_free(empty);
    g_free(text);
    g_free(none);
    g_free(folder);
    g_free(out);
}

static void test_sound_alone(void)
{
    char *in = media_path("sound.mkv"), *out = media_path("out.mkv");
    char *launch = g_strdup_printf(
        "audiotestsrc num-buffers=20 ! flacenc ! matroskamux ! filesink location=\"%s\"", in);
    GstElement *pipeline = gst_parse_launch(launch, NULL);
    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *message;

    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    message =
        gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_assert_cmpint(GST_MESSAGE_TYPE(message), ==, GST_MESSAGE_EOS);
    gst_message_unref(message);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    assert_refused(in, out, NULL, "no video track");
    assert_absent("out.mkv");
    assert_absent("out.part.mkv");
    gst_object_unref(bus);
    gst_object_unref(pipeline);
    g_free(launch);
    g_free(out);
    g_free(in);
}

static void test_options(void)
{
    char *in = film(), *out = media_path("out.mkv"), *strange = media_path("out.avi"),
         *nowhere = media_path("no/out.mkv");

    assert_refused(in, strange, NULL, "unknown kind of file");
    assert_refused(in, nowhere, NULL, "No such file");
    assert_refused(in, out, "--strength=3", "out of range");
    assert_refused(in, out, "--threads=-1", "out of range");
    assert_refused(in, out, "--temperature=warm", "not a number");
    assert_refused(in, out, "--render-size=48.5", "not a whole number");
    assert_refused(in, out, "--quality=99", "0 .. 50");
    assert_refused(in, out, "--no-such-option", "--no-such-option");
    assert_refused(in, out, "--model=/no/such/model", "/no/such/model");
    assert_absent("out.mkv");
    assert_absent("out.part.mkv");
    g_free(nowhere);
    g_free(strange);
    g_free(out);
    g_free(in);
}

/* By its own name, a symbolic link, a hard link, the name of the unfinished file, --force or not.
 */
static void test_input_kept(void)
{
    char *in = film(), *soft = media_path("soft.mkv"), *hard = media_path("hard.mkv");
    char *part = media_path("twin.part.mkv"), *twin = media_path("twin.mkv"), *before, *after;
    gsize before_size, after_size;

    g_assert_no_errno(symlink(in, soft));
    g_assert_no_errno(link(in, hard));
    g_assert_no_errno(link(in, part));
    g_assert_true(g_file_get_contents(in, &before, &before_size, NULL));
    assert_refused(in, in, "--force", "never overwritten");
    assert_refused(in, soft, "--force", "never overwritten");
    assert_refused(in, hard, "--force", "never overwritten");
    assert_refused(in, twin, "--force", "choose another name");
    assert_refused(part, twin, "--force", "choose another name");
    g_assert_true(g_file_get_contents(in, &after, &after_size, NULL));
    g_assert_cmpmem(before, before_size, after, after_size);
    g_remove(part);
    g_free(before);
    g_free(after);
    g_free(twin);
    g_free(part);
    g_free(hard);
    g_free(soft);
    g_free(in);
}

static void test_output_kept(void)
{
    char *in = film(), *out = write_file("there.mkv", "precious", 8), *contents;

    assert_refused(in, out, NULL, "--force");
    g_assert_true(g_file_get_contents(out, &contents, NULL, NULL));
    g_assert_cmpstr(contents, ==, "precious");
    g_assert_cmpint(media_colorize(NULL, in, out, "--force", NULL), ==, 0);
    assert_absent("there.part.mkv");
    g_free(contents);
    g_free(out);
    g_free(in);
}

static void test_full_disk(void)
{
    const MediaRecipe recipe = {.name = "big.mkv", .frames = 200, .pattern = "snow"};
    char *in = media_make(&recipe), *disk = media_path("disk"),
         *out = g_build_filename(disk, "out.mp4", NULL);
    char *part = g_build_filename(disk, "out.part.mp4", NULL), *messages;

    g_assert_no_errno(g_mkdir(disk, 0700));
    if (mount("tmpfs", disk, "tmpfs", 0, "size=256k") != 0) {
        g_test_skip("a file system of 256 KiB needs root");
    } else {
        g_assert_cmpint(media_colorize(&messages, in, out, "--quality=1", NULL), ==, 1);
        g_assert_nonnull(strstr(messages, "no space left"));
        g_assert_false(g_file_test(out, G_FILE_TEST_EXISTS));
        g_assert_false(g_file_test(part, G_FILE_TEST_EXISTS));
        g_free(messages);
        g_assert_no_errno(umount(disk));
    }
    g_assert_no_errno(g_rmdir(disk));
    g_free(part);
    g_free(out);
    g_free(disk);
    g_free(in);
}

int main(int argc, char **argv)
{
    media_begin(&argc, &argv, NULL);
    g_test_add_func("/film/refusals/inputs", test_inputs);
    g_test_add_func("/film/refusals/sound-alone", test_sound_alone);
    g_test_add_func("/film/refusals/options", test_options);
    g_test_add_func("/film/refusals/input-kept", test_input_kept);
    g_test_add_func("/film/refusals/output-kept", test_output_kept);
    g_test_add_func("/film/refusals/full-disk", test_full_disk);
    return media_end(g_test_run());
}
