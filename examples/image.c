/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libmleu alone: a photograph in, the same photograph in colour out.
 *
 *   image MODEL IN OUT
 *
 * IN is any picture that GdkPixbuf reads; of one in colour the luma is coloured anew. OUT is a .png
 * or .jpg file, and is replaced where it exists.
 */
#include <errno.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <math.h>
#include <mleu/mleu.h>
#include <stdio.h>

/* The file's samples, upright. */
static GdkPixbuf *read_picture(const char *path, GError **error)
{
    GdkPixbuf *picture = gdk_pixbuf_new_from_file(path, error);
    if (picture == NULL) {
        g_prefix_error(error, "%s: ", path);
        return NULL;
    }
    GdkPixbuf *upright = gdk_pixbuf_apply_embedded_orientation(picture);
    g_object_unref(picture);
    return upright;
}

static MleuFrame view(const GdkPixbuf *picture)
{
    const int step = gdk_pixbuf_get_n_channels(picture);
    MleuFrame frame = {0};
    for (int i = 0; i < step; i++)
        frame.plane[i] = (MleuPlane){gdk_pixbuf_get_pixels(picture) + i,
                                     gdk_pixbuf_get_rowstride(picture), step};
    return frame;
}

/* A new picture with the colours that the network gives to the luma of @grey. */
static GdkPixbuf *color(MleuModel *model, const GdkPixbuf *grey, GError **error)
{
    MleuConfig config;
    mleu_config_init(&config);
    config.input = (MleuFormat){
        .layout = MLEU_LAYOUT_RGB,
        .width = (guint)gdk_pixbuf_get_width(grey),
        .height = (guint)gdk_pixbuf_get_height(grey),
        .matrix = MLEU_MATRIX_BT601, /* as JPEG's */
        .range = MLEU_RANGE_FULL,
        .depth = 8,
    };
    config.output = config.input;
    MleuColorizer *colorizer = mleu_colorizer_new(model, &config, error);
    if (colorizer == NULL)
        return NULL;

    /* A copy, so that alpha is there already. */
    GdkPixbuf *result = gdk_pixbuf_copy(grey);
    if (result == NULL) {
        g_set_error_literal(error, MLEU_ERROR, MLEU_ERROR_NO_MEMORY, "not enough memory");
        mleu_colorizer_free(colorizer);
        return NULL;
    }
    MleuParams params;
    mleu_params_init(&params);
    const MleuFrame input = view(grey), output = view(result);
    const gboolean good = mleu_colorizer_predict(colorizer, &input, &params, error);
    if (good) {
        mleu_colorizer_smooth(colorizer, NAN, &params); /* a photograph has no frames before it */
        mleu_colorizer_render(colorizer, &input, &output, &params);
    } else {
        g_clear_object(&result);
    }
    mleu_colorizer_free(colorizer);
    return result;
}

/* Under a temporary name first, so that @path never holds half a picture. */
static gboolean write_picture(GdkPixbuf *picture, const char *path, GError **error)
{
    const char *type = NULL;
    if (g_str_has_suffix(path, ".png"))
        type = "png";
    else if (g_str_has_suffix(path, ".jpg") || g_str_has_suffix(path, ".jpeg"))
        type = "jpeg";
    if (type == NULL) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: end the name of the picture to write in .png or .jpg", path);
        return FALSE;
    }
    char *part = g_strconcat(path, ".part", NULL);
    gboolean good = gdk_pixbuf_save(picture, part, type, error, NULL);
    if (good && g_rename(part, path) != 0) {
        good = FALSE;
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "%s", g_strerror(errno));
    }
    if (!good) {
        g_prefix_error(error, "%s: ", path);
        g_unlink(part);
    }
    g_free(part);
    return good;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "Usage: %s MODEL IN OUT\n", argv[0]);
        return 2;
    }
    GError *error = NULL;
    GdkPixbuf *grey = NULL, *coloured = NULL;
    MleuModel *model = mleu_model_load(argv[1], &error);
    if (model != NULL)
        grey = read_picture(argv[2], &error);
    if (grey != NULL)
        coloured = color(model, grey, &error);
    if (coloured != NULL)
        write_picture(coloured, argv[3], &error);
    g_clear_object(&coloured);
    g_clear_object(&grey);
    if (model != NULL)
        mleu_model_unref(model);
    if (error == NULL)
        return 0;
    fprintf(stderr, "%s\n", error->message);
    g_error_free(error);
    return 1;
}
