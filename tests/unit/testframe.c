/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "testframe.h"

#include <string.h>

#define GAP 0xa5

void testframe_size(const TestFrame *frame, guint component, guint *width, guint *height)
{
    const MleuFormat *format = &frame->format;
    const gboolean is_chroma = format->layout == MLEU_LAYOUT_YUV && component > 0;
    *width = is_chroma && format->chroma_shift_x == 1 ? (format->width + 1) / 2 : format->width;
    *height = is_chroma && format->chroma_shift_y == 1 ? (format->height + 1) / 2 : format->height;
}

/* Lays out components first .. last - 1, a sample of each after another, in @memory from *@offset
 * on. */
static void place(TestFrame *frame, guint first, guint last, TestPacking packing, gsize *offset)
{
    const guint bytes = frame->format.depth > 8 ? 2 : 1, step = bytes * (last - first);
    guint width, height;
    testframe_size(frame, first, &width, &height);
    const gsize gap = packing == TESTFRAME_PADDED ? 13 : 0, stride = (gsize)width * step + gap;
    for (guint c = first; c < last; c++) {
        MleuPlane *plane = &frame->frame.plane[c];
        gsize begin = *offset + gap + (gsize)(c - first) * bytes;
        plane->step = (gssize)step;
        plane->stride = (gssize)stride;
        if (packing == TESTFRAME_UPSIDE_DOWN) {
            begin += stride * (height - 1);
            plane->stride = -(gssize)stride;
        }
        /* Only an offset for now: the memory is not there yet. */
        plane->data = GSIZE_TO_POINTER(begin);
    }
    *offset += gap + stride * height;
}

static guint8 *address(const TestFrame *frame, guint component, guint x, guint y)
{
    const MleuPlane *plane = &frame->frame.plane[component];
    return plane->data + (gssize)y * plane->stride + (gssize)x * plane->step;
}

void testframe_init(TestFrame *frame, const MleuFormat *format, TestPacking packing, gboolean alpha)
{
    memset(frame, 0, sizeof *frame);
    frame->format = *format;
    frame->components = format->layout == MLEU_LAYOUT_GRAY ? 1 : 3;
    if (format->layout == MLEU_LAYOUT_RGB && alpha)
        frame->components = 4;

    gsize size = 0;
    if (packing == TESTFRAME_INTERLEAVED && format->layout == MLEU_LAYOUT_RGB) {
        place(frame, 0, frame->components, packing, &size);
    } else if (packing == TESTFRAME_INTERLEAVED && format->layout == MLEU_LAYOUT_YUV) {
        place(frame, 0, 1, packing, &size);
        place(frame, 1, 3, packing, &size);
    } else {
        for (guint c = 0; c < frame->components; c++)
            place(frame, c, c + 1, packing, &size);
    }
    frame->size = (guint)size;
    frame->memory = g_malloc(size);
    frame->is_sample = g_malloc0(size);
    memset(frame->memory, GAP, size);
    for (guint c = 0; c < frame->components; c++) {
        guint width, height;
        frame->frame.plane[c].data = frame->memory + GPOINTER_TO_SIZE(frame->frame.plane[c].data);
        testframe_size(frame, c, &width, &height);
        for (guint y = 0; y < height; y++) {
            for (guint x = 0; x < width; x++) {
                memset(frame->is_sample + (address(frame, c, x, y) - frame->memory), 1,
                       format->depth > 8 ? 2 : 1);
                testframe_set(frame, c, x, y, 0);
            }
        }
    }
}

void testframe_clear(TestFrame *frame)
{
    g_free(frame->memory);
    g_free(frame->is_sample);
}

guint testframe_get(const TestFrame *frame, guint component, guint x, guint y)
{
    const guint8 *p = address(frame, component, x, y);
    if (frame->format.depth == 8)
        return p[0];
    const guint value = frame->format.big_endian ? p[0] * 256u + p[1] : p[1] * 256u + p[0];
    g_assert_cmpuint(value % (1u << frame->format.shift), ==, 0);
    return value / (1u << frame->format.shift);
}

void testframe_set(TestFrame *frame, guint component, guint x, guint y, guint value)
{
    guint8 *p = address(frame, component, x, y);
    if (frame->format.depth == 8) {
        p[0] = (guint8)value;
        return;
    }
    value *= 1u << frame->format.shift;
    p[frame->format.big_endian ? 0 : 1] = (guint8)(value / 256);
    p[frame->format.big_endian ? 1 : 0] = (guint8)(value % 256);
}

void testframe_randomize(TestFrame *frame, GRand *random)
{
    for (guint c = 0; c < frame->components; c++) {
        guint width, height;
        testframe_size(frame, c, &width, &height);
        for (guint y = 0; y < height; y++) {
            for (guint x = 0; x < width; x++)
                testframe_set(frame, c, x, y,
                              (guint)g_rand_int_range(random, 0, 1 << frame->format.depth));
        }
    }
}

void testframe_check_gaps(const TestFrame *frame)
{
    for (guint i = 0; i < frame->size; i++) {
        if (!frame->is_sample[i])
            g_assert_cmpuint(frame->memory[i], ==, GAP);
    }
}

double testframe_black(const MleuFormat *format)
{
    if (format->layout == MLEU_LAYOUT_RGB || format->range == MLEU_RANGE_FULL)
        return 0;
    return 16.0 * (1u << (format->depth - 8));
}

double testframe_white(const MleuFormat *format)
{
    if (format->layout == MLEU_LAYOUT_RGB || format->range == MLEU_RANGE_FULL)
        return (1u << format->depth) - 1.0;
    return 235.0 * (1u << (format->depth - 8));
}

double testframe_chroma_code(const MleuFormat *format, double value)
{
    const double span = format->range == MLEU_RANGE_FULL ? (1u << format->depth) - 1.0
                                                         : 224.0 * (1u << (format->depth - 8));
    const double most = (1u << format->depth) - 1.0;
    return CLAMP((1u << (format->depth - 1)) + span * value, 0, most);
}
