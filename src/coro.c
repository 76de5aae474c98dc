#include "coro.h"
