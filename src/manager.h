/* The service manager that has started us, if it wants to hear from us (systemd, Type=notify;
 * sd_notify(3)): that we are ready, what we do, that the loop turns. Datagrams to the socket in
 * NOTIFY_SOCKET; without it nothing is done. One state per process, as the log; loop thread only.
 */
#ifndef GC_MANAGER_H
#define GC_MANAGER_H

#include <uv.h>

/* Takes its words out of the environment, so that no child speaks for us. Until gc_manager_ready,
 * the manager is told that we are still about to start; with WATCHDOG_USEC, that we live, twice in
 * that time. */
void gc_manager_open(uv_loop_t *loop);
/* Others can find us. Counts once. */
void gc_manager_ready(void);
/* One line for people, shown by `systemctl status`; sent when it has changed. */
void gc_manager_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Around a reload. why: NULL, or why the old configuration stays. */
void gc_manager_reloading(void);
void gc_manager_reloaded(const char *why);
void gc_manager_stopping(const char *why);
/* Closes the handle; what is told afterwards goes nowhere. */
void gc_manager_close(void);

#endif
