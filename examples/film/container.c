/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container.h"

#include "matroska.h"

/* Matroska's usual tick of 1 ms makes 24 or 30 frames a second uneven. A block's time is a signed
 * 16-bit number of ticks after its cluster's, so that finer ticks mean shorter clusters: 3.2
 * seconds with this one. */
#define MATROSKA_TICK_NS (100 * GST_USECOND)

/* Ticks a second of an MP4 track whose frame rate is unknown, and the least for the others: a film
 * with a varying frame rate declares its average. */
#define MP4_TICKS 90000

static const FilmContainer containers[] = {
    {".mkv", "Matroska", "matroskamux", FALSE, TRUE, TRUE},
    {".mp4", "MP4", "mp4mux", TRUE, FALSE, FALSE},
    {".m4v", "MP4", "mp4mux", TRUE, FALSE, FALSE},
    {".mov", "QuickTime", "qtmux", TRUE, FALSE, FALSE},
};

const FilmContainer *film_container_for(const char *extension)
{
    for (guint i = 0; i < G_N_ELEMENTS(containers); i++)
        if (g_ascii_strcasecmp(containers[i].extension, extension) == 0)
            return &containers[i];
    return NULL;
}

GstElement *film_container_make_muxer(const FilmContainer *container)
{
    GstElement *muxer = gst_element_factory_make(container->muxer, "muxer");

    if (muxer != NULL && g_str_equal(container->muxer, "matroskamux")) {
        GstPad *pad = gst_element_get_static_pad(muxer, "src");

        g_object_set(muxer, "timecodescale", (gint64)MATROSKA_TICK_NS, "writing-app",
                     "colorize-film", NULL);
        film_matroska_mend(pad);
        gst_object_unref(pad);
    }
    return muxer;
}

gboolean film_muxer_accepts(GstElement *muxer, const char *template_name, const GstCaps *caps)
{
    GstPadTemplate *template = gst_element_get_pad_template(muxer, template_name);
    GstCaps *accepted;
    gboolean ok;

    if (template == NULL)
        return FALSE;
    accepted = gst_pad_template_get_caps(template);
    ok = gst_caps_is_subset(caps, accepted);
    gst_caps_unref(accepted);
    return ok;
}

void film_container_set_frame_rate(GstPad *muxer_pad, const GstCaps *caps)
{
    const GstStructure *structure = gst_caps_get_structure(caps, 0);
    guint ticks = MP4_TICKS;
    gint numerator = 0, denominator = 1;

    if (g_object_class_find_property(G_OBJECT_GET_CLASS(muxer_pad), "trak-timescale") == NULL)
        return;
    if (gst_structure_get_fraction(structure, "framerate", &numerator, &denominator) &&
        numerator > 0 && numerator <= MP4_TICKS)
        ticks = (guint)numerator * ((MP4_TICKS + (guint)numerator - 1) / (guint)numerator);
    g_object_set(muxer_pad, "trak-timescale", ticks, NULL);
}
