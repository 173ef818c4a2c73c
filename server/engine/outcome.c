#include "engine/outcome.h"

#include <pthread.h>

#define KEPT_MAX     8    /* empty outcomes that wait for their next use */
#define RETRY_MS     1000 /* said to who is refused */
#define REFUSAL_SIZE 256

struct pooled {
    struct xr_outcome outcome; /* first: what the receiver has */
    struct xr_outcome_pool *pool;
};

struct xr_outcome_pool {
    pthread_mutex_t lock;
    struct xr_outcome *kept;
    size_t kept_count;
    size_t holds; /* the engine's, and one for each outcome that is out */
};

struct xr_outcome_pool *xr_outcome_pool_new(void)
{
    struct xr_outcome_pool *pool = xr_mem_zero(1, sizeof *pool);
    if (pool == NULL)
        return NULL;
    XR_ASSERT(pthread_mutex_init(&pool->lock, NULL) == 0);
    pool->holds = 1;
    return pool;
}

static void free_outcome(struct xr_outcome *outcome)
{
    xr_effects_fini(&outcome->effects);
    xr_mem_free(outcome);
}

static void free_pool(struct xr_outcome_pool *pool)
{
    while (pool->kept != NULL) {
        struct xr_outcome *outcome = pool->kept;
        pool->kept = outcome->next;
        free_outcome(outcome);
    }
    (void)pthread_mutex_destroy(&pool->lock);
    xr_mem_free(pool);
}

/* Give back a hold, and an outcome with it unless that is NULL. */
static void let_go(struct xr_outcome_pool *pool, struct xr_outcome *outcome)
{
    XR_ASSERT(pthread_mutex_lock(&pool->lock) == 0);
    if (outcome != NULL && pool->kept_count < KEPT_MAX) {
        outcome->next = pool->kept;
        pool->kept = outcome;
        pool->kept_count++;
        outcome = NULL;
    }
    const bool is_last = --pool->holds == 0;
    XR_ASSERT(pthread_mutex_unlock(&pool->lock) == 0);
    if (outcome != NULL)
        free_outcome(outcome);
    if (is_last)
        free_pool(pool);
}

void xr_outcome_pool_drop(struct xr_outcome_pool *pool)
{
    if (pool != NULL)
        let_go(pool, NULL);
}

struct xr_outcome *xr_outcome_take(struct xr_outcome_pool *pool)
{
    XR_ASSERT(pthread_mutex_lock(&pool->lock) == 0);
    struct xr_outcome *outcome = pool->kept;
    if (outcome != NULL) {
        pool->kept = outcome->next;
        pool->kept_count--;
    }
    pool->holds++;
    XR_ASSERT(pthread_mutex_unlock(&pool->lock) == 0);
    if (outcome == NULL) {
        struct pooled *fresh = xr_mem_zero(1, sizeof *fresh);
        XR_ASSERT(fresh != NULL);
        fresh->pool = pool;
        outcome = &fresh->outcome;
    }
    return outcome;
}

void xr_outcome_free(struct xr_outcome *outcome)
{
    if (outcome == NULL)
        return;
    xr_effects_reset(&outcome->effects);
    outcome->next = NULL;
    outcome->batch_no = 0;
    outcome->events = 0;
    let_go(((struct pooled *)outcome)->pool, outcome);
}

static struct xr_effect *add_effect(struct xr_effects *effects)
{
    if (effects->arena == NULL)
        effects->arena = xr_arena_new(REFUSAL_SIZE);
    XR_ASSERT(effects->arena != NULL);
    if (effects->count == effects->capacity) {
        effects->capacity = effects->capacity == 0 ? 64 : effects->capacity * 2;
        effects->at = xr_mem_grow(effects->at, effects->capacity * sizeof *effects->at);
        XR_ASSERT(effects->at != NULL);
    }
    struct xr_effect *effect = &effects->at[effects->count++];
    *effect = (struct xr_effect){0};
    return effect;
}

void xr_outcome_refuse(struct xr_outcome *outcome, const struct xr_submission *refused)
{
    const struct xr_error error = {
        .code = XR_code_STORAGE,
        .text = XR_STR("no room to write"),
        .retry_ms = RETRY_MS,
    };
    struct xr_buf frame;
    xr_buf_init(&frame, REFUSAL_SIZE);
    xr_frame_encode(&frame, XR_TYPE_error, refused->counter, &error);
    XR_ASSERT(!frame.failed);
    struct xr_effect *effect = add_effect(&outcome->effects);
    effect->kind = XR_EFFECT_REPLY;
    effect->floor = refused->floor;
    effect->origin = refused->origin;
    effect->bytes = xr_arena_bin(outcome->effects.arena, frame.at, frame.size);
    XR_ASSERT(effect->bytes.at != NULL);
    xr_buf_fini(&frame);
}
