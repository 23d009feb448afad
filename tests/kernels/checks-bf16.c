/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels with products of bfloat16: rounding to the bit, sums against double precision. */
#include <math.h>
#include <string.h>

#include "checks.h"

static float from_bits(guint32 bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static guint32 to_bits(float value)
{
    guint32 bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The upper half of the nearest number whose lower half is 0, of two the one whose last bit is 0,
 * by trying both. */
static guint32 nearest(float value)
{
    if (!isfinite(value))
        return to_bits(value) >> 16;
    const guint32 lower = to_bits(value) >> 16, upper = lower + 1;
    const double below = fabs((double)value - (double)from_bits(lower << 16));
    /* Beyond the largest number is what would be the next one. */
    const double next = (upper & 0x7fff) == 0x7f80 ? copysign(ldexp(1, 128), (double)value)
                                                   : (double)from_bits(upper << 16);
    const double above = fabs(next - (double)value);
    return below < above || (below == above && lower % 2 == 0) ? lower : upper;
}

/* Numbers of every size, ties, the largest ones, those that are no normal or no finite numbers. */
static float any_float(guint i)
{
    static const guint32 special[] = {0,          0x80000000, 0x3f808000, 0x3f818000, 0xbf808000,
                                      0x3f807fff, 0x3f808001, 0x7f7fffff, 0xff7f8000, 0x7f7f7fff,
                                      0x00000001, 0x00008000, 0x80018000, 0x7f800000, 0xff800000,
                                      0x7fc00000, 0xffc00000};
    return i % 3 == 0 ? from_bits(special[i / 3 % G_N_ELEMENTS(special)])
                      : ldexpf(next_random(), (int)(i % 200) - 100);
}

void check_bf16_pairs(const MleuKernels *kernels)
{
    enum { MOST = 70, GUARD = 0x12345678 };
    for (guint round = 0; round < 400; round++) {
        const guint n = round % MOST, apart = 1 + round / MOST % 3;
        float *even = g_new(float, n *apart + 1), *odd = g_new(float, n *apart + 1);
        guint32 out[MOST + 1];
        for (guint i = 0; i < n * apart + 1; i++) {
            even[i] = any_float(round + i);
            odd[i] = any_float(round + 7 * i + 1);
        }
        for (guint i = 0; i <= MOST; i++)
            out[i] = GUARD;
        kernels->bf16_pairs(out, even, round % 4 == 3 ? NULL : odd, n, apart);
        for (guint i = 0; i < n; i++) {
            const guint32 upper = round % 4 == 3 ? 0 : nearest(odd[i * apart]);
            g_assert_cmphex(out[i], ==, nearest(even[i * apart]) | upper << 16);
        }
        for (guint i = n; i <= MOST; i++)
            g_assert_cmphex(out[i], ==, GUARD);
        g_free(even);
        g_free(odd);
    }
}

/* A bfloat16 at random, in the upper half, never 0. */
static guint32 next_half(void)
{
    return to_bits(next_random() + 1.5f) & 0xffff0000;
}

static guint32 next_pair(void)
{
    return next_half() >> 16 | (next_half() ^ (next_random() < 0 ? 0x80000000 : 0));
}

/* Where the weight of an output for a tap and a pair of channels lies. */
static gsize weight_at(guint channels, guint tap, guint pair, guint output)
{
    const guint chunk = mleu_bf16_chunk(channels), depth = mleu_bf16_depth(channels);
    return (tap * depth + pair / chunk * chunk) * (gsize)MLEU_BF16_OUTPUTS + output * chunk +
           pair % chunk;
}

/* Channels through every size of a chunk and its neighbours; taps anywhere in the planes; weights
 * of channels that are not there are 0, and so are their values. */
void check_bf16_conv(const MleuKernels *kernels)
{
    enum { TAPS = 9, POSITIONS = 3 * MLEU_BF16_POSITIONS, FAR = 50 };
    static const guint all_channels[] = {1, 2, 3, 16, 31, 32, 33, 64, 65, 96, 127, 130};
    for (guint round = 0; round < 2 * G_N_ELEMENTS(all_channels); round++) {
        const guint channels = all_channels[round % G_N_ELEMENTS(all_channels)];
        const guint depth = mleu_bf16_depth(channels);
        const guint taps = 1 + round * 5 % TAPS;
        const guint positions = (1 + round % 3) * MLEU_BF16_POSITIONS;
        const gsize plane = positions + FAR + round % 5, step = positions + round % 4;
        const gsize weights = mleu_bf16_block(taps, channels), outs = MLEU_BF16_OUTPUTS * step;
        gsize offset[TAPS];
        guint32 *in = g_new(guint32, depth * plane), *weight = g_new0(guint32, weights);
        float *out = g_new(float, outs + 1);
        for (guint t = 0; t < taps; t++)
            offset[t] = (gsize)(fabsf(next_random()) * FAR);
        for (guint d = 0; d < depth; d++) {
            const guint32 mask = 2 * d + 1 < channels ? 0xffffffff : 2 * d < channels ? 0xffff : 0;
            for (gsize i = 0; i < plane; i++)
                in[d * plane + i] = next_pair() & mask;
            for (guint i = 0; i < taps * MLEU_BF16_OUTPUTS; i++) {
                const guint t = i / MLEU_BF16_OUTPUTS, o = i % MLEU_BF16_OUTPUTS;
                weight[weight_at(channels, t, d, o)] = next_pair() & mask;
            }
        }
        for (gsize i = 0; i <= outs; i++)
            out[i] = 77;
        const MleuBf16Conv job = {in, plane, offset, taps, channels, weight};
        kernels->bf16_conv(out, step, positions, &job);
        for (guint o = 0; o < MLEU_BF16_OUTPUTS; o++) {
            for (guint p = 0; p < positions; p++) {
                double sum = 0, size = 0;
                for (guint k = 0; k < taps * channels; k++) {
                    const guint t = k / channels, c = k % channels, d = c / 2;
                    const guint shift = c % 2 == 0 ? 16 : 0;
                    const guint32 x = in[d * plane + offset[t] + p] << shift;
                    const guint32 w = weight[weight_at(channels, t, d, o)] << shift;
                    const double product =
                        (double)from_bits(x & 0xffff0000) * (double)from_bits(w & 0xffff0000);
                    sum += product;
                    size += fabs(product);
                }
                check_close(out[o * step + p], sum, ROUNDING * (2 * taps * channels) * size);
            }
            for (gsize p = positions; p < step; p++)
                g_assert_cmpfloat(out[o * step + p], ==, 77);
        }
        g_assert_cmpfloat(out[outs], ==, 77);
        g_free(in);
        g_free(weight);
        g_free(out);
    }
}
