/* SPDX-License-Identifier: MIT */
/*
 * base_tree.h - libbsd's red-black tree under one line of ours
 *
 * BASE_TREE_GENERATE(name, type, field, cmp) makes static functions for a tree declared
 * with RB_HEAD(name, type); RB_INSERT, RB_FIND, RB_NEXT and so on then work as tree(3)
 * says.  RB_GENERATE_STATIC does not compile here (it uses a BSD attribute).
 *
 * An augmented tree defines RB_AUGMENT before it includes this header: one such tree per
 * source file.
 */
#ifndef DMAPOOL_BASE_TREE_H
#define DMAPOOL_BASE_TREE_H

#include <bsd/sys/tree.h>

#define BASE_TREE_ATTR static __attribute__((unused))

#define BASE_TREE_GENERATE(name, type, field, cmp)                                                 \
	RB_PROTOTYPE_INTERNAL(name, type, field, cmp, BASE_TREE_ATTR)                              \
	RB_GENERATE_INTERNAL(name, type, field, cmp, BASE_TREE_ATTR)

#endif
