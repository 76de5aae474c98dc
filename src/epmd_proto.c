#include "epmd_proto.h"
