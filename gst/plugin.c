/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstmleucolorize.h"

static gboolean
plugin_init (GstPlugin * plugin)
{
  return GST_ELEMENT_REGISTER (mleucolorize, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, mleucolorize,
    "Colours for black-and-white video, by a neural network", plugin_init,
    VERSION, "LGPL", PACKAGE, PACKAGE_ORIGIN)
