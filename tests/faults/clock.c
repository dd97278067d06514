/* Preloaded, it makes the wall clock of a process wrong by FAULTS_CLOCK seconds; other clocks stay right.
   With FAULTS_CLOCK_FILE, by the number of seconds that this file holds now (64 bits), which may change at any time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shared;
static int64_t constant;
static int (*real)(clockid_t, struct timespec *); /* asks no kernel, as Ray does thousands of times a second */

__attribute__((constructor)) static void begin(void) {
    real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
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
    long result = real ? real(clock, now) : syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += shared ? *shared : constant;
    return (int)result;
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
