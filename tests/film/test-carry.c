/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is not picture comes out as it went in; the pictures at their times. */
#include "media.h"

#include <string.h>

/* Half a tick of the Matroska files that are written. */
#define HALF_TICK (50 * GST_USECOND)

/* Half a tick of an MP4 track with 90000 in a second, and GStreamer's own rounding. */
#define HALF_TICK_MP4 (6 * GST_USECOND)

static int by_time(gconstpointer a, gconstpointer b)
{
    GstClockTime first = *(const GstClockTime *)a, second = *(const GstClockTime *)b;

    return first < second ? -1 : first > second;
}

/* In the order in which they are seen: the input has B-frames. */
static void assert_times(const MediaTrack *before, const MediaTrack *after, GstClockTime tolerance)
{
    g_assert_cmpuint(before->pts->len, ==, after->pts->len);
    g_array_sort(before->pts, by_time);
    g_array_sort(after->pts, by_time);
    for (guint i = 0; i < before->pts->len; i++) {
        GstClockTimeDiff off = GST_CLOCK_DIFF(g_array_index(before->pts, GstClockTime, i),
                                              g_array_index(after->pts, GstClockTime, i));

        g_assert_cmpint(ABS(off), <=, (GstClockTimeDiff)tolerance);
    }
}

static void assert_bytes(const MediaTrack *before, const MediaTrack *after)
{
    g_assert_cmpuint(before->bytes->len, ==, after->bytes->len);
    for (guint i = 0; i < before->bytes->len; i++)
        g_assert_true(g_bytes_equal(before->bytes->pdata[i], after->bytes->pdata[i]));
}

static void assert_carried(const Media *before, const Media *after, const char *kind, guint count,
                           GstClockTime tolerance)
{
    for (guint i = 0; i < count; i++) {
        const MediaTrack *in = media_track(before, kind, i), *out = media_track(after, kind, i);

        g_assert_nonnull(in);
        g_assert_nonnull(out);
        assert_bytes(in, out);
        assert_times(in, out, tolerance);
        g_assert_cmpstr(in->language, ==, out->language);
    }
    g_assert_null(media_track(after, kind, count));
}

static void assert_text_tag(const Media *media, const char *tag, const char *expected)
{
    char *text = NULL;

    g_assert_true(gst_tag_list_get_string(media->tags, tag, &text));
    g_assert_cmpstr(text, ==, expected);
    g_free(text);
}

static void test_matroska(void)
{
    const MediaRecipe recipe = {.name = "film.mkv",
                                .frames = 50,
                                .pattern = "ball",
                                .aspect = "4/3",
                                .varying = TRUE,
                                .sounds = 2,
                                .text = TRUE,
                                .chapters = TRUE};
    char *in = media_make(&recipe), *out = media_path("colour.mkv"), *messages;
    Media *before, *after;
    gint n, d;

    g_assert_cmpint(media_colorize(&messages, in, out, NULL), ==, 0);
    g_assert_null(strstr(messages, "warning"));
    before = media_read(in);
    after = media_read(out);
    g_assert_cmpuint(media_track(before, "video", 0)->pts->len, ==, recipe.frames);
    assert_times(media_track(before, "video", 0), media_track(after, "video", 0), HALF_TICK);
    assert_carried(before, after, "audio", 2, HALF_TICK);
    g_assert_cmpstr(media_track(after, "audio", 1)->language, ==, "fr");
    assert_carried(before, after, "text", 1, HALF_TICK);
    g_assert_cmpuint(media_track(after, "text", 0)->bytes->len, ==, 4);
    for (guint i = 0; i < 4; i++)
        g_assert_cmpuint(g_array_index(media_track(before, "text", 0)->durations, GstClockTime, i),
                         ==,
                         g_array_index(media_track(after, "text", 0)->durations, GstClockTime, i));
    gst_structure_get_fraction(gst_caps_get_structure(media_track(after, "video", 0)->caps, 0),
                               "pixel-aspect-ratio", &n, &d);
    g_assert_cmpint(n * 3, ==, d * 4);
    assert_text_tag(after, GST_TAG_TITLE, "Caf\303\251 & Co");
    assert_text_tag(after, GST_TAG_ARTIST, "Someone");
    media_free(before);
    media_free(after);
    g_free(messages);
    g_free(out);
    g_free(in);
}

/* As other programs see it: no marks of GStreamer's own notation around the title. */
static void test_tag_bytes(void)
{
    const MediaRecipe recipe = {.name = "title.mkv", .frames = 5, .pattern = "ball"};
    static const char title[] = "TITLE\0\x44\x87\x8a"
                                "Caf\303\251 & Co";
    char *in = media_make(&recipe), *out = media_path("title-colour.mkv"), *contents;
    GError *error = NULL;
    gsize size;

    g_assert_cmpint(media_colorize(NULL, in, out, NULL), ==, 0);
    g_file_get_contents(out, &contents, &size, &error);
    g_assert_no_error(error);
    g_assert_nonnull(memmem(contents, size, title, sizeof title - 1));
    g_free(contents);
    g_free(out);
    g_free(in);
}

