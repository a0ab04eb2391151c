// SPDX-License-Identifier: MIT
/*
 * bench_child.c - the same measured by another program
 *
 *   dmapool ---- pair-shared time ...              one line of figures
 *          \---- icount.sh pair-shared ours ...    one number, by valgrind's callgrind
 *
 * The helper programs and the script lie beside the command.
 *
 * Locking: none; one thread asks.
 */
#include "bench_child.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_SIZE 8192u

extern char **environ;

static const char *const names[] = {
	[BENCH_CHILD_SHARED] = "pair-shared",
	[BENCH_CHILD_STATIC] = "pair-static",
	[BENCH_CHILD_GLIBC] = "pair-glibc",
	[BENCH_CHILD_JEMALLOC] = "pair-jemalloc",
	[BENCH_CHILD_BOUNCE_EMPTY] = "pair-bounce-empty",
	[BENCH_CHILD_BOUNCE_FULL] = "pair-bounce-full",
	[BENCH_CHILD_COPY_GLIBC] = "pair-copy-glibc",
	[BENCH_CHILD_COPY_JEMALLOC] = "pair-copy-jemalloc",
};

static const char *where;

void bench_child_look_in(const char *dir)
{
	where = dir;
}

/* The directory of this program in @path, of PATH_MAX bytes. */
static int find_self(char *path)
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (len < 0)
		return -errno;
	path[len] = '\0';
	*strrchr(path, '/') = '\0';
	return 0;
}

/* The path of helper @name in @path, of PATH_MAX bytes. */
static int find(const char *name, char *path)
{
	char dir[PATH_MAX];
	int err = where ? 0 : find_self(dir);

	if (err)
		return err;
	if (snprintf(path, PATH_MAX, "%s/%s", where ? where : dir, name) >= PATH_MAX)
		return -ENAMETOOLONG;
	return access(path, F_OK) ? -ENOENT : 0;
}

/* All that comes from @fd, cut to ANSWER_SIZE. */
static void read_all(int fd, char *answer)
{
	char rest[256];
	size_t len = 0;
	ssize_t got;

	do {
		bool full = len == ANSWER_SIZE - 1;

		got = full ? read(fd, rest, sizeof(rest))
			   : read(fd, answer + len, ANSWER_SIZE - 1 - len);
		len += got > 0 && !full ? (size_t)got : 0;
	} while (got > 0);
	answer[len] = '\0';
}

/* Runs @argv and keeps what it writes to both outputs. */
static int run(const char *const *argv, char *answer)
{
	posix_spawn_file_actions_t actions;
	int ends[2], status, err;
	pid_t pid;

	if (pipe(ends))
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
	posix_spawn_file_actions_addclose(&actions, ends[0]);
	err = -posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (!err) {
		read_all(ends[0], answer);
		if (waitpid(pid, &status, 0) < 0 || status != 0)
			err = -EIO;
	}
	close(ends[0]);
	return err;
}

const char *bench_child_reason(int err)
{
	return err == -ENOENT ? "no helper program beside this one: run ninja without a target"
			      : "the helper program failed: see what bench/icount.sh says";
}

int bench_child_measure(enum bench_child child, const struct bench_plan *plan, unsigned n,
			unsigned nthreads, struct bench_pair *pair)
{
	char path[PATH_MAX], number[16], samples[16], ns[24], threads[16];
	const char *argv[] = {path, "time", number, samples, ns, threads, NULL};
	char answer[ANSWER_SIZE];
	int err = find(names[child], path);

	snprintf(number, sizeof(number), "%u", n);
	snprintf(threads, sizeof(threads), "%u", nthreads);
	snprintf(samples, sizeof(samples), "%u", plan->samples);
	snprintf(ns, sizeof(ns), "%llu", (unsigned long long)plan->sample_ns);
	if (!err)
		err = run(argv, answer);
	if (!err && sscanf(answer, "%lf %lf %lf %lf %lf", &pair->ours, &pair->floor, &pair->ratio,
			   &pair->lost, &pair->wall) != 5)
		err = -EIO;
	return err;
}

int bench_child_count(enum bench_child child, bool floor, unsigned batch, double *instructions)
{
	char script[PATH_MAX], path[PATH_MAX], count[16];
	const char *argv[] = {"sh", script, path, floor ? "floor" : "ours", count, NULL};
	char answer[ANSWER_SIZE];
	double found;
	int err = find("icount.sh", script);

	snprintf(count, sizeof(count), "%u", batch);
	if (!err)
		err = find(names[child], path);
	if (!err)
		err = run(argv, answer);
	if (!err && sscanf(answer, "%lf", &found) != 1)
		err = -EIO;
	if (!err)
		*instructions = found;
	return err;
}
