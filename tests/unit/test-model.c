/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reader of model files: right ones load, and every kind of wrong one gives its own error that
 * names the file. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mleu/mleu.h>

#include "model/graph.h"
#include "testmodel.h"

static char *folder;

static char *write_bytes(const guint8 *data, gsize size)
{
    GError *error = NULL;
    char *path = g_build_filename(folder, "model.safetensors", NULL);
    g_file_set_contents(path, (const char *)data, (gssize)size, &error);
    g_assert_no_error(error);
    return path;
}

/* Loads and expects an error of that code whose text has the path and @words in it. */
static void expect(const guint8 *data, gsize size, MleuError code, const char *words)
{
    GError *error = NULL;
    char *path = write_bytes(data, size);
    MleuModel *model = mleu_model_load(path, &error);
    g_assert_null(model);
    g_test_message("%s", error->message);
    g_assert_error(error, MLEU_ERROR, (gint)code);
    g_assert_nonnull(strstr(error->message, path));
    g_assert_nonnull(strstr(error->message, words));
    g_error_free(error);
    g_free(path);
}

static void expect_file(TestFile *file, MleuError code, const char *words)
{
    GByteArray *bytes = testfile_bytes(file);
    expect(bytes->data, bytes->len, code, words);
    g_byte_array_unref(bytes);
    testfile_free(file);
}

static void expect_header(const char *header, MleuError code, const char *words)
{
    GByteArray *bytes = testfile_raw(header, "\0\0\0\0", 4);
    expect(bytes->data, bytes->len, code, words);
    g_byte_array_unref(bytes);
}

/* Loads a file that is right; frees @file. */
static MleuModel *load_good(TestFile *file)
{
    GError *error = NULL;
    char *path = g_build_filename(folder, "model.safetensors", NULL);
    testfile_write(file, path);
    MleuModel *model = mleu_model_load(path, &error);
    g_assert_no_error(error);
    g_free(path);
    return model;
}

static void test_good(void)
{
    MleuModel *model = load_good(testmodel_small());
    g_assert_cmpstr(mleu_model_get_name(model), ==, "test");
    g_assert_cmpstr(mleu_model_get_description(model), ==, "A network for tests");
    g_assert_cmpstr(mleu_model_get_license(model), ==, "");
    g_assert_cmpint(mleu_model_get_head(model), ==, MLEU_HEAD_REGRESSION);
    g_assert_cmpuint(mleu_model_get_classes(model), ==, 0);
    g_assert_cmpuint(mleu_model_get_stride(model), ==, 32);
    g_assert_cmpuint(mleu_model_get_render_size(model), ==, 256);
    g_assert_cmpuint(mleu_model_get_parameters(model), ==, 72 + 8 + 16 + 2);
    g_assert_cmpuint(mleu_model_get_macs(model, 64, 32), ==, 16 * 8 * (72 + 16));
    g_assert_cmpuint(mleu_model_get_macs(model, 33, 32), ==, 0);
    g_assert_true(mleu_model_ref(model) == model);
    mleu_model_unref(model);
    mleu_model_unref(model);
}

/* Every length short of the whole, and every byte flipped: never a model, never a crash. */
static void test_damaged(void)
{
    TestFile *file = testmodel_small();
    GByteArray *bytes = testfile_bytes(file);
    for (gsize size = 1; size < bytes->len; size += size < 16 ? 1 : 37) {
        GError *error = NULL;
        char *path = write_bytes(bytes->data, size);
        g_assert_null(mleu_model_load(path, &error));
        g_assert_error(error, MLEU_ERROR, MLEU_ERROR_FORMAT);
        g_error_free(error);
        g_free(path);
    }
    for (gsize at = 0; at < bytes->len; at += 5) {
        GError *error = NULL;
        bytes->data[at] ^= 0x10;
        char *path = write_bytes(bytes->data, bytes->len);
        MleuModel *model = mleu_model_load(path, &error);
        /* Some bytes are free text: the name, the description. */
        g_assert_true((model != NULL) != (error != NULL));
        if (at >= bytes->len - 4)
            g_assert_null(model);
        if (model != NULL)
            mleu_model_unref(model);
        g_clear_error(&error);
        g_free(path);
        bytes->data[at] ^= 0x10;
    }
    g_byte_array_unref(bytes);
    testfile_free(file);
    expect((const guint8 *)"", 0, MLEU_ERROR_FORMAT, "empty");
}