static void assert_chapter(GList *chapters, guint index, gint64 start, gint64 stop,
                           const char *title)
{
    const GstTocEntry *chapter = g_list_nth_data(chapters, index);
    char *text = NULL;
    gint64 begin, end;

    g_assert_nonnull(chapter);
    gst_toc_entry_get_start_stop_times(chapter, &begin, &end);
    g_assert_cmpint(begin, ==, start);
    g_assert_cmpint(end, ==, stop);
    g_assert_true(gst_tag_list_get_string(gst_toc_entry_get_tags(chapter), GST_TAG_TITLE, &text));
    g_assert_cmpstr(text, ==, title);
    g_free(text);
}

static void test_chapters(void)
{
    const MediaRecipe recipe = {
        .name = "chapters.mkv", .frames = 50, .pattern = "ball", .chapters = TRUE};
    char *in = media_make(&recipe), *out = media_path("chapters-colour.mkv");
    Media *after;
    GList *chapters;

    g_assert_cmpint(media_colorize(NULL, in, out, NULL), ==, 0);
    after = media_read(out);
    g_assert_nonnull(after->toc);
    chapters = gst_toc_entry_get_sub_entries(gst_toc_get_entries(after->toc)->data);
    g_assert_cmpuint(g_list_length(chapters), ==, 2);
    assert_chapter(chapters, 0, 0, GST_SECOND, "The beginning");
    assert_chapter(chapters, 1, GST_SECOND, 2 * GST_SECOND, "Th\303\251 end & more");
    media_free(after);
    g_free(out);
    g_free(in);
}

/* Makes the last box @type longer; returns where it ended. */
static guint grow_box(GByteArray *file, const char *type, guint32 by)
{
    guint at = file->len - 4;
    guint32 size;

    while (at > 4 && memcmp(file->data + at, type, 4) != 0)
        at--;
    size = GST_READ_UINT32_BE(file->data + at - 4);
    GST_WRITE_UINT32_BE(file->data + at - 4, size + by);
    return at - 4 + size;
}

/* A box chpl with two chapters, of which the second begins after a second, in moov/udta, the last
 * box of moov. */
static void test_mp4_chapters(void)
{
    static const guint8 chpl[] = {0,   0, 0, 41, 'c', 'h', 'p',  'l',  1,    0, 0,   0,   0,   0,
                                  0,   0, 2, 0,  0,   0,   0,    0,    0,    0, 0,   3,   'O', 'n',
                                  'e', 0, 0, 0,  0,   0,   0x98, 0x96, 0x80, 3, 'T', 'w', 'o'};
    const MediaRecipe recipe = {.name = "chpl.mp4", .frames = 50, .pattern = "ball"};
    char *in = media_make(&recipe), *out = media_path("chpl.mkv"), *contents;
    GByteArray *file;
    guint at;
    GError *error = NULL;
    GList *chapters;
    Media *after;
    gsize size;

    g_file_get_contents(in, &contents, &size, &error);
    g_assert_no_error(error);
    file = g_byte_array_new_take((guint8 *)contents, size);
    grow_box(file, "moov", sizeof chpl);
    at = grow_box(file, "udta", sizeof chpl);
    g_byte_array_set_size(file, file->len + sizeof chpl);
    memmove(file->data + at + sizeof chpl, file->data + at, size - at);
    memcpy(file->data + at, chpl, sizeof chpl);
    g_file_set_contents(in, (const char *)file->data, file->len, &error);
    g_assert_no_error(error);
    g_byte_array_unref(file);

    g_assert_cmpint(media_colorize(NULL, in, out, NULL), ==, 0);
    after = media_read(out);
    g_assert_nonnull(after->toc);
    chapters = gst_toc_entry_get_sub_entries(gst_toc_get_entries(after->toc)->data);
    g_assert_cmpuint(g_list_length(chapters), ==, 2);
    assert_chapter(chapters, 0, 0, GST_SECOND, "One");
    assert_chapter(chapters, 1, GST_SECOND, 2 * GST_SECOND, "Two");
    media_free(after);
    g_free(out);
    g_free(in);
}

static void test_late_start(void)
{
    const MediaRecipe recipe = {
        .name = "late.mkv", .frames = 30, .pattern = "ball", .sounds = 1, .start = 5 * GST_SECOND};
    char *in = media_make(&recipe), *out = media_path("late-colour.mkv");
    Media *before, *after;

    g_assert_cmpint(media_colorize(NULL, in, out, NULL), ==, 0);
    before = media_read(in);
    after = media_read(out);
    assert_times(media_track(before, "video", 0), media_track(after, "video", 0), HALF_TICK);
    g_assert_cmpuint(g_array_index(media_track(after, "video", 0)->pts, GstClockTime, 0), ==,
                     recipe.start);
    assert_carried(before, after, "audio", 1, HALF_TICK);
    media_free(before);
    media_free(after);
    g_free(out);
    g_free(in);
}

