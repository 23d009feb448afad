/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The quantised kernels, against a plain reference to the bit. */
#include <math.h>
#include <string.h>

#include "checks.h"
#include "nn/arena.h"
#include "nn/q8/layers.h"

/* Pairs of one sign add up to at most 128. */
static gint8 next_weight(void)
{
    return (gint8)(next_random() * 64);
}

/* What requantising has to give: float32 products, rounded half to even. */
static guint8 requantized(gint32 sum, float scale, const MleuRequantize *to)
{
    const volatile float product = (float)sum * scale;
    const double rounded = rint((double)product);
    return (guint8)(to->zero + (gint32)CLAMP(rounded, to->low, to->high));
}

/* Most of what random_tile() makes. */
enum { MOST_PIXELS = 50, MOST_TAPS = 9, MOST_OUTPUTS = 50 };

/* A tile with random contents; `bytes` lie without gaps, so that AddressSanitizer sees a read
 * beyond what may be read after the last pixel's channels. */
typedef struct {
    MleuQ8Tile tile;
    const guint8 *in[MOST_TAPS * MOST_PIXELS];
    guint8 *bytes;
    gint8 *weight;
    gint32 *bias;
    float *scale;
} RandomTile;

/* Pixels through every remainder of what tiers take at a time, 6 and 16; @weights: of all taps;
 * @row: outputs; @beyond: bytes that may be read after the last pixel. */
static void random_tile(RandomTile *random, guint round, guint channels, gsize weights, gsize row,
                        gsize beyond)
{
    const guint pixels[] = {1,  2,  3,  4,  5,  6,  7,  11, 12,
                            15, 16, 17, 31, 32, 33, 47, 48, MOST_PIXELS};
    MleuQ8Tile *tile = &random->tile;
    const gint32 zero = (gint32)round % 256;
    tile->pixels = pixels[round % G_N_ELEMENTS(pixels)];
    tile->taps = 1 + round / 6 % MOST_TAPS;
    tile->channels = channels;
    const gsize count = (gsize)tile->taps * tile->pixels * channels;
    random->bytes = g_malloc(count + beyond);
    random->weight = g_new0(gint8, weights);
    random->bias = g_new0(gint32, row);
    random->scale = g_new0(float, row);
    for (gsize i = 0; i < count + beyond; i++)
        random->bytes[i] = round % 10 == 9 ? 255 : next_byte();
    /* Pixels one after the other, backwards, one and the same, or that but for one among them: a
     * row of the picture, what is above it, the end of a row. */
    for (guint t = 0; t < tile->taps; t++) {
        const guint8 *first = random->bytes + (gsize)t * tile->pixels * channels;
        const guint way = (round + t) % 5, other = (guint)(fabsf(next_random()) * 49);
        for (guint p = 0; p < tile->pixels; p++) {
            const guint at = way == 1 ? tile->pixels - 1 - p : way == 2 ? 0 : p;
            const gboolean is_other = way == 3 && p == other;
            random->in[t * tile->pixels + p] = is_other ? random->bytes : first + at * channels;
        }
    }
    for (gsize o = 0; o < row; o++) {
        random->bias[o] = (gint32)(next_random() * 3000);
        /* A half, so that ties come up; one so large that the product leaves 32 bits. */
        random->scale[o] = round % 5 == 0   ? 0.5f
                           : round % 7 == 0 ? 1e6f
                                            : fabsf(next_random()) * 0.01f;
    }
    /* The activations' three kinds: none, ReLU, ReLU6. */
    tile->in = random->in;
    tile->weight = random->weight;
    tile->to = (MleuRequantize){random->bias, random->scale, zero, round % 3 == 0 ? -zero : 0,
                                round % 3 == 2 ? (255 - zero) / 2 : 255 - zero};
    tile->scratch =
        mleu_arena_allocate(mleu_q8_scratch(tile->pixels, tile->taps, tile->channels), 1);
}

static void random_tile_clear(RandomTile *random)
{
    mleu_arena_free(random->tile.scratch);
    g_free(random->bytes);
    g_free(random->weight);
    g_free(random->bias);
    g_free(random->scale);
}

