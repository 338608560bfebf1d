/* Loaded before the daemon (LD_PRELOAD): its disk fails, or its wall clock lies, when and how the test says.
 *
 * The test and the daemon share a small file, FAULTS_FILE, of 64-bit fields (see `faults.rs`). Only files whose path holds
 * the text in it are concerned. Monotonic time stays true. FAULTS_MACHINE names the machine that the daemon is on: copies of
 * one log on different machines know nothing of each other. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { NOTHING, SYNC_FAILS, WRITE_FAILS, WRITE_IS_CUT, KILL_BEFORE_SYNC, KILL_AFTER_SYNC, OPEN_FAILS };

struct faults {
    int64_t clock_seconds; /* added to the wall clock */
    int64_t what;          /* one of the above */
    int64_t error;         /* errno */
    int64_t after;         /* so many calls are let through first */
    int64_t happened;      /* how often it did */
    char path[64];         /* part of the path of the file */
};

static volatile struct faults *faults;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS_FILE");
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0) return;
    void *shared = mmap(0, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (shared != MAP_FAILED) faults = shared;
    close(file);
}

/* Whether the fault `what` is to happen now to the file of this path. */
static int happens_to(int64_t what, const char *path) {
    if (!faults || faults->what != what) return 0;
    if (!strstr(path, (const char *)faults->path)) return 0;
    if (__atomic_fetch_sub(&faults->after, 1, __ATOMIC_SEQ_CST) > 0) return 0;
    __atomic_fetch_add(&faults->happened, 1, __ATOMIC_SEQ_CST);
    return 1;
}

static int happens(int64_t what, int file) {
    if (!faults || faults->what != what) return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return happens_to(what, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define SYNC(name)                                                  \
    int name(int file) {                                            \
        if (happens(KILL_BEFORE_SYNC, file)) kill(getpid(), SIGKILL); \
        if (happens(SYNC_FAILS, file)) return errno = faults->error, -1; \
        int done = REAL(name)(file);                                \
        if (happens(KILL_AFTER_SYNC, file)) kill(getpid(), SIGKILL);  \
        return done;                                                \
    }
SYNC(fsync)
SYNC(fdatasync)

/* A write that is cut: half of it is done, the next one fails. */
#define WRITES(file, length)                                              \
    if (happens(WRITE_FAILS, file)) return errno = faults->error, -1;     \
    if (length > 1 && happens(WRITE_IS_CUT, file)) length /= 2, faults->what = WRITE_FAILS;

ssize_t write(int file, const void *bytes, size_t length) {
    WRITES(file, length)
    return REAL(write)(file, bytes, length);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
    WRITES(file, length)
    return REAL(pwrite64)(file, bytes, length, at);
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t at) {
    WRITES(file, length)
    return REAL(pwrite64)(file, bytes, length, at);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    if (happens(WRITE_FAILS, file)) return errno = faults->error, -1;
    return REAL(writev)(file, parts, count);
}

/* Opening for writing. */
int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && happens_to(OPEN_FAILS, path)) return errno = faults->error, -1;
    return REAL(open64)(path, flags, mode);
}

/* The name of a log, held in the abstract namespace, is another one on each machine. */
int bind(int socket, const struct sockaddr *address, socklen_t length) {
    static const char name[] = "\0chancery/log/";
    const size_t start = offsetof(struct sockaddr_un, sun_path);
    const char *machine = getenv("FAULTS_MACHINE");
    struct sockaddr_un other;
    if (machine && address->sa_family == AF_UNIX && length >= start + sizeof name - 1 &&
        memcmp((const char *)address + start, name, sizeof name - 1) == 0 && length + strlen(machine) <= sizeof other) {
        memcpy(&other, address, length);
        memcpy((char *)&other + length, machine, strlen(machine));
        return REAL(bind)(socket, (struct sockaddr *)&other, length + strlen(machine));
    }
    return REAL(bind)(socket, address, length);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int done = REAL(clock_gettime)(clock, time);
    if (done == 0 && faults && clock == CLOCK_REALTIME) time->tv_sec += faults->clock_seconds;
    return done;
}
