#include "node_priv.h"
