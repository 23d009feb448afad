/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The emulation of AMX itself: that it multiplies, and that it finds fault with what a processor
 * would trap, and with what a kernel must not leave behind. */
#include <glib.h>
#include <string.h>

#include "emulated/amx.h"

/* As LDTILECFG reads it. */
typedef struct {
    guint8 palette, start_row, reserved[14];
    guint16 row_bytes[16];
    guint8 rows[16];
} Configuration;

/* Sums in tile 0, of 3 rows of 8 unsigned bytes in tile 1 by 2 rows of 5 x 4 signed ones in 2. */
static const Configuration small = {.palette = 1, .row_bytes = {20, 8, 20}, .rows = {3, 3, 2}};

#define assert_fault(text) g_assert_cmpstr(emulated_amx_fault(), ==, text)

/* Twice the product of two small tiles, whose rows lie so many bytes apart. */
static void multiply_twice(void (*dot)(int, int, int), const void *left, ptrdiff_t left_row,
                           const void *right, ptrdiff_t right_row, void *sums)
{
    emulated_tile_loadconfig(&small);
    emulated_tile_zero(0);
    emulated_tile_loadd(1, left, left_row);
    emulated_tile_loadd(2, right, right_row);
    dot(0, 1, 2);
    dot(0, 1, 2);
    emulated_tile_stored(0, sums, small.row_bytes[0]);
    emulated_tile_release();
    assert_fault(NULL);
}

static void test_product(void)
{
    guint8 x[3][10];
    gint8 w[2][32];
    gint32 sums[3][5];
    for (guint i = 0; i < sizeof x; i++)
        x[i / 10][i % 10] = (guint8)(255 - 7 * i);
    for (guint i = 0; i < sizeof w; i++)
        w[i / 32][i % 32] = (gint8)(i * 37 - 128);
    const guint64 products = emulated_amx_products();
    multiply_twice(emulated_tile_dpbusd, x, sizeof x[0], w, sizeof w[0], sums);
    g_assert_cmpuint(emulated_amx_products(), ==, products + 2);
    for (guint m = 0; m < 3; m++) {
        for (guint n = 0; n < 5; n++) {
            gint32 sum = 0;
            for (guint k = 0; k < 8; k++)
                sum += 2 * x[m][k] * w[k / 4][4 * n + k % 4];
            g_assert_cmpint(sums[m][n], ==, sum);
        }
    }
}

/* Likewise of 4 numbers of the upper half of 32 bits by 2 x 5 pairs, whose products are whole
 * numbers but for the least, which is no normal number and counts as 0. */
static void test_bf16(void)
{
    guint16 x[3][4], w[2][10];
    float sums[3][5];
    for (guint m = 0; m < 3; m++) {
        for (guint k = 0; k < 4; k++) {
            const float value = (float)(m * 4 + k) - 5;
            memcpy(&x[m][k], (const guint8 *)&value + 2, 2);
        }
    }
    for (guint k = 0; k < 2; k++) {
        for (guint n = 0; n < 10; n++) {
            const float value = (float)(k * 10 + n) * 0.5f;
            memcpy(&w[k][n], (const guint8 *)&value + 2, 2);
        }
    }
    x[2][3] = 0x8001;
    multiply_twice(emulated_tile_dpbf16ps, x, sizeof x[0], w, sizeof w[0], sums);
    for (guint m = 0; m < 3; m++) {
        for (guint n = 0; n < 5; n++) {
            float sum = 0;
            for (guint k = 0; k < 4; k++) {
                const float left = m == 2 && k == 3 ? 0 : (float)(m * 4 + k) - 5;
                sum += 2 * left * (float)(k / 2 * 10 + 2 * n + k % 2) * 0.5f;
            }
            g_assert_cmpfloat(sums[m][n], ==, sum);
        }
    }
    emulated_tile_loadconfig(&small);
    for (gint t = 0; t < 3; t++)
        emulated_tile_zero(t);
    emulated_tile_dpbf16ps(0, 2, 1);
    emulated_tile_release();
    assert_fault("TDPBF16PS: rows of sums");
}

