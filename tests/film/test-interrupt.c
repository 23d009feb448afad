/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ctrl-C leaves a film that plays; so does whoever kills the program. */
#include "media.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

/* More than is written before the signal comes, on any machine. */
#define FRAMES 4000
#define ENOUGH_BYTES 200000

static void send_when_under_way(GSubprocess *process, const char *part, int signal)
{
    GStatBuf status;

    while (g_subprocess_get_identifier(process) != NULL &&
           (g_stat(part, &status) != 0 || status.st_size < ENOUGH_BYTES))
        g_usleep(2000);
    g_subprocess_send_signal(process, signal);
}

/* Killed in the middle: nothing under the final name; what there is plays, and the next run says
 * what becomes of it. */
static void test_killed(void)
{
    const MediaRecipe recipe = {
        .name = "long.mkv", .frames = FRAMES, .pattern = "snow", .sounds = 1};
    const MediaRecipe short_recipe = {.name = "short.mkv", .frames = 12, .pattern = "ball"};
    char *in = media_make(&recipe), *short_in = media_make(&short_recipe);
    char *out = media_path("killed.mkv"), *part = media_path("killed.part.mkv"), *messages;
    char *options[] = {(char *)"--quality=1"};
    GPtrArray array = {(gpointer *)options, 1};
    GSubprocess *process = media_start(in, out, &array);
    GError *error = NULL;
    Media *media;

    send_when_under_way(process, part, SIGKILL);
    g_assert_true(g_subprocess_wait(process, NULL, &error));
    g_assert_no_error(error);
    g_assert_true(g_subprocess_get_if_signaled(process));
    g_assert_false(g_file_test(out, G_FILE_TEST_EXISTS));
    media = media_read(part);
    g_assert_cmpuint(media_track(media, "video", 0)->pts->len, >, 0);
    media_free(media);

    g_assert_cmpint(media_colorize(&messages, short_in, out, NULL), ==, 0);
    g_assert_nonnull(strstr(messages, part));
    g_assert_nonnull(strstr(messages, "begun anew"));
    g_assert_false(g_file_test(part, G_FILE_TEST_EXISTS));
    media = media_read(out);
    g_assert_cmpuint(media_track(media, "video", 0)->pts->len, ==, 12);
    media_free(media);
    g_object_unref(process);
    g_free(messages);
    g_free(part);
    g_free(out);
    g_free(short_in);
    g_free(in);
}

static void test_interrupt(gconstpointer extension)
{
    const MediaRecipe recipe = {
        .name = "long.mkv", .frames = FRAMES, .pattern = "snow", .sounds = 2, .text = TRUE};
    char *in = media_make(&recipe);
    char *out_name = g_strconcat("stopped.", extension, NULL),
         *part_name = g_strconcat("stopped.part.", extension, NULL);
    char *out = media_path(out_name), *part = media_path(part_name), *messages;
    char *options[] = {(char *)"--quality=1"};
    GPtrArray array = {(gpointer *)options, 1};
    GSubprocess *process = media_start(in, out, &array);
    const MediaTrack *video, *sound;
    GError *error = NULL;
    Media *media;

    send_when_under_way(process, part, SIGINT);
    g_subprocess_communicate_utf8(process, NULL, NULL, NULL, &messages, &error);
    g_assert_no_error(error);
    g_test_message("%s", messages);
    g_assert_true(g_subprocess_get_if_exited(process));
    g_assert_cmpint(g_subprocess_get_exit_status(process), ==, 130);
    g_assert_nonnull(strstr(messages, part));
    g_assert_false(g_file_test(out, G_FILE_TEST_EXISTS));
    media = media_read(part);
    video = media_track(media, "video", 0);
    sound = media_track(media, "audio", 0);
    g_assert_cmpuint(video->pts->len, >, 0);
    g_assert_cmpuint(video->pts->len, <, FRAMES);
    g_assert_cmpuint(sound->pts->len, >, 0);
    /* The sound ends with the pictures. */
    g_assert_cmpuint(g_array_index(sound->pts, GstClockTime, sound->pts->len - 1), <,
                     g_array_index(video->pts, GstClockTime, video->pts->len - 1) +
                         GST_SECOND / 25);
    media_free(media);
    g_object_unref(process);
    g_free(messages);
    g_free(part_name);
    g_free(out_name);
    g_free(part);
    g_free(out);
    g_free(in);
}

int main(int argc, char **argv)
{
    media_begin(&argc, &argv, NULL);
    g_test_add_data_func("/film/interrupt/matroska", "mkv", test_interrupt);
    g_test_add_data_func("/film/interrupt/mp4", "mp4", test_interrupt);
    g_test_add_func("/film/interrupt/killed", test_killed);
    return media_end(g_test_run());
}