/* A tile for q8_conv: the weights of channels that are not there are 0. Returns: its outputs. */
static guint dense_tile(RandomTile *random, guint round)
{
    const guint channels = 1 + round * 37 % 170, depth = 4 * mleu_q8_depth(channels);
    const guint outputs = 1 + round * 7 % MOST_OUTPUTS;
    const guint blocks = (outputs + MLEU_Q8_OUTPUTS - 1) / MLEU_Q8_OUTPUTS;
    const guint taps = 1 + round / 6 % MOST_TAPS;
    const gsize weights = blocks * mleu_q8_block_bytes(taps, channels);
    random_tile(random, round, channels, weights, blocks * MLEU_Q8_OUTPUTS, depth - channels);
    /* The largest sums that there are, now and then. */
    for (gsize i = 0; i < weights; i++) {
        const gsize channel = i / (4 * MLEU_Q8_OUTPUTS) * 4 % depth + i % 4;
        if (channel < channels)
            random->weight[i] = round % 10 != 9 ? next_weight() : round % 20 == 9 ? -64 : 64;
    }
    if (round % 10 == 9) {
        /* 127 and 1, -128 and 0 may stand together too. */
        random->weight[0] = 127;
        random->weight[1] = 1;
        random->weight[2] = -128;
        random->weight[3] = 0;
    }
    return outputs;
}

static gint32 dense_sum(const MleuQ8Tile *tile, guint p, guint o)
{
    const guint depth = mleu_q8_depth(tile->channels);
    const gint8 *weight =
        tile->weight + o / MLEU_Q8_OUTPUTS * mleu_q8_block_bytes(tile->taps, tile->channels);
    gint32 sum = tile->to.bias[o];
    for (guint t = 0; t < tile->taps; t++) {
        for (guint c = 0; c < tile->channels; c++)
            sum +=
                tile->in[t * tile->pixels + p][c] *
                weight[((t * depth + c / 4) * MLEU_Q8_OUTPUTS + o % MLEU_Q8_OUTPUTS) * 4 + c % 4];
    }
    return sum;
}

void check_q8_conv(const MleuKernels *kernels)
{
    enum { STEP = MOST_OUTPUTS + 3 };
    for (guint round = 0; round < 216; round++) {
        RandomTile random;
        guint8 out[(MOST_PIXELS + 1) * STEP];
        const guint outputs = dense_tile(&random, round);
        memset(out, 77, sizeof out);
        kernels->q8_conv(out, STEP, outputs, &random.tile);
        for (guint p = 0; p <= MOST_PIXELS; p++) {
            for (guint o = 0; o < STEP; o++) {
                const gboolean inside = p < random.tile.pixels && o < outputs;
                g_assert_cmpuint(out[p * STEP + o], ==,
                                 inside ? requantized(dense_sum(&random.tile, p, o),
                                                      random.scale[o], &random.tile.to)
                                        : 77);
            }
        }
        random_tile_clear(&random);
    }
}

/* A convolution of so many channels and outputs, its weights as large as they may be in every tenth
 * round, and what q8_winograd makes of them. */
static void random_layer(MleuQ8Layer *layer, MleuNode *node, guint round, guint channels,
                         guint outputs)
{
    const guint blocks = (outputs + MLEU_Q8_OUTPUTS - 1) / MLEU_Q8_OUTPUTS;
    const gsize block = mleu_q8_block_bytes(9, channels);
    *node = (MleuNode){.op = MLEU_OP_CONV2D,
                       .channels = outputs,
                       .kernel_h = 3,
                       .kernel_w = 3,
                       .stride = 1,
                       .dilation = 1,
                       .groups = 1};
    *layer = (MleuQ8Layer){
        .weight = g_new0(gint8, blocks * block), .taps = 9, .channels = channels, .blocks = blocks};
    for (gsize i = 0; i < blocks * block; i++) {
        const guint group = (guint)(i / (4 * MLEU_Q8_OUTPUTS)) % mleu_q8_depth(channels);
        const guint output = (guint)(i / block * MLEU_Q8_OUTPUTS + i / 4 % MLEU_Q8_OUTPUTS);
        if (4 * group + i % 4 < channels && output < outputs)
            layer->weight[i] = round % 10 != 9 ? next_weight() : round % 20 == 9 ? -64 : 64;
    }
    g_assert_true(mleu_q8_layer_make_winograd(layer, node));
}

/* What a pixel of a tile sees: the window's pointers that are one kernel's. */
static gint32 pixel_sum(const MleuQ8Winograd *job, const gint8 *weight, guint tile, guint y,
                        guint x, guint o)
{
    const guint8 *in[9];
    for (guint t = 0; t < 9; t++)
        in[t] = job->in[((y + t / 3) * MLEU_Q8_WINDOW_W + x + t % 3) * job->tiles + tile];
    const MleuQ8Tile one = {.in = in,
                            .pixels = 1,
                            .taps = 9,
                            .channels = job->channels,
                            .weight = weight,
                            .to = job->to};
    return dense_sum(&one, 0, o);
}

/* Tiles through every remainder of what tiers take at a time, of pictures whose sides are no whole
 * numbers of tiles, from a tile in the middle on. */
