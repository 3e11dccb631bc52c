/* A disk that a power cut can be played on: what was not synced is forgotten.
 *
 * Loaded before a program with LD_PRELOAD. Whenever the program syncs something below POWER_FOLDER, and the real
 * sync has succeeded, what is durable from now on is written down below POWER_ASIDE:
 *
 *   fsync, fdatasync of a file    content/INO-BIRTH   its bytes at this moment
 *   fsync of a folder             names/INO-BIRTH     its entries at this moment: kind, id, name
 *
 * The test plays the power cut: it kills the program and rebuilds the folder from these alone. So, as POSIX
 * allows and stricter than most file systems are: a name that was made, renamed or removed counts once its folder
 * was synced, a content once its file was; a file whose name is durable and whose content never was is empty.
 *
 * Not modelled: a sync that fails, sectors torn in two, writes that reach the disk unasked, and mapped memory
 * (SQLite maps only -shm, which it never syncs and makes anew). Of a file that is written to while it is being
 * synced, the copy may hold some of that, as a disk might.
 *
 * A file DISK_LIES below POWER_ASIDE makes the disk forget silently: nothing more is written down.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A file's inode number alone is given to another file once it is free; with its birth it is one file's. */
static int identify(int folder, const char *name, struct statx *found, char *id, size_t size)
{
    int flags = AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH);
    if (statx(folder, name, flags, STATX_TYPE | STATX_INO | STATX_BTIME, found) != 0)
        return -1;
    snprintf(id, size, "%llu-%lld.%09u", (unsigned long long)found->stx_ino,
             (long long)found->stx_btime.tv_sec, found->stx_btime.tv_nsec);
    return 0;
}

static int is_below(int fd, char *path)
{
    const char *folder = getenv("POWER_FOLDER");
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (folder == NULL || length < 0)
        return 0;
    path[length] = 0;
    size_t part = strlen(folder);
    return strncmp(path, folder, part) == 0 && (path[part] == '/' || path[part] == 0);
}

/* Writes beside and renames, so that a program killed in the middle leaves what was written down before. */
static void replace(const char *kind, const char *id, int (*fill)(FILE *, int), int fd)
{
    const char *aside = getenv("POWER_ASIDE");
    char lies[PATH_MAX], beside[PATH_MAX + 64], final[PATH_MAX + 64];
    if (aside == NULL)
        return;
    snprintf(lies, sizeof lies, "%s/DISK_LIES", aside);
    if (access(lies, F_OK) == 0)
        return;
    snprintf(final, sizeof final, "%s/%s/%s", aside, kind, id);
    snprintf(beside, sizeof beside, "%s/new-%d-%ld", aside, getpid(), (long)syscall(SYS_gettid));
    FILE *file = fopen(beside, "we");
    if (file == NULL || fill(file, fd) != 0 || fclose(file) != 0 || rename(beside, final) != 0) {
        fprintf(stderr, "power.c: cannot write down %s/%s: %s\n", kind, id, strerror(errno));
        abort();
    }
}

/* Another descriptor of the same file, when this one cannot be read from. Not otherwise: closing it would end every
 * lock that the program holds on the file, and SQLite holds some. */
static int open_again(int fd, int flags)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return open(link, flags | O_RDONLY | O_CLOEXEC);
}

static int fill_content(FILE *file, int fd)
{
    int readable = (fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY;
    int from = readable ? fd : open_again(fd, 0);
    off_t offset = 0;
    ssize_t copied = from < 0 ? -1 : 1;
    while (copied > 0)
        copied = sendfile(fileno(file), from, &offset, 1 << 24);
    if (!readable && from >= 0)
        close(from);
    return copied < 0 ? -1 : 0;
}

static int fill_names(FILE *file, int fd)
{
    int again = open_again(fd, O_DIRECTORY);
    DIR *folder = again < 0 ? NULL : fdopendir(again);
    if (folder == NULL)
        return -1;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct statx found;
        char id[96];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        /* What has gone meanwhile is no entry any more. */
        if (identify(dirfd(folder), entry->d_name, &found, id, sizeof id) != 0)
            continue;
        fprintf(file, "%c %s %s\n", S_ISDIR(found.stx_mode) ? 'd' : 'f', id, entry->d_name);
    }
    closedir(folder);
    return ferror(file);
}

static int remember(int fd, int synced)
{
    int error = errno;
    char path[PATH_MAX], id[96];
    struct statx found;
    if (synced == 0 && is_below(fd, path) && identify(fd, "", &found, id, sizeof id) == 0) {
        if (S_ISREG(found.stx_mode))
            replace("content", id, fill_content, fd);
        else if (S_ISDIR(found.stx_mode))
            replace("names", id, fill_names, fd);
    }
    errno = error;
    return synced;
}

int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return remember(fd, real(fd));
}

int fdatasync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return remember(fd, real(fd));
}
