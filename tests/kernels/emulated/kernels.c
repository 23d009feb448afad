/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels.h"

#include "amx.h"
#include "kernels/tiers.h"

#define DECLARE(name, tier) __typeof__(mleu_##name##__c) mleu_##name##__emulated_##tier;
DECLARE(q8_conv, avxvnni)
DECLARE(q8_logits, avxvnni)
DECLARE(q8_dwconv, avxvnni)
DECLARE(q8_conv, avx512vnni)
DECLARE(q8_logits, avx512vnni)
DECLARE(q8_dwconv, avx512vnni)
DECLARE(q8_add, avx512vnni)
DECLARE(q8_conv, amx)
DECLARE(q8_logits, amx)
DECLARE(bf16_conv, amx)

/* Tiles are left as they were found; those that are worth it are used: sixteen pixels or more, 24
 * channels or more at a time. */
static void check_tiles(const MleuQ8Tile *tile, guint64 products)
{
    const guint channels = 4 * mleu_q8_depth(tile->channels) / mleu_q8_chunks(tile->channels);
    g_assert_cmpstr(emulated_amx_fault(), ==, NULL);
    g_assert_true((emulated_amx_products() > products) == (tile->pixels >= 16 && channels >= 24));
}

static void amx_conv(guint8 *out, gsize step, gsize outputs, const MleuQ8Tile *tile)
{
    const guint64 products = emulated_amx_products();
    mleu_q8_conv__emulated_amx(out, step, outputs, tile);
    check_tiles(tile, products);
}

static void amx_logits(gint16 *out, gsize step, gsize outputs, const MleuQ8Tile *tile)
{
    const guint64 products = emulated_amx_products();
    mleu_q8_logits__emulated_amx(out, step, outputs, tile);
    check_tiles(tile, products);
}

static void amx_bf16_conv(float *out, gsize step, guint positions, const MleuBf16Conv *job)
{
    mleu_bf16_conv__emulated_amx(out, step, positions, job);
    g_assert_cmpstr(emulated_amx_fault(), ==, NULL);
}

#define C_ENTRY(type, name, arguments) .name = mleu_##name##__c,

const MleuKernels *emulated_kernels(MleuTier tier)
{
    static MleuKernels narrow = {MLEU_KERNEL_LIST(C_ENTRY).q8_pixels = 6}, wide, tiled;
    static gsize ready;
    if (g_once_init_enter(&ready)) {
        wide = narrow;
        narrow.q8_conv = mleu_q8_conv__emulated_avxvnni;
        narrow.q8_logits = mleu_q8_logits__emulated_avxvnni;
        narrow.q8_dwconv = mleu_q8_dwconv__emulated_avxvnni;
        wide.q8_conv = mleu_q8_conv__emulated_avx512vnni;
        wide.q8_logits = mleu_q8_logits__emulated_avx512vnni;
        wide.q8_dwconv = mleu_q8_dwconv__emulated_avx512vnni;
        wide.q8_add = mleu_q8_add__emulated_avx512vnni;
        tiled = wide;
        tiled.q8_conv = amx_conv;
        tiled.q8_logits = amx_logits;
        tiled.q8_pixels = 2 * MLEU_Q8_ROWS;
        tiled.bf16_conv = amx_bf16_conv;
        tiled.bf16_is_native = TRUE;
        g_once_init_leave(&ready, 1);
    }
    return tier == MLEU_TIER_AVXVNNI ? &narrow : tier == MLEU_TIER_AVX512VNNI ? &wide : &tiled;
}
