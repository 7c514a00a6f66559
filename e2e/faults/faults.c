// Makes writes of one program fail, for tests: loaded with LD_PRELOAD. Only files below KINORA_FAULTS_BELOW fail, and
// only while the file KINORA_FAULTS says so, which the test changes as it goes on (see e2e/tests/faults.py):
// four words of 32 bits, calls of a million that fail, the errno, a seed, and how many have failed so far.
// Reads fail with EIO where a path ends with KINORA_FAULTS_UNREADABLE.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct weather {
  _Atomic uint32_t per_million, error, seed, failed;
};

static struct weather *weather;
static const char *below, *unreadable;
static size_t below_length;
static _Atomic uint64_t calls;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("KINORA_FAULTS");
  below = getenv("KINORA_FAULTS_BELOW");
  below_length = below ? strlen(below) : 0;
  unreadable = getenv("KINORA_FAULTS_UNREADABLE");
  int file = path && below ? open(path, O_RDWR | O_CLOEXEC) : -1;
  // Where there is no such file (a jailed child), nothing fails.
  if (file < 0) return;
  void *found = mmap(NULL, sizeof *weather, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (found != MAP_FAILED) weather = found;
}

// SplitMix64: which call fails depends on the seed and on its place among the calls.
static int struck(void) {
  uint64_t z = ((uint64_t)weather->seed << 32) + 0x9e3779b97f4a7c15ULL * (1 + atomic_fetch_add(&calls, 1));
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return (z ^ (z >> 31)) % 1000000 < weather->per_million;
}

static int fails(void) {
  if (!struck()) return 0;
  atomic_fetch_add(&weather->failed, 1);
  errno = weather->error;
  return 1;
}

static int path_of(int fd, char path[PATH_MAX]) {
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return 1;
}

static int fd_fails(int fd) {
  char path[PATH_MAX];
  if (!weather || !weather->per_million) return 0;
  int before = errno;
  int ours = path_of(fd, path) && !strncmp(path, below, below_length);
  errno = before;
  return ours && fails();
}

static int path_fails(const char *path) {
  return weather && weather->per_million && !strncmp(path, below, below_length) && fails();
}

static int read_fails(int fd) {
  char path[PATH_MAX];
  if (!unreadable) return 0;
  int before = errno;
  int found = path_of(fd, path);
  size_t length = found ? strlen(path) : 0, end = strlen(unreadable);
  int ours = found && length >= end && !strcmp(path + length - end, unreadable);
  errno = ours ? EIO : before;
  return ours;
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define CALL(type, name, parameters, arguments, condition) \
  type name parameters { \
    REAL(name); \
    return (condition) ? -1 : real arguments; \
  }

CALL(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n), fd_fails(fd))
CALL(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), fd_fails(fd))
CALL(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t at), (fd, b, n, at), fd_fails(fd))
CALL(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t at), (fd, b, n, at), fd_fails(fd))
CALL(ssize_t, pwritev, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at), fd_fails(fd))
CALL(int, fsync, (int fd), (fd), fd_fails(fd))
CALL(int, fdatasync, (int fd), (fd), fd_fails(fd))
CALL(int, ftruncate, (int fd, off_t n), (fd, n), fd_fails(fd))
CALL(int, ftruncate64, (int fd, off64_t n), (fd, n), fd_fails(fd))
CALL(int, rename, (const char *from, const char *to), (from, to), path_fails(to))
CALL(ssize_t, read, (int fd, void *b, size_t n), (fd, b, n), read_fails(fd))
CALL(ssize_t, pread, (int fd, void *b, size_t n, off_t at), (fd, b, n, at), read_fails(fd))
CALL(ssize_t, pread64, (int fd, void *b, size_t n, off64_t at), (fd, b, n, at), read_fails(fd))
CALL(ssize_t, copy_file_range, (int in, off64_t *i, int out, off64_t *o, size_t n, unsigned f), (in, i, out, o, n, f),
     read_fails(in) || fd_fails(out))
