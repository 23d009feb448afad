/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <mleu/frame.h>

/*
 * Frames for tests: every layout of samples that a format allows, read and written one sample at a
 * time by code that has nothing in common with the library's.
 */

typedef enum {
    TESTFRAME_PLANAR,      /* rows without gaps */
    TESTFRAME_PADDED,      /* rows with gaps, samples at odd addresses */
    TESTFRAME_UPSIDE_DOWN, /* negative strides */
    TESTFRAME_INTERLEAVED, /* Cb with Cr (NV12), R with G, B and alpha */
    TESTFRAME_PACKINGS,
} TestPacking;

/**
 * @frame: the view.
 * @memory: of @size bytes; bytes that are not part of a sample are 0xa5.
 * @is_sample: 1 for each byte that is.
 */
typedef struct {
    MleuFormat format;
    MleuFrame frame;
    guint components;
    guint8 *memory, *is_sample;
    guint size;
} TestFrame;

/** @alpha: an RGB frame has a component 3. All samples are 0. */
void testframe_init(TestFrame *frame, const MleuFormat *format, TestPacking packing,
                    gboolean alpha);
void testframe_clear(TestFrame *frame);

void testframe_size(const TestFrame *frame, guint component, guint *width, guint *height);
guint testframe_get(const TestFrame *frame, guint component, guint x, guint y);
void testframe_set(TestFrame *frame, guint component, guint x, guint y, guint value);

/** Fills every component with pseudo-random code values. */
void testframe_randomize(TestFrame *frame, GRand *random);

/** Fails the test where a byte between the samples was written. */
void testframe_check_gaps(const TestFrame *frame);

/** The code values of Y' 0 and 1, as ITU-R BT.601, BT.709 and BT.2020 give them. */
double testframe_black(const MleuFormat *format);
double testframe_white(const MleuFormat *format);

/** The code value of a chroma of @value, -0.5 .. 0.5, before it is rounded. */
double testframe_chroma_code(const MleuFormat *format, double value);
