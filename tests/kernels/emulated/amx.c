/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "amx.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Palette 1. */
enum { TILES = 8, MAX_ROWS = 16, MAX_ROW_BYTES = 64 };

typedef struct {
    unsigned rows, row_bytes;
    bool has_contents;
    uint8_t bytes[MAX_ROWS][MAX_ROW_BYTES];
} Tile;

static _Thread_local Tile tiles[TILES];
static _Thread_local bool configured;
static _Thread_local const char *fault;
static _Thread_local uint64_t products;

/* Returns: @good. */
static bool require(bool good, const char *what)
{
    if (!good && fault == NULL)
        fault = what;
    return good;
}

const char *emulated_amx_fault(void)
{
    require(!configured, "tiles are not released");
    const char *first = fault;
    fault = NULL;
    emulated_tile_release();
    return first;
}

uint64_t emulated_amx_products(void)
{
    return products;
}

void emulated_tile_release(void)
{
    configured = false;
    memset(tiles, 0, sizeof tiles);
}

/* Bytes: 0 palette, 1 start row, 16 .. 31 eight row lengths of 16 bits, 48 .. 55 eight numbers of
 * rows; of the others any that is not 0 raises #GP. */
void emulated_tile_loadconfig(const void *memory)
{
    uint8_t bytes[64];
    memcpy(bytes, memory, sizeof bytes);
    emulated_tile_release();
    if (!require(bytes[0] == 1, "LDTILECFG: palette") ||
        !require(bytes[1] == 0, "LDTILECFG: start row"))
        return;
    for (int i = 2; i < 64; i++) {
        const bool reserved = i < 16 || (i >= 32 && i < 48) || i >= 56;
        if (!require(!reserved || bytes[i] == 0, "LDTILECFG: reserved bytes"))
            return;
    }
    for (int t = 0; t < TILES; t++) {
        uint16_t row_bytes;
        memcpy(&row_bytes, bytes + 16 + 2 * t, sizeof row_bytes);
        const uint8_t rows = bytes[48 + t];
        if (!require(row_bytes <= MAX_ROW_BYTES, "LDTILECFG: row length") ||
            !require(rows <= MAX_ROWS, "LDTILECFG: rows") ||
            !require((row_bytes == 0) == (rows == 0), "LDTILECFG: rows without length"))
            return;
        tiles[t].rows = rows;
        tiles[t].row_bytes = row_bytes;
    }
    configured = true;
}

/* A tile that an instruction may name; NULL after a fault. */
static Tile *find(int tile)
{
    if (!require(configured, "tiles are not configured") ||
        !require(tile >= 0 && tile < TILES, "no such tile") ||
        !require(tiles[tile].rows > 0, "a tile without rows"))
        return NULL;
    return &tiles[tile];
}

/* Likewise one that is read. */
static Tile *find_full(int tile)
{
    Tile *found = find(tile);
    return found != NULL && require(found->has_contents, "a tile without contents") ? found : NULL;
}

void emulated_tile_zero(int tile)
{
    Tile *to = find(tile);
    if (to == NULL)
        return;
    memset(to->bytes, 0, sizeof to->bytes);
    to->has_contents = true;
}

void emulated_tile_loadd(int tile, const void *memory, ptrdiff_t stride)
{
    emulated_tile_zero(tile);
    Tile *to = find(tile);
    for (unsigned row = 0; to != NULL && row < to->rows; row++)
        memcpy(to->bytes[row], (const uint8_t *)memory + (ptrdiff_t)row * stride, to->row_bytes);
}

void emulated_tile_stored(int tile, void *memory, ptrdiff_t stride)
{
    const Tile *from = find_full(tile);
    for (unsigned row = 0; from != NULL && row < from->rows; row++)
        memcpy((uint8_t *)memory + (ptrdiff_t)row * stride, from->bytes[row], from->row_bytes);
}

/* The tiles of a product, whose shapes must fit. */
typedef struct {
    Tile *sums;
    const Tile *left, *right;
} Product;

static bool find_product(Product *product, int sums, int left, int right,
                         const char *const faults[5])
{
    Tile *c = find_full(sums);
    const Tile *a = find_full(left), *b = find_full(right);
    if (c == NULL || a == NULL || b == NULL || !require(c != a && c != b && a != b, faults[0]) ||
        !require(c->row_bytes % 4 == 0 && a->row_bytes % 4 == 0 && b->row_bytes % 4 == 0,
                 faults[1]) ||
        !require(c->rows == a->rows, faults[2]) ||
        !require(a->row_bytes / 4 == b->rows, faults[3]) ||
        !require(c->row_bytes == b->row_bytes, faults[4]))
        return false;
    *product = (Product){c, a, b};
    products++;
    return true;
}

#define FAULTS(name)                                                                               \
    (const char *const[])                                                                          \
    {                                                                                              \
        name ": a tile twice", name ": rows are not of fours", name ": rows of sums",              \
            name ": depth", name ": columns of sums"                                               \
    }

void emulated_tile_dpbusd(int sums, int unsigned_bytes, int signed_bytes)
{
    Product product;
    if (!find_product(&product, sums, unsigned_bytes, signed_bytes, FAULTS("TDPBUSD")))
        return;
    for (unsigned m = 0; m < product.sums->rows; m++) {
        int32_t row[MAX_ROW_BYTES / 4];
        memcpy(row, product.sums->bytes[m], sizeof row);
        for (unsigned k = 0; k < product.right->rows; k++) {
            const uint8_t *x = product.left->bytes[m] + 4 * k;
            for (unsigned n = 0; n < product.sums->row_bytes / 4; n++) {
                const int8_t *w = (const int8_t *)product.right->bytes[k] + 4 * n;
                /* Sums that leave 32 bits go round. */
                row[n] = (int32_t)((uint32_t)row[n] + (uint32_t)(x[0] * w[0] + x[1] * w[1] +
                                                                 x[2] * w[2] + x[3] * w[3]));
            }
        }
        memcpy(product.sums->bytes[m], row, sizeof row);
    }
}

/* A float32 from a bfloat16; what is too small for a normal number counts as 0. */
static float widen(const uint8_t *bytes)
{
    uint16_t half;
    memcpy(&half, bytes, sizeof half);
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return fpclassify(value) == FP_SUBNORMAL ? copysignf(0, value) : value;
}

/* Even and odd products are added up by themselves, fused, before they are added to the sums. */
void emulated_tile_dpbf16ps(int sums, int left, int right)
{
    Product product;
    if (!find_product(&product, sums, left, right, FAULTS("TDPBF16PS")))
        return;
    for (unsigned m = 0; m < product.sums->rows; m++) {
        float row[MAX_ROW_BYTES / 4], even[MAX_ROW_BYTES / 4] = {0}, odd[MAX_ROW_BYTES / 4] = {0};
        memcpy(row, product.sums->bytes[m], sizeof row);
        for (unsigned k = 0; k < product.right->rows; k++) {
            const uint8_t *x = product.left->bytes[m] + 4 * k;
            for (unsigned n = 0; n < product.sums->row_bytes / 4; n++) {
                const uint8_t *w = product.right->bytes[k] + 4 * n;
                even[n] = fmaf(widen(x), widen(w), even[n]);
                odd[n] = fmaf(widen(x + 2), widen(w + 2), odd[n]);
            }
        }
        for (unsigned n = 0; n < product.sums->row_bytes / 4; n++)
            row[n] += even[n] + odd[n];
        memcpy(product.sums->bytes[m], row, sizeof row);
    }
}
