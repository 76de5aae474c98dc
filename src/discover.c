#include "discover.h"
