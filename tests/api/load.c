// SPDX-License-Identifier: MIT
/*
 * load.c LIBRARY - the library can be loaded while running, used by a thread that outlives
 * the unloading, and that thread can exit
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static pthread_barrier_t used, closed;
static int (*create)(const void *opts, void **out);
static int (*destroy)(void *dom);

static void *use(void *arg)
{
	void *dom = NULL;

	*(int *)arg = create(NULL, &dom) || destroy(dom);
	pthread_barrier_wait(&used);
	pthread_barrier_wait(&closed);
	return NULL;
}

int main(int argc, char **argv)
{
	void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
	pthread_t thread;
	int bad = 1;

	if (!library) {
		fprintf(stderr, "%s\n", argc == 2 ? dlerror() : "usage: load LIBRARY");
		return 2;
	}
	*(void **)&create = dlsym(library, "dmp_iova_create");
	*(void **)&destroy = dlsym(library, "dmp_iova_destroy");
	if (!create || !destroy)
		return 2;
	pthread_barrier_init(&used, NULL, 2);
	pthread_barrier_init(&closed, NULL, 2);
	pthread_create(&thread, NULL, use, &bad);
	pthread_barrier_wait(&used);
	dlclose(library);
	pthread_barrier_wait(&closed);
	pthread_join(thread, NULL);
	return bad;
}
