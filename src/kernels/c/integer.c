/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels of integers in portable C. */
#include "kernels/tiers.h"

guint32 mleu_u8_sad__c(const guint8 *a, gsize a_stride, const guint8 *b, gsize b_stride)
{
    guint32 sum = 0;
    for (guint y = 0; y < MLEU_SAD_BLOCK; y++) {
        for (guint x = 0; x < MLEU_SAD_BLOCK; x++)
            sum += (guint32)ABS(a[x] - b[x]);
        a += a_stride;
        b += b_stride;
    }
    return sum;
}

/* Between four cells, by the shares of each, of 4096. Where one is 0 there may be no cell beyond.
 */
static inline void mix(const guint32 *at, gsize width, gint32 fx, gint32 fy, gint32 *a, gint32 *b)
{
    const guint32 *below = at + (fy > 0 ? width : 0);
    const gsize beside = fx > 0 ? 1 : 0;
    const guint32 colours[] = {at[0], at[beside], below[0], below[beside]};
    const gint32 gx = MLEU_WALK_PARTS - fx, gy = MLEU_WALK_PARTS - fy;
    const gint32 shares[] = {gx * gy, fx * gy, gx * fy, fx * fy};
    *a = *b = MLEU_WALK_PARTS * MLEU_WALK_PARTS / 2;
    for (guint i = 0; i < 4; i++) {
        *a += shares[i] * (gint16)(colours[i] & 0xffff);
        *b += shares[i] * (gint16)(colours[i] >> 16);
    }
    *a >>= 12;
    *b >>= 12;
}

void mleu_s16_walk__c(gint32 *a, gint32 *b, gint32 *total, guint first, guint row, guint n,
                      const MleuWalk *job)
{
    const gint32 right = ((gint32)job->width - 1) * MLEU_WALK_PARTS,
                 bottom = ((gint32)job->height - 1) * MLEU_WALK_PARTS;
    for (guint i = 0; i < n; i++) {
        gint32 x = (gint32)(first + i) * MLEU_WALK_PARTS, y = (gint32)row * MLEU_WALK_PARTS;
        gint32 way = MLEU_WALK_WHOLE;
        a[i] = b[i] = total[i] = 0;
        for (guint age = 0; age < job->length; age++) {
            gint32 weight = way * job->ages[age] >> 8;
            if (total[i] > 0 && weight < MLEU_WALK_LEAST)
                break;
            if (job->colours[age] != NULL) {
                gint32 value_a, value_b;
                const guint32 *at = job->colours[age] + (y >> 6) * (gssize)job->width + (x >> 6);
                mix(at, job->width, x & 63, y & 63, &value_a, &value_b);
                weight = MAX(weight, 1);
                a[i] += weight * value_a;
                b[i] += weight * value_b;
                total[i] += weight;
            }
            const guint32 step =
                job->steps[age][((y + 32) >> 6) * (gssize)job->width + ((x + 32) >> 6)];
            const gint32 keep = (gint32)(step >> 24);
            x = CLAMP(x + mleu_walk_x(step), 0, right);
            y = CLAMP(y + mleu_walk_y(step), 0, bottom);
            way = way * (keep + (keep >> 7)) >> 8;
        }
    }
}
