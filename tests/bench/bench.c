/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static double read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double bench_cpu_seconds(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

double bench_seconds(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

#if defined(__x86_64__)
/* The empty assembly keeps the compiler from merging steps; twelve sums hide the latencies. */
enum { SUMS = 12, STEPS = 4000000 };

__attribute__((target("avx2"))) static double peak_int8_avx2(void)
{
    __m256i sum[SUMS], x = _mm256_set1_epi8(3);
    const __m256i ones = _mm256_set1_epi16(1), weight = _mm256_set1_epi8(2);
    for (guint i = 0; i < SUMS; i++)
        sum[i] = _mm256_setzero_si256();
    const double begin = bench_cpu_seconds();
    for (guint step = 0; step < STEPS; step++) {
        for (guint i = 0; i < SUMS; i++) {
            __asm__ volatile("" : "+x"(x));
            __m256i words = _mm256_maddubs_epi16(x, weight);
            sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(words, ones));
        }
    }
    const double seconds = bench_cpu_seconds() - begin;
    for (guint i = 0; i < SUMS; i++)
        __asm__ volatile("" : : "x"(sum[i]));
    return 32.0 * SUMS * STEPS / seconds;
}

#define PEAK_VNNI(name, instructions, type, set1, zero, dot, bytes)                                \
    __attribute__((target(instructions))) static double name(void)                                 \
    {                                                                                              \
        type sum[SUMS], x = set1(3);                                                               \
        const type weight = set1(2);                                                               \
        for (guint i = 0; i < SUMS; i++)                                                           \
            sum[i] = zero();                                                                       \
        const double begin = bench_cpu_seconds();                                                  \
        for (guint step = 0; step < STEPS; step++) {                                               \
            for (guint i = 0; i < SUMS; i++) {                                                     \
                __asm__ volatile("" : "+x"(x));                                                    \
                sum[i] = dot(sum[i], x, weight);                                                   \
            }                                                                                      \
        }                                                                                          \
        const double seconds = bench_cpu_seconds() - begin;                                        \
        for (guint i = 0; i < SUMS; i++)                                                           \
            __asm__ volatile("" : : "x"(sum[i]));                                                  \
        return (double)bytes * SUMS * STEPS / seconds;                                             \
    }

#if defined(MLEU_HAVE_AVXVNNI)
PEAK_VNNI(peak_int8_avxvnni, "avx2,avxvnni", __m256i, _mm256_set1_epi8, _mm256_setzero_si256,
          _mm256_dpbusd_avx_epi32, 32)
#endif
PEAK_VNNI(peak_int8_avx512vnni, "avx512f,avx512bw,avx512vnni", __m512i, _mm512_set1_epi8,
          _mm512_setzero_si512, _mm512_dpbusd_epi32, 64)

#if defined(MLEU_HAVE_AMX)
/* Four tiles of sums, as the kernels have; what they count is 0. */
#define PEAK_AMX(name, instructions, dot, bytes)                                                   \
    __attribute__((target(instructions))) static double name(void)                                 \
    {                                                                                              \
        enum { TILES = 4 };                                                                        \
        struct {                                                                                   \
            guint8 palette, start_row, reserved[14];                                               \
            guint16 row_bytes[16];                                                                 \
            guint8 rows[16];                                                                       \
        } configuration = {.palette = 1};                                                          \
        for (guint i = 0; i < 8; i++) {                                                            \
            configuration.row_bytes[i] = 64;                                                       \
            configuration.rows[i] = 16;                                                            \
        }                                                                                          \
        __asm__ volatile("" : : "r"(&configuration) : "memory");                                   \
        _tile_loadconfig(&configuration);                                                          \
        const double begin = bench_cpu_seconds();                                                  \
        for (guint step = 0; step < STEPS; step++) {                                               \
            dot(0, 4, 6);                                                                          \
            dot(1, 4, 7);                                                                          \
            dot(2, 5, 6);                                                                          \
            dot(3, 5, 7);                                                                          \
        }                                                                                          \
        const double seconds = bench_cpu_seconds() - begin;                                        \
        _tile_release();                                                                           \
        return 16.0 * 16 * 64 / bytes * TILES * STEPS / seconds;                                   \
    }

PEAK_AMX(peak_int8_amx, "amx-tile,amx-int8", _tile_dpbusd, 1)
PEAK_AMX(peak_bf16_amx, "amx-tile,amx-bf16", _tile_dpbf16ps, 2)
#endif

__attribute__((target("avx2,fma"))) static double peak_float32_avx2(void)
{
    __m256 sum[SUMS], x = _mm256_set1_ps(1e-6f);
    const __m256 weight = _mm256_set1_ps(0.5f);
    for (guint i = 0; i < SUMS; i++)
        sum[i] = _mm256_setzero_ps();
    const double begin = bench_cpu_seconds();
    for (guint step = 0; step < STEPS; step++) {
        __asm__ volatile("" : "+x"(x));
        for (guint i = 0; i < SUMS; i++)
            sum[i] = _mm256_fmadd_ps(x, weight, sum[i]);
    }
    const double seconds = bench_cpu_seconds() - begin;
    for (guint i = 0; i < SUMS; i++)
        __asm__ volatile("" : : "x"(sum[i]));
    return 8.0 * SUMS * STEPS / seconds;
}
#endif

double bench_peak_int8(MleuTier tier)
{
#if defined(__x86_64__)
    switch (tier) {
    case MLEU_TIER_AVX2:
        return peak_int8_avx2();
#if defined(MLEU_HAVE_AVXVNNI)
    case MLEU_TIER_AVXVNNI:
        return peak_int8_avxvnni();
#endif
    case MLEU_TIER_AVX512VNNI:
        return peak_int8_avx512vnni();
#if defined(MLEU_HAVE_AMX)
    case MLEU_TIER_AMX:
        return peak_int8_amx();
#endif
    default:
        break;
    }
#endif
    (void)tier;
    return 0;
}

double bench_peak_float32(MleuTier tier)
{
#if defined(__x86_64__)
    /* Float32's kernels are the same on the tiers above. */
    if (tier >= MLEU_TIER_AVX2)
        return peak_float32_avx2();
#endif
    (void)tier;
    return 0;
}

double bench_peak_bf16(MleuTier tier)
{
#if defined(MLEU_HAVE_AMX)
    if (tier == MLEU_TIER_AMX)
        return peak_bf16_amx();
#endif
    (void)tier;
    return 0;
}

double bench_additions(void)
{
    enum { CHAINS = 4, TURNS = 250000, UNROLLED = 16 };
    gsize a = 1, b = 2, c = 3, d = 4;
    const double begin = bench_cpu_seconds();
    for (guint i = 0; i < TURNS; i++) {
#pragma GCC unroll 16
        for (guint k = 0; k < UNROLLED; k++) {
            a += 3;
            b += 5;
            c += 7;
            d += 9;
            __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
        }
    }
    return (double)CHAINS * TURNS * UNROLLED / (bench_cpu_seconds() - begin);
}

void bench_draw(float *lightness, guint side)
{
    guint32 state = 1;
    for (guint i = 0; i < side * side; i++) {
        const guint x = i % side, y = i / side;
        state = state * 1664525u + 1013904223u;
        lightness[i] = (float)(x * 50 / side + (x * 30 / side + y * 30 / side) % 2 * 40) +
                       (float)(state >> 24) * (3 / 256.0f);
    }
}

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double bench_median(double *values, guint n)
{
    qsort(values, n, sizeof *values, compare);
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double bench_peak_memory(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}
