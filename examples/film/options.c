/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-object.h>
#include <glib/gstdio.h>
#include <math.h>
#include <mleu/version.h>
#include <stdlib.h>
#include <unistd.h>

/* Visually lossless for film at normal viewing distance; x264's own default, 23, is not. */
#define QUALITY_DEFAULT 17
#define QUALITY_MAX 50

static const struct {
    const char *option;
    const char *property;
    const char *description;
    const char *argument;
} element_options[] = {
    {"model", "model", "Network: a file, or a name to look up (default: mleu-film)", "MODEL"},
    {"strength", "strength", "From grey (0) to full colour (1, the default)", "0..1"},
    {"saturation", "saturation", "Factor on the colours (default: 1)", "0..4"},
    {"temperature", "temperature",
     "Low: bold colours; high: safe ones (default: 0, the model's own)", "0..5"},
    {"smoothing", "smoothing", "Time constant of the colours' average, in seconds (default: 0.5)",
     "0..1"},
    {"scene-threshold", "scene-threshold",
     "How readily a cut is seen, after which colours start afresh (default: 0.5)", "0..1"},
    {"lookahead", "lookahead",
     "Frames to come that the average is taken over too: memory for as many frames (default: 8)",
     "0..16"},
    {"tame-reds", "tame-reds", "How much chroma reds and magentas lose (default: 0)", "0..1"},
    {"tame-blues", "tame-blues", "How much chroma blues and violets lose (default: 0)", "0..1"},
    {"warmth", "warmth", "Cooler (below 0) or warmer colours (default: 0)", "-1..1"},
    {"split", "split", "Share of the picture, at its left, that is left grey (default: 0)", "0..1"},
    {"render-size", "render-size",
     "The network sees the short side at this many pixels (default: 0, the model's own)", "PIXELS"},
    {"threads", "n-threads", "Threads for the network (default: 0, one for each processor)", "N"},
};

static void setting_free(gpointer data)
{
    FilmSetting *setting = data;

    g_free(setting->value);
    g_free(setting);
}

static gboolean on_element_option(const char *name, const char *value, gpointer data,
                                  GError **error)
{
    FilmOptions *options = data;
    const char *bare = name + strspn(name, "-");

    (void)error;
    for (guint i = 0; i < G_N_ELEMENTS(element_options); i++) {
        if (g_str_equal(bare, element_options[i].option)) {
            FilmSetting *setting = g_new0(FilmSetting, 1);

            setting->option = element_options[i].option;
            setting->property = element_options[i].property;
            setting->value = g_strdup(value);
            g_ptr_array_add(options->settings, setting);
        }
    }
    return TRUE;
}

