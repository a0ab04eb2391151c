// SPDX-License-Identifier: MIT
/*
 * bench_child.c - the same measured by another program
 *
 *   dmapool ---- pair-shared time ...                      one line of figures
 *          \---- valgrind callgrind pair-shared count ...  "Collected : N", twice
 *
 * The helper programs lie beside the command.  Instructions are counted for two numbers of
 * rounds; the difference has neither start-up nor warm-up in it.
 */
#include "bench_child.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT_FEW   2000u /* rounds of a batch of one; others do as many pairs */
#define COUNT_MANY  12000u
#define ANSWER_SIZE 8192u

extern char **environ;

static const char *const names[] = {
	[BENCH_CHILD_SHARED] = "pair-shared",
	[BENCH_CHILD_STATIC] = "pair-static",
	[BENCH_CHILD_GLIBC] = "pair-glibc",
	[BENCH_CHILD_JEMALLOC] = "pair-jemalloc",
};

/* The helper's path in @path, of PATH_MAX bytes. */
static int find(enum bench_child child, char *path)
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (len < 0)
		return -errno;
	path[len] = '\0';
	slash = strrchr(path, '/');
	if (slash + 1 + strlen(names[child]) >= path + PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(slash + 1, names[child]);
	return access(path, X_OK) ? -ENOENT : 0;
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

int bench_child_measure(enum bench_child child, const struct bench_plan *plan, unsigned batch,
			struct bench_pair *pair)
{
	char path[PATH_MAX], count[16], samples[16], ns[24];
	const char *argv[] = {path, "time", count, samples, ns, NULL};
	char answer[ANSWER_SIZE];
	int err = find(child, path);

	snprintf(count, sizeof(count), "%u", batch);
	snprintf(samples, sizeof(samples), "%u", plan->samples);
	snprintf(ns, sizeof(ns), "%llu", (unsigned long long)plan->sample_ns);
	if (!err)
		err = run(argv, answer);
	if (!err && sscanf(answer, "%lf %lf %lf", &pair->ours, &pair->floor, &pair->ratio) != 3)
		err = -EIO;
	return err;
}

static int collected(const char *path, const char *what, unsigned batch, unsigned pairs,
		     double *instructions)
{
	char count[16], rounds[16];
	const char *argv[] = {"valgrind",
			      "--tool=callgrind",
			      "--callgrind-out-file=/dev/null",
			      path,
			      "count",
			      count,
			      rounds,
			      what,
			      NULL};
	char answer[ANSWER_SIZE];
	const char *found;
	int err;

	snprintf(count, sizeof(count), "%u", batch);
	snprintf(rounds, sizeof(rounds), "%u", (pairs + batch - 1) / batch);
	err = run(argv, answer);
	found = err ? NULL : strstr(answer, "Collected : ");
	if (!err && (!found || sscanf(found, "Collected : %lf", instructions) != 1))
		err = -EIO;
	return err;
}

int bench_child_count(enum bench_child child, bool floor, unsigned batch, double *instructions)
{
	/* A round is done twice, to warm up and as the sample. */
	unsigned few = (COUNT_FEW + batch - 1) / batch, many = (COUNT_MANY + batch - 1) / batch;
	const char *what = floor ? "floor" : "ours";
	double before = 0, after = 0;
	char path[PATH_MAX];
	int err = find(child, path);

	if (!err)
		err = collected(path, what, batch, COUNT_FEW, &before);
	if (!err)
		err = collected(path, what, batch, COUNT_MANY, &after);
	if (!err)
		*instructions = (after - before) / (2.0 * (many - few) * batch);
	return err;
}
