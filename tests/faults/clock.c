/* Preloaded, it makes the wall clock of a process wrong by FAULTS_CLOCK seconds; other clocks stay right.
   With FAULTS_CLOCK_FILE, by the number of seconds that this file holds now (64 bits), which may change at any time.
   The kernel's own clock is right, so times until which somebody waits are put right before it gets them: a deadline
   of a clock that is behind would be over at once, and loops that wait would take all processors. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define YEAR_2001 1000000000 /* later times are those of a wall clock, earlier ones of a clock that counts from boot */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const volatile int64_t *shared;
static int64_t constant;
static __typeof__(&clock_gettime) real_gettime; /* asks no kernel, as Ray does thousands of times a second */
static __typeof__(&syscall) real_syscall;

static int64_t wrong(void) { return shared ? *shared : constant; }

__attribute__((constructor)) static void begin(void) {
    const char *seconds = getenv("FAULTS_CLOCK"), *name = getenv("FAULTS_CLOCK_FILE");
    constant = seconds ? atol(seconds) : 0;
    if (!name) return;
    int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0) abort(); /* a process whose clock is right by mistake would prove nothing */
    void *memory = mmap(NULL, sizeof *shared, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED) abort();
    shared = memory;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (!real_gettime) real_gettime = NEXT(clock_gettime);
    int result = real_gettime(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += wrong();
    return result;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

/* A deadline as the kernel's clock sees it. */
static const struct timespec *right(const struct timespec *deadline, struct timespec *place) {
    if (!deadline || deadline->tv_sec < YEAR_2001) return deadline;
    *place = *deadline;
    place->tv_sec -= wrong();
    return place;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline) {
    struct timespec place;
    return NEXT(pthread_cond_timedwait)(condition, mutex, right(deadline, &place));
}

int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                           const struct timespec *deadline) {
    struct timespec place;
    return NEXT(pthread_cond_clockwait)(condition, mutex, clock, right(deadline, &place));
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *deadline) {
    struct timespec place;
    return NEXT(pthread_mutex_timedlock)(mutex, right(deadline, &place));
}

int sem_timedwait(sem_t *semaphore, const struct timespec *deadline) {
    struct timespec place;
    return NEXT(sem_timedwait)(semaphore, right(deadline, &place));
}

int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *deadline) {
    struct timespec place;
    return NEXT(sem_clockwait)(semaphore, clock, right(deadline, &place));
}

/* Abseil, and with it gRPC and Ray, wait by futex. */
long syscall(long number, ...) {
    long given[6];
    struct timespec place;
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) given[i] = va_arg(list, long);
    va_end(list);
    if (!real_syscall) real_syscall = NEXT(syscall);
    if (number == SYS_futex && given[1] & FUTEX_CLOCK_REALTIME)
        given[3] = (long)right((const struct timespec *)given[3], &place);
    return real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}
