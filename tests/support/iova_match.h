/* SPDX-License-Identifier: MIT */
/*
 * iova_match.h - a script run on the library and on the model, answer by answer
 *
 * After every operation the policy's state is compared too, now and then all ranges, magazines
 * and depots, and everything is walked.  What is compared are texts, in the words of the vectors.
 */
#ifndef DMAPOOL_TEST_IOVA_MATCH_H
#define DMAPOOL_TEST_IOVA_MATCH_H

#include "iova_script.h"
#include "model_iova.h"

#define IOVA_MATCH_CPUS 3u

/* One policy behind one kind of cache. */
struct iova_setting {
	const char *name;
	struct dmp_iova_opts opts;
	enum model_iova_kind kind;
	uint64_t sure_last; /* of MODEL_ANY */
};

/* An iova_script_run: @ctx is a struct iova_setting. */
unsigned iova_match_run(void *ctx, struct iova_script *script);

#endif
