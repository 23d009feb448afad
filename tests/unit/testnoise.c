/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "testnoise.h"

static guint32 random_state = 1;

void random_start(guint32 seed)
{
    random_state = seed;
}

float next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (float)(random_state >> 8) / 16777216.0f;
}

float lattice(guint seed, int u, int v)
{
    guint32 state = seed * 7919u + (guint32)u * 104729u + (guint32)v * 1299709u;
    for (guint i = 0; i < 3; i++)
        state = (state ^ state >> 15) * 2654435761u;
    return (float)(state >> 8) / 16777216.0f;
}
