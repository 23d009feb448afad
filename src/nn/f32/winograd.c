/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 3 x 3 convolutions of many channels by Winograd's F(4 x 4, 3 x 3): for each of the 36 points of a
 * transformed tile a matrix product over the channels. A band of rows of tiles at a time goes
 * through input transform, products and output transform, each shared out over the pool.
 */
#include "nn/f32/step.h"

/* Channels on each side from which on the transforms are worth their while. */
#define CHANNELS 32

/* What a band's transformed tiles of all channels take, in floats. */
#define BAND_FLOATS (1024 * 1024)

/* Floats between the points of a tile, lest they all want the same lines of the cache. */
#define PAD 16

/* Channels of one task of a transform. */
#define BLOCK 4

#define POINTS (MLEU_WINOGRAD_IN * MLEU_WINOGRAD_IN)

typedef struct {
    const MleuStep *step;
    guint first, rows; /* of tiles */
    gsize tiles;
    float *in, *out;         /* points x channels x tiles */
    gsize in_step, out_step; /* between points */
    MleuWinograd source, target;
} Band;

gboolean mleu_winograd_fits(const MleuNode *node, guint in_channels)
{
    return node->op == MLEU_OP_CONV2D && node->kernel_h == 3 && node->kernel_w == 3 &&
           node->stride == 1 && node->dilation == 1 && node->groups == 1 &&
           in_channels >= CHANNELS && node->channels >= CHANNELS;
}

/* G g G^T of a 3 x 3 kernel, in double precision: the factors are no binary fractions. */
static void transform_weight(double out[MLEU_WINOGRAD_IN][MLEU_WINOGRAD_IN], const float *weight)
{
    static const double G[MLEU_WINOGRAD_IN][3] = {{1.0 / 4, 0, 0},
                                                  {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                                  {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                                  {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                                  {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                                  {0, 0, 1}};
    for (guint i = 0; i < MLEU_WINOGRAD_IN; i++) {
        double row[3];
        for (guint x = 0; x < 3; x++)
            row[x] = G[i][0] * (double)weight[x] + G[i][1] * (double)weight[3 + x] +
                     G[i][2] * (double)weight[6 + x];
        for (guint j = 0; j < MLEU_WINOGRAD_IN; j++)
            out[i][j] = G[j][0] * row[0] + G[j][1] * row[1] + G[j][2] * row[2];
    }
}

float *mleu_winograd_weights(const float *weight, guint out_channels, guint in_channels)
{
    const gsize pairs = (gsize)out_channels * in_channels;
    float *values = g_try_new(float, POINTS *pairs);
    for (gsize i = 0; i < pairs && values != NULL; i++) {
        double points[MLEU_WINOGRAD_IN][MLEU_WINOGRAD_IN];
        transform_weight(points, weight + 9 * i);
        for (guint p = 0; p < POINTS; p++)
            values[p * pairs + i] = (float)points[p / MLEU_WINOGRAD_IN][p % MLEU_WINOGRAD_IN];
    }
    return values;
}

static guint tiles_along(guint size)
{
    return mleu_blocks_along(size, MLEU_WINOGRAD_OUT);
}

gsize mleu_winograd_prepare(MleuStep *step)
{
    const gsize channels = step->in[0].channels + step->out.channels;
    const gsize row = POINTS * channels * tiles_along(step->out.w);
    step->block = (guint)CLAMP(BAND_FLOATS / row, 1, tiles_along(step->out.h));
    step->shared = row * step->block + 2 * POINTS * PAD;
    return 0;
}

static void transform_in(gpointer data, guint index, guint count G_GNUC_UNUSED)
{
    const Band *band = data;
    const MleuValue *in = &band->step->in[0];
    const gsize plane = (gsize)in->h * in->w;
    for (guint c = index * BLOCK; c < MIN((index + 1) * BLOCK, in->channels); c++) {
        for (guint row = 0; row < band->rows; row++)
            band->step->context->kernels->f32_winograd_in(
                band->in + c * band->tiles + (gsize)row * band->source.columns, band->in_step,
                in->data + c * plane, band->first + row, &band->source);
    }
}

static void multiply(gpointer data, guint point, guint count G_GNUC_UNUSED)
{
    const Band *band = data;
    const guint in = band->step->in[0].channels, out = band->step->out.channels;
    const MleuContext *context = band->step->context;
    if (context->cancel != NULL && g_atomic_int_get(context->cancel))
        return;
    context->kernels->f32_gemm(out, (guint)band->tiles, in,
                               band->step->node->winograd + (gsize)point * out * in, in,
                               band->in + point * band->in_step, band->tiles,
                               band->out + point * band->out_step, band->tiles);
}

static void transform_out(gpointer data, guint index, guint count G_GNUC_UNUSED)
{
    const Band *band = data;
    const MleuValue *out = &band->step->out;
    const MleuNode *node = band->step->node;
    const gsize plane = (gsize)out->h * out->w;
    for (guint c = index * BLOCK; c < MIN((index + 1) * BLOCK, out->channels); c++) {
        for (guint row = 0; row < band->rows; row++)
            band->step->context->kernels->f32_winograd_out(
                out->data + c * plane,
                band->out + c * band->tiles + (gsize)row * band->target.columns, band->out_step,
                band->first + row, node->bias[c], node->activation, &band->target);
    }
}

void mleu_winograd_run(const MleuStep *step)
{
    const MleuContext *context = step->context;
    const MleuNode *node = step->node;
    const guint rows = tiles_along(step->out.h), columns = tiles_along(step->out.w);
    Band band = {.step = step,
                 .in = context->shared,
                 .source = {step->in[0].h, step->in[0].w, columns, node->pad_top, node->pad_left},
                 .target = {step->out.h, step->out.w, columns, 0, 0}};
    for (; band.first < rows; band.first += step->block) {
        if (context->cancel != NULL && g_atomic_int_get(context->cancel))
            return;
        band.rows = MIN(step->block, rows - band.first);
        band.tiles = (gsize)band.rows * columns;
        band.in_step = step->in[0].channels * band.tiles + PAD;
        band.out_step = step->out.channels * band.tiles + PAD;
        band.out = band.in + POINTS * band.in_step;
        mleu_pool_run(context->pool, transform_in, &band,
                      (step->in[0].channels + BLOCK - 1) / BLOCK);
        mleu_pool_run(context->pool, multiply, &band, POINTS);
        mleu_pool_run(context->pool, transform_out, &band,
                      (step->out.channels + BLOCK - 1) / BLOCK);
    }
}