static void test_places(void)
{
    GError *error = NULL;
    g_assert_null(mleu_model_load("/nowhere/model.safetensors", &error));
    g_assert_error(error, MLEU_ERROR, MLEU_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_null(mleu_model_load(folder, &error));
    g_assert_error(error, MLEU_ERROR, MLEU_ERROR_READ);
    g_assert_nonnull(strstr(error->message, "folder"));
    g_clear_error(&error);

    /* A pipe must not make the reader wait for a writer. */
    char *pipe = g_build_filename(folder, "pipe", NULL);
    g_assert_no_errno(mkfifo(pipe, 0600));
    g_assert_null(mleu_model_load(pipe, &error));
    g_assert_error(error, MLEU_ERROR, MLEU_ERROR_READ);
    g_clear_error(&error);
    g_unlink(pipe);
    g_free(pipe);
}

/* As somebody who may not read the file: root may read every file, and steps back to nobody. */
static void test_unreadable(void)
{
    enum { NOBODY = 65534 };
    const gboolean is_root = geteuid() == 0;
    GError *error = NULL;
    char *path = write_bytes((const guint8 *)"x", 1);
    g_assert_no_errno(g_chmod(path, 0));
    if (is_root)
        g_assert_no_errno(seteuid(NOBODY));
    g_assert_null(mleu_model_load(path, &error));
    if (is_root)
        g_assert_no_errno(seteuid(0));
    g_assert_error(error, MLEU_ERROR, MLEU_ERROR_READ);
    g_assert_nonnull(strstr(error->message, path));
    g_clear_error(&error);
    g_unlink(path);
    g_free(path);
}

static void test_headers(void)
{
    const guint8 huge[16] = {0, 0, 0, 0, 1, 0, 0, 0};
    expect(huge, sizeof huge, MLEU_ERROR_FORMAT, "header is larger");
    expect_header("[1]", MLEU_ERROR_FORMAT, "not a JSON object");
    expect_header("{\"a\":", MLEU_ERROR_FORMAT, "JSON");
    expect_header("{}", MLEU_ERROR_FORMAT, "__metadata__");
    expect_header("{\"__metadata__\":{},\"__metadata__\":{}}", MLEU_ERROR_FORMAT, "twice");
    expect_header("{\"__metadata__\":{\"a\":1}}", MLEU_ERROR_FORMAT, "not a string");

    GString *deep = g_string_new("{\"a\":");
    for (guint i = 0; i < 100000; i++)
        g_string_append_c(deep, '[');
    expect_header(deep->str, MLEU_ERROR_FORMAT, "nested");
    g_string_free(deep, TRUE);
}

static void test_tensors(void)
{
    static const struct {
        const char *entry;
        MleuError code;
        const char *words;
    } cases[] = {
        {"{\"dtype\":\"F32\",\"shape\":[1]}", MLEU_ERROR_FORMAT, "needs dtype"},
        {"{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}", MLEU_ERROR_FORMAT,
         "nothing else"},
        {"{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}", MLEU_ERROR_UNSUPPORTED, "F64"},
        {"{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1],\"data_offsets\":[0,4]}", MLEU_ERROR_UNSUPPORTED,
         "rank"},
        {"{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}", MLEU_ERROR_FORMAT, "size 0"},
        {"{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}", MLEU_ERROR_FORMAT, "size 0"},
        {"{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}", MLEU_ERROR_FORMAT, "size 0"},
        {"{\"dtype\":\"F32\",\"shape\":[1000000000,1000000000,1000000000],\"data_offsets\":[0,4]}",
         MLEU_ERROR_FORMAT, "overflows"},
        {"{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}", MLEU_ERROR_FORMAT,
         "its shape needs 8"},
        {"{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}", MLEU_ERROR_FORMAT,
         "truncated"},
        {"{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}", MLEU_ERROR_FORMAT,
         "data_offsets"},
        {"{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4294967296000]}", MLEU_ERROR_FORMAT,
         "data_offsets"},
        {"{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[2,4]}", MLEU_ERROR_FORMAT,
         "contiguous"},
        {"{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[0,2]}", MLEU_ERROR_FORMAT,
         "belong to no tensor"},
        {"{\"dtype\":\"I8\",\"shape\":[3],\"data_offsets\":[0,3]},\"b\":{\"dtype\":\"I8\","
         "\"shape\":[2],"
         "\"data_offsets\":[2,4]}",
         MLEU_ERROR_FORMAT, "contiguous"},
        {"{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}", MLEU_ERROR_FORMAT, "SHA-256"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *header =
            g_strdup_printf("{\"__metadata__\":{\"mleu.sha256\":\"0\"},\"a\":%s}", cases[i].entry);
        expect_header(header, cases[i].code, cases[i].words);
        g_free(header);
    }
}

/* A file of one 1x1 convolution 1 -> 2 and whatever graph. */
static TestFile *file_with_graph(const char *graph)
{
    static const float weight[2] = {0.5f, -0.5f};
    TestFile *file = testfile_new();
    testfile_add(file, "w", "F32", "[2,1,1,1]", weight, sizeof weight);
    testfile_metadata(file, "mleu.graph", graph);
    return file;
}

#define INPUT "{\"name\":\"L\",\"op\":\"input\"}"
#define CONV "{\"name\":\"c\",\"op\":\"conv2d\",\"input\":[\"L\"],\"weight\":\"w\"}"
#define HEAD "\"head\":{\"type\":\"regression\",\"input\":\"c\",\"scale\":100}"
#define GRAPH(nodes, head) "{\"stride\":8,\"nodes\":[" nodes "]," head "}"

static void test_graphs(void)
{
    static const struct {
        const char *graph;
        MleuError code;
        const char *words;
    } cases[] = {
        {"{", MLEU_ERROR_FORMAT, "JSON"},
        {"{}", MLEU_ERROR_FORMAT, "stride"},
        {"{\"stride\":0}", MLEU_ERROR_FORMAT, "stride"},
        {"{\"stride\":8,\"render_size\":33}", MLEU_ERROR_FORMAT, "render_size"},
        {"{\"stride\":8,\"render_size\":0}", MLEU_ERROR_FORMAT, "render_size"},
        {"{\"stride\":8,\"nodes\":1}", MLEU_ERROR_FORMAT, "array"},
        {GRAPH(INPUT, HEAD), MLEU_ERROR_UNSUPPORTED, "nodes"},
        {GRAPH("{},{}", HEAD), MLEU_ERROR_FORMAT, "no name"},
        {GRAPH(CONV "," INPUT, HEAD), MLEU_ERROR_FORMAT, "earlier node"},
        {GRAPH(INPUT "," INPUT, HEAD), MLEU_ERROR_FORMAT, "this name"},
        {GRAPH(INPUT ",{\"name\":\"c\",\"op\":\"warp\",\"input\":[\"L\"]}", HEAD),
         MLEU_ERROR_UNSUPPORTED, "warp"},
        {GRAPH(INPUT
               ",{\"name\":\"c\",\"op\":\"conv2d\",\"input\":[\"L\"],\"weight\":\"w\",\"gain\":2}",
               HEAD),
         MLEU_ERROR_UNSUPPORTED, "gain"},
        {GRAPH(INPUT ",{\"name\":\"c\",\"op\":\"conv2d\",\"input\":[\"L\"],\"weight\":\"v\"}",
               HEAD),
         MLEU_ERROR_FORMAT, "no tensor v"},
        {GRAPH(INPUT ",{\"name\":\"c\",\"op\":\"conv2d\",\"input\":[\"L\"],\"weight\":\"w\","
                     "\"bias\":\"w\"}",
               HEAD),
         MLEU_ERROR_FORMAT, "shape [2]"},
        {GRAPH(
             INPUT
             ",{\"name\":\"c\",\"op\":\"conv2d\",\"input\":[\"L\"],\"weight\":\"w\",\"stride\":9}",
             HEAD),
         MLEU_ERROR_FORMAT, "stride"},
        {GRAPH(
             INPUT
             ",{\"name\":\"c\",\"op\":\"conv2d\",\"input\":[\"L\"],\"weight\":\"w\",\"groups\":2}",
             HEAD),
         MLEU_ERROR_FORMAT, "groups"},
        {GRAPH(INPUT ",{\"name\":\"c\",\"op\":\"conv2d\",\"input\":[\"L\"],\"weight\":\"w\","
                     "\"padding\":[1,1]}",
               HEAD),
         MLEU_ERROR_FORMAT, "padding"},
        {GRAPH(INPUT ",{\"name\":\"c\",\"op\":\"conv2d\",\"input\":[\"L\"],\"weight\":\"w\","
                     "\"activation\":\"swish\"}",
               HEAD),
         MLEU_ERROR_UNSUPPORTED, "activation"},
        {GRAPH(INPUT ",{\"name\":\"c\",\"op\":\"add\",\"input\":[\"L\"]}", HEAD), MLEU_ERROR_FORMAT,
         "inputs"},
        {GRAPH(INPUT ",{\"name\":\"d\",\"op\":\"conv2d\",\"input\":[\"L\"],\"weight\":\"w\"},{"
                     "\"name\":\"c\",\"op\":"
                     "\"add\",\"input\":[\"L\",\"d\"]}",
               HEAD),
         MLEU_ERROR_FORMAT, "1 and 2 channels"},
        {GRAPH(INPUT ",{\"name\":\"c\",\"op\":\"upsample\",\"input\":[\"L\"]}", HEAD),
         MLEU_ERROR_FORMAT, "factor"},
        {GRAPH(INPUT "," CONV, "\"head\":{\"type\":\"regression\",\"input\":\"L\"}"),
         MLEU_ERROR_FORMAT, "last node"},
        {GRAPH(INPUT "," CONV, "\"head\":{\"type\":\"palette\",\"input\":\"c\"}"),
         MLEU_ERROR_UNSUPPORTED, "palette"},
        {GRAPH(INPUT "," CONV, "\"head\":{\"type\":\"classes\",\"input\":\"c\",\"bins\":\"w\"}"),
         MLEU_ERROR_FORMAT, "shape [2, 2]"},
        {GRAPH(INPUT "," CONV, "\"head\":{\"type\":\"combined\",\"input\":\"c\",\"bins\":\"w\"}"),
         MLEU_ERROR_FORMAT, "shape [0, 2]"},
        {GRAPH(INPUT "," CONV, "\"head\":{\"type\":\"combined\",\"input\":\"c\",\"blend\":2}"),
         MLEU_ERROR_FORMAT, "blend"},
        {GRAPH(INPUT "," CONV, "\"head\":{\"type\":\"classes\",\"input\":\"c\",\"blend\":0}"),
         MLEU_ERROR_UNSUPPORTED, "blend"},
        {GRAPH(INPUT "," CONV, "\"head\":{\"type\":\"regression\",\"input\":\"c\",\"scale\":1e9}"),
         MLEU_ERROR_FORMAT, "scale"},
        {GRAPH(INPUT ",{\"name\":\"u\",\"op\":\"upsample\",\"input\":[\"L\"],\"factor\":2}," CONV,
               HEAD),
         MLEU_ERROR_FORMAT, "nothing reads node u"},
        {GRAPH(INPUT ",{\"name\":\"c\",\"op\":\"concat\",\"input\":[\"L\",\"L\"]}", HEAD),
         MLEU_ERROR_FORMAT, "nothing uses tensor w"},
        {GRAPH(INPUT ",{\"name\":\"u\",\"op\":\"upsample\",\"input\":[\"L\"],\"factor\":2},{"
                     "\"name\":\"c\",\"op\":"
                     "\"concat\",\"input\":[\"L\",\"u\"]}",
               HEAD),
         MLEU_ERROR_FORMAT, "sizes do not fit"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        expect_file(file_with_graph(cases[i].graph), cases[i].code, cases[i].words);

    /* The one that the others are wrong variants of. */
    mleu_model_unref(load_good(file_with_graph(GRAPH(INPUT "," CONV, HEAD))));
}

/* A quantised network: input, affine, 1x1 convolution to 4 channels, 1x1 to the classes. */
#define Q8_HEAD "\"head\":{\"type\":\"classes\",\"input\":\"c\",\"bins\":\"bins\"}"
#define Q8_GRAPH(quantization, nodes, head)                                                        \
    "{\"stride\":1,\"quantization\":" quantization                                                 \
    ",\"nodes\":[{\"name\":\"L\",\"op\":\"input\"}," nodes "]," head "}"
#define Q8_AFFINE                                                                                  \
    "{\"name\":\"x\",\"op\":\"affine\",\"input\":[\"L\"],\"scale\":0.02,\"offset\":-1},"
#define Q8_CONV "{\"name\":\"b\",\"op\":\"conv2d\",\"input\":[\"x\"],\"weight\":\"w\"},"
#define Q8_LAST "{\"name\":\"c\",\"op\":\"conv2d\",\"input\":[\"b\"],\"weight\":\"v\"}"
#define Q8_SCALES "{\"x\":[0.008,127],\"b\":[0.01,0]}"

static TestFile *quantized_file(const char *graph, gint8 first, gint8 second)
{
    static const float ones[4] = {1, 1, 1, 1}, bins[8] = {10, 20, -30, 40};
    const gint8 v[16] = {first, second, 1, 2};
    TestFile *file = testfile_new();
    testfile_add(file, "w", "I8", "[4,1,1,1]", "\1\2\3\4", 4);
    testfile_add(file, "w.scale", "F32", "[4]", ones, sizeof ones);
    testfile_add(file, "v", "I8", "[4,4,1,1]", v, sizeof v);
    testfile_add(file, "v.scale", "F32", "[4]", ones, sizeof ones);
    testfile_add(file, "bins", "F32", "[4,2]", bins, sizeof bins);
    testfile_metadata(file, "mleu.graph", graph);
    return file;
}

static void test_quantized(void)
{
    static const struct {
        const char *graph;
        MleuError code;
        const char *words;
    } cases[] = {
        {Q8_GRAPH("[]", Q8_AFFINE Q8_CONV Q8_LAST, Q8_HEAD), MLEU_ERROR_FORMAT, "not an object"},
        {Q8_GRAPH("{\"x\":[0.008,127]}", Q8_AFFINE Q8_CONV Q8_LAST, Q8_HEAD), MLEU_ERROR_FORMAT,
         "node b"},
        {Q8_GRAPH("{\"x\":[0,127],\"b\":[1,0]}", Q8_AFFINE Q8_CONV Q8_LAST, Q8_HEAD),
         MLEU_ERROR_FORMAT, "node x"},
        {Q8_GRAPH("{\"x\":[1,256],\"b\":[1,0]}", Q8_AFFINE Q8_CONV Q8_LAST, Q8_HEAD),
         MLEU_ERROR_FORMAT, "node x"},
        {Q8_GRAPH(Q8_SCALES, Q8_AFFINE Q8_CONV Q8_LAST,
                  "\"head\":{\"type\":\"regression\",\"input\":\"c\"}"),
         MLEU_ERROR_FORMAT, "2 channels"},
        {Q8_GRAPH("{\"b\":[1,0]}",
                  "{\"name\":\"b\",\"op\":\"conv2d\",\"input\":[\"L\"],\"weight\":\"w\"}," Q8_LAST,
                  Q8_HEAD),
         MLEU_ERROR_UNSUPPORTED, "affine"},
        {Q8_GRAPH(Q8_SCALES,
                  Q8_AFFINE "{\"name\":\"b\",\"op\":\"conv2d\",\"input\":[\"x\"],\"weight\":\"w\","
                            "\"activation\":\"tanh\"}," Q8_LAST,
                  Q8_HEAD),
         MLEU_ERROR_UNSUPPORTED, "tanh"},
        {Q8_GRAPH("{\"x\":[0.008,127],\"b\":[0.01,0],\"d\":[0.02,0]}",
                  Q8_AFFINE Q8_CONV "{\"name\":\"d\",\"op\":\"upsample\",\"input\":[\"b\"],"
                                    "\"factor\":2},{\"name\":\"c\",\"op\":\"conv2d\",\"input\":"
                                    "[\"d\"],\"weight\":\"v\"}",
                  Q8_HEAD),
         MLEU_ERROR_FORMAT, "own scale"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        expect_file(quantized_file(cases[i].graph, 1, 2), cases[i].code, cases[i].words);

    const char *good = Q8_GRAPH(Q8_SCALES, Q8_AFFINE Q8_CONV Q8_LAST, Q8_HEAD);
    expect_file(quantized_file(good, 100, 29), MLEU_ERROR_FORMAT, "128");
    expect_file(quantized_file(good, -128, -1), MLEU_ERROR_FORMAT, "128");
    MleuModel *model = load_good(quantized_file(good, 100, 28));
    g_assert_true(mleu_model_is_quantized(model));
    mleu_model_unref(model);
}

static gpointer make_floats(gpointer model)
{
    g_assert_true(mleu_model_make_floats(model, FALSE));
    return (gpointer)mleu_model_get_graph(model)->nodes[2].weight;
}

/* Float32 weights of a quantised model are made when they are asked for, once for all who ask: in
 * the file's order, whatever the order in which the integers are packed. */
static void test_floats(void)
{
    enum { MIDDLE = 18, CLASSES = 5 };
    gint8 w[MIDDLE * 9], d[MIDDLE * 9], v[CLASSES * MIDDLE * 9];
    float scales[MIDDLE], bins[2 * CLASSES] = {0};
    for (gint i = 0; i < CLASSES * MIDDLE * 9; i++)
        v[i] = (gint8)(i * 37 % 127 - 63);
    for (gint i = 0; i < MIDDLE * 9; i++) {
        w[i] = (gint8)(i % 251 - 125);
        d[i] = (gint8)(i * 11 % 255 - 127);
    }
    for (guint i = 0; i < MIDDLE; i++)
        scales[i] = 0.001f * (float)(i + 1);
    TestFile *file = testfile_new();
    testfile_add(file, "w", "I8", "[18,1,3,3]", w, sizeof w);
    testfile_add(file, "w.scale", "F32", "[18]", scales, sizeof scales);
    testfile_add(file, "d", "I8", "[18,1,3,3]", d, sizeof d);
    testfile_add(file, "d.scale", "F32", "[18]", scales, sizeof scales);
    testfile_add(file, "v", "I8", "[5,18,3,3]", v, sizeof v);
    testfile_add(file, "v.scale", "F32", "[5]", scales, CLASSES * sizeof scales[0]);
    testfile_add(file, "bins", "F32", "[5,2]", bins, sizeof bins);
    testfile_metadata(file, "mleu.graph",
                      Q8_GRAPH("{\"x\":[0.008,127],\"b\":[0.01,0],\"e\":[0.01,0]}",
                               Q8_AFFINE
                               "{\"name\":\"b\",\"op\":\"conv2d\",\"input\":[\"x\"],\"weight\":"
                               "\"w\",\"padding\":[1,1,1,1]},"
                               "{\"name\":\"e\",\"op\":\"conv2d\",\"input\":[\"b\"],\"weight\":"
                               "\"d\",\"groups\":18,\"padding\":[1,1,1,1]},"
                               "{\"name\":\"c\",\"op\":\"conv2d\",\"input\":[\"e\"],\"weight\":"
                               "\"v\",\"padding\":[1,1,1,1]}",
                               Q8_HEAD));
    MleuModel *model = load_good(file);
    const MleuNode *nodes = mleu_model_get_graph(model)->nodes;
    g_assert_null(nodes[2].weight);
    GThread *threads[4];
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("floats", make_floats, model);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_assert_true(g_thread_join(threads[i]) == nodes[2].weight);
    for (guint i = 0; i < MIDDLE * 9; i++) {
        g_assert_cmpfloat(nodes[2].weight[i], ==, (float)w[i] * scales[i / 9]);
        g_assert_cmpfloat(nodes[3].weight[i], ==, (float)d[i] * scales[i / 9]);
    }
    for (guint i = 0; i < CLASSES * MIDDLE * 9; i++)
        g_assert_cmpfloat(nodes[4].weight[i], ==, (float)v[i] * scales[i / (MIDDLE * 9)]);
    mleu_model_unref(model);
}

static void test_versions(void)
{
    TestFile *file = testmodel_small();
    testfile_metadata(file, "mleu.format", "2");
    expect_file(file, MLEU_ERROR_UNSUPPORTED, "format \"2\"");
    file = testfile_new();
    testfile_add(file, "w", "F32", "[1]", "\0\0\0\0", 4);
    expect_file(file, MLEU_ERROR_FORMAT, "mleu.graph");
}

static void test_weights(void)
{
    /* bfloat16: infinity, and no number; 0 */
    static const guint8 not_finite[][4] = {{0x80, 0x7f, 0x00, 0x00}, {0xc0, 0x7f, 0x00, 0x00}};
    TestFile *file;
    for (guint i = 0; i < G_N_ELEMENTS(not_finite); i++) {
        file = testfile_new();
        testfile_add(file, "w", "BF16", "[2,1,1,1]", not_finite[i], 4);
        testfile_metadata(file, "mleu.graph", GRAPH(INPUT "," CONV, HEAD));
        expect_file(file, MLEU_ERROR_FORMAT, "not finite");
    }

    file = testfile_new();
    testfile_add(file, "w", "I8", "[2,1,1,1]", "\x40\xc0", 2);
    testfile_metadata(file, "mleu.graph", GRAPH(INPUT "," CONV, HEAD));
    expect_file(file, MLEU_ERROR_FORMAT, "w.scale");

    static const float scales[][2] = {{1, INFINITY}, {NAN, 1}, {1, 1e38f}};
    static const char *const words[] = {"not finite", "not finite", "too large"};
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        file = testfile_new();
        testfile_add(file, "w", "I8", "[2,1,1,1]", "\x40\xc0", 2);
        testfile_add(file, "w.scale", "F32", "[2]", scales[i], sizeof scales[i]);
        testfile_metadata(file, "mleu.graph", GRAPH(INPUT "," CONV, HEAD));
        expect_file(file, MLEU_ERROR_FORMAT, words[i]);
    }
}

/* Writes @file as NAME in the folder; returns its digest, to be freed. */
static char *write_named(TestFile *file, const char *name)
{
    char *path = g_build_filename(folder, name, NULL), *digest = testfile_digest(file);
    testfile_write(file, path);
    g_free(path);
    return digest;
}

/* A model that leaves the tensors of its last layer to a shared file. */
static TestFile *sharing_model(const char *shared, const char *digest)
{
    TestFile *file = testmodel_small_part(TRUE, FALSE);
    testfile_metadata(file, "mleu.shared", shared);
    if (digest != NULL)
        testfile_metadata(file, "mleu.shared.sha256", digest);
    return file;
}

static void test_shared(void)
{
    GError *error = NULL;
    char *digest = write_named(testmodel_small_part(FALSE, TRUE), "trunk.safetensors");
    g_free(write_named(sharing_model("trunk.safetensors", digest), "model.safetensors"));
    char *path = g_build_filename(folder, "model.safetensors", NULL);
    MleuModel *model = mleu_model_load(path, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(mleu_model_get_parameters(model), ==, 72 + 8 + 16 + 2);
    mleu_model_unref(model);
    g_free(path);

    expect_file(sharing_model("trunk.safetensors", NULL), MLEU_ERROR_FORMAT, "mleu.shared.sha256");
    expect_file(sharing_model("../trunk.safetensors", digest), MLEU_ERROR_FORMAT, "same folder");
    expect_file(sharing_model(".trunk", digest), MLEU_ERROR_FORMAT, "same folder");
    expect_file(sharing_model("", digest), MLEU_ERROR_FORMAT, "same folder");
    expect_file(sharing_model("none.safetensors", digest), MLEU_ERROR_NOT_FOUND,
                "none.safetensors");
    expect_file(sharing_model("trunk.safetensors", "0"), MLEU_ERROR_FORMAT, "fetch both again");

    /* A tensor that both have, one that no node uses, and a chain. */
    TestFile *file = testmodel_small();
    testfile_metadata(file, "mleu.shared", "trunk.safetensors");
    testfile_metadata(file, "mleu.shared.sha256", digest);
    expect_file(file, MLEU_ERROR_FORMAT, "both have a tensor b.weight");
    g_free(digest);

    file = testfile_new();
    testfile_add(file, "spare", "F32", "[1]", "\0\0\0\0", 4);
    digest = write_named(file, "trunk.safetensors");
    file = testmodel_small();
    testfile_metadata(file, "mleu.shared", "trunk.safetensors");
    testfile_metadata(file, "mleu.shared.sha256", digest);
    expect_file(file, MLEU_ERROR_FORMAT, "spare");
    g_free(digest);

    file = testmodel_small_part(FALSE, TRUE);
    testfile_metadata(file, "mleu.shared", "trunk.safetensors");
    testfile_metadata(file, "mleu.shared.sha256", "0");
    digest = write_named(file, "trunk.safetensors");
    expect_file(sharing_model("trunk.safetensors", digest), MLEU_ERROR_FORMAT, "itself");
    g_free(digest);
    char *trunk = g_build_filename(folder, "trunk.safetensors", NULL);
    g_unlink(trunk);
    g_free(trunk);
}

/* More names than a model may have are refused before time is spent on them. */
static void test_many_tensors(void)
{
    GString *header = g_string_new("{\"__metadata__\":{}");
    for (guint i = 0; i < 10000; i++)
        g_string_append_printf(
            header, ",\"%u\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}", i);
    g_string_append_c(header, '}');
    expect_header(header->str, MLEU_ERROR_UNSUPPORTED, "tensors");
    g_string_free(header, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("mleu-model-XXXXXX", NULL);
    g_test_add_func("/model/good", test_good);
    g_test_add_func("/model/damaged", test_damaged);
    g_test_add_func("/model/places", test_places);
    g_test_add_func("/model/unreadable", test_unreadable);
    g_test_add_func("/model/headers", test_headers);
    g_test_add_func("/model/tensors", test_tensors);
    g_test_add_func("/model/shared", test_shared);
    g_test_add_func("/model/many-tensors", test_many_tensors);
    g_test_add_func("/model/graphs", test_graphs);
    g_test_add_func("/model/quantized", test_quantized);
    g_test_add_func("/model/floats", test_floats);
    g_test_add_func("/model/versions", test_versions);
    g_test_add_func("/model/weights", test_weights);
    const int result = g_test_run();
    char *path = g_build_filename(folder, "model.safetensors", NULL);
    g_unlink(path);
    g_free(path);
    g_rmdir(folder);
    g_free(folder);
    return result;
}
