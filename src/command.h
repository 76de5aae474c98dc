#ifndef GC_COMMAND_H
#define GC_COMMAND_H

#endif
