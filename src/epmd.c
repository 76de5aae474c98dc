#include "epmd.h"
