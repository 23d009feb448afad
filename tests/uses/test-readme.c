/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pipelines of README.md do what it says, and those of the element's documentation run, as they
 * stand there: on a film of that name, with a test picture for the camera and no window. */
#include "../film/media.h"

#include <glib/gstdio.h>
#include <gst/video/video.h>
#include <string.h>

#include "testmodel.h"

#define FRAMES 30

/* The commands of the README's shell blocks, each on one line. */
static GPtrArray *read_commands(void)
{
    GPtrArray *commands = g_ptr_array_new_with_free_func(g_free);
    gboolean in_block = FALSE;
    GError *error = NULL;
    GString *joined;
    char *text, **lines;

    g_file_get_contents(TEST_README, &text, NULL, &error);
    g_assert_no_error(error);
    joined = g_string_new(text);
    g_string_replace(joined, "\\\n", " ", 0);
    lines = g_strsplit(joined->str, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, "```"))
            in_block = g_str_equal(*line, "```sh");
        else if (in_block)
            g_ptr_array_add(commands, g_strdup(*line));
    }
    g_strfreev(lines);
    g_string_free(joined, TRUE);
    g_free(text);
    return commands;
}

/* Runs a command in the folder of the film. */
static void run(const char *command)
{
    static const char *const substitutes[][2] = {
        {"autovideosink", "fakesink"},
        {"v4l2src", "videotestsrc num-buffers=10"},
        {"build/examples/", TEST_EXAMPLES},
    };
    GSubprocessLauncher *launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE |
                                                              G_SUBPROCESS_FLAGS_STDERR_PIPE);
    GString *line = g_string_new(command);
    char *folder = media_path("");
    GError *error = NULL;
    GSubprocess *process;

    for (guint i = 0; i < G_N_ELEMENTS(substitutes); i++)
        g_string_replace(line, substitutes[i][0], substitutes[i][1], 0);
    g_test_message("%s", line->str);
    g_subprocess_launcher_set_cwd(launcher, folder);
    g_subprocess_launcher_setenv(launcher, "MLEU_MODEL_PATH", folder, TRUE);
    process = g_subprocess_launcher_spawn(launcher, &error, "sh", "-c", line->str, NULL);
    g_assert_no_error(error);
    g_assert_cmpint(media_wait(process, NULL), ==, 0);
    g_object_unref(launcher);
    g_string_free(line, TRUE);
    g_free(folder);
}

/* Runs those that begin so and of which this is a part; at least one. */
static void run_all(const char *prefix, const char *part)
{
    GPtrArray *commands = read_commands();
    guint count = 0;

    for (guint i = 0; i < commands->len; i++)
        if (g_str_has_prefix(commands->pdata[i], prefix) &&
            strstr(commands->pdata[i], part) != NULL) {
            run(commands->pdata[i]);
            count++;
        }
    g_assert_cmpuint(count, >, 0);
    g_ptr_array_unref(commands);
}

static gboolean have(const char *program)
{
    char *path = g_find_program_in_path(program);

    if (path == NULL)
        g_test_skip(program);
    g_free(path);
    return path != NULL;
}

typedef struct {
    int width, height;
    guint coloured; /* frames with more than a little of it */
} Seen;

static void on_frame(GstBuffer *buffer, GstCaps *caps, guint index, gpointer data)
{
    Seen *seen = data;
    GstVideoInfo info;
    GstVideoFrame frame;
    guint largest = 0;

    (void)index;
    g_assert_true(gst_video_info_from_caps(&info, caps));
    seen->width = GST_VIDEO_INFO_WIDTH(&info);
    seen->height = GST_VIDEO_INFO_HEIGHT(&info);
    g_assert_true(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, 1); y++) {
        const guint8 *row = (const guint8 *)GST_VIDEO_FRAME_COMP_DATA(&frame, 1) +
                            y * GST_VIDEO_FRAME_COMP_STRIDE(&frame, 1);

        for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, 1); x++)
            largest = MAX(largest, (guint)ABS(row[x] - 128));
    }
    seen->coloured += largest > 4;
    gst_video_frame_unmap(&frame);
}

