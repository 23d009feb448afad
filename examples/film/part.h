/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "options.h"

/**
 * FilmPart: the file that is written until the film is complete. As long as it is claimed no other
 * colorize-film writes it; a claim ends with its program, however that ends.
 */
typedef struct {
    const FilmOptions *options;
    int fd; /* holds the claim */
} FilmPart;

/**
 * film_part_claim: makes the file, or takes over what a run left that was killed.
 * @left: (out): whether there is something of that run in it.
 * Returns: FALSE with @error set where it cannot be written, where another program writes it, or
 * where OUT exists and --force was not given.
 */
gboolean film_part_claim(FilmPart *part, const FilmOptions *options, gboolean *left,
                         GError **error);

/** film_part_exists: whether the file still is the one that was claimed. */
gboolean film_part_exists(const FilmPart *part);

/**
 * film_part_finish: gives the complete file its final name. Without --force a file that came to be
 * there in the meantime is left alone.
 */
gboolean film_part_finish(const FilmPart *part, GError **error);

/** film_part_remove: of a film of which nothing can be kept. */
void film_part_remove(const FilmPart *part);

void film_part_release(FilmPart *part);
