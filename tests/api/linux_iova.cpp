// SPDX-License-Identifier: MIT
/*
 * linux_iova.cpp - dmapool/linux/iova.h from C++17: the same program
 */
#include "linux_iova.c"
