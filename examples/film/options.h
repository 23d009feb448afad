/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/**
 * FilmOptions: what the command line asks for.
 * @in: the file to colour.
 * @out: the file to write.
 * @part: what is written until @out is complete: NAME.part.EXT next to it.
 * @settings: (element-type FilmSetting): properties of mleucolorize that were given.
 * @quality: constant rate factor for x264, 0 (lossless) .. 50.
 * @recolour: colour the shots that have colours of their own, too.
 * @force: replace @out.
 */
typedef struct {
    char *in;
    char *out;
    char *part;
    GPtrArray *settings;
    int quality;
    gboolean recolour;
    gboolean force;
} FilmOptions;

/** FilmSetting: --@option=@value, meant for mleucolorize's @property. */
typedef struct {
    const char *option;
    const char *property;
    char *value;
} FilmSetting;

/**
 * film_options_parse: NULL with @error set where the command line is wrong, where IN cannot be
 * read, or where OUT may not be written. Prints and ends the program on --help and --version.
 */
FilmOptions *film_options_parse(int *argc, char ***argv, GError **error);
void film_options_free(FilmOptions *options);

/** film_setting_check: whether @object takes @setting: its kind and its range are the property's
 * own. */
gboolean film_setting_check(const FilmSetting *setting, GObject *object, GValue *value,
                            GError **error);
