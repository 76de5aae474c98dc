/* The table of fuzz targets, made of targets.h. */
#include "fuzz.h"

#define TARGET(name) int fuzz_##name(const uint8_t *data, size_t len);
#include "targets.h"
#undef TARGET

const struct fuzz_target fuzz_targets[] = {
#define TARGET(name) {#name, fuzz_##name},
#include "targets.h"
#undef TARGET
    {NULL, NULL},
};
