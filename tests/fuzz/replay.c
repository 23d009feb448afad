/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A target without libFuzzer: once over each file of a folder, as a test. */
#include "fuzz.h"

static void run(gconstpointer path)
{
    char *data;
    gsize size;
    GError *error = NULL;
    g_file_get_contents(path, &data, &size, &error);
    g_assert_no_error(error);
    LLVMFuzzerTestOneInput((const guint8 *)data, size);
    g_free(data);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (argc != 2)
        g_error("give the folder of the corpus");
    GError *error = NULL;
    GDir *folder = g_dir_open(argv[1], 0, &error);
    g_assert_no_error(error);
    for (const char *name; (name = g_dir_read_name(folder)) != NULL;) {
        char *test = g_strdup_printf("/replay/%s", name);
        g_test_add_data_func_full(test, g_build_filename(argv[1], name, NULL), run, g_free);
        g_free(test);
    }
    g_dir_close(folder);
    return g_test_run();
}
