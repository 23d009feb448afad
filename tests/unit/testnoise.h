/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What the sequence goes on from; 1 unless this is called. */
void random_start(guint32 seed);

/* 0 .. 1, the same sequence in every run. */
float next_random(void);

/* Light at a point of scene @seed's lattice, 0..1. */
float lattice(guint seed, int u, int v);
