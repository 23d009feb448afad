/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstmleugate.h"

/* In the unit of mleu_frame_measure_color(), 8-bit code values: 0 is grey, a
 * colour picture has 4 and more. Between the two, a shot stays what it was. */
#define COLOR_FROM 3.0
#define GRAY_BELOW 1.5

/* Mean luma, as a share of the largest sample, under which hardly any colour
 * can show: a dark frame says nothing about its shot. Black itself is 0.06 in
 * limited range. */
#define DARK_BELOW 0.2

/* Samples looked at in each direction. */
#define GRID 32

/* gst_mleu_gate_next:
 * @gate: what the frame before was taken for.
 * @color: the frame's mleu_frame_measure_color().
 * @brightness: the frame's gst_mleu_gate_brightness().
 *
 * Returns: what the frame is taken for. Colour shows at once; that there is
 *   none is believed only of a frame that is bright enough to show it, so that
 *   a fade to black does not turn a coloured shot into a grey one.
 */
GstMleuGate
gst_mleu_gate_next (GstMleuGate gate, gdouble color, gdouble brightness)
{
  if (color >= COLOR_FROM)
    return GST_MLEU_GATE_COLOR;
  if (gate == GST_MLEU_GATE_UNDECIDED)
    return GST_MLEU_GATE_GRAY;
  if (color < GRAY_BELOW && brightness >= DARK_BELOW)
    return GST_MLEU_GATE_GRAY;
  return gate;
}

/* The component that carries most of the brightness: Y', or G'. */
static guint
brightest_component (const MleuFormat * format)
{
  return format->layout == MLEU_LAYOUT_RGB ? 1 : 0;
}

/* gst_mleu_gate_brightness: Returns: mean luma (for RGB: green), 0..1, on a
 *   grid of at most 32 x 32 samples. */
gdouble
gst_mleu_gate_brightness (const MleuFormat * format, const MleuFrame * frame)
{
  const MleuPlane *plane = &frame->plane[brightest_component (format)];
  guint rows = MIN (format->height, GRID), columns = MIN (format->width, GRID);
  guint64 sum = 0;
  guint i, j;

  for (j = 0; j < rows; j++) {
    gssize y = (gssize) ((guint64) j * format->height / rows);
    const guint8 *row = plane->data + y * plane->stride;

    for (i = 0; i < columns; i++) {
      gssize x = (gssize) ((guint64) i * format->width / columns);
      const guint8 *sample = row + x * plane->step;

      if (format->depth == 8)
        sum += sample[0];
      else if (format->big_endian)
        sum += (guint) (sample[0] << 8 | sample[1]) >> format->shift;
      else
        sum += (guint) (sample[1] << 8 | sample[0]) >> format->shift;
    }
  }
  return (gdouble) sum / ((gdouble) rows * columns *
      ((1u << format->depth) - 1));
}
