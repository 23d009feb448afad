/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pictures: luma is the decoder's, coloured shots keep their colours, no frame is lost. */
#include "media.h"

#include <gst/video/video.h>
#include <string.h>

typedef struct {
    GPtrArray *luma[2]; /* of GBytes: going into the element, and coming out */
    gboolean coloured;
} Planes;

static GBytes *plane(GstBuffer *buffer, GstCaps *caps, guint component)
{
    GstVideoInfo info;
    GstVideoFrame frame;
    GByteArray *rows = g_byte_array_new();

    g_assert_true(gst_video_info_from_caps(&info, caps));
    g_assert_true(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, component); y++)
        g_byte_array_append(rows,
                            (const guint8 *)GST_VIDEO_FRAME_COMP_DATA(&frame, component) +
                                y * GST_VIDEO_FRAME_COMP_STRIDE(&frame, component),
                            (guint)GST_VIDEO_FRAME_COMP_WIDTH(&frame, component));
    gst_video_frame_unmap(&frame);
    return g_byte_array_free_to_bytes(rows);
}

static GstPadProbeReturn on_frame(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    Planes *planes = data;
    gboolean out = gst_pad_get_direction(pad) == GST_PAD_SRC;
    GstCaps *caps = gst_pad_get_current_caps(pad);

    g_ptr_array_add(planes->luma[out], plane(info->data, caps, 0));
    if (out) {
        GBytes *chroma = plane(info->data, caps, 1);
        gsize size;
        const guint8 *samples = g_bytes_get_data(chroma, &size);

        for (gsize i = 0; i < size; i++)
            planes->coloured = planes->coloured || samples[i] != 128;
        g_bytes_unref(chroma);
    }
    gst_caps_unref(caps);
    return GST_PAD_PROBE_OK;
}

/* Between decoder and encoder, sample for sample. */
static void test_luma(void)
{
    const MediaRecipe recipe = {.name = "grey.mkv",
                                .frames = 20,
                                .pattern = "ball",
                                .filter = "videobalance saturation=0 !"};
    char *in = media_make(&recipe), *model = media_path("small.safetensors");
    char *launch = g_strdup_printf(
        "filesrc location=\"%s\" ! parsebin ! avdec_h264 ! mleucolorize name=colour "
        "model=\"%s\" render-size=32 ! video/x-raw,format=I420 ! fakesink",
        in, model);
    GstElement *pipeline = gst_parse_launch(launch, NULL),
               *element = gst_bin_get_by_name(GST_BIN(pipeline), "colour");
    Planes planes = {{g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref),
                      g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref)},
                     FALSE};
    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *message;
    static const char *const pads[] = {"sink", "src"};

    for (guint i = 0; i < 2; i++) {
        GstPad *pad = gst_element_get_static_pad(element, pads[i]);

        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_frame, &planes, NULL);
        gst_object_unref(pad);
    }
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    message =
        gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_assert_cmpint(GST_MESSAGE_TYPE(message), ==, GST_MESSAGE_EOS);
    gst_message_unref(message);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    g_assert_cmpuint(planes.luma[0]->len, ==, recipe.frames);
    g_assert_cmpuint(planes.luma[1]->len, ==, recipe.frames);
    for (guint i = 0; i < recipe.frames; i++)
        g_assert_true(g_bytes_equal(planes.luma[0]->pdata[i], planes.luma[1]->pdata[i]));
    g_assert_true(planes.coloured);
    g_ptr_array_unref(planes.luma[0]);
    g_ptr_array_unref(planes.luma[1]);
    gst_object_unref(bus);
    gst_object_unref(element);
    gst_object_unref(pipeline);
    g_free(launch);
    g_free(model);
    g_free(in);
}

typedef struct {
    GPtrArray *frames; /* of GBytes: Cb */
    gboolean compare;
    double difference[2]; /* mean of the coloured half and of the grey one */
} Chroma;

#define HALF 15

static void on_decoded(GstBuffer *buffer, GstCaps *caps, guint index, gpointer data)
{
    Chroma *chroma = data;
    GBytes *now = plane(buffer, caps, 1);

    if (!chroma->compare) {
        g_ptr_array_add(chroma->frames, now);
        return;
    }
    gsize size;
    const guint8 *a = g_bytes_get_data(now, &size),
                 *b = g_bytes_get_data(chroma->frames->pdata[index], NULL);
    double sum = 0;

    for (gsize i = 0; i < size; i++)
        sum += ABS(a[i] - b[i]);
    chroma->difference[index >= HALF] += sum / (double)size / HALF;
    g_bytes_unref(now);
}

static GstPadProbeReturn on_saturation(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    GstElement *balance = data;

    (void)pad;
    /* The first half is in colour. */
    g_object_set(balance, "saturation",
                 GST_BUFFER_OFFSET(GST_PAD_PROBE_INFO_BUFFER(info)) < HALF ? 1.0 : 0.0, NULL);
    return GST_PAD_PROBE_OK;
}

static char *make_half_coloured(void)
{
    char *path = media_path("half.mkv");
    char *launch = g_strdup_printf(
        "videotestsrc num-buffers=%d pattern=smpte name=source ! "
        "video/x-raw,format=I420,width=96,height=64,framerate=25/1 ! videobalance name=balance ! "
        "x264enc quantizer=10 pass=quant key-int-max=5 ! matroskamux ! filesink location=\"%s\"",
        2 * HALF, path);
    GstElement *pipeline = gst_parse_launch(launch, NULL),
               *source = gst_bin_get_by_name(GST_BIN(pipeline), "source");
    GstElement *balance = gst_bin_get_by_name(GST_BIN(pipeline), "balance");
    GstPad *pad = gst_element_get_static_pad(source, "src");
    GstBus *bus = gst_element_get_bus(pipeline);

    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_saturation, balance, NULL);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    gst_message_unref(
        gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(bus);
    gst_object_unref(pad);
    gst_object_unref(balance);
    gst_object_unref(source);
    gst_object_unref(pipeline);
    g_free(launch);
    return path;
}

static void test_coloured_shots(void)
{
    char *in = make_half_coloured(), *kept = media_path("kept.mkv"), *anew = media_path("anew.mkv");
    Chroma chroma = {.frames = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref)};

    g_assert_cmpuint(media_decode(in, on_decoded, &chroma), ==, 2 * HALF);
    chroma.compare = TRUE;
    g_assert_cmpint(media_colorize(NULL, in, kept, NULL), ==, 0);
    g_assert_cmpuint(media_decode(kept, on_decoded, &chroma), ==, 2 * HALF);
    g_test_message("kept: coloured half off by %.2f, grey half by %.2f", chroma.difference[0],
                   chroma.difference[1]);
    g_assert_cmpfloat(chroma.difference[0], <, 2);
    g_assert_cmpfloat(chroma.difference[1], >, 2);

    memset(chroma.difference, 0, sizeof chroma.difference);
    g_assert_cmpint(media_colorize(NULL, in, anew, "--recolor", NULL), ==, 0);
    g_assert_cmpuint(media_decode(anew, on_decoded, &chroma), ==, 2 * HALF);
    g_test_message("recoloured: coloured half off by %.2f", chroma.difference[0]);
    g_assert_cmpfloat(chroma.difference[0], >, 5);
    g_ptr_array_unref(chroma.frames);
    g_free(anew);
    g_free(kept);
    g_free(in);
}

int main(int argc, char **argv)
{
    media_begin(&argc, &argv, NULL);
    g_test_add_func("/film/pictures/luma", test_luma);
    g_test_add_func("/film/pictures/coloured-shots", test_coloured_shots);
    return media_end(g_test_run());
}
