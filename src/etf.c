#include "etf.h"
