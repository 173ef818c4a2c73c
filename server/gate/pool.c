/* One mutex, one queue in, one queue out; the loop is woken when something is in the latter. */
#include "gate/pool.h"

#define XR_POOL_THREADS_MAX 16

struct queue {
    struct xr_job *first;
    struct xr_job **end;
    uint32_t count;
};

struct xr_pool {
    uv_async_t async;
    uv_mutex_t mutex;
    uv_cond_t work_here;
    struct queue waiting;
    struct queue finished;
    uint32_t queue_max;
    bool is_stopping;
    uint32_t thread_count;
    uv_thread_t threads[XR_POOL_THREADS_MAX];
};

static void push(struct queue *queue, struct xr_job *job)
{
    job->next = NULL;
    *queue->end = job;
    queue->end = &job->next;
    queue->count++;
}

static struct xr_job *pop(struct queue *queue)
{
    struct xr_job *job = queue->first;
    if (!job)
        return NULL;
    queue->first = job->next;
    if (!queue->first)
        queue->end = &queue->first;
    queue->count--;
    return job;
}

static void run_thread(void *context)
{
    struct xr_pool *pool = context;
    uv_mutex_lock(&pool->mutex);
    for (;;) {
        while (!pool->waiting.first && !pool->is_stopping)
            uv_cond_wait(&pool->work_here, &pool->mutex);
        if (pool->is_stopping)
            break;
        struct xr_job *job = pop(&pool->waiting);
        XR_ASSERT(job != NULL);
        uv_mutex_unlock(&pool->mutex);
        job->work(job);
        uv_mutex_lock(&pool->mutex);
        push(&pool->finished, job);
        uv_async_send(&pool->async);
    }
    uv_mutex_unlock(&pool->mutex);
}

static struct xr_job *take_finished(struct xr_pool *pool)
{
    uv_mutex_lock(&pool->mutex);
    struct xr_job *job = pop(&pool->finished);
    uv_mutex_unlock(&pool->mutex);
    return job;
}

static void on_finished(uv_async_t *async)
{
    struct xr_pool *pool = async->data;
    for (struct xr_job *job; (job = take_finished(pool));)
        job->done(job);
}

static void on_closed(uv_handle_t *handle)
{
    struct xr_pool *pool = handle->data;
    uv_cond_destroy(&pool->work_here);
    uv_mutex_destroy(&pool->mutex);
    xr_mem_free(pool);
}

static bool start_threads(struct xr_pool *pool, uint32_t threads)
{
    while (pool->thread_count < threads) {
        if (uv_thread_create(&pool->threads[pool->thread_count], run_thread, pool))
            return false;
        pool->thread_count++;
    }
    return true;
}

enum xr_status xr_pool_start(uv_loop_t *loop, uint32_t threads, uint32_t queue_max,
                             struct xr_pool **out)
{
    XR_ASSERT(threads >= 1);
    struct xr_pool *pool = xr_mem_zero(1, sizeof(*pool));
    if (!pool)
        return XR_NOMEM;
    pool->queue_max = queue_max;
    pool->waiting.end = &pool->waiting.first;
    pool->finished.end = &pool->finished.first;
    if (uv_mutex_init(&pool->mutex)) {
        xr_mem_free(pool);
        return XR_IO;
    }
    if (uv_cond_init(&pool->work_here)) {
        uv_mutex_destroy(&pool->mutex);
        xr_mem_free(pool);
        return XR_IO;
    }
    pool->async.data = pool;
    if (uv_async_init(loop, &pool->async, on_finished)) {
        uv_cond_destroy(&pool->work_here);
        uv_mutex_destroy(&pool->mutex);
        xr_mem_free(pool);
        return XR_IO;
    }
    if (!start_threads(pool, threads < XR_POOL_THREADS_MAX ? threads : XR_POOL_THREADS_MAX)) {
        xr_pool_stop(pool);
        return XR_IO;
    }
    *out = pool;
    return XR_OK;
}

enum xr_status xr_pool_submit(struct xr_pool *pool, struct xr_job *take)
{
    enum xr_status status = XR_BUSY;
    uv_mutex_lock(&pool->mutex);
    if (pool->waiting.count < pool->queue_max && !pool->is_stopping) {
        take->is_dropped = false;
        push(&pool->waiting, take);
        uv_cond_signal(&pool->work_here);
        status = XR_OK;
    }
    uv_mutex_unlock(&pool->mutex);
    return status;
}

void xr_pool_stop(struct xr_pool *pool)
{
    if (!pool)
        return;
    uv_mutex_lock(&pool->mutex);
    pool->is_stopping = true;
    uv_cond_broadcast(&pool->work_here);
    uv_mutex_unlock(&pool->mutex);
    for (uint32_t i = 0; i < pool->thread_count; i++)
        uv_thread_join(&pool->threads[i]);
    on_finished(&pool->async);
    for (struct xr_job *job; (job = pop(&pool->waiting));) {
        job->is_dropped = true;
        job->done(job);
    }
    uv_close((uv_handle_t *)&pool->async, on_closed);
}
