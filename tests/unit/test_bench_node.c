// SPDX-License-Identifier: MIT
#include "dmptest.h"
int main(void) { return 0; }
