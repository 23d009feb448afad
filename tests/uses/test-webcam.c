/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* examples/webcam on its test picture: frames arrive and are counted, keys are heard. What is late
 * depends on the machine. */
#include "../film/media.h"

#include <stdio.h>
#include <string.h>

/* NULL at the end of the options. @keys (nullable): written to its terminal. Returns: its exit
 * status. */
static int watch(const char *keys, char **output, char **messages, const char *option,
                 ...) G_GNUC_NULL_TERMINATED;

static int watch(const char *keys, char **output, char **messages, const char *option, ...)
{
    GPtrArray *arguments = g_ptr_array_new();
    char *model = media_path("small.safetensors");
    char *properties = g_strdup_printf("--properties=render-size=32 n-threads=1 model=%s", model);
    GSubprocess *process;
    GError *error = NULL;
    va_list options;
    int status;

    g_ptr_array_add(arguments, (char *)TEST_WEBCAM);
    g_ptr_array_add(arguments, (char *)"--size=160x120");
    g_ptr_array_add(arguments, properties);
    va_start(options, option);
    for (; option != NULL; option = va_arg(options, const char *))
        g_ptr_array_add(arguments, (char *)option);
    va_end(options);
    g_ptr_array_add(arguments, NULL);
    process = g_subprocess_newv((const char *const *)arguments->pdata,
                                G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                    G_SUBPROCESS_FLAGS_STDERR_PIPE,
                                &error);
    g_assert_no_error(error);
    g_subprocess_communicate_utf8(process, keys, NULL, output, messages, &error);
    g_assert_no_error(error);
    g_test_message("%s%s", *output, *messages);
    g_assert_true(g_subprocess_get_if_exited(process));
    status = g_subprocess_get_exit_status(process);
    g_object_unref(process);
    g_ptr_array_unref(arguments);
    g_free(properties);
    g_free(model);
    return status;
}

/* It writes on the picture. */
static gboolean have_text(void)
{
    GstElementFactory *factory = gst_element_factory_find("textoverlay");

    if (factory == NULL)
        g_test_skip("textoverlay (gstreamer1.0-x) is not installed");
    else
        gst_object_unref(factory);
    return factory != NULL;
}

static void test_figures(void)
{
    guint64 arrived, taken, dropped, late;
    char *output, *messages;
    double mean, worst;

    if (!have_text())
        return;
    g_assert_cmpint(
        watch(NULL, &output, &messages, "--test-picture", "--seconds=1", "--rate=25", NULL), ==, 0);
    g_assert_cmpstr(messages, ==, "");
    g_assert_cmpint(sscanf(output,
                           "%" G_GUINT64_FORMAT " frames of %" G_GUINT64_FORMAT
                           ", %" G_GUINT64_FORMAT " dropped, %" G_GUINT64_FORMAT
                           " late; latency %lf ms, %lf ms at worst",
                           &arrived, &taken, &dropped, &late, &mean, &worst),
                    ==, 6);
    /* A second of them, and what a busy machine does to it. */
    g_assert_cmpuint(arrived, >, 0);
    g_assert_cmpuint(taken, <=, 50);
    g_assert_cmpuint(arrived + dropped, ==, taken);
    g_assert_cmpuint(late, <=, arrived);
    /* A live source has its frame complete at the end of it. */
    g_assert_cmpfloat(mean, >=, 40);
    g_assert_cmpfloat(worst, >=, mean);
    g_free(output);
    g_free(messages);
}

/* Space compares, and compares no more; q ends it. */
static void test_keys(void)
{
    char *output, *messages;

    if (!have_text())
        return;
    g_assert_cmpint(watch("  q", &output, &messages, "--test-picture", "--seconds=600", NULL), ==,
                    0);
    g_assert_true(g_str_has_prefix(output, "0 frames of 0"));
    g_assert_cmpstr(messages, ==, "webcam: grey at the left\nwebcam: all in colour\n");
    g_free(output);
    g_free(messages);
}

static void test_refusals(void)
{
    static const struct {
        const char *option, *words;
    } cases[] = {
        {"--size=small", "--size"},
        {"--device=/dev/no-camera", "/dev/no-camera"},
        {"--properties=colour=1", "colour"},
    };

    if (!have_text())
        return;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *output, *messages;

        g_assert_cmpint(watch(NULL, &output, &messages, "--seconds=600", cases[i].option, NULL), !=,
                        0);
        g_assert_nonnull(strstr(messages, cases[i].words));
        g_assert_cmpstr(output, ==, "");
        g_free(output);
        g_free(messages);
    }
}

int main(int argc, char **argv)
{
    static const char *const plugins[] = {"pango", "video4linux2", NULL};

    media_begin(&argc, &argv, plugins);
    g_test_add_func("/uses/webcam/figures", test_figures);
    g_test_add_func("/uses/webcam/keys", test_keys);
    g_test_add_func("/uses/webcam/refusals", test_refusals);
    return media_end(g_test_run());
}
