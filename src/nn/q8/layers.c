/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/q8/layers.h"

#include <math.h>
#include <string.h>

#include "allocate.h"

static gboolean refuse(const char *path, const MleuNode *node, MleuError code, GError **error,
                       const char *text)
{
    g_set_error(error, MLEU_ERROR, (gint)code, "%s: node %s: %s", path, node->name, text);
    return FALSE;
}

static guint round_up(guint value, guint multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

/* Weights c and c + 1 of one tap, c even, of one sign: at most 128 together, or the first step of
 * q8_conv would need more than 16 bits. Of two signs they always are. @row: channels x taps. */
static gboolean pairs_fit(const gint8 *row, gsize channels, gsize taps)
{
    gint most = 0;
    for (gsize c = 0; c + 1 < channels; c += 2) {
        for (gsize t = 0; t < taps; t++) {
            const gint sum = row[c * taps + t] + row[(c + 1) * taps + t];
            most = MAX(most, ABS(sum));
        }
    }
    return most <= 128;
}

/* Where the weight of an output, tap and input channel lies in its layer. */
static gsize packed_at(const MleuQ8Layer *layer, gsize output, gsize tap, gsize channel)
{
    if (layer->depthwise)
        return tap * round_up(layer->channels, MLEU_Q8_CHANNELS) + output;
    if (layer->unfolded) {
        channel = 2 * tap;
        tap = 0;
    }
    const gsize depth = mleu_q8_depth(layer->channels);
    return output / MLEU_Q8_OUTPUTS * mleu_q8_block_bytes(layer->taps, layer->channels) +
           ((tap * depth + channel / 4) * MLEU_Q8_OUTPUTS + output % MLEU_Q8_OUTPUTS) * 4 +
           channel % 4;
}

static gboolean no_memory(const char *path, const MleuNode *node, GError **error)
{
    return refuse(path, node, MLEU_ERROR_NO_MEMORY, error, "no memory for its weights");
}

/* The file's [out, in, kh, kw] to blocks of 16 outputs of taps x depth x 16 x 4. */
static gboolean pack_dense(const MleuNode *node, MleuQ8Layer *layer, const char *path,
                           GError **error)
{
    const gsize taps = node->kernel_h * node->kernel_w;
    const gsize channels = layer->unfolded ? 1 : layer->channels, whole = channels / 4 * 4;
    layer->blocks = (node->channels + MLEU_Q8_OUTPUTS - 1) / MLEU_Q8_OUTPUTS;
    layer->weight =
        mleu_try_new0(gint8, layer->blocks * mleu_q8_block_bytes(layer->taps, layer->channels));
    if (layer->weight == NULL)
        return no_memory(path, node, error);
    for (guint o = 0; o < node->channels; o++) {
        const gint8 *row = node->weight_q8 + o * channels * taps;
        if (!pairs_fit(row, channels, taps))
            return refuse(path, node, MLEU_ERROR_FORMAT, error,
                          "two neighbouring weights of one sign add up to more than 128");
        for (gsize t = 0; t < taps; t++) {
            gint8 *packed = layer->weight + packed_at(layer, o, t, 0);
            const gint8 *from = row + t;
            for (gsize c = 0; c < whole; c += 4, packed += 4 * MLEU_Q8_OUTPUTS, from += 4 * taps) {
                packed[0] = from[0];
                packed[1] = from[taps];
                packed[2] = from[2 * taps];
                packed[3] = from[3 * taps];
            }
            for (gsize c = whole; c < channels; c++)
                layer->weight[packed_at(layer, o, t, c)] = row[c * taps + t];
        }
    }
    return TRUE;
}

/* [channels, 1, kh, kw] to taps x channels. */
static gboolean pack_depthwise(const MleuNode *node, MleuQ8Layer *layer, const char *path,
                               GError **error)
{
    layer->weight =
        mleu_try_new0(gint8, (gsize)layer->taps * round_up(layer->channels, MLEU_Q8_CHANNELS));
    if (layer->weight == NULL)
        return no_memory(path, node, error);
    for (guint c = 0; c < node->channels; c++) {
        for (guint t = 0; t < layer->taps; t++)
            layer->weight[packed_at(layer, c, t, 0)] = node->weight_q8[c * layer->taps + t];
    }
    return TRUE;
}

/* Channels on each side from which on the transforms are worth their while. */
#define WINOGRAD_CHANNELS 16

/* The transforms of a kernel's weights along y, 6 G of F(3, 3), and along x, 24 G of F(4, 3). */
static void transform_column(gint32 *out, guint step, const gint32 *in)
{
    out[0] = 3 * in[0];
    out[step] = -3 * (in[0] + in[3] + in[6]);
    out[2 * step] = in[3] - in[0] - in[6];
    out[3 * step] = in[0] + 2 * in[3] + 4 * in[6];
    out[4 * step] = 6 * in[6];
}

static void transform_row(gint32 out[MLEU_Q8_WINDOW_W], const gint32 in[3])
{
    const gint32 ends = 4 * (in[0] + in[2]), sum = in[0] + 4 * in[2];
    out[0] = 6 * in[0];
    out[1] = -ends - 4 * in[1];
    out[2] = -ends + 4 * in[1];
    out[3] = sum + 2 * in[1];
    out[4] = sum - 2 * in[1];
    out[5] = 24 * in[2];
}

/* The transformed weights of an output and an input channel, points `step` apart. */
static void transform_kernel(gint16 *out, gsize step, const gint32 kernel[9])
{
    gint32 columns[3 * MLEU_Q8_WINDOW_H], row[MLEU_Q8_WINDOW_W];
    for (guint x = 0; x < 3; x++)
        transform_column(columns + x, 3, kernel + x);
    for (guint y = 0; y < MLEU_Q8_WINDOW_H; y++) {
        transform_row(row, columns + 3 * y);
        for (guint x = 0; x < MLEU_Q8_WINDOW_W; x++, out += step)
            *out = (gint16)row[x];
    }
}

static gboolean fits_winograd(const MleuQ8Layer *layer, const MleuNode *node)
{
    if (layer->depthwise || layer->unfolded || node->op != MLEU_OP_CONV2D || node->kernel_h != 3 ||
        node->kernel_w != 3 || node->stride != 1 || node->dilation != 1 ||
        MIN(layer->channels, node->channels) < WINOGRAD_CHANNELS)
        return FALSE;
    for (guint o = 0; o < node->channels; o++) {
        gint32 sum = 0;
        for (guint c = 0; c < layer->channels; c++) {
            for (guint t = 0; t < layer->taps; t++)
                sum += ABS(layer->weight[packed_at(layer, o, t, c)]);
        }
        if (sum > MLEU_Q8_WINOGRAD_MOST)
            return FALSE;
    }
    return TRUE;
}

gboolean mleu_q8_layer_make_winograd(MleuQ8Layer *layer, const MleuNode *node)
{
    if (layer->winograd != NULL || !fits_winograd(layer, node))
        return layer->winograd != NULL;
    const gsize block = mleu_q8_winograd_block(layer->channels);
    layer->winograd = mleu_try_new0(gint16, layer->blocks * block);
    for (guint o = 0; o < node->channels && layer->winograd != NULL; o++) {
        gint16 *packed = layer->winograd + o / MLEU_Q8_OUTPUTS * block + o % MLEU_Q8_OUTPUTS * 2;
        for (guint c = 0; c < layer->channels; c++) {
            gint32 kernel[9];
            for (guint t = 0; t < 9; t++)
                kernel[t] = layer->weight[packed_at(layer, o, t, c)];
            transform_kernel(packed + (gsize)c / 2 * 2 * MLEU_Q8_OUTPUTS + c % 2,
                             block / MLEU_Q8_POINTS, kernel);
        }
    }
    return layer->winograd != NULL;
}

float *mleu_q8_layer_to_float(const MleuQ8Layer *layer, const MleuNode *node)
{
    const gsize channels = layer->depthwise || layer->unfolded ? 1 : layer->channels;
    const gsize taps = node->kernel_h * node->kernel_w;
    float *values = mleu_try_new0(float, node->channels *channels *taps), *value = values;
    for (gsize o = 0; o < node->channels && values != NULL; o++) {
        for (gsize c = 0; c < channels; c++) {
            for (gsize t = 0; t < taps; t++)
                *value++ = (float)layer->weight[packed_at(layer, o, t, c)] * node->weight_scale[o];
        }
    }
    return values;
}

/* The values between which an output is cut off, without its zero. */
static gboolean set_range(const MleuNode *node, MleuRequantize *to)
{
    to->zero = node->out_zero;
    to->low = -node->out_zero;
    to->high = 255 - node->out_zero;
    if (node->activation == MLEU_ACTIVATION_RELU || node->activation == MLEU_ACTIVATION_RELU6)
        to->low = 0;
    if (node->activation == MLEU_ACTIVATION_RELU6)
        to->high = MIN(to->high, (gint32)lrintf(6 / node->out_scale));
    return node->activation != MLEU_ACTIVATION_TANH;
}

static gboolean prepare_conv(const MleuGraph *graph, const MleuNode *node, gboolean last,
                             MleuQ8Layer *layer, const char *path, GError **error)
{
    const MleuNode *in = &graph->nodes[node->inputs[0]];
    const guint in_channels = in->channels;
    layer->taps = node->kernel_h * node->kernel_w;
    layer->channels = in_channels;
    layer->depthwise = node->groups > 1;
    if (in_channels == 1 && layer->taps > 1) {
        layer->unfolded = TRUE;
        layer->channels = 2 * layer->taps;
        layer->taps = 1;
    }
    if (node->groups > 1 && (node->groups != in_channels || node->groups != node->channels))
        return refuse(path, node, MLEU_ERROR_UNSUPPORTED, error,
                      "a quantised convolution has one group, or one for each channel");
    if (node->inputs[0] == 0)
        return refuse(path, node, MLEU_ERROR_UNSUPPORTED, error,
                      "in a quantised graph only affine nodes read the input");
    if (!(layer->depthwise ? pack_depthwise(node, layer, path, error)
                           : pack_dense(node, layer, path, error)))
        return FALSE;

    const guint padded = round_up(node->channels, MLEU_Q8_OUTPUTS);
    const gsize row = (layer->depthwise ? 1 : in_channels) * (gsize)node->kernel_h * node->kernel_w;
    layer->bias = mleu_try_new0(gint32, padded);
    layer->scale = mleu_try_new0(float, padded);
    layer->padding = mleu_try_new0(guint8, 4 * mleu_q8_depth(in_channels));
    if (layer->bias == NULL || layer->scale == NULL || layer->padding == NULL)
        return no_memory(path, node, error);
    /* 255 x 127 x 2^14 < 2^29: a sum, the share of the zero and the bias together stay in 32 bits.
     */
    if (row > 1 << 14)
        return refuse(path, node, MLEU_ERROR_FORMAT, error, "its rows are too long");
    for (guint o = 0; o < node->channels; o++) {
        const double unit = (double)in->out_scale * (double)node->weight_scale[o];
        const double bias = unit > 0 ? rint((double)node->bias[o] / unit) : 0;
        gint32 sum = 0;
        for (gsize k = 0; k < row; k++)
            sum += node->weight_q8[o * row + k];
        if (!(fabs(bias) < 1 << 29))
            return refuse(path, node, MLEU_ERROR_FORMAT, error,
                          "its bias is too large for its scale");
        layer->bias[o] = (gint32)bias - in->out_zero * sum;
        layer->scale[o] = (float)(last ? unit * MLEU_Q8_LOGIT : unit / (double)node->out_scale);
    }
    memset(layer->padding, in->out_zero, in_channels);
    layer->to.bias = layer->bias;
    layer->to.scale = layer->scale;
    if (last) {
        if (node->activation != MLEU_ACTIVATION_NONE || layer->depthwise ||
            graph->head == MLEU_HEAD_REGRESSION)
            return refuse(
                path, node, MLEU_ERROR_UNSUPPORTED, error,
                "a quantised graph ends in a convolution without activation and a head of "
                "classes");
        return TRUE;
    }
    if (!set_range(node, &layer->to))
        return refuse(path, node, MLEU_ERROR_UNSUPPORTED, error, "tanh has no quantised form");
    return TRUE;
}

static gboolean prepare_add(const MleuGraph *graph, const MleuNode *node, MleuQ8Layer *layer,
                            const char *path, GError **error)
{
    const MleuNode *a = &graph->nodes[node->inputs[0]], *b = &graph->nodes[node->inputs[1]];
    if (!set_range(node, &layer->to))
        return refuse(path, node, MLEU_ERROR_UNSUPPORTED, error, "tanh has no quantised form");
    layer->add = (MleuQ8Add){.scale_a = a->out_scale / node->out_scale,
                             .scale_b = b->out_scale / node->out_scale,
                             .zero_a = a->out_zero,
                             .zero_b = b->out_zero,
                             .zero = layer->to.zero,
                             .low = layer->to.low,
                             .high = layer->to.high};
    return TRUE;
}

static gboolean prepare(const MleuGraph *graph, guint index, MleuQ8Layer *layer, const char *path,
                        GError **error)
{
    const MleuNode *node = &graph->nodes[index];
    const gboolean last = index + 1 == graph->n_nodes;
    if (last && node->op != MLEU_OP_CONV2D)
        return refuse(path, node, MLEU_ERROR_UNSUPPORTED, error,
                      "a quantised graph ends in a convolution");
    switch (node->op) {
    case MLEU_OP_INPUT:
        return TRUE;
    case MLEU_OP_AFFINE:
        return node->inputs[0] == 0 || refuse(path, node, MLEU_ERROR_UNSUPPORTED, error,
                                              "a quantised affine node reads the graph's input");
    case MLEU_OP_CONV2D:
        return prepare_conv(graph, node, last, layer, path, error);
    case MLEU_OP_ADD:
        return prepare_add(graph, node, layer, path, error);
    case MLEU_OP_CONCAT:
    case MLEU_OP_UPSAMPLE:
    case MLEU_OP_MAXPOOL:
        for (guint i = 0; i < node->n_inputs; i++) {
            const MleuNode *in = &graph->nodes[node->inputs[i]];
            if (node->inputs[i] == 0 || in->out_scale != node->out_scale ||
                in->out_zero != node->out_zero)
                return refuse(path, node, MLEU_ERROR_FORMAT, error,
                              "its inputs have to have its own scale and zero");
        }
        return TRUE;
    case MLEU_OP_CONV_TRANSPOSE2D:
        break;
    }
    return refuse(path, node, MLEU_ERROR_UNSUPPORTED, error,
                  "a transposed convolution has no quantised form");
}

MleuQ8Layer *mleu_q8_layers_new(MleuGraph *graph, const char *path, GError **error)
{
    MleuQ8Layer *layers = mleu_try_new0(MleuQ8Layer, graph->n_nodes);
    if (layers == NULL) {
        no_memory(path, &graph->nodes[0], error);
        return NULL;
    }
    for (guint i = 0; i < graph->n_nodes; i++) {
        if (!prepare(graph, i, &layers[i], path, error)) {
            mleu_q8_layers_free(layers, graph);
            return NULL;
        }
    }
    for (guint i = 0; i < graph->n_nodes; i++)
        graph->nodes[i].weight_q8 = NULL;
    return layers;
}

void mleu_q8_layers_free(MleuQ8Layer *layers, const MleuGraph *graph)
{
    for (guint i = 0; layers != NULL && i < graph->n_nodes; i++) {
        g_free(layers[i].weight);
        g_free(layers[i].winograd);
        g_free(layers[i].bias);
        g_free(layers[i].scale);
        g_free(layers[i].padding);
    }
    g_free(layers);
}
