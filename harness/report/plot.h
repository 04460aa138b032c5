/*
 * plot.h - figures by gnuplot, as SVG that can stand inside a page.
 *
 * gnuplot's SVG is made for a file of its own: its ids repeat from figure to figure and its black
 * is black in a dark page too. What comes out here has unique ids, `currentColor` where it was
 * black, CSS variables where it was a colour of the palette, and scales with its column.
 */
#ifndef SYNCBED_HARNESS_REPORT_PLOT_H
#define SYNCBED_HARNESS_REPORT_PLOT_H

#include "base/buf.h"
#include "base/error.h"

/*
 * Run gnuplot on `script` (which must not set terminal or output) and append the figure to `out`.
 * `id` is unique in the page, [a-z0-9-]; `title` is what a screen reader says. Width and height are
 * the figure's own units; it scales. -ENOENT: no gnuplot; -EIO with gnuplot's words.
 *
 * Colours of the palette, to be used in scripts: see PLOT_COLOURS in plot.c, e.g. "#c0ffe1".
 */
__attribute__((warn_unused_result)) int plot_svg(struct buf *out, const char *id, const char *title,
                                                 unsigned width, unsigned height,
                                                 const char *script, struct errctx *err);

/*
 * Stand-ins that plot_svg() replaces by the page's CSS variables, so that one figure is right in
 * light and dark: --c-dual, --c-xa, --c-log, --c-null, --c-bad, --c-fault, --c-grid.
 */
#define PLOT_DUAL  "#010101"
#define PLOT_XA    "#020202"
#define PLOT_LOG   "#030303"
#define PLOT_OTHER "#040404"
#define PLOT_BAD   "#050505"
#define PLOT_FAULT "#060606"
#define PLOT_GRID  "#070707"

/* The stand-in for an approach's colour. */
const char *plot_colour(const char *approach);

#endif
