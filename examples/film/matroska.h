/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

/**
 * film_matroska_mend: matroskamux (1.22) writes the text of tags as it would stand in a pipeline
 * description, "The\ Film" with its quotation marks and octal numbers for letters with accents.
 * Writes the text itself. @pad is the muxer's source.
 */
void film_matroska_mend(GstPad *pad);
