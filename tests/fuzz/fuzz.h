/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * What libFuzzer calls, and replay.c for files. Each target makes a file in memory of the bytes and
 * has it read as a user's would be.
 */
int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

/* A file in memory with these bytes: its descriptor, to be closed, and its path, to be freed. */
int fuzz_file(gconstpointer data, gsize size, char **path);
