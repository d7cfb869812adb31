#include "abi.h"
void test_oom(void) {}
