/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "chapters.h"

#include <stdio.h>
#include <string.h>

#define BOX_HEADER 8
#define CHPL_HEADER 9
#define CHPL_ENTRY 9

/* chpl counts its chapters in a byte, and the bytes of a title in another. */
#define CHPL_MAX (CHPL_HEADER + 255 * (CHPL_ENTRY + 255))

/* Times of chpl, in nanoseconds. */
#define CHPL_TICK_NS 100

/* Goes to the contents of the first box @type from here to @end; returns where they end, or 0. */
static guint64 enter_box(FILE *file, const char *type, guint64 end)
{
    guint8 header[2 * BOX_HEADER];
    guint64 at = (guint64)ftello(file);

    while (at + BOX_HEADER <= end && fread(header, BOX_HEADER, 1, file) == 1) {
        guint64 size = GST_READ_UINT32_BE(header), header_size = BOX_HEADER;

        if (size == 1) {
            if (fread(header + BOX_HEADER, BOX_HEADER, 1, file) != 1)
                return 0;
            size = GST_READ_UINT64_BE(header + BOX_HEADER);
            header_size = 2 * BOX_HEADER;
        } else if (size == 0) {
            size = end - at;
        }
        if (size < header_size || size > end - at)
            return 0;
        if (memcmp(header + 4, type, 4) == 0)
            return at + size;
        at += size;
        if (fseeko(file, (off_t)at, SEEK_SET) != 0)
            return 0;
    }
    return 0;
}

static GstTocEntry *parse_chapter(const guint8 *data, gsize length, guint number)
{
    char *uid = g_strdup_printf("%u", number);
    char *title = g_utf8_make_valid((const char *)data + CHPL_ENTRY, (gssize)length);
    GstTocEntry *chapter = gst_toc_entry_new(GST_TOC_ENTRY_TYPE_CHAPTER, uid);

    gst_toc_entry_set_start_stop_times(chapter, (gint64)(GST_READ_UINT64_BE(data) * CHPL_TICK_NS),
                                       -1);
    if (*title != '\0')
        gst_toc_entry_set_tags(chapter, gst_tag_list_new(GST_TAG_TITLE, title, NULL));
    g_free(title);
    g_free(uid);
    return chapter;
}

/* A chapter lasts until the next one begins, the last one as long as the film. */
static void set_ends(GstTocEntry *edition, gint64 duration)
{
    for (GList *at = gst_toc_entry_get_sub_entries(edition); at != NULL; at = at->next) {
        gint64 start, end = duration;

        gst_toc_entry_get_start_stop_times(at->data, &start, NULL);
        if (at->next != NULL)
            gst_toc_entry_get_start_stop_times(at->next->data, &end, NULL);
        end = MAX(start, end);
        gst_toc_entry_set_start_stop_times(at->data, start, end);
    }
}

static GstToc *parse_chapters(const guint8 *data, gsize size, gint64 duration)
{
    GstTocEntry *edition = gst_toc_entry_new(GST_TOC_ENTRY_TYPE_EDITION, "0");
    GstToc *toc = gst_toc_new(GST_TOC_SCOPE_GLOBAL);
    gsize at = CHPL_HEADER;
    guint count = data[CHPL_HEADER - 1], found = 0;

    for (; found < count && at + CHPL_ENTRY <= size && at + CHPL_ENTRY + data[at + 8] <= size;
         found++) {
        gst_toc_entry_append_sub_entry(edition, parse_chapter(data + at, data[at + 8], found + 1));
        at += CHPL_ENTRY + data[at + 8];
    }
    set_ends(edition, duration);
    gst_toc_append_entry(toc, edition);
    if (found > 0)
        return toc;
    gst_toc_unref(toc);
    return NULL;
}

/* The film's duration by the box mvhd, from here to @end; 0: unknown. Leaves the file where it is.
 */
static gint64 read_duration(FILE *file, guint64 end)
{
    guint8 data[32] = {0};
    off_t here = ftello(file);
    guint64 duration = 0, ticks = 0;

    if (enter_box(file, "mvhd", end) != 0 && fread(data, sizeof data, 1, file) == 1) {
        ticks = GST_READ_UINT32_BE(data + (data[0] == 1 ? 20 : 12));
        duration = data[0] == 1 ? GST_READ_UINT64_BE(data + 24) : GST_READ_UINT32_BE(data + 16);
    }
    fseeko(file, here, SEEK_SET);
    return ticks > 0 ? (gint64)MIN(gst_util_uint64_scale(duration, GST_SECOND, ticks), G_MAXINT64)
                     : 0;
}

GstToc *film_chapters_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    GstToc *toc = NULL;
    guint64 end = 0;
    gint64 duration = 0;

    if (file == NULL)
        return NULL;
    if (fseeko(file, 0, SEEK_END) == 0 && (end = (guint64)ftello(file)) > 0 &&
        fseeko(file, 0, SEEK_SET) == 0 && (end = enter_box(file, "moov", end)) &&
        (duration = read_duration(file, end)) > 0 && (end = enter_box(file, "udta", end)) &&
        (end = enter_box(file, "chpl", end))) {
        gsize size = (gsize)(end - (guint64)ftello(file));

        if (size >= CHPL_HEADER && size <= CHPL_MAX) {
            guint8 *data = g_malloc(size);

            if (fread(data, size, 1, file) == 1)
                toc = parse_chapters(data, size, duration);
            g_free(data);
        }
    }
    fclose(file);
    return toc;
}