static void test_mp4(void)
{
    const MediaRecipe recipe = {.name = "film.mp4",
                                .frames = 50,
                                .pattern = "ball",
                                .aspect = "16/15",
                                .varying = TRUE,
                                .sounds = 2};
    char *in = media_make(&recipe);
    Media *before = media_read(in);
    static const char *const names[] = {"colour.mp4", "from-mp4.mkv"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        char *out = media_path(names[i]);
        GstClockTime tolerance = i == 0 ? HALF_TICK_MP4 : HALF_TICK;
        Media *after;

        g_assert_cmpint(media_colorize(NULL, in, out, NULL), ==, 0);
        after = media_read(out);
        assert_times(media_track(before, "video", 0), media_track(after, "video", 0), tolerance);
        assert_carried(before, after, "audio", 2, i == 0 ? 12 * GST_USECOND : HALF_TICK);
        media_free(after);
        g_free(out);
    }
    media_free(before);
    g_free(in);
}

/* What MP4 cannot hold is named, with the way out. */
static void test_mp4_without(void)
{
    const MediaRecipe recipe = {.name = "rich.mkv",
                                .frames = 30,
                                .pattern = "ball",
                                .sounds = 2,
                                .text = TRUE,
                                .chapters = TRUE};
    char *in = media_make(&recipe), *out = media_path("rich.mp4"), *messages;
    Media *before, *after;

    g_assert_cmpint(media_colorize(&messages, in, out, NULL), ==, 0);
    g_assert_nonnull(
        strstr(messages, "audio track 1 (Free Lossless Audio Codec (FLAC), de) is left out"));
    g_assert_nonnull(strstr(messages, "chapters"));
    g_assert_nonnull(strstr(messages, ".mkv"));
    before = media_read(in);
    after = media_read(out);
    g_assert_cmpuint(media_track(after, "video", 0)->pts->len, ==, recipe.frames);
    g_assert_null(media_track(after, "audio", 1));
    assert_bytes(media_track(before, "audio", 1), media_track(after, "audio", 0));
    g_assert_nonnull(media_track(after, "text", 0));
    media_free(before);
    media_free(after);
    g_free(messages);
    g_free(out);
    g_free(in);
}

/* The track header's matrix is one for pictures that lie on their side. */
static void test_rotation(void)
{
    const MediaRecipe recipe = {.name = "lying.mp4", .frames = 10, .pattern = "ball"};
    static const guint32 quarter_turn[] = {0, 0x10000, 0, (guint32)-0x10000, 0,
                                           0, 0,       0, 0x40000000};
    char *in = media_make(&recipe), *out = media_path("upright.mkv"), *contents, *header;
    const GstStructure *structure;
    GError *error = NULL;
    Media *after;
    gint width, height;
    gsize size;

    g_file_get_contents(in, &contents, &size, &error);
    g_assert_no_error(error);
    header = memmem(contents, size, "tkhd", 4);
    g_assert_nonnull(header);
    for (guint i = 0; i < G_N_ELEMENTS(quarter_turn); i++)
        GST_WRITE_UINT32_BE(header + 4 + 40 + 4 * i, quarter_turn[i]);
    g_file_set_contents(in, contents, (gssize)size, &error);
    g_assert_no_error(error);
    g_free(contents);

    g_assert_cmpint(media_colorize(NULL, in, out, NULL), ==, 0);
    after = media_read(out);
    structure = gst_caps_get_structure(media_track(after, "video", 0)->caps, 0);
    gst_structure_get_int(structure, "width", &width);
    gst_structure_get_int(structure, "height", &height);
    g_assert_cmpint(width, ==, 64);
    g_assert_cmpint(height, ==, 96);
    g_assert_cmpuint(media_track(after, "video", 0)->pts->len, ==, recipe.frames);
    media_free(after);
    g_free(out);
    g_free(in);
}

int main(int argc, char **argv)
{
    media_begin(&argc, &argv, NULL);
    g_test_add_func("/film/carry/matroska", test_matroska);
    g_test_add_func("/film/carry/tag-bytes", test_tag_bytes);
    g_test_add_func("/film/carry/chapters", test_chapters);
    g_test_add_func("/film/carry/mp4-chapters", test_mp4_chapters);
    g_test_add_func("/film/carry/late-start", test_late_start);
    g_test_add_func("/film/carry/mp4", test_mp4);
    g_test_add_func("/film/carry/mp4-without", test_mp4_without);
    g_test_add_func("/film/carry/rotation", test_rotation);
    return media_end(g_test_run());
}