void check_q8_winograd(const MleuKernels *kernels)
{
    enum { MOST_TILES = 13, WIDTH = 11, HEIGHT = 20, STEP = MOST_OUTPUTS + 3 };
    enum { COLUMNS = (WIDTH + MLEU_Q8_TILE_W - 1) / MLEU_Q8_TILE_W };
    for (guint round = 0; round < 36; round++) {
        const guint channels = 16 + round * 37 % 60, outputs = 16 + round * 7 % (MOST_OUTPUTS - 15);
        const guint tiles = 1 + round % MOST_TILES, first = round % 7;
        RandomTile random;
        MleuQ8Layer layer;
        MleuNode node;
        const guint8 *in[MLEU_Q8_POINTS * MOST_TILES];
        random_layer(&layer, &node, round, channels, outputs);
        random_tile(&random, round, channels, 1, layer.blocks * MLEU_Q8_OUTPUTS, 0);
        /* The same few pixels, over and over. */
        for (guint i = 0; i < MLEU_Q8_POINTS * tiles; i++)
            in[i] = random.in[i * 7 % (random.tile.taps * random.tile.pixels)];
        guint8 *out = g_malloc(HEIGHT * WIDTH * STEP);
        memset(out, 77, HEIGHT * WIDTH * STEP);
        const MleuQ8Winograd job = {
            .in = in,
            .out = out,
            .step = STEP,
            .tiles = tiles,
            .channels = channels,
            .first = first,
            .columns = COLUMNS,
            .height = HEIGHT,
            .width = WIDTH,
            .weight = layer.winograd,
            .to = random.tile.to,
            .scratch = mleu_arena_allocate(mleu_q8_winograd_scratch(tiles, channels), 1)};
        kernels->q8_winograd(outputs, &job);
        for (guint i = 0; i < HEIGHT * WIDTH * STEP; i++) {
            const guint o = i % STEP, x = i / STEP % WIDTH, y = i / STEP / WIDTH;
            const guint tile = y / MLEU_Q8_TILE_H * COLUMNS + x / MLEU_Q8_TILE_W;
            guint8 wanted = 77;
            if (o < outputs && tile >= first && tile < first + tiles)
                wanted = requantized(pixel_sum(&job, layer.weight, tile - first, y % MLEU_Q8_TILE_H,
                                               x % MLEU_Q8_TILE_W, o),
                                     random.scale[o], &job.to);
            g_assert_cmpuint(out[i], ==, wanted);
        }
        mleu_arena_free(job.scratch);
        g_free(out);
        g_free(layer.weight);
        g_free(layer.winograd);
        random_tile_clear(&random);
    }
}

void check_q8_logits(const MleuKernels *kernels)
{
    enum { STEP = MOST_OUTPUTS + 16 };
    for (guint round = 0; round < 216; round++) {
        RandomTile random;
        gint16 out[(MOST_PIXELS + 1) * STEP];
        const guint outputs = dense_tile(&random, round);
        const guint written = (outputs + MLEU_Q8_OUTPUTS - 1) / MLEU_Q8_OUTPUTS * MLEU_Q8_OUTPUTS;
        memset(out, 77, sizeof out);
        kernels->q8_logits(out, STEP, outputs, &random.tile);
        for (guint p = 0; p <= MOST_PIXELS; p++) {
            for (guint o = 0; o < STEP; o++) {
                const gboolean inside = p < random.tile.pixels && o < written;
                const volatile float logit =
                    inside ? (float)dense_sum(&random.tile, p, o) * random.scale[o] : 0;
                const double wanted = CLAMP(rint((double)logit), -32767, 32767);
                g_assert_cmpint(out[p * STEP + o], ==, inside ? (gint)wanted : 77 * 257);
            }
        }
        random_tile_clear(&random);
    }
}

void check_q8_dwconv(const MleuKernels *kernels)
{
    enum { STEP = 64 };
    for (guint round = 0; round < 400; round++) {
        const guint channels = 1 + round % 60, taps = 1 + round / 6 % MOST_TAPS;
        const gsize row = (channels + MLEU_Q8_CHANNELS - 1) / MLEU_Q8_CHANNELS * MLEU_Q8_CHANNELS;
        RandomTile random;
        guint8 out[(MOST_PIXELS + 1) * STEP];
        random_tile(&random, round, channels, taps * row, row, 0);
        for (gsize i = 0; i < random.tile.taps * row; i++)
            random.weight[i] = round % 10 == 9 ? -128 : (gint8)(next_random() * 127);
        memset(out, 77, sizeof out);
        kernels->q8_dwconv(out, STEP, &random.tile);
        for (guint p = 0; p <= MOST_PIXELS; p++) {
            for (guint c = 0; c < STEP; c++) {
                if (p >= random.tile.pixels || c >= channels) {
                    g_assert_cmpuint(out[p * STEP + c], ==, 77);
                    continue;
                }
                gint32 sum = random.bias[c];
                for (guint t = 0; t < random.tile.taps; t++)
                    sum += random.in[t * random.tile.pixels + p][c] * random.weight[t * row + c];
                g_assert_cmpuint(out[p * STEP + c], ==,
                                 requantized(sum, random.scale[c], &random.tile.to));
            }
        }
        random_tile_clear(&random);
    }
}

