/* html.h - text into HTML, and numbers as people read them. */
#ifndef SYNCBED_HARNESS_REPORT_HTML_H
#define SYNCBED_HARNESS_REPORT_HTML_H

#include "base/buf.h"

/* `text` with & < > and " made harmless: good for content and for quoted attributes. */
void html_text(struct buf *out, const char *text);

/* Three significant digits and a unit: "0.42 ms", "17 ms", "2.31 s". */
void html_ms(struct buf *out, double ms);

/* "12,345" */
void html_count(struct buf *out, long long n);

/* `text` with what is not [a-z0-9] made '-': for ids. */
void html_id(struct buf *out, const char *text);

#endif