static Seen look(const char *name, guint frames)
{
    char *path = media_path(name);
    Seen seen = {0};

    g_assert_cmpuint(media_decode(path, on_frame, &seen), ==, frames);
    g_free(path);
    return seen;
}

static void test_film(void)
{
    Seen seen;

    if (!have("gst-launch-1.0"))
        return;
    run_all("gst-launch-1.0 ", "film.mp4");
    seen = look("film-color.mkv", FRAMES);
    g_assert_cmpuint(seen.coloured, ==, FRAMES);
    g_assert_cmpint(seen.width, ==, 96);
}

/* "Example launch lines", which applications and gst-inspect-1.0's readers meet first. */
static void test_documentation(void)
{
    const char *const start = " * gst-launch-1.0 ";
    GError *error = NULL;
    guint count = 0;
    char *text, **lines;

    if (!have("gst-launch-1.0"))
        return;
    g_file_get_contents(TEST_ELEMENT, &text, NULL, &error);
    g_assert_no_error(error);
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, start)) {
            run(*line + strlen(" * "));
            count++;
        }
    }
    g_assert_cmpuint(count, >=, 3);
    g_assert_cmpuint(look("colour.mkv", FRAMES).coloured, ==, FRAMES);
    g_strfreev(lines);
    g_free(text);
}

static void test_camera(void)
{
    if (have("gst-launch-1.0"))
        run_all("gst-launch-1.0 ", "v4l2src");
}

static void test_editor(void)
{
    Seen seen;

    if (!have("ges-launch-1.0"))
        return;
    run_all("ges-launch-1.0 ", "+effect");
    /* The caps of the command: 640x360, at 24 of the film's 25 frames a second. */
    seen = look("out.mkv", (FRAMES * 24 + 24) / 25);
    g_assert_cmpuint(seen.coloured, >=, FRAMES * 24 / 25);
    g_assert_cmpint(seen.width, ==, 640);
    g_assert_cmpint(seen.height, ==, 360);
}

static void test_project(void)
{
    Seen seen, again;

    if (!g_file_test(TEST_EXAMPLES "editor", G_FILE_TEST_EXISTS)) {
        g_test_skip("libges-1.0-dev is not installed");
        return;
    }
    if (!have("ges-launch-1.0"))
        return;
    run_all("build/examples/editor ", "film.xges");
    seen = look("faded.mkv", FRAMES);
    /* Faded in. */
    g_assert_cmpuint(seen.coloured, >, 0);
    g_assert_cmpuint(seen.coloured, <, FRAMES);
    run_all("ges-launch-1.0 ", "--load");
    again = look("faded-again.mkv", FRAMES);
    g_assert_cmpint(again.width, ==, seen.width);
    g_assert_cmpuint(again.coloured, <=, seen.coloured + 2);
    g_assert_cmpuint(again.coloured + 2, >=, seen.coloured);
}

/* The film of that name, and the small model under the name of the default one. */
static void prepare(void)
{
    const MediaRecipe recipe = {.name = "film.mp4",
                                .frames = FRAMES,
                                .pattern = "smpte",
                                .filter = "videobalance saturation=0 !"};
    GstElement *element = gst_element_factory_make("mleucolorize", NULL);
    char *model, *file, *path;

    g_object_get(element, "model", &model, NULL);
    file = g_strconcat(model, ".safetensors", NULL);
    path = media_path(file);
    testmodel_write(path);
    g_free(path);
    g_free(file);
    g_free(model);
    gst_object_unref(element);
    g_free(media_make(&recipe));
}

int main(int argc, char **argv)
{
    static const char *const plugins[] = {"audiomixer", "audiorate", "compositor", "encoding",
                                          "ges",        "nle",       "videorate",  "volume",
                                          "vorbis",     NULL};

    media_begin(&argc, &argv, plugins);
    prepare();
    g_test_add_func("/uses/readme/film", test_film);
    g_test_add_func("/uses/readme/documentation", test_documentation);
    g_test_add_func("/uses/readme/camera", test_camera);
    g_test_add_func("/uses/readme/editor", test_editor);
    g_test_add_func("/uses/readme/project", test_project);
    return media_end(g_test_run());
}