static void test_configuration(void)
{
    const struct {
        gsize at;
        guint8 byte;
        const char *fault;
    } wrong[] = {
        {0, 0, "LDTILECFG: palette"},
        {0, 2, "LDTILECFG: palette"},
        {1, 1, "LDTILECFG: start row"},
        {2, 1, "LDTILECFG: reserved bytes"},
        {15, 1, "LDTILECFG: reserved bytes"},
        {32, 4, "LDTILECFG: reserved bytes"},
        {47, 1, "LDTILECFG: reserved bytes"},
        {56, 1, "LDTILECFG: reserved bytes"},
        {63, 1, "LDTILECFG: reserved bytes"},
        {16, 65, "LDTILECFG: row length"},
        {17, 1, "LDTILECFG: row length"},
        {48, 17, "LDTILECFG: rows"},
        {16, 0, "LDTILECFG: rows without length"},
        {49, 0, "LDTILECFG: rows without length"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        guint8 bytes[64];
        memcpy(bytes, &small, sizeof bytes);
        bytes[wrong[i].at] = wrong[i].byte;
        emulated_tile_loadconfig(bytes);
        assert_fault(wrong[i].fault);
    }
}

static void test_use(void)
{
    guint8 bytes[1024] = {0};
    emulated_tile_zero(0);
    assert_fault("tiles are not configured");
    emulated_tile_loadd(0, bytes, 64);
    assert_fault("tiles are not configured");
    emulated_tile_loadconfig(&small);
    emulated_tile_release();
    emulated_tile_stored(0, bytes, 64);
    assert_fault("tiles are not configured");
    emulated_tile_loadconfig(&small);
    emulated_tile_zero(3);
    emulated_tile_release();
    assert_fault("a tile without rows");
    emulated_tile_loadconfig(&small);
    emulated_tile_zero(8);
    emulated_tile_release();
    assert_fault("no such tile");
    emulated_tile_loadconfig(&small);
    emulated_tile_zero(1);
    emulated_tile_zero(2);
    emulated_tile_dpbusd(0, 1, 2);
    emulated_tile_release();
    assert_fault("a tile without contents");
    emulated_tile_loadconfig(&small);
    assert_fault("tiles are not released");
    /* And that is the end of it. */
    assert_fault(NULL);
}

static void test_shapes(void)
{
    const struct {
        guint16 row_bytes[3];
        guint8 rows[3];
        gint tiles[3];
        const char *fault;
    } wrong[] = {
        {{20, 8, 20}, {3, 3, 2}, {0, 0, 2}, "TDPBUSD: a tile twice"},
        {{20, 8, 20}, {3, 3, 2}, {0, 1, 1}, "TDPBUSD: a tile twice"},
        {{20, 8, 20}, {3, 3, 2}, {2, 1, 2}, "TDPBUSD: a tile twice"},
        {{22, 8, 22}, {3, 3, 2}, {0, 1, 2}, "TDPBUSD: rows are not of fours"},
        {{20, 10, 20}, {3, 3, 2}, {0, 1, 2}, "TDPBUSD: rows are not of fours"},
        {{20, 8, 20}, {3, 4, 2}, {0, 1, 2}, "TDPBUSD: rows of sums"},
        {{20, 8, 20}, {3, 3, 3}, {0, 1, 2}, "TDPBUSD: depth"},
        {{20, 12, 20}, {3, 3, 2}, {0, 1, 2}, "TDPBUSD: depth"},
        {{20, 8, 24}, {3, 3, 2}, {0, 1, 2}, "TDPBUSD: columns of sums"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        Configuration configuration = {.palette = 1};
        memcpy(configuration.row_bytes, wrong[i].row_bytes, sizeof wrong[i].row_bytes);
        memcpy(configuration.rows, wrong[i].rows, sizeof wrong[i].rows);
        emulated_tile_loadconfig(&configuration);
        for (gint t = 0; t < 3; t++)
            emulated_tile_zero(t);
        emulated_tile_dpbusd(wrong[i].tiles[0], wrong[i].tiles[1], wrong[i].tiles[2]);
        emulated_tile_release();
        assert_fault(wrong[i].fault);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/amx/product", test_product);
    g_test_add_func("/amx/bf16", test_bf16);
    g_test_add_func("/amx/configuration", test_configuration);
    g_test_add_func("/amx/use", test_use);
    g_test_add_func("/amx/shapes", test_shapes);
    return g_test_run();
}