/* The table falls to 0 at several distances, 1 among them: the largest logits alone count. */
void check_q8_mean(const MleuKernels *kernels)
{
    const guint class_counts[] = {1, 2, 15, 16, 17, 32, 313};
    const guint reaches[] = {1, 2, 100, 3840, 32767};
    for (guint round = 0; round < 350; round++) {
        const guint classes = class_counts[round % G_N_ELEMENTS(class_counts)];
        const guint reach = reaches[round / 7 % G_N_ELEMENTS(reaches)];
        guint32 *table = g_new(guint32, reach + 1);
        for (guint d = 0; d <= reach; d++)
            table[d] = d < reach ? 1 + (65535 * (reach - d) / reach) : 0;
        gint16 *logits = g_new(gint16, classes);
        gint32 *bins = g_new(gint32, 2 * classes);
        gint most = -32767;
        for (guint c = 0; c < classes; c++) {
            logits[c] = (gint16)(next_random() * (round % 3 == 0 ? 32767 : 300));
            bins[2 * c] = (gint32)(next_random() * 7000);
            bins[2 * c + 1] = (gint32)(next_random() * 7000);
        }
        /* The largest distance that there is. */
        if (round % 5 == 0) {
            logits[classes - 1] = -32767;
            logits[0] = 32767;
        }
        MleuQ8Mean wanted = {0};
        for (guint c = 0; c < classes; c++)
            most = MAX(most, logits[c]);
        for (guint c = 0; c < classes; c++) {
            const guint below = (guint)(most - logits[c]);
            const gint64 weight = below < reach ? table[below] : 0;
            wanted.weight += weight;
            wanted.a += weight * bins[2 * c];
            wanted.b += weight * bins[2 * c + 1];
        }
        const MleuQ8Softmax softmax = {table, reach, classes, bins};
        const MleuQ8Mean mean = kernels->q8_mean(logits, &softmax);
        g_assert_cmpint(mean.weight, ==, wanted.weight);
        g_assert_cmpint(mean.a, ==, wanted.a);
        g_assert_cmpint(mean.b, ==, wanted.b);
        g_free(logits);
        g_free(bins);
        g_free(table);
    }
}

void check_q8_add(const MleuKernels *kernels)
{
    for (gsize n = 1; n < 70; n++) {
        guint8 a[70], b[70], out[71];
        const MleuQ8Add job = {
            fabsf(next_random()), fabsf(next_random()), 3, (gint32)n, 5, -5, 250};
        for (gsize i = 0; i < n; i++) {
            a[i] = next_byte();
            b[i] = next_byte();
        }
        out[n] = 77;
        kernels->q8_add(out, a, b, n, &job);
        for (gsize i = 0; i < n; i++) {
            const volatile float first = (float)(a[i] - job.zero_a) * job.scale_a;
            const volatile float second = (float)(b[i] - job.zero_b) * job.scale_b;
            const volatile float sum = first + second;
            const double rounded = rint((double)sum);
            g_assert_cmpint(out[i], ==, job.zero + (gint32)CLAMP(rounded, job.low, job.high));
        }
        g_assert_cmpuint(out[n], ==, 77);
    }
}

void check_q8_affine(const MleuKernels *kernels)
{
    for (gsize n = 1; n < 70; n++) {
        float x[70];
        guint8 out[3 * 70 + 1];
        const gsize step = 1 + n % 3;
        const MleuQ8Affine job = {0.5f + next_random() / 4, next_random(), 0.01f, (gint32)n};
        for (gsize i = 0; i < n; i++)
            x[i] = i % 9 == 8 ? NAN : next_random() * 3;
        memset(out, 77, sizeof out);
        kernels->q8_affine(out, step, x, n, &job);
        for (gsize i = 0; i < sizeof out; i++) {
            if (i % step != 0 || i / step >= n) {
                g_assert_cmpuint(out[i], ==, 77);
                continue;
            }
            const volatile float value = x[i / step] * job.scale, sum = value + job.offset;
            const volatile float units = sum / job.unit, moved = units + (float)job.zero;
            const double rounded = moved > 0 ? rint((double)moved) : 0;
            g_assert_cmpfloat(out[i], ==, MIN(rounded, 255));
        }
    }
}
