// Makes writes of one program fail, for tests: loaded with LD_PRELOAD. Only files below KINORA_FAULTS_BELOW fail, and
// only while the file KINORA_FAULTS says so, which the test changes as it goes on (see e2e/tests/faults.py):
// four words of 32 bits, calls of a million that fail, the errno, a seed, and how many have failed so far.
// Reads fail with EIO where a path contains KINORA_FAULTS_UNREADABLE.
// Writing fails, syncing, changing lengths, and making, naming and removing files and folders. What does not: calls that
// ask the kernel without the C library (none of Kinora's that write), mapped memory, permissions and times; PostgreSQL,
// which is another program; and ffmpeg, whose jail has neither this library nor the file of the weather.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
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
  char path[PATH_MAX + 1];
  if (!weather || !weather->per_million) return 0;
  int before = errno;
  int found = path_of(fd, path);
  errno = before;
  // The folder itself is one of those below, too.
  return found && !strncmp(strcat(path, "/"), below, below_length) && fails();
}

static int path_fails(const char *path) {
  return weather && weather->per_million && !strncmp(path, below, below_length) && fails();
}

// Of a path that counts from an open folder.
static int at_fails(int folder, const char *path) {
  return path[0] == '/' || folder == AT_FDCWD ? path_fails(path) : fd_fails(folder);
}

// Opening fails where a file may be made.
static int makes(int flags) { return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE; }

static int read_fails(int fd) {
  char path[PATH_MAX];
  if (!unreadable) return 0;
  int before = errno;
  int found = path_of(fd, path);
  int ours = found && strstr(path, unreadable);
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
CALL(ssize_t, pwritev64, (int fd, const struct iovec *v, int n, off64_t at), (fd, v, n, at), fd_fails(fd))
CALL(ssize_t, pwritev2, (int fd, const struct iovec *v, int n, off64_t at, int f), (fd, v, n, at, f), fd_fails(fd))
CALL(ssize_t, pwritev64v2, (int fd, const struct iovec *v, int n, off64_t at, int f), (fd, v, n, at, f), fd_fails(fd))
CALL(ssize_t, sendfile, (int out, int in, off_t *at, size_t n), (out, in, at, n), fd_fails(out))
CALL(ssize_t, sendfile64, (int out, int in, off64_t *at, size_t n), (out, in, at, n), fd_fails(out))
CALL(ssize_t, splice, (int in, off64_t *i, int out, off64_t *o, size_t n, unsigned f), (in, i, out, o, n, f),
     fd_fails(out))
CALL(int, fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n), fd_fails(fd))
CALL(int, fallocate64, (int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n), fd_fails(fd))
CALL(int, rename, (const char *from, const char *to), (from, to), path_fails(to))
CALL(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), at_fails(b, to))
CALL(int, link, (const char *from, const char *to), (from, to), path_fails(to))
CALL(int, linkat, (int a, const char *from, int b, const char *to, int f), (a, from, b, to, f), at_fails(b, to))
CALL(int, unlink, (const char *path), (path), path_fails(path))
CALL(int, unlinkat, (int folder, const char *path, int f), (folder, path, f), at_fails(folder, path))
CALL(int, rmdir, (const char *path), (path), path_fails(path))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), path_fails(path))
CALL(int, mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode), at_fails(folder, path))
CALL(ssize_t, read, (int fd, void *b, size_t n), (fd, b, n), read_fails(fd))
CALL(ssize_t, pread, (int fd, void *b, size_t n, off_t at), (fd, b, n, at), read_fails(fd))
CALL(ssize_t, pread64, (int fd, void *b, size_t n, off64_t at), (fd, b, n, at), read_fails(fd))
CALL(ssize_t, copy_file_range, (int in, off64_t *i, int out, off64_t *o, size_t n, unsigned f), (in, i, out, o, n, f),
     read_fails(in) || fd_fails(out))

// The mode is there only where a file may be made.
#define OPEN(name, parameters, arguments, condition) \
  int name parameters { \
    REAL(name); \
    mode_t mode = 0; \
    if (makes(flags)) { \
      va_list rest; \
      va_start(rest, flags); \
      mode = va_arg(rest, mode_t); \
      va_end(rest); \
    } \
    return makes(flags) && (condition) ? -1 : real arguments; \
  }

OPEN(open, (const char *path, int flags, ...), (path, flags, mode), path_fails(path))
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), path_fails(path))
OPEN(openat, (int folder, const char *path, int flags, ...), (folder, path, flags, mode), at_fails(folder, path))
OPEN(openat64, (int folder, const char *path, int flags, ...), (folder, path, flags, mode), at_fails(folder, path))
