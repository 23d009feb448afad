/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define TIER(name) name##__c
#include "kernels/guide.inc"
