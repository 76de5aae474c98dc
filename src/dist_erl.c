#include "builtin.h"