static gboolean fail(GError **error, GIOErrorEnum code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static gboolean fail(GError **error, GIOErrorEnum code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_propagate_error(error, g_error_new_valist(G_IO_ERROR, code, format, args));
    va_end(args);
    return FALSE;
}

gboolean film_setting_check(const FilmSetting *setting, GObject *object, GValue *value,
                            GError **error)
{
    GParamSpec *spec = g_object_class_find_property(G_OBJECT_GET_CLASS(object), setting->property);
    char *end = NULL;

    if (spec == NULL)
        return fail(error, G_IO_ERROR_NOT_SUPPORTED, "--%s: this mleucolorize has no property %s",
                    setting->option, setting->property);
    g_value_init(value, G_PARAM_SPEC_VALUE_TYPE(spec));
    if (G_VALUE_HOLDS_STRING(value)) {
        g_value_set_string(value, setting->value);
        return TRUE;
    }
    GValue number = G_VALUE_INIT;
    double parsed = g_ascii_strtod(setting->value, &end);
    gboolean whole = !G_VALUE_HOLDS_DOUBLE(value) && !G_VALUE_HOLDS_FLOAT(value);

    if (end == setting->value || *end != '\0' || !isfinite(parsed) ||
        (whole && parsed != floor(parsed)) || fabs(parsed) > G_MAXINT)
        return fail(error, G_IO_ERROR_INVALID_ARGUMENT, "--%s %s: not a %snumber", setting->option,
                    setting->value, whole ? "whole " : "");
    g_value_init(&number, G_TYPE_DOUBLE);
    g_value_set_double(&number, parsed);
    /* A transform to an unsigned type wraps. */
    if ((parsed >= 0 || G_VALUE_HOLDS_DOUBLE(value)) && g_value_transform(&number, value) && !g_param_value_validate(spec, value))
        return TRUE;
    return fail(error, G_IO_ERROR_INVALID_ARGUMENT,
                "--%s %s: out of range; see gst-inspect-1.0 mleucolorize", setting->option,
                setting->value);
}

static gboolean same_file(const char *a, const char *b)
{
    GStatBuf first, second;

    return g_stat(a, &first) == 0 && g_stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

static gboolean check_in(const char *in, GError **error)
{
    int fd = g_open(in, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);

    if (fd < 0)
        return fail(error, g_io_error_from_errno(errno), "%s: %s", in, g_strerror(errno));
    close(fd);
    if (g_file_test(in, G_FILE_TEST_IS_DIR))
        return fail(error, G_IO_ERROR_IS_DIRECTORY, "%s: a directory, not a film", in);
    /* The container's index is read first, wherever in the file it is. */
    if (!g_file_test(in, G_FILE_TEST_IS_REGULAR))
        return fail(error, G_IO_ERROR_NOT_REGULAR_FILE, "%s: not a regular file", in);
    return TRUE;
}

static gboolean check_out(const FilmOptions *options, GError **error)
{
    const char *out = options->out;
    char *folder;
    gboolean writable;

    if (same_file(options->in, out))
        return fail(error, G_IO_ERROR_EXISTS, "%s: is the input itself, which is never overwritten",
                    out);
    if (same_file(options->in, options->part))
        return fail(error, G_IO_ERROR_EXISTS,
                    "%s: would be written through %s, which is the input: choose another name", out,
                    options->part);
    if (g_file_test(out, G_FILE_TEST_IS_DIR))
        return fail(error, G_IO_ERROR_IS_DIRECTORY, "%s: a directory", out);
    folder = g_path_get_dirname(out);
    writable = g_access(folder, W_OK | X_OK) == 0;
    if (!writable)
        fail(error, g_io_error_from_errno(errno), "%s: cannot write here: %s", folder,
             g_strerror(errno));
    g_free(folder);
    return writable;
}

/* NAME.EXT becomes NAME, of the last path element alone. */
static char *without_extension(const char *path, const char **extension)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');

    if (dot == NULL || dot == name)
        dot = path + strlen(path);
    *extension = dot;
    return g_strndup(path, (gsize)(dot - path));
}

static gboolean choose_names(FilmOptions *options, char **names, GError **error)
{
    const char *extension;
    char *stem;

    options->in = g_strdup(names[0]);
    if (names[1] != NULL) {
        options->out = g_strdup(names[1]);
    } else {
        char *base = g_path_get_basename(options->in);

        stem = without_extension(base, &extension);
        options->out = g_strconcat(stem, "-color.mkv", NULL);
        g_free(stem);
        g_free(base);
    }
    stem = without_extension(options->out, &extension);
    if (film_container_for(extension) == NULL) {
        fail(error, G_IO_ERROR_NOT_SUPPORTED, "%s: unknown kind of file; %s can be written",
             options->out, FILM_CONTAINER_EXTENSIONS);
        g_free(stem);
        return FALSE;
    }
    options->part = g_strconcat(stem, ".part", extension, NULL);
    g_free(stem);
    return TRUE;
}

static gboolean parse(FilmOptions *options, int *argc, char ***argv, GError **error)
{
    char **names = NULL;
    gboolean version = FALSE, ok = FALSE;
    const GOptionEntry own[] = {
        {"quality", 0, 0, G_OPTION_ARG_INT, &options->quality,
         "Rate factor of the H.264 video: lower is better and larger (default: " G_STRINGIFY(
             QUALITY_DEFAULT) ")",
         "0..50"},
        {"recolour", 0, 0, G_OPTION_ARG_NONE, &options->recolour,
         "Colour the shots that have colours of their own, too", NULL},
        {"recolor", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &options->recolour, NULL, NULL},
        {"force", 0, 0, G_OPTION_ARG_NONE, &options->force, "Replace OUT", NULL},
        {"version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &names, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    GOptionEntry element[G_N_ELEMENTS(element_options) + 1] = {0};
    GOptionContext *context = g_option_context_new("IN [OUT]");
    GOptionGroup *group = g_option_group_new("film", "", "", options, NULL);

    for (guint i = 0; i < G_N_ELEMENTS(element_options); i++)
        element[i] = (GOptionEntry){element_options[i].option,
                                    0,
                                    0,
                                    G_OPTION_ARG_CALLBACK,
                                    (gpointer)on_element_option,
                                    element_options[i].description,
                                    element_options[i].argument};
    g_option_group_add_entries(group, element);
    g_option_group_add_entries(group, own);
    g_option_context_set_main_group(context, group);
    g_option_context_set_summary(
        context,
        "Writes the black-and-white film IN in colour. Sound, subtitles, chapters, tags and times "
        "are kept.\n"
        "OUT is Matroska (.mkv) or MP4 (.mp4, .m4v, .mov); without it, IN's name with -color.mkv, "
        "in the\n"
        "current folder. Until it is complete, and after Ctrl-C, it is called NAME.part.EXT.");
    if (!g_option_context_parse(context, argc, argv, error)) {
        g_prefix_error(error, "%s", "");
    } else if (version) {
        g_print("colorize-film %s\n", MLEU_VERSION);
        exit(0);
    } else if (names == NULL) {
        fail(error, G_IO_ERROR_INVALID_ARGUMENT, "no IN; --help lists the options");
    } else if (g_strv_length(names) > 2) {
        fail(error, G_IO_ERROR_INVALID_ARGUMENT, "%s: one IN and one OUT are enough", names[2]);
    } else if (options->quality < 0 || options->quality > QUALITY_MAX) {
        fail(error, G_IO_ERROR_INVALID_ARGUMENT, "--quality %d: must be 0 .. %d", options->quality,
             QUALITY_MAX);
    } else {
        ok = choose_names(options, names, error) && check_in(options->in, error) &&
             check_out(options, error);
    }
    g_strfreev(names);
    g_option_context_free(context);
    return ok;
}

FilmOptions *film_options_parse(int *argc, char ***argv, GError **error)
{
    FilmOptions *options = g_new0(FilmOptions, 1);

    options->settings = g_ptr_array_new_with_free_func(setting_free);
    options->quality = QUALITY_DEFAULT;
    if (parse(options, argc, argv, error))
        return options;
    film_options_free(options);
    return NULL;
}

void film_options_free(FilmOptions *options)
{
    g_ptr_array_unref(options->settings);
    g_free(options->in);
    g_free(options->out);
    g_free(options->part);
    g_free(options);
}
