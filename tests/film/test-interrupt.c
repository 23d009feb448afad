/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ctrl-C leaves a film that plays; so does whoever kills the program; whoever starts it twice does
 * no harm. */
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

/* While one run writes a film, another one with the same name does nothing, whatever it is told;
 * the first one goes on. */
static void test_busy(void)
{
    const MediaRecipe recipe = {.name = "long.mkv", .frames = FRAMES, .pattern = "snow"};
    const MediaRecipe short_recipe = {.name = "short.mkv", .frames = 12, .pattern = "ball"};
    char *in = media_make(&recipe), *short_in = media_make(&short_recipe);
    char *out = media_path("busy.mkv"), *part = media_path("busy.part.mkv"), *messages;
    char *options[] = {(char *)"--quality=1"};
    GPtrArray array = {(gpointer *)options, 1};
    GSubprocess *process = media_start(in, out, &array);
    GStatBuf before, after;
    Media *media;

    send_when_under_way(process, part, SIGSTOP);
    g_assert_no_errno(g_stat(part, &before));
    for (guint force = 0; force < 2; force++) {
        g_assert_cmpint(media_colorize(&messages, short_in, out, force ? "--force" : NULL, NULL),
                        ==, 1);
        g_assert_nonnull(strstr(messages, "another colorize-film"));
        g_assert_nonnull(strstr(messages, part));
        g_free(messages);
    }
    g_assert_false(g_file_test(out, G_FILE_TEST_EXISTS));
    g_assert_no_errno(g_stat(part, &after));
    g_assert_cmpuint(after.st_ino, ==, before.st_ino);
    g_assert_cmpint(after.st_size, >=, before.st_size);

    g_subprocess_send_signal(process, SIGCONT);
    g_subprocess_send_signal(process, SIGINT);
    g_assert_cmpint(media_wait(process, NULL), ==, 130);
    media = media_read(part);
    g_assert_cmpuint(media_track(media, "video", 0)->pts->len, >, 12);
    media_free(media);
    g_free(part);
    g_free(out);
    g_free(short_in);
    g_free(in);
}

/* Several runs begin at once: what there is in the end is one whole film, and who did not write it
 * says so. */
static void test_at_once(void)
{
    enum { ROUNDS = 2, RUNS = 3, SHORT = 12 };
    const MediaRecipe recipe = {.name = "short.mkv", .frames = SHORT, .pattern = "ball"};
    char *in = media_make(&recipe), *part = media_path("once.part.mkv"),
         *out = media_path("once.mkv");

    for (guint round = 0; round < ROUNDS; round++) {
        GSubprocess *processes[RUNS];
        guint written = 0;
        Media *media;

        for (guint i = 0; i < RUNS; i++)
            processes[i] = media_start(in, out, NULL);
        for (guint i = 0; i < RUNS; i++) {
            char *messages;

            if (media_wait(processes[i], &messages) == 0)
                written++;
            else
                g_assert_true(strstr(messages, "another colorize-film") != NULL ||
                              strstr(messages, "exists") != NULL);
            g_free(messages);
        }
        g_assert_cmpuint(written, ==, 1);
        g_assert_false(g_file_test(part, G_FILE_TEST_EXISTS));
        media = media_read(out);
        g_assert_cmpuint(media_track(media, "video", 0)->pts->len, ==, SHORT);
        media_free(media);
        g_assert_no_errno(g_remove(out));
    }
    g_free(out);
    g_free(part);
    g_free(in);
}

/* Whoever throws the unfinished file away gets no other one under the film's name. */
static void test_removed(void)
{
    const MediaRecipe recipe = {.name = "long.mkv", .frames = 600, .pattern = "snow"};
    char *in = media_make(&recipe), *out = media_path("removed.mkv"),
         *part = media_path("removed.part.mkv"), *messages;
    char *options[] = {(char *)"--quality=1"};
    GPtrArray array = {(gpointer *)options, 1};
    GSubprocess *process = media_start(in, out, &array);
    GError *error = NULL;

    send_when_under_way(process, part, SIGSTOP);
    g_assert_no_errno(g_remove(part));
    g_file_set_contents(part, "other", 5, &error);
    g_assert_no_error(error);
    g_subprocess_send_signal(process, SIGCONT);
    g_assert_cmpint(media_wait(process, &messages), ==, 1);
    g_assert_nonnull(strstr(messages, "removed or replaced"));
    g_assert_false(g_file_test(out, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(part, G_FILE_TEST_EXISTS));
    g_free(messages);
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
    g_test_add_func("/film/interrupt/busy", test_busy);
    g_test_add_func("/film/interrupt/at-once", test_at_once);
    g_test_add_func("/film/interrupt/removed", test_removed);
    return media_end(g_test_run());
}
