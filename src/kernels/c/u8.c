/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels of bytes in portable C. */
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
