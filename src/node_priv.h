#include "node.h"
#ifndef GC_NODE_PRIV_H
#define GC_NODE_PRIV_H

#endif
