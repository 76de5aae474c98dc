#include "dist.h"
