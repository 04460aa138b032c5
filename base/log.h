/*
 * log.h - one line a message on standard error, for processes; libraries return errors instead.
 * The line starts with monotonic seconds, so that it can be laid beside a history.
 */
#ifndef SYNCBED_BASE_LOG_H
#define SYNCBED_BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO };

__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *fmt, ...);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)

#endif
