/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * AMX's tiles as portable C, by the definitions of Intel's manual ("Instruction Set Reference",
 * LDTILECFG and the instructions named TILE... and TDP...). What the manual says raises #UD or #GP
 * is a fault here, and so is what no correct kernel does though a processor would not mind: reading
 * a tile before anything was put into it. Tiles are a thread's own.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

void emulated_tile_loadconfig(const void *memory);
void emulated_tile_release(void);
void emulated_tile_zero(int tile);
void emulated_tile_loadd(int tile, const void *memory, ptrdiff_t stride);
void emulated_tile_stored(int tile, void *memory, ptrdiff_t stride);
void emulated_tile_dpbusd(int sums, int unsigned_bytes, int signed_bytes);
void emulated_tile_dpbf16ps(int sums, int left, int right);

/** The first fault of this thread since the last call, or that its tiles are not released; or NULL.
 */
const char *emulated_amx_fault(void);

/** How many times this thread has multiplied tiles. */
uint64_t emulated_amx_products(void);
