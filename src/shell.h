#ifndef GC_SHELL_H
#define GC_SHELL_H

#endif
