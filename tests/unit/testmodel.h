/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Model files (models/FORMAT.md) made in memory for tests: whole and right ones, and ones that are
 * wrong in one way.
 */

typedef struct _TestFile TestFile;

TestFile *testfile_new(void);
void testfile_free(TestFile *file);

/* A tensor of @dtype with a JSON shape such as "[2,1,3,3]" and its bytes. */
void testfile_add(TestFile *file, const char *name, const char *dtype, const char *shape,
                  gconstpointer data, gsize bytes);

/* A metadata string; mleu.format, mleu.name and mleu.sha256 are added where they are not set. */
void testfile_metadata(TestFile *file, const char *key, const char *value);

/* The file: length, JSON header, data. */
GByteArray *testfile_bytes(TestFile *file);

/* Writes it to @path, and frees it. */
void testfile_write(TestFile *file, const char *path);

/* SHA-256 of the data, as it is in the metadata; to be freed. */
char *testfile_digest(const TestFile *file);

/* Whole file contents from a header of one's own and data: for headers that testfile_bytes() would
 * not write. */
GByteArray *testfile_raw(const char *header, gconstpointer data, gsize bytes);

/* A small regression network, stride 32: 3x3 convolution of stride 4, 8 channels, then 1x1 to a*,
 * b* with tanh. Its weights are a fixed pseudo-random sequence, so that colours differ over a
 * picture. */
TestFile *testmodel_small(void);

/* The same with the tensors of the first convolution, of the second, or both; the graph is that of
 * the whole. */
TestFile *testmodel_small_part(gboolean first, gboolean second);

/* Writes testmodel_small() to @path. */
void testmodel_write(const char *path);
