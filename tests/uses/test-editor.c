/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* examples/editor: what is rendered has its colours by the keyframes, and its sound; the project
 * holds the effect. */
#include "../film/media.h"

#include <gst/video/video.h>
#include <string.h>

#define FRAMES 75
#define FULL 50 /* 2 s, where the keyframes reach full strength */

static int edit(char **messages, const char *film, const char *out, const char *project,
                const char *effect)
{
    GError *error = NULL;
    GSubprocess *process = g_subprocess_new(G_SUBPROCESS_FLAGS_STDERR_PIPE, &error, TEST_EDITOR,
                                            film, out, project, effect, NULL);

    g_assert_no_error(error);
    return media_wait(process, messages);
}

static char *small_effect(void)
{
    char *model = media_path("small.safetensors");
    char *effect = g_strdup_printf("mleucolorize render-size=32 n-threads=1 model=%s", model);

    g_free(model);
    return effect;
}

/* Mean distance of Cb and Cr from neutral, frame by frame. */
static void on_frame(GstBuffer *buffer, GstCaps *caps, guint index, gpointer data)
{
    double *chroma = data;
    GstVideoInfo info;
    GstVideoFrame frame;
    guint count = 0;

    g_assert_cmpuint(index, <, FRAMES);
    g_assert_true(gst_video_info_from_caps(&info, caps));
    g_assert_cmpint(GST_VIDEO_INFO_WIDTH(&info), ==, 96);
    g_assert_cmpint(GST_VIDEO_INFO_HEIGHT(&info), ==, 64);
    g_assert_true(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
    for (guint c = 1; c <= 2; c++)
        for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c); y++) {
            const guint8 *row = (const guint8 *)GST_VIDEO_FRAME_COMP_DATA(&frame, c) +
                                y * GST_VIDEO_FRAME_COMP_STRIDE(&frame, c);

            for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, c); x++, count++)
                chroma[index] += ABS(row[x] - 128);
        }
    chroma[index] /= count;
    gst_video_frame_unmap(&frame);
}

static void test_render(void)
{
    const MediaRecipe recipe = {.name = "grey.mkv",
                                .frames = FRAMES,
                                .pattern = "smpte",
                                .filter = "videobalance saturation=0 !",
                                .sounds = 1};
    char *film = media_make(&recipe), *out = media_path("out.mkv"),
         *project = media_path("film.xges"), *effect = small_effect(), *text;
    double chroma[FRAMES] = {0};
    Media *rendered;

    g_assert_cmpint(edit(NULL, film, out, project, effect), ==, 0);
    g_assert_true(g_file_get_contents(project, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, effect));
    g_assert_nonnull(strstr(text, "0:0  2000000000:1  3000000000:1"));

    rendered = media_read(out);
    g_assert_nonnull(media_track(rendered, "audio", 0));
    media_free(rendered);
    g_assert_cmpuint(media_decode(out, on_frame, chroma), ==, FRAMES);
    g_test_message("first %.2f, half way %.2f, full %.2f, last %.2f", chroma[0], chroma[FULL / 2],
                   chroma[FULL], chroma[FRAMES - 1]);
    g_assert_cmpfloat(chroma[0], <, 0.5);
    g_assert_cmpfloat(chroma[FULL], >, 3);
    g_assert_cmpfloat(chroma[FULL / 2], >, 0.3 * chroma[FULL]);
    g_assert_cmpfloat(chroma[FULL / 2], <, 0.7 * chroma[FULL]);
    g_assert_cmpfloat(ABS(chroma[FRAMES - 1] - chroma[FULL]), <, 0.1 * chroma[FULL]);
    g_free(text);
    g_free(effect);
    g_free(project);
    g_free(out);
    g_free(film);
}

/* Each names what is wrong, and renders nothing. */
static void test_refusals(void)
{
    const MediaRecipe recipe = {.name = "film.mkv", .frames = 5, .pattern = "smpte"};
    char *film = media_make(&recipe), *nothing = media_path("nothing.mkv"),
         *out = media_path("refused.mkv"), *project = media_path("refused.xges");
    const struct {
        const char *film, *effect, *words;
    } cases[] = {
        {nothing, "mleucolorize", "nothing.mkv"},
        {film, "nosuchelement", "nosuchelement"},
        {film, "videobalance", "strength"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *messages;

        g_assert_cmpint(edit(&messages, cases[i].film, out, project, cases[i].effect), !=, 0);
        g_assert_nonnull(strstr(messages, cases[i].words));
        g_assert_false(g_file_test(out, G_FILE_TEST_EXISTS));
        g_free(messages);
    }
    g_free(project);
    g_free(out);
    g_free(nothing);
    g_free(film);
}

int main(int argc, char **argv)
{
    static const char *const plugins[] = {"audiomixer", "audiorate", "compositor",
                                          "encoding",   "ges",       "nle",
                                          "videorate",  "volume",    NULL};

    media_begin(&argc, &argv, plugins);
    g_test_add_func("/uses/editor/render", test_render);
    g_test_add_func("/uses/editor/refusals", test_refusals);
    return media_end(g_test_run());
}
