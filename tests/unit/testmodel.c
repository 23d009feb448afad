/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "testmodel.h"

#include <string.h>

struct _TestFile {
    GString *tensors;
    GByteArray *data;
    GPtrArray *keys, *values;
};

TestFile *testfile_new(void)
{
    TestFile *file = g_new0(TestFile, 1);
    file->tensors = g_string_new(NULL);
    file->data = g_byte_array_new();
    file->keys = g_ptr_array_new_with_free_func(g_free);
    file->values = g_ptr_array_new_with_free_func(g_free);
    return file;
}

void testfile_free(TestFile *file)
{
    g_string_free(file->tensors, TRUE);
    g_byte_array_unref(file->data);
    g_ptr_array_unref(file->keys);
    g_ptr_array_unref(file->values);
    g_free(file);
}

void testfile_add(TestFile *file, const char *name, const char *dtype, const char *shape,
                  gconstpointer data, gsize bytes)
{
    g_string_append_printf(
        file->tensors,
        ",\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%u,%" G_GSIZE_FORMAT "]}", name,
        dtype, shape, file->data->len, file->data->len + bytes);
    g_byte_array_append(file->data, data, (guint)bytes);
}

void testfile_metadata(TestFile *file, const char *key, const char *value)
{
    for (guint i = 0; i < file->keys->len; i++) {
        if (strcmp(file->keys->pdata[i], key) == 0) {
            g_free(file->values->pdata[i]);
            file->values->pdata[i] = g_strdup(value);
            return;
        }
    }
    g_ptr_array_add(file->keys, g_strdup(key));
    g_ptr_array_add(file->values, g_strdup(value));
}

GByteArray *testfile_raw(const char *header, gconstpointer data, gsize bytes)
{
    GByteArray *out = g_byte_array_new();
    guint8 length[8];
    for (guint i = 0; i < 8; i++)
        length[i] = (guint8)((guint64)strlen(header) >> (8 * i));
    g_byte_array_append(out, length, 8);
    g_byte_array_append(out, (const guint8 *)header, (guint)strlen(header));
    if (bytes > 0)
        g_byte_array_append(out, data, (guint)bytes);
    return out;
}

static gboolean has_key(const TestFile *file, const char *key)
{
    for (guint i = 0; i < file->keys->len; i++) {
        if (strcmp(file->keys->pdata[i], key) == 0)
            return TRUE;
    }
    return FALSE;
}

char *testfile_digest(const TestFile *file)
{
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, file->data->data, file->data->len);
}

GByteArray *testfile_bytes(TestFile *file)
{
    char *digest = testfile_digest(file);
    const struct {
        const char *key, *value;
    } defaults[] = {{"mleu.format", "1"}, {"mleu.name", "test"}, {"mleu.sha256", digest}};
    for (guint i = 0; i < G_N_ELEMENTS(defaults); i++) {
        if (!has_key(file, defaults[i].key))
            testfile_metadata(file, defaults[i].key, defaults[i].value);
    }
    GString *header = g_string_new("{\"__metadata__\":{");
    for (guint i = 0; i < file->keys->len; i++) {
        char *value = g_strescape(file->values->pdata[i], NULL);
        g_string_append_printf(header, "%s\"%s\":\"%s\"", i > 0 ? "," : "",
                               (char *)file->keys->pdata[i], value);
        g_free(value);
    }
    g_string_append_printf(header, "}%s}", file->tensors->str);
    GByteArray *bytes = testfile_raw(header->str, file->data->data, file->data->len);
    g_string_free(header, TRUE);
    g_free(digest);
    return bytes;
}

/* -1 .. 1, the same on every machine. */
static float next_weight(guint32 *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / 8388608.0f - 1.0f;
}

static void add_random(TestFile *file, const char *name, const char *shape, guint count,
                       float scale, guint32 seed)
{
    float *values = g_new(float, count);
    for (guint i = 0; i < count; i++)
        values[i] = scale * next_weight(&seed);
    testfile_add(file, name, "F32", shape, values, count * sizeof(float));
    g_free(values);
}

TestFile *testmodel_small(void)
{
    return testmodel_small_part(TRUE, TRUE);
}

TestFile *testmodel_small_part(gboolean first, gboolean second)
{
    TestFile *file = testfile_new();
    if (first) {
        add_random(file, "a.weight", "[8,1,3,3]", 72, 0.5f, 1);
        add_random(file, "a.bias", "[8]", 8, 0.5f, 2);
    }
    if (second) {
        add_random(file, "b.weight", "[2,8,1,1]", 16, 0.5f, 3);
        add_random(file, "b.bias", "[2]", 2, 0.3f, 4);
    }
    testfile_metadata(file, "mleu.description", "A network for tests");
    testfile_metadata(
        file, "mleu.graph",
        "{\"stride\":32,\"nodes\":["
        "{\"name\":\"L\",\"op\":\"input\"},"
        "{\"name\":\"x\",\"op\":\"affine\",\"input\":[\"L\"],\"scale\":0.02,\"offset\":-1},"
        "{\"name\":\"a\",\"op\":\"conv2d\",\"input\":[\"x\"],\"weight\":\"a.weight\",\"bias\":\"a."
        "bias\",\"stride\":4,"
        "\"padding\":[1,1,1,1],\"activation\":\"relu\"},"
        "{\"name\":\"b\",\"op\":\"conv2d\",\"input\":[\"a\"],\"weight\":\"b.weight\",\"bias\":\"b."
        "bias\","
        "\"activation\":\"tanh\"}],"
        "\"head\":{\"type\":\"regression\",\"input\":\"b\",\"scale\":60}}");
    return file;
}

void testfile_write(TestFile *file, const char *path)
{
    GError *error = NULL;
    GByteArray *bytes = testfile_bytes(file);
    g_file_set_contents(path, (const char *)bytes->data, bytes->len, &error);
    g_assert_no_error(error);
    g_byte_array_unref(bytes);
    testfile_free(file);
}

void testmodel_write(const char *path)
{
    testfile_write(testmodel_small(), path);
}
