/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The limit on the tiers of kernels. */
#include "cpu.h"

#include <string.h>

#include "kernels/kernels.h"

static void set(const char *tier)
{
    GError *error = NULL;
    g_assert_true(mleu_cpu_set_limit(tier, &error));
    g_assert_no_error(error);
}

static void test_limit(void)
{
    MleuTier best = MLEU_TIER_C;
    set("c");
    g_assert_cmpstr(mleu_cpu_get_tier(), ==, "c");
    g_assert_cmpint(mleu_cpu_tier(), ==, MLEU_TIER_C);
    /* One that the machine lacks is the best one below it. */
    for (guint tier = 0; tier < MLEU_N_TIERS; tier++) {
        best = mleu_cpu_has((MleuTier)tier) ? (MleuTier)tier : best;
        set(mleu_tier_name((MleuTier)tier));
        g_assert_cmpint(mleu_cpu_tier(), ==, best);
    }
    g_assert_cmpint(mleu_cpu_best_tier(), ==, best);
    set(NULL);
}

static void test_unknown(void)
{
    const char *const wrong[] = {"", "C", "avx", "avx2 ", "sse9"};
    set("c");
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        GError *error = NULL;
        g_assert_false(mleu_cpu_set_limit(wrong[i], &error));
        g_assert_error(error, MLEU_ERROR, MLEU_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, "avx2"));
        g_clear_error(&error);
        /* The limit before stays. */
        g_assert_cmpstr(mleu_cpu_get_tier(), ==, "c");
    }
    set(NULL);
}

/* The call takes the environment's place, and NULL gives it back. */
static void test_environment(void)
{
    const char *best = mleu_tier_name(mleu_cpu_best_tier());
    g_setenv("MLEU_CPU", "c", TRUE);
    set(NULL);
    g_assert_cmpstr(mleu_cpu_get_tier(), ==, "c");
    set(best);
    g_assert_cmpstr(mleu_cpu_get_tier(), ==, best);
    set(NULL);
    g_assert_cmpstr(mleu_cpu_get_tier(), ==, "c");

    g_setenv("MLEU_CPU", "sse9", TRUE);
    set(NULL);
    g_test_expect_message(G_LOG_DOMAIN, G_LOG_LEVEL_WARNING,
                          "*sse9*c, avx2, avxvnni, avx512vnni and amx*");
    g_assert_cmpstr(mleu_cpu_get_tier(), ==, best);
    g_test_assert_expected_messages();
    /* Once. */
    g_assert_cmpstr(mleu_cpu_get_tier(), ==, best);
    g_unsetenv("MLEU_CPU");
    set(NULL);
    g_assert_cmpstr(mleu_cpu_get_tier(), ==, best);
}

/* A limit that is set reaches the kernels themselves. */
static void test_kernels(void)
{
    const MleuKernels *portable = mleu_kernels_get(MLEU_TIER_C);
    set("c");
    g_assert_true(mleu_kernels_get(mleu_cpu_tier()) == portable);
    set(NULL);
    if (mleu_cpu_best_tier() > MLEU_TIER_C)
        g_assert_true(mleu_kernels_get(mleu_cpu_tier()) != portable);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_unsetenv("MLEU_CPU");
    g_test_add_func("/cpu/limit", test_limit);
    g_test_add_func("/cpu/unknown", test_unknown);
    g_test_add_func("/cpu/environment", test_environment);
    g_test_add_func("/cpu/kernels", test_kernels);
    return g_test_run();
}
