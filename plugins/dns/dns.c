#include <gen_cluster/gc_plugin.h>
