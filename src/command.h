/* The one-shot commands: discover, check, plugins. */
#ifndef GC_COMMAND_H
#define GC_COMMAND_H

#include "config.h"

#include <stdbool.h>

/* Each prints to stdout and returns an exit code (front.h). as_json: stable for scripts. */
/* file: for its error message */
int gc_command_check(struct gc_config *config, const char *file, bool as_json);
/* name NULL: all of the configuration's instances; else that one with options as term text (may be NULL). */
int gc_command_discover(struct gc_config *config, const char *name, const char *options,
			bool as_json);
/* name NULL: all that are found. */
int gc_command_plugins(const struct gc_config *config, const char *name, bool as_json);

#endif
